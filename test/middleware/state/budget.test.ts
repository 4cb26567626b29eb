import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Equal, Result, Schema } from "effect"
import * as Budget from "../../../src/middleware/state/budget.ts"

const usd = (cents: number) => BigDecimal.make(BigInt(cents), 2)
const cents = (amount: BigDecimal.BigDecimal) => Number(BigDecimal.scale(amount, 2).value)

const small = Schema.Literals([0, 1, 2, 3, 5, 8])
const Attempt = Schema.Literals(["a", "b", "c", "d"])
const Step = Schema.Union([
  Schema.Struct({ type: Schema.Literal("reserve"), attempt: Attempt, amount: small, lease: small }),
  Schema.Struct({ type: Schema.Literal("settle"), attempt: Attempt, cost: small, unknown: small }),
  Schema.Struct({ type: Schema.Literal("renew"), attempt: Attempt, lease: small }),
  Schema.Struct({ type: Schema.Literal("wait"), time: small })
])

/** The same in cents, with the reservations in a map that is asked only through the account. */
const model = (limit: number) => {
  let now = 0
  let spent = 0
  let unknown = 0
  const held = new Map<string, { readonly amount: number; readonly until: number }>()
  const sum = () => Array.from(held.values()).reduce((sum, { amount }) => sum + amount, 0)
  const expire = () => {
    for (const [attempt, { amount, until }] of held) {
      if (until > now) continue
      held.delete(attempt)
      unknown += amount
    }
  }
  return {
    now: () => now,
    wait: (time: number) => {
      now += time
    },
    reserve: (attempt: string, amount: number, until: number): "yes" | "later" | "never" => {
      const others = new Map(held)
      const over = Array.from(others).filter(([, { until }]) => until <= now)
      const gone = spent + unknown + over.reduce((sum, [, { amount }]) => sum + amount, 0)
      for (const [key] of over) others.delete(key)
      others.delete(attempt)
      const running = Array.from(others.values()).reduce((sum, { amount }) => sum + amount, 0)
      if (gone + running + amount > limit) return gone + amount > limit ? "never" : "later"
      expire()
      held.set(attempt, { amount, until })
      return "yes"
    },
    settle: (attempt: string, cost: number, lost: number) => {
      if (!held.delete(attempt)) return
      spent += cost
      unknown += lost
    },
    renew: (attempt: string, until: number) => {
      const one = held.get(attempt)
      if (one !== undefined) held.set(attempt, { ...one, until })
    },
    state: () => [spent, unknown, sum()]
  }
}

describe("the account of a budget", () => {
  it.prop("does what its model does, and by reserving never passes its limit", [
    Schema.Array(Step).check(Schema.isMaxLength(40)),
    Schema.Literals([1, 7, 20])
  ], ([steps, limit]) => {
    const expected = model(limit)
    let account = Budget.empty
    for (const step of steps) {
      const now = expected.now()
      switch (step.type) {
        case "reserve": {
          const made = Budget.reserve(account, usd(limit), step.attempt, usd(step.amount), now, now + step.lease)
          const told = expected.reserve(step.attempt, step.amount, now + step.lease)
          assert.strictEqual(Result.isSuccess(made) ? "yes" : made.failure.fitsLater ? "later" : "never", told)
          if (Result.isSuccess(made)) {
            account = made.success
            const { spent, unknown } = account
            assert.isAtMost(cents(BigDecimal.sumAll([spent, unknown, Budget.reservedOf(account)])), limit)
          }
          break
        }
        case "settle":
          account = Budget.settle(account, step.attempt, usd(step.cost), usd(step.unknown))
          expected.settle(step.attempt, step.cost, step.unknown)
          break
        case "renew":
          account = Budget.renew(account, step.attempt, now + step.lease)
          expected.renew(step.attempt, now + step.lease)
          break
        case "wait":
          expected.wait(step.time)
      }
      assert.deepStrictEqual([account.spent, account.unknown, Budget.reservedOf(account)].map(cents), expected.state())
      const codec = Schema.fromJsonString(Budget.Account)
      assert.isTrue(Equal.equals(Schema.decodeSync(codec)(Schema.encodeSync(codec)(account)), account))
    }
  }, { arbitrary: { runs: 500 } })

  it("keeps every digit", () => {
    const tiny = BigDecimal.make(1n, 30)
    const made = Result.getOrThrow(Budget.reserve(undefined, usd(100), "a", usd(50), 0, 1))
    const account = Budget.settle(made, "a", tiny, Budget.rest(usd(50), tiny))
    assert.isTrue(BigDecimal.equals(BigDecimal.sum(account.spent, account.unknown), usd(50)))
    assert.isTrue(BigDecimal.equals(account.spent, tiny))
  })
})
