import { assert, describe, it } from "@effect/vitest"
import { barOf } from "../../src/cli/batch.ts"

const none = { answers: 0, failures: 0, attempts: 0, cached: 0, failed: 0, running: 0 }

describe("the bar of a batch", () => {
  it("says how many have ended, how many run, how fast, and how long it takes", () => {
    assert.strictEqual(
      barOf({ ...none, lines: 48, ended: 12, running: 8 }, 2, 4),
      "██████░░░░░░░░░░░░░░░░░░ 12/48, 8 running, 2.5/s, 15 s left"
    )
  })

  it("says how many failed", () => {
    assert.strictEqual(
      barOf({ ...none, lines: 3, ended: 3, failed: 1 }, 0, 2),
      "████████████████████████ 3/3 (1 failed), 0 running, 1.5/s, 0 s left"
    )
  })

  it("says no time while nothing has ended in this run", () => {
    const bar = "████████████░░░░░░░░░░░░ 5/10, 1 running, 0.0/s"
    assert.strictEqual(barOf({ ...none, lines: 10, ended: 5, running: 1 }, 5, 3), bar)
    assert.strictEqual(barOf({ ...none, lines: 10, ended: 5, running: 1 }, 4, 0), bar)
  })

  it("is full where there is nothing to do", () => {
    assert.strictEqual(
      barOf({ ...none, lines: 0, ended: 0 }, 0, 1),
      "████████████████████████ 0/0, 0 running, 0.0/s"
    )
  })

  it("is full when all lines have ended, and not before", () => {
    const lines = 1000
    for (let ended = 0; ended <= lines; ended++) {
      const full = barOf({ ...none, lines, ended }, 0, 1).split("█").length - 1
      assert.strictEqual(full, Math.floor(24 * ended / lines))
    }
  })
})
