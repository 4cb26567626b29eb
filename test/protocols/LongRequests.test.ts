import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { Prompt } from "effect/ai"
import { Anthropic, Bedrock, ChatRequest, OpenAi } from "../../src/index.ts"

const apiKey = Redacted.make("sk-test")

const formats = {
  OpenAi: OpenAi.define({ apiKey }).format,
  Anthropic: Anthropic.define({ apiKey }).format,
  Bedrock: Bedrock.define({ region: "us-east-1", apiKey }).format
}

const parts = Array.from({ length: 200_000 }, () => Prompt.textPart({ text: "a" }))
const details = Array.from({ length: 200_000 }, (_, i) => ({ type: "reasoning.text", text: String(i) }))

describe("requests", () => {
  for (const [name, format] of Object.entries(formats)) {
    it(`of any length are encoded: ${name}`, () => {
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
