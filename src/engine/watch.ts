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

/** All that is waited for by one clock: a fiber that sleeps for each would cost more than the rest of a request. */
interface Watch {
  readonly all: Set<Watched>
  fiber?: Fiber.Fiber<void> | undefined
  wakesAt: number
}

const watches = new WeakMap<Clock.Clock, Watch>()

const wait = (clock: Clock.Clock, watch: Watch, duration: number): Effect.Effect<void> => {
  watch.wakesAt = millis(clock) + duration
  return Effect.flatMap(Effect.sleep(Duration.millis(duration)), () => {
    const now = millis(clock)
    let next = Number.POSITIVE_INFINITY
    for (const one of watch.all) {
      const left = one.left(now)
      if (left > 0) next = Math.min(next, left)
      else if (watch.all.delete(one)) one.expire()
    }
    return wait(clock, watch, next)
  })
}

/** @internal */
export const watch = (clock: Clock.Clock, one: Watched): void => {
  const watch = watches.get(clock) ?? { all: new Set(), wakesAt: 0 }
  watches.set(clock, watch)
  watch.all.add(one)
  const now = millis(clock)
  const left = one.left(now)
  if (watch.fiber !== undefined && watch.wakesAt <= now + left) return
  watch.fiber?.interruptUnsafe()
  watch.fiber = Effect.runForkWith(Context.make(Clock.Clock, clock))(wait(clock, watch, left))
}

/** @internal */
export const unwatch = (clock: Clock.Clock, one: Watched): void => {
  const watch = watches.get(clock)
  if (watch?.all.delete(one) !== true || watch.all.size > 0) return
  watch.fiber?.interruptUnsafe()
  watch.fiber = undefined
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
  { limit, onTimeout, step }: { readonly limit: number; readonly step: number; readonly onTimeout: () => E2 }
): Effect.Effect<A, E | E2> =>
  Effect.callback((resume) => {
    const clock = Context.get(context, Clock.Clock)
    const end = millis(clock) + limit
    const one: Watched = {
      left: (now) => Math.min(end - now, step),
      expire: () => {
        resume(Effect.fail(onTimeout()))
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
