/**
 * Models of Groq for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as Groq from "../groq/Groq.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Groq: `GroqLanguageModel.model("openai/gpt-oss-20b")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const GroqLanguageModel = EffectAi.of(Groq.Groq, "groq")
