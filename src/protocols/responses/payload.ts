/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly } from "../../internal/exact.ts"
import { anything, list, nullish, number, type Open, open, text, texts, things, typed } from "../../internal/open.ts"
import { openUnion, type Unknown } from "../../internal/unknownType.ts"
import * as Usage from "../../Usage.ts"

export type { Unknown, UnknownType } from "../../internal/unknownType.ts"

/** An item of the output. */
interface Item extends Open {
  readonly id?: string | null
  /** `in_progress`, `completed`, `incomplete`, … */
  readonly status?: string | null
}

interface Event extends Open {
  /** Counts the events of a response from 0. */
  readonly sequence_number?: number | null
}

/** An event that is about an item of the output. */
interface ItemEvent extends Event {
  readonly item_id?: string | null
  /** Position of the item in the output. */
  readonly output_index?: number | null
}

type Fields = Schema.Struct.Fields

const item = <const Type extends string>(type: Type) => <const F extends Fields>(fields: F) =>
  open({ type: Schema.Literal(type), id: text, status: text, ...fields })

const event = <const Types extends ReadonlyArray<string>>(...types: Types) => <const F extends Fields>(fields: F) =>
  open({ type: Schema.Literals(types), sequence_number: number, ...fields })

const itemEvent = <const Types extends ReadonlyArray<string>>(...types: Types) => <const F extends Fields>(fields: F) =>
  event(...types)({ item_id: text, output_index: number, ...fields })

/**
 * A source that a piece of text cites: the fields of all kinds of citation, told apart by `type`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Annotation extends Open {
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
}

const Annotation: Exact<Annotation> = exactly(open({
  type: text,
  url: text,
  title: text,
  file_id: text,
  filename: text,
  container_id: text,
  index: number,
  start_index: number,
  end_index: number
}))

/**
 * The log probability of a token, and those of the most likely ones.
 *
 * @category models
 * @since 0.2.0
 */
export interface Logprob extends Open {
  readonly token?: string | null
  readonly logprob?: number | null
  readonly bytes?: ReadonlyArray<number | null> | null
  readonly top_logprobs?: ReadonlyArray<unknown> | null
}

const Logprob: Exact<Logprob> = exactly(
  open({ token: text, logprob: number, bytes: nullish(list(Schema.Finite)), top_logprobs: things })
)

/**
 * A content part with text.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputText extends Open {
  readonly type: "output_text"
  readonly text?: string | null
  readonly annotations?: ReadonlyArray<Annotation | null> | null
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
}

/**
 * A content part with a refusal.
 *
 * @category models
 * @since 0.2.0
 */
export interface Refusal extends Open {
  readonly type: "refusal"
  readonly refusal?: string | null
}

/**
 * A content part with the reasoning itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningText extends Open {
  readonly type: "reasoning_text"
  readonly text?: string | null
}

/**
 * A part of the summary of the reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryText extends Open {
  readonly type: "summary_text"
  readonly text?: string | null
}

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

const ContentPart: Exact<ContentPart> = exactly(openUnion([
  typed("output_text")({ text, annotations: nullish(list(Annotation)), logprobs: nullish(list(Logprob)) }),
  typed("refusal")({ refusal: text }),
  typed("reasoning_text")({ text }),
  typed("summary_text")({ text })
]))

/**
 * The action of a search in the web.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchAction extends Open {
  /** `search`, `open_page` or `find_in_page`. */
  readonly type?: string | null
  readonly query?: string | null
  readonly queries?: ReadonlyArray<string | null> | null
  readonly url?: string | null
  readonly pattern?: string | null
  readonly sources?: ReadonlyArray<unknown> | null
}

const WebSearchAction: Exact<WebSearchAction> = exactly(
  open({ type: text, query: text, queries: texts, url: text, pattern: text, sources: things })
)

/**
 * A message of the model.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageItem extends Item {
  readonly type: "message"
  readonly role?: string | null
  /** `commentary` for what the model says on the way, or `final_answer`. */
  readonly phase?: string | null
  readonly content?: ReadonlyArray<ContentPart | null> | null
}

/**
 * The reasoning of the model, as far as it is shown.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningItem extends Item {
  readonly type: "reasoning"
  readonly summary?: ReadonlyArray<ContentPart | null> | null
  readonly content?: ReadonlyArray<ContentPart | null> | null
  /** To be sent back unchanged. */
  readonly encrypted_content?: string | null
}

/**
 * A call of a function, which the caller has to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface FunctionCall extends Item {
  readonly type: "function_call"
  /** The id that the result has to state. */
  readonly call_id?: string | null
  readonly name?: string | null
  readonly namespace?: string | null
  /** JSON as the model wrote it, which may be cut off. */
  readonly arguments?: string | null
  readonly caller?: unknown
}

/**
 * A call of a tool whose input is text, which the caller has to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface CustomToolCall extends Item {
  readonly type: "custom_tool_call"
  /** The id that the result has to state. */
  readonly call_id?: string | null
  readonly name?: string | null
  readonly namespace?: string | null
  readonly input?: string | null
}

/**
 * A search in the web.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchCall extends Item {
  readonly type: "web_search_call"
  readonly action?: WebSearchAction | null
}

/**
 * A search in vector stores.
 *
 * @category models
 * @since 0.2.0
 */
export interface FileSearchCall extends Item {
  readonly type: "file_search_call"
  readonly queries?: ReadonlyArray<string | null> | null
  /** `null` unless `include` asks for them. */
  readonly results?: ReadonlyArray<unknown> | null
}

/**
 * Code that the provider ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeInterpreterCall extends Item {
  readonly type: "code_interpreter_call"
  readonly code?: string | null
  readonly container_id?: string | null
  /** `null` unless `include` asks for them. */
  readonly outputs?: ReadonlyArray<unknown> | null
}

/**
 * An image that the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageGenerationCall extends Item {
  readonly type: "image_generation_call"
  /** The image in Base64. */
  readonly result?: string | null
  readonly revised_prompt?: string | null
  /** `png`, `webp` or `jpeg`. */
  readonly output_format?: string | null
  readonly size?: string | null
  readonly quality?: string | null
  readonly background?: string | null
}

/**
 * A call of a tool of an MCP server, which the provider made.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpCall extends Item {
  readonly type: "mcp_call"
  readonly name?: string | null
  readonly server_label?: string | null
  readonly arguments?: string | null
  readonly output?: string | null
  readonly error?: unknown
  readonly approval_request_id?: string | null
}

/**
 * The tools of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpListTools extends Item {
  readonly type: "mcp_list_tools"
  readonly server_label?: string | null
  readonly tools?: ReadonlyArray<unknown> | null
  readonly error?: unknown
}

/**
 * A question whether the provider may call a tool of an MCP server.
 *
 * @category models
 * @since 0.2.0
 */
export interface McpApprovalRequest extends Item {
  readonly type: "mcp_approval_request"
  readonly name?: string | null
  readonly server_label?: string | null
  readonly arguments?: string | null
}

/**
 * A search among deferred tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchCall extends Item {
  readonly type: "tool_search_call"
  readonly call_id?: string | null
  /** `server`, or `client` when the caller has to search. */
  readonly execution?: string | null
  readonly arguments?: unknown
}

/**
 * The deferred tools that were found.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolSearchOutput extends Item {
  readonly type: "tool_search_output"
  readonly call_id?: string | null
  readonly execution?: string | null
  readonly tools?: ReadonlyArray<unknown> | null
}

/**
 * Commands for a shell, in the provider's container or at the caller's.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCall extends Item {
  readonly type: "shell_call"
  readonly call_id?: string | null
  readonly action?: unknown
  readonly environment?: unknown
}

/**
 * The output of the commands in the provider's container.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCallOutput extends Item {
  readonly type: "shell_call_output"
  readonly call_id?: string | null
  readonly output?: ReadonlyArray<unknown> | null
  readonly max_output_length?: number | null
}

/**
 * A command for a shell, which the caller has to run.
 *
 * @category models
 * @since 0.2.0
 */
export interface LocalShellCall extends Item {
  readonly type: "local_shell_call"
  readonly call_id?: string | null
  readonly action?: unknown
}

/**
 * A change of a file, which the caller has to make.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApplyPatchCall extends Item {
  readonly type: "apply_patch_call"
  readonly call_id?: string | null
  readonly operation?: unknown
}

/**
 * The outcome of a change of a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApplyPatchCallOutput extends Item {
  readonly type: "apply_patch_call_output"
  readonly call_id?: string | null
  readonly output?: string | null
}

/**
 * Input for a screen, which the caller has to give.
 *
 * @category models
 * @since 0.2.0
 */
export interface ComputerCall extends Item {
  readonly type: "computer_call"
  readonly call_id?: string | null
  readonly action?: unknown
  readonly actions?: ReadonlyArray<unknown> | null
  readonly pending_safety_checks?: ReadonlyArray<unknown> | null
}

/**
 * The conversation so far, compacted and encrypted.
 *
 * @category models
 * @since 0.2.0
 */
export interface Compaction extends Item {
  readonly type: "compaction"
  readonly encrypted_content?: string | null
}

/**
 * A change of the settings of the responses that follow.
 *
 * @category models
 * @since 0.2.0
 */
export interface ConfigurationUpdate extends Item {
  readonly type: "configuration_update"
  readonly reasoning?: unknown
  readonly text?: unknown
}

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
export const OutputItem: Exact<OutputItem> = exactly(openUnion([
  item("message")({ role: text, phase: text, content: nullish(list(ContentPart)) }),
  item("reasoning")({
    summary: nullish(list(ContentPart)),
    content: nullish(list(ContentPart)),
    encrypted_content: text
  }),
  item("function_call")({ call_id: text, name: text, namespace: text, arguments: text, caller: anything }),
  item("custom_tool_call")({ call_id: text, name: text, namespace: text, input: text }),
  item("web_search_call")({ action: nullish(WebSearchAction) }),
  item("file_search_call")({ queries: texts, results: things }),
  item("code_interpreter_call")({ code: text, container_id: text, outputs: things }),
  item("image_generation_call")({
    result: text,
    revised_prompt: text,
    output_format: text,
    size: text,
    quality: text,
    background: text
  }),
  item("mcp_call")({
    name: text,
    server_label: text,
    arguments: text,
    output: text,
    error: anything,
    approval_request_id: text
  }),
  item("mcp_list_tools")({ server_label: text, tools: things, error: anything }),
  item("mcp_approval_request")({ name: text, server_label: text, arguments: text }),
  item("tool_search_call")({ call_id: text, execution: text, arguments: anything }),
  item("tool_search_output")({ call_id: text, execution: text, tools: things }),
  item("shell_call")({ call_id: text, action: anything, environment: anything }),
  item("shell_call_output")({ call_id: text, output: things, max_output_length: number }),
  item("local_shell_call")({ call_id: text, action: anything }),
  item("apply_patch_call")({ call_id: text, operation: anything }),
  item("apply_patch_call_output")({ call_id: text, output: text }),
  item("computer_call")({ call_id: text, action: anything, actions: things, pending_safety_checks: things }),
  item("compaction")({ encrypted_content: text }),
  item("configuration_update")({ reasoning: anything, text: anything })
]))

/**
 * Tokens that were written to the prompt cache, by how long they live.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheWriteDetails extends Open {
  readonly ttl_30m_tokens?: number | null
  readonly ttl_12h_tokens?: number | null
}

/**
 * Parts of the input tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputTokensDetails extends Open {
  readonly cached_tokens?: number | null
  readonly cache_write_tokens?: number | null
  readonly cache_write_tokens_details?: CacheWriteDetails | null
  readonly text_tokens?: number | null
  readonly image_tokens?: number | null
  readonly audio_tokens?: number | null
}

const InputTokensDetails: Exact<InputTokensDetails> = exactly(open({
  cached_tokens: number,
  cache_write_tokens: number,
  cache_write_tokens_details: nullish(open({ ttl_30m_tokens: number, ttl_12h_tokens: number })),
  text_tokens: number,
  image_tokens: number,
  audio_tokens: number
}))

/**
 * Parts of the output tokens.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputTokensDetails extends Open {
  readonly reasoning_tokens?: number | null
  readonly text_tokens?: number | null
  readonly audio_tokens?: number | null
}

/**
 * Token usage. The input tokens include those read from and written to the prompt cache.
 *
 * @category models
 * @since 0.2.0
 */
export interface WireUsage extends Open {
  readonly input_tokens?: number | null
  readonly input_tokens_details?: InputTokensDetails | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: OutputTokensDetails | null
  readonly total_tokens?: number | null
}

const WireUsage: Exact<WireUsage> = exactly(open({
  input_tokens: number,
  input_tokens_details: nullish(InputTokensDetails),
  output_tokens: number,
  output_tokens_details: nullish(open({ reasoning_tokens: number, text_tokens: number, audio_tokens: number })),
  total_tokens: number
}))

/**
 * How often the web was searched.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebSearchUsage extends Open {
  readonly num_requests?: number | null
}

/**
 * Kinds of tokens of the model that makes images.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageTokensDetails extends Open {
  readonly text_tokens?: number | null
  readonly image_tokens?: number | null
}

const ImageTokensDetails: Exact<ImageTokensDetails> = exactly(open({ text_tokens: number, image_tokens: number }))

/**
 * Tokens of the model that makes images. They are not part of the usage of the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageUsage extends Open {
  readonly input_tokens?: number | null
  readonly input_tokens_details?: ImageTokensDetails | null
  readonly output_tokens?: number | null
  readonly output_tokens_details?: ImageTokensDetails | null
  readonly total_tokens?: number | null
}

const ImageUsage: Exact<ImageUsage> = exactly(open({
  input_tokens: number,
  input_tokens_details: nullish(ImageTokensDetails),
  output_tokens: number,
  output_tokens_details: nullish(ImageTokensDetails),
  total_tokens: number
}))

/**
 * The usage of the provider's tools.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUsage extends Open {
  readonly web_search?: WebSearchUsage | null
  readonly image_gen?: ImageUsage | null
}

/**
 * Why a response failed.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseError extends Open {
  readonly code?: string | null
  readonly message?: string | null
}

/**
 * Why a response is incomplete.
 *
 * @category models
 * @since 0.2.0
 */
export interface IncompleteDetails extends Open {
  /** `max_output_tokens`, `content_filter`, … */
  readonly reason?: string | null
}

/**
 * A response so far.
 *
 * @category models
 * @since 0.2.0
 */
export interface Response extends Open {
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
}

/**
 * Schema of a response.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Response: Exact<Response> = exactly(open({
  id: text,
  object: text,
  created_at: number,
  completed_at: number,
  model: text,
  status: text,
  output: nullish(list(OutputItem)),
  usage: nullish(WireUsage),
  tool_usage: nullish(open({ web_search: nullish(open({ num_requests: number })), image_gen: nullish(ImageUsage) })),
  error: nullish(open({ code: text, message: text })),
  incomplete_details: nullish(open({ reason: text })),
  service_tier: text,
  background: nullish(Schema.Boolean),
  previous_response_id: text,
  conversation: anything,
  content_filters: things
}))

/**
 * A piece of the text of a content part.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDelta extends ItemEvent {
  readonly type: "response.output_text.delta" | "response.refusal.delta" | "response.reasoning_text.delta"
  readonly content_index?: number | null
  readonly delta: string
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
  /** Padding that hides the length of the text. */
  readonly obfuscation?: string | null
}

const argumentsDeltas = [
  "response.function_call_arguments.delta",
  "response.custom_tool_call_input.delta",
  "response.mcp_call_arguments.delta",
  "response.code_interpreter_call_code.delta",
  "response.apply_patch_call_operation_diff.delta"
] as const

/**
 * A piece of the input of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ArgumentsDelta extends ItemEvent {
  readonly type: (typeof argumentsDeltas)[number]
  readonly delta: string
  readonly obfuscation?: string | null
}

/**
 * A piece of the summary of the reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryTextDelta extends ItemEvent {
  readonly type: "response.reasoning_summary_text.delta"
  readonly summary_index?: number | null
  readonly delta: string
  readonly obfuscation?: string | null
}

/**
 * An item begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface OutputItemEvent extends Event {
  readonly type: "response.output_item.added" | "response.output_item.done"
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly item?: OutputItem | null
}

/**
 * A content part begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentPartEvent extends ItemEvent {
  readonly type: "response.content_part.added" | "response.content_part.done"
  readonly content_index?: number | null
  readonly part?: ContentPart | null
}

/**
 * The whole text of a content part.
 *
 * @category models
 * @since 0.2.0
 */
export interface TextDone extends ItemEvent {
  readonly type: "response.output_text.done" | "response.reasoning_text.done"
  readonly content_index?: number | null
  readonly text?: string | null
  readonly logprobs?: ReadonlyArray<Logprob | null> | null
}

/**
 * The whole text of a refusal.
 *
 * @category models
 * @since 0.2.0
 */
export interface RefusalDone extends ItemEvent {
  readonly type: "response.refusal.done"
  readonly content_index?: number | null
  readonly refusal?: string | null
}

/**
 * A source that the text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface AnnotationAdded extends ItemEvent {
  readonly type: "response.output_text.annotation.added"
  readonly content_index?: number | null
  readonly annotation_index?: number | null
  readonly annotation?: Annotation | null
}

/**
 * A part of the summary of the reasoning begins or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryPartEvent extends ItemEvent {
  readonly type: "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done"
  readonly summary_index?: number | null
  readonly part?: ContentPart | null
}

/**
 * The whole text of a part of the summary.
 *
 * @category models
 * @since 0.2.0
 */
export interface SummaryTextDone extends ItemEvent {
  readonly type: "response.reasoning_summary_text.done"
  readonly summary_index?: number | null
  readonly text?: string | null
}

/**
 * The whole input of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface ArgumentsDone extends ItemEvent {
  readonly type: "response.function_call_arguments.done" | "response.mcp_call_arguments.done"
  readonly name?: string | null
  readonly arguments?: string | null
}

/**
 * The whole input of a custom tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface InputDone extends ItemEvent {
  readonly type: "response.custom_tool_call_input.done"
  readonly input?: string | null
}

/**
 * The whole code that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeDone extends ItemEvent {
  readonly type: "response.code_interpreter_call_code.done"
  readonly code?: string | null
}

/**
 * The whole change of a file.
 *
 * @category models
 * @since 0.2.0
 */
export interface DiffDone extends ItemEvent {
  readonly type: "response.apply_patch_call_operation_diff.done"
  readonly diff?: string | null
}

const responseEvents = [
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.completed",
  "response.incomplete",
  "response.failed"
] as const

/**
 * The response as a whole: it begins, continues or ends.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseEvent extends Event {
  readonly type: (typeof responseEvents)[number]
  readonly response?: Response | null
}

const progressOf = <const Call extends string, const State extends string>(
  call: Call,
  ...states: ReadonlyArray<State>
) => states.map((state) => `response.${call}.${state}` as const)

const toolProgress = [
  ...progressOf("web_search_call", "in_progress", "searching", "completed"),
  ...progressOf("file_search_call", "in_progress", "searching", "completed"),
  ...progressOf("code_interpreter_call", "in_progress", "interpreting", "completed"),
  ...progressOf("image_generation_call", "in_progress", "generating", "completed"),
  ...progressOf("mcp_call", "in_progress", "completed", "failed"),
  ...progressOf("mcp_list_tools", "in_progress", "completed", "failed")
]

/**
 * The progress of a tool that the provider runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolProgress extends ItemEvent {
  readonly type: (typeof toolProgress)[number]
}

/**
 * An image that is not finished.
 *
 * @category models
 * @since 0.2.0
 */
export interface PartialImage extends ItemEvent {
  readonly type: "response.image_generation_call.partial_image"
  readonly partial_image_index?: number | null
  /** The image in Base64. */
  readonly partial_image_b64?: string | null
  readonly output_format?: string | null
  readonly size?: string | null
  readonly quality?: string | null
  readonly background?: string | null
}

const shellCommands = [
  "response.shell_call_command.added",
  "response.shell_call_command.delta",
  "response.shell_call_command.done"
] as const

/**
 * A command of a shell call: it begins, continues or is complete.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellCommandEvent extends Event {
  readonly type: (typeof shellCommands)[number]
  /** Position of the item in the output. */
  readonly output_index?: number | null
  readonly command_index?: number | null
  readonly command?: string | null
  readonly delta?: string | null
  readonly obfuscation?: string | null
}

/**
 * The output of a command of a shell call.
 *
 * @category models
 * @since 0.2.0
 */
export interface ShellOutputEvent extends ItemEvent {
  readonly type: "response.shell_call_output_content.delta" | "response.shell_call_output_content.done"
  readonly command_index?: number | null
  readonly delta?: unknown
  readonly output?: ReadonlyArray<unknown> | null
}

const audioEvents = [
  "response.audio.delta",
  "response.audio.done",
  "response.audio.transcript.delta",
  "response.audio.transcript.done"
] as const

/**
 * A piece of spoken answer or of its transcript, or its end.
 *
 * @category models
 * @since 0.2.0
 */
export interface AudioEvent extends Event {
  readonly type: (typeof audioEvents)[number]
  readonly response_id?: string | null
  readonly delta?: string | null
}

/**
 * The conversation is being compacted.
 *
 * @category models
 * @since 0.2.0
 */
export interface CompactionEvent extends ItemEvent {
  readonly type: "response.compaction.compacting"
}

/**
 * The stream failed. The fields of the error are in `error`, or beside the type.
 *
 * @category models
 * @since 0.2.0
 */
export interface ErrorEvent extends Event {
  readonly type: "error"
  readonly code?: unknown
  readonly message?: unknown
  readonly param?: unknown
  readonly error?: unknown
}

/**
 * Keeps the connection open.
 *
 * @category models
 * @since 0.2.0
 */
export interface KeepAlive extends Event {
  readonly type: "keepalive"
}

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
export const Payload: Exact<Payload> = exactly(openUnion([
  itemEvent("response.output_text.delta", "response.refusal.delta", "response.reasoning_text.delta")({
    content_index: number,
    delta: Schema.String,
    logprobs: nullish(list(Logprob)),
    obfuscation: text
  }),
  itemEvent(...argumentsDeltas)({ delta: Schema.String, obfuscation: text }),
  itemEvent("response.reasoning_summary_text.delta")({
    summary_index: number,
    delta: Schema.String,
    obfuscation: text
  }),
  event("response.output_item.added", "response.output_item.done")({ output_index: number, item: nullish(OutputItem) }),
  itemEvent("response.content_part.added", "response.content_part.done")({
    content_index: number,
    part: nullish(ContentPart)
  }),
  itemEvent("response.output_text.done", "response.reasoning_text.done")({
    content_index: number,
    text,
    logprobs: nullish(list(Logprob))
  }),
  itemEvent("response.refusal.done")({ content_index: number, refusal: text }),
  itemEvent("response.output_text.annotation.added")({
    content_index: number,
    annotation_index: number,
    annotation: nullish(Annotation)
  }),
  itemEvent("response.reasoning_summary_part.added", "response.reasoning_summary_part.done")({
    summary_index: number,
    part: nullish(ContentPart)
  }),
  itemEvent("response.reasoning_summary_text.done")({ summary_index: number, text }),
  itemEvent("response.function_call_arguments.done", "response.mcp_call_arguments.done")({
    name: text,
    arguments: text
  }),
  itemEvent("response.custom_tool_call_input.done")({ input: text }),
  itemEvent("response.code_interpreter_call_code.done")({ code: text }),
  itemEvent("response.apply_patch_call_operation_diff.done")({ diff: text }),
  event(...responseEvents)({ response: nullish(Response) }),
  itemEvent(...toolProgress)({}),
  itemEvent("response.image_generation_call.partial_image")({
    partial_image_index: number,
    partial_image_b64: text,
    output_format: text,
    size: text,
    quality: text,
    background: text
  }),
  event(...shellCommands)({
    output_index: number,
    command_index: number,
    command: text,
    delta: text,
    obfuscation: text
  }),
  itemEvent("response.shell_call_output_content.delta", "response.shell_call_output_content.done")({
    command_index: number,
    delta: anything,
    output: things
  }),
  event(...audioEvents)({ response_id: text, delta: text }),
  itemEvent("response.compaction.compacting")({}),
  event("error")({ code: anything, message: anything, param: anything, error: anything }),
  event("keepalive")({})
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
): Usage.Usage | undefined => {
  if (usage === null || usage === undefined) return undefined
  const { input_tokens_details: input, output_tokens_details: output } = usage
  const written = input?.cache_write_tokens_details
  return Usage.fromStated({
    inputTokens: usage.input_tokens,
    cachedTokens: input?.cached_tokens,
    cacheWriteTokens: input?.cache_write_tokens,
    cacheWrite30mTokens: written?.ttl_30m_tokens,
    cacheWrite12hTokens: written?.ttl_12h_tokens,
    inputTextTokens: input?.text_tokens,
    inputAudioTokens: input?.audio_tokens,
    inputImageTokens: input?.image_tokens,
    outputTokens: usage.output_tokens,
    reasoningTokens: output?.reasoning_tokens,
    outputTextTokens: output?.text_tokens,
    outputAudioTokens: output?.audio_tokens,
    serverToolRequests,
    iterations
  })
}
