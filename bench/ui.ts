/**
 * CPU time that a front end's protocol adds to an event that is there, and how large its modules are.
 *
 *     node bench/ui.ts
 */
import { Effect, Redacted, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "rolldown"
import type { ChatEvent } from "../src/index.ts"
import * as AgUi from "../src/ui/AgUi.ts"
import * as AiSdk from "../src/ui/AiSdk.ts"
import * as Trust from "../src/ui/Trust.ts"

const count = 5_000

const events: ReadonlyArray<ChatEvent.ChatEvent> = [
  ...Array.from({ length: count }, (_, at) => ({ _tag: "Text", delta: ` word${at % 10}`, block: "0" }) as const),
  { _tag: "Finish", reason: "stop" }
]

const trust = await Effect.runPromise(Trust.sealed({ secret: Redacted.make("a secret of 32 characters and more") }))

/** Nanoseconds an event, at so many events a read: the best of several rounds. */
const measure = async (run: (self: Stream.Stream<ChatEvent.ChatEvent>) => Stream.Stream<unknown>, size: number) => {
  const program = Stream.runDrain(
    Stream.provideService(run(Stream.rechunk(Stream.fromArray(events), size)), Trust.Trust, trust)
  )
  for (let warm = 0; warm < 10; warm++) await Effect.runPromise(program)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 15; round++) {
    const since = process.cpuUsage()
    await Effect.runPromise(program)
    const { system, user } = process.cpuUsage(since)
    best = Math.min(best, (system + user) * 1e3 / count)
  }
  return best
}

const run = { threadId: "thread", runId: "run" }

for (const size of [1, 16]) {
  const base = await measure((self) => self, size)
  for (
    const [name, cost] of [
      ["AiSdk", await measure(AiSdk.encode, size) - base],
      ["AgUi", await measure((self) => AgUi.encode(self, run), size) - base]
    ] as const
  ) {
    console.log(`${name}.encode, ${size} events a read: ${(cost / 1e3).toFixed(2)} µs an event`)
  }
}

/** What a program loads for a protocol beside what the library has without it, as a bundler leaves it, compressed. */
for (const module of ["AiSdk", "AgUi"]) {
  const input = fileURLToPath(new URL(`../src/ui/${module}.ts`, import.meta.url))
  const { output } = await build({
    input,
    external: (id) => !id.startsWith("./") && id !== input,
    output: { minify: true },
    write: false
  })
  const size = output.reduce((sum, part) => sum + (part.type === "chunk" ? gzipSync(part.code).length : 0), 0)
  console.log(`${module}: ${(size / 1024).toFixed(1)} KB of its own, compressed`)
}
