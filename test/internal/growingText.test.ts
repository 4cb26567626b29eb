import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { GrowingText } from "../../src/content/growingText.ts"

// Long ones are put together at once, short ones a thousand characters at a time.
const Piece = Schema.Literals(["", "a", "\u0000", "é", "\ud83d", " word", "x".repeat(500), `\u0000${"y".repeat(3000)}`])

describe("a text that grows", () => {
  it.prop(
    "is what its pieces are joined, whenever it is read",
    { pieces: Schema.Array(Schema.Struct({ piece: Piece, isRead: Schema.Boolean })) },
    ({ pieces }) => {
      const growing = new GrowingText()
      let text = ""
      for (const { isRead, piece } of pieces) {
        growing.add(piece)
        text += piece
        assert.strictEqual(growing.isEmpty, text === "")
        if (isRead) assert.strictEqual(growing.text, text)
      }
      assert.strictEqual(growing.text, text)
    },
    { arbitrary: { runs: 500 } }
  )
})
