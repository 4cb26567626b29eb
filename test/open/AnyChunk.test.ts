import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import {
  Anthropic,
  AnthropicChunk,
  AnyChunk,
  AzureChunk,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  AzureResponsesChunk,
  Bedrock,
  BedrockChunk,
  BedrockInvoke,
  BedrockInvokeChunk,
  type Chunk,
  type ContentEvent,
  Groq,
  GroqChunk,
  OpenAi,
  OpenAiChunk,
  OpenAiResponses,
  OpenAiResponsesChunk,
  Protocol
} from "effect-llm-stream"
import { Arbitraries } from "effect-llm-stream/testing"
import { isDeepStrictEqual } from "node:util"
import * as Corpus from "../support/corpus.ts"

const encode = Schema.encodeSync(AnyChunk.AnyChunk)
const decode = Schema.decodeUnknownSync(AnyChunk.AnyChunk)

const attributes: Readonly<Record<Exclude<keyof Chunk.Chunk, "contentEvents">, true>> = {
  provider: true,
  chunk: true,
  content: true,
  reasoning: true,
  refusal: true,
  finishReasons: true,
  commonFinishReasons: true,
  id: true,
  model: true,
  usage: true,
  inputTokens: true,
  cachedTokens: true,
  outputTokens: true,
  audio: true,
  audioTranscript: true,
  audioDelta: true,
  toolCallDeltas: true,
  choiceDeltas: true,
  costMetadata: true,
  costDetails: true,
  isPiece: true
}

const valuesOf = (chunk: AnyChunk.AnyChunk): ReadonlyArray<readonly [string, unknown]> => [
  ...Object.keys({ ...attributes, _tag: true }).filter((name) => name !== "chunk").map((
    name
  ): readonly [string, unknown] => [name, Reflect.get(chunk, name)]),
  ["contentEvents", contentEventsOf(chunk)],
  // JSON has no negative zero, which some log probabilities are.
  ["chunk", JSON.parse(JSON.stringify(chunk.chunk))]
]

const contentEventsOf = (chunk: Chunk.Chunk): ReadonlyArray<unknown> => {
  const events: Array<ContentEvent.ContentEvent> = []
  chunk.contentEvents?.(events)
  return events
}

const comesBack = (chunk: AnyChunk.AnyChunk): AnyChunk.AnyChunk => {
  const back = decode(JSON.parse(JSON.stringify(encode(chunk))))
  assert.strictEqual(back.constructor, chunk.constructor)
  // Much quicker than the assertion, which is for the report.
  if (!isDeepStrictEqual(valuesOf(back), valuesOf(chunk))) assert.deepStrictEqual(valuesOf(back), valuesOf(chunk))
  return back
}

const protocols: Readonly<Record<string, Protocol.Protocol<AnyChunk.AnyChunk>>> = {
  openai: OpenAi.protocol(),
  anthropic: Anthropic.protocol(),
  bedrock: Bedrock.protocol(),
  "bedrock-invoke": BedrockInvoke.protocol(),
  groq: Groq.protocol(),
  azure: AzureOpenAi.protocol(),
  "azure-inference": AzureInference.protocol(),
  "openai-responses": OpenAiResponses.protocol(),
  "azure-responses": AzureResponses.protocol()
}

describe("AnyChunk", () => {
  const classes = {
    OpenAiChunk,
    AnthropicChunk,
    BedrockChunk,
    BedrockInvokeChunk,
    GroqChunk,
    AzureChunk,
    OpenAiResponsesChunk,
    AzureResponsesChunk
  }

  it("has a member for every bundled class, told apart by its tag", () => {
    assert.deepStrictEqual(
      AnyChunk.AnyChunk.members.map((member) => member.fields._tag.schema.literal),
      Object.keys(classes)
    )
  })

  for (const [name, codec] of Object.entries<Schema.Codec<AnyChunk.AnyChunk, unknown>>(classes)) {
    it.effect.prop(
      `brings any ${name} back from JSON as what it was`,
      [Arbitraries.chunk(codec)],
      ([chunk]) => Effect.sync(() => comesBack(chunk))
    )
  }

  it("is not misled by a payload that looks like another provider's", () => {
    const choices = [{ index: 0, delta: { content: "Hello", thoughts: "Hm" } }]
    const delta = { type: "text_delta", text: "Hello" } as const
    const chunks = [
      new OpenAiChunk({ chunk: { type: "content_block_delta", choices } }),
      new OpenAiChunk({ provider: "azure", reasoningField: "thoughts", chunk: { choices } }),
      new OpenAiChunk({ provider: "anthropic", chunk: { choices } }),
      new AnthropicChunk({ provider: "groq", chunk: { type: "content_block_delta", index: 0, delta } })
    ]
    assert.deepStrictEqual(chunks.map((chunk) => comesBack(chunk).content), ["Hello", "Hello", "Hello", "Hello"])
  })

  for (const [api, protocol] of Object.entries(protocols)) {
    const recordings = Corpus.recordings(api)
    const title = `brings the chunks of ${recordings.length} recordings of ${api} back`
    it.effect.skipIf(recordings.length === 0)(title, () =>
      Effect.gen(function*() {
        for (const { bytes, framing } of recordings) {
          const chunks = yield* Stream.make(bytes).pipe(
            Protocol.decode(protocol, { framing }),
            Stream.catchTag("ProviderError", () => Stream.empty),
            Stream.runCollect
          )
          for (const chunk of Corpus.shapes(chunks, ({ chunk }) => chunk)) comesBack(chunk)
        }
      }))
  }
})
