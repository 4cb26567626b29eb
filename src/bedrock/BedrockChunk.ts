/**
 * A chunk of Bedrock's Converse API.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import { ConverseChunk } from "../protocols/converse/chunk.ts"
import { Payload } from "../protocols/converse/payload.ts"

/**
 * A chunk of Bedrock's Converse API, which is the same for all models. Every event of a stream is a chunk, events of
 * unknown types included; exceptions and errors fail the stream instead.
 *
 * `chunk` is the payload of an event of `POST /model/{modelId}/converse-stream` under the event's type, unknown fields
 * included. The response's id and model are not in it: they come from the response's headers and from the request, and
 * are absent in a recording.
 *
 * @example
 * ```ts
 * import { BedrockChunk } from "effect-llm-stream"
 * import { Arbitrary, Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(BedrockChunk.FromPayload)({
 *   contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hello" }, p: "abcd" }
 * })
 * chunk.content // "Hello"
 *
 * // In a property test: any valid chunk.
 * const arbitrary = Arbitrary.schema(BedrockChunk)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class BedrockChunk extends ConverseChunk.extend<BedrockChunk>("effect-llm-stream/BedrockChunk")({
  _tag: Schema.tag("BedrockChunk"),
  provider: Schema.tag("bedrock")
}) {
  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(Payload, BedrockChunk)
}
