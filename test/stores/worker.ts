/**
 * A process that counts: `worker.ts KIND NAME TIMES FIBERS`. It prints what its increments began from, and when. Its clock goes
 * wrong by `CLOCK_OFF` ms.
 */
import { Effect, Result } from "effect"
import * as Store from "../../src/stores/Store.ts"
import { openStore } from "./stores.ts"

const off = Number(process.env["CLOCK_OFF"] ?? 0)
const { now: machineTime } = Date
Date.now = () => machineTime() + off

const [kind = "", name = "", times = "", fibers = ""] = process.argv.slice(2)

const [key, twin] = [Store.key("counter"), Store.key("twin")]

const program = Effect.gen(function*() {
  const store = yield* openStore(kind, name)
  const results = yield* Effect.forEach(
    Array.from({ length: Number(times) }),
    () =>
      store.transact([key, twin], ([value = "0", other = "0"], now) =>
        Result.succeed({
          result: { now, before: Number(value), same: value === other },
          writes: [{ key, value: String(Number(value) + 1) }, { key: twin, value: String(Number(other) + 1) }]
        })),
    { concurrency: Number(fibers) }
  )
  process.stdout.write(JSON.stringify(results))
})

await Effect.runPromise(Effect.scoped(program))
