/**
 * Answers to equal requests, asked for once: in one process, or in all that share a `Store`.
 *
 * A hit costs nothing and says that it is one, see {@link isHit}.
 *
 * @since 0.2.0
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as AnyChunk from "../AnyChunk.ts"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as CostMetadata from "../CostMetadata.ts"
import { tellUnsent } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import { canonicalRequest } from "../engine/requestJson.ts"
import { sha256 } from "../internal/sha256.ts"
import { trusted } from "../internal/trusted.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as Attempts from "./attempts.ts"
import * as Lifetime from "./lifetime.ts"
import * as State from "./state/cache.ts"
import * as Stored from "./stored.ts"

/**
 * What is kept, and for how long.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options<C extends Chunk = AnyChunk.AnyChunk> {
  /** How long an answer is kept. Default: 1 day. */
  readonly timeToLive?: Duration.Input | undefined
  /** Longest answer that is kept, in characters of JSON. Default: 1 Mi. */
  readonly maxSize?: number | undefined
  /** Whose answers a request may get: nothing of one tenant reaches another. Default: all requests share theirs. */
  readonly tenant?: ((request: ChatRequest) => string) | undefined
  /** Which requests are answered from the cache, and kept. Default: all. See {@link bypass}. */
  readonly while?: ((request: ChatRequest) => boolean) | undefined
  /** The chunks of the provider. Default: those of the bundled providers; the answers of others are not kept. */
  readonly chunk?: Schema.Codec<C, unknown> | undefined
  /** How long a process that asks may be silent until another one asks. Default: 30 seconds. */
  readonly lease?: Duration.Input | undefined
  /**
   * What becomes of a request when the store is down: it fails as `Unknown` with the code `store_failed`, or is sent, and the
   * log and the metric `llm_stream_store_failures` say so. Default: `refuse`.
   */
  readonly onStoreFailure?: "refuse" | "pass" | undefined
}

/**
 * Whether a chunk or a response came from a {@link make | cache}: it cost nothing.
 *
 * @example
 * ```ts
 * import { OpenAiChunk } from "effect-llm-stream"
 * import * as Cache from "effect-llm-stream/middleware/Cache"
 *
 * Cache.isHit(new OpenAiChunk({ chunk: { choices: [] } })) // false
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const isHit = (
  { costMetadata }: { readonly costMetadata: CostMetadata.CostMetadata }
): boolean => costMetadata.cachedResponse === true && costMetadata.statedCost === 0

const Bypass: Context.Reference<boolean> = Context.Reference<boolean>("effect-llm-stream/middleware/Cache/Bypass", {
  defaultValue: () => false
})

/**
 * Runs a stream or an effect past all caches: the provider is asked, and its answer is not kept.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 * import * as Cache from "effect-llm-stream/middleware/Cache"
 *
 * const fresh = Provider.Provider.use(({ stream }) => ChunkStream.response(stream({ prompt: "Toss a coin" }))).pipe(
 *   Cache.bypass
 * )
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const bypass = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Bypass, true)

const requests = Metric.counter("llm_stream_cache_requests", {
  description: "Requests to a provider with a cache, by whether an answer was kept",
  incremental: true
})

/**
 * Makes middleware that keeps answers. A request equals another when the provider, the address it goes to, the tenant and
 * all that it asks for are the same. Of equal requests in flight one is sent; the others wait for its answer, or ask
 * themselves when it has failed, was stopped, or is not kept.
 *
 * Kept are whole answers: all chunks up to an end with a reason that is neither `content_filter` nor `error`. A hit has the
 * same chunks. Its cost is 0 in every view, no `Ledger` has a row of it, no `Budget` counts it, and
 * no `Limit` that is under the cache.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi, OpenAiChunk } from "effect-llm-stream"
 * import * as Cache from "effect-llm-stream/middleware/Cache"
 *
 * const provider = Effect.gen(function*() {
 *   const cached = yield* Cache.make({ chunk: OpenAiChunk, tenant: ({ user = "" }) => user, timeToLive: "1 hour" })
 *   return cached(yield* OpenAi.OpenAi)
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make: <C extends Chunk = AnyChunk.AnyChunk>(options?: Options<C>) => Effect.Effect<
  <D extends Chunk>(self: Provider.Service<D>) => Provider.Service<C | D>,
  ProviderError,
  Store.Store
> = <C extends Chunk>(options: Options<C> = {}) =>
  Effect.flatMap(
    Stored.checked("Cache", Checks.copied(options)),
    (options) => options.chunk === undefined ? cachedBy(options, AnyChunk.AnyChunk) : cachedBy(options, options.chunk)
  )

/**
 * Keeps the answers of the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Cache from "effect-llm-stream/middleware/Cache"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Cache.layer({ timeToLive: "1 hour" }).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Store.layerMemory)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <C extends Chunk = AnyChunk.AnyChunk>(
  options?: Options<C>
): Layer.Layer<Provider.Provider, ProviderError, Provider.Provider | Store.Store> =>
  Layer.effect(
    Provider.Provider,
    Effect.flatMap(Provider.Provider, (self) => Effect.map(make(options), (cached) => cached(self)))
  )

/**
 * Keeps the answers of the provider's own service that is provided to it, such as `OpenAi.OpenAi`; `chunk` is the schema of its
 * chunks.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi, OpenAiChunk } from "effect-llm-stream"
 * import * as Cache from "effect-llm-stream/middleware/Cache"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Cache.layerService(OpenAi.OpenAi, { chunk: OpenAiChunk }).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Store.layerMemory)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options: Options<C> & { readonly chunk: Schema.Codec<C, unknown> }
): Layer.Layer<Self, ProviderError, Self | Store.Store> =>
  Layer.effect(
    service,
    Effect.flatMap(service, (self) => Effect.map(cachedBy(options, options.chunk), (cached) => cached(self)))
  )

const cachedBy = Effect.fnUntraced(function*<C extends Chunk>(
  options: Omit<Options, "chunk">,
  chunk: Schema.Codec<C, unknown>
) {
  const store = yield* Store.Store
  const settings = yield* Effect.all({
    timeToLive: Lifetime.millisOf("Cache", "timeToLive", options.timeToLive ?? "1 day"),
    maxSize: Stored.checked("Cache", Checks.count("maxSize", options.maxSize ?? 1024 * 1024)),
    lease: Lifetime.millisOf("Cache", "lease", options.lease ?? "30 seconds"),
    onStoreFailure: Stored.checked("Cache", Stored.checkStoreFailure(options.onStoreFailure)),
    chunk: Stored.called("Cache", "chunk", "a schema", () => chunk, Schema.isSchema)
  })
  const { tenant = () => "", while: isFor = () => true } = options
  const decode = Schema.decodeUnknownResult(Schema.toCodecJson(Schema.Array(chunk)))
  const write = AnyChunk.writer(settings.chunk)

  return <D extends Chunk>(self: Provider.Service<D>): Provider.Service<C | D> => {
    const asked =
      (request: ChatRequest, cell: Store.Cell<State.Entry>): Opening.Open<C | D, ProviderError> => (scope) =>
        Effect.gen(function*() {
          const owner = globalThis.crypto.randomUUID()
          const change = (
            f: (entry: State.Entry | undefined, now: number) => ReadonlyArray<Store.Write>
          ): Effect.Effect<void> =>
            Lifetime.after(
              "Cache",
              Store.modifyIn(store, { cell }, ({ cell: entry }, now) => ({ result: undefined, writes: f(entry, now) }))
            )
          let isOver = false
          // Whoever waits may ask, also when this is interrupted before it knows that it was to ask.
          yield* Scope.addFinalizer(
            scope,
            Effect.suspend(() =>
              isOver ? Effect.void : change((entry) => State.isAsking(entry, owner) ? [cell.remove] : [])
            )
          )
          const claim = yield* claimed(cell, owner, 0)
          if (claim?._tag === "Hit") {
            const chunks = Result.getOrElse(decode(claim.value), () => [])
            // Else another version of the library kept it.
            if (Arr.isReadonlyArrayNonEmpty(chunks)) {
              isOver = true
              yield* Effect.andThen(tellUnsent, count(self.name, "hit"))
              return { first: Arr.map(chunks, free), rest: Cause.done() }
            }
          }
          yield* count(self.name, "miss")
          if (claim?._tag === "Ask") {
            yield* Lifetime.renewed(
              change((entry, now) =>
                State.isAsking(entry, owner)
                  ? [put(cell, { _tag: "Asking", owner, until: now + settings.lease }, now)]
                  : []
              ),
              settings.lease
            ).pipe(Scope.provide(scope))
          }
          const chunks: Array<D> = []
          const add = (some: Arr.NonEmptyReadonlyArray<D>): typeof some => {
            // No chunk is that short.
            if (chunks.length <= settings.maxSize / 10) { for (const chunk of some) chunks.push(chunk) }
            return some
          }
          const ended = Effect.gen(function*() {
            const answer = yield* kept(chunks)
            if (answer === undefined) return
            yield* change((entry, now) =>
              claim?._tag === "Hit" || entry === undefined || State.isAsking(entry, owner)
                ? [State.keep(cell, answer, now + settings.timeToLive)]
                : []
            )
            isOver = true
          })
          const { first, rest } = yield* Attempts.openOf(self, request)(scope)
          return {
            first: add(first),
            rest: Pull.catchDone(Effect.map(rest, add), () => Effect.andThen(ended, Cause.done()))
          }
        })

    const kept = (chunks: ReadonlyArray<D>): Effect.Effect<string | undefined> => {
      if (!isWhole(chunks)) return Effect.succeed(undefined)
      const text = Result.try(() => `[${chunks.map(write).join(",")}]`)
      return Result.isFailure(text)
        ? Effect.as(
          Effect.logWarning(
            `Cache: an answer of ${self.name} is not kept, as its chunks are not of the schema \`chunk\``
          ),
          undefined
        )
        : Effect.succeed(text.success.length <= settings.maxSize ? text.success : undefined)
    }

    const claimed = (
      cell: Store.Cell<State.Entry>,
      owner: string,
      waited: number
    ): Effect.Effect<State.Claim | undefined, ProviderError> =>
      Stored.orElse(
        Store.modifyIn(store, { cell }, ({ cell: entry }, now) => {
          const claim = State.claim(entry, owner, now, now + settings.lease)
          return { result: claim, writes: claim._tag === "Ask" ? [put(cell, claim.entry, now)] : [] }
        }),
        { middleware: "Cache", provider: self.name, onStoreFailure: settings.onStoreFailure, otherwise: undefined }
      ).pipe(Effect.flatMap((claim) => {
        if (claim?._tag !== "Wait") return Effect.succeed(claim)
        // An answer that takes long may be known a little later.
        const pause = Math.min(Math.max(waited / 4, 10), 1000)
        return Effect.delay(claimed(cell, owner, waited + pause), Duration.millis(pause))
      }))

    const put = (cell: Store.Cell<State.Entry>, entry: State.Entry, now: number): Store.Write =>
      cell.put(entry, now + settings.lease)

    return Opening.provider(
      self,
      (request: ChatRequest): Opening.Open<C | D, ProviderError> => (scope) =>
        Effect.gen(function*() {
          const isKept = Stored.called("Cache", "while", "a function that gives true or false", () => isFor(request))
          const uncached = Attempts.openOf(self, request)
          if ((yield* Bypass) || !(yield* isKept)) return yield* uncached(scope)
          const text = canonicalRequest(request)
          // The provider says what is wrong with it.
          if (Result.isFailure(text)) return yield* uncached(scope)
          const { model = "", url = "" } = self.target?.(request) ?? {}
          // An address may have a key in it.
          const digest = Hex.encode(yield* sha256(`${url}\n${text.success}`))
          const whose = yield* Stored.called(
            "Cache",
            "tenant",
            "a function that gives a text",
            () => tenant(request),
            Predicate.isString
          )
          return yield* asked(request, State.cells(Store.key("cache", whose, self.name, model, digest)))(scope)
        })
    )
  }
})

const isWhole = (chunks: ReadonlyArray<Chunk>): boolean => {
  const reasons = chunks.flatMap(({ commonFinishReasons }) => commonFinishReasons)
  return reasons.length > 0 && reasons.every((reason) => reason !== "content_filter" && reason !== "error")
}

/** The chunk, at no cost. */
const free = <C extends Chunk>(chunk: C): C => {
  const { costMetadata } = chunk
  const cost = { statedCost: 0, cachedResponse: true }
  return Object.defineProperties(chunk, {
    costDetails: { value: { ...chunk.costDetails, ...cost } },
    costMetadata: { value: trusted(CostMetadata.CostMetadata, { ...costMetadata, ...cost }) }
  })
}

const count = (provider: string, result: "hit" | "miss"): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(requests, { provider, result }), 1)
