import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Cause, Effect, Fiber, FileSystem, Layer, Logger, Metric, Schedule, Tracer } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import * as CostMetadata from "../src/CostMetadata.ts"
import * as Pricing from "../src/Pricing.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"

const listOf = (input: number, date = "2026-11-20") => ({
  date,
  tables: [{
    provider: "openai",
    source: "our contract",
    date,
    defaults: {},
    models: { "gpt-4o": { input, output: 10 }, "new-model": { input: 1, output: 2 } },
    names: {}
  }]
})

const metadata = (model: string) =>
  new CostMetadata.CostMetadata({ provider: "openai", model, inputTokens: 1_000_000, outputTokens: 0 })

const costOf = (model: string) => Effect.map(Pricing.cost(metadata(model)), ({ total }) => BigDecimal.format(total))

const unavailable = Effect.fail(new PricingRefresh.PricesUnavailable({ source: "a test", reason: "away" }))

describe("PricingRefresh", () => {
  it.effect("reads prices on a schedule, and keeps those of the snapshot that the list does not have", () => {
    let input = 1
    const source = Effect.sync(() => listOf(input++))
    return Effect.gen(function*() {
      assert.strictEqual(yield* costOf("gpt-4o"), "1")
      assert.strictEqual(yield* costOf("new-model"), "1")
      // 1,000,000 × 0.15
      assert.strictEqual(yield* costOf("gpt-4o-mini"), "0.15")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* costOf("gpt-4o"), "2")
    }).pipe(Effect.provide(PricingRefresh.layer({ source })))
  })

  it.effect("applies overrides to refreshed prices", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* costOf("gpt-4o"), "2")
    }).pipe(
      Effect.provide(PricingRefresh.layer({
        source: Effect.succeed(listOf(4)),
        overrides: { openai: { "*": { factor: 0.5 } } }
      }))
    ))

  it.effect("keeps the prices that it has when a refresh fails or dies, and counts that", () => {
    let calls = 0
    const source = Effect.suspend(() => {
      calls++
      return calls === 1 ? Effect.succeed(listOf(1)) : calls === 2 ? unavailable : Effect.die("broken")
    })
    return Effect.gen(function*() {
      const before = (yield* Metric.value(PricingRefresh.failuresMetric)).count
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(calls, 3)
      assert.strictEqual(yield* costOf("gpt-4o"), "1")
      assert.strictEqual(Number((yield* Metric.value(PricingRefresh.failuresMetric)).count) - Number(before), 2)
    }).pipe(Effect.provide(PricingRefresh.layer({ source })))
  })

  it.effect("falls back to the snapshot when there is nothing else, and does not wait for ever", () =>
    Effect.gen(function*() {
      const program = costOf("gpt-4o").pipe(Effect.provide(PricingRefresh.layer({ source: Effect.never })))
      const fiber = yield* Effect.forkChild(program, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "2.5")
    }))

  it.effect("says how old the prices are", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      const cost = yield* Pricing.cost(metadata("gpt-4o")).pipe(
        Effect.provide(PricingRefresh.layer({ source: Effect.succeed(listOf(1)) }))
      )
      assert.strictEqual(cost.priceDate, "2026-11-20")
      assert.strictEqual((yield* Metric.value(PricingRefresh.ageMetric)).value, 2 * 86_400)
      assert.strictEqual(PricingRefresh.age(cost, Date.parse("2026-11-22"))?.toString().includes("2"), true)
    }))

  it.effect("keeps good prices in a store for the next start", () =>
    Effect.gen(function*() {
      const run = (source: Effect.Effect<PricingRefresh.PriceList, PricingRefresh.PricesUnavailable>) =>
        Effect.provide(costOf("gpt-4o"), PricingRefresh.layerStored({ source }))
      assert.strictEqual(yield* run(Effect.succeed(listOf(1))), "1")
      assert.strictEqual(yield* run(unavailable), "1")
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("effect-llm-stream/prices", "{ broken")
      assert.strictEqual(yield* run(unavailable), "2.5")
    }).pipe(Effect.provide(KeyValueStore.layerMemory)))

  it.effect("takes an edited file into the next cost, and leaves a broken one alone", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* files.makeTempFileScoped()
      yield* files.writeFileString(path, JSON.stringify(listOf(1)))
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* costOf("gpt-4o"), "1")
        yield* files.writeFileString(path, JSON.stringify(listOf(20)))
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.writeFileString(path, "{ broken")
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.remove(path)
        assert.strictEqual(yield* costOf("gpt-4o"), "20")
        yield* files.writeFileString(path, JSON.stringify(listOf(3)))
        assert.strictEqual(yield* costOf("gpt-4o"), "3")
      }).pipe(Effect.provide(PricingRefresh.layerFile(path)))
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("reads a list from a URL, and says what the server answered instead", () => {
    const client = (status: number, body: string) =>
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { status })))
        )
      )
    const read = PricingRefresh.fromUrl("https://prices.test/list.json")
    return Effect.gen(function*() {
      const list = yield* Effect.provide(read, client(200, JSON.stringify(listOf(1))))
      assert.strictEqual(list.tables[0]?.models["gpt-4o"]?.input, 1)
      const error = yield* Effect.flip(Effect.provide(read, client(503, "later")))
      assert.strictEqual(error._tag, "PricesUnavailable")
      assert.include(error.message, "prices.test")
    })
  })

  it.effect("refuses lists that can't be right, and says where", () =>
    Effect.gen(function*() {
      const refused = (list: unknown) =>
        Effect.map(Effect.flip(PricingRefresh.parse(JSON.stringify(list), "a test")), ({ message }) => message)
      assert.include(yield* refused(listOf(-1)), "a test")
      assert.match(yield* refused(listOf(0.0000025)), /gpt-4o input: .*per token/)
      assert.match(yield* refused({ ...listOf(1), tabels: [] }), /tabels/)
      assert.match(yield* refused(listOf(1, "yesterday")), /date/)
    }))

  it.effect("fails only for overrides that can't be right", () =>
    Effect.gen(function*() {
      const layer = PricingRefresh.layer({
        source: unavailable,
        schedule: Schedule.recurs(0),
        overrides: { openai: { "gpt-4o": { input: -1 } } }
      })
      const error = yield* Effect.flip(Effect.provide(costOf("gpt-4o"), layer))
      assert.strictEqual(error._tag, "InvalidPrices")
    }))

  it.effect("refuses a list that is older than the prices in use, counts that, and says so", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      const lists = [listOf(1, "2020-01-01"), listOf(2, "2026-11-20"), listOf(3, "2026-11-19"), listOf(4, "2026-11-20")]
      let calls = 0
      const source = Effect.sync(() => lists[calls++] ?? listOf(5, "2026-11-21"))
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => void logged.push(message))
      const before = (yield* Metric.value(PricingRefresh.failuresMetric)).count
      yield* Effect.gen(function*() {
        // The snapshot's.
        assert.strictEqual(yield* costOf("gpt-4o"), "2.5")
        for (const expected of ["2", "2", "4", "5"]) {
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* costOf("gpt-4o"), expected)
        }
      }).pipe(Effect.provide(PricingRefresh.layer({ source }).pipe(Layer.provideMerge(Logger.layer([logger])))))
      assert.strictEqual(Number((yield* Metric.value(PricingRefresh.failuresMetric)).count) - Number(before), 2)
      assert.match(String(logged[0]), /the list of 2020-01-01: older than the prices in use, of 2026-11-10/)
      assert.match(String(logged[1]), /the list of 2026-11-19: older than the prices in use, of 2026-11-20/)
    }))

  it.effect("takes an older list where that is wanted", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      const source = Effect.succeed(listOf(1, "2020-01-01"))
      const run = (layer: Layer.Layer<never, unknown>) => Effect.provide(costOf("gpt-4o"), layer)
      assert.strictEqual(yield* run(PricingRefresh.layer({ source, allowOlder: true })), "1")
      const store = KeyValueStore.layerMemory
      assert.strictEqual(
        yield* Effect.gen(function*() {
          yield* Effect.provide(costOf("gpt-4o"), PricingRefresh.layerStored({ source, allowOlder: true }))
          // Without it, what the store has is too old as well.
          return yield* Effect.provide(costOf("gpt-4o"), PricingRefresh.layerStored({ source: unavailable }))
        }).pipe(Effect.provide(store)),
        "2.5"
      )
    }))

  it.effect("is not kept from newer lists by one with a day to come", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      const lists = [listOf(1, "2999-01-01"), listOf(2, "2026-11-22")]
      const source = Effect.sync(() => lists.shift() ?? listOf(3))
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* costOf("gpt-4o"), "1")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* costOf("gpt-4o"), "2")
      }).pipe(Effect.provide(PricingRefresh.layer({ source })))
    }))

  it.effect("tells the age of the list in use, which grows while no newer one comes", () =>
    Effect.gen(function*() {
      const age = Effect.map(Metric.value(PricingRefresh.ageMetric), ({ value }) => Number(value) / 86_400)
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      let list = listOf(1, "2026-11-12")
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* age, 10)
        yield* TestClock.adjust("30 days")
        assert.strictEqual(yield* age, 40)
        list = listOf(1, "2026-12-20")
        yield* TestClock.adjust("1 hour")
        assert.isBelow(yield* age, 3)
      }).pipe(Effect.provide(PricingRefresh.layer({ source: Effect.sync(() => list) })))
      yield* Effect.provide(Effect.void, PricingRefresh.layer({ source: unavailable }))
      // The snapshot is of 2026-11-10.
      assert.isAbove(yield* age, 40)
    }))

  it.effect("does not wait for a store for ever", () =>
    Effect.gen(function*() {
      const store = KeyValueStore.makeStringOnly({
        get: () => Effect.never,
        set: () => Effect.never,
        remove: () => Effect.void,
        clear: Effect.void,
        size: Effect.succeed(0),
        keys: Effect.succeed([])
      })
      const layer = PricingRefresh.layerStored({ source: unavailable }).pipe(
        Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, store))
      )
      const fiber = yield* Effect.forkChild(Effect.provide(costOf("gpt-4o"), layer), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "2.5")
    }))

  it.effect("gives up a source that says nothing, and asks again", () =>
    Effect.gen(function*() {
      let calls = 0
      const source = Effect.suspend(() => ++calls === 1 ? Effect.never : Effect.succeed(listOf(7)))
      const fiber = yield* Effect.forkChild(
        Effect.gen(function*() {
          yield* Effect.sleep("3 hours")
          return yield* costOf("gpt-4o")
        }).pipe(Effect.provide(PricingRefresh.layer({ source }))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("4 hours")
      assert.strictEqual(yield* Fiber.join(fiber), "7")
    }))

  it.effect("shows no part of a URL that may be secret, and sends its user and password as a header", () =>
    Effect.gen(function*() {
      const sent: Array<string | undefined> = []
      const client = HttpClient.make((request, url) => {
        sent.push(request.headers["authorization"], url.href)
        return Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, description: `no route to ${url.href} for pa$$word` })
          })
        )
      })
      const { exporter, layer } = spans()
      const error = yield* PricingRefresh.fromUrl("https://user:pa%24%24word@prices.test/list.json?v=s3cr3t#fr4gment")
        .pipe(
          Effect.flip,
          Effect.provideService(HttpClient.HttpClient, client),
          Effect.withSpan("test"),
          Effect.provide(layer)
        )
      assert.deepStrictEqual(sent, [
        `Basic ${btoa("user:pa$$word")}`,
        "https://prices.test/list.json?v=s3cr3t"
      ])
      for (const user of ["user:", ":word"]) {
        sent.length = 0
        yield* Effect.exit(Effect.provideService(
          PricingRefresh.fromUrl(`https://${user}@prices.test/list.json`),
          HttpClient.HttpClient,
          client
        ))
        assert.deepStrictEqual(sent, [`Basic ${btoa(user)}`, "https://prices.test/list.json"])
      }
      assert.strictEqual(error.source, "https://prices.test/list.json")
      const shown = `${error.message} ${Cause.pretty(Cause.fail(error))} ${JSON.stringify(error)} ${exporter.join(" ")}`
      for (const secret of ["user", "pa$$word", "pa%24%24word", "s3cr3t", "fr4gment"]) assert.notInclude(shown, secret)
      const bare = PricingRefresh.fromUrl("https://prices.test/list.json?s3cr3t")
      assert.notInclude(
        (yield* Effect.flip(Effect.provideService(bare, HttpClient.HttpClient, client))).message,
        "s3cr3t"
      )
      for (const url of ["prices.json", "http://[", "file:///etc/s3cr3t"]) {
        const refused = yield* Effect.flip(
          Effect.provideService(PricingRefresh.fromUrl(url), HttpClient.HttpClient, client)
        )
        assert.notInclude(refused.message, "s3cr3t")
      }
    }))

  it.effect("refuses a pipe, for whose writer it would wait for ever", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = `${yield* files.makeTempDirectoryScoped()}/pipe`
      execFileSync("mkfifo", [path])
      assert.match((yield* Effect.flip(PricingRefresh.fromFile(path))).message, /it is a pipe$/)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("refuses a file that is too large, and days that are none", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* files.makeTempFileScoped()
      yield* files.writeFile(path, new Uint8Array(PricingRefresh.maxSize + 1))
      assert.match((yield* Effect.flip(PricingRefresh.fromFile(path))).message, /larger than 16777216 bytes/)
      const list = `{ "date": "2026-13-45", "tables": [] }`
      assert.match((yield* Effect.flip(PricingRefresh.parse(list, "a test"))).message, /a day of the calendar/)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
})

/** The attributes of all spans. */
const spans = () => {
  const exporter: Array<string> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const attribute = span.attribute.bind(span)
      span.attribute = (key, value) => {
        exporter.push(`${key}=${String(value)}`)
        attribute(key, value)
      }
      return span
    }
  })
  return { exporter, layer: Layer.succeed(Tracer.Tracer, tracer) }
}
