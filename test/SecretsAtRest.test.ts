/**
 * A secret is in nothing that is kept or sent on: stores, logs, frames, bodies for browsers, files and terminals.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted, References, Result, type Scope, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestRunner } from "effect/cluster"
import { HttpClient, HttpClientResponse, HttpRouter } from "effect/http"
import { RpcClient, RpcSerialization, RpcServer } from "effect/rpc"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inspect } from "node:util"
import * as EffectAi from "../src/ai/EffectAi.ts"
import * as Batch from "../src/Batch.ts"
import { type Chunk, ChunkStream, Provider, ServerSentEvents } from "../src/index.ts"
import * as ProviderCluster from "../src/log/ProviderCluster.ts"
import * as ProviderRpc from "../src/log/ProviderRpc.ts"
import * as StreamLog from "../src/log/StreamLog.ts"
import * as StreamLogClient from "../src/log/StreamLogClient.ts"
import * as StreamLogHttp from "../src/log/StreamLogHttp.ts"
import * as Breaker from "../src/middleware/Breaker.ts"
import * as Budget from "../src/middleware/Budget.ts"
import * as Cache from "../src/middleware/Cache.ts"
import * as Fallback from "../src/middleware/Fallback.ts"
import * as Ledger from "../src/middleware/Ledger.ts"
import * as Limit from "../src/middleware/Limit.ts"
import * as ResponseHead from "../src/middleware/ResponseHead.ts"
import * as NodeRedisStore from "../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../src/stores/PostgresStore.ts"
import * as SqliteStore from "../src/stores/SqliteStore.ts"
import * as Store from "../src/stores/Store.ts"
import { Answer, Wire } from "../src/testing.ts"
import * as AgUi from "../src/ui/AgUi.ts"
import * as AiSdk from "../src/ui/AiSdk.ts"
import * as AiSdkLog from "../src/ui/AiSdkLog.ts"
import { proxy } from "./stores/proxy.ts"
import {
  dropPostgres,
  dropRedis,
  folder,
  hasPostgres,
  hasRedis,
  hasSqlite,
  postgresUrl,
  redisUrl,
  unique
} from "./stores/stores.ts"
import {
  type Answer as Host,
  answering,
  contentTypeOf,
  echo,
  failures,
  foundIn,
  type Place,
  placesOf,
  providers,
  secret
} from "./support/secrets.ts"
import * as Client from "./ui/client.ts"

/** Wires that differ; the redaction of the others is the same. */
const wires = {
  openai: Wire.concat(Wire.encode(Wire.openai, Answer.openai(Answer.make({ content: "Hello" })))),
  anthropic: Wire.concat(Wire.encode(Wire.anthropic, Answer.anthropic(Answer.make({ content: "Hello" })))),
  bedrock: Wire.concat(Wire.encode(Wire.bedrock, Answer.bedrock(Answer.make({ content: "Hello" }))))
}

/** What a host streams is its answer, and is handed on as it came: a wire that names its events hands on those it doesn't know. */
const handedOn: Readonly<Record<string, string>> = { anthropic: "an event of another shape" }

const echoing = {
  "x-request-id": secret,
  "request-id": secret,
  "x-amzn-requestid": `id ${secret}`,
  "openai-processing-ms": secret,
  "x-ratelimit-limit-requests": secret
}

/** Hosts that answer, and repeat the secret beside that. */
const answers = (body: Uint8Array): Readonly<Record<string, Host>> => ({
  "an answer whose head repeats it": (contentType) =>
    new Response(body.slice(), { headers: { "content-type": contentType, ...echoing } }),
  "an answer that breaks": (contentType) =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          if (controller.desiredSize === 1) controller.enqueue(body.slice(0, body.length * 2 / 3))
          controller.error(new Error(`reset by ${secret}`))
        }
      }),
      { headers: { "content-type": contentType, ...echoing } }
    )
})

/** A store that keeps all that it is told. */
const recorded = Effect.map(Store.memory, (store) => {
  const told: Array<unknown> = []
  const service: Store.Service = {
    ...store,
    transact: (keys, transition) =>
      store.transact(keys, (values, now) => {
        const step = transition(values, now)
        told.push(keys, Result.map(step, ({ writes }) => writes))
        return step
      })
  }
  return { told, service }
})

type Outlet = (
  definition: Provider.Definition<Chunk.Chunk>
) => Effect.Effect<ReadonlyArray<unknown>, unknown, HttpClient.HttpClient | Scope.Scope>

const request = { prompt: "Say hello", maxTokens: 10 }

const eventsOf = (definition: Provider.Definition<Chunk.Chunk>) =>
  Effect.map(Provider.make(definition), ({ stream }) => ChunkStream.events(stream(request)))

const textOf = (bytes: Stream.Stream<Uint8Array>) => Stream.mkString(Stream.decodeText(bytes))

const post = (path: string, body: unknown) =>
  new Request(`http://localhost${path}`, { method: "POST", body: JSON.stringify(body) })

/** Asks through all middlewares over a store, and reads what they tell. */
const throughMiddlewares = Effect.fnUntraced(function*(
  definition: Provider.Definition<Chunk.Chunk>,
  service: Store.Service
) {
  const heads: Array<unknown> = []
  const direct = yield* Provider.make(definition)
  const rate = { limit: 1_000_000, every: "1 minute" } as const
  yield* Effect.gen(function*() {
    const ledger = yield* Ledger.make()
    const cache = yield* Cache.make()
    const budget = yield* Budget.make({ limit: "1000", maxTokens: 10 })
    const limit = yield* Limit.make({ requests: rate, tokens: rate })
    const breaker = yield* Breaker.make({ failures: 1 })
    const watched = ResponseHead.tapped(direct, (head) => Effect.sync(() => heads.push(head)))
    const provider = Fallback.make([watched, cache(budget(limit(ledger(breaker(watched)))))])
    for (let time = 0; time < 2; time++) heads.push(yield* Effect.exit(Stream.runCollect(provider.stream(request))))
    yield* Effect.ignore(Stream.runDrain(Ledger.track(direct.stream(request))))
    heads.push(yield* Stream.runCollect(Ledger.rows()), yield* Ledger.entries())
  }).pipe(Effect.provideService(Store.Store, service))
  return heads
})

const outlets: Readonly<Record<string, Outlet>> = {
  "the store of the middlewares": Effect.fnUntraced(function*(definition) {
    const { service, told } = yield* recorded
    const heads = yield* throughMiddlewares(definition, service)
    return [...told, ...yield* Stream.runCollect(service.scan("")), ...heads]
  }),

  "the log of answers and its routes": Effect.fnUntraced(function*(definition) {
    const { service, told } = yield* recorded
    const log = yield* StreamLog.make(yield* Provider.make(definition)).pipe(
      Effect.provideService(Store.Store, service)
    )
    const { handler } = HttpRouter.toWebHandler(
      StreamLogHttp.layer({ authorize: () => Effect.succeed("ada") }).pipe(
        Layer.provide(Layer.succeed(StreamLog.StreamLog, log))
      ),
      { disableLogger: true }
    )
    const bodies: Array<unknown> = []
    for (
      const asked of [
        post("/answers/a1", request),
        new Request("http://localhost/answers/a1"),
        new Request("http://localhost/answers/a1/snapshot"),
        new Request("http://localhost/answers/a1", { method: "DELETE" }),
        new Request("http://localhost/ledger")
      ]
    ) {
      const response = yield* Effect.promise(() => handler(asked))
      bodies.push(Object.fromEntries(response.headers), yield* Effect.promise(() => response.text()))
    }
    return [...told, ...yield* Stream.runCollect(service.scan("")), ...bodies]
  }),

  "the frames of a provider over RPC": Effect.fnUntraced(function*(definition) {
    const provider = yield* Provider.make(definition)
    const { handler } = HttpRouter.toWebHandler(
      RpcServer.layerHttp({ group: ProviderRpc.group, path: "/provider", protocol: "http" }).pipe(
        Layer.provide([ProviderRpc.handlers, RpcSerialization.layerNdjson]),
        Layer.provide(Layer.succeed(Provider.Provider, provider))
      ),
      { disableLogger: true }
    )
    const frames: Array<unknown> = []
    const server = HttpClient.make((asked) =>
      Effect.promise(async () => {
        const body = asked.body._tag === "Uint8Array" ? new TextDecoder().decode(asked.body.body) : ""
        const response = await handler(new Request(asked.url, { method: "POST", headers: asked.headers, body }))
        const text = await response.text()
        frames.push(body, text)
        return HttpClientResponse.fromWeb(asked, new Response(text, response))
      })
    )
    const client = yield* Effect.provide(
      ProviderRpc.make(),
      RpcClient.layerProtocolHttp({ url: "http://localhost/provider" }).pipe(
        Layer.provide([RpcSerialization.layerNdjson, Layer.succeed(HttpClient.HttpClient, server)])
      )
    )
    return [...frames, yield* Effect.exit(Stream.runCollect(client.stream(request)))]
  }),

  "a batch": Effect.fnUntraced(function*(definition) {
    const { service, told } = yield* recorded
    const ended: Array<unknown> = []
    const run = Batch.run([{ id: "q1", request }, { id: "q2", request }], {
      name: "batch",
      targets: [{ provider: definition }],
      maxRetries: 0,
      breaker: { failures: 1, openFor: "1 milli" },
      cache: true,
      onEnded: (answer) => Effect.sync(() => void ended.push(answer))
    })
    const exit = yield* Effect.exit(Effect.provideService(run, Store.Store, service))
    return [...told, ...ended, exit]
  }),

  "server-sent events": Effect.fnUntraced(function*(definition) {
    return [yield* textOf(ServerSentEvents.encode(yield* eventsOf(definition), { toolResults: true, costs: true }))]
  }),

  "the body for AI SDK": Effect.fnUntraced(function*(definition) {
    return [yield* textOf(AiSdk.encode(yield* eventsOf(definition)))]
  }),

  "the body for AG-UI": Effect.fnUntraced(function*(definition) {
    return [yield* textOf(AgUi.encode(yield* eventsOf(definition), { threadId: "thread", runId: "run" }))]
  }),

  "an error of effect/ai": Effect.fnUntraced(function*(definition) {
    const model = EffectAi.layer().pipe(Layer.provide(Layer.effect(Provider.Provider, Provider.make(definition))))
    const exit = yield* Effect.exit(Effect.provide(LanguageModel.generateText({ prompt: "Say hello" }), model))
    return [exit, Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""]
  }),

  "the log of a chat": Effect.fnUntraced(function*(definition) {
    const { service, told } = yield* recorded
    const log = yield* Effect.provideService(AiSdkLog.make(), Store.Store, service)
    const chat = { id: "chat", user: "ada" }
    const turn = yield* AiSdk.decode(Client.post([Client.user("u1")]), { scope: chat.user })
    const first = yield* log.answer(chat, turn, yield* eventsOf(definition))
    const texts = yield* Effect.forEach(
      [first, yield* log.resume(chat, { ended: true })],
      ({ body }) => body._tag === "Stream" ? Stream.mkString(Stream.decodeText(body.stream)) : Effect.succeed("")
    )
    return [...told, ...texts]
  })
}

/** Stores in which others can look, and what they see there. */
const stores: Readonly<Record<string, readonly [isHere: boolean, outlet: Outlet]>> = {
  SQLite: [
    hasSqlite,
    Effect.fnUntraced(function*(definition) {
      const at = yield* folder
      const told = yield* throughMiddlewares(definition, yield* SqliteStore.make({ filename: Path.join(at, "store") }))
      return [...told, ...Fs.readdirSync(at).map((name) => Fs.readFileSync(Path.join(at, name), "latin1"))]
    })
  ],
  Postgres: [
    hasPostgres,
    Effect.fnUntraced(function*(definition) {
      const { passed, url } = yield* proxy(postgresUrl)
      const table = yield* Effect.acquireRelease(Effect.sync(unique), dropPostgres)
      const store = yield* PostgresStore.make({ url: Redacted.make(url), table })
      return [...yield* throughMiddlewares(definition, store), passed()]
    })
  ],
  Redis: [
    hasRedis,
    Effect.fnUntraced(function*(definition) {
      const { passed, url } = yield* proxy(redisUrl)
      const prefix = yield* Effect.acquireRelease(Effect.sync(unique), dropRedis)
      const store = yield* NodeRedisStore.make({ url: Redacted.make(url), prefix })
      return [...yield* throughMiddlewares(definition, store), passed()]
    })
  ]
}

/** A runner takes long to start. */
const cluster: Outlet = Effect.fnUntraced(function*(definition) {
  const { service, told } = yield* recorded
  const log = yield* ProviderCluster.make(yield* Provider.make(definition)).pipe(
    Effect.provideService(Store.Store, service),
    Effect.provideContext(yield* Layer.build(TestRunner.layer))
  )
  const { id } = yield* log.start(request, { user: "ada" })
  const items = yield* Stream.runCollect(yield* log.follow(id, { user: "ada" }))
  return [...told, ...items, yield* log.snapshot(id, { user: "ada" })]
})

const textsOf = (values: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  values.map((value) =>
    typeof value === "string" ? value : inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity })
  )

/** Where a secret is found that is in these places. */
const search = Effect.fnUntraced(function*(
  id: keyof typeof wires,
  outlet: Outlet,
  places: Readonly<Record<string, Place>> = placesOf[id] ?? {},
  only = /./
) {
  const seen: Array<string> = []
  // Other statuses differ in nothing here.
  const {
    [handedOn[id] ?? ""]: _,
    "status 400": _1,
    "status 403": _2,
    "status 404": _3,
    "status 529": _4,
    ...refused
  } = failures
  for (const [place, options] of Object.entries(places)) {
    for (const [failure, host] of Object.entries({ ...refused, ...answers(wires[id]) })) {
      if (!only.test(failure)) continue
      const definition = providers[id]?.(options) ?? assert.fail(id)
      const logs: Array<unknown> = []
      const values = yield* outlet(definition).pipe(
        Effect.scoped,
        answering(contentTypeOf(definition), host),
        Effect.provideService(References.MinimumLogLevel, "Trace"),
        Effect.provide(Logger.layer([Logger.make(({ cause, message }) => void logs.push(message, cause))]))
      )
      assert.isAbove(values.length, 0)
      seen.push(...foundIn(textsOf([...values, ...logs])).map((found) => `${place}, ${failure}: ${found}`))
    }
  }
  return seen
})

describe("A secret", () => {
  for (const id of ["openai", "anthropic", "bedrock"] as const) {
    for (const [name, outlet] of Object.entries(outlets)) {
      it.live(`of ${id} is not in ${name}`, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* search(id, outlet), [])
        }))
    }
  }

  it.live("is not in the log of a cluster", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* search("openai", cluster, { "a key": {} }), [])
    }))

  for (const [name, [isHere, outlet]] of Object.entries(stores)) {
    it.live.skipIf(!isHere)(`is in nothing that a store in ${name} writes`, () =>
      Effect.gen(function*() {
        const { "a key": key = {}, "the query of the address": query = {} } = placesOf["openai"] ?? {}
        assert.deepStrictEqual(yield* search("openai", outlet, { key, query }, /401|429|breaks|repeats/), [])
      }))
  }

  it.live("is in no error of a log's client", () =>
    Effect.gen(function*() {
      const error = { _tag: secret, message: echo }
      const ended = JSON.stringify({ _tag: "Failed", reason: secret, message: echo, emitted: false })
      const hosts: Readonly<Record<string, Host>> = {
        ...failures,
        "a refusal of a log": () => new Response(JSON.stringify({ error }), { status: 404 }),
        "a log that is away": () => new Response(JSON.stringify({ error }), { status: 503 }),
        "an answer that failed": () =>
          new Response(`event: end\nid: a-end\ndata: ${ended}\n\n`, {
            headers: { "content-type": "text/event-stream" }
          })
      }
      const url = "https://logs.example/answers"
      const places: Readonly<Record<string, StreamLogClient.ProviderOptions>> = {
        "a redacted header": { url, headers: { authorization: Redacted.make(`Bearer ${secret}`) } },
        "a header whose name says it": { url, headers: { "X-Gateway-Key": secret } },
        "the query of the address": { url: `${url}?code=${encodeURIComponent(secret)}` },
        "the path of the address": { url: `https://logs.example/${encodeURIComponent(secret)}/answers` }
      }
      const seen: Array<string> = []
      for (const [place, options] of Object.entries(places)) {
        for (const [failure, host] of Object.entries(hosts)) {
          const logged: Array<unknown> = []
          const values = yield* Effect.gen(function*() {
            const { stream } = yield* StreamLogClient.make({ ...options, maxAttempts: 1 })
            return [
              yield* Effect.exit(Stream.runCollect(stream(request))),
              yield* Effect.exit(
                Stream.runCollect(StreamLogClient.follow(options.url, { ...options, maxAttempts: 1 }))
              ),
              yield* Effect.exit(StreamLogClient.cancel(options.url, options))
            ]
          }).pipe(
            answering("text/event-stream", host),
            Effect.provide(Logger.layer([Logger.make(({ cause, message }) => void logged.push(message, cause))]))
          )
          seen.push(...foundIn(textsOf([...values, ...logged])).map((found) => `${place}, ${failure}: ${found}`))
        }
      }
      assert.deepStrictEqual(seen, [])
    }))
})
