/**
 * What models cost: the bundled price snapshot, its look-up by model id, and ways to override or replace it.
 *
 * The snapshot is generated from `@pydantic/genai-prices` (MIT) by `scripts/generate-prices.ts`, one module a provider,
 * and corrected by `scripts/prices-overlay.ts`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { calculate, type Cost, fromStated } from "./Cost.ts"
import type { CostMetadata } from "./CostMetadata.ts"
import { trusted } from "./internal/trusted.ts"
import type { ModelPrice, Price, PriceTable } from "./Price.ts"
import { table as anthropic } from "./pricing/anthropic.ts"
import { table as azure } from "./pricing/azure.ts"
import { table as bedrock } from "./pricing/bedrock.ts"
import { table as groq } from "./pricing/groq.ts"
import { table as openai } from "./pricing/openai.ts"
import { Response } from "./Response.ts"
import * as ResponseParts from "./ResponseParts.ts"

/**
 * No price is known for the model. Give one by {@link layer}: an override, or, for an Azure deployment or a Bedrock
 * application inference profile, the model behind it.
 *
 * @example
 * ```ts
 * import { Cost, CostMetadata, Pricing } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({ provider: "azure", model: "prod-chat", inputTokens: 1, outputTokens: 1 })
 * const cost = Pricing.cost(metadata).pipe(
 *   Effect.catchTag("UnknownModel", (error) => Effect.as(Effect.logWarning(error.message), Cost.zero))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownModel extends Schema.TaggedError<UnknownModel>()("UnknownModel", {
  /** `undefined` when the cost metadata named no provider. */
  provider: Schema.optionalKey(Schema.String),
  /** The id that was looked up; `undefined` when the cost metadata named no model. */
  model: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `No price is known for ${this.model === undefined ? "an unnamed model" : `the model "${this.model}"`}` +
      (this.provider === undefined ? "" : ` of ${this.provider}`)
  }
}

/**
 * How {@link make} and {@link layer} find prices.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** The price tables; the bundled {@link snapshot} when `undefined`, no table at all when empty. */
  readonly tables?: ReadonlyArray<PriceTable> | undefined
  /** Azure: the model behind each deployment name. */
  readonly deployments?: Readonly<Record<string, string>> | undefined
  /** Bedrock: the model id behind each application inference profile (or other resource), by ARN or by the ARN's last part. */
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
  /** Prices by provider and model id, before those of the tables. */
  readonly overrides?: Readonly<Record<string, Readonly<Record<string, ModelPrice>>>> | undefined
}

/**
 * Finds the price of a model.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  readonly lookup: (provider: string, model: string) => Result.Result<Price, UnknownModel>
}

/**
 * The bundled prices of OpenAI, Anthropic, AWS Bedrock, Groq and Azure.
 *
 * @category constructors
 * @since 0.1.0
 */
export const snapshot: ReadonlyArray<PriceTable> = [openai, anthropic, bedrock, groq, azure]

// What ends an id and does not change the model: a date, a version, `latest`, Bedrock's context size.
const versionSuffix = /(?:[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest|v\d+)|:\d+k?|:mm)$/
// Without GovCloud, which has prices of its own.
const arn = /^arn:(?!aws-us-gov)[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/(.+)$/
const fineTuned = /^(?:ft:([^:]+):.*|(.+)\.ft-.*)$/

/**
 * The names under which a model may be priced, from the most specific, the id itself, to the least. Ids are compared
 * in lower case; ARNs of foundation models and cross-region inference profiles stand for the id in them; fine-tuned
 * models for `ft:` and their base; dates, versions and `latest` at the end may be left out.
 *
 * Bedrock's geography prefixes (`us.`, `global.`, …) are part of the name, because the price depends on them.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 *
 * Pricing.normalize("GPT-4o-2024-08-06") // ["gpt-4o-2024-08-06", "gpt-4o"]
 * Pricing.normalize("ft:gpt-4o:acme::a1") // ["ft:gpt-4o:acme::a1", "ft:gpt-4o"]
 * Pricing.normalize("us.meta.llama3-1-8b-v1:0") // ["us.meta.llama3-1-8b-v1:0", "us.meta.llama3-1-8b-v1", "us.meta.llama3-1-8b"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalize = (model: string): ReadonlyArray<string> => {
  let name = model.trim().toLowerCase()
  const names = [name]
  const next = (shorter: string): void => {
    name = shorter
    names.push(name)
  }
  const resource = arn.exec(name)?.[1]
  if (resource !== undefined) next(resource)
  const base = fineTuned.exec(name)
  if (base !== null) next(`ft:${base[1] ?? base[2]}`)
  for (let match = versionSuffix.exec(name); match !== null && match.index > 0; match = versionSuffix.exec(name)) {
    next(name.slice(0, match.index))
    // No real id has more; an endless one must not cost much.
    if (names.length > 8) break
  }
  return names
}

/**
 * Makes a price finder.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const pricing = Pricing.make({ deployments: { "prod-chat": "gpt-4o" } })
 * Result.getOrThrow(pricing.lookup("azure", "prod-chat")).input // 2.5
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Service => {
  const tables = options.tables ?? snapshot
  const indices = new Map<string, ReadonlyMap<string, Price>>()
  const indexOf = (provider: string): ReadonlyMap<string, Price> => {
    let index = indices.get(provider)
    if (index === undefined) {
      index = buildIndex(
        provider,
        tables.find((table) => table.provider === provider),
        own(options.overrides, provider)
      )
      indices.set(provider, index)
    }
    return index
  }
  const aliases: Readonly<Record<string, Readonly<Record<string, string>> | undefined>> = {
    azure: options.deployments,
    bedrock: options.applicationProfiles
  }
  return {
    lookup: (provider, model) => {
      const known = own(aliases, provider)
      const alias = known && (own(known, model) ?? own(known, model.slice(model.lastIndexOf("/") + 1)))
      const index = indexOf(provider)
      const exact = index.get(alias ?? model)
      if (exact !== undefined) return Result.succeed(exact)
      for (const name of normalize(alias ?? model)) {
        const price = index.get(name)
        if (price !== undefined) return Result.succeed(price)
      }
      return Result.fail(new UnknownModel({ provider, model }))
    }
  }
}

const own = <A>(record: Readonly<Record<string, A>> | undefined, key: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined

const buildIndex = (
  provider: string,
  table: PriceTable | undefined,
  overrides: Readonly<Record<string, ModelPrice>> | undefined
): ReadonlyMap<string, Price> => {
  const index = new Map<string, Price>()
  // Fallbacks first and overrides last: the last one set wins.
  for (const other of table?.fallback?.toReversed() ?? []) {
    addTable(
      index,
      other,
      (model, price) => ({ ...ratesOnly(price), ...table?.defaults, provider, model, date: other.date })
    )
  }
  if (table !== undefined) {
    addTable(
      index,
      table,
      (model, price) => ({ ...withDefaults(price, table.defaults), provider, model, date: table.date })
    )
  }
  for (const [model, modelPrice] of Object.entries(overrides ?? {})) {
    const price: Price = { ...withDefaults(modelPrice, table?.defaults ?? {}), provider, model }
    // An override of an entry holds for all ids of the entry, one of a further id only for that.
    for (const [name, entry] of index) if (entry.model === model.toLowerCase()) index.set(name, price)
    index.set(model, price).set(model.toLowerCase(), price)
  }
  return index
}

const addTable = (
  index: Map<string, Price>,
  table: PriceTable,
  price: (model: string, price: ModelPrice) => Price
): void => {
  for (const [model, entry] of Object.entries(table.models)) index.set(model, price(model, entry))
  for (const [name, model] of Object.entries(table.names)) {
    const entry = index.get(model)
    if (entry !== undefined) index.set(name, entry)
  }
}

const withDefaults = (price: ModelPrice, defaults: ModelPrice): ModelPrice => ({
  ...defaults,
  ...price,
  ...(price.serverTools && { serverTools: { ...defaults.serverTools, ...price.serverTools } }),
  ...(price.serviceTiers && { serviceTiers: { ...defaults.serviceTiers, ...price.serviceTiers } }),
  ...(price.speeds && { speeds: { ...defaults.speeds, ...price.speeds } }),
  ...(price.inferenceGeos && { inferenceGeos: { ...defaults.inferenceGeos, ...price.inferenceGeos } })
})

// Tool fees, tiers and regions are those of the provider that serves the model, not of the one that made it.
const ratesOnly = (
  {
    exceptRegions: _except,
    inferenceGeos: _geos,
    regions: _regions,
    serverTools: _tools,
    serviceTiers: _tiers,
    speeds: _speeds,
    ...rates
  }: ModelPrice
): ModelPrice => rates

/**
 * Where prices come from: the bundled snapshot, unless a layer says otherwise.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const inputPrice = Effect.map(
 *   Pricing.Pricing,
 *   (pricing) => Result.getOrThrow(pricing.lookup("openai", "gpt-4o-2024-08-06")).input
 * )
 * await Effect.runPromise(inputPrice) // 2.5
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Pricing: Context.Reference<Service> = Context.Reference<Service>("effect-llm-stream/Pricing", {
  defaultValue: () => make()
})

/**
 * Provides prices: maps for Azure deployments and Bedrock application inference profiles, overrides, other tables.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 *
 * const prices = Pricing.layer({
 *   deployments: { "prod-chat": "gpt-4o" },
 *   applicationProfiles: { "abc123def456": "us.anthropic.claude-sonnet-4-5-20250929-v1:0" },
 *   overrides: { openai: { "my-private-model": { input: 1, output: 4 } } }
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never> => Layer.sync(Pricing, () => make(options))

/**
 * The price of a model, from the {@link Pricing} in context. Fails with {@link UnknownModel}.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const price = await Effect.runPromise(Pricing.lookup("groq", "openai/gpt-oss-120b"))
 * price.cached // 0.075
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const lookup = (provider: string, model: string): Effect.Effect<Price, UnknownModel> =>
  Effect.flatMap(Pricing, (pricing) => Effect.fromResult(pricing.lookup(provider, model)))

/**
 * What a completion costs at the prices of `pricing`. Fails with {@link UnknownModel} when the metadata names no model
 * or one without a known price, unless the provider itself stated the cost.
 *
 * @example
 * ```ts
 * import { CostMetadata, Pricing } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({ provider: "groq", model: "nobody-knows", inputTokens: 1, outputTokens: 1 })
 * Result.isFailure(Pricing.costWith(metadata, Pricing.make())) // true
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const costWith: {
  (pricing: Service): (metadata: CostMetadata) => Result.Result<Cost, UnknownModel>
  (metadata: CostMetadata, pricing: Service): Result.Result<Cost, UnknownModel>
} = dual(2, (metadata: CostMetadata, pricing: Service): Result.Result<Cost, UnknownModel> => {
  const stated = fromStated(metadata)
  if (stated !== undefined) return Result.succeed(stated)
  const { model = metadata.requestedModel, provider } = metadata
  return provider === undefined || model === undefined
    ? Result.fail(
      new UnknownModel({
        ...(provider === undefined ? undefined : { provider }),
        ...(model === undefined ? undefined : { model })
      })
    )
    : Result.map(pricing.lookup(provider, model), (price) => calculate(metadata, price))
})

/**
 * What a completion costs at the prices of the {@link Pricing} in context. Fails with {@link UnknownModel} when the
 * metadata names no model or one without a known price, unless the provider itself stated the cost.
 *
 * @example
 * ```ts
 * import { Cost, CostMetadata, Pricing } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({
 *   provider: "anthropic",
 *   model: "claude-haiku-4-5-20251001",
 *   inputTokens: 1000,
 *   outputTokens: 100
 * })
 * const cost = await Effect.runPromise(Pricing.cost(metadata))
 * Cost.toJson(cost).total // 0.0015
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cost = (metadata: CostMetadata): Effect.Effect<Cost, UnknownModel> =>
  Effect.flatMap(Pricing, (pricing) => Effect.fromResult(costWith(metadata, pricing)))

/**
 * A response with its cost, at the prices of the {@link Pricing} in context; `cost` stays `undefined` when the price is
 * not known ({@link cost} of its `costMetadata` then says why).
 *
 * @example
 * ```ts
 * import { ChunkStream, Pricing, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const response = yield* ChunkStream.response(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }))
 *   return (yield* Pricing.priced(response)).cost
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const priced = (response: Response): Effect.Effect<Response> =>
  Effect.map(Pricing, (pricing) => {
    const cost = Result.getOrUndefined(costWith(response.costMetadata, pricing))
    return cost === undefined
      ? response
      : ResponseParts.remember(trusted(Response, { ...response, cost }), response)
  })
