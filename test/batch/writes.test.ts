import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Redacted, Result, Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import * as BatchAnswer from "../../src/batch/answer.ts"
import * as Entries from "../../src/batch/entries.ts"
import * as Steps from "../../src/batch/steps.ts"
import * as Target from "../../src/batch/target.ts"
import { ChatRequest, Cost, OpenAi, Usage } from "../../src/index.ts"
import type * as Breaker from "../../src/middleware/state/breaker.ts"
import type * as Budget from "../../src/middleware/state/budget.ts"
import type * as Ledger from "../../src/middleware/state/ledger.ts"
import type * as Store from "../../src/stores/Store.ts"

const usd = (amount: string) => BigDecimal.fromStringUnsafe(amount)

const entries = Entries.of("b")

/** A slice of a window is 5 ms wide. */
const now = 1_000_000
const slot = now + 5
const lease = 500
const attempt = "00000lfls-one-00000a"
const before = "00000aaaa-one-000001"

/** A run that limits nothing. */
const free: Steps.Rules = {
  batch: "b",
  entries,
  by: "one",
  lease,
  rate: undefined,
  tokenRate: undefined,
  maxCost: undefined,
  breaker: undefined
}

/** One that limits all there is. */
const strict: Steps.Rules = {
  ...free,
  rate: { amount: 3, every: 1000 },
  tokenRate: { amount: 100, every: 1000 },
  maxCost: usd("10"),
  breaker: { failures: 2, openFor: 5000 }
}

const targetAt = (position: number) =>
  Target.make(OpenAi.define({ apiKey: Redacted.make("sk-key"), model: `model-${position}` }), {
    position,
    model: undefined,
    byDefault: undefined
  })

const world = Effect.gen(function*() {
  const targets = [yield* targetAt(0), yield* targetAt(1)] as const
  const request = yield* Effect.fromResult(ChatRequest.normalize({ prompt: "hi" }))
  const choiceOf = (target: Target.Target): Target.Choice => ({
    target,
    request,
    model: "small",
    most: undefined,
    tokens: 0,
    cached: undefined
  })
  const [plain, other] = [choiceOf(targets[0]), choiceOf(targets[1])]
  const cached = Entries.cached("answer of the first")
  const otherCached = Entries.cached("answer of the second")
  return {
    plain,
    full: { ...plain, most: usd("2"), tokens: 40, cached },
    other,
    cached,
    otherCached,
    target: targets[0]
  }
}).pipe(Effect.provide(FetchHttpClient.layer))

type Held = ReadonlyArray<Store.Write>

/** What a step makes of entries. It reads no others than it has asked for. */
const run = <A>(
  cells: ReadonlyArray<Pick<Store.Cell<unknown>, "key">>,
  step: (read: Entries.Read, now: number) => Result.Result<Store.Step<A>, Store.StoreError>,
  held: Held = [],
  at = now
): Store.Step<A> =>
  Result.getOrThrow(step((cell) => {
    assert.include(cells.map(({ key }) => key), cell.key)
    return cell.read(held.find(({ key }) => key === cell.key)?.value)
  }, at))

const none = <A>(result: A): Store.Step<A> => ({ result, writes: [] })

const pending: Entries.Line = { state: "pending", digest: "d" }
const runningAt = (until: number, by = "one", own = attempt): Entries.Running => ({
  state: "running",
  digest: "d",
  by,
  attempt: own,
  until
})
const endedBy = (reason: string | null): Entries.Ended => ({
  state: "ended",
  digest: "d",
  reason,
  provider: "openai",
  model: "small",
  attempts: 2,
  cached: false,
  mark: "m"
})

const runningRow: Ledger.Row = {
  attempt,
  batch: "b",
  id: "a",
  user: null,
  provider: "openai",
  model: "small",
  outcome: "running",
  reason: null,
  usage: null,
  cost: null,
  stated: false,
  open: true,
  startedAt: now,
  endedAt: null,
  until: now + lease
}

const line = entries.line("a")
const row = Steps.rowOf(free, attempt)

const account = (more: Partial<Budget.Account> = {}): Budget.Account => ({
  spent: usd("1"),
  unknown: usd("0"),
  reserved: {},
  ...more
})

const candidateOf = (choices: ReadonlyArray<Target.Choice>, more: Partial<Steps.Candidate> = {}): Steps.Candidate => ({
  id: "a",
  digest: "d",
  own: undefined,
  failure: undefined,
  choices,
  serial: 10,
  ...more
})

const start = (rules: Steps.Rules, candidate: Steps.Candidate, held: Held = []) =>
  run(Steps.cellsOfStart(rules, candidate), Steps.start(rules, candidate), held)

const tagOf = ({ result }: Store.Step<Steps.Admission>) => result._tag

const fields: BatchAnswer.Fields = { ...BatchAnswer.nothing, provider: "openai", model: "small", content: "yes" }

describe("a start", () => {
  it.effect("takes a line and writes its attempt down, and nothing that nobody limits", () =>
    Effect.gen(function*() {
      const { plain } = yield* world
      for (const held of [[], [line.put(pending)]]) {
        assert.deepStrictEqual(start(free, candidateOf([plain]), held), {
          result: {
            _tag: "Started",
            attempt,
            id: "a",
            digest: "d",
            choice: plain,
            slot: undefined,
            isProbe: false
          },
          writes: [line.put(runningAt(now + lease)), row.put(runningRow)]
        })
      }
    }))

  it.effect("takes of each limit, the budget and the cache", () =>
    Effect.gen(function*() {
      const { cached, full, target } = yield* world
      assert.deepStrictEqual(start(strict, candidateOf([full])), {
        result: { _tag: "Started", attempt, id: "a", digest: "d", choice: full, slot, isProbe: false },
        writes: [
          line.put(runningAt(now + lease)),
          row.put(runningRow),
          target.requests.put({ used: 1, slices: `${slot}:1,` }, slot + 1000),
          target.tokens.put({ used: 40, slices: `${slot}:40,` }, slot + 1000),
          entries.account.put({
            spent: usd("0"),
            unknown: usd("0"),
            reserved: { [attempt]: { amount: usd("2"), until: now + lease } }
          }),
          cached.put({ state: "asking", attempt, until: now + lease }, now + 2 * lease)
        ]
      })
    }))

  it.effect("reads what it depends on, and nothing else", () =>
    Effect.gen(function*() {
      const { full, other, target } = yield* world
      const keys = (rules: Steps.Rules, ...choices: ReadonlyArray<Target.Choice>) =>
        Steps.cellsOfStart(rules, candidateOf(choices)).map(({ key }) => key)
      const always = [line.key, entries.account.key]
      assert.deepStrictEqual(keys(free, other), [...always, other.target.hold.key])
      assert.deepStrictEqual(keys(strict, full, other), [
        ...always,
        target.hold.key,
        target.circuit.key,
        target.requests.key,
        target.tokens.key,
        "answer of the first",
        other.target.hold.key,
        other.target.circuit.key,
        other.target.requests.key,
        other.target.tokens.key
      ])
    }))

  it.effect("reserves in an account that is there, though this run has no budget", () =>
    Effect.gen(function*() {
      const { full, plain } = yield* world
      for (const [choice, amount] of [[plain, "0"], [full, "2"]] as const) {
        const { writes } = start(free, candidateOf([choice]), [entries.account.put(account({ spent: usd("1e30") }))])
        assert.deepInclude(
          writes,
          entries.account.put(
            account({ spent: usd("1e30"), reserved: { [attempt]: { amount: usd(amount), until: now + lease } } })
          )
        )
      }
    }))

  it.effect("is for nobody where the line has ended, is another one or somebody else's", () =>
    Effect.gen(function*() {
      const { plain } = yield* world
      const begin = (state: Entries.Line, more: Partial<Steps.Candidate> = {}) =>
        start(free, candidateOf([plain], more), [line.put(state)])
      for (const state of [pending, runningAt(now), endedBy(null)]) {
        assert.deepStrictEqual(begin(state, { digest: "changed" }), none({ _tag: "Changed" }))
      }
      const answered = endedBy(null)
      assert.deepStrictEqual(begin(answered), none({ _tag: "Ended", line: answered }))
      assert.deepStrictEqual(begin(answered, { failure: "m" }), none({ _tag: "Ended", line: answered }))
      const failed = endedBy("ServerError")
      assert.deepStrictEqual(begin(failed), none({ _tag: "Ended", line: failed }))
      assert.deepStrictEqual(begin(failed, { failure: "n" }), none({ _tag: "Ended", line: failed }))
      assert.strictEqual(tagOf(begin(failed, { failure: "m" })), "Started")
      // Whose lease is over is not yet taken from him.
      for (const [by, own] of [["two", before], ["one", attempt]] as const) {
        const taken = runningAt(now - 1, by, own)
        assert.deepStrictEqual(begin(taken, { own: before }), none({ _tag: "Taken", line: taken, now }))
      }
      assert.strictEqual(tagOf(begin(runningAt(now - 1, "one", before), { own: before })), "Started")
    }))

  it.effect("ends the line with an answer that is in the cache, of whichever target", () =>
    Effect.gen(function*() {
      const { full, other, otherCached } = yield* world
      const candidate = candidateOf([full, { ...other, cached: otherCached }])
      const text = BatchAnswer.text({ id: "a", ...fields, cost: "0", attempts: 0, cached: true, error: null })
      const ended = { ...endedBy(null), attempts: 0, cached: true }
      const { result, writes } = start(strict, candidate, [
        otherCached.put({ state: "answer", answer: fields }),
        // Neither a limit nor a target that is closed keeps it.
        full.target.hold.put({ until: now + 1 })
      ])
      assert(result._tag === "Hit")
      const hit = { ...ended, mark: result.line.mark }
      assert.deepStrictEqual(result, { _tag: "Hit", line: hit, text })
      assert.deepStrictEqual(writes, [line.put(hit), entries.answer("a").put(text)])
    }))

  it.effect("waits for an equal request as long as that is being asked", () =>
    Effect.gen(function*() {
      const { cached, full } = yield* world
      const asking = (until: number) => cached.put({ state: "asking", attempt: before, until })
      assert.deepStrictEqual(start(strict, candidateOf([full]), [asking(now + 1)]), none({ _tag: "Flight" }))
      assert.strictEqual(tagOf(start(strict, candidateOf([full]), [asking(now)])), "Started")
    }))

  it.effect("waits for the limit that is longest full", () =>
    Effect.gen(function*() {
      const { full, target } = yield* world
      const requests = (used: number) => target.requests.put({ used, slices: `${now - 200}:${used},` })
      const tokens = (used: number) => target.tokens.put({ used, slices: `${now - 300}:${used},` })
      for (
        const [held, millis] of [
          [[requests(2), tokens(60)], undefined],
          [[requests(3), tokens(60)], 800],
          [[requests(2), tokens(61)], 700],
          [[requests(3), tokens(61)], 800],
          // What was taken longer ago than a window does not count.
          [[target.requests.put({ used: 3, slices: `${now - 1000}:3,` })], undefined],
          [[target.requests.put({ used: 3, slices: `${now - 999}:3,` })], 1]
        ] as const
      ) {
        const step = start(strict, candidateOf([full]), held)
        if (millis === undefined) assert.strictEqual(tagOf(step), "Started")
        else assert.deepStrictEqual(step, none({ _tag: "Wait", millis, why: "limit" }))
      }
      assert.deepStrictEqual(
        start(strict, candidateOf([{ ...full, tokens: 101 }])),
        none({ _tag: "Wait", millis: Number.POSITIVE_INFINITY, why: "limit" })
      )
    }))

  it.effect("is not for a line that the budget can't pay", () =>
    Effect.gen(function*() {
      const { full } = yield* world
      const reserved = { other: { amount: usd("1"), until: now + 1 } }
      for (
        const [held, fitsLater] of [
          [account({ spent: usd("7"), reserved }), undefined],
          [account({ spent: usd("7.1"), reserved }), true],
          [account({ spent: usd("8"), reserved }), true],
          [account({ spent: usd("8.1") }), false],
          [account({ spent: usd("7"), unknown: usd("1.1") }), false]
        ] as const
      ) {
        const step = start(strict, candidateOf([full]), [entries.account.put(held)])
        if (fitsLater === undefined) assert.strictEqual(tagOf(step), "Started")
        else assert.deepStrictEqual(step, none({ _tag: "Poor", fitsLater }))
      }
    }))

  it.effect("asks the first target that is open, and else waits for the one that opens first", () =>
    Effect.gen(function*() {
      const { other, plain, target } = yield* world
      const candidate = candidateOf([plain, other])
      const first = target.hold.put({ until: now + 300 })
      const second = other.target.hold.put({ until: now + 200 })
      const asked = (rules: Steps.Rules, held: Held) => {
        const { result } = start(rules, candidate, held)
        return result._tag === "Started" ? [result.choice.target.position, result.isProbe] : result
      }
      assert.deepStrictEqual(asked(strict, [second]), [0, false])
      assert.deepStrictEqual(asked(strict, [first]), [1, false])
      assert.deepStrictEqual(asked(strict, [first, second]), { _tag: "Wait", millis: 200, why: "target" })
      assert.deepStrictEqual(asked(strict, [target.hold.put({ until: now })]), [0, false])
      const openUntil = (openUntil: number, probe?: Breaker.Circuit["probe"]) =>
        target.circuit.put({ failures: 0, failedProbes: 0, openUntil, ...(probe && { probe }) })
      assert.deepStrictEqual(asked(strict, [openUntil(now + 100)]), [1, false])
      assert.deepStrictEqual(asked(strict, [openUntil(now + 100), second]), {
        _tag: "Wait",
        millis: 100,
        why: "target"
      })
      assert.deepStrictEqual(asked(free, [openUntil(now + 100), second]), [0, false])
      assert.deepStrictEqual(asked(strict, [openUntil(now)]), [0, true])
      // Somebody probes it.
      assert.deepStrictEqual(asked(strict, [openUntil(now, { by: before, until: now + 1 })]), [1, false])
      assert.deepStrictEqual(asked(strict, [openUntil(now, { by: before, until: now })]), [0, true])
    }))

  it.effect("says that it probes its target", () =>
    Effect.gen(function*() {
      const { plain, target } = yield* world
      const { writes } = start({ ...free, breaker: { failures: 2, openFor: 5000 } }, candidateOf([plain]), [
        target.circuit.put({ failures: 0, failedProbes: 1, openUntil: now })
      ])
      assert.deepStrictEqual(writes, [
        line.put(runningAt(now + lease)),
        row.put(runningRow),
        target.circuit.put({
          failures: 0,
          failedProbes: 1,
          openUntil: now,
          probe: { by: attempt, until: now + lease }
        })
      ])
    }))
})

const startedWith = (choice: Target.Choice, more: Partial<Steps.Started> = {}): Steps.Started => ({
  _tag: "Started",
  attempt,
  id: "a",
  digest: "d",
  choice,
  slot: undefined,
  isProbe: false,
  ...more
})

const usage = new Usage.Usage({ inputTokens: 10, outputTokens: 5 })
const costOf = (total: string) => new Cost.Cost({ ...Cost.zero, total: usd(total) })

const done: Steps.End = {
  outcome: "done",
  reason: undefined,
  emitted: true,
  fields,
  stated: { provider: "openai", model: "small-1", usage, cost: costOf("0.5") },
  isWhole: true,
  hold: undefined
}
const failed: Steps.End = {
  ...done,
  outcome: "failed",
  reason: "ServerError",
  emitted: false,
  stated: {},
  isWhole: false
}
const cancelled: Steps.End = { ...failed, outcome: "cancelled", reason: undefined }

const at = now + 100
const keep: Steps.Next = { _tag: "Keep" }
const leave: Steps.Next = { _tag: "Leave" }

const held = [line.put(runningAt(now + lease)), row.put(runningRow)]

const finish = (rules: Steps.Rules, started: Steps.Started, end: Steps.End, next: Steps.Next, held: Held) =>
  run(Steps.cellsOfEnd(rules, started), Steps.finish(rules, started, end, next), held, at)

const kept = line.put(runningAt(at + lease))

const doneRow: Ledger.Row = {
  ...runningRow,
  model: "small-1",
  outcome: "done",
  usage,
  cost: "0.5",
  stated: true,
  open: false,
  endedAt: at,
  until: null
}
const failedRow: Ledger.Row = {
  ...runningRow,
  outcome: "failed",
  reason: "ServerError",
  open: false,
  endedAt: at,
  until: null
}

describe("several starts in one step", () => {
  const Kind = Schema.Struct({
    line: Schema.Literals(["new", "pending", "taken", "ended"]),
    tokens: Schema.Literals([10, 40, 60]),
    most: Schema.Literals(["1", "6"]),
    isCached: Schema.Boolean
  })

  it.effect.prop(
    "are as one after another, up to the first that waits for a limit or the budget; those behind it wait with it",
    {
      kinds: Schema.Array(Kind).check(Schema.isMinLength(2), Schema.isMaxLength(8)),
      requests: Schema.Literals([2, 100]),
      tokens: Schema.Literals([100, 1000])
    },
    ({ kinds, requests, tokens }) =>
      Effect.gen(function*() {
        const { cached, plain } = yield* world
        const rules = { ...strict, rate: { amount: requests, every: 1000 }, tokenRate: { amount: tokens, every: 1000 } }
        const candidates = kinds.map(({ isCached, most, tokens }, at) =>
          candidateOf([{ ...plain, tokens, most: usd(most), cached: isCached ? cached : undefined }], {
            id: `q${at}`,
            serial: at
          })
        )
        const held = kinds.flatMap((kind, at) => {
          const cell = entries.line(`q${at}`)
          if (kind.line === "new") return []
          return cell.put(
            kind.line === "pending" ? pending : kind.line === "taken" ? runningAt(now + 1, "two") : endedBy(null)
          )
        })
        const after = (before: Held, writes: Held) => [
          ...before.filter(({ key }) => writes.every((write) => write.key !== key)),
          ...writes
        ]
        const texts = (held: Held) =>
          Object.fromEntries(held.map(({ expiresAt, key, value }) => [key, [value, expiresAt]]))

        const all = run(
          candidates.flatMap((candidate) => Steps.cellsOfStart(rules, candidate)),
          Steps.startAll(rules, candidates),
          held
        )

        let one: Held = held
        const results: Array<Steps.Admission> = []
        for (const candidate of candidates) {
          const { result, writes } = start(rules, candidate, one)
          one = after(one, writes)
          results.push(result)
          if (result._tag === "Wait" || result._tag === "Poor" && result.fitsLater) break
        }
        const last = results.at(-1)
        assert.deepStrictEqual(all.result.slice(0, results.length), results)
        for (const behind of all.result.slice(results.length)) assert.deepStrictEqual(behind, last)
        assert.lengthOf(all.result, candidates.length)
        assert.deepStrictEqual(texts(after(held, all.writes)), texts(one))
        assert.strictEqual(new Set(all.writes.map(({ key }) => key)).size, all.writes.length)
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("the end of an attempt", () => {
  it.effect("ends the line, keeps it or leaves it", () =>
    Effect.gen(function*() {
      const { plain } = yield* world
      const started = startedWith(plain)
      const answer = { ...fields, cost: "0.5", attempts: 2, cached: false, error: null }
      const text = BatchAnswer.text({ id: "a", ...answer })
      const { result, writes } = finish(free, started, done, { _tag: "End", answer }, held)
      const ended = { ...endedBy(null), mark: result?.ended?.line.mark ?? "" }
      assert.deepStrictEqual(result, { ended: { line: ended, text }, failedProbes: 0 })
      assert.deepStrictEqual(writes, [row.put(doneRow), line.put(ended), entries.answer("a").put(text)])
      const goesOn = { ended: undefined, failedProbes: 0 }
      assert.deepStrictEqual(finish(free, started, failed, keep, held), {
        result: goesOn,
        writes: [row.put(failedRow), kept]
      })
      assert.deepStrictEqual(finish(free, started, failed, leave, held), {
        result: goesOn,
        writes: [row.put(failedRow), line.put(pending)]
      })
    }))

  it.effect("writes nothing where another process has the line, or the attempt has an end", () =>
    Effect.gen(function*() {
      const { full } = yield* world
      for (
        const other of [
          [row.put(runningRow)],
          [line.put(pending), row.put(runningRow)],
          [line.put(endedBy(null)), row.put(runningRow)],
          [line.put(runningAt(now + lease, "two")), row.put(runningRow)],
          [line.put(runningAt(now + lease, "one", before)), row.put(runningRow)],
          [line.put(runningAt(now + lease)), row.put(doneRow)],
          [line.put(runningAt(now + lease))]
        ]
      ) assert.deepStrictEqual(finish(strict, startedWith(full), done, keep, other), none(undefined))
    }))

  it.effect("reads what it depends on, and nothing else", () =>
    Effect.gen(function*() {
      const { full, plain, target } = yield* world
      const keys = (rules: Steps.Rules, started: Steps.Started) =>
        Steps.cellsOfEnd(rules, started).map(({ key }) => key)
      const always = [line.key, entries.account.key, row.key, target.hold.key]
      assert.deepStrictEqual(keys(free, startedWith(plain)), always)
      assert.deepStrictEqual(keys(strict, startedWith(full, { slot })), [
        ...always,
        target.circuit.key,
        target.tokens.key,
        "answer of the first"
      ])
    }))

  it.effect("says of a row whether it may have cost more", () =>
    Effect.gen(function*() {
      const { plain } = yield* world
      const rowAfter = (end: Steps.End) => finish(free, startedWith(plain), end, keep, held).writes[0]
      const cut = { ...failed, emitted: true }
      const billed = { model: "small-1", usage, cost: "0.5" }
      assert.deepStrictEqual(rowAfter(cut), row.put({ ...failedRow, open: true }))
      assert.deepStrictEqual(
        rowAfter({ ...cut, stated: done.stated, isWhole: true }),
        row.put({ ...failedRow, ...billed, open: false })
      )
      assert.deepStrictEqual(rowAfter({ ...failed, reason: undefined }), row.put({ ...failedRow, reason: "Unknown" }))
      assert.deepStrictEqual(
        rowAfter(cancelled),
        row.put({ ...failedRow, outcome: "cancelled", reason: null, open: true })
      )
      assert.deepStrictEqual(
        rowAfter({ ...cancelled, stated: done.stated }),
        row.put({ ...failedRow, ...billed, outcome: "cancelled", reason: null, open: true })
      )
    }))

  it.effect("settles what was reserved: what it cost, and what it may have cost beyond that", () =>
    Effect.gen(function*() {
      const { full } = yield* world
      const reserved = { [attempt]: { amount: usd("2"), until: now + lease } }
      const before = account({ unknown: usd("0.25"), reserved })
      for (
        const [end, spent, unknown] of [
          [done, "1.5", "0.25"],
          [{ ...done, isWhole: false }, "1.5", "1.75"],
          [{ ...done, isWhole: false, stated: { cost: costOf("3") } }, "4", "0.25"],
          [failed, "1", "0.25"],
          [{ ...failed, emitted: true }, "1", "2.25"],
          [{ ...failed, stated: { usage } }, "1", "2.25"],
          [{ ...failed, stated: { usage }, isWhole: true }, "1", "0.25"],
          [cancelled, "1", "2.25"],
          [{ ...cancelled, isWhole: true }, "1", "0.25"]
        ] as const
      ) {
        const { writes } = finish(free, startedWith(full), end, keep, [...held, entries.account.put(before)])
        assert.deepStrictEqual(
          writes[1],
          entries.account.put({ spent: usd(spent), unknown: usd(unknown), reserved: {} })
        )
      }
      // Nothing was reserved for it.
      const { writes } = finish(free, startedWith(full), done, keep, [...held, entries.account.put(account())])
      assert.deepStrictEqual(writes[1], entries.account.put(account()))
    }))

  it.effect("gives tokens back that it did not use, where it says what it used", () =>
    Effect.gen(function*() {
      const { full, target } = yield* world
      const rules = { ...free, tokenRate: strict.tokenRate }
      const tokens = target.tokens.put({ used: 60, slices: `${now}:20,${slot}:40,` })
      const after = (end: Steps.End, started = startedWith(full, { slot }), of: Steps.Rules = rules) =>
        finish(of, started, end, keep, [...held, tokens]).writes.filter(({ key }) => key === target.tokens.key)
      assert.deepStrictEqual(after(done), [
        target.tokens.put({ used: 35, slices: `${now}:20,${slot}:15,` }, slot + 1000)
      ])
      assert.deepStrictEqual(after({ ...done, stated: { usage: new Usage.Usage({ outputTokens: 50 }) } }), [
        target.tokens.put({ used: 70, slices: `${now}:20,${slot}:50,` }, slot + 1000)
      ])
      // It used nothing, and says so: no request was sent.
      assert.deepStrictEqual(after({ ...failed, isWhole: true }), [
        target.tokens.put({ used: 20, slices: `${now}:20,${slot}:0,` }, slot + 1000)
      ])
      assert.deepStrictEqual(after({ ...done, isWhole: false }), [])
      assert.deepStrictEqual(after(done, startedWith(full)), [])
      assert.deepStrictEqual(after(done, startedWith(full, { slot }), free), [])
      assert.deepStrictEqual(
        finish(rules, startedWith(full, { slot, choice: { ...full, cached: undefined } }), done, keep, held).writes,
        [row.put(doneRow), kept]
      )
    }))

  it.effect("holds a target back for as long as its provider wants, and not for less than before", () =>
    Effect.gen(function*() {
      const { plain, target } = yield* world
      const after = (hold: number, before: Held = []) =>
        finish(free, startedWith(plain), { ...failed, hold }, keep, [...held, ...before]).writes[1]
      assert.deepStrictEqual(after(70), target.hold.put({ until: at + 70 }, at + 70))
      const longer = target.hold.put({ until: at + 90 }, at + 90)
      assert.deepStrictEqual(after(70, [longer]), longer)
      assert.deepStrictEqual(after(91, [longer]), target.hold.put({ until: at + 91 }, at + 91))
    }))

  it.effect("counts failures of a target, and tells those of probes", () =>
    Effect.gen(function*() {
      const { plain, target } = yield* world
      const rules = { ...free, breaker: strict.breaker }
      const after = (end: Steps.End, circuit?: Breaker.Circuit, isProbe = false) => {
        const { result, writes } = finish(rules, startedWith(plain, { isProbe }), end, keep, [
          ...held,
          ...(circuit === undefined ? [] : [target.circuit.put(circuit)])
        ])
        return [result?.failedProbes, ...writes.filter(({ key }) => key === target.circuit.key)]
      }
      const one = { failures: 1, failedProbes: 0 }
      assert.deepStrictEqual(after(done), [0])
      assert.deepStrictEqual(after(failed), [0, target.circuit.put(one)])
      assert.deepStrictEqual(after({ ...failed, reason: "InvalidRequest" }), [0])
      assert.deepStrictEqual(after(cancelled, one), [0])
      assert.deepStrictEqual(after(done, one), [0, target.circuit.put({ failures: 0, failedProbes: 0 })])
      assert.deepStrictEqual(after(failed, one), [
        0,
        target.circuit.put({ failures: 0, openUntil: at + 5000, failedProbes: 0 })
      ])
      const probed = { failures: 0, failedProbes: 2, openUntil: now, probe: { by: attempt, until: now + lease } }
      assert.deepStrictEqual(after(failed, probed, true), [
        3,
        target.circuit.put({ failures: 0, openUntil: at + 5000, failedProbes: 3 })
      ])
      assert.deepStrictEqual(after(done, probed, true), [0, target.circuit.put({ failures: 0, failedProbes: 0 })])
      assert.deepStrictEqual(after(cancelled, probed, true), [
        2,
        target.circuit.put({ failures: 0, openUntil: now, failedProbes: 2 })
      ])
      // Another one probes it.
      assert.deepStrictEqual(after(failed, { ...probed, probe: { by: before, until: now + lease } }), [0])
    }))

  it.effect("puts an answer into the cache, and else lets equal requests go on", () =>
    Effect.gen(function*() {
      const { cached, plain } = yield* world
      const asking = (by: string) => cached.put({ state: "asking", attempt: by, until: now + lease })
      const answer = cached.put({ state: "answer", answer: fields })
      for (
        const [end, known, writes] of [
          [done, [asking(attempt)], [answer]],
          [done, [], [answer]],
          [failed, [asking(attempt)], [cached.remove]],
          [cancelled, [asking(attempt)], [cached.remove]],
          [failed, [asking(before)], []],
          [failed, [answer], []],
          [failed, [], []]
        ] as const
      ) {
        const step = finish(free, startedWith({ ...plain, cached }), end, keep, [...held, ...known])
        assert.deepStrictEqual(step.writes.slice(1, -1), [...writes])
      }
    }))
})

describe("a line that can't be asked", () => {
  it.effect("ends, unless it has ended or somebody else has it", () =>
    Effect.gen(function*() {
      const { plain } = yield* world
      const error = { reason: "InvalidRequest", message: "no", status: null, retryable: false, emitted: false }
      const answer = { ...BatchAnswer.nothing, cost: null, attempts: 0, cached: false, error }
      const text = BatchAnswer.text({ id: "a", ...answer })
      const candidate = candidateOf([plain], { own: before, failure: "m" })
      const fail = (held: Held) => run([line], Steps.fail(free, candidate, answer), held)
      for (
        const held of [
          [],
          [line.put(pending)],
          [line.put(runningAt(now, "one", before))],
          [line.put(endedBy("ServerError"))]
        ]
      ) {
        const { result, writes } = fail(held)
        const ended = {
          ...endedBy("InvalidRequest"),
          provider: null,
          model: null,
          attempts: 0,
          mark: result?.line.mark ?? ""
        }
        assert.deepStrictEqual(result, { line: ended, text })
        assert.deepStrictEqual(writes, [line.put(ended), entries.answer("a").put(text)])
      }
      for (
        const other of [
          runningAt(now, "two", before),
          runningAt(now, "one", attempt),
          endedBy(null),
          { ...endedBy("ServerError"), mark: "n" }
        ]
      ) assert.deepStrictEqual(fail([line.put(other)]), none(undefined))
    }))
})

describe("a line of a process that is silent", () => {
  const reclaim = (held: Held) => run(Steps.cellsOfReclaim(free, "a", attempt), Steps.reclaim(free, "a", attempt), held)
  const lost = row.put({ ...runningRow, outcome: "lost", endedAt: now, until: null })

  it("is left, and its attempt is lost", () => {
    const over = line.put(runningAt(now, "two"))
    assert.deepStrictEqual(reclaim([over, row.put(runningRow)]), {
      result: pending,
      writes: [line.put(pending), lost]
    })
    // It waited to ask again.
    assert.deepStrictEqual(reclaim([over, row.put(doneRow)]), { result: pending, writes: [line.put(pending)] })
    assert.deepStrictEqual(reclaim([over]), { result: pending, writes: [line.put(pending)] })
    const reserved = {
      [attempt]: { amount: usd("2"), until: now },
      [before]: { amount: usd("1"), until: now }
    }
    assert.deepStrictEqual(reclaim([over, row.put(runningRow), entries.account.put(account({ reserved }))]), {
      result: pending,
      writes: [
        line.put(pending),
        lost,
        entries.account.put(account({ unknown: usd("2"), reserved: { [before]: reserved[before] } }))
      ]
    })
    assert.deepStrictEqual(reclaim([over, entries.account.put(account())]), {
      result: pending,
      writes: [line.put(pending)]
    })
  })

  it("stays as it is where its lease is not over, or it is another attempt's", () => {
    for (const state of [runningAt(now + 1, "two"), runningAt(now, "two", before), pending, endedBy(null)]) {
      assert.deepStrictEqual(reclaim([line.put(state), row.put(runningRow)]), none(state))
    }
    assert.deepStrictEqual(reclaim([]), none(undefined))
  })
})

describe("lines that a process holds", () => {
  it.effect("are held for another lease, with all that their attempts hold", () =>
    Effect.gen(function*() {
      const { cached, plain, target } = yield* world
      const started = startedWith({ ...plain, cached }, { isProbe: true })
      const own = [
        { id: "a", attempt, started },
        { id: "w", attempt: before, started: undefined }
      ]
      const waiting = entries.line("w")
      const until = now + lease
      const reserved = (until: number) => ({ [attempt]: { amount: usd("2"), until } })
      const circuit = { failures: 0, failedProbes: 1, openUntil: now - 1000 }
      const renew = (held: Held) => run(Steps.cellsOfRenewal(strict, own), Steps.renew(strict, own), held)
      const mine = [
        line.put(runningAt(now + 1)),
        row.put({ ...runningRow, until: now + 1 }),
        waiting.put(runningAt(now + 1, "one", before))
      ]
      const renewed = [
        line.put(runningAt(until)),
        row.put(runningRow),
        waiting.put(runningAt(until, "one", before))
      ]
      assert.deepStrictEqual(
        renew([
          ...mine,
          entries.account.put(account({ reserved: reserved(now + 1) })),
          cached.put({ state: "asking", attempt, until: now + 1 }),
          target.circuit.put({ ...circuit, probe: { by: attempt, until: now + 1 } })
        ]),
        {
          result: undefined,
          writes: [
            ...renewed.slice(0, 2),
            cached.put({ state: "asking", attempt, until }, until + lease),
            target.circuit.put({ ...circuit, probe: { by: attempt, until } }),
            ...renewed.slice(2),
            entries.account.put(account({ reserved: reserved(until) }))
          ]
        }
      )
      // What others have meanwhile stays theirs.
      for (
        const others of [
          [],
          [
            entries.account.put(account()),
            cached.put({ state: "asking", attempt: before, until: now + 1 }),
            target.circuit.put({ ...circuit, probe: { by: before, until: now + 1 } })
          ],
          [cached.put({ state: "answer", answer: fields }), target.circuit.put(circuit)]
        ]
      ) assert.deepStrictEqual(renew([...mine, ...others]), { result: undefined, writes: renewed })
      for (const state of [pending, runningAt(now + 1, "two"), runningAt(now + 1, "one", "another"), endedBy(null)]) {
        assert.deepStrictEqual(renew([line.put(state), row.put(runningRow), waiting.put(state)]), none(undefined))
      }
    }))

  it.effect("are read with what their attempts hold", () =>
    Effect.gen(function*() {
      const { cached, plain, target } = yield* world
      const keys = (held: Parameters<typeof Steps.cellsOfRenewal>[1]) =>
        Steps.cellsOfRenewal(strict, held).map(({ key }) => key)
      const account = entries.account.key
      assert.sameMembers(keys([{ id: "a", attempt, started: undefined }]), [account, line.key])
      assert.sameMembers(keys([{ id: "a", attempt, started: startedWith(plain) }]), [account, line.key, row.key])
      assert.sameMembers(
        keys([{ id: "a", attempt, started: startedWith({ ...plain, cached }, { isProbe: true }) }]),
        [account, line.key, row.key, target.circuit.key, cached.key]
      )
    }))

  it("are left to whoever comes, where they still are the process's", () => {
    const own = [{ id: "a", attempt, started: undefined }]
    const release = (state?: Entries.Line) =>
      run([line], Steps.release(free, own), state === undefined ? [] : [line.put(state)])
    assert.deepStrictEqual(release(runningAt(now)), { result: undefined, writes: [line.put(pending)] })
    for (const state of [undefined, pending, runningAt(now, "two"), runningAt(now, "one", before), endedBy(null)]) {
      assert.deepStrictEqual(release(state), none(undefined))
    }
  })
})
