/**
 * The Responses API of Azure OpenAI as a service.
 *
 * @since 0.2.0
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import { once } from "../internal/lazy.ts"
import { trustedChunk } from "../internal/trusted.ts"
import { dialect } from "../protocols/responses/dialect.ts"
import * as ResponsesEvents from "../protocols/responses/events.ts"
import { setContext } from "../protocols/responses/memory.ts"
import { plain } from "../protocols/responses/plain.ts"
import * as Responses from "../protocols/responses/service.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import * as AzureAuth from "./auth.ts"
import { AzureResponsesChunk } from "./AzureResponsesChunk.ts"
import * as AzureHost from "./host.ts"

const errors = once(() => import("./errors.ts").then(({ errors }) => errors))

/**
 * The Responses API of Azure OpenAI.
 *
 * @example
 * ```ts
 * import { AzureResponses } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const azure = yield* AzureResponses.AzureResponses
 *   yield* azure.stream({ model: "my-gpt-5-deployment", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content, chunk.contentFilters))
 *   )
 * })
 *
 * const runnable = program.pipe(
 *   Effect.provide(AzureResponses.layerConfig().pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class AzureResponses extends Context.Service<AzureResponses, Responses.Service<AzureResponsesChunk>>()(
  "effect-llm-stream/AzureResponses"
) {}

/**
 * The address of an Azure OpenAI resource, and how to talk to it.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options extends AzureAuth.Options {
  /** Address of the resource: `https://{resource}.openai.azure.com`, with or without `/openai/v1`. */
  readonly endpoint: string
  /** A dated version (`2025-04-01-preview`): requests then go to `/openai/responses`. Default: none, `/openai/v1`. */
  readonly apiVersion?: string | undefined
  /** The deployment of all requests. Default: the one that the request names as its `model`. */
  readonly deployment?: string | undefined
}

/**
 * The protocol of the Responses API at Azure; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @category decoding
 * @since 0.2.0
 */
export const protocol = (): ResponsesEvents.ResponsesProtocol<AzureResponsesChunk> =>
  ResponsesEvents.protocol({
    provider: "azure",
    make: (chunk, context, { deploymentType, model, region }) => {
      const made = trustedChunk(AzureResponsesChunk, "AzureResponsesChunk", "azure", chunk)
      setContext(made, context)
      if (region !== undefined) made.region = region
      if (model !== undefined) made.requestedModel = model
      if (deploymentType !== undefined) made.deploymentType = deploymentType
      return made
    },
    errors,
    headers: AzureHost.headers
  })

/**
 * Azure OpenAI as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { AzureResponses, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = AzureResponses.define({ endpoint: "https://mine.openai.azure.com" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "gpt-5", prompt: "Say hello" }))
 * prepared.url // "https://mine.openai.azure.com/openai/v1/responses"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Responses.Definition<AzureResponsesChunk> =>
  definitionOf(options, { endpoint: "" }, (options) => {
    const { apiVersion, deployment } = options
    const resource = String(options.endpoint).trim().replace(/\/(openai(\/v1)?\/?)?$/, "")
    const path = apiVersion !== undefined && /^\d/.test(apiVersion) ? "/openai/responses" : "/openai/v1/responses"
    const query = apiVersion === undefined ? {} : { "api-version": apiVersion }
    return {
      protocol: protocol(),
      format: RequestFormat.lazy(
        "responses",
        (request, model) => plain(request, deployment ?? model),
        () =>
          import("./responsesFormat.ts").then(({ format }) => ({
            ...format,
            encode: (request, model) => format.encode(request, deployment ?? model)
          }))
      ),
      endpoint: Endpoint.withInfo(
        () => Endpoint.join(resource, path, query),
        { deploymentType: options.deploymentType }
      ),
      auth: AzureAuth.auth(options, "pass `apiKey` or `token`, or set AZURE_OPENAI_API_KEY"),
      dialect,
      telemetryName: "azure.ai.openai",
      options: { ...options, model: options.model ?? deployment }
    }
  })

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: Options): Effect.Effect<AzureResponses["Service"], never, HttpClient.HttpClient> =>
  Responses.make(define(options))

/**
 * A layer with Azure OpenAI as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AzureResponses } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = AzureResponses.layer({
 *   endpoint: "https://my-resource.openai.azure.com",
 *   apiKey: Redacted.make("…"),
 *   apiVersion: "2025-04-01-preview",
 *   deployment: "my-gpt-5-deployment"
 * })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: Options
): Layer.Layer<AzureResponses | Provider.Provider, never, HttpClient.HttpClient> =>
  Responses.layer(AzureResponses, define(options))

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
 * @since 0.2.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
