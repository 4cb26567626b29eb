import * as Redacted from "effect/Redacted"
import { lazy } from "../internal/lazy.ts"
import { decoded, encodings, least, redacted } from "./secrets.ts"

/** What a secret looks like in a text. */
interface Form {
  readonly text: string
  /** What stands for characters of the text as well. */
  readonly others: Readonly<Record<string, string>>
  /** A pattern of what may stand between the characters, after each `step` of them; empty where nothing may. */
  readonly between: string
  readonly step: number
  /** Its first characters in a text without escapes: mostly there is none, and that is found soon. */
  readonly begin: RegExp
}

/** A character of a form, for a class of a regular expression. */
const written = (character: string, others: Form["others"]): string =>
  (character + (others[character] ?? "")).replaceAll(/[^\w\x80-\uffff]/g, "\\$&")

const formOf = (text: string, others: Form["others"], between = "", step = 1): Form => ({
  text,
  others,
  between,
  step,
  begin: new RegExp(
    Array.from(
      { length: least },
      (_, at) => `[${written(text.charAt(at), others)}]${between !== "" && (at + 1) % step === 0 ? `${between}*` : ""}`
    ).join("")
  )
})

const forms = new WeakMap<Redacted.Redacted, ReadonlyArray<Form>>()

const formsOf = (secret: Redacted.Redacted): ReadonlyArray<Form> => {
  const known = forms.get(secret)
  if (known !== undefined) return known
  const value = Redacted.value(secret)
  const [hexadecimal, ...base64] = encodings(value)
  const made = value.length < least ? [] : [
    // In the query of a URL, a blank may be a plus.
    formOf(value, { " ": "+" }),
    ...(hexadecimal === undefined
      ? []
      : [formOf(hexadecimal, { a: "A", b: "B", c: "C", d: "D", e: "E", f: "F" }, "[\\s:,-]", 2)]),
    // The second alphabet is the one for URLs.
    ...base64.map((text) => formOf(text, { "+": "-", "/": "_" }, "\\s"))
  ]
  forms.set(secret, made)
  return made
}

/**
 * Cuts the caller's secrets out of a text, and the start of one at its end, where the text itself was cut. A character
 * counts however it is written: as it is, or escaped for JSON, a URL or HTML, also several times over. The bytes of a
 * secret count in hexadecimal and in base64, also where that encodes more than the secret, or is in several lines.
 *
 * @internal
 */
export const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((out, secret) => formsOf(secret).reduce(without, out), textOf(text)).text

/** How a form is looked for. */
interface Search {
  readonly text: string
  readonly isSame: (found: string, wanted: string) => boolean
  /** What may stand between the characters, after so many of them. */
  readonly isBetween: ((found: string, length: number) => boolean) | undefined
}

const searchFor = ({ between, others, step, text }: Form): Search => {
  const separator = new RegExp(between)
  return {
    text,
    isSame: (found, wanted) => found === wanted || found !== "" && found === others[wanted],
    isBetween: between === "" ? undefined : (found, length) => length % step === 0 && separator.test(found)
  }
}

const without = (self: Text, form: Form): Text => {
  const { escapes, reader, text } = self
  if (escapes.size === 0 && !form.begin.test(text)) return self
  const search = searchFor(form)
  const last = text.endsWith("…") ? text.length - 1 : text.length
  const first = form.text.charAt(0)
  const mayBegin = ({ character }: Unit) => search.isSame(character.charAt(0), first)
  // Its first character, or an escape.
  const begins = new RegExp(`[\\\\%&${written(first, form.others)}]`, "g")
  let out = ""
  let done = 0
  for (const { 0: found, index: at } of text.matchAll(begins)) {
    if (at < done || at >= last || !search.isSame(found, first) && escapes.get(at)?.some(mayBegin) !== true) continue
    const end = endOf(reader, at, last, search)
    if (end === undefined) continue
    out += text.slice(done, at) + redacted
    done = end
  }
  return done === 0 ? self : textOf(out + text.slice(done))
}

/** The end of the secret that starts here; `undefined` if none does. Its own characters may begin escapes. */
const endOf = (reader: Reader, start: number, last: number, search: Search): number | undefined => {
  const { isSame, text } = search
  const places = new Map([[0, new Set([start])]])
  const placesAt = (length: number): Set<number> => {
    const known = places.get(length)
    if (known !== undefined) return known
    const made = new Set<number>()
    places.set(length, made)
    return made
  }
  let isCut = false
  let furthest = 0
  for (let length = 0; length < text.length && length <= furthest; length++) {
    for (const place of placesAt(length)) {
      const at = length === 0 ? place : after(reader, place, last, search, length)
      const found = at < last ? reader(at) : []
      for (const { character, end } of found) {
        if (!isSame(character.charAt(0), text.charAt(length))) continue
        if (character.length === 2 && !isSame(character.charAt(1), text.charAt(length + 1))) continue
        furthest = Math.max(furthest, length + character.length)
        placesAt(length + character.length).add(end)
      }
      // The text may be cut within an escape.
      const [literal] = found
      const isOpen = literal === undefined || isEscape(literal.character) && last - at < longestWritten
      if (isOpen && length >= least) isCut = true
    }
    places.delete(length)
  }
  const ends = placesAt(text.length)
  return ends.size > 0 ? Math.max(...ends) : isCut ? last : undefined
}

const after = (reader: Reader, start: number, last: number, { isBetween }: Search, length: number): number => {
  let at = start
  while (isBetween !== undefined && at < last) {
    const between = reader(at).find(({ character }) => isBetween(character, length))
    if (between === undefined) break
    at = between.end
  }
  return at
}

/** What some characters of a text stand for. */
interface Unit {
  readonly character: string
  readonly end: number
}

/** What stands here in the text as it is, and as it is after some passes of unescaping. */
type Reader = (at: number) => ReadonlyArray<Unit>

/** How many times a text may have been escaped. */
const passes = 4

/** How much of a text an escape takes that is itself escaped, at most. */
const longestWritten = 24

const isEscape = (character: string): boolean => character === "\\" || character === "%" || character === "&"

interface Text {
  readonly text: string
  /** What stands at the places of escapes. */
  readonly escapes: ReadonlyMap<number, ReadonlyArray<Unit>>
  readonly reader: Reader
}

const textOf = (text: string): Text => {
  const literal = (at: number): Unit => ({ character: text.charAt(at), end: at + 1 })
  const places = Array.from(text.matchAll(/[\\%&]/g), ({ index }) => index)
  // What stands at some places as it is, and after each pass that changes it.
  const escapes = new Map<number, Array<Unit>>()
  // What the last pass left there; the places after this one are read before they are changed.
  const read: Read = (at) => escapes.get(at)?.at(-1) ?? literal(at)
  let isChanging = places.length > 0
  for (let pass = 0; pass < passes && isChanging; pass++) {
    isChanging = false
    for (const at of places) {
      const before = read(at)
      const next = isEscape(before.character) ? unescaped(at, read) : undefined
      if (next === undefined) continue
      const units = escapes.get(at)
      if (units === undefined) escapes.set(at, [before, next])
      else units.push(next)
      isChanging = true
    }
  }
  return { text, escapes, reader: (at) => escapes.get(at) ?? [literal(at)] }
}

type Read = (at: number) => Unit

/** Four digits for each half of a character; bytes; a character after a backslash; HTML's numbers and names. */
const escape =
  /^(?:[\\%]u([\da-f]{4})|(%|\\x)([\da-f]{2}(?:\2[\da-f]{2}){0,3})|\\(.)|&#(?:x([\da-f]{1,10})|(\d{1,10}));?|&([a-z]{1,8});)/isu

const longestEscape = 16

const unescaped = (at: number, read: Read): Unit | undefined => {
  let text = ""
  const ends: Array<number> = []
  for (let unit = read(at); unit.character !== "" && text.length < longestEscape; unit = read(unit.end)) {
    text += unit.character
    while (ends.length < text.length) ends.push(unit.end)
  }
  const found = escape.exec(text)
  if (found === null) return undefined
  const [{ length }, utf16, mark = "", bytes, after, hexadecimal, decimal, name = ""] = found
  const stand = (character: string | undefined, long = length): Unit | undefined => {
    const end = ends[long - 1]
    return character === undefined || end === undefined ? undefined : { character, end }
  }
  if (bytes !== undefined) {
    const [first = "", ...more] = bytes.match(/[\da-f]{2}/gi) ?? []
    const code = Number.parseInt(first, 16)
    const written = [first, ...more.slice(0, code < 0xc0 ? 0 : code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3)]
    const encoded = `%${written.join("%")}`
    const character = decoded(encoded)
    return character === encoded
      ? stand(String.fromCharCode(code), mark.length + 2)
      : stand(character, written.length * (mark.length + 2))
  }
  if (after !== undefined) return stand(simple[after] ?? after)
  const digits = utf16 ?? hexadecimal
  const code = digits === undefined ? Number(decimal) : Number.parseInt(digits, 16)
  return stand(code <= 0x10ffff ? String.fromCodePoint(code) : names().get(name.toLowerCase()))
}

const simple: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

/** The names that HTML has for characters of ASCII, each with its character. */
const named =
  "quot\" amp& lt< gt> apos' excl! num# dollar$ percnt% lpar( rpar) ast* plus+ comma, period. sol/ colon: semi; " +
  "equals= quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] hat^ lowbar_ underbar_ grave` lcub{ lbrace{ verbar| vert| rcub} " +
  "rbrace}"

const names = lazy(() => new Map(named.split(" ").map((one) => [one.slice(0, -1), one.slice(-1)])))

/**
 * Cuts the caller's secrets out of everything that a value holds. It gives the same value when there is none. The value comes
 * from JSON, and is nested only as deep as events may be.
 *
 * @internal
 */
export const cleanAll = (value: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  if (typeof value === "string") return clean(value, secrets)
  if (typeof value !== "object" || value === null) {
    // A secret of digits.
    const text = String(value)
    return typeof value === "number" && clean(text, secrets) !== text ? redacted : value
  }
  if (Array.isArray(value)) {
    const cleaned = value.map((item) => cleanAll(item, secrets))
    return cleaned.every((item, at) => item === value[at]) ? value : cleaned
  }
  const entries = Object.entries(value)
  const cleaned = entries.map(([key, item]) => [clean(key, secrets), cleanAll(item, secrets)] as const)
  return cleaned.every(([key, item], at) => key === entries[at]?.[0] && item === entries[at]?.[1])
    ? value
    : Object.fromEntries(cleaned)
}
