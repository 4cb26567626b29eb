/**
 * A provider without a network: an in-memory layer that answers from a script and records what it was asked.
 *
 * Pacing uses Effect's `Clock`, so that `TestClock` drives it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import type * as Chunk from "../Chunk.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"
import { replyAt } from "./replyAt.ts"

/**
 * The answer to one request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply<out C> {
  /** The chunks, each emitted on its own. Default: none. */
  readonly chunks?: ReadonlyArray<C> | undefined
  /** Why the stream fails after its chunks; it ends well when absent. */
  readonly error?: ProviderError.Reason | undefined
  /** True for a stream that neither ends nor fails after its chunks. Default: `false`. */
  readonly hang?: boolean | undefined
  /** Time until the first chunk, or the failure when there are none. Default: none. */
  readonly delay?: Duration.Input | undefined
  /** Time between two chunks. Default: none. */
  readonly interval?: Duration.Input | undefined
}

/**
 * The replies: the first request gets the first one, and so on; the last one is repeated, and an empty
 * list is a defect once a request comes. Or a function of the request and of the number of requests before it.
 *
 * @category models
 * @since 0.1.0
 */
export type Script<C, Request = ChatRequest> =
  | ReadonlyArray<Reply<C>>
  | ((request: Request, index: number) => Reply<C>)

/**
 * The record of a scripted provider.
 *
 * @example
 * ```ts
 * import { TestProvider } from "effect-llm-stream/testing"
 * import { Effect } from "effect"
 *
 * const models = Effect.gen(function*() {
 *   const { requests } = yield* TestProvider.TestProvider
 *   return (yield* requests).map((request) => request.model)
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TestProvider extends Context.Service<TestProvider, {
  /** The requests whose streams have been started so far, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<ChatRequest>>
}>()("effect-llm-stream/testing/TestProvider") {}

/**
 * Makes a scripted provider and its record. It is a `Provider.Service`, also where one is taken as a value, as by `Fallback`;
 * its `stream` is that of a provider's own service as well.
 *
 * @example
 * ```ts
 * import { Answer, TestProvider } from "effect-llm-stream/testing"
 * import { Effect, Stream } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const { requests, stream } = yield* TestProvider.make((request, index) => ({
 *     chunks: Answer.openai(Answer.make({ content: `Answer ${index} of ${request.model}` })),
 *     interval: "20 millis"
 *   }))
 *   yield* Stream.runDrain(stream({ model: "gpt-4o-mini", prompt: "Say hello" }))
 *   return yield* requests
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C, Request extends ChatRequest = ChatRequest>(
  script: Script<C, Request>,
  options?: {
    /** The name that errors state. Default: `test`. */
    readonly name?: string | undefined
  }
): Effect.Effect<{
  readonly name: string
  readonly stream: (request: Request) => Stream.Stream<C, ProviderError.ProviderError>
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
}> =>
  Effect.sync(() => {
    const name = options?.name ?? "test"
    const requests: Array<Request> = []
    return {
      name,
      requests: Effect.sync(() => requests.slice()),
      stream: (request) =>
        Stream.suspend(() => {
          const index = requests.push(request) - 1
          return replay(replyAt(script, request, index), name)
        })
    }
  })

const replay = <C>(reply: Reply<C>, provider: string): Stream.Stream<C, ProviderError.ProviderError> => {
  const chunks = reply.chunks ?? []
  const wait = (duration: Duration.Input | undefined) => duration === undefined ? Effect.void : Effect.sleep(duration)
  const ending = reply.error !== undefined
    ? Stream.fail(new ProviderError.ProviderError({ provider, reason: reply.error, emitted: chunks.length > 0 }))
    : reply.hang === true
    ? Stream.never
    : Stream.empty
  return Stream.fromEffectDrain(wait(reply.delay)).pipe(
    Stream.concat(
      Stream.fromIterable(chunks).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((chunk, index) => Effect.as(index === 0 ? Effect.void : wait(reply.interval), chunk))
      )
    ),
    Stream.concat(ending)
  )
}

/**
 * A layer with a scripted `Provider`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider, ProviderError } from "effect-llm-stream"
 * import { Answer, TestProvider } from "effect-llm-stream/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* ChunkStream.outcome(provider.stream({ model: "any", prompt: "Say hello" }))
 * })
 *
 * const test = program.pipe(
 *   Effect.provide(TestProvider.layer([{
 *     chunks: Answer.openai(Answer.make({ content: "Hello wor" })),
 *     error: new ProviderError.Network({ message: "connection reset" })
 *   }]))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  script: Script<Chunk.Chunk>,
  options?: {
    /** The provider's name. Default: `test`. */
    readonly name?: string | undefined
  }
): Layer.Layer<Provider.Provider | TestProvider> =>
  Layer.effectContext(
    Effect.map(make(script, options), ({ name, requests, stream }) =>
      Context.make(Provider.Provider, { name, stream }).pipe(
        Context.add(TestProvider, { requests })
      ))
  )

/**
 * A layer with a scripted provider's own service, such as `OpenAi.OpenAi`, and the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Answer, TestProvider } from "effect-llm-stream/testing"
 *
 * const layer = TestProvider.layerService(OpenAi.OpenAi, [
 *   { chunks: Answer.openai(Answer.make({ content: "Hello world" })) }
 * ])
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerService = <Self, C extends Chunk.Chunk, Request extends ChatRequest>(
  service: Context.Key<Self, {
    readonly stream: (request: Request) => Stream.Stream<C, ProviderError.ProviderError>
  }>,
  script: Script<C, ChatRequest>,
  options?: {
    /** The provider's name. Default: `test`. */
    readonly name?: string | undefined
  }
): Layer.Layer<Self | Provider.Provider | TestProvider> =>
  Layer.effectContext(
    Effect.map(make(script, options), ({ name, requests, stream }) =>
      Context.make(service, { stream }).pipe(
        Context.add(Provider.Provider, { name, stream }),
        Context.add(TestProvider, { requests })
      ))
  )
