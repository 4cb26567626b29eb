/**
 * A process that asks as fast as a limit lets it: `limitWorker.ts KIND NAME REQUESTS LIMIT EVERY`. It says `ready`, waits for a
 * word, and then says of each step in the store that lets requests start the store's time, and how many they are.
 */
import { Duration, Effect, Option, Schema, Stream } from "effect"
import { OpenAiChunk } from "../../src/index.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import type * as Provider from "../../src/Provider.ts"
import * as Store from "../../src/stores/Store.ts"
import { open } from "../stores/shared.ts"

const [kind = "", name = "", requests = "", limit = "", every = ""] = process.argv.slice(2)

const provider: Provider.Service<OpenAiChunk> = {
  name: "openai",
  stream: () =>
    Stream.make(
      new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "stop" }] } })
    )
}

const started = Schema.decodeUnknownOption(
  Schema.Struct({ admission: Schema.TaggedStruct("Started", {}), behind: Schema.Array(Schema.Unknown) })
)

/** A store may run a transition more than once: the last run is what it has done. */
const told = (store: Store.Service): Store.Service => ({
  ...store,
  transact: (keys, transition) =>
    Effect.suspend(() => {
      let last = 0
      return Effect.tap(
        store.transact(keys, (values, now) => {
          last = now
          return transition(values, now)
        }),
        (result) =>
          Effect.sync(() => {
            const { behind } = Option.getOrElse(started(result), () => ({ behind: undefined }))
            if (behind !== undefined) process.send?.({ at: last, count: 1 + behind.length })
          })
      )
    })
})

const program = Effect.gen(function*() {
  const store = told(yield* open(kind, name))
  const limited = yield* Effect.provideService(
    Limit.make({ requests: { limit: Number(limit), every: Duration.millis(Number(every)) } }),
    Store.Store,
    store
  )
  const service = limited(provider)
  yield* Effect.promise(() => {
    process.send?.("ready")
    return new Promise((resolve) => process.once("message", resolve))
  })
  yield* Effect.forEach(
    Array.from({ length: Number(requests) }),
    () => Stream.runDrain(service.stream({ model: "gpt-4o", prompt: "Hello" })),
    { concurrency: 16, discard: true }
  )
})

await Effect.runPromise(Effect.scoped(program))
process.disconnect()
