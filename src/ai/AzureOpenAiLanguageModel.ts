/**
 * Models of Azure OpenAI for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as AzureOpenAi from "../azure/AzureOpenAi.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Azure OpenAI: `AzureOpenAiLanguageModel.model("my-deployment")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const AzureOpenAiLanguageModel = EffectAi.of(AzureOpenAi.AzureOpenAi, "azure")
