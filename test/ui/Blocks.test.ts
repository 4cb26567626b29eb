import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Stream } from "effect"
import { Prompt } from "effect/ai"
import { type ChatEvent, Cost, CostMetadata, ProviderError, type ToolLoop, Usage } from "../../src/index.ts"
import * as Blocks from "../../src/ui/blocks.ts"
import * as Seal from "../../src/ui/seal.ts"
import * as Trust from "../../src/ui/Trust.ts"

/** The blocks of events, with the records of their seals. */
const blocksOf = (events: ReadonlyArray<Blocks.Event>, error?: unknown) =>
  Stream.fromIterable(events).pipe(
    (events) => error === undefined ? events : Stream.concat(events, Stream.fail(error)),
    (events) => Blocks.blocks(events, undefined),
    Stream.runCollect,
    Effect.map((blocks) =>
      blocks.map((block) => block.type === "seal" ? { seal: Seal.read(block.seal).pipe(recordOf) } : block)
    ),
    Effect.provideService(Trust.Trust, Trust.trusted)
  )

const recordOf = (record: ReturnType<typeof Seal.read>): unknown => record._tag === "Some" ? record.value : undefined

const own = { id: "c1", name: "weather", providerExecuted: false }
const provided = { id: "s1", name: "search", providerExecuted: true }
const params = { city: "Rome" }
const callOf = (call: typeof own): ChatEvent.ToolCall => ({ _tag: "ToolCall", ...call, params })
const resultOf = (call: typeof own, more: Partial<ChatEvent.ToolResult> = {}): ChatEvent.ToolResult => ({
  _tag: "ToolResult",
  ...call,
  result: 5,
  isFailure: false,
  preliminary: false,
  ...more
})
const resultBlock = (call: typeof own) => ({
  type: "result",
  ...call,
  result: 5,
  isFailure: false,
  preliminary: false
})
const partOf = (call: typeof own, result: unknown = 5) =>
  Prompt.toolResultPart({ id: call.id, name: call.name, result, isFailure: false, providerExecuted: false })
const text = (delta: string): ChatEvent.Text => ({ _tag: "Text", delta })
const stop: ChatEvent.Finish = { _tag: "Finish", reason: "stop" }
const message = (...ids: ReadonlyArray<string>) =>
  Prompt.assistantMessage({
    content: ids.map((id) => Prompt.toolCallPart({ id, name: "weather", params, providerExecuted: false }))
  })

const nothing = { model: undefined, usage: undefined, usages: [], cost: undefined }
const finish = (more: object = {}) => ({
  type: "finish",
  reason: "stop",
  pending: [],
  approvals: [],
  ...nothing,
  ...more
})
const step = (...blocks: ReadonlyArray<object>) => [{ type: "step-start" }, ...blocks, { type: "step-end" }]
const said = (kind: "text" | "reasoning", id: string, ...deltas: ReadonlyArray<string>) => [
  { type: `${kind}-start`, id },
  ...deltas.map((delta) => ({ type: `${kind}-delta`, id, delta })),
  { type: `${kind}-end`, id }
]
const begun = (call: typeof own) => ({ type: "call-start", ...call })
const shown = (call: typeof own) => ({ type: "call", ...call, params })

const endOf = (events: ReadonlyArray<Blocks.Event>, error?: unknown) =>
  Effect.map(blocksOf(events, error), (blocks) => blocks.at(-1))

const costOf = (input: number) =>
  Cost.calculate(new CostMetadata.CostMetadata({ inputTokens: 1_000_000 }), { provider: "p", model: "m", input })

const failure = (more: Partial<ProviderError.ProviderError> = {}) =>
  new ProviderError.ProviderError({
    provider: "test",
    reason: new ProviderError.Overloaded({ message: "a secret" }),
    emitted: true,
    ...more
  })

describe("the blocks of an answer", () => {
  it.effect("are an end alone where nothing comes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([]), [finish({ reason: "other" })])
    }))

  it.effect("are a text or a thought for each block, and another one behind whatever stands between", () =>
    Effect.gen(function*() {
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        { _tag: "Reasoning", delta: "H" },
        { _tag: "Reasoning", delta: "m" },
        text("a"),
        { ...text("b"), block: "1" },
        { _tag: "Refusal", delta: "no" },
        { _tag: "Audio", transcript: "" },
        { _tag: "Audio", transcript: "la" },
        { _tag: "Source", url: "https://x.test", title: "X" },
        { _tag: "Audio", transcript: "la" },
        { _tag: "File", mediaType: "image/png", data: Uint8Array.of(1) },
        text("c"),
        stop
      ]
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events), [
        ...step(
          ...said("reasoning", "reasoning-0", "H", "m"),
          ...said("text", "text-1", "a"),
          ...said("text", "text-2", "b"),
          ...said("text", "text-3", "no"),
          ...said("text", "text-4", "la"),
          { type: "source", id: "source-5", source: { _tag: "Source", url: "https://x.test", title: "X" } },
          ...said("text", "text-6", "la"),
          { type: "file", id: "file-7", mediaType: "image/png", data: Uint8Array.of(1) },
          ...said("text", "text-8", "c")
        ),
        finish()
      ])
    }))

  it.effect("are the sound of each response as one file at its end", () =>
    Effect.gen(function*() {
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        { _tag: "Audio", data: Uint8Array.of(1, 2) },
        { _tag: "Audio", transcript: "la" },
        { _tag: "Audio", data: Uint8Array.of(3) },
        stop,
        { _tag: "Audio", transcript: "lo", data: Uint8Array.of(4) },
        stop
      ]
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events), [
        ...step(
          ...said("text", "text-0", "la"),
          { type: "file", id: "file-1", mediaType: "audio/pcm", data: Uint8Array.of(1, 2, 3) }
        ),
        ...step(
          ...said("text", "text-2", "lo"),
          { type: "file", id: "file-3", mediaType: "audio/pcm", data: Uint8Array.of(4) }
        ),
        finish()
      ])
    }))

  it.effect("show a call of the client's once its response is sealed, and a provider's at once", () =>
    Effect.gen(function*() {
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        text("a"),
        { _tag: "ToolCallStart", ...own },
        { _tag: "ToolCallDelta", id: "c1", name: "weather", delta: "" },
        { _tag: "ToolCallDelta", id: "c1", name: "weather", delta: "{" },
        callOf(own),
        text("b"),
        callOf(provided),
        text("c"),
        resultOf(provided, { preliminary: true }),
        resultOf(provided),
        { ...stop, account: { message: message("c1") } }
      ]
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events), [
        ...step(
          ...said("text", "text-0", "a"),
          begun(own),
          { type: "call-delta", id: "c1", delta: "{" },
          ...said("text", "text-1", "b"),
          begun(provided),
          shown(provided),
          ...said("text", "text-2", "c"),
          { ...resultBlock(provided), preliminary: true },
          { seal: { shown: ["s1"] } },
          resultBlock(provided),
          { seal: { message: message("c1") } },
          shown(own)
        ),
        finish({ pending: ["c1"] })
      ])
    }))

  it.effect("show an empty call of a provider whose call is in an earlier response", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([resultOf(provided), stop]), [
        ...step(
          begun(provided),
          { ...shown(provided), params: {} },
          { seal: { shown: ["s1"] } },
          resultBlock(provided)
        ),
        finish()
      ])
    }))

  it.effect("seal a result before they show it, and no progress", () =>
    Effect.gen(function*() {
      const events = [
        callOf(own),
        { ...stop, account: { message: message("c1"), isLoop: true, clients: ["c2"] } } as const,
        resultOf(own, { preliminary: true }),
        resultOf(own)
      ]
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events), [
        ...step(
          begun(own),
          { seal: { message: message("c1"), isLoop: true, clients: ["c2"] } },
          shown(own),
          { ...resultBlock(own), preliminary: true },
          { seal: { results: [partOf(own)] } },
          resultBlock(own)
        ),
        finish()
      ])
    }))

  it.effect("have no seal for a response without content", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([{ ...stop, account: { message: message() } }]), [
        ...step(),
        finish()
      ])
    }))

  it.effect("seal what the model gets and the user does not see as it is", () =>
    Effect.gen(function*() {
      const after = (...parts: ReadonlyArray<Prompt.ToolMessagePart>): ToolLoop.Step => ({
        _tag: "Step",
        steps: 1,
        prompt: Prompt.fromMessages([Prompt.toolMessage({ content: parts })])
      })
      const events = (step: ToolLoop.Step) =>
        blocksOf([
          callOf(own),
          { ...stop, account: { message: message("c1", "c2"), isLoop: true } },
          resultOf(own),
          step
        ])
      const second = { ...own, id: "c2" }
      const before = [
        ...step(
          begun(own),
          { seal: { message: message("c1", "c2"), isLoop: true } },
          shown(own),
          { seal: { results: [partOf(own)] } },
          resultBlock(own)
        )
      ]
      // One that was shown, one that was not, and one of nobody's.
      assert.deepStrictEqual<ReadonlyArray<object>>(
        yield* events(after(partOf(own), partOf(second), partOf({ ...own, id: "c3" }))),
        [...before, { seal: { results: [partOf(second)] } }, finish()]
      )
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* events(after(partOf(own))), [...before, finish()])
      assert.deepStrictEqual<ReadonlyArray<object>>(
        yield* events({ _tag: "Step", steps: 1, prompt: Prompt.make("hi") }),
        [...before, finish()]
      )
    }))

  it.effect("ask for consent: a provider's request with its response, a loop's with a seal of its own", () =>
    Effect.gen(function*() {
      const request = (call: typeof own): ChatEvent.ToolApprovalRequest => ({
        _tag: "ToolApprovalRequest",
        approvalId: `a-${call.id}`,
        toolCallId: call.id,
        name: call.name,
        params,
        providerExecuted: call.providerExecuted
      })
      const approval = (call: typeof own) => ({ type: "approval", approvalId: `a-${call.id}`, ...call, params })
      assert.deepStrictEqual<ReadonlyArray<object>>(
        yield* blocksOf([request(provided), text("a"), stop, callOf(own), stop, request(own)]),
        [
          ...step(begun(provided), shown(provided), ...said("text", "text-0", "a"), approval(provided)),
          ...step(
            begun(own),
            shown(own),
            { seal: { approvals: [Prompt.toolApprovalRequestPart({ approvalId: "a-c1", toolCallId: "c1" })] } },
            approval(own)
          ),
          finish({ approvals: [approval(provided), approval(own)] })
        ]
      )
      const other = { ...provided, id: "p2" }
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([request(provided), request(other), stop]), [
        ...step(begun(provided), shown(provided), begun(other), shown(other), approval(provided), approval(other)),
        finish({ approvals: [approval(provided), approval(other)] })
      ])
      const { name: _, ...nameless } = request(provided)
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([{ ...nameless, params: undefined }, stop]), [
        ...step(
          begun({ ...provided, name: "" }),
          { ...shown({ ...provided, name: "" }), params: {} },
          { ...approval({ ...provided, name: "" }), params: undefined }
        ),
        finish({ approvals: [{ ...approval({ ...provided, name: "" }), params: undefined }] })
      ])
    }))

  it.effect("tell what can't be run", () =>
    Effect.gen(function*() {
      const invalid = (problem: ChatEvent.InvalidToolCall["problem"]): ChatEvent.InvalidToolCall => ({
        _tag: "InvalidToolCall",
        ...own,
        arguments: "{",
        problem,
        offset: 1
      })
      for (
        const [problem, error] of [
          ["incomplete", "IncompleteToolCall"],
          ["invalid", "InvalidToolCall"],
          ["unnamed", "InvalidToolCall"]
        ] as const
      ) {
        assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf([invalid(problem), stop]), [
          ...step(begun(own), { type: "call-error", ...own, input: "{", error }),
          finish()
        ])
      }
    }))

  it.effect("leave nothing half where an answer ends without an end", () =>
    Effect.gen(function*() {
      const error = (call: typeof own, input: unknown, error: string) => ({ type: "call-error", ...call, input, error })
      const half = { ...own, id: "c2" }
      const events: ReadonlyArray<ChatEvent.ChatEvent> = [
        callOf(provided),
        callOf(own),
        { _tag: "ToolCallStart", ...half },
        text("a")
      ]
      const before = [{ type: "step-start" }, begun(provided), shown(provided), begun(own), begun(half)]
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events), [
        ...before,
        ...said("text", "text-0", "a"),
        error(own, params, "Interrupted"),
        error(half, undefined, "Interrupted"),
        { type: "step-end" },
        finish({ reason: "other" })
      ])
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* blocksOf(events, failure()), [
        ...before,
        ...said("text", "text-0", "a"),
        error(own, params, "Overloaded"),
        error(half, undefined, "Overloaded"),
        { type: "no-result", ...provided, error: "Overloaded" },
        { type: "step-end" },
        { type: "failure", reason: "Overloaded", ...nothing }
      ])
    }))

  it.effect("end with the totals of all responses", () =>
    Effect.gen(function*() {
      const usage = (inputTokens: number) => new Usage.Usage({ inputTokens, outputTokens: 1 })
      const of = (model: string | undefined, inputTokens: number, cost?: number): ChatEvent.Finish => ({
        ...stop,
        usage: usage(inputTokens),
        ...(model === undefined ? undefined : { model }),
        ...(cost === undefined ? undefined : { cost: costOf(cost) })
      })
      assert.deepStrictEqual<unknown>(
        yield* endOf([of("small", 1, 0.5), of("large", 2, 0.25), of("small", 4, 0.125)]),
        finish({
          model: "small",
          usage: new Usage.Usage({ inputTokens: 7, outputTokens: 3 }),
          usages: [
            { model: "small", usage: new Usage.Usage({ inputTokens: 5, outputTokens: 2 }) },
            { model: "large", usage: usage(2) }
          ],
          cost: 0.875
        })
      )
      // The cost of one is not known.
      for (const finishes of [[of("small", 1, 0.5), of(undefined, 2)], [of(undefined, 2), of("small", 1, 0.5)]]) {
        const end = yield* endOf(finishes)
        assert.deepStrictEqual(end !== undefined && "cost" in end && [end.cost, end.model], [undefined, "small"])
      }
      assert.deepStrictEqual<unknown>(
        yield* endOf([{ ...stop, reason: "length" }, { ...stop, reason: "tool_calls" }]),
        finish({ reason: "tool_calls" })
      )
    }))

  it.effect("end with what a failed loop has spent", () =>
    Effect.gen(function*() {
      const usage = new Usage.Usage({ inputTokens: 1 })
      const spent = new Usage.Usage({ inputTokens: 9 })
      const events = [{ ...stop, model: "small", usage, cost: costOf(0.5) }]
      const known = { model: "small", usage, usages: [{ model: "small", usage }], cost: 0.5 }
      assert.deepStrictEqual<unknown>(yield* endOf(events, failure()), {
        type: "failure",
        reason: "Overloaded",
        ...known
      })
      assert.deepStrictEqual<unknown>(
        yield* endOf(events, failure({ spent: { usage: spent, cost: BigDecimal.fromStringUnsafe("0.75") } })),
        {
          type: "failure",
          reason: "Overloaded",
          model: "small",
          usage: spent,
          usages: [{ model: "small", usage: spent }],
          cost: 0.75
        }
      )
      assert.deepStrictEqual<unknown>(yield* endOf(events, failure({ spent: { usage: spent } })), {
        type: "failure",
        reason: "Overloaded",
        model: "small",
        usage: spent,
        usages: [{ model: "small", usage: spent }],
        cost: undefined
      })
      assert.deepStrictEqual<unknown>(yield* endOf([], new Error("a secret")), {
        type: "failure",
        reason: "Unknown",
        ...nothing
      })
    }))
})
