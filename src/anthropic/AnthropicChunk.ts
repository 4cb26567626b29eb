/**
 * A chunk of Anthropic's Messages API.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import { MessagesChunk } from "../protocols/messages/chunk.ts"
import { Payload } from "../protocols/messages/payload.ts"

/**
 * A chunk of Anthropic's Messages API, or of a host that speaks the same format; `provider` tells which. Every event of
 * a stream is a chunk, pings and events of unknown types included; `error` events fail the stream instead.
 *
 * `chunk` is the data of a server-sent event of `POST /v1/messages` with `stream: true`, unknown fields and types
 * included. `content` comes from text blocks, `reasoning` from thinking blocks, and `toolCallDeltas` from `tool_use`
 * blocks, which the caller has to run.
 *
 * @example
 * ```ts
 * import { AnthropicChunk } from "effect-llm-stream"
 * import { Arbitrary, Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(AnthropicChunk.FromPayload)({
 *   type: "content_block_delta",
 *   index: 0,
 *   delta: { type: "text_delta", text: "Hello" }
 * })
 * chunk.content // "Hello"
 *
 * // In a property test: any valid chunk.
 * const arbitrary = Arbitrary.schema(AnthropicChunk)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class AnthropicChunk extends MessagesChunk.extend<AnthropicChunk>("effect-llm-stream/AnthropicChunk")({
  _tag: Schema.tag("AnthropicChunk"),
  provider: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("anthropic")))
}) {
  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(Payload, AnthropicChunk)
}
