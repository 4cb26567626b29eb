/**
 * What a finished, or cut-off, stream adds up to.
 *
 * @since 0.1.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Schema from "effect/Schema"
import type * as Chunk from "./Chunk.ts"
import { Cost } from "./Cost.ts"
import * as Metadata from "./CostMetadata.ts"
import { FinishReason } from "./FinishReason.ts"
import { concat } from "./internal/bytes.ts"
import { trusted } from "./internal/trusted.ts"
import { ProviderError } from "./ProviderError.ts"
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
 * `error` is set when the stream failed: the response is then what had come until that moment.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, Response } from "effect-llm-stream"
 *
 * const response = Response.fromChunks([
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
export class Response extends Schema.Class<Response>("effect-llm-stream/Response")({
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
  costMetadata: Metadata.CostMetadata,
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
  get parts(): ReadonlyArray<ResponseParts.Part> {
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
 * Adds chunks up. It is the one piece of state downstream of the decoder; use it through `ChunkStream`, or directly
 * where there is no stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Accumulator {
  readonly add: (chunk: Chunk.Chunk) => void
  /** The response so far. Later additions do not change a response already taken. */
  readonly response: (error?: ProviderError) => Response
}

/**
 * Makes an accumulator with no chunks yet.
 *
 * @example
 * ```ts
 * import { Chunk, Response } from "effect-llm-stream"
 *
 * declare const chunks: ReadonlyArray<Chunk.Chunk>
 *
 * const accumulator = Response.accumulator()
 * for (const chunk of chunks) accumulator.add(chunk)
 * const text = accumulator.response().content
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const accumulator = (): Accumulator => {
  let provider: string | undefined
  let id: string | undefined
  let model: string | undefined
  const costMetadata = Metadata.accumulator()
  let chunks = 0
  const choices = new Map<number, ChoiceState>()
  let audio: AudioState | undefined
  const parts = ResponseParts.log()

  const add = (chunk: Chunk.Chunk): void => {
    chunks++
    parts.add(chunk)
    provider ??= chunk.provider
    id ??= chunk.id
    model ??= chunk.model
    costMetadata.add(chunk)
    let finished = 0
    let commonFinishReasons: ReadonlyArray<FinishReason> | undefined
    for (const delta of chunk.choiceDeltas) {
      let choice = choices.get(delta.index)
      if (choice === undefined) choices.set(delta.index, choice = new ChoiceState(delta.index))
      choice.add(delta)
      if (delta.finishReason !== undefined) {
        commonFinishReasons ??= chunk.commonFinishReasons
        choice.commonFinishReason = commonFinishReasons[finished++] ?? "other"
      }
    }
    if (chunk.audioDelta !== undefined) {
      audio ??= new AudioState()
      audio.add(chunk.audioDelta)
    }
  }

  const response = (error?: ProviderError): Response => {
    const usage = costMetadata.usage()
    const states = Array.from(choices.values()).sort((a, b) => a.index - b.index)
    const all = states.map((state) => state.choice())
    const first = all.find((choice) => choice.index === 0)
    const response = trusted(Response, {
      ...(provider === undefined ? undefined : { provider }),
      ...(id === undefined ? undefined : { id }),
      ...(model === undefined ? undefined : { model }),
      content: first?.content ?? "",
      reasoning: first?.reasoning ?? "",
      refusal: first?.refusal ?? "",
      toolCalls: first?.toolCalls ?? [],
      finishReasons: all.flatMap((choice) => choice.finishReason ?? []),
      commonFinishReasons: states.flatMap((state) => state.commonFinishReason ?? []),
      choices: all,
      ...(usage === undefined ? undefined : { usage }),
      ...(audio === undefined ? undefined : { audio: audio.audio() }),
      costMetadata: costMetadata.metadata(),
      chunks,
      ...(error === undefined ? undefined : { error })
    })
    parts.remember(response)
    return response
  }

  return { add, response }
}

/**
 * The response that chunks add up to.
 *
 * @example
 * ```ts
 * import { Response } from "effect-llm-stream"
 *
 * Response.fromChunks([]).chunks // 0
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromChunks = (chunks: Iterable<Chunk.Chunk>): Response => {
  const state = accumulator()
  for (const chunk of chunks) state.add(chunk)
  return state.response()
}

class ChoiceState {
  readonly index: number
  private content = ""
  private reasoning = ""
  private refusal = ""
  private finishReason: string | undefined
  /** Of the last finish reason. */
  commonFinishReason: FinishReason | undefined
  private readonly toolCalls = new ToolCallsState()

  constructor(index: number) {
    this.index = index
  }

  add(delta: Chunk.ChoiceDelta): void {
    this.content += delta.content
    this.reasoning += delta.reasoning
    this.refusal += delta.refusal
    for (const toolCallDelta of delta.toolCallDeltas) this.toolCalls.add(toolCallDelta)
    if (delta.finishReason !== undefined) this.finishReason = delta.finishReason
  }

  choice(): Choice {
    return {
      index: this.index,
      content: this.content,
      reasoning: this.reasoning,
      refusal: this.refusal,
      toolCalls: this.toolCalls.all(),
      ...(this.finishReason === undefined ? undefined : { finishReason: this.finishReason })
    }
  }
}

interface ToolCallState {
  index: number | undefined
  id: string | undefined
  name: string
  arguments: string
}

const follows = (call: ToolCallState, delta: Chunk.ToolCallDelta): boolean =>
  call.id === undefined && delta.id === undefined && call.name !== "" && delta.name !== undefined &&
  delta.arguments.trim() !== "" && isWhole(call.arguments)

// Nothing that could come after it would leave it JSON.
const isWhole = (text: string): boolean => {
  if (!text.trimEnd().endsWith("}")) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Assembles tool calls from their pieces. Which call a piece belongs to, in this order: the call at its index, unless
 * the piece has another id (some hosts reuse one index for parallel calls); without an index the call with its id, or a
 * new one; without either, the last call, unless the piece names another tool. Where there are no ids, a piece
 * that names a tool is another call when the arguments of the one before are whole: such hosts send each in one piece.
 */
class ToolCallsState {
  private readonly calls: Array<ToolCallState> = []
  private readonly byIndex = new Map<number, ToolCallState>()
  private readonly byId = new Map<string, ToolCallState>()

  add(delta: Chunk.ToolCallDelta): void {
    const call = this.find(delta) ?? this.open(delta)
    if (call.id === undefined && delta.id !== undefined) {
      call.id = delta.id
      this.byId.set(delta.id, call)
    }
    if (call.name === "" && delta.name !== undefined) call.name = delta.name
    call.arguments += delta.arguments
  }

  private find(delta: Chunk.ToolCallDelta): ToolCallState | undefined {
    if (delta.index !== undefined) {
      const call = this.byIndex.get(delta.index)
      if (call === undefined || follows(call, delta)) return undefined
      if (delta.id === undefined || call.id === undefined || call.id === delta.id) return call
      const known = this.byId.get(delta.id)
      return known?.index === delta.index ? known : undefined
    }
    if (delta.id !== undefined) return this.byId.get(delta.id)
    const last = this.calls.at(-1)
    if (last === undefined || follows(last, delta)) return undefined
    return delta.name === undefined || last.name === "" || last.name === delta.name ? last : undefined
  }

  private open(delta: Chunk.ToolCallDelta): ToolCallState {
    const call: ToolCallState = { index: delta.index, id: undefined, name: "", arguments: "" }
    this.calls.push(call)
    if (delta.index !== undefined) this.byIndex.set(delta.index, call)
    return call
  }

  all(): ReadonlyArray<ToolCall> {
    return this.calls.map((call, position) => ({
      ...(call.id === undefined ? { id: `call_${position}`, generatedId: true as const } : { id: call.id }),
      name: call.name,
      arguments: call.arguments
    }))
  }
}

class AudioState {
  private id: string | undefined
  private expiresAt: number | undefined
  private transcript = ""
  // Only ever appended to, so that a snapshot is the array and a length.
  private readonly pieces: Array<Uint8Array> = []

  add(delta: Chunk.AudioDelta): void {
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
