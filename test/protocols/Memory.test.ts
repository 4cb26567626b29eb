import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ChatResponse, OpenAiResponses } from "../../src/index.ts"
import * as ResponseParts from "../../src/ResponseParts.ts"
import * as Host from "../support/host.ts"

const decode = (...events: ReadonlyArray<object>) => Host.decode(OpenAiResponses.protocol(), ...events)

const response = { id: "resp_1", model: "gpt-test", status: "in_progress", output: [] }
const created = { type: "response.created", response }
const completed = { type: "response.completed", response: { ...response, status: "completed" } }

// Each kind of text with the events that say it: in pieces, whole, and in the part that it is.
const kinds = {
  output_text: { type: "response.output_text", field: "text", index: "content_index", part: "content_part" },
  refusal: { type: "response.refusal", field: "refusal", index: "content_index", part: "content_part" },
  reasoning_text: { type: "response.reasoning_text", field: "text", index: "content_index", part: "content_part" },
  summary_text: {
    type: "response.reasoning_summary_text",
    field: "text",
    index: "summary_index",
    part: "reasoning_summary_part"
  },
  function_call: { type: "response.function_call_arguments", field: "arguments", index: undefined, part: undefined },
  custom_tool_call: { type: "response.custom_tool_call_input", field: "input", index: undefined, part: undefined }
} as const

const Text = Schema.Struct({
  text: Schema.Literals(["a", "bc", "{}"]),
  ways: Schema.Natural.check(Schema.isLessThan(7))
})

const Item = Schema.Struct({
  kind: Schema.Literals([
    "output_text",
    "refusal",
    "reasoning_text",
    "summary_text",
    "function_call",
    "custom_tool_call"
  ]),
  texts: Schema.NonEmptyArray(Text).check(Schema.isMaxLength(3)),
  isWhole: Schema.Boolean
})

/** The events of an item. With `ways`, bits say by which of delta, `done` and part each text comes; else by deltas. */
const eventsOf = (
  { isWhole, kind, texts: drawn }: typeof Item.Type,
  output_index: number,
  inOneWay: boolean
): ReadonlyArray<object> => {
  const { field, index, part, type } = kinds[kind]
  const texts = index === undefined ? drawn.slice(0, 1) : drawn
  const at = { output_index, item_id: `item_${output_index}` }
  const parts = texts.map(({ text }) => ({ type: kind, [field]: text }))
  const [empty, item] = [[], parts].map((parts) => ({
    id: at.item_id,
    ...(index === undefined
      ? { type: kind, call_id: `call_${output_index}`, name: "f", [field]: parts.length === 0 ? "" : texts[0]?.text }
      : kind === "output_text" || kind === "refusal"
      ? { type: "message", role: "assistant", content: parts }
      : {
        type: "reasoning",
        content: kind === "reasoning_text" ? parts : [],
        summary: kind === "summary_text" ? parts : []
      })
  }))
  const pieces = texts.flatMap(({ text, ways }, i) => {
    const place = { ...at, ...(index === undefined ? {} : { [index]: i }) }
    // At least one; a call has no part.
    const by = inOneWay ? 1 : part === undefined ? ways % 3 + 1 : ways + 1
    return [
      ...(by & 1 ? Array.from(text, (delta) => ({ type: `${type}.delta`, ...place, delta })) : []),
      ...(by & 2 ? [{ type: `${type}.done`, ...place, [field]: text }] : []),
      ...(by & 4 ? [{ type: `response.${part}.done`, ...place, part: parts[i] }] : [])
    ]
  })
  return [
    { type: "response.output_item.added", ...at, item: empty },
    ...(isWhole && !inOneWay ? [] : pieces),
    { type: "response.output_item.done", ...at, item }
  ]
}

describe("texts of a response", () => {
  it.effect.prop("are the same, whichever of the events that can say them do", [
    Schema.NonEmptyArray(Item).check(Schema.isMaxLength(3))
  ], ([items]) =>
    Effect.gen(function*() {
      const [first, second] = yield* Effect.forEach([true, false], (inOneWay) =>
        Effect.map(
          decode(created, ...items.flatMap((item, i) => eventsOf(item, i, inOneWay)), completed),
          ({ response: { content, error, reasoning, refusal, toolCalls } }) => ({
            content,
            error,
            reasoning,
            refusal,
            toolCalls
          })
        ))
      assert.isUndefined(first?.error)
      assert.deepStrictEqual(second, first)
    }), { arbitrary: { runs: 300 } })

  for (
    const [field, type, place, said] of [
      ["content", "response.output_text", "message", { text: "{}" }],
      ["refusal", "response.refusal", "message", { refusal: "{}" }],
      ["reasoning", "response.reasoning_text", "reasoning", { text: "{}" }],
      ["reasoning", "response.reasoning_summary_text", "reasoning", { text: "{}" }],
      ["arguments", "response.function_call_arguments", "function_call", { arguments: "{}" }],
      ["arguments", "response.custom_tool_call_input", "custom_tool_call", { input: "{}" }]
    ] as const
  ) {
    it.effect(`are there when ${type} is done, before the item is`, () =>
      Effect.gen(function*() {
        const at = { output_index: 0, item_id: "item_0" }
        const item = {
          id: "item_0",
          type: place,
          ...(place === "message" ? { role: "assistant", content: [] } : undefined),
          ...(place === "reasoning" ? { summary: [] } : { call_id: "call_0", name: "f" })
        }
        const { response } = yield* decode(
          created,
          { type: "response.output_item.added", ...at, item },
          { type: `${type}.done`, ...at, content_index: 0, summary_index: 0, ...said }
        )
        assert.strictEqual(response.error?.reason._tag, "IncompleteStream")
        const { content, reasoning, refusal, toolCalls } = response
        const texts = { content, reasoning, refusal, arguments: toolCalls.map((call) => call.arguments).join() }
        assert.deepStrictEqual(texts, { content: "", reasoning: "", refusal: "", arguments: "", [field]: "{}" })
      }))
  }

  it.effect("of a search for tools belong to the last search, where they do not say to which", () =>
    Effect.gen(function*() {
      const done = (item: object) => ({ type: "response.output_item.done", item })
      const { chunks } = yield* decode(
        created,
        done({ type: "tool_search_output", id: "out_0" }),
        done({ type: "tool_search_call", id: "search_1" }),
        done({ type: "message", id: "msg_1", content: [] }),
        done({ type: "tool_search_output", id: "out_1" }),
        done({ type: "tool_search_call", id: "search_2" }),
        done({ type: "tool_search_output", id: "out_2", call_id: "search_1" }),
        done({ type: "tool_search_output", id: "out_3", call_id: null }),
        completed
      )
      assert.deepStrictEqual(
        chunks.map(({ call }) => call),
        [undefined, undefined, undefined, undefined, "search_1", undefined, undefined, "search_2", undefined]
      )
    }))

  it.effect("of a search for tools do so, too, where the end of the response states all items at once", () =>
    Effect.gen(function*() {
      const items = [
        { type: "tool_search_output", id: "out_0" },
        { type: "tool_search_call", id: "search_1" },
        { type: "tool_search_output", id: "out_1" },
        { type: "tool_search_call", id: "search_2" },
        { type: "tool_search_output", id: "out_2", call_id: "search_1" },
        { type: "tool_search_output", id: "out_3", call_id: null }
      ]
      const { chunks } = yield* decode(created, {
        type: "response.completed",
        response: { id: "resp_1", status: "completed", output: items }
      })
      const results = ResponseParts.encoded(ChatResponse.fromChunks(chunks))
        .flatMap((part) => part.type === "tool-result" ? [part.id] : [])
      assert.deepStrictEqual(results, ["out_0", "search_1", "search_1", "search_2"])
    }))
})
