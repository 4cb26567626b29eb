/**
 * What few requests need, and so is loaded with the first of them. Of those that fail: why a response is refused, why a
 * client failed or a body broke off, what cuts out secrets, and how long a retry waits. Further what cleans the spans of
 * those that are traced, what reads the body of a client other than fetch, and limits of time that have no default.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Tracer from "effect/Tracer"
import { hasOutput } from "../content/hasOutput.ts"
import { classify, type Failure, type Table } from "../errors/classify.ts"
import * as ProviderError from "../errors/providerError.ts"
import { concat } from "../internal/bytes.ts"
import { defined } from "../internal/defined.ts"
import type { Protocol, ResponseHeaders } from "../Protocol.ts"
import { excerpt, failureOf } from "../wire/errorBody.ts"
import { tableOf } from "../wire/explain.ts"
import { isTooDeep } from "../wire/nesting.ts"
import type { Head as Answered } from "./call.ts"
import { fromBody, fromHttp, isUnsent } from "./clientError.ts"
import { type Head, isExpected, isOk, mediaTypeOf, requestId } from "./head.ts"
import { tracer } from "./quiet.ts"
import { told } from "./reason.ts"
import { clean, cleanAll } from "./redaction.ts"
import { beforeRetry } from "./retries.ts"
import { retryAfter } from "./retryAfter.ts"
import { compressions, openStream } from "./streamBody.ts"
import { inTotal, undecided, withContent } from "./timeLimits.ts"

/** How much of a body that is not a stream is read, in bytes and in time. */
const errorBody = { bytes: 64 * 1024, time: Duration.seconds(2) }

type Refusing = Pick<Protocol<unknown>, "contentTypes" | "errors" | "failure" | "headers">

/** Why a response is refused, as a function of its body and of the provider's error table. */
type Refusal = (answer: Answer, errors: Table) => ProviderError.Reason

type Reads = Pull.Pull<ReadonlyArray<Uint8Array>, ProviderError.ProviderError>

/** What has come of a response. */
interface Came {
  readonly response: Head
  readonly compression: string | undefined
  readonly firstRead: ReadonlyArray<Uint8Array>
}

/** What is known of its attempt. */
interface Known {
  isRefused: boolean
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly fail: (reason: ProviderError.Reason) => Effect.Effect<never, ProviderError.ProviderError>
}

/**
 * The first reads of a response, where they show a stream to decode; fails where there is none. Of `undecided` it reads as
 * long as that can't be told, and of `reads` what a refusal says.
 *
 * @internal
 */
export const judge = Effect.fnUntraced(function*(
  { compression, firstRead, response }: Came,
  protocol: Refusing,
  { reads, undecided }: { readonly reads: Reads; readonly undecided: Reads },
  known: Known
): Effect.fn.Return<ReadonlyArray<Uint8Array>, ProviderError.ProviderError> {
  const isReadable = compression === undefined || Object.hasOwn(compressions, compression)
  if (!isReadable && isOk(response)) {
    return yield* known.fail(
      new ProviderError.UnexpectedContentType({
        message: `The body is compressed (${compression}), which this HTTP client does not undo`,
        contentType: response.headers["content-type"] ?? "",
        status: response.status
      })
    )
  }
  let head = firstRead
  while (head.length > 0 && isUndecided(response, protocol.contentTypes, head)) {
    const more = yield* Pull.catchDone(undecided, () => Effect.succeed([]))
    if (more.length === 0) break
    head = [...head, ...more]
  }
  const refuse = refusal(response, protocol, head)
  if (refuse === undefined) return head
  const body = isReadable ? yield* readText(after(head, reads)) : ""
  known.isRefused = isJson(body)
  // Values in JSON are scrubbed after parsing, because a secret may look like a number. An excerpt may end within a
  // secret.
  const shown = clean(body, known.secrets)
  const now = yield* Clock.currentTimeMillis
  const reason = Effect.map(tableOf(protocol.errors), (errors) => refuse({ body, shown, now }, errors))
  // The table, and what reads failures, may be a host's own.
  return yield* known.fail(
    yield* Effect.catchDefect(reason, (cause) => Effect.succeed(untold(response, protocol.headers, now, cause)))
  )
})

/** Reads that have come, and then the others. */
const after = <E>(
  head: ReadonlyArray<Uint8Array>,
  reads: Pull.Pull<ReadonlyArray<Uint8Array>, E>
): Pull.Pull<ReadonlyArray<Uint8Array>, E> => {
  let unread = head
  return Effect.suspend(() => {
    if (unread.length === 0) return reads
    const came = unread
    unread = []
    return Effect.succeed(came)
  })
}

interface Answer {
  readonly body: string
  /** The body without the caller's secrets, to be shown where it is not understood. */
  readonly shown: string
  /** Milliseconds since the epoch, which a `retry-after` date is measured from. */
  readonly now: number
}

const utf8 = new TextDecoder()

// Of a character that is cut nothing is known.
const start = (reads: ReadonlyArray<Uint8Array>): string =>
  utf8.decode(concat(reads.map((read) => read.subarray(0, 64)))).replace(/(?<!\ufffd)\ufffd+$/, "").trimStart()

/** Whether too little of a body has come to tell what it is. More than a kilobyte of blanks counts as enough. */
const isUndecided = (
  response: Head,
  contentTypes: ReadonlyArray<string>,
  reads: ReadonlyArray<Uint8Array>
): boolean =>
  isOk(response) && contentTypes.includes(sse) &&
  start(reads).length < (isExpected(mediaTypeOf(response), contentTypes) ? 1 : "event:".length) &&
  reads.reduce((size, read) => size + read.length, 0) < 1024

const sse = "text/event-stream"

// The header may be wrong. An event never starts like a JSON object, and a JSON object never like an event.
const isStream = (mediaType: string, contentTypes: ReadonlyArray<string>, text: string): boolean =>
  !contentTypes.includes(sse)
    ? isExpected(mediaType, contentTypes)
    : isExpected(mediaType, contentTypes)
    ? !text.startsWith("{")
    : /^(data|event|id|retry)?:/.test(text)

/** Why a response is not a stream to decode; `undefined` when it is one. */
const refusal = (
  response: Head,
  { contentTypes, failure, headers: names }: Refusing,
  reads: ReadonlyArray<Uint8Array>
): Refusal | undefined => {
  const mediaType = mediaTypeOf(response)
  const text = start(reads)
  const ok = isOk(response)
  if (ok && isStream(mediaType, contentTypes, text)) return undefined
  return ({ body, now, shown }, errors) => {
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
    const head = headersOf(response, names, now)
    return classify({
      message: `HTTP ${response.status}${mediaType === "" ? "" : ` with a body of ${mediaType}`}${addressed(response)}`,
      ...(stated === undefined ? { body: excerpt(shown) } : stated),
      ...defined({ code: names.errorCode?.(response.headers) }),
      ...head,
      status: ok ? stated?.status : response.status,
      requestId: head.requestId ?? stated?.requestId
    }, errors)
  }
}

/** What the head of a response says of a failure. */
const headersOf = ({ headers }: Head, names: ResponseHeaders, now: number) => ({
  requestId: requestId(headers, names),
  retryAfter: retryAfter(headers, now),
  shouldRetry: shouldRetry(headers)
})

/** The reason of a refused response whose body can't be told: what its status says. */
const untold = (response: Head, names: ResponseHeaders, now: number, cause: unknown): ProviderError.Reason => {
  const { status } = response
  const message = `HTTP ${status}. Why it fails cannot be told${cause instanceof Error ? `: ${cause.name}` : ""}`
  return classify({ message, ...(isOk(response) ? {} : { status }), ...headersOf(response, names, now) }, { codes: {} })
}

/**
 * The failure that a JSON error body states in any of the usual shapes; `undefined` when it is not an error body.
 *
 * @internal
 */
export const parseErrorBody = (
  body: string,
  own?: (json: { readonly [key: string]: unknown }) => Failure | undefined
): Failure | undefined => {
  const parsed = parseJson(body)
  // Google's compatible endpoint wraps the object in an array.
  const json: unknown = Array.isArray(parsed) ? parsed[0] : parsed
  return Predicate.isObject(json) ? own?.(json) ?? failureOf(json) : undefined
}

const parseJson = (text: string): unknown => {
  try {
    const json: unknown = JSON.parse(text)
    return isTooDeep(json) ? undefined : json
  } catch {
    return undefined
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
 * The start of a body that is not a stream, as text. When the body breaks off, falls silent or does not end after its
 * JSON, the part that came counts.
 */
const readText = (pull: Reads): Effect.Effect<string> =>
  Effect.suspend(() => {
    const utf8 = new TextDecoder()
    let body = ""
    let attempts = 0
    const isWhole = () => /[}\]]\s*$/.test(body.slice(-16)) && ++attempts <= maxAttempts && isJson(body)
    const more: Effect.Effect<void> = Effect.suspend(() =>
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

const isJson = (text: string): boolean => Result.isSuccess(Result.try((): unknown => JSON.parse(text)))

/**
 * The reason for which a client failed.
 *
 * @internal
 */
export const fromClient = (error: unknown): ProviderError.Reason =>
  HttpClientError.isHttpClientError(error) ? fromHttp(error) : fromOther(error)

/** For a caller's own client: its error may be one of Effect's rate limiter or circuit breaker. */
const fromOther = (error: unknown): ProviderError.Reason => {
  if (ProviderError.isProviderError(error)) return error.reason
  const reason = Predicate.hasProperty(error, "reason") ? error.reason : undefined
  const [retryAfter] = [error, reason].flatMap((value) =>
    Predicate.hasProperty(value, "retryAfter") && Duration.isDuration(value.retryAfter) ? [value.retryAfter] : []
  )
  const code = tagOf(reason) ?? tagOf(error)
  const stated = error instanceof Error && error.message !== "" ? `: ${error.message}` : ""
  const fields = { ...(code === undefined ? undefined : { code }), ...(retryAfter && { retryAfter }) }
  switch (tagOf(error)) {
    case "RateLimiterError":
      return new ProviderError.RateLimited({ ...fields, message: `The client's own rate limiter refused${stated}` })
    case "CircuitBreakerError":
      return new ProviderError.Overloaded({ ...fields, message: `The client's own circuit breaker refused${stated}` })
    default:
      return new ProviderError.Unknown({ ...fields, message: `The HTTP client failed${stated}` })
  }
}

const tagOf = (value: unknown): string | undefined =>
  Predicate.hasProperty(value, "_tag") && typeof value._tag === "string" ? value._tag : undefined

/**
 * A tracer for the HTTP client, whose spans don't show the secrets.
 *
 * @internal
 */
export const quietTracer = (self: Tracer.Tracer, secrets: ReadonlyArray<Redacted.Redacted>): Tracer.Tracer =>
  tracer(self, (text) => clean(text, secrets))

/**
 * Tells of the head of a response, refusals included, without the caller's secrets.
 *
 * @internal
 */
export const tellHead = (
  head: Answered,
  tell: ReadonlyArray<(head: Answered) => Effect.Effect<void>>,
  secrets: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<void> => {
  const entries = Object.entries(head.headers).map(([name, value]) => [name, clean(value, secrets)] as const)
  const shown = { ...head, headers: Headers.fromInput(entries) }
  return Effect.forEach(tell, (tell) => tell(shown), { discard: true })
}

export { beforeRetry, cleanAll, fromBody, hasOutput, inTotal, isUnsent, openStream, told, undecided, withContent }
