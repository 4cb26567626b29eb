/** What middleware around middleware does once for all of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, pipe, Stream } from "effect"
import { type ChatRequest, ChunkStream, OpenAi, OpenAiChunk, Pricing, type Provider } from "../../src/index.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import * as ResponseHead from "../../src/middleware/ResponseHead.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Host from "../support/host.ts"

const rate = { limit: 1_000_000, every: "1 minute" } as const

const middlewares = {
  budget: Budget.make({ limit: "1" }),
  limit: Limit.make({ requests: rate, tokens: rate }),
  breaker: Breaker.make(),
  ledger: Ledger.make()
}

type Name = keyof typeof middlewares

/** How often things are looked at in a call through a stack, the innermost first. */
const looks = (names: ReadonlyArray<Name>) =>
  Effect.gen(function*() {
    const counts = { chunks: 0, request: 0, prices: 0 }
    class Counted extends OpenAiChunk {
      override get usage() {
        counts.chunks++
        return super.usage
      }
    }
    const chunks = ["Hello", ", ", "world"].map((content) =>
      new Counted({
        chunk: {
          model: "gpt-4o",
          choices: [{ index: 0, delta: { content } }],
          usage: { prompt_tokens: 1, completion_tokens: 2 }
        }
      })
    )
    const request: ChatRequest.ChatRequest = {
      model: "gpt-4o",
      prompt: [{
        role: "user",
        get content() {
          counts.request++
          return "Hi"
        }
      }],
      maxTokens: 10
    }
    const prices = yield* Pricing.current
    const counting: Pricing.Service = {
      ...prices,
      lookup: (...model) => {
        counts.prices++
        return prices.lookup(...model)
      }
    }
    let provider: Provider.Service = { name: "openai", stream: () => Stream.fromIterable(chunks) }
    for (const name of names) provider = (yield* middlewares[name])(provider)
    yield* Stream.runDrain(Fallback.make([provider]).stream(request)).pipe(
      Effect.provideService(Pricing.Pricing, counting)
    )
    return counts
  }).pipe(Effect.provide(Store.layerMemory))

describe("a stack", () => {
  it.effect("goes through the chunks once, however many middlewares it has", () =>
    Effect.gen(function*() {
      const alone = yield* looks(["ledger"])
      assert.isAtLeast(alone.chunks, 3)
      assert.strictEqual((yield* looks(["budget", "limit", "breaker", "ledger"])).chunks, alone.chunks)
    }))

  it.effect("counts the texts of a request once", () =>
    Effect.gen(function*() {
      const one = yield* looks(["limit"])
      assert.strictEqual(one.request, 1)
      assert.strictEqual((yield* looks(["limit", "budget"])).request, one.request)
    }))

  it.effect("prices an answer once", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* looks(["ledger"])).prices, 1)
      const { prices } = yield* looks(["budget"])
      assert.strictEqual((yield* looks(["budget", "ledger"])).prices, prices)
    }))

  it.effect("ends where a provider of the program's own is between", () =>
    Effect.gen(function*() {
      const ledger = yield* Ledger.make()
      const breaker = yield* Breaker.make()
      const chunk = new OpenAiChunk({
        chunk: { model: "gpt-4o", choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }
      })
      const inner = breaker({ name: "openai", stream: () => Stream.make(chunk) })
      let asked = 0
      const noted: Provider.Service = {
        ...inner,
        stream: (request) =>
          Stream.suspend(() => {
            asked++
            return inner.stream(request)
          })
      }
      yield* Stream.runDrain(pipe(noted, ledger).stream({ model: "gpt-4o", prompt: "Hi" }))
      assert.strictEqual(asked, 1)
      assert.strictEqual((yield* Ledger.total()).attempts, 1)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("is found by all requests that a provider of the program's own makes for one stream", () =>
    Effect.gen(function*() {
      const sent: Array<Host.Sent> = []
      const answer = (id: string) => ({
        body: Host.sse(
          { ...Host.delta({ content: id }), id },
          { ...Host.finish("stop", { usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }), id },
          Host.done
        )
      })
      const answers = [answer("one"), { status: 500, body: "{}" }, answer("two")] as const
      const openai = yield* Effect.provide(OpenAi.make({ apiKey: Host.key, model: "m" }), Host.layer(sent, ...answers))
      const twice: Provider.Service = {
        ...openai,
        stream: (request) => Stream.concat(openai.stream(request), Stream.suspend(() => openai.stream(request)))
      }
      const statuses: Array<number> = []
      const provider = pipe(
        twice,
        ResponseHead.tapped(({ status }) => Effect.sync(() => statuses.push(status))),
        yield* Ledger.make(),
        yield* Breaker.make(),
        (self) => Fallback.make([self])
      )
      const outcome = yield* ChunkStream.outcome(provider.stream({ prompt: "Hi" }))
      assert.strictEqual(outcome.content, "one")
      assert.strictEqual(outcome.error?.reason._tag, "ServerError")
      // It makes no retry of its own, as those around it do: the second answer did not come.
      assert.strictEqual(sent.length, 2)
      assert.deepStrictEqual(statuses, [200, 500])
      const rows = yield* Stream.runCollect(Ledger.rows())
      assert.deepStrictEqual(rows.map(({ outcome, reason }) => [outcome, reason]), [["failed", "ServerError"]])
    }).pipe(Effect.provide(Store.layerMemory)))
})
