/**
 * What every chunk of every provider has in common.
 *
 * Each provider and API has one Schema class (`OpenAiChunk`, …) that keeps the provider's payload whole in `chunk` and
 * computes these attributes from it on demand.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { AnthropicChunk } from "./anthropic/AnthropicChunk.ts"
import { AzureChunk } from "./azure/AzureChunk.ts"
import { BedrockChunk } from "./bedrock/BedrockChunk.ts"
import { BedrockInvokeChunk } from "./bedrock/BedrockInvokeChunk.ts"
import type { CostMetadata } from "./Cost.ts"
import type { FinishReason } from "./FinishReason.ts"
import { GroqChunk } from "./groq/GroqChunk.ts"
import { OpenAiChunk } from "./openai/OpenAiChunk.ts"
import type { Usage } from "./Usage.ts"

/**
 * Schema of a piece of a tool call, as one chunk states it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ToolCallDelta = Schema.Struct({
  /** Position of the call among the calls (or content blocks) of its choice; absent when the provider states none. */
  index: Schema.optionalKey(Schema.Number),
  /** The provider's id of the call; normally only on the first piece. `""` on the wire is absent. */
  id: Schema.optionalKey(Schema.String),
  /** Name of the tool; normally only on the first piece. */
  name: Schema.optionalKey(Schema.String),
  /** Piece of the arguments' text, `""` when this chunk has none. */
  arguments: Schema.String
}).annotate({ identifier: "ToolCallDelta" })

/**
 * A piece of a tool call.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolCallDelta = typeof ToolCallDelta.Type

/**
 * What one chunk says about one of the alternative answers (`n` > 1 gives several). Providers with a single answer use
 * index 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChoiceDelta {
  readonly index: number
  readonly content: string
  readonly reasoning: string
  readonly refusal: string
  readonly toolCallDeltas: ReadonlyArray<ToolCallDelta>
  /** The provider's word; `undefined` when this chunk does not finish the choice. */
  readonly finishReason: string | undefined
}

/**
 * A piece of audio output, as one chunk states it.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioDelta {
  readonly id: string | undefined
  readonly data: Uint8Array | undefined
  readonly transcript: string | undefined
  /** Unix seconds until which the audio can be referred to by its id. */
  readonly expiresAt: number | undefined
}

/**
 * The attributes that a chunk has whichever provider sent it. Absent is `undefined`, never 0 or a made-up value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attributes {
  /** The provider: `openai`, `anthropic`, `bedrock`, `groq`, `azure` or the name given to a custom host. */
  readonly provider: string
  /** The provider's payload as decoded; encoding it again gives the JSON that came. */
  readonly chunk: unknown
  /** Text of choice 0 in this chunk, `""` when it has none. */
  readonly content: string
  /** Reasoning text of choice 0 in this chunk, `""` when it has none. */
  readonly reasoning: string
  /** Refusal text of choice 0 in this chunk, `""` when it has none. */
  readonly refusal: string
  /** The provider's own finish reasons that this chunk states, `[]` when it has none. */
  readonly finishReasons: ReadonlyArray<string>
  /** `finishReasons`, mapped one by one. */
  readonly commonFinishReasons: ReadonlyArray<FinishReason>
  /** Id of the response; `undefined` when this chunk does not state it. */
  readonly id: string | undefined
  /** Model that answers; `undefined` when this chunk does not state it. */
  readonly model: string | undefined
  /** Token usage as this chunk states it. */
  readonly usage: Usage | undefined
  /** Tokens, cache reads and writes included. */
  readonly inputTokens: number | undefined
  /** Tokens read from the provider's prompt cache. */
  readonly cachedTokens: number | undefined
  /** Tokens, reasoning included. */
  readonly outputTokens: number | undefined
  /** Audio bytes in this chunk. */
  readonly audio: Uint8Array | undefined
  /** Piece of the audio's transcript in this chunk. */
  readonly audioTranscript: string | undefined
  /** The whole of what this chunk says of the audio output. */
  readonly audioDelta: AudioDelta | undefined
  /** Pieces of the tool calls of choice 0 in this chunk. */
  readonly toolCallDeltas: ReadonlyArray<ToolCallDelta>
  /** What this chunk says of each choice it mentions. */
  readonly choiceDeltas: ReadonlyArray<ChoiceDelta>
  /** What a price can depend on, as far as this chunk states it. */
  readonly costMetadata: CostMetadata
}

/**
 * Schema of the chunks of all providers. `OpenAiChunk` comes last, as it takes the name of any provider.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Chunk = Schema.Union([
  BedrockChunk,
  BedrockInvokeChunk,
  AzureChunk,
  GroqChunk,
  AnthropicChunk,
  OpenAiChunk
])

/**
 * A chunk of any provider.
 *
 * @category models
 * @since 0.1.0
 */
export type Chunk = typeof Chunk.Type
