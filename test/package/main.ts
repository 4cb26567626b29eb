/**
 * A program of a user of the package: it decodes a recording, streams over layers whose HTTP client is made up, signs a
 * request for AWS, and computes a cost. `Package.test.ts` compiles it against the packed declarations and runs it on
 * every runtime at hand.
 */
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import {
  AwsCredentials,
  Bedrock,
  ChunkStream,
  Cost,
  OpenAi,
  OpenAiChunk,
  Pricing,
  Protocol,
  Provider,
  ProviderError
} from "effect-llm-stream"
import { Answer, TestProvider } from "effect-llm-stream/testing"
import * as EventStream from "effect-llm-stream/wire/EventStream"
import * as Sse from "effect-llm-stream/wire/Sse"
import { HttpClient, HttpClientResponse } from "effect/http"

const payloads = [
  { id: "chatcmpl-1", model: "gpt-4o-mini", choices: [{ index: 0, delta: { role: "assistant", content: "Grüße, " } }] },
  { id: "chatcmpl-1", model: "gpt-4o-mini", choices: [{ index: 0, delta: { content: "🌍!" }, finish_reason: "stop" }] },
  {
    id: "chatcmpl-1",
    model: "gpt-4o-mini",
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, prompt_tokens_details: { cached_tokens: 2 } }
  }
]
const body = [...payloads.map((payload) => JSON.stringify(payload)), "[DONE]"]
  .map((data) => Sse.encode({ event: undefined, data }))
  .join("")

const frames = [
  ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Grüße" } }],
  ["messageStop", { stopReason: "end_turn" }],
  ["metadata", { usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 }, metrics: { latencyMs: 1 } }]
].map(([event, payload]) =>
  EventStream.encodeUnsafe({
    headers: { ":event-type": String(event), ":content-type": "application/json", ":message-type": "event" },
    body: new TextEncoder().encode(JSON.stringify(payload))
  })
)

const transport = (respond: (headers: Readonly<Record<string, string | undefined>>) => Response) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, respond(request.headers))))
  )

const ask = Effect.gen(function*() {
  const provider = yield* Provider.Provider
  return yield* ChunkStream.response(provider.stream({ prompt: "Greet the world" }))
})

const openai = OpenAi.layer({ apiKey: Redacted.make("key"), model: "gpt-4o-mini", maxRetries: 0 })

const bedrock = Bedrock.layer({
  region: "us-east-1",
  credentials: Effect.succeed(AwsCredentials.fromKeysUnsafe({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" })),
  model: "amazon.nova-lite-v1:0"
})

const program = Effect.gen(function*() {
  // One byte a read, which splits every multi-byte character.
  const decoded = yield* Stream.fromIterable(new TextEncoder().encode(body)).pipe(
    Stream.map((byte) => Uint8Array.of(byte)),
    Protocol.decode(OpenAi.protocol()),
    ChunkStream.response
  )
  const streamed = yield* ask.pipe(
    Effect.provide(
      openai.pipe(
        Layer.provide(transport(() => new Response(body, { headers: { "content-type": "text/event-stream" } })))
      )
    )
  )
  const failed = yield* Effect.flip(
    ask.pipe(
      Effect.provide(
        openai.pipe(
          Layer.provide(
            transport(() =>
              new Response(JSON.stringify({ error: { message: "Slow down", code: "rate_limit_exceeded" } }), {
                status: 429
              })
            )
          )
        )
      )
    )
  )
  let signature = ""
  const signed = yield* ask.pipe(Effect.provide(bedrock.pipe(Layer.provide(transport((headers) => {
    signature = headers["authorization"] ?? ""
    return new Response(new Blob(frames.map((frame) => Uint8Array.from(frame))), {
      headers: { "content-type": "application/vnd.amazon.eventstream" }
    })
  })))))
  const scripted = yield* ask.pipe(
    Effect.provide(TestProvider.layer([{ chunks: Answer.openai(Answer.make({ content: "Hello" })) }]))
  )
  const chunk = Schema.decodeUnknownSync(OpenAiChunk.FromPayload)(payloads[2])
  const cost = yield* Pricing.cost(streamed.costMetadata)
  return {
    decoded: [decoded.content, decoded.commonFinishReasons, decoded.usage?.totalTokens],
    streamed: [streamed.content, streamed.chunks, Cost.toJson(cost).total],
    failed: [ProviderError.isProviderError(failed), failed.reason._tag, failed.isRetryable],
    signed: [
      signed.content,
      signed.usage?.totalTokens,
      signature.startsWith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    ],
    scripted: scripted.content,
    chunk: [chunk.content, chunk.cachedTokens]
  }
})

console.log(JSON.stringify(await Effect.runPromise(program)))
