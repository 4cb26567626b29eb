/**
 * Why chunks don't go through the cluster: what becomes of a reply that an entity streams when its owner dies.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import { spawn } from "node:child_process"
import * as Path from "node:path"
import { folder, hasSqlite } from "../stores/stores.ts"
import { freePort, printed } from "../support/process.ts"
import { count, member, Naive, onceUnlocked } from "./naive.ts"

describe.skipIf(!hasSqlite)("a reply that an entity streams", () => {
  it.live("begins again when its owner is killed: the caller has the first chunks twice, and no error", () =>
    Effect.gen(function*() {
      const filename = Path.join(yield* folder, "runners")
      const calls: Array<() => void> = []
      const runner = Effect.gen(function*() {
        const port = yield* freePort
        const child = spawn(process.execPath, [Path.join(import.meta.dirname, "naive.ts"), filename, String(port)], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        let output = ""
        child.stdout.on("data", (data: Buffer) => {
          output += String(data)
          if (String(data).includes("call\n")) calls.push(() => child.kill("SIGKILL"))
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
        yield* printed(child, () => output.includes("Listening"))
      })
      yield* Effect.all([runner, runner], { concurrency: "unbounded" })
      const chunks = yield* Effect.gen(function*() {
        const client = yield* Naive.client
        return yield* client("answer").Ask().pipe(
          Stream.tap((n) => Effect.sync(() => n === 10 && calls.length === 1 && calls[0]?.())),
          Stream.runCollect,
          Effect.retry({ schedule: Schedule.spaced("100 millis"), while: () => calls.length === 0 })
        )
      }).pipe(Effect.provide(member(filename, undefined)), onceUnlocked)

      assert.strictEqual(calls.length, 2)
      assert.strictEqual(chunks.filter((n) => n === 1).length, 2)
      assert.strictEqual(chunks.at(-1), count)
    }))
})
