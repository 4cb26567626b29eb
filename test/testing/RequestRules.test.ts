import { assert, describe, it } from "@effect/vitest"
import { RequestCheck } from "../../src/testing.ts"

/** What is wrong, by its place. */
type Wrong = Readonly<Record<string, string>>

/** Bodies beside each other that differ in one thing, and all that is found in each. */
type Cases = ReadonlyArray<readonly [body: object, wrong?: Wrong]>

const found = (api: RequestCheck.Api, body: object, model = "anthropic.claude-sonnet-4-5"): Wrong =>
  Object.fromEntries(
    RequestCheck.findings(api, { body: JSON.parse(JSON.stringify(body)), path: `/model/${model}/x` }).map((
      { message, path }
    ) => [path, message])
  )

/** The bodies in which something else is found, with that. */
const differing = (api: RequestCheck.Api, base: object, cases: Cases, model?: string) =>
  cases.flatMap(([more, wrong = {}]) => {
    const is = found(api, { ...base, ...more }, model)
    return JSON.stringify(Object.entries(is).sort()) === JSON.stringify(Object.entries(wrong).sort())
      ? []
      : [{ more, is, wrong }]
  })

const object = { type: "object", properties: {} }
const open = "additionalProperties has to be stated, and to be false"
const forbidden = "is not permitted in a schema that is guaranteed"

const user = { role: "user", content: "Hi" }
const fn = (name: string, more: object = {}) => ({ type: "function", function: { name, parameters: object, ...more } })
const call = (id: string, args = "{}") => ({ id, type: "function", function: { name: "now", arguments: args } })
const said = (...tool_calls: ReadonlyArray<object>) => ({ role: "assistant", content: null, tool_calls })
const result = (tool_call_id: string) => ({ role: "tool", tool_call_id, content: "12:00" })

describe("a body of chat completions", () => {
  const chat = { model: "gpt-4o-mini", messages: [user] }

  it("holds options that go together", () => {
    const audio = { voice: "alloy", format: "wav" }
    assert.deepStrictEqual(
      differing("openai", chat, [
        [{ stream: true, stream_options: { include_usage: true } }],
        [{ stream_options: { include_usage: true } }, { stream_options: "is only allowed when stream is true" }],
        [{ stream: false, stream_options: { include_usage: true } }, {
          stream_options: "is only allowed when stream is true"
        }],
        [{ logprobs: true, top_logprobs: 0 }],
        [{ top_logprobs: 0 }, { top_logprobs: "is only allowed when logprobs is true" }],
        [{ max_tokens: 1 }],
        [{ max_completion_tokens: 1 }],
        [{ max_tokens: 1, max_completion_tokens: 1 }, {
          max_tokens: "can't be set together with max_completion_tokens"
        }],
        ...["o1", "o3-mini", "gpt-5", "gpt-9"].map((model) =>
          [{ model, max_tokens: 1 }, {
            max_tokens: "is not supported with this model, use max_completion_tokens"
          }] as const
        ),
        ...["gpt-4.1", "omni", "an-o1"].map((model) => [{ model, max_tokens: 1 }] as const),
        [{ model: "o3", max_completion_tokens: 1 }],
        [{ audio, modalities: ["text", "audio"] }],
        [{ audio: { ...audio, format: "pcm16" }, modalities: ["text", "audio"], stream: true }],
        [{ audio, modalities: ["text", "audio"], stream: true }, {
          "audio.format": "has to be pcm16 when stream is true, not wav"
        }],
        [{ audio, modalities: ["text"] }, { audio: "is only allowed when modalities holds audio" }],
        [{ audio }, { audio: "is only allowed when modalities holds audio" }],
        [{ parallel_tool_calls: false }, { parallel_tool_calls: "is only allowed when tools are specified" }],
        [{ parallel_tool_calls: false, tools: [fn("now")] }],
        [{ tool_choice: "none" }],
        [{ tool_choice: "required" }, { tool_choice: "is only allowed when tools are specified" }]
      ]),
      []
    )
  })

  it("holds files with their names", () => {
    const file = (file: object) => ({ messages: [user, { role: "user", content: [{ type: "file", file }] }] })
    assert.deepStrictEqual(
      differing("openai", chat, [
        [file({ file_data: "data:application/pdf;base64,AAEC", filename: "a.pdf" })],
        [file({ file_id: "file_1" })],
        [file({ file_data: "data:application/pdf;base64,AAEC" }), {
          "messages[1].content[0].file.filename": "is required"
        }]
      ]),
      []
    )
  })

  it("holds calls with ids of their own, whose arguments are objects, and a result for each", () => {
    const tools = [fn("now")]
    const unanswered = (...ids: ReadonlyArray<string>) =>
      `has to be followed by a tool message for each call; there is none for ${ids.join(", ")}`
    assert.deepStrictEqual(
      differing("openai", { ...chat, tools }, [
        [{ messages: [user, said(call("a"), call("b")), result("b"), result("a"), user] }],
        [{ messages: [user, said(call("a"), call("b"))] }, { "messages[1]": unanswered("a", "b") }],
        [{ messages: [user, said(call("a"), call("b")), result("a"), user] }, { "messages[1]": unanswered("b") }],
        [{ messages: [user, said(call("a")), result("a"), result("a")] }, {
          "messages[3].tool_call_id": "there is no call a in the message of the assistant before"
        }],
        [{ messages: [user, said(call("a")), result("a"), said(call("a")), result("a")] }, {
          "messages[3].tool_calls[0].id": "a is already the id of another call"
        }],
        ...["", "[]", "null", "1", "{"].map((args) =>
          [{ messages: [user, said(call("a", args)), result("a")] }, {
            "messages[1].tool_calls[0].function.arguments": "has to be the text of a JSON object"
          }] as const
        ),
        [{ messages: [user, { role: "assistant", content: "" }] }],
        [{ messages: [user, { role: "assistant", refusal: "No" }] }],
        [{ messages: [user, { role: "assistant", audio: { id: "a" } }] }],
        [{ messages: [user, { role: "assistant" }] }, {
          "messages[1].content": "is required when there are no tool_calls"
        }]
      ]),
      []
    )
  })

  it("holds tools of different names, and chooses one of them", () => {
    assert.deepStrictEqual(
      differing("openai", chat, [
        [{ tools: [fn("a"), fn("b")] }],
        [{ tools: [fn("a"), fn("b"), fn("b")] }, { "tools[2].function.name": "b is already the name of another tool" }],
        [{ tools: [fn("a")], tool_choice: { type: "function", function: { name: "a" } } }],
        [{ tools: [fn("a")], tool_choice: { type: "function", function: { name: "b" } } }, {
          tool_choice: "there is no function b among the tools"
        }],
        [{ tools: [fn("a", { parameters: { type: "string" } })] }, {
          "tools[0].function.parameters": "the schema has to be of type object"
        }],
        [{ tools: [fn("a", { strict: true })] }, { "tools[0].function.parameters": open }],
        [{ tools: [fn("a", { strict: true, parameters: { ...object, additionalProperties: false } })] }]
      ]),
      []
    )
  })

  it("says JSON where that is wanted, and has a strict schema that is one", () => {
    const response_format = { type: "json_object" }
    const wrong = { messages: "have to hold the word JSON when response_format is json_object" }
    assert.deepStrictEqual(
      differing("openai", { ...chat, response_format }, [
        [{}, wrong],
        [{ messages: [user, { role: "user", content: "as json" }] }],
        [{ messages: [{ role: "user", content: [{ type: "text", text: "as JSON" }] }] }],
        [{ messages: [{ role: "user", content: [{ type: "text", text: "as XML" }] }] }, wrong]
      ]),
      []
    )
    const format = (more: object) => ({
      response_format: { type: "json_schema", json_schema: { name: "n", schema: object, ...more } }
    })
    assert.deepStrictEqual(
      differing("openai", chat, [
        [format({})],
        [format({ strict: false })],
        [format({ strict: true }), { "response_format.json_schema.schema": open }],
        [format({ strict: true, schema: { ...object, additionalProperties: false } })]
      ]),
      []
    )
  })

  it("holds what Groq takes together", () => {
    const together = { reasoning_format: "can't be set together with include_reasoning" }
    const raw = { reasoning_format: "can't be raw together with tools or JSON mode" }
    assert.deepStrictEqual(
      differing("groq", { ...chat, messages: [{ role: "user", content: "JSON" }] }, [
        [{ reasoning_format: "raw" }],
        [{ reasoning_format: "raw", tools: [fn("a")] }, raw],
        [{ reasoning_format: "raw", response_format: { type: "json_object" } }, raw],
        [{ reasoning_format: "parsed", tools: [fn("a")], response_format: { type: "json_object" } }],
        [{ include_reasoning: false }],
        [{ reasoning_format: "parsed", include_reasoning: false }, together]
      ]),
      []
    )
  })
})

describe("a schema that is guaranteed", () => {
  const format = (schema: object) => ({
    model: "gpt-5",
    input: "Hi",
    text: { format: { type: "json_schema", name: "n", schema, strict: true } }
  })
  const at = "text.format.schema"
  const closed = (more: object = {}) => ({ type: "object", properties: {}, additionalProperties: false, ...more })
  const strict = (schema: object) => found("openai-responses", format(schema))

  it("is an object whose properties are all required, at any depth, on OpenAI", () => {
    const inner = { type: "object" }
    const holders: ReadonlyArray<readonly [schema: object, path: string]> = [
      [{ properties: { a: inner }, required: ["a"] }, "properties.a"],
      [{ $defs: { a: inner } }, "$defs.a"],
      [{ definitions: { a: inner } }, "definitions.a"],
      [{ properties: { a: { type: "array", items: inner } }, required: ["a"] }, "properties.a.items"],
      [{ properties: { a: { anyOf: [{ type: "string" }, inner] } }, required: ["a"] }, "properties.a.anyOf[1]"],
      [{ properties: { a: { prefixItems: [inner] } }, required: ["a"] }, "properties.a.prefixItems[0]"]
    ]
    for (const [schema, path] of holders) assert.deepStrictEqual(strict(closed(schema)), { [`${at}.${path}`]: open })
    for (const inner of [{ type: ["object", "null"] }, { properties: {} }]) {
      assert.deepStrictEqual(strict(closed({ $defs: { a: inner } })), { [`${at}.$defs.a`]: open })
    }
    for (const inner of [{ type: "string" }, { type: ["string", "null"] }, closed(), true]) {
      assert.deepStrictEqual(strict(closed({ $defs: { a: inner } })), {})
    }
    const string = { type: "string" }
    assert.deepStrictEqual(strict(closed({ properties: { a: string, b: string, c: string }, required: ["b"] })), {
      [at]: "required has to hold every property, a, c included"
    })
    assert.deepStrictEqual(strict(closed({ properties: { a: string } })), {
      [at]: "required has to hold every property, a included"
    })
    const root = { [at]: "the schema has to be of type object, without anyOf" }
    assert.deepStrictEqual(strict({ type: "string" }), root)
    assert.deepStrictEqual(strict(closed({ anyOf: [] })), root)
    for (const keyword of ["oneOf", "allOf", "not", "if", "then", "else", "patternProperties"]) {
      assert.deepStrictEqual(strict(closed({ $defs: { a: { [keyword]: {} } } })), {
        [`${at}.$defs.a.${keyword}`]: forbidden
      })
    }
  })

  it("is one without bounds and circles on Claude", () => {
    const at = "output_config.format.schema"
    const claude = (schema: object) =>
      found("anthropic", {
        model: "claude-sonnet-4-5",
        max_tokens: 10,
        messages: [user],
        output_config: { format: { type: "json_schema", schema } }
      })
    assert.deepStrictEqual(claude(object), { [at]: open })
    for (
      const keyword of [
        "oneOf",
        "not",
        "if",
        "patternProperties",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties"
      ]
    ) {
      assert.deepStrictEqual(claude(closed({ $defs: { a: { [keyword]: 1 } } })), {
        [`${at}.$defs.a.${keyword}`]: forbidden
      })
    }
    const items = (minItems: number) => claude(closed({ $defs: { a: { type: "array", minItems } } }))
    assert.deepStrictEqual([items(0), items(1), items(2)], [{}, {}, { [`${at}.$defs.a.minItems`]: "has to be 0 or 1" }])
    assert.deepStrictEqual(claude(closed({ allOf: [{ anyOf: [{ type: "string" }] }] })), {})
    const circle = { [at]: "a schema that refers to itself is not permitted" }
    const refers = ($ref: string, $defs: object = {}) => claude(closed({ $defs: { a: { $ref }, ...$defs } }))
    assert.deepStrictEqual(refers("#"), circle)
    assert.deepStrictEqual(refers("#/$defs/a"), circle)
    assert.deepStrictEqual(refers("#/$defs/b", { b: { type: "array", items: { $ref: "#/$defs/a" } } }), circle)
    assert.deepStrictEqual(
      claude(closed({ definitions: { a: { $ref: "#/definitions/b" }, b: { $ref: "#/definitions/a" } } })),
      circle
    )
    assert.deepStrictEqual(refers("#/$defs/b", { b: { type: "string" }, c: { $ref: "#/$defs/b" } }), {})
  })
})

describe("a body of the Responses API", () => {
  const base = { model: "gpt-5", input: "Hi" }
  const message = { role: "user", content: "Hi" }

  it("has a model and an input, unless they are elsewhere", () => {
    const missing = { input: "is required" }
    assert.deepStrictEqual(
      differing("openai-responses", base, [
        [{ input: undefined }, missing],
        [{ input: null }, missing],
        [{ input: "" }, missing],
        [{ input: [] }, missing],
        [{ input: undefined, previous_response_id: "resp_1" }],
        [{ input: undefined, conversation: "conv_1" }],
        [{ input: undefined, prompt: { id: "pmpt_1" } }],
        [{ model: undefined }, { model: "is required" }],
        [{ model: undefined, prompt: { id: "pmpt_1" } }]
      ]),
      []
    )
  })

  it("has calls and their outputs", () => {
    const pairs = [
      ["function_call", "function_call_output"],
      ["custom_tool_call", "custom_tool_call_output"],
      ["apply_patch_call", "apply_patch_call_output"],
      ["local_shell_call", "local_shell_call_output"],
      ["computer_call", "computer_call_output"]
    ] as const
    for (const [type, answer] of pairs) {
      const call = { type, call_id: "a", ...(type === "function_call" ? { name: "now", arguments: "{}" } : {}) }
      const output = { type: answer, call_id: "a", output: "x" }
      assert.deepStrictEqual(
        differing("openai-responses", base, [
          [{ input: [call, output] }],
          [{ input: [call] }, { "input[0]": `there is no output of the ${type} a` }],
          [{ input: [output] }, { "input[0].call_id": "there is no call with call_id a before, which this answers" }],
          [{ input: [output], previous_response_id: "resp_1" }],
          [{ input: [output], conversation: "conv_1" }]
        ]),
        []
      )
    }
    const call = (args: string) => ({ type: "function_call", call_id: "a", name: "now", arguments: args })
    const output = { type: "function_call_output", call_id: "a", output: "x" }
    for (const args of ["", "[]", "null", "{"]) {
      assert.deepStrictEqual(
        differing("openai-responses", base, [[{ input: [call(args), output] }, {
          "input[0].arguments": "has to be the text of a JSON object"
        }]]),
        []
      )
    }
  })

  it("has reasoning that can be found, and refers to what is stored", () => {
    const reasoning = { type: "reasoning", summary: [] }
    const reference = { type: "item_reference", id: "msg_1" }
    assert.deepStrictEqual(
      differing("openai-responses", base, [
        [{ input: [{ ...reasoning, id: "rs_1" }, message] }],
        [{ input: [{ ...reasoning, encrypted_content: "S" }, message] }],
        [{ input: [reasoning, message] }, { "input[0].id": "is required when there is no encrypted_content" }],
        [{ input: [reference] }],
        [{ input: [reference], store: true }],
        [{ input: [reference], store: false }, { "input[0]": "an item can't be referred to when store is false" }]
      ]),
      []
    )
  })

  it("has tools of different names, and chooses one of them", () => {
    const tool = (name: string, more: object = {}) => ({ type: "function", name, parameters: object, ...more })
    const choice = { type: "function", name: "a" }
    assert.deepStrictEqual(
      differing("openai-responses", base, [
        [{ tools: [tool("a"), { type: "web_search" }, { type: "web_search" }], tool_choice: choice }],
        [{ tools: [tool("a"), tool("a")] }, { "tools[1].name": "a is already the name of another tool" }],
        [{ tools: [tool("b")], tool_choice: choice }, { tool_choice: "there is no function a among the tools" }],
        [{ tools: [tool("a")], tool_choice: "required" }],
        [{ tool_choice: "auto" }],
        [{ tool_choice: "required" }, { tool_choice: "is only allowed when tools are specified" }],
        [{ tools: [tool("a", { strict: true })] }, { "tools[0].parameters": open }],
        [{ tools: [tool("a", { parameters: { type: "array" } })] }, {
          "tools[0].parameters": "the schema has to be of type object"
        }]
      ]),
      []
    )
  })

  it("has words that are taken", () => {
    const fields: ReadonlyArray<readonly [words: ReadonlyArray<string>, of: (word: string) => object]> = [
      [["none", "minimal", "low", "medium", "high", "xhigh"], (effort) => ({ reasoning: { effort } })],
      [["auto", "concise", "detailed"], (summary) => ({ reasoning: { summary } })],
      [["low", "medium", "high"], (verbosity) => ({ text: { verbosity } })],
      [["auto", "default", "flex", "scale", "priority", "fast"], (service_tier) => ({ service_tier })],
      [["auto", "disabled"], (truncation) => ({ truncation })],
      [["none", "auto"], (tool_choice) => ({ tool_choice })]
    ]
    for (const [words, of] of fields) {
      const isFound = (word: string) => Object.keys(found("openai-responses", { ...base, ...of(word) })).length > 0
      assert.deepStrictEqual(words.filter(isFound), [])
      for (const other of ["", "another"]) assert.isTrue(isFound(other))
    }
  })

  it("has items and tools without further fields, but for those that are not looked into", () => {
    const output = { type: "function_call_output", call_id: "a", output: "x" }
    const items = [
      { ...message, type: "message" },
      { type: "function_call", call_id: "a", name: "now", arguments: "{}" },
      output,
      { type: "reasoning", id: "rs_1", summary: [] }
    ]
    for (const [index] of items.entries()) {
      const input = items.map((item, at) => at === index ? { ...item, other: 1 } : item)
      assert.deepStrictEqual(Object.keys(found("openai-responses", { ...base, input })), [`input[${index}].other`])
    }
    assert.deepStrictEqual(
      differing("openai-responses", base, [[{ input: [{ type: "web_search_call", id: "ws_1", other: 1 }, message] }]]),
      []
    )
    const tools = [{ type: "function", name: "a", parameters: object, other: 1 }]
    assert.deepStrictEqual(Object.keys(found("openai-responses", { ...base, tools })), ["tools[0].other"])
  })

  it("asks for what it needs", () => {
    assert.deepStrictEqual(
      differing("openai-responses", base, [
        [{ top_logprobs: 0 }],
        [{ top_logprobs: 1, include: ["message.output_text.logprobs"] }],
        [{ top_logprobs: 1 }, { top_logprobs: "needs message.output_text.logprobs in include" }]
      ]),
      []
    )
  })
})

describe("a body of Anthropic", () => {
  const text = (text: string, more: object = {}) => ({ type: "text", text, ...more })
  const base = { model: "claude-sonnet-4-5", max_tokens: 4000, messages: [user] }
  const use = (id: string) => ({ type: "tool_use", id, name: "now", input: {} })
  const result = (tool_use_id: string, more: object = {}) => ({ type: "tool_result", tool_use_id, ...more })
  const says = (...content: ReadonlyArray<object>) => ({ role: "user", content })
  const answers = (...content: ReadonlyArray<object>) => ({ role: "assistant", content })
  const tool = (name: string, more: object = {}) => ({ name, input_schema: object, ...more })

  it("takes turns, which begin with the user, and pairs calls with results", () => {
    const tools = [tool("now")]
    assert.deepStrictEqual(
      differing("anthropic", { ...base, tools }, [
        [{ messages: [user, user, answers(use("a")), answers(use("b")), says(result("b")), says(result("a"))] }],
        [{ messages: [answers(text("Hi"))] }, { "messages[0].role": "the first message has to be the user's" }],
        [{ messages: [user, answers(use("a"))] }, {
          "messages[1].content[0]": "the tool_use a has no tool_result in the message after it"
        }],
        [{ messages: [user, answers(use("a")), says(text("x"), result("a"))] }, {
          "messages[2].content[1]": "tool_result blocks have to stand before all others"
        }],
        [{ messages: [user, answers(use("a")), says(result("a"), result("b"))] }, {
          "messages[2].content[1].tool_use_id": "there is no tool_use with the id b in the message before"
        }],
        [{ messages: [user, answers(use("a")), says(result("a"), result("a"))] }, {
          "messages[2].content[1]": "there is a tool_result of a already"
        }],
        [{ messages: [user, answers(use("a")), says(result("a")), answers(use("a")), says(result("a"))] }, {
          "messages[3].content[0].id": "the ids of tool_use blocks have to be unique, a is not"
        }]
      ]),
      []
    )
  })

  it("has texts that say something, and images that are what they are said to be", () => {
    const blank = "a text has to hold more than white space"
    const png = (data: string) => ({ type: "image", source: { type: "base64", media_type: "image/png", data } })
    const other = (type: string) => `the image was said to be image/png, but is ${type}`
    assert.deepStrictEqual(
      differing("anthropic", base, [
        [{ system: " " }, { system: blank }],
        [{ system: [text("a"), text("\n")] }, { "system[1]": blank }],
        [{ messages: [{ role: "user", content: " " }] }, { "messages[0].content[0]": blank }],
        [{ messages: [user, answers(text("a "))] }, {
          "messages[1].content[0]": "the last message of the assistant can't end with white space"
        }],
        [{ messages: [user, answers(text("a")), user] }],
        [{ messages: [says(png("iVBORw0KGgo="))] }],
        [{ messages: [says(png("AAEC"))] }],
        ...[["/9j/AAAA", "image/jpeg"], ["R0lGODlh", "image/gif"], ["UklGRg==", "image/webp"]].map((
          [data = "", type = ""]
        ) => [{ messages: [says(png(data))] }, { "messages[0].content[0].source.media_type": other(type) }] as const),
        [{
          tools: [tool("now")],
          messages: [user, answers(use("a")), says(result("a", { content: [text("a"), text(" ")] }))]
        }, { "messages[2].content[0].content[1]": blank }]
      ]),
      []
    )
  })

  it("has tools of different names, and chooses one of them", () => {
    assert.deepStrictEqual(
      differing("anthropic", base, [
        [{ tools: [tool("a"), tool("b")], tool_choice: { type: "tool", name: "b" } }],
        [{ tools: [tool("a"), tool("a")] }, { "tools[1].name": "the names of tools have to be unique, a is not" }],
        [{ tools: [tool("a")], tool_choice: { type: "tool", name: "b" } }, {
          "tool_choice.name": "there is no tool b"
        }],
        [{ tool_choice: { type: "auto" } }, { tool_choice: "may only be stated together with tools" }],
        [{ tools: [tool("a", { strict: true })] }, { "tools[0].input_schema": open }],
        ...["anyOf", "oneOf", "allOf"].map((keyword) =>
          [{ tools: [tool("a", { input_schema: { ...object, [keyword]: [] } })] }, {
            "tools[0].input_schema": `${keyword} is not taken at the root`
          }] as const
        )
      ]),
      []
    )
  })

  it("thinks by the rules of its model", () => {
    const budget = (budget_tokens: number) => ({ thinking: { type: "enabled", budget_tokens } })
    const adaptive = { thinking: { type: "adaptive" } }
    const effort = (effort: string) => ({ thinking: { type: "disabled" }, output_config: { effort } })
    const one = "may only be 1 when thinking is enabled"
    assert.deepStrictEqual(
      differing("anthropic", base, [
        [budget(2000)],
        [budget(3999)],
        [budget(4000), { max_tokens: "has to be greater than thinking.budget_tokens" }],
        [{ ...budget(2000), temperature: 1 }],
        [{ ...budget(2000), temperature: 0.5 }, { temperature: one }],
        [{ ...budget(2000), top_k: 5 }, { top_k: "has to be left out when thinking is enabled" }],
        [{ ...budget(2000), top_p: 0.95 }],
        [{ ...budget(2000), top_p: 0.9 }, { top_p: "has to be 0.95 at least when thinking is enabled" }],
        ...[{ type: "any" }, { type: "tool", name: "a" }].map((tool_choice) =>
          [{ ...budget(2000), tools: [tool("a")], tool_choice }, {
            tool_choice: "may not force tool use when thinking is enabled"
          }] as const
        ),
        [{ ...budget(2000), tools: [tool("a")], tool_choice: { type: "auto" } }],
        [{ thinking: { type: "between_tools" } }],
        [{ ...adaptive, model: "claude-opus-4-6" }],
        [{ ...adaptive, model: "claude-opus-4-6", temperature: 0.5 }, { temperature: one }],
        [adaptive, { "thinking.type": "adaptive thinking is not supported by claude-sonnet-4-5" }],
        ...["claude-opus-4-7", "claude-opus-5", "claude-haiku-5"].map((model) =>
          [{ ...budget(2000), model }, { "thinking.type": `${model} takes adaptive thinking, not a budget` }] as const
        ),
        [effort("high")],
        ...["xhigh", "max"].map((name) =>
          [effort(name), { "output_config.effort": "may be high at most when thinking is disabled" }] as const
        ),
        [{ thinking: { type: "disabled" }, temperature: 0.5, top_k: 5 }]
      ]),
      []
    )
  })

  it("marks four blocks at most for the cache", () => {
    const cache_control = { type: "ephemeral" }
    const marked = text("a", { cache_control })
    const five = { "": "at most 4 blocks may have cache_control, there are 5" }
    assert.deepStrictEqual(
      differing("anthropic", { ...base, system: [marked], tools: [tool("now", { cache_control })] }, [
        [{ messages: [says(marked, marked, text("a"))] }],
        [{ messages: [says(marked, marked, marked)] }, five],
        [{ messages: [says(marked, marked)], cache_control }, five],
        [{ messages: [user, answers(use("a")), says(result("a", { cache_control, content: [marked, marked] }))] }, five]
      ]),
      []
    )
  })
})

describe("a body of Converse", () => {
  const says = (...content: ReadonlyArray<object>) => ({ role: "user", content })
  const answers = (...content: ReadonlyArray<object>) => ({ role: "assistant", content })
  const hi = says({ text: "Hi" })
  const use = (toolUseId: string, input: unknown = {}) => ({ toolUse: { toolUseId, name: "now", input } })
  const result = (toolUseId: string, content: ReadonlyArray<object> = [{ text: "x" }], more: object = {}) => ({
    toolResult: { toolUseId, content, ...more }
  })
  const tool = (name: string, more: object = {}) => ({ toolSpec: { name, inputSchema: { json: object }, ...more } })
  const config = (...tools: ReadonlyArray<object>) => ({ toolConfig: { tools } })
  const cachePoint = { type: "default" }
  const blank = "a text has to hold more than white space"
  const bedrock = (cases: Cases, model = "amazon.nova-lite-v1:0") =>
    differing("bedrock", { messages: [hi] }, cases, model)

  it("takes turns, which begin with the user and hold something", () => {
    assert.deepStrictEqual(
      bedrock([
        [{ messages: [] }, { messages: "a conversation has to hold a message" }],
        [{ messages: [answers({ text: "Hi" })] }, {
          "messages[0].role": "a conversation has to start with a message of the user"
        }],
        [{ messages: [hi, answers({ text: "a" }), answers({ text: "b" })] }, {
          "messages[2].role": "the roles of messages have to alternate between user and assistant"
        }],
        [{ messages: [says()] }, { "messages[0].content": "is empty" }],
        [{ messages: [says({ cachePoint })] }, { "messages[0].content": "holds nothing but a cache point" }],
        [{ messages: [says({ text: "a" }, { cachePoint })] }]
      ]),
      []
    )
  })

  it("pairs calls with results, between which a cache point does not count", () => {
    assert.deepStrictEqual(
      bedrock([
        [{ ...config(tool("now")), messages: [hi, answers(use("a")), says({ cachePoint }, result("a"))] }],
        [{ ...config(tool("now")), messages: [hi, answers(use("a")), says(result("b"))] }, {
          "messages[1].content[0]": "the toolUse a has no toolResult in the message after it",
          "messages[2].content[0]": "there is no toolUse with the id b in the message before"
        }],
        [{ messages: [hi, answers(use("a")), says(result("a"))] }, {
          toolConfig: "is required when messages hold toolUse and toolResult blocks"
        }]
      ]),
      []
    )
  })

  it("has blocks that hold what they are said to hold", () => {
    const image = (format: string, bytes = "R0lGODlh") => ({ image: { format, source: { bytes } } })
    const other = "the image was said to be png, but is image/gif"
    const asked = (...blocks: ReadonlyArray<object>) => ({
      ...config(tool("now")),
      messages: [hi, answers(use("a")), says(result("a", blocks))]
    })
    assert.deepStrictEqual(
      bedrock([
        [{ messages: [says({ text: " " })] }, { "messages[0].content[0].text": blank }],
        [{ system: [{ text: "a" }, { text: " " }] }, { "system[1].text": blank }],
        [{ messages: [says(image("gif"))] }],
        [{ messages: [says(image("png"))] }, { "messages[0].content[0].image.format": other }],
        [{ messages: [says({ image: { format: "png", source: { s3Location: { uri: "s3://b/k" } } } })] }],
        [{ messages: [hi, answers(image("gif"))] }, {
          "messages[1].content[0].image": "an image may only stand in a message of the user"
        }],
        ...["{}", [], null].map((input) =>
          [{ ...config(tool("now")), messages: [hi, answers(use("a", input)), says(result("a"))] }, {
            "messages[1].content[0].toolUse.input": "has to be a JSON object"
          }] as const
        ),
        [asked({ json: {} }, image("gif"))],
        [asked({ text: " " }), { "messages[2].content[0].toolResult.content[0].text": blank }],
        [asked({ text: "a" }, { json: [1] }), {
          "messages[2].content[0].toolResult.content[1].json": "has to be a JSON object"
        }],
        [asked(image("png")), { "messages[2].content[0].toolResult.content[0].image.format": other }],
        [{
          ...config(tool("now")),
          messages: [hi, answers(use("a")), says(result("a", [], { status: "error" }))]
        }, { "messages[2].content[0].toolResult.content": "has to hold something when the status is error" }],
        [{ ...config(tool("now")), messages: [hi, answers(use("a")), says(result("a", [], { status: "success" }))] }]
      ]),
      []
    )
  })

  it("has media in the formats that are taken, each from one source", () => {
    const kinds: Readonly<Record<string, readonly [formats: ReadonlyArray<string>, sources: ReadonlyArray<object>]>> = {
      image: [["png", "jpeg", "gif", "webp"], []],
      document: [["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"], [
        { text: "a" },
        { content: [{ text: "a" }] }
      ]]
    }
    const s3Location = { uri: "s3://bucket/key" }
    for (const [kind, [formats, more]] of Object.entries(kinds)) {
      const isFound = (format: string, source: object | undefined, name?: string) =>
        Object.keys(found("bedrock", {
          messages: [says({ text: "a" }, {
            [kind]: { format, source, ...(kind === "document" ? { name: name ?? "a" } : {}) }
          })]
        }, "amazon.nova-lite-v1:0")).length > 0
      const [format = ""] = formats
      for (const format of formats) assert.isFalse(isFound(format, { bytes: "AAEC" }), format)
      assert.isTrue(isFound("exe", { bytes: "AAEC" }))
      for (const source of [{ s3Location }, ...more]) assert.isFalse(isFound(format, source), JSON.stringify(source))
      for (const source of [undefined, {}, { bytes: "AAEC", s3Location }, { bytes: "?" }]) {
        assert.isTrue(isFound(format, source), JSON.stringify(source))
      }
      if (kind !== "document") continue
      for (const name of ["a b", "A-1 (2) [3]", "x".repeat(200)]) {
        assert.isFalse(isFound(format, { bytes: "AAEC" }, name), name)
      }
      for (const name of ["", "a  b", "a.pdf", "x".repeat(201)]) {
        assert.isTrue(isFound(format, { bytes: "AAEC" }, name), name)
      }
    }
  })

  it("has documents of different names, five at most, beside a text", () => {
    const document = (name: string) => ({ document: { format: "pdf", name, source: { bytes: "JVBERi0x" } } })
    const of = (names: string) => ({ messages: [says({ text: "a" }, ...Array.from(names, document))] })
    assert.deepStrictEqual(
      bedrock([
        [of("abcde")],
        [of("abcdef"), { "messages[0].content[6].document": "at most 5 documents are taken" }],
        [of("abcdefg"), { "messages[0].content[6].document": "at most 5 documents are taken" }],
        [of("aba"), { "messages[0].content[3].document.name": "the names of documents have to be unique, a is not" }],
        [{ messages: [says(document("a"))] }, {
          "messages[0].content": "a text block has to stand beside a document"
        }],
        [{
          ...config(tool("now")),
          messages: [says({ text: "a" }, document("a")), answers(use("a")), says(result("a", [document("a")]))]
        }, {
          "messages[2].content[0].toolResult.content[0].document.name":
            "the names of documents have to be unique, a is not"
        }]
      ]),
      []
    )
  })

  it("has tools of different names, and chooses one of them", () => {
    const chosen = (name: string) => ({ toolConfig: { tools: [tool("a")], toolChoice: { tool: { name } } } })
    assert.deepStrictEqual(
      bedrock([
        [config(tool("a"), tool("b"), { cachePoint }, { cachePoint })],
        [config(tool("a"), tool("a")), { "toolConfig.tools[1]": "the names of tools have to be unique, a is not" }],
        [chosen("a")],
        [chosen("b"), { "toolConfig.toolChoice.tool.name": "there is no tool b" }],
        [config(tool("a", { inputSchema: { json: { type: "string" } } })), {
          "toolConfig.tools[0].toolSpec.inputSchema.json": "the schema has to be of type object"
        }],
        [config(tool("a", { strict: true })), { "toolConfig.tools[0].toolSpec.inputSchema.json": open }]
      ]),
      []
    )
  })

  it("goes by the rules of Claude where that is asked, and of nobody else", () => {
    const thinks = (thinking: object, more: object = {}) => ({ additionalModelRequestFields: { thinking }, ...more })
    const enabled = (budget_tokens: number) => ({ type: "enabled", budget_tokens })
    const at = "additionalModelRequestFields.thinking"
    const inference = (more: object) => ({ inferenceConfig: more })
    const choice = (toolChoice: object) => ({ toolConfig: { tools: [tool("a")], toolChoice } })
    const format = (schema: string) => ({
      outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema: { name: "n", schema } } } }
    })
    const schema = "outputConfig.textFormat.structure.jsonSchema.schema"
    const cases: Cases = [
      [thinks(enabled(1023)), { [`${at}.budget_tokens`]: "has to be 1024 at least" }],
      [thinks({ type: "enabled" }), { [`${at}.budget_tokens`]: "has to be 1024 at least" }],
      [thinks(enabled(1024), inference({ maxTokens: 1024 })), {
        "inferenceConfig.maxTokens": "has to be greater than thinking.budget_tokens"
      }],
      ...["enabled", "adaptive"].map((type) =>
        [thinks({ type, budget_tokens: 1024 }, inference({ temperature: 0.5 })), {
          "inferenceConfig.temperature": "may only be 1 when thinking is enabled"
        }] as const
      ),
      ...[{ any: {} }, { tool: { name: "a" } }].map((toolChoice) =>
        [thinks(enabled(1024), choice(toolChoice)), {
          "toolConfig.toolChoice": "may not force tool use when thinking is enabled"
        }] as const
      ),
      ...["{", "1", "[]"].map((text) => [format(text), { [schema]: "has to be the text of a JSON Schema" }] as const),
      [format(JSON.stringify(object)), { [schema]: open }],
      [{ messages: [hi, answers({ text: "a" }, { text: "a " })] }, {
        messages: "the last message of the assistant can't end with white space"
      }],
      [inference({ stopSequences: ["a", " "] }), {
        "inferenceConfig.stopSequences[1]": "is white space alone"
      }]
    ]
    assert.deepStrictEqual(bedrock(cases, "anthropic.claude-sonnet-4-5"), [])
    assert.deepStrictEqual(bedrock(cases.map(([body]) => [body])), [])
    assert.deepStrictEqual(
      bedrock([
        [thinks(enabled(1024), inference({ maxTokens: 1025, temperature: 1, stopSequences: ["a"] }))],
        [thinks(enabled(1024), choice({ auto: {} }))],
        [thinks({ type: "disabled" }, inference({ temperature: 0.5 }))],
        [{ messages: [hi, answers({ text: "a" })] }],
        [{ messages: [hi, answers({ text: "a " }), hi] }]
      ], "anthropic.claude-sonnet-4-5"),
      []
    )
    for (const model of ["anthropic.claude-opus-4-7", "us.anthropic.claude-sonnet-5"]) {
      assert.deepStrictEqual(
        bedrock(
          [[thinks(enabled(1024)), { [`${at}.type`]: `${model} takes adaptive thinking, not a budget` }]],
          model
        ),
        []
      )
    }
  })
})
