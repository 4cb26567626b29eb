/**
 * Content of a response as ordered parts with block identity, in the vocabulary of `effect/ai`.
 *
 * It takes two steps. A chunk says, without any state, what it adds to the content: its {@link Event}s. A
 * {@link decoder} keeps the state of one response and turns events into `effect/ai`'s stream parts: blocks with a start
 * and an end, ids that are unique, tool calls whose arguments are whole, and one finish at the end.
 *
 * @stability unstable
 * @since 0.2.0
 */
import type * as AiResponse from "effect/ai/Response"
import * as Base64 from "effect/encoding/Base64"
import type { FinishReason } from "./FinishReason.ts"
import { concat } from "./internal/bytes.ts"
import * as Metadata from "./internal/fields.ts"
import * as Usage from "./Usage.ts"

/**
 * Fields of a provider's own. They go into the metadata of a part, flat under the provider's key, as JSON: what is no JSON
 * is left out.
 *
 * @category models
 * @since 0.2.0
 */
export interface Fields extends Metadata.Fields {}

/**
 * Lists of a provider's own, which go where {@link Fields} go.
 *
 * @category models
 * @since 0.2.0
 */
export interface Lists extends Metadata.Lists {}

/**
 * Says which block an event belongs to: a position on wires that number their blocks, a fixed name on others. A key can
 * be used again after its block has ended.
 *
 * @category models
 * @since 0.2.0
 */
export type Key = number | string | undefined

/**
 * Names the response, as early as the wire does.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseEvent {
  readonly type: "response"
  /** `undefined` when this chunk does not state it. */
  readonly id: string | undefined
  /** `undefined` when this chunk does not state it. */
  readonly model: string | undefined
  /** When the response was made, in Unix seconds. */
  readonly created?: number | undefined
}

/**
 * A piece of text or reasoning. It begins a block where none of its kind is open under the key, unless it is empty.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextEvent {
  readonly type: "text" | "reasoning"
  readonly key: Key
  readonly delta: string
}

/**
 * What a provider says of a text or reasoning block beside its text. A block that has fields is kept even when its text
 * stays empty.
 *
 * @category models
 * @since 0.2.0
 */
export interface AnnotationEvent {
  readonly type: "annotation"
  readonly kind: "text" | "reasoning"
  readonly key: Key
  /** The key of the metadata that the fields go under. */
  readonly provider: string
  readonly fields?: Fields | undefined
  /** Lists that are joined with those of earlier annotations. */
  readonly lists?: Lists | undefined
}

/**
 * A piece of the signature of a reasoning block.
 *
 * @category models
 * @since 0.2.0
 */
export interface SignatureEvent {
  readonly type: "signature"
  readonly key: Key
  readonly provider: string
  readonly delta: string
  /** The fields that hold the whole signature; the same function for all of its pieces. */
  readonly fields: (signature: string) => Fields
}

/**
 * Begins a tool call, on wires where calls are blocks.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallEvent {
  readonly type: "tool-call"
  readonly key: Key
  readonly id: string | undefined
  readonly name: string | undefined
  /** The arguments, when they come whole; pieces that follow count instead of it. */
  readonly input?: unknown
  /** The arguments are a text, not JSON. */
  readonly custom?: boolean | undefined
  /** The provider runs the tool itself. */
  readonly providerExecuted?: boolean | undefined
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * A piece of the arguments of the tool call that is open under the key.
 *
 * @category models
 * @since 0.2.0
 */
export interface ArgumentsEvent {
  readonly type: "arguments"
  readonly key: Key
  readonly delta: string
}

/**
 * A piece of a tool call on wires that do not say where a call begins and ends.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallPieceEvent {
  readonly type: "tool-call-piece"
  readonly piece: {
    readonly index?: number | undefined
    readonly id?: string | undefined
    readonly name?: string | undefined
    readonly arguments: string
  }
  /** The arguments are a text, not JSON. */
  readonly custom?: boolean | undefined
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * The result of a tool that the provider ran. With a key more of it may follow until that ends; without one it is whole.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultEvent {
  readonly type: "tool-result"
  readonly key?: Key
  /** The id of the call. */
  readonly id: string | undefined
  /** The tool's name, should the call not be in this response. */
  readonly name: string
  readonly result: unknown
  readonly isFailure: boolean
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * More of the result that is open under the key, which is a list.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultPieceEvent {
  readonly type: "tool-result-piece"
  readonly key: Key
  readonly items: ReadonlyArray<unknown>
}

/**
 * The provider asks whether it may run a tool, whose call came before.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolApprovalEvent {
  readonly type: "tool-approval-request"
  readonly approvalId: string
  /** The id of the call. */
  readonly callId: string
  readonly metadata?: AiResponse.ProviderMetadata | undefined
}

/**
 * Bytes of a file. The file is given out when its key, or the response, ends.
 *
 * @category models
 * @since 0.2.0
 */
export interface FileEvent {
  readonly type: "file"
  readonly key: Key
  readonly mediaType: string
  readonly data: Uint8Array | undefined
  readonly provider: string
  readonly fields?: Fields | undefined
}

/**
 * A web page that the text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface SourceEvent {
  readonly type: "source"
  readonly url: string
  /** Default: the URL. */
  readonly title: string | undefined
}

/**
 * Ends the block that is open under the key; nothing when there is none.
 *
 * @category models
 * @since 0.2.0
 */
export interface EndEvent {
  readonly type: "end"
  readonly key: Key
}

/**
 * Token usage as this chunk states it.
 *
 * @category models
 * @since 0.2.0
 */
export interface UsageEvent {
  readonly type: "usage"
  readonly provider: string
  readonly usage: Usage.Usage
}

/**
 * Why the model stopped. The last one of a response counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface FinishEvent {
  readonly type: "finish"
  readonly provider: string
  readonly reason: FinishReason
  /** The provider's own word. */
  readonly raw: string
}

/**
 * What a provider says of the whole response and no part has a place for; it goes into the metadata of the finish.
 *
 * @category models
 * @since 0.2.0
 */
export interface DetailsEvent {
  readonly type: "details"
  readonly provider: string
  readonly fields?: Fields | undefined
  /** Lists that are joined with those of earlier events. */
  readonly lists?: Lists | undefined
}

/**
 * What one chunk adds to the content of its response.
 *
 * @category models
 * @since 0.2.0
 */
export type Event =
  | ResponseEvent
  | TextEvent
  | AnnotationEvent
  | SignatureEvent
  | ToolCallEvent
  | ArgumentsEvent
  | ToolCallPieceEvent
  | ToolResultEvent
  | ToolResultPieceEvent
  | ToolApprovalEvent
  | FileEvent
  | SourceEvent
  | EndEvent
  | UsageEvent
  | FinishEvent
  | DetailsEvent

/**
 * The state of one response between its events and its parts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder {
  /** Appends the parts that the event gives to `out`. Never throws. */
  readonly push: (event: Event, out: Array<AiResponse.StreamPartEncoded>) => void
  /**
   * Ends all blocks and the response. The last part is the one `finish`; or an `error`, the encoding of
   * `ProviderError.IncompleteStream`, where no reason for it was ever stated: none is made up.
   */
  readonly end: (out: Array<AiResponse.StreamPartEncoded>) => void
  /** The response was cut off: what had come of files is given out, blocks stay open, and there is no `finish`. */
  readonly cut: (out: Array<AiResponse.StreamPartEncoded>) => void
}

/**
 * The reasons of `effect/ai`, by the common ones.
 *
 * @category mapping
 * @since 0.2.0
 */
export const finishReasons: Readonly<Record<FinishReason, AiResponse.FinishReason>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "content-filter",
  pause: "pause",
  error: "error",
  other: "other"
}

/**
 * The usage of `effect/ai`. A count that was not stated is absent.
 *
 * @example
 * ```ts
 * import { Parts, Usage } from "effect-llm-stream"
 *
 * const usage = Parts.usage(new Usage.Usage({ inputTokens: 100, cachedTokens: 60, outputTokens: 5 }))
 * usage.inputTokens.uncached // 40
 * usage.outputTokens.reasoning // undefined
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const usage = (usage: Usage.Usage | undefined): typeof AiResponse.Usage.Encoded => {
  if (usage === undefined) return { inputTokens: {}, outputTokens: {} }
  const { cachedTokens, cacheWriteTokens, inputTokens, outputAudioTokens, outputTokens, reasoningTokens } = usage
  return {
    inputTokens: {
      // Some hosts state more cached tokens than tokens.
      ...(inputTokens === undefined
        ? undefined
        : { uncached: Math.max(inputTokens - (cachedTokens ?? 0) - (cacheWriteTokens ?? 0), 0), total: inputTokens }),
      ...(cachedTokens === undefined ? undefined : { cacheRead: cachedTokens }),
      ...(cacheWriteTokens === undefined ? undefined : { cacheWrite: cacheWriteTokens })
    },
    outputTokens: {
      ...(outputTokens === undefined ? undefined : { total: outputTokens }),
      ...(outputTokens === undefined || reasoningTokens === undefined
        ? undefined
        : { text: Math.max(outputTokens - reasoningTokens - (outputAudioTokens ?? 0), 0) }),
      ...(reasoningTokens === undefined ? undefined : { reasoning: reasoningTokens })
    }
  }
}

type Out = Array<AiResponse.StreamPartEncoded>

/**
 * Makes a decoder for one response.
 *
 * @example
 * ```ts
 * import { Parts } from "effect-llm-stream"
 * import type { Response } from "effect/ai"
 *
 * const decoder = Parts.decoder()
 * const parts: Array<Response.StreamPartEncoded> = []
 * decoder.push({ type: "text", key: 0, delta: "Hello" }, parts)
 * decoder.push({ type: "finish", provider: "acme", reason: "stop", raw: "done" }, parts)
 * decoder.end(parts)
 * parts.map((part) => part.type) // ["text-start", "text-delta", "text-end", "finish"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const decoder = (): Decoder => new ResponseState()

class ResponseState implements Decoder {
  private readonly blocks = new Map<Key, Block>()
  private readonly ids = new Ids()
  private readonly pieces = new Pieces()
  private readonly calls = new Map<string, ToolCall>()
  private readonly urls = new Set<string>()
  private readonly details: Metadata.Merged = new Map()
  private id: string | undefined
  private model: string | undefined
  private usage: Usage.Usage | undefined
  private reason: FinishReason | undefined
  private hasFile = false
  private ended = false

  readonly push = (event: Event, out: Out): void => {
    if (this.ended) return
    switch (event.type) {
      case "text":
      case "reasoning":
        return event.delta === "" ? undefined : this.textBlock(event.type, event.key, out).add(event.delta, out)
      case "annotation":
        return this.textBlock(event.kind, event.key, out).annotate(event)
      case "signature":
        return event.delta === "" ? undefined : this.textBlock("reasoning", event.key, out).sign(event)
      case "tool-call": {
        const call = new ToolCall(this.ids, event, event.key)
        this.open(event.key, call, out)
        call.begin(event.id, event.name ?? "", out)
        this.calls.set(call.id, call)
        return
      }
      case "arguments": {
        const block = this.blocks.get(event.key)
        return block?.kind === "tool-call" ? block.add(event.delta, out) : undefined
      }
      case "tool-call-piece":
        return this.piece(event, out)
      case "tool-result": {
        const id = event.id || this.ids.call(undefined)
        const call = this.call(id, out)
        // It was in an earlier response: no call of this one has its id.
        if (call === undefined) this.ids.reserve(id)
        const result = new ToolResult(id, call?.name ?? event.name, event)
        return event.key === undefined ? result.end(out) : this.open(event.key, result, out)
      }
      case "tool-result-piece": {
        const block = this.blocks.get(event.key)
        return block?.kind === "tool-result" ? block.add(event.items) : undefined
      }
      case "tool-approval-request": {
        const { approvalId, callId, metadata } = event
        this.call(callId, out)
        out.push({ type: "tool-approval-request", approvalId, toolCallId: callId, ...withMetadata(metadata) })
        return
      }
      case "file":
        return this.file(event, out)
      case "source":
        return this.source(event, out)
      case "end":
        return this.close(event.key, out)
      case "response":
        return this.response(event, out)
      case "usage":
        this.usage = this.usage === undefined ? event.usage : Usage.merge(this.usage, event.usage)
        // Whole, as `effect/ai` has no place for audio, images, or the tools that the provider ran.
        return Metadata.assign(this.details, event.provider, { usage: this.usage })
      case "finish":
        this.reason = event.reason
        return Metadata.assign(this.details, event.provider, { finishReason: event.raw })
      case "details":
        return add(this.details, event)
    }
  }

  readonly end = (out: Out): void => {
    if (this.ended) return
    this.ended = true
    // Calls last: `effect/ai` starts no handler when a finish that cuts the response short follows at once.
    for (const block of this.blocks.values()) if (block.kind !== "tool-call") block.end(out)
    for (const block of this.blocks.values()) if (block.kind === "tool-call") block.end(out)
    // Spoken answers state no reason.
    const reason = this.reason === undefined ? this.hasFile ? "stop" : undefined : finishReasons[this.reason]
    out.push(
      reason === undefined
        ? { type: "error", error: { _tag: "IncompleteStream", message: "The response ended without a finish reason" } }
        : {
          type: "finish",
          reason,
          usage: usage(this.usage),
          ...withMetadata(Metadata.toMetadata(this.details))
        }
    )
  }

  readonly cut = (out: Out): void => {
    if (this.ended) return
    this.ended = true
    for (const block of this.blocks.values()) if (block.kind === "file") block.end(out)
  }

  private open(key: Key, block: Block, out: Out): void {
    this.close(key, out)
    this.blocks.set(key, block)
  }

  private close(key: Key, out: Out): void {
    const block = this.blocks.get(key)
    if (block === undefined) return
    this.blocks.delete(key)
    block.end(out)
  }

  private textBlock(kind: Text["kind"], key: Key, out: Out): Text {
    const block = this.blocks.get(key)
    if (block?.kind === kind) return block
    const text = new Text(kind, this.ids)
    this.open(key, text, out)
    return text
  }

  private piece(event: ToolCallPieceEvent, out: Out): void {
    let call = this.pieces.find(event.piece)
    if (call === undefined) {
      call = this.pieces.open(event, this.ids)
      this.open(call.key, call, out)
    }
    const begun = call.id !== ""
    this.pieces.add(event.piece, call, out)
    if (!begun && call.id !== "") this.calls.set(call.id, call)
  }

  /** The call with an id, which is over by what refers to it. */
  private call(id: string, out: Out): ToolCall | undefined {
    const call = this.calls.get(id)
    if (call === undefined) return undefined
    if (this.blocks.get(call.key) === call) this.close(call.key, out)
    call.answered(out)
    return call
  }

  private file(event: FileEvent, out: Out): void {
    this.hasFile = true
    const block = this.blocks.get(event.key)
    if (block?.kind === "file") return block.add(event)
    const file = new File(event.mediaType)
    file.add(event)
    this.open(event.key, file, out)
  }

  private source({ title, url }: SourceEvent, out: Out): void {
    if (!URL.canParse(url)) return
    const { href } = new URL(url)
    if (this.urls.has(href)) return
    this.urls.add(href)
    out.push({ type: "source", sourceType: "url", id: this.ids.next(), url, title: title || url })
  }

  private response({ created, id, model }: ResponseEvent, out: Out): void {
    const newId = this.id === undefined ? id : undefined
    const newModel = this.model === undefined ? model : undefined
    if (newId === undefined && newModel === undefined) return
    this.id ??= newId
    this.model ??= newModel
    const timestamp = dateOf(created)
    out.push({
      type: "response-metadata",
      ...(newId === undefined ? undefined : { id: newId }),
      ...(newModel === undefined ? undefined : { modelId: newModel }),
      ...(timestamp === undefined ? undefined : { timestamp })
    })
  }
}

// Azure's first chunk says 0.
const dateOf = (seconds: number | undefined): string | undefined => {
  if (seconds === undefined || seconds <= 0) return undefined
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

type Block = Text | ToolCall | ToolResult | File

const withMetadata = (metadata: AiResponse.ProviderMetadata | undefined) =>
  metadata === undefined ? undefined : { metadata }

const add = (
  into: Metadata.Merged,
  { fields, lists, provider }: {
    readonly provider: string
    readonly fields?: Fields | undefined
    readonly lists?: Lists | undefined
  }
): void => {
  if (fields !== undefined) Metadata.assign(into, provider, fields)
  if (lists !== undefined) Metadata.append(into, provider, lists)
}

class Ids {
  private count = 0
  private calls = 0
  /** How often each id of a call was asked for. */
  private readonly taken = new Map<string, number>()

  next(): string {
    return String(this.count++)
  }

  reserve(id: string): void {
    if (!this.taken.has(id)) this.taken.set(id, 1)
  }

  /** The id of a call: the provider's own, unless an earlier call of the response has it, or a made-up one. */
  call(stated: string | undefined): string {
    const base = stated || `call_${this.calls}`
    this.calls++
    let id = base
    while (this.taken.has(id)) {
      const times = (this.taken.get(base) ?? 1) + 1
      this.taken.set(base, times)
      id = `${base}_${times}`
    }
    this.taken.set(id, 1)
    return id
  }
}

class Text {
  readonly kind: "text" | "reasoning"
  private readonly ids: Ids
  private id: string | undefined
  private metadata: Metadata.Merged | undefined
  private readonly signatures: Array<{ readonly event: SignatureEvent; text: string }> = []

  constructor(kind: "text" | "reasoning", ids: Ids) {
    this.kind = kind
    this.ids = ids
  }

  add(delta: string, out: Out): void {
    const id = this.id ?? this.start(out)
    out.push({ type: this.kind === "text" ? "text-delta" : "reasoning-delta", id, delta })
  }

  annotate(event: AnnotationEvent): void {
    add(this.metadata ??= new Map(), event)
  }

  sign(event: SignatureEvent): void {
    const known = this.signatures.find((signature) => signature.event.fields === event.fields)
    if (known === undefined) this.signatures.push({ event, text: event.delta })
    else known.text += event.delta
  }

  end(out: Out): void {
    for (const { event, text } of this.signatures) {
      Metadata.assign(this.metadata ??= new Map(), event.provider, event.fields(text))
    }
    const metadata = withMetadata(Metadata.toMetadata(this.metadata))
    if (this.id === undefined && metadata === undefined) return
    const id = this.id ?? this.start(out)
    out.push({ type: this.kind === "text" ? "text-end" : "reasoning-end", id, ...metadata })
  }

  private start(out: Out): string {
    this.id = this.ids.next()
    out.push({
      type: this.kind === "text" ? "text-start" : "reasoning-start",
      id: this.id,
      ...withMetadata(Metadata.toMetadata(this.metadata))
    })
    return this.id
  }
}

class ToolCall {
  readonly kind = "tool-call"
  readonly key: Key
  /** `""` until the call has begun. */
  id = ""
  name = ""
  private raw = ""
  private called = false
  private readonly ids: Ids
  private readonly input: unknown
  private readonly custom: boolean
  private readonly rest: Pick<AiResponse.ToolCallPartEncoded, "providerExecuted" | "metadata">

  constructor(ids: Ids, event: {
    readonly input?: unknown
    readonly custom?: boolean | undefined
    readonly providerExecuted?: boolean | undefined
    readonly metadata?: AiResponse.ProviderMetadata | undefined
  }, key: Key) {
    this.key = key
    this.ids = ids
    this.input = event.input
    this.custom = event.custom === true
    this.rest = {
      ...(event.providerExecuted === true ? { providerExecuted: true } : undefined),
      ...withMetadata(event.metadata)
    }
  }

  begin(id: string | undefined, name: string, out: Out): void {
    this.id = this.ids.call(id)
    this.name = name
    const executed = this.rest.providerExecuted === true ? { providerExecuted: true } : undefined
    out.push({ type: "tool-params-start", id: this.id, name, ...executed })
    if (this.raw !== "") out.push({ type: "tool-params-delta", id: this.id, delta: this.raw })
  }

  add(delta: string, out: Out): void {
    if (delta === "") return
    this.raw += delta
    if (this.id !== "") out.push({ type: "tool-params-delta", id: this.id, delta })
  }

  end(out: Out): void {
    if (this.id === "") this.begin(undefined, this.name, out)
    const { id, name } = this
    const whole = this.raw.trim() === "" ? textOf(this.input) : undefined
    if (whole !== undefined) out.push({ type: "tool-params-delta", id, delta: whole })
    out.push({ type: "tool-params-end", id })
    const params = this.params()
    if (name !== "" && params !== undefined) this.call(params, out)
  }

  /** For a call that has a result although its arguments, or its name, never came whole. */
  answered(out: Out): void {
    if (!this.called) this.call(this.raw, out)
  }

  private call(params: unknown, out: Out): void {
    this.called = true
    out.push({ type: "tool-call", id: this.id, name: this.name, params, ...this.rest })
  }

  /** `undefined` when the arguments are no whole JSON: the output limit was reached. */
  private params(): unknown {
    if (this.custom) return this.raw
    if (this.raw.trim() === "") return this.input ?? {}
    try {
      return JSON.parse(this.raw) ?? {}
    } catch {
      return undefined
    }
  }
}

// Of arguments that came whole; those without any have no text.
const textOf = (input: unknown): string | undefined => {
  if (typeof input !== "object" || input === null || Object.keys(input).length === 0) return undefined
  try {
    return JSON.stringify(input)
  } catch {
    // Nested too deeply.
    return undefined
  }
}

class ToolResult {
  readonly kind = "tool-result"
  private readonly id: string
  private readonly name: string
  private readonly event: ToolResultEvent
  private readonly items: Array<unknown> = []

  constructor(id: string, name: string, event: ToolResultEvent) {
    this.id = id
    this.name = name
    this.event = event
  }

  add(items: ReadonlyArray<unknown>): void {
    for (const item of items) this.items.push(item)
  }

  end(out: Out): void {
    const { isFailure, key, metadata, result } = this.event
    out.push({
      type: "tool-result",
      id: this.id,
      name: this.name,
      result: key === undefined ? result : this.items,
      isFailure,
      providerExecuted: true,
      ...withMetadata(metadata)
    })
  }
}

class File {
  readonly kind = "file"
  private readonly mediaType: string
  private readonly pieces: Array<Uint8Array> = []
  private readonly metadata: Metadata.Merged = new Map()

  constructor(mediaType: string) {
    this.mediaType = mediaType
  }

  add({ data, fields, provider }: FileEvent): void {
    if (data !== undefined && data.length > 0) this.pieces.push(data)
    if (fields !== undefined) Metadata.assign(this.metadata, provider, fields)
  }

  end(out: Out): void {
    if (this.pieces.length === 0) return
    out.push({
      type: "file",
      mediaType: this.mediaType,
      data: Base64.encode(concat(this.pieces)),
      ...withMetadata(Metadata.toMetadata(this.metadata))
    })
  }
}

type Piece = ToolCallPieceEvent["piece"]

/**
 * Which call a piece belongs to, in this order: the call at its index, unless the piece has another id (some hosts reuse
 * one index for parallel calls); without an index the call with its id, or a new one; without either, the last call,
 * unless the piece names another tool. Where there are no ids, a piece that names a tool is another call when the
 * arguments of the one before are whole: such hosts send each in one piece.
 */
class Pieces {
  private last: PieceCall | undefined
  private count = 0
  private readonly byIndex = new Map<number, PieceCall>()
  private readonly byId = new Map<string, PieceCall>()

  find({ arguments: text, id, index, name }: Piece): PieceCall | undefined {
    const follows = (call: PieceCall): boolean =>
      call.stated === undefined && id === undefined && call.name !== "" && name !== undefined && text.trim() !== "" &&
      call.object.closed
    if (index !== undefined) {
      const call = this.byIndex.get(index)
      if (call === undefined || follows(call)) return undefined
      if (id === undefined || call.stated === undefined || call.stated === id) return call
      const known = this.byId.get(id)
      return known?.index === index ? known : undefined
    }
    if (id !== undefined) return this.byId.get(id)
    const { last } = this
    if (last === undefined || follows(last)) return undefined
    return name === undefined || last.name === "" || last.name === name ? last : undefined
  }

  open(event: ToolCallPieceEvent, ids: Ids): PieceCall {
    const call = new PieceCall(ids, event, `tool-call ${this.count++}`)
    this.last = call
    if (call.index !== undefined) this.byIndex.set(call.index, call)
    return call
  }

  add({ arguments: text, id, name }: Piece, call: PieceCall, out: Out): void {
    if (call.stated === undefined && id !== undefined) {
      call.stated = id
      this.byId.set(id, call)
    }
    if (call.name === "" && name !== undefined) call.name = name
    if (call.stated === undefined) call.object.add(text)
    if (call.id === "" && call.stated !== undefined && call.name !== "") call.begin(call.stated, call.name, out)
    call.add(text, out)
  }
}

class PieceCall extends ToolCall {
  readonly index: number | undefined
  /** The provider's id. */
  stated: string | undefined
  readonly object = new JsonObject()

  constructor(ids: Ids, event: ToolCallPieceEvent, key: Key) {
    super(ids, event, key)
    this.index = event.piece.index
  }
}

/**
 * Watches a text that comes in pieces for the end of the JSON object that it is.
 */
class JsonObject {
  private depth = 0
  private opened = false
  private inString = false
  private escaped = false
  /** The object is whole, and nothing but space followed. */
  closed = false

  add(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (this.inString) {
        if (this.escaped) this.escaped = false
        else if (code === 92) this.escaped = true
        else if (code === 34) this.inString = false
        continue
      }
      if (code === 32 || code === 10 || code === 13 || code === 9) continue
      this.closed = false
      if (code === 34) this.inString = true
      else if (code === 123 || code === 91) {
        this.depth++
        this.opened = true
      } else if (code === 125 || code === 93) this.closed = --this.depth === 0 && this.opened && code === 125
    }
  }
}
