/**
 * The backend of a chat: front ends of the AI SDK (`useChat`) and of AG-UI talk to it, tools run on it, and one of them only with the
 * user's consent.
 *
 *     API_KEY=… LLM_STREAM_UI_SECRET=… node examples/chat-ui/server.ts
 *
 * `PROVIDER` is any of the bundled ones, at `BASE_URL` if it is elsewhere, and `MODEL` a model of it. The secret, of at least
 * 32 characters, seals what browsers send back; all servers of an app share it.
 *
 * An answer ends when its reader leaves. With a `STORE` (`memory:`, `sqlite:FILE`, `redis://…`, `postgres://…`) it goes on, and a
 * page that is loaded again joins it.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, ConfigProvider, Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import { ToolLoop } from "effect-llm-stream"
import * as Providers from "effect-llm-stream/Providers"
import * as Stores from "effect-llm-stream/stores/Stores"
import * as AgUi from "effect-llm-stream/ui/AgUi"
import * as AiSdk from "effect-llm-stream/ui/AiSdk"
import * as AiSdkLog from "effect-llm-stream/ui/AiSdkLog"
import * as Trust from "effect-llm-stream/ui/Trust"
import { Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import * as Fs from "node:fs"
import { createServer } from "node:http"

const tools = Toolkit.make(
  Tool.make("get_weather", {
    description: "Current weather of a city",
    parameters: Schema.Struct({ city: Schema.String }),
    success: Schema.Struct({ celsius: Schema.Finite })
  }),
  Tool.make("send_mail", {
    description: "Sends a mail in the user's name",
    parameters: Schema.Struct({ to: Schema.String, subject: Schema.String, body: Schema.String }),
    success: Schema.Struct({ sent: Schema.Boolean }),
    needsApproval: true
  })
)

const settings = Config.all({
  port: Config.Port("PORT").pipe(Config.withDefault(3000)),
  provider: Config.String("PROVIDER").pipe(Config.withDefault("openai")),
  baseUrl: Config.option(Config.String("BASE_URL")),
  apiKey: Config.option(Config.String("API_KEY")),
  model: Config.String("MODEL").pipe(Config.withDefault("gpt-4o-mini")),
  secret: Config.Redacted("LLM_STREAM_UI_SECRET").pipe(Config.withDefault(Redacted.make(""))),
  heartbeat: Config.Int("HEARTBEAT_MS").pipe(Config.withDefault(15_000)),
  toolDelay: Config.Int("TOOL_DELAY_MS").pipe(Config.withDefault(0)),
  store: Config.option(Config.Redacted("STORE"))
})

const page = HttpServerResponse.html(Fs.readFileSync(new URL("index.html", import.meta.url), "utf8"))

const program = Effect.gen(function*() {
  const { apiKey, baseUrl, heartbeat, model, port, provider, secret, store, toolDelay } = yield* settings
  // Without a secret the chats end with the process, as a warning says.
  const trust = Redacted.value(secret) === "" ? yield* Trust.Trust : yield* Trust.sealed({ secret })

  const answer = ({ prompt }: AiSdk.Turn | AgUi.Turn) =>
    ToolLoop.stream({ prompt, tools }).pipe(Stream.tapError((error) => Effect.logError(error.message)))

  const trusting = Effect.provideService(Trust.Trust, trust)

  const chat = Option.match(store, {
    onNone: () =>
      Layer.mergeAll(
        HttpRouter.add("POST", "/api/chat", trusting(AiSdk.route(answer, { heartbeat }))),
        // Nothing runs that nobody reads.
        HttpRouter.add("GET", "/api/chat/:id/stream", HttpServerResponse.empty()),
        HttpRouter.add("POST", "/api/chat/:id/stop", HttpServerResponse.empty())
      ),
    onSome: (url) =>
      AiSdkLog.layer({
        // In an app: look up who asks, and refuse who may not.
        authorize: ({ headers }) => Effect.succeed(headers["x-user"] ?? "anonymous"),
        answer,
        heartbeat
      }).pipe(Layer.provide([Stores.layer(url), Layer.succeed(Trust.Trust, trust)]))
  })

  const routes = Layer.mergeAll(
    HttpRouter.add("GET", "/", page),
    chat,
    HttpRouter.add("POST", "/api/ag-ui", trusting(AgUi.route(answer, { heartbeat })))
  )

  const handlers = tools.toLayer({
    get_weather: ({ city }) => Effect.delay(Effect.succeed({ celsius: city.length + 10 }), toolDelay),
    send_mail: (mail) => Effect.sync(() => console.log(`mail ${JSON.stringify(mail)}`)).pipe(Effect.as({ sent: true }))
  })

  // A provider reads its key and its address from variables that are named after it.
  const vendor = provider.split("-")[0]?.toUpperCase()
  const environment = ConfigProvider.fromUnknown({
    ...Option.match(apiKey, { onNone: () => ({}), onSome: (key) => ({ [`${vendor}_API_KEY`]: key }) }),
    ...Option.match(baseUrl, { onNone: () => ({}), onSome: (url) => ({ [`${vendor}_BASE_URL`]: url }) })
  })

  return yield* Layer.launch(
    HttpRouter.serve(routes, { disableLogger: true }).pipe(
      Layer.provide(handlers),
      Layer.provide(Providers.layerConfig(provider, { model, maxRetries: 0 })),
      Layer.provide(ConfigProvider.layerAdd(environment, { asPrimary: true })),
      Layer.provide([FetchHttpClient.layer, NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })])
    )
  )
})

NodeRuntime.runMain(program)
