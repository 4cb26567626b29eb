/** The stores that middleware is tested on. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Store from "../../src/stores/Store.ts"

const stores: Readonly<Record<string, Layer.Layer<Store.Store>>> = {
  memory: Store.layerMemory
}

type Test = (
  name: string,
  test: () => Effect.Effect<void, unknown, Store.Store>,
  options?: {
    /** The test moves the clock, which only a store in memory follows. */
    readonly isTimed?: boolean
  }
) => void

/** Runs tests on each store, each test on one of its own. */
export const onStores = (name: string, tests: (it: Test) => void): void => {
  for (const [kind, layer] of Object.entries(stores)) {
    describe(`${name} (${kind})`, () => {
      tests((name, test, { isTimed = false } = {}) => {
        if (isTimed && kind !== "memory") return
        it.effect(name, () => Effect.provide(Effect.orDie(test()), Layer.fresh(layer)))
      })
    })
  }
}
