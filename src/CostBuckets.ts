/**
 * Splits the token counts of a completion into the components that have prices.
 *
 * @stability unstable
 * @since 0.2.0
 */
import type { CostMetadata } from "./CostMetadata.ts"
import * as Price from "./Price.ts"
import { count } from "./Usage.ts"

/**
 * A problem of a count: `missingCount`, not stated; `invalidCount`, not a count; `inconsistentCounts`, larger than the
 * count it is part of.
 *
 * @category models
 * @since 0.2.0
 */
export type Problem = "missingCount" | "invalidCount" | "inconsistentCounts"

/**
 * Takes a problem of the count `subject`.
 *
 * @category models
 * @since 0.2.0
 */
export type Report = (kind: Problem, subject: string) => void

/**
 * The tokens of each component: disjoint, and together exactly the input and output tokens.
 *
 * @category models
 * @since 0.2.0
 */
export type Buckets = Readonly<Record<Price.TokenComponent, number>>

/**
 * A stated count as a valid one: 0 when it was not stated; clamped, and reported, when it is negative, fractional, not
 * finite or too large.
 *
 * @example
 * ```ts
 * import * as CostBuckets from "effect-llm-stream/CostBuckets"
 *
 * CostBuckets.clean("inputTokens", -1, () => {}) // 0
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const clean = (subject: string, stated: number | undefined, report: Report): number => {
  if (stated === undefined) return 0
  const valid = count(stated) ?? 0
  if (valid !== stated) report("invalidCount", subject)
  return valid
}

/**
 * Splits counts into components. `rates` decides only whether images are apart from text. Total: counts that do not
 * add up are clamped and reported.
 *
 * @example
 * ```ts
 * import { CostMetadata } from "effect-llm-stream"
 * import * as CostBuckets from "effect-llm-stream/CostBuckets"
 *
 * const metadata = new CostMetadata.CostMetadata({ inputTokens: 1000, cachedTokens: 200, outputTokens: 100 })
 * const buckets = CostBuckets.split(metadata, {}, () => {})
 * buckets.input // 800
 * buckets.cached // 200
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const split = (metadata: CostMetadata, rates: Price.Rates, report: Report): Buckets => {
  for (const field of ["inputTokens", "outputTokens"] as const) {
    if (metadata[field] === undefined) report("missingCount", field)
  }
  const left = poolsOf(metadata, rates, report)
  const buckets: Record<string, number> = {}
  for (const name of drawn) {
    const { count, pools }: Price.TokenComponentRow = Price.tokenComponents[name]
    const own = pools[pools.length - 1] ?? pools[0]
    const field = count ?? poolFields[own]
    const stated = count === undefined ? left[own] : clean(count, metadata[count], report)
    const wanted = stated === 0 || rates.inputImage === undefined && pools.includes("inputImage") ? 0 : stated
    buckets[name] = wanted
    if (wanted === 0) continue
    const tokens = pools.reduce((least, pool) => Math.min(least, left[pool]), wanted)
    if (tokens < wanted) report("inconsistentCounts", field)
    for (const pool of pools) left[pool] -= tokens
    buckets[name] = tokens
  }
  return buckets as Record<Price.TokenComponent, number>
}

// Stated parts first, then what they leave of the smaller pools, last what is left of a whole side.
const drawn: ReadonlyArray<Price.TokenComponent> = Price.tokenComponentNames
  .map((name) => {
    const { count, pools }: Price.TokenComponentRow = Price.tokenComponents[name]
    return { name, turn: count !== undefined ? 0 : pools.length > 1 ? 1 : 2 }
  })
  .sort((a, b) => a.turn - b.turn)
  .map(({ name }) => name)

const poolFields: Readonly<Record<Price.Pool, Price.CountField>> = {
  input: "inputTokens",
  cached: "cachedTokens",
  cacheWrite: "cacheWriteTokens",
  inputAudio: "inputAudioTokens",
  inputImage: "inputImageTokens",
  output: "outputTokens",
  outputAudio: "outputAudioTokens",
  outputImage: "outputImageTokens"
}

const lifetimes = ["cacheWrite5mTokens", "cacheWrite30mTokens", "cacheWrite1hTokens", "cacheWrite12hTokens"] as const

const poolsOf = (metadata: CostMetadata, rates: Price.Rates, report: Report): Record<Price.Pool, number> => {
  const read = (field: Price.CountField): number => clean(field, metadata[field], report)
  const part = (field: Price.CountField, tokens: number, of: number): number => {
    if (tokens > of) report("inconsistentCounts", field)
    return Math.min(tokens, of)
  }
  // Pieces that do not state their tokens count as text, which the report says.
  const readOrSum = (field: Price.CountField, pieces: "audio" | "audioOutput" | "images"): number => {
    if (metadata[field] !== undefined) return read(field)
    const parts = metadata[pieces] ?? []
    if (parts.some(({ tokens }) => tokens === undefined)) report("missingCount", pieces)
    return clean(pieces, parts.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0), report)
  }
  const input = read("inputTokens")
  const cached = part("cachedTokens", read("cachedTokens"), input)
  // A total without its split, or more than its split, was written with the provider's default lifetime.
  const split = lifetimes.reduce((sum, field) => sum + read(field), 0)
  const total = read("cacheWriteTokens")
  if (metadata.cacheWriteTokens !== undefined && total < split) report("inconsistentCounts", "cacheWriteTokens")
  // Without a price of their own, images are text.
  const inputImage = rates.inputImage === undefined
    ? read("inputImageTokens")
    : readOrSum("inputImageTokens", "images")
  const output = read("outputTokens")
  part("reasoningTokens", read("reasoningTokens"), output)
  const outputAudio = part("outputAudioTokens", readOrSum("outputAudioTokens", "audioOutput"), output)
  return {
    input,
    cached,
    cacheWrite: part("cacheWriteTokens", Math.max(split, total), input - cached),
    inputAudio: readOrSum("inputAudioTokens", "audio"),
    inputImage,
    output,
    outputAudio,
    outputImage: part("outputImageTokens", read("outputImageTokens"), output - outputAudio)
  }
}
