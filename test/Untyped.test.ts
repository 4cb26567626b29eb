import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Redacted, Result, Schema, type Scope, Stream, Tracer } from "effect"
import { Toolkit } from "effect/ai"
import { HttpClient, HttpClientResponse } from "effect/http"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { SqlClient } from "effect/sql"
import { inspect } from "node:util"
import * as EffectAi from "../src/ai/EffectAi.ts"
import * as Anthropic from "../src/anthropic/Anthropic.ts"
import * as AzureInference from "../src/azure/AzureInference.ts"
import * as AzureOpenAi from "../src/azure/AzureOpenAi.ts"
import * as AzureResponses from "../src/azure/AzureResponses.ts"
import * as Batch from "../src/Batch.ts"
import * as AwsCredentials from "../src/bedrock/AwsCredentials.ts"
import * as AwsSignature from "../src/bedrock/AwsSignature.ts"
import * as Bedrock from "../src/bedrock/Bedrock.ts"
import * as BedrockInvoke from "../src/bedrock/BedrockInvoke.ts"
import * as ChatEvent from "../src/ChatEvent.ts"
import * as ChunkStream from "../src/ChunkStream.ts"
import * as Groq from "../src/groq/Groq.ts"
import * as ProviderRpc from "../src/log/ProviderRpc.ts"
import * as StreamLog from "../src/log/StreamLog.ts"
import * as StreamLogClient from "../src/log/StreamLogClient.ts"
import * as Breaker from "../src/middleware/Breaker.ts"
import * as Budget from "../src/middleware/Budget.ts"
import * as Cache from "../src/middleware/Cache.ts"
import * as Fallback from "../src/middleware/Fallback.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as Limit from "../src/middleware/Limit.ts"
import * as Retry from "../src/middleware/Retry.ts"
import * as OpenAi from "../src/openai/OpenAi.ts"
import * as OpenAiCompatible from "../src/openai/OpenAiCompatible.ts"
import * as OpenAiResponses from "../src/openai/OpenAiResponses.ts"
import * as Pricing from "../src/Pricing.ts"
import * as PricingRefresh from "../src/PricingRefresh.ts"
import * as Provider from "../src/Provider.ts"
import * as ProviderError from "../src/ProviderError.ts"
import * as Providers from "../src/Providers.ts"
import * as ServerSentEvents from "../src/ServerSentEvents.ts"
import * as PostgresStore from "../src/stores/PostgresStore.ts"
import * as SqliteStore from "../src/stores/SqliteStore.ts"
import * as SqlStore from "../src/stores/SqlStore.ts"
import * as Store from "../src/stores/Store.ts"
import * as Stores from "../src/stores/Stores.ts"
import * as StructuredOutput from "../src/StructuredOutput.ts"
import * as Telemetry from "../src/Telemetry.ts"
import * as Answer from "../src/testing/Answer.ts"
import * as TestProvider from "../src/testing/TestProvider.ts"
import * as ToolLoop from "../src/ToolLoop.ts"
import * as AgUi from "../src/ui/AgUi.ts"
import * as AiSdk from "../src/ui/AiSdk.ts"
import * as AiSdkLog from "../src/ui/AiSdkLog.ts"
import * as Body from "../src/ui/body.ts"
import * as Trust from "../src/ui/Trust.ts"
import { recorder } from "./support/tracer.ts"

const thrower: () => never = () => {
  throw new Error("not to be shown")
}

/** What nobody with types can give, and no option takes. */
const wrong: ReadonlyArray<unknown> = [
  Symbol("wrong"),
  new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
  Object.defineProperty({}, "seconds", { enumerable: true, get: thrower }),
  [null],
  thrower
]

// The compiler has to be told that anything can come.
const untyped = (value: unknown): never => value as never

type Run = Effect.Effect<unknown, unknown, Store.Store | Scope.Scope>

const request = { model: "gpt-4o-mini", prompt: "Say hello", maxTokens: 50, user: "ada" }

const provider = Effect.runSync(
  TestProvider.make([{ chunks: Answer.openai(Answer.make({ content: "Hello" })) }], { name: "openai" })
)
const failing = Effect.runSync(
  TestProvider.make<never>([{ error: new ProviderError.Overloaded({ message: "busy" }) }], { name: "openai" })
)

const asked = (self: Provider.Service): Effect.Effect<unknown, unknown> => Stream.runDrain(self.stream(request))

const options = (
  fields: ReadonlyArray<string>,
  run: (options: never) => Run
): ReadonlyArray<[string, (value: unknown) => Run]> =>
  fields.map((field) => [field, (value) => run(untyped({ [field]: value }))])

const through =
  <O>(make: (options: O) => Effect.Effect<(self: typeof provider) => Provider.Service, unknown, Store.Store>) =>
  (stated: never): Run => Effect.flatMap(make(stated), (around) => asked(around(provider)))

const logged = (stated: never): Run => StreamLog.make(provider, stated)

const onLog = (use: (log: StreamLog.Service) => Effect.Effect<unknown, unknown>): Run =>
  Effect.flatMap(
    StreamLog.make(provider),
    (log) => Effect.andThen(log.start(request, { id: "a" }), use(log))
  )

const line = { id: "q1", request: { prompt: "Is 7 a prime?", maxTokens: 5 } }

const batch = {
  name: "primes",
  targets: [{ provider: OpenAi.define({ apiKey: Redacted.make("sk-test-key"), model: "gpt-4.1-mini" }) }]
}

const answers = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}", { status: 400 })))
)

const batched = (stated: object): Run =>
  Effect.provideService(Batch.run([line], untyped({ ...batch, ...stated })), HttpClient.HttpClient, answers)

const followed = (stated: object): Run =>
  Effect.provideService(
    Stream.runDrain(StreamLogClient.follow("http://log.test/answers/a", untyped(stated))),
    HttpClient.HttpClient,
    answers
  )

const stores = (layer: Layer.Layer<Store.Store, Store.StoreError>): Run => Layer.build(layer)

const looped = (request: unknown, options?: unknown): Run =>
  Effect.provideService(
    Stream.runDrain(ToolLoop.stream(untyped(request), untyped(options))),
    Provider.Provider,
    provider
  )

const shared = (stream: unknown, consumers: unknown): Effect.Effect<unknown, unknown> =>
  ChunkStream.broadcast<unknown, unknown, never, Record<string, Effect.Effect<unknown>>>(
    untyped(stream),
    untyped(consumers)
  )

const noList = Effect.fail(new PricingRefresh.PricesUnavailable({ source: "nowhere", reason: "away" }))

const objects = (use: () => Effect.Effect<unknown, unknown, Provider.Provider>): Run =>
  Effect.provideService(Effect.suspend(use), Provider.Provider, provider)

const signed = { method: "POST", url: "https://bedrock.test/", headers: {}, body: new Uint8Array() }

const keys = AwsCredentials.fromKeysUnsafe({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "not-to-be-shown" })

const answered = <S extends Provider.Service>(
  made: Effect.Effect<S, never, HttpClient.HttpClient>
): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(made, asked).pipe(Effect.provideService(HttpClient.HttpClient, answers))

const layered = (layer: Layer.Layer<Provider.Provider, unknown, HttpClient.HttpClient>): Run =>
  Effect.flatMap(Provider.Provider, asked).pipe(
    Effect.provide(layer),
    Effect.provideService(HttpClient.HttpClient, answers)
  )

const offline = RpcClient.layerProtocolHttp({ url: "http://rpc.test" }).pipe(
  Layer.provide(RpcSerialization.layerNdjson),
  Layer.provide(Layer.succeed(HttpClient.HttpClient, answers))
)

const key = Redacted.make("sk-test-key")
const endpoint = "https://mine.openai.azure.com"
const common = ["apiKey|API key", "model", "headers", "maxRetries", "idleTimeout", "transformClient"]

/** Each provider by its options, and those that it reads itself. */
const providers: ReadonlyArray<
  readonly [
    string,
    (options: never) => Effect.Effect<Provider.Service, never, HttpClient.HttpClient>,
    object,
    ReadonlyArray<string>
  ]
> = [
  ["OpenAi", OpenAi.make, { apiKey: key }, ["baseUrl", "organization", "project"]],
  ["OpenAiResponses", OpenAiResponses.make, { apiKey: key }, ["baseUrl", "organization", "project"]],
  ["OpenAiCompatible", OpenAiCompatible.make, { provider: "local", baseUrl: "http://local.test/v1", apiKey: key }, [
    "baseUrl",
    "provider",
    "quirks"
  ]],
  ["Anthropic", Anthropic.make, { apiKey: key }, ["baseUrl", "version", "betas", "maxTokens", "auth", "provider"]],
  ["Groq", Groq.make, { apiKey: key }, ["baseUrl"]],
  ["AzureOpenAi", AzureOpenAi.make, { endpoint, apiKey: key }, [
    "endpoint",
    "token",
    "deployment",
    "apiVersion",
    "quirks"
  ]],
  ["AzureResponses", AzureResponses.make, { endpoint, apiKey: key }, ["endpoint", "token", "deployment", "apiVersion"]],
  ["AzureInference", AzureInference.make, { endpoint, apiKey: key }, ["endpoint", "token", "apiVersion", "quirks"]],
  ["Bedrock", Bedrock.make, { region: "us-east-1", apiKey: key }, ["region", "endpoint"]],
  ["BedrockInvoke", BedrockInvoke.make, { region: "us-east-1", apiKey: key }, [
    "region",
    "endpoint",
    "version",
    "betas",
    "maxTokens"
  ]]
]

const cases: ReadonlyArray<readonly [string, ReadonlyArray<[string, (value: unknown) => Run]>]> = [
  [
    "Limit",
    options(
      ["requests", "tokens", "key", "maxWait", "maxRetryAfter", "maxTokens", "onStoreFailure"],
      through(Limit.make)
    )
  ],
  ["Breaker", options(["failures", "openFor", "key", "onStoreFailure"], through(Breaker.make))],
  ["Cache", options(["timeToLive", "maxSize", "tenant", "chunk", "lease", "onStoreFailure"], through(Cache.make))],
  ["Ledger", options(["attempt", "lease", "expiresAfter", "user", "onStoreFailure"], through(Ledger.make))],
  ["Budget", [
    ...options(["limit"], through(Budget.make)),
    ...options(
      ["key", "name", "tokens", "lease", "onStoreFailure"],
      (stated) => through(Budget.make)(untyped({ limit: "5", ...untyped(stated) as object }))
    )
  ]],
  ["Budget.balance", [["limit", (limit) => Budget.balance({ limit: untyped(limit) })]]],
  ["Retry", options(["schedule", "maxRetryDelay", "onFailure"], (stated) => asked(Retry.retried(failing, stated)))],
  ["Fallback", [
    ...options(["name", "onFailure"], (stated) => asked(Fallback.make([failing, provider], stated))),
    ["targets", (target) => asked(Fallback.make([untyped(target)]))],
    ["targets", (targets) => asked(Fallback.make(untyped(targets)))],
    ["targets", () => asked(Fallback.make(untyped(Object.assign([], { length: 3 }))))]
  ]],
  ["StreamLog", options(["lease", "timeToLive", "patience", "maxPending", "chunk"], logged)],
  ["StreamLog.start", [
    ["user", (user) => onLog(({ start }) => start(request, { user: untyped(user) }))],
    ["id", (id) => onLog(({ start }) => start(request, { id: untyped(id) }))]
  ]],
  ["StreamLog.follow", [
    ["heartbeat", (heartbeat) => onLog(({ follow }) => follow("a", { heartbeat: untyped(heartbeat) }))],
    ["maxPage", (maxPage) => onLog(({ follow }) => follow("a", { maxPage: untyped(maxPage) }))],
    ["from", (count) => onLog(({ follow }) => follow("a", { from: { count: untyped(count) } }))]
  ]],
  [
    "StreamLogClient",
    ["headers", "idleTimeout", "maxAttempts", "offset"].map((
      name
    ) => [name, (value) => followed({ [name]: name === "headers" ? { "x-user": value } : value })])
  ],
  [
    "Batch",
    [
      "name",
      "targets",
      "concurrency",
      "maxRetries",
      "attemptTimeout",
      "maxWait",
      "rate",
      "tokenRate",
      "maxCost",
      "breaker",
      "lease",
      "secrets"
    ]
      .map((name) => [name, (value) => batched({ [name]: value })])
  ],
  ["Stores", [
    ["url|a store is one of", (url) => stores(Stores.layer(Redacted.make(untyped(url))))],
    ["filename", (filename) => stores(SqliteStore.layer({ filename: untyped(filename) }))],
    ["url", (url) => stores(PostgresStore.layer({ url: Redacted.make(untyped(url)) }))]
  ]],
  ["ToolLoop", [
    ["options", (options) => looped({ prompt: "Hi", tools: Toolkit.empty }, options)],
    ["request|prompt", (request) => looped(request)],
    ["tools", (tools) => looped({ prompt: "Hi", tools })],
    ["tools", (tools) => looped({ prompt: "Hi", tools: Effect.succeed(tools) })],
    ["tools", (tools) => looped({ prompt: "Hi", tools: { tools, handle: thrower } })],
    [
      "tools",
      (handle) =>
        looped({ prompt: "Hi", tools: Effect.succeed({ tools: {}, handle: handle === thrower ? 1 : handle }) })
    ],
    ["tools", (tool) => looped({ prompt: "Hi", tools: { tools: { tool }, handle: thrower } })],
    ["clientTools", (clientTools) => looped({ prompt: "Hi", tools: Toolkit.empty, clientTools })],
    ["output|schema", (output) => looped({ prompt: "Hi", tools: Toolkit.empty, output })],
    [
      "prepareStep.tools",
      (tools) => looped({ prompt: "Hi", tools: Toolkit.empty }, { prepareStep: () => ({ tools }) })
    ],
    ["from", (from) => looped({ prompt: "Hi", tools: Toolkit.empty, from })],
    ["system", (system) => looped({ prompt: "Hi", tools: Toolkit.empty, system })],
    ...["prepareStep", "stopWhen", "needsApproval"].map((name): [string, (value: unknown) => Run] => [
      name,
      (value) =>
        looped({ prompt: "Hi", tools: Toolkit.empty }, {
          [name]: value === thrower && name !== "prepareStep" ? null : value
        })
    ]),
    [
      "prepareStep",
      (value) =>
        looped({ prompt: "Hi", tools: Toolkit.empty }, {
          prepareStep: value === thrower ? thrower : () => Array.isArray(value) ? null : value
        })
    ]
  ]],
  ["StructuredOutput", [
    ["schema", (schema) => objects(() => StructuredOutput.generate(untyped({ ...request, schema })))],
    ["request|schema", (request) => objects(() => StructuredOutput.generate(untyped(request)))],
    [
      "name",
      (name) => objects(() => StructuredOutput.generate(untyped({ ...request, schema: Schema.String, name })))
    ],
    [
      "schema",
      (schema) => objects(() => Stream.runDrain(StructuredOutput.elements(untyped({ ...request, schema }))))
    ],
    ["request|schema", (request) => objects(() => Stream.runDrain(StructuredOutput.elements(untyped(request))))]
  ]],
  ["ChunkStream", [
    ["limit", (limit) => Stream.runDrain(ChunkStream.withBudget(provider.stream(request), untyped(limit)))],
    ["schema", (schema) => Stream.runDrain(ChunkStream.object(provider.stream(request), untyped(schema)))],
    ["schema", (schema) => Stream.runDrain(ChunkStream.elements(provider.stream(request), untyped(schema)))],
    ["stream", (stream) => Stream.runDrain(ChunkStream.parts(untyped(stream)))],
    ["stream", (stream) => Stream.runDrain(ChunkStream.events(untyped(stream)))],
    ["stream", (stream) => Stream.runDrain(ChunkStream.withToolCalls(untyped(stream)))],
    ["stream", (stream) => Stream.runDrain(ChunkStream.accumulate(untyped(stream)))],
    ["stream", (stream) => ChunkStream.response(untyped(stream))],
    ["chunk", (chunk) => Stream.runDrain(ChunkStream.parts(Stream.make(untyped(chunk))))],
    ["chunk", (chunk) => Stream.runDrain(ChunkStream.events(Stream.make(untyped(chunk))))],
    ["chunk", (chunk) => ChunkStream.response(Stream.make(untyped(chunk)))],
    ["consumers", (consumers) => shared(provider.stream(request), consumers)],
    ["consumers.shown", (shown) => shared(provider.stream(request), { shown, response: ChunkStream.response })],
    ["consumers.shown", (given) => shared(provider.stream(request), { shown: () => given })],
    ["stream", (stream) => shared(stream, { response: ChunkStream.response })]
  ]],
  ["Pricing", [
    ["options", (options) => Layer.build(Pricing.layer(untyped(options)))],
    ["overrides", (overrides) => Layer.build(Pricing.layer({ tables: [], overrides: untyped(overrides) }))],
    ["model", (model) => Pricing.lookup("openai", untyped(model))],
    ["who answered", (provider) => Pricing.lookup(untyped(provider), "gpt-4o")]
  ]],
  ["PricingRefresh", [
    ["options", (options) => Layer.build(PricingRefresh.layer(untyped(options)))],
    ["source", (source) => Layer.build(PricingRefresh.layer({ source: untyped(source) }))],
    ["timeout", (timeout) => Layer.build(PricingRefresh.layer({ source: noList, timeout: untyped(timeout) }))],
    [
      "URL",
      (url) => Effect.provideService(PricingRefresh.fromUrl(untyped(url)), HttpClient.HttpClient, answers)
    ]
  ]],
  ["Ledger.rows", [
    ["scope", (user) => Ledger.entries({ user: untyped(user) })],
    ["scope", (batch) => Ledger.total({ batch: untyped(batch) })],
    ["scope", (user) => Ledger.sweep({ user: untyped(user) })]
  ]],
  [
    "Budget.guard",
    ["stream", "limit", "atMost", "key", "name", "lease", "onStoreFailure"].map((field) => [field, (value) => {
      const { stream, ...guard } = {
        stream: provider.stream(request),
        limit: "5",
        atMost: "1",
        ...untyped({ [field]: value }) as object
      }
      return Stream.runDrain(Budget.guard(untyped(guard))(untyped(stream)))
    }])
  ],
  ["Ledger.track", [
    ...options(
      ["user", "attempt", "lease", "expiresAfter", "onStoreFailure"],
      (stated) => Stream.runDrain(Ledger.track(provider.stream(request), stated))
    ),
    ["stream", (stream) => Stream.runDrain(Ledger.track({})(untyped(stream)))]
  ]],
  ["ToolLoop.answer", [
    ["stream", (stream) => ToolLoop.answer(untyped(stream))],
    ["Done|chunk", (event) => ToolLoop.answer(Stream.make(untyped(event)))]
  ]],
  ["AwsSignature", [
    ["absolute URL", (request) => AwsSignature.sign(untyped(request), keys, { region: "us-east-1" })],
    ["credentials", (keys) => AwsSignature.sign(signed, untyped(keys), { region: "us-east-1" })],
    ["region", (scope) => AwsSignature.sign(signed, keys, untyped(scope))],
    ["credentials", (keys) => AwsSignature.authorize(signed, untyped(keys), { region: "us-east-1" })]
  ]],
  ["AwsCredentials", [["options", (options) => AwsCredentials.fromDefaultChain(untyped(options))]]],
  ["ProviderRpc", [[
    "options",
    (options) => Effect.provide(Effect.flatMap(ProviderRpc.make(untyped(options)), asked), offline)
  ]]],
  ["StreamLogClient.make", [
    ["options", (options) => answered(StreamLogClient.make(untyped(options)))],
    ["url", (url) => answered(StreamLogClient.make({ url: untyped(url) }))],
    ["provider", (provider) => answered(StreamLogClient.make({ url: "http://log.test", provider: untyped(provider) }))]
  ]],
  ["Providers", [
    ["provider", (name) => layered(Providers.layer(untyped(name), untyped({})))],
    ["provider", (name) => layered(Providers.layerConfig(untyped(name)))]
  ]],
  ["Provider", [
    ["definition", (definition) => answered(Provider.make(untyped(definition)))],
    ["definition", (definition) => Provider.prepare(untyped(definition), request)]
  ]],
  ["EffectAi", [[
    "options",
    (options) =>
      Effect.flatMap(EffectAi.make(provider, untyped(options)), (model) => model.generateText({ prompt: "Hi" }))
  ]]],
  ["SqlStore", [[
    "options",
    (options) => Effect.provideService(SqlStore.check(untyped(options)), SqlClient.SqlClient, untyped({}))
  ]]],
  ["Trust", [["secret", (secret) => Trust.sealed({ secret: Redacted.make(untyped(secret)) })]]],
  [
    "AiSdk.decode",
    options(
      ["maxBodySize", "maxMessages", "maxDepth", "maxFileSize"],
      (stated) => AiSdk.decode("{\"messages\":[]}", stated)
    )
  ],
  ["AiSdk", [
    ["options", (options) => AiSdk.decode("{}", untyped(options))],
    ["scope", (scope) => AiSdk.decode("{}", { scope: untyped(scope) })],
    ["thread", (thread) => AiSdk.decode("{}", { thread: untyped(thread) })],
    ["body", (body) => AiSdk.decode(untyped(body))],
    ["messages", (messages) => AiSdk.reseal(untyped(messages))],
    ["scope", (scope) => AiSdk.reseal([], { scope: untyped(scope) })]
  ]],
  ["AgUi", [
    ["options", (options) => AgUi.decode("{}", untyped(options))],
    ["scope", (scope) => AgUi.decode("{}", { scope: untyped(scope) })],
    ...["threadId", "runId", "messageId"].map((name): [string, (value: unknown) => Run] => [
      name,
      (value) =>
        AgUi.encode(Stream.empty, untyped({ [name]: value })).pipe(
          Stream.decodeText,
          Stream.mkString,
          Effect.flatMap((body) =>
            body.includes("RUN_ERROR")
              ? Effect.fail(new ProviderError.InvalidRequest({ message: `${name} was refused` }))
              : Effect.void
          )
        )
    ]),
    ["thread", (thread) => AgUi.decode("{}", { thread: untyped(thread) })],
    ["body", (body) => AgUi.decode(untyped(body))],
    ["messages", (messages) => AgUi.reseal(untyped(messages))],
    ["scope", (scope) => AgUi.reseal([], { scope: untyped(scope) })]
  ]],
  ["AiSdkLog", [
    ["heartbeat", (heartbeat) => AiSdkLog.make({ heartbeat: untyped(heartbeat) })],
    ["options", (options) => AiSdkLog.make(untyped(options))]
  ]],
  ...providers.map(([name, make, base, own]): readonly [string, ReadonlyArray<[string, (value: unknown) => Run]>] => [
    name,
    [
      ["options", (options) => answered(make(untyped(options)))],
      ...[...common, ...own].map((field): [string, (value: unknown) => Run] => [
        field,
        (value) => answered(make(untyped({ ...base, [field.split("|")[0] ?? field]: value })))
      ])
    ]
  ])
]

describe("A program without types", () => {
  for (const [name, fields] of cases) {
    for (const [field, run] of fields) {
      it.effect(`is told of ${field} by ${name}`, () =>
        Effect.gen(function*() {
          for (const value of wrong) {
            const exit = yield* Effect.exit(Effect.scoped(Effect.suspend(() => run(value))))
            assert(Exit.isFailure(exit))
            const error = Cause.findErrorOption(exit.cause)
            assert(error._tag === "Some" && error.value instanceof Error, Cause.pretty(exit.cause))
            assert.match(error.value.message, new RegExp(field), String(typeof value))
            assert.notInclude(error.value.message, "not to be shown")
          }
        }).pipe(Effect.provide(Store.layerMemory)))
    }
  }

  it("has no limit that is no number", () => {
    for (const value of [NaN, -1, 0.5, 2 ** 60]) {
      for (const name of ["maxBodySize", "maxMessages", "maxDepth", "maxFileSize"]) {
        assert.isTrue(Result.isFailure(Body.limits({ [name]: value })), name)
      }
    }
  })

  it("is told by a log that its provider broke", () =>
    Effect.runPromise(
      Effect.gen(function*() {
        const log = yield* StreamLog.make({ name: "broken", stream: thrower })
        const { id } = yield* log.start(request)
        const items = yield* Stream.runCollect(yield* log.follow(id))
        assert.deepStrictEqual(items.at(-1), {
          _tag: "Ended",
          epoch: (yield* log.find(id)).epoch,
          end: { _tag: "Failed", reason: "Unknown", message: "the answer broke" }
        })
      }).pipe(Effect.scoped, Effect.provide(Store.layerMemory))
    ))

  it.effect("ends a batch by an `onEnded` that throws, or gives no effect", () =>
    Effect.gen(function*() {
      for (const [name, onEnded] of Object.entries<() => unknown>({ thrower, nothing: () => undefined })) {
        const exit = yield* Effect.exit(batched({ name, onEnded, maxRetries: 0 }))
        assert(Exit.isFailure(exit))
        assert.match(Cause.pretty(exit.cause), /onEnded/)
      }
    }).pipe(Effect.scoped, Effect.provide(Store.layerMemory)))

  it.effect("has requests that contain themselves refused by a batch", () =>
    Effect.gen(function*() {
      const request: Record<string, unknown> = {}
      request["request"] = request
      const run = Batch.run([{ id: "q1", request }], untyped(batch))
      const { failures } = yield* Effect.provideService(run, HttpClient.HttpClient, answers)
      assert.strictEqual(failures, 1)
    }).pipe(Effect.scoped, Effect.provide(Store.layerMemory)))
})

describe("Telemetry", () => {
  it.effect("fails no call for options that are none", () =>
    Effect.gen(function*() {
      for (const value of [null, 5, "text", Object.create(null), ...wrong]) {
        for (
          const options of [value, { attributes: value }, { attributes: () => value }, { providerName: value }]
        ) {
          const traced = Telemetry.traced(provider, untyped(options))
          assert.isNotEmpty(yield* Stream.runCollect(traced.stream(request)))
        }
        for (const options of [value, { attributes: value }, { name: value }]) {
          const agent = Telemetry.invokeAgent(Stream.make({ _tag: "Text" }), untyped(options))
          assert.lengthOf(yield* Stream.runCollect(agent), 1)
        }
      }
    }))

  it.effect("leaves a request that can't be read to its provider", () =>
    Effect.gen(function*() {
      for (const value of [null, Object.create(null), ...wrong]) {
        for (const asked of [value, { ...request, model: value }, { ...request, reasoning: value }]) {
          const plain = yield* Effect.exit(Stream.runCollect(provider.stream(untyped(asked))))
          const traced = yield* Effect.exit(Stream.runCollect(Telemetry.traced(provider).stream(untyped(asked))))
          assert.strictEqual(traced._tag, plain._tag)
          assert.isFalse(Exit.isFailure(traced) && Cause.hasDies(traced.cause))
        }
      }
    }))
})

describe("A browser", () => {
  it.effect("is told when its server gives events a heartbeat that is none", () =>
    Effect.gen(function*() {
      for (const heartbeat of [NaN, -5, 0, "soon", ...wrong]) {
        const body = yield* ServerSentEvents.encode(Stream.empty, { heartbeat: untyped(heartbeat) }).pipe(
          Stream.decodeText,
          Stream.mkString
        )
        assert.match(body, /^event: Failure\ndata: .*"InvalidRequest".*\n\nevent: End\n/)
      }
    }))
})

describe("A body for a front end", () => {
  const encoders: Readonly<Record<string, (events: Stream.Stream<never>) => Stream.Stream<Uint8Array>>> = {
    ServerSentEvents: ServerSentEvents.encode,
    AiSdk: AiSdk.encode,
    AgUi: (events) => AgUi.encode(events, { threadId: "thread", runId: "run" })
  }
  const tags = [...ChatEvent.ChatEvent.members, ToolLoop.Step, ToolLoop.Done].map(({ fields }) =>
    fields._tag.schema.literal
  )
  const events = [
    ...wrong,
    null,
    5,
    "Text",
    {},
    ...tags.map((_tag) => ({ _tag })),
    ...tags.map((_tag) => new Proxy({ _tag }, { get: (_, name) => name === "_tag" ? _tag : thrower() }))
  ]
  for (const [name, encode] of Object.entries(encoders)) {
    it.effect(`of ${name} ends with a failure at what is no event, after what came before`, () =>
      Effect.gen(function*() {
        const streams = [
          ...events.map((event) => Stream.succeed(event)),
          ...[null, thrower, { _tag: Symbol("tag") }, Object.defineProperty({}, "_tag", { get: thrower })].map(
            Stream.fail
          )
        ]
        for (const rest of streams) {
          const events = Stream.concat(Stream.succeed({ _tag: "Text", delta: "so far" }), rest)
          const encoded = encode(untyped(events)).pipe(Stream.decodeText, Stream.mkString)
          // One that has failed runs again as if it had not.
          for (const body of [yield* encoded, yield* encoded]) {
            assert.include(body, "so far")
            assert.notInclude(body, "not to be shown")
            assert.match(body, /event: End|\[DONE\]|RUN_ERROR|RUN_FINISHED/)
          }
        }
      }))
  }
})

describe("A client of a hostile log", () => {
  const served = (reply: (request: number) => Response | Promise<Response>) => {
    let requests = 0
    return Effect.provideService(
      Effect.exit(
        Stream.runCollect(
          StreamLogClient.follow("http://log.test/a?key=hunter2-hunter2", { maxAttempts: 3, idleTimeout: 20 })
        )
      ),
      HttpClient.HttpClient,
      HttpClient.make((request) =>
        Effect.map(
          Effect.promise(async () => reply(requests++)),
          (response) => HttpClientResponse.fromWeb(request, response)
        )
      )
    )
  }
  const events = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } })
  const servers: Readonly<Record<string, () => Response | Promise<Response>>> = {
    "repeats itself": () => events("retry: 0\nid: e-1\ndata: []\n\n"),
    "does not answer": () => new Promise<Response>(() => {}),
    "never ends a refusal": () => new Response(new ReadableStream(), { status: 404 }),
    "sends a refusal without end": () =>
      new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(65536).fill(32)) }), { status: 404 })
  }
  for (const [name, reply] of Object.entries(servers)) {
    it.live(`gives up on one that ${name}`, () =>
      Effect.gen(function*() {
        const exit = yield* served(reply)
        assert(Exit.isFailure(exit))
        assert.match(Cause.pretty(exit.cause), /ClientError/)
        assert.notMatch(Cause.pretty(exit.cause), /hunter2/)
      }))
  }
})

describe("A client of a log", () => {
  const url = "http://log.test/a"
  const secret = Redacted.make("secret-token")
  it.effect("has no password in its errors, and nothing secret in spans", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      const runs = [
        Stream.runDrain(StreamLogClient.follow(url, { headers: { "x-user": secret } })),
        StreamLogClient.cancel(url, { headers: { "x-user": secret } }),
        StreamLogClient.cancel(`${url}?token=secret-token`),
        StreamLogClient.cancel("http://ada:secret-token@log.test/a")
      ]
      for (const run of runs) {
        const exit = yield* Effect.exit(run).pipe(
          Effect.provideService(HttpClient.HttpClient, answers),
          Effect.provideService(Tracer.Tracer, tracer)
        )
        assert.notInclude(inspect([exit, spans], { depth: 20 }), "secret-token")
      }
      assert.isNotEmpty(spans)
    }).pipe(Effect.scoped, Effect.provide(Store.layerMemory)))
})

describe("A body of the browser", () => {
  it("is read up to the first part that can't be taken", () => {
    let reads = 0
    const read = () => {
      reads++
      return Body.refuse(["parts"], "not an object")
    }
    assert(Result.isFailure(Body.each([1, 2, 3], read)))
    assert.strictEqual(reads, 1)
  })

  it.effect("is answered without a flood of comments, whatever its server says of heartbeats", () =>
    Effect.gen(function*() {
      for (const heartbeat of [0, NaN, -5, "soon"]) {
        const bytes = yield* Stream.runCollect(AiSdk.encode(Stream.empty, { heartbeat: untyped(heartbeat) }))
        assert.notInclude(new TextDecoder().decode(bytes[0]), "keep-alive")
      }
    }))
})
