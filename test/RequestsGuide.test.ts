import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { Prompt } from "effect/ai"
import { ChatCompletions, ChatRequest, type RequestFormat } from "../src/index.ts"
import * as Responses from "../src/protocols/responses/request.ts"
import { read } from "./support/documentation.ts"

const chat = (dialect: ChatCompletions.Dialect) => ChatCompletions.format({ provider: "acme", dialect })

const formats: Readonly<Record<string, RequestFormat.RequestFormat>> = {
  OpenAI: chat(ChatCompletions.openai),
  Azure: chat(ChatCompletions.azure),
  Groq: chat(ChatCompletions.groq),
  "Azure AI Inference": chat(ChatCompletions.azureInference),
  Responses: Responses.format({
    provider: "acme",
    options: { keys: ["acme"], schema: Schema.Struct({}) },
    partKey: "acme"
  })
}

const tools = [{ name: "f", parameters: { type: "object", properties: {} } }]

const options: Readonly<Record<string, Partial<ChatRequest.ChatRequest>>> = {
  system: { system: "Be brief." },
  maxTokens: { maxTokens: 100 },
  temperature: { temperature: 0.5 },
  topP: { topP: 0.5 },
  topK: { topK: 5 },
  frequencyPenalty: { frequencyPenalty: 1 },
  presencePenalty: { presencePenalty: 1 },
  stop: { stop: ["."] },
  seed: { seed: 1 },
  tools: { tools },
  toolChoice: { tools, toolChoice: "required" },
  parallelToolCalls: { tools, parallelToolCalls: false },
  responseFormat: { responseFormat: { schema: { type: "object" } } },
  "reasoning.effort": { reasoning: { effort: "high" } },
  "reasoning.budgetTokens": { reasoning: { budgetTokens: 2000 } },
  "reasoning.summary": { reasoning: { summary: "auto" } },
  serviceTier: { serviceTier: "flex" },
  user: { user: "ada" },
  metadata: { metadata: { team: "a" } },
  logprobs: { logprobs: 2 },
  audio: { audio: { voice: "alloy", format: "pcm16" } }
}

const file = (mediaType: string, data: string | URL): Prompt.FilePartEncoded => ({ type: "file", mediaType, data })
const asking = (part: Prompt.FilePartEncoded): Prompt.RawInput => [{ role: "user", content: [part] }]
const answered = (part: Prompt.AssistantMessagePartEncoded): Prompt.RawInput => [
  { role: "user", content: "Hi" },
  { role: "assistant", content: [part, { type: "text", text: "Hello" }] },
  { role: "user", content: "Bye" }
]

const parts: Readonly<Record<string, Prompt.RawInput>> = {
  "image, as data": asking(file("image/png", "AAAA")),
  "image, by URL": asking(file("image/png", new URL("https://example.com/a.png"))),
  "PDF, as data": asking(file("application/pdf", "AAAA")),
  "PDF, by URL": asking(file("application/pdf", new URL("https://example.com/a.pdf"))),
  "sound, as data": asking(file("audio/mpeg", "AAAA")),
  "sound, by URL": asking(file("audio/mpeg", new URL("https://example.com/a.mp3"))),
  "text file": asking(file("text/plain", "AAAA")),
  "image in a tool's result": [
    { role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] },
    {
      role: "tool",
      content: [{
        type: "tool-result",
        id: "a",
        name: "f",
        isFailure: false,
        result: null,
        modelOutput: [file("image/png", "AAAA")]
      }]
    }
  ],
  "reasoning of an earlier answer": answered({ type: "reasoning", text: "Hm." }),
  "image of an earlier answer": answered(file("image/png", "AAAA"))
}

interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<readonly [name: string, cells: ReadonlyArray<string>]>
}

const table = (heading: string): Table => {
  const [, section = ""] = read("docs/requests.md").split(`## ${heading}\n`)
  const [header = [], , ...rows] = (section.split("\n## ")[0] ?? "").split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
  return {
    columns: header.slice(1),
    rows: rows.map(([name = "", ...cells]) => [name.replaceAll("`", ""), cells])
  }
}

const outcome = (
  format: RequestFormat.RequestFormat,
  request: ChatRequest.ChatRequest,
  place: string
): { readonly word: string; readonly body: string; readonly has: (path: string) => boolean } => {
  const result = Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, "gpt-5"))
  if (Result.isFailure(result)) {
    assert.isTrue(result.failure.message.startsWith(`acme: ${place}`), result.failure.message)
    return { word: "refused", body: "", has: () => false }
  }
  const { body, ignored } = result.success
  return {
    word: ignored.some((sentence) => sentence.startsWith(place)) ? "ignored" : "encoded",
    body: JSON.stringify(body),
    has: (path) => path.split(".").reduce((at: unknown, key) => Object(at)[key], body) !== undefined
  }
}

describe("docs/requests.md", () => {
  it("says what each option becomes", () => {
    const { columns, rows } = table("What each option becomes")
    assert.deepStrictEqual(rows.map(([name]) => name), Object.keys(options))
    for (const [name, cells] of rows) {
      for (const [index, cell] of cells.entries()) {
        for (const api of columns[index]?.split(", ") ?? []) {
          const format = formats[api]
          assert.isDefined(format, api)
          if (format === undefined) continue
          const { has, word } = outcome(format, { prompt: "Hi", ...options[name] }, name)
          const expected = cell.startsWith("`") ? "encoded" : cell
          assert.strictEqual(word, expected, `${name} on ${api}`)
          if (expected === "encoded") assert.isTrue(has(cell.slice(1, -1)), `${name} on ${api}: ${cell}`)
        }
      }
    }
  })

  it("lists every option", () => {
    const listed = new Set(Object.keys(options).map((name) => name.split(".")[0]))
    const all: ReadonlyArray<string> = Object.keys(ChatCompletions.openai.fields)
    assert.deepStrictEqual(all.filter((name) => !listed.has(name)), ["model", "prompt", "options"])
  })

  it("says what each part becomes", () => {
    const { columns, rows } = table("What each part becomes")
    assert.deepStrictEqual(rows.map(([name]) => name), Object.keys(parts))
    for (const [name, cells] of rows) {
      for (const [index, cell] of cells.entries()) {
        const api = columns[index] ?? ""
        const format = formats[api]
        assert.isDefined(format, api)
        if (format === undefined) continue
        const { body, word } = outcome(format, { prompt: parts[name] ?? "" }, "prompt[")
        const expected = cell.startsWith("`") ? "encoded" : cell
        assert.strictEqual(word, expected, `${name} on ${api}`)
        if (expected === "encoded") assert.include(body, `"${cell.slice(1, -1)}"`, `${name} on ${api}`)
      }
    }
  })
})
