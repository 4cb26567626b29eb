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
import { type ContentBlock, Payload } from "./payload.ts"

const check = JsonEvent.check(Schema.toType(Payload))

/**
 * Makes a chunk of an event's data that passed the schema. `block` is the type of the content block that the event
 * continues or stops, `undefined` for other events.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeChunk<C> = (payload: Payload, block: string | undefined, info: Protocol.ResponseInfo) => C

/**
 * The event decoder of this format. Its state tells a finished response from a cut-off or mixed-up one, and knows the
 * type of each content block, which the events that continue a block do not state.
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
  readonly errors: Protocol.Errors
}) =>
(info: Protocol.ResponseInfo): Protocol.EventDecoder<Sse.Event, C> => {
  let started = false
  let id: string | undefined
  let stopped = false
  const blocks = new Map<number, string | undefined>()

  /** The block of the last piece, as most pieces continue the same. */
  let current: { readonly index: number; readonly type: string | undefined } | undefined

  const start = (index: number, block: ContentBlock | null): void => {
    blocks.set(index, typeOf(block))
    current = undefined
  }

  return new Decoder.Decoder<Payload, C>({
    errors: options.errors,
    check,
    isFailure: (json, event) => event === "error" || json["type"] === "error" || Decoder.isUntypedFailure(json),
    take: (payload, out, stated) => {
      if (stated !== undefined) return stated
      switch (payload.type) {
        case "content_block_delta": {
          const { index } = payload
          if (current?.index !== index) {
            if (!blocks.has(index)) {
              return { message: `continues content block ${index}, which was not started`, path: ["index"] }
            }
            current = { index, type: blocks.get(index) }
          }
          out.push(options.make(payload, current.type, info))
          return undefined
        }
        case "content_block_stop":
          out.push(options.make(payload, blocks.get(payload.index), info))
          return undefined
        case "content_block_start":
          started = true
          start(payload.index, payload.content_block)
          break
        case "message_start": {
          started = true
          const message = payload.message
          if (id !== undefined && message?.id && message.id !== id) {
            return { message: "starts another message within this one", path: ["message", "id"] }
          }
          id = message?.id || id
          if (message?.stop_reason) stopped = true
          message?.content?.forEach((block, position) => start(position, block))
          break
        }
        case "message_delta":
          if (payload.delta?.stop_reason) stopped = true
          break
        case "message_stop":
          if (!started) return "last"
      }
      out.push(options.make(payload, undefined, info))
      return payload.type === "message_stop" ? "last" : undefined
    },
    isComplete: (end) => end === "last" ? started : stopped,
    lacks: "a stop reason"
  })
}

// Some hosts start a block without saying which.
const typeOf = (block: ContentBlock | null): string | undefined => block === null ? undefined : String(block.type)

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
  readonly errors: Protocol.Errors
  /** Facts in the headers of the host's responses. Default: the request id, under the names that most hosts use. */
  readonly headers?: Protocol.ResponseHeaders | undefined
}): Protocol.Protocol<C> =>
  Protocol.make({
    provider: options.provider,
    framing: Protocol.serverSentEvents,
    events: events(options),
    errors: options.errors,
    headers: options.headers
  })
