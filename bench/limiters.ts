/**
 * How many calls Effect's rate limiter lets through in the worst interval as long as its window. Run with
 * `node bench/limiters.ts`; `docs/decisions/stores.md` has the result.
 */
import { Clock, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"

const limit = 100
const window = 1_000

const worst = (algorithm: "fixed-window" | "token-bucket") =>
  Effect.gen(function*() {
    const limiter = yield* RateLimiter.RateLimiter
    const passed: Array<number> = []
    // One call, a pause, then all that the limiter lets through, millisecond by millisecond.
    for (let step = 0; step < 4 * window; step++) {
      const wanted = step === 0 ? 1 : step < 9 ? 0 : 200
      for (let call = 0; call < wanted; call++) {
        const taken = yield* Effect.result(
          limiter.consume({ algorithm, onExceeded: "fail", key: "k", limit, window })
        )
        if (taken._tag === "Failure") break
        passed.push(yield* Clock.currentTimeMillis)
      }
      yield* TestClock.adjust(1)
    }
    return Math.max(...passed.map((start) => passed.filter((at) => at >= start && at < start + window).length))
  }).pipe(
    Effect.provide(Layer.mergeAll(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory), TestClock.layer()))
  )

for (const algorithm of ["fixed-window", "token-bucket"] as const) {
  console.log(`${algorithm}: ${await Effect.runPromise(worst(algorithm))} calls in ${window} ms, of ${limit}`)
}
