/**
 * Writes what this release stores as JSON, each by its own schema, to test/fixtures/VERSION: prompts, chunks, responses,
 * costs, what a tool loop ends its steps with, errors. The tests read the fixtures of every release for ever.
 *
 *     node scripts/fixtures.ts            # those of the version in package.json
 *
 * Run it before a release, once its schemas are final. Never change the fixtures of a release that is out.
 */
import { BigDecimal, Duration, Effect, Layer, Schema, Stream } from "effect"
import { Prompt, Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import { ChunkStream, CostMetadata, Pricing, ProviderError, ToolLoop } from "../src/index.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as Store from "../src/stores/Store.ts"
import { Answer, TestProvider } from "../src/testing.ts"
import { stored } from "../test/support/stored.ts"

const usage = { inputTokens: 120, cachedTokens: 20, outputTokens: 30 }
const calls = Answer.make({
  reasoning: "The weather is asked for.",
  toolCalls: [{ name: "weather", arguments: `{"city":"Paris"}` }, { name: "pay", arguments: `{"euros":500}` }],
  usage,
  model: "gpt-4o"
})
const said = Answer.make({ reasoning: "Be brief.", content: "It rains in Paris.", usage, model: "gpt-4o" })

const toolkit = Toolkit.make(
  Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String }),
  Tool.make("pay", { parameters: Schema.Struct({ euros: Schema.Finite }), success: Schema.String, needsApproval: true })
)
const handlers = toolkit.toLayer({ weather: () => Effect.succeed("rain"), pay: () => Effect.succeed("paid") })

const loop = Stream.runCollect(ToolLoop.stream({ prompt: "What is the weather in Paris?", tools: toolkit })).pipe(
  Effect.provide(Layer.merge(handlers, TestProvider.layer([{ chunks: Answer.openai(calls) }], { name: "openai" })))
)

const chunks = [
  ...Answer.openai(calls),
  ...Answer.openaiResponses(calls),
  ...Answer.anthropic(calls),
  ...Answer.bedrock(calls),
  ...Answer.bedrockInvoke(calls),
  ...Answer.groq(calls),
  ...Answer.azure(calls),
  ...Answer.azureResponses(calls)
]

const metadata = new CostMetadata.CostMetadata({ provider: "openai", model: "gpt-4o", ...usage })

const program = Effect.gen(function*() {
  const events = yield* loop
  const values: Readonly<Record<string, ReadonlyArray<unknown>>> = {
    chunks,
    costMetadata: [metadata],
    costs: [yield* Pricing.cost(metadata)],
    errors: [
      new ProviderError.ProviderError({
        provider: "openai",
        emitted: true,
        reason: new ProviderError.RateLimited({ message: "Too many requests" })
      }),
      new ProviderError.ProviderError({
        provider: "anthropic",
        emitted: false,
        reason: new ProviderError.Overloaded({ message: "busy", status: 529, retryAfter: Duration.seconds(3) }),
        spent: { usage: { ...usage, totalTokens: 150 }, cost: BigDecimal.fromStringUnsafe("0.5"), isComplete: true },
        earlier: [
          { provider: "openai", model: "gpt-4o", reason: new ProviderError.Network({ message: "reset" }) },
          { provider: "groq", reason: new ProviderError.Timeout({ message: "silence", kind: "idle" }) }
        ]
      })
    ],
    events,
    ledger: yield* Effect.gen(function*() {
      const kept = yield* Ledger.make({ attempt: Effect.succeed("attempt-1") })
      const { stream } = kept({ name: "openai", stream: () => Stream.fromIterable(Answer.openai(said)) })
      yield* Stream.runDrain(stream({ prompt: "Say hello", user: "ada" }))
      return yield* Stream.runCollect(Ledger.rows())
    }).pipe(Effect.provide([Store.layerMemory, TestClock.layer()])),
    prompts: [
      Prompt.make("Say hello"),
      ...events.flatMap((event) => event._tag === "Done" || event._tag === "Step" ? [event.prompt] : [])
    ],
    responses: yield* Effect.forEach(
      [calls, said],
      (answer) => ChunkStream.response(Stream.fromIterable(Answer.anthropic(answer)))
    )
  }
  const { version }: { readonly version: string } = JSON.parse(
    Fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")
  )
  const folder = new URL(`../test/fixtures/${version.split(".").slice(0, 2).join(".")}/`, import.meta.url)
  Fs.mkdirSync(folder, { recursive: true })
  for (const [name, schema] of Object.entries(stored)) {
    const encoded = yield* Schema.encodeUnknownEffect(Schema.Array(schema))(values[name])
    Fs.writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(encoded, undefined, 2)}\n`)
  }
})

await Effect.runPromise(program)
