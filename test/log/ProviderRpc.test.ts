import { NodeHttpServer, NodeSocket } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { RpcClient, RpcSerialization, RpcServer } from "effect/rpc"
import { createServer } from "node:http"
import * as Net from "node:net"
import { ChunkStream, OpenAi, Provider, ProviderError } from "../../src/index.ts"
import * as ProviderRpc from "../../src/log/ProviderRpc.ts"
import { Answer, ReplayServer, Wire } from "../../src/testing.ts"
import * as NodeReplayServer from "../../src/testing/NodeReplayServer.ts"

const content = Array.from({ length: 50 }, (_, index) => `word ${index}, `).join("")

const reply = (options?: ReplayServer.ReplyOptions) =>
  ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content })), options)

const secret = "sk-secret-0123456789"
const protocols = ["http", "websocket"] as const

/** Passes bytes on, and keeps them; `cut` ends all connections. */
const tapped = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<
        { readonly port: number; readonly bytes: () => string; readonly cut: () => void; readonly close: () => void }
      >(
        (resolve) => {
          const kept: Array<Buffer> = []
          const sockets = new Set<Net.Socket>()
          const server = Net.createServer((client) => {
            const upstream = Net.connect(port, "127.0.0.1")
            for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
              sockets.add(from)
              from.on("error", () => {})
              from.on("close", () => to.destroy())
              from.on("data", (data) => {
                kept.push(data)
                to.write(data)
              })
            }
          })
          const cut = () => {
            for (const socket of sockets) socket.destroy()
          }
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resolve({
              port: typeof address === "object" && address !== null ? address.port : 0,
              bytes: () => Buffer.concat(kept).toString("latin1"),
              cut,
              close: () => {
                cut()
                server.close()
              }
            })
          })
        }
      )
    ),
    ({ close }) => Effect.sync(close)
  )

/** The provider of a replay server, served and asked for over a protocol. */
const served = Effect.fnUntraced(function*(protocol: typeof protocols[number], script: ReplayServer.Script) {
  const replay = yield* NodeReplayServer.make(script)
  const node = createServer()
  const direct = OpenAi.layer({ apiKey: Redacted.make(secret), baseUrl: `${replay.url}/v1`, model: "gpt-4o-mini" })
    .pipe(
      Layer.provide(FetchHttpClient.layer)
    )
  const context = yield* Layer.build(
    HttpRouter.serve(
      RpcServer.layerHttp({ group: ProviderRpc.group, path: "/provider", protocol }).pipe(
        Layer.provide([ProviderRpc.handlers, RpcSerialization.layerNdjson])
      ),
      { disableLogger: true, disableListenLog: true }
    ).pipe(
      Layer.provide(direct),
      Layer.provideMerge(NodeHttpServer.layer(() => node, {
        host: "127.0.0.1",
        port: 0,
        gracefulShutdownTimeout: "10 millis"
      }))
    )
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
  const tap = yield* tapped(Number(new URL(HttpServer.formatAddress(address)).port))
  const transport = protocol === "http"
    ? RpcClient.layerProtocolHttp({ url: `http://127.0.0.1:${tap.port}/provider` }).pipe(
      Layer.provide(FetchHttpClient.layer)
    )
    : RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerWebSocket(`ws://127.0.0.1:${tap.port}/provider`))
    )
  const client = yield* Layer.build(
    ProviderRpc.layer().pipe(Layer.provide(transport), Layer.provide(RpcSerialization.layerNdjson))
  )
  return {
    replay,
    tap,
    direct: yield* Effect.provide(Provider.Provider, direct),
    provider: yield* Effect.provide(Provider.Provider, client)
  }
})

const request = { prompt: "Say hello", temperature: 0.5 }

describe.each(protocols)("ProviderRpc over %s", (protocol) => {
  it.live("streams the chunks of the server's provider, and its key never leaves the server", () =>
    Effect.gen(function*() {
      const { direct, provider, replay, tap } = yield* served(protocol, [reply()])
      const chunks = yield* Stream.runCollect(provider.stream(request))
      assert.deepStrictEqual(chunks, yield* Stream.runCollect(direct.stream(request)))
      const [first, second] = yield* replay.requests
      assert.deepStrictEqual(first?.body, second?.body)
      assert.include(tap.bytes(), "OpenAiChunk")
      assert.notInclude(tap.bytes(), secret)
    }))

  it.live("fails as the server's provider does, after all that came", () =>
    Effect.gen(function*() {
      const { provider } = yield* served(protocol, [
        reply({ fault: { kind: "end", after: { events: 10 } } }),
        ReplayServer.json({ error: { message: "slow down", code: "rate_limited" } }, { status: 400 })
      ])
      const { content: text, error } = yield* ChunkStream.outcome(provider.stream(request))
      assert.strictEqual(error?.reason._tag, "IncompleteStream")
      assert.isTrue(error?.emitted)
      assert.isTrue(content.startsWith(text) && text.length > 0)
      const refused = yield* Effect.flip(Stream.runDrain(provider.stream(request)))
      assert.deepInclude(refused, { provider: "openai", emitted: false })
      assert.strictEqual(refused.status, 400)
    }))

  it.live("says why it can't reach the server", () =>
    Effect.gen(function*() {
      const { provider, tap } = yield* served(protocol, [reply()])
      tap.close()
      const error = yield* Effect.flip(Stream.runDrain(provider.stream(request)))
      assert(ProviderError.isProviderError(error))
      assert.strictEqual(error.reason._tag, "Network")
      assert.match(error.message, protocol === "http" ? /ECONNREFUSED/ : /Network: ./)
    }))

  it.live("fails as Network when the connection is lost, and closes the provider's when the client leaves", () =>
    Effect.gen(function*() {
      const hang = reply({ interval: "1 millis", fault: { kind: "hang", after: { events: 10 } } })
      const { provider, replay, tap } = yield* served(protocol, [hang])
      const error = yield* provider.stream(request).pipe(
        Stream.tap(() => Effect.sync(tap.cut)),
        Stream.runDrain,
        Effect.flip
      )
      assert.deepInclude(error, { provider: "rpc", emitted: true })
      assert.strictEqual(error.reason._tag, "Network")
      const cut = yield* replay.request(0)
      assert.strictEqual((yield* cut.closed).by, "client")
      yield* provider.stream(request).pipe(
        Stream.take(1),
        Stream.runDrain,
        Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 100 })
      )
      const requests = yield* replay.requests
      const left = yield* replay.request(requests.length - 1)
      assert.strictEqual((yield* left.closed).by, "client")
    }))
})
