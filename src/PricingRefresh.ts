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
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Cost } from "./Cost.ts"
import * as Checks from "./engine/checks.ts"
import { clean } from "./engine/redaction.ts"
import * as PartialJson from "./PartialJson.ts"
import { PriceTable } from "./Price.ts"
import { check, InvalidPrices } from "./PriceOverrides.ts"
import * as Pricing from "./Pricing.ts"
import { snapshot } from "./pricing/snapshot.ts"

/**
 * Schema of a price list: what a file or a server states. Tables of a provider come before the bundled ones, model by
 * model.
 *
 * @category schemas
 * @since 0.2.0
 */
export const PriceList = Schema.Struct({
  /** Day (`YYYY-MM-DD`) of the list. */
  date: Schema.String.check(
    Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/),
    Schema.makeFilter((date) => !Number.isNaN(Date.parse(date)), { expected: "a day of the calendar" })
  ),
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
 * Largest price list that is read, in bytes.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxSize = 16 * 1024 * 1024

/**
 * A price list could not be read, is malformed, or is older than the prices in use. `message` names the source and the
 * problem.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
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
  /** The source of the prices; a URL is given without credentials and query. */
  source: Schema.String,
  reason: Schema.String
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `No prices from ${this.source}: ${this.reason}`
  }
}

const decodeList = Schema.decodeUnknownEffect(PriceList, { onExcessProperty: "error" })

const encodeList = Schema.encodeEffect(Schema.fromJsonString(PriceList))

/**
 * The price list that a JSON text states, if all of it can be right.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
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
  Effect.fromResult(Result.mapError(PartialJson.parse(text), (message) => ({ message }))).pipe(
    Effect.flatMap(decodeList),
    // The rules for overrides, such as the one against prices per token, hold for lists too.
    Effect.tap(({ tables }) =>
      Effect.forEach(tables, ({ models, provider }) => Effect.fromResult(check({ [provider]: models })))
    ),
    Effect.mapError((error) => new PricesUnavailable({ source, reason: error.message }))
  )

const within = <A, R>(duration: Duration.Duration, read: Effect.Effect<A, PricesUnavailable, R>, source: string) =>
  Effect.timeoutOrElse(read, {
    duration,
    orElse: () => Effect.fail(new PricesUnavailable({ source, reason: `no list within ${Duration.format(duration)}` }))
  })

const fromBytes = <E extends { readonly message: string }, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  source: string,
  messageOf: (error: E) => string
): Effect.Effect<PriceList, PricesUnavailable, R> => {
  const unavailable = (reason: string) => new PricesUnavailable({ source, reason })
  return Effect.suspend(() => {
    let size = 0
    return bytes.pipe(
      Stream.mapError((error) => unavailable(messageOf(error))),
      Stream.tap(({ length }) =>
        (size += length) > maxSize ? Effect.fail(unavailable(`larger than ${maxSize} bytes`)) : Effect.void
      ),
      Stream.decodeText,
      Stream.mkString
    )
  }).pipe(
    Effect.flatMap((text) => parse(text, source)),
    (read) => within(Duration.minutes(1), read, source)
  )
}

/**
 * Reads a price list from a file of at most {@link maxSize} bytes. Fails with {@link PricesUnavailable}, after a minute at
 * the latest.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
 *
 * const list = PricingRefresh.fromFile("/etc/prices.json")
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromFile = (path: string): Effect.Effect<PriceList, PricesUnavailable, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (files) => {
    // Who opens a pipe waits for a writer, and can't be interrupted.
    const bytes = Effect.map(
      files.stat(path),
      ({ type }) => type === "FIFO" ? Stream.fail({ message: "it is a pipe" }) : files.stream(path)
    )
    return fromBytes(Stream.unwrap(bytes), path, ({ message }) => message)
  })

/**
 * Reads a price list of at most {@link maxSize} bytes from a URL. Fails with {@link PricesUnavailable}, after a minute at the
 * latest. A user and a password in the URL become a header; neither they nor the query appear in an error, log or span.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
 *
 * const list = PricingRefresh.fromUrl("https://prices.example/list.json")
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const fromUrl = (url: string): Effect.Effect<PriceList, PricesUnavailable, HttpClient.HttpClient> => {
  if (typeof url !== "string" || !/^https?:/i.test(url) || !URL.canParse(url)) {
    return Effect.fail(new PricesUnavailable({ source: "a URL", reason: "it is not one of http or https" }))
  }
  const { hash, origin, password, pathname, search, searchParams, username } = new URL(url)
  const secrets = [decoded(username), decoded(password), hash.slice(1), search.slice(1), ...searchParams.values()]
  const request = HttpClientRequest.get(`${origin}${pathname}${search}`)
  const response = Effect.flatMap(HttpClient.HttpClient, (client) =>
    // Closed with its scope, also where the body of an error is left unread.
    HttpClient.filterStatusOk(HttpClient.withScope(client)).execute(
      username === "" && password === ""
        ? request
        : HttpClientRequest.basicAuth(request, decoded(username), decoded(password))
    ))
  const bytes = Stream.unwrap(Effect.map(response, ({ stream }) => stream))
  return fromBytes(
    bytes,
    `${origin}${pathname}`,
    ({ message }) => clean(message, secrets.map((secret) => Redacted.make(secret)))
  ).pipe(
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

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
  /**
   * Whether a list that is older than the prices in use replaces them; otherwise it is refused, and they stay. Those of the
   * bundled snapshot are in use before the first list is. Default: `false`.
   */
  readonly allowOlder?: boolean | undefined
}

/**
 * How {@link layerFile} takes prices from a file.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FileOptions extends Omit<Pricing.Options, "tables">, Pick<Options<never>, "allowOlder"> {}

/**
 * Seconds since the day of the price list in use, at the last refresh that was tried; of the bundled prices, while no list
 * is in use. It grows for as long as no newer list comes.
 *
 * @category metrics
 * @since 0.2.0
 */
export const ageMetric = Metric.gauge("llm_stream_price_age_seconds", {
  description: "Seconds since the day of the price list in use"
})

/**
 * Refreshes that failed, or whose list was refused because it is older.
 *
 * @category metrics
 * @since 0.2.0
 */
export const failuresMetric = Metric.counter("llm_stream_price_refresh_failures", {
  description: "Price refreshes that failed",
  incremental: true
})

/**
 * Provides prices that are read from `source`, now and on a schedule. A list that can't be read within two minutes, or
 * is older than the prices in use, is logged and counted, and the prices stay as they are.
 * Fails only with `PriceOverrides.InvalidPrices`, when an override can't be right.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
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
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
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
        Effect.flatMap((text) => text === undefined ? Effect.succeed(undefined) : parse(text, "the store"))
      )
      const keep = (list: PriceList) =>
        encodeList(list).pipe(
          Effect.flatMap((text) => store.set(storeKey, text)),
          Effect.catchCause((cause) => warn("Prices could not be stored", cause))
        )
      return yield* make(options, keep, stored)
    })
  )

/**
 * Provides the prices of a file, as they are when a cost is computed: an edit is in the next cost. A file that can't be
 * read, or is not a price list, is logged and counted, and the prices stay as they were.
 *
 * @example
 * ```ts
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
 *
 * const prices = PricingRefresh.layerFile("/etc/prices.json")
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerFile = (
  path: string,
  options: FileOptions = {}
): Layer.Layer<never, InvalidPrices, FileSystem.FileSystem> =>
  Layer.effect(
    Pricing.Pricing,
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const prices = yield* holder(options)
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
  stated: Options<R>,
  keep: (list: PriceList) => Effect.Effect<void>,
  initial?: Effect.Effect<PriceList | undefined, unknown>
) =>
  Effect.gen(function*() {
    const { schedule, source, timeout, ...options } = yield* Effect.mapError(
      Effect.fromResult(checked(stated)),
      (issue) => new InvalidPrices({ issues: [issue] })
    )
    const prices = yield* holder(options)
    if (initial !== undefined) {
      yield* Effect.flatMap(initial, prices.use).pipe(
        Effect.timeout(timeout),
        Effect.catchCause((cause) => warn("No stored prices", cause))
      )
    }
    const refresh = prices.refresh(source, keep)
    const first = yield* Effect.forkScoped(refresh)
    yield* Effect.timeoutOption(Fiber.join(first), timeout)
    yield* Effect.forkScoped(Effect.schedule(refresh, schedule))
    return prices.service(undefined)
  })

const checked = <R>(stated: Options<R>) =>
  Result.gen(function*() {
    const { schedule = Schedule.spaced("1 hour"), source, timeout = "5 seconds", ...options } = yield* Checks.copied(
      stated
    )
    return {
      ...options,
      schedule: yield* Checks.given("schedule", "a schedule", () => schedule, Schedule.isSchedule),
      source: yield* Checks.given("source", "an effect", () => source, Effect.isEffect),
      timeout: yield* Checks.duration("timeout", timeout, { zero: true })
    }
  })

/** The prices in use, and how they are replaced. Overrides are checked once, lists when they are read. */
const holder = ({ allowOlder = false, ...options }: FileOptions) =>
  Effect.map(Effect.fromResult(check(options.overrides ?? {})), () => {
    let current = Pricing.makeUnsafe({ ...options, tables: snapshot })
    let date = snapshot.reduce((newest, table) => newest > table.date ? newest : table.date, "")
    const use = Effect.fnUntraced(function*(list: PriceList | undefined) {
      if (list === undefined) return
      // A list with a day to come must not keep out those that follow it.
      const today = dayOf(yield* Clock.currentTimeMillis)
      const least = date < today ? date : today
      if (list.date < least && !allowOlder) {
        return yield* new PricesUnavailable({
          source: `the list of ${list.date}`,
          reason: `older than the prices in use, of ${date}; \`allowOlder\` takes it`
        })
      }
      current = Pricing.makeUnsafe({ ...options, tables: [...list.tables, ...snapshot] })
      date = list.date
    })
    return {
      use,
      refresh: <R>(
        source: Effect.Effect<PriceList, PricesUnavailable, R>,
        keep: (list: PriceList) => Effect.Effect<void>
      ): Effect.Effect<void, never, R> =>
        within(Duration.minutes(2), source, "the source").pipe(
          Effect.flatMap((list) => Effect.andThen(use(list), keep(list))),
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

const dayOf = (millis: number): string => new Date(millis).toISOString().slice(0, 10)

const ageSeconds = (date: string, now: number): number => Math.max(0, Math.floor((now - Date.parse(date)) / 1000))

/**
 * How old the prices of a cost are at a time in milliseconds; `undefined` when the cost has no price date.
 *
 * @example
 * ```ts
 * import { Cost } from "effect-llm-stream"
 * import * as PricingRefresh from "effect-llm-stream/PricingRefresh"
 *
 * PricingRefresh.age(Cost.zero, Date.now()) // undefined
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const age = ({ priceDate }: Cost, now: number): Duration.Duration | undefined =>
  priceDate === undefined ? undefined : Duration.seconds(ageSeconds(priceDate, now))
