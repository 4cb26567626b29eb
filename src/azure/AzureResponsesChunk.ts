/**
 * A chunk of Azure's Responses API.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { defined } from "../internal/defined.ts"
import { ResponsesChunk } from "../protocols/responses/chunk.ts"
import { Payload } from "../protocols/responses/payload.ts"

/**
 * A chunk of the Responses API of Azure OpenAI.
 *
 * `chunk` is the data of an event of `POST …/openai/v1/responses` with `stream: true`, unknown fields and values
 * included. `model` is as Azure states it: usually the name of the deployment.
 *
 * @example
 * ```ts
 * import { AzureResponsesChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(AzureResponsesChunk.FromPayload)({
 *   type: "response.incomplete",
 *   response: { id: "resp_1", incomplete_details: { reason: "max_output_tokens" } }
 * })
 * chunk.commonFinishReasons // ["length"]
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export class AzureResponsesChunk
  extends ResponsesChunk.extend<AzureResponsesChunk>("effect-llm-stream/AzureResponsesChunk")({
    _tag: Schema.tag("AzureResponsesChunk"),
    provider: Schema.tag("azure"),
    /** The region that answers (`eastus2`), from the response's headers; absent when they do not state it. */
    region: Schema.optionalKey(Schema.String),
    /** The model or deployment that was asked for; absent in a recording. */
    requestedModel: Schema.optionalKey(Schema.String),
    /** How the model is deployed (`global`, `dataZone`, `regional`), by the layer's option; absent when it is not set. */
    deploymentType: Schema.optionalKey(Schema.String)
  })
{
  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    const { deploymentType, region, requestedModel } = this
    return (region ?? requestedModel ?? deploymentType) === undefined ? super.costDetails : {
      ...super.costDetails,
      ...defined({ deploymentType, region, requestedModel })
    }
  }

  /**
   * What the content filter found in the prompt and in the answer, as Azure states it; `[]` when this chunk does not say.
   *
   * @since 0.2.0
   */
  get contentFilters(): ReadonlyArray<unknown> {
    return this.response?.content_filters ?? []
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.2.0
   */
  static readonly FromPayload = fromPayload(Payload, AzureResponsesChunk)
}
