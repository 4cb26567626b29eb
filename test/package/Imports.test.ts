import { assert, describe, it } from "@effect/vitest"
import { sizes, stated } from "../../scripts/imports.ts"

describe("what imports weigh", () => {
  it("is what the guide says, within a tenth", async () => {
    const said = new Map(stated())
    const are = await sizes()
    assert.sameMembers([...said.keys()], are.map(([name]) => name))
    for (const [name, { later, start }] of are) {
      assert.approximately(said.get(name)?.start ?? 0, start, start / 10, name)
      assert.approximately(said.get(name)?.later ?? 0, later, later / 10, name)
    }
  })
})
