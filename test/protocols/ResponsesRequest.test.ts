import { assert, describe, it } from "@effect/vitest"
import { Predicate, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ChatRequest, type RequestFormat } from "../../src/index.ts"
import * as Responses from "../../src/protocols/responses/request.ts"
import * as Corpus from "../support/corpus.ts"
import * as Requests from "../support/requests.ts"

const anything = Schema.Record(Schema.String, Schema.Unknown)

const formats = {
  "openai-responses": Responses.format({
    provider: "openai",
    options: { keys: ["openaiResponses", "openai"], schema: anything },
    partKey: "openai"
  }),
  "azure-responses": Responses.format({
    provider: "azure",
    options: { keys: ["azure"], schema: anything },
    partKey: "azure"
  })
} satisfies Partial<Record<Requests.Api, RequestFormat.RequestFormat>>

const apis = ["openai-responses", "azure-responses"] as const

const encode = (request: ChatRequest.ChatRequest, model = "gpt-5") =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => formats["openai-responses"].encode(normalized, model))

const bodyOf = (request: ChatRequest.ChatRequest, model?: string) => Result.getOrThrow(encode(request, model)).body

const refusal = (request: ChatRequest.ChatRequest): string => {
  const result = encode(request)
  return Result.isFailure(result) ? result.failure.message : "no failure"
}

const thought = (text: string, openai: Prompt.ProviderOptions): Prompt.ReasoningPartEncoded => ({
  type: "reasoning",
  text,
  options: { openai }
})

const answered = (
  ...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>
): ReadonlyArray<Prompt.MessageEncoded> => [
  { role: "user", content: "Hi" },
  { role: "assistant", content },
  { role: "user", content: "And?" }
]

describe("Responses requests", () => {
  for (const api of apis) {
    describe(api, () => {
      for (const { name, problems } of Requests.judged(api)) {
        it(name, () => assert.deepStrictEqual(problems(formats[api]), []))
      }

      it.prop(
        "either are what the vendor's schema and rules let pass, or are refused with a place",
        [ChatRequest.Normalized, Schema.Literals(["gpt-5", "gpt-4.1"])],
        ([request, model]) => {
          const result = formats[api].encode(request, model)
          if (Result.isFailure(result)) {
            assert.match(result.failure.message, /^[a-z]+: ([a-zA-Z]+(\[|\.|:| ))/)
          } else {
            const body: unknown = JSON.parse(JSON.stringify(result.success.body))
            assert.deepStrictEqual(Requests.violations(api)(body, model), [])
          }
        },
        { arbitrary: { runs: 300 } }
      )
    })
  }

  it.prop(
    "never throw, whatever the messages are",
    [Schema.Array(Prompt.Message).check(Schema.isMaxLength(4))],
    ([messages]) => {
      for (const format of Object.values(formats)) format.encode({ prompt: Prompt.fromMessages(messages) }, "gpt-5")
    }
  )

  describe("reasoning", () => {
    it("goes back before what came of it, the parts of one item together", () => {
      const { input } = bodyOf({
        prompt: answered(
          thought("First.", { itemId: "rs_1", encryptedContent: null }),
          thought("Second.", { itemId: "rs_1", encryptedContent: "gAAA" }),
          { type: "text", text: "Hello", options: { openai: { itemId: "msg_1" } } }
        )
      })
      assert.deepStrictEqual(input, [
        { role: "user", content: [{ type: "input_text", text: "Hi" }] },
        {
          type: "reasoning",
          id: "rs_1",
          summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Second." }],
          encrypted_content: "gAAA"
        },
        { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: "Hello" }] },
        { role: "user", content: [{ type: "input_text", text: "And?" }] }
      ])
    })

    it("is left out, and named, where it can't go back, and the answer loses the id that ties it to it", () => {
      const said: Prompt.AssistantMessagePartEncoded = {
        type: "text",
        text: "Hello",
        options: { openai: { itemId: "msg_1" } }
      }
      for (
        const [part, model] of [
          [thought("Hm.", {}), "gpt-5"],
          [thought("Hm.", { itemId: "rs_1", encryptedContent: "gAAA" }), "gpt-4.1"]
        ] as const
      ) {
        const { body, ignored } = Result.getOrThrow(encode({ prompt: answered(part, said) }, model))
        assert.notMatch(JSON.stringify(body), /Hm\.|msg_1/)
        assert.match(ignored.join(), /^prompt\[1\]\.content\[0\]: /)
      }
    })

    it("is asked for in its encrypted form when nothing is stored", () => {
      const results: object = { include: ["file_search_call.results"] }
      const request: ChatRequest.ChatRequest = {
        prompt: "Hi",
        logprobs: 2,
        options: { openai: { store: false, ...results } }
      }
      assert.deepStrictEqual(bodyOf(request)["include"], [
        "message.output_text.logprobs",
        "reasoning.encrypted_content",
        "file_search_call.results"
      ])
      assert.deepStrictEqual(bodyOf(request, "gpt-4.1")["include"], [
        "message.output_text.logprobs",
        "file_search_call.results"
      ])
      assert.notProperty(bodyOf({ prompt: "Hi" }), "include")
    })

    it("refuses ids that the API did not give", () => {
      assert.match(
        refusal({ prompt: answered(thought("Hm.", { itemId: "resp_1" })) }),
        /^openai: prompt\[1\]\.content\[0\]\.options\.openai\.itemId: /
      )
    })
  })

  it("say of each tool whether it is strict", () => {
    const tool = { name: "f", parameters: { type: "object", properties: {}, additionalProperties: false } }
    assert.deepStrictEqual(bodyOf({ prompt: "Hi", tools: [tool, { ...tool, name: "g", strict: true }] })["tools"], [
      { type: "function", ...tool, strict: false },
      { type: "function", ...tool, name: "g", strict: true }
    ])
  })

  it("return files in results", () => {
    const { input } = bodyOf({
      prompt: [
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] },
        {
          role: "tool",
          content: [{
            type: "tool-result",
            id: "a",
            name: "f",
            isFailure: false,
            result: null,
            modelOutput: [
              { type: "text", text: "Here:" },
              {
                type: "file",
                mediaType: "image/png",
                data: "iVBORw0KGgo=",
                options: { openai: { imageDetail: "low" } }
              },
              { type: "file", mediaType: "application/pdf", data: new URL("https://example.com/a.pdf") }
            ]
          }]
        }
      ]
    })
    assert.deepStrictEqual(input, [
      { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
      {
        type: "function_call_output",
        call_id: "a",
        output: [
          { type: "input_text", text: "Here:" },
          { type: "input_image", image_url: "data:image/png;base64,iVBORw0KGgo=", detail: "low" },
          { type: "input_file", file_url: "https://example.com/a.pdf" }
        ]
      }
    ])
  })

  it("refuse what the API has nothing like, and name what can be left out", () => {
    const refused: ReadonlyArray<readonly [Partial<ChatRequest.ChatRequest>, RegExp]> = [
      [{ stop: ["."] }, /^openai: stop: /],
      [{ maxTokens: 15 }, /^openai: maxTokens: /],
      [{ audio: { voice: "alloy", format: "pcm16" } }, /^openai: audio: /],
      [{ reasoning: { budgetTokens: 2000 } }, /^openai: reasoning\.budgetTokens: /],
      [{ responseFormat: "json" }, /^openai: responseFormat: /],
      // @ts-expect-error: the library writes it
      [{ options: { openai: { stream: false } } }, /^openai: options\.openai\.stream: /],
      // @ts-expect-error: a misspelt field
      [{ options: { openai: { reasonin: {} } } }, /^openai: options\.openai\.reasonin: .*reasoning/]
    ]
    for (const [fields, message] of refused) assert.match(refusal({ prompt: "Hi", ...fields }), message)
    assert.deepStrictEqual(
      Result.getOrThrow(encode({ prompt: "Hi", seed: 1, topK: 2, frequencyPenalty: 0, presencePenalty: 1 })).ignored
        .map((sentence) => sentence.split(":")[0]).sort(),
      ["frequencyPenalty", "presencePenalty", "seed", "topK"]
    )
  })

  describe.skipIf(Corpus.root === undefined || !Requests.available)("bodies that were sent", () => {
    for (const api of apis) {
      it(`${api}: come out of a request again`, () => {
        const outcomes = bodiesOf(api).map(({ body, file }) => {
          const request = requestOf(body, api)
          if (request === undefined) return "out of reach"
          const model = String(body["model"])
          const encoded = Result.flatMap(
            ChatRequest.fromJson(request),
            (normalized) => formats[api].encode(normalized, model)
          )
          assert.isTrue(Result.isSuccess(encoded), `${file}: ${JSON.stringify(encoded)}`)
          assert.deepStrictEqual(
            withoutIncluded(Requests.canonical(api, JSON.parse(JSON.stringify(Result.getOrThrow(encoded).body)))),
            withoutIncluded(Requests.canonical(api, body)),
            file
          )
          return "same"
        })
        assert.isAtLeast(outcomes.filter((outcome) => outcome === "same").length, 5)
      })
    }
  })
})

type Json = Readonly<Record<string, unknown>>

const bodiesOf = (api: Requests.Api): ReadonlyArray<{ readonly file: string; readonly body: Json }> => {
  const directory = join(Corpus.root ?? "", api)
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".request.json"))
    .map((file) => ({ file, body: JSON.parse(readFileSync(join(directory, file), "utf8")) }))
    .filter(({ body }) => Predicate.isObject(body))
}

const listOf = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value : []

const withoutIncluded = (body: unknown): unknown => {
  const { prompt_cache_key: _, ...rest }: Json = Object(body)
  return rest
}

const stated = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))

const textsOf = (content: unknown): ReadonlyArray<Json> | undefined => {
  if (typeof content === "string") return [{ type: "text", text: content }]
  const parts = listOf(content)
  return parts.every(({ text, type }) => /^(input|output)_text$/.test(String(type)) && typeof text === "string")
    ? parts.map(({ text }) => ({ type: "text", text }))
    : undefined
}

// The request that makes a body; `undefined` when the body holds what requests have no word for.
const requestOf = (body: Json, api: typeof apis[number]): Json | undefined => {
  const {
    include: _include,
    input,
    instructions,
    max_output_tokens: maxTokens,
    model: _model,
    parallel_tool_calls: parallelToolCalls,
    reasoning,
    stream: _stream,
    temperature,
    tool_choice,
    tools,
    user,
    ...raw
  } = body
  const { effort, summary, ...others }: Json = Object(reasoning)
  const definitions = tools === undefined ? undefined : listOf(tools)
  if (
    definitions?.some(({ parameters, strict, type }) =>
      type !== "function" || strict === null || strict === undefined || JSON.stringify(parameters).includes("\"oneOf\"")
    )
  ) {
    return undefined
  }
  const prompt: Array<Json> = []
  for (const item of typeof input === "string" ? [{ role: "user", content: input }] : listOf(input)) {
    const { arguments: args, call_id: id, content, name, output, phase, role, type = "message" } = Object(item)
    const texts = textsOf(content)
    if (type === "message" && texts !== undefined && phase === undefined) {
      prompt.push(
        role === "system" || role === "developer"
          ? { role: "system", content: texts.map(({ text }) => text).join("") }
          : { role, content: texts }
      )
    } else if (type === "function_call") {
      const call = { type: "tool-call", id, name, params: args === "" ? null : JSON.parse(args) }
      prompt.push({ role: "assistant", content: [call] })
    } else if (type === "function_call_output" && typeof output === "string") {
      prompt.push({
        role: "tool",
        content: [{ type: "tool-result", id, name: "f", isFailure: false, result: output }]
      })
    } else return undefined
  }
  if (JSON.stringify(raw).includes("json_schema") || Object.hasOwn(raw, "previous_response_id")) return undefined
  const fields = {
    prompt,
    system: instructions,
    maxTokens,
    parallelToolCalls,
    reasoning: reasoning === undefined
      ? undefined
      : stated({ effort, summary }),
    temperature,
    user,
    toolChoice: Predicate.isObject(tool_choice) && "name" in tool_choice ? { tool: tool_choice.name } : tool_choice,
    tools: definitions?.map(({ type: _type, ...tool }) => stated(tool)),
    options: { [api === "openai-responses" ? "openai" : "azure"]: { ...raw, reasoning: others } }
  }
  return stated(fields)
}
