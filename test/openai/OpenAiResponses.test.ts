import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result, Schema } from "effect"
import { OpenAiResponses, OpenAiResponsesChunk, Provider } from "../../src/index.ts"
import { Arbitraries } from "../../src/testing.ts"

const apiKey = Redacted.make("sk-test")

describe("OpenAiResponsesChunk", () => {
  it.prop("encodes back to the payload it came from", [Arbitraries.chunk(OpenAiResponsesChunk.FromPayload)], (
    [chunk]
  ) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(OpenAiResponsesChunk.FromPayload)(chunk)))
    assert.deepStrictEqual(json, chunk.chunk)
    assert.strictEqual(chunk.provider, "openai")
  })
})

describe("OpenAiResponses", () => {
  it("asks for a stream at /responses, with the raw fields of either key", () => {
    for (const options of [{ openaiResponses: { store: false } }, { openai: { store: false } }]) {
      const prepared = Result.getOrThrow(
        Provider.prepare(OpenAiResponses.define({ apiKey }), { model: "gpt-5", prompt: "Hello", options })
      )
      assert.strictEqual(prepared.url, "https://api.openai.com/v1/responses")
      assert.deepStrictEqual(prepared.body, {
        model: "gpt-5",
        input: [{ role: "user", content: [{ type: "input_text", text: "Hello" }] }],
        stream: true,
        store: false,
        include: ["reasoning.encrypted_content"]
      })
    }
  })

  it.effect("states the region of the host, which the price depends on", () =>
    Effect.sync(() => {
      const chunk = new OpenAiResponsesChunk({
        region: "eu",
        chunk: { type: "response.completed", response: { model: "gpt-5", service_tier: "flex" } }
      })
      assert.strictEqual(chunk.costMetadata.region, "eu")
      assert.strictEqual(chunk.costMetadata.serviceTier, "flex")
    }))
})
