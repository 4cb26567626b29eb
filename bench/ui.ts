/**
 * CPU time that a front end's protocol adds to an event that is there, and how large its modules are.
 *
 *     node bench/ui.ts
 */
import { Effect, Redacted, Stream } from "effect"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { gzipSync } from "node:zlib"
import type { ChatEvent } from "../src/index.ts"
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

for (const size of [1, 16]) {
  const base = await measure((self) => self, size)
  const cost = await measure(AiSdk.encode, size) - base
  console.log(`AiSdk.encode, ${size} events a read: ${(cost / 1e3).toFixed(2)} µs an event`)
}

const own = (file: string) =>
  gzipSync(
    stripTypeScriptTypes(readFileSync(new URL(`../src/ui/${file}.ts`, import.meta.url), "utf8"))
      .replaceAll(/^ *(\/\*\*.*?\*\/|\/\/.*)$/gms, "").replaceAll(/\n\s*/g, "\n")
  ).length

for (const file of ["AiSdk", "blocks", "history", "body", "http", "seal", "Trust"]) {
  console.log(`${file}: ${own(file)} bytes of its own, compressed`)
}
