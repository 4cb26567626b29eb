/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type * as FinishReason from "../../FinishReason.ts"
import { list, nullish, open } from "../../internal/open.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"

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
