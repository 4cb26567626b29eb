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
})
