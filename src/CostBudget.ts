/**
 * Budgets that refuse a request before money is spent, and are exact whatever runs concurrently.
 *
 * A request reserves what it may cost at most, and settles to what it did cost. What nobody can know, because a stream
 * was stopped or failed before it stated its usage, is kept apart.
 *
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Chunk from "./Chunk.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Call from "./engine/call.ts"
import * as Checks from "./engine/checks.ts"
import * as Pricing from "./Pricing.ts"
import * as ProviderError from "./ProviderError.ts"

/**
 * Where a budget stands, in USD. `spent` and `unknown` and `reserved` never exceed `limit` by reserving; a response that
 * costs more than it reserved may.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import { CostBudget } from "effect-llm-stream"
 *
 * const remaining = CostBudget.make("0.5").pipe(
 *   Effect.flatMap((budget) => budget.balance),
 *   Effect.map((balance) => BigDecimal.format(balance.remaining))
 * )
 * await Effect.runPromise(remaining) // "0.5"
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class Balance extends Schema.Class<Balance>("effect-llm-stream/CostBudget/Balance")({
  limit: Schema.BigDecimalFromString,
  /** What responses stated that they cost. */
  spent: Schema.BigDecimalFromString,
  /** What responses may have cost that did not say: the rest of what they had reserved. */
  unknown: Schema.BigDecimalFromString,
  /** What running requests may cost at most. */
  reserved: Schema.BigDecimalFromString
}) {
  /**
   * What a request may still reserve; never negative.
   *
   * @since 0.2.0
   */
  get remaining(): BigDecimal.BigDecimal {
    const left = BigDecimal.subtract(this.limit, sum(this))
    return BigDecimal.isNegative(left) ? zero : BigDecimal.normalize(left)
  }
}

const zero = BigDecimal.normalize(BigDecimal.fromBigInt(0n))

const sum = ({ reserved, spent, unknown }: Pick<Balance, "spent" | "unknown" | "reserved">): BigDecimal.BigDecimal =>
  BigDecimal.sumAll([spent, unknown, reserved])

/**
 * A budget has not enough left for what a request may cost. Nothing was sent.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import { CostBudget } from "effect-llm-stream"
 *
 * const refused = Effect.gen(function*() {
 *   const budget = yield* CostBudget.make("0.01")
 *   return yield* Effect.flip(budget.reserve(BigDecimal.fromStringUnsafe("0.02")))
 * })
 * const { message } = await Effect.runPromise(refused)
 * message // "The request may cost 0.02 USD, and 0.01 USD of the budget of 0.01 USD are left"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class BudgetRefused extends Schema.TaggedError<BudgetRefused>()("BudgetRefused", {
  /** USD that the request may cost. */
  amount: Schema.BigDecimalFromString,
  balance: Balance
}) {
  /** @since 0.2.0 */
  override get message(): string {
    const { balance } = this
    return `The request may cost ${BigDecimal.format(this.amount)} USD, and ${
      BigDecimal.format(balance.remaining)
    } USD of the budget of ${BigDecimal.format(balance.limit)} USD are left`
  }
}

/**
 * Part of a budget, set aside for a request. Only the first of its effects that runs has an effect. What is not an amount
 * of 0 or more counts as unknown, all of it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Reservation {
  /**
   * The request did cost this much, in USD, and may have cost `unknown` beside it, such as by an attempt that was lost; the
   * rest goes back. Default of `unknown`: nothing.
   */
  readonly settle: (cost: BigDecimal.BigDecimal, unknown?: BigDecimal.BigDecimal) => Effect.Effect<void>
  /**
   * The request cost at least this much, in USD, and nobody knows how much more: the rest of the reservation is counted as
   * unknown.
   */
  readonly settleUnknown: (atLeast: BigDecimal.BigDecimal) => Effect.Effect<void>
  /** Nothing was paid for: all of it goes back. */
  readonly release: Effect.Effect<void>
}

/**
 * An amount of USD that requests may spend together.
 *
 * @category models
 * @since 0.2.0
 */
export interface CostBudget {
  readonly balance: Effect.Effect<Balance>
  /**
   * Sets aside what a request may cost at most, in USD, or refuses. Fails with an `InvalidRequest` when that is not an
   * amount of 0 or more.
   */
  readonly reserve: (
    atMost: BigDecimal.BigDecimal
  ) => Effect.Effect<Reservation, BudgetRefused | ProviderError.ProviderError>
}

/**
 * Makes a budget of an amount in USD, in memory. A limit given as text is a decimal (`"0.05"`). Fails with an
 * `InvalidRequest` when the limit is not an amount of 0 or more.
 *
 * @example
 * ```ts
 * import { BigDecimal, Effect } from "effect"
 * import { CostBudget } from "effect-llm-stream"
 *
 * const remaining = Effect.gen(function*() {
 *   const budget = yield* CostBudget.make("1")
 *   const reservation = yield* budget.reserve(BigDecimal.fromStringUnsafe("0.3"))
 *   yield* reservation.settle(BigDecimal.fromStringUnsafe("0.1"))
 *   return BigDecimal.format((yield* budget.balance).remaining)
 * })
 * await Effect.runPromise(remaining) // "0.9"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (
  limit: BigDecimal.BigDecimal | string
): Effect.Effect<CostBudget, ProviderError.ProviderError> =>
  Effect.gen(function*() {
    const usd = yield* amountOf("limit", limit)
    const state = yield* Ref.make(new Balance({ limit: usd, spent: zero, unknown: zero, reserved: zero }))
    const change = (changes: (balance: Balance) => Partial<Balance>) =>
      Ref.update(state, (balance) => new Balance({ ...balance, ...changes(balance) }))
    const reservation = (atMost: BigDecimal.BigDecimal): Effect.Effect<Reservation> =>
      Effect.map(Ref.make(false), (ended) => {
        const once = (effect: Effect.Effect<void>) =>
          Effect.uninterruptible(
            Effect.flatMap(Ref.getAndSet(ended, true), (before) => before ? Effect.void : effect)
          )
        const end = (spent: BigDecimal.BigDecimal, unknown: BigDecimal.BigDecimal) =>
          once(change((balance) => ({
            reserved: BigDecimal.subtract(balance.reserved, atMost),
            spent: BigDecimal.sum(balance.spent, spent),
            unknown: BigDecimal.sum(balance.unknown, unknown)
          })))
        const areAmounts = (...values: ReadonlyArray<unknown>) =>
          values.every((value) => Result.isSuccess(Checks.amount("", value)))
        return {
          settle: (cost, unknown = zero) => areAmounts(cost, unknown) ? end(cost, unknown) : end(zero, atMost),
          settleUnknown: (atLeast) => areAmounts(atLeast) ? end(atLeast, rest(atMost, atLeast)) : end(zero, atMost),
          release: end(zero, zero)
        }
      })
    return {
      balance: Ref.get(state),
      reserve: (atMost) =>
        Effect.flatMap(amountOf("atMost", atMost), (atMost) =>
          Effect.uninterruptible(
            Ref.modify(state, (balance): [Effect.Effect<Reservation, BudgetRefused>, Balance] =>
              BigDecimal.isGreaterThan(BigDecimal.sum(sum(balance), atMost), usd)
                ? [Effect.fail(new BudgetRefused({ amount: atMost, balance })), balance]
                : [
                  reservation(atMost),
                  new Balance({ ...balance, reserved: BigDecimal.sum(balance.reserved, atMost) })
                ])
              .pipe(Effect.flatten)
          ))
    }
  })

const amountOf = (name: string, value: unknown): Effect.Effect<BigDecimal.BigDecimal, ProviderError.ProviderError> =>
  Effect.mapError(
    Effect.fromResult(Checks.amount(name, value)),
    (message) => Checks.refused("CostBudget", message)
  )

/** What is left of a reservation; never negative. */
const rest = (atMost: BigDecimal.BigDecimal, cost: BigDecimal.BigDecimal): BigDecimal.BigDecimal =>
  BigDecimal.max(BigDecimal.subtract(atMost, cost), zero)

/**
 * Makes budgets by key, such as the tenant, each made when it is first asked for.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CostBudget } from "effect-llm-stream"
 *
 * const program = Effect.gen(function*() {
 *   const budgetOf = yield* CostBudget.keyed((tenant) => tenant === "trial" ? "1" : "100")
 *   const budget = yield* budgetOf("trial")
 *   return yield* budget.balance
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const keyed = (
  limitOf: (key: string) => BigDecimal.BigDecimal | string
): Effect.Effect<(key: string) => Effect.Effect<CostBudget, ProviderError.ProviderError>> =>
  Effect.sync(() => {
    const budgets = new Map<string, CostBudget>()
    return (key) =>
      Effect.flatMap(
        Effect.suspend(() => {
          const known = budgets.get(key)
          return known === undefined ? make(limitOf(key)) : Effect.succeed(known)
        }),
        // Of two that were made at once the first one stays.
        (budget) =>
          Effect.sync(() => {
            const first = budgets.get(key) ?? budget
            budgets.set(key, first)
            return first
          })
      )
  })

/**
 * Runs a stream against a budget. What it may cost at most is reserved before it starts, or refused with
 * {@link BudgetRefused}: nothing is sent then. When the stream has ended, the reservation settles to the stated cost, at
 * the prices of `Pricing`. A stream that was stopped, failed or stated no usage settles to what is known, and the rest of
 * its reservation is counted as unknown. So is all of it for a request that was sent and got no chunk, each attempt of a
 * retry included. Everything goes back where nothing was sent, or the provider refused with an error status.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { CostBudget, CostEstimate, Pricing, Provider } from "effect-llm-stream"
 *
 * const ask = (budget: CostBudget.CostBudget, prompt: string) =>
 *   Effect.gen(function*() {
 *     const provider = yield* Provider.Provider
 *     const request = { model: "gpt-4o-mini", prompt, maxTokens: 500 }
 *     const pricing = yield* Pricing.Pricing
 *     const { cost } = yield* Effect.fromResult(CostEstimate.atMost(request, { provider: "openai" }, pricing))
 *     yield* provider.stream(request).pipe(CostBudget.guard(budget, cost.total), Stream.runDrain)
 *   })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const guard: {
  (
    budget: CostBudget,
    atMost: BigDecimal.BigDecimal
  ): <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>
  ) => Stream.Stream<C, E | BudgetRefused | ProviderError.ProviderError, R>
  <C extends Chunk.Chunk, E, R>(
    self: Stream.Stream<C, E, R>,
    budget: CostBudget,
    atMost: BigDecimal.BigDecimal
  ): Stream.Stream<C, E | BudgetRefused | ProviderError.ProviderError, R>
} = /* @__PURE__ */ dual(3, <C extends Chunk.Chunk, E, R>(
  self: Stream.Stream<C, E, R>,
  budget: CostBudget,
  atMost: BigDecimal.BigDecimal
): Stream.Stream<C, E | BudgetRefused | ProviderError.ProviderError, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const pricing = yield* Pricing.current
    const day = Pricing.dayOf(yield* Clock.currentTimeMillis)
    const { isEnded, isSeen, metadata, stream, watcher } = Call.watched(self)
    let isRefused = false
    return Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(budget.reserve(atMost), (reservation) =>
          Effect.suspend(() => {
            const lost = BigDecimal.multiply(atMost, BigDecimal.fromBigInt(BigInt(watcher.open.size)))
            if (!isSeen()) {
              // A provider of another kind does not tell what it sent.
              const isKnown = watcher.retries !== undefined || isRefused
              return isKnown ? reservation.settle(zero, lost) : reservation.settleUnknown(zero)
            }
            const stated = CostMetadata.isStated(metadata.metadata())
            const cost = stated
              ? Result.getOrUndefined(Pricing.costWith(Pricing.onDay(metadata.metadata(), day), pricing))
              : undefined
            // What another response followed did not come to its end.
            return isEnded() && cost !== undefined && metadata.responses().length === 1
              ? reservation.settle(cost.total, lost)
              : reservation.settle(cost?.total ?? zero, BigDecimal.sum(rest(atMost, cost?.total ?? zero), lost))
          })),
        () =>
          Stream.tapError(stream, (error) =>
            Effect.sync(() => {
              isRefused = ProviderError.isProviderError(error) && isRefusal(error)
            }))
      )
    )
  })))

/** Whether the provider refused with an error status, or the request was not sent. */
const isRefusal = ({ reason, status }: ProviderError.ProviderError): boolean =>
  status !== undefined || reason._tag === "InvalidRequest" || reason._tag === "Authentication"
