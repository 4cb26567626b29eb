/**
 * Operators on streams of chunks, of whichever provider.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type * as Chunk from "./Chunk.ts"
import * as ProviderError from "./ProviderError.ts"
import * as Response from "./Response.ts"

/**
 * The text of choice 0, piece by piece as it arrives. Chunks without text give nothing.
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
export const text = <C extends Chunk.Attributes, E, R>(self: Stream.Stream<C, E, R>): Stream.Stream<string, E, R> =>
  pieces(self, (chunk) => chunk.content)

/**
 * The reasoning text of choice 0, piece by piece as it arrives. Chunks without reasoning give nothing.
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
export const reasoning = <C extends Chunk.Attributes, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<string, E, R> => pieces(self, (chunk) => chunk.reasoning)

const pieces = <C, E, R>(self: Stream.Stream<C, E, R>, piece: (chunk: C) => string): Stream.Stream<string, E, R> =>
  self.pipe(Stream.map(piece), Stream.filter((text) => text !== ""))

/**
 * The tool calls of choice 0, assembled. All of them come when the stream has ended well: a call whose arguments may
 * still grow, or were cut off by a failure, is never given out. The arguments are the text as streamed.
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
export const toolCalls = <C extends Chunk.Attributes, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<Response.ToolCall, E, R> =>
  Stream.unwrap(Effect.map(response(self), ({ toolCalls }) => Stream.fromIterable(toolCalls)))

/**
 * Each chunk with the response so far, that chunk included.
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
export const accumulate = <C extends Chunk.Attributes, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<readonly [chunk: C, soFar: Response.Response], E, R> =>
  Stream.suspend(() => {
    const accumulator = Response.accumulator()
    return Stream.map(self, (chunk) => {
      accumulator.add(chunk)
      return [chunk, accumulator.response()] as const
    })
  })

/**
 * A sink that adds chunks up to a response.
 *
 * @category sinks
 * @since 0.1.0
 */
export const responseSink: Sink.Sink<Response.Response, Chunk.Attributes> = Sink.suspend(() => {
  const accumulator = Response.accumulator()
  return Sink.forEachArray((chunks: Arr.NonEmptyReadonlyArray<Chunk.Attributes>) =>
    Effect.sync(() => chunks.forEach(accumulator.add))
  ).pipe(Sink.map(() => accumulator.response()))
})

/**
 * The response that the stream adds up to; fails where the stream fails. See {@link outcome} to keep what had come.
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
export const response = <C extends Chunk.Attributes, E, R>(
  self: Stream.Stream<C, E, R>
): Effect.Effect<Response.Response, E, R> => Stream.run(self, responseSink)

/**
 * The response that the stream adds up to, also when the provider fails: `error` is then set and the rest is what had
 * come before.
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
export const outcome = <C extends Chunk.Attributes, E, R>(
  self: Stream.Stream<C, E | ProviderError.ProviderError, R>
): Effect.Effect<Response.Response, E, R> =>
  Effect.suspend(() => {
    const accumulator = Response.accumulator()
    return Stream.runForEachArray(self, (chunks) => Effect.sync(() => chunks.forEach(accumulator.add))).pipe(
      Effect.map(() => accumulator.response()),
      Effect.catch((error): Effect.Effect<Response.Response, E> =>
        ProviderError.isProviderError(error) ? Effect.succeed(accumulator.response(error)) : Effect.fail(error)
      )
    )
  })
