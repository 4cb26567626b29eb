import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer, type ServerResponse } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { OpenAi, ToolLoop } from "../../src/index.ts"
import * as Store from "../../src/stores/Store.ts"
import * as AgUi from "../../src/ui/AgUi.ts"
import * as AiSdk from "../../src/ui/AiSdk.ts"
import * as AiSdkLog from "../../src/ui/AiSdkLog.ts"
import * as Client from "./agUiClient.ts"
import { post, user } from "./client.ts"
import { tools, withSecret } from "./support.ts"

const half = `data: {"id":"c","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n`

/** A provider that says half an answer, and counts who waits for the rest. */
const provider = Effect.acquireRelease(
  Effect.promise(() =>
    new Promise<{ readonly open: Set<ServerResponse>; readonly url: string; readonly close: () => void }>((resolve) => {
      const open = new Set<ServerResponse>()
      const server = createServer((request, response) => {
        request.resume()
        open.add(response)
        response.on("close", () => open.delete(response))
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(half)
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resolve({
          open,
          url: `http://127.0.0.1:${port}/v1`,
          close: () => (server.closeAllConnections(), server.close())
        })
      })
    })
  ),
  ({ close }) => Effect.sync(close)
)

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** A server with routes to each protocol, and how many answers it makes at the time. */
const serve = Effect.gen(function*() {
  const { open, url } = yield* provider
  const answers = { now: 0 }
  const answer = ({ prompt }: Pick<AiSdk.Turn, "prompt">) =>
    Stream.suspend(() => {
      answers.now += 1
      return Stream.ensuring(ToolLoop.stream({ prompt, tools }), Effect.sync(() => answers.now -= 1))
    })
  const routes = Layer.mergeAll(
    HttpRouter.add("POST", "/api/chat", AiSdk.route(answer)),
    HttpRouter.add("POST", "/api/ag-ui", AgUi.route(answer)),
    AiSdkLog.layer({ path: "/log", authorize: () => Effect.succeed("ann"), answer }).pipe(
      Layer.provide(Store.layerMemory)
    )
  )
  const node = createServer()
  const context = yield* Layer.build(
    HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(tools.toLayer({
        weather: () => Effect.succeed({ celsius: 1 }),
        mail: () => Effect.succeed({ sent: true })
      })),
      Layer.provide(OpenAi.layer({ apiKey: Redacted.make("key"), baseUrl: url, model: "gpt-4o-mini" })),
      Layer.provide(FetchHttpClient.layer),
      Layer.provideMerge(NodeHttpServer.layer(() => node, { host: "127.0.0.1", port: 0 }))
    )
  )
  const { address } = yield* Effect.provide(HttpServer.HttpServer, context)
  const connections = Effect.callback<number>((resume) => {
    // Those on which a client could ask again.
    node.closeIdleConnections()
    node.getConnections((_, count) => resume(Effect.succeed(count)))
  })
  return { answers, connections, open, url: HttpServer.formatAddress(address) }
})

/** Asks, and hangs up when the answer has begun. */
const hangUp = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const controller = new AbortController()
    const response = await fetch(url, { ...init, signal: controller.signal })
    let text = ""
    try {
      for await (const piece of response.body ?? []) {
        text += new TextDecoder().decode(piece)
        if (text.includes("Hello")) controller.abort()
      }
    } catch (error) {
      if (!controller.signal.aborted) throw error
    }
    assert.include(text, "Hello")
  })

const none = (count: Effect.Effect<number>) =>
  Effect.repeat(count, { until: (count) => count === 0, schedule: Schedule.spaced("5 millis") })

const manyTimes = (hangUp: Effect.Effect<void>) =>
  Effect.forEach(Array.from({ length: 100 }), () => hangUp, { concurrency: 20, discard: true })

describe("100 hang-ups", () => {
  for (
    const [path, body] of [
      ["/api/chat", post([user("u1")])],
      ["/api/ag-ui", Client.post([Client.user("u1")])]
    ] as const
  ) {
    it.live(`leave nothing at ${path}`, () =>
      Effect.gen(function*() {
        const { answers, connections, open, url } = yield* serve
        const round = Effect.gen(function*() {
          yield* manyTimes(hangUp(`${url}${path}`, { method: "POST", body }))
          yield* none(Effect.sync(() => open.size + answers.now))
          yield* none(connections)
          collect()
          return process.memoryUsage().heapUsed
        })
        const before = yield* round
        // An answer that stays has 20 kB and more.
        assert.isBelow((yield* round) - before, 1_500_000)
      }).pipe(withSecret("a")))
  }

  it.live("leave the answer that is logged, and nothing else", () =>
    Effect.gen(function*() {
      const { answers, connections, open, url } = yield* serve
      yield* hangUp(`${url}/log`, { method: "POST", body: post([user("u1")]) })
      yield* manyTimes(hangUp(`${url}/log/chat-1/stream`))
      yield* none(connections)
      assert.deepStrictEqual([open.size, answers.now], [1, 1])
      yield* Effect.promise(() => fetch(`${url}/log/chat-1/stop`, { method: "POST", headers: { connection: "close" } }))
      yield* none(Effect.sync(() => open.size + answers.now))
    }).pipe(withSecret("a")))
})
