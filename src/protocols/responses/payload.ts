/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly } from "../../internal/exact.ts"
import { list, nullish, open } from "../../internal/open.ts"
import { openUnion, type Unknown, unknownBut } from "../../internal/unknownType.ts"
import * as Usage from "../../Usage.ts"

export type { Unknown, UnknownType } from "../../internal/unknownType.ts"

/**
 * What a piece of text cites: the fields of all kinds of citation, told apart by `type`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Annotation {
  /** `url_citation`, `file_citation`, `container_file_citation`, `file_path`, … */
  readonly type?: string | null
  readonly url?: string | null
  readonly title?: string | null
  readonly file_id?: string | null
  readonly filename?: string | null
  readonly container_id?: string | null
  readonly index?: number | null
  readonly start_index?: number | null
  readonly end_index?: number | null
  readonly [key: string]: unknown
}

const Annotation: Exact<Annotation> = exactly(open({
  type: nullish(Schema.String),
  url: nullish(Schema.String),
  title: nullish(Schema.String),
  file_id: nullish(Schema.String),
  filename: nullish(Schema.String),
  container_id: nullish(Schema.String),
  index: nullish(Schema.Finite),
  start_index: nullish(Schema.Finite),
  end_index: nullish(Schema.Finite)
}))

/**
 * The log probability of a token, and those of the most likely ones.
 *
 * @category models
 * @since 0.2.0
 */
export interface Logprob {
  readonly token?: string | null
  readonly logprob?: number | null
  readonly bytes?: ReadonlyArray<number | null> | null
  readonly top_logprobs?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const Logprob: Exact<Logprob> = exactly(open({
  token: nullish(Schema.String),
  logprob: nullish(Schema.Finite),
  bytes: nullish(list(Schema.Finite)),
  top_logprobs: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * A content part with text.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputText {
  readonly type: "output_text"
  readonly text?: string | null
  readonly annotations?: ReadonlyArray<Annotation | null> | null
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
  readonly [key: string]: unknown
}

const OutputText: Exact<OutputText> = exactly(open({
  type: Schema.Literal("output_text"),
  text: nullish(Schema.String),
  annotations: nullish(list(Annotation)),
  logprobs: nullish(list(Logprob))
}))

/**
 * A content part with a refusal.
 *
 * @category models
 * @since 0.2.0
 */
export interface Refusal {
  readonly type: "refusal"
  readonly refusal?: string | null
  readonly [key: string]: unknown
}

const Refusal: Exact<Refusal> = exactly(open({
  type: Schema.Literal("refusal"),
  refusal: nullish(Schema.String)
}))

/**
 * A content part with the reasoning itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningText {
  readonly type: "reasoning_text"
  readonly text?: string | null
  readonly [key: string]: unknown
}

const ReasoningText: Exact<ReasoningText> = exactly(open({
  type: Schema.Literal("reasoning_text"),
  text: nullish(Schema.String)
}))

/**
 * A part of the summary of the reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryText {
  readonly type: "summary_text"
  readonly text?: string | null
  readonly [key: string]: unknown
}

const SummaryText: Exact<SummaryText> = exactly(open({
  type: Schema.Literal("summary_text"),
  text: nullish(Schema.String)
}))

/**
 * A part of the content of an item.
 *
 * @category models
 * @since 0.2.0
 */
export type ContentPart =
  | OutputText
  | Refusal
  | ReasoningText
  | SummaryText
  | Unknown

const ContentPart: Exact<ContentPart> = exactly(openUnion({
  output_text: OutputText,
  refusal: Refusal,
  reasoning_text: ReasoningText,
  summary_text: SummaryText
}))

/**
 * What a search in the web did.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchAction {
  /** `search`, `open_page` or `find_in_page`. */
  readonly type?: string | null
  readonly query?: string | null
  readonly queries?: ReadonlyArray<string | null> | null
  readonly url?: string | null
  readonly pattern?: string | null
  readonly sources?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const WebSearchAction: Exact<WebSearchAction> = exactly(open({
  type: nullish(Schema.String),
  query: nullish(Schema.String),
  queries: nullish(list(Schema.String)),
  url: nullish(Schema.String),
  pattern: nullish(Schema.String),
  sources: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * A message of the model.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageItem {
  readonly type: "message"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly role?: string | null
  /** `commentary` for what the model says on the way, or `final_answer`. */
  readonly phase?: string | null
  readonly content?: ReadonlyArray<ContentPart | null> | null
  readonly [key: string]: unknown
}

const MessageItem: Exact<MessageItem> = exactly(open({
  type: Schema.Literal("message"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  role: nullish(Schema.String),
  phase: nullish(Schema.String),
  content: nullish(list(ContentPart))
}))

/**
 * The reasoning of the model, as far as it is shown.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningItem {
  readonly type: "reasoning"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly summary?: ReadonlyArray<ContentPart | null> | null
  readonly content?: ReadonlyArray<ContentPart | null> | null
  /** To be sent back unchanged. */
  readonly encrypted_content?: string | null
  readonly [key: string]: unknown
}

const ReasoningItem: Exact<ReasoningItem> = exactly(open({
  type: Schema.Literal("reasoning"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  summary: nullish(list(ContentPart)),
  content: nullish(list(ContentPart)),
  encrypted_content: nullish(Schema.String)
}))

/**
 * A call of a function, which is the caller's to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface FunctionCall {
  readonly type: "function_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  /** The id that the result has to state. */
  readonly call_id?: string | null
  readonly name?: string | null
  readonly namespace?: string | null
  /** JSON as the model wrote it, which may be cut off. */
  readonly arguments?: string | null
  readonly caller?: unknown
  readonly [key: string]: unknown
}

const FunctionCall: Exact<FunctionCall> = exactly(open({
  type: Schema.Literal("function_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  name: nullish(Schema.String),
  namespace: nullish(Schema.String),
  arguments: nullish(Schema.String),
  caller: Schema.optionalKey(Schema.Unknown)
}))

/**
 * A call of a tool whose input is text, which is the caller's to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface CustomToolCall {
  readonly type: "custom_tool_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  /** The id that the result has to state. */
  readonly call_id?: string | null
  readonly name?: string | null
  readonly namespace?: string | null
  readonly input?: string | null
  readonly [key: string]: unknown
}

const CustomToolCall: Exact<CustomToolCall> = exactly(open({
  type: Schema.Literal("custom_tool_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  name: nullish(Schema.String),
  namespace: nullish(Schema.String),
  input: nullish(Schema.String)
}))

/**
 * A search in the web.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchCall {
  readonly type: "web_search_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly action?: WebSearchAction | null
  readonly [key: string]: unknown
}

const WebSearchCall: Exact<WebSearchCall> = exactly(open({
  type: Schema.Literal("web_search_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  action: nullish(WebSearchAction)
}))

/**
 * A search in vector stores.
 *
 * @category models
 * @since 0.2.0
 */
export interface FileSearchCall {
  readonly type: "file_search_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly queries?: ReadonlyArray<string | null> | null
  /** `null` unless `include` asks for them. */
  readonly results?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const FileSearchCall: Exact<FileSearchCall> = exactly(open({
  type: Schema.Literal("file_search_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  queries: nullish(list(Schema.String)),
  results: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * Code that the provider ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeInterpreterCall {
  readonly type: "code_interpreter_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly code?: string | null
  readonly container_id?: string | null
  /** `null` unless `include` asks for them. */
  readonly outputs?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const CodeInterpreterCall: Exact<CodeInterpreterCall> = exactly(open({
  type: Schema.Literal("code_interpreter_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  code: nullish(Schema.String),
  container_id: nullish(Schema.String),
  outputs: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * An image that the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageGenerationCall {
  readonly type: "image_generation_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  /** The image in Base64. */
  readonly result?: string | null
  readonly revised_prompt?: string | null
  /** `png`, `webp` or `jpeg`. */
  readonly output_format?: string | null
  readonly size?: string | null
  readonly quality?: string | null
  readonly background?: string | null
  readonly [key: string]: unknown
}

const ImageGenerationCall: Exact<ImageGenerationCall> = exactly(open({
  type: Schema.Literal("image_generation_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  result: nullish(Schema.String),
  revised_prompt: nullish(Schema.String),
  output_format: nullish(Schema.String),
  size: nullish(Schema.String),
  quality: nullish(Schema.String),
  background: nullish(Schema.String)
}))

/**
 * A call of a tool of an MCP server, which the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpCall {
  readonly type: "mcp_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly name?: string | null
  readonly server_label?: string | null
  readonly arguments?: string | null
  readonly output?: string | null
  readonly error?: unknown
  readonly approval_request_id?: string | null
  readonly [key: string]: unknown
}

const McpCall: Exact<McpCall> = exactly(open({
  type: Schema.Literal("mcp_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  name: nullish(Schema.String),
  server_label: nullish(Schema.String),
  arguments: nullish(Schema.String),
  output: nullish(Schema.String),
  error: Schema.optionalKey(Schema.Unknown),
  approval_request_id: nullish(Schema.String)
}))

/**
 * The tools of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpListTools {
  readonly type: "mcp_list_tools"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly server_label?: string | null
  readonly tools?: ReadonlyArray<unknown> | null
  readonly error?: unknown
  readonly [key: string]: unknown
}

const McpListTools: Exact<McpListTools> = exactly(open({
  type: Schema.Literal("mcp_list_tools"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  server_label: nullish(Schema.String),
  tools: nullish(Schema.Array(Schema.Unknown)),
  error: Schema.optionalKey(Schema.Unknown)
}))

/**
 * A question whether the provider may call a tool of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpApprovalRequest {
  readonly type: "mcp_approval_request"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly name?: string | null
  readonly server_label?: string | null
  readonly arguments?: string | null
  readonly [key: string]: unknown
}

const McpApprovalRequest: Exact<McpApprovalRequest> = exactly(open({
  type: Schema.Literal("mcp_approval_request"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  name: nullish(Schema.String),
  server_label: nullish(Schema.String),
  arguments: nullish(Schema.String)
}))

/**
 * A search among deferred tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchCall {
  readonly type: "tool_search_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  /** `server`, or `client` when the caller has to search. */
  readonly execution?: string | null
  readonly arguments?: unknown
  readonly [key: string]: unknown
}

const ToolSearchCall: Exact<ToolSearchCall> = exactly(open({
  type: Schema.Literal("tool_search_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  execution: nullish(Schema.String),
  arguments: Schema.optionalKey(Schema.Unknown)
}))

/**
 * The deferred tools that were found.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchOutput {
  readonly type: "tool_search_output"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly execution?: string | null
  readonly tools?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const ToolSearchOutput: Exact<ToolSearchOutput> = exactly(open({
  type: Schema.Literal("tool_search_output"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  execution: nullish(Schema.String),
  tools: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * Commands for a shell, in the provider's container or at the caller's.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCall {
  readonly type: "shell_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly action?: unknown
  readonly environment?: unknown
  readonly [key: string]: unknown
}

const ShellCall: Exact<ShellCall> = exactly(open({
  type: Schema.Literal("shell_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  action: Schema.optionalKey(Schema.Unknown),
  environment: Schema.optionalKey(Schema.Unknown)
}))

/**
 * What the commands in the provider's container gave.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCallOutput {
  readonly type: "shell_call_output"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly output?: ReadonlyArray<unknown> | null
  readonly max_output_length?: number | null
  readonly [key: string]: unknown
}

const ShellCallOutput: Exact<ShellCallOutput> = exactly(open({
  type: Schema.Literal("shell_call_output"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  output: nullish(Schema.Array(Schema.Unknown)),
  max_output_length: nullish(Schema.Finite)
}))

/**
 * A command for a shell, which is the caller's to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface LocalShellCall {
  readonly type: "local_shell_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly action?: unknown
  readonly [key: string]: unknown
}

const LocalShellCall: Exact<LocalShellCall> = exactly(open({
  type: Schema.Literal("local_shell_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  action: Schema.optionalKey(Schema.Unknown)
}))

/**
 * A change of a file, which is the caller's to make.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApplyPatchCall {
  readonly type: "apply_patch_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly operation?: unknown
  readonly [key: string]: unknown
}

const ApplyPatchCall: Exact<ApplyPatchCall> = exactly(open({
  type: Schema.Literal("apply_patch_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  operation: Schema.optionalKey(Schema.Unknown)
}))

/**
 * What became of a change of a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApplyPatchCallOutput {
  readonly type: "apply_patch_call_output"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly output?: string | null
  readonly [key: string]: unknown
}

const ApplyPatchCallOutput: Exact<ApplyPatchCallOutput> = exactly(open({
  type: Schema.Literal("apply_patch_call_output"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  output: nullish(Schema.String)
}))

/**
 * Input for a screen, which is the caller's to give.
 *
 * @category models
 * @since 0.2.0
 */
export interface ComputerCall {
  readonly type: "computer_call"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly call_id?: string | null
  readonly action?: unknown
  readonly actions?: ReadonlyArray<unknown> | null
  readonly pending_safety_checks?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const ComputerCall: Exact<ComputerCall> = exactly(open({
  type: Schema.Literal("computer_call"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  call_id: nullish(Schema.String),
  action: Schema.optionalKey(Schema.Unknown),
  actions: nullish(Schema.Array(Schema.Unknown)),
  pending_safety_checks: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * What stands for the conversation so far, encrypted.
 *
 * @category models
 * @since 0.2.0
 */
export interface Compaction {
  readonly type: "compaction"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly encrypted_content?: string | null
  readonly [key: string]: unknown
}

const Compaction: Exact<Compaction> = exactly(open({
  type: Schema.Literal("compaction"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  encrypted_content: nullish(Schema.String)
}))

/**
 * A change of the settings of the responses that follow.
 *
 * @category models
 * @since 0.2.0
 */
export interface ConfigurationUpdate {
  readonly type: "configuration_update"
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
  readonly reasoning?: unknown
  readonly text?: unknown
  readonly [key: string]: unknown
}

const ConfigurationUpdate: Exact<ConfigurationUpdate> = exactly(open({
  type: Schema.Literal("configuration_update"),
  id: nullish(Schema.String),
  status: nullish(Schema.String),
  reasoning: Schema.optionalKey(Schema.Unknown),
  text: Schema.optionalKey(Schema.Unknown)
}))

/**
 * An item of the output.
 *
 * @category models
 * @since 0.2.0
 */
export type OutputItem =
  | MessageItem
  | ReasoningItem
  | FunctionCall
  | CustomToolCall
  | WebSearchCall
  | FileSearchCall
  | CodeInterpreterCall
  | ImageGenerationCall
  | McpCall
  | McpListTools
  | McpApprovalRequest
  | ToolSearchCall
  | ToolSearchOutput
  | ShellCall
  | ShellCallOutput
  | LocalShellCall
  | ApplyPatchCall
  | ApplyPatchCallOutput
  | ComputerCall
  | Compaction
  | ConfigurationUpdate
  | Unknown

/**
 * Schema of an item of the output. Items of a type that is not listed here are kept.
 *
 * @category schemas
 * @since 0.2.0
 */
export const OutputItem: Exact<OutputItem> = exactly(openUnion({
  message: MessageItem,
  reasoning: ReasoningItem,
  function_call: FunctionCall,
  custom_tool_call: CustomToolCall,
  web_search_call: WebSearchCall,
  file_search_call: FileSearchCall,
  code_interpreter_call: CodeInterpreterCall,
  image_generation_call: ImageGenerationCall,
  mcp_call: McpCall,
  mcp_list_tools: McpListTools,
  mcp_approval_request: McpApprovalRequest,
  tool_search_call: ToolSearchCall,
  tool_search_output: ToolSearchOutput,
  shell_call: ShellCall,
  shell_call_output: ShellCallOutput,
  local_shell_call: LocalShellCall,
  apply_patch_call: ApplyPatchCall,
  apply_patch_call_output: ApplyPatchCallOutput,
  computer_call: ComputerCall,
  compaction: Compaction,
  configuration_update: ConfigurationUpdate
}))

/**
 * Tokens that were written to the prompt cache, by how long they live.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheWriteDetails {
  readonly ttl_30m_tokens?: number | null
  readonly ttl_12h_tokens?: number | null
  readonly [key: string]: unknown
}

const CacheWriteDetails: Exact<CacheWriteDetails> = exactly(open({
  ttl_30m_tokens: nullish(Schema.Finite),
  ttl_12h_tokens: nullish(Schema.Finite)
}))

/**
 * Parts of the input tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputTokensDetails {
  readonly cached_tokens?: number | null
  readonly cache_write_tokens?: number | null
  readonly cache_write_tokens_details?: CacheWriteDetails | null
  readonly text_tokens?: number | null
  readonly image_tokens?: number | null
  readonly audio_tokens?: number | null
  readonly [key: string]: unknown
}

const InputTokensDetails: Exact<InputTokensDetails> = exactly(open({
  cached_tokens: nullish(Schema.Finite),
  cache_write_tokens: nullish(Schema.Finite),
  cache_write_tokens_details: nullish(CacheWriteDetails),
  text_tokens: nullish(Schema.Finite),
  image_tokens: nullish(Schema.Finite),
  audio_tokens: nullish(Schema.Finite)
}))

/**
 * Parts of the output tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputTokensDetails {
  readonly reasoning_tokens?: number | null
  readonly text_tokens?: number | null
  readonly audio_tokens?: number | null
  readonly [key: string]: unknown
}

const OutputTokensDetails: Exact<OutputTokensDetails> = exactly(open({
  reasoning_tokens: nullish(Schema.Finite),
  text_tokens: nullish(Schema.Finite),
  audio_tokens: nullish(Schema.Finite)
}))

/**
 * Token usage. The input tokens include those read from and written to the prompt cache.
 *
 * @category models
 * @since 0.2.0
 */
export interface WireUsage {
  readonly input_tokens?: number | null
  readonly input_tokens_details?: InputTokensDetails | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: OutputTokensDetails | null
  readonly total_tokens?: number | null
  readonly [key: string]: unknown
}

const WireUsage: Exact<WireUsage> = exactly(open({
  input_tokens: nullish(Schema.Finite),
  input_tokens_details: nullish(InputTokensDetails),
  output_tokens: nullish(Schema.Finite),
  output_tokens_details: nullish(OutputTokensDetails),
  total_tokens: nullish(Schema.Finite)
}))

/**
 * How often the web was searched.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchUsage {
  readonly num_requests?: number | null
  readonly [key: string]: unknown
}

const WebSearchUsage: Exact<WebSearchUsage> = exactly(open({
  num_requests: nullish(Schema.Finite)
}))

/**
 * Kinds of tokens of the model that makes images.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageTokensDetails {
  readonly text_tokens?: number | null
  readonly image_tokens?: number | null
  readonly [key: string]: unknown
}

const ImageTokensDetails: Exact<ImageTokensDetails> = exactly(open({
  text_tokens: nullish(Schema.Finite),
  image_tokens: nullish(Schema.Finite)
}))

/**
 * Tokens of the model that makes images. They are not part of the usage of the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageUsage {
  readonly input_tokens?: number | null
  readonly input_tokens_details?: ImageTokensDetails | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: ImageTokensDetails | null
  readonly total_tokens?: number | null
  readonly [key: string]: unknown
}

const ImageUsage: Exact<ImageUsage> = exactly(open({
  input_tokens: nullish(Schema.Finite),
  input_tokens_details: nullish(ImageTokensDetails),
  output_tokens: nullish(Schema.Finite),
  output_tokens_details: nullish(ImageTokensDetails),
  total_tokens: nullish(Schema.Finite)
}))

/**
 * What the provider's tools used.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUsage {
  readonly web_search?: WebSearchUsage | null
  readonly image_gen?: ImageUsage | null
  readonly [key: string]: unknown
}

const ToolUsage: Exact<ToolUsage> = exactly(open({
  web_search: nullish(WebSearchUsage),
  image_gen: nullish(ImageUsage)
}))

/**
 * Why a response failed.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseError {
  readonly code?: string | null
  readonly message?: string | null
  readonly [key: string]: unknown
}

const ResponseError: Exact<ResponseError> = exactly(open({
  code: nullish(Schema.String),
  message: nullish(Schema.String)
}))

/**
 * Why a response is incomplete.
 *
 * @category models
 * @since 0.2.0
 */
export interface IncompleteDetails {
  /** `max_output_tokens`, `content_filter`, … */
  readonly reason?: string | null
  readonly [key: string]: unknown
}

const IncompleteDetails: Exact<IncompleteDetails> = exactly(open({
  reason: nullish(Schema.String)
}))

/**
 * A response so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface Response {
  readonly id?: string | null
  readonly object?: string | null
  /** Unix seconds. */
  readonly created_at?: number | null
  /** Unix seconds. */
  readonly completed_at?: number | null
  readonly model?: string | null
  /** `queued`, `in_progress`, `completed`, `incomplete`, `failed` or `cancelled`. */
  readonly status?: string | null
  readonly output?: ReadonlyArray<OutputItem | null> | null
  readonly usage?: WireUsage | null
  readonly tool_usage?: ToolUsage | null
  readonly error?: ResponseError | null
  readonly incomplete_details?: IncompleteDetails | null
  readonly service_tier?: string | null
  readonly background?: boolean | null
  readonly previous_response_id?: string | null
  readonly conversation?: unknown
  /** Azure: what the content filter found. */
  readonly content_filters?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

/**
 * Schema of a response.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Response: Exact<Response> = exactly(open({
  id: nullish(Schema.String),
  object: nullish(Schema.String),
  created_at: nullish(Schema.Finite),
  completed_at: nullish(Schema.Finite),
  model: nullish(Schema.String),
  status: nullish(Schema.String),
  output: nullish(list(OutputItem)),
  usage: nullish(WireUsage),
  tool_usage: nullish(ToolUsage),
  error: nullish(ResponseError),
  incomplete_details: nullish(IncompleteDetails),
  service_tier: nullish(Schema.String),
  background: nullish(Schema.Boolean),
  previous_response_id: nullish(Schema.String),
  conversation: Schema.optionalKey(Schema.Unknown),
  content_filters: nullish(Schema.Array(Schema.Unknown))
}))

/**
 * A piece of the text of a content part.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDelta {
  readonly type: "response.output_text.delta" | "response.refusal.delta" | "response.reasoning_text.delta"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly content_index?: number | null
  readonly delta: string
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
  /** Padding that hides the length of the text. */
  readonly obfuscation?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const TextDelta: Exact<TextDelta> = exactly(open({
  type: Schema.Literals(["response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  content_index: nullish(Schema.Finite),
  delta: Schema.String,
  logprobs: nullish(list(Logprob)),
  obfuscation: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A piece of the input of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ArgumentsDelta {
  readonly type:
    | "response.function_call_arguments.delta"
    | "response.custom_tool_call_input.delta"
    | "response.mcp_call_arguments.delta"
    | "response.code_interpreter_call_code.delta"
    | "response.apply_patch_call_operation_diff.delta"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly delta: string
  readonly obfuscation?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ArgumentsDelta: Exact<ArgumentsDelta> = exactly(open({
  type: Schema.Literals([
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
    "response.mcp_call_arguments.delta",
    "response.code_interpreter_call_code.delta",
    "response.apply_patch_call_operation_diff.delta"
  ]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  delta: Schema.String,
  obfuscation: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A piece of the summary of the reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryTextDelta {
  readonly type: "response.reasoning_summary_text.delta"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly summary_index?: number | null
  readonly delta: string
  readonly obfuscation?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const SummaryTextDelta: Exact<SummaryTextDelta> = exactly(open({
  type: Schema.Literal("response.reasoning_summary_text.delta"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  summary_index: nullish(Schema.Finite),
  delta: Schema.String,
  obfuscation: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * An item begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputItemEvent {
  readonly type: "response.output_item.added" | "response.output_item.done"
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly item?: OutputItem | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const OutputItemEvent: Exact<OutputItemEvent> = exactly(open({
  type: Schema.Literals(["response.output_item.added", "response.output_item.done"]),
  output_index: nullish(Schema.Finite),
  item: nullish(OutputItem),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A content part begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentPartEvent {
  readonly type: "response.content_part.added" | "response.content_part.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly content_index?: number | null
  readonly part?: ContentPart | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ContentPartEvent: Exact<ContentPartEvent> = exactly(open({
  type: Schema.Literals(["response.content_part.added", "response.content_part.done"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  content_index: nullish(Schema.Finite),
  part: nullish(ContentPart),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole text of a content part.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDone {
  readonly type: "response.output_text.done" | "response.reasoning_text.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly content_index?: number | null
  readonly text?: string | null
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const TextDone: Exact<TextDone> = exactly(open({
  type: Schema.Literals(["response.output_text.done", "response.reasoning_text.done"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  content_index: nullish(Schema.Finite),
  text: nullish(Schema.String),
  logprobs: nullish(list(Logprob)),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole text of a refusal.
 *
 * @category models
 * @since 0.2.0
 */
export interface RefusalDone {
  readonly type: "response.refusal.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly content_index?: number | null
  readonly refusal?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const RefusalDone: Exact<RefusalDone> = exactly(open({
  type: Schema.Literal("response.refusal.done"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  content_index: nullish(Schema.Finite),
  refusal: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * What the text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface AnnotationAdded {
  readonly type: "response.output_text.annotation.added"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly content_index?: number | null
  readonly annotation_index?: number | null
  readonly annotation?: Annotation | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const AnnotationAdded: Exact<AnnotationAdded> = exactly(open({
  type: Schema.Literal("response.output_text.annotation.added"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  content_index: nullish(Schema.Finite),
  annotation_index: nullish(Schema.Finite),
  annotation: nullish(Annotation),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A part of the summary of the reasoning begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryPartEvent {
  readonly type: "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly summary_index?: number | null
  readonly part?: ContentPart | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const SummaryPartEvent: Exact<SummaryPartEvent> = exactly(open({
  type: Schema.Literals(["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  summary_index: nullish(Schema.Finite),
  part: nullish(ContentPart),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole text of a part of the summary.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryTextDone {
  readonly type: "response.reasoning_summary_text.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly summary_index?: number | null
  readonly text?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const SummaryTextDone: Exact<SummaryTextDone> = exactly(open({
  type: Schema.Literal("response.reasoning_summary_text.done"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  summary_index: nullish(Schema.Finite),
  text: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole input of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ArgumentsDone {
  readonly type: "response.function_call_arguments.done" | "response.mcp_call_arguments.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly name?: string | null
  readonly arguments?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ArgumentsDone: Exact<ArgumentsDone> = exactly(open({
  type: Schema.Literals(["response.function_call_arguments.done", "response.mcp_call_arguments.done"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  name: nullish(Schema.String),
  arguments: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole input of a custom tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputDone {
  readonly type: "response.custom_tool_call_input.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly input?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const InputDone: Exact<InputDone> = exactly(open({
  type: Schema.Literal("response.custom_tool_call_input.done"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  input: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole code that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeDone {
  readonly type: "response.code_interpreter_call_code.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly code?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const CodeDone: Exact<CodeDone> = exactly(open({
  type: Schema.Literal("response.code_interpreter_call_code.done"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  code: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The whole change of a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface DiffDone {
  readonly type: "response.apply_patch_call_operation_diff.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly diff?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const DiffDone: Exact<DiffDone> = exactly(open({
  type: Schema.Literal("response.apply_patch_call_operation_diff.done"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  diff: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The response as a whole: it begins, goes on, or is over.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseEvent {
  readonly type:
    | "response.created"
    | "response.queued"
    | "response.in_progress"
    | "response.completed"
    | "response.incomplete"
    | "response.failed"
  readonly response?: Response | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ResponseEvent: Exact<ResponseEvent> = exactly(open({
  type: Schema.Literals([
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    "response.failed"
  ]),
  response: nullish(Response),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * How far a tool is that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolProgress {
  readonly type:
    | "response.web_search_call.in_progress"
    | "response.web_search_call.searching"
    | "response.web_search_call.completed"
    | "response.file_search_call.in_progress"
    | "response.file_search_call.searching"
    | "response.file_search_call.completed"
    | "response.code_interpreter_call.in_progress"
    | "response.code_interpreter_call.interpreting"
    | "response.code_interpreter_call.completed"
    | "response.image_generation_call.in_progress"
    | "response.image_generation_call.generating"
    | "response.image_generation_call.completed"
    | "response.mcp_call.in_progress"
    | "response.mcp_call.completed"
    | "response.mcp_call.failed"
    | "response.mcp_list_tools.in_progress"
    | "response.mcp_list_tools.completed"
    | "response.mcp_list_tools.failed"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ToolProgress: Exact<ToolProgress> = exactly(open({
  type: Schema.Literals([
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "response.web_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call.completed",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.generating",
    "response.image_generation_call.completed",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_list_tools.in_progress",
    "response.mcp_list_tools.completed",
    "response.mcp_list_tools.failed"
  ]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * An image that is not finished.
 *
 * @category models
 * @since 0.2.0
 */
export interface PartialImage {
  readonly type: "response.image_generation_call.partial_image"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly partial_image_index?: number | null
  /** The image in Base64. */
  readonly partial_image_b64?: string | null
  readonly output_format?: string | null
  readonly size?: string | null
  readonly quality?: string | null
  readonly background?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const PartialImage: Exact<PartialImage> = exactly(open({
  type: Schema.Literal("response.image_generation_call.partial_image"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  partial_image_index: nullish(Schema.Finite),
  partial_image_b64: nullish(Schema.String),
  output_format: nullish(Schema.String),
  size: nullish(Schema.String),
  quality: nullish(Schema.String),
  background: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A command of a shell call: it begins, goes on, or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCommandEvent {
  readonly type:
    | "response.shell_call_command.added"
    | "response.shell_call_command.delta"
    | "response.shell_call_command.done"
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly command_index?: number | null
  readonly command?: string | null
  readonly delta?: string | null
  readonly obfuscation?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ShellCommandEvent: Exact<ShellCommandEvent> = exactly(open({
  type: Schema.Literals([
    "response.shell_call_command.added",
    "response.shell_call_command.delta",
    "response.shell_call_command.done"
  ]),
  output_index: nullish(Schema.Finite),
  command_index: nullish(Schema.Finite),
  command: nullish(Schema.String),
  delta: nullish(Schema.String),
  obfuscation: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * What a command of a shell call gives.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellOutputEvent {
  readonly type: "response.shell_call_output_content.delta" | "response.shell_call_output_content.done"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly command_index?: number | null
  readonly delta?: unknown
  readonly output?: ReadonlyArray<unknown> | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ShellOutputEvent: Exact<ShellOutputEvent> = exactly(open({
  type: Schema.Literals(["response.shell_call_output_content.delta", "response.shell_call_output_content.done"]),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  command_index: nullish(Schema.Finite),
  delta: Schema.optionalKey(Schema.Unknown),
  output: nullish(Schema.Array(Schema.Unknown)),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * A piece of spoken answer or of its transcript, or its end.
 *
 * @category models
 * @since 0.2.0
 */
export interface AudioEvent {
  readonly type:
    | "response.audio.delta"
    | "response.audio.done"
    | "response.audio.transcript.delta"
    | "response.audio.transcript.done"
  readonly response_id?: string | null
  readonly delta?: string | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const AudioEvent: Exact<AudioEvent> = exactly(open({
  type: Schema.Literals([
    "response.audio.delta",
    "response.audio.done",
    "response.audio.transcript.delta",
    "response.audio.transcript.done"
  ]),
  response_id: nullish(Schema.String),
  delta: nullish(Schema.String),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The conversation is being compacted.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionEvent {
  readonly type: "response.compaction.compacting"
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const CompactionEvent: Exact<CompactionEvent> = exactly(open({
  type: Schema.Literal("response.compaction.compacting"),
  item_id: nullish(Schema.String),
  output_index: nullish(Schema.Finite),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The stream failed. The fields of the error are in `error`, or beside the type.
 *
 * @category models
 * @since 0.2.0
 */
export interface ErrorEvent {
  readonly type: "error"
  readonly code?: unknown
  readonly message?: unknown
  readonly param?: unknown
  readonly error?: unknown
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const ErrorEvent: Exact<ErrorEvent> = exactly(open({
  type: Schema.Literal("error"),
  code: Schema.optionalKey(Schema.Unknown),
  message: Schema.optionalKey(Schema.Unknown),
  param: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * Keeps the connection open.
 *
 * @category models
 * @since 0.2.0
 */
export interface KeepAlive {
  readonly type: "keepalive"
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
  readonly [key: string]: unknown
}

const KeepAlive: Exact<KeepAlive> = exactly(open({
  type: Schema.Literal("keepalive"),
  sequence_number: nullish(Schema.Finite)
}))

/**
 * The data of an event, told apart by `type`.
 *
 * @category models
 * @since 0.2.0
 */
export type Payload =
  | TextDelta
  | ArgumentsDelta
  | SummaryTextDelta
  | OutputItemEvent
  | ContentPartEvent
  | TextDone
  | RefusalDone
  | AnnotationAdded
  | SummaryPartEvent
  | SummaryTextDone
  | ArgumentsDone
  | InputDone
  | CodeDone
  | DiffDone
  | ResponseEvent
  | ToolProgress
  | PartialImage
  | ShellCommandEvent
  | ShellOutputEvent
  | AudioEvent
  | CompactionEvent
  | ErrorEvent
  | KeepAlive
  | Unknown

/**
 * Schema of an event's data: a union by `type`. Unknown fields are kept, and so are events of a type that is not listed
 * here.
 *
 * See https://platform.openai.com/docs/api-reference/responses-streaming.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Payload: Exact<Payload> = exactly(Schema.Union([
  TextDelta,
  ArgumentsDelta,
  SummaryTextDelta,
  OutputItemEvent,
  ContentPartEvent,
  TextDone,
  RefusalDone,
  AnnotationAdded,
  SummaryPartEvent,
  SummaryTextDone,
  ArgumentsDone,
  InputDone,
  CodeDone,
  DiffDone,
  ResponseEvent,
  ToolProgress,
  PartialImage,
  ShellCommandEvent,
  ShellOutputEvent,
  AudioEvent,
  CompactionEvent,
  ErrorEvent,
  KeepAlive,
  unknownBut(
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
    "response.mcp_call_arguments.delta",
    "response.code_interpreter_call_code.delta",
    "response.apply_patch_call_operation_diff.delta",
    "response.reasoning_summary_text.delta",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.done",
    "response.reasoning_text.done",
    "response.refusal.done",
    "response.output_text.annotation.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.done",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.done",
    "response.custom_tool_call_input.done",
    "response.code_interpreter_call_code.done",
    "response.apply_patch_call_operation_diff.done",
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "response.web_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call.completed",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.generating",
    "response.image_generation_call.completed",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_list_tools.in_progress",
    "response.mcp_list_tools.completed",
    "response.mcp_list_tools.failed",
    "response.image_generation_call.partial_image",
    "response.shell_call_command.added",
    "response.shell_call_command.delta",
    "response.shell_call_command.done",
    "response.shell_call_output_content.delta",
    "response.shell_call_output_content.done",
    "response.audio.delta",
    "response.audio.done",
    "response.audio.transcript.delta",
    "response.audio.transcript.done",
    "response.compaction.compacting",
    "error",
    "keepalive"
  )
]))

/**
 * The usage that a `usage` object of this format states; `undefined` when it states none. `serverToolRequests` are
 * those of the tools that the provider ran, and `iterations` the calls of other models, neither of which the object
 * itself counts.
 *
 * @example
 * ```ts
 * import { Responses } from "effect-llm-stream"
 *
 * const usage = Responses.usageOf({ input_tokens: 100, input_tokens_details: { cached_tokens: 60 }, output_tokens: 5 })
 * usage?.cachedTokens // 60
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const usageOf = (
  usage: WireUsage | null | undefined,
  serverToolRequests?: Readonly<Record<string, number>> | undefined,
  iterations?: ReadonlyArray<Usage.StatedIteration> | undefined
): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    inputTokens: usage.input_tokens,
    cachedTokens: usage.input_tokens_details?.cached_tokens,
    cacheWriteTokens: usage.input_tokens_details?.cache_write_tokens,
    cacheWrite30mTokens: usage.input_tokens_details?.cache_write_tokens_details?.ttl_30m_tokens,
    cacheWrite12hTokens: usage.input_tokens_details?.cache_write_tokens_details?.ttl_12h_tokens,
    inputTextTokens: usage.input_tokens_details?.text_tokens,
    inputAudioTokens: usage.input_tokens_details?.audio_tokens,
    inputImageTokens: usage.input_tokens_details?.image_tokens,
    outputTokens: usage.output_tokens,
    reasoningTokens: usage.output_tokens_details?.reasoning_tokens,
    outputTextTokens: usage.output_tokens_details?.text_tokens,
    outputAudioTokens: usage.output_tokens_details?.audio_tokens,
    serverToolRequests,
    iterations
  })
