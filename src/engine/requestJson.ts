import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ChatRequest from "../ChatRequest.ts"
import * as ProviderError from "../errors/providerError.ts"
import { lazy } from "../internal/lazy.ts"

const encode = lazy(() => Schema.encodeResult(ChatRequest.Normalized))
const encodeJson = lazy(() => Schema.encodeResult(Schema.toCodecJson(ChatRequest.Normalized)))

const written = <A, E>(result: Result.Result<A, E>): Result.Result<A, ProviderError.InvalidRequest> =>
  Result.mapError(
    result,
    () => new ProviderError.InvalidRequest({ message: "The request cannot be written as JSON" })
  )

/**
 * A request in plain form: what its prompt, tools and schemas come to, in whatever form they are given.
 *
 * @internal
 */
export const plainRequest = (
  request: ChatRequest.ChatRequest
): Result.Result<ChatRequest.NormalizedEncoded, ProviderError.InvalidRequest> =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => written(encode()(normalized)))

/**
 * A request as JSON text. Equal requests have the same text: the order of keys says nothing.
 *
 * @internal
 */
export const canonicalRequest = (
  request: ChatRequest.ChatRequest
): Result.Result<string, ProviderError.InvalidRequest> =>
  Result.flatMap(
    ChatRequest.normalize(request),
    (normalized) => Result.map(written(encodeJson()(normalized)), canonical)
  )

const canonical = (json: Schema.Json): string =>
  JSON.stringify(json, (_, value: Schema.Json) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
      : value)
