/**
 * What becomes of each fault, with each provider and HTTP client: the table of `docs/reliability.md`.
 *
 * Run: `node bench/faults.ts`, which writes it there. A test checks that it is what the code does.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Exit, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  Anthropic,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  type Chunk,
  Groq,
  OpenAi,
  OpenAiResponses,
  type Provider
} from "../src/index.ts"
import { Answer, ReplayServer, Wire } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"

export const clients = {
  fetch: FetchHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  "node:http": NodeHttpClient.layerNodeHttpOptions({ keepAlive: true })
}

const answer = Answer.make({
  content: "Hello, big world!",
  usage: { inputTokens: 3, cachedTokens: 0, outputTokens: 4 }
})
const apiKey = Redacted.make("sk-faults")
// Only what never comes is waited for as long.
const policy = { maxRetries: 0, idleTimeout: "2 seconds", firstByteTimeout: "2 seconds" } as const

export interface Row {
  readonly make: (url: string) => Effect.Effect<Provider.Service<Chunk.Chunk>, never, HttpClient.HttpClient>
  readonly reply: (fault?: ReplayServer.Fault) => ReplayServer.Reply
}

const row = <C extends Chunk.Chunk>(
  format: Wire.WireFormat<C>,
  chunks: ReadonlyArray<C>,
  make: Row["make"]
): Row => ({ make, reply: (fault) => ReplayServer.stream(format, chunks, { fault }) })

const aws = { ...policy, region: "us-east-1", apiKey } as const

export const providers: Readonly<Record<string, Row>> = {
  OpenAI: row(Wire.openai, Answer.openai(answer), (url) => OpenAi.make({ ...policy, apiKey, baseUrl: url })),
  Anthropic: row(
    Wire.anthropic,
    Answer.anthropic(answer),
    (url) => Anthropic.make({ ...policy, apiKey, baseUrl: url })
  ),
  Groq: row(Wire.groq, Answer.groq(answer), (url) => Groq.make({ ...policy, apiKey, baseUrl: url })),
  Azure: row(Wire.azure, Answer.azure(answer), (url) => AzureOpenAi.make({ ...policy, apiKey, endpoint: url })),
  "OpenAI, Responses": row(
    Wire.openaiResponses,
    Answer.openaiResponses(answer),
    (url) => OpenAiResponses.make({ ...policy, apiKey, baseUrl: url })
  ),
  "Azure, Responses": row(
    Wire.azureResponses,
    Answer.azureResponses(answer),
    (url) => AzureResponses.make({ ...policy, apiKey, endpoint: url })
  ),
  Bedrock: row(Wire.bedrock, Answer.bedrock(answer), (url) => Bedrock.make({ ...aws, endpoint: url })),
  "Bedrock, Claude's format": row(
    Wire.bedrockInvoke,
    Answer.bedrockInvoke(answer),
    (url) => BedrockInvoke.make({ ...aws, endpoint: url })
  )
}

const after = { events: 3 }

export const faults: Readonly<Record<string, (row: Row) => ReplayServer.Reply>> = {
  "none": ({ reply }) => reply(),
  "the socket stays open after the end": ({ reply }) => reply({ kind: "hang" }),
  "connection reset in the middle": ({ reply }) => reply({ kind: "reset", after }),
  "body ends in the middle": ({ reply }) => reply({ kind: "end", after }),
  "silence in the middle": ({ reply }) => reply({ kind: "hang", after }),
  "no byte of an answer": ({ reply }) => ({ ...reply(), delay: "1 hour" }),
  "bytes that are not an event": ({ reply }) => {
    const whole = reply()
    const garbage = new TextEncoder().encode("data: {oops\n\n")
    return { ...whole, events: [...whole.events.slice(0, 3), garbage, ...whole.events.slice(3)] }
  },
  "HTTP 429": () => ReplayServer.json({ error: { message: "Slow down" }, message: "Slow down" }, { status: 429 }),
  "HTTP 401": () => ReplayServer.json({ error: { message: "Who?" }, message: "Who?" }, { status: 401 }),
  "HTTP 502 with a page": () => ReplayServer.text("<html></html>", { contentType: "text/html", status: 502 }),
  "HTTP 200 with a page": () => ReplayServer.text("<html></html>", { contentType: "text/html" }),
  "HTTP 200 without a body": ({ reply }) => ({ ...reply(), events: [] })
}

const outcome = (row: Row, reply: ReplayServer.Reply) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* Effect.orDie(NodeReplayServer.make([reply]))
    const provider = yield* row.make(server.url)
    let chunks = 0
    const exit = yield* provider.stream({ model: "some-model", prompt: "Hello" }).pipe(
      Stream.runForEach(() => Effect.sync(() => chunks++)),
      Effect.timeout("30 seconds"),
      Effect.exit
    )
    if (Exit.isSuccess(exit)) return "complete"
    const [reason] = exit.cause.reasons
    if (reason?._tag !== "Fail" || reason.error._tag !== "ProviderError") return "**defect**"
    const kind = reason.error.reason._tag === "Timeout" ? ` (${reason.error.reason.kind})` : ""
    return `\`${reason.error.reason._tag}\`${kind}${chunks > 0 ? ` after ${chunks} chunks` : ""}`
  }))

/** The table, in Markdown. Clients that agree share a cell. */
export const table: Effect.Effect<string> = Effect.gen(function*() {
  const names = Object.keys(providers)
  const lines = [`| fault | ${names.join(" | ")} |`, `|---|${names.map(() => "---").join("|")}|`]
  for (const [fault, replyOf] of Object.entries(faults)) {
    const cells = yield* Effect.forEach(Object.values(providers), (row) =>
      Effect.map(
        Effect.forEach(Object.entries(clients), ([name, client]) =>
          Effect.map(
            Effect.provide(outcome(row, replyOf(row)), Layer.fresh(client)),
            (outcome) => [name, outcome] as const
          ), { concurrency: "unbounded" }),
        (outcomes) =>
          new Set(outcomes.map(([, outcome]) => outcome)).size === 1
            ? outcomes[0]?.[1] ?? ""
            : outcomes.map(([name, outcome]) => `${name}: ${outcome}`).join("<br>")
      ), { concurrency: "unbounded" })
    lines.push(`| ${fault} | ${cells.join(" | ")} |`)
  }
  return lines.join("\n")
})

const file = fileURLToPath(new URL("../docs/reliability.md", import.meta.url))
const marks = /(<!-- faults -->\n)[^]*(\n<!-- \/faults -->)/

/** Cells without the padding that a formatter adds. */
export const compact = (markdown: string): string =>
  markdown.trim().replace(/ *\| */g, "|").replace(/-{3,}/g, "---").replace(/ +$/gm, "")

/** The table as the documentation has it. */
export const documented = (): string =>
  compact(marks.exec(readFileSync(file, "utf8"))?.[0].replace(/<!--.*?-->/g, "") ?? "")

if (process.argv[1]?.endsWith("faults.ts") === true) {
  const markdown = await Effect.runPromise(table)
  writeFileSync(file, readFileSync(file, "utf8").replace(marks, (_, start, end) => `${start}\n${markdown}\n${end}`))
}
