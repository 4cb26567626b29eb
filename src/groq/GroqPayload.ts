/**
 * The payload of a chunk of Groq's chat completions, as it comes over the wire.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactly } from "../internal/exact.ts"
import { anything, list, nullish, number, type Open, open, text, texts, things } from "../internal/open.ts"
import * as ChatCompletions from "../protocols/chatCompletions/payload.ts"

/**
 * A source that the text cites: a document of the request, or the result of a tool.
 *
 * @category models
 * @since 0.2.0
 */
export interface Annotation extends Open {
  readonly type?: string | null
  readonly document_citation?: DocumentCitation | null
  readonly function_citation?: FunctionCitation | null
}

/**
 * The document that a piece of text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface DocumentCitation extends Open {
  readonly document_id?: string | null
  /** Where the piece of text starts, in characters. */
  readonly start_index?: number | null
  /** Where the piece of text ends, in characters. */
  readonly end_index?: number | null
}

/**
 * The tool result that a piece of text cites.
 *
 * @category models
 * @since 0.2.0
 */
export interface FunctionCitation extends Open {
  readonly tool_call_id?: string | null
  /** Where the piece of text starts, in characters. */
  readonly start_index?: number | null
  /** Where the piece of text ends, in characters. */
  readonly end_index?: number | null
}

const DocumentCitation: Exact<DocumentCitation> = exactly(
  open({ document_id: text, start_index: number, end_index: number })
)

const FunctionCitation: Exact<FunctionCitation> = exactly(
  open({ tool_call_id: text, start_index: number, end_index: number })
)

const Annotation: Exact<Annotation> = exactly(
  open({ type: text, document_citation: nullish(DocumentCitation), function_citation: nullish(FunctionCitation) })
)

/**
 * A tool that Groq ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ExecutedTool extends Open {
  readonly index?: number | null
  readonly type?: string | null
  /** A string by the specification, but each tool has its own form. */
  readonly arguments?: string | { readonly [key: string]: unknown } | ReadonlyArray<unknown> | null
  /** A string by the specification, but each tool has its own form. */
  readonly output?: string | { readonly [key: string]: unknown } | ReadonlyArray<unknown> | null
  readonly search_results?: SearchResults | null
  readonly browser_results?: ReadonlyArray<BrowserResult | null> | null
  readonly code_results?: ReadonlyArray<CodeResult | null> | null
}

/**
 * The results of a web search.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResults extends Open {
  readonly images?: ReadonlyArray<unknown> | null
  readonly results?: ReadonlyArray<SearchResult | null> | null
}

/**
 * A page that a web search found.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResult extends Open {
  readonly title?: string | null
  readonly url?: string | null
  readonly content?: string | null
  /** How well the page matches, from 0 to 1. */
  readonly score?: number | null
}

/**
 * A page that the browser tool visited.
 *
 * @category models
 * @since 0.2.0
 */
export interface BrowserResult extends Open {
  readonly title?: string | null
  readonly url?: string | null
  readonly content?: string | null
  readonly live_view_url?: string | null
}

/**
 * The output of a run of code.
 *
 * @category models
 * @since 0.2.0
 */
export interface CodeResult extends Open {
  readonly text?: string | null
  /** An image in base64. */
  readonly png?: string | null
  readonly chart?: unknown
  readonly charts?: ReadonlyArray<unknown> | null
}

const SearchResult: Exact<SearchResult> = exactly(open({ title: text, url: text, content: text, score: number }))

const SearchResults: Exact<SearchResults> = exactly(open({ images: things, results: nullish(list(SearchResult)) }))

const ExecutedTool: Exact<ExecutedTool> = exactly(open({
  index: number,
  type: text,
  arguments: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  output: nullish(Schema.Union([Schema.String, open({}), Schema.Array(Schema.Unknown)])),
  search_results: nullish(SearchResults),
  browser_results: nullish(list(open({ title: text, url: text, content: text, live_view_url: text }))),
  code_results: nullish(list(open({ text, png: text, chart: anything, charts: things })))
}))

/**
 * Groq's `usage` object: that of all chat completions, with times in seconds.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqUsage extends ChatCompletions.WireUsage {
  /** Seconds. */
  readonly queue_time?: number | null
  /** Seconds. */
  readonly prompt_time?: number | null
  /** Seconds. */
  readonly completion_time?: number | null
  /** Seconds. */
  readonly total_time?: number | null
}

const GroqUsage: Exact<GroqUsage> = exactly(
  open({
    ...ChatCompletions.usageFields,
    queue_time: number,
    prompt_time: number,
    completion_time: number,
    total_time: number
  })
)

/**
 * Groq's additions to the first and the last chunk, in `x_groq`.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroq extends Open {
  /** The request's id. */
  readonly id?: string | null
  readonly seed?: number | null
  readonly usage?: GroqUsage | null
  readonly usage_breakdown?: UsageBreakdown | null
  /** A string by the specification; some streams hold an object, as other errors do. */
  readonly error?: string | XGroqError | null
  readonly debug?: XGroqDebug | null
}

/**
 * The usage of each model behind the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface UsageBreakdown extends Open {
  readonly models?: ReadonlyArray<ModelUsage | null> | null
}

/**
 * The usage of one model behind the response.
 *
 * @category models
 * @since 0.2.0
 */
export interface ModelUsage extends Open {
  readonly model?: string | null
  readonly usage?: GroqUsage | null
}

/**
 * An error in the middle of a stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroqError extends Open {
  readonly message?: string | null
}

/**
 * The tokens themselves, where the request asked for them.
 *
 * @category models
 * @since 0.2.0
 */
export interface XGroqDebug extends Open {
  readonly input_token_ids?: ReadonlyArray<number | null> | null
  readonly input_tokens?: ReadonlyArray<string | null> | null
  readonly output_token_ids?: ReadonlyArray<number | null> | null
  readonly output_tokens?: ReadonlyArray<string | null> | null
}

const ModelUsage: Exact<ModelUsage> = exactly(open({ model: text, usage: nullish(GroqUsage) }))

const UsageBreakdown: Exact<UsageBreakdown> = exactly(open({ models: nullish(list(ModelUsage)) }))

const XGroqDebug: Exact<XGroqDebug> = exactly(open({
  input_token_ids: nullish(list(Schema.Finite)),
  input_tokens: texts,
  output_token_ids: nullish(list(Schema.Finite)),
  output_tokens: texts
}))

const XGroq: Exact<XGroq> = exactly(open({
  id: text,
  seed: number,
  usage: nullish(GroqUsage),
  usage_breakdown: nullish(UsageBreakdown),
  error: nullish(Schema.Union([Schema.String, open({ message: text })])),
  debug: nullish(XGroqDebug)
}))

/**
 * The piece that a chunk adds to a choice: the delta of all chat completions, with reasoning channels and tools that
 * Groq ran.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqDelta extends ChatCompletions.Delta {
  readonly channel?: string | null
  readonly annotations?: ReadonlyArray<Annotation | null> | null
  readonly executed_tools?: ReadonlyArray<ExecutedTool | null> | null
}

const GroqDelta: Exact<GroqDelta> = exactly(open({
  ...ChatCompletions.deltaFields,
  channel: text,
  annotations: nullish(list(Annotation)),
  executed_tools: nullish(list(ExecutedTool))
}))

/**
 * The part of a chunk that is about one choice.
 *
 * @category models
 * @since 0.2.0
 */
export interface GroqChoice extends ChatCompletions.Choice {
  readonly delta?: GroqDelta | null
}

/**
 * A chunk of Groq's chat completions as it comes over the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroqPayload extends ChatCompletions.Payload {
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
  ...ChatCompletions.chunkFields(open(ChatCompletions.choiceFields(GroqDelta))),
  usage: nullish(GroqUsage),
  x_groq: nullish(XGroq)
}))
