/**
 * Operators on streams of chunks of any provider.
 *
 * @since 0.1.0
 */
import type * as AiResponse from "effect/ai/Response"
import * as Arr from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual, identity } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatResponse from "./ChatResponse.ts"
import type * as Chunk from "./Chunk.ts"
import { decodeStream } from "./content/decodeStream.ts"
import * as Given from "./content/given.ts"
import * as Cost from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Checks from "./engine/checks.ts"
import * as ProviderError from "./errors/providerError.ts"
import * as Parts from "./Parts.ts"
import * as Pricing from "./Pricing.ts"
import * as StreamedObject from "./StreamedObject.ts"

/**
 * The text of choice 0, piece by piece as it arrives. Chunks without text are skipped.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.text,
 *     Stream.runForEach((piece) => Console.log(piece))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const text = <C extends Chunk.Chunk, E, R>(self: Stream.Stream<C, E, R>): Stream.Stream<string, E, R> =>
  pieces(self, (chunk) => chunk.content)

/**
 * The reasoning text of choice 0, piece by piece as it arrives. Chunks without reasoning are skipped.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* provider.stream({ model: "claude-sonnet-4-5", prompt: "What is 7 times 191?" }).pipe(
 *     ChunkStream.reasoning,
 *     Stream.mkString
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const reasoning = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<string, E, R> => pieces(self, (chunk) => chunk.reasoning)

const pieces = <C, E, R>(self: Stream.Stream<C, E, R>, piece: (chunk: C) => string): Stream.Stream<string, E, R> =>
  self.pipe(Stream.map(piece), Stream.filter((text) => text !== ""))

/**
 * The tool calls of choice 0, assembled. They are emitted after the stream has ended well, so the arguments of a call
 * are never cut off. The arguments are the text as streamed.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "What is the weather in Paris?" }).pipe(
 *     ChunkStream.toolCalls,
 *     Stream.runForEach((call) => Console.log(call.name, call.arguments))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const toolCalls = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<ChatResponse.ToolCall, E | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.map(response(self), ({ toolCalls }) => Stream.fromIterable(toolCalls)))

/**
 * The content as stream parts of `effect/ai`, in order: blocks of text and reasoning, tool calls, results of tools that
 * the provider ran, sources and files, and one `finish` at the end.
 *
 * When the stream fails, the parts that came before are delivered first. The stream then has no `finish`, and
 * unfinished blocks stay open. A stream that ends well but never stated why ends with an `error` part instead of a
 * `finish`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "claude-sonnet-4-5", prompt: "What is the weather in Paris?" }).pipe(
 *     ChunkStream.parts,
 *     Stream.runForEach((part) =>
 *       part.type === "text-delta" ? Console.log(part.delta) : Console.log(`[${part.type}]`)
 *     )
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const parts = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<Parts.StreamPart, E | ProviderError.ProviderError, R> =>
  decodeParts(self, (parts) => parts.map(Parts.fromEncoded))

/**
 * {@link parts} in the encoding that a `LanguageModel` of `effect/ai` is made of, which is JSON.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.encodedParts,
 *     Stream.runForEach((part) => Console.log(JSON.stringify(part)))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const encodedParts = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<AiResponse.StreamPartEncoded, E | ProviderError.ProviderError, R> => decodeParts(self, identity)

const decodeParts = <C extends Chunk.Chunk, E, R, P>(
  self: Stream.Stream<C, E, R>,
  f: (parts: ReadonlyArray<AiResponse.StreamPartEncoded>) => ReadonlyArray<P>
): Stream.Stream<P, E | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    const decoder = Parts.chunkDecoder({ maxSize })
    return decodeStream(self, {
      push: (chunks: ReadonlyArray<C>) => f(decoder.push(chunks)),
      end: Effect.sync(() => f(decoder.end())),
      cut: () => f(decoder.cut()),
      failure: () => decoder.failure
    })
  }))

/**
 * Everything an app shows of an answer, in one stream: pieces of text and reasoning, tool calls with their arguments so
 * far, sources and files, and at the end the finish reason, the usage and the cost at the prices of `Pricing`.
 *
 * When the stream fails, the events that came before are delivered first. An unfinished tool call becomes an
 * `InvalidToolCall`, and there is no `Finish`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Cost, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "What is the weather in Paris?" }).pipe(
 *     ChunkStream.events,
 *     Stream.runForEach((event) => {
 *       switch (event._tag) {
 *         case "Text":
 *           return Console.log(event.delta)
 *         case "ToolCallDelta":
 *           return Console.log(event.name, event.partial)
 *         case "Finish":
 *           return Console.log(event.reason, event.cost && Cost.toJson(event.cost).total)
 *         default:
 *           return Effect.void
 *       }
 *     })
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const events = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<ChatEvent.ChatEvent, E | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const maxSize = yield* ChatResponse.MaxSize
    if (!(yield* ChatEvent.Accounted)) return ChatEvent.fromChunks(self, { maxSize })
    const accumulator = ChatResponse.accumulator({ maxSize })
    return ChatEvent.fromChunks(self, { maxSize, accumulator, isAccounted: true }).pipe(
      Stream.catch((error) =>
        Stream.fromEffect(Effect.flatMap(Pricing.priced(accumulator.response()), (response) =>
          Effect.fail(ProviderError.isProviderError(error) ? ProviderError.withSpent(error, response) : error)))
      )
    )
  }))

/**
 * Each chunk with the tool calls that it completed. Most wire formats show only with the next chunk that a call is
 * complete, so a chunk is held back while a call is open; text is not.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "What is the weather in Paris?" }).pipe(
 *     ChunkStream.withToolCalls,
 *     Stream.runForEach(([chunk, toolCalls]) =>
 *       Console.log(chunk.content, ...toolCalls.map((call) => call._tag === "ToolCall" ? call.params : call.problem))
 *     )
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const withToolCalls = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<readonly [chunk: C, toolCalls: ReadonlyArray<EndedToolCall>], E | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    type Pair = readonly [C, ReadonlyArray<EndedToolCall>]
    const decoder = ChatEvent.decoder({ maxSize })
    let held: C | undefined
    const release = (toolCalls: ReadonlyArray<EndedToolCall>): ReadonlyArray<Pair> => {
      const chunk = held
      held = undefined
      return chunk === undefined ? [] : [[chunk, toolCalls]]
    }
    const endedCalls = (f: (out: Array<ChatEvent.ChatEvent>) => void): ReadonlyArray<EndedToolCall> => {
      const out: Array<ChatEvent.ChatEvent> = []
      f(out)
      return out.filter((event) => event._tag === "ToolCall" || event._tag === "InvalidToolCall")
    }
    return decodeStream(self, {
      push: (chunks: ReadonlyArray<C>) => {
        const pairs: Array<Pair> = []
        for (const chunk of chunks) {
          pairs.push(...release([]))
          const toolCalls = endedCalls((out) => decoder.push(chunk, out))
          if (decoder.hasOpenCall() && toolCalls.length === 0) held = chunk
          else pairs.push([chunk, toolCalls])
        }
        return pairs
      },
      end: Effect.sync(() => release(endedCalls(decoder.end))),
      cut: () => release(endedCalls(decoder.cut)),
      failure: () => decoder.failure
    })
  }))

/**
 * A finished tool call: it is complete, or its arguments are not JSON.
 *
 * @category models
 * @since 0.2.0
 */
export type EndedToolCall = ChatEvent.ToolCall | ChatEvent.InvalidToolCall

/**
 * Runs a stream once, with one request, and gives its chunks to several consumers at the same time. Returns all
 * results, under the names of the consumers. When one consumer fails, the others and the stream stop.
 *
 * The stream runs at most a few reads ahead of the slowest consumer. A consumer that needs no more chunks does not hold
 * up the others.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const { response } = yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.broadcast({
 *       shown: (chunks) => Stream.runForEach(ChunkStream.text(chunks), (piece) => Console.log(piece)),
 *       response: ChunkStream.response
 *     })
 *   )
 *   return response.usage
 * })
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const broadcast: {
  <C, E, const Results extends AnyResults>(
    consumers: Consumers<C, E, Results>
  ): <R>(self: Stream.Stream<C, E, R>) => Broadcast<Results, R>
  <C, E, R, const Results extends AnyResults>(
    self: Stream.Stream<C, E, R>,
    consumers: Consumers<C, E, Results>
  ): Broadcast<Results, R>
} = dual(2, <C, E, R, const Results extends AnyResults>(
  self: Stream.Stream<C, E, R>,
  consumers: Consumers<C, E, Results>
): Broadcast<Results, R> => {
  const sound = <A>(result: Result.Result<A, string>) =>
    Effect.mapError(Effect.fromResult(result), (message) => Checks.refused("ChunkStream", message))
  const results = Effect.gen(function*() {
    const stream = yield* sound(Checks.given("stream", "a stream", () => self, Stream.isStream))
    const entries = Object.entries<(chunks: Stream.Stream<C, E>) => Results[keyof Results]>(
      yield* sound(Checks.copied(consumers, "consumers"))
    )
    const streams = yield* Stream.broadcastN(stream, { n: entries.length, capacity: broadcastCapacity })
    const runs = Arr.zipWith(entries, streams, ([name, consume], stream) => {
      let isStarted = false
      const chunks = Stream.suspend(() => {
        isStarted = true
        return stream
      })
      // An unread queue would hold up the other consumers.
      const unread = Effect.suspend(() =>
        isStarted ? Effect.void : Effect.forkScoped(Effect.ignore(Stream.runHead(stream)))
      )
      const consumed = sound(
        Checks.given(`consumers.${name}`, "a function that gives an effect", () => consume(chunks), Effect.isEffect)
      )
      return Effect.map(Effect.tap(Effect.flatten(consumed), unread), (result) => [name, result] as const)
    })
    return Object.fromEntries(yield* Effect.all(runs, { concurrency: "unbounded" }))
  }).pipe(Effect.scoped)
  // Each name has what its consumer gives.
  return results as Broadcast<Results, R>
})

// Reads of the network that the fastest consumer may be ahead of the slowest.
const broadcastCapacity = 16

type AnyResults = Readonly<Record<string, Effect.Effect<unknown, unknown, unknown>>>

/**
 * The consumers of {@link broadcast}, by names of your own. `Results` are the effects that they give.
 *
 * @category models
 * @since 0.2.0
 */
export type Consumers<C, E, Results> = { readonly [K in keyof Results]: (chunks: Stream.Stream<C, E>) => Results[K] }

/**
 * The result of {@link broadcast}: the result of each consumer.
 *
 * @category models
 * @since 0.2.0
 */
export type Broadcast<Results extends Readonly<Record<string, Effect.Effect<unknown, unknown, unknown>>>, R> =
  Effect.Effect<
    { readonly [K in keyof Results]: Effect.Success<Results[K]> },
    Effect.Error<Results[keyof Results]> | ProviderError.ProviderError,
    R | Effect.Services<Results[keyof Results]>
  >

/**
 * The object in the answer, as it grows: typed partial values, and as the last event the complete object, decoded by
 * the schema, with the response. If there is no object, the stream fails with an `ObjectError` that says why, after the
 * partial values. If the provider fails, the stream fails with its error, and with a `MalformedEvent` if the response
 * grows beyond `ChatResponse.MaxSize`.
 *
 * The request has to ask for the object; `StructuredOutput` does both. The total work is linear in the length of the
 * answer, so not every piece of a large answer gives a partial value.
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
 *     Stream.runForEach((event) =>
 *       event._tag === "Partial"
 *         ? Console.log(event.value.name ?? "…")
 *         : Console.log(event.value.name, event.value.born)
 *     )
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const object: {
  <T, E1, RD, RE>(
    schema: Schema.ConstraintCodec<T, E1, RD, RE>,
    options?: StreamedObject.Options
  ): <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>
  ) => Stream.Stream<
    StreamedObject.ObjectEvent<T, E1>,
    E | StreamedObject.ObjectError | ProviderError.ProviderError,
    R | RD
  >
  <C extends Chunk.Chunk, E, R, T, E1, RD, RE>(
    self: Stream.Stream<C, E, R>,
    schema: Schema.ConstraintCodec<T, E1, RD, RE>,
    options?: StreamedObject.Options
  ): Stream.Stream<
    StreamedObject.ObjectEvent<T, E1>,
    E | StreamedObject.ObjectError | ProviderError.ProviderError,
    R | RD
  >
} = /* @__PURE__ */ dual((args) => Stream.isStream(args[0]), <C extends Chunk.Chunk, E, R, T, E1, RD, RE>(
  self: Stream.Stream<C, E, R>,
  schema: Schema.ConstraintCodec<T, E1, RD, RE>,
  options?: StreamedObject.Options
): Stream.Stream<
  StreamedObject.ObjectEvent<T, E1>,
  E | StreamedObject.ObjectError | ProviderError.ProviderError,
  R | RD
> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    const refused = notSchema(schema)
    if (refused !== undefined) return Stream.fail(refused)
    const decoder = StreamedObject.decoder(schema, { ...options, maxSize })
    return decodeStream(self, {
      push: (chunks: ReadonlyArray<C>): ReadonlyArray<StreamedObject.ObjectEvent<T, E1>> =>
        chunks.flatMap((chunk) => {
          decoder.add(chunk)
          return decoder.partial() ?? []
        }),
      end: Effect.map(decoder.end, Arr.of),
      cut: () => {
        const rest = decoder.rest()
        return rest === undefined ? [] : [rest]
      },
      failure: () => decoder.failure
    })
  })))

/**
 * The elements of a list in the answer, each decoded by the schema as soon as it is complete. An element that does not
 * fit the schema fails the stream with an `ObjectError`, after the elements before it. So does an answer that has no
 * list or is cut off.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Schema, Stream } from "effect"
 *
 * const Task = Schema.Struct({ title: Schema.String, hours: Schema.Finite })
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const responseFormat = { schema: Schema.Struct({ tasks: Schema.Array(Task) }) }
 *   yield* provider.stream({ prompt: "Plan a garden", responseFormat }).pipe(
 *     ChunkStream.elements(Task, { path: ["tasks"] }),
 *     Stream.runForEach(({ hours, title }) => Console.log(`${title}: ${hours} h`))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const elements: {
  <T, E1, RD, RE>(
    schema: Schema.ConstraintCodec<T, E1, RD, RE>,
    options?: StreamedObject.ElementsOptions
  ): <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>
  ) => Stream.Stream<T, E | StreamedObject.ObjectError | ProviderError.ProviderError, R | RD>
  <C extends Chunk.Chunk, E, R, T, E1, RD, RE>(
    self: Stream.Stream<C, E, R>,
    schema: Schema.ConstraintCodec<T, E1, RD, RE>,
    options?: StreamedObject.ElementsOptions
  ): Stream.Stream<T, E | StreamedObject.ObjectError | ProviderError.ProviderError, R | RD>
} = /* @__PURE__ */ dual((args) => Stream.isStream(args[0]), <C extends Chunk.Chunk, E, R, T, E1, RD, RE>(
  self: Stream.Stream<C, E, R>,
  schema: Schema.ConstraintCodec<T, E1, RD, RE>,
  options?: StreamedObject.ElementsOptions
): Stream.Stream<T, E | StreamedObject.ObjectError | ProviderError.ProviderError, R | RD> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    const refused = notSchema(schema)
    if (refused !== undefined) return Stream.fail(refused)
    const decoder = StreamedObject.elementsDecoder(schema, { ...options, maxSize })
    // An error of an element comes before an error of the list.
    const elements = decodeStream(self, {
      push: (chunks: ReadonlyArray<C>) => chunks.flatMap(decoder.push),
      end: Effect.succeed([]),
      cut: () => [],
      failure: () => decoder.failure
    })
    return elements.pipe(
      Stream.mapEffect(decoder.decode),
      Stream.concat(Stream.fromEffectDrain(decoder.end))
    )
  })))

/**
 * Each chunk with the response so far, that chunk included. Fails with a `MalformedEvent` at the chunk that makes the
 * response larger than `ChatResponse.MaxSize`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.accumulate,
 *     Stream.runForEach(([chunk, soFar]) => Console.log(chunk.content, soFar.content.length))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const accumulate = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<readonly [chunk: C, soFar: ChatResponse.ChatResponse], E | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    const accumulator = ChatResponse.accumulator({ maxSize })
    const add = (chunk: C) => {
      accumulator.add(chunk)
      return [chunk, accumulator.response()] as const
    }
    return Given.streamOf(self).pipe(
      Stream.mapAccumArrayEffect(
        () => undefined,
        (_, chunks) => Given.reading(() => [undefined, Arr.map(chunks, add)] as const)
      ),
      Stream.takeWhile(([, { error }]) => error === undefined),
      Stream.concat(
        Stream.suspend(() => accumulator.failure === undefined ? Stream.empty : Stream.fail(accumulator.failure))
      )
    )
  }))

/**
 * A sink that adds chunks up to a response. Fails with a `MalformedEvent` where that becomes larger than
 * `ChatResponse.MaxSize`.
 *
 * @category sinks
 * @since 0.1.0
 */
export const responseSink: Sink.Sink<
  ChatResponse.ChatResponse,
  Chunk.Chunk,
  never,
  ProviderError.ProviderError
> = Sink.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
  const accumulator = ChatResponse.accumulator({ maxSize })
  return Sink.forEachArray((chunks: Arr.NonEmptyReadonlyArray<Chunk.Chunk>) => addAll(accumulator, chunks)).pipe(
    Sink.map(() => accumulator.response())
  )
}))

const addAll = (
  accumulator: ChatResponse.Accumulator,
  chunks: ReadonlyArray<Chunk.Chunk>
): Effect.Effect<void, ProviderError.ProviderError> =>
  Effect.flatMap(
    Given.reading(() => {
      for (const chunk of chunks) accumulator.add(chunk)
    }),
    () => accumulator.failure === undefined ? Effect.void : Effect.fail(accumulator.failure)
  )

/**
 * Runs the stream, which sends its request, and gives the response that it adds up to. Fails when the stream fails, and
 * with a `MalformedEvent` where the response becomes larger than `ChatResponse.MaxSize`; {@link outcome} keeps what had
 * come, and {@link broadcast} leaves the chunks to others as well.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const response = yield* ChunkStream.response(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }))
 *   return [response.content, response.usage?.outputTokens] as const
 * })
 * ```
 *
 * @category destructors
 * @since 0.1.0
 */
export const response = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Effect.Effect<ChatResponse.ChatResponse, E | ProviderError.ProviderError, R> =>
  Stream.run(Given.streamOf(self), responseSink)

/**
 * Runs the stream, which sends its request, and returns the response that it adds up to. When the provider fails, or
 * the response becomes larger than `ChatResponse.MaxSize`, `error` is set, and the other fields have what came before.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const response = yield* ChunkStream.outcome(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }))
 *   if (response.error !== undefined) yield* Console.error("cut off:", response.error.message)
 *   yield* Console.log(response.content)
 * })
 * ```
 *
 * @category destructors
 * @since 0.1.0
 */
export const outcome = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E | ProviderError.ProviderError, R>
): Effect.Effect<ChatResponse.ChatResponse, E, R> =>
  Effect.flatMap(ChatResponse.MaxSize, (maxSize) => {
    const accumulator = ChatResponse.accumulator({ maxSize })
    return Stream.runForEachArray(Given.streamOf(self), (chunks) => addAll(accumulator, chunks)).pipe(
      Effect.map(() => accumulator.response()),
      Effect.catch((error): Effect.Effect<ChatResponse.ChatResponse, E> =>
        ProviderError.isProviderError(error) ? Effect.succeed(accumulator.response(error)) : Effect.fail(error)
      )
    )
  })

/**
 * The argument of the callback of {@link onResponse}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Ended {
  /** The whole response, or the part that came. When the provider failed, its `error` is set. */
  readonly response: ChatResponse.ChatResponse
  /** `interrupted`: the consumer stopped reading, for instance because it had enough. */
  readonly end: "done" | "failed" | "interrupted"
}

/**
 * The same stream, with a callback that runs once when it has ended, however it ended, with the whole response. Use it
 * to save an answer that is streamed.
 *
 * An error of the effect fails a stream that is done; after a failure or an interruption it is logged.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.onResponse(({ end, response }) => Console.log(end, response.message)),
 *     ChunkStream.text,
 *     Stream.runForEach((text) => Console.log(text))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const onResponse: {
  <E2, R2>(
    f: (ended: Ended) => Effect.Effect<unknown, E2, R2>
  ): <C extends Chunk.Chunk, E, R>(self: Stream.Stream<C, E, R>) => Stream.Stream<C, E | E2, R | R2>
  <C extends Chunk.Chunk, E, R, E2, R2>(
    self: Stream.Stream<C, E, R>,
    f: (ended: Ended) => Effect.Effect<unknown, E2, R2>
  ): Stream.Stream<C, E | E2, R | R2>
} = dual(2, <C extends Chunk.Chunk, E, R, E2, R2>(
  self: Stream.Stream<C, E, R>,
  f: (ended: Ended) => Effect.Effect<unknown, E2, R2>
): Stream.Stream<C, E | E2, R | R2> =>
  Stream.unwrap(Effect.map(ChatResponse.MaxSize, (maxSize) => {
    const accumulator = ChatResponse.accumulator({ maxSize })
    let isTold = false
    const tell = (end: Ended["end"], error?: ProviderError.ProviderError) =>
      Effect.suspend(() => {
        if (isTold) return Effect.void
        isTold = true
        return f({ end, response: accumulator.response(error) })
      })
    return self.pipe(
      Stream.map((chunk) => {
        accumulator.add(chunk)
        return chunk
      }),
      Stream.concat(Stream.fromEffectDrain(Effect.suspend(() => tell("done")))),
      Stream.onExit((exit) => {
        const error = Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? Cause.squash(exit.cause) : undefined
        const told = error === undefined
          ? tell("interrupted")
          : tell("failed", ProviderError.isProviderError(error) ? error : undefined)
        return Effect.catchCause(told, (cause) => Effect.logError("The response could not be handled", cause))
      })
    )
  })))

/**
 * What a stream has cost so far: `undefined` while it has stated no usage, a failure when the price of its model is not
 * known.
 *
 * @category models
 * @since 0.1.0
 */
export type RunningCost = Result.Result<Cost.Cost, Pricing.UnknownModel> | undefined

/**
 * Each chunk with what the stream has cost so far, that chunk included, at the prices of `Pricing`. Counts that a
 * stream states again, or states as running totals, are not added up.
 *
 * @example
 * ```ts
 * import { ChunkStream, Cost, Provider } from "effect-llm-stream"
 * import { Console, Effect, Result, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.withCost,
 *     Stream.runForEach(([chunk, cost]) =>
 *       cost !== undefined && Result.isSuccess(cost)
 *         ? Console.log("USD", Cost.toJson(cost.success).total)
 *         : Console.log(chunk.content)
 *     )
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withCost = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<readonly [chunk: C, cost: RunningCost], E, R> =>
  Stream.unwrap(Effect.map(Clock.currentTimeMillis, (now) => {
    const day = Pricing.dayOf(now)
    const metadata = CostMetadata.accumulator()
    let provider: string | undefined
    let pricing: Pricing.Service | undefined
    let cost: RunningCost
    return Stream.mapArrayEffect(self, (chunks) => {
      const costs = (pricing: Pricing.Service) =>
        Arr.map(chunks, (chunk) => {
          if (metadata.add(chunk)) cost = Pricing.costWith(Pricing.onDay(metadata.metadata(), day), pricing)
          return [chunk, cost] as const
        })
      // One stream is of one provider, but for those that programs join.
      const other = chunks.find((chunk) => chunk.provider !== provider)
      if (other === undefined && pricing !== undefined) return Effect.succeed(costs(pricing))
      provider = chunks.every((chunk) => chunk.provider === other?.provider) ? other?.provider : undefined
      return Effect.map(Pricing.ready(provider), (loaded) => costs(pricing = loaded))
    })
  }))

/**
 * A stream has cost more than the limit of {@link withBudget}.
 *
 * @example
 * ```ts
 * import { ChunkStream, Cost, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* Stream.runDrain(
 *     ChunkStream.withBudget(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }), "0.001")
 *   )
 * }).pipe(
 *   Effect.catchTag("BudgetExceeded", ({ cost }) => Console.error("USD", Cost.toJson(cost).total))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  /** USD. */
  limit: Schema.BigDecimalFromString,
  /** What the stream has cost so far; with `before`, what it might have cost. */
  cost: Cost.Cost,
  /** The request was refused before anything was sent. */
  before: Schema.optionalKey(Schema.Literal(true))
}) {
  /** @since 0.1.0 */
  override get message(): string {
    return `The response ${this.before === true ? "may cost" : "costs"} ${
      BigDecimal.format(this.cost.total)
    } USD, more than the budget of ${BigDecimal.format(this.limit)} USD`
  }
}

/**
 * The limit of {@link withBudget}: USD, or USD with what is known of other costs.
 *
 * @category models
 * @since 0.2.0
 */
export type Limit = BigDecimal.BigDecimal | string | {
  readonly limit: BigDecimal.BigDecimal | string
  /** What the request may cost at most, see `CostEstimate.atMost`. When it is too much, nothing is sent. */
  readonly atMost?: Cost.Cost | undefined
  /** What earlier responses cost, which counts. Default: nothing. */
  readonly spent?: Cost.Cost | undefined
}

const isAmount = (limit: Limit): limit is BigDecimal.BigDecimal | string =>
  typeof limit === "string" || BigDecimal.isBigDecimal(limit)

/**
 * Fails the stream with {@link BudgetExceeded} as soon as its stated cost passes a limit in USD, after the chunk that
 * states it; the provider's socket is closed. Most providers state usage only at the end: the budget then reports the
 * excess, but saves nothing. Given what the request may cost at most, the stream fails before anything is sent. For a
 * budget that several streams share, see `middleware/Budget`.
 *
 * Fails with `UnknownModel` when the price of the model is not known: a budget without costs would guard nothing. A
 * limit given as text is a decimal (`"0.05"`). Fails with an `InvalidRequest` when the limit is not an amount of 0 or more, or
 * when `atMost` or `spent` is not a cost; nothing is sent then.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Console, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* provider.stream({ model: "claude-sonnet-4-5", prompt: "Say hello" }).pipe(
 *     ChunkStream.withBudget("0.05"),
 *     ChunkStream.response,
 *     Effect.tapErrorTag("BudgetExceeded", (error) => Console.error(error.message))
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withBudget: {
  (
    limit: Limit
  ): <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>
  ) => Stream.Stream<C, E | BudgetError, R>
  <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    limit: Limit
  ): Stream.Stream<C, E | BudgetError, R>
} = /* @__PURE__ */ dual(2, <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>,
  limit: Limit
): Stream.Stream<C, E | BudgetError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const { atMost, limit: usd, spent } = yield* Effect.mapError(
      Effect.fromResult(checkedLimit(limit)),
      (message) => Checks.refused("ChunkStream", message)
    )
    const exceeded = (cost: Cost.Cost, before?: true): BudgetExceeded | undefined => {
      const total = Cost.sum(spent, cost)
      return BigDecimal.isGreaterThan(total.total, usd)
        ? new BudgetExceeded({ limit: usd, cost: total, ...(before === undefined ? undefined : { before }) })
        : undefined
    }
    const refused = atMost === undefined ? undefined : exceeded(atMost, true)
    if (refused !== undefined) return Stream.fail(refused)
    let failure: BudgetExceeded | Pricing.UnknownModel | undefined
    return withCost(self).pipe(
      Stream.takeUntil(([, cost]) => {
        failure = cost === undefined ? undefined : Result.isFailure(cost) ? cost.failure : exceeded(cost.success)
        return failure !== undefined
      }),
      Stream.map(([chunk]) => chunk),
      Stream.concat(Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail(failure)))
    )
  })))

type BudgetError = BudgetExceeded | Pricing.UnknownModel | ProviderError.ProviderError

const notSchema = (schema: unknown): ProviderError.ProviderError | undefined =>
  Result.getOrUndefined(Result.flip(
    Result.mapError(
      Checks.given("schema", "a schema of Effect", () => schema, Schema.isSchema),
      (message) => Checks.refused("ChunkStream", message)
    )
  ))

const checkedLimit = (stated: Limit) =>
  Result.gen(function*() {
    const { atMost, limit, spent = Cost.zero }: Exclude<Limit, BigDecimal.BigDecimal | string> = yield* Checks.given(
      "limit",
      "an amount of USD such as \"0.05\"",
      () => isAmount(stated) ? { limit: stated } : { ...stated }
    )
    return {
      limit: yield* Checks.amount("limit", limit),
      atMost: atMost === undefined ? undefined : yield* costOf("atMost", atMost),
      spent: yield* costOf("spent", spent)
    }
  })

const costOf = (name: string, cost: Cost.Cost): Result.Result<Cost.Cost, string> =>
  cost instanceof Cost.Cost ? Result.succeed(cost) : Result.fail(`\`${name}\` has to be a cost`)
