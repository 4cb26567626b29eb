import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as PartialJson from "../src/PartialJson.ts"

type Json = Schema.Json

const Text = Schema.Union([
  Schema.String,
  Schema.Literals([
    "",
    "\"\\/\b\f\n\r\t",
    "😀 family 👩‍👩‍👧‍👦",
    "\ud83d",
    "\ude00\ud83d",
    "\ud83d\ud83d\ude00",
    "é\u2028\u0000\uFEFF",
    "__proto__",
    "constructor",
    "1",
    "tru",
    "\\ud83d",
    "{\"a\":["
  ])
])

const Value: Schema.Codec<Json> = Schema.Union([
  Schema.Null,
  Schema.Boolean,
  Schema.Finite,
  Schema.Literals([0, -0, -1.5, 1e21, 1e-7, 123456789]),
  Text,
  Schema.Array(Schema.suspend(() => Value)),
  Schema.Record(Text, Schema.suspend(() => Value))
])

/** How a value is written: where there is space, and how characters and numbers are. */
const Style = Schema.Struct({
  space: Schema.Literals(["", " ", "\n", "\r\n\t "]),
  escapes: Schema.Literals(["few", "ascii", "all"]),
  numbers: Schema.Literals(["plain", "exponent", "EXPONENT"])
})

const escaped = (text: string): string =>
  text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")

const write = (value: Json, style: typeof Style.Type): string => {
  const { space } = style
  const text = (text: string): string =>
    style.escapes === "all"
      ? `"${escaped(text)}"`
      : style.escapes === "ascii"
      ? JSON.stringify(text).replaceAll(/[^ -~]/g, (unit) => escaped(unit).toUpperCase().replaceAll("\\U", "\\u"))
      : JSON.stringify(text)
  const number = (value: number): string =>
    style.numbers === "plain"
      ? Object.is(value, -0) ? "-0" : JSON.stringify(value)
      : style.numbers === "exponent"
      ? value.toExponential()
      : value.toExponential().toUpperCase().replace("E+", "E")
  const go = (value: Json): string => {
    if (typeof value === "string") return text(value)
    if (typeof value === "number") return number(value)
    if (typeof value !== "object" || value === null) return JSON.stringify(value)
    const inside = isArray(value)
      ? value.map((item) => `${space}${go(item)}${space}`)
      : Object.entries(value).map(([key, item]) => `${space}${text(key)}${space}:${space}${go(item)}${space}`)
    return isArray(value) ? `[${inside.join(",")}${space}]` : `{${inside.join(",")}${space}}`
  }
  return `${space}${go(value)}${space}`
}

const isArray = (value: Json): value is Schema.JsonArray => Array.isArray(value)

/** What `JSON.parse` makes of a text; `undefined` when it is no JSON. */
const parse = (text: string): Json | undefined => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The places of the brackets that a text leaves open, and of the quote of a string that it leaves open. */
const openIn = (text: string): { readonly closers: string; readonly quote: number | undefined } => {
  const closers: Array<string> = []
  let quote: number | undefined
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (quote !== undefined) {
      if (character === "\\") i++
      else if (character === "\"") quote = undefined
    } else if (character === "\"") quote = i
    else if (character === "{") closers.unshift("}")
    else if (character === "[") closers.unshift("]")
    else if (character === "}" || character === "]") closers.shift()
  }
  return { closers: closers.join(""), quote }
}

/**
 * The specification of a snapshot, by the prefix of a JSON text: the longest part of it that is JSON once its string and
 * its brackets are closed, where the string does not end in half a character, and without a number that may go on.
 */
const shown = (prefix: string): Json | undefined => {
  const whole = parse(prefix)
  if (whole !== undefined) return whole
  const start = openIn(prefix).quote === undefined ? prefix.replace(/-?(?:\d[-+.\deE]*)?$/, "") : prefix
  for (let end = start.length; end > 0; end--) {
    const part = start.slice(0, end)
    const { closers, quote } = openIn(part)
    const value = parse(`${part}${quote === undefined ? "" : "\""}${closers}`)
    if (value === undefined) continue
    const text = quote === undefined ? "" : parse(`${part.slice(quote)}"`)
    const mayGoOn = /^(?:\\(?:u[^]{0,3})?)?$/.test(start.slice(end))
    if (typeof text === "string" && /[\ud800-\udbff]$/.test(text) && mayGoOn) continue
    return value
  }
  return undefined
}

/** Whether a value can become another by growing: strings get longer, arrays and objects get more, the last may grow. */
const isPrefix = (part: Json | undefined, whole: Json | undefined): boolean => {
  if (part === undefined) return true
  if (typeof part === "string") return typeof whole === "string" && whole.startsWith(part)
  if (typeof part !== "object" || part === null) return Object.is(part, whole)
  if (typeof whole !== "object" || whole === null || isArray(part) !== isArray(whole)) return false
  const wholes = new Map(Object.entries(whole))
  const differing = Object.entries(part).filter(([key, item]) => !same(item, wholes.get(key)))
  return Object.keys(part).every((key) => wholes.has(key)) &&
    differing.length <= 1 && differing.every(([key, item]) => isPrefix(item, wholes.get(key)))
}

const same = (a: Json | undefined, b: Json | undefined): boolean => JSON.stringify(a) === JSON.stringify(b)

const cut = (text: string, places: ReadonlyArray<number>): ReadonlyArray<string> => {
  const ends = places.map((place) => place % (text.length + 1)).sort((a, b) => a - b)
  return [...ends, text.length].map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end))
}

const read = (pieces: ReadonlyArray<string>, options?: PartialJson.Options) => {
  const parser = PartialJson.parser(options)
  const snapshots = pieces.map((piece) => {
    parser.push(piece)
    return parser.snapshot()
  })
  const end = parser.end()
  return { snapshots, end, last: parser.snapshot() }
}

const failure = (text: string, options?: PartialJson.Options): PartialJson.PartialJsonError | undefined => {
  const { end } = read([text], options)
  return Result.isFailure(end) ? end.failure : undefined
}

const written = { value: Value, style: Style, places: Schema.Array(Schema.Natural).check(Schema.isMaxLength(8)) }
const arbitrary = { arbitrary: { runs: 300 } }

describe("PartialJson", () => {
  it.prop("gives at the end what JSON.parse gives, wherever the pieces begin and end", written, (drawn) => {
    const text = write(drawn.value, drawn.style)
    for (const pieces of [[text], text.split(""), cut(text, drawn.places)]) {
      const { end, last, snapshots } = read(pieces)
      assert.deepStrictEqual(end, Result.succeed(JSON.parse(text)))
      assert.deepStrictEqual(last, JSON.parse(text))
      for (const [i, snapshot] of snapshots.entries()) {
        assert.isTrue(isPrefix(snapshots[i - 1], snapshot))
        assert.isTrue(isPrefix(snapshot, JSON.parse(text)))
      }
    }
  }, arbitrary)

  it.prop("shows of every prefix all that is sure", written, ({ places, style, value }) => {
    const text = write(value, style)
    for (let length = 0; length <= text.length; length++) {
      const prefix = text.slice(0, length)
      for (const pieces of [[prefix], prefix.split(""), cut(prefix, places)]) {
        assert.deepStrictEqual(read(pieces).last, shown(prefix), prefix)
      }
    }
  }, { arbitrary: { runs: 100, size: 6 } })

  it.prop("says of every prefix that it is incomplete, and where it ends", written, ({ style, value }) => {
    const text = write(value, style)
    for (let length = 0; length < text.length; length++) {
      const prefix = text.slice(0, length)
      const error = failure(prefix)
      if (parse(prefix) !== undefined) assert.isUndefined(error)
      else assert.deepStrictEqual([error?.kind, error?.offset], ["incomplete", length])
    }
  }, { arbitrary: { runs: 100, size: 6 } })

  it.prop("agrees with JSON.parse on texts that are almost JSON, and tells the place", {
    ...written,
    at: Schema.Natural,
    change: Schema.Literals(["delete", "insert", "replace"]),
    character: Schema.Literals([..."\"\\[]{},:+-.0129eEtrufalsn \n\u0000\u0001\u00a0\uFEFF'/*"])
  }, ({ at, change, character, places, style, value }) => {
    const right = write(value, style)
    const place = at % (right.length + 1)
    const text = right.slice(0, place) + (change === "delete" ? "" : character) +
      right.slice(change === "insert" ? place : place + 1)
    const { end, last } = read([text])
    const expected = parse(text)
    if (expected !== undefined) return assert.deepStrictEqual(end, Result.succeed(expected))
    assert.isTrue(Result.isFailure(end))
    assert.deepStrictEqual(read(cut(text, places)).end, end)
    assert.deepStrictEqual(read(text.split("")).end, end)
    if (Result.isSuccess(end)) return
    const { column, kind, line, offset } = end.failure
    const before = text.slice(0, offset)
    assert.deepStrictEqual([line, column], [
      before.split("\n").length,
      offset - before.lastIndexOf("\n")
    ])
    // What comes before the place could have become JSON; with the character there, nothing can.
    assert.isTrue(parse(before) !== undefined || failure(before)?.kind === "incomplete")
    if (kind === "invalid") assert.strictEqual(failure(text.slice(0, offset + 1))?.kind, "invalid")
    else assert.strictEqual(offset, text.length)
    assert.isTrue(isPrefix(shown(before), last))
  }, { arbitrary: { runs: 1000 } })

  it.prop("never changes a snapshot, and shares what is whole with the next", written, ({ style, value }) => {
    const { snapshots } = read(write([value, value], style).split(""))
    const firsts = snapshots.flatMap((snapshot) =>
      snapshot !== undefined && snapshot !== null && isArray(snapshot) && snapshot.length === 2 ? [snapshot[0]] : []
    )
    for (const first of firsts) {
      assert.strictEqual(first, firsts[0])
      assert.isTrue(Object.is(JSON.stringify(first), JSON.stringify(value)))
    }
  }, arbitrary)

  it("keeps what it once showed", () => {
    const parser = PartialJson.parser()
    const seen: Array<readonly [snapshot: Json | undefined, text: string | undefined]> = []
    for (const character of "{\"a\":[1,{\"b\":\"xyz\"},[]],\"c\":{\"d\":{}}}") {
      parser.push(character)
      const snapshot = parser.snapshot()
      seen.push([snapshot, JSON.stringify(snapshot)])
    }
    for (const [snapshot, text] of seen) assert.strictEqual(JSON.stringify(snapshot), text)
  })

  it("shows the same value while nothing is added", () => {
    const parser = PartialJson.parser()
    parser.push("{\"a\":\"x\"")
    const before = parser.snapshot()
    for (const piece of [" ", ",", "\"b", "\"", " :", "12", ".5"]) {
      parser.push(piece)
      assert.strictEqual(parser.snapshot(), before)
    }
    parser.push("}")
    assert.deepStrictEqual(parser.snapshot(), { a: "x", b: 12.5 })
  })

  it("tells null from nothing", () => {
    const parser = PartialJson.parser()
    assert.isUndefined(parser.snapshot())
    parser.push(" nul")
    assert.isUndefined(parser.snapshot())
    parser.push("l")
    assert.isNull(parser.snapshot())
    assert.deepStrictEqual(parser.end(), Result.succeed(null))
  })

  it("shows a number when it is whole: a digit may still follow", () => {
    assert.deepStrictEqual(read(["[1", "2", ",", "-", "0.", "5e1", "0]"]).snapshots, [
      [],
      [],
      [12],
      [12],
      [12],
      [12],
      [12, -0.5e10]
    ])
    assert.deepStrictEqual(read(["12"]).last, 12)
    assert.deepStrictEqual(read(["[12"]).last, [])
  })

  it("takes the last of two values of one key, and no key for a prototype", () => {
    const { end } = read(["{\"a\":1,\"a\":2,\"__proto__\":{\"x\":1},\"__proto__\":[]}"])
    const value = Result.getOrThrow(end)
    assert.deepStrictEqual(Object.entries(value ?? {}), [["a", 2], ["__proto__", []]])
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  })

  it("repairs nothing: what stands around a value makes it invalid", () => {
    const texts = {
      "```json\n{}\n```": 0,
      "\uFEFF{}": 0,
      "{} {}": 3,
      "{'a': 1}": 1,
      "[1,]": 3,
      "{\"a\": NaN}": 6,
      "Here it is: {}": 0,
      "// {}": 0
    }
    for (const [text, offset] of Object.entries(texts)) {
      assert.isUndefined(parse(text))
      assert.deepInclude(failure(text), { kind: "invalid", offset })
    }
  })

  it("says what is expected where the text goes wrong, and where it ends", () => {
    const messages = {
      "": "Incomplete JSON at line 1, column 1: a value is expected",
      "{\n  \"a\": [1,\n": "Incomplete JSON at line 3, column 1: a value is expected",
      "[\"a\\u12": "Incomplete JSON at line 1, column 8: the rest of an escape is expected",
      "{\"a\" 1": "Invalid JSON at line 1, column 6: `:` is expected",
      "{a": "Invalid JSON at line 1, column 2: a key or `}` is expected",
      "{\"a\":1,}": "Invalid JSON at line 1, column 8: a key is expected",
      "[1 2]": "Invalid JSON at line 1, column 4: `,` or `]` is expected",
      "[1": "Incomplete JSON at line 1, column 3: `,` or `]` is expected",
      "[1.": "Incomplete JSON at line 1, column 4: a digit is expected",
      "[falSe]": "Invalid JSON at line 1, column 5: the rest of `false` is expected",
      "{}\n\nx": "Invalid JSON at line 3, column 1: the end is expected",
      "\"a\nb\"": "Invalid JSON at line 1, column 3: an escape in place of a control character is expected"
    }
    for (const [text, message] of Object.entries(messages)) assert.strictEqual(failure(text)?.message, message)
  })

  it("takes values of 512 levels and no more, unless told otherwise", () => {
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`
    assert.isUndefined(failure(nested(512)))
    assert.deepInclude(failure(nested(513)), { kind: "invalid", offset: 512 })
    assert.deepInclude(failure(nested(1_000_000)), { kind: "invalid", offset: 512 })
    assert.deepInclude(failure("{\"a\":{\"b\":[]}}", { maxNesting: 2 }), { kind: "invalid", offset: 10 })
  })

  it("reads no more after the end, or after what is no JSON", () => {
    const ended = PartialJson.parser()
    ended.push("[1")
    const { failure } = { failure: Result.getOrUndefined(Result.flip(ended.end())) }
    ended.push("]")
    assert.strictEqual(failure?.kind, "incomplete")
    assert.deepStrictEqual([ended.end(), ended.snapshot()], [Result.fail(failure), []])
    const broken = PartialJson.parser()
    broken.push("[1,?")
    broken.push("2]")
    assert.deepStrictEqual(broken.snapshot(), [1])
  })

  it("gives the elements of the array at a path, each when it is whole", () => {
    const elements = (path: ReadonlyArray<string | number>, text: string) => {
      const told: Array<readonly [index: number, element: Json, at: number]> = []
      const parser = PartialJson.parser({
        elements: { path, onElement: (element, index) => void told.push([index, element, at]) }
      })
      let at = 0
      for (const character of text) {
        at++
        parser.push(character)
      }
      return told
    }
    assert.deepStrictEqual(elements([], "[1,{\"a\":[2]},\"x\"]"), [[0, 1, 3], [1, { a: [2] }, 12], [2, "x", 16]])
    assert.deepStrictEqual(elements(["a", 1], "{\"b\":[0],\"a\":[[1],[[2],3],[4]],\"c\":[[],[5]]}"), [
      [0, [2], 22],
      [1, 3, 25]
    ])
    assert.deepStrictEqual(elements(["a"], "[1,2]"), [])
    assert.deepStrictEqual(elements(["a"], "{\"a\":{\"a\":[1]}}"), [])
  })

  it("takes fewer snapshots of an object that is a hash table, as copies of that take longer", () => {
    const record = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key${i}`, i])))
    const { end, snapshots } = read(record.match(/[^]{1,10}/g) ?? [])
    assert.deepStrictEqual(end, Result.succeed(JSON.parse(record)))
    assert.isBelow(new Set(snapshots).size, 250)
  })

  it("does no more work than the text has paid for, and shows all at the end", () => {
    const text = `[${Array.from({ length: 2000 }, (_, i) => i).join(",")}`
    const { last, snapshots } = read(text.split(""))
    const copied = [...new Set(snapshots)].reduce<number>(
      (sum, each) => sum + (each !== undefined && each !== null && isArray(each) ? each.length : 0),
      0
    )
    assert.isAtMost(copied, 16 * text.length)
    assert.isAbove(new Set(snapshots).size, 200)
    assert.deepStrictEqual(last, JSON.parse(`${text.slice(0, text.lastIndexOf(","))}]`))
  })
})
