/**
 * Changes to prices by the program: a negotiated discount, one rate, a model that no list has.
 *
 * @since 0.2.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { ModelPrice, patch, type Price, type Rates, scale, tokenComponentNames } from "./Price.ts"

const day = Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/))

/**
 * A change to a price. The fields of a price replace those of the table, records key by key; what is not given stays as
 * it is.
 *
 * @example
 * ```ts
 * import type { PriceOverrides } from "effect-llm-stream"
 *
 * const discount: PriceOverrides.Override = { factor: 0.85, since: "2026-01-01", until: "2026-12-31" }
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export interface Override extends ModelPrice {
  /** Multiplies all token rates, before the other fields apply: 0.85 is a discount of 15 %. */
  readonly factor?: number
  /** Forgets what the table says of the model. */
  readonly replace?: boolean
  /** First day (`YYYY-MM-DD`) of the change; it needs the `date` of the cost metadata. */
  readonly since?: string
  /** Last day (`YYYY-MM-DD`) of the change; it needs the `date` of the cost metadata. */
  readonly until?: string
}

/**
 * Schema of a change to a price.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Override: Schema.Codec<Override> = Schema.Struct({
  ...ModelPrice.fields,
  factor: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  replace: Schema.optionalKey(Schema.Boolean),
  since: Schema.optionalKey(day),
  until: Schema.optionalKey(day)
}).annotate({ identifier: "PriceOverride" })

/**
 * Changes by provider and model id; `*` stands for all models of the provider. Those of `*` apply first, then those of
 * the table's entry, then those of the id itself. Several changes for one model apply one after another.
 *
 * @category models
 * @since 0.2.0
 */
export interface Overrides {
  readonly [provider: string]: { readonly [model: string]: Override | ReadonlyArray<Override> }
}

/**
 * Schema of changes by provider and model id; `*` stands for all models of the provider.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Overrides: Schema.Codec<Overrides> = Schema.Record(
  Schema.String,
  Schema.Record(Schema.String, Schema.Union([Override, Schema.Array(Override)]))
).annotate({ identifier: "PriceOverrides" })

/**
 * Prices that can't be right: a field that does not exist, a negative rate, a price per token where one per million
 * tokens belongs.
 *
 * @example
 * ```ts
 * import { PriceOverrides } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const checked = PriceOverrides.check({ openai: { "gpt-4o": { input: 0.0000025 } } })
 * Result.isFailure(checked) // true
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class InvalidPrices extends Schema.TaggedError<InvalidPrices>()("InvalidPrices", {
  /** The problems and their places, one line each. */
  issues: Schema.Array(Schema.String)
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `Prices that can't be right: ${this.issues.join("; ")}`
  }
}

const decode = Schema.decodeUnknownResult(Overrides, { onExcessProperty: "error", errors: "all" })

/**
 * The cheapest rates are around $0.005 per million tokens, the dearest prices per token around $0.0006: a rate that is
 * smaller than this, and not free, is a price per token.
 */
const smallestRate = 0.001

/**
 * The same overrides, if they can be right. Fails with {@link InvalidPrices}.
 *
 * @example
 * ```ts
 * import { PriceOverrides } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * Result.isSuccess(PriceOverrides.check({ anthropic: { "*": { factor: 0.85 } } })) // true
 * Result.isSuccess(PriceOverrides.check({ openai: { "gpt-4o": { inptu: 2 } } })) // false
 * Result.isSuccess(PriceOverrides.check({ openai: { "gpt-4o": { input: -1 } } })) // false
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const check = (overrides: unknown): Result.Result<Overrides, InvalidPrices> =>
  Result.flatMap(
    Result.flatMap(
      Result.try({
        try: () => decode(overrides),
        catch: () => new InvalidPrices({ issues: ["overrides: they throw when they are read"] })
      }),
      Result.mapError((error) => new InvalidPrices({ issues: issuesOf(error) }))
    ),
    (valid) => {
      const issues = Object.entries(valid).flatMap(([provider, models]) =>
        Object.entries(models).flatMap(([model, changes]) =>
          listOf(changes).flatMap((change) => perToken(`${provider} ${model}`, change))
        )
      )
      return issues.length === 0 ? Result.succeed(valid) : Result.fail(new InvalidPrices({ issues }))
    }
  )

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const issuesOf = (error: Schema.SchemaError): ReadonlyArray<string> =>
  format(error.issue).issues.map(({ message, path = [] }) =>
    `${path.map((key) => typeof key === "object" ? String(key.key) : String(key)).join(" ") || "overrides"}: ${message}`
  )

const perToken = (at: string, override: Override): ReadonlyArray<string> => {
  const suspicious = (rates: Rates, where: string): ReadonlyArray<string> =>
    tokenComponentNames.flatMap((name) => {
      const rate = rates[name]
      return rate !== undefined && rate > 0 && rate < smallestRate
        ? [`${where} ${name}: ${rate} looks like a price per token; rates are USD per million tokens`]
        : []
    })
  return [
    ...suspicious(override, at),
    ...suspicious(override.longContext ?? {}, `${at} longContext`),
    ...Object.entries(override.serviceTiers ?? {}).flatMap(([tier, rates]) =>
      typeof rates === "number" ? [] : suspicious(rates, `${at} serviceTiers ${tier}`)
    )
  ]
}

/**
 * The price of a model with the changes that hold for it on a day, or the price as it is when none does. `price` is
 * `undefined` for a model that no table has.
 *
 * @example
 * ```ts
 * import { PriceOverrides } from "effect-llm-stream"
 *
 * const price = { provider: "openai", model: "gpt-4o", input: 2.5, output: 10 }
 * const changed = PriceOverrides.apply({ "*": { factor: 0.5 }, "gpt-4o": { output: 4 } }, "gpt-4o", price, undefined)
 * changed?.input // 1.25
 * changed?.output // 4
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const apply = (
  overrides: Overrides[string],
  model: string,
  price: Price | undefined,
  date: string | undefined,
  provider: string = price?.provider ?? ""
): Price | undefined => {
  const changesOf = (name: string): ReadonlyArray<Override> =>
    Object.entries(overrides).flatMap(([key, changes]) => key.toLowerCase() === name ? listOf(changes) : [])
      .filter((change) => holds(change, date))
  const id = model.toLowerCase()
  const entry = price?.model.toLowerCase()
  const own = [...(entry === undefined || entry === id ? [] : changesOf(entry)), ...changesOf(id)]
  // A discount on everything does not make a price where there is none.
  if (price === undefined && own.length === 0) return undefined
  const changes = [...changesOf("*"), ...own]
  if (changes.length === 0) return price
  const changed = changes.reduce((so, { factor, replace, since: _since, until: _until, ...change }): Price => {
    const { date, model, provider } = so
    const base: Price = replace === true ? { provider, model, ...(date === undefined ? undefined : { date }) } : so
    return patch(factor === undefined ? base : scale(base, factor), change)
  }, price ?? { provider, model })
  return { ...changed, overridden: true }
}

const listOf = (changes: Override | ReadonlyArray<Override>): ReadonlyArray<Override> =>
  isList(changes) ? changes : [changes]

const isList = (changes: Override | ReadonlyArray<Override>): changes is ReadonlyArray<Override> =>
  Array.isArray(changes)

const holds = ({ since, until }: Override, date: string | undefined): boolean =>
  date === undefined
    ? since === undefined && until === undefined
    : (since === undefined || date >= since) && (until === undefined || date <= until)
