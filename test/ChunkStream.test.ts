import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Schema, Stream } from "effect"
import { ChatResponse, ChunkStream, OpenAiChunk, ProviderError } from "../src/index.ts"

const text = (content: string) => new OpenAiChunk({ chunk: { id: "r1", choices: [{ index: 0, delta: { content } }] } })
const finish = (finish_reason: string) =>
  new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: {}, finish_reason }] } })
const tool = (index: number, id: string, args: string) =>
  new OpenAiChunk({
    chunk: { choices: [{ index: 0, delta: { tool_calls: [{ index, id, function: { name: "f", arguments: args } }] } }] }
  })

const broken = new ProviderError.ProviderError({
  provider: "openai",
  reason: new ProviderError.Network({ message: "reset" }),
  emitted: true
})

describe("ChunkStream", () => {
  it.effect("text gives the pieces that have text", () =>
    Effect.gen(function*() {
      const pieces = yield* Stream.make(text(""), text("Hel"), finish("stop"), text("lo")).pipe(
        ChunkStream.text,
        Stream.runCollect
      )
      assert.deepStrictEqual(pieces, ["Hel", "lo"])
    }))

  describe("onResponse", () => {
    const saving = Effect.fnUntraced(function*<E>(
      chunks: Stream.Stream<OpenAiChunk, E>,
      run: (chunks: Stream.Stream<OpenAiChunk, E>) => Effect.Effect<unknown, E>
    ) {
      const saved: Array<ChunkStream.Ended> = []
      const exit = yield* Effect.exit(
        run(ChunkStream.onResponse(chunks, (ended) => Effect.sync(() => saved.push(ended))))
      )
      return { exit, saved: saved.map(({ end, response }) => [end, response.content, response.error]) }
    })
    const answer = Stream.make(text("Hel"), text("lo"), finish("stop"))

    it.effect("tells the whole response once, and leaves the stream as it is", () =>
      Effect.gen(function*() {
        const { exit, saved } = yield* saving(answer, Stream.runCollect)
        assert.deepStrictEqual(exit, yield* Effect.exit(Stream.runCollect(answer)))
        assert.deepStrictEqual(saved, [["done", "Hello", undefined]])
      }))

    it.effect("tells what came of a response that failed", () =>
      Effect.gen(function*() {
        const { exit, saved } = yield* saving(Stream.concat(answer, Stream.fail(broken)), Stream.runDrain)
        assert.deepStrictEqual(exit, Exit.fail(broken))
        assert.deepStrictEqual(saved, [["failed", "Hello", broken]])
      }))

    it.effect("tells what came of a response whose consumer left", () =>
      Effect.gen(function*() {
        const chunks = Stream.concat(Stream.make(text("Hel")), Stream.never)
        const left = yield* saving(chunks, (chunks) => Stream.runHead(chunks))
        assert.deepStrictEqual(left.saved, [["interrupted", "Hel", undefined]])
        const interrupted = yield* saving(chunks, (chunks) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Stream.runDrain(chunks))
            yield* Effect.yieldNow
            yield* Fiber.interrupt(fiber)
          }))
        assert.deepStrictEqual(interrupted.saved, [["interrupted", "Hel", undefined]])
      }))

    it.effect("fails where what is done with a finished response fails", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Stream.runDrain(ChunkStream.onResponse(answer, () => Effect.fail("disk full"))))
        assert.deepStrictEqual(exit, Exit.fail("disk full"))
      }))

    it.effect("keeps the error of the stream where what is done with a part of it fails, which is logged", () =>
      Effect.gen(function*() {
        const lines: Array<unknown> = []
        const cut = Stream.concat(answer, Stream.fail("cut off"))
        const exit = yield* Stream.runDrain(ChunkStream.onResponse(cut, () => Effect.fail("disk full"))).pipe(
          Effect.exit,
          Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => void lines.push([logLevel, message]))]))
        )
        assert.deepStrictEqual(exit, Exit.fail("cut off"))
        assert.deepStrictEqual(lines, [["Error", ["The response could not be handled"]]])
      }))
  })

  it.effect("reasoning gives the pieces that have reasoning", () =>
    Effect.gen(function*() {
      const reason = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { reasoning_content: "hm" } }] } })
      const pieces = yield* Stream.make(text("a"), reason).pipe(ChunkStream.reasoning, Stream.runCollect)
      assert.deepStrictEqual(pieces, ["hm"])
    }))

  it.effect("toolCalls gives the assembled calls once the stream has ended", () =>
    Effect.gen(function*() {
      const calls = yield* Stream.make(tool(0, "a", "{"), tool(1, "b", ""), tool(0, "", "}"), finish("tool_calls"))
        .pipe(
          ChunkStream.toolCalls,
          Stream.runCollect
        )
      assert.deepStrictEqual(calls, [{ id: "a", name: "f", arguments: "{}" }, { id: "b", name: "f", arguments: "" }])
    }))

  it.effect("toolCalls gives no call of a stream that broke off", () =>
    Effect.gen(function*() {
      const seen: Array<ChatResponse.ToolCall> = []
      const exit = yield* Stream.concat(Stream.make(tool(0, "a", "{}")), Stream.fail(broken)).pipe(
        ChunkStream.toolCalls,
        Stream.runForEach((call) => Effect.sync(() => seen.push(call))),
        Effect.exit
      )
      assert.deepStrictEqual(seen, [])
      assert.isTrue(Exit.isFailure(exit))
    }))

  it.effect.prop(
    "accumulate gives each chunk with the response of the chunks up to it",
    [Schema.Array(OpenAiChunk)],
    ([chunks]) =>
      Effect.gen(function*() {
        const pairs = yield* Stream.fromIterable(chunks).pipe(ChunkStream.accumulate, Stream.runCollect)
        assert.deepStrictEqual(pairs.map(([chunk]) => chunk), [...chunks])
        for (const [position, [, soFar]] of pairs.entries()) {
          assert.deepStrictEqual(soFar, ChatResponse.fromChunks(chunks.slice(0, position + 1)))
        }
      }),
    { arbitrary: { runs: 30 } }
  )

  it.effect("accumulate starts anew on every run of the stream", () =>
    Effect.gen(function*() {
      const stream = Stream.make(text("a"), text("b")).pipe(ChunkStream.accumulate)
      const first = yield* Stream.runLast(stream)
      const second = yield* Stream.runLast(stream)
      assert.deepStrictEqual(first, second)
    }))

  it.effect("responseSink starts anew on every run", () =>
    Effect.gen(function*() {
      const chunks = Stream.make(text("a"), text("b"))
      assert.strictEqual((yield* Stream.run(chunks, ChunkStream.responseSink)).content, "ab")
      assert.strictEqual((yield* Stream.run(chunks, ChunkStream.responseSink)).content, "ab")
    }))

  it.effect("response fails where the stream fails", () =>
    Effect.gen(function*() {
      const error = yield* Stream.concat(Stream.make(text("a")), Stream.fail(broken)).pipe(
        ChunkStream.response,
        Effect.flip
      )
      assert.strictEqual(error, broken)
    }))

  it.effect("outcome keeps what had come, with the error", () =>
    Effect.gen(function*() {
      const response = yield* Stream.concat(Stream.make(text("Hel"), text("lo")), Stream.fail(broken)).pipe(
        ChunkStream.outcome
      )
      assert.strictEqual(response.content, "Hello")
      assert.strictEqual(response.id, "r1")
      assert.strictEqual(response.error, broken)
    }))

  it.effect("outcome does not swallow failures that are not the provider's", () =>
    Effect.gen(function*() {
      const error = yield* Stream.concat(Stream.make(text("a")), Stream.fail("mine" as const)).pipe(
        ChunkStream.outcome,
        Effect.flip
      )
      assert.strictEqual(error, "mine")
    }))
})
