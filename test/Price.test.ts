import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import { Price, PriceOverrides } from "../src/index.ts"

const base: Price.Price = { provider: "openai", model: "gpt-4o", input: 3, output: 15 }

describe("a change of a price", () => {
  it("replaces rates, and merges what has keys", () => {
    const before: Price.ModelPrice = {
      input: 3,
      output: 15,
      serverTools: { web_search: 0.01, code: 0 },
      serviceTiers: { batch: 0.5, flex: { input: 1, output: 2 } },
      speeds: { fast: 6 },
      inferenceGeos: { us: 1.1 },
      deploymentTypes: { global: 1 },
      regionFactors: { "eu-west-1": 1.2 },
      longContext: { above: 200_000, input: 6, output: 22.5 },
      regions: ["a", "b"]
    }
    assert.deepStrictEqual(
      Price.patch(before, {
        input: 2,
        cached: 0.2,
        serverTools: { code: 0.03 },
        serviceTiers: { flex: { input: 4 } },
        speeds: { slow: 0.5 },
        inferenceGeos: { eu: 1.3 },
        deploymentTypes: { zone: 1.1 },
        regionFactors: { "eu-west-1": 1.5 },
        longContext: { above: 100_000, cached: 0.6 },
        regions: ["c"]
      }),
      {
        input: 2,
        output: 15,
        cached: 0.2,
        serverTools: { web_search: 0.01, code: 0.03 },
        serviceTiers: { batch: 0.5, flex: { input: 4 } },
        speeds: { fast: 6, slow: 0.5 },
        inferenceGeos: { us: 1.1, eu: 1.3 },
        deploymentTypes: { global: 1, zone: 1.1 },
        regionFactors: { "eu-west-1": 1.5 },
        longContext: { above: 100_000, input: 6, output: 22.5, cached: 0.6 },
        regions: ["c"]
      }
    )
    const rate: Price.ModelPrice = { input: 1 }
    const speeds: Price.ModelPrice = { speeds: { fast: 2 } }
    for (const patched of [Price.patch(speeds, rate), Price.patch(rate, speeds)]) {
      assert.deepStrictEqual(patched, { ...rate, ...speeds })
    }
  })

  it("by a factor is of all rates of tokens, also of later ones, and of no fee", () => {
    assert.deepStrictEqual(
      Price.scale({
        input: 0.1,
        cachedAudio: 0.3,
        image: 1,
        request: 1,
        serverTools: { web_search: 1 },
        longContext: { above: 10, input: 0.7 },
        serviceTiers: { batch: 0.5, flex: { output: 0.2 } },
        speeds: { fast: 6 },
        later: [{ since: "2027-01-01", input: 0.2, request: 2, longContext: { above: 20, output: 0.1 } }]
      }, 3),
      {
        input: 0.3,
        cachedAudio: 0.9,
        image: 1,
        request: 1,
        serverTools: { web_search: 1 },
        longContext: { above: 10, input: 2.1 },
        serviceTiers: { batch: 0.5, flex: { output: 0.6 } },
        speeds: { fast: 6 },
        later: [{ since: "2027-01-01", input: 0.6, request: 2, longContext: { above: 20, output: 0.3 } }]
      }
    )
    assert.deepStrictEqual(Price.scale({ input: 3 }, Infinity), { input: Infinity })
  })
})

describe("the table of a provider", () => {
  const table: Price.PriceTable = {
    provider: "azure",
    source: "a",
    date: "2026-01-31",
    sources: { a: "A 1.0" },
    defaults: {},
    models: { "gpt-4o": { input: 3, until: "2026-02-28", from: "a" } },
    names: { "gpt-4o-latest": "gpt-4o" }
  }
  const isTable = Schema.is(Price.PriceTable)

  it("may lean on tables of others", () => {
    assert.isTrue(isTable({ ...table, fallback: [{ ...table, fallback: [table] }] }))
    assert.isFalse(isTable({ ...table, fallback: [{ ...table, fallback: [{ ...table, date: 5 }] }] }))
  })

  it("has days and rates that can be right", () => {
    for (
      const [model, isRight] of [
        [{ input: 0 }, true],
        [{ input: -1 }, false],
        [{ input: Infinity }, false],
        [{ speeds: { fast: -1 } }, false],
        [{ longContext: { input: 1 } }, false],
        [{ longContext: { above: 0.5 } }, false],
        [{ serviceTiers: { batch: -0.5 } }, false],
        [{ serviceTiers: { batch: { input: -1 } } }, false],
        [{ until: "2026-1-1" }, false],
        [{ until: "x2026-01-01" }, false],
        [{ until: "2026-01-011" }, false],
        [{ later: [{ input: 1 }] }, false],
        [{ later: [{ since: "2026-01-01", input: 1 }] }, true]
      ] as const
    ) assert.strictEqual(isTable({ ...table, models: { m: model } }), isRight, JSON.stringify(model))
  })
})

describe("overrides of prices", () => {
  const apply = (
    overrides: PriceOverrides.Overrides[string],
    { date, model = "gpt-4o", price = Option.some(base) }: {
      readonly date?: string
      readonly model?: string
      readonly price?: Option.Option<Price.Price>
    } = {}
  ) => PriceOverrides.apply(overrides, model, Option.getOrUndefined(price), date, "openai")

  it("hold for all models, for an entry of the table, and for an id, the more special one last", () => {
    const overrides = {
      "*": { factor: 2, cached: 9 },
      "GPT-4o": { output: 1 },
      "gpt-4o-Mine": { output: 2, cached: 8 }
    }
    assert.deepStrictEqual(apply(overrides, { model: "other" }), {
      ...base,
      input: 6,
      output: 1,
      cached: 9,
      overridden: true
    })
    assert.deepStrictEqual(apply(overrides, { model: "GPT-4o-mine" }), {
      ...base,
      input: 6,
      output: 2,
      cached: 8,
      overridden: true
    })
    assert.deepStrictEqual(apply({ "gpt-4o": { factor: 2 } }), { ...base, input: 6, output: 30, overridden: true })
    assert.strictEqual(apply({ other: { input: 1 } }), base)
  })

  it("make no price where there is none but by the model's own rates", () => {
    const nothing = { model: "mine", price: Option.none() }
    assert.isUndefined(apply({}, nothing))
    assert.isUndefined(apply({ "*": { factor: 2, input: 1 } }, nothing))
    assert.deepStrictEqual(apply({ "*": { factor: 2, output: 1 }, mine: { input: 3 } }, nothing), {
      provider: "openai",
      model: "mine",
      output: 1,
      input: 3,
      overridden: true
    })
  })

  it("forget the table's rates, and not whose they are", () => {
    const dated = { ...base, date: "2026-01-01", speeds: { fast: 2 } }
    const replaced = { provider: "openai", model: "gpt-4o", date: "2026-01-01", input: 1, overridden: true } as const
    assert.deepStrictEqual(apply({ "gpt-4o": { replace: true, input: 1 } }, { price: Option.some(dated) }), replaced)
    const { date: _date, ...without } = replaced
    assert.deepStrictEqual(apply({ "gpt-4o": { replace: true, input: 1 } }), without)
    assert.deepStrictEqual(apply({ "gpt-4o": { replace: false, input: 1 } }), { ...base, input: 1, overridden: true })
  })

  it("hold from their first day to their last one, of which a price without a day knows nothing", () => {
    const of = (change: Price.ModelPrice & { readonly since?: string; readonly until?: string }, date?: string) =>
      apply({ "gpt-4o": [change] }, date === undefined ? {} : { date })?.input
    const days = ["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", undefined]
    assert.deepStrictEqual(days.map((day) => of({ input: 1 }, day)), [1, 1, 1, 1, 1])
    assert.deepStrictEqual(days.map((day) => of({ since: "2026-02-01", input: 1 }, day)), [3, 1, 1, 1, 3])
    assert.deepStrictEqual(days.map((day) => of({ until: "2026-02-28", input: 1 }, day)), [1, 1, 1, 3, 3])
    assert.deepStrictEqual(
      days.map((day) => of({ since: "2026-02-01", until: "2026-02-28", input: 1 }, day)),
      [3, 1, 1, 3, 3]
    )
  })

  it("are refused with the place of each rate that is one of a single token", () => {
    const check = (model: unknown) =>
      Result.match(PriceOverrides.check({ openai: { m: model } }), {
        onFailure: ({ issues }) => issues,
        onSuccess: () => []
      })
    const wrong = "looks like a price per token; rates are USD per million tokens"
    const tiny = 0.000_999
    assert.deepStrictEqual(check({ input: 0, output: 0.001, request: tiny, factor: tiny }), [])
    assert.deepStrictEqual(check({ serviceTiers: { batch: tiny } }), [])
    assert.deepStrictEqual(
      check([{ input: 1 }, {
        input: tiny,
        longContext: { above: 1, output: tiny },
        serviceTiers: { flex: { cached: tiny } }
      }]),
      [
        `openai m input: ${tiny} ${wrong}`,
        `openai m longContext output: ${tiny} ${wrong}`,
        `openai m serviceTiers flex cached: ${tiny} ${wrong}`
      ]
    )
    assert.match(check({ inputs: 1 })[0] ?? "", /^openai m/)
    assert.match(check(5)[0] ?? "", /^openai m/)
    const throwing = {
      get openai(): never {
        throw new Error("no")
      }
    }
    assert.deepStrictEqual(
      PriceOverrides.check(throwing),
      Result.fail(new PriceOverrides.InvalidPrices({ issues: ["overrides: they throw when they are read"] }))
    )
  })
})
