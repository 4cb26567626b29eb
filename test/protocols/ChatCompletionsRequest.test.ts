import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Predicate, Result, Schema } from "effect"
import { Prompt } from "effect/ai"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ChatCompletions, ChatRequest, type RequestFormat } from "../../src/index.ts"
import * as Corpus from "../support/corpus.ts"
import * as Requests from "../support/requests.ts"
import { describeShared } from "../support/shared.ts"
import * as Whole from "../support/wholeFormats.ts"

const formats = {
  openai: Whole.chatCompletions({ provider: "openai", dialect: ChatCompletions.openai }),
  groq: Whole.chatCompletions({ provider: "groq", dialect: ChatCompletions.groq }),
  azure: Whole.chatCompletions({ provider: "azure", dialect: ChatCompletions.azure }),
  "azure-inference": Whole.chatCompletions({
    provider: "azure",
    dialect: ChatCompletions.azureInference,
    options: { keys: ["azureInference"], schema: Schema.Record(Schema.String, Schema.Unknown) }
  })
} satisfies Partial<Record<Requests.Api, RequestFormat.RequestFormat>>

const apis = ["openai", "groq", "azure", "azure-inference"] as const

const acme = Whole.chatCompletions({ provider: "acme" })

const encode = (request: ChatRequest.ChatRequest, format: RequestFormat.RequestFormat = formats.openai) =>
  Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, "gpt-4.1"))

const bodyOf = (request: ChatRequest.ChatRequest, format?: RequestFormat.RequestFormat) =>
  Result.getOrThrow(encode(request, format)).body

const refusal = (request: ChatRequest.ChatRequest, format?: RequestFormat.RequestFormat): string => {
  const result = encode(request, format)
  return Result.isFailure(result) ? result.failure.message : "no failure"
}

const png = "iVBORw0KGgo="
const jpeg = "/9j/4AAQ"

const asking = (...content: ReadonlyArray<Prompt.UserMessagePartEncoded>): ReadonlyArray<Prompt.MessageEncoded> => [
  { role: "user", content }
]

const weather = { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } }

const round = (
  output: Partial<Prompt.ToolResultPartEncoded>,
  params: unknown = { city: "Paris" },
  id = "call_1"
): ReadonlyArray<Prompt.MessageEncoded> => [
  { role: "user", content: "Weather?" },
  { role: "assistant", content: [{ type: "tool-call", id, name: "get_weather", params }] },
  {
    role: "tool",
    content: [{ type: "tool-result", id, name: "get_weather", isFailure: false, result: null, ...output }]
  }
]

describe("ChatCompletions requests", () => {
  for (const api of apis) {
    describe(api, () => {
      describeShared(Requests.available, "with known bodies", () => {
        for (const { env, name, problems } of Requests.judged(api)) {
          it(name, () => {
            assert.deepStrictEqual(
              problems(
                env["AZURE_OPENAI_API_VERSION"] === undefined ? formats[api] : Whole.chatCompletions({
                  provider: "azure",
                  dialect: ChatCompletions.azure,
                  bodyModel: () => undefined
                })
              ),
              []
            )
          })
        }
      })

      it.prop(
        "either are what the vendor's schema and rules let pass, or are refused with a place",
        [ChatRequest.Normalized],
        ([request]) => {
          const result = formats[api].encode(request, "gpt-4.1")
          if (Result.isFailure(result)) {
            assert.match(result.failure.message, /^[a-z]+: ([a-zA-Z]+(\[|\.|:| ))/)
          } else {
            const body: unknown = JSON.parse(JSON.stringify(result.success.body))
            assert.deepStrictEqual(Requests.violations(api)(body, "gpt-4.1"), [])
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
      for (const format of [...Object.values(formats), acme]) {
        format.encode({ prompt: Prompt.fromMessages(messages) }, "m")
      }
    }
  )

  it.prop(
    "hold every text and every result of the conversation",
    [Arbitrary.map(Arbitrary.schema(ChatRequest.Normalized), ({ prompt }) => prompt)],
    ([prompt]) => {
      const result = acme.encode({ prompt }, "m")
      if (Result.isFailure(result)) return
      const body = JSON.stringify(result.success.body)
      for (const message of prompt.content) {
        for (const part of message.role === "system" ? [Prompt.textPart({ text: message.content })] : message.content) {
          if (part.type === "text") assert.include(body, JSON.stringify(part.text).slice(1, -1))
          if (part.type === "tool-result") assert.include(body, JSON.stringify(part.id))
        }
      }
    }
  )

  describe("messages", () => {
    it("stand in the order of the prompt, with the request's own instructions first", () => {
      assert.deepStrictEqual(
        bodyOf({
          system: "Be brief.",
          prompt: [
            { role: "user", content: "Hi" },
            { role: "system", content: "Be kind." },
            { role: "assistant", content: [{ type: "text", text: "Hm. " }, { type: "text", text: "Hello" }] }
          ]
        })["messages"],
        [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
          { role: "system", content: "Be kind." },
          { role: "assistant", content: [{ type: "text", text: "Hm. " }, { type: "text", text: "Hello" }] }
        ]
      )
    })

    it("put results right behind their calls, and the calls of neighbours together", () => {
      const call = (id: string): Prompt.AssistantMessagePartEncoded => ({
        type: "tool-call",
        id,
        name: "f",
        params: null
      })
      const result = (id: string): Prompt.ToolMessageEncoded => ({
        role: "tool",
        content: [{ type: "tool-result", id, name: "f", isFailure: true, result: { id } }]
      })
      const written = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } })
      assert.deepStrictEqual(
        bodyOf({
          prompt: [
            { role: "assistant", content: [call("a")] },
            { role: "assistant", content: [{ type: "text", text: "And" }, call("b")] },
            { role: "system", content: "Be quick." },
            result("b"),
            { role: "user", content: "Well?" },
            result("a")
          ]
        })["messages"],
        [
          { role: "assistant", content: "And", tool_calls: [written("a"), written("b")] },
          { role: "tool", tool_call_id: "b", content: "{\"id\":\"b\"}" },
          { role: "tool", tool_call_id: "a", content: "{\"id\":\"a\"}" },
          { role: "system", content: "Be quick." },
          { role: "user", content: "Well?" }
        ]
      )
    })

    it("leave out what is empty, but not all of it", () => {
      const prompt = asking({ type: "text", text: "" }, { type: "text", text: "Hi" })
      assert.deepStrictEqual(bodyOf({ prompt })["messages"], [{ role: "user", content: "Hi" }])
      assert.deepStrictEqual(bodyOf({ prompt: "" })["messages"], [{ role: "user", content: "" }])
      assert.match(refusal({ prompt: [{ role: "user", content: [] }] }), /^openai: prompt: /)
    })

    it("take reasoning back where the host does, and say so where it does not", () => {
      const prompt: ReadonlyArray<Prompt.MessageEncoded> = [
        { role: "user", content: "Hi" },
        { role: "assistant", content: [{ type: "reasoning", text: "A greeting." }, { type: "text", text: "Hello" }] },
        { role: "user", content: "Bye" }
      ]
      const openai = Result.getOrThrow(encode({ prompt }))
      assert.notInclude(JSON.stringify(openai.body), "A greeting.")
      assert.match(openai.ignored.join(), /^prompt\[1\]\.content\[0\]: /)
      const groq = Result.getOrThrow(encode({ prompt }, formats.groq))
      assert.include(
        JSON.stringify(groq.body["messages"]),
        "{\"role\":\"assistant\",\"content\":\"Hello\",\"reasoning\":\"A greeting.\"}"
      )
      assert.deepStrictEqual(groq.ignored, [])
    })

    it("shorten ids that OpenAI finds too long, in the call and in the result", () => {
      const long = (end: string) => `${"x".repeat(60)}${end}`
      const prompt = [...round({}, {}, long("a")), ...round({}, {}, long("b"))]
      const ids = JSON.stringify(bodyOf({ prompt })["messages"]).match(/x{10,}[^"]*/g) ?? []
      assert.deepStrictEqual(ids.map((id) => id.length), [40, 40, 40, 40])
      assert.deepStrictEqual([ids[0] === ids[1], ids[2] === ids[3], ids[0] === ids[2]], [true, true, false])
      assert.include(JSON.stringify(bodyOf({ prompt }, formats.groq)), long("a"))
    })

    it("refuse what can't be sent back", () => {
      assert.match(
        refusal({ prompt: round({ modelOutput: [{ type: "file", mediaType: "image/png", data: png }] }) }),
        /^openai: prompt\[2\]\.content\[0\]\.modelOutput\[0\]: /
      )
      assert.match(
        refusal({ prompt: [{ role: "assistant", content: [{ type: "file", mediaType: "image/png", data: png }] }] }),
        /^openai: prompt\[0\]\.content\[0\]: /
      )
      assert.match(
        refusal({
          prompt: [{
            role: "assistant",
            content: [{ type: "tool-call", id: "a", name: "search", params: {}, providerExecuted: true }]
          }]
        }),
        /^openai: prompt\[0\]\.content\[0\]\.providerExecuted: /
      )
    })
  })

  describe("files", () => {
    const url = (part: Omit<Prompt.FilePartEncoded, "type">) =>
      JSON.stringify(bodyOf({ prompt: asking({ type: "file", ...part }) })["messages"])

    it("are one image, however it is given", () => {
      const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0))
      for (const data of [png, `data:image/png;base64,${png}`, bytes]) {
        assert.include(url({ mediaType: "image/png", data }), `"url":"data:image/png;base64,${png}"`)
      }
      for (const data of ["https://example.com/a.png", new URL("https://example.com/a.png")]) {
        assert.include(url({ mediaType: "image/png", data }), "\"url\":\"https://example.com/a.png\"")
      }
    })

    it("tell their type where the part leaves it open", () => {
      assert.include(url({ mediaType: "image/*", data: png }), "data:image/png;base64,")
      assert.include(url({ mediaType: "image/*", data: jpeg }), "data:image/jpeg;base64,")
      assert.include(url({ mediaType: "image/*", data: `data:image/gif;base64,${jpeg}` }), "data:image/gif;base64,")
      assert.include(url({ mediaType: "image/jpg", data: jpeg }), "data:image/jpeg;base64,")
    })

    it("say where a prefix that is to be cached ends, as texts do, and are refused by who has no such mark", () => {
      const options = { openai: { promptCacheBreakpoint: { mode: "explicit" } } } as const
      const parts: ReadonlyArray<Prompt.UserMessagePartEncoded> = [
        { type: "text", text: "Hi", options },
        { type: "file", mediaType: "image/png", data: png, options },
        { type: "file", mediaType: "audio/wav", data: "UklGRg==", options },
        { type: "file", mediaType: "application/pdf", data: "JVBERi0x", options }
      ]
      for (const part of parts) {
        const said = JSON.stringify(bodyOf({ prompt: asking(part, { type: "text", text: "." }) })["messages"])
        assert.include(said, "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}", JSON.stringify(part))
        const elsewhere = JSON.stringify(part).replace("\"openai\"", "\"acme\"")
        assert.match(
          refusal({ prompt: asking(JSON.parse(elsewhere)) }, acme),
          /^acme: prompt\[0\]\.content\[0\]\.options\.acme\.promptCacheBreakpoint: |mediaType: /
        )
      }
    })

    it("state an image's detail, and refuse another option of the provider", () => {
      const part = (options: Prompt.ProviderOptions): Prompt.FilePartEncoded => ({
        type: "file",
        mediaType: "image/png",
        data: png,
        options
      })
      assert.include(
        JSON.stringify(bodyOf({ prompt: asking(part({ openai: { imageDetail: "low" }, anthropic: { title: "A" } })) })),
        "\"detail\":\"low\""
      )
      assert.match(
        refusal({ prompt: asking(part({ openai: { cacheControl: {} } })) }),
        /^openai: prompt\[0\]\.content\[0\]\.options\.openai\.cacheControl: /
      )
      assert.match(refusal({ prompt: asking(part({ openai: { imageDetail: "tiny" } })) }), /imageDetail/)
    })

    it("are refused where they are not taken, with the place of what is wrong", () => {
      const cases: ReadonlyArray<readonly [Omit<Prompt.FilePartEncoded, "type">, string]> = [
        [{ mediaType: "image/tiff", data: png }, "mediaType"],
        [{ mediaType: "image/*", data: "AAAA" }, "mediaType"],
        [{ mediaType: "image", data: png }, "mediaType"],
        [{ mediaType: "image/png", data: `data:image/gif;base64,${png}` }, "mediaType"],
        [{ mediaType: "image/png", data: "not base64" }, "data"],
        [{ mediaType: "image/png", data: "" }, "data"],
        [{ mediaType: "image/png", data: "s3://bucket/a.png" }, "data"],
        [{ mediaType: "application/pdf", data: "https://example.com/a.pdf" }, "data"],
        [{ mediaType: "audio/mpeg", data: "https://example.com/a.mp3" }, "data"],
        [{ mediaType: "audio/ogg", data: "AAAA" }, "mediaType"],
        [{ mediaType: "video/mp4", data: "AAAA" }, "mediaType"],
        [{ mediaType: "text/plain", data: "AAAA" }, "mediaType"]
      ]
      for (const [part, field] of cases) {
        const prompt = asking({ type: "text", text: "?" }, { type: "file", ...part })
        assert.isTrue(refusal({ prompt }).startsWith(`openai: prompt[0].content[1].${field}: `), JSON.stringify(part))
      }
      for (const mediaType of ["application/pdf", "audio/wav"]) {
        assert.match(
          refusal({ prompt: asking({ type: "file", mediaType, data: "AAAA" }) }, formats.groq),
          /^groq: prompt\[0\]\.content\[0\]\.mediaType: /
        )
      }
    })

    it("answer in sound by the id of the sound", () => {
      assert.deepStrictEqual(
        bodyOf({
          prompt: [
            { role: "user", content: "Sing" },
            {
              role: "assistant",
              content: [{
                type: "file",
                mediaType: "audio/wav",
                data: "AAAA",
                options: { openai: { audioId: "audio_1" } }
              }]
            }
          ]
        })["messages"],
        [{ role: "user", content: "Sing" }, { role: "assistant", audio: { id: "audio_1" } }]
      )
    })
  })

  describe("tools", () => {
    const tools = (parameters: Schema.JsonObject, strict?: boolean) => ({
      prompt: "Hi",
      tools: [{ name: "f", parameters, strict }]
    })
    const written = (parameters: Schema.JsonObject, strict?: boolean) => {
      const [tool] = Schema.decodeUnknownSync(
        Schema.Array(Schema.Struct({ function: Schema.Struct({ parameters: Schema.Unknown }) }))
      )(bodyOf(tools(parameters, strict))["tools"])
      return tool?.function.parameters
    }
    const named = { type: "object", properties: { a: { $ref: "#/$defs/A~1B" } }, required: ["a"] }

    it("have an object at their root", () => {
      assert.deepStrictEqual(written({}), { type: "object", properties: {} })
      assert.deepStrictEqual(written({ $ref: "#/$defs/A~1B", $defs: { "A/B": named } }), {
        ...named,
        $defs: { "A/B": named }
      })
      for (const parameters of [{ type: "array" }, { anyOf: [named] }, { $ref: "#/$defs/Missing" }, { $ref: "#" }]) {
        assert.match(refusal(tools(parameters)), /^openai: tools\[0\]\.parameters: .*"object"/)
      }
      assert.match(refusal(tools({ type: "object", anyOf: [{}] })), /^openai: tools\[0\]\.parameters\.anyOf: /)
    })

    it("are strict only with a schema that can be kept to", () => {
      const closed = {
        type: "object",
        properties: { a: { type: "string" } },
        required: ["a"],
        additionalProperties: false
      }
      assert.deepStrictEqual(written(closed, true), closed)
      const loose: ReadonlyArray<readonly [Schema.JsonObject, RegExp]> = [
        [{ ...closed, required: [] }, /parameters\.properties\.a: .*required/],
        [{ ...closed, additionalProperties: true }, /parameters: .*additionalProperties/],
        [{ ...closed, properties: { a: { type: "array", items: { type: "object" } } } }, /properties\.a\.items: /],
        [{ ...closed, properties: { a: { oneOf: [{ type: "string" }] } } }, /properties\.a\.oneOf: /]
      ]
      for (const [schema, message] of loose) {
        assert.match(refusal(tools(schema, true)), message)
        assert.match(
          refusal({ prompt: "Hi", responseFormat: { schema, strict: true } }),
          /^openai: responseFormat\.schema/
        )
        assert.isTrue(Result.isSuccess(encode(tools(schema, false))))
      }
    })

    it("come with their choice, and without tools there is none", () => {
      const body = bodyOf({
        prompt: "Hi",
        tools: [weather],
        toolChoice: { tool: "get_weather" },
        parallelToolCalls: false
      })
      assert.deepStrictEqual(body["tool_choice"], { type: "function", function: { name: "get_weather" } })
      assert.strictEqual(body["parallel_tool_calls"], false)
      const without = Result.getOrThrow(
        encode({ prompt: "Hi", tools: [], toolChoice: "none", parallelToolCalls: false })
      )
      assert.notProperty(without.body, "tools")
      assert.notProperty(without.body, "tool_choice")
      assert.deepStrictEqual(without.ignored, [
        "toolChoice: there are no tools",
        "parallelToolCalls: there are no tools"
      ])
    })
  })

  describe("options", () => {
    it("are refused where no model takes them, and else named when they are left out", () => {
      const groq: RequestFormat.RequestFormat = formats.groq
      const refused: ReadonlyArray<readonly [Partial<ChatRequest.ChatRequest>, RegExp, RequestFormat.RequestFormat?]> =
        [
          [{ stop: ["a", "b", "c", "d", "e"] }, /^openai: stop: /],
          [{ reasoning: { budgetTokens: 2000 } }, /^openai: reasoning\.budgetTokens: gpt-4\.1 does not reason/],
          [{ reasoning: { effort: "xhigh" } }, /^groq: reasoning\.effort: .*xhigh/, groq],
          [{ serviceTier: "performance" }, /^openai: serviceTier: /],
          [{ serviceTier: "priority" }, /^groq: serviceTier: /, groq],
          [{ logprobs: 2 }, /^groq: logprobs: /, groq],
          [{ audio: { voice: "alloy", format: "wav" } }, /^openai: audio\.format: .*pcm16/],
          [{ audio: { voice: "alloy", format: "pcm16" } }, /^groq: audio: /, groq],
          [{ responseFormat: "json" }, /^openai: responseFormat: .*JSON/],
          [{ metadata: { ["a".repeat(65)]: "b" } }, /^openai: metadata\.a+: /],
          [
            { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ""])) },
            /^openai: metadata: 17/
          ],
          [{ options: { openai: { stream: false } } }, /^openai: options\.openai\.stream: /],
          [{ options: { openai: { messages: [] } } }, /^openai: options\.openai\.messages: /],
          [
            { options: { openai: { reasoning_efort: "low" } } },
            /^openai: options\.openai\.reasoning_efort: .*reasoning_effort/
          ],
          [JSON.parse("{\"options\":{\"openAI\":{}}}"), /^openai: options\.openAI: .*openai/]
        ]
      for (const [fields, message, format] of refused) {
        assert.match(refusal({ prompt: "Hi", ...fields }, format), message)
      }
      assert.deepStrictEqual(
        Result.getOrThrow(encode({ prompt: "Hi", topK: 5, reasoning: { summary: "auto" } })).ignored,
        ["topK: the API takes none", "reasoning.summary: the API gives none"]
      )
      assert.deepStrictEqual(
        Result.getOrThrow(encode({ prompt: "Hi", user: "ada", metadata: { a: "b" } }, formats["azure-inference"]))
          .ignored,
        ["user: the API takes none", "metadata: the API takes none"]
      )
    })

    it("give way to the host's own fields, which may be unchecked", () => {
      const body = bodyOf({
        prompt: "Hi",
        temperature: 0.2,
        options: {
          openai: {
            temperature: 0.9,
            stream_options: { include_obfuscation: false },
            ...ChatRequest.unchecked({ reasoning_efort: "sic", n: "two" })
          },
          groq: { temperature: 0 }
        }
      })
      assert.strictEqual(body["temperature"], 0.9)
      assert.strictEqual(body["reasoning_efort"], "sic")
      assert.strictEqual(body["n"], "two")
      assert.deepStrictEqual(body["stream_options"], { include_usage: true, include_obfuscation: false })
    })

    it("are checked by the schema of the host", () => {
      const format = Whole.chatCompletions({
        provider: "acme",
        options: { keys: ["acme"], schema: Schema.Struct({ keep_alive: Schema.optionalKey(Schema.String) }) }
      })
      const request = (acme: Schema.JsonObject) => ({ prompt: Prompt.make("Hi"), options: { acme } })
      const message = (acme: Schema.JsonObject) =>
        Result.match(format.encode(request(acme), "m"), { onFailure: (error) => error.message, onSuccess: () => "" })
      assert.match(message({ keep_alive: 5 }), /^acme: options\.acme\.keep_alive: /)
      assert.match(message({ keep_aliv: "5m" }), /^acme: options\.acme\.keep_aliv: .*keep_alive/)
      assert.strictEqual(message({ keep_alive: "5m", top_k: 4, brand_new: 1 }), "")
    })
  })

  describeShared(Corpus.root !== undefined && Requests.available, "bodies that were sent", () => {
    for (const api of apis) {
      it(`${api}: come out of a request again`, () => {
        const outcomes = bodiesOf(api).map(({ body, file }) => {
          const request = requestOf(body, api)
          if (request === undefined) return "out of reach"
          const encoded = Result.flatMap(
            ChatRequest.fromJson(request),
            (normalized) => formats[api].encode(normalized, String(body["model"] ?? ""))
          )
          assert.isTrue(Result.isSuccess(encoded), `${file}: ${JSON.stringify(encoded)}`)
          const written: unknown = JSON.parse(JSON.stringify(Result.getOrThrow(encoded).body))
          assert.deepStrictEqual(
            Requests.canonical(api, { ...body, model: "" }),
            Requests.canonical(api, Object.assign({}, written, { model: "" })),
            file
          )
          return "same"
        })
        assert.isAtLeast(outcomes.filter((outcome) => outcome === "same").length / outcomes.length, 0.75)
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

const keys = { openai: "openai", groq: "groq", azure: "azure", "azure-inference": "azureInference" }

// The request that makes a body; `undefined` when the body holds what requests have no word for.
const requestOf = (body: Json, api: keyof typeof keys): Json | undefined => {
  const {
    frequency_penalty: frequencyPenalty,
    logprobs,
    max_completion_tokens,
    max_tokens,
    messages,
    model: _model,
    parallel_tool_calls: parallelToolCalls,
    presence_penalty: presencePenalty,
    reasoning_effort: effort,
    response_format,
    seed,
    service_tier: serviceTier,
    stop,
    stream: _stream,
    stream_options: _options,
    temperature,
    tool_choice,
    tools,
    top_logprobs,
    top_p: topP,
    user,
    ...raw
  } = body
  const prompt = messagesOf(messages)
  const definitions = tools === undefined ? undefined : listOf(tools).map(toolOf)
  const format = formatOf(response_format)
  if (prompt === undefined || definitions?.includes(undefined) === true || format === null) return undefined
  const fields = {
    prompt,
    maxTokens: max_completion_tokens ?? max_tokens,
    temperature,
    topP,
    frequencyPenalty,
    presencePenalty,
    stop: typeof stop === "string" ? [stop] : stop,
    seed,
    tools: definitions,
    toolChoice: Predicate.isObject(tool_choice) && "function" in tool_choice && Predicate.isObject(tool_choice.function)
      ? { tool: Object.entries(tool_choice.function)[0]?.[1] }
      : tool_choice,
    parallelToolCalls,
    responseFormat: format,
    reasoning: effort === undefined ? undefined : { effort },
    serviceTier,
    user,
    logprobs: logprobs === true ? top_logprobs ?? 0 : undefined,
    options: { [keys[api]]: logprobs === false ? { ...raw, logprobs } : raw }
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

const listOf = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value : []

const toolOf = (tool: Json): Json | undefined => tool["type"] === "function" ? Object(tool["function"]) : undefined

const formatOf = (format: unknown): unknown =>
  !Predicate.isObject(format) || !("type" in format)
    ? undefined
    : format.type === "json_object"
    ? "json"
    : format.type === "json_schema" && "json_schema" in format
    ? format.json_schema
    : format.type === "text"
    ? "text"
    : null

const partOf = (part: Json): Json | undefined => {
  const [, url] = /"url":("(?:[^"\\]|\\.)*")/.exec(JSON.stringify(part)) ?? []
  if (part["type"] === "text" && Object.keys(part).length === 2) return { type: "text", text: part["text"] }
  if (part["type"] === "image_url" && url !== undefined && !JSON.stringify(part).includes("detail")) {
    const address: string = JSON.parse(url)
    return { type: "file", mediaType: /^data:([^;]*)/.exec(address)?.[1] ?? "image/*", data: address }
  }
  return undefined
}

const messagesOf = (messages: unknown): ReadonlyArray<Json> | undefined => {
  const names = new Map<unknown, unknown>()
  const out: Array<Json> = []
  for (const message of listOf(messages)) {
    const { content, role, tool_call_id, tool_calls, ...others } = message
    if (Object.keys(others).some((key) => others[key] !== null)) return undefined
    const parts = typeof content === "string"
      ? [{ type: "text", text: content }]
      : listOf(content).map(partOf)
    if (parts.includes(undefined)) return undefined
    switch (role) {
      case "system":
      case "developer":
        out.push({ role: "system", content: listOf(parts).map((part) => part["text"]).join("") })
        break
      case "user":
        out.push({ role, content: parts })
        break
      case "tool": {
        const text = listOf(parts).map((part) => part["text"]).join("")
        const result = { type: "tool-result", id: tool_call_id, name: names.get(tool_call_id) ?? "f", isFailure: false }
        out.push({ role, content: [{ ...result, result: text }] })
        break
      }
      case "assistant": {
        const calls = listOf(tool_calls).map(({ function: called, id }) => {
          const { arguments: args, name }: { arguments: string; name: string } = Object(called)
          names.set(id, name)
          return { type: "tool-call", id, name, params: args === "" ? null : JSON.parse(args) }
        })
        out.push({ role, content: [...parts, ...calls] })
        break
      }
      default:
        return undefined
    }
  }
  return out
}
