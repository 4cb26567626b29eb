/** What the command line prints and writes has no secret, wherever that was put. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { hasPostgres, hasRedis, hasSqlite, postgresUrl, redisUrl } from "../stores/stores.ts"
import { type Answer, failures, foundIn, secret } from "../support/secrets.ts"
import { run } from "./harness.ts"

interface Place {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: ReadonlyArray<string>
}

const encoded = encodeURIComponent(secret)
const other = { OPENAI_API_KEY: "another-key-0123" }

/** Of the commands that ask. */
const places: Readonly<Record<string, Place>> = {
  "a key in the environment": { env: { OPENAI_API_KEY: secret } },
  "a key with a line break": { env: { OPENAI_API_KEY: `${secret}\n` } },
  "a key that can't be sent": { env: { OPENAI_API_KEY: `two\n${secret}` } },
  "the query of an address in the environment": {
    env: { ...other, OPENAI_BASE_URL: `https://models.example/v1?code=${encoded}` }
  },
  "the password of an address in the environment": {
    env: { ...other, OPENAI_BASE_URL: `https://user:${encoded}@models.example/v1` }
  },
  "an address in the environment that is none": {
    env: { ...other, OPENAI_BASE_URL: `models.example?code=${encoded}` }
  },
  "the query of an address": { env: other, args: ["--base-url", `https://models.example/v1?code=${encoded}`] },
  "the path of an address": { env: other, args: ["--base-url", `https://models.example/${encoded}/v1`] },
  "the password of an address": { env: other, args: ["--base-url", `https://user:${encoded}@models.example/v1`] },
  "the query of an address that is none": { env: other, args: ["--base-url", `models.example/v1?code=${encoded}`] },
  "the path of an address that is complete": {
    env: other,
    args: ["--base-url", `https://models.example/${encoded}/v1/chat/completions`]
  },
  "the place of an address": { env: other, args: ["--base-url", secret] },
  "a price list": { env: other, args: ["--prices", `https://user:${encoded}@prices.example/list?key=${encoded}`] },
  "the place of a batch": { env: other, args: ["--max-cost", secret] },
  "the place of a provider": { env: other, args: ["--provider", secret] },
  "a flag that there is not": { env: other, args: ["--api-key", secret] },
  "a key of Anthropic": { env: { ANTHROPIC_API_KEY: secret }, args: ["--provider", "anthropic"] },
  "keys of AWS": {
    env: { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: secret },
    args: ["--provider", "bedrock"]
  },
  "a token of AWS": {
    env: { AWS_REGION: "us-east-1", AWS_BEARER_TOKEN_BEDROCK: secret },
    args: ["--provider", "bedrock"]
  },
  "an endpoint of Azure": {
    env: { AZURE_OPENAI_API_KEY: secret, AZURE_OPENAI_ENDPOINT: `https://models.example/?sig=${encoded}` },
    args: ["--provider", "azure", "--model", "gpt-4o"]
  }
}

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "llm-stream-secrets-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
)

/** A run with a host that answers so: what it prints, and the files that it leaves, with their names. */
const printed = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  answer: Answer = () => Promise.reject(new TypeError("fetch failed")),
  stdin = ""
) {
  const at = yield* folder
  const input = Path.join(at, "in.jsonl")
  const schema = Path.join(at, "schema.json")
  Fs.writeFileSync(input, `${JSON.stringify({ id: "q1", request: { prompt: "Say hello" } })}\n`)
  Fs.writeFileSync(schema, JSON.stringify({ type: "object", properties: { a: { type: "string" } } }))
  const { status, stderr, stdout } = yield* run(args.map((word) => word.replace("FOLDER", at)), {
    env,
    stdin: Stream.make(new TextEncoder().encode(stdin)),
    ...(stdin === "" ? undefined : { stdinKind: "FIFO" })
  }).pipe(
    Effect.provideService(
      FetchHttpClient.Fetch,
      async (_, init) => answer(new Headers(init?.headers).get("accept")?.split(",")[0] ?? "text/event-stream")
    )
  )
  assert.notStrictEqual(status, null)
  return [
    stdout,
    stderr,
    ...Fs.readdirSync(at).flatMap((name) => [name, Fs.readFileSync(Path.join(at, name), "latin1")])
  ]
}, Effect.scoped)

const commands: Readonly<Record<string, readonly [args: ReadonlyArray<string>, stdin?: string]>> = {
  ask: [["ask", "--max-retries", "0", "Say hello"]],
  "ask --json": [["ask", "--max-retries", "0", "--json", "Say hello"]],
  "ask --schema": [["ask", "--max-retries", "0", "--schema", "FOLDER/schema.json", "Say hello"]],
  chat: [["chat", "--max-retries", "0", "--history", "FOLDER/history.json"], "Say hello\nAgain\n"],
  ...(hasSqlite
    ? { batch: [["batch", "FOLDER/in.jsonl", "FOLDER/out.jsonl", "--json", "--max-retries", "0", "--breaker", "off"]] }
    : {})
}

/** Without those that differ in nothing here, and one whose event some wires hand on as it came. */
const hosts = Object.entries(failures).filter(([name]) => !/^status (400|403|404|529)|of another shape/.test(name))

describe("A secret", () => {
  for (const [command, [args, stdin]] of Object.entries(commands)) {
    it.live(`shows in nothing that ${command} prints or writes`, () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        for (const [place, { args: more = [], env }] of Object.entries(places)) {
          for (
            const [failure, answer] of command === "batch"
              ? hosts.filter(([name]) => /401|error/.test(name))
              : hosts
          ) {
            const found = foundIn(yield* printed([...args, ...more], env, answer, stdin))
            seen.push(...found.slice(0, 1).map((one) => `${place}, ${failure}: ${one}`))
          }
        }
        assert.deepStrictEqual(seen, [])
      }))
  }

  it.live("shows in no request that is not sent, and in no refusal", () =>
    Effect.gen(function*() {
      const lines: ReadonlyArray<ReadonlyArray<string>> = [
        ...Object.values(places).map(({ args = [] }) => ["ask", "--dry-run", "hello", ...args]),
        ...[
          ...(hasRedis ? [Object.assign(new URL(redisUrl), { password: encoded }).href] : []),
          ...(hasPostgres ? [Object.assign(new URL(postgresUrl), { password: encoded, pathname: "/none" }).href] : []),
          `redis://:${encoded}@127.0.0.1:1`,
          `postgres://user:${encoded}@127.0.0.1:1/db`,
          secret,
          `redis:${secret}`
        ]
          .flatMap((store) => [
            ["ledger", "--store", store],
            ["batch", "FOLDER/in.jsonl", "FOLDER/out.jsonl", "--store", store]
          ]),
        ["ask", "--tools", `no-such-command --token ${secret}`, "hello"],
        ["ask", "--tools", `sh -c 'exit 1' --token=${secret}`, "hello"],
        ["ask", "--tools", `sh '${secret}`, "hello"],
        ["chat", "--tools", `no-such-command ${secret}`],
        ["prices", "--refresh", `https://user:${encoded}@prices.example/list`, "--output", "FOLDER/list.json"],
        ["prices", "--refresh", `https://prices.example/list?key=${encoded}`, "--output", "FOLDER/list.json"],
        ["prices", "--diff", `https://prices.example/list?key=${encoded}`],
        [
          "ask",
          "--image",
          `https://user:${encoded}@images.example/a.png?sig=${encoded}`,
          "--provider",
          "bedrock",
          "hello"
        ],
        ["ask", secret, secret],
        ["decode", "--provider", secret, "file.sse"],
        [secret]
      ]
      const seen: Array<string> = []
      for (const line of lines) {
        const found = foundIn(yield* printed(line, { ...other, AWS_REGION: "us-east-1" }))
        seen.push(...found.slice(0, 1).map((one) => `${line.join(" ")}: ${one}`))
      }
      assert.deepStrictEqual(seen, [])
    }))
})
