/**
 * The payload of a chunk of Groq's chat completions, as it comes over the wire.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly } from "../internal/exact.ts"
import { list, nullish, open } from "../internal/open.ts"
import {
  type Choice,
  choiceFields,
  chunkFields,
  type Delta,
  deltaFields,
  type Payload,
  usageFields,
  type WireUsage
} from "../protocols/ChatCompletions.ts"

/**
 * A source that the text cites: a document of the request, or the result of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface Annotation {
  readonly type?: string | null
  readonly document_citation?: DocumentCitation | null
  readonly function_citation?: FunctionCitation | null
  readonly [key: string]: unknown
}

/**
 * The document that a piece of text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface DocumentCitation {
  readonly document_id?: string | null
  /** Where the piece of text starts, in characters. */
  readonly start_index?: number | null
  /** Where the piece of text ends, in characters. */
  readonly end_index?: number | null
  readonly [key: string]: unknown
}

/**
 * The tool result that a piece of text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface FunctionCitation {
  readonly tool_call_id?: string | null
  /** Where the piece of text starts, in characters. */
  readonly start_index?: number | null
  /** Where the piece of text ends, in characters. */
  readonly end_index?: number | null
  readonly [key: string]: unknown
}

const DocumentCitation: Exact<DocumentCitation> = exactly(open({
  document_id: nullish(Schema.String),
  start_index: nullish(Schema.Finite),
  end_index: nullish(Schema.Finite)
}))

const FunctionCitation: Exact<FunctionCitation> = exactly(open({
  tool_call_id: nullish(Schema.String),
  start_index: nullish(Schema.Finite),
  end_index: nullish(Schema.Finite)
}))

const Annotation: Exact<Annotation> = exactly(open({
  type: nullish(Schema.String),
  document_citation: nullish(DocumentCitation),
  function_citation: nullish(FunctionCitation)
}))

/**
 * A tool that Groq ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ExecutedTool {
  readonly index?: number | null
  readonly type?: string | null
  /** A string by the specification, but each tool has its own form. */
  readonly arguments?: string | { readonly [key: string]: unknown } | ReadonlyArray<unknown> | null
  /** A string by the specification, but each tool has its own form. */
  readonly output?: string | { readonly [key: string]: unknown } | ReadonlyArray<unknown> | null
  readonly search_results?: SearchResults | null
  readonly browser_results?: ReadonlyArray<BrowserResult | null> | null
  readonly code_results?: ReadonlyArray<CodeResult | null> | null
  readonly [key: string]: unknown
}

/**
 * What a web search found.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResults {
  readonly images?: ReadonlyArray<unknown> | null
  readonly results?: ReadonlyArray<SearchResult | null> | null
  readonly [key: string]: unknown
}

/**
 * A page that a web search found.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResult {
  readonly title?: string | null
  readonly url?: string | null
  readonly content?: string | null
  /** How well the page matches, from 0 to 1. */
  readonly score?: number | null
  readonly [key: string]: unknown
}

/**
 * A page that the browser tool visited.
 *
 * @category models
 * @since 0.2.0
 */
export interface BrowserResult {
  readonly title?: string | null
  readonly url?: string | null
  readonly content?: string | null
  readonly live_view_url?: string | null
  readonly [key: string]: unknown
}

/**
 * What a run of code gave.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeResult {
  readonly text?: string | null
  /** An image in base64. */
  readonly png?: string | null
  readonly chart?: unknown
  readonly charts?: ReadonlyArray<unknown> | null
  readonly [key: string]: unknown
}

const SearchResult: Exact<SearchResult> = exactly(open({
  title: nullish(Schema.String),
  url: nullish(Schema.String),
  content: nullish(Schema.String),
  score: nullish(Schema.Finite)
}))

const SearchResults: Exact<SearchResults> = exactly(open({
  images: nullish(Schema.Array(Schema.Unknown)),
  results: nullish(list(SearchResult))
}))

const BrowserResult: Exact<BrowserResult> = exactly(open({
  title: nullish(Schema.String),
  url: nullish(Schema.String),
  content: nullish(Schema.String),
  live_view_url: nullish(Schema.String)
}))

const CodeResult: Exact<CodeResult> = exactly(open({
  text: nullish(Schema.String),
  png: nullish(Schema.String),
  chart: Schema.optionalKey(Schema.Unknown),
  charts: nullish(Schema.Array(Schema.Unknown))
}))

const ExecutedTool: Exact<ExecutedTool> = exactly(open({
  index: nullish(Schema.Finite),
  type: nullish(Schema.String),
  arguments: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  output: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  search_results: nullish(SearchResults),
  browser_results: nullish(list(BrowserResult)),
  code_results: nullish(list(CodeResult))
}))

/**
 * Groq's `usage` object: that of all chat completions, with times in seconds.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqUsage extends WireUsage {
  /** Seconds. */
  readonly queue_time?: number | null
  /** Seconds. */
  readonly prompt_time?: number | null
  /** Seconds. */
  readonly completion_time?: number | null
  /** Seconds. */
  readonly total_time?: number | null
}

const GroqUsage: Exact<GroqUsage> = exactly(open({
  ...usageFields,
  queue_time: nullish(Schema.Finite),
  prompt_time: nullish(Schema.Finite),
  completion_time: nullish(Schema.Finite),
  total_time: nullish(Schema.Finite)
}))

/**
 * What Groq adds to the first and the last chunk, in `x_groq`.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroq {
  /** The request's id. */
  readonly id?: string | null
  readonly seed?: number | null
  readonly usage?: GroqUsage | null
  readonly usage_breakdown?: UsageBreakdown | null
  /** A string by the specification; some streams hold an object, as other errors do. */
  readonly error?: string | XGroqError | null
  readonly debug?: XGroqDebug | null
  readonly [key: string]: unknown
}

/**
 * The usage of each model behind the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface UsageBreakdown {
  readonly models?: ReadonlyArray<ModelUsage | null> | null
  readonly [key: string]: unknown
}

/**
 * The usage of one model behind the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ModelUsage {
  readonly model?: string | null
  readonly usage?: GroqUsage | null
  readonly [key: string]: unknown
}

/**
 * An error in the middle of a stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroqError {
  readonly message?: string | null
  readonly [key: string]: unknown
}

/**
 * The tokens themselves, where the request asked for them.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroqDebug {
  readonly input_token_ids?: ReadonlyArray<number | null> | null
  readonly input_tokens?: ReadonlyArray<string | null> | null
  readonly output_token_ids?: ReadonlyArray<number | null> | null
  readonly output_tokens?: ReadonlyArray<string | null> | null
  readonly [key: string]: unknown
}

const ModelUsage: Exact<ModelUsage> = exactly(open({ model: nullish(Schema.String), usage: nullish(GroqUsage) }))

const UsageBreakdown: Exact<UsageBreakdown> = exactly(open({ models: nullish(list(ModelUsage)) }))

const XGroqError: Exact<XGroqError> = exactly(open({ message: nullish(Schema.String) }))

const XGroqDebug: Exact<XGroqDebug> = exactly(open({
  input_token_ids: nullish(list(Schema.Finite)),
  input_tokens: nullish(list(Schema.String)),
  output_token_ids: nullish(list(Schema.Finite)),
  output_tokens: nullish(list(Schema.String))
}))

const XGroq: Exact<XGroq> = exactly(open({
  id: nullish(Schema.String),
  seed: nullish(Schema.Finite),
  usage: nullish(GroqUsage),
  usage_breakdown: nullish(UsageBreakdown),
  error: nullish(Schema.Union([Schema.String, XGroqError])),
  debug: nullish(XGroqDebug)
}))

/**
 * What a chunk adds to a choice: the delta of all chat completions, with reasoning channels and tools that Groq ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqDelta extends Delta {
  readonly channel?: string | null
  readonly annotations?: ReadonlyArray<Annotation | null> | null
  readonly executed_tools?: ReadonlyArray<ExecutedTool | null> | null
}

const GroqDelta: Exact<GroqDelta> = exactly(open({
  ...deltaFields,
  channel: nullish(Schema.String),
  annotations: nullish(list(Annotation)),
  executed_tools: nullish(list(ExecutedTool))
}))

/**
 * What a chunk says of one choice.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqChoice extends Choice {
  readonly delta?: GroqDelta | null
}

const GroqChoice: Exact<GroqChoice> = exactly(open(choiceFields(GroqDelta)))

/**
 * A chunk of Groq's chat completions as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroqPayload extends Payload {
  readonly choices?: ReadonlyArray<GroqChoice | null> | null
  readonly usage?: GroqUsage | null
  readonly x_groq?: XGroq | null
}

/**
 * Schema of Groq's payload: that of all chat completions, with reasoning channels, tools that Groq ran itself, and
 * `x_groq`. Unknown fields and values are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GroqPayload: Exact<GroqPayload> = exactly(open({
  ...chunkFields(GroqChoice),
  usage: nullish(GroqUsage),
  x_groq: nullish(XGroq)
}))
