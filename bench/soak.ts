/**
 * Streams without end, for what leaks: one stream after the other from a server on this machine, a part of them
 * interrupted or broken, while heap, sockets and timers are watched.
 *
 * Run: `npm run soak -- --seconds 300`. Ends with status 1 when the heap grows by more than 20 MB after the first fifth,
 * or when sockets or timers are left at the end.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Exit, Fiber, Layer, Logger, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { parseArgs } from "node:util"
import { ChunkStream, OpenAi } from "../src/index.ts"
import { Answer, ReplayServer, Wire } from "../src/testing.ts"
import * as NodeReplayServer from "../src/testing/NodeReplayServer.ts"

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, client: { type: "string", default: "fetch" } }
})

const clients: Readonly<Record<string, typeof FetchHttpClient.layer>> = {
  fetch: FetchHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  "node:http": NodeHttpClient.layerNodeHttpOptions({ keepAlive: true })
}

const chunks = Answer.openai(Answer.make({
  content: "All work and no play makes Jack a dull boy. ".repeat(20),
  usage: { inputTokens: 10, cachedTokens: 0, outputTokens: 200 }
}))
const whole = ReplayServer.stream(Wire.openai, chunks)

// One of each kind in turn.
const replies: readonly [ReplayServer.Reply, ...ReadonlyArray<ReplayServer.Reply>] = [
  whole,
  { ...whole, fault: { kind: "reset", after: { events: 20 } } },
  whole,
  { ...whole, fault: { kind: "end", after: { events: 20 } } },
  ReplayServer.json({ error: { message: "slow down" } }, { status: 429, headers: { "retry-after": "0" } }),
  { ...whole, fault: { kind: "hang", after: { events: 20 } } },
  ReplayServer.text("<html>Bad gateway</html>", { contentType: "text/html", status: 502 })
]

const collect = (): number => {
  const { gc } = globalThis
  if (gc === undefined) throw new Error("Run with --expose-gc")
  for (let i = 0; i < 3; i++) gc()
  return process.memoryUsage().heapUsed
}

const resources = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((kind) => kind === "Timeout" || kind === "TCPSocketWrap")

const program = Effect.gen(function*() {
  const server = yield* NodeReplayServer.make((_, index) => replies[index % replies.length] ?? whole)
  const openai = yield* OpenAi.make({
    baseUrl: `${server.url}/v1`,
    apiKey: Redacted.make("sk-soak"),
    idleTimeout: "50 millis",
    maxRetries: 1
  })
  const end = performance.now() + 1000 * Number(values.seconds)
  const counts: Record<string, number> = {}
  let heap: number | undefined
  let last = 0
  const one = (index: number) =>
    Effect.gen(function*() {
      const stream = openai.stream({ model: "gpt-4o-mini", prompt: "Go on" })
      if (index % 5 === 4) {
        const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
        yield* Effect.sleep("2 millis")
        yield* Fiber.interrupt(fiber)
        return "interrupted"
      }
      const { error } = yield* ChunkStream.outcome(stream)
      return error?.reason._tag ?? "complete"
    })
  for (let index = 0; performance.now() < end; index++) {
    const kinds = yield* Effect.all(Array.from({ length: 8 }, (_, i) => one(index * 8 + i)), {
      concurrency: "unbounded"
    })
    for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
    const left = end - performance.now()
    if (performance.now() - last > 5000) {
      last = performance.now()
      const used = collect()
      if (left < 800 * Number(values.seconds)) heap ??= used
      console.log(`${(used / 1e6).toFixed(1)} MB, ${resources().length} sockets and timers, ${JSON.stringify(counts)}`)
    }
  }
  return { growth: collect() - (heap ?? 0), counts }
})

const exit = await Effect.runPromiseExit(
  Effect.scoped(program).pipe(
    Effect.provide([Layer.fresh(clients[values.client] ?? FetchHttpClient.layer), Logger.layer([])])
  )
)
if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
// Pools keep idle sockets for some seconds; what is left when nothing is in the way of the process's end is a leak.
const grown = exit.value.growth / 1e6
console.log(`Heap grown by ${grown.toFixed(1)} MB`)
process.exitCode = grown > 20 ? 1 : 0
const tell = () => {
  const left = resources()
  console.log(`Left after 10 seconds: ${left.join(", ") || "nothing"}`)
  if (left.length > 0) process.exitCode = 1
}
// A timer counts as active while it runs.
setTimeout(() => setImmediate(tell), 10_000)
