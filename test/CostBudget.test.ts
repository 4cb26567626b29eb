import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, BigDecimal, Effect, Fiber, Result, Schema, Stream } from "effect"
import {
  ChatRequest,
  ChunkStream,
  CostBudget,
  CostEstimate,
  OpenAiChunk,
  Pricing,
  ProviderError
} from "../src/index.ts"
import { TestProvider } from "../src/testing.ts"

const usd = BigDecimal.fromStringUnsafe
const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { model: "gpt-4o", ...payload } })
const text = chunk({ choices: [{ index: 0, delta: { content: "a" } }] })
// 800 × 2.50 + 200 × 1.25 + 100 × 10 = 3250 USD per million
const stated = chunk({
  usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 200 } }
})

const balanceOf = (budget: CostBudget.CostBudget) =>
  Effect.map(budget.balance, ({ remaining, reserved, spent, unknown }) => ({
    spent: BigDecimal.format(spent),
    unknown: BigDecimal.format(unknown),
    reserved: BigDecimal.format(reserved),
    remaining: BigDecimal.format(remaining)
  }))

describe("CostBudget", () => {
  it.effect("refuses a request that may cost more than is left, and sends nothing", () =>
    Effect.gen(function*() {
      const budget = yield* CostBudget.make("0.01")
      let sent = false
      const stream = Stream.suspend(() => {
        sent = true
        return Stream.make(stated)
      })
      const error = yield* stream.pipe(CostBudget.guard(budget, usd("0.010001")), Stream.runDrain, Effect.flip)
      assert.strictEqual(error._tag, "BudgetRefused")
      assert.isFalse(sent)
      assert.deepStrictEqual(yield* balanceOf(budget), {
        spent: "0",
        unknown: "0",
        reserved: "0",
        remaining: "0.01"
      })
    }))

  it.effect("settles to the stated cost", () =>
    Effect.gen(function*() {
      const budget = yield* CostBudget.make("0.01")
      yield* Stream.make(text, stated).pipe(CostBudget.guard(budget, usd("0.01")), Stream.runDrain)
      assert.deepStrictEqual(yield* balanceOf(budget), {
        spent: "0.00325",
        unknown: "0",
        reserved: "0",
        remaining: "0.00675"
      })
    }))

  it.effect("counts what a stopped, failed or silent stream may have cost as unknown", () =>
    Effect.gen(function*() {
      const budget = yield* CostBudget.make("1")
      const guard = CostBudget.guard(budget, usd("0.01"))
      yield* Stream.make(text).pipe(guard, Stream.runDrain)
      yield* Stream.concat(Stream.make(text), Stream.make(stated)).pipe(guard, Stream.take(1), Stream.runDrain)
      yield* Stream.concat(Stream.make(stated), Stream.fail("broken")).pipe(guard, Stream.runDrain, Effect.ignore)
      const fiber = yield* Stream.concat(Stream.make(text), Stream.never).pipe(
        guard,
        Stream.runDrain,
        Effect.forkChild({ startImmediately: true })
      )
      yield* Fiber.interrupt(fiber)
      // 0.01 × 4, of which 0.00325 is known
      assert.deepStrictEqual(yield* balanceOf(budget), {
        spent: "0.00325",
        unknown: "0.03675",
        reserved: "0",
        remaining: "0.96"
      })
    }))

  it.effect("gives everything back when a provider refused, and nothing when it failed otherwise", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [ProviderError.Reason, remaining: string]> = [
        [new ProviderError.RateLimited({ message: "no", status: 429 }), "1"],
        [new ProviderError.ServerError({ message: "no", status: 500 }), "1"],
        [new ProviderError.InvalidRequest({ message: "no" }), "1"],
        [new ProviderError.Authentication({ message: "no" }), "1"],
        [new ProviderError.Network({ message: "no" }), "0.5"],
        [new ProviderError.Timeout({ message: "no", kind: "firstByte" }), "0.5"]
      ]
      for (const [reason, remaining] of rows) {
        const budget = yield* CostBudget.make("1")
        const { stream } = yield* TestProvider.make<OpenAiChunk>([{ error: reason }])
        yield* stream({ prompt: "Hi" }).pipe(CostBudget.guard(budget, usd("0.5")), Stream.runDrain, Effect.ignore)
        assert.strictEqual((yield* balanceOf(budget)).remaining, remaining, reason._tag)
      }
    }))

  it.effect("never reserves more than there is, whatever runs concurrently", () =>
    Effect.gen(function*() {
      // 307 requests of 0.00325 fit into 1 USD: 307 × 0.00325 = 0.99775
      const budget = yield* CostBudget.make("1")
      const one = Effect.gen(function*() {
        yield* Effect.yieldNow
        const before = yield* budget.balance
        assert.isFalse(BigDecimal.isGreaterThan(BigDecimal.sum(before.spent, before.reserved), before.limit))
        const slow = Stream.make(text, stated).pipe(Stream.tap(() => Effect.yieldNow))
        return yield* Effect.result(slow.pipe(CostBudget.guard(budget, usd("0.00325")), Stream.runDrain))
      })
      const results = yield* Effect.all(Array.from({ length: 1000 }, () => one), { concurrency: "unbounded" })
      assert.strictEqual(results.filter(Result.isSuccess).length, 307)
      assert.deepStrictEqual(yield* balanceOf(budget), {
        spent: "0.99775",
        unknown: "0",
        reserved: "0",
        remaining: "0.00225"
      })
    }))

  it.effect("settles a reservation once", () =>
    Effect.gen(function*() {
      const budget = yield* CostBudget.make("1")
      const reservation = yield* budget.reserve(usd("0.5"))
      yield* Effect.all([reservation.settle(usd("0.1")), reservation.settle(usd("0.1")), reservation.release], {
        concurrency: "unbounded"
      })
      assert.strictEqual((yield* balanceOf(budget)).remaining, "0.9")
    }))

  it.effect("refuses amounts that are none, by name", () =>
    Effect.gen(function*() {
      for (const amount of ["-1", "many"]) {
        const limit = yield* Effect.flip(CostBudget.make(amount))
        assert.match(limit.message, /^CostBudget: .*`limit` /)
      }
      const budget = yield* CostBudget.make("1")
      const error = yield* Effect.flip(budget.reserve(usd("-1")))
      assert.match(error.message, /^CostBudget: .*`atMost` /)
      assert.strictEqual((yield* balanceOf(budget)).remaining, "1")
    }))

  it.effect("has one budget a key", () =>
    Effect.gen(function*() {
      const budgetOf = yield* CostBudget.keyed((tenant) => tenant === "trial" ? "1" : "100")
      const [a, b] = yield* Effect.all([budgetOf("trial"), budgetOf("trial")], { concurrency: "unbounded" })
      assert.strictEqual(a, b)
      assert.notStrictEqual(a, yield* budgetOf("other"))
      assert.strictEqual((yield* balanceOf(a)).remaining, "1")
    }))
})

describe("CostEstimate", () => {
  const pricing = Pricing.makeUnsafe()
  const estimate = (request: CostEstimate.Request, options?: Partial<CostEstimate.Options>) =>
    Result.getOrThrow(CostEstimate.atMost(request, { provider: "openai", model: "gpt-4o", ...options }, pricing))

  it("prices all input and all that may be generated", () => {
    // (90 + 8) × 2.50 + 500 × 10
    const { cost, inputTokens, isBound } = estimate({ prompt: "x", maxTokens: 500 }, { tokens: () => 90 })
    assert.strictEqual(inputTokens, 98)
    assert.strictEqual(BigDecimal.format(cost.total), "0.005245")
    assert.isTrue(isBound)
  })

  it("counts all that a model reads: texts, numbers and what is true", () => {
    const counted: Array<string> = []
    const tokens = (text: string) => counted.push(text)
    const result = { degrees: 18, sunny: true, sky: "blue", hours: [1, 2] }
    estimate({
      prompt: [
        { role: "user", content: [{ type: "text", text: "Hi" }] },
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "now", params: { place: 7 } }] },
        { role: "tool", content: [{ type: "tool-result", id: "a", name: "now", isFailure: false, result }] }
      ]
    }, { tokens })
    for (const text of ["Hi", "now", "7", "18", "true", "blue", "1", "2"]) assert.include(counted, text)
  })

  it("says what makes it less than a bound", () => {
    assert.isTrue(estimate({ prompt: "x", maxTokens: 1 }).isApproximate)
    assert.isFalse(estimate({ prompt: "x", maxTokens: 1 }).isBound)
    assert.isUndefined(estimate({ prompt: "x" }, { tokens: () => 1 }).outputTokens)
    assert.isFalse(estimate({ prompt: "x" }, { tokens: () => 1 }).isBound)
    const file = { type: "file", mediaType: "image/png", data: "aGVsbG8=" }
    const withFile = estimate(
      { prompt: [{ role: "user", content: [{ type: "text", text: "What is this?" }, file] }], maxTokens: 1 },
      { tokens: () => 1 }
    )
    assert.strictEqual(withFile.uncounted, 1)
    assert.isFalse(withFile.isBound)
  })

  it("takes cache writes at their price where the prompt asks for them", () => {
    const prompt = [{
      role: "user",
      content: [{ type: "text", text: "long", options: { anthropic: { cacheControl: { type: "ephemeral" } } } }]
    }]
    // (1000 + 8) × 6: what lives an hour is dearest
    const { cost } = Result.getOrThrow(CostEstimate.atMost(
      { prompt, maxTokens: 0 },
      { provider: "anthropic", model: "claude-sonnet-4-5", tokens: () => 1000 },
      pricing
    ))
    assert.strictEqual(BigDecimal.format(cost.total), "0.006048")
  })

  const exact = (
    request: Partial<CostEstimate.Request>,
    provider = "openai",
    model = "gpt-4o",
    date: string | undefined = "2026-11-22"
  ) =>
    Result.getOrThrow(CostEstimate.atMost(
      { prompt: "x", maxTokens: 100, ...request },
      { provider, model, tokens: () => 992, date },
      pricing
    ))
  const amountOf = ({ cost, isBound }: CostEstimate.Estimate) => [BigDecimal.format(cost.total), isBound]

  it("takes the input as written to a cache where the provider writes without being asked", () => {
    // 1000 × 2.50 + 100 × 10; with twelve hours 1000 × 5
    assert.deepStrictEqual(amountOf(exact({}, "openai", "gpt-6.2-sol")), ["0.0035", true])
    const twelve = { options: { openaiResponses: { prompt_cache_options: { ttl: "12h" } } } }
    assert.deepStrictEqual(amountOf(exact(twelve, "openai", "gpt-6.2-sol")), ["0.006", true])
    assert.isFalse(exact(twelve, "openai", "gpt-5.6-sol").isBound)
    // 1000 × 3 + 100 × 15; asked for at the top 1000 × 6
    assert.deepStrictEqual(amountOf(exact({}, "anthropic", "claude-sonnet-4-5")), ["0.0045", true])
    const top = { options: { anthropic: { cache_control: { type: "ephemeral" } } } }
    assert.deepStrictEqual(amountOf(exact(top, "anthropic", "claude-sonnet-4-5")), ["0.0075", true])
  })

  it("counts every answer, and prices the tier and the speed that own fields ask for", () => {
    // 1000 × 2.50 + 3 × 100 × 10
    assert.deepStrictEqual(amountOf(exact({ options: { openai: { n: 3, temperature: 0 } } })), ["0.0055", true])
    // 1.7 × (1000 × 2.50 + 100 × 10)
    assert.deepStrictEqual(amountOf(exact({ options: { openai: { service_tier: "priority" } } })), ["0.00595", true])
    // 2 × (1000 × 8 + 100 × 40)
    const fast = exact({ options: { anthropic: { speed: "fast" } } }, "anthropic", "claude-fable-5-2")
    assert.deepStrictEqual(amountOf(fast), ["0.024", true])
    // 1.1 × (1000 × 3 + 100 × 15), a tenth more in the US
    const us = exact({ options: { anthropic: { inference_geo: "us" } } }, "anthropic", "claude-sonnet-4-6")
    assert.deepStrictEqual(amountOf(us), ["0.00495", true])
    assert.isFalse(exact({ options: { openai: { service_tier: "scale" } } }).isBound)
  })

  it("is no bound when the request asks for what has no price before", () => {
    for (
      const request of [
        { audio: { voice: "alloy", format: "wav" } },
        { options: { openaiResponses: { tools: [{ type: "web_search" }] } } },
        { options: { openai: { max_tokens: 100_000 } } },
        { options: { openaiResponses: { previous_response_id: "resp_1" } } },
        { options: { openai: ChatRequest.unchecked({ n: 5 }) } }
      ]
    ) assert.isFalse(exact(request).isBound, JSON.stringify(request))
    // What others read changes nothing.
    assert.isTrue(exact({ options: { groq: { documents: [] } } }).isBound)
  })

  it("is that of the host's region", () => {
    const { cost } = Result.getOrThrow(CostEstimate.atMost(
      { prompt: "x", maxTokens: 100 },
      { provider: "openai", model: "gpt-6.2-sol", tokens: () => 992, region: "eu" },
      pricing
    ))
    // 1.1 × (1000 × 2.50 + 100 × 10)
    assert.strictEqual(BigDecimal.format(cost.total), "0.00385")
  })

  it("is no bound without a day where the price ends or changes on one", () => {
    const undated = CostEstimate.atMost(
      { prompt: "x", maxTokens: 1 },
      { provider: "openai", model: "gpt-6.2-sol", tokens: () => 1 },
      pricing
    )
    assert.isFalse(Result.getOrThrow(undated).isBound)
    // gpt-5.6-sol is announced until 2026-11-21.
    assert.isFalse(exact({}, "openai", "gpt-5.6-sol").isBound)
    assert.isTrue(exact({}, "openai", "gpt-5.6-sol", "2026-11-21").isBound)
  })

  it("is unknown when the model is", () => {
    assert.isTrue(Result.isFailure(CostEstimate.atMost({ prompt: "x" }, { provider: "openai" }, pricing)))
  })

  it.prop(
    "counts every text, wherever it is",
    [Arbitrary.array(Arbitrary.schema(Schema.String), { maxLength: 5 })],
    ([texts]) => {
      const seen: Array<string> = []
      estimate({ system: "s", prompt: texts.map((text) => ({ role: "user", content: text })) }, {
        tokens: (text) => {
          seen.push(text)
          return 1
        }
      })
      assert.deepStrictEqual(seen, ["s", ...texts])
    }
  )

  it.effect("lets withBudget refuse before anything is sent", () =>
    Effect.gen(function*() {
      let sent = false
      const atMost = estimate({ prompt: "x", maxTokens: 1000 }, { tokens: () => 1 }).cost
      const run = (limit: string) =>
        Stream.suspend(() => {
          sent = true
          return Stream.make(stated)
        }).pipe(ChunkStream.withBudget({ limit, atMost }), Stream.runDrain)
      // 9 × 2.50 + 1000 × 10 = 10022.5 USD per million
      const error = yield* Effect.flip(run("0.01"))
      assert.strictEqual(error.message, "The response may cost 0.0100225 USD, more than the budget of 0.01 USD")
      assert.isFalse(sent)
      yield* run("0.0100225")
      assert.isTrue(sent)
    }))
})
