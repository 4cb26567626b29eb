import { Effect, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { AnthropicChunk, type Chunk } from "../../src/index.ts"
import { Answer, TestProvider } from "../../src/testing.ts"
import * as Trust from "../../src/ui/Trust.ts"

export const secretOf = (text: string) => Redacted.make(text.padEnd(32, "."))
export const sealed = (...secrets: readonly [string, ...ReadonlyArray<string>]) => {
  const [first, ...others] = secrets
  return Effect.orDie(Trust.sealed({ secret: [secretOf(first), ...others.map(secretOf)] }))
}

/** Runs with the seals of a secret. */
export const withSecret =
  (...secrets: readonly [string, ...ReadonlyArray<string>]) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.flatMap(sealed(...secrets), (trust) => Effect.provideService(self, Trust.Trust, trust))

export const wires: ReadonlyArray<readonly [string, (answer: Answer.Answer) => ReadonlyArray<Chunk.Chunk>]> = [
  ["openai", Answer.openai],
  ["openai-responses", Answer.openaiResponses],
  ["anthropic", Answer.anthropic],
  ["bedrock", Answer.bedrock]
]

export const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

export const tools = Toolkit.make(
  Tool.make("weather", {
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ celsius: Schema.Finite })
  }),
  Tool.make("mail", {
    parameters: Schema.Struct({ to: Schema.String }),
    success: Schema.Struct({ sent: Schema.Boolean }),
    needsApproval: true
  })
)

/** The services of a server, whose provider gives the answers in turn. */
export const serverOf = (answers: ReadonlyArray<Answer.Answer>) => {
  const mails: Array<string> = []
  const handlers = tools.toLayer({
    weather: ({ city }) => Effect.succeed({ celsius: city.length }),
    mail: ({ to }) => Effect.sync(() => ({ sent: mails.push(to) > 0 }))
  })
  let at = 0
  const provider = TestProvider.layer(() => ({
    chunks: Answer.openai(answers[at++] ?? Answer.make({ content: "Bye" }))
  }))
  return { mails, live: Layer.mergeAll(handlers, provider) }
}

export const weather = Answer.make({
  content: "Let me see.",
  toolCalls: [{ name: "weather", arguments: `{"city":"Paris"}` }]
})
export const mail = Answer.make({ toolCalls: [{ name: "mail", arguments: `{"to":"ann"}` }] })
export const both = Answer.make({
  toolCalls: [
    { name: "weather", arguments: `{"city":"Rome"}` },
    { name: "mail", arguments: `{"to":"ann"}` }
  ]
})
export const said = Answer.make({ content: "It is warm." })

const searching: ReadonlyArray<AnthropicChunk["chunk"]> = [
  { type: "message_start", message: { id: "msg_1", model: "claude-haiku-4-5", role: "assistant", content: [] } },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "signed" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { type: "server_tool_use", id: "s1", name: "web_search" } },
  { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: `{"query":"x"}` } },
  { type: "content_block_stop", index: 1 },
  {
    type: "content_block_start",
    index: 2,
    content_block: {
      type: "web_search_tool_result",
      tool_use_id: "s1",
      content: [{ type: "web_search_result", url: "https://x.test", title: "X", encrypted_content: "e" }]
    }
  },
  { type: "content_block_stop", index: 2 },
  { type: "content_block_start", index: 3, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 3, delta: { type: "text_delta", text: "Here it is" } },
  { type: "content_block_stop", index: 3 },
  { type: "content_block_start", index: 4, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 4, delta: { type: "text_delta", text: ", in X." } },
  { type: "content_block_stop", index: 4 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } },
  { type: "message_stop" }
]

/** A response in which the provider has run a tool. */
export const searched = searching.map((chunk) => new AnthropicChunk({ chunk }))

/** Changes of the leaves of a value, one each. */
export const leavesOf = (value: unknown): ReadonlyArray<() => void> =>
  typeof value !== "object" || value === null ?
    [] :
    Object.entries(value).flatMap(([key, leaf]) =>
      typeof leaf === "object" && leaf !== null
        ? leavesOf(leaf)
        : [() => {
          Object.assign(value, {
            [key]: typeof leaf === "number" ? leaf + 1 : typeof leaf === "boolean" ? !leaf : `${leaf}x`
          })
        }]
    )
