/**
 * AWS Bedrock's Converse API as a service: one format for all models.
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
import { trustedChunk } from "../internal/trusted.ts"
import * as Converse from "../protocols/converse/events.ts"
import { plain } from "../protocols/converse/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import { BedrockChunk } from "./BedrockChunk.ts"
import type { BedrockOptions } from "./BedrockOptions.ts"
import * as Runtime from "./runtime.ts"

/**
 * Converse's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { BedrockOptions }

/**
 * AWS Bedrock's Converse API.
 *
 * @example
 * ```ts
 * import { Bedrock } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const bedrock = yield* Bedrock.Bedrock
 *   yield* bedrock.stream({ model: "us.amazon.nova-lite-v1:0", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content))
 *   )
 * })
 *
 * const BedrockLive = Bedrock.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(BedrockLive))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Bedrock extends Context.Service<Bedrock, Provider.Service<BedrockChunk>>()(
  "effect-llm-stream/Bedrock"
) {}

/**
 * The address of Bedrock, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Runtime.Options {}

/**
 * The protocol of Bedrock's Converse API; it decodes recordings without a network, see `Protocol.decode`. A recording
 * states neither model nor region.
 *
 * @example
 * ```ts
 * import { Bedrock, Protocol } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(
 *   Protocol.decode(Bedrock.protocol(), { info: { model: "us.amazon.nova-lite-v1:0", region: "us-east-1" } })
 * )
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Protocol.Protocol<BedrockChunk> =>
  Converse.protocol({
    provider: "bedrock",
    make: (chunk, block, { model, region, requestId }) => {
      const made = trustedChunk(BedrockChunk, "BedrockChunk", "bedrock", chunk)
      if (block !== undefined) made.block = block
      if (requestId !== undefined) made.requestId = requestId
      if (model !== undefined) made.modelId = model
      if (region !== undefined) made.region = region
      return made
    }
  })

/**
 * Bedrock's Converse API as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { Bedrock, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = Bedrock.define({ region: "us-east-1" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "amazon.nova-lite-v1:0", prompt: "Say hello" }))
 * prepared.url // "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<BedrockChunk> =>
  definitionOf(options, {}, (options) => ({
    protocol: protocol(),
    format: RequestFormat.lazy("converse", plain, () => import("./converseFormat.ts").then(({ format }) => format)),
    endpoint: Runtime.endpoint("converse-stream", options),
    auth: Runtime.auth(options),
    dialect: {
      schemas: "anthropic",
      tools: {
        prefix: "bedrock",
        fields: (tools) => ({ toolConfig: { tools: tools.map(({ name }) => ({ systemTool: { name } })) } })
      },
      declaresTools: true
    },
    telemetryName: "aws.bedrock",
    options
  }))

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Bedrock["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with Bedrock as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AwsCredentials, Bedrock } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const withApiKey = Bedrock.layer({ region: "us-east-1", apiKey: Redacted.make("bedrock-api-key-…") })
 *
 * const withProfile = Bedrock.layer({
 *   region: "us-east-1",
 *   credentials: AwsCredentials.fromDefaultChain({ profile: "production" }),
 *   model: "us.amazon.nova-lite-v1:0"
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Bedrock | Provider.Provider, never, HttpClient.HttpClient> =>
  Provider.layer(Bedrock, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({ ...Runtime.configs(), ...configs })

/**
 * A layer whose options come from configuration: by default `AWS_REGION` (else `AWS_DEFAULT_REGION`),
 * `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`, and for credentials `AWS_BEARER_TOKEN_BEDROCK`, else `AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, else AWS's default provider chain. If credentials are missing,
 * streams fail with `Authentication`; if the region is missing, with `InvalidRequest`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
