import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { AzureChunk, AzureResponses, AzureResponsesChunk, Provider } from "../../src/index.ts"
import { Arbitraries } from "../../src/testing.ts"

const apiKey = Redacted.make("test-key")

const prepare = (options: Omit<AzureResponses.Options, "endpoint">) =>
  Provider.prepare(AzureResponses.define({ endpoint: "https://res.openai.azure.com", apiKey, ...options }), {
    model: "a-model",
    prompt: "Hello"
  })

describe("AzureResponsesChunk", () => {
  it.prop("encodes back to the payload it came from", [Arbitraries.chunk(AzureResponsesChunk.FromPayload)], (
    [chunk]
  ) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(AzureResponsesChunk.FromPayload)(chunk)))
    assert.deepStrictEqual(json, chunk.chunk)
    assert.strictEqual(chunk.provider, "azure")
  })

  it("tells what the content filter found", () => {
    const content_filters = [{ blocked: false, source_type: "prompt" }]
    const chunk = new AzureResponsesChunk({ chunk: { type: "response.completed", response: { content_filters } } })
    assert.deepStrictEqual(chunk.contentFilters, content_filters)
    assert.deepStrictEqual(new AzureResponsesChunk({ chunk: { type: "keepalive" } }).contentFilters, [])
  })
})

describe("what an answer of Azure costs", () => {
  for (
    const info of [
      { region: "eastus2" },
      { requestedModel: "mine" },
      { deploymentType: "global" },
      { region: "eastus2", requestedModel: "mine", deploymentType: "global" }
    ]
  ) {
    it(`depends on ${Object.keys(info).join(", ")}`, () => {
      for (
        const chunk of [
          new AzureResponsesChunk({ chunk: { type: "keepalive" }, ...info }),
          new AzureChunk({ chunk: {}, ...info })
        ]
      ) {
        assert.include(chunk.costDetails, info)
        assert.include(chunk.costMetadata, info)
      }
    })
  }
})

describe("AzureResponses", () => {
  it.effect("sends the deployment as the model, to the address of its version", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* prepare({})).url, "https://res.openai.azure.com/openai/v1/responses")
      assert.strictEqual(
        (yield* prepare({ apiVersion: "preview" })).url,
        "https://res.openai.azure.com/openai/v1/responses?api-version=preview"
      )
      const dated = yield* prepare({ apiVersion: "2025-04-01-preview", deployment: "mine" })
      assert.strictEqual(dated.url, "https://res.openai.azure.com/openai/responses?api-version=2025-04-01-preview")
      assert.deepStrictEqual([dated.body["model"], (yield* prepare({})).body["model"]], ["mine", "a-model"])
    }))
})
