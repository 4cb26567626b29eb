/**
 * The own fields of a chat request to Claude's native stream on Bedrock.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { anthropicFields, type AnthropicOptions } from "../anthropic/AnthropicOptions.ts"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { open } from "../internal/open.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly bedrockInvoke?: BedrockInvokeOptions | undefined
  }
}

type AnthropicOnly =
  | "billing_policy"
  | "container"
  | "inference_geo"
  | "mcp_servers"
  | "service_tier"
  | "speed"
  | "thread"

const {
  billing_policy: _billingPolicy,
  container: _container,
  inference_geo: _inferenceGeo,
  mcp_servers: _mcpServers,
  service_tier: _serviceTier,
  speed: _speed,
  thread: _thread,
  ...shared
} = anthropicFields

/**
 * The native stream's own request fields, by their names on the wire: those of Anthropic's Messages, without what only
 * Anthropic itself takes, and those that AWS takes as headers, by their names in AWS's SDKs.
 *
 * See https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html.
 *
 * @category models
 * @since 0.1.0
 */
export interface BedrockInvokeOptions extends Omit<AnthropicOptions, AnthropicOnly> {
  /** Names of beta features; `betas` and those of the layer are added. */
  readonly anthropic_beta?: ReadonlyArray<string>
  /** Default: `bedrock-2023-05-31`. */
  readonly anthropic_version?: string
  /** The id or ARN of the guardrail that checks the prompt and the answer. */
  readonly guardrailIdentifier?: string
  /** A number, or `DRAFT`. */
  readonly guardrailVersion?: string
  /** `optimized` costs more, and few models have it. Default: `standard`. */
  readonly performanceConfigLatency?: Word<"standard" | "optimized">
  /** How the request is processed, and at which price. */
  readonly serviceTier?: Word<"default" | "flex" | "priority" | "reserved">
  /** Whether the stream has the guardrail's trace. */
  readonly trace?: Word<"ENABLED" | "DISABLED" | "ENABLED_FULL">
}

/**
 * Schema of the native stream's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const BedrockInvokeOptions: Exact<BedrockInvokeOptions> = exactFields(open({
  ...shared,
  anthropic_beta: Schema.optionalKey(Schema.Array(Schema.String)),
  anthropic_version: Schema.optionalKey(Schema.String),
  guardrailIdentifier: Schema.optionalKey(Schema.String),
  guardrailVersion: Schema.optionalKey(Schema.String),
  performanceConfigLatency: Schema.optionalKey(word("standard", "optimized")),
  serviceTier: Schema.optionalKey(word("default", "flex", "priority", "reserved")),
  trace: Schema.optionalKey(word("ENABLED", "DISABLED", "ENABLED_FULL"))
}))
