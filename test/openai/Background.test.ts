/** Background responses over real sockets: cut off after every event, resumed, cancelled, given up. */
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Metric, Redacted, References, Schedule, type Scope, Stream } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { AzureResponses, ChunkStream, OpenAiResponses, type OpenAiResponsesChunk, Protocol } from "../../src/index.ts"
import { ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import * as Client from "../support/client.ts"
import { byTurns } from "../support/clock.ts"
import * as Host from "../support/host.ts"
import * as Spans from "../support/tracer.ts"

const clients = {
  fetch: Layer.fresh(FetchHttpClient.layer),
  undici: Layer.fresh(NodeHttpClient.layerUndici)
}

const on = (client: Layer.Layer<HttpClient.HttpClient>) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.provide(client), Effect.provideService(References.MinimumLogLevel, "Warn"))

const key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"
const apiKey = Redacted.make(key)

const request = {
  model: "gpt-5",
  prompt: "Say hello",
  options: { openaiResponses: { background: true, include: ["reasoning.encrypted_content"] } }
}

const response = { id: "resp_1", model: "gpt-5", status: "in_progress", background: true, output: [] }

const call = { type: "function_call", id: "fc_1", call_id: "call_1", name: "lookup" }

const whole = { type: "message", id: "msg_2", role: "assistant", content: [{ type: "output_text", text: "Bye." }] }

/** Texts in pieces and as a whole, a call, and an end that doesn't repeat the output. */
const events = [
  { type: "response.created", response: { ...response, status: "queued" } },
  { type: "response.in_progress", response },
  { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id: "rs_1", summary: [] } },
  { type: "response.reasoning_summary_text.delta", output_index: 0, item_id: "rs_1", summary_index: 0, delta: "Hm" },
  { type: "response.reasoning_summary_text.done", output_index: 0, item_id: "rs_1", summary_index: 0, text: "Hm" },
  { type: "keepalive" },
  { type: "response.output_item.added", output_index: 1, item: { type: "message", id: "msg_1", content: [] } },
  { type: "response.output_text.delta", output_index: 1, item_id: "msg_1", content_index: 0, delta: "Hello, " },
  { type: "response.output_text.delta", output_index: 1, item_id: "msg_1", content_index: 0, delta: "world!" },
  { type: "response.output_text.done", output_index: 1, item_id: "msg_1", content_index: 0, text: "Hello, world!" },
  { type: "response.output_item.added", output_index: 2, item: { ...call, arguments: "" } },
  { type: "response.function_call_arguments.done", output_index: 2, item_id: "fc_1", arguments: "{\"q\":1}" },
  { type: "response.output_item.done", output_index: 2, item: { ...call, arguments: "{\"q\":1}" } },
  { type: "response.output_item.done", output_index: 3, item: whole },
  {
    type: "response.completed",
    response: { ...response, status: "completed", usage: { input_tokens: 3, output_tokens: 7 } }
  }
].map((event, sequence_number) => ({ ...event, sequence_number }))

const body = events.map((event) => Wire.event({ event: event.type, data: JSON.stringify(event) }))

const startOf = (path: string): number => {
  const { searchParams } = new URL(path, "http://replay.test")
  return Number(searchParams.get("starting_after") ?? -1) + 1
}

/** Serves the events that a request asks for; `fault` is that of the request with this number. */
const serving = (fault: (index: number, start: number) => ReplayServer.Fault | undefined) =>
(
  request: ReplayServer.Request,
  index: number
): ReplayServer.Reply => {
  const start = request.method === "GET" ? startOf(request.path) : 0
  return ReplayServer.bytes(body.slice(start), { contentType: "text/event-stream", fault: fault(index, start) })
}

const cutAfter = (...counts: ReadonlyArray<number>) =>
  serving((index) =>
    counts[index] === undefined
      ? undefined
      : { kind: index % 2 === 0 ? "reset" : "end", after: { events: counts[index] } }
  )

const cutAfterFour = serving((_, start) => start > 0 ? undefined : { kind: "reset", after: { events: 4 } })

const soon = { schedule: Schedule.spaced("1 millis") }

const connect = Effect.fnUntraced(function*(
  script: ReplayServer.Script,
  options?: Partial<OpenAiResponses.Options>
) {
  const server = yield* NodeReplayServer.make(script)
  const openai = yield* OpenAiResponses.make({
    baseUrl: `${server.url}/v1?tenant=a`,
    apiKey,
    maxRetries: 0,
    ...options
  })
  return { server, openai }
})

/** The payloads that came, and what they amount to. */
const gather = Effect.fnUntraced(function*<R>(
  stream: Stream.Stream<OpenAiResponsesChunk, Parameters<typeof Host.told>[0] & object, R>
) {
  const payloads: Array<unknown> = []
  const { chunks: _, ...outcome } = yield* stream.pipe(
    Stream.tap(({ chunk }) => Effect.sync(() => payloads.push(chunk))),
    ChunkStream.outcome
  )
  return { payloads, outcome }
})

for (const [name, client] of Object.entries(clients)) {
  describe(`a background response, by ${name}`, () => {
    it.live("is the same however often its stream was cut off and resumed", () =>
      Effect.gen(function*() {
        const uncut = yield* connect(cutAfter())
        const expected = yield* gather(uncut.openai.stream(request))
        assert.deepStrictEqual(expected.payloads, events)
        assert.strictEqual(expected.outcome.content, "Hello, world!Bye.")
        assert.deepStrictEqual(expected.outcome.commonFinishReasons, ["tool_calls"])
        for (let first = 1; first < events.length; first++) {
          const { openai, server } = yield* connect(cutAfter(first, 1, 2))
          const seen = yield* gather(openai.resuming(soon).stream(request))
          assert.deepStrictEqual(seen, expected, `cut after ${first}`)
          const [, resumed] = yield* server.requests
          assert.strictEqual(resumed?.method, "GET")
          assert.strictEqual(
            resumed?.path,
            `/v1/responses/resp_1?tenant=a&stream=true&starting_after=${
              first - 1
            }&include%5B%5D=reasoning.encrypted_content`
          )
          assert.strictEqual(resumed?.body, "")
          assert.isTrue(Redacted.isRedacted(resumed?.headers["authorization"]))
        }
      }).pipe(on(client)))

    it.live("gives the rest of its chunks to whoever asks for them", () =>
      Effect.gen(function*() {
        const { openai } = yield* connect(cutAfter())
        for (let count = 0; count < events.length; count++) {
          const from = { id: "resp_1", ...(count === 0 ? {} : { startingAfter: count - 1 }) }
          const { outcome, payloads } = yield* gather(openai.resume(from))
          assert.isUndefined(outcome.error)
          assert.deepStrictEqual(payloads, events.slice(count))
        }
        // A text of which the pieces came before isn't given again when it ends.
        const { outcome } = yield* gather(openai.resume({ id: "resp_1", startingAfter: 8 }))
        assert.strictEqual(outcome.content, "")
      }).pipe(on(client)))

    it.live("closes its connection when its reader goes", () =>
      Effect.gen(function*() {
        const { openai, server } = yield* connect(
          serving((index) =>
            index === 0 ? { kind: "reset", after: { events: 3 } } : { kind: "hang", after: { events: 2 } }
          )
        )
        const fiber = yield* Effect.forkChild(Stream.runDrain(openai.resuming(soon).stream(request)))
        const resumed = yield* server.request(1)
        yield* Effect.sleep("20 millis")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* resumed.closed).by, "client")
      }).pipe(on(client)))

    it.live("can be cancelled", () =>
      Effect.gen(function*() {
        const { openai, server } = yield* connect([
          ReplayServer.json({ ...response, status: "cancelled" }),
          ReplayServer.json({ error: { message: "No such response", type: "invalid_request_error" } }, { status: 404 })
        ])
        const cancelled = yield* openai.cancel("resp_1")
        assert.deepStrictEqual([cancelled.id, cancelled.status], ["resp_1", "cancelled"])
        const error = yield* Effect.flip(openai.cancel("resp_1"))
        assert.strictEqual(error.reason._tag, "NotFound")
        const [sent] = yield* server.requests
        assert.deepStrictEqual([sent?.method, sent?.path], ["POST", "/v1/responses/resp_1/cancel?tenant=a"])
      }).pipe(on(client)))
  })
}

describe("OpenAiResponses.cancel", () => {
  const cancel = (...reads: ReadonlyArray<Uint8Array>) =>
    Effect.gen(function*() {
      const openai = yield* OpenAiResponses.make({ apiKey, maxRetries: 0 })
      return yield* openai.cancel("resp_1")
    }).pipe(Effect.provide(
      Client.make(() =>
        new Response(
          Stream.toReadableStream(Stream.tap(Stream.rechunk(Stream.fromIterable(reads), 1), () => Client.settle)),
          {
            headers: { "content-type": "application/json" }
          }
        )
      ).layer
    ))
  const utf8 = new TextEncoder()

  it.effect("reads a response wherever its body is cut", () =>
    Effect.gen(function*() {
      const stated = { ...response, status: "cancelled", metadata: { who: "Zoë 🙂" } }
      const body = utf8.encode(JSON.stringify(stated))
      for (let at = 0; at <= body.length; at++) {
        assert.deepStrictEqual<unknown>(yield* cancel(body.slice(0, at), body.slice(at)), stated, `cut at ${at}`)
      }
    }))

  it.effect("fails when the body ends within a character", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(cancel(utf8.encode(JSON.stringify(response)), Uint8Array.of(0xe2)))
      assert.strictEqual(error.reason._tag, "MalformedEvent")
    }))

  it.effect("reads a body as long as an event may be, and fails when it is longer", () =>
    Effect.gen(function*() {
      const body = utf8.encode(JSON.stringify(response))
      const padding = (size: number) => new Uint8Array(size).fill(0x20)
      const longest = [padding(Protocol.maxLineSize - body.length), body]
      assert.strictEqual((yield* cancel(...longest)).id, "resp_1")
      const error = yield* Effect.flip(cancel(...longest, padding(1)))
      assert.strictEqual(error.reason._tag, "MalformedEvent")
      assert.include(error.message, `longer than the limit of ${Protocol.maxLineSize} characters`)
    }))
})

describe("OpenAiResponses.resuming", () => {
  const live = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) => on(clients.undici)(effect)

  it.live("gives up after as many times as it is told, with all that came", () =>
    live(Effect.gen(function*() {
      for (const [times, schedule] of [[2, soon.schedule], [9, Schedule.recurs(2)]] as const) {
        const { openai, server } = yield* connect(serving(() => ({ kind: "end", after: { events: 2 } })))
        const { outcome, payloads } = yield* gather(openai.resuming({ times, schedule }).stream(request))
        assert.strictEqual(outcome.error?.reason._tag, "IncompleteStream")
        assert.isTrue(outcome.error?.emitted)
        assert.deepStrictEqual(payloads, events.slice(0, 6))
        assert.lengthOf(yield* server.requests, 3)
      }
    })))

  it.live("says that chunks came before, also where the last resuming broke before its first event", () =>
    live(Effect.gen(function*() {
      const { openai } = yield* connect(
        serving((index) => ({ kind: "reset", after: { events: index === 0 ? 4 : 0 } }))
      )
      const { outcome } = yield* gather(openai.resuming({ times: 1, ...soon }).stream(request))
      assert.strictEqual(outcome.error?.reason._tag, "Network")
      assert.isTrue(outcome.error?.emitted)
    })))

  it.live("goes on when the provider falls silent, or when a resuming breaks before its first event", () =>
    live(Effect.gen(function*() {
      const faults: ReadonlyArray<ReplayServer.Fault> = [
        { kind: "hang", after: { events: 4 } },
        { kind: "reset", after: { bytes: 0 } },
        { kind: "end", after: { bytes: 20 } }
      ]
      const { openai, server } = yield* connect(serving((index) => faults[index]), { idleTimeout: "100 millis" })
      const { outcome, payloads } = yield* gather(openai.resuming(soon).stream(request))
      assert.isUndefined(outcome.error)
      assert.deepStrictEqual(payloads, events)
      const starts = (yield* server.requests).slice(1).map(({ path }) => startOf(path))
      assert.deepStrictEqual(starts, [4, 4, 4])
    })).pipe(byTurns))

  it.live("resumes what was resumed by hand", () =>
    live(Effect.gen(function*() {
      const { openai } = yield* connect(cutAfter(2, 3))
      const { outcome, payloads } = yield* gather(openai.resuming(soon).resume({ id: "resp_1", startingAfter: 3 }))
      assert.isUndefined(outcome.error)
      assert.deepStrictEqual(payloads, events.slice(4))
    })))

  it.live("fails with what cut it off, when what fails is the resuming", () =>
    live(Effect.gen(function*() {
      const { openai, server } = yield* connect((request, index) =>
        request.method === "GET"
          ? ReplayServer.json({ error: { message: `Gone, ${key}` } }, { status: 404 })
          : cutAfterFour(request, index)
      )
      const { outcome, payloads } = yield* gather(openai.resuming(soon).stream(request))
      assert.strictEqual(outcome.error?.reason._tag, "Network")
      assert.isTrue(outcome.error?.emitted)
      assert.lengthOf(payloads, 4)
      assert.lengthOf(yield* server.requests, 2)
    })))

  it.live("fails with what cut it off, when the server's numbers are none", () =>
    live(Effect.gen(function*() {
      for (const number of [-1, 0.5, 1e308]) {
        const numbered = Wire.event({
          data: JSON.stringify({
            type: "response.created",
            sequence_number: number,
            response: { id: "resp_1", background: true }
          })
        })
        const { openai, server } = yield* connect(() =>
          ReplayServer.bytes([numbered], {
            contentType: "text/event-stream",
            fault: { kind: "end", after: { events: 1 } }
          })
        )
        const { outcome } = yield* gather(openai.resuming(soon).stream(request))
        assert.include(["IncompleteStream", "MalformedEvent"], outcome.error?.reason._tag)
        assert.lengthOf(yield* server.requests, 1)
      }
    })))

  it.effect("refuses a number of times that is none, by name", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<object> = [Number.NaN, -1, 0.5, "5", null].map((times) => ({ times }))
      for (const options of wrong) {
        const client = Client.make(() => new Response(""))
        const openai = yield* Effect.provide(OpenAiResponses.make({ apiKey }), client.layer)
        const resuming = openai.resuming(options)
        for (const stream of [resuming.stream(request), resuming.resume({ id: "resp_1" })]) {
          const error = yield* Effect.flip(Stream.runDrain(stream))
          assert.strictEqual(error.reason._tag, "InvalidRequest")
          assert.include(error.message, "`times`")
        }
        assert.lengthOf(client.sent, 0)
      }
    }))

  it.live("leaves what is no cut-off alone", () =>
    live(Effect.gen(function*() {
      const malformed = ReplayServer.bytes([...body.slice(0, 3), Wire.event({ data: "{" })], {
        contentType: "text/event-stream"
      })
      const { openai, server } = yield* connect([malformed])
      const { outcome } = yield* gather(openai.resuming(soon).stream(request))
      assert.strictEqual(outcome.error?.reason._tag, "MalformedEvent")
      assert.lengthOf(yield* server.requests, 1)
    })))

  it.live("takes no event twice from a host that begins again", () =>
    live(Effect.gen(function*() {
      const { openai } = yield* connect((request, index) =>
        request.method === "GET"
          ? ReplayServer.bytes(body, { contentType: "text/event-stream" })
          : cutAfterFour(request, index)
      )
      const { outcome, payloads } = yield* gather(openai.resuming(soon).stream(request))
      assert.strictEqual(outcome.error?.reason._tag, "MalformedEvent")
      assert.deepStrictEqual(payloads, events.slice(0, 4))
    })))

  it.live("tells of each time in the log and in the span", () =>
    live(Effect.gen(function*() {
      const lines: Array<unknown> = []
      const { spans, tracer } = Spans.recorder()
      const { openai } = yield* connect(cutAfter(4, 2))
      yield* Stream.runDrain(openai.resuming(soon).stream(request)).pipe(
        Effect.withSpan("chat"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(message))])),
        Effect.withTracer(tracer),
        Effect.provideService(References.MinimumLogLevel, "Info")
      )
      assert.lengthOf(lines, 2)
      assert.match(String(lines[0]), /^openai: Network after event 3, resume 1 in 1 ms$/)
      assert.match(String(lines[1]), /^openai: IncompleteStream after event 5, resume 2 in 1 ms$/)
      const resumes = spans.find(({ name }) => name === "chat")?.events.filter(([name]) => name === "llm_stream.resume")
      assert.deepStrictEqual(resumes?.map(([, , attributes]) => attributes?.["llm_stream.starting_after"]), [3, 5])
      const counted = (yield* Metric.snapshot).filter(({ id }) => id === "llm_stream_resumes")
      assert.includeDeepMembers(counted.map(({ attributes }) => attributes), [
        { provider: "openai", reason: "Network" },
        { provider: "openai", reason: "IncompleteStream" }
      ])
    })))

  it.live("holds the total timeout over all of its requests", () =>
    live(Effect.gen(function*() {
      const { openai, server } = yield* connect(serving(() => ({ kind: "end", after: { events: 1 } })), {
        totalTimeout: "200 millis"
      })
      const { outcome } = yield* gather(
        openai.resuming({ times: 1000, schedule: Schedule.spaced("60 millis") }).stream(request)
      )
      const reason = outcome.error?.reason
      assert.strictEqual(reason?._tag === "Timeout" ? reason.kind : reason?._tag, "total")
      assert.isBelow((yield* server.requests).length, 6)
    })).pipe(byTurns))

  it.effect("refuses, before it sends, a request that asks for no background response", () =>
    Effect.gen(function*() {
      const client = Client.make(() => new Response())
      const openai = yield* OpenAiResponses.make({ apiKey }).pipe(Effect.provide(client.layer))
      for (const options of [{}, { openaiResponses: { background: false } }]) {
        const error = yield* Effect.flip(
          Stream.runDrain(openai.resuming().stream({ model: "gpt-5", prompt: "Hello", options }))
        )
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.include(error.message, "background: true")
      }
      const unnumbered = [
        { id: "" },
        { id: ".." },
        { id: "resp_1", startingAfter: -1 },
        { id: "resp_1", startingAfter: Number.NaN }
      ]
      for (const from of unnumbered) {
        const error = yield* Effect.flip(Stream.runDrain(openai.resume(from)))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
      }
      assert.lengthOf(client.sent, 0)
    }))

  it.live("is not what a stream does by itself", () =>
    live(Effect.gen(function*() {
      const { openai, server } = yield* connect(cutAfter(4), { maxRetries: 3 })
      const { outcome } = yield* gather(openai.stream(request))
      assert.strictEqual(outcome.error?.reason._tag, "Network")
      assert.lengthOf(yield* server.requests, 1)
    })))
})

describe("AzureResponses.resume", () => {
  it.effect("goes to the same resource, with its version and its key", () =>
    Effect.gen(function*() {
      const client = Client.make(() =>
        new Response(Host.sse(...events.slice(3)), { headers: { "content-type": "text/event-stream" } })
      )
      const azure = yield* AzureResponses.make({
        endpoint: "https://mine.openai.azure.com",
        apiKey,
        apiVersion: "2025-04-01-preview",
        deployment: "mine"
      }).pipe(Effect.provide(client.layer))
      const chunks = yield* Stream.runCollect(azure.resume({ id: "resp_1", startingAfter: 2 }))
      assert.lengthOf(chunks, events.length - 3)
      assert.strictEqual(chunks[0]?.requestedModel, "mine")
      const [sent] = client.sent
      assert.strictEqual(sent?.request.method, "GET")
      assert.strictEqual(
        sent?.url,
        "https://mine.openai.azure.com/openai/responses/resp_1?api-version=2025-04-01-preview&stream=true&starting_after=2"
      )
      assert.strictEqual(sent?.headers["api-key"], key)
      assert.notInclude(JSON.stringify(sent?.shown), key)
      assert.isUndefined(sent?.headers["content-type"])
    }))
})
