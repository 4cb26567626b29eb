import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Schema, Stream, type Terminal } from "effect"
import { TestClock } from "effect/testing"
import { fileURLToPath } from "node:url"
import { wholeLines } from "../../src/cli/mcp.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { ctrl, enter, keysOf, lines, type Options, press, run, start, typist } from "./harness.ts"

const serverIn = (file: string) => `'${process.execPath}' '${fileURLToPath(new URL(file, import.meta.url))}'`
const command = serverIn("mcpServer.ts")
const speaking = (version: string) => `env MCP_VERSION=${version} ${serverIn("../support/mcpServer.ts")}`

const usage = { inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }

const reply = (answer: Parameters<typeof Answer.make>[0], options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(
    Wire.openai,
    Answer.openai(Answer.make({ model: "gpt-4o-2024-08-06", usage, ...answer })),
    options
  )

const calling = (name: string, args: unknown, content?: string) =>
  reply({ content, toolCalls: [{ name, arguments: JSON.stringify(args) }] })

const asking = Effect.fnUntraced(function*(
  replies: readonly [ReplayServer.Reply, ...ReadonlyArray<ReplayServer.Reply>],
  args: ReadonlyArray<string> = ["--tools", command],
  options: Options = {}
) {
  const server = yield* NodeReplayServer.make(replies)
  const outcome = yield* run(["ask", "--base-url", server.url, "--max-retries", "0", ...args, "Well?"], {
    env: { OPENAI_API_KEY: "a-key" },
    ...options
  })
  return { ...outcome, requests: yield* server.requests }
})

interface Body {
  readonly messages: ReadonlyArray<Record<string, unknown>>
  readonly tools: ReadonlyArray<{ readonly function: { readonly name: string } }>
}

const bodyOf = (request: ReplayServer.Request | undefined): Body => request?.body as Body

const lastMessage = (request: ReplayServer.Request | undefined): unknown => bodyOf(request).messages.at(-1)?.["content"]

describe("--tools", () => {
  it.live("runs the tools of an MCP server until the model has its answer", () =>
    Effect.gen(function*() {
      const { requests, status, stderr, stdout } = yield* asking([
        calling("add", { a: 2, b: 3 }, "Let me see."),
        reply({ content: "It is 5." })
      ])
      assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "Let me see.\nIt is 5.\n" })
      assert.deepStrictEqual(bodyOf(requests[0]).tools.map((tool) => tool.function.name), [
        "add",
        "forget",
        "crash",
        "wait"
      ])
      assert.strictEqual(lastMessage(requests[1]), "The sum is 5\u001b[31m")
      assert.match(stderr, /^\[tool call\] add \{"a":2,"b":3\}\n\[tool result\] add The sum is 5 ?\[31m\n/)
      assert.match(stderr, /^steps +2$/m)
      assert.match(stderr, /^tokens +input 2000, cached 400, output 200$/m)
      assert.match(stderr, /^cost +\$0\.0065$/m)
    }))

  it.live("tells calls and results with --json in lines of their own, and the whole in the last line", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* asking([
        calling("add", { a: 2, b: 3 }),
        reply({ content: "It is 5." })
      ], ["--tools", command, "--json"])
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      const all = lines(stdout)
      const others = all.filter(({ type }) => type !== "chunk")
      const id = others[0]?.["id"]
      assert.isString(id)
      assert.deepStrictEqual(others.slice(0, 2), [
        { type: "tool_call", id, name: "add", params: { a: 2, b: 3 }, problem: null },
        { type: "tool_result", id, name: "add", isFailure: false, result: "The sum is 5\u001b[31m" }
      ])
      const last = all.at(-1)
      assert.deepInclude(last?.["response"], { content: "It is 5.", toolCalls: [] })
      assert.deepInclude(last?.["total"], {
        steps: 2,
        isOutOfSteps: false,
        usage: {
          inputTokens: 2000,
          cachedTokens: 400,
          cacheWriteTokens: null,
          outputTokens: 200,
          reasoningTokens: null
        }
      })
      assert.nestedPropertyVal(last, "total.cost.total", 0.0065)
    }))

  it.live("stops after --max-steps responses and says so", () =>
    Effect.gen(function*() {
      const { requests, status, stderr } = yield* asking(
        [calling("add", { a: 1, b: 1 })],
        ["--tools", command, "--max-steps", "2"]
      )
      assert.deepStrictEqual({ status, requests: requests.length }, { status: 0, requests: 2 })
      assert.match(stderr, /^The model wants more than 2 steps; --max-steps allows more$/m)
    }))

  it.live("says of how many steps the cost is not known", () =>
    Effect.gen(function*() {
      const replies = [
        calling("add", { a: 1, b: 1 }),
        ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ model: "nobodys-model", usage, content: "2" })))
      ] as const
      const { stderr } = yield* asking(replies)
      assert.match(stderr, /^cost +at least \$0\.00325 \(without 1 of 2 steps: .*nobodys-model.*\)$/m)
      const { stdout } = yield* asking(replies, ["--tools", command, "--json"])
      assert.nestedPropertyVal(lines(stdout).at(-1), "total.stepsWithoutCost", 1)
      assert.nestedPropertyVal(lines(stdout).at(-1), "total.cost.total", 0.00325)
    }))

  it.live("prints the steps before a provider's failure, and the failure", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* asking([
        calling("add", { a: 1, b: 1 }),
        ReplayServer.json({ error: { message: "Too much" } }, { status: 503 })
      ])
      assert.strictEqual(status, 1)
      assert.match(stderr, /^\[tool result\] add/m)
      assert.match(stderr, /^openai: ServerError: Too much$/m)
    }))

  it.live("tells the model when its server has died, and goes on", () =>
    Effect.gen(function*() {
      const { requests, status, stderr, stdout } = yield* asking([calling("crash", {}), reply({ content: "Sorry." })])
      assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "Sorry.\n" })
      assert.strictEqual(lastMessage(requests[1]), "The server ended with exit code 3")
      assert.match(stderr, /^\[tool failure\] crash The server ended with exit code 3$/m)
    }))

  it.live("tells of a call in a line of its own, after reasoning too", () =>
    Effect.gen(function*() {
      const chunks = Answer.anthropic(
        Answer.make({ reasoning: "Hmm", toolCalls: [{ name: "add", arguments: "{\"a\":2,\"b\":3}" }] })
      )
      const { stderr } = yield* asking(
        [
          ReplayServer.stream(Wire.anthropic, chunks),
          ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content: "5", reasoning: "So" })))
        ],
        ["--tools", command, "--provider", "anthropic"],
        { env: { ANTHROPIC_API_KEY: "a-key" } }
      )
      assert.match(stderr, /^\[reasoning\] Hmm\n\[tool call\] add .*\n\[tool result\] add .*\n\[reasoning\] So\n/)
    }))

  for (const version of ["2025-11-25", "2026-07-28"]) {
    it.live(`speaks MCP ${version} with a server of Effect`, () =>
      Effect.gen(function*() {
        const { requests } = yield* asking(
          [calling("add", { a: 2, b: 3 }), reply({ content: "It is 5." })],
          ["--tools", speaking(version)]
        )
        assert.match(String(lastMessage(requests[1])), /The sum is 5/)
      }))
  }

  it.live("tells the model of a result that is nested too deeply, and goes on", () =>
    Effect.gen(function*() {
      const { requests, status } = yield* asking([calling("add", {}), reply({ content: "Sorry." })], [
        "--tools",
        `${command} deep`
      ])
      assert.deepStrictEqual({ status, last: lastMessage(requests[1]) }, {
        status: 0,
        last: "The result can't be read"
      })
    }))

  it.live("has tools of any name", () =>
    Effect.gen(function*() {
      const { requests } = yield* asking([calling("__proto__", { a: 2, b: 3 }), reply({ content: "5" })], [
        "--tools",
        `${command} names`
      ])
      assert.include(String(lastMessage(requests[1])), "The sum is 5")
    }))

  it.effect.prop(
    "reads whole lines, so that a line costs what it is long",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))],
    ([text, size]) =>
      Effect.gen(function*() {
        const bytes = Buffer.from(text.replaceAll("a", "\n"))
        const reads = Array.from(
          { length: Math.ceil(bytes.length / (size + 1)) },
          (_, at) => bytes.subarray(at * (size + 1), (at + 1) * (size + 1))
        )
        const pieces = yield* Stream.runCollect(wholeLines(Stream.fromIterable(reads)))
        assert.isTrue(pieces.every((piece) => piece.length === 0 || piece.at(-1) === 10))
        assert.strictEqual(`${Buffer.concat(pieces)}`, `${bytes.subarray(0, bytes.lastIndexOf(10) + 1)}`)
      })
  )

  it.effect("reads lines as long as docs/reliability.md says, and hands on what is longer", () =>
    Effect.gen(function*() {
      const most = 16 * 1024 * 1024
      const read = (size: number) => {
        const line = Buffer.alloc(size, "a").fill("\n", size - 1)
        return Effect.map(
          Stream.runCollect(wholeLines(Stream.make(line.subarray(0, -1), line.subarray(-1)))),
          (pieces) => pieces.map(({ length }) => length)
        )
      }
      assert.deepStrictEqual(yield* read(most + 1), [0, most + 1])
      assert.deepStrictEqual(yield* read(most + 2), [most + 1, 1])
    }))

  it.effect("tells the model when a tool does not answer in time, and goes on", () =>
    Effect.gen(function*() {
      const waiting = yield* NodeReplayServer.make([ReplayServer.json({})])
      const server = `env WAITS_AT=${waiting.url} ${command}`
      const fiber = yield* Effect.forkChild(
        asking([calling("wait", {}), reply({ content: "Never mind." })], ["--tools", server, "--tool-timeout", "5s"])
      )
      yield* waiting.request(0)
      yield* TestClock.adjust("5 seconds")
      const { requests, status, stdout } = yield* Fiber.join(fiber)
      assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "Never mind.\n" })
      assert.strictEqual(lastMessage(requests[1]), "The server did not answer within 5s")
    }))

  describe("that may change or destroy something", () => {
    const forgetting = [calling("forget", { what: "all" }), reply({ content: "Fine." })] as const

    it.live("don't run where there is no one to ask", () =>
      Effect.gen(function*() {
        const { requests, status } = yield* asking(forgetting)
        assert.strictEqual(status, 0)
        assert.include(String(lastMessage(requests[1])), "no one who could be asked")
      }))

    it.live("run with --yes", () =>
      Effect.gen(function*() {
        const { requests } = yield* asking(forgetting, ["--tools", command, "--yes"])
        assert.strictEqual(lastMessage(requests[1]), "Forgot all")
      }))

    const answering = Effect.fnUntraced(function*(...answer: ReadonlyArray<Terminal.UserInput>) {
      const { options, screen } = yield* typist([["Run forget", answer]])
      // Consent costs no step.
      const outcome = yield* asking(forgetting, ["--tools", command, "--max-steps", "2"], options)
      return { ...outcome, screen: screen() }
    })

    it.live("run when the user says yes, and only then", () =>
      Effect.gen(function*() {
        const yes = yield* answering(...keysOf("y"), enter)
        assert.include(yes.screen, "Run forget {\"what\":\"all\"}? Type yes or no.")
        assert.strictEqual(lastMessage(yes.requests[1]), "Forgot all")
        for (const keys of [[], keysOf("try it"), [press("paste", {}, "what")], [ctrl("d")]]) {
          const no = yield* answering(...keys, enter)
          assert.include(String(lastMessage(no.requests[1])), "denied")
          assert.strictEqual(no.status, 0)
        }
      }))

    it.live("are shown whole, with every character, before they run", () =>
      Effect.gen(function*() {
        const { options, screen } = yield* typist([["Type yes or no", [enter]]])
        const what = `${"x".repeat(5000)}\u202e\u2066\u200b\u009b\u{e0041}\u001b[2Jend`
        yield* asking([calling("forget", { what }), reply({ content: "Fine." })], ["--tools", command], options)
        const shown = `Run forget {"what":"${
          "x".repeat(5000)
        }\\u202e\\u2066\\u200b\\u009b\\udb40\\udc41\\u001b[2Jend"}?`
        assert.include(screen(), shown)
      }))

    it.live("don't run by a key that was typed for the next message", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          calling("forget", { what: "all" }, "Let me see."),
          reply({ content: "Fine." })
        ])
        const { left, options } = yield* typist([
          ["> ", [...keysOf("Well?"), enter, ...keysOf("yes"), enter]],
          ["Run forget", [...keysOf("no"), enter]],
          ["Fine.", [ctrl("d")]]
        ])
        yield* run(["chat", "--base-url", server.url, "--tools", command], {
          env: { OPENAI_API_KEY: "a-key" },
          ...options
        })
        assert.deepStrictEqual(left(), [])
        assert.include(String(lastMessage(yield* server.request(1))), "denied")
        assert.strictEqual(lastMessage(yield* server.request(2)), "yes")
      }))
  })

  it.live("end with the program at Ctrl-C where it asks", () =>
    Effect.gen(function*() {
      const { options } = yield* typist([["Run forget", [ctrl("c")]]])
      const exit = yield* Effect.exit(asking([calling("forget", { what: "all" })], ["--tools", command], options))
      assert.isTrue(Exit.hasInterrupts(exit))
    }))

  const unusable: ReadonlyArray<readonly [title: string, args: ReadonlyArray<string>, message: RegExp]> = [
    [
      "a command that does not exist",
      ["--tools", "no-such-program-at-all --x"],
      /"no-such-program-at-all --x": no such command$/
    ],
    ["an empty command", ["--tools", " "], /no command$/],
    ["a quote that is left open", ["--tools", "node 'x"], /The quote is not closed$/],
    ["a command that is a directory", ["--tools", "/"], /Cannot spawn MCP server: permission denied$/],
    [
      "a server that ends at once",
      ["--tools", "node --no-such-option"],
      /: The server ended with exit code 9: .*bad option: --no-such-option$/
    ],
    [
      "a script that does not exist",
      ["--tools", "node /no-such-script.js"],
      /exit code 1: Error: Cannot find module '\/no-such-script.js'$/
    ],
    ["a server that is killed", ["--tools", `${command} signal:initialize`], /: The server was ended by SIGKILL$/],
    [
      "a server that ends with a stack trace",
      ["--tools", `${command} exit:tools/list`],
      /: The server ended with exit code 7: TypeError: no luck$/
    ],
    ["a program that does not speak MCP", ["--tools", "sh -c 'echo hello; cat'"], /Invalid MCP JSON: .*hello.*$/],
    ...["silent", "silent:tools/list", "flood"].map((fault) =>
      [
        `a server that does not answer (${fault})`,
        ["--tools", `${command} ${fault}`, "--tool-timeout", "100ms"],
        /: The server did not answer within 100ms$/
      ] as const
    ),
    [
      "a server of an older version",
      ["--tools", speaking("2024-11-05")],
      /speaks neither MCP 2025-11-25 nor 2026-07-28$/
    ],
    [
      "two servers with the same tools",
      ["--tools", command, "--tools", `${command} again`],
      /a tool of the same name, add$/
    ],
    ["a dry run", ["--tools", command, "--dry-run"], /--dry-run starts nothing/]
  ]

  for (const [title, args, message] of unusable) {
    it.live(`exits with 2 and one line for ${title}`, () =>
      Effect.gen(function*() {
        const { requests, status, stderr } = yield* asking([reply({ content: "Hello" })], args)
        assert.deepStrictEqual({ status, requests }, { status: 2, requests: [] })
        assert.match(stderr.trimEnd(), message)
        assert.strictEqual(stderr.trimEnd().split("\n").length, 1)
      }))
  }

  it.live("refuses tools beside those of a request, and asks nobody", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([reply({ content: "Hello" })])
      const request = { prompt: "Hi", tools: [{ name: "now", parameters: { type: "object", properties: {} } }] }
      const { status, stderr } = yield* run(
        ["ask", "--base-url", server.url, "--tools", command, "--request", "-"],
        { env: { OPENAI_API_KEY: "a-key" }, stdin: Stream.encodeText(Stream.make(JSON.stringify(request))) }
      )
      assert.strictEqual(status, 2)
      assert.include(stderr, "--tools: the request has tools of its own")
      assert.isEmpty(yield* server.requests)
    }))

  it.live("leaves no server behind when the program is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        reply({ content: "Hello, world" }, { fault: { kind: "hang", after: { events: 2 } } })
      ])
      const files = yield* FileSystem.FileSystem
      const file = `${yield* files.makeTempDirectoryScoped()}/pid`
      const process_ = start(
        [
          "ask",
          "--base-url",
          server.url,
          "--tools",
          `sh -c 'echo $$ > ${file}; exec ${command.replaceAll("'", "")}'`,
          "Hi"
        ],
        { OPENAI_API_KEY: "a-key" }
      )
      yield* process_.printed("Hello")
      process_.child.kill("SIGINT")
      assert.strictEqual((yield* process_.exited).status, 130)
      const pid = Number(yield* files.readFileString(file))
      assert.throws(() => process.kill(pid, 0), /ESRCH/)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("serve chat, which keeps calls and results in its history", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const file = `${yield* files.makeTempDirectoryScoped()}/history.json`
      const server = yield* NodeReplayServer.make([
        calling("add", { a: 2, b: 3 }),
        reply({ content: "It is 5." }),
        reply({ content: "Thanks." })
      ])
      const { status, stderr, stdout } = yield* run(
        ["chat", "--base-url", server.url, "--tools", command, "--history", file],
        { env: { OPENAI_API_KEY: "a-key" }, stdin: Stream.make("2 and 3?\nGood\n").pipe(Stream.encodeText) }
      )
      assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "It is 5.\nThanks.\n" })
      assert.include(stderr, "so far input 3000, cached 600, output 300, cost $0.00975")
      assert.deepStrictEqual(bodyOf(yield* server.request(2)).messages.map(({ role }) => role), [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user"
      ])
      const { prompt } = JSON.parse(yield* files.readFileString(file))
      assert.lengthOf(prompt, 6)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("stop at Ctrl-C in chat, which goes on without the step that was under way", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        calling("add", { a: 2, b: 3 }),
        calling("wait", {}, "Wait a moment."),
        reply({ content: "As you like." })
      ])
      const { left, options } = yield* typist([
        ["> ", [...keysOf("2 and 3?"), enter]],
        ["moment.\n", [ctrl("c")]],
        ["> ", [...keysOf("Never mind"), enter]],
        ["As you like.", [ctrl("d")]]
      ])
      const { status, stderr } = yield* run(
        ["chat", "--base-url", server.url, "--tools", command],
        { env: { OPENAI_API_KEY: "a-key" }, ...options }
      )
      assert.deepStrictEqual({ status, left: left() }, { status: 0, left: [] })
      assert.match(stderr, /^stopped \| tokens /m)
      assert.deepStrictEqual(
        bodyOf(yield* server.request(2)).messages.map(({ content, role }) => [role, content]),
        [
          ["user", "2 and 3?"],
          ["assistant", undefined],
          ["tool", "The sum is 5\u001b[31m"],
          ["assistant", "Wait a moment."],
          ["user", "Never mind"]
        ]
      )
    }))
})
