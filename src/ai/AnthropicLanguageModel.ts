/**
 * Models of Anthropic for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as Anthropic from "../anthropic/Anthropic.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Anthropic: `AnthropicLanguageModel.model("claude-sonnet-4-5")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const AnthropicLanguageModel = EffectAi.of(Anthropic.Anthropic, "anthropic")
