import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import { concat } from "../internal/bytes.ts"
import { defined } from "../internal/defined.ts"
import { type Protocol, requestIdHeaders, type ResponseHeaders } from "../Protocol.ts"
import * as ProviderError from "../ProviderError.ts"
import { excerpt, parseErrorBody } from "../wire/errorBody.ts"

/**
 * How much of a body that is not a stream is read, in bytes and in time.
 *
 * @internal
 */
export const errorBody = { bytes: 64 * 1024, time: Duration.seconds(2) }

/**
 * The provider's id of the request, from a response's headers.
 *
 * @internal
 */
export const requestId = (headers: Headers.Headers, names: ResponseHeaders): string | undefined => {
  for (const name of names.requestId ?? requestIdHeaders) {
    const id = headers[name]
    if (id !== undefined) return id
  }
  return undefined
}

interface Answer {
  readonly body: string
  /** The body without the caller's secrets, to be shown where it is not understood. */
  readonly shown: string
  /** Milliseconds since the epoch, which a `retry-after` date is measured from. */
  readonly now: number
}

/**
 * What a response says before its body. Clients make the headers anew each time they are asked for.
 *
 * @internal
 */
export type Head = Pick<HttpClientResponse.HttpClientResponse, "headers" | "request" | "status">

/** @internal */
export const headOf = ({ headers, request, status }: Head): Head => ({ headers, request, status })

// The content type of a response; the first of several.
const mediaTypeOf = ({ headers }: Head): string =>
  headers["content-type"]?.split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? ""

/** @internal */
export const isOk = ({ status }: Head): boolean => status >= 200 && status < 300

const utf8 = new TextDecoder()

// Of a character that is cut nothing is known.
const start = (reads: ReadonlyArray<Uint8Array>): string =>
  utf8.decode(concat(reads.map((read) => read.subarray(0, 64)))).replace(/(?<!\ufffd)\ufffd+$/, "").trimStart()

/**
 * Whether a response is beyond doubt a stream to decode, as nearly all are: by its head, and by a first character that is
 * neither blank nor that of a JSON object.
 *
 * @internal
 */
export const isEvident = (
  response: Head,
  contentTypes: ReadonlyArray<string>,
  [read]: ReadonlyArray<Uint8Array>
): boolean => {
  const first = read?.[0] ?? 0
  return isOk(response) && isExpected(mediaTypeOf(response), contentTypes) && first > 32 && first < 123
}

/**
 * Whether too little of a body has come to tell what it is. More than a kilobyte of blanks counts as enough.
 *
 * @internal
 */
export const isUndecided = (
  response: Head,
  contentTypes: ReadonlyArray<string>,
  reads: ReadonlyArray<Uint8Array>
): boolean =>
  isOk(response) && contentTypes.includes(sse) &&
  start(reads).length < (isExpected(mediaTypeOf(response), contentTypes) ? 1 : "event:".length) &&
  reads.reduce((size, read) => size + read.length, 0) < 1024

const sse = "text/event-stream"

const isExpected = (mediaType: string, contentTypes: ReadonlyArray<string>): boolean =>
  mediaType === "" || contentTypes.includes(mediaType)

// The header may be wrong. An event never starts like a JSON object, and a JSON object never like an event.
const isStream = (mediaType: string, contentTypes: ReadonlyArray<string>, text: string): boolean =>
  !contentTypes.includes(sse)
    ? isExpected(mediaType, contentTypes)
    : isExpected(mediaType, contentTypes)
    ? !text.startsWith("{")
    : /^(data|event|id|retry)?:/.test(text)

/**
 * Why a response is not a stream to decode, as a function of its body; `undefined` when it is one.
 *
 * @internal
 */
export const refusal = (
  response: Head,
  { contentTypes, errors, failure, headers: names }: Pick<
    Protocol<unknown>,
    "contentTypes" | "errors" | "failure" | "headers"
  >,
  reads: ReadonlyArray<Uint8Array>
): ((answer: Answer) => ProviderError.Reason) | undefined => {
  const mediaType = mediaTypeOf(response)
  const text = start(reads)
  const ok = isOk(response)
  if (ok && isStream(mediaType, contentTypes, text)) return undefined
  return ({ body, now, shown }) => {
    const stated = parseErrorBody(body, failure)
    if (ok && stated === undefined) {
      return new ProviderError.UnexpectedContentType({
        message: mediaType === "application/json" || text.startsWith("{")
          ? "The body is JSON where a stream was asked for: the server may not support streaming"
          : `The body is ${mediaType} where a stream of ${contentTypes.join(" or ")} was expected`,
        contentType: mediaType,
        status: response.status,
        body: excerpt(shown)
      })
    }
    return ProviderError.classify({
      message: `HTTP ${response.status}${mediaType === "" ? "" : ` with a body of ${mediaType}`}${addressed(response)}`,
      ...(stated === undefined ? { body: excerpt(shown) } : stated),
      ...defined({ code: names.errorCode?.(response.headers) }),
      status: ok ? stated?.status : response.status,
      requestId: requestId(response.headers, names) ?? stated?.requestId,
      retryAfter: retryAfter(response.headers, now),
      shouldRetry: shouldRetry(response.headers)
    }, errors)
  }
}

// Shows a wrong base URL, where something other than the provider answers. Query and user may be secret.
const addressed = ({ request }: Head): string => {
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined
  return url === undefined ? "" : ` from ${request.method} ${url.origin}${url.pathname}`
}

const shouldRetry = (headers: Headers.Headers): boolean | undefined => {
  const value = headers["x-should-retry"]
  return value === "true" ? true : value === "false" ? false : undefined
}

/**
 * How long to wait by `retry-after-ms`, else `retry-after` (seconds, whole or not, or an HTTP date).
 *
 * @internal
 */
export const retryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const millis = numberOf(headers["retry-after-ms"])
  const value = headers["retry-after"]?.trim() ?? ""
  // Azure states 0 beside a `retry-after` of a second.
  if (millis !== undefined && (millis > 0 || value === "")) return Duration.millis(millis)
  if (value === "") return undefined
  const seconds = numberOf(value)
  if (seconds !== undefined) return Duration.millis(seconds * 1000)
  return Option.getOrUndefined(
    Option.map(Result.getSuccess(Headers.parseRetryAfter(value)), (parsed) => Headers.retryAfterDelay(parsed, now))
  )
}

// Decimal, as the headers are defined: `Number` takes blanks for 0 and knows `0x10`.
const numberOf = (value: string | undefined): number | undefined =>
  value !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(value) && Number.isFinite(Number(value)) ? Number(value) : undefined

/**
 * The start of a body that is not a stream, as text. When the body breaks off, falls silent or does not end after its
 * JSON, the part that came counts.
 *
 * @internal
 */
export const readText = <E, R>(
  pull: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>
): Effect.Effect<string, never, R> =>
  Effect.suspend(() => {
    const utf8 = new TextDecoder()
    let body = ""
    let attempts = 0
    const isWhole = () => /[}\]]\s*$/.test(body.slice(-16)) && ++attempts <= maxAttempts && isJson(body)
    const more: Effect.Effect<void, never, R> = Effect.suspend(() =>
      body.length >= errorBody.bytes || isWhole() ? Effect.void : Effect.matchEffect(pull, {
        onFailure: () => Effect.void,
        onSuccess: (reads) => {
          for (const read of reads) body += utf8.decode(read, { stream: true })
          return more
        }
      })
    )
    return Effect.timeoutOrElse(more, { duration: errorBody.time, orElse: () => Effect.void }).pipe(
      Effect.map(() => body + utf8.decode())
    )
  })

// A server that sends its error byte by byte must not make us parse it for each byte.
const maxAttempts = 16

/** @internal */
export const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
