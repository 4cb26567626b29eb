import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/**
 * How long to wait by `retry-after-ms`, else `retry-after` (seconds, whole or not, or an HTTP date).
 *
 * @internal
 */
export const retryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const millis = numberOf(headers["retry-after-ms"])
  const value = headers["retry-after"]?.trim() ?? ""
  // Azure states 0 beside a `retry-after` of a second.
  if (millis !== undefined && (millis > 0 || value === "")) return Duration.millis(millis)
  if (value === "") return undefined
  const seconds = numberOf(value)
  if (seconds !== undefined) return Duration.millis(seconds * 1000)
  return Option.getOrUndefined(
    Option.map(Result.getSuccess(Headers.parseRetryAfter(value)), (parsed) => Headers.retryAfterDelay(parsed, now))
  )
}

// Decimal, as the headers are defined: `Number` takes blanks for 0 and knows `0x10`.
const numberOf = (value: string | undefined): number | undefined =>
  value !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(value) && Number.isFinite(Number(value)) ? Number(value) : undefined
