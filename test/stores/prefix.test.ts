import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { endOf } from "../../src/stores/prefix.ts"

/** Keys have no halves of surrogate pairs. */
const Key = Schema.String.check(Schema.makeFilter((text) => !/\p{Surrogate}/u.test(text)))

const highest = "\u{10ffff}"

/** By code points, as stores order keys. */
const isBelow = (one: string, other: string): boolean => {
  const [a, b] = [Array.from(one), Array.from(other)]
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x, y] = [a[at]?.codePointAt(0) ?? 0, b[at]?.codePointAt(0) ?? 0]
    if (x !== y) return x < y
  }
  return a.length < b.length
}

describe("the end of the keys that begin with a prefix", () => {
  for (
    const [prefix, end] of [
      ["", undefined],
      ["a", "b"],
      ["ab", "ac"],
      ["az", "a{"],
      [`a${highest}`, "b"],
      [`ab${highest}${highest}`, "ac"],
      [highest, undefined],
      ["a\ud7ff", "a\ue000"],
      ["a\ud7fe", "a\ud7ff"],
      ["a\uffff", "a\u{10000}"]
    ] as const
  ) {
    it(`is ${JSON.stringify(end)} for ${JSON.stringify(prefix)}`, () => assert.strictEqual(endOf(prefix), end))
  }

  it.prop("is after each of them, and not after any other that comes later", [Key, Key], ([
    prefix,
    text
  ]) => {
    const end = endOf(prefix)
    if (end === undefined) return
    assert.isTrue(isBelow(`${prefix}${text}${highest}`, end))
    assert.strictEqual(isBelow(text, end), isBelow(text, prefix) || text.startsWith(prefix))
  })
})
