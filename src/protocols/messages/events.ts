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
import { type ContentBlock, Payload } from "./payload.ts"

const isPayload: (json: unknown) => json is Payload = validator(Schema.toType(Payload))

const invalid = JsonEvent.invalidPayload(Schema.toType(Payload))

/**
 * Makes a chunk of an event's data that passed the schema. `block` is the type of the content block that the event
 * continues or stops, `undefined` for other events.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeChunk<C> = (payload: Payload, block: string | undefined, info: Protocol.ResponseInfo) => C

/**
 * The event decoder of this format. Its state is what tells a finished response from a cut-off or mixed-up one, and
 * which type each content block has: the events that continue a block do not say it.
 *
 * - Events are told apart by `type` in their data; the `event:` line matters only when it says `error`.
 * - The response is complete at `message_stop`, or when the body ends after a stop reason.
 * - A delta for a block that was not started, and a second `message_start` with another id, are `MalformedEvent`s.
 *
 * @example
 * ```ts
 * import { AnthropicChunk, Messages } from "effect-llm-stream"
 *
 * const decoder = Messages.events({ make: (chunk) => new AnthropicChunk({ chunk }), errors: Messages.errors })({})
 * const chunks: Array<AnthropicChunk> = []
 * decoder.event({ event: undefined, data: "{\"type\": \"ping\"}", unterminated: false }, chunks)
 * chunks.length // 1
 * decoder.done // false
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const events = <C>(options: {
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
}) =>
(info: Protocol.ResponseInfo): Protocol.EventDecoder<Sse.Event, C> => {
  let count = 0
  let chunks = 0
  let started = false
  let id: string | undefined
  let stopped = false
  let done = false
  const blocks = new Map<number, string | undefined>()

  const incomplete = () =>
    new ProviderError.IncompleteStream({
      message: chunks === 0
        ? "The stream ended without a single chunk"
        : `The stream ended after ${chunks} chunks without a stop reason`
    })

  const observe = (payload: Payload, position: number, data: string): ProviderError.MalformedEvent | undefined => {
    const malformed = (message: string, path: ReadonlyArray<string>) =>
      JsonEvent.malformed({ event: position, data, path, message: `Event ${position} ${message}` })
    switch (payload.type) {
      case "content_block_delta":
        return blocks.has(payload.index)
          ? undefined
          : malformed(`continues content block ${payload.index}, which was not started`, ["index"])
      case "content_block_start":
        started = true
        blocks.set(payload.index, typeOf(payload.content_block))
        return undefined
      case "message_start": {
        started = true
        const message = payload.message
        if (message?.id) {
          if (id !== undefined && message.id !== id) {
            return malformed("starts another message within this one", ["message", "id"])
          }
          id = message.id
        }
        if (message?.stop_reason) stopped = true
        message?.content?.forEach((block, position) => blocks.set(position, typeOf(block)))
        return undefined
      }
      case "message_delta":
        if (payload.delta?.stop_reason) stopped = true
        return undefined
      case "message_stop":
        done = true
        return undefined
      default:
        return undefined
    }
  }

  return {
    event: (event, out) => {
      const position = count++
      // Not Anthropic's, but some hosts end with it.
      if (event.data === "[DONE]") {
        done = true
        return stopped ? undefined : incomplete()
      }
      const json = JsonEvent.parse(event.data, position)
      if (json === undefined) return undefined
      if (json instanceof ProviderError.MalformedEvent) {
        // An event that the end of the body cut off is not malformed: the stream is incomplete.
        return event.unterminated ? undefined : json
      }
      if (statesError(json, event.event)) return ProviderError.classify(failure(json), options.errors)
      if (!isPayload(json)) return invalid(json, event.data, position)
      const malformed = observe(json, position, event.data)
      if (malformed !== undefined) return malformed
      if (done && !started) return incomplete()
      chunks++
      out.push(options.make(
        json,
        json.type === "content_block_delta" || json.type === "content_block_stop"
          ? blocks.get(json.index)
          : undefined,
        info
      ))
      return undefined
    },
    get done() {
      return done
    },
    end: () => stopped ? undefined : incomplete()
  }
}

// Some hosts start a block without saying which.
const typeOf = (block: ContentBlock | null): string | undefined => block === null ? undefined : String(block.type)

const statesError = (json: { readonly [key: string]: unknown }, event: string | undefined): boolean =>
  json["type"] === "error" || event === "error" ||
  (typeof json["type"] !== "string" && json["error"] !== undefined && json["error"] !== null)

const failure = (json: object): ProviderError.Failure => {
  const stated = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return stated.type === "error" ? { ...stated, type: undefined } : stated
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { AnthropicChunk, Messages } from "effect-llm-stream"
 *
 * const protocol = Messages.protocol({
 *   provider: "gateway",
 *   make: (chunk) => new AnthropicChunk({ provider: "gateway", chunk }),
 *   errors: Messages.errors
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <C>(options: {
  readonly provider: string
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
  /** What the host states in the headers of its responses. Default: its id of the request, where most hosts have it. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> =>
  Protocol.make({
    provider: options.provider,
    framing: Protocol.serverSentEvents,
    events: events(options),
    errors: options.errors,
    headers: options.headers
  })
