import { assert, describe, it } from "@effect/vitest"
import { cases, exponent, limit } from "../bench/growth.ts"

describe("work grows with its input, not faster", () => {
  for (const each of cases) {
    it(each.name, async () => {
      assert.isBelow(await exponent(each), limit)
    })
  }

  it("what is quadratic would be noticed", async () => {
    const quadratic = (size: number) => () => {
      let sum = 0
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) sum += i ^ j
      return sum
    }
    // A busy machine compiles it late, and what is not compiled is slow in the small run alone.
    for (let i = 0; i < 1_000; i++) quadratic(300)()
    assert.isAbove(await exponent({ name: "", size: 300, prepare: quadratic }, 10), limit)
  })
})
