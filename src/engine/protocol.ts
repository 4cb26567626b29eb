/**
 * What decodes a provider's answers: framings, event decoders, and protocols, which are made of them.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Chunk } from "../Chunk.ts"
import type { Failure } from "../errors/classify.ts"
import * as ProviderError from "../errors/providerError.ts"
import type * as Faults from "../wire/fault.ts"
import * as JsonEvent from "../wire/jsonEvent.ts"
import * as Sse from "../wire/Sse.ts"
import * as Decoder from "./decoder.ts"
import { millis } from "./watch.ts"

/**
 * Facts about a response that are known before its body. Some providers state them nowhere else.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResponseInfo {
  /** The provider's id of the request, from the response's headers. */
  readonly requestId?: string | undefined
  /** The model that was asked for. */
  readonly model?: string | undefined
  /** The cloud region that the request was sent to. */
  readonly region?: string | undefined
  /** The service tier that served the request, from the response's headers. */
  readonly serviceTier?: string | undefined
  /** The latency that the request was served with (`standard`, `optimized`), from the response's headers. */
  readonly latency?: string | undefined
  /** How the model is deployed (`global`, `dataZone`, `regional`), as the caller states it: no response does. */
  readonly deploymentType?: string | undefined
}

/**
 * What a vendor states in the headers of a response; their names differ from vendor to vendor.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseHeaders {
  /** Names of the headers with the provider's id of the request, the best first. Default: {@link requestIdHeaders}. */
  readonly requestId?: ReadonlyArray<string> | undefined
  /** The error code of a refusal, where it is in a header rather than in the body. */
  readonly errorCode?: ((headers: Headers.Headers) => string | undefined) | undefined
  /**
   * Matches the names of headers with rate limits, by the groups `field` (`limit`, `remaining`, `reset`) and `kind`
   * (`requests`, `tokens`, …). Default: `x-ratelimit-{field}-{kind}`.
   */
  readonly limits?: RegExp | undefined
  /** Other facts that the headers state. They win over those that were known with the request. */
  readonly info?: ((headers: Headers.Headers) => ResponseInfo) | undefined
}

/**
 * The headers in which most hosts state their id of the request.
 *
 * @category constructors
 * @since 0.2.0
 */
export const requestIdHeaders: ReadonlyArray<string> = ["x-request-id", "request-id"]

/**
 * Turns the bytes of one body into wire events, incrementally.
 *
 * @category models
 * @since 0.2.0
 */
export interface Frames<Event> {
  readonly push: (read: Uint8Array) => ReadonlyArray<Event>
  readonly end: () => ReadonlyArray<Event>
  /** Why nothing more can be framed. The events returned before still count. */
  readonly failure: { readonly message: string } | undefined
}

/**
 * How the wire events of an API are framed in a body.
 *
 * @category models
 * @since 0.1.0
 */
export interface Framing<Event> {
  /** Media types of the bodies that it reads. */
  readonly contentTypes: ReadonlyArray<string>
  readonly make: () => Frames<Event>
  /** The event of one line of a `.jsonl` recording, which holds payloads without framing. */
  readonly fromLine: (line: string) => Event
}

/**
 * Why a response fails: a reason, or what gives it. What a provider states, and what is wrong with a malformed event, is
 * read when a response fails, by what is loaded then: see `Protocol.reason`.
 *
 * @category models
 * @since 0.2.0
 */
export type Fault = Faults.Fault

/**
 * A provider's error table, or an effect that loads it when the first response fails.
 *
 * @category models
 * @since 0.2.0
 */
export type Errors = Faults.Errors

/**
 * Turns the wire events of one response into chunks. It keeps only the state that tells a finished response from one
 * that was cut off.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventDecoder<Event, C> {
  /** Appends the event's chunks to `out`; returns why the response fails when the event is, or states, a failure. */
  readonly event: (event: Event, out: Array<C>) => Fault | undefined
  /** True once the terminal signal has come. The rest of the body is not read. */
  readonly done: boolean
  /**
   * A failure that the response has stated, after which more events may follow. The body is read on for
   * {@link afterFailure}, then the stream fails with it, whatever else ends the body. Absent in formats where a failure
   * is always the last event.
   */
  readonly pending?: Fault | undefined
  /** Called when the body ends on its own. Returns why the response fails when it is incomplete. */
  readonly end: () => Fault | undefined
}

/**
 * How long to keep reading a body after it has stated a failure, if more events may follow.
 *
 * @category configuration
 * @since 0.2.0
 */
export const afterFailure: Duration.Duration = Duration.seconds(1)

/**
 * Turns the reads of one body into chunks; all the work of a read is done synchronously.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyDecoder<C> {
  readonly push: (read: Uint8Array) => ReadonlyArray<C>
  readonly end: () => ReadonlyArray<C>
  /** Set once; the chunks that the same call returned come before it. `Protocol.reason` tells what it is. */
  readonly failure: Fault | undefined
  /** See `EventDecoder`. */
  readonly pending?: Fault | undefined
  readonly done: boolean
}

/**
 * The decoding of a provider's answers: everything that does not depend on the address of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Protocol<C> {
  readonly provider: string
  readonly contentTypes: ReadonlyArray<string>
  /** A decoder for a body. Default of `frame`: the provider's own framing; for one payload a line, see {@link lines}. */
  readonly body: (
    info: ResponseInfo,
    frame?: (<Event>(framing: Framing<Event>) => Frames<Event>) | undefined
  ) => BodyDecoder<C>
  readonly errors: Errors
  readonly headers: ResponseHeaders
  /**
   * Reads a JSON error body that has none of the usual shapes (`{"error": {…}}`, `{"error": "…"}`, flat);
   * `undefined` for a body that it does not know.
   */
  readonly failure?: ((json: { readonly [key: string]: unknown }) => Failure | undefined) | undefined
}

/**
 * The framing of every provider that streams server-sent events.
 *
 * @category constructors
 * @since 0.2.0
 */
export const serverSentEvents: Framing<Sse.Event> = {
  contentTypes: ["text/event-stream"],
  make: () => Sse.decoder(),
  fromLine: (line) => ({ event: undefined, data: line, unterminated: false })
}

/**
 * Makes the schema of a wire object: every known field is checked and may be absent, and fields that are not known
 * survive decoding and encoding.
 *
 * @example
 * ```ts
 * import { Protocol } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const Payload = Protocol.open({ word: Schema.String })
 * Schema.decodeUnknownSync(Payload)({ word: "Hello", more: 1 }) // { word: "Hello", more: 1 }
 * Schema.decodeUnknownSync(Payload)({}) // {}
 * ```
 *
 * @category schemas
 * @since 0.2.0
 */
export const open = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.StructWithRest(Schema.Struct(Struct.map(fields, Schema.optionalKey)), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])

/**
 * Makes a protocol from a framing and an event decoder.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, Protocol } from "effect-llm-stream"
 *
 * // A host that sends one word per event and nothing else.
 * const words = Protocol.make({
 *   provider: "words",
 *   framing: Protocol.serverSentEvents,
 *   events: () => ({
 *     event: ({ data }, out: Array<OpenAiChunk>) => {
 *       out.push(new OpenAiChunk({ provider: "words", chunk: { choices: [{ index: 0, delta: { content: data } }] } }))
 *       return undefined
 *     },
 *     done: false,
 *     end: () => undefined
 *   }),
 *   errors: { codes: {} }
 * })
 * words.provider // "words"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Event, C>(options: {
  readonly provider: string
  readonly framing: Framing<Event>
  readonly events: (info: ResponseInfo) => EventDecoder<Event, C>
  readonly errors: Errors
  /** Default: the headers that most hosts use. */
  readonly headers?: ResponseHeaders | undefined
  /** Reads an error body in a shape of the host's own. Default: only the usual shapes are read. */
  readonly failure?: Protocol<C>["failure"]
}): Protocol<C> => ({
  provider: options.provider,
  contentTypes: options.framing.contentTypes,
  errors: options.errors,
  headers: options.headers ?? {},
  failure: options.failure,
  body: (info, frame = ({ make }) => make()) => new FramedDecoder(frame(options.framing), options.events(info))
})

/**
 * Makes the protocol of an API that sends a JSON object in each server-sent event. What holds for the bundled formats
 * holds for it: heartbeats are skipped, `{"error": …}` and an event named `error` are failures, a payload of the wrong
 * type is a `MalformedEvent` with its place, and `[DONE]` ends the response. A body that ends before is complete when a
 * chunk has stated a finish reason, else the stream fails with `IncompleteStream`.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, Protocol } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const words = Protocol.json({
 *   provider: "words",
 *   payload: Schema.Struct({ word: Schema.String }),
 *   make: ({ word }) => new OpenAiChunk({ provider: "words", chunk: { choices: [{ delta: { content: word } }] } }),
 *   errors: { codes: { busy: "Overloaded" } }
 * })
 * words.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const json = <P, C extends Chunk>(options: {
  readonly provider: string
  /** Schema of the object of an event; its encoded form is the payload itself. */
  readonly payload: Schema.Codec<P, P>
  readonly make: (payload: P, info: ResponseInfo) => C
  readonly errors: Errors
  /** Default: the headers that most hosts use. */
  readonly headers?: ResponseHeaders | undefined
  /** What an error body, or an event that states an error, says in a shape of its own. Default: the usual shapes are read. */
  readonly failure?: Protocol<C>["failure"]
}): Protocol<C> => {
  const check = JsonEvent.check(options.payload)
  return make<Sse.Event, C>({
    ...options,
    framing: serverSentEvents,
    events: (info) => {
      let isFinished = false
      return new Decoder.Decoder<P, C>({
        errors: options.errors,
        check,
        isFailure: (json, event) => event === "error" || Decoder.isStated(json["error"]),
        take: (payload, out, stated) => {
          if (stated !== undefined) {
            const own = Predicate.isObject(payload) ? options.failure?.(payload) : undefined
            return own === undefined ? stated : () => own
          }
          const chunk = options.make(payload, info)
          isFinished ||= chunk.finishReasons.length > 0
          out.push(chunk)
          return undefined
        },
        isComplete: (end) => end === "[DONE]" || isFinished,
        lacks: "a finish reason"
      })
    }
  })
}

class FramedDecoder<Event, C> implements BodyDecoder<C> {
  readonly #framing: Frames<Event>
  readonly #events: EventDecoder<Event, C>
  #count = 0
  failure: Fault | undefined

  constructor(framing: Frames<Event>, events: EventDecoder<Event, C>) {
    this.#framing = framing
    this.#events = events
  }

  // Callers may take them off the decoder.
  readonly push = (read: Uint8Array): ReadonlyArray<C> => this.#decode(read)
  readonly end = (): ReadonlyArray<C> => this.#decode(undefined)

  get pending(): Fault | undefined {
    return this.#events.pending
  }

  get done(): boolean {
    return this.#events.done
  }

  // A framing or an event decoder may throw: the chunks before that count, and the error has the declared type.
  #decode(read: Uint8Array | undefined): ReadonlyArray<C> {
    const out: Array<C> = []
    const framing = this.#framing
    const events = this.#events
    try {
      for (const event of read === undefined ? framing.end() : framing.push(read)) {
        if (events.done || this.failure !== undefined) return out
        this.failure = events.event(event, out)
        this.#count++
      }
      if (framing.failure !== undefined && this.failure === undefined && !events.done) {
        this.failure = this.#malformed(framing.failure.message)
      }
      if (read === undefined && this.failure === undefined && !events.done) this.failure = events.end()
    } catch (cause) {
      this.failure = this.#malformed(
        `Event ${this.#count} cannot be decoded${cause instanceof Error ? `: ${cause.name}` : ""}`
      )
    }
    return out
  }

  #malformed(message: string): ProviderError.MalformedEvent {
    return new ProviderError.MalformedEvent({ message, event: this.#count, path: [], excerpt: "" })
  }
}

/**
 * The longest line that is read of a body with one payload a line: 64 Mi UTF-16 code units.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxLineSize = Sse.maxEventSize

/**
 * The frames of a recording that has one payload a line, without the framing of the API.
 *
 * @example
 * ```ts
 * import { Groq, Protocol } from "effect-llm-stream"
 *
 * const decoder = Groq.protocol().body({}, Protocol.lines)
 * decoder.push(new TextEncoder().encode("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n"))[0]?.content // "Hel"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const lines = <Event>({ fromLine }: Framing<Event>): Frames<Event> => {
  const utf8 = new TextDecoder()
  // Pieces of the line that is not yet whole, joined once when it ends: appending would be quadratic.
  let pieces: Array<string> = []
  let size = 0
  let failure: { readonly message: string } | undefined
  const events = (text: string, isEnd: boolean): ReadonlyArray<Event> => {
    const events: Array<Event> = []
    const parts = failure === undefined ? text.split("\n") : []
    for (const [index, part] of parts.entries()) {
      pieces.push(part)
      size += part.length
      if (size > maxLineSize) {
        failure = { message: `A line is longer than the limit of ${maxLineSize} characters` }
        pieces = []
        break
      }
      if (index < parts.length - 1 || isEnd) {
        const line = pieces.join("")
        if (line.trim() !== "") events.push(fromLine(line.endsWith("\r") ? line.slice(0, -1) : line))
        pieces = []
        size = 0
      }
    }
    return events
  }
  return {
    push: (read) => events(utf8.decode(read, { stream: true }), false),
    end: () => events(utf8.decode(), true),
    get failure() {
      return failure
    }
  }
}

/**
 * What is known of a stream that is read.
 *
 * @internal
 */
export interface Progress {
  /** Whether it has delivered a chunk. */
  emitted: boolean
  readonly fail: (fault: Fault) => Effect.Effect<never, ProviderError.ProviderError>
}

/** @internal */
export type ChunkPull<C, E, R> = Pull.Pull<Arr.NonEmptyReadonlyArray<C>, E | ProviderError.ProviderError, void, R>

/**
 * The chunks of a body's reads, as a pull. `head` are reads that have come before the others.
 *
 * @internal
 */
export const chunkPull = <C, E, R>(
  decoder: BodyDecoder<C>,
  reads: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>,
  progress: Progress,
  head?: ReadonlyArray<Uint8Array>
): ChunkPull<C, E, R> => new Chunks(decoder, reads, progress, head).pull

// A class, as each open stream has one.
class Chunks<C, E, R> {
  readonly #decoder: BodyDecoder<C>
  readonly #progress: Progress
  #head: ReadonlyArray<Uint8Array> | undefined
  #ended = false
  #deadline: number | undefined
  readonly #read: ChunkPull<C, E, R>

  constructor(
    decoder: BodyDecoder<C>,
    reads: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>,
    progress: Progress,
    head: ReadonlyArray<Uint8Array> | undefined
  ) {
    this.#decoder = decoder
    this.#progress = progress
    this.#head = head
    this.#read = Effect.matchEffect(reads, {
      onSuccess: (reads) => this.#decode(reads),
      onFailure: (error) => {
        if (!Cause.isDone(error)) return Effect.fail(error)
        this.#ended = true
        return this.#give(decoder.end())
      }
    })
  }

  readonly pull: ChunkPull<C, E, R> = Effect.suspend(() => {
    const { failure, pending } = this.#decoder
    return pending === undefined || failure !== undefined ? this.#next() : this.#last(pending)
  })

  #next(): ChunkPull<C, E, R> {
    const { done, failure } = this.#decoder
    if (failure !== undefined) return this.#progress.fail(failure)
    if (this.#ended || done) return Cause.done()
    const head = this.#head
    if (head === undefined) return this.#read
    this.#head = undefined
    return this.#decode(head)
  }

  #decode(reads: ReadonlyArray<Uint8Array>): ChunkPull<C, E, R> {
    const decoder = this.#decoder
    const [only] = reads
    return this.#give(
      reads.length === 1 && only !== undefined
        ? decoder.push(only)
        : reads.flatMap((bytes) => decoder.push(bytes))
    )
  }

  #give(decoded: ReadonlyArray<C>): ChunkPull<C, E, R> {
    if (!Arr.isReadonlyArrayNonEmpty(decoded)) {
      return this.#deadline === undefined ? this.pull : Effect.suspend(() => this.#next())
    }
    this.#progress.emitted = true
    return Effect.succeed(decoded)
  }

  // The stream fails with the provider's own error, not with the silence or broken connection that followed it.
  #last(fault: Fault): ChunkPull<C, E, R> {
    const { fail } = this.#progress
    return Effect.flatMap(Clock.Clock, (clock) => {
      const now = millis(clock)
      const deadline = this.#deadline ??= now + Duration.toMillis(afterFailure)
      return now >= deadline ? fail(fault) : this.#next().pipe(
        Effect.catch((error): ChunkPull<never, never, never> =>
          Cause.isDone(error) ? Effect.fail(error) : fail(this.#decoder.failure ?? fault)
        ),
        Effect.timeoutOrElse({ duration: Duration.millis(deadline - now), orElse: () => fail(fault) })
      )
    })
  }
}
