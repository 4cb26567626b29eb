/** Limits of time that few callers set. */
import type * as Arr from "effect/Array"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as ProviderError from "../errors/providerError.ts"
import type * as Opening from "./opening.ts"
import { millis } from "./watch.ts"

type Fail<E> = (reason: ProviderError.Reason) => Effect.Effect<never, E>

/** The milliseconds that are left now. */
const deadline = (clock: Clock.Clock, duration: Duration.Duration, start: number): () => number => {
  const end = start + Duration.toMillis(duration)
  return () => end - millis(clock)
}

/** A pull that fails when it takes longer than there is left; without a limit it is the pull itself. */
const within = <A, E, E2>(
  pull: Effect.Effect<A, E>,
  left: () => number,
  timedOut: Effect.Effect<never, E2>
): Effect.Effect<A, E | E2> => {
  if (left() === Number.POSITIVE_INFINITY) return pull
  return Effect.suspend(() => {
    const duration = left()
    return duration <= 0
      ? timedOut
      : Effect.timeoutOrElse(pull, { duration: Duration.millis(duration), orElse: () => timedOut })
  })
}

const noContent = <E>(duration: Duration.Duration, fail: Fail<E>): Effect.Effect<never, E> =>
  Effect.suspend(() =>
    fail(
      new ProviderError.Timeout({
        kind: "idle",
        message: `No content within ${Duration.format(duration)}, although the connection is alive`
      })
    )
  )

/**
 * Limits the pulls of a stream to a time that is counted from its start.
 *
 * @internal
 */
export const inTotal = <C>(
  opening: Pull.Pull<Opening.Opened<C, ProviderError.ProviderError>, ProviderError.ProviderError>,
  provider: string,
  clock: Clock.Clock,
  start: number,
  duration: Duration.Duration
): Pull.Pull<Opening.Opened<C, ProviderError.ProviderError>, ProviderError.ProviderError> => {
  const left = deadline(clock, duration, start)
  const limited = <A, E>(
    pull: Effect.Effect<A, E>,
    emitted: boolean
  ): Effect.Effect<A, E | ProviderError.ProviderError> =>
    within(
      pull,
      left,
      Effect.suspend(() => {
        const message = `The stream did not end within ${Duration.format(duration)}`
        const reason = new ProviderError.Timeout({ kind: "total", message })
        return Effect.fail(new ProviderError.ProviderError({ provider, reason, emitted }))
      })
    )
  return limited(Effect.map(opening, ({ first, rest }) => ({ first, rest: limited(rest, true) })), false)
}

/**
 * Limits the reads of a response of which it is not known yet what it is.
 *
 * @internal
 */
export const undecided = <A, E>(
  reads: Pull.Pull<A, E>,
  clock: Clock.Clock,
  duration: Duration.Duration,
  fail: Fail<E>
): Pull.Pull<A, E> => within(reads, deadline(clock, duration, millis(clock)), noContent(duration, fail))

/**
 * Fails when the provider is waited for longer than the duration without a chunk that has content.
 *
 * @internal
 */
export const withContent = <C, E>(
  pull: Pull.Pull<Arr.NonEmptyReadonlyArray<C>, E>,
  hasContent: (chunk: C) => boolean,
  clock: Clock.Clock,
  duration: Duration.Duration,
  fail: Fail<E>
): Pull.Pull<Arr.NonEmptyReadonlyArray<C>, E> => {
  const limit = Duration.toMillis(duration)
  let waited = 0
  const limited = within(pull, () => limit - waited, noContent(duration, fail))
  return Effect.suspend(() => {
    const since = millis(clock)
    return Effect.map(limited, (chunks) => {
      waited = chunks.some(hasContent) ? 0 : waited + millis(clock) - since
      return chunks
    })
  })
}
