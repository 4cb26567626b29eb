/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { list, nullish, open } from "../../internal/open.ts"

const ToolCallFunction = open({
  name: nullish(Schema.String),
  // A string by the specification; some hosts send the object itself.
  arguments: nullish(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)]))
})

const ToolCall = open({
  index: nullish(Schema.Finite),
  id: nullish(Schema.String),
  type: nullish(Schema.String),
  function: nullish(ToolCallFunction),
  custom: nullish(open({ name: nullish(Schema.String), input: nullish(Schema.String) }))
})

const logprobFields = {
  token: nullish(Schema.String),
  bytes: nullish(Schema.Array(Schema.Finite)),
  // Of a token that can't come it is minus infinity, which JSON has only `null` for.
  logprob: nullish(Schema.Finite)
}

const TokenLogprob = open({ ...logprobFields, top_logprobs: nullish(list(open(logprobFields))) })

const Logprobs = open({
  content: nullish(list(TokenLogprob)),
  refusal: nullish(list(TokenLogprob))
})

/**
 * Fields of `choices[].delta`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const deltaFields = {
  role: nullish(Schema.String),
  // A string by the specification; some hosts send parts.
  content: nullish(
    Schema.Union([Schema.String, list(open({ type: nullish(Schema.String), text: nullish(Schema.String) }))])
  ),
  refusal: nullish(Schema.String),
  // Not in OpenAI's own types: the two names under which other hosts send reasoning text.
  reasoning: nullish(Schema.String),
  reasoning_content: nullish(Schema.String),
  function_call: nullish(ToolCallFunction),
  tool_calls: nullish(list(ToolCall)),
  audio: nullish(open({
    id: nullish(Schema.String),
    data: nullish(Schema.String),
    transcript: nullish(Schema.String),
    expires_at: nullish(Schema.Finite)
  }))
}

/**
 * Fields of `usage`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const usageFields = {
  prompt_tokens: nullish(Schema.Finite),
  completion_tokens: nullish(Schema.Finite),
  total_tokens: nullish(Schema.Finite),
  // Cache reads outside of the details: DeepSeek's and Moonshot's names.
  prompt_cache_hit_tokens: nullish(Schema.Finite),
  cached_tokens: nullish(Schema.Finite),
  prompt_tokens_details: nullish(open({
    audio_tokens: nullish(Schema.Finite),
    cache_write_tokens: nullish(Schema.Finite),
    cached_tokens: nullish(Schema.Finite),
    image_tokens: nullish(Schema.Finite),
    text_tokens: nullish(Schema.Finite)
  })),
  completion_tokens_details: nullish(open({
    accepted_prediction_tokens: nullish(Schema.Finite),
    audio_tokens: nullish(Schema.Finite),
    reasoning_tokens: nullish(Schema.Finite),
    rejected_prediction_tokens: nullish(Schema.Finite),
    text_tokens: nullish(Schema.Finite)
  }))
}

/**
 * Schema of a `usage` object.
 *
 * @category schemas
 * @since 0.2.0
 */
export const WireUsage = open(usageFields)

/**
 * A `usage` object as it comes over the wire.
 *
 * @category models
 * @since 0.2.0
 */
export type WireUsage = typeof WireUsage.Type

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
export const choiceFields = <D extends Schema.Constraint>(delta: D) => ({
  index: nullish(Schema.Finite),
  delta: nullish(delta),
  finish_reason: nullish(Schema.String),
  logprobs: nullish(Logprobs),
  // Not in OpenAI's own types: some hosts state the usage here.
  usage: nullish(WireUsage)
})

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
export const chunkFields = <C extends Schema.Constraint>(choice: C) => ({
  id: nullish(Schema.String),
  object: nullish(Schema.String),
  // Seconds by the specification; some hosts send a date.
  created: nullish(Schema.Union([Schema.Finite, Schema.String])),
  model: nullish(Schema.String),
  choices: nullish(list(choice)),
  usage: nullish(WireUsage),
  service_tier: nullish(Schema.String),
  system_fingerprint: nullish(Schema.String),
  obfuscation: nullish(Schema.String),
  moderation: nullish(open({}))
})

/**
 * Schema of the payload that all hosts of this format share. Unknown fields and values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload = open(chunkFields(open(choiceFields(open(deltaFields)))))

/**
 * A chat-completions chunk as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = typeof Payload.Type

/**
 * What a chunk says of one choice, as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type Choice = NonNullable<NonNullable<Payload["choices"]>[number]>

/**
 * The index of a choice: a host that leaves it out means the position in the array.
 *
 * @internal
 */
export const indexOf = (choice: Choice, position: number): number => choice.index ?? position
