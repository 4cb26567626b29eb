/**
 * A chunk of Groq's chat completions.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"
import { elements } from "../internal/open.ts"
import { ChatCompletionChunk, usageOf } from "../protocols/chatCompletions/chunk.ts"
import { indexOf } from "../protocols/chatCompletions/payload.ts"
import type { Usage } from "../Usage.ts"
import { GroqPayload } from "./GroqPayload.ts"

/**
 * A chunk of Groq's chat completions.
 *
 * `chunk` is the payload of `POST /openai/v1/chat/completions` with `stream: true`, unknown fields and values included.
 * Groq states the usage in up to three places; `usage` has it once.
 *
 * @example
 * ```ts
 * import { GroqChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(GroqChunk.FromPayload)({
 *   choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
 *   x_groq: { id: "req_1", usage: { prompt_tokens: 9, completion_tokens: 3, total_time: 0.02 } }
 * })
 * chunk.outputTokens // 3
 * chunk.chunk.x_groq?.usage?.total_time // 0.02
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class GroqChunk extends ChatCompletionChunk.extend<GroqChunk>("effect-llm-stream/GroqChunk")({
  _tag: Schema.tag("GroqChunk"),
  provider: Schema.tag("groq"),
  chunk: GroqPayload
}) {
  /** @since 0.1.0 */
  override get usage(): Usage | undefined {
    return usageOf(this.chunk.x_groq?.usage, this.chunk.usage)
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>, isNamed?: boolean): void {
    super.contentEvents(out, isNamed)
    const { provider } = this
    // Not as calls and results: Groq does not take them back.
    for (const [position, choice] of elements(this.chunk.choices).entries()) {
      const executedTools = indexOf(choice, position) === 0 ? choice.delta?.executed_tools : undefined
      if (Array.isArray(executedTools)) out.push({ type: "details", provider, lists: { executedTools } })
    }
    const xGroq = this.chunk.x_groq
    if (xGroq) out.push({ type: "details", provider, fields: { xGroq } })
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(GroqPayload, GroqChunk)
}
