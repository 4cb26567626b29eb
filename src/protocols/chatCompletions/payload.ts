/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly, type FieldsOf } from "../../internal/exact.ts"
import { list, nullish, number, type Open, open, text } from "../../internal/open.ts"

/**
 * The function that a tool call names, and a piece of its arguments.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCallFunction extends Open {
  readonly name?: string | null
  /** A string by the specification; some hosts send the object itself. */
  readonly arguments?: string | { readonly [key: string]: unknown } | null
}

const ToolCallFunction: Exact<ToolCallFunction> = exactly(open({
  name: text,
  arguments: nullish(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)]))
}))

/**
 * A piece of a tool call in `choices[].delta.tool_calls`.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolCall extends Open {
  /** Position of the call among those of its choice. */
  readonly index?: number | null
  readonly id?: string | null
  /** `function`, or `custom` for a tool that takes free text. */
  readonly type?: string | null
  readonly function?: ToolCallFunction | null
  readonly custom?: CustomToolCall | null
}

/**
 * A piece of a call of a tool that takes free text.
 *
 * @category models
 * @since 0.2.0
 */
export interface CustomToolCall extends Open {
  readonly name?: string | null
  readonly input?: string | null
}

const CustomToolCall: Exact<CustomToolCall> = exactly(open({ name: text, input: text }))

const ToolCall: Exact<ToolCall> = exactly(
  open({ index: number, id: text, type: text, function: nullish(ToolCallFunction), custom: nullish(CustomToolCall) })
)

/**
 * A token and its log probability.
 *
 * @category models
 * @since 0.2.0
 */
export interface TopLogprob extends Open {
  readonly token?: string | null
  /** The token's bytes in UTF-8. */
  readonly bytes?: ReadonlyArray<number> | null
  /** `null` for a token that can't come: JSON has no minus infinity. */
  readonly logprob?: number | null
}

/**
 * A token of the answer, its log probability, and the tokens that were likely at its place.
 *
 * @category models
 * @since 0.2.0
 */
export interface TokenLogprob extends TopLogprob {
  readonly top_logprobs?: ReadonlyArray<TopLogprob | null> | null
}

/**
 * Log probabilities of the tokens in a choice.
 *
 * @category models
 * @since 0.2.0
 */
export interface Logprobs extends Open {
  readonly content?: ReadonlyArray<TokenLogprob | null> | null
  readonly refusal?: ReadonlyArray<TokenLogprob | null> | null
}

const topLogprobFields = {
  token: text,
  bytes: nullish(Schema.Array(Schema.Finite)),
  logprob: number
}

const TokenLogprob: Exact<TokenLogprob> = exactly(
  open({ ...topLogprobFields, top_logprobs: nullish(list(open(topLogprobFields))) })
)

/**
 * A part of a delta's content, at hosts that send parts instead of text.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentPart extends Open {
  readonly type?: string | null
  readonly text?: string | null
}

/**
 * A piece of audio output.
 *
 * @category models
 * @since 0.2.0
 */
export interface Audio extends Open {
  readonly id?: string | null
  /** Base64. */
  readonly data?: string | null
  readonly transcript?: string | null
  /** Unix seconds. */
  readonly expires_at?: number | null
}

/**
 * What a chunk adds to a choice, as it comes over the wire.
 *
 * @category models
 * @since 0.2.0
 */
export interface Delta extends Open {
  readonly role?: string | null
  /** A string by the specification; some hosts send parts. */
  readonly content?: string | ReadonlyArray<ContentPart | null> | null
  readonly refusal?: string | null
  /** Reasoning text at hosts other than OpenAI. */
  readonly reasoning?: string | null
  /** Reasoning text at hosts other than OpenAI, under its other name. */
  readonly reasoning_content?: string | null
  readonly function_call?: ToolCallFunction | null
  readonly tool_calls?: ReadonlyArray<ToolCall | null> | null
  readonly audio?: Audio | null
}

const ownDeltaFields = {
  role: text,
  content: nullish(Schema.Union([Schema.String, list(open({ type: text, text }))])),
  refusal: text,
  reasoning: text,
  reasoning_content: text,
  function_call: nullish(ToolCallFunction),
  tool_calls: nullish(list(ToolCall)),
  audio: nullish(open({ id: text, data: text, transcript: text, expires_at: number }))
}

const Delta: Exact<Delta> = exactly(open(ownDeltaFields))

/**
 * Fields of `choices[].delta`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const deltaFields: FieldsOf<Delta> = ownDeltaFields

/**
 * What the input tokens are.
 *
 * @category models
 * @since 0.2.0
 */
export interface PromptTokensDetails extends Open {
  readonly audio_tokens?: number | null
  readonly cache_write_tokens?: number | null
  readonly cached_tokens?: number | null
  readonly image_tokens?: number | null
  readonly text_tokens?: number | null
}

const PromptTokensDetails: Exact<PromptTokensDetails> = exactly(open({
  audio_tokens: number,
  cache_write_tokens: number,
  cached_tokens: number,
  image_tokens: number,
  text_tokens: number
}))

/**
 * What the output tokens are.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompletionTokensDetails extends Open {
  readonly accepted_prediction_tokens?: number | null
  readonly audio_tokens?: number | null
  readonly reasoning_tokens?: number | null
  readonly rejected_prediction_tokens?: number | null
  readonly text_tokens?: number | null
}

const CompletionTokensDetails: Exact<CompletionTokensDetails> = exactly(open({
  accepted_prediction_tokens: number,
  audio_tokens: number,
  reasoning_tokens: number,
  rejected_prediction_tokens: number,
  text_tokens: number
}))

/**
 * A `usage` object as it comes over the wire. All counts are tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface WireUsage extends Open {
  /** Cache reads and writes included. */
  readonly prompt_tokens?: number | null
  /** Reasoning included. */
  readonly completion_tokens?: number | null
  readonly total_tokens?: number | null
  /** Cache reads, as DeepSeek states them. */
  readonly prompt_cache_hit_tokens?: number | null
  /** Cache reads, as Moonshot states them. */
  readonly cached_tokens?: number | null
  readonly prompt_tokens_details?: PromptTokensDetails | null
  readonly completion_tokens_details?: CompletionTokensDetails | null
}

const ownUsageFields = {
  prompt_tokens: number,
  completion_tokens: number,
  total_tokens: number,
  prompt_cache_hit_tokens: number,
  cached_tokens: number,
  prompt_tokens_details: nullish(PromptTokensDetails),
  completion_tokens_details: nullish(CompletionTokensDetails)
}

/**
 * Schema of a `usage` object.
 *
 * @category schemas
 * @since 0.2.0
 */
export const WireUsage: Exact<WireUsage> = exactly(open(ownUsageFields))

/**
 * Fields of `usage`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const usageFields: FieldsOf<WireUsage> = ownUsageFields

/**
 * What a chunk says of one choice, as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Choice extends Open {
  /** Left out by some hosts: the choice's position in the array then counts. */
  readonly index?: number | null
  readonly delta?: Delta | null
  /** The host's word; `null` until the choice is finished. */
  readonly finish_reason?: string | null
  readonly logprobs?: Logprobs | null
  /** Where some hosts state the usage; OpenAI has no such field. */
  readonly usage?: WireUsage | null
}

const ownChoiceFields = {
  index: number,
  delta: nullish(Delta),
  finish_reason: text,
  logprobs: nullish(open({ content: nullish(list(TokenLogprob)), refusal: nullish(list(TokenLogprob)) })),
  usage: nullish(WireUsage)
}

const Choice: Exact<Choice> = exactly(open(ownChoiceFields))

/**
 * Fields of `choices[]`, with a provider's own delta.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const Delta = Schema.Struct({ ...ChatCompletions.deltaFields, mood: Schema.optionalKey(Schema.String) })
 * const Choice = Schema.Struct(ChatCompletions.choiceFields(Delta))
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const choiceFields = <D extends Schema.Constraint>(delta: D): ChoiceFields<D> => ({
  ...ownChoiceFields,
  delta: nullish(delta)
})

/**
 * Fields of `choices[]`, with a delta of schema `D`.
 *
 * @category schemas
 * @since 0.2.0
 */
export type ChoiceFields<D extends Schema.Constraint> = {
  readonly [K in keyof FieldsOf<Choice>]: K extends "delta" ? Schema.optionalKey<Schema.NullOr<D>> : FieldsOf<Choice>[K]
}

/**
 * A chat-completions chunk as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Payload extends Open {
  readonly id?: string | null
  readonly object?: string | null
  /** Unix seconds by the specification; some hosts send a date. */
  readonly created?: number | string | null
  readonly model?: string | null
  readonly choices?: ReadonlyArray<Choice | null> | null
  readonly usage?: WireUsage | null
  readonly service_tier?: string | null
  readonly system_fingerprint?: string | null
  readonly obfuscation?: string | null
  readonly moderation?: { readonly [key: string]: unknown } | null
}

const ownChunkFields = {
  id: text,
  object: text,
  created: nullish(Schema.Union([Schema.Finite, Schema.String])),
  model: text,
  choices: nullish(list(Choice)),
  usage: nullish(WireUsage),
  service_tier: text,
  system_fingerprint: text,
  obfuscation: text,
  moderation: nullish(open({}))
}

/**
 * Fields of a chunk, with a provider's own choice.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const Choice = Schema.Struct({
 *   ...ChatCompletions.choiceFields(Schema.Struct(ChatCompletions.deltaFields)),
 *   native_finish_reason: Schema.optionalKey(Schema.NullOr(Schema.String))
 * })
 * const Payload = Schema.Struct(ChatCompletions.chunkFields(Choice))
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const chunkFields = <C extends Schema.Constraint>(choice: C): ChunkFields<C> => ({
  ...ownChunkFields,
  choices: nullish(list(choice))
})

/**
 * Fields of a chunk, with choices of schema `C`.
 *
 * @category schemas
 * @since 0.2.0
 */
export type ChunkFields<C extends Schema.Constraint> = {
  readonly [K in keyof FieldsOf<Payload>]: K extends "choices"
    ? Schema.optionalKey<Schema.NullOr<Schema.$Array<Schema.NullOr<C>>>>
    : FieldsOf<Payload>[K]
}

/**
 * Schema of the payload that all hosts of this format share. Unknown fields and values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload: Exact<Payload> = exactly(open(ownChunkFields))

/**
 * The fields of {@link Payload}, for a host's own schema to spread.
 *
 * @category schemas
 * @since 0.2.0
 */
export const payloadFields: FieldsOf<Payload> = ownChunkFields

/**
 * The index of a choice: a host that leaves it out means the position in the array.
 *
 * @internal
 */
export const indexOf = (choice: Choice, position: number): number => choice.index ?? position
