/**
 * Amazon event streams (`application/vnd.amazon.eventstream`): an incremental decoder of the binary frames that AWS
 * streams, and their encoder.
 *
 * A frame is `total length u32 | headers length u32 | prelude CRC-32 | headers | body | message CRC-32`, big-endian.
 * This module knows frames only; what `:message-type` means is for the provider that reads them.
 *
 * @see https://smithy.io/2.0/aws/amazon-eventstream.html
 * @stability unstable
 * @since 0.1.0
 */
import { Crc32 } from "@smithy/core/checksum"
import { EventStreamCodec, HeaderMarshaller } from "@smithy/core/event-streams"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"

/**
 * One message: the headers and the body of a frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /**
   * Headers by name, as text. Bedrock sends strings only. Other types are rendered: booleans as `true` and `false`,
   * integers in decimal, timestamps in ISO 8601, byte arrays in base64, UUIDs as they are written.
   */
  readonly headers: Readonly<Record<string, string>>
  /** The payload: a view, not a copy, of the bytes that were read. */
  readonly body: Uint8Array
}

/**
 * The problem of a frame.
 *
 * - `PreludeChecksum`: the checksum of the two lengths does not hold, so neither length can be trusted
 * - `FrameTooSmall`: the declared length is less than the 16 bytes of an empty frame
 * - `FrameTooLarge`: the declared length is above the limit
 * - `HeadersTooLarge`: the declared length of the headers is above the limit
 * - `MessageChecksum`: the checksum of the whole frame does not hold
 * - `MalformedHeaders`: the headers are not what their lengths and types say
 * - `TruncatedFrame`: the body of the response ended inside a frame
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Literals([
  "PreludeChecksum",
  "FrameTooSmall",
  "FrameTooLarge",
  "HeadersTooLarge",
  "MessageChecksum",
  "MalformedHeaders",
  "TruncatedFrame"
]).annotate({ identifier: "EventStreamErrorReason" })

/**
 * The problem of a frame, in one word.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The framing of an event stream is broken; nothing after it can be decoded.
 *
 * @example
 * ```ts
 * import * as EventStream from "effect-llm-stream/wire/EventStream"
 *
 * const frame = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(100) })
 *
 * const { failure } = EventStream.decodeAll(frame.subarray(0, 50))
 * failure?.reason // "TruncatedFrame"
 * failure?.message // "Frame 0 at byte 0: the stream ended after 50 of its 116 bytes"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class EventStreamError extends Schema.TaggedError<EventStreamError>()("EventStreamError", {
  /** The problem. */
  reason: Reason,
  /** Index of the broken frame; the first is 0. */
  frame: Schema.Natural,
  /** Where the broken frame starts, in bytes from the start of the stream. */
  offset: Schema.Natural,
  /** The problem and its place, for people. Holds lengths and checksums, never content. */
  message: Schema.String
}) {}

/**
 * An incremental decoder of one response body. It holds the bytes that are not yet a frame, and nothing else. No method
 * throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  /** The messages that this read completes, in order. After a failure there are none. */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Message>
  /** Ends the stream. Sets `failure` when it ended inside a frame; there is never a message left to return. */
  readonly end: () => ReadonlyArray<Message>
  /** Set once the framing is broken. The messages before that are returned by the same `push`, or earlier. */
  readonly failure: EventStreamError | undefined
}

/**
 * The largest frame that a decoder takes unless told otherwise: 64 MiB. AWS's own limit is 24 MiB of body.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxFrameSize = 64 * 1024 * 1024

/**
 * The largest headers of a frame that a decoder takes unless told otherwise: 128 KiB, which is AWS's own limit.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxHeadersSize = 128 * 1024

/**
 * Options of a decoder.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Largest frame, in bytes. Default: {@link maxFrameSize}. */
  readonly maxFrameSize?: number | undefined
  /** Largest headers of a frame, in bytes. Default: {@link maxHeadersSize}. */
  readonly maxHeadersSize?: number | undefined
}

const PRELUDE = 12
const CHECKSUM = 4
const OVERHEAD = PRELUDE + CHECKSUM

const utf8Encoder = new TextEncoder()
// Fatal: invalid UTF-8 in headers is an error, not replacement characters. A byte-order mark is part of the value.
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

type Utf8Decode = ConstructorParameters<typeof HeaderMarshaller>[0]
type Utf8Encode = ConstructorParameters<typeof HeaderMarshaller>[1]
type HeaderValue = ReturnType<HeaderMarshaller["parse"]>[string]

const toUtf8: Utf8Decode = (bytes) => typeof bytes === "string" ? bytes : utf8Decoder.decode(bytes)
const fromUtf8: Utf8Encode = (text) => utf8Encoder.encode(text)
// Made with the first frame: for Node, AWS's package is loaded then.
let marshaller: HeaderMarshaller | undefined
let codec: EventStreamCodec | undefined

/**
 * Makes a decoder for one response body.
 *
 * The work for a whole read is done in one call, each byte is copied at most a constant number of times whatever the
 * sizes of the reads, and a frame that lies whole in one read is not copied at all.
 *
 * @example
 * ```ts
 * import * as EventStream from "effect-llm-stream/wire/EventStream"
 *
 * const frame = EventStream.encodeUnsafe({ headers: { ":event-type": "messageStart" }, body: Uint8Array.of(1, 2) })
 *
 * const decoder = EventStream.decoder()
 * decoder.push(frame.subarray(0, 10)) // []
 * decoder.push(frame.subarray(10)) // [{ headers: { ":event-type": "messageStart" }, body: Uint8Array.of(1, 2) }]
 * decoder.end() // []
 * decoder.failure // undefined
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const decoder = (options?: Options): Decoder =>
  new FrameDecoder(options?.maxFrameSize ?? maxFrameSize, options?.maxHeadersSize ?? maxHeadersSize)

// Shared by all streams that wait between two frames.
const nothing = new Uint8Array(0)

/** The headers of a frame, and the bytes that they were decoded from. */
interface Headers {
  readonly bytes: Uint8Array
  readonly headers: Message["headers"]
}

const noHeaders: Headers = { bytes: nothing, headers: Object.freeze({}) }

// Services have a few kinds of events, and all frames of a kind the same headers.
const known: Array<Headers> = []
const mostKnown = 32
const longestKnown = 256

// A class, as there is one for each stream and closures of their own would hold more.
class FrameDecoder implements Decoder {
  failure: EventStreamError | undefined
  readonly #frameLimit: number
  readonly #headersLimit: number
  #frame = 0
  #offset = 0
  // Known once the prelude of the current frame has arrived and its checksum holds.
  #frameLength: number | undefined
  // The start of a frame that no single read has whole; the buffer doubles, so that copying stays linear.
  #carry = nothing
  #carried = 0
  // Most frames of a stream have the headers of the frame before.
  #headers = noHeaders

  constructor(frameLimit: number, headersLimit: number) {
    this.#frameLimit = frameLimit
    this.#headersLimit = headersLimit
  }

  // Callers may take them off the decoder.
  readonly push = (read: Uint8Array): ReadonlyArray<Message> => this.#push(read)
  readonly end = (): ReadonlyArray<Message> => this.#end()

  #push(read: Uint8Array): ReadonlyArray<Message> {
    const messages: Array<Message> = []
    let position = 0
    while (this.failure === undefined) {
      const wanted = this.#frameLength ?? PRELUDE
      const inPlace = this.#carried === 0 && read.length - position >= wanted
      if (!inPlace) {
        const part = read.subarray(position, position + wanted - this.#carried)
        if (part.length > 0) this.#append(part, wanted)
        position += part.length
        if (this.#carried < wanted) break
      }
      const bytes = inPlace ? read.subarray(position, position + wanted) : this.#carry.subarray(0, wanted)
      if (this.#frameLength === undefined) {
        this.#frameLength = this.#checkPrelude(bytes)
        continue
      }
      const message = this.#decodeFrame(bytes)
      if (message === undefined) break
      messages.push(message)
      if (inPlace) {
        position += wanted
      } else {
        // The message's body is a view of this buffer, so the next frame needs another.
        this.#carry = nothing
        this.#carried = 0
      }
      this.#frame++
      this.#offset += wanted
      this.#frameLength = undefined
    }
    return messages
  }

  #end(): ReadonlyArray<Message> {
    if (this.failure === undefined && this.#carried > 0) {
      this.#fail(
        "TruncatedFrame",
        `the stream ended after ${this.#carried} of ${
          this.#frameLength === undefined ? "its first 12" : `its ${this.#frameLength}`
        } bytes`
      )
    }
    return []
  }

  #fail(reason: Reason, what: string): undefined {
    const frame = this.#frame
    const offset = this.#offset
    this.failure = new EventStreamError({ reason, frame, offset, message: `Frame ${frame} at byte ${offset}: ${what}` })
    this.#carry = nothing
  }

  #checkPrelude(prelude: Uint8Array): number | undefined {
    const view = viewOf(prelude)
    const length = view.getUint32(0)
    const headersLength = view.getUint32(4)
    if (crc32(prelude.subarray(0, 8)) !== view.getUint32(8)) {
      return this.#fail("PreludeChecksum", "the checksum of its prelude does not match")
    }
    if (length < OVERHEAD) {
      return this.#fail("FrameTooSmall", `it declares ${length} bytes, less than an empty frame has`)
    }
    if (length > this.#frameLimit) {
      return this.#fail("FrameTooLarge", `it declares ${length} bytes, more than the limit of ${this.#frameLimit}`)
    }
    if (headersLength > length - OVERHEAD) {
      return this.#fail(
        "MalformedHeaders",
        `it declares ${headersLength} bytes of headers in a frame of ${length} bytes`
      )
    }
    if (headersLength > this.#headersLimit) {
      return this.#fail(
        "HeadersTooLarge",
        `it declares ${headersLength} bytes of headers, more than the limit of ${this.#headersLimit}`
      )
    }
    return length
  }

  #decodeFrame(bytes: Uint8Array): Message | undefined {
    const view = viewOf(bytes)
    const bodyEnd = bytes.length - CHECKSUM
    const bodyStart = PRELUDE + view.getUint32(4)
    if (crc32(bytes.subarray(0, bodyEnd)) !== view.getUint32(bodyEnd)) {
      return this.#fail("MessageChecksum", "the checksum of the message does not match")
    }
    if (!isAt(this.#headers.bytes, bytes, bodyStart)) {
      try {
        this.#headers = known.find((one) => isAt(one.bytes, bytes, bodyStart)) ?? decodeHeaders(bytes, bodyStart)
      } catch {
        return this.#fail("MalformedHeaders", "its headers cannot be decoded")
      }
    }
    return {
      headers: this.#headers.headers,
      body: new Uint8Array(bytes.buffer, bytes.byteOffset + bodyStart, bodyEnd - bodyStart)
    }
  }

  #append(bytes: Uint8Array, wanted: number): void {
    const needed = this.#carried + bytes.length
    if (needed > this.#carry.length) {
      const grown = new Uint8Array(Math.min(wanted, Math.max(needed, 2 * this.#carry.length, 1024)))
      grown.set(this.#carry.subarray(0, this.#carried))
      this.#carry = grown
    }
    this.#carry.set(bytes, this.#carried)
    this.#carried = needed
  }
}

/**
 * Decodes a whole body: the messages before the first broken frame, and what broke it, if anything did.
 *
 * @example
 * ```ts
 * import * as EventStream from "effect-llm-stream/wire/EventStream"
 *
 * const frame = EventStream.encodeUnsafe({ headers: { ":message-type": "event" }, body: new Uint8Array() })
 *
 * EventStream.decodeAll(frame).messages.length // 1
 * EventStream.decodeAll(frame.subarray(1)).failure?.reason // "PreludeChecksum"
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeAll = (bytes: Uint8Array, options?: Options): {
  readonly messages: ReadonlyArray<Message>
  readonly failure: EventStreamError | undefined
} => {
  const state = decoder(options)
  const messages = state.push(bytes)
  state.end()
  return { messages, failure: state.failure }
}

/**
 * Encodes a message as one frame, all headers as strings and in the order of the record.
 *
 * Throws when a header's name is longer than 255 bytes or its value longer than 32,767 bytes: the format cannot hold
 * them.
 *
 * @example
 * ```ts
 * import * as EventStream from "effect-llm-stream/wire/EventStream"
 *
 * const frame = EventStream.encodeUnsafe({
 *   headers: { ":event-type": "messageStop", ":content-type": "application/json", ":message-type": "event" },
 *   body: new TextEncoder().encode(JSON.stringify({ stopReason: "end_turn" }))
 * })
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeUnsafe = (message: Message): Uint8Array =>
  (codec ??= new EventStreamCodec(toUtf8, fromUtf8)).encode({
    headers: Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, { type: "string" as const, value }])
    ),
    body: message.body
  })

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const crc32 = (bytes: Uint8Array): number => {
  const checksum = new Crc32()
  checksum.update(bytes)
  return checksum.digestSync()
}

/** Whether the headers of a frame, which end at `end`, are these bytes. */
const isAt = (headers: Uint8Array, frame: Uint8Array, end: number): boolean => {
  if (headers.length !== end - PRELUDE) return false
  // From the end: event types of one length differ late.
  for (let i = headers.length - 1; i >= 0; i--) if (headers[i] !== frame[PRELUDE + i]) return false
  return true
}

// The bytes are a copy, with exactly the headers in its buffer: a length that points past their end throws instead of
// reading on. Frames share the result.
const decodeHeaders = (frame: Uint8Array, end: number): Headers => {
  marshaller ??= new HeaderMarshaller(toUtf8, fromUtf8)
  const bytes = new Uint8Array(frame.subarray(PRELUDE, end))
  const headers = Object.freeze(Object.fromEntries(
    Object.entries(marshaller.parse(viewOf(bytes))).map(([name, header]) => [name, render(header)])
  ))
  const decoded = { bytes, headers }
  if (known.length < mostKnown && bytes.length <= longestKnown) known.push(decoded)
  return decoded
}

const render = (header: HeaderValue): string => {
  switch (header.type) {
    case "binary":
      return Base64.encode(header.value)
    case "long":
      return viewOf(header.value.bytes).getBigInt64(0).toString()
    case "timestamp":
      return header.value.toISOString()
    default:
      return String(header.value)
  }
}
