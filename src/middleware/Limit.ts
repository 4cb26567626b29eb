/**
 * Limits of requests and tokens, which all processes of a store keep together.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import type * as Engine from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import { retryAfter } from "../engine/refusal.ts"
import * as Tokens from "../engine/tokens.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as Attempts from "./attempts.ts"
import { limitsOf } from "./ResponseHead.ts"
import * as Stack from "./stack.ts"
import * as Machine from "./state/limit.ts"
import * as Stored from "./stored.ts"

/**
 * How much may start in any interval of a length, wherever it begins.
 *
 * @category models
 * @since 0.2.0
 */
export interface Rate {
  readonly limit: number
  readonly every: Duration.Input
}

/**
 * What is limited.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Requests that may start, retries included. Default: no limit. */
  readonly requests?: Rate | undefined
  /**
   * Tokens. Before a request starts, its input (estimated) and its `maxTokens` are taken; when it has ended, what the
   * response states. Default: no limit.
   */
  readonly tokens?: Rate | undefined
  /** What has a limit of its own. Default: each model of each provider. */
  readonly key?: ((request: ChatRequest) => string) | undefined
  /** Longest wait of an attempt for its turn. One that would wait for longer fails at once. Default: no limit. */
  readonly maxWait?: Duration.Input | undefined
  /**
   * Longest pause that a provider may ask for. When it asks for more, requests fail at once until it is over. Default: 60
   * seconds.
   */
  readonly maxRetryAfter?: Duration.Input | undefined
  /** Tokens of a text: the model's tokenizer. Default: `CostEstimate.approximateTokens`. */
  readonly tokensOf?: ((text: string) => number) | undefined
  /** Most tokens to generate, where the request states none. Default: 0, so they are taken when the response states them. */
  readonly maxTokens?: number | undefined
  /** Whether requests are refused when the store fails, or pass without a limit. Default: `refuse`. */
  readonly onStoreFailure?: "refuse" | "pass" | undefined
}

interface Settings {
  readonly requests: Machine.Rate | undefined
  readonly tokens: Machine.Rate | undefined
  /** In milliseconds. */
  readonly maxWait: number
  readonly maxRetryAfter: Duration.Duration
  readonly onStoreFailure: Stored.OnStoreFailure
}

const name = "limit"

const rateOf = (option: string, rate: Rate | undefined): Result.Result<Machine.Rate | undefined, string> =>
  rate === undefined ? Result.succeed(undefined) : Result.gen(function*() {
    const { every: stated, limit }: Partial<Rate> = { ...rate }
    const amount = yield* Checks.count(`${option}.limit`, limit, { least: 1 })
    const every = yield* Checks.duration(`${option}.every`, stated, { finite: true })
    return { amount, every: Math.ceil(Duration.toMillis(every)) }
  })

const settingsOf = (options: Options): Result.Result<Settings, string> =>
  Result.gen(function*() {
    const { maxRetryAfter = Duration.seconds(60), maxTokens = 0, maxWait = Duration.infinity } = options
    yield* Checks.count("maxTokens", maxTokens)
    return {
      requests: yield* rateOf("requests", options.requests),
      tokens: yield* rateOf("tokens", options.tokens),
      maxWait: Duration.toMillis(yield* Checks.duration("maxWait", maxWait, { zero: true })),
      maxRetryAfter: yield* Checks.duration("maxRetryAfter", maxRetryAfter, { zero: true }),
      onStoreFailure: yield* Stored.checkStoreFailure(options.onStoreFailure)
    }
  })

/**
 * Makes a middleware that lets a request start when the limits have room for it. Until then it waits, first come, first
 * served within a process, and in turn among processes. The time is the store's.
 *
 * It learns from responses: after a `Retry-After`, and when a head states that nothing is left, no process starts a request
 * of the key before the time that the provider states.
 *
 * A request that is larger than the limit fails with `InvalidRequest`, one that can't wait with `RateLimited` and the time
 * that it would have waited in `retryAfter`. Fails with an `InvalidRequest` that names the option that is wrong.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Limit from "effect-llm-stream/middleware/Limit"
 *
 * const limited = Effect.gen(function*() {
 *   const limit = yield* Limit.make({
 *     requests: { limit: 500, every: "1 minute" },
 *     tokens: { limit: 200_000, every: "1 minute" }
 *   })
 *   return limit(yield* OpenAi.make({}))
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make: (options: Options) => Effect.Effect<
  <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>,
  ProviderError.ProviderError,
  Store.Store
> = Effect.fnUntraced(function*(options: Options) {
  const settings = yield* Stored.checked(name, settingsOf(options))
  const store = yield* Store.Store
  const queue = queues()
  return <C extends Chunk>(self: Provider.Service<C>): Provider.Service<C> =>
    Stack.around(
      self,
      (asked) => {
        const { model = "", provider, request } = asked
        const cell = cells(
          options.key === undefined ? Store.key(name, provider.name, model) : Store.key(name, options.key(request))
        )
        return (call) => attempt({ asked, call, store, cell, queue, settings, options })
      },
      { maxRetryDelay: settings.maxRetryAfter }
    )
})

/**
 * Limits the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Limit from "effect-llm-stream/middleware/Limit"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const layer = Limit.layer({ requests: { limit: 500, every: "1 minute" } }).pipe(
 *   Layer.provide([OpenAi.layerConfig(), Store.layerMemory])
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: Options
): Layer.Layer<Provider.Provider, ProviderError.ProviderError, Provider.Provider | Store.Store> =>
  layerService(Provider.Provider, options)

/**
 * Limits the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Limit from "effect-llm-stream/middleware/Limit"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const layer = Limit.layerService(OpenAi.OpenAi, { requests: { limit: 500, every: "1 minute" } }).pipe(
 *   Layer.provide([OpenAi.layerConfig(), Store.layerMemory])
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options: Options
): Layer.Layer<Self, ProviderError.ProviderError, Self | Store.Store> => Stored.layerService(service, make(options))

// ---------------------------------------------------------------------------------------------------------------------
// An attempt
// ---------------------------------------------------------------------------------------------------------------------

interface Task {
  readonly asked: Stack.Asked
  readonly call: Stack.Call
  readonly store: Store.Service
  readonly cell: Store.Cell<State>
  readonly queue: Queue
  readonly settings: Settings
  readonly options: Options
}

/** Waits for the turn of the task. What it learns and what was taken for it is settled when the scope ends. */
const attempt = Effect.fnUntraced(
  function*(task: Task): Effect.fn.Return<void, ProviderError.ProviderError, Scope.Scope> {
    const { asked: { provider }, cell, queue, settings, store } = task
    const amount = settings.tokens === undefined ? 0 : yield* tokensOf(task, settings.tokens)
    const by = queue.name()
    const clock = yield* Clock.Clock
    const left = Attempts.timeLeft(clock, yield* Provider.CurrentPolicy)
    const end = clock.currentTimeMillisUnsafe() + settings.maxWait
    const patience = () => Math.min(end - clock.currentTimeMillisUnsafe(), left())
    const asked = { by, amount, requests: settings.requests, tokens: settings.tokens }
    const isTold = learning(task)

    const once = (isNext: boolean) =>
      Effect.uninterruptible(Effect.tap(
        Stored.orElse(
          Store.modifyIn(store, { state: cell }, ({ state = {} }, now) => {
            const { admission, next } = admit(state, now, { ...asked, isNext })
            return { result: admission, writes: next === undefined ? [] : [cell.put(next, expiryOf(next, settings))] }
          }),
          { middleware: name, provider: provider.name, onStoreFailure: settings.onStoreFailure, otherwise: passed }
        ),
        (admission) => {
          return admission._tag === "Waits"
            ? Effect.void
            : Effect.addFinalizer(() => settle(task, admission.slot, amount, isTold()))
        }
      ))

    const waiting = (admission: Admission) =>
      Effect.suspend(() => {
        if (admission._tag === "Started") return Effect.undefined
        const { isAsked, wait } = admission
        return isAsked && wait > Duration.toMillis(settings.maxRetryAfter)
          ? Effect.fail(
            tooLong(provider.name, wait, "the provider has asked for a pause, which is longer than `maxRetryAfter`")
          )
          : wait > patience()
          ? Effect.fail(tooLong(provider.name, wait, "its turn comes later than it may wait"))
          : Effect.succeed(wait)
      })

    // Who comes now does not overtake those who wait.
    if (queue.isEmpty(cell.key) && (yield* waiting(yield* once(false))) === undefined) return
    yield* Effect.logDebug(`${provider.name}: the request waits for its turn, as the limit is reached`)
    yield* queue.enter(
      cell.key,
      Effect.gen(function*() {
        for (;;) {
          const wait = yield* waiting(yield* once(true))
          if (wait === undefined) return
          yield* Effect.sleep(Math.min(wait, longestSleep))
        }
      }).pipe(Effect.onError(() => leave(task, by)))
    ).pipe(
      Effect.timeoutOrElse({
        duration: patience(),
        orElse: () => Effect.fail(tooLong(provider.name, undefined, "its turn did not come in time"))
      })
    )
  }
)

/** Room may come earlier than it was expected, as requests use less than was taken for them. */
const longestSleep = 1000

const tooLong = (provider: string, wait: number | undefined, why: string): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.RateLimited({
      message: `The limit does not let the request start: ${why}`,
      code,
      // Another attempt would wait for what this one may not wait for.
      shouldRetry: false,
      ...(wait === undefined ? undefined : { retryAfter: Duration.millis(Math.ceil(wait)) })
    }),
    emitted: false
  })

const code = "own_limit"

const tokensOf = (
  { asked: { provider, request, texts }, options: { maxTokens, tokensOf: tokens } }: Task,
  { amount, every }: Machine.Rate
): Effect.Effect<number, ProviderError.ProviderError> =>
  Effect.fromResult(Result.mapError(
    Result.flatMap(Tokens.count(request, { maxTokens, tokens }, texts), ({ inputTokens, outputTokens = 0 }) => {
      const needed = inputTokens + outputTokens
      return needed > amount
        ? Result.fail(
          `the request may need ${needed} tokens, more than the limit of ${amount} in ${
            Duration.format(Duration.millis(every))
          } ever lets pass`
        )
        : Result.succeed(needed)
    }),
    (message) => Checks.refused(provider.name, message)
  ))

/**
 * What the response states takes the place of what was taken for it; without a word of it, that stays. A pause that an
 * error asks for holds the key, unless its head has told it.
 */
const settle = (task: Task, slot: number | undefined, taken: number, isTold: boolean): Effect.Effect<void> => {
  const { error, metadata } = task.call
  const { inputTokens, outputTokens } = metadata.usage() ?? {}
  const by = inputTokens === undefined && outputTokens === undefined
    ? 0
    : (inputTokens ?? 0) + (outputTokens ?? 0) - taken
  const pause = error?.reason._tag === "RateLimited" && !isTold && error.code !== code ? error.retryAfter : undefined
  const isUsed = by !== 0 && slot !== undefined && task.settings.tokens !== undefined
  return !isUsed && pause === undefined ? Effect.void : change(task, (state, now) => ({
    ...(pause === undefined ? state : held(state, now, Duration.toMillis(pause))),
    ...(isUsed && state.tokens !== undefined ? { tokens: Machine.settle(state.tokens, slot, by) } : undefined)
  }))
}

/** Who no longer waits leaves the line. */
const leave = (task: Task, by: string): Effect.Effect<void> =>
  change(task, ({ line = [], ...state }) =>
    line.some((place) => place.by === by)
      ? { ...state, ...lineOf(line.filter((place) => place.by !== by)) }
      : undefined)

/** Changes the state, for no request: when the store fails, it is told. */
const change = (
  { cell, settings, store }: Task,
  f: (state: State, now: number) => State | undefined
): Effect.Effect<void> =>
  Effect.catch(
    Store.modifyIn(store, { state: cell }, ({ state = {} }, now) => {
      const next = f(state, now)
      return {
        result: undefined,
        writes: next === undefined || next === state ? [] : [cell.put(next, expiryOf(next, settings))]
      }
    }),
    (error) => Stored.tellFailure(name, error)
  )

/** Holds the key when a head says that nothing is left; gives whether one has asked for a pause. */
const learning = (task: Task): () => boolean => {
  let isTold = false
  task.call.heads.push((head) => {
    isTold = head.response.status === 429
    return isTold || isExhausted(head, 0)
      ? change(task, (state, now) => held(state, now, pauseOf(head, now)))
      : Effect.void
  })
  return () => isTold
}

// What is no time, or years away, is no statement about a limit.
const held = (state: State, now: number, pause: number): State =>
  pause > 0 && pause <= longestHold ? { ...state, hold: Machine.hold(state.hold, now + pause) } : state

const longestHold = Duration.toMillis(Duration.days(1))

const exhausted = ({ names, response }: Engine.Head, now: number) =>
  limitsOf(response.headers, names, now).filter(({ kind, remaining }) =>
    remaining === 0 && /^(requests|(input-|output-)?tokens)$/.test(kind)
  )

const isExhausted = (head: Engine.Head, now: number): boolean => exhausted(head, now).length > 0

/** How long the head wants no request, in ms, measured from the store's time where it states a date. */
const pauseOf = (head: Engine.Head, now: number): number => {
  const asked = head.response.status === 429 ? retryAfter(head.response.headers, now) : undefined
  return [asked, ...exhausted(head, now).map(({ resetAfter }) => resetAfter)]
    .map((pause) => pause === undefined ? 0 : Duration.toMillis(pause))
    .filter((pause) => pause <= longestHold)
    .reduce((longest, pause) => Math.max(longest, pause), 0)
}

// ---------------------------------------------------------------------------------------------------------------------
// Those who wait in this process
// ---------------------------------------------------------------------------------------------------------------------

interface Queue {
  /** A name that no other waiter has, in any process. */
  readonly name: () => string
  readonly isEmpty: (key: string) => boolean
  /** Runs the effects of a key one after the other, as they came. */
  readonly enter: <A, E, R>(key: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const queues = (): Queue => {
  const open = new Map<string, { readonly semaphore: Semaphore.Semaphore; waiting: number }>()
  const process = globalThis.crypto.randomUUID()
  let names = 0
  return {
    name: () => `${process}/${names++}`,
    isEmpty: (key) => !open.has(key),
    enter: (key, effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const queue = open.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: 0 }
          open.set(key, queue)
          queue.waiting++
          return queue
        }),
        ({ semaphore }) => semaphore.withPermit(effect),
        (queue) =>
          Effect.sync(() => {
            if (--queue.waiting === 0) open.delete(key)
          })
      )
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The state that processes share
// ---------------------------------------------------------------------------------------------------------------------

const State = Schema.Struct({
  requests: Schema.optionalKey(Machine.Window),
  tokens: Schema.optionalKey(Machine.Window),
  hold: Schema.optionalKey(Machine.Hold),
  /**
   * Who starts next, one of each process, with the tokens that it needs, as long as it asks again by then. Who came later leaves
   * room for them: a large request must not wait for ever behind small ones, nor a process behind another.
   */
  line: Schema.optionalKey(
    Schema.Array(Schema.Struct({ by: Schema.String, tokens: Schema.Natural, until: Schema.Natural }))
  )
})

type State = typeof State.Type

const cells = Store.cells(State, JSON.stringify)

type Admission =
  /** `slot` is where its tokens are counted; `undefined` when they are not. */
  | { readonly _tag: "Started"; readonly slot: number | undefined }
  /** When to ask again, in ms, and whether the provider has asked for the pause. */
  | { readonly _tag: "Waits"; readonly wait: number; readonly isAsked: boolean }

const passed: Admission = { _tag: "Started", slot: undefined }

interface Asked {
  readonly by: string
  /** Tokens. */
  readonly amount: number
  readonly requests: Machine.Rate | undefined
  readonly tokens: Machine.Rate | undefined
  /** Whether it stands in line, if it can't start. */
  readonly isNext: boolean
}

/** Starts a request, or says when to ask again; with the state that follows, `undefined` when it is the same. */
const admit = (
  { line: stored = [], ...state }: State,
  now: number,
  { amount, by, isNext, requests, tokens }: Asked
): { readonly admission: Admission; readonly next: State | undefined } => {
  const line = stored.filter((place) => place.until > now)
  const own = line.findIndex((place) => place.by === by)
  const ahead = own === -1 ? line : line.slice(0, own)
  const tokensAhead = ahead.reduce((sum, place) => sum + place.tokens, 0)
  const room = Math.max(
    roomAt(state.requests, requests, now, ahead.length, 1),
    roomAt(state.tokens, tokens, now, tokensAhead, amount)
  )
  const until = Math.max(state.hold?.until ?? now, room)
  if (until <= now) {
    const [request, used] = [taken(state.requests, requests, now, 1), taken(state.tokens, tokens, now, amount)]
    return {
      admission: { _tag: "Started", slot: used?.slot },
      next: {
        ...state,
        ...(request === undefined ? undefined : { requests: request.window }),
        ...(used === undefined ? undefined : { tokens: used.window }),
        ...lineOf(line.filter((place) => place.by !== by))
      }
    }
  }
  const wait = until - now
  const place = { by, tokens: amount, until: Math.ceil(now + Math.min(wait, longestSleep) + placeLasts) }
  return {
    admission: { _tag: "Waits", wait, isAsked: until > room },
    next: !isNext
      ? undefined
      : own !== -1
      ? { ...state, ...lineOf(line.with(own, place)) }
      : line.length < longestLine
      ? { ...state, ...lineOf([...line, place]) }
      : undefined
  }
}

const taken = (
  window: Machine.Window | undefined,
  rate: Machine.Rate | undefined,
  now: number,
  amount: number
): Machine.Taken | undefined =>
  rate === undefined ? undefined : Result.getOrUndefined(Machine.take(window, rate, now, amount))

/** When there is room for an amount, and for what those ahead want; now, when there is. */
const roomAt = (
  window: Machine.Window | undefined,
  rate: Machine.Rate | undefined,
  now: number,
  ahead: number,
  amount: number
): number => {
  if (rate === undefined) return now
  const room = Machine.take(window, rate, now, Math.min(ahead + amount, rate.amount))
  const until = Result.isFailure(room) ? room.failure.until : now
  // Both never fit at once: it starts some time after those ahead have.
  return ahead + amount <= rate.amount ? until : Math.max(until, now + turnAgain)
}

const lineOf = (line: NonNullable<State["line"]>): Pick<State, "line"> => line.length === 0 ? {} : { line }

/** How long the place of a process that does not ask again is kept for it, in ms: it may have died. */
const placeLasts = 1000

/** When to ask again while those ahead have not started, in ms. */
const turnAgain = 10

/** As many stand in line, so that the entry stays small; others ask again until they can. */
const longestLine = 50

const expiryOf = ({ hold, line = [], requests, tokens }: State, settings: Settings): number =>
  Math.max(
    hold?.until ?? 0,
    ...line.map(({ until }) => until),
    requests === undefined || settings.requests === undefined ? 0 : Machine.expiry(requests, settings.requests),
    tokens === undefined || settings.tokens === undefined ? 0 : Machine.expiry(tokens, settings.tokens)
  )
