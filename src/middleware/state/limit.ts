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
 * What was taken, in slices of time: `end:count,` of each, where the end is in ms since 1970, and ends ascend. One text, with
 * its sum beside it, as a store decodes it at each request, of which most change the last slice alone.
 *
 * @internal
 */
export const Window = Schema.Struct({
  used: Schema.Natural,
  slices: Schema.String.check(Schema.isPattern(/^(?:\d+:\d+,)*$/))
})

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

/** The slice that begins at an index of the text, and where the next one does. */
const sliceAt = (text: string, index: number): Slice & { readonly next: number } => {
  const middle = text.indexOf(":", index)
  const next = text.indexOf(",", middle) + 1
  return { end: Number(text.slice(index, middle)), count: Number(text.slice(middle + 1, next - 1)), next }
}

const lastOf = (text: string): Slice & { readonly index: number } => {
  const index = text.lastIndexOf(",", text.length - 2) + 1
  return { ...sliceAt(text, index), index }
}

const textOf = ({ count, end }: Slice): string => `${end}:${count},`

/** The window at a time: what no longer counts is gone, and the current slice is the last. */
const live = (window: Window | undefined, { every }: Rate, now: number): Window & { readonly current: number } => {
  const width = Math.max(1, Math.ceil(every / slicesPerWindow))
  const current = (Math.floor(now / width) + 1) * width
  let { slices, used }: Window = window ?? { used: 0, slices: "" }
  let start = 0
  while (start < slices.length) {
    const { count, end, next } = sliceAt(slices, start)
    if (end + every > now) break
    used -= count
    start = next
  }
  slices = slices.slice(start)
  // Nothing was taken later than now: a slice that ends after the current one was made by another rate, or before the clock
  // was set back.
  let count = 0
  while (slices !== "") {
    const last = lastOf(slices)
    if (last.end < current) break
    count += last.count
    slices = slices.slice(0, last.index)
  }
  return { used, slices: `${slices}${textOf({ end: current, count })}`, current }
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
  const { current, ...counted } = live(window, rate, now)
  let over = counted.used + amount - rate.amount
  if (over <= 0) return Result.succeed({ window: settle(counted, current, amount), slot: current })
  let until = now
  for (let index = 0; over > 0 && index < counted.slices.length;) {
    const { count, end, next } = sliceAt(counted.slices, index)
    over -= count
    until = end + rate.every
    index = next
  }
  return Result.fail({ until })
}

/**
 * Adds to what was taken in a slice, or gives some of it back. A slice that no longer counts stays gone.
 *
 * @internal
 */
export const settle = (window: Window, slot: number, by: number): Window => {
  const { slices, used } = window
  const index = slices.startsWith(`${slot}:`) ? 0 : slices.lastIndexOf(`,${slot}:`) + 1
  if (index === 0 && !slices.startsWith(`${slot}:`)) return window
  const { count, next } = sliceAt(slices, index)
  const settled = Math.max(0, count + by)
  return {
    used: used + settled - count,
    slices: `${slices.slice(0, index)}${textOf({ end: slot, count: settled })}${slices.slice(next)}`
  }
}

/**
 * When nothing that was taken counts any longer, in ms since 1970.
 *
 * @internal
 */
export const expiry = ({ slices }: Window, { every }: Rate): number => (slices === "" ? 0 : lastOf(slices).end) + every

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
