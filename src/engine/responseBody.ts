import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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
  /** Whether everything needed has come, so that the rest of the body only delays the next use of the connection. */
  readonly isComplete: () => boolean
  readonly connections: Connections
}

/**
 * The state of a provider's connections.
 *
 * @internal
 */
export interface Connections {
  /** Bodies that are open. */
  open: number
  /** Reads the rest of a body. */
  freeing: Fiber.Fiber<void> | undefined
  /** Whether the last body came to its end soon after its terminal signal: a server that leaves it open does so again. */
  areFreed: boolean
}

/** @internal */
export const connections = (): Connections => ({ open: 0, freeing: undefined, areFreed: true })

/**
 * Waits until the connection of the stream before this one can be used again, where that is about to be: opening another
 * takes longer. Where streams run beside one another, none waits.
 *
 * @internal
 */
export const awaitConnection = (connections: Connections): Effect.Effect<void> =>
  Effect.suspend(() =>
    connections.open > 0 || connections.freeing === undefined || !connections.areFreed
      ? Effect.void
      : Effect.asVoid(Fiber.await(connections.freeing))
  )

/**
 * How much of a body is read after its terminal signal, in bytes and in time, so that its connection can be used again.
 * It happens in the background, when the stream has ended.
 *
 * @internal
 */
export const drain = { bytes: 64 * 1024, time: Duration.millis(75) }

// Reads that arrived together are handed on together, until they are this many or this large.
const maxReads = 64
const maxBytes = 16 * 1024
const patience = 4

// Clients other than fetch leave these to us. `DecompressionStream` has no other formats.
const compressions: Readonly<Record<string, CompressionFormat>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate"
}

/**
 * The compression of a body that the client hands on as it came; `undefined` without one.
 *
 * @internal
 */
export const compressionOf = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  const encoding = response.headers["content-encoding"]?.trim().toLowerCase() ?? ""
  return encoding === "" || encoding === "identity" || Option.isSome(HttpClientResponse.toWeb(response))
    ? undefined
    : encoding
}

/** Whether a body that is compressed in this way can be read. */
export const canDecompress = (encoding: string): boolean => Object.hasOwn(compressions, encoding)

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
  Effect.gen(function*() {
    const { connections, isComplete } = options
    // A scope of its own: the rest of the body may be read after the stream has ended.
    const bodyScope = yield* Scope.make()
    const reads = yield* open(response, bodyScope, options)
    connections.open++
    yield* Scope.addFinalizerExit(scope, (exit) =>
      Effect.suspend(() => {
        connections.open--
        const close = Scope.close(bodyScope, exit)
        return isComplete() ? free(connections, Effect.ensuring(readRest(reads), close)) : close
      }))
    return reads
  })

// In real time, as it is about sockets, not about the program.
const free = (connections: Connections, rest: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkDetach(
      Effect.flatMap(rest, (isRead) => {
        connections.areFreed = isRead
        // Clients take a connection back in a later turn of the event loop.
        return isRead ? Effect.yieldNow : Effect.void
      }).pipe(Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()))
    )
    connections.freeing = fiber
    fiber.addObserver(() => {
      if (connections.freeing === fiber) connections.freeing = undefined
    })
  })

const open = <E>(
  response: HttpClientResponse.HttpClientResponse,
  scope: Scope.Scope,
  options: Options<E>
): Effect.Effect<Reads<E>> =>
  Option.match(HttpClientResponse.toWeb(response), {
    onNone: () => {
      const format = compressions[compressionOf(response) ?? ""]
      if (format === undefined) return fromStream(response, scope, options)
      const compressed = Stream.toReadableStreamWith(
        Stream.map(response.stream, (bytes) => new Uint8Array(bytes)),
        Context.empty()
      )
      return fromWeb(response, compressed.pipeThrough(new DecompressionStream(format)), scope, options)
    },
    onSome: ({ body }) => body === null ? Effect.succeed(Cause.done()) : fromWeb(response, body, scope, options)
  })

/** Reads a body to its end; `false` when it does not come within the limits. */
const readRest = <E>(reads: Reads<E>): Effect.Effect<boolean> => {
  const rest = (bytes: number): Effect.Effect<boolean> =>
    bytes > drain.bytes ? Effect.succeed(false) : Effect.matchEffect(reads, {
      onSuccess: (read) => rest(bytes + read.reduce((size, { length }) => size + length, 0)),
      onFailure: (error) => Effect.succeed(Cause.isDone(error))
    })
  return Effect.gen(function*() {
    const reading = yield* Effect.forkChild(rest(0), { startImmediately: true })
    // Mostly it came together with the signal, and no timer is needed.
    yield* Effect.yieldNow
    const read = Fiber.join(reading)
    return reading.pollUnsafe() === undefined
      ? yield* Effect.timeoutOrElse(read, { duration: drain.time, orElse: () => Effect.succeed(false) })
      : yield* read
  })
}

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
    // Does not wait: the cancellation of some bodies never settles.
    yield* Scope.addFinalizer(scope, Effect.sync(() => void reader.cancel().catch(() => undefined)))
    // A clock that is set back or forward must not end a stream.
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const limit = Duration.toMillis(idleTimeout)
    let waiting: ((result: Reads<E>) => void) | undefined
    let since = now()
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
      since = now()
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
        HttpClientError.isHttpClientError(cause) ? cause : new HttpClientError.HttpClientError({
          reason: new HttpClientError.DecodeError({ request: response.request, response, cause })
        })
      )))
    const watchdog: Effect.Effect<void> = Effect.suspend(() => {
      // While nobody waits for a read it is the consumer that is slow, not the provider.
      const left = waiting === undefined || !hasRead ? limit : since + limit - now()
      if (left <= 0) return Effect.sync(() => settle(Effect.fail(onIdle())))
      return Effect.andThen(Effect.sleep(Duration.millis(left)), watchdog)
    })
    const nextArrival = Effect.callback<Arr.NonEmptyReadonlyArray<Uint8Array>, E | Cause.Done>((resume) => {
      waiting = resume
      since = now()
      if (!reading) read()
    })
    if (Number.isFinite(limit)) yield* Effect.forkIn(watchdog, scope)
    return Effect.suspend(() => {
      const reads = take()
      return reads === undefined ? halt ?? nextArrival : Effect.succeed(reads)
    })
  })
