import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { concat } from "../internal/bytes.ts"

type Reads<E> = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E>

interface Options<E> {
  readonly idleTimeout: Duration.Duration
  readonly onIdle: () => E
  readonly onError: (error: HttpClientError.HttpClientError) => E
}

// Reads that arrived together are handed on together, until they are this many or this large.
const maxReads = 64
const maxBytes = 16 * 1024
const patience = 4

/**
 * The reads of a response body, which fail when none comes for the idle timeout after the one before; for the first
 * one the caller has a timeout of its own. Closing the scope closes the socket.
 *
 * A web body is read without a fiber per read: racing each read against a timer costs more than decoding the event
 * that it brings.
 *
 * @internal
 */
export const pull = <E>(
  response: HttpClientResponse.HttpClientResponse,
  scope: Scope.Scope,
  options: Options<E>
): Effect.Effect<Reads<E>> =>
  Option.match(HttpClientResponse.toWeb(response), {
    onNone: () => fromStream(response, scope, options),
    onSome: ({ body }) => body === null ? Effect.succeed(Cause.done()) : fromWeb(response, body, scope, options)
  })

const fromStream = <E>(
  response: HttpClientResponse.HttpClientResponse,
  scope: Scope.Scope,
  { idleTimeout, onError, onIdle }: Options<E>
): Effect.Effect<Reads<E>> =>
  Effect.map(Stream.toPull(response.stream).pipe(Scope.provide(scope)), (pull) => {
    const first = Effect.mapError(pull, (error) => Cause.isDone(error) ? error : onError(error))
    const later = Effect.timeoutOrElse(first, { duration: idleTimeout, orElse: () => Effect.fail(onIdle()) })
    let next = first
    return Effect.suspend(() => {
      const read = next
      next = later
      return read
    })
  })

const fromWeb = <E>(
  response: HttpClientResponse.HttpClientResponse,
  body: ReadableStream<Uint8Array>,
  scope: Scope.Scope,
  { idleTimeout, onError, onIdle }: Options<E>
): Effect.Effect<Reads<E>> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const reader = body.getReader()
    yield* Scope.addFinalizer(scope, Effect.promise(() => reader.cancel().catch(() => undefined)))
    const limit = Duration.toMillis(idleTimeout)
    let waiting: ((result: Reads<E>) => void) | undefined
    let since = clock.currentTimeMillisUnsafe()
    let hasRead = false
    let reading = false
    let arrived: Array<Uint8Array> = []
    let arrivedBytes = 0
    let halt: Reads<E> | undefined
    let turns = 0
    let ticking = false
    const settle = (result: Reads<E>) => {
      const resume = waiting
      waiting = undefined
      resume?.(result)
    }
    // As one: decoding a few kilobytes at once is faster than decoding them piece by piece.
    const take = (): Arr.NonEmptyReadonlyArray<Uint8Array> | undefined => {
      const [first, ...more] = arrived
      if (first === undefined) return undefined
      const read = more.length === 0 ? first : concat(arrived)
      arrived = []
      arrivedBytes = 0
      return [read]
    }
    const flush = () => {
      if (waiting === undefined) return
      const reads = take()
      if (reads !== undefined) settle(Effect.succeed(reads))
    }
    const read = () => {
      reading = true
      reader.read().then(onRead, onFailure)
    }
    const onRead = (result: ReadableStreamReadResult<Uint8Array>) => {
      reading = false
      if (result.done) return onHalt(Cause.done())
      hasRead = true
      arrived.push(result.value)
      arrivedBytes += result.value.byteLength
      since = clock.currentTimeMillisUnsafe()
      if (waiting === undefined) return
      if (arrived.length >= maxReads || arrivedBytes >= maxBytes) return flush()
      read()
      turns = patience
      if (!ticking) {
        ticking = true
        queueMicrotask(tick)
      }
    }
    // A stream that has more at hand resolves the next read within a few microtasks; the network never does.
    const tick = () => {
      if (turns-- > 0 && waiting !== undefined) return queueMicrotask(tick)
      ticking = false
      flush()
    }
    const onHalt = (result: Reads<E>) => {
      halt = result
      if (arrived.length > 0) flush()
      else settle(result)
    }
    const onFailure = (cause: unknown) =>
      onHalt(Effect.fail(onError(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.DecodeError({ request: response.request, response, cause })
        })
      )))
    const watchdog = Effect.gen(function*() {
      while (true) {
        // While nobody waits for a read it is the consumer that is slow, not the provider.
        const left = waiting === undefined || !hasRead ? limit : since + limit - clock.currentTimeMillisUnsafe()
        if (left <= 0) return settle(Effect.fail(onIdle()))
        yield* Effect.sleep(Duration.millis(left))
      }
    })
    const nextArrival = Effect.callback<Arr.NonEmptyReadonlyArray<Uint8Array>, E | Cause.Done>((resume) => {
      waiting = resume
      since = clock.currentTimeMillisUnsafe()
      if (!reading) read()
    })
    if (Number.isFinite(limit)) yield* Effect.forkIn(watchdog, scope)
    return Effect.suspend(() => {
      const reads = take()
      return reads === undefined ? halt ?? nextArrival : Effect.succeed(reads)
    })
  })
