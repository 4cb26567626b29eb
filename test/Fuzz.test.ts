import { describe, it } from "@effect/vitest"
import { doesNotThrow } from "node:assert"
import { run } from "../bench/fuzz.ts"

describe("streams that no provider should send", () => {
  it("break no promise", () => {
    for (let seed = 0; seed < 400; seed++) doesNotThrow(() => run(seed), `npm run fuzz -- --seed ${seed} --cases 1`)
  })
})
