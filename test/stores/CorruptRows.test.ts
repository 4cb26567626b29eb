import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Redacted, Result, type Scope, Stream } from "effect"
import { HttpClient, HttpClientResponse, type HttpServerResponse } from "effect/http"
import * as Batch from "../../src/Batch.ts"
import { type Chunk, ChunkStream, type OpenAiChunk, type Provider } from "../../src/index.ts"
import * as StreamLog from "../../src/log/StreamLog.ts"
import * as Breaker from "../../src/middleware/Breaker.ts"
import * as Budget from "../../src/middleware/Budget.ts"
import * as Cache from "../../src/middleware/Cache.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"
import * as Limit from "../../src/middleware/Limit.ts"
import * as OpenAi from "../../src/openai/OpenAi.ts"
import * as Store from "../../src/stores/Store.ts"
import { Answer, TestProvider, Wire } from "../../src/testing.ts"
import * as AiSdkLog from "../../src/ui/AiSdkLog.ts"

const usage = { inputTokens: 10, cachedTokens: 0, outputTokens: 5 }
const answer = Answer.openai(Answer.make({ model: "gpt-4o-mini", content: "Hello", usage }))
const provider = Effect.runSync(TestProvider.make([{ chunks: answer }], { name: "openai" }))
const request = { model: "gpt-4o-mini", prompt: "Say hello", maxTokens: 50, user: "ada" }

const http = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(
    request,
    new Response(
      Buffer.concat([...answer.map(Wire.openai.encode), Wire.openai.terminator]),
      { headers: { "content-type": "text/event-stream" } }
    )
  ))
)

type Run = Effect.Effect<unknown, unknown, Store.Store | Scope.Scope>

const through = (
  made: Effect.Effect<
    (self: Provider.Service<OpenAiChunk>) => Provider.Service<Chunk.Chunk>,
    unknown,
    Store.Store
  >
): Run => Effect.flatMap(made, (around) => Stream.runDrain(around(provider).stream(request)))

const user = "ada"
const chat = { id: "chat", user }
const waits = { patience: "100 millis", lease: "1 second" } as const

const logged = <A, E>(use: (log: StreamLog.Service) => Effect.Effect<A, E, Scope.Scope>): Run =>
  Effect.flatMap(StreamLog.make(provider, waits), use)

const chatting = <E>(
  use: (log: AiSdkLog.Service) => Effect.Effect<HttpServerResponse.HttpServerResponse, E>
): Run =>
  Effect.flatMap(
    AiSdkLog.make(waits),
    (log) => Effect.flatMap(use(log), ({ body }) => body._tag === "Stream" ? Stream.runDrain(body.stream) : Effect.void)
  )

const events = ChunkStream.events(provider.stream(request))

/** What writes entries, and reads them. */
const uses: Readonly<Record<string, Run>> = {
  budget: through(Budget.make({ limit: "5" })),
  "budget's balance": Budget.balance({ limit: "5" }),
  breaker: through(Breaker.make({ failures: 2 })),
  cache: through(Cache.make({ timeToLive: "1 hour" })),
  limit: through(Limit.make({ requests: { limit: 9, every: "1 minute" }, tokens: { limit: 999, every: "1 minute" } })),
  ledger: through(Ledger.make({ user: () => user })),
  "ledger's rows": Stream.runDrain(Ledger.rows()),
  "ledger's entries": Ledger.entries({ user }),
  "ledger's sweep": Ledger.sweep(),
  log: logged((log) =>
    Effect.andThen(
      log.start(request, { id: "a", user }),
      Effect.flatMap(log.follow("a", { user, maxPage: 64 }), Stream.runDrain)
    )
  ),
  "log's rest": logged((log) =>
    Effect.flatMap(
      log.find("a", { user }),
      ({ epoch }) => Effect.flatMap(log.follow("a", { user, from: { epoch, count: 2 } }), Stream.runDrain)
    )
  ),
  "log's snapshot": logged((log) => log.snapshot("a", { user })),
  "log's bills": logged((log) => log.ledger({ user })),
  "log's cancel": logged((log) => log.cancel("a", { user })),
  chat: chatting((log) => log.answer(chat, { message: undefined }, events)),
  "chat's replay": chatting((log) => log.resume(chat, { ended: true })),
  batch: Effect.provideService(
    Batch.run([{ id: "q1", request: { prompt: "Is 7 a prime?", maxTokens: 5 } }], {
      name: "primes",
      targets: [{ provider: OpenAi.define({ apiKey: Redacted.make("sk-test-key"), model: "gpt-4o-mini" }) }],
      rate: { amount: 100, every: "1 second" },
      maxCost: "5"
    }),
    HttpClient.HttpClient,
    http
  )
}

const huge = `"1e400000000"`

/** What a row may be instead of what was written: cut off, none of JSON, and another value at each of its places. */
const corrupted = (value: string): ReadonlyArray<string> => [
  "",
  value.slice(0, value.length >> 1),
  "null",
  "[]",
  "{}",
  `${"[".repeat(1e5)}${"]".repeat(1e5)}`,
  ...Array.from(value.matchAll(/"(?:[^"\\]|\\.)*"(?!:)|-?\d[\d.]*|\{\}|true|false|null/g)).slice(0, 15).flatMap(
    ({ 0: old, index }) =>
      ["null", "-1", "1e308", `"x"`, huge, "{}", `{"a":{"amount":${huge},"until":1e308}}`].map((other) =>
        value.slice(0, index) + other + value.slice(index + old.length)
      )
  )
]

const put = (entries: ReadonlyArray<Store.Entry>) =>
  Effect.tap(Store.memory, (store) => store.transact([], () => Result.succeed({ result: undefined, writes: entries })))

const entriesOf = (store: Store.Service) => Stream.runCollect(store.scan(""))

describe("A row of a store that is not what was written", () => {
  for (const [name, run] of Object.entries(uses)) {
    it.live(`is no defect of a ${name}`, () =>
      Effect.gen(function*() {
        const store = yield* Store.memory
        const on = (store: Store.Service, run: Run) =>
          Effect.exit(Effect.scoped(Effect.provideService(run, Store.Store, store)))
        const [writer = name] = name.split("'")
        assert.isTrue(Exit.isSuccess(yield* on(store, uses[writer] ?? run)))
        const written = yield* entriesOf(store)
        for (const { key, value } of written) {
          for (const other of corrupted(value)) {
            const exit = yield* on(
              yield* put(written.map((entry) => entry.key === key ? { key, value: other } : entry)),
              run
            )
            if (Exit.isSuccess(exit)) continue
            assert.isFalse(Cause.hasDies(exit.cause), `${key} ${other.slice(0, 200)} ${Cause.pretty(exit.cause)}`)
          }
        }
      }), 60_000)
  }
})
