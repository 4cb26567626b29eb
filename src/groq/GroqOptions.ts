/**
 * Groq's own fields of a chat request.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"
import { ResponseFormat } from "../protocols/chatCompletions/options.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly groq?: GroqOptions | undefined
  }
}

/**
 * How the web is searched, for models that do so.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchSettings {
  /** The country to search in, by its English name in small letters: `united states`. */
  readonly country?: string
  /** Domains that are left out; `*` stands for any text. */
  readonly exclude_domains?: ReadonlyArray<string>
  /** The only domains that are searched; `*` stands for any text. */
  readonly include_domains?: ReadonlyArray<string>
  /** Whether images are searched for as well. */
  readonly include_images?: boolean
}

const SearchSettings: Exact<SearchSettings> = exactFields(open({
  country: Schema.optionalKey(Schema.String),
  exclude_domains: Schema.optionalKey(Schema.Array(Schema.String)),
  include_domains: Schema.optionalKey(Schema.Array(Schema.String)),
  include_images: Schema.optionalKey(Schema.Boolean)
}))

/**
 * The models behind a compound model.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompoundModels {
  /** The model that answers. */
  readonly answering_model?: string | null
  /** The model that thinks. */
  readonly reasoning_model?: string | null
}

const CompoundModels: Exact<CompoundModels> = exactFields(open({
  answering_model: nullish(Schema.String),
  reasoning_model: nullish(Schema.String)
}))

/**
 * The tools that a compound model may use.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompoundTools {
  /** `web_search`, `visit_website`, `code_interpreter`, `browser_automation`, `wolfram_alpha`. */
  readonly enabled_tools?: ReadonlyArray<string> | null
  /** Your key to Wolfram Alpha. */
  readonly wolfram_settings?: { readonly [key: string]: unknown } | null
}

const CompoundTools: Exact<CompoundTools> = exactFields(open({
  enabled_tools: nullish(Schema.Array(Schema.String)),
  wolfram_settings: nullish(Schema.Record(Schema.String, Schema.Unknown))
}))

/**
 * Which models and tools a compound model uses.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompoundCustom {
  /** The models behind it. */
  readonly models?: CompoundModels | null
  /** The tools that it may use. */
  readonly tools?: CompoundTools | null
}

const CompoundCustom: Exact<CompoundCustom> = exactFields(open({
  models: nullish(CompoundModels),
  tools: nullish(CompoundTools)
}))

/**
 * Options of the stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface StreamOptions {
  /** Whether the last chunk states the usage; the library asks for it by itself. */
  readonly include_usage?: boolean | null
}

const StreamOptions: Exact<StreamOptions> = exactFields(open({
  include_usage: nullish(Schema.Boolean)
}))

/**
 * Groq's own request fields, by their names on the wire: the request body of `POST /openai/v1/chat/completions`,
 * without `model`, `messages` and `stream`.
 *
 * See https://console.groq.com/docs/api-reference.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroqOptions {
  /** Whether the answer cites the `documents`. Default: `enabled`. */
  readonly citation_options?: Word<"enabled" | "disabled"> | null
  /** Which models and tools a compound model uses. */
  readonly compound_custom?: CompoundCustom | null
  /** Whether a call of a tool that the request does not define is passed on instead of an error. Default: false. */
  readonly disable_tool_validation?: boolean
  /** Texts for the model to answer from, and to cite. */
  readonly documents?: ReadonlyArray<{ readonly [key: string]: unknown }> | null
  /** Deprecated: `search_settings`. */
  readonly exclude_domains?: ReadonlyArray<string> | null
  /** -2 to 2; above 0, frequent tokens become less likely. */
  readonly frequency_penalty?: number | null
  /** Deprecated: `search_settings`. */
  readonly include_domains?: ReadonlyArray<string> | null
  /** Whether gpt-oss states its reasoning. Not with `reasoning_format`. */
  readonly include_reasoning?: boolean | null
  /** Documented as not supported yet. */
  readonly logit_bias?: { readonly [token: string]: number } | null
  /** Documented as not supported yet. */
  readonly logprobs?: boolean | null
  /** Most tokens to generate, reasoning included. */
  readonly max_completion_tokens?: number | null
  /** Deprecated: `max_completion_tokens`. */
  readonly max_tokens?: number | null
  /** Documented as not supported yet. */
  readonly metadata?: { readonly [key: string]: string } | null
  /** How many alternative answers: 1. */
  readonly n?: number | null
  /** Whether the model may call several tools at once. Default: true. */
  readonly parallel_tool_calls?: boolean | null
  /** -2 to 2; above 0, tokens that have occurred become less likely. */
  readonly presence_penalty?: number | null
  /** How much the model thinks: `none`, `default` for Qwen; `low`, `medium`, `high` for gpt-oss. */
  readonly reasoning_effort?: Word<"none" | "default" | "low" | "medium" | "high"> | null
  /** Where the reasoning is: nowhere, in the text, or apart from it. `raw` takes neither tools nor JSON. */
  readonly reasoning_format?: Word<"hidden" | "raw" | "parsed"> | null
  /** The form of the answer. Default: text. */
  readonly response_format?: ResponseFormat | null
  /** How the web is searched, by models that do so. */
  readonly search_settings?: SearchSettings | null
  /** Seed: makes equal requests give the same answer, as far as possible. */
  readonly seed?: number | null
  /** How the request is processed. */
  readonly service_tier?: Word<"auto" | "on_demand" | "flex" | "performance"> | null
  /** Up to 4 texts at which the model stops. */
  readonly stop?: string | ReadonlyArray<string> | null
  /** Documented as not supported yet. */
  readonly store?: boolean | null
  /** Options of the stream. */
  readonly stream_options?: StreamOptions | null
  /** 0 to 2; lower is more predictable. */
  readonly temperature?: number | null
  /** Whether the model calls tools, and which. */
  readonly tool_choice?: Word<"none" | "auto" | "required"> | { readonly [key: string]: unknown } | null
  /** Tools by their definitions on the wire. For functions use `tools` of the request. */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }> | null
  /** Documented as not supported yet. */
  readonly top_logprobs?: number | null
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly top_p?: number | null
  /** Your id of the end user. */
  readonly user?: string | null
}

/**
 * Schema of Groq's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GroqOptions: Exact<GroqOptions> = exactFields(open({
  citation_options: nullish(word("enabled", "disabled")),
  compound_custom: nullish(CompoundCustom),
  disable_tool_validation: Schema.optionalKey(Schema.Boolean),
  documents: nullish(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  exclude_domains: nullish(Schema.Array(Schema.String)),
  frequency_penalty: nullish(Schema.Finite),
  include_domains: nullish(Schema.Array(Schema.String)),
  include_reasoning: nullish(Schema.Boolean),
  logit_bias: nullish(Schema.Record(Schema.String, Schema.Int)),
  logprobs: nullish(Schema.Boolean),
  max_completion_tokens: nullish(Schema.Int),
  max_tokens: nullish(Schema.Int),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  n: nullish(Schema.Int),
  parallel_tool_calls: nullish(Schema.Boolean),
  presence_penalty: nullish(Schema.Finite),
  reasoning_effort: nullish(word("none", "default", "low", "medium", "high")),
  reasoning_format: nullish(word("hidden", "raw", "parsed")),
  response_format: nullish(ResponseFormat),
  search_settings: nullish(SearchSettings),
  seed: nullish(Schema.Int),
  service_tier: nullish(word("auto", "on_demand", "flex", "performance")),
  stop: nullish(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  store: nullish(Schema.Boolean),
  stream_options: nullish(StreamOptions),
  temperature: nullish(Schema.Finite),
  tool_choice: nullish(Schema.Union([word("none", "auto", "required"), Schema.Record(Schema.String, Schema.Unknown)])),
  tools: nullish(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  top_logprobs: nullish(Schema.Int),
  top_p: nullish(Schema.Finite),
  user: nullish(Schema.String)
}))
