import { assert, describe, it } from "@effect/vitest"
import { Predicate, Result, Schema } from "effect"
import { afterEach, vi } from "vitest"
import { Repeated } from "../../src/wire/repeatedJson.ts"

/** Texts of values, some of which are none. */
const Value = Schema.Literals([
  `""`,
  `"x"`,
  `"words, and more"`,
  `"日本 👩‍👩‍👧‍👦 \u2028"`,
  `"\ud83d"`,
  `"a\\nb"`,
  `"\\""`,
  `"\\\\"`,
  `"\\\\\\""`,
  `"\\u0000"`,
  `"\\u00000"`,
  `"\\u00001"`,
  `"\\x"`,
  `"\t"`,
  `"12"`,
  `"`,
  `0`,
  `7`,
  `12`,
  `012`,
  `-0`,
  `-3`,
  `1.5`,
  `1e3`,
  `12345678901234567890`,
  `187799904119649966`,
  `null`,
  `true`,
  `{}`,
  `[]`,
  `{"a":"x","__proto__":{"a":"y"}}`,
  `{"a":1,"b":[{"a":"x"},"y",2]}`,
  `["x","y",[0]]`
])

const values = Value.literals

/** What a value may stand in. */
const around: ReadonlyArray<(value: string) => string> = [
  (value) => `{"a":${value},"z":1}`,
  (value) => `{"a":${value},"y":1}`,
  (value) => `{"a":${value} , "z":1}`,
  (value) => `{"a":${value},"b":{"a":${value}},"list":[${value},{},[${value}]]}`,
  (value) => `{"a":${value},"a":"\\u00000"}`,
  (value) => `{"a":"1","a":${value}}`,
  (value) => `{"__proto__":${value},"10":${value},"9":${value}}`,
  (value) => `[${value}]`,
  (value) => value
]

/** What comes of each text; the order of its keys, and what a key `__proto__` is, as well. */
const told = (parse: (text: string) => unknown, texts: ReadonlyArray<string>) =>
  texts.map((text) => {
    const made = Result.try({
      try: () => parse(text),
      catch: (error) => error instanceof Error ? error.message : "no error"
    })
    return { text, made, json: JSON.stringify(made) }
  })

/** Reads texts as the reader of a response does. */
const parser = () => {
  const repeated = new Repeated()
  return (text: string): unknown => {
    const known = repeated.known(text)
    if (known !== undefined) return known
    const json: unknown = JSON.parse(text)
    if (Predicate.isObject(json)) repeated.learn(text, json)
    return json
  }
}

const ofBoth = (texts: ReadonlyArray<string>) => [told(parser(), texts), told(JSON.parse, texts)] as const

const delta = (text: string, number = 1) =>
  `{"type": "delta", "index": 0, "delta": {"text": ${JSON.stringify(text)}}, "list": [{"n": ${number}}, []]}  `

describe("repeatedJson", () => {
  it("gives what `JSON.parse` gives, and fails as it fails, whatever came before", () => {
    for (const [learned, shape] of around.entries()) {
      for (const one of [`"x"`, `""`, `7`, `0`]) {
        for (const other of [`"y"`, `"a\\nb"`, `12`, `null`]) {
          const before = [shape(one), shape(other)]
          for (const value of values) {
            assert.deepStrictEqual(
              ...ofBoth([...before, ...around.map((each) => each(value)), shape(one), shape(value)])
            )
            assert.deepStrictEqual(...ofBoth([...before, shape(value) + " ", (around[learned + 1] ?? shape)(one)]))
          }
        }
      }
    }
  })

  it.prop("does so for texts that differ in any string and any whole number", [
    Schema.Array(Schema.Struct({ text: Schema.String, number: Schema.Int }))
  ], ([events]) => assert.deepStrictEqual(...ofBoth(events.map(({ number, text }) => delta(text, number)))))

  it("fails as `JSON.parse` does for a text that is cut off or goes on", () => {
    const texts = ["a", "b", "c"].map((text) => delta(text))
    const cut = delta("d")
    for (let end = 0; end < cut.length; end++) {
      assert.deepStrictEqual(...ofBoth([...texts, cut.slice(0, end), delta("e")]))
    }
    for (const more of ["x", "\"", "{}", ","]) assert.deepStrictEqual(...ofBoth([...texts, cut + more, delta("e")]))
  })

  it("does not take a key for a value, nor a value that another of the same key replaces", () => {
    assert.deepStrictEqual(...ofBoth([`{"a":1,"b":2}`, `{"a":1,"c":2}`, `{"a":1,"d":2}`]))
    assert.deepStrictEqual(...ofBoth([`{"a":"x","a":"y"}`, `{"a":"z","a":"y"}`, `{"a":"w","a":"y"}`]))
    assert.deepStrictEqual(...ofBoth([`{"a":"x","a":"y"}`, `{"a":"x","a":"z"}`, `{"a":"x","a":"w"}`]))
    assert.deepStrictEqual(
      ...ofBoth([`{"a":"1","a":"\\u00000"}`, `{"a":"2","a":"\\u00000"}`, `{"a":"3","a":"\\u00000"}`])
    )
  })

  it("gives values that share nothing", () => {
    const parse = parser()
    const values = ["a", "b", "c", "d"].map((text) => parse(delta(text)))
    const objects = (value: unknown): ReadonlyArray<object> =>
      typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(objects)] : []
    const all = values.flatMap(objects)
    assert.strictEqual(new Set(all).size, all.length)
  })

  describe("parses whole", () => {
    afterEach(() => void vi.restoreAllMocks())

    const parsed = (texts: ReadonlyArray<string>): number => {
      const parse = parser()
      const parses = vi.spyOn(JSON, "parse")
      for (const text of texts) parse(text)
      // An escaped string is a text of its own.
      return parses.mock.calls.filter(([text]) => text.startsWith("{")).length
    }

    it("only the first texts of a shape", () => {
      const texts = Array.from({ length: 1_000 }, (_, at) => delta(at % 3 === 0 ? "\"a\"\n\\" : ` word ${at}`, at))
      assert.isAtMost(parsed(texts), 6)
    })

    it("no text with a long string, whose shape is known", () => {
      const texts = Array.from({ length: 100 }, (_, at) => delta(at % 2 === 0 ? `word ${at}` : "x".repeat(1_100) + at))
      assert.isAtMost(parsed(texts), 6)
    })

    it("what other shapes interrupt, and goes on with the one before", () => {
      const texts = Array.from({ length: 1_000 }, (_, at) => at % 100 === 99 ? `{"type":"ping"}` : delta(` word ${at}`))
      assert.isAtMost(parsed(texts), 10 + 6)
    })

    it("what begins another block, with what changed in those before", () => {
      const texts = Array.from(
        { length: 1_000 },
        (_, at) => `{"block":${Math.floor(at / 100)},"text":"word ${at}","pad":"${"x".repeat(at % 7)}"}`
      )
      assert.isAtMost(parsed(texts), 10)
    })

    it("texts that are larger than most", () => {
      const texts = Array.from({ length: 100 }, (_, at) => `{"n":${at},"text":"${"x".repeat(1_100)}"}`)
      assert.strictEqual(parsed(texts), texts.length)
    })

    it("texts that differ in many places", () => {
      const texts = Array.from(
        { length: 100 },
        (_, at) => `{"list":[${Array.from({ length: 7 }, () => at).join(",")}]}`
      )
      assert.strictEqual(parsed(texts), texts.length)
    })

    it("each text once where none is like the one before, but for a few tries", () => {
      const texts = Array.from({ length: 1_000 }, (_, at) => at % 2 === 0 ? delta(` word ${at}`) : `{"n":${at}}`)
      assert.isAtMost(parsed(texts), texts.length + 20)
    })

    it("each text once where it has other keys than the one before, but for a few tries", () => {
      const texts = Array.from({ length: 1_000 }, (_, at) => `{"${at}":"x"}`)
      assert.isAtMost(parsed(texts), texts.length + 20)
    })
  })
})
