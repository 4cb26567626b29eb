import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer } from "effect"
import { ChunkStream, OpenAiCompatible } from "../src/index.ts"
import * as Host from "./support/host.ts"

declare module "../src/ChatRequest.ts" {
  interface ProviderOptions {
    readonly ollama?: { readonly keep?: number } | undefined
  }
}

const { delta, done, errorEvent, finish } = Host

const decode = (...body: ReadonlyArray<object | string>) =>
  Host.decode(OpenAiCompatible.protocol({ provider: "acme" }), ...body)

describe("OpenAiCompatible", () => {
  describe("protocol", () => {
    it.effect("reads a stream of OpenRouter: comments, its own finish reasons, its cost", () =>
      Effect.gen(function*() {
        const { chunks, response } = yield* decode(
          ": OPENROUTER PROCESSING\n\n",
          "data: : OPENROUTER PROCESSING\n\n",
          { ...delta({ role: "assistant", content: "", reasoning: "Hm." }), provider: "Acme" },
          delta({ content: "Hi" }),
          finish("stop", {
            choices: [{ index: 0, delta: {}, finish_reason: "stop", native_finish_reason: "end_turn" }]
          }),
          { choices: [], usage: { prompt_tokens: 4, completion_tokens: 1, cost: 0.00014, is_byok: false } },
          done
        )
        assert.isUndefined(response.error)
        assert.deepStrictEqual([response.provider, response.reasoning, response.content], ["acme", "Hm.", "Hi"])
        assert.strictEqual(chunks[2]?.chunk.choices?.[0]?.["native_finish_reason"], "end_turn")
        assert.strictEqual(response.costMetadata.statedCost, 0.00014)
      }))

    it.effect("takes the total of a cost that is stated in parts", () =>
      Effect.gen(function*() {
        const { response } = yield* decode(
          finish("stop", { usage: { cost: { input_tokens_cost: 0.1, total_cost: 0.25 } } }),
          done
        )
        assert.strictEqual(response.costMetadata.statedCost, 0.25)
      }))

    const usages: ReadonlyArray<readonly [where: string, chunk: object]> = [
      ["at the top", { choices: [], usage: { prompt_tokens: 9, prompt_tokens_details: { cached_tokens: 6 } } }],
      [
        "in the choice",
        finish("stop", {
          choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: { prompt_tokens: 9, cached_tokens: 6 } }]
        })
      ],
      ["with cache hits", { choices: [], usage: { prompt_tokens: 9, prompt_cache_hit_tokens: 6 } }]
    ]
    for (const [where, chunk] of usages) {
      it.effect(`finds the usage ${where}`, () =>
        Effect.gen(function*() {
          const { response } = yield* decode(delta({ content: "Hi" }), finish("stop"), chunk, done)
          assert.deepStrictEqual([response.usage?.inputTokens, response.usage?.cachedTokens], [9, 6])
        }))
    }

    const ends: ReadonlyArray<
      readonly [how: string, end: ReadonlyArray<object | string>, reasons: ReadonlyArray<string> | undefined]
    > = [
      ["with a finish reason alone", [finish("stop")], ["stop"]],
      ["with [DONE] alone", [done], []],
      ["with both", [finish("stop"), done], ["stop"]],
      ["with neither", [], undefined]
    ]
    for (const [how, end, reasons] of ends) {
      it.effect(`tells a stream that ends ${how} ${reasons === undefined ? "for cut off" : "for complete"}`, () =>
        Effect.gen(function*() {
          const { response } = yield* decode(delta({ content: "Hi" }), { choices: null }, ...end)
          assert.strictEqual(response.content, "Hi")
          assert.deepStrictEqual(response.error === undefined ? response.finishReasons : undefined, reasons)
        }))
    }

    const failures: ReadonlyArray<
      readonly [how: string, event: object | string, expected: ReturnType<typeof Host.told>]
    > = [
      [
        "in a choice",
        { ...finish("error"), choices: [{ index: 0, delta: {}, error: { code: 502, message: "Upstream" } }] },
        { reason: "ServerError", message: "Upstream", status: 502, code: "502", retryable: true }
      ],
      [
        "beside its choices",
        { ...finish("error"), error: { code: 429, message: "Slow down" } },
        { reason: "RateLimited", message: "Slow down", status: 429, code: "429", retryable: true }
      ],
      [
        "flat, as an object of its own",
        { object: "error", message: "Bad", type: "BadRequestError", param: null, code: 400 },
        { reason: "InvalidRequest", message: "Bad", status: 400, code: "400", retryable: false }
      ],
      [
        "flat, as an event of type error without that name",
        { type: "error", message: "Oops", code: "server_error" },
        { reason: "ServerError", message: "Oops", status: undefined, code: "server_error", retryable: true }
      ],
      [
        "in an event of its own",
        errorEvent({ message: "Oops", type: "server_error" }),
        { reason: "ServerError", message: "Oops", status: undefined, code: "server_error", retryable: true }
      ],
      [
        "without a code",
        { error: { message: "Oops", type: "server_error", code: null } },
        { reason: "ServerError", message: "Oops", status: undefined, code: undefined, retryable: true }
      ]
    ]
    for (const [how, event, expected] of failures) {
      it.effect(`fails with the error that is stated ${how}`, () =>
        Effect.gen(function*() {
          const { error, response } = yield* decode(delta({ content: "Par" }), event)
          assert.deepStrictEqual(Host.told(error), expected)
          assert.strictEqual(response.content, "Par")
        }))
    }

    it.effect("finds reasoning under a name of the host's own, in every choice", () =>
      Effect.gen(function*() {
        const protocol = OpenAiCompatible.protocol({ provider: "acme", quirks: { reasoningField: "thinking" } })
        const { chunks, response } = yield* Host.decode(
          protocol,
          delta({ thinking: "Hm." }),
          delta({ thinking: "Oh." }, { index: 1 }),
          delta({ reasoning_content: "Ah." }),
          delta({ thinking: 7 }),
          finish("stop"),
          done
        )
        assert.strictEqual(response.reasoning, "Hm.Ah.")
        assert.strictEqual(response.choices[1]?.reasoning, "Oh.")
        assert.strictEqual(chunks[0]?.reasoning, "Hm.")
      }))
  })

  describe("make", () => {
    const ollama: OpenAiCompatible.Options = { provider: "ollama", baseUrl: "http://localhost:11434/v1/" }

    it.effect("sends no key where there is none", () =>
      Effect.gen(function*() {
        const { first, response } = yield* Host.send(
          OpenAiCompatible.layer(ollama),
          { model: "llama3.2", prompt: "hi", maxTokens: 5, options: { openai: { store: true }, ollama: { keep: 1 } } }
        )
        assert.strictEqual(first.url, "http://localhost:11434/v1/chat/completions")
        assert.isUndefined(first.headers["authorization"])
        assert.deepStrictEqual(first.body, {
          model: "llama3.2",
          messages: [{ role: "user", content: "hi" }],
          max_tokens: 5,
          keep: 1,
          stream: true,
          stream_options: { include_usage: true }
        })
        assert.deepStrictEqual([response.provider, response.content], ["ollama", "Hi"])
      }))

    it.effect("sends key and headers, and does without what the host does not understand", () =>
      Effect.gen(function*() {
        const { first } = yield* Host.send(
          OpenAiCompatible.layer({
            ...ollama,
            apiKey: Host.key,
            headers: { "x-title": "App" },
            model: "default",
            quirks: { maxTokensField: "max_completion_tokens", includeUsage: false }
          }),
          { prompt: "hi", maxTokens: 5 }
        )
        assert.deepStrictEqual(
          [first.headers["authorization"], first.headers["x-title"]],
          ["Bearer key-0123456789", "App"]
        )
        assert.deepStrictEqual(first.body, {
          model: "default",
          messages: [{ role: "user", content: "hi" }],
          max_completion_tokens: 5,
          stream: true
        })
      }))

    const bodies: ReadonlyArray<readonly [status: number, body: unknown, message: string]> = [
      [404, { detail: "Not Found" }, "Not Found"],
      [400, [{ error: { code: 400, message: "Bad key", status: "INVALID_ARGUMENT" } }], "Bad key"],
      [400, { error: "Bad request, sorry" }, "Bad request, sorry"],
      [400, { object: "error", message: "Bad", code: 40001 }, "Bad"]
    ]
    for (const [status, body, message] of bodies) {
      it.effect(`reads the message of ${JSON.stringify(body)}`, () =>
        Effect.gen(function*() {
          const { response } = yield* Host.send(
            OpenAiCompatible.layer(ollama),
            { model: "m", prompt: "hi" },
            { status, body: JSON.stringify(body) }
          )
          assert.deepStrictEqual([response.error?.reason.message, response.error?.status], [message, status])
        }))
    }

    it.effect("makes hosts that are services of their own, side by side", () =>
      Effect.gen(function*() {
        class Ollama extends Context.Service<Ollama, OpenAiCompatible.OpenAiCompatible>()("test/Ollama") {}
        class Vllm extends Context.Service<Vllm, OpenAiCompatible.OpenAiCompatible>()("test/Vllm") {}
        const sent: Array<Host.Sent> = []
        const hosts = Layer.mergeAll(
          Layer.effect(Ollama, OpenAiCompatible.make(ollama)),
          Layer.effect(Vllm, OpenAiCompatible.make({ provider: "vllm", baseUrl: "http://localhost:8000/v1" }))
        )
        const providers = yield* Effect.gen(function*() {
          const responses = [
            yield* ChunkStream.response((yield* Ollama).stream({ model: "m", prompt: "hi" })),
            yield* ChunkStream.response((yield* Vllm).stream({ model: "m", prompt: "hi" }))
          ]
          return responses.map(({ provider }) => provider)
        }).pipe(Effect.provide(hosts.pipe(Layer.provide(Host.layer(sent, { body: Host.sse(finish("stop"), done) })))))
        assert.deepStrictEqual(providers, ["ollama", "vllm"])
      }))
  })

  it.effect("takes its options from configuration, and as they are", () =>
    Effect.gen(function*() {
      const layer = OpenAiCompatible.layerConfig({
        provider: "openrouter",
        baseUrl: Config.succeed("https://openrouter.ai/api/v1"),
        apiKey: Config.Redacted("OPENROUTER_API_KEY")
      })
      const { first } = yield* Host.send(
        layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { OPENROUTER_API_KEY: "or" } })))),
        { model: "m", prompt: "hi" }
      )
      assert.strictEqual(first.url, "https://openrouter.ai/api/v1/chat/completions")
      assert.strictEqual(first.headers["authorization"], "Bearer or")
    }))
})
