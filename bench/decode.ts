/**
 * The decode path against its bars: a hand-written loop, the `openai` SDK's raw stream and the AI SDK's `streamText`,
 * all fed with the same bytes in this process, once with one event per read and once with 64 KiB reads; for chat
 * completions and for the Responses API.
 *
 * Run: `npm run bench` (a whole table takes about a minute), or `node bench/decode.ts` on another runtime's build;
 * `node bench/decode.ts responses` for one of the two.
 */
import { createOpenAI } from "@ai-sdk/openai"
import { streamText } from "ai"
import { Effect, Layer, Redacted, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import OpenAI from "openai"
import { type Chunk, OpenAi, OpenAiResponses, Protocol, Provider } from "../src/index.ts"

const events = 20_000
const encoder = new TextEncoder()

const words = Array.from({ length: events }, (_, i) => ` word${i % 100}`)

/** The events of chat completions, whose data are `data: …` lines. */
const chatFrames = (): ReadonlyArray<string> => {
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
  return [
    ...words.slice(1).map((word) => `data: ${JSON.stringify(chunkOf(word, null))}\n\n`),
    `data: ${JSON.stringify(chunkOf("", "stop"))}\n\ndata: [DONE]\n\n`
  ]
}

/** The events of the Responses API, which have names and numbers, and whose text comes again at its end. */
const responsesFrames = (): ReadonlyArray<string> => {
  const place = { item_id: "msg_0a5004ef5dc3564c0069845a9e9e988193b8df9155eb5d7b71", output_index: 0, content_index: 0 }
  const deltas = words.slice(8)
  const text = deltas.join("")
  const part = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] })
  const item = (status: string, content: ReadonlyArray<object>) => ({
    id: place.item_id,
    type: "message",
    status,
    role: "assistant",
    content
  })
  const answer = (status: string, output: ReadonlyArray<object>) => ({
    id: "resp_0a5004ef5dc3564c0069845a9c82c481938b9b7c975a6f56b1",
    object: "response",
    created_at: 1754000000,
    status,
    model: "gpt-4o-2024-08-06",
    output,
    service_tier: "default",
    tools: [],
    usage: status === "completed"
      ? {
        input_tokens: 13,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: events,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: events + 13
      }
      : null
  })
  const done = item("completed", [part(text)])
  return [
    { type: "response.created", response: answer("in_progress", []) },
    { type: "response.in_progress", response: answer("in_progress", []) },
    { type: "response.output_item.added", output_index: 0, item: item("in_progress", []) },
    { type: "response.content_part.added", ...place, part: part("") },
    ...deltas.map((delta) => ({
      type: "response.output_text.delta",
      delta,
      logprobs: [],
      ...place,
      obfuscation: "mQ8xTz"
    })),
    { type: "response.output_text.done", ...place, text, logprobs: [] },
    { type: "response.content_part.done", ...place, part: part(text) },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: answer("completed", [done]) }
  ].map((event, sequence_number) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`)
}

const concat = (frames: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(frames.reduce((size, frame) => size + frame.length, 0))
  let offset = 0
  for (const frame of frames) {
    all.set(frame, offset)
    offset += frame.length
  }
  return all
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

/** Parses the data of an event, and gives the length of its text. */
type LengthOf = (data: string) => number

// Reads the same web stream, so that what is compared is framing, parsing, validation and delivery.
const handLoop = (lengthOf: LengthOf) => async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
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
      const data = buffer.slice(buffer.indexOf("data: ", start) + 6, end)
      start = end + 2
      if (data === "[DONE]") continue
      length += lengthOf(data)
      seen++
    }
    buffer = buffer.slice(start)
  }
  return length > 0 ? seen : 0
}

const counted = <E>(stream: Stream.Stream<Chunk.Chunk, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    let seen = 0
    let length = 0
    return Effect.map(
      Stream.runForEachArray(stream, (array) =>
        Effect.sync(() => {
          for (const chunk of array) length += chunk.content.length
          seen += array.length
        })),
      () => length > 0 ? seen : 0
    )
  })

const ours = (layer: Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>) =>
(
  chunks: ReadonlyArray<Uint8Array>
): Promise<number> => {
  const client = HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, response(chunks))))
  return Provider.Provider.use(({ stream }) => counted(stream({ model: "gpt-4o", prompt: "hello" }))).pipe(
    Effect.provide(layer.pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))),
    Effect.runPromise
  )
}

// Without the HTTP layer: what is left is framing, JSON, validation and the stream itself.
const oursDecodeOnly =
  <C extends Chunk.Chunk>(protocol: Protocol.Protocol<C>) => (chunks: ReadonlyArray<Uint8Array>): Promise<number> =>
    Stream.fromReadableStream({ evaluate: () => webBody(chunks), onError: () => "never" as const }).pipe(
      Protocol.decode(protocol),
      counted,
      Effect.runPromise
    )

const sdk = (chunks: ReadonlyArray<Uint8Array>) =>
  new OpenAI({ apiKey: "sk-bench", fetch: () => Promise.resolve(response(chunks)) })

const openaiChat = async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const stream = await sdk(chunks).chat.completions.create({
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

const openaiResponses = async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const stream = await sdk(chunks).responses.create({ model: "gpt-4o", input: "hello", stream: true })
  let seen = 0
  let length = 0
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") length += event.delta.length
    seen++
  }
  return length > 0 ? seen : 0
}

const aiSdk = (api: "chat" | "responses") => async (chunks: ReadonlyArray<Uint8Array>): Promise<number> => {
  const provider = createOpenAI({ apiKey: "sk-bench", fetch: () => Promise.resolve(response(chunks)) })
  const result = streamText({ model: provider[api]("gpt-4o"), prompt: "hello" })
  let seen = 1
  for await (const _ of result.textStream) seen++
  return seen
}

const apiKey = Redacted.make("sk-bench")

const wires = {
  "chat completions": {
    frames: chatFrames,
    contenders: {
      "hand loop (split + JSON.parse)": handLoop((data) => JSON.parse(data).choices[0].delta.content?.length ?? 0),
      "effect-llm-stream, decode only": oursDecodeOnly(OpenAi.protocol()),
      "effect-llm-stream, whole client": ours(OpenAi.layer({ apiKey })),
      "openai SDK raw stream (unvalidated)": openaiChat,
      "AI SDK streamText": aiSdk("chat")
    }
  },
  responses: {
    frames: responsesFrames,
    contenders: {
      "hand loop (split + JSON.parse)": handLoop((data) => {
        const event = JSON.parse(data)
        return event.type === "response.output_text.delta" ? event.delta.length : 0
      }),
      "effect-llm-stream, decode only": oursDecodeOnly(OpenAiResponses.protocol()),
      "effect-llm-stream, whole client": ours(OpenAiResponses.layer({ apiKey })),
      "openai SDK raw stream (unvalidated)": openaiResponses,
      "AI SDK streamText": aiSdk("responses")
    }
  }
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const measure = async ({ contenders, frames }: typeof wires[keyof typeof wires], name: string): Promise<void> => {
  const single = frames().map((frame) => encoder.encode(frame))
  const joined = concat(single)
  const reads = {
    "one event per read": single,
    "64 KiB reads": Array.from(
      { length: Math.ceil(joined.length / 65536) },
      (_, i) => joined.subarray(i * 65536, (i + 1) * 65536)
    )
  }
  console.log(`${name}: ${events} events of about ${Math.round(joined.length / events)} bytes\n`)
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
        // The AI SDK gives texts, not events, and only those that have one.
        if (seen < events - 8) throw new Error(`${name} saw ${seen} of ${events} events`)
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
}

console.log(`Node ${process.version}\n`)
const [only] = process.argv.slice(2)
for (const [name, wire] of Object.entries(wires)) if (only === undefined || only === name) await measure(wire, name)
