import * as BigDecimal from "effect/BigDecimal"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { zero } from "../../internal/amount.ts"
import { Amount } from "../../internal/usd.ts"
import * as Store from "../../stores/Store.ts"

/**
 * Schema of what a budget has spent, in USD. A reservation is gone when its attempt has ended; one that is over its time
 * counts as unknown.
 *
 * @internal
 */
export const Account = Schema.Struct({
  /** What responses stated that they cost. */
  spent: Amount,
  /** What responses may have cost that did not say. */
  unknown: Amount,
  /** What running attempts may cost at most, and until when they hold it, in ms since 1970. */
  reserved: Schema.Record(
    Schema.String,
    Schema.Struct({ amount: Amount, until: Schema.Number })
  )
})

/** @internal */
export type Account = typeof Account.Type

/**
 * The entry of an account.
 *
 * @internal
 */
export const cells: (key: string) => Store.Cell<Account> = Store.cells(
  Account,
  ({ reserved, spent, unknown }) =>
    JSON.stringify({
      spent: BigDecimal.format(spent),
      unknown: BigDecimal.format(unknown),
      reserved: Record.map(reserved, ({ amount, until }) => ({ amount: BigDecimal.format(amount), until }))
    })
)

/** @internal */
export const empty: Account = { spent: zero, unknown: zero, reserved: {} }

/** @internal */
export const reservedOf = ({ reserved }: Account): BigDecimal.BigDecimal =>
  BigDecimal.sumAll(Object.values(reserved).map(({ amount }) => amount))

const without = ({ reserved }: Account, attempt: string): Account["reserved"] => {
  const { [attempt]: _, ...others } = reserved
  return others
}

/**
 * Counts the reservations that are over their time as unknown: nobody will say what became of them.
 *
 * @internal
 */
export const expired = (account: Account, now: number): Account => {
  const over = Object.entries(account.reserved).filter(([, { until }]) => until <= now)
  return over.length === 0 ? account : {
    spent: account.spent,
    unknown: BigDecimal.sumAll([account.unknown, ...over.map(([, { amount }]) => amount)]),
    reserved: Object.fromEntries(Object.entries(account.reserved).filter(([, { until }]) => until > now))
  }
}

/**
 * Sets aside what an attempt may cost at most, or says whether it would fit if nothing were reserved. A second reservation
 * of an attempt takes the place of the first.
 *
 * @internal
 */
export const reserve = (
  account: Account | undefined,
  limit: BigDecimal.BigDecimal,
  attempt: string,
  amount: BigDecimal.BigDecimal,
  now: number,
  until: number
): Result.Result<Account, { readonly fitsLater: boolean }> => {
  const current = expired(account ?? empty, now)
  const others = { ...current, reserved: without(current, attempt) }
  const ended = BigDecimal.sumAll([current.spent, current.unknown, amount])
  return BigDecimal.isGreaterThan(BigDecimal.sum(ended, reservedOf(others)), limit)
    ? Result.fail({ fitsLater: !BigDecimal.isGreaterThan(ended, limit) })
    : Result.succeed({ ...others, reserved: { ...others.reserved, [attempt]: { amount, until } } })
}

/**
 * Holds the reservation of a running attempt for longer. One that is gone does not come back.
 *
 * @internal
 */
export const renew = (account: Account, attempt: string, until: number): Account => {
  const reservation = account.reserved[attempt]
  return reservation === undefined
    ? account
    : { ...account, reserved: { ...account.reserved, [attempt]: { ...reservation, until } } }
}

/**
 * Ends the reservation of an attempt: it did cost `cost`, and may have cost `unknown` more; the rest is free again. An
 * attempt without a reservation changes nothing, so that none counts twice.
 *
 * @internal
 */
export const settle = (
  account: Account,
  attempt: string,
  cost: BigDecimal.BigDecimal,
  unknown: BigDecimal.BigDecimal
): Account =>
  account.reserved[attempt] === undefined ? account : {
    spent: BigDecimal.sum(account.spent, cost),
    unknown: BigDecimal.sum(account.unknown, unknown),
    reserved: without(account, attempt)
  }

/**
 * What is left of a reservation of `amount` that did cost `cost`: what an attempt counts as unknown that ended without a
 * complete usage. Never negative.
 *
 * @internal
 */
export const rest = (amount: BigDecimal.BigDecimal, cost: BigDecimal.BigDecimal): BigDecimal.BigDecimal =>
  BigDecimal.max(BigDecimal.subtract(amount, cost), zero)
