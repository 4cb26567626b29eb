/**
 * Models of OpenAI's Responses API for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as OpenAiResponses from "../openai/OpenAiResponses.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of OpenAI's Responses API: `OpenAiResponsesLanguageModel.model("gpt-5-mini")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const OpenAiResponsesLanguageModel = EffectAi.of(OpenAiResponses.OpenAiResponses, "openai")
