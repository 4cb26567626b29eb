import { assert, describe, it } from "@effect/vitest"
import {
  Arbitrary,
  BigDecimal,
  type Config,
  Effect,
  Fiber,
  Layer,
  Metric,
  Redacted,
  Result,
  Schema,
  Stream,
  Tracer
} from "effect"
import { Chat, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import {
  Anthropic,
  AnthropicChunk,
  type Bedrock,
  type BedrockChunk,
  ChunkStream,
  EffectAi,
  OpenAi,
  OpenAiChunk,
  Provider,
  ProviderError,
  StructuredOutput,
  Telemetry,
  ToolLoop
} from "../../src/index.ts"
import { maxHeld } from "../../src/middleware/attempts.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Client from "../support/client.ts"
import { recorder } from "../support/tracer.ts"

const apiKey = Redacted.make("key")

const openai = (content: string, options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content })), options)
const anthropic = (content: string, options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content })), options)

const refusal = (status: number, code = "") =>
  ReplayServer.json({ error: { message: "No", type: code, code } }, { status })

const openaiAt = (url: string, options: Partial<OpenAi.Options> = {}) =>
  OpenAi.layer({ apiKey, baseUrl: `${url}/v1`, model: "gpt-4.1-mini", ...options }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
const anthropicAt = (url: string) =>
  Anthropic.layer({ apiKey, baseUrl: url, model: "claude-sonnet-4-5" }).pipe(Layer.provide(FetchHttpClient.layer))

/** Two vendors, and the layer of both. */
const vendors = Effect.fnUntraced(function*(
  first: ReplayServer.Script,
  second: ReplayServer.Script,
  options?: Fallback.Options,
  layerOptions?: Partial<OpenAi.Options>
) {
  const [one, two] = [yield* NodeReplayServer.make(first), yield* NodeReplayServer.make(second)]
  return {
    layer: Fallback.layer([openaiAt(one.url, layerOptions), anthropicAt(two.url)], options),
    one,
    two,
    counts: Effect.map(Effect.all([one.requests, two.requests]), (all) => all.map(({ length }) => length))
  }
})

const ask = Effect.map(Provider.Provider, ({ stream }) => stream({ prompt: "Say hello" }))
const outcome = Effect.flatMap(ask, ChunkStream.outcome)

describe("Fallback", () => {
  describe("over two servers", () => {
    const goesOn: ReadonlyArray<readonly [name: string, first: ReplayServer.Reply, policy?: Provider.Policy]> = [
      ["HTTP 429", refusal(429)],
      ["HTTP 503", refusal(503)],
      ["HTTP 401", refusal(401)],
      ["HTTP 404", refusal(404)],
      ["a prompt that is too long", refusal(400, "context_length_exceeded")],
      ["a reset before anything", openai("Hello", { fault: { kind: "reset", after: { bytes: 0 } } })],
      ["a body that ends before content", openai("Hello", { fault: { kind: "end", after: { events: 1 } } })],
      ["a page", ReplayServer.text("<html>Sign in</html>", { contentType: "text/html" })],
      [
        "silence before any byte",
        openai("Hello", { fault: { kind: "hang", after: { bytes: 0 } } }),
        { firstByteTimeout: "50 millis" }
      ],
      [
        "silence before content",
        openai("Hello", { fault: { kind: "hang", after: { events: 1 } } }),
        { idleTimeout: "50 millis" }
      ]
    ]
    for (const [name, first, policy = {}] of goesOn) {
      it.live(`goes on after ${name}, one request at each`, () =>
        Effect.gen(function*() {
          const { counts, layer } = yield* vendors([first], [anthropic("Hello from the other")], {}, policy)
          const response = yield* Effect.provide(outcome, layer)
          assert.deepStrictEqual(
            [response.provider, response.content, response.error],
            ["anthropic", "Hello from the other", undefined]
          )
          assert.deepStrictEqual(yield* counts, [1, 1])
        }))
    }

    it.live("goes on where nobody listens", () =>
      Effect.gen(function*() {
        const two = yield* NodeReplayServer.make([anthropic("Hello")])
        const layer = Fallback.layer([openaiAt("http://127.0.0.1:1"), anthropicAt(two.url)])
        assert.strictEqual((yield* Effect.provide(outcome, layer)).content, "Hello")
      }))

    const stays: ReadonlyArray<readonly [name: string, first: ReplayServer.Reply, content: string, reason: string]> = [
      ["what the caller did wrong", refusal(400), "", "InvalidRequest"],
      ["what a filter blocked", refusal(400, "content_filter"), "", "ContentFiltered"],
      ["text", openai("Hello, world!", { fault: { kind: "end", after: { events: 2 } } }), "Hello,", "IncompleteStream"]
    ]
    for (const [name, first, content, reason] of stays) {
      it.live(`never goes on after ${name}`, () =>
        Effect.gen(function*() {
          const { counts, layer } = yield* vendors([first], [anthropic("Hello from the other")])
          const response = yield* Effect.provide(outcome, layer)
          assert.deepStrictEqual([response.content, response.error?.reason._tag], [content, reason])
          assert.strictEqual(response.error?.emitted, content !== "")
          assert.deepStrictEqual(yield* counts, [1, 0])
        }))
    }

    it.live("fails as the last target did, with its chunks, and tells of each", () =>
      Effect.gen(function*() {
        const failed: Array<unknown> = []
        const { layer } = yield* vendors(
          [refusal(429)],
          [anthropic("Hello", { fault: { kind: "end", after: { events: 1 } } })],
          {
            onFailure: ({ attempt, error, model, provider }) =>
              Effect.sync(() => failed.push([attempt, provider, model, error.reason._tag]))
          }
        )
        const response = yield* Effect.provide(outcome, layer)
        assert.deepStrictEqual([response.error?.provider, response.error?.emitted], ["anthropic", true])
        assert.strictEqual(response.chunks, 1)
        assert.deepStrictEqual(failed, [
          [1, "openai", "gpt-4.1-mini", "RateLimited"],
          [2, "anthropic", "claude-sonnet-4-5", "IncompleteStream"]
        ])
      }))

    it.live("retries only the targets that say so, and no more than the caller's policy allows", () =>
      Effect.gen(function*() {
        const one = yield* NodeReplayServer.make([refusal(503)])
        const provider = openaiAt(one.url, { maxRetries: 5 })
        const count = (maxRetries: number | undefined, policy: Provider.Policy) =>
          Effect.gen(function*() {
            const before = (yield* one.requests).length
            yield* outcome.pipe(
              Effect.provide(Fallback.layer([{ provider, maxRetries }])),
              Effect.provideService(Provider.CurrentPolicy, policy)
            )
            return (yield* one.requests).length - before
          })
        assert.deepStrictEqual(
          yield* Effect.all([
            count(undefined, {}),
            count(undefined, { maxRetries: 3 }),
            count(1, {}),
            count(1, { maxRetries: 0 })
          ]),
          [1, 1, 2, 1]
        )
      }))

    it.live("gives each target its own change of the request", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([refusal(503)])
        const provider = openaiAt(server.url)
        const layer = Fallback.layer([
          provider,
          { provider, request: { model: "gpt-4.1", temperature: undefined } },
          { provider, request: (request) => ({ ...request, model: `${request.model}-nano` }) }
        ])
        yield* Provider.Provider.use(({ stream }) =>
          ChunkStream.outcome(stream({ model: "gpt-4o", prompt: "Say hello", temperature: 0.5 }))
        ).pipe(Effect.provide(layer))
        const sent = (yield* server.requests).map(({ body }) =>
          Schema.decodeUnknownSync(Schema.Struct({ model: Schema.String, temperature: Schema.Number }))(body)
        )
        assert.deepStrictEqual(sent.map(({ model, temperature }) => [model, temperature]), [
          ["gpt-4o", 0.5],
          ["gpt-4.1", 0.5],
          ["gpt-4o-nano", 0.5]
        ])
      }))

    it.live("closes the running attempt when it is interrupted", () =>
      Effect.gen(function*() {
        const { layer, two } = yield* vendors([refusal(503)], [anthropic("Hello", { delay: "1 minute" })])
        const fiber = yield* Effect.forkChild(Effect.provide(outcome, layer))
        const { closed } = yield* two.request(0)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* closed).by, "client")
      }))

    it.live("closes an attempt that held chunks before it asks the next", () =>
      Effect.gen(function*() {
        const { layer, one } = yield* vendors(
          [openai("Hello", { fault: { kind: "hang", after: { events: 1 } } })],
          [anthropic("Hello")],
          {},
          { idleTimeout: "50 millis" }
        )
        yield* Effect.provide(outcome, layer)
        const { closed } = yield* one.request(0)
        assert.strictEqual((yield* closed).by, "client")
      }))

    it.effect("takes the caller's total timeout for that of all targets together", () =>
      Effect.gen(function*() {
        const one = Client.make(() => new Promise<Response>(() => {}))
        const two = Client.make(() => new Promise<Response>(() => {}))
        const options = { apiKey, model: "m" }
        const slow = OpenAi.layer({ ...options, firstByteTimeout: "20 seconds" })
        const layer = Fallback.layer([
          slow.pipe(Layer.provide(one.layer)),
          OpenAi.layer(options).pipe(Layer.provide(two.layer))
        ])
        const fiber = yield* outcome.pipe(
          Effect.provide(layer),
          Effect.provideService(Provider.CurrentPolicy, { totalTimeout: "30 seconds" }),
          Effect.forkChild
        )
        yield* Client.settle
        yield* TestClock.adjust("20 seconds")
        yield* Client.settle
        yield* TestClock.adjust("10 seconds")
        const { error } = yield* Fiber.join(fiber)
        assert.deepInclude(error?.reason, { _tag: "Timeout", kind: "total" })
        assert.deepStrictEqual([one.sent.length, two.sent.length], [1, 1])
      }))
  })

  describe("below what uses a provider", () => {
    const Weather = Tool.make("weather", {
      parameters: Schema.Struct({ city: Schema.String }),
      success: Schema.String
    })
    const Tools = Toolkit.make(Weather)
    const call = { name: "weather", arguments: JSON.stringify({ city: "Paris" }) }

    it.live("lets a tool loop go on at another vendor when its second step is rate limited", () =>
      Effect.gen(function*() {
        const { counts, layer } = yield* vendors(
          [
            ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ toolCalls: [call] }))),
            refusal(429)
          ],
          [anthropic("It is sunny")]
        )
        const done = yield* ToolLoop.stream({ prompt: "What is the weather in Paris?", tools: Tools }).pipe(
          ToolLoop.answer,
          Effect.provide([layer, Tools.toLayer({ weather: () => Effect.succeed("sunny") })])
        )
        assert.deepStrictEqual([done.reason, done.text], ["stop", "It is sunny"])
        assert.deepStrictEqual(yield* counts, [2, 1])
      }))

    it.live("is a language model, and keeps a chat", () =>
      Effect.gen(function*() {
        const { counts, layer } = yield* vendors(
          [openai("First"), refusal(503)],
          [anthropic("Second")]
        )
        const texts = yield* Effect.gen(function*() {
          const chat = yield* Chat.empty
          const one = yield* chat.generateText({ prompt: "One" })
          const two = yield* chat.generateText({ prompt: "Two" })
          return [one.text, two.text]
        }).pipe(Effect.provide(EffectAi.layer().pipe(Layer.provide(layer))))
        assert.deepStrictEqual(texts, ["First", "Second"])
        assert.deepStrictEqual(yield* counts, [2, 1])
      }))

    it.live("gives data that fits a schema, whichever rules the first target has", () =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ name: Schema.String, age: Schema.optionalKey(Schema.Finite) })
        const one = yield* NodeReplayServer.make([refusal(503)])
        const two = yield* NodeReplayServer.make([
          ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "{\"name\":\"Ada\"}" })))
        ])
        const three = yield* NodeReplayServer.make([anthropic("{\"name\":\"Ada\",\"age\":null}")])
        for (
          const layer of [
            Fallback.layer([anthropicAt(one.url), openaiAt(two.url)]),
            Fallback.layer([openaiAt(one.url), anthropicAt(three.url)])
          ]
        ) {
          const { value } = yield* StructuredOutput.generate({ prompt: "Who?", schema }).pipe(Effect.provide(layer))
          assert.deepStrictEqual(value, { name: "Ada" })
        }
      }))
  })

  describe("with scripted targets", () => {
    const chunk = (provider: string, content: string, usage?: number) =>
      new OpenAiChunk({
        provider,
        chunk: {
          id: provider,
          model: "gpt-4o",
          choices: [{ index: 0, delta: { content } }],
          ...(usage === undefined ? undefined : { usage: { prompt_tokens: usage, completion_tokens: 0 } })
        }
      })
    const fail = (provider: string, reason: ProviderError.Reason, emitted: boolean) =>
      new ProviderError.ProviderError({ provider, reason, emitted })
    const service = (
      name: string,
      chunks: ReadonlyArray<OpenAiChunk>,
      reason?: ProviderError.Reason
    ): Provider.Service<OpenAiChunk> => ({
      name,
      stream: () =>
        Stream.fromIterable(chunks).pipe(
          Stream.rechunk(2),
          Stream.concat(reason === undefined ? Stream.empty : Stream.fail(fail(name, reason, chunks.length > 0)))
        )
    })
    const request = { model: "gpt-4o", prompt: "Hi" }
    const network = new ProviderError.Network({ message: "reset" })
    const run = (provider: Provider.Service) =>
      Effect.gen(function*() {
        const chunks: Array<unknown> = []
        const result = yield* provider.stream(request).pipe(
          Stream.runForEach((chunk) => Effect.sync(() => chunks.push(chunk))),
          Effect.result
        )
        return { chunks, error: Result.isFailure(result) ? result.failure : undefined }
      })

    const Scripted = Schema.Struct({
      before: Schema.Literals([0, 1, 2, 3]),
      content: Schema.Literals([0, 1, 2, 3]),
      ending: Schema.Literals(["well", "Network", "InvalidRequest"])
    })

    it.effect.prop(
      "answers as exactly one target does: the first that has content, ends well or fails for good, else the last",
      [Arbitrary.array(Arbitrary.schema(Scripted), { minLength: 1, maxLength: 6 })],
      ([scripts]) =>
        Effect.gen(function*() {
          const asked: Array<number> = []
          const targets = scripts.map(({ before, content, ending }, index): Provider.Service<OpenAiChunk> => {
            const texts = [...Array.from({ length: before }, () => ""), ...Array.from({ length: content }, () => "x")]
            const self = service(
              `target-${index}`,
              texts.map((text) => chunk(`target-${index}`, text)),
              ending === "well"
                ? undefined
                : ending === "Network"
                ? network
                : new ProviderError.InvalidRequest({ message: "no" })
            )
            return {
              ...self,
              stream: (request) =>
                Stream.suspend(() => {
                  asked.push(index)
                  return self.stream(request)
                })
            }
          })
          const found = scripts.findIndex(({ content, ending }) => content > 0 || ending !== "Network")
          const chosen = found < 0 ? scripts.length - 1 : found
          const [first, ...rest] = targets
          const alone = targets[chosen]
          assert(first !== undefined && alone !== undefined)
          const answer = yield* run(Fallback.make([first, ...rest]))
          assert.deepStrictEqual(asked, Array.from({ length: chosen + 1 }, (_, index) => index))
          assert.deepStrictEqual(answer, yield* run(alone))
        })
    )

    it.effect("says in the error what targets had used whose chunks nobody got, also after content", () =>
      Effect.gen(function*() {
        const paid = service("openai", [chunk("openai", "", 1_000_000)], network)
        for (const last of [service("b", [], network), service("b", [chunk("b", "text", 7)], network)]) {
          const { error } = yield* run(Fallback.make([paid, paid, last]))
          assert.strictEqual(error?.spent?.usage.inputTokens, 2_000_000)
          assert.strictEqual(error?.spent?.cost && BigDecimal.format(error.spent.cost), "5")
        }
      }))

    it.effect("says in the error how earlier attempts failed, those of targets that are made of targets too", () =>
      Effect.gen(function*() {
        const [a, b, c] = ["a", "b", "c"].map((name) =>
          service(name, [], new ProviderError.Overloaded({ message: name }))
        )
        assert(a !== undefined && b !== undefined && c !== undefined)
        for (
          const target of [
            Fallback.make([a, b, c]),
            Fallback.make([Fallback.make([a, b]), c]),
            Fallback.make([a, Fallback.make([b, c])])
          ]
        ) {
          const { error } = yield* run(target)
          assert(error?.provider === "c")
          assert.deepStrictEqual(error.earlier?.map(({ provider, reason }) => [provider, reason.message]), [
            ["a", "a"],
            ["b", "b"]
          ])
          const json = Schema.toCodecJson(ProviderError.ProviderError)
          const text = JSON.stringify(Schema.encodeSync(json)(error))
          assert.deepStrictEqual(Schema.decodeUnknownSync(json)(JSON.parse(text)).earlier, error.earlier)
        }
        assert.isUndefined((yield* run(Fallback.make([c]))).error?.earlier)
        const many = yield* run(Fallback.make([a, ...Array.from({ length: 30 }, () => b), c]))
        assert.lengthOf(many.error?.earlier ?? [], 10)
        assert.deepStrictEqual(new Set(many.error?.earlier?.map(({ provider }) => provider)), new Set(["b"]))
      }))

    it.effect("adds it to what a loop's earlier steps had used", () =>
      Effect.gen(function*() {
        const paid = service("openai", [chunk("openai", "", 1000)], network)
        const result = yield* ToolLoop.stream({ ...request, tools: Toolkit.empty }).pipe(
          Stream.runDrain,
          Effect.result,
          Effect.provideService(
            Provider.Provider,
            Fallback.make([paid, service("openai", [chunk("openai", "text", 30)], network)])
          )
        )
        assert(Result.isFailure(result))
        assert.strictEqual(
          ProviderError.isProviderError(result.failure) ? result.failure.spent?.usage.inputTokens : undefined,
          1030
        )
      }))

    it.effect("lets a ledger outside know of an attempt that may be paid for", () =>
      Effect.gen(function*() {
        const fallback = Fallback.make([
          service("openai", [chunk("openai", "")], network),
          service("b", [chunk("b", "text", 5)])
        ])
        yield* fallback.stream(request).pipe(Ledger.track(), Stream.runDrain)
        const entries = yield* Ledger.entries()
        assert.deepStrictEqual(entries.map(({ model, open, provider }) => [provider, model, open]), [
          ["b", "gpt-4o", 0],
          ["openai", "gpt-4o", 1]
        ])
      }).pipe(Effect.provide(Layer.fresh(Store.layerMemory))))

    it.effect("delivers an answer that has no content for long, and stays with it", () =>
      Effect.gen(function*() {
        const endless = service("a", Array.from({ length: maxHeld + 10 }, () => chunk("a", "")), network)
        const { chunks, error } = yield* run(Fallback.make([endless, service("b", [chunk("b", "text")])]))
        assert.deepStrictEqual([chunks.length, error?.provider], [maxHeld + 10, "a"])
      }))

    it.effect("is seen: an event in the span, a metric, the outcome of the call", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recorder()
        const provider = Telemetry.traced(
          Fallback.make([service("metered", [], network), service("b", [chunk("b", "text")])])
        )
        yield* Effect.provideService(run(provider), Tracer.Tracer, tracer)
        const events = spans[0]?.events.map(([name, , attributes]) => [name, attributes?.["llm_stream.provider"]])
        assert.deepStrictEqual(events, [["llm_stream.attempt_failed", "metered"]])
        assert.strictEqual(spans[0]?.attributes.get("llm_stream.outcome"), "completed")
        const metric = (yield* Metric.snapshot).find(({ attributes, id }) =>
          id === "llm_stream_fallbacks" && attributes?.["provider"] === "metered"
        )
        assert.deepInclude(metric?.attributes, { reason: "Network" })
      }))

    it.effect("refuses a change of the request that throws, before anything is asked", () =>
      Effect.gen(function*() {
        const { chunks, error } = yield* run(Fallback.make([
          service("a", [chunk("a", "text")]),
          {
            provider: service("b", []),
            request: () => {
              throw new Error("sk-secret")
            }
          }
        ]))
        assert.deepStrictEqual([chunks, error?.reason._tag], [[], "InvalidRequest"])
        assert.notInclude(error?.message ?? "", "sk-secret")
      }))

    it("drops what one server keeps, and declares tools where one target needs it", () => {
      const bedrock = { ...service("bedrock", []), dialect: { declaresTools: true } }
      const responses = { ...service("responses", []), dialect: { previousResponse: "previous_response_id" } }
      assert.deepStrictEqual(Fallback.make([responses, bedrock]).dialect, {
        keys: ["responses"],
        declaresTools: true,
        previousResponse: undefined
      })
    })

    it("has the errors and the needs of all its layers", () => {
      const layers = (
        configured: Layer.Layer<OpenAi.OpenAi | Provider.Provider, Config.ConfigError, HttpClient.HttpClient>,
        free: Layer.Layer<Provider.Provider>
      ) => Fallback.layer([configured, { provider: free, maxRetries: 1 }])
      expectTypeOf<ReturnType<typeof layers>>().toEqualTypeOf<
        Layer.Layer<Provider.Provider, Config.ConfigError, HttpClient.HttpClient>
      >()
    })

    it("has the chunks of all its targets", () => {
      const typed = (
        openai: OpenAi.OpenAi["Service"],
        anthropic: Anthropic.Anthropic["Service"],
        bedrock: Bedrock.Bedrock["Service"]
      ) => Fallback.make([openai, { provider: anthropic, maxRetries: 1 }, bedrock])
      expectTypeOf<ReturnType<typeof typed>>().toEqualTypeOf<
        Provider.Service<OpenAiChunk | AnthropicChunk | BedrockChunk>
      >()
    })
  })
})
