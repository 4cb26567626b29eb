/**
 * A chat server whose answers outlive a connection, a tab and a server: a page that is loaded again loses nothing.
 *
 *     OPENAI_API_KEY=… node examples/resumable-chat/server.ts
 *
 * It keeps the answers in memory. Another `STORE` keeps them where several servers share them, and where they survive the
 * end of one: `sqlite:FILE`, `redis://…`, `postgres://…`. With `RUNNER=cluster`, servers on SQLite or Postgres share the answers out.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Redacted } from "effect"
import { OpenAi } from "effect-llm-stream"
import * as StreamLog from "effect-llm-stream/log/StreamLog"
import * as StreamLogHttp from "effect-llm-stream/log/StreamLogHttp"
import * as Stores from "effect-llm-stream/stores/Stores"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import * as Fs from "node:fs"
import { createServer } from "node:http"

const milliseconds = (name: string, otherwise: number) => Config.Int(name).pipe(Config.withDefault(otherwise))

const settings = Config.all({
  port: Config.Port("PORT").pipe(Config.withDefault(3000)),
  store: Config.Redacted("STORE").pipe(Config.withDefault(Redacted.make("memory:"))),
  baseUrl: Config.String("BASE_URL").pipe(Config.withDefault("https://api.openai.com/v1")),
  apiKey: Config.Redacted("API_KEY").pipe(
    Config.orElse(() => Config.Redacted("OPENAI_API_KEY")),
    Config.withDefault(Redacted.make(""))
  ),
  lease: milliseconds("LEASE_MS", 10_000),
  timeToLive: milliseconds("TTL_MS", 3_600_000),
  heartbeat: milliseconds("HEARTBEAT_MS", 15_000),
  runner: Config.Literals(["local", "cluster"], "RUNNER").pipe(Config.withDefault("local"))
})

/** The header stands for a session: in your app, look up who asks, and refuse who may not. */
const authorize: StreamLogHttp.Authorize = ({ headers }) => Effect.succeed(headers["x-user"] ?? "anonymous")

const page = HttpServerResponse.html(Fs.readFileSync(new URL("index.html", import.meta.url), "utf8"))

const ready = Effect.gen(function*() {
  const log = yield* StreamLog.StreamLog
  const isReady = yield* Effect.isSuccess(log.ready)
  return HttpServerResponse.empty({ status: isReady ? 200 : 503 })
})

const routes = (heartbeat: number) =>
  Layer.mergeAll(
    StreamLogHttp.layer({ authorize, heartbeat }),
    HttpRouter.add("GET", "/", page),
    HttpRouter.add("GET", "/ping", HttpServerResponse.text("pong")),
    HttpRouter.use((router) =>
      Effect.flatMap(
        Effect.context<StreamLog.StreamLog>(),
        (context) => router.add("GET", "/ready", Effect.provideContext(ready, context))
      )
    )
  )

const program = Effect.gen(function*() {
  const { apiKey, baseUrl, heartbeat, lease, port, runner, store, timeToLive } = yield* settings
  const logs = runner === "cluster"
    ? (yield* Effect.promise(() => import("./cluster.ts"))).layer(store, { lease, timeToLive })
    : Layer.provide(StreamLog.layer({ lease, timeToLive }), Stores.layer(store))
  const log = logs.pipe(
    Layer.provide(OpenAi.layer({ apiKey, baseUrl, model: "gpt-4o-mini" })),
    Layer.provide(FetchHttpClient.layer)
  )
  const node = createServer()
  const server = HttpRouter.serve(routes(heartbeat), { disableLogger: true }).pipe(
    Layer.provide(NodeHttpServer.layer(() => node, { port, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" }))
  )
  return yield* Effect.flatMap(StreamLog.StreamLog, ({ shutdown }) =>
    // Answers that run end first, while their readers are still connected.
    Effect.onInterrupt(Effect.never, () =>
      Effect.andThen(
        shutdown,
        Effect.sync(() => setTimeout(() => node.closeAllConnections(), 1500).unref())
      ))).pipe(Effect.provide(Layer.provideMerge(server, log)))
})

NodeRuntime.runMain(program)
