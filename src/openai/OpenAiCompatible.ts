/**
 * Any other host that speaks the chat-completions format: a local server, a gateway, a provider that has no module of
 * its own here.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import { once } from "../internal/lazy.ts"
import { trustedChunk } from "../internal/trusted.ts"
import type * as Protocol from "../Protocol.ts"
import type { RequestQuirks } from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/events.ts"
import { Payload } from "../protocols/chatCompletions/payload.ts"
import { plain } from "../protocols/chatCompletions/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import { OpenAiChunk } from "./OpenAiChunk.ts"

const errors = once(() => import("../protocols/chatCompletions/errors.ts").then(({ errors }) => errors))

/**
 * The address of a host, and how it differs from OpenAI.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.CommonOptions {
  /** The name that chunks and errors state, and the key of the host's own fields in a request's `options`. */
  readonly provider: string
  /** The address to which `/chat/completions` is added, such as `http://localhost:11434/v1`. */
  readonly baseUrl: string
  /** Sent as a bearer token. Default: no credentials are sent. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Default: `max_tokens`, `stream_options.include_usage` is understood, reasoning under one of its usual names. */
  readonly quirks?: Quirks | undefined
}

/**
 * How a host differs from OpenAI. These need no option: a stream that ends without `[DONE]`, or with it alone; usage in
 * a choice or in every chunk; `choices` or `delta` that are `null`; comments and empty events; tool calls without an
 * index or id; errors in any of their usual shapes.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Quirks extends Partial<RequestQuirks> {
  /** The field of `delta` with reasoning text, when it is neither `reasoning` nor `reasoning_content`. */
  readonly reasoningField?: string | undefined
}

/**
 * A host's chat completions.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenAiCompatible extends Provider.Service<OpenAiChunk> {}

/**
 * The protocol of a host; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible, Protocol } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Protocol.decode(OpenAiCompatible.protocol({ provider: "ollama" })))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (options: Pick<Options, "provider" | "quirks">): Protocol.Protocol<OpenAiChunk> => {
  const { provider, quirks: { reasoningField } = {} } = options
  return ChatCompletions.protocol({
    provider,
    payload: Payload,
    make: (chunk) => {
      const made = trustedChunk(OpenAiChunk, "OpenAiChunk", provider, chunk)
      if (reasoningField !== undefined) made.reasoningField = reasoningField
      return made
    },
    errors
  })
}

/**
 * A host as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = OpenAiCompatible.define({ provider: "ollama", baseUrl: "http://localhost:11434/v1" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "llama3.2", prompt: "Say hello" }))
 * prepared.url // "http://localhost:11434/v1/chat/completions"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<OpenAiChunk> =>
  definitionOf(options, { provider: "compatible", baseUrl: "" }, (options) => ({
    protocol: protocol(options),
    format: RequestFormat.lazy(
      "chat-completions",
      plain({ maxTokensField: "max_tokens", includeUsage: true, ...options.quirks }),
      () => import("./compatibleFormat.ts").then(({ format }) => format(options))
    ),
    endpoint: Endpoint.path(options.baseUrl, "/chat/completions"),
    auth: options.apiKey === undefined ? Auth.none : Auth.bearer(options.apiKey, "`apiKey` is empty"),
    options
  }))

/**
 * Makes a host's service from an HTTP client in the context. Use it to give a host a service of its own, so that
 * several hosts can stand side by side.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible } from "effect-llm-stream"
 * import { Context, Layer } from "effect"
 *
 * class Ollama extends Context.Service<Ollama, OpenAiCompatible.OpenAiCompatible>()("app/Ollama") {
 *   static readonly layer = Layer.effect(
 *     Ollama,
 *     OpenAiCompatible.make({ provider: "ollama", baseUrl: "http://localhost:11434/v1", model: "llama3.2" })
 *   )
 * }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<OpenAiCompatible, never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with a host as the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible } from "effect-llm-stream"
 *
 * const layer = OpenAiCompatible.layer({ provider: "vllm", baseUrl: "http://localhost:8000/v1" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effect(Provider.Provider, make(options))

/**
 * A layer whose options come from configuration. There are no default variables.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = OpenAiCompatible.layerConfig({
 *   provider: "openrouter",
 *   baseUrl: "https://openrouter.ai/api/v1",
 *   apiKey: Config.Redacted("OPENROUTER_API_KEY")
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]: Config.Config<Options[K]> | Options[K] }
): Layer.Layer<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Provider.layerConfig(() => Provider.configOf(configs), layer)()
