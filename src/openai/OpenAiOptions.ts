/**
 * OpenAI's own fields of a chat request.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type FieldsOf, type Word, word } from "../internal/exact.ts"
import { nullish, open } from "../internal/open.ts"
import { ResponseFormat } from "../protocols/chatCompletions/options.ts"
import { Moderation, PromptCacheOptions } from "./sharedOptions.ts"

export * from "./sharedOptions.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly openai?: OpenAiOptions | undefined
  }
}

/**
 * A voice of your own.
 *
 * @category models
 * @since 0.2.0
 */
export interface CustomVoice {
  /** The id of the voice. */
  readonly id: string
}

const CustomVoice: Exact<CustomVoice> = exactFields(open({
  id: Schema.String
}))

/**
 * Spoken output.
 *
 * @category models
 * @since 0.2.0
 */
export interface AudioOutput {
  /** Who speaks: the name of a voice, or a custom voice. */
  readonly voice:
    | Word<"alloy" | "ash" | "ballad" | "coral" | "echo" | "sage" | "shimmer" | "verse" | "marin" | "cedar">
    | CustomVoice
  /** Encoding of the sound; streams take `pcm16` only. */
  readonly format: Word<"pcm16" | "wav" | "aac" | "mp3" | "flac" | "opus">
}

const AudioOutput: Exact<AudioOutput> = exactFields(open({
  voice: Schema.Union([
    word("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"),
    CustomVoice
  ]),
  format: word("pcm16", "wav", "aac", "mp3", "flac", "opus")
}))

/**
 * A place, roughly.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApproximateLocation {
  /** Two letters, ISO 3166-1: `US`. */
  readonly country?: string
  /** `California`. */
  readonly region?: string
  /** `San Francisco`. */
  readonly city?: string
  /** An IANA name: `America/Los_Angeles`. */
  readonly timezone?: string
}

const ApproximateLocation: Exact<ApproximateLocation> = exactFields(open({
  country: Schema.optionalKey(Schema.String),
  region: Schema.optionalKey(Schema.String),
  city: Schema.optionalKey(Schema.String),
  timezone: Schema.optionalKey(Schema.String)
}))

/**
 * Where the user is.
 *
 * @category models
 * @since 0.2.0
 */
export interface UserLocation {
  /** `approximate`. */
  readonly type: Word<"approximate">
  /** The place. */
  readonly approximate: ApproximateLocation
}

const UserLocation: Exact<UserLocation> = exactFields(open({
  type: word("approximate"),
  approximate: ApproximateLocation
}))

/**
 * How the web is searched, for models that do so in chat completions.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchOptions {
  /** How much of the results goes into the context. */
  readonly search_context_size?: Word<"low" | "medium" | "high">
  /** Where the user is. */
  readonly user_location?: UserLocation | null
}

const WebSearchOptions: Exact<WebSearchOptions> = exactFields(open({
  search_context_size: Schema.optionalKey(word("low", "medium", "high")),
  user_location: nullish(UserLocation)
}))

/**
 * Text that most of the answer is known to be, such as the file that is edited.
 *
 * @category models
 * @since 0.2.0
 */
export interface Prediction {
  /** `content`. */
  readonly type: Word<"content">
  /** The text, or text parts. */
  readonly content: string | ReadonlyArray<{ readonly [key: string]: unknown }>
}

const Prediction: Exact<Prediction> = exactFields(open({
  type: word("content"),
  content: Schema.Union([Schema.String, Schema.Array(Schema.Record(Schema.String, Schema.Unknown))])
}))

/**
 * Options of the stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface StreamOptions {
  /** Whether the last chunk states the usage; the library asks for it by itself. */
  readonly include_usage?: boolean
  /** Whether chunks are padded against attacks that measure their length. Default: true. */
  readonly include_obfuscation?: boolean
}

const StreamOptions: Exact<StreamOptions> = exactFields(open({
  include_usage: Schema.optionalKey(Schema.Boolean),
  include_obfuscation: Schema.optionalKey(Schema.Boolean)
}))

/**
 * OpenAI's own request fields, by their names on the wire: the request body of `POST /v1/chat/completions`, without
 * `model`, `messages` and `stream`.
 *
 * See https://platform.openai.com/docs/api-reference/chat/create.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenAiOptions {
  /** Spoken output; needs `audio` among the `modalities`. */
  readonly audio?: AudioOutput | null
  /** -2 to 2; above 0, frequent tokens become less likely. */
  readonly frequency_penalty?: number | null
  /** Deprecated: `tool_choice`. */
  readonly function_call?: Word<"none" | "auto"> | { readonly [key: string]: unknown }
  /** Deprecated: `tools`. */
  readonly functions?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** -100 to 100, by token id: how much likelier the token becomes. */
  readonly logit_bias?: { readonly [token: string]: number } | null
  /** Whether log probabilities of the tokens are stated. */
  readonly logprobs?: boolean | null
  /** Most tokens to generate, reasoning included. */
  readonly max_completion_tokens?: number | null
  /** Deprecated: `max_completion_tokens`. Reasoning models refuse it. */
  readonly max_tokens?: number | null
  /** Stored with the answer: up to 16 pairs, keys of at most 64 and values of at most 512 characters. */
  readonly metadata?: { readonly [key: string]: string } | null
  /** Forms of the answer. Default: `["text"]`. */
  readonly modalities?: ReadonlyArray<Word<"text" | "audio">> | null
  /** Which moderation runs beside the model. */
  readonly moderation?: Moderation | null
  /** How many alternative answers, 1 to 128. */
  readonly n?: number | null
  /** Whether the model may call several tools at once. Default: true. */
  readonly parallel_tool_calls?: boolean
  /** Text that most of the answer is known to be; makes it faster. */
  readonly prediction?: Prediction | null
  /** -2 to 2; above 0, tokens that have occurred become less likely. */
  readonly presence_penalty?: number | null
  /** A key that requests with the same prefix share, for more cache hits. */
  readonly prompt_cache_key?: string | null
  /** How the prompt is cached. */
  readonly prompt_cache_options?: PromptCacheOptions
  /** How long a cached prefix is kept: `in_memory` (minutes) or `24h`. */
  readonly prompt_cache_retention?: Word<"in_memory" | "24h"> | null
  /** How much a reasoning model thinks; each model takes some of these. */
  readonly reasoning_effort?: Word<"none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max"> | null
  /** The form of the answer. Default: text. */
  readonly response_format?: ResponseFormat
  /** Your id of the end user, hashed; at most 64 characters. */
  readonly safety_identifier?: string | null
  /** Seed: makes equal requests give the same answer, as far as possible. */
  readonly seed?: number | null
  /** How the request is processed, and at which price. */
  readonly service_tier?: Word<"auto" | "default" | "flex" | "scale" | "priority" | "fast"> | null
  /** Up to 4 texts at which the model stops. */
  readonly stop?: string | ReadonlyArray<string> | null
  /** Whether OpenAI keeps the answer, for evaluation and distillation. */
  readonly store?: boolean | null
  /** Options of the stream. */
  readonly stream_options?: StreamOptions | null
  /** 0 to 2; lower is more predictable. */
  readonly temperature?: number | null
  /** Whether the model calls tools, and which. */
  readonly tool_choice?: Word<"none" | "auto" | "required"> | { readonly [key: string]: unknown }
  /** Tools by their definitions on the wire. For functions use `tools` of the request. */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** How many of the likeliest tokens are stated at each place, 0 to 20; needs `logprobs`. */
  readonly top_logprobs?: number | null
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly top_p?: number | null
  /** Deprecated: `safety_identifier` and `prompt_cache_key`. */
  readonly user?: string
  /** How long the answer is. */
  readonly verbosity?: Word<"low" | "medium" | "high"> | null
  /** How the web is searched, by models that do so. */
  readonly web_search_options?: WebSearchOptions
}

const fields = {
  audio: nullish(AudioOutput),
  frequency_penalty: nullish(Schema.Finite),
  function_call: Schema.optionalKey(Schema.Union([word("none", "auto"), Schema.Record(Schema.String, Schema.Unknown)])),
  functions: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  logit_bias: nullish(Schema.Record(Schema.String, Schema.Int)),
  logprobs: nullish(Schema.Boolean),
  max_completion_tokens: nullish(Schema.Int),
  max_tokens: nullish(Schema.Int),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  modalities: nullish(Schema.Array(word("text", "audio"))),
  moderation: nullish(Moderation),
  n: nullish(Schema.Int),
  parallel_tool_calls: Schema.optionalKey(Schema.Boolean),
  prediction: nullish(Prediction),
  presence_penalty: nullish(Schema.Finite),
  prompt_cache_key: nullish(Schema.String),
  prompt_cache_options: Schema.optionalKey(PromptCacheOptions),
  prompt_cache_retention: nullish(word("in_memory", "24h")),
  reasoning_effort: nullish(word("none", "minimal", "low", "medium", "high", "xhigh", "max")),
  response_format: Schema.optionalKey(ResponseFormat),
  safety_identifier: nullish(Schema.String),
  seed: nullish(Schema.Int),
  service_tier: nullish(word("auto", "default", "flex", "scale", "priority", "fast")),
  stop: nullish(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  store: nullish(Schema.Boolean),
  stream_options: nullish(StreamOptions),
  temperature: nullish(Schema.Finite),
  tool_choice: Schema.optionalKey(
    Schema.Union([word("none", "auto", "required"), Schema.Record(Schema.String, Schema.Unknown)])
  ),
  tools: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  top_logprobs: nullish(Schema.Int),
  top_p: nullish(Schema.Finite),
  user: Schema.optionalKey(Schema.String),
  verbosity: nullish(word("low", "medium", "high")),
  web_search_options: Schema.optionalKey(WebSearchOptions)
}

/**
 * Schema of OpenAI's own request fields. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OpenAiOptions: Exact<OpenAiOptions> = exactFields(open(fields))

/**
 * The schemas of OpenAI's own request fields, for a host that takes the same and more.
 *
 * @category schemas
 * @since 0.2.0
 */
export const openAiFields: FieldsOf<OpenAiOptions> = fields
