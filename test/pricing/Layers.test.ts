import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Layer, Redacted } from "effect"
import type { HttpClient } from "effect/http"
import { AzureOpenAi, ChunkStream, OpenAi, Pricing, Provider } from "../../src/index.ts"
import * as Client from "../support/client.ts"

const model = "gpt-5.4"
const endpoint = "https://mine.openai.azure.com"
const apiKey = Redacted.make("key")

const answer = () =>
  new Response(
    `data: ${
      JSON.stringify({
        model,
        choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }],
        usage: { prompt_tokens: 1000, completion_tokens: 100 }
      })
    }\n\ndata: [DONE]\n\n`,
    { headers: { "content-type": "text/event-stream" } }
  )

const costOf = Effect.fnUntraced(function*(layer: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>) {
  const response = yield* Provider.Provider.use((provider) =>
    ChunkStream.response(provider.stream({ model, prompt: "Say hello" }))
  ).pipe(Effect.provide(layer.pipe(Layer.provide(Client.make(answer).layer))))
  const cost = yield* Pricing.cost(response.costMetadata)
  return { total: BigDecimal.format(cost.total), flags: cost.flags.map(({ kind }) => kind) }
})

describe("The price of a layer's place", () => {
  // 2.50 USD per million input tokens, 15 output: 1000 * 2.50 + 100 * 15 = 4000 USD per million.
  it.effect("is that of OpenAI's host: one that keeps data in a region costs 10 % more", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* costOf(OpenAi.layer({ apiKey })), { total: "0.004", flags: [] })
      assert.deepStrictEqual(yield* costOf(OpenAi.layer({ apiKey, baseUrl: "https://eu.api.openai.com/v1" })), {
        total: "0.0044",
        flags: []
      })
    }))

  it.effect("is that of Azure's type of deployment, and flagged as assumed where it is not stated", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* costOf(AzureOpenAi.layer({ endpoint, apiKey, deploymentType: "dataZone" })), {
        total: "0.0044",
        flags: []
      })
      assert.deepStrictEqual(yield* costOf(AzureOpenAi.layer({ endpoint, apiKey })), {
        total: "0.004",
        flags: ["assumedDeploymentType"]
      })
    }))
})
