import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result, Schema } from "effect"
import { LanguageModel, type Model } from "effect/ai"
import type { HttpClient } from "effect/http"
import { expectTypeOf } from "vitest"
import {
  Anthropic,
  AnthropicLanguageModel,
  AzureInference,
  AzureInferenceLanguageModel,
  AzureOpenAi,
  AzureOpenAiLanguageModel,
  AzureResponses,
  AzureResponsesLanguageModel,
  Bedrock,
  BedrockInvoke,
  BedrockInvokeLanguageModel,
  BedrockLanguageModel,
  ChunkStream,
  EffectAi,
  Groq,
  GroqLanguageModel,
  OpenAi,
  OpenAiCompatible,
  OpenAiLanguageModel,
  OpenAiResponses,
  OpenAiResponsesLanguageModel,
  Provider,
  StructuredOutput
} from "../../src/index.ts"
import * as Client from "../support/client.ts"

const apiKey = Redacted.make("key")
const endpoint = "https://mine.example"
const aws = {
  region: "us-east-1",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Redacted.make("secret") }
}
const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

type Live = Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, HttpClient.HttpClient>

interface Row {
  readonly name: string
  readonly provider: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>
  /** Both ways to a model. */
  readonly at: (settings: EffectAi.Settings) => ReadonlyArray<Live>
}

const row = <Name extends string, R>(
  name: string,
  { layer, model }: EffectAi.Models<Name, R>,
  live: Layer.Layer<R | Provider.Provider, never, HttpClient.HttpClient>
): Row => ({
  name,
  provider: live,
  at: (settings) => [
    Layer.provide(model(name, settings), live),
    Layer.provide(layer({ model: name, config: settings }), live)
  ]
})

const models = {
  openai: row("gpt-4.1", OpenAiLanguageModel, OpenAi.layer({ apiKey })),
  "openai-responses": row("gpt-4.1", OpenAiResponsesLanguageModel, OpenAiResponses.layer({ apiKey })),
  anthropic: row("claude-sonnet-4-5", AnthropicLanguageModel, Anthropic.layer({ apiKey })),
  groq: row("openai/gpt-oss-20b", GroqLanguageModel, Groq.layer({ apiKey })),
  azure: row("gpt-4.1", AzureOpenAiLanguageModel, AzureOpenAi.layer({ apiKey, endpoint })),
  "azure-responses": row("gpt-4.1", AzureResponsesLanguageModel, AzureResponses.layer({ apiKey, endpoint })),
  "azure-inference": row("grok-4", AzureInferenceLanguageModel, AzureInference.layer({ apiKey, endpoint })),
  bedrock: row(claude, BedrockLanguageModel, Bedrock.layer(aws)),
  "bedrock-invoke": row(claude, BedrockInvokeLanguageModel, BedrockInvoke.layer(aws))
}

const setting = Schema.optionalKey
const Settings = Schema.Struct({
  system: setting(Schema.Literals(["Be brief.", "Answer in French."])),
  maxTokens: setting(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9000 }))),
  temperature: setting(Schema.Literals([0, 0.5, 1])),
  topP: setting(Schema.Literals([0.1, 0.9])),
  topK: setting(Schema.Literals([1, 40])),
  frequencyPenalty: setting(Schema.Literals([-1, 0.5])),
  presencePenalty: setting(Schema.Literals([-1, 0.5])),
  stop: setting(Schema.Tuple([Schema.Literal("END")])),
  seed: setting(Schema.Literals([0, 17])),
  parallelToolCalls: setting(Schema.Boolean),
  reasoning: setting(Schema.Union([
    Schema.Struct({ effort: Schema.Literals(["none", "low", "high"]) }),
    Schema.Struct({ budgetTokens: Schema.Literal(2048) })
  ])),
  serviceTier: setting(Schema.Literals(["default", "flex"])),
  user: setting(Schema.Literal("ada")),
  metadata: setting(Schema.Struct({ user_id: Schema.Literal("ada") })),
  logprobs: setting(Schema.Literal(2)),
  options: setting(
    Schema.Literals(["service", "x"]).pipe((name) =>
      Schema.Struct(Object.fromEntries(
        ["openai", "openaiResponses", "groq", "azure", "azureInference", "anthropic", "bedrock", "bedrockInvoke"]
          .map((key) => [key, Schema.Struct({ [`${key}_field`]: name })])
      ))
    )
  )
})

/** What the effect sends, or why it sends nothing. */
const sentBy = <A, E>(
  effect: Effect.Effect<A, E, HttpClient.HttpClient>,
  messageOf: (error: E) => string | undefined
) =>
  Effect.gen(function*() {
    const { layer, sent } = Client.make(() => Response.json({ message: "no" }, { status: 400 }))
    const result = yield* Effect.result(Effect.provide(effect, layer))
    return sent[0]?.body ?? (Result.isFailure(result) ? messageOf(result.failure) : assert.fail("nothing happened"))
  })

const Report = Schema.Struct({ city: Schema.String, celsius: Schema.optionalKey(Schema.Finite) }).annotate({
  identifier: "Report"
})

for (const [id, { at, name, provider }] of Object.entries(models)) {
  describe(`the models of ${id}`, () => {
    it.effect.prop(
      "send every setting as a request of the provider does",
      [Settings],
      ([settings]) =>
        Effect.gen(function*() {
          const expected = yield* sentBy(
            Effect.provide(
              Effect.flatMap(
                Provider.Provider,
                (provider) => ChunkStream.response(provider.stream({ ...settings, model: name, prompt: "Hi" }))
              ),
              provider
            ),
            (error) => error.message
          )
          for (const model of at(settings)) {
            const sent = yield* sentBy(
              Effect.provide(LanguageModel.generateText({ prompt: "Hi" }), model),
              (error) => EffectAi.providerError(error)?.message
            )
            assert.deepStrictEqual(sent, expected)
          }
        }),
      { arbitrary: { runs: 40 } }
    )

    it.effect("ask for an object as StructuredOutput does", () =>
      Effect.gen(function*() {
        const request = { prompt: "How warm is it?", schema: Report }
        const expected = yield* sentBy(
          Effect.provide(StructuredOutput.generate({ ...request, model: name }), provider),
          (error) => error.message
        )
        for (const model of at({})) {
          const sent = yield* sentBy(
            Effect.provide(LanguageModel.generateObject({ ...request, objectName: "Report" }), model),
            (error) => error.message
          )
          assert.deepStrictEqual(sent, expected)
        }
      }))
  })
}

describe("EffectAi.of", () => {
  it("keeps the provider's name in the type", () => {
    expectTypeOf(BedrockLanguageModel.model("nova")).toEqualTypeOf<
      Model.Model<"amazon-bedrock", LanguageModel.LanguageModel | Provider.Provider, Bedrock.Bedrock>
    >()
  })
})

describe("EffectAi.codecTransformer", () => {
  it.effect("asks a host by its own function for schemas", () =>
    Effect.gen(function*() {
      const schemas: LanguageModel.CodecTransformer = (schema) => ({
        codec: Schema.toCodecJson(schema),
        jsonSchema: { type: "object" }
      })
      const definition = {
        ...OpenAiCompatible.define({ provider: "acme", baseUrl: "https://acme.example/v1", model: "m" }),
        dialect: { schemas }
      }
      const { layer, sent } = Client.make(() => Response.json({ message: "no" }, { status: 400 }))
      yield* Effect.gen(function*() {
        const acme = yield* Provider.make(definition)
        const ask = StructuredOutput.generate({ prompt: "How warm is it?", schema: Report })
        yield* Effect.flip(Effect.provideService(ask, Provider.Provider, acme))
      }).pipe(Effect.provide(layer))
      assert.deepNestedInclude(sent[0]?.body, { "response_format.json_schema.schema": { type: "object" } })
    }))
})
