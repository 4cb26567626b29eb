/**
 * Models of the Responses API at Azure for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as AzureResponses from "../azure/AzureResponses.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of the Responses API at Azure: `AzureResponsesLanguageModel.model("my-deployment")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const AzureResponsesLanguageModel = EffectAi.of(AzureResponses.AzureResponses, "azure")
