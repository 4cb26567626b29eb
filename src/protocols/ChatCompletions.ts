/**
 * The chat-completions wire format, which OpenAI, Groq, Azure and many other hosts share: payload schema, chunk
 * attributes, finish reasons, errors, request encoding and the end of a stream.
 *
 * A provider that adds fields spreads these field records into its own schema and extends {@link ChatCompletionChunk}.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import type { Attributes, AudioDelta, ChoiceDelta, ToolCallDelta } from "../Chunk.ts"
import type { CostMetadata } from "../Cost.ts"
import * as FinishReason from "../FinishReason.ts"
import * as CostMetadataOf from "../internal/costMetadata.ts"
import { defined } from "../internal/defined.ts"
import * as FromPayload from "../internal/fromPayload.ts"
import { excerpt, failureOf } from "../engine/httpFailure.ts"
import * as JsonEvent from "../internal/jsonEvent.ts"
import { elements, list, nullish, open } from "../internal/open.ts"
import * as Prompt from "../internal/prompt.ts"
import * as Service from "../internal/service.ts"
import { sseFraming } from "../internal/sseFraming.ts"
import { validator } from "../internal/validator.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Payload
// ---------------------------------------------------------------------------------------------------------------------

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

const WireUsage = open(usageFields)

type WireUsage = typeof WireUsage.Type

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

// ---------------------------------------------------------------------------------------------------------------------
// Chunk
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The finish reasons of the chat-completions format.
 *
 * @category mapping
 * @since 0.1.0
 */
export const finishReasons = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter"
} as const satisfies FinishReason.Table

const toCommon = FinishReason.fromTable(finishReasons)

// A host that leaves the index out means the position in the array.
const indexOf = (choice: Choice, position: number): number => choice.index ?? position

const contentOf = (choice: Choice): string => {
  const content = choice.delta?.content
  if (content === null || content === undefined) return ""
  return typeof content === "string" ? content : content.map((part) => part?.text ?? "").join("")
}

const refusalOf = (choice: Choice): string => choice.delta?.refusal ?? ""

const toolCallDeltasOf = (choice: Choice): ReadonlyArray<ToolCallDelta> => {
  const delta = choice.delta
  if (delta?.tool_calls !== null && delta?.tool_calls !== undefined) {
    return elements(delta.tool_calls).map((call) => ({
      ...(call.index === null || call.index === undefined ? undefined : { index: call.index }),
      ...(call.id === null || call.id === undefined || call.id === "" ? undefined : { id: call.id }),
      ...nameOf(call.function?.name ?? call.custom?.name),
      arguments: argumentsOf(call.function?.arguments ?? call.custom?.input)
    }))
  }
  if (delta?.function_call !== null && delta?.function_call !== undefined) {
    return [{ index: 0, ...nameOf(delta.function_call.name), arguments: argumentsOf(delta.function_call.arguments) }]
  }
  return []
}

const nameOf = (name: string | null | undefined) =>
  name === null || name === undefined || name === "" ? undefined : { name }

const argumentsOf = (value: string | Readonly<Record<string, unknown>> | null | undefined): string =>
  value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)

const finishReasonOf = (choice: Choice): string | undefined => choice.finish_reason || undefined

/**
 * The usage that `usage` objects of this format state, of each count the last stated; `undefined` when they state none.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 *
 * const usage = ChatCompletions.usageOf({ prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 60 } }, null)
 * usage?.cachedTokens // 60
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const usageOf = (...usages: ReadonlyArray<WireUsage | null | undefined>): Usage.Usage | undefined => {
  let merged: Usage.Usage | undefined
  for (const usage of usages) {
    const stated = statedUsage(usage)
    merged = merged === undefined || stated === undefined ? stated ?? merged : Usage.merge(merged, stated)
  }
  return merged
}

const statedUsage = (usage: WireUsage | null | undefined): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    inputTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens,
    cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens,
    inputTextTokens: usage.prompt_tokens_details?.text_tokens,
    inputAudioTokens: usage.prompt_tokens_details?.audio_tokens,
    inputImageTokens: usage.prompt_tokens_details?.image_tokens,
    outputTokens: usage.completion_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens,
    outputTextTokens: usage.completion_tokens_details?.text_tokens,
    outputAudioTokens: usage.completion_tokens_details?.audio_tokens,
    acceptedPredictionTokens: usage.completion_tokens_details?.accepted_prediction_tokens,
    rejectedPredictionTokens: usage.completion_tokens_details?.rejected_prediction_tokens
  })

/**
 * A chunk of any host of this format: the payload, and the common attributes computed from it.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 *
 * const chunk = new ChatCompletions.ChatCompletionChunk({
 *   provider: "gateway",
 *   chunk: { choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "length" }] }
 * })
 * chunk.content // "Hello"
 * chunk.commonFinishReasons // ["length"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class ChatCompletionChunk extends Schema.Class<ChatCompletionChunk>("effect-llm-stream/ChatCompletionChunk")({
  provider: Schema.String,
  chunk: Payload
}) implements Attributes {
  /**
   * The reasoning text of a choice; for a host that sends it under a name of its own to override.
   *
   * @since 0.1.0
   */
  protected reasoningOf({ delta }: Choice): string {
    return delta?.reasoning ?? delta?.reasoning_content ?? ""
  }

  private get first(): Choice | undefined {
    const choices = this.chunk.choices
    if (choices === null || choices === undefined) return undefined
    const [choice] = choices
    if (choice === undefined || choice !== null && indexOf(choice, 0) === 0) return choice
    return choices.find((choice, position) => choice !== null && indexOf(choice, position) === 0) ?? undefined
  }

  /** @since 0.1.0 */
  get content(): string {
    const choice = this.first
    return choice === undefined ? "" : contentOf(choice)
  }

  /** @since 0.1.0 */
  get reasoning(): string {
    const choice = this.first
    return choice === undefined ? "" : this.reasoningOf(choice)
  }

  /** @since 0.1.0 */
  get refusal(): string {
    const choice = this.first
    return choice === undefined ? "" : refusalOf(choice)
  }

  /** @since 0.1.0 */
  get finishReasons(): ReadonlyArray<string> {
    return elements(this.chunk.choices).flatMap((choice) => finishReasonOf(choice) ?? [])
  }

  /** @since 0.1.0 */
  get commonFinishReasons(): ReadonlyArray<FinishReason.FinishReason> {
    return this.finishReasons.map(toCommon)
  }

  /** @since 0.1.0 */
  get id(): string | undefined {
    return this.chunk.id || undefined
  }

  /** @since 0.1.0 */
  get model(): string | undefined {
    return this.chunk.model || undefined
  }

  /** @since 0.1.0 */
  get usage(): Usage.Usage | undefined {
    return usageOf(this.chunk.choices?.find((choice) => choice?.usage)?.usage, this.chunk.usage)
  }

  /** @since 0.1.0 */
  get inputTokens(): number | undefined {
    return this.usage?.inputTokens
  }

  /** @since 0.1.0 */
  get cachedTokens(): number | undefined {
    return this.usage?.cachedTokens
  }

  /** @since 0.1.0 */
  get outputTokens(): number | undefined {
    return this.usage?.outputTokens
  }

  /** @since 0.1.0 */
  get audio(): Uint8Array | undefined {
    return this.audioDelta?.data
  }

  /** @since 0.1.0 */
  get audioTranscript(): string | undefined {
    return this.first?.delta?.audio?.transcript ?? undefined
  }

  /** @since 0.1.0 */
  get audioDelta(): AudioDelta | undefined {
    const audio = this.first?.delta?.audio
    if (audio === null || audio === undefined) return undefined
    const data = typeof audio.data === "string" ? Result.getOrUndefined(Base64.decode(audio.data)) : undefined
    return {
      id: audio.id ?? undefined,
      data,
      transcript: audio.transcript ?? undefined,
      expiresAt: audio.expires_at ?? undefined
    }
  }

  /** @since 0.1.0 */
  get toolCallDeltas(): ReadonlyArray<ToolCallDelta> {
    const choice = this.first
    return choice === undefined ? [] : toolCallDeltasOf(choice)
  }

  /** @since 0.1.0 */
  get choiceDeltas(): ReadonlyArray<ChoiceDelta> {
    return (this.chunk.choices ?? []).flatMap((choice, position) =>
      choice === null ? [] : [{
        index: indexOf(choice, position),
        content: contentOf(choice),
        reasoning: this.reasoningOf(choice),
        refusal: refusalOf(choice),
        toolCallDeltas: toolCallDeltasOf(choice),
        finishReason: finishReasonOf(choice)
      }]
    )
  }

  /** @since 0.1.0 */
  get costMetadata(): CostMetadata {
    const statedCost = statedCostOf(this.chunk.usage)
    return CostMetadataOf.fromChunk(this, {
      ...(this.chunk.service_tier ? { serviceTier: this.chunk.service_tier } : undefined),
      ...(statedCost === undefined ? undefined : { statedCost })
    })
  }
}

// USD: a number at OpenRouter, an object with the total at Perplexity.
const statedCostOf = (usage: WireUsage | null | undefined): number | undefined => {
  const cost = usage?.["cost"]
  const total = Predicate.hasProperty(cost, "total_cost") ? cost.total_cost : cost
  return typeof total === "number" && Number.isFinite(total) ? total : undefined
}

/**
 * The codec between a host's payload and its chunk: decoding wraps the payload, encoding gives it back unchanged.
 *
 * @example
 * ```ts
 * import { ChatCompletions, OpenAiChunk } from "effect-llm-stream"
 * import { Schema } from "effect"
 *
 * const FromPayload = ChatCompletions.fromPayload(ChatCompletions.Payload, OpenAiChunk)
 * const chunk = Schema.decodeUnknownSync(FromPayload)({ choices: [{ index: 0, delta: { content: "Hello" } }] })
 * chunk.content // "Hello"
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromPayload = <P extends Payload, C extends { readonly chunk: P }>(
  payload: Schema.Codec<P, P>,
  chunk: Schema.Schema<C> & (new(fields: { readonly chunk: P }) => C)
) => FromPayload.fromPayload(payload, chunk)

// ---------------------------------------------------------------------------------------------------------------------
// Protocol
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The errors of the chat-completions format, as OpenAI documents them and its compatible hosts use them.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  codes: {
    invalid_api_key: "Authentication",
    authentication_error: "Authentication",
    permission_error: "PermissionDenied",
    model_not_found: "NotFound",
    previous_response_not_found: "NotFound",
    context_length_exceeded: "ContextLengthExceeded",
    content_filter: "ContentFiltered",
    content_policy_violation: "ContentFiltered",
    rate_limit_exceeded: "RateLimited",
    insufficient_quota: "QuotaExceeded",
    billing_hard_limit_reached: "QuotaExceeded",
    overloaded_error: "Overloaded",
    server_error: "ServerError",
    api_error: "ServerError",
    timeout: "Timeout",
    invalid_request_error: "InvalidRequest"
  },
  messages: [
    [/maximum context length|prompt is too long|input tokens exceeded/i, "ContextLengthExceeded"],
    [/exceeded your current quota/i, "QuotaExceeded"]
  ],
  retryableStatuses: [409]
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { ChatCompletions, OpenAiChunk } from "effect-llm-stream"
 *
 * const protocol = ChatCompletions.protocol({
 *   provider: "gateway",
 *   payload: ChatCompletions.Payload,
 *   make: (chunk) => new OpenAiChunk({ provider: "gateway", chunk }),
 *   errors: { ...ChatCompletions.errors, statuses: { 520: "Overloaded" } }
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <P extends Payload, C extends Attributes>(options: {
  readonly provider: string
  /** The host's payload schema; its encoded form is the payload itself. */
  readonly payload: Schema.Codec<P, P>
  /** The host's chunk from a payload that passed the schema. */
  readonly make: (payload: P, info: Provider.ResponseInfo) => C
  readonly errors: ProviderError.Table
  /** A failure that the host states in a place of its own. */
  readonly failure?: (payload: P) => ProviderError.Failure | undefined
}): Provider.Protocol<C> => {
  const isPayload = validator(options.payload)
  const invalid = JsonEvent.invalidPayload(options.payload)
  return Provider.protocol({
    provider: options.provider,
    framing: sseFraming,
    errors: options.errors,
    events: (info) => {
      let count = 0
      let chunks = 0
      let done = false
      let audioComplete = false
      const unfinished = new Map<number, boolean>()
      const observe = ({ choices }: Payload) => {
        if (choices === null || choices === undefined) return
        for (let position = 0; position < choices.length; position++) {
          const choice = choices[position]
          if (choice === undefined || choice === null) continue
          const index = indexOf(choice, position)
          if (choice.finish_reason) {
            unfinished.set(index, false)
          } else if (!unfinished.has(index)) {
            unfinished.set(index, true)
          }
          // With audio output no chunk states a finish reason; the expiry comes when the audio is complete.
          if (typeof choice.delta?.audio?.expires_at === "number") audioComplete = true
        }
      }
      const incomplete = () =>
        new ProviderError.IncompleteStream({
          message: chunks === 0
            ? "The stream ended without a single chunk"
            : `The stream ended after ${chunks} chunks without a finish reason`
        })
      return {
        event: (event, out) => {
          const position = count++
          if (isTerminator(event.data)) {
            done = true
            return chunks === 0 ? incomplete() : undefined
          }
          const json = JsonEvent.parse(event.data, position)
          if (json === undefined) return undefined
          if (json instanceof ProviderError.MalformedEvent) {
            // An event that the end of the body cut off is not malformed: the stream is incomplete.
            if (event.unterminated) return undefined
            return event.event === "error"
              ? ProviderError.classify({ message: excerpt(event.data) }, options.errors)
              : json
          }
          const stated = event.event === "error" || isFailure(json)
            ? failureOf(json) ?? { message: "The provider stated an error without a message" }
            : undefined
          if (!isPayload(json)) {
            return stated === undefined
              ? invalid(json, event.data, position)
              : ProviderError.classify(stated, options.errors)
          }
          const failure = stated ?? options.failure?.(json) ?? choiceFailure(json)
          const chunk = options.make(json, info)
          if (failure === undefined) {
            observe(json)
            chunks++
            out.push(chunk)
            return undefined
          }
          if (hasOutput(chunk)) out.push(chunk)
          return ProviderError.classify(failure, options.errors)
        },
        get done() {
          return done
        },
        end: () => {
          if (audioComplete) return undefined
          for (const open of unfinished.values()) {
            if (open) return incomplete()
          }
          return unfinished.size === 0 ? incomplete() : undefined
        }
      }
    }
  })
}

// `{` first is every real event.
const isTerminator = (data: string): boolean => data.charCodeAt(0) !== 123 && data.trim() === "[DONE]"

// `{"error": …}`, or flat as vLLM and others send it.
const isFailure = (json: { readonly [key: string]: unknown }): boolean =>
  statesError(json["error"]) || json["object"] === "error" || json["type"] === "error"

// Some hosts have the field in every chunk.
const statesError = (error: unknown): boolean =>
  error !== undefined && error !== null && error !== "" && error !== false

const choiceFailure = (payload: Payload): ProviderError.Failure | undefined => {
  for (const choice of elements(payload.choices)) {
    if (statesError(choice["error"])) return failureOf(choice)
  }
  return undefined
}

const hasOutput = (chunk: Attributes): boolean =>
  chunk.usage !== undefined ||
  chunk.choiceDeltas.some((delta) =>
    delta.content !== "" || delta.reasoning !== "" || delta.refusal !== "" || delta.toolCallDeltas.length > 0
  )

// ---------------------------------------------------------------------------------------------------------------------
// Request
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What differs between the request bodies of the hosts of this format.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RequestQuirks {
  /** The body field that takes `maxTokens`. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens"
  /** Whether `stream_options.include_usage` is understood. */
  readonly includeUsage: boolean
}

/**
 * The request body for a chat request. `options` is merged into it last; streaming itself can't be turned off.
 *
 * Fails with `InvalidRequest` when the prompt holds what this format, or this version, can't send.
 *
 * @example
 * ```ts
 * import { ChatCompletions, ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const body = ChatCompletions.encodeRequest(
 *   ChatRequest.normalize({ prompt: "Say hello", maxTokens: 10 }),
 *   "llama3.2",
 *   { keep_alive: "5m" },
 *   { maxTokensField: "max_tokens", includeUsage: false }
 * )
 * Result.map(body, (body) => body["max_tokens"])
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  model: string | undefined,
  options: Readonly<Record<string, unknown>>,
  quirks: RequestQuirks
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.messages(request), (messages) => ({
    ...(model === undefined ? undefined : { model }),
    messages: messages.map(({ role, texts }) => ({ role, content: Prompt.content(texts) })),
    ...defined({
      [quirks.maxTokensField]: request.maxTokens,
      temperature: request.temperature,
      top_p: request.topP,
      frequency_penalty: request.frequencyPenalty,
      presence_penalty: request.presencePenalty,
      stop: request.stop,
      seed: request.seed
    }),
    ...options,
    stream: true,
    ...(quirks.includeUsage
      ? {
        stream_options: {
          ...(Predicate.isObject(options["stream_options"]) ? options["stream_options"] : undefined),
          include_usage: true
        }
      }
      : undefined)
  }))

// ---------------------------------------------------------------------------------------------------------------------
// Service
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A host of this format: where it is, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Host<C> extends Provider.Policy {
  readonly protocol: Provider.Protocol<C>
  /** The key of the host's own fields in a request's `options`. Default: the protocol's provider. */
  readonly optionsKey?: string | undefined
  /** The address of its chat completions. */
  readonly url: (model: string) => string
  /** What the body calls the model, `undefined` to leave it out. Default: what the request calls it. */
  readonly bodyModel?: ((model: string) => string | undefined) | undefined
  readonly quirks: RequestQuirks
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Headers that hold the credential; made anew for every attempt. Default: none. */
  readonly authorization?:
    | Effect.Effect<Readonly<Record<string, string | Redacted.Redacted>>, ProviderError.Reason>
    | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
}

/**
 * Makes the `stream` function of a host of this format, from an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { ChatCompletions, OpenAiCompatible } from "effect-llm-stream"
 *
 * const gateway = ChatCompletions.make({
 *   protocol: OpenAiCompatible.protocol({ provider: "gateway" }),
 *   url: (model) => `https://gateway.example/${encodeURIComponent(model)}/chat/completions`,
 *   quirks: { maxTokensField: "max_tokens", includeUsage: true }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<C>(
  host: Host<C>
): Effect.fn.Return<
  { readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<C, ProviderError.ProviderError> },
  never,
  HttpClient.HttpClient
> {
  const { authorization = Effect.succeed({}), bodyModel = (model) => model, headers = {}, quirks } = host
  return {
    stream: Service.streamJson({
      client: yield* Service.client,
      protocol: host.protocol,
      policy: host,
      optionsKey: host.optionsKey ?? host.protocol.provider,
      defaultModel: host.model,
      encode: (request, model, options) => encodeRequest(request, bodyModel(model), options, quirks),
      send: Effect.fnUntraced(function*(body, model) {
        const request = yield* Service.postJson(host.url(model), body)
        return request.pipe(
          HttpClientRequest.accept("text/event-stream"),
          Service.setHeaders(headers),
          Service.setHeaders(yield* authorization)
        )
      }),
      secrets: Service.secrets(undefined, headers)
    })
  }
})
