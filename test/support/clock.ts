/** Time that no load of the machine makes pass. */
import { Effect } from "effect"
import { TestClock } from "effect/testing"

const turn = Effect.callback<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

/**
 * Runs what has sockets by a clock of its own, on which a millisecond is a turn of the event loop. What the sockets of
 * this process have for each other takes a few turns, however long these take; so a limit of a hundred milliseconds ends
 * what is silent, and nothing else.
 */
export const byTurns = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.forever(Effect.andThen(turn, TestClock.adjust(1))).pipe(
    Effect.forkChild,
    Effect.andThen(self),
    Effect.provide(TestClock.layer())
  )
