/**
 * What an app shows of an answer, as one stream of plain events.
 *
 * `ChunkStream.events` gives the events of one response, and `ToolLoop` those of several. Everything in them is JSON
 * except bytes and costs, which the schema {@link ChatEvent} encodes; `ServerSentEvents` sends them to a browser.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as AiResponse from "effect/ai/Response"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as ChatResponse from "./ChatResponse.ts"
import type { Chunk } from "./Chunk.ts"
import { decodeStream } from "./content/decodeStream.ts"
import { Reader, sizeOf } from "./content/reader.ts"
import * as SizeLimit from "./content/sizeLimit.ts"
import {
  choiceOf,
  type ContentEvent,
  type Finish as ContentFinish,
  type Key,
  type Source as ContentSource
} from "./ContentEvent.ts"
import { Cost } from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import { FinishReason } from "./FinishReason.ts"
import { clear } from "./internal/clear.ts"
import { defined } from "./internal/defined.ts"
import * as PartialJson from "./PartialJson.ts"
import * as Parts from "./Parts.ts"
import * as Pricing from "./Pricing.ts"
import type { ProviderError } from "./ProviderError.ts"
import { Usage } from "./Usage.ts"

/**
 * Whether events carry their account as well: which block a piece belongs to, and what a response is in the next
 * request. Front ends ask for it, as they have to show the one and to give back the other. Default: `false`.
 *
 * @internal
 */
export const Accounted: Context.Reference<boolean> = Context.Reference<boolean>(
  "effect-llm-stream/ChatEvent/Accounted",
  {
    defaultValue: () => false
  }
)

/**
 * What a response is in the next request.
 *
 * @internal
 */
export interface Account {
  readonly message: Prompt.AssistantMessage
  /** A loop answers its calls. Without one they are the client's to answer. */
  readonly isLoop?: true
  /** The calls that are the client's to answer all the same, by their ids. */
  readonly clients?: ReadonlyArray<string>
}

interface OfBlock {
  /**
   * The block of its response; absent unless {@link Accounted} asks for it.
   *
   * @internal
   */
  readonly block?: string
}

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
export interface Text extends Schema.Schema.Type<typeof Text>, OfBlock {}

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
export interface Reasoning extends Schema.Schema.Type<typeof Reasoning>, OfBlock {}

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
export interface Refusal extends Schema.Schema.Type<typeof Refusal>, OfBlock {}

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

const providerDefined = {
  /** The provider defines the tool, and the caller runs it, such as `apply_patch`. Absent for other tools. */
  providerDefined: Schema.optionalKey(Schema.Literal(true))
}

/**
 * Schema of the start of a tool call. One {@link ToolCall} or {@link InvalidToolCall} with the same id follows, unless
 * the app stops the stream first.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ToolCallStart = Schema.TaggedStruct("ToolCallStart", {
  ...call,
  ...providerExecuted,
  ...providerDefined
}).annotate({ identifier: "ChatEventToolCallStart" })

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
   * The arguments so far: strings may end early, and fields may be missing. Absent while there is no value, when it is
   * the one before, and in most events of large arguments, so that all of them together stay linear.
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
  ...providerExecuted,
  ...providerDefined
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
  ...providerExecuted,
  ...providerDefined
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
 * Schema of what the answer cites: a web page, or a document of the request.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Source = Schema.TaggedStruct("Source", {
  /** Of a web page; absent for a document. */
  url: Schema.optionalKey(Schema.String),
  /** The provider's id of the file, or its position among the documents of the request; absent for a web page. */
  document: Schema.optionalKey(Schema.String),
  /** The URL or the document where the provider states no title. */
  title: Schema.String,
  /** The text that is cited; absent where the provider does not state it. */
  citedText: Schema.optionalKey(Schema.String),
  /** Where in the source the text is, as the provider counts; absent where it does not say. */
  place: Schema.optionalKey(Schema.Struct({
    unit: Schema.Literals(["character", "page", "block", "chunk"]),
    start: Schema.Finite,
    /** The first unit after the text. */
    end: Schema.optionalKey(Schema.Finite)
  }))
}).annotate({ identifier: "ChatEventSource" })

/**
 * What the answer cites: a web page, or a document of the request. Each citation comes once in a response.
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
export interface Finish extends Schema.Schema.Type<typeof Finish> {
  /**
   * Absent unless {@link Accounted} asks for it.
   *
   * @internal
   */
  readonly account?: Account
}

/**
 * The events of a response but the last.
 *
 * @internal
 */
export const contents = [
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
  File
] as const

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
export const ChatEvent = Schema.Union([...contents, Finish])

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
  // One by one: a spread would make the lists that are made only when asked for.
  const { audio, commonFinishReasons: [reason], cost, finishReasons: [finishReason], id, model, usage } = response
  return finishOf({ isSpoken: audio !== undefined, reason, finishReason, id, model, usage, cost })
}

/** What a response has to state for its end. */
interface Stated {
  readonly reason: FinishReason | undefined
  readonly finishReason: string | undefined
  /** Spoken answers state no reason. */
  readonly isSpoken: boolean
  readonly id?: string | undefined
  readonly model?: string | undefined
  readonly usage?: Usage | undefined
  readonly cost?: Cost | undefined
}

const finishOf = ({ cost, finishReason, id, isSpoken, model, reason, usage }: Stated): Finish => ({
  _tag: "Finish",
  reason: reason ?? (isSpoken ? "stop" : "other"),
  ...defined({ finishReason, id, model, usage, cost })
})

/**
 * Turns the chunks of one response into events, except {@link Finish}, which {@link finish} makes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder {
  /** Appends the events that a chunk gives. Never throws. */
  readonly push: (chunk: Chunk, out: Array<ChatEvent>) => void
  /**
   * {@link push}, given the content events of the chunk.
   *
   * @internal
   */
  readonly pushEvents: (chunk: Chunk, events: ReadonlyArray<ContentEvent>, out: Array<ChatEvent>) => void
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
  /** @internal */
  readonly isAccounted?: boolean | undefined
}): Decoder => {
  const { isAccounted = false, maxSize = SizeLimit.maxSize } = options ?? {}
  const blocks = isAccounted ? new Blocks() : undefined
  const reader = new Reader()
  // Calls whose arguments are broken are told at once, as `InvalidToolCall`.
  const parts = new Parts.State(null)
  const encoded: Array<AiResponse.StreamPartEncoded> = []
  const open = new Map<string, OpenCall>()
  const calls = new Map<string, ToolCall>()
  /** The calls that were told to be invalid. What refers to them later does not tell them again. */
  const invalid = new Set<string>()
  const sources = new Set<string>()
  let size = 0
  let count = 0
  let failure: ProviderError | undefined
  // Ended, and not yet said to be a call: the part that says so follows at once.
  let ended: OpenCall | undefined

  const giveUp = (call: OpenCall, out: Array<ChatEvent>): void => {
    open.delete(call.id)
    invalid.add(call.id)
    out.push(call.invalid())
  }
  const settle = (out: Array<ChatEvent>): void => {
    if (ended !== undefined) giveUp(ended, out)
    ended = undefined
  }
  const add = (part: AiResponse.StreamPartEncoded, out: Array<ChatEvent>): void => {
    if (part.type === "tool-call" && part.id === ended?.id) ended = undefined
    settle(out)
    switch (part.type) {
      case "tool-params-start": {
        const { id, name, providerExecuted = false } = part
        const event = parts.calls.get(id)?.event
        const isDefined = event?.type === "tool-call" && event.providerDefined === true
        const kind: Kind = { providerExecuted, ...(isDefined ? { providerDefined: true } : undefined) }
        open.set(id, new OpenCall(id, name, kind))
        out.push({ _tag: "ToolCallStart", id, name, ...kind })
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
        if (call?.kind.providerExecuted === false) ended = call
        break
      }
      case "tool-call": {
        const { id, name, params, providerExecuted = false } = part
        const kind = open.get(id)?.kind ?? { providerExecuted }
        const call: ToolCall = { _tag: "ToolCall", id, name, params, ...kind }
        open.delete(id)
        calls.set(id, call)
        if (!invalid.has(id)) out.push(call)
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
      case "file": {
        const data = Base64.decode(part.data)
        if (Result.isSuccess(data)) out.push({ _tag: "File", mediaType: part.mediaType, data: data.success })
        break
      }
      default:
    }
  }
  const flush = (out: Array<ChatEvent>): void => {
    for (const part of encoded) add(part, out)
    clear(encoded)
    settle(out)
  }
  const close = (end: (out: Array<AiResponse.StreamPartEncoded>) => void, out: Array<ChatEvent>): void => {
    end(encoded)
    flush(out)
    for (const call of open.values()) giveUp(call, out)
  }
  const pushEvent = (event: ContentEvent, out: Array<ChatEvent>): void => {
    switch (event.type) {
      case "text":
      case "reasoning":
      case "refusal":
        if (event.delta === "" || choiceOf(event) !== 0) return
        // It ends the call under its key.
        if (open.size > 0) parts.push({ type: "end", key: event.key }, encoded)
        flush(out)
        out.push(
          blocks !== undefined
            ? { _tag: tagOf[event.type], delta: event.delta, block: blocks.of(event.type, event.key) }
            // A name that is looked up takes longer, and most of an answer is text.
            : event.type === "text"
            ? { _tag: "Text", delta: event.delta }
            : { _tag: tagOf[event.type], delta: event.delta }
        )
        return
      case "audio": {
        const { data, transcript } = event
        if (data === undefined && transcript === undefined) return
        flush(out)
        out.push({
          _tag: "Audio",
          ...(data === undefined ? undefined : { data }),
          ...(transcript === undefined ? undefined : { transcript })
        })
        return
      }
      case "annotation":
      case "signature":
        if (open.size > 0) parts.push({ type: "end", key: event.key }, encoded)
        return
      case "source": {
        const source = sourceOf(event)
        if (source === undefined) return
        const identity = JSON.stringify(source)
        if (sources.has(identity)) return
        sources.add(identity)
        flush(out)
        out.push(source)
        return
      }
      case "choice":
      case "response":
      case "usage":
      case "finish":
      case "details":
        return
      default:
        if ("key" in event) blocks?.end(event.key)
        parts.push(event, encoded)
    }
  }
  const pushEvents = (chunk: Chunk, events: ReadonlyArray<ContentEvent>, out: Array<ChatEvent>): void => {
    if (failure !== undefined) return
    const [only] = events
    // As nearly every chunk.
    if (events.length === 1 && only?.type === "text") {
      count++
      return pushEvent(only, out)
    }
    for (const event of events) if (isKept(event)) size += sizeOf(event)
    if (size > maxSize) {
      failure = SizeLimit.tooLarge(chunk.provider, maxSize, count)
      return
    }
    count++
    for (const event of events) pushEvent(event, out)
    flush(out)
  }

  return {
    push: (chunk, out) => failure === undefined ? pushEvents(chunk, reader.read(chunk), out) : undefined,
    pushEvents,
    end: (out) => close(parts.end, out),
    cut: (out) => close(parts.cut, out),
    hasOpenCall: () => open.size > 0,
    get failure() {
      return failure
    }
  }
}

const sourceOf = ({ citedText, document, place, title, url }: ContentSource): Source | undefined => {
  const isPage = url !== undefined && URL.canParse(url)
  if (!isPage && !document) return undefined
  return {
    _tag: "Source",
    ...defined({ url: isPage ? url : undefined, document: isPage ? undefined : document, citedText, place }),
    title: title || (isPage ? url : document) || ""
  }
}

const tagOf = { text: "Text", reasoning: "Reasoning", refusal: "Refusal" } as const

/** Tells the blocks of texts apart: a key is used again after its block has ended. */
class Blocks {
  private readonly open = new Map<Key, { readonly type: string; readonly id: string }>()
  private count = 0

  of(type: string, key: Key): string {
    const known = this.open.get(key)
    if (known?.type === type) return known.id
    const id = String(this.count++)
    this.open.set(key, { type, id })
    return id
  }

  end(key: Key): void {
    this.open.delete(key)
  }
}

/** Text and sound are passed on. */
const isKept = ({ type }: ContentEvent): boolean =>
  type === "arguments" || type === "tool-call-piece" || type === "file"

/** What the last event needs of a response. */
class Ending {
  private readonly costs = CostMetadata.accumulator()
  private readonly finishes = new Map<number, ContentFinish>()
  private isSpoken = false
  private id: string | undefined
  private model: string | undefined

  add(chunk: Chunk, events: ReadonlyArray<ContentEvent>): void {
    this.costs.add(chunk)
    this.id ??= chunk.id
    this.model ??= chunk.model
    for (const event of events) {
      if (event.type === "finish") this.finishes.set(choiceOf(event), event)
      else if (event.type === "audio") this.isSpoken = true
    }
  }

  finish(): Effect.Effect<Finish> {
    const { id, isSpoken, model } = this
    let first: number | undefined
    for (const choice of this.finishes.keys()) first = Math.min(first ?? choice, choice)
    const { raw, reason } = first === undefined ? {} : this.finishes.get(first) ?? {}
    const usage = this.costs.usage()
    return Effect.map(
      Pricing.costOf(this.costs.metadata()),
      (cost) => finishOf({ id, model, isSpoken, usage, cost, reason, finishReason: raw })
    )
  }
}

/**
 * The events of a response. When they have ended, the accumulator, if one is given, has the response.
 *
 * @internal
 */
export const fromChunks = <C extends Chunk, E, R>(
  self: Stream.Stream<C, E, R>,
  options: {
    readonly maxSize?: number | undefined
    readonly accumulator?: ChatResponse.Accumulator | undefined
    readonly isAccounted?: boolean | undefined
  } = {}
): Stream.Stream<ChatEvent, E | ProviderError, R> =>
  Stream.suspend(() => {
    const { accumulator, isAccounted = false } = options
    const reader = new Reader()
    const events = decoder(options)
    const ending = new Ending()
    const collect = (f: (out: Array<ChatEvent>) => void): ReadonlyArray<ChatEvent> => {
      const out: Array<ChatEvent> = []
      f(out)
      return out
    }
    const failure = () => accumulator?.failure ?? events.failure
    return decodeStream(self, {
      push: (chunks: ReadonlyArray<C>) =>
        collect((out) => {
          for (const chunk of chunks) {
            const content = reader.read(chunk)
            // A whole response has all that the end needs.
            if (accumulator === undefined) ending.add(chunk, content)
            else {
              accumulator.addEvents(chunk, content)
              if (accumulator.failure !== undefined) break
            }
            events.pushEvents(chunk, content, out)
          }
        }),
      end: Effect.suspend(() => {
        const last = collect(events.end)
        const finished = accumulator === undefined
          ? ending.finish()
          : Effect.map(Pricing.priced(accumulator.response()), (response): Finish =>
            isAccounted ? { ...finish(response), account: { message: response.message } } : finish(response))
        return Effect.map(finished, (event) => [...last, event])
      }),
      cut: () =>
        collect(events.cut),
      failure
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

interface Kind extends Pick<ToolCall, "providerExecuted" | "providerDefined"> {}

const firstCredit = 1_000

// All partial arguments together are at most so many times the text.
const creditPerCharacter = 32

class OpenCall {
  readonly id: string
  readonly name: string
  readonly kind: Kind
  private text = ""
  private readonly json = PartialJson.parser()
  private last: Schema.Json | undefined
  /** How much text the next `partial` may have. */
  private credit = firstCredit

  constructor(id: string, name: string, kind: Kind) {
    this.id = id
    this.name = name
    this.kind = kind
  }

  add(delta: string): ToolCallDelta {
    const { id, name } = this
    this.text += delta
    this.json.push(delta)
    this.credit += delta.length * creditPerCharacter
    const partial = this.text.length > this.credit ? undefined : this.json.snapshot()
    if (partial === undefined || partial === this.last) return { _tag: "ToolCallDelta", id, name, delta }
    this.last = partial
    this.credit -= this.text.length
    return { _tag: "ToolCallDelta", id, name, delta, partial }
  }

  invalid(): InvalidToolCall {
    const { id, kind, name, text } = this
    const whole = this.json.end()
    return {
      _tag: "InvalidToolCall",
      id,
      name,
      arguments: text,
      ...kind,
      ...(Result.isFailure(whole)
        ? { problem: whole.failure.kind, offset: whole.failure.offset }
        : { problem: name === "" ? "unnamed" : "incomplete", offset: text.length })
    }
  }
}
