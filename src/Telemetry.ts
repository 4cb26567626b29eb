/**
 * Traces and metrics of a provider's calls, and of the agents made of them, by OpenTelemetry's conventions for generative
 * AI.
 *
 * They go to whatever tracer and metrics exporter the program has, such as those of `effect/observability`.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
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
import { Reader } from "./content/reader.ts"
import type * as Cost from "./Cost.ts"
import * as CostMetadata from "./CostMetadata.ts"
import * as Call from "./engine/call.ts"
import * as Checks from "./engine/checks.ts"
import * as Operation from "./engine/operation.ts"
import { clean } from "./engine/redaction.ts"
import * as ProviderError from "./errors/providerError.ts"
import { defined } from "./internal/defined.ts"
import * as Names from "./internal/names.ts"
import * as Pricing from "./Pricing.ts"
import * as Provider from "./Provider.ts"
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
   * they may hold what must not leave the program. For the arguments of tools that run, see {@link AgentOptions}.
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

const tokens = { unit: "{token}" }

const counter = (kind: string, description: string): Metric.Counter<number> =>
  Metric.counter(`gen_ai.client.inference.usage.${kind}_tokens`, { description, attributes: tokens, incremental: true })

const distribution = (kind: string, description: string): Metric.Histogram<number> =>
  Metric.histogram(`gen_ai.client.inference.operation.${kind}_tokens`, {
    description,
    attributes: tokens,
    boundaries: Metric.boundariesFromIterable(Array.from({ length: 14 }, (_, n) => 4 ** n))
  })

/**
 * Tokens that calls took, failed ones included, with `gen_ai.token.modality`; `cacheRead`, `cacheWrite` and `reasoning` are
 * parts of `input` and `output`.
 *
 * @category metrics
 * @since 0.2.0
 */
export const tokenCounters: Readonly<
  Record<"input" | "output" | "cacheRead" | "cacheWrite" | "reasoning", Metric.Counter<number>>
> = {
  input: counter("input", "Input tokens, cached ones included"),
  output: counter("output", "Output tokens, reasoning included"),
  cacheRead: counter("cache_read.input", "Input tokens served from a cache of the provider"),
  cacheWrite: counter("cache_write.input", "Input tokens written to a cache of the provider"),
  reasoning: counter("reasoning.output", "Output tokens used for reasoning")
}

/**
 * Tokens of each call that ended well, where the provider stated them.
 *
 * @category metrics
 * @since 0.2.0
 */
export const callTokens: Readonly<Record<"input" | "output", Metric.Histogram<number>>> = {
  input: distribution("input", "Input tokens of a call"),
  output: distribution("output", "Output tokens of a call")
}

/**
 * Seconds from the start of a call to its end, retries and the consumer's own work included; `error.type` tells the
 * failed ones.
 *
 * @category metrics
 * @since 0.2.0
 */
export const duration: Metric.Histogram<number> = Operation.durations(
  "gen_ai.client.inference.duration",
  "Duration of a call"
)

/**
 * Seconds from the start of a call to its first chunk, retries included.
 *
 * @category metrics
 * @since 0.2.0
 */
export const timeToFirstChunk: Metric.Histogram<number> = Operation.durations(
  "gen_ai.client.inference.time_to_first_chunk",
  "Time to the first chunk"
)

/**
 * Seconds from one chunk to the next, for each chunk after the first; 0 for chunks that came in one read. The time that the
 * consumer takes counts.
 *
 * @category metrics
 * @since 0.2.0
 */
export const timePerOutputChunk: Metric.Histogram<number> = Operation.durations(
  "gen_ai.client.inference.time_per_output_chunk",
  "Time from one chunk to the next"
)

/**
 * Seconds that an agent took, see {@link invokeAgent}, by `gen_ai.agent.name`; `error.type` tells the failed ones.
 *
 * @category metrics
 * @since 0.2.0
 */
export const invokeAgentDuration: Metric.Histogram<number> = Operation.histogram(
  "gen_ai.invoke_agent.duration",
  "Duration of a single agent invocation",
  { unit: "s", first: 0.1, buckets: 13 }
)

/**
 * How often an agent asked a model and called tools, see {@link invokeAgent}, by `gen_ai.agent.name`: one value each for every
 * time that an agent ran, failed ones included. A model call counts once,
 * however often a retry or a fallback asks; tools that the provider runs don't count.
 *
 * @category metrics
 * @since 0.2.0
 */
export const invokeAgentCalls: Readonly<Record<"inference" | "tool", Metric.Histogram<number>>> = {
  inference: Operation.histogram(
    "gen_ai.invoke_agent.inference_calls",
    "Model calls of a single agent invocation",
    { unit: "{inference_call}", first: 1, buckets: 8 }
  ),
  tool: Operation.histogram(
    "gen_ai.invoke_agent.tool_calls",
    "Tool calls of a single agent invocation",
    { unit: "{tool_call}", first: 1, buckets: 8 }
  )
}

/**
 * Seconds that the handler of a tool took, by `gen_ai.tool.name`; `error.type` tells the failed ones.
 *
 * @category metrics
 * @since 0.2.0
 */
export const executeToolDuration: Metric.Histogram<number> = Operation.executeToolDuration

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
  (args) => Result.isSuccess(Checks.given("self", "a provider", () => args[0], Predicate.hasProperty("stream"))),
  <C extends Chunk>(self: Provider.Service<C>, stated: Options = {}): Provider.Service<C> => {
    // No call fails for its telemetry.
    const options = Result.getOrElse(Checks.copied(stated), () => ({}))
    return { ...self, stream: (request) => trace(self, request, options) }
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

type Attributes = Operation.Attributes

type Ending = "completed" | "failed" | "interrupted" | "stopped"

const modelNames = Names.labels(200)

const trace = <C extends Chunk>(
  provider: Provider.Service<C>,
  stated: ChatRequest.ChatRequest,
  options: Options
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.fromChannel(Channel.fromTransform((_upstream, scope) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const nameOf = yield* modelNames
      const own = yield* attributesOf(stated, options)
      // Whatever it is, the provider says what is wrong with it.
      const request = Result.getOrElse(Checks.copied(stated), (): ChatRequest.ChatRequest => ({ prompt: "" }))
      const asked = Result.getOrElse(
        Result.try(() => askedOf(provider, request, options, own, nameOf)),
        () => askedOf(provider, { prompt: "" }, options, own, nameOf)
      )
      const name = asked.model === undefined ? "chat" : `chat ${asked.model}`
      const span = yield* Effect.makeSpan(name, { kind: "client" })
      Operation.addAttributes(span, asked.attributes)
      const watcher = Call.watcher()
      const answer = gather(options.content === true, (text) =>
        watcher.secrets === undefined ? text : clean(text, watcher.secrets))
      const start = Operation.seconds(clock)
      const labelsOf = (model: string | undefined) => ({
        ...asked.labels,
        "gen_ai.response.model": model === undefined ? undefined : nameOf(model)
      })
      const services = yield* Effect.context<never>()
      let perChunk: Metric.Metric<number, unknown> | undefined
      let first: number | undefined
      let latest = start
      const time = (count: number): void => {
        const now = Operation.seconds(clock)
        const gap = now - latest
        latest = now
        if (first === undefined) {
          first = gap
        } else measureChunk(gap)
        for (let later = 1; later < count; later++) {
          measureChunk(0)
        }
      }
      const measureChunk = (gap: number): void => {
        perChunk ??= Metric.withAttributes(timePerOutputChunk, Operation.labels(labelsOf(answer.model())))
        perChunk.updateUnsafe(gap, services)
      }
      let isEnded = false

      const end = (ending: Ending, exit: Exit.Exit<unknown, unknown>) =>
        Effect.suspend(() => {
          if (isEnded) {
            return Effect.void
          }
          isEnded = true
          const now = clock.currentTimeNanosUnsafe()
          const ended: Ended = {
            ...answer.take(),
            ending,
            duration: Operation.seconds(clock) - start,
            timeToFirstChunk: first,
            errorType: Operation.errorType(exit)
          }
          return Effect.flatMap(Effect.provideContext(Pricing.costOf(ended.metadata), services), (cost) => {
            const stated = answeredOf(ended)
            Operation.addAttributes(span, {
              ...stated,
              "llm_stream.outcome": ending,
              "llm_stream.retries": watcher.retries,
              "llm_stream.cost.usd": cost === undefined ? undefined : BigDecimal.toNumberUnsafe(cost.total),
              "llm_stream.cost.complete": cost?.isComplete
            })
            if (ended.response !== undefined) {
              span.event(
                contentEvent,
                now,
                defined({ ...asked.attributes, ...stated, ...contentOf(request, ended.response) })
              )
            }
            span.end(now, exit)
            return measure(labelsOf(ended.model), ended)
          })
        }).pipe(Effect.uninterruptible)

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
          answer.add(chunks)
          time(chunks.length)
          return chunks
        }),
        Effect.tapCause((cause) => {
          const exit = Pull.doneExitFromCause(cause)
          if (Exit.isSuccess(exit)) {
            return end("completed", exit)
          }
          return end(Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed", exit)
        })
      )
    })
  ))

/** What is known of a call before it is made. */
interface Asked {
  readonly model: string | undefined
  readonly attributes: Attributes
  /** What the metrics have. */
  readonly labels: Attributes
}

const askedOf = <C extends Chunk>(
  provider: Provider.Service<C>,
  request: ChatRequest.ChatRequest,
  options: Options,
  attributes: Attributes,
  nameOf: (name: string) => string
): Asked => {
  const target = provider.target?.(request)
  const url = target !== undefined && URL.canParse(target.url) ? new URL(target.url) : undefined
  const { reasoning, responseFormat } = request
  const model = textIn(target?.model ?? request.model)
  const common = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": textIn(options.providerName) ?? provider.telemetryName ?? provider.name,
    "server.address": url?.hostname,
    "server.port": url === undefined
      ? undefined
      : url.port === ""
      ? (url.protocol === "http:" ? 80 : 443)
      : Number(url.port)
  }
  return {
    model,
    // A registry of metrics keeps every label.
    labels: { ...common, "gen_ai.request.model": model === undefined ? undefined : nameOf(model) },
    attributes: {
      ...common,
      "gen_ai.request.model": model,
      "gen_ai.request.stream": true,
      "gen_ai.output.type": responseFormat === undefined ? undefined : responseFormat === "text" ? "text" : "json",
      "gen_ai.request.max_tokens": request.maxTokens,
      "gen_ai.request.temperature": request.temperature,
      "gen_ai.request.top_p": request.topP,
      "gen_ai.request.top_k": request.topK,
      "gen_ai.request.frequency_penalty": request.frequencyPenalty,
      "gen_ai.request.presence_penalty": request.presencePenalty,
      "gen_ai.request.stop_sequences": request.stop,
      "gen_ai.request.seed": request.seed,
      "gen_ai.request.reasoning.level": reasoning?.effort,
      ...attributes
    }
  }
}

/** What names something, where callers without types may give anything. */
const textIn = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** The caller's own attributes. Telemetry does not fail a call for them. */
const attributesOf = (
  request: ChatRequest.ChatRequest,
  { attributes }: Options
): Effect.Effect<Attributes> =>
  Effect.try(() => ({ ...attributes?.(request) })).pipe(
    Effect.catch(({ cause }) => Effect.as(Effect.logWarning("`attributes` of the telemetry failed:", cause), {}))
  )

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

/**
 * Keeps what the telemetry needs of the chunks, not the chunks; their text only where it is asked for. A host may repeat a
 * secret in the names that it gives.
 */
const gather = (content: boolean, clean: (text: string) => string) => {
  const metadata = CostMetadata.accumulator()
  const finishReasons = new Map<number, string>()
  const responses = content ? ChatResponse.accumulator() : undefined
  const reader = new Reader()
  let id: string | undefined
  let model: string | undefined
  return {
    model: () => model,
    add: (chunks: ReadonlyArray<Chunk>): void => {
      for (const chunk of chunks) {
        metadata.add(chunk)
        if (id === undefined && chunk.id !== undefined) id = clean(chunk.id)
        if (model === undefined && chunk.model !== undefined) model = clean(chunk.model)
        const events = reader.read(chunk)
        for (const event of events) if (event.type === "finish") finishReasons.set(event.choice ?? 0, clean(event.raw))
        responses?.addEvents(chunk, events)
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

const answeredOf = ({ errorType, finishReasons, id, model, timeToFirstChunk, usage }: Ended): Attributes => ({
  "gen_ai.response.id": id,
  "gen_ai.response.model": model,
  "gen_ai.response.finish_reasons": finishReasons.length === 0 ? undefined : finishReasons,
  "gen_ai.response.time_to_first_chunk": timeToFirstChunk,
  "gen_ai.usage.input_tokens": usage?.inputTokens,
  "gen_ai.usage.output_tokens": usage?.outputTokens,
  "gen_ai.usage.cache_read.input_tokens": usage?.cachedTokens,
  "gen_ai.usage.cache_write.input_tokens": usage?.cacheWriteTokens,
  "gen_ai.usage.text.input_tokens": usage?.inputTextTokens,
  "gen_ai.usage.audio.input_tokens": usage?.inputAudioTokens,
  "gen_ai.usage.image.input_tokens": usage?.inputImageTokens,
  "gen_ai.usage.reasoning.output_tokens": usage?.reasoningTokens,
  "gen_ai.usage.text.output_tokens": usage?.outputTextTokens,
  "gen_ai.usage.audio.output_tokens": usage?.outputAudioTokens,
  "gen_ai.usage.image.output_tokens": usage?.outputImageTokens,
  "error.type": errorType
})

const measure = (
  common: Attributes,
  { duration: took, ending, errorType, timeToFirstChunk: first, usage }: Ended
): Effect.Effect<void> => {
  const update = <I>(metric: Metric.Metric<I, unknown>, value: I | undefined, more: Attributes = {}) =>
    value === undefined
      ? Effect.void
      : Metric.update(Metric.withAttributes(metric, Operation.labels({ ...common, ...more })), value)
  const count = (metric: Metric.Counter<number>, total: number | undefined, parts: Readonly<Record<string, Count>>) => {
    const known = Object.values(parts).reduce<number>((sum, part) => sum + (part ?? 0), 0)
    return Effect.all(
      Object.entries({
        ...parts,
        unknown: total === undefined || total <= known && known > 0 ? undefined : total - known
      })
        .map(([modality, tokens]) => update(metric, tokens, { "gen_ai.token.modality": modality })),
      { discard: true }
    )
  }
  const isWhole = ending === "completed"
  return Effect.all([
    update(duration, took, { "error.type": errorType }),
    update(timeToFirstChunk, first),
    count(tokenCounters.input, usage?.inputTokens ?? 0, {
      text: usage?.inputTextTokens,
      audio: usage?.inputAudioTokens,
      image: usage?.inputImageTokens
    }),
    count(tokenCounters.output, usage?.outputTokens ?? 0, {
      text: usage?.outputTextTokens,
      audio: usage?.outputAudioTokens,
      image: usage?.outputImageTokens
    }),
    count(tokenCounters.cacheRead, usage?.cachedTokens, {}),
    count(tokenCounters.cacheWrite, usage?.cacheWriteTokens, {}),
    count(tokenCounters.reasoning, usage?.reasoningTokens, {}),
    update(callTokens.input, isWhole ? usage?.inputTokens : undefined),
    update(callTokens.output, isWhole ? usage?.outputTokens : undefined)
  ], { discard: true })
}

type Count = number | undefined

// ---------------------------------------------------------------------------------------------------------------------
// Agents
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What can be set for the telemetry of an agent.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface AgentOptions {
  /** The `gen_ai.agent.name`, which is in the span's name. Default: none. */
  readonly name?: string | undefined
  /** The `gen_ai.agent.description`. Default: none. */
  readonly description?: string | undefined
  /** Whether the spans of its tools have their arguments and results. Default: `false`. */
  readonly content?: boolean | undefined
  /** More attributes of the span, such as `gen_ai.conversation.id`. Default: none. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

/**
 * What {@link invokeAgent} reads of the events of an agent: the sums in each `Step` and `Done` of a `ToolLoop`.
 *
 * @category models
 * @since 0.2.0
 */
export interface AgentEvent {
  readonly _tag: string
  readonly steps?: number | undefined
  readonly usage?: Usage | undefined
  readonly cost?: Cost.Cost | undefined
  readonly reason?: string | undefined
}

/**
 * A span `invoke_agent {name}` around all that an agent does, such as the events of a `ToolLoop`: the `chat` spans of its
 * requests and the `execute_tool` spans of its tools are within it. It has the tokens of all steps, their number
 * (`llm_stream.steps`), what they cost in USD (`llm_stream.cost.usd`), and why the agent ended.
 *
 * @example
 * ```ts
 * import { Telemetry, ToolLoop } from "effect-llm-stream"
 * import { Schema } from "effect"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * const toolkit = Toolkit.make(Tool.make("get_time", { success: Schema.String }))
 *
 * const events = ToolLoop.stream({ prompt: "What time is it?", tools: toolkit }).pipe(
 *   Telemetry.invokeAgent({ name: "clock" })
 * )
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const invokeAgent: {
  (
    options?: AgentOptions
  ): <A extends AgentEvent, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, Exclude<R, Tracer.ParentSpan>>
  <A extends AgentEvent, E, R>(
    self: Stream.Stream<A, E, R>,
    options?: AgentOptions
  ): Stream.Stream<A, E, Exclude<R, Tracer.ParentSpan>>
} = dual(
  (args) => Stream.isStream(args[0]),
  <A extends AgentEvent, E, R>(
    self: Stream.Stream<A, E, R>,
    options: AgentOptions = {}
  ): Stream.Stream<A, E, Exclude<R, Tracer.ParentSpan>> =>
    Stream.unwrap(Effect.gen(function*() {
      const { attributes = {}, content = false, description, name } = Result.getOrElse(
        Checks.copied(options),
        (): AgentOptions => ({})
      )
      const labelled = { "gen_ai.agent.name": textIn(name) }
      const agent: Operation.Agent = { content, calls: { inference: 0, tool: 0 } }
      const span = yield* Operation.operation("invoke_agent", textIn(name), {
        duration: invokeAgentDuration,
        labelled,
        attributes: {
          "gen_ai.agent.description": description,
          ...Result.getOrElse(Checks.copied(attributes), () => ({}))
        }
      })
      yield* Effect.addFinalizer(() =>
        // An agent of another make than a `ToolLoop` does not count its calls.
        agent.calls.inference + agent.calls.tool === 0
          ? Effect.void
          : Effect.forEach(
            ["inference", "tool"] as const,
            (kind) =>
              Metric.update(
                Metric.withAttributes(invokeAgentCalls[kind], Operation.labels(labelled)),
                agent.calls[kind]
              ),
            { discard: true }
          )
      )
      const tell = (usage: Usage | undefined, more: Attributes = {}) =>
        Operation.addAttributes(span, {
          "gen_ai.usage.input_tokens": usage?.inputTokens,
          "gen_ai.usage.output_tokens": usage?.outputTokens,
          ...more
        })
      return self.pipe(
        Stream.map((event) => {
          if (event._tag === "Step" || event._tag === "Done") {
            const { cost, reason, steps, usage } = event
            tell(usage, {
              "gen_ai.response.finish_reasons": reason === undefined ? undefined : [reason],
              "llm_stream.steps": steps,
              "llm_stream.cost.usd": cost === undefined ? undefined : BigDecimal.toNumberUnsafe(cost.total)
            })
          }
          return event
        }),
        Stream.tapError((error) =>
          Effect.sync(() => ProviderError.isProviderError(error) ? tell(error.spent?.usage) : undefined)
        ),
        Stream.provideService(Operation.CurrentAgent, agent),
        Stream.provideService(Tracer.ParentSpan, span)
      )
    }))
)

// ---------------------------------------------------------------------------------------------------------------------
// Content
// ---------------------------------------------------------------------------------------------------------------------

const contentEvent = "gen_ai.client.inference.operation.details"

const contentOf = (request: ChatRequest.ChatRequest, response: ChatResponse.ChatResponse): Attributes => {
  const { prompt, system, tools } = Result.getOrUndefined(ChatRequest.normalize(request)) ?? {}
  return {
    "gen_ai.system_instructions": jsonOf(system === undefined ? undefined : [{ type: "text", content: system }]),
    "gen_ai.input.messages": jsonOf(prompt?.content.map(messageOf)),
    "gen_ai.output.messages": jsonOf(response.choices.map((choice) => answerOf(choice, response))),
    "gen_ai.tool.definitions": jsonOf(
      tools?.map(({ description, name, parameters }) => ({ type: "function", name, description, parameters }))
    )
  }
}

const jsonOf = Operation.jsonOf

const messageOf = (message: Prompt.Message) => ({
  role: message.role,
  parts: typeof message.content === "string"
    ? [{ type: "text", content: message.content }]
    : message.content.map(partOf)
})

const partOf = (part: Prompt.Part) => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return { type: part.type, content: part.text }
    case "tool-call":
      return part.providerExecuted
        ? { type: "server_tool_call", id: part.id, name: part.name, server_tool_call: callOf(part) }
        : { type: "tool_call", id: part.id, name: part.name, arguments: part.params }
    case "tool-result":
      return { type: "tool_call_response", id: part.id, response: part.result }
    case "file": {
      const { data, fileName, mediaType } = part
      const file = { mime_type: mediaType, modality: modalityOf(mediaType), name: fileName }
      // The bytes stay here: they do not belong in a span.
      return data instanceof URL
        ? { type: "uri", ...file, uri: data.protocol === "data:" ? "data:" : data.href }
        : { type: "blob", ...file, content: "" }
    }
    default:
      return { type: part.type }
  }
}

const callOf = ({ name, params }: Prompt.ToolCallPart) => ({ type: name, arguments: params })

const modalityOf = (mediaType: string): string => /^(?:image|video|audio)(?=\/)/.exec(mediaType)?.[0] ?? "document"

const answerOf = (
  { content, index, reasoning, refusal, toolCalls }: ChatResponse.Choice,
  response: ChatResponse.ChatResponse
) => ({
  role: "assistant",
  parts: [
    ...(reasoning === "" ? [] : [{ type: "reasoning", content: reasoning }]),
    ...[content, refusal].filter((text) => text !== "").map((text) => ({ type: "text", content: text })),
    ...toolCalls.map(({ arguments: text, id, name }) => ({
      type: "tool_call",
      id,
      name,
      arguments: Result.getOrElse(Result.try((): unknown => JSON.parse(text)), () => text)
    })),
    ...(index === 0 ? response.message.content.flatMap((part) => isOfProvider(part) ? [partOf(part)] : []) : [])
  ]
})

const isOfProvider = (part: Prompt.AssistantMessagePart): boolean =>
  part.type === "file" || part.type === "tool-result" || part.type === "tool-call" && part.providerExecuted
