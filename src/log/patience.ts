/**
 * Waiting for a store that is away.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Store from "../stores/Store.ts"

/**
 * How long one operation of a store may take before it is tried again, in ms.
 *
 * @internal
 */
export const longestOperation = 2_500

/** @internal */
export const unavailable = (message: string) => Effect.fail(new Store.StoreError({ reason: "Unavailable", message }))

/**
 * Tries an operation again while the store is away, for so many ms.
 *
 * @internal
 */
export const trying =
  (forMillis: number) =>
  <A, E>(effect: Effect.Effect<A, E | Store.StoreError>): Effect.Effect<A, E | Store.StoreError> =>
    Effect.clockWith((clock) => {
      const end = clock.currentTimeMillisUnsafe() + forMillis
      const left = () => end - clock.currentTimeMillisUnsafe()
      // A connection that was lost may not say so: there has to be time for another.
      const longest = Math.min(Math.max(forMillis / 3, 400), longestOperation)
      let last: Store.StoreError | undefined
      const attempt = Effect.suspend(() =>
        effect.pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error instanceof Store.StoreError) last = error
            })
          ),
          Effect.timeoutOrElse({
            duration: Math.max(1, Math.min(longest, left())),
            orElse: () => last === undefined ? unavailable("the store does not answer") : Effect.fail(last)
          })
        )
      )
      return Effect.retry(attempt, {
        schedule: Schedule.spaced(pauseOfStore),
        while: (error) => error instanceof Store.StoreError && error.reason === "Unavailable" && left() > pauseOfStore
      })
    })

/** How long a store that is away is left alone, in ms. */
const pauseOfStore = 50
