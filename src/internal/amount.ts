import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"

/** @internal */
export const zero: BigDecimal.BigDecimal = BigDecimal.normalize(BigDecimal.fromBigInt(0n))

/** In digits before or after the point; with more, sums would take for ever, or more than there is room for. */
const longest = 1_000

/**
 * Schema of an amount that somebody has stored or sent.
 *
 * @internal
 */
export const Amount = Schema.BigDecimalFromString.check(
  Schema.makeFilter(({ scale }) => Math.abs(scale) <= longest || `an amount of up to ${longest} digits`)
)

/**
 * An amount as a decimal without an exponent, however small it is.
 *
 * @internal
 */
export const plain = (amount: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(amount)
  if (scale <= 0) return `${value * 10n ** BigInt(-scale)}`
  const digits = `${value < 0n ? -value : value}`.padStart(scale + 1, "0")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
