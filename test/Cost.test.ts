import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, BigDecimal, Schema } from "effect"
import * as Cost from "../src/Cost.ts"
import * as CostMetadata from "../src/CostMetadata.ts"
import * as Price from "../src/Price.ts"

// List prices in USD per million tokens, as the providers publish them.
const gpt4o: Price.Price = {
  provider: "openai",
  model: "gpt-4o",
  date: "2026-01-01",
  input: 2.5,
  cached: 1.25,
  output: 10
}
const sonnet: Price.Price = {
  provider: "anthropic",
  model: "claude-sonnet-4-5",
  date: "2026-01-01",
  input: 3,
  cached: 0.3,
  cacheWrite: 3.75,
  cacheWrite1h: 6,
  output: 15,
  serverTools: { web_search: 0.01, web_fetch: 0 },
  longContext: { above: 200_000, input: 6, cached: 0.6, cacheWrite: 7.5, cacheWrite1h: 12, output: 22.5 },
  serviceTiers: { standard: 1, batch: 0.5 },
  speeds: { fast: 6 },
  inferenceGeos: { global: 1, us: 1.1 }
}

const everything: Price.Price = {
  provider: "test",
  model: "everything",
  input: 1.1,
  cached: 0.11,
  cacheWrite: 1.375,
  cacheWrite1h: 2.2,
  cacheWrite12h: 2.75,
  inputAudio: 32,
  output: 5.5,
  outputAudio: 64
}

const tokens = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400_000 })))
const extra = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })))

// Metadata whose parts fit into their wholes.
const consistent = Arbitrary.map(
  Arbitrary.array(tokens, { minLength: 8, maxLength: 8 }),
  ([
    text = 0,
    cachedTokens = 0,
    write5m = 0,
    cacheWrite1hTokens = 0,
    cacheWrite12hTokens = 0,
    inputAudioTokens = 0,
    output = 0,
    outputAudioTokens = 0
  ]) => ({
    inputTokens: text + cachedTokens + write5m + cacheWrite1hTokens + cacheWrite12hTokens + inputAudioTokens,
    cachedTokens,
    cacheWriteTokens: write5m + cacheWrite1hTokens + cacheWrite12hTokens,
    cacheWrite1hTokens,
    cacheWrite12hTokens,
    inputAudioTokens,
    outputTokens: output + outputAudioTokens,
    outputAudioTokens
  })
)

const costs = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Tuple([CostMetadata.CostMetadata, Price.Price])), {
    minLength: 1,
    maxLength: 2
  }),
  (pairs) => Cost.sumAll(pairs.map(([metadata, price]) => Cost.calculate(metadata, price)))
)

describe("CostMetadata", () => {
  it("states something with a single count, or a cost", () => {
    const isStated = (fields: CostMetadata.Fields) => CostMetadata.isStated(new CostMetadata.CostMetadata(fields))
    assert.isFalse(isStated({ provider: "openai", model: "gpt-4o", serviceTier: "default", images: [] }))
    for (const fields of [{ inputTokens: 0 }, { outputTokens: 0 }, { reasoningTokens: 1 }, { statedCost: 0 }]) {
      assert.isTrue(isStated(fields), JSON.stringify(fields))
    }
  })

  it("can state counts that no usage should have", () => {
    const metadata = new CostMetadata.CostMetadata({ inputTokens: -1, outputTokens: 0.5, cachedTokens: Number.NaN })
    assert.strictEqual(metadata.inputTokens, -1)
    assert.deepStrictEqual(Schema.decodeUnknownSync(CostMetadata.CostMetadata)({ inputTokens: -1 }).inputTokens, -1)
  })

  it("is merged field by field, the later statement winning", () => {
    const start = new CostMetadata.CostMetadata({ model: "m", serviceTier: "auto", outputTokens: 1 })
    const end = new CostMetadata.CostMetadata({ serviceTier: "default", outputTokens: 15 })
    const merged = CostMetadata.merge(start, end)
    assert.instanceOf(merged, CostMetadata.CostMetadata)
    assert.deepStrictEqual({ ...merged }, { model: "m", serviceTier: "default", outputTokens: 15 })
  })
})

describe("calculate", () => {
  it("charges cached tokens once", () => {
    // 800 × 2.50 + 200 × 1.25 + 100 × 10.00 = 2000 + 250 + 1000 = 3250 millionths of a dollar
    const cost = costOf({ inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }, gpt4o)
    assert.strictEqual(total(cost), "0.00325")
    assert.deepStrictEqual(Cost.toJson(cost), {
      total: 0.00325,
      currency: "USD",
      priceDate: "2026-01-01",
      pricedAs: ["openai/gpt-4o"],
      overridden: [],
      input: 0.002,
      cached: 0.00025,
      cacheWrite: 0,
      output: 0.001,
      audio: 0,
      image: 0,
      requests: 0,
      components: [
        { name: "input", quantity: 800, unitPrice: 0.0000025, amount: 0.002 },
        { name: "cached", quantity: 200, unitPrice: 0.00000125, amount: 0.00025 },
        { name: "output", quantity: 100, unitPrice: 0.00001, amount: 0.001 }
      ],
      flags: []
    })
  })

  it("reads data-last too", () => {
    const metadata = new CostMetadata.CostMetadata({ inputTokens: 1000, outputTokens: 0 })
    assert.strictEqual(total(Cost.calculate(gpt4o)(metadata)), "0.0025")
  })

  it("prices cache writes by lifetime, apart from uncached input", () => {
    // 1000 × 3 + 1000 × 3.75 + 2000 × 6 + 100 × 15 = 3000 + 3750 + 12000 + 1500
    const cost = costOf({
      inputTokens: 4000,
      cacheWriteTokens: 3000,
      cacheWrite5mTokens: 1000,
      cacheWrite1hTokens: 2000,
      outputTokens: 100
    }, sonnet)
    assert.strictEqual(total(cost), "0.02025")
    assert.strictEqual(BigDecimal.format(cost.cacheWrite), "0.01575")
    assert.isTrue(cost.isComplete)
  })

  it("prices cache writes of twelve hours at their own rate, and flags them where there is none", () => {
    // 1000 × 2.5 + 2000 × 5
    const metadata = { inputTokens: 3000, cacheWriteTokens: 3000, cacheWrite30mTokens: 1000, cacheWrite12hTokens: 2000 }
    const price = { provider: "openai", model: "gpt-6.2-sol", input: 2, cacheWrite: 2.5, output: 10 }
    const cost = costOf({ ...metadata, outputTokens: 0 }, { ...price, cacheWrite12h: 5 })
    assert.strictEqual(total(cost), "0.0125")
    assert.strictEqual(BigDecimal.format(cost.cacheWrite), "0.0125")
    assert.isTrue(cost.isComplete)
    // The total of the writes follows from their parts: 1000 × 2.50.
    const { cacheWriteTokens: _, ...parts } = metadata
    assert.strictEqual(total(costOf({ ...parts, outputTokens: 0 }, { ...price, cacheWrite12h: 5 })), "0.0125")
    const unknown = costOf({ ...metadata, outputTokens: 0 }, price)
    assert.strictEqual(total(unknown), "0.0025")
    assert.deepStrictEqual(unknown.flags, [{ kind: "unpriced", subject: "cacheWrite12h", quantity: 2000 }])
  })

  it("takes cache writes without a split as those of the default lifetime", () => {
    // 3000 × 3.75 = 11250; 1000 × 3.75 + 2000 × 6 = 15750
    assert.strictEqual(total(costOf({ inputTokens: 3000, cacheWriteTokens: 3000, outputTokens: 0 }, sonnet)), "0.01125")
    assert.strictEqual(
      total(costOf({ inputTokens: 3000, cacheWriteTokens: 3000, cacheWrite1hTokens: 2000, outputTokens: 0 }, sonnet)),
      "0.01575"
    )
  })

  it("prices the whole request at the long-context rates past the threshold, not at it", () => {
    // 200000 × 3 + 1000 × 15 = 615000; 200001 × 6 + 1000 × 22.5 = 1222506
    assert.strictEqual(total(costOf({ inputTokens: 200_000, outputTokens: 1000 }, sonnet)), "0.615")
    assert.strictEqual(total(costOf({ inputTokens: 200_001, outputTokens: 1000 }, sonnet)), "1.222506")
    // 100000 × 6 + 150000 × 0.6: the threshold counts cached tokens
    assert.strictEqual(
      total(costOf({ inputTokens: 250_000, cachedTokens: 150_000, outputTokens: 0 }, sonnet)),
      "0.69"
    )
  })

  it("prices model calls that are stated one by one, by the size of each", () => {
    const call = (inputTokens: number) => ({ type: "message", included: true, inputTokens, outputTokens: 0 })
    // Two calls below the threshold: 300000 × 3; one above it: 250000 × 6 + 50000 × 3
    const below = costOf({ inputTokens: 300_000, outputTokens: 0, iterations: [call(150_000), call(150_000)] }, sonnet)
    assert.strictEqual(total(below), "0.9")
    assert.deepStrictEqual(below.flags, [])
    const above = costOf({ inputTokens: 300_000, outputTokens: 0, iterations: [call(250_000), call(50_000)] }, sonnet)
    assert.strictEqual(total(above), "1.65")
  })

  it("adds model calls beside the totals, and the fees of tools once", () => {
    // 55096 × 0.30 + 100 × 3 + 83 × 15, beside 181 × 3 + 8 × 15; two searches at 0.01
    const cost = costOf({
      inputTokens: 181,
      outputTokens: 8,
      serverToolRequests: { web_search: 2 },
      iterations: [
        { type: "compaction", included: false, inputTokens: 55_196, cachedTokens: 55_096, outputTokens: 83 },
        { type: "message", included: true, inputTokens: 181, outputTokens: 8 }
      ]
    }, sonnet)
    assert.strictEqual(total(cost), "0.0387368")
    assert.deepStrictEqual(cost.flags, [])
  })

  it("adds calls beside totals that are stated as a sum, which stays a sum", () => {
    const loop = { inputTokens: 404_500, outputTokens: 943, serverToolRequests: { web_search: 10 } }
    const image = {
      type: "image_generation",
      included: false,
      model: "painter",
      serviceTier: "default",
      inputTokens: 50,
      inputImageTokens: 40,
      outputTokens: 1000,
      outputImageTokens: 1000
    }
    const painter = { provider: "openai", model: "painter", input: 5, inputImage: 8, outputImage: 30 }
    const metadata = new CostMetadata.CostMetadata({
      ...loop,
      model: "sonnet",
      serviceTier: "batch",
      iterations: [image]
    })
    const cost = Cost.calculateEach(
      metadata,
      ({ model }) => model === "painter" ? painter : sonnet
    )
    // (404500 × 3 + 943 × 15) / 2, ten searches at 0.01, and 10 × 5 + 40 × 8 + 1000 × 30 at the default tier
    assert.strictEqual(total(cost), "0.7441925")
    assert.strictEqual(BigDecimal.format(cost.image), "0.03032")
    assert.deepStrictEqual(cost.flags, [{ kind: "unknownContextLength", subject: "inputTokens" }])
    const unknown = Cost.calculate(metadata, sonnet)
    assert.deepInclude(unknown.flags, { kind: "unpriced", subject: "painter", quantity: 1050 })
    assert.strictEqual(total(unknown), "0.7138225")
  })

  it("says when model calls do not add up to the totals, and leaves out those of a model without a price", () => {
    const cost = costOf({
      model: "claude-sonnet-4-5",
      inputTokens: 100,
      outputTokens: 10,
      iterations: [
        { type: "message", included: true, inputTokens: 90, outputTokens: 10 },
        { type: "advisor_message", included: false, model: "another", inputTokens: 20, outputTokens: 5 }
      ]
    }, sonnet)
    // 90 × 3 + 10 × 15
    assert.strictEqual(total(cost), "0.00042")
    assert.deepStrictEqual(cost.flags, [
      { kind: "inconsistentCounts", subject: "iterations" },
      { kind: "unpriced", subject: "another", quantity: 25 }
    ])
  })

  it("does not take the sum of a loop of server tools for the size of one call", () => {
    // 404500 × 3 + 943 × 15, and ten searches
    const loop = { inputTokens: 404_500, outputTokens: 943, serverToolRequests: { web_search: 10 } }
    const cost = costOf(loop, sonnet)
    assert.strictEqual(total(cost), "1.327645")
    assert.deepStrictEqual(cost.flags, [{ kind: "unknownContextLength", subject: "inputTokens" }])
    assert.deepStrictEqual(costOf({ ...loop, inputTokens: 1000 }, sonnet).flags, [])
  })

  it("prices audio and text apart, in and out", () => {
    // 200 × 2.50 + 800 × 32 + 20 × 10 + 80 × 64 = 500 + 25600 + 200 + 5120
    const price: Price.Price = { ...gpt4o, inputAudio: 32, outputAudio: 64 }
    const cost = costOf(
      { inputTokens: 1000, inputAudioTokens: 800, outputTokens: 100, outputAudioTokens: 80 },
      price
    )
    assert.strictEqual(total(cost), "0.03142")
    assert.strictEqual(BigDecimal.format(cost.audio), "0.03072")
  })

  it("takes audio tokens from the pieces of audio where no total is stated", () => {
    const cost = costOf({
      inputTokens: 100,
      audio: [{ durationSeconds: 3, tokens: 30 }, { tokens: 10 }],
      outputTokens: 50,
      audioOutput: [{ tokens: 50 }]
    }, { ...gpt4o, inputAudio: 32, outputAudio: 64 })
    assert.deepStrictEqual(quantities(cost), { input: 60, inputAudio: 40, outputAudio: 50 })
  })

  it("says when pieces of audio or images do not state their tokens, which are then within the text", () => {
    const price: Price.Price = { ...gpt4o, inputAudio: 32, outputAudio: 64, inputImage: 5 }
    const metadata = {
      inputTokens: 100,
      outputTokens: 50,
      audio: [{ durationSeconds: 3 }, { tokens: 10 }],
      audioOutput: [{ durationSeconds: 3 }],
      images: [{ width: 512, height: 512 }]
    }
    assert.deepStrictEqual(costOf(metadata, price).flags, [
      { kind: "missingCount", subject: "audio" },
      { kind: "missingCount", subject: "audioOutput" },
      { kind: "missingCount", subject: "images" }
    ])
    const stated = { ...metadata, inputAudioTokens: 40, outputAudioTokens: 50, inputImageTokens: 20 }
    assert.deepStrictEqual(costOf(stated, price).flags, [])
    // Images that cost what text costs need no count.
    assert.notInclude(costOf(metadata, gpt4o).flags.map(({ subject }) => subject), "images")
  })

  it("leaves audio without a price out and says so", () => {
    const cost = costOf({ inputTokens: 1000, inputAudioTokens: 800, outputTokens: 0 }, gpt4o)
    // 200 × 2.50
    assert.strictEqual(total(cost), "0.0005")
    assert.deepStrictEqual(cost.flags, [{ kind: "unpriced", subject: "inputAudio", quantity: 800 }])
    assert.isFalse(cost.isComplete)
  })

  it("bills images like text unless they have a price of their own", () => {
    const metadata = { inputTokens: 1000, inputImageTokens: 400, outputTokens: 0 }
    // 1000 × 2.50; 600 × 2.50 + 400 × 5
    assert.strictEqual(total(costOf(metadata, gpt4o)), "0.0025")
    assert.strictEqual(total(costOf(metadata, { ...gpt4o, inputImage: 5 })), "0.0035")
  })

  it("prices images by the piece where the price says so", () => {
    const images = [{ width: 512, height: 512, detail: "low" }, {}]
    assert.strictEqual(total(costOf({ inputTokens: 0, outputTokens: 0, images }, { ...gpt4o, image: 0.002 })), "0.004")
  })

  it("adds the fees of server tools by the request, and flags kinds without a known fee", () => {
    const cost = costOf({
      inputTokens: 0,
      outputTokens: 0,
      serverToolRequests: { web_search_requests: 2, web_search: 1, web_fetch_requests: 5, code_execution: 1, none: 0 }
    }, sonnet)
    // 3 × $0.01; fetching is free
    assert.strictEqual(total(cost), "0.03")
    assert.deepStrictEqual(cost.flags, [{ kind: "unpriced", subject: "code_execution", quantity: 1 }])
  })

  it("adds a fee by the request", () => {
    assert.strictEqual(total(costOf({ inputTokens: 0, outputTokens: 0 }, { ...gpt4o, request: 0.005 })), "0.005")
  })

  it("multiplies token prices, cache included, but not tool fees, by tier, speed and geography", () => {
    const metadata = {
      inputTokens: 2000,
      cachedTokens: 1000,
      outputTokens: 100,
      serverToolRequests: { web_search: 1 }
    }
    // (1000 × 3 + 1000 × 0.3 + 100 × 15) = 4800 millionths
    assert.strictEqual(total(costOf(metadata, sonnet)), "0.0148")
    assert.strictEqual(total(costOf({ ...metadata, serviceTier: "batch" }, sonnet)), "0.0124")
    assert.strictEqual(total(costOf({ ...metadata, batchMode: true }, sonnet)), "0.0124")
    for (const serviceTier of ["batch", "standard", "priority"]) {
      assert.strictEqual(total(costOf({ ...metadata, batchMode: true, serviceTier }, sonnet)), "0.0124")
    }
    assert.strictEqual(total(costOf({ ...metadata, speed: "standard", inferenceGeo: "global" }, sonnet)), "0.0148")
    // 4800 × 6 × 1.1 = 31680
    assert.strictEqual(total(costOf({ ...metadata, speed: "fast", inferenceGeo: "us" }, sonnet)), "0.04168")
  })

  it("takes a tier's own rates where it lists them, below the long-context threshold", () => {
    const price: Price.Price = {
      ...gpt4o,
      longContext: { above: 1000, input: 5 },
      serviceTiers: { priority: { input: 4, output: 17 } }
    }
    assert.strictEqual(total(costOf({ inputTokens: 1000, outputTokens: 0, serviceTier: "priority" }, price)), "0.004")
    const long = costOf({ inputTokens: 2000, outputTokens: 0, serviceTier: "priority" }, price)
    assert.strictEqual(total(long), "0.01")
    assert.deepStrictEqual(long.flags, [{ kind: "unknownServiceTier", subject: "priority" }])
    // The tier lists no cached price: not the standard one, not a guess.
    const cached = costOf({ inputTokens: 10, cachedTokens: 10, outputTokens: 0, serviceTier: "priority" }, price)
    assert.deepStrictEqual(cached.flags, [{ kind: "unpriced", subject: "cached", quantity: 10 }])
  })

  it("prices at the standard rate, and says so, what has an unknown tier, speed, geography or region", () => {
    const cost = costOf({
      inputTokens: 1000,
      outputTokens: 0,
      serviceTier: "platinum",
      speed: "warp",
      inferenceGeo: "moon",
      region: "eu-west-1"
    }, { ...sonnet, regions: ["us-east-1"] })
    assert.strictEqual(total(cost), "0.003")
    assert.deepStrictEqual(cost.flags.map(({ kind, subject }) => [kind, subject]), [
      ["unknownInferenceGeo", "moon"],
      ["unknownRegion", "eu-west-1"],
      ["unknownServiceTier", "platinum"],
      ["unknownSpeed", "warp"]
    ])
    assert.isTrue(
      costOf({ inputTokens: 1, outputTokens: 1, region: "us-east-1" }, {
        ...sonnet,
        regions: ["us-east-1"]
      }).isComplete
    )
  })

  it("is not fooled by tiers that are named like members of objects", () => {
    for (const serviceTier of ["constructor", "__proto__", "toString"]) {
      const cost = costOf({ inputTokens: 1000, outputTokens: 0, serviceTier }, sonnet)
      assert.deepStrictEqual(cost.flags, [{ kind: "unknownServiceTier", subject: serviceTier }])
    }
  })

  it("clamps parts that are larger than the whole, and says so", () => {
    const cost = costOf({ inputTokens: 100, cachedTokens: 150, outputTokens: 10, reasoningTokens: 20 }, gpt4o)
    assert.deepStrictEqual(quantities(cost), { cached: 100, output: 10 })
    assert.deepStrictEqual(cost.flags, [
      { kind: "inconsistentCounts", subject: "cachedTokens" },
      { kind: "inconsistentCounts", subject: "reasoningTokens" }
    ])
  })

  it("clamps counts that are no counts, and says so", () => {
    const cost = costOf({
      inputTokens: -5,
      outputTokens: 10.7,
      reasoningTokens: Number.NaN,
      outputAudioTokens: Number.POSITIVE_INFINITY,
      inputImageTokens: -1,
      cachedImageTokens: 0.5,
      serverToolRequests: { web_search: -1 }
    }, sonnet)
    assert.deepStrictEqual(quantities(cost), { output: 10 })
    assert.deepStrictEqual(cost.flags.map(({ kind, subject }) => [kind, subject]), [
      ["invalidCount", "cachedImageTokens"],
      ["invalidCount", "inputImageTokens"],
      ["invalidCount", "inputTokens"],
      ["invalidCount", "outputAudioTokens"],
      ["invalidCount", "outputTokens"],
      ["invalidCount", "reasoningTokens"],
      ["invalidCount", "serverToolRequests.web_search"]
    ])
    const absurd = costOf({ inputTokens: 1e300, outputTokens: 0 }, gpt4o)
    assert.deepStrictEqual(quantities(absurd), { input: Number.MAX_SAFE_INTEGER })
    assert.deepStrictEqual(absurd.flags, [{ kind: "invalidCount", subject: "inputTokens" }])
  })

  it("says which counts were not stated", () => {
    const cost = costOf({}, gpt4o)
    assert.strictEqual(total(cost), "0")
    assert.deepStrictEqual(cost.flags, [
      { kind: "missingCount", subject: "inputTokens" },
      { kind: "missingCount", subject: "outputTokens" }
    ])
  })

  it("says that a cached response may not have been billed", () => {
    const cost = costOf({ inputTokens: 1000, outputTokens: 0, cachedResponse: true }, gpt4o)
    assert.strictEqual(total(cost), "0.0025")
    assert.deepStrictEqual(cost.flags, [{ kind: "cachedResponse", subject: "cachedResponse" }])
  })

  it("takes the cost that the provider states, if it is an amount of money", () => {
    const stated = costOf({ inputTokens: 1000, outputTokens: 1000, statedCost: 0.0042 }, gpt4o)
    assert.strictEqual(total(stated), "0.0042")
    assert.isTrue(stated.isComplete)
    for (const statedCost of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const cost = costOf({ inputTokens: 1000, outputTokens: 0, statedCost }, gpt4o)
      assert.strictEqual(total(cost), "0.0025")
      assert.deepStrictEqual(cost.flags, [{ kind: "invalidCount", subject: "statedCost" }])
    }
  })

  it("treats rates that are no prices as unknown", () => {
    const cost = costOf({ inputTokens: 10, outputTokens: 10 }, { ...gpt4o, input: Number.NaN, output: -1 })
    assert.strictEqual(total(cost), "0")
    assert.deepStrictEqual(cost.flags.map(({ subject }) => subject), ["input", "output"])
  })

  it.prop(
    "never throws, is never negative and adds up, whatever the metadata and the price",
    [CostMetadata.CostMetadata, Price.Price],
    ([metadata, price]) => {
      const cost = Cost.calculate(metadata, price)
      assert.isFalse(BigDecimal.isNegative(cost.total))
      assert.isTrue(BigDecimal.equals(cost.total, BigDecimal.sumAll(cost.components.map(({ amount }) => amount))))
      for (const { amount, quantity, unitPrice } of cost.components) {
        assert.isTrue(Number.isSafeInteger(quantity) && quantity > 0)
        assert.isTrue(
          unitPrice !== undefined &&
            BigDecimal.equals(amount, BigDecimal.multiply(BigDecimal.fromBigInt(BigInt(quantity)), unitPrice))
        )
      }
      Schema.asserts(Cost.Json, Cost.toJson(cost))
    }
  )

  it.prop("puts every token into exactly one bucket", [consistent], ([metadata]) => {
    const { output = 0, outputAudio = 0, ...input } = quantities(
      Cost.calculate(new CostMetadata.CostMetadata(metadata), everything)
    )
    assert.strictEqual(Object.values(input).reduce((a, b) => a + b, 0), metadata.inputTokens)
    assert.strictEqual(output + outputAudio, metadata.outputTokens)
  })

  it.prop("is the sum of the costs of its buckets", [consistent], ([metadata]) => {
    const { cachedTokens, cacheWrite12hTokens, cacheWrite1hTokens, cacheWriteTokens, inputAudioTokens, inputTokens } =
      metadata
    const apart = [
      new CostMetadata.CostMetadata({ inputTokens: cachedTokens, cachedTokens }),
      new CostMetadata.CostMetadata({
        inputTokens: cacheWriteTokens,
        cacheWriteTokens,
        cacheWrite1hTokens,
        cacheWrite12hTokens
      }),
      new CostMetadata.CostMetadata({ inputTokens: inputAudioTokens, inputAudioTokens }),
      new CostMetadata.CostMetadata({ inputTokens: inputTokens - cachedTokens - cacheWriteTokens - inputAudioTokens }),
      new CostMetadata.CostMetadata({
        outputTokens: metadata.outputTokens,
        outputAudioTokens: metadata.outputAudioTokens
      })
    ].map(Cost.calculate(everything))
    assert.strictEqual(
      total(Cost.sumAll(apart)),
      total(Cost.calculate(new CostMetadata.CostMetadata(metadata), everything))
    )
  })

  it.prop("never falls when tokens are added", [consistent, extra, extra], ([metadata, input, output]) => {
    const more = new CostMetadata.CostMetadata({
      ...metadata,
      inputTokens: metadata.inputTokens + input,
      outputTokens: metadata.outputTokens + output
    })
    for (const price of [everything, sonnet]) {
      assert.isTrue(
        BigDecimal.isGreaterThanOrEqualTo(
          Cost.calculate(more, price).total,
          Cost.calculate(new CostMetadata.CostMetadata(metadata), price).total
        )
      )
    }
  })
})

describe("sum", () => {
  it.prop("counts all that was left unpriced, once a subject", [
    Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })))
  ], ([counts]) => {
    const costs = counts.map((code_execution) =>
      costOf({ inputTokens: 0, outputTokens: 0, serverToolRequests: { code_execution } }, sonnet)
    )
    assert.deepStrictEqual(Cost.sumAll(costs).flags, [
      { kind: "unpriced", subject: "code_execution", quantity: counts.reduce((a, b) => a + b, 0) }
    ])
  })

  it("adds component by component", () => {
    const cost = Cost.sum(
      costOf({ inputTokens: 1000, outputTokens: 100 }, gpt4o),
      costOf({ inputTokens: 1000, outputTokens: 100 }, { ...sonnet, date: "2025-12-31" })
    )
    // 1000 × 2.50 + 100 × 10 + 1000 × 3 + 100 × 15
    assert.deepStrictEqual(encode(cost), {
      currency: "USD",
      total: "0.008",
      components: [
        { name: "input", quantity: 2000, amount: "0.0055" },
        { name: "output", quantity: 200, amount: "0.0025" }
      ],
      flags: [],
      pricedAs: ["anthropic/claude-sonnet-4-5", "openai/gpt-4o"],
      priceDate: "2025-12-31"
    })
  })

  it.prop("is associative and commutative, with zero as neutral element", [costs, costs, costs], ([a, b, c]) => {
    assert.deepStrictEqual(encode(Cost.sum(Cost.sum(a, b), c)), encode(Cost.sum(a, Cost.sum(b, c))))
    assert.deepStrictEqual(encode(Cost.sum(a, b)), encode(Cost.sum(b, a)))
    assert.deepStrictEqual(encode(Cost.sum(a, Cost.zero)), encode(a))
    assert.deepStrictEqual(encode(Cost.sumAll([a, b, c])), encode(Cost.sum(a, Cost.sum(b, c))))
  })

  it("of a million costs equals the closed form", () => {
    const some = Array.from(
      { length: 1000 },
      (_, i) => costOf({ inputTokens: i, outputTokens: 7 }, gpt4o)
    )
    const million = function*() {
      for (let i = 0; i < 1000; i++) yield* some
    }
    // 1000 × (0 + 1 + … + 999) × 2.50 + 1000000 × 7 × 10 = 1000 × 499500 × 2.50 + 70000000 millionths
    assert.strictEqual(total(Cost.sumAll(million())), "1318.75")
  })
})

describe("encoding", () => {
  it.prop("keeps every digit", [costs], ([cost]) => {
    const codec = Schema.toCodecJson(Cost.Cost)
    const json = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(cost)))
    assert.deepStrictEqual(encode(Schema.decodeUnknownSync(codec)(json)), encode(cost))
  })
})

const total = (cost: Cost.Cost): string => BigDecimal.format(cost.total)

const encode = Schema.encodeSync(Cost.Cost)

function costOf(metadata: ConstructorParameters<typeof CostMetadata.CostMetadata>[0], price: Price.Price): Cost.Cost {
  return Cost.calculate(new CostMetadata.CostMetadata(metadata), price)
}

const quantities = (cost: Cost.Cost): Record<string, number> =>
  Object.fromEntries(cost.components.map(({ name, quantity }) => [name, quantity]))
