import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result } from "effect"
import { BedrockOptions, ChatRequest } from "../../src/index.ts"
import { RequestCheck } from "../../src/testing.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

const format = Whole.converse({
  provider: "bedrock",
  options: { keys: ["bedrock"], schema: BedrockOptions }
})

const sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const opus = "us.anthropic.claude-opus-4-7"
const nova = "us.amazon.nova-pro-v1:0"
const nova2 = "us.amazon.nova-2-lite-v1:0"
const gptOss = "openai.gpt-oss-120b-1:0"
const llama = "us.meta.llama3-3-70b-instruct-v1:0"

const encode = (request: ChatRequest.ChatRequest, model = sonnet) =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, model))

const encoded = (request: ChatRequest.ChatRequest, model?: string) => Result.getOrThrow(encode(request, model))

const refused = (request: ChatRequest.ChatRequest, model?: string): string =>
  Result.match(encode(request, model), { onFailure: ({ message }) => message, onSuccess: () => "was encoded" })

const question = { role: "user", content: "What is the weather?" } as const
const tools = [{ name: "get_weather", description: "", parameters: { type: "object", properties: {} } }]

const round = (result: unknown, { id = "call_1", isFailure = false } = {}) =>
  [
    question,
    { role: "assistant", content: [{ type: "tool-call", id, name: "get_weather", params: {} }] },
    { role: "tool", content: [{ type: "tool-result", id, name: "get_weather", isFailure, result }] }
  ] as const

const pdf = (fileName?: string) =>
  ({
    type: "file",
    mediaType: "application/pdf",
    data: "JVBERi0x",
    ...(fileName === undefined ? {} : { fileName })
  }) as const

describe("the request body of Converse", () => {
  it("is what AWS documents for a whole round of a tool", () => {
    const { body, headers, ignored } = encoded({
      system: "Be brief.",
      prompt: [...round({ degrees: 18 }), { role: "user", content: "In Fahrenheit" }],
      tools,
      maxTokens: 100,
      stop: ["END"],
      serviceTier: "flex",
      metadata: { team: "a" },
      user: "ada"
    })
    assert.deepStrictEqual(body, {
      messages: [
        { role: "user", content: [{ text: "What is the weather?" }] },
        { role: "assistant", content: [{ toolUse: { toolUseId: "call_1", name: "get_weather", input: {} } }] },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "call_1", content: [{ json: { degrees: 18 } }] } },
            { text: "In Fahrenheit" }
          ]
        }
      ],
      system: [{ text: "Be brief." }],
      inferenceConfig: { maxTokens: 100, stopSequences: ["END"] },
      toolConfig: {
        tools: [{ toolSpec: { name: "get_weather", inputSchema: { json: { type: "object", properties: {} } } } }]
      },
      requestMetadata: { team: "a" },
      serviceTier: { type: "flex" }
    })
    assert.deepStrictEqual(headers, {})
    assert.match(ignored.join(), /^user: /)
  })

  it("writes results by their kind: objects as JSON, the rest as text, failures with their status", () => {
    const result = (value: unknown, isFailure = false) => encoded({ prompt: round(value, { isFailure }), tools }).body
    const path = "messages[2].content[0].toolResult"
    assert.deepNestedPropertyVal(result([1, 2]), `${path}.content`, [{ text: "[1,2]" }])
    assert.deepNestedPropertyVal(result("sunny"), `${path}.content`, [{ text: "sunny" }])
    assert.deepNestedPropertyVal(result(" "), `${path}.content`, [])
    assert.deepNestedPropertyVal(result("no city", true), path, {
      toolUseId: "call_1",
      content: [{ text: "no city" }],
      status: "error"
    })
    assert.match(
      refused({ prompt: round("", { isFailure: true }), tools }),
      /prompt\[2\]\.content\[0\]\.result: is empty/
    )
  })

  it("has ids of at most 64 characters, alike in call and result", () => {
    const { body } = encoded({ prompt: round(1, { id: `fn/${"x".repeat(80)}` }), tools })
    const id = `fn_${"x".repeat(61)}`
    assert.nestedPropertyVal(body, "messages[1].content[0].toolUse.toolUseId", id)
    assert.nestedPropertyVal(body, "messages[2].content[0].toolResult.toolUseId", id)
  })

  it("gives each document a name of its own that the API takes, and the same one in the next turn", () => {
    const names = (prompt: ChatRequest.ChatRequest["prompt"]) =>
      Array.from(JSON.stringify(encoded({ prompt }).body).matchAll(/"name":"([^"]*)"/g), ([, name]) => name)
    const first = {
      role: "user",
      content: [{ type: "text", text: "a" }, pdf("Q3 report_v2.final (1).pdf"), pdf(), pdf()]
    } as const
    assert.deepStrictEqual(names([first]), ["Q3 report v2 final (1)", "document", "document 2"])
    assert.deepStrictEqual(
      names([first, { role: "assistant", content: "b" }, {
        role: "user",
        content: [{ type: "text", text: "c" }, pdf()]
      }]),
      ["Q3 report v2 final (1)", "document", "document 2", "document 3"]
    )
  })

  it("refuses documents without a text, too many files, and addresses outside of S3", () => {
    const user = (...content: ReadonlyArray<ReturnType<typeof pdf>>) => [{ role: "user", content }] as const
    assert.match(refused({ prompt: user(pdf()) }), /prompt\[0\]\.content\[0\]: a document needs a text beside it/)
    assert.match(
      refused({ prompt: [question, ...user(pdf(), pdf(), pdf(), pdf(), pdf(), pdf())] }),
      /prompt\[1\]\.content\[5\]: at most 5 documents/
    )
    const at = (data: string) => [{ role: "user", content: [{ type: "file", mediaType: "image/png", data }] }] as const
    assert.match(
      refused({ prompt: at("https://example.com/a.png") }),
      /prompt\[0\]\.content\[0\]\.data: has to be the bytes/
    )
    assert.deepNestedPropertyVal(encoded({ prompt: at("s3://bucket/a.png") }).body, "messages[0].content[0]", {
      image: { format: "png", source: { s3Location: { uri: "s3://bucket/a.png" } } }
    })
  })

  // The formats of AWS's ImageBlock, DocumentBlock and VideoBlock, by the media types that IANA or their makers give them.
  for (
    const [kind, format, mediaType] of [
      ["image", "gif", "image/gif"],
      ["image", "jpeg", "image/jpeg"],
      ["image", "png", "image/png"],
      ["image", "webp", "image/webp"],
      ["document", "csv", "text/csv"],
      ["document", "doc", "application/msword"],
      ["document", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
      ["document", "html", "text/html"],
      ["document", "md", "text/markdown"],
      ["document", "pdf", "application/pdf"],
      ["document", "txt", "text/plain"],
      ["document", "xls", "application/vnd.ms-excel"],
      ["document", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
      ["video", "flv", "video/x-flv"],
      ["video", "mkv", "video/x-matroska"],
      ["video", "mov", "video/quicktime"],
      ["video", "mp4", "video/mp4"],
      ["video", "mpeg", "video/mpeg"],
      ["video", "three_gp", "video/3gpp"],
      ["video", "webm", "video/webm"],
      ["video", "wmv", "video/x-ms-wmv"]
    ] as const
  ) {
    it(`sends ${mediaType} as a ${kind} of the format ${format}`, () => {
      const file = { type: "file", mediaType, data: "AAEC", fileName: "a" } as const
      const { body } = encoded({ prompt: [{ role: "user", content: [{ type: "text", text: "a" }, file] }] }, nova)
      const [, block] = Object(body["messages"])[0].content
      assert.deepInclude(block[kind], { format, source: { bytes: "AAEC" } })
    })
  }

  it("says which formats of its kind there are for a file that the API does not take", () => {
    const images = "image/gif, image/jpeg, image/png, image/webp"
    const documents = "application/msword, application/pdf, application/vnd.ms-excel, " +
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, " +
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document, text/csv, text/html, text/markdown, text/plain"
    const audio = "audio/aac, audio/flac, audio/mp3, audio/mp4, audio/mpeg, audio/ogg, audio/opus, audio/wav, " +
      "audio/webm, audio/x-m4a, audio/x-wav"
    const videos = "video/3gpp, video/mp4, video/mpeg, video/quicktime, video/webm, video/x-flv, video/x-matroska, " +
      "video/x-ms-wmv"
    for (
      const [mediaType, taken] of [
        ["image/tiff", images],
        ["audio/midi", audio],
        ["video/ogg", videos],
        ["text/rtf", documents],
        ["application/zip", documents]
      ] as const
    ) {
      const file = { type: "file", mediaType, data: "AAEC", fileName: "a" } as const
      assert.include(
        refused({ prompt: [{ role: "user", content: [{ type: "text", text: "a" }, file] }] }),
        `prompt[0].content[1].mediaType: ${mediaType} is not taken; what is, of its kind: ${taken}`
      )
    }
  })

  it("puts cache points behind what they mark", () => {
    const cachePoint = { type: "default" } as const
    const options = { bedrock: { cachePoint } }
    const { body } = encoded({
      prompt: [
        { role: "system", content: "Rules", options },
        { role: "user", content: [{ type: "text", text: "a", options }, { type: "text", text: "b" }], options }
      ],
      tools: tools.map((tool) => ({ ...tool, options }))
    })
    assert.deepStrictEqual(body["system"], [{ text: "Rules" }, { cachePoint }])
    assert.deepNestedPropertyVal(body, "messages[0].content", [{ text: "a" }, { cachePoint }, { text: "b" }, {
      cachePoint
    }])
    assert.deepNestedPropertyVal(body, "toolConfig.tools[1]", { cachePoint })
  })

  it("gives reasoning back, and refuses a cache point behind it", () => {
    const said = (options: object) =>
      [
        question,
        {
          role: "assistant",
          content: [{ type: "reasoning", text: "Hm.", options: { bedrock: { ...options } } }, {
            type: "text",
            text: "Fine."
          }]
        },
        question
      ] as const
    assert.deepNestedPropertyVal(encoded({ prompt: said({ signature: "s" }) }).body, "messages[1].content[0]", {
      reasoningContent: { reasoningText: { text: "Hm.", signature: "s" } }
    })
    assert.deepNestedPropertyVal(
      encoded({ prompt: said({ redactedContent: "cg==" }) }).body,
      "messages[1].content[0]",
      {
        reasoningContent: { redactedContent: "cg==" }
      }
    )
    assert.match(
      encoded({ prompt: said({}) }).ignored.join(),
      /^prompt\[1\]\.content\[0\]: reasoning without a signature/
    )
    assert.match(
      refused({ prompt: said({ signature: "s", cachePoint: { type: "default" } }) }),
      /prompt\[1\]\.content\[0\]\.options\.bedrock\.cachePoint: /
    )
  })

  it("wants the tools of the calls in the prompt", () => {
    assert.match(refused({ prompt: round(1) }), /^bedrock: tools: the API wants the tools of the calls/)
  })

  it("forbids calls as far as the API can", () => {
    const none = { tools, toolChoice: "none" } as const
    assert.notProperty(encoded({ prompt: "Hi", ...none }, nova).body, "toolConfig")
    const { body } = encoded({ prompt: round(1), ...none })
    assert.deepStrictEqual(body["additionalModelRequestFields"], { tool_choice: { type: "none" } })
    assert.nestedProperty(body, "toolConfig.tools[0]")
    assert.match(refused({ prompt: round(1), ...none }, nova), /^bedrock: toolChoice: /)
  })

  it("asks for one call at a time in Claude's own field, or not at all", () => {
    const request = { prompt: "Hi", tools, toolChoice: { tool: "get_weather" }, parallelToolCalls: false } as const
    const { body } = encoded(request)
    assert.deepStrictEqual(body["additionalModelRequestFields"], {
      tool_choice: { type: "tool", name: "get_weather", disable_parallel_tool_use: true }
    })
    assert.notNestedProperty(body, "toolConfig.toolChoice")
    assert.match(refused(request, nova), /^bedrock: parallelToolCalls: /)
    assert.deepNestedPropertyVal(
      encoded({ ...request, parallelToolCalls: true }, nova).body,
      "toolConfig.toolChoice",
      { tool: { name: "get_weather" } }
    )
  })

  it("puts a model's own parameters where the model has them", () => {
    const own = (request: Omit<ChatRequest.ChatRequest, "prompt">, model: string) => {
      const { body, ignored } = encoded({ prompt: "Hi", ...request }, model)
      return { fields: body["additionalModelRequestFields"], output: body["outputConfig"], ignored }
    }
    assert.deepStrictEqual(own({ topK: 5 }, sonnet).fields, { top_k: 5 })
    assert.deepStrictEqual(own({ topK: 5 }, nova).fields, { inferenceConfig: { topK: 5 } })
    assert.match(own({ topK: 5 }, llama).ignored.join(), /^topK: /)

    const effort = { reasoning: { effort: "low" } } as const
    assert.deepStrictEqual(own(effort, opus), {
      fields: { thinking: { type: "adaptive" } },
      output: { effort: "low" },
      ignored: []
    })
    assert.deepStrictEqual(own(effort, nova2).fields, {
      reasoningConfig: { type: "enabled", maxReasoningEffort: "low" }
    })
    assert.deepStrictEqual(own(effort, gptOss).fields, { reasoning_effort: "low" })
    for (const model of [nova, llama]) {
      assert.match(refused({ prompt: "Hi", ...effort }, model), /^bedrock: reasoning\.effort: /)
    }

    const budget = { prompt: "Hi", reasoning: { budgetTokens: 8000 } }
    assert.deepNestedPropertyVal(encoded(budget).body, "inferenceConfig.maxTokens", 12096)
    assert.match(refused(budget, nova), /^bedrock: reasoning\.budgetTokens: /)
    assert.deepStrictEqual(own(budget, gptOss), {
      fields: { reasoning_effort: "medium" },
      output: undefined,
      ignored: ["reasoning.budgetTokens: 8000 is sent as an effort of medium"]
    })

    // It takes no limit beside its most effort.
    const most = { reasoning: { effort: "max" } } as const
    assert.nestedPropertyVal(own(most, nova2).fields, "reasoningConfig.maxReasoningEffort", "high")
    assert.nestedPropertyVal(
      own({ ...most, maxTokens: 4000 }, nova2).fields,
      "reasoningConfig.maxReasoningEffort",
      "medium"
    )
    assert.deepStrictEqual(own({ reasoning: { effort: "none" } }, nova2), {
      fields: { reasoningConfig: { type: "disabled" } },
      output: undefined,
      ignored: []
    })
  })

  it("writes the schema of an answer as text", () => {
    const schema = {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
      additionalProperties: false
    }
    const { body } = encoded({ prompt: "Hi", responseFormat: { name: "answer", description: "A number", schema } })
    assert.deepStrictEqual(body["outputConfig"], {
      textFormat: {
        type: "json_schema",
        structure: { jsonSchema: { schema: JSON.stringify(schema), name: "answer", description: "A number" } }
      }
    })
  })

  it("merges raw fields last, field by field in the objects that hold others", () => {
    const { body } = encoded({
      prompt: "Hi",
      maxTokens: 10,
      temperature: 0.2,
      topK: 5,
      options: {
        bedrock: {
          inferenceConfig: { temperature: 0.9 },
          additionalModelRequestFields: { anthropic_beta: ["a"] },
          performanceConfig: { latency: "optimized" }
        }
      }
    })
    assert.deepStrictEqual(body["inferenceConfig"], { maxTokens: 10, temperature: 0.9 })
    assert.deepStrictEqual(body["additionalModelRequestFields"], { top_k: 5, anthropic_beta: ["a"] })
    assert.deepStrictEqual(body["performanceConfig"], { latency: "optimized" })
    assert.match(
      refused({ prompt: "Hi", tools, options: { bedrock: { toolConfig: { tools: [] } } } }),
      /^bedrock: options\.bedrock\.toolConfig\.tools: /
    )
    const grounding = { systemTool: { name: "nova_grounding" } }
    const { body: added } = encoded({
      prompt: "Hi",
      tools,
      options: { bedrock: { toolConfig: { tools: [grounding] } } }
    })
    assert.deepNestedInclude(added, { [`toolConfig.tools[${tools.length}]`]: grounding })
  })
})

for (const model of [sonnet, opus, nova, nova2, gptOss, llama]) {
  describeShared(Requests.available, `requests on bedrock with ${model}`, () => {
    const violations = Requests.violations("bedrock")

    // With the tools of the calls in the prompt, and without what the API refuses always.
    const requests = Arbitrary.map(
      Arbitrary.schema(ChatRequest.Normalized),
      ({ audio: _audio, logprobs: _logprobs, ...request }): ChatRequest.Normalized => ({
        ...request,
        tools: [
          ...(request.tools ?? []).filter(({ name }) => name !== "get_weather" && name !== "search"),
          ...["get_weather", "search"].map((name) => ({ name, parameters: {} }))
        ]
      })
    )

    it.prop("are encoded as the vendor takes them, or refused", [requests], ([request]) => {
      const result = format.encode(request, model)
      if (Result.isFailure(result)) return
      const body: unknown = JSON.parse(JSON.stringify(result.success.body))
      assert.deepStrictEqual(violations(body, model), [])
      assert.deepStrictEqual(RequestCheck.findings("bedrock", { body, path: `/model/${model}/converse-stream` }), [])
    }, { arbitrary: { runs: 300 } })
  })
}

describeShared(Requests.available, "requests with known bodies on bedrock", () => {
  for (const { name, problems } of Requests.judged("bedrock")) {
    it(name, () => assert.deepStrictEqual(problems(format), []))
  }
})
