/** What a budget and a ledger book of requests, by what became of them on their way. */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { TestClock } from "effect/testing"
import { ChunkStream, CostBudget, CostLedger, OpenAi, OpenAiChunk, Pricing, Telemetry } from "../src/index.ts"
import * as Client from "./support/client.ts"
import * as Host from "./support/host.ts"

const usd = BigDecimal.fromStringUnsafe
const whole = Host.sse(
  Host.delta({ content: "Hi" }),
  Host.finish("stop", { model: "gpt-4o", usage: { prompt_tokens: 1000, completion_tokens: 100 } }),
  Host.done
)
const ok = () => new Response(whole, { headers: { "content-type": "text/event-stream" } })
const never = () => new Promise<Response>(() => {})

const refusing = (code: string) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error("no"), { code }) })
        })
      )
    )
  )

/** What is booked of a request for which 0.01 USD are reserved, at most and for each attempt. */
const booked = Effect.fnUntraced(function*(
  client: Layer.Layer<HttpClient.HttpClient>,
  options: Partial<OpenAi.Options> & { readonly interrupted?: boolean } = {}
) {
  const { interrupted = false, ...rest } = options
  const budget = yield* CostBudget.make("1")
  const fiber = yield* Effect.gen(function*() {
    const openai = Telemetry.traced(yield* OpenAi.make({ apiKey: Redacted.make("sk"), maxRetries: 1, ...rest }))
    return yield* openai.stream({ model: "gpt-4o", prompt: "Hi" }).pipe(
      CostBudget.guard(budget, usd("0.01")),
      CostLedger.track,
      ChunkStream.response,
      Effect.result
    )
  }).pipe(Effect.provide(client), Effect.forkChild({ startImmediately: true }))
  yield* Client.settle
  if (interrupted) yield* Fiber.interrupt(fiber)
  else {
    yield* TestClock.adjust("10 minutes")
    yield* Client.settle
    yield* TestClock.adjust("10 minutes")
    yield* Fiber.await(fiber)
  }
  const { reserved, spent, unknown } = yield* budget.balance
  const entries = yield* CostLedger.CostLedger.use((ledger) => ledger.entries)
  assert.strictEqual(BigDecimal.format(reserved), "0")
  return {
    spent: BigDecimal.format(spent),
    unknown: BigDecimal.format(unknown),
    responses: entries.reduce((sum, entry) => sum + entry.responses, 0),
    lost: entries.reduce((sum, entry) => sum + entry.unknown, 0)
  }
}, Effect.provide(Layer.fresh(CostLedger.layer)))

const nothing = { spent: "0", unknown: "0", responses: 0, lost: 0 }

describe("a budget and a ledger", () => {
  it.effect("book nothing where nothing was sent, or an error status came", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* booked(Client.make(() => new Response("", { status: 503 })).layer), nothing)
      assert.deepStrictEqual(yield* booked(Client.make(() => new Response("", { status: 400 })).layer), nothing)
      assert.deepStrictEqual(yield* booked(Client.make(ok).layer, { apiKey: undefined }), nothing)
      for (const code of ["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT"]) {
        assert.deepStrictEqual(yield* booked(refusing(code)), nothing)
      }
    }))

  it.effect("book a request that was interrupted before its first chunk as unknown", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* booked(Client.make(never).layer, { interrupted: true }), {
        spent: "0",
        unknown: "0.01",
        responses: 1,
        lost: 1
      })
    }))

  it.effect("book every attempt that was lost, and the one that was answered", () =>
    Effect.gen(function*() {
      const late = Client.make((attempt) => attempt === 0 ? never() : ok())
      assert.deepStrictEqual(yield* booked(late.layer, { firstByteTimeout: "1 minute" }), {
        spent: "0.0035",
        unknown: "0.01",
        responses: 2,
        lost: 1
      })
      assert.deepStrictEqual(yield* booked(refusing("ECONNRESET")), {
        spent: "0",
        unknown: "0.02",
        responses: 2,
        lost: 2
      })
    }))

  it.effect("book each response of a stream that has two", () =>
    Effect.gen(function*() {
      const chunk = (id: string, model: string, payload: OpenAiChunk["chunk"], provider = "openai") =>
        new OpenAiChunk({ provider, chunk: { id, model, ...payload } })
      const counts = { usage: { prompt_tokens: 1000, completion_tokens: 100 } }
      const budget = yield* CostBudget.make("1")
      const two = [
        chunk("a", "gpt-4o", { choices: [{ index: 0, delta: { content: "Hel" } }] }),
        chunk("a", "gpt-4o", counts),
        chunk("b", "gpt-4o-mini", { choices: [{ index: 0, delta: { content: "Hello" } }] }),
        chunk("b", "gpt-4o-mini", counts),
        chunk("b", "llama-3.1-8b-instant", counts, "groq")
      ]
      yield* Stream.fromIterable(two).pipe(CostBudget.guard(budget, usd("0.5")), CostLedger.track, Stream.runDrain)
      const { spent, unknown } = yield* budget.balance
      // 1000 × 2.50 + 100 × 10, 1000 × 0.15 + 100 × 0.60, 1000 × 0.05 + 100 × 0.08 USD per million
      assert.strictEqual(BigDecimal.format(spent), "0.003768")
      assert.strictEqual(BigDecimal.format(unknown), "0.496232")
      const entries = yield* CostLedger.CostLedger.use((ledger) => ledger.entries)
      assert.deepStrictEqual(
        entries.map(({ cost, model, unknown }) => [model, BigDecimal.format(cost.total), unknown]),
        [
          ["llama-3.1-8b-instant", "0.000058", 0],
          ["gpt-4o", "0.0035", 1],
          ["gpt-4o-mini", "0.00021", 1]
        ]
      )
      const response = yield* ChunkStream.response(Stream.fromIterable(two))
      assert.strictEqual(response.usage?.inputTokens, 3000)
      const { cost } = yield* Pricing.priced(response)
      assert.strictEqual(cost === undefined ? undefined : BigDecimal.format(cost.total), "0.003768")
    }).pipe(Effect.provide(Layer.fresh(CostLedger.layer))))

  it.effect("take the chunks of a host that numbers them for one response", () =>
    Effect.gen(function*() {
      const chunks = Array.from({ length: 9 }, (_, n) =>
        new OpenAiChunk({
          chunk: { id: `chunk-${n}`, model: "gpt-4o", usage: { prompt_tokens: 1000, completion_tokens: 100 } }
        }))
      yield* Stream.fromIterable(chunks).pipe(CostLedger.track, Stream.runDrain)
      const [entry] = yield* CostLedger.CostLedger.use((ledger) => ledger.entries)
      assert.strictEqual(entry?.responses, 1)
      assert.strictEqual(entry === undefined ? undefined : BigDecimal.format(entry.cost.total), "0.0035")
    }).pipe(Effect.provide(Layer.fresh(CostLedger.layer))))

  it.effect("keep so many names of models apart, and no more", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.CostLedger
      for (let n = 0; n < 3000; n++) {
        const chunk = new OpenAiChunk({
          chunk: { model: `host-${n}`, usage: { prompt_tokens: 1, completion_tokens: 1 } }
        })
        yield* ledger.record(chunk.costMetadata)
      }
      const entries = yield* ledger.entries
      assert.lengthOf(entries, 1001)
      assert.strictEqual(entries.find(({ model }) => model === "other")?.responses, 2000)
    }).pipe(Effect.provide(Layer.fresh(CostLedger.layer))))
})
