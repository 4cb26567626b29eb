/**
 * Azure AI's model inference, the endpoint for models of many makers, as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import type { RequestQuirks } from "../protocols/chatCompletions/dialects.ts"
import { plain } from "../protocols/chatCompletions/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import * as AzureAuth from "./auth.ts"
import type { AzureChunk } from "./AzureChunk.ts"
import type { AzureInferenceOptions } from "./AzureInferenceOptions.ts"
import * as AzureOpenAi from "./AzureOpenAi.ts"

/**
 * Request fields that only Azure AI's model inference has.
 *
 * @category models
 * @since 0.1.0
 */
export type { AzureInferenceOptions }

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
export class AzureInference extends Context.Service<AzureInference, Provider.Service<AzureChunk>>()(
  "effect-llm-stream/AzureInference"
) {}

/**
 * The address of model inference, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends AzureAuth.Options {
  /**
   * Address to which `/chat/completions` is added: `https://{resource}.services.ai.azure.com/models` (`/models` is
   * optional), or the address of a model that is deployed on its own.
   */
  readonly endpoint: string
  /** A key of the resource or deployment; sent as `api-key` and, for models deployed on their own, as a bearer token. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Default: `2024-05-01-preview`. */
  readonly apiVersion?: string | undefined
  /** Headers to add to every request. `extra-parameters` is `pass-through` unless it is set here. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** How the model differs. */
  readonly quirks?: Partial<RequestQuirks> | undefined
}

/**
 * The protocol of model inference, that of all chat completions at Azure; it decodes recordings without a network, see
 * `Protocol.decode`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol: () => Protocol.Protocol<AzureChunk> = AzureOpenAi.protocol

/**
 * Azure AI Inference as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { AzureInference, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = AzureInference.define({ endpoint: "https://mine.services.ai.azure.com" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "Phi-4", prompt: "Say hello" }))
 * prepared.url // "https://mine.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<AzureChunk> =>
  definitionOf(options, { endpoint: "" }, (options) => {
    const endpoint = String(options.endpoint).trim().replace(/(?<!\/)\/+$/, "").replace(
      /^(https:\/\/[^/]+\.services\.ai\.azure\.com)$/,
      "$1/models"
    )
    return {
      protocol: protocol(),
      format: RequestFormat.lazy(
        "chat-completions",
        plain({ maxTokensField: "max_tokens", includeUsage: true, ...options.quirks }),
        () => import("./inferenceFormat.ts").then(({ format }) => format(options.quirks))
      ),
      endpoint: Endpoint.withInfo(
        () =>
          Endpoint.join(endpoint, "/chat/completions", { "api-version": options.apiVersion ?? "2024-05-01-preview" }),
        { deploymentType: options.deploymentType }
      ),
      auth: AzureAuth.both(options, "pass `apiKey` or `token`, or set AZURE_INFERENCE_CREDENTIAL"),
      dialect: { keys: ["azureInference"] },
      telemetryName: "azure.ai.inference",
      headers: { "extra-parameters": "pass-through" },
      options
    }
  })

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<AzureInference["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

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
  Provider.layer(AzureInference, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({
    endpoint: Config.String("AZURE_INFERENCE_ENDPOINT"),
    apiKey: Provider.optional(Config.Redacted("AZURE_INFERENCE_CREDENTIAL")),
    ...configs
  })

/**
 * A layer whose options come from configuration: by default `AZURE_INFERENCE_ENDPOINT`, which is required, and
 * `AZURE_INFERENCE_CREDENTIAL`. If the key is missing, streams fail with `Authentication`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
