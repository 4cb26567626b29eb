/**
 * A chunk of Claude's native stream on Bedrock.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { fromPayload } from "../Chunk.ts"
import type { ContentEvent } from "../ContentEvent.ts"
import type * as CostMetadata from "../CostMetadata.ts"
import { type Exact, exactly } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"
import { validator } from "../internal/validator.ts"
import { MessagesChunk } from "../protocols/messages/chunk.ts"
import { contentEvents } from "../protocols/messages/content.ts"
import { Payload } from "../protocols/messages/payload.ts"
import * as Usage from "../Usage.ts"

/**
 * AWS's addition to the last event of a stream (`amazon-bedrock-invocationMetrics`).
 *
 * @category models
 * @since 0.1.0
 */
export interface InvocationMetrics {
  /** Tokens, without cache reads and writes. */
  readonly inputTokenCount?: number | null
  /** Tokens. */
  readonly outputTokenCount?: number | null
  /** Tokens. */
  readonly cacheReadInputTokenCount?: number | null
  /** Tokens. */
  readonly cacheWriteInputTokenCount?: number | null
  /** Milliseconds. */
  readonly invocationLatency?: number | null
  /** Milliseconds. */
  readonly firstByteLatency?: number | null
  readonly [key: string]: unknown
}

const InvocationMetrics: Exact<InvocationMetrics> = exactly(open({
  inputTokenCount: nullish(Schema.Finite),
  outputTokenCount: nullish(Schema.Finite),
  cacheReadInputTokenCount: nullish(Schema.Finite),
  cacheWriteInputTokenCount: nullish(Schema.Finite),
  invocationLatency: nullish(Schema.Finite),
  firstByteLatency: nullish(Schema.Finite)
}))

const isInvocationMetrics = validator(Schema.toType(InvocationMetrics))

/**
 * A chunk of Claude's native stream on Bedrock. It has the attributes of an `AnthropicChunk`. `chunk` is the Messages
 * event that an event of `POST /model/{modelId}/invoke-with-response-stream` wraps in base64. The wrapping itself, and
 * the random padding in it, is not kept.
 *
 * @example
 * ```ts
 * import { BedrockInvokeChunk } from "effect-llm-stream"
 * import { Arbitrary, Schema } from "effect"
 *
 * const chunk = Schema.decodeUnknownSync(BedrockInvokeChunk.FromPayload)({
 *   type: "message_stop",
 *   "amazon-bedrock-invocationMetrics": { inputTokenCount: 12, outputTokenCount: 100, firstByteLatency: 1019 }
 * })
 * chunk.invocationMetrics?.firstByteLatency // 1019
 * chunk.usage // undefined
 *
 * // In a property test: any valid chunk.
 * const arbitrary = Arbitrary.schema(BedrockInvokeChunk)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class BedrockInvokeChunk
  extends MessagesChunk.extend<BedrockInvokeChunk>("effect-llm-stream/BedrockInvokeChunk")({
    _tag: Schema.tag("BedrockInvokeChunk"),
    provider: Schema.tag("bedrock"),
    /**
     * True where `usage` comes from AWS's metrics, because the events before it stated none. The decoder of a stream
     * knows that.
     */
    usageFromMetrics: Schema.optionalKey(Schema.Boolean),
    /** AWS's id of the request, from the response's header `x-amzn-requestid`. */
    requestId: Schema.optionalKey(Schema.String),
    /** The model id, inference profile or ARN that was asked for. */
    modelId: Schema.optionalKey(Schema.String),
    /** The AWS region that the request was sent to. */
    region: Schema.optionalKey(Schema.String),
    /** The tier that served the request, from the response's header `x-amzn-bedrock-service-tier`. */
    serviceTier: Schema.optionalKey(Schema.String),
    /** The latency it was served with, from the header `x-amzn-bedrock-performanceconfig-latency`. */
    latency: Schema.optionalKey(Schema.String)
  })
{
  /** @since 0.1.0 */
  override get usage(): Usage.Usage | undefined {
    const metrics = this.usageFromMetrics === true ? this.invocationMetrics : undefined
    return metrics === undefined ? super.usage : Usage.fromStated({
      uncachedInputTokens: metrics.inputTokenCount,
      cachedTokens: metrics.cacheReadInputTokenCount,
      cacheWriteTokens: metrics.cacheWriteInputTokenCount,
      outputTokens: metrics.outputTokenCount
    })
  }

  /** @internal */
  override get isPiece(): boolean {
    return super.isPiece && this.invocationMetrics === undefined
  }

  /** @since 0.2.0 */
  override contentEvents(out: Array<ContentEvent>): void {
    contentEvents(this, "bedrockInvoke", out)
  }

  /** @since 0.2.0 */
  override get costDetails(): CostMetadata.Fields | undefined {
    return {
      ...super.costDetails,
      // The prefix of what was asked for decides the price; `message_start` states the model without it.
      ...(this.modelId ? { model: this.modelId } : undefined),
      ...(this.region ? { region: this.region } : undefined),
      ...(this.serviceTier ? { serviceTier: this.serviceTier } : undefined),
      ...(this.latency ? { speed: this.latency } : undefined)
    }
  }

  /**
   * AWS's own counts and latencies of the response; `undefined` when this chunk does not state them. `usage` has
   * Anthropic's counts, where these are stated.
   *
   * @since 0.1.0
   */
  get invocationMetrics(): InvocationMetrics | undefined {
    const metrics = this.chunk["amazon-bedrock-invocationMetrics"]
    return isInvocationMetrics(metrics) ? metrics : undefined
  }

  /**
   * The codec between a payload and a chunk: decoding wraps the payload, encoding gives it back unchanged.
   *
   * @since 0.1.0
   */
  static readonly FromPayload = fromPayload(Payload, BedrockInvokeChunk)
}
