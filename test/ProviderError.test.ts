import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Duration, Effect, Schema } from "effect"
import { ChatCompletions, ProviderError, Usage } from "../src/index.ts"

const failed = (reason: ProviderError.Reason) =>
  new ProviderError.ProviderError({ provider: "openai", reason, emitted: false })

describe("ProviderError", () => {
  describe("classify", () => {
    const classify = ProviderError.classify(ChatCompletions.errors)

    it("puts the code before the message, the message before the status and the status before the type", () => {
      assert.strictEqual(classify({ message: "quota", status: 429, code: "insufficient_quota" })._tag, "QuotaExceeded")
      assert.strictEqual(
        classify({ message: "This model's maximum context length is 8192 tokens", code: "rate_limit_exceeded" })._tag,
        "RateLimited"
      )
      assert.strictEqual(
        classify({ message: "This model's maximum context length is 8192 tokens", status: 400 })._tag,
        "ContextLengthExceeded"
      )
      assert.strictEqual(classify({ message: "?", status: 404, type: "invalid_request_error" })._tag, "NotFound")
      assert.strictEqual(classify({ message: "?", type: "server_error" })._tag, "ServerError")
    })

    it.prop(
      "finds a reason for any status, and the retryable ones are those of the HTTP specification",
      [Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 599 }))],
      ([status]) => {
        const error = failed(classify({ message: "?", status }))
        assert.strictEqual(error.status, status)
        const expected = [408, 409, 425, 429].includes(status) || status >= 500
        assert.strictEqual(error.isRetryable, expected)
      }
    )

    it("lets the provider's own word override the default", () => {
      assert.isFalse(failed(classify({ message: "?", status: 500, shouldRetry: false })).isRetryable)
      assert.isTrue(failed(classify({ message: "?", status: 400, shouldRetry: true })).isRetryable)
    })

    it("takes what a content policy forbids for filtered", () => {
      for (const code of ["content_filter", "content_policy_violation"]) {
        assert.strictEqual(classify({ message: "?", status: 400, code })._tag, "ContentFiltered")
      }
    })

    it("does not take codes from the prototype of objects", () => {
      assert.strictEqual(classify({ message: "?", code: "constructor" })._tag, "Unknown")
    })
  })

  it("has shortcuts into its reason", () => {
    const error = failed(
      new ProviderError.RateLimited({
        message: "slow down",
        status: 429,
        code: "rate_limit_exceeded",
        requestId: "req_1",
        retryAfter: Duration.seconds(7)
      })
    )
    assert.strictEqual(error.message, "openai: RateLimited: slow down")
    assert.deepStrictEqual(
      [error.status, error.code, error.requestId, error.retryAfter],
      [429, "rate_limit_exceeded", "req_1", Duration.seconds(7)]
    )
  })

  it("is told from whatever else has its tag", () => {
    const error = failed(new ProviderError.Overloaded({ message: "busy" }))
    assert.isTrue(ProviderError.isProviderError(error))
    assert.isFalse(ProviderError.isProviderError({ _tag: "ProviderError" }))
    assert.isFalse(ProviderError.isProviderError({ ...error, reason: error.reason, message: error.message }))
  })

  it.effect("is handled by reason", () =>
    Effect.gen(function*() {
      const caught = yield* Effect.fail(failed(new ProviderError.Overloaded({ message: "busy" }))).pipe(
        Effect.catchReason("ProviderError", "Overloaded", (reason) => Effect.succeed(reason.message))
      )
      assert.strictEqual(caught, "busy")
    }))

  it("states what was spent until it happened, and whether all of that could be priced", () => {
    const usage = new Usage.Usage({ inputTokens: 1, outputTokens: 1 })
    const cost = (isComplete: boolean) => ({ usage, cost: { total: BigDecimal.fromStringUnsafe("0.5"), isComplete } })
    const after = (...responses: ReadonlyArray<Parameters<typeof ProviderError.withSpent>[1]>) =>
      responses.reduce(ProviderError.withSpent, failed(new ProviderError.Overloaded({ message: "busy" }))).spent
    const one = BigDecimal.sum(BigDecimal.fromStringUnsafe("0.5"), BigDecimal.fromStringUnsafe("0.5"))
    assert.deepInclude(after(cost(true), cost(true)), { cost: one, isComplete: true })
    assert.deepInclude(after(cost(false), cost(true)), { cost: one, isComplete: false })
    assert.deepInclude(after(cost(true), cost(false)), { cost: one, isComplete: false })
    assert.notProperty(after(cost(true), { usage }), "isComplete")
  })

  it.prop("crosses a wire as JSON", [ProviderError.ProviderError], ([error]) => {
    const codec = Schema.toCodecJson(ProviderError.ProviderError)
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error)))
    const back = Schema.decodeUnknownSync(codec)(json)
    assert.instanceOf(back, ProviderError.ProviderError)
    assert.strictEqual(back.message, error.message)
    assert.strictEqual(back.reason._tag, error.reason._tag)
    assert.strictEqual(back.isRetryable, error.isRetryable)
  })
})
