import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ProviderError from "../ProviderError.ts"

const maxBody = 64 * 1024
const maxExcerpt = 1024

/** @internal */
export const excerpt = (text: string): string => text.length <= maxExcerpt ? text : `${text.slice(0, maxExcerpt)}…`

// The codes that Node's and undici's socket and timeout errors carry.
const timeoutKinds: Readonly<Record<string, ProviderError.Timeout["kind"]>> = {
  ETIMEDOUT: "connect",
  UND_ERR_CONNECT_TIMEOUT: "connect",
  UND_ERR_HEADERS_TIMEOUT: "firstByte",
  UND_ERR_BODY_TIMEOUT: "idle"
}

/**
 * The reason for which the HTTP client failed, without anything of the request in its message.
 *
 * @internal
 */
export const fromClient = (error: HttpClientError.HttpClientError): ProviderError.Reason => {
  const causes = causeChain(error.reason.cause)
  const description = error.reason.description
  const message = [...(description === undefined ? [] : [description]), ...causes.map((cause) => cause.message)]
    .filter((text, position, all) => text !== "" && all.indexOf(text) === position)
    .join(": ")
  switch (error.reason._tag) {
    case "InvalidUrlError":
      return new ProviderError.InvalidRequest({ message: `The base URL is not a valid URL` })
    case "EncodeError":
      return new ProviderError.InvalidRequest({ message: message || "The request could not be encoded" })
    default: {
      const code = causes.find((cause) => cause.code !== undefined)?.code
      const kind = code !== undefined && Object.hasOwn(timeoutKinds, code) ? timeoutKinds[code] : undefined
      const fields = { message: message || "The connection failed", ...(code === undefined ? undefined : { code }) }
      return kind === undefined ? new ProviderError.Network(fields) : new ProviderError.Timeout({ ...fields, kind })
    }
  }
}

const causeChain = (cause: unknown): ReadonlyArray<{ readonly message: string; readonly code: string | undefined }> => {
  const chain: Array<{ readonly message: string; readonly code: string | undefined }> = []
  let current = cause
  while (current instanceof Error && chain.length < 5) {
    const code = Predicate.hasProperty(current, "code") && typeof current.code === "string" ? current.code : undefined
    chain.push({ message: current.message, code })
    current = current.cause
  }
  return chain
}

/** @internal */
export const requestId = (headers: Headers.Headers): string | undefined =>
  headers["x-request-id"] ?? headers["request-id"] ?? headers["x-amzn-requestid"] ?? headers["apim-request-id"]

/**
 * The cloud region that answers. Azure states its display name (`East US 2`), which is its name (`eastus2`) but for
 * case and spaces.
 *
 * @internal
 */
export const region = (headers: Headers.Headers): string | undefined =>
  headers["x-ms-region"]?.toLowerCase().replaceAll(" ", "")

/** @internal */
export const withRequestId = <R extends ProviderError.Reason>(
  reason: R,
  requestId: string | undefined
): ProviderError.Reason => {
  if (requestId === undefined || reason.requestId !== undefined) return reason
  return rebuild(reason, { requestId })
}

/**
 * Cuts the caller's secrets out of a text.
 *
 * @internal
 */
export const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((out, secret) => {
    const value = Redacted.value(secret)
    return value.length < 4 ? out : out.replaceAll(value, "<redacted>")
  }, text)

/**
 * The headers that providers take credentials in.
 *
 * @internal
 */
export const credentialHeaders = ["authorization", "api-key", "x-api-key", "x-amz-security-token"]

/**
 * The names of the headers that hold credentials, or another of the caller's secrets.
 *
 * @internal
 */
export const secretHeaders = (
  headers: Headers.Headers,
  secrets: ReadonlyArray<Redacted.Redacted>
): ReadonlyArray<string> => [
  ...credentialHeaders,
  ...Object.keys(headers).filter((name) => clean(headers[name] ?? "", secrets) !== headers[name])
]

/**
 * Cuts the caller's secrets out of everything that the provider may have echoed.
 *
 * @internal
 */
export const scrub = (
  reason: ProviderError.Reason,
  secrets: ReadonlyArray<Redacted.Redacted>
): ProviderError.Reason => {
  const changed: Record<string, unknown> = {}
  // The message of an error is no enumerable property.
  for (const [key, value] of Object.entries({ ...reason, message: reason.message })) {
    const isText = typeof value === "string"
    if (key === "_tag" || !isText && key !== "details") continue
    const text = isText ? value : JSON.stringify(value)
    const cleaned = clean(text, secrets)
    if (cleaned !== text) changed[key] = isText ? cleaned : JSON.parse(cleaned)
  }
  return Object.keys(changed).length === 0 ? reason : rebuild(reason, changed)
}

const rebuild = (reason: ProviderError.Reason, fields: Readonly<Record<string, unknown>>): ProviderError.Reason =>
  Object.assign(Object.create(Object.getPrototypeOf(reason)), reason, { message: reason.message }, fields)

interface Answer {
  readonly body: string
  /** Milliseconds since the epoch, which a `retry-after` date is measured from. */
  readonly now: number
  readonly table: ProviderError.Table
}

// What a response calls its body.
const mediaTypeOf = (response: HttpClientResponse.HttpClientResponse): string =>
  response.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? ""

const isOk = (response: HttpClientResponse.HttpClientResponse): boolean =>
  response.status >= 200 && response.status < 300

const start = (reads: ReadonlyArray<Uint8Array>): string => {
  const utf8 = new TextDecoder()
  let text = ""
  for (const read of reads) {
    text += utf8.decode(read.subarray(0, 64), { stream: true })
    if (text.length > 64) break
  }
  return text.trimStart()
}

/**
 * Whether so little of a body has come that it could still be anything. More than a kilobyte of blanks decides too.
 *
 * @internal
 */
export const isUndecided = (
  response: HttpClientResponse.HttpClientResponse,
  contentTypes: ReadonlyArray<string>,
  reads: ReadonlyArray<Uint8Array>
): boolean =>
  isOk(response) && contentTypes.includes(sse) &&
  start(reads).length < (isExpected(mediaTypeOf(response), contentTypes) ? 1 : "event:".length) &&
  reads.reduce((size, read) => size + read.length, 0) < 1024

const sse = "text/event-stream"

const isExpected = (mediaType: string, contentTypes: ReadonlyArray<string>): boolean =>
  mediaType === "" || contentTypes.includes(mediaType)

// The header may be wrong; an event never starts as a JSON object does, nor the other way round.
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
  response: HttpClientResponse.HttpClientResponse,
  contentTypes: ReadonlyArray<string>,
  reads: ReadonlyArray<Uint8Array>
): ((answer: Answer) => ProviderError.Reason) | undefined => {
  const mediaType = mediaTypeOf(response)
  const text = start(reads)
  const ok = isOk(response)
  if (ok && isStream(mediaType, contentTypes, text)) return undefined
  return ({ body, now, table }) => {
    const stated = parseErrorBody(body)
    if (ok && stated === undefined) {
      return new ProviderError.UnexpectedContentType({
        message: mediaType === "application/json" || text.startsWith("{")
          ? "The body is JSON where a stream was asked for: the server may not support streaming"
          : `The body is ${mediaType} where a stream of ${contentTypes.join(" or ")} was expected`,
        contentType: mediaType,
        status: response.status,
        body: excerpt(body)
      })
    }
    const errorType = response.headers["x-amzn-errortype"]?.split(":", 1)[0]
    return ProviderError.classify({
      message: `HTTP ${response.status}${mediaType === "" ? "" : ` with a body of ${mediaType}`}${addressed(response)}`,
      ...(stated === undefined ? { body: excerpt(body) } : stated),
      ...(errorType === undefined ? undefined : { code: errorType }),
      status: ok ? stated?.status : response.status,
      requestId: requestId(response.headers) ?? stated?.requestId,
      retryAfter: retryAfter(response.headers, now),
      shouldRetry: shouldRetry(response.headers)
    }, table)
  }
}

// Of use where it is not the provider that answers: a wrong base URL. Without query and user, which may be secret.
const addressed = ({ request }: HttpClientResponse.HttpClientResponse): string => {
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
  const millis = Number(headers["retry-after-ms"])
  if (millis > 0 && Number.isFinite(millis)) return Duration.millis(millis)
  const value = headers["retry-after"]?.trim()
  if (value === undefined || value === "") return undefined
  const seconds = Number(value)
  if (seconds >= 0 && Number.isFinite(seconds)) return Duration.millis(seconds * 1000)
  return Option.getOrUndefined(
    Option.map(Result.getSuccess(Headers.parseRetryAfter(value)), (parsed) => Headers.retryAfterDelay(parsed, now))
  )
}

/**
 * What a JSON error body states, whichever of the shapes in use it has; `undefined` when it is no error body.
 *
 * @internal
 */
export const parseErrorBody = (body: string): ProviderError.Failure | undefined => {
  const parsed = parseJson(body)
  // Google's compatible endpoint wraps the object in an array.
  const json: unknown = Array.isArray(parsed) ? parsed[0] : parsed
  return Predicate.isObject(json) ? failureOf(json) : undefined
}

/**
 * What a JSON value says of a failure: `{"error": {…}}`, `{"error": "…"}`, or flat.
 *
 * @internal
 */
export const failureOf = (json: object): ProviderError.Failure | undefined => {
  const nested = property(json, "error")
  const error = Predicate.isObject(nested) ? nested : json
  const message = typeof nested === "string" ? nested : text(error, "message") ?? text(error, "Message") ??
    // FastAPI's word, and so that of many self-hosted servers.
    text(error, "detail")
  const code = text(error, "code") ?? text(error, "__type")?.split("#").at(-1)
  const type = text(error, "type")
  const isFailure = nested !== undefined && nested !== null || message !== undefined
  if (!isFailure) return undefined
  return {
    message: message ?? code ?? type ?? "The provider stated an error without a message",
    // A bare string is a code when it is a single word.
    code: code ?? (typeof nested === "string" && /^\S+$/.test(nested)
      ? nested
      : property(error, "code") === null
      ? null
      : undefined),
    type,
    status: statusOf(error),
    requestId: text(json, "request_id"),
    failedGeneration: text(error, "failed_generation"),
    details: property(error, "innererror") ?? property(error, "content_filters")
  }
}

// The HTTP status that would have been sent, had the failure come before the stream; some hosts state it as the code.
const statusOf = (error: object): number | undefined =>
  ["status_code", "status", "code"].map((key) => Number(text(error, key))).find((n) => n >= 400 && n < 600)

const property = (object: object, key: string): unknown =>
  Object.hasOwn(object, key) ? (object as Readonly<Record<string, unknown>>)[key] : undefined

const text = (object: object, key: string): string | undefined => {
  const value = property(object, key)
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * The text of a body that is no stream, as far as it is of interest. A body that breaks off counts as far as it came.
 *
 * @internal
 */
export const readText = <E, R>(
  pull: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>
): Effect.Effect<string, never, R> =>
  Effect.gen(function*() {
    const utf8 = new TextDecoder()
    let body = ""
    while (body.length < maxBody) {
      const reads = yield* Effect.orElseSucceed(Pull.catchDone(pull, () => Effect.succeed([])), () => [])
      if (reads.length === 0) break
      for (const read of reads) body += utf8.decode(read, { stream: true })
    }
    return body + utf8.decode()
  })
