/** Time that passes faster. */
import { Clock, Duration, Effect } from "effect"

const real = Clock.Clock.defaultValue()

/** Pauses and limits take a tenth of their time. For what has sockets; elsewhere there is `TestClock`. */
export const hurried = Effect.provideService(Clock.Clock, {
  currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe(),
  currentTimeMillis: real.currentTimeMillis,
  currentTimeNanosUnsafe: () => real.currentTimeNanosUnsafe(),
  currentTimeNanos: real.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: real.monotonicTimeNanos,
  sleep: (duration) => real.sleep(Duration.times(duration, 0.1))
})
