import { type Chunk, contentEvents } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"
import { clear } from "../internal/clear.ts"

/**
 * Reads the content events of the chunks of one response, of each once.
 *
 * @internal
 */
export class Reader {
  private readonly events: Array<ContentEvent> = []
  private isNamed = false

  /** The events of a chunk. The list is used again for the next chunk. */
  read(chunk: Chunk): ReadonlyArray<ContentEvent> {
    const { events } = this
    clear(events)
    contentEvents(chunk, events, this.isNamed)
    this.isNamed ||= events.some(isName)
    return events
  }
}

const isName = (event: ContentEvent): boolean =>
  event.type === "response" && event.id !== undefined && event.model !== undefined

const sizeOfValue = (value: unknown): number =>
  typeof value === "string"
    ? value.length
    : ArrayBuffer.isView(value)
    ? value.byteLength
    : typeof value === "object" && value !== null
    ? Object.values(value).reduce((size: number, each) => size + sizeOfValue(each), 1)
    : 1

/**
 * How much of an event a response keeps, in UTF-16 code units and bytes.
 *
 * @internal
 */
export const sizeOf = (event: ContentEvent): number => {
  switch (event.type) {
    case "text":
    case "reasoning":
    case "refusal":
    case "signature":
    case "arguments":
      return event.delta.length
    case "tool-call-piece":
      return event.arguments.length + (event.name?.length ?? 0)
    case "audio":
      return (event.data?.length ?? 0) + (event.transcript?.length ?? 0)
    case "details":
      // Fields replace those of the same name; lists grow.
      return event.lists === undefined ? 0 : sizeOfValue(event.lists)
    case "choice":
    case "response":
    case "usage":
    case "finish":
    case "end":
      return 0
    default:
      return sizeOfValue(event)
  }
}

/**
 * What an event that takes a place of its own counts besides its texts, which an endless stream may lack.
 *
 * @internal
 */
export const placeSize = 64

/**
 * How much the places of events may count where the limit of a response is smaller: usage, ids and empty chunks are no
 * reason to refuse a short answer.
 *
 * @internal
 */
export const leastPlaces = 4 * 1024 * 1024

/**
 * Whether parts keep something of an event until its block or the response ends, besides its texts.
 *
 * @internal
 */
export const takesPlace = (event: ContentEvent): boolean => {
  switch (event.type) {
    case "text":
    case "reasoning":
    case "refusal":
    case "signature":
    case "arguments":
      return event.delta === ""
    case "choice":
    case "response":
    case "usage":
    case "finish":
    case "end":
      return false
    case "tool-call-piece":
      return event.id !== undefined || event.arguments === ""
    case "details":
      return event.lists !== undefined
    default:
      return true
  }
}
