/**
 * The vocabulary of prices: what a price consists of. Looking prices up is in `Pricing`, applying them in `Cost`.
 *
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import type { CostMetadata } from "./CostMetadata.ts"

/**
 * A row of {@link tokenComponents}.
 *
 * @category models
 * @since 0.2.0
 */
export interface TokenComponentRow {
  /** The sets of tokens that the component's tokens are in, from the largest to the smallest. */
  readonly pools: readonly [Side, ...ReadonlyArray<Pool>]
  /**
   * The count that states the component's tokens. Absent: they are what other components leave of the smallest pool.
   */
  readonly count?: CountField
  /** The amount of a cost that the component is part of. */
  readonly amount: TokenAmount
}

/**
 * Fields of `CostMetadata` that are counts.
 *
 * @category models
 * @since 0.2.0
 */
export type CountField = {
  [K in keyof typeof CostMetadata.fields]-?: number extends CostMetadata[K] ? K : never
}[keyof typeof CostMetadata.fields]

/**
 * The two sides of a completion, of which every token is on one.
 *
 * @category models
 * @since 0.2.0
 */
export type Side = "input" | "output"

/**
 * Sets of tokens whose size is stated, and which may overlap: cached audio is in `cached` and in `inputAudio`.
 *
 * @category models
 * @since 0.2.0
 */
export type Pool = Side | "cached" | "cacheWrite" | "inputAudio" | "inputImage" | "outputAudio" | "outputImage"

/**
 * Names of the amounts that token components are added up to, which are getters of `Cost`.
 *
 * @category models
 * @since 0.2.0
 */
export type TokenAmount = "input" | "cached" | "cacheWrite" | "output" | "audio" | "image"

/**
 * The components that tokens are priced in; a token is in exactly one of them. Everything else follows from this table:
 * the fields of {@link Rates}, how counts are split, and the components of a cost.
 *
 * @category models
 * @since 0.2.0
 */
export const tokenComponents = {
  /** Input tokens that are in none of the other input components. */
  input: { pools: ["input"], amount: "input" },
  /** Cache reads. */
  cached: { pools: ["input", "cached"], amount: "cached" },
  /** Cache reads of audio. */
  cachedAudio: { pools: ["input", "cached", "inputAudio"], count: "cachedAudioTokens", amount: "audio" },
  /** Cache reads of images, where images have a price of their own. */
  cachedImage: { pools: ["input", "cached", "inputImage"], count: "cachedImageTokens", amount: "image" },
  /** Cache writes of the provider's default lifetime (Anthropic and Bedrock: five minutes, OpenAI: 30). */
  cacheWrite: { pools: ["input", "cacheWrite"], amount: "cacheWrite" },
  /** Cache writes that live one hour. */
  cacheWrite1h: { pools: ["input", "cacheWrite"], count: "cacheWrite1hTokens", amount: "cacheWrite" },
  /** Cache writes that live twelve hours. */
  cacheWrite12h: { pools: ["input", "cacheWrite"], count: "cacheWrite12hTokens", amount: "cacheWrite" },
  /** Audio that was not cached. */
  inputAudio: { pools: ["input", "inputAudio"], amount: "audio" },
  /** Images that were not cached. Without a price of their own they are billed like text. */
  inputImage: { pools: ["input", "inputImage"], amount: "image" },
  /** Output tokens, reasoning included, that are neither audio nor images. */
  output: { pools: ["output"], amount: "output" },
  /** Audio in the answer. */
  outputAudio: { pools: ["output", "outputAudio"], amount: "audio" },
  /** Images in the answer. */
  outputImage: { pools: ["output", "outputImage"], amount: "image" }
} as const satisfies Readonly<Record<string, TokenComponentRow>>

/**
 * The name of a component that tokens are priced in.
 *
 * @category models
 * @since 0.2.0
 */
export type TokenComponent = keyof typeof tokenComponents

/**
 * The names of the components that tokens are priced in, in the order of {@link tokenComponents}.
 *
 * @category models
 * @since 0.2.0
 */
export const tokenComponentNames = Object.keys(tokenComponents) as ReadonlyArray<TokenComponent>

const rate = Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))

/**
 * Schema of token prices: USD per million tokens. An absent price is unknown: such tokens are flagged, never priced as
 * something else. A price of 0 is free.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Rates = Schema.Struct(
  Object.fromEntries(tokenComponentNames.map((name) => [name, rate])) as Readonly<Record<TokenComponent, typeof rate>>
).annotate({ identifier: "Rates" })

/**
 * Token prices: USD per million tokens.
 *
 * @category models
 * @since 0.1.0
 */
export type Rates = { readonly [K in TokenComponent]?: number }

/** A day, as `YYYY-MM-DD`. */
const day = Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/))

const positive = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const perKind = Schema.optionalKey(Schema.Record(Schema.String, positive))

const modelPriceFields = {
  ...Rates.fields,
  /** USD per image in the prompt, where images are priced by the piece. */
  image: rate,
  /** USD per request. */
  request: rate,
  /** USD per request of a tool that the provider runs, by kind; 0 is free. */
  serverTools: perKind,
  /** The rates of a whole model call once it has more than `above` input tokens; rates not given stay as they are. */
  longContext: Schema.optionalKey(Schema.Struct({ ...Rates.fields, above: Schema.Natural })),
  /** By service tier as served (batch is `batch`): a multiplier of all token prices, or the tier's own rates. */
  serviceTiers: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([positive, Rates]))),
  /** Multiplier of all token prices by speed. */
  speeds: perKind,
  /** Multiplier of all token prices by inference geography. */
  inferenceGeos: perKind,
  /** Azure: multiplier of all token prices by deployment type. */
  deploymentTypes: perKind,
  /** Multiplier of all token prices by region. */
  regionFactors: perKind,
  /** The cloud regions that the price holds for; absent when it is the same everywhere. */
  regions: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The cloud regions that the price does not hold for, where it holds for all others. */
  exceptRegions: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The last day for which the price was announced; absent when it holds until further notice. */
  until: Schema.optionalKey(day),
  /** The price sources that agree on the entry, as keys of the table's `sources`. */
  from: Schema.optionalKey(Schema.String)
}

/**
 * Schema of everything that a model's price consists of.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ModelPrice = Schema.Struct({
  ...modelPriceFields,
  /** What changes on a day, the earliest first; fields not given stay as they are. */
  later: Schema.optionalKey(Schema.Array(Schema.Struct({ ...modelPriceFields, since: day })))
}).annotate({ identifier: "ModelPrice" })

/**
 * Everything that a model's price consists of.
 *
 * @example
 * ```ts
 * import type { Price } from "effect-llm-stream"
 *
 * const price: Price.ModelPrice = {
 *   input: 3,
 *   cached: 0.3,
 *   cacheWrite: 3.75,
 *   cacheWrite1h: 6,
 *   output: 15,
 *   serverTools: { web_search: 0.01 },
 *   longContext: { above: 200_000, input: 6, cached: 0.6, cacheWrite: 7.5, cacheWrite1h: 12, output: 22.5 },
 *   serviceTiers: { batch: 0.5 }
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type ModelPrice = typeof ModelPrice.Type

/**
 * A price as looked up: whose it is, and as of when.
 *
 * @category models
 * @since 0.1.0
 */
export interface Price extends ModelPrice {
  readonly provider: string
  /** The entry of the price table, which may be less specific than the id that was looked up. */
  readonly model: string
  /** Date (`YYYY-MM-DD`) of the price table; absent for prices that the program supplied. */
  readonly date?: string
  /** The program changed or supplied the price. */
  readonly overridden?: true
  /** The dated id that was looked up is not known; the price is that of the id without its date. */
  readonly assumed?: true
}

/**
 * Schema of a price as looked up: whose it is, and as of when.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Price: Schema.Codec<Price> = Schema.Struct({
  ...ModelPrice.fields,
  provider: Schema.String,
  model: Schema.String,
  date: Schema.optionalKey(Schema.String),
  overridden: Schema.optionalKey(Schema.Literal(true)),
  assumed: Schema.optionalKey(Schema.Literal(true))
}).annotate({ identifier: "Price" })

/**
 * The prices of one provider.
 *
 * @category models
 * @since 0.1.0
 */
export interface PriceTable {
  readonly provider: string
  /** Where the prices come from. */
  readonly source: string
  /** Date (`YYYY-MM-DD`) of the newest source. */
  readonly date: string
  /** Name, version and date of each source, by the letter that entries have in `from`. */
  readonly sources?: Readonly<Record<string, string>>
  /** What holds for all models of the provider unless a model says otherwise; records are merged key by key. */
  readonly defaults: ModelPrice
  /** By entry; lower case. */
  readonly models: Readonly<Record<string, ModelPrice>>
  /** Further ids of the entries; lower case. */
  readonly names: Readonly<Record<string, string>>
  /** Tables whose token rates hold for models that this table does not list. */
  readonly fallback?: ReadonlyArray<PriceTable>
}

/**
 * Schema of the prices of one provider, as a file or a server states them.
 *
 * @example
 * ```ts
 * import { Price } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const table = Schema.decodeUnknownSync(Price.PriceTable)({
 *   provider: "local",
 *   source: "our contract",
 *   date: "2026-11-01",
 *   defaults: {},
 *   models: { "my-model": { input: 0.1, output: 0.4 } },
 *   names: {}
 * })
 * table.models["my-model"]?.input // 0.1
 * ```
 *
 * @category schemas
 * @since 0.2.0
 */
export const PriceTable: Schema.Codec<PriceTable> = Schema.Struct({
  provider: Schema.String,
  source: Schema.String,
  date: day,
  sources: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  defaults: ModelPrice,
  models: Schema.Record(Schema.String, ModelPrice),
  names: Schema.Record(Schema.String, Schema.String),
  fallback: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<PriceTable> => PriceTable)))
}).annotate({ identifier: "PriceTable" })

/**
 * A price with changes: a rate replaces a rate, a record is merged key by key, and everything else stays.
 *
 * @example
 * ```ts
 * import { Price } from "effect-llm-stream"
 *
 * const price = { input: 3, output: 15, longContext: { above: 200_000, input: 6, output: 22.5 } }
 * Price.patch(price, { input: 2 }) // { input: 2, output: 15, longContext: { above: 200_000, input: 6, output: 22.5 } }
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const patch: {
  <P extends ModelPrice>(changes: ModelPrice): (self: P) => P
  <P extends ModelPrice>(self: P, changes: ModelPrice): P
} = dual(2, <P extends ModelPrice>(self: P, changes: ModelPrice): P => {
  const patched: Record<string, unknown> = { ...self, ...changes }
  for (const key of merged) {
    if (self[key] !== undefined && changes[key] !== undefined) patched[key] = { ...self[key], ...changes[key] }
  }
  return patched as P
})

const merged = [
  "serverTools",
  "serviceTiers",
  "speeds",
  "inferenceGeos",
  "deploymentTypes",
  "regionFactors",
  "longContext"
] as const

/**
 * A price with all its token rates multiplied: a discount of 15 % is a factor of 0.85. Fees stay as they are.
 *
 * @example
 * ```ts
 * import { Price } from "effect-llm-stream"
 *
 * Price.scale({ input: 3, output: 15 }, 0.5) // { input: 1.5, output: 7.5 }
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const scale: {
  <P extends ModelPrice>(factor: number): (self: P) => P
  <P extends ModelPrice>(self: P, factor: number): P
} = dual(2, <P extends ModelPrice>(self: P, factor: number): P => {
  const rates = <R extends Rates>(rates: R): R => {
    const scaled: Record<string, unknown> = { ...rates }
    for (const name of tokenComponentNames) {
      const rate = rates[name]
      if (rate !== undefined) scaled[name] = product(rate, factor)
    }
    return scaled as R
  }
  return {
    ...rates(self),
    ...(self.longContext && { longContext: rates(self.longContext) }),
    ...(self.serviceTiers && {
      serviceTiers: Record.map(self.serviceTiers, (tier) => typeof tier === "number" ? tier : rates(tier))
    }),
    ...(self.later && { later: self.later.map((change) => scale(change, factor)) })
  }
})

// Decimal, so that a factor leaves no digits behind that nobody wrote.
const product = (a: number, b: number): number =>
  Option.match(Option.zipWith(BigDecimal.fromNumber(a), BigDecimal.fromNumber(b), BigDecimal.multiply), {
    onNone: () => a * b,
    onSome: BigDecimal.toNumberUnsafe
  })

/**
 * The price in force on a day (`YYYY-MM-DD`): what changed until then is applied.
 *
 * @example
 * ```ts
 * import { Price } from "effect-llm-stream"
 *
 * const price = { input: 2, output: 10, later: [{ since: "2026-09-01", input: 3, output: 15 }] }
 * Price.on(price, "2026-08-31").input // 2
 * Price.on(price, "2026-09-01").input // 3
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const on: {
  <P extends ModelPrice>(day: string): (self: P) => P
  <P extends ModelPrice>(self: P, day: string): P
} = dual(
  2,
  <P extends ModelPrice>(self: P, day: string): P =>
    (self.later ?? []).filter(({ since }) => since <= day).reduce((price, { since: _since, ...changes }) => {
      // A change takes the place of what was announced for the price before it.
      const { until: __, ...before } = price
      return patch(before as P, changes)
    }, self)
)
