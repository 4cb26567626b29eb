import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { lines, run } from "./harness.ts"

const person = {
  type: "object",
  properties: { name: { type: "string" }, born: { type: "integer", minimum: 0 } },
  required: ["name", "born"],
  additionalProperties: false
}

const asking = Effect.fnUntraced(function*(
  answer: Parameters<typeof Answer.make>[0],
  args: ReadonlyArray<string> = [],
  schema: unknown = person,
  options: ReplayServer.ReplyOptions = {}
) {
  const files = yield* FileSystem.FileSystem
  const file = `${yield* files.makeTempDirectoryScoped()}/person.json`
  yield* files.writeFileString(file, typeof schema === "string" ? schema : JSON.stringify(schema))
  const server = yield* NodeReplayServer.make([
    ReplayServer.stream(Wire.openai, Answer.openai(Answer.make(answer)), options)
  ])
  const outcome = yield* run(["ask", "--base-url", server.url, "--schema", file, ...args, "Who?"], {
    env: { OPENAI_API_KEY: "a-key" }
  })
  return { ...outcome, requests: yield* server.requests }
}, Effect.provide(NodeServices.layer))

const ada = "{\"name\": \"Ada Lovelace\", \"born\": 1815}"

describe("ask --schema", () => {
  it.live("prints the object when it is whole, for people", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* asking({ content: ada })
      assert.strictEqual(stdout, "{\n  \"name\": \"Ada Lovelace\",\n  \"born\": 1815\n}\n")
      assert.strictEqual(status, 0)
      assert.match(stderr, /^finish reason +stop$/m)
    }))

  it.live("prints with --json the object as it grows, the whole of it, and then the response", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* asking({ content: ada }, ["--json"])
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      const all = lines(stdout)
      const objects = all.filter(({ type }) => type === "object")
      assert.deepStrictEqual(objects.map(({ type: _, ...line }) => line), [
        { partial: {} },
        { partial: { name: "Ada" } },
        { partial: { name: "Ada Lovelace" } },
        { partial: { name: "Ada Lovelace", born: 1815 } },
        { object: { name: "Ada Lovelace", born: 1815 } }
      ])
      const last = all.at(-1)
      assert.deepStrictEqual(Object.keys(last ?? {}), ["type", "response"])
      assert.deepInclude(last?.["response"], { content: ada, error: null })
    }))

  const failures: ReadonlyArray<
    readonly [title: string, answer: Parameters<typeof Answer.make>[0], reason: string, message: RegExp]
  > = [
    [
      "does not fit the schema",
      { content: "{\"name\":\"Ada\",\"born\":-1}" },
      "SchemaMismatch",
      /^born: .*greater than or equal to 0$/
    ],
    ["is not JSON", { content: "Ada Lovelace, 1815" }, "InvalidJson", /^Invalid JSON at line 1, column 1/],
    [
      "is cut off",
      { content: "{\"name\":\"Ada", finishReason: "length" },
      "LengthLimit",
      /^The answer reached the limit of tokens before its JSON was whole$/
    ],
    [
      "is a refusal",
      { refusal: "I would rather not." },
      "Refusal",
      /^The model refused: I would rather not\.$/
    ]
  ]

  for (const [title, answer, reason, message] of failures) {
    it.live(`exits with 1 and says so in one line when the answer ${title}, which it prints as it came`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* asking(answer)
        assert.strictEqual(status, 1)
        assert.strictEqual(stdout, `${answer.content ?? answer.refusal}\n`)
        const [line = ""] = stderr.split("\n")
        assert.isTrue(line.startsWith(`openai: ${reason}: `), line)
        assert.match(line.slice(`openai: ${reason}: `.length), message)
      }))

    it.live(`says so with --json in a line of its own when the answer ${title}`, () =>
      Effect.gen(function*() {
        const { status, stdout } = yield* asking(answer, ["--json"])
        assert.strictEqual(status, 1)
        const [object, last] = lines(stdout).slice(-2)
        const error = object?.["error"] as { readonly reason: string; readonly message: string }
        assert.deepStrictEqual({ type: object?.["type"], reason: error.reason }, { type: "object", reason })
        assert.match(error.message, message)
        assert.strictEqual(last?.["type"], "response", "the provider did not fail")
      }))
  }

  it.live("prints what had come, and no object, when the provider fails", () =>
    Effect.gen(function*() {
      const cut = { fault: { kind: "reset", after: { events: 3 } } } as const
      const text = yield* asking({ content: ada }, [], person, cut)
      assert.deepStrictEqual({ status: text.status, stdout: text.stdout }, { status: 1, stdout: "{\"name\": \"Ada\n" })
      const json = yield* asking({ content: ada }, ["--json"], person, cut)
      assert.strictEqual(json.status, 1)
      assert.deepStrictEqual(
        lines(json.stdout).map(({ type }) => type).filter((type) => type !== "chunk"),
        ["object", "object", "error"]
      )
    }))

  it.live("knows definitions of older drafts, and takes patterns for what they are", () =>
    Effect.gen(function*() {
      const schema = {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: { id: { $ref: "#/definitions/Id" } },
        definitions: { Id: { type: "string", pattern: "^[a-z]+$" } }
      }
      assert.strictEqual((yield* asking({ content: "{\"id\":\"abc\"}" }, [], schema)).status, 0)
      const { status, stderr } = yield* asking({ content: "{\"id\":\"a1\"}" }, [], schema)
      assert.strictEqual(status, 1)
      assert.match(stderr, /^openai: SchemaMismatch: id: /)
    }))

  it.live("takes any JSON for a schema without keywords", () =>
    Effect.gen(function*() {
      for (const schema of [{}, { $comment: "anything" }]) {
        const { status, stderr, stdout } = yield* asking({ content: "[1]" }, ["--json"], schema)
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
        assert.deepStrictEqual(lines(stdout).at(-2), { type: "object", object: [1] })
      }
    }))

  it.live("says what is not checked where the schema is more than can be checked", () =>
    Effect.gen(function*() {
      const schema = { type: "object", properties: { a: { type: "array", contains: { const: 1 } } } }
      const text = yield* asking({ content: "{\"a\":[2]}" }, [], schema)
      assert.strictEqual(text.status, 0)
      assert.match(text.stderr, /^The answer is only checked to be JSON, as the schema cannot be: .*contains.*\n/)
      const json = yield* asking({ content: "{\"a\":[2]}" }, ["--json"], schema)
      assert.deepStrictEqual(json.stderr, "")
      assert.match(String(lines(json.stdout).at(-2)?.["unchecked"]), /contains/)
    }))

  it.live("prints partial objects in proportion to the answer", () =>
    Effect.gen(function*() {
      const content = JSON.stringify({ words: Array.from({ length: 3000 }, (_, i) => `word ${i}`) })
      const { stdout } = yield* asking({ content }, ["--json"], { type: "object" })
      const partials = lines(stdout).filter((line) => "partial" in line)
      const length = partials.reduce((sum, line) => sum + JSON.stringify(line).length, 0)
      assert.isAbove(partials.length, 30)
      assert.isBelow(length, 20 * content.length)
    }))

  it.live("gives up on a check that never ends, and prints the answer", () =>
    Effect.gen(function*() {
      const schema = { type: "object", properties: { id: { type: "string", pattern: "^(a+)+$" } } }
      const content = `{"id":"${"a".repeat(60)}!"}`
      const { status, stderr, stdout } = yield* asking({ content }, [], schema)
      assert.deepStrictEqual({ status, stdout }, { status: 1, stdout: `${content}\n` })
      assert.match(stderr, /^openai: SchemaMismatch: The check takes longer than 2 seconds$/m)
    }))

  const noSchemas: ReadonlyArray<readonly [schema: unknown, message: RegExp]> = [
    [[1], /a JSON Schema is an object/],
    [{ compilerOptions: { strict: true } }, /not a JSON Schema: it has none of type, /],
    [{ type: "objekt" }, /type: Expected .*"object".*, not "objekt"/],
    [{ type: "object", properties: { a: { type: 1 } } }, /properties\.a\.type: Expected .*, not 1/],
    [{ type: "object", properties: { a: { items: { required: "b" } } } }, /properties\.a\.items\.required: Expected /],
    [{ type: "object", properties: [] }, /properties: Expected /],
    [{ type: "string", pattern: "(" }, /pattern: Expected a regular expression/],
    [`${"{\"items\":".repeat(20_000)}{}${"}".repeat(20_000)}`, /nested too deeply/],
    [{ anyOf: [{ type: "string" }, "number"] }, /anyOf\[1\]: Expected /],
    [{ type: "object", properties: { a: { minimum: "1" } } }, /properties\.a\.minimum: Expected /]
  ]
  for (const [schema, message] of noSchemas) {
    it.live(`refuses before anything is asked what is no schema: ${message.source}`, () =>
      Effect.gen(function*() {
        const { requests, status, stderr } = yield* asking({ content: ada }, [], schema)
        assert.deepStrictEqual({ status, requests }, { status: 1, requests: [] })
        assert.match(stderr, /^openai: InvalidRequest: --schema .*person\.json: .*\n$/)
        assert.match(stderr, message)
      }))
  }
})
