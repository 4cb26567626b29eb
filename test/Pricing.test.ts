import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, BigDecimal, Effect, Layer, Result, Schema, Stream } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { generate, report } from "../scripts/generate-prices.ts"
import * as ChunkStream from "../src/ChunkStream.ts"
import * as CostMetadata from "../src/CostMetadata.ts"
import { OpenAiChunk } from "../src/openai/OpenAiChunk.ts"
import * as Price from "../src/Price.ts"
import * as PriceOverrides from "../src/PriceOverrides.ts"
import * as Pricing from "../src/Pricing.ts"
import { table as groq } from "../src/pricing/groq.ts"
import { snapshot } from "../src/pricing/snapshot.ts"

const pricing = Pricing.makeUnsafe({ tables: snapshot })

const word = Schema.String.check(Schema.isPattern(/^[a-z][a-z0-9]{0,9}$/))
const name = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(word), { minLength: 1, maxLength: 4 }),
  (words) => words.map((part) => `m${part}`).join("-")
)
// What ends ids, and may be part of another model's name.
const suffix = Arbitrary.schema(Schema.Literals(["-20250514", "@20250514", "-v1", "-v2:0", ":5", "-latest", ":48k"]))

describe("normalize", () => {
  it("starts with the id itself, trimmed and in lower case", () => {
    assert.deepStrictEqual(Pricing.normalize(" Llama-3.3-70B-Instruct "), ["llama-3.3-70b-instruct"])
  })

  it("takes the id out of the ARNs of foundation models and cross-region profiles", () => {
    assert.deepStrictEqual(
      Pricing.normalize("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0").slice(1),
      ["us.amazon.nova-pro-v1:0"]
    )
    assert.deepStrictEqual(
      Pricing.normalize("arn:aws-cn:bedrock:cn-north-1::foundation-model/amazon.nova-pro-v1:0").at(-1),
      "amazon.nova-pro-v1:0"
    )
  })

  it("takes nothing out of the ARNs of resources that do not name their model", () => {
    for (const kind of ["application-inference-profile", "provisioned-model", "custom-model", "imported-model"]) {
      const arn = `arn:aws:bedrock:us-east-1:123456789012:${kind}/abc123`
      assert.deepStrictEqual(Pricing.normalize(arn), [arn])
    }
  })

  it("keeps that a model is fine-tuned", () => {
    assert.deepStrictEqual(Pricing.normalize("ft:gpt-4o-2024-08-06:acme::A1b2").slice(1), [
      "ft:gpt-4o-2024-08-06",
      "ft:gpt-4o"
    ])
    assert.deepStrictEqual(Pricing.normalize("gpt-4o-mini-2024-07-18.ft-0123abcd").slice(1), [
      "ft:gpt-4o-mini-2024-07-18",
      "ft:gpt-4o-mini"
    ])
  })

  it("keeps version numbers that are part of a model's name", () => {
    for (const id of ["claude-sonnet-5-5", "gpt-5.6-sol", "gpt-4-0613", "mistral.mistral-large-2402"]) {
      assert.deepStrictEqual(Pricing.normalize(id), [id])
    }
  })

  it.prop("never throws, and gives ever shorter names", [Schema.String], ([id]) => {
    const names = Pricing.normalize(id)
    assert.strictEqual(names[0], id.trim().toLowerCase())
    for (const [index, next] of names.slice(1).entries()) assert.isBelow(next.length, names[index]?.length ?? 0)
  })

  it.prop("cuts nothing off an id but a date", [name, suffix], ([id, suffix]) => {
    assert.deepStrictEqual(Pricing.normalize(`${id}${suffix}`), [`${id}${suffix}`])
    assert.deepStrictEqual(Pricing.normalize(`${id}${suffix}-2025-05-14`).slice(1), [`${id}${suffix}`])
  })

  it.prop("is the same for an id and its ARN", [name, suffix], ([id, version]) => {
    const arn = `arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.${id}${version}`
    assert.deepStrictEqual(Pricing.normalize(arn).slice(1), Pricing.normalize(`eu.${id}${version}`))
  })

  it.prop("is the same in any case", [name, suffix], ([id, version]) => {
    assert.deepStrictEqual(Pricing.normalize(`${id}${version}`.toUpperCase()), Pricing.normalize(`${id}${version}`))
  })

  it("does not take long over an endless id", () => {
    assert.isBelow(Pricing.normalize("-2025-01-01".repeat(100_000)).length, 10)
  })
})

describe("lookup", () => {
  const inputPrice = (provider: string, model: string, service = pricing): number | undefined | string =>
    Result.match(service.lookup(provider, model), {
      onSuccess: ({ input }) => input,
      onFailure: ({ _tag }) => _tag
    })

  it("finds exact ids, dated ids, aliases and fine-tuned models", () => {
    // USD per million input tokens, from the providers' price lists.
    assert.deepStrictEqual(
      [
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o-2024-05-13",
        "gpt-5.4-2026-03-05",
        "gpt-4.1-mini-2099-01-01",
        "ft:gpt-4o-2024-08-06:acme::1",
        "ft:gpt-4.1-mini-2025-04-14:acme::1"
      ].map((model) => inputPrice("openai", model)),
      [2.5, 2.5, 5, 2.5, 0.4, 3.75, 0.8]
    )
    assert.deepStrictEqual(
      ["claude-haiku-4-5-20251001", "claude-3-5-sonnet-latest", "claude-fable-5-2"].map((model) =>
        inputPrice("anthropic", model)
      ),
      [1, 3, 8]
    )
  })

  it("distinguishes Bedrock's global profiles from regional ones and in-region ids", () => {
    for (
      const [model, expected] of [
        ["global.anthropic.claude-sonnet-4-5-20250929-v1:0", 3],
        ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3],
        ["eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3],
        ["anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3],
        ["arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0", 5.5],
        ["arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", 0.25],
        ["us.anthropic.claude-fable-5", 11],
        ["apac.anthropic.claude-3-5-sonnet-20241022-v2:0", 3],
        ["us.meta.llama3-3-70b-instruct-v1:0", 0.72],
        ["in.anthropic.claude-sonnet-5", 2.2],
        ["global.openai.gpt-6.1-sol", 2],
        // By models.dev; the US price is 0.33.
        ["eu.amazon.nova-2-lite-v1:0", 0.374],
        ["jp.amazon.nova-2-lite-v1:0", 0.396],
        ["eu.amazon.nova-2-lite", 0.374]
      ] as const
    ) assert.strictEqual(inputPrice("bedrock", model), expected, model)
  })

  it("does not know what has no price, and never takes a relative's", () => {
    for (
      const [provider, model] of [
        ["openai", "gpt-99"],
        ["openai", "gpt-4o-mini-tts-plus"],
        ["openai", "ft:gpt-5:acme::1"],
        ["openai", "gpt-oss-120b"],
        ["openai", "gpt-4o-v2"],
        ["openai", "gpt-4o:5"],
        ["openai", "gpt-4o-latest"],
        ["anthropic", "claude-sonnet-9-9"],
        ["anthropic", "claude-3-sonnet-20240620"],
        ["bedrock", "global.anthropic.claude-sonnet-9-9"],
        ["bedrock", "amazon.nova-pro-v2:0"],
        ["bedrock", "us-gov.anthropic.claude-3-haiku-20240307-v1:0"],
        ["bedrock", "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"],
        ["bedrock", "claude-sonnet-4-5-20250929"],
        ["bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"],
        ["groq", "gpt-4o"],
        ["azure", "grok-99"],
        ["nobody", "gpt-4o"],
        ["constructor", "constructor"],
        ["openai", "__proto__"],
        ["openai", ""]
      ] as const
    ) assert.strictEqual(inputPrice(provider, model), "UnknownModel", `${provider} ${model}`)
  })

  it("says in the error what was not found", () => {
    const error = Result.getFailure(pricing.lookup("groq", "nobody-knows"))
    assert.deepStrictEqual(
      error.pipe((option) => option._tag === "Some" ? option.value.message : ""),
      "No price is known for the model \"nobody-knows\" of groq"
    )
  })

  it("shortens an endless id in the message", () => {
    const result = pricing.lookup("groq", "x".repeat(100_000))
    assert.isTrue(Result.isFailure(result) && result.failure.message.length < 400)
  })

  it("says that a dated id is not known, and priced without its date", () => {
    assert.isTrue(Result.getOrThrow(pricing.lookup("openai", "gpt-4.1-mini-2099-01-01")).assumed)
    assert.isUndefined(Result.getOrThrow(pricing.lookup("openai", "gpt-4.1-mini-2025-04-14")).assumed)
    assert.isUndefined(Result.getOrThrow(pricing.lookup("openai", "gpt-4.1-mini")).assumed)
  })

  it("gives Azure the token rates of the makers, and its own tiers and tools", () => {
    const price = Result.getOrThrow(pricing.lookup("azure", "gpt-4.1-mini-2025-04-14"))
    assert.deepInclude(price, { provider: "azure", model: "gpt-4.1-mini", input: 0.4, cached: 0.1, output: 1.6 })
    assert.isUndefined(price.serverTools)
    assert.deepStrictEqual(Object.keys(price.serviceTiers ?? {}).sort(), [
      "auto",
      "batch",
      "default",
      "flex",
      "standard"
    ])
    assert.strictEqual(inputPrice("azure", "gpt-35-turbo"), 0.5)
  })

  it("gives Azure no fee, tier or region of the makers, neither now nor later", () => {
    for (const { fallback = [], provider } of snapshot) {
      for (const { models } of fallback) {
        for (const model of Object.keys(models)) {
          const price = Result.getOrUndefined(pricing.lookup(provider, model))
          for (const terms of [price, ...price?.later ?? []]) {
            for (const field of ["request", "serverTools", "speeds", "inferenceGeos", "regionFactors"] as const) {
              assert.isUndefined(terms?.[field], `${model} ${field}`)
            }
            assert.notProperty(terms?.serviceTiers ?? {}, "ultrafast", model)
          }
        }
      }
    }
  })

  it("finds entries and names of a table in any case", () => {
    const table = {
      provider: "local",
      source: "us",
      date: "2026-11-22",
      defaults: {},
      names: { "Alias-X": "My-Model" }
    }
    const service = Pricing.makeUnsafe({ tables: [{ ...table, models: { "My-Model": { input: 1 } } }] })
    for (const id of ["My-Model", "my-model", "Alias-X", "ALIAS-x"]) {
      assert.strictEqual(inputPrice("local", id, service), 1)
    }
  })

  it("maps Azure deployments and Bedrock application profiles that the program names", () => {
    const mapped = Pricing.makeUnsafe({
      tables: snapshot,
      deployments: { "Prod-Chat": "gpt-4o", "gpt-4o": "gpt-4o-mini" },
      applicationProfiles: {
        abc123: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/def": "amazon.nova-lite-v1:0"
      }
    })
    assert.strictEqual(inputPrice("azure", "Prod-Chat", mapped), 2.5)
    assert.strictEqual(inputPrice("azure", "gpt-4o", mapped), 0.15)
    assert.strictEqual(inputPrice("openai", "Prod-Chat", mapped), "UnknownModel")
    const arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"
    assert.strictEqual(inputPrice("bedrock", `${arn}abc123`, mapped), 3.3)
    assert.strictEqual(inputPrice("bedrock", "abc123", mapped), 3.3)
    assert.strictEqual(
      inputPrice("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/def", mapped),
      0.06
    )
    assert.strictEqual(inputPrice("bedrock", `${arn}other`, mapped), "UnknownModel")
  })

  it("lets overrides come before tables, for all ids of an entry or for one", () => {
    const overridden = Pricing.makeUnsafe({
      tables: snapshot,
      overrides: {
        openai: { "gpt-4o": { input: 2, output: 8 }, "gpt-4.1-2025-04-14": { input: 1 } },
        local: { "My-Model": { input: 0, output: 0 } }
      }
    })
    assert.strictEqual(inputPrice("openai", "gpt-4o", overridden), 2)
    assert.strictEqual(inputPrice("openai", "gpt-4o-2024-11-20", overridden), 2)
    assert.strictEqual(inputPrice("openai", "gpt-4.1-2025-04-14", overridden), 1)
    assert.strictEqual(inputPrice("openai", "gpt-4.1", overridden), 2)
    assert.strictEqual(inputPrice("local", "My-Model", overridden), 0)
    assert.strictEqual(inputPrice("local", "my-model-2026-01-01", overridden), 0)
    const price = Result.getOrThrow(overridden.lookup("openai", "gpt-4o"))
    assert.isTrue(price.overridden)
    // What the override does not say stays as it is.
    assert.strictEqual(price.cached, 1.25)
    assert.strictEqual(price.serviceTiers?.["batch"], 0.5)
    assert.isUndefined(Result.getOrThrow(overridden.lookup("openai", "gpt-5")).overridden)
  })

  it("patches one rate and keeps the long-context price", () => {
    const overridden = Pricing.makeUnsafe({ tables: snapshot, overrides: { openai: { "gpt-5.4": { cached: 0.1 } } } })
    const price = Result.getOrThrow(overridden.lookup("openai", "gpt-5.4-2026-03-05"))
    assert.deepInclude(price, { input: 2.5, cached: 0.1, output: 15 })
    assert.deepInclude(price.longContext, { above: 272_000, input: 5, output: 22.5 })
  })

  it("multiplies the rates of a whole provider, then those of one model", () => {
    const overridden = Pricing.makeUnsafe({
      tables: snapshot,
      overrides: { anthropic: { "*": { factor: 0.85 }, "claude-haiku-4-5": { output: 4 } } }
    })
    // 3 × 0.85, 15 × 0.85
    assert.deepInclude(Result.getOrThrow(overridden.lookup("anthropic", "claude-sonnet-4-5")), {
      input: 2.55,
      output: 12.75
    })
    assert.deepInclude(Result.getOrThrow(overridden.lookup("anthropic", "claude-haiku-4-5")), {
      input: 0.85,
      output: 4
    })
    // Tool fees are not tokens.
    assert.strictEqual(
      Result.getOrThrow(overridden.lookup("anthropic", "claude-sonnet-4-5")).serverTools?.["web_search"],
      0.01
    )
    assert.strictEqual(inputPrice("openai", "gpt-4o", overridden), 2.5)
    assert.strictEqual(inputPrice("anthropic", "nobody-knows", overridden), "UnknownModel")
  })

  it("forgets what the table says where an override replaces it, and only there", () => {
    const replaced = (replace: boolean) =>
      Result.getOrThrow(
        Pricing.makeUnsafe({ tables: snapshot, overrides: { openai: { "gpt-4o": { replace, input: 1 } } } }).lookup(
          "openai",
          "gpt-4o"
        )
      )
    assert.deepInclude(replaced(false), { input: 1, output: 10 })
    assert.isUndefined(replaced(true).output)
    // The day of the table is no price: it says how old the ids and the other prices are.
    const dated = { provider: "openai", model: "gpt-4o", date: "2026-06-01", input: 2.5, output: 10 }
    assert.deepStrictEqual(
      PriceOverrides.apply({ "gpt-4o": { replace: true, input: 1 } }, "gpt-4o", dated, undefined),
      {
        provider: "openai",
        model: "gpt-4o",
        date: "2026-06-01",
        input: 1,
        overridden: true
      }
    )
  })

  it("applies an override on its days only", () => {
    const overridden = Pricing.makeUnsafe({
      tables: snapshot,
      overrides: { openai: { "gpt-4o": [{ input: 2, since: "2026-06-01", until: "2026-06-30" }] } }
    })
    const on = (date?: string) => Result.getOrThrow(overridden.lookup("openai", "gpt-4o", date)).input
    assert.deepStrictEqual(
      [on("2026-05-31"), on("2026-06-01"), on("2026-06-30"), on("2026-07-01"), on()],
      [2.5, 2, 2, 2.5, 2.5]
    )
  })

  it("refuses overrides that can't be right, and says where and why", () => {
    const refused = (overrides: unknown): string =>
      Result.match(PriceOverrides.check(overrides), { onFailure: ({ message }) => message, onSuccess: () => "" })
    assert.match(refused({ openai: { "gpt-4o": { input: -1 } } }), /openai gpt-4o/)
    assert.match(refused({ openai: { "gpt-4o": { inptu: 2 } } }), /inptu/)
    assert.match(refused({ openai: { "gpt-4o": { input: Number.NaN } } }), /openai gpt-4o/)
    assert.match(refused({ openai: { "gpt-4o": { input: 0.0000025 } } }), /openai gpt-4o input: .*per token/)
    assert.match(refused({ openai: { "gpt-4o": { longContext: { above: 1, input: 0.000005 } } } }), /longContext input/)
    assert.match(refused({ openai: { "gpt-4o": { factor: -0.5 } } }), /openai gpt-4o/)
    assert.match(refused({ openai: { "gpt-4o": { since: "June" } } }), /openai gpt-4o/)
    assert.strictEqual(refused({ openai: { "gpt-4o": { input: 0, output: 0.005 } } }), "")
    assert.throws(() => Pricing.makeUnsafe({ tables: snapshot, overrides: { openai: { "gpt-4o": { input: -1 } } } }))
  })

  it.effect("fails the layer for overrides that can't be right", () =>
    Effect.gen(function*() {
      const layer = Pricing.layer({ overrides: { openai: { "gpt-4o": { input: -1 } } } })
      const error = yield* Effect.flip(Effect.provide(Pricing.lookup("openai", "gpt-5"), layer))
      assert.strictEqual(error._tag, "InvalidPrices")
    }))

  it("can do with other tables, or none", () => {
    assert.strictEqual(inputPrice("groq", "llama-3.1-8b-instant", Pricing.makeUnsafe({ tables: [groq] })), 0.05)
    assert.strictEqual(inputPrice("openai", "gpt-4o", Pricing.makeUnsafe({ tables: [groq] })), "UnknownModel")
    assert.strictEqual(inputPrice("groq", "llama-3.1-8b-instant", Pricing.makeUnsafe({ tables: [] })), "UnknownModel")
  })

  it.effect("uses the bundled snapshot unless a layer says otherwise", () =>
    Effect.gen(function*() {
      const lookup = Effect.map(Pricing.lookup("azure", "prod-chat"), ({ input }) => input)
      assert.strictEqual((yield* Pricing.lookup("azure", "gpt-4o")).input, 2.5)
      assert.strictEqual((yield* Effect.flip(lookup))._tag, "UnknownModel")
      const layer = Pricing.layer({ deployments: { "prod-chat": "gpt-4o" } })
      assert.strictEqual(yield* Effect.provide(lookup, layer), 2.5)
      const free = Layer.succeed(Pricing.Pricing, {
        lookup: (provider, model) => Result.succeed({ provider, model, input: 0, output: 0 })
      })
      assert.strictEqual(yield* Effect.provide(lookup, free), 0)
    }))
})

describe("cost", () => {
  const costOf = (metadata: ConstructorParameters<typeof CostMetadata.CostMetadata>[0], service = pricing): string =>
    Result.match(Pricing.costWith(new CostMetadata.CostMetadata(metadata), service), {
      onSuccess: ({ total }) => BigDecimal.format(total),
      onFailure: ({ _tag }) => _tag
    })

  it("is right for each provider, by hand from its price list", () => {
    // 800 × 2.50 + 200 × 1.25 + 100 × 10
    assert.strictEqual(
      costOf({ provider: "openai", model: "gpt-4o", inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }),
      "0.00325"
    )
    // Long context above 272,000 input tokens: 272001 × 5 + 1000 × 22.50; not at it: 272000 × 2.50 + 1000 × 15
    const long = { provider: "openai", model: "gpt-5.4", outputTokens: 1000 }
    assert.strictEqual(costOf({ ...long, inputTokens: 272_001 }), "1.382505")
    assert.strictEqual(costOf({ ...long, inputTokens: 272_000 }), "0.695")
    // Above 100,000 on Haiku 5.5: 100001 × 0.50 + 1000 × 2.50; not at it: 100000 × 0.10 + 1000 × 0.50
    const haiku = { provider: "anthropic", model: "claude-haiku-5-5", outputTokens: 1000 }
    assert.strictEqual(costOf({ ...haiku, inputTokens: 100_001 }), "0.0525005")
    assert.strictEqual(costOf({ ...haiku, inputTokens: 100_000 }), "0.0105")
    // A call of a search model: 100 × 2.50 + 10 × 10, per million, and 0.025
    assert.strictEqual(
      costOf({ provider: "openai", model: "gpt-4o-search-preview", inputTokens: 100, outputTokens: 10 }),
      "0.02535"
    )
    // On Bedrock, Sonnet 4 and 4.5 have a long-context price from 200,001: 200001 × 6 + 1000 × 22.50, and 10 % more
    const sonnet = { provider: "bedrock", inputTokens: 200_001, outputTokens: 1000 }
    assert.strictEqual(costOf({ ...sonnet, model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" }), "1.222506")
    assert.strictEqual(costOf({ ...sonnet, model: "us.anthropic.claude-sonnet-4-20250514-v1:0" }), "1.222506")
    assert.strictEqual(costOf({ ...sonnet, model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0" }), "1.3447566")
    // Later ones have none: 200001 × 3 + 1000 × 15
    assert.strictEqual(costOf({ ...sonnet, model: "global.anthropic.claude-sonnet-4-6" }), "0.615003")
    // Text and audio: 20 × 2.50 + 80 × 40 + 10 × 10 + 90 × 80
    assert.strictEqual(
      costOf({
        provider: "openai",
        model: "gpt-4o-audio-preview-2025-06-03",
        inputTokens: 100,
        inputAudioTokens: 80,
        outputTokens: 100,
        outputAudioTokens: 90
      }),
      "0.01055"
    )
    // A 1 h cache write: 1000 × 3 + 1000 × 3.75 + 2000 × 6 + 100 × 15, and three searches at $10 per 1,000
    assert.strictEqual(
      costOf({
        provider: "anthropic",
        model: "claude-sonnet-4-5-20250929",
        inputTokens: 4000,
        cacheWriteTokens: 3000,
        cacheWrite5mTokens: 1000,
        cacheWrite1hTokens: 2000,
        outputTokens: 100,
        serverToolRequests: { web_search: 3, web_fetch: 2 }
      }),
      "0.05025"
    )
    // Fast mode in the US: (1000 × 5 + 1000 × 0.50 + 100 × 25) × 2 × 1.1
    assert.strictEqual(
      costOf({
        provider: "anthropic",
        model: "claude-opus-4-8",
        inputTokens: 2000,
        cachedTokens: 1000,
        outputTokens: 100,
        serviceTier: "standard",
        speed: "fast",
        inferenceGeo: "us"
      }),
      "0.0176"
    )
    const claude = { provider: "bedrock", inputTokens: 3000, cacheWriteTokens: 2000, outputTokens: 100 }
    // 1000 × 3 + 1000 × 3.75 + 1000 × 6 + 100 × 15, and 10 % more
    assert.strictEqual(
      costOf({ ...claude, cacheWrite1hTokens: 1000, model: "global.anthropic.claude-sonnet-4-5-20250929-v1:0" }),
      "0.01425"
    )
    assert.strictEqual(
      costOf({ ...claude, cacheWrite1hTokens: 1000, model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0" }),
      "0.015675"
    )
    // 600 × 0.15 + 400 × 0.075 + 100 × 0.60, on any on-demand tier
    assert.strictEqual(
      costOf({
        provider: "groq",
        model: "openai/gpt-oss-120b",
        inputTokens: 1000,
        cachedTokens: 400,
        outputTokens: 100,
        serviceTier: "flex"
      }),
      "0.00018"
    )
    // 1000 × 2.50 + 100 × 10
    assert.strictEqual(
      costOf(
        { provider: "azure", model: "prod-chat", inputTokens: 1000, outputTokens: 100 },
        Pricing.makeUnsafe({ tables: snapshot, deployments: { "prod-chat": "gpt-4o" } })
      ),
      "0.0035"
    )
  })

  it("follows OpenAI's service tiers, by model", () => {
    const at = (model: string, serviceTier: string) =>
      costOf({ provider: "openai", model, inputTokens: 1000, outputTokens: 1000, serviceTier })
    assert.deepStrictEqual(
      ["default", "flex", "batch", "priority"].map((tier) => at("gpt-5-mini-2025-08-07", tier)),
      // 0.25 + 2; half; half; 0.45 + 3.60
      ["0.00225", "0.001125", "0.001125", "0.00405"]
    )
    assert.strictEqual(at("gpt-4o-mini", "priority"), "0.00125")
  })

  it("prices advisor and compaction calls of Anthropic by their own model and size", () => {
    // 1000 × 2 + 100 × 10 + 2000 × 5 + 50 × 25 + 500 × 2 + 10 × 10, at Sonnet 5, Opus 4.8, Sonnet 5
    const metadata = {
      provider: "anthropic",
      model: "claude-sonnet-5",
      inputTokens: 1500,
      outputTokens: 110,
      iterations: [
        { type: "message", included: true, inputTokens: 1000, outputTokens: 100 },
        { type: "advisor_message", included: false, model: "claude-opus-4-8", inputTokens: 2000, outputTokens: 50 },
        { type: "message", included: true, inputTokens: 500, outputTokens: 10 }
      ]
    }
    assert.strictEqual(costOf(metadata), "0.01535")
    const cost = Result.getOrThrow(Pricing.costWith(new CostMetadata.CostMetadata(metadata), pricing))
    assert.deepStrictEqual(cost.pricedAs, ["anthropic/claude-opus-4-8", "anthropic/claude-sonnet-5"])
    assert.deepStrictEqual(cost.flags, [])
  })

  it("knows data zones of Azure and regional hosts of OpenAI from the program", () => {
    const service = Pricing.makeUnsafe({
      tables: snapshot,
      deployments: { "eu-chat": { model: "gpt-4o", type: "dataZone" }, "chat": { model: "gpt-4o", type: "global" } },
      regions: { openai: "eu" }
    })
    const azure = (requestedModel: string) =>
      Result.getOrThrow(Pricing.costWith(
        new CostMetadata.CostMetadata({
          provider: "azure",
          model: "gpt-4o-2024-08-06",
          requestedModel,
          inputTokens: 1000,
          outputTokens: 0
        }),
        service
      ))
    // 1000 × 2.50, and 10 % more
    assert.strictEqual(BigDecimal.format(azure("chat").total), "0.0025")
    assert.strictEqual(BigDecimal.format(azure("eu-chat").total), "0.00275")
    assert.deepStrictEqual(azure("eu-chat").flags, [])
    assert.deepStrictEqual(azure("other").flags, [{ kind: "assumedDeploymentType", subject: "global" }])
    // 1000 × 2.50 × 1.1 from GPT-5.4 on; no uplift before
    const openai = { provider: "openai", inputTokens: 1000, outputTokens: 0 }
    assert.strictEqual(costOf({ ...openai, model: "gpt-5.4" }, service), "0.00275")
    assert.strictEqual(costOf({ ...openai, model: "gpt-5.4" }), "0.0025")
    assert.strictEqual(costOf({ ...openai, model: "gpt-4o" }, service), "0.0025")
  })

  it("follows prices that change on a day, and says when an announced price has ended", () => {
    const at = (model: string, date: string, serviceTier?: string) =>
      Result.getOrThrow(Pricing.costWith(
        new CostMetadata.CostMetadata({
          provider: "openai",
          model,
          date,
          inputTokens: 1000,
          outputTokens: 0,
          ...(serviceTier === undefined ? undefined : { serviceTier })
        }),
        pricing
      ))
    // 1000 × 2 × 3 until February 2027, × 6 from March on
    assert.strictEqual(BigDecimal.format(at("gpt-6.2-sol", "2027-02-28", "ultrafast").total), "0.006")
    assert.strictEqual(BigDecimal.format(at("gpt-6.2-sol", "2027-03-01", "ultrafast").total), "0.012")
    assert.deepStrictEqual(at("gpt-5.6-sol", "2026-11-21").flags, [])
    assert.deepStrictEqual(at("gpt-5.6-sol", "2026-11-22").flags, [{ kind: "expiredPrice", subject: "2026-11-21" }])
  })

  it("follows Bedrock's service tiers", () => {
    const at = (serviceTier: string) =>
      costOf({ provider: "bedrock", model: "amazon.nova-pro-v1:0", inputTokens: 1000, outputTokens: 0, serviceTier })
    // 1000 × 0.80; half; 1.75 times
    assert.deepStrictEqual(["default", "flex", "priority"].map(at), ["0.0008", "0.0004", "0.0014"])
  })

  it("says which prices the program changed", () => {
    const service = Pricing.makeUnsafe({ tables: snapshot, overrides: { openai: { "gpt-4o": { input: 2 } } } })
    const cost = Result.getOrThrow(Pricing.costWith(
      new CostMetadata.CostMetadata({ provider: "openai", model: "gpt-4o", inputTokens: 1, outputTokens: 0 }),
      service
    ))
    assert.deepStrictEqual(cost.overridden, ["openai/gpt-4o"])
    assert.strictEqual(cost.priceDate, snapshot[0]?.date)
  })

  it("says why there is none", () => {
    const reason = (metadata: ConstructorParameters<typeof CostMetadata.CostMetadata>[0]) =>
      Result.match(Pricing.costWith(new CostMetadata.CostMetadata(metadata), pricing), {
        onSuccess: () => undefined,
        onFailure: ({ reason }) => reason
      })
    assert.strictEqual(reason({ inputTokens: 1 }), "noProvider")
    assert.strictEqual(reason({ provider: "bedrock", inputTokens: 1 }), "noModel")
    assert.strictEqual(reason({ provider: "nobody", model: "m" }), "unknownProvider")
    assert.strictEqual(reason({ provider: "openai", model: "nobody-knows" }), "unknownModel")
  })

  it("is flagged for a Bedrock region that the price is not known for, where prices differ by region", () => {
    const flags = (model: string, region: string) =>
      Result.getOrThrow(Pricing.costWith(
        new CostMetadata.CostMetadata({ provider: "bedrock", model, region, inputTokens: 1, outputTokens: 1 }),
        pricing
      )).flags
    assert.deepStrictEqual(flags("amazon.nova-pro-v1:0", "us-west-2"), [])
    assert.deepStrictEqual(flags("amazon.nova-pro-v1:0", "eu-west-1"), [{
      kind: "unknownRegion",
      subject: "eu-west-1"
    }])
    assert.deepStrictEqual(flags("eu.anthropic.claude-opus-4-8", "eu-west-1"), [])
    assert.deepStrictEqual(flags("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1"), [{
      kind: "unknownRegion",
      subject: "us-gov-west-1"
    }])
  })

  it("is what the provider stated, even for a model without a price", () => {
    assert.strictEqual(costOf({ provider: "x", model: "y", inputTokens: 1, statedCost: 0.25 }), "0.25")
  })

  it("is unknown when nobody counted, and known as soon as one count or a cost is stated", () => {
    const call = { provider: "openai", model: "gpt-4o-search-preview" }
    const nothing = Pricing.costWith(new CostMetadata.CostMetadata({ ...call, serviceTier: "default" }), pricing)
    assert.include(
      Result.match(nothing, { onSuccess: () => "", onFailure: ({ message }) => message }),
      "No cost is known for the model \"gpt-4o-search-preview\" of openai: the response states no usage"
    )
    for (
      const stated of [
        { inputTokens: 1 },
        { outputTokens: 1 },
        { cacheWriteTokens: 1 },
        { serverToolRequests: { web_search: 1 } },
        { statedCost: 0 }
      ]
    ) assert.notStrictEqual(costOf({ ...call, ...stated }), "UnknownModel", JSON.stringify(stated))
  })

  it("is unknown when the model is", () => {
    assert.strictEqual(costOf({ provider: "openai", inputTokens: 1 }), "UnknownModel")
    assert.strictEqual(costOf({ model: "gpt-4o", inputTokens: 1 }), "UnknownModel")
  })

  it.effect("takes prices from the context", () =>
    Effect.gen(function*() {
      const metadata = new CostMetadata.CostMetadata({
        provider: "local",
        model: "m",
        inputTokens: 10,
        outputTokens: 0
      })
      assert.strictEqual((yield* Effect.flip(Pricing.cost(metadata)))._tag, "UnknownModel")
      const cost = yield* Effect.provide(
        Pricing.cost(metadata),
        Pricing.layer({ overrides: { local: { m: { input: 1 } } } })
      )
      assert.strictEqual(BigDecimal.format(cost.total), "0.00001")
    }))

  it.prop("never throws and is never negative, whatever the model", [CostMetadata.CostMetadata], ([metadata]) => {
    const cost = Pricing.costWith(metadata, pricing)
    assert.isTrue(Result.isFailure(cost) || !BigDecimal.isNegative(cost.success.total))
  })
})

/** The price tables that a bundler leaves in a program. */
const tablesIn = async (program: string): Promise<ReadonlyArray<string>> => {
  const entry = new URL("./program.js", import.meta.url).pathname
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    logLevel: "silent",
    plugins: [{
      name: "program",
      resolveId: (id) => id === entry ? id : null,
      load: (id) => id === entry ? program : null
    }]
  })
  const { output } = await bundle.generate({ format: "esm" })
  return output
    .flatMap((file) => file.type === "chunk" ? Object.entries(file.modules) : [])
    .flatMap(([id, { renderedLength }]) => renderedLength > 0 ? [/pricing\/(\w+)\.ts$/.exec(id)?.[1] ?? []].flat() : [])
    .sort()
}

describe("load", () => {
  const made = Pricing.makeUnsafe({ overrides: { openai: { "gpt-4o": { input: 1 } } } })
  const loaded = () => made.tables?.map(({ provider }) => provider)
  const reason = (provider: string) =>
    Result.match(made.lookup(provider, "gpt-4o"), {
      onFailure: ({ reason }) => reason,
      onSuccess: ({ input, output }) => [input, output]
    })

  it.effect("happens for the provider of a stream whose chunks are told their cost", () =>
    Effect.gen(function*() {
      const prices = Pricing.makeUnsafe()
      const usage = { prompt_tokens: 1_000_000, completion_tokens: 0 }
      const chunk = new OpenAiChunk({ chunk: { model: "gpt-4o", choices: [], usage } })
      const costs = yield* Stream.make(chunk, chunk).pipe(
        ChunkStream.withCost,
        Stream.runCollect,
        Effect.provideService(Pricing.Pricing, prices)
      )
      const totals = costs.map(([, cost]) =>
        cost !== undefined && Result.isSuccess(cost) ? BigDecimal.format(cost.success.total) : cost
      )
      assert.deepStrictEqual(totals, ["2.5", "2.5"])
      assert.deepStrictEqual(prices.tables?.map(({ provider }) => provider), ["openai"])
    }))

  it.effect("happens for the provider that is asked for, and for all by `current`", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([loaded(), reason("openai"), reason("nobody")], [[], "notLoaded", "unknownProvider"])
      yield* Pricing.lookup("openai", "gpt-4o")
      assert.deepStrictEqual([loaded(), reason("openai"), reason("azure")], [["openai"], [1, 10], "notLoaded"])
      yield* Pricing.cost(
        new CostMetadata.CostMetadata({ provider: "groq", model: "llama-3.1-8b-instant", inputTokens: 1 })
      )
      assert.deepStrictEqual(loaded(), ["openai", "groq"])
      yield* Pricing.current
      assert.sameMembers(loaded() ?? [], snapshot.map(({ provider }) => provider))
    }).pipe(Effect.provideService(Pricing.Pricing, made)))
})

describe("snapshot", () => {
  it("is made of valid prices", () => {
    for (const { defaults, models, names } of snapshot) {
      for (const price of [defaults, ...Object.values(models)]) Schema.asserts(Price.ModelPrice, price)
      for (const [alias, model] of Object.entries(names)) assert.property(models, model, alias)
      for (const id of [...Object.keys(models), ...Object.keys(names)]) assert.strictEqual(id, id.toLowerCase())
    }
  })

  it("is what the generator makes of the lists today", async () => {
    const { disagreements, suspects, tables } = await generate()
    for (const { fallback: _, ...table } of snapshot) {
      assert.deepStrictEqual(table, Object.values(tables).find(({ provider }) => provider === table.provider))
    }
    const written = readFileSync(new URL("../scripts/price-disagreements.md", import.meta.url), "utf8")
    const cells = (markdown: string) => markdown.replaceAll(/[ \t]+/g, " ").replaceAll(/-{3,}/g, "---")
    assert.strictEqual(cells(written), cells(report({ disagreements, suspects })))
  })

  it("adds at most 10 KB gzipped a provider", () => {
    const folder = new URL("../src/pricing/", import.meta.url)
    const modules = readdirSync(folder).filter((file) => file.endsWith(".ts"))
    assert.deepStrictEqual(modules, [
      "anthropic.ts",
      "azure.ts",
      "bedrock.ts",
      "groq.ts",
      "openai.ts",
      "snapshot.ts",
      "table.ts"
    ])
    for (const module of modules) {
      const code = stripTypeScriptTypes(readFileSync(new URL(module, folder), "utf8"))
      assert.isAtMost(gzipSync(code).byteLength, 10 * 1024, module)
    }
  })

  it("carries the licence notice of its source", () => {
    const notice = readFileSync(new URL("../src/pricing/LICENSE-genai-prices.txt", import.meta.url), "utf8")
    assert.include(notice, "Copyright (c) Pydantic Services Inc.")
  })

  it("is not in programs that do not ask for prices, however they import the rest", async () => {
    const index = `from "${new URL("../src/index.ts", import.meta.url).pathname}"`
    const providers = ["Anthropic", "AzureInference", "AzureOpenAi", "Bedrock", "BedrockInvoke", "Groq", "OpenAi"]
    assert.deepStrictEqual(
      await tablesIn(`import { Pricing } ${index}; console.log(Pricing.cost)`),
      ["anthropic", "azure", "bedrock", "groq", "openai", "table"]
    )
    assert.deepStrictEqual(
      await tablesIn(
        `import { ChunkStream, ${providers.join()} } ${index}
         console.log(ChunkStream.text, ChunkStream.response, ${providers.map((name) => `${name}.layerConfig`).join()})`
      ),
      []
    )
    assert.deepStrictEqual(await tablesIn(`import { Cost } ${index}; console.log(Cost.calculate)`), [])
  })
})
