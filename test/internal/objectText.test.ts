import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { ObjectText } from "../../src/content/objectText.ts"

const isObject = (text: string): boolean => {
  const value = Result.getOrUndefined(Result.try((): unknown => JSON.parse(text)))
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

const Piece = Schema.Literals(["{", "}", "[", "]", `"a":`, "1", ",", `"}\\"{"`, " \t\n\r", "x", "{}", `{"a":[{}]}`])

describe("a text that comes in pieces", () => {
  it.prop(
    "is whole exactly while it is a JSON object, whenever that is asked",
    { pieces: Schema.Array(Schema.Struct({ piece: Piece, isAsked: Schema.Boolean })) },
    ({ pieces }) => {
      const object = new ObjectText()
      let text = ""
      // What was no object and closed never becomes one.
      for (const { isAsked, piece } of pieces) {
        text += piece
        object.add(piece)
        if (isAsked) assert.strictEqual(object.isWhole(text), isObject(text), text)
      }
      assert.strictEqual(object.isWhole(text), isObject(text), text)
    },
    { arbitrary: { runs: 1000 } }
  )

  it("stays whole with blanks after it, and with nothing else", () => {
    for (const [more, isWhole] of [[" \n", true], ["x", false], ["{", false], ["}", false], [`"`, false]] as const) {
      const object = new ObjectText()
      object.add(`{"a":"\\"}"}`)
      assert.isTrue(object.isWhole(`{"a":"\\"}"}`))
      object.add(more)
      assert.strictEqual(object.isWhole(`{"a":"\\"}"}${more}`), isWhole)
    }
  })
})
