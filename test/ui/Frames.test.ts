/** What is sent for each kind of content, frame by frame, as the protocols have it. Seals are left out. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { type ChatEvent, ChunkStream, ProviderError, ToolLoop } from "../../src/index.ts"
import { Answer } from "../../src/testing.ts"
import * as AgUi from "../../src/ui/AgUi.ts"
import * as AiSdk from "../../src/ui/AiSdk.ts"
import { mail, searched, serverOf, tools, weather, withSecret } from "./support.ts"

const Frame = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))
const decode = Schema.decodeUnknownSync(Frame)

const framesOf = <E, R>(body: Stream.Stream<Uint8Array, E, R>) =>
  Effect.map(Stream.mkString(Stream.decodeText(body)), (text) => {
    const lines = text.split("\n\n").filter((line) => line !== "")
    return lines.map((line) => {
      assert.match(line, /^data: /)
      const data = line.slice("data: ".length)
      return data === "[DONE]" ? data : decode(data)
    })
  })

const inAiSdk = <E, R>(events: Stream.Stream<ChatEvent.ChatEvent | ToolLoop.Event, E, R>) =>
  Effect.map(framesOf(AiSdk.encode(events)), (frames) => {
    assert.deepStrictEqual(frames.at(-1), "[DONE]")
    return frames.slice(0, -1).filter((frame) => typeof frame === "string" || frame["type"] !== "data-llm-stream-seal")
  })

const withoutSeal = ([name, value]: readonly [string, Schema.Json]) => {
  if (name !== "metadata" || typeof value !== "object" || value === null) return [[name, value]] as const
  const others = Object.entries(value).filter(([name]) => !name.startsWith("llm-stream-seal-"))
  return others.length === 0 ? [] : [[name, Object.fromEntries(others)] as const]
}

const inAgUi = <E, R>(events: Stream.Stream<ChatEvent.ChatEvent | ToolLoop.Event, E, R>) =>
  Effect.map(
    framesOf(AgUi.encode(events, { threadId: "t", runId: "r" })),
    (frames) =>
      frames.map((frame) =>
        typeof frame === "string" ? frame : Object.fromEntries(Object.entries(frame).flatMap(withoutSeal))
      )
  )

const of = (answer: Answer.Answer) => ChunkStream.events(Stream.fromIterable(Answer.openai(answer)))

const answer = (...pieces: Answer.Answer["pieces"]): Answer.Answer => ({
  id: "chatcmpl-1",
  model: "test-model",
  finishReason: pieces.some(({ type }) => type === "toolCall") ? "tool_calls" : "stop",
  pieces
})

// ---------------------------------------------------------------------------------------------------------------------
// AI SDK
// ---------------------------------------------------------------------------------------------------------------------

const step = (...frames: ReadonlyArray<object>) => [{ type: "start-step" }, ...frames, { type: "finish-step" }]

const message = (finishReason: string, ...frames: ReadonlyArray<object>) => [
  { type: "start" },
  ...frames,
  { type: "finish", finishReason, messageMetadata: { model: "test-model" } }
]

const block = (type: "text" | "reasoning", id: string, ...deltas: ReadonlyArray<string>) => [
  { type: `${type}-start`, id },
  ...deltas.map((delta) => ({ type: `${type}-delta`, id, delta })),
  { type: `${type}-end`, id }
]

const input = (toolCallId: string, toolName: string, ...deltas: ReadonlyArray<string>) => [
  { type: "tool-input-start", toolCallId, toolName },
  ...deltas.map((inputTextDelta) => ({ type: "tool-input-delta", toolCallId, inputTextDelta }))
]

const available = (toolCallId: string, toolName: string, input: unknown) => ({
  type: "tool-input-available",
  toolCallId,
  toolName,
  input
})

// ---------------------------------------------------------------------------------------------------------------------
// AG-UI
// ---------------------------------------------------------------------------------------------------------------------

const begun = { type: "RUN_STARTED", threadId: "t", runId: "r", protocolVersion: "1.0" }

const stepOf = (name: string, ...frames: ReadonlyArray<object>) => [
  { type: "STEP_STARTED", stepName: name },
  ...frames,
  { type: "STEP_FINISHED", stepName: name }
]

const run = (
  { metadata, outcome, usage }: { readonly outcome: object; readonly metadata: object; readonly usage?: object },
  ...frames: ReadonlyArray<object>
) => [
  begun,
  ...frames,
  { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome, ...(usage && { usage }), metadata }
]

const success = (...pendingToolCallIds: ReadonlyArray<string>) => ({ type: "success", pendingToolCallIds })

const open = (messageId: string, more?: object) => ({
  type: "TEXT_MESSAGE_START",
  messageId,
  role: "assistant",
  ...more
})
const close = (messageId: string) => ({ type: "TEXT_MESSAGE_END", messageId })
const said = (messageId: string, ...deltas: ReadonlyArray<string>) =>
  deltas.map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta }))
/** A message that is opened for a seal alone. */
const reopened = (messageId: string) => [open(messageId), close(messageId)]
const called = (toolCallId: string, toolCallName: string, parentMessageId: string) => ({
  type: "TOOL_CALL_START",
  toolCallId,
  toolCallName,
  parentMessageId
})
const args = (toolCallId: string, ...deltas: ReadonlyArray<string>) =>
  deltas.map((delta) => ({ type: "TOOL_CALL_ARGS", toolCallId, delta }))
const ended = (toolCallId: string) => ({ type: "TOOL_CALL_END", toolCallId })

// ---------------------------------------------------------------------------------------------------------------------

interface Case {
  readonly events: () => Stream.Stream<ChatEvent.ChatEvent | ToolLoop.Event, unknown>
  readonly aiSdk: ReadonlyArray<object>
  readonly agUi: ReadonlyArray<object>
}

const loop = (...answers: ReadonlyArray<Answer.Answer>) =>
  Stream.provide(ToolLoop.stream({ prompt: "Hi", tools }), serverOf(answers).live)

const overloaded = new ProviderError.ProviderError({
  provider: "test",
  reason: new ProviderError.Overloaded({ message: "a secret" }),
  emitted: true
})

const finish: ChatEvent.Finish = { _tag: "Finish", reason: "stop", model: "test-model" }

const told = (...events: ReadonlyArray<ChatEvent.ChatEvent>) => () => Stream.fromIterable([...events, finish])

/** A call that the provider runs, and its results. */
const ran = (id: string, ...results: ReadonlyArray<Partial<ChatEvent.ToolResult>>) =>
  [
    { _tag: "ToolCallStart", id, name: "search", providerExecuted: true },
    { _tag: "ToolCall", id, name: "search", params: {}, providerExecuted: true },
    ...results.map((result): ChatEvent.ToolResult => ({
      _tag: "ToolResult",
      id,
      name: "search",
      result: null,
      isFailure: false,
      preliminary: false,
      providerExecuted: true,
      ...result
    }))
  ] satisfies ReadonlyArray<ChatEvent.ChatEvent>

const cases: Readonly<Record<string, Case>> = {
  "results of tools that failed, that were denied, and that go on": {
    events: told(
      ...ran("a", { result: "no such city", isFailure: true }),
      ...ran("b", { result: { code: 1 }, isFailure: true }),
      ...ran("c", { result: { type: "execution-denied", reason: "no" }, isFailure: true }),
      ...ran("d", { result: "half", preliminary: true }, { result: ["whole"] })
    ),
    aiSdk: message(
      "stop",
      ...step(
        ...["a", "b", "c", "d"].flatMap((toolCallId) => {
          const providerExecuted = true
          const result = {
            a: [{ type: "tool-output-error", toolCallId, errorText: "no such city", providerExecuted }],
            b: [{ type: "tool-output-error", toolCallId, errorText: "{\"code\":1}", providerExecuted }],
            c: [{ type: "tool-output-denied", toolCallId }],
            d: [
              { type: "tool-output-available", toolCallId, output: "half", providerExecuted, preliminary: true },
              { type: "tool-output-available", toolCallId, output: ["whole"], providerExecuted }
            ]
          }[toolCallId] ?? []
          return [
            { type: "tool-input-start", toolCallId, toolName: "search", providerExecuted },
            { type: "tool-input-available", toolCallId, toolName: "search", providerExecuted, input: {} },
            ...result
          ]
        })
      )
    ),
    agUi: run(
      { outcome: success(), metadata: { finishReason: "stop" } },
      ...stepOf(
        "step-1",
        ...reopened("r-0"),
        ...([
          ["a", "r-2", "no such city", true],
          ["b", "r-4", "{\"code\":1}", true],
          ["c", "r-6", "{\"type\":\"execution-denied\",\"reason\":\"no\"}", true],
          ["d", "r-8", "[\"whole\"]", false]
        ] as const).flatMap(([id, messageId, content, isFailure]) => [
          { ...called(id, "search", "r-0"), metadata: { providerExecuted: true } },
          ...args(id, "{}"),
          ended(id),
          ...reopened("r-0"),
          {
            type: "TOOL_CALL_RESULT",
            messageId,
            toolCallId: id,
            role: "tool",
            content,
            ...(isFailure ? { metadata: { tanstack: { state: "output-error" } } } : undefined)
          }
        ])
      )
    )
  },
  "sources and files": {
    events: told(
      { _tag: "Text", delta: "See." },
      { _tag: "Source", url: "https://x.test", title: "X" },
      { _tag: "Source", document: "file-1", title: "Book", citedText: "a", place: { unit: "page", start: 3, end: 4 } },
      { _tag: "Source", document: "file-2", title: "Notes", place: { unit: "character", start: 0 } },
      { _tag: "File", mediaType: "image/png", data: Uint8Array.of(1, 2, 3) },
      { _tag: "Refusal", delta: "No." }
    ),
    aiSdk: message(
      "stop",
      ...step(
        ...block("text", "text-0", "See."),
        { type: "source-url", sourceId: "source-1", url: "https://x.test", title: "X" },
        {
          type: "source-document",
          sourceId: "source-2",
          mediaType: "application/pdf",
          title: "Book",
          providerMetadata: { source: { citedText: "a", place: { unit: "page", start: 3, end: 4 } } }
        },
        {
          type: "source-document",
          sourceId: "source-3",
          mediaType: "text/plain",
          title: "Notes",
          providerMetadata: { source: { place: { unit: "character", start: 0 } } }
        },
        { type: "file", mediaType: "image/png", url: "data:image/png;base64,AQID" },
        ...block("text", "text-5", "No.")
      )
    ),
    agUi: run(
      { outcome: success(), metadata: { finishReason: "stop" } },
      ...stepOf(
        "step-1",
        open("r-0"),
        ...said("r-0", "See."),
        ...[
          { id: "source-1", url: "https://x.test", title: "X" },
          {
            id: "source-2",
            document: "file-1",
            title: "Book",
            citedText: "a",
            place: { unit: "page", start: 3, end: 4 }
          },
          { id: "source-3", document: "file-2", title: "Notes", place: { unit: "character", start: 0 } }
        ].map((value) => ({ type: "CUSTOM", name: "source", value })),
        {
          type: "CUSTOM",
          name: "file",
          value: { id: "file-4", mediaType: "image/png", url: "data:image/png;base64,AQID" }
        },
        ...said("r-0", "No."),
        close("r-0")
      )
    )
  },
  "an answer that says nothing": {
    events: () => of(answer()),
    aiSdk: message("stop", ...step()),
    agUi: run({ outcome: success(), metadata: { finishReason: "stop" } }, ...stepOf("step-1"))
  },
  "reasoning, a text, and calls of the client's tools": {
    events: () =>
      of({
        ...answer(
          { type: "reasoning", text: "H" },
          { type: "reasoning", text: "m" },
          { type: "content", text: "Let me" },
          { type: "content", text: " see." },
          { type: "toolCall", call: 0, name: "weather", arguments: "{\"city\":" },
          { type: "toolCall", call: 0, name: "weather", arguments: "\"Rome\"}" },
          { type: "toolCall", call: 1, name: "now", arguments: "" }
        ),
        usage: { inputTokens: 10, cachedTokens: 4, outputTokens: 5 }
      }),
    aiSdk: [
      { type: "start" },
      ...step(
        ...block("reasoning", "reasoning-0", "H", "m"),
        ...block("text", "text-1", "Let me", " see."),
        ...input("call_0_0", "weather", "{\"city\":", "\"Rome\"}"),
        ...input("call_0_1", "now"),
        available("call_0_0", "weather", { city: "Rome" }),
        available("call_0_1", "now", {})
      ),
      {
        type: "finish",
        finishReason: "tool-calls",
        messageMetadata: { model: "test-model", usage: { inputTokens: 10, cachedTokens: 4, outputTokens: 5 } }
      }
    ],
    agUi: run(
      {
        outcome: success("call_0_0", "call_0_1"),
        usage: [{ model: "test-model", inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 4 }],
        metadata: { finishReason: "tool-calls" }
      },
      ...stepOf(
        "step-1",
        { type: "REASONING_START", messageId: "r-1" },
        { type: "REASONING_MESSAGE_START", messageId: "r-1", role: "reasoning" },
        open("r-0"),
        { type: "REASONING_MESSAGE_CONTENT", messageId: "r-1", delta: "H" },
        { type: "REASONING_MESSAGE_CONTENT", messageId: "r-1", delta: "m" },
        { type: "REASONING_MESSAGE_END", messageId: "r-1" },
        { type: "REASONING_END", messageId: "r-1" },
        ...said("r-0", "Let me", " see."),
        close("r-0"),
        called("call_0_0", "weather", "r-0"),
        ...args("call_0_0", "{\"city\":", "\"Rome\"}"),
        called("call_0_1", "now", "r-0"),
        ...reopened("r-0"),
        ended("call_0_0"),
        // It came without arguments, so they are sent once it is over.
        ...args("call_0_1", "{}"),
        ended("call_0_1")
      )
    )
  },
  "a spoken answer": {
    events: () =>
      of(answer(
        { type: "audio", data: Uint8Array.of(1, 2), transcript: "Good" },
        { type: "audio", data: Uint8Array.of(3, 4), transcript: " day" }
      )),
    aiSdk: message(
      "stop",
      ...step(...block("text", "text-0", "Good", " day"), {
        type: "file",
        mediaType: "audio/pcm",
        url: "data:audio/pcm;base64,AQIDBA=="
      })
    ),
    agUi: run(
      { outcome: success(), metadata: { finishReason: "stop" } },
      ...stepOf("step-1", open("r-0"), ...said("r-0", "Good", " day"), {
        type: "CUSTOM",
        name: "file",
        value: { id: "file-1", mediaType: "audio/pcm", url: "data:audio/pcm;base64,AQIDBA==" }
      }, close("r-0"))
    )
  },
  "arguments that are no JSON": {
    events: () => of(answer({ type: "toolCall", call: 0, name: "weather", arguments: "{\"city\":" })),
    aiSdk: message(
      "tool-calls",
      ...step(...input("call_0_0", "weather", "{\"city\":"), {
        type: "tool-input-error",
        toolCallId: "call_0_0",
        toolName: "weather",
        input: "{\"city\":",
        errorText: "IncompleteToolCall"
      })
    ),
    agUi: run(
      { outcome: success(), metadata: { finishReason: "tool-calls" } },
      ...stepOf(
        "step-1",
        ...reopened("r-0"),
        called("call_0_0", "weather", "r-0"),
        ...args("call_0_0", "{\"city\":"),
        ended("call_0_0"),
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r-1",
          toolCallId: "call_0_0",
          role: "tool",
          content: "{\"error\":\"IncompleteToolCall\"}",
          metadata: { tanstack: { state: "output-error" } }
        },
        ...reopened("r-0")
      )
    )
  },
  "an answer that breaks off": {
    events: () =>
      Stream.concat(of(answer({ type: "content", text: "Hi" })).pipe(Stream.take(1)), Stream.fail(overloaded)),
    aiSdk: [
      { type: "start" },
      ...step(...block("text", "text-0", "Hi")),
      { type: "message-metadata", messageMetadata: {} },
      { type: "error", errorText: "Overloaded" }
    ],
    agUi: [
      begun,
      ...stepOf("step-1", open("r-0"), ...said("r-0", "Hi"), close("r-0")),
      { type: "RUN_ERROR", message: "Overloaded", code: "Overloaded" }
    ]
  },
  "a tool that the provider runs": {
    events: () => ChunkStream.events(Stream.fromIterable(searched)),
    aiSdk: [
      { type: "start" },
      ...step(
        ...block("reasoning", "reasoning-0", "Hm."),
        { type: "tool-input-start", toolCallId: "s1", toolName: "web_search", providerExecuted: true },
        { type: "tool-input-delta", toolCallId: "s1", inputTextDelta: "{\"query\":\"x\"}" },
        {
          type: "tool-input-available",
          toolCallId: "s1",
          toolName: "web_search",
          providerExecuted: true,
          input: { query: "x" }
        },
        {
          type: "tool-output-available",
          toolCallId: "s1",
          output: [{ type: "web_search_result", url: "https://x.test", title: "X", encrypted_content: "e" }],
          providerExecuted: true
        },
        ...block("text", "text-1", "Here it is"),
        ...block("text", "text-2", ", in X.")
      ),
      {
        type: "finish",
        finishReason: "stop",
        // 9 tokens of output at 5 USD per million.
        messageMetadata: { model: "claude-haiku-4-5", usage: { outputTokens: 9 }, cost: 0.000045 }
      }
    ],
    agUi: run(
      {
        outcome: success(),
        usage: [{ model: "claude-haiku-4-5", outputTokens: 9 }],
        metadata: { finishReason: "stop", cost: 0.000045 }
      },
      ...stepOf(
        "step-1",
        { type: "REASONING_START", messageId: "r-1" },
        { type: "REASONING_MESSAGE_START", messageId: "r-1", role: "reasoning" },
        open("r-0"),
        { type: "REASONING_MESSAGE_CONTENT", messageId: "r-1", delta: "Hm." },
        { type: "REASONING_MESSAGE_END", messageId: "r-1" },
        { type: "REASONING_END", messageId: "r-1" },
        close("r-0"),
        { ...called("s1", "web_search", "r-0"), metadata: { providerExecuted: true } },
        ...args("s1", "{\"query\":\"x\"}"),
        ended("s1"),
        ...reopened("r-0"),
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r-3",
          toolCallId: "s1",
          role: "tool",
          content: JSON.stringify([
            { type: "web_search_result", url: "https://x.test", title: "X", encrypted_content: "e" }
          ])
        },
        open("r-4", { metadata: { "llm-stream-continues": true } }),
        ...said("r-4", "Here it is", ", in X."),
        close("r-4")
      )
    )
  },
  "a loop that runs a tool": {
    events: () => loop(weather, answer({ type: "content", text: "Warm." })),
    aiSdk: message(
      "stop",
      ...step(
        ...block("text", "text-0", "Let", " me", " see."),
        ...input("call_0_0", "weather", "{\"city\":", "\"Paris\"}"),
        available("call_0_0", "weather", { city: "Paris" }),
        { type: "tool-output-available", toolCallId: "call_0_0", output: { celsius: 5 } }
      ),
      ...step(...block("text", "text-1", "Warm."))
    ),
    agUi: run(
      { outcome: success(), metadata: { finishReason: "stop" } },
      ...stepOf(
        "step-1",
        open("r-0"),
        ...said("r-0", "Let", " me", " see."),
        close("r-0"),
        called("call_0_0", "weather", "r-0"),
        ...args("call_0_0", "{\"city\":", "\"Paris\"}"),
        ...reopened("r-0"),
        ended("call_0_0"),
        ...reopened("r-0"),
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r-3",
          toolCallId: "call_0_0",
          role: "tool",
          content: "{\"celsius\":5}"
        }
      ),
      ...stepOf("step-2", open("r-4"), ...said("r-4", "Warm."), close("r-4"))
    )
  },
  "a loop that asks for consent": {
    events: () => loop(mail),
    aiSdk: message(
      "tool-calls",
      ...step(
        ...input("call_0_0", "mail", "{\"to\":\"a", "nn\"}"),
        available("call_0_0", "mail", { to: "ann" }),
        { type: "tool-approval-request", approvalId: "call_0_0", toolCallId: "call_0_0" }
      )
    ),
    agUi: run(
      {
        outcome: {
          type: "interrupt",
          interrupts: [{
            id: "call_0_0",
            reason: "approval_required",
            toolCallId: "call_0_0",
            metadata: { kind: "approval", toolName: "mail", input: { to: "ann" } }
          }]
        },
        metadata: { finishReason: "tool-calls" }
      },
      ...stepOf(
        "step-1",
        ...reopened("r-0"),
        called("call_0_0", "mail", "r-0"),
        ...args("call_0_0", "{\"to\":\"a", "nn\"}"),
        ...reopened("r-0"),
        ended("call_0_0"),
        ...reopened("r-0")
      )
    )
  }
}

describe("what is sent for", () => {
  for (const [name, { agUi, aiSdk, events }] of Object.entries(cases)) {
    it.effect(`${name}, to a client of the AI SDK`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual<ReadonlyArray<object | string>>(yield* inAiSdk(events()), aiSdk)
      }).pipe(withSecret("a")))

    it.effect(`${name}, to a client of AG-UI`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual<ReadonlyArray<object | string>>(yield* inAgUi(events()), agUi)
      }).pipe(withSecret("a")))
  }
})
