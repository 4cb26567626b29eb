/**
 * Anthropic's Messages API as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import { nullish, open } from "../internal/open.ts"
import * as Service from "../internal/service.ts"
import { trusted } from "../internal/trusted.ts"
import * as Messages from "../protocols/Messages.ts"
import * as Provider from "../Provider.ts"
import type * as ProviderError from "../ProviderError.ts"
import { AnthropicChunk } from "./AnthropicChunk.ts"

/**
 * Schema of Anthropic's own request fields, by their names on the wire; fields that it does not list are sent as they
 * are. `betas` is the exception: it is sent as the header `anthropic-beta`, added to those of the layer.
 *
 * See the request body of `POST /v1/messages`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnthropicOptions = open({
  betas: nullish(Schema.Array(Schema.String)),
  cache_control: nullish(open({ type: Schema.String, ttl: nullish(Schema.String) })),
  container: nullish(Schema.Unknown),
  context_management: nullish(Schema.Unknown),
  inference_geo: nullish(Schema.String),
  max_tokens: nullish(Schema.Finite),
  mcp_servers: nullish(Schema.Array(Schema.Unknown)),
  metadata: nullish(open({ user_id: nullish(Schema.String) })),
  output_config: nullish(open({ effort: nullish(Schema.String), format: nullish(Schema.Unknown) })),
  service_tier: nullish(Schema.String),
  speed: nullish(Schema.String),
  system: nullish(Schema.Union([Schema.String, Schema.Array(Schema.Unknown)])),
  thinking: nullish(open({
    type: Schema.String,
    budget_tokens: nullish(Schema.Finite),
    display: nullish(Schema.String)
  })),
  tool_choice: nullish(Schema.Unknown),
  tools: nullish(Schema.Array(Schema.Unknown)),
  top_k: nullish(Schema.Finite)
})

/**
 * Anthropic's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type AnthropicOptions = typeof AnthropicOptions.Type

/**
 * A chat request with Anthropic's own fields typed.
 *
 * @category models
 * @since 0.1.0
 */
export type AnthropicRequest = ChatRequest & {
  readonly options?: { readonly anthropic?: AnthropicOptions } | undefined
}

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
export class Anthropic extends Context.Service<Anthropic, {
  /** Streams one message. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: AnthropicRequest) => Stream.Stream<AnthropicChunk, ProviderError.ProviderError>
}>()("effect-llm-stream/Anthropic") {}

/**
 * Where Anthropic, or a host that speaks its format, is and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.Policy {
  /** Sent as `x-api-key`. Needed by Anthropic itself; hosts with another `baseUrl` may do without. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** With or without `/v1` at its end. Default: `https://api.anthropic.com`. */
  readonly baseUrl?: string | undefined
  /** Sent as `anthropic-version`. Default: `2023-06-01`. */
  readonly version?: string | undefined
  /** Beta features to turn on, sent as `anthropic-beta`; a request can add to them with its option `betas`. */
  readonly betas?: ReadonlyArray<string> | undefined
  /** Headers to add to every request. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
  /** The `maxTokens` of requests that state none: the API requires a limit. Default: 4096. */
  readonly maxTokens?: number | undefined
  /** The name that chunks and errors state. Default: `anthropic`. */
  readonly provider?: string | undefined
}

const defaultBaseUrl = "https://api.anthropic.com"

/**
 * The protocol of Anthropic's Messages API; it decodes recordings without a network, see `Provider.decode`.
 *
 * @example
 * ```ts
 * import { Anthropic, Provider } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Provider.decode(Anthropic.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (provider = "anthropic"): Provider.Protocol<AnthropicChunk> =>
  Messages.protocol({
    provider,
    make: (chunk, block) =>
      trusted(AnthropicChunk, block === undefined ? { provider, chunk } : { provider, chunk, block }),
    errors: Messages.errors
  })

/**
 * Makes the service from an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { Anthropic } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const anthropic = yield* Anthropic.make({ apiKey: Redacted.make("sk-ant-…") })
 *   return anthropic.stream({ model: "claude-sonnet-4-5", prompt: "Say hello" })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Anthropic["Service"], never, HttpClient.HttpClient> {
  const client = yield* Service.client
  const baseUrl = Service.trimSlash(options.baseUrl ?? defaultBaseUrl).replace(/\/v1$/, "")
  const headers: Service.Headers = options.headers ?? {}
  const credential = options.apiKey === undefined && baseUrl !== defaultBaseUrl
    ? undefined
    : Service.credential(options.apiKey, "pass `apiKey`, or set ANTHROPIC_API_KEY")
  const betas = options.betas ?? []
  return {
    stream: Service.streamJson({
      client,
      protocol: protocol(options.provider),
      policy: options,
      optionsKey: "anthropic",
      defaultModel: options.model,
      encode: (request, model, fields) => Messages.encodeRequest(request, model, fields, options.maxTokens ?? 4096),
      send: Effect.fnUntraced(function*({ betas: requested, ...body }) {
        const all = [...betas, ...(Array.isArray(requested) ? requested : [])]
        return (yield* Service.postJson(`${baseUrl}/v1/messages`, body)).pipe(
          HttpClientRequest.accept("text/event-stream"),
          Service.setHeaders({
            "anthropic-version": options.version ?? "2023-06-01",
            ...(all.length === 0 ? undefined : { "anthropic-beta": all.join(",") }),
            ...(credential === undefined ? undefined : { "x-api-key": yield* Effect.fromResult(credential) }),
            ...headers
          })
        )
      }),
      secrets: Service.secrets(options.apiKey, headers)
    })
  }
})

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
  Service.layer(Anthropic, options.provider ?? "anthropic", make(options))

/**
 * A layer whose options come from configuration: by default `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL`. A missing key
 * shows as an `Authentication` error when a stream is run.
 *
 * @example
 * ```ts
 * import { Anthropic } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = Anthropic.layerConfig({ model: Config.String("CLAUDE_MODEL") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]?: Config.Config<Options[K]> } = {}
): Layer.Layer<Anthropic | Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(
      Config.all({
        apiKey: Service.optional(Config.Redacted("ANTHROPIC_API_KEY")),
        baseUrl: Service.optional(Config.String("ANTHROPIC_BASE_URL")),
        ...configs
      }),
      layer
    )
  )
