import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { AzureInference, type ChatRequest } from "../../src/index.ts"
import * as Host from "../support/host.ts"

const foundry = "https://res.services.ai.azure.com"

const apiKey = Host.key

// Fields that the types do not list.
const notYetKnown: object = { safe_prompt: true }

describe("AzureInference", () => {
  const addresses: ReadonlyArray<readonly [endpoint: string, base: string]> = [
    [`${foundry}/models`, `${foundry}/models`],
    [`${foundry}/models/`, `${foundry}/models`],
    [foundry, `${foundry}/models`],
    ["https://mistral.eastus2.models.ai.azure.com/", "https://mistral.eastus2.models.ai.azure.com"],
    ["https://models.github.ai/inference", "https://models.github.ai/inference"],
    ["https://res.openai.azure.com/openai/deployments/gpt", "https://res.openai.azure.com/openai/deployments/gpt"]
  ]
  for (const [endpoint, base] of addresses) {
    it.effect(`finds chat completions of ${endpoint}`, () =>
      Effect.gen(function*() {
        const { first } = yield* Host.send(AzureInference.layer({ endpoint, apiKey }), { model: "m", prompt: "hi" })
        assert.strictEqual(first.url, `${base}/chat/completions?api-version=2024-05-01-preview`)
      }))
  }

  it.effect("sends key, API version and fields that are passed through to the model", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = {
        model: "DeepSeek-R1",
        prompt: "hi",
        maxTokens: 5,
        options: { azureInference: { ...notYetKnown } }
      }
      const { first, response } = yield* Host.send(
        AzureInference.layer({ endpoint: foundry, apiKey, apiVersion: "2025-04-01" }),
        request
      )
      assert.match(first.url, /api-version=2025-04-01$/)
      assert.deepStrictEqual(
        [first.headers["api-key"], first.headers["authorization"], first.headers["extra-parameters"]],
        ["key-0123456789", "Bearer key-0123456789", "pass-through"]
      )
      assert.deepStrictEqual(first.body, {
        model: "DeepSeek-R1",
        messages: [{ role: "user", content: "hi" }],
        max_tokens: 5,
        safe_prompt: true,
        stream: true,
        stream_options: { include_usage: true }
      })
      assert.deepStrictEqual([response.provider, response.content], ["azure", "Hi"])
    }))

  it.effect("sends a token of Entra ID instead of a key", () =>
    Effect.gen(function*() {
      const { first } = yield* Host.send(
        AzureInference.layer({
          endpoint: foundry,
          apiKey,
          token: Effect.succeed(Redacted.make("entra")),
          headers: { "extra-parameters": "drop" }
        }),
        { model: "m", prompt: "hi" }
      )
      assert.deepStrictEqual(
        [first.headers["api-key"], first.headers["authorization"], first.headers["extra-parameters"]],
        [undefined, "Bearer entra", "drop"]
      )
    }))

  describe("layerConfig", () => {
    const configured = (env: Record<string, string>) =>
      Host.send(
        AzureInference.layerConfig().pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))),
        { model: "m", prompt: "hi" }
      )

    it.effect("reads AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL", () =>
      Effect.gen(function*() {
        const { first } = yield* configured({
          AZURE_INFERENCE_ENDPOINT: foundry,
          AZURE_INFERENCE_CREDENTIAL: "credential"
        })
        assert.isTrue(first.url.startsWith(`${foundry}/models/chat/completions?`))
        assert.strictEqual(first.headers["api-key"], "credential")
      }))

    it.effect("shows a missing key as a typed error of the stream", () =>
      Effect.gen(function*() {
        const { response } = yield* configured({ AZURE_INFERENCE_ENDPOINT: foundry })
        assert.match(response.error?.message ?? "", /Authentication.*AZURE_INFERENCE_CREDENTIAL/)
      }))
  })
})
