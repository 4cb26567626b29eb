import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { compact, documented, table } from "../bench/faults.ts"

describe("the documented table of faults", { retry: 2 }, () => {
  it.live("is what the code does", () =>
    Effect.map(table, (table) => {
      assert.notInclude(table, "defect")
      assert.strictEqual(compact(table), documented())
    }))
})
