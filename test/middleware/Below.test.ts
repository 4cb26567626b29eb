/** Middleware under what uses a provider: loops, objects, language models, chats, and a provider's own service. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Chat, LanguageModel, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as EffectAi from "../../src/ai/EffectAi.ts"
import { Anthropic, ChunkStream, OpenAi, OpenAiChunk, Provider, StructuredOutput, ToolLoop } from "../../src/index.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Cache from "../../src/middleware/Cache.ts"
import * as Fallback from "../../src/middleware/Fallback.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import * as Retry from "../../src/middleware/Retry.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"

const apiKey = Redacted.make("key")
const usage = { inputTokens: 20, outputTokens: 5 }
const openai = (answer: Parameters<typeof Answer.make>[0]) =>
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ usage, ...answer })))
const anthropic = (content: string) =>
  ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ usage, content })))

const Tools = Toolkit.make(Tool.make("weather", {
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
}))
const sunny = Tools.toLayer({ weather: () => Effect.succeed("sunny") })
const call = { name: "weather", arguments: JSON.stringify({ city: "Paris" }) }

const rate = { limit: 1_000_000, every: "1 minute" } as const

type Middle = (below: Layer.Layer<Provider.Provider | OpenAi.OpenAi>) => Layer.Layer<
  Provider.Provider | OpenAi.OpenAi,
  unknown,
  Store.Store
>

/** Puts the layers of the common provider, and of the provider's own, around both. */
const around = <E>(
  common: Layer.Layer<Provider.Provider, E, Provider.Provider | Store.Store>,
  own: Layer.Layer<OpenAi.OpenAi, E, OpenAi.OpenAi | Store.Store>
): Middle =>
(below) => Layer.provide(Layer.merge(common, own), below)

const middlewares: Readonly<Record<string, Middle>> = {
  Retry: around(Retry.layer(), Retry.layerService(OpenAi.OpenAi)),
  Limit: around(
    Limit.layer({ requests: rate, tokens: rate }),
    Limit.layerService(OpenAi.OpenAi, { requests: rate, tokens: rate })
  ),
  Breaker: around(Breaker.layer(), Breaker.layerService(OpenAi.OpenAi)),
  Cache: around(Cache.layer(), Cache.layerService(OpenAi.OpenAi, { chunk: OpenAiChunk })),
  Budget: around(Budget.layer({ limit: "1" }), Budget.layerService(OpenAi.OpenAi, { limit: "1" })),
  Ledger: around(Ledger.layer(), Ledger.layerService(OpenAi.OpenAi))
}
const all: Middle = (below) => {
  const { Breaker: breaker, Budget: budget, Cache: cache, Ledger: ledger, Limit: limit } = middlewares
  return [breaker, ledger, limit, budget, cache].reduce<ReturnType<Middle>>(
    (below, middle) =>
      middle === undefined ?
        below :
        Layer.unwrap(Effect.map(Effect.context<Store.Store>(), (store) =>
          middle(Layer.orDie(Layer.provide(below, Layer.succeedContext(store)))))),
    below
  )
}

const uses: Readonly<
  Record<string, {
    readonly replies: ReplayServer.Script
    readonly run: Effect.Effect<unknown, unknown, Provider.Provider | OpenAi.OpenAi>
    readonly gives: unknown
  }>
> = {
  "a loop with a toolkit": {
    replies: [openai({ toolCalls: [call] }), openai({ content: "It is sunny" })],
    run: ToolLoop.stream({ prompt: "How is the weather?", maxTokens: 100, tools: Tools }).pipe(
      ToolLoop.answer,
      Effect.map(({ text }) => text),
      Effect.provide(sunny)
    ),
    gives: "It is sunny"
  },
  "an object": {
    replies: [openai({ content: "{\"name\":\"Ada\"}" })],
    run: Effect.map(
      StructuredOutput.generate({ prompt: "Who?", maxTokens: 100, schema: Schema.Struct({ name: Schema.String }) }),
      ({ value }) => value
    ),
    gives: { name: "Ada" }
  },
  "a language model with a toolkit": {
    replies: [openai({ toolCalls: [call] })],
    run: LanguageModel.generateText({ prompt: "How is the weather?", toolkit: Tools }).pipe(
      Effect.map(({ toolResults }) => toolResults.map(({ result }) => result)),
      Effect.provide([EffectAi.layer({ maxTokens: 100 }), sunny])
    ),
    gives: ["sunny"]
  },
  "a chat": {
    replies: [openai({ content: "One" }), openai({ content: "Two" })],
    run: Effect.gen(function*() {
      const chat = yield* Chat.empty
      const one = yield* chat.generateText({ prompt: "One?" })
      const two = yield* chat.generateText({ prompt: "Two?" })
      return [one.text, two.text]
    }).pipe(Effect.provide(EffectAi.layer({ maxTokens: 100 }))),
    gives: ["One", "Two"]
  },
  "the provider's own service": {
    replies: [openai({ content: "Hello" })],
    run: OpenAi.OpenAi.use(({ stream }) =>
      ChunkStream.response(Stream.tap(
        stream({ prompt: "Hi", maxTokens: 100 }),
        // Its chunks are the provider's own.
        ({ chunk: { choices } }) => Effect.sync(() => assert.isArray(choices))
      ))
    ).pipe(Effect.map(({ content }) => content)),
    gives: "Hello"
  }
}

describe("middleware", () => {
  for (const [name, middle] of [...Object.entries(middlewares), ["all of it", all] as const]) {
    for (const [use, { gives, replies, run }] of Object.entries(uses)) {
      it.live(`works below ${use}: ${name}`, () =>
        Effect.gen(function*() {
          const { requests, url } = yield* NodeReplayServer.make(replies)
          const below = OpenAi.layer({ apiKey, baseUrl: `${url}/v1`, model: "gpt-4.1-mini" }).pipe(
            Layer.provide(FetchHttpClient.layer)
          )
          const result = yield* Effect.provide(run, middle(below).pipe(Layer.provide(Store.layerMemory)))
          assert.deepStrictEqual(result, gives)
          assert.lengthOf(yield* requests, Array.isArray(replies) ? replies.length : 1)
        }))
    }
  }

  it.live("takes a loop whose second step is rate limited to another vendor, with a row for each attempt", () =>
    Effect.gen(function*() {
      const one = yield* NodeReplayServer.make([
        openai({ toolCalls: [call] }),
        ReplayServer.json({ error: { message: "No", type: "rate_limit" } }, { status: 429 })
      ])
      const two = yield* NodeReplayServer.make([anthropic("It is sunny")])
      const kept = (layer: Layer.Layer<Provider.Provider>) =>
        Ledger.layer().pipe(Layer.provide(Breaker.layer()), Layer.provide(layer))
      const layer = Fallback.layer([
        kept(
          OpenAi.layer({ apiKey, baseUrl: `${one.url}/v1`, model: "gpt-4.1-mini" }).pipe(
            Layer.provide(FetchHttpClient.layer)
          )
        ),
        kept(
          Anthropic.layer({ apiKey, baseUrl: two.url, model: "claude-sonnet-4-5" }).pipe(
            Layer.provide(FetchHttpClient.layer)
          )
        )
      ])
      yield* Effect.gen(function*() {
        const done = yield* ToolLoop.stream({ prompt: "How is the weather?", user: "ada", tools: Tools }).pipe(
          ToolLoop.answer,
          Effect.provide([layer, sunny])
        )
        assert.deepStrictEqual([done.reason, done.text], ["stop", "It is sunny"])
        const rows = yield* Stream.runCollect(Ledger.rows({ user: "ada" }))
        assert.deepStrictEqual(rows.map(({ outcome, provider, reason }) => [provider, outcome, reason]), [
          ["openai", "done", null],
          ["openai", "failed", "RateLimited"],
          ["anthropic", "done", null]
        ])
        assert.isTrue(rows.every(({ outcome, stated }) => stated === (outcome === "done")))
      }).pipe(Effect.provide(Store.layerMemory))
    }))
})
