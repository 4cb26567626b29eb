import type * as Arr from "effect/Array"
import type * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import { type Chunk, hasOutput } from "../Chunk.ts"
import * as CostMetadata from "../CostMetadata.ts"
import { CurrentWatchers } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import { millis } from "../engine/watch.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import type { Usage } from "../Usage.ts"

/**
 * How many chunks without content are held back. An answer that has more of them is delivered from there on.
 *
 * @internal
 */
export const maxHeld = 1024

/** @internal */
export interface Attempt<out C extends Chunk> {
  readonly provider: Provider.Service<C>
  readonly request: ChatRequest
  /** What the attempt may do by itself. The caller's `CurrentPolicy` can only lower it. */
  readonly maxRetries: number
}

/**
 * An attempt that failed before its content.
 *
 * @internal
 */
export interface Failed {
  /** Counts from 1. */
  readonly attempt: number
  /** The name that the error states. */
  readonly provider: string
  /** The model that was asked for; `undefined` where the provider does not tell its default. */
  readonly model: string | undefined
  readonly error: ProviderError.ProviderError
}

/** @internal */
export interface Plan<out C extends Chunk> {
  readonly first: Attempt<C>
  /**
   * The attempt that follows a failure, the n-th from 1, made after its pause; `undefined` when none does. `left` are the
   * milliseconds that the caller's `totalTimeout` leaves.
   */
  readonly next: (
    error: ProviderError.ProviderError,
    failures: number,
    left: number
  ) => Effect.Effect<Attempt<C> | undefined, ProviderError.ProviderError>
  readonly onFailure: ((failed: Failed) => Effect.Effect<void>) | undefined
}

interface Spent {
  readonly usage: Usage
  readonly cost: Effect.Effect<{ readonly total: BigDecimal.BigDecimal; readonly isComplete: boolean } | undefined>
}

// Loaded when an error has to say what was spent: a program whose attempts cost nobody anything needs no prices.
const costOf = (metadata: CostMetadata.CostMetadata) =>
  Effect.flatMap(Effect.promise(() => import("../Pricing.ts")), (pricing) => pricing.costOf(metadata))

/**
 * Makes attempts one after the other until one has content, and delivers that one alone. Of attempts that are followed by
 * another nothing is delivered; the last one is delivered with its chunks, as it failed.
 *
 * @internal
 */
export const stream = <C extends Chunk>(
  plan: (policy: Provider.Policy) => Effect.Effect<Plan<C>, ProviderError.ProviderError>
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.unwrap(Effect.flatMap(
    Provider.CurrentPolicy,
    (policy) => Effect.map(plan(policy), (plan) => Stream.fromChannel(channel(plan, policy)))
  ))

const channel = <C extends Chunk>({ first, next, onFailure }: Plan<C>, policy: Provider.Policy) =>
  Channel.fromTransform((_upstream, scope) =>
    Effect.map(Effect.all([Clock.Clock, CurrentWatchers]), ([clock, watchers]) => {
      const left = timeLeft(clock, policy)
      // What was used by attempts whose chunks nobody gets.
      const spent: Array<Spent> = []
      let earlier: ProviderError.Earlier = []
      const failed = (error: ProviderError.ProviderError) =>
        Effect.flatMap(
          Effect.forEach(spent, ({ cost, usage }) => Effect.map(cost, (cost) => ({ usage, cost }))),
          (spent) => Effect.fail(ProviderError.withEarlier(spent.reduce(ProviderError.withSpent, error), earlier))
        )
      let rest: Pull.Pull<Arr.NonEmptyReadonlyArray<C>, ProviderError.ProviderError> | undefined

      const drop = (
        { provider, request }: Attempt<C>,
        error: ProviderError.ProviderError,
        held: ReadonlyArray<C>
      ): void => {
        earlier = ProviderError.followed(earlier, error, modelOf(provider, request))
        if (error.spent !== undefined) {
          const { cost: total, isComplete = false, usage } = error.spent
          spent.push({ usage, cost: Effect.succeed(total && { total, isComplete }) })
        }
        if (held.length === 0) return
        // Whoever counts outside saw none of its chunks, and it may be paid for.
        const sent = { provider: error.provider, model: modelOf(provider, request) }
        for (const { open } of watchers) open.add(sent)
        const metadata = CostMetadata.accumulator()
        for (const chunk of held) metadata.add(chunk)
        const usage = metadata.usage()
        if (usage !== undefined) spent.push({ usage, cost: costOf(metadata.metadata()) })
      }

      const make = (
        attempt: Attempt<C>,
        failures: number
      ): Pull.Pull<Arr.NonEmptyReadonlyArray<C>, ProviderError.ProviderError> =>
        Effect.gen(function*() {
          const own = yield* Scope.fork(scope)
          const held: Array<C> = []
          const pull = yield* Channel.toPullScoped(limited(attempt, policy, failures, left).channel, own)
          const collected: typeof pull = Effect.flatMap(pull, (chunks) => {
            for (const chunk of chunks) held.push(chunk)
            return held.length >= maxHeld || chunks.some(hasOutput)
              ? Effect.succeed(delivered(held, chunks))
              : collected
          })
          rest = Effect.catchTag(pull, "ProviderError", failed)
          return yield* collected.pipe(
            Pull.catchDone(() => {
              rest = Cause.done()
              return isNonEmpty(held) ? Effect.succeed(held) : rest
            }),
            Effect.catchTag("ProviderError", (error) =>
              Effect.gen(function*() {
                // The socket is closed before the pause.
                yield* Scope.close(own, Exit.fail(error))
                yield* told(attempt, error, failures + 1, onFailure)
                const following = yield* next(error, failures + 1, left())
                if (following !== undefined) {
                  drop(attempt, error, held)
                  return yield* make(following, failures + 1)
                }
                rest = failed(error)
                return yield* isNonEmpty(held) ? Effect.succeed(held) : rest
              }))
          )
        })

      const opened = make(first, 0)
      return Effect.suspend(() => rest ?? opened)
    })
  )

const isNonEmpty = <C>(chunks: ReadonlyArray<C>): chunks is Arr.NonEmptyReadonlyArray<C> => chunks.length > 0

const delivered = <C>(
  held: ReadonlyArray<C>,
  last: Arr.NonEmptyReadonlyArray<C>
): Arr.NonEmptyReadonlyArray<C> => isNonEmpty(held) ? held : last

/**
 * The milliseconds that the caller's `totalTimeout` leaves for all attempts together.
 *
 * @internal
 */
export const timeLeft = (clock: Clock.Clock, { totalTimeout }: Provider.Policy): () => number => {
  // The provider says what is wrong with it.
  const total = totalTimeout === undefined
    ? undefined
    : Result.getOrUndefined(Checks.duration("totalTimeout", totalTimeout))
  if (total === undefined) return () => Number.POSITIVE_INFINITY
  const end = millis(clock) + Duration.toMillis(total)
  return () => end - millis(clock)
}

/**
 * What a function of the caller says about an error.
 *
 * @internal
 */
export const decided = (
  provider: string,
  decide: () => boolean
): Effect.Effect<boolean, ProviderError.ProviderError> =>
  Effect.mapError(
    Effect.fromResult(Checks.given("while", "a function that gives true or false", decide)),
    (message) => Checks.refused(provider, message)
  )

/**
 * The stream of a provider, which may be no provider in a program without types.
 *
 * @internal
 */
export const streamOf = <C extends Chunk>(
  self: Provider.Service<C>,
  request: ChatRequest
): Result.Result<Stream.Stream<C, ProviderError.ProviderError>, string> =>
  Checks.given("provider", "one that gives a stream", () => self.stream(request), Stream.isStream)

/**
 * {@link streamOf}, or its error.
 *
 * @internal
 */
export const ask = <C extends Chunk>(
  provider: Provider.Service<C>,
  request: ChatRequest
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.suspend(() =>
    Result.match(streamOf(provider, request), {
      onFailure: (message) => Stream.fail(Checks.refused(provider.name, message)),
      onSuccess: identity
    })
  )

const limited = <C extends Chunk>(
  { maxRetries, provider, request }: Attempt<C>,
  policy: Provider.Policy,
  failures: number,
  left: () => number
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.provideService(ask(provider, request), Provider.CurrentPolicy, {
    ...(failures === 0 ? policy : withTimeLeft(policy, left)),
    // The provider refuses what is no number.
    maxRetries: typeof policy.maxRetries === "number" && typeof maxRetries === "number"
      ? Math.min(policy.maxRetries, maxRetries)
      : policy.maxRetries ?? maxRetries
  })

/**
 * The policy of what is asked now, when part of the `totalTimeout` has passed.
 *
 * @internal
 */
export const withTimeLeft = (policy: Provider.Policy, left: () => number): Provider.Policy =>
  policy.totalTimeout === undefined
    ? policy
    : { ...policy, totalTimeout: Duration.millis(Math.max(left(), 1)) }

const modelOf = <C extends Chunk>(provider: Provider.Service<C>, request: ChatRequest): string | undefined =>
  Result.getOrUndefined(Result.try(() => provider.target?.(request)?.model ?? request.model))

const told = <C extends Chunk>(
  { provider, request }: Attempt<C>,
  error: ProviderError.ProviderError,
  attempt: number,
  onFailure: Plan<C>["onFailure"]
): Effect.Effect<void, ProviderError.ProviderError> =>
  Effect.gen(function*() {
    const model = modelOf(provider, request)
    const span = Option.getOrUndefined(yield* Effect.option(Effect.currentSpan))
    span?.event("llm_stream.attempt_failed", yield* Clock.currentTimeNanos, {
      "llm_stream.attempt": attempt,
      "llm_stream.provider": error.provider,
      "error.type": error.reason._tag,
      ...(model === undefined ? undefined : { "gen_ai.request.model": model }),
      ...(error.status === undefined ? undefined : { "http.response.status_code": error.status })
    })
    if (onFailure !== undefined) {
      const failed = { attempt, provider: error.provider, model, error }
      const run = Checks.given("onFailure", "a function that gives an effect", () => onFailure(failed), Effect.isEffect)
      yield* yield* Effect.mapError(Effect.fromResult(run), (message) => Checks.refused(error.provider, message))
    }
  })
