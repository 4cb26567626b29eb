import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, ExecutionPlan, Layer, Option, Predicate, Redacted, Ref, Schema, Stream } from "effect"
import { AiError, Chat, LanguageModel, Model, ResponseIdTracker, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import {
  Anthropic,
  AnthropicLanguageModel,
  AzureInference,
  AzureInferenceLanguageModel,
  AzureOpenAi,
  AzureOpenAiLanguageModel,
  AzureResponses,
  AzureResponsesLanguageModel,
  Bedrock,
  BedrockChunk,
  BedrockInvoke,
  BedrockInvokeLanguageModel,
  BedrockLanguageModel,
  ChatRequest,
  type Chunk,
  EffectAi,
  Groq,
  GroqLanguageModel,
  Messages,
  OpenAi,
  OpenAiChunk,
  OpenAiLanguageModel,
  OpenAiResponses,
  OpenAiResponsesLanguageModel,
  Provider,
  ProviderError,
  Telemetry
} from "../../src/index.ts"
import { Answer, ReplayServer, RequestCheck, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Spans from "../support/tracer.ts"
import * as Whole from "../support/wholeFormats.ts"

const apiKey = Redacted.make("key")
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("secret") }

interface Row {
  readonly model: Layer.Layer<
    LanguageModel.LanguageModel | Provider.Provider | Model.ProviderName | Model.ModelName,
    never,
    never
  >
  readonly name: string
}

type ModelAt = (url: string) => Row

/** Every provider: its model at a server, and how it streams an answer. */
const providers: Readonly<
  Record<string, {
    readonly at: ModelAt
    readonly reply: (answer: Answer.Answer, options?: ReplayServer.ReplyOptions) => ReplayServer.Reply
    readonly api: RequestCheck.Api
    /** Whether the provider wants its reasoning back, signed. */
    readonly signs: boolean
  }>
> = {
  openai: {
    at: (url) => ({
      name: "openai",
      model: OpenAiLanguageModel.model("gpt-4.1-mini").pipe(
        Layer.provide(OpenAi.layer({ apiKey, baseUrl: `${url}/v1` })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.openai, Answer.openai(answer), options),
    api: "openai",
    signs: false
  },
  openAiResponses: {
    at: (url) => ({
      name: "openai",
      model: OpenAiResponsesLanguageModel.model("gpt-4.1-mini").pipe(
        Layer.provide(OpenAiResponses.layer({ apiKey, baseUrl: `${url}/v1` })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.openaiResponses, Answer.openaiResponses(answer), options),
    api: "openai-responses",
    signs: false
  },
  azureResponses: {
    at: (url) => ({
      name: "azure",
      model: AzureResponsesLanguageModel.model("gpt-4.1-mini").pipe(
        Layer.provide(AzureResponses.layer({ apiKey, endpoint: url })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.azureResponses, Answer.azureResponses(answer), options),
    api: "azure-responses",
    signs: false
  },
  groq: {
    at: (url) => ({
      name: "groq",
      model: GroqLanguageModel.model("openai/gpt-oss-20b").pipe(
        Layer.provide(Groq.layer({ apiKey, baseUrl: `${url}/openai/v1` })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.groq, Answer.groq(answer), options),
    api: "groq",
    signs: false
  },
  azureOpenAi: {
    at: (url) => ({
      name: "azure",
      model: AzureOpenAiLanguageModel.model("gpt-4.1-mini").pipe(
        Layer.provide(AzureOpenAi.layer({ apiKey, endpoint: url })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.azure, Answer.azure(answer), options),
    api: "azure",
    signs: false
  },
  azureInference: {
    at: (url) => ({
      name: "azure",
      model: AzureInferenceLanguageModel.model("grok-4").pipe(
        Layer.provide(AzureInference.layer({ apiKey, endpoint: `${url}/models` })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.azure, Answer.azure(answer), options),
    api: "azure-inference",
    signs: false
  },
  anthropic: {
    at: (url) => ({
      name: "anthropic",
      model: AnthropicLanguageModel.model("claude-sonnet-4-5", { reasoning: { budgetTokens: 1024 }, maxTokens: 4096 })
        .pipe(
          Layer.provide(Anthropic.layer({ apiKey, baseUrl: url })),
          Layer.provide(FetchHttpClient.layer)
        )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.anthropic, Answer.anthropic(answer), options),
    api: "anthropic",
    signs: true
  },
  bedrock: {
    at: (url) => ({
      name: "amazon-bedrock",
      model: BedrockLanguageModel.model("us.anthropic.claude-sonnet-4-5-20250929-v1:0").pipe(
        Layer.provide(Bedrock.layer({ region: "us-east-1", credentials, endpoint: url })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.bedrock, Answer.bedrock(answer).flatMap(signed), options),
    api: "bedrock",
    signs: true
  },
  bedrockInvoke: {
    at: (url) => ({
      name: "amazon-bedrock",
      model: BedrockInvokeLanguageModel.model("us.anthropic.claude-sonnet-4-5-20250929-v1:0").pipe(
        Layer.provide(BedrockInvoke.layer({ region: "us-east-1", credentials, endpoint: url })),
        Layer.provide(FetchHttpClient.layer)
      )
    }),
    reply: (answer, options) => ReplayServer.stream(Wire.bedrockInvoke, Answer.bedrockInvoke(answer), options),
    api: "bedrock-invoke",
    signs: true
  }
}

const Weather = Tool.make("weather", {
  description: "Current weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ celsius: Schema.Finite })
})
const toolkit = Toolkit.make(Weather)
const asked: Array<string> = []
const Handlers = toolkit.toLayer({
  weather: ({ city }) => {
    asked.push(city)
    return Effect.succeed({ celsius: city === "Paris" ? 18 : 21 })
  }
})

// The signature comes as the last piece of the reasoning.
function signed(chunk: BedrockChunk): ReadonlyArray<BedrockChunk> {
  const { contentBlockDelta } = chunk.chunk
  return contentBlockDelta?.delta?.reasoningContent?.text?.endsWith(".") === true
    ? [
      chunk,
      new BedrockChunk({
        chunk: {
          contentBlockDelta: { ...contentBlockDelta, delta: { reasoningContent: { signature: "c2lnbmF0dXJl" } } }
        }
      })
    ]
    : [chunk]
}

class Report extends Schema.Class<Report>("Report")({
  warmest: Schema.String,
  celsius: Schema.Finite,
  note: Schema.optionalKey(Schema.String)
}) {}

const usage = { inputTokens: 20, cachedTokens: 5, outputTokens: 7 }
const calls = Answer.make({
  reasoning: "Both cities, at once.",
  toolCalls: [
    { name: "weather", arguments: `{"city":"Paris"}` },
    { name: "weather", arguments: `{"city":"Rome"}` }
  ],
  usage
})
const said = Answer.make({ reasoning: "Rome is warmer.", content: "Paris 18, Rome 21 degrees.", usage })
const report = Answer.make({ content: `{"warmest":"Rome","celsius":21,"note":null}`, usage })

describe("LanguageModel of the Responses API", () => {
  it.live("sends what is new, and the response to go on from, where a tracker remembers it", () =>
    Effect.gen(function*() {
      const answers = ["first", "second"].map((id) => Answer.make({ id, content: "Hello." }))
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.openaiResponses, Answer.openaiResponses(answers[0] ?? said)),
        ReplayServer.stream(Wire.openaiResponses, Answer.openaiResponses(answers[1] ?? said))
      ])
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* chat.generateText({ prompt: "One" })
        yield* chat.generateText({ prompt: "Two" })
      }).pipe(
        Effect.provideServiceEffect(ResponseIdTracker.ResponseIdTracker, ResponseIdTracker.make),
        Effect.provide(providers["openAiResponses"]?.at(server.url).model ?? assert.fail("no Responses"))
      )
      const [first, second] = (yield* server.requests).map(({ body }) => JSON.stringify(body))
      assert.notInclude(first, "previous_response_id")
      assert.include(second, "\"previous_response_id\":\"first\"")
      assert.include(second, "Two")
      assert.notInclude(second, "One")
    }))

  it.live("sends the results of tools alone, where a tracker remembers the calls", () =>
    Effect.gen(function*() {
      const call = Answer.make({
        id: "first",
        toolCalls: [{ name: "weather", arguments: `{"city":"Paris"}` }]
      })
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.openaiResponses, Answer.openaiResponses(call)),
        ReplayServer.stream(Wire.openaiResponses, Answer.openaiResponses(said))
      ])
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* chat.generateText({ prompt: "Weather?", toolkit })
        yield* chat.generateText({ prompt: [], toolkit })
      }).pipe(
        Effect.provideServiceEffect(ResponseIdTracker.ResponseIdTracker, ResponseIdTracker.make),
        Effect.provide([providers["openAiResponses"]?.at(server.url).model ?? assert.fail("no Responses"), Handlers])
      )
      const requests = yield* server.requests
      assert.deepNestedInclude(requests[1]?.body, {
        previous_response_id: "first",
        "input[0].type": "function_call_output"
      })
      assert.lengthOf(requests, 2)
    }))

  const Find = Tool.providerDefined({
    id: "openai.file_search",
    customName: "Find",
    providerName: "file_search",
    args: Schema.Struct({ vector_store_ids: Schema.Array(Schema.String) }),
    parameters: Schema.Unknown,
    success: Schema.Unknown
  })

  it.effect("asks for a tool that the provider defines, beside the fields of the settings", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host({
        chunks: [new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] } })]
      })
      const model = yield* EffectAi.make(
        { ...service, dialect: OpenAiResponses.define({}).dialect },
        { options: { openai: { store: false } } }
      )
      yield* model.generateText({
        prompt: "Hi",
        toolkit: Toolkit.make(Find({ vector_store_ids: ["vs_1"] })),
        toolChoice: { tool: "Find" }
      })
      const normalized = yield* Effect.fromResult(ChatRequest.normalize(requests[0] ?? assert.fail("no request")))
      const format = Whole.responses({
        provider: "openai",
        options: { keys: ["openaiResponses", "openai"], schema: Schema.Record(Schema.String, Schema.Unknown) },
        partKey: "openai"
      })
      const { body } = yield* Effect.fromResult(format.encode(normalized, "gpt-5"))
      assert.deepInclude(body, {
        store: false,
        tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }],
        tool_choice: { type: "file_search" }
      })
    }))

  it.effect("says that an API can't be asked for a tool of its own", () =>
    Effect.gen(function*() {
      const { service } = yield* host()
      const model = yield* EffectAi.make({ ...service, dialect: Groq.define({}).dialect })
      const search = Tool.providerDefined({
        id: "groq.browser_search",
        customName: "Browse",
        providerName: "browser_search",
        args: Schema.Struct({}),
        parameters: Schema.Unknown,
        success: Schema.Unknown
      })
      const failure = yield* Effect.flip(
        model.generateText({ prompt: "Hi", toolkit: Toolkit.make(search({})), toolChoice: { tool: "Browse" } })
      )
      assert.strictEqual(failure.reason._tag, "ToolConfigurationError")
    }))
})

for (const [id, { api, at, reply, signs }] of Object.entries(providers)) {
  describe(`LanguageModel of ${id}`, () => {
    it.live("holds a conversation of three turns, with parallel tools, reasoning, a store and a schema", () =>
      Effect.gen(function*() {
        asked.length = 0
        const server = yield* NodeReplayServer.make([reply(calls), reply(said), reply(report)])
        const { model, name } = at(server.url)
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* Model.ProviderName, name)
          const chat = yield* Chat.empty
          const first = yield* chat.generateText({ prompt: "How warm are Paris and Rome?", toolkit })
          assert.deepStrictEqual(asked.toSorted(), ["Paris", "Rome"])
          assert.strictEqual(first.reasoningText, "Both cities, at once.")
          assert.deepStrictEqual(first.toolResults.map(({ result }) => result), [{ celsius: 18 }, { celsius: 21 }])
          assert.strictEqual(first.usage.outputTokens.total, 7)

          // Another process goes on with what was stored.
          const stored = yield* Chat.fromJson(yield* chat.exportJson)
          const parts = yield* Stream.runCollect(stored.streamText({ prompt: [], toolkit }))
          assert.strictEqual(
            parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join(""),
            "Paris 18, Rome 21 degrees."
          )
          assert.strictEqual(parts.at(-1)?.type, "finish")

          const { value } = yield* stored.generateObject({ prompt: "Which is warmer, in JSON?", schema: Report })
          assert.deepStrictEqual({ ...value }, { warmest: "Rome", celsius: 21 })
          assert.isAbove((yield* Ref.get(stored.history)).content.length, 5)
        }).pipe(Effect.provide(Layer.merge(model, Handlers)))

        const requests = yield* server.requests
        assert.lengthOf(requests, 3)
        const [, second] = requests.map(({ body }) => JSON.stringify(body))
        assert.include(second, "18")
        assert.include(second, "21")
        if (signs) assert.include(second, "c2lnbmF0dXJl")
        const problems = requests.flatMap(({ body, headers, path }) =>
          RequestCheck.findings(api, {
            body,
            path,
            headers: Object.fromEntries(
              Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string")
            )
          })
        )
        assert.deepStrictEqual(problems, [])
      }))

    it.live("fails with the provider's error inside", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          ReplayServer.json({ error: { message: "Slow down" }, message: "Slow down" }, {
            status: 429,
            headers: { "retry-after": "3600" }
          })
        ])
        const error = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
          Effect.flip,
          Effect.provide(at(server.url).model)
        )
        assert.strictEqual(error.reason._tag, "RateLimitError")
        const inner = EffectAi.providerError(error)
        assert.strictEqual(inner?.reason._tag, "RateLimited")
        assert.strictEqual(inner?.status, 429)
        const codec = Schema.toCodecJson(AiError.AiError)
        const stored = Schema.decodeUnknownSync(codec)(
          JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error)))
        )
        assert.deepStrictEqual(EffectAi.providerError(stored)?.reason._tag, "RateLimited")
      }))

    it.live("gives way to another provider in an ExecutionPlan", () =>
      Effect.gen(function*() {
        const down = yield* NodeReplayServer.make([ReplayServer.json({ message: "No" }, { status: 400 })])
        const up = yield* NodeReplayServer.make([reply(Answer.make({ content: "Hello" }))])
        const plan = ExecutionPlan.make(
          { provide: at(down.url).model },
          { provide: at(up.url).model }
        )
        const { text } = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(Effect.withExecutionPlan(plan))
        assert.strictEqual(text, "Hello")
        assert.lengthOf(yield* down.requests, 1)
      }))
  })
}

class Host extends Context.Service<Host, Provider.Service<Chunk.Chunk>>()("test/Host") {}

/** A provider of another package, with what it was asked for. */
const host = (
  ...script: ReadonlyArray<{
    readonly chunks: ReadonlyArray<Chunk.Chunk>
    readonly error?: ProviderError.ProviderError
  }>
) =>
  Effect.sync(() => {
    const requests: Array<ChatRequest.ChatRequest> = []
    let next = 0
    const service: Provider.Service = {
      name: "host",
      stream: (request) => {
        requests.push(request)
        const { chunks = [], error } = script[next++] ?? {}
        const stream = Stream.fromIterable(chunks)
        return error === undefined ? stream : Stream.concat(stream, Stream.fail(error))
      }
    }
    return { service, requests }
  })

const hello = (model = "gpt-4o-mini") => Answer.openai(Answer.make({ content: "Hello", usage, model }))

describe("EffectAi", () => {
  it.live("works over any provider, and states cost, usage and chunks in the metadata of the finish", () =>
    Effect.gen(function*() {
      const chunks = hello()
      const { service } = yield* host({ chunks })
      const model = yield* EffectAi.make(service, { model: "gpt-4o-mini", rawChunks: true })
      const parts = yield* Stream.runCollect(model.streamText({ prompt: "Hi" }))
      const finish = parts.at(-1)
      assert.strictEqual(finish?.type, "finish")
      const metadata = finish?.metadata[EffectAi.metadataKey]
      // 15 fresh tokens at 0.15, 5 cached at 0.075 and 7 written at 0.6 USD per million.
      assert.deepNestedInclude(metadata, { "cost.total": 0.000006825 })
      assert.deepStrictEqual(
        Predicate.hasProperty(metadata, "chunks") ? metadata.chunks : undefined,
        chunks.map(({ chunk }) => JSON.parse(JSON.stringify(chunk)))
      )
      assert.deepNestedInclude(finish?.metadata["openai"], { "usage.inputTokens": 20 })
    }))

  it.effect("gives a stream's parts before its failure", () =>
    Effect.gen(function*() {
      const error = new ProviderError.ProviderError({
        provider: "host",
        reason: new ProviderError.IncompleteStream({ message: "The stream ended early" }),
        emitted: true
      })
      const { service } = yield* host({ chunks: hello().slice(0, 2), error })
      const model = yield* EffectAi.make(service)
      const seen: Array<string> = []
      const failure = yield* model.streamText({ prompt: "Hi" }).pipe(
        Stream.runForEach((part) => Effect.sync(() => seen.push(part.type))),
        Effect.flip
      )
      assert.include(seen, "text-delta")
      assert.notInclude(seen, "finish")
      assert.strictEqual(failure.reason._tag, "InternalProviderError")
      assert.isTrue(failure.isRetryable)
      assert.strictEqual(EffectAi.providerError(failure), error)
    }))

  it.effect("fails when an answer ends without a finish reason", () =>
    Effect.gen(function*() {
      const { service } = yield* host({ chunks: [new OpenAiChunk({ chunk: { choices: [] } })] })
      const model = yield* EffectAi.make(service)
      const failure = yield* Effect.flip(model.generateText({ prompt: "Hi" }))
      assert.strictEqual(failure.reason._tag, "InternalProviderError")
    }))

  it.effect.prop(
    "keeps any error of a provider inside, also when it is stored",
    [ProviderError.ProviderError],
    ([error]) =>
      Effect.gen(function*() {
        const { service } = yield* host({ chunks: [], error })
        const model = yield* EffectAi.make(service)
        const failure = yield* Effect.flip(model.generateText({ prompt: "Hi" }))
        assert.strictEqual(EffectAi.providerError(failure), error)
        // A network error has no answer, and effect/ai's error of a tool no place for it.
        const { _tag, body, status } = error.reason
        if (status !== undefined && _tag !== "Network" && _tag !== "ToolUseFailed") {
          const http = "http" in failure.reason ? failure.reason.http : undefined
          assert.deepStrictEqual([http?.response?.status, http?.body], [status, body])
        }
        const codec = Schema.toCodecJson(AiError.AiError)
        const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(failure)))
        const stored = Schema.decodeUnknownSync(codec)(json)
        assert.strictEqual(stored.reason._tag, failure.reason._tag)
        if (error.reason._tag !== "Network") {
          assert.strictEqual(EffectAi.providerError(stored)?.message, error.message)
        }
      })
  )

  it.effect("knows of no provider's error where effect/ai itself fails", () =>
    Effect.gen(function*() {
      const { service } = yield* host({ chunks: Answer.openai(Answer.make({ content: "no JSON" })) })
      const model = yield* EffectAi.make(service)
      const failure = yield* Effect.flip(model.generateObject({ prompt: "Hi", schema: Report }))
      assert.strictEqual(failure.reason._tag, "StructuredOutputError")
      assert.isUndefined(EffectAi.providerError(failure))
    }))

  it.effect("tells the schema in the instructions where the API has no field for it", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host({ chunks: Answer.openai(report) })
      const model = yield* EffectAi.make(service, { system: "Be brief.", schemaBy: "instructions" })
      const { value } = yield* model.generateObject({ prompt: "Which is warmer?", schema: Report })
      assert.deepStrictEqual({ ...value }, { warmest: "Rome", celsius: 21 })
      const [request] = requests
      assert.notProperty(request, "responseFormat")
      assert.match(
        Predicate.hasProperty(request, "system") ? String(request.system) : "",
        /^Be brief\.\n\nAnswer with JSON.*"warmest"/s
      )
    }))

  it.effect("refuses a schema that the provider's dialect can't write", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly children: ReadonlyArray<Tree>
      }
      const Tree: Schema.Codec<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) }).annotate({
        identifier: "Tree"
      })
      const { requests, service } = yield* host()
      const model = yield* EffectAi.make({ ...service, dialect: Messages.dialect })
      const failure = yield* Effect.flip(model.generateObject({ prompt: "Hi", schema: Tree }))
      assert.strictEqual(failure.reason._tag, "UnsupportedSchemaError")
      assert.lengthOf(requests, 0)
    }))

  it.effect("asks for a strict schema where the API has it, unless the settings say otherwise", () =>
    Effect.gen(function*() {
      const azure = { endpoint: "https://mine.openai.azure.com" }
      const dialects = [
        [OpenAi.define({}).dialect, true],
        [OpenAiResponses.define({}).dialect, true],
        [AzureOpenAi.define(azure).dialect, true],
        [AzureResponses.define(azure).dialect, true],
        [Groq.define({}).dialect, undefined]
      ] as const
      for (const [dialect, strict] of dialects) {
        for (const [settings, expected] of [[{}, strict], [{ strict: false }, false]] as const) {
          const { requests, service } = yield* host({ chunks: Answer.openai(report) })
          const model = yield* EffectAi.make({ ...service, dialect }, settings)
          yield* model.generateObject({ prompt: "Which is warmer?", schema: Report })
          const { responseFormat } = yield* Effect.fromResult(
            ChatRequest.normalize(requests[0] ?? assert.fail("no request"))
          )
          const stated = Predicate.hasProperty(responseFormat, "strict") ? responseFormat.strict : undefined
          assert.strictEqual(stated, expected)
        }
      }
    }))

  it.effect("adds the settings of a call to those of the model", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host({ chunks: hello() })
      const model = yield* EffectAi.make(service, { model: "m", temperature: 1, maxTokens: 5 })
      yield* model.generateText({ prompt: "Hi" }).pipe(
        EffectAi.withSettings({ temperature: 0 }),
        EffectAi.withSettings({ temperature: 0.5, topP: 0.1 })
      )
      assert.deepNestedInclude(requests[0], { model: "m", temperature: 0, maxTokens: 5, topP: 0.1 })
    }))

  it.effect("passes on which tool is to be called", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host({ chunks: hello() }, { chunks: hello() }, { chunks: hello() })
      const model = yield* EffectAi.make(service)
      for (const toolChoice of [{ tool: "weather" as const }, "required" as const, "none" as const]) {
        yield* model.generateText({ prompt: "Hi", toolkit, toolChoice })
      }
      assert.deepStrictEqual(
        requests.map((request) => Predicate.hasProperty(request, "toolChoice") ? request.toolChoice : undefined),
        [{ tool: "weather" }, "required", "none"]
      )
    }).pipe(Effect.provide(Handlers)))

  const Search = Tool.providerDefined({
    id: "anthropic.web_search_20250305",
    customName: "Search",
    providerName: "web_search",
    args: Schema.Struct({ max_uses: Schema.optionalKey(Schema.Finite) }),
    parameters: Schema.Struct({ query: Schema.String }),
    success: Schema.Unknown
  })

  it.live("sends tools that the provider defines beside others, and names their calls as the program does", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.text(
          [
            { type: "message_start", message: { id: "m", model: "claude", role: "assistant", content: [] } },
            {
              type: "content_block_start",
              index: 0,
              content_block: { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }
            },
            {
              type: "content_block_delta",
              index: 0,
              delta: { type: "input_json_delta", partial_json: `{"query":"weather"}` }
            },
            { type: "content_block_stop", index: 0 },
            {
              type: "content_block_start",
              index: 1,
              content_block: { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] }
            },
            { type: "content_block_stop", index: 1 },
            { type: "content_block_start", index: 2, content_block: { type: "text", text: "Sunny" } },
            { type: "content_block_stop", index: 2 },
            { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } },
            { type: "message_stop" }
          ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""),
          { headers: { "content-type": "text/event-stream" } }
        ),
        ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content: "Bye" })))
      ])
      const tools = Toolkit.make(Search({ max_uses: 2 }), Weather)
      const chat = yield* Chat.empty
      yield* Effect.gen(function*() {
        const { toolCalls } = yield* chat.generateText({ prompt: "Weather?", toolkit: tools })
        assert.deepStrictEqual(toolCalls.map(({ name, providerExecuted }) => [name, providerExecuted]), [[
          "Search",
          true
        ]])
        yield* chat.generateText({ prompt: "Thanks", toolkit: tools })
      }).pipe(
        Effect.provide(AnthropicLanguageModel.model("claude-sonnet-4-5")),
        Effect.provide([Anthropic.layer({ apiKey, baseUrl: server.url }), Handlers]),
        Effect.provide(FetchHttpClient.layer)
      )
      const [first, second] = yield* server.requests
      assert.deepNestedInclude(first?.body, { "tools[0].name": "weather", "tools[1].max_uses": 2 })
      assert.deepNestedInclude(first?.body, { "tools[1].type": "web_search_20250305", "tools[1].name": "web_search" })
      assert.deepNestedInclude(second?.body, { "messages[1].content[0].name": "web_search" })
    }))

  it.effect("refuses a tool that another provider defines", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host()
      const tools = Toolkit.make(Search({}))
      for (const dialect of [OpenAi.define({}).dialect, Groq.define({}).dialect, undefined]) {
        const model = yield* EffectAi.make({ ...service, dialect })
        const failure = yield* Effect.flip(model.generateText({ prompt: "Hi", toolkit: tools }))
        assert.strictEqual(failure.reason._tag, "ToolConfigurationError")
      }
      assert.lengthOf(requests, 0)
    }))

  it.live("is a layer, too, for a model whose name comes late", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.openai, hello())])
      const { text } = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        Effect.provide(
          OpenAiLanguageModel.layer({ model: "late", config: { seed: 3 } }).pipe(
            Layer.provide(OpenAi.layer({ apiKey, baseUrl: `${server.url}/v1` })),
            Layer.provide(FetchHttpClient.layer)
          )
        )
      )
      assert.strictEqual(text, "Hello")
      assert.deepNestedInclude((yield* server.request(0)).body, { model: "late", seed: 3 })
    }))

  it.live("is traced by the middleware of its provider: a span a call, within that of effect/ai", () =>
    Effect.gen(function*() {
      const { spans, tracer } = Spans.recorder()
      const { service } = yield* host({ chunks: hello() }, { chunks: hello() })
      const Traced = Telemetry.layerService(Host).pipe(Layer.provide(Layer.succeed(Host, service)))
      yield* Effect.gen(function*() {
        yield* LanguageModel.generateText({ prompt: "Hi" })
        yield* Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" }))
      }).pipe(
        Effect.provide(EffectAi.of(Host, "host").model("gpt-4o-mini").pipe(Layer.provide(Traced))),
        Effect.withTracer(tracer)
      )
      const calls = spans.filter(({ name }) => name === "chat gpt-4o-mini")
      assert.deepStrictEqual(
        calls.map(({ parent }) => Option.getOrUndefined(parent)).map((parent) =>
          parent?._tag === "Span" ? parent.name : undefined
        ),
        ["LanguageModel.generateText", "LanguageModel.streamText"]
      )
      for (const { attributes, status } of calls) {
        assert.strictEqual(status._tag, "Ended")
        assert.strictEqual(attributes.get("gen_ai.usage.output_tokens"), 7)
        assert.strictEqual(attributes.get("llm_stream.cost.usd"), 0.000006825)
      }
    }))

  it.live("closes the connection when the consumer takes no more", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.openai, hello(), { fault: { kind: "hang", after: { events: 2 } } })
      ])
      const [delta] = yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        Stream.filter((part) => part.type === "text-delta"),
        Stream.take(1),
        Stream.runCollect,
        Effect.provide(providers["openai"]?.at(server.url).model ?? assert.fail("no OpenAI"))
      )
      assert.strictEqual(delta?.delta, "Hello")
      const { closed } = yield* server.request(0)
      assert.strictEqual((yield* closed).by, "client")
    }))

  it.effect("makes a Model of any service", () =>
    Effect.gen(function*() {
      const { requests, service } = yield* host({ chunks: hello() })
      const { text } = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        Effect.provide(EffectAi.of(Host, "host").model("small")),
        Effect.provideService(Host, service)
      )
      assert.strictEqual(text, "Hello")
      assert.deepNestedInclude(requests[0], { model: "small" })
    }))
})
