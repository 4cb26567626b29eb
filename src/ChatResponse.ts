/**
 * What a finished, or cut-off, stream adds up to.
 *
 * @since 0.1.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import type * as Chunk from "./Chunk.ts"
import { type Call, Calls } from "./content/calls.ts"
import { GrowingText } from "./content/growingText.ts"
import { leastPlaces, placeSize, Reader, sizeOf } from "./content/reader.ts"
import * as SizeLimit from "./content/sizeLimit.ts"
import { type Audio as ContentAudio, choiceOf, type ContentEvent, isOfChoice } from "./ContentEvent.ts"
import { Cost } from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import { ProviderError } from "./errors/providerError.ts"
import { FinishReason } from "./FinishReason.ts"
import { concat } from "./internal/bytes.ts"
import { clear } from "./internal/clear.ts"
import { List } from "./internal/list.ts"
import type * as Parts from "./Parts.ts"
import * as ResponseParts from "./ResponseParts.ts"
import { Usage } from "./Usage.ts"

/**
 * Schema of an assembled tool call.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ToolCall = Schema.Struct({
  /** The provider's id of the call, or `call_<position>` when the provider gave none. */
  id: Schema.String,
  /** True when the provider gave no id and this library made one. */
  generatedId: Schema.optionalKey(Schema.Literal(true)),
  /** Name of the tool; `""` when the stream ended before stating it. */
  name: Schema.String,
  /** The arguments' text exactly as streamed: usually JSON, `""` for none, cut off when the output limit was reached. */
  arguments: Schema.String
}).annotate({ identifier: "ToolCall" })

/**
 * An assembled tool call.
 *
 * @category models
 * @since 0.1.0
 */
export type ToolCall = typeof ToolCall.Type

/**
 * Schema of one of the alternative answers of a response.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Choice = Schema.Struct({
  index: Schema.Number,
  content: Schema.String,
  reasoning: Schema.String,
  refusal: Schema.String,
  toolCalls: Schema.Array(ToolCall),
  /** The provider's word; absent while the choice is not finished. */
  finishReason: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Choice" })

/**
 * One of the alternative answers of a response (`n` > 1 gives several).
 *
 * @category models
 * @since 0.1.0
 */
export type Choice = typeof Choice.Type

/**
 * Schema of the audio output of a response.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Audio = Schema.Struct({
  /** The provider's id, by which a later request can refer to this audio. */
  id: Schema.optionalKey(Schema.String),
  data: Schema.Uint8Array,
  transcript: Schema.String,
  /** Unix seconds until which the id is valid. */
  expiresAt: Schema.optionalKey(Schema.Number)
}).annotate({ identifier: "Audio" })

/**
 * The audio output of a response.
 *
 * @category models
 * @since 0.1.0
 */
export type Audio = typeof Audio.Type

/**
 * A response as far as its stream got. `content`, `reasoning`, `refusal` and `toolCalls` are those of choice 0;
 * `choices` has them all, ordered by index. A field that the stream did not state is `undefined`.
 *
 * `error` is set when the stream failed: the response is then what came until that moment.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, ChatResponse } from "effect-llm-stream"
 *
 * const response = ChatResponse.fromChunks([
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hel" } }] } }),
 *   new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "lo" }, finish_reason: "length" }] } })
 * ])
 * response.content // "Hello"
 * response.commonFinishReasons // ["length"]
 * response.usage // undefined
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class ChatResponse extends Schema.Class<ChatResponse>("effect-llm-stream/ChatResponse")({
  provider: Schema.optionalKey(Schema.String),
  id: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  content: Schema.String,
  reasoning: Schema.String,
  refusal: Schema.String,
  toolCalls: Schema.Array(ToolCall),
  /** The provider's finish reason of each finished choice, ordered by the choice's index. */
  finishReasons: Schema.Array(Schema.String),
  commonFinishReasons: Schema.Array(FinishReason),
  choices: Schema.Array(Choice),
  usage: Schema.optionalKey(Usage),
  audio: Schema.optionalKey(Audio),
  costMetadata: CostMetadata.CostMetadata,
  /** Set by `Pricing.priced`, when the price of the model is known. */
  cost: Schema.optionalKey(Cost),
  /** Number of chunks. */
  chunks: Schema.Natural,
  error: Schema.optionalKey(ProviderError)
}) {
  /**
   * The content as parts of `effect/ai`, in the order in which they began: text, reasoning, tool calls, what the provider
   * ran itself, sources, files. `finish` is the last one, unless the response was cut off.
   *
   * @since 0.2.0
   */
  get parts(): ReadonlyArray<Parts.Part> {
    return ResponseParts.parts(this)
  }

  /**
   * The message that this response is in the next request, with all that the provider wants back.
   *
   * @since 0.2.0
   */
  get message(): Prompt.AssistantMessage {
    return ResponseParts.message(this)
  }
}

/**
 * How large a response may grow, in UTF-16 code units of its texts and tool calls and bytes of its audio; whatever has no
 * text counts 64. Default: 256 Mi, half the length of the longest string in V8.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxSize: number = SizeLimit.maxSize

/**
 * The limit of the responses that `ChunkStream`'s operators add up. Default: {@link maxSize}.
 *
 * @example
 * ```ts
 * import { ChatResponse, ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* ChunkStream.response(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" })).pipe(
 *     Effect.provideService(ChatResponse.MaxSize, 1_000_000)
 *   )
 * })
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const MaxSize: Context.Reference<number> = Context.Reference<number>("effect-llm-stream/ChatResponse/MaxSize", {
  defaultValue: () => maxSize
})

/**
 * Adds chunks up. It is the one piece of state downstream of the decoder; use it through `ChunkStream`, or directly
 * where there is no stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Accumulator {
  /** Adds a chunk. Never throws; once there is a `failure` it does nothing. */
  readonly add: (chunk: Chunk.Chunk) => void
  /**
   * {@link add}, given the content events of the chunk.
   *
   * @internal
   */
  readonly addEvents: (chunk: Chunk.Chunk, events: ReadonlyArray<ContentEvent>) => void
  /** The response so far. Later additions do not change a response already taken. */
  readonly response: (error?: ProviderError) => ChatResponse
  /**
   * Set, to a `MalformedEvent`, by the chunk that makes the response larger than the limit. That chunk is not part of the
   * response, whose `error` it is.
   *
   * @since 0.2.0
   */
  readonly failure: ProviderError | undefined
}

/**
 * Makes an accumulator with no chunks yet.
 *
 * @example
 * ```ts
 * import { Chunk, ChatResponse } from "effect-llm-stream"
 *
 * declare const chunks: ReadonlyArray<Chunk.Chunk>
 *
 * const accumulator = ChatResponse.accumulator()
 * for (const chunk of chunks) accumulator.add(chunk)
 * const text = accumulator.response().content
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const accumulator = (options?: {
  /** Largest response, as {@link maxSize} counts. Default: that. */
  readonly maxSize?: number | undefined
}): Accumulator => {
  const limit = options?.maxSize ?? maxSize
  const most = Math.max(limit, leastPlaces)
  let size = 0
  let places = 0
  let failure: ProviderError | undefined
  let provider: string | undefined
  let id: string | undefined
  let model: string | undefined
  const costMetadata = CostMetadata.accumulator()
  let chunks = 0
  const states = new Map<number, ChoiceState>()
  let last: ChoiceState | undefined
  // A provider's call says nothing of a choice, so that a choice may have calls and no state.
  const calls = new Map<number, CallsState>()
  // What the next response has to put together anew.
  const changed: Array<ChoiceState> = []
  let choices: List<Choice> = List.empty
  let isOrdered = true
  let highest = Number.NEGATIVE_INFINITY
  let finishes: List<Finish> = List.empty
  let audio: AudioState | undefined
  /** Those that the next response states, unless there are more. */
  let reasons: ReadonlyArray<string> = []
  let common: ReadonlyArray<FinishReason> = []
  const log = new ResponseParts.Log()
  const reader = new Reader()

  const stateOf = (index: number): ChoiceState => {
    // Most events are of the choice that the one before is of.
    if (last?.index === index) return last
    return last = states.get(index) ?? begin(index)
  }

  const begin = (index: number): ChoiceState => {
    const state = new ChoiceState(index, states.size)
    places += placeSize
    states.set(index, state)
    isOrdered &&= index > highest
    highest = Math.max(index, highest)
    return state
  }

  const change = (state: ChoiceState): void => {
    if (state.isChanged) return
    state.isChanged = true
    changed.push(state)
  }

  const addEvents = (chunk: Chunk.Chunk, events: ReadonlyArray<ContentEvent>): void => {
    if (failure !== undefined) return
    for (const event of events) size += sizeOf(event)
    if (size > limit || places > most) {
      failure = SizeLimit.tooLarge(chunk.provider, limit, chunks)
      return
    }
    chunks++
    provider ??= chunk.provider
    id ??= chunk.id
    model ??= chunk.model
    costMetadata.add(chunk)
    for (const event of events) addEvent(event)
  }

  const seeCalls = (index: number, event: ContentEvent): void => {
    if (calls.size === 0 && !isOfCalls(event)) return
    let state = calls.get(index)
    if (state === undefined) {
      if (!isOfCalls(event)) return
      calls.set(index, state = new CallsState())
    }
    if (state.see(event)) change(stateOf(index))
  }

  const addEvent = (event: ContentEvent): void => {
    const index = choiceOf(event)
    // As nearly every event: what else there is has been told of the text before it.
    if (index === 0 && log.extend(event)) {
      const state = stateOf(0)
      change(state)
      state.add(event)
      return
    }
    const state = isOfChoice(event) ? stateOf(index) : undefined
    if (index === 0) {
      if (log.add(event, state?.before(event))) places += placeSize
      if (event.type === "audio") (audio ??= new AudioState()).add(event)
    } else if (event.type === "tool-call-piece") places += placeSize
    seeCalls(index, event)
    if (state === undefined) return
    change(state)
    state.add(event)
    if (event.type === "finish") {
      state.finish ??= finishes.size
      finishes = finishes.set(state.finish, { index, reason: event.raw, common: event.reason })
      if (finishes.isShort) {
        reasons = reasonsOf(finishes.toArray())
        common = commonOf(finishes.toArray())
      }
    }
  }

  const response = (error: ProviderError | undefined = failure): ChatResponse => {
    for (const state of changed) choices = choices.set(state.position, state.take(calls.get(state.index)))
    clear(changed)
    const { content, reasoning, refusal } = states.get(0)?.taken ?? nothing
    const usage = costMetadata.usage()
    // One by one: there may be a response for every chunk, and spreading takes several times as long.
    const self: { -readonly [K in keyof ChatResponse]: ChatResponse[K] } = Object.create(ChatResponse.prototype)
    if (provider !== undefined) self.provider = provider
    if (id !== undefined) self.id = id
    if (model !== undefined) self.model = model
    self.content = content
    self.reasoning = reasoning
    self.refusal = refusal
    const toolCalls = calls.get(0)?.all() ?? noToolCalls
    if (toolCalls.isShort) self.toolCalls = toolCalls.toArray()
    else later(self, "toolCalls", toolCalls, asTheyCame)
    if (finishes.isShort) {
      self.finishReasons = reasons
      self.commonFinishReasons = common
    } else {
      later(self, "finishReasons", finishes, reasonsOf)
      later(self, "commonFinishReasons", finishes, commonOf)
    }
    if (choices.isShort) self.choices = isOrdered ? choices.toArray() : inOrder(choices.toArray())
    else later(self, "choices", choices, isOrdered ? asTheyCame : inOrder)
    if (usage !== undefined) self.usage = usage
    if (audio !== undefined) self.audio = audio.audio()
    self.costMetadata = costMetadata.metadata()
    self.chunks = chunks
    if (error !== undefined) self.error = error
    log.remember(self)
    return self
  }

  return {
    add: (chunk) => failure === undefined ? addEvents(chunk, reader.read(chunk)) : undefined,
    addEvents,
    response,
    get failure() {
      return failure
    }
  }
}

/**
 * The response that chunks add up to. Beyond {@link maxSize} its `error` is set, and it is what came before.
 *
 * @example
 * ```ts
 * import { ChatResponse } from "effect-llm-stream"
 *
 * ChatResponse.fromChunks([]).chunks // 0
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromChunks = (chunks: Iterable<Chunk.Chunk>): ChatResponse => {
  const state = accumulator()
  for (const chunk of chunks) state.add(chunk)
  return state.response()
}

const nothing = { content: "", reasoning: "", refusal: "" }

const noToolCalls: List<ToolCall> = List.empty

/** Sets a property to what a long list holds, when it is first asked for: for each response, that would take ever longer. */
const later = <S extends object, K extends keyof S, A>(
  self: S,
  key: K,
  list: List<A>,
  read: (elements: ReadonlyArray<A>) => S[K]
): void => {
  let value: S[K] | undefined
  Object.defineProperty(self, key, {
    enumerable: true,
    configurable: true,
    get: () => value ??= read(list.toArray())
  })
}

const asTheyCame = <A>(elements: ReadonlyArray<A>): ReadonlyArray<A> => elements

const inOrder = <A extends { readonly index: number }>(list: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...list].sort((a, b) => a.index - b.index)

const reasonsOf = (all: ReadonlyArray<Finish>) => inOrder(all).map(({ reason }) => reason)

const commonOf = (all: ReadonlyArray<Finish>) => inOrder(all).map(({ common }) => common)

interface Finish {
  readonly index: number
  readonly reason: string
  readonly common: FinishReason
}

class ChoiceState {
  readonly index: number
  /** Among the choices, as they came. */
  readonly position: number
  /** Position among the choices that are finished. */
  finish: number | undefined
  /** Since it was last taken. */
  isChanged = false
  /** As it was last taken. */
  taken: Choice | undefined
  private readonly content = new GrowingText()
  private readonly reasoning = new GrowingText()
  private readonly refusal = new GrowingText()
  private finishReason: string | undefined

  constructor(index: number, position: number) {
    this.index = index
    this.position = position
  }

  /** What came before a piece of text or reasoning. */
  before({ type }: ContentEvent): GrowingText | undefined {
    return type === "text" ? this.content : type === "reasoning" ? this.reasoning : undefined
  }

  add(event: ContentEvent): void {
    switch (event.type) {
      case "text":
        this.content.add(event.delta)
        break
      case "reasoning":
        this.reasoning.add(event.delta)
        break
      case "refusal":
        this.refusal.add(event.delta)
        break
      case "finish":
        this.finishReason = event.raw
        break
      default:
    }
  }

  take(calls: CallsState | undefined): Choice {
    this.isChanged = false
    const toolCalls = calls?.all() ?? noToolCalls
    const choice: { -readonly [K in keyof Choice]: Choice[K] } = {
      index: this.index,
      content: this.content.text,
      reasoning: this.reasoning.text,
      refusal: this.refusal.text,
      toolCalls: toolCalls.isShort ? toolCalls.toArray() : []
    }
    if (!toolCalls.isShort) later(choice, "toolCalls", toolCalls, asTheyCame)
    if (this.finishReason !== undefined) choice.finishReason = this.finishReason
    return this.taken = choice
  }
}

const isOfCalls = ({ type }: ContentEvent): boolean =>
  type === "tool-call" || type === "tool-call-piece" || type === "tool-result"

/** The calls of a choice that are the caller's to run. */
class CallsState {
  private list: List<ToolCall> = List.empty
  private readonly positions = new Map<Call, number>()
  private readonly changed = new Set<Call>()
  private hasChanged = false
  private readonly calls = new Calls({
    begin: (call) => {
      if (!call.isClients) return
      this.positions.set(call, this.positions.size)
      this.change(call)
    },
    add: (call) => this.change(call),
    result: () => void (this.hasChanged ||= this.calls.hasPending)
  })

  /** Whether the list is another one afterwards. */
  see(event: ContentEvent): boolean {
    this.hasChanged = event.type === "tool-call-piece"
    this.calls.see(event)
    return this.hasChanged
  }

  private change(call: Call): void {
    if (!this.positions.has(call)) return
    this.changed.add(call)
    this.hasChanged = true
  }

  /** In the order in which they began; those that have not are last. */
  all(): List<ToolCall> {
    for (const call of this.changed) {
      const position = this.positions.get(call)
      if (position !== undefined) this.list = this.list.set(position, toolCall(call, call.id))
    }
    this.changed.clear()
    return this.calls.pending().reduce((list, [call, id]) => list.set(list.size, toolCall(call, id)), this.list)
  }
}

const toolCall = ({ id: decided, isGenerated, name, stated, text }: Call, id: string): ToolCall =>
  isGenerated || decided === "" && stated === undefined
    ? { id, generatedId: true, name, arguments: text }
    : { id, name, arguments: text }

class AudioState {
  private id: string | undefined
  private expiresAt: number | undefined
  private transcript = ""
  // Only ever appended to, so that a snapshot is the array and a length.
  private readonly pieces: Array<Uint8Array> = []

  add(delta: ContentAudio): void {
    this.id ??= delta.id
    this.expiresAt ??= delta.expiresAt
    if (delta.transcript !== undefined) this.transcript += delta.transcript
    if (delta.data !== undefined) this.pieces.push(delta.data)
  }

  audio(): Audio {
    const { pieces } = this
    const count = pieces.length
    let joined: Uint8Array | undefined
    return {
      ...(this.id === undefined ? undefined : { id: this.id }),
      get data() {
        return joined ??= concat(pieces.slice(0, count))
      },
      transcript: this.transcript,
      ...(this.expiresAt === undefined ? undefined : { expiresAt: this.expiresAt })
    }
  }
}
