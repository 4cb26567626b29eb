/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type * as FinishReason from "../../FinishReason.ts"
import { type Exact, exactly } from "../../internal/exact.ts"
import { elements, list, nullish, open } from "../../internal/open.ts"
import { openUnion, type Unknown } from "../../internal/unknownType.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"

export type { Unknown, UnknownType } from "../../internal/unknownType.ts"

/**
 * Where a cited text is: the fields of all kinds of location, told apart by `type`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citation {
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
  readonly [key: string]: unknown
}

/**
 * Schema of where a cited text is: the fields of all kinds of location, told apart by `type`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation: Exact<Citation> = exactly(open({
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
}))

/**
 * Text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextBlock {
  readonly type: "text"
  readonly text?: string | null
  readonly citations?: ReadonlyArray<Citation | null> | null
  readonly [key: string]: unknown
}

const TextBlock: Exact<TextBlock> = exactly(
  open({ type: Schema.Literal("text"), text: nullish(Schema.String), citations: nullish(list(Citation)) })
)

/**
 * Thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface ThinkingBlock {
  readonly type: "thinking"
  readonly thinking?: string | null
  /** To be sent back unchanged. */
  readonly signature?: string | null
  readonly [key: string]: unknown
}

const ThinkingBlock: Exact<ThinkingBlock> = exactly(
  open({ type: Schema.Literal("thinking"), thinking: nullish(Schema.String), signature: nullish(Schema.String) })
)

/**
 * Encrypted thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface RedactedThinkingBlock {
  readonly type: "redacted_thinking"
  /** To be sent back unchanged. */
  readonly data?: string | null
  readonly [key: string]: unknown
}

const RedactedThinkingBlock: Exact<RedactedThinkingBlock> = exactly(
  open({ type: Schema.Literal("redacted_thinking"), data: nullish(Schema.String) })
)

/**
 * What called a tool: the model itself, or code that it ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface Caller {
  readonly type?: string | null
  readonly tool_id?: string | null
  readonly [key: string]: unknown
}

const Caller: Exact<Caller> = exactly(open({ type: nullish(Schema.String), tool_id: nullish(Schema.String) }))

/**
 * What all calls of tools state.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUse {
  readonly id?: string | null
  readonly name?: string | null
  /** `{}` when the input comes in deltas. */
  readonly input?: unknown
  readonly caller?: Caller | null
  readonly [key: string]: unknown
}

const toolUseFields = {
  id: nullish(Schema.String),
  name: nullish(Schema.String),
  input: Schema.optionalKey(Schema.Unknown),
  caller: nullish(Caller)
}

/**
 * A call of a tool that is the caller's to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseBlock extends ToolUse {
  readonly type: "tool_use"
}

const ToolUseBlock: Exact<ToolUseBlock> = exactly(open({ type: Schema.Literal("tool_use"), ...toolUseFields }))

/**
 * A call of a tool that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerToolUseBlock extends ToolUse {
  readonly type: "server_tool_use"
}

const ServerToolUseBlock: Exact<ServerToolUseBlock> = exactly(
  open({ type: Schema.Literal("server_tool_use"), ...toolUseFields })
)

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

const McpToolUseBlock: Exact<McpToolUseBlock> = exactly(
  open({ type: Schema.Literal("mcp_tool_use"), ...toolUseFields, server_name: nullish(Schema.String) })
)

/**
 * What all results of tools state that the provider ran: an object or a list, as documented for each tool. Hosts with
 * tools of their own send any of these, or a string.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResult<Result, Item> {
  readonly tool_use_id?: string | null
  readonly content?: string | ReadonlyArray<Item | null> | Result | null
  readonly is_error?: boolean | null
  readonly caller?: Caller | null
  readonly [key: string]: unknown
}

const toolResultFields = <Result, Item>(result: Exact<Result>, item: Exact<Item>) => ({
  tool_use_id: nullish(Schema.String),
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
export interface ResultPart {
  readonly type?: string | null
  readonly text?: string | null
  readonly [key: string]: unknown
}

const ResultPart: Exact<ResultPart> = exactly(open({ type: nullish(Schema.String), text: nullish(Schema.String) }))

// Either the result or, with an `error_code`, the tool's failure.
const resultFields = { type: nullish(Schema.String), error_code: nullish(Schema.String) }

/**
 * What a tool's result is, or why the tool failed.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResultState {
  readonly type?: string | null
  /** Stated when the tool failed. */
  readonly error_code?: string | null
  readonly [key: string]: unknown
}

const ResultState: Exact<ResultState> = exactly(open(resultFields))

/**
 * A page that a web search found.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchResult {
  readonly type?: string | null
  readonly url?: string | null
  readonly title?: string | null
  readonly page_age?: string | null
  readonly encrypted_content?: string | null
  readonly [key: string]: unknown
}

const WebSearchResult: Exact<WebSearchResult> = exactly(
  open({
    type: nullish(Schema.String),
    url: nullish(Schema.String),
    title: nullish(Schema.String),
    page_age: nullish(Schema.String),
    encrypted_content: nullish(Schema.String)
  })
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
  open({
    ...resultFields,
    url: nullish(Schema.String),
    retrieved_at: nullish(Schema.String),
    content: Schema.optionalKey(Schema.Unknown)
  })
)

/**
 * A file that a run of code wrote.
 *
 * @category models
 * @since 0.2.0
 */
export interface ExecutionFile {
  readonly type?: string | null
  readonly file_id?: string | null
  readonly [key: string]: unknown
}

const ExecutionFile: Exact<ExecutionFile> = exactly(
  open({ type: nullish(Schema.String), file_id: nullish(Schema.String) })
)

/**
 * What a run of code gave.
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
    stdout: nullish(Schema.String),
    stderr: nullish(Schema.String),
    return_code: nullish(Schema.Finite),
    content: nullish(list(ExecutionFile))
  })
)

/**
 * A tool that a search for tools found.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolReference {
  readonly type?: string | null
  readonly tool_name?: string | null
  readonly [key: string]: unknown
}

const ToolReference: Exact<ToolReference> = exactly(
  open({ type: nullish(Schema.String), tool_name: nullish(Schema.String) })
)

/**
 * What a search for tools found.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchResult extends ResultState {
  readonly tool_references?: ReadonlyArray<ToolReference | null> | null
}

const ToolSearchResult: Exact<ToolSearchResult> = exactly(
  open({ ...resultFields, tool_references: nullish(list(ToolReference)) })
)

/**
 * What the advisor model answered.
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
  open({
    ...resultFields,
    text: nullish(Schema.String),
    stop_reason: nullish(Schema.String),
    encrypted_content: nullish(Schema.String)
  })
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

const WebSearchToolResultBlock: Exact<WebSearchToolResultBlock> = exactly(
  open({ type: Schema.Literal("web_search_tool_result"), ...toolResultFields(ResultState, WebSearchResult) })
)

/**
 * The result of fetching a page.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebFetchToolResultBlock extends ToolResult<WebFetchResult, ResultPart> {
  readonly type: "web_fetch_tool_result"
}

const WebFetchToolResultBlock: Exact<WebFetchToolResultBlock> = exactly(
  open({ type: Schema.Literal("web_fetch_tool_result"), ...toolResultFields(WebFetchResult, ResultPart) })
)

/**
 * The result of a run of code.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeExecutionToolResultBlock extends ToolResult<ExecutionResult, ResultPart> {
  readonly type: "code_execution_tool_result"
}

const CodeExecutionToolResultBlock: Exact<CodeExecutionToolResultBlock> = exactly(
  open({ type: Schema.Literal("code_execution_tool_result"), ...toolResultFields(ExecutionResult, ResultPart) })
)

/**
 * The result of a shell command.
 *
 * @category models
 * @since 0.2.0
 */
export interface BashCodeExecutionToolResultBlock extends ToolResult<ExecutionResult, ResultPart> {
  readonly type: "bash_code_execution_tool_result"
}

const BashCodeExecutionToolResultBlock: Exact<BashCodeExecutionToolResultBlock> = exactly(
  open({ type: Schema.Literal("bash_code_execution_tool_result"), ...toolResultFields(ExecutionResult, ResultPart) })
)

/**
 * The result of editing a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextEditorCodeExecutionToolResultBlock extends ToolResult<ResultState, ResultPart> {
  readonly type: "text_editor_code_execution_tool_result"
}

const TextEditorCodeExecutionToolResultBlock: Exact<TextEditorCodeExecutionToolResultBlock> = exactly(
  open({ type: Schema.Literal("text_editor_code_execution_tool_result"), ...toolResultFields(ResultState, ResultPart) })
)

/**
 * The result of a search for tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchToolResultBlock extends ToolResult<ToolSearchResult, ResultPart> {
  readonly type: "tool_search_tool_result"
}

const ToolSearchToolResultBlock: Exact<ToolSearchToolResultBlock> = exactly(
  open({ type: Schema.Literal("tool_search_tool_result"), ...toolResultFields(ToolSearchResult, ResultPart) })
)

/**
 * The result of a tool of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpToolResultBlock extends ToolResult<ResultState, ResultPart> {
  readonly type: "mcp_tool_result"
}

const McpToolResultBlock: Exact<McpToolResultBlock> = exactly(
  open({ type: Schema.Literal("mcp_tool_result"), ...toolResultFields(ResultState, ResultPart) })
)

/**
 * The result of asking the advisor model.
 *
 * @category models
 * @since 0.2.0
 */
export interface AdvisorToolResultBlock extends ToolResult<AdvisorResult, ResultPart> {
  readonly type: "advisor_tool_result"
}

const AdvisorToolResultBlock: Exact<AdvisorToolResultBlock> = exactly(
  open({ type: Schema.Literal("advisor_tool_result"), ...toolResultFields(AdvisorResult, ResultPart) })
)

/**
 * A file that was put into the container of the code execution tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContainerUploadBlock {
  readonly type: "container_upload"
  readonly file_id?: string | null
  readonly [key: string]: unknown
}

const ContainerUploadBlock: Exact<ContainerUploadBlock> = exactly(
  open({ type: Schema.Literal("container_upload"), file_id: nullish(Schema.String) })
)

/**
 * The summary that replaces the conversation so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionBlock {
  readonly type: "compaction"
  readonly content?: string | null
  readonly encrypted_content?: string | null
  readonly [key: string]: unknown
}

const CompactionBlock: Exact<CompactionBlock> = exactly(
  open({
    type: Schema.Literal("compaction"),
    content: nullish(Schema.String),
    encrypted_content: nullish(Schema.String)
  })
)

/**
 * The tools of an MCP server, in beta.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpToolListingBlock {
  readonly type: "mcp_tool_listing"
  readonly [key: string]: unknown
}

const McpToolListingBlock: Exact<McpToolListingBlock> = exactly(open({ type: Schema.Literal("mcp_tool_listing") }))

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
  TextBlock,
  ThinkingBlock,
  RedactedThinkingBlock,
  ToolUseBlock,
  ServerToolUseBlock,
  McpToolUseBlock,
  WebSearchToolResultBlock,
  WebFetchToolResultBlock,
  CodeExecutionToolResultBlock,
  BashCodeExecutionToolResultBlock,
  TextEditorCodeExecutionToolResultBlock,
  ToolSearchToolResultBlock,
  McpToolResultBlock,
  AdvisorToolResultBlock,
  ContainerUploadBlock,
  CompactionBlock,
  McpToolListingBlock
]))

/**
 * A piece of text.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDelta {
  readonly type: "text_delta"
  readonly text: string
  readonly [key: string]: unknown
}

const TextDelta: Exact<TextDelta> = exactly(open({ type: Schema.Literal("text_delta"), text: Schema.String }))

/**
 * A piece of a tool's input.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputJsonDelta {
  readonly type: "input_json_delta"
  /** A piece of JSON text. */
  readonly partial_json: string
  readonly [key: string]: unknown
}

const InputJsonDelta: Exact<InputJsonDelta> = exactly(
  open({ type: Schema.Literal("input_json_delta"), partial_json: Schema.String })
)

/**
 * A piece of thinking.
 *
 * @category models
 * @since 0.2.0
 */
export interface ThinkingDelta {
  readonly type: "thinking_delta"
  readonly thinking: string
  readonly estimated_tokens?: number | null
  readonly [key: string]: unknown
}

const ThinkingDelta: Exact<ThinkingDelta> = exactly(
  open({ type: Schema.Literal("thinking_delta"), thinking: Schema.String, estimated_tokens: nullish(Schema.Finite) })
)

/**
 * The signature of a thinking block.
 *
 * @category models
 * @since 0.2.0
 */
export interface SignatureDelta {
  readonly type: "signature_delta"
  readonly signature: string
  readonly [key: string]: unknown
}

const SignatureDelta: Exact<SignatureDelta> = exactly(
  open({ type: Schema.Literal("signature_delta"), signature: Schema.String })
)

/**
 * A source that the text of the block cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationsDelta {
  readonly type: "citations_delta"
  readonly citation?: Citation | null
  readonly [key: string]: unknown
}

const CitationsDelta: Exact<CitationsDelta> = exactly(
  open({ type: Schema.Literal("citations_delta"), citation: nullish(Citation) })
)

/**
 * The summary that replaces the conversation so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionDelta {
  readonly type: "compaction_delta"
  readonly content?: string | null
  readonly encrypted_content?: string | null
  readonly [key: string]: unknown
}

const CompactionDelta: Exact<CompactionDelta> = exactly(
  open({
    type: Schema.Literal("compaction_delta"),
    content: nullish(Schema.String),
    encrypted_content: nullish(Schema.String)
  })
)

/**
 * What a `content_block_delta` adds to its block.
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
  TextDelta,
  InputJsonDelta,
  ThinkingDelta,
  SignatureDelta,
  CitationsDelta,
  CompactionDelta
]))

/**
 * Tokens written to the prompt cache, by how long they are kept.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheCreation {
  readonly ephemeral_5m_input_tokens?: number | null
  readonly ephemeral_1h_input_tokens?: number | null
  readonly [key: string]: unknown
}

const CacheCreation: Exact<CacheCreation> = exactly(
  open({ ephemeral_5m_input_tokens: nullish(Schema.Finite), ephemeral_1h_input_tokens: nullish(Schema.Finite) })
)

/**
 * What the output tokens are.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputTokensDetails {
  readonly thinking_tokens?: number | null
  readonly [key: string]: unknown
}

const OutputTokensDetails: Exact<OutputTokensDetails> = exactly(open({ thinking_tokens: nullish(Schema.Finite) }))

/**
 * Requests of tools that the provider ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerToolUsage {
  readonly web_search_requests?: number | null
  readonly web_fetch_requests?: number | null
  readonly [key: string]: unknown
}

const ServerToolUsage: Exact<ServerToolUsage> = exactly(
  open({ web_search_requests: nullish(Schema.Finite), web_fetch_requests: nullish(Schema.Finite) })
)

/**
 * The usage of one of the model calls behind a message. All counts are tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface UsageIteration {
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
  readonly [key: string]: unknown
}

const UsageIteration: Exact<UsageIteration> = exactly(open({
  type: nullish(Schema.String),
  model: nullish(Schema.String),
  input_tokens: nullish(Schema.Finite),
  cache_read_input_tokens: nullish(Schema.Finite),
  cache_creation_input_tokens: nullish(Schema.Finite),
  cache_creation: nullish(CacheCreation),
  output_tokens: nullish(Schema.Finite)
}))

/**
 * What became of a credit for a refused request, which a retry on another model redeems.
 *
 * @category models
 * @since 0.2.0
 */
export interface FallbackCredit {
  /** Its `type` is `redeemed` where the credit was taken. */
  readonly status?: CreditStatus | null
  readonly [key: string]: unknown
}

interface CreditStatus {
  readonly type?: string | null
  readonly [key: string]: unknown
}

const FallbackCredit: Exact<FallbackCredit> = exactly(open({ status: nullish(open({ type: nullish(Schema.String) })) }))

/**
 * A `usage` object as it comes over the wire. All counts are tokens.
 *
 * @category models
 * @since 0.1.0
 */
export interface WireUsage {
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
  /** What became of the credit that the request redeems. */
  readonly fallback_credit?: FallbackCredit | null
  /** One entry for each model call behind the response. */
  readonly iterations?: ReadonlyArray<UsageIteration | null> | null
  readonly [key: string]: unknown
}

const WireUsage: Exact<WireUsage> = exactly(open({
  input_tokens: nullish(Schema.Finite),
  cache_read_input_tokens: nullish(Schema.Finite),
  cache_creation_input_tokens: nullish(Schema.Finite),
  cache_creation: nullish(CacheCreation),
  output_tokens: nullish(Schema.Finite),
  output_tokens_details: nullish(OutputTokensDetails),
  server_tool_use: nullish(ServerToolUsage),
  service_tier: nullish(Schema.String),
  speed: nullish(Schema.String),
  inference_geo: nullish(Schema.String),
  fallback_credit: nullish(FallbackCredit),
  iterations: nullish(list(UsageIteration))
}))

/**
 * More about a stop reason.
 *
 * @category models
 * @since 0.2.0
 */
export interface StopDetails {
  readonly type?: string | null
  /** With a refusal: what it is about. */
  readonly category?: string | null
  readonly explanation?: string | null
  /** What a request of the same conversation to another model may redeem. */
  readonly fallback_credit_token?: string | null
  readonly [key: string]: unknown
}

const StopDetails: Exact<StopDetails> = exactly(open({
  type: nullish(Schema.String),
  category: nullish(Schema.String),
  explanation: nullish(Schema.String),
  fallback_credit_token: nullish(Schema.String)
}))

/**
 * The container of the code execution tool, which a later request can use again.
 *
 * @category models
 * @since 0.2.0
 */
export interface Container {
  readonly id?: string | null
  readonly expires_at?: string | null
  readonly [key: string]: unknown
}

const Container: Exact<Container> = exactly(open({ id: nullish(Schema.String), expires_at: nullish(Schema.String) }))

/**
 * Why the answer stopped.
 *
 * @category models
 * @since 0.2.0
 */
export interface Stop {
  readonly stop_reason?: string | null
  readonly stop_sequence?: string | null
  readonly stop_details?: StopDetails | null
  readonly container?: Container | null
  readonly [key: string]: unknown
}

const stopFields = {
  stop_reason: nullish(Schema.String),
  stop_sequence: nullish(Schema.String),
  stop_details: nullish(StopDetails),
  container: nullish(Container)
}

const Stop: Exact<Stop> = exactly(open(stopFields))

/**
 * A cut that the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface AppliedEdit {
  readonly type?: string | null
  readonly [key: string]: unknown
}

const AppliedEdit: Exact<AppliedEdit> = exactly(open({ type: nullish(Schema.String) }))

/**
 * What the provider cut out of the conversation.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContextManagement {
  readonly applied_edits?: ReadonlyArray<AppliedEdit | null> | null
  readonly [key: string]: unknown
}

const ContextManagement: Exact<ContextManagement> = exactly(open({ applied_edits: nullish(list(AppliedEdit)) }))

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
  id: nullish(Schema.String),
  type: nullish(Schema.String),
  role: nullish(Schema.String),
  model: nullish(Schema.String),
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
export interface MessageStart {
  readonly type: "message_start"
  /** Some hosts send `null`. */
  readonly message?: Message | null
  readonly [key: string]: unknown
}

const MessageStart: Exact<MessageStart> = exactly(
  open({ type: Schema.Literal("message_start"), message: nullish(Message) })
)

/**
 * The start of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStart {
  readonly type: "content_block_start"
  readonly index: number
  readonly content_block: ContentBlock | null
  readonly [key: string]: unknown
}

const ContentBlockStart: Exact<ContentBlockStart> = exactly(
  open({
    type: Schema.Literal("content_block_start"),
    index: Schema.Finite,
    content_block: Schema.NullOr(ContentBlock)
  })
)

/**
 * A piece of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDeltaEvent {
  readonly type: "content_block_delta"
  readonly index: number
  readonly delta: ContentBlockDelta | null
  readonly [key: string]: unknown
}

const ContentBlockDeltaEvent: Exact<ContentBlockDeltaEvent> = exactly(
  open({ type: Schema.Literal("content_block_delta"), index: Schema.Finite, delta: Schema.NullOr(ContentBlockDelta) })
)

/**
 * The end of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStop {
  readonly type: "content_block_stop"
  readonly index: number
  readonly [key: string]: unknown
}

const ContentBlockStop: Exact<ContentBlockStop> = exactly(
  open({ type: Schema.Literal("content_block_stop"), index: Schema.Finite })
)

/**
 * Why the answer stopped, and what it took.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageDelta {
  readonly type: "message_delta"
  readonly delta?: Stop | null
  readonly usage?: WireUsage | null
  readonly context_management?: ContextManagement | null
  readonly [key: string]: unknown
}

const MessageDelta: Exact<MessageDelta> = exactly(
  open({
    type: Schema.Literal("message_delta"),
    delta: nullish(Stop),
    usage: nullish(WireUsage),
    context_management: nullish(ContextManagement)
  })
)

/**
 * The end of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStop {
  readonly type: "message_stop"
  readonly [key: string]: unknown
}

const MessageStop: Exact<MessageStop> = exactly(open({ type: Schema.Literal("message_stop") }))

/**
 * A sign of life.
 *
 * @category models
 * @since 0.2.0
 */
export interface Ping {
  readonly type: "ping"
  readonly [key: string]: unknown
}

const Ping: Exact<Ping> = exactly(open({ type: Schema.Literal("ping") }))

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
  MessageStart,
  ContentBlockStart,
  ContentBlockDeltaEvent,
  ContentBlockStop,
  MessageDelta,
  MessageStop,
  Ping
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

/**
 * Anthropic's error types, which are the `code` of an error.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  // The provider states types and no codes: a type means its status, and that a reason.
  codes: {},
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
