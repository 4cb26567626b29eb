import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted, Result, Stream } from "effect"
import { ProviderError } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Blocks from "../../src/ui/blocks.ts"
import * as Body from "../../src/ui/body.ts"
import * as Trust from "../../src/ui/Trust.ts"

const secret = (length: number) => Redacted.make("x".repeat(length))

describe("Trust", () => {
  it.effect("takes no secret of less than 32 characters, neither first nor behind another", () =>
    Effect.gen(function*() {
      for (const weak of [secret(31), [secret(31)], [secret(32), secret(31)]] as const) {
        const error = yield* Effect.flip(Trust.sealed({ secret: weak }))
        assert.deepStrictEqual([error._tag, error.length], ["WeakSecret", 31])
        assert.strictEqual(error.message, "The secret has 31 characters; it needs at least 32")
      }
      for (const none of [5, [], Redacted.make(5), undefined]) {
        const error = yield* Effect.flip(Trust.sealed({ secret: none as never }))
        assert.deepStrictEqual([error._tag, error.length], ["WeakSecret", 0])
      }
      for (const strong of [secret(32), [secret(32), secret(40)]] as const) {
        const { _tag, keys, use } = yield* Trust.sealed({ secret: strong })
        assert.deepStrictEqual([_tag, (yield* keys).length, use], [
          "Sealed",
          Redacted.isRedacted(strong) ? 1 : 2,
          undefined
        ])
      }
    }))

  it.effect("remembers the approvals that were used", () =>
    Effect.gen(function*() {
      const store = yield* Store.memory
      const { use } = yield* Trust.sealed({ secret: secret(32), approvals: store })
      assert.isDefined(use)
      assert.deepStrictEqual([yield* use("a"), yield* use("b"), yield* use("a"), yield* use("b")], [
        true,
        true,
        false,
        false
      ])
      const entries = yield* Stream.runCollect(store.scan(Store.key("approval")))
      assert.deepStrictEqual(
        entries.map(({ key, value }) => [key, value]),
        ["a", "b"].map((approval) => [Store.key("approval", approval), "true"])
      )
    }))
})

describe("the limits of a body", () => {
  it("are 8 MiB, 1,000 messages, 64 levels and files of 4 MiB, where nothing else is said", () => {
    const defaults = { maxBodySize: 8_388_608, maxDepth: 64, maxFileSize: 4_194_304, maxMessages: 1000 }
    assert.deepStrictEqual(Result.getOrThrow(Body.limits({})), defaults)
    const own = { maxBodySize: 1, maxDepth: 2, maxFileSize: 3, maxMessages: 4 }
    assert.deepStrictEqual(Result.getOrThrow(Body.limits(own)), own)
    // No engine goes deeper than it can.
    assert.deepStrictEqual(
      [511, 512, 513, Infinity].map((maxDepth) => Result.getOrThrow(Body.limits({ maxDepth })).maxDepth),
      [511, 512, 512, 512]
    )
    for (const name of ["maxBodySize", "maxDepth", "maxFileSize", "maxMessages"] as const) {
      const refused = Body.limits({ [name]: -1 })
      assert.isTrue(Result.isFailure(refused))
      if (Result.isFailure(refused)) assert.include(refused.failure.message, name)
    }
  })
})

describe("the log of a chat", () => {
  const logOf = Effect.fnUntraced(function*(events: Stream.Stream<Blocks.Event, unknown>) {
    const lines: Array<readonly [string, unknown]> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push([logLevel, message]))
    const blocks = yield* Stream.runCollect(Blocks.blocks(events, undefined)).pipe(
      Effect.provideService(Trust.Trust, Trust.trusted),
      Effect.provide(Logger.layer([logger]))
    )
    const last = blocks.at(-1)
    return [
      last?.type === "failure" ? last.reason : last?.type,
      ...lines.map(([level, message]) => [level, ...[message].flat().slice(0, 1)])
    ]
  })

  it.effect("has a warning for a failure, and an error for a defect", () =>
    Effect.gen(function*() {
      const failure = new ProviderError.ProviderError({
        provider: "test",
        reason: new ProviderError.Overloaded({ message: "busy" }),
        emitted: true
      })
      assert.deepStrictEqual(yield* logOf(Stream.empty), ["finish"])
      assert.deepStrictEqual(yield* logOf(Stream.fail(failure)), [
        "Overloaded",
        ["Warn", `The stream of a client failed: ${failure.message}`]
      ])
      assert.deepStrictEqual(yield* logOf(Stream.fail({ _tag: "Own" })), [
        "Own",
        ["Warn", "The stream of a client failed: Own"]
      ])
      assert.deepStrictEqual(yield* logOf(Stream.die(new Error("a defect"))), [
        "Unknown",
        ["Error", "A chat ended by a defect"]
      ])
    }))
})
