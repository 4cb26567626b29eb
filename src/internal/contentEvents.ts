import type { Chunk } from "../Chunk.ts"
import type * as Parts from "../Parts.ts"

/**
 * What it takes of a chunk.
 *
 * @internal
 */
export type Stated = Pick<
  Chunk,
  "provider" | "id" | "model" | "content" | "reasoning" | "refusal" | "toolCallDeltas" | "audioDelta" | "usage"
>

/**
 * What a chunk's common attributes say of the content of choice 0, but why it finished. `more` is what only its wire
 * says.
 *
 * @internal
 */
export const fromAttributes = (chunk: Stated, out: Array<Parts.Event>, more?: {
  readonly created?: number | undefined
  /** The pieces of `toolCallDeltas`. */
  readonly pieces?: ReadonlyArray<Parts.ToolCallPieceEvent> | undefined
}): void => {
  const { audioDelta, content, id, model, provider, reasoning, refusal, toolCallDeltas, usage } = chunk
  if (id !== undefined || model !== undefined) out.push({ type: "response", id, model, created: more?.created })
  // One key: text ends reasoning, and the other way round.
  if (reasoning !== "") out.push({ type: "reasoning", key: "content", delta: reasoning })
  if (content !== "") out.push({ type: "text", key: "content", delta: content })
  if (refusal !== "") {
    out.push({ type: "text", key: "refusal", delta: refusal })
    out.push({ type: "annotation", kind: "text", key: "refusal", provider, fields: { refusal: true } })
  }
  if (toolCallDeltas.length > 0) {
    out.push({ type: "end", key: "content" })
    // One by one: the arguments of a call have to fit on the stack.
    for (const event of more?.pieces ?? []) out.push(event)
    if (more?.pieces === undefined) { for (const piece of toolCallDeltas) out.push({ type: "tool-call-piece", piece }) }
  }
  if (audioDelta !== undefined) {
    const { data, expiresAt, id: audioId, transcript } = audioDelta
    if (transcript !== undefined && transcript !== "") {
      out.push({ type: "text", key: "transcript", delta: transcript })
      out.push({ type: "annotation", kind: "text", key: "transcript", provider, fields: { audioTranscript: true } })
    }
    // Streams give 16-bit samples only.
    out.push({ type: "file", key: "audio", mediaType: "audio/pcm", data, provider, fields: { audioId, expiresAt } })
  }
  if (usage !== undefined) out.push({ type: "usage", provider, usage })
}
