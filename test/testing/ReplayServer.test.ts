import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"
import { byTurns } from "../support/clock.ts"

const events = Wire.encode(Wire.openai, Answer.openai(Answer.make({ content: "Hello, big world!" })))
const sse = { contentType: "text/event-stream" }

const post = Effect.fnUntraced(function*(path: string, body: unknown = {}) {
  const server = yield* ReplayServer.ReplayServer
  return yield* HttpClient.execute(
    HttpClientRequest.post(`${server.url}${path}`).pipe(
      HttpClientRequest.setHeaders({ authorization: "Bearer sk-1", "api-key": "k-2", "x-tag": "t" }),
      HttpClientRequest.bodyJsonUnsafe(body)
    )
  )
})

const readAll = (path: string) =>
  Effect.map(Effect.flatMap(post(path), ({ stream }) => Stream.runCollect(stream)), Wire.concat)

const platforms = {
  "over a socket": (script: ReplayServer.Script) =>
    Layer.merge(NodeReplayServer.layer(script), Layer.fresh(FetchHttpClient.layer)),
  "in memory": ReplayServer.layerHttpClient
}

describe("ReplayServer", () => {
  for (const [where, layer] of Object.entries(platforms)) {
    describe(where, () => {
      it.live("gives each request its reply, the last one again and again", () =>
        Effect.gen(function*() {
          const responses = yield* Effect.forEach(["/a", "/b", "/c"], (path) => post(path))
          assert.deepStrictEqual(responses.map(({ status }) => status), [429, 200, 200])
          assert.strictEqual(responses[0]?.headers["retry-after"], "1")
          assert.deepStrictEqual(yield* Effect.forEach(responses, ({ text }) => text), ["{\"a\":1}", "b", "b"])
          assert.deepStrictEqual(responses.map(({ headers }) => headers["content-type"]), [
            "application/json",
            "text/plain; charset=utf-8",
            "text/plain; charset=utf-8"
          ])
        }).pipe(Effect.provide(layer([
          ReplayServer.json({ a: 1 }, { status: 429, headers: { "retry-after": "1" } }),
          ReplayServer.text("b")
        ]))))

      it.live("answers by a function of the request", () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* Effect.flatMap(post("/a?b=c", { d: 1 }), ({ text }) => text), "/a?b=c 0 {\"d\":1}")
        }).pipe(
          Effect.provide(
            layer(({ body, path }, index) => ReplayServer.text(`${path} ${index} ${JSON.stringify(body)}`))
          )
        ))

      it.live("records requests, with keys redacted", () =>
        Effect.gen(function*() {
          const server = yield* ReplayServer.ReplayServer
          assert.deepStrictEqual(yield* server.requests, [])
          const waiting = yield* Effect.forkChild(server.request(1))
          yield* post("/v1/a", { model: "m" })
          yield* post("/v1/b?c=d", { model: "n" })
          const requests = yield* server.requests
          assert.deepStrictEqual(requests.map(({ body, method, path }) => [method, path, body]), [
            ["POST", "/v1/a", { model: "m" }],
            ["POST", "/v1/b?c=d", { model: "n" }]
          ])
          const headers = requests[0]?.headers ?? {}
          assert.strictEqual(headers["x-tag"], "t")
          assert.notInclude(JSON.stringify(headers), "sk-1")
          assert.notInclude(JSON.stringify(headers), "k-2")
          assert.isTrue(
            Redacted.isRedacted(headers["authorization"]) && Redacted.value(headers["authorization"]) === "Bearer sk-1"
          )
          assert.strictEqual(yield* Fiber.join(waiting), requests[1])
        }).pipe(Effect.provide(layer([ReplayServer.text("")]))))

      it.live("sends a body whole, whatever the reads", () =>
        Effect.gen(function*() {
          for (const path of ["/events", "/whole", "/bytes", "/seed"]) {
            assert.deepStrictEqual(yield* readAll(path), Wire.concat(events))
          }
          const server = yield* ReplayServer.ReplayServer
          for (const { closed } of yield* server.requests) {
            const { by, bytes } = yield* closed
            assert.deepStrictEqual([by, bytes], ["server", Wire.concat(events).length])
          }
        }).pipe(Effect.provide(layer(({ path }) => {
          const reads = new Map<string, Wire.Reads>([["/events", "events"], ["/whole", "whole"], ["/bytes", {
            bytes: 7
          }]])
          return ReplayServer.bytes(events, { ...sse, reads: reads.get(path) ?? { seed: 7 } })
        }))))

      it.live("sends the content type it is told to, or none", () =>
        Effect.gen(function*() {
          const types = yield* Effect.forEach(
            ["/format", "/other", "/none", "/bytes"],
            (path) => Effect.map(post(path), ({ headers }) => headers["content-type"])
          )
          assert.deepStrictEqual(types, ["text/event-stream", "text/html", undefined, undefined])
        }).pipe(Effect.provide(layer(({ path }) => {
          if (path === "/bytes") return ReplayServer.bytes(events)
          return ReplayServer.stream(Wire.openai, [], {
            ...(path === "/other" ? { contentType: "text/html" } : path === "/none" ? { contentType: null } : undefined)
          })
        }))))

      it.live("ends, breaks or holds a body where it is told to", () =>
        Effect.gen(function*() {
          const received = Effect.fnUntraced(function*(path: string) {
            const pieces: Array<Uint8Array> = []
            const exit = yield* Effect.flatMap(post(path), ({ stream }) =>
              Stream.runForEach(stream, (piece) => Effect.sync(() => pieces.push(piece)))).pipe(
                Effect.timeoutOption("1 second"),
                Effect.exit
              )
            return [
              Wire.concat(pieces).length,
              Exit.isFailure(exit) ? "failed" : exit.value._tag === "None" ? "hangs" : "ended"
            ]
          })
          const two = Wire.concat(events.slice(0, 2)).length
          assert.deepStrictEqual(yield* received("/end/events"), [two, "ended"])
          assert.deepStrictEqual(yield* received("/reset/events"), [two, "failed"])
          assert.deepStrictEqual(yield* received("/hang/events"), [two, "hangs"])
          assert.deepStrictEqual(yield* received("/end/bytes"), [100, "ended"])
          assert.deepStrictEqual(yield* received("/reset/bytes"), [100, "failed"])
          assert.deepStrictEqual(yield* received("/hang/all"), [Wire.concat(events).length, "hangs"])
          assert.deepStrictEqual(yield* received("/reset/nothing"), [0, "failed"])
          assert.deepStrictEqual(yield* received("/hang/nothing"), [0, "hangs"])
          const server = yield* ReplayServer.ReplayServer
          const closed = yield* Effect.forEach(yield* server.requests, ({ closed }) =>
            closed)
          assert.deepStrictEqual(closed.map(({ by }) => by), [
            "server",
            "server",
            "client",
            "server",
            "server",
            "client",
            "server",
            "client"
          ])
        }).pipe(
          Effect.provide(layer(({ path }) => {
            const kind = path.startsWith("/end") ? "end" : path.startsWith("/reset") ? "reset" : "hang"
            const after = path.endsWith("/events")
              ? { events: 2 }
              : path.endsWith("/bytes")
              ? { bytes: 100 }
              : path.endsWith("/nothing")
              ? { bytes: 0 }
              : undefined
            return ReplayServer.bytes(events, { ...sse, fault: { kind, after } })
          })),
          byTurns
        ))
    })
  }

  it.effect("paces by the clock", () =>
    Effect.gen(function*() {
      const reads: Array<Uint8Array> = []
      let status: number | undefined
      const fiber = yield* post("/").pipe(
        Effect.tap((response) =>
          Effect.sync(() => {
            status = response.status
          })
        ),
        Effect.flatMap(({ stream }) => Stream.runForEach(stream, (read) => Effect.sync(() => reads.push(read)))),
        Effect.forkChild
      )
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(status)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(status, 200)
      assert.lengthOf(reads, 1)
      yield* TestClock.adjust("2 seconds")
      assert.lengthOf(reads, 3)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(reads, events)
    }).pipe(Effect.provide(
      ReplayServer.layerHttpClient([ReplayServer.bytes(events, { ...sse, delay: "10 seconds", interval: "1 second" })])
    )))

  it.live("notices a client that leaves before the answer begins", () =>
    Effect.gen(function*() {
      const server = yield* ReplayServer.ReplayServer
      const fiber = yield* Effect.forkChild(post("/"))
      const { closed } = yield* server.request(0)
      yield* Fiber.interrupt(fiber)
      const { by, bytes } = yield* closed
      assert.deepStrictEqual([by, bytes], ["client", 0])
    }).pipe(Effect.provide(platforms["over a socket"]([ReplayServer.text("", { delay: "1 hour" })]))))

  it.live("stops with its scope, responses under way included", () =>
    Effect.gen(function*() {
      const request = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* NodeReplayServer.make([
          ReplayServer.bytes(events, { ...sse, fault: { kind: "hang" } }),
          ReplayServer.text("", { delay: "1 hour" })
        ])
        const ask = HttpClient.get(server.url).pipe(
          Effect.flatMap(({ stream }) => Stream.runDrain(stream)),
          Effect.forkDetach
        )
        yield* ask
        yield* ask
        yield* server.request(1)
        return yield* server.request(0)
      }))
      yield* request.closed
    }).pipe(Effect.provide(Layer.fresh(FetchHttpClient.layer))))
})
