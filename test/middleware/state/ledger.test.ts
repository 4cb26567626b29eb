import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Result, Schema } from "effect"
import * as Cost from "../../../src/Cost.ts"
import * as CostMetadata from "../../../src/CostMetadata.ts"
import { plain } from "../../../src/internal/amount.ts"
import * as Ledger from "../../../src/middleware/state/ledger.ts"
import * as Usage from "../../../src/Usage.ts"

const priced = (cents: number) =>
  Cost.calculate(new CostMetadata.CostMetadata({ inputTokens: cents, outputTokens: 0 }), {
    provider: "p",
    model: "m",
    input: 10_000,
    output: 0
  })
const usage = new Usage.Usage({ inputTokens: 1, outputTokens: 2 })

const End = Schema.Struct({
  type: Schema.Literals(["done", "failed", "cancelled", "lost", "renew"]),
  cents: Schema.Literals([0, 1, 7, 100]),
  isStated: Schema.Boolean,
  at: Schema.Natural
})

const apply = (row: Ledger.Row, { at, cents, isStated, type }: typeof End.Type): Ledger.Row => {
  const stated = isStated ? { usage, cost: priced(cents), model: "stated" } : {}
  switch (type) {
    case "done":
      return Ledger.done(row, at, stated)
    case "failed":
      return Ledger.failed(row, at, "Network", stated, true)
    case "cancelled":
      return Ledger.cancelled(row, at, stated, true)
    case "lost":
      return Ledger.lost(row, at)
    case "renew":
      return Ledger.renew(row, at)
  }
}

const row = Ledger.started({ attempt: "1", user: "ada", provider: "openai", model: "gpt-4o" }, 5, 10)

describe("the rows of a ledger", () => {
  it.prop("end once, whatever is said of them later", [Schema.Array(End)], ([ends]) => {
    const last = ends.reduce(apply, row)
    const first = ends.find(({ type }) => type !== "renew")
    if (first === undefined) return assert.strictEqual(last.outcome, "running")
    assert.strictEqual(last.outcome, first.type)
    assert.strictEqual(last.endedAt, first.at)
    assert.strictEqual(last.until, null)
    assert.strictEqual(last.stated, first.type === "done" && first.isStated)
    const isPriced = first.isStated && first.type !== "lost"
    assert.strictEqual(last.cost, isPriced ? BigDecimal.format(BigDecimal.make(BigInt(first.cents), 2)) : null)
    assert.strictEqual(last.model, isPriced ? "stated" : "gpt-4o")
  })

  it.prop("add up to what they are", [Schema.Array(Schema.Array(End))], ([all]) => {
    const rows = all.map((ends) => ends.reduce(apply, row))
    const { cost, ...counts } = rows.reduce(Ledger.add, Ledger.nothing)
    const ofOutcome = (outcome: Ledger.Row["outcome"]) => rows.filter((row) => row.outcome === outcome).length
    assert.deepStrictEqual(counts, {
      attempts: all.length,
      done: ofOutcome("done"),
      failed: ofOutcome("failed"),
      cancelled: ofOutcome("cancelled"),
      lost: ofOutcome("lost"),
      running: ofOutcome("running"),
      unstated: rows.filter(({ stated }) => !stated).length
    })
    const spent = all.reduce((sum, ends) => {
      const end = ends.find(({ type }) => type !== "renew")
      return sum + (end?.isStated === true && end.type !== "lost" ? end.cents : 0)
    }, 0)
    assert.isTrue(BigDecimal.equals(cost, BigDecimal.make(BigInt(spent), 2)))
  })

  it("are lost when they run over their time, and only then", () => {
    assert.strictEqual(Ledger.seen(row, 9).outcome, "running")
    const lost = Ledger.seen(row, 1000)
    assert.deepStrictEqual([lost.outcome, lost.endedAt, lost.cost, lost.stated, lost.open], [
      "lost",
      10,
      null,
      false,
      true
    ])
    assert.strictEqual(Ledger.seen(Ledger.done(row, 6, {}), 1000).outcome, "done")
  })

  it("have keys that tell batches from users", () => {
    const keys = [{ batch: "a" }, { user: "a" }, { user: undefined }].map((scope) => Ledger.key(scope, "1"))
    assert.strictEqual(new Set(keys).size, 3)
    for (const key of keys) assert.isTrue(key.startsWith(Ledger.prefix()))
    assert.isTrue(Ledger.key({ batch: "a" }, "1").startsWith(Ledger.prefix({ batch: "a" })))
    assert.isFalse(Ledger.key({ batch: "ab" }, "1").startsWith(Ledger.prefix({ batch: "a" })))
  })

  it.prop("come back from a store as they were", [Schema.Array(End), Schema.String], ([ends, user]) => {
    const last = ends.reduce(apply, { ...row, user })
    const cell = Ledger.cell(last)
    assert.strictEqual(cell.key, Ledger.key({ user }, "1"))
    assert.deepStrictEqual(Result.getOrThrow(cell.read(cell.put(last).value)), last)
  })
})

describe("amounts", () => {
  it.prop("are written without exponents, and read as they were", [
    Schema.Int,
    Schema.Literals([-20, 0, 1, 15, 16, 40])
  ], ([
    value,
    scale
  ]) => {
    const amount = BigDecimal.make(BigInt(value), scale)
    assert.match(plain(amount), /^-?\d+(?:\.\d*[1-9])?$/)
    assert.isTrue(BigDecimal.equals(BigDecimal.fromStringUnsafe(plain(amount)), amount))
  })
})
