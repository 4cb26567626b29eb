/**
 * What a process believes of a store that it has read and written. A transaction that bets on it is one request: to write, if
 * all of it still holds. Who loses the bet has lost that request, and nothing else.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Store from "./Store.ts"

/** How long ago a store may have been read that is bet on, in ms by its own clock: who is frozen meanwhile loses the bet. */
export const maxAge = 200

export interface Bet<out A> extends Store.Step<A> {
  readonly read: Store.Peeked
}

export interface Guesses {
  /**
   * What a transaction would do; `undefined` where nothing is known, where others write too, and for what writes nothing, as only
   * a write tells whether a guess was right.
   */
  readonly bet: <A>(keys: ReadonlyArray<string>, transition: Store.Transition<A>) => Bet<A> | undefined
  /** The store did not hold what was bet on: its clock may differ as well. */
  readonly lose: () => void
  /** What a transaction has read, and then written. */
  readonly learn: (keys: ReadonlyArray<string>, read: Store.Peeked, writes: ReadonlyArray<Store.Write>) => void
}

export const make: Effect.Effect<Guesses> = Effect.map(Clock.Clock, (clock) => {
  const entries = new Map<
    string,
    { readonly value: string | undefined; readonly isShared: boolean; readonly now: number }
  >()
  const millis = () => Number(clock.currentTimeNanosUnsafe()) / 1e6
  // How far the store's clock is ahead of ours at least: an answer takes its time, so the most is the best.
  let ahead: number | undefined
  return {
    bet: (keys, transition) => {
      if (ahead === undefined) return undefined
      const values: Array<string | undefined> = []
      let now = Math.floor(millis() + ahead)
      for (const key of keys) {
        const entry = entries.get(key)
        if (entry === undefined || entry.isShared) return undefined
        values.push(entry.value)
        // No earlier than it was seen: for an entry, time goes forward.
        now = Math.max(now, entry.now)
      }
      const step = Result.getOrUndefined(transition(values, now))
      return step === undefined || step.writes.length === 0 ? undefined : { ...step, read: { values, now } }
    },
    lose: () => {
      ahead = undefined
    },
    learn: (keys, { now, values }, writes) => {
      ahead = Math.max(ahead ?? Number.NEGATIVE_INFINITY, now - millis())
      const written = new Map(writes.map((write) => [write.key, write]))
      if (entries.size > mostEntries) entries.clear()
      for (const [index, key] of keys.entries()) {
        const known = entries.get(key)
        const write = written.get(key)
        const value = write === undefined ? values[index] : write.value
        if (value !== undefined && value.length > longestValue) entries.delete(key)
        // What has changed in between is changed by others: it is not bet on until it stays.
        else entries.set(key, { value, now, isShared: known !== undefined && known.value !== values[index] })
      }
    }
  }
})

const mostEntries = 1_000

/** In characters. */
const longestValue = 4_096
