import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { Prompt } from "effect/ai"
import {
  AnthropicOptions,
  BedrockInvokeOptions,
  ChatCompletions,
  ChatRequest,
  type RequestFormat
} from "../../src/index.ts"
import * as Requests from "../support/requests.ts"
import * as Whole from "../support/wholeFormats.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats = {
  openai: Whole.chatCompletions({ provider: "openai", dialect: ChatCompletions.openai }),
  azure: Whole.chatCompletions({ provider: "azure", dialect: ChatCompletions.azure }),
  groq: Whole.chatCompletions({ provider: "groq", dialect: ChatCompletions.groq }),
  "azure-inference": Whole.chatCompletions({
    provider: "azure",
    dialect: ChatCompletions.azureInference,
    options: { keys: ["azureInference"], schema: anything }
  }),
  "openai-responses": Whole.responses({
    provider: "openai",
    options: { keys: ["openaiResponses", "openai"], schema: anything },
    partKey: "openai"
  }),
  "azure-responses": Whole.responses({
    provider: "azure",
    options: { keys: ["azure"], schema: anything },
    partKey: "azure"
  }),
  anthropic: Whole.messages({
    provider: "anthropic",
    options: { keys: ["anthropic"], schema: AnthropicOptions }
  }),
  "bedrock-invoke": Whole.bedrockMessages({
    provider: "bedrock",
    options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions }
  }),
  bedrock: Whole.converse({ provider: "bedrock", options: { keys: ["bedrock"], schema: anything } })
} satisfies Record<Requests.Api, RequestFormat.RequestFormat>

const apis: ReadonlyArray<Requests.Api> = [
  "openai",
  "azure",
  "groq",
  "azure-inference",
  "openai-responses",
  "azure-responses",
  "anthropic",
  "bedrock-invoke",
  "bedrock"
]

const modelOf = (api: Requests.Api): string => /anthropic|bedrock/.test(api) ? "claude-sonnet-4-5" : "gpt-5"

// The rules, unlike the schemas, know no custom tools in chat completions.
const violations = (api: Requests.Api, body: object): ReadonlyArray<string> =>
  Requests.violations(api)(JSON.parse(JSON.stringify(body)), modelOf(api))
    .filter((violation) => !violation.endsWith("undefined"))

const encode = (api: Requests.Api, request: ChatRequest.ChatRequest) =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => formats[api].encode(normalized, modelOf(api)))

const refusal = (api: Requests.Api, request: ChatRequest.ChatRequest): string =>
  Result.match(encode(api, request), { onFailure: ({ message }) => message, onSuccess: () => "was encoded" })

const tools = [{ name: "f", parameters: { type: "object", properties: {} } }]

describe("a call with free text", () => {
  const prompt: ReadonlyArray<Prompt.MessageEncoded> = [
    { role: "user", content: "List the files" },
    {
      role: "assistant",
      content: [{
        type: "tool-call",
        id: "call_1",
        name: "run",
        params: "ls -l",
        options: { openai: { type: "custom" } }
      }]
    },
    { role: "tool", content: [{ type: "tool-result", id: "call_1", name: "run", isFailure: false, result: "a b" }] }
  ]

  for (const api of apis) {
    const takes = /^(openai|azure)(-responses)?$/.test(api)
    it(takes ? `is sent as it is by ${api}` : `is refused by ${api}, which has none`, () => {
      if (takes) {
        const { body } = Result.getOrThrow(encode(api, { prompt, tools }))
        assert.include(JSON.stringify(body), "\"input\":\"ls -l\"")
        assert.deepStrictEqual(violations(api, body), [])
      } else {
        assert.match(refusal(api, { prompt, tools }), /^[a-z]+: prompt\[1\]\.content\[0\]\.params: .*free text/)
      }
    })
  }
})

describe("what another API of the same provider states of itself", () => {
  const prompt: ReadonlyArray<Prompt.MessageEncoded> = [
    { role: "user", content: "Hi" },
    {
      role: "assistant",
      content: [
        {
          type: "reasoning",
          text: "Hm.",
          options: { openai: { itemId: "rs_1", type: "reasoning_text", reasoningDetails: [] } }
        },
        { type: "text", text: "", options: { openai: { item: { type: "compaction", encrypted_content: "gAAA" } } } },
        {
          type: "text",
          text: "Hello",
          options: { openai: { itemId: "msg_1", phase: "commentary", annotations: [], citations: [] } }
        },
        {
          type: "tool-call",
          id: "call_1",
          name: "apply_patch",
          params: { path: "a" },
          options: { openai: { itemId: "apc_1", type: "apply_patch_call", caller: { type: "direct" } } }
        }
      ]
    },
    {
      role: "tool",
      content: [{ type: "tool-result", id: "call_1", name: "apply_patch", isFailure: false, result: "done" }]
    }
  ]

  it("is let pass, and what is lost is named", () => {
    const request = { prompt, tools }
    const chat = Result.getOrThrow(encode("openai", request))
    assert.include(JSON.stringify(chat.body), "apply_patch")
    assert.match(chat.ignored.join(), /prompt\[1\]\.content\[1\]: .*Responses/)
    assert.isTrue(Result.isSuccess(encode("openai-responses", request)))
  })
})

describe("what another provider's own tool did", () => {
  const own = { id: "a", name: "lookup", providerExecuted: true } as const
  const parts = [
    { ...own, type: "tool-call", params: {} },
    { ...own, type: "tool-result", isFailure: false, result: ["found"] }
  ] as const

  for (const api of apis) {
    it.each(parts)(`is refused by ${api}, with its place: $type`, (part) => {
      const prompt = [{ role: "user", content: "Look" }, { role: "assistant", content: [part] }] as const
      assert.match(refusal(api, { prompt }), /^[a-z]+: prompt\[1\]\.content\[0\](\.providerExecuted)?: /)
    })
  }
})

describe("a choice of a tool of the provider's own", () => {
  const of = (key: string, tool: string, ...own: ReadonlyArray<object>): ChatRequest.ChatRequest =>
    Result.getOrThrow(Result.map(
      ChatRequest.normalize({ prompt: "Hi", tools, toolChoice: { tool }, options: { [key]: { tools: own } } }),
      (request) => ({ ...request, options: { ...request.options } })
    ))

  it("is said in the words of the API", () => {
    const cases = [
      ["openai", of("openai", "run", { type: "custom", custom: { name: "run" } }), {
        type: "custom",
        custom: { name: "run" }
      }],
      [
        "openai",
        of("openai", "g", { type: "function", function: { name: "g", parameters: { type: "object" } } }),
        { type: "function", function: { name: "g" } }
      ],
      [
        "anthropic",
        of("anthropic", "web_search", { type: "web_search_20250305", name: "web_search" }),
        { type: "tool", name: "web_search" }
      ],
      [
        "openai-responses",
        of("openai", "code_interpreter", { type: "code_interpreter", container: { type: "auto" } }),
        { type: "code_interpreter" }
      ]
    ] as const
    for (const [api, request, choice] of cases) {
      const { body } = Result.getOrThrow(encode(api, request))
      assert.deepStrictEqual(body["tool_choice"], choice)
      assert.deepStrictEqual(violations(api, body), [])
    }
  })

  it.each([
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "programmatic_tool_calling",
    "shell",
    "web_search_preview",
    "web_search_preview_2025_03_11"
  ])("is its type in the Responses API: %s", (type) => {
    const { body } = Result.getOrThrow(encode("openai-responses", of("openai", type, { type })))
    assert.deepStrictEqual(body["tool_choice"], { type })
  })

  it("is refused where the API can't be asked for one, or has no tool of that name", () => {
    assert.match(
      refusal("groq", of("groq", "browser_search", { type: "browser_search" })),
      /^groq: toolChoice: browser_search is a tool of the provider's own/
    )
    for (const api of apis) {
      assert.match(
        refusal(api, of(api === "openai-responses" ? "openai" : "other", "g", { type: "function", name: "h" })),
        /^[a-z]+: toolChoice: there is no tool g/
      )
    }
  })

  it("may be any of them", () => {
    for (
      const [api, key, own] of [
        ["groq", "groq", { type: "browser_search" }],
        ["openai-responses", "openai", { type: "web_search" }]
      ] as const
    ) {
      const { body } = Result.getOrThrow(
        encode(api, {
          prompt: "Hi",
          toolChoice: "required",
          options: { [key]: { ...ChatRequest.unchecked({ tools: [own] }) } }
        })
      )
      assert.strictEqual(body["tool_choice"], "required")
    }
  })
})
