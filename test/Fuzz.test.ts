import { assert, describe, it } from "@effect/vitest"
import { run } from "../bench/fuzz.ts"

describe("streams that no provider should send", () => {
  it("break no promise", () => {
    for (let seed = 0; seed < 400; seed++) {
      assert.doesNotThrow(() => run(seed), undefined, undefined, `npm run fuzz -- --seed ${seed} --cases 1`)
    }
  })
})
