import * as Effect from "effect/Effect"
import * as Decoder from "../engine/decoder.ts"
import type * as Protocol from "../Protocol.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as EventStream from "../wire/EventStream.ts"
import { isUnexplained, type Unexplained } from "../wire/fault.ts"
import * as JsonEvent from "../wire/jsonEvent.ts"
import type { Reader } from "../wire/jsonReader.ts"

// AWS's exceptions: the HTTP status that each stands for, and its reason where the status does not say it.
const exceptions: Readonly<Record<string, readonly [status: number, reason?: ProviderError.StatedReason]>> = {
  // `AccessDeniedException` and `ValidationException` are told apart by their messages.
  AccessDeniedException: [403],
  ConflictException: [400],
  ExpiredTokenException: [403, "Authentication"],
  IncompleteSignatureException: [403, "Authentication"],
  InternalFailure: [500, "ServerError"],
  InternalServerException: [500, "ServerError"],
  InvalidSignatureException: [403, "Authentication"],
  MissingAuthenticationTokenException: [403, "Authentication"],
  ModelErrorException: [424, "ServerError"],
  ModelNotReadyException: [429, "RateLimited"],
  ModelStreamErrorException: [424, "ServerError"],
  ModelTimeoutException: [408, "Timeout"],
  ResourceNotFoundException: [404, "NotFound"],
  ServiceQuotaExceededException: [400, "QuotaExceeded"],
  ServiceUnavailableException: [503, "ServerError"],
  ThrottlingException: [429, "RateLimited"],
  UnrecognizedClientException: [403, "Authentication"],
  ValidationException: [400]
}

// In HTTP headers the names start with a capital, in frames with a small letter.
const spellings = (name: string): ReadonlyArray<string> => [name, name.charAt(0).toLowerCase() + name.slice(1)]

/**
 * The errors of the Bedrock runtime, for all operations and models.
 *
 * @internal
 */
export const errors: ProviderError.Table = {
  codes: Object.fromEntries(
    Object.entries(exceptions).flatMap(([name, [, reason]]) =>
      reason === undefined ? [] : spellings(name).map((spelling) => [spelling, reason])
    )
  ),
  messages: [
    [
      /input is too long|input tokens? exceed|too many input tokens|prompt is too long|maximum context length|exceeds? (the )?(model'?s )?context (limit|length|window)/i,
      "ContextLengthExceeded"
    ],
    [/^authentication failed|^invalid api key|bearer token/i, "Authentication"]
  ],
  statuses: { 424: "ServerError" },
  statusOfCode: Object.fromEntries(
    Object.entries(exceptions).flatMap(([name, [status]]) => spellings(name).map((spelling) => [spelling, status]))
  )
}

/**
 * An event of a response stream: its type, and its payload as text and as JSON.
 *
 * @internal
 */
export interface Event {
  readonly type: string
  readonly text: string
  readonly json: { readonly [key: string]: unknown }
}

const utf8 = new TextDecoder()

/**
 * The content of a frame: an event, nothing (an event without a payload), or why the stream fails.
 *
 * @internal
 */
export const read = (
  message: EventStream.Message,
  position: number,
  reader: Reader<unknown>
): Event | Unexplained | undefined => {
  const { headers } = message
  const text = utf8.decode(message.body)
  switch (headers[":message-type"]) {
    case "event": {
      const type = headers[":event-type"]
      if (type === undefined) return malformed(position, "does not state its type", text)
      const json = reader.known(text) ?? reader.parse(text, position)
      return json === undefined || isUnexplained(json) ? json : { type, text, json }
    }
    case "exception":
      return Decoder.classified(failure(headers[":exception-type"], text), errors)
    case "error": {
      const code = headers[":error-code"]
      const message = headers[":error-message"] || `The provider stated ${code ?? "an error"} without a message`
      return Decoder.classified(() => ({ message, code }), errors)
    }
    default:
      return malformed(position, "is neither an event nor an exception nor an error", text)
  }
}

/** @internal */
export const malformed = (position: number, what: string, data: string): Unexplained => ({ malformed }) =>
  Effect.succeed(malformed({ event: position, data, message: `Frame ${position} ${what}` }))

const failure = (type: string | undefined, text: string): Decoder.Stated => ({ excerpt, failureOf }) => {
  const json = JsonEvent.parse(text, 0)
  const stated = json === undefined || isUnexplained(json) ? {} : json
  const original = stated["originalMessage"]
  return {
    message: failureOf(stated)?.message || (typeof original === "string" ? original : "") ||
      `The provider stated ${type ?? "an exception"} without a message`,
    code: type,
    // The model's own status and message, which no other field has a place for.
    ...(original === undefined ? undefined : { body: excerpt(text) })
  }
}

/**
 * The kind of a content block from its start: the key in it, or the tool's type if stated; `undefined` without either.
 *
 * @internal
 */
export const blockOf = (
  start: { readonly toolUse?: { readonly type?: string | null } | null } | null | undefined
): string | undefined => start?.toolUse?.type || Object.keys(start ?? {})[0]

/**
 * Facts in the headers of AWS's responses.
 *
 * @internal
 */
export const headers: Protocol.ResponseHeaders = {
  requestId: ["x-amzn-requestid"],
  errorCode: (headers) => headers["x-amzn-errortype"]?.split(":", 1)[0],
  // For bodies in a model's own format, which do not state them.
  info: (headers) => ({
    serviceTier: headers["x-amzn-bedrock-service-tier"],
    latency: headers["x-amzn-bedrock-performanceconfig-latency"]
  })
}

/**
 * The framing of the Bedrock runtime's streams. In a recording with one payload a line, the payload is under its type:
 * `{"contentBlockDelta": {…}}`.
 *
 * @internal
 */
export const framing: Protocol.Framing<EventStream.Message> = {
  contentTypes: ["application/vnd.amazon.eventstream"],
  make: () => EventStream.decoder(),
  fromLine: (line) => {
    const json = JsonEvent.parse(line, 0)
    const [member, ...others] = json === undefined || isUnexplained(json)
      ? []
      : Object.entries(json)
    // The event decoder reports the problem.
    if (member === undefined || others.length > 0) {
      return { headers: { ":message-type": "event" }, body: new TextEncoder().encode(line) }
    }
    const [type, payload] = member
    return {
      headers: type.endsWith("Exception")
        ? { ":message-type": "exception", ":exception-type": type }
        : { ":message-type": "event", ":event-type": type },
      body: new TextEncoder().encode(JSON.stringify(payload))
    }
  }
}
