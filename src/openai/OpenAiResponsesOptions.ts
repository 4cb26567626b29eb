/**
 * Programs that give access to a model for a purpose.
 *
 * @category models
 * @since 0.2.0
 */
export interface AccessPrograms {
  /** Default: what the model and the project have access to. */
  readonly cyber?: Word<"standard" | "daybreak_blue" | "daybreak_red">
}

const AccessPrograms: Exact<AccessPrograms> = exactFields(open({
  cyber: Schema.optionalKey(word("standard", "daybreak_blue", "daybreak_red"))
}))

/**
 * How a long context is cut.
 of OpenAI's Responses API.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"
import { Moderation, PromptCacheOptions } from "./sharedOptions.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly openaiResponses?: OpenAiResponsesOptions | undefined
  }
}

/**
 * The form of the answer's text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextFormat {
  /** `text`, `json_object` or `json_schema`. */
  readonly type: Word<"text" | "json_object" | "json_schema">
  /** With `json_schema`: letters, digits, `_` and `-`; at most 64 characters. */
  readonly name?: string
  /** With `json_schema`: what the answer is, for the model. */
  readonly description?: string
  /** With `json_schema`: JSON Schema. */
  readonly schema?: { readonly [key: string]: unknown }
  /** With `json_schema`: whether the answer has to match exactly. */
  readonly strict?: boolean | null
}

const TextFormat: Exact<TextFormat> = exactFields(open({
  type: word("text", "json_object", "json_schema"),
  name: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  schema: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  strict: nullish(Schema.Boolean)
}))

/**
 * The form and the length of the answer's text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextOptions {
  /** Its form. Default: text. */
  readonly format?: TextFormat
  /** How long it is. */
  readonly verbosity?: Word<"low" | "medium" | "high"> | null
}

const TextOptions: Exact<TextOptions> = exactFields(open({
  format: Schema.optionalKey(TextFormat),
  verbosity: nullish(word("low", "medium", "high"))
}))

/**
 * How the model reasons.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningOptions {
  /** Which turns' reasoning the model sees. */
  readonly context?: Word<"auto" | "current_turn" | "all_turns"> | null
  /** How much it thinks; each model takes some of these. */
  readonly effort?: Word<"none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max"> | null
  /** Deprecated: `summary`. */
  readonly generate_summary?: Word<"auto" | "concise" | "detailed"> | null
  /** `pro` thinks longer, at a higher price. */
  readonly mode?: Word<"standard" | "pro">
  /** Which summary of the reasoning is stated. */
  readonly summary?: Word<"auto" | "concise" | "detailed"> | null
}

const ReasoningOptions: Exact<ReasoningOptions> = exactFields(open({
  context: nullish(word("auto", "current_turn", "all_turns")),
  effort: nullish(word("none", "minimal", "low", "medium", "high", "xhigh", "max")),
  generate_summary: nullish(word("auto", "concise", "detailed")),
  mode: Schema.optionalKey(word("standard", "pro")),
  summary: nullish(word("auto", "concise", "detailed"))
}))

/**
 * A prompt that is stored at OpenAI.
 *
 * @category models
 * @since 0.2.0
 */
export interface StoredPrompt {
  /** The id of the prompt. */
  readonly id: string
  /** Default: the current version. */
  readonly version?: string | null
  /** Values of its variables: texts, or input parts. */
  readonly variables?: { readonly [key: string]: unknown } | null
}

const StoredPrompt: Exact<StoredPrompt> = exactFields(open({
  id: Schema.String,
  version: nullish(Schema.String),
  variables: nullish(Schema.Record(Schema.String, Schema.Unknown))
}))

/**
 * A conversation that is stored at OpenAI.
 *
 * @category models
 * @since 0.2.0
 */
export interface Conversation {
  /** The id of the conversation. */
  readonly id: string
}

const Conversation: Exact<Conversation> = exactFields(open({
  id: Schema.String
}))

/**
 * How a long context is cut.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContextManagement {
  /** `compaction`. */
  readonly type: Word<"compaction">
  /** Tokens from which it is cut, at least 1000. */
  readonly compact_threshold?: number | null
}

const ContextManagement: Exact<ContextManagement> = exactFields(open({
  type: word("compaction"),
  compact_threshold: nullish(Schema.Int)
}))

/**
 * Options of the stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponsesStreamOptions {
  /** Whether events are padded against attacks that measure their length. Default: true. */
  readonly include_obfuscation?: boolean
}

const ResponsesStreamOptions: Exact<ResponsesStreamOptions> = exactFields(open({
  include_obfuscation: Schema.optionalKey(Schema.Boolean)
}))

/**
 * The own request fields of OpenAI's Responses API, by their names on the wire: the request body of
 * `POST /v1/responses`, without `model`, `input` and `stream`.
 *
 * See https://platform.openai.com/docs/api-reference/responses/create.
 *
 * @category models
 * @since 0.2.0
 */
export interface OpenAiResponsesOptions {
  /** Programs that the request makes use of. */
  readonly access_programs?: AccessPrograms
  /** Whether the answer is made in the background. */
  readonly background?: boolean | null
  /** How a long context is cut. */
  readonly context_management?: ReadonlyArray<ContextManagement> | null
  /** The stored conversation that the request belongs to. */
  readonly conversation?: string | Conversation | null
  /** Additional fields of the answer. */
  readonly include?:
    | ReadonlyArray<
      Word<
        | "file_search_call.results"
        | "web_search_call.results"
        | "web_search_call.action.sources"
        | "message.input_image.image_url"
        | "computer_call_output.output.image_url"
        | "code_interpreter_call.outputs"
        | "reasoning.encrypted_content"
        | "message.output_text.logprobs"
      >
    >
    | null
  /** Instructions to the model. Not kept over `previous_response_id`. */
  readonly instructions?: string | null
  /** Most tokens to generate, reasoning included; at least 16. */
  readonly max_output_tokens?: number | null
  /** Most calls of tools that OpenAI runs. */
  readonly max_tool_calls?: number | null
  /** Stored with the answer: up to 16 pairs, keys of at most 64 and values of at most 512 characters. */
  readonly metadata?: { readonly [key: string]: string } | null
  /** Which moderation runs beside the model. */
  readonly moderation?: Moderation | null
  /** Whether the model may call several tools at once. Default: true. */
  readonly parallel_tool_calls?: boolean | null
  /** The stored answer that this request continues. */
  readonly previous_response_id?: string | null
  /** A prompt that is stored at OpenAI. */
  readonly prompt?: StoredPrompt | null
  /** A key that requests with the same prefix share, for more cache hits. */
  readonly prompt_cache_key?: string | null
  /** How the prompt is cached. */
  readonly prompt_cache_options?: PromptCacheOptions
  /** How long a cached prefix is kept: `in_memory` (minutes) or `24h`. */
  readonly prompt_cache_retention?: Word<"in_memory" | "24h"> | null
  /** How the model reasons. */
  readonly reasoning?: ReasoningOptions | null
  /** Your id of the end user, hashed; at most 64 characters. */
  readonly safety_identifier?: string | null
  /** How the request is processed, and at which price. */
  readonly service_tier?: Word<"auto" | "default" | "flex" | "scale" | "priority" | "fast" | "ultrafast"> | null
  /** Whether OpenAI keeps the answer. Default: true. */
  readonly store?: boolean | null
  /** Options of the stream. */
  readonly stream_options?: ResponsesStreamOptions | null
  /** 0 to 2; lower is more predictable. */
  readonly temperature?: number | null
  /** The form and the length of the answer's text. */
  readonly text?: TextOptions
  /** Whether the model calls tools, and which. */
  readonly tool_choice?: Word<"none" | "auto" | "required"> | { readonly [key: string]: unknown }
  /** Tools by their definitions on the wire. For functions use `tools` of the request. */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /**
   * How many of the likeliest tokens are stated at each place, 0 to 20; needs `message.output_text.logprobs` in
   * `include`.
   */
  readonly top_logprobs?: number
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly top_p?: number | null
  /** `auto` drops old items that do not fit into the context; `disabled` fails. Default: `disabled`. */
  readonly truncation?: Word<"auto" | "disabled"> | null
  /** Deprecated: `safety_identifier` and `prompt_cache_key`. */
  readonly user?: string
}

/**
 * Schema of the own request fields of OpenAI's Responses API. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.2.0
 */
export const OpenAiResponsesOptions: Exact<OpenAiResponsesOptions> = exactFields(open({
  access_programs: Schema.optionalKey(AccessPrograms),
  background: nullish(Schema.Boolean),
  context_management: nullish(Schema.Array(ContextManagement)),
  conversation: nullish(Schema.Union([Schema.String, Conversation])),
  include: nullish(
    Schema.Array(
      word(
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        "message.output_text.logprobs"
      )
    )
  ),
  instructions: nullish(Schema.String),
  max_output_tokens: nullish(Schema.Int),
  max_tool_calls: nullish(Schema.Int),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  moderation: nullish(Moderation),
  parallel_tool_calls: nullish(Schema.Boolean),
  previous_response_id: nullish(Schema.String),
  prompt: nullish(StoredPrompt),
  prompt_cache_key: nullish(Schema.String),
  prompt_cache_options: Schema.optionalKey(PromptCacheOptions),
  prompt_cache_retention: nullish(word("in_memory", "24h")),
  reasoning: nullish(ReasoningOptions),
  safety_identifier: nullish(Schema.String),
  service_tier: nullish(word("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
  store: nullish(Schema.Boolean),
  stream_options: nullish(ResponsesStreamOptions),
  temperature: nullish(Schema.Finite),
  text: Schema.optionalKey(TextOptions),
  tool_choice: Schema.optionalKey(
    Schema.Union([word("none", "auto", "required"), Schema.Record(Schema.String, Schema.Unknown)])
  ),
  tools: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  top_logprobs: Schema.optionalKey(Schema.Int),
  top_p: nullish(Schema.Finite),
  truncation: nullish(word("auto", "disabled")),
  user: Schema.optionalKey(Schema.String)
}))
