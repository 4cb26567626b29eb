import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Prompt } from "effect/ai"
import * as AgUi from "../../src/ui/AgUi.ts"
import * as AiSdk from "../../src/ui/AiSdk.ts"
import * as Body from "../../src/ui/body.ts"
import * as AgUiClient from "./agUiClient.ts"
import * as Client from "./client.ts"
import { withSecret } from "./support.ts"

const data = "data:image/png;base64,iVBORw0KGgo="
const web = "https://example.com/a.png"

/** The only message of a prompt. */
const userOf = ({ prompt }: { readonly prompt: Prompt.Prompt }) => {
  const [message] = prompt.content
  return message?.role === "user" ? message.content : []
}

describe("the message of a user", () => {
  it.effect("has the texts and files that a client of the AI SDK sends", () =>
    Effect.gen(function*() {
      const parts = [
        { type: "text", text: "What is this?" },
        { type: "file", mediaType: "image/png", url: data, filename: "a.png" },
        { type: "file", mediaType: "image/*", url: web, providerMetadata: { openai: { a: 1 } } }
      ]
      const turn = yield* AiSdk.decode(Client.post([{ id: "u1", role: "user", parts }]))
      assert.deepStrictEqual(userOf(turn), [
        Prompt.textPart({ text: "What is this?" }),
        Prompt.filePart({ mediaType: "image/png", data, fileName: "a.png" }),
        Prompt.filePart({ mediaType: "image/*", data: new URL(web), fileName: undefined })
      ])
      assert.deepStrictEqual(turn.ignored, [
        "messages[0].parts[2].providerMetadata: the user has no data of a provider"
      ])
    }).pipe(withSecret("a")))

  it.effect("has the texts and files that a client of AG-UI sends", () =>
    Effect.gen(function*() {
      const source = (type: string, value: string, mimeType?: string) => ({ type, value, mimeType })
      const content = [
        { type: "text", text: "What is this?" },
        { type: "image", source: source("data", "iVBORw0KGgo=", "image/png") },
        { type: "document", source: source("url", web, "text/plain") },
        ...["image", "audio", "video", "document"].map((type) => ({ type, source: source("url", web) }))
      ]
      const turn = yield* AgUi.decode(AgUiClient.post([{ id: "u1", role: "user", content }]))
      const at = (mediaType: string) => Prompt.filePart({ mediaType, data: new URL(web) })
      assert.deepStrictEqual(userOf(turn), [
        Prompt.textPart({ text: "What is this?" }),
        Prompt.filePart({ mediaType: "image/png", data: "iVBORw0KGgo=" }),
        at("text/plain"),
        at("image/*"),
        at("audio/*"),
        at("video/*"),
        at("application/pdf")
      ])
    }).pipe(withSecret("a")))
})

describe("a body", () => {
  const bounds: Body.Counted = { maxBodySize: 100, maxDepth: 4, maxFileSize: 3, maxMessages: 2 }
  const messageOf = <A>(read: Body.Read<A>) => Result.isFailure(read) ? read.failure.message : undefined

  it("is bounded, within what a stack can take", () => {
    assert.deepStrictEqual(
      Body.limits({}),
      Result.succeed({ maxBodySize: 8_388_608, maxDepth: 64, maxFileSize: 4_194_304, maxMessages: 1000 })
    )
    const none = { maxBodySize: Infinity, maxDepth: Infinity, maxFileSize: Infinity, maxMessages: Infinity }
    assert.deepStrictEqual(Body.limits(none), Result.succeed({ ...none, maxDepth: 512 }))
    assert.deepStrictEqual(Body.limits(bounds), Result.succeed(bounds))
    for (const name of ["maxBodySize", "maxDepth", "maxFileSize", "maxMessages"] as const) {
      assert.match(messageOf(Body.limits({ [name]: -1 })) ?? "", new RegExp(`\`${name}\``))
    }
  })

  const message = (id: string) => ({ id, role: "user" })
  const cases: ReadonlyArray<readonly [what: string, body: unknown, problem: string | undefined]> = [
    ["no text", 5, "body: not a text"],
    ["as many bytes as may be", `{"messages":[]}`.padEnd(100), "messages: empty"],
    ["one more", " ".repeat(101), "body: larger than 100 bytes"],
    ["few characters of many bytes", "é".repeat(51), "body: larger than 100 bytes"],
    ["no JSON", "{", "body: not a JSON object"],
    ["a list", "[]", "body: not a JSON object"],
    ["null", "null", "body: not a JSON object"],
    ["no messages", "{}", "messages: missing"],
    ["messages that are no list", `{"messages":5}`, "messages: not a list"],
    ["too many", JSON.stringify({ messages: ["a", "b", "c"].map(message) }), "messages: more than 2"],
    ["a message that is none", `{"messages":[5]}`, "messages[0]: not an object"],
    ["a message without an id", `{"messages":[{"role":"user"}]}`, "messages[0].id: missing"],
    ["an id that is no text", `{"messages":[{"id":1,"role":"user"}]}`, "messages[0].id: not a text"],
    ["a message without a role", `{"messages":[{"id":"a"}]}`, "messages[0].role: missing"],
    [
      "an id twice",
      JSON.stringify({ messages: [message("a"), message("a")] }),
      "messages[1].id: the id of a message before"
    ],
    ["as much depth as may be", `{"a":[[{}]],"messages":[{"id":"a","role":"u"}]}`, undefined],
    ["more", `{"a":[[[{}]]],"messages":[]}`, "a[0][0][0]: nested too deeply"],
    ["a key that changes a prototype", `{"a":[{"__proto__":1}]}`, "a[0].__proto__: not a key that is taken"]
  ]
  for (const [what, body, problem] of cases) {
    it(`with ${what} is ${problem === undefined ? "taken" : "refused"}`, () => {
      assert.strictEqual(messageOf(Body.parse(body as string, bounds)), problem)
    })
  }

  it("gives its messages with their places", () => {
    const body = { messages: [message("a"), { ...message("b"), more: 1 }], other: true }
    assert.deepStrictEqual(
      Body.parse(JSON.stringify(body), bounds),
      Result.succeed({
        fields: body,
        messages: body.messages.map((fields, index) => ({ path: ["messages", index], fields, ...message(fields.id) }))
      })
    )
  })

  it("says where it is wrong in 800 characters at most", () => {
    const long = messageOf(Body.refuse(["k".repeat(2000)], "wrong")) ?? ""
    assert.strictEqual(long.length, 800 + ": wrong".length)
  })

  it("has files of the web, or with their data, which are not larger than they may be", () => {
    const url = (url: string) => {
      const read = Body.fileUrl(url, ["url"], 3)
      return Result.isFailure(read) ? read.failure.message : read.success
    }
    const neither = "url: neither an address of the web nor base64 data"
    assert.deepStrictEqual(
      [
        "http://a.test/",
        "https://a.test/",
        "ftp://a.test/",
        "javascript:https://a.test/",
        "a.png",
        "data:text/plain,a",
        "data:;base64,AAEC",
        "DATA:image/png;a=b;BASE64,AAEC",
        "data:;base64,AAECAwQ=",
        "data:;base64,AAEC!"
      ].map(url),
      [
        new URL("http://a.test/"),
        new URL("https://a.test/"),
        neither,
        neither,
        neither,
        neither,
        "data:;base64,AAEC",
        "DATA:image/png;a=b;BASE64,AAEC",
        "url: larger than 3 bytes",
        "url: not base64"
      ]
    )
  })

  it("has media types", () => {
    const type = (mediaType: string) => messageOf(Body.mediaType({ type: mediaType }, [], "type"))
    for (const good of ["image/png", "image/*", "application/vnd.a-b+json", "text/plain; charset=utf-8"]) {
      assert.isUndefined(type(good))
    }
    for (const bad of ["", "image", "image/", "/png", " image/png"]) {
      assert.strictEqual(type(bad), "type: not a media type")
    }
  })

  it("has texts that may be left out, and none of a prototype", () => {
    const of = (fields: Body.Fields) => Body.optionalText(fields, ["a"], "toString")
    assert.deepStrictEqual(of({}), Result.succeed(undefined))
    assert.deepStrictEqual(of({ toString: "x" }), Result.succeed("x"))
    assert.strictEqual(messageOf(of({ toString: null })), "a.toString: not a text")
  })
})
