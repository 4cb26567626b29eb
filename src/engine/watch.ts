import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Something that is waited for no longer than a time.
 *
 * @internal
 */
export interface Watched {
  /** Milliseconds that are left. It is asked again when they have passed. */
  left(now: number): number
  /** None is left. */
  expire(): void
}

/**
 * A monotonic time.
 *
 * @internal
 */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** All that is waited for by one clock: a timer for each would cost more than the rest of a request. */
interface Watch {
  readonly all: Set<Watched>
  wakesAt: number
  /** Ends the wait; `undefined` while nothing is waited for. */
  stop: (() => void) | undefined
}

const watches = new WeakMap<Clock.Clock, Watch>()

const wait = (clock: Clock.Clock, watch: Watch, duration: number): void => {
  watch.wakesAt = millis(clock) + duration
  watch.stop = wakeAfter(clock, duration, () => {
    watch.stop = undefined
    const now = millis(clock)
    let next = Number.POSITIVE_INFINITY
    for (const one of watch.all) {
      const left = one.left(now)
      if (left > 0) next = Math.min(next, left)
      else if (watch.all.delete(one)) one.expire()
    }
    if (watch.all.size > 0 && watch.stop === undefined) wait(clock, watch, next)
  })
}

const systemClock = Context.get(Context.empty(), Clock.Clock)

/** Longest time of a timer. */
const longest = 2 ** 31 - 1

/** A fiber that sleeps does it by any clock; a timer is what that comes to by the system's, without the fiber. */
const wakeAfter = (clock: Clock.Clock, duration: number, wake: () => void): () => void => {
  if (clock === systemClock) {
    const timer = setTimeout(wake, Math.min(duration, longest))
    return () => clearTimeout(timer)
  }
  const sleep = Effect.sleep(Duration.millis(duration))
  const fiber = Effect.runForkWith(Context.make(Clock.Clock, clock))(Effect.map(sleep, wake))
  return () => fiber.interruptUnsafe()
}

/** @internal */
export const watch = (clock: Clock.Clock, one: Watched): void => {
  const watch = watches.get(clock) ?? { all: new Set(), wakesAt: 0, stop: undefined }
  watches.set(clock, watch)
  watch.all.add(one)
  const now = millis(clock)
  const left = one.left(now)
  if (watch.stop !== undefined && watch.wakesAt <= now + left) return
  watch.stop?.()
  wait(clock, watch, left)
}

/** @internal */
export const unwatch = (clock: Clock.Clock, one: Watched): void => {
  const watch = watches.get(clock)
  if (watch?.all.delete(one) !== true || watch.all.size > 0) return
  watch.stop?.()
  watch.stop = undefined
}

/**
 * Runs an effect in a fiber of its own, for no longer than `limit` milliseconds. `step` is when it is looked at first, for
 * those that are watched next, with that limit: one timer does for both.
 *
 * @internal
 */
export const inTime = <A, E, E2>(
  self: Effect.Effect<A, E>,
  context: Context.Context<never>,
  { limit, onTimeout, step }: {
    readonly limit: number
    readonly step: number
    readonly onTimeout: () => Effect.Effect<never, E2>
  }
): Effect.Effect<A, E | E2> =>
  Effect.callback((resume) => {
    const clock = Context.get(context, Clock.Clock)
    const end = millis(clock) + limit
    const one: Watched = {
      left: (now) => Math.min(end - now, step),
      expire: () => {
        resume(onTimeout())
        fiber.interruptUnsafe()
      }
    }
    watch(clock, one)
    const fiber = Effect.runForkWith(context)(self)
    fiber.addObserver((exit) => {
      unwatch(clock, one)
      resume(exit)
    })
    return Fiber.interrupt(fiber)
  })
