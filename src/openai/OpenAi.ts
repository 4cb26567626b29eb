/**
 * OpenAI's chat completions as a service.
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
import * as Provider from "../Provider.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as ChatCompletions from "./ChatCompletions.ts"
import { OpenAiChunk } from "./OpenAiChunk.ts"

/**
 * Schema of OpenAI's own request fields, by their names on the wire; fields that it does not list are sent as they are.
 *
 * See the request body of `POST /v1/chat/completions`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OpenAiOptions = open({
  audio: nullish(Schema.Struct({ format: Schema.String, voice: Schema.String })),
  logit_bias: nullish(Schema.Record(Schema.String, Schema.Finite)),
  logprobs: nullish(Schema.Boolean),
  top_logprobs: nullish(Schema.Finite),
  max_completion_tokens: nullish(Schema.Finite),
  max_tokens: nullish(Schema.Finite),
  metadata: nullish(Schema.Record(Schema.String, Schema.String)),
  modalities: nullish(Schema.Array(Schema.String)),
  n: nullish(Schema.Finite),
  parallel_tool_calls: nullish(Schema.Boolean),
  prediction: nullish(Schema.Unknown),
  prompt_cache_key: nullish(Schema.String),
  prompt_cache_retention: nullish(Schema.String),
  reasoning_effort: nullish(Schema.String),
  response_format: nullish(Schema.Unknown),
  safety_identifier: nullish(Schema.String),
  service_tier: nullish(Schema.String),
  store: nullish(Schema.Boolean),
  stream_options: nullish(open({ include_obfuscation: nullish(Schema.Boolean) })),
  tool_choice: nullish(Schema.Unknown),
  tools: nullish(Schema.Array(Schema.Unknown)),
  user: nullish(Schema.String),
  verbosity: nullish(Schema.String),
  web_search_options: nullish(Schema.Unknown)
})

/**
 * OpenAI's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type OpenAiOptions = typeof OpenAiOptions.Type

/**
 * A chat request with OpenAI's own fields typed.
 *
 * @category models
 * @since 0.1.0
 */
export type OpenAiRequest = ChatRequest & {
  readonly options?: { readonly openai?: OpenAiOptions }
}

/**
 * OpenAI's chat completions.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Config, Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* OpenAi.OpenAi
 *   yield* openai.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content))
 *   )
 * })
 *
 * const OpenAiLive = OpenAi.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(OpenAiLive))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class OpenAi extends Context.Service<OpenAi, {
  /** Streams one chat completion. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: OpenAiRequest) => Stream.Stream<OpenAiChunk, ProviderError.ProviderError>
}>()("effect-llm-stream/OpenAi") {}

/**
 * Where OpenAI, or a host that speaks its format, is and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.Policy {
  /** Needed by OpenAI itself; hosts with another `baseUrl` may do without. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Default: `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  /** Sent as `OpenAI-Organization`. */
  readonly organization?: string | undefined
  /** Sent as `OpenAI-Project`. */
  readonly project?: string | undefined
  /** Headers to add to every request. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
  /** The name that chunks and errors state. Default: `openai`. */
  readonly provider?: string | undefined
  /** What the host does otherwise than OpenAI. */
  readonly quirks?: Partial<ChatCompletions.RequestQuirks> | undefined
}

const defaultBaseUrl = "https://api.openai.com/v1"

const defaultQuirks: ChatCompletions.RequestQuirks = { maxTokensField: "max_completion_tokens", includeUsage: true }

/**
 * The protocol of OpenAI's chat completions; it decodes recordings without a network, see `Provider.decode`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (provider = "openai"): Provider.Protocol<OpenAiChunk> =>
  ChatCompletions.protocol({
    provider,
    payload: ChatCompletions.Payload,
    make: (chunk) => trusted(OpenAiChunk, { provider, chunk }),
    errors: ChatCompletions.errors
  })

/**
 * Makes the service from an HTTP client in the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<OpenAi["Service"], never, HttpClient.HttpClient> {
  const client = yield* Service.client
  const baseUrl = (options.baseUrl ?? defaultBaseUrl).replace(/\/+$/, "")
  const headers: Service.Headers = {
    ...(options.organization === undefined ? undefined : { "openai-organization": options.organization }),
    ...(options.project === undefined ? undefined : { "openai-project": options.project }),
    ...options.headers
  }
  const credential = options.apiKey === undefined && baseUrl !== defaultBaseUrl
    ? undefined
    : Service.credential(options.apiKey, "pass `apiKey`, or set OPENAI_API_KEY")
  const quirks = { ...defaultQuirks, ...options.quirks }
  return {
    stream: Service.streamJson({
      client,
      protocol: protocol(options.provider),
      policy: options,
      optionsKey: "openai",
      defaultModel: options.model,
      encode: (request, model, fields) => ChatCompletions.encodeRequest(request, model, fields, quirks),
      send: Effect.fnUntraced(function*(body) {
        const request = (yield* Service.postJson(`${baseUrl}/chat/completions`, body)).pipe(
          HttpClientRequest.accept("text/event-stream"),
          Service.setHeaders(headers)
        )
        return credential === undefined
          ? request
          : HttpClientRequest.bearerToken(request, yield* Effect.fromResult(credential))
      }),
      secrets: Service.secrets(options.apiKey, headers)
    })
  }
})

/**
 * A layer with OpenAI as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = OpenAi.layer({ apiKey: Redacted.make("sk-…"), model: "gpt-4o-mini", idleTimeout: "30 seconds" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<OpenAi | Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (openai) =>
      Context.make(OpenAi, openai).pipe(
        Context.add(Provider.Provider, { name: options.provider ?? "openai", stream: openai.stream })
      ))
  )

/**
 * A layer whose options come from configuration: by default `OPENAI_API_KEY` and `OPENAI_BASE_URL`. A missing key shows
 * as an `Authentication` error when a stream is run.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]?: Config.Config<Options[K]> } = {}
): Layer.Layer<OpenAi | Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.map(
      Config.all({
        apiKey: Service.optional(Config.Redacted("OPENAI_API_KEY")),
        baseUrl: Service.optional(Config.String("OPENAI_BASE_URL")),
        ...configs
      }),
      layer
    )
  )
