/**
 * Claude's native stream on AWS Bedrock as a service: Anthropic's Messages format behind AWS's signing and framing.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { isStated } from "../engine/decoder.ts"
import { definitionOf } from "../engine/policy.ts"
import * as Protocol from "../engine/protocol.ts"
import { once } from "../internal/lazy.ts"
import { trustedChunk } from "../internal/trusted.ts"
import * as BedrockEvent from "../protocols/awsEvent.ts"
import { dialect } from "../protocols/messages/dialect.ts"
import * as Messages from "../protocols/messages/events.ts"
import type { Payload } from "../protocols/messages/payload.ts"
import { bedrockPlain } from "../protocols/messages/plain.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import type * as EventStream from "../wire/EventStream.ts"
import { isUnexplained } from "../wire/fault.ts"
import * as JsonEvent from "../wire/jsonEvent.ts"
import { Reader } from "../wire/jsonReader.ts"
import { BedrockInvokeChunk } from "./BedrockInvokeChunk.ts"
import type { BedrockInvokeOptions } from "./BedrockInvokeOptions.ts"
import * as Runtime from "./runtime.ts"

const errors = once(() => import("../protocols/messages/errors.ts").then(({ errors }) => errors))

/**
 * The native stream's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type { BedrockInvokeOptions }

/**
 * Claude's native stream on AWS Bedrock.
 *
 * @example
 * ```ts
 * import { BedrockInvoke } from "effect-llm-stream"
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const bedrock = yield* BedrockInvoke.BedrockInvoke
 *   yield* bedrock.stream({ model: "us.anthropic.claude-haiku-4-5-20251001-v1:0", prompt: "Say hello" }).pipe(
 *     Stream.runForEach((chunk) => Console.log(chunk.content))
 *   )
 * })
 *
 * const BedrockInvokeLive = BedrockInvoke.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(BedrockInvokeLive))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class BedrockInvoke extends Context.Service<BedrockInvoke, Provider.Service<BedrockInvokeChunk>>()(
  "effect-llm-stream/BedrockInvoke"
) {}

/**
 * The address of Bedrock, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Runtime.Options {
  /** Sent as `anthropic_version`. Default: `bedrock-2023-05-31`. */
  readonly version?: string | undefined
  /** Beta features to turn on, sent as `anthropic_beta`. A request can add more with its option `betas`. */
  readonly betas?: ReadonlyArray<string> | undefined
  /** The limit for requests without `maxTokens`, because the format requires one. Default: 4096. */
  readonly maxTokens?: number | undefined
}

/**
 * The protocol of Claude's native stream on Bedrock; it decodes recordings without a network, see `Protocol.decode`.
 *
 * Events and the end of a response are those of Anthropic's own stream (`Messages.events`). Other families of models
 * have formats of their own; their answers fail with `MalformedEvent`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Protocol.Protocol<BedrockInvokeChunk> =>
  Protocol.make({
    provider: "bedrock",
    framing: BedrockEvent.framing,
    events,
    errors: BedrockEvent.errors,
    headers: BedrockEvent.headers
  })

const events = (info: Protocol.ResponseInfo): Protocol.EventDecoder<EventStream.Message, BedrockInvokeChunk> => {
  const { latency, model, region, requestId, serviceTier } = info
  const json = new Reader()
  let count = 0
  let first: string | undefined
  let isClaude = false
  let hasUsage = false

  const make = (payload: Payload, block: string | undefined): BedrockInvokeChunk => {
    if (payload.type === "message_start" || block !== undefined) isClaude = true
    const made = trustedChunk(BedrockInvokeChunk, "BedrockInvokeChunk", "bedrock", payload)
    if (block !== undefined) made.block = block
    if (requestId !== undefined) made.requestId = requestId
    if (model !== undefined) made.modelId = model
    if (region !== undefined) made.region = region
    if (serviceTier !== undefined) made.serviceTier = serviceTier
    if (latency !== undefined) made.latency = latency
    if (made.usage !== undefined) hasUsage = true
    if (!hasUsage && made.invocationMetrics !== undefined) made.usageFromMetrics = true
    return made
  }

  const messages = Messages.events({ make, errors })(info)

  const foreign = (position: number, data: string) =>
    BedrockEvent.malformed(
      position,
      "is not in Claude's format: other models are to be asked through Converse (`Bedrock`)",
      data
    )

  return {
    event: (message, out) => {
      const position = count++
      const event = BedrockEvent.read(message, position, json)
      if (event === undefined || isUnexplained(event)) return event
      const data = dataOf(event)
      if (data === undefined) return BedrockEvent.malformed(position, "holds no event in base64", event.text)
      first ??= data
      const fault = messages.event({ event: undefined, data, unterminated: false }, out)
      return fault !== undefined && !isClaude && isForeign(data) ? foreign(position, data) : fault
    },
    get done() {
      return messages.done
    },
    end: () => isClaude || first === undefined ? messages.end() : foreign(0, first)
  }
}

// An event of another type than `chunk` is kept as a Messages event of that type.
const dataOf = ({ json, type }: BedrockEvent.Event): string | undefined =>
  type !== "chunk"
    ? JSON.stringify({ ...json, type })
    : typeof json["bytes"] === "string"
    ? Result.getOrUndefined(Base64.decodeString(json["bytes"]))
    : undefined

// An event of Claude's states its type, or an error.
const isForeign = (data: string): boolean => {
  const json = JsonEvent.parse(data, 0)
  return json !== undefined && !isUnexplained(json) && typeof json["type"] !== "string" && !isStated(json["error"])
}

/**
 * Claude's native stream on Bedrock as a value: what {@link make} and {@link layer} build on. `Provider.prepare` shows the requests that it sends.
 *
 * @example
 * ```ts
 * import { BedrockInvoke, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const definition = BedrockInvoke.define({ region: "us-east-1" })
 * const prepared = await Effect.runPromise(Provider.prepare(definition, { model: "anthropic.claude-3-haiku-20240307-v1:0", prompt: "Say hello" }))
 * prepared.url // "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const define = (options: Options): Provider.Definition<BedrockInvokeChunk> =>
  definitionOf(options, {}, (options) => ({
    protocol: protocol(),
    format: RequestFormat.lazy(
      "messages",
      bedrockPlain(options),
      () => import("./invokeFormat.ts").then(({ format }) => format(options))
    ),
    endpoint: Runtime.endpoint("invoke-with-response-stream", options),
    auth: Runtime.auth(options),
    dialect: { ...dialect, keys: ["bedrockInvoke"] },
    telemetryName: "aws.bedrock",
    options
  }))

/**
 * The service without its layer, see `Provider.make`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<BedrockInvoke["Service"], never, HttpClient.HttpClient> =>
  Provider.make(define(options))

/**
 * A layer with Claude's native stream on Bedrock as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { BedrockInvoke } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const layer = BedrockInvoke.layer({
 *   region: "us-east-1",
 *   apiKey: Redacted.make("bedrock-api-key-…"),
 *   model: "us.anthropic.claude-haiku-4-5-20251001-v1:0"
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<BedrockInvoke | Provider.Provider, never, HttpClient.HttpClient> =>
  Provider.layer(BedrockInvoke, define(options))

/**
 * The options that {@link layerConfig} reads.
 *
 * @category configuration
 * @since 0.2.0
 */
export const config = (configs: Provider.Configs<Options> = {}): Config.Config<Options> =>
  Provider.configOf({ ...Runtime.configs(), ...configs })

/**
 * A layer whose options come from configuration, by default from the variables of `Bedrock.layerConfig`. If credentials
 * are missing, streams fail with `Authentication`; if the region is missing, with `InvalidRequest`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = Provider.layerConfig(config, layer)
