import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { providers } from "../src/cli/providers.ts"
import { Anthropic, ChunkStream, Groq, OpenAi, Provider, ProviderError } from "../src/index.ts"
import * as Providers from "../src/Providers.ts"
import { Answer, ReplayServer, Wire } from "../src/testing.ts"

const name = Effect.map(Provider.Provider, ({ name }) => name)

const apiKey = Redacted.make("key")

describe("Providers", () => {
  it("has the names of the command line", () => {
    assert.deepStrictEqual(Providers.names, providers.map(({ id }) => id))
  })

  it.effect("gives every provider by its name, from the environment", () =>
    Effect.gen(function*() {
      const environment = ConfigProvider.fromUnknown({
        AZURE_OPENAI_ENDPOINT: "https://a.example",
        AZURE_INFERENCE_ENDPOINT: "https://a.example"
      })
      const names = yield* Effect.forEach(Providers.names, (id) => Effect.provide(name, Providers.layerConfig(id)))
        .pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, environment),
          Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.die("nothing is sent")))
        )
      assert.deepStrictEqual(names, [
        "openai",
        "openai",
        "anthropic",
        "bedrock",
        "bedrock",
        "groq",
        "azure",
        "azure",
        "azure"
      ])
    }))

  it.effect("says for want of a key which variable has it, the one that it reads", () =>
    Effect.gen(function*() {
      const endpoints = { AZURE_OPENAI_ENDPOINT: "https://a.example", AZURE_INFERENCE_ENDPOINT: "https://a.example" }
      const asked = (id: Providers.Name, environment: Readonly<Record<string, string>>) =>
        Provider.Provider.pipe(
          Effect.flatMap(({ stream }) => Effect.flip(Stream.runDrain(stream({ model: "m", prompt: "Hi" })))),
          Effect.provide(Providers.layerConfig(id)),
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment)),
          Effect.provideService(HttpClient.HttpClient, client)
        )
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response("no", { status: 404 })))
      )
      for (const id of Providers.names.filter((id) => !id.startsWith("bedrock"))) {
        const missing = yield* asked(id, endpoints)
        assert(ProviderError.isProviderError(missing))
        assert.strictEqual(missing.reason._tag, "Authentication", id)
        const [variable = ""] = /[A-Z]+_[A-Z_]+\b/.exec(missing.message) ?? []
        const found = yield* asked(id, { ...endpoints, [variable]: "a-key" })
        assert.strictEqual(ProviderError.isProviderError(found) ? found.status : undefined, 404, `${id}: ${variable}`)
      }
    }))

  it.effect("takes the options of the provider that is named", () =>
    Effect.gen(function*() {
      const provider = yield* Provider.Provider
      assert.strictEqual(
        yield* ChunkStream.text(provider.stream({ prompt: "Say hello" })).pipe(Stream.mkString),
        "Hello"
      )
    }).pipe(
      Effect.provide(
        Providers.layer("anthropic", { apiKey, model: "claude-haiku-4-5" }).pipe(
          Layer.provide(ReplayServer.layerHttpClient([
            ReplayServer.stream(Wire.anthropic, Answer.anthropic(Answer.make({ content: "Hello" })))
          ]))
        )
      )
    ))

  it.effect("fails for a name that no provider has, and says which was meant", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(Providers.layerConfig("antropic")))
      assert(error._tag === "UnknownProvider")
      assert.strictEqual(error.nearest, "anthropic")
      assert.strictEqual(error.message, `No provider is called "antropic"; did you mean anthropic?`)
      const none = new Providers.UnknownProvider({ provider: "constructor" })
      assert.include(none.message, "there are openai, openai-responses, anthropic")
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.die("nothing is sent")))
    ))

  it.effect("are layers that a record can hold without a type", () =>
    Effect.gen(function*() {
      const layers = {
        openai: OpenAi.layer({ apiKey }),
        anthropic: Anthropic.layer({ apiKey }),
        groq: Groq.layer({ apiKey })
      }
      const pick = (id: keyof typeof layers) => Effect.provide(name, Providers.common(layers[id]))
      assert.deepStrictEqual(yield* Effect.all([pick("openai"), pick("anthropic"), pick("groq")]), [
        "openai",
        "anthropic",
        "groq"
      ])
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.die("nothing is sent")))
    ))
})
