/**
 * CPU time that each fold of an answer adds to a chunk that is there: what a chunk says, its response, parts and events.
 *
 *     node bench/folds.ts
 */
import {
  AnthropicChunk,
  ChatEvent,
  ChatResponse,
  type Chunk,
  type ContentEvent,
  OpenAiChunk,
  Parts
} from "../src/index.ts"
import { clear } from "../src/internal/clear.ts"

const count = 2_000
const word = (at: number) => ` word${at % 10}`

const openai = Array.from({ length: count }, (_, at) =>
  new OpenAiChunk({
    chunk: {
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "gpt-4o",
      service_tier: "default",
      choices: [{ index: 0, delta: { content: word(at) }, finish_reason: at === count - 1 ? "stop" : null }]
    }
  }))

const anthropic = [
  new AnthropicChunk({ chunk: { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } }),
  ...Array.from({ length: count }, (_, at) =>
    new AnthropicChunk({
      chunk: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: word(at) } }
    })),
  new AnthropicChunk({ chunk: { type: "message_delta", delta: { stop_reason: "end_turn" } } })
]

const folds: Readonly<Record<string, (chunks: ReadonlyArray<Chunk.Chunk>) => unknown>> = {
  "what it says: `contentEvents`": (chunks) => {
    const out: Array<ContentEvent.ContentEvent> = []
    for (const chunk of chunks) {
      clear(out)
      chunk.contentEvents?.(out, true)
    }
    return out
  },
  "the attribute `content`": (chunks) => chunks.reduce((length, { content }) => length + content.length, 0),
  "`ChatResponse`, once": ChatResponse.fromChunks,
  "`ChatResponse`, after each chunk": (chunks) => {
    const accumulator = ChatResponse.accumulator()
    return chunks.reduce<unknown>((_, chunk) => {
      accumulator.add(chunk)
      return accumulator.response()
    }, undefined)
  },
  "parts": (chunks) => {
    const decoder = Parts.chunkDecoder()
    return chunks.reduce((parts, chunk) => parts + decoder.push([chunk]).length, 0) + decoder.end().length
  },
  "events": (chunks) => {
    const decoder = ChatEvent.decoder()
    return chunks.reduce((events, chunk) => {
      const out: Array<ChatEvent.ChatEvent> = []
      decoder.push(chunk, out)
      return events + out.length
    }, 0)
  }
}

/** Nanoseconds a chunk: the best of several rounds. */
const measure = (run: () => unknown, chunks: number): number => {
  const rounds = 20
  for (let warm = 0; warm < 60; warm++) run()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 15; round++) {
    const since = process.cpuUsage()
    for (let at = 0; at < rounds; at++) run()
    const { system, user } = process.cpuUsage(since)
    best = Math.min(best, (user + system) * 1_000 / rounds / chunks)
  }
  return best
}

console.log(`Node ${process.version}\n`)
console.log("| CPU time a chunk | chat completions | Messages |\n|---|---:|---:|")
for (const [name, fold] of Object.entries(folds)) {
  const [a, b] = [openai, anthropic].map((chunks) => measure(() => fold(chunks), chunks.length).toFixed(0))
  console.log(`| ${name} | ${a} ns | ${b} ns |`)
}
