import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChatResponse, OpenAiChunk } from "../src/index.ts"
import * as ResponseParts from "../src/ResponseParts.ts"
import { Answer, Arbitraries } from "../src/testing.ts"
import * as Cpu from "./support/cpu.ts"

const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: payload })

const toolDeltas = (...deltas: ReadonlyArray<Record<string, unknown>>) =>
  ChatResponse.fromChunks(
    deltas.map((delta) =>
      Schema.decodeUnknownSync(OpenAiChunk.FromPayload)({ choices: [{ index: 0, delta: { tool_calls: [delta] } }] })
    )
  ).toolCalls

const call = (delta: {
  readonly index?: number
  readonly id?: string
  readonly name?: string | null
  readonly arguments?: string
}) => ({
  ...(delta.index === undefined ? {} : { index: delta.index }),
  ...(delta.id === undefined ? {} : { id: delta.id }),
  function: {
    ...(delta.name === undefined ? {} : { name: delta.name }),
    ...(delta.arguments === undefined ? {} : { arguments: delta.arguments })
  }
})

const wires = {
  "chat completions": Answer.openai,
  Azure: Answer.azure,
  Groq: Answer.groq,
  Responses: Answer.openaiResponses,
  Messages: Answer.anthropic,
  Converse: Answer.bedrock,
  InvokeModel: Answer.bedrockInvoke
}

describe("ChatResponse", () => {
  it("keeps every field of every choice when it is stored", () => {
    const message = {
      content: "a",
      reasoning: "b",
      refusal: "c",
      tool_calls: [{ index: 0, ...call({ id: "d", name: "e" }) }]
    }
    const response = ChatResponse.fromChunks(
      [0, 1].map((index) =>
        Schema.decodeUnknownSync(OpenAiChunk.FromPayload)({
          choices: [{ index, delta: message, finish_reason: "stop" }]
        })
      )
    )
    const codec = Schema.toCodecJson(ChatResponse.ChatResponse)
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(response)))
    const stored = Schema.decodeUnknownSync(codec)(json)
    assert.deepStrictEqual(stored.choices, response.choices)
    for (const choice of stored.choices) {
      assert.deepInclude(choice, { content: "a", reasoning: "b", refusal: "c", finishReason: "stop" })
      assert.lengthOf(choice.toolCalls, 1)
    }
  })

  it("tells calls apart that have one id and no name yet", () => {
    const calls = toolDeltas(
      call({ index: 0, id: "a" }),
      call({ index: 1, id: "a" }),
      call({ index: 2 }),
      call({ index: 3 })
    )
    assert.lengthOf(calls, 4)
    assert.lengthOf([...new Set(calls.map(({ id }) => id))], 4)
  })

  it("is empty without chunks", () => {
    const response = ChatResponse.fromChunks([])
    assert.strictEqual(response.content, "")
    assert.deepStrictEqual(response.finishReasons, [])
    assert.isUndefined(response.id)
    assert.isUndefined(response.usage)
    assert.isUndefined(response.audio)
    assert.strictEqual(response.chunks, 0)
  })

  it("takes id and model from the first chunk that states them", () => {
    const response = ChatResponse.fromChunks([
      chunk({ id: "", model: "" }),
      chunk({ id: "a", model: "m" }),
      chunk({ id: "b", model: "n" })
    ])
    assert.deepStrictEqual([response.id, response.model], ["a", "m"])
  })

  it("keeps the choices apart and orders them by index", () => {
    const piece = (index: number, content: string, finish_reason: string | null = null) =>
      chunk({ choices: [{ index, delta: { content }, finish_reason }] })
    const response = ChatResponse.fromChunks([
      piece(1, "one"),
      piece(0, "ze"),
      piece(1, "", "length"),
      piece(0, "ro"),
      piece(0, "", "stop")
    ])
    assert.strictEqual(response.content, "zero")
    assert.deepStrictEqual(response.choices.map((choice) => choice.content), ["zero", "one"])
    assert.deepStrictEqual(response.finishReasons, ["stop", "length"])
    assert.deepStrictEqual(response.commonFinishReasons, ["stop", "length"])
  })

  it("lets the last finish reason of a choice win, and still takes text after it", () => {
    const response = ChatResponse.fromChunks([
      chunk({ choices: [{ index: 0, delta: { content: "a" }, finish_reason: "stop" }] }),
      chunk({ choices: [{ index: 0, delta: { content: "b" }, finish_reason: "length" }] }),
      chunk({ choices: [{ index: 0, delta: { content: "c" }, finish_reason: "" }] })
    ])
    assert.deepStrictEqual(response.finishReasons, ["length"])
    assert.strictEqual(response.content, "abc")
  })

  it(
    "does work linear in the number of choices of a chunk",
    Cpu.within(3, () => {
      const choices = Array.from(
        { length: 20_000 },
        (_, index) => ({ index, delta: { content: "a" }, finish_reason: "stop" })
      )
      const response = ChatResponse.fromChunks([Schema.decodeUnknownSync(OpenAiChunk.FromPayload)({ choices })])
      assert.lengthOf(response.commonFinishReasons, choices.length)
    })
  )

  it("counts usage once, however often it is stated", () => {
    const usage = { prompt_tokens: 10, completion_tokens: 4 }
    const response = ChatResponse.fromChunks([chunk({ usage }), chunk({ usage: null }), chunk({ usage })])
    assert.strictEqual(response.usage?.inputTokens, 10)
    assert.strictEqual(response.usage?.outputTokens, 4)
    assert.strictEqual(response.costMetadata.outputTokens, 4)
  })

  it("joins audio and keeps its id and expiry", () => {
    const audio = (fields: { id?: string; data?: string; transcript?: string; expires_at?: number }) =>
      chunk({ choices: [{ index: 0, delta: { audio: fields } }] })
    const response = ChatResponse.fromChunks([
      audio({ id: "audio_1", transcript: "Hel" }),
      audio({ data: "AQID" }),
      audio({ transcript: "lo" }),
      audio({ data: "BAU=" }),
      audio({ expires_at: 1_700_000_000 })
    ])
    assert.deepStrictEqual(response.audio?.data, Uint8Array.of(1, 2, 3, 4, 5))
    assert.strictEqual(response.audio?.transcript, "Hello")
    assert.strictEqual(response.audio?.id, "audio_1")
    assert.strictEqual(response.audio?.expiresAt, 1_700_000_000)
  })

  it("does not change a response already taken", () => {
    const accumulator = ChatResponse.accumulator()
    accumulator.add(chunk({ choices: [{ index: 0, delta: { content: "a", audio: { data: "AQID" } } }] }))
    const before = accumulator.response()
    accumulator.add(chunk({ choices: [{ index: 0, delta: { content: "b", audio: { data: "BAU=" } } }] }))
    assert.strictEqual(before.content, "a")
    assert.deepStrictEqual(before.audio?.data, Uint8Array.of(1, 2, 3))
    assert.strictEqual(accumulator.response().content, "ab")
  })

  it.prop("does not change with what comes after it, whatever comes", {
    pieces: Schema.Array(Schema.Struct({
      // More of both than a response puts together at once.
      choice: Schema.Natural.check(Schema.isLessThan(50)),
      call: Schema.Natural.check(Schema.isLessThan(50)),
      text: Schema.Literals(["", "a", "{}"]),
      finish: Schema.NullOr(Schema.Literals(["stop", "length"]))
    })).check(Schema.isMaxLength(150))
  }, ({ pieces }) => {
    const chunks = pieces.map(({ call: index, choice, finish, text }) =>
      chunk({
        choices: [
          { index: choice, delta: { content: text }, finish_reason: finish },
          { index: 0, delta: { tool_calls: [call({ index, name: "f", arguments: text })] } }
        ]
      })
    )
    const accumulator = ChatResponse.accumulator()
    const early: Array<ChatResponse.ChatResponse> = []
    for (const each of chunks) {
      accumulator.add(each)
      early.push(accumulator.response())
    }
    for (const [i, response] of early.entries()) {
      const again = ChatResponse.fromChunks(chunks.slice(0, i + 1))
      assert.deepStrictEqual({ ...response }, { ...again })
      assert.deepStrictEqual(
        response.choices.map(({ index }) => index),
        [
          ...new Set(pieces.slice(0, i + 1).flatMap(({ choice }) => [choice, 0]))
        ].sort((a, b) => a - b)
      )
      assert.lengthOf(response.finishReasons, response.choices.filter((choice) => "finishReason" in choice).length)
    }
  }, { arbitrary: { runs: 20, size: 150 } })

  for (const [wire, write] of Object.entries(wires)) {
    it.prop(`has of its first choice over ${wire} what it has of itself, after each chunk`, {
      answer: Arbitraries.answer({ maxPieces: 8 })
    }, ({ answer }) => {
      const accumulator = ChatResponse.accumulator()
      for (const each of write(answer)) {
        accumulator.add(each)
        const { choices: [first], content, finishReasons, reasoning, refusal, toolCalls } = accumulator.response()
        if (first === undefined) {
          assert.deepStrictEqual({ content, reasoning, refusal, toolCalls }, {
            content: "",
            reasoning: "",
            refusal: "",
            toolCalls: []
          })
          continue
        }
        const { finishReason, index, ...said } = first
        assert.strictEqual(index, 0)
        assert.deepStrictEqual(said, { content, reasoning, refusal, toolCalls })
        assert.deepStrictEqual(finishReason === undefined ? [] : [finishReason], finishReasons)
      }
    }, { arbitrary: { runs: 20 } })
  }

  it.prop("is valid by its own schema for any chunks", [Schema.Array(OpenAiChunk)], ([chunks]) => {
    assert.isTrue(Schema.is(ChatResponse.ChatResponse)(ChatResponse.fromChunks(chunks)))
  }, { arbitrary: { runs: 30 } })

  describe("after each chunk", () => {
    const text = (content: string, reason: string | null = null) =>
      new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content }, finish_reason: reason }] } })
    const usage = new OpenAiChunk({ chunk: { choices: [], usage: { prompt_tokens: 9, completion_tokens: 2 } } })

    it("is what it was, whatever comes later", () => {
      const chunks = [text("Hello"), text(" there", "stop"), usage]
      const accumulator = ChatResponse.accumulator()
      const each = chunks.map((chunk) => {
        accumulator.add(chunk)
        return accumulator.response()
      })
      const anew = chunks.map((_, at) => ChatResponse.fromChunks(chunks.slice(0, at + 1)))
      assert.deepStrictEqual(each, anew)
      assert.deepStrictEqual(each.map(({ finishReasons }) => finishReasons), [[], ["stop"], ["stop"]])
      assert.deepStrictEqual(each.map(({ costMetadata }) => costMetadata?.outputTokens), [undefined, undefined, 2])
      assert.deepStrictEqual(each.map(ResponseParts.encoded), anew.map(ResponseParts.encoded))
    })

    it.prop("has the texts and the blocks that had come, however long", {
      pieces: Schema.Array(Schema.Struct({
        kind: Schema.Literals(["text", "reasoning"]),
        piece: Schema.Literals(["a", " word", "x".repeat(700), "y".repeat(2000)])
      })).check(Schema.isMaxLength(30))
    }, ({ pieces }) => {
      const accumulator = ChatResponse.accumulator()
      const responses = pieces.map(({ kind, piece }) => {
        const delta = kind === "text" ? { content: piece } : { reasoning: piece }
        accumulator.add(new OpenAiChunk({ chunk: { choices: [{ index: 0, delta }] } }))
        return accumulator.response()
      })
      const blocks: Array<{ readonly type: "text" | "reasoning"; readonly text: string }> = []
      for (const [at, { kind: type, piece }] of pieces.entries()) {
        const last = blocks.at(-1)
        if (last?.type === type) blocks.splice(-1, 1, { type, text: last.text + piece })
        else blocks.push({ type, text: piece })
        const response = responses[at]
        if (response === undefined) return assert.fail("a chunk gives a response")
        assert.deepStrictEqual(ResponseParts.encoded(response), blocks)
        const joined = (type: string) => blocks.filter((block) => block.type === type).map(({ text }) => text).join("")
        assert.deepStrictEqual([response.content, response.reasoning], [joined("text"), joined("reasoning")])
      }
    }, { arbitrary: { runs: 100 } })

    it("can have the parts of another one, also in place of its own", () => {
      const [one, other] = [ChatResponse.fromChunks([text("One")]), ChatResponse.fromChunks([text("Other")])]
      for (const copy of [new ChatResponse.ChatResponse({ ...one }), Object.freeze({ ...one }), one]) {
        assert.strictEqual(ResponseParts.remember(copy, other), copy)
        assert.deepStrictEqual(ResponseParts.encoded(copy), ResponseParts.encoded(other))
      }
      assert.strictEqual(one.content, "One")
    })
  })

  describe("toolCalls", () => {
    it("joins fragments by index, also when interleaved, not starting at 0 and with gaps", () => {
      assert.deepStrictEqual(
        toolDeltas(
          call({ index: 3, id: "a", name: "f", arguments: "" }),
          call({ index: 7, id: "b", name: "g", arguments: "{\"y\":" }),
          call({ index: 3, arguments: "{}" }),
          call({ index: 7, arguments: "2}" })
        ),
        [{ id: "a", name: "f", arguments: "{}" }, { id: "b", name: "g", arguments: "{\"y\":2}" }]
      )
    })

    it("opens another call when an index comes with another id", () => {
      assert.deepStrictEqual(
        toolDeltas(
          call({ index: 0, id: "a", name: "f", arguments: "{\"x\":1}" }),
          call({ index: 0, id: "b", name: "f", arguments: "{\"y\":2}" })
        ),
        [{ id: "a", name: "f", arguments: "{\"x\":1}" }, { id: "b", name: "f", arguments: "{\"y\":2}" }]
      )
    })

    it("goes on with a call at its own index alone: at another index its id opens another call", () => {
      assert.deepStrictEqual(
        toolDeltas(
          call({ index: 0, id: "a", name: "f", arguments: "1" }),
          call({ index: 1, id: "b", name: "g", arguments: "2" }),
          call({ index: 1, id: "a", name: "h", arguments: "3" })
        ).map(({ arguments: text, name }) => [name, text]),
        [["f", "1"], ["g", "2"], ["h", "3"]]
      )
    })

    it("correlates fragments without index by id, and those without id with the last call", () => {
      assert.deepStrictEqual(
        toolDeltas(
          call({ id: "a", name: "f", arguments: "{" }),
          call({ id: "", arguments: "}" }),
          call({ id: "b", name: "f", arguments: "[" }),
          call({ id: "b", arguments: "]" })
        ),
        [{ id: "a", name: "f", arguments: "{}" }, { id: "b", name: "f", arguments: "[]" }]
      )
    })

    it("does not append a repeated name, and takes one that comes late", () => {
      assert.deepStrictEqual(
        toolDeltas(
          call({ index: 0, id: "a", name: null, arguments: "{" }),
          call({ index: 0, name: "f", arguments: "" }),
          call({ index: 0, name: "f", arguments: "}" })
        ),
        [{ id: "a", name: "f", arguments: "{}" }]
      )
    })

    it("makes an id, and says so, where the provider gives none", () => {
      assert.deepStrictEqual(toolDeltas(call({ index: 0, name: "f", arguments: "{}" })), [
        { id: "call_0", generatedId: true, name: "f", arguments: "{}" }
      ])
    })

    it("keeps whole calls of a host without ids apart, though they are of one tool, at one index or at none", () => {
      for (const index of [{}, { index: 0 }]) {
        const [x, y] = ["{\"x\":1}", "{\"x\":2}"] as const
        const expected = [
          { id: "call_0", generatedId: true, name: "f", arguments: x },
          { id: "call_1", generatedId: true, name: "f", arguments: y }
        ] as const
        const pieces = [call({ ...index, name: "f", arguments: x }), call({ ...index, name: "f", arguments: y })]
        assert.deepStrictEqual(toolDeltas(...pieces), expected)
        const together = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)({
          choices: [{ delta: { tool_calls: pieces } }]
        })
        assert.deepStrictEqual(ChatResponse.fromChunks([together]).toolCalls, expected)
      }
    })

    it.prop("takes a piece for another call exactly when the arguments before it are a whole object", [
      Schema.Array(Schema.Literals(["{", "}", "[", "]", "\"", "\\", ":", ",", " ", "\n", "1", "a", "{}", "{\"a\":{}}"]))
    ], ([pieces]) => {
      const isWhole = (text: string) => {
        try {
          return text.trimEnd().endsWith("}") && JSON.parse(text) !== null
        } catch {
          return false
        }
      }
      const expected: Array<string> = []
      for (const piece of pieces) {
        const last = expected.at(-1)
        if (last === undefined || piece.trim() !== "" && isWhole(last)) expected.push(piece)
        else expected[expected.length - 1] = last + piece
      }
      const calls = toolDeltas(...pieces.map((piece) => call({ name: "f", arguments: piece })))
      assert.deepStrictEqual(calls.map((each) => each.arguments), expected)
    }, { arbitrary: { runs: 1000 } })

    it("gives a call that has no id yet another one when a result takes it", () => {
      const accumulator = ChatResponse.accumulator()
      const ids = () => {
        const { choices: [first], toolCalls } = accumulator.response()
        return [toolCalls.map(({ id }) => id), first?.toolCalls.map(({ id }) => id)]
      }
      accumulator.addEvents(chunk({}), [{ type: "tool-call-piece", choice: 0, name: "f", arguments: "{" }])
      assert.deepStrictEqual(ids(), [["call_0"], ["call_0"]])
      accumulator.addEvents(chunk({}), [
        { type: "tool-result", id: undefined, name: "search", result: null, isFailure: false }
      ])
      assert.deepStrictEqual(ids(), [["call_1"], ["call_1"]])
    })

    it("survives ids and indexes that are made to break objects and arrays", () => {
      const calls = toolDeltas(
        call({ index: 1e9, id: "__proto__", name: "constructor", arguments: "1" }),
        call({ index: -1, id: "constructor", name: "f", arguments: "2" }),
        call({ index: 1e9, arguments: "3" })
      )
      assert.deepStrictEqual(calls.map(({ arguments: text, id }) => [id, text]), [["__proto__", "13"], [
        "constructor",
        "2"
      ]])
    })

    it("takes arguments that come as an object", () => {
      assert.deepStrictEqual(toolDeltas({ index: 0, id: "a", function: { name: "f", arguments: { x: 1 } } }), [
        { id: "a", name: "f", arguments: "{\"x\":1}" }
      ])
    })
  })
})
