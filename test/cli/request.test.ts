import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { byTurns } from "../support/clock.ts"
import { Failure, lines, run } from "./harness.ts"

const env = { OPENAI_API_KEY: "sk-test-key-of-the-tests", ANTHROPIC_API_KEY: "sk-ant-test-key" }

/** The files of one test, in a folder of their own. */
const written = Effect.fnUntraced(function*(files: Readonly<Record<string, string | Uint8Array>>) {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped()
  for (const [name, content] of Object.entries(files)) {
    yield* typeof content === "string"
      ? fileSystem.writeFileString(`${folder}/${name}`, content)
      : fileSystem.writeFile(`${folder}/${name}`, content)
  }
  return (name: string) => `${folder}/${name}`
}, Effect.provide(NodeServices.layer))

const dryRun = (args: ReadonlyArray<string>, options: Parameters<typeof run>[1] = {}) =>
  Effect.map(run(["ask", "--dry-run", ...args], { env, ...options }), ({ status, stderr, stdout }) => {
    const [line = {}] = stdout === "" ? [] : lines(stdout)
    return { status, stderr, line, ...Schema.decodeUnknownSync(Shown)(line) }
  })

const Shown = Schema.Struct({
  request: Schema.optionalKey(Schema.Struct({
    method: Schema.String,
    url: Schema.String,
    headers: Schema.Record(Schema.String, Schema.String),
    body: Schema.Record(Schema.String, Schema.Unknown)
  })),
  ignored: Schema.optionalKey(Schema.Array(Schema.String))
})

const text = (content: string) => [{ role: "user", content }]

const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

describe("ask --dry-run", () => {
  it.effect("prints the request, without its secrets, and needs none", () =>
    Effect.gen(function*() {
      const { line, request, status } = yield* dryRun(["--provider", "openai", "-m", "gpt-4.1", "hello"], { env: {} })
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(Object.keys(line), ["type", "request", "ignored"])
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.url, "https://api.openai.com/v1/chat/completions")
      assert.strictEqual(request?.headers["authorization"], "<redacted>")
      assert.deepStrictEqual(request?.body["messages"], text("hello"))
    }))

  it.live("prints exactly what is sent", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hi" })))
      ])
      const args = ["--provider", "openai", "--base-url", server.url, "-s", "Be brief", "--max-tokens", "9", "hello"]
      const { request } = yield* dryRun(args)
      yield* run(["ask", ...args], { env })
      const sent = yield* server.request(0)
      assert.deepStrictEqual<unknown>(sent.body, request?.body)
      assert.strictEqual(new URL(request?.url ?? "").pathname, sent.path)
      for (const [name, value] of Object.entries(request?.headers ?? {})) {
        if (value !== "<redacted>") assert.strictEqual(sent.headers[name], value, name)
      }
    }))

  it.effect("names what is not sent, and prints why a request can't be made", () =>
    Effect.gen(function*() {
      const file = yield* written({ "a.json": JSON.stringify({ prompt: "hello", topK: 5, model: "gpt-4.1" }) })
      const { ignored } = yield* dryRun(["--provider", "openai", "--request", file("a.json")])
      assert.lengthOf(ignored ?? [], 1)
      assert.match(ignored?.[0] ?? "", /^topK/)
      const { line, status } = yield* dryRun(["--provider", "bedrock", "--image", "https://a.example/b.png", "hello"], {
        env: { AWS_REGION: "us-east-1" }
      })
      assert.strictEqual(status, 1)
      assert.strictEqual(line["type"], "error")
    }))
})

describe("ask --request", () => {
  it.effect("takes the whole request, from a file or standard input; flags win over it", () =>
    Effect.gen(function*() {
      const json = JSON.stringify({ model: "gpt-4.1", prompt: text("hello"), temperature: 0.5, seed: 7 })
      const file = yield* written({ "request.json": json })
      const fromFile = yield* dryRun(["--provider", "openai", "--request", file("request.json")])
      assert.deepInclude(fromFile.request?.body, { model: "gpt-4.1", temperature: 0.5, seed: 7 })
      const fromStdin = yield* dryRun(["--provider", "openai", "--request", "-"], {
        stdin: Stream.make(json).pipe(Stream.encodeText)
      })
      assert.deepStrictEqual(fromStdin.request, fromFile.request)
      const changed = yield* dryRun(
        ["--provider", "openai", "--request", file("request.json"), "-m", "gpt-4o", "--temperature", "1"]
      )
      assert.deepInclude(changed.request?.body, { model: "gpt-4o", temperature: 1, seed: 7 })
    }))

  it.effect("says what is wrong with it as InvalidRequest, and exits with 1", () =>
    Effect.gen(function*() {
      const file = yield* written({
        "typo.json": JSON.stringify({ prompt: "hello", temprature: 1 }),
        "broken.json": "{\"prompt\":"
      })
      for (const [name, message] of [["typo.json", /temprature/], ["broken.json", /not JSON/]] as const) {
        for (const flags of [["--json"], ["--dry-run"], ["--json", "--dry-run"]]) {
          const { status, stdout } = yield* run(["ask", "--provider", "openai", "--request", file(name), ...flags], {
            env
          })
          assert.strictEqual(status, 1)
          const [line] = lines(stdout)
          assert.strictEqual(line?.["type"], "error")
          const error = Schema.decodeUnknownSync(Failure)(line?.["error"])
          assert.strictEqual(error.reason, "InvalidRequest")
          assert.match(error.message, message)
          assert.isTrue(error.message.startsWith(`--request ${file(name)}: `), error.message)
        }
        const { stderr, stdout } = yield* run(["ask", "--provider", "openai", "--request", file(name)], { env })
        assert.strictEqual(stdout, "")
        assert.match(stderr, /^openai: InvalidRequest: /)
      }
    }))

  it.effect("exits with 2 for a file that is not there, and for a PROMPT beside it", () =>
    Effect.gen(function*() {
      const missing = yield* run(["ask", "--provider", "openai", "--request", "/nowhere.json"], { env })
      assert.deepStrictEqual([missing.status, missing.stdout], [2, ""])
      assert.match(missing.stderr, /\/nowhere\.json: no such file/)
      // A device of zeros, a directory, a file below a file.
      for (
        const [file, message] of [
          ["/dev/zero", "larger than the limit of 64 MiB"],
          ["/tmp", "is a directory, not a file"],
          ["/etc/passwd/x", "no such file"]
        ] as const
      ) {
        for (const args of [["--request", file], ["--schema", file, "hello"], ["--prices", file, "hello"]]) {
          assert.deepStrictEqual(yield* run(["ask", "--provider", "openai", ...args], { env }), {
            status: 2,
            stdout: "",
            stderr: `llm-stream: ${file}: ${message}\n`
          })
        }
      }
      for (const beside of [["hello"], ["--image", "a.png"], ["--file", "a.pdf"]]) {
        const both = yield* run(["ask", "--provider", "openai", "--request", "/nowhere.json", ...beside], { env })
        assert.deepStrictEqual([both.status, /leave out PROMPT/.test(both.stderr)], [2, true], beside[0])
      }
    }))
})

describe("ask PROMPT", () => {
  it.effect("refuses what is no text, which would be sent as something else", () =>
    Effect.gen(function*() {
      const latin = Uint8Array.of(0x63, 0x61, 0x66, 0xe9)
      for (const stdin of [Stream.make(latin), Stream.make(Uint8Array.of(0x61), Uint8Array.of(0xc3))]) {
        const { status, stderr } = yield* run(["ask", "--provider", "openai", "-"], { env, stdin })
        assert.deepStrictEqual({ status, stderr }, {
          status: 2,
          stderr: "llm-stream: Standard input: not UTF-8 text\n"
        })
      }
      const file = yield* written({ "a.json": latin })
      const { stderr } = yield* run(["ask", "--provider", "openai", "--request", file("a.json")], { env })
      assert.match(stderr, /a\.json: not UTF-8 text\n$/)
    }))

  it.effect("puts what is piped in before it", () =>
    Effect.gen(function*() {
      for (const stdinKind of ["FIFO", "File", "Socket"] as const) {
        const { request } = yield* dryRun(["--provider", "openai", "Summarise this."], {
          stdin: Stream.make("A long ", "text\n").pipe(Stream.encodeText),
          stdinKind
        })
        assert.deepStrictEqual(request?.body["messages"], text("A long text\n\nSummarise this."), stdinKind)
      }
    }))

  it.effect("does not wait for a parent that holds standard input open and writes nothing", () =>
    Effect.gen(function*() {
      const socket = { stdin: Stream.never, stdinKind: "Socket" } as const
      const { request } = yield* byTurns(dryRun(["--provider", "openai", "hello"], socket))
      assert.deepStrictEqual(request?.body["messages"], text("hello"))
    }))

  it.effect("does not read a terminal", () =>
    Effect.gen(function*() {
      const { request } = yield* dryRun(["--provider", "openai", "hello"], {
        stdin: Stream.die("read"),
        stdinKind: "CharacterDevice"
      })
      assert.deepStrictEqual(request?.body["messages"], text("hello"))
    }))

  it.effect("takes images, documents and a schema along", () =>
    Effect.gen(function*() {
      const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
      const file = yield* written({
        "a.png": png,
        "b.pdf": new TextEncoder().encode("%PDF-1.7"),
        "person.json": JSON.stringify(schema)
      })
      const { request } = yield* dryRun([
        "--provider",
        "openai",
        "--image",
        file("a.png"),
        "--image",
        "https://a.example/b.jpg",
        "--file",
        file("b.pdf"),
        "--schema",
        file("person.json"),
        "Who is it?"
      ])
      const [message] = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ content: Schema.Array(Part) })))(
        request?.body["messages"]
      )
      assert.deepStrictEqual(message?.content.map(({ type }) => type), ["image_url", "image_url", "file", "text"])
      const format = Schema.decodeUnknownSync(Format)(request?.body["response_format"])
      assert.strictEqual(format.json_schema.name, "person")
      assert.deepInclude(format.json_schema.schema, schema)
    }))

  it.effect("exits with 2 for a file of a type that is not sent", () =>
    Effect.gen(function*() {
      const file = yield* written({ "a.xyz": png })
      const { status, stderr } = yield* run(["ask", "--provider", "openai", "--file", file("a.xyz"), "hello"], { env })
      assert.strictEqual(status, 2)
      assert.match(stderr, /not a file type/)
    }))

  it.live("shows reasoning and tool calls beside the answer, not in it", () =>
    Effect.gen(function*() {
      const answer = Answer.make({
        reasoning: "Let me see.",
        content: "I look it up.",
        toolCalls: [{ name: "weather", arguments: "{\"city\":\"Paris\"}" }]
      })
      const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.openai, Answer.openai(answer))])
      const { stderr, stdout } = yield* run(["ask", "--provider", "openai", "--base-url", server.url, "hello"], { env })
      assert.strictEqual(stdout, "I look it up.\n")
      assert.match(stderr, /^\[reasoning\] Let me see\.\n\[tool call\] weather \{"city":"Paris"\}\n/)
    }))
})

const Part = Schema.Struct({ type: Schema.String })

const Format = Schema.Struct({
  json_schema: Schema.Struct({ name: Schema.String, schema: Schema.Record(Schema.String, Schema.Unknown) })
})
