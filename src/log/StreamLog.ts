/**
 * Answers that outlive a connection, a tab and a server: each is written once to a log, together with its bill, and anyone
 * reads it, joins it again and stops it, on any server of the same store.
 *
 * The provider is asked once for an answer, by a fiber that no request owns. Chunks are stored before anyone gets them. A
 * producer that has not reached the store for longer than its lease is dead, and its answer ends as `Lost`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { writer } from "../AnyChunk.ts"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Checks from "../engine/checks.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as Engine from "./engine.ts"
import type * as Pages from "./pages.ts"
import * as Source from "./source.ts"
import * as State from "./state.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Models
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Schema of the end of an answer. It is the same value for every reader, for ever.
 *
 * - `Done`: the provider said all. `usage` and `finishReason` are `null` where it did not state them.
 * - `Failed`: `reason` is the tag of the `ProviderError`'s reason, or `Interrupted` when the server was shut down.
 * - `Cancelled`: somebody stopped it.
 * - `Lost`: its producer died.
 *
 * @category schemas
 * @since 0.2.0
 */
export const End = State.End

/**
 * The end of an answer.
 *
 * @category models
 * @since 0.2.0
 */
export type End = typeof End.Type

/**
 * Schema of the bill of an answer.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Row = State.Row

/**
 * The bill of an answer, written in one step with its end: who sees the end finds the bill.
 *
 * `usage` is what was last stated, `cost` its price in USD as a decimal; both are `null` where nothing was stated.
 * `unstated` is true unless the answer was `Done` with a usage.
 *
 * @category models
 * @since 0.2.0
 */
export type Row = typeof Row.Type

/**
 * Where a reader is: the number of chunks that it has. The epoch says of which answer, as an id may be used again when all
 * that was known of it is gone; without one, the number counts in whatever answer has the id.
 *
 * @category models
 * @since 0.2.0
 */
export interface Offset {
  readonly epoch?: string | undefined
  readonly count: number
}

/**
 * Chunks that follow each other: those after the first `start` up to the first `end`. `json` is the text of a JSON array.
 *
 * @category models
 * @since 0.2.0
 */
export type Page = Pages.Page

/**
 * What a reader gets: pages, `Idle` for each `heartbeat` in which nothing came, and at last the end.
 *
 * @category models
 * @since 0.2.0
 */
export type Item = Page | { readonly _tag: "Idle" } | {
  readonly _tag: "Ended"
  readonly epoch: string
  readonly end: End
}

/**
 * Why a log could not do what it was asked for.
 *
 * - `BadId`: ids are 1 to 128 of `A-Z a-z 0-9 . _ ~ -`.
 * - `InvalidRequest`: the request can't be read.
 * - `NotFound`: nothing is known of the id, or it is another user's.
 * - `Conflict`: the id belongs to another request.
 * - `Gap`: the offset is of another answer, or past the tail.
 * - `Expired`: the chunks are gone; `end` says how it ended.
 * - `StoreUnavailable`: the store can't be reached or written.
 *
 * @category errors
 * @since 0.2.0
 */
export type Reason = typeof reasons[number]

const reasons = [
  "BadId",
  "InvalidRequest",
  "NotFound",
  "Conflict",
  "Gap",
  "Expired",
  "StoreUnavailable"
] as const

/**
 * A log could not do what it was asked for.
 *
 * @example
 * ```ts
 * import * as StreamLog from "effect-llm-stream/log/StreamLog"
 *
 * const error = new StreamLog.StreamLogError({ reason: "NotFound", message: "no answer has this id" })
 * error.reason // "NotFound"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class StreamLogError extends Schema.TaggedError<StreamLogError>()("StreamLogError", {
  reason: Schema.Literals(reasons),
  message: Schema.String,
  /** Of an expired answer. */
  end: Schema.optionalKey(State.End)
}) {}

/**
 * An answer that began, or that was there.
 *
 * @category models
 * @since 0.2.0
 */
export interface Started {
  readonly id: string
  readonly epoch: string
  /** Whether this call began it. */
  readonly isNew: boolean
}

/**
 * An answer as it is now: how many chunks it has, and its end.
 *
 * @category models
 * @since 0.2.0
 */
export interface Found {
  readonly id: string
  readonly epoch: string
  readonly count: number
  /** `null` while it runs. */
  readonly end: End | null
}

/**
 * An answer as it is now: its text so far, and where to follow it from.
 *
 * @category models
 * @since 0.2.0
 */
export interface Snapshot extends Found {
  readonly text: string
}

/**
 * Whose answer it is. Of another user's answer nobody learns that it is there. Default: `""`.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Caller {
  readonly user?: string | undefined
}

/**
 * How an answer begins.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface StartOptions extends Caller {
  /** Default: 32 random letters and digits. */
  readonly id?: string | undefined
  /** The JSON by which requests are compared. Default: the request, as it is sent. */
  readonly json?: unknown
}

/**
 * Which answer is meant.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FindOptions extends Caller {
  /** Only the answer to this request, given as its JSON; that of another one is a `Conflict`. */
  readonly json?: unknown
}

/**
 * How an answer is read.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FollowOptions extends FindOptions {
  /** Default: the start. */
  readonly from?: Offset | undefined
  /** After how much silence an `Idle` comes. Default: never. */
  readonly heartbeat?: Duration.Input | undefined
  /** The largest page in bytes, unless a single chunk is larger. Default, and most: 1 MB. */
  readonly maxPage?: number | undefined
}

/**
 * The logs of a store.
 *
 * @category services
 * @since 0.2.0
 */
export interface Service {
  /**
   * Begins an answer, unless it is there: an equal request under its id changes nothing. The answer goes on when the caller
   * leaves.
   */
  readonly start: (request: ChatRequest, options?: StartOptions) => Effect.Effect<Started, StreamLogError>
  /**
   * Reads an answer from an offset to its end, while it is written. The stream fails with `StoreUnavailable` when the store
   * stays away for longer than the lease, and with `NotFound` when the log disappears. None of it is an end of the answer.
   */
  readonly follow: (
    id: string,
    options?: FollowOptions
  ) => Effect.Effect<Stream.Stream<Item, StreamLogError>, StreamLogError>
  /** Says what there is of an answer, and begins nothing. */
  readonly find: (id: string, options?: FindOptions) => Effect.Effect<Found, StreamLogError>
  /** The text of an answer, and the offset from which following it gives exactly the rest. */
  readonly snapshot: (id: string, options?: Caller) => Effect.Effect<Snapshot, StreamLogError>
  /**
   * Stops an answer: every reader gets `Cancelled`, and its producer closes the connection to the provider. Gives the end that
   * was there already; `undefined` when this call ended the answer.
   */
  readonly cancel: (id: string, options?: Caller) => Effect.Effect<End | undefined, StreamLogError>
  /** The bills of a user, or the one of an answer, by id. */
  readonly ledger: (options?: Caller & { readonly id?: string | undefined }) => Effect.Effect<
    ReadonlyArray<Row>,
    StreamLogError
  >
  /** Succeeds when answers can begin. */
  readonly ready: Effect.Effect<void, StreamLogError>
  /**
   * Ends the answers that this process produces as `Failed` with `Interrupted`, and begins no more. The layer does it when it is
   * released; a server does it first, so that its readers see the end.
   */
  readonly shutdown: Effect.Effect<void>
}

/**
 * The logs of a program.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import * as StreamLog from "effect-llm-stream/log/StreamLog"
 *
 * const program = Effect.gen(function*() {
 *   const log = yield* StreamLog.StreamLog
 *   const { id } = yield* log.start({ model: "gpt-4o-mini", prompt: "Say hello" })
 *   const items = yield* log.follow(id)
 *   yield* Stream.runForEach(items, (item) => Effect.log(item._tag))
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class StreamLog extends Context.Service<StreamLog, Service>()("effect-llm-stream/log/StreamLog") {}

// ---------------------------------------------------------------------------------------------------------------------
// Layers
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The options of a log.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** How long a producer counts as alive that does not reach the store. Default: 10 seconds. */
  readonly lease?: Duration.Input | undefined
  /** How long the chunks of an ended answer can be read. Its end and its bill stay ten times as long. Default: 1 hour. */
  readonly timeToLive?: Duration.Input | undefined
  /** How long an operation waits for a store that is away. Default: 8 seconds. */
  readonly patience?: Duration.Input | undefined
  /** Most of an answer that waits to be stored, in bytes; the provider is held up at that. Default: 4 MB. */
  readonly maxPending?: number | undefined
  /** The schema of the chunks. Default: `AnyChunk`. */
  readonly chunk?: Schema.Codec<Chunk, unknown> | undefined
}

/** @internal */
export const engine = (name: string, options: Options) => Effect.flatMap(settingsOf(name, options), Engine.make)

const settingsOf = Effect.fnUntraced(function*(name: string, stated: Options) {
  const checked = <A>(value: Result.Result<A, string>) =>
    Effect.mapError(Effect.fromResult(value), (message) => Checks.refused(name, message))
  const options = yield* checked(Checks.copied(stated))
  const millis = (name: string, value: Duration.Input) =>
    Effect.map(checked(Checks.duration(name, value, { finite: true })), Duration.toMillis)
  return {
    lease: yield* millis("lease", options.lease ?? "10 seconds"),
    ttl: yield* millis("timeToLive", options.timeToLive ?? "1 hour"),
    patience: yield* millis("patience", options.patience ?? "8 seconds"),
    maxPending: yield* checked(Checks.count("maxPending", options.maxPending ?? 4 * 1024 * 1024, { least: 1 })),
    chunk: options.chunk === undefined
      ? undefined
      : yield* checked(Checks.given("chunk", "a schema", () => options.chunk, Schema.isSchema))
  }
})

/**
 * The logs of a store, whose answers come from a provider.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as StreamLog from "effect-llm-stream/log/StreamLog"
 *
 * const log = Effect.flatMap(OpenAi.make({}), (openai) => StreamLog.make(openai, { timeToLive: "10 minutes" }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  provider: Provider.Service,
  stated: Options = {}
): Effect.fn.Return<Service, ProviderError, Store.Store | Scope.Scope> {
  yield* Effect.mapError(
    Effect.fromResult(Checks.given("provider", "a provider", () => provider.stream, Predicate.isFunction)),
    (message) => Checks.refused("stream-log", message)
  )
  const settings = yield* settingsOf("stream-log", stated)
  const log = yield* Engine.make(settings)
  const sourceOf = Source.ofProvider(provider, writer(settings.chunk))
  const known = (id: string, { user = "" }: Caller) =>
    Effect.flatMap(
      idOf(id),
      () =>
        Effect.flatMap(
          failing(log.look(id)),
          (known) => known === undefined || known.head.user !== user ? notFound : Effect.succeed(known)
        )
    )
  /** The head of an answer whose chunks are there. */
  const there = Effect.fnUntraced(function*(id: string, { json, ...caller }: FindOptions) {
    const { head, isExpired } = yield* known(id, caller)
    if (json !== undefined && head.hash !== (yield* hashOf(id, json))) return yield* conflict
    return isExpired ? yield* expired(head) : head
  })
  const found = (id: string, { ended, epoch, tail }: State.Head): Found => ({
    id,
    epoch,
    count: tail,
    end: ended?.end ?? null
  })

  return {
    start: Effect.fn("StreamLog.start")(function*(request, options = {}) {
      const { id: given, json, user } = yield* statedBy(options)
      const id = given === undefined ? yield* Engine.token : yield* idOf(given)
      const normalized = yield* invalid(Engine.requestOf(request))
      const hash = yield* hashOf(id, json === undefined ? yield* invalid(Engine.jsonOf(request)) : json)
      const { head, isExpired, isNew } = yield* failing(log.start({ id, user, hash, source: sourceOf(normalized) }))
      if (!isNew) {
        if (head.user !== user) return yield* notFound
        if (head.hash !== hash) return yield* conflict
        if (isExpired) return yield* expired(head)
      }
      return { id, epoch: head.epoch, isNew }
    }),

    follow: Effect.fn("StreamLog.follow")(function*(id, options = {}) {
      const { from, heartbeat, maxPage, ...of } = yield* statedBy(options)
      const { count, epoch, ...how } = yield* right(Result.gen(function*() {
        const { count, epoch } = from === undefined ? { count: 0 } : yield* Checks.copied(from, "from")
        return {
          epoch,
          count: yield* Checks.count("from.count", count),
          silence: heartbeat === undefined
            ? undefined
            : Duration.toMillis(yield* Checks.duration("heartbeat", heartbeat)),
          maxPage: maxPage === undefined ? undefined : yield* Checks.count("maxPage", maxPage)
        }
      }))
      const head = yield* there(id, of)
      if (epoch !== undefined && epoch !== head.epoch) return yield* gap
      if (count > head.tail) return yield* gap
      return Stream.mapError(log.follow(id, head, count, how), failed)
    }),

    find: Effect.fn("StreamLog.find")(function*(id, options = {}) {
      return found(id, yield* there(id, yield* statedBy(options)))
    }),

    snapshot: Effect.fn("StreamLog.snapshot")(function*(id, caller = {}) {
      const head = yield* there(id, yield* statedBy(caller))
      return { ...found(id, head), text: yield* failing(log.text(head)) }
    }),

    cancel: Effect.fn("StreamLog.cancel")(function*(id, options = {}) {
      yield* idOf(id)
      const { user } = yield* statedBy(options)
      const known = yield* failing(log.cancel(id, user))
      if (known === undefined) return yield* notFound
      if (known.isExpired) return yield* expired(known.head)
      return known.isNew ? undefined : known.head.ended?.end
    }),

    ledger: (options = {}) =>
      Effect.flatMap(
        statedBy(options),
        ({ id, user }) =>
          Effect.flatMap(id === undefined ? Effect.undefined : idOf(id), (id) => failing(log.rows(user, id)))
      ),
    ready: failing(log.ready),
    shutdown: log.shutdown
  }
})

/**
 * A layer with the logs of a store, whose answers come from the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import * as StreamLog from "effect-llm-stream/log/StreamLog"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = StreamLog.layer({ lease: "10 seconds" }).pipe(
 *   Layer.provide([Store.layerMemory, OpenAi.layerConfig()]),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options?: Options
): Layer.Layer<StreamLog, ProviderError, Provider.Provider | Store.Store> =>
  Layer.effect(StreamLog, Effect.flatMap(Provider.Provider, (provider) => make(provider, options)))

// ---------------------------------------------------------------------------------------------------------------------
// Errors
// ---------------------------------------------------------------------------------------------------------------------

const error = (reason: Reason, message: string, end?: End) =>
  new StreamLogError({ reason, message, ...(end === undefined ? undefined : { end }) })

const notFound = Effect.suspend(() => Effect.fail(error("NotFound", "no answer has this id")))
const conflict = Effect.suspend(() => Effect.fail(error("Conflict", "the id belongs to another request")))
const gap = Effect.suspend(() =>
  Effect.fail(error("Gap", "the offset is of another answer, or past what there is of this one"))
)
const expired = ({ ended }: State.Head) =>
  Effect.suspend(() => Effect.fail(error("Expired", "the chunks of this answer are gone", ended?.end)))

const idPattern = /^[A-Za-z0-9._~-]{1,128}$/

const idOf = (id: string): Effect.Effect<string, StreamLogError> =>
  typeof id === "string" && idPattern.test(id)
    ? Effect.succeed(id)
    : Effect.suspend(() => Effect.fail(error("BadId", "an id is 1 to 128 letters, digits, and . _ ~ -")))

const right = <A>(result: Result.Result<A, string>): Effect.Effect<A, StreamLogError> =>
  Effect.mapError(Effect.fromResult(result), (message) => error("InvalidRequest", message))

/** Options of a caller, who may have no types. */
const statedBy = <O extends Caller>(options: O): Effect.Effect<O & { readonly user: string }, StreamLogError> =>
  right(Result.flatMap(
    Checks.copied(options),
    (options) =>
      Result.map(
        Checks.given("user", "a text", () => options.user ?? "", Predicate.isString),
        (user) => ({ ...options, user })
      )
  ))

/** The JSON of a caller may be no JSON. */
const hashOf = (id: string, json: unknown): Effect.Effect<string, StreamLogError> =>
  Effect.flatten(right(Checks.given("json", "JSON", () => Engine.hash(id, json))))

/** @internal */
export const failed = (failure: Store.StoreError | Engine.Gone): StreamLogError =>
  failure._tag === "Gone"
    ? error("NotFound", "the log of this answer is not there any more")
    : error("StoreUnavailable", failure.message)

const failing = <A>(effect: Effect.Effect<A, Store.StoreError>): Effect.Effect<A, StreamLogError> =>
  Effect.mapError(effect, failed)

const invalid = <A>(result: Result.Result<A, { readonly message: string }>): Effect.Effect<A, StreamLogError> =>
  Effect.mapError(Effect.fromResult(result), ({ message }) => error("InvalidRequest", message))
