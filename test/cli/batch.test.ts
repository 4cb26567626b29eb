import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Result, Schedule, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Entries from "../../src/batch/entries.ts"
import { locked } from "../../src/cli/batch.ts"
import * as Store from "../../src/stores/Store.ts"
import { emptyRedis, hasPostgres, hasRedis, hasSqlite, newPostgres } from "../stores/stores.ts"
import { answerOf, type Upstream, upstream } from "../support/upstream.ts"
import { lines, run, start } from "./harness.ts"

interface Place {
  readonly up: Upstream
  readonly input: string
  readonly output: string
  readonly env: Readonly<Record<string, string>>
}

const place = (count: number) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Place> => {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "batch-"))
      const up = await upstream()
      const input = Path.join(folder, "in.jsonl")
      Fs.writeFileSync(input, inputOf(count))
      return {
        up,
        input,
        output: Path.join(folder, "out.jsonl"),
        env: { OPENAI_API_KEY: "sk-the-secret-key", OPENAI_BASE_URL: up.url }
      }
    }),
    ({ input, up }) =>
      Effect.sync(() => {
        up.close()
        Fs.rmSync(Path.dirname(input), { recursive: true, force: true, maxRetries: 3 })
      })
  )

const inputOf = (count: number): string =>
  Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ id: `q${n}`, request: { prompt: `line:q${n} hello` } })}\n`
  )
    .join("")

const argsOf = (
  { input, output }: Place,
  more: ReadonlyArray<string> = []
) => ["batch", input, output, "--provider", "openai", "--model", "gpt-4o-mini", "--lease", "2s", "--json", ...more]

const outOf = ({ output }: Place) => lines(Fs.readFileSync(output, "utf8"))

/** Each id once, with its own answer. */
const assertAnswered = (at: Place, count: number): void => {
  const rows = outOf(at)
  assert.deepStrictEqual(
    rows.map(({ id }) => String(id)).sort(),
    Array.from({ length: count }, (_, n) => `q${n}`).sort()
  )
  for (const { content, error, id } of rows) assert.deepStrictEqual([content, error], [answerOf(String(id)), null])
}

/** How many processes a batch loses. */
const kills = Number(process.env["LLM_STREAM_KILLS"] ?? 2)

/** Stores that nobody else has, by what the command calls them. */
const stores: Readonly<
  Record<string, { readonly isAbsent: boolean; readonly url: Effect.Effect<string | undefined, never, Scope.Scope> }>
> = {
  sqlite: { isAbsent: !hasSqlite, url: Effect.undefined },
  redis: { isAbsent: !hasRedis, url: emptyRedis },
  postgres: { isAbsent: !hasPostgres, url: newPostgres }
}

const until = (isSo: () => boolean) =>
  Effect.repeat(Effect.sync(isSo), { until: (so) => so, schedule: Schedule.spaced("5 millis") })

describe("llm-stream batch", () => {
  it.live("answers each line once, and writes a lost output again without a call", () =>
    Effect.gen(function*() {
      const at = yield* place(30)
      const { status, stdout } = yield* run(argsOf(at), { env: at.env })
      assert.strictEqual(status, 0)
      assert.deepInclude(lines(stdout)[0], { type: "report", status: "done", lines: 30, answers: 30, attempts: 30 })
      assertAnswered(at, 30)
      Fs.rmSync(at.output)
      assert.strictEqual((yield* run(argsOf(at), { env: at.env })).status, 0)
      assertAnswered(at, 30)
      Fs.rmSync(`${at.output}.store`)
      assert.strictEqual((yield* run(argsOf(at), { env: at.env })).status, 0)
      assertAnswered(at, 30)
      assert.strictEqual(at.up.calls.length, 30)
    }))

  for (const [kind, { isAbsent, url }] of Object.entries(stores)) {
    it.live.skipIf(isAbsent)(
      `survives kill -9 with ${kind}: each line is answered once, and each call has its row`,
      () =>
        Effect.gen(function*() {
          const count = 60 + kills * 30
          const at = yield* place(count)
          const store = yield* url
          const args = ["--store", store ?? `sqlite:${at.output}.store`]
          at.up.behave = () => ({ delay: 40 })
          for (let kill = 0; kill < kills; kill++) {
            const before = at.up.calls.length
            const { child, exited } = start(argsOf(at, ["--concurrency", "4", ...args]), at.env)
            yield* until(() => at.up.calls.length > before + kill % 15)
            child.kill("SIGKILL")
            yield* exited
            Fs.appendFileSync(at.output, "{\"id\":\"q3\",\"provi")
          }
          const { status } = yield* run(argsOf(at, args), { env: at.env })
          assert.strictEqual(status, 0)
          assertAnswered(at, count)
          assert.isAtMost(at.up.calls.length, count + kills * 4)
          const ledger = yield* run(["ledger", ...args, "--json"])
          const rows = lines(ledger.stdout)
          const total = rows.at(-1)
          assert.deepInclude(total, { type: "total", done: count, running: 0, attempts: rows.length - 1 })
          assert.isAtLeast(Number(total?.["lost"]), at.up.calls.length - count)
        })
    )
  }

  it.live("is shared by processes: no line is asked twice", () =>
    Effect.gen(function*() {
      const at = yield* place(80)
      at.up.behave = () => ({ delay: 30 })
      const outcomes = yield* Effect.all(
        [1, 2].map(() => start(argsOf(at, ["--concurrency", "4"]), at.env).exited),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepStrictEqual(outcomes.map(({ status }) => status), [0, 0])
      assertAnswered(at, 80)
      assert.strictEqual(at.up.calls.length, 80)
    }))

  it.live("ends at a signal with 130: requests that hang are cancelled, and their sockets closed", () =>
    Effect.gen(function*() {
      const at = yield* place(20)
      at.up.behave = ({ id }) => ({ hangs: id !== "q0" })
      const { child, exited } = start(argsOf(at, ["--concurrency", "4"]), at.env)
      yield* until(() => at.up.calls.length >= 5)
      child.kill("SIGINT")
      yield* Effect.sleep("100 millis")
      child.kill("SIGINT")
      const { status, stdout } = yield* exited
      assert.strictEqual(status, 130)
      assert.deepInclude(lines(stdout)[0], { status: "interrupted", answers: 1, failures: 0, left: 19 })
      yield* until(() => at.up.open() === 0)
      at.up.behave = () => ({})
      assert.strictEqual((yield* run(argsOf(at), { env: at.env })).status, 0)
      assertAnswered(at, 20)
    }))

  it.live("ends with 1 when a single line has failed", () =>
    Effect.gen(function*() {
      const at = yield* place(3)
      Fs.appendFileSync(
        at.input,
        `${JSON.stringify({ id: "q3", request: { prompt: "line:q3 hello", temperature: 9 } })}\n`
      )
      const { status, stdout } = yield* run(argsOf(at), { env: at.env })
      assert.strictEqual(status, 1)
      assert.deepInclude(lines(stdout)[0], { status: "done", answers: 3, failures: 1, left: 0 })
    }))

  const wrong: ReadonlyArray<readonly [what: string, text: string, says: RegExp]> = [
    ["no JSON", `${inputOf(1)}{"id": "b", \n`, /line 2: not JSON/],
    ["a line of OpenAI's batches", "{\"custom_id\":\"a\",\"body\":{}}\n", /custom_id/],
    ["an id twice", inputOf(2) + inputOf(1), /line 3/]
  ]
  for (const [what, text, says] of wrong) {
    it.live(`sends nothing when the file has ${what}`, () =>
      Effect.gen(function*() {
        const at = yield* place(1)
        Fs.writeFileSync(at.input, text)
        const { status, stderr } = yield* run(argsOf(at), { env: at.env })
        assert.strictEqual(status, 2)
        assert.match(stderr, says)
        assert.strictEqual(at.up.calls.length, 0)
        assert.isFalse(Fs.existsSync(at.output) || Fs.existsSync(`${at.output}.store`))
      }))
  }

  it.live("changes nothing when the requests are others than before", () =>
    Effect.gen(function*() {
      const at = yield* place(3)
      yield* run(argsOf(at), { env: at.env })
      const before = Fs.readFileSync(at.output)
      Fs.writeFileSync(at.input, inputOf(3).replace("q1 hello", "q1 HELLO"))
      const { status, stderr } = yield* run(argsOf(at), { env: at.env })
      assert.strictEqual(status, 2)
      assert.match(stderr, /--batch NAME begins another, in another OUT\n {2}"q1" has another request/)
      assert.deepStrictEqual(Fs.readFileSync(at.output), before)
    }))

  it.live("takes the last of a flag that is given twice, and refuses wrong ones", () =>
    Effect.gen(function*() {
      const at = yield* place(2)
      for (
        const [flags, message] of [
          [["--max-cost", "0"], "--max-cost"],
          [["--max-cost", "NaN"], "--max-cost"],
          [["--rate", "10"], "a whole number above 0 and a duration, such as 500/1m"],
          [["--rate", "5/0s"], "a whole number above 0 and a duration, such as 500/1m"],
          [["--rate", "0/1s"], "a whole number above 0 and a duration, such as 500/1m"],
          [["--rate", "1.5/1s"], "a whole number above 0 and a duration, such as 500/1m"],
          [["--token-rate", "5"], "a whole number above 0 and a duration, such as 90000/1m"],
          [["--rate", "5/1s", "--rpm", "5"], "--rpm"],
          [["--token-rate", "5/1s", "--tpm", "5"], "--tpm"],
          [["--rpm", "0"], "above 0"],
          [["--tpm", "0"], "above 0"],
          [["--concurrency", "0"], "above 0"],
          [["--max-retries", "-1"], "0 or more"],
          [["--batch", ""], "a name"],
          [["--fallback", "anthropic"], "--fallback"],
          [["--fallback", "nobody:x"], "--fallback"],
          [["--fallback", "groq: "], "--fallback"],
          [["--breaker", "0/1s"], "--breaker"],
          [["--breaker", "on"], "--breaker"],
          [["--store", "mongodb://x"], "--store"],
          [["--max-cost", "1"], "`maxTokens` is missing, which a budget needs to know"]
        ] as const
      ) {
        const { status, stderr, stdout } = yield* run(argsOf(at, flags), { env: at.env })
        assert.strictEqual(status, 2, flags.join(" "))
        assert.include(stdout + stderr, message, flags.join(" "))
      }
      assert.strictEqual(at.up.calls.length, 0)
      const { status } = yield* run(argsOf(at, ["--concurrency", "4", "--concurrency", "1"]), { env: at.env })
      assert.strictEqual(status, 0)
    }))

  it.live("a ledger of a store that is not there is none, and makes none", () =>
    Effect.gen(function*() {
      const at = yield* place(1)
      const { status } = yield* run(["ledger", "--store", `sqlite:${at.output}.none`])
      assert.strictEqual(status, 2)
      assert.isFalse(Fs.existsSync(`${at.output}.none`))
    }))

  it.live("a store that is a pipe is refused: opening one waits for ever", () =>
    Effect.gen(function*() {
      const at = yield* place(1)
      execFileSync("mkfifo", [at.output])
      const { status, stderr } = yield* run(["ledger", "--store", `sqlite:${at.output}`])
      assert.strictEqual(status, 2)
      assert.match(stderr, /is a pipe/)
    }))

  it.effect("one process at a time writes the output, however long it takes; one that is gone is waited for as long as its lease", () =>
    Effect.gen(function*() {
      const writers: Array<string> = []
      const writing = (by: string, duration: Duration.Input) =>
        locked(
          { by, entries: Entries.of("b"), lease: 3000 },
          Effect.gen(function*() {
            writers.push(`${by} begins`)
            yield* Effect.sleep(duration)
            writers.push(`${by} ends`)
          })
        )
      yield* Effect.forkChild(writing("a", "1 minute"))
      yield* Effect.forkChild(writing("b", "1 minute"))
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(writers.splice(0), ["a begins"])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(writers.splice(0), ["a ends", "b begins"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(writers.splice(0), ["b ends"])
      const { lock } = Entries.of("b")
      yield* (yield* Store.Store).transact(
        [],
        (_, now) => Result.succeed({ result: undefined, writes: [lock.put({ by: "gone", until: now + 3000 })] })
      )
      yield* Effect.forkChild(writing("c", "1 minute"))
      yield* TestClock.adjust("2.9 seconds")
      assert.deepStrictEqual(writers.splice(0), [])
      yield* TestClock.adjust("0.2 seconds")
      assert.deepStrictEqual(writers.splice(0), ["c begins"])
    }).pipe(Effect.provide(Store.layerMemory)))

  it.live("lines may come by a pipe, in any pieces", () =>
    Effect.gen(function*() {
      const at = yield* place(3)
      const prompt = `line:q0 ${"long ".repeat(40_000)}`
      Fs.writeFileSync(
        at.input,
        `${JSON.stringify({ id: "q0", request: { prompt } })}\n${inputOf(3).split("\n", 3).slice(1).join("\n")}`
      )
      const pipe = `${at.input}.pipe`
      execFileSync("mkfifo", [pipe])
      const writer = spawn("cp", [at.input, pipe])
      const { status } = yield* Effect.ensuring(
        run(argsOf({ ...at, input: pipe }), { env: at.env }),
        Effect.sync(() => writer.kill())
      )
      assert.strictEqual(status, 0)
      assertAnswered(at, 3)
    }))

  it.live.skipIf(process.platform !== "linux")(
    "a pipe is waited for, until it has an end or somebody has enough",
    () =>
      Effect.gen(function*() {
        const at = yield* place(2)
        const pipe = `${at.input}.pipe`
        execFileSync("mkfifo", [pipe])
        const waiting = Effect.tap(
          Effect.sync(() => start(argsOf({ ...at, input: pipe }), at.env)),
          ({ opened }) => opened(pipe)
        )
        for (const isWritten of [false, true]) {
          const { child, exited } = yield* waiting
          const writer = isWritten ? Fs.openSync(pipe, "w") : undefined
          if (writer !== undefined) Fs.writeSync(writer, inputOf(1))
          child.kill("SIGINT")
          assert.strictEqual((yield* exited).status, 130)
          if (writer !== undefined) Fs.closeSync(writer)
        }
        assert.lengthOf(at.up.calls, 0)
        const { exited } = yield* waiting
        const writer = Fs.openSync(pipe, "w")
        for (const piece of [inputOf(2).slice(0, 40), inputOf(2).slice(40)]) Fs.writeSync(writer, piece)
        Fs.closeSync(writer)
        assert.strictEqual((yield* exited).status, 0)
        assertAnswered(at, 2)
      })
  )

  it.live("equal requests are asked each, and once with --cache", () =>
    Effect.gen(function*() {
      for (const [more, calls] of [[[], 2], [["--cache"], 1]] as const) {
        const at = yield* place(2)
        Fs.writeFileSync(at.input, inputOf(2).replace("line:q1", "line:q0"))
        const { status } = yield* run(argsOf(at, ["--concurrency", "1", ...more]), { env: at.env })
        assert.strictEqual(status, 0)
        assert.lengthOf(at.up.calls, calls)
      }
    }))

  it.live("lines without an end are refused", () =>
    Effect.gen(function*() {
      const at = yield* place(1)
      const { status, stderr } = yield* run(argsOf({ ...at, input: "/dev/zero" }), { env: at.env })
      assert.strictEqual(status, 2)
      assert.match(stderr, /\/dev\/zero: larger than \d+ bytes/)
    }))

  it.live("tells people what became of it", () =>
    Effect.gen(function*() {
      const at = yield* place(3)
      at.up.behave = ({ id, nth }) => id === "q0" ? { status: 400 } : id === "q1" && nth === 0 ? { status: 500 } : {}
      const { status, stderr, stdout } = yield* run(
        argsOf(at, ["--concurrency", "1"]).filter((arg) => arg !== "--json"),
        { env: at.env }
      )
      assert.strictEqual(status, 1)
      assert.strictEqual(stdout, "")
      assert.strictEqual(
        stderr,
        [
          "status                done",
          "lines                 3",
          "answers               2",
          "failures              1; --retry-failed asks again",
          "  InvalidRequest      1, as q0: status 400",
          "left                  0",
          "attempts              4",
          "retried               1",
          "lost                  0",
          "cached                0",
          "cost                  $0",
          // Nobody knows the price of the model that answered.
          "unstated              2",
          "  openai gpt-4o-mini  2 attempts, 0 answers, input 0, cached 0, output 0, $0",
          "  openai m            2 attempts, 2 answers, input 20, cached 0, output 10, $0",
          "this run              2 answers, 1 failures, 4 attempts, 0 cached",
          ""
        ].join("\n")
      )
    }))

  it.live("shows on a terminal how far it is, and leaves nothing of that", () =>
    Effect.gen(function*() {
      const at = yield* place(2)
      at.up.behave = () => ({ delay: 700 })
      const { status, stderr } = yield* run(argsOf(at), { env: at.env, stderrIsTerminal: true })
      assert.strictEqual(status, 0)
      const shown = stderr.split("\r\u001b[2K")
      assert.strictEqual(shown.shift(), "")
      assert.strictEqual(shown.pop(), "")
      assert.strictEqual(shown[0], "░░░░░░░░░░░░░░░░░░░░░░░░ 0/2, 2 running, 0.0/s")
      for (const bar of shown) assert.match(bar, /^[█░]{24} \d\/2, \d running, \d\.\d\/s(, \d s left)?$/)
    }))
})
