/**
 * What only requests need that a provider's few lines for plain ones do not write: it is loaded with the first of them.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ChatRequest from "../ChatRequest.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestFormat from "../RequestFormat.ts"

/**
 * Checks a request, and encodes it.
 *
 * @internal
 */
export const encode = (
  format: RequestFormat.RequestFormat,
  request: ChatRequest.ChatRequest,
  model: string
): Result.Result<RequestFormat.Encoded, ProviderError.InvalidRequest> =>
  Result.flatMap(ChatRequest.normalize(request), (request) => format.encode(request, model))

/**
 * Says what is not sent as it was asked for; `undefined` where there is nothing to say.
 *
 * @internal
 */
export const logIgnored = (provider: string, ignored: ReadonlyArray<string>): Effect.Effect<void> | undefined => {
  if (ignored.length === 0) return undefined
  // An effort in other words is what was asked for; parts of earlier answers come with every turn that follows.
  const isExpected = (place: string) => place.startsWith("prompt") || place.includes(" is sent as ")
  const [left, expected] = [ignored.filter((place) => !isExpected(place)), ignored.filter(isExpected)]
  const told = (places: ReadonlyArray<string>) =>
    `${provider} is not sent everything as it was asked for: ${places.join("; ")}`
  return Effect.all([
    left.length === 0 ? Effect.void : Effect.logWarning(told(left)),
    expected.length === 0 ? Effect.void : Effect.logDebug(told(expected))
  ], { discard: true })
}
