import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Stream } from "effect"
import { ChunkStream, type ProviderError } from "../../src/index.ts"
import * as Wire from "../anthropic/wire.ts"

interface Answer extends Readonly<Record<string, unknown>> {
  readonly chunks: number
}

const expected: Answer = {
  provider: "anthropic",
  id: "msg_1",
  model: "claude-test-1",
  content: "Grüße 👋 aus 東京",
  reasoning: "Two cities.",
  refusal: "",
  toolCalls: [
    { id: "toolu_2", name: "weather", arguments: "{\"city\": \"Paris\"}" },
    { id: "toolu_3", name: "time", arguments: "" }
  ],
  finishReasons: ["tool_use"],
  commonFinishReasons: ["tool_calls"],
  usage: { inputTokens: 18, uncachedInputTokens: 10, cachedTokens: 5, cacheWriteTokens: 3, outputTokens: 42 },
  chunks: Wire.answer.length
}

const answerOf = (...reads: ReadonlyArray<Uint8Array | string>) =>
  Effect.map(ChunkStream.response(Wire.decode(...reads)), (response): Answer => ({
    provider: response.provider,
    id: response.id,
    model: response.model,
    content: response.content,
    reasoning: response.reasoning,
    refusal: response.refusal,
    toolCalls: response.toolCalls,
    finishReasons: response.finishReasons,
    commonFinishReasons: response.commonFinishReasons,
    usage: { ...response.usage },
    chunks: response.chunks
  }))

const layouts: ReadonlyArray<Wire.Layout> = [
  { lineEnd: "\n" },
  { lineEnd: "\r\n" },
  { lineEnd: "\r" },
  { named: false },
  { named: false, lineEnd: "\r\n", padding: 3 },
  { padding: 12 }
]

const upTo = (n: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: n })))

describe("the stream of an Anthropic message", () => {
  for (const layout of layouts) {
    it.effect(`decodes with ${JSON.stringify(layout)}, one byte at a time and all at once`, () =>
      Effect.gen(function*() {
        const body = Wire.bytes(Wire.sse(Wire.answer, layout))
        assert.deepStrictEqual(yield* answerOf(body), expected)
        assert.deepStrictEqual(yield* answerOf(...Array.from(body, (byte) => Uint8Array.of(byte))), expected)
      }))
  }

  it.effect("decodes wherever the body is split in two", () =>
    Effect.gen(function*() {
      const body = Wire.bytes(Wire.sse(Wire.answer))
      for (let at = 0; at <= body.length; at++) {
        assert.deepStrictEqual(yield* answerOf(body.subarray(0, at), body.subarray(at)), expected)
      }
    }))

  it.effect("keeps every event as it came", () =>
    Effect.gen(function*() {
      const chunks = yield* Stream.runCollect(Wire.decode(Wire.sse(Wire.answer)))
      assert.deepStrictEqual<unknown>(chunks.map(({ chunk }) => chunk), Wire.answer)
    }))

  it.effect.prop(
    "does not mind pings, heartbeats and events of unknown types in between",
    { at: upTo(Wire.answer.length - 1) },
    ({ at }) =>
      Effect.gen(function*() {
        const noise = `${Wire.sse([Wire.ping, { type: "keepalive", index: "x" }])}: comment\n\ndata:\n\n`
        const before = Wire.sse(Wire.answer.slice(0, at))
        const { chunks, ...answer } = yield* answerOf(before + noise + Wire.sse(Wire.answer.slice(at)))
        assert.deepStrictEqual({ ...answer, chunks: chunks - 2 }, expected)
      })
  )

  it.effect("ends at message_stop though the connection stays open, and reads nothing after it", () =>
    Effect.gen(function*() {
      const endless = Wire.decode(`${Wire.sse(Wire.answer)}data: {"broken`).pipe(Stream.concat(Stream.never))
      const chunks = yield* Stream.runCollect(Stream.take(endless, Wire.answer.length))
      assert.strictEqual(chunks.length, Wire.answer.length)
      assert.deepStrictEqual(yield* answerOf(`${Wire.sse(Wire.answer)}data: {"broken`), expected)
    }))

  it.effect.prop(
    "is complete once a stop reason was stated, and cut off before: never anything else",
    { events: upTo(Wire.answer.length) },
    ({ events }) =>
      Effect.gen(function*() {
        const { chunks, reason } = yield* Wire.chunksAndReason(Wire.sse(Wire.answer.slice(0, events)))
        assert.strictEqual(chunks.length, events)
        assert.strictEqual(reason?._tag, events >= Wire.answer.length - 1 ? undefined : "IncompleteStream")
      })
  )

  it.effect("reads a last event that the body does not close, unless it is cut off itself", () =>
    Effect.gen(function*() {
      const body = Wire.sse(Wire.answer)
      assert.deepStrictEqual(yield* answerOf(body.trimEnd()), expected)
      const { reason } = yield* Wire.chunksAndReason(Wire.sse(Wire.answer.slice(0, 8)) + "data: {\"type\":\"content_bl")
      assert.strictEqual(reason?._tag, "IncompleteStream")
    }))

  it.effect("is incomplete when it holds no message", () =>
    Effect.gen(function*() {
      for (const body of ["", Wire.sse([Wire.ping]), Wire.sse([Wire.stop]), Wire.sse([Wire.ping, Wire.stop])]) {
        const { reason } = yield* Wire.chunksAndReason(body)
        assert.strictEqual(reason?._tag, "IncompleteStream")
      }
    }))

  it.effect("is complete when it came whole in message_start", () =>
    Effect.gen(function*() {
      const whole = Wire.start({
        content: [{ type: "tool_use", id: "toolu_a", name: "score", input: { player: "Ada" } }],
        stop_reason: "tool_use"
      })
      for (const events of [[whole, Wire.stop], [whole]]) {
        const response = yield* Wire.outcome(events)
        assert.isUndefined(response.error)
        assert.deepStrictEqual(response.finishReasons, ["tool_use"])
        assert.deepStrictEqual(response.toolCalls, [
          { id: "toolu_a", name: "score", arguments: "{\"player\":\"Ada\"}" }
        ])
      }
    }))

  it.effect("accepts [DONE] from hosts that add it, which completes nothing by itself", () =>
    Effect.gen(function*() {
      const done = "data: [DONE]\n\n"
      assert.deepStrictEqual(
        yield* answerOf(Wire.sse(Wire.answer.slice(0, -1)) + done),
        { ...expected, chunks: expected.chunks - 1 }
      )
      const { reason } = yield* Wire.chunksAndReason(Wire.sse(Wire.answer.slice(0, -2)) + done)
      assert.strictEqual(reason?._tag, "IncompleteStream")
    }))

  it.effect("delivers text that comes after the stop reason", () =>
    Effect.gen(function*() {
      const [first, ...rest] = Wire.text(0, "Hel", "lo")
      const response = yield* Wire.outcome([
        Wire.start(),
        ...first === undefined ? [] : [first],
        Wire.stopReason("end_turn"),
        ...rest,
        Wire.stop
      ])
      assert.strictEqual(response.content, "Hello")
      assert.deepStrictEqual(response.finishReasons, ["end_turn"])
    }))
})

describe("the usage of an Anthropic message", () => {
  it.effect("is that of the last event that stated each count: counts are never added", () =>
    Effect.gen(function*() {
      const { costMetadata, usage } = yield* Wire.outcome([
        Wire.start({
          usage: {
            input_tokens: 10,
            cache_read_input_tokens: 5,
            cache_creation_input_tokens: 3,
            cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 2 },
            output_tokens: 8,
            service_tier: "standard"
          }
        }),
        Wire.stopReason("end_turn", { input_tokens: 12, cache_read_input_tokens: null, output_tokens: 9 }),
        Wire.stopReason("end_turn", { output_tokens: 20, output_tokens_details: { thinking_tokens: 4 } }),
        Wire.stop
      ])
      assert.deepStrictEqual({ ...usage }, {
        inputTokens: 20,
        uncachedInputTokens: 12,
        cachedTokens: 5,
        cacheWriteTokens: 3,
        cacheWrite5mTokens: 1,
        cacheWrite1hTokens: 2,
        outputTokens: 20,
        reasoningTokens: 4
      })
      assert.strictEqual(costMetadata.serviceTier, "standard")
    }))
})

describe("the tool calls of an Anthropic message", () => {
  it.effect("leave out the tools that the provider runs itself", () =>
    Effect.gen(function*() {
      const piece = { type: "input_json_delta", partial_json: "{\"query\":\"x\"}" }
      const response = yield* Wire.outcome([
        Wire.start(),
        ...Wire.block(0, { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }, piece),
        ...Wire.block(1, { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] }),
        ...Wire.block(2, { type: "mcp_tool_use", id: "mcptoolu_1", name: "echo", server_name: "s", input: {} }, piece),
        ...Wire.block(3, { type: "brand_new_tool_use", id: "new_1", name: "new", input: {} }, piece),
        ...Wire.toolUse(4, "weather", "{\"city\":\"Rome\"}"),
        Wire.stopReason("tool_use"),
        Wire.stop
      ])
      assert.deepStrictEqual(response.toolCalls, [
        { id: "toolu_4", name: "weather", arguments: "{\"city\":\"Rome\"}" }
      ])
    }))

  it.effect("keep arguments that the output limit cut off as they are", () =>
    Effect.gen(function*() {
      const response = yield* Wire.outcome([
        Wire.start(),
        ...Wire.toolUse(0, "weather", "{\"city\":\"Ro"),
        Wire.stopReason("max_tokens"),
        Wire.stop
      ])
      assert.strictEqual(response.toolCalls[0]?.arguments, "{\"city\":\"Ro")
      assert.deepStrictEqual(response.commonFinishReasons, ["length"])
    }))

  it.effect("get their pieces though the blocks interleave", () =>
    Effect.gen(function*() {
      const [a, a1, a2, aEnd] = Wire.toolUse(0, "a", "{\"x\":", "1}")
      const [b, b1, b2, bEnd] = Wire.toolUse(1, "b", "{\"y\":", "2}")
      const response = yield* Wire.outcome(
        [Wire.start(), a, b, b1, a1, a2, b2, aEnd, bEnd, Wire.stopReason("tool_use"), Wire.stop]
          .filter((event) => event !== undefined)
      )
      assert.deepStrictEqual(response.toolCalls.map((call) => call.arguments), ["{\"x\":1}", "{\"y\":2}"])
    }))
})

describe("a faulty stream of an Anthropic message", () => {
  it.effect("fails at a delta for a block that was not started, after what came before", () =>
    Effect.gen(function*() {
      const events = [Wire.start(), ...Wire.text(0, "Hi"), Wire.delta(7, { type: "text_delta", text: "secret" })]
      const { chunks, reason } = yield* Wire.chunksAndReason(Wire.sse(events))
      assert.strictEqual(chunks.length, events.length - 1)
      assert.strictEqual(reason?._tag, "MalformedEvent")
      if (reason?._tag === "MalformedEvent") {
        assert.strictEqual(reason.event, events.length - 1)
        assert.deepStrictEqual(reason.path, ["index"])
        assert.notInclude(reason.message + reason.excerpt, "secret")
      }
    }))

  it.effect("fails when another message starts within, but not when the same starts again", () =>
    Effect.gen(function*() {
      const spliced = yield* Wire.outcome([Wire.start(), ...Wire.text(0, "Hi"), Wire.start({ id: "msg_2" })])
      assert.strictEqual(spliced.error?.reason._tag, "MalformedEvent")
      assert.strictEqual(spliced.content, "Hi")
      const repeated = yield* Wire.outcome([
        Wire.start(),
        Wire.start(),
        ...Wire.text(0, "Hi"),
        Wire.stopReason("end_turn"),
        Wire.stop
      ])
      assert.isUndefined(repeated.error)
      assert.strictEqual(repeated.content, "Hi")
    }))

  it.effect("may leave out content_block_stop, and send null for the message", () =>
    Effect.gen(function*() {
      const response = yield* Wire.outcome([
        { type: "message_start", message: null },
        ...Wire.text(0, "Hel").slice(0, -1),
        ...Wire.text(1, "lo").slice(0, -1),
        Wire.stopReason("end_turn"),
        Wire.stop
      ])
      assert.isUndefined(response.error)
      assert.strictEqual(response.content, "Hello")
      assert.isUndefined(response.id)
      assert.strictEqual(response.usage?.outputTokens, 15)
      assert.isUndefined(response.usage?.inputTokens)
    }))

  it.effect("fails at a known event of the wrong shape, and at what is no JSON object", () =>
    Effect.gen(function*() {
      const before = Wire.sse([Wire.start(), ...Wire.text(0, "Hi")])
      for (
        const data of [
          "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":7}}",
          "{\"type\":\"content_block_start\",\"index\":1}",
          "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":\"7\"}}",
          "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_del",
          "[1]"
        ]
      ) {
        const { chunks, reason } = yield* Wire.chunksAndReason(`${before}data: ${data}\n\n`)
        assert.strictEqual(chunks.length, 4)
        assert.strictEqual(reason?._tag, "MalformedEvent", data)
      }
    }))

  describe("that states an error", () => {
    const types: ReadonlyArray<readonly [string, ProviderError.Reason["_tag"], number, boolean]> = [
      ["invalid_request_error", "InvalidRequest", 400, false],
      ["authentication_error", "Authentication", 401, false],
      ["billing_error", "QuotaExceeded", 402, false],
      ["permission_error", "PermissionDenied", 403, false],
      ["not_found_error", "NotFound", 404, false],
      ["conflict_error", "InvalidRequest", 409, true],
      ["memory_path_conflict_error", "InvalidRequest", 409, true],
      ["memory_precondition_failed_error", "InvalidRequest", 412, false],
      ["request_too_large", "InvalidRequest", 413, false],
      ["rate_limit_error", "RateLimited", 429, true],
      ["api_error", "ServerError", 500, true],
      ["timeout_error", "Timeout", 504, true],
      ["overloaded_error", "Overloaded", 529, true]
    ]
    for (const [type, tag, status, retryable] of types) {
      it.effect(`${type} is ${tag}, ${retryable ? "" : "not "}retryable, and keeps what had come`, () =>
        Effect.gen(function*() {
          const response = yield* Wire.outcome([
            Wire.start(),
            ...Wire.text(0, "Partial"),
            { ...Wire.error(type, "What happened"), request_id: "req_1" }
          ])
          assert.strictEqual(response.content, "Partial")
          assert.strictEqual(response.error?.reason._tag, tag)
          assert.strictEqual(response.error?.reason.message, "What happened")
          assert.strictEqual(response.error?.code, type)
          assert.strictEqual(response.error?.status, status)
          assert.strictEqual(response.error?.requestId, "req_1")
          assert.strictEqual(response.error?.isRetryable, retryable)
          assert.isTrue(response.error?.emitted)
        }))
    }

    it.effect("as its first event has emitted nothing", () =>
      Effect.gen(function*() {
        const { chunks, error } = yield* Wire.outcome([Wire.error("overloaded_error", "Overloaded")])
        assert.strictEqual(chunks, 0)
        assert.isFalse(error?.emitted)
      }))

    it.effect("by the event's name alone, without a type, or flat", () =>
      Effect.gen(function*() {
        const faults: ReadonlyArray<readonly [string, ProviderError.Reason["_tag"], string | undefined]> = [
          [
            "event: error\ndata: {\"message\":\"Boom\",\"type\":\"overloaded_error\"}",
            "Overloaded",
            "overloaded_error"
          ],
          ["data: {\"error\":{\"type\":\"api_error\",\"message\":\"Boom\"}}", "ServerError", "api_error"],
          ["data: {\"type\":\"error\",\"message\":\"Boom\"}", "Unknown", undefined],
          [
            "data: {\"type\":\"error\",\"error\":{\"type\":\"brand_new_error\",\"message\":\"Boom\"}}",
            "Unknown",
            "brand_new_error"
          ]
        ]
        for (const [event, tag, code] of faults) {
          const { reason } = yield* Wire.chunksAndReason(`${event}\n\n`)
          assert.strictEqual(reason?._tag, tag)
          assert.strictEqual(reason?.message, "Boom")
          assert.strictEqual(reason?.code, code)
        }
      }))

    it.effect("in words that its type does not tell", () =>
      Effect.gen(function*() {
        const words: ReadonlyArray<readonly [string, ProviderError.Reason["_tag"]]> = [
          ["prompt is too long: 250000 tokens > 200000 maximum", "ContextLengthExceeded"],
          ["input length and `max_tokens` exceed context limit: 1 + 2 > 2", "ContextLengthExceeded"],
          ["Your credit balance is too low to access the Anthropic API.", "QuotaExceeded"]
        ]
        for (const [message, tag] of words) {
          const { error } = yield* Wire.outcome([Wire.error("invalid_request_error", message)])
          assert.strictEqual(error?.reason._tag, tag)
        }
      }))
  })
})
