/**
 * Azure AI's model inference, the endpoint that serves models of many makers, as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import { nullish, open } from "../internal/open.ts"
import * as Service from "../internal/service.ts"
import * as ChatCompletions from "../protocols/ChatCompletions.ts"
import type * as Provider from "../Provider.ts"
import type * as ProviderError from "../ProviderError.ts"
import { azureAuthorization } from "./authorization.ts"
import type { AzureChunk } from "./AzureChunk.ts"
import * as AzureOpenAi from "./AzureOpenAi.ts"

/**
 * Schema of the request fields of Azure AI's model inference, by their names on the wire. Fields that it does not list
 * are sent as they are and passed through to the model.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzureInferenceOptions = open({
  max_tokens: nullish(Schema.Finite),
  modalities: nullish(Schema.Array(Schema.String)),
  reasoning_effort: nullish(Schema.String),
  response_format: nullish(Schema.Unknown),
  tool_choice: nullish(Schema.Unknown),
  tools: nullish(Schema.Array(Schema.Unknown))
})

/**
 * The request fields of Azure AI's model inference.
 *
 * @category models
 * @since 0.1.0
 */
export type AzureInferenceOptions = typeof AzureInferenceOptions.Type

/**
 * A chat request with the fields of Azure AI's model inference typed.
 *
 * @category models
 * @since 0.1.0
 */
export type AzureInferenceRequest = ChatRequest & {
  readonly options?: { readonly azureInference?: AzureInferenceOptions } | undefined
}

/**
 * Chat completions of Azure AI's model inference.
 *
 * @example
 * ```ts
 * import { AzureInference } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const azure = yield* AzureInference.AzureInference
 *   yield* azure.stream({ model: "DeepSeek-R1", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.reasoning, chunk.content))
 *   )
 * })
 *
 * const runnable = program.pipe(
 *   Effect.provide(AzureInference.layerConfig().pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class AzureInference extends Context.Service<AzureInference, {
  /** Streams one chat completion. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: AzureInferenceRequest) => Stream.Stream<AzureChunk, ProviderError.ProviderError>
}>()("effect-llm-stream/AzureInference") {}

/**
 * Where model inference is and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.Policy {
  /**
   * Address of the endpoint, which `/chat/completions` is added to: `https://{resource}.services.ai.azure.com/models`
   * (where `/models` may be left out), or that of a model deployed on its own.
   */
  readonly endpoint: string
  /** A key of the resource or deployment; sent as `api-key` and, for models deployed on their own, as a bearer token. */
  readonly apiKey?: Redacted.Redacted | undefined
  /**
   * Yields a token of Microsoft Entra ID, which is then used instead of the key. It is run for every attempt, so that
   * it can refresh the token; cache it in the effect.
   */
  readonly token?: Effect.Effect<Redacted.Redacted, ProviderError.Reason> | undefined
  /** Default: `2024-05-01-preview`. */
  readonly apiVersion?: string | undefined
  /** Headers to add to every request. `extra-parameters` is `pass-through` unless it is set here. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
  /** What the model does otherwise. */
  readonly quirks?: Partial<ChatCompletions.RequestQuirks> | undefined
}

/**
 * The protocol of model inference, that of all chat completions at Azure; it decodes recordings without a network, see
 * `Provider.decode`.
 *
 * @example
 * ```ts
 * import { AzureInference, Provider } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Provider.decode(AzureInference.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol: () => Provider.Protocol<AzureChunk> = AzureOpenAi.protocol

/**
 * Makes the service from an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { AzureInference } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const azure = AzureInference.make({
 *   endpoint: "https://my-resource.services.ai.azure.com/models",
 *   apiKey: Redacted.make("…")
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<AzureInference["Service"], never, HttpClient.HttpClient> => {
  const endpoint = Service.trimSlash(options.endpoint).replace(
    /^(https:\/\/[^/]+\.services\.ai\.azure\.com)$/,
    "$1/models"
  )
  const version = encodeURIComponent(options.apiVersion ?? "2024-05-01-preview")
  return ChatCompletions.make({
    ...options,
    protocol: protocol(),
    optionsKey: "azureInference",
    url: () => `${endpoint}/chat/completions?api-version=${version}`,
    quirks: { maxTokensField: "max_tokens", includeUsage: true, ...options.quirks },
    headers: { "extra-parameters": "pass-through", ...options.headers },
    authorization: Effect.map(
      azureAuthorization(options, "pass `apiKey` or `token`, or set AZURE_INFERENCE_CREDENTIAL"),
      (headers) => ({ ...bearerOf(headers["api-key"]), ...headers })
    )
  })
}

const bearerOf = (key: string | Redacted.Redacted | undefined) =>
  Redacted.isRedacted(key) ? { authorization: Redacted.make(`Bearer ${Redacted.value(key)}`) } : undefined

/**
 * A layer with model inference as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AzureInference } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = AzureInference.layer({
 *   endpoint: "https://my-resource.services.ai.azure.com/models",
 *   apiKey: Redacted.make("…"),
 *   model: "grok-4-1-fast-non-reasoning"
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<AzureInference | Provider.Provider, never, HttpClient.HttpClient> =>
  Service.layer(AzureInference, "azure", make(options))

/**
 * A layer whose options come from configuration: by default `AZURE_INFERENCE_ENDPOINT`, which has to be there, and
 * `AZURE_INFERENCE_CREDENTIAL`. A missing key shows as an `Authentication` error when a stream is run.
 *
 * @example
 * ```ts
 * import { AzureInference } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = AzureInference.layerConfig({ model: Config.succeed("DeepSeek-R1") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]?: Config.Config<Options[K]> } = {}
): Layer.Layer<AzureInference | Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(
      Config.all({
        endpoint: Config.String("AZURE_INFERENCE_ENDPOINT"),
        apiKey: Service.optional(Config.Redacted("AZURE_INFERENCE_CREDENTIAL")),
        ...configs
      }),
      layer
    )
  )
