import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { commands } from "../../src/cli/main.ts"
import { providers } from "../../src/cli/providers.ts"
import { run, start } from "./harness.ts"

const wrong: ReadonlyArray<readonly [title: string, args: ReadonlyArray<string>, message: RegExp]> = [
  ["an unknown command", ["aks"], /Unknown subcommand "aks"/],
  [
    "a PROMPT without a command",
    ["hello there"],
    /Unknown subcommand "hello there".*To ask a model: llm-stream ask "PROMPT"/
  ],
  ["an unknown flag", ["ask", "--colour", "hello"], /Unrecognized flag: --colour/],
  [
    "a key in the wrong place",
    ["--openai-api-key", "sk-0123456789abcdef0123", "ask", "hello"],
    /Unknown subcommand "<redacted>"/
  ],
  [
    "an address with a key in the wrong place",
    ["prices", "refresh", "https://prices.example/?key=secret"],
    /Unexpected positional argument: "<redacted>"/
  ],
  ["no PROMPT", ["ask", "--provider", "openai"], /No PROMPT/],
  [
    "two PROMPTs",
    ["ask", "--provider", "openai", "hello", "world"],
    /Unexpected positional argument: "world"\. Put the whole PROMPT in quotes/
  ],
  ["an empty PROMPT", ["ask", "--provider", "openai", " "], /The prompt is empty/],
  [
    "an unknown provider",
    ["ask", "--provider", "openia", "hello"],
    /"openia".*one of openai, .*; did you mean openai\?/
  ],
  ["a flag without its value", ["ask", "hello", "--model"], /--model/],
  ["a duration without a unit", ["ask", "--idle-timeout", "5", "hello"], /--idle-timeout.*30s/],
  ["no duration at all", ["ask", "--idle-timeout", "soon", "hello"], /--idle-timeout.*30s/],
  ["a duration of nothing", ["ask", "--idle-timeout", "0s", "hello"], /--idle-timeout.*30s/],
  ["a negative number of retries", ["ask", "--max-retries", "-1", "hello"], /--max-retries.*0 or more/],
  ["half a retry", ["ask", "--max-retries", "0.5", "hello"], /--max-retries/],
  ["an empty name of a model", ["ask", "--model", "", "hello"], /--model.*the id of a model/],
  ["a character that a terminal obeys", ["ask", "--\u001b[2J", "hello"], /Unrecognized flag: --\ufffd\[2J/],
  ["a history without a name", ["chat", "--history", ""], /The name of the file is empty/],
  [
    "two forms of output",
    ["decode", "--provider", "openai", "--chunks", "--parts", "a"],
    /--chunks and --parts exclude/
  ],
  ["--refresh alone", ["prices", "--refresh", "a.json"], /--refresh LIST and --output FILE need each other/],
  ["--output alone", ["prices", "--output", "a.json"], /--refresh LIST and --output FILE need each other/],
  [
    "--refresh beside --diff",
    ["prices", "--refresh", "a", "--output", "b", "--diff", "a"],
    /--refresh and --diff exclude each other/
  ],
  ["a price list that is a directory", ["prices", "--diff", "/tmp"], /\/tmp: is a directory, not a file/],
  ["a price list without an end", ["prices", "--diff", "/dev/zero"], /\/dev\/zero: larger than the limit of 64 MiB/],
  ["decode without a provider", ["decode", "a.sse"], /Missing required flag: --provider, one of openai, /],
  ["decode without a file", ["decode", "--provider", "openai"], /FILE/]
]

describe("llm-stream", () => {
  for (const [title, args, message] of wrong) {
    it.effect(`exits with 2 and a hint for ${title}`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(args, { env: { OPENAI_API_KEY: "a-key" } })
        assert.strictEqual(status, 2)
        assert.match(stderr, message)
        assert.strictEqual(stdout, "")
        assert.isAtMost(stderr.trimEnd().split("\n").length, 6)
      }))
  }

  const limits: ReadonlyArray<readonly [flag: string, at: ReadonlyArray<string>, beyond: ReadonlyArray<string>]> = [
    ["--temperature", ["0", "2"], ["-0.1", "2.1", "NaN"]],
    ["--max-tokens", ["1"], ["0", "-1", "1.5"]],
    ["--max-steps", ["1"], ["0"]],
    ["--max-retries", ["0"], ["-1"]],
    ["--idle-timeout", ["1ms", "2 minutes"], ["0ms", "-1s", "1e9999s"]],
    ["--tool-timeout", ["1ms"], ["0ms"]]
  ]
  for (const [flag, at, beyond] of limits) {
    it.effect(`takes ${flag} up to its limits, and nothing beyond`, () =>
      Effect.gen(function*() {
        const status = (value: string) =>
          Effect.map(
            run(["ask", "--dry-run", `${flag}=${value}`, "hello"], { env: { OPENAI_API_KEY: "a-key" } }),
            ({ status }) => status
          )
        for (const value of at) assert.strictEqual(yield* status(value), 0, value)
        for (const value of beyond) assert.strictEqual(yield* status(value), 2, value)
      }))
  }

  it.effect("asks the model that --model names, of every provider", () =>
    Effect.gen(function*() {
      const env = {
        AWS_REGION: "us-east-1",
        AZURE_OPENAI_ENDPOINT: "https://a.example",
        AZURE_INFERENCE_ENDPOINT: "https://a.example"
      }
      for (const { id } of providers) {
        const { status, stdout } = yield* run(["ask", "--dry-run", "--provider", id, "-m", "claude-mine", "hello"], {
          env
        })
        assert.strictEqual(status, 0, id)
        assert.include(stdout, "claude-mine", id)
      }
    }))

  it.effect("exits with 2 and names the variables when no provider is given and no key is set", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* run(["ask", "hello"])
      assert.strictEqual(status, 2)
      for (const name of providers.flatMap((row) => row.keys.flat())) assert.include(stderr, name)
    }))

  it.effect("exits with 2 when a provider lacks configuration besides its key", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* run(["ask", "--provider", "azure", "hello"], {
        env: { AZURE_OPENAI_API_KEY: "a-key" }
      })
      assert.strictEqual(status, 2)
      assert.include(stderr, "AZURE_OPENAI_ENDPOINT")
    }))

  const region = { AWS_BEARER_TOKEN_BEDROCK: "a-key" }
  const azure = { AZURE_OPENAI_API_KEY: "a-key" }
  const openai = { OPENAI_API_KEY: "a-key" }
  const configurations: ReadonlyArray<
    readonly [title: string, args: ReadonlyArray<string>, env: Record<string, string>, status: number, line: RegExp]
  > = [
    ["no region", ["bedrock"], region, 1, /^bedrock: InvalidRequest: .*AWS_REGION/],
    [
      "no name of a region",
      ["bedrock"],
      { ...region, AWS_REGION: "a b" },
      1,
      /^bedrock: InvalidRequest: The AWS region/
    ],
    ["no key", ["openai"], {}, 1, /^openai: Authentication: No API key: set OPENAI_API_KEY/],
    ["a key with a blank", ["openai"], { OPENAI_API_KEY: "a key" }, 1, /^openai: Authentication: /],
    ["no URL", ["openai"], { ...openai, OPENAI_BASE_URL: "local" }, 1, /^openai: InvalidRequest: The base URL/],
    [
      "no port",
      ["openai"],
      { ...openai, OPENAI_BASE_URL: "http://a:99999" },
      1,
      /^openai: InvalidRequest: The base URL/
    ],
    [
      "no Azure URL",
      ["azure", "-m", "m"],
      { ...azure, AZURE_OPENAI_ENDPOINT: "a" },
      1,
      /^azure: InvalidRequest: The base/
    ],
    ["no endpoint", ["azure"], azure, 2, /^llm-stream: AZURE_OPENAI_ENDPOINT is not set/],
    [
      "a flag that is no URL",
      ["openai", "--base-url", "local"],
      openai,
      2,
      /^llm-stream: --base-url "local": The base URL/
    ],
    [
      "a password",
      ["openai", "--base-url", "http://u:hunter2@a"],
      openai,
      2,
      /^llm-stream: --base-url "<redacted>": The base URL/
    ],
    ["no prices", ["openai", "--prices", "/a\u009b"], openai, 2, /^llm-stream: \/a\ufffd: no such file/]
  ]
  for (const [title, [provider = "", ...args], env, status, line] of configurations) {
    it.effect(`says in one line what is wrong with its configuration: ${title}`, () =>
      Effect.gen(function*() {
        const outcome = yield* run(["ask", "--provider", provider, ...args, "hello"], { env })
        assert.match(outcome.stderr, line)
        assert.lengthOf(outcome.stderr.trimEnd().split("\n"), 1)
        assert.notInclude(outcome.stderr, "hunter2")
        assert.deepStrictEqual({ ...outcome, stderr: "" }, { status, stdout: "", stderr: "" })
      }))
  }

  it.effect("tells of an internal error on standard error", () =>
    Effect.gen(function*() {
      const outcome = yield* run(["decode", "--provider", "openai", "-"], {
        stdin: Stream.die(new Error("Oh\u001b[2J"))
      })
      assert.deepStrictEqual([outcome.status, outcome.stdout], [1, ""])
      assert.match(outcome.stderr, /^llm-stream: internal error: Error: Oh\ufffd\[2J\n/)
    }))

  it.effect("says in one line what is too large to be read or printed", () =>
    Effect.gen(function*() {
      const megabyte = new Uint8Array(1024 * 1024).fill(0x61)
      const read = yield* run(["ask", "-"], {
        env: openai,
        stdin: Stream.forever(Stream.make(megabyte))
      })
      const error = "llm-stream: Standard input: larger than the limit of 64 MiB\n"
      assert.deepStrictEqual(read, { status: 2, stdout: "", stderr: error })
      const printed = yield* run(["decode", "--provider", "openai", "-"], {
        stdin: Stream.die(new RangeError("Invalid string length"))
      })
      const lost = "llm-stream: what came is too large to be printed: Invalid string length\n"
      assert.deepStrictEqual(printed, { status: 1, stdout: "", stderr: lost })
    }))

  it.effect("prints help", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["ask", "--help"])
      assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
      for (const flag of ["provider", "model", "base-url", "system", "idle-timeout", "max-retries", "json"]) {
        assert.include(stdout, `--${flag}`)
      }
    }))

  it.live("prints in the built command line the same help at once", () =>
    Effect.gen(function*() {
      for (const args of [["--help"], ...commands.map((name) => [name, "-h"])]) {
        const built = execFileSync(process.execPath, ["dist/bin.js", ...args], { encoding: "utf8" })
        assert.strictEqual(built, (yield* run(args)).stdout)
      }
    }))

  it.effect("prints its version", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run(["--version"]), { status: 0, stdout: "llm-stream v1.2.3\n", stderr: "" })
    }))

  it("has its providers, their credentials and default models documented", () => {
    const rows = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8").split("\n")
    for (const { id, keys, model } of providers) {
      const row = rows.find((row) => row.startsWith("|") && row.split("|")[1]?.includes(`\`${id}\``))
      for (const word of [...keys.flat(), ...(model === undefined ? [] : [model])]) assert.include(row, `\`${word}\``)
    }
  })

  it.live("reports the exit status to the shell", () =>
    Effect.gen(function*() {
      const outcome = yield* start(["ask", "--nonsense"]).exited
      assert.strictEqual(outcome.status, 2)
      assert.notMatch(outcome.stderr, /^\s+at /m)
    }))
})
