import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  AzureChunk,
  AzureOpenAi,
  type ChatRequest,
  ChunkStream,
  Cost,
  Pricing,
  ProviderError
} from "../../src/index.ts"
import { Arbitraries, Wire } from "../../src/testing.ts"
import * as Host from "../support/host.ts"

const { delta, done, errorEvent, finish } = Host

const decode = (...body: ReadonlyArray<object | string>) => Host.decode(AzureOpenAi.protocol(), ...body)

const safe = { hate: { filtered: false, severity: "safe" }, violence: { filtered: false, severity: "safe" } }

const nameless = { id: "", object: "", created: 0, model: "" }

const prompts = {
  choices: [],
  ...nameless,
  prompt_filter_results: [{
    prompt_index: 0,
    content_filter_results: { ...safe, jailbreak: { filtered: false, detected: false } }
  }]
}

/** What an asynchronous filter adds: no delta, no names. */
const filtered = (content_filter_results: object) => ({
  ...nameless,
  choices: [{
    index: 0,
    finish_reason: null,
    content_filter_results,
    content_filter_offsets: { check_offset: 44, start_offset: 44, end_offset: 198 },
    content_filter_raw: []
  }]
})

const endpoint = "https://res.openai.azure.com"

describe("AzureChunk", () => {
  it.prop("encodes back to the payload it came from", [Arbitraries.chunk(AzureChunk.FromPayload)], ([chunk]) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(AzureChunk.FromPayload)(chunk)))
    assert.deepStrictEqual(json, chunk.chunk)
    assert.deepStrictEqual(Schema.decodeUnknownSync(AzureChunk.FromPayload)(json), chunk)
    assert.strictEqual(chunk.provider, "azure")
  })

  it.prop("is what the wire's bytes decode to", [Arbitraries.chunk(AzureChunk.FromPayload), Schema.Natural], (
    [chunk, seed]
  ) => {
    const decoder = AzureOpenAi.protocol().body({})
    assert.deepStrictEqual(
      Wire.split(Wire.encode(Wire.openai, [chunk]), { seed }).flatMap(decoder.push),
      [chunk]
    )
  })

  it("tells what the filter found in the prompts, under its old name too", () => {
    const chunk = Schema.decodeUnknownSync(AzureChunk.FromPayload)(prompts)
    const { prompt_filter_results, ...rest } = prompts
    const old = Schema.decodeUnknownSync(AzureChunk.FromPayload)({ ...rest, prompt_annotations: prompt_filter_results })
    for (const { promptFilterResults } of [chunk, old]) {
      assert.strictEqual(promptFilterResults[0]?.content_filter_results?.hate?.severity, "safe")
      assert.isFalse(promptFilterResults[0]?.content_filter_results?.jailbreak?.detected)
    }
    assert.deepStrictEqual([chunk.id, chunk.model, chunk.content, chunk.choiceDeltas], [undefined, undefined, "", []])
  })

  it("tells what the filter found in choice 0", () => {
    const results = (choices: ReadonlyArray<object>) =>
      Schema.decodeUnknownSync(AzureChunk.FromPayload)({ choices }).contentFilterResults
    assert.deepStrictEqual(results([{ index: 0, delta: {}, content_filter_results: {} }]), {})
    assert.strictEqual(
      results([{ index: 1, content_filter_results: { error: { code: "x", message: "failed" } } }, {
        index: 0,
        content_filter_results: { protected_material_code: { detected: true, citation: { license: "MIT" } } }
      }])?.protected_material_code?.citation?.license,
      "MIT"
    )
    assert.isUndefined(results([{ index: 0, delta: { content: "Hi" } }]))
    assert.isUndefined(results([]))
  })
})

describe("AzureOpenAi", () => {
  describe("protocol", () => {
    it.effect("takes id and model from the first chunk that has them", () =>
      Effect.gen(function*() {
        const { chunks, response } = yield* decode(prompts, delta({ content: "Hi" }), finish("stop"), done)
        assert.deepStrictEqual([response.id, response.model, response.content], ["chatcmpl-1", "test-model", "Hi"])
        assert.strictEqual(response.provider, "azure")
        assert.lengthOf(chunks, 3)
      }))

    it.effect("keeps text, finish reason and end of a stream with an asynchronous filter", () =>
      Effect.gen(function*() {
        const { chunks, response } = yield* decode(
          prompts,
          delta({ role: "assistant", content: "" }),
          filtered(safe),
          delta({ content: "Hi" }),
          finish("stop"),
          filtered({ protected_material_text: { filtered: false, detected: false } }),
          {
            ...delta({}),
            choices: [],
            usage: { prompt_tokens: 1, completion_tokens: 2 },
            latency_checkpoint: { a: 1 }
          },
          filtered(safe)
        )
        assert.isUndefined(response.error)
        assert.deepStrictEqual([response.content, response.finishReasons], ["Hi", ["stop"]])
        assert.strictEqual(response.usage?.outputTokens, 2)
        assert.strictEqual(chunks[2]?.contentFilterResults?.hate?.severity, "safe")
        assert.strictEqual(chunks[2]?.chunk.choices?.[0]?.content_filter_offsets?.end_offset, 198)
      }))

    it.effect("is incomplete when the filter's chunks are all that came", () =>
      Effect.gen(function*() {
        const { error } = yield* decode(prompts, filtered(safe))
        assert.strictEqual(error?.reason._tag, "IncompleteStream")
      }))

    it.effect("finishes with content_filter what the filter cut off", () =>
      Effect.gen(function*() {
        const { chunks, response } = yield* decode(
          delta({ content: "Par" }),
          finish("content_filter", {
            choices: [{
              index: 0,
              delta: {},
              finish_reason: "content_filter",
              content_filter_results: { violence: { filtered: true, severity: "medium" } }
            }]
          }),
          done
        )
        assert.isUndefined(response.error)
        assert.deepStrictEqual([response.content, response.commonFinishReasons], ["Par", ["content_filter"]])
        assert.isTrue(chunks[1]?.contentFilterResults?.violence?.filtered)
      }))

    it.effect("assembles tool calls whose pieces have neither index nor type", () =>
      Effect.gen(function*() {
        const call = (id: string, name: string | null, text: string) =>
          delta({ tool_calls: [{ id, function: { name, arguments: text } }] })
        const { response } = yield* decode(
          call("call_1", "weather", ""),
          call("", null, "{\"city\":"),
          call("", null, "\"Paris\"}"),
          call("call_2", "time", "{}"),
          finish("tool_calls"),
          done
        )
        assert.deepStrictEqual(response.toolCalls, [
          { id: "call_1", name: "weather", arguments: "{\"city\":\"Paris\"}" },
          { id: "call_2", name: "time", arguments: "{}" }
        ])
      }))

    it.effect("reads the variants of other makers' models", () =>
      Effect.gen(function*() {
        const { chunks, response } = yield* decode(
          delta({ role: "assistant", content: null, reasoning_content: "Hm." }),
          delta({ content: "Hi", reasoning_content: null }, { matched_stop: null }),
          finish("stop", {
            choices: [{ index: 0, delta: {}, finish_reason: "stop", matched_stop: 1, stop_reason: "x" }]
          }),
          // More cached tokens than tokens: passed on as stated.
          {
            choices: [],
            usage: { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 9 } }
          },
          done
        )
        assert.deepStrictEqual([response.reasoning, response.content], ["Hm.", "Hi"])
        assert.strictEqual(chunks[2]?.chunk.choices?.[0]?.matched_stop, 1)
        assert.deepStrictEqual([response.usage?.inputTokens, response.usage?.cachedTokens], [5, 9])
      }))

    it.effect("has the citations of \"on your data\", typed", () =>
      Effect.gen(function*() {
        const { chunks } = yield* decode(
          delta({
            role: "assistant",
            context: { citations: [{ content: "c", title: "t", chunk_id: "0" }], intent: "[]" }
          }),
          finish("stop"),
          done
        )
        assert.strictEqual(chunks[0]?.chunk.choices?.[0]?.delta?.context?.citations?.[0]?.title, "t")
      }))

    it.effect("fails with ContentFiltered, and what was found, when the filter stops a stream with an error", () =>
      Effect.gen(function*() {
        const innererror = { code: "ResponsibleAIPolicyViolation", content_filter_result: { hate: { filtered: true } } }
        const { error, response } = yield* decode(
          delta({ content: "Par" }),
          errorEvent({ error: { message: "Filtered", code: "content_filter", status: 400, innererror } })
        )
        assert.deepStrictEqual(Host.told(error), {
          reason: "ContentFiltered",
          message: "Filtered",
          status: 400,
          code: "content_filter",
          retryable: false
        })
        assert.deepStrictEqual(
          error?.reason._tag === "ContentFiltered" ? error.reason.details : undefined,
          innererror
        )
        assert.strictEqual(response.content, "Par")
      }))

    it.effect("takes a code that is a status for the status", () =>
      Effect.gen(function*() {
        const { error } = yield* decode({ error: { code: "429", message: "Slow down" } })
        assert.deepStrictEqual(Host.told(error), {
          reason: "RateLimited",
          message: "Slow down",
          status: 429,
          code: "429",
          retryable: true
        })
      }))
  })

  describe("make", () => {
    const apiKey = Host.key

    const addresses: ReadonlyArray<
      readonly [title: string, options: Partial<AzureOpenAi.Options>, url: string, bodyModel: string | undefined]
    > = [
      ["the v1 URL without an API version", {}, `${endpoint}/openai/v1/chat/completions`, "gpt"],
      [
        "the v1 URL with its own versions",
        { apiVersion: "preview" },
        `${endpoint}/openai/v1/chat/completions?api-version=preview`,
        "gpt"
      ],
      [
        "the v1 URL, given whole",
        { endpoint: `${endpoint}/openai/v1/` },
        `${endpoint}/openai/v1/chat/completions`,
        "gpt"
      ],
      [
        "the v1 URL with a deployment for all requests",
        { deployment: "mine" },
        `${endpoint}/openai/v1/chat/completions`,
        "mine"
      ],
      [
        "the URL of the deployment that the request names",
        { apiVersion: "2024-10-21", endpoint: `${endpoint}/` },
        `${endpoint}/openai/deployments/gpt/chat/completions?api-version=2024-10-21`,
        undefined
      ],
      [
        "the URL of the deployment for all requests",
        { apiVersion: "2024-10-21", deployment: "my deployment" },
        `${endpoint}/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21`,
        undefined
      ]
    ]
    for (const [title, options, url, bodyModel] of addresses) {
      it.effect(`sends to ${title}`, () =>
        Effect.gen(function*() {
          const { first } = yield* Host.send(
            AzureOpenAi.layer({ endpoint, apiKey, ...options }),
            { model: "gpt", prompt: "hi" }
          )
          assert.deepStrictEqual([first.url, first.body["model"]], [url, bodyModel])
          assert.strictEqual(first.headers["api-key"], "key-0123456789")
          assert.isUndefined(first.headers["authorization"])
        }))
    }

    it.effect("needs no model in the request when it has a deployment", () =>
      Effect.gen(function*() {
        const { first } = yield* Host.send(AzureOpenAi.layer({ endpoint, apiKey, deployment: "mine" }), {
          prompt: "hi"
        })
        assert.strictEqual(first.body["model"], "mine")
      }))

    const versions: ReadonlyArray<readonly [apiVersion: string | undefined, isRecent: boolean]> = [
      [undefined, true],
      ["2025-01-01-preview", true],
      ["2024-10-21", true],
      ["2024-09-01-preview", true],
      ["2024-08-01-preview", false],
      ["2023-05-15", false]
    ]
    for (const [apiVersion, isRecent] of versions) {
      it.effect(`asks version ${apiVersion} for what it understands`, () =>
        Effect.gen(function*() {
          const { first } = yield* Host.send(
            AzureOpenAi.layer({ endpoint, apiKey, apiVersion }),
            { model: "gpt", prompt: "hi", maxTokens: 5 }
          )
          const { messages: _messages, model: _model, ...rest } = first.body
          assert.deepStrictEqual(
            rest,
            isRecent
              ? { max_completion_tokens: 5, stream: true, stream_options: { include_usage: true } }
              : { max_tokens: 5, stream: true }
          )
        }))
    }

    it.effect("sends Azure's own fields", () =>
      Effect.gen(function*() {
        const request: ChatRequest.ChatRequest = {
          model: "gpt",
          prompt: "hi",
          options: { azure: { data_sources: [{ type: "azure_search" }], reasoning_effort: "low" } }
        }
        const { first } = yield* Host.send(AzureOpenAi.layer({ endpoint, apiKey }), request)
        assert.deepStrictEqual(
          [first.body["data_sources"], first.body["reasoning_effort"]],
          [[{ type: "azure_search" }], "low"]
        )
      }))

    it.effect("runs the token's effect for every attempt, and shows no token in an error", () =>
      Effect.gen(function*() {
        const sent: Array<Host.Sent> = []
        let count = 0
        const token = Effect.sync(() => Redacted.make(`entra-token-${++count}`))
        const fiber = yield* AzureOpenAi.AzureOpenAi.use(({ stream }) =>
          ChunkStream.outcome(stream({ model: "gpt", prompt: "hi" }))
        ).pipe(
          Effect.provide(
            AzureOpenAi.layer({ endpoint, token, maxRetries: 1 }).pipe(
              Layer.provide(Host.layer(
                sent,
                { status: 503, body: "{}" },
                { status: 401, body: JSON.stringify({ error: { code: "401", message: "Bad entra-token-2" } }) }
              ))
            )
          ),
          Effect.forkChild
        )
        yield* TestClock.adjust("1 minute")
        const { error } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          sent.map(({ headers }) => [headers["authorization"], headers["api-key"]]),
          [["Bearer entra-token-1", undefined], ["Bearer entra-token-2", undefined]]
        )
        assert.deepStrictEqual(
          [error?.reason._tag, error?.reason.message],
          ["Authentication", "Bad <redacted>"]
        )
      }))

    it.effect("fails for the reason for which there is no token", () =>
      Effect.gen(function*() {
        const { response, sent } = yield* Host.send(
          AzureOpenAi.layer({
            endpoint,
            token: Effect.fail(new ProviderError.Authentication({ message: "Log in first" }))
          }),
          { model: "gpt", prompt: "hi" }
        )
        assert.strictEqual(response.error?.message, "azure: Authentication: Log in first")
        assert.lengthOf(sent, 0)
      }))

    it.effect("states the region that answered", () =>
      Effect.gen(function*() {
        const { response } = yield* Host.send(
          AzureOpenAi.layer({ endpoint, apiKey }),
          { model: "gpt", prompt: "hi" },
          { headers: { "x-ms-region": "East US 2" }, body: Host.sse(delta({ content: "Hi" }), finish("stop"), done) }
        )
        assert.strictEqual(response.costMetadata.region, "eastus2")
      }))

    it.effect("is priced by the model that the stream states, or by the deployment that was asked for", () =>
      Effect.gen(function*() {
        const usage = { choices: [], usage: { prompt_tokens: 1000, completion_tokens: 100 } }
        const priced = (names: object) =>
          Host.send(
            AzureOpenAi.layer({ endpoint, apiKey, deployment: "prod-chat" }),
            { prompt: "hi" },
            { body: Host.sse(prompts, { ...delta({ content: "Hi" }), ...names }, finish("stop", names), usage, done) }
          ).pipe(
            Effect.flatMap(({ response }) => Pricing.priced(response)),
            Effect.map(({ cost }) => cost && [Cost.toJson(cost).total, ...cost.pricedAs]),
            Effect.provide(Pricing.layer({ deployments: { "prod-chat": "gpt-4o" } }))
          )
        // 1000 × 2.50 + 100 × 10; 1000 × 0.15 + 100 × 0.60
        assert.deepStrictEqual(yield* priced({ model: "" }), [0.0035, "azure/gpt-4o"])
        assert.deepStrictEqual(yield* priced({ model: "gpt-4o-mini-2024-07-18" }), [0.00021, "azure/gpt-4o-mini"])
        // What the deployment is called is no reason to price a model that is not known.
        assert.isUndefined(yield* priced({ model: "gpt-99" }))
      }))

    const blocked = {
      message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      type: null,
      param: "prompt",
      code: "content_filter",
      status: 400,
      innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: { jailbreak: { detected: true } } }
    }

    const responses: ReadonlyArray<
      readonly [status: number, body: object, reason: string, retryable: boolean, headers?: Record<string, string>]
    > = [
      [400, { error: blocked }, "ContentFiltered", false],
      [400, { error: { ...blocked, code: null } }, "ContentFiltered", false],
      [400, { error: { code: "context_length_exceeded", message: "Too long" } }, "ContextLengthExceeded", false],
      [
        401,
        { error: { code: "401", message: "Access denied due to invalid subscription key" } },
        "Authentication",
        false
      ],
      [401, { statusCode: 401, message: "Unauthorized. Access token is missing" }, "Authentication", false],
      [404, { error: { code: "DeploymentNotFound", type: "invalid_request_error", message: "No" } }, "NotFound", false],
      [404, { error: { code: "404", message: "Resource not found" } }, "NotFound", false],
      [429, { error: { code: "RateLimitReached", message: "Slow down" } }, "RateLimited", true],
      [429, { error: { code: "insufficient_quota", message: "Pay" } }, "QuotaExceeded", false],
      [500, { error: { code: "InternalServerError", message: "Oops" } }, "ServerError", true],
      [408, { error: { code: "Timeout", message: "Too slow" } }, "Timeout", true]
    ]
    for (const [status, body, reason, retryable] of responses) {
      it.effect(`takes HTTP ${status} with ${JSON.stringify(body).slice(0, 60)} for ${reason}`, () =>
        Effect.gen(function*() {
          const { response } = yield* Host.send(
            AzureOpenAi.layer({ endpoint, apiKey, maxRetries: 0 }),
            { model: "gpt", prompt: "hi" },
            { status, body: JSON.stringify(body), headers: { "apim-request-id": "apim-1" } }
          )
          const { error } = response
          assert.deepStrictEqual(
            [error?.reason._tag, error?.isRetryable, error?.status, error?.requestId],
            [reason, retryable, status, "apim-1"]
          )
        }))
    }

    const waits: ReadonlyArray<readonly [headers: Record<string, string>, expected: Duration.Input | undefined]> = [
      [{ "retry-after": "1", "retry-after-ms": "0" }, "1 second"],
      [{ "retry-after": "7", "retry-after-ms": "6596" }, "6596 millis"],
      [{}, undefined]
    ]
    for (const [headers, expected] of waits) {
      it.effect(`waits ${expected ?? "as it likes"} after a 429 with ${JSON.stringify(headers)}`, () =>
        Effect.gen(function*() {
          const { response } = yield* Host.send(
            AzureOpenAi.layer({ endpoint, apiKey, maxRetries: 0 }),
            { model: "gpt", prompt: "hi" },
            { status: 429, headers, body: JSON.stringify({ error: { code: "RateLimitReached", message: "No" } }) }
          )
          assert.deepStrictEqual(
            response.error?.retryAfter,
            expected === undefined ? undefined : Duration.fromInputUnsafe(expected)
          )
        }))
    }

    it.effect("hides the key from whoever looks at the request", () =>
      Effect.gen(function*() {
        const { first } = yield* Host.send(AzureOpenAi.layer({ endpoint, apiKey }), { model: "gpt", prompt: "hi" })
        assert.isTrue(Redacted.isRedacted(first.shown["api-key"]))
      }))

    it.effect("cuts the key out of what the provider echoes", () =>
      Effect.gen(function*() {
        const { response } = yield* Host.send(
          AzureOpenAi.layer({ endpoint, apiKey }),
          { model: "gpt", prompt: "hi" },
          { status: 401, body: JSON.stringify({ error: { code: "401", message: "Wrong key key-0123456789" } }) }
        )
        assert.strictEqual(response.error?.reason.message, "Wrong key <redacted>")
      }))

    it.effect("cuts the key out of the details of an error inside a stream too", () =>
      Effect.gen(function*() {
        const innererror = { code: "ResponsibleAIPolicyViolation", prompt: "my key is key-0123456789" }
        const { response } = yield* Host.send(
          AzureOpenAi.layer({ endpoint, apiKey }),
          { model: "gpt", prompt: "hi" },
          { body: Host.sse(errorEvent({ error: { message: "Filtered", code: "content_filter", innererror } })) }
        )
        const reason = response.error?.reason
        assert.deepStrictEqual(
          reason?._tag === "ContentFiltered" ? reason.details : undefined,
          { ...innererror, prompt: "my key is <redacted>" }
        )
      }))
  })

  describe("layerConfig", () => {
    const configured = (env: Record<string, string>) =>
      Host.send(
        AzureOpenAi.layerConfig().pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))),
        { model: "gpt", prompt: "hi" }
      )

    it.effect("reads endpoint, key, API version and deployment", () =>
      Effect.gen(function*() {
        const { first } = yield* configured({
          AZURE_OPENAI_ENDPOINT: endpoint,
          AZURE_OPENAI_API_KEY: "azure-key",
          AZURE_OPENAI_API_VERSION: "2024-10-21",
          AZURE_OPENAI_DEPLOYMENT: "mine"
        })
        assert.strictEqual(first.url, `${endpoint}/openai/deployments/mine/chat/completions?api-version=2024-10-21`)
        assert.strictEqual(first.headers["api-key"], "azure-key")
      }))

    it.effect("shows a missing key as a typed error of the stream", () =>
      Effect.gen(function*() {
        const { response, sent } = yield* configured({ AZURE_OPENAI_ENDPOINT: endpoint })
        assert.strictEqual(response.error?.reason._tag, "Authentication")
        assert.match(response.error?.message ?? "", /AZURE_OPENAI_API_KEY/)
        assert.lengthOf(sent, 0)
      }))

    it.effect("shows a missing endpoint as an error of the configuration", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(configured({ AZURE_OPENAI_API_KEY: "k" }))
        assert.match(error.message, /AZURE_OPENAI_ENDPOINT/)
      }))
  })
})
