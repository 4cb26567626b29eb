/**
 * The cost of a completion, and its computation from a price and the counts that chunks state.
 *
 * Everything here is pure and exact: amounts are decimals, never floats, and a token is priced in one bucket only.
 * `flags` names what could not be priced; nothing is guessed or priced as something else.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import * as Buckets from "./CostBuckets.ts"
import { calls, type CostMetadata, isItemised, isStated } from "./CostMetadata.ts"
import { own } from "./internal/own.ts"
import { trusted } from "./internal/trusted.ts"
import { Amount } from "./internal/usd.ts"
import { on, type Price, type Rates, type TokenAmount, tokenComponentNames, tokenComponents } from "./Price.ts"

/**
 * Schema of the components that a cost is made of: those of `Price.tokenComponents`, and
 *
 * - `image`: images priced by the piece
 * - `request`: the request itself, where it has a fee
 * - `serverTool`: requests of a tool that the provider runs; `kind` says which
 * - `stated`: the cost that the provider itself stated, in place of all others
 *
 * @category schemas
 * @since 0.1.0
 */
export const ComponentName = Schema.Literals([
  ...tokenComponentNames,
  "image",
  "request",
  "serverTool",
  "stated"
]).annotate({ identifier: "ComponentName" })

/**
 * The name of a component of a cost.
 *
 * @category models
 * @since 0.1.0
 */
export type ComponentName = typeof ComponentName.Type

/**
 * Schema of one priced component of a cost: `amount` is exactly `quantity` × `unitPrice`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Component = Schema.Struct({
  name: ComponentName,
  /** Kind of the server tool (`web_search`, …); absent for everything else. */
  kind: Schema.optionalKey(Schema.String),
  /** Tokens, requests or images; 1 for a stated cost. */
  quantity: Schema.Number,
  /** USD for one token, request or image, multipliers included; absent in a sum over different prices. */
  unitPrice: Schema.optionalKey(Amount),
  /** USD. */
  amount: Amount
}).annotate({ identifier: "Component" })

/**
 * One priced component of a cost.
 *
 * @category models
 * @since 0.1.0
 */
export type Component = typeof Component.Type

/**
 * Schema of the kinds of a flag.
 *
 * - `unpriced`: `subject` (a bucket, or a server tool's kind) has no known price; its `quantity` is not in the total
 * - `unknownServiceTier`, `unknownSpeed`, `unknownInferenceGeo`: no multiplier is known for the stated value
 *   (`subject`); the total is at the standard rate
 * - `unknownRegion`: the price is known to differ by region and not known for this one; the total is at the rate of the
 *   regions it is known for
 * - `unknownDeploymentType`: no multiplier is known for the deployment type `subject`; the total is at the global rate
 * - `assumedDeploymentType`: the price depends on the deployment type, which is not stated; the total is at the rate of
 *   `subject`
 * - `assumedModel`: the dated id is not known; the total is at the price of `subject`, the id without its date
 * - `expiredPrice`: the price was announced until the day `subject` only, and no later one is known
 * - `unknownContextLength`: the counts are a sum over several model calls (a loop of server tools) that is above the
 *   price's long-context threshold; which calls were above it is not stated, and the total is at the standard rate
 * - `missingCount`: the count `subject` was not stated and is not in the total; `usage` stands for all counts of a call;
 *   for `audio`, `audioOutput` and `images`, that one of the pieces does not state its tokens, which are then priced
 *   within the text
 * - `invalidCount`: the count `subject` was negative, fractional, not finite or too large, and was clamped; a
 *   `statedCost` that is not an amount of money was ignored
 * - `inconsistentCounts`: the count `subject` is larger than the count it is part of, and was clamped to it; for
 *   `iterations`, that the calls do not add up to the totals, and the total is that of the calls
 * - `cachedResponse`: the response came from a cache in front of the provider, which may not have billed it
 * - `credited`: the provider took a credit off the price, without saying how much; the total is without it
 *
 * @category schemas
 * @since 0.1.0
 */
export const FlagKind = Schema.Literals([
  "unpriced",
  "unknownServiceTier",
  "unknownSpeed",
  "unknownInferenceGeo",
  "unknownRegion",
  "unknownDeploymentType",
  "assumedDeploymentType",
  "assumedModel",
  "expiredPrice",
  "unknownContextLength",
  "missingCount",
  "invalidCount",
  "inconsistentCounts",
  "cachedResponse",
  "credited"
]).annotate({ identifier: "FlagKind" })

/**
 * The kind of a flag.
 *
 * @category models
 * @since 0.1.0
 */
export type FlagKind = typeof FlagKind.Type

/**
 * Schema of something that a cost could not take into account, or had to correct.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Flag = Schema.Struct({
  kind: FlagKind,
  /** The bucket, the field of the metadata or its value, as `kind` says. */
  subject: Schema.String,
  /** How many tokens, requests or images were left unpriced. */
  quantity: Schema.optionalKey(Schema.Number)
}).annotate({ identifier: "Flag" })

/**
 * Something that a cost could not take into account, or had to correct.
 *
 * @category models
 * @since 0.1.0
 */
export type Flag = typeof Flag.Type

/**
 * The cost of a completion, or of several, in USD. `total` is exactly the sum of the components' amounts.
 * Encoding keeps every digit: decimals become strings. {@link toJson} gives JSON numbers.
 *
 * @example
 * ```ts
 * import { CostMetadata, Pricing } from "effect-llm-stream"
 * import { BigDecimal, Effect } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({
 *   provider: "openai",
 *   model: "gpt-4o",
 *   inputTokens: 1000,
 *   cachedTokens: 200,
 *   outputTokens: 100
 * })
 * const cost = await Effect.runPromise(Pricing.cost(metadata))
 * BigDecimal.format(cost.total) // "0.00325"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class Cost extends Schema.Class<Cost>("effect-llm-stream/Cost")({
  currency: Schema.Literal("USD"),
  total: Amount,
  /** The priced components, in the order of {@link ComponentName}; those with nothing to price are left out. */
  components: Schema.Array(Component),
  /** What could not be priced or had to be corrected; empty when the total is complete. */
  flags: Schema.Array(Flag),
  /** The prices used, each as `provider/model`; several in a sum. */
  pricedAs: Schema.Array(Schema.String),
  /** Date (`YYYY-MM-DD`) of the price table, in a sum the oldest; absent for prices without one. */
  priceDate: Schema.optionalKey(Schema.String),
  /** Those of `pricedAs` that the program changed or supplied; absent when there are none. */
  overridden: Schema.optionalKey(Schema.Array(Schema.String))
}) {
  /**
   * USD for input tokens at the full input price.
   *
   * @since 0.1.0
   */
  get input(): BigDecimal.BigDecimal {
    return amountOf(this, "input")
  }
  /**
   * USD for cache reads, audio and images apart.
   *
   * @since 0.1.0
   */
  get cached(): BigDecimal.BigDecimal {
    return amountOf(this, "cached")
  }
  /**
   * USD for cache writes of any lifetime.
   *
   * @since 0.1.0
   */
  get cacheWrite(): BigDecimal.BigDecimal {
    return amountOf(this, "cacheWrite")
  }
  /**
   * USD for output tokens, reasoning included, audio and images apart.
   *
   * @since 0.1.0
   */
  get output(): BigDecimal.BigDecimal {
    return amountOf(this, "output")
  }
  /**
   * USD for audio in and out, cached or not.
   *
   * @since 0.1.0
   */
  get audio(): BigDecimal.BigDecimal {
    return amountOf(this, "audio")
  }
  /**
   * USD for images that are priced apart from text.
   *
   * @since 0.1.0
   */
  get image(): BigDecimal.BigDecimal {
    return amountOf(this, "image")
  }
  /**
   * USD for fees by the request: the completion's own and those of the provider's tools.
   *
   * @since 0.1.0
   */
  get requests(): BigDecimal.BigDecimal {
    return amountOf(this, "requests")
  }
  /**
   * Whether everything was priced as stated: true without flags.
   *
   * @since 0.1.0
   */
  get isComplete(): boolean {
    return this.flags.length === 0
  }
}

const zeroAmount = BigDecimal.normalize(BigDecimal.fromBigInt(0n))

const amountOf = (self: Cost, name: TokenAmount | "requests"): BigDecimal.BigDecimal =>
  BigDecimal.normalize(BigDecimal.sumAll(
    self.components.filter((component) => amountNames[component.name] === name).map((component) => component.amount)
  ))

const amountNames: Readonly<Record<ComponentName, TokenAmount | "requests" | undefined>> = {
  ...Record.map(tokenComponents, ({ amount }): TokenAmount => amount),
  image: "image",
  request: "requests",
  serverTool: "requests",
  stated: undefined
}

/**
 * A cost of nothing: the neutral element of {@link sum}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const zero: Cost = trusted(Cost, {
  currency: "USD",
  total: zeroAmount,
  components: [],
  flags: [],
  pricedAs: []
})

/**
 * The cost of a completion at a price. Total: it never throws and never gives `NaN` or a negative amount, whatever the
 * metadata says. `flags` of the result names what it clamped or could not price.
 *
 * - Tokens are put into disjoint buckets, so a cached token cannot be billed twice.
 * - Past the price's long-context threshold a whole model call is priced at the long-context rates.
 * - Batch, service tier, speed, geography, region and deployment type multiply token prices only.
 * - Model calls that are stated one by one (`iterations`) are priced one by one, those beside the totals are added. This
 *   price holds for those of the model that answered; those of another one are flagged (see {@link calculateEach}).
 * - A cost that the provider itself states (`statedCost`) is taken as it is.
 *
 * @example
 * ```ts
 * import { Cost, CostMetadata } from "effect-llm-stream"
 * import { BigDecimal } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({ inputTokens: 1000, cachedTokens: 200, outputTokens: 100 })
 * const price = { provider: "openai", model: "gpt-4o", input: 2.5, cached: 1.25, output: 10 }
 * const cost = Cost.calculate(metadata, price)
 * BigDecimal.format(cost.total) // "0.00325"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const calculate: {
  (price: Price): (metadata: CostMetadata) => Cost
  (metadata: CostMetadata, price: Price): Cost
} = dual(
  2,
  (metadata: CostMetadata, price: Price): Cost =>
    calculateEach(metadata, (call) => call.model === metadata.model ? price : undefined)
)

/**
 * The cost of a completion when each model call behind it has its own price. Calls for which `priceOf` gives
 * `undefined` are flagged as `unpriced`. See {@link calculate} for the rules.
 *
 * @example
 * ```ts
 * import { Cost, CostMetadata, Pricing } from "effect-llm-stream"
 * import { snapshot } from "effect-llm-stream/pricing/snapshot"
 * import { Result } from "effect"
 *
 * const pricing = Pricing.makeUnsafe({ tables: snapshot })
 * const metadata = new CostMetadata.CostMetadata({ provider: "groq", model: "llama-3.1-8b-instant", outputTokens: 1 })
 * const cost = Cost.calculateEach(
 *   metadata,
 *   ({ model, provider }) => Result.getOrUndefined(pricing.lookup(provider ?? "", model ?? ""))
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const calculateEach: {
  (priceOf: (call: CostMetadata) => Price | undefined): (metadata: CostMetadata) => Cost
  (metadata: CostMetadata, priceOf: (call: CostMetadata) => Price | undefined): Cost
} = dual(2, (metadata: CostMetadata, priceOf: (call: CostMetadata) => Price | undefined): Cost => {
  const stated = fromStated(metadata)
  if (stated !== undefined) return stated
  const itemised = isItemised(metadata)
  const costs = calls(metadata).map((call) => {
    const price = priceOf(call)
    return price === undefined ? unpriced(call) : costOfCall(call, price, itemised)
  })
  const [only, ...others] = costs
  if (only !== undefined && others.length === 0 && !itemised) return only
  return addsUp(metadata)
    ? sumAll(costs)
    : sumAll([...costs, make([], [{ kind: "inconsistentCounts", subject: "iterations" }])])
})

/**
 * The entry in a sum of a call without a price: nothing, flagged.
 *
 * @internal
 */
export const unpriced = (call: CostMetadata): Cost => {
  const { inputTokens = 0, model = "", outputTokens = 0 } = call
  return make([], [
    isStated(call)
      ? { kind: "unpriced", subject: model, quantity: addQuantities(inputTokens, outputTokens) }
      : { kind: "missingCount", subject: "usage" }
  ])
}

/** Whether the calls that the totals include add up to the totals. */
const addsUp = (metadata: CostMetadata): boolean => {
  const included = metadata.iterations?.filter((call) => call.included) ?? []
  return !isItemised(metadata) ||
    (["inputTokens", "cachedTokens", "cacheWriteTokens", "outputTokens"] as const).every((field) =>
      metadata[field] === undefined ||
      metadata[field] === included.reduce((sum, call) => sum + (call[field] ?? 0), 0)
    )
}

const costOfCall = (metadata: CostMetadata, table: Price, isOneCall: boolean): Cost => {
  const price = on(table, metadata.date ?? table.date ?? "")
  const flags = (metadata.clampedCounts ?? []).map((subject): Flag => ({ kind: "invalidCount", subject }))
  const report = (kind: FlagKind, subject: string): void => {
    flags.push({ kind, subject })
  }
  if (metadata.statedCost !== undefined) report("invalidCount", "statedCost")
  if (metadata.cachedResponse === true) report("cachedResponse", "cachedResponse")
  if (metadata.fallbackCredit === "redeemed") report("credited", "fallbackCredit")
  if (price.assumed === true) report("assumedModel", price.model)
  if (price.until !== undefined && metadata.date !== undefined && metadata.date > price.until) {
    report("expiredPrice", price.until)
  }
  const buckets = Buckets.split(metadata, price, report)
  const { multiplier, rates } = ratesOf(metadata, price, isOneCall, report)
  const components: Array<Component> = []

  const add = (
    name: ComponentName,
    quantity: number,
    unitPrice: BigDecimal.BigDecimal | undefined,
    kind?: string
  ): void => {
    if (quantity === 0) return
    if (unitPrice === undefined) {
      flags.push({ kind: "unpriced", subject: kind ?? name, quantity })
      return
    }
    components.push({
      name,
      ...(kind === undefined ? undefined : { kind }),
      quantity,
      unitPrice,
      amount: BigDecimal.normalize(BigDecimal.multiply(BigDecimal.fromBigInt(BigInt(quantity)), unitPrice))
    })
  }

  for (const name of tokenComponentNames) {
    if (buckets[name] !== 0) add(name, buckets[name], perToken(rates[name], multiplier))
  }
  // Images have no fee of their own unless the price says so: their tokens are in the input.
  if (price.image !== undefined) add("image", metadata.images?.length ?? 0, usd(price.image))
  if (price.request !== undefined) add("request", 1, usd(price.request))
  for (const [field, requests] of Object.entries(metadata.serverToolRequests ?? {})) {
    // Some count `web_search_requests`, others `web_search`.
    const kind = field.replace(/_(?:requests|calls)$/, "")
    const quantity = Buckets.clean(`serverToolRequests.${field}`, requests, report)
    add("serverTool", quantity, usd(own(price.serverTools, kind)), kind)
  }

  const pricedAs = [`${price.provider}/${price.model}`]
  // Tools alone may come twice, or in another order.
  const merged = metadata.serverToolRequests === undefined ? components : new Amounts().add(components).components()
  return make(merged, flags, pricedAs, price.date, price.overridden === true ? pricedAs : [])
}

/**
 * The cost that the provider itself stated, or `undefined` when it stated none (or a value that is not an amount of
 * money).
 *
 * @example
 * ```ts
 * import { Cost, CostMetadata } from "effect-llm-stream"
 *
 * Cost.fromStated(new CostMetadata.CostMetadata({ inputTokens: 1000 })) // undefined
 * Cost.fromStated(new CostMetadata.CostMetadata({ statedCost: 0.002 }))?.components.length // 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStated = (metadata: CostMetadata): Cost | undefined => {
  const amount = usd(metadata.statedCost)
  return amount === undefined
    ? undefined
    : make([{ name: "stated", quantity: 1, unitPrice: amount, amount }], [])
}

/** The multipliers of token prices. A new one is one row. */
const factors: ReadonlyArray<{
  readonly unknown: FlagKind
  readonly value: (metadata: CostMetadata) => string | undefined
  readonly known: (price: Price) => Readonly<Record<string, number | Rates>> | undefined
}> = [
  {
    unknown: "unknownServiceTier",
    value: (metadata) => metadata.batchMode === true ? "batch" : metadata.serviceTier,
    known: (price) => price.serviceTiers
  },
  { unknown: "unknownSpeed", value: (metadata) => metadata.speed, known: (price) => price.speeds },
  { unknown: "unknownInferenceGeo", value: (metadata) => metadata.inferenceGeo, known: (price) => price.inferenceGeos },
  {
    unknown: "unknownDeploymentType",
    value: (metadata) => metadata.deploymentType,
    known: (price) => price.deploymentTypes
  }
]

const ratesOf = (
  metadata: CostMetadata,
  price: Price,
  isOneCall: boolean,
  report: (kind: FlagKind, subject: string) => void
): { readonly rates: Rates; readonly multiplier: BigDecimal.BigDecimal } => {
  const above = price.longContext !== undefined && (metadata.inputTokens ?? 0) > price.longContext.above
  // Each round of a server tool is a model call of its own, and the sum does not show the size of each.
  const isSum = !isOneCall && Object.values(metadata.serverToolRequests ?? {}).some((requests) => requests > 0)
  if (above && isSum) report("unknownContextLength", "inputTokens")
  const long = above && !isSum
  let rates: Rates = long ? { ...price, ...price.longContext } : price
  let multiplier = one
  for (const { known, unknown, value } of factors) {
    const stated = value(metadata)
    if (stated === undefined) continue
    const factor = own(known(price), stated) ?? own(standard, stated)
    const decimal = typeof factor === "number" ? usd(factor) : undefined
    if (decimal !== undefined) multiplier = BigDecimal.multiply(multiplier, decimal)
    // Rates that a tier lists one by one are for prompts below the threshold only.
    else if (typeof factor === "object" && !long) rates = factor
    else report(unknown, stated)
  }
  if (price.deploymentTypes !== undefined && metadata.deploymentType === undefined) {
    report("assumedDeploymentType", "global")
  }
  const { region } = metadata
  if (region !== undefined) {
    const factor = usd(own(price.regionFactors, region))
    if (factor !== undefined) multiplier = BigDecimal.multiply(multiplier, factor)
    else if (
      price.regionFactors !== undefined || price.regions?.includes(region) === false ||
      price.exceptRegions?.includes(region) === true
    ) report("unknownRegion", region)
  }
  return { rates, multiplier }
}

const standard = { default: 1, standard: 1, global: 1 }

/** The shortest decimal that reads back as the number, which is how a price was written down. */
const usd = (value: number | undefined): BigDecimal.BigDecimal | undefined =>
  value === undefined || !(value >= 0) ? undefined : Option.getOrUndefined(BigDecimal.fromNumber(value))

const oneMillionth = BigDecimal.make(1n, 6)

const one = BigDecimal.fromBigInt(1n)

/** Prices of a token at their own rates: they are few, and asked for with each request. */
const perTokenOf = new Map<number, BigDecimal.BigDecimal>()

const mostRates = 1000

const perToken = (
  perMillion: number | undefined,
  multiplier: BigDecimal.BigDecimal
): BigDecimal.BigDecimal | undefined => {
  if (perMillion === undefined) return undefined
  let price = perTokenOf.get(perMillion)
  if (price === undefined) {
    const million = usd(perMillion)
    if (million === undefined) return undefined
    price = BigDecimal.normalize(BigDecimal.multiply(million, oneMillionth))
    if (perTokenOf.size >= mostRates) perTokenOf.clear()
    perTokenOf.set(perMillion, price)
  }
  return multiplier === one ? price : BigDecimal.normalize(BigDecimal.multiply(price, multiplier))
}

/** The components are merged, and in order. */
const make = (
  components: ReadonlyArray<Component>,
  flags: ReadonlyArray<Flag>,
  pricedAs: ReadonlyArray<string> = [],
  priceDate?: string,
  overridden: ReadonlyArray<string> = []
): Cost =>
  trusted(Cost, {
    currency: "USD",
    total: BigDecimal.normalize(BigDecimal.sumAll(components.map(({ amount }) => amount))),
    components,
    flags: flags.length === 0 ? flags : mergeFlags(flags),
    pricedAs,
    ...(priceDate === undefined ? undefined : { priceDate }),
    ...(overridden.length === 0 ? undefined : { overridden })
  })

interface Amount {
  readonly first: Component
  quantity: number
  unitPrice: BigDecimal.BigDecimal | undefined
  amount: BigDecimal.BigDecimal
}

class Amounts {
  private readonly byKey = new Map<string, Amount>()

  add(components: Iterable<Component>): this {
    for (const component of components) {
      const { amount, kind, name, quantity, unitPrice } = component
      const key = kind === undefined ? name : `${name} ${kind}`
      const so = this.byKey.get(key)
      if (so === undefined) {
        this.byKey.set(key, { first: component, quantity, unitPrice, amount })
      } else {
        so.quantity = addQuantities(so.quantity, quantity)
        so.unitPrice = sameDecimal(so.unitPrice, unitPrice) ? unitPrice : undefined
        so.amount = BigDecimal.sum(so.amount, amount)
      }
    }
    return this
  }

  components(): ReadonlyArray<Component> {
    return Array.from(this.byKey.values(), ({ amount, first, quantity, unitPrice }) => ({
      name: first.name,
      ...(first.kind === undefined ? undefined : { kind: first.kind }),
      quantity,
      ...(unitPrice === undefined ? undefined : { unitPrice }),
      amount: BigDecimal.normalize(amount)
    })).sort(byNameAndKind)
  }
}

const mergeFlags = (flags: Iterable<Flag>): ReadonlyArray<Flag> => {
  const byKey = new Map<string, Flag>()
  for (const flag of flags) {
    const key = `${flag.kind} ${flag.subject}`
    const so = byKey.get(key)
    byKey.set(
      key,
      so?.quantity === undefined || flag.quantity === undefined
        ? { ...so, ...flag }
        : { ...flag, quantity: addQuantities(so.quantity, flag.quantity) }
    )
  }
  return Array.from(byKey.values()).sort(byKindAndSubject)
}

// Saturating, so that adding absurd quantities stays associative.
const addQuantities = (self: number, that: number): number => Math.min(self + that, Number.MAX_SAFE_INTEGER)

const sameDecimal = (self: BigDecimal.BigDecimal | undefined, that: BigDecimal.BigDecimal | undefined): boolean =>
  self === that || self !== undefined && that !== undefined && BigDecimal.equals(self, that)

const order = new Map<string, number>(ComponentName.literals.map((name, index) => [name, index]))

const sorted = (names: Iterable<string>): ReadonlyArray<string> => Array.from(names).sort(compare)

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const byNameAndKind = (a: Component, b: Component): number =>
  (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0) || compare(a.kind ?? "", b.kind ?? "")

const byKindAndSubject = (a: Flag, b: Flag): number => compare(a.kind, b.kind) || compare(a.subject, b.subject)

/**
 * Adds two costs, component by component. Exact, associative and commutative, with {@link zero} as neutral element.
 *
 * @example
 * ```ts
 * import { Cost } from "effect-llm-stream"
 *
 * declare const first: Cost.Cost
 * declare const second: Cost.Cost
 *
 * const both = Cost.sum(first, second)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const sum: {
  (that: Cost): (self: Cost) => Cost
  (self: Cost, that: Cost): Cost
} = dual(2, (self: Cost, that: Cost): Cost => sumAll([self, that]))

/**
 * Adds any number of costs; {@link zero} for none.
 *
 * @example
 * ```ts
 * import { Cost } from "effect-llm-stream"
 *
 * Cost.sumAll([Cost.zero, Cost.zero]) // equals Cost.zero
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const sumAll = (costs: Iterable<Cost>): Cost => {
  const amounts = new Amounts()
  const flags: Array<Flag> = []
  const pricedAs = new Set<string>()
  const overridden = new Set<string>()
  let priceDate: string | undefined
  for (const cost of costs) {
    amounts.add(cost.components)
    for (const flag of cost.flags) flags.push(flag)
    for (const price of cost.pricedAs) pricedAs.add(price)
    for (const price of cost.overridden ?? []) overridden.add(price)
    if (cost.priceDate !== undefined && (priceDate === undefined || cost.priceDate < priceDate)) {
      priceDate = cost.priceDate
    }
  }
  return make(amounts.components(), flags, sorted(pricedAs), priceDate, sorted(overridden))
}

/**
 * Schema of a cost as plain JSON with numbers, for people and programs that only read it: the nearest double to each
 * exact amount, in USD.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Json = Schema.Struct({
  total: Schema.Finite,
  currency: Schema.Literal("USD"),
  priceDate: Schema.NullOr(Schema.String),
  pricedAs: Schema.Array(Schema.String),
  overridden: Schema.Array(Schema.String),
  input: Schema.Finite,
  cached: Schema.Finite,
  cacheWrite: Schema.Finite,
  output: Schema.Finite,
  audio: Schema.Finite,
  image: Schema.Finite,
  requests: Schema.Finite,
  components: Schema.Array(Schema.Struct({
    name: ComponentName,
    kind: Schema.optionalKey(Schema.String),
    quantity: Schema.Finite,
    unitPrice: Schema.NullOr(Schema.Finite),
    amount: Schema.Finite
  })),
  flags: Schema.Array(Flag)
}).annotate({ identifier: "CostJson" })

/**
 * A cost as plain JSON with numbers.
 *
 * @category models
 * @since 0.1.0
 */
export type Json = typeof Json.Type

/**
 * A cost as plain JSON with numbers: the one place where amounts are rounded, to the nearest double.
 *
 * @example
 * ```ts
 * import { Cost } from "effect-llm-stream"
 *
 * Cost.toJson(Cost.zero).total // 0
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const toJson = (self: Cost): Json => ({
  total: nearest(self.total),
  currency: self.currency,
  priceDate: self.priceDate ?? null,
  pricedAs: self.pricedAs,
  overridden: self.overridden ?? [],
  input: nearest(self.input),
  cached: nearest(self.cached),
  cacheWrite: nearest(self.cacheWrite),
  output: nearest(self.output),
  audio: nearest(self.audio),
  image: nearest(self.image),
  requests: nearest(self.requests),
  components: self.components.map(({ amount, unitPrice, ...component }) => ({
    ...component,
    unitPrice: unitPrice === undefined ? null : nearest(unitPrice),
    amount: nearest(amount)
  })),
  flags: self.flags
})

const nearest = (amount: BigDecimal.BigDecimal): number => Math.min(BigDecimal.toNumberUnsafe(amount), Number.MAX_VALUE)
