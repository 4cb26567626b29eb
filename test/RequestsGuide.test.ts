import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { Prompt } from "effect/ai"
import { ChatCompletions, ChatRequest, type RequestFormat } from "../src/index.ts"
import { read } from "./support/documentation.ts"
import * as Whole from "./support/wholeFormats.ts"

interface Api {
  readonly format: RequestFormat.RequestFormat
  readonly model: string
}

const options = { keys: ["acme"] as const, schema: Schema.Struct({}) }
const claude = "anthropic.claude-opus-4-6-v1:0"

const chat = (dialect: ChatCompletions.Dialect): Api => ({
  format: Whole.chatCompletions({ provider: "acme", dialect }),
  model: "gpt-5"
})

const apis: Readonly<Record<string, Api>> = {
  OpenAI: chat(ChatCompletions.openai),
  Azure: chat(ChatCompletions.azure),
  Groq: chat(ChatCompletions.groq),
  "Azure AI Inference": chat(ChatCompletions.azureInference),
  Responses: { format: Whole.responses({ provider: "acme", options, partKey: "acme" }), model: "gpt-5" },
  Anthropic: { format: Whole.messages({ provider: "acme", options }), model: claude },
  Bedrock: { format: Whole.converse({ provider: "acme", options }), model: claude }
}

const tools = [{ name: "f", parameters: { type: "object", properties: {} } }]

const strictly = { type: "object", properties: {}, additionalProperties: false }

// What an API has is there when it takes one of these.
const asked: Readonly<
  Record<string, Partial<ChatRequest.ChatRequest> | ReadonlyArray<Partial<ChatRequest.ChatRequest>>>
> = {
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
  responseFormat: { responseFormat: { schema: strictly } },
  "JSON mode": { system: "Answer in JSON.", responseFormat: "json" },
  "reasoning.effort": { reasoning: { effort: "high" } },
  "reasoning.budgetTokens": { reasoning: { budgetTokens: 2000 } },
  "reasoning.summary": { reasoning: { effort: "low", summary: "auto" } },
  serviceTier: [{ serviceTier: "flex" }, { serviceTier: "auto" }],
  user: { user: "ada" },
  metadata: [{ metadata: { team: "a" } }, { metadata: { user_id: "ada" } }],
  logprobs: { logprobs: 2 },
  audio: { audio: { voice: "alloy", format: "pcm16" } }
}

const file = (mediaType: string, data: string | URL): Prompt.FilePartEncoded => ({ type: "file", mediaType, data })
const asking = (
  part: Prompt.FilePartEncoded
): Prompt.RawInput => [{ role: "user", content: [{ type: "text", text: "?" }, part] }]
const answered = (part: Prompt.AssistantMessagePartEncoded): Prompt.RawInput => [
  { role: "user", content: "Hi" },
  { role: "assistant", content: [part, { type: "text", text: "Hello" }] },
  { role: "user", content: "Bye" }
]

const parts: Readonly<Record<string, Prompt.RawInput>> = {
  "image, as data": asking(file("image/png", "iVBORw0KGgo=")),
  "image, by URL": asking(file("image/png", new URL("https://example.com/a.png"))),
  "PDF, as data": asking(file("application/pdf", "JVBERi0x")),
  "PDF, by URL": asking(file("application/pdf", new URL("https://example.com/a.pdf"))),
  "sound, as data": asking(file("audio/mpeg", "SUQzBAAA")),
  "sound, by URL": asking(file("audio/mpeg", new URL("https://example.com/a.mp3"))),
  "text file": asking(file("text/plain", "YWFh")),
  "image in a tool's result": [
    { role: "user", content: "Hi" },
    { role: "assistant", content: [{ type: "tool-call", id: "a", name: "f", params: {} }] },
    {
      role: "tool",
      content: [{
        type: "tool-result",
        id: "a",
        name: "f",
        isFailure: false,
        result: null,
        modelOutput: [file("image/png", "iVBORw0KGgo=")]
      }]
    }
  ],
  "reasoning of an earlier answer": answered({ type: "reasoning", text: "Hm." }),
  "image of an earlier answer": answered(file("image/png", "iVBORw0KGgo="))
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

interface Outcome {
  readonly word: "refused" | "ignored" | "encoded"
  readonly body: Readonly<Record<string, unknown>>
}

const outcome = ({ format, model }: Api, request: ChatRequest.ChatRequest, place: string): Outcome => {
  const result = Result.flatMap(ChatRequest.normalize(request), (normalized) => format.encode(normalized, model))
  if (Result.isFailure(result)) {
    assert.isTrue(result.failure.message.startsWith(`acme: ${place}`), result.failure.message)
    return { word: "refused", body: {} }
  }
  const { body, ignored } = result.success
  const left = ignored.filter((sentence) => !sentence.includes(" is sent as "))
  return { word: left.some((sentence) => sentence.startsWith(place)) ? "ignored" : "encoded", body }
}

const has = (body: Outcome["body"], path: string): boolean =>
  path.split(".").reduce((at: unknown, key) => Object(at)[key], body) !== undefined

const apisOf = (column: string | undefined): ReadonlyArray<readonly [name: string, api: Api]> =>
  (column ?? "").split(", ").map((name) => {
    const api = apis[name]
    if (api === undefined) throw new Error(`The guide names an API that is not known here: ${name}`)
    return [name, api]
  })

describe("docs/requests.md", () => {
  it("says what each option becomes", () => {
    const { columns, rows } = table("What each option becomes")
    assert.deepStrictEqual(rows.map(([name]) => name), Object.keys(asked))
    for (const [name, cells] of rows) {
      const place = name === "JSON mode" ? "responseFormat" : name.split(".")[0] ?? name
      for (const [index, cell] of cells.entries()) {
        for (const [title, api] of apisOf(columns[index])) {
          const outcomes = [asked[name] ?? []].flat().map((fields) => outcome(api, { prompt: "Hi", ...fields }, place))
          const { body, word } = outcomes.find(({ word }) => word !== "refused") ?? { word: "refused", body: {} }
          const expected = cell.startsWith("`") ? "encoded" : cell
          assert.strictEqual(word, expected, `${name} on ${title}`)
          if (expected === "encoded") assert.isTrue(has(body, cell.slice(1, -1)), `${name} on ${title}: ${cell}`)
        }
      }
    }
  })

  it("lists every option", () => {
    const listed = new Set(Object.keys(asked).map((name) => name.split(".")[0]))
    const all: ReadonlyArray<string> = Object.keys(ChatCompletions.openai.fields)
    assert.deepStrictEqual(all.filter((name) => !listed.has(name)), [])
  })

  it("says what each part becomes", () => {
    const { columns, rows } = table("What each part becomes")
    assert.deepStrictEqual(rows.map(([name]) => name), Object.keys(parts))
    for (const [name, cells] of rows) {
      for (const [index, cell] of cells.entries()) {
        for (const [title, api] of apisOf(columns[index])) {
          const { body, word } = outcome(api, { prompt: parts[name] ?? "", tools }, "prompt[")
          const expected = cell.startsWith("`") ? "encoded" : cell
          assert.strictEqual(word, expected, `${name} on ${title}`)
          if (expected === "encoded") {
            assert.include(JSON.stringify(body), `"${cell.slice(1, -1)}"`, `${name} on ${title}`)
          }
        }
      }
    }
  })
})
