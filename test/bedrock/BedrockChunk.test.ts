import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { ContentEvent } from "../../src/ContentEvent.ts"
import { AnyChunk, BedrockChunk, Chunk, Converse } from "../../src/index.ts"
import * as Wire from "./wire.ts"

const decode = Schema.decodeUnknownSync(BedrockChunk.FromPayload)
const encode = Schema.encodeSync(BedrockChunk.FromPayload)

const attributesOf = (chunk: BedrockChunk) => ({
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

const empty = attributesOf(decode(Wire.blockStop(0)))

const unnamed = Schema.String.check(Schema.makeFilter((type) => !/^(message|contentBlock)|^metadata$/.test(type)))

const tokens = Schema.Natural.check(Schema.isLessThan(1_000_000_000))

describe("BedrockChunk", () => {
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
    assert.deepStrictEqual(decode(Wire.blockStop(0)).choiceDeltas, [])
  })

  it.prop("holds one event, and encodes back to the payload it was made of", [BedrockChunk], ([chunk]) => {
    assert.deepStrictEqual(Object.keys(chunk.chunk), [chunk.eventType])
    const payload: unknown = JSON.parse(JSON.stringify(chunk.chunk))
    assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(encode(chunk))), payload)
    assert.deepStrictEqual<unknown>(encode(decode(payload)), payload)
  })

  it.prop(
    "is one of the chunks, whatever it holds, and all its attributes can be read",
    [BedrockChunk],
    ([chunk]) => {
      assert.isTrue(Schema.is(AnyChunk.AnyChunk)(chunk))
      const [choice] = chunk.choiceDeltas
      assert.strictEqual(choice?.content ?? "", chunk.content)
      assert.strictEqual(choice?.reasoning ?? "", chunk.reasoning)
      assert.deepStrictEqual(choice?.toolCallDeltas ?? [], chunk.toolCallDeltas)
      assert.deepStrictEqual(choice?.finishReason === undefined ? [] : [choice.finishReason], chunk.finishReasons)
      assert.strictEqual(chunk.commonFinishReasons.length, chunk.finishReasons.length)
      assert.strictEqual(chunk.costMetadata.inputTokens, chunk.inputTokens)
      assert.strictEqual(chunk.costMetadata.provider, "bedrock")
    }
  )

  it.prop("crosses a process boundary as one of the chunks", [BedrockChunk], ([chunk]) => {
    const codec = Schema.toCodecJson(AnyChunk.AnyChunk)
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(chunk)))
    const again = Schema.decodeUnknownSync(codec)(json)
    assert.instanceOf(again, BedrockChunk)
    assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(chunk)))
  })

  it.prop(
    "keeps events of unknown types whole, and reads nothing into them",
    { type: unnamed, payload: Schema.Record(Schema.String, Schema.Json) },
    ({ payload, type }) => {
      const event = { [type]: payload }
      const chunk = decode(event)
      assert.deepStrictEqual<unknown>(encode(chunk), event)
      assert.deepStrictEqual(attributesOf(chunk), empty)
      assert.strictEqual(chunk.eventType, type)
      assert.deepStrictEqual(chunk.choiceDeltas, [])
    }
  )

  it.prop(
    "keeps unknown fields, wherever they are",
    { extra: Schema.Record(Schema.Literals(["extra", "p", "__type", "constructor"]), Schema.Json) },
    ({ extra }) => {
      for (
        const event of [
          { messageStart: { ...extra, role: "assistant" } },
          Wire.delta(0, { ...extra, text: "a" }),
          Wire.delta(0, { reasoningContent: { ...extra, text: "a" } }),
          Wire.blockStart(0, { toolUse: { ...extra, toolUseId: "a", name: "b" } }),
          Wire.metadata({ ...extra, inputTokens: 1 }, { trace: { ...extra } })
        ]
      ) assert.deepStrictEqual<unknown>(encode(decode(event)), event)
    }
  )

  for (
    const [what, event] of [
      ["no event at all", {}],
      ["two events at once", { ...Wire.start, ...Wire.blockStop(0) }],
      ["an event that is no object", { contentBlockStop: 1 }],
      ["an event of an unknown type that is no object", { type: "ping" }],
      ["a text that is no string", Wire.delta(0, { text: 1 })],
      ["an index that is no number", { contentBlockStop: { contentBlockIndex: "__proto__" } }],
      ["a tool's input that is no string", Wire.delta(0, { toolUse: { input: {} } })],
      ["a stop reason that is no string", { messageStop: { stopReason: 1 } }],
      ["a count that is no number", Wire.metadata({ inputTokens: "many" })]
    ] as const
  ) {
    it(`does not accept ${what}`, () => assert.throws(() => decode(event)))
  }

  it("takes what is null for absent", () => {
    for (
      const event of [
        { messageStart: { role: null } },
        { contentBlockStart: { contentBlockIndex: null, start: null } },
        { contentBlockDelta: { contentBlockIndex: null, delta: null } },
        Wire.delta(0, { text: null, toolUse: null, reasoningContent: null }),
        { messageStop: { stopReason: null } },
        { metadata: { usage: null, metrics: null, trace: null, serviceTier: null } }
      ]
    ) assert.deepStrictEqual(attributesOf(decode(event)), empty)
  })

  it("gives text and reasoning, and what goes with reasoning", () => {
    assert.strictEqual(decode(Wire.delta(0, { text: "Hi" })).content, "Hi")
    const reasoning = decode(Wire.delta(1, { reasoningContent: { text: "Hm" } }))
    assert.strictEqual(reasoning.reasoning, "Hm")
    assert.strictEqual(reasoning.content, "")
    assert.strictEqual(reasoning.blockIndex, 1)
    assert.strictEqual(decode(Wire.delta(0, { reasoningContent: { signature: "c2ln" } })).signature, "c2ln")
    const redacted = decode(Wire.delta(0, { reasoningContent: { redactedContent: "c2Vj" } }))
    assert.strictEqual(redacted.redactedContent, "c2Vj")
    assert.strictEqual(redacted.reasoning, "")
  })

  it("gives tool calls by the index of their block", () => {
    assert.deepStrictEqual(
      decode(Wire.blockStart(2, { toolUse: { toolUseId: "tooluse_1", name: "weather" } })).toolCallDeltas,
      [{ index: 2, id: "tooluse_1", name: "weather", arguments: "" }]
    )
    assert.deepStrictEqual(decode(Wire.delta(2, { toolUse: { input: "{}" } })).toolCallDeltas, [
      { index: 2, arguments: "{}" }
    ])
    assert.deepStrictEqual(decode({ contentBlockDelta: { delta: { toolUse: { input: "" } } } }).toolCallDeltas, [
      { arguments: "" }
    ])
  })

  it("does not give the tools that the provider runs as tool calls", () => {
    const start = decode(Wire.blockStart(0, { toolUse: { toolUseId: "a", name: "search", type: "server_tool_use" } }))
    assert.deepStrictEqual(start.toolCallDeltas, [])
    assert.strictEqual(start.toolUse?.name, "search")
    assert.strictEqual(start.blockType, "server_tool_use")
    const { chunk } = decode(Wire.delta(0, { toolUse: { input: "{}" } }))
    const piece = new BedrockChunk({ chunk, block: "server_tool_use" })
    assert.deepStrictEqual(piece.toolCallDeltas, [])
    assert.strictEqual(piece.partialJson, "{}")
  })

  it("gives the results of the tools that the provider runs", () => {
    const start = decode(Wire.blockStart(1, { toolResult: { toolUseId: "a", type: "t", status: "success" } }))
    assert.strictEqual(start.toolResult?.status, "success")
    assert.strictEqual(start.blockType, "toolResult")
    for (
      const [stated, name] of [[{ type: "nova_grounding_result" }, "nova_grounding_result"], [{}, "tool"]] as const
    ) {
      const out: Array<ContentEvent> = []
      Chunk.contentEvents(decode(Wire.blockStart(1, { toolResult: { toolUseId: "a", ...stated } })), out)
      assert.deepStrictEqual(out.flatMap((event) => event.type === "tool-result" ? [event.name] : []), [name])
    }
    const pieces = [{ text: "Sunny" }, { json: { celsius: 21 } }]
    const out: Array<ContentEvent> = []
    Chunk.contentEvents(decode(Wire.delta(1, { text: "a", toolResult: pieces })), out)
    assert.deepStrictEqual(out.map(({ type }) => type), ["text", "tool-result-piece"])
    assert.deepStrictEqual<unknown>(decode(Wire.delta(1, { toolResult: pieces })).toolResultContent, pieces)
    assert.strictEqual(decode(Wire.delta(1, { toolResult: pieces })).content, "")
  })

  it("names the response by what is known of it, until it is known to be named", () => {
    const { chunk } = decode(Wire.delta(0, { text: "Hi" }))
    for (const [id, model] of [["r1", "m1"], ["r1", undefined], [undefined, "m1"], [undefined, undefined]]) {
      const named = new BedrockChunk({
        chunk,
        ...(id === undefined ? undefined : { requestId: id }),
        ...(model === undefined ? undefined : { modelId: model })
      })
      const namesWith = (isNamed: boolean) => {
        const out: Array<ContentEvent> = []
        named.contentEvents(out, isNamed)
        return out.filter(({ type }) => type === "response")
      }
      assert.deepStrictEqual<unknown>(namesWith(false), id === model ? [] : [{ type: "response", id, model }])
      assert.deepStrictEqual(namesWith(true), [])
    }
  })

  it("gives citations and images", () => {
    const citation = { title: "Atlas", location: { documentPage: { documentIndex: 0, start: 1, end: 2 } } }
    assert.deepStrictEqual<unknown>(decode(Wire.delta(0, { citation })).citation, citation)
    assert.strictEqual(decode(Wire.blockStart(0, { image: { format: "png" } })).imageFormat, "png")
    assert.strictEqual(
      decode(Wire.delta(0, { image: { error: { message: "No" } } })).image?.error?.message,
      "No"
    )
  })

  it("states the stop reason, in Bedrock's word and in the common one", () => {
    const chunk = decode(Wire.stop("guardrail_intervened"))
    assert.deepStrictEqual(chunk.finishReasons, ["guardrail_intervened"])
    assert.deepStrictEqual(chunk.commonFinishReasons, ["content_filter"])
  })

  it.prop("maps any other stop reason to other, and keeps it", [Schema.NonEmptyString], ([reason]) => {
    if (Object.hasOwn(Converse.finishReasons, reason)) return
    assert.deepStrictEqual(decode(Wire.stop(reason)).finishReasons, [reason])
    assert.deepStrictEqual(decode(Wire.stop(reason)).commonFinishReasons, ["other"])
  })

  it("gives what the model adds to its end", () => {
    const fields = { delta: { stop_sequence: null } }
    const chunk = decode({ messageStop: { stopReason: "end_turn", additionalModelResponseFields: fields } })
    assert.deepStrictEqual(chunk.additionalModelResponseFields, fields)
  })

  it.prop(
    "counts cache reads and writes into the input tokens, under the new names and the old",
    { inputTokens: tokens, outputTokens: tokens, read: tokens, written: tokens },
    ({ inputTokens, outputTokens, read, written }) => {
      const counts = { inputTokens, outputTokens, totalTokens: inputTokens + read + written + outputTokens }
      for (
        const usage of [
          { ...counts, cacheReadInputTokens: read, cacheWriteInputTokens: written },
          { ...counts, cacheReadInputTokenCount: read, cacheWriteInputTokenCount: written },
          {
            ...counts,
            cacheReadInputTokens: read,
            cacheWriteInputTokens: written,
            cacheReadInputTokenCount: read,
            cacheWriteInputTokenCount: written
          }
        ]
      ) {
        const chunk = decode(Wire.metadata(usage))
        assert.strictEqual(chunk.inputTokens, inputTokens + read + written)
        assert.strictEqual(chunk.cachedTokens, read)
        assert.strictEqual(chunk.usage?.cacheWriteTokens, written)
        assert.strictEqual(chunk.outputTokens, outputTokens)
        assert.strictEqual(chunk.usage?.totalTokens, counts.totalTokens)
      }
    }
  )

  it("states no count that was not stated", () => {
    const { usage } = decode(Wire.metadata({ inputTokens: 1, outputTokens: 2, totalTokens: 3, serverToolUsage: {} }))
    assert.deepStrictEqual({ ...usage }, { uncachedInputTokens: 1, inputTokens: 1, outputTokens: 2 })
    assert.isUndefined(decode(Wire.metadata({})).usage)
  })

  it("splits cache writes by how long they live, and counts the requests of the provider's tools", () => {
    const { usage } = decode(Wire.metadata({
      inputTokens: 1,
      outputTokens: 2,
      cacheWriteInputTokens: 60,
      cacheDetails: [{ ttl: "5m", inputTokens: 10 }, { ttl: "1h", inputTokens: 20 }, { ttl: "5m", inputTokens: 30 }],
      serverToolUsage: { nova_grounding: 3, note: "three" }
    }))
    assert.strictEqual(usage?.cacheWrite5mTokens, 40)
    assert.strictEqual(usage?.cacheWrite1hTokens, 20)
    assert.deepStrictEqual(usage?.serverToolRequests, { nova_grounding: 3 })
  })

  it("states what a price depends on", () => {
    const { chunk } = decode(Wire.metadata({ inputTokens: 1, outputTokens: 2 }, {
      performanceConfig: { latency: "optimized" },
      serviceTier: { type: "flex" }
    }))
    const { costMetadata } = new BedrockChunk({ chunk, modelId: "us.amazon.nova-pro-v1:0", region: "us-west-2" })
    assert.strictEqual(costMetadata.model, "us.amazon.nova-pro-v1:0")
    assert.strictEqual(costMetadata.region, "us-west-2")
    assert.strictEqual(costMetadata.serviceTier, "flex")
    assert.strictEqual(costMetadata.speed, "optimized")
    assert.strictEqual(costMetadata.inputTokens, 1)
  })

  it("is priced as the model that a prompt router chose", () => {
    const { chunk } = decode(
      Wire.metadata({}, { trace: { promptRouter: { invokedModelId: "amazon.nova-lite-v1:0" } } })
    )
    const routed = new BedrockChunk({ chunk, modelId: "arn:aws:bedrock:us-east-1:1:default-prompt-router/nova:1" })
    assert.strictEqual(routed.costMetadata.model, "amazon.nova-lite-v1:0")
    assert.strictEqual(routed.model, "arn:aws:bedrock:us-east-1:1:default-prompt-router/nova:1")
  })

  it("gives latency, guardrails' traces and the request's id", () => {
    const guardrail = {
      actionReason: "Guardrail blocked.",
      inputAssessment: { abc: { wordPolicy: { customWords: [] } } }
    }
    const { chunk } = decode(Wire.metadata({}, { trace: { guardrail } }))
    const withId = new BedrockChunk({ chunk, requestId: "c198e874" })
    assert.strictEqual(withId.metrics?.latencyMs, 321)
    assert.deepStrictEqual<unknown>(withId.trace?.guardrail, guardrail)
    assert.strictEqual(withId.id, "c198e874")
  })
})
