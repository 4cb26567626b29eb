/**
 * Azure OpenAI's chat completions as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import { nullish, open } from "../internal/open.ts"
import * as Service from "../internal/service.ts"
import { trusted } from "../internal/trusted.ts"
import { OpenAiOptions } from "../openai/OpenAi.ts"
import * as ChatCompletions from "../protocols/ChatCompletions.ts"
import type * as Provider from "../Provider.ts"
import type * as ProviderError from "../ProviderError.ts"
import { azureAuthorization } from "./authorization.ts"
import { AzureChunk, AzurePayload } from "./AzureChunk.ts"

/**
 * Schema of Azure OpenAI's own request fields, by their names on the wire: those of OpenAI, and Azure's extensions.
 * Fields that it does not list are sent as they are.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzureOpenAiOptions = open({
  ...OpenAiOptions.schema.fields,
  /** "On your data": where to look for the answer. */
  data_sources: nullish(Schema.Array(Schema.Unknown)),
  user_security_context: nullish(Schema.Unknown)
})

/**
 * Azure OpenAI's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type AzureOpenAiOptions = typeof AzureOpenAiOptions.Type

/**
 * A chat request with Azure OpenAI's own fields typed. `model` is the name of the deployment, unless the layer has one.
 *
 * @category models
 * @since 0.1.0
 */
export type AzureOpenAiRequest = ChatRequest & {
  readonly options?: { readonly azure?: AzureOpenAiOptions } | undefined
}

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
export class AzureOpenAi extends Context.Service<AzureOpenAi, {
  /** Streams one chat completion. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: AzureOpenAiRequest) => Stream.Stream<AzureChunk, ProviderError.ProviderError>
}>()("effect-llm-stream/AzureOpenAi") {}

/**
 * Where an Azure OpenAI resource is and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.Policy {
  /** Address of the resource: `https://{resource}.openai.azure.com`, with or without `/openai/v1`. */
  readonly endpoint: string
  /** A key of the resource, sent as `api-key`. */
  readonly apiKey?: Redacted.Redacted | undefined
  /**
   * Yields a token of Microsoft Entra ID, which is then used instead of the key. It is run for every attempt, so that
   * it can refresh the token; cache it in the effect.
   */
  readonly token?: Effect.Effect<Redacted.Redacted, ProviderError.Reason> | undefined
  /**
   * A dated version (`2024-10-21`): requests then go to the deployment's own URL. Default: none, requests go to
   * `/openai/v1`.
   */
  readonly apiVersion?: string | undefined
  /** The deployment of all requests. Default: the one that the request names as its `model`. */
  readonly deployment?: string | undefined
  /** Headers to add to every request. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
  /** What the API version does otherwise. Default: by `apiVersion`. */
  readonly quirks?: Partial<ChatCompletions.RequestQuirks> | undefined
}

/**
 * Azure's errors: those of OpenAI and of its own gateway and content filter.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: ProviderError.Table = {
  ...ChatCompletions.errors,
  codes: {
    ...ChatCompletions.errors.codes,
    DeploymentNotFound: "NotFound",
    RateLimitReached: "RateLimited",
    ResponsibleAIPolicyViolation: "ContentFiltered"
  },
  messages: [
    ...(ChatCompletions.errors.messages ?? []),
    [/triggering .*content management policy/i, "ContentFiltered"]
  ]
}

/**
 * The protocol of chat completions at Azure; it decodes recordings without a network, see `Provider.decode`.
 *
 * @example
 * ```ts
 * import { AzureOpenAi, Provider } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Provider.decode(AzureOpenAi.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Provider.Protocol<AzureChunk> =>
  ChatCompletions.protocol({
    provider: "azure",
    payload: AzurePayload,
    make: (chunk, { model, region }) =>
      trusted(AzureChunk, {
        provider: "azure",
        chunk,
        ...(region === undefined ? undefined : { region }),
        ...(model === undefined ? undefined : { requestedModel: model })
      }),
    errors
  })

/**
 * Makes the service from an HTTP client in the context.
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
export const make = (options: Options): Effect.Effect<AzureOpenAi["Service"], never, HttpClient.HttpClient> => {
  const { apiVersion, deployment } = options
  const resource = Service.trimSlash(options.endpoint).replace(/\/openai(\/v1)?$/, "")
  const query = apiVersion === undefined ? "" : `?api-version=${encodeURIComponent(apiVersion)}`
  const isDated = apiVersion !== undefined && /^\d/.test(apiVersion)
  // Versions are dates, which sort as text.
  const isRecent = !isDated || apiVersion >= "2024-09-01"
  return ChatCompletions.make({
    ...options,
    model: options.model ?? deployment,
    protocol: protocol(),
    url: (model) =>
      isDated
        ? `${resource}/openai/deployments/${encodeURIComponent(deployment ?? model)}/chat/completions${query}`
        : `${resource}/openai/v1/chat/completions${query}`,
    bodyModel: (model) => isDated ? undefined : deployment ?? model,
    quirks: {
      maxTokensField: isRecent ? "max_completion_tokens" : "max_tokens",
      includeUsage: isRecent,
      ...options.quirks
    },
    authorization: azureAuthorization(options, "pass `apiKey` or `token`, or set AZURE_OPENAI_API_KEY")
  })
}

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
export const layer = (
  options: Options
): Layer.Layer<AzureOpenAi | Provider.Provider, never, HttpClient.HttpClient> =>
  Service.layer(AzureOpenAi, "azure", make(options))

/**
 * A layer whose options come from configuration: by default `AZURE_OPENAI_ENDPOINT`, which has to be there, and
 * `AZURE_OPENAI_API_KEY`, `AZURE_OPENAI_API_VERSION`, `AZURE_OPENAI_DEPLOYMENT`. A missing key shows as an
 * `Authentication` error when a stream is run.
 *
 * @example
 * ```ts
 * import { AzureOpenAi } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = AzureOpenAi.layerConfig({ deployment: Config.String("CHAT_DEPLOYMENT") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]?: Config.Config<Options[K]> } = {}
): Layer.Layer<AzureOpenAi | Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(
      Config.all({
        endpoint: Config.String("AZURE_OPENAI_ENDPOINT"),
        apiKey: Service.optional(Config.Redacted("AZURE_OPENAI_API_KEY")),
        apiVersion: Service.optional(Config.String("AZURE_OPENAI_API_VERSION")),
        deployment: Service.optional(Config.String("AZURE_OPENAI_DEPLOYMENT")),
        ...configs
      }),
      layer
    )
  )
