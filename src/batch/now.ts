import * as Effect from "effect/Effect"

/**
 * Milliseconds by a clock that nobody sets.
 *
 * @internal
 */
export const millis: Effect.Effect<number> = Effect.clockWith((clock) =>
  Effect.sync(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)
