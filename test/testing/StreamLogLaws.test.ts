import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope, Stream } from "effect"
import * as Store from "../../src/stores/Store.ts"
import { StreamLogLaws } from "../../src/testing.ts"

type Open = Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>

/** A store that changes what transactions write. */
const writing = (right: Store.Service, change: (write: Store.Write) => ReadonlyArray<Store.Write>): Store.Service => ({
  ...right,
  transact: (keys, transition) =>
    right.transact(
      keys,
      (values, now) =>
        Result.map(transition(values, now), ({ result, writes }) => ({ result, writes: writes.flatMap(change) }))
    )
})

/** Entries of logs by the first part of their keys. */
const isBill = ({ key }: { readonly key: string }) => key.startsWith(Store.key("log-bill"))
const isBatch = ({ key }: { readonly key: string }) => key.startsWith(Store.key("log-batch"))

const model = "keeps what a model of a log keeps, whoever does what"
const once = "gives one answer to many that begin it at once, and one end to many that end it"

/** Stores that are wrong in one way, and the laws that find it. */
const wrong: ReadonlyArray<{
  readonly what: string
  readonly open: (right: Store.Service) => Open
  readonly breaks: ReadonlyArray<string>
}> = [
  {
    what: "is another one for each handle",
    open: () => Store.memory,
    breaks: [model, once]
  },
  {
    what: "reads and writes in two steps",
    open: (right) =>
      Effect.succeed({
        ...right,
        transact: (keys, transition) =>
          Effect.gen(function*() {
            const read = yield* right.transact(
              keys,
              (values, now) => Result.succeed({ result: { values, now }, writes: [] })
            )
            yield* Effect.yieldNow
            const { result, writes } = yield* Effect.fromResult(transition(read.values, read.now))
            yield* right.transact([], () => Result.succeed({ result: undefined, writes }))
            return result
          })
      }),
    breaks: [once]
  },
  {
    what: "writes nothing",
    open: (right) => Effect.succeed(writing(right, () => [])),
    breaks: [model, once]
  },
  {
    what: "loses the bills",
    open: (right) => Effect.succeed(writing(right, (write) => isBill(write) ? [] : [write])),
    breaks: [model, once]
  },
  {
    what: "writes a bill twice",
    open: (right) =>
      Effect.succeed(
        writing(right, (write) =>
          isBill(write) && write.value !== undefined
            ? [write, { ...write, key: write.key + Store.key("again") }]
            : [write])
      ),
    breaks: [model, once]
  },
  {
    what: "writes another end into the bills",
    open: (right) =>
      Effect.succeed(
        writing(right, (write) =>
          isBill(write)
            ? [{ ...write, value: write.value?.replace(/"(?:Cancelled|Done|Failed)"/, "\"Lost\"") }]
            : [write])
      ),
    breaks: [model]
  },
  {
    what: "loses the chunks",
    open: (right) => Effect.succeed(writing(right, (write) => isBatch(write) ? [] : [write])),
    breaks: [model]
  },
  {
    what: "changes the chunks",
    open: (right) =>
      Effect.succeed(
        writing(right, (write) =>
          isBatch(write) ? [{ ...write, value: write.value && "[\"\",\"\",\"\",\"\",\"\"]" }] : [write])
      ),
    breaks: [model]
  },
  {
    what: "scans nothing",
    open: (right) => Effect.succeed({ ...right, page: undefined, scan: () => Stream.empty }),
    breaks: [model, once]
  }
]

describe("StreamLogLaws", () => {
  it.live.each(wrong)("find a store that $what", ({ breaks, open }) =>
    Effect.gen(function*() {
      const right = yield* Store.memory
      const results = yield* Effect.forEach(
        StreamLogLaws.laws(open(right), { histories: 200 }),
        ({ check, name }) =>
          Effect.map(Effect.result(check), (result) => ({ name, isBroken: Result.isFailure(result) }))
      )
      assert.deepStrictEqual(results.filter(({ isBroken }) => isBroken).map(({ name }) => name), [...breaks])
    }))
})
