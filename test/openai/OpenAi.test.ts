import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted, Stream } from "effect"
import { Headers } from "effect/http"
import { type ChatRequest, ChunkStream, OpenAi, Provider } from "../../src/index.ts"
import * as Client from "../support/client.ts"

const answer = [
  {
    id: "chatcmpl-1",
    model: "gpt-4o-mini-2024-07-18",
    choices: [{ index: 0, delta: { role: "assistant", content: "" } }]
  },
  { choices: [{ index: 0, delta: { content: "Hi" } }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { choices: [], usage: { prompt_tokens: 9, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 4 } } }
].map((payload) => `data: ${JSON.stringify(payload)}\n\n`).join("") + "data: [DONE]\n\n"

/** Runs one request against a fake OpenAI and gives what was sent. */
const send = (options: OpenAi.Options, request: ChatRequest.ChatRequest) =>
  Effect.gen(function*() {
    const seen: Array<Client.Sent> = []
    const response = yield* OpenAi.OpenAi.use((openai) => ChunkStream.outcome(openai.stream(request))).pipe(
      Effect.provide(OpenAi.layer(options).pipe(Layer.provide(fakeOpenAi(seen))))
    )
    return { response, seen }
  })

const fakeOpenAi = (seen: Array<Client.Sent>) =>
  Client.layer(
    seen,
    () => new Response(answer, { headers: { "content-type": "text/event-stream", "x-request-id": "req_1" } })
  )

const apiKey = Redacted.make("sk-test")

// Fields that the types do not list.
const notYetKnown: object = { not_yet_known: { a: 1 } }

describe("OpenAi", () => {
  it.effect("sends key, address and a streaming body that asks for usage", () =>
    Effect.gen(function*() {
      const { response, seen } = yield* send({ apiKey }, { model: "gpt-4o-mini", prompt: "Say hi" })
      assert.strictEqual(seen.length, 1)
      assert.strictEqual(seen[0]?.request.url, "https://api.openai.com/v1/chat/completions")
      assert.strictEqual(seen[0]?.request.headers["authorization"], "Bearer sk-test")
      assert.deepStrictEqual(seen[0]?.body, {
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: "Say hi" }],
        stream: true,
        stream_options: { include_usage: true }
      })
      assert.strictEqual(response.content, "Hi")
      assert.deepStrictEqual(response.commonFinishReasons, ["stop"])
      assert.strictEqual(response.usage?.cachedTokens, 4)
    }))

  it.effect("sends messages, sampling options and its own options, merged last", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({ apiKey }, {
        model: "gpt-4o-mini",
        system: "Be brief.",
        prompt: [
          { role: "system", content: "Be kind." },
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
          { role: "assistant", content: "c" }
        ],
        maxTokens: 10,
        temperature: 0.5,
        topP: 0.9,
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        stop: ["END"],
        seed: 7,
        options: {
          openai: {
            service_tier: "flex",
            temperature: 1,
            stream_options: { include_obfuscation: false },
            ...notYetKnown
          },
          anthropic: { top_k: 3 }
        }
      })
      assert.deepStrictEqual(seen[0]?.body, {
        model: "gpt-4o-mini",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "system", content: "Be kind." },
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
          { role: "assistant", content: "c" }
        ],
        max_completion_tokens: 10,
        temperature: 1,
        top_p: 0.9,
        frequency_penalty: 0.1,
        presence_penalty: 0.2,
        stop: ["END"],
        seed: 7,
        service_tier: "flex",
        not_yet_known: { a: 1 },
        stream: true,
        stream_options: { include_obfuscation: false, include_usage: true }
      })
    }))

  it.effect("sends organisation, project and extra headers to the base URL it is given", () =>
    Effect.gen(function*() {
      const { seen } = yield* send(
        {
          apiKey,
          baseUrl: "http://localhost:8000/v1/",
          organization: "org-1",
          project: "proj-1",
          headers: { "x-extra": "1", "x-secret": Redacted.make("s3cret") }
        },
        { model: "m", prompt: "hi" }
      )
      assert.strictEqual(seen[0]?.request.url, "http://localhost:8000/v1/chat/completions")
      const headers = seen[0]?.request.headers ?? Headers.empty
      assert.deepStrictEqual(
        [headers["openai-organization"], headers["openai-project"], headers["x-extra"], headers["x-secret"]],
        ["org-1", "proj-1", "1", "s3cret"]
      )
    }))

  it.effect("leaves out what is undefined", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({ apiKey, model: "gpt-4.1" }, {
        prompt: "hi",
        model: undefined,
        temperature: undefined,
        options: undefined
      })
      assert.deepStrictEqual(Object.keys(seen[0]?.body ?? {}), ["model", "messages", "stream", "stream_options"])
    }))

  it.effect("takes its default model when the request names none", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({ apiKey, model: "gpt-4.1" }, { prompt: "hi" })
      assert.strictEqual(seen[0]?.body["model"], "gpt-4.1")
    }))

  describe("fails before anything is sent", () => {
    const cases: ReadonlyArray<readonly [string, OpenAi.Options, ChatRequest.ChatRequest, string, RegExp]> = [
      ["without a key", {}, { model: "m", prompt: "hi" }, "Authentication", /OPENAI_API_KEY/],
      [
        "with an empty key",
        { apiKey: Redacted.make(" \n") },
        { model: "m", prompt: "hi" },
        "Authentication",
        /No API key/
      ],
      [
        "with a key that no header can hold",
        { apiKey: Redacted.make("sk\nabc") },
        { model: "m", prompt: "hi" },
        "Authentication",
        /characters/
      ],
      ["without a model", { apiKey }, { prompt: "hi" }, "InvalidRequest", /No model/],
      [
        "with a base URL that is none",
        { apiKey, baseUrl: "http://[not a url" },
        { model: "m", prompt: "hi" },
        "InvalidRequest",
        /URL/
      ],
      [
        "with a base URL without a scheme",
        { apiKey, baseUrl: "localhost:8000/v1" },
        { model: "m", prompt: "hi" },
        "InvalidRequest",
        /has to start with http/
      ],
      [
        "with a base URL that is the whole address",
        { apiKey, baseUrl: "https://gateway.example/v1/chat/completions/" },
        { model: "m", prompt: "hi" },
        "InvalidRequest",
        /ends with \/chat\/completions, which is added to it/
      ],
      [
        "with a key that is a plain string, as JavaScript lets pass",
        JSON.parse("{\"apiKey\":\"sk-plain\"}"),
        { model: "m", prompt: "hi" },
        "Authentication",
        /Redacted\.make/
      ],
      [
        "with a message of no role that there is, as JavaScript lets pass",
        { apiKey },
        JSON.parse("{\"model\":\"m\",\"prompt\":[{\"role\":\"robot\",\"content\":\"hi\"}]}"),
        "InvalidRequest",
        /prompt\[0\]: not a message/
      ],
      [
        "without a prompt, as JavaScript lets pass",
        { apiKey },
        JSON.parse("{\"model\":\"m\"}"),
        "InvalidRequest",
        /prompt: missing/
      ],
      [
        "with a file that is not taken",
        { apiKey },
        { model: "m", prompt: [{ role: "user", content: [{ type: "file", mediaType: "image/tiff", data: "AAAA" }] }] },
        "InvalidRequest",
        /prompt\[0\]\.content\[0\]\.mediaType/
      ]
    ]
    for (const [when, options, request, reason, message] of cases) {
      it.effect(when, () =>
        Effect.gen(function*() {
          const { response, seen } = yield* send({ maxRetries: 0, ...options }, request)
          assert.strictEqual(response.error?.reason._tag, reason)
          assert.match(response.error?.message ?? "", message)
          assert.isFalse(response.error?.emitted)
          assert.strictEqual(seen.length, 0)
        }))
    }
  })

  it.effect("hosts with an address of their own may do without a key", () =>
    Effect.gen(function*() {
      const { response, seen } = yield* send({ baseUrl: "http://localhost:11434/v1" }, { model: "m", prompt: "hi" })
      assert.strictEqual(response.content, "Hi")
      assert.isUndefined(seen[0]?.request.headers["authorization"])
    }))

  it.effect("is the common Provider too", () =>
    Effect.gen(function*() {
      const seen: Array<Client.Sent> = []
      const [name, response] = yield* Provider.Provider.use((provider) =>
        Effect.map(
          ChunkStream.response(provider.stream({ model: "m", prompt: "hi" })),
          (response) => [provider.name, response] as const
        )
      ).pipe(
        Effect.provide(OpenAi.layer({ apiKey }).pipe(Layer.provide(fakeOpenAi(seen))))
      )
      assert.strictEqual(name, "openai")
      assert.strictEqual(response.provider, "openai")
    }))

  it.effect("sends one request for every run of a stream", () =>
    Effect.gen(function*() {
      const seen: Array<Client.Sent> = []
      yield* OpenAi.OpenAi.use((openai) => {
        const stream = openai.stream({ model: "m", prompt: "hi" })
        return Effect.andThen(Stream.runDrain(stream), Stream.runDrain(stream))
      }).pipe(Effect.provide(OpenAi.layer({ apiKey }).pipe(Layer.provide(fakeOpenAi(seen)))))
      assert.strictEqual(seen.length, 2)
    }))

  describe("layerConfig", () => {
    const configured = (env: Record<string, string>) =>
      Effect.gen(function*() {
        const seen: Array<Client.Sent> = []
        const response = yield* OpenAi.OpenAi.use((openai) =>
          ChunkStream.outcome(openai.stream({ model: "m", prompt: "hi" }))
        ).pipe(
          Effect.provide(
            OpenAi.layerConfig().pipe(
              Layer.provide(fakeOpenAi(seen)),
              Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
            )
          )
        )
        return { response, seen }
      })

    it.effect("reads OPENAI_API_KEY and OPENAI_BASE_URL", () =>
      Effect.gen(function*() {
        const { seen } = yield* configured({ OPENAI_API_KEY: "sk-env", OPENAI_BASE_URL: "http://localhost:1/v1" })
        assert.strictEqual(seen[0]?.request.headers["authorization"], "Bearer sk-env")
        assert.strictEqual(seen[0]?.request.url, "http://localhost:1/v1/chat/completions")
      }))

    it.effect("shows a missing key as a typed error of the stream", () =>
      Effect.gen(function*() {
        const { response } = yield* configured({})
        assert.strictEqual(response.error?.reason._tag, "Authentication")
      }))
  })
})
