/**
 * Encodes a chat request as the body that one API takes: the pure half of sending.
 *
 * @stability unstable
 * @since 0.2.0
 */
import type * as Result from "effect/Result"
import type * as ChatRequest from "./ChatRequest.ts"
import type * as ProviderError from "./ProviderError.ts"

/**
 * A request as one API takes it, before address and credentials.
 *
 * @category models
 * @since 0.2.0
 */
export interface Encoded {
  /** The body, to be written as JSON. */
  readonly body: Readonly<Record<string, unknown>>
  /** Headers that belong to the request itself, such as `anthropic-beta`; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * The options that are not in the body because the API has nothing like them: one sentence each, the name first. Only
   * options that a caller can do without; a format refuses the others.
   */
  readonly ignored: ReadonlyArray<string>
}

/**
 * Encodes chat requests for one API. Pure: nothing is sent, read or downloaded.
 *
 * @category models
 * @since 0.2.0
 */
export interface RequestFormat {
  /** The format's name, such as `chat-completions`. */
  readonly name: string
  /**
   * Encodes a request for a model. Fails with an `InvalidRequest` that names the option or part that the API can't take
   * and its place in the request.
   */
  readonly encode: (
    request: ChatRequest.Normalized,
    model: string
  ) => Result.Result<Encoded, ProviderError.InvalidRequest>
}
