/**
 * Content parts of streams and of finished responses, and the message that a response is in the next request.
 *
 * These stand behind `ChunkStream.parts`, `ChatResponse.parts` and `ChatResponse.message`; use them directly where chunks come
 * from elsewhere than a stream.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as AiResponse from "effect/ai/Response"
import * as Schema from "effect/Schema"
import type { Chunk } from "./Chunk.ts"
import type { FinishReason } from "./FinishReason.ts"
import * as ContentEvents from "./internal/contentEvents.ts"
import { lazy } from "./internal/lazy.ts"
import * as SizeLimit from "./internal/sizeLimit.ts"
import * as Parts from "./Parts.ts"
import type { ProviderError } from "./ProviderError.ts"
import type { Usage } from "./Usage.ts"

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
 * Appends what a chunk adds to the content of its response. A chunk class that does not say it itself is read by its
 * common attributes.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, type Parts } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const events: Array<Parts.Event> = []
 * const chunk = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * ResponseParts.contentEvents(chunk, events)
 * events.map((event) => event.type) // ["text", "finish"]
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const contentEvents = (chunk: Chunk, out: Array<Parts.Event>, isNamed?: boolean): void => {
  if (chunk.contentEvents !== undefined) return chunk.contentEvents(out, isNamed)
  ContentEvents.fromAttributes(chunk, out)
  let finished = 0
  for (const { finishReason, index } of chunk.choiceDeltas) {
    if (finishReason === undefined) continue
    const reason = chunk.commonFinishReasons[finished++] ?? "other"
    if (index === 0) out.push({ type: "finish", provider: chunk.provider, reason, raw: finishReason })
  }
}

// Some wires name the response in every chunk.
const names = (event: Parts.Event | undefined): boolean =>
  event?.type === "response" && event.id !== undefined && event.model !== undefined

/**
 * Turns the chunks of one response into stream parts, in the encoding that a `LanguageModel` of `effect/ai` is made of.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder {
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
 * import { OpenAiChunk } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const decoder = ResponseParts.decoder()
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
export const decoder = (options?: {
  /** In UTF-16 code units and bytes. Default: 256 Mi. */
  readonly maxSize?: number | undefined
  /** Whether text and reasoning count, too, as their pieces will be joined. Default: `false`. */
  readonly isJoined?: boolean | undefined
}): Decoder => {
  const { isJoined = false, maxSize = SizeLimit.maxSize } = options ?? {}
  const state = Parts.decoder()
  const events: Array<Parts.Event> = []
  let isNamed = false
  let size = 0
  let count = 0
  let failure: ProviderError | undefined
  return {
    get failure() {
      return failure
    },
    push: (chunks) => {
      const out: Array<AiResponse.StreamPartEncoded> = []
      for (const chunk of chunks) {
        if (failure !== undefined) break
        contentEvents(chunk, events, isNamed)
        isNamed ||= names(events[0])
        for (const event of events) size += sizeOf(event, isJoined)
        if (size > maxSize) failure = SizeLimit.tooLarge(chunk.provider, maxSize, count)
        else for (const event of events) state.push(event, out)
        events.length = 0
        count++
      }
      return out
    },
    end: () => {
      const out: Array<AiResponse.StreamPartEncoded> = []
      state.end(out)
      return out
    },
    cut: () => {
      const out: Array<AiResponse.StreamPartEncoded> = []
      state.cut(out)
      return out
    }
  }
}

/** How much of an event is kept. */
const sizeOf = (event: Parts.Event, isJoined: boolean): number => {
  switch (event.type) {
    case "text":
    case "reasoning":
      return isJoined ? event.delta.length : 0
    case "signature":
    case "arguments":
      return event.delta.length
    case "tool-call-piece":
      return event.piece.arguments.length
    case "file":
      return event.data?.length ?? 0
    default:
      return 0
  }
}

/**
 * A stream part from its encoding. It is what the schema of `effect/ai` makes of it, without the checks that a part of
 * this library does not need.
 *
 * @example
 * ```ts
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * ResponseParts.fromEncoded({ type: "text-start", id: "0" }).metadata // {}
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

/**
 * The parts of a finished response that its stream parts add up to: blocks are whole, in the order in which they began.
 * Of a stream that was cut off they are what had come; a tool call that did not end is not among them.
 *
 * @example
 * ```ts
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const [part] = ResponseParts.collect([
 *   { type: "text-start", id: "0" },
 *   { type: "text-delta", id: "0", delta: "Hel" },
 *   { type: "text-delta", id: "0", delta: "lo" },
 *   { type: "text-end", id: "0" }
 * ])
 * part // { type: "text", text: "Hello" }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const collect = (
  parts: Iterable<AiResponse.StreamPartEncoded>
): ReadonlyArray<AiResponse.PartEncoded> => {
  const collected: Array<AiResponse.PartEncoded | OpenText | undefined> = []
  const texts = new Map<string, OpenText>()
  const calls = new Map<string, number>()
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start": {
        const text: OpenText = {
          type: part.type === "text-start" ? "text" : "reasoning",
          text: "",
          ...withMetadata(part.metadata)
        }
        texts.set(`${text.type} ${part.id}`, text)
        collected.push(text)
        break
      }
      case "text-delta":
      case "reasoning-delta": {
        const text = texts.get(part.type === "text-delta" ? `text ${part.id}` : `reasoning ${part.id}`)
        if (text !== undefined) text.text += part.delta
        break
      }
      case "text-end":
      case "reasoning-end": {
        const text = texts.get(part.type === "text-end" ? `text ${part.id}` : `reasoning ${part.id}`)
        if (text !== undefined && part.metadata !== undefined) text.metadata = { ...text.metadata, ...part.metadata }
        break
      }
      case "tool-params-start":
        calls.set(part.id, collected.length)
        collected.push(undefined)
        break
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      case "tool-call": {
        const place = calls.get(part.id)
        if (place === undefined) collected.push(part)
        else collected[place] = part
        break
      }
      default:
        collected.push(part)
    }
  }
  return collected.filter((part) => part !== undefined)
}

interface OpenText {
  readonly type: "text" | "reasoning"
  text: string
  metadata?: AiResponse.ProviderMetadata
}

const withMetadata = (metadata: AiResponse.ProviderMetadata | undefined) =>
  metadata === undefined ? undefined : { metadata }

/**
 * What the chunks of one response said of its content. It is only ever appended to, so that what it was at some time is
 * the log and a length.
 *
 * @category models
 * @since 0.2.0
 */
export interface Log {
  /**
   * Adds a chunk, unless signatures, which no other field of a response has, would then be larger than what is left
   * (default: without limit, in UTF-16 code units); says whether it did.
   */
  readonly add: (chunk: Chunk, left?: number) => boolean
  /** Lets {@link encoded} know that a response is made of the chunks so far. */
  readonly remember: (response: object) => void
}

/**
 * Makes an empty log.
 *
 * @example
 * ```ts
 * import { OpenAiChunk } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const log = ResponseParts.log()
 * log.add(new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const log = (): Log => {
  const events: Array<Parts.Event> = []
  let isNamed = false
  let size = 0
  return {
    add: (chunk, left = Number.POSITIVE_INFINITY) => {
      const before = events.length
      contentEvents(chunk, events, isNamed)
      for (let at = before; at < events.length; at++) {
        const event = events[at]
        if (event?.type === "signature") size += event.delta.length
      }
      if (size > left) {
        events.length = before
        return false
      }
      isNamed ||= names(events[before])
      return true
    },
    remember: (response) => void attach(response, { events, length: events.length })
  }
}

interface Entry {
  readonly events: ReadonlyArray<Parts.Event>
  readonly length: number
}

// Not enumerable: a response equals another one that states the same. A weak map costs four times as much.
const entryOf = Symbol("effect-llm-stream/ResponseParts")

const attach = (response: object, value: Entry): void => {
  Object.defineProperty(response, entryOf, { value })
}

const entry = (response: object & { readonly [entryOf]?: Entry }): Entry | undefined => response[entryOf]

/**
 * Lets a copy of a response have the parts of the original.
 *
 * @example
 * ```ts
 * import { ChatResponse } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * declare const response: ChatResponse.ChatResponse
 *
 * const copy = ResponseParts.remember(new ChatResponse.ChatResponse({ ...response, model: "mine" }), response)
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const remember = <A extends object>(copy: A, original: object): A => {
  const value = entry(original)
  if (value !== undefined) attach(copy, value)
  return copy
}

/**
 * What a response has to state for its parts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Stated {
  readonly provider?: string | undefined
  readonly id?: string | undefined
  readonly model?: string | undefined
  readonly content: string
  readonly reasoning: string
  readonly refusal: string
  readonly toolCalls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly arguments: string }>
  readonly finishReasons: ReadonlyArray<string>
  readonly commonFinishReasons: ReadonlyArray<FinishReason>
  readonly usage?: Usage | undefined
  readonly audio?: {
    readonly id?: string | undefined
    readonly data: Uint8Array
    readonly transcript: string
    readonly expiresAt?: number | undefined
  } | undefined
  readonly error?: unknown
}

/**
 * The content parts of a response, encoded, in the order in which they began; `finish` is the last one unless the
 * response was cut off.
 *
 * A response that was not made of chunks in this process, such as one read from JSON, has the parts that its fields state.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, ChatResponse } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const response = ChatResponse.fromChunks([
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * ])
 * ResponseParts.encoded(response)[0] // { type: "text", text: "Hi" }
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const encoded = (response: Stated): ReadonlyArray<AiResponse.PartEncoded> => {
  const state = Parts.decoder()
  const out: Array<AiResponse.StreamPartEncoded> = []
  const { events, length } = entry(response) ?? stated(response)
  for (let i = 0; i < length; i++) {
    const event = events[i]
    if (event !== undefined) state.push(event, out)
  }
  const complete = response.error === undefined &&
    (response.finishReasons.length > 0 || response.audio !== undefined)
  if (complete) state.end(out)
  else state.cut(out)
  return collect(out)
}

const stated = (response: Stated): Entry => {
  const { audio, commonFinishReasons, finishReasons, id, model, provider = "" } = response
  const events: Array<Parts.Event> = []
  ContentEvents.fromAttributes({
    provider,
    id,
    model,
    content: response.content,
    reasoning: response.reasoning,
    refusal: response.refusal,
    toolCallDeltas: response.toolCalls.map((call, index) => ({ ...call, index })),
    audioDelta: audio === undefined ? undefined : {
      id: audio.id,
      data: audio.data,
      transcript: audio.transcript,
      expiresAt: audio.expiresAt
    },
    usage: response.usage
  }, events)
  const [reason] = commonFinishReasons
  if (reason !== undefined) events.push({ type: "finish", provider, reason, raw: finishReasons[0] ?? reason })
  return { events, length: events.length }
}

/**
 * The content parts of a response. See {@link encoded} for their encoding.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, ChatResponse } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const response = ChatResponse.fromChunks([
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * ])
 * ResponseParts.parts(response).map((part) => part.type) // ["text", "finish"]
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const parts = (response: Stated): ReadonlyArray<Part> => encoded(response).map((part) => contentDecoder()(part))

const contentDecoder = lazy(() => Schema.decodeSync(AiResponse.Part()))

/**
 * The message of the assistant that a response is in the next request. It has all that a provider wants back: signatures
 * and encrypted reasoning, ids of calls and of audio, and the calls and results of tools that the provider ran. A
 * response without any content gives a message without parts.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, ChatResponse } from "effect-llm-stream"
 * import * as ResponseParts from "effect-llm-stream/ResponseParts"
 *
 * const response = ChatResponse.fromChunks([
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 * ])
 * ResponseParts.message(response).role // "assistant"
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const message = (response: Stated): Prompt.AssistantMessage => {
  const [first] = Prompt.fromResponseParts(parts(response)).content
  return first?.role === "assistant" ? first : Prompt.assistantMessage({ content: [] })
}
