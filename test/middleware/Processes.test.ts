import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, type Scope } from "effect"
import * as Path from "node:path"
import { dropPostgres, dropRedis, folder, hasPostgres, hasRedis, hasSqlite, unique } from "../stores/stores.ts"
import { root, run } from "../support/process.ts"

const worker = Path.join(root, "test/middleware/worker.ts")
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.Number)))

const [limit, every, requests] = [20, 1500, 10]
const clocks = [0, 3_600_000, -3_600_000, 0]

const stores: ReadonlyArray<{
  readonly kind: string
  readonly isAbsent: boolean
  readonly name: Effect.Effect<string, never, Scope.Scope>
}> = [
  { kind: "sqlite", isAbsent: !hasSqlite, name: Effect.map(folder, (path) => Path.join(path, "store")) },
  {
    kind: "postgres",
    isAbsent: !hasPostgres,
    name: Effect.acquireRelease(Effect.sync(unique), (name) => Effect.orDie(dropPostgres(name)))
  },
  {
    kind: "redis",
    isAbsent: !hasRedis,
    name: Effect.acquireRelease(Effect.sync(unique), (name) => Effect.orDie(dropRedis(name)))
  }
]

/** The most that is in an interval of a length. */
const mostIn = (times: ReadonlyArray<number>, length: number): number =>
  times.reduce((most, end) => Math.max(most, times.filter((time) => time <= end && time > end - length).length), 0)

for (const { isAbsent, kind, name } of stores) {
  describe.skipIf(isAbsent)(`processes with one limit in ${kind}`, () => {
    it.live("pass it in no interval, and use it, whatever their clocks say", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const times = (yield* Effect.all(
          clocks.map((clockOff) =>
            Effect.promise(async () => {
              const { output, status } = await run(
                process.execPath,
                [worker, kind, shared, String(requests), String(limit), String(every)],
                { env: { ...process.env, CLOCK_OFF: String(clockOff) } }
              )
              assert.strictEqual(status, 0, output)
              return decode(output)
            })
          ),
          { concurrency: "unbounded" }
        )).flat().sort((a, b) => a - b)
        assert.strictEqual(times.length, clocks.length * requests)
        // What was let start at a time does so some milliseconds later, on a busy machine.
        assert.isAtMost(mostIn(times, every * 0.9), limit)
        const took = (times.at(-1) ?? 0) - (times[0] ?? 0)
        const least = (times.length / limit - 1) * every
        // How much of it is used with time to spare, `Limit.test.ts` says by a clock of its own.
        assert.isAtLeast(least / took, 0.5)
      }))
  })
}
