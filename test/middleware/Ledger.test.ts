import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Fiber, Layer, Metric, Redacted, Stream } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { TestClock } from "effect/testing"
import {
  AnthropicChunk,
  ChunkStream,
  type Cost,
  OpenAi,
  OpenAiChunk,
  Provider,
  ProviderError,
  Telemetry
} from "../../src/index.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Retry from "../../src/middleware/Retry.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Client from "../support/client.ts"
import * as Host from "../support/host.ts"
import { onStores, until } from "./stores.ts"

const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { model: "gpt-4o", ...payload } })
const text = chunk({ choices: [{ index: 0, delta: { content: "a" } }] })
// 800 × 2.50 + 200 × 1.25 + 100 × 10 = 3250 USD per million
const stated = chunk({
  usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 200 } }
})
const stranger = chunk({ model: "nobody-knows", usage: { prompt_tokens: 1, completion_tokens: 1 } })
const request = { model: "gpt-4o", prompt: "Hi" }

const failure = (reason: ProviderError.Reason, emitted = false) =>
  Stream.fail(new ProviderError.ProviderError({ provider: "openai", reason, emitted }))
const overloaded = new ProviderError.Overloaded({ message: "busy", status: 529 })

/** A provider whose n-th request is answered by the n-th stream, the last one again and again. */
const scripted = (
  ...answers: ReadonlyArray<Stream.Stream<OpenAiChunk, ProviderError.ProviderError>>
): Provider.Service<OpenAiChunk> => {
  let count = 0
  return {
    name: "openai",
    stream: () => Stream.suspend(() => answers[Math.min(count++, answers.length - 1)] ?? Stream.empty)
  }
}

const rowsOf = (scope?: Ledger.Scope) => Stream.runCollect(Ledger.rows(scope))
const ends = Effect.map(
  rowsOf(),
  (rows) => rows.map(({ cost, open, outcome, reason }) => [outcome, reason, cost, open])
)
const spent = Effect.map(Ledger.total(), ({ cost }) => BigDecimal.format(cost))

onStores("Ledger.make", (it) => {
  it("writes a row before the request is sent, and its end", () =>
    Effect.gen(function*() {
      const store = yield* Store.Store
      const during: Array<unknown> = []
      const kept = yield* Ledger.make({ attempt: Effect.succeed("one") })
      const service = scripted(Stream.unwrap(
        Effect.gen(function*() {
          during.push(...yield* Effect.orDie(rowsOf({ user: "ada" })))
          return Stream.make(text, stated)
        }).pipe(Effect.provideService(Store.Store, store))
      ))
      yield* ChunkStream.response(kept(service).stream({ ...request, user: "ada" }))
      const [row] = yield* rowsOf()
      assert(row !== undefined)
      const { endedAt, startedAt, ...rest } = row
      assert.isTrue(endedAt !== null && endedAt >= startedAt)
      assert.deepStrictEqual({ ...rest.usage }, { inputTokens: 1000, cachedTokens: 200, outputTokens: 100 })
      assert.deepStrictEqual({ ...rest, usage: null }, {
        attempt: "one",
        batch: null,
        id: null,
        user: "ada",
        provider: "openai",
        model: "gpt-4o",
        outcome: "done",
        reason: null,
        usage: null,
        cost: "0.00325",
        stated: true,
        open: false,
        until: null
      })
      const [running] = during
      assert.deepInclude(running, { attempt: "one", outcome: "running", cost: null, endedAt: null })
    }))

  it("has a row for each attempt, whoever makes them", () =>
    Effect.gen(function*() {
      const kept = yield* Ledger.make()
      const service = () => scripted(failure(overloaded), failure(overloaded), Stream.make(text, stated))
      const stacks: Readonly<Record<string, (self: Provider.Service) => Provider.Service>> = {
        alone: kept,
        "under a retry": (self) => Retry.retried(kept(self)),
        "around a retry": (self) => kept(Retry.retried(self)),
        "under a fallback": (self) => Fallback.make([kept(self), kept(self), kept(self)])
      }
      for (const [name, stack] of Object.entries(stacks)) {
        const provider = stack(service())
        const fiber = yield* ChunkStream.response(provider.stream({ ...request, user: name })).pipe(Effect.forkChild)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* Fiber.join(fiber)).content, "a")
        assert.deepStrictEqual(
          (yield* rowsOf({ user: name })).map(({ cost, open, outcome, reason }) => [outcome, reason, cost, open]),
          [
            ["failed", "Overloaded", null, false],
            ["failed", "Overloaded", null, false],
            ["done", null, "0.00325", false]
          ],
          name
        )
      }
    }), { inMemory: true })

  it("says what became of each, and whether it may have cost more", () =>
    Effect.gen(function*() {
      const kept = yield* Ledger.make()
      const run = (answer: Stream.Stream<OpenAiChunk, ProviderError.ProviderError>) =>
        kept(scripted(answer)).stream(request).pipe(
          Stream.runDrain,
          Effect.provideService(Provider.CurrentPolicy, { maxRetries: 0 }),
          Effect.ignore
        )
      const network = new ProviderError.Network({ message: "reset" })
      yield* run(Stream.make(text))
      yield* run(Stream.make(text, stranger))
      yield* run(Stream.concat(Stream.make(text, stated), failure(network, true)))
      yield* run(failure(network))
      yield* run(failure(overloaded))
      yield* run(failure(new ProviderError.InvalidRequest({ message: "no" })))
      let isAsked = false
      const hanging = Stream.concat(
        Stream.make(text),
        Stream.suspend(() => {
          isAsked = true
          return Stream.never
        })
      )
      const fiber = yield* Effect.forkChild(run(hanging))
      yield* until(() => isAsked)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* ends, [
        ["done", null, null, true],
        ["done", null, null, false],
        ["failed", "Network", "0.00325", true],
        ["failed", "Network", null, true],
        ["failed", "Overloaded", null, false],
        // What was not sent has no row.
        ["cancelled", null, null, true]
      ])
    }))

  it("has no row for what another middleware refused", () =>
    Effect.gen(function*() {
      const kept = yield* Ledger.make()
      const within = yield* Budget.make({ limit: "0.000001" })
      const error = yield* Effect.flip(
        ChunkStream.response(kept(within(scripted(Stream.make(stated)))).stream({ ...request, maxTokens: 100 }))
      )
      assert.isTrue(Budget.isRefused(error))
      assert.deepStrictEqual(yield* rowsOf(), [])
    }))

  it("reads as lost what a dead process left, and keeps what is alive", () =>
    Effect.gen(function*() {
      const store = yield* Store.Store
      const kept = yield* Ledger.make({ lease: "30 seconds" })
      const dead = yield* Ledger.make({ lease: "30 seconds" }).pipe(
        // It dies: its renewals and its end never reach the store.
        Effect.provideService(Store.Store, onlyFirst(store))
      )
      const never = scripted(Stream.concat(Stream.make(text), Stream.never))
      const ask = (provider: Provider.Service, user: string) =>
        Effect.forkChild(Stream.runDrain(provider.stream({ ...request, user })), { startImmediately: true })
      const alive = yield* ask(kept(never), "alive")
      yield* ask(dead(never), "dead")
      const outcomes = Effect.map(rowsOf(), (rows) => rows.map(({ outcome, user }) => [user, outcome]))
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(yield* outcomes, [["alive", "running"], ["dead", "running"]])
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* outcomes, [["alive", "running"], ["dead", "lost"]])
      assert.deepStrictEqual([yield* Ledger.sweep(), yield* Ledger.sweep()], [1, 0])
      yield* Fiber.interrupt(alive)
      assert.deepStrictEqual(yield* outcomes, [["alive", "cancelled"], ["dead", "lost"]])
    }), { inMemory: true })

  it("forgets rows after their time", () =>
    Effect.gen(function*() {
      const kept = yield* Ledger.make({ expiresAfter: "1 day" })
      yield* ChunkStream.response(kept(scripted(Stream.make(text, stated))).stream(request))
      yield* TestClock.adjust("23 hours")
      assert.strictEqual((yield* rowsOf()).length, 1)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* rowsOf()).length, 0)
    }), { inMemory: true })

  it("keeps users apart", () =>
    Effect.gen(function*() {
      const kept = yield* Ledger.make({ user: ({ metadata }) => metadata?.["tenant"] })
      for (const tenant of ["ada", "ada", "eve", "a\"/\"da"]) {
        const service = kept(scripted(Stream.make(text, stated)))
        yield* ChunkStream.response(service.stream({ ...request, metadata: { tenant } }))
      }
      yield* ChunkStream.response(kept(scripted(Stream.make(text, stated))).stream(request))
      const attempts = (scope?: Ledger.Scope) => Effect.map(Ledger.total(scope), ({ attempts }) => attempts)
      assert.deepStrictEqual(
        yield* Effect.all([
          attempts(),
          attempts({ user: "ada" }),
          attempts({ user: "a\"/\"da" }),
          attempts({ user: undefined }),
          attempts({ user: "nobody" })
        ]),
        [5, 2, 1, 1, 0]
      )
    }))
})

/** A store that takes one step, and then is gone. */
const onlyFirst = (store: Store.Service): Store.Service => {
  let isUsed = false
  return {
    ...store,
    transact: (keys, transition) =>
      Effect.suspend(() => {
        if (isUsed) return Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "gone" }))
        isUsed = true
        return store.transact(keys, transition)
      })
  }
}

onStores("Ledger.track", (it) => {
  it("adds exactly under concurrency", () =>
    Effect.gen(function*() {
      const one = Stream.make(text, stated).pipe(
        Stream.tap(() => Effect.yieldNow),
        Ledger.track({ user: "ada" }),
        Stream.runDrain
      )
      yield* Effect.all(Array.from({ length: 100 }, () => one), { concurrency: "unbounded" })
      assert.strictEqual(yield* spent, "0.325")
      const entries = yield* Ledger.entries({ user: "ada" })
      assert.deepStrictEqual(
        entries.map(({ attempts, done, incomplete, model, open, provider, unpriced }) => ({
          attempts,
          done,
          incomplete,
          model,
          open,
          provider,
          unpriced
        })),
        [{ attempts: 100, done: 100, incomplete: 0, model: "gpt-4o", open: 0, provider: "openai", unpriced: 0 }]
      )
    }))

  it("records what was stated by a stream that fails or is interrupted", () =>
    Effect.gen(function*() {
      yield* Stream.concat(Stream.make(stated), Stream.fail("broken")).pipe(
        Ledger.track(),
        Stream.runDrain,
        Effect.ignore
      )
      let isSeen = false
      const fiber = yield* Stream.concat(Stream.make(stated), Stream.never).pipe(
        Ledger.track(),
        Stream.runForEach(() => Effect.sync(() => isSeen = true)),
        Effect.forkChild
      )
      yield* until(() => isSeen)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* spent, "0.0065")
      assert.deepStrictEqual((yield* rowsOf()).map(({ outcome }) => outcome), ["failed", "cancelled"])
    }))

  it("counts what has no known price or usage instead of pricing it at 0, and says what the sums leave out", () =>
    Effect.gen(function*() {
      const flagged = chunk({ usage: { prompt_tokens: 1, completion_tokens: 1 }, service_tier: "unheard-of" })
      for (const one of [flagged, flagged, stranger, text]) yield* Stream.runDrain(Ledger.track(Stream.make(one)))
      const tier: Cost.Flag = { kind: "unknownServiceTier", subject: "unheard-of" }
      assert.deepStrictEqual(
        (yield* Ledger.entries()).map(({ attempts, flags, incomplete, model, open, unpriced }) => [
          model,
          attempts,
          incomplete,
          unpriced,
          open,
          flags.map(({ kind, subject }) => [kind, subject])
        ]),
        [
          ["gpt-4o", 3, 2, 0, 1, [["missingCount", "usage"], [tier.kind, tier.subject]]],
          ["nobody-knows", 1, 0, 1, 0, [["unpriced", "nobody-knows"]]]
        ]
      )
    }))

  it("writes a row for each response of a stream that has several", () =>
    Effect.gen(function*() {
      const counts = { usage: { prompt_tokens: 1000, completion_tokens: 100 } }
      const part = (id: string, model: string, payload: OpenAiChunk["chunk"], provider = "openai") =>
        new OpenAiChunk({ provider, chunk: { id, model, ...payload } })
      yield* Stream.make(
        part("a", "gpt-4o", { choices: [{ index: 0, delta: { content: "Hel" } }] }),
        part("a", "gpt-4o", counts),
        part("b", "gpt-4o-mini", { choices: [{ index: 0, delta: { content: "Hello" } }] }),
        part("b", "gpt-4o-mini", counts),
        part("b", "llama-3.1-8b-instant", counts, "groq")
      ).pipe(Ledger.track(), Stream.runDrain)
      // 1000 × 2.50 + 100 × 10, 1000 × 0.15 + 100 × 0.60, 1000 × 0.05 + 100 × 0.08 USD per million
      assert.deepStrictEqual(
        (yield* Ledger.entries()).map(({ cost, model, open }) => [model, BigDecimal.format(cost), open]),
        [["llama-3.1-8b-instant", "0.000058", 0], ["gpt-4o", "0.0035", 1], ["gpt-4o-mini", "0.00021", 1]]
      )
    }))

  it("keeps so many names of models and subjects apart, and no more", () =>
    Effect.gen(function*() {
      for (let n = 0; n < 1100; n++) {
        const one = chunk({ model: `host-${n}`, usage: { prompt_tokens: 1, completion_tokens: 1 } })
        yield* Stream.runDrain(Ledger.track(Stream.make(one)))
      }
      const entries = yield* Ledger.entries()
      assert.lengthOf(entries, 1001)
      assert.strictEqual(entries.find(({ model }) => model === "other")?.attempts, 100)
    }), { inMemory: true })

  it("has short rows, however long the names that a host gives, and however many", () =>
    Effect.gen(function*() {
      const long = "a".repeat(1_000_000)
      yield* Stream.runDrain(Ledger.track(Stream.make(new OpenAiChunk({ provider: long, chunk: { model: long } }))))
      const iterations = Array.from({ length: 5_000 }, (_, n) => ({
        type: "message",
        model: n === 0 ? long : `host-${n}`,
        input_tokens: 1,
        output_tokens: 1
      }))
      const usage = { input_tokens: 5_000, output_tokens: 5_000, iterations }
      yield* Stream.runDrain(Ledger.track(Stream.make(
        new AnthropicChunk({ chunk: { type: "message_start", message: { model: "claude-sonnet-4-5", usage } } })
      )))
      const rows = yield* rowsOf()
      assert.lengthOf(rows, 2)
      for (const row of rows) assert.isBelow(JSON.stringify(row).length, 20_000)
      const flags = rows.flatMap(({ flags = [] }) => flags)
      assert.include(flags.map(({ subject }) => subject), "other")
    }))

  it("keeps the sum as a metric, by provider and model", () =>
    Effect.gen(function*() {
      const metric = Metric.withAttributes(Ledger.costMetric, { provider: "openai", model: "gpt-4o" })
      const before = (yield* Metric.value(metric)).count
      yield* Stream.make(stated).pipe(Ledger.track(), Stream.runDrain)
      const after = (yield* Metric.value(metric)).count
      assert.approximately(Number(after) - Number(before), 0.00325, 1e-12)
    }))
})

const whole = Host.sse(
  Host.delta({ content: "Hi" }),
  Host.finish("stop", { model: "gpt-4o", usage: { prompt_tokens: 1000, completion_tokens: 100 } }),
  Host.done
)
const ok = () => new Response(whole, { headers: { "content-type": "text/event-stream" } })
const never = () => new Promise<Response>(() => {})

const refusing = (code: string) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error("no"), { code }) })
        })
      )
    )
  )

/** What is booked of a request for which 0.01 USD are reserved, at most and for each attempt. */
const booked = Effect.fnUntraced(
  function*(
    client: Layer.Layer<HttpClient.HttpClient>,
    options: Partial<OpenAi.Options> & { readonly interrupted?: boolean } = {}
  ) {
    const { interrupted = false, ...rest } = options
    const fiber = yield* Effect.gen(function*() {
      const openai = Telemetry.traced(yield* OpenAi.make({ apiKey: Redacted.make("sk"), maxRetries: 1, ...rest }))
      return yield* openai.stream({ model: "gpt-4o", prompt: "Hi" }).pipe(
        Budget.guard({ limit: "1", atMost: "0.01" }),
        Ledger.track(),
        ChunkStream.response,
        Effect.result
      )
    }).pipe(Effect.provide(client), Effect.forkChild({ startImmediately: true }))
    yield* Client.settle
    if (interrupted) yield* Fiber.interrupt(fiber)
    else {
      yield* TestClock.adjust("10 minutes")
      yield* Client.settle
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.await(fiber)
    }
    const { reserved, spent, unknown } = yield* Budget.balance({ limit: "1" })
    const rows = yield* rowsOf()
    assert.strictEqual(BigDecimal.format(reserved), "0")
    assert.isFalse(rows.some(({ outcome }) => outcome === "running"))
    return {
      spent: BigDecimal.format(spent),
      unknown: BigDecimal.format(unknown),
      rows: rows.map(({ open, outcome }) => open ? `${outcome}, open` : outcome)
    }
  },
  (effect) => Effect.provide(effect, Layer.fresh(Store.layerMemory))
)

describe("a budget and a ledger", () => {
  it.effect("book no cost where nothing was sent, or an error status came", () =>
    Effect.gen(function*() {
      const nothing = { spent: "0", unknown: "0", rows: [] }
      const refused = { spent: "0", unknown: "0", rows: ["failed"] }
      assert.deepStrictEqual(yield* booked(Client.make(() => new Response("", { status: 503 })).layer), refused)
      assert.deepStrictEqual(yield* booked(Client.make(() => new Response("", { status: 400 })).layer), refused)
      assert.deepStrictEqual(yield* booked(Client.make(ok).layer, { apiKey: undefined }), nothing)
      for (const code of ["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT"]) {
        assert.deepStrictEqual(yield* booked(refusing(code)), refused)
      }
    }))

  it.effect("book a request that was interrupted before its first chunk as unknown", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* booked(Client.make(never).layer, { interrupted: true }), {
        spent: "0",
        unknown: "0.01",
        rows: ["cancelled, open"]
      })
    }))

  it.effect("book every attempt that was lost, and the one that was answered", () =>
    Effect.gen(function*() {
      const late = Client.make((attempt) => attempt === 0 ? never() : ok())
      assert.deepStrictEqual(yield* booked(late.layer, { firstByteTimeout: "1 minute" }), {
        spent: "0.0035",
        unknown: "0.01",
        rows: ["done", "lost, open"]
      })
      assert.deepStrictEqual(yield* booked(refusing("ECONNRESET")), {
        spent: "0",
        unknown: "0.02",
        rows: ["failed, open", "lost, open"]
      })
    }))
})

describe("Ledger", () => {
  it.effect("refuses bad options by name", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<Ledger.Options> = [
        { lease: 0 },
        { expiresAfter: Number.NaN },
        { onStoreFailure: "perhaps" as never }
      ]
      for (const options of bad) {
        const error = yield* Effect.flip(Ledger.make(options))
        assert.deepStrictEqual(
          [error.reason._tag, error.message.includes(`\`${Object.keys(options)[0]}\``)],
          ["InvalidRequest", true]
        )
      }
    }).pipe(Effect.provide(Store.layerMemory)))

  it.effect("refuses when its store is down, or goes on without, by choice", () =>
    Effect.gen(function*() {
      const service = scripted(Stream.make(text, stated))
      const refuses = yield* Ledger.make()
      const error = yield* Effect.flip(ChunkStream.response(refuses(service).stream(request)))
      assert.deepStrictEqual([error.reason._tag, error.code], ["Unknown", "store_failed"])
      const passes = yield* Ledger.make({ onStoreFailure: "pass" })
      assert.strictEqual((yield* ChunkStream.response(passes(service).stream(request))).content, "a")
    }).pipe(Effect.provideService(Store.Store, {
      transact: () => Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "connection refused" })),
      scan: () => Stream.fail(new Store.StoreError({ reason: "Unavailable", message: "connection refused" }))
    })))

  it.effect("is a layer, of the common provider and of the provider's own", () =>
    Effect.gen(function*() {
      const layer = Layer.merge(Ledger.layer(), Ledger.layerService(OpenAi.OpenAi)).pipe(
        Layer.provide(OpenAi.layer({ apiKey: Redacted.make("sk") })),
        Layer.provide(Client.make(ok).layer)
      )
      yield* Effect.gen(function*() {
        yield* ChunkStream.response((yield* Provider.Provider).stream(request))
        yield* ChunkStream.response((yield* OpenAi.OpenAi).stream(request))
      }).pipe(Effect.provide(layer))
      assert.strictEqual(yield* spent, "0.007")
    }).pipe(Effect.provide(Store.layerMemory)))
})
