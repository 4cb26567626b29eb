/**
 * Server-sent events: an incremental decoder that does the work of a whole network read at once.
 *
 * It follows the line and field rules of the WHATWG specification, with three deliberate differences that real
 * providers call for: `retry:` and `id:` are ignored, an event that the end of the body leaves without its closing blank
 * line is still given out (marked `unterminated`), and events without data are not events.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * One server-sent event.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event {
  /** Value of the `event:` field; `undefined` when there was none. */
  readonly event: string | undefined
  /** The `data:` lines, joined with `\n`. */
  readonly data: string
  /** True for a last event that the body ended before closing: it may be cut off. */
  readonly unterminated: boolean
}

/**
 * An event grew past the decoder's limit.
 *
 * @example
 * ```ts
 * import * as Sse from "effect-llm-stream/wire/Sse"
 *
 * const decoder = Sse.decoder({ maxEventSize: 8 })
 * decoder.push("data: more than eight characters") // []
 * decoder.failure?.maxEventSize // 8
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class EventTooLarge extends Schema.TaggedError<EventTooLarge>()("EventTooLarge", {
  /** The limit, in UTF-16 code units. */
  maxEventSize: Schema.Natural
}) {
  /** @since 0.1.0 */
  override get message(): string {
    return `A server-sent event is larger than the limit of ${this.maxEventSize} characters`
  }
}

/**
 * An incremental decoder of one body. It holds the bytes that are not yet an event, and nothing else.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder {
  /** The events that this read completes, in order. Bytes are taken as UTF-8; a character may be split over reads. */
  readonly push: (read: Uint8Array | string) => ReadonlyArray<Event>
  /** The event that the end of the body leaves unterminated, if any. */
  readonly end: () => ReadonlyArray<Event>
  /** Set once an event was too large; nothing is decoded after that. */
  readonly failure: EventTooLarge | undefined
}

/**
 * The largest event that a decoder takes unless told otherwise: 64 Mi UTF-16 code units. Every line of data counts whole,
 * with its field name and its end, so that a million empty lines are not an empty event.
 *
 * @category configuration
 * @since 0.2.0
 */
export const maxEventSize = 64 * 1024 * 1024

/**
 * Options of a decoder.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Largest event, in UTF-16 code units, line ends included. Default: {@link maxEventSize}. */
  readonly maxEventSize?: number | undefined
}

const LF = 10
const SPACE = 32
const COLON = 58

/**
 * Makes a decoder for one body.
 *
 * @example
 * ```ts
 * import * as Sse from "effect-llm-stream/wire/Sse"
 *
 * const decoder = Sse.decoder()
 * decoder.push(": comment\n\nevent: greeting\ndata: Hel") // []
 * decoder.push("lo\r\n\r\n") // [{ event: "greeting", data: "Hello", unterminated: false }]
 * decoder.end() // []
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const decoder = (options?: Options): Decoder => {
  const limit = options?.maxEventSize ?? maxEventSize
  // Strips one byte-order mark, also when a read boundary splits it; invalid UTF-8 becomes U+FFFD.
  const utf8 = new TextDecoder()
  let atStart = true
  let skipLineFeed = false
  let failure: EventTooLarge | undefined
  // Pieces of the line that the last read left unfinished, joined once when it ends: appending would be quadratic.
  let pending: Array<string> = []
  let pendingSize = 0
  let event: string | undefined
  let data: string | undefined
  let dataLines: Array<string> | undefined
  // Length of the lines of `data` as they came: an empty value takes memory as well.
  let dataSize = 0

  const dispatch = (out: Array<Event>, unterminated: boolean): void => {
    if (data !== undefined) {
      out.push({ event, data: dataLines === undefined ? data : dataLines.join("\n"), unterminated })
    }
    event = undefined
    data = undefined
    dataLines = undefined
    dataSize = 0
  }

  const onData = (value: string): void => {
    if (data === undefined) {
      data = value
    } else if (dataLines === undefined) {
      dataLines = [data, value]
    } else {
      dataLines.push(value)
    }
  }

  const onLine = (line: string, out: Array<Event>): void => {
    if (line.length === 0) {
      dispatch(out, false)
    } else if (line.startsWith("data")) {
      const value = fieldValue(line, 4)
      if (value !== undefined) {
        dataSize += line.length + (data === undefined ? 0 : 1)
        onData(value)
      }
    } else if (line.startsWith("event")) {
      const value = fieldValue(line, 5)
      if (value !== undefined) event = value
    }
  }

  const feed = (text: string, out: Array<Event>): void => {
    let position = 0
    if (skipLineFeed && text.length > 0) {
      skipLineFeed = false
      if (text.charCodeAt(0) === LF) position = 1
    }
    // Searching for each terminator on its own lets the engine's vectorised search run; providers send LF only.
    let nextLineFeed = text.indexOf("\n", position)
    let nextReturn = text.indexOf("\r", position)
    while (nextLineFeed !== -1 || nextReturn !== -1) {
      const isReturn = nextReturn !== -1 && (nextLineFeed === -1 || nextReturn < nextLineFeed)
      const end = isReturn ? nextReturn : nextLineFeed
      let line = text.slice(position, end)
      if (pending.length > 0) {
        pending.push(line)
        line = pending.join("")
        pending = []
        pendingSize = 0
      }
      if (line.length + dataSize > limit) return fail()
      onLine(line, out)
      position = end + 1
      if (isReturn) {
        if (position === text.length) {
          skipLineFeed = true
        } else if (nextLineFeed === position) {
          position++
        }
        nextReturn = text.indexOf("\r", position)
      }
      if (nextLineFeed !== -1 && nextLineFeed < position) nextLineFeed = text.indexOf("\n", position)
    }
    if (position < text.length) {
      pending.push(position === 0 ? text : text.slice(position))
      pendingSize += text.length - position
    }
    if (pendingSize + dataSize > limit) fail()
  }

  const fail = (): void => {
    failure = new EventTooLarge({ maxEventSize: limit })
    pending = []
    dataLines = undefined
    data = undefined
  }

  const push = (read: Uint8Array | string): ReadonlyArray<Event> => {
    const out: Array<Event> = []
    if (failure !== undefined) return out
    if (typeof read !== "string") {
      feed(utf8.decode(read, { stream: true }), out)
    } else if (read.length > 0) {
      feed(atStart && read.startsWith("\uFEFF") ? read.slice(1) : read, out)
      atStart = false
    }
    return out
  }

  const end = (): ReadonlyArray<Event> => {
    const out: Array<Event> = []
    if (failure !== undefined) return out
    feed(utf8.decode(), out)
    if (pending.length > 0) {
      onLine(pending.join(""), out)
      pending = []
    }
    dispatch(out, true)
    return out
  }

  return {
    push,
    end,
    get failure() {
      return failure
    }
  }
}

// The value of the field whose name is the first `nameLength` characters; `undefined` for a longer field name.
const fieldValue = (line: string, nameLength: number): string | undefined => {
  if (line.length === nameLength) return ""
  if (line.charCodeAt(nameLength) !== COLON) return undefined
  return line.slice(line.charCodeAt(nameLength + 1) === SPACE ? nameLength + 2 : nameLength + 1)
}

/**
 * Renders an event as it goes over the wire, closing blank line included.
 *
 * @example
 * ```ts
 * import * as Sse from "effect-llm-stream/wire/Sse"
 *
 * Sse.encode({ event: undefined, data: "[DONE]" }) // "data: [DONE]\n\n"
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (event: Pick<Event, "event" | "data">): string =>
  (event.event === undefined ? "" : `event: ${event.event}\n`) +
  event.data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("") + "\n"
