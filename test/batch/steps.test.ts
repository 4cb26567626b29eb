import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Redacted, Result, Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as BatchAnswer from "../../src/batch/answer.ts"
import * as Entries from "../../src/batch/entries.ts"
import * as Steps from "../../src/batch/steps.ts"
import * as Target from "../../src/batch/target.ts"
import { OpenAi, Usage } from "../../src/index.ts"
import * as Budget from "../../src/middleware/state/budget.ts"
import * as Ledger from "../../src/middleware/state/ledger.ts"
import * as Store from "../../src/stores/Store.ts"
import { densest } from "./densest.ts"

const ids = ["a", "b", "c", "d", "e", "f", "g", "h"]
const processes = ["one", "two", "three"]
const maxCost = BigDecimal.make(100n, 0)
const rate = { amount: 3, every: 1000 }
const lease = 500

/** What happens next: who acts, on which line, how much time passes before it, and how a running attempt ends. */
const Event = Schema.Struct({
  kind: Schema.Literals(["start", "start", "finish", "finish", "renew", "reclaim", "release"]),
  process: Schema.Literals([0, 1, 2]),
  line: Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7]),
  pause: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })),
  outcome: Schema.Literals(["done", "failed", "cut", "cancelled"]),
  next: Schema.Literals(["End", "Keep", "Leave"]),
  cost: Schema.Literals([1, 5, 15])
})

const most = BigDecimal.make(15n, 0)

const fields: BatchAnswer.Fields = { ...BatchAnswer.nothing, provider: "openai", content: "yes" }

const endOf = ({ cost, outcome }: typeof Event.Type): Steps.End => {
  const isDone = outcome === "done"
  return {
    outcome: outcome === "cut" ? "failed" : outcome,
    reason: outcome === "failed" ? "ServerError" : outcome === "cut" ? "Network" : undefined,
    emitted: outcome === "cut",
    fields,
    stated: isDone
      ? {
        usage: new Usage.Usage({ inputTokens: 1, outputTokens: 1 }),
        cost: { total: BigDecimal.make(BigInt(cost), 0), flags: [] } as never
      }
      : {},
    isWhole: isDone,
    hold: undefined
  }
}

describe("Steps", () => {
  it.effect.prop(
    "never pass a budget or a limit, and end a line once, whatever happens in which order",
    { events: Schema.Array(Event).check(Schema.isMinLength(20), Schema.isMaxLength(120)) },
    ({ events }) =>
      Effect.gen(function*() {
        const store = yield* Store.memory
        const target = yield* Target.make(OpenAi.define({ apiKey: Redacted.make("sk-key"), model: "gpt-4o-mini" }), {
          position: 0,
          model: undefined,
          byDefault: undefined
        })
        const entries = Entries.of("batch")
        const rulesOf = (by: string): Steps.Rules => ({
          batch: "batch",
          entries,
          by,
          lease,
          rate,
          tokenRate: undefined,
          maxCost,
          breaker: undefined
        })
        const choice: Target.Choice = {
          target,
          request: {} as never,
          model: "gpt-4o-mini",
          most,
          tokens: 0,
          cached: undefined
        }
        const running = processes.map(() => new Map<number, Steps.Started>())
        const kept = processes.map(() => new Map<number, string>())
        const starts: Array<number> = []
        const endings = new Map<string, number>()
        let serial = 0
        let clock = 0
        yield* Entries.step(store, [], () =>
          Result.succeed({
            result: undefined,
            writes: ids.map((id) => entries.line(id).put({ state: "pending", digest: id }))
          }))
        for (const event of events) {
          yield* TestClock.adjust(event.pause)
          clock += event.pause
          const rules = rulesOf(processes[event.process] ?? "")
          const id = ids[event.line] ?? ""
          const mine = running[event.process] ?? new Map<number, Steps.Started>()
          const waiting = kept[event.process] ?? new Map<number, string>()
          if (event.kind === "start" && !mine.has(event.line)) {
            const candidate: Steps.Candidate = {
              id,
              digest: id,
              own: waiting.get(event.line),
              failure: undefined,
              choices: [choice],
              serial: serial++
            }
            const admission = yield* Entries.step(
              store,
              Steps.cellsOfStart(rules, candidate),
              Steps.start(rules, candidate)
            )
            if (admission._tag !== "Started") continue
            starts.push(clock)
            waiting.delete(event.line)
            mine.set(event.line, admission)
          }
          const started = mine.get(event.line)
          if (event.kind === "finish" && started !== undefined) {
            mine.delete(event.line)
            const next: Steps.Next = event.next === "End"
              ? { _tag: "End", answer: { ...fields, cost: null, attempts: 1, cached: false, error: null } }
              : { _tag: event.next }
            const finished = yield* Entries.step(
              store,
              Steps.cellsOfEnd(rules, started),
              Steps.finish(rules, started, endOf(event), next)
            )
            if (finished?.ended !== undefined) endings.set(id, (endings.get(id) ?? 0) + 1)
            if (finished !== undefined && event.next === "Keep") waiting.set(event.line, started.attempt)
          }
          const held = Array.from(mine.values(), (started) => ({ id: started.id, attempt: started.attempt, started }))
          if (event.kind === "renew") {
            yield* Entries.step(store, Steps.cellsOfRenewal(rules, held), Steps.renew(rules, held))
          }
          if (event.kind === "reclaim") {
            const line = yield* Entries.step(store, [entries.line(id)], (read) =>
              Result.map(read(entries.line(id)), (line) => ({ result: line, writes: [] })))
            if (line?.state === "running") {
              yield* Entries.step(
                store,
                Steps.cellsOfReclaim(rules, id, line.attempt),
                Steps.reclaim(rules, id, line.attempt)
              )
            }
          }
          const account = yield* Entries.step(store, [entries.account], (read) =>
            Result.map(read(entries.account), (account = Budget.empty) => ({ result: account, writes: [] })))
          const total = BigDecimal.sumAll([account.spent, account.unknown, Budget.reservedOf(account)])
          assert.isFalse(BigDecimal.isGreaterThan(total, maxCost), BigDecimal.format(total))
        }
        assert.isAtMost(densest(starts, rate.every), rate.amount)
        for (const [id, times] of endings) {
          assert.strictEqual(times, 1, id)
        }
        const rows = yield* Stream.runCollect(store.scan(Ledger.prefix({ batch: "batch" })))
        assert.strictEqual(rows.length, starts.length)
        assert.deepStrictEqual(
          rows.map(({ key }) =>
            key
          ),
          rows.map(({ key }) =>
            key
          ).sort()
        )
        const known = rows.map(({ key, value }) =>
          Result.getOrThrow(Ledger.cells(key).read(value))
        )
        for (const id of ids) {
          assert.isAtMost(known.filter((row) => row?.id === id && row.outcome === "running").length, 1)
        }
      }).pipe(Effect.provide(FetchHttpClient.layer)),
    { arbitrary: { runs: 60 } }
  )

  it.effect("wait for the probe of a line that is renewed, also past the lease that it began with", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const target = yield* Target.make(OpenAi.define({ apiKey: Redacted.make("sk-key"), model: "gpt-4o-mini" }), {
        position: 0,
        model: undefined,
        byDefault: undefined
      })
      const entries = Entries.of("batch")
      const rules: Steps.Rules = {
        batch: "batch",
        entries,
        by: "one",
        lease,
        rate: undefined,
        tokenRate: undefined,
        maxCost: undefined,
        breaker: { failures: 1, openFor: 0 }
      }
      yield* Entries.step(store, [], () =>
        Result.succeed({
          result: undefined,
          writes: [
            ...ids.map((id) => entries.line(id).put({ state: "pending", digest: id })),
            target.circuit.put({ failures: 1, failedProbes: 0, openUntil: 0 })
          ]
        }))
      const start = (rules: Steps.Rules, id: string) => {
        const candidate: Steps.Candidate = {
          id,
          digest: id,
          own: undefined,
          failure: undefined,
          choices: [{ target, request: {} as never, model: "gpt-4o-mini", most, tokens: 0, cached: undefined }],
          serial: 0
        }
        return Entries.step(store, Steps.cellsOfStart(rules, candidate), Steps.start(rules, candidate))
      }
      const probe = yield* start(rules, "a")
      assert(probe._tag === "Started")
      assert.isTrue(probe.isProbe)
      const held = [{ id: probe.id, attempt: probe.attempt, started: probe }]
      for (let renewals = 0; renewals < 3; renewals++) {
        yield* TestClock.adjust(lease - 1)
        assert.notStrictEqual((yield* start({ ...rules, by: "two" }, "b"))._tag, "Started")
        yield* Entries.step(store, Steps.cellsOfRenewal(rules, held), Steps.renew(rules, held))
      }
      yield* TestClock.adjust(lease)
      assert.strictEqual((yield* start({ ...rules, by: "two" }, "b"))._tag, "Started")
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
