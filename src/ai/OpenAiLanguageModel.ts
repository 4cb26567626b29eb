/**
 * Models of OpenAI's chat completions for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as OpenAi from "../openai/OpenAi.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of OpenAI's chat completions: `OpenAiLanguageModel.model("gpt-5-mini")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const OpenAiLanguageModel = EffectAi.of(OpenAi.OpenAi, "openai")
