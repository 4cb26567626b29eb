import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, Redacted, Result, Stream } from "effect"
import * as Entries from "../../src/batch/entries.ts"
import * as Target from "../../src/batch/target.ts"
import { Groq, Pricing } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import { answered, cuttable, host, join, lines, process, refused, seconds, turns, until, upstream } from "./process.ts"

describe("lines that an output has", () => {
  /** The lines of an output: `good` was answered, `bad` failed. */
  const output = Effect.gen(function*() {
    const { layer } = upstream((call) => call.includes("bad") ? refused(400) : answered())
    return yield* Effect.gen(function*() {
      const first = yield* process(lines("good", "bad"))
      yield* first.run
      return first.texts
    }).pipe(Effect.provide(layer), Effect.provideServiceEffect(Store.Store, Store.memory))
  })

  it.live("are not asked again by a store that does not know them", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const second = yield* process(lines("good", "bad", "new"))
      yield* second.register(Stream.make(...(yield* output), "no JSON", `{"id":"unknown"}`))
      assert.deepInclude(yield* second.work, { status: "done", answers: 2, failures: 1, lines: 3 })
      assert.deepStrictEqual(calls, ["one.test new"])
      assert.lengthOf(second.texts, 1)
      // The store has them now.
      assert.deepInclude(yield* (yield* process(lines("good", "bad", "new"))).run, { answers: 2, failures: 1 })
      assert.lengthOf(calls, 1)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("are asked again where they failed and that is wanted", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const second = yield* process(lines("good", "bad"), { retryFailed: true })
      yield* second.register(Stream.fromIterable(yield* output))
      assert.deepInclude(yield* second.work, { status: "done", answers: 2, failures: 0 })
      assert.deepStrictEqual(calls, ["one.test bad"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("are answered where they failed first and were answered later", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const [good = "", bad = ""] = yield* output
      const later = good.replace(`"good"`, `"bad"`)
      for (const found of [[good, bad, later], [good, later, bad]]) {
        yield* Effect.gen(function*() {
          const second = yield* process(lines("good", "bad"))
          yield* second.register(Stream.make(...found))
          assert.deepInclude(yield* second.work, { status: "done", answers: 2, failures: 0 })
          assert.deepInclude(yield* (yield* process(lines("good", "bad"))).run, { answers: 2, failures: 0 })
        }).pipe(Effect.provideServiceEffect(Store.Store, Store.memory))
      }
      assert.deepStrictEqual(calls, [])
    }).pipe(Effect.provide(layer))
  })

  it.live("end what the store has not begun by an answer, and not by a failure", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      yield* (yield* process(lines("good", "bad"))).register(Stream.empty)
      const second = yield* process(lines("good", "bad"))
      yield* second.register(Stream.fromIterable(yield* output))
      assert.deepInclude(yield* second.work, { status: "done", answers: 2, failures: 0 })
      assert.deepStrictEqual(calls, ["one.test bad"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("processes", () => {
  it.effect("have names that nobody else has", () =>
    Effect.gen(function*() {
      const names = yield* Effect.replicateEffect(Effect.map(process(lines("a")), ({ by }) => by), 100)
      for (const name of names) assert.match(name, /^[0-9a-z]{8}$/)
      assert.strictEqual(new Set(names).size, 100)
    }).pipe(Effect.provide([upstream(() => answered()).layer, Store.layerMemory])))
})

describe("lines that failed", () => {
  it.live("are asked again in a run that wants it, and in no other", () => {
    let isBroken = true
    const { calls, layer } = upstream(() => isBroken ? refused(400) : answered())
    return Effect.gen(function*() {
      assert.deepInclude(yield* (yield* process(lines("a"))).run, { answers: 0, failures: 1 })
      isBroken = false
      assert.deepInclude(yield* (yield* process(lines("a"))).run, { answers: 0, failures: 1 })
      assert.lengthOf(calls, 1)
      assert.deepInclude(yield* (yield* process(lines("a"), { retryFailed: true })).run, { answers: 1, failures: 0 })
      assert.lengthOf(calls, 2)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("are asked once more in a run, and then are failures again", () => {
    const { calls, layer } = upstream(() => refused(400))
    return Effect.gen(function*() {
      yield* (yield* process(lines("a", "b"))).run
      assert.deepInclude(yield* (yield* process(lines("a", "b"), { retryFailed: true })).run, {
        status: "done",
        answers: 0,
        failures: 2
      })
      assert.deepStrictEqual(calls, ["one.test a", "one.test b", "one.test a", "one.test b"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("are asked once more by all processes that want it, though they fail in the same words", () => {
    const { calls, layer } = upstream(() => refused(400))
    return Effect.gen(function*() {
      yield* (yield* process(lines("a"))).run
      const first = yield* process(lines("a"), { retryFailed: true })
      const second = yield* process(lines("a"), { retryFailed: true })
      yield* first.register(Stream.empty)
      yield* second.register(Stream.empty)
      assert.deepInclude(yield* first.work, { status: "done", answers: 0, failures: 1 })
      assert.deepInclude(yield* second.work, { status: "done", answers: 0, failures: 1 })
      assert.deepStrictEqual(calls, ["one.test a", "one.test a"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

/** A store in which something happens after the lines were looked through. */
const interleaved = (inner: Store.Service, meanwhile: Effect.Effect<unknown>): Store.Service => {
  let isOver = false
  return {
    transact: inner.transact,
    scan: (prefix) =>
      Stream.concat(
        inner.scan(prefix),
        Stream.drain(Stream.fromEffect(Effect.suspend(() => {
          if (isOver) return Effect.void
          isOver = true
          return meanwhile
        })))
      )
  }
}

describe("two processes that begin a batch at once", () => {
  it.live("share its lines", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const store = yield* Store.memory
      const first = yield* Effect.provideService(process(lines("a")), Store.Store, store)
      const second = yield* Effect.provideService(
        process(lines("a")),
        Store.Store,
        interleaved(store, Effect.orDie(first.run))
      )
      assert.deepInclude(yield* second.run, {
        status: "done",
        answers: 1,
        run: { answers: 0, failures: 0, attempts: 0, cached: 0 }
      })
      assert.deepStrictEqual(calls, ["one.test a"])
    }).pipe(Effect.provide(layer))
  })

  it.live("are told when their lines differ", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const store = yield* Store.memory
      const first = yield* Effect.provideService(
        process([{ id: "a", request: { prompt: "other" } }]),
        Store.Store,
        store
      )
      const second = yield* Effect.provideService(
        process(lines("a")),
        Store.Store,
        interleaved(store, Effect.orDie(first.register(Stream.empty)))
      )
      assert.deepInclude(yield* Effect.flip(second.run), {
        _tag: "BatchRefused",
        problems: [`"a" has another request`],
        message: `the batch "b" was begun with other lines; a new name begins another`
      })
      assert.lengthOf(calls, 0)
    }).pipe(Effect.provide(layer))
  })

  it.live("ask what the other has not ended, and end nothing twice", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      // The second line can't be asked at all.
      const all = [...lines("a"), { id: "wrong", request: { prompt: "wrong", temperature: "hot" } }]
      const first = yield* process(all)
      const second = yield* process(all)
      yield* first.register(Stream.empty)
      yield* second.register(Stream.empty)
      assert.deepInclude(yield* first.work, { status: "done", answers: 1, failures: 1 })
      assert.deepInclude(yield* second.work, {
        status: "done",
        answers: 1,
        failures: 1,
        run: { answers: 0, failures: 0, attempts: 0, cached: 0 }
      })
      assert.lengthOf(first.texts, 2)
      assert.lengthOf(second.texts, 0)
      assert.deepStrictEqual(calls, ["one.test a"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("a batch with other lines than before", () => {
  it.live("is refused with all of them", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      yield* (yield* process(lines("a", "b", "c"))).run
      const changed = yield* process([{ id: "b", request: { prompt: "other" } }, ...lines("c")])
      assert.deepInclude(yield* Effect.flip(changed.run), {
        _tag: "BatchRefused",
        problems: [`"a" is gone`, `"b" has another request`]
      })
      assert.lengthOf(calls, 3)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("is refused when a line changes while it is asked", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const changing = yield* process(lines("a"), {}, () => ({ id: "a", request: { prompt: "other" } }))
      assert.deepInclude(yield* Effect.flip(changing.run), {
        _tag: "BatchRefused",
        problems: [`"a" has another request`],
        message: "the lines changed while they were read"
      })
      assert.lengthOf(calls, 0)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

const account = Effect.gen(function*() {
  const cell = Entries.of("b").account
  return yield* Entries.step(yield* Store.Store, [cell], (read) =>
    Result.map(read(cell), (account) => ({
      result: {
        spent: BigDecimal.format(account?.spent ?? BigDecimal.make(-1n, 0)),
        unknown: BigDecimal.format(account?.unknown ?? BigDecimal.make(-1n, 0))
      },
      writes: []
    })))
})

describe("a batch that ran without a budget, and gets one", () => {
  it.live("counts what was paid and what may have been, once", () => {
    let isHanging = true
    const { calls, layer } = upstream((call) => isHanging && call.includes("cut") ? "hang" : answered())
    return Effect.gen(function*() {
      const first = yield* Effect.forkChild((yield* process(lines("paid", "cut"))).run)
      while (calls.length < 2) yield* Effect.sleep("5 millis")
      yield* Fiber.interrupt(first)
      isHanging = false
      yield* Pricing.ready("openai")
      const target = yield* Target.make(host("one"), { position: 0, model: undefined, byDefault: undefined })
      const { most } = Target.bounds(
        Result.getOrThrow(Target.read(lines("cut")[0]?.request, { defaults: {} })),
        target,
        {
          targets: [target],
          defaults: {},
          pricing: yield* Pricing.Pricing,
          day: "2026-01-01",
          cache: false,
          isBudgeted: true,
          isMetered: false
        }
      )
      // 10 tokens at $0.15 a million and 5 at $0.6; the bound of the other one, which stated nothing.
      const expected = { spent: "0.0000045", unknown: BigDecimal.format(most ?? BigDecimal.make(0n, 0)) }
      const poor = yield* process(lines("paid", "cut"), { maxCost: "0.000005" })
      assert.deepInclude(yield* poor.run, { status: "budget", answers: 1, left: 1 })
      assert.deepStrictEqual(yield* account, expected)
      assert.deepInclude(yield* (yield* process(lines("paid", "cut"), { maxCost: "0.000005" })).run, {
        status: "budget",
        why: "1 lines don't fit into what is left of the budget"
      })
      assert.deepStrictEqual(yield* account, expected)
      assert.lengthOf(calls, 2)
      const rich = yield* process(lines("paid", "cut"), { maxCost: "1" })
      assert.deepInclude(yield* rich.run, { status: "done", answers: 2, left: 0 })
      assert.deepStrictEqual(yield* account, { ...expected, spent: "0.000009" })
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("a batch that asked somebody else before it got a budget", () => {
  it.live("does not know what those requests may have cost", () => {
    let isHanging = true
    const { calls, layer } = upstream(() => isHanging ? "hang" : answered())
    return Effect.gen(function*() {
      const groq = { provider: Groq.define({ apiKey: Redacted.make("gsk-key"), model: "llama-3.1-8b-instant" }) }
      const first = yield* Effect.forkChild((yield* process(lines("cut"), { targets: [groq] })).run)
      yield* until(() => calls.length > 0)
      yield* Fiber.interrupt(first)
      isHanging = false
      const rich = yield* process(lines("cut"), { maxCost: "1" })
      assert.deepInclude(yield* rich.run, { status: "done", answers: 1, attempts: 2 })
      assert.deepStrictEqual(yield* account, { spent: "0.0000045", unknown: "0" })
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("a target that says that it has nothing left", () => {
  const cases: ReadonlyArray<readonly [what: string, headers: Record<string, string>, wait: number]> = [
    ["of its requests", { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s" }, 30],
    [
      "of requests and tokens, until the later of the two",
      {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "10s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "20s"
      },
      20
    ],
    [
      "of its tokens, until those are back",
      {
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "30s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "5s"
      },
      5
    ],
    ["for no time", { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "0s" }, 0],
    ["for longer than a run waits", { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "61s" }, 0]
  ]
  for (const [what, headers, wait] of cases) {
    it.effect(`${what}, is ${wait === 0 ? "asked on" : `left alone for ${wait} seconds`}`, () => {
      const { calls, layer } = upstream(() => answered(headers))
      return Effect.gen(function*() {
        const run = yield* Effect.forkChild((yield* process(lines("a", "b"), { maxWait: "1 minute" })).run)
        yield* until(() => calls.length > 0)
        yield* turns(20)
        let waited = 0
        while (calls.length < 2) {
          yield* seconds(1)
          waited += 1
        }
        assert.strictEqual(waited, wait)
        assert.deepInclude(yield* join(run), { status: "done", answers: 2 })
      }).pipe(Effect.provide([layer, Store.layerMemory]))
    })
  }
})

describe("a target that fails", () => {
  it.effect("is given up after five probes in a row, and the lines are left", () => {
    const { calls, layer } = upstream(() => refused(500, "broken by sk-other"))
    return Effect.gen(function*() {
      const run = yield* Effect.forkChild(
        (yield* process(lines(..."abcdefghij"), {
          maxRetries: 0,
          breaker: { failures: 1, openFor: "1 second" },
          secrets: [Redacted.make("sk-other")]
        })).run
      )
      const report = yield* join(run)
      assert.deepInclude(report, { status: "stopped", failures: 6, left: 4 })
      assert.match(report.why ?? "", /^openai: 5 probes in a row failed: .*broken by <redacted>/)
      assert.lengthOf(calls, 6)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.effect("is asked on when a probe is answered", () => {
    let count = 0
    const { calls, layer } = upstream(() => ++count % 5 === 0 ? answered() : refused(500))
    return Effect.gen(function*() {
      const run = yield* Effect.forkChild(
        (yield* process(lines(..."abcdefghij"), { maxRetries: 0, breaker: { failures: 1, openFor: "1 second" } })).run
      )
      assert.deepInclude(yield* join(run), { status: "done", answers: 2, failures: 8 })
      assert.lengthOf(calls, 10)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.effect("and does not have the model is not asked for the line again", () => {
    const { calls, layer } = upstream((call, nth) =>
      call.startsWith("one") ? refused(404) : nth < 2 ? refused(500) : answered()
    )
    return Effect.gen(function*() {
      const run = yield* Effect.forkChild(
        (yield* process(lines("a"), { targets: [{ provider: host("one") }, { provider: host("two") }], maxRetries: 3 }))
          .run
      )
      assert.deepInclude(yield* join(run), { status: "done", answers: 1, attempts: 4 })
      assert.deepStrictEqual(calls, ["one.test a", "two.test a", "two.test a", "two.test a"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("for its key leaves the lines that no other target can take, and says why", () => {
    const { calls, layer } = upstream(() => refused(401, "no such key"))
    return Effect.gen(function*() {
      // Groq's models know no such effort.
      const line = { id: "a", request: { prompt: "a", model: "o3", reasoning: { effort: "max" } } }
      const report = yield* (yield* process([line], {
        targets: [{ provider: host("one") }, { provider: Groq.define({ apiKey: Redacted.make("gsk-key") }) }]
      })).run
      assert.deepInclude(report, { status: "stopped", answers: 0, failures: 0, left: 1 })
      assert.match(report.why ?? "", /no such key/)
      assert.deepStrictEqual(calls, ["one.test a"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("as all of them do stops the run, with the reason of each", () => {
    const { layer } = upstream((call) => refused(401, `no key for ${call.split(" ")[0]}`))
    return Effect.gen(function*() {
      const report = yield* (yield* process(lines("a", "b"), {
        targets: [{ provider: host("one") }, { provider: host("two") }]
      })).run
      assert.deepInclude(report, { status: "stopped", failures: 0, left: 2 })
      assert.match(report.why ?? "", /no key for one\.test.*; .*no key for two\.test/)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("a process that falls silent", () => {
  it.effect("loses its line to another one, and what it is told later does not count", () => {
    const { calls, layer } = upstream((_, nth) => nth === 0 ? "hang" : answered())
    return Effect.gen(function*() {
      const { cut, inner, store } = yield* cuttable
      const silent = yield* Effect.provideService(process(lines("a")), Store.Store, store)
      const lost = yield* Effect.forkChild(silent.run)
      yield* until(() => calls.length > 0)
      cut.isAway = true
      const other = yield* Effect.provideService(process(lines("a")), Store.Store, inner)
      const run = yield* Effect.forkChild(other.run)
      yield* seconds(25)
      assert.lengthOf(calls, 1)
      assert.deepInclude(yield* join(run), { status: "done", answers: 1, attempts: 2, unstated: 1 })
      assert.lengthOf(calls, 2)
      cut.isAway = false
      yield* Fiber.interrupt(lost)
      assert.lengthOf(silent.texts, 0)
      assert.lengthOf(other.texts, 1)
    }).pipe(Effect.provide(layer))
  })
})
