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
import * as Base64 from "effect/encoding/Base64"
import * as Hex from "effect/encoding/Hex"
import * as Schema from "effect/Schema"
import { concat } from "../internal/bytes.ts"
import { lazy } from "../internal/lazy.ts"

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
// The type of a header whose value is text.
const STRING = 7

const utf8Encoder = new TextEncoder()
// Fatal: invalid UTF-8 in headers is an error, not replacement characters. A byte-order mark is part of the value.
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

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
export const decoder = (options?: Options): Decoder => {
  const frameLimit = options?.maxFrameSize ?? maxFrameSize
  const headersLimit = options?.maxHeadersSize ?? maxHeadersSize
  let failure: EventStreamError | undefined
  let frame = 0
  let offset = 0
  // Known once the prelude of the current frame has arrived and its checksum holds.
  let frameLength: number | undefined
  // The start of a frame that no single read has whole; the buffer doubles, so that copying stays linear.
  let carry = new Uint8Array(0)
  let carried = 0
  // Most frames of a stream have the headers of the frame before.
  let headerBytes = new Uint8Array(0)
  let headers: Message["headers"] = Object.freeze({})

  const fail = (reason: Reason, what: string): undefined => {
    failure = new EventStreamError({ reason, frame, offset, message: `Frame ${frame} at byte ${offset}: ${what}` })
    carry = new Uint8Array(0)
  }

  const checkPrelude = (prelude: Uint8Array): number | undefined => {
    const view = viewOf(prelude)
    const length = view.getUint32(0)
    const headersLength = view.getUint32(4)
    if (crc32(prelude.subarray(0, 8)) !== view.getUint32(8)) {
      return fail("PreludeChecksum", "the checksum of its prelude does not match")
    }
    if (length < OVERHEAD) return fail("FrameTooSmall", `it declares ${length} bytes, less than an empty frame has`)
    if (length > frameLimit) {
      return fail("FrameTooLarge", `it declares ${length} bytes, more than the limit of ${frameLimit}`)
    }
    if (headersLength > length - OVERHEAD) {
      return fail("MalformedHeaders", `it declares ${headersLength} bytes of headers in a frame of ${length} bytes`)
    }
    if (headersLength > headersLimit) {
      return fail(
        "HeadersTooLarge",
        `it declares ${headersLength} bytes of headers, more than the limit of ${headersLimit}`
      )
    }
    return length
  }

  const decodeFrame = (bytes: Uint8Array): Message | undefined => {
    const view = viewOf(bytes)
    const bodyEnd = bytes.length - CHECKSUM
    const bodyStart = PRELUDE + view.getUint32(4)
    if (crc32(bytes.subarray(0, bodyEnd)) !== view.getUint32(bodyEnd)) {
      return fail("MessageChecksum", "the checksum of the message does not match")
    }
    if (!isAt(headerBytes, bytes, bodyStart)) {
      const own = new Uint8Array(bytes.subarray(PRELUDE, bodyStart))
      try {
        headers = decodeHeaders(own)
      } catch {
        return fail("MalformedHeaders", "its headers cannot be decoded")
      }
      headerBytes = own
    }
    return { headers, body: new Uint8Array(bytes.buffer, bytes.byteOffset + bodyStart, bodyEnd - bodyStart) }
  }

  const append = (bytes: Uint8Array, wanted: number): void => {
    const needed = carried + bytes.length
    if (needed > carry.length) {
      const grown = new Uint8Array(Math.min(wanted, Math.max(needed, 2 * carry.length, 1024)))
      grown.set(carry.subarray(0, carried))
      carry = grown
    }
    carry.set(bytes, carried)
    carried = needed
  }

  const push = (read: Uint8Array): ReadonlyArray<Message> => {
    const messages: Array<Message> = []
    let position = 0
    while (failure === undefined) {
      const wanted = frameLength ?? PRELUDE
      const inPlace = carried === 0 && read.length - position >= wanted
      if (!inPlace) {
        const part = read.subarray(position, position + wanted - carried)
        if (part.length > 0) append(part, wanted)
        position += part.length
        if (carried < wanted) break
      }
      const bytes = inPlace ? read.subarray(position, position + wanted) : carry.subarray(0, wanted)
      if (frameLength === undefined) {
        frameLength = checkPrelude(bytes)
        continue
      }
      const message = decodeFrame(bytes)
      if (message === undefined) break
      messages.push(message)
      if (inPlace) {
        position += wanted
      } else {
        // The message's body is a view of this buffer, so the next frame needs another.
        carry = new Uint8Array(0)
        carried = 0
      }
      frame++
      offset += wanted
      frameLength = undefined
    }
    return messages
  }

  const end = (): ReadonlyArray<Message> => {
    if (failure === undefined && carried > 0) {
      fail(
        "TruncatedFrame",
        `the stream ended after ${carried} of ${
          frameLength === undefined ? "its first 12" : `its ${frameLength}`
        } bytes`
      )
    }
    return []
  }

  return {
    push,
    end,
    get failure() {
      return failure
    }
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
export const encodeUnsafe = ({ body, headers }: Message): Uint8Array => {
  const pieces = Object.entries(headers).flatMap(([name, value]) => [
    counted(utf8Encoder.encode(name), 1, 0xff),
    Uint8Array.of(STRING),
    counted(utf8Encoder.encode(value), 2, 0x7fff)
  ])
  const encoded = concat(pieces)
  const frame = new Uint8Array(OVERHEAD + encoded.length + body.length)
  const view = viewOf(frame)
  view.setUint32(0, frame.length)
  view.setUint32(4, encoded.length)
  view.setUint32(8, crc32(frame.subarray(0, 8)))
  frame.set(encoded, PRELUDE)
  frame.set(body, PRELUDE + encoded.length)
  view.setUint32(frame.length - CHECKSUM, crc32(frame.subarray(0, -CHECKSUM)))
  return frame
}

/** Bytes after their number, which takes one byte or two. */
const counted = (bytes: Uint8Array, size: 1 | 2, most: number): Uint8Array => {
  if (bytes.length > most) throw new RangeError(`a header of ${bytes.length} bytes; at most ${most} fit`)
  const all = new Uint8Array(size + bytes.length)
  all.set(size === 1 ? [bytes.length] : [bytes.length >> 8, bytes.length & 0xff])
  all.set(bytes, size)
  return all
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

// The reversed polynomial of CRC-32, for each byte.
const crcTable = lazy(() =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1
    return crc
  })
)

const crc32 = (bytes: Uint8Array): number => {
  const table = crcTable()
  let crc = -1
  for (let at = 0; at < bytes.length; at++) crc = (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ crc >>> 8
  return ~crc >>> 0
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
const decodeHeaders = (bytes: Uint8Array): Readonly<Record<string, string>> => {
  const view = viewOf(bytes)
  const headers: Array<readonly [string, string]> = []
  let at = 0
  const skip = (size: number): number => (at += size) - size
  const take = (size: number): Uint8Array => new Uint8Array(bytes.buffer, skip(size), size)
  const render = (type: number): string => {
    switch (type) {
      case 0:
      case 1:
        return String(type === 0)
      case 2:
        return String(view.getInt8(skip(1)))
      case 3:
        return String(view.getInt16(skip(2)))
      case 4:
        return String(view.getInt32(skip(4)))
      case 5:
        return String(view.getBigInt64(skip(8)))
      case 6:
        return Base64.encode(take(view.getUint16(skip(2))))
      case STRING:
        return utf8Decoder.decode(take(view.getUint16(skip(2))))
      case 8:
        return new Date(Number(view.getBigInt64(skip(8)))).toISOString()
      case 9:
        return Hex.encode(take(16)).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
      default:
        throw new RangeError(`a header of the type ${type}`)
    }
  }
  while (at < bytes.length) {
    const name = utf8Decoder.decode(take(view.getUint8(skip(1))))
    headers.push([name, render(view.getUint8(skip(1)))])
  }
  return Object.freeze(Object.fromEntries(headers))
}
