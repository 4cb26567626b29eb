import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Stream, Terminal } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { ctrl, enter, keysOf, type Options, press, run, start, startInTerminal, typist } from "./harness.ts"

const key = "sk-never-to-be-seen-in-any-output"

const usage = { inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }

const answering = (content: string, options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(
    Wire.openai,
    Answer.openai(Answer.make({ id: "chatcmpl-1", model: "gpt-4o-2024-08-06", content, usage })),
    options
  )

const overloaded = ReplayServer.json({ error: { message: "Too\nmuch", type: "server_error" } }, { status: 503 })

const folder = Effect.provide(
  Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped()),
  NodeServices.layer
)

/** Chats over piped lines. */
const piping = Effect.fnUntraced(function*(
  server: ReplayServer.ReplayServer["Service"],
  said: string,
  args: ReadonlyArray<string> = [],
  options: Options = {}
) {
  const outcome = yield* run(["chat", "--base-url", server.url, "--max-retries", "0", ...args], {
    env: { OPENAI_API_KEY: key },
    stdin: Stream.make(said).pipe(Stream.encodeText),
    ...options
  })
  assert.notInclude(outcome.stdout + outcome.stderr, key)
  return outcome
})

const messagesOf = (request: ReplayServer.Request | undefined): unknown =>
  typeof request?.body === "object" && request.body !== null && "messages" in request.body
    ? request.body.messages
    : undefined

const user = (content: string) => ({ role: "user", content })
const assistant = (content: string) => ({ role: "assistant", content })

describe("chat", () => {
  describe("with lines that are piped in", () => {
    it.live("answers each line, and sends what was said before with it", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("Hello!"), answering("Ada.")])
        const { status, stdout } = yield* piping(server, "My name is Ada\n\nWho am I?", ["--system", "Be brief"])
        assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "Hello!\nAda.\n" })
        assert.deepStrictEqual((yield* server.requests).map(messagesOf), [
          [{ role: "system", content: "Be brief" }, user("My name is Ada")],
          [{ role: "system", content: "Be brief" }, user("My name is Ada"), assistant("Hello!"), user("Who am I?")]
        ])
      }))

    it.live("tells after each answer what it took, and what all have cost so far", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("One"), answering("Two")])
        const { stderr } = yield* piping(server, "1\n2\n")
        assert.deepStrictEqual(stderr.split("\n"), [
          "stop | tokens input 1000, cached 200, output 100 | cost $0.00325 | so far input 1000, cached 200, output 100, cost $0.00325",
          "stop | tokens input 1000, cached 200, output 100 | cost $0.00325 | so far input 2000, cached 400, output 200, cost $0.0065",
          ""
        ])
      }))

    it.live("takes a line that ends in a backslash together with the next one, and two slashes for one", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("Yes")])
        yield* piping(server, "one\\\ntwo\\\nthree\n//etc is a path\n")
        assert.deepStrictEqual(messagesOf(yield* server.request(0)), [user("one\ntwo\nthree")])
        assert.deepStrictEqual(messagesOf(yield* server.request(1)), [
          user("one\ntwo\nthree"),
          assistant("Yes"),
          user("/etc is a path")
        ])
      }))

    it.live("refuses what is no text", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("Yes")])
        const { status, stderr } = yield* piping(server, "", [], {
          stdin: Stream.make(Uint8Array.of(0x61, 0xff, 0x0a))
        })
        assert.deepStrictEqual({ status, stderr }, {
          status: 2,
          stderr: "llm-stream: Standard input: not UTF-8 text\n"
        })
      }))

    it.live("goes on after an error, which takes one line, and can send the message again", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("One"), overloaded, answering("Two")])
        const { status, stderr, stdout } = yield* piping(server, "1\n2\n/retry\n")
        assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "One\nTwo\n" })
        assert.match(stderr, /^openai: ServerError: Too much \(status 503, code server_error\)$/m)
        const expected = [user("1"), assistant("One"), user("2")]
        assert.deepStrictEqual((yield* server.requests).slice(1).map(messagesOf), [expected, expected])
      }))

    it.live("exits with 1 when the last answer failed", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("One"), overloaded])
        assert.strictEqual((yield* piping(server, "1\n2\n")).status, 1)
      }))

    it.live("keeps no half of an answer that broke off", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          answering("Half an answer", { fault: { kind: "reset", after: { events: 2 } } }),
          answering("Whole")
        ])
        const { stdout } = yield* piping(server, "1\n2\n")
        assert.match(stdout, /^Half\nWhole\n$/)
        assert.deepStrictEqual(messagesOf(yield* server.request(1)), [user("2")])
      }))

    it.live("shows no control characters of a model's reasoning", () =>
      Effect.gen(function*() {
        const chunks = Answer.anthropic(Answer.make({ reasoning: "\u001b[2Jhmm", content: "Yes" }))
        const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.anthropic, chunks)])
        const { stderr } = yield* piping(server, "Well?\n", ["--provider", "anthropic"], {
          env: { ANTHROPIC_API_KEY: key }
        })
        assert.match(stderr, /^\[reasoning\] \ufffd\[2Jhmm$/m)
      }))

    it.live("gives a provider back all that it wants of an answer", () =>
      Effect.gen(function*() {
        const chunks = Answer.anthropic(Answer.make({ reasoning: "Let me think", content: "Yes" }))
        const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.anthropic, chunks)])
        yield* piping(server, "Well?\nSure?\n", ["--provider", "anthropic"], { env: { ANTHROPIC_API_KEY: key } })
        const [, answer] = messagesOf(yield* server.request(1)) as ReadonlyArray<{
          readonly content: ReadonlyArray<Record<string, unknown>>
        }>
        assert.deepStrictEqual(answer?.content.map(({ type }) => type), ["thinking", "text"])
        assert.isString(answer?.content[0]?.["signature"])
      }))
  })

  describe("--history", () => {
    it.live("goes on with the conversation of the run before, by its provider, model and instructions", () =>
      Effect.gen(function*() {
        const file = `${yield* folder}/history.json`
        const server = yield* NodeReplayServer.make([answering("Hello!"), answering("Ada.")])
        const args = ["--history", file]
        yield* piping(server, "My name is Ada\n", ["--model", "gpt-4o", "--system", "Be brief", ...args])
        const { stderr } = yield* piping(server, "Who am I?\n", args)
        assert.include(stderr, "so far input 2000, cached 400, output 200, cost $0.0065")
        assert.propertyVal((yield* server.request(1)).body, "model", "gpt-4o")
        assert.deepStrictEqual(messagesOf(yield* server.request(1)), [
          { role: "system", content: "Be brief" },
          user("My name is Ada"),
          assistant("Hello!"),
          user("Who am I?")
        ])
      }))

    it.live("writes a file that ask --request understands, and nothing beside it", () =>
      Effect.gen(function*() {
        const directory = yield* folder
        const server = yield* NodeReplayServer.make([answering("Hello!")])
        yield* piping(server, "Hi\n", ["--history", `${directory}/history.json`])
        assert.deepStrictEqual(readdirSync(directory), ["history.json"])
        assert.strictEqual(statSync(`${directory}/history.json`).mode & 0o777, 0o600, "for its owner alone")
        const { format, model, prompt, version } = JSON.parse(readFileSync(`${directory}/history.json`, "utf8"))
        assert.deepStrictEqual({ format, version }, { format: "effect-llm-stream/chat", version: 1 })
        writeFileSync(`${directory}/request.json`, JSON.stringify({ model, prompt }))
        const again = yield* run(["ask", "--base-url", server.url, "--request", `${directory}/request.json`], {
          env: { OPENAI_API_KEY: key }
        })
        assert.strictEqual(again.status, 0)
        assert.deepStrictEqual(messagesOf(yield* server.request(1)), [user("Hi"), assistant("Hello!")])
      }))

    const stored = (change: object) =>
      JSON.stringify({
        format: "effect-llm-stream/chat",
        version: 1,
        provider: "openai",
        prompt: [{ role: "user", content: "Hi" }],
        usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1 },
        cost: { usd: "0.1", unknown: 0 },
        ...change
      })

    for (
      const [title, text, message] of [
        ["has an endless cost", stored({ cost: { usd: "1e400000000", unknown: 0 } }), /cost\.usd: /],
        ["has a negative cost", stored({ cost: { usd: "-1", unknown: 0 } }), /cost\.usd: /],
        ["has more tokens than there are", stored({ usage: { inputTokens: 1e300 } }), /usage\.inputTokens: /],
        ["has half an answer", stored({ cost: { usd: "1", unknown: 0.5 } }), /cost\.unknown: /],
        ["has a message of nobody", stored({ prompt: [{ role: "nobody", content: "Hi" }] }), /prompt\[0\]/],
        [
          "has a provider of a long name",
          stored({ provider: "x".repeat(10_000) }),
          /provider: "x{1,200}.*is not one of/
        ],
        ["is not JSON", "{\"format\":", /not a conversation that `chat` has saved \(.+\)$/m],
        ["holds something else", "{\"compilerOptions\":{}}", /not a conversation .*format: Missing key/],
        [
          "is of a version to come",
          "{\"format\":\"effect-llm-stream/chat\",\"version\":2}",
          /not a conversation .*version/
        ]
      ] as const
    ) {
      it.live(`refuses a file that ${title}, in one line, and leaves it as it is`, () =>
        Effect.gen(function*() {
          const file = `${yield* folder}/history.json`
          writeFileSync(file, text)
          const server = yield* NodeReplayServer.make([answering("Hello!")])
          const { status, stderr } = yield* piping(server, "Hi\n", ["--history", file])
          assert.strictEqual(status, 2)
          assert.match(stderr, message)
          assert.strictEqual(stderr.trimEnd().split("\n").length, 1)
          assert.strictEqual(readFileSync(file, "utf8"), text)
          assert.deepStrictEqual(yield* server.requests, [])
        }))
    }

    it.live("refuses what is not a file, before anything is asked", () =>
      Effect.gen(function*() {
        const directory = yield* folder
        symlinkSync(`${directory}/nothing.json`, `${directory}/dangling`)
        symlinkSync("circle", `${directory}/circle`)
        for (
          const [file, message] of [
            [directory, "is a directory, not a file"],
            ["/dev/zero", "is not a regular file"],
            [`${directory}/dangling`, "a link to a file that does not exist"],
            [`${directory}/circle`, "too many levels of links"]
          ] as const
        ) {
          const server = yield* NodeReplayServer.make([answering("Hello!")])
          const { status, stderr } = yield* piping(server, "Hi\n", ["--history", file])
          assert.deepStrictEqual({ status, stderr }, { status: 2, stderr: `llm-stream: ${file}: ${message}\n` })
          assert.deepStrictEqual(yield* server.requests, [])
        }
        assert.deepStrictEqual(readdirSync(directory).sort(), ["circle", "dangling"])
      }))

    it.live("keeps the mode of a file, and what a link to it is", () =>
      Effect.gen(function*() {
        const directory = yield* folder
        const file = `${directory}/history.json`
        writeFileSync(file, stored({}))
        chmodSync(file, 0o666)
        symlinkSync("history.json", `${directory}/link`)
        const server = yield* NodeReplayServer.make([answering("Hello!")])
        const { status } = yield* piping(server, "Hi\n", ["--history", `${directory}/link`])
        assert.strictEqual(status, 0)
        assert.strictEqual(statSync(file).mode & 0o777, 0o666)
        assert.isTrue(lstatSync(`${directory}/link`).isSymbolicLink())
        assert.lengthOf(JSON.parse(readFileSync(file, "utf8")).prompt, 3)
      }))

    it.live("keeps an answer whose tokens are more than can be counted", () =>
      Effect.gen(function*() {
        const file = `${yield* folder}/history.json`
        const much = { inputTokens: Number.MAX_SAFE_INTEGER, cachedTokens: 0, outputTokens: Number.MAX_SAFE_INTEGER }
        const chunks = Answer.openai(Answer.make({ model: "gpt-4o", content: "Much", usage: much }))
        const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.openai, chunks)])
        const { status, stdout } = yield* piping(server, "1\n2\n", ["--history", file])
        assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "Much\nMuch\n" })
        const { prompt, usage } = JSON.parse(readFileSync(file, "utf8"))
        assert.lengthOf(prompt, 4)
        assert.strictEqual(usage.inputTokens, Number.MAX_SAFE_INTEGER)
        assert.strictEqual((yield* piping(server, "3\n", ["--history", file])).status, 0)
      }))

    it.live("refuses a file in a directory that does not exist before anything is asked", () =>
      Effect.gen(function*() {
        const file = `${yield* folder}/nowhere/history.json`
        const server = yield* NodeReplayServer.make([answering("Hello!")])
        const { status, stderr } = yield* piping(server, "Hi\n", ["--history", file])
        assert.deepStrictEqual({ status, stderr }, { status: 2, stderr: `llm-stream: ${file}: no such directory\n` })
      }))
  })

  describe("/ commands", () => {
    const commanding = Effect.fnUntraced(function*(said: string, args: ReadonlyArray<string> = []) {
      const server = yield* NodeReplayServer.make([answering("One"), answering("Two"), answering("Three")])
      return { ...(yield* piping(server, said, args)), requests: yield* server.requests }
    })

    it.live("/help lists them, and an unknown one says so", () =>
      Effect.gen(function*() {
        const { requests, status, stderr, stdout } = yield* commanding("/help\n/hlep\n/nonsense\n")
        assert.deepStrictEqual({ status, stdout, requests }, { status: 0, stdout: "", requests: [] })
        for (
          const name of ["help", "exit", "new", "clear", "undo", "retry", "model", "system", "history", "cost", "save"]
        ) {
          assert.match(stderr, new RegExp(`^/.*${name}.* {2}\\w`, "m"))
        }
        assert.match(stderr, /There is no \/hlep; did you mean \/help\?/)
        assert.match(stderr, /There is no \/nonsense\. \/help lists/)
      }))

    it.live("/exit leaves what follows unread", () =>
      Effect.gen(function*() {
        const { requests, status } = yield* commanding("1\n/exit\n2\n")
        assert.deepStrictEqual({ status, requests: requests.length }, { status: 0, requests: 1 })
      }))

    it.live("/undo takes the last exchange back, /new all of them", () =>
      Effect.gen(function*() {
        const { requests, stderr } = yield* commanding("1\n2\n/undo\n3\n/new\n4\n/undo\n/undo\n")
        assert.deepStrictEqual(messagesOf(requests[2]), [user("1"), assistant("One"), user("3")])
        assert.deepStrictEqual(messagesOf(requests[3]), [user("4")])
        assert.include(stderr, "Removed: 2\n")
        assert.include(stderr, "There is nothing to remove\n")
        assert.include(stderr, "so far input 4000", "what was spent stays spent")
      }))

    it.live("/retry asks for another answer to the last message", () =>
      Effect.gen(function*() {
        const { requests, stdout } = yield* commanding("1\n2\n/retry\n")
        assert.strictEqual(stdout, "One\nTwo\nThree\n")
        assert.deepStrictEqual(messagesOf(requests[2]), [user("1"), assistant("One"), user("2")])
      }))

    it.live("/retry and /undo take the message that had no answer, and say where there is none", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([overloaded, overloaded, answering("One")])
        const { status, stderr, stdout } = yield* piping(
          server,
          "/retry\n/clear\n1\n/retry\n/undo\n2\n/quit\n3\n"
        )
        assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: "One\n" })
        assert.deepStrictEqual((yield* server.requests).map(messagesOf), [[user("1")], [user("1")], [user("2")]])
        assert.isTrue(stderr.startsWith("There is no message to send again\n"), stderr)
        assert.include(stderr, "\nRemoved the message that had no answer\n")
      }))

    it.live("/model and /system change what is asked from then on", () =>
      Effect.gen(function*() {
        const { requests, stderr } = yield* commanding(
          "/model gpt-4o\n/system Be brief\n/model\n/system\n1\n/system -\n/system\n2\n"
        )
        assert.match(stderr, /^gpt-4o\nBe brief\n/)
        assert.include(stderr, "\nNone\n")
        assert.propertyVal(requests[0]?.body, "model", "gpt-4o")
        assert.deepStrictEqual(messagesOf(requests[0]), [{ role: "system", content: "Be brief" }, user("1")])
        assert.deepStrictEqual(messagesOf(requests[1]), [user("1"), assistant("One"), user("2")])
      }))

    it.live("/history shows the conversation, /cost what it took", () =>
      Effect.gen(function*() {
        const { stderr, stdout } = yield* commanding("1\n/history\n/cost\n")
        assert.strictEqual(stdout, "One\n")
        assert.include(stderr, "\nuser: 1\nassistant: One\ninput 1000, cached 200, output 100, cost $0.00325\n")
      }))

    it.live("/save writes the conversation to a file, but not over one that holds something else", () =>
      Effect.gen(function*() {
        const directory = yield* folder
        writeFileSync(`${directory}/other.json`, "{}")
        const { stderr } = yield* commanding(`1\n/save ${directory}/saved.json\n/save ${directory}/other.json\n/save\n`)
        assert.include(stderr, `Saved to ${directory}/saved.json\n`)
        assert.match(stderr, /other\.json: not a conversation/)
        assert.include(stderr, "/save needs a FILE\n")
        assert.strictEqual(readFileSync(`${directory}/other.json`, "utf8"), "{}")
        const server = yield* NodeReplayServer.make([answering("Two")])
        yield* piping(server, "2\n", ["--history", `${directory}/saved.json`])
        assert.deepStrictEqual(messagesOf(yield* server.request(0)), [user("1"), assistant("One"), user("2")])
      }))
  })

  describe("in a terminal", () => {
    const long = answering("word ".repeat(200), { interval: "20 millis" })

    /** Chats over keys that are pressed once a text is on the screen. */
    const typing = Effect.fnUntraced(function*(
      replies: readonly [ReplayServer.Reply, ...ReadonlyArray<ReplayServer.Reply>],
      steps: Parameters<typeof typist>[0]
    ) {
      const server = yield* NodeReplayServer.make(replies)
      const { left, options } = yield* typist(steps)
      const outcome = yield* piping(server, "", [], options)
      assert.deepStrictEqual(left(), [])
      return { ...outcome, requests: yield* server.requests }
    })

    it.live("wraps what it says for 80 columns where the terminal does not know how many it has", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([answering("Hi")])
        const saidOn = Effect.fnUntraced(function*(columns: number) {
          const { options } = yield* typist([["", [...keysOf("/help"), enter, ctrl("d")]]])
          const terminal = Terminal.make({ ...options.terminal, columns: Effect.succeed(columns) })
          return (yield* piping(server, "", [], { ...options, terminal })).stderr
        })
        const usual = yield* saidOn(80)
        assert.strictEqual(yield* saidOn(0), usual)
        assert.notStrictEqual(yield* saidOn(1), usual)
      }))

    it.live("stops the answer at Ctrl-C, keeps what had come, and goes on", () =>
      Effect.gen(function*() {
        const { requests, status, stderr, stdout } = yield* typing([long, answering("Yes")], [
          ["> ", [...keysOf("count"), enter]],
          ["word word", [ctrl("c")]],
          ["> ", [...keysOf("/history"), enter]],
          ["> /history\n", []],
          ["> ", [...keysOf("and?"), enter]],
          ["Yes", []],
          ["> ", [ctrl("d")]]
        ])
        assert.strictEqual(status, 0)
        assert.match(stdout, /^(word ?)+\nYes\n$/)
        assert.match(
          stderr,
          /^stopped \| tokens input -, cached -,\n {2}output - \| cost unknown: no usage was\n {2}stated \| so far /m
        )
        assert.match(stderr, /^assistant \(stopped\): word word/m)
        assert.strictEqual((yield* requests[0]?.closed ?? Effect.die("no request")).by, "client")
        const [said, kept, next] = messagesOf(requests[1]) as ReadonlyArray<{ readonly content: string }>
        assert.deepStrictEqual([said, next], [user("count"), user("and?")])
        assert.match(kept?.content ?? "", /^(word ?)+$/)
      }))

    it.live("leaves at Ctrl-C where nothing is typed, and empties the line where something is", () =>
      Effect.gen(function*() {
        const { requests, status } = yield* typing([answering("Yes")], [
          ["> ", keysOf("oh no")],
          ["> oh no", [ctrl("c"), ctrl("c")]]
        ])
        assert.deepStrictEqual({ status, requests }, { status: 0, requests: [] })
      }))

    it.live("takes a paste of several lines, and lines that Ctrl-J ends, as one message", () =>
      Effect.gen(function*() {
        const { requests } = yield* typing([answering("Yes")], [
          ["> ", [
            press("paste-start"),
            ...Array.from("if (x) {\r  y\r}", (letter) => letter === "\r" ? enter : press(letter, {}, letter)),
            press("paste-end"),
            press("enter", {}, "\n"),
            ...keysOf("why?\\"),
            enter,
            ...keysOf("\u001bhow?"),
            enter
          ]],
          ["Yes", [ctrl("d")]]
        ])
        assert.deepStrictEqual(messagesOf(requests[0]), [user("if (x) {\n  y\n}\nwhy?\n\ufffdhow?")])
      }))

    it.live("shows a long message whole once it is sent", () =>
      Effect.gen(function*() {
        const lines = Array.from({ length: 15 }, (_, at) => `line ${at + 1}`)
        const server = yield* NodeReplayServer.make([answering("Yes")])
        const { options, screen } = yield* typist([
          ["> ", [press("paste", {}, lines.join("\n")), enter]],
          ["Yes", [ctrl("d")]]
        ])
        yield* piping(server, "", [], options)
        assert.include(screen(), `> ${lines.join("\n  ")}\n`)
      }))

    it.live("shows no control characters of a history, neither in the message that is recalled", () =>
      Effect.gen(function*() {
        const file = `${yield* folder}/history.json`
        const server = yield* NodeReplayServer.make([answering("Yes")])
        yield* piping(server, "\u001b[2J\u202ehi\n", ["--history", file])
        const { options, screen } = yield* typist([
          ["> ", [press("up"), press("down"), ...keysOf("/history"), enter]],
          ["> ", [ctrl("d")]]
        ])
        const { stderr } = yield* piping(server, "", ["--history", file], options)
        assert.include(screen(), "\ufffd[2J\ufffdhi")
        assert.include(stderr, "user: \ufffd[2J\ufffdhi")
      }))

    it.live("says who is asked", () =>
      Effect.gen(function*() {
        const greeting = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
          const { options } = yield* typist([["> ", [ctrl("d")]]])
          const env = { AZURE_OPENAI_ENDPOINT: "https://a.example", AZURE_OPENAI_API_KEY: key }
          const { stderr } = yield* run(["chat", "--provider", "azure", ...args], { env, ...options })
          return stderr.split(":")[0]
        })
        assert.strictEqual(yield* greeting(), "azure")
        assert.strictEqual(yield* greeting("-m", "mine"), "azure mine")
      }))

    it.live("shows no control characters of a model", () =>
      Effect.gen(function*() {
        const { stdout } = yield* typing([answering("\u001b[2J\u0007red")], [
          ["> ", [...keysOf("hi"), enter]],
          ["red", [ctrl("d")]]
        ])
        assert.strictEqual(stdout, "\ufffd[2J\ufffdred\n")
      }))
  })

  describe("in a process of its own", () => {
    const hanging = answering("Hello, wide world!", { fault: { kind: "hang", after: { events: 3 } } })

    it.live("keeps what had come of an answer when it is interrupted", () =>
      Effect.gen(function*() {
        const file = `${yield* folder}/history.json`
        const server = yield* NodeReplayServer.make([hanging])
        const process = start(["chat", "--base-url", server.url, "--history", file], { OPENAI_API_KEY: key })
        process.child.stdin.write("Hi\n")
        yield* process.printed("Hello, wide")
        process.child.kill("SIGINT")
        assert.strictEqual((yield* process.exited).status, 130)
        assert.strictEqual((yield* (yield* server.request(0)).closed).by, "client")
        assert.deepInclude(JSON.parse(readFileSync(file, "utf8")).prompt[1], {
          content: "Hello, wide",
          options: { "effect-llm-stream": { stopped: true } }
        })
      }))

    const hasScript = spawnSync("script", ["--version"]).status === 0

    it.live.skipIf(!hasScript)("stops an answer at Ctrl-C in a real terminal", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([hanging, answering("Bye")])
        const process = startInTerminal(["chat", "--base-url", server.url], { OPENAI_API_KEY: key })
        yield* process.printed("> ")
        process.child.stdin.write("Hi\r")
        yield* process.printed("Hello, wide")
        process.child.stdin.write("\u0003")
        yield* process.printed("stopped | ")
        process.child.stdin.write("again\r")
        yield* process.printed("Bye")
        process.child.stdin.write("\u0004")
        assert.strictEqual((yield* process.exited).status, 0)
        assert.strictEqual((yield* (yield* server.request(0)).closed).by, "client")
        assert.deepStrictEqual(messagesOf(yield* server.request(1)), [
          user("Hi"),
          assistant("Hello, wide"),
          user("again")
        ])
      }))
  })
})
