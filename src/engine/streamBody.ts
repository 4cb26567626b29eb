/** The bodies of clients other than a fetch. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { fromBody } from "./clientError.ts"
import * as ResponseBody from "./responseBody.ts"

/**
 * These compressions are left to us. `DecompressionStream` has no other formats.
 *
 * @internal
 */
export const compressions: Readonly<Record<string, CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate"
}

/**
 * Opens a response body.
 *
 * @internal
 */
export const openStream = <E>(
  response: HttpClientResponse.HttpClientResponse,
  clock: Clock.Clock,
  options: ResponseBody.Options<E>
): Effect.Effect<ResponseBody.Body<E>> => {
  const format = compressions[ResponseBody.compressionOf(response) ?? ""]
  if (format === undefined) return fromStream(response, options)
  const compressed = Stream.toReadableStreamWith(
    Stream.map(response.stream, (bytes) => new Uint8Array(bytes)),
    Context.empty()
  )
  return Effect.sync(() =>
    ResponseBody.ofReader(compressed.pipeThrough(new DecompressionStream(format)).getReader(), clock, options)
  )
}

/** Reads on to the end; `false` when that is too far. */
const drained = <E>(reads: ResponseBody.Reads<E>, bytes: number): Effect.Effect<boolean> =>
  bytes > ResponseBody.drain.bytes ? Effect.succeed(false) : Effect.matchEffect(reads, {
    onSuccess: (read) => drained(reads, bytes + read.reduce((size, { length }) => size + length, 0)),
    onFailure: (error) => Effect.succeed(Cause.isDone(error))
  })

const fromStream = <E>(
  response: HttpClientResponse.HttpClientResponse,
  { fail, idleTimeout }: ResponseBody.Options<E>
): Effect.Effect<ResponseBody.Body<E>> => {
  const scope = Scope.makeUnsafe()
  return Effect.map(Stream.toPull(response.stream).pipe(Scope.provide(scope)), (pull) => {
    const first = Effect.catch(
      pull,
      (error): Pull.Pull<never, E> => Cause.isDone(error) ? Effect.fail(error) : fail(fromBody(error))
    )
    const later = Effect.timeoutOrElse(first, {
      duration: idleTimeout,
      orElse: () => fail(ResponseBody.silence("idle", idleTimeout))
    })
    let next = first
    const reads = Effect.suspend(() => {
      const read = next
      next = later
      return read
    })
    return {
      reads,
      drain: () =>
        Effect.runPromise(
          Effect.timeoutOrElse(drained(reads, 0), {
            duration: ResponseBody.drain.time,
            orElse: () => Effect.succeed(false)
          })
        ),
      close: Scope.close(scope, Exit.void)
    }
  })
}
