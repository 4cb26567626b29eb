import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Exit, FileSystem, Option, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as CliCost from "../src/cli/cost.ts"
import * as CliPrices from "../src/cli/prices.ts"
import { ChatResponse, ChunkStream, Cost, CostMetadata, GroqChunk, OpenAiChunk, Pricing } from "../src/index.ts"
import { snapshot } from "../src/pricing/snapshot.ts"

// gpt-4o: 2.50 USD per million input tokens, 1.25 cached, 10 output.
const chunk = (payload: OpenAiChunk["chunk"]) => new OpenAiChunk({ chunk: { model: "gpt-4o", ...payload } })
const text = (content: string) => chunk({ choices: [{ index: 0, delta: { content } }] })
const usage = (prompt_tokens: number, cached_tokens: number, completion_tokens: number) =>
  chunk({ usage: { prompt_tokens, completion_tokens, prompt_tokens_details: { cached_tokens } } })
// 800 * 2.50 + 200 * 1.25 + 100 * 10 = 3250 USD per million
const stated = usage(1000, 200, 100)
const stranger = chunk({ model: "nobody-knows", usage: { prompt_tokens: 1, completion_tokens: 1 } })

const usd = (cost: Cost.Cost) => BigDecimal.format(cost.total)

describe("ChunkStream.withCost", () => {
  it.effect("has no cost before usage was stated, and the exact cost from then on", () =>
    Effect.gen(function*() {
      const pairs = yield* Stream.make(text("a"), stated, text("b")).pipe(ChunkStream.withCost, Stream.runCollect)
      assert.deepStrictEqual(
        pairs.map(([, cost]) => cost === undefined ? undefined : usd(Result.getOrThrow(cost))),
        [undefined, "0.00325", "0.00325"]
      )
    }))

  it.effect("does not add usage that is stated again or grows", () =>
    Effect.gen(function*() {
      const pairs = yield* Stream.make(usage(1000, 200, 1), stated, stated).pipe(
        ChunkStream.withCost,
        Stream.runCollect
      )
      const last = pairs.at(-1)?.[1]
      assert.strictEqual(last === undefined ? undefined : usd(Result.getOrThrow(last)), "0.00325")
    }))

  it.effect("adds the answers of two providers, also where no id tells them apart", () =>
    Effect.gen(function*() {
      // llama-3.1-8b-instant: 0.05 USD per million input tokens, 0.08 output.
      const other = new GroqChunk({
        chunk: { model: "llama-3.1-8b-instant", usage: { prompt_tokens: 1000, completion_tokens: 100 } }
      })
      const pairs = yield* Stream.make(stated, other).pipe(ChunkStream.withCost, Stream.runCollect)
      const last = pairs.at(-1)?.[1]
      assert.strictEqual(last === undefined ? undefined : usd(Result.getOrThrow(last)), "0.003308")
    }))

  it.effect("says that a price is not known instead of a number", () =>
    Effect.gen(function*() {
      const pairs = yield* Stream.make(stranger).pipe(ChunkStream.withCost, Stream.runCollect)
      const cost = pairs[0]?.[1]
      assert.isTrue(cost !== undefined && Result.isFailure(cost) && cost.failure._tag === "UnknownModel")
    }))

  it.effect("uses the prices in context", () =>
    Effect.gen(function*() {
      const pairs = yield* Stream.make(stranger).pipe(ChunkStream.withCost, Stream.runCollect)
      const cost = pairs[0]?.[1]
      assert.strictEqual(cost === undefined ? undefined : usd(Result.getOrThrow(cost)), "0.000003")
    }).pipe(
      Effect.provide(Pricing.layer({ overrides: { openai: { "nobody-knows": { input: 1, output: 2 } } } }))
    ))
})

describe("ChunkStream.withBudget", () => {
  it.effect("passes a stream that stays within its budget", () =>
    Effect.gen(function*() {
      const chunks = yield* Stream.make(text("a"), stated).pipe(ChunkStream.withBudget("0.00325"), Stream.runCollect)
      assert.strictEqual(chunks.length, 2)
    }))

  it.effect("fails after the chunk that states a cost above the limit, and ends the source", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      let ended = false
      const exit = yield* Stream.make(text("a"), stated, text("never")).pipe(
        Stream.rechunk(1),
        Stream.ensuring(Effect.sync(() => ended = true)),
        ChunkStream.withBudget("0.003"),
        Stream.runForEach((chunk) => Effect.sync(() => seen.push(chunk.content))),
        Effect.exit
      )
      const error = Exit.isFailure(exit)
        ? exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
        : undefined
      assert.deepStrictEqual(seen, ["a", ""])
      assert.strictEqual(error?._tag, "BudgetExceeded")
      assert.strictEqual(
        error?.message,
        "The response costs 0.00325 USD, more than the budget of 0.003 USD"
      )
      assert.isTrue(ended)
    }))

  it.effect("fails when the price is not known", () =>
    Effect.gen(function*() {
      const error = yield* Stream.make(stranger).pipe(ChunkStream.withBudget("1"), Stream.runDrain, Effect.flip)
      assert.strictEqual(error._tag, "UnknownModel")
    }))

  it.effect("refuses a limit that is no amount, and other costs that are none", () =>
    Effect.gen(function*() {
      const nothing = JSON.parse("null")
      const wrong: ReadonlyArray<[ChunkStream.Limit, string]> = [
        ["cheap", "limit"],
        ["-1", "limit"],
        ["", "limit"],
        [nothing, "limit"],
        [{ limit: nothing }, "limit"],
        [{ limit: "1", spent: nothing }, "spent"],
        [{ limit: "1", atMost: nothing }, "atMost"]
      ]
      for (const [limit, name] of wrong) {
        const error = yield* Stream.make(stated).pipe(ChunkStream.withBudget(limit), Stream.runDrain, Effect.flip)
        assert.strictEqual(error._tag === "ProviderError" ? error.reason._tag : error._tag, "InvalidRequest")
        assert.include(error.message, `\`${name}\``)
      }
    }))

  it.effect("starts anew on every run", () =>
    Effect.gen(function*() {
      const stream = Stream.make(stated).pipe(ChunkStream.withBudget("1"))
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
    }))
})

describe("Pricing.priced", () => {
  it.effect("sets the cost of a response", () =>
    Effect.gen(function*() {
      const response = yield* Effect.flatMap(ChunkStream.response(Stream.make(text("a"), stated)), Pricing.priced)
      assert.strictEqual(response.cost === undefined ? undefined : usd(response.cost), "0.00325")
      assert.strictEqual(response.content, "a")
    }))

  it.effect("leaves out a cost that is not known", () =>
    Effect.gen(function*() {
      const response = yield* Effect.flatMap(ChunkStream.response(Stream.make(stranger)), Pricing.priced)
      assert.isUndefined(response.cost)
    }))
})

describe("Counts on the wire that are none", () => {
  it.effect("are flagged in the cost of the stream, until they are stated well", () =>
    Effect.gen(function*() {
      const odd = usage(1000.5, 0, -3)
      const flags = (...chunks: ReadonlyArray<OpenAiChunk>) =>
        Stream.fromIterable(chunks).pipe(
          ChunkStream.response,
          Effect.flatMap(Pricing.priced),
          Effect.map(({ cost }) => cost?.flags.map(({ kind, subject }) => [kind, subject]))
        )
      assert.deepStrictEqual(yield* flags(text("a"), odd), [
        ["invalidCount", "inputTokens"],
        ["invalidCount", "outputTokens"]
      ])
      assert.deepStrictEqual(yield* flags(odd, stated), [])
    }))
})

describe("The command line", () => {
  const known = ChatResponse.fromChunks([stated])
  const unpriced = ChatResponse.fromChunks([stranger])
  const uncounted = ChatResponse.fromChunks([text("a")])
  const pricing = Pricing.makeUnsafe({ tables: snapshot })

  it("says when a total leaves a step out", () => {
    assert.strictEqual(CliCost.text([known, known], pricing), "$0.0065")
    assert.match(
      CliCost.text([known, unpriced], pricing),
      /^at least \$0\.00325 \(without 1 of 2 steps: No price is known/
    )
    assert.match(
      CliCost.text([known, uncounted], pricing),
      /^at least \$0\.00325 \(without 1 of 2 steps: no usage was stated/
    )
    assert.isEmpty(CliCost.total([known, known], pricing).unknown)
    assert.lengthOf(CliCost.total([known, unpriced, uncounted], pricing).unknown, 2)
    assert.isUndefined(CliCost.total([unpriced, uncounted], pricing).cost)
  })

  it.effect("prices as of today, like the rest", () =>
    Effect.gen(function*() {
      const metadata = new CostMetadata.CostMetadata({ provider: "openai", model: "gpt-5.6-sol", outputTokens: 1 })
      const priced = Effect.map(
        CliPrices.service(Option.none(), Option.none()),
        (pricing) => Result.getOrThrow(Pricing.costWith(metadata, pricing)).flags.map(({ kind }) => kind)
      ).pipe(Effect.provideService(FileSystem.FileSystem, FileSystem.makeNoop({})))
      yield* TestClock.setTime(Date.parse("2026-11-21"))
      assert.notInclude(yield* priced, "expiredPrice")
      yield* TestClock.setTime(Date.parse("2026-11-22"))
      assert.include(yield* priced, "expiredPrice")
    }))
})
