import type { Chunk } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"

/**
 * Whether a chunk says something of any choice: text, reasoning, a refusal, a piece of a tool call, or sound.
 *
 * @internal
 */
export const hasOutput = (chunk: Chunk): boolean => {
  if (chunk.contentEvents === undefined) {
    return chunk.audioDelta !== undefined ||
      chunk.choiceDeltas.some(({ content, reasoning, refusal, toolCallDeltas }) =>
        content !== "" || reasoning !== "" || refusal !== "" || toolCallDeltas.length > 0
      )
  }
  const events: Array<ContentEvent> = []
  chunk.contentEvents(events)
  return events.some((event) => {
    switch (event.type) {
      case "text":
      case "reasoning":
      case "refusal":
        return event.delta !== ""
      case "audio":
      case "tool-call-piece":
      case "tool-call":
      case "arguments":
        return true
      default:
        return false
    }
  })
}
