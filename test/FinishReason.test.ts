import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChatCompletions, Converse, FinishReason, Messages, Responses } from "../src/index.ts"

describe("FinishReason", () => {
  const fromOpenAi = FinishReason.fromTable(ChatCompletions.finishReasons)

  const common: ReadonlyArray<
    readonly [
      FinishReason.FinishReason,
      chat: ReadonlyArray<string>,
      messages: ReadonlyArray<string>,
      converse: ReadonlyArray<string>
    ]
  > = [
    ["stop", ["stop"], ["end_turn", "stop_sequence"], ["end_turn", "stop_sequence"]],
    [
      "length",
      ["length"],
      ["max_tokens", "model_context_window_exceeded"],
      ["max_tokens", "model_context_window_exceeded"]
    ],
    ["tool_calls", ["tool_calls", "function_call"], ["tool_use"], ["tool_use"]],
    ["content_filter", ["content_filter"], ["refusal"], ["guardrail_intervened", "content_filtered"]],
    ["pause", [], ["pause_turn", "compaction"], []],
    ["error", [], [], ["malformed_model_output", "malformed_tool_use"]],
    ["other", ["brand_new"], ["brand_new"], ["brand_new"]]
  ]
  const wires = [ChatCompletions.finishReasons, Messages.finishReasons, Converse.finishReasons]
  for (const [reason, ...words] of common) {
    it(`${reason} is what each wire format says with its own words`, () => {
      assert.deepStrictEqual(
        wires.map((table, wire) => (words[wire] ?? []).map(FinishReason.fromTable(table))),
        words.map((list) => list.map(() => reason))
      )
    })
  }

  it("is why a response of the Responses API is incomplete", () => {
    const of = FinishReason.fromTable(Responses.finishReasons)
    assert.deepStrictEqual(
      ["max_output_tokens", "max_messages", "steered", "content_filter", "brand_new"].map(of),
      ["length", "length", "pause", "content_filter", "other"]
    )
  })

  it.prop("is total: any other word is `other`", [Schema.String], ([word]) => {
    if (!Object.hasOwn(ChatCompletions.finishReasons, word)) assert.strictEqual(fromOpenAi(word), "other")
  })

  it("does not take words from the prototype of objects", () => {
    for (const word of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      assert.strictEqual(fromOpenAi(word), "other")
    }
  })
})
