/** Processes with one store that ask as fast as a limit lets them. How much of it they use, `bench/limits.ts` measures. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import * as Path from "node:path"
import { kinds } from "../stores/shared.ts"
import { root } from "../support/process.ts"

const worker = Path.join(root, "test/middleware/limitWorker.ts")

const [processes, requests, limit, every] = [4, 40, 20, 300]

const Started = Schema.Struct({
  /** The store's time, in ms since 1970. */
  at: Schema.Number,
  count: Schema.Natural
})
type Started = typeof Started.Type
const decode = Schema.decodeUnknownSync(Started)

/** What processes let start that begin together. */
const run = (kind: string, name: string) =>
  Effect.promise(async (): Promise<ReadonlyArray<Started>> => {
    const args = [kind, name, ...[requests, limit, every].map(String)]
    const workers = Array.from({ length: processes }, () => fork(worker, args))
    await Promise.all(workers.map((worker) => once(worker, "message")))
    const started: Array<Started> = []
    const ended = workers.map((worker) => {
      worker.on("message", (message) => started.push(decode(message)))
      return once(worker, "close")
    })
    for (const worker of workers) worker.send("start")
    await Promise.all(ended)
    return started
  })

const sum = (all: ReadonlyArray<Started>) => all.reduce((sum, { count }) => sum + count, 0)

for (const [kind, { isAbsent, name }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`processes that share a limit in ${kind}`, () => {
    it.live("let each request start once, and in no interval more than the limit, wherever it begins", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const all = yield* run(kind, shared)
        assert.strictEqual(sum(all), processes * requests)
        for (const { at: start } of all) {
          assert.isAtMost(sum(all.filter(({ at }) => at >= start && at < start + every)), limit)
        }
      }))
  })
}
