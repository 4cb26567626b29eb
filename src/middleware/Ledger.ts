/**
 * One row for each attempt: who asked, who answered, what became of it, and what it cost.
 *
 * The rows are in a `Store`, so several processes share a ledger, and it outlives them.
 *
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import type * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { streamOf } from "../content/given.ts"
import * as Cost from "../Cost.ts"
import * as CostMetadata from "../CostMetadata.ts"
import * as Checks from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import * as Labels from "../internal/names.ts"
import { trusted } from "../internal/trusted.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as Usage from "../Usage.ts"
import * as Attempts from "./attempts.ts"
import * as Lifetime from "./lifetime.ts"
import * as Stack from "./stack.ts"
import * as State from "./state/ledger.ts"
import * as Stored from "./stored.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Rows
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Schema of an attempt: one request that may have reached a provider.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Row: typeof State.Row = State.Row

/**
 * An attempt. Its `outcome` is `running`, or one end: `done`, `failed` (with the `reason`), `cancelled`, or `lost` when its
 * process died. `cost` is in USD, as a plain decimal, and `null` when it is not known; `stated` says whether the usage is
 * whole, `open` whether it may have cost more than `cost` says. Times are the store's, in ms since 1970.
 *
 * @category models
 * @since 0.2.0
 */
export type Row = State.Row

/**
 * Whose rows: those of a user, of nobody (`{ user: undefined }`), or of a batch.
 *
 * @category models
 * @since 0.2.0
 */
export type Scope = State.Scope

/**
 * What rows come to together. `cost` is in USD, exact; `unstated` is the number of rows without a complete usage.
 *
 * @category models
 * @since 0.2.0
 */
export type Total = State.Total

const prefixOf = (scope: Scope | undefined): Effect.Effect<string, Store.StoreError> =>
  Checks.given(
    "scope",
    "a user or a batch by its name",
    () => scope === undefined ? undefined : "batch" in scope ? scope.batch : scope.user,
    (name) => name === undefined || Predicate.isString(name)
  ).pipe(
    Result.mapBoth({
      onFailure: (message) => new Store.StoreError({ reason: "Unavailable", message }),
      onSuccess: () => State.prefix(scope)
    }),
    Effect.fromResult
  )

/**
 * The rows of a ledger, or of a scope; those of one user or batch in the order in which they were written. A row that runs
 * over its lease is read as `lost`.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const program = Ledger.rows({ user: "ada" }).pipe(
 *   Stream.runForEach(({ cost, model, outcome }) => Console.log(model, outcome, cost))
 * )
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const rows = (scope?: Scope): Stream.Stream<Row, Store.StoreError, Store.Store> =>
  Stream.unwrap(
    Store.Store.use((store) =>
      Effect.zipWith(nowOf(store), prefixOf(scope), (now, prefix) =>
        Stream.mapEffect(
          store.scan(prefix),
          ({ key, value }) =>
            Effect.fromResult(Result.map(State.cells(key).read(value), (row) => row && State.seen(row, now)))
        ).pipe(Stream.filter(Predicate.isNotUndefined)))
    )
  )

const nowOf = (store: Store.Service): Effect.Effect<number, Store.StoreError> =>
  store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))

/**
 * What the rows of a ledger, or of a scope, come to together.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const spent = Effect.map(Ledger.total({ user: "ada" }), ({ cost }) => BigDecimal.format(cost))
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const total = (scope?: Scope): Effect.Effect<Total, Store.StoreError, Store.Store> =>
  Stream.runFold(rows(scope), () => State.nothing, State.add)

/**
 * What rows come to together by a name that each has, such as its user or its day.
 *
 * @example
 * ```ts
 * import { BigDecimal, Console, Effect, Stream } from "effect"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const report = (midnight: number) =>
 *   Ledger.rows().pipe(
 *     Stream.filter(({ startedAt }) => startedAt >= midnight),
 *     Ledger.totalBy(({ user }) => user ?? "nobody"),
 *     Effect.flatMap(Effect.forEach(([user, { cost }]) => Console.log(user, BigDecimal.format(cost))))
 *   )
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const totalBy: {
  (
    nameOf: (row: Row) => string
  ): <E, R>(rows: Stream.Stream<Row, E, R>) => Effect.Effect<ReadonlyMap<string, Total>, E, R>
  <E, R>(
    rows: Stream.Stream<Row, E, R>,
    nameOf: (row: Row) => string
  ): Effect.Effect<ReadonlyMap<string, Total>, E, R>
} = dual(
  2,
  <E, R>(rows: Stream.Stream<Row, E, R>, nameOf: (row: Row) => string) =>
    Stream.runFold(rows, () => new Map<string, Total>(), (totals, row) => {
      const name = nameOf(row)
      return totals.set(name, State.add(totals.get(name) ?? State.nothing, row))
    })
)

/**
 * What the attempts at one model of one provider come to together.
 *
 * @category models
 * @since 0.2.0
 */
export interface Entry extends Total {
  /** `"other"` for all that came after the first 100 names. */
  readonly provider: string
  /** `""` where nobody named a model; `"other"` for all that came after the first 1,000 names of a provider. */
  readonly model: string
  /** Number of attempts with a usage whose price is not known: they are not in `cost`. */
  readonly unpriced: number
  /** Number of attempts that may have cost more than is in `cost`: they were stopped, failed, lost, or stated no usage. */
  readonly open: number
  /** Number of attempts in whose cost something could not be priced: `cost` has the rest. */
  readonly incomplete: number
  /** What `cost` leaves out. After the first 20 subjects of a model the subject is `"other"`. */
  readonly flags: ReadonlyArray<Cost.Flag>
}

/**
 * What the rows of a ledger, or of a scope, come to by provider and model, in this order.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const dearest = Effect.map(
 *   Ledger.entries(),
 *   (entries) => entries.toSorted((a, b) => BigDecimal.Order(b.cost, a.cost))[0]?.model
 * )
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const entries = (scope?: Scope): Effect.Effect<ReadonlyArray<Entry>, Store.StoreError, Store.Store> =>
  Effect.suspend(() => {
    // Hosts state what they like.
    const providerOf = Labels.names(100)
    const nameOf = Labels.names(1000)
    const subjectOf = Labels.names(20)
    const byModel = new Map<string, Entry>()
    return Stream.runForEach(rows(scope), (row) =>
      Effect.sync(() => {
        const { cost, flags = [], open, usage } = row
        const provider = providerOf(row.provider)
        const model = nameOf(row.model ?? "", provider)
        const key = JSON.stringify([provider, model])
        const before = byModel.get(key) ??
          { ...State.nothing, provider, model, unpriced: 0, open: 0, incomplete: 0, flags: [] }
        byModel.set(key, {
          ...before,
          ...State.add(before, row),
          unpriced: before.unpriced + (usage !== null && cost === null ? 1 : 0),
          open: before.open + (open ? 1 : 0),
          incomplete: before.incomplete + (cost !== null && flags.length > 0 ? 1 : 0),
          flags: State.merged(before.flags, [...flags, ...leftOut(row)], (subject) => subjectOf(subject, key))
        })
      })).pipe(
        Effect.as(byModel),
        Effect.map((byModel) =>
          Array.from(byModel.values()).sort((a, b) => compare(a.provider, b.provider) || compare(a.model, b.model))
        )
      )
  })

/** What the whole of a row is left out for. */
const leftOut = ({ cost, model, open, usage }: Row): ReadonlyArray<Cost.Flag> => [
  ...(usage === null || cost !== null
    ? []
    : Cost.unpriced(
      trusted(CostMetadata.CostMetadata, {
        ...(model === null ? undefined : { model }),
        ...CostMetadata.usageFields(usage)
      })
    ).flags),
  ...(open ? Cost.unpriced(trusted(CostMetadata.CostMetadata, {})).flags : [])
]

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/**
 * Writes down as `lost` what runs over its lease, and gives how many rows that were. Rows are read as lost without it.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const janitor = Ledger.sweep().pipe(Effect.repeat(Schedule.spaced("1 hour")))
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const sweep = (scope?: Scope): Effect.Effect<number, Store.StoreError, Store.Store> =>
  rows(scope).pipe(
    Stream.filter(({ outcome }) => outcome === "lost"),
    Stream.mapEffect((row) => {
      const cell = State.cell(row)
      return Store.modify({ cell }, ({ cell: before }, now) => {
        const lost = before === undefined ? undefined : State.seen(before, now)
        return lost === undefined || lost === before
          ? { result: 0, writes: [] }
          : { result: 1, writes: [cell.put(lost)] }
      })
    }),
    Stream.runFold(() => 0, (sum, one) => sum + one)
  )

// ---------------------------------------------------------------------------------------------------------------------
// Attempts
// ---------------------------------------------------------------------------------------------------------------------

/**
 * How the rows of attempts are written.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface RowOptions {
  /** The ids of attempts, which have to be unique. Default: UUIDs that sort by time. */
  readonly attempt?: Effect.Effect<string> | undefined
  /** How long a process may be silent until its attempts are lost. Default: 1 minute. */
  readonly lease?: Duration.Input | undefined
  /** How long a row is kept after its end. Default: for ever. */
  readonly expiresAfter?: Duration.Input | undefined
  /**
   * What becomes of a request when the store is down: it fails as `Unknown` with the code `store_failed`, or is sent without
   * a row, and the log and the metric `llm_stream_store_failures` say so. Default: `refuse`.
   */
  readonly onStoreFailure?: "refuse" | "pass" | undefined
}

/**
 * How a ledger is kept.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options extends RowOptions {
  /** Whose request it is; `undefined` for nobody's. Default: the `user` of the request. */
  readonly user?: ((request: ChatRequest) => string | undefined) | undefined
}

/**
 * USD spent, with the attributes `provider` and `model`, of which a registry of metrics has at most 100 and 1,000; later ones are `other`.
 * A metric holds the nearest double; the ledger itself is exact.
 *
 * @category metrics
 * @since 0.2.0
 */
export const costMetric = Metric.counter("llm_stream_cost_usd", {
  description: "Cost of streamed completions in US dollars",
  incremental: true
})

/**
 * Makes middleware that writes a row for each attempt: `running` before the request is sent, and its end in one step, also
 * when it fails or is interrupted. What is answered from a cache, or refused before it is sent, has no row.
 *
 * The outermost of the middlewares that act on attempts makes the retries, as `Retry` does; so each has a row.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 *
 * const provider = Effect.gen(function*() {
 *   const kept = yield* Ledger.make({ expiresAfter: "90 days" })
 *   return kept(yield* OpenAi.OpenAi)
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  stated: Options = {}
): Effect.fn.Return<
  <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>,
  ProviderError,
  Store.Store
> {
  const store = yield* Store.Store
  const options = yield* Stored.checked("Ledger", Checks.copied(stated))
  const settings = yield* checked(options)
  const { user: userOf = ({ user }: ChatRequest) => user } = options
  return <C extends Chunk>(self: Provider.Service<C>) =>
    Stack.around(
      self,
      ({ model, provider, request }) => (call) =>
        Effect.flatMap(
          Stored.called("Ledger", "user", "a function that gives a text", () => userOf(request), isUser),
          (user) => kept(store, settings, { user, provider: provider.name, model })(call)
        )
    )
})

/**
 * Keeps a ledger of the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Ledger.layer().pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provideMerge(Store.layerMemory)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options?: Options
): Layer.Layer<Provider.Provider, ProviderError, Provider.Provider | Store.Store> =>
  layerService(Provider.Provider, options)

/**
 * Keeps a ledger of the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Ledger.layerService(OpenAi.OpenAi, { user: ({ metadata }) => metadata?.["tenant"] }).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provideMerge(Store.layerMemory)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options?: Options
): Layer.Layer<Self, ProviderError, Self | Store.Store> => Stored.layerService(service, make(options))

/**
 * How the rows of a stream are written.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface TrackOptions extends RowOptions {
  /** Whose stream it is. Default: nobody's. */
  readonly user?: string | undefined
}

/**
 * Writes the rows of a stream: one for each response in it, and one for each request that was sent for it and may be billed
 * without an answer, attempts of the provider's own retries included. A row names the provider and the model as the chunks
 * state them.
 *
 * Where a program has the provider, {@link make} tells more: each attempt has its row from the start.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Provider } from "effect-llm-stream"
 * import * as Ledger from "effect-llm-stream/middleware/Ledger"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     Ledger.track({ user: "ada" }),
 *     Stream.runDrain
 *   )
 *   return yield* Ledger.total({ user: "ada" })
 * }).pipe(Effect.provide(Store.layerMemory))
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const track: {
  (
    options?: TrackOptions
  ): <C extends Chunk, E, R>(self: Stream.Stream<C, E, R>) => Stream.Stream<C, E | ProviderError, R | Store.Store>
  <C extends Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    options?: TrackOptions
  ): Stream.Stream<C, E | ProviderError, R | Store.Store>
} = dual(
  (args) => Stream.isStream(args[0]),
  <C extends Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    stated: TrackOptions = {}
  ): Stream.Stream<C, E | ProviderError, R | Store.Store> =>
    Stream.unwrap(Effect.gen(function*() {
      const options = yield* Stored.checked("Ledger", Checks.copied(stated))
      const stage = kept(yield* Store.Store, yield* checked(options), {
        user: yield* Stored.called("Ledger", "user", "a text", () => options.user, isUser),
        provider: "",
        model: undefined
      })
      return Opening.stream(Stack.through(Attempts.openStream(streamOf(self)), [stage]))
    }))
)

interface Settings {
  readonly attempt: Effect.Effect<string>
  readonly lease: number
  readonly expiresAfter: number | undefined
  readonly onStoreFailure: Stored.OnStoreFailure
}

const isText = (id: string) =>
  Stored.called("Ledger", "attempt", "an effect that gives a text", () => id, Predicate.isString)

const isUser = (user: unknown): boolean => user === undefined || typeof user === "string"

const drawn = new Uint8Array(4096)
let used = drawn.length

// Many random bytes cost as much as the few of one id.
const uuid = SecureRandom.make((size) => {
  if (used + size > drawn.length) {
    globalThis.crypto.getRandomValues(drawn)
    used = 0
  }
  return drawn.slice(used, used += size)
}).uuidV7()

const checked = ({ attempt = uuid, expiresAfter, lease = "1 minute", onStoreFailure }: RowOptions) =>
  Effect.all({
    attempt: Stored.called("Ledger", "attempt", "an effect that gives a text", () => attempt, Effect.isEffect),
    lease: Lifetime.millisOf("Ledger", "lease", lease),
    expiresAfter: expiresAfter === undefined
      ? Effect.succeed(undefined)
      : Lifetime.millisOf("Ledger", "expiresAfter", expiresAfter),
    onStoreFailure: Stored.checked("Ledger", Stored.checkStoreFailure(onStoreFailure))
  })

const kept = (
  store: Store.Service,
  { attempt, expiresAfter, lease, onStoreFailure }: Settings,
  start: Omit<State.Start, "attempt">
): Stack.Stage =>
(call) =>
  Effect.flatMap(Effect.flatMap(attempt, isText), (id) => {
    const row = State.started({ ...start, attempt: id }, 0, 0)
    const cell = State.cell(row)
    const expiry = (now: number) => expiresAfter === undefined ? undefined : now + expiresAfter
    const running = (row: Row, now: number) => cell.put(row, expiry(Math.max(now, row.until ?? now)))
    return Lifetime.stage({
      start: Stored.orElse(
        Store.modifyIn(store, { cell }, (_, now) => ({
          result: undefined,
          writes: [running({ ...row, startedAt: now, until: now + lease }, now)]
        })),
        { middleware: "Ledger", provider: start.provider, onStoreFailure, otherwise: undefined }
      ),
      lease,
      renew: Lifetime.after(
        "Ledger",
        Store.modifyIn(store, { cell }, ({ cell: before }, now) => ({
          result: undefined,
          writes: before === undefined ? [] : [running(State.renew(before, now + lease), now)]
        }))
      ),
      end: (ended) =>
        Effect.flatMap(ended.costs, (costs) => {
          const ends = endsOf(ended, costs)
          const written = Store.modifyIn(store, { cell }, ({ cell: before }, now) => {
            // Without a row from the start there is none at the end, or one that was lost.
            if (before?.outcome !== "running") return { result: undefined, writes: [] }
            const over = ends.map((end, index) =>
              State.over(
                end(index < ends.length - 1 ? { ...before, attempt: `${id}.${index + 1}` } : before, now),
                expiry(now)
              )
            )
            return { result: undefined, writes: over.length === 0 ? [cell.remove] : over }
          })
          return Effect.andThen(Lifetime.after("Ledger", written), count(ended.responses, costs))
        })
    })(call)
  })

type End = (row: Row, now: number) => Row

/** How the rows of a stream end: of the requests that gave nothing, of its responses, the last one last. */
const endsOf = (
  { isUntold, lost, outcome, reason, responses, usage }: Stack.Ended,
  costs: ReadonlyArray<Cost.Cost | undefined>
): ReadonlyArray<End> => {
  if (outcome === "unsent") return []
  const last = (stated: State.Stated, isOpen: boolean): End => (row, now) =>
    outcome === "done"
      ? State.done(row, now, stated)
      : outcome === "failed"
      ? State.failed(row, now, reason ?? "Unknown", stated, isOpen)
      : State.cancelled(row, now, stated, isOpen)
  const stated = responses.map((metadata, index): State.Stated => ({
    provider: metadata.provider,
    model: metadata.model ?? metadata.requestedModel,
    usage: responses.length === 1 ? usage : usageOf(metadata),
    cost: costs[index]
  }))
  const sent: ReadonlyArray<State.Stated> = Array.from(lost)
  const all = [...sent, ...stated]
  const final = all.at(-1)
  return final === undefined ? [last({}, isUntold)] : [
    ...all.slice(0, -1).map((stated, index): End => (row, now) =>
      index < sent.length
        ? { ...State.lost(row, now), provider: stated.provider ?? row.provider, model: stated.model ?? row.model }
        // Another response followed it.
        : State.cancelled(row, now, stated, true)
    ),
    last(final, true)
  ]
}

const usageOf = ({ iterations: _, ...counts }: CostMetadata.CostMetadata): Usage.Usage | undefined =>
  Usage.fromStated(counts)

const providerNames = Labels.labels(100)

const modelNames = Labels.labels(1000)

// A metric keeps the name of its series for the attributes that it was last asked for.
const counters = new Map<string, typeof costMetric>()

const mostCounters = 1000

const counterOf = (provider: string, model: string): typeof costMetric => {
  const name = JSON.stringify([provider, model])
  const counter = counters.get(name) ?? Metric.withAttributes(costMetric, { provider, model })
  if (counters.size >= mostCounters) counters.clear()
  counters.set(name, counter)
  return counter
}

const count = (
  responses: ReadonlyArray<CostMetadata.CostMetadata>,
  costs: ReadonlyArray<Cost.Cost | undefined>
): Effect.Effect<void> =>
  costs.every(Predicate.isUndefined)
    ? Effect.void
    : Effect.flatMap(providerNames, (providerOf) =>
      Effect.flatMap(modelNames, (modelOf) =>
        Effect.contextWith((context: Context.Context<never>) => {
          for (const [index, { model, provider: stated = "", requestedModel }] of responses.entries()) {
            const cost = costs[index]
            if (cost === undefined) {
              continue
            }
            const provider = providerOf(stated)
            counterOf(provider, modelOf(model ?? requestedModel ?? "", provider))
              .updateUnsafe(BigDecimal.toNumberUnsafe(cost.total), context)
          }
          return Effect.void
        })))
