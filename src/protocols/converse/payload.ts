/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type * as FinishReason from "../../FinishReason.ts"
import { type Exact, exactly } from "../../internal/exact.ts"
import { list, nullish, open } from "../../internal/open.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"
import * as BedrockEvent from "../awsEvent.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

/**
 * A passage of a text that a citation points to.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationSource {
  readonly text?: string | null
  readonly [key: string]: unknown
}

/**
 * A web page that is cited.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebLocation {
  readonly url?: string | null
  readonly domain?: string | null
  readonly [key: string]: unknown
}

/**
 * A range in a document of the request: of characters, pages or chunks, depending on the field that holds it.
 *
 * @category models
 * @since 0.2.0
 */
export interface DocumentLocation {
  readonly documentIndex?: number | null
  readonly start?: number | null
  readonly end?: number | null
  readonly [key: string]: unknown
}

/**
 * A range in a search result of the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResultLocation {
  readonly searchResultIndex?: number | null
  readonly start?: number | null
  readonly end?: number | null
  readonly [key: string]: unknown
}

/**
 * Where a cited text is: one of these fields, depending on what is cited.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationLocation {
  readonly web?: WebLocation | null
  readonly documentChar?: DocumentLocation | null
  readonly documentPage?: DocumentLocation | null
  readonly documentChunk?: DocumentLocation | null
  readonly searchResultLocation?: SearchResultLocation | null
  readonly [key: string]: unknown
}

/**
 * A source that the text of a block cites.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citation {
  readonly title?: string | null
  readonly source?: string | null
  readonly sourceContent?: ReadonlyArray<CitationSource | null> | null
  readonly location?: CitationLocation | null
  readonly [key: string]: unknown
}

const CitationSource: Exact<CitationSource> = exactly(open({ text: nullish(Schema.String) }))

const WebLocation: Exact<WebLocation> = exactly(open({ url: nullish(Schema.String), domain: nullish(Schema.String) }))

const DocumentLocation: Exact<DocumentLocation> = exactly(open({
  documentIndex: nullish(Schema.Finite),
  start: nullish(Schema.Finite),
  end: nullish(Schema.Finite)
}))

const SearchResultLocation: Exact<SearchResultLocation> = exactly(open({
  searchResultIndex: nullish(Schema.Finite),
  start: nullish(Schema.Finite),
  end: nullish(Schema.Finite)
}))

const CitationLocation: Exact<CitationLocation> = exactly(open({
  web: nullish(WebLocation),
  documentChar: nullish(DocumentLocation),
  documentPage: nullish(DocumentLocation),
  documentChunk: nullish(DocumentLocation),
  searchResultLocation: nullish(SearchResultLocation)
}))

/**
 * Schema of a source that the text of a block cites (`CitationsDelta`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation: Exact<Citation> = exactly(open({
  title: nullish(Schema.String),
  source: nullish(Schema.String),
  sourceContent: nullish(list(CitationSource)),
  location: nullish(CitationLocation)
}))

/**
 * A tool use that a block starts.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseStart {
  readonly toolUseId?: string | null
  readonly name?: string | null
  /** `server_tool_use` for a tool that the provider runs itself. */
  readonly type?: string | null
  readonly [key: string]: unknown
}

/**
 * The result that a block starts of a tool that the provider ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultStart {
  readonly toolUseId?: string | null
  readonly type?: string | null
  /** `success` or `error`. */
  readonly status?: string | null
  readonly [key: string]: unknown
}

/**
 * An image that a block starts.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageStart {
  /** `png`, `jpeg`, … */
  readonly format?: string | null
  readonly [key: string]: unknown
}

/**
 * What a content block is. Blocks of text, reasoning and citations have no start.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStart {
  readonly toolUse?: ToolUseStart | null
  readonly toolResult?: ToolResultStart | null
  readonly image?: ImageStart | null
  readonly [key: string]: unknown
}

const ToolUseStart: Exact<ToolUseStart> = exactly(open({
  toolUseId: nullish(Schema.String),
  name: nullish(Schema.String),
  type: nullish(Schema.String)
}))

const ToolResultStart: Exact<ToolResultStart> = exactly(open({
  toolUseId: nullish(Schema.String),
  type: nullish(Schema.String),
  status: nullish(Schema.String)
}))

const ImageStart: Exact<ImageStart> = exactly(open({ format: nullish(Schema.String) }))

const ContentBlockStart: Exact<ContentBlockStart> = exactly(open({
  toolUse: nullish(ToolUseStart),
  toolResult: nullish(ToolResultStart),
  image: nullish(ImageStart)
}))

/**
 * A piece of a tool's input.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseDelta {
  /** A piece of JSON text. */
  readonly input?: string | null
  readonly [key: string]: unknown
}

/**
 * A piece of the result of a tool that the provider ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultDelta {
  readonly text?: string | null
  readonly json?: unknown
  readonly [key: string]: unknown
}

/**
 * A piece of reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningDelta {
  readonly text?: string | null
  readonly signature?: string | null
  /** Base64. */
  readonly redactedContent?: string | null
  readonly [key: string]: unknown
}

/**
 * A piece of an image, or why there is none.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageDelta {
  readonly source?: ImageSource | null
  readonly error?: ImageError | null
  readonly [key: string]: unknown
}

/**
 * The bytes of an image, or their place in S3.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageSource {
  /** Base64. */
  readonly bytes?: string | null
  readonly s3Location?: S3Location | null
  readonly [key: string]: unknown
}

/**
 * A place in S3.
 *
 * @category models
 * @since 0.2.0
 */
export interface S3Location {
  readonly uri?: string | null
  readonly bucketOwner?: string | null
  readonly [key: string]: unknown
}

/**
 * Why there is no image.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageError {
  readonly message?: string | null
  readonly [key: string]: unknown
}

/**
 * What an event adds to its content block: one of these fields.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDelta {
  readonly text?: string | null
  readonly toolUse?: ToolUseDelta | null
  readonly toolResult?: ReadonlyArray<ToolResultDelta | null> | null
  readonly reasoningContent?: ReasoningDelta | null
  readonly citation?: Citation | null
  readonly image?: ImageDelta | null
  readonly [key: string]: unknown
}

const ToolUseDelta: Exact<ToolUseDelta> = exactly(open({ input: nullish(Schema.String) }))

const ToolResultDelta: Exact<ToolResultDelta> = exactly(
  open({ text: nullish(Schema.String), json: Schema.optionalKey(Schema.Unknown) })
)

const ReasoningDelta: Exact<ReasoningDelta> = exactly(open({
  text: nullish(Schema.String),
  signature: nullish(Schema.String),
  redactedContent: nullish(Schema.String)
}))

const S3Location: Exact<S3Location> = exactly(
  open({ uri: nullish(Schema.String), bucketOwner: nullish(Schema.String) })
)

const ImageSource: Exact<ImageSource> = exactly(
  open({ bytes: nullish(Schema.String), s3Location: nullish(S3Location) })
)

const ImageError: Exact<ImageError> = exactly(open({ message: nullish(Schema.String) }))

const ImageDelta: Exact<ImageDelta> = exactly(open({ source: nullish(ImageSource), error: nullish(ImageError) }))

const ContentBlockDelta: Exact<ContentBlockDelta> = exactly(open({
  text: nullish(Schema.String),
  toolUse: nullish(ToolUseDelta),
  toolResult: nullish(list(ToolResultDelta)),
  reasoningContent: nullish(ReasoningDelta),
  citation: nullish(Citation),
  image: nullish(ImageDelta)
}))

/**
 * Tokens written to the prompt cache, by how long they are kept.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheDetail {
  /** `5m` or `1h`. */
  readonly ttl?: string | null
  readonly inputTokens?: number | null
  readonly [key: string]: unknown
}

/**
 * A `usage` object as it comes over the wire. All counts are tokens.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenUsage {
  /** Without cache reads and writes. */
  readonly inputTokens?: number | null
  readonly outputTokens?: number | null
  readonly totalTokens?: number | null
  readonly cacheReadInputTokens?: number | null
  readonly cacheWriteInputTokens?: number | null
  /** The older name of `cacheReadInputTokens`. */
  readonly cacheReadInputTokenCount?: number | null
  /** The older name of `cacheWriteInputTokens`. */
  readonly cacheWriteInputTokenCount?: number | null
  readonly cacheDetails?: ReadonlyArray<CacheDetail | null> | null
  /** Requests of tools that the provider runs itself, by kind. */
  readonly serverToolUsage?: { readonly [key: string]: unknown } | null
  readonly [key: string]: unknown
}

const CacheDetail: Exact<CacheDetail> = exactly(
  open({ ttl: nullish(Schema.String), inputTokens: nullish(Schema.Finite) })
)

const TokenUsage: Exact<TokenUsage> = exactly(open({
  inputTokens: nullish(Schema.Finite),
  outputTokens: nullish(Schema.Finite),
  totalTokens: nullish(Schema.Finite),
  cacheReadInputTokens: nullish(Schema.Finite),
  cacheWriteInputTokens: nullish(Schema.Finite),
  cacheReadInputTokenCount: nullish(Schema.Finite),
  cacheWriteInputTokenCount: nullish(Schema.Finite),
  cacheDetails: nullish(list(CacheDetail)),
  serverToolUsage: nullish(anything)
}))

/**
 * What a guardrail did, with its assessments by the guardrail's id.
 *
 * @category models
 * @since 0.2.0
 */
export interface GuardrailTrace {
  readonly modelOutput?: ReadonlyArray<string | null> | null
  readonly inputAssessment?: { readonly [id: string]: { readonly [key: string]: unknown } | null } | null
  readonly outputAssessments?:
    | { readonly [id: string]: ReadonlyArray<{ readonly [key: string]: unknown } | null> | null }
    | null
  readonly actionReason?: string | null
  readonly [key: string]: unknown
}

/**
 * Which model a prompt router called.
 *
 * @category models
 * @since 0.2.0
 */
export interface PromptRouterTrace {
  readonly invokedModelId?: string | null
  readonly [key: string]: unknown
}

/**
 * What guardrails and prompt routers did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trace {
  readonly guardrail?: GuardrailTrace | null
  readonly promptRouter?: PromptRouterTrace | null
  readonly [key: string]: unknown
}

const GuardrailTrace: Exact<GuardrailTrace> = exactly(open({
  modelOutput: nullish(list(Schema.String)),
  inputAssessment: nullish(Schema.Record(Schema.String, Schema.NullOr(anything))),
  outputAssessments: nullish(Schema.Record(Schema.String, Schema.NullOr(list(anything)))),
  actionReason: nullish(Schema.String)
}))

const PromptRouterTrace: Exact<PromptRouterTrace> = exactly(open({ invokedModelId: nullish(Schema.String) }))

/**
 * Schema of what guardrails and prompt routers did (`ConverseStreamTrace`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Trace: Exact<Trace> = exactly(
  open({ guardrail: nullish(GuardrailTrace), promptRouter: nullish(PromptRouterTrace) })
)

/**
 * The start of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStart {
  readonly role?: string | null
  readonly [key: string]: unknown
}

/**
 * The start of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStartEvent {
  readonly contentBlockIndex?: number | null
  readonly start?: ContentBlockStart | null
  readonly [key: string]: unknown
}

/**
 * A piece of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDeltaEvent {
  readonly contentBlockIndex?: number | null
  readonly delta?: ContentBlockDelta | null
  readonly [key: string]: unknown
}

/**
 * The end of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStop {
  readonly contentBlockIndex?: number | null
  readonly [key: string]: unknown
}

/**
 * The end of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStop {
  readonly stopReason?: string | null
  /** The fields of the model's own response that `additionalModelResponseFieldPaths` asks for. */
  readonly additionalModelResponseFields?: unknown
  readonly [key: string]: unknown
}

/**
 * How long the response took.
 *
 * @category models
 * @since 0.2.0
 */
export interface Metrics {
  /** Milliseconds. */
  readonly latencyMs?: number | null
  readonly [key: string]: unknown
}

/**
 * The latency that the request was served with.
 *
 * @category models
 * @since 0.2.0
 */
export interface PerformanceConfig {
  /** `standard` or `optimized`. */
  readonly latency?: string | null
  readonly [key: string]: unknown
}

/**
 * The tier that served the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServiceTier {
  /** `default`, `flex`, `priority` or `reserved`. */
  readonly type?: string | null
  readonly [key: string]: unknown
}

/**
 * The last event: what the answer took, and how it was served.
 *
 * @category models
 * @since 0.2.0
 */
export interface Metadata {
  readonly usage?: TokenUsage | null
  readonly metrics?: Metrics | null
  readonly trace?: Trace | null
  readonly performanceConfig?: PerformanceConfig | null
  readonly serviceTier?: ServiceTier | null
  readonly [key: string]: unknown
}

const MessageStart: Exact<MessageStart> = exactly(open({ role: nullish(Schema.String) }))

const contentBlockIndex = nullish(Schema.Finite)

const ContentBlockStartEvent: Exact<ContentBlockStartEvent> = exactly(
  open({ contentBlockIndex, start: nullish(ContentBlockStart) })
)

const ContentBlockDeltaEvent: Exact<ContentBlockDeltaEvent> = exactly(
  open({ contentBlockIndex, delta: nullish(ContentBlockDelta) })
)

const ContentBlockStop: Exact<ContentBlockStop> = exactly(open({ contentBlockIndex }))

const MessageStop: Exact<MessageStop> = exactly(open({
  stopReason: nullish(Schema.String),
  additionalModelResponseFields: Schema.optionalKey(Schema.Unknown)
}))

const Metrics: Exact<Metrics> = exactly(open({ latencyMs: nullish(Schema.Finite) }))

const PerformanceConfig: Exact<PerformanceConfig> = exactly(open({ latency: nullish(Schema.String) }))

const ServiceTier: Exact<ServiceTier> = exactly(open({ type: nullish(Schema.String) }))

const Metadata: Exact<Metadata> = exactly(open({
  usage: nullish(TokenUsage),
  metrics: nullish(Metrics),
  trace: nullish(Trace),
  performanceConfig: nullish(PerformanceConfig),
  serviceTier: nullish(ServiceTier)
}))

/** @internal */
export const members = {
  messageStart: MessageStart,
  contentBlockStart: ContentBlockStartEvent,
  contentBlockDelta: ContentBlockDeltaEvent,
  contentBlockStop: ContentBlockStop,
  messageStop: MessageStop,
  metadata: Metadata
}

/**
 * An event as it comes over the wire: its payload, under its type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Payload {
  readonly messageStart?: MessageStart
  readonly contentBlockStart?: ContentBlockStartEvent
  readonly contentBlockDelta?: ContentBlockDeltaEvent
  readonly contentBlockStop?: ContentBlockStop
  readonly messageStop?: MessageStop
  readonly metadata?: Metadata
  /** An object: the payload of an event of another type. */
  readonly [type: string]: unknown
}

// In the type as `unknown`: with an object there, no field could be optional for a compiler that is less strict.
const otherEvent: Exact<unknown> = Schema.make<Exact<unknown>>(anything.ast)

/**
 * Schema of an event: its payload, under the event's type. There is exactly one key, as in AWS's `ConverseStreamOutput`.
 * Unknown fields are kept, the random padding `p` among them, and so are events of a type that is not listed here.
 *
 * See https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Payload: Exact<Payload> = exactly(
  Schema.StructWithRest(
    Schema.Struct({
      messageStart: Schema.optionalKey(MessageStart),
      contentBlockStart: Schema.optionalKey(ContentBlockStartEvent),
      contentBlockDelta: Schema.optionalKey(ContentBlockDeltaEvent),
      contentBlockStop: Schema.optionalKey(ContentBlockStop),
      messageStop: Schema.optionalKey(MessageStop),
      metadata: Schema.optionalKey(Metadata)
    }),
    [Schema.Record(Schema.String, otherEvent)]
  ).check(Schema.isBetweenProperties(1, 1))
)

/**
 * Bedrock's stop reasons.
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
  guardrail_intervened: "content_filter",
  content_filtered: "content_filter",
  malformed_model_output: "error",
  malformed_tool_use: "error"
} as const satisfies FinishReason.Table

/**
 * The usage that a `usage` object of this format states; `undefined` when it states none. On the wire `inputTokens` is
 * exclusive of cache reads and writes.
 *
 * @example
 * ```ts
 * import { Converse } from "effect-llm-stream"
 *
 * const usage = Converse.usageOf({ inputTokens: 10, cacheReadInputTokens: 90, outputTokens: 5, totalTokens: 105 })
 * usage?.inputTokens // 100
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const usageOf = (usage: TokenUsage | null | undefined): Usage.Usage | undefined =>
  usage === null || usage === undefined ? undefined : Usage.fromStated({
    uncachedInputTokens: usage.inputTokens,
    cachedTokens: usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount,
    cacheWriteTokens: usage.cacheWriteInputTokens ?? usage.cacheWriteInputTokenCount,
    cacheWrite5mTokens: writtenFor("5m", usage),
    cacheWrite1hTokens: writtenFor("1h", usage),
    outputTokens: usage.outputTokens,
    serverToolRequests: Object.fromEntries(
      Object.entries(usage.serverToolUsage ?? {}).filter((entry): entry is [string, number] =>
        typeof entry[1] === "number"
      )
    )
  })

const writtenFor = (ttl: string, { cacheDetails }: TokenUsage): number | undefined => {
  const counts = (cacheDetails ?? []).flatMap((detail) =>
    detail?.ttl === ttl && typeof detail.inputTokens === "number" ? [detail.inputTokens] : []
  )
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count)
}

/**
 * AWS's exceptions, which are the `code` of an error: `ThrottlingException` in a header, `throttlingException` in a
 * frame. They are the same for all operations and models.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = BedrockEvent.errors
