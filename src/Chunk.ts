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
import type * as ContentEvent from "./ContentEvent.ts"
import { choiceOf, inputText, isOfChoice } from "./ContentEvent.ts"
import * as CostMetadata from "./CostMetadata.ts"
import type { FinishReason } from "./FinishReason.ts"
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
  /** What this chunk says of each choice, `[]` when it says nothing of any. */
  readonly choiceDeltas: ReadonlyArray<ChoiceDelta>
  /** What a price can depend on, as far as this chunk states it. */
  readonly costMetadata: CostMetadata.CostMetadata
  /**
   * What this chunk states of `costMetadata` beside provider, model and usage; `undefined` when nothing. A class that
   * does not have it is asked for `costMetadata` instead, which takes longer.
   */
  readonly costDetails?: CostMetadata.Fields | undefined
  /**
   * Whether it is a piece of content, and says nothing else that an earlier chunk of its response has not said.
   *
   * @internal
   */
  readonly isPiece?: boolean | undefined
  /**
   * Appends what this chunk adds to the content of its response, in order. A chunk class that does not have it is read by
   * its attributes, which don't tell signatures, citations, and tools that the provider ran. `isNamed` says that earlier
   * chunks have named the response, so that this one need not.
   */
  readonly contentEvents?: (out: Array<ContentEvent.ContentEvent>, isNamed?: boolean) => void
}

/**
 * What chunk classes share. A chunk class extends it with its `_tag` and its payload, and states its content in one of two
 * ways: as `contentEvents`, of which the attributes then follow, or as the attributes themselves, which are absent by
 * default.
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
  /**
   * Appends what this chunk adds to the content of its response; for a chunk class to define.
   *
   * @since 0.2.0
   */
  contentEvents?(out: Array<ContentEvent.ContentEvent>, isNamed?: boolean): void

  /** @since 0.2.0 */
  get content(): string {
    return textIn(this, "text")
  }

  /** @since 0.2.0 */
  get reasoning(): string {
    return textIn(this, "reasoning")
  }

  /** @since 0.2.0 */
  get refusal(): string {
    return textIn(this, "refusal")
  }

  /** @since 0.2.0 */
  get finishReasons(): ReadonlyArray<string> {
    return eventsOf(this).flatMap((event) => event.type === "finish" ? event.raw : [])
  }

  /** @since 0.2.0 */
  get commonFinishReasons(): ReadonlyArray<FinishReason> {
    return this.contentEvents === undefined
      ? this.finishReasons.map(() => "other")
      : eventsOf(this).flatMap((event) => event.type === "finish" ? event.reason : [])
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
    const event = eventsOf(this).find((event) => event.type === "audio")
    if (event === undefined) return undefined
    const { data, expiresAt, id, transcript } = event
    return { id, data, transcript, expiresAt }
  }

  /** @since 0.2.0 */
  get toolCallDeltas(): ReadonlyArray<ToolCallDelta> {
    return this.contentEvents === undefined
      ? []
      : choicesIn(eventsOf(this)).find(({ index }) => index === 0)?.toolCallDeltas ?? []
  }

  /** @since 0.2.0 */
  get choiceDeltas(): ReadonlyArray<ChoiceDelta> {
    return this.contentEvents === undefined
      ? [{
        index: 0,
        content: this.content,
        reasoning: this.reasoning,
        refusal: this.refusal,
        toolCallDeltas: this.toolCallDeltas,
        finishReason: this.finishReasons[0]
      }]
      : choicesIn(eventsOf(this))
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

/**
 * Appends what a chunk adds to the content of its response. A chunk class that does not say it itself is read by its
 * attributes.
 *
 * @example
 * ```ts
 * import { Chunk, type ContentEvent, OpenAiChunk } from "effect-llm-stream"
 *
 * const events: Array<ContentEvent.ContentEvent> = []
 * const chunk = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * Chunk.contentEvents(chunk, events)
 * events.map((event) => event.type) // ["text", "finish"]
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const contentEvents = (chunk: Chunk, out: Array<ContentEvent.ContentEvent>, isNamed?: boolean): void =>
  chunk.contentEvents === undefined ? fromAttributes(chunk, out) : chunk.contentEvents(out, isNamed)

const fromAttributes = (chunk: Chunk, out: Array<ContentEvent.ContentEvent>): void => {
  const { audioDelta, commonFinishReasons, id, model, provider, usage } = chunk
  if (id !== undefined || model !== undefined) out.push({ type: "response", id, model })
  let finished = 0
  for (const { content, finishReason, index: choice, reasoning, refusal, toolCallDeltas } of chunk.choiceDeltas) {
    out.push({ type: "choice", choice })
    // One key: text ends reasoning, and the other way round.
    if (reasoning !== "") out.push({ type: "reasoning", choice, key: "content", delta: reasoning })
    if (content !== "") out.push({ type: "text", choice, key: "content", delta: content })
    if (refusal !== "") out.push({ type: "refusal", choice, key: "refusal", delta: refusal, provider })
    if (toolCallDeltas.length > 0 && choice === 0) out.push({ type: "end", key: "content" })
    for (const piece of toolCallDeltas) out.push({ type: "tool-call-piece", choice, ...piece })
    if (finishReason !== undefined) {
      out.push({
        type: "finish",
        choice,
        provider,
        reason: commonFinishReasons[finished++] ?? "other",
        raw: finishReason
      })
    }
  }
  if (audioDelta !== undefined) out.push({ type: "audio", provider, ...audioDelta })
  if (usage !== undefined) out.push({ type: "usage", provider, usage })
}

const eventsOf = (chunk: Base): ReadonlyArray<ContentEvent.ContentEvent> => {
  const events: Array<ContentEvent.ContentEvent> = []
  chunk.contentEvents?.(events)
  return events
}

const textIn = (chunk: Base, type: "text" | "reasoning" | "refusal"): string => {
  let text = ""
  for (const event of eventsOf(chunk)) if (event.type === type && choiceOf(event) === 0) text += event.delta
  return text
}

const choicesIn = (events: ReadonlyArray<ContentEvent.ContentEvent>): ReadonlyArray<ChoiceDelta> => {
  const choices = new Map<number, ChoiceState>()
  for (const event of events) {
    if (!isOfChoice(event)) continue
    const index = choiceOf(event)
    let choice = choices.get(index)
    if (choice === undefined) choices.set(index, choice = new ChoiceState(index))
    choice.add(event)
  }
  return Array.from(choices.values(), ({ delta }) => delta)
}

/** What the events of one chunk say of a choice. A call and the pieces of its arguments are one delta. */
class ChoiceState {
  private readonly calls: Array<Mutable<ToolCallDelta>> = []
  private readonly byKey = new Map<ContentEvent.Key, Mutable<ToolCallDelta>>()
  readonly delta: Mutable<ChoiceDelta>

  constructor(index: number) {
    const toolCallDeltas = this.calls
    this.delta = { index, content: "", reasoning: "", refusal: "", toolCallDeltas, finishReason: undefined }
  }

  add(event: ContentEvent.ContentEvent): void {
    switch (event.type) {
      case "text":
        this.delta.content += event.delta
        break
      case "reasoning":
      case "refusal":
        this.delta[event.type] += event.delta
        break
      case "finish":
        this.delta.finishReason = event.raw
        break
      case "tool-call-piece":
        this.call(event.index, event.id, event.name, event.arguments)
        break
      case "tool-call":
        this.byKey.set(event.key, this.call(indexOf(event.key), event.id, event.name, inputText(event)))
        break
      case "arguments": {
        const call = this.byKey.get(event.key) ?? this.call(indexOf(event.key), undefined, undefined, "")
        call.arguments += event.delta
        this.byKey.set(event.key, call)
        break
      }
      default:
    }
  }

  private call(
    index: number | undefined,
    id: string | undefined,
    name: string | undefined,
    text: string
  ): Mutable<ToolCallDelta> {
    const call: Mutable<ToolCallDelta> = {
      ...(index === undefined ? undefined : { index }),
      ...(id === undefined ? undefined : { id }),
      ...(name === undefined ? undefined : { name }),
      arguments: text
    }
    this.calls.push(call)
    return call
  }
}

const indexOf = (key: ContentEvent.Key): number | undefined => typeof key === "number" ? key : undefined

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
