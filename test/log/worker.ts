/**
 * A process that begins answers in a store and is killed: `worker.ts KIND NAME ID…`. It prints a line for each call of its provider.
 */
import { Effect, Schedule, Stream } from "effect"
import * as StreamLog from "../../src/log/StreamLog.ts"
import { OpenAiChunk } from "../../src/openai/OpenAiChunk.ts"
import * as Store from "../../src/stores/Store.ts"
import { openStore } from "../stores/stores.ts"
import { lease, request } from "./kills.ts"

const [kind = "", name = "", ...ids] = process.argv.slice(2)

const words = Stream.range(1, 10_000).pipe(
  Stream.schedule(Schedule.spaced("2 millis")),
  Stream.map((n) => new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: `${n} ` } }] } }))
)

const program = Effect.gen(function*() {
  const log = yield* StreamLog.make({
    name: "openai",
    stream: () => Stream.onStart(words, Effect.sync(() => process.stdout.write("call\n")))
  }, { lease })
  yield* Effect.forEach(ids, (id) => log.start(request, { id }), { concurrency: "unbounded" })
  return yield* Effect.never
}).pipe(Effect.provideServiceEffect(Store.Store, openStore(kind, name)))

await Effect.runPromise(Effect.scoped(program))
