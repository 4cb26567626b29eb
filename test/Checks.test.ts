/** Options that are none, wherever they are taken: the error names them, and nothing is sent. */
import { assert, describe, it } from "@effect/vitest"
import { BigDecimal, Effect, Result, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import {
  Bedrock,
  BedrockInvoke,
  ChunkStream,
  CostEstimate,
  OpenAi,
  Pricing,
  Provider,
  ProviderError,
  StructuredOutput,
  Telemetry,
  ToolLoop
} from "../src/index.ts"
import * as Budget from "../src/middleware/Budget.ts"
import { snapshot } from "../src/pricing/snapshot.ts"
import * as Store from "../src/stores/Store.ts"
import { Answer, TestProvider } from "../src/testing.ts"
import { prepared } from "./support/prepared.ts"

const toolkit = Toolkit.make(Tool.make("now", { success: Schema.String }))
const handlers = toolkit.toLayer({ now: () => Effect.succeed("noon") })
const Person = Schema.Struct({ name: Schema.String })

const throwing = {
  [Symbol.iterator]: () => {
    throw new Error("read twice")
  }
}
const noCounts: ReadonlyArray<unknown> = [Number.NaN, -1, 0.5, "3", null, {}, [], true, 1n]
const noAmounts: ReadonlyArray<unknown> = [
  Number.NaN,
  5,
  "cheap",
  "",
  "-1",
  "1e400000000",
  null,
  {},
  [],
  BigDecimal.fromStringUnsafe("-0.01"),
  "9".repeat(200)
]
const noPrompts: ReadonlyArray<unknown> = [null, undefined, 5, {}, { content: null }, throwing, [null], [{}]]
const noWords: ReadonlyArray<unknown> = ["tol", null, 1, {}]

type Run = (value: unknown) => Effect.Effect<unknown, unknown, Provider.Provider>

const loop = (options: object): Run => (value) =>
  Effect.provide(
    ToolLoop.answer(ToolLoop.stream({ prompt: "Hi", tools: toolkit }, withValue(options, value))),
    handlers
  )
const guarded = (options: Budget.GuardOptions) =>
  Provider.Provider.use(({ stream }) => Stream.runDrain(Budget.guard(stream({ prompt: "Hi" }), options))).pipe(
    Effect.provide(Store.layerMemory)
  )
const object = (request: object): Run => (value) =>
  StructuredOutput.generate({ prompt: "Hi", schema: Person, ...withValue(request, value) })
const streamed = (request: object): Run => (value) =>
  Stream.runDrain(StructuredOutput.stream({ prompt: "Hi", schema: Person, ...withValue(request, value) }))

/** The fields, of which the one that is `here` is the value. */
const here = Symbol("here")
const withValue = (fields: object, value: unknown): object =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field === here ? value : field]))

const estimate = (request: object, options: object): Run => (value) =>
  Effect.fromResult(
    CostEstimate.atMost(
      { model: "gpt-4o", prompt: "Hi", maxTokens: 1, ...withValue(request, value) },
      { provider: "openai", ...withValue(options, value) },
      Pricing.makeUnsafe({ tables: snapshot })
    )
  )

const rows: ReadonlyArray<readonly [name: string, run: Run, wrong: ReadonlyArray<unknown>]> = [
  ["maxSteps", loop({ maxSteps: here }), [...noCounts, 0]],
  ["concurrency", loop({ concurrency: here }), [...noCounts, 0]],
  ["budget", loop({ budget: here }), noAmounts],
  ["failures", loop({ failures: here }), noWords],
  ["prompt", (value) =>
    Effect.provide(
      ToolLoop.answer(ToolLoop.stream({ tools: toolkit, prompt: "", ...withValue({ prompt: here }, value) })),
      handlers
    ), noPrompts],
  [
    "tools",
    (value) =>
      ToolLoop.answer(ToolLoop.stream({ prompt: "Hi", tools: toolkit, ...withValue({ tools: here }, value) })) as never,
    [
      null,
      5,
      {}
    ]
  ],
  ["repairs", object({ repairs: here }), [...noCounts, Number.POSITIVE_INFINITY]],
  ["repairs", streamed({ repairs: here }), [...noCounts, Number.POSITIVE_INFINITY]],
  ["mode", object({ mode: here }), noWords],
  ["prompt", object({ prompt: here }), noPrompts],
  ["limit", (value) => guarded({ limit: value as never, atMost: "0.1" }), [...noAmounts, "0"]],
  ["atMost", (value) => guarded({ limit: "1", atMost: value as never }), noAmounts],
  [
    "prompt",
    (value) =>
      Effect.fromResult(
        CostEstimate.atMost(value as never, { provider: "openai" }, Pricing.makeUnsafe({ tables: snapshot }))
      ),
    [
      null,
      undefined,
      5,
      {},
      { prompt: null }
    ]
  ],
  ["maxTokens", estimate({ maxTokens: here }, {}), noCounts.filter((value) => value !== null)],
  ["maxTokens", estimate({ maxTokens: undefined }, { maxTokens: here }), noCounts.filter((value) => value !== null)],
  ["tokens", (value) => estimate({}, { tokens: () => value })(value), [Number.NaN, -1, Number.POSITIVE_INFINITY]]
]

describe("an option that is none", () => {
  for (const [index, [name, run, wrong]] of rows.entries()) {
    it.effect(`is refused by its name, and nothing is sent: ${index}, ${name}`, () =>
      Effect.gen(function*() {
        for (const value of wrong) {
          const error = yield* Effect.flip(run(value))
          assert.isTrue(ProviderError.isProviderError(error), `${name}: ${String(error)}`)
          if (!ProviderError.isProviderError(error)) continue
          assert.strictEqual(error.reason._tag, "InvalidRequest")
          assert.include(error.message, name)
          assert.isFalse(error.emitted)
        }
        assert.lengthOf(yield* TestProvider.TestProvider.use(({ requests }) => requests), 0)
      }).pipe(
        Effect.provide(TestProvider.layer(() => ({ chunks: Answer.openai(Answer.make({ content: "{}" })) })))
      ))
  }
})

describe("telemetry", () => {
  it.effect("leaves the stream as it is, whatever the request and its own attributes are", () =>
    Effect.gen(function*() {
      const chunks = Answer.openai(Answer.make({ content: "Hello" }))
      const { stream } = yield* TestProvider.make(() => ({ chunks }))
      const traced = Telemetry.traced({ name: "test", stream }, {
        attributes: () => {
          throw new Error("no attributes")
        }
      })
      const requests: ReadonlyArray<unknown> = [{ prompt: "Hi" }, undefined, null, 5]
      for (const request of requests) {
        assert.strictEqual((yield* ChunkStream.response(traced.stream(request as never))).content, "Hello")
      }
    }))
})

describe("a password in the endpoint of Bedrock", () => {
  it("is refused, and not shown", async () => {
    const request = { model: "m", prompt: "Hi" }
    for (const endpoint of ["https://ada:s3cret@bedrock.example", "https://s3cret@bedrock.example"]) {
      const options = { region: "us-east-1", endpoint }
      for (
        const result of [
          await prepared(Bedrock.define(options), request),
          await prepared(BedrockInvoke.define(options), request)
        ]
      ) {
        const error = Result.isFailure(result) ? result.failure : assert.fail("it was taken")
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.include(error.message, "user name or password")
        assert.notInclude(JSON.stringify(error), "s3cret")
      }
    }
  })
})

describe("a request that is none", () => {
  it("is an error of the provider", async () => {
    const definition = OpenAi.define({ baseUrl: "https://openai.example/v1", model: "m" })
    const requests: ReadonlyArray<unknown> = [undefined, null, 5, {}]
    for (const request of requests) {
      assert.isTrue(Result.isFailure(await prepared(definition, request as never)))
    }
  })
})
