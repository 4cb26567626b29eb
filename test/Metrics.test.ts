import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Stream } from "effect"
import * as Operation from "../src/engine/operation.ts"
import { OpenAiChunk, Telemetry } from "../src/index.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"
import * as Store from "../src/stores/Store.ts"

const counters: Readonly<Record<string, Metric.Counter<number>>> = {
  "gen_ai.client.inference.usage.input_tokens": Telemetry.tokenCounters.input,
  "gen_ai.client.inference.usage.output_tokens": Telemetry.tokenCounters.output,
  "gen_ai.client.inference.usage.cache_read.input_tokens": Telemetry.tokenCounters.cacheRead,
  "gen_ai.client.inference.usage.cache_write.input_tokens": Telemetry.tokenCounters.cacheWrite,
  "gen_ai.client.inference.usage.reasoning.output_tokens": Telemetry.tokenCounters.reasoning,
  llm_stream_cost_usd: Ledger.costMetric,
  llm_stream_price_refresh_failures: PricingRefresh.failuresMetric
}

describe("a counter", () => {
  for (const [name, counter] of Object.entries(counters)) {
    it.effect(`says what it counts, and only rises: ${name}`, () =>
      Effect.gen(function*() {
        yield* Metric.update(counter, 2)
        yield* Metric.update(counter, -1)
        assert.strictEqual(Number((yield* Metric.value(counter)).count), 2)
        const [snapshot, ...others] = yield* Metric.snapshot
        assert.lengthOf(others, 0)
        assert.strictEqual(snapshot?.id, name)
        assert.match(snapshot?.description ?? "", /^[A-Z][a-z]+ /)
      }).pipe(Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))))
  }
})

/** What others name, once under each of many names. */
const named: Readonly<Record<string, (name: string) => Effect.Effect<unknown, unknown, Store.Store>>> = {
  "models, with telemetry made for each request": (model) => {
    const stream = () => Stream.make(new OpenAiChunk({ chunk: { model, choices: [] } }))
    return Stream.runDrain(Telemetry.traced({ name: "test", stream }).stream({ prompt: "Hi" }))
  },
  "models asked for, with telemetry made for each request": (model) =>
    Stream.runDrain(Telemetry.traced({ name: "test", stream: () => Stream.empty }).stream({ model, prompt: "Hi" })),
  "tools": (name) =>
    Stream.runDrain(
      Operation.executeTool(Stream.make({ result: 1, isFailure: false }), { id: "c", name, params: {} }, undefined)
    ),
  "providers, and their models": (name) =>
    Stream.make(
      new OpenAiChunk({ provider: name, chunk: { model: name, usage: { prompt_tokens: 1, cost: 1 } } })
    ).pipe(Ledger.track(), Stream.runDrain)
}

describe("the labels of metrics", () => {
  for (const [what, call] of Object.entries(named)) {
    it.effect(`are kept few, whatever the names of ${what}`, () =>
      Effect.gen(function*() {
        for (let n = 0; n < 1_500; n++) yield* call(`name${n}`)
        const counts = new Map<string, number>()
        for (const { id } of yield* Metric.snapshot) counts.set(id, (counts.get(id) ?? 0) + 1)
        assert.isAbove(counts.size, 0)
        for (const [id, count] of counts) assert.isBelow(count, 1_200, id)
      }).pipe(
        Effect.provide(Store.layerMemory),
        Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))
      ))
  }
})
