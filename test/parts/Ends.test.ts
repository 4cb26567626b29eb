import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { AnthropicChunk, BedrockChunk, type Chunk, Parts } from "../../src/index.ts"
import { Answer, Arbitraries } from "../../src/testing.ts"

/** The wires that say where a block ends, by how they say it. */
const wires: Readonly<
  Record<string, readonly [chunks: (answer: Answer.Answer) => ReadonlyArray<Chunk.Chunk>, stop: RegExp]>
> = {
  anthropic: [Answer.anthropic, /"type":"content_block_stop"/],
  "bedrock-invoke": [Answer.bedrockInvoke, /"type":"content_block_stop"/],
  bedrock: [Answer.bedrock, /^\{"contentBlockStop"/],
  "openai-responses": [Answer.openaiResponses, /"type":"response\.output_item\.done"/],
  "azure-responses": [Answer.azureResponses, /"type":"response\.output_item\.done"/]
}

const open = (parts: Iterable<{ readonly type: string; readonly id?: string | undefined }>): ReadonlySet<string> => {
  const blocks = new Set<string>()
  for (const { id, type } of parts) {
    const [, kind, step] = /^(text|reasoning|tool-params)-(start|end)$/.exec(type) ?? []
    if (step === "start") blocks.add(`${kind} ${id}`)
    if (step === "end") blocks.delete(`${kind} ${id}`)
  }
  return blocks
}

describe("a block", () => {
  for (const [name, [chunksOf, stop]] of Object.entries(wires)) {
    it.prop(`ends with the event that ends it: ${name}`, [Arbitraries.answer()], ([answer]) => {
      const decoder = Parts.chunkDecoder()
      const parts: Array<{ readonly type: string; readonly id?: string | undefined }> = []
      for (const chunk of chunksOf(answer)) {
        parts.push(...decoder.push([chunk]))
        if (stop.test(JSON.stringify(chunk.chunk))) assert.deepStrictEqual([...open(parts)], [])
      }
    })
  }

  // A proxy that makes one stream of several may begin to count again.
  for (
    const [name, chunksOf, place, stop, fromPayload] of [
      ["anthropic", Answer.anthropic, /"index":\d+/, /_stop"/, AnthropicChunk.FromPayload],
      ["bedrock", Answer.bedrock, /"contentBlockIndex":\d+/, /^\{"contentBlockStop"/, BedrockChunk.FromPayload]
    ] as const
  ) {
    it.prop(`ends where another begins in its place: ${name}`, [Arbitraries.answer()], ([answer]) => {
      const decoder = Parts.chunkDecoder()
      const decode: (payload: unknown) => Chunk.Chunk = Schema.decodeUnknownSync(fromPayload)
      const parts: Array<{ readonly type: string; readonly id?: string | undefined }> = []
      for (const { chunk } of chunksOf(answer)) {
        const payload = JSON.stringify(chunk)
        if (stop.test(payload)) continue
        const numbered = payload.replace(place, (found) => found.replace(/\d+/, "0"))
        const before = open(parts).size
        const came = decoder.push([decode(JSON.parse(numbered))])
        parts.push(...came)
        if (/(?:content_block_start|contentBlockStart)"/.test(payload)) {
          assert.isAtLeast(came.filter(({ type }) => type.endsWith("-end")).length, before, payload)
        }
      }
    })
  }
})
