import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Metric, Option, Redacted, Schema, Stream, Tracer } from "effect"
import {
  Anthropic,
  AnthropicChunk,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  ChatResponse,
  type Chunk,
  ChunkStream,
  OpenAi,
  OpenAiChunk,
  OpenAiLanguageModel,
  OpenAiResponses,
  OpenAiResponsesChunk,
  Pricing,
  Provider,
  ProviderError,
  Telemetry,
  ToolLoop,
  Usage
} from "effect-llm-stream"
import { Answer, Arbitraries, ReplayServer, TestProvider, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import { LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpClient } from "effect/http"
import { Otlp, PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { otlpReceiver } from "./support/otlp.ts"
import * as Spans from "./support/tracer.ts"

const request = { model: "gpt-4o", prompt: "Say hello" }
const usage = { inputTokens: 1000, cachedTokens: 200, outputTokens: 101 }
const chunks = Answer.openai(Answer.make({ content: "Hello, world!", usage, model: "gpt-4o", id: "chatcmpl-1" }))

/** A tracer that keeps its spans. */
const recorder = () => {
  const { spans, tracer } = Spans.recorder()
  return { spans, tracer, chats: () => spans.filter(({ name }) => name.startsWith("chat")) }
}

/** Runs with a traced provider of a script; the chat spans and the metrics that come of it. */
const watched = Effect.fnUntraced(function*<A, E>(
  reply: TestProvider.Reply<Chunk.Chunk>,
  use: (provider: Provider.Service) => Effect.Effect<A, E>,
  options?: Telemetry.Options,
  name = "openai"
) {
  const { chats, tracer } = recorder()
  return yield* Effect.gen(function*() {
    const exit = yield* Effect.exit(use(yield* Provider.Provider))
    const metrics = yield* Metric.snapshot
    return { exit, metrics, spans: chats() }
  }).pipe(
    Effect.provide(Telemetry.layer(options).pipe(Layer.provide(TestProvider.layer([reply], { name })))),
    Effect.withTracer(tracer),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
})

const only = <A>(list: ReadonlyArray<A>): A => {
  assert.lengthOf(list, 1)
  const [first] = list
  if (first === undefined) throw new Error("nothing")
  return first
}

const attributesOf = (span: Tracer.NativeSpan) => Object.fromEntries(span.attributes)

const exitOf = (span: Tracer.NativeSpan) =>
  span.status._tag === "Ended" ? span.status.exit : assert.fail("the span has not ended")

/** `sum` and `count` of each histogram, by its name and a label. */
const histograms = (metrics: ReadonlyArray<Metric.Metric.Snapshot>, id: string) =>
  metrics.flatMap((metric) =>
    metric.id === id && metric.type === "Histogram"
      ? [{ attributes: metric.attributes ?? {}, sum: metric.state.sum, count: metric.state.count, state: metric.state }]
      : []
  )

const drain = (provider: Provider.Service) => Stream.runDrain(provider.stream(request))

describe("Telemetry", () => {
  describe("spans", () => {
    it.effect("have the request, the response, the tokens by kind and the cost", () =>
      Effect.gen(function*() {
        const reasoning = new OpenAiChunk({ chunk: { usage: { completion_tokens_details: { reasoning_tokens: 40 } } } })
        const { spans } = yield* watched({ chunks: [...chunks, reasoning] }, (provider) =>
          Stream.runDrain(provider.stream({
            ...request,
            temperature: 0.5,
            topP: 0.9,
            topK: 4,
            maxTokens: 100,
            stop: ["END"],
            seed: 7,
            frequencyPenalty: 0.1,
            presencePenalty: 0.2,
            reasoning: { effort: "low" },
            responseFormat: "json"
          })))
        const span = only(spans)
        assert.strictEqual(span.name, "chat gpt-4o")
        assert.strictEqual(span.kind, "client")
        assert.deepStrictEqual(attributesOf(span), {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.output.type": "json",
          "gen_ai.request.model": "gpt-4o",
          "gen_ai.request.stream": true,
          "gen_ai.request.temperature": 0.5,
          "gen_ai.request.top_p": 0.9,
          "gen_ai.request.top_k": 4,
          "gen_ai.request.max_tokens": 100,
          "gen_ai.request.stop_sequences": ["END"],
          "gen_ai.request.seed": 7,
          "gen_ai.request.frequency_penalty": 0.1,
          "gen_ai.request.presence_penalty": 0.2,
          "gen_ai.request.reasoning.level": "low",
          "gen_ai.response.id": "chatcmpl-1",
          "gen_ai.response.model": "gpt-4o",
          "gen_ai.response.finish_reasons": ["stop"],
          "gen_ai.response.time_to_first_chunk": 0,
          "gen_ai.usage.input_tokens": 1000,
          "gen_ai.usage.output_tokens": 101,
          "gen_ai.usage.cache_read.input_tokens": 200,
          "gen_ai.usage.reasoning.output_tokens": 40,
          "llm_stream.outcome": "completed",
          // 800 × 2.50 + 200 × 1.25 + 101 × 10 USD for a million
          "llm_stream.cost.usd": 0.00326,
          "llm_stream.cost.complete": true
        })
        assert.isTrue(Exit.isSuccess(exitOf(span)))
        assert.deepStrictEqual(span.events, [])
      }))

    it.effect("state the cache writes of Anthropic apart, within the input", () =>
      Effect.gen(function*() {
        const { chats, tracer } = recorder()
        const usage = {
          input_tokens: 50,
          cache_read_input_tokens: 20,
          cache_creation_input_tokens: 30,
          output_tokens: 5
        }
        const message = new AnthropicChunk({ chunk: { type: "message_start", message: { usage } } })
        const { stream } = yield* TestProvider.make([{ chunks: [message] }])
        const provider = Telemetry.traced({ name: "anthropic", stream })
        yield* Stream.runDrain(provider.stream(request)).pipe(Effect.withTracer(tracer))
        assert.deepInclude(attributesOf(only(chats())), {
          "gen_ai.usage.input_tokens": 100,
          "gen_ai.usage.cache_read.input_tokens": 20,
          "gen_ai.usage.cache_write.input_tokens": 30,
          "gen_ai.usage.output_tokens": 5
        })
      }))

    it.live("of the Responses API are one a call, with tokens by kind, the cost, and the provider's own tools", () =>
      Effect.gen(function*() {
        const { chats, tracer } = recorder()
        const answer = Answer.make({ id: "resp_1", model: "gpt-5", content: "Hello", usage })
        const search = { type: "web_search_call", id: "ws_1", action: { type: "search", query: "x" } } as const
        const searched = Answer.openaiResponses(answer).map(({ chunk }) =>
          new OpenAiResponsesChunk({
            chunk: chunk.type === "response.completed"
              ? { ...chunk, response: { ...chunk.response, output: [search, ...chunk.response?.output ?? []] } }
              : chunk
          })
        )
        const server = yield* NodeReplayServer.make([
          ReplayServer.json({ error: { message: "busy" } }, { status: 503, headers: { "retry-after": "0" } }),
          ReplayServer.stream(Wire.openaiResponses, searched),
          ReplayServer.stream(Wire.openaiResponses, searched.slice(0, 2))
        ])
        yield* OpenAiResponses.OpenAiResponses.use(({ stream }) =>
          Effect.gen(function*() {
            yield* Stream.runDrain(stream({ model: "gpt-5", prompt: "Say hello" }))
            yield* Effect.exit(Stream.runDrain(stream({ model: "gpt-5", prompt: "Say hello" })))
          })
        ).pipe(
          Effect.provide(
            Telemetry.layerService(OpenAiResponses.OpenAiResponses).pipe(
              Layer.provide(
                OpenAiResponses.layer({ apiKey: Redacted.make("sk-secret"), baseUrl: `${server.url}/v1` })
              ),
              Layer.provide(FetchHttpClient.layer)
            )
          ),
          Effect.withTracer(tracer)
        )
        const [whole, broken, ...others] = chats()
        assert.lengthOf(others, 0)
        assert.deepInclude(whole === undefined ? {} : attributesOf(whole), {
          "gen_ai.provider.name": "openai",
          "gen_ai.response.id": "resp_1",
          "gen_ai.response.model": "gpt-5",
          "gen_ai.response.finish_reasons": ["completed"],
          "gen_ai.usage.input_tokens": 1000,
          "gen_ai.usage.cache_read.input_tokens": 200,
          "gen_ai.usage.output_tokens": 101,
          "llm_stream.outcome": "completed",
          // 800 × 1.25 + 200 × 0.125 + 101 × 10 USD for a million, and a search for 0.01
          "llm_stream.cost.usd": 0.012035,
          "llm_stream.cost.complete": true
        })
        assert.deepInclude(broken === undefined ? {} : attributesOf(broken), {
          "error.type": "IncompleteStream",
          "llm_stream.outcome": "failed"
        })
      }))

    it.effect("last from the start of the stream to its end", () =>
      Effect.gen(function*() {
        const fiber = yield* watched({ chunks, delay: "2 seconds", interval: "1 second" }, drain).pipe(Effect.forkChild)
        yield* TestClock.adjust("1 minute")
        const { spans } = yield* Fiber.join(fiber)
        const span = only(spans)
        const { status } = span
        assert.strictEqual(span.attributes.get("gen_ai.response.time_to_first_chunk"), 2)
        assert.strictEqual(
          status._tag === "Ended" ? status.endTime - status.startTime : undefined,
          BigInt(2 + chunks.length - 1) * 1_000_000_000n
        )
      }))

    it.effect("of a failed call have the failure, and what had been stated", () =>
      Effect.gen(function*() {
        const error = new ProviderError.RateLimited({ message: "Slow down", status: 429 })
        const { exit, spans } = yield* watched({ chunks, error }, drain)
        const span = only(spans)
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(exitOf(span), exit)
        assert.deepInclude(attributesOf(span), {
          "error.type": "RateLimited",
          "llm_stream.outcome": "failed",
          "gen_ai.usage.output_tokens": 101
        })
      }))

    it.effect.prop(
      "say what the chunks add up to, wherever a provider's stream breaks, and leave the chunks as they are",
      [Arbitraries.answer({ choices: 2 }), Schema.Natural, Schema.Literals([0, 1, 2, 3, 4])],
      ([answer, cut, wire]) =>
        Effect.gen(function*() {
          const all: ReadonlyArray<Chunk.Chunk> =
            [Answer.openai, Answer.anthropic, Answer.bedrock, Answer.groq, Answer.openaiResponses][wire]?.(answer) ?? []
          const chunks = all.slice(0, cut % (all.length + 1))
          const error = new ProviderError.Network({ message: "reset" })
          const seen: Array<Chunk.Chunk> = []
          const { spans } = yield* watched({ chunks, error }, (provider) =>
            Stream.runForEach(provider.stream(request), (chunk) => Effect.sync(() => seen.push(chunk))))
          assert.deepStrictEqual(seen, chunks)
          const { finishReasons, id, model, usage } = ChatResponse.fromChunks(chunks)
          const { attributes } = only(spans)
          assert.strictEqual(attributes.get("gen_ai.response.id"), id)
          assert.strictEqual(attributes.get("gen_ai.response.model"), model)
          assert.deepStrictEqual(attributes.get("gen_ai.response.finish_reasons") ?? [], finishReasons)
          assert.strictEqual(attributes.get("gen_ai.usage.input_tokens"), usage?.inputTokens)
          assert.strictEqual(attributes.get("gen_ai.usage.cache_read.input_tokens"), usage?.cachedTokens)
          assert.strictEqual(attributes.get("gen_ai.usage.output_tokens"), usage?.outputTokens)
        })
    )

    it.effect("of an interrupted call end with the interruption", () =>
      Effect.gen(function*() {
        const { spans } = yield* watched({ chunks: chunks.slice(0, 2), hang: true }, (provider) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(drain(provider))
            yield* TestClock.adjust("3 seconds")
            yield* Fiber.interrupt(fiber)
          }))
        const span = only(spans)
        assert.isTrue(Exit.hasInterrupts(exitOf(span)))
        assert.strictEqual(span.attributes.get("llm_stream.outcome"), "interrupted")
        assert.isFalse(span.attributes.has("error.type"))
        assert.isFalse(span.attributes.has("llm_stream.cost.usd"))
      }))

    it.effect("of a consumer that takes no more, or fails, end well", () =>
      Effect.gen(function*() {
        const consumers = [
          (provider: Provider.Service) => provider.stream(request).pipe(Stream.take(1), Stream.runDrain),
          (provider: Provider.Service) => Stream.runForEach(provider.stream(request), () => Effect.fail("consumer"))
        ]
        for (const consume of consumers) {
          const { spans } = yield* watched({ chunks, hang: true }, consume)
          const span = only(spans)
          assert.isTrue(Exit.isSuccess(exitOf(span)))
          assert.strictEqual(span.attributes.get("llm_stream.outcome"), "stopped")
          assert.isFalse(span.attributes.has("error.type"))
        }
      }))

    it.effect("are one for each run of a stream, within the span around it", () =>
      Effect.gen(function*() {
        const { spans } = yield* watched({ chunks }, (provider) => {
          const stream = provider.stream(request)
          return Effect.andThen(Stream.runDrain(stream), Stream.runDrain(stream)).pipe(Effect.withSpan("answer"))
        })
        assert.lengthOf(spans, 2)
        assert.deepStrictEqual(
          spans.map(({ parent }) =>
            parent.pipe(
              Option.filter((parent) => parent._tag === "Span"),
              Option.map((parent) => parent.name),
              Option.getOrUndefined
            )
          ),
          ["answer", "answer"]
        )
      }))

    it.effect("have no cost where the price is not known, and no tokens where none were stated", () =>
      Effect.gen(function*() {
        const unpriced = yield* watched({
          chunks: Answer.openai(Answer.make({ content: "Hi", usage, model: "nobody-knows" }))
        }, drain)
        const silent = yield* watched({ chunks: Answer.openai(Answer.make({ content: "Hi", model: "gpt-4o" })) }, drain)
        for (const { spans } of [unpriced, silent]) {
          assert.isFalse(only(spans).attributes.has("llm_stream.cost.usd"))
        }
        assert.strictEqual(only(unpriced.spans).attributes.get("gen_ai.usage.output_tokens"), 101)
        assert.isFalse(only(silent.spans).attributes.has("gen_ai.usage.output_tokens"))
      }))

    it.effect("use the prices in the context of the call", () =>
      Effect.gen(function*() {
        const usage = { inputTokens: 1000, cachedTokens: 0, outputTokens: 100 }
        const chunks = Answer.openai(Answer.make({ content: "Hi", usage, model: "nobody-knows" }))
        const { spans } = yield* watched({ chunks }, (provider) =>
          drain(provider).pipe(
            Effect.provide(Pricing.layer({ overrides: { openai: { "nobody-knows": { input: 1, output: 2 } } } }))
          ))
        assert.strictEqual(only(spans).attributes.get("llm_stream.cost.usd"), 0.0012)
      }))

    it.effect("have the attributes and the provider's name that the options say", () =>
      Effect.gen(function*() {
        const { spans } = yield* watched({ chunks }, drain, {
          providerName: "x_ai",
          attributes: ({ model }) => ({ "gen_ai.conversation.id": `about ${model}` })
        })
        assert.deepInclude(attributesOf(only(spans)), {
          "gen_ai.provider.name": "x_ai",
          "gen_ai.conversation.id": "about gpt-4o"
        })
      }))
  })

  it.effect("goes on without the attributes of options that throw, and says so", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const { exit, spans } = yield* watched({ chunks }, drain, {
        attributes: () => {
          throw new Error("no conversation")
        }
      }).pipe(
        Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => void lines.push([logLevel, message]))]))
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(attributesOf(only(spans))["gen_ai.response.id"], "chatcmpl-1")
      assert.lengthOf(lines, 1)
      assert.include(JSON.stringify(lines), "`attributes` of the telemetry failed:")
    }))

  describe("spans of the bundled providers", () => {
    const client = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never))
    const apiKey = Redacted.make("key")
    const at = Effect.fnUntraced(function*<A>(layer: Layer.Layer<A | Provider.Provider, never, HttpClient.HttpClient>) {
      const { chats, tracer } = recorder()
      yield* Provider.Provider.use((provider) => {
        const { stream } = Telemetry.traced(provider)
        return Stream.runDrain(stream({ prompt: "Hi" }))
      }).pipe(
        Effect.provide(layer.pipe(Layer.provide(client))),
        Effect.withTracer(tracer),
        Effect.forkChild,
        Effect.flatMap((fiber) => Effect.andThen(TestClock.adjust("1 second"), Fiber.interrupt(fiber)))
      )
      const span = only(chats())
      const { "gen_ai.provider.name": provider, "server.address": address, "server.port": port } = attributesOf(span)
      return [span.name, provider, address, port]
    })

    it.effect("have the layer's default model, the conventions' name of the provider and the server", () =>
      Effect.gen(function*() {
        const model = "some-model"
        assert.deepStrictEqual(
          yield* at(OpenAi.layer({ apiKey, model })),
          ["chat some-model", "openai", "api.openai.com", 443]
        )
        assert.deepStrictEqual(
          yield* at(Anthropic.layer({ apiKey, model, baseUrl: "http://127.0.0.1:8080" })),
          ["chat some-model", "anthropic", "127.0.0.1", 8080]
        )
        assert.deepStrictEqual(
          yield* at(Bedrock.layer({ apiKey, region: "us-east-1", model })),
          ["chat some-model", "aws.bedrock", "bedrock-runtime.us-east-1.amazonaws.com", 443]
        )
        assert.deepStrictEqual(
          yield* at(AzureOpenAi.layer({ apiKey, endpoint: "https://mine.openai.azure.com", deployment: "mine" })),
          ["chat mine", "azure.ai.openai", "mine.openai.azure.com", 443]
        )
        assert.deepStrictEqual(
          yield* at(AzureInference.layer({ apiKey, endpoint: "https://mine.services.ai.azure.com", model })),
          ["chat some-model", "azure.ai.inference", "mine.services.ai.azure.com", 443]
        )
        assert.deepStrictEqual(
          yield* at(OpenAiResponses.layer({ apiKey, model })),
          ["chat some-model", "openai", "api.openai.com", 443]
        )
        assert.deepStrictEqual(
          yield* at(AzureResponses.layer({ apiKey, endpoint: "https://mine.openai.azure.com", model })),
          ["chat some-model", "azure.ai.openai", "mine.openai.azure.com", 443]
        )
      }))
  })

  describe("spans of a model of effect/ai", () => {
    it.effect("are one for each request, within the model's own", () =>
      Effect.gen(function*() {
        const { chats, tracer } = recorder()
        const { stream } = yield* TestProvider.make([{ chunks }], { name: "openai" })
        const provider = Telemetry.layerService(OpenAi.OpenAi).pipe(
          Layer.provide(Layer.succeed(OpenAi.OpenAi, { name: "openai", stream }))
        )
        const { text } = yield* LanguageModel.generateText({ prompt: "Say hello" }).pipe(
          Effect.provide(OpenAiLanguageModel.model("gpt-4o").pipe(Layer.provide(provider))),
          Effect.withTracer(tracer)
        )
        const span = only(chats())
        assert.strictEqual(text, "Hello, world!")
        assert.strictEqual(span.name, "chat gpt-4o")
        assert.strictEqual(span.attributes.get("llm_stream.cost.usd"), 0.00326)
        assert.strictEqual(
          span.parent.pipe(Option.map((parent) => parent._tag === "Span" ? parent.name : ""), Option.getOrUndefined),
          "LanguageModel.generateText"
        )
      }))
  })

  describe("content", () => {
    const prompt = Prompt.make([
      { role: "user", content: [{ type: "text", text: "Weather?" }] },
      { role: "assistant", content: [{ type: "tool-call", id: "1", name: "weather", params: { city: "Paris" } }] },
      { role: "tool", content: [{ type: "tool-result", id: "1", name: "weather", result: "rain", isFailure: false }] }
    ])
    const ask = (provider: Provider.Service) =>
      Stream.runDrain(provider.stream({ model: "gpt-4o", system: "Be brief.", prompt }))

    it.effect("is in an event of the span where it is asked for", () =>
      Effect.gen(function*() {
        const { spans } = yield* watched({ chunks }, ask, { content: true })
        const [name, , attributes] = only(only(spans).events)
        assert.strictEqual(name, "gen_ai.client.inference.operation.details")
        assert.deepInclude(attributes, {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": "gpt-4o",
          "gen_ai.response.id": "chatcmpl-1",
          "gen_ai.response.finish_reasons": ["stop"]
        })
        const read = (key: string): unknown => JSON.parse(String(attributes?.[key]))
        assert.deepStrictEqual(read("gen_ai.system_instructions"), [{ type: "text", content: "Be brief." }])
        assert.deepStrictEqual(read("gen_ai.input.messages"), [
          { role: "user", parts: [{ type: "text", content: "Weather?" }] },
          {
            role: "assistant",
            parts: [{ type: "tool_call", id: "1", name: "weather", arguments: { city: "Paris" } }]
          },
          { role: "tool", parts: [{ type: "tool_call_response", id: "1", response: "rain" }] }
        ])
        assert.deepStrictEqual(read("gen_ai.output.messages"), [
          { role: "assistant", parts: [{ type: "text", content: "Hello, world!" }] }
        ])
      }))

    it.effect("has the arguments of calls as objects in both directions, and no bytes of files", () =>
      Effect.gen(function*() {
        const arguments_ = "{\"city\":\"Paris\"}"
        const called = Answer.openai(Answer.make({ toolCalls: [{ name: "weather", arguments: arguments_ }] }))
        const { spans } = yield* watched(
          { chunks: called },
          (provider) =>
            Stream.runDrain(provider.stream({
              ...request,
              prompt: Prompt.make([{
                role: "user",
                content: [
                  { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]), fileName: "a.png" },
                  { type: "file", mediaType: "application/pdf", data: new URL("https://example.com/a.pdf") }
                ]
              }])
            })),
          { content: true }
        )
        const [, , attributes] = only(only(spans).events)
        const read = (key: string): unknown => JSON.parse(String(attributes?.[key]))
        assert.deepStrictEqual(read("gen_ai.output.messages"), [{
          role: "assistant",
          parts: [{ type: "tool_call", id: "call_0_0", name: "weather", arguments: { city: "Paris" } }]
        }])
        assert.deepStrictEqual(read("gen_ai.input.messages"), [{
          role: "user",
          parts: [
            { type: "blob", mime_type: "image/png", modality: "image", name: "a.png", content: "" },
            { type: "uri", mime_type: "application/pdf", modality: "document", uri: "https://example.com/a.pdf" }
          ]
        }])
      }))

    it.effect("is what had come where the call was cut off", () =>
      Effect.gen(function*() {
        const error = new ProviderError.Network({ message: "reset" })
        const { spans } = yield* watched({ chunks: chunks.slice(0, 2), error }, ask, { content: true })
        const [, , attributes] = only(only(spans).events)
        assert.include(String(attributes?.["gen_ai.output.messages"]), "\"Hello,")
      }))

    it.effect("is nowhere by default", () =>
      Effect.gen(function*() {
        const { spans } = yield* watched({ chunks }, ask)
        const span = only(spans)
        const text = JSON.stringify([attributesOf(span), span.events.map(String)])
        for (const word of ["Hello", "Weather", "rain", "brief"]) assert.notInclude(text, word)
      }))
  })

  describe("an agent", () => {
    const toolkit = Toolkit.make(
      Tool.make("weather", {
        description: "The weather",
        parameters: Schema.Struct({ city: Schema.String }),
        success: Schema.String
      })
    )
    const replies = [
      {
        chunks: Answer.openai(
          Answer.make({
            toolCalls: [{ name: "weather", arguments: "{\"city\":\"Paris\"}" }],
            finishReason: "tool_calls",
            usage,
            model: "gpt-4o"
          })
        )
      },
      { chunks }
    ] as const
    const run = Effect.fnUntraced(function*(
      options?: Telemetry.AgentOptions,
      script: TestProvider.Script<Chunk.Chunk> = replies
    ) {
      const { spans, tracer } = recorder()
      return yield* Effect.gen(function*() {
        yield* ToolLoop.stream({ ...request, tools: toolkit }).pipe(
          Telemetry.invokeAgent(options),
          Stream.runDrain,
          Effect.exit
        )
        return { spans, metrics: yield* Metric.snapshot }
      }).pipe(
        Effect.provide([
          toolkit.toLayer({ weather: () => Effect.withSpan(Effect.succeed("rain"), "inside") }),
          Telemetry.layer().pipe(Layer.provide(TestProvider.layer(script, { name: "openai" })))
        ]),
        Effect.withTracer(tracer),
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
    })
    const tree = (spans: ReadonlyArray<Tracer.NativeSpan>) =>
      spans.map(({ name, parent }) => [
        name,
        spans.find(({ spanId }) => spanId === Option.getOrUndefined(parent)?.spanId)?.name
      ])

    it.effect("has a span with its requests and tools within, without arguments and results", () =>
      Effect.gen(function*() {
        const { metrics, spans } = yield* run({ name: "meteo", attributes: { "gen_ai.conversation.id": "c" } })
        const agent = "invoke_agent meteo"
        assert.deepStrictEqual(tree(spans), [
          [agent, undefined],
          ["chat gpt-4o", agent],
          ["execute_tool weather", agent],
          ["inside", "execute_tool weather"],
          ["chat gpt-4o", agent]
        ])
        const [whole, , tool] = spans.map(attributesOf)
        assert.deepStrictEqual(whole, {
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.agent.name": "meteo",
          "gen_ai.conversation.id": "c",
          "gen_ai.usage.input_tokens": 2000,
          "gen_ai.usage.output_tokens": 202,
          "gen_ai.response.finish_reasons": ["stop"],
          "llm_stream.steps": 2,
          "llm_stream.cost.usd": 0.00652
        })
        assert.deepStrictEqual(tool, {
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": "weather",
          "gen_ai.tool.type": "function",
          "gen_ai.tool.call.id": "call_0_0",
          "gen_ai.tool.description": "The weather"
        })
        assert.isTrue(spans.every((span) => Exit.isSuccess(exitOf(span))))
        for (const id of ["gen_ai.invoke_agent.duration", "gen_ai.execute_tool.duration"]) {
          assert.strictEqual(only(histograms(metrics, id)).count, 1)
        }
      }))

    it.effect("has arguments and results of its tools where content is asked for", () =>
      Effect.gen(function*() {
        const { spans } = yield* run({ content: true })
        assert.strictEqual(spans[0]?.name, "invoke_agent")
        const { attributes } = only(spans.filter(({ name }) => name === "execute_tool weather"))
        assert.strictEqual(attributes.get("gen_ai.tool.call.arguments"), "{\"city\":\"Paris\"}")
        assert.strictEqual(attributes.get("gen_ai.tool.call.result"), "\"rain\"")
        assert.isFalse(attributes.has("parameters"))
      }))

    it.effect("has the reason of its failure, and what it had used", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recorder()
        const error = new ProviderError.ProviderError({
          provider: "openai",
          reason: new ProviderError.RateLimited({ message: "Slow down" }),
          emitted: false,
          spent: { usage: new Usage.Usage({ inputTokens: 5, outputTokens: 2 }) }
        })
        yield* Stream.fail(error).pipe(
          Telemetry.invokeAgent(),
          Stream.runDrain,
          Effect.exit,
          Effect.withTracer(tracer)
        )
        assert.deepInclude(attributesOf(only(spans)), {
          "error.type": "RateLimited",
          "gen_ai.usage.input_tokens": 5,
          "gen_ai.usage.output_tokens": 2
        })
      }))

    it.effect("counts how often it asks a model and calls tools, whether it ends well or not", () =>
      Effect.gen(function*() {
        const busy = { error: new ProviderError.Overloaded({ message: "busy" }) }
        const calls: ReadonlyArray<
          readonly [script: TestProvider.Script<Chunk.Chunk>, inference: number, tool: number]
        > = [
          [[{ chunks }], 1, 0],
          [replies, 2, 1],
          [[replies[0], busy], 2, 1],
          [[busy], 1, 0]
        ]
        for (const [script, inference, tool] of calls) {
          const { metrics } = yield* run({ name: "meteo" }, script)
          for (const [kind, expected] of Object.entries({ inference, tool })) {
            const { attributes, count, state, sum } = only(histograms(metrics, `gen_ai.invoke_agent.${kind}_calls`))
            assert.deepStrictEqual([count, sum], [1, expected])
            assert.strictEqual(attributes["gen_ai.agent.name"], "meteo")
            assert.deepStrictEqual(state.buckets.map(([limit]) => limit), [1, 2, 4, 8, 16, 32, 64, 128, Infinity])
          }
        }
      }))

    it.effect("does not count the calls of an agent within it", () =>
      Effect.gen(function*() {
        const script: TestProvider.Script<Chunk.Chunk> = [replies[0], { chunks }, { chunks }]
        const provider = yield* TestProvider.make(script, { name: "openai" })
        const inner = ToolLoop.stream({ ...request, tools: Toolkit.empty }).pipe(
          Telemetry.invokeAgent({ name: "inner" }),
          ToolLoop.answer,
          Effect.map(({ text }) => text),
          Effect.orDie,
          Effect.provideService(Provider.Provider, provider)
        )
        const metrics = yield* ToolLoop.stream({ ...request, tools: toolkit }).pipe(
          Telemetry.invokeAgent({ name: "outer" }),
          Stream.runDrain,
          Effect.andThen(Metric.snapshot),
          Effect.provide(toolkit.toLayer({ weather: () => inner })),
          Effect.provideService(Provider.Provider, provider),
          Effect.provideService(Metric.MetricRegistry, new Map())
        )
        const counted = (kind: string) =>
          Object.fromEntries(
            histograms(metrics, `gen_ai.invoke_agent.${kind}_calls`).map(({ attributes, sum }) => [
              attributes["gen_ai.agent.name"],
              sum
            ])
          )
        assert.deepStrictEqual([counted("inference"), counted("tool")], [{ outer: 2, inner: 1 }, {
          outer: 1,
          inner: 0
        }])
      }))

    it.effect("has only names that the conventions have, and the library's own", () =>
      Effect.gen(function*() {
        const agent = yield* run({ name: "meteo", description: "Tells the weather", content: true })
        const { spans } = yield* watched(
          { chunks },
          (provider) => Stream.runDrain(provider.stream({ ...request, ...everything })),
          { content: true }
        )
        const failed = yield* watched({ error: new ProviderError.Overloaded({ message: "busy" }) }, drain)
        const all = [...agent.spans, ...spans, ...failed.spans]
        const names = new Set(
          all.flatMap((span) => [
            ...span.attributes.keys(),
            ...span.events.flatMap(([, , attributes]) => Object.keys(attributes ?? {}))
          ])
        )
        for (const name of names) assert.include([...conventions, ...ours], name)
        const metrics = [...agent.metrics, ...failed.metrics].flatMap(({ attributes, id }) =>
          id.startsWith("gen_ai.") ? [[id, Object.keys(attributes ?? {})] as const] : []
        )
        for (const [id, labels] of metrics) {
          assert.include(conventionMetrics, id)
          for (const label of labels) assert.include([...conventions, "unit"], label)
        }
      }))
  })

  describe("metrics", () => {
    it.effect("count tokens by modality, and time the call, its first chunk and each later one", () =>
      Effect.gen(function*() {
        const audio = new OpenAiChunk({
          chunk: {
            usage: { prompt_tokens_details: { audio_tokens: 300 }, completion_tokens_details: { reasoning_tokens: 40 } }
          }
        })
        const all = [...chunks, audio]
        const fiber = yield* watched({ chunks: all, delay: "2 seconds", interval: "1 second" }, drain).pipe(
          Effect.forkChild
        )
        yield* TestClock.adjust("1 minute")
        const { metrics, spans } = yield* Fiber.join(fiber)
        assert.strictEqual(only(spans).attributes.get("gen_ai.usage.audio.input_tokens"), 300)
        const attributes = {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": "gpt-4o",
          "gen_ai.response.model": "gpt-4o"
        }
        const counts = metrics.flatMap((metric) =>
          metric.id.startsWith("gen_ai.client.inference.usage.") && metric.type === "Counter"
            ? [[metric.id.slice(30), metric.attributes?.["gen_ai.token.modality"], metric.state.count]]
            : []
        )
        assert.deepStrictEqual(counts.map(String).sort(), [
          "cache_read.input_tokens,unknown,200",
          "input_tokens,audio,300",
          "input_tokens,unknown,700",
          "output_tokens,unknown,101",
          "reasoning.output_tokens,unknown,40"
        ])
        const rest = all.length - 1
        for (
          const [id, sum, count] of [
            ["gen_ai.client.inference.duration", 2 + rest, 1],
            ["gen_ai.client.inference.time_to_first_chunk", 2, 1],
            ["gen_ai.client.inference.time_per_output_chunk", rest, rest],
            ["gen_ai.client.inference.operation.input_tokens", 1000, 1],
            ["gen_ai.client.inference.operation.output_tokens", 101, 1]
          ] as const
        ) {
          const histogram = only(histograms(metrics, id))
          assert.deepInclude(histogram.attributes, attributes)
          assert.strictEqual(histogram.count, count, id)
          assert.closeTo(histogram.sum, sum, 1e-9)
        }
      }))

    it.effect("record 0 tokens of an unknown modality for a call that stated none", () =>
      Effect.gen(function*() {
        const { metrics } = yield* watched({ error: new ProviderError.Overloaded({ message: "busy" }) }, drain)
        const counts = metrics.flatMap((metric) =>
          metric.id === "gen_ai.client.inference.usage.input_tokens" && metric.type === "Counter"
            ? [[metric.attributes?.["gen_ai.token.modality"], metric.state.count]]
            : []
        )
        assert.deepStrictEqual(counts, [["unknown", 0]])
      }))

    it.effect("have the conventions' buckets and units", () =>
      Effect.gen(function*() {
        const { metrics } = yield* watched({ chunks }, drain)
        const [tokens] = histograms(metrics, "gen_ai.client.inference.operation.input_tokens")
        const [duration] = histograms(metrics, "gen_ai.client.inference.duration")
        assert.deepStrictEqual(
          tokens?.state.buckets.map(([bound]) => bound).slice(0, 14),
          [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
        )
        assert.deepStrictEqual(
          duration?.state.buckets.map(([bound]) => bound).slice(0, 14),
          [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
        )
        assert.deepStrictEqual([tokens?.attributes["unit"], duration?.attributes["unit"]], ["{token}", "s"])
      }))

    it.effect("tell failed calls by the type of their error", () =>
      Effect.gen(function*() {
        const error = new ProviderError.Overloaded({ message: "busy" })
        const { metrics } = yield* watched({ error }, drain)
        assert.strictEqual(
          only(histograms(metrics, "gen_ai.client.inference.duration")).attributes["error.type"],
          "Overloaded"
        )
        for (
          const id of ["gen_ai.client.inference.time_to_first_chunk", "gen_ai.client.inference.operation.input_tokens"]
        ) {
          assert.deepStrictEqual(histograms(metrics, id), [])
        }
      }))
  })

  describe("labels", () => {
    it.effect("are kept few, whatever names a host gives its model", () =>
      Effect.gen(function*() {
        let n = 0
        const chunks = () => [new OpenAiChunk({ chunk: { model: `host-${n++}`, choices: [] } })]
        const traced = yield* TestProvider.make(() => ({ chunks: chunks() })).pipe(
          Effect.map(({ stream }) => Telemetry.traced({ name: "test", stream }))
        )
        for (let calls = 0; calls < 1000; calls++) {
          yield* Stream.runDrain(traced.stream({ model: "asked", prompt: "Hi" }))
        }
        const models = histograms(yield* Metric.snapshot, "gen_ai.client.inference.duration").map(({ attributes }) =>
          attributes["gen_ai.response.model"]
        )
        assert.isBelow(models.length, 250)
        assert.include(models, "other")
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
  })

  describe("off", () => {
    it.effect("makes no span where tracing is off, and passes the same chunks", () =>
      Effect.gen(function*() {
        const { exit, spans } = yield* watched({ chunks }, (provider) =>
          Stream.runCollect(provider.stream(request)).pipe(Effect.withTracerEnabled(false)))
        assert.deepStrictEqual(exit, Exit.succeed([...chunks]))
        assert.deepStrictEqual(spans, [])
      }))
  })

  describe("export", () => {
    it.live("gives an OTLP receiver one span a call, with tokens and cost", () =>
      Effect.gen(function*() {
        const receiver = yield* otlpReceiver
        const server = yield* NodeReplayServer.make([
          ReplayServer.json({ error: { message: "busy" } }, { status: 503, headers: { "retry-after": "0" } }),
          ReplayServer.stream(Wire.openai, chunks),
          ReplayServer.json({ error: { message: "no such key" } }, { status: 401 }),
          ReplayServer.stream(Wire.openai, chunks, {
            interval: "1 millis",
            fault: { kind: "hang", after: { events: 3 } }
          })
        ])
        const provider = Telemetry.layerService(OpenAi.OpenAi).pipe(
          Layer.provide(OpenAi.layer({ apiKey: Redacted.make("sk-secret"), baseUrl: `${server.url}/v1` }))
        )
        yield* OpenAi.OpenAi.use(({ stream }) =>
          Effect.gen(function*() {
            yield* Stream.runDrain(stream(request))
            yield* ChunkStream.outcome(stream(request))
            const reached = stream(request).pipe(Stream.take(1), Stream.runDrain)
            yield* reached
            const fiber = yield* Effect.forkChild(Stream.runDrain(stream(request)))
            yield* server.request(4)
            yield* Fiber.interrupt(fiber)
          })
        ).pipe(
          Effect.provide(
            provider.pipe(
              Layer.provideMerge(
                Otlp.layerJson({ baseUrl: receiver.url, resource: { serviceName: "test" } })
              ),
              Layer.provideMerge(FetchHttpClient.layer)
            )
          ),
          Effect.provideService(Metric.MetricRegistry, new Map())
        )
        const spans = receiver.spans().filter(({ name }) => name === "chat gpt-4o")
        assert.deepStrictEqual(
          spans.map(({ attributes }) => attributes["llm_stream.outcome"]),
          ["completed", "failed", "stopped", "interrupted"]
        )
        const [completed, failed, , interrupted] = spans
        assert.deepInclude(completed?.attributes, {
          "gen_ai.usage.input_tokens": 1000,
          "gen_ai.usage.cache_read.input_tokens": 200,
          "gen_ai.usage.output_tokens": 101,
          "llm_stream.cost.usd": 0.00326,
          "llm_stream.retries": 1,
          "server.address": "127.0.0.1",
          "server.port": Number(new URL(server.url).port)
        })
        // Kind client; status ok, error, unset.
        assert.deepStrictEqual(spans.map(({ kind }) => kind), [3, 3, 3, 3])
        assert.deepStrictEqual([completed, failed, interrupted].map((span) => span?.status.code), [1, 2, 0])
        assert.deepInclude(failed?.attributes, { "error.type": "Authentication", "llm_stream.retries": 0 })
        // The two attempts of the first call are within its span.
        const attempts = receiver.spans().filter(({ parentSpanId }) => parentSpanId === completed?.spanId)
        assert.lengthOf(attempts, 2)
        assert.include(receiver.metrics(), "gen_ai.client.inference.usage.input_tokens")
        assert.include(receiver.metrics(), "gen_ai.client.inference.time_per_output_chunk")
        assert.notInclude(receiver.text(), "sk-secret")
      }))

    it.effect("gives Prometheus the same metrics", () =>
      Effect.gen(function*() {
        const { exit } = yield* watched({ chunks }, (provider) =>
          Effect.andThen(drain(provider), PrometheusMetrics.format()))
        const page = Exit.isSuccess(exit) ? exit.value : ""
        assert.match(
          page,
          /^gen_ai_client_inference_usage_output_tokens(?:_total)?\{.*gen_ai_token_modality="unknown".*\} 101$/m
        )
      }))
  })
})

const everything = {
  temperature: 0.5,
  topP: 0.9,
  topK: 4,
  maxTokens: 100,
  stop: ["END"],
  seed: 7,
  frequencyPenalty: 0.1,
  presencePenalty: 0.2,
  reasoning: { effort: "low" },
  responseFormat: "json",
  system: "Be brief."
} as const

/** Of the spans `gen_ai.client.inference`, `gen_ai.invoke_agent.internal` and `gen_ai.execute_tool.internal`, and of their metrics. */
const conventions = [
  "error.type",
  "server.address",
  "server.port",
  "gen_ai.operation.name",
  "gen_ai.provider.name",
  "gen_ai.output.type",
  "gen_ai.conversation.id",
  "gen_ai.request.model",
  "gen_ai.request.stream",
  "gen_ai.request.max_tokens",
  "gen_ai.request.temperature",
  "gen_ai.request.top_p",
  "gen_ai.request.top_k",
  "gen_ai.request.seed",
  "gen_ai.request.frequency_penalty",
  "gen_ai.request.presence_penalty",
  "gen_ai.request.stop_sequences",
  "gen_ai.request.reasoning.level",
  "gen_ai.response.id",
  "gen_ai.response.model",
  "gen_ai.response.finish_reasons",
  "gen_ai.response.time_to_first_chunk",
  "gen_ai.usage.input_tokens",
  "gen_ai.usage.output_tokens",
  "gen_ai.usage.cache_read.input_tokens",
  "gen_ai.usage.cache_write.input_tokens",
  "gen_ai.usage.reasoning.output_tokens",
  "gen_ai.usage.text.input_tokens",
  "gen_ai.usage.audio.input_tokens",
  "gen_ai.usage.image.input_tokens",
  "gen_ai.usage.text.output_tokens",
  "gen_ai.usage.audio.output_tokens",
  "gen_ai.usage.image.output_tokens",
  "gen_ai.system_instructions",
  "gen_ai.input.messages",
  "gen_ai.output.messages",
  "gen_ai.tool.definitions",
  "gen_ai.agent.name",
  "gen_ai.agent.description",
  "gen_ai.tool.name",
  "gen_ai.tool.type",
  "gen_ai.tool.call.id",
  "gen_ai.tool.description",
  "gen_ai.tool.call.arguments",
  "gen_ai.tool.call.result",
  "gen_ai.token.modality"
]

const conventionMetrics = [
  "gen_ai.client.inference.duration",
  "gen_ai.client.inference.time_to_first_chunk",
  "gen_ai.client.inference.time_per_output_chunk",
  "gen_ai.client.inference.usage.input_tokens",
  "gen_ai.client.inference.usage.output_tokens",
  "gen_ai.client.inference.usage.cache_read.input_tokens",
  "gen_ai.client.inference.usage.cache_write.input_tokens",
  "gen_ai.client.inference.usage.reasoning.output_tokens",
  "gen_ai.client.inference.operation.input_tokens",
  "gen_ai.client.inference.operation.output_tokens",
  "gen_ai.invoke_agent.duration",
  "gen_ai.invoke_agent.inference_calls",
  "gen_ai.invoke_agent.tool_calls",
  "gen_ai.execute_tool.duration"
]

const ours = [
  "llm_stream.outcome",
  "llm_stream.retries",
  "llm_stream.cost.usd",
  "llm_stream.cost.complete",
  "llm_stream.steps"
]
