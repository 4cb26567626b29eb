/**
 * Groq's chat completions as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import * as Endpoint from "../Endpoint.ts"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import type { Table } from "../errors/classify.ts"
import { trustedChunk } from "../internal/trusted.ts"
import { errors as chatErrors } from "../protocols/chatCompletions/errors.ts"
import * as ChatCompletions from "../protocols/chatCompletions/events.ts"
import { plain } from "../protocols/chatCompletions/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import { GroqChunk } from "./GroqChunk.ts"
import type { GroqOptions } from "./GroqOptions.ts"
import { GroqPayload } from "./GroqPayload.ts"

/**
 * Groq's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { GroqOptions }

/**
 * Groq's chat completions.
 *
 * @example
 * ```ts
 * import { Groq } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const groq = yield* Groq.Groq
 *   yield* groq.stream({
 *     model: "openai/gpt-oss-20b",
 *     prompt: "Say hello",
 *     options: { groq: { reasoning_effort: "low" } }
 *   }).pipe(Stream.runForEach((chunk) => Console.log(chunk.reasoning, chunk.content)))
 * })
 *
 * const runnable = program.pipe(Effect.provide(Groq.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Groq extends Context.Service<Groq, Provider.Service<GroqChunk>>()(
  "effect-llm-stream/Groq"
) {}

/**
 * How to talk to Groq.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Provider.CommonOptions {
  readonly apiKey?: Redacted.Redacted | undefined
  /** Default: `https://api.groq.com/openai/v1`. */
  readonly baseUrl?: string | undefined
}

const { rate_limit_exceeded: _, ...codes } = chatErrors.codes

/**
 * Groq's errors, by its error reference.
 *
 * @category errors
 * @since 0.1.0
 */
export const errors: Table = {
  ...chatErrors,
  codes: {
    ...codes,
    tool_use_failed: "ToolUseFailed",
    json_validate_failed: "ToolUseFailed",
    capacity_exceeded: "Overloaded",
    over_capacity: "Overloaded",
    internal_server_error: "ServerError"
  },
  statuses: { 498: "Overloaded" },
  // Groq uses this code for 429, which is worth a retry, and for 413, when a request is larger than the limit ever is.
  statusOfCode: { rate_limit_exceeded: 429 }
}

/**
 * The protocol of Groq's chat completions; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Protocol.Protocol<GroqChunk> =>
  ChatCompletions.protocol({
    provider: "groq",
    payload: GroqPayload,
    make: (chunk) => trustedChunk(GroqChunk, "GroqChunk", "groq", chunk),
    errors,
    stated: ({ x_groq }) => x_groq?.error ? x_groq : undefined
  })

/**
 * Groq as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { Groq, Provider } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const definition = Groq.define({ apiKey: Redacted.make("gsk_…") })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "llama-3.3-70b-versatile", prompt: "Say hello" }))
 * prepared.url // "https://api.groq.com/openai/v1/chat/completions"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<GroqChunk> =>
  definitionOf(options, {}, (options) => ({
    protocol: protocol(),
    format: RequestFormat.lazy(
      "chat-completions",
      plain({ maxTokensField: "max_completion_tokens", includeUsage: true }),
      () => import("./chatFormat.ts").then(({ format }) => format)
    ),
    endpoint: Endpoint.path(options.baseUrl ?? "https://api.groq.com/openai/v1", "/chat/completions"),
    auth: Auth.bearer(options.apiKey, "pass `apiKey`, or set GROQ_API_KEY"),
    dialect: {
      tools: {
        prefix: "groq",
        fields: (tools) => ({ tools: tools.map(({ args, type }) => ({ type, ...args })) })
      }
    },
    options
  }))

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Groq["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with Groq as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { Groq } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = Groq.layer({ apiKey: Redacted.make("gsk_…"), model: "llama-3.1-8b-instant" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Groq | Provider.Provider, never, HttpClient.HttpClient> =>
  Provider.layer(Groq, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({
    apiKey: Provider.optional(Config.Redacted("GROQ_API_KEY")),
    baseUrl: Provider.optional(Config.String("GROQ_BASE_URL")),
    ...configs
  })

/**
 * A layer whose options come from configuration: by default `GROQ_API_KEY` and `GROQ_BASE_URL`. If the key is missing,
 * streams fail with `Authentication`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
