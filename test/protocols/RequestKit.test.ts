import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import { ChatCompletions, ChatRequest, type RequestFormat } from "../../src/index.ts"
import * as RequestKit from "../../src/protocols/RequestKit.ts"
import * as Whole from "../support/wholeFormats.ts"

const rule = { foreign: /[^a-zA-Z0-9_-]/g, maxLength: 8 }

// Ids that become the same when they are cut or lose characters.
const ids = Arbitrary.array(
  Arbitrary.schema(Schema.Union([
    Schema.Literals(["a.b", "a:b", "a_b", "a_b_2", "", "call", "aaaaaaaaaa", "aaaaaaaaab"]),
    Schema.String
  ])),
  { minLength: 0, maxLength: 12 }
)

describe("ids of tool calls", () => {
  it("are changed where the API does not take them, and nowhere else", () => {
    assert.deepStrictEqual(
      Array.from(RequestKit.acceptedIds(["call_1", "fn.x:0", "fn_x_0"], { foreign: rule.foreign })),
      [
        ["call_1", "call_1"],
        ["fn.x:0", "fn_x_0"],
        ["fn_x_0", "fn_x_0_2"]
      ]
    )
  })

  it.prop("are all taken, and stay different", [ids], ([ids]) => {
    const accepted = Array.from(RequestKit.acceptedIds(ids, rule).values())
    assert.strictEqual(new Set(accepted).size, new Set(ids).size)
    for (const id of accepted) assert.match(id, /^[a-zA-Z0-9_-]{1,8}$/)
  })

  it.prop("stay as they were when the conversation goes on", [ids, ids], ([before, after]) => {
    const first = RequestKit.acceptedIds(before, rule)
    const both = RequestKit.acceptedIds([...before, ...after], rule)
    for (const [id, accepted] of first) assert.strictEqual(both.get(id), accepted)
  })
})

const say = (role: RequestKit.Role, ...units: ReadonlyArray<RequestKit.Unit<string>>) => ({ role, units })
const text = (text: string): RequestKit.Unit<string> => ({ path: text, blocks: text === "" ? [] : [text] })
const call = (id: string): RequestKit.Unit<string> => ({ path: `call ${id}`, blocks: [`call ${id}`], call: id })
const result = (id: string): RequestKit.Unit<string> => ({ path: `result ${id}`, blocks: [`result ${id}`], result: id })

const spoken = (...messages: ReadonlyArray<RequestKit.Turn<string>>) =>
  Result.match(RequestKit.turnsOf(messages), {
    onFailure: (message) => message,
    onSuccess: (turns) => turns.map(({ role, units }) => [role, ...units.flatMap(({ blocks }) => blocks)])
  })

describe("turns", () => {
  it("join neighbours, without those that hold nothing", () => {
    assert.deepStrictEqual(
      spoken(say("user", text("a")), say("assistant", text("")), say("user", text("b"), text("")), say("user")),
      [["user", "a", "b"]]
    )
  })

  it("put the results of calls first, in their order", () => {
    assert.deepStrictEqual(
      spoken(
        say("user", text("a")),
        say("assistant", call("1"), call("2")),
        say("user", text("wait")),
        say("user", result("2")),
        say("user", result("1"), text("b"))
      ),
      [["user", "a"], ["assistant", "call 1", "call 2"], ["user", "result 2", "result 1", "wait", "b"]]
    )
  })

  it("need a message, and the user's first", () => {
    assert.match(String(spoken(say("user", text("")))), /^prompt: /)
    assert.match(String(spoken(say("assistant", text("a")))), /^a: the first message has to be the user's/)
  })
})

const options = { keys: ["acme"], schema: Schema.Record(Schema.String, Schema.Json) } as const
const claude = "anthropic.claude-sonnet-4-5"

const formats: Readonly<Record<string, readonly [RequestFormat.RequestFormat, model: string]>> = {
  chat: [Whole.chatCompletions({ provider: "acme", dialect: ChatCompletions.openai }), "gpt-5"],
  groq: [Whole.chatCompletions({ provider: "acme", dialect: ChatCompletions.groq }), "llama"],
  responses: [Whole.responses({ provider: "acme", options, partKey: "acme" }), "gpt-5"],
  messages: [Whole.messages({ provider: "acme", options }), claude],
  invoke: [Whole.bedrockMessages({ provider: "acme", options }), claude],
  converse: [Whole.converse({ provider: "acme", options }), claude]
}

const tools = [{ name: "f", parameters: { type: "object", properties: {} } }]

const sent = (name: string, request: ChatRequest.ChatRequest) => {
  const [format, model] = formats[name] ?? []
  return Result.flatMap(
    ChatRequest.normalize({ tools, ...request }),
    (normalized) => format?.encode(normalized, model ?? "") ?? Result.fail({ message: "no such format" })
  )
}

const refusal = (name: string, request: ChatRequest.ChatRequest): string =>
  Result.match(sent(name, request), { onFailure: ({ message }) => message, onSuccess: () => "was encoded" })

const callPart = (id: string) => Prompt.toolCallPart({ id, name: "f", params: {}, providerExecuted: false })
const resultPart = (id: string, result: unknown = `of ${id}`) =>
  Prompt.toolResultPart({ id, name: "f", isFailure: false, result, providerExecuted: false })

// Parts of a conversation in any order, most of which do not hold together.
const step = Schema.Union([
  Schema.Struct({ role: Schema.Literal("user"), text: Schema.Literals(["Hi", ""]) }),
  Schema.Struct({ role: Schema.Literals(["system", "round"]) }),
  Schema.Struct({
    role: Schema.Literals(["assistant", "tool"]),
    parts: Schema.Array(Schema.Literals(["text", "call a", "call b", "call c", "result a", "result b", "result c"]))
      .check(Schema.isMaxLength(3))
  })
])

const conversation = (steps: ReadonlyArray<typeof step.Type>): Prompt.Prompt =>
  Prompt.fromMessages([
    Prompt.userMessage({ content: [Prompt.textPart({ text: "Hello" })] }),
    ...steps.flatMap((step, index): ReadonlyArray<Prompt.Message> | Prompt.Message => {
      switch (step.role) {
        case "round":
          return [
            Prompt.assistantMessage({ content: [callPart(`x${index}`), callPart(`y${index}`), callPart(`z${index}`)] }),
            Prompt.toolMessage({ content: [resultPart(`z${index}`), resultPart(`x${index}`)] }),
            Prompt.userMessage({ content: [Prompt.textPart({ text: "Meanwhile" })] }),
            Prompt.toolMessage({ content: [resultPart(`y${index}`)] })
          ]
        case "user":
          return Prompt.userMessage({ content: [Prompt.textPart({ text: step.text })] })
        case "system":
          return Prompt.systemMessage({ content: "Be brief." })
        case "tool":
          return Prompt.toolMessage({
            content: step.parts.flatMap((part) => part.startsWith("result") ? [resultPart(part.slice(-1))] : [])
          })
        case "assistant":
          return Prompt.assistantMessage({
            content: step.parts.map((part) =>
              part === "text"
                ? Prompt.textPart({ text: "Hm" })
                : part.startsWith("call")
                ? callPart(part.slice(-1))
                : resultPart(part.slice(-1))
            )
          })
      }
    })
  ])

// The results in the order of a body, each with the text that it holds: what answers what.
const answers = (body: unknown): ReadonlyArray<string> =>
  Array.from(
    JSON.stringify(body).matchAll(
      /"(?:tool_call_id|call_id|tool_use_id|toolUseId)":"(\w+)",(?:"type":"\w+",)?"(?:content|output)":(?:\[\{"text":)?"of (\w+)"/g
    ),
    ([, id, of]) => `${id} ${of}`
  )

describe("calls and their results", () => {
  it.prop(
    "are paired or refused in the same way by every format",
    [Arbitrary.array(Arbitrary.schema(step), { minLength: 0, maxLength: 5 })],
    ([steps]) => {
      const prompt = conversation(steps)
      const problem = Result.match(ChatRequest.check({ prompt }), {
        onFailure: ({ message }) => message,
        onSuccess: () => undefined
      })
      const paired = new Set<string>()
      for (const [name, [format, model]] of Object.entries(formats)) {
        const encoded = format.encode({ prompt, tools }, model)
        if (problem === undefined) {
          const found = answers(Result.getOrThrow(encoded).body)
          assert.isTrue(found.every((pair) => pair.split(" ").every((id, _, [call]) => id === call)), name)
          paired.add(found.join())
        } else {
          assert.strictEqual(Result.isFailure(encoded) && encoded.failure.message, `acme: ${problem}`, name)
        }
      }
      if (problem === undefined) {
        assert.strictEqual(paired.size, 1)
        const results = prompt.content.flatMap((message) =>
          typeof message.content === "string" ? [] : message.content.filter(({ type }) => type === "tool-result")
        )
        assert.lengthOf([...paired].join().split(",").filter((pair) => pair !== ""), results.length)
      }
    }
  )
})

describe("a call whose result comes later", () => {
  const check = (...parts: ReadonlyArray<Prompt.AssistantMessagePart>) =>
    Result.match(ChatRequest.check({ prompt: Prompt.fromMessages([Prompt.assistantMessage({ content: parts })]) }), {
      onFailure: ({ message }) => message,
      onSuccess: () => undefined
    })

  it("is refused where the assistant goes on before, also in the same message", () => {
    const [text, x, y] = [Prompt.textPart({ text: "Hm" }), callPart("x"), callPart("y")]
    assert.isUndefined(check(x, y, resultPart("x"), resultPart("y"), text))
    assert.match(check(x, y, resultPart("x"), text, resultPart("y")) ?? "", /the call y of .* has no result$/)
  })
})

describe("what a tool returned", () => {
  const round = (result: unknown): ChatRequest.ChatRequest => ({
    prompt: Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "Hi" })] }),
      Prompt.assistantMessage({ content: [callPart("a")] }),
      Prompt.toolMessage({ content: [resultPart("a", result)] })
    ])
  })

  const circle: Record<string, unknown> = {}
  circle["self"] = circle

  const lost: ReadonlyArray<readonly [value: unknown, place: string]> = [
    [NaN, ""],
    [Infinity, ""],
    [1n, ""],
    [() => 1, ""],
    [Symbol("s"), ""],
    [new Map([["a", 1]]), ""],
    [new Error("the disk is full"), ""],
    [new Date(NaN), ""],
    [{ a: [1, { "b c": NaN }] }, ".a[1][\"b c\"]"],
    [[1, undefined], "[1]"],
    [{ f: () => 1 }, ".f"],
    [{ big: 1n }, ".big"]
  ]

  for (const name of Object.keys(formats)) {
    it(`is refused by ${name} where JSON would lose some of it`, () => {
      for (const [value, place] of lost) {
        assert.strictEqual(
          refusal(name, round(value)),
          `acme: prompt[2].content[0].result${place}: JSON has no form for it`
        )
      }
      assert.match(
        refusal(name, { ...round(1n), responseFormat: "json" }),
        /^acme: prompt\[2\]\.content\[0\]\.result: JSON has no form for it$/
      )
      assert.match(refusal(name, round(circle)), /^acme: prompt\[2\]\.content\[0\]\.result: can't be written as JSON$/)
    })

    it.prop(`is written whole by ${name}`, [Schema.Json], ([value]) => {
      const result = { value, unset: undefined, at: new Date(0) }
      const text = JSON.stringify(result)
      const { body } = Result.getOrThrow(sent(name, round(result)))
      assert.isTrue(
        JSON.stringify(body).includes(JSON.stringify(text)) || JSON.stringify(body).includes(text),
        JSON.stringify(body)
      )
    })
  }

  it.prop("is refused as the arguments of a call when it is no object", [
    Schema.Union([Schema.Finite, Schema.Boolean, Schema.NonEmptyString, Schema.Array(Schema.Finite)])
  ], ([params]) => {
    const part = Prompt.toolCallPart({ id: "a", name: "f", params, providerExecuted: false })
    assert.deepStrictEqual(
      RequestKit.argumentsOf(part, "here"),
      Result.fail("here.params: the arguments of a tool call have to be an object")
    )
  })

  it("is refused in arguments, too", () => {
    const prompt = Prompt.fromMessages([
      Prompt.userMessage({ content: [Prompt.textPart({ text: "Hi" })] }),
      Prompt.assistantMessage({
        content: [Prompt.toolCallPart({ id: "a", name: "f", params: { at: [NaN] }, providerExecuted: false })]
      }),
      Prompt.toolMessage({ content: [resultPart("a")] })
    ])
    for (const name of Object.keys(formats)) {
      assert.strictEqual(
        refusal(name, { prompt }),
        "acme: prompt[1].content[0].params.at[0]: JSON has no form for it"
      )
    }
  })
})

describe("what asks for nothing", () => {
  for (const name of Object.keys(formats)) {
    it(`is taken by ${name}: no stop texts, no parameters`, () => {
      const { body, ignored } = Result.getOrThrow(sent(name, {
        prompt: "Hi",
        stop: [],
        tools: [{ name: "now", parameters: Schema.Struct({}) }]
      }))
      assert.notMatch(JSON.stringify(body), /stop/i)
      assert.deepStrictEqual(ignored, [])
      assert.match(JSON.stringify(body), /\{"type":"object","properties":\{\},"additionalProperties":false\}/)
    })
  }
})

describe("the name of an answer's schema", () => {
  for (const name of Object.keys(formats)) {
    it(`is taken or refused by ${name} as its API takes it`, () => {
      const schema = { type: "object", properties: {}, additionalProperties: false } as const
      const odd: ChatRequest.ChatRequest = { prompt: "Hi", responseFormat: { schema, name: "a report!" } }
      if (["messages", "invoke", "converse"].includes(name)) assert.isTrue(Result.isSuccess(sent(name, odd)))
      else assert.match(refusal(name, odd), /^acme: responseFormat\.name: 1 to 64 letters/)
    })
  }
})

describe("keys of options", () => {
  const sayings = (options: Prompt.ProviderOptions): Prompt.RawInput => [{ role: "user", content: "Hi", options }]

  for (const name of Object.keys(formats)) {
    it(`are another provider's to ${name}, unless they differ from its own by case or punctuation alone`, () => {
      const foreign: Readonly<Record<string, Schema.JsonObject>> = { grok: { any: 1 }, acmes: { any: 1 }, ac: {} }
      const request: ChatRequest.ChatRequest = { prompt: sayings(foreign), options: { ...foreign } }
      assert.isTrue(Result.isSuccess(sent(name, request)))
      for (const key of ["Acme", "AC_ME", "ac-me"]) {
        const options = { [key]: {} }
        const meant = `["${key}"]: no such provider; did you mean acme?`
        const place = key.includes("-") ? meant : `.${key}${meant.slice(meant.indexOf(":"))}`
        assert.strictEqual(refusal(name, { prompt: "Hi", options }), `acme: options${place}`)
        assert.strictEqual(refusal(name, { prompt: sayings(options) }), `acme: prompt[0].options${place}`)
        assert.strictEqual(
          refusal(name, { prompt: "Hi", tools: [{ name: "f", parameters: {}, options }] }),
          `acme: tools[0].options${place}`
        )
      }
    })
  }
})
