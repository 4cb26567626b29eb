/**
 * OpenAI's Responses API as a service.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
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
import * as Host from "./host.ts"
import { OpenAiResponsesChunk } from "./OpenAiResponsesChunk.ts"
import type { OpenAiResponsesOptions } from "./OpenAiResponsesOptions.ts"

const errors = once(() => import("../protocols/responses/errors.ts").then(({ errors }) => errors))

/**
 * The own request fields of OpenAI's Responses API.
 *
 * @category models
 * @since 0.2.0
 */
export type { OpenAiResponsesOptions }

/**
 * OpenAI's Responses API.
 *
 * @example
 * ```ts
 * import { OpenAiResponses } from "effect-llm-stream"
 * import { Config, Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* OpenAiResponses.OpenAiResponses
 *   yield* openai.stream({ model: "gpt-5-mini", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content))
 *   )
 * })
 *
 * const OpenAiLive = OpenAiResponses.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(OpenAiLive))
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class OpenAiResponses extends Context.Service<OpenAiResponses, Responses.Service<OpenAiResponsesChunk>>()(
  "effect-llm-stream/OpenAiResponses"
) {}

/**
 * The address of OpenAI, and how to talk to it.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options extends Host.Options {}

/**
 * The protocol of OpenAI's Responses API; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @category decoding
 * @since 0.2.0
 */
export const protocol = (): ResponsesEvents.ResponsesProtocol<OpenAiResponsesChunk> =>
  ResponsesEvents.protocol({
    provider: "openai",
    make: (chunk, context, { region }) => {
      const made = trustedChunk(OpenAiResponsesChunk, "OpenAiResponsesChunk", "openai", chunk)
      setContext(made, context)
      if (region !== undefined) made.region = region
      return made
    },
    errors
  })

/**
 * OpenAI as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { OpenAiResponses, Provider } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const definition = OpenAiResponses.define({ apiKey: Redacted.make("sk-…") })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "gpt-5-mini", prompt: "Say hello" }))
 * prepared.url // "https://api.openai.com/v1/responses"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Responses.Definition<OpenAiResponsesChunk> =>
  definitionOf(options, {}, (options) => ({
    protocol: protocol(),
    format: RequestFormat.lazy("responses", plain, () => import("./responsesFormat.ts").then(({ format }) => format)),
    dialect: { ...dialect, keys: ["openaiResponses", "openai"] },
    ...Host.define(options, "/responses")
  }))

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: Options): Effect.Effect<OpenAiResponses["Service"], never, HttpClient.HttpClient> =>
  Responses.make(define(options))

/**
 * A layer with OpenAI as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAiResponses } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = OpenAiResponses.layer({ apiKey: Redacted.make("sk-…"), model: "gpt-5-mini", idleTimeout: "30 seconds" })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: Options
): Layer.Layer<OpenAiResponses | Provider.Provider, never, HttpClient.HttpClient> =>
  Responses.layer(OpenAiResponses, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({ ...Host.configs(), ...configs })

/**
 * A layer whose options come from configuration: by default `OPENAI_API_KEY` and `OPENAI_BASE_URL`. If the key is
 * missing, streams fail with `Authentication`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
