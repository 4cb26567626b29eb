/** Streams in Anthropic's wire format, written by hand after its documentation. */
import { Effect, Stream } from "effect"
import { Anthropic, ChunkStream, Protocol } from "../../src/index.ts"

export type Event = Readonly<Record<string, unknown>> & { readonly type: string }

export const start = (message: object = {}): Event => ({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-test-1",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 1 },
    ...message
  }
})

export const blockStart = (index: number, content_block: object): Event => ({
  type: "content_block_start",
  index,
  content_block
})

export const delta = (index: number, delta: object): Event => ({ type: "content_block_delta", index, delta })

export const blockStop = (index: number): Event => ({ type: "content_block_stop", index })

export const block = (index: number, content_block: object, ...deltas: ReadonlyArray<object>): ReadonlyArray<Event> => [
  blockStart(index, content_block),
  ...deltas.map((piece) => delta(index, piece)),
  blockStop(index)
]

export const text = (index: number, ...pieces: ReadonlyArray<string>): ReadonlyArray<Event> =>
  block(index, { type: "text", text: "" }, ...pieces.map((text) => ({ type: "text_delta", text })))

export const toolUse = (index: number, name: string, ...pieces: ReadonlyArray<string>): ReadonlyArray<Event> =>
  block(
    index,
    { type: "tool_use", id: `toolu_${index}`, name, input: {} },
    ...pieces.map((partial_json) => ({ type: "input_json_delta", partial_json }))
  )

export const stopReason = (stop_reason: string, usage: object = { output_tokens: 15 }): Event => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence: null },
  usage
})

export const stop: Event = { type: "message_stop" }

export const ping: Event = { type: "ping" }

export const error = (type: string, message: string): Event => ({ type: "error", error: { type, message } })

/** A response with thinking, text outside of ASCII and two tool calls at once. */
export const answer: ReadonlyArray<Event> = [
  start({ usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 3, output_tokens: 1 } }),
  ...block(
    0,
    { type: "thinking", thinking: "", signature: "" },
    { type: "thinking_delta", thinking: "Two ci" },
    { type: "thinking_delta", thinking: "ties." },
    { type: "signature_delta", signature: "c2ln" }
  ),
  ping,
  ...text(1, "Grüße ", "👋 aus 東京"),
  ...toolUse(2, "weather", "", "{\"city\": \"Pa", "ris\"}"),
  ...toolUse(3, "time", ""),
  stopReason("tool_use", { output_tokens: 42 }),
  stop
]

export interface Layout {
  readonly lineEnd?: "\n" | "\r\n" | "\r"
  /** Whether `event:` lines are written. */
  readonly named?: boolean
  /** Spaces before the last brace of each event, which the real API sends to hide lengths. */
  readonly padding?: number
}

export const sse = (events: ReadonlyArray<Event>, { lineEnd = "\n", named = true, padding = 0 }: Layout = {}): string =>
  events.map((event) => {
    const data = JSON.stringify(event).replace(/\}$/, `${" ".repeat(padding)}}`)
    return `${named ? `event: ${event.type}${lineEnd}` : ""}data: ${data}${lineEnd}${lineEnd}`
  }).join("")

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const decode = (...reads: ReadonlyArray<Uint8Array | string>) =>
  Stream.fromIterable(reads.map((read) => typeof read === "string" ? bytes(read) : read)).pipe(
    Protocol.decode(Anthropic.protocol())
  )

/** The response that the events add up to, with what they failed for, if they did. */
export const outcome = (events: ReadonlyArray<Event>) => ChunkStream.outcome(decode(sse(events)))

/** The chunks up to a failure, and its reason. */
export const chunksAndReason = (text: string) =>
  Effect.map(
    Stream.runCollect(Stream.result(decode(text))),
    (results) => ({
      chunks: results.flatMap((result) => result._tag === "Success" ? [result.success] : []),
      reason: results.flatMap((result) => result._tag === "Failure" ? [result.failure] : [])[0]?.reason
    })
  )
