import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Limit from "../../../src/middleware/state/limit.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Rate = Schema.Struct({ amount: between(1, 60), every: between(1, 5000) })

/** What is done after a pause, in parts of the window: something is taken, or one of those that were taken is settled. */
const Event = Schema.Struct({
  pause: between(0, 300),
  amount: between(0, 20),
  settled: Schema.UndefinedOr(Schema.Struct({ which: between(0, 3), to: between(0, 30) }))
})

const histories = Arbitrary.array(Arbitrary.schema(Event), { minLength: 20, maxLength: 150 })

interface Entry {
  readonly at: number
  readonly slot: number
  readonly rate: Limit.Rate
  count: number
}

/** A limit, and a log of all that was taken, which knows nothing of slices. */
const logged = () => {
  const log: Array<Entry> = []
  let window: Limit.Window | undefined
  return {
    log,
    window: () => window,
    take: (rate: Limit.Rate, now: number, amount: number) => {
      const taken = Limit.take(window, rate, now, amount)
      if (Result.isSuccess(taken)) {
        window = taken.success.window
        log.push({ at: now, slot: taken.success.slot, rate, count: amount })
      }
      return taken
    },
    settle: (entry: Entry, to: number) => {
      if (window === undefined) return
      window = Limit.settle(window, entry.slot, to - entry.count)
      entry.count = to
    },
    /** The sum of what was taken in the interval of `every` that ends now, both ends included. */
    inInterval: ({ every }: Limit.Rate, now: number) =>
      log.reduce((sum, { at, count }) => at >= now - every ? sum + count : sum, 0)
  }
}

const start = 1_790_000_000_123

describe("A window", () => {
  it.prop(
    "lets no more pass in any interval than its rate, whatever is taken and settled",
    [Rate, histories],
    ([rate, events]) => {
      const limit = logged()
      let now = start
      for (const { amount, pause, settled } of events) {
        now += Math.floor(pause * rate.every / 200)
        const entry = settled && limit.log.at(-1 - settled.which)
        if (entry !== undefined) limit.settle(entry, settled?.to ?? 0)
        else if (Result.isSuccess(limit.take(rate, now, amount))) {
          assert.isAtMost(limit.inInterval(rate, now), rate.amount)
        }
      }
    }
  )

  it.prop(
    "goes on under another rate with what was taken under the first",
    [Rate, Rate, histories],
    ([first, second, events]) => {
      const limit = logged()
      let now = start
      for (const [index, { amount, pause }] of events.entries()) {
        const rate = index < events.length / 2 ? first : second
        now += Math.floor(pause * rate.every / 200)
        if (Result.isSuccess(limit.take(rate, now, amount))) {
          // What no longer counted under the first rate is not known to the second.
          const known = limit.log.filter((entry) => entry.at >= now - rate.every && entry.rate === rate)
          assert.isAtMost(known.reduce((sum, { count }) => sum + count, 0), rate.amount)
          if (first.every >= second.every) assert.isAtMost(limit.inInterval(rate, now), rate.amount)
        }
      }
    }
  )

  it.prop(
    "says the earliest time when an amount fits, or that it never does",
    [Rate, histories],
    ([rate, events]) => {
      const limit = logged()
      let now = start
      for (const { amount, pause } of events) {
        now += Math.floor(pause * rate.every / 200)
        const taken = limit.take(rate, now, amount)
        if (Result.isSuccess(taken)) continue
        const { until } = taken.failure
        if (amount > rate.amount) {
          assert.strictEqual(until, Number.POSITIVE_INFINITY)
          continue
        }
        assert.isAbove(until, now)
        assert.isTrue(Result.isFailure(Limit.take(limit.window(), rate, until - 1, amount)))
        assert.isTrue(Result.isSuccess(Limit.take(limit.window(), rate, until, amount)))
      }
    }
  )

  it.prop(
    "is used by at least 99 % while work is left, apart from the millisecond that a short one loses",
    [Rate, Schema.Array(between(0, 10)).check(Schema.isMinLength(1))],
    ([rate, delays]) => {
      const limit = logged()
      const windows = 20
      let now = start
      let lost = 0
      for (let turn = 0; now < start + windows * rate.every;) {
        const taken = limit.take(rate, now, 1)
        if (Result.isSuccess(taken)) continue
        // The workers come a little late.
        const late = Math.floor((delays[turn++ % delays.length] ?? 0) * rate.every / 2000)
        now = taken.failure.until + late
        lost += late
      }
      const width = Math.max(1, Math.ceil(rate.every / 200))
      const used = limit.log.length
      const full = Math.floor((windows * rate.every - lost) / (rate.every + width)) * rate.amount
      assert.isAtLeast(used, full)
      if (rate.every >= 2000) assert.isAbove(rate.every / (rate.every + width), 0.99)
    }
  )

  it.prop("stays small", [Rate, between(1, 20)], ([rate, pause]) => {
    const limit = logged()
    for (let step = 0; step < 500; step++) {
      const now = start + Math.floor(step * rate.every * pause / 2000)
      limit.take({ ...rate, amount: 1_000_000 }, now, 1)
      assert.isAtMost(limit.window()?.slices.split(",").length ?? 0, 203)
    }
  })

  it.prop(
    "never holds up longer than its length and a slice, also when the clock is set back",
    [Rate, between(0, 3_600_000)],
    ([rate, back]) => {
      const full = Result.getOrThrow(Limit.take(undefined, rate, start, rate.amount)).window
      const taken = Limit.take(full, rate, start - back, 1)
      assert.isTrue(Result.isFailure(taken))
      if (Result.isFailure(taken)) {
        assert.isAtMost(taken.failure.until - (start - back), rate.every + Math.max(1, Math.ceil(rate.every / 200)))
      }
    }
  )

  it.prop("is what a store gives back", [Rate, histories], ([rate, events]) => {
    const limit = logged()
    let now = start
    for (const { amount, pause } of events) limit.take(rate, now += pause, amount)
    const window = limit.window()
    if (window === undefined) return
    const json = Schema.toCodecJson(Limit.Window)
    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(window)), window)
    assert.isAtMost(Limit.expiry(window, rate), now + rate.every + Math.max(1, Math.ceil(rate.every / 200)))
    // From there on it is as if nothing had been taken.
    const after = Limit.take(window, rate, Limit.expiry(window, rate), rate.amount)
    assert.isTrue(Result.isSuccess(after))
  })
})

describe("What is no window", () => {
  it("is refused as it is read", () => {
    const decode = Schema.decodeUnknownResult(Limit.Window)
    for (const slices of ["1", "1:", ":1,", "1:2", "1:2,3", "a:1,", "1:-1,"]) {
      assert.isTrue(Result.isFailure(decode({ used: 0, slices })), slices)
    }
    assert.isTrue(Result.isSuccess(decode({ used: 5, slices: "1:2,3:3," })))
  })
})

describe("A hold", () => {
  it.prop(
    "lasts until the latest time that was asked for",
    [Schema.NonEmptyArray(between(0, 1_000_000))],
    ([times]) => {
      const held = times.reduce<Limit.Hold | undefined>(Limit.hold, undefined)
      assert.strictEqual(held?.until, Math.max(...times))
    }
  )
})
