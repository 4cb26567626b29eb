import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type * as ProviderError from "../ProviderError.ts"
import { countRetry, type Watcher } from "./call.ts"

const retriesMetric = Metric.counter("llm_stream_retries", {
  description: "Requests that were sent again, by provider and reason",
  incremental: true
})

/**
 * Tells of a retry, without the provider's own words, which a terminal may take for commands. A debug line, as the retry is a
 * success of the policy that the caller set; the metric and the span are what to watch.
 *
 * @internal
 */
export const tellRetry = (error: ProviderError.ProviderError, retry: number, millis: number): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(Metric.withAttributes(retriesMetric, { provider: error.provider, reason: error.reason._tag }), 1),
    Effect.logDebug(
      `${error.provider}: ${error.reason._tag}${
        error.status === undefined ? "" : ` (HTTP ${error.status})`
      }, retry ${retry} in ${Math.round(millis)} ms`
    )
  )

const firstPause = 500
const longestPause = 8000

/**
 * Milliseconds to wait before a retry: as long as the provider asks for; else half a second, doubled each time, less a random
 * part of up to a quarter, and never more than the policy allows.
 */
const pause = (error: ProviderError.ProviderError, retries: number, longest: number): Effect.Effect<number> =>
  error.retryAfter !== undefined
    ? Effect.succeed(Duration.toMillis(error.retryAfter))
    : Effect.map(
      Random.next,
      (random) => Math.min(Math.min(firstPause * 2 ** retries, longestPause) * (1 - random / 4), longest)
    )

/**
 * Waits before a request is sent again, and tells of it. Fails with its error where the provider asks for a longer wait than
 * the policy allows.
 *
 * @internal
 */
export const beforeRetry = (
  error: ProviderError.ProviderError,
  retries: number,
  longest: number,
  watchers: ReadonlyArray<Watcher>
): Effect.Effect<void, ProviderError.ProviderError> =>
  Effect.flatMap(pause(error, retries, longest), (millis) => {
    if (millis > longest) return Effect.fail(error)
    countRetry(watchers)
    return Effect.andThen(tellRetry(error, retries + 1, millis), Effect.sleep(Duration.millis(millis)))
  })
