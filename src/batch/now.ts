import * as Effect from "effect/Effect"
import * as Watch from "../engine/watch.ts"

/**
 * Milliseconds by a clock that nobody sets.
 *
 * @internal
 */
export const millis: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => Watch.millis(clock)))
