import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Cost } from "../Cost.ts"
import type { CostMetadata } from "../CostMetadata.ts"
import type * as Engine from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as Pricing from "../Pricing.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Store from "../stores/Store.ts"
import type { Usage } from "../Usage.ts"
import type * as Stack from "./stack.ts"
import * as Stored from "./stored.ts"

/**
 * A step in a store while or after a request runs: the answer does not fail by it, it is told.
 *
 * @internal
 */
export const after = (middleware: string, step: Effect.Effect<unknown, Store.StoreError>): Effect.Effect<void> =>
  Effect.catch(Effect.asVoid(step), (error) => Stored.tellFailure(middleware, error))

/**
 * Renews a lease until the scope closes.
 *
 * @internal
 */
export const renewed = (renew: Effect.Effect<void>, lease: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.forkScoped(Effect.forever(Effect.delay(renew, Duration.millis(lease / 3))))
  )

/** What all stages of a call come to know of it, once. */
interface Shared {
  readonly renewals: Array<Effect.Effect<void>>
  /** The shortest lease that the fiber which runs `renewals` keeps, in ms. */
  lease: number
  costs: ReadonlyArray<Cost | undefined> | undefined
}

const shared = new WeakMap<Stack.Call, Shared>()

const sharedOf = (call: Stack.Call): Shared => {
  const known = shared.get(call) ?? { renewals: [], lease: Number.POSITIVE_INFINITY, costs: undefined }
  shared.set(call, known)
  return known
}

/** Renews a lease as long as the call runs: all leases of a call in one fiber, if it is as fast as they need. */
const renewedWith = (call: Stack.Call, renew: Effect.Effect<void>, lease: number) => {
  const known = sharedOf(call)
  if (known.lease <= lease) {
    known.renewals.push(renew)
    return Effect.void
  }
  const renewals = [renew]
  shared.set(call, Object.assign(known, { lease, renewals }))
  return renewed(Effect.suspend(() => Effect.all(renewals, { discard: true })), lease)
}

/**
 * How a stream has ended.
 *
 * @internal
 */
export interface Ended {
  /** `unsent`: no request was made of it. */
  readonly outcome: "unsent" | "done" | "failed" | "cancelled"
  /** The tag of the error's reason; `undefined` without one. */
  readonly reason: string | undefined
  /** Requests that may be billed, and gave no chunk. */
  readonly lost: ReadonlyArray<Engine.Sent>
  /** What the responses stated, those before the last one not to their end; empty when no chunk came. */
  readonly responses: ReadonlyArray<CostMetadata>
  /** What each of them did cost; `undefined` without a known price. */
  readonly costs: Effect.Effect<ReadonlyArray<Cost | undefined>>
  /** What all responses stated, as one. */
  readonly metadata: CostMetadata
  readonly usage: Usage | undefined
  /** Whether it may be billed, although no chunk came and nobody told of a request. */
  readonly isUntold: boolean
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
  readonly end: (ended: Ended) => Effect.Effect<void>
}): Stack.Stage<E> =>
  Effect.fnUntraced(function*(call) {
    let isStarted = false
    yield* Effect.addFinalizer(() => Effect.suspend(() => end(endedOf(call, isStarted))))
    yield* start
    isStarted = true
    yield* renewedWith(call, renew, lease)
  })

const endedOf = (call: Stack.Call, isStarted: boolean): Ended => {
  const { end = "cancelled", error, isSeen, metadata, watcher } = call
  const isTold = watcher.retries !== undefined
  const isRefused = error !== undefined && isRefusal(error)
  const responses = isSeen ? metadata.responses() : []
  return {
    outcome: !isStarted || watcher.isUnsent === true && !isTold ||
        isRefused && error.status === undefined && !isSeen && watcher.open.size === 0
      ? "unsent"
      : end,
    reason: error?.reason._tag,
    lost: Array.from(watcher.open),
    responses,
    costs: Effect.suspend(() => {
      const known = sharedOf(call)
      return known.costs !== undefined
        ? Effect.succeed(known.costs)
        : Effect.map(Effect.forEach(responses, Pricing.costOf), (costs) => known.costs = costs)
    }),
    metadata: metadata.metadata(),
    usage: metadata.usage(),
    isUntold: !isSeen && !isTold && !isRefused
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
