/**
 * Processes that are killed while they produce answers. `LLM_STREAM_KILLS` is how many of them a store loses.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Schedule, Stream } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Path from "node:path"
import type { OpenAiChunk } from "../../src/index.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as Store from "../../src/stores/Store.ts"
import { kinds } from "../stores/shared.ts"
import { printed } from "../support/process.ts"
import { lease, request } from "./kills.ts"

const kills = Number(process.env["LLM_STREAM_KILLS"] ?? 1)
const answers = 6
const readers = 3

const textOf = (json: string) =>
  (JSON.parse(json) as ReadonlyArray<OpenAiChunk>).map(({ chunk }) => chunk.choices?.[0]?.delta?.content).join("")

/** The text and the end, as a reader gets them. */
const read = (log: StreamLog.Service, id: string) =>
  log.follow(id).pipe(
    Effect.flatMap(Stream.runFold(() => ({ text: "", end: "" }), (read, item) =>
      item._tag === "Page"
        ? { ...read, text: read.text + textOf(item.json) }
        : item._tag === "Ended"
        ? { ...read, end: item.end._tag }
        : read)),
    // Until the answer begins.
    Effect.retry({ while: ({ reason }) => reason === "NotFound", schedule: Schedule.spaced("10 millis") })
  )

for (const [kind, { isAbsent, name, open }] of Object.entries(kinds)) {
  describe.skipIf(isAbsent)(`answers in ${kind} whose process is killed`, () => {
    it.live("are the same for all readers, have one bill, and are not asked for again", () =>
      Effect.gen(function*() {
        const shared = yield* name
        const log = yield* StreamLog.make({ name: "openai", stream: () => Stream.die("asked again") }, { lease }).pipe(
          Effect.provideServiceEffect(Store.Store, open(shared))
        )
        for (let kill = 0; kill < kills; kill++) {
          const ids = Array.from({ length: answers }, (_, index) => `${kill}-${index}`)
          const child = spawn(process.execPath, [Path.join(import.meta.dirname, "worker.ts"), kind, shared, ...ids], {
            stdio: ["ignore", "pipe", "inherit"]
          })
          yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
          let calls = 0
          child.stdout.on("data", (data: Buffer) => calls += String(data).split("call").length - 1)
          const pause = yield* Random.nextIntBetween(0, 150)
          const killing = yield* Effect.gen(function*() {
            yield* printed(child, () => calls >= ids.length)
            yield* Effect.sleep(pause)
            child.kill("SIGKILL")
            yield* Effect.promise(() => once(child, "close"))
          }).pipe(Effect.forkChild)
          const all = yield* Effect.forEach(
            ids,
            (id) => Effect.all(Array.from({ length: readers }, () => read(log, id)), { concurrency: "unbounded" }),
            { concurrency: "unbounded" }
          )
          yield* Fiber.join(killing)
          for (const [index, id] of ids.entries()) {
            const late = yield* read(log, id)
            assert.strictEqual(late.end, "Lost")
            assert.isTrue(Array.from({ length: 10_000 }, (_, n) => `${n + 1} `).join("").startsWith(late.text))
            for (const reader of all[index] ?? []) assert.deepStrictEqual(reader, late)
            assert.isFalse((yield* log.start(request, { id })).isNew)
            assert.deepStrictEqual((yield* log.ledger({ id })).map(({ end, unstated }) => ({ end, unstated })), [
              { end: "Lost", unstated: true }
            ])
          }
          assert.strictEqual(calls, ids.length)
        }
      }), 120_000 + kills * 60_000)
  })
}
