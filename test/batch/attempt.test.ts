import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Redacted, Result, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import * as BatchAnswer from "../../src/batch/answer.ts"
import * as Store from "../../src/stores/Store.ts"
import { answered, host, join, lines, process, refused, seconds, turns, until, upstream } from "./process.ts"

const event = (value: object): string =>
  `data: ${
    JSON.stringify({
      id: "r",
      object: "chat.completion.chunk",
      created: 1,
      model: "gpt-4o-mini",
      choices: [],
      ...value
    })
  }\n\n`

const delta = (delta: object, finish_reason: string | null = null) =>
  event({ choices: [{ index: 0, delta, finish_reason }] })

const stream = (...events: ReadonlyArray<string>) =>
  new Response(events.join(""), { headers: { "content-type": "text/event-stream" } })

const usage = event({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } })

const counts = {
  inputTokens: 10,
  cachedTokens: null,
  cacheWriteTokens: null,
  outputTokens: 5,
  reasoningTokens: null
}

/** What a process of its own writes for a line, and what the run came to. */
const endOf = Effect.fnUntraced(function*(reply: () => Response | "hang", options: Partial<Batch.Options> = {}) {
  const one = yield* Effect.provide(process(lines("a"), { maxRetries: 0, ...options }), upstream(reply).layer)
  const report = yield* one.run
  return { answers: one.texts.map((text) => BatchAnswer.fromText(text)), report }
}, Effect.provide(Store.layerMemory))

const none: BatchAnswer.Answer = {
  id: "a",
  ...BatchAnswer.nothing,
  provider: "openai",
  model: "gpt-4o-mini",
  cost: null,
  attempts: 1,
  cached: false,
  error: null
}

describe("the answer of an attempt", () => {
  it.live("has all that was said, without the secrets that are in it", () =>
    Effect.gen(function*() {
      const say = (secret: string) =>
        stream(
          ...[
            delta({ content: `c ${secret}`, reasoning_content: `r ${secret}`, refusal: `n ${secret}` }),
            delta({
              tool_calls: [{
                index: 0,
                id: `i-${secret}`,
                type: "function",
                function: { name: `t-${secret}`, arguments: `"${secret}"` }
              }]
            }),
            delta({}, "tool_calls"),
            usage
          ].map((text) => text.replace("gpt-4o-mini", `m-${secret}`)),
          "data: [DONE]\n\n"
        )
      const whole = (secret: string): BatchAnswer.Answer => ({
        ...none,
        model: `m-${secret}`,
        content: `c ${secret}`,
        reasoning: `r ${secret}`,
        refusal: `n ${secret}`,
        toolCalls: [{ id: `i-${secret}`, name: `t-${secret}`, arguments: `"${secret}"` }],
        finishReason: "tool_calls",
        usage: counts
      })
      assert.deepStrictEqual((yield* endOf(() => say("nothing"))).answers, [whole("nothing")])
      assert.deepStrictEqual((yield* endOf(() => say("sk-key"))).answers, [whole("<redacted>")])
      const own = { secrets: [Redacted.make("my secret")] }
      assert.deepStrictEqual((yield* endOf(() => say("my secret"), own)).answers, [whole("<redacted>")])
    }))

  const broken = event({ error: { message: "broken", type: "server_error" } })
  const error = { reason: "IncompleteStream", status: null, retryable: true, emitted: true }
  const cases: ReadonlyArray<
    readonly [
      what: string,
      reply: () => Response,
      expected: Omit<Partial<BatchAnswer.Answer>, "error"> & {
        readonly error: Omit<NonNullable<BatchAnswer.Answer["error"]>, "message">
      }
    ]
  > = [
    ["is refused", () => refused(400), {
      error: { reason: "InvalidRequest", status: 400, retryable: false, emitted: false }
    }],
    ["ends before anything is said", () => stream(delta({ role: "assistant" })), {
      error: { ...error, emitted: false }
    }],
    ["is cut", () => stream(delta({ content: "hal" })), { content: "hal", reasoning: "", refusal: "", error }],
    ["fails after its end was stated, and its tokens", () => stream(delta({ content: "all" }, "stop"), usage, broken), {
      content: "all",
      reasoning: "",
      refusal: "",
      finishReason: "stop",
      usage: counts,
      cost: "0.0000045",
      error: { ...error, reason: "ServerError" }
    }],
    ["is cut after its tokens, which may not be all", () => stream(delta({ content: "hal" }), usage), {
      content: "hal",
      reasoning: "",
      refusal: "",
      usage: counts,
      error
    }]
  ]
  for (const [what, reply, expected] of cases) {
    it.live(`that ${what} says what there is`, () =>
      Effect.gen(function*() {
        const { answers, report } = yield* endOf(reply)
        const message = answers[0]?.error?.message ?? ""
        assert.deepStrictEqual(answers, [{ ...none, ...expected, error: { ...expected.error, message } }])
        assert.isNotEmpty(message)
        assert.deepInclude(report, { failures: 1, failuresByReason: { [expected.error.reason]: 1 } })
      }))
  }
})

describe("a provider that wants a pause", () => {
  const cases: ReadonlyArray<readonly [what: string, status: number, after: number, expected: Partial<Batch.Report>]> =
    [
      ["as long as a run waits is waited for", 429, 60, { status: "done", answers: 1, attempts: 2 }],
      ["longer than that is not asked again in the run", 429, 61, { status: "stopped", left: 1, attempts: 1 }],
      ["after what no pause mends ends the line alone", 400, 61, { status: "done", failures: 1, attempts: 1 }]
    ]
  for (const [what, status, after, expected] of cases) {
    it.effect(what, () => {
      const { layer } = upstream((_, nth) =>
        nth > 0
          ? answered()
          : new Response(`{"error":{"message":"slow"}}`, { status, headers: { "retry-after": String(after) } })
      )
      return Effect.gen(function*() {
        const run = yield* Effect.forkChild((yield* process(lines("a"), { maxWait: "1 minute" })).run)
        assert.deepInclude(yield* join(run), expected)
      }).pipe(Effect.provide([layer, Store.layerMemory]))
    })
  }
})

describe("a request that takes more tokens than its limit ever has", () => {
  it.live("is no attempt, and its line fails", () => {
    const { calls, layer } = upstream(() => answered())
    return Effect.gen(function*() {
      // A text of one word, and 1000 tokens for the answer.
      const all: ReadonlyArray<Batch.Line> = [{ id: "a", request: { prompt: "a", maxTokens: 1000 } }]
      const one = yield* process(all, { tokenRate: { amount: 100, every: "1 minute" } })
      assert.deepInclude(yield* one.run, { status: "done", failures: 1, attempts: 0 })
      const [answer] = one.texts.map((text) => BatchAnswer.fromText(text))
      const tokens = Number(/may take (\d+) tokens/.exec(answer?.error?.message ?? "")?.[1])
      assert.isAbove(tokens, 1000)
      assert.deepStrictEqual(answer, {
        ...none,
        attempts: 0,
        error: {
          reason: "ExceedsLimit",
          message: `the request may take ${tokens} tokens, and the limit is 100`,
          status: null,
          retryable: false,
          emitted: false
        }
      })
      // A limit that has just so many lets it start.
      const other = yield* process(all, { name: "c", tokenRate: { amount: tokens, every: "1 minute" } })
      assert.deepInclude(yield* other.run, { status: "done", answers: 1, attempts: 1 })
      assert.deepStrictEqual(calls, ["one.test a"])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("what happens within the program", () => {
  it.live("while a line is told of ends the run with it, and the line has ended", () => {
    const { layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const wrong = new Store.StoreError({ reason: "Unavailable", message: "no disk" })
      const { session } = yield* Batch.open<Store.StoreError>(
        { name: "b", targets: [{ provider: host("one") }], concurrency: 1 },
        {
          source: {
            all: Stream.fromIterable(
              lines("a", "b").map((value, index) => ({ number: index + 1, value: Result.succeed(value) }))
            ),
            at: (index) => Effect.succeed(lines("a", "b")[index]),
            sizeOf: () => 0
          },
          onEnded: () => Effect.fail(wrong)
        }
      )
      const { progress, register, report, work } = yield* session
      yield* register(Stream.empty)
      assert.deepStrictEqual(progress(), {
        answers: 0,
        failures: 0,
        attempts: 0,
        cached: 0,
        lines: 2,
        ended: 0,
        failed: 0,
        running: 0
      })
      assert.strictEqual(yield* Effect.flip(Effect.scoped(work)), wrong)
      assert.deepStrictEqual(progress(), {
        answers: 1,
        failures: 0,
        attempts: 1,
        cached: 0,
        lines: 2,
        ended: 1,
        failed: 0,
        running: 0
      })
      const each: Array<readonly [number, string | null]> = []
      assert.deepInclude(yield* report((index, line) => each.push([index, line.reason])), {
        status: "failed",
        why: "no disk",
        answers: 1,
        left: 1
      })
      assert.deepStrictEqual(each, [[0, null]])
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })

  it.live("while a provider is asked is an error of its line", () => {
    const layer = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.die(new Error("a bug"))))
    return Effect.gen(function*() {
      const one = yield* process(lines("a"), { maxRetries: 0 })
      assert.deepInclude(yield* one.run, { status: "done", failures: 1 })
      const [answer] = one.texts.map((text) => BatchAnswer.fromText(text))
      assert.deepStrictEqual(answer, {
        ...none,
        error: {
          reason: "Unknown",
          message: "the request failed within this program",
          status: null,
          retryable: false,
          emitted: false
        }
      })
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})

describe("lines that a process has", () => {
  /** A store, and how many lines each step has looked at; a lease is `until` of the line as it was last written. */
  const watched = Effect.map(Store.memory, (inner) => {
    const steps: Array<number> = []
    const leases: Array<number> = []
    const store: Store.Service = {
      scan: inner.scan,
      transact: (keys, transition) => {
        const some = keys.filter((key) => key.includes(`"line"`))
        if (some.length > 0) steps.push(some.length)
        return inner.transact(keys, (values, now) =>
          Result.map(transition(values, now), (step) => {
            for (const { key, value } of step.writes) {
              const until = /"until":(\d+)/.exec(value ?? "")?.[1]
              if (key.includes(`"line"`) && until !== undefined) leases.push(Number(until))
            }
            return step
          }))
      }
    }
    return { leases, steps, store }
  })

  it.effect("are renewed three times in a lease, until it ends", () => {
    const { calls, layer } = upstream(() => "hang")
    return Effect.gen(function*() {
      const { leases, store } = yield* watched
      const run = yield* Effect.forkChild(
        Effect.flatMap(process(lines("a"), { lease: "9 seconds" }), ({ run }) => run).pipe(
          Effect.provideService(Store.Store, store)
        )
      )
      yield* until(() => calls.length > 0)
      yield* turns(20)
      const [first = 0] = leases
      yield* seconds(9)
      assert.deepStrictEqual(leases.filter((until) => until > first), [first + 3000, first + 6000, first + 9000])
      yield* Fiber.interrupt(run)
    }).pipe(Effect.provide(layer))
  })

  it.effect("are written and left in steps of at most 500", () => {
    const { layer } = upstream(() => answered())
    return Effect.gen(function*() {
      const { steps, store } = yield* watched
      const all = lines(...Array.from({ length: 1001 }, (_, n) => `q${n}`))
      const { register } = yield* Effect.provideService(process(all), Store.Store, store)
      yield* Effect.provideService(register(Stream.empty), Store.Store, store)
      assert.deepStrictEqual(steps, [500, 500, 1])
    }).pipe(Effect.provide(layer))
  })
})

describe("a run that is stopped", () => {
  it.effect("ends what runs, leaves what waits, and says so", () => {
    const { calls, layer } = upstream((call) => call.includes("bad") ? refused(500) : answered())
    return Effect.gen(function*() {
      const store = yield* Store.Store
      const { session } = yield* Batch.open<never>(
        { name: "b", targets: [{ provider: host("one") }], concurrency: 1, breaker: "off" },
        {
          source: {
            all: Stream.fromIterable(
              lines("bad", "good").map((value, index) => ({ number: index + 1, value: Result.succeed(value) }))
            ),
            at: (index) => Effect.succeed(lines("bad", "good")[index]),
            sizeOf: () => 0
          },
          onEnded: () => Effect.void
        }
      )
      const { progress, register, report, stop, work } = yield* session
      yield* register(Stream.empty)
      const run = yield* Effect.forkChild(Effect.scoped(work))
      yield* until(() => progress().answers === 1)
      yield* turns(20)
      assert.deepStrictEqual(calls, ["one.test bad", "one.test good"])
      assert.isUndefined(run.pollUnsafe())
      yield* stop
      yield* Fiber.join(run)
      assert.deepInclude(yield* report(() => {}), {
        status: "interrupted",
        why: "a signal",
        answers: 1,
        failures: 0,
        left: 1,
        attempts: 2
      })
      const entries = yield* Stream.runCollect(store.scan(""))
      const states = entries.filter(({ key }) => key.includes(`"line"`)).map(({ value }) =>
        /"state":"(\w+)"/.exec(value)?.[1]
      )
      assert.deepStrictEqual(states, ["pending", "ended"])
      yield* TestClock.adjust(Duration.minutes(1))
      assert.lengthOf(calls, 2)
    }).pipe(Effect.provide([layer, Store.layerMemory]))
  })
})
