import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Fiber, Layer, Random, Redacted } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  ChunkStream,
  Groq,
  OpenAi,
  type OpenAiChunk,
  OpenAiCompatible,
  Provider
} from "../src/index.ts"
import * as Client from "./support/client.ts"
import * as Host from "./support/host.ts"

const utf8 = new TextEncoder()
const frame = (content: string) => utf8.encode(Host.sse(Host.delta({ content })))
const whole = Host.sse(Host.delta({ content: "Hi" }), Host.finish("stop"), Host.done)

const streaming = (body: ReadableStream<Uint8Array> | string) =>
  new Response(body, { headers: { "content-type": "text/event-stream" } })

const ask = (client: Layer.Layer<HttpClient.HttpClient>, options: Partial<OpenAi.Options> = {}) =>
  OpenAi.OpenAi.use((openai) => ChunkStream.outcome(openai.stream({ model: "m", prompt: "hi" }))).pipe(
    Effect.provide(OpenAi.layer({ apiKey: Redacted.make("sk-test"), ...options }).pipe(Layer.provide(client)))
  )

// As the clients of Node and of undici have it: a response that has no web response inside.
const withoutWeb = (client: Layer.Layer<HttpClient.HttpClient>) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.transformResponse(Effect.map((response) =>
        new Proxy(response, {
          get: (target, key) => String(key).endsWith("/WebSource") ? undefined : Reflect.get(target, key, target)
        })
      ))
    )
  ).pipe(Layer.provide(client))

const bodies: Readonly<Record<string, typeof withoutWeb>> = {
  "a web body": (client) => client,
  "another body": withoutWeb
}

describe("Transport", () => {
  for (const [kind, through] of Object.entries(bodies)) {
    describe(`of ${kind}`, () => {
      /** Runs a request whose body the test hands out; `isOver` says whether the stream has ended. */
      const start = (options: Partial<OpenAi.Options>) =>
        Effect.gen(function*() {
          const source = Client.manual()
          const client = through(Client.make(() => streaming(source.body)).layer)
          const fiber = yield* Effect.forkChild(ask(client, { maxRetries: 0, ...options }))
          yield* Client.settle
          return { source, fiber, isOver: () => fiber.pollUnsafe() !== undefined }
        })

      const after = (duration: string, millis: number) => ({ duration, millis })
      const limits = [
        {
          options: { firstByteTimeout: "1500 millis", idleTimeout: "150 millis" },
          firstByte: after("1.5 seconds", 1500),
          idle: after("150 milliseconds", 150)
        },
        {
          options: {},
          firstByte: after("4 minutes, the default", 240_000),
          idle: after("2 minutes, the default", 120_000)
        }
      ] as const

      for (const { firstByte, idle, options } of limits) {
        it.effect(`silence after the headers is a timeout of the first byte, after ${firstByte.duration}`, () =>
          Effect.gen(function*() {
            const { fiber, isOver } = yield* start(options)
            yield* TestClock.adjust(firstByte.millis - 1)
            yield* Client.settle
            assert.isFalse(isOver())
            yield* TestClock.adjust(1)
            const { error } = yield* Fiber.join(fiber)
            assert.deepInclude({ ...error?.reason }, { _tag: "Timeout", kind: "firstByte" })
          }))

        it.effect(`silence after the first byte is a timeout of the idle stream, after ${idle.duration}`, () =>
          Effect.gen(function*() {
            const { fiber, isOver, source } = yield* start(options)
            yield* TestClock.adjust(firstByte.millis - 1)
            yield* source.push(frame("Hi"))
            yield* TestClock.adjust(idle.millis - 1)
            yield* Client.settle
            assert.isFalse(isOver())
            yield* TestClock.adjust(1)
            const { content, error } = yield* Fiber.join(fiber)
            assert.strictEqual(content, "Hi")
            assert.deepInclude({ ...error?.reason }, { _tag: "Timeout", kind: "idle" })
          }))
      }

      it.effect("takes comments for signs of life", () =>
        Effect.gen(function*() {
          const { fiber, source } = yield* start({ idleTimeout: "1 minute" })
          for (let i = 0; i < 6; i++) {
            yield* source.push(utf8.encode(": keepalive\n\n"))
            yield* TestClock.adjust("59 seconds")
          }
          yield* source.push(utf8.encode(whole))
          const { content, error } = yield* Fiber.join(fiber)
          assert.isUndefined(error, String(error))
          assert.strictEqual(content, "Hi")
        }))
    })
  }

  for (const [chance, share] of [[0, 1], [1, 0.75]] as const) {
    it.effect(`pauses between attempts grow to 8 seconds, and no further: ${share} of it, by chance`, () =>
      Effect.gen(function*() {
        const client = Client.make(() => new Response("{}", { status: 503 }))
        yield* Effect.forkChild(ask(client.layer, { maxRetries: 12 }))
        yield* Client.settle
        for (const pause of [500, 1000, 2000, 4000, 8000, 8000, 8000]) {
          const before = client.sent.length
          yield* TestClock.adjust(pause * share - 1)
          yield* Client.settle
          assert.strictEqual(client.sent.length, before)
          yield* TestClock.adjust(1)
          yield* Client.settle
          assert.strictEqual(client.sent.length, before + 1)
        }
      }).pipe(Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => chance })))
  }

  describe("headers that the caller sets win over the provider's", () => {
    const key = Redacted.make("key-0123456789")
    const endpoint = "https://test.example"
    type Options = Pick<Provider.CommonOptions, "headers" | "maxRetries">
    const providers: Readonly<
      Record<
        string,
        (options: Options) => Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>
      >
    > = {
      OpenAi: (options) => OpenAi.layer({ apiKey: key, ...options }),
      Anthropic: (options) => Anthropic.layer({ apiKey: key, ...options }),
      Groq: (options) => Groq.layer({ apiKey: key, ...options }),
      AzureOpenAi: (options) => AzureOpenAi.layer({ apiKey: key, endpoint, ...options }),
      "AzureOpenAi, with a token": (options) => AzureOpenAi.layer({ token: Effect.succeed(key), endpoint, ...options }),
      AzureInference: (options) => AzureInference.layer({ apiKey: key, endpoint, ...options }),
      OpenAiCompatible: (options) =>
        OpenAiCompatible.layer({ provider: "host", baseUrl: endpoint, apiKey: key, ...options }),
      Bedrock: (options) => Bedrock.layer({ region: "us-east-1", apiKey: key, ...options }),
      "Bedrock, with a signature": (options) =>
        Bedrock.layer({
          region: "us-east-1",
          credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: key },
          ...options
        }),
      BedrockInvoke: (options) => BedrockInvoke.layer({ region: "us-east-1", apiKey: key, ...options })
    }
    for (const [provider, layer] of Object.entries(providers)) {
      for (const name of ["Authorization", "X-API-KEY", "api-key", "Content-Type"]) {
        it.effect(`${provider}: ${name}`, () =>
          Effect.gen(function*() {
            const { first } = yield* Host.send(
              layer({ headers: { [name]: Redacted.make("mine") }, maxRetries: 0 }),
              { model: "m", prompt: "hi" },
              { status: 400, body: "{}" }
            )
            assert.strictEqual(first.headers[name.toLowerCase()], "mine")
            assert.isTrue(Redacted.isRedacted(first.shown[name.toLowerCase()]))
          }))
      }
    }
  })

  describe("errors of the client's own policies", () => {
    const answering = Client.make(() => streaming(whole)).layer

    it.effect("a rate limiter that holds requests back is no error", () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.RateLimiter
        const transformClient = HttpClient.withRateLimiter({
          limiter,
          key: "openai",
          limit: 1,
          window: "1 minute",
          times: 0
        })
        const first = yield* ask(answering, { transformClient })
        const fiber = yield* Effect.forkChild(ask(answering, { transformClient }))
        yield* TestClock.adjust("1 minute")
        const second = yield* Fiber.join(fiber)
        assert.deepStrictEqual([first.content, second.content, second.error], ["Hi", "Hi", undefined])
      }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))))

    it.effect("a rate limiter that refuses gives RateLimited, with the time to wait", () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.RateLimiter
        const consume = limiter.consume({ key: "openai", limit: 1, window: "1 minute", onExceeded: "fail" })
        const transformClient = HttpClient.tapRequest(() => consume)
        yield* ask(answering, { transformClient })
        const { error } = yield* ask(answering, { transformClient, maxRetries: 0 })
        assert.strictEqual(error?.reason._tag, "RateLimited")
        assert.strictEqual(error?.code, "RateLimitExceeded")
        assert.isDefined(error?.retryAfter)
        assert.isTrue(error?.isRetryable)
      }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))))

    it.effect("a circuit breaker that is open gives Overloaded", () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          tripPolicy: CircuitBreaker.consecutive(1),
          openDuration: "30 seconds"
        })
        const down = Client.make(() => new Response("{}", { status: 503 }))
        const options: Partial<OpenAi.Options> = {
          transformClient: (client) => HttpClient.withCircuitBreaker(client, { breaker }),
          maxRetries: 0
        }
        assert.strictEqual((yield* ask(down.layer, options)).error?.reason._tag, "ServerError")
        const { error } = yield* ask(down.layer, options)
        assert.strictEqual(error?.reason._tag, "Overloaded")
        assert.lengthOf(down.sent, 1)
      }).pipe(Effect.scoped, Effect.provide(CircuitBreaker.layerStoreMemory())))

    const { EncodeError, InvalidUrlError } = HttpClientError
    const unwritten = [
      [EncodeError, undefined, "The request could not be encoded"],
      [EncodeError, "no such form", "no such form"],
      [InvalidUrlError, "https://sk-test@", "The base URL is not a valid URL"]
    ] as const
    for (const [Unwritten, description, message] of unwritten) {
      it.effect(`what the client can't send (${Unwritten.name}, ${description}) is refused, and not tried again`, () =>
        Effect.gen(function*() {
          const client = HttpClient.make((request) =>
            Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new Unwritten({ request, ...(description === undefined ? {} : { description }) })
              })
            )
          )
          const { error } = yield* ask(Layer.succeed(HttpClient.HttpClient, client))
          assert.deepInclude(error?.reason, { _tag: "InvalidRequest", message })
        }))
    }

    class QuotaGone extends Data.TaggedError("QuotaGone")<{ readonly tenant: string }> {}

    const strange = { "a tagged error": new QuotaGone({ tenant: "a" }), "a string": "no", "nothing": undefined }
    for (const [what, failure] of Object.entries(strange)) {
      it.effect(`${what} without a reason gives Unknown, and is not tried again`, () =>
        Effect.gen(function*() {
          const transformClient = HttpClient.tapRequest(() => Effect.fail(failure))
          const { error } = yield* ask(answering, { transformClient })
          assert.strictEqual(error?.reason._tag, "Unknown")
          assert.strictEqual(error?.code, failure instanceof QuotaGone ? "QuotaGone" : undefined)
        }))
    }
  })

  it.effect("reads an error body in a shape of the host's own, and the usual shapes beside it", () =>
    Effect.gen(function*() {
      const own = OpenAiCompatible.define({ provider: "own", baseUrl: "https://own.example/v1", maxRetries: 0 })
      const definition: Provider.Definition<OpenAiChunk> = {
        ...own,
        protocol: {
          ...own.protocol,
          errors: { codes: { OUT_OF_QUOTA: "QuotaExceeded" } },
          failure: ({ problem }) => typeof problem === "string" ? { message: "No more", code: problem } : undefined
        }
      }
      const bodies = [{ problem: "OUT_OF_QUOTA" }, { error: { message: "Usual" } }]
      const client = Client.make((attempt) => new Response(JSON.stringify(bodies[attempt]), { status: 400 }))
      const provider = yield* Effect.provide(Provider.make(definition), client.layer)
      const failed = () => Effect.flip(ChunkStream.response(provider.stream({ model: "m", prompt: "hi" })))
      const first = yield* failed()
      assert.deepStrictEqual([first.reason._tag, first.reason.message, first.code], [
        "QuotaExceeded",
        "No more",
        "OUT_OF_QUOTA"
      ])
      assert.strictEqual((yield* failed()).reason.message, "Usual")
    }))
})
