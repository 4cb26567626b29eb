/**
 * Models of the Responses API at Azure for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as AzureResponses from "../azure/AzureResponses.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * Models of the Responses API at Azure: `AzureResponsesLanguageModel.model("my-deployment")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const AzureResponsesLanguageModel = AiLanguageModel.of(AzureResponses.AzureResponses, "azure")
