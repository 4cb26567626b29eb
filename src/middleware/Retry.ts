/**
 * Retries by a schedule, around any provider: middleware that makes the attempts instead of the provider's layer.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { countRetry, CurrentWatchers } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import { tellRetry } from "../engine/retries.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Attempts from "./attempts.ts"

/**
 * An attempt that failed before its content.
 *
 * @category models
 * @since 0.2.0
 */
export type Failed = Attempts.Failed

/**
 * When attempts are made.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /**
   * The pauses, and how many there are; it gets the errors. A provider that asks for a longer pause gets it. Default: two
   * pauses of about half a second and a second.
   */
  readonly schedule?: Schedule.Schedule<unknown, ProviderError> | undefined
  /** Which errors are worth another attempt. Default: `error.isRetryable`. */
  readonly while?: ((error: ProviderError) => boolean) | undefined
  /**
   * Longest pause that a provider may ask for. When it asks for more, the stream fails at once. `maxRetryDelay` of
   * `Provider.CurrentPolicy` wins over it. Default: 60 seconds.
   */
  readonly maxRetryDelay?: Duration.Input | undefined
  /** Run for each attempt that failed before its content, also the last one. Default: nothing. */
  readonly onFailure?: ((failed: Failed) => Effect.Effect<void>) | undefined
}

const pauses = (times: number) =>
  Schedule.exponential("500 millis").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(8)))),
    Schedule.jittered,
    Schedule.upTo({ times })
  )

const twice = pauses(2)

const settingsOf = (options: Options, policy: Provider.Policy) =>
  Result.gen(function*() {
    const { maxRetryDelay = Duration.seconds(60), onFailure, schedule = twice, while: isWorth = isRetryable } =
      yield* Checks.copied(options)
    return {
      isWorth,
      onFailure,
      schedule: yield* Checks.given("schedule", "a schedule", () => schedule, Schedule.isSchedule),
      longest: yield* Checks.duration("maxRetryDelay", policy.maxRetryDelay ?? maxRetryDelay, { zero: true })
    }
  })

const isRetryable = ({ isRetryable }: ProviderError): boolean => isRetryable

const stepOf = (schedule: Schedule.Schedule<unknown, ProviderError>) => Schedule.toStep(schedule)

/**
 * A provider whose requests are sent again by a schedule, until the first content (text, reasoning, a piece of a call, of
 * audio or of a refusal) is there; never after that.
 *
 * It owns the attempts: the provider itself doesn't retry, whatever its `maxRetries`. `maxRetries` of
 * `Provider.CurrentPolicy` limits its attempts as well, so with `0`, and below a `Fallback`, it makes one.
 *
 * @example
 * ```ts
 * import { Effect, pipe, Schedule } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Retry from "effect-llm-stream/middleware/Retry"
 *
 * const patient = Effect.map(OpenAi.make({}), (openai) =>
 *   pipe(
 *     openai,
 *     Retry.retried({
 *       schedule: Schedule.exponential("1 second").pipe(Schedule.jittered, Schedule.upTo({ times: 5 }))
 *     })
 *   ))
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const retried: {
  (options?: Options): <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>
  <C extends Chunk>(self: Provider.Service<C>, options?: Options): Provider.Service<C>
} = dual(
  (args) => Predicate.hasProperty(args[0], "stream"),
  <C extends Chunk>(self: Provider.Service<C>, options: Options = {}): Provider.Service<C> => {
    const plan = planOf(self, options)
    return Opening.provider(self, (request: ChatRequest) => Attempts.open((policy) => plan(request, policy)))
  }
)

/** What a request's attempts are. The options are checked once. */
const planOf = <C extends Chunk>(self: Provider.Service<C>, options: Options) => {
  const usual = settingsOf(options, {})
  return (request: ChatRequest, policy: Provider.Policy): Effect.Effect<Attempts.Plan<C>, ProviderError> => {
    const settings = policy.maxRetryDelay === undefined ? usual : settingsOf(options, policy)
    if (Result.isFailure(settings)) return Effect.fail(Checks.refused(self.name, settings.failure))
    const { isWorth, longest, onFailure, schedule } = settings.success
    let step: Effect.Success<ReturnType<typeof stepOf>> | undefined
    const attempt = { provider: self, request, maxRetries: 0 }
    return Effect.succeed({
      first: attempt,
      onFailure,
      next: (error, failures, left) =>
        Effect.gen(function*() {
          if (failures > (policy.maxRetries ?? Number.POSITIVE_INFINITY)) return undefined
          if (!(yield* Attempts.decided(self.name, () => isWorth(error)))) return undefined
          const asked = error.retryAfter ?? Duration.zero
          if (Duration.isGreaterThan(asked, longest)) return undefined
          step ??= yield* stepOf(schedule)
          const pause = yield* step(yield* Clock.currentTimeMillis, error).pipe(
            Effect.map(([, pause]) => Math.max(Duration.toMillis(pause), Duration.toMillis(asked))),
            Pull.catchDone(() => Effect.succeed(undefined))
          )
          if (pause === undefined || pause >= left) return undefined
          countRetry(yield* CurrentWatchers)
          yield* tellRetry(error, failures, pause)
          yield* Effect.sleep(Duration.millis(pause))
          return attempt
        })
    })
  }
}

/**
 * A provider each of whose attempts is opened by `attempt`: what middleware is that counts attempts. The outermost one makes
 * them, as {@link retried} does, unless the caller's `maxRetries` says how many; what is under it makes one.
 *
 * @internal
 */
export const owned = <C extends Chunk>(
  self: Provider.Service<C>,
  attempt: (request: ChatRequest) => Opening.Open<C, ProviderError>,
  options: Options = {}
): Provider.Service<C> => {
  const one = Opening.provider(self, attempt)
  const isTwice = planOf(one, options)
  return Opening.provider(
    self,
    (request: ChatRequest): Opening.Open<C, ProviderError> => (scope) =>
      Effect.flatMap(Provider.CurrentPolicy, ({ maxRetries = 2 }) => {
        if (maxRetries === 0) return attempt(request)(scope)
        const plan = maxRetries === 2 ? isTwice : planOf(one, { schedule: pauses(maxRetries), ...options })
        return Attempts.open((policy) => plan(request, policy))(scope)
      })
  )
}

/**
 * Retries the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import * as Retry from "effect-llm-stream/middleware/Retry"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Retry.layer({ maxRetryDelay: "10 seconds" }).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options?: Options): Layer.Layer<Provider.Provider, never, Provider.Provider> =>
  layerService(Provider.Provider, options)

/**
 * Retries the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import * as Retry from "effect-llm-stream/middleware/Retry"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Retry.layerService(OpenAi.OpenAi).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options?: Options
): Layer.Layer<Self, never, Self> => Layer.effect(service, Effect.map(service, retried(options)))
