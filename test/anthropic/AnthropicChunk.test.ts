import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { AnthropicChunk, AnyChunk, Messages } from "../../src/index.ts"
import * as Wire from "./wire.ts"

const decode = Schema.decodeUnknownSync(AnthropicChunk.FromPayload)
const encode = Schema.encodeSync(AnthropicChunk.FromPayload)

const unnamed = Schema.String.check(
  Schema.makeFilter((type) => !/^(message|content)_|^ping$|_(delta|use|result)$|^(text|thinking)$/.test(type))
)

const tokens = Schema.Natural.check(Schema.isLessThan(1_000_000_000))

const attributesOf = (chunk: AnthropicChunk) => ({
  content: chunk.content,
  reasoning: chunk.reasoning,
  refusal: chunk.refusal,
  finishReasons: chunk.finishReasons,
  commonFinishReasons: chunk.commonFinishReasons,
  id: chunk.id,
  model: chunk.model,
  usage: chunk.usage,
  inputTokens: chunk.inputTokens,
  cachedTokens: chunk.cachedTokens,
  outputTokens: chunk.outputTokens,
  audio: chunk.audio,
  audioTranscript: chunk.audioTranscript,
  audioDelta: chunk.audioDelta,
  toolCallDeltas: chunk.toolCallDeltas
})

const empty = attributesOf(decode(Wire.ping))

describe("AnthropicChunk", () => {
  it("has empty attributes when its event states nothing", () => {
    assert.deepStrictEqual(empty, {
      content: "",
      reasoning: "",
      refusal: "",
      finishReasons: [],
      commonFinishReasons: [],
      id: undefined,
      model: undefined,
      usage: undefined,
      inputTokens: undefined,
      cachedTokens: undefined,
      outputTokens: undefined,
      audio: undefined,
      audioTranscript: undefined,
      audioDelta: undefined,
      toolCallDeltas: []
    })
    assert.deepStrictEqual(decode(Wire.ping).choiceDeltas, [])
  })

  it.prop("encodes back to the payload it was made of", [AnthropicChunk], ([chunk]) => {
    const payload: unknown = JSON.parse(JSON.stringify(chunk.chunk))
    assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(encode(chunk))), payload)
    assert.deepStrictEqual<unknown>(encode(decode(payload)), payload)
  })

  it.prop(
    "is one of the chunks, whatever it holds, and all its attributes can be read",
    [AnthropicChunk],
    ([chunk]) => {
      assert.isTrue(Schema.is(AnyChunk.AnyChunk)(chunk))
      const [choice] = chunk.choiceDeltas
      assert.strictEqual(choice?.content ?? "", chunk.content)
      assert.strictEqual(choice?.reasoning ?? "", chunk.reasoning)
      assert.deepStrictEqual(choice?.toolCallDeltas ?? [], chunk.toolCallDeltas)
      assert.deepStrictEqual(choice?.finishReason === undefined ? [] : [choice.finishReason], chunk.finishReasons)
      assert.strictEqual(chunk.commonFinishReasons.length, chunk.finishReasons.length)
      assert.strictEqual(chunk.costMetadata.inputTokens, chunk.inputTokens)
      assert.strictEqual(chunk.costMetadata.provider, chunk.provider)
    }
  )

  it.prop(
    "keeps events, blocks and deltas of unknown types whole, and reads nothing into them",
    {
      type: unnamed,
      rest: Schema.Record(Schema.Literals(["text", "index", "delta", "message", "usage", "thinking"]), Schema.Json)
    },
    ({ rest, type }) => {
      for (
        const event of [{ ...rest, type }, Wire.blockStart(0, { ...rest, type }), Wire.delta(0, { ...rest, type })]
      ) {
        const chunk = decode(event)
        assert.deepStrictEqual<unknown>(encode(chunk), event)
        assert.deepStrictEqual(attributesOf(chunk), empty)
      }
      assert.strictEqual(decode(Wire.blockStart(0, { ...rest, type })).blockType, type)
    }
  )

  for (
    const [what, event] of [
      ["a text delta without text", Wire.delta(0, { type: "text_delta" })],
      ["a text that is no string", Wire.delta(0, { type: "text_delta", text: 1 })],
      ["an index that is no number", { ...Wire.delta(0, { type: "text_delta", text: "" }), index: "__proto__" }],
      ["a tool's name that is no string", Wire.blockStart(0, { type: "tool_use", id: "a", name: {}, input: {} })],
      ["a count that is no number", Wire.start({ usage: { input_tokens: "many" } })],
      ["a type that is no string", { type: 1 }],
      ["an event without a type", {}],
      ["a block without a type", Wire.blockStart(0, { text: "" })],
      ["a delta without a type", Wire.delta(0, { text: "" })]
    ] as const
  ) {
    it(`does not accept ${what}`, () => assert.throws(() => decode(event)))
  }

  it("gives the text of text blocks as content, in pieces or whole", () => {
    assert.strictEqual(decode(Wire.delta(1, { type: "text_delta", text: "Hel" })).content, "Hel")
    assert.strictEqual(decode(Wire.blockStart(0, { type: "text", text: "Hello" })).content, "Hello")
    const whole = decode(Wire.start({
      content: [{ type: "text", text: "Hel" }, { type: "thinking", thinking: "Hm", signature: "c2ln" }, {
        type: "text",
        text: "lo"
      }]
    }))
    assert.strictEqual(whole.content, "Hello")
    assert.strictEqual(whole.reasoning, "Hm")
  })

  it("does not count compaction summaries and server tools' results as content", () => {
    for (
      const event of [
        Wire.delta(0, { type: "compaction_delta", content: "Summary" }),
        Wire.blockStart(0, { type: "compaction", content: "Summary" }),
        Wire.blockStart(0, { type: "mcp_tool_result", tool_use_id: "a", content: [{ type: "text", text: "Result" }] })
      ]
    ) assert.strictEqual(decode(event).content, "")
  })

  it("gives thinking, its signature and encrypted thinking", () => {
    const piece = decode(Wire.delta(0, { type: "thinking_delta", thinking: "Hm" }))
    assert.strictEqual(piece.reasoning, "Hm")
    assert.strictEqual(piece.thinking, "Hm")
    const hidden = decode(Wire.delta(0, { type: "thinking_delta", thinking: "", estimated_tokens: 20 }))
    assert.strictEqual(hidden.thinking, "")
    assert.isUndefined(decode(Wire.ping).thinking)
    assert.strictEqual(decode(Wire.delta(0, { type: "signature_delta", signature: "c2ln" })).signature, "c2ln")
    const redacted = decode(Wire.blockStart(0, { type: "redacted_thinking", data: "ZW5j" }))
    assert.strictEqual(redacted.redactedThinking, "ZW5j")
    assert.strictEqual(redacted.reasoning, "")
  })

  it("gives a tool call's id and name, then the pieces of its input", () => {
    assert.deepStrictEqual(
      Wire.toolUse(2, "weather", "", "{\"city\":").map((event) => decode(event).toolCallDeltas),
      [
        [{ index: 2, id: "toolu_2", name: "weather", arguments: "" }],
        [{ index: 2, arguments: "" }],
        [{ index: 2, arguments: "{\"city\":" }],
        []
      ]
    )
  })

  it("gives a tool's input that came whole as JSON text", () => {
    const call = { type: "tool_use", id: "toolu_a", name: "score", input: { player: "Ada", points: [1, 2] } }
    const expected = { id: "toolu_a", name: "score", arguments: "{\"player\":\"Ada\",\"points\":[1,2]}" }
    assert.deepStrictEqual(decode(Wire.blockStart(4, call)).toolCallDeltas, [{ index: 4, ...expected }])
    assert.deepStrictEqual(
      decode(Wire.start({ content: [{ type: "text", text: "" }, call], stop_reason: "tool_use" })).toolCallDeltas,
      [{ index: 1, ...expected }]
    )
  })

  it("tells a piece of a client tool's input from one of a server tool's by the block it continues", () => {
    const chunk = decode(Wire.delta(0, { type: "input_json_delta", partial_json: "{}" })).chunk
    const pieces = (block?: string) =>
      new AnthropicChunk(block === undefined ? { chunk } : { chunk, block }).toolCallDeltas.length
    assert.strictEqual(pieces(), 1)
    assert.strictEqual(pieces("tool_use"), 1)
    assert.strictEqual(pieces("server_tool_use"), 0)
    assert.strictEqual(pieces("mcp_tool_use"), 0)
    const ofServer = new AnthropicChunk({ chunk, block: "server_tool_use" })
    assert.strictEqual(ofServer.partialJson, "{}")
    assert.strictEqual(ofServer.blockType, "server_tool_use")
    assert.strictEqual(ofServer.blockIndex, 0)
  })

  it("gives citations, stop sequence, stop details, container and context management", () => {
    const citation = {
      type: "char_location",
      cited_text: "x",
      document_index: 0,
      start_char_index: 1,
      end_char_index: 2
    }
    assert.deepStrictEqual(decode(Wire.delta(0, { type: "citations_delta", citation })).citations, [citation])
    assert.deepStrictEqual(
      decode(Wire.blockStart(0, { type: "text", text: "", citations: [citation] })).citations,
      [citation]
    )
    const end = decode({
      type: "message_delta",
      delta: {
        stop_reason: "refusal",
        stop_sequence: "END",
        stop_details: { type: "refusal", category: "cyber", explanation: "No." },
        container: { id: "container_1", expires_at: "2026-01-01T00:00:00Z" }
      },
      usage: { output_tokens: 1 },
      context_management: { applied_edits: [{ type: "clear_tool_uses_20250919", cleared_tool_uses: 2 }] }
    })
    assert.deepStrictEqual(end.commonFinishReasons, ["content_filter"])
    assert.strictEqual(end.refusal, "")
    assert.strictEqual(end.stopSequence, "END")
    assert.strictEqual(end.stopDetails?.category, "cyber")
    assert.strictEqual(end.container?.id, "container_1")
    assert.strictEqual(end.contextManagement?.applied_edits?.[0]?.["cleared_tool_uses"], 2)
  })

  it("narrows to a known type by comparing it, without a cast", () => {
    const { chunk } = decode(Wire.blockStart(0, {
      type: "web_search_tool_result",
      tool_use_id: "srvtoolu_1",
      content: [{ type: "web_search_result", url: "https://example.com", title: "Example" }]
    }))
    const results = chunk.type === "content_block_start" && chunk.content_block?.type === "web_search_tool_result"
      ? chunk.content_block.content
      : undefined
    const urls: unknown = Array.isArray(results) ? results.map(({ url }: { readonly url?: string }) => url) : []
    assert.deepStrictEqual(urls, ["https://example.com"])
  })

  describe("finish reasons", () => {
    const table = {
      end_turn: "stop",
      stop_sequence: "stop",
      max_tokens: "length",
      model_context_window_exceeded: "length",
      tool_use: "tool_calls",
      refusal: "content_filter",
      pause_turn: "pause",
      compaction: "pause",
      sensitive: "other",
      constructor: "other"
    }
    for (const [raw, common] of Object.entries(table)) {
      it(`${raw} is ${common}`, () => {
        for (const event of [Wire.stopReason(raw), Wire.start({ stop_reason: raw })]) {
          assert.deepStrictEqual(decode(event).finishReasons, [raw])
          assert.deepStrictEqual<ReadonlyArray<string>>(decode(event).commonFinishReasons, [common])
        }
      })
    }
    it("null and the empty word are none", () => {
      assert.deepStrictEqual(decode(Wire.stopReason("")).finishReasons, [])
      assert.deepStrictEqual(decode(Wire.start()).finishReasons, [])
    })
  })

  describe("usage", () => {
    it.prop(
      "counts cache reads and writes as input",
      [tokens, tokens, tokens],
      ([input, read, written]) => {
        const usage = Messages.usageOf({
          input_tokens: input,
          cache_read_input_tokens: read,
          cache_creation_input_tokens: written
        })
        assert.strictEqual(usage?.inputTokens, input + read + written)
        assert.strictEqual(usage?.cachedTokens, read)
        assert.strictEqual(usage?.cacheWriteTokens, written)
        assert.isUndefined(usage?.outputTokens)
      }
    )

    it("states everything that a price depends on", () => {
      const chunk = decode(Wire.start({
        usage: {
          input_tokens: 7,
          cache_read_input_tokens: 100,
          cache_creation_input_tokens: 30,
          cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
          output_tokens: 5,
          output_tokens_details: { thinking_tokens: 3 },
          server_tool_use: { web_search_requests: 2, web_fetch_requests: 0, note: "x" },
          service_tier: "priority",
          speed: "fast",
          inference_geo: "us"
        }
      }))
      assert.deepStrictEqual({ ...chunk.costMetadata }, {
        provider: "anthropic",
        model: "claude-test-1",
        inputTokens: 137,
        cachedTokens: 100,
        cacheWriteTokens: 30,
        cacheWrite5mTokens: 10,
        cacheWrite1hTokens: 20,
        outputTokens: 5,
        reasoningTokens: 3,
        serverToolRequests: { web_search: 2, web_fetch: 0 },
        streamingMode: true,
        serviceTier: "priority",
        speed: "fast",
        inferenceGeo: "us"
      })
    })

    it("is absent where nothing is stated", () => {
      assert.isUndefined(decode(Wire.start({ usage: null })).usage)
      assert.isUndefined(decode(Wire.start({ usage: { input_tokens: null } })).usage)
      assert.isUndefined(decode({ type: "message_delta", delta: { stop_reason: "end_turn" } }).usage)
    })
  })
})
