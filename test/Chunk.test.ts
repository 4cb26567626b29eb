import { assert, describe, it } from "@effect/vitest"
import { Chunk, type ContentEvent, OpenAiChunk } from "../src/index.ts"

/** What a chunk says that has the attributes of another and no events of its own. */
const said = (payload: OpenAiChunk["chunk"]): ReadonlyArray<ContentEvent.ContentEvent> => {
  const plain: Chunk.Chunk = new Proxy(new OpenAiChunk({ chunk: payload }), {
    get: (chunk, name) => name === "contentEvents" ? undefined : Reflect.get(chunk, name, chunk)
  })
  const events: Array<ContentEvent.ContentEvent> = []
  Chunk.contentEvents(plain, events)
  return events
}

describe("a chunk without events of its own", () => {
  it("says what its attributes say, in the order in which a response has it", () => {
    assert.deepStrictEqual(
      said({
        id: "1",
        model: "gpt-4o",
        choices: [
          {
            index: 0,
            delta: {
              content: "Hi",
              reasoning: "Hm",
              refusal: "No",
              tool_calls: [{ index: 3, id: "a", function: { name: "f", arguments: "{}" } }]
            },
            finish_reason: "tool_calls"
          },
          { index: 1, delta: {}, finish_reason: null },
          { index: 2, delta: { tool_calls: [{ index: 0, id: "b" }] }, finish_reason: "length" }
        ],
        usage: { prompt_tokens: 1, completion_tokens: 2 }
      }).filter(({ type }) => type !== "usage"),
      [
        { type: "response", id: "1", model: "gpt-4o" },
        { type: "choice", choice: 0 },
        { type: "reasoning", choice: 0, key: "content", delta: "Hm" },
        { type: "text", choice: 0, key: "content", delta: "Hi" },
        { type: "refusal", choice: 0, key: "refusal", delta: "No", provider: "openai" },
        { type: "end", key: "content" },
        { type: "tool-call-piece", choice: 0, index: 3, id: "a", name: "f", arguments: "{}" },
        { type: "finish", choice: 0, provider: "openai", reason: "tool_calls", raw: "tool_calls" },
        { type: "choice", choice: 1 },
        { type: "choice", choice: 2 },
        { type: "tool-call-piece", choice: 2, index: 0, id: "b", arguments: "" },
        { type: "finish", choice: 2, provider: "openai", reason: "length", raw: "length" }
      ]
    )
  })

  it("says nothing where it has nothing", () => {
    assert.deepStrictEqual(said({}), [])
    assert.deepStrictEqual(said({ model: "m" }), [{ type: "response", id: undefined, model: "m" }])
  })
})
