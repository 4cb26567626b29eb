import * as BigDecimal from "effect/BigDecimal"

/** @internal */
export const zero: BigDecimal.BigDecimal = BigDecimal.normalize(BigDecimal.fromBigInt(0n))

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
