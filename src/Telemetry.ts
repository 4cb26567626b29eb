/**
 * Traces and metrics of a provider's calls, by OpenTelemetry's conventions for generative AI.
 *
 * They go to whatever tracer and metrics exporter the program has, such as those of `effect/observability`.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as AiTelemetry from "effect/ai/Telemetry"
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as ChatRequest from "./ChatRequest.ts"
import * as ChatResponse from "./ChatResponse.ts"
import type { Chunk } from "./Chunk.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Call from "./engine/call.ts"
import { names } from "./internal/names.ts"
import * as Pricing from "./Pricing.ts"
import * as Provider from "./Provider.ts"
import * as ProviderError from "./ProviderError.ts"
import type { Usage } from "./Usage.ts"

/**
 * What can be set for the telemetry of a provider.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /**
   * Whether the span gets an event with the prompt, the definitions of the tools and the answer. Default: `false`, as
   * they may hold what must not leave the program.
   */
  readonly content?: boolean | undefined
  /**
   * The `gen_ai.provider.name`. Default: the conventions' word for the provider (`aws.bedrock` for `Bedrock`), else its
   * own name.
   */
  readonly providerName?: string | undefined
  /**
   * More attributes of each span, such as `gen_ai.conversation.id`; those that are `undefined` are left out. The metrics
   * don't have them. Default: none.
   */
  readonly attributes?: ((request: ChatRequest.ChatRequest) => Readonly<Record<string, unknown>>) | undefined
}

const seconds = { unit: "seconds" }

const doubled = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]

/**
 * Tokens that calls took, with `gen_ai.token.type`: `input` (cache reads and writes included) or `output` (reasoning
 * included). Recorded once a call and type, where the provider stated it.
 *
 * @category metrics
 * @since 0.2.0
 */
export const tokenUsage: Metric.Histogram<number> = Metric.histogram("gen_ai.client.token.usage", {
  description: "Number of input and output tokens used",
  attributes: { unit: "{token}" },
  boundaries: Metric.boundariesFromIterable(Array.from({ length: 14 }, (_, n) => 4 ** n))
})

/**
 * Seconds from the start of a call to its end, retries and the consumer's own work included; `error.type` tells the
 * failed ones.
 *
 * @category metrics
 * @since 0.2.0
 */
export const operationDuration: Metric.Histogram<number> = Metric.histogram("gen_ai.client.operation.duration", {
  description: "Duration of a call in seconds",
  attributes: seconds,
  boundaries: Metric.boundariesFromIterable(doubled)
})

/**
 * Seconds from the start of a call to its first chunk, retries included.
 *
 * @category metrics
 * @since 0.2.0
 */
export const timeToFirstChunk: Metric.Histogram<number> = Metric.histogram(
  "gen_ai.client.operation.time_to_first_chunk",
  {
    description: "Time to the first chunk in seconds",
    attributes: seconds,
    boundaries: Metric.boundariesFromIterable(doubled)
  }
)

/**
 * Seconds for each output token after the first one, of calls that ended well, from the first chunk to the end of the
 * stream: the time that the consumer takes counts. The conventions have this metric for servers only (`gen_ai.server.time_per_output_token`); this is what the client sees, with the same buckets.
 *
 * @category metrics
 * @since 0.2.0
 */
export const timePerOutputToken: Metric.Histogram<number> = Metric.histogram("llm_stream_time_per_output_token", {
  description: "Time for each output token after the first in seconds",
  attributes: seconds,
  boundaries: Metric.boundariesFromIterable([
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.75,
    1,
    2.5
  ])
})

/**
 * A provider whose calls are traced and measured: one span a call, `chat {model}`, of kind client.
 *
 * The span lasts from the start of the stream to its end, and holds the request to the provider. It has the request's
 * parameters, the server, the response's model, id and finish reasons, the tokens by kind, the time to the first chunk
 * in seconds, the retries (`llm_stream.retries`), the cost in USD (`llm_stream.cost.usd`) at the prices of `Pricing`
 * and how the call ended (`llm_stream.outcome`): `completed`, `failed`, `interrupted`, or `stopped` by a consumer that
 * took no more. Tokens and cost of a call that was cut off are what had been stated until then.
 *
 * `error.type` is the reason of the `ProviderError`. The status of a failed span has the error's message, which may hold
 * words of the provider.
 *
 * @example
 * ```ts
 * import { OpenAi, Telemetry } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const traced = Effect.map(OpenAi.make({}), Telemetry.traced({ content: true }))
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const traced: {
  (options?: Options): <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>
  <C extends Chunk>(self: Provider.Service<C>, options?: Options): Provider.Service<C>
} = dual(
  (args) => Predicate.hasProperty(args[0], "stream"),
  <C extends Chunk>(self: Provider.Service<C>, options: Options = {}): Provider.Service<C> => {
    const nameOf = names(200)
    return { ...self, stream: (request) => trace(self, request, options, nameOf) }
  }
)

/**
 * Traces the common {@link Provider.Provider} that is provided to it.
 *
 * @example
 * ```ts
 * import { OpenAi, Telemetry } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Telemetry.layer().pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options?: Options): Layer.Layer<Provider.Provider, never, Provider.Provider> =>
  layerService(Provider.Provider, options)

/**
 * Traces the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { OpenAi, Telemetry } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Telemetry.layerService(OpenAi.OpenAi).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  options?: Options
): Layer.Layer<Self, never, Self> => Layer.effect(service, Effect.map(service, traced(options)))

// ---------------------------------------------------------------------------------------------------------------------
// A call
// ---------------------------------------------------------------------------------------------------------------------

type Attributes = Readonly<Record<string, unknown>>

type Ending = "completed" | "failed" | "interrupted" | "stopped"

const trace = <C extends Chunk>(
  provider: Provider.Service<C>,
  stated: ChatRequest.ChatRequest,
  options: Options,
  nameOf: (name: string) => string
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.fromChannel(Channel.fromTransform((_upstream, scope) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const pricing = yield* Pricing.current
      // Whatever it is, the provider says what is wrong with it.
      const request: ChatRequest.ChatRequest = Predicate.isObject(stated) ? stated : { prompt: "" }
      const asked = askedOf(provider, request, options, yield* attributesOf(stated, options))
      const name = asked.model === undefined ? "chat" : `chat ${asked.model}`
      const span = yield* Effect.makeSpan(name, { kind: "client" })
      addAttributes(span, asked.attributes)
      AiTelemetry.addGenAIAnnotations(span, annotationsOf(asked, request))
      const answer = gather(options.content === true)
      const start = monotonicSeconds(clock)
      let first: number | undefined
      const watcher = Call.watcher()
      let isEnded = false

      const end = (ending: Ending, exit: Exit.Exit<unknown, unknown>) =>
        Effect.suspend(() => {
          if (isEnded) return Effect.void
          isEnded = true
          const duration = monotonicSeconds(clock) - start
          const now = clock.currentTimeNanosUnsafe()
          const ended: Ended = {
            ...answer.take(),
            ending,
            duration,
            timeToFirstChunk: first,
            errorType: ending === "failed" ? errorType(exit) : undefined
          }
          const metadata = Pricing.onDay(ended.metadata, Pricing.dayOf(Number(now / 1_000_000n)))
          const cost = CostMetadata.isStated(metadata)
            ? Result.getOrUndefined(Pricing.costWith(metadata, pricing))
            : undefined
          AiTelemetry.addGenAIAnnotations(span, {
            response: { id: ended.id, model: ended.model, finishReasons: noneOf(ended.finishReasons) },
            usage: { inputTokens: ended.usage?.inputTokens, outputTokens: ended.usage?.outputTokens }
          })
          addAttributes(span, {
            ...usageAttributes(ended.usage),
            "gen_ai.response.time_to_first_chunk": first,
            "error.type": ended.errorType,
            "llm_stream.outcome": ending,
            "llm_stream.retries": watcher.retries,
            "llm_stream.cost.usd": cost === undefined ? undefined : BigDecimal.toNumberUnsafe(cost.total),
            "llm_stream.cost.complete": cost?.isComplete
          })
          if (ended.response !== undefined) span.event(contentEvent, now, contentAttributes(request, ended.response))
          span.end(now, exit)
          return measure(asked, ended, nameOf)
        })

      const context = Context.make(Tracer.ParentSpan, span).pipe(
        Context.add(Call.CurrentWatchers, [...(yield* Call.CurrentWatchers), watcher])
      )
      // Where the stream neither ended nor failed, its consumer did.
      yield* Scope.addFinalizerExit(scope, (exit) =>
        Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
          ? end("interrupted", exit)
          : end("stopped", Exit.void))
      const pull = yield* Channel.toPullScoped(provider.stream(stated).channel, scope).pipe(
        Effect.provideContext(context)
      )
      return pull.pipe(
        Effect.provideContext(context),
        Effect.map((chunks) => {
          first ??= monotonicSeconds(clock) - start
          answer.add(chunks)
          return chunks
        }),
        Effect.tapCause((cause) => {
          const exit = Pull.doneExitFromCause(cause)
          if (Exit.isSuccess(exit)) return end("completed", exit)
          return end(Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed", exit)
        })
      )
    })
  ))

const monotonicSeconds = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e9

/** What is known of a call before it is made. */
interface Asked {
  readonly provider: string
  readonly model: string | undefined
  /** Attributes that the span and the metrics have. */
  readonly server: Attributes
  /** Attributes that only the span has. */
  readonly attributes: Attributes
}

const askedOf = <C extends Chunk>(
  provider: Provider.Service<C>,
  request: ChatRequest.ChatRequest,
  options: Options,
  attributes: Attributes
): Asked => {
  const target = provider.target?.(request)
  const url = target !== undefined && URL.canParse(target.url) ? new URL(target.url) : undefined
  const server = url === undefined ? {} : {
    "server.address": url.hostname,
    "server.port": url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port)
  }
  return {
    provider: options.providerName ?? provider.telemetryName ?? provider.name,
    model: target?.model ?? request.model,
    server,
    attributes: { "gen_ai.request.stream": true, ...server, ...attributes }
  }
}

/** The caller's own attributes. Telemetry does not fail a call for them. */
const attributesOf = (
  request: ChatRequest.ChatRequest,
  { attributes }: Options
): Effect.Effect<Attributes> =>
  Effect.try(() => attributes?.(request) ?? {}).pipe(
    Effect.catch(({ cause }) => Effect.as(Effect.logWarning("`attributes` of the telemetry failed:", cause), {}))
  )

const annotationsOf = (
  { model, provider }: Asked,
  request: ChatRequest.ChatRequest
): AiTelemetry.GenAITelemetryAttributeOptions => ({
  provider: { name: provider },
  operation: { name: "chat" },
  output: {
    type: request.responseFormat === undefined ? undefined : request.responseFormat === "text" ? "text" : "json"
  },
  request: {
    model,
    maxTokens: request.maxTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    frequencyPenalty: request.frequencyPenalty,
    presencePenalty: request.presencePenalty,
    stopSequences: request.stop,
    seed: request.seed
  }
})

/** What the chunks of a call state together. */
interface Answer {
  readonly id: string | undefined
  readonly model: string | undefined
  /** The provider's words, ordered by choice. */
  readonly finishReasons: ReadonlyArray<string>
  readonly usage: Usage | undefined
  readonly metadata: CostMetadata.CostMetadata
  /** Only where content was asked for. */
  readonly response: ChatResponse.ChatResponse | undefined
}

interface Ended extends Answer {
  readonly ending: Ending
  /** Seconds. */
  readonly duration: number
  /** Seconds. */
  readonly timeToFirstChunk: number | undefined
  readonly errorType: string | undefined
}

/** Keeps what the telemetry needs of the chunks, not the chunks; their text only where it is asked for. */
const gather = (content: boolean) => {
  const metadata = CostMetadata.accumulator()
  const finishReasons = new Map<number, string>()
  const responses = content ? ChatResponse.accumulator() : undefined
  let id: string | undefined
  let model: string | undefined
  return {
    add: (chunks: ReadonlyArray<Chunk>): void => {
      for (const chunk of chunks) {
        metadata.add(chunk)
        id ??= chunk.id
        model ??= chunk.model
        if (chunk.finishReasons.length > 0) {
          for (const { finishReason, index } of chunk.choiceDeltas) {
            if (finishReason !== undefined) finishReasons.set(index, finishReason)
          }
        }
        responses?.add(chunk)
      }
    },
    take: (): Answer => ({
      id,
      model,
      finishReasons: Array.from(finishReasons).sort(([a], [b]) => a - b).map(([, reason]) => reason),
      usage: metadata.usage(),
      metadata: metadata.metadata(),
      response: responses?.response()
    })
  }
}

const errorType = (exit: Exit.Exit<unknown, unknown>): string => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return ProviderError.isProviderError(error) ? error.reason._tag : "_OTHER"
}

const noneOf = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined => list.length === 0 ? undefined : list

const addAttributes = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) span.attribute(name, value)
  }
}

const usageAttributes = (usage: Usage | undefined): Attributes =>
  usage === undefined ? {} : {
    "gen_ai.usage.cache_read.input_tokens": usage.cachedTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens,
    "gen_ai.usage.text.input_tokens": usage.inputTextTokens,
    "gen_ai.usage.audio.input_tokens": usage.inputAudioTokens,
    "gen_ai.usage.image.input_tokens": usage.inputImageTokens,
    "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens,
    "gen_ai.usage.text.output_tokens": usage.outputTextTokens,
    "gen_ai.usage.audio.output_tokens": usage.outputAudioTokens
  }

const measure = (asked: Asked, ended: Ended, nameOf: (name: string) => string): Effect.Effect<void> => {
  const { duration, ending, errorType, timeToFirstChunk: first, usage } = ended
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": asked.provider,
    // A registry of metrics keeps every label.
    "gen_ai.request.model": asked.model === undefined ? undefined : nameOf(asked.model),
    "gen_ai.response.model": ended.model === undefined ? undefined : nameOf(ended.model),
    ...asked.server
  }
  const update = (metric: Metric.Metric<number, unknown>, value: number | undefined, more: Attributes = {}) =>
    value === undefined
      ? Effect.void
      : Metric.update(Metric.withAttributes(metric, labels({ ...attributes, ...more })), value)
  const later = (usage?.outputTokens ?? 0) - 1
  return Effect.all([
    update(operationDuration, duration, { "error.type": errorType }),
    update(timeToFirstChunk, first),
    update(tokenUsage, usage?.inputTokens, { "gen_ai.token.type": "input" }),
    update(tokenUsage, usage?.outputTokens, { "gen_ai.token.type": "output" }),
    update(
      timePerOutputToken,
      ending === "completed" && first !== undefined && later > 0 ? (duration - first) / later : undefined
    )
  ], { discard: true })
}

const labels = (attributes: Attributes): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]])
  )

// ---------------------------------------------------------------------------------------------------------------------
// Content
// ---------------------------------------------------------------------------------------------------------------------

const contentEvent = "gen_ai.client.inference.operation.details"

const contentAttributes = (
  request: ChatRequest.ChatRequest,
  response: ChatResponse.ChatResponse
): Record<string, string> => {
  const { prompt, system, tools } = Result.getOrUndefined(ChatRequest.normalize(request)) ?? {}
  const values = {
    "gen_ai.system_instructions": system === undefined ? undefined : [{ type: "text", content: system }],
    "gen_ai.input.messages": prompt?.content.map(inputMessage),
    "gen_ai.output.messages": response.choices.map(outputMessage),
    "gen_ai.tool.definitions": tools?.map(({ description, name, parameters }) => ({
      type: "function",
      name,
      description,
      parameters
    }))
  }
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const json = value === undefined ? undefined : jsonOf(value)
      return json === undefined ? [] : [[name, json]]
    })
  )
}

// A caller's tool results may hold more than JSON. Telemetry does not fail a call for that.
const jsonOf = (value: unknown): string | undefined => Result.getOrUndefined(Result.try(() => JSON.stringify(value)))

const inputMessage = (message: Prompt.Message) => ({
  role: message.role,
  parts: typeof message.content === "string"
    ? [{ type: "text", content: message.content }]
    : message.content.map(inputPart)
})

const inputPart = (part: Prompt.Part) => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return { type: part.type, content: part.text }
    case "tool-call":
      return { type: "tool_call", id: part.id, name: part.name, arguments: part.params }
    case "tool-result":
      return { type: "tool_call_response", id: part.id, response: part.result }
    case "file":
      // The bytes stay here: a span is no place for them.
      return part.data instanceof URL
        ? { type: "uri", mime_type: part.mediaType, uri: part.data.href }
        : { type: "file", mime_type: part.mediaType, name: part.fileName }
    default:
      return { type: part.type }
  }
}

const outputMessage = (choice: ChatResponse.Choice) => ({
  role: "assistant",
  parts: [
    ...(choice.reasoning === "" ? [] : [{ type: "reasoning", content: choice.reasoning }]),
    ...[choice.content, choice.refusal].filter((content) => content !== "").map((content) => ({
      type: "text",
      content
    })),
    ...choice.toolCalls.map((call) => ({
      type: "tool_call",
      id: call.id,
      name: call.name,
      arguments: call.arguments
    }))
  ],
  finish_reason: choice.finishReason
})
