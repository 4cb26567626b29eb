/**
 * OpenAI's chat completions as a service.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import { once } from "../internal/lazy.ts"
import { trustedChunk } from "../internal/trusted.ts"
import * as ChatCompletions from "../protocols/chatCompletions/events.ts"
import { Payload } from "../protocols/chatCompletions/payload.ts"
import { plain } from "../protocols/chatCompletions/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import * as Host from "./host.ts"
import { OpenAiChunk } from "./OpenAiChunk.ts"
import type { OpenAiOptions } from "./OpenAiOptions.ts"

const errors = once(() => import("../protocols/chatCompletions/errors.ts").then(({ errors }) => errors))

/**
 * OpenAI's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { OpenAiOptions }

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
export class OpenAi extends Context.Service<OpenAi, Provider.Service<OpenAiChunk>>()(
  "effect-llm-stream/OpenAi"
) {}

/**
 * The address of OpenAI, and how to talk to it. For other hosts that speak its format see `OpenAiCompatible`.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Host.Options {}

/**
 * The protocol of OpenAI's chat completions; it decodes recordings without a network, see `Protocol.decode`.
 *
 * @example
 * ```ts
 * import { OpenAi, Protocol } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Protocol.decode(OpenAi.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Protocol.Protocol<OpenAiChunk> =>
  ChatCompletions.protocol({
    provider: "openai",
    payload: Payload,
    make: (chunk, { region }) => {
      const made = trustedChunk(OpenAiChunk, "OpenAiChunk", "openai", chunk)
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
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const definition = OpenAi.define({ apiKey: Redacted.make("sk-…") })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "gpt-4o-mini", prompt: "Say hello" }))
 * prepared.url // "https://api.openai.com/v1/chat/completions"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<OpenAiChunk> =>
  definitionOf(options, {}, (options) => ({
    protocol: protocol(),
    format: RequestFormat.lazy(
      "chat-completions",
      plain({ maxTokensField: "max_completion_tokens", includeUsage: true }),
      () => import("./chatFormat.ts").then(({ format }) => format)
    ),
    dialect: { strict: true },
    ...Host.define(options, "/chat/completions")
  }))

/**
 * The service without its layer, see `Provider.make`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const openai = yield* OpenAi.make({ apiKey: Redacted.make("sk-…") })
 *   return openai.stream({ model: "gpt-4o-mini", prompt: "Say hello" })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<OpenAi["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

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
  Provider.layer(OpenAi, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = Effect.map(OpenAi.config({ model: "gpt-4o-mini" }), OpenAi.define)
 * ```
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
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = OpenAi.layerConfig({ model: Config.String("OPENAI_MODEL") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
