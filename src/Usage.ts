/**
 * Token usage, normalised: the same meaning of every count whichever provider stated it.
 *
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { trusted } from "./internal/trusted.ts"

const tokens = Schema.optionalKey(Schema.Natural)

/**
 * Schema of the usage of one of the model calls behind a response.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Iteration = Schema.Struct({
  /** What the call was for, in the provider's words: Anthropic's `message`, `compaction`, `advisor_message`, … */
  type: Schema.String,
  /** The provider that was called; absent when it is the one that answers. */
  provider: Schema.optionalKey(Schema.String),
  /** The model that was called; absent when it is the one that answers. */
  model: Schema.optionalKey(Schema.String),
  /** Whether the response's totals include these tokens. If not, they are billed beside the totals. */
  included: Schema.Boolean,
  inputTokens: tokens,
  cachedTokens: tokens,
  cacheWriteTokens: tokens,
  cacheWrite5mTokens: tokens,
  cacheWrite1hTokens: tokens,
  inputImageTokens: tokens,
  outputTokens: tokens,
  outputImageTokens: tokens,
  /** The service tier that the call was served with; absent when it is that of the response. */
  serviceTier: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "UsageIteration" })

/**
 * The usage of one of the model calls behind a response.
 *
 * @category models
 * @since 0.2.0
 */
export type Iteration = typeof Iteration.Type

/**
 * Token usage as one chunk, or a whole stream, states it. All counts are tokens unless said otherwise; a count that
 * was not stated is `undefined`, never 0.
 *
 * - `inputTokens` includes cache reads and cache writes, for every provider.
 * - `uncachedInputTokens` is the part that was neither read from nor written to a cache, where the provider states
 *   that part instead of the total (Anthropic, Bedrock).
 * - `cachedTokens` are cache reads; `cacheWriteTokens` cache writes of any lifetime, of which the provider may state
 *   those that live five minutes or one hour (Anthropic, Bedrock), 30 minutes or twelve hours (OpenAI).
 * - `outputTokens` includes `reasoningTokens`, and accepted and rejected prediction tokens.
 * - `serverToolRequests` counts requests (not tokens) made by tools that the provider runs itself, by kind.
 * - `iterations` are the model calls behind the response, where the provider states them (Anthropic), or those beside
 *   it (OpenAI: the images that a tool made). Those with `included: false` (compaction, advisor, images) are billed, but
 *   are not in any of the counts above.
 * - `clampedCounts` names the counts that were invalid (negative, fractional, too large) and are clamped here; absent
 *   when there are none.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-llm-stream"
 *
 * const usage = new Usage.Usage({ inputTokens: 1000, cachedTokens: 200, outputTokens: 100 })
 * usage.totalTokens // 1100
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class Usage extends Schema.Class<Usage>("effect-llm-stream/Usage")({
  inputTokens: tokens,
  uncachedInputTokens: tokens,
  cachedTokens: tokens,
  cacheWriteTokens: tokens,
  cacheWrite5mTokens: tokens,
  cacheWrite30mTokens: tokens,
  cacheWrite1hTokens: tokens,
  cacheWrite12hTokens: tokens,
  inputTextTokens: tokens,
  inputAudioTokens: tokens,
  inputImageTokens: tokens,
  outputTokens: tokens,
  reasoningTokens: tokens,
  outputTextTokens: tokens,
  outputAudioTokens: tokens,
  outputImageTokens: tokens,
  acceptedPredictionTokens: tokens,
  rejectedPredictionTokens: tokens,
  serverToolRequests: Schema.optionalKey(Schema.Record(Schema.String, Schema.Natural)),
  iterations: Schema.optionalKey(Schema.Array(Iteration)),
  clampedCounts: Schema.optionalKey(Schema.Array(Schema.String))
}) {
  /**
   * Input plus output tokens; `undefined` unless both were stated.
   *
   * @since 0.1.0
   */
  get totalTokens(): number | undefined {
    return this.inputTokens === undefined || this.outputTokens === undefined
      ? undefined
      : this.inputTokens + this.outputTokens
  }
}

/**
 * The counts of a usage as a wire may state them: absent, `null`, negative or fractional.
 *
 * @category models
 * @since 0.1.0
 */
export type Stated =
  & StatedCounts<Exclude<keyof typeof Usage.fields, "serverToolRequests" | "iterations" | "clampedCounts">>
  & {
    readonly serverToolRequests?: Readonly<Record<string, number | null | undefined>> | undefined
    readonly iterations?: ReadonlyArray<StatedIteration> | undefined
  }

/**
 * The usage of a model call as a wire may state it.
 *
 * @category models
 * @since 0.2.0
 */
export type StatedIteration =
  & StatedCounts<
    Exclude<keyof typeof Iteration.fields, "type" | "model" | "included" | "serviceTier"> | "uncachedInputTokens"
  >
  & Pick<Iteration, "type" | "included" | "serviceTier">
  & { readonly model?: string | null | undefined }

type StatedCounts<K extends string> = { readonly [P in K]?: number | null | undefined }

/**
 * A token count from the wire: `undefined` when it was not stated (or is not a finite number), clamped to 0 when
 * negative and rounded down to a whole number.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-llm-stream"
 *
 * Usage.count(null) // undefined
 * Usage.count(-1) // 0
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const count = (stated: number | null | undefined): number | undefined =>
  stated === null || stated === undefined || !Number.isFinite(stated)
    ? undefined
    : Math.min(Math.max(Math.trunc(stated), 0), Number.MAX_SAFE_INTEGER)

/**
 * The usage that a wire object states, or `undefined` when it states no count at all.
 *
 * Where only `uncachedInputTokens` is stated, `inputTokens` is that plus cache reads and writes.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-llm-stream"
 *
 * const usage = Usage.fromStated({ uncachedInputTokens: 10, cachedTokens: 90, outputTokens: null })
 * usage?.inputTokens // 100
 * usage?.outputTokens // undefined
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStated = (stated: Stated): Usage | undefined => {
  const { iterations, serverToolRequests, ...counts } = stated
  const clampedCounts: Array<string> = []
  const read = (name: string, value: number | null | undefined): number | undefined => {
    const n = count(value)
    if (n !== undefined && n !== value) clampedCounts.push(name)
    return n
  }
  const fields: Record<string, number> = {}
  for (const [key, value] of Object.entries(counts)) {
    const n = read(key, value)
    if (n !== undefined) fields[key] = n
  }
  const requests: Record<string, number> = {}
  for (const [kind, value] of Object.entries(serverToolRequests ?? {})) {
    const n = read(`serverToolRequests.${kind}`, value)
    if (n !== undefined) requests[kind] = n
  }
  const calls = (iterations ?? []).map(({ included, model, serviceTier, type, ...counts }): Iteration => {
    const { clampedCounts: clamped, uncachedInputTokens: _, ...usage }: Fields = fromStated(counts) ?? {}
    for (const name of clamped ?? []) clampedCounts.push(`iterations.${name}`)
    return {
      type,
      included,
      ...(model ? { model } : undefined),
      ...usage,
      ...(serviceTier ? { serviceTier } : undefined)
    }
  })
  const hasRequests = Object.keys(requests).length > 0
  if (Object.keys(fields).length === 0 && !hasRequests) return undefined
  return withInputTotal({
    ...fields,
    ...(hasRequests ? { serverToolRequests: requests } : undefined),
    ...(calls.length > 0 ? { iterations: calls } : undefined),
    ...(clampedCounts.length > 0 ? { clampedCounts } : undefined)
  })
}

/**
 * The usage of a stream from that of two of its chunks: per field, the later stated value wins. Counts are never
 * added: providers repeat them, or state running totals.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-llm-stream"
 *
 * const start = new Usage.Usage({ inputTokens: 25, outputTokens: 1 })
 * const end = new Usage.Usage({ outputTokens: 15 })
 * Usage.merge(start, end).outputTokens // 15
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge: {
  (that: Usage): (self: Usage) => Usage
  (self: Usage, that: Usage): Usage
} = dual(2, (self: Usage, that: Usage): Usage => {
  const { clampedCounts: _, ...counts } = { ...self, ...that }
  const clampedCounts = [
    // The latest statement of a count decides whether it is clamped.
    ...(self.clampedCounts ?? []).filter((name) => !Object.hasOwn(that, name.replace(/\..*/s, ""))),
    ...(that.clampedCounts ?? [])
  ]
  return withInputTotal({ ...counts, ...(clampedCounts.length > 0 ? { clampedCounts } : undefined) })
})

/**
 * The usage of several responses together: counts are added up. A count that only some responses state is their sum.
 *
 * @example
 * ```ts
 * import { Usage } from "effect-llm-stream"
 *
 * const first = new Usage.Usage({ inputTokens: 25, outputTokens: 10 })
 * const second = new Usage.Usage({ inputTokens: 40, cachedTokens: 25, outputTokens: 5 })
 * const both = Usage.sum(first, second)
 * both.inputTokens // 65
 * both.cachedTokens // 25
 * both.reasoningTokens // undefined
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const sum: {
  (that: Usage): (self: Usage) => Usage
  (self: Usage, that: Usage): Usage
} = dual(2, (self: Usage, that: Usage): Usage => {
  const { clampedCounts, iterations, serverToolRequests, ...counts } = that
  const requests = { ...self.serverToolRequests }
  for (const [kind, value] of Object.entries(serverToolRequests ?? {})) requests[kind] = plus(requests[kind], value)
  const added: { -readonly [K in keyof Counts]?: number } = {}
  for (const key of countNames) {
    const value = counts[key]
    const before = self[key]
    if (value !== undefined) added[key] = plus(before, value)
    else if (before !== undefined) added[key] = before
  }
  const calls = [...(self.iterations ?? []), ...(iterations ?? [])]
  const clamped = Array.from(new Set([...(self.clampedCounts ?? []), ...(clampedCounts ?? [])]))
  return trusted(Usage, {
    ...added,
    ...(Object.keys(requests).length > 0 ? { serverToolRequests: requests } : undefined),
    ...(calls.length > 0 ? { iterations: calls } : undefined),
    ...(clamped.length > 0 ? { clampedCounts: clamped } : undefined)
  })
})

// Absurd counts may add up to more than a safe integer.
const plus = (a: number | undefined, b: number): number => Math.min((a ?? 0) + b, Number.MAX_SAFE_INTEGER)

type Counts = Omit<Fields, "serverToolRequests" | "iterations" | "clampedCounts">

const isCount = (name: string): name is keyof Counts =>
  name !== "serverToolRequests" && name !== "iterations" && name !== "clampedCounts"

const countNames = Object.keys(Usage.fields).filter(isCount)

type Fields = { readonly [K in keyof typeof Usage.fields]?: Exclude<Usage[K], undefined> }

// The total of a provider that states disjoint parts has to follow its parts, which may come in different chunks.
const withInputTotal = (fields: Fields): Usage =>
  trusted(
    Usage,
    fields.uncachedInputTokens === undefined
      ? fields
      : {
        ...fields,
        // Absurd counts may add up to more than a safe integer.
        inputTokens: Math.min(
          fields.uncachedInputTokens + (fields.cachedTokens ?? 0) + (fields.cacheWriteTokens ?? 0),
          Number.MAX_SAFE_INTEGER
        )
      }
  )
