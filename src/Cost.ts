/**
 * What a streamed completion costs: what the price depends on, and the computation.
 *
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"

const tokens = Schema.optionalKey(Schema.Natural)

/**
 * Everything that a price can depend on, as far as a chunk, a stream or a request states it. `undefined` means that it
 * was not stated.
 *
 * Token counts have the meaning of {@link Usage}: `inputTokens` includes `cachedTokens` and `cacheWriteTokens`,
 * `outputTokens` includes `reasoningTokens`.
 *
 * @category models
 * @since 0.1.0
 */
export class CostMetadata extends Schema.Class<CostMetadata>("effect-llm-stream/CostMetadata")({
  provider: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  inputTokens: tokens,
  cachedTokens: tokens,
  cacheWriteTokens: tokens,
  cacheWrite5mTokens: tokens,
  cacheWrite1hTokens: tokens,
  inputAudioTokens: tokens,
  inputImageTokens: tokens,
  outputTokens: tokens,
  reasoningTokens: tokens,
  outputAudioTokens: tokens,
  /** Requests made by tools that the provider runs itself, by kind (`web_search`, `web_fetch`, …). */
  serverToolRequests: Schema.optionalKey(Schema.Record(Schema.String, Schema.Natural)),
  /** Whether the response was streamed. */
  streamingMode: Schema.optionalKey(Schema.Boolean),
  /** Whether the request went through the provider's batch API. */
  batchMode: Schema.optionalKey(Schema.Boolean),
  /** The service tier that served the request, in the provider's words (`default`, `flex`, `priority`, …). */
  serviceTier: Schema.optionalKey(Schema.String),
  /** Anthropic's `usage.speed`: `standard` or `fast`. */
  speed: Schema.optionalKey(Schema.String),
  /** The cloud region that the request was sent to. */
  region: Schema.optionalKey(Schema.String),
  /** Anthropic's `usage.inference_geo`: where inference ran. */
  inferenceGeo: Schema.optionalKey(Schema.String),
  /** USD, when the provider itself states the cost of the response. */
  statedCost: Schema.optionalKey(Schema.Finite)
}) {}

/**
 * Merges what two chunks of one stream state: per field, the later stated value wins.
 *
 * @category combinators
 * @since 0.1.0
 */
export const mergeMetadata: {
  (that: CostMetadata): (self: CostMetadata) => CostMetadata
  (self: CostMetadata, that: CostMetadata): CostMetadata
} = dual(2, (self: CostMetadata, that: CostMetadata): CostMetadata => new CostMetadata({ ...self, ...that }))
