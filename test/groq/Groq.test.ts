import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { type ChatRequest, ChatResponse, ChunkStream, Groq, GroqChunk } from "../../src/index.ts"
import { Arbitraries, Wire } from "../../src/testing.ts"
import * as Host from "../support/host.ts"

const { delta, done, errorEvent, finish, sse } = Host

const decode = (...body: ReadonlyArray<object | string>) => Host.decode(Groq.protocol(), ...body)

const usage = {
  queue_time: 0.05,
  prompt_tokens: 30,
  prompt_time: 0.001,
  completion_tokens: 12,
  completion_time: 0.02,
  total_tokens: 42,
  total_time: 0.021,
  prompt_tokens_details: { cached_tokens: 20 },
  completion_tokens_details: { reasoning_tokens: 5 }
}

describe("GroqChunk", () => {
  it.prop("encodes back to the payload it came from", [Arbitraries.chunk(GroqChunk.FromPayload)], ([chunk]) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(GroqChunk.FromPayload)(chunk)))
    assert.deepStrictEqual(json, chunk.chunk)
    assert.deepStrictEqual(Schema.decodeUnknownSync(GroqChunk.FromPayload)(json), chunk)
    assert.strictEqual(chunk.provider, "groq")
  })

  it.prop("is what the wire's bytes decode to", [Arbitraries.chunk(GroqChunk.FromPayload), Schema.Natural], (
    [chunk, seed]
  ) => {
    const decoder = Groq.protocol().body({})
    const decoded = Wire.split(Wire.encode(Wire.openai, [chunk]), { seed }).flatMap(decoder.push)
    // A payload that states a failure may be no chunk at all.
    if (!chunk.chunk.x_groq?.error) assert.deepStrictEqual(decoded, [chunk])
  })

  it.prop(
    "counts the usage once, in whichever of its three places it is stated",
    [Schema.Struct({ own: Schema.Boolean, common: Schema.Boolean, last: Schema.Boolean })],
    ([{ common, last, own }]) => {
      const payloads = [
        { ...finish("stop"), ...(common ? { usage } : {}), ...(own ? { x_groq: { id: "req_1", usage } } : {}) },
        { choices: [], ...(last ? { usage } : {}), service_tier: "on_demand" }
      ]
      const response = ChatResponse.fromChunks(
        payloads.map((json) => Schema.decodeUnknownSync(GroqChunk.FromPayload)(json))
      )
      const counts = { inputTokens: 30, cachedTokens: 20, outputTokens: 12, reasoningTokens: 5 }
      assert.deepStrictEqual(
        response.usage === undefined ? undefined : { ...response.usage },
        own || common || last ? counts : undefined
      )
      assert.strictEqual(response.costMetadata.serviceTier, "on_demand")
    }
  )

  it("takes of each count the last stated", () => {
    const chunk = Schema.decodeUnknownSync(GroqChunk.FromPayload)({
      x_groq: { usage: { prompt_tokens: 1, completion_tokens: 2 } },
      usage: { prompt_tokens: 3 }
    })
    assert.deepStrictEqual([chunk.inputTokens, chunk.outputTokens], [3, 2])
  })

  it("has what only Groq states, typed", () => {
    const { chunk } = Schema.decodeUnknownSync(GroqChunk.FromPayload)({
      choices: [{
        index: 0,
        delta: {
          channel: "analysis",
          reasoning: "hm",
          annotations: [{ type: "function_citation", function_citation: { tool_call_id: "1", start_index: 0 } }],
          executed_tools: [{
            index: 0,
            type: "search",
            arguments: "{}",
            search_results: { results: [{ title: "T", url: "https://example.com", score: 0.5 }] }
          }]
        }
      }],
      x_groq: {
        id: "req_1",
        seed: 7,
        usage,
        usage_breakdown: { models: [{ model: "m", usage }] },
        debug: { input_token_ids: [1], input_tokens: ["a"] }
      }
    })
    const [choice] = chunk.choices ?? []
    assert.strictEqual(choice?.delta?.channel, "analysis")
    assert.strictEqual(choice?.delta?.executed_tools?.[0]?.search_results?.results?.[0]?.score, 0.5)
    assert.strictEqual(choice?.delta?.annotations?.[0]?.function_citation?.tool_call_id, "1")
    assert.deepStrictEqual(
      [chunk.x_groq?.id, chunk.x_groq?.seed, chunk.x_groq?.usage?.total_time, chunk.x_groq?.debug?.input_tokens?.[0]],
      ["req_1", 7, 0.021, "a"]
    )
    assert.strictEqual(chunk.x_groq?.usage_breakdown?.models?.[0]?.usage?.prompt_tokens, 30)
  })
})

describe("Groq", () => {
  describe("protocol", () => {
    it.effect("adds up reasoning, text and whole tool calls", () =>
      Effect.gen(function*() {
        const call = (index: number, id: string, name: string, text: string) =>
          delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: text } }] })
        const { response } = yield* decode(
          { ...delta({ role: "assistant", content: "" }), x_groq: { id: "req_1", seed: 1 } },
          delta({ reasoning: "Let me ", channel: "analysis" }),
          delta({ reasoning: "see.", channel: "analysis" }),
          delta({ content: "One moment." }),
          call(0, "fc_1", "weather", "{\"city\":\"Paris\"}"),
          call(1, "functions.time:1", "time", "null"),
          finish("tool_calls", { x_groq: { id: "req_1", usage }, usage }),
          done
        )
        assert.isUndefined(response.error)
        assert.strictEqual(response.reasoning, "Let me see.")
        assert.strictEqual(response.content, "One moment.")
        assert.deepStrictEqual(response.toolCalls, [
          { id: "fc_1", name: "weather", arguments: "{\"city\":\"Paris\"}" },
          { id: "functions.time:1", name: "time", arguments: "null" }
        ])
        assert.deepStrictEqual(response.commonFinishReasons, ["tool_calls"])
        assert.strictEqual(response.costMetadata.inputTokens, 30)
      }))

    const failed = { message: "Failed to call a function.", type: "invalid_request_error", failed_generation: "<tool>" }

    const failures: ReadonlyArray<
      readonly [title: string, event: object | string, expected: ReturnType<typeof Host.told>, generation?: string]
    > = [
      [
        "a tool call that the model got wrong",
        errorEvent({ error: { ...failed, code: "tool_use_failed", status_code: 400 } }),
        { reason: "ToolUseFailed", message: failed.message, status: 400, code: "tool_use_failed", retryable: false },
        "<tool>"
      ],
      [
        "JSON that does not match its schema, stated flat",
        errorEvent({ ...failed, code: "json_validate_failed" }),
        {
          reason: "ToolUseFailed",
          message: failed.message,
          status: undefined,
          code: "json_validate_failed",
          retryable: false
        },
        "<tool>"
      ],
      [
        "an error without an event name",
        { error: { message: "Slow down", type: "tokens", code: "rate_limit_exceeded" } },
        { reason: "RateLimited", message: "Slow down", status: 429, code: "rate_limit_exceeded", retryable: true }
      ],
      [
        "an error with a number as its code",
        { error: { message: "No capacity", code: 498 } },
        { reason: "Overloaded", message: "No capacity", status: 498, code: "498", retryable: true }
      ],
      [
        "an error that is a bare string",
        { error: "over_capacity" },
        { reason: "Overloaded", message: "over_capacity", status: undefined, code: "over_capacity", retryable: true }
      ],
      [
        "an error event that is a sentence",
        errorEvent({ error: "Something went wrong" }),
        { reason: "Unknown", message: "Something went wrong", status: undefined, code: undefined, retryable: false }
      ],
      [
        "an error event that is no JSON",
        "event: error\ndata: Something went wrong\n\n",
        { reason: "Unknown", message: "Something went wrong", status: undefined, code: undefined, retryable: false }
      ],
      [
        "a string in x_groq",
        { choices: [], x_groq: { id: "req_1", error: "over_capacity" } },
        { reason: "Overloaded", message: "over_capacity", status: undefined, code: "over_capacity", retryable: true }
      ],
      [
        "an object in x_groq",
        { x_groq: { error: { message: "Try again", type: "internal_server_error" } } },
        {
          reason: "ServerError",
          message: "Try again",
          status: undefined,
          code: "internal_server_error",
          retryable: true
        }
      ]
    ]
    for (const [title, event, expected, generation] of failures) {
      it.effect(`fails after what came before with ${title}`, () =>
        Effect.gen(function*() {
          const { error, response } = yield* decode(delta({ content: "Par" }), event)
          assert.deepStrictEqual(Host.told(error), expected)
          assert.isTrue(error?.emitted)
          assert.strictEqual(response.content, "Par")
          assert.strictEqual(
            error?.reason._tag === "ToolUseFailed" ? error.reason.failedGeneration : undefined,
            generation
          )
        }))
    }

    it.effect("delivers the text and the usage of the very chunk that states the failure", () =>
      Effect.gen(function*() {
        const { response } = yield* decode({ ...delta({ content: "Par" }), x_groq: { error: "over_capacity", usage } })
        assert.strictEqual(response.content, "Par")
        assert.strictEqual(response.usage?.outputTokens, 12)
        assert.strictEqual(response.error?.reason._tag, "Overloaded")
      }))
  })

  describe("make", () => {
    it.effect("sends key, address and Groq's own fields", () =>
      Effect.gen(function*() {
        const request: ChatRequest.ChatRequest = {
          model: "openai/gpt-oss-20b",
          prompt: "Say hi",
          maxTokens: 10,
          options: { groq: { reasoning_format: "parsed", service_tier: "flex" } }
        }
        const { first, response } = yield* Host.send(Groq.layer({ apiKey: Host.key }), request)
        assert.strictEqual(first.url, "https://api.groq.com/openai/v1/chat/completions")
        assert.strictEqual(first.headers["authorization"], "Bearer key-0123456789")
        assert.deepStrictEqual(first.body, {
          model: "openai/gpt-oss-20b",
          messages: [{ role: "user", content: "Say hi" }],
          max_completion_tokens: 10,
          reasoning_format: "parsed",
          service_tier: "flex",
          stream: true,
          stream_options: { include_usage: true }
        })
        assert.deepStrictEqual([response.provider, response.content], ["groq", "Hi"])
      }))

    const error = (code: string | null, message = "No", rest: object = {}) =>
      JSON.stringify({ error: { message, type: "invalid_request_error", code, ...rest } })

    const responses: ReadonlyArray<readonly [status: number, body: string, reason: string, retryable: boolean]> = [
      [400, error("tool_use_failed", "No", { failed_generation: "<tool>" }), "ToolUseFailed", false],
      [400, error("json_validate_failed"), "ToolUseFailed", false],
      [400, error("context_length_exceeded"), "ContextLengthExceeded", false],
      [401, error("invalid_api_key"), "Authentication", false],
      [403, error(null), "PermissionDenied", false],
      [404, error("model_not_found"), "NotFound", false],
      // Larger than the limit for a minute: waiting does not help.
      [413, error("rate_limit_exceeded", "Request too large for model"), "InvalidRequest", false],
      [422, error(null), "InvalidRequest", false],
      [424, error(null), "InvalidRequest", false],
      [429, error("rate_limit_exceeded"), "RateLimited", true],
      [498, error("capacity_exceeded"), "Overloaded", true],
      [498, "flex tier is full", "Overloaded", true],
      [499, error(null), "InvalidRequest", false],
      [500, error(null), "ServerError", true],
      [502, "<html>Bad Gateway</html>", "ServerError", true],
      [503, error(null), "ServerError", true]
    ]
    for (const [status, body, reason, retryable] of responses) {
      it.effect(`takes HTTP ${status} with ${body.slice(0, 60)} for ${reason}`, () =>
        Effect.gen(function*() {
          const { response } = yield* Host.send(
            Groq.layer({ apiKey: Host.key, maxRetries: 0 }),
            { model: "m", prompt: "hi" },
            { status, body }
          )
          const { error } = response
          assert.deepStrictEqual(
            [error?.reason._tag, error?.isRetryable, error?.status, error?.emitted],
            [reason, retryable, status, false]
          )
        }))
    }

    it.effect("asks again when the stream fails before its first chunk", () =>
      Effect.gen(function*() {
        const sent: Array<Host.Sent> = []
        const answers = [
          { status: 498, body: error("capacity_exceeded") },
          { body: sse({ choices: [], x_groq: { error: "over_capacity" } }) },
          { body: sse(delta({ content: "Hi" }), finish("stop"), done) }
        ] as const
        const fiber = yield* Effect.forkChild(
          Effect.provide(
            Groq.Groq.use(({ stream }) => ChunkStream.outcome(stream({ model: "m", prompt: "hi" }))),
            Groq.layer({ apiKey: Host.key }).pipe(Layer.provide(Host.layer(sent, ...answers)))
          )
        )
        yield* TestClock.adjust("1 minute")
        const { content, error: failure } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([content, failure, sent.length], ["Hi", undefined, 3])
      }))
  })

  describe("layerConfig", () => {
    const configured = (env: Record<string, string>) =>
      Host.send(
        Groq.layerConfig().pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))),
        { model: "m", prompt: "hi" }
      )

    it.effect("reads GROQ_API_KEY and GROQ_BASE_URL", () =>
      Effect.gen(function*() {
        const { first } = yield* configured({ GROQ_API_KEY: "gsk", GROQ_BASE_URL: "http://localhost:1/v1/" })
        assert.strictEqual(first.headers["authorization"], "Bearer gsk")
        assert.strictEqual(first.url, "http://localhost:1/v1/chat/completions")
      }))

    it.effect("shows a missing key as a typed error of the stream, before anything is sent", () =>
      Effect.gen(function*() {
        const { response, sent } = yield* configured({})
        assert.strictEqual(response.error?.reason._tag, "Authentication")
        assert.match(response.error?.message ?? "", /GROQ_API_KEY/)
        assert.lengthOf(sent, 0)
      }))
  })
})
