/** Single facts of a request that a change must not lose: where it goes, what is said of a file, whose name a refusal has. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  ChatRequest,
  OpenAiResponses,
  RequestFormat
} from "../../src/index.ts"
import { prepared } from "../support/prepared.ts"

const prompt = "Hi"

describe("Converse", () => {
  const bedrock = Bedrock.define({ region: "us-east-1" })
  const sent = (mediaType: string, data: string, own: object) =>
    prepared(bedrock, {
      model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
      prompt: [{
        role: "user",
        content: [
          { type: "text", text: "Read." },
          { type: "file", mediaType, data, fileName: "a.pdf", options: { bedrock: { ...own } } }
        ]
      }]
    })

  it("is told what a document is, and whether to cite it", async () => {
    const own = { context: "A letter.", citations: { enabled: true } }
    const { messages } = Result.getOrThrow(await sent("application/pdf", "JVBERi0x", own)).body
    assert.deepNestedInclude({ messages }, { "messages[0].content[1].document.context": "A letter." })
    assert.deepNestedInclude({ messages }, { "messages[0].content[1].document.citations": { enabled: true } })
  })

  for (const own of [{ context: "A picture." }, { citations: { enabled: true } }]) {
    it(`has no ${Object.keys(own)} of an image`, async () => {
      const result = await sent("image/gif", "R0lGODlhAQABAAAAACw=", own)
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.include(result.failure.message, "prompt[0].content[1].options.bedrock: only documents have")
      }
    })
  }
})

describe("an effort", () => {
  for (const effort of ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const) {
    it(`may be ${effort}`, async () => {
      const { reasoning } = Result.getOrThrow(
        await prepared(OpenAiResponses.define({}), { model: "gpt-6", prompt, reasoning: { effort } })
      ).body
      // The nearest that the model has.
      assert.deepInclude(reasoning, { effort: effort === "minimal" ? "low" : effort })
    })
  }
})

describe("reasoning that Claude shall not do", () => {
  it("has neither a budget nor a summary, and says so", async () => {
    const sent = async (reasoning: ChatRequest.ChatRequest["reasoning"]) => {
      const request = { model: "claude-sonnet-4-5", prompt, reasoning }
      const { body, ignored } = Result.getOrThrow(await prepared(Anthropic.define({}), request))
      return [body["thinking"], ignored]
    }
    const off = { type: "disabled" }
    const why = "effort none turns reasoning off"
    assert.deepStrictEqual(await sent({ effort: "none" }), [off, []])
    assert.deepStrictEqual(await sent({ effort: "none", summary: "auto" }), [off, [`reasoning.summary: ${why}`]])
    assert.deepStrictEqual(await sent({ effort: "none", budgetTokens: 2048, summary: "auto" }), [off, [
      `reasoning.budgetTokens: ${why}`,
      `reasoning.summary: ${why}`
    ]])
  })
})

describe("an answer that Claude shall go on with", () => {
  it("ends without white space, and keeps all else", async () => {
    const { messages } = Result.getOrThrow(
      await prepared(Anthropic.define({}), {
        model: "claude-sonnet-4-5",
        prompt: [
          { role: "user", content: [{ type: "text", text: prompt }] },
          { role: "assistant", content: [{ type: "text", text: "One." }, { type: "text", text: "It is " }] }
        ]
      })
    ).body
    assert.deepNestedInclude({ messages }, {
      "messages[1].content": [{ type: "text", text: "One." }, { type: "text", text: "It is" }]
    })
  })
})

describe("Claude at another host", () => {
  it("refuses by the name of that host", async () => {
    for (const provider of ["gateway", undefined]) {
      const format = await Effect.runPromise(RequestFormat.load(Anthropic.define({ provider }).format))
      const request = Result.getOrThrow(ChatRequest.normalize({ prompt, user: "u".repeat(513) }))
      const result = format.encode(request, "claude-sonnet-4-5")
      assert.isTrue(Result.isFailure(result) && result.failure.message.startsWith(`${provider ?? "anthropic"}: user`))
    }
  })
})

describe("a schema that Claude shall keep to", () => {
  it("is closed wherever an object stands in it", async () => {
    const object = (more: object = {}) => ({ type: "object", properties: {}, ...more })
    const schema = (closed: object) => ({
      ...object(closed),
      properties: {
        list: { type: "array", items: object(closed) },
        either: { anyOf: [object(closed), { type: "null" }] },
        both: { allOf: [object(closed)] },
        pair: { type: "array", prefixItems: [object(closed)] },
        named: { $ref: "#/$defs/Named" }
      },
      $defs: { Named: object(closed) }
    })
    const { output_config } = Result.getOrThrow(
      await prepared(Anthropic.define({}), {
        model: "claude-sonnet-4-5",
        prompt,
        responseFormat: { schema: schema({}), strict: true }
      })
    ).body
    assert.deepStrictEqual(output_config, {
      format: { type: "json_schema", schema: schema({ additionalProperties: false }) }
    })
  })
})

describe("Azure", () => {
  const address = async (endpoint: string) =>
    Result.getOrThrow(await prepared(AzureInference.define({ endpoint }), { model: "m", prompt })).url
  const query = "?api-version=2024-05-01-preview"

  it("has the models of a Foundry resource below its address, however that is written", async () => {
    const foundry = "https://res.services.ai.azure.com"
    for (const endpoint of [foundry, `${foundry}/`, ` ${foundry}// `, `${foundry}/models`, `${foundry}/models/`]) {
      assert.strictEqual(await address(endpoint), `${foundry}/models/chat/completions${query}`)
    }
    for (const endpoint of ["https://m.eastus2.models.ai.azure.com", "https://res.services.ai.azure.com.example"]) {
      assert.strictEqual(await address(`${endpoint}/`), `${endpoint}/chat/completions${query}`)
    }
  })

  it("takes the newer fields from September 2024 on", async () => {
    const fields = async (apiVersion: string) => {
      const definition = AzureOpenAi.define({ endpoint: "https://a.example", apiVersion })
      return Object.keys(Result.getOrThrow(await prepared(definition, { model: "m", prompt, maxTokens: 1 })).body)
    }
    assert.notDeepEqual(await fields("2024-08-31"), await fields("2024-09-01"))
    assert.deepStrictEqual(await fields("2024-09-01"), await fields("2025-01-01"))
    assert.deepStrictEqual(await fields("2024-08-31"), await fields("2024-08-01-preview"))
  })
})
