/**
 * The HTTP of the protocols: an answer as server-sent events, and what a client posts.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { concat } from "../internal/bytes.ts"
import { InvalidRequest } from "../ProviderError.ts"
import * as Body from "./body.ts"

/**
 * How an answer is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /** What is sealed along, such as the id of a user: the history of another one is refused. Default: nothing. */
  readonly scope?: string | undefined
  /** How long nothing may be sent before a comment is, so that proxies keep the connection. Default: 15 seconds. */
  readonly heartbeat?: Duration.Input | undefined
}

/**
 * Frames as bytes, and a comment whenever nothing has been sent for the time of a heartbeat.
 *
 * @internal
 */
export const bytes = <E, R>(
  frames: Stream.Stream<string, E, R>,
  heartbeat: Duration.Input = Duration.seconds(15)
): Stream.Stream<Uint8Array, E, R> =>
  Stream.suspend(() => {
    const half = Duration.divideUnsafe(Duration.fromInputUnsafe(heartbeat), 2)
    if (!Duration.isFinite(half)) return Stream.encodeText(frames)
    let isSilent = false
    const sent = Stream.map(frames, (frame) => {
      isSilent = false
      return frame
    })
    const comments = Stream.tick(half).pipe(
      Stream.drop(1),
      Stream.filter(() => {
        isSilent = !isSilent
        return !isSilent
      }),
      Stream.as(": keep-alive\n\n")
    )
    return Stream.encodeText(Stream.merge(sent, comments, { haltStrategy: "left" }))
  })

/**
 * The response to what a client has sent. A refusal is told with its place, before anybody is asked.
 *
 * @internal
 */
export const respond = <R>(
  handled: Effect.Effect<HttpServerResponse.HttpServerResponse, InvalidRequest, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(
    handled,
    ({ message }) =>
      Effect.succeed(HttpServerResponse.text(message, { status: message.startsWith("body: larger") ? 413 : 400 }))
  )

/**
 * The body of the request, as far as it is not too large.
 *
 * @internal
 */
export const received = (
  { maxBodySize }: ReturnType<typeof Body.limits>
): Effect.Effect<string, InvalidRequest, HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const pieces: Array<Uint8Array> = []
    let size = 0
    yield* Stream.runForEach(
      Stream.mapError(request.stream, () => new InvalidRequest({ message: "body: can't be read" })),
      (piece) => {
        size += piece.length
        if (size > maxBodySize) return Effect.fromResult(Body.tooLarge(maxBodySize))
        pieces.push(piece)
        return Effect.void
      }
    )
    return new TextDecoder().decode(concat(pieces))
  })
