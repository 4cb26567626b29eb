import * as Result from "effect/Result"
import * as ChatRequest from "../../ChatRequest.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as RequestFormat from "../../RequestFormat.ts"

/**
 * Makes a format from its encoding, whose failures are sentences that begin with a place in the request. What holds for
 * every API is checked first; the message of a failure begins with the provider's name. Never throws.
 *
 * @internal
 */
export const make = (
  { allowances, encode, name, provider }: {
    readonly name: string
    readonly provider: string
    /** What the API takes of this request that others don't. Default: nothing. */
    readonly allowances?: (request: ChatRequest.Normalized) => ChatRequest.Allowances
    readonly encode: (request: ChatRequest.Normalized, model: string) => Result.Result<RequestFormat.Encoded, string>
  }
): RequestFormat.RequestFormat => {
  const refuse = (message: string) => new ProviderError.InvalidRequest({ message: `${provider}: ${message}` })
  return {
    name,
    encode: (request, model) => {
      try {
        return Result.flatMap(
          Result.mapError(ChatRequest.check(request, allowances?.(request)), ({ message }) => refuse(message)),
          (checked) => Result.mapError(encode(checked, model), refuse)
        )
      } catch (error) {
        // A value that is nested too deeply to be walked through is all that is left.
        return Result.fail(
          refuse(`the request can't be encoded: ${error instanceof Error ? error.message : "unreadable"}`)
        )
      }
    }
  }
}
