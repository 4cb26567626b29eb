import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ChunkStream, OpenAiChunk, Provider, ProviderError } from "../../src/index.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Store from "../../src/stores/Store.ts"

const hello = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hello" } }] } })

/** A provider whose answers are what `answer` is at the time, after `takes`. */
const changing = () => {
  const state: { reason: ProviderError.Reason | undefined; takes: Duration.Input; content: boolean } = {
    reason: undefined,
    takes: 0,
    content: true
  }
  let sent = 0
  const service: Provider.Service<OpenAiChunk> = {
    name: "changing",
    stream: () =>
      Stream.suspend(() => {
        sent++
        const { content, reason, takes } = state
        const chunks = content ? Stream.make(hello) : Stream.empty
        const end = reason === undefined
          ? Stream.empty
          : Stream.fail(new ProviderError.ProviderError({ provider: "changing", reason, emitted: content }))
        return chunks.pipe(Stream.concat(Stream.fromEffectDrain(Effect.sleep(takes))), Stream.concat(end))
      })
  }
  return { state, service, sent: () => sent }
}

const ask = (provider: Provider.Service, model = "m") =>
  ChunkStream.outcome(provider.stream({ model, prompt: "Hi" })).pipe(
    Effect.provideService(Provider.CurrentPolicy, { maxRetries: 0 })
  )

const broken = new ProviderError.ServerError({ message: "broken" })
const limited = new ProviderError.RateLimited({ message: "slow", retryAfter: Duration.seconds(1) })

const isOpen = (error: ProviderError.ProviderError | undefined) => error?.code === "breaker_open"

describe("Breaker", () => {
  it.effect("opens after failures in a row, in all processes, and fails at once until a probe", () =>
    Effect.gen(function*() {
      const { sent, service, state } = changing()
      const [a, b] = [(yield* Breaker.make())(service), (yield* Breaker.make())(service)]
      state.reason = broken
      for (const one of [a, b, a, b, a]) {
        assert.strictEqual((yield* ask(one)).error?.reason._tag, "ServerError")
      }
      yield* TestClock.adjust("10 seconds")
      for (const one of [a, b]) {
        const { error } = yield* ask(one)
        assert.strictEqual(error?.reason._tag, "Overloaded")
        assert.include(error?.message, "breaker is open")
        assert.deepStrictEqual(error?.retryAfter, Duration.seconds(20))
      }
      assert.strictEqual(sent(), 5)
      // The probe fails: 30 seconds more.
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* ask(b)).error?.reason._tag, "ServerError")
      yield* TestClock.adjust("29 seconds")
      assert.isTrue(isOpen((yield* ask(a)).error))
      // The next one succeeds, and it counts from the beginning.
      yield* TestClock.adjust("1 second")
      state.reason = undefined
      assert.strictEqual((yield* ask(a)).error, undefined)
      state.reason = broken
      for (const one of [a, b, a, b]) assert.isFalse(isOpen((yield* ask(one)).error))
      state.reason = undefined
      assert.strictEqual((yield* ask(a)).error, undefined)
      assert.strictEqual(sent(), 12)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("is neither opened nor closed by limits and by requests that are wrong", () =>
    Effect.gen(function*() {
      const { service, state } = changing()
      const provider = (yield* Breaker.make({ failures: 2 }))(service)
      state.content = false
      const wrong = new ProviderError.InvalidRequest({ message: "no" })
      for (const reason of [limited, wrong, limited, broken, limited, wrong]) {
        state.reason = reason
        assert.strictEqual((yield* ask(provider)).error?.reason._tag, reason._tag)
      }
      state.reason = broken
      yield* ask(provider)
      assert.isTrue(isOpen((yield* ask(provider)).error))
      // A probe that gets a limit tells nothing, so the next request probes.
      yield* TestClock.adjust("30 seconds")
      state.reason = limited
      assert.strictEqual((yield* ask(provider)).error?.reason._tag, "RateLimited")
      state.reason = undefined
      assert.strictEqual((yield* ask(provider)).error, undefined)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("counts an answer that breaks off after content", () =>
    Effect.gen(function*() {
      const { sent, service, state } = changing()
      const provider = (yield* Breaker.make({ failures: 2 }))(service)
      state.reason = new ProviderError.IncompleteStream({ message: "cut" })
      for (const _ of [1, 2, 3]) yield* ask(provider)
      assert.strictEqual(sent(), 2)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("lets one probe at a time through, also a slow one, and another when it is interrupted", () =>
    Effect.gen(function*() {
      const { sent, service, state } = changing()
      const [a, b] = [
        (yield* Breaker.make({ failures: 1, openFor: "1 second" }))(service),
        (yield* Breaker.make({ failures: 1, openFor: "1 second" }))(service)
      ]
      state.reason = broken
      yield* ask(a)
      yield* TestClock.adjust("1 second")
      state.reason = undefined
      state.takes = "10 minutes"
      const probe = yield* Effect.forkChild(ask(a))
      // A place that nobody kept would be free after 10 seconds.
      for (let seconds = 0; seconds < 60; seconds++) {
        yield* TestClock.adjust("1 second")
        assert.isTrue(isOpen((yield* ask(b)).error))
      }
      assert.strictEqual(sent(), 2)
      yield* Fiber.interrupt(probe)
      const second = yield* Effect.forkChild(ask(b))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(isOpen((yield* ask(a)).error))
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* Fiber.join(second)).error, undefined)
      state.takes = 0
      assert.strictEqual((yield* ask(a)).error, undefined)
      assert.strictEqual(sent(), 4)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("gives the place of a probe to another when its process has died", () =>
    Effect.gen(function*() {
      const { sent, service, state } = changing()
      const memory = yield* Store.memory
      let isDead = false
      const dying: Store.Service = {
        ...memory,
        transact: (keys, transition) => Effect.suspend(() => isDead ? Effect.never : memory.transact(keys, transition))
      }
      const options = { failures: 1, openFor: "1 second" } as const
      const first = (yield* Effect.provideService(Breaker.make(options), Store.Store, dying))(service)
      const other = (yield* Effect.provideService(Breaker.make(options), Store.Store, memory))(service)
      state.reason = broken
      yield* ask(other)
      yield* TestClock.adjust("1 second")
      state.reason = undefined
      state.takes = "1 hour"
      yield* Effect.forkDetach(ask(first))
      yield* TestClock.adjust("5 seconds")
      isDead = true
      assert.isTrue(isOpen((yield* ask(other)).error))
      yield* TestClock.adjust("10 seconds")
      state.takes = 0
      assert.strictEqual((yield* ask(other)).error, undefined)
      assert.strictEqual(sent(), 3)
    }))

  it.effect("does not count what is interrupted, nor what a consumer has stopped", () =>
    Effect.gen(function*() {
      const { sent, service, state } = changing()
      const provider = (yield* Breaker.make({ failures: 1 }))(service)
      state.takes = "1 minute"
      for (const _ of [1, 2]) {
        const fiber = yield* Effect.forkChild(ask(provider))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
      }
      yield* Stream.runDrain(Stream.take(provider.stream({ model: "m", prompt: "Hi" }), 1))
      state.takes = 0
      assert.strictEqual((yield* ask(provider)).error, undefined)
      assert.strictEqual(sent(), 4)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("makes a fallback go on, and waits for nobody", () =>
    Effect.gen(function*() {
      const bad = changing()
      const good = changing()
      bad.state.reason = broken
      bad.state.content = false
      const breaker = yield* Breaker.make({ failures: 2 })
      const provider = Fallback.make([breaker(bad.service), good.service])
      for (const _ of [1, 2, 3, 4]) assert.strictEqual((yield* ask(provider)).error, undefined)
      assert.deepStrictEqual([bad.sent(), good.sent()], [2, 4])
      // Alone it asks again by itself, but not while it is open.
      const alone = (yield* Breaker.make({ failures: 2, key: () => "alone" }))(bad.service)
      const fiber = yield* Effect.forkChild(ChunkStream.outcome(alone.stream({ model: "m", prompt: "Hi" })))
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(isOpen((yield* Fiber.join(fiber)).error))
      assert.strictEqual(bad.sent(), 4)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("has a circuit for each model, or for what `key` says", () =>
    Effect.gen(function*() {
      const { service, state } = changing()
      state.reason = broken
      const byModel = (yield* Breaker.make({ failures: 1 }))(service)
      yield* ask(byModel, "a")
      assert.deepStrictEqual([isOpen((yield* ask(byModel, "a")).error), isOpen((yield* ask(byModel, "b")).error)], [
        true,
        false
      ])
      const all = (yield* Breaker.make({ failures: 1, key: () => "all" }))(service)
      yield* ask(all, "a")
      assert.isTrue(isOpen((yield* ask(all, "b")).error))
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses bad options by name", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [string, Breaker.Options]> = [
        ["failures", { failures: 0 }],
        ["failures", { failures: Number.NaN }],
        ["openFor", { openFor: 0 }],
        ["openFor", { openFor: Duration.infinity }]
      ]
      for (const [option, options] of bad) {
        const error = yield* Effect.flip(Breaker.make(options))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.include(error.message, `\`${option}\``)
      }
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses when its store fails, or passes, as it was told to", () =>
    Effect.gen(function*() {
      const { sent, service } = changing()
      const down: Store.Service = {
        transact: () => Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "no server" })),
        scan: () => Stream.empty
      }
      const breaker = (onStoreFailure?: "refuse" | "pass") =>
        Effect.provideService(Breaker.make({ onStoreFailure }), Store.Store, down)
      assert.strictEqual((yield* ask((yield* breaker())(service))).error?.code, "store_failed")
      assert.strictEqual(sent(), 0)
      assert.strictEqual((yield* ask((yield* breaker("pass"))(service))).error, undefined)
      assert.strictEqual(sent(), 1)
    }))
})
