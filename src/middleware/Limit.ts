/**
 * Limits of requests and tokens, which all processes of a store keep together.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import type * as Engine from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import { retryAfter } from "../engine/retryAfter.ts"
import * as Tokens from "../engine/tokens.ts"
import { millis } from "../engine/watch.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"
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

interface Settings extends Machine.Rates {
  /** In milliseconds. */
  readonly maxWait: number
  readonly maxRetryAfter: Duration.Duration
  readonly onStoreFailure: Stored.OnStoreFailure
  readonly options: Options
}

const name = "limit"

const cells = Store.cells(Machine.State, JSON.stringify)

const rateOf = (option: string, rate: Rate | undefined): Result.Result<Machine.Rate | undefined, string> =>
  rate === undefined ? Result.succeed(undefined) : Result.gen(function*() {
    const { every: stated, limit }: Partial<Rate> = yield* Checks.copied(rate, option)
    const amount = yield* Checks.count(`${option}.limit`, limit, { least: 1 })
    const every = yield* Checks.duration(`${option}.every`, stated, { finite: true })
    return { amount, every: Math.ceil(Duration.toMillis(every)) }
  })

const settingsOf = (stated: Options): Result.Result<Settings, string> =>
  Result.gen(function*() {
    const options = yield* Checks.copied(stated)
    const { maxRetryAfter = Duration.seconds(60), maxTokens = 0, maxWait = Duration.infinity } = options
    yield* Checks.count("maxTokens", maxTokens)
    return {
      requests: yield* rateOf("requests", options.requests),
      tokens: yield* rateOf("tokens", options.tokens),
      maxWait: Duration.toMillis(yield* Checks.duration("maxWait", maxWait, { zero: true })),
      maxRetryAfter: yield* Checks.duration("maxRetryAfter", maxRetryAfter, { zero: true }),
      options,
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
      (asked) => (call) =>
        Effect.flatMap(
          Stored.keyOf(name, asked, settings.options.key),
          (key) => attempt({ asked, call, store, cell: cells(key), queue, settings })
        ),
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
  readonly cell: Store.Cell<Machine.State>
  readonly queue: Queue
  readonly settings: Settings
}

/** Waits for the turn of the task. What it learns and what was taken for it is settled when the scope ends. */
const attempt = (task: Task): Effect.Effect<void, ProviderError.ProviderError, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const { asked: { provider }, cell, queue, settings, store } = task
    const counted = settings.tokens === undefined ? Result.succeed(0) : tokensOf(task, settings.tokens)
    if (Result.isFailure(counted)) return Effect.fail(Checks.refused(provider.name, counted.failure))
    const amount = counted.success
    const clock = Context.get(context, Clock.Clock)
    const left = Attempts.timeLeft(clock, Context.get(context, Provider.CurrentPolicy))
    const end = clock.currentTimeMillisUnsafe() + settings.maxWait
    const patience = () => Math.min(end - clock.currentTimeMillisUnsafe(), left())
    const waiter: Waiter = { by: queue.name(), amount, granted: undefined }
    const isTold = learning(task)
    let steppedAt = 0

    const stepped = (isNext: boolean) => {
      const behind = queue.behind(cell.key, waiter)
      return Stored.orElse(
        Effect.map(
          Store.modifyIn(store, { state: cell }, ({ state = {} }, now) => {
            steppedAt = millis(clock)
            const { next, ...result } = Machine.admit(state, now, settings, { ...waiter, isNext }, behind)
            return {
              result,
              writes: next === undefined ? [] : [cell.put(next, Machine.expiryOf(next, settings))]
            }
          }),
          (result) => {
            for (const [index, other] of behind.entries()) other.granted = result.behind[index]
            return result.admission
          }
        ),
        { middleware: name, provider: provider.name, onStoreFailure: settings.onStoreFailure, otherwise: passed }
      )
    }

    const once = (isNext: boolean) =>
      Effect.uninterruptible(Effect.tap(
        Effect.suspend(() => waiter.granted === undefined ? stepped(isNext) : Effect.succeed(waiter.granted)),
        (admission) =>
          admission._tag === "Waits"
            ? Effect.void
            : Stack.onClose(() => settle(task, admission.slot, amount, isTold()))
      ))

    const waiting = (admission: Machine.Admission) => {
      if (admission._tag === "Started") return Effect.undefined
      const { isAsked, wait } = admission
      return isAsked && wait > Duration.toMillis(settings.maxRetryAfter)
        ? Effect.fail(
          tooLong(provider.name, wait, "the provider has asked for a pause, which is longer than `maxRetryAfter`")
        )
        : wait > patience()
        ? Effect.fail(tooLong(provider.name, wait, "its turn comes later than it may wait"))
        : Effect.succeed(wait)
    }

    const inLine = Effect.gen(function*() {
      yield* Effect.logDebug(`${provider.name}: the request waits for its turn, as the limit is reached`)
      for (;;) {
        const wait = yield* waiting(yield* once(true))
        if (wait === undefined) return
        // The store has counted from its step, and its answer may have taken a while.
        const left = Math.min(wait, Machine.longestSleep) - (millis(clock) - steppedAt)
        yield* Effect.sleep(Math.max(left, Math.min(wait, Machine.turnAgain)))
      }
    })

    // Who comes now does not overtake those who wait.
    const isFirst = queue.isEmpty(cell.key)
    const turn = queue.enter(
      cell.key,
      waiter,
      Effect.onError(
        isFirst
          ? Effect.flatMap(
            Effect.flatMap(once(false), waiting),
            (wait) => wait === undefined ? Effect.void : inLine
          )
          : inLine,
        () => leave(task, waiter.by)
      )
    )
    return isFirst ? turn : Effect.timeoutOrElse(turn, {
      duration: patience(),
      orElse: () => Effect.fail(tooLong(provider.name, undefined, "its turn did not come in time"))
    })
  })

const passed: Machine.Started = { _tag: "Started", slot: undefined }

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
  { asked: { request, texts }, settings: { options: { maxTokens, tokensOf: tokens } } }: Task,
  { amount, every }: Machine.Rate
): Result.Result<number, string> =>
  Result.flatMap(Tokens.count(request, { maxTokens, tokens }, texts), ({ inputTokens, outputTokens = 0 }) => {
    const needed = inputTokens + outputTokens
    return needed > amount
      ? Result.fail(
        `the request may need ${needed} tokens, more than the limit of ${amount} in ${
          Duration.format(Duration.millis(every))
        } ever lets pass`
      )
      : Result.succeed(needed)
  })

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
      ? { ...state, ...Machine.lineOf(line.filter((place) => place.by !== by)) }
      : undefined)

/** Changes the state, for no request: when the store fails, it is told. */
const change = (
  { cell, settings, store }: Task,
  f: (state: Machine.State, now: number) => Machine.State | undefined
): Effect.Effect<void> =>
  Effect.catch(
    Store.modifyIn(store, { state: cell }, ({ state = {} }, now) => {
      const next = f(state, now)
      return {
        result: undefined,
        writes: next === undefined || next === state ? [] : [cell.put(next, Machine.expiryOf(next, settings))]
      }
    }),
    (error) => Stored.tellFailure(name, error)
  )

/** Holds the key when a head says that nothing is left; gives whether one has asked for a pause. */
const learning = (task: Task): () => boolean => {
  let isTold = false
  task.call.heads.push((head) => {
    isTold = head.status === 429
    return isTold || isExhausted(head, 0)
      ? change(task, (state, now) => held(state, now, pauseOf(head, now)))
      : Effect.void
  })
  return () => isTold
}

// A time in the past or years away says nothing about a limit.
const held = (state: Machine.State, now: number, pause: number): Machine.State =>
  pause > 0 && pause <= longestHold ? { ...state, hold: Machine.hold(state.hold, now + pause) } : state

const longestHold = Duration.toMillis(Duration.days(1))

const exhausted = ({ headers, names }: Engine.Head, now: number) =>
  limitsOf(headers, names, now).filter(({ kind, remaining }) =>
    remaining === 0 && /^(requests|(input-|output-)?tokens)$/.test(kind)
  )

const isExhausted = (head: Engine.Head, now: number): boolean => exhausted(head, now).length > 0

/** How long the head wants no request, in ms, measured from the store's time where it states a date. */
const pauseOf = (head: Engine.Head, now: number): number => {
  const asked = head.status === 429 ? retryAfter(head.headers, now) : undefined
  return [asked, ...exhausted(head, now).map(({ resetAfter }) => resetAfter)]
    .map((pause) => pause === undefined ? 0 : Duration.toMillis(pause))
    .filter((pause) => pause <= longestHold)
    .reduce((longest, pause) => Math.max(longest, pause), 0)
}

// ---------------------------------------------------------------------------------------------------------------------
// Those who wait in this process
// ---------------------------------------------------------------------------------------------------------------------

interface Waiter extends Machine.Asked {
  /** What one before it was granted for it. */
  granted: Machine.Started | undefined
}

interface Queue {
  /** A name that no other waiter has, in any process. */
  readonly name: () => string
  readonly isEmpty: (key: string) => boolean
  readonly behind: (key: string, waiter: Waiter) => ReadonlyArray<Waiter>
  /** Runs the effects of a key one after the other, as they came. */
  readonly enter: <A, E, R>(key: string, waiter: Waiter, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const queues = (): Queue => {
  const open = new Map<string, { readonly semaphore: Semaphore.Semaphore; readonly waiting: Set<Waiter> }>()
  const process = globalThis.crypto.randomUUID()
  let names = 0
  return {
    name: () => `${process}/${names++}`,
    isEmpty: (key) => !open.has(key),
    behind: (key, waiter) => {
      const waiting = Array.from(open.get(key)?.waiting ?? [])
      return waiting.slice(waiting.indexOf(waiter) + 1).slice(0, mostStarted)
    },
    enter: (key, waiter, effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const queue = open.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: new Set() }
          open.set(key, queue)
          queue.waiting.add(waiter)
          return queue
        }),
        ({ semaphore }) => semaphore.withPermit(effect),
        ({ waiting }) =>
          Effect.sync(() => {
            waiting.delete(waiter)
            if (waiting.size === 0) open.delete(key)
          })
      )
  }
}

/** As many start in one step, so that it stays short. */
const mostStarted = 100
