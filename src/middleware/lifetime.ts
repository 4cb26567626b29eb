import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Chunk } from "../Chunk.ts"
import type { CostMetadata } from "../CostMetadata.ts"
import * as Call from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as ProviderError from "../ProviderError.ts"
import type * as Store from "../stores/Store.ts"
import type { Usage } from "../Usage.ts"
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
  readonly lost: ReadonlyArray<Call.Sent>
  /** What the responses stated, those before the last one not to their end; empty when no chunk came. */
  readonly responses: ReadonlyArray<CostMetadata>
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
 * Runs a stream between `start` and `end`. `end` is run however it ends, also when `start` is interrupted.
 *
 * @internal
 */
export const between = <C extends Chunk, E, E2, R, R2, R3>(
  self: Stream.Stream<C, E, R>,
  { end, start }: {
    readonly start: Effect.Effect<unknown, E2, R2 | Scope.Scope>
    readonly end: (ended: Ended) => Effect.Effect<void, never, R3>
  }
): Stream.Stream<C, E | E2, R | Exclude<R2 | R3, Scope.Scope>> =>
  Stream.unwrap(Effect.gen(function*() {
    const { isEnded, isSeen, metadata, stream, watcher } = Call.watched(self)
    let error: ProviderError.ProviderError | undefined
    let isStarted = false
    let hasFailed = false
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const isTold = watcher.retries !== undefined
        const isRefused = error !== undefined && isRefusal(error)
        return end({
          outcome: !isStarted || watcher.isUnsent === true && !isTold ||
              isRefused && error?.status === undefined && !isSeen() && watcher.open.size === 0
            ? "unsent"
            : isEnded()
            ? "done"
            : hasFailed
            ? "failed"
            : "cancelled",
          reason: error?.reason._tag,
          lost: Array.from(watcher.open),
          responses: isSeen() ? metadata.responses() : [],
          metadata: metadata.metadata(),
          usage: metadata.usage(),
          isUntold: !isSeen() && !isTold && !isRefused
        })
      })
    )
    yield* start
    isStarted = true
    return Stream.tapError(stream, (failure) =>
      Effect.sync(() => {
        hasFailed = true
        if (ProviderError.isProviderError(failure)) error = failure
      }))
  }))

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
