import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  HttpClientResponse,
  HttpRouter,
  HttpServer,
  HttpServerResponse
} from "effect/http"
import { createServer } from "node:http"
import * as Net from "node:net"
import { ChunkStream, OpenAi } from "../../src/index.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as StreamLogClient from "../../src/log/StreamLogClient.ts"
import * as StreamLogHttp from "../../src/log/StreamLogHttp.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"

const content = Array.from({ length: 200 }, (_, index) => `word ${index}, `).join("")

const reply = (options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(
    Wire.openai,
    Answer.openai(Answer.make({ content, usage: { inputTokens: 3, outputTokens: 200 } })),
    options
  )

/** A store whose clock can be put forward, and that can be away. */
const movable = Effect.map(Store.memory, (store) => {
  const state = { ahead: 0, isAway: false }
  const there = <A>(effect: Effect.Effect<A, Store.StoreError>): Effect.Effect<A, Store.StoreError> =>
    Effect.suspend(() =>
      state.isAway ? Effect.fail(new Store.StoreError({ reason: "Unavailable", message: "away" })) : effect
    )
  const service: Store.Service = {
    hints: store.hints,
    transact: (keys, transition) => there(store.transact(keys, (texts, now) => transition(texts, now + state.ahead))),
    scan: (prefix) => Stream.unwrap(there(Effect.succeed(store.scan(prefix))))
  }
  return { service, state }
})

/** A server on a free port of the loopback interface, whose answers come from a replay server. */
const serve = Effect.fnUntraced(function*(script: ReplayServer.Script) {
  const provider = yield* NodeReplayServer.make(script)
  const node = createServer()
  const { service, state } = yield* movable
  const log = StreamLog.layer({ timeToLive: "1 hour", patience: "50 millis" }).pipe(
    Layer.provide([
      Layer.succeed(Store.Store, service),
      OpenAi.layer({ apiKey: Redacted.make("key"), baseUrl: `${provider.url}/v1`, model: "gpt-4o-mini" })
    ]),
    Layer.provide(FetchHttpClient.layer)
  )
  const routes = StreamLogHttp.layer({
    authorize: ({ headers }) =>
      headers["x-user"] === "nobody"
        ? Effect.fail(HttpServerResponse.empty({ status: 401 }))
        : Effect.succeed(headers["x-user"] ?? "ada")
  })
  const context = yield* Layer.build(
    HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(log),
      Layer.provideMerge(NodeHttpServer.layer(() => node, { host: "127.0.0.1", port: 0 }))
    )
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
  return { provider, state, url: HttpServer.formatAddress(address) }
})

/** Passes bytes on, and ends each connection after so many of those that come back. */
const cutting = (url: string, bytes: number) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<{ readonly url: string; readonly cuts: () => number; readonly close: () => void }>((resolve) => {
        let cuts = 0
        const sockets = new Set<Net.Socket>()
        const server = Net.createServer((client) => {
          const upstream = Net.connect(Number(new URL(url).port), "127.0.0.1")
          let left = bytes
          for (const socket of [client, upstream]) {
            sockets.add(socket)
            socket.on("error", () => {})
            socket.on("close", () => {
              client.destroy()
              upstream.destroy()
            })
          }
          client.pipe(upstream)
          upstream.on("data", (data) => {
            client.write(data.subarray(0, left))
            left -= data.length
            if (left <= 0) {
              cuts += 1
              client.end()
              upstream.destroy()
            }
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resolve({
            url: `http://127.0.0.1:${port}`,
            cuts: () => cuts,
            close: () => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }
          })
        })
      })
    ),
    ({ close }) => Effect.sync(close)
  )

const request = { prompt: "Say hello" }

const send = (url: string, options: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, options)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
  })

const post = (url: string, body: unknown = request, headers: Record<string, string> = {}) =>
  send(url, { method: "POST", body: JSON.stringify(body), headers })

describe("StreamLogHttp", () => {
  it.live("streams an answer, and gives it again from anywhere", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([reply()])
      const first = yield* post(`${url}/answers/a1`)
      assert.strictEqual(first.status, 201)
      assert.deepInclude(Object.fromEntries(first.headers), {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        location: "/answers/a1"
      })
      const again = yield* post(`${url}/answers/a1`)
      assert.strictEqual(again.status, 200)
      const [, , id = ""] = again.text.split("\n")
      const { offset, text } = (yield* send(`${url}/answers/a1/snapshot`)).json()
      assert.strictEqual(text, content)
      assert.strictEqual(id, `id: ${offset}`)
      const rest = yield* send(`${url}/answers/a1`, { headers: { "last-event-id": offset } })
      assert.match(rest.text, /^retry: \d+\n\nevent: end\nid: \w+-end\ndata: \{"_tag":"Done".*\n\n$/)
      const epoch = offset.split("-")[0]
      assert.strictEqual((yield* send(`${url}/answers/a1?from=${epoch}-end`)).status, 204)
      assert.strictEqual((yield* send(`${url}/answers/a1`, { method: "DELETE" })).json().end._tag, "Done")
      const rows = (yield* send(`${url}/ledger?id=a1`)).json()
      assert.strictEqual(rows.length, 1)
      assert.deepInclude(rows[0], { id: "a1", end: "Done", unstated: false })
      assert.strictEqual((yield* provider.requests).length, 1)
    }))

  it.live("refuses what it can't do, as JSON, and begins nothing", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([reply()])
      yield* post(`${url}/answers/a1`)
      const other = { "x-user": "grace" }
      const asked: ReadonlyArray<
        readonly [status: number, tag: string, path: string, options?: RequestInit]
      > = [
        [404, "NotFound", "/answers/a2"],
        [404, "NotFound", "/answers/a2/snapshot"],
        [404, "NotFound", "/answers/a2", { method: "DELETE" }],
        [404, "NotFound", "/answers/a2/stop", { method: "POST" }],
        [404, "NotFound", "/answers/a1", { headers: other }],
        [404, "NotFound", "/answers/a1/snapshot", { headers: other }],
        [404, "NotFound", "/answers/a1", { method: "DELETE", headers: other }],
        [404, "NotFound", "/answers/a1/stop", { method: "POST", headers: other }],
        [404, "NotFound", "/answers/a1", { method: "POST", headers: other, body: JSON.stringify(request) }],
        [409, "Conflict", "/answers/a1", { method: "POST", body: JSON.stringify({ prompt: "Say bye" }) }],
        ...["a/b", "a\n", "{}", "a b", "\0", "é", "x".repeat(129)].map(encodeURIComponent).flatMap((id) => [
          [400, "BadId", `/answers/${id}`] as const,
          [400, "BadId", `/answers/${id}/snapshot`] as const,
          [400, "BadId", `/answers/${id}`, { method: "POST", body: JSON.stringify(request) }] as const
        ]),
        ...["{", "[]", "null", "\"text\"", "{}", { promt: "" }, { prompt: 5 }, { prompt: "", maxTokens: "5" }].map((
          body
        ) =>
          [400, "InvalidRequest", "/answers/a3", {
            method: "POST",
            body: typeof body === "string" ? body : JSON.stringify(body)
          }] as const
        ),
        [404, "NotFound", "/answers/a3"],
        ...["-1", "1e9", "0x1", "1.5", "", "abc", "epoch-"].map((from) =>
          [400, "BadOffset", `/answers/a1?from=${from}`] as const
        ),
        ...["5", "epoch-1, epoch-2", "epoch-1-2", "-end", "end"].map((id) =>
          [400, "BadOffset", "/answers/a1", { headers: { "last-event-id": id } }] as const
        ),
        [409, "Gap", "/answers/a1?from=other-1"],
        [409, "Gap", "/answers/a1?from=100000"],
        [409, "Gap", "/answers/a1", { headers: { "last-event-id": "other-end" } }]
      ]
      for (const [status, tag, path, options] of asked) {
        const answer = yield* send(`${url}${path}`, options)
        const { error } = answer.json()
        assert.deepStrictEqual([answer.status, error._tag], [status, tag], path)
        assert.isNotEmpty(error.message, path)
      }
      assert.strictEqual((yield* send(`${url}/answers/a1`, { headers: { "x-user": "nobody" } })).status, 401)
      assert.strictEqual((yield* provider.requests).length, 1)
    }))

  const routes: ReadonlyArray<readonly [path: string, options?: RequestInit]> = [
    ["/answers/a1"],
    ["/answers/a1?from=0"],
    ["/answers/a1/snapshot"],
    ["/answers/a1", { method: "DELETE" }],
    ["/answers/a1/stop", { method: "POST" }],
    ["/answers/a1", { method: "POST", body: JSON.stringify(request) }]
  ]

  it.live("tells on each route of an expired answer how it ended, and asks nobody again", () =>
    Effect.gen(function*() {
      const { provider, state, url } = yield* serve([reply()])
      yield* post(`${url}/answers/a1`)
      state.ahead = 2 * 3_600_000
      for (const [path, options] of routes) {
        const { json, status } = yield* send(`${url}${path}`, options)
        const { end, error } = json()
        assert.deepStrictEqual([status, error._tag, end._tag], [410, "Expired", "Done"], path)
      }
      const rows = (yield* send(`${url}/ledger?id=a1`)).json()
      assert.deepStrictEqual(rows.map(({ end }: { readonly end: string }) => end), ["Done"])
      assert.strictEqual((yield* provider.requests).length, 1)
    }))

  it.live("answers 503 while the store is away, and goes on when it is back", () =>
    Effect.gen(function*() {
      const { provider, state, url } = yield* serve([reply(), reply()])
      yield* post(`${url}/answers/a1`)
      state.isAway = true
      const asked = [...routes, ["/answers/a2", { method: "POST", body: JSON.stringify(request) }], [
        "/ledger"
      ]] as const
      for (const [path, options] of asked) {
        const { headers, json, status } = yield* send(`${url}${path}`, options)
        assert.deepStrictEqual([status, json().error._tag], [503, "StoreUnavailable"], path)
        assert.match(headers.get("retry-after") ?? "", /^\d+$/)
      }
      assert.strictEqual((yield* provider.requests).length, 1)
      state.isAway = false
      assert.strictEqual((yield* post(`${url}/answers/a1`)).status, 200)
      assert.strictEqual((yield* post(`${url}/answers/a2`)).status, 201)
      assert.strictEqual((yield* provider.requests).length, 2)
    }))
})

describe("StreamLogClient", () => {
  it.live("reads every chunk once, whatever becomes of its connections, also of those too short for a page", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([reply()])
      for (const [id, bytes] of [["a1", 3000], ["a2", 20_000]] as const) {
        const proxy = yield* cutting(url, bytes)
        const text = yield* StreamLogClient.follow(`${proxy.url}/answers/${id}`, { request }).pipe(
          Stream.flatMap((received) => Stream.fromIterable(received._tag === "Chunks" ? received.chunks : [])),
          ChunkStream.text,
          Stream.mkString
        )
        assert.strictEqual(text, content)
        assert.isAbove(proxy.cuts(), 1)
      }
      assert.strictEqual((yield* provider.requests).length, 2)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.live("reads an answer that is over before anything of it has come through", () =>
    Effect.gen(function*() {
      const { url } = yield* serve([reply()])
      yield* Stream.runDrain(StreamLogClient.follow(`${url}/answers/a1`, { request }))
      // The rest of it is one page, which is too long for the connection.
      const proxy = yield* cutting(url, 3000)
      const text = yield* StreamLogClient.follow(`${proxy.url}/answers/a1`, { request }).pipe(
        Stream.flatMap((received) => Stream.fromIterable(received._tag === "Chunks" ? received.chunks : [])),
        ChunkStream.text,
        Stream.mkString
      )
      assert.strictEqual(text, content)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.live("is a provider, with the provider's errors", () =>
    Effect.gen(function*() {
      const { url } = yield* serve([
        reply(),
        ReplayServer.json({ error: { message: "slow down", code: "rate_limited" } }, { status: 429 })
      ])
      const provider = yield* StreamLogClient.make({ url: `${url}/answers` })
      const response = yield* ChunkStream.response(provider.stream(request))
      assert.strictEqual(response.content, content)
      const error = yield* Effect.flip(ChunkStream.response(provider.stream(request)))
      assert.strictEqual(error.reason._tag, "RateLimited")
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.effect("puts the id of an answer before the query of the address", () =>
    Effect.gen(function*() {
      let asked = ""
      const client = HttpClient.make((request, { href }) => {
        asked = href
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 404 })))
      })
      const { stream } = yield* StreamLogClient.make({ url: "https://logs.example/answers?tenant=a" }).pipe(
        Effect.provideService(HttpClient.HttpClient, client)
      )
      yield* Effect.flip(Stream.runDrain(stream(request)))
      assert.match(asked, /^https:\/\/logs\.example\/answers\/[\w-]+\?tenant=a$/)
    }))

  it.live("tells what was refused, and what was stopped", () =>
    Effect.gen(function*() {
      const { provider, url } = yield* serve([reply({ interval: "1 millis", fault: { kind: "hang" } })])
      const refused = yield* Effect.flip(Stream.runDrain(StreamLogClient.follow(`${url}/answers/nothing`)))
      assert.deepInclude(refused, { reason: "Refused", status: 404, code: "NotFound" })
      const ends = yield* StreamLogClient.follow(`${url}/answers/a1`, { request }).pipe(
        Stream.tap((received) =>
          received._tag === "Chunks" ? Effect.asVoid(StreamLogClient.cancel(`${url}/answers/a1`)) : Effect.void
        ),
        Stream.runLast
      )
      assert.deepStrictEqual(ends, Option.some({ _tag: "Ended", end: { _tag: "Cancelled" } } as const))
      const { closed } = yield* provider.request(0)
      assert.strictEqual((yield* closed).by, "client")
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
