import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { labels, names } from "../../src/internal/names.ts"

describe("names from outside", () => {
  it("are kept up to a number for each group, and are `other` from there on", () => {
    const nameOf = names(2)
    assert.deepStrictEqual(["a", "b", "c", "a", "b", "c"].map((name) => nameOf(name)), [
      "a",
      "b",
      "other",
      "a",
      "b",
      "other"
    ])
    assert.deepStrictEqual(["c", "d", "e", "c"].map((name) => nameOf(name, "group")), ["c", "d", "other", "c"])
    assert.strictEqual(nameOf("c"), "other")
  })

  it("are `other` beyond 500 characters, and take no place", () => {
    const nameOf = names(1)
    assert.strictEqual(nameOf("a".repeat(501)), "other")
    assert.strictEqual(nameOf("a".repeat(500)), "a".repeat(500))
    assert.strictEqual(nameOf("b"), "other")
  })

  it.effect("are counted for each registry of metrics", () =>
    Effect.gen(function*() {
      const nameOf = labels(1)
      const asked = (...all: ReadonlyArray<string>) => Effect.map(nameOf, (name) => all.map((one) => name(one)))
      assert.deepStrictEqual(yield* asked("a", "b"), ["a", "other"])
      assert.deepStrictEqual(yield* asked("b", "a"), ["other", "a"])
      const other = Effect.provideService(Metric.MetricRegistry, new Map())
      assert.deepStrictEqual(yield* other(asked("b", "a")), ["b", "other"])
    }))
})
