/**
 * Models of OpenAI's Responses API for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as OpenAiResponses from "../openai/OpenAiResponses.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * Models of OpenAI's Responses API: `OpenAiResponsesLanguageModel.model("gpt-5-mini")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const OpenAiResponsesLanguageModel = AiLanguageModel.of(OpenAiResponses.OpenAiResponses, "openai")
