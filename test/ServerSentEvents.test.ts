import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, Fiber, Logger, Queue, Result, Schema, Stream } from "effect"
import { Prompt } from "effect/ai"
import { TestClock } from "effect/testing"
import { ChatEvent, Cost, ProviderError, ServerSentEvents, type ToolLoop } from "../src/index.ts"

const events = Arbitrary.schema(Schema.Array(Schema.Union(
  // The end of a response is sent in a form of its own.
  ChatEvent.ChatEvent.members.filter((member) => member !== ChatEvent.Finish && member !== ChatEvent.ToolResult)
)))

const encode = (
  self: ReadonlyArray<ToolLoop.Event> | Stream.Stream<ToolLoop.Event, unknown>,
  options?: ServerSentEvents.Options
) => Stream.runCollect(ServerSentEvents.encode(Stream.isStream(self) ? self : Stream.fromIterable(self), options))

const done: ToolLoop.Done = {
  _tag: "Done",
  reason: "approval",
  steps: 2,
  prompt: Prompt.make("A secret conversation"),
  cost: Cost.zero
}

describe("ServerSentEvents", () => {
  it.effect.prop(
    "are read as they were sent, wherever the reads are cut",
    [events, Schema.Natural],
    ([events, at]) =>
      Effect.gen(function*() {
        const body = Buffer.concat(yield* encode(events))
        const reads = [body.subarray(0, at % body.length), body.subarray(at % body.length)]
        const read = yield* Stream.runCollect(ServerSentEvents.decode(Stream.fromIterable(reads)))
        assert.deepStrictEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(events)))
      })
  )

  it.effect("hold back costs, results of tools and the conversation unless they are asked for", () =>
    Effect.gen(function*() {
      const loop: ReadonlyArray<ToolLoop.Event> = [
        {
          _tag: "ToolResult",
          id: "a",
          name: "read",
          result: "a secret file",
          isFailure: false,
          preliminary: false,
          providerExecuted: false
        },
        { _tag: "Finish", reason: "tool_calls", cost: Cost.zero },
        { ...done, _tag: "Step" },
        done
      ]
      const sent = (options?: ServerSentEvents.Options) =>
        Effect.map(encode(loop, options), (reads) => Buffer.concat(reads).toString())
      assert.strictEqual(
        yield* sent(),
        `event: Finish\ndata: {"_tag":"Finish","reason":"tool_calls"}\n\n` +
          `event: Done\ndata: {"_tag":"Done","reason":"approval","steps":2}\n\n` +
          `event: End\ndata: {"_tag":"End"}\n\n`
      )
      const all = yield* sent({ costs: true, toolResults: true })
      assert.include(all, "a secret file")
      assert.include(all, `"reason":"approval","steps":2,"cost":0}`)
      assert.notInclude(all, "conversation")
    }))

  it.effect("never fail: values that JSON can't hold are text, or left out", () =>
    Effect.gen(function*() {
      const circle: { self?: unknown } = {}
      circle.self = circle
      const call = (params: unknown): ChatEvent.ToolCall => ({
        _tag: "ToolCall",
        id: "a",
        name: "t",
        params,
        providerExecuted: false
      })
      const odd = [1n, Number.NaN, new Date(0), undefined, () => 1, circle, {
        a: undefined,
        b: Number.NEGATIVE_INFINITY
      }]
      const body = Buffer.concat(yield* encode(odd.map(call))).toString()
      assert.deepStrictEqual(
        body.split("\n").flatMap((line) => line.startsWith("data: ") ? [JSON.parse(line.slice(6)).params] : []),
        ["1", "NaN", "1970-01-01T00:00:00.000Z", null, null, null, { b: "-Infinity" }, undefined]
      )
    }))

  it.effect("tell a failure by its reason, after what had come, and when to try again; the log has its message", () =>
    Effect.gen(function*() {
      const error = new ProviderError.ProviderError({
        provider: "acme",
        reason: new ProviderError.RateLimited({
          message: "Key sk-123 is over its limit",
          retryAfter: Duration.seconds(20)
        }),
        emitted: true
      })
      const text: ChatEvent.ChatEvent = { _tag: "Text", delta: "Hel" }
      const logs: Array<unknown> = []
      const body = yield* encode(Stream.concat(Stream.make(text), Stream.fail(error))).pipe(
        Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => logs.push(logLevel, message))]))
      )
      assert.deepStrictEqual(logs, ["Warn", [`The stream of a client failed: ${error.message}`]])
      assert.deepStrictEqual(yield* Stream.runCollect(ServerSentEvents.decode(Stream.fromIterable(body))), [
        text,
        { _tag: "Failure", reason: "RateLimited", retryAfter: 20 }
      ])
    }))

  it.effect("send a comment while nothing else is sent", () =>
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<ToolLoop.Event>()
      const sent: Array<string> = []
      const fiber = yield* ServerSentEvents.encode(Stream.fromQueue(queue), { heartbeat: "10 seconds" }).pipe(
        Stream.decodeText,
        Stream.runForEach((text) => Effect.sync(() => sent.push(text))),
        Effect.forkChild
      )
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual(sent, [":\n\n", ":\n\n"])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("leave out events that they don't know, and fail where one is not what its name says", () =>
    Effect.gen(function*() {
      const decode = (...events: ReadonlyArray<string>) =>
        Stream.make(...events.map((event) => `${event}\n\n`)).pipe(
          Stream.encodeText,
          ServerSentEvents.decode,
          Stream.runCollect,
          Effect.result
        )
      const unknown = yield* decode("event: Weather\ndata: {}", "event: End\ndata: {}")
      assert.deepStrictEqual(unknown, Result.succeed([]))
      for (const data of ["{}", "nonsense", `{"_tag":"Text","delta":1}`]) {
        const malformed = yield* decode(`event: Text\ndata: ${data}`, "event: End\ndata: {}")
        assert.isTrue(Result.isFailure(malformed))
        if (Result.isFailure(malformed)) {
          assert.strictEqual(malformed.failure.message, "A server-sent event is not a Text")
        }
      }
    }))

  it.effect("fail where the body ends early, after what had come", () =>
    Effect.gen(function*() {
      const text: ChatEvent.ChatEvent = { _tag: "Text", delta: "Hel" }
      const [first] = yield* encode([text])
      const read: Array<unknown> = []
      const error = yield* ServerSentEvents.decode(Stream.make(first ?? new Uint8Array())).pipe(
        Stream.runForEach((event) => Effect.sync(() => read.push(event))),
        Effect.flip
      )
      assert.deepStrictEqual([read, error.reason], [[text], "incomplete"])
    }))
})
