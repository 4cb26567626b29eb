/**
 * Budgets in USD that refuse a request before money is spent, and are exact whatever runs concurrently, in however many
 * processes.
 *
 * An attempt reserves what it may cost at most, and settles to what it did cost. What nobody can know, because a stream was
 * stopped or failed before it stated its usage, is kept apart.
 *
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { streamOf } from "../content/given.ts"
import type * as Cost from "../Cost.ts"
import * as CostEstimate from "../CostEstimate.ts"
import { isStated } from "../CostMetadata.ts"
import { tellUnsent } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import * as ProviderError from "../errors/providerError.ts"
import { plain, zero } from "../internal/amount.ts"
import { Amount } from "../internal/usd.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as Store from "../stores/Store.ts"
import * as Attempts from "./attempts.ts"
import * as Lifetime from "./lifetime.ts"
import * as Stack from "./stack.ts"
import * as State from "./state/budget.ts"
import { isWhole } from "./state/ledger.ts"
import * as Stored from "./stored.ts"

/**
 * Where a budget stands, in USD. `spent` and `unknown` and `reserved` never exceed `limit` by reserving; a response that
 * costs more than it reserved may.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const remaining = Budget.balance({ limit: "0.5", key: "ada" }).pipe(
 *   Effect.map((balance) => BigDecimal.format(balance.remaining)),
 *   Effect.provide(Store.layerMemory)
 * )
 * await Effect.runPromise(remaining) // "0.5"
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class Balance extends Schema.Class<Balance>("effect-llm-stream/Budget/Balance")({
  limit: Amount,
  /** What responses stated that they cost. */
  spent: Amount,
  /** What responses may have cost that did not say: the rest of what they had reserved. */
  unknown: Amount,
  /** What running attempts may cost at most. */
  reserved: Amount
}) {
  /**
   * What an attempt may still reserve; never negative.
   *
   * @since 0.2.0
   */
  get remaining(): BigDecimal.BigDecimal {
    const left = BigDecimal.subtract(this.limit, BigDecimal.sumAll([this.spent, this.unknown, this.reserved]))
    return BigDecimal.isNegative(left) ? zero : BigDecimal.normalize(left)
  }
}

/**
 * An amount of USD that requests spend together.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Account {
  /** USD; a text is a decimal such as `"0.05"`. Above 0. */
  readonly limit: BigDecimal.BigDecimal | string
  /** Whose it is. Default: all requests share one. */
  readonly key?: string | undefined
  /** Tells several budgets in one store apart. Default: none. */
  readonly name?: string | undefined
}

/**
 * How attempts reserve.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface ReserveOptions {
  /** How long a process may be silent until what it reserved counts as unknown. Default: 1 minute. */
  readonly lease?: Duration.Input | undefined
  /**
   * What becomes of a request when the store is down: it fails as `Unknown` with the code `store_failed`, or is sent without
   * a reservation, and the log and the metric `llm_stream_store_failures` say so. Default: `refuse`.
   */
  readonly onStoreFailure?: "refuse" | "pass" | undefined
}

/**
 * How a provider is kept within budgets.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options extends ReserveOptions {
  /** USD above 0, or by the key; a text is a decimal such as `"0.05"`. */
  readonly limit: BigDecimal.BigDecimal | string | ((key: string) => BigDecimal.BigDecimal | string)
  /**
   * Whose money a request spends. `now` is the time of the process in ms since 1970, for budgets by day or month. Default:
   * the `user` of the request; requests without one share a budget.
   */
  readonly key?: ((request: ChatRequest, now: number) => string) | undefined
  /** Tells several budgets in one store apart. Default: none. */
  readonly name?: string | undefined
  /** Tokens of a text: the model's tokenizer. Default: `CostEstimate.approximateTokens`. */
  readonly tokens?: ((text: string) => number) | undefined
  /** Most tokens to generate, where the request states none: the model's own limit. Default: such requests are refused. */
  readonly maxTokens?: number | undefined
  /** The region that the provider's host serves from, where that changes the price. */
  readonly region?: string | undefined
}

/**
 * The `code` of the error of a request that was refused by a budget: `budget_refused`.
 *
 * @category errors
 * @since 0.2.0
 */
export const refusedCode = "budget_refused"

/**
 * Whether a request was refused because its budget has not enough left. Nothing was sent.
 *
 * The error is an `InvalidRequest` with the code {@link refusedCode}: neither `Retry` nor `Fallback` take it further, as the
 * limit is the program's own.
 *
 * @example
 * ```ts
 * import { ProviderError } from "effect-llm-stream"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 *
 * const error = new ProviderError.ProviderError({
 *   provider: "openai",
 *   reason: new ProviderError.QuotaExceeded({ message: "No credit" }),
 *   emitted: false
 * })
 * Budget.isRefused(error) // false: that is the provider's quota
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const isRefused = (error: unknown): error is ProviderError.ProviderError =>
  ProviderError.isProviderError(error) && error.reason._tag === "InvalidRequest" && error.code === refusedCode

/**
 * Where a budget stands.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 *
 * const program = Effect.map(Budget.balance({ limit: "5", key: "ada" }), ({ spent, unknown }) => [spent, unknown])
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const balance = (
  account: Account
): Effect.Effect<Balance, Store.StoreError | ProviderError.ProviderError, Store.Store> =>
  Effect.gen(function*() {
    const { limit: stated, ...of } = yield* Stored.checked("Budget", Checks.copied(account))
    const limit = yield* limitOf(stated)
    return yield* Store.modify(
      { cell: yield* Stored.checked("Budget", cellOf(of)) },
      ({ cell = State.empty }, now) => ({
        result: balanceOf(State.expired(cell, now), limit),
        writes: []
      })
    )
  })

const balanceOf = (account: State.Account, limit: BigDecimal.BigDecimal): Balance =>
  new Balance({
    limit,
    spent: account.spent,
    unknown: account.unknown,
    reserved: State.reservedOf(account)
  })

const cellOf = ({ key, name = "" }: Omit<Account, "limit">): Result.Result<Store.Cell<State.Account>, string> =>
  Result.map(
    Checks.given("key` and `name", "texts", () => [name, ...(key === undefined ? [] : [key])], isTexts),
    (names) => State.cells(Store.key("budget", ...names))
  )

const isTexts = (names: unknown): boolean => Array.isArray(names) && names.every(Predicate.isString)

const limitOf = (limit: unknown) => Stored.checked("Budget", Checks.positiveAmount("limit", limit))

/**
 * Makes middleware that keeps requests within budgets. An attempt reserves what it may cost at most
 * (`CostEstimate.atMost`), or fails before anything is sent, see {@link isRefused}. When it has ended, the reservation settles
 * to the stated cost, at the prices of `Pricing`. What may have cost more than it stated counts as unknown: all of a
 * reservation when a request was sent and gave no chunk, unless the provider refused it with an error status. What a cache
 * answers costs nothing.
 *
 * Fails with an `InvalidRequest` where the largest cost is not known: the request has no `maxTokens`, or the model no price.
 *
 * The outermost of the middlewares that act on attempts makes the retries, as `Retry` does; each reserves anew.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi, Pricing } from "effect-llm-stream"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 *
 * const provider = Effect.gen(function*() {
 *   // Five dollars for each user and day.
 *   const within = yield* Budget.make({
 *     limit: "5",
 *     key: ({ user }, now) => `${user} ${Pricing.dayOf(now)}`
 *   })
 *   return within(yield* OpenAi.OpenAi)
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  stated: Options
): Effect.fn.Return<
  <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>,
  ProviderError.ProviderError,
  Store.Store
> {
  const store = yield* Store.Store
  const options = yield* Stored.checked("Budget", Checks.copied(stated))
  const { key: keyOf = ({ user }: ChatRequest) => user, limit, name } = options
  const settings = yield* checked(options)
  const fixed = typeof limit === "function" ? undefined : Result.succeed(yield* limitOf(limit))
  const usdOf = (key = ""): Result.Result<BigDecimal.BigDecimal, string> =>
    fixed ??
      Result.flatMap(
        Checks.given(
          "limit",
          "a function that gives an amount",
          () => typeof limit === "function" ? limit(key) : limit
        ),
        (limit) => Checks.positiveAmount("limit", limit)
      )
  return <C extends Chunk>(self: Provider.Service<C>) =>
    Stack.around(self, (asked) => (call) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const account = Result.flatMap(
          Checks.given("key", "a function that gives a text", () => keyOf(asked.request, now)),
          (key) => Result.flatMap(cellOf({ name, key }), (cell) => Result.map(usdOf(key), (limit) => ({ cell, limit })))
        )
        return Result.isFailure(account)
          ? Effect.fail(Checks.refused("Budget", account.failure))
          : Effect.flatMap(Pricing.current, (pricing) => {
            const amount = largestOf(asked, options, Pricing.dayOf(now), pricing)
            const provider = asked.provider.name
            return Result.isFailure(amount)
              ? Effect.andThen(tellUnsent, Effect.fail(Checks.refused(provider, amount.failure)))
              : within(store, settings, { ...account.success, amount: amount.success, provider })(call)
          })
      }))
})

const largestOf = (
  { model, provider: { name }, request, texts }: Stack.Asked,
  { maxTokens, region, tokens }: Options,
  date: string,
  pricing: Pricing.Service
): Result.Result<BigDecimal.BigDecimal, string> => {
  const estimate = CostEstimate.atMostOf(
    request,
    { provider: name, model, maxTokens, region, tokens, date },
    pricing,
    texts
  )
  if (Result.isFailure(estimate)) {
    const error = estimate.failure
    return Result.fail(
      error._tag === "UnknownModel" ? `${error.message}, and a budget needs one` : error.reason.message
    )
  }
  return estimate.success.outputTokens === undefined
    ? Result.fail(
      "A budget needs `maxTokens`, of the request or in its options, as without it a request may cost any amount"
    )
    : Result.succeed(estimate.success.cost.total)
}

/**
 * Keeps the common `Provider` that is provided to it within budgets.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Budget.layer({ limit: (user) => user === "trial" ? "1" : "100" }).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Store.layerMemory)
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
 * Keeps the provider's own service that is provided to it, such as `OpenAi.OpenAi`, within budgets.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Budget.layerService(OpenAi.OpenAi, { limit: "10", maxTokens: 4096 }).pipe(
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
  options: Options
): Layer.Layer<Self, ProviderError.ProviderError, Self | Store.Store> => Stored.layerService(service, make(options))

/**
 * How a stream is kept within a budget.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface GuardOptions extends Account, ReserveOptions {
  /** What the stream may cost at most, in USD. */
  readonly atMost: BigDecimal.BigDecimal | string
}

/**
 * Runs any stream within a budget, for what {@link make} can't estimate. Each request that the provider sends for it and
 * gets no answer to counts as `atMost`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Provider } from "effect-llm-stream"
 * import * as Budget from "effect-llm-stream/middleware/Budget"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     Budget.guard({ limit: "5", key: "ada", atMost: "0.01" }),
 *     Stream.runDrain
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const guard: {
  (
    options: GuardOptions
  ): <C extends Chunk, E, R>(
    self: Stream.Stream<C, E, R>
  ) => Stream.Stream<C, E | ProviderError.ProviderError, R | Store.Store>
  <C extends Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    options: GuardOptions
  ): Stream.Stream<C, E | ProviderError.ProviderError, R | Store.Store>
} = Function.dual(
  2,
  <C extends Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    stated: GuardOptions
  ): Stream.Stream<C, E | ProviderError.ProviderError, R | Store.Store> =>
    Stream.unwrap(Effect.gen(function*() {
      const options = yield* Stored.checked("Budget", Checks.copied(stated))
      const stage = within(yield* Store.Store, yield* checked(options), {
        cell: yield* Stored.checked("Budget", cellOf(options)),
        limit: yield* limitOf(options.limit),
        amount: yield* Stored.checked("Budget", Checks.amount("atMost", options.atMost)),
        provider: "Budget"
      })
      return Opening.stream(Stack.through(Attempts.openStream(streamOf(self)), [stage]))
    }))
)

const checked = ({ lease = "1 minute", onStoreFailure }: ReserveOptions) =>
  Effect.all({
    lease: Lifetime.millisOf("Budget", "lease", lease),
    onStoreFailure: Stored.checked("Budget", Stored.checkStoreFailure(onStoreFailure))
  })

interface Reservation {
  readonly cell: Store.Cell<State.Account>
  readonly limit: BigDecimal.BigDecimal
  readonly amount: BigDecimal.BigDecimal
  readonly provider: string
}

const within = (
  store: Store.Service,
  { lease, onStoreFailure }: Effect.Success<ReturnType<typeof checked>>,
  { amount, cell, limit, provider }: Reservation
): Stack.Stage => {
  const attempt = globalThis.crypto.randomUUID()
  const change = (f: (account: State.Account, now: number) => State.Account) =>
    Lifetime.after(
      "Budget",
      Store.modifyIn(store, { cell }, ({ cell: before }, now) => {
        const after = before === undefined ? undefined : f(before, now)
        return { result: undefined, writes: after === undefined || after === before ? [] : [cell.put(after)] }
      })
    )
  return Lifetime.stage({
    start: Stored.orElse(
      Store.modifyIn(
        store,
        { cell },
        ({ cell: before = State.empty }, now) =>
          Result.match(State.reserve(before, limit, attempt, amount, now, now + lease), {
            onFailure: (): Store.Step<Balance | undefined> => ({
              result: balanceOf(State.expired(before, now), limit),
              writes: []
            }),
            onSuccess: (account) => ({ result: undefined, writes: [cell.put(account)] })
          })
      ),
      { middleware: "Budget", provider, onStoreFailure, otherwise: undefined }
    ).pipe(
      Effect.flatMap((balance) =>
        balance === undefined
          ? Effect.void
          : Effect.andThen(tellUnsent, Effect.fail(refusal(provider, amount, balance)))
      )
    ),
    lease,
    renew: change((account, now) => State.renew(account, attempt, now + lease)),
    end: (ended) =>
      Effect.flatMap(costOf(ended), (cost) => {
        const { isUntold, lost, metadata, outcome, responses, usage } = ended
        const spent = cost?.total ?? zero
        const forLost = lost.length === 0
          ? zero
          : BigDecimal.multiply(amount, BigDecimal.fromBigInt(BigInt(lost.length)))
        const isStatedWhole = isWhole(usage) || metadata.statedCost !== undefined
        // What another response followed did not come to its end.
        const isKnown = outcome === "done" && cost !== undefined && isStatedWhole && responses.length === 1
        const isFree = responses.length === 0 && !isUntold
        const unknown = outcome === "unsent" ? zero : BigDecimal.sum(
          forLost,
          isKnown || isFree ? zero : State.rest(amount, spent)
        )
        return change((account) => State.settle(account, attempt, outcome === "unsent" ? zero : spent, unknown))
      })
  })
}

/** What all responses of a call did cost together. */
const costOf = ({ costs, metadata, responses }: Stack.Ended): Effect.Effect<Cost.Cost | undefined> =>
  !isStated(metadata)
    ? Effect.undefined
    : responses.length > 1
    ? Pricing.costOf(metadata)
    : Effect.map(costs, ([cost]) => cost)

const refusal = (
  provider: string,
  amount: BigDecimal.BigDecimal,
  balance: Balance
): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.InvalidRequest({
      message: `The request may cost ${plain(amount)} USD, and ${plain(balance.remaining)} USD of the budget of ${
        plain(balance.limit)
      } USD are left`,
      code: refusedCode
    }),
    emitted: false
  })
