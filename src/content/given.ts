import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ProviderError from "../errors/providerError.ts"

const refused = (message: string): ProviderError.ProviderError =>
  new ProviderError.ProviderError({
    provider: "ChunkStream",
    reason: new ProviderError.InvalidRequest({ message }),
    emitted: false
  })

const isStream = (self: unknown): boolean => {
  try {
    return Stream.isStream(self)
  } catch {
    return false
  }
}

/**
 * What callers without types give as a stream.
 *
 * @internal
 */
export const streamOf = <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E | ProviderError.ProviderError, R> =>
  isStream(self) ? self : Stream.fail(refused("`stream` has to be a stream"))

/**
 * Reads chunks, which callers without types may have made of anything.
 *
 * @internal
 */
export const reading = <A>(read: () => A): Effect.Effect<A, ProviderError.ProviderError> =>
  Effect.try({ try: read, catch: () => refused("a chunk of the stream can't be read: it is none, or it threw") })
