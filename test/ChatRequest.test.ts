import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Prompt, Tool, Toolkit } from "effect/ai"
import { ChatRequest } from "../src/index.ts"
import { nearest } from "../src/internal/nearest.ts"

const messageOf = (result: Result.Result<unknown, { readonly message: string }>): string | undefined =>
  Result.isFailure(result) ? result.failure.message : undefined

const weather = { name: "get_weather", parameters: { type: "object", properties: {} } }
const call = (id: string): Prompt.AssistantMessagePartEncoded => ({
  type: "tool-call",
  id,
  name: "get_weather",
  params: {}
})
const result = (id: string): Prompt.ToolMessagePartEncoded => ({
  type: "tool-result",
  id,
  name: "get_weather",
  isFailure: false,
  result: "x"
})
const resultInAnswer = (id: string): Prompt.AssistantMessagePartEncoded => ({
  type: "tool-result",
  id,
  name: "get_weather",
  isFailure: false,
  result: "x"
})
const user: Prompt.MessageEncoded = { role: "user", content: "Hi" }

describe("ChatRequest", () => {
  describe("Normalized", () => {
    it.prop("is the same after JSON", [ChatRequest.Normalized], ([request]) => {
      const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(ChatRequest.Normalized)(request)))
      const read = ChatRequest.fromJson(json)
      const { options = {}, ...rest } = request
      const written = ChatRequest.normalize({ ...rest, options: { ...options } })
      if (Result.isSuccess(read)) {
        assert.deepStrictEqual(
          JSON.parse(JSON.stringify(Schema.encodeSync(ChatRequest.Normalized)(read.success))),
          json
        )
      }
      assert.strictEqual(messageOf(read), messageOf(written))
    })

    it.prop(
      "draws conversations in which calls and results belong together",
      [ChatRequest.Normalized],
      ([{ prompt }]) => {
        assert.isTrue(Result.isSuccess(ChatRequest.check({ prompt })))
      }
    )
  })

  describe("normalize", () => {
    it.prop(
      "never throws, whatever its fields hold",
      [Schema.Struct({
        prompt: Schema.Json,
        tools: Schema.optionalKey(Schema.Json),
        toolChoice: Schema.optionalKey(Schema.Json),
        responseFormat: Schema.optionalKey(Schema.Json),
        reasoning: Schema.optionalKey(Schema.Json),
        stop: Schema.optionalKey(Schema.Json),
        temperature: Schema.optionalKey(Schema.Number),
        maxTokens: Schema.optionalKey(Schema.Number),
        metadata: Schema.optionalKey(Schema.Json),
        options: Schema.optionalKey(Schema.Json)
      })],
      ([fields]) => {
        // What JavaScript lets pass.
        const request: ChatRequest.ChatRequest = JSON.parse(JSON.stringify(fields))
        ChatRequest.normalize(request)
        ChatRequest.fromJson(fields)
      }
    )

    it("takes a text, messages, a Prompt, and leaves out what is undefined", () => {
      for (const prompt of ["Hi", [user], Prompt.make("Hi")]) {
        const normalized = Result.getOrThrow(ChatRequest.normalize({ prompt, temperature: undefined, stop: ["."] }))
        assert.deepStrictEqual(Object.keys(normalized).sort(), ["prompt", "stop"])
        assert.deepStrictEqual(normalized.prompt.content, Prompt.make("Hi").content)
      }
    })

    it("makes tools of every kind plain", () => {
      const parameters = Schema.Struct({ city: Schema.String, days: Schema.optionalKey(Schema.Int) })
      const expected = {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city"],
        additionalProperties: false
      }
      const tool = Tool.make("weather", { description: "Of a city", parameters }).annotate(Tool.Strict, true)
      const normalized = Result.getOrThrow(ChatRequest.normalize({
        prompt: "Hi",
        tools: [tool, { name: "plain", parameters: { type: "object" }, description: undefined }, {
          name: "typed",
          parameters
        }]
      }))
      assert.deepStrictEqual(normalized.tools, [
        { name: "weather", description: "Of a city", parameters: expected, strict: true },
        { name: "plain", parameters: { type: "object" } },
        { name: "typed", parameters: expected }
      ])
      assert.deepStrictEqual(
        Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi", tools: Toolkit.make(tool) })).tools,
        normalized.tools?.slice(0, 1)
      )
    })

    it("makes a struct without fields a closed object, at any depth", () => {
      const none = { type: "object", properties: {}, additionalProperties: false }
      const parametersOf = (parameters: Schema.Constraint) =>
        Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi", tools: [{ name: "f", parameters }] })).tools?.[0]
          ?.parameters
      assert.deepStrictEqual(parametersOf(Schema.Struct({})), none)
      assert.deepStrictEqual(parametersOf(Schema.Struct({ not: Schema.Null, inner: Schema.Struct({}) })), {
        type: "object",
        properties: { not: { type: "null" }, inner: none },
        required: ["not", "inner"],
        additionalProperties: false
      })
    })

    it("refuses a tool that a provider defines: it has no form that all providers share", () => {
      const search = Tool.providerDefined({ id: "acme.search", customName: "Search", providerName: "search" })()
      assert.match(messageOf(ChatRequest.normalize({ prompt: "Hi", tools: [search] })) ?? "", /tools\[0\]/)
    })

    it("makes a schema of the answer plain, and names it by its identifier", () => {
      class Person extends Schema.Class<Person>("acme/Person")({ name: Schema.String }) {}
      const format = (schema: Schema.Constraint, name?: string) =>
        Result.getOrThrow(ChatRequest.normalize({ prompt: "Hi", responseFormat: { schema, name } })).responseFormat
      assert.include(format(Person), { name: "acme_Person" })
      assert.include(format(Person, "person"), { name: "person" })
      assert.deepStrictEqual(format(Schema.Struct({ age: Schema.Finite })), {
        schema: {
          type: "object",
          properties: { age: { type: "number" } },
          required: ["age"],
          additionalProperties: false
        }
      })
    })

    it("says what is wrong, and where", () => {
      const bad: ReadonlyArray<readonly [request: object, message: RegExp]> = [
        [{ prompt: "Hi", temperature: NaN }, /^temperature: /],
        [{ prompt: "Hi", temperature: 2.5 }, /^temperature: /],
        [{ prompt: "Hi", topP: -0.1 }, /^topP: /],
        [{ prompt: "Hi", maxTokens: -3 }, /^maxTokens: /],
        [{ prompt: "Hi", maxTokens: 1.5 }, /^maxTokens: /],
        [{ prompt: "Hi", stop: ["a", ""] }, /^stop\[1\]: /],
        [{ prompt: "Hi", logprobs: 21 }, /^logprobs: /],
        [{ prompt: "Hi", metadata: { a: 1 } }, /^metadata\.a: /],
        [{ prompt: "Hi", reasoning: { effort: "huge" } }, /^reasoning\.effort: .*"xhigh"/],
        [{ prompt: "Hi", reasoning: { budget: 3 } }, /^reasoning\.budget: /],
        [{ prompt: "Hi", options: { openai: { n: NaN } } }, /^options\.openai\.n: /],
        [{ prompt: "Hi", temprature: 1 }, /^temprature: no such field; did you mean `temperature`\?$/],
        [{ messages: [user] }, /^messages: no such field; did you mean `prompt`\?$/],
        [{ prompt: "Hi", maxOutputTokens: 9 }, /^maxOutputTokens: no such field; did you mean `maxTokens`\?$/],
        [
          { prompt: [{ role: "user", content: [{ type: "image_url" }] }] },
          /^prompt\[0\]\.content\[0\]: not a part .* `text` or `file`/
        ],
        [{ prompt: "Hi", instructions: "Be brief." }, /^instructions: no such field; did you mean `system`\?$/],
        [{ prompt: "Hi", tools: [{ name: "a.b", parameters: {} }] }, /^tools\[0\]\.name: .*letters/],
        [{ prompt: "Hi", tools: [{ name: "a", parameters: [] }] }, /^tools\[0\]\.parameters: .*object/],
        [{ prompt: "Hi", tools: [weather, weather] }, /^tools\[1\]\.name: get_weather/],
        [{ prompt: "Hi", tools: [weather], toolChoice: { tool: "other" } }, /^toolChoice: .*other/],
        [{ prompt: "Hi", toolChoice: "required" }, /^toolChoice: .*no tools/],
        [{}, /^prompt: missing/],
        [{ prompt: null }, /^prompt: /],
        [{ prompt: [] }, /^prompt: no messages/],
        [{ prompt: [{ role: "robot", content: "Hi" }] }, /^prompt\[0\]: .*`role`/],
        [{ prompt: [{ role: "user", content: [{ type: "tool-call" }] }] }, /^prompt\[0\]\.content\[0\]: .*`type`/],
        [
          { prompt: [{ role: "user", content: [{ type: "file", mediaType: 5, data: "" }] }] },
          /^prompt\[0\]\.content\[0\]\.mediaType: /
        ]
      ]
      for (const [request, message] of bad) {
        // What JavaScript lets pass.
        const untyped: ChatRequest.ChatRequest = Object.assign({ prompt: "" }, { prompt: undefined }, request)
        assert.match(messageOf(ChatRequest.normalize(untyped)) ?? "no failure", message)
      }
    })

    it("fails on values that are nested too deeply, or throw", () => {
      let deep: Schema.Json = {}
      for (let depth = 0; depth < 20_000; depth++) deep = { deep }
      assert.match(
        messageOf(ChatRequest.normalize({ prompt: "Hi", tools: [{ name: "a", parameters: { deep } }] })) ?? "",
        /deeply/
      )
      const throwing = {
        *[Symbol.iterator](): Iterator<Prompt.MessageEncoded> {
          yield user
          throw new Error("the database is gone")
        }
      }
      assert.match(messageOf(ChatRequest.normalize({ prompt: throwing })) ?? "", /database is gone/)
    })
  })

  it("fails on lists that would never be read", () => {
    const holes: Array<never> = []
    holes.length = 2 ** 32 - 1
    const endless = {
      *[Symbol.iterator](): Iterator<Prompt.MessageEncoded> {
        while (true) yield user
      }
    }
    const requests: ReadonlyArray<object> = [
      { prompt: endless },
      { prompt: holes },
      { system: holes },
      { tools: holes },
      { tools: [{ name: "a", parameters: { required: holes } }] },
      { responseFormat: { schema: { enum: holes } } },
      { options: { openai: { field: holes } } }
    ]
    for (const request of requests) {
      const untyped: ChatRequest.ChatRequest = Object.assign({ prompt: "Hi" }, request)
      assert.match(messageOf(ChatRequest.normalize(untyped)) ?? "", /a list has more than 1048576 items/)
    }
  })

  describe("fromJson", () => {
    it("refuses fields that no message, part or tool has", () => {
      for (
        const [request, path] of [
          [{ prompt: [{ ...user, option: {} }] }, "prompt[0].option"],
          [
            { prompt: [{ role: "user", content: [{ type: "text", text: "", mediaTyp: "" }] }] },
            "prompt[0].content[0].mediaTyp"
          ],
          [{ prompt: "Hi", tools: [{ ...weather, descripton: "" }] }, "tools[0].descripton"]
        ] as const
      ) {
        assert.isTrue(messageOf(ChatRequest.fromJson(request))?.startsWith(`${path}: `))
      }
    })

    it("reads bytes and addresses of files", () => {
      const { prompt } = Result.getOrThrow(ChatRequest.fromJson({
        prompt: [{
          role: "user",
          content: [
            { type: "file", mediaType: "image/png", data: { _tag: "Uint8Array", base64: "AAE=" } },
            { type: "file", mediaType: "image/png", data: { _tag: "URL", href: "https://example.com/a.png" } }
          ]
        }]
      }))
      const [message] = prompt.content
      assert.deepStrictEqual(
        message?.role === "user" ? message.content.map((part) => part.type === "file" ? part.data : undefined) : [],
        [new Uint8Array([0, 1]), new URL("https://example.com/a.png")]
      )
    })
  })

  describe("check", () => {
    const conversations: ReadonlyArray<
      readonly [what: string, messages: ReadonlyArray<Prompt.MessageEncoded>, problem: RegExp | undefined]
    > = [
      ["a call and its result", [
        user,
        { role: "assistant", content: [call("a"), call("b")] },
        { role: "tool", content: [result("b"), result("a")] }
      ], undefined],
      ["results in several messages, with the user between", [
        user,
        { role: "assistant", content: [call("a"), call("b")] },
        { role: "tool", content: [result("a")] },
        user,
        { role: "tool", content: [result("b")] }
      ], undefined],
      ["a call of the assistant's first message, and one of its second", [
        user,
        { role: "assistant", content: [call("a")] },
        { role: "assistant", content: [call("b")] },
        { role: "tool", content: [result("a"), result("b")] }
      ], undefined],
      [
        "a call at the end",
        [user, { role: "assistant", content: [call("a")] }],
        /prompt\[1\]\.content\[0\]: .*no result/
      ],
      ["a call that the user did not wait for", [
        { role: "assistant", content: [{ type: "text", text: "Hm" }, call("a")] },
        user,
        { role: "assistant", content: "Yes" }
      ], /prompt\[0\]\.content\[1\]: .*no result/],
      [
        "a result without a call",
        [user, { role: "tool", content: [result("a")] }],
        /prompt\[1\]\.content\[0\]\.id: .*no call/
      ],
      ["a result before its call", [
        { role: "tool", content: [result("a")] },
        { role: "assistant", content: [call("a")] }
      ], /prompt\[0\].*no call/],
      ["two results of a call", [
        { role: "assistant", content: [call("a")] },
        { role: "tool", content: [result("a"), result("a")] }
      ], /prompt\[1\]\.content\[1\]\.id: .*already/],
      ["a call and its result in one message of the assistant", [
        user,
        { role: "assistant", content: [call("a"), resultInAnswer("a"), { type: "text", text: "Done" }, call("b")] },
        { role: "tool", content: [result("b")] }
      ], undefined],
      ["words of the assistant between two results", [
        user,
        { role: "assistant", content: [call("a"), call("b"), resultInAnswer("a"), { type: "text", text: "Hm" }] }
      ], /prompt\[1\]\.content\[1\]: .*no result/],
      ["two calls of one id", [
        { role: "assistant", content: [call("a")] },
        { role: "tool", content: [result("a")] },
        { role: "assistant", content: [call("a")] },
        { role: "tool", content: [result("a")] }
      ], /prompt\[2\]\.content\[0\]\.id: .*another call/],
      ["arguments that are no object", [
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "x", params: ["Paris"] }] },
        { role: "tool", content: [result("a")] }
      ], /prompt\[0\]\.content\[0\]\.params: .*object/],
      ["a call that its provider executed", [
        user,
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "x", params: {}, providerExecuted: true }] }
      ], undefined]
    ]
    for (const [what, messages, problem] of conversations) {
      it(`${problem === undefined ? "takes" : "refuses"} ${what}`, () => {
        const message = messageOf(ChatRequest.normalize({ prompt: messages }))
        if (problem === undefined) assert.isUndefined(message)
        else assert.match(message ?? "", problem)
      })
    }
  })

  describe("options", () => {
    it("are typed by the provider's name", () => {
      const send = (_request: ChatRequest.ChatRequest) => {}
      send({ prompt: "Hi", options: { openai: { verbosity: "low" }, groq: { reasoning_format: "parsed" } } })
      // @ts-expect-error no such provider
      send({ prompt: "Hi", options: { opena: { verbosity: "low" } } })
      // @ts-expect-error a known field of the wrong type
      send({ prompt: "Hi", options: { openai: { n: "two" } } })
      send({ prompt: "Hi", options: { openai: { n: 1, ...ChatRequest.unchecked({ n: "two" }) } } })
      send({ prompt: "Hi", options: { anthropic: ChatRequest.unchecked({ brand_new: true }) } })
      expectTypeOf<ChatRequest.ChatRequest["temperature"]>().toEqualTypeOf<number | undefined>()
    })
  })

  describe("nearest", () => {
    const keys = ["openai", "groq", "anthropic"]

    it("finds the name that was meant", () => {
      assert.strictEqual(nearest("opena", keys), "openai")
      assert.strictEqual(nearest("antropic", keys), "anthropic")
      assert.strictEqual(nearest("Groq", keys), "groq")
      assert.strictEqual(nearest("reasoning_efort", ["reasoning_effort"]), "reasoning_effort")
    })

    it("finds none for a name that is known, or is another", () => {
      assert.isUndefined(nearest("openai", keys))
      assert.isUndefined(nearest("ollama", keys))
      assert.isUndefined(nearest("m", ["n"]))
      assert.isUndefined(nearest("", ["n", ""]))
    })

    it.prop("finds a name with two of its letters swapped", [
      Schema.String.check(Schema.isPattern(/^[a-z]{4,12}$/)),
      Schema.Literals([0, 1, 2])
    ], ([name, at]) => {
      const swapped = name.slice(0, at) + name.charAt(at + 1) + name.charAt(at) + name.slice(at + 2)
      assert.strictEqual(nearest(swapped, [name]), swapped === name ? undefined : name)
    })
  })
})
