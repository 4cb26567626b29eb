import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { OpenAiChunk } from "../../src/openai/OpenAiChunk.ts"
import { Wire } from "../../src/testing.ts"

const text = (bytes: ReadonlyArray<Uint8Array>) => bytes.map((piece) => new TextDecoder().decode(piece))

const chunk = new OpenAiChunk({ chunk: { id: "1", choices: [{ index: 0, delta: { content: "é\n" } }] } })

describe("Wire", () => {
  it("writes the chat-completions format as OpenAI does", () => {
    assert.deepStrictEqual(text(Wire.encode(Wire.openai, [chunk])), [
      "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é\\n\"}}]}\n\n",
      "data: [DONE]\n\n"
    ])
    assert.lengthOf(Wire.encode(Wire.openai, [chunk], { terminate: false }), 1)
  })

  it("writes events, comments and other line ends", () => {
    assert.deepStrictEqual(
      text([Wire.event({ event: "error", data: "{}" }), Wire.comment("ping")].map(Wire.withLineEnds("\r\n"))),
      ["event: error\r\ndata: {}\r\n\r\n", ": ping\r\n\r\n"]
    )
    assert.deepStrictEqual(text([Wire.withLineEnds(Wire.comment("ping"), "\r")]), [": ping\r\r"])
  })

  it("cuts a body where it is told to", () => {
    const body = ["abc", "", "defg"].map((piece) => new TextEncoder().encode(piece))
    assert.deepStrictEqual(text(Wire.split(body, "events")), ["abc", "defg"])
    assert.deepStrictEqual(text(Wire.split(body, "whole")), ["abcdefg"])
    assert.deepStrictEqual(text(Wire.split(body, { bytes: 3 })), ["abc", "def", "g"])
    assert.deepStrictEqual(text(Wire.split(body, { at: [9, 5, 1, 1, 0] })), ["a", "bcde", "fg"])
    assert.deepStrictEqual(Wire.split(body, { seed: 1 }), Wire.split(body, { seed: 1 }))
    assert.deepStrictEqual(Wire.split([], "whole"), [])
  })

  it.prop("never loses or adds a byte, and never makes an empty read", {
    body: Schema.Array(Schema.Uint8Array),
    reads: Schema.Union([
      Schema.Literals(["events", "whole"]),
      Schema.Struct({ bytes: Schema.Natural.check(Schema.isLessThan(9)) }),
      Schema.Struct({ at: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 40 }))) }),
      Schema.Struct({ seed: Schema.Natural, maxBytes: Schema.Literals([1, 2, 10]) })
    ])
  }, ({ body, reads }) => {
    const pieces = Wire.split(body, reads)
    assert.deepStrictEqual(Wire.concat(pieces), Wire.concat(body))
    assert.isTrue(pieces.every((piece) => piece.length > 0))
  })
})
