import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result } from "effect"
import { AnthropicOptions, BedrockInvokeOptions, ChatRequest, type RequestFormat } from "../../src/index.ts"
import { RequestCheck } from "../../src/testing.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

const anthropic = Whole.messages({
  provider: "anthropic",
  options: { keys: ["anthropic"], schema: AnthropicOptions },
  betas: ["always-2026-01-01"]
})
const bedrock = Whole.bedrockMessages({
  provider: "bedrock",
  options: { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions }
})

const sonnet = "claude-sonnet-4-5"

const encode = (
  request: ChatRequest.ChatRequest,
  { format = anthropic, model = sonnet }: { readonly format?: RequestFormat.RequestFormat; readonly model?: string } =
    {}
) => Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, model))

const encoded = (...args: Parameters<typeof encode>) => Result.getOrThrow(encode(...args))

const refused = (...args: Parameters<typeof encode>): string =>
  Result.match(encode(...args), { onFailure: ({ message }) => message, onSuccess: () => "was encoded" })

const question = { role: "user", content: "What is the weather?" } as const
const tool = { name: "get_weather", parameters: { type: "object", properties: {} } }
const tools = [tool]

const round = (id: string, result: unknown = "18 degrees") =>
  [
    question,
    { role: "assistant", content: [{ type: "tool-call", id, name: "get_weather", params: { city: "Paris" } }] },
    { role: "tool", content: [{ type: "tool-result", id, name: "get_weather", isFailure: false, result }] }
  ] as const

describe("the request body of Messages", () => {
  it("is what the API documents for a whole round of a tool", () => {
    const { body, headers, ignored } = encoded({
      system: "Be brief.",
      prompt: [...round("call_1", { degrees: 18 }), { role: "user", content: "In Fahrenheit" }],
      tools,
      parallelToolCalls: false,
      maxTokens: 100,
      user: "ada",
      seed: 1
    })
    assert.deepStrictEqual(body, {
      model: sonnet,
      max_tokens: 100,
      system: "Be brief.",
      messages: [
        { role: "user", content: "What is the weather?" },
        {
          role: "assistant",
          content: [{ type: "tool_use", id: "call_1", name: "get_weather", input: { city: "Paris" } }]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "call_1", content: `{"degrees":18}` },
            { type: "text", text: "In Fahrenheit" }
          ]
        }
      ],
      tools: [{ name: "get_weather", input_schema: { type: "object", properties: {} } }],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      metadata: { user_id: "ada" },
      stream: true
    })
    assert.deepStrictEqual(headers, { "anthropic-beta": "always-2026-01-01" })
    assert.deepStrictEqual(ignored, ["seed: the API takes none"])
  })

  it("has ids that the API takes, alike in call and result", () => {
    const { body } = encoded({ prompt: round("functions.weather:0"), tools })
    assert.nestedPropertyVal(body, "messages[1].content[0].id", "functions_weather_0")
    assert.nestedPropertyVal(body, "messages[2].content[0].tool_use_id", "functions_weather_0")
  })

  it("adds the budget of reasoning to the limit of requests that state none", () => {
    assert.strictEqual(encoded({ prompt: "Hi", reasoning: { budgetTokens: 20000 } }).body["max_tokens"], 24096)
    const options = { anthropic: { thinking: { type: "enabled", budget_tokens: 20000 } } }
    assert.strictEqual(encoded({ prompt: "Hi", options }).body["max_tokens"], 24096)
    assert.match(
      refused({ prompt: "Hi", maxTokens: 2000, reasoning: { budgetTokens: 2000 } }),
      /budgetTokens.*maxTokens/
    )
  })

  it("asks for effort, a budget, or neither, as the model takes it", () => {
    const effort = { prompt: "Hi", reasoning: { effort: "high", summary: "auto" } } as const
    for (const model of ["claude-opus-4-7", "claude-sonnet-4-6", "us.anthropic.claude-sonnet-5-5", "a-deployment"]) {
      const { body } = encoded(effort, { model })
      assert.deepStrictEqual(body["thinking"], { type: "adaptive", display: "summarized" }, model)
      assert.deepStrictEqual(body["output_config"], { effort: "high" }, model)
    }
    for (const model of [sonnet, "claude-3-7-sonnet-20250219", "claude-opus-4-20250514"]) {
      const { body, ignored } = encoded(effort, { model })
      assert.deepStrictEqual(
        [body["thinking"], body["max_tokens"], body["output_config"], ignored],
        [
          { type: "enabled", budget_tokens: 16384, display: "summarized" },
          20480,
          undefined,
          ["reasoning.effort: high is sent as a budget of 16384 tokens"]
        ],
        model
      )
      assert.match(refused(effort, { model: "claude-3-5-haiku-latest" }), /reasoning\.effort: .* does not reason/)
    }
    for (const model of ["claude-opus-4-7", "claude-sonnet-5", "claude-fable-5-2"]) {
      const { body, ignored } = encoded({ prompt: "Hi", reasoning: { budgetTokens: 2000 } }, { model })
      assert.deepStrictEqual(
        [body["thinking"], body["output_config"], ignored],
        [{ type: "adaptive" }, { effort: "low" }, ["reasoning.budgetTokens: 2000 is sent as an effort of low"]],
        model
      )
    }
    const none = { prompt: "Hi", reasoning: { effort: "none" } } as const
    assert.deepStrictEqual(encoded(none, { model: "claude-sonnet-5" }).body["thinking"], { type: "disabled" })
    const { body, ignored } = encoded(none, { model: "claude-opus-5-5" })
    assert.deepStrictEqual(
      [body["output_config"], ignored],
      [{ effort: "low" }, ["reasoning.effort: none is sent as low"]]
    )
  })

  it("leaves out a budget that nobody stated where it does not go with the request", () => {
    const reasoning = { effort: "high", summary: "auto" } as const
    const requests: ReadonlyArray<readonly [Omit<ChatRequest.ChatRequest, "prompt">, RegExp]> = [
      [{ maxTokens: 1200 }, /; maxTokens: 1200 /],
      [{ tools, toolChoice: "required" }, /; toolChoice: /],
      [{ temperature: 0.5 }, /; temperature: /],
      [{ topK: 5 }, /; topK: /]
    ]
    for (const [request, reason] of requests) {
      const { body, ignored } = encoded({ prompt: "Hi", reasoning, ...request })
      assert.notProperty(body, "thinking")
      assert.match(ignored[0] ?? "", /^reasoning\.effort: high is left out/)
      assert.match(ignored[0] ?? "", reason)
      assert.match(ignored[1] ?? "", /^reasoning\.summary: /)
    }
    const { body } = encoded({ prompt: "Hi", reasoning, maxTokens: 4000 })
    assert.deepNestedPropertyVal(body, "thinking.budget_tokens", 3200)
  })

  it("refuses every request where the limit of the layer is none", () => {
    for (const maxTokens of [NaN, -1, 0, 1.5, Infinity]) {
      for (const make of [Whole.messages, Whole.bedrockMessages]) {
        const format = make({
          provider: "acme",
          options: { keys: ["anthropic"], schema: AnthropicOptions },
          maxTokens
        })
        assert.match(refused({ prompt: "Hi" }, { format }), /^acme: `maxTokens` has to be a whole number, 1 or more/)
      }
    }
  })

  it("refuses what goes against reasoning, and says what", () => {
    const reasoning = { budgetTokens: 2000 }
    assert.match(refused({ prompt: "Hi", reasoning, topK: 5 }), /^anthropic: topK: /)
    assert.match(refused({ prompt: "Hi", reasoning, topP: 0.5 }), /^anthropic: topP: /)
    assert.match(refused({ prompt: "Hi", reasoning, temperature: 0.5 }), /^anthropic: temperature: /)
    assert.match(refused({ prompt: "Hi", reasoning, tools, toolChoice: "required" }), /^anthropic: toolChoice: /)
    assert.match(
      refused({ prompt: [question, { role: "assistant", content: "It is" }], reasoning }),
      /^anthropic: prompt\[1\]\.content\[0\]: /
    )
  })

  it("gives reasoning back byte for byte, and says which it can't give back", () => {
    const { body, ignored } = encoded({
      prompt: [
        question,
        {
          role: "assistant",
          content: [
            {
              type: "reasoning",
              text: " Hm.\n",
              options: { anthropic: { info: { type: "thinking", signature: "s" } } }
            },
            {
              type: "reasoning",
              text: "",
              options: { anthropic: { info: { type: "redacted_thinking", redactedData: "r" } } }
            },
            { type: "reasoning", text: "Of another provider", options: { openai: { encryptedContent: "e" } } },
            { type: "text", text: "Fine." }
          ]
        },
        question
      ]
    })
    assert.deepNestedPropertyVal(body, "messages[1].content", [
      { type: "thinking", thinking: " Hm.\n", signature: "s" },
      { type: "redacted_thinking", data: "r" },
      { type: "text", text: "Fine." }
    ])
    assert.match(ignored.join(), /^prompt\[1\]\.content\[2\]: reasoning without a signature/)
  })

  it("takes null of its options for what is not stated", () => {
    const request = (own: object): ChatRequest.ChatRequest => ({
      prompt: [
        question,
        {
          role: "assistant",
          content: [
            { type: "tool-call", id: "srvtoolu_1", name: "web_search", params: { query: "a" }, providerExecuted: true },
            {
              type: "tool-result",
              id: "srvtoolu_1",
              name: "web_search",
              result: [],
              isFailure: false,
              providerExecuted: true,
              options: { anthropic: { caller: null, type: null, cacheControl: null, ...own } }
            }
          ]
        },
        question
      ],
      tools: [{
        ...tool,
        options: {
          anthropic: {
            allowedCallers: null,
            cacheControl: null,
            deferLoading: null,
            eagerInputStreaming: null,
            inputExamples: null,
            ...own
          }
        }
      }]
    })
    assert.notInclude(JSON.stringify(encoded(request({})).body), "null")
  })

  it("marks what is cached, and refuses marks that can't be placed", () => {
    const cacheControl = { type: "ephemeral", ttl: "1h" } as const
    const options = { anthropic: { cacheControl } }
    const { body } = encoded({
      prompt: [
        { role: "system", content: "Rules", options },
        {
          role: "user",
          content: [{ type: "text", text: "a" }, { type: "text", text: "b" }, { type: "text", text: " " }],
          options
        }
      ],
      tools: [{ ...tool, options }]
    })
    assert.deepNestedPropertyVal(body, "system", [{ type: "text", text: "Rules", cache_control: cacheControl }])
    assert.deepNestedPropertyVal(body, "messages[0].content", [
      { type: "text", text: "a" },
      { cache_control: cacheControl, type: "text", text: "b" }
    ])
    assert.deepNestedPropertyVal(body, "tools[0].cache_control", cacheControl)

    const blank = { type: "text", text: " ", options } as const
    assert.match(
      refused({ prompt: [{ role: "user", content: ["", "a"].map(() => blank) }] }),
      /content\[0\]\.options\.anthropic\.cacheControl: nothing is sent here/
    )
    const shown = {
      type: "tool-result",
      id: "a",
      name: "f",
      isFailure: false,
      result: "",
      modelOutput: Array.from({ length: 5 }, () => ({ type: "text", text: "a", options }) as const)
    } as const
    assert.match(
      refused({
        prompt: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] },
          { role: "tool", content: [shown] }
        ]
      }),
      /prompt\[2\]\.content\[0\]\.modelOutput\[4\]: at most 4 cache/
    )
    const part = { type: "text", text: "a", options } as const
    assert.match(refused({ prompt: [{ role: "user", content: [part, part, part, part, part] }] }), /at most 4 cache/)
    assert.match(
      refused({
        prompt: [
          { role: "system", content: "Rules", options: { anthropic: { cacheControl: { type: "ephemeral" } } } },
          { role: "user", content: [part] }
        ]
      }),
      /prompt\[1\]\.content\[0\]: a cache marker of 1h has to come before/
    )
    assert.match(
      refused({
        prompt: [{ role: "user", content: "a", options: { anthropic: { cacheControl: { type: "forever" } } } }]
      }),
      /prompt\[0\]\.options\.anthropic\.cacheControl/
    )
    assert.match(
      refused({
        prompt: [{ role: "user", content: [{ type: "text", text: "a", options: { anthropic: { title: "x" } } }] }]
      }),
      /prompt\[0\]\.content\[0\]\.options\.anthropic\.title/
    )
  })

  it("takes back what Anthropic's own tools did, and nobody else's", () => {
    const searched = (id: string) =>
      [
        question,
        {
          role: "assistant",
          content: [
            { type: "tool-call", id, name: "web_search", params: { query: "weather" }, providerExecuted: true },
            {
              type: "tool-result",
              id,
              name: "web_search",
              isFailure: false,
              providerExecuted: true,
              result: [{ type: "web_search_result", url: "https://example.com", encrypted_content: "e" }]
            },
            { type: "text", text: "Rain." }
          ]
        },
        question
      ] as const
    assert.deepNestedPropertyVal(encoded({ prompt: searched("srvtoolu_1") }).body, "messages[1].content", [
      { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "weather" } },
      {
        type: "web_search_tool_result",
        tool_use_id: "srvtoolu_1",
        content: [{ type: "web_search_result", url: "https://example.com", encrypted_content: "e" }]
      },
      { type: "text", text: "Rain." }
    ])
    assert.match(refused({ prompt: searched("ws_1") }), /web_search was run by a provider/)
    assert.match(refused({ prompt: searched("srvtoolu_1") }, { format: bedrock }), /web_search was run by a provider/)
  })

  it("guarantees closed schemas, as far as Claude does", () => {
    const answer = (schema: object) => ({ prompt: "Hi", responseFormat: { schema: { ...schema } } })
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, { type: "string" }]))
    const inner = { type: "object", properties: { n: { type: "number" } }, required: ["n"] }
    const outer = { type: "object", properties: { inner: { anyOf: [inner, { type: "null" }] } }, required: ["inner"] }
    assert.deepNestedPropertyVal(encoded(answer(outer)).body, "output_config.format.schema", {
      ...outer,
      properties: { inner: { anyOf: [{ ...inner, additionalProperties: false }, { type: "null" }] } },
      additionalProperties: false
    })
    const refusals: ReadonlyArray<readonly [object, RegExp]> = [
      [{ ...outer, additionalProperties: true }, /responseFormat\.schema\.additionalProperties: /],
      [{ type: "object" }, /responseFormat\.schema\.additionalProperties: /],
      [{ type: "object", properties: { a: { type: "number", minimum: 0 } } }, /schema\.properties\.a\.minimum: /],
      [{ type: "object", properties: { a: { $ref: "#" } } }, /responseFormat\.schema: .* recursive/],
      [{ type: "object", properties: fields(25) }, /24 optional fields in all, not 25/]
    ]
    for (const [schema, message] of refusals) assert.match(refused(answer(schema)), message)
    assert.match(
      refused({
        prompt: "Hi",
        tools: [{ name: "a", strict: true, parameters: { type: "object", properties: fields(25) } }]
      }),
      /24 optional fields/
    )
  })

  it("merges raw fields last, and refuses those that would take away what was asked", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false }
    const { body } = encoded({
      prompt: "Hi",
      responseFormat: { schema },
      options: {
        anthropic: { output_config: { effort: "low" }, max_tokens: 7, ...ChatRequest.unchecked({ brand_new: true }) }
      }
    })
    assert.deepStrictEqual(body["output_config"], { format: { type: "json_schema", schema }, effort: "low" })
    assert.strictEqual(body["max_tokens"], 7)
    assert.strictEqual(body["brand_new"], true)
    assert.match(
      refused({ system: "Be brief", prompt: "Hi", options: { anthropic: { system: "Be long" } } }),
      /^anthropic: options\.anthropic\.system: /
    )
    assert.match(refused({ prompt: "Hi", tools, options: { anthropic: { tools: [] } } }), /options\.anthropic\.tools: /)
    const search = { type: "web_search_20250305", name: "web_search" }
    const { body: added } = encoded({ prompt: "Hi", tools, options: { anthropic: { tools: [search] } } })
    assert.deepNestedInclude(added, { [`tools[${tools.length}]`]: search })
  })

  it("is Claude's own on Bedrock: the model in the address, betas in the body, the rest in headers", () => {
    const { body, headers } = encoded({
      prompt: "Hi",
      serviceTier: "flex",
      options: {
        bedrockInvoke: { betas: ["a"], anthropic_beta: ["b", "a"], guardrailIdentifier: "g", guardrailVersion: "1" },
        anthropic: { top_k: 1 }
      }
    }, { format: bedrock })
    assert.deepStrictEqual(body, {
      anthropic_version: "bedrock-2023-05-31",
      anthropic_beta: ["a", "b"],
      max_tokens: 4096,
      messages: [{ role: "user", content: "Hi" }]
    })
    assert.deepStrictEqual(headers, {
      "x-amzn-bedrock-service-tier": "flex",
      "x-amzn-bedrock-guardrailidentifier": "g",
      "x-amzn-bedrock-guardrailversion": "1"
    })
  })
})

const hosts = [
  ["anthropic", anthropic, "claude-opus-4-6"],
  ["anthropic", anthropic, sonnet],
  ["bedrock-invoke", bedrock, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"]
] as const

for (const [api, format, model] of hosts) {
  describeShared(Requests.available, `requests on ${api} with ${model}`, () => {
    const violations = Requests.violations(api)

    // What every API but OpenAI's refuses would leave few requests over.
    const requests = Arbitrary.map(
      Arbitrary.schema(ChatRequest.Normalized),
      ({ audio: _audio, logprobs: _logprobs, metadata: _metadata, ...request }): ChatRequest.Normalized => request
    )

    it.prop("are encoded as the vendor takes them, or refused", [requests], ([request]) => {
      const result = format.encode(request, model)
      if (Result.isFailure(result)) return
      const body: unknown = JSON.parse(JSON.stringify(result.success.body))
      assert.deepStrictEqual(violations(body, model), [])
      assert.deepStrictEqual(RequestCheck.findings(api, { body, path: `/model/${model}/invoke` }), [])
    }, { arbitrary: { runs: 500 } })

    if (model === "claude-opus-4-6") return
    for (const { name, problems } of Requests.judged(api)) {
      it(name, () => assert.deepStrictEqual(problems(format), []))
    }
  })
}
