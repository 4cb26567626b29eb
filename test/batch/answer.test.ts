import { assert, describe, it } from "@effect/vitest"
import * as Answer from "../../src/batch/answer.ts"
import { Usage } from "../../src/index.ts"

const answer: Answer.Answer = {
  id: "a",
  ...Answer.nothing,
  cost: null,
  attempts: 0,
  cached: false,
  error: null
}

describe("the answer of a line", () => {
  it("has each count of tokens, or null where it was not stated", () => {
    const counts = { inputTokens: 1, cachedTokens: 2, cacheWriteTokens: 3, outputTokens: 4, reasoningTokens: 5 }
    const none = {
      inputTokens: null,
      cachedTokens: null,
      cacheWriteTokens: null,
      outputTokens: null,
      reasoningTokens: null
    }
    assert.strictEqual(Answer.tokensOf(undefined), null)
    assert.deepStrictEqual(Answer.tokensOf(new Usage.Usage({})), none)
    assert.deepStrictEqual(Answer.tokensOf(new Usage.Usage(counts)), counts)
  })

  it("is a line of JSON that is read back, and told by its id", () => {
    const odd = { ...answer, id: "a\"\\\u2028", content: "\u007f\u202e" }
    const text = Answer.text(odd)
    assert.isTrue(
      text.startsWith(`{"id":"a\\"\\\\\\u2028","provider":null,"model":null,"content":"\\u007f\\u202e"`),
      text
    )
    assert.deepStrictEqual(Answer.fromText(text), odd)
    assert.strictEqual(Answer.idOf(text), odd.id)
    assert.strictEqual(Answer.fromText(`{"id":"a"}`), undefined)
    assert.strictEqual(Answer.fromText("{"), undefined)
    assert.strictEqual(Answer.idOf(`{"other":"a"}`), undefined)
  })
})
