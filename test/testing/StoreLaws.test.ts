import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import * as Store from "../../src/stores/Store.ts"
import { StoreLaws } from "../../src/testing.ts"

/** A store that is wrong in one way, and the laws that it breaks. */
const wrong: ReadonlyArray<{
  readonly what: string
  readonly make: (right: Store.Service) => Store.Service
  readonly breaks: RegExp
}> = [
  {
    what: "reads and writes in two steps",
    make: (right) => ({
      ...right,
      transact: (keys, transition) =>
        Effect.gen(function*() {
          const read = yield* right.transact(keys, (values, now) =>
            Result.succeed({ result: { values, now }, writes: [] }))
          yield* Effect.sleep(1)
          const { result, writes } = yield* Effect.fromResult(transition(read.values, read.now))
          yield* right.transact([], () =>
            Result.succeed({ result: undefined, writes }))
          return result
        })
    }),
    breaks: /increment|before a change|moves/
  },
  {
    what: "writes one entry at a time",
    make: (right) => ({
      ...right,
      transact: (keys, transition) =>
        Effect.gen(function*() {
          const { result, writes } = yield* right.transact(keys, (values, now) =>
            Result.map(transition(values, now), (step) => ({ result: step, writes: step.writes.slice(0, 1) })))
          for (const write of writes.slice(1)) {
            yield* Effect.yieldNow
            yield* right.transact([], () =>
              Result.succeed({ result: undefined, writes: [write] }))
          }
          return result
        })
    }),
    breaks: /before a change|moves|interrupted/
  },
  {
    what: "keeps entries for ever",
    make: (right) => ({
      ...right,
      transact: (keys, transition) =>
        right.transact(keys, (values, now) =>
          Result.map(transition(values, now), ({ result, writes }) => ({
            result,
            writes: writes.map(({ key, value }) => ({ key, value }))
          })))
    }),
    breaks: /forgets|a map does|scans/
  },
  {
    what: "goes by a clock of its own, and counts expiry by another",
    make: (right) => ({
      ...right,
      transact: (keys, transition) => right.transact(keys, (values, now) => transition(values, now + 500))
    }),
    breaks: /forgets|a map does/
  },
  {
    what: "scans all that begins with the first part of a key",
    make: (right) => ({ ...right, scan: (prefix) => right.scan(prefix.slice(0, -2)) }),
    breaks: /scans|a map does|forgets/
  },
  {
    what: "scans in the order of writing",
    make: (right) => ({
      ...right,
      scan: (prefix) =>
        Stream.unwrap(Effect.map(Stream.runCollect(right.scan(prefix)), (all) => Stream.fromIterable(all.toReversed())))
    }),
    breaks: /scans|a map does/
  },
  {
    what: "cuts long texts off",
    make: (right) => ({
      ...right,
      transact: (keys, transition) =>
        right.transact(keys, (values, now) =>
          Result.map(transition(values, now), ({ result, writes }) => ({
            result,
            writes: writes.map((write) => ({ ...write, value: write.value?.slice(0, 65_536) }))
          })))
    }),
    breaks: /million/
  }
]

describe("StoreLaws", () => {
  it.live.each(wrong)("find a store that $what", ({ breaks, make }) =>
    Effect.gen(function*() {
      const store = make(yield* Store.memory)
      const results = yield* Effect.forEach(
        StoreLaws.laws(Effect.succeed(store)),
        ({ check, name }) =>
          Effect.map(Effect.result(check), (result) => ({ name, isBroken: Result.isFailure(result) }))
      )
      const broken = results.filter(({ isBroken }) => isBroken).map(({ name }) => name)
      assert.isNotEmpty(broken)
      assert.deepStrictEqual(broken.filter((name) => !breaks.test(name)), [])
    }))
})
