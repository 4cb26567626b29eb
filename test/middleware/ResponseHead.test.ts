import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { Anthropic, AzureOpenAi, Bedrock, ChunkStream, Groq, OpenAi, Provider } from "../../src/index.ts"
import * as ResponseHead from "../../src/middleware/ResponseHead.ts"
import { Answer } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Host from "../support/host.ts"
import { hosts } from "../support/providers.ts"

/** The heads of the responses to one request. */
const headsOf = Effect.fnUntraced(function*(
  provider: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>,
  ...answers: readonly [Host.Answer, ...ReadonlyArray<Host.Answer>]
) {
  const heads: Array<ResponseHead.ResponseHead> = []
  const layer = ResponseHead.layer((head) => Effect.sync(() => heads.push(head))).pipe(
    Layer.provide(provider),
    Layer.provide(Host.layer([], ...answers))
  )
  yield* Provider.Provider.use(({ stream }) => ChunkStream.outcome(stream({ prompt: "Hi" }))).pipe(
    Effect.provide(layer)
  )
  return heads
})

const shown = ({ limits, ...head }: ResponseHead.ResponseHead) => ({
  ...head,
  limits: limits.map(({ kind, limit, remaining, resetAfter }) => [
    kind,
    limit,
    remaining,
    resetAfter && Duration.toMillis(resetAfter)
  ])
})

const body = Host.sse(Host.delta({ content: "Hi" }), Host.finish("stop"), Host.done)
const options = { apiKey: Host.key, model: "m", maxRetries: 0 }

describe("ResponseHead", () => {
  it.effect("has the limits of OpenAI and Groq", () =>
    Effect.gen(function*() {
      const headers = {
        "x-request-id": "req_1",
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "199990",
        "x-ratelimit-reset-tokens": "1h6m0.5s"
      }
      for (const [provider, layer] of [["openai", OpenAi.layer(options)], ["groq", Groq.layer(options)]] as const) {
        const [head] = yield* headsOf(layer, { body, headers })
        assert.deepStrictEqual(head && shown(head), {
          provider,
          model: "m",
          status: 200,
          requestId: "req_1",
          limits: [["requests", 500, 499, 120], ["tokens", 200000, 199990, 3_960_500]]
        })
      }
    }))

  it.effect("has the limits of Anthropic, whose resets are times", () =>
    Effect.gen(function*() {
      const headers = {
        "request-id": "req_2",
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-input-tokens-remaining": "10",
        "anthropic-ratelimit-input-tokens-reset": "1970-01-01T00:00:07Z",
        "anthropic-ratelimit-unified-status": "allowed",
        "x-ratelimit-limit-requests": "1"
      }
      const [head] = yield* headsOf(Anthropic.layer(options), { body, headers })
      assert.deepStrictEqual(head && shown(head), {
        provider: "anthropic",
        model: "m",
        status: 200,
        requestId: "req_2",
        limits: [["input-tokens", 1000, 10, 7000]]
      })
    }))

  it.effect("has what Azure states, and the id of Bedrock", () =>
    Effect.gen(function*() {
      const azure = AzureOpenAi.layer({ ...options, endpoint: "https://x.openai.azure.com" })
      const [head] = yield* headsOf(azure, {
        body,
        headers: {
          "apim-request-id": "a-1",
          "x-ratelimit-remaining-requests": "-1",
          "x-ratelimit-remaining-tokens": "42",
          "x-ratelimit-reset-tokens": "17"
        }
      })
      assert.deepStrictEqual(head?.requestId, "a-1")
      assert.deepStrictEqual(head && shown(head).limits, [
        ["requests", undefined, undefined, undefined],
        ["tokens", undefined, 42, 17_000]
      ])
      const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: Host.key }
      const bedrock = Bedrock.layer({ region: "us-east-1", credentials, model: "m", maxRetries: 0 })
      const [other] = yield* headsOf(bedrock, { body: "", headers: { "x-amzn-requestid": "b-1" } })
      assert.deepStrictEqual([other?.requestId, other?.limits], ["b-1", []])
    }))

  it.effect("takes no nonsense for a number", () =>
    Effect.gen(function*() {
      for (const value of ["", "soon", "1e9", "NaN", "-5s", "5 s", "99999999999999999999", "2026-13-99T00:00:00Z"]) {
        const [head] = yield* headsOf(OpenAi.layer(options), {
          body,
          headers: { "x-ratelimit-limit-tokens": value, "x-ratelimit-reset-tokens": value }
        })
        assert.deepStrictEqual(head && shown(head).limits, [["tokens", undefined, undefined, undefined]], value)
      }
    }))

  it.effect("tells of refusals, and before the first chunk of an answer", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      yield* Provider.Provider.use(({ stream }) =>
        stream({ prompt: "Hi" }).pipe(
          ResponseHead.tap(({ status }) => Effect.sync(() => seen.push(status))),
          ChunkStream.text,
          Stream.runForEach((text) => Effect.sync(() => seen.push(text))),
          Effect.ignore
        )
      ).pipe(
        Effect.provide(
          OpenAi.layer({ ...options, maxRetries: 1, maxRetryDelay: 0 }).pipe(
            Layer.provide(Host.layer([], { status: 429, body: "{}", headers: { "retry-after-ms": "0" } }, { body }))
          )
        )
      )
      assert.deepStrictEqual(seen, [429, 200, "Hi"])
    }))

  for (const [api, host] of Object.entries(hosts)) {
    it.live(`tells the head of ${api}, once a request`, () =>
      Effect.gen(function*() {
        const headers = { "x-request-id": "r", "request-id": "r", "x-amzn-requestid": "r" }
        const server = yield* NodeReplayServer.make([host.reply(Answer.make({ content: "Hello" }), { headers })])
        const heads: Array<ResponseHead.ResponseHead> = []
        const layer = ResponseHead.layer((head) => Effect.sync(() => heads.push(head))).pipe(
          Layer.provide(host.at(server.url))
        )
        const response = yield* Provider.Provider.use(({ stream }) => ChunkStream.response(stream({ prompt: "Hi" })))
          .pipe(Effect.provide(layer))
        assert.deepStrictEqual(heads.map(({ provider, requestId, status }) => [provider, requestId, status]), [
          [response.provider, "r", 200]
        ])
      }))
  }
})
