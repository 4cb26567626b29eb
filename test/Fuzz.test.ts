import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { run } from "../bench/fuzz.ts"
import { seed } from "./support/seed.ts"

describe("properties", () => {
  it.effect("draw the same each time", () =>
    Effect.gen(function*() {
      const strings = Arbitrary.array(Arbitrary.schema(Schema.String), { minLength: 8 })
      assert.deepStrictEqual(
        yield* Arbitrary.sampleEffect(strings),
        yield* Arbitrary.sampleEffect(strings, { seed })
      )
    }))
})

describe("streams that no provider should send", () => {
  it("break no promise", () => {
    for (let seed = 0; seed < 400; seed++) {
      assert.doesNotThrow(() => run(seed), undefined, undefined, `npm run fuzz -- --seed ${seed} --cases 1`)
    }
  })
})
