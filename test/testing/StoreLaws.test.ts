import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Semaphore, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Store from "../../src/stores/Store.ts"
import { StoreLaws } from "../../src/testing.ts"

/** A store that writes something else. */
const rewriting = (right: Store.Service, change: (write: Store.Write) => Store.Write): Store.Service => ({
  ...right,
  transact: (keys, transition) =>
    right.transact(
      keys,
      (values, now) =>
        Result.map(transition(values, now), ({ result, writes }) => ({ result, writes: writes.map(change) }))
    )
})

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
    what: "leaves half of what it writes where it is interrupted",
    make: (right) => {
      const one = Semaphore.makeUnsafe(1)
      return {
        ...right,
        transact: (keys, transition) =>
          one.withPermit(Effect.gen(function*() {
            const { result, writes } = yield* right.transact(keys, (values, now) =>
              Result.map(transition(values, now), (step) => ({
                result: step,
                writes: step.writes.length < 3 ? step.writes : step.writes.slice(0, 1)
              })))
            if (writes.length < 3) {
              return result
            }
            yield* Effect.sleep(2)
            return yield* right.transact([], () =>
              Result.succeed({ result, writes: writes.slice(1) }))
          }))
      }
    },
    breaks: /interrupted/
  },
  {
    what: "takes keys with characters that are escaped for one",
    make: (right) => {
      const same = (key: string) => key.replace(/"[^"]*\\[^"]*"\/$/, String.raw`"\n"/`)
      const { transact } = rewriting(right, (write) => ({ ...write, key: same(write.key) }))
      return {
        scan: (prefix) => right.scan(same(prefix)),
        transact: (keys, transition) => transact(keys.map(same), transition)
      }
    },
    breaks: /a map does/
  },
  {
    what: "keeps entries for ever",
    make: (right) => rewriting(right, ({ key, value }) => ({ key, value })),
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
    make: (right) => rewriting(right, (write) => ({ ...write, value: write.value?.slice(0, 65_536) })),
    breaks: /million/
  },
  {
    what: "keeps the time of an entry that is written again without one",
    make: (right) => {
      const times = new Map<string, number>()
      return rewriting(right, (write) => {
        const expiresAt = write.expiresAt ?? times.get(write.key)
        if (write.value === undefined || expiresAt === undefined) times.delete(write.key)
        else times.set(write.key, expiresAt)
        return { ...write, expiresAt }
      })
    },
    breaks: /forgets|a map does/
  },
  {
    what: "forgets entries as soon as they have a time",
    make: (right) =>
      rewriting(right, (write) => write.expiresAt === undefined ? write : { ...write, value: undefined }),
    breaks: /forgets|a map does/
  },
  {
    what: "removes nothing",
    make: (right) => rewriting(right, (write) => write.value === undefined ? { ...write, value: "" } : write),
    breaks: /scans|a map does/
  },
  {
    what: "writes although a transition fails",
    make: (right) => ({
      ...right,
      transact: <A>(keys: ReadonlyArray<string>, transition: Store.Transition<A>) =>
        Effect.flatMap(
          right.transact(keys, (values, now) => {
            const step = transition(values, now)
            return Result.succeed({
              result: Result.map(step, ({ result }) => result),
              writes: Result.isFailure(step) ? keys.map((key) => ({ key, value: "null" })) : step.success.writes
            })
          }),
          (result) => Effect.fromResult(result)
        )
    }),
    breaks: /a map does/
  },
  {
    what: "begins a page where the scan begins",
    make: (right) => ({
      ...right,
      page: (prefix, { limit }) => Stream.runCollect(Stream.take(right.scan(prefix), limit))
    }),
    breaks: /a map does|scans/
  },
  {
    what: "holds to no limit of a page",
    make: (right) => ({
      ...right,
      page: (prefix, { from }) => Stream.runCollect(Stream.filter(right.scan(prefix), ({ key }) => key >= from))
    }),
    breaks: /a map does|scans/
  },
  {
    what: "peeks at nothing",
    make: (right) => ({
      ...right,
      peek: (keys) => Effect.succeed({ values: keys.map(() => undefined), now: 0 })
    }),
    breaks: /a map does/
  },
  {
    what: "peeks at the entries in an order of its own",
    make: (right) => ({
      ...right,
      peek: (keys) =>
        right.transact(keys.toReversed(), (values, now) => Result.succeed({ result: { values, now }, writes: [] }))
    }),
    breaks: /a map does/
  },
  {
    what: "scans nothing",
    make: (right) => ({ ...right, scan: () => Stream.empty }),
    breaks: /a map does|scans|forgets/
  },
  {
    what: "scans only the first of many pages",
    make: (right) => ({ ...right, scan: (prefix) => Stream.take(right.scan(prefix), 1_000) }),
    breaks: /scans/
  },
  {
    what: "changes the values that it scans",
    make: (right) => ({
      ...right,
      scan: (prefix) => Stream.map(right.scan(prefix), ({ key, value }) => ({ key, value: `${value} ` }))
    }),
    breaks: /a map does|scans/
  },
  {
    what: "hints without saying first that anything may have changed",
    make: (right) => ({
      ...right,
      hints: { tell: () => Effect.void, heard: Stream.concat(Stream.succeed("hint"), Stream.never) }
    }),
    breaks: /hints/
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

  it.effect.each([
    { what: "none", heard: [undefined] },
    { what: "others", heard: [undefined, "another", ""] }
  ])("find a store that hears $what of the hints that are told", ({ heard }) =>
    Effect.gen(function*() {
      const right = yield* Store.memory
      const store: Store.Service = {
        ...right,
        hints: { tell: () => Effect.void, heard: Stream.concat(Stream.fromIterable(heard), Stream.never) }
      }
      const law = StoreLaws.laws(Effect.succeed(store)).find(({ name }) => name.startsWith("hints"))
      assert(law !== undefined)
      const check = yield* Effect.forkChild(Effect.flip(law.check))
      while (check.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(check)).message, "10 seconds")
    }))
})
