/**
 * The payload of an event as it comes over the wire, and its tables.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import type { Table } from "../../errors/classify.ts"
import type * as FinishReason from "../../FinishReason.ts"
import { type Exact, exactly } from "../../internal/exact.ts"
import { anything, list, nullish, number, type Open, open, text, texts } from "../../internal/open.ts"
import * as Usage from "../../Usage.ts"
import * as BedrockEvent from "../awsEvent.ts"

const record = Schema.Record(Schema.String, Schema.Unknown)

/**
 * A passage of a text that a citation points to.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationSource extends Open {
  readonly text?: string | null
}

/**
 * A web page that is cited.
 *
 * @category models
 * @since 0.2.0
 */
export interface WebLocation extends Open {
  readonly url?: string | null
  readonly domain?: string | null
}

/**
 * A range in a document of the request: of characters, pages or chunks, depending on the field that holds it.
 *
 * @category models
 * @since 0.2.0
 */
export interface DocumentLocation extends Open {
  readonly documentIndex?: number | null
  readonly start?: number | null
  readonly end?: number | null
}

/**
 * A range in a search result of the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface SearchResultLocation extends Open {
  readonly searchResultIndex?: number | null
  readonly start?: number | null
  readonly end?: number | null
}

/**
 * Where a cited text is: one of these fields, depending on what is cited.
 *
 * @category models
 * @since 0.2.0
 */
export interface CitationLocation extends Open {
  readonly web?: WebLocation | null
  readonly documentChar?: DocumentLocation | null
  readonly documentPage?: DocumentLocation | null
  readonly documentChunk?: DocumentLocation | null
  readonly searchResultLocation?: SearchResultLocation | null
}

/**
 * A source that the text of a block cites.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citation extends Open {
  readonly title?: string | null
  readonly source?: string | null
  readonly sourceContent?: ReadonlyArray<CitationSource | null> | null
  readonly location?: CitationLocation | null
}

const DocumentLocation: Exact<DocumentLocation> = exactly(open({ documentIndex: number, start: number, end: number }))

const CitationLocation: Exact<CitationLocation> = exactly(open({
  web: nullish(open({ url: text, domain: text })),
  documentChar: nullish(DocumentLocation),
  documentPage: nullish(DocumentLocation),
  documentChunk: nullish(DocumentLocation),
  searchResultLocation: nullish(open({ searchResultIndex: number, start: number, end: number }))
}))

/**
 * Schema of a source that the text of a block cites (`CitationsDelta`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Citation: Exact<Citation> = exactly(open({
  title: text,
  source: text,
  sourceContent: nullish(list(open({ text }))),
  location: nullish(CitationLocation)
}))

/**
 * A tool use that a block starts.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseStart extends Open {
  readonly toolUseId?: string | null
  readonly name?: string | null
  /** `server_tool_use` for a tool that the provider runs itself. */
  readonly type?: string | null
}

/**
 * The result that a block starts of a tool that the provider ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultStart extends Open {
  readonly toolUseId?: string | null
  readonly type?: string | null
  /** `success` or `error`. */
  readonly status?: string | null
}

/**
 * An image that a block starts.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageStart extends Open {
  /** `png`, `jpeg`, … */
  readonly format?: string | null
}

/**
 * What a content block is. Blocks of text, reasoning and citations have no start.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStart extends Open {
  readonly toolUse?: ToolUseStart | null
  readonly toolResult?: ToolResultStart | null
  readonly image?: ImageStart | null
}

const ContentBlockStart: Exact<ContentBlockStart> = exactly(open({
  toolUse: nullish(open({ toolUseId: text, name: text, type: text })),
  toolResult: nullish(open({ toolUseId: text, type: text, status: text })),
  image: nullish(open({ format: text }))
}))

/**
 * A piece of a tool's input.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolUseDelta extends Open {
  /** A piece of JSON text. */
  readonly input?: string | null
}

/**
 * A piece of the result of a tool that the provider ran itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface ToolResultDelta extends Open {
  readonly text?: string | null
  readonly json?: unknown
}

/**
 * A piece of reasoning.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReasoningDelta extends Open {
  readonly text?: string | null
  readonly signature?: string | null
  /** Base64. */
  readonly redactedContent?: string | null
}

/**
 * A piece of an image, or why there is none.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageDelta extends Open {
  readonly source?: ImageSource | null
  readonly error?: ImageError | null
}

/**
 * The bytes of an image, or their place in S3.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageSource extends Open {
  /** Base64. */
  readonly bytes?: string | null
  readonly s3Location?: S3Location | null
}

/**
 * A place in S3.
 *
 * @category models
 * @since 0.2.0
 */
export interface S3Location extends Open {
  readonly uri?: string | null
  readonly bucketOwner?: string | null
}

/**
 * The error in place of an image.
 *
 * @category models
 * @since 0.2.0
 */
export interface ImageError extends Open {
  readonly message?: string | null
}

/**
 * What an event adds to its content block: one of these fields.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDelta extends Open {
  readonly text?: string | null
  readonly toolUse?: ToolUseDelta | null
  readonly toolResult?: ReadonlyArray<ToolResultDelta | null> | null
  readonly reasoningContent?: ReasoningDelta | null
  readonly citation?: Citation | null
  readonly image?: ImageDelta | null
}

const S3Location: Exact<S3Location> = exactly(open({ uri: text, bucketOwner: text }))

const ImageSource: Exact<ImageSource> = exactly(open({ bytes: text, s3Location: nullish(S3Location) }))

const ContentBlockDelta: Exact<ContentBlockDelta> = exactly(open({
  text,
  toolUse: nullish(open({ input: text })),
  toolResult: nullish(list(open({ text, json: anything }))),
  reasoningContent: nullish(open({ text, signature: text, redactedContent: text })),
  citation: nullish(Citation),
  image: nullish(open({ source: nullish(ImageSource), error: nullish(open({ message: text })) }))
}))

/**
 * Tokens written to the prompt cache, by how long they are kept.
 *
 * @category models
 * @since 0.2.0
 */
export interface CacheDetail extends Open {
  /** `5m` or `1h`. */
  readonly ttl?: string | null
  readonly inputTokens?: number | null
}

/**
 * A `usage` object as it comes over the wire. All counts are tokens.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenUsage extends Open {
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
}

const TokenUsage: Exact<TokenUsage> = exactly(open({
  inputTokens: number,
  outputTokens: number,
  totalTokens: number,
  cacheReadInputTokens: number,
  cacheWriteInputTokens: number,
  cacheReadInputTokenCount: number,
  cacheWriteInputTokenCount: number,
  cacheDetails: nullish(list(open({ ttl: text, inputTokens: number }))),
  serverToolUsage: nullish(record)
}))

/**
 * What a guardrail did, with its assessments by the guardrail's id.
 *
 * @category models
 * @since 0.2.0
 */
export interface GuardrailTrace extends Open {
  readonly modelOutput?: ReadonlyArray<string | null> | null
  readonly inputAssessment?: { readonly [id: string]: { readonly [key: string]: unknown } | null } | null
  readonly outputAssessments?:
    | { readonly [id: string]: ReadonlyArray<{ readonly [key: string]: unknown } | null> | null }
    | null
  readonly actionReason?: string | null
}

/**
 * Which model a prompt router called.
 *
 * @category models
 * @since 0.2.0
 */
export interface PromptRouterTrace extends Open {
  readonly invokedModelId?: string | null
}

/**
 * What guardrails and prompt routers did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trace extends Open {
  readonly guardrail?: GuardrailTrace | null
  readonly promptRouter?: PromptRouterTrace | null
}

const GuardrailTrace: Exact<GuardrailTrace> = exactly(open({
  modelOutput: texts,
  inputAssessment: nullish(Schema.Record(Schema.String, Schema.NullOr(record))),
  outputAssessments: nullish(Schema.Record(Schema.String, Schema.NullOr(list(record)))),
  actionReason: text
}))

const PromptRouterTrace: Exact<PromptRouterTrace> = exactly(open({ invokedModelId: text }))

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
export interface MessageStart extends Open {
  readonly role?: string | null
}

/**
 * The start of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStartEvent extends Open {
  readonly contentBlockIndex?: number | null
  readonly start?: ContentBlockStart | null
}

/**
 * A piece of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockDeltaEvent extends Open {
  readonly contentBlockIndex?: number | null
  readonly delta?: ContentBlockDelta | null
}

/**
 * The end of a content block.
 *
 * @category models
 * @since 0.2.0
 */
export interface ContentBlockStop extends Open {
  readonly contentBlockIndex?: number | null
}

/**
 * The end of the answer.
 *
 * @category models
 * @since 0.2.0
 */
export interface MessageStop extends Open {
  readonly stopReason?: string | null
  /** The fields of the model's own response that `additionalModelResponseFieldPaths` asks for. */
  readonly additionalModelResponseFields?: unknown
}

/**
 * How long the response took.
 *
 * @category models
 * @since 0.2.0
 */
export interface Metrics extends Open {
  /** Milliseconds. */
  readonly latencyMs?: number | null
}

/**
 * The latency that the request was served with.
 *
 * @category models
 * @since 0.2.0
 */
export interface PerformanceConfig extends Open {
  /** `standard` or `optimized`. */
  readonly latency?: string | null
}

/**
 * The tier that served the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServiceTier extends Open {
  /** `default`, `flex`, `priority` or `reserved`. */
  readonly type?: string | null
}

/**
 * The last event: what the answer took, and how it was served.
 *
 * @category models
 * @since 0.2.0
 */
export interface Metadata extends Open {
  readonly usage?: TokenUsage | null
  readonly metrics?: Metrics | null
  readonly trace?: Trace | null
  readonly performanceConfig?: PerformanceConfig | null
  readonly serviceTier?: ServiceTier | null
}

const MessageStart: Exact<MessageStart> = exactly(open({ role: text }))

const contentBlockIndex = number

const ContentBlockStartEvent: Exact<ContentBlockStartEvent> = exactly(
  open({ contentBlockIndex, start: nullish(ContentBlockStart) })
)

const ContentBlockDeltaEvent: Exact<ContentBlockDeltaEvent> = exactly(
  open({ contentBlockIndex, delta: nullish(ContentBlockDelta) })
)

const ContentBlockStop: Exact<ContentBlockStop> = exactly(open({ contentBlockIndex }))

const MessageStop: Exact<MessageStop> = exactly(open({ stopReason: text, additionalModelResponseFields: anything }))

const Metadata: Exact<Metadata> = exactly(open({
  usage: nullish(TokenUsage),
  metrics: nullish(open({ latencyMs: number })),
  trace: nullish(Trace),
  performanceConfig: nullish(open({ latency: text })),
  serviceTier: nullish(open({ type: text }))
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
const otherEvent: Exact<unknown> = Schema.make<Exact<unknown>>(record.ast)

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
export const errors: Table = BedrockEvent.errors
