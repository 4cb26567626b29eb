import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { OpenAiChunk } from "../../src/index.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as ReplayServer from "../../src/testing/ReplayServer.ts"
import * as Wire from "../../src/testing/Wire.ts"
import { byTurns } from "../support/clock.ts"
import { Chunk, Failure, lines, Response, run, start } from "./harness.ts"

const key = "sk-never-to-be-seen-in-any-output"

const hello = Answer.make({
  id: "chatcmpl-1",
  model: "gpt-4o-2024-08-06",
  content: "Hello, wide world!",
  usage: { inputTokens: 1000, cachedTokens: 200, outputTokens: 100 }
})

const stream = (options?: ReplayServer.ReplyOptions, answer = hello) =>
  ReplayServer.stream(Wire.openai, Answer.openai(answer), options)

const rateLimited = ReplayServer.json(
  { error: { message: `Slow down, ${key}`, type: "requests", code: "rate_limit_exceeded" } },
  { status: 429, headers: { "retry-after": "90", "x-request-id": "req_1" } }
)

const asking = Effect.fnUntraced(function*(reply: ReplayServer.Reply, ...args: ReadonlyArray<string>) {
  const server = yield* NodeReplayServer.make([reply])
  const outcome = yield* run(["ask", "--base-url", `${server.url}/v1`, ...args], { env: { OPENAI_API_KEY: key } })
  assert.notInclude(outcome.stdout + outcome.stderr, key)
  return { ...outcome, requests: yield* server.requests }
})

describe("ask", () => {
  it.live("prints the answer to standard output, and what it took to standard error", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* asking(stream(), "hello")
      assert.strictEqual(status, 0)
      assert.strictEqual(stdout, "Hello, wide world!\n")
      assert.match(stderr, /^finish reason +stop$/m)
      assert.match(stderr, /^tokens +input 1000, cached 200, output 100$/m)
      assert.match(stderr, /^cost +\$0\.00325$/m)
      assert.match(stderr, /^first chunk +\d+\.\d\d s$/m)
      assert.notInclude(stderr, "\r", "a spinner is for terminals")
    }))

  it.live("ends its line, unless the answer does", () =>
    Effect.gen(function*() {
      for (const [content, printed] of [["Hello\n", "Hello\n"], ["a\nb", "a\nb\n"], ["", ""]] as const) {
        const chunks = Answer.openai(Answer.make({ content: "-" })).map((chunk) =>
          chunk.content === "-"
            ? new OpenAiChunk({ chunk: { ...chunk.chunk, choices: [{ index: 0, delta: { content } }] } })
            : chunk
        )
        const { stdout } = yield* asking(ReplayServer.stream(Wire.openai, chunks), "hello")
        assert.strictEqual(stdout, printed)
      }
    }))

  it.live("sends the prompt, the model and the system instructions", () =>
    Effect.gen(function*() {
      const { requests } = yield* asking(stream(), "--model", "gpt-4o", "--system", "Be brief", "--", "-v is a flag?")
      const body = requests[0]?.body
      assert.propertyVal(body, "model", "gpt-4o")
      assert.deepPropertyVal(body, "messages", [
        { role: "system", content: "Be brief" },
        { role: "user", content: "-v is a flag?" }
      ])
    }))

  it.live("reads the prompt from standard input for -", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([stream()])
      yield* run(["ask", "--base-url", server.url, "-"], {
        env: { OPENAI_API_KEY: key },
        stdin: Stream.make("What is ", "this?").pipe(Stream.encodeText)
      })
      assert.deepPropertyVal((yield* server.request(0)).body, "messages", [{ role: "user", content: "What is this?" }])
    }))

  it.live("asks the first provider that has a key", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([ReplayServer.json({}, { status: 500 })])
      const { stderr } = yield* run(["ask", "--base-url", server.url, "--max-retries", "0", "hello"], {
        env: { GROQ_API_KEY: key, AZURE_INFERENCE_CREDENTIAL: key }
      })
      assert.match(stderr, /^groq: ServerError/)
    }))

  it.live("prints refusals, too", () =>
    Effect.gen(function*() {
      const { stdout } = yield* asking(stream({}, Answer.make({ refusal: "I would rather not." })), "hello")
      assert.strictEqual(stdout, "I would rather not.\n")
    }))

  it.effect("shows a spinner on a terminal until the first token", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([stream({ delay: "1 second" })])
      const { stderr } = yield* run(["ask", "--base-url", server.url, "hello"], {
        env: { OPENAI_API_KEY: key },
        stderrIsTerminal: true
      })
      assert.match(stderr.replaceAll("\u001b", "<escape>"), /^(\r.)+\r<escape>\[2Kfinish reason/u)
    }).pipe(byTurns))

  it.effect("shows no spinner where it tells of a retry or a call", () =>
    Effect.gen(function*() {
      const busy = ReplayServer.json({}, { status: 503, headers: { "retry-after-ms": "500" } })
      const call = Answer.make({ reasoning: "Hmm", toolCalls: [{ name: "add", arguments: "{}" }] })
      const server = yield* NodeReplayServer.make([busy, stream({ delay: "1 second" }, call)])
      const { stderr } = yield* run(["ask", "--base-url", server.url, "hello"], {
        env: { OPENAI_API_KEY: key },
        stderrIsTerminal: true
      })
      const lines = stderr.replaceAll("\u001b[2K", "<clear>").split("\n")
      assert.match(lines[0] ?? "", /\r<clear>llm-stream: openai: ServerError \(HTTP 503\), retry 1 in 500 ms$/)
      assert.match(lines[1] ?? "", /^(\r.)+\r<clear>\[reasoning\] Hmm$/u)
      assert.strictEqual(lines[2], "[tool call] add {}")
    }).pipe(byTurns))

  describe("when the provider fails", () => {
    it.live("prints the error and exits with 1", () =>
      Effect.gen(function*() {
        const { requests, status, stderr, stdout } = yield* asking(rateLimited, "hello")
        assert.strictEqual(status, 1)
        assert.strictEqual(stdout, "")
        assert.strictEqual(
          stderr,
          "openai: RateLimited: Slow down, <redacted>\n" +
            "  status 429, code rate_limit_exceeded, request req_1, retry after 1m 30s\n"
        )
        assert.lengthOf(requests, 1, "the pause that the provider asks for is longer than one waits")
      }))

    it.live("prints the start of a body that was not understood, without what a terminal would obey", () =>
      Effect.gen(function*() {
        const page = ReplayServer.text("Cannot POST\n\u001b[31m/chat/completions", { status: 404 })
        const { stderr } = yield* asking(page, "hello")
        assert.match(stderr, /^openai: NotFound: .+\n {2}status 404\n {2}body Cannot POST \[31m\/chat\/completions\n/)
      }))

    it.live("prints the text that came first", () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* asking(
          stream({ fault: { kind: "end", after: { events: 3 } } }),
          "hello"
        )
        assert.strictEqual(status, 1)
        assert.strictEqual(stdout, "Hello, wide\n")
        assert.match(stderr, /^openai: IncompleteStream: .+\nfailed +IncompleteStream\n/)
      }))

    it.live("tries again as often as --max-retries says", () =>
      Effect.gen(function*() {
        const busy = ReplayServer.json({}, { status: 503, headers: { "retry-after-ms": "1" } })
        const times = Effect.fnUntraced(function*(retries: string) {
          return (yield* asking(busy, "--max-retries", retries, "hello")).requests.length
        })
        assert.deepStrictEqual([yield* times("0"), yield* times("1"), yield* times("3")], [1, 2, 4])
      }))

    it.live("tells each retry, with its reason and its pause", () =>
      Effect.gen(function*() {
        const busy = ReplayServer.json({}, { status: 503, headers: { "retry-after-ms": "1" } })
        const { stderr } = yield* asking(busy, "--max-retries", "1", "hello")
        assert.match(stderr, /openai: ServerError \(HTTP 503\), retry 1 in 1 ms/)
      }))

    it.effect("gives up after --idle-timeout", () =>
      Effect.gen(function*() {
        const hanging = stream({ fault: { kind: "hang", after: { events: 2 } } })
        const { status, stderr, stdout } = yield* asking(hanging, "--idle-timeout", "200ms", "hello")
        assert.strictEqual(status, 1)
        assert.strictEqual(stdout, "Hello,\n")
        assert.match(stderr, /^openai: Timeout: /)
      }).pipe(byTurns))
  })

  describe("--json", () => {
    const decodeLines = (stdout: string) => {
      const all = lines(stdout)
      const last = all.at(-1)
      assert.isDefined(last)
      return {
        chunks: all.slice(0, -1).map(({ type, ...chunk }) => {
          assert.strictEqual(type, "chunk")
          assert.deepStrictEqual(Object.keys(chunk), Object.keys(Chunk.fields))
          return Schema.decodeUnknownSync(Chunk)(chunk)
        }),
        last
      }
    }

    it.live("prints each chunk and then the response, one JSON object a line", () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* asking(stream(), "--json", "hello")
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
        const { chunks, last } = decodeLines(stdout)
        assert.deepStrictEqual(chunks.map(({ chunk }) => chunk), Answer.openai(hello).map(({ chunk }) => chunk))
        assert.strictEqual(chunks.map((chunk) => chunk.content).join(""), "Hello, wide world!")
        assert.deepStrictEqual(Object.keys(last), ["type", "response"])
        assert.strictEqual(last["type"], "response")
        const response = Schema.decodeUnknownSync(Response)(last["response"])
        assert.strictEqual(response.content, "Hello, wide world!")
        assert.strictEqual(response.cost?.total, 0.00325)
        assert.strictEqual(response.chunks, chunks.length)
        assert.isNull(response.error)
      }))

    it.live("ends with the error and what had come", () =>
      Effect.gen(function*() {
        const { status, stdout } = yield* asking(
          stream({ fault: { kind: "reset", after: { events: 3 } } }),
          "--json",
          "hello"
        )
        assert.strictEqual(status, 1)
        const { chunks, last } = decodeLines(stdout)
        assert.deepStrictEqual(Object.keys(last), ["type", "error", "response"])
        assert.strictEqual(last["type"], "error")
        const error = Schema.decodeUnknownSync(Failure)(last["error"])
        assert.deepInclude(error, { provider: "openai", reason: "Network", emitted: true })
        const response = Schema.decodeUnknownSync(Response)(last["response"])
        assert.strictEqual(response.content, "Hello, wide")
        assert.strictEqual(response.chunks, chunks.length)
        assert.deepStrictEqual(response.error, error)
      }))

    it.live("prints the error alone when there was no chunk", () =>
      Effect.gen(function*() {
        const { stdout } = yield* asking(rateLimited, "--json", "hello")
        const { chunks, last } = decodeLines(stdout)
        assert.deepStrictEqual(chunks, [])
        assert.deepStrictEqual(Schema.decodeUnknownSync(Failure)(last["error"]), {
          provider: "openai",
          reason: "RateLimited",
          message: "Slow down, <redacted>",
          status: 429,
          code: "rate_limit_exceeded",
          requestId: "req_1",
          retryAfterSeconds: 90,
          retryable: true,
          emitted: false
        })
      }))
  })

  describe("in a process of its own", () => {
    const hanging = stream({ fault: { kind: "hang", after: { events: 3 } } })

    it.live("prints each piece as it arrives, and at Ctrl-C closes the connection at once and exits with 130", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([hanging])
        const process = start(["ask", "--base-url", server.url, "hello"], { OPENAI_API_KEY: key })
        yield* process.printed("Hello, wide")
        process.child.kill("SIGINT")
        const closed = yield* (yield* server.request(0)).closed
        const { status, stderr } = yield* process.exited
        assert.strictEqual(closed.by, "client")
        assert.deepStrictEqual({ status, stderr }, { status: 130, stderr: "" })
      }))

    it.live("ends quietly, and hangs up, when nobody reads its output any more", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          stream({ interval: "10 millis" }, Answer.make({ content: "word ".repeat(200) }))
        ])
        const process = start(["ask", "--base-url", server.url, "hello"], { OPENAI_API_KEY: key })
        yield* process.printed("word")
        process.child.stdout.destroy()
        const closed = yield* (yield* server.request(0)).closed
        const { status, stderr } = yield* process.exited
        assert.strictEqual(closed.by, "client")
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      }))

    it.live("exits with 1 when the provider fails", () =>
      Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([rateLimited])
        const process = start(["ask", "--base-url", server.url, "hello"], { OPENAI_API_KEY: key })
        const { status, stderr, stdout } = yield* process.exited
        assert.strictEqual(status, 1)
        assert.strictEqual(stdout, "")
        assert.match(stderr, /^openai: RateLimited/)
      }))
  })
})
