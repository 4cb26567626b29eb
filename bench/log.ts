/**
 * What it costs to record an answer, and to wait for one. Run with `node bench/log.ts`, and with the URLs of servers:
 * `node bench/log.ts redis://127.0.0.1:6379 postgres://postgres@127.0.0.1:5432/test`. Times are those of this process; it removes
 * what it writes.
 */
import { Context, Effect, Layer, Option, Queue, Redacted, Result, Stream } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { OpenAiChunk, type Provider } from "../src/index.ts"
import * as State from "../src/log/state.ts"
import * as StreamLog from "../src/log/StreamLog.ts"
import * as Store from "../src/stores/Store.ts"
import * as Stores from "../src/stores/Stores.ts"

const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-log-"))
const urls = ["memory:", `sqlite:${Path.join(folder, "store")}`, ...process.argv.slice(2)]
const batches = 300
const many = 1_000

/** As OpenAI sends them. */
const chunks = Array.from({ length: 8 }, (_, index) =>
  new OpenAiChunk({
    provider: "openai",
    chunk: {
      id: "chatcmpl-CWYcpL9xKkq1Qa0aB5tq3p8dWZ2nE",
      object: "chat.completion.chunk",
      created: 1_761_000_000,
      model: "gpt-4o-mini-2024-07-18",
      service_tier: "default",
      system_fingerprint: "fp_560af6e559",
      choices: [{ index: 0, delta: { content: ` word ${index}` }, logprobs: null, finish_reason: null }]
    }
  }))

/** Microseconds of processor time, and milliseconds of the clock. */
const measured = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const cpu = process.cpuUsage()
    const at = performance.now()
    return Effect.map(effect, () => {
      const { system, user } = process.cpuUsage(cpu)
      return { cpu: user + system, wall: performance.now() - at }
    })
  })

const logOf = (store: Store.Service, stream: Provider.Service["stream"]) =>
  StreamLog.make({ name: "bench", stream }).pipe(Effect.provideService(Store.Store, store))

/** Each batch comes when the one before is stored. */
const recording = Effect.fnUntraced(function*(store: Store.Service) {
  const stored = yield* Queue.unbounded<void>()
  const signalling: Store.Service = {
    ...store,
    transact: (keys, transition) => Effect.tap(store.transact(keys, transition), () => Queue.offer(stored, undefined))
  }
  const log = yield* logOf(
    signalling,
    () =>
      Stream.paginate(
        0,
        (n) => Effect.as(Queue.take(stored), [chunks, n + 1 < batches ? Option.some(n + 1) : Option.none()])
      )
  )
  const record = Effect.gen(function*() {
    const { id } = yield* log.start({ prompt: "Say hello" })
    yield* Effect.repeat(Effect.andThen(Effect.sleep(100), log.find(id)), { until: ({ end }) => end !== null })
  })
  const rounds = yield* Effect.replicateEffect(measured(record), 25)
  const least = (of: (round: { readonly cpu: number; readonly wall: number }) => number) =>
    round(Math.min(...rounds.map(of)) / (batches * chunks.length))
  return {
    "recording, CPU µs a chunk": least(({ cpu }) => cpu),
    "recording, µs a chunk": least(({ wall }) => wall * 1_000)
  }
})

/** What a server does whose readers wait for what others produce, who say nothing. */
const waiting = (store: Store.Service) =>
  Effect.scoped(Effect.gen(function*() {
    const log = yield* logOf(store, () => Stream.never)
    const stated = { provider: "bench", model: null, usage: null, cost: null }
    yield* Effect.forEach(Array.from({ length: many }, (_, index) => `${Date.now()}-${index}`), (id) => {
      const opening: State.Opening = { epoch: id, hash: "", user: "", lease: 60_000, ttl: 60_000, stated }
      return store.transact([State.head(id).key], State.over(id, State.open(id, opening))).pipe(
        Effect.andThen(log.follow(id)),
        Effect.flatMap((items) => Effect.forkScoped(Stream.runDrain(items)))
      )
    }, { concurrency: 8 })
    return { [`${many} waiting readers, % of a core`]: yield* load }
  }))

const load = Effect.andThen(
  Effect.sleep("5 seconds"),
  Effect.map(measured(Effect.sleep("10 seconds")), ({ cpu, wall }) => round(cpu / wall / 10))
)

const round = (n: number): number => Number(n.toPrecision(3))

const clear = (store: Store.Service) =>
  store.scan("\"log").pipe(
    Stream.grouped(500),
    Stream.runForEach((entries) =>
      store.transact(
        [],
        () => Result.succeed({ result: undefined, writes: entries.map(({ key }) => ({ key, value: undefined })) })
      )
    )
  )

const rows = []
for (const url of urls) {
  const open = Effect.map(Layer.build(Stores.layer(Redacted.make(url))), Context.get(Store.Store))
  rows.push(
    await Effect.gen(function*() {
      const store = yield* open
      const results = {
        store: url.replace(/:.*/s, ""),
        ...yield* Effect.scoped(recording(store)),
        ...yield* waiting(store)
      }
      yield* clear(store)
      return results
    }).pipe(Effect.scoped, Effect.runPromise)
  )
}
console.table(rows)
Fs.rmSync(folder, { recursive: true })
