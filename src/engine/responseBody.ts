import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Scheduler from "effect/Scheduler"
import * as ProviderError from "../errors/providerError.ts"
import { concat } from "../internal/bytes.ts"
import { millis, unwatch, watch, type Watched } from "./watch.ts"

/** @internal */
export type Reads<E> = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E>

/** @internal */
export interface Options<E> {
  readonly idleTimeout: Duration.Duration
  readonly fail: (reason: ProviderError.Reason) => Effect.Effect<never, E>
  /** What tells why a body broke off; `undefined` where it can't be loaded. */
  readonly seldom: Effect.Effect<{ readonly fromBody: (cause: unknown) => ProviderError.Reason } | undefined>
}

/**
 * The state of a provider's connections.
 *
 * @internal
 */
export interface Connections {
  /** Bodies that are open. */
  open: number
  /** Settles when the rest of a body has been read, and its connection can be used again. */
  freeing: Promise<void> | undefined
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
  Effect.suspend(() => {
    const { areFreed, freeing, open } = connections
    return open > 0 || freeing === undefined || !areFreed ? Effect.void : Effect.promise(() => freeing)
  })

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

// What a fetch may undo. It hands on a body whole where it does not know one of the compressions.
const undone = /^(?:(?:x-)?gzip|(?:x-)?compress|deflate|br|zstd|dcb|dcz|identity|[ ,])*$/

/**
 * The compression of a body that the client hands on as it came; `undefined` without one.
 *
 * @internal
 */
export const compressionOf = (
  response: HttpClientResponse.HttpClientResponse,
  headers = response.headers
): string | undefined => {
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? ""
  if (encoding === "") return undefined
  const isUndone = Option.isSome(HttpClientResponse.toWeb(response)) ? undone.test(encoding) : encoding === "identity"
  return isUndone ? undefined : encoding
}

/** @internal */
export const silence = (kind: "firstByte" | "idle", duration: Duration.Duration): ProviderError.Timeout =>
  new ProviderError.Timeout({
    kind,
    message: `No byte ${kind === "idle" ? "since the last one" : "of the response"} within ${Duration.format(duration)}`
  })

/**
 * A connection that failed, where what tells why can't be loaded.
 *
 * @internal
 */
export const brokenOff = (): ProviderError.Network => new ProviderError.Network({ message: "The connection failed" })

/**
 * A response body.
 *
 * @internal
 */
export interface Body<E> {
  /** They fail when none comes for the idle timeout after the one before; for the first the caller has a timeout. */
  readonly reads: Reads<E>
  /** Reads the rest, after the last of the reads; `false` when it is too far to the end. */
  readonly drain: () => Promise<boolean>
  /** Closes the socket. */
  readonly close: Effect.Effect<void>
}

/**
 * Opens a response body that is one of a fetch; `undefined` for any other.
 *
 * @internal
 */
export const open = <E>(
  response: HttpClientResponse.HttpClientResponse,
  clock: Clock.Clock,
  options: Options<E>
): Effect.Effect<Body<E>> | undefined =>
  Option.getOrUndefined(Option.map(HttpClientResponse.toWeb(response), ({ body }) =>
    body === null
      ? Effect.succeed({ reads: Cause.done(), drain: () => Promise.resolve(true), close: Effect.void })
      : Effect.sync(() => ofReader(body.getReader(), clock, options))))

/**
 * Closes a body. Where all that is needed has come, it reads the rest first, in the background.
 *
 * @internal
 */
export const close = <E>(body: Body<E>, connections: Connections, isComplete: boolean): Effect.Effect<void> => {
  connections.open--
  if (!isComplete) return body.close
  const freeing = free(body, connections).finally(() => {
    if (connections.freeing === freeing) connections.freeing = undefined
  })
  connections.freeing = freeing
  return Effect.void
}

const scheduler = new Scheduler.MixedScheduler()

// In real time, as it is about sockets, not about the program. Without a fiber, as every request comes here.
const free = async <E>(body: Body<E>, connections: Connections): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Duration.toMillis(drain.time))
  })
  // A client's body may do anything; nobody waits for this one.
  connections.areFreed = await Promise.race([body.drain(), late]).catch(() => false)
  clearTimeout(timer)
  Effect.runFork(body.close)
  // Clients take a connection back in a later turn of the event loop.
  if (connections.areFreed) await new Promise<void>((resolve) => void scheduler.setImmediate(resolve))
}

/**
 * The body that a reader reads.
 *
 * @internal
 */
export const ofReader = <E>(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  clock: Clock.Clock,
  options: Options<E>
): Body<E> => new WebBody(reader, clock, options)

/**
 * A web body is read without a fiber per read: racing each read against a timer costs more than decoding the event that
 * it brings.
 */
class WebBody<E> implements Body<E>, Watched {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #clock: Clock.Clock
  readonly #options: Options<E>
  #waiting: ((result: Reads<E>) => void) | undefined
  // By a monotonic clock: one that is set back or forward must not end a stream.
  #since: number | undefined
  #reading = false
  #arrived: Array<Uint8Array> | undefined
  #arrivedBytes = 0
  #halt: Reads<E> | undefined
  #turns = 0
  #ticking = false

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, clock: Clock.Clock, options: Options<E>) {
    this.#reader = reader
    this.#clock = clock
    this.#options = options
    watch(clock, this)
  }

  readonly reads: Reads<E> = Effect.suspend(() => {
    const reads = this.#take()
    return reads === undefined ? this.#halt ?? this.#nextArrival : Effect.succeed(reads)
  })

  readonly #nextArrival: Reads<E> = Effect.callback((resume) => {
    this.#waiting = resume
    if (this.#since !== undefined) this.#since = millis(this.#clock)
    if (!this.#reading) this.#read()
  })

  async drain(): Promise<boolean> {
    try {
      for (let bytes = this.#arrivedBytes; bytes <= drain.bytes;) {
        const { done, value } = await this.#reader.read()
        if (done) return true
        bytes += value.byteLength
      }
    } catch {
      // It broke off.
    }
    return false
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => {
      unwatch(this.#clock, this)
      // Does not wait: the cancellation of some bodies never settles.
      void this.#reader.cancel().catch(() => undefined)
    })
  }

  left(now: number): number {
    const limit = Duration.toMillis(this.#options.idleTimeout)
    // While nobody waits for a read it is the consumer that is slow, not the provider.
    return this.#waiting === undefined || this.#since === undefined ? limit : this.#since + limit - now
  }

  expire(): void {
    const { fail, idleTimeout } = this.#options
    this.#settle(fail(silence("idle", idleTimeout)))
  }

  #settle(result: Reads<E>): void {
    const resume = this.#waiting
    this.#waiting = undefined
    resume?.(result)
  }

  // As one: decoding a few kilobytes at once is faster than decoding them piece by piece.
  #take(): Arr.NonEmptyReadonlyArray<Uint8Array> | undefined {
    const arrived = this.#arrived
    const first = arrived?.[0]
    if (arrived === undefined || first === undefined) return undefined
    this.#arrived = undefined
    this.#arrivedBytes = 0
    return [arrived.length === 1 ? first : concat(arrived)]
  }

  #flush(): void {
    if (this.#waiting === undefined) return
    const reads = this.#take()
    if (reads !== undefined) this.#settle(Effect.succeed(reads))
  }

  #read(): void {
    this.#reading = true
    this.#reader.read().then(this.#onRead, this.#onFailure)
  }

  readonly #onRead = (result: ReadableStreamReadResult<Uint8Array>): void => {
    this.#reading = false
    if (result.done) return this.#onHalt(Cause.done())
    if (this.#arrived === undefined) this.#arrived = [result.value]
    else this.#arrived.push(result.value)
    this.#arrivedBytes += result.value.byteLength
    // Later reads need not set it: each wait does.
    this.#since ??= millis(this.#clock)
    if (this.#waiting === undefined) return
    if (this.#arrived.length >= maxReads || this.#arrivedBytes >= maxBytes) return this.#flush()
    this.#read()
    this.#turns = patience
    if (!this.#ticking) {
      this.#ticking = true
      queueMicrotask(this.#tick)
    }
  }

  // A stream that has more at hand resolves the next read within a few microtasks; the network never does.
  readonly #tick = (): void => {
    if (this.#turns-- > 0 && this.#waiting !== undefined) return queueMicrotask(this.#tick)
    this.#ticking = false
    this.#flush()
  }

  #onHalt(result: Reads<E>): void {
    this.#halt = result
    if (this.#arrived !== undefined) this.#flush()
    else this.#settle(result)
  }

  // The error says whether a chunk came, which what has arrived may bring.
  readonly #onFailure = (cause: unknown): void =>
    this.#onHalt(
      Effect.flatMap(this.#options.seldom, (seldom) => this.#options.fail(seldom?.fromBody(cause) ?? brokenOff()))
    )
}
