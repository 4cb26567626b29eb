/** Streams in Bedrock's wire format, written by hand after its documentation. */
import { ChatResponse, type Chunk, Protocol } from "../../src/index.ts"
import * as EventStream from "../../src/wire/EventStream.ts"
import { reasonOf } from "../support/fault.ts"

export type Payload = Readonly<Record<string, unknown>>

/** An event as a recording states it: its payload under its type. */
export type Event = Readonly<Record<string, Payload>>

const utf8 = new TextEncoder()

const message = (headers: Readonly<Record<string, string>>, body: string): Uint8Array =>
  EventStream.encodeUnsafe({ headers, body: utf8.encode(body) })

const json = { ":content-type": "application/json" }

/** The frame of an event, with the padding and in the order of headers that AWS sends. */
export const frame = (event: Event): Uint8Array => {
  const [type = "", payload = {}] = Object.entries(event)[0] ?? []
  return message({ ":event-type": type, ...json, ":message-type": "event" }, JSON.stringify(payload))
}

export const exception = (type: string, payload: Payload): Uint8Array =>
  message({ ":exception-type": type, ...json, ":message-type": "exception" }, JSON.stringify(payload))

export const error = (code: string, text: string): Uint8Array =>
  message({ ":error-code": code, ":error-message": text, ":message-type": "error" }, "")

/** A frame with these headers and this text as its body. */
export const odd = message

export const concat = (frames: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(frames.reduce((length, frame) => length + frame.length, 0))
  frames.reduce((offset, frame) => {
    bytes.set(frame, offset)
    return offset + frame.length
  }, 0)
  return bytes
}

/** Where a body of these frames is cut or changed: at every byte about the ends of frames, and at every fifth of the rest. */
export const places = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<number> =>
  frames.flatMap(({ length }, index) => {
    const start = concat(frames.slice(0, index)).length
    return Array.from({ length }, (_, at) => at).filter((at) => at < 14 || at >= length - 5 || at % 5 === 0)
      .map((at) => start + at)
  })

export const start: Event = { messageStart: { role: "assistant", p: "abcdefg" } }

export const delta = (contentBlockIndex: number, delta: Payload): Event => ({
  contentBlockDelta: { contentBlockIndex, delta, p: "abc" }
})

export const blockStart = (contentBlockIndex: number, start: Payload): Event => ({
  contentBlockStart: { contentBlockIndex, start, p: "abcd" }
})

export const blockStop = (contentBlockIndex: number): Event => ({ contentBlockStop: { contentBlockIndex, p: "ab" } })

export const stop = (stopReason: string): Event => ({ messageStop: { stopReason, p: "abcdef" } })

export const metadata = (usage: Payload, rest: Payload = {}): Event => ({
  metadata: { usage, metrics: { latencyMs: 321 }, ...rest, p: "a" }
})

/** A response with everything that a block can hold. */
export const answer: ReadonlyArray<Event> = [
  start,
  delta(0, { reasoningContent: { text: "Two ci" } }),
  delta(0, { reasoningContent: { text: "ties." } }),
  delta(0, { reasoningContent: { signature: "c2ln" } }),
  delta(0, { reasoningContent: { redactedContent: "c2VjcmV0" } }),
  blockStop(0),
  delta(1, { text: "Grüße " }),
  delta(1, { text: "" }),
  delta(1, { text: "👋 aus 東京" }),
  delta(1, { citation: { title: "Atlas", location: { web: { url: "https://example.com/", domain: "example.com" } } } }),
  blockStop(1),
  blockStart(2, { toolUse: { toolUseId: "tooluse_2", name: "nova_grounding", type: "server_tool_use" } }),
  delta(2, { toolUse: { input: "{\"query\": \"Paris\"}" } }),
  blockStop(2),
  blockStart(3, { toolResult: { toolUseId: "tooluse_2", type: "nova_grounding_result", status: "success" } }),
  delta(3, { toolResult: [{ text: "Sunny" }, { json: { celsius: 21 } }] }),
  blockStop(3),
  blockStart(4, { image: { format: "png" } }),
  delta(4, { image: { source: { bytes: "iVBORw0KGgo=" } } }),
  blockStop(4),
  blockStart(5, { toolUse: { toolUseId: "tooluse_5", name: "weather" } }),
  blockStart(6, { toolUse: { toolUseId: "tooluse_6", name: "time" } }),
  delta(5, { toolUse: { input: "{\"city\": \"Pa" } }),
  delta(6, { toolUse: { input: "{}" } }),
  delta(5, { toolUse: { input: "ris\"}" } }),
  blockStop(5),
  blockStop(6),
  { messageStop: { stopReason: "tool_use", additionalModelResponseFields: { stop_sequence: null }, p: "abcdef" } },
  metadata({
    inputTokens: 10,
    outputTokens: 42,
    totalTokens: 60,
    cacheReadInputTokens: 5,
    cacheWriteInputTokens: 3,
    cacheDetails: [{ ttl: "5m", inputTokens: 1 }, { ttl: "1h", inputTokens: 2 }]
  }, {
    trace: { guardrail: { actionReason: "No action." } },
    performanceConfig: { latency: "optimized" },
    serviceTier: { type: "priority" }
  })
]

/** What `answer` adds up to. */
export const answered = {
  content: "Grüße 👋 aus 東京",
  reasoning: "Two cities.",
  toolCalls: [
    { id: "tooluse_5", name: "weather", arguments: "{\"city\": \"Paris\"}" },
    { id: "tooluse_6", name: "time", arguments: "{}" }
  ]
}

/** Reads of the given sizes, and the rest in one. */
export const cut = (bytes: Uint8Array, ...at: ReadonlyArray<number>): ReadonlyArray<Uint8Array> =>
  [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length))

/** The chunks of a body, what they add up to, and why it fails, if it does. */
export const decode = <C extends Chunk.Chunk>(
  protocol: Protocol.Protocol<C>,
  reads: ReadonlyArray<Uint8Array>,
  info: Protocol.ResponseInfo = {}
) => outcome(protocol.body(info), reads)

/** The same for a recording with one payload a line. */
export const decodeLines = <C extends Chunk.Chunk>(protocol: Protocol.Protocol<C>, text: string) =>
  outcome(protocol.body({}, Protocol.lines), [utf8.encode(text)])

const outcome = <C extends Chunk.Chunk>(decoder: Protocol.BodyDecoder<C>, reads: ReadonlyArray<Uint8Array>) => {
  const chunks: Array<C> = []
  for (const read of reads) if (decoder.failure === undefined && !decoder.done) chunks.push(...decoder.push(read))
  if (decoder.failure === undefined && !decoder.done) chunks.push(...decoder.end())
  return {
    chunks,
    response: ChatResponse.fromChunks(chunks),
    fault: decoder.failure,
    get reason() {
      return reasonOf(decoder.failure)
    },
    done: decoder.done
  }
}
