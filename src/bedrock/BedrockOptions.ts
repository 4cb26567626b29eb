/**
 * Converse's own fields of a chat request.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { open } from "../internal/open.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly bedrock?: BedrockOptions | undefined
  }
}

/**
 * The parameters that all models have.
 *
 * @category models
 * @since 0.2.0
 */
export interface InferenceConfig {
  /** Most tokens to generate. */
  readonly maxTokens?: number
  /** 0 to 1; lower is more predictable. */
  readonly temperature?: number
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly topP?: number
  /** Up to 2500 texts at which the model stops. */
  readonly stopSequences?: ReadonlyArray<string>
}

const InferenceConfig: Exact<InferenceConfig> = exactFields(open({
  maxTokens: Schema.optionalKey(Schema.Int),
  temperature: Schema.optionalKey(Schema.Finite),
  topP: Schema.optionalKey(Schema.Finite),
  stopSequences: Schema.optionalKey(Schema.Array(Schema.String))
}))

/**
 * The guardrail that checks the prompt and the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface GuardrailConfig {
  /** Its id or ARN. */
  readonly guardrailIdentifier?: string
  /** A number, or `DRAFT`. */
  readonly guardrailVersion?: string
  /** Whether the stream has the guardrail's trace. */
  readonly trace?: Word<"enabled" | "disabled" | "enabled_full">
  /** `sync` holds the text back until it was checked. Default: `sync`. */
  readonly streamProcessingMode?: Word<"sync" | "async">
}

const GuardrailConfig: Exact<GuardrailConfig> = exactFields(open({
  guardrailIdentifier: Schema.optionalKey(Schema.String),
  guardrailVersion: Schema.optionalKey(Schema.String),
  trace: Schema.optionalKey(word("enabled", "disabled", "enabled_full")),
  streamProcessingMode: Schema.optionalKey(word("sync", "async"))
}))

/**
 * A JSON schema.
 *
 * @category models
 * @since 0.2.0
 */
export interface JsonSchemaDefinition {
  /** JSON Schema, as a text. */
  readonly schema: string
  /** Its name. */
  readonly name?: string
  /** What it describes, for the model. */
  readonly description?: string
}

const JsonSchemaDefinition: Exact<JsonSchemaDefinition> = exactFields(open({
  schema: Schema.String,
  name: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String)
}))

/**
 * What the answer has to match.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputFormatStructure {
  /** The schema. */
  readonly jsonSchema?: JsonSchemaDefinition
}

const OutputFormatStructure: Exact<OutputFormatStructure> = exactFields(open({
  jsonSchema: Schema.optionalKey(JsonSchemaDefinition)
}))

/**
 * The form of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputFormat {
  /** `json_schema`. */
  readonly type: Word<"json_schema">
  /** What the answer has to match. */
  readonly structure: OutputFormatStructure
}

const OutputFormat: Exact<OutputFormat> = exactFields(open({
  type: word("json_schema"),
  structure: OutputFormatStructure
}))

/**
 * The effort and the form of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputConfig {
  /** How much work the model puts in: `low`, `medium`, `high`, …; models vary. */
  readonly effort?: string
  /** The form of the answer. Default: text. */
  readonly textFormat?: OutputFormat
}

const OutputConfig: Exact<OutputConfig> = exactFields(open({
  effort: Schema.optionalKey(Schema.String),
  textFormat: Schema.optionalKey(OutputFormat)
}))

/**
 * How fast the model runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface PerformanceConfig {
  /** `optimized` costs more, and few models have it. Default: `standard`. */
  readonly latency?: Word<"standard" | "optimized">
}

const PerformanceConfig: Exact<PerformanceConfig> = exactFields(open({
  latency: Schema.optionalKey(word("standard", "optimized"))
}))

/**
 * The value of a variable.
 *
 * @category models
 * @since 0.2.0
 */
export interface PromptVariable {
  /** The value. */
  readonly text?: string
}

const PromptVariable: Exact<PromptVariable> = exactFields(open({
  text: Schema.optionalKey(Schema.String)
}))

/**
 * How the request is processed, and at which price.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServiceTierConfig {
  /** The tier. Default: `default`. */
  readonly type: Word<"default" | "flex" | "priority" | "reserved">
}

const ServiceTierConfig: Exact<ServiceTierConfig> = exactFields(open({
  type: word("default", "flex", "priority", "reserved")
}))

/**
 * The tools of the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolConfig {
  /** Tools, and marks of the prompt cache, by their definitions on the wire. */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** `{ auto: {} }`, `{ any: {} }` or `{ tool: { name } }`. */
  readonly toolChoice?: { readonly [key: string]: unknown }
}

const ToolConfig: Exact<ToolConfig> = exactFields(open({
  tools: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  toolChoice: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
}))

/**
 * Converse's own request fields, by their names on the wire: the request body of
 * `POST /model/{modelId}/converse-stream`, without `messages`.
 *
 * See https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
 *
 * @category models
 * @since 0.1.0
 */
export interface BedrockOptions {
  /** The model's own parameters, such as `top_k`, `thinking` or `anthropic_beta`. */
  readonly additionalModelRequestFields?: { readonly [key: string]: unknown }
  /** Up to 10 JSON pointers into the model's own response, such as `/stop_sequence`. */
  readonly additionalModelResponseFieldPaths?: ReadonlyArray<string>
  /** The guardrail that checks the prompt and the answer. */
  readonly guardrailConfig?: GuardrailConfig
  /** The parameters that all models have; merged field by field. */
  readonly inferenceConfig?: InferenceConfig
  /** The effort and the form of the answer. */
  readonly outputConfig?: OutputConfig
  /** How fast the model runs. */
  readonly performanceConfig?: PerformanceConfig
  /** Values of the variables of a prompt from prompt management, whose ARN is then the model. */
  readonly promptVariables?: { readonly [name: string]: PromptVariable }
  /** Goes into AWS's invocation logs: 1 to 16 pairs of at most 256 characters. */
  readonly requestMetadata?: { readonly [key: string]: string }
  /** How the request is processed, and at which price. */
  readonly serviceTier?: ServiceTierConfig
  /** Instructions to the model, by their blocks on the wire. */
  readonly system?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** The tools of the request. */
  readonly toolConfig?: ToolConfig
}

/**
 * Schema of Converse's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const BedrockOptions: Exact<BedrockOptions> = exactFields(open({
  additionalModelRequestFields: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  additionalModelResponseFieldPaths: Schema.optionalKey(Schema.Array(Schema.String)),
  guardrailConfig: Schema.optionalKey(GuardrailConfig),
  inferenceConfig: Schema.optionalKey(InferenceConfig),
  outputConfig: Schema.optionalKey(OutputConfig),
  performanceConfig: Schema.optionalKey(PerformanceConfig),
  promptVariables: Schema.optionalKey(Schema.Record(Schema.String, PromptVariable)),
  requestMetadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  serviceTier: Schema.optionalKey(ServiceTierConfig),
  system: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  toolConfig: Schema.optionalKey(ToolConfig)
}))
