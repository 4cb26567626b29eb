/**
 * What CI guards of the speed, as a line of JSON: CPU relative to what no client does without, taken in turns in one
 * process, the best of many short rounds of each; and work that can be counted.
 *
 *     npm run build && node --expose-gc bench/ratios.ts
 */
import * as ChunkStream from "effect-llm-stream/ChunkStream"
import * as OpenAi from "effect-llm-stream/openai/OpenAi"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

const utf8 = new TextEncoder()
const chunk = (delta: object, finish_reason: string | null = null) =>
  utf8.encode(`data: ${
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_754_000_000,
      model: "gpt-4o-2024-08-06",
      choices: [{ index: 0, delta, logprobs: null, finish_reason }]
    })
  }\n\n`)
const answer = (count: number) => [
  ...Array.from({ length: count }, (_, at) => chunk({ content: ` word${at % 100}` })),
  chunk({}, "stop"),
  utf8.encode("data: [DONE]\n\n")
]
const short = answer(1)
const long = answer(2_000)

let reads: ReadonlyArray<Uint8Array> = short
let staysOpen = false
const waiting: Array<() => void> = []
const fetch = () => {
  let at = 0
  const own = reads
  const isOpen = staysOpen
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const read = own[at++]
    if (read !== undefined) controller.enqueue(read)
    else if (isOpen) return new Promise<void>((resolve) => void waiting.push(resolve))
    else controller.close()
    return undefined
  }
  return Promise.resolve(
    new Response(new ReadableStream({ pull }), { headers: { "content-type": "text/event-stream" } })
  )
}

const withFetch = Effect.provideService(FetchHttpClient.Fetch, fetch)
const client = Effect.runSync(Effect.provide(HttpClient.HttpClient, FetchHttpClient.layer))
const openai = OpenAi.make({ apiKey: Redacted.make("sk-bench") }).pipe(
  Effect.provide(FetchHttpClient.layer),
  Effect.runSync
)
const stream = openai.stream({ model: "gpt-4o", prompt: "Say hello" })
/** An open stream that held what was made of its prompt would be seen. */
const conversation = openai.stream({
  model: "gpt-4o",
  prompt: Array.from({ length: 50 }, (_, at) => ({ role: "user" as const, content: `Message ${at}` }))
})

const parse = () => {
  const decoder = new TextDecoder()
  let buffer = ""
  return (bytes: Uint8Array) => {
    const events = (buffer + decoder.decode(bytes, { stream: true })).split("\n\n")
    buffer = events.pop() ?? ""
    for (const event of events) if (!event.endsWith("[DONE]")) JSON.parse(event.slice(6))
  }
}

/** Effect alone: its HTTP client, its streams and `JSON.parse`. */
const effect = () => {
  const read = parse()
  return HttpClientRequest.post("https://api.openai.com/v1/chat/completions").pipe(
    HttpClientRequest.bodyUint8Array(utf8.encode(JSON.stringify({ model: "gpt-4o" })), "application/json"),
    client.execute,
    Effect.map((response) => response.stream),
    Stream.unwrap,
    Stream.runForEachArray((reads) => Effect.sync(() => reads.forEach(read))),
    withFetch,
    Effect.runPromise
  )
}

/** The hand loop: nothing but splitting and `JSON.parse`. */
const loop = async () => {
  const read = parse()
  const { body } = await fetch()
  if (body !== null) { for await (const bytes of body) read(bytes) }
}

const chunks = () => stream.pipe(Stream.runForEachArray(() => Effect.void), withFetch, Effect.runPromise)
const response = () => ChunkStream.response(stream).pipe(withFetch, Effect.runPromise)

const inTurns = async (
  body: ReadonlyArray<Uint8Array>,
  times: number,
  programs: ReadonlyArray<() => Promise<unknown>>
): Promise<ReadonlyArray<number>> => {
  reads = body
  const best = programs.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < 40; round++) {
    for (const [index, program] of programs.entries()) {
      const since = process.cpuUsage()
      for (let time = 0; time < times; time++) await program()
      const { system, user } = process.cpuUsage(since)
      best[index] = Math.min(best[index] ?? Number.POSITIVE_INFINITY, system + user)
    }
  }
  const [floor = 1, ...others] = best
  return others.map((time) => time / floor)
}

const [request] = await inTurns(short, 100, [effect, chunks])
const [ofChunks, ofResponse] = await inTurns(long, 1, [loop, chunks, response])

/** Fibers that a request runs in; their ids are a count. */
reads = short
const idOfNext = () => Effect.runFork(Effect.void).id
const since = idOfNext()
await chunks()
await new Promise((resolve) => setTimeout(resolve, 100))
const fibers = idOfNext() - since - 1

const heap = async () => {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}
const open = (count: number) =>
  Promise.all(Array.from({ length: count }, () =>
    new Promise<void>((resolve) =>
      void conversation.pipe(
        Stream.runForEachArray(() => Effect.sync(resolve)),
        withFetch,
        Effect.runPromise
      )
    )))
reads = short.slice(0, 1)
staysOpen = true
await open(100)
const before = await heap()
await open(1_000)
const idle = (await heap() - before) / 1_000

console.log(JSON.stringify({ request, chunks: ofChunks, response: ofResponse, fibers, idle }))
process.exit()
