import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isExponential } from "../src/internal/backtracking.ts"
import * as Cpu from "./support/cpu.ts"

describe("isExponential", () => {
  for (
    const pattern of [
      /^(a+)+$/,
      /^(a*)*$/,
      /^(a|a)*$/,
      /^(a|aa)+$/,
      /^(\w+\s?)+$/,
      /^(?:[a-z]|\w)+!/,
      /^(a?b?)*$/,
      /^((ab)*)*$/,
      /^(.*)*x/s,
      /^(?<word>\w+)+@/,
      /^(?=(a+)+$)/,
      /(\d+|\w)+\b/,
      /^([a-zA-Z0-9]+[.-]?)+@example$/,
      /^(a{1,3})+$/,
      /^(a{2,}b?)*$/,
      /^(?:(?:a|aa)?)+$/,
      /^(?:(?:a|aa){0,2}b)+$/,
      /^(?:(?:a|aa){2}b)+$/,
      /^([ſ]|s)+$/iu,
      new RegExp("^([\\p{L}--[a-z]]+)+$", "v")
    ]
  ) {
    it(`finds ${pattern}`, () => assert.isTrue(isExponential(pattern)))
  }

  for (
    const pattern of [
      /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/,
      /^([0-9a-f]{2})+$/,
      /^[a-z]+(?:-[a-z]+)*$/,
      /^(\d{1,3}\.){3}\d{1,3}$/,
      /^(a+b)+$/,
      /^\s*\S+(\s+\S+)*\s*$/,
      /^(?:[^"\\]|\\.)*$/,
      /^(a|b)+$/,
      /^(a+)+/,
      /(a*)*/,
      /^(a?){20}$/,
      /^(?:(?:a|aa)?b)+$/,
      /^(?:(?:a|aa){1}b)+$/,
      /^(?:(?:a|aa){0,1}b)+$/,
      /^(?:(?:a|aa)b)+$/,
      /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/,
      /^(?!.*\.\.)[\w.]+@(\w+\.)+\w{2,}$/,
      /^(\p{Lu}\p{Ll}*)+$/u,
      /^[a-z]{0,500}$/,
      new RegExp("^([[a-z]&&[[aeiou]x]][^[a-z]])+$", "v"),
      /^(?:[[]|[\]\\])+$/
    ]
  ) {
    it(`lets ${pattern} pass`, () => assert.isFalse(isExponential(pattern)))
  }

  type Piece = string | readonly ["repeat", Piece, string] | readonly ["choice" | "sequence", Piece, Piece]
  const Inner = Schema.suspend((): Schema.Codec<Piece> => Piece)
  const Piece: Schema.Codec<Piece> = Schema.Union([
    Schema.Literals(["a", "b", "ab", "[ab]", ".", "\\w"]),
    Schema.Tuple([Schema.Literal("repeat"), Inner, Schema.Literals(["*", "+", "?", "{2}", "{1,2}", "{2,}"])]),
    Schema.Tuple([Schema.Literals(["choice", "sequence"]), Inner, Inner])
  ])
  const written = (piece: Piece): string =>
    typeof piece === "string"
      ? piece
      : piece[0] === "repeat"
      ? `(${written(piece[1])})${piece[2]}`
      : `(${written(piece[1])}${piece[0] === "choice" ? "|" : ""}${written(piece[2])})`

  /** The loops that may follow one another: their number is the degree of the time that they take. */
  const loops = (piece: Piece): number => {
    if (typeof piece === "string") return 0
    if (piece[0] !== "repeat") return loops(piece[1]) + loops(piece[2])
    const [, inner, times] = piece
    return loops(inner) * (times.startsWith("{") ? 2 : 1) + (/[*+,]\}?$/.test(times) ? 1 : 0)
  }

  it.prop(
    "lets nothing pass that takes exponential time",
    [Piece],
    ([piece]) => {
      const pattern = new RegExp(`^${written(piece)}$`)
      if (isExponential(pattern) || loops(piece) > 3) return
      Cpu.within(2, () => {
        for (const text of ["a", "b", "ab", "aab"]) pattern.test(`${text.repeat(27)}!`)
      })()
    },
    { arbitrary: { runs: 500 } }
  )
})
