import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schedule, Schema } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Path from "node:path"
import * as Store from "../../src/stores/Store.ts"
import { root, run } from "../support/process.ts"
import { kinds } from "./shared.ts"

const worker = Path.join(root, "test/stores/worker.ts")

const Counted = Schema.Array(Schema.Struct({ now: Schema.Number, before: Schema.Number, same: Schema.Boolean }))

/** What the increments of a process began from, and when they were made. */
const count = (kind: string, name: string, options: { readonly times: number; readonly clockOff: number }) =>
  Effect.promise(async () => {
    const { output, status } = await run(process.execPath, [worker, kind, name, String(options.times), "32"], {
      env: { ...process.env, CLOCK_OFF: String(options.clockOff) }
    })
    assert.strictEqual(status, 0, output)
    return Schema.decodeUnknownSync(Counted)(JSON.parse(output))
  })

const [key, twin] = [Store.key("counter"), Store.key("twin")]

const read = (store: Store.Service) =>
  store.transact([key, twin], (values, now) => Result.succeed({ result: { values, now }, writes: [] }))

for (const [kind, { isAbsent, name, open }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`processes that share a store in ${kind}`, () => {
    it.live("make it at the same time and lose no increment, whatever their clocks say", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const began = Date.now()
        const results = (yield* Effect.all(
          [0, 3_600_000, -3_600_000].map((clockOff) => count(kind, shared, { times: 50, clockOff })),
          { concurrency: "unbounded" }
        )).flat()
        const ended = Date.now()

        assert.deepStrictEqual(
          results.map(({ before }) => before).sort((a, b) => a - b),
          Array.from(results, (_, index) => index)
        )
        assert.isTrue(results.every(({ same }) => same))
        // The servers of these tests run on this machine.
        assert.isTrue(results.every(({ now }) => now >= began && now <= ended))
      }))

    it.live("see all of a transaction of one that was killed, or nothing", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const store = yield* open(shared)
        const child = spawn(process.execPath, [worker, kind, shared, "1000000", "8"], { stdio: "ignore" })
        // Killed in the midst of its work, which a busy machine may begin late.
        yield* Effect.repeat(read(store), { until: ({ values }) => Number(values[0] ?? 0) > 20 })
        child.kill("SIGKILL")
        yield* Effect.promise(() => once(child, "exit"))
        const { values } = yield* read(store)
        assert.strictEqual(values[0], values[1])
      }))

    // Who is frozen in the midst of a write to a file keeps its lock.
    it.live.skipIf(kind === "sqlite")(
      "don't wait for one that is frozen in the midst of a transaction",
      () =>
        Effect.gen(function*() {
          const shared = yield* name
          const store = yield* open(shared)
          const child = spawn(process.execPath, [worker, kind, shared, "1000000", "1"], { stdio: "ignore" })
          yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
          yield* Effect.repeat(read(store), {
            schedule: Schedule.spaced("20 millis"),
            until: ({ values }) => Number(values[0] ?? 0) > 20
          })
          child.kill("SIGSTOP")
          yield* read(store)
        })
    )
  })
}
