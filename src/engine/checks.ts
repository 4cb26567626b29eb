import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as ProviderError from "../errors/providerError.ts"

/** The option's value, or a sentence that names the option and says what it has to be. */
type Checked<A> = Result.Result<A, string>

const wrong = (name: string, wanted: string, value: unknown): Checked<never> =>
  Result.fail(`\`${name}\` has to be ${wanted}, not ${shown(value)}`)

// Other values may be long, or secret.
const shown = (value: unknown): string =>
  typeof value === "string"
    ? JSON.stringify(value.slice(0, 40))
    : Object(value) === value
    ? typeof value
    : String(value)

/**
 * A number that counts. `Infinity` counts only where the option may be without limit.
 *
 * @internal
 */
export const count = (
  name: string,
  value: unknown,
  { least = 0, unlimited = false }: { readonly least?: number; readonly unlimited?: boolean } = {}
): Checked<number> =>
  typeof value === "number" && value >= least &&
    (Number.isSafeInteger(value) || unlimited && value === Number.POSITIVE_INFINITY)
    ? Result.succeed(value)
    : wrong(name, `a whole number, ${least} or more`, value)

const tried = <A>(read: () => A): A | undefined => Result.getOrUndefined(Result.try(read))

/**
 * A duration: how long something may take, or has to wait.
 *
 * @internal
 */
export const duration = (
  name: string,
  value: unknown,
  { finite = false, zero = false }: { readonly finite?: boolean; readonly zero?: boolean } = {}
): Checked<Duration.Duration> => {
  // Effect treats NaN as zero, and a Proxy may throw.
  const known = Number.isNaN(value)
    ? undefined
    : tried(() => Option.getOrUndefined(Duration.fromInput(value as Duration.Input)))
  return known !== undefined && (Duration.isPositive(known) || zero && Duration.isZero(known)) &&
      (!finite || Duration.isFinite(known))
    ? Result.succeed(known)
    : wrong(name, "a duration such as \"30 seconds\"", value)
}

/** Most digits before and after the point; with more, sums of money would never end. */
const longestAmount = 60

/**
 * An amount of USD, 0 or more.
 *
 * @internal
 */
export const amount = (name: string, value: unknown): Checked<BigDecimal.BigDecimal> => {
  const known = Object(value) === value
    ? tried(() => BigDecimal.isBigDecimal(value) ? value : undefined)
    : typeof value === "string" && value.length <= 2 * longestAmount && value.trim() !== ""
    ? Option.getOrUndefined(BigDecimal.fromString(value.trim()))
    : undefined
  return known !== undefined && known.value >= 0n && Math.abs(known.scale) <= longestAmount
    ? Result.succeed(known)
    : wrong(name, "an amount of USD such as \"0.05\", 0 or more", value)
}

/**
 * An amount of USD above 0.
 *
 * @internal
 */
export const positiveAmount = (name: string, value: unknown): Checked<BigDecimal.BigDecimal> =>
  Result.flatMap(
    amount(name, value),
    (known) =>
      BigDecimal.isPositive(known)
        ? Result.succeed(known)
        : wrong(name, "an amount of USD above 0", BigDecimal.format(known))
  )

/**
 * One of some words.
 *
 * @internal
 */
export const word = <const Word extends string>(name: string, value: Word, words: ReadonlyArray<Word>): Checked<Word> =>
  words.includes(value)
    ? Result.succeed(value)
    : wrong(name, words.map((word) => `"${word}"`).join(" or "), value)

/**
 * What callers without types give: `read` may throw, and so may whatever looks at its value.
 *
 * @internal
 */
export const given = <A>(
  name: string,
  wanted: string,
  read: () => A,
  is: (value: unknown) => boolean = () => true
): Checked<A> => {
  try {
    const value = read()
    return is(value) ? Result.succeed(value) : wrong(name, wanted, value)
  } catch {
    // Not its message, which may show what is secret.
    return Result.fail(`\`${name}\` has to be ${wanted}, but it threw`)
  }
}

/**
 * Whether an option that need not be there is a text.
 *
 * @internal
 */
export const isText = (value: unknown): boolean => value === undefined || typeof value === "string"

/**
 * Whether an option that need not be there is a function.
 *
 * @internal
 */
export const isFunction = (value: unknown): boolean => value === undefined || typeof value === "function"

/**
 * A copy of options, whose fields can be read from then on.
 *
 * @internal
 */
export const copied = <Options extends object>(options: Options, name = "options"): Checked<Options> =>
  given(name, "an object", () => Predicate.isObject(options) ? { ...options } : options, Predicate.isObject)

/**
 * The error of a request that is not sent, because of an option.
 *
 * @internal
 */
export const refused = (provider: string, message: string): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.InvalidRequest({ message }),
    emitted: false
  })

/**
 * A provider that refuses each request, because of an option.
 *
 * @internal
 */
export const refusing = (name: string, message: string) => ({
  name,
  stream: (): Stream.Stream<never, ProviderError.ProviderError> => Stream.fail(refused(name, message))
})
