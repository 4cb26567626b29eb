import { BedrockRuntimeClient, InvokeModelWithResponseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import {
  Anthropic,
  AnthropicChunk,
  AnyChunk,
  BedrockInvoke,
  BedrockInvokeChunk,
  type ChatRequest,
  ChatResponse,
  ChunkStream,
  Messages,
  Pricing,
  Provider
} from "../../src/index.ts"
import { ReplayServer, Wire as TestingWire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Claude from "../anthropic/wire.ts"
import * as Client from "../support/client.ts"
import { loadedReasonOf } from "../support/fault.ts"
import { overHttp1 } from "./http1.ts"
import * as Wire from "./wire.ts"

const protocol = BedrockInvoke.protocol()

/** The frame of a model's own event: base64 within JSON. */
const frame = (event: unknown): Uint8Array =>
  Wire.frame({ chunk: { bytes: Buffer.from(JSON.stringify(event)).toString("base64"), p: "abcdef" } })

const metrics = { inputTokenCount: 10, outputTokenCount: 42, invocationLatency: 1410, firstByteLatency: 1019 }
const stop = { ...Claude.stop, "amazon-bedrock-invocationMetrics": metrics }
const answer = [...Claude.answer.slice(0, -1), stop]
const frames = answer.map(frame)
const body = Wire.concat(frames)

// Fields that the types do not list.
const notYetKnown: object = { not_yet_known: 1 }

describe("BedrockInvoke.protocol", () => {
  it("decodes every event to a chunk with the event that Claude sent", () => {
    const { chunks, reason } = Wire.decode(protocol, [body])
    assert.isUndefined(reason)
    assert.deepStrictEqual<unknown>(chunks.map(({ chunk }) => chunk), answer)
    assert.isTrue(chunks.every((chunk) => chunk instanceof BedrockInvokeChunk))
  })

  it("gives the same as Anthropic's own stream of the same events, but for the provider", () => {
    const ours = Wire.decode(protocol, [body])
    const theirs = Wire.decode(Anthropic.protocol(), [Claude.bytes(Claude.sse(answer))])
    assert.isUndefined(theirs.reason)
    assert.deepStrictEqual(
      ours.chunks.map(attributesOf),
      theirs.chunks.map((chunk) => ({ ...attributesOf(chunk), provider: "bedrock" }))
    )
    const { chunks: _count, costMetadata: _cost, provider, ...response } = ours.response
    assert.strictEqual(provider, "bedrock")
    const { chunks: _theirCount, costMetadata: _theirCost, provider: _their, ...expected } = theirs.response
    assert.deepStrictEqual(response, expected)
  })

  it("states id and model as Claude does, and is priced as the model that was asked for", () => {
    const model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    const { chunks, response } = Wire.decode(protocol, [body], { requestId: "c198e874", model, region: "us-west-2" })
    assert.strictEqual(response.id, "msg_1")
    assert.strictEqual(response.model, "claude-test-1")
    assert.strictEqual(response.costMetadata.model, model)
    assert.strictEqual(response.costMetadata.region, "us-west-2")
    assert.isTrue(chunks.every(({ modelId, requestId }) => requestId === "c198e874" && modelId === model))
  })

  it("gives the same chunks wherever the body is cut", () => {
    const whole = JSON.stringify(Wire.decode(protocol, [body]).chunks)
    for (const at of Wire.places(frames)) {
      assert.strictEqual(JSON.stringify(Wire.decode(protocol, Wire.cut(body, at)).chunks), whole, `cut at ${at}`)
    }
  })

  it("does not let a flipped byte pass", () => {
    for (const at of Wire.places(frames)) {
      const flipped = body.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      assert.strictEqual(Wire.decode(protocol, [flipped]).reason?._tag, "MalformedEvent", `flipped at ${at}`)
    }
  })

  it("ends with message_stop, and fails without a stop reason", () => {
    const { done, reason } = Wire.decode(protocol, [body, frame(Claude.ping)])
    assert.isUndefined(reason)
    assert.isTrue(done)
    assert.isUndefined(Wire.decode(protocol, frames.slice(0, -1)).reason)
    assert.strictEqual(Wire.decode(protocol, frames.slice(0, -2)).reason?._tag, "IncompleteStream")
    assert.strictEqual(Wire.decode(protocol, []).reason?._tag, "IncompleteStream")
  })

  it("takes a message_start without a message", () => {
    const events = [
      { type: "message_start", message: null },
      ...Claude.text(0, "Hi"),
      Claude.stopReason("end_turn"),
      stop
    ]
    const { reason, response } = Wire.decode(protocol, events.map(frame))
    assert.isUndefined(reason)
    assert.strictEqual(response.content, "Hi")
  })

  describe("AWS's metrics", () => {
    it("are on the last chunk, and are not read where Claude states its usage", () => {
      const other = { ...metrics, inputTokenCount: 99, outputTokenCount: 99 }
      const { chunks, response } = Wire.decode(protocol, [
        ...frames.slice(0, -1),
        frame({ ...Claude.stop, "amazon-bedrock-invocationMetrics": other })
      ])
      assert.deepStrictEqual<unknown>(chunks.at(-1)?.invocationMetrics, other)
      assert.isUndefined(chunks.at(-1)?.usage)
      assert.strictEqual(response.usage?.inputTokens, 18)
      assert.strictEqual(response.usage?.outputTokens, 42)
    })

    it("are the usage where Claude states none", () => {
      const cached = { ...metrics, cacheReadInputTokenCount: 1200, cacheWriteInputTokenCount: 30 }
      const events = [
        Claude.start({ usage: null }),
        ...Claude.text(0, "Hi"),
        { type: "message_delta", delta: { stop_reason: "end_turn" } },
        { ...Claude.stop, "amazon-bedrock-invocationMetrics": cached }
      ]
      const { chunks, response } = Wire.decode(protocol, events.map(frame))
      assert.strictEqual(chunks.at(-1)?.usageFromMetrics, true)
      assert.strictEqual(response.usage?.inputTokens, 1240)
      assert.strictEqual(response.usage?.cachedTokens, 1200)
      assert.strictEqual(response.usage?.cacheWriteTokens, 30)
      assert.strictEqual(response.usage?.outputTokens, 42)
      assert.strictEqual(response.costMetadata.inputTokens, 1240)
    })

    it("are absent when they are not what AWS documents", () => {
      const chunk = Schema.decodeUnknownSync(BedrockInvokeChunk.FromPayload)({
        ...Claude.stop,
        "amazon-bedrock-invocationMetrics": { inputTokenCount: "many" }
      })
      assert.isUndefined(chunk.invocationMetrics)
    })
  })

  for (
    const [family, event] of [
      ["Titan", { outputText: "Hi", index: 0, "amazon-bedrock-invocationMetrics": metrics }],
      ["Llama", { generation: "Hi", stop_reason: "stop" }],
      ["Nova", { messageStart: { role: "assistant" } }],
      ["Mistral", { outputs: [{ text: "Hi", stop_reason: "stop" }] }],
      ["AI21", { id: "1", choices: [{ index: 0, delta: { content: "Hi" } }] }],
      ["Claude 2", { type: "completion", completion: "Hi", stop_reason: "stop_sequence" }]
    ] as const
  ) {
    it(`does not take the answer of another family of models for one that is cut off: ${family}`, () => {
      const { reason } = Wire.decode(protocol, [frame(event)])
      assert.strictEqual(reason?._tag, "MalformedEvent")
      assert.match(reason?.message ?? "", /Converse/)
    })
  }

  it("does not blame another family of models for a broken event of Claude's", () => {
    for (
      const events of [
        [{ type: "message_start", message: 1 }],
        [...Claude.answer.slice(0, 1), { delta: "no type" }]
      ]
    ) {
      const { reason } = Wire.decode(protocol, events.map(frame))
      assert.strictEqual(reason?._tag, "MalformedEvent")
      assert.notMatch(reason?.message ?? "", /Converse/)
    }
  })

  it("fails with Claude's errors and AWS's exceptions", async () => {
    const claude = Wire.decode(protocol, [...frames.slice(0, 3), frame(Claude.error("overloaded_error", "Overloaded"))])
    assert.strictEqual((await loadedReasonOf(claude.fault))?._tag, "Overloaded")
    assert.strictEqual(claude.chunks.length, 3)
    const aws = Wire.decode(protocol, [
      ...frames.slice(0, 3),
      Wire.exception("modelTimeoutException", { message: "Timed out" })
    ])
    assert.strictEqual(aws.reason?._tag, "Timeout")
    assert.strictEqual(aws.reason?.status, 408)
  })

  it("fails when a frame holds no event in base64", () => {
    for (
      const [payload, fault] of [
        [{}, "no event in base64"],
        [{ bytes: 1 }, "no event in base64"],
        [{ bytes: "!" }, "no event in base64"],
        [{ bytes: "ew==" }, "not valid JSON"]
      ] as const
    ) {
      const { reason } = Wire.decode(protocol, [...frames.slice(0, 1), Wire.frame({ chunk: payload })])
      assert.strictEqual(reason?._tag, "MalformedEvent", JSON.stringify(payload))
      assert.include(reason?.message ?? "", fault, JSON.stringify(payload))
    }
  })

  it("keeps events of unknown types", () => {
    const { chunks, reason } = Wire.decode(protocol, [
      ...frames.slice(0, 1),
      Wire.frame({ news: { a: 1 } }),
      ...frames
    ])
    assert.isUndefined(reason)
    assert.deepStrictEqual<unknown>(chunks[1]?.chunk, { type: "news", a: 1 })
  })

  it("decodes lines as frames", () => {
    const lines = answer.map((event) =>
      JSON.stringify({ chunk: { bytes: Buffer.from(JSON.stringify(event)).toString("base64") } })
    )
    assert.deepStrictEqual(
      Wire.decodeLines(protocol, lines.join("\n")).chunks,
      Wire.decode(protocol, [body]).chunks
    )
  })
})
const attributesOf = (chunk: Messages.MessagesChunk) => ({
  provider: chunk.provider,
  block: chunk.block,
  content: chunk.content,
  reasoning: chunk.reasoning,
  finishReasons: chunk.finishReasons,
  commonFinishReasons: chunk.commonFinishReasons,
  id: chunk.id,
  model: chunk.model,
  usage: chunk.usage,
  toolCallDeltas: chunk.toolCallDeltas,
  choiceDeltas: chunk.choiceDeltas,
  signature: chunk.signature
})

describe("BedrockInvokeChunk", () => {
  const decode = Schema.decodeUnknownSync(BedrockInvokeChunk.FromPayload)
  const encode = Schema.encodeSync(BedrockInvokeChunk.FromPayload)

  it.prop("encodes back to the payload it was made of", [BedrockInvokeChunk], ([chunk]) => {
    const payload: unknown = JSON.parse(JSON.stringify(chunk.chunk))
    assert.deepStrictEqual<unknown>(JSON.parse(JSON.stringify(encode(chunk))), payload)
    assert.deepStrictEqual<unknown>(encode(decode(payload)), payload)
  })

  it.prop("is one of the chunks, and one of the Messages format", [BedrockInvokeChunk], ([chunk]) => {
    assert.isTrue(Schema.is(AnyChunk.AnyChunk)(chunk))
    assert.instanceOf(chunk, Messages.MessagesChunk)
    assert.strictEqual(chunk.costMetadata.provider, "bedrock")
    assert.strictEqual(chunk.costMetadata.inputTokens, chunk.inputTokens)
  })

  it("crosses a process boundary as what it is", () => {
    const codec = Schema.toCodecJson(AnyChunk.AnyChunk)
    for (const chunk of Wire.decode(protocol, [body], { model: "m", region: "us-west-2" }).chunks) {
      const again = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(chunk))))
      assert.instanceOf(again, BedrockInvokeChunk)
      assert.deepStrictEqual(again, chunk)
    }
  })
})

const headers = { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "c198e874" }

const answering = (seen: Array<Client.Sent>, served: Readonly<Record<string, string>> = {}) =>
  Client.layer(seen, () => new Response(body, { headers: { ...headers, ...served } }))

const send = (options: BedrockInvoke.Options, request: ChatRequest.ChatRequest) =>
  Effect.gen(function*() {
    const seen: Array<Client.Sent> = []
    const response = yield* BedrockInvoke.BedrockInvoke.use((bedrock) => ChunkStream.outcome(bedrock.stream(request)))
      .pipe(Effect.provide(BedrockInvoke.layer(options).pipe(Layer.provide(answering(seen)))))
    return { response, seen }
  })

const region = "us-east-1"
const apiKey = Redacted.make("bedrock-api-key-example")
const model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

describe("BedrockInvoke", () => {
  it.effect("sends Anthropic's body with a version, and without model and stream", () =>
    Effect.gen(function*() {
      const { response, seen } = yield* send({ region, apiKey }, { model, prompt: "Say hi", system: "Be brief." })
      assert.strictEqual(
        seen[0]?.request.url,
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/" +
          "invoke-with-response-stream"
      )
      assert.deepStrictEqual(seen[0]?.body, {
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 4096,
        system: "Be brief.",
        messages: [{ role: "user", content: "Say hi" }]
      })
      assert.strictEqual(seen[0]?.request.headers["authorization"], "Bearer bedrock-api-key-example")
      assert.strictEqual(response.id, "msg_1")
      assert.strictEqual(response.costMetadata.model, model)
      assert.strictEqual(response.costMetadata.region, region)
    }))

  it.effect("takes the tier and latency that served the request from the headers, as the body does not state them", () =>
    Effect.gen(function*() {
      const served = {
        "x-amzn-bedrock-service-tier": "priority",
        "x-amzn-bedrock-performanceconfig-latency": "optimized"
      }
      const response = yield* BedrockInvoke.BedrockInvoke.use((bedrock) =>
        ChunkStream.response(bedrock.stream({ model, prompt: "hi" }))
      ).pipe(Effect.provide(BedrockInvoke.layer({ region, apiKey }).pipe(Layer.provide(answering([], served)))))
      assert.strictEqual(response.costMetadata.serviceTier, "priority")
      assert.strictEqual(response.costMetadata.speed, "optimized")
    }))

  it.effect("sends betas in the body, and what AWS takes as headers in signed headers", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({
        region,
        credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI" },
        betas: ["a"],
        version: "bedrock-2099-01-01",
        maxTokens: 7
      }, {
        model,
        prompt: "hi",
        temperature: 0.5,
        options: {
          bedrockInvoke: {
            betas: ["b"],
            anthropic_beta: ["c"],
            top_k: 3,
            guardrailIdentifier: "abc",
            guardrailVersion: "1",
            trace: "ENABLED",
            performanceConfigLatency: "optimized",
            serviceTier: "flex",
            ...notYetKnown
          },
          anthropic: { top_k: 4 }
        }
      })
      assert.deepStrictEqual(seen[0]?.body, {
        anthropic_version: "bedrock-2099-01-01",
        anthropic_beta: ["a", "b", "c"],
        max_tokens: 7,
        messages: [{ role: "user", content: "hi" }],
        temperature: 0.5,
        top_k: 3,
        not_yet_known: 1
      })
      const theirs = yield* Effect.promise(headersByAws)
      const ours: Readonly<Record<string, string>> = seen[0]?.request.headers ?? {}
      const names = Object.keys(theirs).filter((name) => name.startsWith("x-amzn-bedrock-"))
      assert.strictEqual(names.length, 5)
      for (const name of names) {
        assert.strictEqual(ours[name], theirs[name], name)
        assert.include(ours["authorization"]?.split(/SignedHeaders=|, Signature/)[1]?.split(";") ?? [], name)
      }
    }))

  it.effect("is the common Provider, too, and reads the same variables as Bedrock", () =>
    Effect.gen(function*() {
      const seen: Array<Client.Sent> = []
      const [name, response] = yield* Provider.Provider.use((provider) =>
        Effect.map(
          ChunkStream.response(provider.stream({ model, prompt: "hi" })),
          (response) => [provider.name, response] as const
        )
      ).pipe(
        Effect.provide(
          BedrockInvoke.layerConfig().pipe(
            Layer.provide(answering(seen)),
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
              env: { AWS_BEARER_TOKEN_BEDROCK: "key", AWS_DEFAULT_REGION: "eu-west-1" }
            })))
          )
        )
      )
      assert.strictEqual(name, "bedrock")
      assert.strictEqual(response.provider, "bedrock")
      assert.include(seen[0]?.request.url, "https://bedrock-runtime.eu-west-1.amazonaws.com/")
    }))

  it.live("reads the same stream as AWS's own client from the replay server, and is priced as what was asked for", () =>
    Effect.gen(function*() {
      const { url } = yield* ReplayServer.ReplayServer
      const theirs = yield* Effect.promise(() => readByAws(url))
      assert.deepStrictEqual(theirs, answer)
      const chunks = yield* BedrockInvoke.BedrockInvoke.use((bedrock) =>
        Stream.runCollect(bedrock.stream({ model, prompt: "hi" }))
      ).pipe(
        Effect.provide(
          BedrockInvoke.layer({ region, endpoint: url, apiKey: Redacted.make("bedrock-api-key") }).pipe(
            Layer.provide(FetchHttpClient.layer)
          )
        )
      )
      assert.deepStrictEqual<unknown>(chunks.map(({ chunk }) => chunk), theirs)
      const { cost } = yield* Pricing.priced(ChatResponse.fromChunks(chunks))
      const asked = yield* Pricing.lookup("bedrock", model)
      assert.deepStrictEqual(cost?.pricedAs, [`bedrock/${asked.model}`])
      // 10 % more than through the global profile.
      assert.strictEqual(asked.input, 1.1)
    }).pipe(
      Effect.provide(NodeReplayServer.layer([
        ReplayServer.stream(
          TestingWire.bedrockInvoke,
          answer.map((event) => Schema.decodeUnknownSync(AnthropicChunk.FromPayload)(event)),
          { reads: { seed: 1 } }
        )
      ]))
    ))
})

const invoke = {
  modelId: model,
  contentType: "application/json",
  body: new TextEncoder().encode(JSON.stringify({
    anthropic_version: "bedrock-2023-05-31",
    max_tokens: 100,
    messages: [{ role: "user", content: "Say hello" }]
  }))
}

const client = (options: Partial<ConstructorParameters<typeof BedrockRuntimeClient>[0]>) =>
  new BedrockRuntimeClient({
    region,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI" },
    maxAttempts: 1,
    ...options
  })

const headersByAws = async (): Promise<Readonly<Record<string, string>>> => {
  const requests: Array<{ readonly headers: Readonly<Record<string, string>> }> = []
  const aws = client({
    requestHandler: {
      handle: (request: { readonly headers: Readonly<Record<string, string>> }) => {
        requests.push(request)
        return Promise.reject(new Error("not sent"))
      }
    }
  })
  await aws.send(
    new InvokeModelWithResponseStreamCommand({
      ...invoke,
      guardrailIdentifier: "abc",
      guardrailVersion: "1",
      trace: "ENABLED",
      performanceConfigLatency: "optimized",
      serviceTier: "flex"
    })
  ).catch(() => undefined)
  return requests[0]?.headers ?? {}
}

const readByAws = async (endpoint: string): Promise<ReadonlyArray<unknown>> => {
  const aws = client({ endpoint, ...overHttp1 })
  try {
    const { body } = await aws.send(new InvokeModelWithResponseStreamCommand(invoke))
    const events: Array<unknown> = []
    for await (const event of body ?? []) {
      events.push(JSON.parse(Buffer.from(event.chunk?.bytes ?? new Uint8Array()).toString()))
    }
    return events
  } finally {
    aws.destroy()
  }
}
