/**
 * Content of a response as ordered parts with block identity, in the vocabulary of `effect/ai`.
 *
 * A chunk says, without any state, what it adds to the content: its `ContentEvent`s. A {@link decoder} keeps the state of
 * one response and turns them into `effect/ai`'s stream parts: blocks with a start and an end, ids that are unique, tool
 * calls whose arguments are whole, and one finish at the end. {@link chunkDecoder} does it for chunks.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as AiResponse from "effect/ai/Response"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"
import type { Chunk } from "./Chunk.ts"
import { type Call, Calls, isComplete } from "./content/calls.ts"
import * as ProviderMetadata from "./content/providerMetadata.ts"
import { leastPlaces, placeSize, Reader, sizeOf, takesPlace } from "./content/reader.ts"
import * as SizeLimit from "./content/sizeLimit.ts"
import type * as ContentEvent from "./ContentEvent.ts"
import { choiceOf } from "./ContentEvent.ts"
import type { FinishReason } from "./FinishReason.ts"
import { concat } from "./internal/bytes.ts"
import { defined } from "./internal/defined.ts"
import { lazy } from "./internal/lazy.ts"
import type { ProviderError } from "./ProviderError.ts"
import * as Usage from "./Usage.ts"

/**
 * A tool call of any tool: the parameters are JSON that no tool has looked at.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallPart extends AiResponse.ToolCallPart<string, unknown> {}

/**
 * The result of a tool that the provider ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export type ToolResultPart = AiResponse.ToolResultPart<string, unknown, unknown>

/**
 * A part of a stream, as `effect/ai`'s `Response.StreamPart()` decodes it.
 *
 * @category models
 * @since 0.2.0
 */
export type StreamPart = AiResponse.StreamPart<{}> | ToolCallPart | ToolResultPart

/**
 * A part of a finished response, as `effect/ai`'s `Response.Part()` decodes it.
 *
 * @category models
 * @since 0.2.0
 */
export type Part = AiResponse.Part<{}> | ToolCallPart | ToolResultPart

/**
 * The state of one response between its events and its parts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder {
  /** Appends the parts that the event gives to `out`. Never throws. */
  readonly push: (event: ContentEvent.ContentEvent, out: Array<AiResponse.StreamPartEncoded>) => void
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
export const decoder = (options?: {
  /**
   * The `params` of a call whose arguments are not JSON, in an answer that was not cut short. Default: the text itself.
   * `null` leaves such calls out.
   */
  readonly brokenParams?: ((text: string) => unknown) | null | undefined
}): Decoder => new State(options?.brokenParams)

/**
 * Turns the chunks of one response into stream parts, in the encoding that a `LanguageModel` of `effect/ai` is made of.
 *
 * @category models
 * @since 0.2.0
 */
export interface ChunkDecoder {
  /**
   * Set, to a `MalformedEvent`, when the arguments of calls, signatures and files grew beyond the limit: they are kept
   * until their blocks end. Nothing is decoded after that.
   */
  readonly failure: ProviderError | undefined
  /** The parts that the chunks give. */
  readonly push: (chunks: ReadonlyArray<Chunk>) => Array<AiResponse.StreamPartEncoded>
  /** The parts that are left when the stream has ended well: all blocks end, and `finish` (or an `error`) is last. */
  readonly end: () => Array<AiResponse.StreamPartEncoded>
  /** The parts that are left when it was cut off: no block ends, and there is no `finish`. */
  readonly cut: () => Array<AiResponse.StreamPartEncoded>
}

/**
 * Makes a decoder for the chunks of one response.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, Parts } from "effect-llm-stream"
 *
 * const decoder = Parts.chunkDecoder()
 * const parts = decoder.push([
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * ])
 * parts.map((part) => part.type) // ["text-start", "text-delta"]
 * decoder.end().map((part) => part.type) // ["text-end", "finish"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const chunkDecoder = (options?: {
  /** In UTF-16 code units and bytes. Default: 256 Mi. */
  readonly maxSize?: number | undefined
  /** Whether text and reasoning count, because their pieces will be joined. Default: `false`. */
  readonly isJoined?: boolean | undefined
}): ChunkDecoder => {
  const { isJoined = false, maxSize = SizeLimit.maxSize } = options ?? {}
  const most = Math.max(maxSize, leastPlaces)
  const state = decoder()
  const reader = new Reader()
  let size = 0
  let places = 0
  let count = 0
  let failure: ProviderError | undefined
  const push = (chunks: ReadonlyArray<Chunk>): Out => {
    const out: Out = []
    if (failure !== undefined) return out
    for (const chunk of chunks) {
      const events = reader.read(chunk)
      const [only] = events
      // As nearly every chunk.
      if (!isJoined && events.length === 1 && only?.type === "text" && only.delta !== "") {
        state.push(only, out)
        count++
        continue
      }
      for (const event of events) {
        size += isJoined ? sizeOf(event) : keptSize(event)
        if (takesPlace(event)) places += placeSize
      }
      if (size > maxSize || places > most) {
        failure = SizeLimit.tooLarge(chunk.provider, maxSize, count)
        return out
      }
      for (const event of events) state.push(event, out)
      count++
    }
    return out
  }
  const last = (f: (out: Out) => void): Out => {
    const out: Out = []
    f(out)
    return out
  }
  return {
    get failure() {
      return failure
    },
    push,
    end: () => last(state.end),
    cut: () => last(state.cut)
  }
}

/** Text is passed on. */
const keptSize = (event: ContentEvent.ContentEvent): number =>
  event.type === "text" || event.type === "reasoning" || event.type === "refusal" ? 0 : sizeOf(event)

/**
 * A stream part from its encoding. It is what the schema of `effect/ai` makes of it, without the checks that a part of
 * this library does not need.
 *
 * @example
 * ```ts
 * import { Parts } from "effect-llm-stream"
 *
 * Parts.fromEncoded({ type: "text-start", id: "0" }).metadata // {}
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const fromEncoded = (part: AiResponse.StreamPartEncoded): StreamPart => {
  // Spread of a ready part: `makePart` itself costs a hundred times as much on some engines.
  switch (part.type) {
    case "text-delta":
      return { ...textDelta, id: part.id, delta: part.delta, metadata: part.metadata ?? {} }
    case "reasoning-delta":
      return { ...reasoningDelta, id: part.id, delta: part.delta, metadata: part.metadata ?? {} }
    case "tool-params-delta":
      return { ...toolParamsDelta, id: part.id, delta: part.delta, metadata: part.metadata ?? {} }
    case "tool-call":
      return AiResponse.toolCallPart({ ...part, providerExecuted: part.providerExecuted ?? false })
    default:
      // The others come once a block, and some hold more than JSON.
      return streamDecoder()(part)
  }
}

const textDelta = /* @__PURE__ */ AiResponse.makePart("text-delta", { id: "", delta: "" })
const reasoningDelta = /* @__PURE__ */ AiResponse.makePart("reasoning-delta", { id: "", delta: "" })
const toolParamsDelta = /* @__PURE__ */ AiResponse.makePart("tool-params-delta", { id: "", delta: "" })

const streamDecoder = lazy(() => Schema.decodeSync(AiResponse.StreamPart()))

/** @internal */
export class State implements Decoder {
  private readonly blocks = new Map<ContentEvent.Key, Block>()
  private readonly ids = new Ids()
  private readonly sources = new Set<string>()
  private readonly details: ProviderMetadata.Merged = new Map()
  private readonly called = new Set<Call>()
  /** Over, with broken arguments: it is a call unless the answer was cut short there. */
  private broken: Call | undefined
  private readonly brokenParams: ((text: string) => unknown) | null
  private out: Out = []
  private id: string | undefined
  private model: string | undefined
  private usage: Usage.Usage | undefined
  private reason: FinishReason | undefined
  private isSpoken = false
  private ended = false

  readonly calls = new Calls({
    begin: ({ event, id, name, text }) => {
      this.out.push({ type: "tool-params-start", id, name, ...executedOf(event) })
      // Arguments that came whole are not told before it is known that nothing follows.
      if (event.type === "tool-call-piece" && text !== "") this.out.push({ type: "tool-params-delta", id, delta: text })
    },
    add: ({ id }, delta) => void (id === "" || this.out.push({ type: "tool-params-delta", id, delta })),
    end: (call) => {
      this.settle()
      const { event, id, name, params, whole } = call
      if (whole !== undefined) this.out.push({ type: "tool-params-delta", id, delta: whole })
      this.out.push({ type: "tool-params-end", id })
      if (name === "") return
      if (params !== undefined) this.call(call, params)
      else if (executedOf(event) === undefined) this.broken = call
    },
    result: (event, id, call) => {
      // Its arguments, or its name, never came whole.
      if (call !== undefined) this.call(call, call.text)
      const result = new ToolResult(id, call?.name ?? event.name, event)
      if (event.key === undefined) result.end(this.out)
      else this.open(event.key, result)
    }
  })

  constructor(brokenParams: ((text: string) => unknown) | null = (text) => text) {
    this.brokenParams = brokenParams
  }

  readonly push = (event: ContentEvent.ContentEvent, out: Out): void => {
    if (this.ended || choiceOf(event) !== 0) return
    this.out = out
    if (this.broken !== undefined && isContent(event)) this.settle()
    switch (event.type) {
      case "text":
      case "reasoning":
        return this.text(event.type, event)
      case "refusal":
        this.text("text", event)
        return event.delta === ""
          ? undefined
          : this.annotate({ ...event, type: "annotation", kind: "text", fields: { refusal: true } })
      case "annotation":
        return this.annotate(event)
      case "signature":
        if (event.delta === "") return
        this.calls.see(event)
        return this.textBlock("reasoning", event.key).sign(event)
      case "audio":
        return this.audio(event)
      case "tool-call":
        this.close(event.key)
        return this.calls.see(event)
      case "arguments":
      case "tool-call-piece":
      case "tool-result":
        return this.calls.see(event)
      case "tool-result-piece": {
        const block = this.blocks.get(event.key)
        return block?.kind === "tool-result" ? block.add(event.items) : undefined
      }
      case "tool-approval-request": {
        const { approvalId, callId, metadata } = event
        this.calls.see(event)
        const call = this.calls.get(callId)
        if (call !== undefined) this.call(call, call.text)
        out.push({ type: "tool-approval-request", approvalId, toolCallId: callId, ...withMetadata(metadata) })
        return
      }
      case "file":
        this.calls.see(event)
        return this.file(event)
      case "source":
        return this.source(event)
      case "end":
        this.calls.see(event)
        return this.close(event.key)
      case "response":
        return this.response(event)
      case "usage":
        this.usage = this.usage === undefined ? event.usage : Usage.merge(this.usage, event.usage)
        // Whole, as `effect/ai` has no place for audio, images, or the tools that the provider ran.
        return ProviderMetadata.assign(this.details, event.provider, { usage: this.usage })
      case "finish":
        this.reason = event.reason
        return ProviderMetadata.assign(this.details, event.provider, { finishReason: event.raw })
      case "details":
        return add(this.details, event)
      case "choice":
    }
  }

  readonly end = (out: Out): void => {
    if (this.ended) return
    this.ended = true
    this.out = out
    for (const block of this.blocks.values()) block.end(out)
    // Calls last: `effect/ai` starts no handler when a finish that cuts the response short follows at once.
    this.calls.end()
    // Spoken answers state no reason.
    const reason = this.reason ?? (this.isSpoken ? "stop" : undefined)
    if (reason !== undefined && isComplete(reason)) this.settle()
    out.push(
      reason === undefined
        ? { type: "error", error: { _tag: "IncompleteStream", message: "The response ended without a finish reason" } }
        : {
          type: "finish",
          reason: finishReasons[reason],
          usage: usage(this.usage),
          ...withMetadata(ProviderMetadata.toMetadata(this.details))
        }
    )
  }

  readonly cut = (out: Out): void => {
    if (this.ended) return
    this.ended = true
    for (const block of this.blocks.values()) if (block.kind === "file") block.end(out)
  }

  private call(call: Call, params: unknown): void {
    if (this.called.has(call)) return
    const { event: { metadata }, event, id, name } = call
    this.called.add(call)
    this.out.push({ type: "tool-call", id, name, params, ...executedOf(event), ...withMetadata(metadata) })
  }

  private settle(): void {
    const { broken, brokenParams } = this
    this.broken = undefined
    if (broken !== undefined && brokenParams !== null) this.call(broken, brokenParams(broken.text))
  }

  private open(key: ContentEvent.Key, block: Block): void {
    this.close(key)
    this.blocks.set(key, block)
  }

  private close(key: ContentEvent.Key): void {
    const block = this.blocks.get(key)
    if (block === undefined) return
    this.blocks.delete(key)
    block.end(this.out)
  }

  private text(kind: Text["kind"], event: ContentEvent.Text | ContentEvent.Refusal): void {
    if (event.delta === "") return
    this.calls.see(event)
    this.textBlock(kind, event.key).add(event.delta, this.out)
  }

  private annotate(event: ContentEvent.Annotation): void {
    this.calls.see(event)
    this.textBlock(event.kind, event.key).annotate(event)
  }

  private audio({ data, expiresAt, id: audioId, provider, transcript }: ContentEvent.Audio): void {
    this.isSpoken = true
    if (transcript !== undefined && transcript !== "") {
      const block = this.textBlock("text", "transcript")
      block.add(transcript, this.out)
      block.annotate({ provider, fields: { audioTranscript: true } })
    }
    // Streams give 16-bit samples only.
    this.file({ type: "file", key: "audio", mediaType: "audio/pcm", data, provider, fields: { audioId, expiresAt } })
  }

  private textBlock(kind: Text["kind"], key: ContentEvent.Key): Text {
    const block = this.blocks.get(key)
    if (block?.kind === kind) return block
    const text = new Text(kind, this.ids)
    this.open(key, text)
    return text
  }

  private file(event: ContentEvent.File): void {
    const block = this.blocks.get(event.key)
    if (block?.kind === "file") return block.add(event)
    const file = new File(event.mediaType)
    file.add(event)
    this.open(event.key, file)
  }

  private source({ citedText, document, place, provider, title, url }: ContentEvent.Source): void {
    const href = url !== undefined && URL.canParse(url) ? new URL(url).href : undefined
    if (href === undefined && !document) return
    const source = href ?? JSON.stringify([document, title, citedText, place])
    if (this.sources.has(source)) return
    this.sources.add(source)
    const metadata = withMetadata(ProviderMetadata.metadata(provider, { document, citedText, place }))
    const id = this.ids.next()
    this.out.push(
      url === undefined || href === undefined
        ? {
          type: "source",
          sourceType: "document",
          id,
          // No provider states it.
          mediaType: place?.unit === "page" ? "application/pdf" : "text/plain",
          title: title || document || "",
          ...metadata
        }
        : { type: "source", sourceType: "url", id, url, title: title || url, ...metadata }
    )
  }

  private response({ created, id, model }: ContentEvent.Response): void {
    const newId = this.id === undefined ? id : undefined
    const newModel = this.model === undefined ? model : undefined
    if (newId === undefined && newModel === undefined) return
    this.id ??= newId
    this.model ??= newModel
    const timestamp = dateOf(created)
    this.out.push({
      type: "response-metadata",
      ...defined({ id: newId, modelId: newModel, timestamp })
    })
  }
}

/** Whether the answer goes on with an event. */
const isContent = (event: ContentEvent.ContentEvent): boolean => {
  switch (event.type) {
    case "text":
    case "reasoning":
    case "refusal":
    case "arguments":
      return event.delta !== ""
    case "tool-call":
    case "tool-call-piece":
    case "tool-result":
    case "file":
    case "audio":
      return true
    default:
      return false
  }
}

// Azure's first chunk says 0.
const dateOf = (seconds: number | undefined): string | undefined => {
  if (seconds === undefined || seconds <= 0) return undefined
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

type Block = Text | ToolResult | File

const executedOf = (event: ContentEvent.ToolCall | ContentEvent.ToolCallPiece) =>
  event.type === "tool-call" && event.providerExecuted === true ? { providerExecuted: true } : undefined

const withMetadata = (metadata: AiResponse.ProviderMetadata | undefined) =>
  metadata === undefined ? undefined : { metadata }

/** What a provider says beside the content. */
interface Beside extends Pick<ContentEvent.Details, "provider" | "fields" | "lists"> {}

const add = (into: ProviderMetadata.Merged, { fields, lists, provider }: Beside): void => {
  if (fields !== undefined) ProviderMetadata.assign(into, provider, fields)
  if (lists !== undefined) ProviderMetadata.append(into, provider, lists)
}

class Ids {
  private count = 0

  next(): string {
    return String(this.count++)
  }
}

class Text {
  readonly kind: "text" | "reasoning"
  private readonly ids: Ids
  private id: string | undefined
  private metadata: ProviderMetadata.Merged | undefined
  private readonly signatures: Array<{ readonly event: ContentEvent.Signature; text: string }> = []

  constructor(kind: "text" | "reasoning", ids: Ids) {
    this.kind = kind
    this.ids = ids
  }

  add(delta: string, out: Out): void {
    const id = this.id ?? this.start(out)
    out.push({ type: this.kind === "text" ? "text-delta" : "reasoning-delta", id, delta })
  }

  annotate(beside: Beside): void {
    add(this.metadata ??= new Map(), beside)
  }

  sign(event: ContentEvent.Signature): void {
    const known = this.signatures.find(({ event: { field, fieldType, provider } }) =>
      field === event.field && fieldType === event.fieldType && provider === event.provider
    )
    if (known === undefined) this.signatures.push({ event, text: event.delta })
    else known.text += event.delta
  }

  end(out: Out): void {
    for (const { event: { field, fieldType, provider }, text } of this.signatures) {
      const value = fieldType === undefined ? text : { type: fieldType, signature: text }
      this.annotate({ provider, fields: { [field]: value } })
    }
    const metadata = withMetadata(ProviderMetadata.toMetadata(this.metadata))
    if (this.id === undefined && metadata === undefined) return
    const id = this.id ?? this.start(out)
    out.push({ type: this.kind === "text" ? "text-end" : "reasoning-end", id, ...metadata })
  }

  private start(out: Out): string {
    this.id = this.ids.next()
    out.push({
      type: this.kind === "text" ? "text-start" : "reasoning-start",
      id: this.id,
      ...withMetadata(ProviderMetadata.toMetadata(this.metadata))
    })
    return this.id
  }
}

class ToolResult {
  readonly kind = "tool-result"
  private readonly id: string
  private readonly name: string
  private readonly event: ContentEvent.ToolResult
  private readonly items: Array<unknown> = []

  constructor(id: string, name: string, event: ContentEvent.ToolResult) {
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
  private readonly metadata: ProviderMetadata.Merged = new Map()

  constructor(mediaType: string) {
    this.mediaType = mediaType
  }

  add({ data, fields, provider }: ContentEvent.File): void {
    if (data !== undefined && data.length > 0) this.pieces.push(data)
    if (fields !== undefined) ProviderMetadata.assign(this.metadata, provider, fields)
  }

  end(out: Out): void {
    if (this.pieces.length === 0) return
    out.push({
      type: "file",
      mediaType: this.mediaType,
      data: Base64.encode(concat(this.pieces)),
      ...withMetadata(ProviderMetadata.toMetadata(this.metadata))
    })
  }
}
