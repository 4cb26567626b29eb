import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  BedrockRuntimeServiceException,
  ConverseStreamCommand,
  type ConverseStreamCommandInput,
  type ServiceInputTypes,
  type ServiceOutputTypes
} from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import type { FinalizeRequestMiddleware } from "@smithy/types"
import { Clock, Config, ConfigProvider, DateTime, Effect, Layer, Redacted, Schema, Stream, Tracer } from "effect"
import { FetchHttpClient, type HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import { createServer as createHttpServer } from "node:http"
import { createServer as createHttp2Server } from "node:http2"
import type { Server } from "node:net"
import * as AwsSignature from "../../src/bedrock/AwsSignature.ts"
import {
  AwsCredentials,
  Bedrock,
  BedrockChunk,
  type ChatRequest,
  ChunkStream,
  Provider,
  type ProviderError
} from "../../src/index.ts"
import { ReplayServer, Wire as TestingWire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Client from "../support/client.ts"
import { overHttp1 } from "./http1.ts"
import * as Wire from "./wire.ts"

const protocol = Bedrock.protocol()
const frames = Wire.answer.map(Wire.frame)
const body = Wire.concat(frames)
const payloadsOf = (chunks: ReadonlyArray<BedrockChunk>) => chunks.map(({ chunk }) => chunk)
const partial = [Wire.start, Wire.delta(0, { text: "Partial" })]

// Fields that the types do not list.
const notYetKnown: object = { notYetKnown: { a: 1 } }

describe("Bedrock.protocol", () => {
  it("decodes every event to a chunk with the payload that came, padding included", () => {
    const { chunks, reason } = Wire.decode(protocol, [body])
    assert.isUndefined(reason)
    assert.deepStrictEqual<unknown>(payloadsOf(chunks), Wire.answer)
  })

  it("adds up to the answer", () => {
    const { response } = Wire.decode(protocol, [body])
    assert.strictEqual(response.content, Wire.answered.content)
    assert.strictEqual(response.reasoning, Wire.answered.reasoning)
    assert.deepStrictEqual(
      response.toolCalls.map(({ arguments: text, id, name }) => ({ id, name, arguments: text })),
      Wire.answered.toolCalls
    )
    assert.deepStrictEqual(response.finishReasons, ["tool_use"])
    assert.deepStrictEqual(response.commonFinishReasons, ["tool_calls"])
    assert.strictEqual(response.usage?.inputTokens, 18)
    assert.strictEqual(response.usage?.outputTokens, 42)
    assert.strictEqual(response.costMetadata.serviceTier, "priority")
    assert.isUndefined(response.id)
    assert.isUndefined(response.model)
  })

  it("states the request's id, the model and the region where they are known", () => {
    const { chunks } = Wire.decode(protocol, [body], { requestId: "c198e874", model: "m", region: "eu-west-1" })
    for (const { costMetadata, id, model } of chunks) {
      assert.deepStrictEqual([id, model, costMetadata.model, costMetadata.region], [
        "c198e874",
        "m",
        "m",
        "eu-west-1"
      ])
    }
  })

  it("says of each event what its block is, as far as the block's start does", () => {
    const { chunks } = Wire.decode(protocol, [body])
    const types = new Map(
      chunks.flatMap(({ blockIndex, blockType, chunk }) =>
        chunk.contentBlockStop === undefined ? [] : [[blockIndex, blockType]]
      )
    )
    assert.deepStrictEqual(Array.from(types), [
      [0, undefined],
      [1, undefined],
      [2, "server_tool_use"],
      [3, "toolResult"],
      [4, "image"],
      [5, "toolUse"],
      [6, "toolUse"]
    ])
  })

  it("gives the same chunks wherever the body is cut", () => {
    const whole = JSON.stringify(Wire.decode(protocol, [body]).chunks)
    for (const at of Wire.places(frames)) {
      const halves = Wire.decode(protocol, Wire.cut(body, at))
      assert.isUndefined(halves.reason)
      assert.strictEqual(JSON.stringify(halves.chunks), whole, `cut at ${at}`)
    }
    const bytes = Wire.decode(protocol, Array.from(body, (byte) => Uint8Array.of(byte)))
    assert.strictEqual(JSON.stringify(bytes.chunks), whole)
  })

  it.prop(
    "gives any chunks that its format allows, however they are cut",
    [Schema.Array(BedrockChunk), Schema.Array(Schema.Natural)],
    ([generated, at]) => {
      const events: ReadonlyArray<Wire.Event> = [
        // An event's type is not in the JSON: there are no escapes in it.
        ...generated.filter(({ eventType }) => !/\p{Surrogate}/u.test(eventType)).map(({ chunk }): Wire.Event =>
          JSON.parse(JSON.stringify(chunk))
        ),
        Wire.stop("end_turn")
      ]
      const bytes = Wire.concat(events.map(Wire.frame))
      const { chunks, reason } = Wire.decode(
        protocol,
        Wire.cut(bytes, ...at.map((n) => n % bytes.length).toSorted((a, b) => a - b))
      )
      assert.isUndefined(reason)
      const [stop, usage] = ["messageStop", "metadata"].map((type) => events.findIndex((event) => type in event))
      const isOver = usage !== undefined && usage >= 0 && stop !== undefined
      assert.deepStrictEqual<unknown>(
        payloadsOf(chunks),
        isOver ? events.slice(0, 1 + Math.max(stop, usage)) : events
      )
    },
    { arbitrary: { runs: 50 } }
  )

  it("does not let a flipped byte pass", () => {
    const whole = Wire.decode(protocol, [body]).chunks.map((chunk) => JSON.stringify(chunk))
    for (const at of Wire.places(frames)) {
      const flipped = body.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const result = Wire.decode(protocol, [flipped])
      assert.strictEqual(result.reason?._tag, "MalformedEvent", `flipped at ${at}`)
      result.chunks.forEach((chunk, i) => assert.strictEqual(JSON.stringify(chunk), whole[i], `flipped at ${at}`))
    }
  })

  it("says which frame is broken, and where it starts", () => {
    const flipped = body.slice()
    const offset = Wire.concat(frames.slice(0, 3)).length
    flipped[offset + 20] = 0
    const { chunks, reason } = Wire.decode(protocol, [flipped])
    assert.strictEqual(chunks.length, 3)
    if (reason?._tag !== "MalformedEvent") return assert.fail("no MalformedEvent")
    assert.strictEqual(reason.event, 3)
    assert.include(reason.message, `Frame 3 at byte ${offset}`)
  })

  it("does not take a body that is cut off for a complete one", () => {
    const ends = frames.reduce<Array<number>>((ends, frame) => [...ends, (ends.at(-1) ?? 0) + frame.length], [0])
    const stopped = ends.at(-2) ?? 0
    for (const length of Wire.places(frames)) {
      const { reason } = Wire.decode(protocol, [body.subarray(0, length)])
      const expected = !ends.includes(length) ? "MalformedEvent" : length < stopped ? "IncompleteStream" : undefined
      assert.strictEqual(reason?._tag, expected, `cut off at ${length}`)
    }
  })

  describe("ends", () => {
    it("with the metadata after messageStop, and reads nothing after it", () => {
      const { chunks, done, reason } = Wire.decode(protocol, [body, Wire.frame(Wire.delta(9, { text: "late" }))])
      assert.isUndefined(reason)
      assert.isTrue(done)
      assert.strictEqual(chunks.length, Wire.answer.length)
    })

    it("with the body when there is no metadata", () => {
      const { chunks, done, reason } = Wire.decode(
        protocol,
        [...partial, Wire.stop("end_turn"), { somethingNew: {} }].map(Wire.frame)
      )
      assert.isUndefined(reason)
      assert.isFalse(done)
      assert.strictEqual(chunks.length, 4)
    })

    it("not with metadata that comes before messageStop", () => {
      const { reason, response } = Wire.decode(
        protocol,
        [...partial, Wire.metadata({ inputTokens: 1 }), Wire.delta(0, { text: "!" }), Wire.stop("end_turn")].map(
          Wire.frame
        )
      )
      assert.isUndefined(reason)
      assert.strictEqual(response.content, "Partial!")
      assert.strictEqual(response.usage?.inputTokens, 1)
    })
  })

  describe("fails", () => {
    const decodeWith = (...last: ReadonlyArray<Uint8Array>) =>
      Wire.decode(protocol, [Wire.concat([...partial.map(Wire.frame), ...last])])

    for (
      const [type, payload, tag, status, retryable] of [
        ["throttlingException", { message: "Too many tokens, please wait" }, "RateLimited", 429, true],
        ["modelStreamErrorException", { message: "No", originalStatusCode: 500 }, "ServerError", 424, true],
        ["internalServerException", { message: "No" }, "ServerError", 500, true],
        ["serviceUnavailableException", { message: "No" }, "ServerError", 503, true],
        ["modelTimeoutException", { message: "No" }, "Timeout", 408, true],
        ["validationException", { message: "No" }, "InvalidRequest", 400, false],
        ["validationException", { message: "Input is too long for requested model." }, "ContextLengthExceeded", 400],
        ["validationException", { message: "prompt is too long: 9 tokens > 8" }, "ContextLengthExceeded", 400],
        ["accessDeniedException", { Message: "No" }, "PermissionDenied", 403, false],
        ["unrecognizedClientException", { message: "No" }, "Authentication", 403, false],
        ["brandNewException", { message: "No" }, "Unknown", undefined, false]
      ] as const
    ) {
      it(`with ${tag} for ${type}: ${JSON.stringify(payload)}, after the chunks before it`, () => {
        const { chunks, reason } = decodeWith(Wire.exception(type, payload), Wire.frame(Wire.stop("end_turn")))
        assert.strictEqual(chunks.length, 2)
        assert.strictEqual(reason?._tag, tag)
        assert.strictEqual(reason?.code, type)
        assert.strictEqual(reason?.status, status)
        assert.include(Object.values(payload), reason?.message)
        if (retryable !== undefined && reason !== undefined) assert.strictEqual(isRetryable(reason), retryable)
      })
    }

    it("with the code of an error, where it has no message", () => {
      const messages = [Wire.error("InternalError", ""), Wire.odd({ ":message-type": "error" }, "")]
        .map((frame) => decodeWith(frame).reason?.message)
      assert.deepStrictEqual(messages, [
        "The provider stated InternalError without a message",
        "The provider stated an error without a message"
      ])
    })

    it("with what the model said, where the exception has no message of its own", () => {
      const { reason } = decodeWith(
        Wire.exception("modelStreamErrorException", { originalStatusCode: 529, originalMessage: "Overloaded" })
      )
      assert.strictEqual(reason?.message, "Overloaded")
      assert.include(reason?.body, "529")
    })

    it("with a message, whatever an exception holds", () => {
      for (const text of ["", "{}", "null", "[]", "not JSON", "{\"message\": 1}", "{\"message\": \"\"}"]) {
        const { reason } = decodeWith(
          Wire.odd({ ":message-type": "exception", ":exception-type": "throttlingException" }, text)
        )
        assert.strictEqual(reason?._tag, "RateLimited")
        assert.notStrictEqual(reason?.message, "")
      }
    })

    it("with code and message of an error that is in no model of the service", () => {
      const { reason } = decodeWith(Wire.error("BrandNewError", "Something is wrong"))
      assert.strictEqual(reason?._tag, "Unknown")
      assert.strictEqual(reason?.code, "BrandNewError")
      assert.strictEqual(reason?.message, "Something is wrong")
      const known = decodeWith(Wire.error("InternalFailure", "Something is wrong"))
      assert.strictEqual(known.reason?._tag, "ServerError")
    })

    it("with the exception, also when what follows it is broken", () => {
      const { reason } = decodeWith(Wire.exception("throttlingException", { message: "No" }), new Uint8Array(12))
      assert.strictEqual(reason?._tag, "RateLimited")
    })

    for (
      const [what, frame, message] of [
        ["is of an unknown kind", Wire.odd({ ":message-type": "greeting" }, "{}"), /Frame 2 is neither/],
        ["is of no kind", Wire.odd({}, "{}"), /Frame 2 is neither/],
        ["is an event of no type", Wire.odd({ ":message-type": "event" }, "{}"), /Frame 2 does not state its type/],
        ["holds no JSON", Wire.odd({ ":message-type": "event", ":event-type": "messageStop" }, "{"), /not valid JSON/],
        [
          "holds JSON that is no object",
          Wire.odd({ ":message-type": "event", ":event-type": "messageStop" }, "[1]"),
          /not an object/
        ],
        [
          "holds a known field of another type",
          Wire.frame(Wire.delta(0, { text: 1 })),
          /contentBlockDelta\.delta\.text/
        ]
      ] as const
    ) {
      it(`with MalformedEvent when a frame ${what}`, () => {
        const { chunks, reason } = decodeWith(frame)
        assert.strictEqual(chunks.length, 2)
        if (reason?._tag !== "MalformedEvent") return assert.fail("no MalformedEvent")
        assert.strictEqual(reason.event, 2)
        assert.match(reason.message, message)
      })
    }

    it("without showing what the malformed event says", () => {
      const { reason } = decodeWith(Wire.frame(Wire.delta(0, { text: ["my secret"] })))
      assert.strictEqual(reason?._tag, "MalformedEvent")
      assert.notInclude(JSON.stringify(reason), "my secret")
    })
  })

  it("passes over events without a payload", () => {
    const silent = Wire.odd({ ":message-type": "event", ":event-type": "keepAlive" }, "")
    const { chunks, reason } = Wire.decode(protocol, [silent, ...frames])
    assert.isUndefined(reason)
    assert.strictEqual(chunks.length, frames.length)
  })

  describe("lines", () => {
    const lines = (events: ReadonlyArray<unknown>) => events.map((event) => JSON.stringify(event)).join("\n")

    it("decode to the same chunks as frames", () => {
      assert.deepStrictEqual(
        Wire.decodeLines(protocol, lines(Wire.answer)).chunks,
        Wire.decode(protocol, [body]).chunks
      )
    })

    it("state exceptions by their names", () => {
      const { chunks, reason } = Wire.decodeLines(
        protocol,
        lines([...partial, { throttlingException: { message: "No" } }])
      )
      assert.strictEqual(chunks.length, 2)
      assert.strictEqual(reason?._tag, "RateLimited")
    })

    it("are malformed when they hold no event, or two", () => {
      for (const line of ["{", "[]", "{}", lines([{ ...Wire.start, ...Wire.blockStop(0) }]), "{\"messageStop\": 1}"]) {
        assert.strictEqual(Wire.decodeLines(protocol, line).reason?._tag, "MalformedEvent", line)
      }
    })
  })
})

const isRetryable = (reason: ProviderError.Reason) => retryable.has(reason._tag)
const retryable = new Set(["RateLimited", "ServerError", "Timeout"])

const headers = { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "c198e874" }

const answering = (
  seen: Array<Client.Sent>,
  respond: () => Response = () => new Response(body, { headers })
) => Client.layer(seen, respond)

/** Runs one request against a fake Bedrock and gives what was sent. */
const send = (options: Bedrock.Options, request: ChatRequest.ChatRequest, respond?: () => Response) =>
  Effect.gen(function*() {
    const seen: Array<Client.Sent> = []
    const response = yield* Bedrock.Bedrock.use((bedrock) => ChunkStream.outcome(bedrock.stream(request))).pipe(
      Effect.provide(Bedrock.layer(options).pipe(Layer.provide(answering(seen, respond))))
    )
    return { response, seen }
  })

const keyOf = (request: HttpClientRequest.HttpClientRequest) =>
  /Credential=(\w+)/.exec(request.headers["authorization"] ?? "")?.[1]

const accessKeyId = "AKIDEXAMPLE"
const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
const sessionToken = "session/token+example=="
const keys = { accessKeyId, secretAccessKey: Redacted.make(secretAccessKey), sessionToken: Redacted.make(sessionToken) }
const apiKey = Redacted.make("bedrock-api-key-example")
const region = "us-east-1"
const model = "us.amazon.nova-lite-v1:0"

describe("Bedrock", () => {
  it.effect("sends the API key and a body without model to the region's endpoint", () =>
    Effect.gen(function*() {
      const { response, seen } = yield* send({ region, apiKey }, { model, prompt: "Say hi" })
      assert.strictEqual(seen.length, 1)
      assert.strictEqual(
        seen[0]?.request.url,
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse-stream"
      )
      assert.strictEqual(seen[0]?.request.method, "POST")
      assert.strictEqual(seen[0]?.request.headers["authorization"], "Bearer bedrock-api-key-example")
      assert.strictEqual(seen[0]?.request.headers["content-type"], "application/json")
      assert.deepStrictEqual(seen[0]?.body, { messages: [{ role: "user", content: [{ text: "Say hi" }] }] })
      assert.strictEqual(response.content, Wire.answered.content)
      assert.strictEqual(response.provider, "bedrock")
      assert.strictEqual(response.id, "c198e874")
      assert.strictEqual(response.model, model)
      assert.strictEqual(response.costMetadata.region, region)
    }))

  it.effect("sends messages in turns, sampling options and its own options, merged last", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({ region, apiKey }, {
        model,
        system: "Be brief.",
        prompt: [
          { role: "system", content: "Be kind." },
          { role: "system", content: "" },
          { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
          { role: "user", content: "c" },
          { role: "assistant", content: "d" },
          { role: "user", content: "e" }
        ],
        maxTokens: 10,
        temperature: 0.5,
        topP: 0.9,
        frequencyPenalty: 0.1,
        presencePenalty: 0.2,
        stop: ["END"],
        seed: 7,
        options: {
          bedrock: {
            inferenceConfig: { temperature: 1 },
            additionalModelRequestFields: { inferenceConfig: { topK: 3 } },
            guardrailConfig: { guardrailIdentifier: "abc", guardrailVersion: "1", trace: "enabled" },
            serviceTier: { type: "flex" },
            ...notYetKnown
          },
          anthropic: { top_k: 3 }
        }
      })
      assert.deepStrictEqual(seen[0]?.body, {
        messages: [
          { role: "user", content: [{ text: "a" }, { text: "b" }, { text: "c" }] },
          { role: "assistant", content: [{ text: "d" }] },
          { role: "user", content: [{ text: "e" }] }
        ],
        system: [{ text: "Be brief." }, { text: "Be kind." }],
        inferenceConfig: { maxTokens: 10, temperature: 1, topP: 0.9, stopSequences: ["END"] },
        additionalModelRequestFields: { inferenceConfig: { topK: 3 } },
        guardrailConfig: { guardrailIdentifier: "abc", guardrailVersion: "1", trace: "enabled" },
        serviceTier: { type: "flex" },
        notYetKnown: { a: 1 }
      })
    }))

  it.effect("takes the region from a model's ARN, and its default model when the request names none", () =>
    Effect.gen(function*() {
      const arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
      const { response, seen } = yield* send({ apiKey, model: arn }, { prompt: "hi" })
      assert.strictEqual(
        seen[0]?.request.url,
        `https://bedrock-runtime.eu-west-1.amazonaws.com/model/${encodeURIComponent(arn)}/converse-stream`
      )
      assert.strictEqual(response.costMetadata.region, "eu-west-1")
    }))

  it.effect("sends extra headers, and signs those that AWS wants signed", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({
        region,
        credentials: keys,
        endpoint: "http://localhost:8080/gateway/",
        headers: { "x-extra": "1", "X-Amzn-Trace": "2", "x-secret": Redacted.make("s3cret") }
      }, { model, prompt: "hi" })
      const sent = seen[0]?.request
      assert.strictEqual(sent?.url, "http://localhost:8080/gateway/model/us.amazon.nova-lite-v1%3A0/converse-stream")
      assert.deepStrictEqual(
        [sent?.headers["x-extra"], sent?.headers["x-amzn-trace"], sent?.headers["x-secret"]],
        ["1", "2", "s3cret"]
      )
      assert.include(
        sent?.headers["authorization"],
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amzn-trace,"
      )
    }))

  it.effect("prefers an API key to keys", () =>
    Effect.gen(function*() {
      const { seen } = yield* send({ region, apiKey, credentials: keys }, { model, prompt: "hi" })
      assert.strictEqual(seen[0]?.request.headers["authorization"], "Bearer bedrock-api-key-example")
      assert.isUndefined(seen[0]?.request.headers["x-amz-date"])
    }))

  it.effect("asks for credentials again before they expire, and not before that", () =>
    Effect.gen(function*() {
      let asked = 0
      const credentials = Effect.gen(function*() {
        asked++
        const now = yield* Clock.currentTimeMillis
        return AwsCredentials.fromKeysUnsafe({
          accessKeyId: `AKID${asked}`,
          secretAccessKey,
          expiration: DateTime.makeUnsafe(now + 3_600_000)
        })
      })
      const seen: Array<Client.Sent> = []
      yield* Bedrock.Bedrock.use((bedrock) => {
        const request = Stream.runDrain(bedrock.stream({ model, prompt: "hi" }))
        return request.pipe(
          Effect.andThen(TestClock.adjust("50 minutes")),
          Effect.andThen(request),
          Effect.andThen(TestClock.adjust("6 minutes")),
          Effect.andThen(request)
        )
      }).pipe(Effect.provide(Bedrock.layer({ region, credentials }).pipe(Layer.provide(answering(seen)))))
      assert.deepStrictEqual(seen.map(({ request }) => keyOf(request)), ["AKID1", "AKID1", "AKID2"])
    }))

  it.effect("signs every attempt anew", () =>
    Effect.gen(function*() {
      let asked = 0
      const credentials = Effect.sync(() =>
        AwsCredentials.fromKeysUnsafe({ accessKeyId: `AKID${++asked}`, secretAccessKey })
      )
      const { response, seen } = yield* send(
        { region, credentials },
        { model, prompt: "hi" },
        () =>
          asked === 1
            ? new Response("{\"message\":\"No\"}", {
              status: 503,
              headers: { "x-amzn-errortype": "ServiceUnavailableException", "retry-after-ms": "1" }
            })
            : new Response(body, { headers })
      ).pipe(TestClock.withLive)
      assert.isUndefined(response.error)
      assert.deepStrictEqual(seen.map(({ request }) => keyOf(request)), ["AKID1", "AKID2"])
    }))

  describe("fails before anything is sent", () => {
    const cases: ReadonlyArray<readonly [string, Bedrock.Options, ChatRequest.ChatRequest, string, RegExp]> = [
      ["without a region", { apiKey }, { model, prompt: "hi" }, "InvalidRequest", /AWS_REGION/],
      ["with a region that is none", { apiKey, region: "a/b" }, { model, prompt: "hi" }, "InvalidRequest", /region/],
      [
        "with an endpoint that is none",
        { apiKey, region, endpoint: "not a url" },
        { model, prompt: "hi" },
        "InvalidRequest",
        /endpoint/
      ],
      ["without a model", { apiKey, region }, { prompt: "hi" }, "InvalidRequest", /No model/],
      [
        "with an empty API key",
        { apiKey: Redacted.make(" \n"), region },
        { model, prompt: "hi" },
        "Authentication",
        /AWS_BEARER_TOKEN_BEDROCK/
      ],
      [
        "with an API key that no header can hold",
        { apiKey: Redacted.make("a\nb"), region },
        { model, prompt: "hi" },
        "Authentication",
        /characters/
      ],
      [
        "with keys that no header can hold",
        { credentials: { ...keys, sessionToken: "a\nb" }, region },
        { model, prompt: "hi" },
        "Authentication",
        /cannot be sent/
      ],
      [
        "without credentials",
        {
          credentials: Effect.fail(
            new AwsCredentials.CredentialsError({ reason: "NotConfigured", message: "There are none" })
          ),
          region
        },
        { model, prompt: "hi" },
        "Authentication",
        /There are none/
      ],
      [
        "with a file that the API does not take",
        { apiKey, region },
        { model, prompt: [{ role: "user", content: [{ type: "file", mediaType: "image/tiff", data: "AAAA" }] }] },
        "InvalidRequest",
        /image\/tiff/
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

  describe("classifies error responses", () => {
    const answer = (status: number, type: string | undefined, message: string) => () =>
      new Response(JSON.stringify({ message }), {
        status,
        headers: {
          "content-type": "application/json",
          "x-amzn-requestid": "c198e874",
          ...(type === undefined ? undefined : { "x-amzn-errortype": `${type}:http://internal.amazon.com/` })
        }
      })
    for (
      const [status, type, message, reason, retryable] of [
        [400, "ValidationException", "No", "InvalidRequest", false],
        [400, "ValidationException", "Input is too long for requested model.", "ContextLengthExceeded", false],
        [
          400,
          "ValidationException",
          "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
          "ContextLengthExceeded",
          false
        ],
        [400, "ServiceQuotaExceededException", "No", "QuotaExceeded", false],
        [403, "AccessDeniedException", "You don't have access to the model", "PermissionDenied", false],
        [
          403,
          "AccessDeniedException",
          "Authentication failed: Please make sure your API Key is valid.",
          "Authentication",
          false
        ],
        [403, "UnrecognizedClientException", "No", "Authentication", false],
        [403, "ExpiredTokenException", "No", "Authentication", false],
        [404, "ResourceNotFoundException", "No", "NotFound", false],
        [408, "ModelTimeoutException", "No", "Timeout", true],
        [424, "ModelErrorException", "No", "ServerError", true],
        [424, undefined, "No", "ServerError", true],
        [429, "ThrottlingException", "Too many requests, please wait before trying again.", "RateLimited", true],
        [429, "ModelNotReadyException", "No", "RateLimited", true],
        [500, "InternalServerException", "No", "ServerError", true],
        [503, "ServiceUnavailableException", "No", "ServerError", true]
      ] as const
    ) {
      it.effect(`${status} ${type}: ${message}`, () =>
        Effect.gen(function*() {
          const { response } = yield* send(
            { region, apiKey, maxRetries: 0 },
            { model, prompt: "hi" },
            answer(status, type, message)
          )
          const error = response.error
          assert.strictEqual(error?.reason._tag, reason)
          assert.strictEqual(error?.status, status)
          assert.strictEqual(error?.code, type)
          assert.strictEqual(error?.requestId, "c198e874")
          assert.strictEqual(error?.isRetryable, retryable)
          assert.strictEqual(error?.reason.message, message)
        }))
    }

    it.effect("and exceptions within a stream, with the request's id", () =>
      Effect.gen(function*() {
        const frames = [...partial.map(Wire.frame), Wire.exception("throttlingException", { message: "No" })]
        const { response } = yield* send(
          { region, apiKey },
          { model, prompt: "hi" },
          () => new Response(Wire.concat(frames), { headers })
        )
        assert.strictEqual(response.content, "Partial")
        assert.strictEqual(response.error?.reason._tag, "RateLimited")
        assert.strictEqual(response.error?.requestId, "c198e874")
        assert.isTrue(response.error?.emitted)
      }))

    it.effect("and a stream of another kind", () =>
      Effect.gen(function*() {
        const { response } = yield* send(
          { region, apiKey, maxRetries: 0 },
          { model, prompt: "hi" },
          () => new Response("<html>", { headers: { "content-type": "text/html" } })
        )
        assert.strictEqual(response.error?.reason._tag, "UnexpectedContentType")
      }))
  })

  it.effect("shows no secret in errors and spans", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span(options) {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const seen: Array<Client.Sent> = []
      const echoing = answering(seen, () => {
        const sent = JSON.stringify(seen.at(-1)?.request.headers)
        return new Response(JSON.stringify({ message: `The canonical request should have been ${sent}` }), {
          status: 403,
          headers: { "content-type": "application/json", "x-amzn-errortype": "InvalidSignatureException" }
        })
      })
      const { error } = yield* Bedrock.Bedrock.use((bedrock) =>
        ChunkStream.outcome(bedrock.stream({ model, prompt: "hi" }))
      ).pipe(
        Effect.provide(
          Bedrock.layer({ region, credentials: keys, maxRetries: 0 }).pipe(Layer.provide(echoing))
        ),
        Effect.withTracer(tracer)
      )
      assert.strictEqual(error?.reason._tag, "Authentication")
      assert.isAbove(spans.length, 0)
      const shown = JSON.stringify([
        error,
        error?.message,
        String(error),
        spans.map(({ attributes, events, name }) => [name, Array.from(attributes), events])
      ], (_, value: unknown) => typeof value === "bigint" ? String(value) : value)
      const signature = seen[0]?.request.headers["authorization"]?.split("Signature=")[1] ?? "no signature"
      for (const secret of [accessKeyId, secretAccessKey, sessionToken, signature]) assert.notInclude(shown, secret)
      assert.include(shown, "x-amz-security-token")
    }))

  it.effect("is the common Provider, too", () =>
    Effect.gen(function*() {
      const [name, response] = yield* Provider.Provider.use((provider) =>
        Effect.map(
          ChunkStream.response(provider.stream({ model, prompt: "hi" })),
          (response) => [provider.name, response] as const
        )
      ).pipe(Effect.provide(Bedrock.layer({ region, apiKey }).pipe(Layer.provide(answering([])))))
      assert.strictEqual(name, "bedrock")
      assert.strictEqual(response.provider, "bedrock")
    }))

  describe("layerConfig", () => {
    const configured = (
      env: Record<string, string>,
      configs?: Parameters<typeof Bedrock.layerConfig>[0]
    ) =>
      Effect.gen(function*() {
        const seen: Array<Client.Sent> = []
        const response = yield* Bedrock.Bedrock.use((bedrock) =>
          ChunkStream.outcome(bedrock.stream({ model, prompt: "hi" }))
        ).pipe(
          Effect.provide(
            Bedrock.layerConfig(configs).pipe(
              Layer.provide(answering(seen)),
              Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
            )
          )
        )
        const headers: Readonly<Record<string, string>> = seen[0]?.request.headers ?? {}
        return { response, headers, url: seen[0]?.request.url }
      })

    it.effect("reads the configuration that the layer was given, not the one where the stream is run", () =>
      configured({ AWS_BEARER_TOKEN_BEDROCK: "key-of-the-layer", AWS_REGION: "eu-central-1" }).pipe(
        Effect.map(({ headers }) => assert.strictEqual(headers["authorization"], "Bearer key-of-the-layer")),
        Effect.provideService(
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromEnv({ env: { AWS_BEARER_TOKEN_BEDROCK: "key-of-the-program" } })
        )
      ))

    it.effect("reads AWS_BEARER_TOKEN_BEDROCK before the keys, and AWS_REGION before AWS_DEFAULT_REGION", () =>
      Effect.gen(function*() {
        const { headers, url } = yield* configured({
          AWS_BEARER_TOKEN_BEDROCK: "bedrock-api-key-env\n",
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_REGION: "eu-central-1",
          AWS_DEFAULT_REGION: "us-east-1"
        })
        assert.strictEqual(headers["authorization"], "Bearer bedrock-api-key-env")
        assert.include(url, "https://bedrock-runtime.eu-central-1.amazonaws.com/")
      }))

    it.effect("reads keys, session token, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_BEDROCK_RUNTIME", () =>
      Effect.gen(function*() {
        const { headers, url } = yield* configured({
          AWS_BEARER_TOKEN_BEDROCK: "",
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: sessionToken,
          AWS_REGION: " ",
          AWS_DEFAULT_REGION: " us-west-2\n",
          AWS_ENDPOINT_URL_BEDROCK_RUNTIME: "http://localhost:1"
        })
        assert.match(headers["authorization"] ?? "", /Credential=AKIDEXAMPLE\/\d+\/us-west-2\/bedrock\/aws4_request/)
        assert.strictEqual(headers["x-amz-security-token"], sessionToken)
        assert.match(url ?? "", /^http:\/\/localhost:1\/model\//)
      }))

    it.effect("takes other configs", () =>
      Effect.gen(function*() {
        const { headers } = yield* configured({ MY_KEY: "mine", AWS_REGION: region }, {
          apiKey: Config.Redacted("MY_KEY")
        })
        assert.strictEqual(headers["authorization"], "Bearer mine")
      }))

    it.effect("shows a missing region as a typed error of the stream", () =>
      Effect.gen(function*() {
        const { response } = yield* configured({ AWS_BEARER_TOKEN_BEDROCK: "key" })
        assert.strictEqual(response.error?.reason._tag, "InvalidRequest")
      }))
  })
})

describe("AWS's own client", () => {
  it.effect("signs our request as we do", () =>
    Effect.gen(function*() {
      const request: ChatRequest.ChatRequest = { model, prompt: "Grüße", maxTokens: 5 }
      const endpoint = "http://localhost:8080/gateway"
      const sent = (yield* send({ region, credentials: keys, endpoint }, request)).seen[0]
      if (sent === undefined) return assert.fail("nothing was sent")
      const theirs = yield* Effect.promise(() => signedByAws(endpoint, sent.bytes))
      yield* TestClock.setTime(theirs.millis)
      // AWS's client repeats the body's hash in a header, whatever the service.
      const headers = { "x-amz-content-sha256": createHash("sha256").update(sent.bytes).digest("hex") }
      const ours = (yield* send({ region, credentials: keys, endpoint, headers }, request)).seen[0]?.request.headers
      for (const name of ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]) {
        assert.strictEqual(ours?.[name], theirs.headers[name], name)
      }
    }))

  it.live("reads the same stream as ours, from a socket", () =>
    Effect.gen(function*() {
      const theirs = yield* withHttp2(body, (url) => Effect.promise(() => readByAws(url)))
      assert.isUndefined(theirs.error)
      const server = yield* withHttp(body, (url) =>
        Effect.gen(function*() {
          const chunks = yield* Bedrock.Bedrock.use((bedrock) =>
            Stream.runCollect(bedrock.stream({ model, prompt: "hi" }))
          ).pipe(
            Effect.provide(
              Bedrock.layer({ region, credentials: keys, endpoint: url }).pipe(Layer.provide(FetchHttpClient.layer))
            )
          )
          assert.deepStrictEqual(payloadsOf(chunks).map(withoutPadding), theirs.events)
        }))
      yield* verify(server)
    }))

  it.live("reads the same stream as ours from the replay server", () =>
    Effect.gen(function*() {
      const { url, requests } = yield* ReplayServer.ReplayServer
      const theirs = yield* Effect.promise(() => readByAws(url, overHttp1))
      const chunks = yield* Bedrock.Bedrock.use((bedrock) => Stream.runCollect(bedrock.stream({ model, prompt: "hi" })))
        .pipe(
          Effect.provide(
            Bedrock.layer({ region, credentials: keys, endpoint: url }).pipe(Layer.provide(FetchHttpClient.layer))
          )
        )
      assert.isUndefined(theirs.error)
      assert.deepStrictEqual(theirs.events, Wire.answer.map(withoutPadding))
      assert.deepStrictEqual(payloadsOf(chunks).map(withoutPadding), theirs.events)
      const path = `/model/${encodeURIComponent(model)}/converse-stream`
      assert.deepStrictEqual((yield* requests).map(({ body, path }) => [path, body]), [
        [path, { messages: converse.messages }],
        [path, { messages: converse.messages }]
      ])
    }).pipe(
      Effect.provide(NodeReplayServer.layer([
        ReplayServer.stream(
          TestingWire.bedrock,
          Wire.answer.map((event) => Schema.decodeUnknownSync(BedrockChunk.FromPayload)(event)),
          { reads: { seed: 1 } }
        )
      ]))
    ))

  for (
    const [type, reason] of [
      ["throttlingException", "RateLimited"],
      ["modelStreamErrorException", "ServerError"],
      ["internalServerException", "ServerError"],
      ["serviceUnavailableException", "ServerError"],
      ["validationException", "InvalidRequest"]
    ] as const
  ) {
    it.live(`fails for ${type}, as ours does`, () =>
      Effect.gen(function*() {
        const frames = [...partial.map(Wire.frame), Wire.exception(type, { message: "No" })]
        const theirs = yield* withHttp2(Wire.concat(frames), (url) => Effect.promise(() => readByAws(url)))
        assert.strictEqual(theirs.events.length, 2)
        assert.strictEqual(theirs.error?.name.toLowerCase(), type.toLowerCase())
        assert.strictEqual(Wire.decode(protocol, frames).reason?._tag, reason)
      }))
  }
})

const converse: ConverseStreamCommandInput = { modelId: model, messages: [{ role: "user", content: [{ text: "hi" }] }] }

/** The headers with which AWS's client would send these bytes. */
const signedByAws = async (endpoint: string, bytes: Uint8Array) => {
  const requests: Array<{ readonly headers: Readonly<Record<string, string>> }> = []
  const client = new BedrockRuntimeClient({
    region,
    endpoint,
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    maxAttempts: 1,
    requestHandler: {
      handle: (request: { readonly headers: Readonly<Record<string, string>> }) => {
        requests.push(request)
        return Promise.reject(new Error("not sent"))
      }
    }
  })
  const onlyOurs: FinalizeRequestMiddleware<ServiceInputTypes, ServiceOutputTypes> = (next) => (args) => {
    const headers = { "content-type": "application/json", host: new URL(endpoint).host }
    return next({ ...args, request: Object.assign({}, args.request, { headers, body: bytes }) })
  }
  client.middlewareStack.addRelativeTo(onlyOurs, {
    relation: "before",
    toMiddleware: "httpSigningMiddleware",
    name: "onlyOurs"
  })
  await client.send(new ConverseStreamCommand(converse)).catch(() => undefined)
  const headers = requests[0]?.headers ?? {}
  return { headers, millis: millisOf(headers["x-amz-date"]) }
}

const millisOf = (date = ""): number => Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, "$1-$2-$3:$4:"))

const readByAws = async (
  endpoint: string,
  handler: Pick<BedrockRuntimeClientConfig, "requestHandler"> = {}
) => {
  const client = new BedrockRuntimeClient({
    region,
    endpoint,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...handler
  })
  const events: Array<unknown> = []
  try {
    const { stream } = await client.send(new ConverseStreamCommand(converse))
    for await (const event of stream ?? []) events.push(withBase64(event))
    return { events, error: undefined }
  } catch (error) {
    if (!(error instanceof BedrockRuntimeServiceException)) throw error
    return { events, error }
  } finally {
    client.destroy()
  }
}

// AWS's client decodes base64, and leaves out the padding.
const withBase64 = (event: unknown): unknown =>
  JSON.parse(
    JSON.stringify(event, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value)
  )

const withoutPadding = (payload: unknown): unknown =>
  JSON.parse(JSON.stringify(payload, (key, value: unknown) => key === "p" ? undefined : value))

interface Received {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Answers every request over HTTP/1.1, which is what fetch speaks, and gives the first one. */
const withHttp = <A, E, R>(answer: Uint8Array, use: (url: string) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const received: Array<Received> = []
    const server = createHttpServer((request, response) => {
      const reads: Array<Uint8Array> = []
      request.on("data", (read: Uint8Array) => reads.push(read))
      request.on("end", () => {
        received.push({
          url: `http://${request.headers.host}${request.url}`,
          headers: Object.fromEntries(
            Object.entries(request.headers).flatMap(([name, value]) => typeof value === "string" ? [[name, value]] : [])
          ),
          body: Buffer.concat(reads)
        })
        response.writeHead(200, headers).end(answer)
      })
    })
    yield* listening(server, use)
    return received[0]
  })

/** Answers every request over HTTP/2, which is what AWS's client speaks. */
const withHttp2 = <A, E, R>(answer: Uint8Array, use: (url: string) => Effect.Effect<A, E, R>) =>
  listening(
    createHttp2Server((request, response) => {
      request.resume()
      response.writeHead(200, headers)
      response.end(answer)
    }),
    use
  )

const listening = <A, E, R>(
  server: Server,
  use: (url: string) => Effect.Effect<A, E, R>
) =>
  Effect.acquireUseRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`))
      })
    }),
    use,
    () => Effect.sync(() => server.close())
  )

/** Computes the signature again from what arrived, as AWS does. */
const verify = Effect.fnUntraced(function*(received: Received | undefined) {
  if (received === undefined) return assert.fail("nothing arrived")
  const authorization = received.headers["authorization"] ?? ""
  const names = (/SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? "").split(";")
  assert.includeMembers(names, ["content-type", "host", "x-amz-date", "x-amz-security-token"])
  const signed = names.filter((name) => !["host", "x-amz-date", "x-amz-security-token"].includes(name))
  const again = yield* AwsSignature.sign(
    {
      method: "POST",
      url: received.url,
      headers: Object.fromEntries(signed.map((name) => [name, received.headers[name] ?? ""])),
      body: received.body
    },
    AwsCredentials.fromKeysUnsafe(keys),
    { region }
  ).pipe(Effect.provideService(Clock.Clock, clockAt(millisOf(received.headers["x-amz-date"]))))
  assert.strictEqual(again.authorization, authorization)
})

const clockAt = (millis: number): Clock.Clock => ({
  ...Clock.Clock.defaultValue(),
  currentTimeMillis: Effect.succeed(millis),
  currentTimeMillisUnsafe: () => millis
})
