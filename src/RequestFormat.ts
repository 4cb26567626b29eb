/**
 * Encodes a chat request as the body that one API takes: the pure half of sending.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as ChatRequest from "./ChatRequest.ts"
import * as ProviderError from "./errors/providerError.ts"
import { once } from "./internal/lazy.ts"

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

/**
 * A request format that is loaded when a request needs it. One that holds texts and limits alone, as most do, is written
 * without it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Lazy {
  /** The format's name. */
  readonly name: string
  /** Encodes a request as the whole format does; `undefined` when that has to do it. Never throws. */
  readonly plain: (request: ChatRequest.ChatRequest, model: string) => Encoded | undefined
  /** The whole format. */
  readonly load: Effect.Effect<RequestFormat>
}

/**
 * Makes a format that is loaded once, at the first request that needs it.
 *
 * @internal
 */
export const lazy = (name: string, plain: Lazy["plain"], load: () => Promise<RequestFormat>): Lazy => ({
  name,
  plain,
  load: once(load)
})

/**
 * What was not loaded is the error of the request that needs it.
 *
 * @internal
 */
export const orRefused = <A>(loaded: Effect.Effect<A>): Effect.Effect<A, ProviderError.InvalidRequest> =>
  Effect.catchDefect(loaded, () =>
    Effect.fail(
      new ProviderError.InvalidRequest({
        message: "The part of the library that writes this request can't be loaded: are all its files there?"
      })
    ))

/**
 * The whole of a format.
 *
 * @example
 * ```ts
 * import { ChatRequest, OpenAi, RequestFormat } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const encoded = Effect.gen(function*() {
 *   const format = yield* RequestFormat.load(OpenAi.define({}).format)
 *   const request = yield* Effect.fromResult(ChatRequest.normalize({ prompt: "Say hello" }))
 *   return yield* Effect.fromResult(format.encode(request, "gpt-4o-mini"))
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const load = (format: RequestFormat | Lazy): Effect.Effect<RequestFormat> =>
  "load" in format ? format.load : Effect.succeed(format)
