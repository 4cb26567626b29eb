/**
 * Azure OpenAI's chat completions as a service.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import type { Table } from "../errors/classify.ts"
import * as ProviderError from "../errors/providerError.ts"
import { trustedChunk } from "../internal/trusted.ts"
import type { RequestQuirks } from "../protocols/chatCompletions/dialects.ts"
import * as ChatCompletions from "../protocols/chatCompletions/events.ts"
import { plain } from "../protocols/chatCompletions/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import * as AzureAuth from "./auth.ts"
import { AzureChunk } from "./AzureChunk.ts"
import type { AzureOpenAiOptions } from "./AzureOpenAiOptions.ts"
import { AzurePayload } from "./AzurePayload.ts"
import { errors as azureErrors } from "./errors.ts"
import * as AzureHost from "./host.ts"

/**
 * Azure OpenAI's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { AzureOpenAiOptions }

/**
 * Azure OpenAI's chat completions.
 *
 * @example
 * ```ts
 * import { AzureOpenAi } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const azure = yield* AzureOpenAi.AzureOpenAi
 *   yield* azure.stream({ model: "my-gpt-4o-deployment", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content, chunk.contentFilterResults))
 *   )
 * })
 *
 * const runnable = program.pipe(
 *   Effect.provide(AzureOpenAi.layerConfig().pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class AzureOpenAi extends Context.Service<AzureOpenAi, Provider.Service<AzureChunk>>()(
  "effect-llm-stream/AzureOpenAi"
) {}

/**
 * The address of an Azure OpenAI resource, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends AzureAuth.Options {
  /** Address of the resource: `https://{resource}.openai.azure.com`, with or without `/openai/v1`. */
  readonly endpoint: string
  /**
   * A dated version (`2024-10-21`): requests then go to the deployment's own URL. Default: none, requests go to
   * `/openai/v1`.
   */
  readonly apiVersion?: string | undefined
  /** The deployment of all requests. Default: the one that the request names as its `model`. */
  readonly deployment?: string | undefined
  /** How the API version differs. Default: decided by `apiVersion`. */
  readonly quirks?: Partial<RequestQuirks> | undefined
}

/**
 * Azure's errors: those of OpenAI and of its own gateway and content filter.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: Table = azureErrors

/**
 * The response headers of Azure: the id of the request, and the display name of the region (`East US 2`), which differs
 * from its name (`eastus2`) in case and spaces.
 *
 * @category decoding
 * @since 0.2.0
 */
export const headers: Protocol.ResponseHeaders = AzureHost.headers

/**
 * The protocol of chat completions at Azure; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Protocol.Protocol<AzureChunk> =>
  ChatCompletions.protocol({
    provider: "azure",
    payload: AzurePayload,
    make: (chunk, { deploymentType, model, region }) => {
      const made = trustedChunk(AzureChunk, "AzureChunk", "azure", chunk)
      if (region !== undefined) made.region = region
      if (model !== undefined) made.requestedModel = model
      if (deploymentType !== undefined) made.deploymentType = deploymentType
      return made
    },
    errors,
    headers
  })

/**
 * Azure OpenAI as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { AzureOpenAi, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = AzureOpenAi.define({ endpoint: "https://mine.openai.azure.com" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "gpt-4o", prompt: "Say hello" }))
 * prepared.url // "https://mine.openai.azure.com/openai/v1/chat/completions"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<AzureChunk> =>
  definitionOf(options, { endpoint: "" }, (options) => {
    const { apiVersion, deployment, quirks } = options
    const resource = String(options.endpoint).trim().replace(/\/(openai(\/v1)?\/?)?$/, "")
    const isDated = apiVersion !== undefined && /^\d/.test(apiVersion)
    // Versions are dates, which sort as text.
    const isRecent = !isDated || apiVersion >= "2024-09-01"
    const query = apiVersion === undefined ? {} : { "api-version": apiVersion }
    const bodyModel = (model: string) => isDated ? undefined : deployment ?? model
    return {
      protocol: protocol(),
      format: RequestFormat.lazy(
        "chat-completions",
        plain({
          maxTokensField: isRecent ? "max_completion_tokens" : "max_tokens",
          includeUsage: isRecent,
          bodyModel,
          ...quirks
        }),
        () => import("./chatFormat.ts").then(({ format }) => format({ bodyModel, isRecent, quirks }))
      ),
      endpoint: Endpoint.withInfo(
        isDated
          ? (model) => deploymentEndpoint(resource, deployment ?? model, query)
          : () => Endpoint.join(resource, "/openai/v1/chat/completions", query),
        { deploymentType: options.deploymentType }
      ),
      auth: AzureAuth.auth(options, "pass `apiKey` or `token`, or set AZURE_OPENAI_API_KEY"),
      dialect: { strict: true },
      telemetryName: "azure.ai.openai",
      options: { ...options, model: options.model ?? deployment }
    }
  })

const deploymentEndpoint = (
  resource: string,
  deployment: string,
  query: Readonly<Record<string, string>>
): ReturnType<Endpoint.Endpoint> =>
  // As path segments, these would send the request and the key to another address.
  deployment === "." || deployment === ".."
    ? Result.fail(
      new ProviderError.InvalidRequest({
        message: `There is no deployment with the name ${JSON.stringify(deployment)}`
      })
    )
    : Endpoint.join(resource, `/openai/deployments/${encodeURIComponent(deployment)}/chat/completions`, query)

/**
 * The service without its layer, see `Provider.make`.
 *
 * @example
 * ```ts
 * import { AzureOpenAi, ProviderError } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * // For instance `DefaultAzureCredential` of `@azure/identity`, which caches and refreshes.
 * declare const credential: { readonly getToken: (scope: string) => Promise<{ readonly token: string }> }
 *
 * const azure = AzureOpenAi.make({
 *   endpoint: "https://my-resource.openai.azure.com",
 *   token: Effect.tryPromise({
 *     try: () => credential.getToken("https://cognitiveservices.azure.com/.default"),
 *     catch: () => new ProviderError.Authentication({ message: "No token of Microsoft Entra ID" })
 *   }).pipe(Effect.map(({ token }) => Redacted.make(token)))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<AzureOpenAi["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with Azure OpenAI as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AzureOpenAi } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = AzureOpenAi.layer({
 *   endpoint: "https://my-resource.openai.azure.com",
 *   apiKey: Redacted.make("…"),
 *   apiVersion: "2024-10-21",
 *   deployment: "my-gpt-4o-deployment"
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<AzureOpenAi | Provider.Provider, never, HttpClient.HttpClient> =>
  Provider.layer(AzureOpenAi, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({ ...AzureHost.configs(), ...configs })

/**
 * A layer whose options come from configuration: by default `AZURE_OPENAI_ENDPOINT`, which is required, and
 * `AZURE_OPENAI_API_KEY`, `AZURE_OPENAI_API_VERSION`, `AZURE_OPENAI_DEPLOYMENT`. If the key is missing,
 * streams fail with `Authentication`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
