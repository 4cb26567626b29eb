/**
 * The error of a provider, and its reasons.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { defined } from "../internal/defined.ts"
import { Amount } from "../internal/usd.ts"
import { sum, Usage } from "../Usage.ts"

const common = {
  /** What went wrong, in the provider's words where it said something. Never holds a key or header value. */
  message: Schema.String,
  /** HTTP status; for errors inside a stream the status that the provider documents for it, if any. */
  status: Schema.optionalKey(Schema.Natural),
  /** The provider's machine-readable code or error type. */
  code: Schema.optionalKey(Schema.String),
  /** The provider's id of the request, to be quoted to its support. */
  requestId: Schema.optionalKey(Schema.String),
  /** How long the provider asks to wait before another attempt. */
  retryAfter: Schema.optionalKey(Schema.Duration),
  /** The provider's own word on whether to retry (`x-should-retry`); overrides the reason's default. */
  shouldRetry: Schema.optionalKey(Schema.Boolean),
  /** Start of the response body (at most 1 KB) when it was not understood. */
  body: Schema.optionalKey(Schema.String)
}

/**
 * The key, token or signature was missing, wrong or expired.
 *
 * Not retryable by default. Comes from: HTTP 401, `authentication_error`, `UnrecognizedClientException`,
 * `ExpiredTokenException`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Authentication extends Schema.TaggedError<Authentication>()("Authentication", common) {}

/**
 * The credentials are valid but may not do this.
 *
 * Not retryable by default. Comes from: HTTP 403.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PermissionDenied extends Schema.TaggedError<PermissionDenied>()("PermissionDenied", common) {}

/**
 * The model, deployment or endpoint does not exist, or is not visible to these credentials.
 *
 * Not retryable by default. Comes from: HTTP 404, `model_not_found`, `DeploymentNotFound`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", common) {}

/**
 * The provider rejected the request as it is.
 *
 * Not retryable by default. Comes from: HTTP 400, 409, 413, 422.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", common) {}

/**
 * Prompt and requested output do not fit into the model's context window.
 *
 * Not retryable by default. Comes from: `context_length_exceeded`, `prompt is too long`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ContextLengthExceeded
  extends Schema.TaggedError<ContextLengthExceeded>()("ContextLengthExceeded", common)
{}

/**
 * The provider's content filter blocked the request or the answer.
 *
 * Not retryable by default. Comes from: `content_filter`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ContentFiltered extends Schema.TaggedError<ContentFiltered>()("ContentFiltered", {
  ...common,
  /** The findings of the filter, as the provider states them (Azure's `innererror`); `undefined` when it does not. */
  details: Schema.optionalKey(Schema.Unknown)
}) {}

/**
 * Too many requests or tokens for now; `retryAfter` says how long to wait, when the provider says it.
 *
 * Retryable by default. Comes from: HTTP 429, `rate_limit_error`, `ThrottlingException`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", common) {}

/**
 * The account's quota or credit is used up; waiting does not help.
 *
 * Not retryable by default. Comes from: HTTP 402, `insufficient_quota`, `billing_error`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", common) {}

/**
 * The provider has no capacity for now.
 *
 * Retryable by default. Comes from: HTTP 529, HTTP 498 of Groq, `overloaded_error`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", common) {}

/**
 * The provider failed.
 *
 * Retryable by default. Comes from: HTTP 5xx, `api_error`, `server_error`, `internalServerException`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerError extends Schema.TaggedError<ServerError>()("ServerError", common) {}

/**
 * The connection could not be made or broke.
 *
 * Retryable by default. Comes from: the HTTP client.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Network extends Schema.TaggedError<Network>()("Network", common) {}

/**
 * Nothing came in time.
 *
 * Retryable by default. Comes from: `connect`: no connection; `firstByte`: no first byte of the answer, or the provider
 * says that it timed out; `idle`: no byte since the last one, or no content within `contentTimeout`; `total`: the
 * stream took longer than `totalTimeout`, after which the layer does not try again.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Timeout extends Schema.TaggedError<Timeout>()("Timeout", {
  ...common,
  kind: Schema.Literals(["connect", "firstByte", "idle", "total"])
}) {}

/**
 * The body is not a stream of the provider's format: a proxy's HTML page, or JSON where a stream was asked for.
 *
 * Not retryable by default. Comes from: header `content-type`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnexpectedContentType extends Schema.TaggedError<UnexpectedContentType>()("UnexpectedContentType", {
  ...common,
  contentType: Schema.String
}) {}

/**
 * An event of the stream is not what the provider's format allows: JSON that does not parse, a known field of the wrong type, a broken frame.
 *
 * Not retryable by default. Comes from: the stream.
 *
 * @category reasons
 * @since 0.1.0
 */
export class MalformedEvent extends Schema.TaggedError<MalformedEvent>()("MalformedEvent", {
  ...common,
  /** Position of the event in the stream, from 0. */
  event: Schema.Natural,
  /** Path to the offending field, `[]` when the event as a whole is malformed. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** Start of the event with its string values masked, so that no content leaks. */
  excerpt: Schema.String
}) {}

/**
 * The stream ended without its terminal signal: the answer is cut off.
 *
 * Retryable by default. Comes from: the stream.
 *
 * @category reasons
 * @since 0.1.0
 */
export class IncompleteStream extends Schema.TaggedError<IncompleteStream>()("IncompleteStream", common) {}

/**
 * The model produced a tool call or JSON that the provider could not accept.
 *
 * Not retryable by default. Comes from: Groq's `tool_use_failed` and `json_validate_failed`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ToolUseFailed extends Schema.TaggedError<ToolUseFailed>()("ToolUseFailed", {
  ...common,
  /** The text that the model generated; `undefined` when the provider does not state it. */
  failedGeneration: Schema.optionalKey(Schema.String)
}) {}

/**
 * A failure that fits no other reason.
 *
 * Not retryable by default. Comes from: anything else.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unknown extends Schema.TaggedError<Unknown>()("Unknown", common) {}

/**
 * Schema of every reason a provider can fail for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  Authentication,
  PermissionDenied,
  NotFound,
  InvalidRequest,
  ContextLengthExceeded,
  ContentFiltered,
  RateLimited,
  QuotaExceeded,
  Overloaded,
  ServerError,
  Network,
  Timeout,
  UnexpectedContentType,
  MalformedEvent,
  IncompleteStream,
  ToolUseFailed,
  Unknown
])

/**
 * Why a provider failed, a union discriminated by `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

const retryable: Readonly<Record<Reason["_tag"], boolean>> = {
  Authentication: false,
  PermissionDenied: false,
  NotFound: false,
  InvalidRequest: false,
  ContextLengthExceeded: false,
  ContentFiltered: false,
  RateLimited: true,
  QuotaExceeded: false,
  Overloaded: true,
  ServerError: true,
  Network: true,
  Timeout: true,
  UnexpectedContentType: false,
  MalformedEvent: false,
  IncompleteStream: true,
  ToolUseFailed: false,
  Unknown: false
}

/**
 * A provider failed. `reason` says why and carries what is known; the getters are shortcuts into it.
 *
 * `emitted` is true when chunks of the response were delivered before the failure: a retry would then repeat output.
 *
 * @example
 * ```ts
 * import { Chunk, ProviderError } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * declare const chunks: Stream.Stream<Chunk.Chunk, ProviderError.ProviderError>
 *
 * const program = Stream.runDrain(chunks).pipe(
 *   Effect.catchReason("ProviderError", "RateLimited", (reason) => Effect.log("wait", reason.retryAfter))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  provider: Schema.String,
  reason: Reason,
  emitted: Schema.Boolean,
  /**
   * The usage of a call of several requests until it failed, the failed one included: a `ToolLoop`, repairs of
   * `StructuredOutput`. Of a `Fallback` or `Retry`, the usage of the attempts whose chunks nobody got. Absent when no
   * response stated anything.
   */
  spent: Schema.optionalKey(Schema.Struct({
    usage: Usage,
    /** USD; absent where the cost of one of the responses is not known. */
    cost: Schema.optionalKey(Amount),
    /** Whether all of it was priced as stated: `cost` may be too low otherwise. Absent where `cost` is. */
    isComplete: Schema.optionalKey(Schema.Boolean)
  })),
  /**
   * Of a `Fallback` or `Retry`, how the attempts before the last one failed, the first one first; of many, the last 10. Absent
   * when there was one attempt. What a provider's layer retries by itself is not among them: see its `maxRetries`.
   */
  earlier: Schema.optionalKey(Schema.Array(Schema.Struct({
    provider: Schema.String,
    /** The model that was asked; absent where none was named. */
    model: Schema.optionalKey(Schema.String),
    reason: Reason
  })))
}) {
  /** @since 0.1.0 */
  override get message(): string {
    const own = `${this.provider}: `
    const { message } = this.reason
    // The message of a request format begins with the provider's name already.
    return `${own}${this.reason._tag}: ${message.startsWith(own) ? message.slice(own.length) : message}`
  }

  /**
   * Whether another attempt may succeed. The provider's own word (`x-should-retry`) overrides the reason's default.
   *
   * @since 0.1.0
   */
  get isRetryable(): boolean {
    return this.reason.shouldRetry ?? retryable[this.reason._tag]
  }

  /**
   * HTTP status, `undefined` when there was none.
   *
   * @since 0.1.0
   */
  get status(): number | undefined {
    return this.reason.status
  }

  /**
   * The provider's machine-readable code, `undefined` when it gave none.
   *
   * @since 0.1.0
   */
  get code(): string | undefined {
    return this.reason.code
  }

  /**
   * The provider's id of the request, `undefined` when it gave none.
   *
   * @since 0.1.0
   */
  get requestId(): string | undefined {
    return this.reason.requestId
  }

  /**
   * How long the provider asks to wait, `undefined` when it does not say.
   *
   * @since 0.1.0
   */
  get retryAfter(): Duration.Duration | undefined {
    return this.reason.retryAfter
  }
}

/**
 * Whether a value is a `ProviderError`.
 *
 * @example
 * ```ts
 * import { ProviderError } from "effect-llm-stream"
 *
 * ProviderError.isProviderError(new Error("no")) // false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isProviderError = (u: unknown): u is ProviderError => u instanceof ProviderError

/**
 * The error with what responses of a call used and cost, in addition to what it states; without usage, the error as it is.
 *
 * @internal
 */
export const withSpent = (
  error: ProviderError,
  { cost, usage }: {
    readonly usage?: Usage | undefined
    readonly cost?: { readonly total: BigDecimal.BigDecimal; readonly isComplete: boolean } | undefined
  }
): ProviderError => {
  if (usage === undefined) return error
  const { spent } = error
  const total = spent === undefined || cost === undefined
    ? cost?.total
    : spent.cost && BigDecimal.sum(spent.cost, cost.total)
  return changed(error, {
    spent: {
      usage: spent === undefined ? usage : sum(spent.usage, usage),
      ...(total === undefined || cost === undefined
        ? undefined
        : { cost: total, isComplete: cost.isComplete && spent?.isComplete !== false })
    }
  })
}

const changed = (
  { earlier, emitted, provider, reason, spent }: ProviderError,
  fields: Partial<Pick<ProviderError, "spent" | "earlier">>
): ProviderError => new ProviderError({ provider, reason, emitted, ...defined({ spent, earlier }), ...fields })

/** @internal */
export type Earlier = NonNullable<ProviderError["earlier"]>

const mostEarlier = 10

/**
 * The attempts before an error, with that of the error, which another attempt follows.
 *
 * @internal
 */
export const followed = (earlier: Earlier, error: ProviderError, model: string | undefined): Earlier =>
  [
    ...earlier,
    ...error.earlier ?? [],
    { provider: error.provider, ...(model === undefined ? undefined : { model }), reason: error.reason }
  ].slice(-mostEarlier)

/**
 * The error with how the attempts before it failed.
 *
 * @internal
 */
export const withEarlier = (error: ProviderError, earlier: Earlier): ProviderError =>
  earlier.length === 0
    ? error
    : changed(error, { earlier: [...earlier, ...error.earlier ?? []].slice(-mostEarlier) })
