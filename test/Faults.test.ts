/**
 * What real servers and networks do wrong, over real sockets: for each fault the chunks before it, the typed reason, a
 * closed socket and no secret anywhere.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, ConfigProvider, Duration, Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import * as Anthropic from "../src/anthropic/Anthropic.ts"
import * as AzureOpenAi from "../src/azure/AzureOpenAi.ts"
import * as Bedrock from "../src/bedrock/Bedrock.ts"
import * as BedrockInvoke from "../src/bedrock/BedrockInvoke.ts"
import type { ChatRequest } from "../src/ChatRequest.ts"
import type * as Chunk from "../src/Chunk.ts"
import * as ChunkStream from "../src/ChunkStream.ts"
import * as Groq from "../src/groq/Groq.ts"
import * as OpenAi from "../src/openai/OpenAi.ts"
import type { OpenAiChunk } from "../src/openai/OpenAiChunk.ts"
import * as ProviderError from "../src/ProviderError.ts"
import { Answer, ReplayServer, Wire } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"
import { byTurns } from "./support/clock.ts"
import * as Spans from "./support/tracer.ts"

const key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"

const clients = {
  fetch: Layer.fresh(FetchHttpClient.layer),
  undici: Layer.fresh(NodeHttpClient.layerUndici)
}

// Five chunks: the role, "Hello,", " big", " world!" and the finish reason.
const chunks = Answer.openai(Answer.make({ content: "Hello, big world!" }))
const contents = ["", "Hello,", " big", " world!", ""]
const events = Wire.encode(Wire.openai, chunks)
const whole = ReplayServer.stream(Wire.openai, chunks)
const sse = { contentType: "text/event-stream" }

const body = (...pieces: ReadonlyArray<Uint8Array | string>): ReadonlyArray<Uint8Array> =>
  pieces.map((piece) => typeof piece === "string" ? Wire.event({ data: piece }) : piece)

type Chunks = Stream.Stream<OpenAiChunk, ProviderError.ProviderError>

/** Asks a server with this script once; `use` consumes the stream. */
const exchange = Effect.fnUntraced(function*<A, E>(
  script: ReplayServer.Script,
  use: (stream: Chunks, server: ReplayServer.ReplayServer["Service"]) => Effect.Effect<A, E>,
  options?: Partial<OpenAi.Options>
) {
  const server = yield* NodeReplayServer.make(script)
  const openai = yield* OpenAi.make({
    baseUrl: `${server.url}/v1`,
    apiKey: Redacted.make(key),
    maxRetries: 0,
    ...options
  })
  return yield* use(openai.stream({ model: "gpt-4o-mini", prompt: "Say hello" }), server)
})

interface Seen {
  readonly contents: ReadonlyArray<string>
  readonly error: ProviderError.ProviderError | undefined
  /** Milliseconds between the end of the stream and the server's notice of the closed socket. */
  readonly closedAfter: number
  readonly closed: ReplayServer.Closed
  readonly requests: number
}

/** Consumes all; what was seen before the failure, which must be typed and name no secret. */
const observe = (script: ReplayServer.Script, options?: Partial<OpenAi.Options>) =>
  exchange(
    script,
    Effect.fnUntraced(function*(stream, server): Effect.fn.Return<Seen> {
      const contents: Array<string> = []
      const exit = yield* Effect.exit(
        Stream.runForEach(stream, (chunk) => Effect.sync(() => contents.push(chunk.content)))
      )
      const ended = yield* Clock.currentTimeMillis
      const requests = yield* server.requests
      const last = requests.at(-1)
      const closed = yield* last === undefined ? Effect.die("no request") : last.closed
      return {
        contents,
        error: Exit.isSuccess(exit) ? undefined : typed(exit.cause),
        closed,
        closedAfter: closed.at - ended,
        requests: requests.length
      }
    }),
    options
  )

const typed = (cause: Cause.Cause<ProviderError.ProviderError>): ProviderError.ProviderError => {
  const [reason, ...others] = cause.reasons
  if (reason === undefined || others.length > 0 || !Cause.isFailReason(reason)) return assert.fail(Cause.pretty(cause))
  assert.isTrue(ProviderError.isProviderError(reason.error))
  namesNoSecret(reason.error, cause)
  return reason.error
}

const namesNoSecret = (error: unknown, cause: Cause.Cause<unknown>): void => {
  const renderings = [
    String(error),
    JSON.stringify(error),
    Cause.pretty(cause),
    JSON.stringify(cause),
    inspect(error, { depth: Infinity, showHidden: true }),
    inspect(cause, { depth: Infinity, showHidden: true }),
    error instanceof Error ? error.stack ?? "" : ""
  ]
  for (const rendering of renderings) {
    // Not even the start of it.
    assert.notInclude(rendering, key.slice(0, 12))
    assert.notInclude(rendering, "Bearer")
  }
}

interface Case {
  readonly reply: ReplayServer.Reply
  /** Number of chunks delivered before the failure. */
  readonly chunks: number
  readonly reason: ProviderError.Reason["_tag"]
  readonly message: RegExp
  readonly fields?: Readonly<Record<string, unknown>>
  readonly options?: Partial<OpenAi.Options>
  /** Clients that can't see this fault. */
  readonly except?: string
}

const html = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to Hotel Wi-Fi</body></html>"
const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }]
}
const failure = (error: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ error: { param: null, code: null, ...error } })

const cases: Readonly<Record<string, Case>> = {
  "a connection that breaks": {
    reply: ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { events: 3 } } }),
    chunks: 3,
    reason: "Network",
    message: /./
  },
  "a connection that breaks within an event": {
    reply: ReplayServer.stream(Wire.openai, chunks, {
      fault: { kind: "reset", after: { bytes: Wire.concat(events.slice(0, 2)).length + 20 } }
    }),
    chunks: 2,
    reason: "Network",
    message: /./
  },
  "a connection that breaks before the first byte": {
    reply: ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { bytes: 0 } } }),
    chunks: 0,
    reason: "Network",
    message: /./
  },
  "a body that ends between two events": {
    reply: ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "end", after: { events: 4 } } }),
    chunks: 4,
    reason: "IncompleteStream",
    message: /after 4 chunks without a finish reason/
  },
  "a body that ends within an event": {
    reply: ReplayServer.stream(Wire.openai, chunks, {
      fault: { kind: "end", after: { bytes: Wire.concat(events.slice(0, 4)).length + 30 } }
    }),
    chunks: 4,
    reason: "IncompleteStream",
    message: /after 4 chunks without a finish reason/
  },
  "an empty body": {
    reply: ReplayServer.bytes([], sse),
    chunks: 0,
    reason: "IncompleteStream",
    message: /without a single chunk/
  },
  "an empty body without a content type": {
    reply: ReplayServer.bytes([]),
    chunks: 0,
    reason: "IncompleteStream",
    message: /without a single chunk/
  },
  "a terminator and nothing else": {
    reply: ReplayServer.bytes(body("[DONE]"), sse),
    chunks: 0,
    reason: "IncompleteStream",
    message: /without a single chunk/
  },
  "comments and nothing else": {
    reply: ReplayServer.bytes([Wire.comment("keepalive"), Wire.comment("keepalive")], sse),
    chunks: 0,
    reason: "IncompleteStream",
    message: /without a single chunk/
  },
  "silence in the middle": {
    reply: ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "hang", after: { events: 2 } } }),
    chunks: 2,
    reason: "Timeout",
    message: /since the last one within 80ms/,
    fields: { kind: "idle" },
    options: { idleTimeout: "80 millis" }
  },
  "silence within an event": {
    reply: ReplayServer.stream(Wire.openai, chunks, {
      fault: { kind: "hang", after: { bytes: Wire.concat(events.slice(0, 2)).length + 9 } }
    }),
    chunks: 2,
    reason: "Timeout",
    message: /since the last one within 80ms/,
    fields: { kind: "idle" },
    options: { idleTimeout: "80 millis" }
  },
  "silence after the headers": {
    reply: ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "hang", after: { bytes: 0 } } }),
    chunks: 0,
    reason: "Timeout",
    message: /of the response within 80ms/,
    fields: { kind: "firstByte" },
    options: { firstByteTimeout: "80 millis" }
  },
  "silence from the beginning": {
    reply: ReplayServer.stream(Wire.openai, chunks, { delay: "1 hour" }),
    chunks: 0,
    reason: "Timeout",
    message: /of the response within 80ms/,
    fields: { kind: "firstByte" },
    options: { firstByteTimeout: "80 millis" }
  },
  "a page instead of a stream": {
    reply: ReplayServer.text(html, { contentType: "text/html; charset=utf-8" }),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /text\/html.*text\/event-stream/,
    fields: { contentType: "text/html", status: 200, body: html }
  },
  "a page that never ends": {
    reply: ReplayServer.bytes(Array.from({ length: 2048 }, () => new Uint8Array(16384).fill(60)), {
      contentType: "text/html",
      fault: { kind: "hang" }
    }),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /text\/html/
  },
  "a JSON completion instead of a stream": {
    reply: ReplayServer.json(completion),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /JSON where a stream was asked for/,
    fields: { contentType: "application/json", status: 200 }
  },
  "a JSON error with status 200": {
    reply: ReplayServer.text(
      failure({ message: "You exceeded your current quota", type: "insufficient_quota", code: "insufficient_quota" }),
      { contentType: "application/json" }
    ),
    chunks: 0,
    reason: "QuotaExceeded",
    message: /^You exceeded your current quota$/,
    fields: { code: "insufficient_quota" }
  },
  "a JSON error with status 200 that calls itself a stream": {
    reply: ReplayServer.text(failure({ message: "Overloaded", type: "overloaded_error" }), sse),
    chunks: 0,
    reason: "Overloaded",
    message: /^Overloaded$/
  },
  "a JSON error with status 200 that calls itself nothing": {
    reply: ReplayServer.text(`\n ${failure({ message: "Overloaded", type: "overloaded_error" })}`, {
      contentType: null,
      reads: { bytes: 1 }
    }),
    chunks: 0,
    reason: "Overloaded",
    message: /^Overloaded$/
  },
  "a JSON completion that calls itself a stream": {
    reply: ReplayServer.json(completion, sse),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /JSON where a stream was asked for/,
    fields: { contentType: "text/event-stream", status: 200 }
  },
  "an HTML error": {
    reply: ReplayServer.text(`${html}${"x".repeat(100_000)}`, { contentType: "text/html", status: 502 }),
    chunks: 0,
    reason: "ServerError",
    message: /HTTP 502 with a body of text\/html/,
    fields: { status: 502 }
  },
  "an empty error": {
    reply: ReplayServer.bytes([], { status: 503 }),
    chunks: 0,
    reason: "ServerError",
    message: /HTTP 503/,
    fields: { status: 503 }
  },
  "an error that is a stream": {
    reply: ReplayServer.bytes(body(failure({ message: "Rate limit reached", code: "rate_limit_exceeded" })), {
      ...sse,
      status: 429
    }),
    chunks: 0,
    reason: "RateLimited",
    message: /HTTP 429/,
    fields: { status: 429 }
  },
  "an error whose body breaks off": {
    reply: ReplayServer.json({ error: { message: "Something" } }, {
      status: 500,
      fault: { kind: "reset", after: { bytes: 10 } }
    }),
    chunks: 0,
    reason: "ServerError",
    message: /HTTP 500/,
    fields: { status: 500 }
  },
  "an error whose body never ends": {
    reply: ReplayServer.bytes(Array.from({ length: 2048 }, () => new Uint8Array(16384).fill(97)), {
      contentType: "text/plain",
      status: 500,
      fault: { kind: "hang" }
    }),
    chunks: 0,
    reason: "ServerError",
    message: /HTTP 500/,
    fields: { status: 500 }
  },
  "an error whose body hangs": {
    reply: ReplayServer.json({ error: { message: "Something" } }, {
      status: 500,
      fault: { kind: "hang", after: { bytes: 10 } }
    }),
    chunks: 0,
    reason: "ServerError",
    message: /HTTP 500/,
    fields: { status: 500 },
    options: { idleTimeout: "80 millis" }
  },
  "a wrong key": {
    reply: ReplayServer.json(
      { error: { message: `Incorrect API key provided: ${key}.`, type: "x", code: "invalid_api_key" } },
      { status: 401, headers: { "x-request-id": "req_1" } }
    ),
    chunks: 0,
    reason: "Authentication",
    message: /^Incorrect API key provided: <redacted>\.$/,
    fields: { status: 401, code: "invalid_api_key", requestId: "req_1" }
  },
  "a page that repeats the key": {
    reply: ReplayServer.text(`Authorization: ${key}`, { contentType: "text/html" }),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /text\/html/,
    fields: { body: "Authorization: <redacted>" }
  },
  "a page that repeats the key where its excerpt ends": {
    reply: ReplayServer.text(`${"x".repeat(1000)}${key}${"x".repeat(1000)}`, { contentType: "text/html" }),
    chunks: 0,
    reason: "UnexpectedContentType",
    message: /text\/html/
  },
  "an error in the stream that repeats the key": {
    reply: ReplayServer.bytes(body(...events.slice(0, 2), failure({ message: `Bad key ${key}`, code: key })), sse),
    chunks: 2,
    reason: "Unknown",
    message: /^Bad key <redacted>$/,
    fields: { code: "<redacted>" }
  },
  "a malformed event that repeats the key": {
    reply: ReplayServer.bytes(body(...events.slice(0, 2), `{"id":"${key}"`, `${key}`), sse),
    chunks: 2,
    reason: "MalformedEvent",
    message: /^Event 2 /
  },
  "an event that is not JSON": {
    reply: ReplayServer.bytes(body(...events.slice(0, 2), "{\"id\": \"abc\", oops}", ...events.slice(2)), sse),
    chunks: 2,
    reason: "MalformedEvent",
    message: /^Event 2 \(19 characters\) is not valid JSON/,
    fields: { event: 2, path: [], excerpt: "{\"id\": \"…\", oops}" }
  },
  "an event cut off in the middle of the stream": {
    reply: ReplayServer.bytes(body(...events.slice(0, 2), "{\"id\": \"abc\", \"choi", ...events.slice(2)), sse),
    chunks: 2,
    reason: "MalformedEvent",
    message: /^Event 2 /,
    fields: { event: 2 }
  },
  "a field of the wrong type": {
    reply: ReplayServer.bytes(
      body(
        ...events.slice(0, 2),
        JSON.stringify({ choices: [{ index: 0, delta: { content: "a" } }, { index: "one", delta: {} }] })
      ),
      sse
    ),
    chunks: 2,
    reason: "MalformedEvent",
    message: /^Event 2: .*choices\[1\]\.index/,
    fields: { event: 2, path: ["choices", 1, "index"] }
  },
  "JSON that is no object": {
    reply: ReplayServer.bytes(body(...events.slice(0, 2), "[1]"), sse),
    chunks: 2,
    reason: "MalformedEvent",
    message: /^Event 2 holds JSON that is not an object/,
    fields: { event: 2 }
  },
  "a prefix of the terminator": {
    reply: ReplayServer.bytes(body(...events.slice(0, 4), "[DONE]x"), sse),
    chunks: 4,
    reason: "MalformedEvent",
    message: /^Event 4 /
  },
  "an error in the middle of the stream": {
    reply: ReplayServer.bytes(
      body(
        ...events.slice(0, 3),
        failure({ message: "The server had an error", type: "server_error" }),
        ...events.slice(3)
      ),
      { ...sse, headers: { "x-request-id": "req_2" } }
    ),
    chunks: 3,
    reason: "ServerError",
    message: /^The server had an error$/,
    fields: { requestId: "req_2" }
  },
  "an error event with a flat body": {
    reply: ReplayServer.bytes([
      ...events.slice(0, 2),
      Wire.event({ event: "error", data: JSON.stringify({ message: "Too many", code: "rate_limit_exceeded" }) })
    ], sse),
    chunks: 2,
    reason: "RateLimited",
    message: /^Too many$/,
    fields: { code: "rate_limit_exceeded" }
  },
  "an error as the first event": {
    reply: ReplayServer.bytes(body(failure({ message: "Overloaded", type: "overloaded_error" })), sse),
    chunks: 0,
    reason: "Overloaded",
    message: /^Overloaded$/
  },
  "a redirect": {
    reply: ReplayServer.bytes([], { status: 307, headers: { location: "http://127.0.0.1:9/v1/chat/completions" } }),
    chunks: 0,
    reason: "Unknown",
    message: /HTTP 307/,
    fields: { status: 307 }
  },
  "a body that is not what its encoding says": {
    reply: ReplayServer.bytes(events, { ...sse, headers: { "content-encoding": "gzip" } }),
    chunks: 0,
    reason: "Network",
    message: /./,
    except: "undici"
  }
}

// Milliseconds. The replies would go on for longer.
const soon = 100

for (const [client, layer] of Object.entries(clients)) {
  describe(`Faults, with ${client}`, () => {
    for (const [name, expected] of Object.entries(cases)) {
      if (expected.except === client) continue
      it.live(`${name} gives ${expected.reason} after ${expected.chunks} chunks`, () =>
        Effect.gen(function*() {
          const seen = yield* observe([expected.reply], expected.options)
          assert.deepStrictEqual(seen.contents, contents.slice(0, expected.chunks))
          const { error } = seen
          assert.strictEqual(error?.reason._tag, expected.reason, String(error))
          assert.match(error?.reason.message ?? "", expected.message)
          assert.strictEqual(error?.provider, "openai")
          assert.strictEqual(error?.emitted, expected.chunks > 0)
          assert.deepInclude({ ...error?.reason }, { ...expected.fields })
          assert.isAtMost(seen.closedAfter, soon)
          assert.isAtMost(error?.reason.body?.length ?? 0, 1025)
          // What is not read is not sent: socket buffers aside, the server stops soon after the first 64 KB.
          assert.isBelow(seen.closed.bytes, 16 * 1024 * 1024)
          assert.strictEqual(seen.requests, 1)
        }).pipe(Effect.provide(layer), byTurns))
    }

    it.live("gives every chunk before a fault that came with it in one read", () =>
      Effect.gen(function*() {
        const bad = body(...events.slice(0, 4), "{oops", ...events.slice(4))
        for (const reads of ["whole", { bytes: 1 }, { seed: 3 }] as const) {
          const seen = yield* observe([ReplayServer.bytes(bad, { ...sse, reads })])
          assert.deepStrictEqual(seen.contents, contents.slice(0, 4))
          assert.strictEqual(seen.error?.reason._tag, "MalformedEvent")
          assert.isTrue(seen.error?.emitted)
        }
      }).pipe(Effect.provide(layer), byTurns))

    const fine: Readonly<Record<string, ReplayServer.Reply>> = {
      "as it should be": whole,
      "without a content type": { ...whole, contentType: null },
      "with a content type in capitals": { ...whole, contentType: "Text/Event-Stream; Charset=UTF-8" },
      "under a wrong content type": { ...whole, contentType: "application/json" },
      "under a wrong content type, byte by byte": { ...whole, contentType: "text/plain", reads: { bytes: 1 } },
      "after blank lines": {
        ...whole,
        events: [new TextEncoder().encode("\n"), new TextEncoder().encode("\r\n"), ...events]
      },
      "under a wrong content type, after a byte-order mark and a comment": {
        ...whole,
        contentType: "text/plain",
        events: [Wire.byteOrderMark, Wire.comment("hi"), ...events],
        reads: "whole"
      },
      "with heartbeats of every kind": {
        ...whole,
        events: [
          Wire.comment("keepalive"),
          ...body("", " ", ": keepalive", "null"),
          ...events.flatMap((event) => [event, Wire.comment("")])
        ]
      },
      "with `retry`, `id` and unknown fields": {
        ...whole,
        events: events.map((event) => Wire.concat([new TextEncoder().encode("retry: soon\nid: 7\nx: y\n"), event]))
      },
      "with CRLF line ends": { ...whole, events: events.map(Wire.withLineEnds("\r\n")) },
      "with CR line ends": { ...whole, events: events.map(Wire.withLineEnds("\r")), reads: { bytes: 5 } },
      "byte by byte": { ...whole, reads: { bytes: 1 } },
      "in one read": { ...whole, reads: "whole" },
      "without the terminator": { ...whole, fault: { kind: "end", after: { events: 5 } } },
      "without the last blank line": {
        ...whole,
        events: [...events.slice(0, 4), events[4]?.slice(0, -2) ?? events[4]!]
      },
      "with the terminator and no finish reason": {
        ...whole,
        events: [...events.slice(0, 4), ...body("{}", "[DONE]")]
      },
      "with a finish reason of no known name": {
        ...whole,
        events: body(...events.slice(0, 4), JSON.stringify({ choices: [{ index: 0, finish_reason: "brand_new" }] }))
      },
      "with the socket left open after the terminator": { ...whole, fault: { kind: "hang" } },
      "with more events after the terminator": { ...whole, events: [...events, ...events] }
    }

    for (const [how, reply] of Object.entries(fine)) {
      it.live(`reads a stream ${how}`, () =>
        Effect.gen(function*() {
          const seen = yield* observe([reply])
          assert.isUndefined(seen.error, String(seen.error))
          assert.deepStrictEqual(seen.contents, contents)
        }).pipe(Effect.provide(layer), byTurns))
    }

    describe("closes the socket at once", () => {
      const endless: ReplayServer.Reply = {
        ...whole,
        events: [...events.slice(0, 4), ...Array.from({ length: 10_000 }, () => Wire.comment("keepalive"))],
        interval: "5 millis"
      }

      const stops: Readonly<
        Record<
          string,
          (stream: Chunks, server: ReplayServer.ReplayServer["Service"]) => Effect.Effect<unknown, unknown>
        >
      > = {
        "when it is interrupted in the middle": (stream, server) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
            yield* server.request(0)
            yield* Effect.sleep("60 millis")
            yield* Fiber.interrupt(fiber)
            const exit = yield* Fiber.await(fiber)
            assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
          }),
        "when it is interrupted before the first byte": (stream, server) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
            yield* server.request(0)
            yield* Fiber.interrupt(fiber)
            const exit = yield* Fiber.await(fiber)
            assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
          }),
        "when enough was taken": (stream) => Stream.runDrain(Stream.take(stream, 2)),
        "when the consumer fails": (stream) =>
          Effect.gen(function*() {
            const error = yield* Stream.runForEach(
              stream,
              (chunk) => chunk.content === " big" ? Effect.fail("enough" as const) : Effect.void
            ).pipe(Effect.flip)
            assert.strictEqual(error, "enough")
          }),
        "when the consumer dies": (stream) =>
          Effect.gen(function*() {
            const exit = yield* Effect.exit(Stream.runForEach(stream, () => Effect.die("defect")))
            assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
          }),
        "when it takes too long": (stream) => Effect.timeoutOption(Stream.runDrain(stream), "60 millis"),
        "when a race is lost": (stream) => Effect.race(Stream.runDrain(stream), Effect.sleep("60 millis"))
      }

      for (const [when, stop] of Object.entries(stops)) {
        it.live(when, () =>
          exchange(
            [when.endsWith("first byte") ? { ...endless, delay: "1 hour" } : endless],
            Effect.fnUntraced(function*(stream, server) {
              yield* Effect.orDie(stop(stream, server))
              const stopped = yield* Clock.currentTimeMillis
              const request = yield* server.request(0)
              const closed = yield* request.closed
              assert.strictEqual(closed.by, "client")
              assert.isAtMost(closed.at - stopped, soon)
            })
          ).pipe(Effect.provide(layer), byTurns))
      }
    })

    it.live("keeps the partial response", () =>
      exchange(
        [ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { events: 3 } } })],
        (stream) =>
          Effect.map(ChunkStream.outcome(stream), (response) => {
            assert.strictEqual(response.content, "Hello, big")
            assert.strictEqual(response.error?.reason._tag, "Network")
            assert.deepStrictEqual(response.finishReasons, [])
            assert.strictEqual(response.chunks, 3)
          })
      ).pipe(Effect.provide(layer), byTurns))

    it.live("does not follow a redirect", () =>
      Effect.gen(function*() {
        const other = yield* NodeReplayServer.make([whole])
        for (const status of [301, 302, 303, 307, 308]) {
          const seen = yield* observe([ReplayServer.bytes([], { status, headers: { location: `${other.url}/v1` } })])
          assert.strictEqual(seen.error?.status, status)
        }
        assert.deepStrictEqual(yield* other.requests, [])
      }).pipe(Effect.provide(layer), byTurns))

    it.live("refused connections give Network", () =>
      Effect.gen(function*() {
        const { url } = yield* Effect.scoped(NodeReplayServer.make([whole]))
        const openai = yield* OpenAi.make({ baseUrl: url, apiKey: Redacted.make(key), maxRetries: 0 })
        const exit = yield* Effect.exit(Stream.runDrain(openai.stream({ model: "m", prompt: "x" })))
        const error = Exit.isFailure(exit) ? typed(exit.cause) : undefined
        assert.strictEqual(error?.reason._tag, "Network")
        assert.strictEqual(error?.code, "ECONNREFUSED")
        assert.isTrue(error?.isRetryable)
        assert.isFalse(error?.emitted)
      }).pipe(Effect.provide(layer), byTurns))

    it.live("a failed attempt's socket is closed before the next attempt", () =>
      Effect.gen(function*() {
        const pause = { status: 503, headers: { "retry-after": "3600" } }
        yield* exchange(
          [ReplayServer.json({}, { ...pause, fault: { kind: "hang" } }), whole],
          Effect.fnUntraced(function*(stream, server) {
            const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
            const closed = yield* Effect.flatMap(server.request(0), ({ closed }) => closed)
            assert.strictEqual(closed.by, "client")
            assert.lengthOf(yield* server.requests, 1)
            yield* TestClock.adjust("1 hour")
            yield* Fiber.join(fiber)
            assert.lengthOf(yield* server.requests, 2)
          }),
          { maxRetries: 1, maxRetryDelay: "1 day" }
        )
      }).pipe(Effect.provide(layer), byTurns))
  })
}

// What depends on the provider: its address, its credentials and its wire format.
const provider = <C extends Chunk.Chunk>(options: {
  readonly path: string
  readonly format: Wire.WireFormat<C>
  readonly chunks: ReadonlyArray<C>
  readonly make: (
    url: string
  ) => Effect.Effect<
    { readonly stream: (request: ChatRequest) => Stream.Stream<C, ProviderError.ProviderError> },
    never,
    HttpClient.HttpClient
  >
}) => ({
  path: options.path,
  payloads: options.chunks.map(({ chunk }) => chunk),
  reply: (fault?: ReplayServer.Fault) => ReplayServer.stream(options.format, options.chunks, { fault }),
  observe: Effect.fnUntraced(function*(reply: ReplayServer.Reply) {
    const server = yield* NodeReplayServer.make([reply])
    const { stream } = yield* options.make(server.url)
    const payloads: Array<unknown> = []
    const exit = yield* stream({ model: "some-model", prompt: "Say hello" }).pipe(
      Stream.runForEach(({ chunk }) => Effect.sync(() => payloads.push(chunk))),
      Effect.exit
    )
    const request = yield* server.request(0)
    const closed = yield* request.closed
    return { payloads, path: request.path, closed, error: Exit.isSuccess(exit) ? undefined : typed(exit.cause) }
  })
})

const answer = Answer.make({
  reasoning: "Be brief.",
  content: "日本 👩‍👩‍👧‍👦",
  toolCalls: [{ name: "weather", arguments: "{\"city\":\"Paris\"}" }],
  usage: { inputTokens: 30, cachedTokens: 10, outputTokens: 20 }
})
const apiKey = Redacted.make(key)
const policy = { maxRetries: 0, idleTimeout: "80 millis" } as const
const aws = {
  ...policy,
  region: "us-east-1",
  // The session token is what travels; the secret key stays.
  credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI", sessionToken: apiKey }
} as const

const providers = {
  openai: provider({
    path: "/v1/chat/completions",
    format: Wire.openai,
    chunks: Answer.openai(answer),
    make: (url) => OpenAi.make({ ...policy, apiKey, baseUrl: `${url}/v1` })
  }),
  anthropic: provider({
    path: "/v1/messages",
    format: Wire.anthropic,
    chunks: Answer.anthropic(answer),
    make: (url) => Anthropic.make({ ...policy, apiKey, baseUrl: url })
  }),
  groq: provider({
    path: "/openai/v1/chat/completions",
    format: Wire.groq,
    chunks: Answer.groq(answer),
    make: (url) => Groq.make({ ...policy, apiKey, baseUrl: `${url}/openai/v1` })
  }),
  azure: provider({
    path: "/openai/deployments/some-model/chat/completions?api-version=2024-10-21",
    format: Wire.azure,
    chunks: Answer.azure(answer),
    make: (url) => AzureOpenAi.make({ ...policy, apiKey, endpoint: url, apiVersion: "2024-10-21" })
  }),
  bedrock: provider({
    path: "/model/some-model/converse-stream",
    format: Wire.bedrock,
    chunks: Answer.bedrock(answer),
    make: (url) => Bedrock.make({ ...aws, endpoint: url })
  }),
  "bedrock-invoke": provider({
    path: "/model/some-model/invoke-with-response-stream",
    format: Wire.bedrockInvoke,
    chunks: Answer.bedrockInvoke(answer),
    make: (url) => BedrockInvoke.make({ ...aws, endpoint: url })
  })
}

for (const [name, { observe, path, payloads, reply }] of Object.entries(providers)) {
  describe(`Faults of ${name}`, () => {
    it.live("a stream without a fault is read to its end, and no further", () =>
      Effect.gen(function*() {
        for (const fault of [undefined, { kind: "hang" }] as const) {
          const seen = yield* observe({ ...reply(fault), reads: { bytes: 50 } })
          assert.isUndefined(seen.error, String(seen.error))
          assert.deepStrictEqual(seen.payloads, payloads)
          assert.strictEqual(seen.path, path)
        }
      }).pipe(Effect.provide(clients.fetch), byTurns))

    const faults = { reset: "Network", end: "IncompleteStream", hang: "Timeout" } as const
    for (const kind of ["reset", "end", "hang"] as const) {
      it.live(`${kind} gives ${faults[kind]} after the chunks before it`, () =>
        Effect.gen(function*() {
          for (const events of [0, 3]) {
            if (kind === "hang" && events === 0) continue
            const seen = yield* observe(reply({ kind, after: { events } }))
            assert.deepStrictEqual(seen.payloads, payloads.slice(0, events))
            assert.strictEqual(seen.error?.reason._tag, faults[kind], String(seen.error))
            assert.strictEqual(seen.error?.emitted, events > 0)
            assert.strictEqual(seen.closed.by, kind === "hang" ? "client" : "server")
          }
        }).pipe(Effect.provide(clients.fetch), byTurns))
    }

    it.live("an HTTP error that repeats the key does not give it away", () =>
      Effect.gen(function*() {
        const message = `Wrong key ${key}`
        const { error } = yield* observe(ReplayServer.json({ message, error: { message } }, { status: 401 }))
        assert.strictEqual(error?.reason._tag, "Authentication")
        assert.strictEqual(error?.reason.message, "Wrong key <redacted>")
      }).pipe(Effect.provide(clients.fetch), byTurns))

    it.live("a page instead of a stream gives UnexpectedContentType", () =>
      Effect.gen(function*() {
        const { error } = yield* observe(ReplayServer.text(html, { contentType: "text/html" }))
        assert.strictEqual(error?.reason._tag, "UnexpectedContentType")
      }).pipe(Effect.provide(clients.fetch), byTurns))
  })
}

describe("Faults", () => {
  // They take minutes for real; this is how Node's `fetch` reports them.
  for (
    const [code, kind] of [
      ["ETIMEDOUT", "connect"],
      ["UND_ERR_CONNECT_TIMEOUT", "connect"],
      ["UND_ERR_HEADERS_TIMEOUT", "firstByte"],
      ["UND_ERR_BODY_TIMEOUT", "idle"]
    ] as const
  ) {
    it.effect(`${code} of Node's fetch gives Timeout`, () =>
      Effect.gen(function*() {
        const cause = Object.assign(new Error("Timeout error"), { code })
        const fetch = () =>
          kind === "idle"
            ? Promise.resolve(
              new Response(
                new ReadableStream({
                  pull: (controller) => controller.error(new TypeError("terminated", { cause })),
                  start: (controller) => controller.enqueue(events[0])
                }, { highWaterMark: 0 }),
                { headers: { "content-type": "text/event-stream" } }
              )
            )
            : Promise.reject(new TypeError("fetch failed", { cause }))
        const openai = yield* OpenAi.make({ apiKey: Redacted.make(key), maxRetries: 0 })
        const exit = yield* Stream.runDrain(openai.stream({ model: "m", prompt: "x" })).pipe(
          Effect.provideService(FetchHttpClient.Fetch, fetch),
          Effect.exit
        )
        const error = Exit.isFailure(exit) ? typed(exit.cause) : undefined
        assert.strictEqual(error?.reason._tag === "Timeout" ? error.reason.kind : error?.reason._tag, kind)
        assert.strictEqual(error?.code, code)
        assert.strictEqual(error?.emitted, kind === "idle")
      }).pipe(Effect.provide(clients.fetch), byTurns))
  }

  it.live("reads a compressed stream where the client decompresses", () =>
    Effect.gen(function*() {
      const seen = yield* observe([
        ReplayServer.bytes(gzipSync(Wire.concat(events)), { ...sse, headers: { "content-encoding": "gzip" } })
      ])
      assert.isUndefined(seen.error, String(seen.error))
      assert.deepStrictEqual(seen.contents, contents)
    }).pipe(Effect.provide(clients.fetch), byTurns))

  // Without sockets from here on: the time of retries goes by the test clock.
  const replayed = (script: ReplayServer.Script, options?: Partial<OpenAi.Options>) =>
    OpenAi.layer({ baseUrl: "http://replay.test/v1", apiKey: Redacted.make(key), ...options }).pipe(
      Layer.provideMerge(ReplayServer.layerHttpClient(script))
    )

  const busy = (status: number, headers: Readonly<Record<string, string>> = {}) =>
    ReplayServer.json({ error: { message: "Not now" } }, { status, headers })

  /** Milliseconds until each request, and how it ended. */
  const run = (script: ReplayServer.Script, options?: Partial<OpenAi.Options>) =>
    Effect.gen(function*() {
      const times: Array<number> = []
      const openai = yield* OpenAi.OpenAi
      const server = yield* ReplayServer.ReplayServer
      const start = yield* Clock.currentTimeMillis
      yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: 9 }, (_, i) => i),
        (i) =>
          Effect.flatMap(server.request(i), () =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              times.push(now - start)
            }))
      ))
      const fiber = yield* Effect.forkChild(ChunkStream.outcome(openai.stream({ model: "m", prompt: "x" })))
      for (let i = 0; i < 400 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("250 millis")
      const outcome = yield* Fiber.join(fiber)
      return { times, content: outcome.content, error: outcome.error }
    }).pipe(Effect.provide(replayed(script, options)))

  describe("are tried again", () => {
    const waits: Readonly<Record<string, readonly [headers: Readonly<Record<string, string>>, millis: number]>> = {
      "after `retry-after` in seconds": [{ "retry-after": "3" }, 3000],
      "after `retry-after` in fractions of a second": [{ "retry-after": "1.5" }, 1500],
      "after `retry-after-ms`": [{ "retry-after-ms": "1250", "retry-after": "9" }, 1250],
      "at once when `retry-after-ms` is 0": [{ "retry-after-ms": "0" }, 0],
      "after `retry-after` when `retry-after-ms` is 0 beside it": [{ "retry-after-ms": "0", "retry-after": "2" }, 2000],
      "after `retry-after` when `retry-after-ms` is no number": [{ "retry-after-ms": " ", "retry-after": "2" }, 2000],
      "at the date in `retry-after`": [{ "retry-after": new Date(7000).toUTCString() }, 7000],
      "at once when `retry-after` is a date in the past": [{ "retry-after": new Date(-7000).toUTCString() }, 0],
      "at once when `retry-after` is 0": [{ "retry-after": "0" }, 0]
    }
    for (const [when, [headers, millis]] of Object.entries(waits)) {
      it.effect(when, () =>
        Effect.gen(function*() {
          const { content, error, times } = yield* run([busy(429, headers), whole])
          assert.isUndefined(error)
          assert.strictEqual(content, "Hello, big world!")
          assert.deepStrictEqual(times, [0, millis])
        }))
    }

    it.effect("after a growing pause when the provider states none, and then given up", () =>
      Effect.gen(function*() {
        const { error, times } = yield* run([busy(503)])
        assert.strictEqual(error?.reason._tag, "ServerError")
        assert.isFalse(error?.emitted)
        const [first = -1, second = -1, third = -1, ...more] = times
        assert.isEmpty(more)
        assert.strictEqual(first, 0)
        // 0.5 s and 1 s less up to a quarter, seen by a clock that moves 250 ms at a time.
        assert.isTrue(second >= 375 && second <= 500, String(second))
        assert.isTrue(third - second >= 500 && third - second <= 1250, String(third))
      }))

    for (const status of [408, 409, 429, 500, 502, 503, 504, 529]) {
      it.effect(`with status ${status}`, () =>
        Effect.gen(function*() {
          assert.lengthOf((yield* run([busy(status, { "retry-after": "0" }), whole])).times, 2)
        }))
    }

    it.effect("when the provider says so", () =>
      Effect.gen(function*() {
        const { error, times } = yield* run([busy(400, { "x-should-retry": "true", "retry-after": "0" }), whole])
        assert.isUndefined(error)
        assert.lengthOf(times, 2)
      }))

    for (
      const [what, reply] of Object.entries({
        "a connection that broke": ReplayServer.stream(Wire.openai, chunks, {
          fault: { kind: "reset", after: { bytes: 3 } }
        }),
        "an error as the first event": ReplayServer.bytes(
          [Wire.comment("hi"), ...body("", failure({ message: "Overloaded", type: "overloaded_error" }))],
          sse
        ),
        "an empty stream": ReplayServer.bytes([], sse),
        "silence": { ...whole, fault: { kind: "hang" as const, after: { bytes: 3 } } }
      })
    ) {
      it.effect(`before the first chunk: ${what}`, () =>
        Effect.gen(function*() {
          const { content, error, times } = yield* run([reply, whole], { idleTimeout: "10 seconds" })
          assert.isUndefined(error)
          assert.lengthOf(times, 2)
          assert.strictEqual(content, "Hello, big world!")
        }))
    }
  })

  describe("are given out at once", () => {
    it.effect("when the provider asks for a longer pause than the policy allows", () =>
      Effect.gen(function*() {
        for (const headers of [{ "retry-after": "61" }, { "retry-after": new Date(100_000).toUTCString() }]) {
          const { error, times } = yield* run([busy(429, headers), whole])
          assert.strictEqual(error?.reason._tag, "RateLimited")
          assert.strictEqual(error?.status, 429)
          assert.isAbove(error?.retryAfter === undefined ? 0 : Duration.toSeconds(error.retryAfter), 60)
          assert.deepStrictEqual(times, [0])
        }
        const { times } = yield* run([busy(429, { "retry-after": "2" }), whole], { maxRetryDelay: "1 second" })
        assert.deepStrictEqual(times, [0])
      }))

    for (const status of [400, 401, 402, 403, 404, 413, 422]) {
      it.effect(`with status ${status}`, () =>
        Effect.gen(function*() {
          const { error, times } = yield* run([busy(status), whole])
          assert.strictEqual(error?.status, status)
          assert.strictEqual(error?.reason.message, "Not now")
          assert.deepStrictEqual(times, [0])
        }))
    }

    it.effect("when the provider says so", () =>
      Effect.gen(function*() {
        const { error, times } = yield* run([busy(500, { "x-should-retry": "false" }), whole])
        assert.strictEqual(error?.reason._tag, "ServerError")
        assert.isFalse(error?.isRetryable)
        assert.deepStrictEqual(times, [0])
      }))

    it.effect("when there are to be no retries", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* run([busy(429), whole], { maxRetries: 0 })).times, [0])
      }))

    for (
      const [what, reply] of Object.entries({
        "a connection that broke": ReplayServer.stream(Wire.openai, chunks, {
          fault: { kind: "reset", after: { events: 1 } }
        }),
        "an error in the stream": ReplayServer.bytes(
          body(...events.slice(0, 1), failure({ message: "Overloaded", type: "overloaded_error" })),
          sse
        ),
        "silence": { ...whole, fault: { kind: "hang" as const, after: { events: 1 } } },
        "a cut-off stream": { ...whole, fault: { kind: "end" as const, after: { events: 1 } } }
      })
    ) {
      it.effect(`after the first chunk: ${what}`, () =>
        Effect.gen(function*() {
          const { error, times } = yield* run([reply, whole], { idleTimeout: "10 seconds" })
          assert.isTrue(error?.emitted)
          assert.isTrue(error?.isRetryable)
          assert.deepStrictEqual(times, [0])
        }))
    }
  })

  it.effect("an interruption ends the pause before another attempt", () =>
    Effect.gen(function*() {
      const openai = yield* OpenAi.OpenAi
      const server = yield* ReplayServer.ReplayServer
      const fiber = yield* Effect.forkChild(Stream.runDrain(openai.stream({ model: "m", prompt: "x" })))
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(yield* server.requests, 1)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("10 minutes")
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(Effect.provide(replayed([busy(429, { "retry-after": "30" }), whole]))))

  describe("of the configuration are typed errors of the stream, and nothing is sent", () => {
    const wrong: Readonly<
      Record<string, readonly [options: OpenAi.Options, reason: ProviderError.Reason["_tag"], message: RegExp]>
    > = {
      "no key": [{}, "Authentication", /OPENAI_API_KEY/],
      "an empty key": [{ apiKey: Redacted.make(" ") }, "Authentication", /OPENAI_API_KEY/],
      "a key with a line break": [{ apiKey: Redacted.make(`${key}\nx`) }, "Authentication", /characters/],
      "a base URL that is none": [
        { apiKey: Redacted.make(key), baseUrl: "not a url" },
        "InvalidRequest",
        /base URL/
      ],
      "a base URL with a broken host": [
        { apiKey: Redacted.make(key), baseUrl: "http://[::1/" },
        "InvalidRequest",
        /base URL/
      ],
      "no model": [{ apiKey: Redacted.make(key) }, "InvalidRequest", /[Nn]o model/]
    }
    for (const [what, [options, reason, message]] of Object.entries(wrong)) {
      it.effect(what, () =>
        Effect.gen(function*() {
          const openai = yield* OpenAi.make(options)
          const server = yield* ReplayServer.ReplayServer
          const model = what === "no model" ? {} : { model: "m" }
          const exit = yield* Effect.exit(Stream.runDrain(openai.stream({ ...model, prompt: "x" })))
          const error = Exit.isFailure(exit) ? typed(exit.cause) : undefined
          assert.strictEqual(error?.reason._tag, reason)
          assert.match(error?.reason.message ?? "", message)
          assert.isFalse(error?.emitted)
          assert.isFalse(error?.isRetryable)
          assert.deepStrictEqual(yield* server.requests, [])
        }).pipe(Effect.provide(ReplayServer.layerHttpClient([whole]))))
    }

    it.effect("a missing environment variable", () =>
      Effect.gen(function*() {
        const openai = yield* OpenAi.OpenAi
        const error = yield* Effect.flip(Stream.runDrain(openai.stream({ model: "m", prompt: "x" })))
        assert.strictEqual(error.reason._tag, "Authentication")
      }).pipe(Effect.provide(
        OpenAi.layerConfig().pipe(
          Layer.provide(ReplayServer.layerHttpClient([whole])),
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
        )
      )))
  })

  it.live("no secret shows in a span, even where headers are recorded", () =>
    Effect.gen(function*() {
      const { spans, tracer } = Spans.recorder()
      yield* observe([busy(401)], { headers: { "x-gateway-key": Redacted.make(key), "x-tag": "visible" } }).pipe(
        Effect.withTracer(tracer),
        Effect.provideService(HttpClient.TracerHeaderFilter, () => true)
      )
      const rendered = inspect(spans.map(({ attributes, name, status }) => ({ attributes, name, status })), {
        depth: Infinity
      })
      assert.include(rendered, "x-gateway-key")
      assert.include(rendered, "visible")
      assert.notInclude(rendered, key)
    }).pipe(Effect.provide(clients.fetch), byTurns))

  it.live("no trace header reaches the provider unless asked for", () =>
    Effect.gen(function*() {
      const headers = (options: Partial<OpenAi.Options>) =>
        exchange(
          [whole],
          (stream, server) => Effect.andThen(Stream.runDrain(stream), Effect.map(server.request(0), (r) => r.headers)),
          options
        ).pipe(Effect.withSpan("parent"))
      const silent = yield* headers({})
      assert.isUndefined(silent["traceparent"])
      assert.isUndefined(silent["b3"])
      assert.isString((yield* headers({ propagateTrace: true }))["traceparent"])
    }).pipe(Effect.provide(clients.fetch), byTurns))

  it.live("leave no timer behind", () =>
    Effect.gen(function*() {
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const before = timers()
      yield* observe([whole])
      yield* observe([ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { events: 1 } } })])
      yield* exchange([{ ...whole, fault: { kind: "hang" } }], (stream) => Stream.runDrain(Stream.take(stream, 1)))
      assert.isAtMost(timers(), before)
    }).pipe(Effect.provide(clients.fetch), byTurns))

  it.live("leave no listener behind", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const listener = (warning: Error) => warnings.push(warning.name)
      process.on("warning", listener)
      yield* Effect.forEach(
        Array.from({ length: 30 }),
        () => observe([ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { events: 1 } } })]),
        { discard: true }
      )
      yield* Effect.sleep("10 millis")
      process.off("warning", listener)
      assert.notInclude(warnings, "MaxListenersExceededWarning")
    }).pipe(Effect.provide(clients.fetch), byTurns))
})
