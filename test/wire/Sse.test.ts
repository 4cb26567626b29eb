import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Wire } from "../../src/testing.ts"
import * as Sse from "../../src/wire/Sse.ts"

const utf8 = new TextEncoder()

const decode = (reads: ReadonlyArray<Uint8Array | string>, options?: Sse.Options): ReadonlyArray<Sse.Event> => {
  const decoder = Sse.decoder(options)
  return [...reads.flatMap(decoder.push), ...decoder.end()]
}

const event = (data: string, event?: string): Sse.Event => ({ event, data, unterminated: false })

/** The specification, read off the whole text at once. */
const specification = (body: string): ReadonlyArray<Sse.Event> => {
  const lines = body.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/)
  const last = lines.pop()
  const events: Array<Sse.Event> = []
  let name: string | undefined
  let data: Array<string> = []
  const read = (line: string) => {
    const [, field, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    if (field === "data") data.push(value)
    if (field === "event") name = value
  }
  const dispatch = (unterminated: boolean) => {
    if (data.length > 0) events.push({ event: name, data: data.join("\n"), unterminated })
    name = undefined
    data = []
  }
  for (const line of lines) {
    if (line === "") dispatch(false)
    else read(line)
  }
  if (last !== undefined && last !== "") read(last)
  dispatch(true)
  return events
}

const Line = Schema.Union([
  Schema.Struct({ name: Schema.Literals(["data", "data: ", "data:", "event: ", "event"]), value: Schema.String }),
  Schema.Struct({
    name: Schema.Literals(["", "id: ", "retry: ", "retry: x", ": ", ":", "dat", "datas: ", "events: ", "\u00a0"]),
    value: Schema.Literals(["", "3000", "ping"])
  }),
  // As most events of one body begin.
  Schema.Struct({
    name: Schema.Literals([
      "event: delta\ndata: ",
      "event: delta\ndata:",
      "event: delta\ndata: a\n\nevent: delta\ndata: "
    ]),
    value: Schema.Literals(["b", " c", ""])
  }),
  Schema.Struct({
    name: Schema.Literal("data: "),
    value: Schema.Literals(["", "日本", "👩‍👩‍👧‍👦 é", ": x", "\u2028", "[DONE]"])
  })
])

const Body = Schema.Struct({
  byteOrderMark: Schema.Boolean,
  lines: Schema.Array(
    Schema.Struct({ line: Line, end: Schema.Literals(["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\r\n\n"]) })
  )
    .check(Schema.isMaxLength(20)),
  last: Schema.Literals(["", "data: cut o", "event: x", "data"])
})

const render = (body: typeof Body.Type): string =>
  (body.byteOrderMark ? "\uFEFF" : "") +
  body.lines.map(({ end, line }) => line.name + line.value.replace(/[\r\n\uFEFF]|\p{Surrogate}/gu, "") + end).join("") +
  body.last

describe("Sse", () => {
  describe("make", () => {
    it("gives out an event at its blank line, and not before", () => {
      const decoder = Sse.decoder()
      assert.deepStrictEqual(decoder.push("data: a\n"), [])
      assert.deepStrictEqual(decoder.push("\ndata: b\n\ndata: c"), [event("a"), event("b")])
      assert.deepStrictEqual(decoder.push("\n\n"), [event("c")])
      assert.deepStrictEqual(decoder.end(), [])
    })

    for (const end of ["\n", "\r", "\r\n"]) {
      it(`ends lines with ${JSON.stringify(end)}`, () => {
        assert.deepStrictEqual(decode([`event: e${end}data: a${end}data: b${end}${end}data: c${end}${end}`]), [
          event("a\nb", "e"),
          event("c")
        ])
      })
    }

    it("takes a carriage return and a line feed for one line end, also when they come in two reads", () => {
      assert.deepStrictEqual(decode(["data: a\r", "\ndata: b\r", "\n\r", "\n"]), [event("a\nb")])
      assert.deepStrictEqual(decode(["data: a\r", "\r", "data: b\r\r"]), [event("a"), event("b")])
    })

    it("gives out an event that a carriage return ends without waiting for a line feed", () => {
      assert.deepStrictEqual(Sse.decoder().push("data: a\r\r"), [event("a")])
    })

    it("strips at most one space after the colon", () => {
      assert.deepStrictEqual(decode(["data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n"]), [
        event("a"),
        event("a"),
        event(" a"),
        event("\ta")
      ])
    })

    it("joins data lines with line feeds", () => {
      assert.deepStrictEqual(decode(["data: {\ndata: }\n\ndata\ndata:\n\n"]), [event("{\n}"), event("\n")])
    })

    it("gives out empty data, but no event for lines without data", () => {
      assert.deepStrictEqual(decode(["data:\n\ndata\n\nevent: x\n\n\n\ndata: a\n\n"]), [
        event(""),
        event(""),
        event("a")
      ])
    })

    it("ignores comments, `id`, `retry` well-formed or not, and unknown fields", () => {
      assert.deepStrictEqual(
        decode([": keepalive\n\n:\n\nid: 1\nretry: 3000\nretry: soon\nfoo: bar\nDATA: x\n data: y\ndata: a\n\n"]),
        [event("a")]
      )
    })

    it("takes the last of several `event` fields, for one event only", () => {
      assert.deepStrictEqual(decode(["event: a\nevent: b\ndata: 1\n\ndata: 2\n\n"]), [event("1", "b"), event("2")])
    })

    it("strips one byte-order mark at the start, however its bytes are split", () => {
      const body = [Wire.byteOrderMark, Wire.event({ data: "a" })]
      for (const at of [[], [1], [2], [1, 2], [3]]) {
        assert.deepStrictEqual(decode(Wire.split(body, { at })), [event("a")])
      }
      assert.deepStrictEqual(decode(["\uFEFFdata: a\n\n"]), [event("a")])
      assert.deepStrictEqual(decode(["data: a\n\n\uFEFFdata: b\n\n"]), [event("a")])
      assert.deepStrictEqual(decode([utf8.encode("data: "), utf8.encode("\uFEFFa\n\n")]), [event("\uFEFFa")])
    })

    it("marks an event that the end of the body leaves without its blank line", () => {
      assert.deepStrictEqual(decode(["data: a\n\ndata: b"]), [event("a"), { ...event("b"), unterminated: true }])
      assert.deepStrictEqual(decode(["data: a\n"]), [{ ...event("a"), unterminated: true }])
      assert.deepStrictEqual(decode(["event: a\n"]), [])
    })

    // Bytes that begin, continue, end and break off characters of each length.
    it.prop("reads any bytes as one body, however they are cut", {
      bytes: Schema.Array(
        Schema.Literals([
          0x0a,
          0x41,
          0x80,
          0x82,
          0x90,
          0x9f,
          0xa0,
          0xac,
          0xbb,
          0xbf,
          0xc2,
          0xc3,
          0xe0,
          0xe2,
          0xed,
          0xef,
          0xf0,
          0xf4,
          0xf8,
          0xff
        ])
      ),
      at: Schema.Array(Schema.Natural)
    }, ({ at, bytes }) => {
      const body = Uint8Array.from([0xef, 0xbb, 0xbf, ...utf8.encode("data: "), ...bytes])
      const expected = decode([new TextDecoder().decode(body)])
      assert.deepStrictEqual(decode(Wire.split([body], { at: at.map((cut) => cut % body.length) })), expected)
      assert.deepStrictEqual(decode(Wire.split([body], { bytes: 1 })), expected)
    }, { arbitrary: { runs: 1_000 } })

    it("replaces bytes that are no UTF-8", () => {
      const body = Uint8Array.from([...utf8.encode("data: "), 0xff, 0xc3, ...utf8.encode("\n\n")])
      assert.deepStrictEqual(decode([body]), [event("\uFFFD\uFFFD")])
      assert.deepStrictEqual(decode([utf8.encode("data: "), Uint8Array.of(0xf0, 0x9f)]), [
        { ...event("\uFFFD"), unterminated: true }
      ])
    })

    it.prop("follows the specification, wherever the reads begin and end", {
      body: Body,
      cuts: Schema.Array(Schema.Natural.check(Schema.isLessThan(400))).check(Schema.isMaxLength(8))
    }, ({ body, cuts }) => {
      const text = render(body)
      const expected = specification(text)
      const bytes = [utf8.encode(text)]
      assert.deepStrictEqual(decode(Wire.split(bytes, "whole")), expected)
      assert.deepStrictEqual(decode(Wire.split(bytes, { bytes: 1 })), expected)
      assert.deepStrictEqual(decode(Wire.split(bytes, { at: cuts })), expected)
      assert.deepStrictEqual(decode([text]), expected)
      assert.deepStrictEqual(decode(text.split("")), expected)
      assert.deepStrictEqual(decode(text.split(/(?=event)/)), expected)
    }, { arbitrary: { runs: 200 } })

    it("does not take the rest of a line for the beginning of an event", () => {
      const opening = "event: delta\ndata: "
      assert.deepStrictEqual(decode([`${opening}a\n\n: `, `${opening}b\n\n`, `${opening}c\n\n`]), [
        event("a", "delta"),
        event("b"),
        event("c", "delta")
      ])
    })

    it("gives the same events for every two reads of a body", () => {
      const bytes = utf8.encode(
        ": hi\r\n\r\nevent: é\r\ndata: 👋\r\ndata: 日本\r\n\r\ndata:x\r\rdata\n\n\ndata: [DONE]\n\n"
      )
      const expected = decode([bytes])
      assert.lengthOf(expected, 4)
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepStrictEqual(decode([bytes.subarray(0, cut), bytes.subarray(cut)]), expected)
      }
    })

    it("fails on an event above the limit after the events before it, wherever the reads begin and end", () => {
      const fits = Wire.event({ data: "x".repeat(94) })
      for (
        const tooLarge of [
          Wire.event({ data: "x".repeat(95) }),
          Wire.event({ data: `${"x".repeat(60)}\n${"x".repeat(60)}` }),
          utf8.encode(`: ${"x".repeat(200)}\n\n`),
          // Lines without a value take memory, too.
          utf8.encode(`${"data:\n".repeat(20)}\n`),
          utf8.encode(`${"data\r\n".repeat(25)}\r\n`)
        ]
      ) {
        for (const reads of ["whole", { bytes: 1 }, { bytes: 7 }, { seed: 1 }] as const) {
          const decoder = Sse.decoder({ maxEventSize: 100 })
          const events = Wire.split([fits, fits, tooLarge, fits], reads).flatMap(decoder.push)
          assert.deepStrictEqual(events, [event("x".repeat(94)), event("x".repeat(94))])
          assert.deepStrictEqual(decoder.end(), [])
          assert.strictEqual(decoder.failure?._tag, "EventTooLarge")
          assert.strictEqual(decoder.failure?.maxEventSize, 100)
        }
      }
    })

    // Counted, not timed: how many characters the string functions in use look at or copy.
    const work = (run: () => void): number => {
      const { indexOf, slice } = String.prototype
      const { join } = Array.prototype
      let characters = 0
      String.prototype.indexOf = function(search, position = 0) {
        const found = indexOf.call(this, search, position)
        characters += (found === -1 ? this.length : found) - position
        return found
      }
      String.prototype.slice = function(start, end) {
        const piece = slice.call(this, start, end)
        characters += piece.length
        return piece
      }
      Array.prototype.join = function(separator) {
        const joined = join.call(this, separator)
        characters += joined.length
        return joined
      }
      try {
        run()
      } finally {
        String.prototype.indexOf = indexOf
        String.prototype.slice = slice
        Array.prototype.join = join
      }
      return characters
    }

    for (const reads of [{ bytes: 1 }, { bytes: 4096 }, "whole"] as const) {
      for (const [kind, separator] of [["one line", "x"], ["many lines", "\n"]] as const) {
        it(`does work linear in the size of an event of ${kind}, with reads of ${JSON.stringify(reads)}`, () => {
          const cost = (size: number) => {
            const pieces = Wire.split([Wire.event({ data: `${"x".repeat(63)}${separator}`.repeat(size / 64) })], reads)
            let length = 0
            const characters = work(() => {
              const decoder = Sse.decoder()
              for (const piece of pieces) for (const { data } of decoder.push(piece)) length = data.length
            })
            assert.strictEqual(length, size)
            return characters
          }
          const small = cost(1 << 14)
          const large = cost(1 << 16)
          assert.isAbove(small, 1 << 14)
          assert.isBelow(large, small * 4.1)
        })
      }
    }

    it("does work linear in the number of events of a read", () => {
      for (const end of ["\n", "\r", "\r\n"] as const) {
        const cost = (count: number) => {
          const body = Wire.concat(
            Array.from({ length: count }, (_, i) => Wire.withLineEnds(Wire.event({ data: `{"i":${1e6 + i}}` }), end))
          )
          return work(() => assert.lengthOf(Sse.decoder().push(body), count))
        }
        assert.isBelow(cost(4000), cost(1000) * 4.1)
      }
    })
  })

  describe("encode", () => {
    it("writes the exact wire format", () => {
      assert.strictEqual(Sse.encode({ event: undefined, data: "[DONE]" }), "data: [DONE]\n\n")
      assert.strictEqual(Sse.encode({ event: "ping", data: "{}" }), "event: ping\ndata: {}\n\n")
      assert.strictEqual(Sse.encode({ event: undefined, data: "a\nb" }), "data: a\ndata: b\n\n")
    })

    it.prop("gives what decodes to the same event, line ends in the data normalised", {
      data: Schema.String,
      event: Schema.UndefinedOr(Schema.Literals(["ping", "message_start"]))
    }, ({ data, event }) => {
      assert.deepStrictEqual(decode([Sse.encode({ event, data })]), [
        { event, data: data.replace(/\r\n|\r/g, "\n"), unterminated: false }
      ])
    })
  })
})
