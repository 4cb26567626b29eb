/** A request of texts and limits alone is written without the whole format, and byte for byte as that writes it. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Record, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  ChatCompletions,
  ChatRequest,
  type Chunk,
  Converse,
  Groq,
  Messages,
  OpenAi,
  OpenAiCompatible,
  OpenAiResponses,
  type Provider,
  RequestFormat,
  Responses
} from "../../src/index.ts"

const endpoint = "https://a.example"
const region = "us-east-1"

const definitions: Readonly<Record<string, Provider.Definition<Chunk.Chunk>>> = {
  openai: OpenAi.define({}),
  compatible: OpenAiCompatible.define({ provider: "acme", baseUrl: endpoint }),
  "compatible with quirks": OpenAiCompatible.define({
    provider: "acme",
    baseUrl: endpoint,
    quirks: { maxTokensField: "max_completion_tokens", includeUsage: false }
  }),
  responses: OpenAiResponses.define({}),
  anthropic: Anthropic.define({}),
  "anthropic with a limit": Anthropic.define({ maxTokens: 100 }),
  "anthropic with betas": Anthropic.define({ betas: ["context-1m-2025-08-07"] }),
  "anthropic with a limit that is none": Anthropic.define({ maxTokens: -1 }),
  bedrock: Bedrock.define({ region }),
  "bedrock-invoke": BedrockInvoke.define({ region }),
  "bedrock-invoke of a version": BedrockInvoke.define({ region, version: "bedrock-2025-01-01" }),
  groq: Groq.define({}),
  azure: AzureOpenAi.define({ endpoint }),
  "azure of a date": AzureOpenAi.define({ endpoint, apiVersion: "2024-06-01", deployment: "mine" }),
  "azure responses": AzureResponses.define({ endpoint, deployment: "mine" }),
  "azure inference": AzureInference.define({ endpoint })
}

const options = { keys: ["acme"], schema: Schema.Struct({ needed: Schema.String }) } as const
const { azureBefore202409, azureInference, compatible, groq, openai } = ChatCompletions
const dialects = { azureBefore202409, azureInference, compatible, groq, openai }

/** Those that people make for hosts of their own. */
const formats: Readonly<Record<string, RequestFormat.Lazy>> = {
  ...Record.mapKeys(
    Record.map(dialects, (dialect) => ChatCompletions.format({ provider: "acme", dialect, options })),
    (name) => `chat completions, ${name}`
  ),
  "chat completions": ChatCompletions.format({ provider: "acme" }),
  "chat completions that name no model": ChatCompletions.format({ provider: "acme", bodyModel: () => undefined }),
  "responses of a host": Responses.format({ provider: "acme", options, partKey: "acme" }),
  messages: Messages.format({ provider: "acme", options, maxTokens: 50 }),
  "messages with betas": Messages.format({ provider: "acme", options, betas: ["a"] }),
  "messages on Bedrock": Messages.bedrockFormat({ provider: "acme", options }),
  converse: Converse.format({ provider: "acme", options })
}

const models = [
  "gpt-4.1",
  "gpt-6",
  "o3",
  "claude-sonnet-4-5",
  "claude-opus-5",
  "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
  "amazon.nova-2-lite-v1:0",
  "openai.gpt-oss-20b-1:0",
  "deepseek.r1-v1:0",
  "acme"
]

const role = Schema.Literals(["system", "user", "user", "assistant"])
const text = Schema.Union([Schema.String, Schema.Literals(["", " ", "Hi", "Hi\n", "As JSON"])])
const part = Schema.Struct({ type: Schema.Literal("text"), text })

const requests = Schema.Struct({
  model: Schema.Literals(models),
  request: Schema.Struct({
    temperature: Schema.optional(Schema.Union([Schema.Literals([0, 0.5, 1, 1.5]), Schema.Number])),
    system: Schema.optional(text),
    prompt: Schema.Union([
      text,
      Schema.Array(
        Schema.Struct({ role, content: Schema.Union([text, Schema.Array(part).check(Schema.isMaxLength(3))]) })
      )
        .check(Schema.isMaxLength(4))
    ]),
    maxTokens: Schema.optional(Schema.Union([Schema.Literals([0, 1, 15, 16, 1.5]), Schema.Int])),
    topP: Schema.optional(Schema.Union([Schema.Literals([0, 0.5, 1]), Schema.Number])),
    seed: Schema.optional(Schema.Literal(1))
  }),
  reversed: Schema.Boolean,
  isPrompt: Schema.Boolean
})

/** The request with its fields in another order, and its messages as a `Prompt`. */
const stated = ({ isPrompt, request, reversed }: typeof requests.Type): ChatRequest.ChatRequest => {
  const fields = Object.entries(request)
  const read = isPrompt ? ChatRequest.normalize({ prompt: request.prompt as Prompt.RawInput }) : undefined
  return {
    ...Object.fromEntries(reversed ? fields.toReversed() : fields),
    prompt: read !== undefined && Result.isSuccess(read) ? read.success.prompt : request.prompt as Prompt.RawInput
  }
}

const written = (encoded: RequestFormat.Encoded) => JSON.stringify(encoded)

describe("a request of texts alone", () => {
  for (const [name, format] of Object.entries({ ...Record.map(definitions, ({ format }) => format), ...formats })) {
    it.effect.prop(
      `is written as by the whole format: ${name}`,
      [Arbitrary.schema(requests)],
      ([generated]) =>
        Effect.gen(function*() {
          const plain = "load" in format ? format : assert.fail("is loaded at once")
          const request = stated(generated)
          const encoded = plain.plain(request, generated.model)
          if (encoded === undefined) return
          const whole = yield* RequestFormat.load(format)
          const expected = yield* Effect.fromResult(
            Result.flatMap(ChatRequest.normalize(request), (request) => whole.encode(request, generated.model))
          )
          assert.strictEqual(written(encoded), written(expected))
        }),
      { arbitrary: { runs: 400 } }
    )
  }

  const turn = (role: "user" | "assistant", ...texts: ReadonlyArray<string>) => ({
    role,
    content: texts.map((text) => ({ type: "text" as const, text }))
  })
  const conversation = [turn("user", "Hi"), turn("assistant", "Hello", "there"), turn("user", "Who", "are you?")]
  const prompts: Readonly<Record<string, Prompt.RawInput>> = {
    "a text": "Hi",
    messages: conversation,
    "a prompt": Prompt.make(conversation)
  }
  for (const [what, prompt] of Object.entries(prompts)) {
    it(`does without the whole format: ${what}`, () => {
      for (
        const { format } of [OpenAi.define({}), OpenAiResponses.define({}), Anthropic.define({}), Bedrock.define({})]
      ) {
        const request = { system: "Be brief.", prompt, maxTokens: 100, temperature: 0.5, topP: 0.9 }
        assert.isDefined("load" in format ? format.plain(request, "m") : undefined)
      }
    })
  }

  it("does without the whole format of a host of one's own, unless that writes limits in a way of its own", () => {
    const request = { system: "Be brief.", prompt: "Hi", maxTokens: 100, temperature: 0.5, topP: 0.9 }
    for (const [name, { plain }] of Object.entries(formats)) {
      assert.strictEqual(plain(request, "m") === undefined, name === "messages with betas", name)
    }
    const others = [{ temperature: { refused: "no" } }, { topP: { field: "p" } }, {
      maxTokens: { field: "limits.max" }
    }]
    for (const fields of others) {
      const dialect = { ...compatible, fields: { ...compatible.fields, ...fields } }
      assert.isUndefined(ChatCompletions.format({ provider: "acme", dialect }).plain(request, "m"))
    }
  })

  it("is nothing else", () => {
    const others: ReadonlyArray<unknown> = [
      null,
      {},
      { prompt: "Hi", tools: [] },
      { prompt: "Hi", temprature: 1 },
      { prompt: "Hi", maxTokens: "5" },
      { prompt: "Hi", options: { openai: {} } },
      { prompt: [{ role: "user", content: "Hi", options: { openai: { a: 1 } } }] },
      { prompt: [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: "" }] }] },
      { prompt: new Set(conversation) },
      {
        get prompt() {
          throw new Error("no")
        }
      }
    ]
    const { format } = OpenAi.define({})
    assert("load" in format)
    for (const other of others) assert.isUndefined(format.plain(other as never, "m"))
  })
})
