/**
 * A chunk of OpenAI's Responses API.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { ResponsesChunk } from "../protocols/responses/chunk.ts"
import { Payload } from "../protocols/responses/payload.ts"

/**
 * A chunk of OpenAI's Responses API, or of a host that speaks the same format; `provider` tells which.
 *
 * `chunk` is the data of an event of `POST /v1/responses` with `stream: true`, unknown fields and values included.
 *
 * @example
 * ```ts
 * import { OpenAiResponsesChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(OpenAiResponsesChunk.FromPayload)({
 *   type: "response.output_text.delta",
 *   sequence_number: 4,
 *   item_id: "msg_1",
 *   output_index: 0,
 *   content_index: 0,
 *   delta: "Hello"
 * })
 * chunk.content // "Hello"
 * chunk.sequenceNumber // 4
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class OpenAiResponsesChunk
  extends ResponsesChunk.extend<OpenAiResponsesChunk>("effect-llm-stream/OpenAiResponsesChunk")({
    _tag: Schema.tag("OpenAiResponsesChunk"),
    provider: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("openai"))),
    /** The region of OpenAI's host that was asked (`eu` of `eu.api.openai.com`), which costs more; absent otherwise. */
    region: Schema.optionalKey(Schema.String)
  })
{
  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const { region } = this
    return region === undefined ? super.costDetails : { ...super.costDetails, region }
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.2.0
   */
  static readonly FromPayload = fromPayload(Payload, OpenAiResponsesChunk)
}
