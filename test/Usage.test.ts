import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Result, Schema } from "effect"
import {
  AnthropicChunk,
  ChatResponse,
  Cost,
  Messages,
  OpenAiResponsesChunk,
  Pricing,
  type Responses,
  Usage
} from "../src/index.ts"
import { snapshot } from "../src/pricing/snapshot.ts"

const Stated = Schema.NullOr(Schema.Finite)

describe("Usage", () => {
  describe("count", () => {
    it.prop("is a safe natural number for any stated number", [Schema.Number], ([stated]) => {
      const count = Usage.count(stated)
      assert.isTrue(count === undefined || (Number.isSafeInteger(count) && count >= 0))
    })

    it("keeps natural numbers, clamps negative ones and leaves out what is no number", () => {
      assert.deepStrictEqual([7, 0, -51, 1.9, null, undefined, NaN, Infinity].map(Usage.count), [
        7,
        0,
        0,
        1,
        undefined,
        undefined,
        undefined,
        undefined
      ])
    })
  })

  describe("iterations", () => {
    const stated = {
      input_tokens: 300,
      cache_read_input_tokens: 0,
      output_tokens: 30,
      iterations: [
        { type: "message", input_tokens: 300, output_tokens: 30, cache_read_input_tokens: 0 },
        { type: "compaction", input_tokens: 100, cache_read_input_tokens: 5000, output_tokens: 80 },
        { type: "advisor_message", model: "claude-opus-4-8", input_tokens: 400, output_tokens: 40 },
        { type: "fallback_message", model: "claude-sonnet-5", input_tokens: -1, output_tokens: 1 },
        null
      ]
    }

    it("say which model calls the totals include", () => {
      const usage = Messages.usageOf(stated)
      assert.deepStrictEqual(usage?.iterations, [
        { type: "message", included: true, inputTokens: 300, cachedTokens: 0, outputTokens: 30 },
        { type: "compaction", included: false, inputTokens: 5100, cachedTokens: 5000, outputTokens: 80 },
        { type: "advisor_message", included: false, model: "claude-opus-4-8", inputTokens: 400, outputTokens: 40 },
        { type: "fallback_message", included: true, model: "claude-sonnet-5", inputTokens: 0, outputTokens: 1 }
      ])
      assert.strictEqual(usage?.inputTokens, 300)
      assert.include(usage?.clampedCounts ?? [], "iterations.uncachedInputTokens")
    })

    it("come through a stream into what a price depends on", () => {
      const chunk = (payload: unknown) => Schema.decodeUnknownSync(AnthropicChunk.FromPayload)(payload)
      const { costMetadata } = ChatResponse.fromChunks([
        chunk({ type: "message_start", message: { model: "claude-sonnet-5", usage: { input_tokens: 300 } } }),
        chunk({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: stated })
      ])
      assert.deepStrictEqual(costMetadata.iterations?.map(({ type }) => type), [
        "message",
        "compaction",
        "advisor_message",
        "fallback_message"
      ])
    })
  })

  describe("of OpenAI's Responses API", () => {
    const completed = (response: Responses.Response) =>
      new OpenAiResponsesChunk({
        chunk: { type: "response.completed", response: { model: "gpt-6.2-sol", ...response } }
      })

    it("tells cache writes apart by how long they live, into what a price depends on", () => {
      const { costMetadata, usage } = completed({
        usage: {
          input_tokens: 100_000,
          output_tokens: 0,
          input_tokens_details: {
            cache_write_tokens: 100_000,
            cache_write_tokens_details: { ttl_30m_tokens: 1000, ttl_12h_tokens: 99_000 }
          }
        }
      })
      assert.deepInclude(usage, { cacheWriteTokens: 100_000, cacheWrite30mTokens: 1000, cacheWrite12hTokens: 99_000 })
      // 1000 × 2.50 + 99000 × 5
      const cost = Result.getOrThrow(Pricing.costWith(costMetadata, Pricing.makeUnsafe({ tables: snapshot })))
      assert.strictEqual(BigDecimal.format(cost.total), "0.4975")
      assert.isTrue(cost.isComplete)
    })

    it("counts no search where the provider says that there was none", () => {
      const output = [{ type: "web_search_call" as const, action: { type: "search" } }]
      const usage = { input_tokens: 1, output_tokens: 1 }
      const searches = (num_requests?: number | null) =>
        completed({
          output,
          usage,
          ...(num_requests === undefined ? {} : { tool_usage: { web_search: { num_requests } } })
        })
          .usage?.serverToolRequests?.["web_search"]
      assert.deepStrictEqual([undefined, null, 0, 3].map(searches), [1, 1, undefined, 3])
    })
  })

  it("says that a credit was taken off the price of a retry", () => {
    const chunk = (type: string) =>
      Schema.decodeUnknownSync(AnthropicChunk.FromPayload)({
        type: "message_delta",
        usage: { output_tokens: 8, fallback_credit: { status: { type } } }
      })
    const flags = (type: string) =>
      Cost.calculate(chunk(type).costMetadata, { provider: "anthropic", model: "claude-opus-5-5", output: 20 }).flags
    assert.deepInclude(flags("redeemed"), { kind: "credited", subject: "fallbackCredit" })
    assert.isFalse(flags("expired").some(({ kind }) => kind === "credited"))
  })

  describe("fromStated", () => {
    it("is undefined when nothing was stated", () => {
      assert.isUndefined(Usage.fromStated({ inputTokens: null, outputTokens: undefined, serverToolRequests: {} }))
    })

    it("tells a stated zero from an absent count", () => {
      const usage = Usage.fromStated({ inputTokens: 5, cachedTokens: 0 })
      assert.strictEqual(usage?.cachedTokens, 0)
      assert.isUndefined(usage?.outputTokens)
    })

    it("adds cache reads and writes to the input of providers that state it without them", () => {
      const usage = Usage.fromStated({ uncachedInputTokens: 3, cachedTokens: 100, cacheWriteTokens: 20 })
      assert.strictEqual(usage?.inputTokens, 123)
    })

    it("names the counts that it clamped", () => {
      const usage = Usage.fromStated({
        inputTokens: -5,
        cachedTokens: 1.5,
        reasoningTokens: 1e300,
        outputTokens: 7,
        serverToolRequests: { web_search: -1, web_fetch: 2 }
      })
      assert.deepStrictEqual(usage?.clampedCounts, [
        "inputTokens",
        "cachedTokens",
        "reasoningTokens",
        "serverToolRequests.web_search"
      ])
      assert.isUndefined(Usage.fromStated({ inputTokens: 5, outputTokens: null })?.clampedCounts)
    })

    it("stays a valid usage however large the parts are", () => {
      const usage = Usage.fromStated({ uncachedInputTokens: 1e300, cachedTokens: 1e300 })
      assert.isTrue(Schema.is(Usage.Usage)(usage))
    })

    it("passes on counts that disagree with one another", () => {
      const usage = Usage.fromStated({ inputTokens: 10, cachedTokens: 64 })
      assert.strictEqual(usage?.inputTokens, 10)
      assert.strictEqual(usage?.cachedTokens, 64)
    })
  })

  describe("sum", () => {
    const Tokens = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e9 })))
    const Some = Schema.Struct({
      inputTokens: Tokens,
      cachedTokens: Tokens,
      outputTokens: Tokens,
      serverToolRequests: Schema.optionalKey(Schema.Struct({ web_search: Schema.Literals([1, 2]) }))
    })

    it.prop("adds what is stated, and states what one of both states", [Some, Some], ([first, second]) => {
      const sum = Usage.sum(new Usage.Usage(first), new Usage.Usage(second))
      for (const key of ["inputTokens", "cachedTokens", "outputTokens"] as const) {
        const stated = [first[key], second[key]].filter((count) => count !== undefined)
        assert.strictEqual(sum[key], stated.length === 0 ? undefined : stated.reduce((a, b) => a + b))
      }
      const searches = [first, second].flatMap(({ serverToolRequests }) => serverToolRequests?.web_search ?? [])
      assert.strictEqual(
        sum.serverToolRequests?.["web_search"],
        searches.length === 0 ? undefined : searches.reduce((a: number, b) => a + b, 0)
      )
    })

    it.prop("is associative", [Some, Some, Some], (counts) => {
      const [a, b, c] = counts.map((fields) => new Usage.Usage(fields))
      assert.isDefined(a)
      assert.isDefined(b)
      assert.isDefined(c)
      assert.deepStrictEqual(Usage.sum(Usage.sum(a, b), c), Usage.sum(a, Usage.sum(b, c)))
    })

    it("keeps the calls behind both, each with its own counts", () => {
      const iteration = { type: "compaction", included: false, inputTokens: 7 }
      const one = new Usage.Usage({ inputTokens: 1, iterations: [iteration] })
      assert.deepStrictEqual(Usage.sum(one, one).iterations, [iteration, iteration])
    })
  })

  describe("merge", () => {
    const key = Schema.Literals(["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"])
    const Counts = Schema.Record(key, Stated)

    it.prop("takes per field the last stated value, and never adds", [Counts, Counts], ([first, second]) => {
      const a = Usage.fromStated(first)
      const b = Usage.fromStated(second)
      if (a === undefined || b === undefined) return
      const merged = Usage.merge(a, b)
      for (const field of key.literals) {
        assert.strictEqual(merged[field], Usage.count(second[field]) ?? Usage.count(first[field]))
      }
    })

    it.prop("is associative", [Counts, Counts, Counts], (counts) => {
      const [a, b, c] = counts.map((count) => Usage.fromStated(count) ?? new Usage.Usage({}))
      if (a === undefined || b === undefined || c === undefined) return
      assert.deepStrictEqual(Usage.merge(Usage.merge(a, b), c), Usage.merge(a, Usage.merge(b, c)))
    })

    it("keeps that a count was clamped until it is stated again", () => {
      const start = Usage.fromStated({ inputTokens: -1, outputTokens: -1 }) ?? assert.fail()
      const end = Usage.fromStated({ outputTokens: 9, cachedTokens: 0.5 }) ?? assert.fail()
      assert.deepStrictEqual(Usage.merge(start, end).clampedCounts, ["inputTokens", "cachedTokens"])
      assert.isUndefined(Usage.merge(start, new Usage.Usage({ inputTokens: 1, outputTokens: 1 })).clampedCounts)
    })

    it("recomputes the input when its parts come in different chunks", () => {
      const start = new Usage.Usage({ uncachedInputTokens: 3, cachedTokens: 100, inputTokens: 103 })
      const end = new Usage.Usage({ uncachedInputTokens: 50, inputTokens: 50, outputTokens: 9 })
      assert.strictEqual(Usage.merge(start, end).inputTokens, 150)
    })
  })
})
