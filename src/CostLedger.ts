/**
 * What many streams cost together, by provider and model: exact sums, whatever runs concurrently.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Chunk from "./Chunk.ts"
import * as Cost from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Call from "./engine/call.ts"
import { names } from "./internal/names.ts"
import { trusted } from "./internal/trusted.ts"
import * as Pricing from "./Pricing.ts"

/**
 * What the responses of one model of one provider cost together.
 *
 * @example
 * ```ts
 * import { CostLedger } from "effect-llm-stream"
 * import { BigDecimal, Effect } from "effect"
 *
 * const dearest = Effect.gen(function*() {
 *   const ledger = yield* CostLedger.CostLedger
 *   const entries = yield* ledger.entries
 *   return entries.toSorted((a, b) => BigDecimal.Order(b.cost.total, a.cost.total))[0]?.model
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class Entry extends Schema.Class<Entry>("effect-llm-stream/CostLedger/Entry")({
  provider: Schema.String,
  /** `""` for responses that named no model; `"other"` for all that came after the first 1,000 names of a provider. */
  model: Schema.String,
  /** Number of responses recorded, and of requests that were sent and got none. */
  responses: Schema.Natural,
  /** Number of those whose price is not known: they are not in `cost`. */
  unpriced: Schema.Natural,
  /** Number of those that were stopped, failed, lost, or stated no usage: `cost` has what is known, if anything. */
  unknown: Schema.Natural,
  /** Number of those in whose cost something could not be priced (see `Cost.flags`): `cost` has the rest of them. */
  incomplete: Schema.Natural,
  /**
   * The exact sum. Its `flags` say what it leaves out, that of `unpriced` and `unknown` responses included. After the first
   * 20 subjects of a model the subject is `"other"`, as a ledger must not grow with its responses.
   */
  cost: Cost.Cost
}) {}

/**
 * Adds up what responses cost, by provider and model, at the prices of `Pricing`.
 *
 * @example
 * ```ts
 * import { Cost, CostLedger, Provider } from "effect-llm-stream"
 * import { Console, Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   const ledger = yield* CostLedger.CostLedger
 *   const ask = (prompt: string) =>
 *     provider.stream({ model: "gpt-4o-mini", prompt }).pipe(CostLedger.track, Stream.runDrain)
 *   yield* Effect.all([ask("one"), ask("two")], { concurrency: "unbounded" })
 *   yield* Console.log("USD", Cost.toJson(yield* ledger.total).total)
 * }).pipe(Effect.provide(CostLedger.layer))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class CostLedger extends Context.Service<CostLedger, {
  /**
   * Adds what one response stated. A response that stated no usage and no cost, or did not come to its end (`ended` is
   * `false`), counts as unknown. So does a value that is not metadata.
   */
  readonly record: (metadata: CostMetadata.CostMetadata, ended?: boolean) => Effect.Effect<void>
  /** The sums so far, by provider, then model. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /** The sum of all entries, with their flags. */
  readonly total: Effect.Effect<Cost.Cost>
}>()("effect-llm-stream/CostLedger") {}

/**
 * USD spent, with the attributes `provider` and `model`: the ledger's sums as a metric. A metric holds the nearest
 * double; the ledger itself is exact.
 *
 * @category metrics
 * @since 0.1.0
 */
export const costMetric = Metric.counter("llm_stream_cost_usd", {
  description: "Cost of streamed completions in US dollars",
  incremental: true
})

/**
 * A ledger in memory.
 *
 * @example
 * ```ts
 * import { CostLedger, CostMetadata } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const entries = Effect.gen(function*() {
 *   const ledger = yield* CostLedger.CostLedger
 *   yield* ledger.record(
 *     new CostMetadata.CostMetadata({ provider: "openai", model: "gpt-4o", inputTokens: 1000, outputTokens: 100 })
 *   )
 *   return yield* ledger.entries
 * }).pipe(Effect.provide(CostLedger.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<CostLedger> = Layer.effect(
  CostLedger,
  Effect.sync(() => {
    // By provider, then model.
    const ledger = new Map<string, Map<string, Entry>>()
    // Hosts state what they like.
    const nameOf = names(1000)
    const subjectOf = names(20)
    const entries = Effect.sync(() =>
      Array.from(ledger.values(), (models) => Array.from(models.values())).flat().sort((a, b) =>
        compare(a.provider, b.provider) || compare(a.model, b.model)
      )
    )
    const record = Effect.fnUntraced(function*(stated: CostMetadata.CostMetadata, ended = true) {
      const metadata: CostMetadata.CostMetadata = Predicate.isObject(stated) ? stated : nothing
      const isStated = CostMetadata.isStated(metadata)
      const cost = isStated ? yield* Effect.orElseSucceed(Pricing.cost(metadata), () => undefined) : undefined
      const isUnknown = !ended || !isStated
      const { provider = "" } = metadata
      const model = nameOf(metadata.model ?? metadata.requestedModel ?? "", provider)
      const models = ledger.get(provider) ?? new Map<string, Entry>()
      const entry = models.get(model) ??
        trusted(Entry, { provider, model, responses: 0, unpriced: 0, unknown: 0, incomplete: 0, cost: Cost.zero })
      const { flags, ...known } = cost ?? Cost.unpriced(metadata)
      const added = trusted(Cost.Cost, {
        ...known,
        flags: [...flags, ...(isUnknown ? Cost.unpriced(nothing).flags : [])].map((flag) => ({
          ...flag,
          subject: subjectOf(flag.subject, JSON.stringify([provider, model]))
        }))
      })
      models.set(
        model,
        trusted(Entry, {
          ...entry,
          responses: entry.responses + 1,
          unpriced: entry.unpriced + (isStated && cost === undefined ? 1 : 0),
          unknown: entry.unknown + (isUnknown ? 1 : 0),
          incomplete: entry.incomplete + (cost === undefined || cost.isComplete ? 0 : 1),
          cost: Cost.sum(entry.cost, added)
        })
      )
      ledger.set(provider, models)
      if (cost !== undefined) {
        yield* Metric.update(
          Metric.withAttributes(costMetric, { provider, model }),
          BigDecimal.toNumberUnsafe(cost.total)
        )
      }
    })
    return {
      record,
      entries,
      total: Effect.map(entries, (all) => Cost.sumAll(all.map((entry) => entry.cost)))
    }
  })
)

const nothing = new CostMetadata.CostMetadata({})

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/**
 * Records what a stream has cost when it ends, also when it fails or is interrupted: providers bill what they sent. A request
 * that was sent and got no chunk counts as unknown, each attempt of a retry included, unless the provider refused it with an
 * error status.
 *
 * @example
 * ```ts
 * import { CostLedger, Provider } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(CostLedger.track, Stream.runDrain)
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const track = <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>
): Stream.Stream<C, E, R | CostLedger> =>
  Stream.unwrap(Effect.map(CostLedger, (ledger) => {
    const { isEnded, isSeen, metadata, stream, watcher } = Call.watched(self)
    return stream.pipe(
      Stream.ensuring(Effect.suspend(() => {
        const lost = Array.from(watcher.open, ({ model, provider }) =>
          new CostMetadata.CostMetadata({ provider, ...(model === undefined ? undefined : { requestedModel: model }) }))
        const responses = isSeen() ? metadata.responses() : []
        // What another response followed did not come to its end.
        return Effect.forEach(
          [...lost, ...responses],
          (response) =>
            ledger.record(response, isEnded() && response === responses.at(-1)),
          { discard: true }
        )
      }))
    )
  }))
