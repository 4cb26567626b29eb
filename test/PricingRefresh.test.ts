import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, FileSystem, Layer, Metric, Schedule } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as CostMetadata from "../src/CostMetadata.ts"
import * as Pricing from "../src/Pricing.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"

const listOf = (input: number, date = "2026-11-20") => ({
  date,
  tables: [{
    provider: "openai",
    source: "our contract",
    date,
    defaults: {},
    models: { "gpt-4o": { input, output: 10 }, "new-model": { input: 1, output: 2 } },
    names: {}
  }]
})

const metadata = (model: string) =>
  new CostMetadata.CostMetadata({ provider: "openai", model, inputTokens: 1_000_000, outputTokens: 0 })

const costOf = (model: string) => Effect.map(Pricing.cost(metadata(model)), ({ total }) => BigDecimal.format(total))

const unavailable = Effect.fail(new PricingRefresh.PricesUnavailable({ source: "a test", reason: "away" }))

describe("PricingRefresh", () => {
  it.effect("reads prices on a schedule, and keeps those of the snapshot that the list does not have", () => {
    let input = 1
    const source = Effect.sync(() => listOf(input++))
    return Effect.gen(function*() {
      assert.strictEqual(yield* costOf("gpt-4o"), "1")
      assert.strictEqual(yield* costOf("new-model"), "1")
      // 1,000,000 × 0.15
      assert.strictEqual(yield* costOf("gpt-4o-mini"), "0.15")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* costOf("gpt-4o"), "2")
    }).pipe(Effect.provide(PricingRefresh.layer({ source })))
  })

  it.effect("applies overrides to refreshed prices", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* costOf("gpt-4o"), "2")
    }).pipe(
      Effect.provide(PricingRefresh.layer({
        source: Effect.succeed(listOf(4)),
        overrides: { openai: { "*": { factor: 0.5 } } }
      }))
    ))

  it.effect("keeps the prices that it has when a refresh fails or dies, and counts that", () => {
    let calls = 0
    const source = Effect.suspend(() => {
      calls++
      return calls === 1 ? Effect.succeed(listOf(1)) : calls === 2 ? unavailable : Effect.die("broken")
    })
    return Effect.gen(function*() {
      const before = (yield* Metric.value(PricingRefresh.failuresMetric)).count
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(calls, 3)
      assert.strictEqual(yield* costOf("gpt-4o"), "1")
      assert.strictEqual(Number((yield* Metric.value(PricingRefresh.failuresMetric)).count) - Number(before), 2)
    }).pipe(Effect.provide(PricingRefresh.layer({ source })))
  })

  it.effect("falls back to the snapshot when there is nothing else, and does not wait for ever", () =>
    Effect.gen(function*() {
      const program = costOf("gpt-4o").pipe(Effect.provide(PricingRefresh.layer({ source: Effect.never })))
      const fiber = yield* Effect.forkChild(program, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "2.5")
    }))

  it.effect("says how old the prices are", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      const cost = yield* Pricing.cost(metadata("gpt-4o")).pipe(
        Effect.provide(PricingRefresh.layer({ source: Effect.succeed(listOf(1)) }))
      )
      assert.strictEqual(cost.priceDate, "2026-11-20")
      assert.strictEqual((yield* Metric.value(PricingRefresh.ageMetric)).value, 2 * 86_400)
      assert.strictEqual(PricingRefresh.age(cost, Date.parse("2026-11-22"))?.toString().includes("2"), true)
    }))

  it.effect("keeps good prices in a store for the next start", () =>
    Effect.gen(function*() {
      const run = (source: Effect.Effect<PricingRefresh.PriceList, PricingRefresh.PricesUnavailable>) =>
        Effect.provide(costOf("gpt-4o"), PricingRefresh.layerStored({ source }))
      assert.strictEqual(yield* run(Effect.succeed(listOf(1))), "1")
      assert.strictEqual(yield* run(unavailable), "1")
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("effect-llm-stream/prices", "{ broken")
      assert.strictEqual(yield* run(unavailable), "2.5")
    }).pipe(Effect.provide(KeyValueStore.layerMemory)))

  it.effect("takes an edited file into the next cost, and leaves a broken one alone", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* files.makeTempFileScoped()
      yield* files.writeFileString(path, JSON.stringify(listOf(1)))
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* costOf("gpt-4o"), "1")
        yield* files.writeFileString(path, JSON.stringify(listOf(20)))
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.writeFileString(path, "{ broken")
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.remove(path)
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.writeFileString(path, JSON.stringify(listOf(3)))
        assert.strictEqual(yield* costOf("gpt-4o"), "3")
      }).pipe(Effect.provide(PricingRefresh.layerFile(path)))
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("reads a list from a URL, and says what the server answered instead", () => {
    const client = (status: number, body: string) =>
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status })))
        )
      )
    const read = PricingRefresh.fromUrl("https://prices.test/list.json")
    return Effect.gen(function*() {
      const list = yield* Effect.provide(read, client(200, JSON.stringify(listOf(1))))
      assert.strictEqual(list.tables[0]?.models["gpt-4o"]?.input, 1)
      const error = yield* Effect.flip(Effect.provide(read, client(503, "later")))
      assert.strictEqual(error._tag, "PricesUnavailable")
      assert.include(error.message, "prices.test")
    })
  })

  it.effect("refuses lists that can't be right, and says where", () =>
    Effect.gen(function*() {
      const refused = (list: unknown) =>
        Effect.map(Effect.flip(PricingRefresh.parse(JSON.stringify(list), "a test")), ({ message }) => message)
      assert.include(yield* refused(listOf(-1)), "a test")
      assert.match(yield* refused(listOf(0.0000025)), /gpt-4o input: .*per token/)
      assert.match(yield* refused({ ...listOf(1), tabels: [] }), /tabels/)
      assert.match(yield* refused(listOf(1, "yesterday")), /date/)
    }))

  it.effect("fails only for overrides that can't be right", () =>
    Effect.gen(function*() {
      const layer = PricingRefresh.layer({
        source: unavailable,
        schedule: Schedule.recurs(0),
        overrides: { openai: { "gpt-4o": { input: -1 } } }
      })
      const error = yield* Effect.flip(Effect.provide(costOf("gpt-4o"), layer))
      assert.strictEqual(error._tag, "InvalidPrices")
    }))
})
