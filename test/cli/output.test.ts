import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stdio } from "effect"
import { existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Output from "../../src/cli/output.ts"
import * as Text from "../../src/cli/text.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as ReplayServer from "../../src/testing/ReplayServer.ts"
import * as Wire from "../../src/testing/Wire.ts"
import { lines, type Options, run, writeTo } from "./harness.ts"

// A title, a colour, C1's way to write the same, and what some take for the end of a line.
const odd = "\u001b]0;title\u0007 \u202e \u2066 \u001b[31m \u009b31m \u007f \u0085 \u2028 \u2029 \r \u0000 end"
const isHarmless = (text: string): boolean =>
  !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text)

const answer = Answer.make({
  id: `id${odd}`,
  model: `model${odd}`,
  reasoning: `reasoning${odd}`,
  content: `content${odd}`,
  toolCalls: [{ name: `name${odd}`, arguments: JSON.stringify({ a: odd }) }]
})

const env = { GROQ_API_KEY: "a-key" }

const asking = Effect.fnUntraced(
  function*(reply: ReplayServer.Reply, options: Options, ...args: ReadonlyArray<string>) {
    const server = yield* NodeReplayServer.make([reply])
    return yield* run(["ask", "--provider", "groq", "--base-url", server.url, ...args, "hello"], { env, ...options })
  }
)

const refusal = ReplayServer.json({ error: { message: `message${odd}`, code: `code${odd}` } }, { status: 400 })

describe("output", () => {
  it.effect("ends a text with one line end, unless it is empty, and is harmless on a terminal", () =>
    Effect.gen(function*() {
      const shown = (text: string, isTerminal: boolean) =>
        Output.shown(text).pipe(
          Effect.provide(Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(isTerminal) }))
        )
      for (const isTerminal of [false, true]) {
        const all = yield* Effect.forEach(["", "a", "a\n", "a\n\n"], (text) => shown(text, isTerminal))
        assert.deepStrictEqual(all, ["", "a\n", "a\n", "a\n\n"])
      }
      assert.strictEqual(yield* shown(odd, false), `${odd}\n`)
      assert.isTrue(isHarmless(yield* shown(odd, true)))
    }))

  it("cuts a text only where it is longer than the limit", () => {
    assert.strictEqual(Text.excerpt("x".repeat(200)), "x".repeat(200))
    assert.strictEqual(Text.excerpt("x".repeat(201)), `${"x".repeat(200)}…`)
  })

  it.prop("breaks lines between words, none of which gets lost", [Schema.String, Schema.String], ([a, b]) => {
    const text = `${a} | ${b} | ${a}`
    const lines = Text.wrapped(text, 20).split("\n")
    assert.strictEqual(Text.wrapped(text, Infinity), text)
    assert.strictEqual(Text.wrapped(text, 20).replace(/\n {2}/g, " "), text.replace(/\n {2}/g, " "))
    for (const line of lines) assert.isTrue(line.length < 20 || !/\S +\S/.test(line), line)
  })

  it.live("has nothing that a terminal takes for commands", () =>
    Effect.gen(function*() {
      const terminal = { stdoutIsTerminal: true }
      const answered = yield* asking(ReplayServer.stream(Wire.groq, Answer.groq(answer)), terminal)
      assert.strictEqual(answered.status, 0)
      for (const word of ["content", "end"]) assert.include(answered.stdout, word)
      for (const word of ["reasoning", "name", "model"]) assert.include(answered.stderr, word)
      const refused = yield* asking(refusal, terminal)
      assert.strictEqual(refused.status, 1)
      for (const word of ["message", "code"]) assert.include(refused.stderr, word)
      for (const { stderr, stdout } of [answered, refused]) assert.isTrue(isHarmless(stdout + stderr), stdout + stderr)
    }))

  it.live("is what the model wrote when it is piped", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* asking(ReplayServer.stream(Wire.groq, Answer.groq(answer)), {})
      assert.strictEqual(stdout, `content${odd}\n`)
      assert.isTrue(isHarmless(stderr), "standard error may be a terminal's")
    }))

  it.live("is one line of JSON to any reader of lines, with all that came", () =>
    Effect.gen(function*() {
      const answered = yield* asking(ReplayServer.stream(Wire.groq, Answer.groq(answer)), {}, "--json")
      const refused = yield* asking(refusal, {}, "--json")
      const file = join(mkdtempSync(join(tmpdir(), "llm-stream-")), "a.jsonl")
      writeFileSync(file, Answer.groq(answer).map(({ chunk }) => `${JSON.stringify(chunk)}\n`).join(""))
      const decoded = yield* Effect.forEach(["--chunks", "--parts"], (flag) =>
        run(["decode", "--provider", "groq", flag, file]))
      for (const { stdout } of [answered, refused, ...decoded]) {
        assert.isTrue(isHarmless(stdout))
        assert.notMatch(stdout, /[\u2028\u2029]/)
      }
      const last = JSON.stringify(lines(answered.stdout).at(-1))
      for (const word of ["content", "reasoning", "id"]) {
        assert.include(last, JSON.stringify(`${word}${odd}`))
      }
      assert.include(JSON.stringify(lines(refused.stdout).at(-1)), JSON.stringify(`message${odd}`))
    }))

  const full = "/dev/full"
  describe.skipIf(!existsSync(full))("to a full disk", () => {
    const commands: ReadonlyArray<ReadonlyArray<string>> = [
      ["--version"],
      ["--help"],
      ["prices"],
      ["ask", "--provider", "groq", "--dry-run", "hello"]
    ]
    for (const args of commands) {
      it.live(`is said to be lost, in one line: ${args.join(" ")}`, () =>
        Effect.gen(function*() {
          const { status, stderr } = yield* writeTo(full, args, env)
          assert.strictEqual(status, 1)
          assert.match(stderr, /^llm-stream: standard output cannot be written: ENOSPC.*\n$/)
        }))
    }

    for (const flags of [[], ["--json"]]) {
      it.live(`ends the request, too: ask ${flags.join()}`, () =>
        Effect.gen(function*() {
          const content = Answer.make({ content: "word ".repeat(2000) })
          const server = yield* NodeReplayServer.make([ReplayServer.stream(Wire.groq, Answer.groq(content))])
          const args = ["ask", "--provider", "groq", "--base-url", server.url, ...flags, "hello"]
          const { status, stderr } = yield* writeTo(full, args, env)
          assert.strictEqual(status, 1)
          assert.match(stderr, /^llm-stream: standard output cannot be written: ENOSPC.*\n$/)
          yield* (yield* server.request(0)).closed
        }))
    }
  })
})
