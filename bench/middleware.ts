/**
 * What middleware costs: a request through none, through each and through five, and each of their chunks. The requests are
 * those of OpenAI's layer with an HTTP client in memory; the store is in memory too.
 *
 * Run: `node bench/middleware.ts`. It prints CPU time, as others may use the machine.
 */
import { Effect, Layer, pipe, Redacted, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { OpenAi, type Provider } from "../src/index.ts"
import * as Breaker from "../src/middleware/Breaker.ts"
import * as Fallback from "../src/middleware/Fallback.ts"
import * as Limit from "../src/middleware/Limit.ts"
import * as ResponseHead from "../src/middleware/ResponseHead.ts"
import * as Retry from "../src/middleware/Retry.ts"
import * as Store from "../src/stores/Store.ts"

type Wrap = (self: Provider.Service) => Provider.Service

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

/** An answer, in reads of 16 KiB. */
const bodyOf = (chunks: number): ReadonlyArray<Uint8Array> => {
  const text = Array.from({ length: chunks - 1 }, (_, n) => chunkOf(` word${n % 100}`, null)).join("")
  const bytes = new TextEncoder().encode(`${text}${chunkOf("", "stop")}data: [DONE]\n\n`)
  return Array.from(
    { length: Math.ceil(bytes.length / 16_384) },
    (_, n) => bytes.subarray(n * 16_384, (n + 1) * 16_384)
  )
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
            {
              headers: {
                "content-type": "text/event-stream",
                "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-reset-requests": "120ms"
              }
            }
          )
        )
      )
    )
  )

const cpu = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}

/** The CPU time of a request in µs: the least of several rounds. */
const measure = (provider: Provider.Service, requests: number) =>
  Effect.gen(function*() {
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 5; round++) {
      const start = cpu()
      for (let n = 0; n < requests; n++) {
        yield* Stream.runDrain(provider.stream({ model: "gpt-4o", prompt: "Say hello", maxTokens: 1000 }))
      }
      least = Math.min(least, (cpu() - start) / requests)
    }
    return least
  })

const program = Effect.gen(function*() {
  const limit = yield* Limit.make({
    requests: { limit: 1_000_000, every: "1 minute" },
    tokens: { limit: 1_000_000_000, every: "1 minute" }
  })
  const breaker = yield* Breaker.make()
  const head = ResponseHead.tapped(() => Effect.void)
  const retry = Retry.retried()
  const fallback: Wrap = (self) => Fallback.make([self])
  const stacks: Readonly<Record<string, Wrap>> = {
    none: (self) => self,
    ResponseHead: head,
    Retry: retry,
    Fallback: fallback,
    Breaker: (self) => fallback(breaker(self)),
    Limit: (self) => fallback(limit(self)),
    "all five": (self) => pipe(self, head, breaker, limit, retry, fallback)
  }
  for (const [chunks, requests] of [[200, 100], [20_000, 2]] as const) {
    const openai: Provider.Service = yield* OpenAi.make({ apiKey: Redacted.make("key") }).pipe(
      Effect.provide(clientOf(bodyOf(chunks)))
    )
    // Warm, so that the first is not the slowest.
    yield* measure(stacks["all five"]?.(openai) ?? openai, requests)
    let alone = 0
    for (const [name, wrap] of Object.entries(stacks)) {
      const took = yield* measure(wrap(openai), requests)
      if (name === "none") alone = took
      console.log(
        `${chunks} chunks, ${name}: ${took.toFixed(0)} µs a request, ${((took / alone - 1) * 100).toFixed(1)} % more, ${
          ((took - alone) / chunks).toFixed(3)
        } µs a chunk more`
      )
    }
  }
  // What the store's steps of a request take, around a provider that does nothing.
  const nothing: Provider.Service = { name: "nothing", stream: () => Stream.empty }
  const alone = yield* measure(fallback(nothing), 3000)
  for (const [name, wrap] of [["Limit", limit], ["Breaker", breaker]] as const) {
    const took = yield* measure(fallback(wrap(nothing)), 3000)
    console.log(`${name} with the memory store: ${(took - alone).toFixed(1)} µs a request`)
  }
})

await Effect.runPromise(Effect.provide(program, Store.layerMemory))
