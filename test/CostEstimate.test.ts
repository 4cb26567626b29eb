import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, BigDecimal, Effect, Result, Schema, Stream } from "effect"
import { ChatRequest, ChunkStream, CostEstimate, OpenAiChunk, Pricing } from "../src/index.ts"
import { snapshot } from "../src/pricing/snapshot.ts"

const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { model: "gpt-4o", ...payload } })
// 800 × 2.50 + 200 × 1.25 + 100 × 10 = 3250 USD per million
const stated = chunk({
  usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 200 } }
})

describe("CostEstimate", () => {
  const pricing = Pricing.makeUnsafe({ tables: snapshot })
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
    // What is not said, and what others read, changes nothing.
    assert.isTrue(exact({ options: { openai: { tools: null, max_tokens: undefined } } }).isBound)
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
