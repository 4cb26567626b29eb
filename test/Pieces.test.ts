import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import {
  AnthropicChunk,
  AzureResponsesChunk,
  BedrockChunk,
  BedrockInvokeChunk,
  type Chunk,
  CostMetadata,
  OpenAiResponsesChunk
} from "../src/index.ts"
import { Answer, Arbitraries } from "../src/testing.ts"

const answers: Readonly<Record<string, (answer: Answer.Answer) => ReadonlyArray<Chunk.Chunk>>> = {
  anthropic: Answer.anthropic,
  bedrock: Answer.bedrock,
  bedrockInvoke: Answer.bedrockInvoke,
  openaiResponses: Answer.openaiResponses,
  azureResponses: Answer.azureResponses
}

/** What a host states of each request, beside its answer. */
const Stated = Schema.Struct({
  region: Schema.optionalKey(Schema.String),
  requestId: Schema.optionalKey(Schema.String),
  requestedModel: Schema.optionalKey(Schema.String),
  modelId: Schema.optionalKey(Schema.String),
  latency: Schema.optionalKey(Schema.String)
})

const withFields = (chunk: Chunk.Chunk, fields: object): Chunk.Chunk =>
  Object.create(chunk, Object.getOwnPropertyDescriptors(fields))

/** The chunk as if it did not say that it is a piece. */
const asked = (chunk: Chunk.Chunk): Chunk.Chunk => withFields(chunk, { isPiece: undefined })

describe("a piece of content", () => {
  for (const [wire, chunksOf] of Object.entries(answers)) {
    it.prop(
      `says nothing of costs that an earlier chunk has not said: ${wire}`,
      [Arbitraries.answer(), Arbitrary.schema(Stated)],
      ([answer, stated]) => {
        const chunks = chunksOf(answer).map((chunk) => withFields(chunk, stated))
        const [short, long] = [CostMetadata.accumulator(), CostMetadata.accumulator()]
        for (const chunk of chunks) {
          assert.strictEqual(short.add(chunk), long.add(asked(chunk)))
          assert.deepStrictEqual(short.metadata(), long.metadata())
        }
        assert.deepStrictEqual(short.responses(), long.responses())
      }
    )

    it.prop(`is told to be one: ${wire}`, [Arbitraries.answer({ pieces: ["content"] })], ([answer]) => {
      const chunks = chunksOf(answer)
      for (const chunk of chunks.filter(({ content }) => content !== "")) assert.isTrue(chunk.isPiece)
      assert.isFalse(chunks.at(-1)?.isPiece)
    })
  }

  for (
    const payloads of [
      AnthropicChunk.FromPayload,
      AzureResponsesChunk.FromPayload,
      BedrockChunk.FromPayload,
      BedrockInvokeChunk.FromPayload,
      OpenAiResponsesChunk.FromPayload
    ]
  ) {
    const chunks: Arbitrary.Arbitrary<Chunk.Chunk> = Arbitraries.chunk<Chunk.Chunk, unknown>(payloads)
    it.prop(`states no usage and no model, whatever its event holds: ${payloads.ast._tag}`, [chunks], ([chunk]) => {
      if (chunk.isPiece !== true) return
      assert.isUndefined(chunk.usage)
      assert.isUndefined(chunk.model)
      assert.isUndefined(chunk.costDetails?.statedCost)
      assert.deepStrictEqual(chunk.finishReasons, [])
    })
  }
})
