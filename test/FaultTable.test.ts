import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { compact, documented, table } from "../bench/faults.ts"
import { byTurns } from "./support/clock.ts"

describe("the documented table of faults", () => {
  it.live("is what the code does", () =>
    Effect.map(byTurns(table), (table) => {
      assert.notInclude(table, "defect")
      assert.strictEqual(compact(table), documented())
    }))
})
