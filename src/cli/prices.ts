import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { CostMetadata } from "../CostMetadata.ts"
import { trusted } from "../internal/trusted.ts"
import * as PartialJson from "../PartialJson.ts"
import { type ModelPrice, patch, type PriceTable, tokenComponentNames } from "../Price.ts"
import { check } from "../PriceOverrides.ts"
import * as Pricing from "../Pricing.ts"
import { snapshot } from "../pricing/snapshot.ts"
import * as PricingRefresh from "../PricingRefresh.ts"
import * as Files from "./files.ts"
import * as Json from "./json.ts"
import { complain } from "./output.ts"
import { printable } from "./printable.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

const isList = Schema.is(Schema.Struct({ tables: Schema.Unknown }))

/**
 * The prices to use: those of a file, before the bundled ones. The file is a price list, or overrides by provider and
 * model. `model` is for responses that do not state one; on Bedrock it is the requested id, which decides the price.
 * They are those of today.
 *
 * @internal
 */
export const service = (
  file: Option.Option<string>,
  model: Option.Option<string>
): Effect.Effect<Pricing.Service, Failed, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const pricing = yield* Option.match(file, { onNone: () => Pricing.current, onSome: fromFile })
    // A response came just now, or states its day.
    const day = Pricing.dayOf(yield* Clock.currentTimeMillis)
    return {
      ...pricing,
      complete: (metadata) => {
        const known = Pricing.onDay(pricing.complete?.(metadata) ?? metadata, day)
        return Option.isSome(model) && (known.model === undefined || known.provider === "bedrock")
          ? trusted(CostMetadata, { ...known, model: model.value })
          : known
      }
    }
  })

const fromFile = Effect.fnUntraced(function*(path: string) {
  const text = yield* Files.text(path)
  const json = yield* Effect.mapError(
    Effect.fromResult(PartialJson.parse(text)),
    (problem) => wrongUsage(`${path}: ${problem}`)
  )
  if (!isList(json)) {
    const overrides = yield* Effect.mapError(
      Effect.fromResult(check(json)),
      (error) => wrongUsage(`${path}: ${error.message}`)
    )
    return Pricing.makeUnsafe({ tables: snapshot, overrides })
  }
  const { tables } = yield* list(PricingRefresh.parse(text, path))
  return Pricing.makeUnsafe({ tables: [...tables, ...snapshot] })
})

const list = <R>(
  read: Effect.Effect<PricingRefresh.PriceList, PricingRefresh.PricesUnavailable | Failed, R>
): Effect.Effect<PricingRefresh.PriceList, Failed, R> =>
  Effect.catchTag(read, "PricesUnavailable", (error) => Effect.fail(wrongUsage(error.message)))

/** @internal */
export interface Input {
  readonly search: Option.Option<string>
  readonly provider: Option.Option<string>
  readonly diff: Option.Option<string>
  readonly refresh: Option.Option<string>
  readonly output: Option.Option<string>
  readonly json: boolean
}

/** @internal */
export const prices = Effect.fn("cli.prices")(function*(
  input: Input
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | FileSystem.FileSystem | HttpClient.HttpClient> {
  const stdio = yield* Stdio.Stdio
  const print = (text: string) => Stream.run(Stream.make(text), stdio.stdout())
  if (Option.isSome(input.refresh) !== Option.isSome(input.output)) {
    return yield* wrongUsage("--refresh LIST and --output FILE need each other")
  }
  if (Option.isSome(input.refresh) && Option.isSome(input.diff)) {
    return yield* wrongUsage("--refresh and --diff exclude each other")
  }
  if (Option.isSome(input.refresh) && Option.isSome(input.output)) {
    return yield* Effect.flatMap(refresh(input.refresh.value, input.output.value), print)
  }
  const isWanted = (row: Row): boolean =>
    Option.match(input.provider, { onNone: () => true, onSome: (provider) => provider === row.provider }) &&
    Option.match(input.search, {
      onNone: () => true,
      onSome: (search) => `${row.provider}/${row.model}`.includes(search.toLowerCase())
    })
  const bundled = rowsOf(snapshot)
  if (Option.isSome(input.diff)) {
    const path = input.diff.value
    const { tables } = yield* list(read(path))
    const changes = differences(bundled, rowsOf(tables)).filter(isWanted)
    return yield* print(
      input.json ? changes.map(Json.line).join("") : printable(Text.table(changes.map(changeCells)))
    )
  }
  const rows = bundled.filter(isWanted)
  if (rows.length === 0 && !input.json) {
    const known = Array.from(new Set(bundled.map(({ provider }) => provider))).join(", ")
    return yield* complain(`No bundled price matches; the providers are ${known}\n`)
  }
  yield* print(
    input.json
      ? rows.map(Json.line).join("")
      : Text.table([["model", "input", "cached", "output", "date", "lists"], ...rows.map(cells)])
  )
})

const read = (from: string): Effect.Effect<
  PricingRefresh.PriceList,
  PricingRefresh.PricesUnavailable | Failed,
  FileSystem.FileSystem | HttpClient.HttpClient
> =>
  /^https?:\/\//.test(from)
    ? PricingRefresh.fromUrl(from)
    : Effect.flatMap(Files.text(from), (text) => PricingRefresh.parse(text, from))

const refresh = Effect.fnUntraced(function*(from: string, to: string) {
  const files = yield* FileSystem.FileSystem
  const prices = yield* list(read(from))
  yield* Effect.mapError(
    files.writeFileString(to, `${JSON.stringify(prices, undefined, 2)}\n`),
    (error) => wrongUsage(`${to}: cannot be written: ${Files.reasonOf(error)}`)
  )
  return `${to}: ${prices.tables.length} tables of ${prices.date}\n`
})

interface Row {
  readonly provider: string
  readonly model: string
  readonly date: string
  /** The lists that agree on the price. */
  readonly lists: ReadonlyArray<string>
  readonly price: ModelPrice
}

const rowsOf = (tables: ReadonlyArray<PriceTable>): ReadonlyArray<Row> =>
  tables.flatMap(({ date, defaults, models, names, provider, sources }) => {
    const row = (model: string, { from = "", ...price }: ModelPrice): Row => ({
      provider,
      model,
      date,
      lists: Array.from(from, (key) => sources?.[key] ?? key),
      price: patch(defaults, price)
    })
    return [
      ...Object.entries(models).map(([model, price]) => row(model, price)),
      ...Object.entries(names).flatMap(([name, model]) => models[model] === undefined ? [] : [row(name, models[model])])
    ]
  }).sort((a, b) => compare(a.provider, b.provider) || compare(a.model, b.model))

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const money = (rate: number | undefined): string => rate === undefined ? "-" : `$${rate}`

const cells = ({ date, lists, model, price, provider }: Row): ReadonlyArray<string> => [
  `${provider}/${model}`,
  money(price.input),
  money(price.cached),
  money(price.output),
  date,
  String(lists.length)
]

interface Change {
  readonly provider: string
  readonly model: string
  readonly date: string
  readonly lists: ReadonlyArray<string>
  readonly price: ModelPrice
  readonly field: string
  /** USD per million tokens in the bundled prices; `null` when they do not have it. */
  readonly bundled: number | null
  /** USD per million tokens in the list. */
  readonly listed: number
}

const differences = (bundled: ReadonlyArray<Row>, listed: ReadonlyArray<Row>): ReadonlyArray<Change> => {
  const known = new Map(bundled.map((row) => [`${row.provider}/${row.model}`, row.price]))
  return listed.flatMap((row) =>
    tokenComponentNames.flatMap((field): ReadonlyArray<Change> => {
      const before = known.get(`${row.provider}/${row.model.toLowerCase()}`)?.[field]
      const now = row.price[field]
      return now === undefined || now === before ? [] : [{ ...row, field, bundled: before ?? null, listed: now }]
    })
  )
}

const changeCells = ({ bundled, field, listed, model, provider }: Change): ReadonlyArray<string> => [
  `${provider}/${model}`,
  field,
  `${money(bundled ?? undefined)} -> ${money(listed)}`
]
