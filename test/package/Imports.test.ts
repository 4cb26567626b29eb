import { assert, describe, it } from "@effect/vitest"
import { sizes, stated } from "../../scripts/imports.ts"

describe("what imports weigh", () => {
  it("is what the guide says, within a tenth", async () => {
    const said = new Map(stated())
    const are = await sizes()
    assert.sameMembers([...said.keys()], are.map(([name]) => name))
    for (const [name, row] of are) {
      for (const [at, size] of row.entries()) assert.approximately(said.get(name)?.[at] ?? 0, size, size / 10, name)
    }
  })
})
