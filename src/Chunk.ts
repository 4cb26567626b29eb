/**
 * What every chunk of every provider has in common.
 *
 * Each provider and API has one Schema class (`OpenAiChunk`, …), told apart by its `_tag`, that keeps the provider's
 * payload whole in `chunk` and computes these attributes from it on demand. `AnyChunk` is the union of the bundled ones.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as CostMetadata from "./CostMetadata.ts"
import type { FinishReason } from "./FinishReason.ts"
import type * as Parts from "./Parts.ts"
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
 * Any class that has them can be a provider's chunk; {@link Base} is where to start one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chunk {
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
  readonly costMetadata: CostMetadata.CostMetadata
  /**
   * What this chunk states of `costMetadata` beside provider, model and usage; `undefined` when nothing. A class that
   * does not have it is asked for `costMetadata` instead, which takes longer.
   */
  readonly costDetails?: CostMetadata.Fields | undefined
  /**
   * Appends what this chunk adds to the content of its response, in order. A chunk class that does not have it is read by
   * its attributes, which don't tell signatures, citations, and tools that the provider ran. `isNamed` says that earlier
   * chunks have named the response, so that this one need not.
   */
  readonly contentEvents?: (out: Array<Parts.Event>, isNamed?: boolean) => void
}

/**
 * What chunk classes share: the attributes that follow from others, and those that few wires state, as absent. A chunk
 * class extends it with its `_tag` and its payload, and overrides what its wire states.
 *
 * @example
 * ```ts
 * import { Chunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * class WordChunk extends Chunk.Base.extend<WordChunk>("app/WordChunk")({
 *   _tag: Schema.tag("WordChunk"),
 *   chunk: Schema.Struct({ word: Schema.String })
 * }) {
 *   override get content() {
 *     return this.chunk.word
 *   }
 * }
 *
 * const chunk = new WordChunk({ provider: "words", chunk: { word: "Hello" } })
 * chunk.content // "Hello"
 * chunk.finishReasons // []
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class Base extends Schema.Class<Base>("effect-llm-stream/Chunk")({
  provider: Schema.String
}) implements Omit<Chunk, "chunk"> {
  /** @since 0.2.0 */
  get content(): string {
    return ""
  }

  /** @since 0.2.0 */
  get reasoning(): string {
    return ""
  }

  /** @since 0.2.0 */
  get refusal(): string {
    return ""
  }

  /** @since 0.2.0 */
  get finishReasons(): ReadonlyArray<string> {
    return []
  }

  /** @since 0.2.0 */
  get commonFinishReasons(): ReadonlyArray<FinishReason> {
    return this.finishReasons.map((raw) => this.commonFinishReasonOf(raw))
  }

  /**
   * The finish reason that a provider's word stands for; for a chunk class to override with its table.
   *
   * @since 0.2.0
   */
  protected commonFinishReasonOf(_raw: string): FinishReason {
    return "other"
  }

  /** @since 0.2.0 */
  get id(): string | undefined {
    return undefined
  }

  /** @since 0.2.0 */
  get model(): string | undefined {
    return undefined
  }

  /** @since 0.2.0 */
  get usage(): Usage | undefined {
    return undefined
  }

  /** @since 0.2.0 */
  get inputTokens(): number | undefined {
    return this.usage?.inputTokens
  }

  /** @since 0.2.0 */
  get cachedTokens(): number | undefined {
    return this.usage?.cachedTokens
  }

  /** @since 0.2.0 */
  get outputTokens(): number | undefined {
    return this.usage?.outputTokens
  }

  /** @since 0.2.0 */
  get audio(): Uint8Array | undefined {
    return this.audioDelta?.data
  }

  /** @since 0.2.0 */
  get audioTranscript(): string | undefined {
    return this.audioDelta?.transcript
  }

  /** @since 0.2.0 */
  get audioDelta(): AudioDelta | undefined {
    return undefined
  }

  /** @since 0.2.0 */
  get toolCallDeltas(): ReadonlyArray<ToolCallDelta> {
    return []
  }

  /**
   * What this chunk says of choice 0, by the other attributes; a wire with several choices overrides it.
   *
   * @since 0.2.0
   */
  get choiceDeltas(): ReadonlyArray<ChoiceDelta> {
    return [{
      index: 0,
      content: this.content,
      reasoning: this.reasoning,
      refusal: this.refusal,
      toolCallDeltas: this.toolCallDeltas,
      finishReason: this.finishReasons[0]
    }]
  }

  /**
   * What this chunk states, besides its usage, that a price depends on; for a chunk class to override.
   *
   * @since 0.2.0
   */
  get costDetails(): CostMetadata.Fields | undefined {
    return undefined
  }

  /** @since 0.2.0 */
  get costMetadata(): CostMetadata.CostMetadata {
    return CostMetadata.fromChunk(this)
  }
}

/**
 * The codec between a payload and its chunk: decoding wraps the payload, encoding gives it back unchanged.
 *
 * @example
 * ```ts
 * import { ChatCompletions, Chunk, OpenAiChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const FromPayload = Chunk.fromPayload(ChatCompletions.Payload, OpenAiChunk)
 * const chunk = Schema.decodeUnknownSync(FromPayload)({ choices: [{ index: 0, delta: { content: "Hello" } }] })
 * chunk.content // "Hello"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const fromPayload = <P, C extends { readonly chunk: P }>(
  payload: Schema.Codec<P, P>,
  chunk: Schema.Schema<C> & (new(fields: { readonly chunk: P }) => C)
): Schema.Codec<C, P> =>
  payload.pipe(
    Schema.decodeTo(
      Schema.toType(chunk),
      SchemaTransformation.transform({
        decode: (payload: P) => new chunk({ chunk: payload }),
        encode: (self: C) => self.chunk
      })
    )
  )
