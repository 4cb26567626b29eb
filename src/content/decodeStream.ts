import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ProviderError } from "../ProviderError.ts"
import * as Given from "./given.ts"

/**
 * A decoder of what the chunks of one response add up to.
 *
 * @internal
 */
export interface StreamDecoder<in C, out A, out E = never, out R = never> {
  /** What the chunks of a read give. */
  readonly push: (chunks: ReadonlyArray<C>) => ReadonlyArray<A>
  /** What is left when the stream has ended well. */
  readonly end: Effect.Effect<ReadonlyArray<A>, E, R>
  /** What is left when the stream, or its end, has failed. */
  readonly cut: () => ReadonlyArray<A>
  /** Set when the response is larger than it may be. */
  readonly failure: () => ProviderError | undefined
}

/**
 * What the chunks of a response give. Fails where the stream, its end or the decoder fails, after what had come before.
 *
 * @internal
 */
export const decodeStream = <C, E, R, A, E2, R2>(
  self: Stream.Stream<C, E, R>,
  { cut, end, failure, push }: StreamDecoder<C, A, E2, R2>
): Stream.Stream<A, E | E2 | ProviderError, R | R2> => {
  const unlessFailed = <B, E3, R3>(effect: Effect.Effect<B, E3, R3>): Effect.Effect<B, E3 | ProviderError, R3> =>
    Effect.suspend((): Effect.Effect<B, E3 | ProviderError, R3> => {
      const error = failure()
      return error === undefined ? effect : Effect.fail(error)
    })
  return Given.streamOf(self).pipe(
    Stream.mapAccumArrayEffect(
      () => undefined,
      (_, chunks) => unlessFailed(Given.reading(() => [undefined, push(chunks)] as const))
    ),
    Stream.concat(Stream.fromArrayEffect(unlessFailed(end))),
    Stream.catch((error) => Stream.concat(Stream.suspend(() => Stream.fromArray(cut())), Stream.fail(error)))
  )
}
