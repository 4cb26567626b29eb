import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, pipe, Redacted, Schedule, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { ChunkStream, OpenAi, OpenAiChunk, Provider, ProviderError, Telemetry } from "../../src/index.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Retry from "../../src/middleware/Retry.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { recorder } from "../support/tracer.ts"

const overloaded = new ProviderError.Overloaded({ message: "busy" })
const hello = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hello" } }] } })
const role = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { role: "assistant" } }] } })

/** A provider whose n-th request (from 0) is answered by the n-th script, and how many seconds after the first each was asked. */
const scripted = (
  ...scripts: ReadonlyArray<readonly [chunks: ReadonlyArray<OpenAiChunk>, reason?: ProviderError.Reason]>
) => {
  const asked: Array<number> = []
  let start: number | undefined
  const policies: Array<number | undefined> = []
  const service: Provider.Service<OpenAiChunk> = {
    name: "scripted",
    stream: () =>
      Stream.unwrap(Effect.gen(function*() {
        policies.push((yield* Provider.CurrentPolicy).maxRetries)
        const [chunks = [], reason] = scripts[asked.length] ?? scripts.at(-1) ?? []
        const now = (yield* Effect.clockWith((clock) => clock.currentTimeMillis)) / 1000
        asked.push(now - (start ??= now))
        return Stream.concat(
          Stream.fromIterable(chunks),
          reason === undefined
            ? Stream.empty
            : Stream.fail(
              new ProviderError.ProviderError({ provider: "scripted", reason, emitted: chunks.length > 0 })
            )
        )
      }))
  }
  return { asked, policies, service }
}

const run = (provider: Provider.Service, policy: Provider.Policy = {}) =>
  Effect.gen(function*() {
    const fiber = yield* ChunkStream.outcome(provider.stream({ model: "m", prompt: "Hi" })).pipe(
      Effect.provideService(Provider.CurrentPolicy, policy),
      Effect.forkChild
    )
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const each = (duration: Duration.Input, times: number) => Schedule.spaced(duration).pipe(Schedule.upTo({ times }))

describe("Retry", () => {
  it.effect("asks again after the pauses of its schedule, and delivers the answer alone", () =>
    Effect.gen(function*() {
      const { asked, policies, service } = scripted([[role], overloaded], [[role, role], overloaded], [[role, hello]])
      const response = yield* run(Retry.retried(service, { schedule: each("5 seconds", 4) }))
      assert.deepStrictEqual([response.content, response.chunks, response.error], ["Hello", 2, undefined])
      assert.deepStrictEqual(asked, [0, 5, 10])
      assert.deepStrictEqual(policies, [0, 0, 0])
    }))

  it.effect("asks twice more by default, after half a second and a second, more or less", () =>
    Effect.gen(function*() {
      const { asked, service } = scripted([[], overloaded])
      const response = yield* run(Retry.retried(service))
      assert.strictEqual(response.error?.reason._tag, "Overloaded")
      assert.strictEqual(asked.length, 3)
      const [first = 0, second = 0, third = 0] = asked
      assert.isTrue(Math.abs(second - first - 0.5) <= 0.1 && Math.abs(third - second - 1) <= 0.2, asked.join())
    }))

  it.effect("never asks again after content, nor what would fail again", () =>
    Effect.gen(function*() {
      const cut = scripted([[hello], new ProviderError.IncompleteStream({ message: "cut" })])
      const response = yield* run(Retry.retried(cut.service))
      assert.deepStrictEqual([response.content, response.error?.emitted], ["Hello", true])
      const wrong = scripted([[], new ProviderError.InvalidRequest({ message: "no" })])
      yield* run(Retry.retried(wrong.service))
      const chosen = scripted([[], overloaded])
      yield* run(Retry.retried(chosen.service, { while: () => false }))
      assert.deepStrictEqual([cut, wrong, chosen].map(({ asked }) => asked.length), [1, 1, 1])
    }))

  it.effect("waits as long as the provider asks, up to the longest pause", () =>
    Effect.gen(function*() {
      const slow = new ProviderError.RateLimited({ message: "slow down", retryAfter: Duration.seconds(20) })
      const waits = scripted([[], slow], [[hello]])
      yield* run(Retry.retried(waits.service))
      assert.deepStrictEqual(waits.asked, [0, 20])
      const fails = scripted([[], slow])
      yield* run(Retry.retried(fails.service, { maxRetryDelay: "10 seconds" }))
      assert.deepStrictEqual(fails.asked, [0])
      const allowed = scripted([[], slow], [[hello]])
      yield* run(Retry.retried(allowed.service, { maxRetryDelay: "10 seconds" }), { maxRetryDelay: "30 seconds" })
      assert.deepStrictEqual(allowed.asked, [0, 20])
    }))

  it.effect("does not begin a pause that the caller's total timeout would end", () =>
    Effect.gen(function*() {
      const cases = [["50 seconds", [0, 20, 40]], ["40001 millis", [0, 20, 40]], ["40 seconds", [0, 20]]] as const
      for (const [totalTimeout, times] of cases) {
        const { asked, service } = scripted([[], overloaded])
        const response = yield* run(Retry.retried(service, { schedule: each("20 seconds", 9) }), { totalTimeout })
        assert.deepStrictEqual([response.error?.reason._tag, asked], ["Overloaded", [...times]])
      }
    }))

  it.effect("never multiplies attempts: the outermost owner makes them", () =>
    Effect.gen(function*() {
      const three = Retry.retried({ schedule: each("1 second", 3) })
      const cases = [
        [4, (self: Provider.Service) => pipe(self, three, three)],
        [4, (self: Provider.Service) => three(Fallback.make([self]))],
        [4, (self: Provider.Service) => three(Fallback.make([{ provider: three(self), maxRetries: 5 }]))],
        [1, (self: Provider.Service) => Fallback.make([three(self)])],
        [3, (self: Provider.Service) => Fallback.make([{ provider: three(self), maxRetries: 2 }])]
      ] as const
      for (const [count, wrap] of cases) {
        const { asked, service } = scripted([[], overloaded])
        yield* run(wrap(service))
        assert.strictEqual(asked.length, count)
      }
      const { asked, service } = scripted([[], overloaded])
      yield* run(three(service), { maxRetries: 1 })
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("refuses bad options by name, before anything is asked", () =>
    Effect.gen(function*() {
      const { asked, service } = scripted([[hello]])
      const response = yield* run(Retry.retried(service, { maxRetryDelay: Number.NaN }))
      assert.deepStrictEqual([response.error?.reason._tag, asked], ["InvalidRequest", []])
      assert.include(response.error?.message, "maxRetryDelay")
    }))

  it.effect("can be interrupted in a pause", () =>
    Effect.gen(function*() {
      const { asked, service } = scripted([[], overloaded])
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(
          Retry.retried(service, { schedule: each("10 seconds", 3) }).stream({ model: "m", prompt: "Hi" })
        )
      )
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(asked.length, 1)
    }))

  it.live("wins over the retries of the provider's layer, and counts as its retries did", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      const busy = ReplayServer.json({ error: { message: "busy" } }, { status: 503 })
      const server = yield* NodeReplayServer.make([
        busy,
        busy,
        ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hello" })))
      ])
      const layer = Telemetry.layerService(OpenAi.OpenAi).pipe(
        Layer.provide(Retry.layerService(OpenAi.OpenAi, { schedule: each(0, 1) })),
        Layer.provide(
          OpenAi.layer({ apiKey: Redacted.make("key"), baseUrl: `${server.url}/v1`, model: "m", maxRetries: 7 })
        ),
        Layer.provide(FetchHttpClient.layer)
      )
      const ask = OpenAi.OpenAi.use(({ stream }) => ChunkStream.outcome(stream({ prompt: "Hi" }))).pipe(
        Effect.provide(layer),
        Effect.withTracer(tracer)
      )
      const response = yield* ask
      assert.strictEqual(response.error?.reason._tag, "ServerError")
      assert.strictEqual((yield* server.requests).length, 2)
      const chat = spans.find(({ name }) => name === "chat m")
      assert.strictEqual(chat?.attributes.get("llm_stream.retries"), 1)
      assert.strictEqual(chat?.events.length, 2)
      assert.isTrue(chat !== undefined && Option.isNone(chat.parent))
    }))
})
