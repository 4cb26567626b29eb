import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { Prompt } from "effect/ai"
import { Anthropic, Bedrock, ChatRequest, OpenAi, RequestFormat } from "../../src/index.ts"

const apiKey = Redacted.make("sk-test")

const providers = {
  OpenAi: OpenAi.define({ apiKey }),
  Anthropic: Anthropic.define({ apiKey }),
  Bedrock: Bedrock.define({ region: "us-east-1", apiKey })
}

const parts = Array.from({ length: 200_000 }, () => Prompt.textPart({ text: "a" }))
const details = Array.from({ length: 200_000 }, (_, i) => ({ type: "reasoning.text", text: String(i) }))

describe("requests", () => {
  for (const [name, provider] of Object.entries(providers)) {
    it(`of any length are encoded: ${name}`, async () => {
      const format = await Effect.runPromise(RequestFormat.load(provider.format))
      const reasoning = Prompt.reasoningPart({ text: "b", options: { openai: { reasoningDetails: details } } })
      const messages = [
        Prompt.makeMessage("user", { content: [Prompt.textPart({ text: "a" })] }),
        ...name === "OpenAi"
          ? [Prompt.makeMessage("assistant", { content: [Prompt.textPart({ text: "c" }), reasoning] })]
          : [],
        Prompt.makeMessage("user", { content: parts })
      ]
      const request = Result.getOrThrow(
        ChatRequest.normalize({ prompt: Prompt.fromMessages(messages), maxTokens: 100 })
      )
      const { body } = Result.getOrThrow(format.encode(request, "anthropic.claude-sonnet-4-5-20250929-v1:0"))
      assert.isAbove(JSON.stringify(body).length, parts.length)
    })
  }
})
