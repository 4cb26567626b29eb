/**
 * Models of Claude on Bedrock's InvokeModel for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as BedrockInvoke from "../bedrock/BedrockInvoke.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Claude on Bedrock's InvokeModel: `BedrockInvokeLanguageModel.model("us.anthropic.claude-sonnet-4-5-20250929-v1:0")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const BedrockInvokeLanguageModel = EffectAi.of(BedrockInvoke.BedrockInvoke, "amazon-bedrock")
