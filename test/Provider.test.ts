import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Logger, Metric, Redacted, References, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import {
  AzureOpenAi,
  Bedrock,
  type ChatResponse,
  type Chunk,
  ChunkStream,
  OpenAi,
  Provider,
  type ProviderError,
  RequestFormat
} from "../src/index.ts"
import * as EventStream from "../src/wire/EventStream.ts"
import * as Client from "./support/client.ts"
import * as Spans from "./support/tracer.ts"

const encoder = new TextEncoder()
const frame = (content: string) =>
  encoder.encode(`data: ${JSON.stringify({ id: "r", choices: [{ index: 0, delta: { content } }] })}\n\n`)
const finish = encoder.encode(
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`
)

const stream = (client: Layer.Layer<HttpClient.HttpClient>, policy: Provider.Policy = {}) =>
  Stream.unwrap(OpenAi.OpenAi.use((openai) => Effect.succeed(openai.stream({ model: "m", prompt: "hi" })))).pipe(
    Stream.provide(OpenAi.layer({ apiKey: Redacted.make("sk-test"), ...policy }).pipe(Layer.provide(client)))
  )

const sse = (body: ReadableStream<Uint8Array> | Uint8Array | null, init: ResponseInit = {}) =>
  new Response(body === null || body instanceof ReadableStream ? body : new Blob([body.slice()]).stream(), {
    headers: { "content-type": "text/event-stream" },
    ...init
  })

const reasonOf = (response: ChatResponse.ChatResponse): ProviderError.Reason | undefined => response.error?.reason

describe("Provider.stream", () => {
  describe("timeouts", () => {
    it.effect("fails when no byte comes for the idle timeout, after what had come", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const client = Client.make(() => sse(source.body))
        const fiber = yield* stream(client.layer, { idleTimeout: "30 seconds" }).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        yield* source.push(frame("a"))
        yield* TestClock.adjust("29 seconds")
        yield* source.push(encoder.encode(": heartbeat\n\n"))
        yield* TestClock.adjust("29 seconds")
        yield* source.push(frame("b"))
        yield* TestClock.adjust("31 seconds")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.content, "ab")
        assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "idle" })
        assert.isTrue(response.error?.emitted)
        assert.strictEqual(client.sent.length, 1)
        assert.isTrue(source.cancelled())
      }))

    it.effect("fails when comments and empty deltas are all that comes for the content timeout, where one is set", () =>
      Effect.gen(function*() {
        for (const contentTimeout of ["45 seconds", undefined] as const) {
          const source = Client.manual()
          const fiber = yield* stream(Client.make(() => sse(source.body)).layer, {
            idleTimeout: "30 seconds",
            contentTimeout
          })
            .pipe(ChunkStream.outcome, Effect.forkChild)
          yield* Client.settle
          yield* source.push(frame("a"))
          for (let i = 0; i < 4; i++) {
            yield* TestClock.adjust("11 seconds")
            yield* source.push(i % 2 === 0 ? encoder.encode(": heartbeat\n\n") : frame(""))
          }
          yield* TestClock.adjust("2 seconds")
          yield* Client.settle
          if (contentTimeout === undefined) yield* source.push(finish)
          const response = yield* Fiber.join(fiber)
          assert.strictEqual(response.content, "a")
          if (contentTimeout === undefined) {
            assert.isUndefined(response.error)
          } else {
            assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "idle" })
            assert.match(response.error?.message ?? "", /No content within 45s/)
            assert.isTrue(source.cancelled())
          }
        }
      }))

    it.effect("fails when blanks before any event are all that comes for the content timeout", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const policy = { contentTimeout: "45 seconds", maxRetries: 0 } as const
        const fiber = yield* stream(Client.make(() => sse(source.body)).layer, policy).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        for (let i = 0; i < 4; i++) {
          yield* source.push(encoder.encode("\n"))
          yield* TestClock.adjust("12 seconds")
        }
        const response = yield* Fiber.join(fiber)
        assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "idle" })
        assert.match(response.error?.message ?? "", /No content/)
      }))

    it.effect("fails at the total timeout, whatever comes, and does not try again", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const client = Client.make(() => sse(source.body))
        const fiber = yield* stream(client.layer, { totalTimeout: "60 seconds" }).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        for (let i = 0; i < 5; i++) {
          yield* source.push(frame("a"))
          yield* TestClock.adjust("12 seconds")
        }
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.content, "aaaaa")
        assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "total" })
        assert.isTrue(response.error?.emitted)
        assert.isTrue(source.cancelled())
        assert.strictEqual(client.sent.length, 1)
      }))

    it.effect("counts retries and their pauses for the total timeout", () =>
      Effect.gen(function*() {
        const client = Client.make(() => new Response("", { status: 503, headers: { "retry-after": "20" } }))
        const fiber = yield* stream(client.layer, { totalTimeout: "30 seconds", maxRetries: 9 }).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        for (let i = 0; i < 30; i++) {
          yield* Client.settle
          yield* TestClock.adjust("1 second")
        }
        const response = yield* Fiber.join(fiber)
        assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "total" })
        assert.isFalse(response.error?.emitted)
        assert.strictEqual(client.sent.length, 2)
      }))

    it.effect("lets a request have a policy of its own", () =>
      Effect.gen(function*() {
        const client = Client.make(() => new Response("", { status: 503 }))
        const response = yield* stream(client.layer, { maxRetries: 5 }).pipe(
          ChunkStream.outcome,
          Effect.provideService(Provider.CurrentPolicy, { maxRetries: 0 })
        )
        assert.strictEqual(reasonOf(response)?._tag, "ServerError")
        assert.strictEqual(client.sent.length, 1)
      }))

    it.effect("refuse a policy that is none", () =>
      Effect.gen(function*() {
        const client = Client.make(() => sse(finish))
        const { error } = yield* stream(client.layer).pipe(
          ChunkStream.outcome,
          Effect.provideService(Provider.CurrentPolicy, JSON.parse("null"))
        )
        assert.strictEqual(error?.reason._tag, "InvalidRequest")
        assert.include(error?.message ?? "", "`CurrentPolicy`")
        assert.strictEqual(client.sent.length, 0)
      }))

    it.effect("takes no policy that is none", () =>
      Effect.gen(function*() {
        const wrong: ReadonlyArray<readonly [policy: object, message: RegExp]> = [
          [{ maxRetries: Number.NaN }, /`maxRetries`.* NaN/],
          [{ maxRetries: -1 }, /`maxRetries`/],
          [{ maxRetries: 1.5 }, /`maxRetries`/],
          [{ idleTimeout: "soon" }, /`idleTimeout`.*"soon"/],
          [{ firstByteTimeout: -1 }, /`firstByteTimeout`/],
          [{ totalTimeout: {} }, /`totalTimeout`/],
          [{ contentTimeout: null }, /`contentTimeout`.* null/],
          [{ maxRetryDelay: -1 }, /`maxRetryDelay`.* -1/],
          [{ maxRetryDelay: Number.NaN }, /`maxRetryDelay`.* NaN/],
          [{ maxRetryDelay: "-1 seconds" }, /`maxRetryDelay`/]
        ]
        for (const [policy, message] of wrong) {
          const client = Client.make(() => sse(finish))
          const ofLayer = yield* ChunkStream.outcome(stream(client.layer, policy))
          const ofRequest = yield* stream(client.layer).pipe(
            ChunkStream.outcome,
            Effect.provideService(Provider.CurrentPolicy, policy)
          )
          for (const { error } of [ofLayer, ofRequest]) {
            assert.strictEqual(error?.reason._tag, "InvalidRequest")
            assert.match(error?.message ?? "", message)
          }
          const refused = yield* Effect.flip(Provider.prepare(OpenAi.define(policy), { model: "m", prompt: "hi" }))
          assert.match(refused.message, message)
          const ofConfig = yield* OpenAi.layerConfig(policy).pipe(
            Layer.provide(client.layer),
            Layer.build,
            Effect.scoped,
            Effect.flip
          )
          assert.strictEqual(ofConfig._tag, "ConfigError")
          assert.match(ofConfig.message, message)
          assert.strictEqual(client.sent.length, 0)
        }
      }))

    it.effect("takes every policy that is one", () =>
      Effect.gen(function*() {
        const right: ReadonlyArray<Provider.Policy> = [
          { maxRetries: 0, maxRetryDelay: 0 },
          { maxRetries: Number.POSITIVE_INFINITY, maxRetryDelay: "0 seconds" },
          { firstByteTimeout: Duration.infinity, idleTimeout: "Infinity", maxRetryDelay: Duration.zero },
          { contentTimeout: "0.5 seconds", totalTimeout: [1, 5], idleTimeout: 1000n, maxRetryDelay: { minutes: 1 } },
          { idleTimeout: "1000 weeks", totalTimeout: undefined }
        ]
        for (const policy of right) {
          const response = yield* ChunkStream.outcome(stream(Client.make(() => sse(finish)).layer, policy))
          assert.isUndefined(response.error)
        }
      }))

    it.effect("does not count the time that the consumer takes", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const client = Client.make(() => sse(source.body))
        const fiber = yield* stream(client.layer, { idleTimeout: "30 seconds" }).pipe(
          Stream.tap((chunk) => chunk.content === "slow" ? Effect.sleep("5 minutes") : Effect.void),
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        yield* source.push(frame("slow"))
        yield* TestClock.adjust("5 minutes")
        yield* Client.settle
        yield* source.push(finish)
        const response = yield* Fiber.join(fiber)
        assert.isUndefined(response.error)
        assert.strictEqual(response.content, "slow")
      }))

    it.effect("fails when the first byte does not come in time, and tries again", () =>
      Effect.gen(function*() {
        const client = Client.make((attempt) => attempt === 0 ? new Promise<Response>(() => undefined) : sse(finish))
        const fiber = yield* stream(client.layer, { firstByteTimeout: "10 seconds" }).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        yield* TestClock.adjust("10 seconds")
        yield* Client.settle
        yield* TestClock.adjust("1 second")
        const response = yield* Fiber.join(fiber)
        assert.isUndefined(response.error)
        assert.strictEqual(client.sent.length, 2)
      }))

    it.effect("names the kind when attempts are used up", () =>
      Effect.gen(function*() {
        const client = Client.make(() => new Promise<Response>(() => undefined))
        const fiber = yield* stream(client.layer, { firstByteTimeout: "10 seconds", maxRetries: 0 }).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        yield* TestClock.adjust("10 seconds")
        const response = yield* Fiber.join(fiber)
        assert.deepInclude(reasonOf(response), { _tag: "Timeout", kind: "firstByte" })
        assert.isFalse(response.error?.emitted)
      }))
  })

  describe("headers", () => {
    it.effect("that are secret are found without their scheme, too, in whatever the provider repeats", () =>
      Effect.gen(function*() {
        const secret = "sk-\"own\"-credential"
        const repeated = JSON.stringify({ seen: { authorization: [secret], also: JSON.stringify(secret) } })
        const client = Client.make(() => new Response(repeated, { status: 400 }))
        const openai = OpenAi.make({ headers: { Authorization: Redacted.make(`Bearer ${secret}`) }, maxRetries: 0 })
        const { error } = yield* Effect.flatMap(
          openai,
          (openai) => ChunkStream.outcome(openai.stream({ model: "m", prompt: "hi" }))
        ).pipe(Effect.provide(client.layer))
        assert.strictEqual(error?.reason.body, `{"seen":{"authorization":["<redacted>"],"also":"\\"<redacted>\\""}}`)
      }))

    it.effect("that are secret change nothing of what an error means", () =>
      Effect.gen(function*() {
        for (const secret of ["true", "429429", "message", "rate_limit_exceeded"]) {
          const body = { error: { retry: true, at: 429429, message: "Slow down", code: "rate_limit_exceeded" } }
          const client = Client.make(() => new Response(JSON.stringify(body), { status: 400 }))
          const openai = OpenAi.make({ apiKey: Redacted.make(secret), maxRetries: 0 })
          const { error } = yield* Effect.flatMap(openai, (openai) =>
            ChunkStream.outcome(openai.stream({ model: "m", prompt: "hi" }))).pipe(Effect.provide(client.layer))
          assert.strictEqual(error?.reason._tag, "RateLimited", secret)
          assert.strictEqual(error?.reason.message, "Slow down", secret)
        }
      }))

    it.effect("that are secret do not show where the span of the client is inspected", () =>
      Effect.gen(function*() {
        const { spans, tracer } = Spans.recorder()
        const credentials = {
          accessKeyId: "AKIA-never-seen",
          secretAccessKey: "secret-never-seen",
          sessionToken: "token-never-seen"
        }
        for (const status of [200, 500]) {
          const client = Client.make(() => new Response("{}", { status }))
          const call = <C extends Chunk.Chunk>(
            make: Effect.Effect<Provider.Service<C>, never, HttpClient.HttpClient>
          ) =>
            Effect.flatMap(make, (provider) => ChunkStream.outcome(provider.stream({ model: "m", prompt: "hi" }))).pipe(
              Effect.provide(client.layer),
              Effect.provideService(HttpClient.TracerHeaderFilter, () => true),
              Effect.withTracer(tracer)
            )
          yield* call(Bedrock.make({ region: "us-east-1", credentials, maxRetries: 0 }))
          yield* call(
            AzureOpenAi.make({
              endpoint: "https://a.example",
              apiKey: Redacted.make("key-never-seen"),
              headers: { "x-own": Redacted.make("own-never-seen") },
              maxRetries: 0
            })
          )
        }
        assert.isAtLeast(spans.length, 4)
        assert.notInclude(inspect(spans, { depth: 20, showHidden: true }), "never-seen")
      }))

    it.effect("are checked before any client sees them, and their values are not shown", () =>
      Effect.gen(function*() {
        for (const value of ["secret\nvalue", "secret\0value", "secret\u20ac"]) {
          for (const headers of [{ "x-own": value }, { "x-own": Redacted.make(value) }]) {
            const client = Client.make(() => sse(finish))
            const { error } = yield* Stream.unwrap(
              OpenAi.OpenAi.use((openai) => Effect.succeed(openai.stream({ model: "m", prompt: "hi" })))
            ).pipe(
              Stream.provide(
                OpenAi.layer({ apiKey: Redacted.make("sk-test"), headers }).pipe(Layer.provide(client.layer))
              ),
              ChunkStream.outcome
            )
            assert.strictEqual(error?.reason._tag, "InvalidRequest")
            assert.match(error?.message ?? "", /header "x-own"/)
            assert.notInclude(error?.message ?? "", "secret")
            assert.strictEqual(client.sent.length, 0)
          }
        }
      }))
  })

  describe("what an API does not take", () => {
    it.effect("is told: an option in a warning, the reasoning of an earlier answer in a debug line", () =>
      Effect.gen(function*() {
        const lines: Array<unknown> = []
        const client = Client.make(() => sse(finish))
        yield* Stream.unwrap(OpenAi.OpenAi.use((openai) =>
          Effect.succeed(openai.stream({
            model: "m",
            topK: 5,
            prompt: [
              { role: "user", content: "Hi" },
              {
                role: "assistant",
                content: [{ type: "reasoning", text: "A greeting." }, { type: "text", text: "Hi" }]
              },
              { role: "user", content: "Bye" }
            ]
          }))
        )).pipe(
          Stream.runDrain,
          Effect.provide([
            OpenAi.layer({ apiKey: Redacted.make("sk-test") }).pipe(Layer.provide(client.layer)),
            Logger.layer([Logger.make(({ logLevel, message }) => lines.push([logLevel, String(message)]))])
          ]),
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
        assert.match(
          JSON.stringify(lines),
          /^\[\["Warn","openai is not sent everything.*topK.*\["Debug","openai is not sent everything.*prompt/
        )
      }))
  })

  describe("retries", () => {
    it.effect("are told, in a debug line and a metric, without the provider's own words", () =>
      Effect.gen(function*() {
        const lines: Array<unknown> = []
        const client = Client.make((attempt) =>
          attempt === 0
            ? new Response("\u001b]0;owned\u0007", { status: 503, headers: { "retry-after": "0" } })
            : sse(finish)
        )
        yield* stream(client.layer).pipe(
          ChunkStream.outcome,
          Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => lines.push([logLevel, message]))])),
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
        assert.deepStrictEqual(lines, [["Debug", ["openai: ServerError (HTTP 503), retry 1 in 0 ms"]]])
        const retries = (yield* Metric.snapshot).filter(({ id }) => id === "llm_stream_retries")
        assert.deepInclude(retries.map(({ attributes }) => attributes), { provider: "openai", reason: "ServerError" })
      }))

    const refused = (status: number, headers: Record<string, string> = {}) =>
      new Response("{\"error\":{\"message\":\"no\"}}", {
        status,
        headers: { "content-type": "application/json", ...headers }
      })

    it.effect("are left to the caller when the provider asks for more than the cap", () =>
      Effect.gen(function*() {
        const client = Client.make(() => refused(429, { "retry-after": "400" }))
        const response = yield* stream(client.layer).pipe(ChunkStream.outcome)
        assert.strictEqual(client.sent.length, 1)
        assert.deepStrictEqual(response.error?.retryAfter, Duration.seconds(400))
      }))

    it.effect("pause no longer than the cap where the provider does not ask for it", () =>
      Effect.gen(function*() {
        for (const [maxRetryDelay, pause] of [["100 millis", 100], [0, 0]] as const) {
          const client = Client.make(Client.inTurn(() => refused(503), () => refused(503), () => sse(finish)))
          const fiber = yield* stream(client.layer, { maxRetryDelay }).pipe(ChunkStream.outcome, Effect.forkChild)
          yield* Client.settle
          for (let i = 0; i < 2; i++) {
            yield* TestClock.adjust(Duration.millis(pause))
            yield* Client.settle
          }
          assert.isUndefined((yield* Fiber.join(fiber)).error)
          assert.strictEqual(client.sent.length, 3)
        }
      }))

    it.effect("are as many as the policy allows, and the last error is given out", () =>
      Effect.gen(function*() {
        const client = Client.make(() => refused(503))
        const fiber = yield* stream(client.layer, { maxRetries: 3 }).pipe(ChunkStream.outcome, Effect.forkChild)
        yield* Client.settle
        for (let i = 0; i < 4; i++) {
          yield* TestClock.adjust("10 seconds")
          yield* Client.settle
        }
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(client.sent.length, 4)
        assert.strictEqual(reasonOf(response)?._tag, "ServerError")
      }))

    it.effect("are not made for errors that would come again", () =>
      Effect.gen(function*() {
        const client = Client.make(() => refused(400))
        const response = yield* stream(client.layer).pipe(ChunkStream.outcome)
        assert.strictEqual(client.sent.length, 1)
        assert.strictEqual(reasonOf(response)?._tag, "InvalidRequest")
      }))

    it.effect("are made when the error is the first event of the stream", () =>
      Effect.gen(function*() {
        const failed = encoder.encode("data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}\n\n")
        const client = Client.make((attempt) => sse(attempt === 0 ? failed : finish))
        const fiber = yield* stream(client.layer).pipe(ChunkStream.outcome, Effect.forkChild)
        yield* Client.settle
        yield* TestClock.adjust("1 second")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(client.sent.length, 2)
        assert.isUndefined(response.error)
      }))

    it.effect("are never made once a chunk was delivered", () =>
      Effect.gen(function*() {
        const client = Client.make(() => sse(frame("a")))
        const response = yield* stream(client.layer).pipe(ChunkStream.outcome)
        assert.strictEqual(client.sent.length, 1)
        assert.strictEqual(response.content, "a")
        assert.strictEqual(reasonOf(response)?._tag, "IncompleteStream")
        assert.isTrue(response.error?.emitted)
      }))

    it.effect("are interruptible while they wait", () =>
      Effect.gen(function*() {
        const client = Client.make(() => refused(429, { "retry-after": "30" }))
        const fiber = yield* stream(client.layer).pipe(ChunkStream.outcome, Effect.forkChild)
        yield* Client.settle
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(client.sent.length, 1)
      }))
  })

  it.effect("fails with InvalidRequest while a format can't be loaded, and tries again with the next request", () =>
    Effect.gen(function*() {
      const client = Client.make(() => sse(finish))
      const { format, ...openai } = OpenAi.define({ apiKey: Redacted.make("key") })
      let loads = 0
      const whole = yield* RequestFormat.load(format)
      const lazy = RequestFormat.lazy("lazy", () => undefined, async () => {
        if (++loads === 1) throw new Error("no such file: /srv/secret.js")
        return whole
      })
      const provider = yield* Effect.provide(Provider.make({ ...openai, format: lazy }), client.layer)
      const ask = ChunkStream.outcome(provider.stream({ model: "m", prompt: "hi" }))
      const { error } = yield* ask
      assert.strictEqual(error?.reason._tag, "InvalidRequest")
      assert.match(error?.message ?? "", /can't be loaded/)
      assert.notInclude(inspect(error, { depth: 9 }), "/srv")
      assert.isUndefined((yield* ask).error)
      assert.strictEqual(loads, 2)
    }))

  it.effect("fails with InvalidRequest when a format or an endpoint throws, as at a model that no URL can have", () =>
    Effect.gen(function*() {
      const client = Client.make(() => sse(finish))
      const azure = AzureOpenAi.define({
        endpoint: "https://a.example",
        apiKey: Redacted.make("key"),
        apiVersion: "2024-06-01"
      })
      const openai = OpenAi.define({ apiKey: Redacted.make("key") })
      const throwing = (): never => {
        throw new RangeError("secret")
      }
      const definitions: ReadonlyArray<Provider.Definition<Chunk.Chunk>> = [
        azure,
        { ...openai, format: { name: "throwing", encode: throwing } },
        { ...openai, endpoint: throwing }
      ]
      for (const definition of definitions) {
        const request = { model: "\ud800", prompt: "hi" }
        const provider = yield* Effect.provide(Provider.make(definition), client.layer)
        yield* Effect.flip(Provider.prepare(definition, request))
        const { error } = yield* ChunkStream.outcome(provider.stream(request))
        assert.strictEqual(error?.reason._tag, "InvalidRequest")
        assert.match(error?.reason.message ?? "", /^The request cannot be encoded: (URI|Range)Error$/)
      }
      assert.isUndefined(
        (yield* Effect.provide(Provider.make(azure), client.layer)).target?.({
          model: "\ud800",
          prompt: "hi"
        })
      )
      assert.lengthOf(client.sent, 0)
    }))

  it.effect("takes a content type that is stated twice", () =>
    Effect.gen(function*() {
      const type = "application/vnd.amazon.eventstream"
      const events = { ":message-type": "event", ":content-type": "application/json" }
      const stop = EventStream.encodeUnsafe({
        headers: { ...events, ":event-type": "messageStop" },
        body: encoder.encode(`{"stopReason":"end_turn"}`)
      })
      const client = Client.make(() => sse(stop, { headers: { "content-type": `${type}, ${type}` } }))
      const bedrock = yield* Effect.provide(
        Bedrock.make({ region: "us-east-1", apiKey: Redacted.make("key") }),
        client.layer
      )
      const response = yield* ChunkStream.response(bedrock.stream({ model: "m", prompt: "hi" }))
      assert.deepStrictEqual(response.finishReasons, ["end_turn"])
    }))

  it.effect("says which address answered with what no provider answers", () =>
    Effect.gen(function*() {
      const client = Client.make(() =>
        new Response("<h1>Not here</h1>", { status: 404, headers: { "content-type": "text/html" } })
      )
      const response = yield* stream(client.layer).pipe(ChunkStream.outcome)
      assert.strictEqual(
        response.error?.reason.message,
        "HTTP 404 with a body of text/html from POST https://api.openai.com/v1/chat/completions"
      )
      assert.strictEqual(response.error?.reason.body, "<h1>Not here</h1>")
    }))

  describe("reads", () => {
    it.effect("chunks come as their bytes arrive", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const seen: Array<string> = []
        const fiber = yield* stream(Client.make(() => sse(source.body)).layer).pipe(
          Stream.runForEach((chunk) => Effect.sync(() => seen.push(chunk.content))),
          Effect.forkChild
        )
        yield* Client.settle
        yield* source.push(frame("a"))
        assert.deepStrictEqual(seen, ["a"])
        yield* source.push(frame("b"))
        assert.deepStrictEqual(seen, ["a", "b"])
        yield* source.push(finish)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(seen, ["a", "b", ""])
      }))

    it.effect("a consumer that takes enough closes the body", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const fiber = yield* stream(Client.make(() => sse(source.body)).layer).pipe(
          Stream.take(1),
          Stream.runDrain,
          Effect.forkChild
        )
        yield* Client.settle
        yield* source.push(frame("a"))
        yield* Fiber.join(fiber)
        assert.isTrue(source.cancelled())
      }))

    it.effect("the terminator ends the stream although the body stays open", () =>
      Effect.gen(function*() {
        const source = Client.manual()
        const fiber = yield* stream(Client.make(() => sse(source.body)).layer).pipe(
          ChunkStream.outcome,
          Effect.forkChild
        )
        yield* Client.settle
        yield* source.push(frame("a"))
        yield* source.push(finish)
        const response = yield* Fiber.join(fiber)
        assert.isUndefined(response.error)
        // The connection is given a moment of real time to come to the end of the body.
        while (!source.cancelled()) yield* Client.settle
      }))

    it.effect("a slow consumer holds the source back", () =>
      Effect.gen(function*() {
        let produced = 0
        const endless = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            produced++
            controller.enqueue(frame("x"))
          }
        })
        const fiber = yield* stream(Client.make(() => sse(endless)).layer).pipe(
          Stream.runForEach(() => Effect.sleep("1 second")),
          Effect.forkChild
        )
        yield* Client.settle
        yield* TestClock.adjust("10 seconds")
        yield* Client.settle
        assert.isBelow(produced, 200)
        yield* Fiber.interrupt(fiber)
      }))

    it.effect("an empty body is an incomplete stream", () =>
      Effect.gen(function*() {
        const response = yield* stream(Client.make(() => sse(null)).layer, { maxRetries: 0 }).pipe(ChunkStream.outcome)
        assert.strictEqual(reasonOf(response)?._tag, "IncompleteStream")
      }))
  })
})
