import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { existsSync, globSync, readFileSync } from "node:fs"
import { crc32 } from "node:zlib"
import * as EventStream from "../../src/wire/EventStream.ts"
import * as Cpu from "../support/cpu.ts"
import { describeShared } from "../support/shared.ts"

const text = (maximum: number) => Arbitrary.schema(Schema.String.check(Schema.isMaxLength(maximum)))

// Header text goes over the wire as UTF-8, which has no lone surrogates; `__proto__` names no header.
const headerText = (maximum: number) =>
  text(maximum).pipe(
    Arbitrary.map((value) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(value))),
    Arbitrary.filter((value) => value !== "__proto__")
  )

const message: Arbitrary.Arbitrary<EventStream.Message> = Arbitrary.all({
  headers: Arbitrary.array(Arbitrary.all([headerText(20), headerText(40)]), { maxLength: 4 }).pipe(
    Arbitrary.map((entries) => Object.fromEntries(entries))
  ),
  body: text(200).pipe(Arbitrary.map((value) => new TextEncoder().encode(value)))
})

const messages = Arbitrary.array(message, { minLength: 1, maxLength: 6 })
const natural = Arbitrary.schema(Schema.Natural)
const sizes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 }))), {
  minLength: 1,
  maxLength: 8
})

describe("EventStream", () => {
  describe("decodeAll", () => {
    it("decodes the frames of the format's published test suite", () => {
      assert.deepStrictEqual(EventStream.decodeAll(bytesOf("00000010 00000000 05c248eb 7d98c8ff")), {
        messages: [{ headers: {}, body: new Uint8Array() }],
        failure: undefined
      })
      assert.deepStrictEqual(
        EventStream.decodeAll(bytesOf("0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936")),
        { messages: [{ headers: {}, body: new TextEncoder().encode("{'foo':'bar'}") }], failure: undefined }
      )
    })

    it("renders headers of every type as text", () => {
      const headers = Buffer.concat([
        header("true", 0),
        header("false", 1),
        header("byte", 2, "80"),
        header("short", 3, "ff00"),
        header("integer", 4, "7fffffff"),
        header("long", 5, "7fffffffffffffff"),
        header("binary", 6, "0003 666f6f"),
        header("string", 7, "0003 e282ac"),
        header("timestamp", 8, "0000000000000001"),
        header("uuid", 9, "000102030405060708090a0b0c0d0e0f")
      ])
      assert.deepStrictEqual(EventStream.decodeAll(frame(headers)).messages[0]?.headers, {
        true: "true",
        false: "false",
        byte: "-128",
        short: "-256",
        integer: "2147483647",
        long: "9223372036854775807",
        binary: "Zm9v",
        string: "€",
        timestamp: "1970-01-01T00:00:00.001Z",
        uuid: "00010203-0405-0607-0809-0a0b0c0d0e0f"
      })
    })

    it("keeps a byte-order mark in a header", () => {
      const message = { headers: { "\uFEFFa": "\uFEFFb" }, body: new Uint8Array() }
      assert.deepStrictEqual(EventStream.decodeAll(EventStream.encodeUnsafe(message)).messages, [message])
    })

    it.each([
      ["an unknown type", header("a", 10)],
      ["a name that runs past the headers", Buffer.from("ff61", "hex")],
      ["a value that runs past the headers into the body", header("a", 7, "0008 61")],
      ["an integer that runs past the headers", header("a", 4, "0000")],
      ["no type", Buffer.from("0161", "hex")],
      ["text that is no UTF-8", header("a", 7, "0001 ff")],
      ["a time that no calendar has", header("a", 8, "7fffffffffffffff")]
    ])("reports headers with %s", (_, headers) => {
      const { failure, messages } = EventStream.decodeAll(frame(headers, Buffer.alloc(600)))
      assert.deepStrictEqual(messages, [])
      assert.strictEqual(failure?.reason, "MalformedHeaders")
    })

    it("reports what is broken and where", () => {
      const first = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(100) })
      const second = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(10) })
      second[20] = 1
      const { failure, messages } = EventStream.decodeAll(Buffer.concat([first, second, first]))
      assert.strictEqual(messages.length, 1)
      assert.strictEqual(failure?.reason, "MessageChecksum")
      assert.strictEqual(failure?.frame, 1)
      assert.strictEqual(failure?.offset, 116)
      assert.include(failure?.message, "Frame 1 at byte 116")
    })

    it("reports a response that is no event stream", () => {
      const { failure } = EventStream.decodeAll(new TextEncoder().encode("<html>Service Unavailable</html>"))
      assert.strictEqual(failure?.reason, "PreludeChecksum")
    })
  })

  describe("make", () => {
    it.prop("decodes what was encoded, split at any one byte", [messages, natural], ([messages, at]) => {
      const bytes = encodeAll(messages)
      const split = at % (bytes.length + 1)
      assert.deepStrictEqual(read([bytes.subarray(0, split), bytes.subarray(split)]), { messages, failure: undefined })
    })

    it.prop("decodes what was encoded, in reads of any sizes", [messages, sizes], ([messages, sizes]) => {
      const bytes = encodeAll(messages)
      const reads: Array<Uint8Array> = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        // The sizes are cycled; the byte at the end of a cycle makes sure that it ends.
        const size = (sizes[i % sizes.length] ?? 0) + (i % sizes.length === 0 ? 1 : 0)
        reads.push(bytes.subarray(at, at + size))
        at += size
      }
      assert.deepStrictEqual(read(reads), { messages, failure: undefined })
    })

    it.prop("decodes what was encoded, byte by byte", [messages], ([messages]) => {
      assert.deepStrictEqual(read(Array.from(encodeAll(messages), (byte) => Uint8Array.of(byte))), {
        messages,
        failure: undefined
      })
    })

    it("notices every changed byte, whichever bits are changed", () => {
      const original: EventStream.Message = {
        headers: { ":event-type": "contentBlockDelta", ":message-type": "event" },
        body: new TextEncoder().encode("{\"delta\":{\"text\":\"Hello\"}}")
      }
      const bytes = encodeAll([original, original])
      for (let position = 0; position < bytes.length; position++) {
        for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255, 1 + position % 255]) {
          const changed = Uint8Array.from(bytes)
          changed[position] = (bytes[position] ?? 0) ^ mask
          const { failure, messages } = EventStream.decodeAll(changed)
          const first = position < bytes.length / 2
          assert.strictEqual(failure?.frame, first ? 0 : 1)
          assert.strictEqual(messages.length, first ? 0 : 1)
        }
      }
    })

    it.prop("reports truncation anywhere", [messages, natural, sizes], ([messages, at]) => {
      const bytes = encodeAll(messages)
      const length = at % bytes.length
      const boundaries = messages.map((_, i) => encodeAll(messages.slice(0, i)).length)
      const decoded = EventStream.decodeAll(bytes.subarray(0, length))
      const whole = boundaries.findLastIndex((boundary) => boundary <= length)
      assert.deepStrictEqual(decoded.messages, messages.slice(0, whole))
      if (boundaries.includes(length)) {
        assert.isUndefined(decoded.failure)
      } else {
        assert.strictEqual(decoded.failure?.reason, "TruncatedFrame")
        assert.strictEqual(decoded.failure?.offset, boundaries[whole])
      }
    })

    it.prop("never throws", [Schema.Uint8Array, natural], ([garbage, length]) => {
      EventStream.decodeAll(garbage)
      // Lengths and checksums that hold let the garbage through to the headers.
      EventStream.decodeAll(frame(garbage))
      EventStream.decodeAll(prelude(length >>> 0, garbage.length))
    })

    it("does not wait for a length that cannot be trusted", () => {
      const bytes = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(10) })
      bytes[0] = 0xff
      const decoder = EventStream.decoder()
      decoder.push(bytes.subarray(0, 12))
      assert.strictEqual(decoder.failure?.reason, "PreludeChecksum")
    })

    it.each([
      ["FrameTooSmall", prelude(15, 0)],
      ["FrameTooLarge", prelude(64 * 1024 * 1024 + 1, 0)],
      ["FrameTooLarge", prelude(0xffffffff, 0)],
      ["MalformedHeaders", prelude(100, 85)],
      ["HeadersTooLarge", prelude(1024 * 1024, 128 * 1024 + 1)]
    ])("reports %s as soon as the prelude is there", (reason, prelude) => {
      const decoder = EventStream.decoder()
      assert.deepStrictEqual(decoder.push(prelude), [])
      assert.strictEqual(decoder.failure?.reason, reason)
    })

    it("takes frames up to the limit that is set", () => {
      const bytes = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(84) })
      assert.strictEqual(EventStream.decodeAll(bytes, { maxFrameSize: 100 }).messages.length, 1)
      assert.strictEqual(EventStream.decodeAll(bytes, { maxFrameSize: 99 }).failure?.reason, "FrameTooLarge")
    })

    it("takes headers up to the limit that is set", () => {
      const headers = header("a", 7, `0040${"61".repeat(64)}`)
      assert.strictEqual(EventStream.decodeAll(frame(headers), { maxHeadersSize: 69 }).messages.length, 1)
      assert.strictEqual(
        EventStream.decodeAll(frame(headers), { maxHeadersSize: 68 }).failure?.reason,
        "HeadersTooLarge"
      )
    })

    it("tells headers of the same length apart, wherever they differ", () => {
      const messages = ["aab", "aab", "aba", "baa", "aab"].map((value) => ({
        headers: { [value]: value },
        body: new Uint8Array(3)
      }))
      assert.deepStrictEqual(EventStream.decodeAll(encodeAll(messages)).messages, messages)
    })

    it("returns no messages after a failure and keeps the first one", () => {
      const good = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array() })
      const decoder = EventStream.decoder()
      decoder.push(new Uint8Array(12))
      const { failure } = decoder
      assert.strictEqual(failure?.reason, "PreludeChecksum")
      assert.deepStrictEqual(decoder.push(good), [])
      assert.deepStrictEqual(decoder.end(), [])
      assert.strictEqual(decoder.failure, failure)
    })

    it("does not let later reads change the messages of earlier ones", () => {
      const bytes = encodeAll([1, 2, 3].map((n) => ({ headers: {}, body: new Uint8Array(50).fill(n) })))
      const { messages } = read([bytes.subarray(0, 10), bytes.subarray(10, 90), bytes.subarray(90)])
      assert.deepStrictEqual(messages.map((message) => message.body[49]), [1, 2, 3])
    })

    it(
      "reads a 16 MiB frame in 4 KiB pieces in linear time",
      Cpu.within(5, () => {
        const body = new Uint8Array(16 * 1024 * 1024).fill(7)
        const bytes = EventStream.encodeUnsafe({ headers: {}, body })
        const decoder = EventStream.decoder()
        const decoded: Array<EventStream.Message> = []
        for (let at = 0; at < bytes.length; at += 4096) decoded.push(...decoder.push(bytes.subarray(at, at + 4096)))
        assert.strictEqual(decoded.length, 1)
        assert.isTrue(Buffer.from(decoded[0]?.body ?? []).equals(body))
      })
    )

    it(
      "reads a large frame byte by byte in linear time",
      Cpu.within(5, () => {
        const bytes = EventStream.encodeUnsafe({ headers: {}, body: new Uint8Array(512 * 1024) })
        const decoder = EventStream.decoder()
        let count = 0
        for (let at = 0; at < bytes.length; at++) count += decoder.push(bytes.subarray(at, at + 1)).length
        assert.strictEqual(count, 1)
      })
    )
  })

  describe("encode", () => {
    it("writes the frame of the format's published test suite", () => {
      assert.strictEqual(
        Buffer.from(EventStream.encodeUnsafe({ headers: {}, body: new TextEncoder().encode("{'foo':'bar'}") }))
          .toString(
            "hex"
          ),
        "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"
      )
    })

    it("refuses a header that the format cannot hold", () => {
      assert.throws(() => EventStream.encodeUnsafe({ headers: { ["a".repeat(256)]: "" }, body: new Uint8Array() }))
      assert.throws(() => EventStream.encodeUnsafe({ headers: { a: "a".repeat(32_768) }, body: new Uint8Array() }))
    })
  })

  const corpus = process.env["LLM_STREAM_CORPUS"] ?? new URL("../../../shared/corpus", import.meta.url).pathname
  describeShared(existsSync(corpus), "recorded streams", () => {
    it("decodes every one and encodes it to the same bytes", () => {
      const files = globSync("**/*.eventstream", { cwd: corpus })
      assert.isNotEmpty(files)
      for (const file of files) {
        const bytes = readFileSync(`${corpus}/${file}`)
        const { failure, messages } = EventStream.decodeAll(bytes)
        assert.isUndefined(failure, file)
        assert.isTrue(Buffer.from(encodeAll(messages)).equals(bytes), file)
        assert.deepStrictEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))).messages, messages, file)
      }
    })

    it("notices a changed byte of the shortest ones, wherever it is", () => {
      const recordings = ["bedrock", "bedrock-invoke"].flatMap((api) =>
        globSync(`${api}/**/*.eventstream`, { cwd: corpus })
          .map((file) => ({ file, bytes: Uint8Array.from(readFileSync(`${corpus}/${file}`)) }))
          .toSorted((a, b) => a.bytes.length - b.bytes.length)
          .slice(0, 3)
      )
      assert.isNotEmpty(recordings)
      for (const { bytes, file } of recordings) {
        const whole = EventStream.decodeAll(bytes).messages
        for (let at = 0; at < bytes.length; at += 3) {
          const changed = bytes.slice()
          changed[at] = (changed[at] ?? 0) ^ (1 + (at % 255))
          const { failure, messages } = EventStream.decodeAll(changed)
          assert.isDefined(failure, `${file}, byte ${at}`)
          assert.strictEqual(failure?.frame, messages.length)
          assert.isBelow(messages.length, whole.length)
        }
      }
    })
  })
})

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"))

const encodeAll = (messages: ReadonlyArray<EventStream.Message>): Uint8Array =>
  Uint8Array.from(Buffer.concat(messages.map(EventStream.encodeUnsafe)))

const read = (reads: ReadonlyArray<Uint8Array>): ReturnType<typeof EventStream.decodeAll> => {
  const decoder = EventStream.decoder()
  const messages = [...reads.flatMap((bytes) => decoder.push(bytes)), ...decoder.end()]
  return { messages, failure: decoder.failure }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const checksummed = (bytes: Buffer): Buffer => Buffer.concat([bytes, uint32(crc32(bytes))])

const prelude = (length: number, headersLength: number): Buffer =>
  checksummed(Buffer.concat([uint32(length), uint32(headersLength)]))

// A frame with any headers, well-formed or not, whose lengths and checksums hold.
const frame = (headers: Uint8Array, body: Uint8Array = new Uint8Array()): Buffer =>
  checksummed(Buffer.concat([prelude(16 + headers.length + body.length, headers.length), headers, body]))

const header = (name: string, type: number, value = ""): Buffer =>
  Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([type]), bytesOf(value)])
