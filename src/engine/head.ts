import type * as Headers from "effect/http/Headers"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { requestIdHeaders, type ResponseHeaders } from "./protocol.ts"

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

/**
 * What a response says before its body. Clients make the headers anew each time they are asked for.
 *
 * @internal
 */
export type Head = Pick<HttpClientResponse.HttpClientResponse, "headers" | "request" | "status">

/** @internal */
export const headOf = ({ headers, request, status }: Head): Head => ({ headers, request, status })

/**
 * The content type of a response; the first of several.
 *
 * @internal
 */
export const mediaTypeOf = ({ headers }: Head): string =>
  headers["content-type"]?.split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? ""

/** @internal */
export const isOk = ({ status }: Head): boolean => status >= 200 && status < 300

/** @internal */
export const isExpected = (mediaType: string, contentTypes: ReadonlyArray<string>): boolean =>
  mediaType === "" || contentTypes.includes(mediaType)

/**
 * Whether a response is beyond doubt a stream to decode, as nearly all are: by its head, and by a first character that is
 * neither blank nor that of a JSON object. Of any other, `seldom.ts` has to tell.
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
