/**
 * Models of Azure AI's model inference for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as AzureInference from "../azure/AzureInference.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Azure AI's model inference: `AzureInferenceLanguageModel.model("DeepSeek-R1")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const AzureInferenceLanguageModel = EffectAi.of(AzureInference.AzureInference, "azure")
