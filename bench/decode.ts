/**
 * The decode path against its bars: a hand-written loop, the `openai` SDK's raw stream and the AI SDK's `streamText`,
 * all fed with the same bytes in this process, once with one event per read and once with 64 KiB reads.
 *
 * Run: `npm run bench` (a whole table takes about a minute), or `node bench/decode.ts` on another runtime's build.
 */
import { createOpenAI } from "@ai-sdk/openai"
import { streamText } from "ai"
import { Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import OpenAI from "openai"
import { OpenAi, Protocol } from "../src/index.ts"

const events = 20_000
const encoder = new TextEncoder()

const chunkOf = (content: string, finish: string | null) => ({
  id: "chatcmpl-Bx1DZk3fHVxQ",
  object: "chat.completion.chunk",
  created: 1754000000,
  model: "gpt-4o-2024-08-06",
  service_tier: "default",
  system_fingerprint: "fp_07871e2ad8",
  choices: [{ index: 0, delta: finish === null ? { content } : {}, logprobs: null, finish_reason: finish }],
  usage: null,
  obfuscation: "mQ8xTz"
})

const frames: ReadonlyArray<Uint8Array> = [
  ...Array.from({ length: events - 1 }, (_, i) => `data: ${JSON.stringify(chunkOf(` word${i % 100}`, null))}\n\n`),
  `data: ${JSON.stringify(chunkOf("", "stop"))}\n\ndata: [DONE]\n\n`
].map((frame) => encoder.encode(frame))

const joined = ((): Uint8Array => {
  const all = new Uint8Array(frames.reduce((size, frame) => size + frame.length, 0))
  let offset = 0
  for (const frame of frames) {
    all.set(frame, offset)
    offset += frame.length
  }
  return all
})()

const reads = {
  "one event per read": frames,
  "64 KiB reads": Array.from(
    { length: Math.ceil(joined.length / 65536) },
    (_, i) => joined.subarray(i * 65536, (i + 1) * 65536)
  )
}

const webBody = (chunks: ReadonlyArray<Uint8Array>): ReadableStream<Uint8Array> => {
  let i = 0
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[i++]
      if (chunk === undefined) controller.close()
      else controller.enqueue(chunk)
    }
  })
}

const response = (chunks: ReadonlyArray<Uint8Array>) =>
  new Response(webBody(chunks), { headers: { "content-type": "text/event-stream" } })

// Reads the same web stream, so that what is compared is framing, parsing, validation and delivery.
const handLoop = async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const reader = webBody(chunks).getReader()
  const decoder = new TextDecoder()
  let buffer = ""
  let seen = 0
  let length = 0
  while (true) {
    const { done, value } = await reader.read()
    if (done) break
    buffer += decoder.decode(value, { stream: true })
    let start = 0
    for (let end = buffer.indexOf("\n\n"); end !== -1; end = buffer.indexOf("\n\n", start)) {
      const data = buffer.slice(start + 6, end)
      start = end + 2
      if (data === "[DONE]") continue
      length += JSON.parse(data).choices[0].delta.content?.length ?? 0
      seen++
    }
    buffer = buffer.slice(start)
  }
  return length > 0 ? seen : 0
}

const ours = (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const client = HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, response(chunks))))
  const layer = OpenAi.layer({ apiKey: Redacted.make("sk-bench") }).pipe(
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
  )
  return Effect.gen(function*() {
    const openai = yield* OpenAi.OpenAi
    let seen = 0
    let length = 0
    yield* openai.stream({ model: "gpt-4o", prompt: "hello" }).pipe(
      Stream.runForEachArray((array) =>
        Effect.sync(() => {
          for (const chunk of array) length += chunk.content.length
          seen += array.length
        })
      )
    )
    return length > 0 ? seen : 0
  }).pipe(Effect.provide(layer), Effect.runPromise)
}

// Without the HTTP layer: what is left is framing, JSON, validation and the stream itself.
const oursDecodeOnly = (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  let seen = 0
  let length = 0
  return Stream.fromReadableStream({ evaluate: () => webBody(chunks), onError: () => "never" as const }).pipe(
    Protocol.decode(OpenAi.protocol()),
    Stream.runForEachArray((array) =>
      Effect.sync(() => {
        for (const chunk of array) length += chunk.content.length
        seen += array.length
      })
    ),
    Effect.map(() => length > 0 ? seen : 0),
    Effect.runPromise
  )
}

const openaiSdk = async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const client = new OpenAI({ apiKey: "sk-bench", fetch: () => Promise.resolve(response(chunks)) })
  const stream = await client.chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content: "hello" }],
    stream: true
  })
  let seen = 0
  let length = 0
  for await (const chunk of stream) {
    length += chunk.choices[0]?.delta.content?.length ?? 0
    seen++
  }
  return length > 0 ? seen : 0
}

const aiSdk = async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const provider = createOpenAI({ apiKey: "sk-bench", fetch: () => Promise.resolve(response(chunks)) })
  const result = streamText({ model: provider.chat("gpt-4o"), prompt: "hello" })
  let seen = 1
  for await (const _ of result.textStream) seen++
  return seen
}

const contenders = {
  "hand loop (split + JSON.parse)": handLoop,
  "effect-llm-stream, decode only": oursDecodeOnly,
  "effect-llm-stream, whole client": ours,
  "openai SDK raw stream (unvalidated)": openaiSdk,
  "AI SDK streamText": aiSdk
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

console.log(`Node ${process.version}, ${events} events of about ${Math.round(joined.length / events)} bytes\n`)
for (const [shape, chunks] of Object.entries(reads)) {
  console.log(`| ${shape} | µs/event | events/s | relative to the hand loop |`)
  console.log("|---|---:|---:|---:|")
  const times = new Map<string, Array<number>>()
  // Rounds go over all contenders in turn, so that a noisy moment hits all of them.
  for (let round = 0; round < 7; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const start = performance.now()
      const seen = await run(chunks)
      const elapsed = performance.now() - start
      if (seen < events - 1) throw new Error(`${name} saw ${seen} of ${events} events`)
      if (round >= 2) times.set(name, [...(times.get(name) ?? []), elapsed])
    }
  }
  const base = median(times.get("hand loop (split + JSON.parse)") ?? [])
  for (const [name, elapsed] of times) {
    const middle = median(elapsed)
    console.log(
      `| ${name} | ${(1000 * middle / events).toFixed(2)} | ${Math.round(1000 * events / middle)} | ${
        (middle / base).toFixed(2)
      }x |`
    )
  }
  console.log("")
}
