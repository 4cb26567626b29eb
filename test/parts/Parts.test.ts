import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import type { Response as AiResponse } from "effect/ai"
import { type ContentEvent, Parts, Usage } from "../../src/index.ts"
import * as Cpu from "../support/cpu.ts"
import { events } from "./events.ts"
import { broken, texts } from "./rules.ts"

const run = (events: ReadonlyArray<ContentEvent.ContentEvent>): ReadonlyArray<AiResponse.StreamPartEncoded> => {
  const decoder = Parts.decoder()
  const parts: Array<AiResponse.StreamPartEncoded> = []
  for (const event of events) decoder.push(event, parts)
  decoder.end(parts)
  return parts
}

const stop: ContentEvent.Finish = { type: "finish", provider: "acme", reason: "stop", raw: "end_turn" }

const types = (parts: ReadonlyArray<AiResponse.StreamPartEncoded>) => parts.map((part) => part.type)

const calls = (parts: ReadonlyArray<AiResponse.StreamPartEncoded>) =>
  parts.flatMap((part) => part.type === "tool-call" ? [{ id: part.id, name: part.name, params: part.params }] : [])

const piece = (piece: Omit<ContentEvent.ToolCallPiece, "type">): ContentEvent.ContentEvent => ({
  type: "tool-call-piece",
  ...piece
})

describe("Parts", () => {
  it.prop("makes a valid part stream of any events", [events], ([events]) => {
    assert.deepStrictEqual(broken(run(events)), [])
  }, { arbitrary: { runs: 300 } })

  it("gives nothing of a call after its end, which a result is", () => {
    const parts = run([
      piece({ id: "a", name: "add", arguments: "1}" }),
      { type: "tool-result", id: "a", name: "add", result: 1, isFailure: false },
      piece({ arguments: "[1]" }),
      stop
    ])
    assert.deepStrictEqual(broken(parts), [])
    assert.deepStrictEqual(texts(parts, "tool-params"), ["1}", "[1]"])
  })

  it("begins a block with its first text, and ends it with its key", () => {
    assert.deepStrictEqual(
      run([
        { type: "text", key: 0, delta: "" },
        { type: "text", key: 0, delta: "a" },
        { type: "end", key: 0 },
        { type: "end", key: 0 },
        { type: "text", key: 0, delta: "b" },
        stop
      ]),
      [
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: "a" },
        { type: "text-end", id: "0" },
        { type: "text-start", id: "1" },
        { type: "text-delta", id: "1", delta: "b" },
        { type: "text-end", id: "1" },
        {
          type: "finish",
          reason: "stop",
          usage: { inputTokens: {}, outputTokens: {} },
          metadata: { acme: { finishReason: "end_turn" } }
        }
      ]
    )
  })

  it("ends a block when another kind begins under its key", () => {
    assert.deepStrictEqual(
      types(run([
        { type: "reasoning", key: "content", delta: "Hm." },
        { type: "text", key: "content", delta: "Yes" },
        stop
      ])),
      ["reasoning-start", "reasoning-delta", "reasoning-end", "text-start", "text-delta", "text-end", "finish"]
    )
  })

  it("keeps blocks under several keys open side by side", () => {
    const parts = run([
      { type: "tool-call", key: 1, id: "a", name: "add" },
      { type: "tool-call", key: 2, id: "b", name: "sub" },
      { type: "arguments", key: 1, delta: "{\"x\":" },
      { type: "arguments", key: 2, delta: "{\"y\":" },
      { type: "arguments", key: 1, delta: "1}" },
      { type: "arguments", key: 2, delta: "2}" },
      { type: "end", key: 2 },
      { type: "end", key: 1 },
      stop
    ])
    assert.deepStrictEqual(calls(parts), [
      { id: "b", name: "sub", params: { y: 2 } },
      { id: "a", name: "add", params: { x: 1 } }
    ])
  })

  it("puts a split signature whole on the end of its block", () => {
    const sign = (delta: string): ContentEvent.ContentEvent => ({
      type: "signature",
      key: 0,
      provider: "acme",
      delta,
      field: "signature"
    })
    const parts = run([
      { type: "reasoning", key: 0, delta: "Hm." },
      sign("AB"),
      sign("CD"),
      { type: "end", key: 0 },
      stop
    ])
    assert.deepStrictEqual(parts[2], { type: "reasoning-end", id: "0", metadata: { acme: { signature: "ABCD" } } })
  })

  it("keeps a reasoning block that has nothing but a signature, and no block that has nothing", () => {
    const sign: ContentEvent.ContentEvent = {
      type: "signature",
      key: 0,
      provider: "acme",
      delta: "S",
      field: "signature"
    }
    assert.deepStrictEqual(types(run([sign, stop])), ["reasoning-start", "reasoning-end", "finish"])
    const nothing: ContentEvent.ContentEvent = {
      type: "annotation",
      kind: "reasoning",
      key: 0,
      provider: "acme",
      fields: { a: null }
    }
    assert.deepStrictEqual(types(run([nothing, stop])), ["finish"])
  })

  it("says what is redacted when the block begins, too", () => {
    const parts = run([
      { type: "annotation", kind: "reasoning", key: 0, provider: "acme", fields: { data: "X" } },
      stop
    ])
    assert.deepStrictEqual(parts.slice(0, 2), [
      { type: "reasoning-start", id: "0", metadata: { acme: { data: "X" } } },
      { type: "reasoning-end", id: "0", metadata: { acme: { data: "X" } } }
    ])
  })

  it("joins lists, replaces fields, and leaves out what is no JSON", () => {
    const note = (fields: ContentEvent.Fields, lists: ContentEvent.Lists): ContentEvent.ContentEvent => ({
      type: "details",
      provider: "acme",
      fields,
      lists
    })
    const parts = run([
      note({ a: 1, b: 2, f: () => 1 }, { l: [1] }),
      note({ b: 3, n: Number.NaN }, { l: [2, undefined] }),
      stop
    ])
    assert.deepStrictEqual(parts.at(-1)?.metadata, { acme: { a: 1, b: 3, l: [1, 2, null], finishReason: "end_turn" } })
  })

  it("keeps a field of any name as `JSON.parse` does", () => {
    const fields: ContentEvent.Fields = JSON.parse(`{"constructor":1,"__proto__":{"__proto__":2}}`)
    const parts = run([{ type: "details", provider: "acme", fields }, stop])
    const kept = Object(parts.at(-1)?.metadata?.["acme"])
    for (const name of ["constructor", "__proto__"]) {
      assert.deepStrictEqual(
        Object.getOwnPropertyDescriptor(kept, name),
        Object.getOwnPropertyDescriptor(fields, name)
      )
    }
  })

  it("takes no arguments, blank ones and `null` for an empty object", () => {
    for (const text of ["", "  ", "null", "{}"]) {
      const parts = run([piece({ index: 0, id: "a", name: "now", arguments: text }), stop])
      assert.deepStrictEqual(calls(parts), [{ id: "a", name: "now", params: {} }])
    }
  })

  it("gives no call that was cut off, and still the finish; broken arguments of a complete answer are their text", () => {
    const cutOff = piece({ index: 0, id: "a", name: "add", arguments: "{\"x\":" })
    const parts = run([cutOff, { ...stop, reason: "length" }])
    assert.deepStrictEqual(types(parts), ["tool-params-start", "tool-params-delta", "tool-params-end", "finish"])
    assert.deepStrictEqual(texts(parts, "tool-params"), ["{\"x\":"])
    assert.deepStrictEqual(calls(run([cutOff, stop])), [{ id: "a", name: "add", params: "{\"x\":" }])
  })

  it("gives a call with broken arguments before what follows it", () => {
    const cutOff = piece({ index: 0, id: "a", name: "add", arguments: "{\"x\":" })
    const whole = piece({ index: 1, id: "b", name: "add", arguments: "{}" })
    for (
      const [followed, type] of [
        [[{ type: "text", key: 1, delta: "Well" }], "text-start"],
        [[{ type: "reasoning", key: 1, delta: "Well" }], "reasoning-start"],
        [[{ type: "tool-call", key: 2, id: "c", name: "add" }], "tool-params-start"],
        [[{ type: "tool-result", id: "d", name: "search", result: 1, isFailure: false }], "tool-result"]
      ] satisfies ReadonlyArray<readonly [ReadonlyArray<ContentEvent.ContentEvent>, string]>
    ) {
      const begun: ContentEvent.ContentEvent = { type: "tool-call", key: 0, id: "a", name: "add" }
      const broken: ContentEvent.ContentEvent = { type: "arguments", key: 0, delta: "{\"x\":" }
      const parts = run([begun, broken, { type: "end", key: 0 }, ...followed, stop])
      assert.deepStrictEqual(types(parts).slice(0, 5), [
        "tool-params-start",
        "tool-params-delta",
        "tool-params-end",
        "tool-call",
        type
      ])
      assert.deepStrictEqual(calls(parts)[0], { id: "a", name: "add", params: "{\"x\":" })
    }
    assert.deepStrictEqual(calls(run([cutOff, whole, { ...stop, reason: "length" }])), [
      { id: "a", name: "add", params: "{\"x\":" },
      { id: "b", name: "add", params: {} }
    ])
  })

  it("gives the text of a custom tool as it is", () => {
    const parts = run([
      piece({ index: 0, id: "a", name: "shell", arguments: "ls", custom: true }),
      stop
    ])
    assert.deepStrictEqual(calls(parts), [{ id: "a", name: "shell", params: "ls" }])
  })

  it("gives arguments that came whole as one delta", () => {
    const parts = run([{ type: "tool-call", key: 0, id: "a", name: "add", input: { x: 1 } }, stop])
    assert.deepStrictEqual(texts(parts, "tool-params"), ["{\"x\":1}"])
    assert.deepStrictEqual(calls(parts), [{ id: "a", name: "add", params: { x: 1 } }])
  })

  it("makes ids unique, and ids where there are none", () => {
    const parts = run([
      { type: "tool-call", key: 0, id: "a", name: "t" },
      { type: "tool-call", key: 1, id: "a", name: "t" },
      { type: "tool-call", key: 2, id: undefined, name: "t" },
      stop
    ])
    assert.deepStrictEqual(calls(parts).map(({ id }) => id), ["a", "a_2", "call_2"])
  })

  it("tells parallel calls apart by index, by id, and without either by whole arguments", () => {
    const whole = (name: string, x: number, rest: object) => piece({ ...rest, name, arguments: JSON.stringify({ x }) })
    for (
      const rest of [
        [{ index: 0, id: "a" }, { index: 1, id: "b" }],
        [{ index: 0, id: "a" }, { index: 0, id: "b" }],
        [{ id: "a" }, { id: "b" }],
        [{ index: 0 }, { index: 0 }],
        [{}, {}]
      ]
    ) {
      const parts = run([whole("add", 1, rest[0] ?? {}), whole("add", 2, rest[1] ?? {}), stop])
      assert.deepStrictEqual(calls(parts).map(({ params }) => params), [{ x: 1 }, { x: 2 }], JSON.stringify(rest))
    }
  })

  it("gives a result its call's name, and ends the call before it", () => {
    const parts = run([
      { type: "tool-call", key: 0, id: "a", name: "web_search", providerExecuted: true },
      { type: "tool-result", id: "a", name: "?", result: [], isFailure: false },
      { type: "tool-result", id: "b", name: "code", result: [], isFailure: true },
      stop
    ])
    assert.deepStrictEqual(types(parts), [
      "tool-params-start",
      "tool-params-end",
      "tool-call",
      "tool-result",
      "tool-result",
      "finish"
    ])
    assert.deepStrictEqual(parts.flatMap((part) => part.type === "tool-result" ? [part.name] : []), [
      "web_search",
      "code"
    ])
  })

  it.prop(
    "gives a result that comes in pieces whole, at the end of its block and not before",
    [Schema.Array(Schema.Array(Schema.Finite)), Schema.Boolean],
    ([pieces, isEnded]) => {
      const decoder = Parts.decoder()
      const parts: Array<AiResponse.StreamPartEncoded> = []
      const results = () => parts.flatMap((part) => part.type === "tool-result" ? [part.result] : [])
      decoder.push({ type: "tool-call", key: 0, id: "a", name: "search", providerExecuted: true }, parts)
      decoder.push({ type: "tool-result", key: 1, id: "a", name: "?", result: undefined, isFailure: false }, parts)
      for (const items of pieces) decoder.push({ type: "tool-result-piece", key: 1, items }, parts)
      assert.deepStrictEqual(results(), [])
      if (isEnded) decoder.push({ type: "end", key: 1 }, parts)
      else decoder.end(parts)
      assert.deepStrictEqual(results(), [pieces.flat()])
    }
  )

  it("gives a call that has a result, even when its arguments never came whole", () => {
    const parts = run([
      { type: "tool-call", key: 0, id: "a", name: "t", providerExecuted: true },
      { type: "arguments", key: 0, delta: "{\"x" },
      { type: "end", key: 0 },
      { type: "tool-result", id: "a", name: "?", result: [], isFailure: true },
      stop
    ])
    assert.deepStrictEqual(calls(parts), [{ id: "a", name: "t", params: "{\"x" }])
  })

  it("lets an approval follow its call", () => {
    const parts = run([
      { type: "tool-call", key: 0, id: "a", name: "t", providerExecuted: true },
      { type: "tool-approval-request", approvalId: "b", callId: "a" },
      stop
    ])
    assert.deepStrictEqual(types(parts).slice(-3), ["tool-call", "tool-approval-request", "finish"])
  })

  it("gives one source for a page that is cited twice, and none for what is no address", () => {
    const source = (url: string): ContentEvent.ContentEvent => ({ type: "source", provider: "acme", url })
    const parts = run([source("https://a.example"), source("https://a.example/"), source("page 3"), stop])
    assert.deepStrictEqual(parts.slice(0, -1), [
      { type: "source", sourceType: "url", id: "0", url: "https://a.example", title: "https://a.example" }
    ])
  })

  it("names the response once, in as many parts as it takes", () => {
    const named = (id: string | undefined, model: string | undefined): ContentEvent.ContentEvent => ({
      type: "response",
      id,
      model
    })
    const parts = run([named("a", undefined), named("a", "m"), named("b", "n"), stop])
    assert.deepStrictEqual(parts.slice(0, -1), [
      { type: "response-metadata", id: "a" },
      { type: "response-metadata", modelId: "m" }
    ])
  })

  it("gives all bytes of a file at once, and takes an answer that is only spoken for a finished one", () => {
    const bytes = (...data: ReadonlyArray<number>): ContentEvent.ContentEvent => ({
      type: "audio",
      provider: "acme",
      id: undefined,
      data: new Uint8Array(data),
      transcript: undefined,
      expiresAt: undefined
    })
    assert.deepStrictEqual(run([bytes(0, 1), bytes(2)]), [
      { type: "file", mediaType: "audio/pcm", data: "AAEC" },
      { type: "finish", reason: "stop", usage: { inputTokens: {}, outputTokens: {} } }
    ])
    const file = { type: "file", key: 0, mediaType: "image/png", provider: "acme" } as const
    const none = run([{ ...file, data: new Uint8Array() }, { ...file, data: undefined, fields: { a: 1 } }, {
      type: "end",
      key: 0
    }])
    assert.notInclude(types(none), "file", "a file of which nothing came")
  })

  it("makes up no finish", () => {
    assert.deepStrictEqual(types(run([{ type: "text", key: 0, delta: "a" }])), [
      "text-start",
      "text-delta",
      "text-end",
      "error"
    ])
  })

  it("ends calls last, so that a finish that cuts the response short follows them at once", () => {
    const parts = run([
      piece({ index: 0, id: "a", name: "t", arguments: "{}" }),
      { type: "text", key: "content", delta: "x" },
      stop
    ])
    assert.deepStrictEqual(types(parts).slice(-2), ["tool-call", "finish"])
  })

  it("leaves blocks open when the response is cut off, and gives what came of files", () => {
    const decoder = Parts.decoder()
    const parts: Array<AiResponse.StreamPartEncoded> = []
    decoder.push({ type: "text", key: 0, delta: "a" }, parts)
    decoder.push({ type: "file", key: 1, mediaType: "image/png", data: new Uint8Array([1]), provider: "acme" }, parts)
    decoder.cut(parts)
    decoder.end(parts)
    assert.deepStrictEqual(types(parts), ["text-start", "text-delta", "file"])
  })

  describe("usage", () => {
    it.prop("adds up to the total, and states nothing that was not stated", [Usage.Usage], ([usage]) => {
      const { inputTokens, outputTokens } = Parts.usage(usage)
      assert.deepStrictEqual(
        [inputTokens.total, inputTokens.cacheRead, inputTokens.cacheWrite, outputTokens.total, outputTokens.reasoning],
        [usage.inputTokens, usage.cachedTokens, usage.cacheWriteTokens, usage.outputTokens, usage.reasoningTokens]
      )
      const parts = (inputTokens.cacheRead ?? 0) + (inputTokens.cacheWrite ?? 0)
      assert.strictEqual(
        inputTokens.uncached,
        inputTokens.total === undefined ? undefined : Math.max(inputTokens.total - parts, 0)
      )
    })
  })

  it(
    "does work linear in what comes",
    Cpu.within(5, () => {
      const n = 30_000
      const pieces = Array.from({ length: n }, () => piece({ name: "t", arguments: "{}" }))
      assert.lengthOf(calls(run([...pieces, stop])), n)
      const same = Array.from(
        { length: n },
        (_, key): ContentEvent.ContentEvent => ({ type: "tool-call", key, id: "a", name: "t" })
      )
      assert.lengthOf(new Set(calls(run([...same, stop])).map(({ id }) => id)), n)
      const lists = Array.from({ length: n }, (): ContentEvent.ContentEvent => ({
        type: "annotation",
        kind: "text",
        key: 0,
        provider: "acme",
        lists: { citations: ["c"] }
      }))
      assert.lengthOf(run([...lists, stop]), 3)
    })
  )
})
