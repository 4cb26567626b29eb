/**
 * Chunks to bytes: the exact wire formats of the providers, and the oddities of real bodies (line ends, byte-order
 * marks, comments, reads of any size).
 *
 * A body is an array of events, each the bytes of one event, so that faults are ordinary array operations.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import { dual } from "effect/Function"
import * as Random from "effect/Random"
import type { AnthropicChunk } from "../anthropic/AnthropicChunk.ts"
import type { BedrockChunk } from "../bedrock/BedrockChunk.ts"
import * as Bytes from "../internal/bytes.ts"
import type { ResponsesChunk } from "../protocols/Responses.ts"
import * as EventStream from "../wire/EventStream.ts"
import * as Sse from "../wire/Sse.ts"

/**
 * How a provider writes its chunks.
 *
 * @category models
 * @since 0.1.0
 */
export interface WireFormat<in C> {
  /** Value of the `content-type` header. */
  readonly contentType: string
  /** The bytes of a chunk's event. */
  readonly encode: (chunk: C) => Uint8Array
  /** The bytes after the last chunk; empty where the last chunk is the terminal signal itself. */
  readonly terminator: Uint8Array
}

/**
 * Where the reads of a body begin and end:
 *
 * - `events`: one event a read
 * - `whole`: everything in one read
 * - `{ bytes }`: that many bytes a read
 * - `{ at }`: cut at these byte offsets; those out of range are ignored
 * - `{ seed, maxBytes }`: random sizes from 1 to `maxBytes` (default 64), the same for the same seed
 *
 * @category models
 * @since 0.1.0
 */
export type Reads =
  | "events"
  | "whole"
  | { readonly bytes: number }
  | { readonly at: ReadonlyArray<number> }
  | { readonly seed: number | string; readonly maxBytes?: number | undefined }

const utf8 = new TextEncoder()

/**
 * The bytes of a server-sent event.
 *
 * @example
 * ```ts
 * import { Wire } from "effect-llm-stream/testing"
 *
 * const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
 *
 * text(Wire.event({ data: "[DONE]" })) // "data: [DONE]\n\n"
 * text(Wire.event({ event: "ping", data: "{}" })) // "event: ping\ndata: {}\n\n"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const event = (event: { readonly event?: string | undefined; readonly data: string }): Uint8Array =>
  utf8.encode(Sse.encode({ event: event.event, data: event.data }))

/**
 * The bytes of a comment, which providers and proxies send to keep a connection open.
 *
 * @example
 * ```ts
 * import { Wire } from "effect-llm-stream/testing"
 *
 * new TextDecoder().decode(Wire.comment("keepalive")) // ": keepalive\n\n"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const comment = (text: string): Uint8Array => utf8.encode(`: ${text}\n\n`)

/**
 * The chat-completions format, which OpenAI and its compatible hosts share: `data: …` events and `data: [DONE]`.
 *
 * @category formats
 * @since 0.1.0
 */
export const openai: WireFormat<{ readonly chunk: unknown }> = {
  contentType: "text/event-stream",
  encode: ({ chunk }) => event({ data: JSON.stringify(chunk) }),
  terminator: event({ data: "[DONE]" })
}

/**
 * Groq's format, which is that of OpenAI.
 *
 * @category formats
 * @since 0.1.0
 */
export const groq: typeof openai = openai

/**
 * Azure's format, which is that of OpenAI.
 *
 * @category formats
 * @since 0.1.0
 */
export const azure: typeof openai = openai

/**
 * Anthropic's format: events named by their type. `message_stop` is the terminal signal.
 *
 * @category formats
 * @since 0.1.0
 */
export const anthropic: WireFormat<Pick<AnthropicChunk, "chunk">> = {
  contentType: "text/event-stream",
  encode: ({ chunk }) => event({ event: String(chunk.type), data: JSON.stringify(chunk) }),
  terminator: new Uint8Array()
}

/**
 * The format of OpenAI's Responses API: events named by their type. The end of the response is the terminal signal.
 *
 * @category formats
 * @since 0.2.0
 */
export const openaiResponses: WireFormat<Pick<ResponsesChunk, "chunk">> = {
  contentType: "text/event-stream",
  encode: ({ chunk }) => event({ event: String(chunk.type), data: JSON.stringify(chunk) }),
  terminator: new Uint8Array()
}

/**
 * The format of Azure's Responses API, which is that of OpenAI.
 *
 * @category formats
 * @since 0.2.0
 */
export const azureResponses: typeof openaiResponses = openaiResponses

/**
 * The format of Bedrock's Converse API: binary frames, one for each event. It has no terminal signal but `messageStop`
 * and the `metadata` after it.
 *
 * @category formats
 * @since 0.1.0
 */
export const bedrock: WireFormat<Pick<BedrockChunk, "chunk">> = {
  contentType: "application/vnd.amazon.eventstream",
  encode: ({ chunk }) => concat(Object.entries(chunk).map(([type, payload]) => frame(type, payload))),
  terminator: new Uint8Array()
}

/**
 * The format of Claude's native stream on Bedrock: Anthropic's events, wrapped in binary frames.
 *
 * @category formats
 * @since 0.1.0
 */
export const bedrockInvoke: WireFormat<Pick<AnthropicChunk, "chunk">> = {
  contentType: "application/vnd.amazon.eventstream",
  encode: ({ chunk }) => frame("chunk", { bytes: Base64.encode(JSON.stringify(chunk)) }),
  terminator: new Uint8Array()
}

const frame = (type: string, payload: unknown): Uint8Array =>
  EventStream.encodeUnsafe({
    headers: { ":event-type": type, ":content-type": "application/json", ":message-type": "event" },
    body: utf8.encode(JSON.stringify(payload))
  })

/**
 * The events of a body: those of the chunks, then the format's terminator unless `terminate` is `false`.
 *
 * @example
 * ```ts
 * import { OpenAiChunk } from "effect-llm-stream"
 * import { Wire } from "effect-llm-stream/testing"
 *
 * const chunk = new OpenAiChunk({ chunk: { choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] } })
 *
 * // The chunk and `[DONE]`.
 * Wire.encode(Wire.openai, [chunk]).length // 2
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = <C>(
  format: WireFormat<C>,
  chunks: ReadonlyArray<C>,
  options?: { readonly terminate?: boolean | undefined }
): ReadonlyArray<Uint8Array> => {
  const events = chunks.map(format.encode)
  return options?.terminate === false || format.terminator.length === 0 ? events : [...events, format.terminator]
}

/**
 * Writes every line feed as another line end; for server-sent events only.
 *
 * @example
 * ```ts
 * import { Wire } from "effect-llm-stream/testing"
 *
 * const bytes = Wire.withLineEnds(Wire.event({ data: "{}" }), "\r\n")
 * new TextDecoder().decode(bytes) // "data: {}\r\n\r\n"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withLineEnds: {
  (lineEnd: "\n" | "\r" | "\r\n"): (bytes: Uint8Array) => Uint8Array
  (bytes: Uint8Array, lineEnd: "\n" | "\r" | "\r\n"): Uint8Array
} = dual(2, (bytes: Uint8Array, lineEnd: "\n" | "\r" | "\r\n"): Uint8Array => {
  const end = utf8.encode(lineEnd)
  return Uint8Array.from(Array.from(bytes).flatMap((byte) => byte === 10 ? Array.from(end) : [byte]))
})

/**
 * The UTF-8 byte-order mark, which some servers put before the first event.
 *
 * @category constants
 * @since 0.1.0
 */
export const byteOrderMark: Uint8Array = Uint8Array.of(0xef, 0xbb, 0xbf)

/**
 * Joins pieces of a body.
 *
 * @example
 * ```ts
 * import { Wire } from "effect-llm-stream/testing"
 *
 * Wire.concat([Wire.byteOrderMark, Wire.comment("")]).length // 7
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => Bytes.concat(pieces)

/**
 * Cuts a body into reads. None of them is empty.
 *
 * @example
 * ```ts
 * import { Wire } from "effect-llm-stream/testing"
 *
 * const body = [Wire.event({ data: "1" }), Wire.event({ data: "2" })]
 *
 * Wire.split(body, { bytes: 1 }).length // 18
 * Wire.split(body, { at: [3] }).map((read) => read.length) // [3, 15]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const split: {
  (reads: Reads): (events: ReadonlyArray<Uint8Array>) => ReadonlyArray<Uint8Array>
  (events: ReadonlyArray<Uint8Array>, reads: Reads): ReadonlyArray<Uint8Array>
} = dual(2, (events: ReadonlyArray<Uint8Array>, reads: Reads): ReadonlyArray<Uint8Array> => {
  if (reads === "events") return events.filter((event) => event.length > 0)
  const body = concat(events)
  const pieces: Array<Uint8Array> = []
  let start = 0
  for (const end of ends(reads, body.length)) {
    if (end > start) pieces.push(body.subarray(start, end))
    start = end
  }
  return pieces
})

// Ascending offsets, the last of which is the length.
const ends = (reads: Exclude<Reads, "events">, length: number): ReadonlyArray<number> => {
  if (reads === "whole") return [length]
  if ("at" in reads) {
    return [...reads.at.filter((offset) => offset > 0 && offset < length), length].sort((a, b) => a - b)
  }
  const size = "bytes" in reads ? () => Math.max(1, reads.bytes) : randomSize(reads.seed, reads.maxBytes ?? 64)
  const offsets: Array<number> = []
  for (let end = size(); end < length; end += size()) offsets.push(end)
  return [...offsets, length]
}

const randomSize = (seed: number | string, maxBytes: number): () => number => {
  const random = Effect.runSync(Random.withSeed(Random.Random, seed))
  return () => 1 + Math.floor(random.nextDoubleUnsafe() * maxBytes)
}
