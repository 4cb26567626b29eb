/**
 * Anthropic's Messages wire format: payload schema, finish reasons, usage, errors, request encoding and the end of a
 * stream. Whatever carries it, server-sent events or another framing, decodes with {@link events}.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../ChatRequest.ts"
import type * as FinishReason from "../FinishReason.ts"
import { defined } from "../internal/defined.ts"
import { failureOf } from "../engine/httpFailure.ts"
import * as JsonEvent from "../internal/jsonEvent.ts"
import { list, nullish, open } from "../internal/open.ts"
import * as Prompt from "../internal/prompt.ts"
import { sseFraming } from "../internal/sseFraming.ts"
import { validator } from "../internal/validator.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import type * as Sse from "../wire/Sse.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Payload
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The `type` of an event, content block or delta that this version does not know: a string, but not typed as one. So
 * comparing `type` with a known one narrows to that one alone, as a union with `string` in it would not;
 * `String(event.type)` gives the word.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownType {
  readonly "~effect-llm-stream/UnknownType": never
  readonly toString: () => string
}

const tagged = <const Type extends string, const Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  open({ type: Schema.Literal(type), ...fields })

interface Tagged extends Schema.Constraint {
  readonly schema: { readonly fields: { readonly type: { readonly literal: string } } }
}

/** One of the known members, or an object of any other type: a known type of the wrong shape is no unknown one. */
const openUnion = <const Members extends ReadonlyArray<Tagged>>(members: Members) => {
  const known = new Set(members.map((member) => member.schema.fields.type.literal))
  const unknown = Schema.String.check(Schema.makeFilter((type) => !known.has(type)))
  return Schema.Union([...members, open({ type: unknown as unknown as Schema.Codec<UnknownType, string> })])
}

/**
 * Schema of where a cited text is: the fields of all kinds of location, told apart by `type`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation = open({
  /** `char_location`, `page_location`, `content_block_location`, `web_search_result_location`, … */
  type: nullish(Schema.String),
  cited_text: nullish(Schema.String),
  document_index: nullish(Schema.Finite),
  document_title: nullish(Schema.String),
  file_id: nullish(Schema.String),
  start_char_index: nullish(Schema.Finite),
  end_char_index: nullish(Schema.Finite),
  start_page_number: nullish(Schema.Finite),
  end_page_number: nullish(Schema.Finite),
  start_block_index: nullish(Schema.Finite),
  end_block_index: nullish(Schema.Finite),
  url: nullish(Schema.String),
  title: nullish(Schema.String),
  encrypted_index: nullish(Schema.String),
  source: nullish(Schema.String),
  search_result_index: nullish(Schema.Finite)
})

/**
 * Where a cited text is.
 *
 * @category models
 * @since 0.1.0
 */
export type Citation = typeof Citation.Type

const toolUseFields = {
  id: nullish(Schema.String),
  name: nullish(Schema.String),
  /** `{}` when the input comes in deltas. */
  input: Schema.optionalKey(Schema.Unknown),
  caller: nullish(open({ type: nullish(Schema.String), tool_id: nullish(Schema.String) }))
}

const part = open({ type: nullish(Schema.String), text: nullish(Schema.String) })

/** The result is an object or a list, as documented for each tool; hosts with tools of their own send any of these. */
const toolResult = <const Type extends string, Result extends Schema.Constraint, Item extends Schema.Constraint>(
  type: Type,
  result: Result,
  item: Item
) =>
  tagged(type, {
    tool_use_id: nullish(Schema.String),
    content: nullish(Schema.Union([Schema.String, list(item), result])),
    is_error: nullish(Schema.Boolean),
    caller: nullish(open({ type: nullish(Schema.String), tool_id: nullish(Schema.String) }))
  })

// Either the result or, with an `error_code`, the tool's failure.
const resultFields = { type: nullish(Schema.String), error_code: nullish(Schema.String) }

const executionResult = open({
  ...resultFields,
  stdout: nullish(Schema.String),
  stderr: nullish(Schema.String),
  return_code: nullish(Schema.Finite),
  content: nullish(list(open({ type: nullish(Schema.String), file_id: nullish(Schema.String) })))
})

/**
 * Schema of a content block, as `content_block_start` and `message_start` state it. A block of a type that is not
 * listed here is kept as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlock = openUnion([
  tagged("text", { text: nullish(Schema.String), citations: nullish(list(Citation)) }),
  tagged("thinking", { thinking: nullish(Schema.String), signature: nullish(Schema.String) }),
  tagged("redacted_thinking", { data: nullish(Schema.String) }),
  tagged("tool_use", toolUseFields),
  tagged("server_tool_use", toolUseFields),
  tagged("mcp_tool_use", { ...toolUseFields, server_name: nullish(Schema.String) }),
  toolResult(
    "web_search_tool_result",
    open(resultFields),
    open({
      type: nullish(Schema.String),
      url: nullish(Schema.String),
      title: nullish(Schema.String),
      page_age: nullish(Schema.String),
      encrypted_content: nullish(Schema.String)
    })
  ),
  toolResult(
    "web_fetch_tool_result",
    open({
      ...resultFields,
      url: nullish(Schema.String),
      retrieved_at: nullish(Schema.String),
      content: Schema.optionalKey(Schema.Unknown)
    }),
    part
  ),
  toolResult("code_execution_tool_result", executionResult, part),
  toolResult("bash_code_execution_tool_result", executionResult, part),
  toolResult("text_editor_code_execution_tool_result", open(resultFields), part),
  toolResult(
    "tool_search_tool_result",
    open({
      ...resultFields,
      tool_references: nullish(
        list(open({ type: nullish(Schema.String), tool_name: nullish(Schema.String) }))
      )
    }),
    part
  ),
  toolResult("mcp_tool_result", open(resultFields), part),
  toolResult(
    "advisor_tool_result",
    open({
      ...resultFields,
      text: nullish(Schema.String),
      stop_reason: nullish(Schema.String),
      encrypted_content: nullish(Schema.String)
    }),
    part
  ),
  tagged("container_upload", { file_id: nullish(Schema.String) }),
  tagged("compaction", { content: nullish(Schema.String), encrypted_content: nullish(Schema.String) })
])

/**
 * A content block.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlock = typeof ContentBlock.Type

const deltas = [
  tagged("text_delta", { text: Schema.String }),
  tagged("input_json_delta", { partial_json: Schema.String }),
  tagged("thinking_delta", { thinking: Schema.String, estimated_tokens: nullish(Schema.Finite) }),
  tagged("signature_delta", { signature: Schema.String }),
  tagged("citations_delta", { citation: nullish(Citation) }),
  tagged("compaction_delta", { content: nullish(Schema.String), encrypted_content: nullish(Schema.String) })
] as const

/**
 * Schema of what a `content_block_delta` adds to its block. A delta of a type that is not listed here is kept as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlockDelta = openUnion(deltas)

/**
 * What a `content_block_delta` adds to its block.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlockDelta = typeof ContentBlockDelta.Type

const WireUsage = open({
  input_tokens: nullish(Schema.Finite),
  cache_read_input_tokens: nullish(Schema.Finite),
  cache_creation_input_tokens: nullish(Schema.Finite),
  cache_creation: nullish(open({
    ephemeral_5m_input_tokens: nullish(Schema.Finite),
    ephemeral_1h_input_tokens: nullish(Schema.Finite)
  })),
  output_tokens: nullish(Schema.Finite),
  output_tokens_details: nullish(open({ thinking_tokens: nullish(Schema.Finite) })),
  server_tool_use: nullish(open({
    web_search_requests: nullish(Schema.Finite),
    web_fetch_requests: nullish(Schema.Finite)
  })),
  service_tier: nullish(Schema.String),
  speed: nullish(Schema.String),
  inference_geo: nullish(Schema.String),
  /** One entry for each model call behind the response; those of type `compaction` are not in the totals above. */
  iterations: nullish(Schema.Array(Schema.Unknown))
})

/**
 * A `usage` object as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type WireUsage = typeof WireUsage.Type

const stopFields = {
  stop_reason: nullish(Schema.String),
  stop_sequence: nullish(Schema.String),
  /** With a refusal: its `category` and an `explanation`. */
  stop_details: nullish(open({
    type: nullish(Schema.String),
    category: nullish(Schema.String),
    explanation: nullish(Schema.String)
  })),
  /** The container of the code execution tool, which a later request can use again. */
  container: nullish(open({ id: nullish(Schema.String), expires_at: nullish(Schema.String) }))
}

const contextManagement = nullish(open({
  applied_edits: nullish(list(open({ type: nullish(Schema.String) })))
}))

const index = Schema.Finite

/**
 * Schema of an event's data: a tagged union by `type`. Unknown fields are kept, and so are events of a type that is not
 * listed here.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/streaming.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload = openUnion([
  tagged("message_start", {
    // Some hosts send null.
    message: nullish(open({
      id: nullish(Schema.String),
      type: nullish(Schema.String),
      role: nullish(Schema.String),
      model: nullish(Schema.String),
      content: nullish(list(ContentBlock)),
      usage: nullish(WireUsage),
      context_management: contextManagement,
      ...stopFields
    }))
  }),
  tagged("content_block_start", { index, content_block: Schema.NullOr(ContentBlock) }),
  tagged("content_block_delta", { index, delta: Schema.NullOr(ContentBlockDelta) }),
  tagged("content_block_stop", { index }),
  tagged("message_delta", {
    delta: nullish(open(stopFields)),
    usage: nullish(WireUsage),
    context_management: contextManagement
  }),
  tagged("message_stop", {}),
  tagged("ping", {})
])

/**
 * An event's data as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = typeof Payload.Type

const isPayload: (json: unknown) => json is Payload = validator(Schema.toType(Payload))

const invalid = JsonEvent.invalidPayload(Schema.toType(Payload))

// ---------------------------------------------------------------------------------------------------------------------
// Tables
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Anthropic's stop reasons.
 *
 * @category mapping
 * @since 0.1.0
 */
export const finishReasons = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
  pause_turn: "pause"
} as const satisfies FinishReason.Table

/**
 * The usage that a `usage` object of this format states; `undefined` when it states none. On the wire `input_tokens` is
 * exclusive of cache reads and writes; the totals of later events replace those of earlier ones.
 *
 * @example
 * ```ts
 * import { Messages } from "effect-llm-stream"
 *
 * const usage = Messages.usageOf({ input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 5 })
 * usage?.inputTokens // 100
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const usageOf = (usage: WireUsage | null | undefined): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    uncachedInputTokens: usage.input_tokens,
    cachedTokens: usage.cache_read_input_tokens,
    cacheWriteTokens: usage.cache_creation_input_tokens,
    cacheWrite5mTokens: usage.cache_creation?.ephemeral_5m_input_tokens,
    cacheWrite1hTokens: usage.cache_creation?.ephemeral_1h_input_tokens,
    outputTokens: usage.output_tokens,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens,
    serverToolRequests: serverToolRequestsOf(usage.server_tool_use ?? {})
  })

// `web_search_requests` counts `web_search`, and so on for tools to come.
const serverToolRequestsOf = (counts: object): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(counts).flatMap(([key, count]) =>
      key.endsWith("_requests") && typeof count === "number" ? [[key.slice(0, -"_requests".length), count]] : []
    )
  )

/**
 * Anthropic's error types, which are the `code` of an error.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  codes: {
    invalid_request_error: "InvalidRequest",
    authentication_error: "Authentication",
    billing_error: "QuotaExceeded",
    permission_error: "PermissionDenied",
    not_found_error: "NotFound",
    conflict_error: "InvalidRequest",
    request_too_large: "InvalidRequest",
    memory_precondition_failed_error: "InvalidRequest",
    memory_path_conflict_error: "InvalidRequest",
    rate_limit_error: "RateLimited",
    api_error: "ServerError",
    timeout_error: "Timeout",
    overloaded_error: "Overloaded"
  },
  messages: [
    [/prompt is too long|exceed context limit/i, "ContextLengthExceeded"],
    [/credit balance is too low|reached your specified (workspace )?API usage limits/i, "QuotaExceeded"]
  ],
  statusOfCode: {
    invalid_request_error: 400,
    authentication_error: 401,
    billing_error: 402,
    permission_error: 403,
    not_found_error: 404,
    conflict_error: 409,
    memory_path_conflict_error: 409,
    memory_precondition_failed_error: 412,
    request_too_large: 413,
    rate_limit_error: 429,
    api_error: 500,
    timeout_error: 504,
    overloaded_error: 529
  },
  retryableStatuses: [409]
}

// ---------------------------------------------------------------------------------------------------------------------
// Protocol
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Makes a chunk of an event's data that passed the schema. `block` is the type of the content block that the event
 * continues or stops, `undefined` for other events.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeChunk<C> = (payload: Payload, block: string | undefined, info: Provider.ResponseInfo) => C

/**
 * The event decoder of this format. Its state is what tells a finished response from a cut-off or mixed-up one, and
 * which type each content block has: the events that continue a block do not say it.
 *
 * - Events are told apart by `type` in their data; the `event:` line matters only when it says `error`.
 * - The response is complete at `message_stop`, or when the body ends after a stop reason.
 * - A delta for a block that was not started, and a second `message_start` with another id, are `MalformedEvent`s.
 *
 * @example
 * ```ts
 * import { AnthropicChunk, Messages } from "effect-llm-stream"
 *
 * const decoder = Messages.events({ make: (chunk) => new AnthropicChunk({ chunk }), errors: Messages.errors })({})
 * const chunks: Array<AnthropicChunk> = []
 * decoder.event({ event: undefined, data: "{\"type\": \"ping\"}", unterminated: false }, chunks)
 * chunks.length // 1
 * decoder.done // false
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const events = <C>(options: {
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
}) =>
(info: Provider.ResponseInfo): Provider.EventDecoder<Sse.Event, C> => {
  let count = 0
  let chunks = 0
  let started = false
  let id: string | undefined
  let stopped = false
  let done = false
  const blocks = new Map<number, string | undefined>()

  const incomplete = () =>
    new ProviderError.IncompleteStream({
      message: chunks === 0
        ? "The stream ended without a single chunk"
        : `The stream ended after ${chunks} chunks without a stop reason`
    })

  const observe = (payload: Payload, position: number, data: string): ProviderError.MalformedEvent | undefined => {
    const malformed = (message: string, path: ReadonlyArray<string>) =>
      JsonEvent.malformed({ event: position, data, path, message: `Event ${position} ${message}` })
    switch (payload.type) {
      case "content_block_delta":
        return blocks.has(payload.index)
          ? undefined
          : malformed(`continues content block ${payload.index}, which was not started`, ["index"])
      case "content_block_start":
        started = true
        blocks.set(payload.index, typeOf(payload.content_block))
        return undefined
      case "message_start": {
        started = true
        const message = payload.message
        if (message?.id) {
          if (id !== undefined && message.id !== id) {
            return malformed("starts another message within this one", ["message", "id"])
          }
          id = message.id
        }
        if (message?.stop_reason) stopped = true
        message?.content?.forEach((block, position) => blocks.set(position, typeOf(block)))
        return undefined
      }
      case "message_delta":
        if (payload.delta?.stop_reason) stopped = true
        return undefined
      case "message_stop":
        done = true
        return undefined
      default:
        return undefined
    }
  }

  return {
    event: (event, out) => {
      const position = count++
      // Not Anthropic's, but some hosts end with it.
      if (event.data === "[DONE]") {
        done = true
        return stopped ? undefined : incomplete()
      }
      const json = JsonEvent.parse(event.data, position)
      if (json === undefined) return undefined
      if (json instanceof ProviderError.MalformedEvent) {
        // An event that the end of the body cut off is not malformed: the stream is incomplete.
        return event.unterminated ? undefined : json
      }
      if (statesError(json, event.event)) return ProviderError.classify(failure(json), options.errors)
      if (!isPayload(json)) return invalid(json, event.data, position)
      const malformed = observe(json, position, event.data)
      if (malformed !== undefined) return malformed
      if (done && !started) return incomplete()
      chunks++
      out.push(options.make(
        json,
        json.type === "content_block_delta" || json.type === "content_block_stop"
          ? blocks.get(json.index)
          : undefined,
        info
      ))
      return undefined
    },
    get done() {
      return done
    },
    end: () => stopped ? undefined : incomplete()
  }
}

// Some hosts start a block without saying which.
const typeOf = (block: ContentBlock | null): string | undefined => block === null ? undefined : String(block.type)

const statesError = (json: { readonly [key: string]: unknown }, event: string | undefined): boolean =>
  json["type"] === "error" || event === "error" ||
  (typeof json["type"] !== "string" && json["error"] !== undefined && json["error"] !== null)

const failure = (json: object): ProviderError.Failure => {
  const stated = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return stated.type === "error" ? { ...stated, type: undefined } : stated
}

/**
 * Makes the protocol of a host of this format.
 *
 * @example
 * ```ts
 * import { AnthropicChunk, Messages } from "effect-llm-stream"
 *
 * const protocol = Messages.protocol({
 *   provider: "gateway",
 *   make: (chunk) => new AnthropicChunk({ provider: "gateway", chunk }),
 *   errors: Messages.errors
 * })
 * protocol.contentTypes // ["text/event-stream"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <C>(options: {
  readonly provider: string
  readonly make: MakeChunk<C>
  readonly errors: ProviderError.Table
}): Provider.Protocol<C> =>
  Provider.protocol({
    provider: options.provider,
    framing: sseFraming,
    events: events(options),
    errors: options.errors
  })

// ---------------------------------------------------------------------------------------------------------------------
// Request
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The request body for a chat request; `maxTokens` is sent when the request states none, as the format requires one.
 * `options` is merged into it last; streaming itself can't be turned off. A seed and penalties are left out: the format
 * has none.
 *
 * Fails with `InvalidRequest` when the prompt holds what this version can't send.
 *
 * @example
 * ```ts
 * import { ChatRequest, Messages } from "effect-llm-stream"
 *
 * const request = ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", maxTokens: 100 })
 * const body = Messages.encodeRequest(request, "claude-sonnet-4-5", { top_k: 5 }, 4096)
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  model: string | undefined,
  options: Readonly<Record<string, unknown>>,
  maxTokens: number
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.systemAndMessages(request), ({ messages, system }) => ({
    ...defined({
      model,
      max_tokens: request.maxTokens ?? maxTokens,
      system: system.length === 0 ? undefined : Prompt.content(system),
      messages: messages.map(({ role, texts }) => ({ role, content: Prompt.content(texts) })),
      temperature: request.temperature,
      top_p: request.topP,
      stop_sequences: request.stop
    }),
    ...options,
    stream: true
  }))
