import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Schedule, Schema, Semaphore, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import {
  Anthropic,
  AzureOpenAi,
  ChunkStream,
  Groq,
  OpenAi,
  OpenAiChunk,
  Provider,
  ProviderError
} from "../../src/index.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import * as Retry from "../../src/middleware/Retry.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Host from "../support/host.ts"

const content = (text: string) => new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: text } }] } })
const usage = (tokens: number) =>
  new OpenAiChunk({ chunk: { choices: [], usage: { prompt_tokens: 1, completion_tokens: tokens - 1 } } })

interface Script {
  /** How long a response takes, and what it has before it ends or fails. */
  readonly takes?: Duration.Input
  readonly chunks?: ReadonlyArray<OpenAiChunk>
  readonly reason?: ProviderError.Reason
}

/** A provider that notes the prompt and the time, in ms, of each request that is sent. */
const scripted = (script: (n: number) => Script = () => ({})) => {
  const sent: Array<readonly [at: number, prompt: unknown]> = []
  const service: Provider.Service<OpenAiChunk> = {
    name: "scripted",
    stream: ({ prompt }) =>
      Stream.unwrap(Effect.gen(function*() {
        const { chunks = [content("Hello")], reason, takes = 0 } = script(sent.length)
        sent.push([yield* Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis), prompt])
        yield* Effect.sleep(takes)
        return Stream.concat(
          Stream.fromIterable(chunks),
          reason === undefined
            ? Stream.empty
            : Stream.fail(new ProviderError.ProviderError({ provider: "scripted", reason, emitted: false }))
        )
      }))
  }
  return { sent, service, times: () => sent.map(([at]) => at), prompts: () => sent.map(([, prompt]) => prompt) }
}

const ask = (provider: Provider.Service, prompt = "Hi", maxTokens?: number) =>
  ChunkStream.outcome(provider.stream({ model: "m", prompt, ...(maxTokens === undefined ? undefined : { maxTokens }) }))

/** The outcomes of effects, once all have had their time. */
const later = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.Input = "1 hour") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

/** Whether no more than `limit` of the times are in any interval. */
const isWithin = (times: ReadonlyArray<number>, limit: number, every: number) =>
  times.every((end) => times.filter((time) => time <= end && time >= end - every).length <= limit)

const down: Store.Service = {
  transact: () =>
    Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "redis://h: connection refused" })),
  scan: () => Stream.empty
}

describe("Limit", () => {
  it.effect("lets no more requests start in any interval than it says, from all processes, and nearly as many", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const processes = yield* Effect.all(
        Array.from({ length: 4 }, () => Limit.make({ requests: { limit: 10, every: "1 second" } }))
      )
      yield* later(all(processes.flatMap((limit) => Array.from({ length: 50 }, () => ask(limit(service))))))
      assert.strictEqual(times().length, 200)
      assert.isTrue(isWithin(times(), 10, 1000))
      // 20 windows of 10, of which the first begins at once.
      assert.isAtMost((times().at(-1) ?? 0) - (times()[0] ?? 0), 19 * 1000 / 0.97)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("uses at least 95 % of it where every step of the store takes long", () =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      const turns = yield* Semaphore.make(1)
      const slow: Store.Service = {
        ...memory,
        transact: (keys, transition) => turns.withPermit(Effect.delay(memory.transact(keys, transition), "10 millis"))
      }
      const { service, times } = scripted()
      const processes = yield* all(
        Array.from({ length: 4 }, () => Limit.make({ requests: { limit: 50, every: "1 second" } }))
      ).pipe(Effect.provideService(Store.Store, slow))
      yield* later(all(processes.flatMap((limit) => Array.from({ length: 150 }, () => ask(limit(service))))))
      assert.isTrue(isWithin(times(), 50, 990))
      // 12 windows of 50.
      assert.isAtMost((times().at(-1) ?? 0) - (times()[0] ?? 0), 11 * 1000 / 0.95)
    }))

  it.effect("lets as many start in one step of the store as keep it short", () =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      const slow: Store.Service = {
        ...memory,
        transact: (keys, transition) => Effect.delay(memory.transact(keys, transition), "10 millis")
      }
      const { service, times } = scripted()
      const limit = yield* Effect.provideService(
        Limit.make({ requests: { limit: 1000, every: "1 second" } }),
        Store.Store,
        slow
      )
      yield* later(all(Array.from({ length: 500 }, () => ask(limit(service)))))
      const started = times().map((at) => times().filter((time) => time === at).length)
      assert.isAbove(Math.max(...started), 50)
      assert.isAtMost(Math.max(...started), 101)
    }))

  it.effect("counts a part of a millisecond as a whole one", () =>
    Effect.gen(function*() {
      const timesWith = Effect.fnUntraced(function*(every: Duration.Input) {
        const { service, times } = scripted()
        const limit = yield* Limit.make({ requests: { limit: 1, every } })
        yield* later(all([1, 2, 3].map(() => ask(limit(service)))))
        const [first = 0, ...more] = times()
        return more.map((time) => time - first)
      }, Effect.provide(Store.layerMemory))
      assert.deepStrictEqual(yield* timesWith("1500 micros"), yield* timesWith("2 millis"))
    }))

  it.effect("serves those of a process in the order in which they came", () =>
    Effect.gen(function*() {
      const { prompts, service } = scripted()
      const limit = yield* Limit.make({ requests: { limit: 1, every: "1 second" } })
      const names = Array.from({ length: 12 }, (_, n) => `${n}`)
      yield* later(all(names.map((name) => ask(limit(service), name))))
      assert.deepStrictEqual(prompts(), names)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("does not let small requests of another process starve a large one", () =>
    Effect.gen(function*() {
      const { prompts, service } = scripted()
      const options: Limit.Options = { tokens: { limit: 1000, every: "10 seconds" }, tokensOf: () => 0 }
      const small = yield* Limit.make(options)
      const large = yield* Limit.make(options)
      yield* later(all([
        ...Array.from({ length: 60 }, () => ask(small(service), "small", 92)),
        Effect.delay(ask(large(service), "large", 990), "1 second")
      ]))
      assert.strictEqual(prompts().length, 61)
      assert.isAtMost(prompts().indexOf("large"), 25)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("counts what a response states in place of what was taken for it", () =>
    Effect.gen(function*() {
      const options: Limit.Options = { tokens: { limit: 1000, every: "1 minute" }, tokensOf: () => 0 }
      const started = (script: (n: number) => Script) =>
        Effect.gen(function*() {
          const { service, times } = scripted(script)
          const limit = yield* Limit.make(options)
          const one = limit(service)
          yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4], () => ask(one, "Hi", 492), { discard: true }))
          yield* TestClock.adjust("50 seconds")
          return times().length
        }).pipe(Effect.provide(Store.layerMemory))
      // 8 tokens of the message and 492 are taken for each, one after the other.
      assert.strictEqual(yield* started(() => ({ chunks: [content("x"), usage(100)] })), 4)
      assert.strictEqual(yield* started(() => ({ chunks: [content("x"), usage(250)] })), 3)
      assert.strictEqual(yield* started(() => ({ chunks: [content("x"), usage(500)] })), 2)
      assert.strictEqual(yield* started(() => ({ chunks: [content("x"), usage(900)] })), 1)
      // The half that is stated counts.
      const half = new OpenAiChunk({ chunk: { choices: [], usage: { prompt_tokens: 250 } } })
      assert.strictEqual(yield* started(() => ({ chunks: [content("x"), half] })), 3)
      // Without a word of it, all that was taken counts.
      assert.strictEqual(yield* started(() => ({})), 2)
    }))

  it.effect("counts a request that was interrupted, and takes nothing for one that only waited", () =>
    Effect.gen(function*() {
      const { service, times } = scripted(() => ({ takes: "1 hour" }))
      const limit = yield* Limit.make({ requests: { limit: 1, every: "10 seconds" } })
      const running = yield* Effect.forkChild(ask(limit(service)))
      yield* TestClock.adjust("1 second")
      const waiting = yield* Effect.forkChild(ask(limit(service), "waits"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(running)
      yield* Fiber.interrupt(waiting)
      yield* Effect.forkChild(ask(limit(service), "next"))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(times().length, 2)
      // Neither a turn nor room was left to the one that waited.
      assert.isAtMost(times()[1] ?? 0, 10_100)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses at once what would wait for too long, for which a fallback goes on", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const other = scripted()
      const limit = yield* Limit.make({ requests: { limit: 1, every: "1 minute" }, maxWait: "5 seconds" })
      yield* ask(limit(service))
      yield* TestClock.adjust("20 seconds")
      const { error } = yield* ask(limit(service))
      assert.strictEqual(error?.reason._tag, "RateLimited")
      assert.deepStrictEqual(error?.retryAfter, Duration.millis(40_300))
      assert.strictEqual((yield* ask(Fallback.make([limit(service), other.service]))).error, undefined)
      assert.deepStrictEqual([times().length, other.times().length], [1, 1])
      yield* TestClock.adjust("36 seconds")
      assert.strictEqual((yield* later(ask(limit(service)))).error, undefined)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("does not wait longer than the caller's total timeout", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const limit = yield* Limit.make({ requests: { limit: 1, every: "1 minute" } })
      yield* ask(limit(service))
      const { error } = yield* ask(limit(service)).pipe(
        Effect.provideService(Provider.CurrentPolicy, { totalTimeout: "30 seconds" })
      )
      assert.strictEqual(error?.reason._tag, "RateLimited")
      assert.strictEqual(times().length, 1)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses a request that is larger than the limit, before anything is sent", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const limit = yield* Limit.make({ tokens: { limit: 100, every: "1 minute" } })
      const { error } = yield* ask(limit(service), "Hi", 100)
      assert.strictEqual(error?.reason._tag, "InvalidRequest")
      assert.include(error?.message, "more than the limit of 100 in 1m")
      assert.deepStrictEqual(times(), [])
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("takes nothing for an answer whose length nobody limits", () =>
    Effect.gen(function*() {
      const { service } = scripted()
      const limit = yield* Limit.make({ tokens: { limit: 1, every: "1 minute" } })
      const needed = (maxTokens?: number) =>
        Effect.map(
          ask(limit(service), "Hi", maxTokens),
          ({ error }) => Number(/\d+(?= tokens)/.exec(String(error))?.[0])
        )
      assert.strictEqual(yield* needed(10), (yield* needed()) + 10)
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses bad options by name", () =>
    Effect.gen(function*() {
      const every = "1 minute"
      const bad: ReadonlyArray<readonly [string, Limit.Options]> = [
        ["requests.limit", { requests: { limit: 0, every } }],
        ["requests.limit", { requests: { limit: 1.5, every } }],
        ["requests.every", { requests: { limit: 1, every: 0 } }],
        ["requests.every", { requests: { limit: 1, every: Duration.infinity } }],
        ["tokens.limit", { tokens: { limit: Number.NaN, every } }],
        ["tokens.every", { tokens: { limit: 1, every: -1 } }],
        ["maxWait", { maxWait: Number.NaN }],
        ["maxRetryAfter", { maxRetryAfter: -1 }],
        ["maxTokens", { maxTokens: -1 }]
      ]
      for (const [option, options] of bad) {
        const error = yield* Effect.flip(Limit.make(options))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.include(error.message, `\`${option}\``)
      }
      // @ts-expect-error: neither of the two
      const error = yield* Effect.flip(Limit.make({ onStoreFailure: "ignore" }))
      assert.include(error.message, "`onStoreFailure`")
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("has a limit for each model, or for what `key` says", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const rate = { limit: 1, every: "1 minute" } as const
      const request = (limit: (self: Provider.Service) => Provider.Service, model: string, system: string) =>
        ChunkStream.outcome(limit(service).stream({ model, system, prompt: "Hi" }))
      const byModel = yield* Limit.make({ requests: rate, maxWait: 0 })
      yield* Effect.forEach(["a", "b", "a"], (model) => request(byModel, model, ""))
      assert.strictEqual(times().length, 2)
      const bySystem = yield* Limit.make({ requests: rate, maxWait: 0, key: ({ system = "" }) => system })
      yield* Effect.forEach(["x", "y", "x"], (system, n) => request(bySystem, `${n}`, system))
      assert.strictEqual(times().length, 4)
    }).pipe(Effect.provide(Store.layerMemory)))
})

describe("Limit, in a store whose answers take a while", () => {
  it.effect.prop("waits for the time that the store states from its step on, and not for the answer as well", [
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 490 }))
  ], ([takes]) =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      const limit = yield* Effect.provideService(
        Limit.make({ requests: { limit: 1, every: "1 second" } }),
        Store.Store,
        {
          ...memory,
          transact: (keys, transition) => Effect.tap(memory.transact(keys, transition), () => Effect.sleep(takes))
        }
      )
      const { service, times } = scripted()
      yield* later(all([ask(limit(service)), ask(limit(service))]), "1 minute")
      const [first = Number.NaN, second = Number.NaN] = times()
      assert.isAtLeast(second - first, 1000)
      // A limit counts in slices of 5 ms, and is asked again after 10 ms at the earliest.
      assert.isAtMost(second - first, 1015)
    }))
})

describe("Limit, when the provider says that nothing is left", () => {
  const body = Host.sse(Host.delta({ content: "Hi" }), Host.finish("stop"), Host.done)
  const options = { apiKey: Host.key, model: "m" }
  const openai = OpenAi.layer(options)
  const anthropic = Anthropic.layer(options)

  /** How long a second process waits after an answer to the first, in ms; the clock of the store is off by `shift`. */
  const heldAfter = (
    provider: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>,
    answer: (now: number) => Host.Answer,
    shift = 0
  ) =>
    Effect.gen(function*() {
      const memory = yield* Store.memory
      const limit = Effect.provideService(Limit.make({ maxRetryAfter: "1 day" }), Store.Store, {
        ...memory,
        transact: (keys, transition) =>
          Effect.updateService(memory.transact(keys, transition), Clock.Clock, (clock) => ({
            ...clock,
            currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + shift)
          }))
      })
      const [first, second] = [yield* limit, yield* limit]
      const start = yield* Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis)
      const { service: other, times } = scripted()
      const self = yield* Provider.Provider.pipe(
        Effect.provide(provider.pipe(Layer.provide(Host.layer([], answer(start + shift)))))
      )
      yield* ask(first(self)).pipe(Effect.provideService(Provider.CurrentPolicy, { maxRetries: 0 }))
      yield* later(ask(second({ ...self, stream: other.stream })), "3 days")
      return (times()[0] ?? Number.NaN) - start
    })

  const tooMany = (headers: Readonly<Record<string, string>>) => (): Host.Answer => ({
    status: 429,
    body: "{}",
    headers
  })
  const answered = (headers: Readonly<Record<string, string>>) => (): Host.Answer => ({ body, headers })
  const at = (time: number) => new Date(time).toISOString()

  it.effect("holds all processes until the time that it states", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_790_000_000_000)
      const spent = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" }
      const cases = [
        [7000, openai, tooMany({ "retry-after": "7" })],
        [250, openai, tooMany({ "retry-after-ms": "250" })],
        [360_000, openai, tooMany({ "retry-after": "7", ...spent })],
        [360_000, openai, answered(spent)],
        [360_000, Groq.layer(options), answered(spent)],
        [360_000, AzureOpenAi.layer({ ...options, endpoint: "https://x.openai.azure.com" }), answered(spent)],
        [20, openai, answered({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms" })],
        [7000, openai, (now: number) => tooMany({ "retry-after": new Date(now + 7000).toUTCString() })()],
        ...["requests", "tokens", "input-tokens", "output-tokens"].map((kind) =>
          [9000, anthropic, (now: number) =>
            answered({
              [`anthropic-ratelimit-${kind}-remaining`]: "0",
              [`anthropic-ratelimit-${kind}-reset`]: at(now + 9000)
            })()] as const
        )
      ] as const
      for (const [wait, provider, answer] of cases) {
        assert.strictEqual(yield* heldAfter(provider, answer), wait)
        // Times of day are compared with the clock of the store, durations with none.
        for (const shift of [-3_600_000, 3_600_000]) assert.strictEqual(yield* heldAfter(provider, answer, shift), wait)
      }
    }))

  it.effect("ignores what makes no sense, and limits of which something is left", () =>
    Effect.gen(function*() {
      const resets = ["-5s", "-1", "NaN", "99999999999", "2099-01-01T00:00:00Z", "0s", "soon", ""]
      const cases = [
        ...resets.map((reset) =>
          answered({ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset })
        ),
        answered({ "x-ratelimit-remaining-requests": "0" }),
        answered({ "x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "6m0s" }),
        answered({ "x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "6m0s" }),
        answered({ "retry-after": "7" }),
        ...["-7", "NaN", "999999999999", "Sun, 01 Jan 2099 00:00:00 GMT", ""].map((after) =>
          tooMany({ "retry-after": after })
        )
      ]
      for (const answer of cases) assert.strictEqual(yield* heldAfter(openai, answer), 0)
    }))

  it.effect("fails at once when it asks for more than is waited for, and says for how long", () =>
    Effect.gen(function*() {
      const { service, times } = scripted((n) =>
        n > 0 ? {} : { reason: new ProviderError.RateLimited({ message: "slow", retryAfter: Duration.minutes(5) }) }
      )
      const limit = yield* Limit.make({})
      assert.strictEqual((yield* later(ask(limit(service)), 0)).error?.reason._tag, "RateLimited")
      yield* TestClock.adjust("1 minute")
      const { error } = yield* ask(limit(service))
      assert.strictEqual(error?.code, "own_limit")
      assert.deepStrictEqual(error?.retryAfter, Duration.minutes(4))
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* later(ask(limit(service)))).error, undefined)
      assert.deepStrictEqual(times(), [0, 300_000])
    }).pipe(Effect.provide(Store.layerMemory)))
})

describe("Limit, around and under others", () => {
  it.effect("makes the attempts when nobody outside does, each a request of the limit", () =>
    Effect.gen(function*() {
      const retry = Retry.retried({ schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 3 })) })
      const limit = yield* Limit.make({ requests: { limit: 100, every: "1 minute" } })
      const breaker = yield* Breaker.make({ failures: 100 })
      type Wrap = (self: Provider.Service) => Provider.Service
      const cases: ReadonlyArray<readonly [number, Wrap, Provider.Policy?]> = [
        [3, limit],
        [3, (self) => limit(limit(self))],
        [3, (self) => limit(breaker(self))],
        [3, (self) => breaker(limit(retry(self)))],
        [4, (self) => retry(limit(breaker(self)))],
        [1, (self) => Fallback.make([limit(breaker(self))])],
        [2, (self) => Fallback.make([{ provider: limit(breaker(self)), maxRetries: 1 }])],
        [1, (self) => limit(breaker(self)), { maxRetries: 0 }],
        [6, (self) => limit(breaker(self)), { maxRetries: 5 }]
      ]
      for (const [count, wrap, policy = {}] of cases) {
        const policies: Array<number | undefined> = []
        const { service, times } = scripted(() => ({ reason: new ProviderError.ServerError({ message: "broken" }) }))
        const self: Provider.Service = {
          ...service,
          stream: (request) =>
            Stream.unwrap(Effect.map(Provider.CurrentPolicy, ({ maxRetries }) => {
              policies.push(maxRetries)
              return Stream.filter(service.stream(request), () => false)
            }))
        }
        yield* later(ask(wrap(self)).pipe(Effect.provideService(Provider.CurrentPolicy, policy)))
        assert.strictEqual(times().length, count)
        assert.deepStrictEqual(policies, Array.from(times(), () => 0))
      }
      const { service, times } = scripted(() => ({
        chunks: [],
        reason: new ProviderError.ServerError({ message: "broken" })
      }))
      const slow = yield* Limit.make({ requests: { limit: 1, every: "1 minute" }, key: () => "slow" })
      yield* later(ask(slow(service)))
      assert.deepStrictEqual(times().map((time) => time - (times()[0] ?? 0)), [0, 60_300, 120_600])
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses when its store fails, or passes, as it was told to", () =>
    Effect.gen(function*() {
      const { service, times } = scripted()
      const limit = (onStoreFailure?: "refuse" | "pass") =>
        Limit.make({
          requests: { limit: 1, every: "1 minute" },
          tokens: { limit: 100, every: "1 minute" },
          onStoreFailure
        })
          .pipe(Effect.provideService(Store.Store, down))
      const { error } = yield* ask((yield* limit())(service))
      assert.strictEqual(error?.code, "store_failed")
      assert.include(error?.message, "connection refused")
      assert.deepStrictEqual(times(), [])
      const passing = (yield* limit("pass"))(service)
      for (const _ of [1, 2]) assert.strictEqual((yield* ask(passing)).error, undefined)
      assert.strictEqual(times().length, 2)
    }))
})
