import { assert, describe, it } from "@effect/vitest"
import { isLinear, slowPattern } from "../src/internal/slowPattern.ts"

const linear = [
  "^[a-z]+$",
  "^\\d{4}-\\d{2}-\\d{2}$",
  "^(open|closed)$",
  "^https?://.+$",
  "^\\+?[1-9]\\d{1,14}$",
  "^[A-Z]{2}[A-Z0-9]{9}[0-9]$",
  "^\\d{2}:\\d{2}(?:\\.\\d+)?Z$",
  "^[^\\]*+(){2,}|]*$",
  "^\\(\\*\\+\\)+$",
  "^\\p{L}+$",
  "\\S",
  "[a-z]+",
  "^(?<year>\\d{4})$",
  ""
]

const slow = [
  "^(a+)+$",
  "^(a|aa)+$",
  "^(a|a)*$",
  "(x+x+)+y",
  "^a*a*b$",
  "\\s+$",
  "a*b",
  "a*b{2,3}",
  "^a|b*c",
  "^(a?){30}a{30}$",
  "^a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a{20}$",
  "^(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)$",
  "^(.*)\\1$",
  "^(?=.*a).*b$",
  "^(?<x>a+)\\k<x>+$",
  "^[a]{0,5000}[a]{0,5000}$",
  "^[\\]]*[\\]]*x$"
]

describe("patterns", () => {
  it("that are linear are known as such", () => {
    assert.deepStrictEqual(linear.filter((pattern) => !isLinear(pattern)), [])
  })

  it("that may be slow are known as such", () => {
    assert.deepStrictEqual(slow.filter(isLinear), [])
  })

  it("are found wherever a schema has them", () => {
    const pattern = "^(a+)+$"
    assert.strictEqual(slowPattern({ anyOf: [{ items: [{ pattern }] }] }), pattern)
    assert.strictEqual(slowPattern({ $defs: { a: { patternProperties: { [pattern]: {} } } } }), pattern)
    assert.strictEqual(slowPattern({ properties: { pattern: { type: "string", pattern: "^a$" } } }), undefined)
  })
})
