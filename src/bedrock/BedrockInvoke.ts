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
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { AnthropicOptions } from "../anthropic/Anthropic.ts"
import type { ChatRequest } from "../ChatRequest.ts"
import * as JsonEvent from "../internal/jsonEvent.ts"
import { nullish, open } from "../internal/open.ts"
import * as Service from "../internal/service.ts"
import { trusted } from "../internal/trusted.ts"
import * as BedrockEvent from "../protocols/awsEvent.ts"
import * as Messages from "../protocols/Messages.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import type * as EventStream from "../wire/EventStream.ts"
import type * as Bedrock from "./Bedrock.ts"
import { BedrockInvokeChunk } from "./BedrockInvokeChunk.ts"
import * as Runtime from "./runtime.ts"

// What only Anthropic itself takes.
const { inference_geo: _inferenceGeo, service_tier: _serviceTier, ...anthropicFields } = AnthropicOptions.schema.fields

/**
 * Schema of the native stream's own request fields: those of Anthropic's Messages, by their names on the wire, and those
 * that AWS takes as headers, by their names in AWS's SDKs. Fields that it does not list are sent as they are. `betas` is
 * added to the layer's and to `anthropic_beta`.
 *
 * See the request of `POST /model/{modelId}/invoke-with-response-stream`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const BedrockInvokeOptions = open({
  ...anthropicFields,
  anthropic_beta: nullish(Schema.Array(Schema.String)),
  anthropic_version: nullish(Schema.String),
  guardrailIdentifier: nullish(Schema.String),
  guardrailVersion: nullish(Schema.String),
  performanceConfigLatency: nullish(Schema.String),
  serviceTier: nullish(Schema.String),
  trace: nullish(Schema.String)
})

/**
 * The native stream's own request fields.
 *
 * @category models
 * @since 0.1.0
 */
export type BedrockInvokeOptions = typeof BedrockInvokeOptions.Type

/**
 * A chat request with the native stream's own fields typed.
 *
 * @category models
 * @since 0.1.0
 */
export type BedrockInvokeRequest = ChatRequest & {
  readonly options?: { readonly bedrockInvoke?: BedrockInvokeOptions } | undefined
}

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
export class BedrockInvoke extends Context.Service<BedrockInvoke, {
  /** Streams one message. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: BedrockInvokeRequest) => Stream.Stream<BedrockInvokeChunk, ProviderError.ProviderError>
}>()("effect-llm-stream/BedrockInvoke") {}

/**
 * Where Bedrock is and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Bedrock.Options {
  /** Sent as `anthropic_version`. Default: `bedrock-2023-05-31`. */
  readonly version?: string | undefined
  /** Beta features to turn on, sent as `anthropic_beta`; a request can add to them with its option `betas`. */
  readonly betas?: ReadonlyArray<string> | undefined
  /** The `maxTokens` of requests that state none: the format requires a limit. Default: 4096. */
  readonly maxTokens?: number | undefined
}

/**
 * The protocol of Claude's native stream on Bedrock; it decodes recordings without a network, see `Provider.decode`.
 *
 * Events are told apart and the response is complete as in Anthropic's own stream (`Messages.events`). The answer of
 * another family of models, each of which has a format of its own, fails with `MalformedEvent`.
 *
 * @example
 * ```ts
 * import { BedrockInvoke, Provider } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Provider.decode(BedrockInvoke.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const protocol = (): Provider.Protocol<BedrockInvokeChunk> =>
  Provider.protocol({
    provider: "bedrock",
    framing: Runtime.framing,
    events,
    errors: BedrockEvent.errors
  })

const events = (info: Provider.ResponseInfo): Provider.EventDecoder<EventStream.Message, BedrockInvokeChunk> => {
  const fields = {
    provider: "bedrock",
    ...(info.requestId === undefined ? undefined : { requestId: info.requestId }),
    ...(info.model === undefined ? undefined : { modelId: info.model }),
    ...(info.region === undefined ? undefined : { region: info.region }),
    ...(info.serviceTier === undefined ? undefined : { serviceTier: info.serviceTier }),
    ...(info.latency === undefined ? undefined : { latency: info.latency })
  } as const
  let count = 0
  let first: string | undefined
  let isClaude = false
  let hasUsage = false

  const make = (payload: Messages.Payload, block: string | undefined): BedrockInvokeChunk => {
    if (payload.type === "message_start" || block !== undefined) isClaude = true
    const chunk = trusted(BedrockInvokeChunk, {
      ...fields,
      chunk: payload,
      ...(block === undefined ? undefined : { block })
    })
    if (chunk.usage !== undefined) hasUsage = true
    return hasUsage || chunk.invocationMetrics === undefined
      ? chunk
      : trusted(BedrockInvokeChunk, { ...chunk, usageFromMetrics: true })
  }

  const messages = Messages.events({ make, errors: Messages.errors })(info)

  const foreign = (position: number, data: string) =>
    BedrockEvent.malformed(
      position,
      "is not in Claude's format: other models are to be asked through Converse (`Bedrock`)",
      data
    )

  return {
    event: (message, out) => {
      const position = count++
      const event = BedrockEvent.read(message, position)
      if (event === undefined || "_tag" in event) return event
      const data = dataOf(event)
      if (data === undefined) return BedrockEvent.malformed(position, "holds no event in base64", event.text)
      first ??= data
      const reason = messages.event({ event: undefined, data, unterminated: false }, out)
      return reason?._tag === "MalformedEvent" && !isClaude && isUntyped(data) ? foreign(position, data) : reason
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

const isUntyped = (data: string): boolean => {
  const json = JsonEvent.parse(data, 0)
  return json !== undefined && !(json instanceof ProviderError.MalformedEvent) && typeof json["type"] !== "string"
}

/**
 * Makes the service from an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { BedrockInvoke } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bedrock = yield* BedrockInvoke.make({ region: "eu-central-1" })
 *   return bedrock.stream({ model: "eu.anthropic.claude-haiku-4-5-20251001-v1:0", prompt: "Say hello" })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<BedrockInvoke["Service"], never, HttpClient.HttpClient> =>
  Runtime.make({
    ...options,
    operation: "invoke-with-response-stream",
    protocol: protocol(),
    optionsKey: "bedrockInvoke",
    encode: (request, { anthropic_beta, betas, ...fields }) =>
      Result.map(
        Messages.encodeRequest(request, undefined, fields, options.maxTokens ?? 4096),
        // The operation says that it streams.
        ({ stream: _stream, ...body }) => {
          const all = [options.betas, betas, anthropic_beta].flatMap((names) => Array.isArray(names) ? names : [])
          return {
            anthropic_version: options.version ?? "bedrock-2023-05-31",
            ...(all.length === 0 ? undefined : { anthropic_beta: all }),
            ...body
          }
        }
      ),
    split: (encoded) => {
      const entries = Object.entries(encoded)
      return {
        headers: Object.fromEntries(
          entries.flatMap(([name, value]) =>
            Object.hasOwn(headerNames, name) && typeof value === "string" ? [[headerNames[name] ?? name, value]] : []
          )
        ),
        body: Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(headerNames, name)))
      }
    }
  })

const headerNames: Readonly<Record<string, string>> = {
  guardrailIdentifier: "x-amzn-bedrock-guardrailidentifier",
  guardrailVersion: "x-amzn-bedrock-guardrailversion",
  performanceConfigLatency: "x-amzn-bedrock-performanceconfig-latency",
  serviceTier: "x-amzn-bedrock-service-tier",
  trace: "x-amzn-bedrock-trace"
}

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
export const layer = (
  options: Options
): Layer.Layer<BedrockInvoke | Provider.Provider, never, HttpClient.HttpClient> =>
  Service.layer(BedrockInvoke, "bedrock", make(options))

/**
 * A layer whose options come from configuration, by default from the variables of `Bedrock.layerConfig`. Missing
 * credentials show as an `Authentication` error when a stream is run, a missing region as an `InvalidRequest`.
 *
 * @example
 * ```ts
 * import { BedrockInvoke } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const layer = BedrockInvoke.layerConfig({ model: Config.String("CLAUDE_MODEL") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  configs: { readonly [K in keyof Options]?: Config.Config<Options[K]> } = {}
): Layer.Layer<BedrockInvoke | Provider.Provider, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(Config.all({ ...Runtime.configs, ...configs }), layer))
