/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type * as FinishReason from "../../FinishReason.ts"
import { type Exact, exactly } from "../../internal/exact.ts"
import { anything, elements, list, nullish, number, type Open, open, text, typed } from "../../internal/open.ts"
import { openUnion, type Unknown } from "../../internal/unknownType.ts"
import * as Usage from "../../Usage.ts"

export type { Unknown, UnknownType } from "../../internal/unknownType.ts"

/**
 * Where a cited text is: the fields of all kinds of location, told apart by `type`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citation extends Open {
  /** `char_location`, `page_location`, `content_block_location`, `web_search_result_location`, … */
  readonly type?: string | null
  readonly cited_text?: string | null
  readonly document_index?: number | null
  readonly document_title?: string | null
  readonly file_id?: string | null
  readonly start_char_index?: number | null
  readonly end_char_index?: number | null
  readonly start_page_number?: number | null
  readonly end_page_number?: number | null
  readonly start_block_index?: number | null
  readonly end_block_index?: number | null
  readonly url?: string | null
  readonly title?: string | null
  readonly encrypted_index?: string | null
  readonly source?: string | null
  readonly search_result_index?: number | null
}

/**
 * Schema of where a cited text is: the fields of all kinds of location, told apart by `type`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation: Exact<Citation> = exactly(open({
  type: text,
  cited_text: text,
  document_index: number,
  document_title: text,
  file_id: text,
  start_char_index: number,
  end_char_index: number,
  start_page_number: number,
  end_page_number: number,
  start_block_index: number,
  end_block_index: number,
  url: text,
  title: text,
  encrypted_index: text,
  source: text,
  search_result_index: number
}))

/**
 * Text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextBlock extends Open {
  readonly type: "text"
  readonly text?: string | null
  readonly citations?: ReadonlyArray<Citation | null> | null
}

/**
 * Thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface ThinkingBlock extends Open {
  readonly type: "thinking"
  readonly thinking?: string | null
  /** To be sent back unchanged. */
  readonly signature?: string | null
}

/**
 * Encrypted thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface RedactedThinkingBlock extends Open {
  readonly type: "redacted_thinking"
  /** To be sent back unchanged. */
  readonly data?: string | null
}

/**
 * The caller of a tool: the model itself, or code that it ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface Caller extends Open {
  readonly type?: string | null
  readonly tool_id?: string | null
}

const Caller: Exact<Caller> = exactly(open({ type: text, tool_id: text }))

/**
 * The fields that all calls of tools have.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUse extends Open {
  readonly id?: string | null
  readonly name?: string | null
  /** `{}` when the input comes in deltas. */
  readonly input?: unknown
  readonly caller?: Caller | null
}

const toolUseFields = {
  id: text,
  name: text,
  input: anything,
  caller: nullish(Caller)
}

/**
 * A call of a tool that the caller has to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseBlock extends ToolUse {
  readonly type: "tool_use"
}

/**
 * A call of a tool that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerToolUseBlock extends ToolUse {
  readonly type: "server_tool_use"
}

/**
 * A call of a tool of an MCP server, which the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpToolUseBlock extends ToolUse {
  readonly type: "mcp_tool_use"
  readonly server_name?: string | null
}

/**
 * The fields of all results of tools that the provider ran: an object or a list, as documented for each tool. Hosts with
 * tools of their own send any of these, or a string.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResult<Result, Item> extends Open {
  readonly tool_use_id?: string | null
  readonly content?: string | ReadonlyArray<Item | null> | Result | null
  readonly is_error?: boolean | null
  readonly caller?: Caller | null
}

const toolResultFields = <Result, Item>(result: Exact<Result>, item: Exact<Item>) => ({
  tool_use_id: text,
  content: nullish(Schema.Union([Schema.String, list(item), result])),
  is_error: nullish(Schema.Boolean),
  caller: nullish(Caller)
})

/**
 * A part of a tool's result.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResultPart extends Open {
  readonly type?: string | null
  readonly text?: string | null
}

const ResultPart: Exact<ResultPart> = exactly(open({ type: text, text }))

// Either the result or, with an `error_code`, the tool's failure.
const resultFields = { type: text, error_code: text }

/**
 * The kind of a tool's result, or why the tool failed.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResultState extends Open {
  readonly type?: string | null
  /** Stated when the tool failed. */
  readonly error_code?: string | null
}

const ResultState: Exact<ResultState> = exactly(open(resultFields))

/**
 * A page that a web search found.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchResult extends Open {
  readonly type?: string | null
  readonly url?: string | null
  readonly title?: string | null
  readonly page_age?: string | null
  readonly encrypted_content?: string | null
}

const WebSearchResult: Exact<WebSearchResult> = exactly(
  open({ type: text, url: text, title: text, page_age: text, encrypted_content: text })
)

/**
 * A page that was fetched.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebFetchResult extends ResultState {
  readonly url?: string | null
  readonly retrieved_at?: string | null
  readonly content?: unknown
}

const WebFetchResult: Exact<WebFetchResult> = exactly(
  open({ ...resultFields, url: text, retrieved_at: text, content: anything })
)

/**
 * A file that a run of code wrote.
 *
 * @category models
 * @since 0.2.0
 */
export interface ExecutionFile extends Open {
  readonly type?: string | null
  readonly file_id?: string | null
}

/**
 * The output of a run of code.
 *
 * @category models
 * @since 0.2.0
 */
export interface ExecutionResult extends ResultState {
  readonly stdout?: string | null
  readonly stderr?: string | null
  readonly return_code?: number | null
  readonly content?: ReadonlyArray<ExecutionFile | null> | null
}

const ExecutionResult: Exact<ExecutionResult> = exactly(
  open({
    ...resultFields,
    stdout: text,
    stderr: text,
    return_code: number,
    content: nullish(list(open({ type: text, file_id: text })))
  })
)

/**
 * A tool that a search for tools found.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolReference extends Open {
  readonly type?: string | null
  readonly tool_name?: string | null
}

/**
 * The results of a search for tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchResult extends ResultState {
  readonly tool_references?: ReadonlyArray<ToolReference | null> | null
}

const ToolSearchResult: Exact<ToolSearchResult> = exactly(
  open({ ...resultFields, tool_references: nullish(list(open({ type: text, tool_name: text }))) })
)

/**
 * The answer of the advisor model.
 *
 * @category models
 * @since 0.2.0
 */
export interface AdvisorResult extends ResultState {
  readonly text?: string | null
  readonly stop_reason?: string | null
  readonly encrypted_content?: string | null
}

const AdvisorResult: Exact<AdvisorResult> = exactly(
  open({ ...resultFields, text, stop_reason: text, encrypted_content: text })
)

/**
 * The result of a web search.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchToolResultBlock extends ToolResult<ResultState, WebSearchResult> {
  readonly type: "web_search_tool_result"
}

/**
 * The result of fetching a page.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebFetchToolResultBlock extends ToolResult<WebFetchResult, ResultPart> {
  readonly type: "web_fetch_tool_result"
}

/**
 * The result of a run of code.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeExecutionToolResultBlock extends ToolResult<ExecutionResult, ResultPart> {
  readonly type: "code_execution_tool_result"
}

/**
 * The result of a shell command.
 *
 * @category models
 * @since 0.2.0
 */
export interface BashCodeExecutionToolResultBlock extends ToolResult<ExecutionResult, ResultPart> {
  readonly type: "bash_code_execution_tool_result"
}

/**
 * The result of editing a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextEditorCodeExecutionToolResultBlock extends ToolResult<ResultState, ResultPart> {
  readonly type: "text_editor_code_execution_tool_result"
}

/**
 * The result of a search for tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchToolResultBlock extends ToolResult<ToolSearchResult, ResultPart> {
  readonly type: "tool_search_tool_result"
}

/**
 * The result of a tool of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpToolResultBlock extends ToolResult<ResultState, ResultPart> {
  readonly type: "mcp_tool_result"
}

/**
 * The result of asking the advisor model.
 *
 * @category models
 * @since 0.2.0
 */
export interface AdvisorToolResultBlock extends ToolResult<AdvisorResult, ResultPart> {
  readonly type: "advisor_tool_result"
}

/**
 * A file that was put into the container of the code execution tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContainerUploadBlock extends Open {
  readonly type: "container_upload"
  readonly file_id?: string | null
}

/**
 * The summary that replaces the conversation so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionBlock extends Open {
  readonly type: "compaction"
  readonly content?: string | null
  readonly encrypted_content?: string | null
}

/**
 * The tools of an MCP server, in beta.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpToolListingBlock extends Open {
  readonly type: "mcp_tool_listing"
}

/**
 * A content block.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlock =
  | TextBlock
  | ThinkingBlock
  | RedactedThinkingBlock
  | ToolUseBlock
  | ServerToolUseBlock
  | McpToolUseBlock
  | WebSearchToolResultBlock
  | WebFetchToolResultBlock
  | CodeExecutionToolResultBlock
  | BashCodeExecutionToolResultBlock
  | TextEditorCodeExecutionToolResultBlock
  | ToolSearchToolResultBlock
  | McpToolResultBlock
  | AdvisorToolResultBlock
  | ContainerUploadBlock
  | McpToolListingBlock
  | CompactionBlock
  | Unknown

/**
 * Schema of a content block, as `content_block_start` and `message_start` state it. A block of a type that is not
 * listed here is kept as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlock: Exact<ContentBlock> = exactly(openUnion([
  typed("text")({ text, citations: nullish(list(Citation)) }),
  typed("thinking")({ thinking: text, signature: text }),
  typed("redacted_thinking")({ data: text }),
  typed("tool_use")({ ...toolUseFields }),
  typed("server_tool_use")({ ...toolUseFields }),
  typed("mcp_tool_use")({ ...toolUseFields, server_name: text }),
  typed("web_search_tool_result")({ ...toolResultFields(ResultState, WebSearchResult) }),
  typed("web_fetch_tool_result")({ ...toolResultFields(WebFetchResult, ResultPart) }),
  typed("code_execution_tool_result")({ ...toolResultFields(ExecutionResult, ResultPart) }),
  typed("bash_code_execution_tool_result")({ ...toolResultFields(ExecutionResult, ResultPart) }),
  typed("text_editor_code_execution_tool_result")({ ...toolResultFields(ResultState, ResultPart) }),
  typed("tool_search_tool_result")({ ...toolResultFields(ToolSearchResult, ResultPart) }),
  typed("mcp_tool_result")({ ...toolResultFields(ResultState, ResultPart) }),
  typed("advisor_tool_result")({ ...toolResultFields(AdvisorResult, ResultPart) }),
  typed("container_upload")({ file_id: text }),
  typed("compaction")({ content: text, encrypted_content: text }),
  typed("mcp_tool_listing")({})
]))

/**
 * A piece of text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDelta extends Open {
  readonly type: "text_delta"
  readonly text: string
}

/**
 * A piece of a tool's input.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputJsonDelta extends Open {
  readonly type: "input_json_delta"
  /** A piece of JSON text. */
  readonly partial_json: string
}

/**
 * A piece of thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface ThinkingDelta extends Open {
  readonly type: "thinking_delta"
  readonly thinking: string
  readonly estimated_tokens?: number | null
}

/**
 * The signature of a thinking block.
 *
 * @category models
 * @since 0.2.0
 */
export interface SignatureDelta extends Open {
  readonly type: "signature_delta"
  readonly signature: string
}

/**
 * A source that the text of the block cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationsDelta extends Open {
  readonly type: "citations_delta"
  readonly citation?: Citation | null
}

/**
 * The summary that replaces the conversation so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionDelta extends Open {
  readonly type: "compaction_delta"
  readonly content?: string | null
  readonly encrypted_content?: string | null
}

/**
 * The piece that a `content_block_delta` adds to its block.
 *
 * @category models
 * @since 0.1.0
 */
export type ContentBlockDelta =
  | TextDelta
  | InputJsonDelta
  | ThinkingDelta
  | SignatureDelta
  | CitationsDelta
  | CompactionDelta
  | Unknown

/**
 * Schema of what a `content_block_delta` adds to its block. A delta of a type that is not listed here is kept as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ContentBlockDelta: Exact<ContentBlockDelta> = exactly(openUnion([
  typed("text_delta")({ text: Schema.String }),
  typed("input_json_delta")({ partial_json: Schema.String }),
  typed("thinking_delta")({ thinking: Schema.String, estimated_tokens: number }),
  typed("signature_delta")({ signature: Schema.String }),
  typed("citations_delta")({ citation: nullish(Citation) }),
  typed("compaction_delta")({ content: text, encrypted_content: text })
]))

/**
 * Tokens written to the prompt cache, by how long they are kept.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheCreation extends Open {
  readonly ephemeral_5m_input_tokens?: number | null
  readonly ephemeral_1h_input_tokens?: number | null
}

const CacheCreation: Exact<CacheCreation> = exactly(
  open({ ephemeral_5m_input_tokens: number, ephemeral_1h_input_tokens: number })
)

/**
 * The output tokens by kind.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputTokensDetails extends Open {
  readonly thinking_tokens?: number | null
}

/**
 * Requests of tools that the provider ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerToolUsage extends Open {
  readonly web_search_requests?: number | null
  readonly web_fetch_requests?: number | null
}

/**
 * The usage of one of the model calls behind a message. All counts are tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface UsageIteration extends Open {
  /** `message`, `fallback_message`, or one that is not in the message's totals: `compaction`, `advisor_message`. */
  readonly type?: string | null
  /** Absent for the model that answers. */
  readonly model?: string | null
  /** Without cache reads and writes. */
  readonly input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_creation?: CacheCreation | null
  readonly output_tokens?: number | null
}

const UsageIteration: Exact<UsageIteration> = exactly(open({
  type: text,
  model: text,
  input_tokens: number,
  cache_read_input_tokens: number,
  cache_creation_input_tokens: number,
  cache_creation: nullish(CacheCreation),
  output_tokens: number
}))

/**
 * The state of a credit for a refused request, which a retry on another model redeems.
 *
 * @category models
 * @since 0.2.0
 */
export interface FallbackCredit extends Open {
  /** Its `type` is `redeemed` where the credit was taken. */
  readonly status?: CreditStatus | null
}

interface CreditStatus extends Open {
  readonly type?: string | null
}

/**
 * A `usage` object as it comes over the wire. All counts are tokens.
 *
 * @category models
 * @since 0.1.0
 */
export interface WireUsage extends Open {
  /** Without cache reads and writes. */
  readonly input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly cache_creation_input_tokens?: number | null
  readonly cache_creation?: CacheCreation | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: OutputTokensDetails | null
  readonly server_tool_use?: ServerToolUsage | null
  readonly service_tier?: string | null
  readonly speed?: string | null
  readonly inference_geo?: string | null
  /** The state of the credit that the request redeems. */
  readonly fallback_credit?: FallbackCredit | null
  /** One entry for each model call behind the response. */
  readonly iterations?: ReadonlyArray<UsageIteration | null> | null
}

const WireUsage: Exact<WireUsage> = exactly(open({
  input_tokens: number,
  cache_read_input_tokens: number,
  cache_creation_input_tokens: number,
  cache_creation: nullish(CacheCreation),
  output_tokens: number,
  output_tokens_details: nullish(open({ thinking_tokens: number })),
  server_tool_use: nullish(open({ web_search_requests: number, web_fetch_requests: number })),
  service_tier: text,
  speed: text,
  inference_geo: text,
  fallback_credit: nullish(open({ status: nullish(open({ type: text })) })),
  iterations: nullish(list(UsageIteration))
}))

/**
 * More about a stop reason.
 *
 * @category models
 * @since 0.2.0
 */
export interface StopDetails extends Open {
  readonly type?: string | null
  /** With a refusal: what it is about. */
  readonly category?: string | null
  readonly explanation?: string | null
  /** What a request of the same conversation to another model may redeem. */
  readonly fallback_credit_token?: string | null
}

/**
 * The container of the code execution tool, which a later request can use again.
 *
 * @category models
 * @since 0.2.0
 */
export interface Container extends Open {
  readonly id?: string | null
  readonly expires_at?: string | null
}

/**
 * Why the answer stopped.
 *
 * @category models
 * @since 0.2.0
 */
export interface Stop extends Open {
  readonly stop_reason?: string | null
  readonly stop_sequence?: string | null
  readonly stop_details?: StopDetails | null
  readonly container?: Container | null
}

const stopFields = {
  stop_reason: text,
  stop_sequence: text,
  stop_details: nullish(open({ type: text, category: text, explanation: text, fallback_credit_token: text })),
  container: nullish(open({ id: text, expires_at: text }))
}

/**
 * A cut that the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface AppliedEdit extends Open {
  readonly type?: string | null
}

/**
 * The parts of the conversation that the provider cut out.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContextManagement extends Open {
  readonly applied_edits?: ReadonlyArray<AppliedEdit | null> | null
}

const ContextManagement: Exact<ContextManagement> = exactly(
  open({ applied_edits: nullish(list(open({ type: text }))) })
)

/**
 * The answer as it starts.
 *
 * @category models
 * @since 0.2.0
 */
export interface Message extends Stop {
  readonly id?: string | null
  readonly type?: string | null
  readonly role?: string | null
  readonly model?: string | null
  readonly content?: ReadonlyArray<ContentBlock | null> | null
  readonly usage?: WireUsage | null
  readonly context_management?: ContextManagement | null
}

const Message: Exact<Message> = exactly(open({
  id: text,
  type: text,
  role: text,
  model: text,
  content: nullish(list(ContentBlock)),
  usage: nullish(WireUsage),
  context_management: nullish(ContextManagement),
  ...stopFields
}))

/**
 * The start of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStart extends Open {
  readonly type: "message_start"
  /** Some hosts send `null`. */
  readonly message?: Message | null
}

/**
 * The start of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStart extends Open {
  readonly type: "content_block_start"
  readonly index: number
  readonly content_block: ContentBlock | null
}

/**
 * A piece of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDeltaEvent extends Open {
  readonly type: "content_block_delta"
  readonly index: number
  readonly delta: ContentBlockDelta | null
}

/**
 * The end of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStop extends Open {
  readonly type: "content_block_stop"
  readonly index: number
}

/**
 * Why the answer stopped, and what it took.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageDelta extends Open {
  readonly type: "message_delta"
  readonly delta?: Stop | null
  readonly usage?: WireUsage | null
  readonly context_management?: ContextManagement | null
}

/**
 * The end of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStop extends Open {
  readonly type: "message_stop"
}

/**
 * A heartbeat.
 *
 * @category models
 * @since 0.2.0
 */
export interface Ping extends Open {
  readonly type: "ping"
}

/**
 * An event's data as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload =
  | MessageStart
  | ContentBlockStart
  | ContentBlockDeltaEvent
  | ContentBlockStop
  | MessageDelta
  | MessageStop
  | Ping
  | Unknown

/**
 * Schema of an event's data: a tagged union by `type`. Unknown fields are kept, and so are events of a type that is not
 * listed here.
 *
 * See https://platform.claude.com/docs/en/build-with-claude/streaming.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload: Exact<Payload> = exactly(openUnion([
  typed("message_start")({ message: nullish(Message) }),
  typed("content_block_start")({ index: Schema.Finite, content_block: Schema.NullOr(ContentBlock) }),
  typed("content_block_delta")({ index: Schema.Finite, delta: Schema.NullOr(ContentBlockDelta) }),
  typed("content_block_stop")({ index: Schema.Finite }),
  typed("message_delta")({
    delta: nullish(open(stopFields)),
    usage: nullish(WireUsage),
    context_management: nullish(ContextManagement)
  }),
  typed("message_stop")({}),
  typed("ping")({})
]))

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
  pause_turn: "pause",
  compaction: "pause"
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
    ...countsOf(usage),
    reasoningTokens: usage.output_tokens_details?.thinking_tokens,
    serverToolRequests: serverToolRequestsOf(usage.server_tool_use ?? {}),
    iterations: elements(usage.iterations).map((iteration) => ({
      ...countsOf(iteration),
      type: iteration.type ?? "",
      model: iteration.model,
      included: iteration.type !== "compaction" && iteration.type !== "advisor_message"
    }))
  })

const countsOf = (usage: UsageIteration | WireUsage) => ({
  uncachedInputTokens: usage.input_tokens,
  cachedTokens: usage.cache_read_input_tokens,
  cacheWriteTokens: usage.cache_creation_input_tokens,
  cacheWrite5mTokens: usage.cache_creation?.ephemeral_5m_input_tokens,
  cacheWrite1hTokens: usage.cache_creation?.ephemeral_1h_input_tokens,
  outputTokens: usage.output_tokens
})

// `web_search_requests` counts `web_search`, and so on for tools to come.
const serverToolRequestsOf = (counts: object): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(counts).flatMap(([key, count]) =>
      key.endsWith("_requests") && typeof count === "number" ? [[key.slice(0, -"_requests".length), count]] : []
    )
  )
