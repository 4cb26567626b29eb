/** What is taken or refused of a request for its details: whole messages, and the whole of what is sent in their place. */
import { assert, describe, it } from "@effect/vitest"
import { Result, type Schema } from "effect"
import { Prompt } from "effect/ai"
import {
  Anthropic,
  Bedrock,
  BedrockInvoke,
  ChatRequest,
  type Chunk,
  OpenAi,
  OpenAiResponses,
  type Provider
} from "../../src/index.ts"
import * as Files from "../../src/protocols/request/files.ts"
import { prepared } from "../support/prepared.ts"

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const asking = <C extends Chunk.Chunk>(definition: Provider.Definition<C>, model: string) =>
async (
  request: ChatRequest.ChatRequest
) => {
  const result = await prepared(definition, { model, ...request })
  return Result.isFailure(result) ? result.failure.reason.message : result.success
}

const openai = asking(OpenAi.define({}), "gpt-4.1")
const responses = asking(OpenAiResponses.define({}), "gpt-5")
const anthropic = asking(Anthropic.define({}), "claude-sonnet-4-5")
const invoke = asking(BedrockInvoke.define({ region: "us-east-1" }), claude)
const bedrock = asking(Bedrock.define({ region: "us-east-1" }), claude)

const bodyOf = (sent: string | Provider.Prepared): unknown => typeof sent === "string" ? sent : sent.body

const prompt = "Hi"
const user = (...content: ReadonlyArray<Prompt.UserMessagePartEncoded>) => ({
  prompt: [{ role: "user" as const, content }]
})

describe("what a provider has run", () => {
  const result = {
    type: "tool-result" as const,
    id: "c",
    name: "web_search",
    isFailure: false,
    result: {},
    providerExecuted: true
  }

  it("stands in the assistant's message", async () => {
    for (const [send, name] of [[bedrock, "bedrock"], [anthropic, "anthropic"]] as const) {
      assert.strictEqual(
        await send({ prompt: [{ role: "user", content: prompt }, { role: "tool", content: [result] }] }),
        `${name}: prompt[1].content[0]: what a provider's own tool returned belongs in the assistant's message`
      )
    }
  })
})

describe("a request to Anthropic", () => {
  it("has one user", async () => {
    const user_id = (request: Omit<ChatRequest.ChatRequest, "prompt">) =>
      anthropic({ prompt, ...request }).then((sent) => typeof sent === "string" ? sent : sent.body["metadata"])
    const other = "anthropic: metadata.user_id: is the user, and there is another one in user"
    assert.deepStrictEqual(
      [
        await user_id({}),
        await user_id({ user: "a" }),
        await user_id({ metadata: { user_id: "a" } }),
        await user_id({ user: "a", metadata: { user_id: "a" } }),
        await user_id({ user: "a", metadata: { user_id: "b" } }),
        await user_id({ metadata: { other: "b" } })
      ],
      [
        undefined,
        { user_id: "a" },
        { user_id: "a" },
        { user_id: "a" },
        other,
        "anthropic: metadata.other: only the label user_id is taken"
      ]
    )
  })

  it("has a temperature of up to 1", async () => {
    const at = async (temperature: number) => typeof await anthropic({ prompt, temperature })
    assert.deepStrictEqual([await at(0), await at(1)], ["object", "object"])
    assert.strictEqual(
      await anthropic({ prompt, temperature: 1.5 }),
      "anthropic: temperature: 0 to 1 is taken, not 1.5"
    )
  })

  it("names beta features in a list, which goes into a header, or at Bedrock into the body", async () => {
    const sent = await anthropic({ prompt, options: { anthropic: { betas: ["a", "b"] } } })
    assert(typeof sent !== "string")
    assert.strictEqual(sent.headers["anthropic-beta"], "a,b")
    assert.notProperty(sent.body, "betas")
    const own = await invoke({ prompt, options: { bedrockInvoke: { anthropic_beta: ["a"] } } })
    assert.deepInclude(bodyOf(own), { anthropic_beta: ["a"] })
  })

  it("sends a text with its citations back", async () => {
    const citations = [{
      type: "char_location",
      cited_text: "a",
      document_index: 0,
      document_title: null,
      start_char_index: 0,
      end_char_index: 1
    }]
    const sent = await anthropic({
      prompt: [
        { role: "user", content: prompt },
        { role: "assistant", content: [{ type: "text", text: "a", options: { anthropic: { citations } } }] },
        { role: "user", content: prompt }
      ]
    })
    assert.deepNestedInclude(bodyOf(sent) as object, {
      "messages[1].content": [{ type: "text", text: "a", citations }]
    })
  })

  it("has no title, context or citations of an image", async () => {
    const image = { type: "file" as const, mediaType: "image/gif", data: "R0lGODlhAQABAAAAACw=" }
    for (const own of [{ citations: { enabled: true } }, { title: "t" }, { context: "c" }]) {
      assert.strictEqual(
        await anthropic(user({ ...image, options: { anthropic: own } })),
        "anthropic: prompt[0].content[0].options.anthropic: an image has no citations, title or context"
      )
    }
    assert.deepNestedInclude(bodyOf(await anthropic(user({ ...image, fileName: "a.gif" }))) as object, {
      "messages[0].content[0]": {
        type: "image",
        source: { type: "base64", media_type: "image/gif", data: image.data }
      }
    })
  })

  it("streams the input of a tool eagerly, but not at Bedrock", async () => {
    const tools = (key: string) => [{
      name: "now",
      parameters: { type: "object", properties: {} },
      options: { [key]: { eagerInputStreaming: true } }
    }]
    assert.deepNestedInclude(bodyOf(await anthropic({ prompt, tools: tools("anthropic") })) as object, {
      "tools[0].eager_input_streaming": true
    })
    assert.strictEqual(
      await invoke({ prompt, tools: tools("bedrockInvoke") }),
      "bedrock: tools[0].options.bedrockInvoke.eagerInputStreaming: is not taken"
    )
  })
})

describe("a request to Converse", () => {
  it("sends a text with its citations back", async () => {
    const citations = [{ title: "t", location: { web: { url: "https://a.test", domain: "a.test" } } }]
    const sent = await bedrock({
      prompt: [
        { role: "user", content: prompt },
        { role: "assistant", content: [{ type: "text", text: "a", options: { bedrock: { citations } } }] },
        { role: "user", content: prompt }
      ]
    })
    assert.deepNestedInclude(bodyOf(sent) as object, {
      "messages[1].content": [{ citationsContent: { content: [{ text: "a" }], citations } }]
    })
  })

  it("says whose a file in S3 is, and of no other one", async () => {
    const file = (data: string) =>
      user({
        type: "text",
        text: "Read."
      }, {
        type: "file",
        mediaType: "application/pdf",
        data,
        options: { bedrock: { bucketOwner: "123456789012" } }
      })
    assert.strictEqual(
      await bedrock(file("JVBERi0x")),
      "bedrock: prompt[0].content[1]: only a file in S3 has a bucketOwner"
    )
    assert.deepNestedInclude(bodyOf(await bedrock(file("s3://bucket/a.pdf"))) as object, {
      "messages[0].content[1].document.source": {
        s3Location: { uri: "s3://bucket/a.pdf", bucketOwner: "123456789012" }
      }
    })
    const elsewhere = "bedrock: prompt[0].content[1].data: has to be the bytes of the file, or an s3:// URL; " +
      "another URL is not taken"
    for (const url of ["https://a.test/a.pdf", "s3://B/a", "s3://a/b", `s3://bucket/${"a".repeat(1013)}`]) {
      assert.strictEqual(await bedrock(file(url)), elsewhere)
    }
    assert.isObject(await bedrock(file(`s3://bucket/${"a".repeat(1011)}`)))
  })
})

describe("a request to the Responses API", () => {
  const own = (options: object) => ({ openai: { ...options } })
  const tool = (
    id: string,
    type: string,
    params: unknown,
    result: unknown,
    isFailure = false
  ): ChatRequest.ChatRequest => ({
    prompt: [
      { role: "user", content: prompt },
      {
        role: "assistant",
        content: [{ type: "tool-call", id, name: "f", params, options: own({ type, itemId: "i" }) }]
      },
      {
        role: "tool",
        content: [{ type: "tool-result", id, name: "f", isFailure, result }]
      }
    ]
  })
  const outputOf = async (request: ChatRequest.ChatRequest) => {
    const body = bodyOf(await responses(request))
    return typeof body === "string" ? body : (body as { readonly input: ReadonlyArray<unknown> }).input[2]
  }

  it("gives what a search for tools has found", async () => {
    const found = [{ type: "function", name: "g" }]
    const output = { type: "tool_search_output", execution: "client", status: "completed", tools: found }
    for (const result of [found, { tools: found }]) {
      assert.deepInclude(await outputOf(tool("c", "tool_search_call", { q: "x" }, result)), output)
    }
    assert.strictEqual(
      await outputOf(tool("c", "tool_search_call", { q: "x" }, "g")),
      "openai: prompt[2].content[0].result: the result of a tool search is a list of tools, or an object with them as tools"
    )
  })
})

describe("raw fields", () => {
  const apis = {
    openai: [openai, "openai"],
    openaiResponses: [responses, "openai"],
    anthropic: [anthropic, "anthropic"],
    bedrockInvoke: [invoke, "bedrock"],
    bedrock: [bedrock, "bedrock"]
  } as const
  type Key = keyof typeof apis
  const sent = (key: Key, own: Schema.JsonObject, request: Partial<ChatRequest.ChatRequest> = {}) =>
    apis[key][0]({ prompt, ...request, options: { [key]: own } })

  const misspelled: ReadonlyArray<readonly [key: Key, name: string, meant: string]> = [
    ["openai", "temperatur", "temperature"],
    ["openaiResponses", "inputs", "input"],
    ["openaiResponses", "modle", "model"],
    ["openaiResponses", "streem", "stream"],
    ["anthropic", "message", "messages"],
    ["anthropic", "modle", "model"],
    ["anthropic", "streem", "stream"],
    ["bedrock", "message", "messages"]
  ]
  for (const [key, name, meant] of misspelled) {
    it(`of ${key} are refused that are almost ${meant}`, async () => {
      assert.strictEqual(
        await sent(key, { [name]: 1 }),
        `${apis[key][1]}: options.${key}.${name}: no such field; did you mean ${meant}? ` +
          "If not, give it by ChatRequest.unchecked"
      )
    })
  }

  const replaced: ReadonlyArray<readonly [key: Key, name: string, value: Schema.Json]> = [
    ["openai", "messages", []],
    ["openaiResponses", "input", "a"],
    ["openaiResponses", "instructions", "a"],
    ["anthropic", "messages", []],
    ["anthropic", "system", "a"],
    ["bedrock", "messages", []],
    ["bedrock", "system", []]
  ]
  for (const [key, name, value] of replaced) {
    it(`of ${key} do not take the place of ${name}`, async () => {
      assert.strictEqual(
        await sent(key, ChatRequest.unchecked({ [name]: value }), { system: "Be brief" }),
        `${apis[key][1]}: options.${key}.${name}: would replace what the request itself says; ` +
          "state all of it in one of the two"
      )
    })
  }

  it("are added to objects field by field, and tools to tools", async () => {
    const tools = [{ name: "f", parameters: { type: "object", properties: {} } }]
    const own = { tools: [{ type: "web_search" }], reasoning: { summary: "auto" } }
    assert.deepNestedInclude(
      bodyOf(await sent("openaiResponses", own, { tools, reasoning: { effort: "low" } })) as object,
      {
        "tools[0].type": "function",
        "tools[1]": { type: "web_search" },
        reasoning: { effort: "low", summary: "auto" }
      }
    )
    assert.deepNestedInclude(
      bodyOf(await sent("bedrock", { inferenceConfig: { topP: 0.5 } }, { maxTokens: 10 })) as object,
      { inferenceConfig: { maxTokens: 10, topP: 0.5 } }
    )
  })
})

describe("the file of a request", () => {
  const media = (mediaType: string, data: string | Uint8Array | URL) => {
    const read = Files.media(Prompt.filePart({ mediaType, data, fileName: "a" }), "at")
    return Result.isFailure(read) ? read.failure : read.success
  }
  const is = (mediaType: string, base64: string) => ({ mediaType, base64, fileName: "a" })
  const base64 = (...bytes: ReadonlyArray<number>) => Buffer.from(bytes).toString("base64")
  const latin = (text: string) => Buffer.from(text, "latin1").toString("base64")

  it("has the type that is stated, in its usual spelling", () => {
    for (
      const [stated, type] of [
        ["image/png", "image/png"],
        [" Image/PNG ; charset=x", "image/png"],
        ["image/jpg", "image/jpeg"],
        ["audio/mp3", "audio/mpeg"],
        ["audio/x-wav", "audio/wav"],
        ["audio/wave", "audio/wav"],
        ["audio/vnd.wave", "audio/wav"],
        ["a.b+c-d/e.f+g-h", "a.b+c-d/e.f+g-h"]
      ] as const
    ) assert.deepStrictEqual(media(stated, "AAEC"), is(type, "AAEC"))
    for (const wrong of ["", "image", "image/", "/png", "a b/c", "image/png/x"]) {
      assert.strictEqual(media(wrong, "AAEC"), "at.mediaType: not a media type")
    }
  })

  it("has the type that its first bytes say where only the kind is stated", () => {
    const starts: ReadonlyArray<readonly [kind: string, data: string, type: string]> = [
      ["image/*", latin("\x89PNG\r\n\x1a\n"), "image/png"],
      ["image/*", latin("\xff\xd8\xff\xe0"), "image/jpeg"],
      ["image/*", latin("GIF87a"), "image/gif"],
      ["image/*", latin("GIF89a"), "image/gif"],
      ["image/*", latin("RIFF\0\n\0\0WEBPVP8"), "image/webp"],
      ["audio/*", latin("RIFF\0\0\0\0WAVEfmt"), "audio/wav"],
      ["audio/*", latin("ID3\x04"), "audio/mpeg"],
      ...[0xf2, 0xf3, 0xfa, 0xfb].map((byte) => ["audio/*", base64(0xff, byte, 0), "audio/mpeg"] as const),
      ["application/*", latin("%PDF-1.7"), "application/pdf"],
      ["image/*", latin("GIF88a"), "image/*"],
      ["image/*", latin("xGIF89a"), "image/*"],
      // Another kind than was stated.
      ["audio/*", latin("GIF89a"), "audio/*"]
    ]
    for (const [kind, data, type] of starts) assert.deepStrictEqual(media(kind, data), is(type, data))
  })

  it("is bytes, base64, a data URL, or an address", () => {
    assert.deepStrictEqual(media("image/png", new Uint8Array([0, 1, 2])), is("image/png", "AAEC"))
    assert.deepStrictEqual(media("image/png", " AAEC\n"), is("image/png", "AAEC"))
    assert.deepStrictEqual(media("image/png", "data:image/png;base64,AAEC"), is("image/png", "AAEC"))
    assert.deepStrictEqual(media("image/*", "DATA:image/gif;a=b;BASE64,AAEC"), is("image/gif", "AAEC"))
    assert.deepStrictEqual(media("image/png", "data:;base64,AAEC"), is("image/png", "AAEC"))
    assert.deepStrictEqual(media("text/plain", "data:text/plain;charset=utf-8,a%20b"), is("text/plain", latin("a b")))
    assert.strictEqual(media("text/plain", "data:text/plain,%"), "at.data: not a data URL")
    for (const stated of ["image/png", "audio/*"]) {
      assert.strictEqual(
        media(stated, "data:image/gif;base64,AAEC"),
        `at.mediaType: ${stated}, but the data URL says image/gif`
      )
    }
    for (const url of ["https://a.test/a.png", "s3://bucket/a", "GS+1.2-x:a"]) {
      assert.deepStrictEqual(media("image/png", url), { url, mediaType: "image/png", fileName: "a" })
    }
    assert.deepInclude(media("image/png", new URL("https://a.test/a")), { url: "https://a.test/a" })
    for (const empty of ["", "data:;base64,", new Uint8Array()]) {
      assert.strictEqual(media("image/png", empty), "at.data: the file is empty")
    }
    for (const wrong of ["AAE", "AA C", "A===", "AAE*"]) {
      assert.strictEqual(media("image/png", wrong), "at.data: neither base64 nor a URL")
    }
  })
})
