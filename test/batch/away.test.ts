import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Batch from "../../src/Batch.ts"
import { OpenAi } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Wire from "../../src/testing/Wire.ts"

const body = Wire.concat(Wire.encode(
  Wire.openai,
  Answer.openai(Answer.make({ content: "yes", usage: { inputTokens: 10, cachedTokens: 0, outputTokens: 5 } }))
))

/** A provider, and a store that refuses everything from the time a call is answered, or would be started. */
const world = (reason: Store.StoreError["reason"], from: "start" | "answer") =>
  Effect.map(Store.memory, (inner) => {
    const state = { isAway: false, calls: 0, refusals: 0 }
    const store: Store.Service = {
      scan: inner.scan,
      transact: (keys, transition) =>
        Effect.suspend(() => {
          const isFirst = state.refusals === 0
          if (from === "start" && isFirst && keys.some((key) => key.startsWith(Store.key("target")))) {
            state.isAway = true
          }
          if (!state.isAway) return inner.transact(keys, transition)
          state.refusals += 1
          return Effect.fail(new Store.StoreError({ reason, message: "gone" }))
        })
    }
    const client = HttpClient.make((request) =>
      Effect.sync(() => {
        state.calls += 1
        if (from === "answer") state.isAway = true
        return HttpClientResponse.fromWeb(
          request,
          new Response(body.slice(), { headers: { "content-type": "text/event-stream" } })
        )
      })
    )
    return {
      state,
      layer: Layer.merge(Layer.succeed(HttpClient.HttpClient, client), Layer.succeed(Store.Store, store))
    }
  })

const turns = Effect.forEach(
  Array.from({ length: 50 }),
  () => Effect.promise(() => new Promise(setImmediate)),
  { discard: true }
)

const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => Effect.andThen(TestClock.adjust("1 second"), turns), {
    discard: true
  })

const started = Effect.fnUntraced(function*(reason: Store.StoreError["reason"], from: "start" | "answer") {
  const { layer, state } = yield* world(reason, from)
  const run = yield* Batch.run([{ id: "a", request: { prompt: "Hi", maxTokens: 10 } }], {
    name: "b",
    targets: [{ provider: OpenAi.define({ apiKey: Redacted.make("sk-key"), model: "gpt-4o-mini" }) }]
  }).pipe(Effect.provide(layer), Effect.forkChild)
  while (state.refusals === 0) yield* turns
  return { run, state }
})

describe.each(["start", "answer"] as const)("a store that goes away at the %s of a request", (from) => {
  it.effect("is waited for, and the request is paid once", () =>
    Effect.gen(function*() {
      const { run, state } = yield* started("Unavailable", from)
      yield* pass(20)
      assert.strictEqual(run.pollUnsafe(), undefined)
      state.isAway = false
      yield* pass(1)
      assert.deepInclude(yield* Fiber.join(run), { status: "done", answers: 1, failures: 0, attempts: 1 })
      assert.strictEqual(state.calls, 1)
    }))

  it.effect("is waited for half a minute", () =>
    Effect.gen(function*() {
      const { run } = yield* started("Unavailable", from)
      yield* pass(25)
      assert.strictEqual(run.pollUnsafe(), undefined)
      yield* pass(10)
      assert.isDefined(run.pollUnsafe())
      assert.deepInclude(yield* Effect.flip(Fiber.join(run)), { _tag: "StoreError", reason: "Unavailable" })
    }))

  it.effect("and refuses for another reason ends the run at once", () =>
    Effect.gen(function*() {
      const { run } = yield* started("Corrupt", from)
      yield* turns
      assert.isDefined(run.pollUnsafe())
      assert.deepInclude(yield* Effect.flip(Fiber.join(run)), { _tag: "StoreError", reason: "Corrupt" })
    }))
})
