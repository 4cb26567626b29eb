/** Processes with one store and a stack of middleware each, their clocks hours apart. One of them is killed in the middle. */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Result, Schedule, Schema, Stream } from "effect"
import { spawn } from "node:child_process"
import * as Path from "node:path"
import * as Readline from "node:readline"
import { CostEstimate, Pricing } from "../../src/index.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import { snapshot } from "../../src/pricing/snapshot.ts"
import * as Store from "../../src/stores/Store.ts"
import { kinds } from "../stores/shared.ts"
import { root } from "../support/process.ts"

const worker = Path.join(root, "test/middleware/worker.ts")

const [limit, every, requests] = [10, 1000, 12]
const hangsAfter = 3
const killed = { CLOCK_OFF: "0", HANGS_AFTER: String(hangsAfter) }
const processes = [killed, ...["3600000", "-3600000"].map((CLOCK_OFF) => ({ CLOCK_OFF }))]

/** What a request of the worker may cost, in USD. */
const { cost: { total } } = Result.getOrThrow(CostEstimate.atMost(
  { model: "gpt-4o", prompt: "1 10", maxTokens: 10 },
  { provider: "openai", date: "2026-11-22" },
  Pricing.makeUnsafe({ tables: snapshot })
))
const atMost = BigDecimal.toNumberUnsafe(total)

const Asked = Schema.Struct({ at: Schema.FiniteFromString, prompt: Schema.String })
type Asked = typeof Asked.Type
const decode = Schema.decodeUnknownSync(Asked)

/** What reaches the provider of a process. One that hangs is killed when it does. */
const run = (kind: string, name: string, env: typeof killed | Omit<typeof killed, "HANGS_AFTER">, index: number) =>
  Effect.promise(() =>
    new Promise<ReadonlyArray<Asked>>((resolve, reject) => {
      const asked: Array<Asked> = []
      const child = spawn(process.execPath, [worker, kind, name, ...[requests, limit, every].map(String)], {
        env: { ...process.env, ...env, PROCESS: String(index) },
        stdio: ["ignore", "pipe", "inherit"]
      })
      Readline.createInterface(child.stdout).on("line", (line) => {
        const [, at, prompt] = /^(\d+) (.*)$/.exec(line) ?? []
        asked.push(decode({ at, prompt }))
        if ("HANGS_AFTER" in env && asked.length > hangsAfter) child.kill("SIGKILL")
      })
      child.once("close", (code, signal) =>
        code === 0 || signal === "SIGKILL" ? resolve(asked) : reject(new Error(`exit ${code}`)))
    })
  )

for (const [kind, { isAbsent, name, open }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`processes that share a store in ${kind}`, () => {
    it.live("keep one limit, one budget, one ledger and one cache, also when one of them is killed", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const all = (yield* Effect.all(
          processes.map((env, index) => run(kind, shared, env, index)),
          { concurrency: "unbounded" }
        )).flat()
        const times = all.map(({ at }) => at).sort((a, b) => a - b)
        // What was let start at a time does so later on a busy machine, so this is of all intervals; `Limit.test.ts` has each.
        const took = (times.at(-1) ?? 0) - (times[0] ?? 0)
        assert.isAtMost(times.length, limit * (took / every + 2))

        const store = yield* open(shared)
        const [balance, rows] = yield* Effect.all([
          Budget.balance({ limit: "1" }),
          Stream.runCollect(Ledger.rows())
        ]).pipe(
          // The last word on a process that was killed is spoken when its lease is over.
          Effect.repeat({
            schedule: Schedule.spaced("50 millis"),
            until: ([{ reserved }, rows]) =>
              BigDecimal.isZero(reserved) && rows.every(({ outcome }) => outcome !== "running")
          }),
          Effect.provideService(Store.Store, store)
        )

        // A row for each request, and for what was killed between its row and its request.
        const lost = rows.filter(({ outcome }) => outcome === "lost")
        const done = rows.filter(({ outcome }) => outcome === "done")
        assert.strictEqual(lost.length + done.length, rows.length)
        assert.isAtLeast(lost.length, 1)
        assert.isAtLeast(rows.length, all.length)
        assert.isAtMost(rows.length - all.length, requests)

        // A budget counts each attempt once: what it did cost, or what it had reserved, when that was not known in time.
        const counted = BigDecimal.toNumberUnsafe(balance.spent) / 0.000125 +
          BigDecimal.toNumberUnsafe(balance.unknown) / atMost
        assert.approximately(counted, Math.round(counted), 1e-6)
        assert.isAtLeast(Math.round(counted), rows.length)
        assert.isAtMost(Math.round(counted) - all.length, requests)
        assert.isTrue(done.every(({ cost }) => cost === "0.000125"))

        const asked = (prompt: string) => all.filter((one) => one.prompt === prompt).length
        for (let index = 0; index < requests; index++) {
          if (index % 4 !== 3) {
            for (const process of [1, 2]) assert.strictEqual(asked(`${process} ${10 + index}`), 1)
          } // One for all; again where the one who asked was killed.
          else assert.include([1, 2], asked(`a ${10 + index}`))
        }
      }))
  })
}
