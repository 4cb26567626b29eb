import type * as Arr from "effect/Array"
import type * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { hasOutput } from "../content/hasOutput.ts"
import * as CostMetadata from "../CostMetadata.ts"
import { CurrentHeads, CurrentWatchers } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import { millis } from "../engine/watch.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"
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

type Opened<C> = Opening.Opened<C, ProviderError.ProviderError>

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
export const open = <C extends Chunk>(
  plan: (policy: Provider.Policy) => Effect.Effect<Plan<C>, ProviderError.ProviderError>
): Opening.Open<C, ProviderError.ProviderError> =>
(scope) =>
  Effect.contextWith((context: Context.Context<never>) => {
    const policy = Context.get(context, Provider.CurrentPolicy)
    return Effect.flatMap(plan(policy), (plan) => attempts(plan, policy, scope, context))
  })

const attempts = <C extends Chunk>(
  { first, next, onFailure }: Plan<C>,
  policy: Provider.Policy,
  scope: Scope.Scope,
  context: Context.Context<never>
): Pull.Pull<Opened<C>, ProviderError.ProviderError> => {
  const left = timeLeft(Context.get(context, Clock.Clock), policy)
  // What was used by attempts whose chunks nobody gets.
  const spent: Array<Spent> = []
  let earlier: ProviderError.Earlier = []
  const failed = (error: ProviderError.ProviderError) =>
    Effect.flatMap(
      Effect.forEach(spent, ({ cost, usage }) => Effect.map(cost, (cost) => ({ usage, cost }))),
      (spent) => Effect.fail(ProviderError.withEarlier(spent.reduce(ProviderError.withSpent, error), earlier))
    )

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
    for (const { open } of Context.get(context, CurrentWatchers)) open.add(sent)
    const metadata = CostMetadata.accumulator()
    for (const chunk of held) metadata.add(chunk)
    const usage = metadata.usage()
    if (usage !== undefined) spent.push({ usage, cost: costOf(metadata.metadata()) })
  }

  const make = (attempt: Attempt<C>, failures: number): Pull.Pull<Opened<C>, ProviderError.ProviderError> =>
    Effect.flatMap(Scope.fork(scope), (own) => {
      const held: Array<C> = []
      const collected = ({ first, rest }: Opened<C>): Pull.Pull<Opened<C>, ProviderError.ProviderError> => {
        for (const chunk of first) held.push(chunk)
        return held.length < maxHeld && !first.some(hasOutput)
          ? Effect.flatMap(rest, (first) => collected({ first, rest }))
          : Effect.succeed({
            first: isNonEmpty(held) ? held : first,
            // The first attempt fails with its own error.
            rest: failures === 0 ? rest : Effect.catchTag(rest, "ProviderError", failed)
          })
      }
      return Effect.flatMap(openOf(attempt.provider, attempt.request)(own), collected).pipe(
        Effect.provideService(Provider.CurrentPolicy, limited(attempt, policy, failures, left)),
        Pull.catchDone(() => isNonEmpty(held) ? Effect.succeed({ first: held, rest: Cause.done() }) : Cause.done()),
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
            return isNonEmpty(held) ? { first: held, rest: failed(error) } : yield* failed(error)
          }))
      )
    })

  return make(first, 0)
}

const isNonEmpty = <C>(chunks: ReadonlyArray<C>): chunks is Arr.NonEmptyReadonlyArray<C> => chunks.length > 0

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
 * Opens the stream of a provider.
 *
 * @internal
 */
export const openOf = <C extends Chunk>(
  self: Provider.Service<C>,
  request: ChatRequest
): Opening.Open<C, ProviderError.ProviderError> => {
  const known = Result.getOrUndefined(Result.try(() => Opening.of(self)))
  return known === undefined
    ? (scope) =>
      Effect.flatMap(
        Effect.fromResult(Result.mapError(streamOf(self, request), (message) => Checks.refused(nameOf(self), message))),
        (stream) => openStream(stream)(scope)
      )
    : known(request)
}

/** @internal */
export const nameOf = <C extends Chunk>(self: Provider.Service<C>): string =>
  Predicate.isString(self?.name) ? self.name : "middleware"

/**
 * Opens any stream. Its later pulls find what its first one found of middleware around it.
 *
 * @internal
 */
export const openStream = <A, E, R>(self: Stream.Stream<A, E, R>): Opening.Open<A, E, R> => (scope) =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.flatMap(Channel.toPullScoped(self.channel, scope), (pull) => {
      let from: Context.Context<R> | undefined
      let to = context
      // One for each context that it meets: a context is copied when something is added.
      const kept = (own: Context.Context<R>): Context.Context<R> => {
        if (own === from) return to
        from = own
        return to = own.pipe(
          Context.add(CurrentWatchers, Context.get(context, CurrentWatchers)),
          Context.add(CurrentHeads, Context.get(context, CurrentHeads)),
          Context.add(Provider.CurrentPolicy, Context.get(context, Provider.CurrentPolicy))
        )
      }
      return Effect.map(pull, (first) => ({ first, rest: Effect.updateContext(pull, kept) }))
    })
  )

const limited = <C extends Chunk>(
  { maxRetries }: Attempt<C>,
  policy: Provider.Policy,
  failures: number,
  left: () => number
): Provider.Policy => ({
  ...(failures === 0 ? policy : withTimeLeft(policy, left)),
  // The provider refuses anything but a number.
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
