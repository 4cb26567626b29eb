/**
 * Prices that stay current while a program runs: read from a file, a URL or anywhere else, validated, refreshed on a
 * schedule, and kept in a store. The bundled snapshot is the fallback; a refresh that fails never fails a stream.
 *
 * @since 0.2.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Cost } from "./Cost.ts"
import { PriceTable } from "./Price.ts"
import { check, type InvalidPrices } from "./PriceOverrides.ts"
import * as Pricing from "./Pricing.ts"

/**
 * Schema of a price list: what a file or a server states. Tables of a provider come before the bundled ones, model by
 * model.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PriceList = Schema.Struct({
  /** Day (`YYYY-MM-DD`) of the list. */
  date: Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/)),
  tables: Schema.Array(PriceTable)
}).annotate({ identifier: "PriceList" })

/**
 * A price list.
 *
 * @category models
 * @since 0.2.0
 */
export type PriceList = typeof PriceList.Type

/**
 * A price list could not be read, or is not one. `message` says where from, and what was wrong.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const read = PricingRefresh.fromFile("prices.json").pipe(
 *   Effect.tapErrorTag("PricesUnavailable", (error) => Effect.logWarning(error.message))
 * )
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class PricesUnavailable extends Schema.TaggedError<PricesUnavailable>()("PricesUnavailable", {
  /** Where the prices should have come from. */
  source: Schema.String,
  reason: Schema.String
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `No prices from ${this.source}: ${this.reason}`
  }
}

const decodeList = Schema.decodeUnknownEffect(Schema.fromJsonString(PriceList), { onExcessProperty: "error" })

const encodeList = Schema.encodeEffect(Schema.fromJsonString(PriceList))

/**
 * The price list that a JSON text states, if all of it can be right.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const list = await Effect.runPromise(PricingRefresh.parse(`{ "date": "2026-11-01", "tables": [] }`, "a test"))
 * list.date // "2026-11-01"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const parse = (text: string, source: string): Effect.Effect<PriceList, PricesUnavailable> =>
  decodeList(text).pipe(
    // The rules for overrides, such as the one against prices per token, hold for lists too.
    Effect.tap(({ tables }) =>
      Effect.forEach(tables, ({ models, provider }) => Effect.fromResult(check({ [provider]: models })))
    ),
    Effect.mapError((error) => new PricesUnavailable({ source, reason: error.message }))
  )

/**
 * Reads a price list from a file. Fails with {@link PricesUnavailable}.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 *
 * const list = PricingRefresh.fromFile("/etc/prices.json")
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromFile = (path: string): Effect.Effect<PriceList, PricesUnavailable, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((files) => files.readFileString(path)),
    Effect.mapError((error) => new PricesUnavailable({ source: path, reason: error.message })),
    Effect.flatMap((text) => parse(text, path))
  )

/**
 * Reads a price list from a URL. Fails with {@link PricesUnavailable}.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 *
 * const list = PricingRefresh.fromUrl("https://prices.example/list.json")
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromUrl = (url: string): Effect.Effect<PriceList, PricesUnavailable, HttpClient.HttpClient> =>
  HttpClient.HttpClient.pipe(
    Effect.flatMap((client) => HttpClient.filterStatusOk(client).get(url)),
    Effect.flatMap((response) => response.text),
    Effect.mapError((error) => new PricesUnavailable({ source: url, reason: error.message })),
    Effect.flatMap((text) => parse(text, url))
  )

/**
 * How {@link layer} keeps prices current.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options<R> extends Omit<Pricing.Options, "tables"> {
  /** Reads the prices; see {@link fromFile} and {@link fromUrl}. */
  readonly source: Effect.Effect<PriceList, PricesUnavailable, R>
  /** When to read them again, after the first time; once an hour when `undefined`. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** How long the program waits for the first prices before it starts with what it has; 5 seconds when `undefined`. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Seconds since the day of the price list in use, at the last refresh: that of the newest table.
 *
 * @category metrics
 * @since 0.2.0
 */
export const ageMetric = Metric.gauge("llm_stream_price_age_seconds", {
  description: "Age of the prices in use"
})

/**
 * Refreshes that failed.
 *
 * @category metrics
 * @since 0.2.0
 */
export const failuresMetric = Metric.counter("llm_stream_price_refresh_failures", {
  description: "Price refreshes that failed",
  incremental: true
})

/**
 * Provides prices that are read from `source`, now and on a schedule. What can't be read is logged and counted, and the
 * prices stay as they are: those read before, or the bundled ones. Fails only with `PriceOverrides.InvalidPrices`, when
 * an override can't be right.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 * import { Schedule } from "effect"
 *
 * const prices = PricingRefresh.layer({
 *   source: PricingRefresh.fromUrl("https://prices.example/list.json"),
 *   schedule: Schedule.spaced("1 day"),
 *   overrides: { anthropic: { "*": { factor: 0.9 } } }
 * })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <R>(options: Options<R>): Layer.Layer<never, InvalidPrices, R> =>
  Layer.effect(Pricing.Pricing, make(options, () => Effect.void))

/**
 * Like {@link layer}, and keeps the last good prices in the `KeyValueStore` in context (memory, a folder, SQL, …), so
 * that a program that starts while the source is away has them.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const prices = PricingRefresh.layerStored({
 *   source: PricingRefresh.fromUrl("https://prices.example/list.json")
 * }).pipe(Layer.provide(KeyValueStore.layerFileSystem("/var/cache/prices")))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerStored = <R>(
  options: Options<R>
): Layer.Layer<never, InvalidPrices, R | KeyValueStore.KeyValueStore> =>
  Layer.effect(
    Pricing.Pricing,
    Effect.gen(function*() {
      const store = yield* KeyValueStore.KeyValueStore
      const stored = store.get(storeKey).pipe(
        Effect.flatMap((text) => text === undefined ? Effect.succeed(undefined) : parse(text, "the store")),
        Effect.catchCause((cause) => Effect.as(warn("No stored prices", cause), undefined))
      )
      return yield* make(
        { ...options, initial: yield* stored },
        (list) =>
          encodeList(list).pipe(
            Effect.flatMap((text) => store.set(storeKey, text)),
            Effect.catchCause((cause) => warn("Prices could not be stored", cause))
          )
      )
    })
  )

/**
 * Provides the prices of a file, as they are when a cost is computed: an edit is in the next cost. A file that can't be
 * read or is no price list is logged and counted, and the prices stay as they were.
 *
 * @example
 * ```ts
 * import { PricingRefresh } from "effect-llm-stream"
 *
 * const prices = PricingRefresh.layerFile("/etc/prices.json")
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerFile = (
  path: string,
  options: Omit<Pricing.Options, "tables"> = {}
): Layer.Layer<never, InvalidPrices, FileSystem.FileSystem> =>
  Layer.effect(
    Pricing.Pricing,
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const prices = yield* holder(options, undefined)
      const read = Effect.provideService(fromFile(path), FileSystem.FileSystem, files)
      const versionOf = Effect.map(
        Effect.option(files.stat(path)),
        Option.match({
          onNone: () => "none",
          onSome: ({ mtime, size }) => `${Option.getOrUndefined(mtime)?.getTime()} ${size}`
        })
      )
      let version: string | undefined
      const refresh = Effect.flatMap(versionOf, (now) => {
        if (now === version) return Effect.void
        version = now
        return prices.refresh(read, () => Effect.void)
      })
      yield* refresh
      return prices.service(refresh)
    })
  )

const storeKey = "effect-llm-stream/prices"

const warn = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning(`${message}: ${Cause.pretty(cause)}`)

const make = <R>(
  { initial, schedule = Schedule.spaced("1 hour"), source, timeout = "5 seconds", ...options }: Options<R> & {
    readonly initial?: PriceList | undefined
  },
  keep: (list: PriceList) => Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const prices = yield* holder(options, initial)
    const refresh = prices.refresh(source, keep)
    const first = yield* Effect.forkScoped(refresh)
    yield* Effect.timeoutOption(Fiber.join(first), timeout)
    yield* Effect.forkScoped(Effect.schedule(refresh, schedule))
    return prices.service(undefined)
  })

/** The prices in use, and how they are replaced. Overrides are checked once, lists when they are read. */
const holder = (options: Pricing.Options, initial: PriceList | undefined) =>
  Effect.map(Effect.fromResult(check(options.overrides ?? {})), () => {
    const withList = (list: PriceList | undefined): Pricing.Service =>
      Pricing.makeUnsafe({ ...options, tables: [...list?.tables ?? [], ...Pricing.snapshot] })
    let current = withList(initial)
    let date = newest(initial)
    return {
      refresh: <R>(
        source: Effect.Effect<PriceList, PricesUnavailable, R>,
        keep: (list: PriceList) => Effect.Effect<void>
      ): Effect.Effect<void, never, R> =>
        source.pipe(
          Effect.flatMap((list) => {
            current = withList(list)
            date = newest(list)
            return keep(list)
          }),
          Effect.catchCause((cause) =>
            Effect.andThen(Metric.update(failuresMetric, 1), warn("Prices were not refreshed", cause))
          ),
          Effect.andThen(
            Effect.flatMap(Clock.currentTimeMillis, (now) => Metric.update(ageMetric, ageSeconds(date, now)))
          )
        ),
      service: (refresh: Effect.Effect<void> | undefined): Pricing.Service => ({
        lookup: (provider, model, day) => current.lookup(provider, model, day),
        complete: (metadata) => current.complete?.(metadata) ?? metadata,
        refresh,
        get tables() {
          return current.tables
        }
      })
    }
  })

const newest = (list: PriceList | undefined): string =>
  [list?.date ?? "", ...Pricing.snapshot.map((table) => table.date)].sort().at(-1) ?? ""

const ageSeconds = (date: string, now: number): number => Math.max(0, Math.floor((now - Date.parse(date)) / 1000))

/**
 * How old the prices of a cost are at a time in milliseconds; `undefined` when the cost has no price date.
 *
 * @example
 * ```ts
 * import { Cost, PricingRefresh } from "effect-llm-stream"
 *
 * PricingRefresh.age(Cost.zero, Date.now()) // undefined
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const age = ({ priceDate }: Cost, now: number): Duration.Duration | undefined =>
  priceDate === undefined ? undefined : Duration.seconds(ageSeconds(priceDate, now))
