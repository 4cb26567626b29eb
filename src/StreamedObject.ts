/**
 * Data that a model writes as JSON: the partial data while it grows, the complete data decoded by a schema, and the
 * reason if there is none.
 *
 * `ChunkStream.object` and `ChunkStream.elements` are built on these. `StructuredOutput` also sends the request.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as ChatResponse from "./ChatResponse.ts"
import type { Chunk } from "./Chunk.ts"
import { type Call, Calls } from "./content/calls.ts"
import { Reader } from "./content/reader.ts"
import { choiceOf, type ContentEvent } from "./ContentEvent.ts"
import { linearDecoder } from "./internal/linearDecoder.ts"
import { partialFit } from "./internal/partialFit.ts"
import { place } from "./internal/place.ts"
import { schemaIssues } from "./internal/schemaIssues.ts"
import * as PartialJson from "./PartialJson.ts"
import type { ProviderError } from "./ProviderError.ts"
import type { Usage } from "./Usage.ts"

/**
 * A value while it is being written: fields may be missing, and lists and strings may still grow. A literal, a number,
 * `true`, `false` or `null` appears when it is complete.
 *
 * @example
 * ```ts
 * import type { StreamedObject } from "effect-llm-stream"
 *
 * const partial: StreamedObject.DeepPartial<{ readonly name: string; readonly tags: ReadonlyArray<{ id: number }> }> = {
 *   tags: [{ id: 1 }, {}]
 * }
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export type DeepPartial<T> = unknown extends T ? T
  : T extends ReadonlyArray<infer Item>
    ? number extends T["length"] ? ReadonlyArray<DeepPartial<Item>> : { readonly [K in keyof T]?: DeepPartial<T[K]> }
  : T extends object ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
  : T

/**
 * The object so far, in the encoding that the model writes.
 *
 * @category models
 * @since 0.2.0
 */
export interface PartialObject<E> {
  readonly _tag: "Partial"
  /** It never changes, and shares unchanged parts with the one before. */
  readonly value: DeepPartial<E>
}

/**
 * The complete object.
 *
 * @category models
 * @since 0.2.0
 */
export interface Complete<out T> {
  readonly _tag: "Complete"
  readonly value: T
  readonly response: ChatResponse.ChatResponse
}

/**
 * What `ChunkStream.object` emits: partial objects, then the complete one as the last event.
 *
 * @category models
 * @since 0.2.0
 */
export type ObjectEvent<T, E> = PartialObject<E> | Complete<T>

/**
 * Where the JSON is in the answer, and how it is encoded.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Name of the tool whose first call has the JSON as its arguments. Default: the text is the JSON. */
  readonly tool?: string | undefined
  /**
   * The transformer that wrote the JSON Schema of the request and also reads the answer: that of
   * `EffectAi.codecTransformer`. Default: the answer has the schema's own JSON encoding.
   */
  readonly codecTransformer?: LanguageModel.CodecTransformer | undefined
}

/**
 * How chunks are read.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface DecoderOptions extends Options {
  /** Largest response. Default: `ChatResponse.maxSize`. */
  readonly maxSize?: number | undefined
}

/**
 * The model refused, and the API states the refusal apart from the answer.
 *
 * @category reasons
 * @since 0.2.0
 */
export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  /** What the model said. */
  refusal: Schema.String
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `The model refused: ${this.refusal}`
  }
}

/**
 * The provider withheld or cut the answer, or says that the model refused.
 *
 * @category reasons
 * @since 0.2.0
 */
export class ContentFilter extends Schema.TaggedError<ContentFilter>()("ContentFilter", {}) {
  /** @since 0.2.0 */
  override get message(): string {
    return "The provider's content filter stopped the answer, or the model refused"
  }
}

/**
 * The answer reached the token limit before the JSON was complete. Ask with a larger `maxTokens`.
 *
 * @category reasons
 * @since 0.2.0
 */
export class LengthLimit extends Schema.TaggedError<LengthLimit>()("LengthLimit", {}) {
  /** @since 0.2.0 */
  override get message(): string {
    return "The answer reached the limit of tokens before its JSON was whole"
  }
}

/**
 * There is no answer: no text, or the tool was not called.
 *
 * @category reasons
 * @since 0.2.0
 */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {}) {
  /** @since 0.2.0 */
  override get message(): string {
    return "The answer has no JSON"
  }
}

/**
 * The answer is not JSON. `cause` says where it goes wrong, or that it ends too early.
 *
 * @category reasons
 * @since 0.2.0
 */
export class InvalidJson extends Schema.TaggedError<InvalidJson>()("InvalidJson", {
  cause: PartialJson.PartialJsonError
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return this.cause.message
  }
}

/**
 * Schema of a mismatch between a value and its schema, in the form of Standard Schema.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Issue = Schema.Struct({
  message: Schema.String,
  /** Where in the value it is; `[]` is the value itself. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number]))
})

/**
 * A mismatch between a value and its schema.
 *
 * @category models
 * @since 0.2.0
 */
export type Issue = typeof Issue.Type

/**
 * The answer is JSON, but does not fit the schema.
 *
 * @category reasons
 * @since 0.2.0
 */
export class SchemaMismatch extends Schema.TaggedError<SchemaMismatch>()("SchemaMismatch", {
  issues: Schema.Array(Issue)
}) {
  /** @since 0.2.0 */
  override get message(): string {
    const shown = this.issues.slice(0, 5).map(({ message, path }) =>
      path.length === 0 ? message : `${place(path)}: ${message}`
    )
    const more = this.issues.length - shown.length
    return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("; ")
  }
}

/**
 * Why there is no object.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Reason = Schema.Union([Refusal, ContentFilter, LengthLimit, NoAnswer, InvalidJson, SchemaMismatch])

/**
 * Why there is no object.
 *
 * @category models
 * @since 0.2.0
 */
export type Reason = typeof Reason.Type

/**
 * The stream ended well, but its answer is not the object that was asked for. `reason` says why, and
 * `Effect.catchReason("ObjectError", "Refusal", …)` handles one of them.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Schema, Stream } from "effect"
 *
 * const Person = Schema.Struct({ name: Schema.String, born: Schema.Int })
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ prompt: "Who was Ada Lovelace?", responseFormat: { schema: Person } }).pipe(
 *     ChunkStream.object(Person),
 *     Stream.runDrain
 *   )
 * }).pipe(
 *   Effect.catchReason("ObjectError", "LengthLimit", (_, { text }) => Console.error("cut off after", text.length))
 * )
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class ObjectError extends Schema.TaggedError<ObjectError>()("ObjectError", {
  reason: Reason,
  /** The text that should have been the JSON, as it came. */
  text: Schema.String,
  /** The whole response, with its finish reason and its usage. */
  response: ChatResponse.ChatResponse,
  /** The responses of earlier attempts, if `StructuredOutput` asked for repairs. */
  earlier: Schema.optionalKey(Schema.Array(ChatResponse.ChatResponse))
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return this.reason.message
  }

  /**
   * The provider's word for why the model stopped; `undefined` when it stated none.
   *
   * @since 0.2.0
   */
  get finishReason(): string | undefined {
    return this.response.finishReasons[0]
  }

  /**
   * Token usage; `undefined` when the provider stated none.
   *
   * @since 0.2.0
   */
  get usage(): Usage | undefined {
    return this.response.usage
  }
}

/**
 * Reads the chunks of one response as an object.
 *
 * @category models
 * @since 0.2.0
 */
export interface Decoder<out T, E, out RD> {
  /** Reads a chunk. */
  readonly add: (chunk: Chunk) => void
  /** The object so far, if something was added since the last time. */
  readonly partial: () => PartialObject<E> | undefined
  /** The complete object, when the stream has ended well. */
  readonly end: Effect.Effect<Complete<T>, ObjectError, RD>
  /** What has not been emitted yet, when nothing more will come. */
  readonly rest: () => PartialObject<E> | undefined
  /** Set when the response became larger than it may be. */
  readonly failure: ProviderError | undefined
}

/**
 * Makes a decoder for the chunks of one response.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, StreamedObject } from "effect-llm-stream"
 * import { Effect, Schema } from "effect"
 *
 * const chunk = (content: string) => new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content } }] } })
 *
 * const decoder = StreamedObject.decoder(Schema.Struct({ born: Schema.NumberFromString, name: Schema.String }))
 * decoder.add(chunk(`{"born":"1815","na`))
 * decoder.partial()?.value // { born: "1815" }
 * decoder.add(chunk(`me":"Ada"}`))
 * decoder.partial()?.value // { born: "1815", name: "Ada" }
 * Effect.runSync(decoder.end).value // { born: 1815, name: "Ada" }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const decoder = <T, E, RD, RE>(
  schema: Schema.ConstraintCodec<T, E, RD, RE>,
  options: DecoderOptions = {}
): Decoder<T, E, RD> => {
  const { end, parser, partial, rest } = reader(schema, options)
  const answer = answerOf(parser, options)
  return {
    add: (chunk) => void answer.push(chunk),
    partial,
    rest,
    end: Effect.suspend(() => end(answer)),
    get failure() {
      return answer.failure()
    }
  }
}

/**
 * Reads the text of an object.
 *
 * @internal
 */
export const reader = <T, E, RD, RE>(schema: Schema.ConstraintCodec<T, E, RD, RE>, options: Options) => {
  const parser = PartialJson.parser()
  const fit = partialFit(schema)
  let lastJson: Schema.Json | undefined
  let last: unknown
  const partial = (): PartialObject<E> | undefined => {
    const json = parser.snapshot()
    if (json === lastJson || json === undefined) return undefined
    lastJson = json
    const value = fit(json, parser.isStringOpen())
    if (!isPartialOf(schema, value) || isSame(last, value)) return undefined
    last = value
    return { _tag: "Partial", value }
  }
  return {
    parser,
    partial,
    rest: () => {
      parser.end()
      return partial()
    },
    end: Effect.fnUntraced(function*(
      { end, error, response }: Pick<Answer, "end" | "error" | "response">
    ): Effect.fn.Return<Complete<T>, ObjectError, RD> {
      const json = yield* Effect.fromResult(end())
      const value = yield* decodeWith(schema, options)(json).pipe(
        Effect.mapError((issue) => error(new SchemaMismatch({ issues: schemaIssues({ issue }) })))
      )
      return { _tag: "Complete", value, response: response() }
    })
  }
}

// What there is has been made by the schema.
const isPartialOf = <T, E, RD, RE>(
  _schema: Schema.ConstraintCodec<T, E, RD, RE>,
  fitted: unknown
): fitted is DeepPartial<E> => fitted !== undefined

/** Whether nothing was added. What is closed is the same object in both, so that only what is open is looked into. */
const isSame = (before: unknown, now: unknown): boolean => {
  if (Object.is(before, now)) return true
  if (Array.isArray(before) && Array.isArray(now)) {
    return before.length === now.length &&
      now.every((item, i) => item === before[i] || isSame(before[i], item))
  }
  if (!isRecord(before) || !isRecord(now)) return false
  const keys = Object.keys(now)
  return keys.length === Object.keys(before).length &&
    keys.every((key) => Object.hasOwn(before, key) && isSame(before[key], now[key]))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isObject(value)

/**
 * Which list in the answer has the elements.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface ElementsOptions extends Options {
  /** Keys and positions that lead to the list; `[]` if the answer is the list. Default: `[]`. */
  readonly path?: ReadonlyArray<string | number> | undefined
}

/**
 * Reads the elements of a list from the chunks of one response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ElementsDecoder<out T, out RD> {
  /** The elements that the chunk completes, as JSON. */
  readonly push: (chunk: Chunk) => ReadonlyArray<Element>
  /** Decodes an element. */
  readonly decode: (element: Element) => Effect.Effect<T, ObjectError, RD>
  /** Fails unless there was a list and the answer is complete. */
  readonly end: Effect.Effect<void, ObjectError>
  /** Set when the response became larger than it may be. */
  readonly failure: ProviderError | undefined
}

/**
 * An element of a list, as the model wrote it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Element {
  /** Position in the list. */
  readonly index: number
  readonly json: Schema.Json
}

/**
 * Makes a decoder of elements for the chunks of one response.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, StreamedObject } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = (content: string) => new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content } }] } })
 *
 * const decoder = StreamedObject.elementsDecoder(Schema.Int, { path: ["primes"] })
 * decoder.push(chunk(`{"primes":[2,3`)) // [{ index: 0, json: 2 }]
 * decoder.push(chunk(`]}`)) // [{ index: 1, json: 3 }]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const elementsDecoder = <T, E, RD, RE>(
  schema: Schema.ConstraintCodec<T, E, RD, RE>,
  { path = [], ...options }: ElementsOptions & DecoderOptions = {}
): ElementsDecoder<T, RD> => {
  let elements: Array<Element> = []
  const parser = PartialJson.parser({
    elements: { path, onElement: (json, index) => void elements.push({ index, json }) }
  })
  const answer = answerOf(parser, options)
  // Some transformers take nothing but objects.
  const decode = decodeWith(Schema.Struct({ element: schema }), options)
  return {
    push: (chunk) => {
      if (!answer.push(chunk)) return []
      const taken = elements
      elements = []
      return taken
    },
    decode: ({ index, json }) =>
      decode({ element: json }).pipe(
        Effect.map(({ element }) => element),
        Effect.mapError((issue) =>
          answer.error(
            new SchemaMismatch({
              issues: schemaIssues({ issue }).map((issue) => ({
                ...issue,
                path: [...path, index, ...issue.path.slice(1)]
              }))
            })
          )
        )
      ),
    end: Effect.gen(function*() {
      const list = path.reduce<Schema.Json | undefined>(childOf, yield* Effect.fromResult(answer.end()))
      if (Array.isArray(list)) return
      return yield* answer.error(new SchemaMismatch({ issues: [{ message: "Expected a list", path }] }))
    }),
    get failure() {
      return answer.failure()
    }
  }
}

const childOf = (json: Schema.Json | undefined, key: string | number): Schema.Json | undefined =>
  typeof json === "object" && json !== null
    ? new Map<string, Schema.Json>(Object.entries(json)).get(String(key))
    : undefined

const decodeWith = <T, E, RD, RE>(
  schema: Schema.ConstraintCodec<T, E, RD, RE>,
  { codecTransformer }: Options
): (json: Schema.Json) => Effect.Effect<T, SchemaIssue.Issue, RD> =>
  linearDecoder<T, RD>(codecTransformer === undefined ? Schema.toCodecJson(schema) : codecTransformer(schema).codec, {
    errors: "all"
  })

/** What was written to be the JSON, and what is to be said of it at the end. */
interface Answer {
  /** Whether the chunk has some of it. */
  readonly push: (chunk: Chunk) => boolean
  readonly end: () => Result.Result<Schema.Json, ObjectError>
  readonly error: (reason: Reason) => ObjectError
  readonly response: () => ChatResponse.ChatResponse
  readonly failure: () => ProviderError | undefined
}

const answerOf = (parser: PartialJson.Parser, { maxSize, tool }: DecoderOptions): Answer => {
  const accumulator = ChatResponse.accumulator({ maxSize })
  const reader = new Reader()
  const { isCalled, pieceOf } = tool === undefined ? textOf : argumentsOf(tool)
  let text = ""
  return {
    push: (chunk) => {
      if (accumulator.failure !== undefined) return false
      const events = reader.read(chunk)
      accumulator.addEvents(chunk, events)
      // What came before is cut off then, and the response of the error says why.
      const piece = accumulator.failure === undefined ? pieceOf(events) : ""
      if (piece === "") return false
      text += piece
      parser.push(piece)
      return true
    },
    ...ending(parser, accumulator.response, () => text, isCalled),
    failure: () => accumulator.failure
  }
}

/**
 * What is to be said of an answer when it has ended well.
 *
 * @internal
 */
export const ending = (
  parser: PartialJson.Parser,
  response: () => ChatResponse.ChatResponse,
  textSoFar: () => string,
  isCalled: () => boolean
): Pick<Answer, "end" | "error" | "response"> => {
  const error = (reason: Reason) => new ObjectError({ reason, text: textSoFar(), response: response() })
  return {
    error,
    response,
    end: () => {
      const { commonFinishReasons: [finishReason], refusal } = response()
      if (refusal !== "") return Result.fail(error(new Refusal({ refusal })))
      if (finishReason === "content_filter") return Result.fail(error(new ContentFilter({})))
      const isEmpty = textSoFar().trim() === ""
      // Models write nothing for no arguments.
      const json = isEmpty && isCalled() ? Result.succeed({}) : parser.end()
      // More digits may have followed.
      const isWhole = Result.isSuccess(json) && typeof json.success !== "number" && !isEmpty
      if (finishReason === "length" && !isWhole) return Result.fail(error(new LengthLimit({})))
      return Result.mapError(json, (cause) => error(isEmpty ? new NoAnswer({}) : new InvalidJson({ cause })))
    }
  }
}

/** Where the pieces of the JSON are. */
interface Pieces {
  readonly pieceOf: (events: ReadonlyArray<ContentEvent>) => string
  /** Whether a call has begun whose arguments they are. */
  readonly isCalled: () => boolean
}

const textOf: Pieces = {
  pieceOf: (events) => {
    let text = ""
    for (const event of events) if (event.type === "text" && choiceOf(event) === 0) text += event.delta
    return text
  },
  isCalled: () => false
}

/** The pieces of the arguments of the first call of a tool. */
const argumentsOf = (tool: string): Pieces => {
  let first: Call | undefined
  let text = ""
  const choose = (call: Call): void => {
    if (first !== undefined || call.name !== tool || !call.isClients) return
    first = call
    if (call.event.type === "tool-call-piece") text += call.text
  }
  const calls = new Calls({
    begin: (call) => choose(call),
    // A call without an id is named before it begins.
    add: (call, delta) => {
      if (first === call) text += delta
      else choose(call)
    },
    end: (call) => {
      if (first === call) text += call.whole ?? ""
    }
  })
  return {
    pieceOf: (events) => {
      text = ""
      for (const event of events) if (choiceOf(event) === 0) calls.see(event)
      return text
    },
    isCalled: () => first !== undefined || calls.pending().some(([{ name }]) => name === tool)
  }
}
