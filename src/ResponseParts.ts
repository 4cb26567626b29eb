/**
 * Content parts of finished responses, and the message that a response is in the next request.
 *
 * These stand behind `ChatResponse.parts` and `ChatResponse.message`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as AiResponse from "effect/ai/Response"
import * as Schema from "effect/Schema"
import * as ChatRequest from "./ChatRequest.ts"
import { invalidArguments } from "./content/calls.ts"
import { GrowingText } from "./content/growingText.ts"
import type { ContentEvent, Key, Response, Text } from "./ContentEvent.ts"
import type { FinishReason } from "./FinishReason.ts"
import { lazy } from "./internal/lazy.ts"
import * as Parts from "./Parts.ts"
import type { Usage } from "./Usage.ts"

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
 * What the chunks of one response said of its content. Entries are added or replaced, but never changed, so that what it
 * was at some time is the log, a length and the last entry.
 *
 * @internal
 */
export class Log {
  private readonly events: Array<ContentEvent> = []
  /** The last entry, while it may go on. */
  private open: OpenEntry | undefined
  /** Whether the id and the model of the response are known. */
  private hasId = false
  private hasModel = false

  /**
   * Adds an event that does not {@link extend} the text before it, and says whether it takes a place of its own. `before` is what came of the text or the reasoning before it, to which the
   * caller adds the event.
   */
  add(event: ContentEvent, before: GrowingText | undefined): boolean {
    const { events, open } = this
    if (event.type === "response" && !this.isNews(event)) return false
    if (open !== undefined) events[events.length - 1] = open.event
    this.open = event.type === "text" || event.type === "reasoning" ? new OpenEntry(event, before) : undefined
    events.push(event)
    return true
  }

  /** Adds the event to the text before it, if it is a piece of that, and says whether it is. */
  extend(event: ContentEvent): boolean {
    const { open } = this
    if (
      open === undefined || event.type !== "text" && event.type !== "reasoning" || event.type !== open.type ||
      event.key !== open.key
    ) return false
    open.add(event.delta)
    return true
  }

  /** Some hosts name the response in each chunk, and never state its id. */
  private isNews({ id, model }: Response): boolean {
    const isNews = id !== undefined && !this.hasId || model !== undefined && !this.hasModel
    this.hasId ||= id !== undefined
    this.hasModel ||= model !== undefined
    return isNews
  }

  /** Lets {@link encoded} know that a new response is made of the events so far. */
  remember(response: object): void {
    const { events, open } = this
    const { length } = events
    Remembering.add(response, { events, length, last: open === undefined ? events[length - 1] : open.event })
  }
}

/** A text that goes on with the next piece under its key. */
class OpenEntry {
  readonly type: Text["type"]
  readonly key: Key
  private readonly text: GrowingText
  /** The text is all that the caller has of this kind, so that it need not be kept twice. */
  private readonly isShared: boolean

  constructor({ delta, key, type }: Text, before: GrowingText | undefined) {
    this.type = type
    this.key = key
    const shared = before?.isEmpty === true ? before : undefined
    this.isShared = shared !== undefined
    this.text = shared ?? new GrowingText()
    this.add(delta)
  }

  add(delta: string): void {
    if (!this.isShared) this.text.add(delta)
  }

  get event(): Text {
    return { type: this.type, key: this.key, delta: this.text.text }
  }
}

interface Entry {
  readonly events: ReadonlyArray<ContentEvent>
  readonly length: number
  readonly last: ContentEvent | undefined
}

/** Its constructor gives the object that it is given, so that {@link Remembering} adds its field to that. */
// oxlint-disable-next-line typescript/no-extraneous-class -- only a class can be extended
class Given {
  constructor(response: object) {
    return response
  }
}

// In a private field: a response equals another one that states the same. A weak map and a property that is not enumerable
// take several times as long.
class Remembering extends Given {
  #entry: Entry

  private constructor(response: object, entry: Entry) {
    super(response)
    this.#entry = entry
  }

  static add(response: object, entry: Entry): void {
    void new Remembering(response, entry)
  }

  static replace(response: object, entry: Entry): void {
    if (#entry in response) response.#entry = entry
    else Remembering.add(response, entry)
  }

  static entry(response: object): Entry | undefined {
    return #entry in response ? response.#entry : undefined
  }
}

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
  const value = Remembering.entry(original)
  if (value !== undefined) Remembering.replace(copy, value)
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
export const encoded = (response: Stated): ReadonlyArray<AiResponse.PartEncoded> => replay(response)

const replay = (
  response: Stated,
  brokenParams?: (text: string) => unknown
): ReadonlyArray<AiResponse.PartEncoded> => {
  const state = Parts.decoder({ brokenParams })
  const out: Array<AiResponse.StreamPartEncoded> = []
  const { events, last, length } = Remembering.entry(response) ?? stated(response)
  for (let i = 0; i < length; i++) {
    const event = i === length - 1 ? last : events[i]
    if (event !== undefined) state.push(event, out)
  }
  const complete = response.error === undefined &&
    (response.finishReasons.length > 0 || response.audio !== undefined)
  if (complete) state.end(out)
  else state.cut(out)
  return collect(out)
}

const stated = (response: Stated): Entry => {
  const {
    audio,
    commonFinishReasons: [reason],
    content,
    finishReasons,
    id,
    model,
    reasoning,
    refusal,
    toolCalls,
    usage
  } = response
  const { provider = "" } = response
  const events: Array<ContentEvent> = [
    { type: "response", id, model },
    { type: "reasoning", key: "content", delta: reasoning },
    { type: "text", key: "content", delta: content },
    { type: "refusal", key: "refusal", delta: refusal, provider },
    { type: "end", key: "content" }
  ]
  for (const [index, call] of toolCalls.entries()) events.push({ type: "tool-call-piece", index, ...call })
  if (audio !== undefined) {
    const { data, expiresAt, id, transcript } = audio
    events.push({ type: "audio", provider, id, data, transcript, expiresAt })
  }
  if (usage !== undefined) events.push({ type: "usage", provider, usage })
  if (reason !== undefined) events.push({ type: "finish", provider, reason, raw: finishReasons[0] ?? reason })
  return { events, length: events.length, last: events.at(-1) }
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
export const parts = (response: Stated): ReadonlyArray<Parts.Part> => decoded(encoded(response))

const decoded = (parts: ReadonlyArray<AiResponse.PartEncoded>): ReadonlyArray<Parts.Part> =>
  parts.map((part) => contentDecoder()(part))

const contentDecoder = lazy(() => Schema.decodeSync(AiResponse.Part()))

/**
 * The message of the assistant that a response is in the next request. It has all that a provider wants back: signatures
 * and encrypted reasoning, ids of calls and of audio, and the calls and results of tools that the provider ran. A
 * response without any content gives a message without parts.
 *
 * Of an answer that was not cut short it has all of `toolCalls` that are named, so that each can be answered.
 * Arguments that are not a JSON object, which no API takes back, become the field `INVALID_JSON` of one.
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
  const parts = replay(response, invalidArguments)
  // Something in the answer refers to them, but no program can answer a call of no tool.
  const unnamed = new Set(
    parts.flatMap((part) =>
      part.type === "tool-call" && part.providerExecuted !== true && part.name === "" ? [part.id] : []
    )
  )
  const [first] = Prompt.fromResponseParts(
    decoded(parts.filter((part) => part.type !== "tool-call" && part.type !== "tool-result" || !unnamed.has(part.id)))
  ).content
  return Prompt.assistantMessage({
    content: first?.role === "assistant" ? first.content.map(withObject) : [],
    options: first?.role === "assistant" ? first.options : undefined
  })
}

const withObject = (part: Prompt.AssistantMessagePart): Prompt.AssistantMessagePart =>
  part.type !== "tool-call" || part.providerExecuted || ChatRequest.isArguments(part.params) ||
    ChatRequest.isFreeText(part)
    ? part
    : { ...part, params: invalidArguments(JSON.stringify(part.params)) }
