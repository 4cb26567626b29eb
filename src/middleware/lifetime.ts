import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Cost } from "../Cost.ts"
import * as Checks from "../engine/checks.ts"
import * as Watch from "../engine/watch.ts"
import * as Pricing from "../Pricing.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Store from "../stores/Store.ts"
import * as Stack from "./stack.ts"
import * as Stored from "./stored.ts"

/**
 * A step in a store while or after a request runs: the answer does not fail by it, it is told.
 *
 * @internal
 */
export const after = (middleware: string, step: Effect.Effect<unknown, Store.StoreError>): Effect.Effect<void> =>
  Effect.catch(Effect.asVoid(step), (error) => Stored.tellFailure(middleware, error))

/** Renews a lease until it is stopped. One timer does for all of them. */
const renewing = (
  renew: Effect.Effect<void>,
  lease: number,
  context: Context.Context<never>
): () => Effect.Effect<void> => {
  const clock = Context.get(context, Clock.Clock)
  let due = 0
  let renewal: Fiber.Fiber<void> | undefined
  const wait = () => {
    due = Watch.millis(clock) + lease / 3
    Watch.watch(clock, watched)
  }
  const watched: Watch.Watched = {
    left: (now) => due - now,
    expire: () => renewal = Effect.runForkWith(context)(Effect.andThen(renew, Effect.sync(wait)))
  }
  wait()
  return () => {
    Watch.unwatch(clock, watched)
    return renewal === undefined ? Effect.void : Fiber.interrupt(renewal)
  }
}

/**
 * Renews a lease until the scope closes.
 *
 * @internal
 */
export const renewed = (renew: Effect.Effect<void>, lease: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const stop = renewing(renew, lease, context)
    return Stack.onClose(stop)
  })

/** Renews a lease as long as the call runs: all leases of a call at one time, if it is as soon as they need. */
const renewedWith = (
  call: Stack.Call,
  renew: Effect.Effect<void>,
  lease: number,
  context: Context.Context<never>
): (() => Effect.Effect<void>) | undefined => {
  if (call.leases !== undefined && call.leases.lease <= lease) {
    call.leases.renewals.push(renew)
    return undefined
  }
  const renewals = [renew]
  call.leases = { renewals, lease }
  return renewing(Effect.suspend(() => Effect.all(renewals, { discard: true })), lease, context)
}

// Of a limit, and of a breaker.
const isOwn = new Set(["own_limit", "breaker_open"])

/** Whether the provider refused with an error status, or the request was not sent. */
const isRefusal = ({ reason, status }: ProviderError.ProviderError): boolean =>
  status !== undefined || isOwn.has(reason.code ?? "") || reason._tag === "InvalidRequest" ||
  reason._tag === "Authentication"

/**
 * The stage that runs `start`, and `end` however the call ends, also when `start` is interrupted. Until then it renews its
 * lease.
 *
 * @internal
 */
export const stage = <E>({ end, lease, renew, start }: {
  readonly start: Effect.Effect<unknown, E>
  readonly renew: Effect.Effect<void>
  /** In ms. */
  readonly lease: number
  readonly end: (ended: Stack.Ended) => Effect.Effect<void>
}): Stack.Stage<E> =>
(call) =>
  Effect.contextWith((context: Context.Context<never>) => {
    let isStarted = false
    let stop: (() => Effect.Effect<void>) | undefined
    const close = () => {
      const ending = Effect.suspend(() => end(endedOf(call, isStarted)))
      return stop === undefined ? ending : Effect.andThen(stop(), ending)
    }
    return Effect.andThen(
      Stack.onClose(close),
      Effect.map(start, () => {
        isStarted = true
        stop = renewedWith(call, renew, lease, context)
      })
    )
  })

const endedOf = (call: Stack.Call, isStarted: boolean): Stack.Ended => {
  const { end = "cancelled", error, isSeen, watcher } = call
  const isUnsent = watcher.isUnsent === true && watcher.retries === undefined
  const isRefusedUnsent = error !== undefined && error.status === undefined && isRefusal(error) && !isSeen &&
    watcher.open.size === 0
  return {
    ...(call.ended ??= known(call)),
    outcome: !isStarted || isUnsent || isRefusedUnsent ? "unsent" : end
  }
}

const known = ({ error, isSeen, metadata, watcher }: Stack.Call): Omit<Stack.Ended, "outcome"> => {
  const responses = isSeen ? metadata.responses() : []
  let costs: ReadonlyArray<Cost | undefined> | undefined
  return {
    reason: error?.reason._tag,
    lost: Array.from(watcher.open),
    responses,
    costs: Effect.suspend(() =>
      costs !== undefined
        ? Effect.succeed(costs)
        : Effect.map(Effect.forEach(responses, Pricing.costOf), (found) => costs = found)
    ),
    metadata: metadata.metadata(),
    usage: metadata.usage(),
    isUntold: !isSeen && watcher.retries === undefined && !(error !== undefined && isRefusal(error))
  }
}

/**
 * The duration of an option, in milliseconds.
 *
 * @internal
 */
export const millisOf = (
  middleware: string,
  name: string,
  value: Duration.Input
): Effect.Effect<number, ProviderError.ProviderError> =>
  Stored.checked(middleware, Result.map(Checks.duration(name, value), Duration.toMillis))
