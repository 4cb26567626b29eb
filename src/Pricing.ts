/**
 * What models cost: the bundled price snapshot, its look-up by model id, and ways to override or replace it.
 *
 * The snapshot is merged from several public price lists by `scripts/generate-prices.ts`, one module a provider.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ChatResponse } from "./ChatResponse.ts"
import { calculateEach, type Cost, fromStated } from "./Cost.ts"
import { CostMetadata, isStated } from "./CostMetadata.ts"
import * as Checks from "./engine/checks.ts"
import { defined } from "./internal/defined.ts"
import { own } from "./internal/own.ts"
import { trusted } from "./internal/trusted.ts"
import { type ModelPrice, patch, type Price, type PriceTable } from "./Price.ts"
import { apply, check, InvalidPrices, type Overrides } from "./PriceOverrides.ts"
import * as ResponseParts from "./ResponseParts.ts"

/**
 * No price is known for the model: give one by {@link layer}, as an override, or, for an Azure deployment or a Bedrock
 * application inference profile, as the model behind it. Or the response states no usage, so there is nothing to price.
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
  model: Schema.optionalKey(Schema.String),
  /**
   * The missing fact: the usage, the provider, the model's name, any price of the provider, the price of the model, or the
   * bundled prices of the provider, which are loaded before they are looked up.
   */
  reason: Schema.optionalKey(
    Schema.Literals(["noUsage", "noProvider", "noModel", "unknownProvider", "unknownModel", "notLoaded"])
  )
}) {
  override get message(): string {
    const model = this.model === undefined ? "an unnamed model" : `the model "${excerpt(this.model)}"`
    return `No ${this.reason === "noUsage" ? "cost" : "price"} is known for ${model}` +
      (this.provider === undefined ? "" : ` of ${excerpt(this.provider)}`) +
      (this.reason === undefined ? "" : hints[this.reason])
  }
}

const hints = {
  noUsage: ": the response states no usage",
  noProvider: ": the response does not say who answered",
  noModel: ": the response does not name its model; say which model was asked for",
  unknownProvider: ": no price table has this provider; give its prices as overrides or tables",
  unknownModel: "",
  notLoaded: ": the provider's prices are not loaded; take the service from `Pricing.current`, or give it `tables`"
}

const excerpt = (id: string): string => id.length > 200 ? `${id.slice(0, 200)}…` : id

/**
 * How {@link make} and {@link layer} find prices.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /**
   * The price tables, no table at all when empty. When `undefined`, the bundled ones, each loaded when a price of its
   * provider is first asked for; `pricing/snapshot` has them all for those who can't wait.
   */
  readonly tables?: ReadonlyArray<PriceTable> | undefined
  /** Azure: the model behind each deployment name, and how it is deployed. */
  readonly deployments?: Readonly<Record<string, string | Deployment>> | undefined
  /** Bedrock: the model id behind each application inference profile (or other resource), by ARN or by the ARN's last part. */
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
  /**
   * The region that a provider's host serves from, for responses that do not state it: `{ openai: "eu" }` for
   * `eu.api.openai.com`.
   */
  readonly regions?: Readonly<Record<string, string>> | undefined
  /** Changes to the prices of the tables, and prices that they do not have, by provider and model id. */
  readonly overrides?: Overrides | undefined
}

/**
 * A model deployment on Azure.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Deployment {
  /** The model behind it; the deployment's name when `undefined`. */
  readonly model?: string | undefined
  /** How it is deployed: token prices in a data zone or a single region are higher than global ones. */
  readonly type: "global" | "dataZone" | "regional"
}

/**
 * Finds the price of a model.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** `date` (`YYYY-MM-DD`) decides which dated overrides hold; without it those without a date do. */
  readonly lookup: (provider: string, model: string, date?: string) => Result.Result<Price, UnknownModel>
  /** Adds what the program knows of a response beside what it states: how its model is deployed, and where. */
  readonly complete?: ((metadata: CostMetadata) => CostMetadata) | undefined
  /**
   * Loads the prices of a provider, of all when `undefined`, before they are looked up. {@link current} and what
   * computes a cost run it. A look-up of what could not be loaded fails.
   */
  readonly load?: ((provider: string | undefined) => Effect.Effect<void>) | undefined
  /** Brings the prices up to date, where that is cheap; it runs before a cost is computed, and never fails. */
  readonly refresh?: Effect.Effect<void> | undefined
  /** The tables in use, for those who list or compare prices. */
  readonly tables?: ReadonlyArray<PriceTable> | undefined
}

// Without GovCloud, which has prices of its own.
const arn = /^arn:(?!aws-us-gov)[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/(.+)$/
const fineTuned = /^(?:ft:([^:]+):.*|(.+)\.ft-.*)$/
// OpenAI's snapshots, also where Azure serves them.
const dated = /^(.+)-\d{4}-\d{2}-\d{2}$/

/**
 * The names under which a model may be priced, from the most specific, the id itself, to the least. Ids are compared in
 * lower case; ARNs of foundation models and cross-region inference profiles stand for the id in them; fine-tuned models
 * for `ft:` and their base. The last one is the id without a date (`YYYY-MM-DD`), if it has one: a price that is found
 * by it only is flagged as `assumedModel`, because a snapshot may have a price of its own.
 *
 * Nothing else is cut off an id. Bedrock's geography prefixes (`us.`, `global.`, …) are part of the name, because the
 * price depends on them.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 *
 * Pricing.normalize("GPT-4o-2024-08-06") // ["gpt-4o-2024-08-06", "gpt-4o"]
 * Pricing.normalize("ft:gpt-4o:acme::a1") // ["ft:gpt-4o:acme::a1", "ft:gpt-4o"]
 * Pricing.normalize("us.meta.llama3-1-8b-v1:0") // ["us.meta.llama3-1-8b-v1:0"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalize = (model: string): ReadonlyArray<string> => {
  const name = model.trim().toLowerCase()
  const resource = arn.exec(name)?.[1]
  const tuned = fineTuned.exec(name)
  const base = tuned === null ? undefined : `ft:${tuned[1] ?? tuned[2]}`
  const last = base ?? resource ?? name
  const undated = dated.exec(last)?.[1]
  return [name, resource, base, undated].filter((candidate) => candidate !== undefined)
}

/**
 * Makes a price finder. Fails with `PriceOverrides.InvalidPrices` when an override can't be right.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const pricing = Pricing.make({ overrides: { openai: { "gpt-4o": { input: -1 } } } })
 * Result.isFailure(pricing) // true
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: Options = {}): Result.Result<Service, InvalidPrices> =>
  Result.flatMap(
    Result.mapError(Checks.copied(options), (issue) => new InvalidPrices({ issues: [issue] })),
    (options) => Result.map(check(options.overrides ?? {}), (overrides) => makeChecked({ ...options, overrides }))
  )

/**
 * Makes a price finder. Throws `PriceOverrides.InvalidPrices` when an override can't be right: for overrides that are
 * written in the program.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { snapshot } from "effect-llm-stream/pricing/snapshot"
 * import { Result } from "effect"
 *
 * const pricing = Pricing.makeUnsafe({
 *   tables: snapshot,
 *   deployments: { "prod-chat": "gpt-4o" },
 *   overrides: { azure: { "*": { factor: 0.8 } } }
 * })
 * Result.getOrThrow(pricing.lookup("azure", "prod-chat")).input // 2
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const makeUnsafe = (options: Options = {}): Service => Result.getOrThrow(make(options))

// One module a provider, so that a program loads the prices of those it asks.
const bundled: Readonly<Record<string, () => Promise<{ readonly table: PriceTable }>>> = {
  openai: () => import("./pricing/openai.ts"),
  anthropic: () => import("./pricing/anthropic.ts"),
  bedrock: () => import("./pricing/bedrock.ts"),
  groq: () => import("./pricing/groq.ts"),
  azure: () => import("./pricing/azure.ts")
}

const makeChecked = (options: Options): Service => {
  const loads = options.tables === undefined
  const tables = [...(options.tables ?? [])]
  const indices = new Map<string, ReadonlyMap<string, Price>>()
  const indexOf = (provider: string): ReadonlyMap<string, Price> => {
    let index = indices.get(provider)
    if (index === undefined) {
      index = buildIndex(provider, tables.filter((table) => table.provider === provider))
      indices.set(provider, index)
    }
    return index
  }
  const deploymentOf = (model: string): Deployment | undefined => {
    const deployment = own(options.deployments, model)
    return typeof deployment === "object" ? deployment : undefined
  }
  const aliasOf = (provider: string, model: string): string => {
    if (provider === "azure") {
      const deployment = own(options.deployments, model)
      return (typeof deployment === "object" ? deployment.model : deployment) ?? model
    }
    return provider === "bedrock"
      ? own(options.applicationProfiles, model) ??
        own(options.applicationProfiles, model.slice(model.lastIndexOf("/") + 1)) ?? model
      : model
  }
  const find = (provider: string, id: string): Price | undefined => {
    const index = indexOf(provider)
    const exact = index.get(id)
    if (exact !== undefined) return exact
    const names = normalize(id)
    for (const name of names) {
      const price = index.get(name)
      if (price !== undefined) return isAssumed(names, name) ? { ...price, assumed: true } : price
    }
    return undefined
  }
  const isMissing = (provider: string): boolean =>
    loads && own(bundled, provider) !== undefined && tables.every((table) => table.provider !== provider)
  const add = ({ table }: { readonly table: PriceTable }): void => {
    if (!isMissing(table.provider)) return
    tables.push(table)
    indices.delete(table.provider)
  }
  return {
    tables,
    load: loads
      ? (provider) =>
        Effect.suspend(() => {
          const missing = Object.entries(bundled).filter(([name]) => isMissing(name) && (provider ?? name) === name)
          return missing.length === 0
            ? Effect.void
            : Effect.ignore(Effect.tryPromise(() => Promise.all(missing.map(([, load]) => load().then(add)))))
        })
      : undefined,
    lookup: (provider, model, date) => {
      if (typeof provider !== "string") return Result.fail(new UnknownModel({ reason: "noProvider" }))
      if (typeof model !== "string") return Result.fail(new UnknownModel({ provider, reason: "noModel" }))
      // An override alone would be half a price.
      if (isMissing(provider)) return Result.fail(new UnknownModel({ provider, model, reason: "notLoaded" }))
      const id = aliasOf(provider, model)
      const listed = find(provider, id)
      const overrides = own(options.overrides, provider)
      const price = overrides === undefined ? listed : overridden(overrides, provider, id, listed, date)
      if (price !== undefined) return Result.succeed(price)
      const reason = overrides === undefined && indexOf(provider).size === 0 ? "unknownProvider" : "unknownModel"
      return Result.fail(new UnknownModel({ provider, model, reason }))
    },
    complete: (metadata) => {
      const { deploymentType, model, provider = "", region, requestedModel } = metadata
      const type = provider !== "azure" || deploymentType !== undefined
        ? undefined
        : deploymentOf(requestedModel ?? "")?.type ?? deploymentOf(model ?? "")?.type
      const served = region === undefined ? own(options.regions, provider) : undefined
      return type === undefined && served === undefined ? metadata : trusted(CostMetadata, {
        ...metadata,
        ...defined({ deploymentType: type, region: served })
      })
    }
  }
}

/** The price with the overrides that hold for it; one that no table has is looked for under all names of the id. */
const overridden = (
  overrides: Overrides[string],
  provider: string,
  id: string,
  listed: Price | undefined,
  date: string | undefined
): Price | undefined => {
  if (listed !== undefined) return apply(overrides, id, listed, date)
  const names = normalize(id)
  for (const name of names) {
    const price = apply(overrides, name, undefined, date, provider)
    if (price !== undefined) return isAssumed(names, name) ? { ...price, assumed: true } : price
  }
  return undefined
}

// Only the last name may be the id without its date, and only if the id has one.
const isAssumed = (names: ReadonlyArray<string>, name: string): boolean => {
  const before = names.at(-2)
  return name === names.at(-1) && before !== undefined && dated.exec(before)?.[1] === name
}

/** Of several tables of a provider the first one wins, model by model. */
const buildIndex = (provider: string, tables: ReadonlyArray<PriceTable>): ReadonlyMap<string, Price> => {
  const index = new Map<string, Price>()
  for (const table of tables.toReversed()) {
    for (const other of table.fallback?.toReversed() ?? []) {
      addTable(
        index,
        other,
        (model, price) => ({ ...ratesOnly(price), ...table.defaults, provider, model, date: other.date })
      )
    }
    addTable(
      index,
      table,
      (model, price) => ({ ...patch(table.defaults, price), provider, model, date: table.date })
    )
  }
  return index
}

const addTable = (
  index: Map<string, Price>,
  table: PriceTable,
  price: (model: string, price: ModelPrice) => Price
): void => {
  for (const [model, entry] of Object.entries(table.models)) index.set(model.toLowerCase(), price(model, entry))
  for (const [name, model] of Object.entries(table.names)) {
    const entry = index.get(model.toLowerCase())
    if (entry !== undefined) index.set(name.toLowerCase(), entry)
  }
}

// Fees, tiers and regions are those of the provider that serves the model, not of the one that made it.
const withoutTerms = <P extends ModelPrice>(price: P) => {
  const {
    exceptRegions: _except,
    inferenceGeos: _geos,
    regionFactors: _factors,
    regions: _regions,
    request: _request,
    serverTools: _tools,
    serviceTiers: _tiers,
    speeds: _speeds,
    ...rates
  } = price
  return rates
}

const ratesOnly = ({ later, ...price }: ModelPrice): ModelPrice => ({
  ...withoutTerms(price),
  ...(later && { later: later.map(withoutTerms) })
})

/**
 * The source of prices: the bundled ones, unless a layer says otherwise. Take it from {@link current} to look prices up.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const inputPrice = Effect.map(
 *   Pricing.current,
 *   (pricing) => Result.getOrThrow(pricing.lookup("openai", "gpt-4o-2024-08-06")).input
 * )
 * await Effect.runPromise(inputPrice) // 2.5
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Pricing: Context.Reference<Service> = Context.Reference<Service>("effect-llm-stream/Pricing", {
  defaultValue: () => makeUnsafe()
})

/**
 * Provides prices: maps for Azure deployments and Bedrock application inference profiles, overrides, other tables. Fails
 * with `PriceOverrides.InvalidPrices` when an override can't be right.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 *
 * const prices = Pricing.layer({
 *   deployments: { "prod-chat": "gpt-4o" },
 *   applicationProfiles: { "abc123def456": "us.anthropic.claude-sonnet-4-5-20250929-v1:0" },
 *   overrides: {
 *     openai: { "*": { factor: 0.85 }, "my-private-model": { input: 1, output: 4 } }
 *   }
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, InvalidPrices> =>
  Layer.effect(Pricing, Effect.suspend(() => Effect.fromResult(make(options))))

/**
 * The {@link Pricing} in context, with all its prices loaded and up to date.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const tables = Effect.map(Pricing.current, (pricing) => pricing.tables)
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export const current: Effect.Effect<Service> = Effect.suspend(() => ready(undefined))

/**
 * The prices in use, with those of a provider loaded; of all when it is `undefined`.
 *
 * @internal
 */
export const ready = (provider: string | undefined): Effect.Effect<Service> =>
  Effect.flatMap(
    Pricing,
    (pricing) =>
      Effect.as(Effect.andThen(pricing.load?.(provider) ?? Effect.void, pricing.refresh ?? Effect.void), pricing)
  )

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
  Effect.flatMap(ready(provider), (pricing) => Effect.fromResult(pricing.lookup(provider, model)))

/**
 * The cost of a completion at the prices of `pricing`. Fails with {@link UnknownModel} when the metadata names no model
 * or one without a known price, unless the provider itself stated the cost; and when it states no usage, because the
 * cost is then unknown, not zero.
 *
 * @example
 * ```ts
 * import { CostMetadata, Pricing } from "effect-llm-stream"
 * import { snapshot } from "effect-llm-stream/pricing/snapshot"
 * import { Result } from "effect"
 *
 * const metadata = new CostMetadata.CostMetadata({ provider: "groq", model: "nobody-knows", inputTokens: 1, outputTokens: 1 })
 * Result.isFailure(Pricing.costWith(metadata, Pricing.makeUnsafe({ tables: snapshot }))) // true
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const costWith: {
  (pricing: Service): (metadata: CostMetadata) => Result.Result<Cost, UnknownModel>
  (metadata: CostMetadata, pricing: Service): Result.Result<Cost, UnknownModel>
} = dual(2, (stated: CostMetadata, pricing: Service): Result.Result<Cost, UnknownModel> => {
  const known = fromStated(stated)
  if (known !== undefined) return Result.succeed(known)
  const metadata = pricing.complete?.(stated) ?? stated
  const { date, model = metadata.requestedModel, provider } = metadata
  if (provider === undefined) {
    return Result.fail(new UnknownModel({ reason: "noProvider", ...(model === undefined ? undefined : { model }) }))
  }
  if (model === undefined) return Result.fail(new UnknownModel({ provider, reason: "noModel" }))
  return Result.flatMap(
    pricing.lookup(provider, model, date),
    (price) =>
      !isStated(metadata)
        ? Result.fail(new UnknownModel({ provider, model, reason: "noUsage" }))
        : Result.succeed(calculateEach(metadata, (call) =>
          call.provider === provider && (call.model === undefined || call.model === metadata.model)
            ? price
            : Result.getOrUndefined(pricing.lookup(call.provider ?? provider, call.model ?? model, date))))
  )
})

/** Metadata with the day, which decides which of several dated prices holds, if it does not state one. */
const today = (metadata: CostMetadata): Effect.Effect<CostMetadata> =>
  metadata.date === undefined
    ? Effect.map(Clock.currentTimeMillis, (now) => onDay(metadata, dayOf(now)))
    : Effect.succeed(metadata)

/**
 * The day of a time in milliseconds, as `YYYY-MM-DD` in UTC.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 *
 * Pricing.dayOf(0) // "1970-01-01"
 * ```
 *
 * @category conversions
 * @since 0.2.0
 */
export const dayOf = (milliseconds: number): string => {
  const day = Math.floor(milliseconds / 86_400_000)
  if (day !== last.day) last = { day, text: new Date(milliseconds).toISOString().slice(0, 10) }
  return last.text
}

let last = { day: 0, text: "1970-01-01" }

/**
 * Metadata that states its day: its own, or `day` if it has none.
 *
 * @example
 * ```ts
 * import { CostMetadata, Pricing } from "effect-llm-stream"
 *
 * Pricing.onDay(new CostMetadata.CostMetadata({}), "2026-11-22").date // "2026-11-22"
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const onDay = (metadata: CostMetadata, day: string): CostMetadata =>
  metadata.date === undefined ? trusted(CostMetadata, { ...metadata, date: day }) : metadata

/**
 * The cost of a completion at the prices of the {@link Pricing} in context. Fails with {@link UnknownModel} when the
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
  Effect.flatMap(
    ready(metadata.provider ?? ""),
    (pricing) => Effect.flatMap(today(metadata), (dated) => Effect.fromResult(costWith(dated, pricing)))
  )

/**
 * A response with its cost, at the prices of the {@link Pricing} in context; `cost` stays `undefined` when no usage was
 * stated, and when the price is not known ({@link cost} of its `costMetadata` then says why).
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
export const priced = (response: ChatResponse): Effect.Effect<ChatResponse> =>
  Effect.map(
    costOf(response.costMetadata),
    (cost) =>
      cost === undefined ? response : ResponseParts.remember(trusted(ChatResponse, { ...response, cost }), response)
  )

/**
 * The cost of a response; `undefined` without a known price or a usage.
 *
 * @internal
 */
export const costOf = (metadata: CostMetadata): Effect.Effect<Cost | undefined> =>
  Effect.match(cost(metadata), {
    onFailure: () => undefined,
    onSuccess: (cost) => cost
  })
