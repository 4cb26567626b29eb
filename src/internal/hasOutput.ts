import type { Chunk } from "../Chunk.ts"

/**
 * Whether a chunk says something of any choice: text, reasoning, a refusal, or a piece of a tool call.
 *
 * @internal
 */
export const hasOutput = ({ choiceDeltas }: Chunk): boolean =>
  choiceDeltas.some((delta) =>
    delta.content !== "" || delta.reasoning !== "" || delta.refusal !== "" || delta.toolCallDeltas.length > 0
  )
