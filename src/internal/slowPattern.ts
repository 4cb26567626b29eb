/** A character or class, an end of a group, an alternative or an anchor; or a repetition of what is before it. */
const token =
  /\\(?:[uUpP]\{[^}]*\}|[^])|\[(?:\\[^]|[^\]\\])*\]|\((?:\?(?::|<?[=!]|<[^>]*>))?|[*+?]\??|\{(\d+)(,?)(\d*)\}\??|[^]/gu

/** How many ways through a pattern may be tried from one place. */
const mostWays = { anchored: 10_000, anywhere: 100 }

/**
 * Whether a regular expression surely takes linear time, which backtracking engines do not promise: one character or
 * class at most is repeated without a limit, no group is, nothing is looked for ahead or again, and unless the pattern
 * begins with `^`, such a repetition ends it.
 *
 * @internal
 */
export const isLinear = (pattern: string): boolean => {
  let ways = 1
  let endless = 0
  let depth = 0
  let isAnchored = pattern.startsWith("^")
  let last = ""
  let isEndlessLast = false
  for (const [text, least = "", comma = "", most = ""] of pattern.matchAll(token)) {
    isEndlessLast = false
    const quantifier = least !== "" ? "{" : /^[*+?]/.exec(text)?.[0]
    if (/^\\(?:[1-9]|k)|^\(\?<?[=!]/.test(text)) return false
    if (quantifier !== undefined) {
      const limit = quantifier === "?"
        ? 1
        : least === "" || comma !== "" && most === ""
        ? Infinity
        : Number(most || least)
      if (last === ")" && limit > 1) return false
      isEndlessLast = limit > 1_000
      if (isEndlessLast) endless++
      else ways *= limit + 1 - (quantifier === "?" ? 0 : Number(least))
    }
    if (text.startsWith("(")) depth++
    if (text === ")") depth--
    if (text === "|") {
      ways *= 2
      if (depth === 0) isAnchored = false
    }
    last = text
  }
  const isBounded = isAnchored || isEndlessLast
  return endless <= (isBounded ? 1 : 0) && ways <= (isAnchored ? mostWays.anchored : mostWays.anywhere)
}

/**
 * A pattern in a JSON Schema that may take longer than linear time on some text; `undefined` when none does. Such a
 * pattern is not to be matched against what a model writes.
 *
 * @internal
 */
export const slowPattern = (schema: unknown): string | undefined => {
  if (typeof schema !== "object" || schema === null) return undefined
  for (const [key, value] of Object.entries(schema)) {
    const patterns = key === "pattern" && typeof value === "string"
      ? [value]
      : key === "patternProperties" && typeof value === "object" && value !== null
      ? Object.keys(value)
      : []
    const found = patterns.find((pattern) => !isLinear(pattern)) ?? slowPattern(value)
    if (found !== undefined) return found
  }
  return undefined
}
