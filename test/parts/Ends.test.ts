import { assert, describe, it } from "@effect/vitest"
import { type Chunk, Parts } from "../../src/index.ts"
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
})
