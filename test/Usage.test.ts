import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Usage } from "../src/index.ts"

const Stated = Schema.NullOr(Schema.Finite)

describe("Usage", () => {
  describe("count", () => {
    it.prop("is a safe natural number for any stated number", [Schema.Number], ([stated]) => {
      const count = Usage.count(stated)
      assert.isTrue(count === undefined || (Number.isSafeInteger(count) && count >= 0))
    })

    it("keeps natural numbers, clamps negative ones and leaves out what is no number", () => {
      assert.deepStrictEqual([7, 0, -51, 1.9, null, undefined, NaN, Infinity].map(Usage.count), [
        7,
        0,
        0,
        1,
        undefined,
        undefined,
        undefined,
        undefined
      ])
    })
  })

  describe("fromStated", () => {
    it("is undefined when nothing was stated", () => {
      assert.isUndefined(Usage.fromStated({ inputTokens: null, outputTokens: undefined, serverToolRequests: {} }))
    })

    it("tells a stated zero from an absent count", () => {
      const usage = Usage.fromStated({ inputTokens: 5, cachedTokens: 0 })
      assert.strictEqual(usage?.cachedTokens, 0)
      assert.isUndefined(usage?.outputTokens)
    })

    it("adds cache reads and writes to the input of providers that state it without them", () => {
      const usage = Usage.fromStated({ uncachedInputTokens: 3, cachedTokens: 100, cacheWriteTokens: 20 })
      assert.strictEqual(usage?.inputTokens, 123)
    })

    it("names the counts that it clamped", () => {
      const usage = Usage.fromStated({
        inputTokens: -5,
        cachedTokens: 1.5,
        reasoningTokens: 1e300,
        outputTokens: 7,
        serverToolRequests: { web_search: -1, web_fetch: 2 }
      })
      assert.deepStrictEqual(usage?.clampedCounts, [
        "inputTokens",
        "cachedTokens",
        "reasoningTokens",
        "serverToolRequests.web_search"
      ])
      assert.isUndefined(Usage.fromStated({ inputTokens: 5, outputTokens: null })?.clampedCounts)
    })

    it("stays a valid usage however large the parts are", () => {
      const usage = Usage.fromStated({ uncachedInputTokens: 1e300, cachedTokens: 1e300 })
      assert.isTrue(Schema.is(Usage.Usage)(usage))
    })

    it("passes on counts that disagree with one another", () => {
      const usage = Usage.fromStated({ inputTokens: 10, cachedTokens: 64 })
      assert.strictEqual(usage?.inputTokens, 10)
      assert.strictEqual(usage?.cachedTokens, 64)
    })
  })

  describe("merge", () => {
    const key = Schema.Literals(["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"])
    const Counts = Schema.Record(key, Stated)

    it.prop("takes per field the last stated value, and never adds", [Counts, Counts], ([first, second]) => {
      const a = Usage.fromStated(first)
      const b = Usage.fromStated(second)
      if (a === undefined || b === undefined) return
      const merged = Usage.merge(a, b)
      for (const field of key.literals) {
        assert.strictEqual(merged[field], Usage.count(second[field]) ?? Usage.count(first[field]))
      }
    })

    it.prop("is associative", [Counts, Counts, Counts], (counts) => {
      const [a, b, c] = counts.map((count) => Usage.fromStated(count) ?? new Usage.Usage({}))
      if (a === undefined || b === undefined || c === undefined) return
      assert.deepStrictEqual(Usage.merge(Usage.merge(a, b), c), Usage.merge(a, Usage.merge(b, c)))
    })

    it("keeps that a count was clamped until it is stated again", () => {
      const start = Usage.fromStated({ inputTokens: -1, outputTokens: -1 }) ?? assert.fail()
      const end = Usage.fromStated({ outputTokens: 9, cachedTokens: 0.5 }) ?? assert.fail()
      assert.deepStrictEqual(Usage.merge(start, end).clampedCounts, ["inputTokens", "cachedTokens"])
      assert.isUndefined(Usage.merge(start, new Usage.Usage({ inputTokens: 1, outputTokens: 1 })).clampedCounts)
    })

    it("recomputes the input when its parts come in different chunks", () => {
      const start = new Usage.Usage({ uncachedInputTokens: 3, cachedTokens: 100, inputTokens: 103 })
      const end = new Usage.Usage({ uncachedInputTokens: 50, inputTokens: 50, outputTokens: 9 })
      assert.strictEqual(Usage.merge(start, end).inputTokens, 150)
    })
  })
})
