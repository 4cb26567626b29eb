/**
 * Every fault of `docs/reliability.md`, at the bottom of a whole stack: whatever happens, the answer is that of one provider.
 */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Exit, Layer, pipe, Result, Schedule, Schema, Stream } from "effect"
import { clients, faults, providers, type Row } from "../../bench/faults.ts"
import { CostEstimate, OpenAiChunk, Pricing, type Provider } from "../../src/index.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Cache from "../../src/middleware/Cache.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import * as Retry from "../../src/middleware/Retry.ts"
import * as Machine from "../../src/middleware/state/limit.ts"
import * as Store from "../../src/stores/Store.ts"
import type { ReplayServer } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { byTurns } from "../support/clock.ts"

const first = "Hello, big world!"
const second = "Another answer"

const healthy: Provider.Service<OpenAiChunk> = {
  name: "healthy",
  stream: () =>
    Stream.fromIterable(
      second.split(/(?= )/).map((content) =>
        new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content } }] } })
      )
    )
}

// A budget refuses what has no price.
const pricing = Pricing.makeUnsafe({
  tables: [],
  overrides: Object.fromEntries(
    ["openai", "anthropic", "groq", "azure", "bedrock"].map((name) => [name, { "some-model": { input: 1, output: 2 } }])
  )
})

const request = { model: "some-model", prompt: "Hello", maxTokens: 100 }

/** The tokens that are taken before an attempt. */
const tokens = Result.getOrThrow(Result.map(
  CostEstimate.atMost(request, { provider: "openai" }, pricing),
  ({ inputTokens, outputTokens = 0 }) => inputTokens + outputTokens
))

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Machine.State))

/** The tokens that a limit counts. */
const taken = Store.Store.use(({ scan }) =>
  Stream.runFold(scan(Store.key("limit")), () => 0, (sum, { value }) => sum + (decode(value).tokens?.used ?? 0))
)

/** The text of an answer that a stack has made of a fault, whether it ended well, and how many requests that took. */
const answer = (row: Row, reply: ReplayServer.Reply) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* Effect.orDie(NodeReplayServer.make([reply, reply, reply]))
    const limit = yield* Limit.make({
      requests: { limit: 1000, every: "1 minute" },
      tokens: { limit: 1_000_000, every: "1 minute" }
    })
    const breaker = yield* Breaker.make({ failures: 1000 })
    let failures = 0
    const retry = Retry.retried({ schedule: Schedule.recurs(5), onFailure: () => Effect.sync(() => void failures++) })
    const ledger = yield* Ledger.make()
    const budget = yield* Budget.make({ limit: "1" })
    const cache = yield* Cache.make()
    const faulty = pipe(yield* row.make(server.url), ledger, budget, breaker, limit, retry)
    const stack = cache(Fallback.make([{ provider: faulty, maxRetries: 1 }, healthy]))
    const asked = (onChunk: (content: string) => void) =>
      stack.stream(request).pipe(
        Stream.runForEach((chunk) => Effect.sync(() => onChunk(chunk.content))),
        Effect.exit
      )
    let text = ""
    const exit = yield* asked((content) => text += content)
    const requests = (yield* server.requests).length
    const isComplete = Exit.isSuccess(exit)
    // A row for each attempt, and each has ended. What a client refuses by itself is an attempt, and never arrives.
    const rows = yield* Stream.runCollect(Ledger.rows())
    assert.strictEqual(rows.length, failures + (text === second ? 0 : 1))
    assert.isAtLeast(rows.length, requests)
    assert.isTrue(rows.every(({ outcome }) => outcome !== "running"))
    const { remaining, reserved, spent, unknown } = yield* Budget.balance({ limit: "1" })
    assert.isTrue(BigDecimal.isZero(reserved))
    assert.isTrue(BigDecimal.equals(BigDecimal.sumAll([remaining, spent, unknown]), BigDecimal.fromNumberUnsafe(1)))
    // Of the tokens that were taken, those come back that an answer states it did not use.
    assert.strictEqual(
      yield* taken,
      rows.reduce(
        (sum, { usage }) => sum + (usage === null ? tokens : (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0)),
        0
      )
    )
    // What is kept is the whole answer, and nobody is asked for it again; what has failed is asked for again.
    if (text === first && isComplete) {
      let kept = ""
      yield* asked((content) => kept += content)
      assert.strictEqual(kept, text)
      assert.strictEqual((yield* server.requests).length, requests)
    } else if (!isComplete) {
      yield* asked(() => {})
      assert.isAbove((yield* server.requests).length, requests)
    }
    return { isComplete, requests, text }
  })).pipe(Effect.provide(Store.layerMemory), Effect.provideService(Pricing.Pricing, pricing))

describe("a stack of middleware", () => {
  for (const [fault, replyOf] of Object.entries(faults)) {
    it.live(`never mixes two answers: ${fault}`, () =>
      byTurns(Effect.forEach(
        Object.entries(providers).flatMap(([provider, row]) =>
          Object.entries(clients).map(([name, client]) => ({ client, label: `${provider}, ${name}`, row }))
        ),
        ({ client, label, row }) =>
          Effect.map(
            Effect.provide(answer(row, replyOf(row)), Layer.fresh(client)),
            ({ isComplete, requests, text }) => {
              if (text === second) assert.isTrue(isComplete, label)
              else {
                // What has begun goes on with nobody else, to its end or its failure.
                assert.isTrue(isComplete ? text === first : text !== "" && first.startsWith(text), `${label}: ${text}`)
                assert.strictEqual(requests, 1, label)
              }
              assert.isAtMost(requests, 2, label)
            }
          ),
        { concurrency: "unbounded", discard: true }
      )))
  }
})
