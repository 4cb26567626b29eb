/**
 * What grows with the input and what does not: the time for one huge event read in 4 KiB pieces, and the memory held
 * during a long stream.
 *
 * Run: `node --expose-gc bench/large.ts`
 */
import { Effect, Stream } from "effect"
import { ChunkStream, OpenAi, Protocol } from "../src/index.ts"

const encoder = new TextEncoder()
const mebibyte = 1024 * 1024
const end = encoder.encode(
  "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
)

const pieces = (size: number): ReadonlyArray<Uint8Array> => {
  const event = encoder.encode(
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x".repeat(size) } }] })}\n\n`
  )
  const reads = Array.from(
    { length: Math.ceil(event.length / 4096) },
    (_, i) => event.subarray(i * 4096, (i + 1) * 4096)
  )
  return [...reads, end]
}

const decode = (reads: Iterable<Uint8Array>) =>
  Stream.fromIterable(reads).pipe(Stream.rechunk(1), Protocol.decode(OpenAi.protocol()))

console.log(`Node ${process.version}\n\n| one event of | ms | relative to half the size |\n|---|---:|---:|`)
let previous: number | undefined
for (const size of [2, 4, 8, 16, 32]) {
  const reads = pieces(size * mebibyte)
  const times: Array<number> = []
  for (let round = 0; round < 5; round++) {
    const start = performance.now()
    const response = await Effect.runPromise(ChunkStream.response(decode(reads)))
    times.push(performance.now() - start)
    if (response.content.length !== size * mebibyte) throw new Error("content lost")
  }
  const middle = times.sort((a, b) => a - b)[2] ?? 0
  console.log(
    `| ${size} MiB | ${middle.toFixed(1)} | ${previous === undefined ? "" : `${(middle / previous).toFixed(2)}x`} |`
  )
  previous = middle
}

const event = encoder.encode(
  `data: ${JSON.stringify({ id: "r", choices: [{ index: 0, delta: { content: "word " } }] })}\n\n`
)
const heap = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / mebibyte
}

// An hour at 100 events a second.
function* hour(report: (event: number) => void): Generator<Uint8Array> {
  for (let i = 0; i < 360_000; i++) {
    if (i % 90_000 === 0) report(i)
    yield event
  }
  report(360_000)
  yield end
}

console.log("\n| events of a long stream | MiB of heap |\n|---:|---:|")
await Effect.runPromise(
  decode(hour((seen) => console.log(`| ${seen} | ${heap().toFixed(1)} |`))).pipe(Stream.runDrain)
)
