import * as HttpClientError from "effect/http/HttpClientError"
import * as Predicate from "effect/Predicate"
import * as ProviderError from "../errors/providerError.ts"
import { own } from "../internal/own.ts"

// The codes that Node's and undici's socket and timeout errors carry.
const timeoutKinds: Readonly<Record<string, ProviderError.Timeout["kind"]>> = {
  ETIMEDOUT: "connect",
  UND_ERR_CONNECT_TIMEOUT: "connect",
  UND_ERR_HEADERS_TIMEOUT: "firstByte",
  UND_ERR_BODY_TIMEOUT: "idle"
}

/**
 * The reason for which Effect's HTTP client failed, without anything of the request in its message.
 *
 * @internal
 */
export const fromHttp = ({ reason }: HttpClientError.HttpClientError): ProviderError.Reason =>
  reason._tag === "InvalidUrlError"
    ? new ProviderError.InvalidRequest({ message: `The base URL is not a valid URL` })
    : reason._tag === "EncodeError"
    ? new ProviderError.InvalidRequest({
      message: messageOf(causeChain(reason.cause), reason.description) || "The request could not be encoded"
    })
    : broken(reason.cause, reason.description)

/**
 * The reason for which a body broke off.
 *
 * @internal
 */
export const fromBody = (error: unknown): ProviderError.Reason =>
  HttpClientError.isHttpClientError(error) ? fromHttp(error) : broken(error)

const broken = (cause: unknown, description?: string): ProviderError.Reason => {
  const causes = causeChain(cause)
  const code = causes.find((cause) => cause.code !== undefined)?.code
  const kind = own(timeoutKinds, code)
  const message = messageOf(causes, description) || "The connection failed"
  const fields = { message, ...(code === undefined ? undefined : { code }) }
  return kind === undefined ? new ProviderError.Network(fields) : new ProviderError.Timeout({ ...fields, kind })
}

const messageOf = (causes: ReturnType<typeof causeChain>, description: string | undefined): string =>
  [...(description === undefined ? [] : [description]), ...causes.map((cause) => cause.message)]
    .filter((text, position, all) => text !== "" && all.indexOf(text) === position)
    .join(": ")

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

/**
 * Whether a request was not sent: the client itself refused it, or no connection could be made.
 *
 * @internal
 */
export const isUnsent = (reason: ProviderError.Reason): boolean =>
  reason._tag === "InvalidRequest" || reason._tag === "RateLimited" || reason._tag === "Overloaded" ||
  reason._tag === "Timeout" && reason.kind === "connect" ||
  reason._tag === "Network" && /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(reason.code ?? "")
