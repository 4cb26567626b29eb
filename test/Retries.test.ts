/** Which answers are worth another attempt: the table of `docs/errors.md`, for every provider. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  Anthropic,
  AzureInference,
  AzureOpenAi,
  AzureResponses,
  Bedrock,
  BedrockInvoke,
  type Chunk,
  ChunkStream,
  Groq,
  OpenAi,
  OpenAiResponses,
  Provider,
  type ProviderError
} from "../src/index.ts"
import * as Client from "./support/client.ts"
import { key } from "./support/host.ts"

const model = "anthropic.claude-haiku-4-5-20251001-v1:0"
const options = { apiKey: key, model, maxRetries: 1, maxRetryDelay: 0 }
const endpoint = "https://models.example"
const region = "us-east-1"

const definitions: Readonly<Record<string, Provider.Definition<Chunk.Chunk>>> = {
  openai: OpenAi.define(options),
  "openai-responses": OpenAiResponses.define(options),
  anthropic: Anthropic.define(options),
  groq: Groq.define(options),
  azure: AzureOpenAi.define({ ...options, endpoint }),
  "azure-responses": AzureResponses.define({ ...options, endpoint }),
  "azure-inference": AzureInference.define({ ...options, endpoint }),
  bedrock: Bedrock.define({ ...options, region }),
  "bedrock-invoke": BedrockInvoke.define({ ...options, region })
}

type Reason = ProviderError.Reason["_tag"]

const statuses: Readonly<Record<number, readonly [Reason, isRetryable: boolean]>> = {
  400: ["InvalidRequest", false],
  401: ["Authentication", false],
  402: ["QuotaExceeded", false],
  403: ["PermissionDenied", false],
  404: ["NotFound", false],
  408: ["Timeout", true],
  409: ["InvalidRequest", true],
  410: ["InvalidRequest", false],
  413: ["InvalidRequest", false],
  422: ["InvalidRequest", false],
  424: ["InvalidRequest", false],
  425: ["Overloaded", true],
  429: ["RateLimited", true],
  498: ["InvalidRequest", false],
  500: ["ServerError", true],
  501: ["ServerError", true],
  502: ["ServerError", true],
  503: ["ServerError", true],
  504: ["Timeout", true],
  520: ["ServerError", true],
  529: ["Overloaded", true]
}

const exceptions: Readonly<Record<string, typeof statuses>> = {
  groq: { 498: ["Overloaded", true] },
  bedrock: { 409: ["InvalidRequest", false], 424: ["ServerError", true] },
  "bedrock-invoke": { 409: ["InvalidRequest", false], 424: ["ServerError", true] }
}

/** The outcome of a request that is always answered in this way, and how often it was sent. */
const ask = (definition: Provider.Definition<Chunk.Chunk>, answer: () => Response) => {
  const client = Client.make(answer)
  return Provider.make(definition).pipe(
    Effect.flatMap(({ stream }) => ChunkStream.outcome(stream({ prompt: "hi" }))),
    Effect.provide(client.layer),
    Effect.map(({ error }) => ({ error, attempts: client.sent.length }))
  )
}

describe("Retries", () => {
  for (const [id, definition] of Object.entries(definitions)) {
    it.effect(`of ${id} follow the table of statuses, and the provider's own word wins`, () =>
      Effect.gen(function*() {
        for (const [status, [reason, isRetryable]] of Object.entries({ ...statuses, ...exceptions[id] })) {
          for (const body of ["", "<html>No</html>", "{\"error\":{\"message\":\"No\"}}", "{\"message\":\"No\"}"]) {
            const answer = (headers: Readonly<Record<string, string>>) => () =>
              new Response(body, { status: Number(status), headers: { "retry-after": "0", ...headers } })
            const { attempts, error } = yield* ask(definition, answer({}))
            assert.deepStrictEqual(
              [error?.reason._tag, error?.status, error?.isRetryable, attempts],
              [reason, Number(status), isRetryable, isRetryable ? 2 : 1],
              `${status} ${body}`
            )
            assert.strictEqual((yield* ask(definition, answer({ "x-should-retry": "true" }))).attempts, 2, status)
            assert.strictEqual((yield* ask(definition, answer({ "x-should-retry": "false" }))).attempts, 1, status)
            assert.strictEqual(
              (yield* ask(definition, answer({ "x-should-retry": "perhaps" }))).attempts,
              attempts,
              status
            )
          }
        }
      }))
  }

  const waits: Readonly<Record<string, readonly [headers: Readonly<Record<string, string>>, attempts: number]>> = {
    "no pause": [{ "retry-after": "0" }, 2],
    "a date that has passed": [{ "retry-after": new Date(0).toUTCString() }, 2],
    "longer than allowed": [{ "retry-after": "0.001" }, 1],
    "longer than allowed, in milliseconds": [{ "retry-after-ms": "1" }, 1],
    "a year": [{ "retry-after": "31536000" }, 1],
    "a date in a year": [{ "retry-after": new Date(365 * 86_400_000).toUTCString() }, 1],
    "more than a number holds": [{ "retry-after": "9".repeat(400) }, 1],
    // What can't be read asks for nothing, and the pause is the library's own.
    "a negative number": [{ "retry-after": "-1" }, 2],
    "garbage": [{ "retry-after": "soon", "retry-after-ms": "0x10" }, 2]
  }
  for (const [id, definition] of Object.entries(definitions)) {
    it.effect(`of ${id} wait as long as the provider asks for, and not longer than the policy allows`, () =>
      Effect.gen(function*() {
        for (const [what, [headers, attempts]] of Object.entries(waits)) {
          const answered = yield* ask(definition, () => new Response("", { status: 429, headers }))
          assert.strictEqual(answered.attempts, attempts, what)
          assert.strictEqual(answered.error?.reason._tag, "RateLimited")
        }
      }))
  }
})
