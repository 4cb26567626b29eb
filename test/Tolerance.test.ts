import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Anthropic, AzureOpenAi, Bedrock, type Chunk, ChunkStream, Groq, OpenAi, Protocol } from "../src/index.ts"
import { delta, done, finish, sse } from "./support/host.ts"

type Odd = Readonly<Record<string, object | string>>

const decoded = <C extends Chunk.Chunk>(
  protocol: Protocol.Protocol<C>,
  body: string,
  framing: "body" | "lines" = "body"
) => Stream.make(new TextEncoder().encode(body)).pipe(Protocol.decode(protocol, { framing }), ChunkStream.outcome)

const survives = <C extends Chunk.Chunk>(
  protocol: Protocol.Protocol<C>,
  odd: Odd,
  bodyOf: (odd: object | string) => string,
  framing?: "lines"
) => {
  for (const [what, event] of Object.entries(odd)) {
    it.effect(what, () =>
      Effect.gen(function*() {
        const response = yield* decoded(protocol, bodyOf(event), framing)
        assert.isUndefined(response.error, response.error?.message)
        assert.strictEqual(response.content, "Hello")
        assert.lengthOf(response.finishReasons, 1)
      }))
  }
}

const chat = (odd: object | string) =>
  sse(delta({ content: "Hel" }), odd, delta({ content: "lo" }), finish("stop"), done)

describe("a stream goes on, its text whole, though there is in the middle of it", () => {
  describe("in chat completions", () => {
    survives(OpenAi.protocol(), {
      "a choice that is null": { choices: [null] },
      "a tool call that is null": delta({ tool_calls: [null] }),
      "a part that is null": delta({ content: [null] }),
      "a delta, logprobs and usage that are null": {
        choices: [{ delta: null, logprobs: null, usage: null }],
        usage: null
      },
      "logprobs of null tokens": delta({}, { logprobs: { content: [null], refusal: null } }),
      "a probability of 0, whose logarithm JSON has no number for": delta({}, {
        logprobs: { content: [{ token: "a", logprob: null, top_logprobs: [null, { token: "b", logprob: null }] }] }
      }),
      "an empty usage": { choices: [], usage: {} },
      "numbers as strings in fields that are not OpenAI's": {
        choices: [],
        latency: "12",
        usage: { queue_time: "0.1" }
      },
      "a time of creation that is text": { ...delta({}), created: "2026-01-01T00:00:00Z" },
      "an error that says that there is none": { ...delta({}), error: "" },
      "an error that is false": { ...delta({}, { error: false }), error: false },
      "an empty heartbeat": "data:\n\n"
    }, chat)

    it.effect("blanks around the terminator", () =>
      Effect.gen(function*() {
        const body = sse(delta({ content: "Hello" }), "data:  [DONE] \r\n\r\n", "data: after\n\n")
        const response = yield* decoded(OpenAi.protocol(), body)
        assert.isUndefined(response.error)
        assert.strictEqual(response.content, "Hello")
      }))

    it.effect("choices and tool calls beside those that are null", () =>
      Effect.gen(function*() {
        const call = { id: "a", function: { name: "f", arguments: "{}" } }
        const response = yield* decoded(
          OpenAi.protocol(),
          sse({
            choices: [null, { index: 0, delta: { content: "Hello", tool_calls: [null, call] }, finish_reason: "stop" }]
          })
        )
        assert.isUndefined(response.error)
        assert.strictEqual(response.content, "Hello")
        assert.deepStrictEqual(response.toolCalls, [{ id: "a", name: "f", arguments: "{}" }])
        assert.lengthOf(response.choices, 1)
      }))
  })

  describe("from Groq", () => {
    const tool = (tool: object | null) => delta({ executed_tools: [tool] })
    survives(Groq.protocol(), {
      "a tool that is null": tool(null),
      "arguments that are an object": tool({ arguments: { query: "x" } }),
      "an output that is an object": tool({ output: { ok: true } }),
      "an output in parts": tool({ output: [{ type: "text", text: "x" }] }),
      "results that are null": tool({
        search_results: { results: [null] },
        browser_results: [null],
        code_results: [null, { chart: "x", charts: [null] }]
      }),
      "annotations that are null": delta({ annotations: [null] }),
      "a breakdown of null models, and odd debugging": {
        ...delta({}),
        x_groq: { usage: null, usage_breakdown: { models: [null] }, debug: { input_tokens: [null] }, error: "" }
      }
    }, chat)
  })

  describe("from Azure", () => {
    const found = (content_filter_results: object) => ({
      ...delta({}, { content_filter_results }),
      prompt_filter_results: [null, { prompt_index: 0, content_filter_results }]
    })
    survives(AzureOpenAi.protocol(), {
      "a filter that failed": found({
        error: { code: "content_filter_error", message: "The contents are not filtered" }
      }),
      "block lists with details": found({
        custom_blocklists: { filtered: true, details: [{ filtered: true, id: "x" }] }
      }),
      "block lists as a list": found({ custom_blocklists: [{ filtered: true, id: "x" }] }),
      "a severity that is a number": found({ hate: { filtered: false, severity: 0, details: [] } }),
      "a citation that is null, and one whose part has a number": delta({
        context: { citations: [null, { chunk_id: 0 }] }
      })
    }, chat)
  })

  describe("from Anthropic", () => {
    const message = (odd: object | string) =>
      sse(
        { type: "message_start", message: { id: "msg_1", content: [null], usage: null } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } },
        odd,
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "lo" } },
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: null },
        { type: "message_stop" }
      )
    const block = (content_block: object | null) => ({ type: "content_block_start", index: 1, content_block })
    const piece = (delta: object | null) => ({ type: "content_block_delta", index: 0, delta })
    const tools = [
      "web_search",
      "web_fetch",
      "code_execution",
      "bash_code_execution",
      "text_editor_code_execution",
      "tool_search",
      "mcp",
      "advisor"
    ]
    survives(Anthropic.protocol(), {
      "a block that is null": block(null),
      "a delta that is null": piece(null),
      "a citation that is null": piece({ type: "citations_delta", citation: null }),
      "citations that are null": block({ type: "text", text: "", citations: [null] }),
      "edits that are null": { type: "message_delta", delta: null, context_management: { applied_edits: [null] } },
      "a block of an unknown type": block({ type: "brand_new", content: [null] }),
      ...Object.fromEntries(
        tools.flatMap((tool) =>
          [null, "text", [{ type: "text", text: "x" }], [null], {}, {
            type: `${tool}_error`,
            error_code: "unavailable"
          }]
            .map((content) => [
              `a result of ${tool} that is ${JSON.stringify(content)}`,
              block({ type: `${tool}_tool_result`, tool_use_id: "srvtoolu_1", content })
            ])
        )
      )
    }, message)
  })

  describe("from Bedrock", () => {
    const lines = (odd: object | string) =>
      [
        { messageStart: { role: "assistant" } },
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hel" } } },
        odd,
        { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "lo" } } },
        { messageStop: { stopReason: "end_turn" } },
        { metadata: { usage: null, trace: null } }
      ].map((line) => JSON.stringify(line)).join("\n")
    const piece = (delta: object | null) => ({ contentBlockDelta: { contentBlockIndex: 1, delta } })
    survives(
      Bedrock.protocol(),
      {
        "a delta that is null": piece(null),
        "members that are null": piece({
          text: null,
          toolUse: null,
          toolResult: null,
          reasoningContent: null,
          citation: null
        }),
        "a start that is null": { contentBlockStart: { contentBlockIndex: 1, start: null } },
        "pieces of a tool's result that are null, or of any kind": piece({
          toolResult: [null, { json: null }, { image: { format: "png" } }, { text: "x" }]
        }),
        "a citation of null content": piece({ citation: { sourceContent: [null], location: null } }),
        "an event of an unknown type": { trailer: { x: null } }
      },
      lines,
      "lines"
    )
    survives(
      Bedrock.protocol(),
      {
        "a trace of null assessments": {
          usage: { cacheDetails: [null, { ttl: "5m", inputTokens: 3 }] },
          trace: {
            guardrail: { inputAssessment: { g: null }, outputAssessments: { g: [null], h: null }, modelOutput: [null] }
          }
        }
      },
      (metadata) => lines({ unknownEvent: {} }).replace(/\{"metadata".*$/, JSON.stringify({ metadata })),
      "lines"
    )
  })
})
