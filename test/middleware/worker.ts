/**
 * A process that asks through a whole stack: `worker.ts KIND NAME REQUESTS LIMIT EVERY`. It prints a line for each request that
 * reaches its provider: when, and the prompt. Prompts begin with the number of the process, `PROCESS`; every fourth begins with
 * an `a`, and all processes ask it. The clock goes wrong by `CLOCK_OFF` ms, and after `HANGS_AFTER` requests the provider
 * says no more.
 */
import { Duration, Effect, pipe, Stream } from "effect"
import { OpenAiChunk } from "../../src/index.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Cache from "../../src/middleware/Cache.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import type * as Provider from "../../src/Provider.ts"
import * as Store from "../../src/stores/Store.ts"
import { open } from "../stores/shared.ts"

const { CLOCK_OFF = "0", HANGS_AFTER = "Infinity", PROCESS = "" } = process.env
const { now: machineTime } = Date
Date.now = () => machineTime() + Number(CLOCK_OFF)

const [kind = "", name = "", requests = "", limit = "", every = ""] = process.argv.slice(2)

let asked = 0
const provider: Provider.Service<OpenAiChunk> = {
  name: "openai",
  stream: ({ prompt }) =>
    Stream.suspend(() => {
      process.stdout.write(`${machineTime()} ${String(prompt)}\n`)
      return asked++ < Number(HANGS_AFTER)
        ? Stream.make(
          new OpenAiChunk({
            chunk: {
              model: "gpt-4o",
              choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "stop" }],
              usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }
            }
          })
        )
        : Stream.never
    })
}

const program = Effect.gen(function*() {
  const rate = { limit: Number(limit), every: Duration.millis(Number(every)) }
  const within = yield* Effect.all([
    Ledger.make({ lease: "3 seconds" }),
    Budget.make({ limit: "1", lease: "3 seconds" }),
    Limit.make({ requests: rate }),
    Cache.make({ lease: "3 seconds" })
  ])
  const [ledger, budget, limited, cache] = within
  const service = pipe(provider, limited, ledger, budget, cache)
  yield* Effect.forEach(
    Array.from({ length: Number(requests) }, (_, index) => `${index % 4 === 3 ? "a" : PROCESS} ${10 + index}`),
    (prompt) => Stream.runDrain(service.stream({ model: "gpt-4o", prompt, maxTokens: 10 })),
    { concurrency: 16 }
  )
}).pipe(Effect.provideServiceEffect(Store.Store, open(kind, name)))

await Effect.runPromise(Effect.scoped(program))
