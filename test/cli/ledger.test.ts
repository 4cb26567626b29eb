import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { OpenAiChunk, Provider } from "../../src/index.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import { lines, run } from "./harness.ts"

// 1,000 tokens at 2.50 USD a million, and 100 at 10: 0.0035 USD.
const answer = new OpenAiChunk({
  chunk: {
    model: "gpt-4o",
    choices: [{ index: 0, delta: { content: "a" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1000, completion_tokens: 100 }
  }
})
const provider: Provider.Service = { name: "openai", stream: () => Stream.make(answer) }

/** A store with two attempts of Ada's, one of Bob's, one of nobody's, and an answer of Ada's that was written to a log. */
const filled = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "ledger-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
).pipe(
  Effect.map((folder) => Path.join(folder, "store")),
  Effect.tap((filename) =>
    Effect.gen(function*() {
      const kept = (yield* Ledger.make())(provider)
      for (const user of ["ada", "bob", "ada", undefined]) {
        yield* Stream.runDrain(kept.stream({ model: "gpt-4o", prompt: "Hi", ...(user === undefined ? {} : { user }) }))
      }
      const log = yield* StreamLog.StreamLog
      const { id } = yield* log.start({ model: "gpt-4o", prompt: "Hi" }, { user: "ada" })
      yield* Stream.runDrain(yield* log.follow(id, { user: "ada" }))
    }).pipe(Effect.provide(
      StreamLog.layer().pipe(
        Layer.provide(Layer.succeed(Provider.Provider, provider)),
        Layer.provideMerge(SqliteStore.layer({ filename }))
      )
    ))
  ),
  Effect.map((filename) => (...more: ReadonlyArray<string>) =>
    run(["ledger", "--store", `sqlite:${filename}`, ...more])
  )
)

const json = (stdout: string) => lines(stdout).map(({ attempts, cost, user }) => [user, attempts, cost])

describe("llm-stream ledger", () => {
  it.live("has each attempt with its user, and the answers of a log", () =>
    Effect.gen(function*() {
      const ledger = yield* filled
      const { stdout } = yield* ledger("--json")
      const rows = lines(stdout)
      assert.deepStrictEqual(
        rows.map(({ cost, type, user }) => [type, user, cost]),
        [
          ["attempt", null, "0.0035"],
          ...["ada", "ada", "bob", "ada"].map((user) => ["attempt", user, "0.0035"]),
          ["total", undefined, "0.0175"]
        ]
      )
      assert.include((yield* ledger()).stdout, "user bob")
    }))

  it.live("sums by user, for a user, and for a time", () =>
    Effect.gen(function*() {
      const ledger = yield* filled
      const sums = (yield* ledger("--json", "--by", "user")).stdout
      assert.deepStrictEqual(json(sums), [
        ["", 1, "0.0035"],
        ["ada", 3, "0.0105"],
        ["bob", 1, "0.0035"],
        [undefined, 5, "0.0175"]
      ])
      assert.match((yield* ledger("--by", "user")).stdout, /^ada +3 +0 +\$0\.0105$/m)
      assert.deepStrictEqual(json((yield* ledger("--json", "--by", "model", "--user", "bob")).stdout).at(-1), [
        undefined,
        1,
        "0.0035"
      ])
      const day = String(lines((yield* ledger("--json")).stdout)[0]?.["startedAt"]).slice(0, 10)
      assert.strictEqual(lines((yield* ledger("--json", "--by", "day")).stdout)[0]?.["day"], day)
      assert.strictEqual(json((yield* ledger("--json", "--since", day)).stdout).length, 6)
      for (const none of [["--until", day], ["--since", "2999-01-01"], ["--user", "eve"], ["--batch", "none"]]) {
        assert.deepStrictEqual(json((yield* ledger("--json", ...none)).stdout), [[undefined, 0, "0"]])
      }
    }))

  it.live("refuses a day that is none", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* (yield* filled)("--since", "yesterday")
      assert.strictEqual(status, 2)
      assert.include(stderr, "since")
    }))
})
