import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { run } from "./harness.ts"

const env = { OPENAI_API_KEY: "sk-test" }

const secret = "s3cret-of-the-file"

/** A file with a comma too many, and where what follows the comma stands. */
const [before, after] = [`{"id": "${secret}", "request": {"prompt": "Hi",`, `}}\n`]
const place = new RegExp(`not JSON at column ${before.length + 1}: `)

const commands: Readonly<Record<string, (file: string) => ReadonlyArray<string>>> = {
  "ask --request": (file) => ["ask", "--provider", "openai", "--request", file],
  "ask --schema": (file) => ["ask", "--provider", "openai", "--schema", file, "Hi"],
  "ask --prices": (file) => ["ask", "--provider", "openai", "--prices", file, "Hi"],
  "prices --diff": (file) => ["prices", "--diff", file],
  "chat --history": (file) => ["chat", "--provider", "openai", "--history", file],
  batch: (file) => ["batch", file, `${file}.out`, "--provider", "openai", "--store", "memory:"]
}

describe("a file that is not JSON", () => {
  for (const [command, argsOf] of Object.entries(commands)) {
    it.live(`is told from where on, and what it says is not repeated: ${command}`, () =>
      Effect.gen(function*() {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "not-json-"))),
          (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
        )
        const file = Path.join(folder, "a.json")
        Fs.writeFileSync(file, before + after)
        const { status, stderr } = yield* run(argsOf(file), { env })
        assert.notStrictEqual(status, 0)
        assert.match(stderr, place)
        assert.notInclude(stderr, secret)
      }))
  }
})
