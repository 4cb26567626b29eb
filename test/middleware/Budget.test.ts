import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, Layer, pipe, Redacted, Result, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { ChunkStream, OpenAi, OpenAiChunk, Provider, ProviderError, ToolLoop } from "../../src/index.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, TestProvider } from "../../src/testing.ts"
import * as Client from "../support/client.ts"
import * as Host from "../support/host.ts"
import { onStores, until } from "./stores.ts"

const usd = BigDecimal.fromStringUnsafe
const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { model: "gpt-4o", ...payload } })
const text = chunk({ choices: [{ index: 0, delta: { content: "a" } }] })
// 800 × 2.50 + 200 × 1.25 + 100 × 10 = 3250 USD per million
const stated = chunk({
  usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 200 } }
})
// (3 + 8) × 2.50 + 100 × 10 = 1027.5 USD per million
const request = { model: "gpt-4o", prompt: "Say hello", maxTokens: 100 }

const balanceOf = (limit: string, key?: string) =>
  Effect.map(Budget.balance({ limit, key }), ({ remaining, reserved, spent, unknown }) => ({
    spent: BigDecimal.format(spent),
    unknown: BigDecimal.format(unknown),
    reserved: BigDecimal.format(reserved),
    remaining: BigDecimal.format(remaining)
  }))

const clock = Toolkit.make(Tool.make("now", { success: Schema.String }))

/** A provider whose requests are answered by `answer`, and how many there were. */
const asked = (answer: () => Stream.Stream<OpenAiChunk, ProviderError.ProviderError>) => {
  let count = 0
  const service: Provider.Service<OpenAiChunk> = {
    name: "openai",
    stream: () =>
      Stream.suspend(() => {
        count++
        return answer()
      })
  }
  return { service, count: () => count }
}

const fails = (reason: ProviderError.Reason) => () =>
  Stream.fail(new ProviderError.ProviderError({ provider: "openai", reason, emitted: false }))

onStores("Budget.guard", (it) => {
  it("refuses what may cost more than is left, and sends nothing", () =>
    Effect.gen(function*() {
      let isSent = false
      const stream = Stream.suspend(() => {
        isSent = true
        return Stream.make(stated)
      })
      const error = yield* stream.pipe(
        Budget.guard({ limit: "0.01", atMost: "0.010001" }),
        Stream.runDrain,
        Effect.flip
      )
      assert.isTrue(Budget.isRefused(error))
      assert.include(error.message, "may cost 0.010001 USD, and 0.01 USD of the budget of 0.01 USD are left")
      assert.isFalse(error.isRetryable || Fallback.fallsOn(error))
      assert.isFalse(isSent)
      assert.deepStrictEqual(yield* balanceOf("0.01"), { spent: "0", unknown: "0", reserved: "0", remaining: "0.01" })
    }))

  it("settles to the stated cost", () =>
    Effect.gen(function*() {
      yield* Stream.make(text, stated).pipe(Budget.guard({ limit: "0.01", atMost: "0.01" }), Stream.runDrain)
      assert.deepStrictEqual(yield* balanceOf("0.01"), {
        spent: "0.00325",
        unknown: "0",
        reserved: "0",
        remaining: "0.00675"
      })
    }))

  it("counts what a stopped, failed or silent stream may have cost as unknown", () =>
    Effect.gen(function*() {
      const guard = Budget.guard({ limit: "1", atMost: "0.01" })
      yield* Stream.make(text).pipe(guard, Stream.runDrain)
      yield* Stream.concat(Stream.make(text), Stream.make(stated)).pipe(guard, Stream.take(1), Stream.runDrain)
      yield* Stream.concat(Stream.make(stated), Stream.fail("broken")).pipe(guard, Stream.runDrain, Effect.ignore)
      let isSeen = false
      const fiber = yield* Stream.concat(Stream.make(text), Stream.never).pipe(
        guard,
        Stream.runForEach(() => Effect.sync(() => isSeen = true)),
        Effect.forkChild
      )
      yield* until(() => isSeen)
      yield* Fiber.interrupt(fiber)
      // 0.01 × 4, of which 0.00325 is known
      assert.deepStrictEqual(yield* balanceOf("1"), {
        spent: "0.00325",
        unknown: "0.03675",
        reserved: "0",
        remaining: "0.96"
      })
    }))

  it("gives everything back when a provider refused, and nothing when it failed otherwise", () =>
    Effect.gen(function*() {
      const rows: ReadonlyArray<readonly [ProviderError.Reason, remaining: string]> = [
        [new ProviderError.RateLimited({ message: "no", status: 429 }), "1"],
        [new ProviderError.ServerError({ message: "no", status: 500 }), "1"],
        [new ProviderError.InvalidRequest({ message: "no" }), "1"],
        [new ProviderError.Authentication({ message: "no" }), "1"],
        [new ProviderError.Network({ message: "no" }), "0.5"],
        [new ProviderError.Timeout({ message: "no", kind: "firstByte" }), "0.5"]
      ]
      for (const [reason, remaining] of rows) {
        const key = `${reason._tag}`
        const { stream } = yield* TestProvider.make<OpenAiChunk>([{ error: reason }])
        yield* stream({ prompt: "Hi" }).pipe(
          Budget.guard({ limit: "1", key, atMost: usd("0.5") }),
          Stream.runDrain,
          Effect.ignore
        )
        assert.strictEqual((yield* balanceOf("1", key)).remaining, remaining, key)
      }
    }))

  it("never reserves more than there is, whatever runs concurrently", () =>
    Effect.gen(function*() {
      // 30 requests of 0.00325 fit into 0.1 USD: 30 × 0.00325 = 0.0975
      const one = Stream.make(text, stated).pipe(
        Stream.tap(() => Effect.yieldNow),
        Budget.guard({ limit: "0.1", atMost: "0.00325" }),
        Stream.runDrain,
        Effect.result
      )
      const results = yield* Effect.all(Array.from({ length: 100 }, () => one), { concurrency: "unbounded" })
      assert.strictEqual(results.filter(Result.isSuccess).length, 30)
      assert.deepStrictEqual(yield* balanceOf("0.1"), {
        spent: "0.0975",
        unknown: "0",
        reserved: "0",
        remaining: "0.0025"
      })
    }))
})

onStores("Budget.make", (it) => {
  it("reserves the most that each attempt may cost, and settles to what it did cost", () =>
    Effect.gen(function*() {
      const reserved: Array<string> = []
      const { count, service } = asked(() =>
        Stream.unwrap(
          Effect.gen(function*() {
            reserved.push((yield* Effect.orDie(balanceOf("1", "ada"))).reserved)
            return Stream.make(text, stated)
          }).pipe(Effect.provideService(Store.Store, store))
        )
      )
      const store = yield* Store.Store
      const within = yield* Budget.make({ limit: "1" })
      const answer = yield* ChunkStream.response(within(service).stream({ ...request, user: "ada" }))
      assert.strictEqual(answer.content, "a")
      assert.deepStrictEqual([reserved, count()], [["0.0010275"], 1])
      assert.strictEqual((yield* balanceOf("1", "ada")).spent, "0.00325")
      assert.strictEqual((yield* balanceOf("1", "eve")).spent, "0")
      assert.strictEqual((yield* balanceOf("1")).spent, "0")
    }))

  it("refuses each by the limit of its key, and budgets by day", () =>
    Effect.gen(function*() {
      const { count, service } = asked(() => Stream.make(text, stated))
      const within = yield* Budget.make({
        limit: (key) => key.startsWith("trial") ? "0.001" : "0.004",
        key: ({ user }, now) => `${user} ${new Date(now).toISOString().slice(0, 10)}`
      })
      const ask = (user: string) => Effect.result(ChunkStream.response(within(service).stream({ ...request, user })))
      assert(Result.isFailure(yield* ask("trial")))
      assert(Result.isSuccess(yield* ask("ada")))
      assert(Result.isFailure(yield* ask("ada")))
      yield* TestClock.adjust("1 day")
      assert(Result.isSuccess(yield* ask("ada")))
      assert.strictEqual(count(), 2)
    }), { inMemory: true })

  it("refuses what has no largest cost, before anything is sent", () =>
    Effect.gen(function*() {
      const { count, service } = asked(() => Stream.make(stated))
      const within = yield* Budget.make({ limit: "1" })
      const ask = (fields: object) =>
        Effect.flip(ChunkStream.response(within(service).stream({ ...request, ...fields })))
      const unlimited = yield* ask({ maxTokens: undefined })
      const unpriced = yield* ask({ model: "nobody-knows" })
      assert.include(unlimited.message, "`maxTokens`")
      assert.include(unpriced.message, "No price is known for the model \"nobody-knows\"")
      assert.deepStrictEqual([unlimited.reason._tag, unpriced.reason._tag], ["InvalidRequest", "InvalidRequest"])
      const limited = yield* Budget.make({ limit: "1", maxTokens: 100 })
      yield* ChunkStream.response(limited(service).stream({ ...request, maxTokens: undefined }))
      assert.strictEqual(count(), 1)
    }))

  it("makes the attempts when it is the outermost, and reserves for each", () =>
    Effect.gen(function*() {
      const lost = asked(fails(new ProviderError.Network({ message: "reset" })))
      const within = yield* Budget.make({ limit: "1" })
      const run = (self: Provider.Service, policy: Provider.Policy = {}) =>
        Effect.gen(function*() {
          const fiber = yield* ChunkStream.response(self.stream(request)).pipe(
            Effect.provideService(Provider.CurrentPolicy, policy),
            Effect.result,
            Effect.forkChild
          )
          yield* TestClock.adjust("1 hour")
          return yield* Fiber.join(fiber)
        })
      yield* run(within(lost.service))
      assert.strictEqual(lost.count(), 3)
      // Nobody knows what became of them: 3 × 0.0010275.
      assert.strictEqual((yield* balanceOf("1")).unknown, "0.0030825")
      yield* run(within(lost.service), { maxRetries: 0 })
      assert.strictEqual(lost.count(), 4)
      yield* run(pipe(lost.service, within, within))
      assert.strictEqual(lost.count(), 7)
    }), { inMemory: true })

  it(
    "counts the reservation of a process that died as unknown, and keeps that of one that is alive",
    () =>
      Effect.gen(function*() {
        const slow = asked(() => Stream.concat(Stream.make(text), Stream.never))
        const within = yield* Budget.make({ limit: "1", lease: "30 seconds" })
        const fiber = yield* Effect.forkChild(Stream.runDrain(within(slow.service).stream(request)))
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* balanceOf("1")).reserved, "0.0010275")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* balanceOf("1"), {
          spent: "0",
          unknown: "0.0010275",
          reserved: "0",
          remaining: "0.9989725"
        })
      }),
    { inMemory: true }
  )

  it("is one budget for all steps of a loop", () =>
    Effect.gen(function*() {
      const call = Answer.openai(Answer.make({
        model: "gpt-4o",
        toolCalls: [{ name: "now", arguments: "{}" }],
        usage: { inputTokens: 1000, cachedTokens: 0, outputTokens: 100 }
      }))
      const { count, service } = asked(() => Stream.fromIterable(call))
      const within = yield* Budget.make({ limit: "0.01" })
      const error = yield* ToolLoop.stream({ ...request, tools: clock }).pipe(
        Stream.runDrain,
        Effect.provideService(Provider.Provider, within(service)),
        Effect.provide(clock.toLayer({ now: () => Effect.succeed("noon") })),
        Effect.flip
      )
      assert.isTrue(Budget.isRefused(error))
      // Two steps of 0.0035 are paid for, and what a third may cost would fit no more.
      assert.strictEqual(count(), 3)
      assert.strictEqual((yield* balanceOf("0.01")).spent, "0.0105")
    }))
})

describe("Budget", () => {
  it.effect("refuses limits that are none, by name", () =>
    Effect.gen(function*() {
      for (const limit of ["0", "-1", "NaN", "Infinity", "", usd("0"), usd("-0.1"), Number.NaN as never]) {
        const error = yield* Effect.flip(Budget.make({ limit }))
        assert.deepStrictEqual([error.reason._tag, error.message.includes("`limit`")], ["InvalidRequest", true])
        const { service } = asked(() => Stream.make(stated))
        const within = yield* Budget.make({ limit: () => limit })
        const later = yield* Effect.flip(ChunkStream.response(within(service).stream(request)))
        assert.include(later.message, "`limit`")
      }
      const error = yield* Effect.flip(Budget.make({ limit: "1", lease: 0 }))
      assert.include(error.message, "`lease`")
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("fails when its store is down, or goes on without, by choice", () =>
    Effect.gen(function*() {
      const { count, service } = asked(() => Stream.make(text, stated))
      const refuses = yield* Budget.make({ limit: "1" })
      const error = yield* Effect.flip(ChunkStream.response(refuses(service).stream(request)))
      assert.deepStrictEqual([error.reason._tag, error.code, count()], ["Unknown", "store_failed", 0])
      assert.include(error.message, "connection refused")
      const passes = yield* Budget.make({ limit: "1", onStoreFailure: "pass" })
      assert.strictEqual((yield* ChunkStream.response(passes(service).stream(request))).content, "a")
      assert.strictEqual(count(), 1)
    }).pipe(Effect.provideService(Store.Store, {
      transact: () => Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "connection refused" })),
      scan: () => Stream.fail(new Store.StoreError({ reason: "Unavailable", message: "connection refused" }))
    })))

  it.effect("leaves nothing reserved when it is interrupted between head and first chunk", () =>
    Effect.gen(function*() {
      const body = Client.manual()
      const openai = yield* Effect.provide(
        OpenAi.make({ apiKey: Redacted.make("sk") }),
        Client.make(() => new Response(body.body, { headers: { "content-type": "text/event-stream" } })).layer
      )
      const within = yield* Budget.make({ limit: "1" })
      const fiber = yield* Effect.forkChild(ChunkStream.response(within(openai).stream(request)))
      yield* Client.settle
      assert.strictEqual((yield* balanceOf("1")).reserved, "0.0010275")
      yield* Fiber.interrupt(fiber)
      yield* Client.settle
      assert.isTrue(body.cancelled())
      assert.deepStrictEqual(yield* balanceOf("1"), {
        spent: "0",
        unknown: "0.0010275",
        reserved: "0",
        remaining: "0.9989725"
      })
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("is a layer, of the common provider and of the provider's own", () =>
    Effect.gen(function*() {
      const client = Client.make(() =>
        new Response(
          Host.sse(
            Host.delta({ content: "Hi" }),
            Host.finish("stop", { model: "gpt-4o", usage: { prompt_tokens: 1000, completion_tokens: 100 } }),
            Host.done
          ),
          { headers: { "content-type": "text/event-stream" } }
        )
      )
      const layer = Layer.merge(
        Budget.layer({ limit: "1" }),
        Budget.layerService(OpenAi.OpenAi, { limit: "1" })
      ).pipe(Layer.provide(OpenAi.layer({ apiKey: Redacted.make("sk") })), Layer.provide(client.layer))
      yield* Effect.gen(function*() {
        yield* ChunkStream.response((yield* Provider.Provider).stream(request))
        yield* ChunkStream.response((yield* OpenAi.OpenAi).stream(request))
      }).pipe(Effect.provide(layer))
      assert.strictEqual((yield* balanceOf("1")).spent, "0.007")
    }).pipe(Effect.provide(Store.layerMemory)))
})
