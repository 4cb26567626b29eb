import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as ChunkStream from "../../src/ChunkStream.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as Provider from "../../src/Provider.ts"
import * as ProviderError from "../../src/ProviderError.ts"
import { Answer, TestProvider } from "../../src/testing.ts"

const chunks = (content: string) => Answer.openai(Answer.make({ content }))

const ask = (prompt: string) => Provider.Provider.use((provider) => ChunkStream.outcome(provider.stream({ prompt })))

describe("TestProvider", () => {
  it.effect("gives each request its reply, the last one again and again, and records the requests", () =>
    Effect.gen(function*() {
      const contents = yield* Effect.forEach(["a", "b", "c"], ask)
      assert.deepStrictEqual(contents.map(({ content }) => content), ["one", "two", "two"])
      const { requests } = yield* TestProvider.TestProvider
      assert.deepStrictEqual((yield* requests).map(({ prompt }) => prompt), ["a", "b", "c"])
    }).pipe(Effect.provide(TestProvider.layer([{ chunks: chunks("one") }, { chunks: chunks("two") }]))))

  it.effect("takes any list of replies, and says so when an empty one is asked", () =>
    Effect.gen(function*() {
      const { stream } = yield* TestProvider.make(["one", "two"].map((content) => ({ chunks: chunks(content) })))
      assert.strictEqual(yield* Stream.mkString(ChunkStream.text(stream({ prompt: "a" }))), "one")
      const nothing = yield* TestProvider.make([])
      const cause = yield* Effect.flip(Effect.sandbox(Stream.runDrain(nothing.stream({ prompt: "a" }))))
      assert.include(Cause.pretty(cause), "The script has no reply")
    }))

  it.effect("answers by a function of the request", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ask("a")).content, "a 0")
      assert.strictEqual((yield* ask("b")).content, "b 1")
    }).pipe(
      Effect.provide(TestProvider.layer(({ prompt }, index) => ({ chunks: chunks(`${String(prompt)} ${index}`) })))
    ))

  it.effect("asks nobody before the stream is run, and once for each run", () =>
    Effect.gen(function*() {
      const { requests, stream } = yield* TestProvider.make([{ chunks: chunks("hi") }])
      const one = stream({ prompt: "x" })
      assert.lengthOf(yield* requests, 0)
      yield* Stream.runDrain(one)
      yield* Stream.runDrain(one)
      assert.lengthOf(yield* requests, 2)
    }))

  it.effect("fails after the chunks, and says whether there were any", () =>
    Effect.gen(function*() {
      const reason = new ProviderError.Overloaded({ message: "busy" })
      const { stream } = yield* TestProvider.make([{ error: reason }, { chunks: chunks("Hel"), error: reason }], {
        name: "mine"
      })
      const first = yield* ChunkStream.outcome(stream({ prompt: "x" }))
      assert.deepStrictEqual([first.content, first.error?.emitted], ["", false])
      const second = yield* ChunkStream.outcome(stream({ prompt: "x" }))
      assert.deepStrictEqual([second.content, second.error?.emitted, second.error?.provider], ["Hel", true, "mine"])
      assert.strictEqual(second.error?.reason, reason)
    }))

  it.effect("paces by the clock", () =>
    Effect.gen(function*() {
      const { stream } = yield* TestProvider.make([{ chunks: chunks("a b"), delay: "3 seconds", interval: "1 second" }])
      const seen: Array<string> = []
      const fiber = yield* stream({ prompt: "x" }).pipe(
        Stream.runForEach((chunk) => Effect.sync(() => seen.push(chunk.content))),
        Effect.forkChild
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen, [""])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, ["", "a", " b"])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    }))

  it.effect("hangs when told to", () =>
    Effect.gen(function*() {
      const { stream } = yield* TestProvider.make([{ chunks: chunks("a"), hang: true }])
      const seen = yield* stream({ prompt: "x" }).pipe(Stream.take(3), Stream.runCollect)
      assert.lengthOf(seen, 3)
      const fiber = yield* Stream.runDrain(stream({ prompt: "x" })).pipe(Effect.forkChild)
      yield* TestClock.adjust("1 day")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("stands in for a provider's own service too", () =>
    Effect.gen(function*() {
      const openai = yield* OpenAi.OpenAi
      const last = yield* Stream.runLast(openai.stream({ model: "m", prompt: "x", options: { openai: { n: 1 } } }))
      assert.deepStrictEqual(last._tag === "Some" ? last.value.chunk.choices?.[0]?.finish_reason : undefined, "stop")
      assert.strictEqual((yield* ask("x")).content, "hi")
      assert.lengthOf(yield* TestProvider.TestProvider.use(({ requests }) => requests), 2)
    }).pipe(Effect.provide(TestProvider.layerService(OpenAi.OpenAi, [{ chunks: chunks("hi") }]))))

  it.effect("starts a new script for each layer", () =>
    Effect.gen(function*() {
      const layer = TestProvider.layer([{ chunks: chunks("one") }, { chunks: chunks("two") }])
      const content = ask("x").pipe(Effect.map(({ content }) => content))
      assert.strictEqual(yield* Effect.provide(content, layer), "one")
      assert.strictEqual(yield* Effect.provide(content, Layer.fresh(layer)), "one")
    }))
})
