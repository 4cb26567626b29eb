import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema, SchemaAST } from "effect"
import { AnthropicOptions } from "../src/anthropic/AnthropicOptions.ts"
import { AzureInferenceOptions } from "../src/azure/AzureInferenceOptions.ts"
import { AzureOpenAiOptions } from "../src/azure/AzureOpenAiOptions.ts"
import { BedrockInvokeOptions } from "../src/bedrock/BedrockInvokeOptions.ts"
import { BedrockOptions } from "../src/bedrock/BedrockOptions.ts"
import { GroqOptions } from "../src/groq/GroqOptions.ts"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  ChatRequest,
  type Chunk,
  Groq,
  OpenAi,
  OpenAiResponses,
  Provider
} from "../src/index.ts"
import { OpenAiOptions } from "../src/openai/OpenAiOptions.ts"
import { OpenAiResponsesOptions } from "../src/openai/OpenAiResponsesOptions.ts"
import { RequestCheck } from "../src/testing.ts"
import { prepared } from "./support/prepared.ts"

const endpoint = "https://a.example"
const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const apis: Readonly<
  Record<
    string,
    readonly [
      schema: Schema.Codec<unknown>,
      definition: Provider.Definition<Chunk.Chunk>,
      model: string,
      api: RequestCheck.Api
    ]
  >
> = {
  openai: [OpenAiOptions, OpenAi.define({}), "gpt-4.1", "openai"],
  openaiResponses: [OpenAiResponsesOptions, OpenAiResponses.define({}), "gpt-4.1", "openai-responses"],
  groq: [GroqOptions, Groq.define({}), "openai/gpt-oss-20b", "groq"],
  azure: [AzureOpenAiOptions, AzureOpenAi.define({ endpoint }), "gpt-4.1", "azure"],
  azureInference: [AzureInferenceOptions, AzureInference.define({ endpoint }), "gpt-4.1", "azure-inference"],
  anthropic: [AnthropicOptions, Anthropic.define({}), "claude-sonnet-4-5", "anthropic"],
  bedrock: [BedrockOptions, Bedrock.define({ region: "us-east-1" }), claude, "bedrock"],
  bedrockInvoke: [BedrockInvokeOptions, BedrockInvoke.define({ region: "us-east-1" }), claude, "bedrock-invoke"]
}

/** What the check of an API has against a request, as it is sent. */
const findings = (api: RequestCheck.Api, { body, headers, url }: Provider.Prepared) =>
  RequestCheck.findings(api, { body: JSON.parse(JSON.stringify(body)), headers, path: new URL(url).pathname })

/** The fields that have another name in the body. */
const written: Readonly<Record<string, string>> = { betas: "anthropic_beta" }

const leaves = (value: unknown): ReadonlyArray<string> =>
  typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [String(value)]

describe("a provider's own option", () => {
  for (const [key, [schema, definition, model, api]] of Object.entries(apis)) {
    const fields = SchemaAST.isObjects(schema.ast) ? schema.ast.propertySignatures : []

    it(`of ${key} is known by its field`, () => assert.isNotEmpty(fields))

    for (const { name, type } of fields) {
      const field = String(name)
      const values = Arbitrary.schema(Schema.make<Schema.Codec<unknown>>(type))

      it.effect.prop(
        `of ${key} is sent, or refused by its name: ${field}`,
        [values],
        Effect.fnUntraced(function*([value]: readonly [unknown]) {
          if (value === undefined || value === null) return
          const options = { [key]: { [field]: value } }
          const prepared = yield* Effect.result(
            Provider.prepare(definition, { model, prompt: "Say it as JSON.", options })
          )
          if (Result.isFailure(prepared)) {
            const { message } = prepared.failure
            return assert.isTrue(message.includes(field) || /The value of the header \S+ /.test(message), message)
          }
          const { body, headers, ignored } = prepared.success
          const isInBody = JSON.stringify(body).includes(`"${written[field] ?? field}":`) &&
            leaves(value).every((leaf) => leaves(body).some((said) => said.includes(leaf)))
          const isHeader = leaves(value).every((leaf) => Object.values(headers).some((said) => said.includes(leaf)))
          const isNamed = ignored.some((line) => line.includes(field))
          assert.isTrue(isInBody || isHeader || isNamed, JSON.stringify([value, body, headers]))
          const unknown = findings(api, prepared.success).filter(({ kind, path }) =>
            kind === "unknown" && path === field
          )
          assert.isEmpty(unknown, "the check of the API does not know it")
        }),
        { arbitrary: { runs: 25 } }
      )
    }
  }
})

it.effect("an option's field that is called as the prototype is sent as any other", () =>
  Effect.gen(function*() {
    const streamOptions = JSON.parse("{\"__proto__\":\"x\"}")
    const request = { model: "m", prompt: "Hi", options: { groq: { stream_options: streamOptions } } }
    const { body } = yield* Provider.prepare(Groq.define({}), request)
    assert.include(JSON.stringify(body), "{\"include_usage\":true,\"__proto__\":\"x\"}")
    for (const [key, [, definition, model]] of Object.entries(apis)) {
      const options = { [key]: ChatRequest.unchecked(JSON.parse("{\"__proto__\":\"x\"}")) }
      const { body } = yield* Provider.prepare(definition, { model, prompt: "Hi", options })
      assert.include(JSON.stringify(body), "\"__proto__\":\"x\"", key)
    }
  }))

describe("a word of a request", () => {
  const tiers = ["auto", "default", "flex", "scale", "priority", "fast", "on_demand", "performance", "standard_only"]
  const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const

  for (const [key, [, definition, model, api]] of Object.entries(apis)) {
    it(`is taken by the check of ${key} when it is sent`, async () => {
      const requests = [
        ...[...tiers, "reserved"].map((serviceTier) => ({ serviceTier })),
        ...efforts.map((effort) => ({ reasoning: { effort } }))
      ]
      const results = await Promise.all(
        requests.map((request) => prepared(definition, { model, prompt: "Hi", ...request }))
      )
      const sent = results.flatMap((result) => Result.isSuccess(result) ? [result.success] : [])
      assert.isNotEmpty(sent)
      for (const request of sent) assert.isEmpty(findings(api, request), JSON.stringify(request.body))
    })
  }
})
