import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChatResponse from "../ChatResponse.ts"
import type * as Chunk from "../Chunk.ts"
import type { ProviderError } from "../ProviderError.ts"

/**
 * A stream that is being watched.
 *
 * @internal
 */
export interface Observed<C> {
  /** The chunks; it ends, well, where the provider fails. */
  readonly chunks: Stream.Stream<C>
  /** The response so far, with the provider's failure. */
  readonly response: () => ChatResponse.ChatResponse
  /** From now to the first chunk; `undefined` while there is none. */
  readonly millisToFirstChunk: () => number | undefined
}

/** @internal */
export const observe = <C extends Chunk.Chunk>(
  stream: Stream.Stream<C, ProviderError>
): Effect.Effect<Observed<C>> =>
  Effect.map(Clock.currentTimeMillis, (start) => {
    const accumulator = ChatResponse.accumulator()
    let error: ProviderError | undefined
    let millisToFirstChunk: number | undefined
    return {
      chunks: stream.pipe(
        Stream.onFirst(() =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            millisToFirstChunk = now - start
          })
        ),
        Stream.map((chunk) => {
          accumulator.add(chunk)
          return chunk
        }),
        Stream.catchTag("ProviderError", (failure) => {
          error = failure
          return Stream.empty
        })
      ),
      response: () => accumulator.response(error),
      millisToFirstChunk: () => millisToFirstChunk
    }
  })
