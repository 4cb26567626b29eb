// What no client can do without: a request, AWS's frames, and `JSON.parse`.
import { Crc32 } from "@smithy/core/checksum"
import { EventStreamCodec } from "@smithy/core/event-streams"

const utf8 = new TextDecoder()
const codec = new EventStreamCodec((bytes) => utf8.decode(bytes), (text) => new TextEncoder().encode(text), Crc32)

export const open = (fetch) => async (onText) => {
  const body = JSON.stringify({ messages: [{ role: "user", content: [{ text: "Say hello" }] }] })
  const { body: stream } = await fetch("https://bedrock.example", { method: "POST", body })
  let buffer = new Uint8Array(0)
  for await (const bytes of stream) {
    buffer = buffer.length === 0 ? bytes : Buffer.concat([buffer, bytes])
    while (buffer.length >= 4) {
      const length = new DataView(buffer.buffer, buffer.byteOffset).getUint32(0)
      if (buffer.length < length) break
      const { body, headers } = codec.decode(buffer.subarray(0, length))
      buffer = buffer.subarray(length)
      const { delta } = JSON.parse(utf8.decode(body))
      if (headers[":event-type"].value === "contentBlockDelta") onText(delta.text)
    }
  }
}
