import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { root, run } from "../support/process.ts"

const Measured = Schema.fromJsonString(Schema.Struct({
  request: Schema.Finite,
  chunks: Schema.Finite,
  response: Schema.Finite,
  fibers: Schema.Finite,
  idle: Schema.Finite
}))

const measured = Effect.gen(function*() {
  const { output, status } = yield* Effect.promise(() =>
    run(process.execPath, ["--expose-gc", "bench/ratios.ts"], { cwd: root })
  )
  assert.strictEqual(status, 0, output)
  return yield* Schema.decodeEffect(Measured)(output.trim())
})

describe("the speed, by ratios and counts", () => {
  it.live(
    "stays in its bounds",
    () =>
      Effect.gen(function*() {
        const { chunks, fibers, idle, request, response } = yield* measured
        // Counts are the same on every machine: the caller's fiber, the one that waits for the first byte, the watch of
        // all that waits, and the one that frees the connection.
        assert.isAtMost(fibers, 4)
        assert.isAtMost(idle, 9_900)
        // Ratios to what no client does without. The bounds are about twice what they are.
        assert.isAtMost(request, 2.8)
        assert.isAtMost(chunks, 2.5)
        assert.isAtMost(response, 3.5)
      }).pipe(
        Effect.sandbox,
        // A machine under load may disturb one measurement, not all of three.
        Effect.retry(Schedule.recurs(2))
      ),
    300_000
  )
})
