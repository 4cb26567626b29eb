/**
 * What errors of a database mean for a store.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as SqlError from "effect/sql/SqlError"
import * as Store from "./Store.ts"

/** Runs an effect again while another process holds a lock that it needs, without standing in the way of this process. */
export const whileLocked = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { while: isLocked, schedule: pauses })

const pauses = Schedule.min([Schedule.exponential("1 millis"), Schedule.spaced("25 millis")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ duration: "30 seconds" })
)

const isLocked = (error: unknown): boolean =>
  SqlError.isSqlError(error) &&
  (error.reason._tag === "LockTimeoutError" || error.reason._tag === "DeadlockError" ||
    error.reason._tag === "SerializationError")

export const toStoreError = (error: Store.StoreError | SqlError.SqlError): Store.StoreError => {
  if (!SqlError.isSqlError(error)) return error
  const { cause } = error.reason
  const details = Predicate.hasProperty(cause, "message") && typeof cause.message === "string" ? cause.message : ""
  return new Store.StoreError({
    reason: sqliteReason(cause),
    message: error.message.includes(details) ? error.message : `${error.message}: ${details}`
  })
}

/** The low byte is SQLite's primary code: 11 is a damaged file, 26 no file of SQLite's. */
const sqliteReason = (cause: unknown): Store.Reason => {
  const code = Predicate.hasProperty(cause, "errno") && typeof cause.errno === "number" ? cause.errno & 0xff : 0
  return code === 26 ? "Foreign" : code === 11 ? "Corrupt" : "Unavailable"
}
