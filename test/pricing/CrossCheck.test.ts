/**
 * Our prices against lists that they do not come from, and against what the providers publish.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { generate, statements } from "../../scripts/generate-prices.ts"
import { dropped, type Provider, rules } from "../../scripts/prices-overlay.ts"
import * as Pricing from "../../src/Pricing.ts"
import { snapshot } from "../../src/pricing/snapshot.ts"

const pricing = Pricing.makeUnsafe({ tables: snapshot })
const providers: ReadonlyArray<Provider> = ["openai", "anthropic", "bedrock", "groq", "azure"]

/**
 * USD per million tokens: input, cache read, cache write, output. Read by hand on 2026-11-22 from the providers' pages,
 * not from the lists that the tables are made of.
 */
const published: ReadonlyArray<
  readonly [provider: string, model: string, ...rates: ReadonlyArray<number | undefined>]
> = [
  // https://platform.claude.com/docs/en/about-claude/pricing
  ["anthropic", "claude-fable-5-1", 10, 0.25, 12.5, 50],
  ["anthropic", "claude-fable-5", 10, 1, 12.5, 50],
  ["anthropic", "claude-opus-5", 5, 0.5, 6.25, 25],
  ["anthropic", "claude-opus-4-8", 5, 0.5, 6.25, 25],
  ["anthropic", "claude-opus-4-5", 5, 0.5, 6.25, 25],
  ["anthropic", "claude-opus-4-1", 15, 1.5, 18.75, 75],
  ["anthropic", "claude-sonnet-5", 2, 0.2, 2.5, 10],
  // https://developers.openai.com/api/docs/models/…
  ["openai", "gpt-6.2-sol", 2, 0.1, 2.5, 10],
  ["openai", "gpt-6.1-sol", 2, 0.1, 2.5, 10],
  ["openai", "gpt-6.1-terra", 1, 0.05, 1.25, 5]
]

describe("our prices", () => {
  it("are those that the providers publish", () => {
    for (const [provider, model, ...rates] of published) {
      const price = Result.getOrThrow(pricing.lookup(provider, model))
      assert.deepStrictEqual([price.input, price.cached, price.cacheWrite, price.output], rates, model)
    }
  })

  for (const list of ["pi-ai", "ai-sdk-cost-calculator", "litellm", "portkey", "genai-prices"]) {
    it(`made without ${list} agree with it, but for what the report names`, async () => {
      const { tables } = await generate(list)
      const { disagreements } = await generate()
      const reported = new Set(disagreements.map(({ field, id, provider }) => `${provider} ${id} ${field}`))
      const service = Pricing.makeUnsafe({ tables: Object.values(tables) })
      const wrong: Array<string> = []
      let compared = 0
      for (const provider of providers) {
        const stated = (await statements(provider)).find(({ name }) => name === list)?.prices ?? {}
        for (const [id, price] of Object.entries(stated)) {
          const ours = Result.getOrUndefined(service.lookup(provider, id))
          if (ours === undefined || ours.assumed === true) continue
          for (const field of ["input", "output", "cached"] as const) {
            if (price[field] === undefined || ours[field] === undefined) continue
            compared++
            if (ours[field] !== price[field] && !reported.has(`${provider} ${id} ${field}`) && !isRuled(provider, id)) {
              wrong.push(`${provider} ${id} ${field}: ours ${ours[field]}, theirs ${price[field]}`)
            }
          }
        }
      }
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(compared, 100)
    })
  }

  it("know what a search costs on the newest models, and on those whose fee for the request it is", () => {
    // https://platform.claude.com/docs/en/about-claude/pricing, https://developers.openai.com/api/docs/pricing
    for (
      const [provider, model, fee, request] of [
        ["anthropic", "claude-haiku-5-5", 0.01, undefined],
        ["anthropic", "claude-sonnet-5-5", 0.01, undefined],
        ["anthropic", "claude-fable-5-2", 0.01, undefined],
        ["openai", "gpt-6.1-sol", 0.01, undefined],
        ["openai", "gpt-6.1-terra", 0.01, undefined],
        ["openai", "gpt-4o-mini-search-preview", 0, 0.025],
        ["openai", "gpt-5-search-api", 0, 0.01]
      ] as const
    ) {
      const price = Result.getOrThrow(pricing.lookup(provider, model))
      assert.deepStrictEqual([price.serverTools?.["web_search"], price.request], [fee, request], model)
    }
  })

  it("know the fast mode of Fable 5.2 and the cache writes that live twelve hours", () => {
    assert.strictEqual(Result.getOrThrow(pricing.lookup("anthropic", "claude-fable-5-2")).speeds?.["fast"], 2)
    for (const [model, rate] of [["gpt-6.2-sol", 5], ["gpt-6.1-terra", 2.5], ["gpt-5.6-sol", undefined]] as const) {
      assert.strictEqual(Result.getOrThrow(pricing.lookup("openai", model)).cacheWrite12h, rate, model)
    }
  })

  it("take no side where a list has one id at several prices, and have no output below its input", () => {
    for (const [model, input, output] of [["mistral-large-2411", 2, 6], ["o3", 2, 8]] as const) {
      const price = Result.getOrThrow(pricing.lookup("azure", model))
      assert.deepStrictEqual([price.input, price.output], [input, output], model)
    }
    assert.isTrue(Result.isFailure(pricing.lookup("azure", "meta-llama-3-70b-instruct")))
    for (const { models, provider } of snapshot) {
      for (const [id, { input = 0, output = 0 }] of Object.entries(models)) {
        assert.isTrue(output === 0 || output >= input, `${provider} ${id}`)
      }
    }
  })

  it("know what the tools that OpenAI runs cost", () => {
    // https://developers.openai.com/api/docs/pricing, table Tools; images per million tokens.
    const fees: ReadonlyArray<readonly [string, Readonly<Record<string, number>>]> = [
      ["gpt-4.1", { web_search: 0.01, web_search_preview: 0.025, file_search: 0.0025 }],
      ["gpt-5-mini", { web_search: 0.01, web_search_preview: 0.01, file_search: 0.0025 }],
      ["o3", { web_search: 0.01, web_search_preview: 0.01, file_search: 0.0025 }],
      ["gpt-6.2-sol", { web_search: 0.01, web_search_preview: 0.01, file_search: 0.0025 }]
    ]
    for (const [model, tools] of fees) {
      assert.deepStrictEqual({ ...Result.getOrThrow(pricing.lookup("openai", model)).serverTools }, tools, model)
    }
    const images: ReadonlyArray<readonly [string, text: number, imageIn: number, imageOut: number]> = [
      ["gpt-image-1", 5, 10, 40],
      ["gpt-image-1-mini", 2, 2.5, 8],
      ["gpt-image-1.5", 5, 8, 32],
      ["gpt-image-2-2026-04-21", 5, 8, 30],
      ["gpt-image-2.5-flare", 5, 8, 30],
      ["gpt-image-2.6-sunburst", 5, 8, 30]
    ]
    for (const [model, ...rates] of images) {
      const { input, inputImage, outputImage } = Result.getOrThrow(pricing.lookup("openai", model))
      assert.deepStrictEqual([input, inputImage, outputImage], rates, model)
    }
  })

  it("know the chat models that two lists have", async () => {
    const shares: Record<string, number> = { openai: 0.97, anthropic: 0.97, groq: 0.97, bedrock: 0.95, azure: 0.95 }
    for (const provider of providers) {
      const counts = new Map<string, number>()
      for (const { prices } of await statements(provider)) {
        for (const id of Object.keys(prices)) counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      const ids = Array.from(counts).flatMap(([id, count]) => count > 1 && !isDropped(provider, id) ? [id] : [])
      const known = ids.filter((id) => Result.isSuccess(pricing.lookup(provider, id)))
      assert.isAtLeast(known.length / ids.length, shares[provider] ?? 1, provider)
    }
  })

  it("have a reason for every ruling", () => {
    for (const { reason } of [...rules, ...dropped]) assert.isAbove(reason.length, 10)
  })
})

const isDropped = (provider: Provider, id: string): boolean =>
  dropped.some(({ pattern, provider: of }) => of === provider && pattern.test(id))

// Bedrock's ids without a prefix, or without a version, are ruled on as families.
const isRuled = (provider: Provider, id: string): boolean =>
  dropped.some(({ pattern, provider: of }) => of === provider && pattern.test(id)) ||
  provider === "bedrock" && /^(?:anthropic|openai|amazon|xai)\.|^(?:us|eu|jp|apac)\.amazon/.test(id)
