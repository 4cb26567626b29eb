import { assert, describe, it } from "@effect/vitest"
import { cases, exponent, limit } from "../bench/growth.ts"

describe("work grows with its input, not faster", () => {
  for (const each of cases) {
    // Measured, though as CPU time and with a wide margin: what fails three times in a row is not the machine.
    it(each.name, { retry: 2 }, () => {
      assert.isBelow(exponent(each, 10), limit)
    })
  }

  it("what is quadratic would be noticed", () => {
    const quadratic = (size: number) => () => {
      let sum = 0
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) sum += i ^ j
      return sum
    }
    assert.isAbove(exponent({ name: "", size: 500, prepare: quadratic }, 16), limit)
  })
})
