/**
 * A breaker: when a provider fails again and again, no process of a store asks it for a while.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Checks from "../engine/checks.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"
import * as Store from "../stores/Store.ts"
import * as Stack from "./stack.ts"
import * as Machine from "./state/breaker.ts"
import * as Stored from "./stored.ts"

/**
 * When a breaker opens, and for how long.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Failures in a row that open it. Default: 5. */
  readonly failures?: number | undefined
  /** How long it stays open, before one request finds out whether it can close. Default: 30 seconds. */
  readonly openFor?: Duration.Input | undefined
  /** What has a breaker of its own. Default: each model of each provider. */
  readonly key?: ((request: ChatRequest) => string) | undefined
  /** Whether requests are refused when the store fails, or pass without a breaker. Default: `refuse`. */
  readonly onStoreFailure?: "refuse" | "pass" | undefined
}

interface Settings extends Machine.Threshold, Pick<Options, "key"> {
  readonly onStoreFailure: Stored.OnStoreFailure
}

const name = "breaker"

const settingsOf = (options: Options) =>
  Result.gen(function*(): Generator<Result.Result<unknown, string>, Settings, never> {
    const { failures = 5, key, onStoreFailure, openFor = Duration.seconds(30) } = yield* Checks.copied(options)
    return {
      key,
      failures: yield* Checks.count("failures", failures, { least: 1 }),
      openFor: Duration.toMillis(yield* Checks.duration("openFor", openFor, { finite: true })),
      onStoreFailure: yield* Stored.checkStoreFailure(onStoreFailure)
    }
  })

/**
 * Makes a middleware that counts failures in a row: `Overloaded`, `ServerError`, `Network`, `Timeout`, `IncompleteStream` and
 * `UnexpectedContentType`. Other errors, rate limits included, neither open nor close it. When it has opened, requests fail at
 * once with `Overloaded`, and `retryAfter` says when it lets one through. That one, a single one in all processes, closes it
 * or opens it again. The time is the store's.
 *
 * Fails with an `InvalidRequest` that names the option that is wrong.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Breaker from "effect-llm-stream/middleware/Breaker"
 *
 * const guarded = Effect.gen(function*() {
 *   const breaker = yield* Breaker.make({ failures: 3, openFor: "1 minute" })
 *   return breaker(yield* OpenAi.make({}))
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make: (options?: Options) => Effect.Effect<
  <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>,
  ProviderError.ProviderError,
  Store.Store
> = Effect.fnUntraced(function*(options: Options = {}) {
  const settings = yield* Stored.checked(name, settingsOf(options))
  const store = yield* Store.Store
  return <C extends Chunk>(self: Provider.Service<C>): Provider.Service<C> =>
    Stack.around(self, (asked) => (call) =>
      Effect.flatMap(
        Stored.keyOf(name, asked, settings.key),
        (key) => attempt({ asked, call, store, cell: cells(key), settings })
      ))
})

/**
 * Puts a breaker around the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Breaker from "effect-llm-stream/middleware/Breaker"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const layer = Breaker.layer().pipe(
 *   Layer.provide([OpenAi.layerConfig(), Store.layerMemory])
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options?: Options
): Layer.Layer<Provider.Provider, ProviderError.ProviderError, Provider.Provider | Store.Store> =>
  layerService(Provider.Provider, options)

/**
 * Puts a breaker around the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Breaker from "effect-llm-stream/middleware/Breaker"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const layer = Breaker.layerService(OpenAi.OpenAi).pipe(
 *   Layer.provide([OpenAi.layerConfig(), Store.layerMemory])
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options?: Options
): Layer.Layer<Self, ProviderError.ProviderError, Self | Store.Store> => Stored.layerService(service, make(options))

// ---------------------------------------------------------------------------------------------------------------------
// An attempt
// ---------------------------------------------------------------------------------------------------------------------

const cells = Store.cells(Machine.Circuit, JSON.stringify)

interface Task {
  readonly asked: Stack.Asked
  readonly call: Stack.Call
  readonly store: Store.Service
  readonly cell: Store.Cell<Machine.Circuit>
  readonly settings: Settings
}

const attempt = (task: Task): Effect.Effect<void, ProviderError.ProviderError, Scope.Scope> =>
  Effect.suspend(() => {
    const by = globalThis.crypto.randomUUID()
    return Effect.flatMap(entered(task, by), (admission) => {
      switch (admission._tag) {
        case "Closed":
          return Effect.void
        case "Probe":
          return Effect.asVoid(Effect.forkScoped(stayed(task, by)))
        case "Open":
          return Effect.fail(isOpen(task.asked.provider.name, admission.wait))
      }
    })
  })

type Admission =
  | { readonly _tag: "Closed" | "Probe" }
  | { readonly _tag: "Open"; readonly wait: number }

/** Asks to start. How the call that may start has ended is recorded when the scope ends. */
const entered = (
  task: Task,
  by: string
): Effect.Effect<Admission, ProviderError.ProviderError, Scope.Scope> =>
  Effect.uninterruptible(Effect.tap(
    Stored.orElse(admitted(task, by), {
      middleware: name,
      provider: task.asked.provider.name,
      onStoreFailure: task.settings.onStoreFailure,
      otherwise: { _tag: "Closed" } satisfies Admission
    }),
    ({ _tag }) =>
      _tag === "Open" ?
        Effect.void :
        Stack.onClose((exit) => recorded(task, by, outcomeOf(task.call, exit), _tag === "Probe"))
  ))

const admitted = (
  { cell, store }: Task,
  by: string
): Effect.Effect<Admission, Store.StoreError> =>
  Store.modifyIn(store, { circuit: cell }, ({ circuit }, now): Store.Step<Admission> => {
    const admission = Machine.admit(circuit, now, by, probeLasts)
    switch (admission._tag) {
      case "Closed":
        return { result: { _tag: "Closed" }, writes: [] }
      case "Probe":
        return { result: { _tag: "Probe" }, writes: [put(cell, admission.circuit, now)] }
      case "Open":
        return { result: { _tag: "Open", wait: admission.until - now }, writes: [] }
    }
  })

/** How long the place of a probe is kept for a process that says nothing more, in ms: it may have died. */
const probeLasts = 10_000

/** Keeps the place of a probe as long as it runs. */
const stayed = (task: Task, by: string): Effect.Effect<void> =>
  Effect.forever(Effect.andThen(
    Effect.sleep(probeLasts / 4),
    Effect.catch(Effect.asVoid(admitted(task, by)), (error) => Stored.tellFailure(name, error))
  ))

const recorded = (
  { cell, settings, store }: Task,
  by: string,
  outcome: Machine.Outcome,
  isProbe: boolean
): Effect.Effect<void> =>
  outcome === "ignored" && !isProbe ? Effect.void : Effect.catch(
    Store.modifyIn(store, { circuit: cell }, ({ circuit = Machine.closed }, now) => {
      const next = Machine.record(circuit, now, by, outcome, settings)
      return {
        result: undefined,
        writes: next === circuit ? [] : next === Machine.closed ? [cell.remove] : [put(cell, next, now)]
      }
    }),
    (error) => Stored.tellFailure(name, error)
  )

const put = (cell: Store.Cell<Machine.Circuit>, circuit: Machine.Circuit, now: number): Store.Write =>
  cell.put(circuit, Math.max(now, circuit.openUntil ?? 0) + forgottenAfter)

/** What nobody has asked for in a day is forgotten, in ms, as a key may be made of what is not asked for again. */
const forgottenAfter = 86_400_000

const outcomeOf = ({ error }: Stack.Call, exit: Exit.Exit<unknown, unknown>): Machine.Outcome =>
  error === undefined
    ? Exit.isSuccess(exit) ? "success" : "ignored"
    // Another breaker, below this one, has told nothing about the provider.
    : error.code === code
    ? "ignored"
    : Machine.outcomeOf(error.reason._tag)

const code = "breaker_open"

const isOpen = (provider: string, wait: number): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.Overloaded({
      message: "The breaker is open, as the provider has failed again and again, so nothing was sent",
      code,
      // Another attempt fails like this one until the breaker lets one through.
      shouldRetry: false,
      retryAfter: Duration.millis(Math.ceil(wait))
    }),
    emitted: false
  })
