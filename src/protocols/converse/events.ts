/**
 * Turns the events of one response into chunks, and tells a finished response from one that was cut off.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { incomplete } from "../../engine/decoder.ts"
import * as Protocol from "../../engine/protocol.ts"
import { validator } from "../../internal/validator.ts"
import type * as EventStream from "../../wire/EventStream.ts"
import { isUnexplained } from "../../wire/fault.ts"
import * as JsonEvent from "../../wire/jsonEvent.ts"
import { Reader } from "../../wire/jsonReader.ts"
import * as BedrockEvent from "../awsEvent.ts"
import { members, Payload } from "./payload.ts"

// The type is known from the frame: only the member's own schema has to be looked at.
const validators = new Map<string, (json: unknown) => boolean>(
  Object.entries(members).map(([type, member]) => [type, validator<object>(Schema.toType(member))])
)

const isPayload = (_payload: object, { json, type }: BedrockEvent.Event): _payload is Payload =>
  validators.get(type)?.(json) ?? true

const schema = Schema.toType(Payload)

/**
 * Makes a chunk of an event that passed the schema. `block` is the kind of the content block, which its start states,
 * for events that continue or stop it: `toolUse`, `server_tool_use`, `toolResult` or `image`; `undefined` for other
 * events, and for blocks that have no start.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeChunk<C> = (payload: Payload, block: string | undefined, info: Protocol.ResponseInfo) => C

/**
 * The event decoder of this format. Its state tells a finished response from a cut-off one, and knows the kind of each
 * content block, which the events that continue a block do not state.
 *
 * - The response is complete when `messageStop` was seen. The format has no terminal signal: usage and traces come in
 *   the `metadata` after `messageStop`. With both, the rest of the body is not read, as the socket may stay open; without
 *   `metadata` the body is read to its end.
 * - Exceptions and errors fail the stream, also those of unknown types.
 *
 * @example
 * ```ts
 * import { BedrockChunk, Converse } from "effect-llm-stream"
 *
 * const decoder = Converse.events({ make: (chunk) => new BedrockChunk({ chunk }) })({})
 * const chunks: Array<BedrockChunk> = []
 * decoder.event({
 *   headers: { ":message-type": "event", ":event-type": "messageStop" },
 *   body: new TextEncoder().encode("{\"stopReason\": \"end_turn\"}")
 * }, chunks)
 * chunks[0]?.commonFinishReasons // ["stop"]
 * decoder.end() // undefined
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const events =
  <C>(options: { readonly make: MakeChunk<C> }) =>
  (info: Protocol.ResponseInfo): Protocol.EventDecoder<EventStream.Message, C> => new Decoder(options.make, info)

class Decoder<C> implements Protocol.EventDecoder<EventStream.Message, C> {
  readonly #make: MakeChunk<C>
  readonly #info: Protocol.ResponseInfo
  readonly #json = new Reader()
  #count = 0
  #chunks = 0
  #stopped = false
  #hasMetadata = false
  // Most answers have texts alone, whose blocks have no start.
  #blocks: Map<number | undefined, string> | undefined

  constructor(make: MakeChunk<C>, info: Protocol.ResponseInfo) {
    this.#make = make
    this.#info = info
  }

  // Callers may take them off the decoder.
  readonly event = (message: EventStream.Message, out: Array<C>): Protocol.Fault | undefined =>
    this.#event(message, out)
  readonly end = (): Protocol.Fault | undefined => this.#stopped ? undefined : incomplete(this.#chunks, "a stop reason")

  get done(): boolean {
    return this.#stopped && this.#hasMetadata
  }

  #event(message: EventStream.Message, out: Array<C>): Protocol.Fault | undefined {
    const position = this.#count++
    const event = BedrockEvent.read(message, position, this.#json)
    if (event === undefined || isUnexplained(event)) return event
    const payload = { [event.type]: event.json }
    if (!isPayload(payload, event)) return JsonEvent.invalidPayload(schema, payload, event.text, position)
    const block = this.#observe(payload)
    this.#chunks++
    out.push(this.#make(payload, block, this.#info))
    return undefined
  }

  #observe(
    { contentBlockDelta, contentBlockStart, contentBlockStop, messageStop, metadata }: Payload
  ): string | undefined {
    if (messageStop !== undefined) this.#stopped = true
    if (metadata !== undefined) this.#hasMetadata = true
    if (contentBlockStart !== undefined) {
      const kind = BedrockEvent.blockOf(contentBlockStart.start)
      if (kind !== undefined) {
        this.#blocks ??= new Map()
        this.#blocks.set(contentBlockStart.contentBlockIndex ?? undefined, kind)
      }
    }
    const continued = contentBlockDelta ?? contentBlockStop
    return continued === undefined ? undefined : this.#blocks?.get(continued.contentBlockIndex ?? undefined)
  }
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { BedrockChunk, Converse } from "effect-llm-stream"
 *
 * const protocol = Converse.protocol({ provider: "bedrock", make: (chunk) => new BedrockChunk({ chunk }) })
 * protocol.contentTypes // ["application/vnd.amazon.eventstream"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const protocol = <C>(options: {
  readonly provider: string
  readonly make: MakeChunk<C>
}): Protocol.Protocol<C> =>
  Protocol.make({
    provider: options.provider,
    framing: BedrockEvent.framing,
    events: events(options),
    errors: BedrockEvent.errors,
    headers: BedrockEvent.headers
  })
