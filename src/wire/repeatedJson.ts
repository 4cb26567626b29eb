/**
 * Parses JSON texts that repeat one another but for a few strings and numbers, as the events of one response do. What they
 * have in common is compared, not parsed: that takes a third of the time of `JSON.parse`.
 */

import type * as Schema from "effect/Schema"
import { isHole, takesAny } from "../internal/takesAny.ts"

type Json = { readonly [key: string]: unknown }

/** A value with other strings and numbers in its holes. */
type Build<A> = (values: ReadonlyArray<unknown>) => A

/** A place where texts differ. */
interface Hole {
  readonly isText: boolean
  /** What follows it, up to the next hole or the end. */
  readonly after: string
}

interface Template {
  /** What comes before the first hole. */
  readonly start: string
  readonly holes: ReadonlyArray<Hole>
  readonly build: Build<Json>
  /** Whether such objects are payloads, whatever is in the holes. */
  readonly isPayload: boolean
  /** Which of the tokens are the holes. */
  readonly places: ReadonlyArray<number>
}

/** Larger texts are not learned from: what they would save is little beside their strings. */
const longest = 1024
const maxHoles = 6

/**
 * Knows the objects of one response that are like those before them.
 *
 * @internal
 */
export class Repeated<P> {
  readonly #schema: Schema.Codec<P, P> | undefined
  #template: Template | undefined
  /** The text before, unless the template had it. */
  #missed: string | undefined
  #hits = 0
  #tries = 0

  constructor(schema?: Schema.Codec<P, P>) {
    this.#schema = schema
  }

  /** What `JSON.parse` gives for such a text; `undefined` for any other. */
  known(text: string): Json | undefined {
    if (this.#template === undefined) return undefined
    const known = filled(this.#template, text)
    if (known === undefined) return undefined
    this.#hits++
    this.#missed = undefined
    return known
  }

  /** Whether an object that was known just now is a payload. */
  isPayload(_: Json): _ is Json & P {
    return this.#template?.isPayload === true
  }

  /** Learns from a text that was not known, and its object. */
  learn(text: string, json: Json): void {
    if (text.length > longest) return
    // A response of which no event is like another must not pay for that.
    if (this.#tries < 4 + this.#hits / 16) {
      this.#tries++
      const template = this.#template
      this.#template = (template && learned(sample(template), text, json, template.places, this.#schema)) ??
        (this.#missed === undefined ? undefined : learned(this.#missed, text, json, [], this.#schema)) ?? template
    }
    this.#missed = text
  }
}

const filled = ({ build, holes, start }: Template, text: string): Json | undefined => {
  let at = start.length
  // Engines compare two strings as a whole faster than they look for one in the other.
  if (text.slice(0, at) !== start) return undefined
  const values: Array<unknown> = []
  for (const { after, isText } of holes) {
    const end = isText ? endOfText(text, at) : endOfDigits(text, at)
    const value = isText ? textOf(text.slice(at, end)) : numberOf(text, at, end)
    if (value === undefined) return undefined
    values.push(value)
    at = end + after.length
    if (text.slice(end, at) !== after) return undefined
  }
  return at === text.length ? build(values) : undefined
}

/** What a string can't have as it is. */
const escaped = /[\\\0-\x1f]/

/** Where a string ends: at the first quotation mark that no odd number of backslashes is before. */
const endOfText = (text: string, from: number): number => {
  let end = text.indexOf("\"", from)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf("\"", end + 1)
  return end === -1 ? from : end
}

const isEscaped = (text: string, end: number): boolean => {
  let first = end
  while (text.charCodeAt(first - 1) === 92) first--
  return (end - first) % 2 === 1
}

const textOf = (raw: string): string | undefined => {
  if (!escaped.test(raw)) return raw
  try {
    const text: unknown = JSON.parse(`"${raw}"`)
    return typeof text === "string" ? text : undefined
  } catch {
    return undefined
  }
}

const endOfDigits = (text: string, from: number): number => {
  let end = from
  for (let code = text.charCodeAt(end); code >= 48 && code <= 57; code = text.charCodeAt(end)) end++
  return end
}

const numberOf = (text: string, from: number, end: number): number | undefined => {
  // No more digits than a number can tell apart.
  if (end === from || end - from > 15 || text.charCodeAt(from) === 48 && end - from > 1) return undefined
  let value = 0
  for (let at = from; at < end; at++) value = 10 * value + text.charCodeAt(at) - 48
  return value
}

const isInteger = (digits: string): boolean => /^(?:0|[1-9]\d*)$/.test(digits)

// Strings, numbers, and what is between them.
const token = /"(?:[^"\\]|\\.)*"|[-\d][-+.\dEe]*|[^"\d-]+/g

/** What stands for a hole: no text without an escape has it. */
const mark = "\\u0000"

/** A text of the template. */
const sample = ({ holes, start }: Template): string => holes.reduce((text, { after }) => `${text}0${after}`, start)

/** What two texts have in common but for the places known; `undefined` where they differ in more than values. */
const learned = (
  one: string,
  other: string,
  json: Json,
  known: ReadonlyArray<number>,
  schema: Schema.Codec<unknown> | undefined
): Template | undefined => {
  const before = one.match(token) ?? []
  const tokens = other.match(token) ?? []
  const size = tokens.length
  if (size !== before.length || other.includes(mark)) return undefined
  const places = tokens.flatMap((text, place) => text !== before[place] || known.includes(place) ? [place] : [])
  const isText = (place: number): boolean => tokens[place]?.startsWith("\"") === true
  if (places.length > maxHoles || !places.every((place) => isText(place) || isInteger(tokens[place] ?? ""))) {
    return undefined
  }
  const found: Array<unknown> = []
  const marked = tokens.map((text, place) => places.includes(place) ? `"${mark}${places.indexOf(place)}"` : text)
  const holed: unknown = JSON.parse(marked.join(""))
  if (!isRecord(holed)) return undefined
  const build = objectBuilder(json, holed, found)
  // One that is a key, or whose key comes again, is not found.
  if (found.length !== places.length) return undefined
  const between = (index: number): string =>
    (isText(places[index - 1] ?? size) ? "\"" : "") +
    tokens.slice((places[index - 1] ?? -1) + 1, places[index]).join("") +
    (isText(places[index] ?? size) ? "\"" : "")
  return {
    start: between(0),
    holes: places.map((place, index) => ({ isText: isText(place), after: between(index + 1) })),
    build,
    places,
    isPayload: schema !== undefined && takesAny(schema.ast, json, holed)
  }
}

const builder = (value: unknown, marked: unknown, found: Array<unknown>): Build<unknown> => {
  if (isHole(marked)) {
    const index = Number(marked.slice(1))
    found.push(index)
    return (values) => values[index]
  }
  if (!isRecord(value) || !isRecord(marked)) return () => value
  if (!Array.isArray(value)) return objectBuilder(value, marked, found)
  const parts = partsOf(value, marked, found).map(({ build, key }) => ({ build, index: Number(key) }))
  return (values) => {
    const made: Array<unknown> = [...value]
    for (const { build, index } of parts) made[index] = build(values)
    return made
  }
}

// Copies are of the same kinds as what `JSON.parse` makes: whatever reads them then has to know one kind alone.
const objectBuilder = (value: Json, marked: Json, found: Array<unknown>): Build<Json> => {
  const parts = partsOf(value, marked, found)
  return (values) => {
    const made: Record<string, unknown> = { ...value }
    for (const { build, key } of parts) made[key] = build(values)
    return made
  }
}

const partsOf = (value: Json, marked: Json, found: Array<unknown>) =>
  Object.keys(value).flatMap((key) => {
    const count = found.length
    const build = builder(value[key], marked[key], found)
    return found.length > count || typeof value[key] === "object" && value[key] !== null ? [{ key, build }] : []
  })

const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null
