import { Crc32 } from "@smithy/core/checksum"
import { EventStreamCodec } from "@smithy/core/event-streams"

const utf8 = new TextEncoder()
const sse = (name, data) =>
  utf8.encode(
    `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`
  )

const chat = (texts) => {
  const chunk = (delta, finish_reason = null) =>
    sse(undefined, {
      id: "chatcmpl-Bx1DZk3fHVxQ",
      object: "chat.completion.chunk",
      created: 1_754_000_000,
      model: "gpt-4o-2024-08-06",
      service_tier: "default",
      system_fingerprint: "fp_07871e2ad8",
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      usage: null
    })
  const first = chunk({ role: "assistant", content: "", refusal: null })
  return [first, ...texts.map((content) => chunk({ content })), chunk({}, "stop"), sse(undefined, "[DONE]")]
}

const messages = (texts) => {
  const event = (data) => sse(data.type, data)
  const usage = { input_tokens: 10, output_tokens: texts.length }
  const message = {
    id: "msg_01",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage
  }
  return [
    event({ type: "message_start", message }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    ...texts.map((text) => event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    event({ type: "content_block_stop", index: 0 }),
    event({ type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage }),
    event({ type: "message_stop" })
  ]
}

const converse = (texts) => {
  const codec = new EventStreamCodec((bytes) => new TextDecoder().decode(bytes), (text) => utf8.encode(text), Crc32)
  const frame = (type, json) => {
    const text = (value) => ({ type: "string", value })
    const headers = {
      ":event-type": text(type),
      ":content-type": text("application/json"),
      ":message-type": text("event")
    }
    return codec.encode({ headers, body: utf8.encode(JSON.stringify(json)) })
  }
  return [
    frame("messageStart", { role: "assistant" }),
    ...texts.map((text) => frame("contentBlockDelta", { contentBlockIndex: 0, delta: { text } })),
    frame("contentBlockStop", { contentBlockIndex: 0 }),
    frame("messageStop", { stopReason: "end_turn" }),
    frame("metadata", { usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 }, metrics: { latencyMs: 100 } })
  ]
}

const responses = (texts) => {
  let sequence_number = 0
  const event = (data) => sse(data.type, { ...data, sequence_number: sequence_number++ })
  const place = { item_id: "msg_0a5004ef5dc3564c0069845a", output_index: 0, content_index: 0 }
  const part = (text) => ({ type: "output_text", annotations: [], logprobs: [], text })
  const item = (status, content) => ({ id: place.item_id, type: "message", status, content, role: "assistant" })
  const usage = { input_tokens: 10, output_tokens: texts.length, total_tokens: 10 + texts.length }
  const answer = (status, output, usage = null) => ({
    id: "resp_0a5004ef5dc3564c0069845a",
    object: "response",
    created_at: 1_754_000_000,
    status,
    model: "gpt-4o-2024-08-06",
    output,
    tools: [],
    usage
  })
  const text = texts.join("")
  return [
    event({ type: "response.created", response: answer("in_progress", []) }),
    event({ type: "response.output_item.added", output_index: 0, item: item("in_progress", []) }),
    event({ type: "response.content_part.added", ...place, part: part("") }),
    ...texts.map((delta) => event({ type: "response.output_text.delta", ...place, delta, logprobs: [] })),
    event({ type: "response.output_text.done", ...place, text, logprobs: [] }),
    event({ type: "response.content_part.done", ...place, part: part(text) }),
    event({ type: "response.output_item.done", output_index: 0, item: item("completed", [part(text)]) }),
    event({ type: "response.completed", response: answer("completed", [item("completed", [part(text)])], usage) })
  ]
}

const types = {
  chat: "text/event-stream",
  messages: "text/event-stream",
  responses: "text/event-stream",
  converse: "application/vnd.amazon.eventstream"
}
const bodies = { chat, messages, responses, converse }

/** The events of an answer with that many texts, each the bytes of one. */
export const events = (wire, count) => bodies[wire](Array.from({ length: count }, (_, at) => ` word${at % 100}`))

/** The bytes of the events, cut every 64 KiB. */
export const large = (events) => {
  const bytes = Buffer.concat(events)
  return Array.from(
    { length: Math.ceil(bytes.length / 65536) },
    (_, at) => bytes.subarray(at * 65536, (at + 1) * 65536)
  )
}

// What a socket would hold.
const waiting = []

/** A response that gives one read at a time, and stays open after the last if it is to. */
export const respond = (wire, reads, staysOpen = false) => {
  let at = 0
  const pull = (controller) => {
    if (at < reads.length) controller.enqueue(reads[at++])
    else if (staysOpen) return new Promise((resolve) => void waiting.push(resolve))
    else controller.close()
  }
  return new Response(new ReadableStream({ pull }), { headers: { "content-type": types[wire] } })
}
