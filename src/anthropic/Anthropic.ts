/**
 * Anthropic's Messages API as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import { once } from "../internal/lazy.ts"
import { trustedChunk } from "../internal/trusted.ts"
import { dialect } from "../protocols/messages/dialect.ts"
import * as Messages from "../protocols/messages/events.ts"
import { plain } from "../protocols/messages/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import { AnthropicChunk } from "./AnthropicChunk.ts"
import type { AnthropicOptions } from "./AnthropicOptions.ts"

const errors = once(() => import("../protocols/messages/errors.ts").then(({ errors }) => errors))

/**
 * Anthropic's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { AnthropicOptions }

/**
 * Anthropic's Messages API.
 *
 * @example
 * ```ts
 * import { Anthropic } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const anthropic = yield* Anthropic.Anthropic
 *   yield* anthropic.stream({ model: "claude-sonnet-4-5", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content))
 *   )
 * })
 *
 * const AnthropicLive = Anthropic.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(AnthropicLive))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Anthropic extends Context.Service<Anthropic, Provider.Service<AnthropicChunk>>()(
  "effect-llm-stream/Anthropic"
) {}

/**
 * The address of Anthropic, or of a host that speaks its format, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.CommonOptions {
  /** Sent as `x-api-key`. Anthropic itself requires one; with another `baseUrl` it is optional. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** With or without `/v1` at its end. Default: `https://api.anthropic.com`. */
  readonly baseUrl?: string | undefined
  /** Sent as `anthropic-version`. Default: `2023-06-01`. */
  readonly version?: string | undefined
  /** Beta features to turn on, sent as `anthropic-beta`. A request can add more with its option `betas`. */
  readonly betas?: ReadonlyArray<string> | undefined
  /** The limit for requests without `maxTokens`, because the API requires one. Default: 4096. */
  readonly maxTokens?: number | undefined
  /** Signs requests instead of `apiKey`: a bearer token, for instance, for Claude at another host. */
  readonly auth?: Auth.Auth | undefined
  /** The name that chunks and errors state. Default: `anthropic`. */
  readonly provider?: string | undefined
}

const defaultBaseUrl = "https://api.anthropic.com"

/**
 * The protocol of Anthropic's Messages API; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (provider = "anthropic"): Protocol.Protocol<AnthropicChunk> =>
  Messages.protocol({
    provider,
    make: (chunk, block) => {
      const made = trustedChunk(AnthropicChunk, "AnthropicChunk", provider, chunk)
      if (block !== undefined) made.block = block
      return made
    },
    errors,
    headers: { limits: /^anthropic-ratelimit-(?<kind>[a-z0-9-]+)-(?<field>limit|remaining|reset)$/ }
  })

/**
 * Anthropic as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { Anthropic, Provider } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const definition = Anthropic.define({ apiKey: Redacted.make("sk-ant-…") })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "claude-haiku-4-5", prompt: "Say hello" }))
 * prepared.url // "https://api.anthropic.com/v1/messages"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<AnthropicChunk> =>
  definitionOf(options, {}, (options) => {
    const { betas, maxTokens, provider, version } = options
    // Anthropic's own tools want it without the version, others with it.
    const baseUrl = String(options.baseUrl ?? defaultBaseUrl).trim().replace(/\/(v1\/?)?$/, "")
    return {
      protocol: protocol(provider),
      format: RequestFormat.lazy(
        "messages",
        plain({ betas, maxTokens }),
        () => import("./messagesFormat.ts").then(({ format }) => format({ betas, maxTokens, provider }))
      ),
      endpoint: Endpoint.path(baseUrl, "/v1/messages"),
      // A proxy may add the key itself.
      auth: options.auth ?? (options.apiKey === undefined && baseUrl !== defaultBaseUrl
        ? Auth.none
        : Auth.header("x-api-key", options.apiKey, "pass `apiKey`, or set ANTHROPIC_API_KEY")),
      dialect: { ...dialect, keys: ["anthropic"] },
      headers: { "anthropic-version": version ?? "2023-06-01" },
      options
    }
  })

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Anthropic["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with Anthropic as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { Anthropic } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = Anthropic.layer({
 *   apiKey: Redacted.make("sk-ant-…"),
 *   model: "claude-sonnet-4-5",
 *   betas: ["context-1m-2025-08-07"]
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Anthropic | Provider.Provider, never, HttpClient.HttpClient> =>
  Provider.layer(Anthropic, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({
    apiKey: Provider.optional(Config.Redacted("ANTHROPIC_API_KEY")),
    baseUrl: Provider.optional(Config.String("ANTHROPIC_BASE_URL")),
    ...configs
  })

/**
 * A layer whose options come from configuration: by default `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL`. If the key is
 * missing, streams fail with `Authentication`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
