/**
 * Anthropic's own fields of a chat request.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type FieldsOf, type Word, word } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly anthropic?: AnthropicOptions | undefined
  }
}

/**
 * A mark in the prompt. The prompt up to it is cached.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheControl {
  /** `ephemeral`. */
  readonly type: Word<"ephemeral">
  /** How long it is kept. Default: `5m`. */
  readonly ttl?: Word<"5m" | "1h">
}

const CacheControl: Exact<CacheControl> = exactFields(open({
  type: word("ephemeral"),
  ttl: Schema.optionalKey(word("5m", "1h"))
}))

/**
 * Metadata of the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface RequestMetadata {
  /** Your id of the end user, hashed; at most 512 characters. */
  readonly user_id?: string | null
}

const RequestMetadata: Exact<RequestMetadata> = exactFields(open({
  user_id: nullish(Schema.String)
}))

/**
 * A JSON schema that the answer has to match.
 *
 * @category models
 * @since 0.2.0
 */
export interface JsonOutputFormat {
  /** `json_schema`. */
  readonly type: Word<"json_schema">
  /** JSON Schema, of which a subset is taken. */
  readonly schema: { readonly [key: string]: unknown }
}

const JsonOutputFormat: Exact<JsonOutputFormat> = exactFields(open({
  type: word("json_schema"),
  schema: Schema.Record(Schema.String, Schema.Unknown)
}))

/**
 * The effort and the form of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputConfig {
  /** How much work the model puts in; each model takes some of these. */
  readonly effort?: Word<"low" | "medium" | "high" | "xhigh" | "max"> | null
  /** The form of the answer. Default: text. */
  readonly format?: JsonOutputFormat | null
  /** How many tokens a whole task may take; in beta. */
  readonly task_budget?: unknown
}

const OutputConfig: Exact<OutputConfig> = exactFields(open({
  effort: nullish(word("low", "medium", "high", "xhigh", "max")),
  format: nullish(JsonOutputFormat),
  task_budget: Schema.optionalKey(Schema.Unknown)
}))

/**
 * How the model thinks.
 *
 * @category models
 * @since 0.2.0
 */
export interface Thinking {
  /** `enabled` needs `budget_tokens`; from Claude 4.7 on it is `adaptive` with `output_config.effort` instead. */
  readonly type: Word<"enabled" | "disabled" | "adaptive" | "between_tools">
  /** Most tokens of thinking; at least 1024 and less than `max_tokens`. */
  readonly budget_tokens?: number
  /** How much of the thinking is shown. */
  readonly display?: Word<"summarized" | "omitted" | "updates"> | null
  /** Whether thinking blocks hold at their place only; in beta. */
  readonly block_binding?: unknown
}

const Thinking: Exact<Thinking> = exactFields(open({
  type: word("enabled", "disabled", "adaptive", "between_tools"),
  budget_tokens: Schema.optionalKey(Schema.Int),
  display: nullish(word("summarized", "omitted", "updates")),
  block_binding: Schema.optionalKey(Schema.Unknown)
}))

/**
 * Whether the model calls tools, and which.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolChoice {
  /** `any`: at least one; `tool`: the one of this `name`. */
  readonly type: Word<"auto" | "any" | "tool" | "none">
  /** With `tool`: the name of the tool. */
  readonly name?: string
  /** Whether the model calls one tool at a time. */
  readonly disable_parallel_tool_use?: boolean
}

const ToolChoice: Exact<ToolChoice> = exactFields(open({
  type: word("auto", "any", "tool", "none"),
  name: Schema.optionalKey(Schema.String),
  disable_parallel_tool_use: Schema.optionalKey(Schema.Boolean)
}))

/**
 * An MCP server whose tools Anthropic calls; in beta.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpServer {
  /** `url`. */
  readonly type: Word<"url">
  /** Its address. */
  readonly url: string
  /** Its name in `mcp_toolset` tools and in blocks. */
  readonly name: string
  /** A token for the server. It goes into the body as it is. */
  readonly authorization_token?: string | null
  /** Deprecated: a tool of type `mcp_toolset`. */
  readonly tool_configuration?: { readonly [key: string]: unknown } | null
}

const McpServer: Exact<McpServer> = exactFields(open({
  type: word("url"),
  url: Schema.String,
  name: Schema.String,
  authorization_token: nullish(Schema.String),
  tool_configuration: nullish(Schema.Record(Schema.String, Schema.Unknown))
}))

/**
 * How Anthropic cuts a long conversation; in beta.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContextManagement {
  /** The cuts, each by its `type`. */
  readonly edits?: ReadonlyArray<{ readonly [key: string]: unknown }>
}

const ContextManagement: Exact<ContextManagement> = exactFields(open({
  edits: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown)))
}))

/**
 * Anthropic's own request fields, by their names on the wire: the request body of `POST /v1/messages`, without
 * `model`, `messages` and `stream`. `betas` is the exception: it is sent as the header `anthropic-beta`.
 *
 * See https://platform.claude.com/docs/en/api/messages/create.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnthropicOptions {
  /** Names of beta features, added to those of the layer. */
  readonly betas?: ReadonlyArray<string> | null
  /** How the request is billed; in beta. */
  readonly billing_policy?: unknown
  /** Marks the last block that can be cached. */
  readonly cache_control?: CacheControl | null
  /** The container of the code execution tool: the id of an earlier one, or what to put into it. */
  readonly container?: string | { readonly [key: string]: unknown } | null
  /** How a long conversation is cut; in beta. */
  readonly context_management?: ContextManagement | null
  /** Asks for diagnostics of the request; in beta. */
  readonly diagnostics?: unknown
  /** The credit that a refusal stated, which this request redeems on another model; in beta. */
  readonly fallback_credit_token?: unknown
  /** Models that answer when the first one can't; in beta. */
  readonly fallbacks?: unknown
  /** Where the model runs: `us`, `global`. */
  readonly inference_geo?: string | null
  /** Most tokens to generate, thinking included. */
  readonly max_tokens?: number
  /** MCP servers whose tools Anthropic calls; in beta. */
  readonly mcp_servers?: ReadonlyArray<McpServer>
  /** Metadata of the request. */
  readonly metadata?: RequestMetadata
  /** The effort and the form of the answer. */
  readonly output_config?: OutputConfig
  /** How unsafe content is handled; in beta. */
  readonly safeguards?: unknown
  /** `auto` uses priority capacity where there is some; `standard_only` does not. Default: `auto`. */
  readonly service_tier?: Word<"auto" | "standard_only">
  /** `fast` costs more; in beta. */
  readonly speed?: Word<"standard" | "fast"> | null
  /** Texts at which the model stops. */
  readonly stop_sequences?: ReadonlyArray<string>
  /** Instructions to the model: a text, or text blocks. */
  readonly system?: string | ReadonlyArray<{ readonly [key: string]: unknown }>
  /** 0 to 1; lower is more predictable. */
  readonly temperature?: number
  /** How the model thinks. */
  readonly thinking?: Thinking
  /** The thread that the request belongs to; in beta. */
  readonly thread?: unknown
  /** Whether the model calls tools, and which. */
  readonly tool_choice?: ToolChoice
  /**
   * Tools by their definitions on the wire, such as those that Anthropic runs. For functions use `tools` of the
   * request.
   */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** Number of most likely tokens to sample from. */
  readonly top_k?: number
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly top_p?: number
  /** The profile of the end user; in beta. */
  readonly user_profile_id?: string
  /** The workspace that the request counts for; in beta. */
  readonly workspace_id?: string
}

const fields = {
  betas: nullish(Schema.Array(Schema.String)),
  billing_policy: Schema.optionalKey(Schema.Unknown),
  cache_control: nullish(CacheControl),
  container: nullish(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)])),
  context_management: nullish(ContextManagement),
  diagnostics: Schema.optionalKey(Schema.Unknown),
  fallback_credit_token: Schema.optionalKey(Schema.Unknown),
  fallbacks: Schema.optionalKey(Schema.Unknown),
  inference_geo: nullish(Schema.String),
  max_tokens: Schema.optionalKey(Schema.Int),
  mcp_servers: Schema.optionalKey(Schema.Array(McpServer)),
  metadata: Schema.optionalKey(RequestMetadata),
  output_config: Schema.optionalKey(OutputConfig),
  safeguards: Schema.optionalKey(Schema.Unknown),
  service_tier: Schema.optionalKey(word("auto", "standard_only")),
  speed: nullish(word("standard", "fast")),
  stop_sequences: Schema.optionalKey(Schema.Array(Schema.String)),
  system: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Record(Schema.String, Schema.Unknown))])),
  temperature: Schema.optionalKey(Schema.Finite),
  thinking: Schema.optionalKey(Thinking),
  thread: Schema.optionalKey(Schema.Unknown),
  tool_choice: Schema.optionalKey(ToolChoice),
  tools: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  top_k: Schema.optionalKey(Schema.Int),
  top_p: Schema.optionalKey(Schema.Finite),
  user_profile_id: Schema.optionalKey(Schema.String),
  workspace_id: Schema.optionalKey(Schema.String)
}

/**
 * Schema of Anthropic's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnthropicOptions: Exact<AnthropicOptions> = exactFields(open(fields))

/**
 * The schemas of Anthropic's own request fields, for a host that takes the same or most of them.
 *
 * @category schemas
 * @since 0.2.0
 */
export const anthropicFields: FieldsOf<AnthropicOptions> = fields
