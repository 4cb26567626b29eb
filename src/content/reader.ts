import { type Chunk, contentEvents } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"

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
    events.length = 0
    contentEvents(chunk, events, this.isNamed)
    if (!this.isNamed) {
      const [event] = events
      this.isNamed = event?.type === "response" && event.id !== undefined && event.model !== undefined
    }
    return events
  }
}

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
      return event.arguments.length
    case "audio":
      return (event.data?.length ?? 0) + (event.transcript?.length ?? 0)
    case "file":
      return event.data?.length ?? 0
    default:
      return 0
  }
}
