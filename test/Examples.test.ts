import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Effect, Layer, Metric, Redacted, Stream } from "effect"
import { ChunkStream, Groq, OpenAi, Pricing, type Provider } from "effect-llm-stream"
import * as Budget from "effect-llm-stream/middleware/Budget"
import { snapshot } from "effect-llm-stream/pricing/snapshot"
import * as Store from "effect-llm-stream/stores/Store"
import { Answer, ReplayServer, TestProvider, Wire } from "effect-llm-stream/testing"
import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { goOn, start } from "../examples/approval.ts"
import { makeAsk } from "../examples/async-iterable.ts"
import { batch } from "../examples/batch.ts"
import { chats, routes } from "../examples/chat-server.ts"
import { Claude, converse } from "../examples/chat-tools.ts"
import { extract } from "../examples/extract.ts"
import { answer, ProviderLive } from "../examples/fallback.ts"
import { recipe } from "../examples/growing-object.ts"
import { hello } from "../examples/hello.ts"
import { fastest } from "../examples/race.ts"
import * as TelemetryExample from "../examples/telemetry.ts"
import { ask, layer as budgeted, left } from "../examples/tenant-budget.ts"
import { answer as toolLoop } from "../examples/tool-loop.ts"
import { otlpReceiver } from "./support/otlp.ts"
import { hosts } from "./support/providers.ts"
import { upstream } from "./support/upstream.ts"

// Its own tests.
await import("../examples/properties.test.ts")

const openai = (content: string, options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content })), options)

const anthropic = (content: string) => ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content })))

const hang = { interval: "1 millis", fault: { kind: "hang" } } as const
const refusal = ReplayServer.json({ error: { message: "No such key", code: "invalid_api_key" } }, { status: 401 })

const apiKey = Redacted.make("key")

/** OpenAI at a replay server. */
const openaiAt = (url: string) =>
  OpenAi.layer({ apiKey, baseUrl: `${url}/v1`, model: "gpt-4o-mini" }).pipe(Layer.provide(FetchHttpClient.layer))

describe("examples/chat-server", () => {
  const serve = Effect.fnUntraced(function*(script: ReplayServer.Script) {
    const provider = yield* NodeReplayServer.make(script)
    const context = yield* Layer.build(
      HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provide(openaiAt(provider.url)),
        Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
      )
    )
    const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
    return { provider, url: HttpServer.formatAddress(address) }
  })

  const ask = (url: string, id: string, text: string, signal: AbortSignal | null = null) =>
    Effect.promise(() =>
      fetch(`${url}/chat`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id, text }),
        signal
      })
    )
  const read = (response: Response) => Effect.promise(() => response.text())

  it.live("streams the answers as server-sent events, and remembers the conversation", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([openai("Hello, world!"), openai("Bye")])
      const response = yield* ask(url, "remembered", "Say hello")
      assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
      assert.strictEqual(response.headers.get("x-accel-buffering"), "no")
      assert.strictEqual(
        yield* read(response),
        [
          `event: Text\ndata: {"_tag":"Text","delta":"Hello,"}`,
          `event: Text\ndata: {"_tag":"Text","delta":" world!"}`,
          `event: Finish\ndata: {"_tag":"Finish","reason":"stop","finishReason":"stop","id":"answer-1","model":"test-model"}`,
          `event: End\ndata: {"_tag":"End"}\n\n`
        ].join("\n\n")
      )
      yield* read(yield* ask(url, "remembered", "Say bye"))
      const { body } = yield* provider.request(1)
      assert.deepNestedInclude(body, {
        "messages[0].content": "Say hello",
        "messages[1].content": "Hello, world!",
        "messages[2].content": "Say bye"
      })
    }))

  it.live("closes the provider's connection when the browser stops, and keeps what had come", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([openai("Hello, world!", hang)])
      const stop = new AbortController()
      const response = yield* ask(url, "stopped", "Say hello", stop.signal)
      yield* Effect.promise(async () => {
        for await (const _ of response.body ?? []) break
      })
      stop.abort()
      const { closed } = yield* provider.request(0)
      assert.strictEqual((yield* closed).by, "client")
      yield* Effect.repeat(Effect.sync(() => chats.has("stopped")), { until: (isKept) => isKept })
    }))

  it.live("tells the browser why there is no more text, and nothing of the key", () =>
    Effect.gen(function*() {
      const { url } = yield* serve([refusal])
      assert.strictEqual(
        yield* read(yield* ask(url, "refused", "Hi")),
        `event: Failure\ndata: {"_tag":"Failure","reason":"Authentication"}\n\nevent: End\ndata: {"_tag":"End"}\n\n`
      )
    }))

  it.live("serves a page with a stop button", () =>
    Effect.gen(function*() {
      const { url } = yield* serve([openai("Hello, world!")])
      const html = yield* Effect.promise(() => fetch(url).then((response) => response.text()))
      assert.include(html, "<button id=\"stop\">Stop</button>")
    }))
})

describe("examples/chat-tools", () => {
  it.live("runs the tools that the model calls, and asks again with their results", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(
          Wire.anthropic,
          Answer.anthropic(Answer.make({
            toolCalls: ["Paris", "Rome"].map((city) => ({ name: "get_weather", arguments: JSON.stringify({ city }) }))
          }))
        ),
        anthropic("15 and 14 degrees")
      ])
      const environment = ConfigProvider.fromUnknown({ ANTHROPIC_API_KEY: "key", ANTHROPIC_BASE_URL: server.url })
      const text = yield* converse("How warm are Paris and Rome?").pipe(
        Effect.provide(Claude),
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(environment)])
      )
      assert.strictEqual(text, "15 and 14 degrees")
      const { body } = yield* server.request(1)
      assert.deepNestedInclude(body, {
        "messages[2].content[0].type": "tool_result",
        "messages[2].content[1].type": "tool_result"
      })
    }))
})

describe("examples/tool-loop", () => {
  // Its budget wants to know what each response costs.
  const usage = { inputTokens: 100, cachedTokens: 0, outputTokens: 10 }
  const known = Pricing.makeUnsafe({ tables: snapshot })
  const priced = Effect.provideService(Pricing.Pricing, { ...known, lookup: () => known.lookup("openai", "gpt-4o") })
  const weather = (...cities: ReadonlyArray<string>) =>
    Answer.make({
      toolCalls: cities.map((city) => ({ name: "get_weather", arguments: JSON.stringify({ city }) })),
      finishReason: "tool_calls",
      usage
    })
  const said = Answer.make({ content: "15 and 14 degrees", usage })

  for (const [id, { at, reply }] of Object.entries(hosts)) {
    it.live(`answers with what the tools say, and what they fail with: ${id}`, () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(weather("Paris", "Rome")),
          reply(weather("Atlantis")),
          reply(said)
        ])
        const text = yield* toolLoop("How warm are Paris and Rome?").pipe(
          Stream.mkString,
          priced,
          Effect.provide(at(server.url))
        )
        assert.strictEqual(text, "15 and 14 degrees")
        const [, second, third] = (yield* server.requests).map(({ body }) => JSON.stringify(body))
        assert.match(second ?? "", /15.*14/)
        assert.include(third, "NoSuchCity")
      }))

    it.live(`gives the text before a response dies in the third step: ${id}`, () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          reply(weather("Paris")),
          reply(weather("Rome")),
          reply(said, { fault: { kind: "reset", after: { events: 6 } }, interval: "1 millis" })
        ])
        const error = yield* toolLoop("How warm are Paris and Rome?").pipe(
          Stream.runDrain,
          Effect.flip,
          priced,
          Effect.provide(at(server.url))
        )
        assert.strictEqual(error._tag, "ProviderError")
      }))
  }
})

describe("examples/approval", () => {
  const transfer = Answer.make({ toolCalls: [{ name: "transfer", arguments: `{"to":"Ann","euros":500}` }] })
  const said = Answer.make({ content: "Done." })

  for (const [id, { at, reply }] of Object.entries(hosts)) {
    it.live(`goes on when somebody has answered: ${id}`, () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([reply(transfer), reply(said)])
        const { stored } = yield* start("Pay Ann 500 euros").pipe(Effect.provide(at(server.url)))
        assert.include(stored, `"reason":"approval"`)
        const approvalId = /"approvalId":"([^"]+)"/.exec(stored)?.[1] ?? ""
        const text = yield* goOn(stored, [{ approvalId, approved: true }]).pipe(Effect.provide(at(server.url)))
        assert.strictEqual(text, "Done.")
        assert.include(JSON.stringify((yield* server.requests)[1]?.body), "Transferred 500 euros to Ann")
      }))
  }
})

describe("examples/extract", () => {
  it.live("gives data from the second provider when the first refuses", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        refusal,
        ReplayServer.stream(
          Wire.groq,
          Answer.groq(Answer.make({ content: `{"number":"17","total":119,"dueDate":null}` }))
        )
      ])
      const environment = ConfigProvider.fromUnknown({
        OPENAI_API_KEY: "key",
        OPENAI_BASE_URL: `${server.url}/v1`,
        GROQ_API_KEY: "key",
        GROQ_BASE_URL: `${server.url}/openai/v1`
      })
      const { value } = yield* extract("Invoice 17: 119 euros").pipe(
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(environment)])
      )
      assert.deepStrictEqual({ ...value }, { number: "17", total: 119 })
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ path }) => path), ["/v1/chat/completions", "/openai/v1/chat/completions"])
      for (const { body } of requests) assert.deepNestedInclude(body, { "response_format.type": "json_schema" })
    }))
})

describe("examples/growing-object", () => {
  for (const [id, { at, reply }] of Object.entries(hosts)) {
    it.live(`shows a recipe while it grows, and a refusal in the middle of it, over ${id}`, () =>
      Effect.gen(function*() {
        const content = `{"title": "Rye bread", "difficulty": "easy", "steps": ["Mix", "Wait", "Bake"]}`
        const server = yield* NodeReplayServer.make([
          reply(Answer.make({ content })),
          reply(Answer.make({ content: content.slice(0, 20), refusal: "No bread.", finishReason: "content_filter" }))
        ])
        const logged: Array<string> = []
        const log = (...words: ReadonlyArray<unknown>) => void logged.push(words.join(" ").trim())
        const run = recipe("Bread").pipe(
          Effect.provideService(Console.Console, { ...console, log }),
          Effect.provide(at(server.url))
        )
        yield* run
        assert.strictEqual(logged.at(-1), "Done: Rye bread (easy), 3 steps")
        assert.includeMembers(logged, ["Rye", "Rye bread", "Rye bread Mix"])
        yield* run
        assert.match(logged.at(-1) ?? "", /^No recipe \((Refusal|ContentFilter)\): .*, after 20 characters$/)
      }))
  }
})

describe("examples/fallback", () => {
  const run = Effect.fnUntraced(function*(script: ReplayServer.Script) {
    const server = yield* NodeReplayServer.make(script)
    const environment = ConfigProvider.fromUnknown({
      OPENAI_API_KEY: "key",
      OPENAI_BASE_URL: `${server.url}/v1`,
      ANTHROPIC_API_KEY: "key",
      ANTHROPIC_BASE_URL: server.url
    })
    const response = yield* ChunkStream.outcome(answer("Say hello")).pipe(
      Effect.provide(ProviderLive.pipe(Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(environment)])))
    )
    return { response, paths: (yield* server.requests).map(({ path }) => path) }
  })

  it.live("asks the second provider when the first refuses", () =>
    Effect.gen(function*() {
      const { paths, response } = yield* run([refusal, anthropic("Hello from the other")])
      assert.deepStrictEqual(paths, ["/v1/chat/completions", "/v1/messages"])
      assert.deepStrictEqual([response.provider, response.content], ["anthropic", "Hello from the other"])
    }))

  it.live("fails once text has arrived", () =>
    Effect.gen(function*() {
      const { paths, response } = yield* run([
        openai("Hello, world!", { fault: { kind: "end", after: { events: 2 } } }),
        anthropic("Hello from the other")
      ])
      assert.deepStrictEqual(paths, ["/v1/chat/completions"])
      assert.deepStrictEqual([response.content, response.error?.reason._tag], ["Hello,", "IncompleteStream"])
    }))
})

describe("examples/race", () => {
  it.live("goes on with the text that comes first, and closes the other connection", () =>
    Effect.gen(function*() {
      const quick = yield* NodeReplayServer.make([openai("Quick answer")])
      const silent = yield* NodeReplayServer.make([openai("", hang)])
      const groqAt = (url: string) => Groq.layer({ apiKey, baseUrl: url }).pipe(Layer.provide(FetchHttpClient.layer))
      const text = yield* fastest("Say hello").pipe(
        Stream.mkString,
        Effect.provide([openaiAt(silent.url), groqAt(quick.url)])
      )
      assert.strictEqual(text, "Quick answer")
      const { closed } = yield* silent.request(0)
      assert.strictEqual((yield* closed).by, "client")
    }))
})

describe("examples/batch", () => {
  const questions = new Map(Array.from({ length: 60 }, (_, n) => [`${n}`, `line:${n} Is it a prime number?`]))

  it.live("answers every question once, by another vendor where the first one can't, and goes on after a stop", () =>
    Effect.gen(function*() {
      const up = yield* Effect.acquireRelease(Effect.promise(() => upstream()), (up) => Effect.sync(() => up.close()))
      const env = {
        GROQ_API_KEY: "gsk-key",
        GROQ_BASE_URL: up.url,
        OPENAI_API_KEY: "sk-key",
        OPENAI_BASE_URL: up.url
      }
      const logged: Array<string> = []
      const run = batch(questions).pipe(
        Effect.provideService(Console.Console, { ...console, log: (line: string) => logged.push(line) }),
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))])
      )
      yield* Effect.gen(function*() {
        up.behave = () => ({ status: 401 })
        assert.deepInclude(yield* run, { status: "stopped", left: 60, failures: 0 })
        const refused = up.calls.length
        up.behave = ({ id, nth }) => Number(id) % 10 === 9 && nth === 0 ? { status: 404 } : {}
        assert.deepInclude(yield* run, { status: "done", answers: 60, left: 0 })
        assert.strictEqual(logged.length, 60)
        assert.isTrue(logged.every((line) => /^(\d+): (\d+): answer to \2$/.test(line.replace(/^\d+/, "0"))))
        assert.isAtLeast(up.calls.length, refused + 60)
      }).pipe(Effect.provide(Store.layerMemory))
    }))
})

describe("examples/tenant-budget", () => {
  it.live("refuses a tenant whose budget is too small, before anything is sent, and no other tenant", () =>
    Effect.gen(function*() {
      const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 1000 } // USD 0.0006 of 0.001
      const chunks = Answer.openai(Answer.make({ content: "A poem", usage, model: "gpt-4o-mini" }))
      yield* Effect.gen(function*() {
        yield* ask("trial", "Write a poem.")
        const refused = yield* Effect.flip(ask("trial", "Write a poem."))
        assert.isTrue(Budget.isRefused(refused))
        assert.strictEqual(yield* left("trial"), "0.0004")
        assert.strictEqual((yield* ask("acme", "Write a poem.")).content, "A poem")
        const { requests } = yield* TestProvider.TestProvider
        assert.strictEqual((yield* requests).length, 2)
      }).pipe(Effect.provide(
        budgeted.pipe(
          Layer.provideMerge(TestProvider.layer([{ chunks }], { name: "openai" })),
          Layer.provideMerge(Store.layerMemory)
        )
      ))
    }))
})

describe("examples/telemetry", () => {
  it.live("gives the collector a span a call, and Prometheus the metrics", () =>
    Effect.gen(function*() {
      const collector = yield* otlpReceiver
      const usage = { inputTokens: 1000, cachedTokens: 0, outputTokens: 100 } // USD 0.00015 and 0.00006
      const chunks = Answer.openai(Answer.make({ content: "Hello", usage, model: "gpt-4o-mini" }))
      const provider = yield* NodeReplayServer.make([ReplayServer.stream(Wire.openai, chunks)])
      const environment = ConfigProvider.fromUnknown({
        OPENAI_API_KEY: "key",
        OPENAI_BASE_URL: `${provider.url}/v1`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url
      })
      const server = HttpRouter.serve(TelemetryExample.routes, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provide(TelemetryExample.TracedLive),
        Layer.provide(TelemetryExample.CollectorLive),
        Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(environment)]),
        Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
      )
      const page = yield* Effect.gen(function*() {
        const { address } = yield* HttpServer.HttpServer
        const get = (path: string) =>
          Effect.promise(() => fetch(HttpServer.formatAddress(address) + path).then((response) => response.text()))
        assert.strictEqual(yield* get("/ask?prompt=Say%20hello"), "Hello")
        return yield* get("/metrics")
      }).pipe(Effect.provide(server))
      assert.match(page, /^gen_ai_client_inference_usage_output_tokens\{.*\} 100$/m)
      const calls = collector.spans().filter(({ name }) => name === "chat gpt-4o-mini")
      assert.deepStrictEqual(calls.map(({ attributes }) => attributes["llm_stream.cost.usd"]), [0.00021])
      assert.include(collector.metrics(), "gen_ai.client.inference.duration")
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("examples/async-iterable", () => {
  it.live("gives the text to a loop, and closes the connection when the loop is left", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([openai("one two three four", hang)])
      const ask = makeAsk(openaiAt(server.url))
      const pieces = yield* Effect.promise(async () => {
        const pieces: Array<string> = []
        for await (const piece of ask("Count")) {
          pieces.push(piece)
          if (pieces.length === 2) break
        }
        return pieces
      })
      assert.deepStrictEqual(pieces, ["one", " two"])
      const { closed } = yield* server.request(0)
      assert.strictEqual((yield* closed).by, "client")
    }))
})

describe("examples/hello", () => {
  const shown = Effect.fnUntraced(function*(layer: Layer.Layer<Provider.Provider>) {
    const text: Array<string> = []
    const errors: Array<unknown> = []
    const write = process.stdout.write
    yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        process.stdout.write = (piece) => text.push(String(piece)) > 0
      }),
      () =>
        hello.pipe(
          Effect.provideService(Console.Console, { ...console, error: (line: unknown) => errors.push(line) }),
          Effect.provide(layer)
        ),
      () =>
        Effect.sync(() => {
          process.stdout.write = write
        })
    )
    return { text, errors }
  })

  it.effect("writes the text as it arrives", () =>
    Effect.gen(function*() {
      const layer = TestProvider.layer([{ chunks: Answer.openai(Answer.make({ content: "Once upon a time" })) }])
      assert.deepStrictEqual(yield* shown(layer), { text: ["Once", " upon", " a", " time"], errors: [] })
    }))

  it.effect("says in one line that the key is missing", () =>
    Effect.gen(function*() {
      const layer = OpenAi.layer({}).pipe(Layer.provide(FetchHttpClient.layer))
      assert.deepStrictEqual(yield* shown(layer), {
        text: [],
        errors: ["openai: Authentication: No API key: pass `apiKey`, or set OPENAI_API_KEY"]
      })
    }))
})
