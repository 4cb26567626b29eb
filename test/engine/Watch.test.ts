import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { inTime, millis, unwatch, watch, type Watched } from "../../src/engine/watch.ts"

const Limits = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 })))
  .check(Schema.isBetweenLength(1, 8))
const Step = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 }))

describe("what waits", () => {
  it.effect.prop(
    "fails when its own time has passed, whatever else waits by the clock, and no sooner",
    [Limits, Step],
    ([limits, step]) =>
      Effect.gen(function*() {
        const context = yield* Effect.context<never>()
        const fibers = yield* Effect.forEach(limits, (limit) =>
          Effect.forkChild(
            inTime(Effect.never, context, {
              limit,
              step,
              onTimeout: () => Effect.fail(limit)
            }),
            {
              startImmediately: true
            }
          ))
        for (let now = 1; now <= 50; now++) {
          yield* TestClock.adjust(1)
          for (const [index, fiber] of fibers.entries()) {
            const limit = limits[index] ?? 0
            const exit = fiber.pollUnsafe()
            if (now < limit) assert.isUndefined(exit)
            else assert.deepStrictEqual(exit, Exit.fail(limit))
          }
        }
      })
  )

  it.effect("is asked again when its time is renewed, and not once it waits no more", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const expired: Array<string> = []
      const wait = (name: string, limit: number): Watched & { since: number } => ({
        since: millis(clock),
        left(now) {
          return this.since + limit - now
        },
        expire: () => void expired.push(name)
      })
      const [renewed, ended, other] = [wait("renewed", 10), wait("ended", 10), wait("other", 12)]
      for (const one of [renewed, ended, other]) watch(clock, one)
      yield* TestClock.adjust(5)
      renewed.since = millis(clock)
      unwatch(clock, ended)
      yield* TestClock.adjust(6)
      assert.deepStrictEqual(expired, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(expired, ["other"])
      yield* TestClock.adjust(3)
      assert.deepStrictEqual(expired, ["other", "renewed"])
    }))

  it.effect("is interrupted with the one who waits, and leaves the watch", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const context = yield* Effect.context<never>()
      const self = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      const fiber = yield* Effect.forkChild(
        inTime(self, context, { limit: 10, step: 10, onTimeout: () => Effect.fail("late") }),
        {
          startImmediately: true
        }
      )
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(interrupted, 1)
    }))
})
