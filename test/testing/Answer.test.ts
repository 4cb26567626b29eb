import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as ChatResponse from "../../src/ChatResponse.ts"
import { Answer } from "../../src/testing.ts"

describe("Answer", () => {
  it("cuts whole texts into pieces, reasoning first", () => {
    const answer = Answer.make({
      content: "Hello, big world! ",
      reasoning: "Be brief.",
      toolCalls: [{ name: "weather", arguments: "{\"city\":\"Paris\"}" }]
    })
    assert.deepStrictEqual(
      answer.pieces.map((piece) =>
        piece.type === "toolCall" ? piece.arguments : piece.type === "audio" ? "" : piece.text
      ),
      ["Be", " brief.", "Hello,", " big", " world!", " ", "", "{\"city\":", "\"Paris\"}"]
    )
    assert.strictEqual(answer.finishReason, "tool_calls")
    assert.strictEqual(Answer.make({ content: "x" }).finishReason, "stop")
    assert.strictEqual(Answer.make({ content: "x", finishReason: "length" }).finishReason, "length")
  })

  it("states no tokens of the cache where none are given", () => {
    const answer = Answer.make({ content: "x", usage: { inputTokens: 9, outputTokens: 3 } })
    assert.deepStrictEqual(answer.usage, { inputTokens: 9, cachedTokens: 0, outputTokens: 3 })
  })

  it.prop("keeps every character of whole texts", {
    content: Schema.String,
    reasoning: Schema.String,
    refusal: Schema.String,
    toolCalls: Schema.Array(Schema.Struct({ name: Schema.NonEmptyString, arguments: Schema.String }))
  }, (whole) => {
    const answer = Answer.make(whole)
    const [expected] = Answer.expected(answer)
    assert.deepStrictEqual({
      ...expected,
      toolCalls: expected?.toolCalls.map((call) => ({ name: call.name, arguments: call.arguments }))
    }, { ...whole, toolCalls: [...whole.toolCalls] })
    const response = ChatResponse.fromChunks(Answer.openai(answer))
    assert.deepStrictEqual(
      [response.content, response.reasoning, response.refusal, response.toolCalls],
      [expected?.content, expected?.reasoning, expected?.refusal, expected?.toolCalls]
    )
  })

  it("streams as OpenAI does: role, pieces, finish reason, usage", () => {
    const chunks = Answer.openai(
      Answer.make({ content: "Hi there", usage: { inputTokens: 9, cachedTokens: 4, outputTokens: 2 } })
    )
    assert.deepStrictEqual(
      chunks.map(({ chunk }) => chunk.choices),
      [
        [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
        [{ index: 0, delta: { content: "Hi" }, finish_reason: null }],
        [{ index: 0, delta: { content: " there" }, finish_reason: null }],
        [{ index: 0, delta: {}, finish_reason: "stop" }],
        []
      ]
    )
    assert.deepStrictEqual(chunks.map(({ inputTokens }) => inputTokens), [...Array(4).fill(undefined), 9])
  })

  it("streams as Groq does: the first chunk has the id of the request, and the one with the usage has both", () => {
    const answer = Answer.make({ id: "1", content: "Hi there", usage: { inputTokens: 9, outputTokens: 2 } })
    const [first, ...more] = Answer.groq(answer).map(({ chunk }) => chunk.x_groq)
    const last = more.pop()
    assert.deepStrictEqual(first, { id: "req_1" })
    assert.deepStrictEqual(more.filter((own) => own !== undefined), [])
    assert.deepInclude(last, { id: "req_1" })
    assert.deepInclude(last?.usage, { prompt_tokens: 9, completion_tokens: 2 })
  })

  describe("of reasoning, text and a call, with its usage, streams", () => {
    const answer = Answer.make({
      reasoning: "Hm",
      content: "Hi there",
      toolCalls: [{ name: "add", arguments: "{\"a\":1}" }],
      usage: { inputTokens: 9, cachedTokens: 4, outputTokens: 2 }
    })

    it("as Anthropic does", () => {
      const delta = (index: number, delta: object) => ({ type: "content_block_delta", index, delta })
      const stop = (index: number) => ({ type: "content_block_stop", index })
      assert.deepStrictEqual<ReadonlyArray<unknown>>(Answer.anthropic(answer).map(({ chunk }) => chunk), [
        {
          type: "message_start",
          message: {
            id: "answer-1",
            type: "message",
            role: "assistant",
            model: "test-model",
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 5, cache_read_input_tokens: 4, output_tokens: 1 }
          }
        },
        { type: "ping" },
        { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
        delta(0, { type: "thinking_delta", thinking: "Hm" }),
        delta(0, { type: "signature_delta", signature: "c2lnbmF0dXJl" }),
        stop(0),
        { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
        delta(1, { type: "text_delta", text: "Hi" }),
        delta(1, { type: "text_delta", text: " there" }),
        stop(1),
        {
          type: "content_block_start",
          index: 2,
          content_block: { type: "tool_use", id: "call_0_0", name: "add", input: {} }
        },
        delta(2, { type: "input_json_delta", partial_json: "" }),
        delta(2, { type: "input_json_delta", partial_json: "{\"a\":1}" }),
        stop(2),
        {
          type: "message_delta",
          delta: { stop_reason: "tool_use", stop_sequence: null },
          usage: { output_tokens: 2 }
        },
        { type: "message_stop" }
      ])
    })

    it("as Converse does", () => {
      const delta = (contentBlockIndex: number, delta: object) => ({ contentBlockDelta: { contentBlockIndex, delta } })
      const stop = (contentBlockIndex: number) => ({ contentBlockStop: { contentBlockIndex } })
      assert.deepStrictEqual<ReadonlyArray<unknown>>(Answer.bedrock(answer).map(({ chunk }) => chunk), [
        { messageStart: { role: "assistant" } },
        delta(0, { reasoningContent: { text: "Hm" } }),
        stop(0),
        delta(1, { text: "Hi" }),
        delta(1, { text: " there" }),
        stop(1),
        {
          contentBlockStart: { contentBlockIndex: 2, start: { toolUse: { toolUseId: "call_0_0", name: "add" } } }
        },
        delta(2, { toolUse: { input: "" } }),
        delta(2, { toolUse: { input: "{\"a\":1}" } }),
        stop(2),
        { messageStop: { stopReason: "tool_use" } },
        {
          metadata: {
            usage: { inputTokens: 5, outputTokens: 2, totalTokens: 11, cacheReadInputTokens: 4 },
            metrics: { latencyMs: 700 }
          }
        }
      ])
    })

    it("as OpenAI's Responses API does", () => {
      const response = { id: "answer-1", object: "response", created_at: 1767225600, model: "test-model" }
      const begun = { ...response, status: "in_progress", output: [], usage: null }
      const reasoning = { type: "reasoning", id: "rs_0", summary: [{ type: "summary_text", text: "Hm" }] }
      const message = { type: "message", id: "msg_1", role: "assistant" }
      const said = {
        ...message,
        status: "completed",
        content: [{ type: "output_text", text: "Hi there", annotations: [] }]
      }
      const call = { type: "function_call", id: "fc_2", call_id: "call_0_0", name: "add" }
      const called = { ...call, status: "completed", arguments: "{\"a\":1}" }
      const at = (output_index: number, item_id: string) => ({ output_index, item_id })
      const events = [
        { type: "response.created", response: begun },
        { type: "response.in_progress", response: begun },
        { type: "response.output_item.added", output_index: 0, item: { ...reasoning, summary: [] } },
        { type: "response.reasoning_summary_text.delta", ...at(0, "rs_0"), summary_index: 0, delta: "Hm" },
        { type: "response.reasoning_summary_text.done", ...at(0, "rs_0"), summary_index: 0, text: "Hm" },
        { type: "response.output_item.done", output_index: 0, item: reasoning },
        {
          type: "response.output_item.added",
          output_index: 1,
          item: { ...message, status: "in_progress", content: [] }
        },
        { type: "response.output_text.delta", ...at(1, "msg_1"), content_index: 0, delta: "Hi" },
        { type: "response.output_text.delta", ...at(1, "msg_1"), content_index: 0, delta: " there" },
        { type: "response.output_text.done", ...at(1, "msg_1"), content_index: 0, text: "Hi there" },
        { type: "response.output_item.done", output_index: 1, item: said },
        {
          type: "response.output_item.added",
          output_index: 2,
          item: { ...call, status: "in_progress", arguments: "" }
        },
        { type: "response.function_call_arguments.delta", ...at(2, "fc_2"), delta: "" },
        { type: "response.function_call_arguments.delta", ...at(2, "fc_2"), delta: "{\"a\":1}" },
        { type: "response.function_call_arguments.done", ...at(2, "fc_2"), arguments: "{\"a\":1}" },
        { type: "response.output_item.done", output_index: 2, item: called },
        {
          type: "response.completed",
          response: {
            ...response,
            status: "completed",
            incomplete_details: null,
            output: [reasoning, said, called],
            usage: {
              input_tokens: 9,
              input_tokens_details: { cached_tokens: 4 },
              output_tokens: 2,
              total_tokens: 11
            }
          }
        }
      ]
      assert.deepStrictEqual<ReadonlyArray<unknown>>(
        Answer.openaiResponses(answer).map(({ chunk }) => chunk),
        events.map((event, sequence_number) => ({ ...event, sequence_number }))
      )
    })
  })

  it("streams a refusal that is cut short as OpenAI's Responses API does", () => {
    const response = { id: "answer-1", object: "response", created_at: 1767225600, model: "test-model" }
    const at = { item_id: "msg_0", output_index: 0, content_index: 0 }
    const message = { type: "message", id: "msg_0", role: "assistant" }
    const said = { ...message, status: "completed", content: [{ type: "refusal", refusal: "I can't" }] }
    const chunks = Answer.openaiResponses(Answer.make({ refusal: "I can't", finishReason: "length" }))
    assert.deepStrictEqual<ReadonlyArray<unknown>>(
      chunks.slice(2).map(({ chunk }) => chunk),
      [
        {
          type: "response.output_item.added",
          output_index: 0,
          item: { ...message, status: "in_progress", content: [] }
        },
        { type: "response.refusal.delta", ...at, delta: "I" },
        { type: "response.refusal.delta", ...at, delta: " can't" },
        { type: "response.refusal.done", ...at, refusal: "I can't" },
        { type: "response.output_item.done", output_index: 0, item: said },
        {
          type: "response.incomplete",
          response: {
            ...response,
            status: "incomplete",
            incomplete_details: { reason: "max_output_tokens" },
            output: [said],
            usage: null
          }
        }
      ].map((event, index) => ({ ...event, sequence_number: index + 2 }))
    )
  })
})
