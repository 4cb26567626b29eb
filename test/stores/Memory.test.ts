import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Store from "../../src/stores/Store.ts"

const Count = Schema.Struct({ n: Schema.Natural })
const cells = Store.cells(Count, JSON.stringify)
/** Cells of the same values, by another codec. */
const others = Store.cells(Count)

const key = Schema.Literals(["a", "b", "c"])

/** A step of whoever shares a store: by cells of either kind, by text, or by a write that is made of another one. */
const Op = Schema.Union([
  Schema.Struct({ kind: Schema.Literals(["cell", "other", "copy", "text", "emptied"]), key, n: Schema.Natural }),
  Schema.Struct({ kind: Schema.Literal("removed"), key }),
  Schema.Struct({ kind: Schema.Literals(["read", "readByOther"]), key })
])

const writeOf = (op: typeof Op.Type): ReadonlyArray<Store.Write> => {
  switch (op.kind) {
    case "cell":
      return [cells(op.key).put({ n: op.n })]
    case "other":
      return [others(op.key).put({ n: op.n })]
    case "copy":
      return [{ ...cells(op.key).put({ n: 0 }), value: JSON.stringify({ n: op.n }) }]
    case "emptied":
      return [{ ...cells(op.key).put({ n: op.n }), value: undefined }]
    case "text":
      return [{ key: op.key, value: JSON.stringify({ n: op.n }) }]
    case "removed":
      return [cells(op.key).remove]
    default:
      return []
  }
}

const run = (store: Store.Service, ops: ReadonlyArray<typeof Op.Type>) =>
  Effect.forEach(ops, (op) =>
    Effect.gen(function*() {
      const of = op.kind === "readByOther" ? others : cells
      const read = yield* Store.modifyIn(
        store,
        { cell: of(op.key) },
        ({ cell }) => ({ result: cell, writes: writeOf(op) })
      )
      const texts = yield* store.transact([op.key], (values) => Result.succeed({ result: values, writes: [] }))
      return [read, texts]
    }))

describe("a store in memory", () => {
  it.effect.prop(
    "keeps the values of cells, and nobody can tell: texts, copies of writes and other cells are as in any store",
    [
      Schema.Array(Op)
    ],
    ([ops]) =>
      Effect.gen(function*() {
        const memory = yield* Store.memory
        // Whoever wraps a store sees keys and texts alone.
        const { scan, transact } = yield* Store.memory
        assert.deepStrictEqual(yield* run(memory, ops), yield* run({ scan, transact }, ops))
      })
  )

  it.effect("forgets what has expired unread, and looks for it once a minute", () =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      let looks = 0
      const write: Store.Write = {
        key: "a",
        value: "1",
        get expiresAt() {
          looks++
          return 90_000
        }
      }
      const step = (writes: ReadonlyArray<Store.Write>) =>
        memory.transact(["b"], () => Result.succeed({ result: undefined, writes }))
      const looksIn = (minutes: number) =>
        Effect.gen(function*() {
          looks = 0
          yield* TestClock.adjust(`${minutes} minutes`)
          yield* step([])
          yield* step([])
          return looks
        })
      yield* step([write])
      assert.deepStrictEqual(yield* Effect.forEach([0, 1, 0.5, 0.5, 1, 10], looksIn), [0, 1, 0, 1, 0, 0])
    }))

  it.effect("is asked through whatever wraps it", () =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      const down = new Store.StoreError({ reason: "Unavailable", message: "down" })
      const wrapped: Store.Service = { ...memory, transact: () => Effect.fail(down) }
      const cell = cells("a")
      const asked = Store.modifyIn(wrapped, { cell }, () => ({ result: undefined, writes: [] }))
      assert.strictEqual(yield* Effect.flip(asked), down)
    }))
})
