/**
 * A chunk of Groq's chat completions.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import { ChatCompletionChunk, usageOf } from "../protocols/ChatCompletions.ts"
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

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(GroqPayload, GroqChunk)
}
