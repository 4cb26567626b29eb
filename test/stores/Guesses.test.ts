import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Random, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Guesses from "../../src/stores/guesses.ts"
import * as Store from "../../src/stores/Store.ts"
import { kinds } from "./shared.ts"

/** Each is done by one of two clients, which know nothing of each other. */
const operations = Arbitrary.schema(
  Schema.Array(Schema.Struct({
    client: Schema.Literals([0, 1]),
    reads: Schema.Array(Schema.Literals(["a", "b"])).check(Schema.isMaxLength(2)),
    writes: Schema.Array(Schema.Literals(["a", "b", "c"])).check(Schema.isMaxLength(2)),
    does: Schema.Literals(["add", "add", "add", "remove", "expire"])
  })).check(Schema.isMaxLength(40))
)

describe("a guess of a store's time", () => {
  /** Transactions, each after some ms: when the store did them, and how long they then took to be known here. */
  const answers = Arbitrary.schema(
    Schema.Array(Schema.Struct({
      key: Schema.Literals(["a", "b"]),
      after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })),
      took: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 500 }))
    })).check(Schema.isMaxLength(20))
  )

  it.effect.prop(
    "is not before what is known of its entry, and not after the store's time",
    [answers],
    ([drawn]) =>
      Effect.gen(function*() {
        const ahead = 3_600_000.5
        const storeTime = Effect.map(Clock.currentTimeMillis, (now) => now + ahead)
        const guesses = yield* Guesses.make
        const known = new Map<string, number>()
        for (const { after, key, took } of drawn) {
          yield* TestClock.adjust(after)
          // An answer of long ago may be known after one of now.
          const now = Math.floor((yield* storeTime) - took)
          if (now < (known.get(key) ?? 0)) continue
          guesses.learn([key], { values: [undefined], now }, [])
          known.set(key, now)
          for (const [key, least] of known) {
            const bet = guesses.bet([key], (_, now) => Result.succeed({ result: now, writes: [{ key, value: "1" }] }))
            assert.isAtLeast(bet?.result ?? 0, least)
            assert.isAtMost(bet?.result ?? 0, yield* storeTime)
          }
        }
      })
  )
})

for (const [kind, { isAbsent, name, open }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`clients of a store in ${kind}`, () => {
    it.live("read what the other has written, whatever they wrote themselves", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const clients = [yield* open(shared), yield* open(shared)] as const
        const property = Effect.fnUntraced(
          function*(drawn: typeof operations extends Arbitrary.Arbitrary<infer A> ? A : never) {
            const space = String(yield* Random.nextInt)
            const keyOf = (place: string) => Store.key(space, place)
            const model = new Map<string, string>()
            for (const [index, { client, does, reads, writes }] of drawn.entries()) {
              const found = yield* clients[client].transact(reads.map(keyOf), (values, now) =>
                Result.succeed({
                  result: values,
                  writes: writes.map((place) => ({
                    key: keyOf(place),
                    value: does === "remove" ? undefined : String(index),
                    expiresAt: does === "expire" ? now : undefined
                  }))
                }))
              assert.deepStrictEqual(found, reads.map((place) => model.get(place)))
              for (const place of writes) {
                if (does === "add") model.set(place, String(index))
                else model.delete(place)
              }
            }
            return true
          }
        )
        const result = yield* Arbitrary.checkEffect(operations, property, { runs: 100 })
        assert.isUndefined(Arbitrary.formatCheckFailure(result))
      }))

    it.live("are given the time of the store, however far behind their own clocks have come", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const other = yield* open(shared)
        const clock = yield* Clock.Clock
        const nanos = yield* Clock.currentTimeNanos
        const standing: Clock.Clock = {
          currentTimeMillisUnsafe: () => Number(nanos / 1_000_000n),
          currentTimeMillis: Effect.succeed(Number(nanos / 1_000_000n)),
          currentTimeNanosUnsafe: () => nanos,
          currentTimeNanos: Effect.succeed(nanos),
          monotonicTimeNanosUnsafe: () => nanos,
          monotonicTimeNanos: Effect.succeed(nanos),
          sleep: (duration) => clock.sleep(duration)
        }
        const behind = yield* Effect.provideService(open(shared), Clock.Clock, standing)
        const key = Store.key("time")
        const timeOf = (store: Store.Service) =>
          store.transact([key], (_, now) => Result.succeed({ result: now, writes: [{ key, value: String(now) }] }))
        yield* timeOf(behind)
        yield* timeOf(behind)
        yield* Effect.sleep("500 millis")
        const least = (yield* other.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))) -
          Guesses.maxAge
        assert.isAtLeast(yield* timeOf(behind), least)
        assert.isAtLeast(yield* timeOf(behind), least)
      }))
  })
}
