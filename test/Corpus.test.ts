import { assert, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Layer, Random, Schema, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { isDeepStrictEqual } from "node:util"
import { AnthropicChunk } from "../src/anthropic/AnthropicChunk.ts"
import { AzureChunk } from "../src/azure/AzureChunk.ts"
import { AzureResponsesChunk } from "../src/azure/AzureResponsesChunk.ts"
import { BedrockChunk } from "../src/bedrock/BedrockChunk.ts"
import { BedrockInvokeChunk } from "../src/bedrock/BedrockInvokeChunk.ts"
import type * as ChatResponse from "../src/ChatResponse.ts"
import * as ChunkStream from "../src/ChunkStream.ts"
import { providers } from "../src/cli/providers.ts"
import { GroqChunk } from "../src/groq/GroqChunk.ts"
import { OpenAiChunk } from "../src/openai/OpenAiChunk.ts"
import { OpenAiResponsesChunk } from "../src/openai/OpenAiResponsesChunk.ts"
import * as Protocol from "../src/Protocol.ts"
import * as Provider from "../src/Provider.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as Client from "./support/client.ts"
import * as Corpus from "./support/corpus.ts"
import { describeShared } from "./support/shared.ts"

const codecs: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {
  anthropic: AnthropicChunk.FromPayload,
  azure: AzureChunk.FromPayload,
  "azure-inference": AzureChunk.FromPayload,
  bedrock: BedrockChunk.FromPayload,
  "bedrock-invoke": BedrockInvokeChunk.FromPayload,
  groq: GroqChunk.FromPayload,
  openai: OpenAiChunk.FromPayload,
  "openai-responses": OpenAiResponsesChunk.FromPayload,
  "azure-responses": AzureResponsesChunk.FromPayload
}

for (const row of providers) {
  const recordings = Corpus.recordings(row.id)
  const errors = Corpus.errors(row.id)

  describeShared(recordings.length > 0, `${row.id}: ${recordings.length} recorded streams`, () => {
    it.effect("decode to the known results, wherever the reads are cut", () =>
      Effect.gen(function*() {
        const { protocol } = yield* Effect.promise(row.load)
        const disagreements = yield* Effect.forEach(
          recordings,
          Effect.fnUntraced(function*({ bytes, expected, framing, path }) {
            const response = yield* Stream.fromIterable(yield* cut(bytes)).pipe(
              Protocol.decode(protocol, { framing }),
              ChunkStream.outcome
            )
            return different(path, fieldsOf(response, expected), fieldsOfExpected(expected))
          })
        )
        assert.deepStrictEqual(disagreements.flat(), [])
      }))

    it.effect("decode to chunks that encode back to the JSON they came from", () =>
      Effect.gen(function*() {
        const { protocol } = yield* Effect.promise(row.load)
        const codec = codecs[row.id]
        assert.isDefined(codec, `the codec of ${row.id}'s chunks`)
        const decode = Schema.decodeUnknownSync(codec)
        const encode = Schema.encodeUnknownSync(codec)
        for (const recording of recordings) {
          const chunks = yield* Stream.make(recording.bytes).pipe(
            Protocol.decode(protocol, { framing: recording.framing }),
            Stream.catchTag("ProviderError", () => Stream.empty),
            Stream.runCollect
          )
          const json = payloads(recording)
          const encoded = chunks.map((chunk) => encode(chunk))
          const stated = json.slice(0, chunks.length)
          // Much quicker than the assertion, which is for the report.
          if (!isDeepStrictEqual(encoded, stated)) assert.deepStrictEqual(encoded, stated, recording.path)
          for (const payload of Corpus.shapes(encoded, (payload) => payload)) {
            assert.deepStrictEqual(encode(decode(payload)), payload, recording.path)
          }
          if (recording.expected.error === null) assert.strictEqual(chunks.length, json.length, recording.path)
        }
      }))
  })

  describeShared(errors.length > 0, `${row.id}: ${errors.length} recorded error responses`, () => {
    it.effect("are classified", () =>
      Effect.gen(function*() {
        const { definition } = yield* Effect.promise(row.load)
        const settings = { model: undefined, baseUrl: "http://127.0.0.1:1", idleTimeout: undefined, maxRetries: 0 }
        const disagreements = yield* Effect.forEach(
          errors,
          Effect.fnUntraced(function*({ expected, path, response }) {
            const error = yield* Effect.flatMap(definition(settings), Provider.make).pipe(
              Effect.flatMap((provider) => Stream.runDrain(provider.stream({ model: "a-model", prompt: "Hello" }))),
              Effect.flip,
              Effect.provide([answering(response), credentials])
            )
            assert.instanceOf(error, ProviderError.ProviderError)
            return different(path, {
              status: error.status,
              reason: error.reason._tag,
              message: error.reason.message,
              code: expected.code === null ? null : error.code,
              retryAfterSeconds: error.retryAfter === undefined ? null : Duration.toSeconds(error.retryAfter),
              retryable: error.isRetryable,
              emitted: error.emitted
            }, {
              status: expected.status,
              reason: reasonOf(expected.kind, expected.code),
              message: expected.message,
              code: expected.code,
              retryAfterSeconds: expected.retryAfterSeconds,
              retryable: expected.retryable,
              emitted: false
            })
          })
        )
        assert.deepStrictEqual(disagreements.flat(), [])
      }))
  })
}

const cut = (bytes: Uint8Array): Effect.Effect<ReadonlyArray<Uint8Array>> =>
  Effect.gen(function*() {
    const at = yield* Effect.all([
      Random.nextIntBetween(0, bytes.length + 1),
      Random.nextIntBetween(0, bytes.length + 1)
    ])
    const [first = 0, second = 0] = at.toSorted((a, b) => a - b)
    return [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]
  }).pipe(Random.withSeed(`${bytes.length}`))

interface Disagreement {
  readonly path: string
  readonly field: string
  readonly actual: unknown
  readonly expected: unknown
}

const different = (path: string, actual: object, expected: object): ReadonlyArray<Disagreement> => {
  const all: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(actual))
  return Object.entries(expected).flatMap(([field, value]) =>
    isDeepStrictEqual(all[field], value) ? [] : [{ path, field, actual: all[field], expected: value }]
  )
}

const fieldsOf = (response: ChatResponse.ChatResponse, expected: Corpus.Expected) => ({
  provider: response.provider ?? null,
  id: response.id ?? null,
  model: response.model ?? null,
  content: response.content,
  reasoning: response.reasoning,
  refusal: response.refusal,
  toolCalls: response.toolCalls.map(({ arguments: text, id, name }) => ({ id, name, arguments: text })),
  finishReasons: response.finishReasons,
  commonFinishReasons: response.commonFinishReasons,
  usage: response.usage === undefined ? null : {
    inputTokens: response.usage.inputTokens ?? null,
    cachedTokens: response.usage.cachedTokens ?? null,
    cacheWriteTokens: response.usage.cacheWriteTokens ?? null,
    outputTokens: response.usage.outputTokens ?? null,
    reasoningTokens: response.usage.reasoningTokens ?? null
  },
  audio: response.audio === undefined
    ? null
    : { byteLength: response.audio.data.byteLength, transcript: response.audio.transcript },
  // A stream that states no end may count as incomplete, or as complete by its terminator.
  error: !expected.terminated && expected.error === null && response.error?.reason._tag === "IncompleteStream"
    ? null
    : response.error?.reason._tag ?? null
})

const fieldsOfExpected = (expected: Corpus.Expected) => ({
  provider: expected.provider,
  id: expected.id,
  model: expected.model,
  content: expected.content,
  reasoning: expected.reasoning,
  refusal: expected.refusal,
  toolCalls: expected.toolCalls,
  finishReasons: expected.finishReasons,
  commonFinishReasons: expected.commonFinishReasons,
  usage: expected.usage,
  audio: expected.audio,
  error: expected.error === null ? null : inBand[expected.error.code ?? expected.error.type ?? ""] ?? "Unknown"
})

/** By what a provider calls a failure inside of a stream. */
const inBand: Readonly<Record<string, ProviderError.Reason["_tag"]>> = {
  tool_use_failed: "ToolUseFailed",
  server_error: "ServerError",
  overloaded_error: "Overloaded",
  insufficient_quota: "QuotaExceeded",
  rate_limit_exceeded: "RateLimited",
  throttlingException: "RateLimited",
  validationException: "InvalidRequest",
  internalServerException: "ServerError",
  modelStreamErrorException: "ServerError",
  serviceUnavailableException: "ServerError",
  InternalFailure: "ServerError"
}

/** By the kinds of the corpus' README. */
const reasons: Readonly<Record<string, ProviderError.Reason["_tag"]>> = {
  authentication: "Authentication",
  quota: "QuotaExceeded",
  context_length: "ContextLengthExceeded",
  content_filter: "ContentFiltered",
  not_found: "NotFound",
  permission: "PermissionDenied",
  overloaded: "Overloaded",
  rate_limit: "RateLimited",
  timeout: "Timeout",
  server: "ServerError",
  invalid_request: "InvalidRequest"
}

// The README counts a failed tool call among the invalid requests; here it has a reason of its own.
const reasonOf = (kind: string, code: string | null) => code === "tool_use_failed" ? "ToolUseFailed" : reasons[kind]

/** The payloads of a recording by a reading of the formats that has nothing to do with the library's. */
const payloads = ({ bytes, framing, path }: Corpus.Recording): ReadonlyArray<unknown> => {
  if (path.endsWith(".eventstream")) return frames(bytes).flatMap(payloadOfFrame)
  const text = new TextDecoder().decode(bytes)
  const data = framing === "lines" ?
    text.split("\n") :
    text.split(/(?:\r\n|\n|\r){2}/).map((event) =>
      event.split(/\r\n|\n|\r/).flatMap((line) => line.startsWith("data:") ? [line.slice(5).trimStart()] : []).join("")
    )
  return data.filter((data) => data.trim() !== "" && data !== "[DONE]").map((data) => JSON.parse(data))
}

interface Frame {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

// `total length u32 | headers length u32 | prelude CRC | headers | body | CRC`; a header is
// `name length u8 | name | 7 | value length u16 | value`.
const frames = (bytes: Uint8Array): ReadonlyArray<Frame> => {
  const buffer = Buffer.from(bytes)
  const all: Array<Frame> = []
  for (let start = 0; start < buffer.length; start += buffer.readUInt32BE(start)) {
    const endOfHeaders = start + 12 + buffer.readUInt32BE(start + 4)
    const headers: Record<string, string> = {}
    for (let at = start + 12; at < endOfHeaders;) {
      const endOfName = at + 1 + buffer.readUInt8(at)
      const endOfValue = endOfName + 3 + buffer.readUInt16BE(endOfName + 1)
      headers[buffer.toString("utf8", at + 1, endOfName)] = buffer.toString("utf8", endOfName + 3, endOfValue)
      at = endOfValue
    }
    all.push({ headers, body: buffer.toString("utf8", endOfHeaders, start + buffer.readUInt32BE(start) - 4) })
  }
  return all
}

const payloadOfFrame = ({ body, headers }: Frame): ReadonlyArray<unknown> => {
  const type = headers[":event-type"]
  if (type === undefined) return []
  const json = JSON.parse(body)
  return [type === "chunk" ? JSON.parse(Buffer.from(json.bytes, "base64").toString("utf8")) : { [type]: json }]
}

const answering = ({ body, headers, status }: Corpus.ErrorResponse): Layer.Layer<HttpClient.HttpClient> =>
  Client.make(() => new Response(body, { status, headers })).layer

const credentials = ConfigProvider.layer(ConfigProvider.fromEnv({
  env: {
    ...Object.fromEntries(providers.flatMap((row) => row.keys.flat().map((key) => [key, "test-key"]))),
    AWS_REGION: "us-east-1"
  }
}))
