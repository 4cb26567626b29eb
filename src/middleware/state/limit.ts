/**
 * How much was taken lately, and until when nothing may be: the state of a limit, and what becomes of it.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * In any interval of `every` milliseconds, wherever it begins, at most `amount` is taken.
 *
 * @internal
 */
export interface Rate {
  readonly amount: number
  readonly every: number
}

/**
 * What was taken, in slices of time: the end of a slice in ms since 1970, how much was taken in it, the end of the next, …
 * Ends ascend. One flat array, as a store decodes it at each request.
 *
 * @internal
 */
export const Window = Schema.Struct({ slices: Schema.Array(Schema.Natural) })

/** @internal */
export type Window = typeof Window.Type

/**
 * What was taken, and the slice that it is counted in.
 *
 * @internal
 */
export interface Taken {
  readonly window: Window
  readonly slot: number
}

/**
 * It does not fit.
 *
 * @internal
 */
export interface Full {
  /** When it fits, in ms since 1970, if nothing else is taken until then; `Infinity` when it never does. */
  readonly until: number
}

/** The more there are, the more of the limit can be used: all but the part that one is of the window. */
const slicesPerWindow = 200

interface Slice {
  readonly end: number
  readonly count: number
}

/**
 * The slices that count at a time. Nothing was taken later than now: a slice that ends after the current one was made by
 * another rate, or before the clock was set back.
 */
const live = (
  window: Window | undefined,
  { every }: Rate,
  now: number
): { readonly past: ReadonlyArray<Slice>; readonly current: Slice } => {
  const width = Math.max(1, Math.ceil(every / slicesPerWindow))
  const current = (Math.floor(now / width) + 1) * width
  const past: Array<Slice> = []
  const stored = window?.slices ?? []
  let count = 0
  for (let index = 0; index + 1 < stored.length; index += 2) {
    const end = stored[index] ?? 0
    const taken = stored[index + 1] ?? 0
    if (end >= current) count += taken
    else if (end + every > now) past.push({ end, count: taken })
  }
  return { past, current: { end: current, count } }
}

/**
 * Takes an amount, or says when it can be taken.
 *
 * @internal
 */
export const take = (
  window: Window | undefined,
  rate: Rate,
  now: number,
  amount: number
): Result.Result<Taken, Full> => {
  if (amount > rate.amount) return Result.fail({ until: Number.POSITIVE_INFINITY })
  const { current, past } = live(window, rate, now)
  let over = amount - rate.amount
  for (const { count } of [...past, current]) over += count
  if (over <= 0) {
    return Result.succeed({
      window: { slices: [...past.flatMap(({ count, end }) => [end, count]), current.end, current.count + amount] },
      slot: current.end
    })
  }
  let until = now
  for (const { count, end } of [...past, current]) {
    if (over <= 0) break
    over -= count
    until = end + rate.every
  }
  return Result.fail({ until })
}

/**
 * Adds to what was taken in a slice, or gives some of it back. A slice that no longer counts stays gone.
 *
 * @internal
 */
export const settle = ({ slices }: Window, slot: number, by: number): Window => ({
  slices: slices.map((value, index) => index % 2 === 1 && slices[index - 1] === slot ? Math.max(0, value + by) : value)
})

/**
 * When nothing that was taken counts any longer, in ms since 1970.
 *
 * @internal
 */
export const expiry = ({ slices }: Window, { every }: Rate): number => (slices.at(-2) ?? 0) + every

/**
 * Until when, in ms since 1970, the provider wants no request.
 *
 * @internal
 */
export const Hold = Schema.Struct({ until: Schema.Natural })

/** @internal */
export type Hold = typeof Hold.Type

/**
 * The hold after the provider has asked for a pause. A longer one stays.
 *
 * @internal
 */
export const hold = (held: Hold | undefined, until: number): Hold => ({
  until: Math.max(held?.until ?? 0, Math.ceil(until))
})
