/** What is counted in a request: as much as an API takes is sent, and one more is refused by name, before it is sent. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  type ChatRequest,
  type Chunk,
  Groq,
  OpenAi,
  OpenAiResponses,
  Provider
} from "../../src/index.ts"
import { RequestCheck } from "../../src/testing.ts"
import { prepared } from "../support/prepared.ts"

type Api = Exclude<RequestCheck.Api, "compatible">

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const prepare = <C extends Chunk.Chunk>(definition: Provider.Definition<C>, model: string) =>
(
  request: ChatRequest.ChatRequest
) => prepared(definition, { model, ...request })

const send: Readonly<Record<Api, ReturnType<typeof prepare>>> = {
  openai: prepare(OpenAi.define({}), "gpt-4.1"),
  "openai-responses": prepare(OpenAiResponses.define({}), "gpt-4.1"),
  anthropic: prepare(Anthropic.define({}), "claude-sonnet-4-5"),
  bedrock: prepare(Bedrock.define({ region: "us-east-1" }), claude),
  "bedrock-invoke": prepare(BedrockInvoke.define({ region: "us-east-1" }), claude),
  groq: prepare(Groq.define({}), "openai/gpt-oss-20b"),
  azure: prepare(AzureOpenAi.define({ endpoint: "https://a.example" }), "gpt-4.1"),
  "azure-responses": prepare(AzureResponses.define({ endpoint: "https://a.example" }), "gpt-4.1"),
  "azure-inference": prepare(AzureInference.define({ endpoint: "https://a.example" }), "gpt-4.1")
}

const openAis: ReadonlyArray<Api> = ["openai", "openai-responses", "azure", "azure-responses"]

const prompt = "Hi"
const parameters = { type: "object", properties: {} } as const
const schema = { ...parameters, additionalProperties: false }
const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`label${index}`, "text"]))
const stops = (count: number) => Array.from({ length: count }, (_, index) => `stop${index}`)
const files = (count: number, file: (index: number) => { readonly mediaType: string; readonly data: string }) => [
  {
    role: "user" as const,
    content: [
      { type: "text" as const, text: "Read." },
      ...Array.from({ length: count }, (_, index) => ({ type: "file" as const, ...file(index) }))
    ]
  }
]

const ephemeral = { cacheControl: { type: "ephemeral" } }
const marks = { anthropic: ephemeral, bedrockInvoke: ephemeral, bedrock: { cachePoint: { type: "default" } } }

interface Bound {
  readonly what: string
  readonly limit: number
  readonly apis: ReadonlyArray<Api>
  readonly request: (size: number) => ChatRequest.ChatRequest
  /** How the refusal begins. */
  readonly place: string
}

const bounds: ReadonlyArray<Bound> = [
  ...([
    [64, ["openai", "bedrock", "groq", "azure", "azure-inference"]],
    [128, ["openai-responses", "anthropic", "bedrock-invoke", "azure-responses"]]
  ] satisfies ReadonlyArray<readonly [number, ReadonlyArray<Api>]>).flatMap(([limit, apis]): ReadonlyArray<Bound> => [
    {
      what: "characters in the name of a tool",
      limit,
      apis,
      request: (size) => ({ prompt, tools: [{ name: "t".repeat(size), parameters }] }),
      place: "tools[0].name"
    },
    {
      what: "characters in the name of a tool that was called",
      limit,
      apis: apis.filter((api) => !api.endsWith("responses")),
      request: (size) => ({
        tools: [{ name: "now", parameters }],
        prompt: [
          { role: "user", content: prompt },
          { role: "assistant", content: [{ type: "tool-call", id: "a", name: "t".repeat(size), params: {} }] },
          { role: "tool", content: [{ type: "tool-result", id: "a", name: "t", isFailure: false, result: "" }] }
        ]
      }),
      place: "prompt[1].content[0].name"
    }
  ]),
  {
    what: "characters in the name of a schema",
    limit: 64,
    apis: [...openAis, "groq", "azure-inference"],
    request: (size) => ({ prompt, responseFormat: { name: "n".repeat(size), schema } }),
    place: "responseFormat.name"
  },
  {
    what: "texts in stop",
    limit: 4,
    apis: ["openai", "azure", "groq"],
    request: (size) => ({ prompt, stop: stops(size) }),
    place: "stop"
  },
  {
    what: "texts in stop",
    limit: 2500,
    apis: ["bedrock"],
    request: (size) => ({ prompt, stop: stops(size) }),
    place: "stop"
  },
  {
    what: "pairs in metadata",
    limit: 16,
    apis: [...openAis, "bedrock"],
    request: (size) => ({ prompt, metadata: pairs(size) }),
    place: "metadata"
  },
  {
    what: "characters in a label of metadata",
    limit: 64,
    apis: openAis,
    request: (size) => ({ prompt, metadata: { ["l".repeat(size)]: "" } }),
    place: "metadata.l"
  },
  {
    what: "characters in a text of metadata",
    limit: 512,
    apis: openAis,
    request: (size) => ({ prompt, metadata: { label: "t".repeat(size) } }),
    place: "metadata.label"
  },
  {
    what: "characters in a label of metadata",
    limit: 256,
    apis: ["bedrock"],
    request: (size) => ({ prompt, metadata: { ["l".repeat(size)]: "" } }),
    place: "metadata.l"
  },
  {
    what: "characters in a text of metadata",
    limit: 256,
    apis: ["bedrock"],
    request: (size) => ({ prompt, metadata: { label: "t".repeat(size) } }),
    place: "metadata.label"
  },
  {
    what: "characters in user",
    limit: 512,
    apis: ["anthropic"],
    request: (size) => ({ prompt, user: "u".repeat(size) }),
    place: "user"
  },
  {
    what: "characters in metadata.user_id",
    limit: 512,
    apis: ["anthropic"],
    request: (size) => ({ prompt, metadata: { user_id: "u".repeat(size) } }),
    place: "metadata.user_id"
  },
  {
    what: "documents",
    limit: 5,
    apis: ["bedrock"],
    request: (size) => ({ prompt: files(size, () => ({ mediaType: "application/pdf", data: "JVBERi0x" })) }),
    place: "prompt[0].content[6]"
  },
  {
    what: "images",
    limit: 20,
    apis: ["bedrock"],
    request: (size) => ({ prompt: files(size, () => ({ mediaType: "image/gif", data: "R0lGODlhAQABAAAAACw=" })) }),
    place: "prompt[0].content[21]"
  },
  {
    what: "characters in the title of a document",
    limit: 500,
    apis: ["anthropic", "bedrock-invoke"],
    request: (size) => ({
      prompt: [{
        role: "user",
        content: [
          { type: "file", mediaType: "application/pdf", data: "JVBERi0x", fileName: "f".repeat(size) },
          { type: "text", text: "Read." }
        ]
      }]
    }),
    place: "prompt[0].content[0].fileName"
  },
  {
    what: "cache marks",
    limit: 4,
    apis: ["anthropic", "bedrock-invoke", "bedrock"],
    request: (size) => ({
      prompt: [{
        role: "user",
        content: Array.from({ length: size }, () => ({
          type: "text" as const,
          text: "Read.",
          options: marks
        }))
      }]
    }),
    place: "prompt[0].content[4]"
  }
]

// The check of requests counts the pairs of metadata alone.
const isChecked = ({ place }: Bound): boolean => !place.startsWith("metadata.l")

describe("a request has at most", () => {
  for (const bound of bounds) {
    const { apis, limit, place, request, what } = bound
    for (const api of apis) {
      it(`${limit} ${what} on ${api}`, async () => {
        const { body, url } = Result.getOrThrow(await send[api](request(limit)))
        assert.deepStrictEqual(RequestCheck.findings(api, { body, path: url }), [])
        const longer = JSON.stringify(body).replaceAll(new RegExp(`(?<!\\w)(\\w)\\1{${limit - 1}}(?!\\w)`, "g"), "$&$1")
        if (longer !== JSON.stringify(body) && isChecked(bound)) {
          assert.isNotEmpty(RequestCheck.findings(api, { body: JSON.parse(longer), path: url }), longer)
        }
        const more = await send[api](request(limit + 1))
        assert.isTrue(Result.isFailure(more))
        if (Result.isSuccess(more)) return
        const { message } = more.failure.reason
        assert.isTrue(message.replace(/^[a-z]+: /, "").startsWith(place), message)
      })
    }
  }
})
