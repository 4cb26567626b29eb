/**
 * Turns the events of one response into chunks, and tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import * as Decoder from "../../engine/decoder.ts"
import * as Protocol from "../../engine/protocol.ts"
import * as JsonEvent from "../../wire/jsonEvent.ts"
import type * as Sse from "../../wire/Sse.ts"
import { at, type Context, type Memory, type Position, responseId } from "./memory.ts"
import { Payload } from "./payload.ts"

const check = JsonEvent.check(Schema.toType(Payload))

/**
 * Makes a chunk of an event's data that passed the schema.
 *
 * @category models
 * @since 0.2.0
 */
export type MakeChunk<C> = (payload: Payload, context: Context, info: Protocol.ResponseInfo) => C

/**
 * The event decoder of this format. Its state tells a finished response from a cut-off or mixed-up one, and text that
 * came in pieces from text that comes only as a whole.
 *
 * - Events are told apart by `type` in their data; the `event:` line matters only when it says `error`.
 * - The response is over at `response.completed`, `response.incomplete` or `response.failed`. The last one is a failure,
 *   and a chunk as well.
 * - So is an `error` event, but `response.failed` usually follows it, so the body is read on for
 *   `Protocol.afterFailure`. An `error` that is the only event is not a chunk, so the request can be sent again.
 * - A `sequence_number` that does not follow the one before it, and another response within this one, are
 *   `MalformedEvent`s.
 *
 * @example
 * ```ts
 * import { OpenAiResponsesChunk, Responses } from "effect-llm-stream"
 *
 * const make: Responses.MakeChunk<OpenAiResponsesChunk> = (chunk, context) =>
 *   new OpenAiResponsesChunk({ chunk, ...context })
 * const decoder = Responses.events({ make, errors: Responses.errors })({})
 * const chunks: Array<OpenAiResponsesChunk> = []
 * decoder.event({ event: undefined, data: "{\"type\": \"keepalive\"}", unterminated: false }, chunks)
 * chunks.length // 1
 * decoder.done // false
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const events = <C>(options: {
  readonly make: MakeChunk<C>
  readonly errors: Protocol.Errors
  /** @internal */
  readonly after?: Position | undefined
}) =>
(info: Protocol.ResponseInfo): Protocol.EventDecoder<Sse.Event, C> =>
  new Decoder.Decoder(new Format(options, at(options.after), info))

// A class, as each open stream has one.
class Format<C> implements Decoder.Format<Payload, C> {
  readonly #make: MakeChunk<C>
  readonly #memory: Memory
  readonly #info: Protocol.ResponseInfo
  /** What an `error` event said: the response that it belongs to may still follow. */
  #failed: Protocol.Fault | undefined
  /** An `error` that is the first event: without any chunk the request can be sent again, so it waits for another event. */
  #first: C | undefined
  #isFirst = true
  readonly errors: Protocol.Errors

  constructor(
    { errors, make }: { readonly errors: Protocol.Errors; readonly make: MakeChunk<C> },
    memory: Memory,
    info: Protocol.ResponseInfo
  ) {
    this.errors = errors
    this.#make = make
    this.#memory = memory
    this.#info = info
  }

  get check() {
    return check
  }

  get lacks() {
    return "the end of the response"
  }

  // An `error` event is a chunk as well.
  isFailure(json: Decoder.Json, event: string | undefined): boolean {
    return event === "error" && json["type"] !== "error" || Decoder.isUntypedFailure(json)
  }

  take(payload: Payload, out: Array<C>, stated: Decoder.Stated | undefined) {
    const fault = stated ?? this.#misfitOf(payload)
    if (fault !== undefined) return fault
    const chunk = this.#make(payload, this.#memory.see(payload), this.#info)
    if (payload.type === "error") {
      this.#failed ??= Decoder.classified(Decoder.failure(payload), this.errors)
    }
    if (this.#isFirst && this.#failed !== undefined) {
      this.#first = chunk
    } else {
      if (this.#first !== undefined) out.push(this.#first)
      this.#first = undefined
      out.push(chunk)
    }
    this.#isFirst = false
    return payload.type === "response.failed"
      ? Decoder.failure(payload.response ?? {})
      : payload.type === "response.completed" || payload.type === "response.incomplete"
      ? "last"
      : undefined
  }

  #misfitOf(event: Payload): Decoder.Misfit | undefined {
    const { id, number } = this.#memory
    const { sequence_number } = event
    if (typeof sequence_number === "number" && number !== undefined && sequence_number !== number + 1) {
      return { message: `has the sequence number ${sequence_number} after ${number}`, path: ["sequence_number"] }
    }
    const stated = responseId(event)
    return stated !== undefined && id !== undefined && stated !== id
      ? { message: "is of another response", path: ["response", "id"] }
      : undefined
  }

  isComplete(end: Decoder.End): boolean {
    return end === "last" && this.#failed === undefined
  }

  pending(): Protocol.Fault | undefined {
    return this.#failed
  }
}

/**
 * A protocol of this format, which can be read on in the middle of a response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponsesProtocol<C> extends Protocol.Protocol<C> {
  /**
   * The same protocol for the rest of a response: the first event has to be the one after `startingAfter`. Texts that
   * events state as a whole count only for items that begin in the rest.
   */
  readonly resumed: (position: Position) => Protocol.Protocol<C>
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { OpenAiResponsesChunk, Responses } from "effect-llm-stream"
 *
 * const protocol = Responses.protocol({
 *   provider: "gateway",
 *   make: (chunk, context) => new OpenAiResponsesChunk({ provider: "gateway", chunk, ...context }),
 *   errors: Responses.errors
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const protocol = <C>(options: {
  readonly provider: string
  readonly make: MakeChunk<C>
  readonly errors: Protocol.Errors
  /** Facts in the headers of the host's responses. Default: the request id, under the names that most hosts use. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): ResponsesProtocol<C> => {
  const resumed = (after?: Position): Protocol.Protocol<C> =>
    Protocol.make({
      provider: options.provider,
      framing: Protocol.serverSentEvents,
      events: events({ ...options, after }),
      errors: options.errors,
      headers: options.headers
    })
  return { ...resumed(), resumed }
}
