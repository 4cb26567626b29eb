/**
 * The HTTP of the protocols: an answer as server-sent events, and what a client posts.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { streamOf } from "../content/given.ts"
import * as Checks from "../engine/checks.ts"
import { InvalidRequest } from "../errors/providerError.ts"
import { concat } from "../internal/bytes.ts"
import * as Blocks from "./blocks.ts"
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
  /**
   * How long nothing may be sent before a comment is, so that proxies keep the connection. Default, also in place of what is
   * no duration above zero: 15 seconds.
   */
  readonly heartbeat?: Duration.Input | undefined
}

/**
 * What is written of an answer. A browser is told of options that are none as of any failure.
 *
 * @internal
 */
export const answer = <O extends Options, E, R, A>(
  self: Stream.Stream<Blocks.Event, E, R>,
  options: O,
  write: (blocks: Stream.Stream<Blocks.Block, never, R>, options: Partial<O>) => A
): A =>
  Result.match(Body.given(options), {
    onFailure: (reason) => write(Blocks.blocks(Stream.fail(reason), undefined), {}),
    onSuccess: (options) => write(Blocks.blocks(streamOf(self), options.scope), options)
  })

/**
 * The frames of an answer as bytes, those of a read together, and a comment whenever nothing has come for the time of a
 * heartbeat. What can't be written ends them with a failure, as it may come from a caller without types.
 *
 * @internal
 */
export const bytes = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  frame: (element: A | Blocks.Failure) => string,
  heartbeat: Duration.Input = Duration.seconds(15)
): Stream.Stream<Uint8Array, E, R> => {
  const utf8 = new TextEncoder()
  // No pause at all would send nothing but comments.
  const silence = Result.getOrElse(Checks.duration("heartbeat", heartbeat), () => Duration.seconds(15))
  const comment: readonly [Uint8Array] = [utf8.encode(": keep-alive\n\n")]
  const written = Stream.suspend(() => {
    let isBroken = false
    return Stream.mapArray(self, (elements): readonly [Uint8Array] => {
      let text = ""
      try {
        for (const element of elements) text += frame(element)
      } catch {
        isBroken = true
        text += frame(Blocks.unwritable)
      }
      return [utf8.encode(text)]
    }).pipe(Stream.takeUntil(() => isBroken))
  })
  // A merge with a clock would hand each read from fiber to fiber.
  return Stream.transformPull(written, (pull, scope) =>
    Effect.sync(() => {
      type Read = Effect.Success<typeof pull>
      let waiting: Fiber.Fiber<Read, Effect.Error<typeof pull>> | undefined
      const next = (fiber: NonNullable<typeof waiting>): typeof pull => {
        waiting = undefined
        return fiber.pollUnsafe() ?? Effect.flatMap(
          Effect.timeoutOption(Fiber.await(fiber), silence),
          Option.getOrElse((): typeof pull => {
            waiting = fiber
            return Effect.succeed(comment)
          })
        )
      }
      return Effect.suspend(() =>
        waiting === undefined
          ? Effect.flatMap(Effect.forkIn(pull, scope, { startImmediately: true }), next)
          : next(waiting)
      )
    }))
}

/**
 * A body of server-sent events as a response.
 *
 * @internal
 */
export const streamed = <R>(
  body: Stream.Stream<Uint8Array, never, R>,
  headers: Readonly<Record<string, string>>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.contextWith((context) =>
    Effect.succeed(
      HttpServerResponse.stream(Stream.provideContext(body, context), { contentType: "text/event-stream", headers })
    )
  )

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
  { maxBodySize }: Body.Counted
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
