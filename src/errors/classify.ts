/**
 * What a failure means that a provider states.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import { dual } from "effect/Function"
import { own } from "../internal/own.ts"
import {
  Authentication,
  ContentFiltered,
  ContextLengthExceeded,
  IncompleteStream,
  InvalidRequest,
  Network,
  NotFound,
  Overloaded,
  PermissionDenied,
  QuotaExceeded,
  RateLimited,
  type Reason,
  ServerError,
  Timeout,
  ToolUseFailed,
  Unknown
} from "./providerError.ts"

/**
 * A failure as a provider states it, before it is classified. Everything is optional but the message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly message: string
  readonly status?: number | undefined
  /** `null` when the provider states that it has none. When it is absent, the type takes its place. */
  readonly code?: string | null | undefined
  /** The provider's error type: a coarser word than the code. */
  readonly type?: string | undefined
  readonly requestId?: string | undefined
  readonly retryAfter?: Duration.Duration | undefined
  readonly shouldRetry?: boolean | undefined
  readonly body?: string | undefined
  readonly failedGeneration?: string | undefined
  /** The findings of a content filter, in the provider's own structure. */
  readonly details?: unknown
}

/**
 * The reasons that a provider can state itself; the client finds the others.
 *
 * @category models
 * @since 0.1.0
 */
export type StatedReason = Exclude<Reason["_tag"], "UnexpectedContentType" | "MalformedEvent">

/**
 * A provider's error table: which reason each of its codes, types and statuses means. Looked up in this order: `codes`
 * by code, `messages`, `statuses`, `codes` by type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table {
  readonly codes: Readonly<Record<string, StatedReason>>
  /** Reasons that a provider tells apart by the message alone. */
  readonly messages?: ReadonlyArray<readonly [pattern: RegExp, reason: StatedReason]>
  /** Statuses that mean something else than in {@link statuses}. */
  readonly statuses?: Readonly<Record<number, StatedReason>>
  /** The HTTP status that a code stands for when it arrives inside a stream. */
  readonly statusOfCode?: Readonly<Record<string, number>>
  /** Statuses that are worth another attempt although their reason is not retryable. */
  readonly retryableStatuses?: ReadonlyArray<number>
}

/**
 * The meaning of an HTTP status where the provider says nothing more precise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const statuses: Readonly<Record<number, StatedReason>> = {
  401: "Authentication",
  402: "QuotaExceeded",
  403: "PermissionDenied",
  404: "NotFound",
  408: "Timeout",
  425: "Overloaded",
  429: "RateLimited",
  504: "Timeout",
  529: "Overloaded"
}

/**
 * The longest message and the longest generated text that a reason keeps, in UTF-16 code units; what is longer is cut,
 * and ends in `…`. Patterns never see more than that.
 *
 * @category constructors
 * @since 0.2.0
 */
export const maxMessageLength = 8 * 1024

/**
 * The longest code and request id that a reason keeps, in UTF-16 code units; what is longer is cut, and ends in `…`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const maxCodeLength = 256

const cut = (text: string, limit: number): string => text.length <= limit ? text : `${text.slice(0, limit)}…`

const isStatus = (status: number | undefined): status is number =>
  status !== undefined && Number.isInteger(status) && status >= 100 && status <= 599

const fromStatus = (status: number, table: Table): StatedReason =>
  table.statuses?.[status] ?? statuses[status] ??
    (status >= 500 ? "ServerError" : status >= 400 ? "InvalidRequest" : "Unknown")

/**
 * The reason that a failure means by a provider's table.
 *
 * @example
 * ```ts
 * import { ProviderError } from "effect-llm-stream"
 *
 * const reason = ProviderError.classify(
 *   { message: "You exceeded your current quota", status: 429, code: "insufficient_quota" },
 *   { codes: { insufficient_quota: "QuotaExceeded" } }
 * )
 * reason._tag // "QuotaExceeded"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const classify: {
  (table: Table): (failure: Failure) => Reason
  (failure: Failure, table: Table): Reason
} = dual(2, (failure: Failure, table: Table): Reason => {
  const { codes, statusOfCode } = table
  // A provider may state anything, such as 450.5.
  const status = [failure.status, own(statusOfCode, failure.code), own(statusOfCode, failure.type)].find(isStatus)
  const message = cut(failure.message, maxMessageLength)
  const tag = own(codes, failure.code) ??
    table.messages?.find(([pattern]) => pattern.test(message))?.[1] ??
    (status === undefined ? undefined : fromStatus(status, table)) ??
    own(codes, failure.type) ??
    "Unknown"
  const shouldRetry = failure.shouldRetry ??
    (status !== undefined && table.retryableStatuses?.includes(status) === true ? true : undefined)
  const code = failure.code === undefined ? failure.type : failure.code ?? undefined
  return make(tag, {
    message,
    ...(status === undefined ? undefined : { status }),
    ...(code === undefined ? undefined : { code: cut(code, maxCodeLength) }),
    ...(failure.requestId === undefined ? undefined : { requestId: cut(failure.requestId, maxCodeLength) }),
    ...(failure.retryAfter === undefined ? undefined : { retryAfter: failure.retryAfter }),
    ...(shouldRetry === undefined ? undefined : { shouldRetry }),
    ...(failure.body === undefined ? undefined : { body: failure.body })
  }, failure)
})

type Common = Omit<(typeof Unknown)["~type.make.in"], "_tag">

const make = (tag: StatedReason, fields: Common, { details, failedGeneration }: Failure): Reason => {
  switch (tag) {
    case "ContentFiltered":
      return new ContentFiltered(details === undefined ? fields : { ...fields, details })
    case "Timeout":
      return new Timeout({ ...fields, kind: "firstByte" })
    case "ToolUseFailed":
      return new ToolUseFailed(
        failedGeneration === undefined ? fields : {
          ...fields,
          failedGeneration: cut(failedGeneration, maxMessageLength)
        }
      )
    default:
      return new plain[tag](fields)
  }
}

/** The reasons that state nothing of their own. */
const plain = {
  Authentication,
  PermissionDenied,
  NotFound,
  InvalidRequest,
  ContextLengthExceeded,
  RateLimited,
  QuotaExceeded,
  Overloaded,
  ServerError,
  Network,
  IncompleteStream,
  Unknown
}
