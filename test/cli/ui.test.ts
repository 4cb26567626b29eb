import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { run } from "./harness.ts"

const sse = (...data: ReadonlyArray<string>): string => data.map((data) => `data: ${data}\n\n`).join("")

const hello = sse(
  `{"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}`,
  "[DONE]"
)
const body = (text: string) =>
  JSON.stringify({ id: "c", messages: [{ id: "u", role: "user", parts: [{ type: "text", text }] }] })
const agUi = (content: string) =>
  JSON.stringify({ threadId: "t", runId: "r", messages: [{ id: "u", role: "user", content }] })

const within = <A, E>(
  files: Readonly<Record<string, string>>,
  use: (path: (name: string) => string) => Effect.Effect<A, E, NodeServices.NodeServices>
) =>
  Effect.gen(function*() {
    const fileSystem = yield* FileSystem.FileSystem
    const directory = yield* fileSystem.makeTempDirectoryScoped()
    const path = (name: string) => `${directory}/${name}`
    for (const [name, text] of Object.entries(files)) yield* fileSystem.writeFileString(path(name), text)
    return yield* use(path)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("decode --ui", () => {
  it.effect("prints the body of each file, and 1 when a stream has failed", () =>
    within({ "a.sse": hello, "b.sse": hello.slice(0, 40) }, (path) =>
      Effect.gen(function*() {
        const one = yield* run(["decode", "--provider", "openai", "--ui", "ai-sdk", path("a.sse")])
        assert.strictEqual(one.status, 0)
        assert.match(one.stdout, /^data: \{"type":"start"\}\n\n[^]*data: \[DONE\]\n\n$/)
        const two = yield* run(["decode", "--provider", "openai", "--ui", "ai-sdk", path("a.sse"), path("b.sse")])
        assert.strictEqual(two.status, 1)
        assert.isTrue(two.stdout.startsWith(`: ${path("a.sse")}\n\n${one.stdout}: ${path("b.sse")}\n\n`))
        assert.match(two.stdout, /"errorText":"IncompleteStream"\}\n\ndata: \[DONE\]\n\n$/)
      })))

  it.effect("ends with 1 when a stream has failed and with 2 when a file can't be read, in whichever form", () =>
    within({ "a.sse": hello, "b.sse": hello.slice(0, 40) }, (path) =>
      Effect.gen(function*() {
        const [whole, cut, none] = [path("a.sse"), path("b.sse"), path("none.sse")]
        for (const form of [[], ["--chunks"], ["--parts"], ["--ui", "ai-sdk"], ["--ui", "ag-ui"]]) {
          for (
            const [files, expected] of [
              [[whole], 0],
              [[cut], 1],
              [[cut, whole], 1],
              [[none], 2],
              [[none, whole], 2],
              [[whole, none], 2],
              [[cut, none], 2],
              [[none, cut], 2]
            ] as const
          ) {
            const { status, stderr } = yield* run(["decode", "--provider", "openai", ...form, ...files])
            assert.strictEqual(status, expected, [...form, ...files].join(" "))
            assert.strictEqual(stderr.includes(`llm-stream decode: ${none}: `), expected === 2)
          }
        }
      })))

  it.effect("takes one form at a time", () =>
    within({ "a.sse": hello }, (path) =>
      Effect.gen(function*() {
        for (
          const [forms, named] of [
            [["--chunks", "--parts"], "--chunks and --parts"],
            [["--parts", "--ui", "ai-sdk"], "--parts and --ui"],
            [["--chunks", "--parts", "--ui", "ai-sdk"], "--chunks and --parts and --ui"]
          ] as const
        ) {
          const { status, stderr, stdout } = yield* run(["decode", "--provider", "openai", ...forms, path("a.sse")])
          assert.deepStrictEqual([status, stdout], [2, ""])
          assert.include(stderr, `${named} exclude each other`)
        }
      })))

  it.effect("prints the events of AG-UI, too", () =>
    within({ "a.sse": hello }, (path) =>
      Effect.gen(function*() {
        const { status, stdout } = yield* run(["decode", "--provider", "openai", "--ui", "ag-ui", path("a.sse")])
        assert.strictEqual(status, 0)
        assert.match(stdout, /^data: \{"type":"RUN_STARTED",[^]*"type":"RUN_FINISHED",.*\}\n\n$/)
      })))

  it.effect("refuses a secret that could be guessed, and other forms beside it", () =>
    within({ "a.sse": hello }, (path) =>
      Effect.gen(function*() {
        const weak = yield* run(["decode", "--provider", "openai", "--ui", "ai-sdk", path("a.sse")], {
          env: { LLM_STREAM_UI_SECRET: "too short" }
        })
        assert.deepStrictEqual([weak.status, weak.stdout], [2, ""])
        assert.notInclude(weak.stderr, "too short")
        const both = yield* run(["decode", "--provider", "openai", "--ui", "ai-sdk", "--parts", path("a.sse")])
        assert.strictEqual(both.status, 2)
      })))
})

describe("ask --ui-messages", () => {
  it.live("asks what the body asks, with the flags beside it", () =>
    within({ "one.json": body("Hello"), "none.json": `{"messages":[]}` }, (path) =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hi." })))
        ])
        const ask = (file: string) =>
          run(["ask", "--base-url", server.url, "--model", "m", "--system", "Be brief", "--ui-messages", path(file)], {
            env: { OPENAI_API_KEY: "sk-key" }
          })
        const one = yield* ask("one.json")
        assert.deepStrictEqual([one.status, one.stdout], [0, "Hi.\n"])
        const none = yield* ask("none.json")
        assert.deepStrictEqual([none.status, none.stdout], [1, ""])
        assert.include(none.stderr, "InvalidRequest: messages: empty")
        const [request, ...others] = yield* server.requests
        assert.isEmpty(others)
        assert.deepInclude(request?.body, {
          model: "m",
          messages: [{ role: "system", content: "Be brief" }, { role: "user", content: "Hello" }]
        })
      }).pipe(Effect.scoped)))

  it.effect("shows the request of each body, and 1 when one is refused", () =>
    within(
      { "one.json": body("Hello"), "ag-ui.json": agUi("Hello"), "two.jsonl": `${body("Hello")}\n{"messages":[]}\n` },
      (path) =>
        Effect.gen(function*() {
          const ask = (...args: ReadonlyArray<string>) => run(["ask", "--provider", "openai", "--model", "m", ...args])
          const one = yield* ask("--ui-messages", path("one.json"), "--dry-run")
          assert.strictEqual(one.status, 0)
          assert.deepInclude(JSON.parse(one.stdout), { type: "request", ignored: [] })
          const agUi = yield* ask("--ui-messages", path("ag-ui.json"), "--dry-run")
          assert.strictEqual(agUi.stdout, one.stdout)
          const two = yield* ask("--ui-messages", path("two.jsonl"), "--dry-run")
          const lines = two.stdout.trim().split("\n").map((line): unknown => JSON.parse(line))
          assert.deepStrictEqual([two.status, lines.length, JSON.stringify(lines[0])], [
            1,
            2,
            JSON.stringify(JSON.parse(one.stdout))
          ])
          assert.deepNestedInclude(lines[1], { "error.reason": "InvalidRequest", "error.message": "messages: empty" })
          assert.strictEqual((yield* ask("--ui-messages", path("two.jsonl"))).status, 2)
          assert.strictEqual((yield* ask("--ui-messages", path("one.json"), "--dry-run", "Hi")).status, 2)
        })
    ))
})
