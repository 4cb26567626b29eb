import { assert, describe, it } from "@effect/vitest"
import { Result, Schema, SchemaAST } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { expectTypeOf } from "vitest"
import { AnthropicOptions } from "../src/anthropic/AnthropicOptions.ts"
import { AzureInferenceOptions } from "../src/azure/AzureInferenceOptions.ts"
import { AzureOpenAiOptions } from "../src/azure/AzureOpenAiOptions.ts"
import { BedrockInvokeOptions } from "../src/bedrock/BedrockInvokeOptions.ts"
import { BedrockOptions } from "../src/bedrock/BedrockOptions.ts"
import type { ProviderOptions } from "../src/ChatRequest.ts"
import { GroqOptions } from "../src/groq/GroqOptions.ts"
import { OpenAiOptions } from "../src/openai/OpenAiOptions.ts"
import { OpenAiResponsesOptions } from "../src/openai/OpenAiResponsesOptions.ts"
import { root } from "./support/corpus.ts"
import { describeShared } from "./support/shared.ts"

interface Api {
  readonly schema: Schema.Codec<unknown>
  /** The file of the schema that describes the API's request body. */
  readonly published: string
  /** Folders of the recorded requests of this API. */
  readonly recorded: ReadonlyArray<string>
  /** Fields that are not the body's (headers, and what the service passes through), or newer than the description. */
  readonly besides: ReadonlyArray<string>
}

const apis: Readonly<Record<string, Api>> = {
  openai: { schema: OpenAiOptions, published: "openai-chat", recorded: ["openai"], besides: [] },
  openaiResponses: {
    schema: OpenAiResponsesOptions,
    published: "openai-responses",
    recorded: ["openai-responses", "azure-responses"],
    besides: ["access_programs"]
  },
  groq: { schema: GroqOptions, published: "groq-chat", recorded: ["groq"], besides: [] },
  azure: { schema: AzureOpenAiOptions, published: "azure-chat", recorded: ["azure"], besides: [] },
  azureInference: {
    schema: AzureInferenceOptions,
    published: "azure-inference",
    recorded: ["azure-inference"],
    besides: ["reasoning_effort"]
  },
  anthropic: {
    schema: AnthropicOptions,
    published: "anthropic-messages",
    recorded: ["anthropic"],
    besides: ["betas", "billing_policy", "fallback_credit_token", "thread"]
  },
  bedrock: { schema: BedrockOptions, published: "bedrock-converse", recorded: ["bedrock"], besides: [] },
  bedrockInvoke: {
    schema: BedrockInvokeOptions,
    published: "bedrock-invoke",
    recorded: ["bedrock-invoke"],
    besides: [
      "betas",
      "fallback_credit_token",
      "guardrailIdentifier",
      "guardrailVersion",
      "performanceConfigLatency",
      "serviceTier",
      "trace"
    ]
  }
}

const untyped = new Set([
  "billing_policy",
  "diagnostics",
  "fallback_credit_token",
  "fallbacks",
  "safeguards",
  "thread"
])

/** What the library writes itself. */
const written = new Set(["model", "messages", "input", "stream"])

const fieldsOf = ({ ast }: Schema.Codec<unknown>): ReadonlyArray<string> =>
  SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []

const json = (file: string): unknown => JSON.parse(Fs.readFileSync(file, "utf8"))

const Body = Schema.Record(Schema.String, Schema.Unknown)

const isBody = Schema.is(Body)

const isPublished = Schema.is(Schema.Struct({ properties: Body }))

describe("Options", () => {
  it("of a provider are typed", () => {
    expectTypeOf<ProviderOptions["openai"]>().toEqualTypeOf<OpenAiOptions | undefined>()
    expectTypeOf<NonNullable<OpenAiOptions["audio"]>["format"]>().toExtend<string>()
    // @ts-expect-error: a misspelt field
    const field: ProviderOptions = { openai: { reasoning_efort: "high" } }
    // @ts-expect-error: a misspelt provider
    const provider: ProviderOptions = { opena: {} }
    // @ts-expect-error: a misspelt field of a field
    const deep: ProviderOptions = { bedrock: { inferenceConfig: { max_tokens: 5 } } }
    // @ts-expect-error: not a number
    const type: ProviderOptions = { anthropic: { top_k: "many" } }
    const word: ProviderOptions = { groq: { reasoning_effort: "brand-new" } }
    assert.deepStrictEqual([field, provider, deep, type, word].map((options) => Object.keys(options).length), [
      1,
      1,
      1,
      1,
      1
    ])
  })

  it("keep fields that they do not know, and refuse a known field of another type", () => {
    for (const { schema } of Object.values(apis)) {
      const decode = Schema.decodeUnknownResult(schema)
      assert.deepStrictEqual(decode({ brand_new: { on: true } }), Result.succeed({ brand_new: { on: true } }))
      for (const field of fieldsOf(schema)) {
        // No field is a function; those that are `unknown` have not been published.
        const isTyped = Result.isFailure(decode({ [field]: () => 0 }))
        assert.strictEqual(isTyped, !untyped.has(field), field)
      }
    }
  })
})

const published = (name: string): string => Path.join(root ?? "", `../requests/schemas/${name}.json`)

for (const [key, { besides, published: name, recorded, schema }] of Object.entries(apis)) {
  describeShared(Fs.existsSync(published(name)), `Options of ${key}`, () => {
    it("are those that are published", () => {
      const description = json(published(name))
      assert(isPublished(description))
      assert.sameMembers(
        fieldsOf(schema).filter((field) => !besides.includes(field)),
        Object.keys(description.properties).filter((field) => !written.has(field))
      )
    })

    it("take every request that was recorded", () => {
      const decode = Schema.decodeUnknownResult(schema)
      const faults = recorded.flatMap((folder) => requestsIn(Path.join(root ?? "", folder))).flatMap((file) => {
        const request = json(file)
        const result = isBody(request) ? decode(request) : Result.void
        return Result.isFailure(result) ? [`${file}: ${result.failure.message}`] : []
      })
      assert.deepStrictEqual(faults, [])
    })
  })
}

function requestsIn(folder: string): ReadonlyArray<string> {
  return Fs.existsSync(folder)
    ? Fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".request.json"))
      .map((file) => Path.join(folder, file))
    : []
}
