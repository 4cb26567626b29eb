import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import { Known } from "../../src/batch/known.ts"
import * as Ready from "../../src/batch/ready.ts"
import * as Target from "../../src/batch/target.ts"
import { Pricing } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import { answered, cuttable, host, lines, options, process, refused, turns, until, upstream } from "./process.ts"

const many = (count: number) => lines(...Array.from({ length: count }, (_, n) => `q${n}`))

/** A store that says how many lines each step looks at. */
const watchedStore = Effect.map(Store.memory, (inner) => {
  const steps: Array<number> = []
  const store: Store.Service = {
    scan: inner.scan,
    transact: (keys, transition) => {
      steps.push(keys.filter((key) => key.includes(`"line"`)).length)
      return inner.transact(keys, transition)
    }
  }
  return { inner, steps, store }
})

describe("lines that can start at once", () => {
  /** How many lines each step looks at until so many are asked. */
  const stepsOf = Effect.fnUntraced(function*(
    count: number,
    concurrency: number,
    sizeOf?: (index: number) => number
  ) {
    const { calls, layer } = upstream(() => "hang")
    return yield* Effect.gen(function*() {
      const { steps, store } = yield* watchedStore
      const all = many(count)
      const one = yield* Effect.provideService(
        process(all, { concurrency }, (index) => all[index], sizeOf),
        Store.Store,
        store
      )
      yield* one.register(Stream.empty)
      steps.length = 0
      const running = yield* Effect.forkChild(one.work)
      yield* until(() => calls.length === Math.min(count, concurrency))
      yield* turns(20)
      const [account, ...starts] = steps
      // The held lines are renewed at once.
      assert.strictEqual(starts.pop(), calls.length)
      yield* Fiber.interrupt(running)
      assert.strictEqual(account, 0)
      assert.deepStrictEqual(calls, all.slice(0, concurrency).map(({ id }) => `one.test ${id}`))
      return starts
    }).pipe(Effect.provide(layer))
  })

  it.effect("start in one step, four at first, twice as many in each that follows, sixteen at most", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* stepsOf(9, 1), [1])
      assert.deepStrictEqual(yield* stepsOf(9, 8), [4, 4])
      assert.deepStrictEqual(yield* stepsOf(9, 20), [4, 5])
      assert.deepStrictEqual(yield* stepsOf(60, 50), [4, 8, 16, 16, 6])
    }))

  it.effect("are no more than one that is over 64 KiB, with those that follow it", () =>
    Effect.gen(function*() {
      const sizeOf = (index: number) => 64 * 1024 + (index === 2 || index === 3 ? 1 : 0)
      assert.deepStrictEqual(yield* stepsOf(9, 20, sizeOf), [2, 1, 6])
    }))
})

describe("lines that a limit holds back", () => {
  it.effect("are tried one by one while there is room for one, and more again when there is", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const { steps, store } = yield* watchedStore
      const { register, work } = yield* Effect.provideService(
        process(many(60), { concurrency: 20, rate: { amount: 20, every: "10 seconds" } }),
        Store.Store,
        store
      )
      yield* register(Stream.empty)
      const run = yield* Effect.forkChild(work)
      yield* until(() => calls.length === 20)
      yield* turns(20)
      const tries = Effect.gen(function*() {
        steps.length = 0
        yield* TestClock.adjust("1 second")
        yield* turns(20)
        return steps.filter((lines) => lines > 0)
      })
      // As many as had started before are tried once more.
      yield* tries
      for (let second = 2; second < 10; second++) assert.deepStrictEqual(yield* tries, [1])
      // A slice of a window is 50 ms: the twenty start again within one.
      yield* TestClock.adjust("1 second")
      steps.length = 0
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("50 millis"), turns(5)), { while: () => calls.length < 40 })
      assert.isAtLeast(Math.max(...steps), 8)
      yield* Fiber.interrupt(run)
    }).pipe(Effect.provide(layer))
  })
})

describe("a run that is stopped while lines are read", () => {
  it.effect("starts none of them", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const all = many(4)
      const one: { readonly stop: Effect.Effect<void>; readonly run: Effect.Effect<unknown, unknown> } = yield* process(
        all,
        { concurrency: 4 },
        (index) => {
          if (index === 3) Effect.runSync(one.stop)
          return all[index]
        }
      )
      yield* one.run
      assert.deepStrictEqual(calls, [])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("lines that wait to be asked again", () => {
  it.effect("are no more than 256 at a time", () => {
    const { calls, layer } = upstream(() => refused(500))
    return Effect.gen(function*() {
      const run = yield* Effect.forkChild((yield* process(many(300), { breaker: "off" })).run)
      yield* until(() => calls.length >= 256)
      yield* turns(20)
      assert.lengthOf(calls, 256)
      yield* Fiber.interrupt(run)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.effect("go on in the order in which their pauses end, before lines that were not asked", () => {
    const asking = new Map(["q1", "q2", "q3", "q4"].map((prompt) => [prompt, Deferred.makeUnsafe<Response>()]))
    const { calls, layer } = upstream((call, nth) => {
      const prompt = call.split(" ")[1] ?? ""
      const first = asking.get(prompt)
      if (nth === 0 && first !== undefined) return Deferred.await(first)
      return prompt === "q0" && nth < 2 ? refused(500) : answered()
    })
    return Effect.gen(function*() {
      const reply = (prompt: string, response: Response) => {
        const deferred = asking.get(prompt)
        return deferred === undefined ? Effect.void : Effect.andThen(Deferred.succeed(deferred, response), turns(20))
      }
      const { run } = yield* process(many(6), { breaker: "off", concurrency: 2 })
      const running = yield* Effect.forkChild(run)
      // The first one waits for up to 0.5 s, while two others are asked.
      yield* until(() => calls.length === 3)
      yield* TestClock.adjust(500)
      // It is asked and waits once more, from then for 0.75 s at least; and the second one, for 0.5 s at most.
      yield* reply("q2", answered())
      yield* reply("q1", refused(500))
      yield* until(() => calls.length === 6)
      yield* TestClock.adjust(1000)
      yield* reply("q3", answered())
      yield* reply("q4", answered())
      assert.deepInclude(yield* Fiber.join(running), { status: "done", answers: 6, retried: 2 })
      assert.deepStrictEqual(
        calls.map((call) => call.split(" ")[1]),
        ["q0", "q1", "q2", "q0", "q3", "q4", "q1", "q0", "q5"]
      )
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("a line that can't start yet", () => {
  const hold = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s" }
  const cases: ReadonlyArray<
    readonly [
      what: string,
      every: number,
      prompts: ReadonlyArray<string>,
      reply: () => Response | "hang",
      options: Partial<Batch.Options>
    ]
  > = [
    ["for a limit", 1000, ["a", "b"], answered, { rate: { amount: 1, every: "1 minute" } }],
    ["for its target", 250, ["a", "b"], () => answered(hold), {}],
    ["for the budget", 250, ["a", "b"], () => "hang", { concurrency: 2, maxCost: "0.00007" }],
    ["for an equal request", 250, ["a", "a"], () => "hang", { concurrency: 2, cache: true }]
  ]
  for (const [what, every, prompts, reply, options] of cases) {
    it.effect(`${what} is tried again each ${every} ms, as others may have made place`, () => {
      const { calls, layer } = upstream(reply)
      return Effect.gen(function*() {
        const { steps, store } = yield* watchedStore
        const all = prompts.map((prompt, n) => ({ id: `q${n}`, request: { prompt, maxTokens: 100 } }))
        const { run } = yield* Effect.provideService(process(all, options), Store.Store, store)
        const running = yield* Effect.forkChild(run)
        yield* until(() => calls.length === 1)
        yield* turns(20)
        for (let n = 0; n < 3; n++) {
          const before = steps.length
          yield* TestClock.adjust(every - 1)
          yield* turns(5)
          assert.lengthOf(steps, before)
          yield* TestClock.adjust(1)
          yield* turns(5)
          assert.deepStrictEqual(steps.slice(before), [1])
        }
        assert.lengthOf(calls, 1)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("lines that are read before they can start", () => {
  /** Which lines are read while one has started, and a limit keeps all others back. */
  const readsOf = Effect.fnUntraced(function*(
    count: number,
    options: Partial<Batch.Options> = {},
    sizeOf?: (index: number) => number
  ) {
    const { calls, layer } = upstream(() => answered())
    return yield* Effect.gen(function*() {
      const all = many(count)
      const reads: Array<number> = []
      const one = yield* process(
        all,
        { rate: { amount: 1, every: "1 second" }, ...options },
        (index) => {
          reads.push(index)
          return all[index]
        },
        sizeOf
      )
      const run = yield* Effect.forkChild(one.run)
      yield* until(() => calls.length === 1)
      yield* turns(50)
      const before = [...reads]
      assert.lengthOf(calls, 1)
      while (run.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* turns(5)
      }
      assert.deepInclude(yield* Fiber.join(run), { answers: count })
      return { before, reads }
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

  it.effect("are as many as may run, and are read once", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* readsOf(4, { concurrency: 1 }), { before: upTo(2), reads: upTo(4) })
      assert.deepStrictEqual(yield* readsOf(4, { concurrency: 2 }), { before: upTo(3), reads: upTo(4) })
      assert.deepStrictEqual(yield* readsOf(4, { concurrency: 9 }), { before: upTo(4), reads: upTo(4) })
    }))

  it.effect("are prepared until there are enough, and again when one is taken", () =>
    Effect.gen(function*() {
      const all = many(9)
      const { lines } = yield* Batch.open<never>(options, {
        source: {
          all: Stream.fromIterable(all.map((value, index) => ({ number: index + 1, value: Result.succeed(value) }))),
          at: (index) => Effect.succeed(all[index]),
          sizeOf: () => 0
        },
        onEnded: () => Effect.void
      })
      const target = yield* Target.make(host("one"), { position: 0, model: undefined, byDefault: undefined })
      const settings = {
        targets: [target],
        defaults: {},
        pricing: yield* Pricing.Pricing,
        day: "2026-11-25",
        cache: false,
        isBudgeted: false,
        isMetered: false
      }
      const ready = Ready.make({ lines, known: new Known(9), concurrency: 2, settings: Effect.succeed(settings) })
      const more = Effect.replicateEffect(ready.next, 3)
      assert.deepStrictEqual(yield* more, [true, true, false])
      yield* ready.take(1)
      assert.deepStrictEqual(yield* more, [true, false, false])
    }).pipe(Effect.provide(upstream(() => answered()).layer)))

  it.effect("are sixteen at most", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* readsOf(20, { concurrency: 20 })).before, upTo(17))
    }))

  it.effect("are not kept beyond 64 KiB each", () =>
    Effect.gen(function*() {
      const kept = yield* readsOf(3, { concurrency: 9 }, () => 64 * 1024)
      assert.deepStrictEqual(kept, { before: upTo(3), reads: upTo(3) })
      const { before, reads } = yield* readsOf(3, { concurrency: 9 }, () => 64 * 1024 + 1)
      assert.notInclude(before, 2)
      assert.isAbove(reads.filter((index) => index === 1).length, 1)
    }))
})

describe("a process that finds another one at work", () => {
  it.effect("sees what the other has done in one step, and looks again four times a second", () => {
    let isHanging = true
    const { calls, layer } = upstream((call) => isHanging && call.endsWith("q0") ? "hang" : answered())
    return Effect.gen(function*() {
      const { inner, steps, store: watched } = yield* watchedStore
      const first = yield* Effect.provideService(process(many(4), { concurrency: 2 }), Store.Store, inner)
      const second = yield* Effect.provideService(process(many(4)), Store.Store, watched)
      yield* first.register(Stream.empty)
      yield* second.register(Stream.empty)
      const asking = yield* Effect.forkChild(first.work)
      yield* until(() => first.texts.length === 3)
      steps.length = 0
      const waiting = yield* Effect.forkChild(second.work)
      yield* turns(20)
      // Whether there is an account, the line that the other asks, and the others.
      assert.deepStrictEqual(steps, [0, 1, 3])
      yield* TestClock.adjust(249)
      yield* turns(5)
      assert.lengthOf(steps, 3)
      yield* TestClock.adjust(1)
      yield* turns(5)
      assert.deepStrictEqual(steps.slice(3), [1])
      isHanging = false
      yield* Fiber.interrupt(asking)
      while (waiting.pollUnsafe() === undefined) {
        yield* TestClock.adjust(250)
        yield* turns(5)
      }
      assert.deepInclude(yield* Fiber.join(waiting), { status: "done", answers: 4, attempts: 5 })
      assert.strictEqual(calls.filter((call) => call.endsWith("q0")).length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("takes its lines when it is silent for longer than its lease", () => {
    const { calls, layer } = upstream((_, nth) => nth === 0 ? "hang" : answered())
    return Effect.gen(function*() {
      const { cut, inner, store } = yield* cuttable
      const silent = yield* Effect.provideService(process(many(1), { lease: "10 seconds" }), Store.Store, store)
      const lost = yield* Effect.forkChild(silent.run)
      yield* until(() => calls.length === 1)
      yield* turns(20)
      cut.isAway = true
      const other = yield* Effect.provideService(process(many(1)), Store.Store, inner)
      const run = yield* Effect.forkChild(other.run)
      yield* turns(20)
      for (let n = 0; n < 39; n++) {
        yield* TestClock.adjust(250)
        yield* turns(3)
      }
      assert.lengthOf(calls, 1)
      yield* TestClock.adjust(250)
      yield* until(() => run.pollUnsafe() !== undefined)
      assert.deepInclude(yield* Fiber.join(run), { status: "done", answers: 1, attempts: 2, lost: 1 })
      cut.isAway = false
      yield* Fiber.interrupt(lost)
    }).pipe(Effect.provide(layer))
  })
})
