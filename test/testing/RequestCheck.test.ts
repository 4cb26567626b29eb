import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Schema } from "effect"
import type { HttpClient } from "effect/http"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  Bedrock,
  BedrockInvoke,
  ChatRequest,
  ChunkStream,
  Groq,
  OpenAi,
  OpenAiCompatible,
  Provider
} from "../../src/index.ts"
import { Answer, ReplayServer, RequestCheck, Wire } from "../../src/testing.ts"
import { describeShared } from "../support/shared.ts"

const directory = process.env["LLM_STREAM_CORPUS"] ?? fileURLToPath(new URL("../../../shared/corpus", import.meta.url))

const apis = [
  "openai",
  "openai-responses",
  "anthropic",
  "bedrock",
  "bedrock-invoke",
  "groq",
  "azure",
  "azure-responses",
  "azure-inference"
] as const satisfies ReadonlyArray<RequestCheck.Api>

// An image that is not of the type it is said to be, from before Anthropic looked.
const outdated = /test_anthropic_instrumentation_image_input_messages_with_stream/

describeShared(existsSync(directory), "requests that providers took", () => {
  for (const api of apis) {
    it(`pass as ${api}`, () => {
      const files = readdirSync(join(directory, api), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".request.json") && !outdated.test(file))
      assert.isAbove(files.length, 3)
      for (const file of files) {
        const body: unknown = JSON.parse(readFileSync(join(directory, api, file), "utf8"))
        assert.deepStrictEqual(RequestCheck.findings(api, { body }), [], file)
      }
    })
  }
})

const call = { id: "call_1", type: "function", function: { name: "now", arguments: "{}" } }
const chat = {
  model: "gpt-4o-mini",
  messages: [
    { role: "system", content: "Be brief" },
    { role: "user", content: [{ type: "text", text: "What time is it?" }] },
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "call_1", content: "12:00" }
  ],
  tools: [{ type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } }],
  stream: true
}
const [system, user, assistant, tool] = chat.messages

const responses = {
  model: "gpt-5",
  input: [
    { role: "user", content: [{ type: "input_text", text: "What time is it?" }] },
    { type: "function_call", call_id: "call_1", name: "now", arguments: "{}" },
    { type: "function_call_output", call_id: "call_1", output: "12:00" }
  ],
  tools: [{ type: "function", name: "now", parameters: { type: "object", properties: {} }, strict: false }],
  stream: true
}

const hello = { role: "user", content: [{ type: "text", text: "Hello" }] }
const toolUse = { role: "assistant", content: [{ type: "tool_use", id: "call_1", name: "now", input: {} }] }
const toolResult = { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "12:00" }] }
const messages = {
  model: "claude-sonnet-4-5",
  max_tokens: 100,
  messages: [hello, toolUse, toolResult],
  tools: [{ name: "now", input_schema: { type: "object", properties: {} } }]
}
const { model: _model, ...invoke } = { ...messages, anthropic_version: "bedrock-2023-05-31" }

const said = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })
const called = { role: "assistant", content: [{ toolUse: { toolUseId: "call_1", name: "now", input: {} } }] }
const answered = said({ toolResult: { toolUseId: "call_1", content: [{ text: "12:00" }] } })
const converse = {
  messages: [said({ text: "What time is it?" }), called, answered],
  toolConfig: { tools: [{ toolSpec: { name: "now", inputSchema: { json: { type: "object", properties: {} } } } }] }
}

const image = (media_type: string, data = "R0lGODlhAQABAAAAACw=") => ({
  type: "image",
  source: { type: "base64", media_type, data }
})
const document = (name: string) => ({ document: { format: "pdf", name, source: { bytes: "JVBERi0x" } } })
const strict = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false }

const cache_control = { type: "ephemeral", ttl: "1h" }
const citations = { enabled: true }
const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0x" }
const url = { type: "url", url: "https://example.com/a" }
const file = { type: "file", file_id: "file_1" }
const text = { type: "text", text: "a" }
const cited = {
  type: "char_location",
  cited_text: "a",
  document_index: 0,
  document_title: null,
  start_char_index: 0,
  end_char_index: 1
}

/** Every field of a message or a tool that Anthropic documents. */
const wholeMessages = {
  ...messages,
  messages: [
    said(
      text,
      image("image/gif"),
      { type: "image", source: url },
      { type: "image", source: file },
      { type: "document", source: pdf, title: "t", context: "c", citations, cache_control },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "a" } },
      { type: "document", source: { type: "content", content: [text, image("image/gif")] } },
      { type: "document", source: { type: "content", content: "a" } },
      { type: "document", source: url },
      { type: "document", source: file },
      { type: "search_result", source: "s", title: "t", content: [text], citations }
    ),
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm", signature: "S" },
        { type: "redacted_thinking", data: "S" },
        { ...text, citations: [cited] },
        { type: "tool_use", id: "call_1", name: "now", input: {}, caller: { type: "direct" }, cache_control }
      ]
    },
    said({
      type: "tool_result",
      tool_use_id: "call_1",
      content: [
        text,
        image("image/gif"),
        { type: "document", source: pdf },
        { type: "search_result", source: "s", title: "t", content: [text] }
      ],
      is_error: false,
      cache_control
    })
  ],
  tools: [{
    name: "now",
    description: "d",
    input_schema: { type: "object", properties: {} },
    type: "custom",
    strict: false,
    allowed_callers: ["direct"],
    defer_loading: false,
    eager_input_streaming: true,
    input_examples: [{}],
    cache_control
  }],
  metadata: { user_id: "u".repeat(512) }
}

const bytes = { source: { bytes: "AAEC" } }
const cachePoint = { type: "default" }

/** Every kind of block of a message, and every field of a tool, that Converse documents. */
const wholeConverse = {
  messages: [
    said(
      { text: "a" },
      { image: { format: "png", ...bytes } },
      { document: { format: "pdf", name: "a", ...bytes, context: "c", citations } },
      { video: { format: "mp4", ...bytes } },
      { audio: { format: "wav", ...bytes } },
      { guardContent: { text: { text: "a" } } },
      { searchResult: { source: "s", title: "t", content: [{ text: "a" }], citations } },
      { cachePoint }
    ),
    {
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "Hm", signature: "S" } } },
        { reasoningContent: { redactedContent: "AAEC" } },
        { citationsContent: { content: [{ text: "a" }], citations: [] } },
        ...called.content
      ]
    },
    said({
      toolResult: {
        toolUseId: "call_1",
        content: [
          { text: "a" },
          { json: { a: 1 } },
          { image: { format: "png", ...bytes } },
          { document: { format: "pdf", name: "b", ...bytes } },
          { video: { format: "mp4", ...bytes } },
          { searchResult: { source: "s", title: "t", content: [{ text: "a" }], citations } }
        ],
        status: "success"
      }
    })
  ],
  system: [{ text: "a" }, { guardContent: { text: { text: "a" } } }, { cachePoint }],
  toolConfig: {
    tools: [
      {
        toolSpec: {
          name: "now",
          description: "d",
          inputSchema: { json: { type: "object", properties: {} } },
          strict: false
        }
      },
      { cachePoint }
    ],
    toolChoice: { auto: {} }
  }
}

const good: ReadonlyArray<readonly [RequestCheck.Api, object]> = [
  ["openai", chat],
  ["groq", chat],
  ["azure", chat],
  ["azure-inference", chat],
  [
    "azure-inference",
    {
      ...chat,
      messages: [{
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "image_url", image_url: { url: "https://example.com/a.png" } },
          { type: "input_audio", input_audio: { data: "AAEC", format: "wav" } },
          { type: "audio_url", audio_url: { url: "https://example.com/a.wav" } }
        ]
      }]
    }
  ],
  ["compatible", { ...chat, top_k: 5 }],
  ["openai-responses", responses],
  ["azure-responses", responses],
  ["anthropic", messages],
  ["anthropic", wholeMessages],
  ["bedrock-invoke", invoke],
  ["bedrock", converse],
  ["bedrock", wholeConverse],
  ["bedrock", { ...converse, unknown: true }],
  ...["hidden", "parsed"].map((reasoning_format) =>
    ["groq", { model: "m", messages: [user], reasoning_format }] as const
  )
]

const thinking = {
  ...messages,
  messages: [hello],
  max_tokens: 4000,
  thinking: { type: "enabled", budget_tokens: 2000 }
}

const bad: ReadonlyArray<readonly [RequestCheck.Api, object, kind: RequestCheck.Finding["kind"], path: string]> = [
  ["openai", { ...chat, messages: [] }, "missing", "messages[0]"],
  ["openai", { ...chat, top_k: 5 }, "unknown", "top_k"],
  ["openai", { ...chat, temperature: 3 }, "invalid", "temperature"],
  ["openai", { ...chat, model: "o3", max_tokens: 5 }, "invalid", "max_tokens"],
  ["openai", { ...chat, messages: [{ role: "model", content: "Hi" }] }, "invalid", "messages[0]"],
  ["openai", { ...chat, messages: [user, assistant, user] }, "invalid", "messages[1]"],
  ["openai", { ...chat, messages: [user, tool] }, "invalid", "messages[1].tool_call_id"],
  ["openai", { ...chat, messages: [user, assistant, user, tool] }, "invalid", "messages[3].tool_call_id"],
  ["openai", { ...chat, messages: [user, { role: "assistant", content: null }] }, "missing", "messages[1].content"],
  ["openai", { ...chat, tools: [], tool_choice: "auto" }, "missing", "tools[0]"],
  ["openai", { model: "m", messages: [user], tool_choice: "auto" }, "invalid", "tool_choice"],
  ["openai", { ...chat, response_format: { type: "json_object" } }, "invalid", "messages"],
  [
    "openai",
    {
      ...chat,
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/tiff;base64,AAAA" } }] }]
    },
    "invalid",
    "messages[0].content[0].image_url.url"
  ],
  [
    "openai",
    { ...chat, tools: [{ type: "function", function: { name: "now", parameters: strict, strict: true } }] },
    "invalid",
    "tools[0].function.parameters"
  ],
  [
    "openai",
    { ...chat, audio: { voice: "alloy", format: "wav" }, modalities: ["text", "audio"] },
    "invalid",
    "audio.format"
  ],
  ["groq", { ...chat, reasoning_effort: "xhigh" }, "invalid", "reasoning_effort"],
  ["groq", { ...chat, reasoning_format: "raw" }, "invalid", "reasoning_format"],
  ["azure", { ...chat, messages: [system, tool] }, "invalid", "messages[1].tool_call_id"],
  ["azure-inference", { ...chat, stop: "END" }, "invalid", "stop"],
  ["compatible", { ...chat, messages: [tool] }, "invalid", "messages[0].tool_call_id"],
  ["openai-responses", { ...responses, stop: ["END"] }, "unknown", "stop"],
  ["openai-responses", { ...responses, input: responses.input.slice(0, 2) }, "invalid", "input[1]"],
  ["openai-responses", { ...responses, input: responses.input.slice(2) }, "invalid", "input[0].call_id"],
  [
    "openai-responses",
    {
      ...responses,
      input: [
        { type: "custom_tool_call", call_id: "call_1", name: "run", input: "ls" },
        { type: "function_call_output", call_id: "call_1", output: "a" }
      ]
    },
    "invalid",
    "input[1].call_id"
  ],
  [
    "openai-responses",
    { ...responses, input: [{ role: "assistant", content: [{ type: "input_text", text: "Hi" }] }] },
    "invalid",
    "input[0].content[0]"
  ],
  ["azure-responses", { ...responses, top_logprobs: 2 }, "invalid", "top_logprobs"],
  ["openai-responses", { ...responses, model: undefined }, "missing", "model"],
  ["openai-responses", { ...responses, metadata: { a: "t".repeat(513) } }, "invalid", "metadata.a"],
  ["openai", { ...chat, metadata: { a: "t".repeat(513) } }, "invalid", "metadata.a"],
  ["openai", { ...chat, metadata: { ["l".repeat(65)]: "t" } }, "invalid", `metadata.${"l".repeat(65)}`],
  ["openai-responses", { ...responses, tools: [...responses.tools, ...responses.tools] }, "invalid", "tools[1].name"],
  [
    "openai-responses",
    { ...responses, text: { format: { type: "json_schema", name: "n", schema: strict, strict: true } } },
    "invalid",
    "text.format.schema"
  ],
  ["anthropic", { ...messages, max_tokens: undefined }, "missing", "max_tokens"],
  ["anthropic", { ...messages, seed: 1 }, "unknown", "seed"],
  ["anthropic", { ...messages, metadata: { user_id: "u".repeat(513) } }, "invalid", "metadata.user_id"],
  ["anthropic", { ...messages, messages: [hello, toolUse, hello] }, "invalid", "messages[1].content[0]"],
  ["anthropic", { ...messages, messages: [toolResult] }, "invalid", "messages[0].content[0].tool_use_id"],
  ["anthropic", { ...messages, messages: [hello, toolUse, hello, toolResult] }, "invalid", "messages[3].content[0]"],
  ["anthropic", { ...messages, messages: [said({ type: "text", text: " " })] }, "invalid", "messages[0].content[0]"],
  [
    "anthropic",
    { ...messages, messages: [said(image("image/tiff"))] },
    "invalid",
    "messages[0].content[0].source.media_type"
  ],
  [
    "anthropic",
    { ...messages, messages: [said(image("image/png"))] },
    "invalid",
    "messages[0].content[0].source.media_type"
  ],
  [
    "anthropic",
    { ...messages, messages: [hello, { role: "assistant", content: "It is " }] },
    "invalid",
    "messages[1].content[0]"
  ],
  ["anthropic", { ...messages, tools: [{ name: "now", input_schema: {} }] }, "invalid", "tools[0].input_schema"],
  ["anthropic", { ...messages, thinking: { type: "enabled", budget_tokens: 2000 } }, "invalid", "max_tokens"],
  ["anthropic", { ...messages, thinking: { type: "adaptive" } }, "invalid", "thinking.type"],
  [
    "anthropic",
    { ...messages, output_config: { format: { type: "json_schema", schema: { type: "object" } } } },
    "invalid",
    "output_config.format.schema"
  ],
  ["bedrock-invoke", { ...invoke, model: "claude-sonnet-4-5" }, "unknown", "model"],
  [
    "bedrock-invoke",
    { ...invoke, messages: [said({ type: "image", source: { type: "url", url: "https://example.com/a.png" } })] },
    "invalid",
    "messages[0].content[0].source"
  ],
  [
    "bedrock-invoke",
    { ...invoke, tools: [{ ...invoke.tools[0], eager_input_streaming: true }] },
    "unknown",
    "tools[0].eager_input_streaming"
  ],
  [
    "anthropic",
    { ...thinking, tool_choice: { type: "any" }, tools: messages.tools },
    "invalid",
    "tool_choice"
  ],
  ["groq", { ...chat, reasoning_format: "hidden", include_reasoning: true }, "invalid", "reasoning_format"],
  ...["guardContent", "citationsContent", "searchResult", "toolAddition", "toolRemoval"].map((name) =>
    ["bedrock", { messages: [said({ [name]: "a" })] }, "invalid", `messages[0].content[0].${name}`] as const
  ),
  [
    "bedrock",
    {
      ...converse,
      messages: [
        said({ text: "a" }),
        { role: "assistant", content: [{ toolUse: { toolUseId: "call_1", name: "now", input: "{}" } }] },
        answered
      ]
    },
    "invalid",
    "messages[1].content[0].toolUse.input"
  ],
  ["bedrock", { messages: converse.messages }, "missing", "toolConfig"],
  ["bedrock", { messages: [said({ text: "a" }), said({ text: "b" })] }, "invalid", "messages[1].role"],
  [
    "bedrock",
    { messages: [said({ text: "a" }, document("a.pdf"))] },
    "invalid",
    "messages[0].content[1].document.name"
  ],
  [
    "bedrock",
    { messages: [said({ text: "a" }, document("a"), document("a"))] },
    "invalid",
    "messages[0].content[2].document.name"
  ],
  ["bedrock", { messages: [said(document("a"))] }, "invalid", "messages[0].content"],
  [
    "bedrock",
    { messages: [said({ text: "a", cachePoint: { type: "default" } })] },
    "invalid",
    "messages[0].content[0]"
  ],
  [
    "bedrock",
    { ...converse, messages: [said({ text: "a" }), called, said({ text: "b" }, ...answered.content)] },
    "invalid",
    "messages[2].content[1]"
  ]
]

describe("RequestCheck", () => {
  for (const [api, body] of good) {
    it(`has nothing against a round of a tool on ${api}`, () =>
      assert.deepStrictEqual(RequestCheck.findings(api, { body }), []))
  }

  for (const [api, body, kind, path] of bad) {
    it(`finds what is ${kind} at ${path} on ${api}`, () => {
      const findings = RequestCheck.findings(api, {
        body: JSON.parse(JSON.stringify(body)),
        path: "/model/anthropic.claude-sonnet-4-5/x"
      })
      assert.deepInclude(findings.map(({ kind, path }) => ({ kind, path })), { kind, path })
    })
  }

  const longest: ReadonlyArray<
    readonly [RequestCheck.Api, limit: number, body: (name: string) => object, path: string]
  > = [
    ...(["openai", "azure", "groq", "azure-inference"] as const).map((api) =>
      [
        api,
        64,
        (name: string) => ({ ...chat, messages: [user], tools: [{ type: "function", function: { name } }] }),
        "tools[0].function.name"
      ] as const
    ),
    ...(["openai", "azure", "groq"] as const).map((api) =>
      [
        api,
        64,
        (name: string) => ({
          model: "m",
          messages: [user],
          response_format: { type: "json_schema", json_schema: { name, schema: strict } }
        }),
        "response_format.json_schema.name"
      ] as const
    ),
    ...(["anthropic", "bedrock-invoke"] as const).map((api) =>
      [
        api,
        128,
        (name: string) => ({
          ...(api === "anthropic" ? messages : invoke),
          messages: [hello],
          tools: [{ ...messages.tools[0], name }]
        }),
        "tools[0].name"
      ] as const
    ),
    [
      "bedrock",
      64,
      (name) => ({
        messages: [said({ text: "a" })],
        toolConfig: { tools: [{ toolSpec: { name, inputSchema: { json: { type: "object" } } } }] }
      }),
      "toolConfig.tools[0].toolSpec.name"
    ]
  ]
  for (const [api, limit, body, path] of longest) {
    it(`takes names of up to ${limit} characters on ${api}: ${path}`, () => {
      const findings = (length: number) =>
        RequestCheck.findings(api, { body: body("n".repeat(length)) }).map((finding) => finding.path)
      assert.deepStrictEqual([findings(1), findings(limit), findings(limit + 1)], [[], [], [path]])
      assert.include(findings(0), path)
    })
  }

  it("finds all that is wrong", () => {
    const body = { ...chat, temperature: 3, top_p: 2, seed: "a", top_k: 5 }
    assert.sameMembers(RequestCheck.findings("openai", { body }).map(({ path }) => path), [
      "temperature",
      "top_p",
      "seed",
      "top_k"
    ])
  })

  it("refuses in the words of OpenAI", () => {
    const words = ([
      ["missing", "model"],
      ["unknown", "top_k"],
      ["invalid", "seed"],
      ["invalid", ""]
    ] as const).map(([kind, path]) => RequestCheck.refusal("openai", { kind, path, message: "is wrong" }).body)
    const type = "invalid_request_error"
    assert.deepStrictEqual(words, [
      {
        error: {
          message: "Missing required parameter: 'model'.",
          type,
          param: "model",
          code: "missing_required_parameter"
        }
      },
      { error: { message: "Unknown parameter: 'top_k'.", type, param: "top_k", code: "unknown_parameter" } },
      { error: { message: "Invalid 'seed': is wrong.", type, param: "seed", code: "invalid_value" } },
      { error: { message: "Invalid body: is wrong.", type, param: null, code: "invalid_value" } }
    ])
  })

  it("refuses in the words of the others", () => {
    const of = (api: RequestCheck.Api, kind: RequestCheck.Finding["kind"], path = "messages[0].content") => {
      const { body, headers, status } = RequestCheck.refusal(api, { kind, path, message: "is wrong" })
      assert.strictEqual(status, 400)
      return { body, ...headers }
    }
    const at = "messages.0.content"
    const aws = { "x-amzn-errortype": "ValidationException" }
    const claude = (message: string) => ({ type: "error", error: { type: "invalid_request_error", message } })
    assert.deepStrictEqual(
      [
        of("groq", "missing"),
        of("groq", "invalid", ""),
        of("azure-inference", "unknown"),
        of("anthropic", "missing"),
        of("anthropic", "unknown"),
        of("anthropic", "invalid"),
        of("bedrock", "missing"),
        of("bedrock-invoke", "unknown")
      ],
      [
        { body: { error: { message: `${at}: is wrong`, type: "invalid_request_error" } } },
        { body: { error: { message: "is wrong", type: "invalid_request_error" } } },
        { body: { error: { code: "invalid_request", message: `${at}: is wrong` } } },
        { body: claude(`${at}: Field required`) },
        { body: claude(`${at}: Extra inputs are not permitted`) },
        { body: claude(`${at}: is wrong`) },
        { body: { message: `${at}: is wrong` }, ...aws },
        { body: { message: `${at}: Extra inputs are not permitted` }, ...aws }
      ]
    )
    for (const api of ["azure", "azure-responses", "openai-responses", "compatible"] as const) {
      assert.deepStrictEqual(of(api, "unknown"), of("openai", "unknown"))
    }
  })

  it("does not take two tools without a name for two of one name", () => {
    const tool = (name?: string) => ({ type: "function", function: name === undefined ? {} : { name } })
    const found = (...tools: ReadonlyArray<object>) =>
      RequestCheck.findings("openai", {
        body: { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hi" }], tools }
      }).filter(({ message }) => message.includes("already the name"))
    assert.deepStrictEqual(found(tool(""), tool(""), tool(), tool()), [])
    assert.deepStrictEqual(found(tool("a"), tool("b"), tool("a")), [
      { kind: "invalid", path: "tools[2].function.name", message: "a is already the name of another tool" }
    ])
  })

  it("tells APIs by their address", () => {
    const of = (path: string, headers = {}) => RequestCheck.apiOf({ path, headers, body: {} })
    assert.strictEqual(of("/v1/chat/completions"), "openai")
    assert.strictEqual(of("/v1/responses"), "openai-responses")
    assert.strictEqual(of("/openai/v1/chat/completions"), "groq")
    assert.strictEqual(of("/openai/v1/chat/completions", { "api-key": Redacted.make("k") }), "azure")
    assert.strictEqual(of("/openai/deployments/d/chat/completions?api-version=2024-10-21"), "azure")
    assert.strictEqual(of("/models/chat/completions?api-version=2024-05-01-preview"), "azure-inference")
    assert.strictEqual(of("/gateway/chat/completions"), "compatible")
    assert.strictEqual(of("/v1/messages?beta=true"), "anthropic")
    assert.strictEqual(of("/model/us.amazon.nova-lite-v1%3A0/converse-stream"), "bedrock")
    assert.strictEqual(of("/model/a/invoke-with-response-stream"), "bedrock-invoke")
    assert.isUndefined(of("/v1/embeddings"))
  })
})

const apiKey = Redacted.make("key")
const answer = Answer.make({ content: "Hello" })

const events = {
  openai: ReplayServer.stream(Wire.openai, Answer.openai(answer)),
  groq: ReplayServer.stream(Wire.groq, Answer.groq(answer)),
  azure: ReplayServer.stream(Wire.azure, Answer.azure(answer)),
  anthropic: ReplayServer.stream(Wire.anthropic, Answer.anthropic(answer)),
  bedrock: ReplayServer.stream(Wire.bedrock, Answer.bedrock(answer)),
  bedrockInvoke: ReplayServer.stream(Wire.bedrockInvoke, Answer.bedrockInvoke(answer))
}

const bedrock = { region: "eu-central-1", apiKey, model: "eu.anthropic.claude-haiku-4-5-20251001-v1:0" }
const unknown = { brand_new: true }

const providers: ReadonlyArray<
  readonly [
    name: string,
    layer: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>,
    reply: ReplayServer.Reply,
    key: string,
    wrong: Schema.JsonObject,
    message: RegExp
  ]
> = [
  ["OpenAI", OpenAi.layer({ apiKey, model: "gpt-4o-mini" }), events.openai, "openai", unknown, /'brand_new'/],
  ["Groq", Groq.layer({ apiKey, model: "openai/gpt-oss-20b" }), events.groq, "groq", unknown, /brand_new/],
  [
    "Azure OpenAI",
    AzureOpenAi.layer({ endpoint: "https://a.openai.azure.com", apiKey, model: "gpt-4o" }),
    events.azure,
    "azure",
    unknown,
    /'brand_new'/
  ],
  [
    "Azure AI Inference",
    AzureInference.layer({ endpoint: "https://a.services.ai.azure.com/models", apiKey, model: "grok-3" }),
    events.azure,
    "azureInference",
    { stop: "END" },
    /stop/
  ],
  [
    "Anthropic",
    Anthropic.layer({ apiKey, model: "claude-sonnet-4-5" }),
    events.anthropic,
    "anthropic",
    unknown,
    /^brand_new: Extra/
  ],
  [
    "Bedrock",
    Bedrock.layer(bedrock),
    events.bedrock,
    "bedrock",
    { toolConfig: { tools: [] } },
    /^toolConfig\.tools\.0/
  ],
  [
    "Claude on Bedrock",
    BedrockInvoke.layer(bedrock),
    events.bedrockInvoke,
    "bedrockInvoke",
    unknown,
    /^brand_new: Extra/
  ]
]

const ask = (options: ChatRequest.ChatRequest["options"]) =>
  Effect.flatMap(
    Provider.Provider,
    ({ stream }) => ChunkStream.outcome(stream({ prompt: "Say hello", maxTokens: 50, options }))
  )

describe("ReplayServer", () => {
  for (const [name, layer, reply, key, wrong, message] of providers) {
    const provider = (options?: ReplayServer.Options) =>
      layer.pipe(Layer.provide(ReplayServer.layerHttpClient([reply], options)))
    const request = { [key]: ChatRequest.unchecked(wrong) }

    it.effect(`answers what ${name} takes`, () =>
      Effect.gen(function*() {
        const { content, error } = yield* ask(undefined)
        assert.isUndefined(error)
        assert.strictEqual(content, "Hello")
      }).pipe(Effect.provide(provider())))

    it.effect(`refuses what ${name} refuses, as it does`, () =>
      Effect.gen(function*() {
        const { error } = yield* ask(request)
        assert.strictEqual(error?.reason._tag, "InvalidRequest")
        assert.match(error?.reason.message ?? "", message)
        assert.strictEqual(error?.reason.status, 400)
      }).pipe(Effect.provide(provider())))

    it.effect(`answers whatever is asked of ${name} when it shall not look`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* ask(request)).content, "Hello")
      }).pipe(Effect.provide(provider({ check: false }))))
  }

  it.effect("goes by the rules that it is told", () =>
    Effect.gen(function*() {
      const { error } = yield* ask({ ollama: ChatRequest.unchecked(unknown) })
      assert.match(error?.message ?? "", /'brand_new'/)
    }).pipe(Effect.provide(
      OpenAiCompatible.layer({ provider: "ollama", baseUrl: "http://localhost:11434", model: "llama3.2" }).pipe(
        Layer.provide(ReplayServer.layerHttpClient([events.openai], { check: "openai" }))
      )
    )))
})
