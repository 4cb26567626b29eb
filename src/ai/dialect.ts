import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import type * as Schema from "effect/Schema"
import type * as Provider from "../Provider.ts"

const transformers = {
  openai: OpenAiStructuredOutput.toCodecOpenAI,
  anthropic: AnthropicStructuredOutput.toCodecAnthropic
}

/** @internal */
export const codecTransformer = (
  { dialect: { schemas = "openai" } = {} }: Pick<Provider.Service, "dialect">
): LanguageModel.CodecTransformer => typeof schemas === "string" ? transformers[schemas] : schemas

/**
 * The instructions that ask a model for an object when its API has no field for the schema.
 *
 * @internal
 */
export const instructions = (schema: Schema.JsonObject): string =>
  `Answer with JSON of this JSON Schema and nothing else, not even a code fence:\n${JSON.stringify(schema)}`
