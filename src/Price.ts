/**
 * The vocabulary of prices: what a price consists of. Looking prices up is in `Pricing`, applying them in `Cost`.
 *
 * @since 0.2.0
 */
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
  /** Cache writes of the provider's default lifetime (Anthropic and Bedrock: five minutes). */
  cacheWrite: { pools: ["input", "cacheWrite"], amount: "cacheWrite" },
  /** Cache writes that live one hour. */
  cacheWrite1h: { pools: ["input", "cacheWrite"], count: "cacheWrite1hTokens", amount: "cacheWrite" },
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

const multipliers = Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite))

/**
 * Schema of everything that a model's price consists of.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ModelPrice = Schema.Struct({
  ...Rates.fields,
  /** USD per image in the prompt, where images are priced by the piece. */
  image: rate,
  /** USD per request. */
  request: rate,
  /** USD per request of a tool that the provider runs, by kind; 0 is free. */
  serverTools: multipliers,
  /** The rates of the whole request once it has more than `above` input tokens; rates not given stay as they are. */
  longContext: Schema.optionalKey(Schema.Struct({ ...Rates.fields, above: Schema.Natural })),
  /** By service tier as served (batch is `batch`): a multiplier of all token prices, or the tier's own rates. */
  serviceTiers: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Schema.Finite, Rates]))),
  /** Multiplier of all token prices by speed. */
  speeds: multipliers,
  /** Multiplier of all token prices by inference geography. */
  inferenceGeos: multipliers,
  /** The cloud regions that the price holds for; absent when it is the same everywhere. */
  regions: Schema.optionalKey(Schema.Array(Schema.String)),
  /** The cloud regions that the price does not hold for, where it holds for all others. */
  exceptRegions: Schema.optionalKey(Schema.Array(Schema.String))
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
 * Schema of a price as looked up: whose it is, and as of when.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Price = Schema.Struct({
  ...ModelPrice.fields,
  provider: Schema.String,
  /** The entry of the price table, which may be less specific than the id that was looked up. */
  model: Schema.String,
  /** Date (`YYYY-MM-DD`) of the snapshot; absent for prices that the program supplied. */
  date: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Price" })

/**
 * A price as looked up: whose it is, and as of when.
 *
 * @category models
 * @since 0.1.0
 */
export type Price = typeof Price.Type

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
  /** Date (`YYYY-MM-DD`) of the source. */
  readonly date: string
  /** What holds for all models of the provider unless a model says otherwise; records are merged key by key. */
  readonly defaults: ModelPrice
  /** By entry; lower case. */
  readonly models: Readonly<Record<string, ModelPrice>>
  /** Further ids of the entries; lower case. */
  readonly names: Readonly<Record<string, string>>
  /** Tables whose token rates hold for models that this table does not list. */
  readonly fallback?: ReadonlyArray<PriceTable> | undefined
}
