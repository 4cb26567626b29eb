import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const names = ["SIGINT", "SIGTERM"] as const

/**
 * Runs `first` at the first signal that ends a program, and `then` at each that follows.
 *
 * @internal
 */
export const onSignal = (
  first: Effect.Effect<void>,
  then: Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      let count = 0
      const handler = () => {
        count++
        Effect.runFork(count === 1 ? first : then)
      }
      for (const name of names) process.on(name, handler)
      return handler
    }),
    (handler) =>
      Effect.sync(() => {
        for (const name of names) process.off(name, handler)
      })
  ))
