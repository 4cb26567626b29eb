/** What is sent to a client of AG-UI for events that single answers seldom have. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { type ChatEvent, Cost, CostMetadata, ProviderError, Usage } from "../../src/index.ts"
import * as AgUi from "../../src/ui/AgUi.ts"
import type * as Blocks from "../../src/ui/blocks.ts"
import * as Trust from "../../src/ui/Trust.ts"
import * as Client from "./agUiClient.ts"

/** The events between the begin and the end of a run. */
const sent = (
  events: ReadonlyArray<Blocks.Event>,
  { error, messageId }: { readonly error?: ProviderError.ProviderError; readonly messageId?: string } = {}
) =>
  Stream.fromIterable(events).pipe(
    (events) => error === undefined ? events : Stream.concat(events, Stream.fail(error)),
    (events) => Client.events(AgUi.encode(events, { threadId: "t", runId: "r", messageId })),
    Effect.provideService(Trust.Trust, Trust.trusted)
  )

const within = (events: ReadonlyArray<Blocks.Event>) => Effect.map(sent(events), (sent) => sent.slice(2, -2))

const call = { id: "c1", name: "weather", providerExecuted: false }
const provided = { ...call, providerExecuted: true }
const called = { _tag: "ToolCall", ...provided, params: { city: "Rome" } } as const
const piece = (delta: string): ChatEvent.ToolCallDelta => ({ _tag: "ToolCallDelta", id: "c1", name: "weather", delta })
const start = { _tag: "ToolCallStart", ...provided } as const
const thought = (delta: string, block?: string): ChatEvent.Reasoning => ({
  _tag: "Reasoning",
  delta,
  ...(block === undefined ? undefined : { block })
})
const stop: ChatEvent.Finish = { _tag: "Finish", reason: "stop" }

const open = (messageId: string, more?: object) => ({
  type: "TEXT_MESSAGE_START",
  messageId,
  role: "assistant",
  ...more
})
const close = (messageId: string, more?: object) => ({ type: "TEXT_MESSAGE_END", messageId, ...more })
const args = (delta: string) => ({ type: "TOOL_CALL_ARGS", toolCallId: "c1", delta })
const begun = {
  type: "TOOL_CALL_START",
  toolCallId: "c1",
  toolCallName: "weather",
  parentMessageId: "r-0",
  metadata: { providerExecuted: true }
}
const over = { type: "TOOL_CALL_END", toolCallId: "c1" }
const continues = { metadata: { "llm-stream-continues": true } }

const usage = new Usage.Usage({
  inputTokens: 10,
  cachedTokens: 1,
  cacheWriteTokens: 2,
  outputTokens: 5,
  reasoningTokens: 3
})
const cost = Cost.calculate(new CostMetadata.CostMetadata({ inputTokens: 1_000_000 }), {
  provider: "p",
  model: "m",
  input: 0.5
})
const usages = [{
  model: "small",
  inputTokens: 10,
  outputTokens: 5,
  totalTokens: 15,
  reasoningTokens: 3,
  cachedInputTokens: 1,
  cacheWriteInputTokens: 2
}]

describe("an event of AG-UI", () => {
  it.effect("has the arguments of a call once, in pieces or as a whole", () =>
    Effect.gen(function*() {
      const before = [open("r-0"), close("r-0"), begun]
      const whole = args(`{"city":"Rome"}`)
      for (
        const [pieces, shown] of [
          [[], [whole]],
          [[piece("")], [whole]],
          // Spaces alone are no arguments.
          [[piece(" ")], [whole]],
          [[piece(" "), piece(`{"city":`), piece(`"Rome"}`)], [args(` {"city":`), args(`"Rome"}`)]]
        ] as const
      ) {
        assert.deepStrictEqual<ReadonlyArray<object>>(yield* within([start, ...pieces, called, stop]), [
          ...before,
          ...shown,
          over
        ])
      }
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* within([{ ...called, params: "a text" }, stop]), [
        ...before,
        args("a text"),
        over
      ])
    }))

  it.effect("says of a call that never came whole that it has no result", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* within([start]), [
        open("r-0"),
        close("r-0"),
        begun,
        over,
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r-1",
          toolCallId: "c1",
          role: "tool",
          content: `{"error":"Interrupted"}`,
          metadata: { tanstack: { state: "output-error" } }
        }
      ])
    }))

  it.effect("is of one thought for those that follow one another", () =>
    Effect.gen(function*() {
      const content = (messageId: string, delta: string) => ({ type: "REASONING_MESSAGE_CONTENT", messageId, delta })
      const begin = (messageId: string) => [
        { type: "REASONING_START", messageId },
        { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" }
      ]
      const end = (messageId: string) => [
        { type: "REASONING_MESSAGE_END", messageId },
        { type: "REASONING_END", messageId }
      ]
      const events = [
        thought("a"),
        thought("b", "1"),
        thought("", "2"),
        thought("c", "2"),
        thought("d", "2"),
        { _tag: "Text", delta: "" },
        { _tag: "Text", delta: "x" },
        thought("e"),
        stop
      ] as const
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* within(events), [
        ...begin("r-1"),
        open("r-0"),
        content("r-1", "a"),
        content("r-1", "\n\nb"),
        content("r-1", "\n\nc"),
        content("r-1", "d"),
        ...end("r-1"),
        { type: "TEXT_MESSAGE_CONTENT", messageId: "r-0", delta: "x" },
        close("r-0"),
        // It goes on in another message.
        ...begin("r-3"),
        open("r-2", continues),
        content("r-3", "e"),
        ...end("r-3"),
        close("r-2")
      ])
    }))

  it.effect("is of another message for what follows a provider's call, and not for what follows a client's", () =>
    Effect.gen(function*() {
      const text = (delta: string): ChatEvent.Text => ({ _tag: "Text", delta })
      const content = (messageId: string, delta: string) => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta })
      assert.deepStrictEqual<ReadonlyArray<object>>(yield* within([text("a"), start, called, text("b"), stop]), [
        open("r-0"),
        content("r-0", "a"),
        close("r-0"),
        begun,
        args(`{"city":"Rome"}`),
        over,
        open("r-1", continues),
        content("r-1", "b"),
        close("r-1")
      ])
      const { metadata: _, ...own } = begun
      assert.deepStrictEqual<ReadonlyArray<object>>(
        yield* within([text("a"), { ...start, ...call }, { ...called, ...call }, text("b"), stop]),
        [
          open("r-0"),
          content("r-0", "a"),
          close("r-0"),
          own,
          open("r-0"),
          content("r-0", "b"),
          // A call of the client's is whole with its response.
          args(`{"city":"Rome"}`),
          over,
          close("r-0")
        ]
      )
    }))

  it.effect("is of the same message where a provider's result of an earlier response stands between thoughts", () =>
    Effect.gen(function*() {
      const found = { _tag: "ToolResult", ...provided, result: 5, isFailure: false, preliminary: false } as const
      const events = yield* sent([start, called, stop, thought("a"), found, thought("b"), stop])
      const second = events.findIndex(({ stepName }) => stepName === "step-2")
      assert.deepStrictEqual(events.slice(second + 1, -2).map(({ messageId, type }) => [type, messageId]), [
        ["REASONING_START", "r-2"],
        ["REASONING_MESSAGE_START", "r-2"],
        ["TEXT_MESSAGE_START", "r-1"],
        ["REASONING_MESSAGE_CONTENT", "r-2"],
        ["REASONING_MESSAGE_END", "r-2"],
        ["REASONING_END", "r-2"],
        ["TEXT_MESSAGE_END", "r-1"],
        ["TOOL_CALL_RESULT", "r-4"],
        ["REASONING_START", "r-5"],
        ["REASONING_MESSAGE_START", "r-5"],
        ["REASONING_MESSAGE_CONTENT", "r-5"],
        ["REASONING_MESSAGE_END", "r-5"],
        ["REASONING_END", "r-5"]
      ])
    }))

  it.effect("carries the seal of results of an earlier message in that message, where the client names it", () =>
    Effect.gen(function*() {
      const result = {
        _tag: "ToolResult",
        ...call,
        result: { celsius: 5 },
        isFailure: false,
        preliminary: false
      } as const
      const results = (options: { readonly messageId?: string }) =>
        Effect.map(sent([{ ...result, preliminary: true }, result], options), (sent) => sent.slice(1, -1))
      for (
        const [options, message, id] of [
          [{ messageId: "m0" }, "m0", "r-1"],
          [{}, "r-1", "r-2"]
        ] as const
      ) {
        const events = yield* results(options)
        const metadata = events[0]?.metadata ?? {}
        assert.deepStrictEqual(Object.keys(metadata), ["llm-stream-seal-r-0"])
        assert.match(String(metadata["llm-stream-seal-r-0"]), /^1\.0\.\{.*"celsius":5/)
        assert.deepStrictEqual<ReadonlyArray<object>>(events, [
          open(message, { metadata }),
          close(message),
          { type: "TOOL_CALL_RESULT", messageId: id, toolCallId: "c1", role: "tool", content: `{"celsius":5}` }
        ])
      }
      // A value that JSON does not have has no seal.
      assert.deepStrictEqual<ReadonlyArray<object>>((yield* sent([{ ...result, result: undefined }])).slice(1, -1), [
        { type: "TOOL_CALL_RESULT", messageId: "r-0", toolCallId: "c1", role: "tool", content: "null" }
      ])
    }))

  it.effect("ends a run with what it has used and cost", () =>
    Effect.gen(function*() {
      const finish: ChatEvent.Finish = { ...stop, model: "small", usage, cost }
      const end = { type: "RUN_FINISHED", threadId: "t", runId: "r" }
      const outcome = { type: "success", pendingToolCallIds: [] }
      assert.deepStrictEqual<object | undefined>((yield* sent([finish])).at(-1), {
        ...end,
        outcome,
        usage: usages,
        metadata: { finishReason: "stop", cost: 0.5 }
      })
      assert.deepStrictEqual<object | undefined>((yield* sent([stop])).at(-1), {
        ...end,
        outcome,
        metadata: { finishReason: "stop" }
      })
      const failure = (emitted: boolean) =>
        new ProviderError.ProviderError({
          provider: "test",
          reason: new ProviderError.RateLimited({ message: "a secret" }),
          emitted
        })
      const failed = { type: "RUN_ERROR", message: "RateLimited", code: "RateLimited" }
      assert.deepStrictEqual<object | undefined>((yield* sent([finish], { error: failure(true) })).at(-1), {
        ...failed,
        usage: usages,
        metadata: { cost: 0.5 }
      })
      assert.deepStrictEqual<object | undefined>((yield* sent([], { error: failure(false) })).at(-1), failed)
    }))
})
