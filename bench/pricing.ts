/**
 * How long looking up a price and computing a cost take. Run with `node bench/pricing.ts`.
 */
import * as Result from "effect/Result"
import * as Cost from "../src/Cost.ts"
import * as CostMetadata from "../src/CostMetadata.ts"
import * as Pricing from "../src/Pricing.ts"
import { snapshot } from "../src/pricing/snapshot.ts"

const rounds = 15
const pricing = Pricing.makeUnsafe({ tables: snapshot })
const metadata = new CostMetadata.CostMetadata({
  provider: "anthropic",
  model: "claude-sonnet-4-5-20250929",
  inputTokens: 4000,
  cachedTokens: 500,
  cacheWriteTokens: 3000,
  cacheWrite1hTokens: 2000,
  outputTokens: 100,
  serviceTier: "standard"
})
const price = Result.getOrThrow(pricing.lookup("anthropic", "claude-sonnet-4-5"))
const thousand = Array.from({ length: 1000 }, () => Cost.calculate(metadata, price))
const arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0"

/** What is timed, how many operations one run of it is, and the bar in nanoseconds. */
const subjects: ReadonlyArray<
  readonly [name: string, operations: number, bar: number | undefined, run: () => unknown]
> = [
  ["look-up by exact id", 1, 1_000, () => pricing.lookup("openai", "gpt-4o-2024-08-06")],
  ["look-up by rule: an unknown date", 1, 50_000, () => pricing.lookup("openai", "gpt-4o-2099-01-01")],
  ["look-up by rule: a fine-tuned model", 1, 50_000, () => pricing.lookup("openai", "ft:gpt-4o-2024-08-06:acme::1a2b")],
  ["look-up by rule: an inference-profile ARN", 1, 50_000, () => pricing.lookup("bedrock", arn)],
  ["look-up of an unknown model", 1, 50_000, () => pricing.lookup("openai", "nobody-knows-this-model-2026-01-01")],
  [
    "first look-up: table indexed",
    1,
    undefined,
    () => Pricing.makeUnsafe({ tables: snapshot }).lookup("bedrock", "amazon.nova-pro-v1:0")
  ],
  ["calculate, 5 components", 1, undefined, () => Cost.calculate(metadata, price)],
  ["look-up and calculate", 1, undefined, () => Pricing.costWith(metadata, pricing)],
  ["sumAll, per cost", thousand.length, undefined, () => Cost.sumAll(thousand)]
]

/** Nanoseconds an operation: the median of several rounds of at least 20 ms each. */
const time = (run: () => unknown): number => {
  let runs = 1
  const round = (): number => {
    const start = process.hrtime.bigint()
    for (let i = 0; i < runs; i++) run()
    return Number(process.hrtime.bigint() - start)
  }
  while (round() < 20e6) runs *= 2
  const times = Array.from({ length: rounds }, round).sort((a, b) => a - b)
  return (times[rounds >> 1] ?? 0) / runs
}

console.log(`Node ${process.version}, median of ${rounds} rounds\n`)
console.log("| operation | time | bar |\n| --- | ---: | ---: |")
let missed = false
for (const [name, operations, bar, run] of subjects) {
  const nanoseconds = time(run) / operations
  missed ||= bar !== undefined && nanoseconds > bar
  console.log(`| ${name} | ${micro(nanoseconds)} | ${bar === undefined ? "" : `< ${micro(bar)}`} |`)
}
if (missed) process.exitCode = 1

function micro(nanoseconds: number): string {
  return nanoseconds < 1000 ? `${nanoseconds.toFixed(0)} ns` : `${Number((nanoseconds / 1000).toPrecision(3))} µs`
}
