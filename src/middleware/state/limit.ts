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

/**
 * Schema of what all processes know of a limit.
 *
 * @internal
 */
export const State = Schema.Struct({
  requests: Schema.optionalKey(Window),
  tokens: Schema.optionalKey(Window),
  hold: Schema.optionalKey(Hold),
  /**
   * Who starts next, one of each process, with the tokens that it needs, as long as it asks again by then. Who came later leaves
   * room for them: a large request must not wait for ever behind small ones, nor a process behind another.
   */
  line: Schema.optionalKey(
    Schema.Array(Schema.Struct({ by: Schema.String, tokens: Schema.Natural, until: Schema.Natural }))
  )
})

/** @internal */
export type State = typeof State.Type

/**
 * A request that starts. `slot` is where its tokens are counted; `undefined` when they are not.
 *
 * @internal
 */
export interface Started {
  readonly _tag: "Started"
  readonly slot: number | undefined
}

/**
 * A request that asks again after `wait` ms; `isAsked` says whether the provider has asked for the pause.
 *
 * @internal
 */
export interface Waits {
  readonly _tag: "Waits"
  readonly wait: number
  readonly isAsked: boolean
}

/** @internal */
export type Admission = Started | Waits

/** @internal */
export interface Rates {
  readonly requests: Rate | undefined
  readonly tokens: Rate | undefined
}

/** @internal */
export interface Asked {
  readonly by: string
  /** Tokens. */
  readonly amount: number
}

/**
 * Starts a request, and with it those `behind` it in its process that there is room for; or says when to ask again. Gives the
 * state that follows, `undefined` when it is the same. Without `isNext` a request that can't start does not stand in line.
 *
 * @internal
 */
export const admit = (
  { line: stored = [], ...state }: State,
  now: number,
  rates: Rates,
  { isNext, ...asked }: Asked & { readonly isNext: boolean },
  behind: ReadonlyArray<Asked>
): { readonly admission: Admission; readonly behind: ReadonlyArray<Started>; readonly next: State | undefined } => {
  const line = stored.filter((place) => place.until > now)
  const own = line.findIndex((place) => place.by === asked.by)
  const ahead = own === -1 ? line : line.slice(0, own)
  const held = state.hold?.until ?? now
  const start = startIn(state, now, rates, ahead, asked.amount)
  if (Result.isSuccess(start) && held <= now) {
    let { next } = start.success
    const granted: Array<Started> = []
    // A process that has started them stands behind the others with its next one.
    for (const { amount } of behind) {
      const one = startIn(next, now, rates, ahead, amount)
      if (Result.isFailure(one)) break
      granted.push({ _tag: "Started", slot: one.success.slot })
      next = one.success.next
    }
    return {
      admission: { _tag: "Started", slot: start.success.slot },
      behind: granted,
      next: { ...next, ...lineOf(line.filter(({ by }) => by !== asked.by)) }
    }
  }
  const room = Result.isFailure(start) ? start.failure.until : now
  const until = Math.max(held, room)
  const wait = until - now
  const place = {
    by: asked.by,
    tokens: asked.amount,
    until: Math.ceil(now + Math.min(wait, longestSleep) + placeLasts)
  }
  return {
    admission: { _tag: "Waits", wait, isAsked: until > room },
    behind: [],
    next: !isNext
      ? undefined
      : own !== -1
      ? { ...state, ...lineOf(line.with(own, place)) }
      : line.length < longestLine
      ? { ...state, ...lineOf([...line, place]) }
      : undefined
  }
}

/** Takes a request and its tokens, or says when there is room for them, and for what those ahead want. */
const startIn = (
  state: State,
  now: number,
  rates: Rates,
  ahead: NonNullable<State["line"]>,
  amount: number
): Result.Result<{ readonly slot: number | undefined; readonly next: State }, Full> => {
  const wanted = ahead.reduce((sum, place) => sum + place.tokens, 0)
  const requests = takeAfter(state.requests, rates.requests, now, ahead.length, 1)
  const tokens = takeAfter(state.tokens, rates.tokens, now, wanted, amount)
  if (Result.isFailure(requests) || Result.isFailure(tokens)) {
    return Result.fail({ until: Math.max(untilOf(requests), untilOf(tokens)) })
  }
  return Result.succeed({
    slot: tokens.success?.slot,
    next: {
      ...state,
      ...(requests.success === undefined ? undefined : { requests: requests.success.window }),
      ...(tokens.success === undefined ? undefined : { tokens: tokens.success.window })
    }
  })
}

const untilOf = (taken: Result.Result<unknown, Full>): number => Result.isFailure(taken) ? taken.failure.until : 0

const takeAfter = (
  window: Window | undefined,
  rate: Rate | undefined,
  now: number,
  ahead: number,
  amount: number
): Result.Result<Taken | undefined, Full> => {
  if (rate === undefined) return Result.succeed(undefined)
  // Mostly nobody waits: then it is looked at once.
  const until = ahead === 0 && amount <= rate.amount ? now : roomAt(window, rate, now, ahead, amount)
  return until > now ? Result.fail({ until }) : take(window, rate, now, amount)
}

/** When there is room for an amount, and for what those ahead want; now, when there is. */
const roomAt = (
  window: Window | undefined,
  rate: Rate,
  now: number,
  ahead: number,
  amount: number
): number => {
  const room = take(window, rate, now, Math.min(ahead + amount, rate.amount))
  const until = Result.isFailure(room) ? room.failure.until : now
  // Both never fit at once: it starts some time after those ahead have.
  return ahead + amount <= rate.amount ? until : Math.max(until, now + turnAgain)
}

/** @internal */
export const lineOf = (line: NonNullable<State["line"]>): Pick<State, "line"> => line.length === 0 ? {} : { line }

/** Room may come earlier than it was expected, as requests use less than was taken for them. In ms.
 *
 * @internal
 */
export const longestSleep = 1000

/** How long the place of a process that does not ask again is kept for it, in ms: it may have died. */
const placeLasts = 1000

/**
 * When to ask again while those ahead have not started, in ms.
 *
 * @internal
 */
export const turnAgain = 10

/** As many stand in line, so that the entry stays small; others ask again until they can. */
const longestLine = 50

/**
 * When nothing of a state counts any longer, in ms since 1970.
 *
 * @internal
 */
export const expiryOf = ({ hold, line = [], requests, tokens }: State, rates: Rates): number =>
  Math.max(
    hold?.until ?? 0,
    ...line.map(({ until }) => until),
    requests === undefined || rates.requests === undefined ? 0 : expiry(requests, rates.requests),
    tokens === undefined || rates.tokens === undefined ? 0 : expiry(tokens, rates.tokens)
  )
