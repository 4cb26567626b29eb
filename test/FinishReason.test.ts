import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChatCompletions, FinishReason } from "../src/index.ts"

describe("FinishReason", () => {
  const fromOpenAi = FinishReason.fromTable(ChatCompletions.finishReasons)

  it("maps the words of chat completions", () => {
    assert.deepStrictEqual(
      ["stop", "length", "tool_calls", "function_call", "content_filter"].map(fromOpenAi),
      ["stop", "length", "tool_calls", "tool_calls", "content_filter"]
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
