import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Exit, Layer, Redacted, Result, Schema, Stream } from "effect"
import { type ChatRequest, ChatResponse, ChunkStream, Pricing, Protocol, Provider } from "effect-llm-stream"
import * as Budget from "effect-llm-stream/middleware/Budget"
import * as Ledger from "effect-llm-stream/middleware/Ledger"
import * as Store from "effect-llm-stream/stores/Store"
import { Answer, Arbitraries, ReplayServer, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import { LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import { prepared } from "../support/prepared.ts"
import * as ClaudeElsewhere from "./claudeElsewhere.ts"
import * as Gemini from "./gemini.ts"
import * as Perplexity from "./perplexity.ts"

const apiKey = Redacted.make("key-0123456789")
const request = { model: "gemini-3-flash", prompt: "What is the weather in Paris?" }

const parts = (...parts: ReadonlyArray<Readonly<Record<string, unknown>>>) => ({
  candidates: [{ content: { parts, role: "model" }, index: 0 }]
})
const stated = { modelVersion: "gemini-3-flash-001", responseId: "r-1" }
const usageMetadata = {
  promptTokenCount: 100,
  cachedContentTokenCount: 60,
  candidatesTokenCount: 20,
  thoughtsTokenCount: 30,
  totalTokenCount: 150
}

/** An answer as Gemini streams it. */
const payloads = [
  { ...parts({ text: "The user wants ", thought: true }), ...stated },
  { ...parts({ text: "the weather.", thought: true }), ...stated, usageMetadata: { promptTokenCount: 100 } },
  { ...parts({ text: "Let me " }), ...stated },
  { ...parts({ text: "look." }, { functionCall: { name: "weather", args: { city: "Paris" } } }), ...stated },
  { ...parts({ functionCall: { name: "weather", args: { city: "Rome" } } }), ...stated },
  { candidates: [{ finishReason: "STOP", index: 0 }], ...stated, usageMetadata }
]

const sse: Wire.WireFormat<object> = {
  contentType: "text/event-stream",
  encode: (payload) => Wire.event({ data: JSON.stringify(payload) }),
  terminator: new Uint8Array()
}

const answer = (options?: ReplayServer.ReplyOptions) => ReplayServer.stream(sse, payloads, options)

/** Runs a program against a server that speaks as Gemini does. */
const withServer = <A, E>(
  script: ReplayServer.Script,
  program: (server: ReplayServer.ReplayServer["Service"]) => Effect.Effect<A, E, Gemini.Gemini | Provider.Provider>
) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* NodeReplayServer.make(script)
    const layer = Gemini.layer({ apiKey, baseUrl: `${server.url}/v1beta`, maxRetries: 0 })
    return yield* Effect.provide(program(server), layer.pipe(Layer.provide(FetchHttpClient.layer)))
  }))

/** The chunks, by the common `Provider`. */
const chunks = Stream.unwrap(Provider.Provider.useSync((provider) => provider.stream(request)))

describe("a provider of another package, with payload, wire, chunk class, request format, endpoint and auth of its own", () => {
  it.live("sends what its API takes", () =>
    withServer([answer()], (server) =>
      Effect.gen(function*() {
        const gemini = yield* Gemini.Gemini
        yield* Stream.runDrain(gemini.stream({
          ...request,
          system: "Be brief.",
          maxTokens: 50,
          stop: ["\n"],
          options: { gemini: { safetySettings: [] } }
        }))
        const { body, headers, path } = yield* server.request(0)
        assert.strictEqual(path, "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse")
        assert.strictEqual(headers["x-goog-api-key"], "key-0123456789")
        assert.deepStrictEqual(body, {
          contents: [{ role: "user", parts: [{ text: "What is the weather in Paris?" }] }],
          systemInstruction: { parts: [{ text: "Be brief." }] },
          generationConfig: { maxOutputTokens: 50, stopSequences: ["\n"] },
          safetySettings: []
        })
      })))

  it("shows what it would send, without its key", async () => {
    const shown = Result.getOrThrow(await prepared(Gemini.define({ apiKey }), request))
    assert.strictEqual(shown.headers["x-goog-api-key"], "<redacted>")
    assert.notInclude(JSON.stringify(shown), "key-0123456789")
  })

  const prepare = async (request: ChatRequest.ChatRequest) =>
    Result.mapError(
      await prepared(Gemini.define({ apiKey }), { model: "gemini-3-flash", ...request }),
      ({ reason }) => reason.message
    )

  it("sends tools, files, calls and results, and gives signatures back", async () => {
    const signed = (thoughtSignature: string) => ({ options: { gemini: { thoughtSignature } } })
    const call = { type: "tool-call", id: "call_0", name: "weather", params: { city: "Paris" } } as const
    const { body } = Result.getOrThrow(
      await prepare({
        prompt: [
          {
            role: "user",
            content: [
              { type: "text", text: "Where is this?" },
              { type: "file", mediaType: "image/*", data: "iVBORw0KGgo=" },
              { type: "file", mediaType: "application/pdf", data: new URL("https://example.com/a.pdf") }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "Paris.", ...signed("a") },
              { type: "text", text: "Let me look." },
              { ...call, ...signed("b") }
            ]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "call_0", name: "weather", isFailure: false, result: { celsius: 18 } }]
          }
        ],
        tools: [{ name: "weather", parameters: Schema.Struct({}) }],
        toolChoice: { tool: "weather" },
        reasoning: { effort: "low", summary: "auto" },
        responseFormat: "json",
        topK: 5
      })
    )
    assert.deepStrictEqual(JSON.parse(JSON.stringify(body)), {
      contents: [
        {
          role: "user",
          parts: [
            { text: "Where is this?" },
            { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } },
            { fileData: { mimeType: "application/pdf", fileUri: "https://example.com/a.pdf" } }
          ]
        },
        {
          role: "model",
          parts: [
            { text: "Paris.", thought: true, thoughtSignature: "a" },
            { text: "Let me look." },
            { functionCall: { id: "call_0", name: "weather", args: { city: "Paris" } }, thoughtSignature: "b" }
          ]
        },
        {
          role: "user",
          parts: [
            {
              functionResponse: { id: "call_0", name: "weather", response: { output: "{\"celsius\":18}" }, parts: [] }
            }
          ]
        }
      ],
      tools: [{
        functionDeclarations: [{
          name: "weather",
          parametersJsonSchema: { type: "object", properties: {}, additionalProperties: false }
        }]
      }],
      toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather"] } },
      generationConfig: {
        responseMimeType: "application/json",
        thinkingConfig: { thinkingLevel: "low", includeThoughts: true },
        topK: 5
      }
    })
  })

  it("refuses as the bundled formats do, with the place", async () => {
    const refused: ReadonlyArray<readonly [ChatRequest.ChatRequest, string]> = [
      [{ prompt: "Hi", serviceTier: "flex" }, "gemini: serviceTier: the format has nothing for it"],
      [{ prompt: "Hi", parallelToolCalls: false }, "gemini: parallelToolCalls: the format has nothing for it"],
      [
        { prompt: "Hi", reasoning: { effort: "max" } },
        "gemini: reasoning.effort: one of minimal, low, medium, high is taken, not max"
      ],
      [
        { prompt: "Hi", tools: [{ name: "f", parameters: {}, strict: true }] },
        "gemini: tools[0].strict: the API does not guarantee arguments"
      ],
      [
        { prompt: [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: "?" }] }] },
        "gemini: prompt[0].content[0].data: neither base64 nor a URL"
      ],
      [
        { prompt: [{ role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] }] },
        "prompt[0].content[0]: the call a of f has no result"
      ]
    ]
    for (const [request, message] of refused) assert.deepStrictEqual(await prepare(request), Result.fail(message))
  })

  // What a request can ask for, with what shows in the body that it was heard.
  const asked = {
    system: { system: "Be brief." },
    maxTokens: { maxTokens: 987654 },
    temperature: { temperature: 0.123 },
    topP: { topP: 0.123 },
    topK: { topK: 12345 },
    frequencyPenalty: { frequencyPenalty: 0.123 },
    presencePenalty: { presencePenalty: 0.123 },
    stop: { stop: ["STOP HERE"] },
    seed: { seed: 12345 },
    tools: { tools: [{ name: "f", description: "Does it", parameters: {} }] },
    toolChoice: { tools: [{ name: "f", parameters: {} }], toolChoice: "required" },
    parallelToolCalls: { parallelToolCalls: false },
    responseFormat: { responseFormat: { schema: { type: "object" }, description: "A thing" } },
    reasoning: { reasoning: { effort: "low", budgetTokens: 2000, summary: "auto" } },
    serviceTier: { serviceTier: "flex" },
    user: { user: "ada" },
    metadata: { metadata: { team: "a" } },
    logprobs: { logprobs: 2 },
    audio: { audio: { voice: "alloy", format: "pcm16" } },
    options: { options: { gemini: { labels: { a: "b" } } } }
  } as const satisfies Record<Exclude<keyof ChatRequest.ChatRequest, "model" | "prompt">, object>

  for (const [field, fields] of Object.entries(asked)) {
    it(`leaves ${field} out only with a word`, async () => {
      const plain = Result.getOrThrow(await prepare({ prompt: "Hi" }))
      Result.match(await prepare({ prompt: "Hi", ...fields }), {
        onFailure: (message) => assert.include(message, `gemini: ${field}`),
        onSuccess: ({ body, ignored }) =>
          assert.isTrue(
            ignored.some((sentence) => sentence.startsWith(field)) ||
              JSON.stringify(body) !== JSON.stringify(plain.body)
          )
      })
    })
  }

  it.live("works with ChunkStream.text, reasoning and toolCalls", () =>
    withServer([answer()], () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Stream.runCollect(ChunkStream.text(chunks)), ["Let me ", "look."])
        assert.deepStrictEqual(yield* Stream.mkString(ChunkStream.reasoning(chunks)), "The user wants the weather.")
        assert.deepStrictEqual(yield* Stream.runCollect(ChunkStream.toolCalls(chunks)), [
          { id: "call_0", generatedId: true, name: "weather", arguments: "{\"city\":\"Paris\"}" },
          { id: "call_1", generatedId: true, name: "weather", arguments: "{\"city\":\"Rome\"}" }
        ])
      })))

  it.live("is a model of effect/ai, whose answers go back with their signatures", () => {
    const call = { functionCall: { name: "weather", args: { city: "Paris" } }, thoughtSignature: "s" }
    const said = [
      { ...parts({ text: "Hm.", thought: true }, { text: "Let me look." }, call), ...stated },
      { candidates: [{ finishReason: "STOP", index: 0 }], ...stated, usageMetadata }
    ]
    return withServer([ReplayServer.stream(sse, said), answer()], (server) =>
      Effect.gen(function*() {
        const response = yield* LanguageModel.generateText({
          prompt: "What is the weather in Paris?",
          toolkit: Toolkit.make(Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }) })),
          disableToolCallResolution: true
        }).pipe(Effect.provide(Gemini.model("gemini-3-flash")))
        assert.strictEqual(response.text, "Let me look.")
        const id = response.toolCalls[0]?.id ?? ""
        const prompt = Prompt.concat(
          Prompt.concat(Prompt.make("What is the weather in Paris?"), Prompt.fromResponseParts(response.content)),
          [{ role: "tool", content: [{ type: "tool-result", id, name: "weather", isFailure: false, result: "18 C" }] }]
        )
        const gemini = yield* Gemini.Gemini
        yield* Stream.runDrain(gemini.stream({ ...request, prompt }))
        const { body } = yield* server.request(1)
        assert.deepNestedInclude(body, {
          "contents[1].parts": [{ text: "Let me look." }, {
            ...call,
            functionCall: { id, ...call.functionCall }
          }],
          "contents[2].parts[0].functionResponse.id": id
        })
      }))
  })

  it.live("works with ChunkStream.parts and encodedParts", () =>
    withServer([answer()], () =>
      Effect.gen(function*() {
        const encoded = yield* Stream.runCollect(ChunkStream.encodedParts(chunks))
        const block = (kind: string, pieces: number) => [
          `${kind}-start`,
          ...Array.from({ length: pieces }, () => `${kind}-delta`),
          `${kind}-end`
        ]
        assert.deepStrictEqual(encoded.map(({ type }) => type), [
          "response-metadata",
          ...block("reasoning", 2),
          ...block("text", 2),
          ...block("tool-params", 1),
          "tool-call",
          ...block("tool-params", 1),
          "tool-call",
          "finish"
        ])
        assert.deepStrictEqual(
          encoded.flatMap((part) => part.type === "tool-call" ? [part.params] : []),
          [{ city: "Paris" }, { city: "Rome" }]
        )
        const finish = encoded.at(-1)
        assert.deepNestedInclude(finish, { "reason": "stop", "usage.inputTokens.total": 100 })
        const parts = yield* Stream.runCollect(ChunkStream.parts(chunks))
        assert.deepStrictEqual(parts.map(({ type }) => type), encoded.map(({ type }) => type))
      })))

  it.live("works with ChunkStream.response, responseSink, accumulate and ChatResponse.fromChunks", () =>
    withServer([answer()], () =>
      Effect.gen(function*() {
        const response = yield* ChunkStream.response(chunks)
        assert.deepInclude(response, {
          provider: "gemini",
          id: "r-1",
          model: "gemini-3-flash-001",
          content: "Let me look.",
          finishReasons: ["STOP"],
          commonFinishReasons: ["stop"],
          chunks: payloads.length
        })
        const { cachedTokens, inputTokens, outputTokens, reasoningTokens } = response.usage ?? {}
        assert.deepStrictEqual([inputTokens, cachedTokens, outputTokens, reasoningTokens], [100, 60, 50, 30])
        const all = yield* Stream.runCollect(ChunkStream.accumulate(chunks))
        assert.deepStrictEqual(all.at(-1)?.[1], response)
        assert.deepStrictEqual(ChatResponse.fromChunks(all.map(([chunk]) => chunk)), response)
        assert.deepStrictEqual(yield* Stream.run(chunks, ChunkStream.responseSink), response)
      })))

  it.live("works with ChunkStream.outcome when the stream is cut off", () =>
    withServer([answer({ fault: { kind: "end", after: { events: 3 } } })], () =>
      Effect.gen(function*() {
        const { content, error } = yield* ChunkStream.outcome(chunks)
        assert.deepStrictEqual([content, error?.reason._tag, error?.emitted], ["Let me ", "IncompleteStream", true])
      })))

  it.live("works with ChunkStream.withCost, withBudget, Ledger, Budget and Pricing.priced", () =>
    withServer([answer()], () =>
      Effect.gen(function*() {
        const costs = yield* Stream.runCollect(ChunkStream.withCost(chunks))
        const cost = costs.at(-1)?.[1]
        // 40 tokens at $1, 60 from the cache at $0.1, 50 at $4, each a million.
        const expected = BigDecimal.fromStringUnsafe("0.000246")
        assert.isTrue(cost !== undefined && Result.isSuccess(cost) && BigDecimal.equals(cost.success.total, expected))

        const over = yield* Effect.exit(Stream.runDrain(ChunkStream.withBudget(chunks, "0.0002")))
        assert.isTrue(Exit.isFailure(over))

        yield* Stream.runDrain(Ledger.track(chunks))
        assert.isTrue(BigDecimal.equals((yield* Ledger.total()).cost, expected))

        yield* Stream.runDrain(Budget.guard(chunks, { limit: "1", atMost: "0.5" }))
        assert.isTrue(BigDecimal.equals((yield* Budget.balance({ limit: "1" })).spent, expected))

        const { cost: priced } = yield* Effect.flatMap(ChunkStream.response(chunks), Pricing.priced)
        assert.isTrue(priced !== undefined && BigDecimal.equals(priced.total, expected))
      }).pipe(Effect.provide([
        Store.layerMemory,
        Pricing.layer({ overrides: { gemini: { "gemini-3-flash-001": { input: 1, cached: 0.1, output: 4 } } } })
      ]))))

  it.live("gives the same chunks wherever the reads are cut", () =>
    Effect.gen(function*() {
      const body = Wire.concat(Wire.encode(sse, payloads))
      for (let bytes = 1; bytes < body.length; bytes += 7) {
        const decoded = yield* Stream.fromIterable(Wire.split([body], { bytes })).pipe(
          Protocol.decode(Gemini.protocol),
          Stream.runCollect
        )
        assert.deepStrictEqual(decoded.map(({ chunk }) => chunk), payloads)
      }
    }))

  it.live("classifies refusals and errors in the stream, and says where an event is malformed", () =>
    Effect.gen(function*() {
      const failure = (reply: ReplayServer.Reply) =>
        withServer([reply], () => Effect.map(ChunkStream.outcome(chunks), ({ error }) => error?.reason))
      const json = (code: number, status: string, message: string) =>
        ReplayServer.json({ error: { code, status, message } }, { status: code })
      const inStream = (payload: object) => ReplayServer.stream(sse, [...payloads.slice(0, 2), payload])

      const refused = yield* failure(json(429, "RESOURCE_EXHAUSTED", "Quota exceeded"))
      assert.deepStrictEqual([refused?._tag, refused?.message, refused?.status], ["RateLimited", "Quota exceeded", 429])
      assert.strictEqual((yield* failure(json(400, "INVALID_ARGUMENT", "API key not valid.")))?._tag, "Authentication")
      assert.strictEqual((yield* failure(json(503, "UNAVAILABLE", "Overloaded")))?._tag, "Overloaded")

      const broken = yield* failure(inStream({ error: { code: 503, status: "UNAVAILABLE", message: "Overloaded" } }))
      assert.deepStrictEqual([broken?._tag, broken?.code], ["Overloaded", "UNAVAILABLE"])
      const malformed = yield* failure(inStream({ candidates: [{ content: { parts: [{ text: 1 }] } }] }))
      assert.deepInclude(malformed, {
        _tag: "MalformedEvent",
        event: 2,
        path: ["candidates", 0, "content", "parts", 0, "text"]
      })
      assert.strictEqual((yield* failure(ReplayServer.bytes([], sse)))?._tag, "IncompleteStream")
    }))

  it.live("closes the connection when the consumer stops", () =>
    withServer([answer({ interval: "1 millis", fault: { kind: "hang" } })], (server) =>
      Effect.gen(function*() {
        yield* Stream.runDrain(Stream.take(chunks, 2))
        const { closed } = yield* server.request(0)
        assert.strictEqual((yield* closed).by, "client")
      })))

  it.effect.prop(
    "has chunks that come back from JSON as what they were",
    [Schema.toType(Gemini.GeminiChunk)],
    ([chunk]) =>
      Effect.sync(() => {
        const codec = Schema.toCodecJson(Gemini.GeminiChunk)
        const json = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(chunk)))
        const back = Schema.decodeUnknownSync(codec)(json)
        assert.instanceOf(back, Gemini.GeminiChunk)
        assert.strictEqual(back.content, chunk.content)
      })
  )
})

describe("Claude behind a bearer token at another host", () => {
  it.live("is one call", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content: "Hello" })))
      ])
      const response = yield* Provider.Provider.use((provider) =>
        ChunkStream.response(provider.stream({ model: "claude-sonnet-4-5", prompt: "Say hello" }))
      ).pipe(
        Effect.provide(ClaudeElsewhere.layer(`${server.url}/claude`, apiKey).pipe(Layer.provide(FetchHttpClient.layer)))
      )
      assert.deepStrictEqual([response.provider, response.content], ["gateway", "Hello"])
      const { headers, path } = yield* server.request(0)
      assert.strictEqual(path, "/claude/v1/messages")
      assert.deepStrictEqual(headers["authorization"], Redacted.make("Bearer key-0123456789"))
      assert.isUndefined(headers["x-api-key"])
    }))
})

describe("a new host of the chat-completions format, with a chunk class of its own", () => {
  it.effect.prop(
    "streams its chunks, whatever the answer",
    [Arbitraries.answer()],
    ([answer]) =>
      Effect.gen(function*() {
        const citations = ["https://example.com"]
        const events = Answer.openai(answer).map(({ chunk }) => ({ chunk: { ...chunk, citations } }))
        const perplexity = yield* Perplexity.Perplexity.pipe(
          Effect.provide(
            Perplexity.layer({ apiKey }).pipe(
              Layer.provide(ReplayServer.layerHttpClient([ReplayServer.stream(Wire.openai, events)]))
            )
          )
        )
        const chunks = yield* Stream.runCollect(perplexity.stream({ model: "sonar", prompt: "Say hello" }))
        assert.isTrue(chunks.every((chunk) => chunk instanceof Perplexity.PerplexityChunk))
        assert.deepStrictEqual(chunks[0]?.citations, citations)
        assert.strictEqual(ChatResponse.fromChunks(chunks).content, Answer.expected(answer)[0]?.content)
      })
  )
})
