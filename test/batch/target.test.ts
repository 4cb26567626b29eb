import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Digest from "../../src/batch/digest.ts"
import * as Target from "../../src/batch/target.ts"
import { AzureOpenAi, ChatRequest, OpenAi, Pricing } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"

const apiKey = Redacted.make("sk-key")
const openai = (baseUrl: string, model?: string) =>
  OpenAi.define({ apiKey, baseUrl, ...(model === undefined ? undefined : { model }) })

const make = (
  definition: Parameters<typeof Target.make>[0],
  more: Partial<Parameters<typeof Target.make>[1]> = {}
) => Target.make(definition, { position: 0, model: undefined, byDefault: undefined, ...more })

describe("a target", () => {
  it.effect("has entries of its own, which all batches that ask it share", () =>
    Effect.gen(function*() {
      const target = yield* make(openai("https://one.test/v1", "m"), { position: 3 })
      const key = `openai m ${yield* Digest.ofJson("https://one.test/v1/chat/completions")}`
      const { circuit, hold, model, name, position, requests, tokens } = target
      assert.deepStrictEqual({ key: target.key, model, name, position }, {
        key,
        model: undefined,
        name: "openai",
        position: 3
      })
      assert.deepStrictEqual(
        [requests, tokens, hold, circuit].map((cell) => cell.key),
        ["requests", "tokens", "hold", "circuit"].map((kind) => Store.key("target", key, kind))
      )
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.effect("is asked for as many tokens as the prompt has, where a request states no limit", () =>
    Effect.gen(function*() {
      const target = yield* make(openai("https://one.test/v1", "m"))
      const pricing = yield* Pricing.Pricing
      const tokensOf = (request: ChatRequest.ChatRequest, isMetered: boolean) =>
        Target.bounds(Result.getOrThrow(ChatRequest.normalize(request)), target, {
          targets: [target],
          defaults: {},
          pricing,
          day: "2026-11-25",
          cache: false,
          isBudgeted: false,
          isMetered
        }).tokens
      const ofPrompt = tokensOf({ prompt: "Hello" }, true)
      assert.isAbove(ofPrompt, 0)
      assert.strictEqual(tokensOf({ prompt: "Hello", maxTokens: 10 }, true), ofPrompt + 10)
      assert.strictEqual(tokensOf({ prompt: "Hello", maxTokens: 10 }, false), 0)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.effect("is told from others by its address and its model, and not by a version in the query", () =>
    Effect.gen(function*() {
      const keyOf = (...args: Parameters<typeof make>) => Effect.map(make(...args), ({ key }) => key)
      const one = openai("https://one.test/v1", "m")
      const key = yield* keyOf(one)
      assert.strictEqual(yield* keyOf(openai("https://one.test/v1", "other"), { model: "m" }), key)
      assert.strictEqual(yield* keyOf(openai("https://one.test/v1"), { byDefault: "m" }), key)
      assert.strictEqual(yield* keyOf(one, { byDefault: "other", model: "m" }), key)
      for (
        const other of [
          keyOf(openai("https://two.test/v1", "m")),
          keyOf(openai("http://one.test/v1", "m")),
          keyOf(openai("https://one.test/v2", "m")),
          keyOf(one, { byDefault: "other" })
        ]
      ) assert.notStrictEqual(yield* other, key)
      const azure = (apiVersion: string) =>
        keyOf(AzureOpenAi.define({ endpoint: "https://a.openai.azure.com", apiKey, apiVersion, model: "m" }))
      assert.strictEqual(yield* azure("2024-10-21"), yield* azure("2025-01-01"))
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
