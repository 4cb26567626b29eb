import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ChatRequest from "../../src/ChatRequest.ts"
import { metadataProblem } from "../../src/protocols/request/openai.ts"
import { metadataLimits } from "../../src/protocols/request/openaiFields.ts"

const problem = (metadata: Readonly<Record<string, string>>) =>
  metadataProblem(Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi", metadata })), metadataLimits)

const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`label${i}`, "text"]))

describe("metadata of a request to OpenAI", () => {
  it("are at most 16 pairs", () => {
    assert.isUndefined(problem({}))
    assert.isUndefined(problem(pairs(16)))
    assert.strictEqual(problem(pairs(17)), "metadata: 17 pairs, at most 16 are taken")
  })

  it("have labels of at most 64 characters, and texts of at most 512", () => {
    const limits = "labels have at most 64 characters, their texts 512"
    assert.isUndefined(problem({ ["a".repeat(64)]: "b".repeat(512) }))
    assert.strictEqual(problem({ ["a".repeat(65)]: "b" }), `metadata.${"a".repeat(65)}: ${limits}`)
    assert.strictEqual(problem({ ["a".repeat(100)]: "b" }), `metadata.${"a".repeat(80)}: ${limits}`)
    assert.strictEqual(problem({ ok: "b", a: "b".repeat(513) }), `metadata.a: ${limits}`)
  })

  it("have no limit where the host states none", () => {
    const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi", metadata: pairs(100) }))
    assert.isUndefined(metadataProblem(request, undefined))
  })
})
