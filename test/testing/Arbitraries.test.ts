import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import * as Anthropic from "../../src/anthropic/Anthropic.ts"
import { AnthropicChunk } from "../../src/anthropic/AnthropicChunk.ts"
import { AzureChunk } from "../../src/azure/AzureChunk.ts"
import * as AzureOpenAi from "../../src/azure/AzureOpenAi.ts"
import { AzureResponsesChunk } from "../../src/azure/AzureResponsesChunk.ts"
import * as Bedrock from "../../src/bedrock/Bedrock.ts"
import { BedrockChunk } from "../../src/bedrock/BedrockChunk.ts"
import * as BedrockInvoke from "../../src/bedrock/BedrockInvoke.ts"
import { BedrockInvokeChunk } from "../../src/bedrock/BedrockInvokeChunk.ts"
import * as ChatResponse from "../../src/ChatResponse.ts"
import type * as Chunk from "../../src/Chunk.ts"
import * as Groq from "../../src/groq/Groq.ts"
import { GroqChunk } from "../../src/groq/GroqChunk.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import { OpenAiChunk } from "../../src/openai/OpenAiChunk.ts"
import { OpenAiResponsesChunk } from "../../src/openai/OpenAiResponsesChunk.ts"
import type * as Protocol from "../../src/Protocol.ts"
import { Answer, Arbitraries, Wire } from "../../src/testing.ts"
import { reasonOf } from "../support/fault.ts"

const payloads = (chunks: ReadonlyArray<{ readonly chunk: unknown }>) => chunks.map(({ chunk }) => chunk)

/** A provider's stream of an answer: what is sent, and what the provider's decoder makes of it. */
const provider = <C extends Chunk.Chunk>(options: {
  readonly protocol: Protocol.Protocol<C>
  readonly format: Wire.WireFormat<C>
  readonly chunks: (answer: Answer.Answer) => ReadonlyArray<C>
  /** Whether the chunks before the one that states how the answer ended are all but this many. */
  readonly closing: (answer: Answer.Answer) => number
  readonly isText?: boolean
}) => ({
  ...options,
  isText: options.isText ?? true,
  encode: (answer: Answer.Answer) => Wire.encode(options.format, options.chunks(answer)),
  decode: (reads: ReadonlyArray<Uint8Array>) => {
    const decoder = options.protocol.body({ model: "test-model", requestId: "answer-1" })
    const chunks: ReadonlyArray<Chunk.Chunk> = [...reads.flatMap(decoder.push), ...decoder.end()]
    return { chunks, failure: decoder.failure }
  }
})

const usageChunk = (answer: Answer.Answer) => answer.usage === undefined ? 1 : 2

const providers = {
  openai: provider({
    protocol: OpenAi.protocol(),
    format: Wire.openai,
    chunks: Answer.openai,
    closing: usageChunk
  }),
  groq: provider({ protocol: Groq.protocol(), format: Wire.groq, chunks: Answer.groq, closing: usageChunk }),
  azure: provider({ protocol: AzureOpenAi.protocol(), format: Wire.azure, chunks: Answer.azure, closing: usageChunk }),
  anthropic: provider({
    protocol: Anthropic.protocol(),
    format: Wire.anthropic,
    chunks: Answer.anthropic,
    closing: () => 2
  }),
  bedrock: provider({
    protocol: Bedrock.protocol(),
    format: Wire.bedrock,
    chunks: Answer.bedrock,
    closing: () => 2,
    isText: false
  }),
  bedrockInvoke: provider({
    protocol: BedrockInvoke.protocol(),
    format: Wire.bedrockInvoke,
    chunks: Answer.bedrockInvoke,
    closing: () => 2,
    isText: false
  })
}

describe("answers that are drawn", () => {
  const kinds = ["content", "reasoning", "refusal", "toolCall", "audio"] as const
  for (const kind of kinds) {
    it.effect(`have no piece but ${kind} where nothing else is asked for, and have those`, () =>
      Effect.gen(function*() {
        const answers = yield* Arbitrary.sampleEffect(Arbitraries.answer({ pieces: [kind] }), { count: 30 })
        const types = answers.flatMap(({ pieces }) => pieces.map(({ type }) => type))
        assert.deepStrictEqual([...new Set(types)], [kind])
      }))
  }
})

/** Whether a response is what the answer says. */
const holds = (response: ChatResponse.ChatResponse, answer: Answer.Answer): void => {
  const expected = Answer.expected(answer)
  const audio = answer.pieces.filter((piece) => piece.type === "audio")
  assert.deepStrictEqual(
    response.choices.map(({ content, reasoning, refusal, toolCalls }) => ({ content, reasoning, refusal, toolCalls })),
    expected
  )
  assert.deepStrictEqual(
    {
      content: response.content,
      reasoning: response.reasoning,
      refusal: response.refusal,
      toolCalls: response.toolCalls
    },
    expected[0]
  )
  // As at OpenAI, an answer with audio ends without a finish reason.
  const finished = audio.length > 0 ? expected.slice(1) : expected
  assert.deepStrictEqual(response.commonFinishReasons, finished.map(() => answer.finishReason))
  const { cachedTokens, inputTokens, outputTokens } = response.usage ?? {}
  assert.deepStrictEqual(
    { inputTokens, cachedTokens, outputTokens },
    { inputTokens: undefined, cachedTokens: undefined, outputTokens: undefined, ...answer.usage }
  )
  assert.deepStrictEqual(
    response.audio === undefined ? undefined : { data: response.audio.data, transcript: response.audio.transcript },
    audio.length === 0 ? undefined : {
      data: Wire.concat(audio.map(({ data }) => data)),
      transcript: audio.map(({ transcript }) => transcript).join("")
    }
  )
}

describe("Arbitraries", () => {
  const codecs = {
    OpenAiChunk,
    GroqChunk,
    AzureChunk,
    AnthropicChunk,
    BedrockChunk,
    BedrockInvokeChunk,
    OpenAiResponsesChunk,
    AzureResponsesChunk
  }

  describe("chunk", () => {
    for (const [name, { FromPayload }] of Object.entries(codecs)) {
      // The classes' codecs differ in type, not in what is asked of them.
      const codec = FromPayload as unknown as Schema.Codec<Chunk.Chunk, unknown>
      it.prop(`gives ${name}s that encoding, real JSON and decoding leave as they are`, [
        Arbitraries.chunk(codec)
      ], ([chunk]) => {
        const json = JSON.stringify(Schema.encodeSync(codec)(chunk))
        assert.deepStrictEqual(Schema.decodeUnknownSync(codec)(JSON.parse(json)), chunk)
      }, { arbitrary: { runs: 30, size: 8 } })
    }

    it.prop(
      "gives chunks that a wire carries, wherever the reads begin and end",
      [
        Arbitrary.array(Arbitraries.chunk(OpenAiChunk.FromPayload), { minLength: 1, maxLength: 3 }),
        Schema.Natural
      ],
      ([chunks, seed]) => {
        const decoded = providers.openai.decode(Wire.split(Wire.encode(Wire.openai, chunks), { seed }))
        assert.deepStrictEqual(payloads(decoded.chunks), payloads(chunks))
        assert.isUndefined(decoded.failure)
      },
      { arbitrary: { runs: 30, size: 8 } }
    )
  })

  it.effect("draws chunks from their classes alone", () =>
    Effect.forEach(Object.values(codecs), (Class) =>
      Effect.gen(function*() {
        const chunks = yield* Arbitrary.sampleEffect(Arbitrary.schema(Class), { count: 20, size: 8 })
        for (const chunk of chunks) {
          assert.isTrue(Schema.is(Class)(chunk))
          assert.isString(chunk.content)
          assert.lengthOf(chunk.commonFinishReasons, chunk.finishReasons.length)
        }
      })))

  for (const [name, { closing, decode, encode, isText, chunks: toChunks }] of Object.entries(providers)) {
    describe(`answers of ${name}`, () => {
      const answers = {
        "plain answers": Arbitraries.answer(),
        ...(name !== "openai" ? {} : {
          "answers with several choices": Arbitraries.answer({
            choices: 3,
            pieces: ["content", "reasoning", "refusal", "toolCall"]
          }),
          "answers with audio": Arbitraries.answer({ choices: 2, pieces: ["content", "audio"] })
        })
      }
      for (const [kind, arbitrary] of Object.entries(answers)) {
        it.prop(`${kind} add up to what went in, whatever the line ends and the reads`, {
          answer: arbitrary,
          lineEnd: Schema.Literals(["\n", "\r\n", "\r"]),
          byteOrderMark: Schema.Boolean,
          seed: Schema.Natural
        }, ({ answer, byteOrderMark, lineEnd, seed }) => {
          const sent = toChunks(answer)
          holds(ChatResponse.fromChunks(sent), answer)
          const body = !isText ? encode(answer) : [
            ...(byteOrderMark ? [Wire.byteOrderMark] : []),
            ...encode(answer).flatMap((event) => [event, Wire.comment("keepalive")])
          ].map(Wire.withLineEnds(lineEnd))
          for (const reads of ["events", "whole", { bytes: 1 }, { seed }] as const) {
            const { chunks, failure } = decode(Wire.split(body, reads))
            assert.isUndefined(failure)
            assert.deepStrictEqual(payloads(chunks), payloads(sent))
            if (reads === "events") holds(ChatResponse.fromChunks(chunks), answer)
          }
        }, { arbitrary: { runs: 50 } })
      }

      it("add up to the same at every cut of the body", () => {
        const answer = Answer.make({ content: "日本 👩‍👩‍👧‍👦", toolCalls: [{ name: "é", arguments: "{}" }] })
        const body = encode(answer)
        const expected = JSON.stringify(payloads(toChunks(answer)))
        for (let cut = 0; cut <= Wire.concat(body).length; cut++) {
          const { chunks, failure } = decode(Wire.split(body, { at: [cut] }))
          assert.isUndefined(failure)
          assert.strictEqual(JSON.stringify(payloads(chunks)), expected)
        }
      })

      it.prop("are never complete when their body ends early", [Arbitraries.answer(), Schema.Natural], ([
        answer,
        seed
      ]) => {
        const sent = toChunks(answer)
        const end = seed % (sent.length - closing(answer) + 1)
        const { chunks, failure } = decode(encode(answer).slice(0, end))
        assert.deepStrictEqual(payloads(chunks), payloads(sent.slice(0, end)))
        assert.strictEqual(reasonOf(failure)?._tag, "IncompleteStream")
      }, { arbitrary: { runs: 30 } })
    })
  }
})
