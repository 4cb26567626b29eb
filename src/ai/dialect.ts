import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { once } from "../internal/lazy.ts"
import type * as Provider from "../Provider.ts"

// Who asks for an object, or has tools, loads how its provider takes schemas; who only imports this library need not.
const openai = once(() => import("effect/ai/OpenAiStructuredOutput"))
const anthropic = once(() => import("effect/ai/AnthropicStructuredOutput"))

const transformers = {
  openai: Effect.map(openai, ({ toCodecOpenAI }): LanguageModel.CodecTransformer => toCodecOpenAI),
  anthropic: Effect.map(anthropic, ({ toCodecAnthropic }): LanguageModel.CodecTransformer => toCodecAnthropic)
}

/** @internal */
export const codecTransformer = (
  { dialect: { schemas = "openai" } = {} }: Pick<Provider.Service, "dialect">
): Effect.Effect<LanguageModel.CodecTransformer> =>
  typeof schemas === "string" ? transformers[schemas] : Effect.succeed(schemas)

/**
 * The instructions that ask a model for an object when its API has no field for the schema.
 *
 * @internal
 */
export const instructions = (schema: Schema.JsonObject): string =>
  `Answer with JSON of this JSON Schema and nothing else, not even a code fence:\n${JSON.stringify(schema)}`
