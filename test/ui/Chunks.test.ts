import { assert, describe, it } from "@effect/vitest"
import { Usage } from "../../src/index.ts"
import type { Block } from "../../src/ui/blocks.ts"
import * as Chunks from "../../src/ui/chunks.ts"

const call = { id: "c1", name: "weather", providerExecuted: false }
const named = { toolCallId: "c1", toolName: "weather" }
const provided = { ...call, providerExecuted: true }

const totals = {
  model: "small",
  usage: new Usage.Usage({
    inputTokens: 1,
    cachedTokens: 2,
    cacheWriteTokens: 3,
    outputTokens: 4,
    reasoningTokens: 5,
    outputTextTokens: 4
  }),
  usages: [],
  cost: 0.5
}
const metadata = {
  model: "small",
  usage: { inputTokens: 1, cachedTokens: 2, cacheWriteTokens: 3, outputTokens: 4, reasoningTokens: 5 },
  cost: 0.5
}

const result = { type: "result", ...call, result: { celsius: 5 }, isFailure: false, preliminary: false } as const
const output = { type: "tool-output-available", toolCallId: "c1", output: { celsius: 5 } }
const source = (source: Omit<Extract<Block, { readonly type: "source" }>["source"], "_tag">): Block => ({
  type: "source",
  id: "source-0",
  source: { _tag: "Source", ...source }
})
const finish = { type: "finish", pending: [], approvals: [] } as const

const cases: ReadonlyArray<readonly [what: string, block: Block, chunks: ReadonlyArray<object>]> = [
  ["the start of a step", { type: "step-start" }, [{ type: "start-step" }]],
  ["the end of a step", { type: "step-end" }, [{ type: "finish-step" }]],
  ["the start of a text", { type: "text-start", id: "t" }, [{ type: "text-start", id: "t" }]],
  ["a piece of thought", { type: "reasoning-delta", id: "t", delta: "Hm" }, [
    { type: "reasoning-delta", id: "t", delta: "Hm" }
  ]],
  ["the start of a call", { type: "call-start", ...call }, [{ type: "tool-input-start", ...named }]],
  ["the start of a provider's call", { type: "call-start", ...provided }, [
    { type: "tool-input-start", ...named, providerExecuted: true }
  ]],
  ["the start of a dynamic call", { type: "call-start", ...call, name: "dynamic" }, [
    { type: "tool-input-start", toolCallId: "c1", toolName: "dynamic", dynamic: true }
  ]],
  ["a piece of arguments", { type: "call-delta", id: "c1", delta: "{" }, [
    { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: "{" }
  ]],
  ["a call", { type: "call", ...call, params: { city: "Rome" } }, [
    { type: "tool-input-available", ...named, input: { city: "Rome" } }
  ]],
  ["a call that the reader would die of", { type: "call", ...call, params: JSON.parse(`{"__proto__":1}`) }, [
    { type: "tool-input-error", ...named, input: `{"__proto__":1}`, errorText: "UnreadableToolCall" }
  ]],
  ["a call that can't be run", { type: "call-error", ...provided, input: "{", error: "IncompleteToolCall" }, [
    { type: "tool-input-error", ...named, providerExecuted: true, input: "{", errorText: "IncompleteToolCall" }
  ]],
  ["a call of which nothing came", { type: "call-error", ...call, input: undefined, error: "Interrupted" }, [
    { type: "tool-input-error", ...named, input: "", errorText: "Interrupted" }
  ]],
  ["a request for consent", { type: "approval", ...call, approvalId: "a1", params: {} }, [
    { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" }
  ]],
  ["a result", result, [output]],
  ["progress of a provider's tool", { ...result, ...provided, preliminary: true }, [
    { ...output, providerExecuted: true, preliminary: true }
  ]],
  ["a failed result", { ...result, result: { why: "no" }, isFailure: true }, [
    { type: "tool-output-error", toolCallId: "c1", errorText: `{"why":"no"}` }
  ]],
  ["a failed result that is a text", { ...result, ...provided, result: "no", isFailure: true }, [
    { type: "tool-output-error", toolCallId: "c1", errorText: "no", providerExecuted: true }
  ]],
  ["a denial", { ...result, result: { type: "execution-denied", reason: "no" }, isFailure: true }, [
    { type: "tool-output-denied", toolCallId: "c1" }
  ]],
  ["a failure of another type", { ...result, result: { type: "other" }, isFailure: true }, [
    { type: "tool-output-error", toolCallId: "c1", errorText: `{"type":"other"}` }
  ]],
  ["a result that looks like a denial", { ...result, result: { type: "execution-denied" } }, [
    { ...output, output: { type: "execution-denied" } }
  ]],
  ["a result without a value", { ...result, result: undefined }, [{ ...output, output: null }]],
  ["a call without a result", { type: "no-result", ...call, error: "Timeout" }, [
    { type: "tool-output-error", toolCallId: "c1", errorText: "Timeout" }
  ]],
  ["a provider's call without a result", { type: "no-result", ...provided, error: "Timeout" }, [
    { type: "tool-output-error", toolCallId: "c1", errorText: "Timeout", providerExecuted: true }
  ]],
  ["a page of the web", source({ url: "https://x.test", title: "X" }), [
    { type: "source-url", sourceId: "source-0", url: "https://x.test", title: "X" }
  ]],
  ["a page that is cited", source({ url: "https://x.test", title: "X", citedText: "so" }), [
    {
      type: "source-url",
      sourceId: "source-0",
      url: "https://x.test",
      title: "X",
      providerMetadata: { source: { citedText: "so" } }
    }
  ]],
  ["a document", source({ document: "0", title: "X", place: { unit: "character", start: 1, end: 2 } }), [
    {
      type: "source-document",
      sourceId: "source-0",
      mediaType: "text/plain",
      title: "X",
      providerMetadata: { source: { place: { unit: "character", start: 1, end: 2 } } }
    }
  ]],
  ["a document with pages", source({ document: "0", title: "X", place: { unit: "page", start: 1 } }), [
    {
      type: "source-document",
      sourceId: "source-0",
      mediaType: "application/pdf",
      title: "X",
      providerMetadata: { source: { place: { unit: "page", start: 1 } } }
    }
  ]],
  ["a document without a place", source({ document: "0", title: "X" }), [
    { type: "source-document", sourceId: "source-0", mediaType: "text/plain", title: "X" }
  ]],
  ["a file", { type: "file", id: "file-0", mediaType: "image/png", data: Uint8Array.of(1, 2) }, [
    { type: "file", mediaType: "image/png", url: "data:image/png;base64,AQI=" }
  ]],
  ["a seal", { type: "seal", seal: "1.0.{}" }, [{ type: "data-llm-stream-seal", data: "1.0.{}" }]],
  ["the end", { ...finish, reason: "stop", ...totals }, [
    { type: "finish", finishReason: "stop", messageMetadata: metadata }
  ]],
  ["a failure", { type: "failure", reason: "RateLimited", ...totals }, [
    { type: "message-metadata", messageMetadata: metadata },
    { type: "error", errorText: "RateLimited" }
  ]],
  ["an end that states nothing", {
    ...finish,
    reason: "length",
    model: undefined,
    usage: undefined,
    usages: [],
    cost: undefined
  }, [{ type: "finish", finishReason: "length", messageMetadata: {} }]],
  ["an end that states one count", {
    ...finish,
    reason: "stop",
    ...totals,
    model: undefined,
    usage: new Usage.Usage({ outputTokens: 0 }),
    cost: 0
  }, [{ type: "finish", finishReason: "stop", messageMetadata: { usage: { outputTokens: 0 }, cost: 0 } }]]
]

describe("a chunk of the AI SDK", () => {
  for (const [what, block, chunks] of cases) {
    it(`is written for ${what}`, () =>
      assert.deepStrictEqual<ReadonlyArray<object>>(Chunks.chunksOf(block, (tool) => tool === "dynamic"), chunks))
  }

  it("has the front ends' word for each reason of an end", () => {
    const words = {
      stop: "stop",
      length: "length",
      tool_calls: "tool-calls",
      content_filter: "content-filter",
      pause: "other",
      error: "error",
      other: "other"
    } as const
    for (const reason of ["stop", "length", "tool_calls", "content_filter", "pause", "error", "other"] as const) {
      const [chunk] = Chunks.chunksOf({ ...finish, reason, ...totals }, () => false)
      assert.strictEqual(chunk["finishReason"], words[reason])
    }
  })

  it("is one frame, and two of them are the last", () => {
    assert.strictEqual(Chunks.frame({ type: "text-end", id: "a\nb" }), `data: {"type":"text-end","id":"a\\nb"}\n\n`)
    assert.deepStrictEqual(["finish", "error", "abort", "finish-step"].map((type) => Chunks.isLast({ type })), [
      true,
      true,
      false,
      false
    ])
  })

  it("has a type that is a text", () => {
    assert.deepStrictEqual([{ type: "x" }, { type: 1 }, {}, null, "type"].map(Chunks.isChunk), [
      true,
      false,
      false,
      false,
      false
    ])
  })

  it("shows a value as its text where the reader would die of it, and none as null", () => {
    const circle: Record<string, unknown> = {}
    circle["self"] = circle
    const polluting = { constructor: { prototype: { x: 1 } } }
    assert.deepStrictEqual(
      ["a", 5, null, { a: 1 }, circle, polluting, { constructor: { a: 1 } }, { constructor: 1, prototype: 2 }]
        .map(Chunks.shown),
      ["a", 5, null, { a: 1 }, null, JSON.stringify(polluting), { constructor: { a: 1 } }, {
        constructor: 1,
        prototype: 2
      }]
    )
  })
})

describe("a message that is there", () => {
  const chunksOf = (...parts: ReadonlyArray<Chunks.Chunk>) => Chunks.rebuilt({ id: "m", parts }).slice(1)
  const tool = (more: object) => ({ type: "tool-weather", toolCallId: "c1", input: { city: "Rome" }, ...more })
  const begun = [
    { type: "tool-input-start", ...named },
    { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: `{"city":"Rome"}` }
  ]

  it("begins with its id, and its metadata if it has some", () => {
    assert.deepStrictEqual(Chunks.rebuilt({ id: "m", parts: [] }), [{ type: "start", messageId: "m" }])
    assert.deepStrictEqual(Chunks.rebuilt({ id: "m", metadata: { a: 1 }, parts: [] }), [
      { type: "start", messageId: "m", messageMetadata: { a: 1 } }
    ])
  })

  const parts: ReadonlyArray<readonly [what: string, part: Chunks.Chunk, chunks: ReadonlyArray<object>]> = [
    ["a step", { type: "step-start" }, [{ type: "start-step" }]],
    ["a text", { type: "text", text: "Hi", state: "done" }, [
      { type: "text-start", id: "before-0" },
      { type: "text-delta", id: "before-0", delta: "Hi" },
      { type: "text-end", id: "before-0" }
    ]],
    ["a thought", { type: "reasoning", id: "r", text: "Hm", providerMetadata: { p: {} } }, [
      { type: "reasoning-start", id: "r", providerMetadata: { p: {} } },
      { type: "reasoning-delta", id: "r", delta: "Hm" },
      { type: "reasoning-end", id: "r" }
    ]],
    ["a part of the app's own", { type: "data-app", data: 1 }, [{ type: "data-app", data: 1 }]],
    ["a call that a client may run", tool({ state: "input-available", callProviderMetadata: { p: {} } }), [
      { type: "tool-input-available", ...named, providerMetadata: { p: {} }, input: { city: "Rome" } }
    ]],
    ["a call of a dynamic tool", {
      ...tool({ state: "input-available", title: "Weather" }),
      type: "dynamic-tool",
      toolName: "weather"
    }, [
      { type: "tool-input-available", ...named, title: "Weather", dynamic: true, input: { city: "Rome" } }
    ]],
    ["a call whose arguments never came", tool({ state: "input-streaming", input: undefined }), [
      { type: "tool-input-start", ...named },
      { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: "" }
    ]],
    ["a call that can't be run", tool({ state: "output-error", errorText: "InvalidToolCall", input: "{" }), [
      { type: "tool-input-error", ...named, input: "{", errorText: "InvalidToolCall" }
    ]],
    ["a call with its result", tool({ state: "output-available", output: 5 }), [
      ...begun,
      { type: "tool-output-available", toolCallId: "c1", output: 5 }
    ]],
    [
      "a provider's call with progress",
      tool({
        state: "output-available",
        providerExecuted: true,
        output: 5,
        preliminary: true,
        resultProviderMetadata: { p: {} }
      }),
      [
        { type: "tool-input-available", ...named, providerExecuted: true, input: { city: "Rome" } },
        {
          type: "tool-output-available",
          toolCallId: "c1",
          providerExecuted: true,
          providerMetadata: { p: {} },
          output: 5,
          preliminary: true
        }
      ]
    ],
    ["a call that failed", tool({ state: "output-error", errorText: "no" }), [
      ...begun,
      { type: "tool-output-error", toolCallId: "c1", errorText: "no" }
    ]],
    ["a call that waits for consent", tool({ state: "approval-requested", approval: { id: "a1" } }), [
      ...begun,
      { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" }
    ]],
    ["a call with consent", tool({ state: "approval-responded", approval: { id: "a1", approved: true } }), [
      ...begun,
      { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" },
      { type: "tool-approval-response", approvalId: "a1", approved: true }
    ]],
    [
      "a call that was denied",
      tool({ state: "output-denied", approval: { id: "a1", approved: false, reason: "no" } }),
      [
        ...begun,
        { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" },
        { type: "tool-approval-response", approvalId: "a1", approved: false, reason: "no" },
        { type: "tool-output-denied", toolCallId: "c1" }
      ]
    ]
  ]
  for (const [what, part, chunks] of parts) {
    it(`is made again of ${what}`, () => assert.deepStrictEqual<ReadonlyArray<object>>(chunksOf(part), chunks))
  }

  it("names its texts by their places", () => {
    const ids = chunksOf({ type: "step-start" }, { type: "text", text: "a" }, { type: "text", text: "b" })
    assert.deepStrictEqual(ids.map(({ id }) => id), [
      undefined,
      "before-1",
      "before-1",
      "before-1",
      "before-2",
      "before-2",
      "before-2"
    ])
  })
})

describe("what is open when no more comes", () => {
  const after = (...chunks: ReadonlyArray<Chunks.Chunk>) => {
    const open = new Chunks.Unfinished()
    for (const chunk of chunks) open.see(chunk)
    return [open.isOver, ...open.close("Lost")]
  }
  const start = { type: "tool-input-start", ...named }
  const whole = { type: "tool-input-available", ...named, input: {} }
  const half = { ...start, type: "tool-input-error", input: "", errorText: "Lost" }
  const lost = { type: "tool-output-error", toolCallId: "c1", errorText: "Lost" }

  it("is nothing where nothing was, or all has ended", () => {
    assert.deepStrictEqual(after(), [false])
    assert.deepStrictEqual(
      after(
        { type: "start-step" },
        { type: "text-start", id: "t" },
        { type: "text-end", id: "t" },
        start,
        whole,
        { type: "tool-output-available", toolCallId: "c1", output: 5 },
        { type: "finish-step" }
      ),
      [false]
    )
    for (const type of ["finish", "error"]) assert.deepStrictEqual(after({ type }), [true])
  })

  it("is a text or a thought", () => {
    for (const kind of ["text", "reasoning"]) {
      const begin = { type: `${kind}-start`, id: "t" }
      assert.deepStrictEqual(after({ type: "start-step" }, begin, { type: `${kind}-delta`, id: "t", delta: "H" }), [
        false,
        { type: `${kind}-end`, id: "t" },
        { type: "finish-step" }
      ])
      assert.deepStrictEqual(after(begin, { type: `${kind}-end`, id: "t" }), [false])
    }
    assert.deepStrictEqual(after({ type: "text-start", id: "t" }, { type: "reasoning-end", id: "t" }), [
      false,
      { type: "text-end", id: "t" }
    ])
  })

  it("is a call: half, or without a result", () => {
    const progress = { type: "tool-output-available", toolCallId: "c1", output: 1, preliminary: true }
    assert.deepStrictEqual(after(start), [false, half])
    assert.deepStrictEqual(after(start, whole), [false, lost])
    assert.deepStrictEqual(after({ ...whole, providerExecuted: true }, progress), [
      false,
      { ...lost, providerExecuted: true }
    ])
    assert.deepStrictEqual(after(start, { type: "tool-approval-request", toolCallId: "c1", approvalId: "a1" }), [
      false,
      lost
    ])
    for (const type of ["tool-input-error", "tool-output-error", "tool-output-denied", "tool-output-available"]) {
      assert.deepStrictEqual(after(start, { type, toolCallId: "c1" }), [false])
    }
    assert.deepStrictEqual(after(start, { type: "tool-output-error", toolCallId: "c2" }), [false, half])
  })
})
