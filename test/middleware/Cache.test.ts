import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, Layer, Metric, Redacted, Result, Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import {
  Chunk,
  ChunkStream,
  OpenAi,
  OpenAiChunk,
  Pricing,
  Provider,
  ProviderError,
  StructuredOutput
} from "../../src/index.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Cache from "../../src/middleware/Cache.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Client from "../support/client.ts"
import { onStores, until } from "./stores.ts"

const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { id: "1", model: "gpt-4o", ...payload } })
const text = (content: string) => chunk({ choices: [{ index: 0, delta: { content } }] })
const finish = (finish_reason: string) => chunk({ choices: [{ index: 0, delta: {}, finish_reason }] })
const usage = chunk({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 100 } })
const answer = [text("Hel"), text("lo"), finish("stop"), usage]
const request = { model: "gpt-4o", prompt: "Say hello", maxTokens: 100 }

const broken = new ProviderError.ProviderError({
  provider: "openai",
  reason: new ProviderError.IncompleteStream({ message: "cut" }),
  emitted: true
})

/** A provider whose n-th request is answered by the n-th stream, the last one again and again. */
const scripted = (...answers: ReadonlyArray<Stream.Stream<OpenAiChunk, ProviderError.ProviderError>>) => {
  let count = 0
  const service: Provider.Service<OpenAiChunk> = {
    name: "openai",
    stream: () => Stream.suspend(() => answers[Math.min(count++, answers.length - 1)] ?? Stream.empty)
  }
  return { service, count: () => count }
}
const whole = () => scripted(Stream.fromIterable(answer))

const payloads = (chunks: ReadonlyArray<Chunk.Chunk>) => chunks.map(({ chunk }) => chunk)
const collect = (self: Provider.Service, fields: object = {}) =>
  Stream.runCollect(self.stream({ ...request, ...fields }))

/** Lets the clock go on until a fiber has ended: a digest takes real time, of which the clock knows nothing. */
const driven = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    while (fiber.pollUnsafe() === undefined) yield* passing
    return yield* Fiber.join(fiber)
  })

const passing = Effect.andThen(Client.settle, TestClock.adjust("1 second"))

onStores("Cache", (it) => {
  it("gives the same chunks again, marked and free in every view", () =>
    Effect.gen(function*() {
      const { count, service } = whole()
      const cached = (yield* Cache.make({ chunk: OpenAiChunk }))(service)
      const first = yield* collect(cached)
      const second = yield* collect(cached)
      assert.strictEqual(count(), 1)
      assert.deepStrictEqual(payloads(second), payloads(first))
      assert.isTrue(second.every((chunk) => chunk instanceof OpenAiChunk))
      assert.deepStrictEqual([first.some(Cache.isHit), second.every(Cache.isHit)], [false, true])
      const response = yield* Effect.flatMap(ChunkStream.response(cached.stream(request)), Pricing.priced)
      assert.isTrue(Cache.isHit(response))
      assert.deepStrictEqual([response.content, response.usage?.inputTokens], ["Hello", 1000])
      assert.strictEqual(response.cost === undefined ? undefined : BigDecimal.format(response.cost.total), "0")
      const running = yield* Stream.runLast(ChunkStream.withCost(cached.stream(request)))
      assert(running._tag === "Some" && running.value[1] !== undefined)
      assert.strictEqual(BigDecimal.format(Result.getOrThrow(running.value[1]).total), "0")
    }))

  it("counts hits and misses of each provider", () =>
    Effect.gen(function*() {
      const { service } = whole()
      const cached = (yield* Cache.make())({ ...service, name: "counted" })
      const counts = Effect.map(Metric.snapshot, (all) =>
        all.flatMap(({ attributes, id, state }) =>
          id === "llm_stream_cache_requests" && attributes?.["provider"] === "counted" && "count" in state
            ? [[attributes["result"], Number(state.count)] as const]
            : []
        ))
      for (let n = 0; n < 3; n++) {
        yield* collect(cached)
      }
      assert.deepStrictEqual(Object.fromEntries(yield* counts), { hit: 2, miss: 1 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it("leaves no row in a ledger and no cent in a budget around it", () =>
    Effect.gen(function*() {
      const { count, service } = whole()
      const cached = (yield* Cache.make())(service)
      const stack = (yield* Ledger.make())((yield* Budget.make({ limit: "1" }))(cached))
      for (let n = 0; n < 3; n++) yield* ChunkStream.response(stack.stream(request))
      assert.strictEqual(count(), 1)
      assert.lengthOf(yield* Stream.runCollect(Ledger.rows()), 1)
      const { remaining, unknown } = yield* Budget.balance({ limit: "1" })
      assert.deepStrictEqual([remaining, unknown].map(BigDecimal.format), ["0.9965", "0"])
    }))

  it("takes requests for equal that mean the same, and no others", () =>
    Effect.gen(function*() {
      const { count, service } = whole()
      const cached = (yield* Cache.make({ tenant: ({ user = "" }) => user }))(service)
      yield* collect(cached, { prompt: "Hi", topP: 1, options: { openai: { a: 1, b: 2 } } })
      yield* collect(cached, {
        options: { openai: { b: 2, a: 1 } },
        topP: 1,
        temperature: undefined,
        prompt: [{ role: "user", content: [{ type: "text", text: "Hi" }] }]
      })
      assert.strictEqual(count(), 1)
      yield* collect(cached, { prompt: "Hi!", topP: 1 })
      yield* collect(cached, { prompt: "Hi", topP: 0.9 })
      yield* collect(cached, { prompt: "Hi", topP: 1, model: "gpt-4o-mini" })
      yield* collect({ ...cached, ...(yield* Cache.make())({ ...service, name: "azure" }) }, { prompt: "Hi", topP: 1 })
      assert.strictEqual(count(), 5)
    }))

  it("lets nothing of one tenant reach another", () =>
    Effect.gen(function*() {
      const { count, service } = whole()
      const cached = (yield* Cache.make({ tenant: ({ metadata }) => metadata?.["tenant"] ?? "" }))(service)
      for (const tenant of ["a", "b", "", "a\"/\"", "a"]) yield* collect(cached, { metadata: { tenant } })
      assert.strictEqual(count(), 4)
    }))

  it("keeps whole answers alone", () =>
    Effect.gen(function*() {
      const partial: ReadonlyArray<Stream.Stream<OpenAiChunk, ProviderError.ProviderError>> = [
        Stream.concat(Stream.fromIterable(answer), Stream.fail(broken)),
        Stream.make(text("no end")),
        Stream.make(text("x"), finish("content_filter")),
        Stream.empty
      ]
      for (const one of partial) {
        const { count, service } = scripted(one, Stream.fromIterable(answer))
        const cached = (yield* Cache.make({ tenant: () => String(partial.indexOf(one)) }))(service)
        yield* Effect.ignore(collect(cached))
        assert.isFalse((yield* collect(cached)).some(Cache.isHit))
        assert.isTrue((yield* collect(cached)).every(Cache.isHit))
        assert.strictEqual(count(), 2)
      }
      const { count, service } = whole()
      const stopped = (yield* Cache.make())(service)
      yield* stopped.stream(request).pipe(Stream.take(1), Stream.runDrain)
      yield* collect(stopped)
      assert.strictEqual(count(), 2)
    }))

  it("keeps no answer that is too long, is told not to, or has chunks of another kind", () =>
    Effect.gen(function*() {
      const { count, service } = whole()
      const small = (yield* Cache.make({ maxSize: 100 }))(service)
      yield* collect(small)
      yield* collect(small)
      assert.strictEqual(count(), 2)
      const chosen = (yield* Cache.make({ while: ({ temperature = 1 }) => temperature === 0 }))(service)
      yield* collect(chosen)
      yield* collect(chosen)
      assert.strictEqual(count(), 4)
      const cached = (yield* Cache.make())(service)
      yield* collect(cached)
      yield* Cache.bypass(collect(cached))
      assert.strictEqual(count(), 6)
      const strange: Provider.Service<Stranger> = {
        name: "stranger",
        stream: () => Stream.make(new Stranger({ provider: "stranger", word: "Hi" }))
      }
      const unknown = (yield* Cache.make())(strange)
      yield* collect(unknown)
      assert.isFalse((yield* collect(unknown)).some(Cache.isHit))
      const known = (yield* Cache.make({ chunk: Stranger }))(strange)
      yield* collect(known)
      const [hit] = yield* collect(known)
      assert(hit instanceof Stranger)
      assert.deepStrictEqual([hit.content, Cache.isHit(hit)], ["Hi", true])
    }))

  it("asks once for equal requests in flight", () =>
    Effect.gen(function*() {
      const { count, service } = scripted(
        Stream.concat(Stream.fromEffectDrain(Effect.sleep("1 minute")), Stream.fromIterable(answer))
      )
      const cached = (yield* Cache.make())(service)
      const all = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 20 }, () => collect(cached)), { concurrency: "unbounded" })
      )
      const answers = yield* driven(all)
      assert.strictEqual(count(), 1)
      assert.strictEqual(answers.filter((chunks) => chunks.every(Cache.isHit)).length, 19)
    }), { inMemory: true })

  it("lets the next one ask when the one who asks fails or is interrupted", () =>
    Effect.gen(function*() {
      const { count, service } = scripted(
        Stream.never,
        Stream.concat(Stream.make(text("x")), Stream.fail(broken)),
        Stream.fromIterable(answer)
      )
      const cached = (yield* Cache.make())(service)
      const first = yield* Effect.forkChild(collect(cached))
      yield* until(() => count() === 1)
      const others = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 3 }, () => Effect.result(collect(cached))), { concurrency: "unbounded" })
      )
      yield* Effect.repeat(passing, { times: 20 })
      assert.strictEqual(count(), 1)
      yield* Fiber.interrupt(first)
      const results = yield* driven(others)
      assert.strictEqual(results.filter(Result.isFailure).length, 1)
      assert.strictEqual(results.filter((one) => Result.isSuccess(one) && one.success.every(Cache.isHit)).length, 1)
      assert.strictEqual(count(), 3)
    }), { inMemory: true })

  it("waits for one who is slow, and forgets after its time", () =>
    Effect.gen(function*() {
      const slow = Stream.concat(Stream.fromEffectDrain(Effect.sleep("5 minutes")), Stream.fromIterable(answer))
      const { count, service } = scripted(slow)
      const cached = (yield* Cache.make({ lease: "30 seconds", timeToLive: "1 hour" }))(service)
      const both = Effect.all([collect(cached), collect(cached)], { concurrency: "unbounded" })
      yield* Effect.flatMap(Effect.forkChild(both), driven)
      assert.strictEqual(count(), 1)
      yield* TestClock.adjust("1 hour")
      yield* Effect.flatMap(Effect.forkChild(both), driven)
      assert.strictEqual(count(), 2)
    }), { inMemory: true })

  it("takes over from one who is dead", () =>
    Effect.gen(function*() {
      const store = yield* Store.Store
      const make = Cache.make({ lease: "30 seconds" })
      const { count, service } = scripted(Stream.never, Stream.fromIterable(answer))
      let isUsed = false
      const dies: Store.Service = {
        ...store,
        transact: (keys, transition) =>
          isUsed
            ? Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "gone" }))
            : Effect.tap(store.transact(keys, transition), () => Effect.sync(() => isUsed = true))
      }
      const dead = (yield* Effect.provideService(make, Store.Store, dies))(service)
      yield* Effect.forkChild(collect(dead))
      yield* until(() => count() === 1)
      const heir = yield* Effect.forkChild(collect((yield* make)(service)))
      assert.isFalse((yield* driven(heir)).some(Cache.isHit))
      assert.strictEqual(count(), 2)
    }), { inMemory: true })
})

class Stranger extends Chunk.Base.extend<Stranger>("Stranger")({ word: Schema.String }) {
  readonly chunk = undefined
  override get content() {
    return this.word
  }
  override get finishReasons() {
    return ["stop"]
  }
}

describe("Cache", () => {
  it.effect("refuses bad options by name, and a store that is down", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<Cache.Options> = [{ timeToLive: 0 }, { maxSize: -1 }, { lease: Number.NaN }]
      for (const options of bad) {
        const error = yield* Effect.flip(Cache.make(options))
        assert.include(error.message, `\`${Object.keys(options)[0]}\``)
      }
      const { count, service } = whole()
      const error = yield* Effect.flip(collect((yield* Cache.make())(service)))
      assert.deepStrictEqual([error.code, count()], ["store_failed", 0])
      yield* collect((yield* Cache.make({ onStoreFailure: "pass" }))(service))
      assert.strictEqual(count(), 1)
    }).pipe(Effect.provideService(Store.Store, {
      transact: () => Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "connection refused" })),
      scan: () => Stream.empty
    })))

  it.live("is a layer, under what stands on providers, over a real server", () =>
    Effect.gen(function*() {
      const server = yield* NodeReplayServer.make([
        ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "{\"city\":\"Rome\"}" })))
      ])
      const layer = Layer.merge(Cache.layer(), Cache.layerService(OpenAi.OpenAi, { chunk: OpenAiChunk })).pipe(
        Layer.provide(OpenAi.layer({ apiKey: Redacted.make("sk"), baseUrl: `${server.url}/v1`, model: "gpt-4o" })),
        Layer.provide(FetchHttpClient.layer)
      )
      const City = Schema.Struct({ city: Schema.String })
      yield* Effect.gen(function*() {
        for (let n = 0; n < 2; n++) {
          const { value } = yield* StructuredOutput.generate({ prompt: "Where?", schema: City })
          assert.deepStrictEqual(value, { city: "Rome" })
        }
        yield* ChunkStream.response((yield* OpenAi.OpenAi).stream({ prompt: "Where?" }))
        yield* ChunkStream.response((yield* OpenAi.OpenAi).stream({ prompt: "Where?" }))
      }).pipe(Effect.provide(layer))
      assert.lengthOf(yield* server.requests, 2)
    }).pipe(Effect.provide(Store.layerMemory)))
})
