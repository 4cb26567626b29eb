import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import { Anthropic, OpenAi } from "../../src/index.ts"
import * as Ledger from "../../src/middleware/state/ledger.ts"
import * as Store from "../../src/stores/Store.ts"

type Reply = (prompt: string, nth: number) => Response | "hang"

const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

const chunk = (delta: object, finish_reason: string | null = null) =>
  event({
    id: "r",
    object: "chat.completion.chunk",
    created: 1,
    model: "gpt-4o-mini",
    choices: [{ index: 0, delta, finish_reason }]
  })

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }

const body = (text: string) =>
  `${chunk({ role: "assistant", content: "" })}${chunk({ content: text })}${chunk({}, "stop")}${
    event({ id: "r", object: "chat.completion.chunk", created: 1, model: "gpt-4o-mini", choices: [], usage })
  }data: [DONE]\n\n`

const sse = (text: string): Response => new Response(text, { headers: { "content-type": "text/event-stream" } })

const refusal = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ error: { message: `status ${status}`, type: "t", code: null } }), {
    status,
    headers: { "content-type": "application/json", ...headers }
  })

/** An upstream that counts what reaches it. */
const upstream = (reply: Reply) => {
  const calls: Array<{ readonly prompt: string; readonly host: string }> = []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
      const { messages }: { readonly messages: ReadonlyArray<{ readonly content: unknown }> } = JSON.parse(text)
      const prompt = JSON.stringify(messages[0]?.content)
      const nth = calls.filter((call) => call.prompt === prompt).length
      calls.push({ prompt, host: url.host })
      const response = reply(prompt, nth)
      return response === "hang" ? Effect.never : Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
  return { calls, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const openai = OpenAi.define({ apiKey: Redacted.make("sk-the-secret-key"), model: "gpt-4o-mini" })

const lines = (n: number): ReadonlyArray<Batch.Line> =>
  Array.from({ length: n }, (_, i) => ({ id: `q${i}`, request: { prompt: `question ${i}` } }))

const options = { name: "batch", targets: [{ provider: openai }] } as const

describe("Batch", () => {
  it.live("answers each line once, and again asks nothing", () => {
    const { calls, layer } = upstream((prompt) => sse(body(`answer to ${prompt}`)))
    return Effect.gen(function*() {
      const ended: Array<Batch.Answer> = []
      const run = Batch.run(lines(40), { ...options, onEnded: (answer) => Effect.sync(() => ended.push(answer)) })
      const report = yield* run
      assert.deepInclude(report, {
        status: "done",
        lines: 40,
        answers: 40,
        failures: 0,
        left: 0,
        attempts: 40,
        unstated: 0
      })
      assert.strictEqual(new Set(ended.map(({ id }) => id)).size, 40)
      assert.isTrue(
        ended.every(({ content, cost, id }) =>
          content === `answer to "question ${id.slice(1)}"` && cost === "0.0000045"
        )
      )
      assert.strictEqual(report.cost, "0.00018")
      const again = yield* run
      assert.strictEqual(calls.length, 40)
      assert.deepStrictEqual({ ...again, run: report.run }, report)
      assert.strictEqual(again.run.attempts, 0)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("asks the next target, and the line says who answered", () => {
    const { calls, layer } = upstream((_, nth) => nth === 0 ? refusal(500) : sse(body("late")))
    return Effect.gen(function*() {
      const report = yield* Batch.run(lines(5), {
        ...options,
        breaker: "off",
        targets: [{ provider: openai }, { provider: openai, model: "gpt-4.1-mini" }]
      })
      assert.deepInclude(report, { status: "done", answers: 5, attempts: 10, retried: 5 })
      assert.strictEqual(calls.length, 10)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("leaves lines that the budget does not have, and fails none", () => {
    const { calls, layer } = upstream(() => sse(body("yes")))
    return Effect.gen(function*() {
      const asked = lines(20).map(({ id }) => ({ id, request: { prompt: "question", maxTokens: 5 } }))
      const before = yield* Batch.run(asked.slice(0, 2), options)
      assert.strictEqual(before.cost, "0.000009")
      const report = yield* Batch.run(asked, { ...options, maxCost: "0.00005" })
      assert.strictEqual(report.status, "budget")
      assert.strictEqual(report.answers, calls.length)
      assert.strictEqual(report.left, 20 - calls.length)
      // What the first run did cost counts, although it had no budget.
      assert.isAtMost(Number(report.cost), 0.00005)
      assert.isAbove(calls.length, 2)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("stops when its key is refused, and leaves the lines", () => {
    const { calls, layer } = upstream(() => refusal(401))
    return Effect.gen(function*() {
      const report = yield* Batch.run(lines(30), { ...options, concurrency: 4 })
      assert.deepInclude(report, { status: "stopped", failures: 0, left: 30 })
      assert.isAtMost(calls.length, 4)
      assert.match(report.why ?? "", /Authentication/)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("asks equal requests once with a cache", () => {
    const { calls, layer } = upstream(() => sse(body("yes")))
    return Effect.gen(function*() {
      const same = lines(30).map(({ id }, i) => ({ id, request: { prompt: `question ${i % 3}` } }))
      const report = yield* Batch.run(same, { ...options, cache: true })
      assert.deepInclude(report, { answers: 30, cached: 27, attempts: 3, cost: "0.0000135" })
      assert.strictEqual(calls.length, 3)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("cuts a key out of whatever is echoed", () => {
    const { layer } = upstream((prompt) =>
      prompt.includes("0") ? refusal(400) : sse(body("your key is sk-the-secret-key, isn't it"))
    )
    return Effect.gen(function*() {
      const store = yield* Store.Store
      yield* Batch.run(lines(3), options)
      const entries = yield* Stream.runCollect(store.scan(""))
      assert.isNotEmpty(entries)
      assert.notInclude(JSON.stringify(entries), "sk-the-secret-key")
      assert.include(JSON.stringify(entries), "your key is <redacted>")
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("leaves nothing running when it is interrupted, and goes on the next time", () => {
    let isHanging = true
    const { calls, layer } = upstream(() => isHanging ? "hang" : sse(body("yes")))
    return Effect.gen(function*() {
      const store = yield* Store.Store
      const fiber = yield* Effect.forkChild(Batch.run(lines(6), { ...options, concurrency: 4 }))
      while (calls.length < 4) yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(fiber)
      const rows = yield* store.scan(Ledger.prefix({ batch: "batch" })).pipe(
        Stream.mapEffect(({ key, value }) => Effect.fromResult(Ledger.cells(key).read(value))),
        Stream.runCollect
      )
      assert.deepStrictEqual(rows.map((row) => String(row?.outcome)), Array.from({ length: 4 }, () => "cancelled"))
      const refused = yield* Effect.flip(Batch.run(lines(4), options))
      assert.isTrue(refused._tag === "BatchRefused" && refused.problems.some((problem) => problem.includes("q5")))
      assert.strictEqual(calls.length, 4)
      isHanging = false
      const report = yield* Batch.run(lines(6), options)
      assert.deepInclude(report, { status: "done", answers: 6, attempts: 10, unstated: 4 })
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.effect("waits as long as a provider asks, by the store's clock", () => {
    const { calls, layer } = upstream((_, nth) => nth === 0 ? refusal(429, { "retry-after": "60" }) : sse(body("yes")))
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Batch.run(lines(1), options))
      while (calls.length < 1) {
        yield* TestClock.adjust(1)
        yield* Effect.promise(() => new Promise(setImmediate))
      }
      for (let second = 0; second < 58; second++) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise(setImmediate))
      }
      assert.strictEqual(calls.length, 1)
      while (calls.length < 2) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise(setImmediate))
      }
      const report = yield* Fiber.join(fiber)
      assert.deepInclude(report, { status: "done", attempts: 2, retried: 1 })
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.effect("stops a target for 30 seconds after five failures in a row, unless it is told otherwise", () => {
    const { calls, layer } = upstream(() => refusal(500))
    return Effect.gen(function*() {
      yield* Effect.forkChild(Batch.run(lines(20), { ...options, concurrency: 1, maxRetries: 0 }))
      for (let second = 0; second < 29; second++) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise(setImmediate))
      }
      assert.strictEqual(calls.length, 5)
      while (calls.length < 6) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise(setImmediate))
      }
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  const wrong: ReadonlyArray<readonly [what: string, lines: ReadonlyArray<unknown>, problem: RegExp]> = [
    ["no id", [{ request: {} }], /line 1: no `id`/],
    ["an id twice", [{ id: "a", request: {} }, { id: "a", request: {} }], /line 2: .*line 1/],
    ["an id of 513 characters", [{ id: "🌍".repeat(513), request: {} }], /longer than 512/],
    ["another key", [{ id: "a", request: {}, modle: "m" }], /modle/]
  ]
  for (const [what, lines, problem] of wrong) {
    it.effect(`refuses a line with ${what}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Batch.run(lines as ReadonlyArray<Batch.Line>, options))
        assert.isTrue(error._tag === "BatchRefused" && problem.test(error.problems.join("\n")), String(error))
      }).pipe(Effect.provide([FetchHttpClient.layer, Store.layerMemory])))
  }

  const options2: ReadonlyArray<readonly [name: string, options: Partial<Batch.Options>]> = [
    ["concurrency", { concurrency: 0 }],
    ["maxRetries", { maxRetries: -1 }],
    ["maxCost", { maxCost: "0" }],
    ["rate.amount", { rate: { amount: 0.5, every: "1 second" } }],
    ["tokenRate.every", { tokenRate: { amount: 5, every: 0 } }],
    ["breaker.failures", { breaker: { failures: 0, openFor: "1 second" } }],
    ["lease", { lease: Number.NaN }],
    ["attemptTimeout", { attemptTimeout: Number.NaN }],
    ["maxWait", { maxWait: Number.NaN }],
    ["maxCost", { maxCost: "-1" }],
    ["rate.every", { rate: { amount: 5, every: Infinity } }],
    ["tokenRate.amount", { tokenRate: { amount: 0, every: "1 second" } }],
    ["breaker.openFor", { breaker: { failures: 1, openFor: Infinity } }],
    ["name", { name: 5 as never }],
    ["targets", { targets: [] as never }],
    ["targets", { targets: [{ provider: openai, model: 5 as never }] }],
    ...[{ endpoint: "/v1" }, { protocol: { provider: 5 } }, { auth: { make: 5 } }, { format: { encode: 5 } }].map(
      (wrong) => ["targets", { targets: [{ provider: { ...openai, ...wrong } as never }] }] as const
    ),
    ["secrets", { secrets: ["sk-plain" as never] }],
    ["secrets", { secrets: [Redacted.make(5) as never] }],
    ["defaults", { defaults: 5 as never }],
    ["breaker", { breaker: 5 as never }],
    ["rate", { rate: 5 as never }],
    ["No API key", { targets: [{ provider: Anthropic.define({}) }] }]
  ]
  for (const [name, wrong] of options2) {
    it.effect(`refuses a wrong option, and names it: ${name}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Batch.run(lines(1), { ...options, ...wrong }))
        assert.isTrue(error._tag === "ProviderError" && error.message.includes(name), String(error))
      }).pipe(Effect.provide([FetchHttpClient.layer, Store.layerMemory])))
  }
})
