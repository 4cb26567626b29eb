import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { Telemetry } from "../src/index.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"

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
