/**
 * The chunks of all bundled providers as one schema.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { AnthropicChunk } from "./anthropic/AnthropicChunk.ts"
import { AzureChunk } from "./azure/AzureChunk.ts"
import { AzureResponsesChunk } from "./azure/AzureResponsesChunk.ts"
import { BedrockChunk } from "./bedrock/BedrockChunk.ts"
import { BedrockInvokeChunk } from "./bedrock/BedrockInvokeChunk.ts"
import type { Chunk } from "./Chunk.ts"
import { GroqChunk } from "./groq/GroqChunk.ts"
import { OpenAiChunk } from "./openai/OpenAiChunk.ts"
import { OpenAiResponsesChunk } from "./openai/OpenAiResponsesChunk.ts"

/**
 * Schema of the chunks of all bundled providers. `_tag` tells them apart, so that a chunk that was encoded and sent as
 * JSON comes back as what it was.
 *
 * @example
 * ```ts
 * import { AnyChunk, OpenAiChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hello" } }] } })
 * const json = JSON.stringify(Schema.encodeSync(AnyChunk.AnyChunk)(chunk))
 * const same = Schema.decodeUnknownSync(AnyChunk.AnyChunk)(JSON.parse(json))
 * same._tag // "OpenAiChunk"
 * same.content // "Hello"
 * ```
 *
 * @category schemas
 * @since 0.2.0
 */
export const AnyChunk = Schema.Union([
  OpenAiChunk,
  AnthropicChunk,
  BedrockChunk,
  BedrockInvokeChunk,
  GroqChunk,
  AzureChunk,
  OpenAiResponsesChunk,
  AzureResponsesChunk
])

/**
 * A chunk of any bundled provider; `switch (chunk._tag)` narrows it.
 *
 * @category models
 * @since 0.2.0
 */
export type AnyChunk = typeof AnyChunk.Type

const bundled: ReadonlySet<unknown> = new Set(AnyChunk.members)

/**
 * Writes chunks as JSON, those of other classes by their schema; throws where it does not fit. What a chunk of `AnyChunk` holds
 * is what it is encoded to, so it needs no schema, which would take ten times as long.
 *
 * @internal
 */
export const writer = (schema: Schema.Codec<Chunk, unknown> = AnyChunk): (chunk: Chunk) => string => {
  const encode = Schema.encodeSync(Schema.toCodecJson(schema))
  return (chunk) => JSON.stringify(schema === AnyChunk && bundled.has(chunk.constructor) ? chunk : encode(chunk))
}
