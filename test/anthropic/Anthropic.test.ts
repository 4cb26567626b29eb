import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { Headers } from "effect/http"
import { TestClock } from "effect/testing"
import { Anthropic, type ChatRequest, ChunkStream, Provider } from "../../src/index.ts"
import * as Client from "../support/client.ts"
import * as Wire from "./wire.ts"

const streamed = (events: ReadonlyArray<Wire.Event>) => () =>
  new Response(Wire.sse(events), {
    headers: { "content-type": "text/event-stream; charset=utf-8", "request-id": "req_head", "retry-after": "9" }
  })

const refused = (status: number, type: string, message: string, headers: Readonly<Record<string, string>> = {}) => () =>
  new Response(JSON.stringify({ type: "error", error: { type, message }, request_id: "req_body" }), {
    status,
    headers: { "content-type": "application/json", ...headers }
  })

const apiKey = Redacted.make("sk-ant-test")

/** Sends one request, gives what came back and what was sent. */
const send = (
  options: Anthropic.Options,
  request: ChatRequest.ChatRequest,
  ...answers: ReadonlyArray<() => Response>
) =>
  Effect.gen(function*() {
    const seen: Array<Client.Sent> = []
    const response = yield* Anthropic.Anthropic.use((anthropic) => ChunkStream.outcome(anthropic.stream(request))).pipe(
      Effect.provide(
        Anthropic.layer(options).pipe(
          Layer.provide(Client.layer(seen, Client.inTurn(answers[0] ?? streamed(Wire.answer), ...answers.slice(1))))
        )
      )
    )
    const [first] = seen
    return {
      response,
      seen,
      url: first?.request.url,
      headers: first?.request.headers ?? Headers.empty,
      body: first?.body
    }
  })

const hello = { model: "claude-test-1", prompt: "Say hello" }

// Fields that the types do not list.
const notYetKnown: object = { brand_new: true }

describe("Anthropic", () => {
  it.effect("sends key, version, address and a streaming body with the output limit that the API requires", () =>
    Effect.gen(function*() {
      const { body, headers, response, seen, url } = yield* send({ apiKey }, hello)
      assert.strictEqual(seen.length, 1)
      assert.strictEqual(seen[0]?.request.method, "POST")
      assert.strictEqual(url, "https://api.anthropic.com/v1/messages")
      assert.strictEqual(headers["x-api-key"], "sk-ant-test")
      assert.strictEqual(headers["anthropic-version"], "2023-06-01")
      assert.isUndefined(headers["anthropic-beta"])
      assert.isUndefined(headers["authorization"])
      assert.deepStrictEqual(body, {
        model: "claude-test-1",
        max_tokens: 4096,
        messages: [{ role: "user", content: "Say hello" }],
        stream: true
      })
      assert.strictEqual(response.content, "Grüße 👋 aus 東京")
      assert.deepStrictEqual(response.commonFinishReasons, ["tool_calls"])
    }))

  it.effect("puts all system texts in front, and leaves out what the format does not have", () =>
    Effect.gen(function*() {
      const { body } = yield* send({ apiKey }, {
        model: "claude-test-1",
        system: "Be brief.",
        prompt: [
          { role: "system", content: "Be kind." },
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
          { role: "system", content: "" },
          { role: "assistant", content: "c" },
          { role: "user", content: "d" }
        ],
        maxTokens: 10,
        temperature: 0.5,
        topP: 0.9,
        stop: ["END"],
        seed: 7,
        frequencyPenalty: 1,
        presencePenalty: 1
      })
      assert.deepStrictEqual(body, {
        model: "claude-test-1",
        max_tokens: 10,
        system: [{ type: "text", text: "Be brief." }, { type: "text", text: "Be kind." }],
        messages: [
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
          { role: "assistant", content: "c" },
          { role: "user", content: "d" }
        ],
        temperature: 0.5,
        top_p: 0.9,
        stop_sequences: ["END"],
        stream: true
      })
    }))

  it.effect("merges its own options last, except for one that turns streaming off", () =>
    Effect.gen(function*() {
      const { body } = yield* send({ apiKey, maxTokens: 100 }, {
        ...hello,
        options: {
          anthropic: {
            system: [{ type: "text", text: "Cached", cache_control: { type: "ephemeral" } }],
            thinking: { type: "enabled", budget_tokens: 50 },
            top_k: 5,
            ...notYetKnown
          },
          openai: { logprobs: true }
        }
      })
      assert.deepStrictEqual(body, {
        model: "claude-test-1",
        max_tokens: 150,
        system: [{ type: "text", text: "Cached", cache_control: { type: "ephemeral" } }],
        messages: [{ role: "user", content: "Say hello" }],
        thinking: { type: "enabled", budget_tokens: 50 },
        top_k: 5,
        brand_new: true,
        stream: true
      })
      const notStreamed: object = { stream: false }
      const { response } = yield* send({ apiKey }, { ...hello, options: { anthropic: notStreamed } })
      assert.match(response.error?.message ?? "", /options\.anthropic\.stream: answers are streamed/)
    }))

  it.effect("sends beta features of the layer and of the request in one header, and none in the body", () =>
    Effect.gen(function*() {
      const { body, headers } = yield* send(
        { apiKey, betas: ["context-1m-2025-08-07"], version: "2024-01-01" },
        { ...hello, options: { anthropic: { betas: ["mcp-client-2025-11-20", "a-b-2026-01-01"] } } }
      )
      assert.strictEqual(headers["anthropic-beta"], "context-1m-2025-08-07,mcp-client-2025-11-20,a-b-2026-01-01")
      assert.strictEqual(headers["anthropic-version"], "2024-01-01")
      assert.doesNotHaveAnyKeys(body, ["betas"])
    }))

  it.effect("talks to other hosts, whose base URL may end in /v1 and which may need no key", () =>
    Effect.gen(function*() {
      for (const baseUrl of ["https://gateway.test/anthropic", "https://gateway.test/anthropic/v1/"]) {
        const { headers, response, url } = yield* send(
          { baseUrl, provider: "gateway", model: "a-model", headers: { authorization: Redacted.make("Bearer token") } },
          { prompt: "Hi" }
        )
        assert.strictEqual(url, "https://gateway.test/anthropic/v1/messages")
        assert.strictEqual(headers["authorization"], "Bearer token")
        assert.isUndefined(headers["x-api-key"])
        assert.strictEqual(response.provider, "gateway")
      }
    }))

  it.effect("fails before it sends anything without a key, a model, or a prompt that it can write", () =>
    Effect.gen(function*() {
      const cases = [
        [{}, hello, "Authentication"],
        [{ apiKey: Redacted.make(" \n") }, hello, "Authentication"],
        [{ apiKey }, { prompt: "Hi" }, "InvalidRequest"],
        [{ apiKey }, {
          ...hello,
          prompt: [{
            role: "user",
            content: [{ type: "file", mediaType: "image/tiff", data: "https://a.test/b.tiff" }]
          }]
        }, "InvalidRequest"]
      ] as const
      for (const [options, request, tag] of cases) {
        const { response, seen } = yield* send(options, request)
        assert.strictEqual(response.error?.reason._tag, tag)
        assert.isFalse(response.error?.emitted)
        assert.strictEqual(seen.length, 0)
      }
    }))

  it.effect("is configured by ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL", () =>
    Effect.gen(function*() {
      const seen: Array<Client.Sent> = []
      const name = yield* Provider.Provider.use((provider) =>
        Effect.as(ChunkStream.response(provider.stream(hello)), provider.name)
      ).pipe(
        Effect.provide(
          Anthropic.layerConfig().pipe(
            Layer.provide([
              Client.layer(seen, streamed(Wire.answer)),
              ConfigProvider.layer(ConfigProvider.fromEnv({
                env: { ANTHROPIC_API_KEY: "sk-ant-env", ANTHROPIC_BASE_URL: "http://localhost:1234/" }
              }))
            ])
          )
        )
      )
      assert.strictEqual(name, "anthropic")
      assert.strictEqual(seen[0]?.request.url, "http://localhost:1234/v1/messages")
      assert.strictEqual(seen[0]?.request.headers["x-api-key"], "sk-ant-env")
    }))

  describe("errors", () => {
    const faults = [
      [400, "invalid_request_error", "messages: field required", "InvalidRequest", false],
      [400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", "ContextLengthExceeded", false],
      [400, "invalid_request_error", "Your credit balance is too low to access the API.", "QuotaExceeded", false],
      [401, "authentication_error", "invalid x-api-key", "Authentication", false],
      [402, "billing_error", "Pay first", "QuotaExceeded", false],
      [403, "permission_error", "No", "PermissionDenied", false],
      [404, "not_found_error", "model: claude-0", "NotFound", false],
      [409, "conflict_error", "Conflict", "InvalidRequest", true],
      [413, "request_too_large", "Too large", "InvalidRequest", false],
      [429, "rate_limit_error", "Slow down", "RateLimited", true],
      [500, "api_error", "Internal server error", "ServerError", true],
      [504, "timeout_error", "Took too long", "Timeout", true],
      [529, "overloaded_error", "Overloaded", "Overloaded", true]
    ] as const
    for (const [status, type, message, tag, retryable] of faults) {
      it.effect(`${status} ${type} “${message}” is ${tag}`, () =>
        Effect.gen(function*() {
          const { response: { error } } = yield* send({ apiKey, maxRetries: 0 }, hello, refused(status, type, message))
          assert.strictEqual(error?.provider, "anthropic")
          assert.strictEqual(error?.reason._tag, tag)
          assert.strictEqual(error?.reason.message, message)
          assert.strictEqual(error?.status, status)
          assert.strictEqual(error?.code, type)
          assert.strictEqual(error?.requestId, "req_body")
          assert.strictEqual(error?.isRetryable, retryable)
        }))
    }

    it.effect("keep the request id, the pause and the word on retries that the headers state", () =>
      Effect.gen(function*() {
        const answer = refused(529, "overloaded_error", "Overloaded", {
          "request-id": "req_head",
          "retry-after": "12",
          "x-should-retry": "false"
        })
        const { response: { error }, seen } = yield* send({ apiKey }, hello, answer)
        assert.strictEqual(seen.length, 1)
        assert.strictEqual(error?.requestId, "req_head")
        assert.deepStrictEqual(error?.retryAfter, Duration.seconds(12))
        assert.isFalse(error?.isRetryable)
      }))

    it.effect("inside a stream get the response's request id", () =>
      Effect.gen(function*() {
        const { response } = yield* send(
          { apiKey },
          hello,
          streamed([Wire.start(), ...Wire.text(0, "Partial"), Wire.error("overloaded_error", "Overloaded")])
        )
        assert.strictEqual(response.content, "Partial")
        assert.strictEqual(response.error?.reason._tag, "Overloaded")
        assert.strictEqual(response.error?.requestId, "req_head")
        assert.isTrue(response.error?.emitted)
      }))

    it.effect("that come before anything else are retried", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          send(
            { apiKey },
            hello,
            streamed([Wire.error("overloaded_error", "Overloaded")]),
            refused(529, "overloaded_error", "Overloaded"),
            streamed(Wire.answer)
          )
        )
        yield* TestClock.adjust("1 minute")
        const { response, seen } = yield* Fiber.join(fiber)
        assert.strictEqual(seen.length, 3)
        assert.isUndefined(response.error)
        assert.deepStrictEqual(response.finishReasons, ["tool_use"])
      }))

    it.effect("never show the key, though the host echoes it", () =>
      Effect.gen(function*() {
        const { response: { error } } = yield* send(
          { apiKey, maxRetries: 0 },
          hello,
          refused(401, "authentication_error", "The key sk-ant-test is invalid")
        )
        assert.strictEqual(error?.reason.message, "The key <redacted> is invalid")
      }))
  })
})
