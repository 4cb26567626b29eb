/**
 * A process that asks within a limit: `worker.ts KIND NAME REQUESTS LIMIT EVERY`. It prints when each request has started. Its
 * clock goes wrong by `CLOCK_OFF` ms.
 */
import { Duration, Effect, Stream } from "effect"
import * as Limit from "../../src/middleware/Limit.ts"
import type * as Provider from "../../src/Provider.ts"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import * as Store from "../../src/stores/Store.ts"
import { postgres, redis } from "../stores/stores.ts"

const off = Number(process.env["CLOCK_OFF"] ?? 0)
const { now: machineTime } = Date
Date.now = () => machineTime() + off

const [kind = "", name = "", requests = "", limit = "", every = ""] = process.argv.slice(2)

const open = kind === "sqlite"
  ? SqliteStore.make({ filename: name })
  : kind === "postgres"
  ? PostgresStore.make({ url: postgres, table: name })
  : NodeRedisStore.make({ url: redis, prefix: name })

const times: Array<number> = []
const provider: Provider.Service = {
  name: "noted",
  stream: () =>
    Stream.fromEffectDrain(Effect.sync(() => {
      times.push(machineTime())
    }))
}

const program = Effect.gen(function*() {
  const rate = { limit: Number(limit), every: Duration.millis(Number(every)) }
  const limited = (yield* Effect.provideServiceEffect(Limit.make({ requests: rate }), Store.Store, open))(provider)
  yield* Effect.forEach(
    Array.from({ length: Number(requests) }),
    () => Stream.runDrain(limited.stream({ model: "m", prompt: "Hi" })),
    { concurrency: 16 }
  )
  process.stdout.write(JSON.stringify(times))
})

await Effect.runPromise(Effect.scoped(program))
