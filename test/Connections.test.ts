import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer, type ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import { drain } from "../src/engine/responseBody.ts"
import { OpenAi } from "../src/index.ts"
import { byTurns } from "./support/clock.ts"
import { delta, done, finish, sse } from "./support/host.ts"

const clients = {
  fetch: Layer.fresh(FetchHttpClient.layer),
  undici: Layer.fresh(NodeHttpClient.layerUndici),
  // Without the option its agents close every connection.
  "node:http": Layer.fresh(
    NodeHttpClient.layerNodeHttpNoAgent.pipe(Layer.provide(NodeHttpClient.layerAgentOptions({ keepAlive: true })))
  )
}

const answer = sse(delta({ content: "Hello" }), finish("stop"), done)

/** A server that counts its connections. */
const serve = (reply: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let connections = 0
      const server = createServer((request, response) => {
        request.resume().on("end", () => reply(response))
      })
      server.on("connection", () => connections++)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, url: `http://127.0.0.1:${port}`, connections: () => connections }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      })
  )

/** Timers of this length don't run, as long as the scope lasts. */
const heldTimers = (milliseconds: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { setTimeout } = globalThis
      return vi.spyOn(globalThis, "setTimeout").mockImplementation((f, ms) =>
        setTimeout(ms === milliseconds ? () => {} : f, ms)
      )
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

const openAi = (baseUrl: string, options?: Partial<OpenAi.Options>) =>
  OpenAi.make({ baseUrl, apiKey: Redacted.make("sk-connections"), maxRetries: 0, ...options })

const ask = { model: "gpt-4o-mini", prompt: "Say hello" }

for (const [name, client] of Object.entries(clients)) {
  describe(`connections, with ${name}`, () => {
    for (const [when, isLater] of [["with", false], ["after", true]] as const) {
      it.live(`are used again when the body ends ${when} its terminal signal`, () =>
        Effect.gen(function*() {
          let end = () => {}
          const { connections, url } = yield* serve((response) => {
            response.writeHead(200, { "content-type": "text/event-stream" })
            response.write(answer)
            end = () => void response.end(": bye\n\n")
            if (!isLater) end()
          })
          const { stream } = yield* openAi(url)
          for (let i = 0; i < 50; i++) {
            yield* Stream.runDrain(stream(ask))
            if (isLater) end()
          }
          // One that is not free within `drain.time` is given up: on a busy machine that may happen.
          assert.isBelow(connections(), 25)
        }).pipe(Effect.provide(client)))
    }

    it.live("are used again after an error", () =>
      Effect.gen(function*() {
        const { connections, url } = yield* serve((response) => {
          response.writeHead(429, { "content-type": "application/json" })
          response.end("{\"error\":{\"message\":\"slow down\"}}")
        })
        const { stream } = yield* openAi(url)
        for (let i = 0; i < 10; i++) {
          const error = yield* Effect.flip(Stream.runDrain(stream(ask)))
          assert.strictEqual(error.reason.message, "slow down")
        }
        assert.strictEqual(connections(), 1)
      }).pipe(Effect.provide(client)))

    it.live("do not hold up the end of a stream whose body does not end", () =>
      Effect.gen(function*() {
        const { url } = yield* serve((response) => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(answer)
        })
        const { stream } = yield* openAi(url)
        // The second one waits for the connection of the first, which is in vain; it is not tried again.
        yield* Stream.runDrain(stream(ask))
        yield* Stream.runDrain(stream(ask))
        // From here on nobody gives a connection up: who waited for one would wait for ever.
        yield* heldTimers(Duration.toMillis(drain.time))
        yield* Effect.repeat(Stream.runDrain(stream(ask)), { times: 40 })
      }).pipe(Effect.provide(client)))

    it.live("a whole error in a body that does not end is given out at once", () =>
      Effect.gen(function*() {
        const { url } = yield* serve((response) => {
          response.writeHead(429, { "content-type": "application/json" })
          response.write("{\"error\":{\"message\":\"slow down\"}}\n")
        })
        const { stream } = yield* openAi(url)
        const error = yield* Effect.flip(Stream.runDrain(stream(ask))).pipe(Effect.provide(TestClock.layer()))
        assert.strictEqual(error.reason.message, "slow down")
      }).pipe(Effect.provide(client)))

    it.live("an error that is sent for ever is cut off, and what has come is used", () =>
      Effect.gen(function*() {
        const { url } = yield* serve((response) => {
          response.writeHead(503, { "content-type": "text/plain" })
          response.write("busy")
          const timer = setInterval(() => response.write("."), 10)
          response.on("close", () => clearInterval(timer))
        })
        const { stream } = yield* openAi(url)
        const error = yield* byTurns(Effect.flip(Stream.runDrain(stream(ask))))
        assert.strictEqual(error.reason._tag, "ServerError")
        assert.match(error.reason.body ?? "", /^busy\.*$/)
      }).pipe(Effect.provide(client)))

    it.live("a compressed stream, and a compressed error, are read", () =>
      Effect.gen(function*() {
        for (const [status, body] of [[200, answer], [429, "{\"error\":{\"message\":\"slow down\"}}"]] as const) {
          const { url } = yield* serve((response) => {
            response.writeHead(status, {
              "content-type": status === 200 ? "text/event-stream" : "application/json",
              "content-encoding": "gzip"
            })
            response.end(gzipSync(body))
          })
          const { stream } = yield* openAi(url)
          const text = yield* stream(ask).pipe(
            Stream.map((chunk) => chunk.content),
            Stream.mkString,
            Effect.catchTag("ProviderError", ({ reason }) => Effect.succeed(reason.message))
          )
          assert.strictEqual(text, status === 200 ? "Hello" : "slow down")
        }
      }).pipe(Effect.provide(client)))

    it.live("a compression that is not known is named, and not tried again", () =>
      Effect.gen(function*() {
        for (const status of [200, 503]) {
          const { url } = yield* serve((response) => {
            response.writeHead(status, { "content-type": "text/event-stream", "content-encoding": "lz9" })
            response.end("\x28\xb5\x2f\xfd")
          })
          const { stream } = yield* openAi(url)
          const error = yield* Effect.flip(Stream.runDrain(stream(ask)))
          assert.strictEqual(error.reason._tag, status === 200 ? "UnexpectedContentType" : "ServerError")
          if (status === 200) assert.match(error.message, /compressed \(lz9\)/)
        }
      }).pipe(Effect.provide(client)))
  })
}

describe("streams beside one another", () => {
  it.live("do not wait for the connections of others, whatever failed before", () =>
    Effect.gen(function*() {
      const utf8 = new TextEncoder()
      let status = 429
      const fetch: typeof globalThis.fetch = () => {
        const isStream = status === 200
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            controller.enqueue(utf8.encode(isStream ? answer : `{"error":{"message":"slow down"}}`))
            if (!isStream) controller.close()
          }
        })
        const headers = { "content-type": isStream ? "text/event-stream" : "application/json" }
        return Promise.resolve(new Response(body, { status, headers }))
      }
      const { stream } = yield* openAi("http://127.0.0.1:1")
      yield* heldTimers(Duration.toMillis(drain.time))
      yield* Effect.gen(function*() {
        yield* Effect.flip(Stream.runDrain(stream(ask)))
        status = 200
        // One that stays open, and one whose body does not end.
        yield* Stream.toPull(stream(ask)).pipe(Effect.flatten)
        yield* Stream.runDrain(stream(ask))
        // It would wait for ever for the connection of the last one.
        yield* Stream.runDrain(stream(ask))
      }).pipe(Effect.provideService(FetchHttpClient.Fetch, fetch))
    }).pipe(Effect.scoped, Effect.provide(clients.fetch)), 20_000)
})
