/**
 * Models of Bedrock's ConverseStream for `effect/ai`.
 *
 * @since 0.2.0
 */
import * as Bedrock from "../bedrock/Bedrock.ts"
import * as EffectAi from "./EffectAi.ts"

/**
 * Models of Bedrock's ConverseStream: `BedrockLanguageModel.model("us.amazon.nova-lite-v1:0")` is a layer with the `LanguageModel`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const BedrockLanguageModel = EffectAi.of(Bedrock.Bedrock, "amazon-bedrock")
