/**
 * What an app shows of an answer, as one stream of plain events.
 *
 * `ChunkStream.events` gives the events of one response, and `ToolLoop` those of several. Everything in them is JSON
 * except bytes and costs, which the schema {@link ChatEvent} encodes; {@link toServerSentEvents} sends them to a
 * browser.
 *
 * @since 0.2.0
 */
import type * as AiResponse from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatResponse from "./ChatResponse.ts"
import type { Chunk } from "./Chunk.ts"
import { Cost } from "./Cost.ts"
import { FinishReason } from "./FinishReason.ts"
import { decodeStream } from "./internal/decodeStream.ts"
import { lazy } from "./internal/lazy.ts"
import * as PartialJson from "./PartialJson.ts"
import * as Pricing from "./Pricing.ts"
import { isProviderError, type ProviderError } from "./ProviderError.ts"
import * as ResponseParts from "./ResponseParts.ts"
import { Usage } from "./Usage.ts"
import * as Sse from "./wire/Sse.ts"

/**
 * Schema of a piece of the answer's text.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Text = Schema.TaggedStruct("Text", { delta: Schema.String }).annotate({ identifier: "ChatEventText" })

/**
 * A piece of the answer's text.
 *
 * @category models
 * @since 0.2.0
 */
export interface Text extends Schema.Schema.Type<typeof Text> {}

/**
 * Schema of a piece of the model's reasoning.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Reasoning = Schema.TaggedStruct("Reasoning", { delta: Schema.String }).annotate({
  identifier: "ChatEventReasoning"
})

/**
 * A piece of the model's reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface Reasoning extends Schema.Schema.Type<typeof Reasoning> {}

/**
 * Schema of a piece of the text by which the model refuses to answer.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Refusal = Schema.TaggedStruct("Refusal", { delta: Schema.String }).annotate({
  identifier: "ChatEventRefusal"
})

/**
 * A piece of the text by which the model refuses to answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

/**
 * Schema of a piece of a spoken answer.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Audio = Schema.TaggedStruct("Audio", {
  /** Samples in the format that was asked for. */
  data: Schema.optionalKey(Schema.Uint8Array),
  /** What is said. It comes in pieces of its own. */
  transcript: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "ChatEventAudio" })

/**
 * A piece of a spoken answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface Audio extends Schema.Schema.Type<typeof Audio> {}

const call = {
  /** The provider's id of the call, or one that this library made up when the provider gave none. */
  id: Schema.String,
  /** Name of the tool. */
  name: Schema.String
}

const providerExecuted = {
  /** Whether the provider runs the tool itself. */
  providerExecuted: Schema.Boolean
}

/**
 * Schema of the start of a tool call. One {@link ToolCall} or {@link InvalidToolCall} with the same id follows, unless
 * the app stops the stream first.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolCallStart = Schema.TaggedStruct("ToolCallStart", { ...call, ...providerExecuted }).annotate({
  identifier: "ChatEventToolCallStart"
})

/**
 * The start of a tool call.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallStart extends Schema.Schema.Type<typeof ToolCallStart> {}

/**
 * Schema of a piece of the arguments of a tool call.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolCallDelta = Schema.TaggedStruct("ToolCallDelta", {
  ...call,
  /** The piece of the arguments' text. */
  delta: Schema.String,
  /**
   * The arguments so far: strings may end early, and fields may be missing. For large arguments it changes only now and
   * then, so that the total work stays linear. Absent while there is no value.
   */
  partial: Schema.optionalKey(Schema.Json)
}).annotate({ identifier: "ChatEventToolCallDelta" })

/**
 * A piece of the arguments of a tool call.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallDelta extends Schema.Schema.Type<typeof ToolCallDelta> {}

/**
 * Schema of a tool call that is complete.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolCall = Schema.TaggedStruct("ToolCall", {
  ...call,
  /** The arguments: JSON that no schema has checked, or the text of a custom tool. */
  params: Schema.Unknown,
  ...providerExecuted
}).annotate({ identifier: "ChatEventToolCall" })

/**
 * A tool call that is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCall extends Schema.Schema.Type<typeof ToolCall> {}

/**
 * Schema of a tool call whose arguments are not complete JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const InvalidToolCall = Schema.TaggedStruct("InvalidToolCall", {
  ...call,
  /** The arguments' text as it came. */
  arguments: Schema.String,
  /**
   * - `incomplete`: the text ends too early, for example at the output limit or when the stream failed
   * - `invalid`: it is not JSON
   * - `unnamed`: the tool's name never came
   */
  problem: Schema.Literals(["incomplete", "invalid", "unnamed"]),
  /** Where in the text the JSON ends or goes wrong, in UTF-16 code units. */
  offset: Schema.Natural,
  ...providerExecuted
}).annotate({ identifier: "ChatEventInvalidToolCall" })

/**
 * A tool call whose arguments are not complete JSON. They are never repaired, and no tool runs with them.
 *
 * @category models
 * @since 0.2.0
 */
export interface InvalidToolCall extends Schema.Schema.Type<typeof InvalidToolCall> {}

/**
 * Schema of the result of a tool: one that the provider ran, or one that a `ToolLoop` ran.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolResult = Schema.TaggedStruct("ToolResult", {
  ...call,
  /** The result as the model gets it. */
  result: Schema.Unknown,
  isFailure: Schema.Boolean,
  /** Whether it is only progress: a later result with the same id replaces it. */
  preliminary: Schema.Boolean,
  ...providerExecuted
}).annotate({ identifier: "ChatEventToolResult" })

/**
 * The result of a tool: one that the provider ran, or one that a `ToolLoop` ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResult extends Schema.Schema.Type<typeof ToolResult> {}

/**
 * Schema of a request to approve a tool call.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolApprovalRequest = Schema.TaggedStruct("ToolApprovalRequest", {
  /** The id that the answer refers to. */
  approvalId: Schema.String,
  /** The id of the tool call. */
  toolCallId: Schema.String,
  /** Name of the tool; absent when the provider does not state it. */
  name: Schema.optionalKey(Schema.String),
  /** The arguments of the call. */
  params: Schema.Unknown,
  ...providerExecuted
}).annotate({ identifier: "ChatEventToolApprovalRequest" })

/**
 * A request to approve a tool call.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolApprovalRequest extends Schema.Schema.Type<typeof ToolApprovalRequest> {}

/**
 * Schema of a web page that the answer cites.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Source = Schema.TaggedStruct("Source", {
  url: Schema.String,
  /** The URL where the provider states no title. */
  title: Schema.String
}).annotate({ identifier: "ChatEventSource" })

/**
 * A web page that the answer cites. Each URL comes once in a response.
 *
 * @category models
 * @since 0.2.0
 */
export interface Source extends Schema.Schema.Type<typeof Source> {}

/**
 * Schema of a file that the model or one of the provider's tools made.
 *
 * @category schemas
 * @since 0.2.0
 */
export const File = Schema.TaggedStruct("File", {
  mediaType: Schema.String,
  data: Schema.Uint8Array
}).annotate({ identifier: "ChatEventFile" })

/**
 * A file that the model or one of the provider's tools made.
 *
 * @category models
 * @since 0.2.0
 */
export interface File extends Schema.Schema.Type<typeof File> {}

/**
 * Schema of the end of a response.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Finish = Schema.TaggedStruct("Finish", {
  /** Why the model stopped. */
  reason: FinishReason,
  /** The provider's own word for it; absent where it stated none. */
  finishReason: Schema.optionalKey(Schema.String),
  /** The provider's id of the response; absent where it stated none. */
  id: Schema.optionalKey(Schema.String),
  /** The model that answered; absent where it was not stated. */
  model: Schema.optionalKey(Schema.String),
  /** Absent where the provider stated none. */
  usage: Schema.optionalKey(Usage),
  /** At the prices of `Pricing`; absent where no usage was stated or the price of the model is not known. */
  cost: Schema.optionalKey(Cost)
}).annotate({ identifier: "ChatEventFinish" })

/**
 * The end of a response, with what it used and cost.
 *
 * @category models
 * @since 0.2.0
 */
export interface Finish extends Schema.Schema.Type<typeof Finish> {}

/**
 * Schema of the events of a response.
 *
 * @example
 * ```ts
 * import { ChatEvent } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const toJson = Schema.encodeSync(Schema.toCodecJson(ChatEvent.ChatEvent))
 * toJson({ _tag: "Text", delta: "Hello" }) // { _tag: "Text", delta: "Hello" }
 * ```
 *
 * @category schemas
 * @since 0.2.0
 */
export const ChatEvent = Schema.Union([
  Text,
  Reasoning,
  Refusal,
  Audio,
  ToolCallStart,
  ToolCallDelta,
  ToolCall,
  InvalidToolCall,
  ToolResult,
  ToolApprovalRequest,
  Source,
  File,
  Finish
])

/**
 * An event of a response. `_tag` says which.
 *
 * @category models
 * @since 0.2.0
 */
export type ChatEvent =
  | Text
  | Reasoning
  | Refusal
  | Audio
  | ToolCallStart
  | ToolCallDelta
  | ToolCall
  | InvalidToolCall
  | ToolResult
  | ToolApprovalRequest
  | Source
  | File
  | Finish

/**
 * The event that a response ends with. Its cost is that of the response, see `Pricing.priced`.
 *
 * @example
 * ```ts
 * import { ChatEvent, ChatResponse } from "effect-llm-stream"
 *
 * ChatEvent.finish(ChatResponse.fromChunks([])) // { _tag: "Finish", reason: "other" }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const finish = (response: ChatResponse.ChatResponse): Finish => {
  const { audio, commonFinishReasons: [reason], cost, finishReasons: [finishReason], id, model, usage } = response
  return {
    _tag: "Finish",
    // Spoken answers state no reason.
    reason: reason ?? (audio === undefined ? "other" : "stop"),
    ...(finishReason === undefined ? undefined : { finishReason }),
    ...(id === undefined ? undefined : { id }),
    ...(model === undefined ? undefined : { model }),
    ...(usage === undefined ? undefined : { usage }),
    ...(cost === undefined ? undefined : { cost })
  }
}

/**
 * Turns the chunks of one response into events, except {@link Finish}, which {@link finish} makes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder {
  /** Appends the events that a chunk gives. Never throws. */
  readonly push: (chunk: Chunk, out: Array<ChatEvent>) => void
  /** Appends the events that are left when the stream has ended well. */
  readonly end: (out: Array<ChatEvent>) => void
  /** Appends the events that are left when the stream was cut off: unfinished tool calls are invalid. */
  readonly cut: (out: Array<ChatEvent>) => void
  /** Whether a tool call has started and not finished. */
  readonly hasOpenCall: () => boolean
  /** Set, to a `MalformedEvent`, when the arguments of calls grew beyond the limit. No call finishes after that. */
  readonly failure: ProviderError | undefined
}

/**
 * Makes a decoder for the chunks of one response.
 *
 * @example
 * ```ts
 * import { ChatEvent, OpenAiChunk } from "effect-llm-stream"
 *
 * const decoder = ChatEvent.decoder()
 * const events: Array<ChatEvent.ChatEvent> = []
 * decoder.push(new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" } }] } }), events)
 * events // [{ _tag: "Text", delta: "Hi" }]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const decoder = (options?: {
  /** How much of the arguments of calls is kept. Default: 256 Mi characters. */
  readonly maxSize?: number | undefined
}): Decoder => {
  const parts = ResponseParts.decoder(options)
  const open = new Map<string, OpenCall>()
  const calls = new Map<string, ToolCall>()
  let isSpoken = false
  // Ended, and not yet said to be a call: the part that says so follows at once.
  let ended: OpenCall | undefined

  const giveUp = (call: OpenCall, out: Array<ChatEvent>): void => {
    open.delete(call.id)
    out.push(call.invalid())
  }
  const settle = (out: Array<ChatEvent>): void => {
    if (ended !== undefined) giveUp(ended, out)
    ended = undefined
  }
  const add = (part: AiResponse.StreamPartEncoded, out: Array<ChatEvent>): void => {
    if (part.type !== "tool-call") settle(out)
    switch (part.type) {
      case "tool-params-start": {
        const { id, name, providerExecuted = false } = part
        open.set(id, new OpenCall(id, name, providerExecuted))
        out.push({ _tag: "ToolCallStart", id, name, providerExecuted })
        break
      }
      case "tool-params-delta": {
        const call = open.get(part.id)
        if (call !== undefined) out.push(call.add(part.delta))
        break
      }
      case "tool-params-end": {
        const call = open.get(part.id)
        // The arguments of what the provider runs may be told by its result.
        if (call?.providerExecuted === false) ended = call
        break
      }
      case "tool-call": {
        const { id, name, params, providerExecuted = false } = part
        const call: ToolCall = { _tag: "ToolCall", id, name, params, providerExecuted }
        if (ended?.id === id) ended = undefined
        settle(out)
        open.delete(id)
        calls.set(id, call)
        out.push(call)
        break
      }
      case "tool-result": {
        const { id, isFailure, name, preliminary = false, result } = part
        out.push({ _tag: "ToolResult", id, name, result, isFailure, preliminary, providerExecuted: true })
        break
      }
      case "tool-approval-request": {
        const { approvalId, toolCallId } = part
        const call = calls.get(toolCallId)
        out.push({
          _tag: "ToolApprovalRequest",
          approvalId,
          toolCallId,
          ...(call === undefined ? undefined : { name: call.name }),
          params: call?.params,
          providerExecuted: true
        })
        break
      }
      case "source":
        if (part.sourceType === "url") out.push({ _tag: "Source", url: part.url, title: part.title })
        break
      case "file": {
        // A spoken answer came in pieces.
        if (isSpoken && part.mediaType.startsWith("audio/")) break
        const data = Base64.decode(part.data)
        if (Result.isSuccess(data)) out.push({ _tag: "File", mediaType: part.mediaType, data: data.success })
        break
      }
      default:
    }
  }
  const addAll = (encoded: ReadonlyArray<AiResponse.StreamPartEncoded>, out: Array<ChatEvent>): void => {
    for (const part of encoded) add(part, out)
    settle(out)
  }
  const close = (encoded: ReadonlyArray<AiResponse.StreamPartEncoded>, out: Array<ChatEvent>): void => {
    addAll(encoded, out)
    for (const call of open.values()) giveUp(call, out)
  }

  return {
    push: (chunk, out) => {
      const { audioDelta, content, reasoning, refusal } = chunk
      if (reasoning !== "") out.push({ _tag: "Reasoning", delta: reasoning })
      if (content !== "") out.push({ _tag: "Text", delta: content })
      if (refusal !== "") out.push({ _tag: "Refusal", delta: refusal })
      if (audioDelta?.data !== undefined || audioDelta?.transcript !== undefined) {
        isSpoken = true
        const { data, transcript } = audioDelta
        out.push({
          _tag: "Audio",
          ...(data === undefined ? undefined : { data }),
          ...(transcript === undefined ? undefined : { transcript })
        })
      }
      addAll(parts.push([chunk]), out)
    },
    end: (out) => close(parts.end(), out),
    cut: (out) => close(parts.cut(), out),
    hasOpenCall: () => open.size > 0,
    get failure() {
      return parts.failure
    }
  }
}

/**
 * The events of a response. When they have ended, the given accumulator has the response.
 *
 * @internal
 */
export const fromChunks = <C extends Chunk, E, R>(
  self: Stream.Stream<C, E, R>,
  accumulator = ChatResponse.accumulator()
): Stream.Stream<ChatEvent, E | ProviderError, R> =>
  Stream.suspend(() => {
    const events = decoder()
    const collect = (f: (out: Array<ChatEvent>) => void): ReadonlyArray<ChatEvent> => {
      const out: Array<ChatEvent> = []
      f(out)
      return out
    }
    const push = (chunks: ReadonlyArray<C>) =>
      collect((out) => {
        for (const chunk of chunks) {
          accumulator.add(chunk)
          if (accumulator.failure !== undefined) break
          events.push(chunk, out)
        }
      })
    const end = (response: ChatResponse.ChatResponse) =>
      collect((out) => {
        events.end(out)
        out.push(finish(response))
      })
    return decodeStream(self, {
      push,
      end: Effect.suspend(() => Effect.map(Pricing.priced(accumulator.response()), end)),
      cut: () => collect(events.cut),
      failure: () => accumulator.failure
    })
  })

/**
 * The text of the answer, piece by piece. All other events are left out.
 *
 * @example
 * ```ts
 * import { ChatEvent } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * const text = Stream.make<Array<ChatEvent.ChatEvent>>({ _tag: "Text", delta: "Hel" }, { _tag: "Text", delta: "lo" })
 * await Effect.runPromise(Stream.mkString(ChatEvent.text(text))) // "Hello"
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const text = <A extends { readonly _tag: string }, E, R>(
  self: Stream.Stream<A, E, R>
): Stream.Stream<string, E, R> => self.pipe(Stream.filter(isText), Stream.map(({ delta }) => delta))

const isText = Schema.is(Text)

/**
 * The events as server-sent events, for a browser: the body of a response of type `text/event-stream`. Each is named
 * after the `_tag` of its event and has the event's JSON as data; the last one is `End`. Other events, such as the
 * steps of a `ToolLoop`, stay on the server.
 *
 * A failure becomes an event `Failure` before the end. It has only the tag of the reason, because a provider's message
 * may not be meant for users. To log the error, use `Stream.tapError` before.
 *
 * @example
 * ```ts
 * import { ChatEvent, ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 *
 * const chat = (prompt: string) =>
 *   Effect.map(Provider.Provider, ({ stream }) =>
 *     HttpServerResponse.stream(ChatEvent.toServerSentEvents(ChunkStream.events(stream({ prompt }))), {
 *       contentType: "text/event-stream"
 *     }))
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const toServerSentEvents = <A extends { readonly _tag: string }, E, R>(
  self: Stream.Stream<A, E, R>
): Stream.Stream<Uint8Array, never, R> =>
  self.pipe(
    Stream.filter(isChatEvent),
    Stream.map((event) => serverSentEvent(event._tag, encodeJson()(event))),
    Stream.catch((error) => Stream.make(serverSentEvent("Failure", { _tag: "Failure", reason: reasonOf(error) }))),
    Stream.concat(Stream.make(serverSentEvent("End", { _tag: "End" }))),
    Stream.encodeText
  )

const isChatEvent = <A extends { readonly _tag: string }>(event: A): event is A & ChatEvent => tags.has(event._tag)

const tags: ReadonlySet<string> = new Set(ChatEvent.members.map((member) => member.fields._tag.schema.literal))

// A program without a browser does not pay for it.
const encodeJson = lazy(() => Schema.encodeSync(Schema.toCodecJson(ChatEvent)))

const serverSentEvent = (event: string, data: unknown): string => Sse.encode({ event, data: JSON.stringify(data) })

const reasonOf = (error: unknown): string =>
  isProviderError(error) ? error.reason._tag : Predicate.hasProperty(error, "_tag") ? String(error._tag) : "Unknown"

class OpenCall {
  readonly id: string
  readonly name: string
  readonly providerExecuted: boolean
  private text = ""
  private readonly json = PartialJson.make()

  constructor(id: string, name: string, providerExecuted: boolean) {
    this.id = id
    this.name = name
    this.providerExecuted = providerExecuted
  }

  add(delta: string): ToolCallDelta {
    const { id, name } = this
    this.text += delta
    this.json.push(delta)
    const partial = this.json.snapshot()
    return { _tag: "ToolCallDelta", id, name, delta, ...(partial === undefined ? undefined : { partial }) }
  }

  invalid(): InvalidToolCall {
    const { id, name, providerExecuted, text } = this
    const whole = this.json.end()
    return {
      _tag: "InvalidToolCall",
      id,
      name,
      arguments: text,
      providerExecuted,
      ...(Result.isFailure(whole)
        ? { problem: whole.failure.kind, offset: whole.failure.offset }
        : { problem: name === "" ? "unnamed" : "incomplete", offset: text.length })
    }
  }
}
