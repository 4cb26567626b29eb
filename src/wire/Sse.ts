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
export const decoder = (options?: Options): Decoder => new SseDecoder(options?.maxEventSize ?? maxEventSize)

// Invalid UTF-8 becomes U+FFFD.
const utf8 = () => new TextDecoder("utf-8", { ignoreBOM: true })

const whole = utf8()

const eventOf = (name: string | undefined, data: string, unterminated: boolean): Event => {
  const event: { -readonly [K in keyof Event]: Event[K] } = Object.create(Object.prototype)
  event.event = name
  event.data = data
  event.unterminated = unterminated
  return event
}

const eventField = "event: "
const dataField = "data: "

// Classes of decoders share their functions. A closure for each would be a kilobyte of every stream that waits.
class SseDecoder implements Decoder {
  readonly #limit: number
  #atStart = true
  // Where the last read may have ended within a character.
  #cut: TextDecoder | undefined
  #skipLineFeed = false
  // Pieces of the line that the last read left unfinished, joined once when it ends: appending would be quadratic.
  #pending: Array<string> | undefined
  #pendingSize = 0
  #event: string | undefined
  #data: string | undefined
  #dataLines: Array<string> | undefined
  // Length of the lines of `data` as they came: an empty value takes memory as well.
  #dataSize = 0
  // How an event of the name of the last one begins, up to its data.
  #opening = dataField
  #openingName: string | undefined
  failure: EventTooLarge | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  #dispatch(out: Array<Event>, unterminated: boolean): void {
    if (this.#data !== undefined) {
      if (this.#openingName !== this.#event) {
        this.#opening = this.#event === undefined ? dataField : `${eventField}${this.#event}\n${dataField}`
        // The name as it came would keep the whole read in memory.
        this.#openingName = this.#event && this.#opening.slice(eventField.length, -dataField.length - 1)
      }
      out.push(
        eventOf(this.#event, this.#dataLines === undefined ? this.#data : this.#dataLines.join("\n"), unterminated)
      )
    }
    this.#event = undefined
    this.#data = undefined
    this.#dataLines = undefined
    this.#dataSize = 0
  }

  // A line of the text, which is not cut out of it: only its value is. Engines take long to compile `startsWith`.
  #onLine(text: string, start: number, end: number, out: Array<Event>): void {
    if (start === end) return this.#dispatch(out, false)
    const isData = text.slice(start, start + 4) === "data"
    if (!isData && text.slice(start, start + 5) !== "event") return
    const name = start + (isData ? 4 : 5)
    // A longer name is one of another field.
    if (name !== end && text.charCodeAt(name) !== COLON) return
    const value = text.slice(name + (text.charCodeAt(name + 1) === SPACE ? 2 : 1), end)
    if (!isData) {
      this.#event = value
      return
    }
    this.#dataSize += end - start + (this.#data === undefined ? 0 : 1)
    if (this.#data === undefined) this.#data = value
    else if (this.#dataLines === undefined) this.#dataLines = [this.#data, value]
    else this.#dataLines.push(value)
  }

  #feed(text: string, out: Array<Event>): void {
    let position = 0
    if (this.#skipLineFeed && text.length > 0) {
      this.#skipLineFeed = false
      if (text.charCodeAt(0) === LF) position = 1
    }
    // Searching for each terminator on its own lets the engine's vectorised search run; providers send LF only.
    let nextReturn = text.indexOf("\r", position)
    if (nextReturn === -1 && this.#isBetween()) position = this.#feedAlike(text, position, out)
    let nextLineFeed = text.indexOf("\n", position)
    while (nextLineFeed !== -1 || nextReturn !== -1) {
      const isReturn = nextReturn !== -1 && (nextLineFeed === -1 || nextReturn < nextLineFeed)
      const end = isReturn ? nextReturn : nextLineFeed
      if (end - position + this.#pendingSize + this.#dataSize > this.#limit) return this.#fail()
      if (this.#pending === undefined) {
        this.#onLine(text, position, end, out)
      } else {
        this.#pending.push(text.slice(position, end))
        const line = this.#pending.join("")
        this.#pending = undefined
        this.#pendingSize = 0
        this.#onLine(line, 0, line.length, out)
      }
      position = end + 1
      if (isReturn) {
        if (position === text.length) {
          this.#skipLineFeed = true
        } else if (nextLineFeed === position) {
          position++
        }
        nextReturn = text.indexOf("\r", position)
      } else if (nextReturn === -1 && this.#isBetween()) {
        position = this.#feedAlike(text, position, out)
      }
      if (nextLineFeed !== -1 && nextLineFeed < position) nextLineFeed = text.indexOf("\n", position)
    }
    if (position < text.length) {
      const piece = position === 0 ? text : text.slice(position)
      // An empty array that is filled afterwards changes its kind, for which engines compile this anew each time.
      if (this.#pending === undefined) this.#pending = [piece]
      else this.#pending.push(piece)
      this.#pendingSize += text.length - position
    }
    if (this.#pendingSize + this.#dataSize > this.#limit) this.#fail()
  }

  #isBetween(): boolean {
    return this.#pending === undefined && this.#data === undefined && this.#event === undefined
  }

  // Most events begin as the one before and have one line of data. Gives where the first other one begins.
  #feedAlike(text: string, from: number, out: Array<Event>): number {
    const opening = this.#opening
    let position = from
    for (;;) {
      const start = position + opening.length
      if (text.slice(position, start) !== opening) return position
      const end = text.indexOf("\n", start)
      if (end === -1 || end + 1 === text.length || text.charCodeAt(end + 1) !== LF) return position
      if (end - start + dataField.length > this.#limit) return position
      out.push(eventOf(this.#openingName, text.slice(start, end), false))
      position = end + 2
    }
  }

  #fail(): void {
    this.failure = new EventTooLarge({ maxEventSize: this.#limit })
    this.#pending = undefined
    this.#dataLines = undefined
    this.#data = undefined
  }

  readonly push = (read: Uint8Array | string): ReadonlyArray<Event> => {
    const out: Array<Event> = []
    if (this.failure !== undefined) return out
    const text = typeof read === "string" ? read : this.#decoded(read)
    if (text.length > 0) {
      // One byte-order mark.
      this.#feed(this.#atStart && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, out)
      this.#atStart = false
    }
    return out
  }

  // As a stream that they have to remember, runtimes decode a read three times as slowly.
  #decoded(read: Uint8Array): string {
    const text = whole.decode(read)
    const isCut = text.endsWith("\uFFFD")
    if (!isCut && this.#cut === undefined) return text
    const decoder = this.#cut ?? utf8()
    this.#cut = isCut ? decoder : undefined
    return decoder.decode(read, { stream: true })
  }

  readonly end = (): ReadonlyArray<Event> => {
    const out: Array<Event> = []
    if (this.failure !== undefined) return out
    if (this.#cut !== undefined) this.#feed(this.#cut.decode(), out)
    if (this.#pending !== undefined) {
      const line = this.#pending.join("")
      this.#pending = undefined
      this.#onLine(line, 0, line.length, out)
    }
    this.#dispatch(out, true)
    return out
  }
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
