/**
 * What middleware costs: the CPU time that it adds to a request of OpenAI's layer, with a store in memory. Requests go to an
 * HTTP client in memory, which has answers ready in reads of 16 KiB, and by `fetch` to a server in a process of its own,
 * which sends an event each 5 ms, as models do, to each of 100 requests at a time.
 *
 * Run: `node bench/middleware.ts`, with names of rows for these alone. Each row has a process of its own, as a program has
 * one stack and not all of them. There, requests with and without the middleware take turns, so that both meet the same
 * machine; a figure is the median of the differences of the rounds.
 */
import { Effect, Layer, pipe, Redacted, type Scope, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { type Chunk, OpenAi, type Provider } from "../src/index.ts"
import * as Breaker from "../src/middleware/Breaker.ts"
import * as Budget from "../src/middleware/Budget.ts"
import * as Cache from "../src/middleware/Cache.ts"
import * as Fallback from "../src/middleware/Fallback.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as Limit from "../src/middleware/Limit.ts"
import * as ResponseHead from "../src/middleware/ResponseHead.ts"
import * as Retry from "../src/middleware/Retry.ts"
import * as Store from "../src/stores/Store.ts"

type Wrap = (self: Provider.Service) => Provider.Service

const head = ResponseHead.tapped(() => Effect.void)
const retry = Retry.retried()
const fallback: Wrap = (self) => Fallback.make([self])
const breaker = Breaker.make()
const limit = Limit.make({
  requests: { limit: 1_000_000_000, every: "1 minute" },
  tokens: { limit: 1_000_000_000_000, every: "1 minute" }
})
const budget = Budget.make({ limit: "1000000000" })
// Rows that are kept would make later requests slower than earlier ones.
const ledger = Ledger.make({ expiresAfter: "1 second" })
const cache = Cache.make({ timeToLive: "1 second" })

const rows: Readonly<Record<string, Effect.Effect<Wrap, unknown, Store.Store>>> = {
  ResponseHead: Effect.succeed(head),
  Retry: Effect.succeed(retry),
  Fallback: Effect.succeed(fallback),
  Breaker: breaker,
  Limit: limit,
  Budget: budget,
  Ledger: ledger,
  Cache: cache,
  "ResponseHead, Breaker, Limit, Retry, Fallback": Effect.map(
    Effect.all([breaker, limit]),
    ([breaker, limit]): Wrap => (self) => pipe(self, head, breaker, limit, retry, fallback)
  ),
  "Ledger, Budget, Limit, Breaker, Fallback": Effect.map(
    Effect.all([ledger, budget, limit, breaker]),
    ([ledger, budget, limit, breaker]): Wrap => (self) => pipe(self, ledger, budget, limit, breaker, fallback)
  )
}

const chunkOf = (content: string, finish: string | null) =>
  `data: ${
    JSON.stringify({
      id: "chatcmpl-Bx1DZk3fHVxQ",
      object: "chat.completion.chunk",
      created: 1754000000,
      model: "gpt-4o-2024-08-06",
      choices: [{ index: 0, delta: finish === null ? { content } : {}, logprobs: null, finish_reason: finish }],
      usage: finish === null ? null : { prompt_tokens: 20, completion_tokens: 200, total_tokens: 220 }
    })
  }\n\n`

const eventsOf = (chunks: number): ReadonlyArray<string> => [
  ...Array.from({ length: chunks - 1 }, (_, n) => chunkOf(` word${n % 100}`, null)),
  chunkOf("", "stop"),
  "data: [DONE]\n\n"
]

/** An answer, in reads of 16 KiB. */
const bodyOf = (chunks: number): ReadonlyArray<Uint8Array> => {
  const bytes = new TextEncoder().encode(eventsOf(chunks).join(""))
  return Array.from(
    { length: Math.ceil(bytes.length / 16_384) },
    (_, n) => bytes.subarray(n * 16_384, (n + 1) * 16_384)
  )
}

const headers = {
  "content-type": "text/event-stream",
  "x-ratelimit-remaining-requests": "499",
  "x-ratelimit-reset-requests": "120ms"
}

const clientOf = (body: ReadonlyArray<Uint8Array>) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.sync(() =>
        HttpClientResponse.fromWeb(
          request,
          new Response(
            new ReadableStream({
              start: (controller) => {
                for (const read of body) controller.enqueue(read)
                controller.close()
              }
            }),
            { headers }
          )
        )
      )
    )
  )

const openai = (chunks: number): Effect.Effect<Provider.Service, unknown> =>
  Effect.provide(OpenAi.make({ apiKey: Redacted.make("key") }), clientOf(bodyOf(chunks)))

/** Answers each request with 200 chunks, an event each 5 ms, and prints its address. */
const serve = () => {
  const events = eventsOf(200)
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, headers)
    response.socket?.setNoDelay(true)
    const write = (n: number) => {
      if (n === events.length) {
        response.end()
      } else {
        response.write(events[n])
        setTimeout(write, 5, n + 1)
      }
    }
    write(0)
  })
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (typeof address === "object") console.log(`http://127.0.0.1:${address?.port}/v1`)
  })
}

/** OpenAI, by a socket. */
const overHttp: Effect.Effect<Provider.Service, unknown, Scope.Scope> = Effect.gen(function*() {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [fileURLToPath(import.meta.url), "--serve"], { stdio: ["ignore", "pipe", "inherit"] })
    ),
    (server) => Effect.sync(() => server.kill())
  )
  const [address] = yield* Effect.promise(() => once(server.stdout, "data"))
  return yield* Effect.provide(
    OpenAi.make({ apiKey: Redacted.make("key"), baseUrl: String(address).trim() }),
    FetchHttpClient.layer
  )
})

/** OpenAI as far as middleware can tell, with the chunks of an answer ready. */
const ready: Effect.Effect<Provider.Service, unknown> = Effect.gen(function*() {
  const provider = yield* openai(2)
  const chunks: ReadonlyArray<Chunk.Chunk> = yield* Stream.runCollect(provider.stream({ model: "gpt-4o", prompt: "-" }))
  return { ...provider, stream: () => Stream.fromArray(chunks) }
})

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}

let asked = 0

/** The CPU time of a request, in µs. No two requests are equal. */
const timed = (provider: Provider.Service, requests: number, concurrency: number) =>
  Effect.gen(function*() {
    const start = cpu()
    const ask = Effect.suspend(() =>
      Stream.runDrain(
        provider.stream({ model: "gpt-4o", prompt: `Say hello to ${asked++} people`, maxTokens: 1000 })
      )
    )
    yield* Effect.replicateEffect(ask, requests, { concurrency, discard: true })
    return (cpu() - start) / requests
  })

const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >>> 1] ?? 0

interface Rounds {
  readonly requests: number
  readonly cold: number
  readonly rounds: number
  readonly concurrency: number
}

/** So many requests one after another. Cold code takes some thousand. */
const each = (requests: number): Rounds => ({ requests, cold: requests * 60, rounds: 21, concurrency: 1 })

/** What a request takes alone, and what is added to it, in µs. */
const compared = (self: Provider.Service, wrap: Wrap, { cold, concurrency, requests, rounds }: Rounds) =>
  Effect.gen(function*() {
    const wrapped = wrap(self)
    for (const provider of [self, wrapped]) yield* timed(provider, cold, concurrency)
    const alone: Array<number> = []
    const added: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      // Whoever comes second may pay for the garbage of the first.
      const isFirst = round % 2 === 0
      const before = isFirst ? yield* timed(self, requests, concurrency) : 0
      const both = yield* timed(wrapped, requests, concurrency)
      const took = isFirst ? before : yield* timed(self, requests, concurrency)
      alone.push(took)
      added.push(both - took)
    }
    return { alone: median(alone), added: median(added) }
  })

const measured = (name: string) =>
  Effect.gen(function*() {
    const wrap = yield* rows[name] ?? Effect.fail(`no row ${name}`)
    const step = yield* compared(yield* ready, wrap, each(200))
    const request = yield* compared(yield* openai(200), wrap, each(30))
    const long = yield* compared(yield* openai(10_000), wrap, each(1))
    const http = yield* compared(yield* overHttp, wrap, { requests: 100, cold: 500, rounds: 9, concurrency: 100 })
    const more = ({ added, alone }: typeof http) => [
      `${added.toFixed(0)} of ${alone.toFixed(0)}`,
      `${(added / alone * 100).toFixed(0)} %`
    ]
    return [
      name,
      step.added.toFixed(0),
      ...more(request),
      ...more(http),
      ((long.added - step.added) / 10_000).toFixed(2)
    ]
  }).pipe(Effect.scoped, Effect.provide(Store.layerMemory))

const [flag, name = "", ...others] = process.argv.slice(2)
if (flag === "--serve") {
  serve()
} else if (flag === "--row") {
  console.log(`| ${(await Effect.runPromise(measured(name))).join(" | ")} |`)
} else {
  console.log(
    "| middleware | short answer, µs | 200 chunks, µs | more | by a socket, µs | more | a chunk, µs |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
  )
  const chosen = flag === undefined ? Object.keys(rows) : [flag, name, ...others].filter((row) => row !== "")
  for (const row of chosen) {
    spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--row", row], { stdio: "inherit" })
  }
}
