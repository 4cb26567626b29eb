/**
 * From the events of one response to chunks, and what tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { failureOf } from "../../engine/errorBody.ts"
import * as JsonEvent from "../../internal/jsonEvent.ts"
import { validator } from "../../internal/validator.ts"
import * as Protocol from "../../Protocol.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Sse from "../../wire/Sse.ts"
import * as ChatCompletions from "../chatCompletions/events.ts"
import { at, type Context, Memory, type Position, responseId } from "./memory.ts"
import { Payload } from "./payload.ts"

const isPayload: (json: unknown) => json is Payload = validator(Schema.toType(Payload))

const invalid = JsonEvent.invalidPayload(Schema.toType(Payload))

/**
 * The errors of the Responses API.
 *
 * @category errors
 * @since 0.2.0
 */
export const errors: ProviderError.Table = ChatCompletions.errors

/**
 * Makes a chunk of an event's data that passed the schema.
 *
 * @category models
 * @since 0.2.0
 */
export type MakeChunk<C> = (payload: Payload, context: Context, info: Protocol.ResponseInfo) => C

/**
 * The event decoder of this format. Its state is what tells a finished response from a cut-off or mixed-up one, and what
 * came in pieces from what comes as a whole only.
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
  readonly errors: ProviderError.Table
  /** @internal */
  readonly after?: Memory | undefined
}) =>
(info: Protocol.ResponseInfo): Protocol.EventDecoder<Sse.Event, C> => {
  const memory = options.after?.copy() ?? new Memory()
  let count = 0
  let chunks = 0
  let done = false
  /** What an `error` event said: the response that it belongs to may still follow. */
  let failed: ProviderError.Reason | undefined
  /** An `error` that is the first event: without any chunk the request can be sent again, so it waits for another event. */
  let first: C | undefined

  const incomplete = () =>
    new ProviderError.IncompleteStream({
      message: chunks === 0
        ? "The stream ended without a single chunk"
        : `The stream ended after ${chunks} chunks without the end of the response`
    })

  const faultOf = (event: Payload, position: number, data: string): ProviderError.MalformedEvent | undefined => {
    const malformed = (message: string, path: ReadonlyArray<string>) =>
      JsonEvent.malformed({ event: position, data, path, message: `Event ${position} ${message}` })
    const { sequence_number } = event
    if (typeof sequence_number === "number" && memory.number !== undefined && sequence_number !== memory.number + 1) {
      return malformed(`has the sequence number ${sequence_number} after ${memory.number}`, ["sequence_number"])
    }
    const stated = responseId(event)
    return stated !== undefined && memory.id !== undefined && stated !== memory.id
      ? malformed("is of another response", ["response", "id"])
      : undefined
  }

  return {
    event: (event, out) => {
      const position = count++
      // Not OpenAI's, but some hosts end with it.
      if (event.data === "[DONE]") {
        done = true
        return failed ?? incomplete()
      }
      const json = JsonEvent.parse(event.data, position)
      if (json === undefined) return undefined
      if (json instanceof ProviderError.MalformedEvent) {
        // An event that the end of the body cut off is not malformed: the stream is incomplete.
        return event.unterminated ? undefined : failed ?? json
      }
      if (json["type"] !== "error" && statesError(json, event.event)) {
        return failed ?? ProviderError.classify(failure(json), options.errors)
      }
      if (!isPayload(json)) return failed ?? invalid(json, event.data, position)
      const fault = faultOf(json, position, event.data)
      if (fault !== undefined) return failed ?? fault
      const chunk = options.make(json, memory.see(json), info)
      done = isEnd(json)
      if (json.type === "error") {
        failed ??= ProviderError.classify(failure(json), options.errors)
        if (chunks === 0 && first === undefined) {
          first = chunk
          return undefined
        }
      }
      if (first !== undefined) {
        chunks++
        out.push(first)
        first = undefined
      }
      chunks++
      out.push(chunk)
      if (json.type === "response.failed") {
        return failed ?? ProviderError.classify(failure(json.response ?? {}), options.errors)
      }
      return done ? failed : undefined
    },
    get pending() {
      return failed
    },
    get done() {
      return done
    },
    end: () => failed ?? incomplete()
  }
}

const isEnd = ({ type }: Payload): boolean =>
  type === "response.completed" || type === "response.incomplete" || type === "response.failed"

const statesError = (json: { readonly [key: string]: unknown }, event: string | undefined): boolean =>
  event === "error" || (typeof json["type"] !== "string" && json["error"] !== undefined && json["error"] !== null)

const failure = (json: object): ProviderError.Failure => {
  const stated = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return stated.type === "error" ? { ...stated, type: undefined } : stated
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
  readonly errors: ProviderError.Table
  /** What the host states in the headers of its responses. Default: its id of the request, where most hosts have it. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): ResponsesProtocol<C> => {
  const after = (memory: Memory | undefined): Protocol.Protocol<C> =>
    Protocol.make({
      provider: options.provider,
      framing: Protocol.serverSentEvents,
      events: events({ ...options, after: memory }),
      errors: options.errors,
      headers: options.headers
    })
  return {
    ...after(undefined),
    resumed: (position) => after(at(position))
  }
}
