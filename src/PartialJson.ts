/**
 * Reads JSON while it is being written: a value after each piece of text, and at the end the complete value, or why the
 * text is not JSON.
 *
 * It accepts what `JSON.parse` accepts, and repairs nothing: text around the value, a byte-order mark and a code fence
 * are invalid. All work is linear in the length of the text, however small its pieces are.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { maxNesting } from "./wire/nesting.ts"

/**
 * Why a text is not JSON: it is only the beginning of a value (`incomplete`), or it can't become one (`invalid`).
 *
 * @example
 * ```ts
 * import { Result } from "effect"
 * import * as PartialJson from "effect-llm-stream/PartialJson"
 *
 * const parser = PartialJson.parser()
 * parser.push("{\n  \"a\": tru3")
 * const error = Result.getOrUndefined(Result.flip(parser.end()))
 * error?.kind // "invalid"
 * error?.offset // 12
 * error?.message // "Invalid JSON at line 2, column 11: the rest of `true` is expected"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class PartialJsonError extends Schema.TaggedError<PartialJsonError>()("PartialJsonError", {
  /** `incomplete`: more text could have made it JSON. `invalid`: no text could. */
  kind: Schema.Literals(["incomplete", "invalid"]),
  /** Where the text ends, or where it first differs from JSON: a position in UTF-16 code units, from 0. */
  offset: Schema.Natural,
  /** The line of that place, from 1. */
  line: Schema.Natural,
  /** The column of that place in UTF-16 code units, from 1. */
  column: Schema.Natural,
  /** What JSON expects at that place, in words. */
  expected: Schema.String
}) {
  /** @since 0.2.0 */
  override get message(): string {
    const { column, expected, kind, line } = this
    return `${
      kind === "invalid" ? "Invalid" : "Incomplete"
    } JSON at line ${line}, column ${column}: ${expected} is expected`
  }
}

/**
 * Reads one text.
 *
 * @category models
 * @since 0.2.0
 */
export interface Parser {
  /**
   * Reads the next piece, which may begin and end anywhere: in an escape, a number, a literal, between surrogates.
   * Never throws. After {@link Parser.end}, or after invalid text, it reads nothing.
   */
  readonly push: (piece: string) => void
  /**
   * The value so far; `undefined` while there is none (`null` is a value). Strings grow, but never end in half a
   * character; numbers and literals appear when they are complete; a key appears when its value begins.
   *
   * A snapshot never changes. It shares unchanged parts with the one before, and is the same object when nothing was
   * added. Large values get a new snapshot less often, so that the total work stays linear: a value with a few hundred
   * nodes gets one with every piece, a huge one now and then. After {@link Parser.end} it has everything that came.
   */
  readonly snapshot: () => Schema.Json | undefined
  /** Whether the value ends in a string that is still open, and so may grow. */
  readonly isStringOpen: () => boolean
  /** The complete value, or why there is none. Nothing more is read after it. */
  readonly end: () => Result.Result<Schema.Json, PartialJsonError>
}

/**
 * Options of a parser.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** How deep objects and arrays may be nested; deeper nesting is invalid. Default: 512. */
  readonly maxNesting?: number | undefined
  /** Reports each element of the array at a path as soon as it is complete. The path `[]` is the value itself. */
  readonly elements?: {
    readonly path: ReadonlyArray<string | number>
    readonly onElement: (element: Schema.Json, index: number) => void
  } | undefined
}

/**
 * Makes a parser of one text.
 *
 * @example
 * ```ts
 * import { Result } from "effect"
 * import * as PartialJson from "effect-llm-stream/PartialJson"
 *
 * const parser = PartialJson.parser()
 * parser.push("{\"name\":\"Ad")
 * parser.snapshot() // { name: "Ad" }
 * parser.push("a\",\"born\":18")
 * parser.snapshot() // { name: "Ada" }
 * parser.push("15}")
 * Result.getOrThrow(parser.end()) // { name: "Ada", born: 1815 }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const parser = (options: Options = {}): Parser => new State(options)

/**
 * The value of a whole text, or where it is not JSON. Nothing of the text is quoted: it may hold a secret.
 *
 * @internal
 */
export const parse = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: (): unknown => JSON.parse(text),
    catch: () => {
      const state = parser()
      state.push(text)
      return Result.match(state.end(), {
        onSuccess: () => "not JSON",
        onFailure: ({ column, expected, line }) =>
          `not JSON at ${line === 1 ? "" : `line ${line}, `}column ${column}: ${expected} is expected`
      })
    }
  })

/** How many entries may be copied for each code unit of text. */
const creditPerCharacter = 16

/** An object or array of its own, beside its entries. */
const costOfContainer = 8

/** Arrays of more items than this don't fit the nursery of the heap, where copies are cheap. */
const manyItems = 8 * 1024
const costOfLateItem = 8

/** Objects of more keys than this are hash tables, whose keys take longer to copy. */
const manyKeys = 128
const costOfHashedKey = 64

interface ArrayFrame {
  readonly kind: "array"
  readonly items: Array<Schema.Json>
  /** What it costs to copy them. */
  cost: number
  /** How many segments of the watched path lead here; -1 where the path leads elsewhere. */
  readonly matched: number
}

interface ObjectFrame {
  readonly kind: "object"
  readonly record: { [key: string]: Schema.Json }
  /** Pairs of key and value so far. */
  size: number
  /** What it costs to copy them. */
  cost: number
  /** Of the value that is next. */
  key: string
  readonly matched: number
}

type Frame = ArrayFrame | ObjectFrame

/** What comes next. */
type Expectation = "value" | "element" | "firstKey" | "key" | "colon" | "separator" | "string" | "number" | "literal"

/** What has come of a number, by its last character. */
type NumberState = "minus" | "zero" | "integer" | "point" | "fraction" | "e" | "sign" | "exponent"

const digits = "0123456789"

const numberTable: Readonly<Record<NumberState, ReadonlyArray<readonly [characters: string, next: NumberState]>>> = {
  minus: [["0", "zero"], ["123456789", "integer"]],
  zero: [[".", "point"], ["eE", "e"]],
  integer: [[digits, "integer"], [".", "point"], ["eE", "e"]],
  point: [[digits, "fraction"]],
  fraction: [[digits, "fraction"], ["eE", "e"]],
  e: [["+-", "sign"], [digits, "exponent"]],
  sign: [[digits, "exponent"]],
  exponent: [[digits, "exponent"]]
}

const wholeNumbers: ReadonlySet<NumberState> = new Set(["zero", "integer", "fraction", "exponent"])

const literals = [["true", true], ["false", false], ["null", null]] as const

const escapes: ReadonlyMap<string, string> = new Map([
  ["\"", "\""],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"]
])

const LF = 10
const SPACE = 32
const QUOTE = 34
const BACKSLASH = 92

class State implements Parser {
  private readonly limit: number
  private readonly watched: Options["elements"]

  private next: Expectation = "value"
  /** The objects and arrays that are open, the outermost first. */
  private readonly open: Array<Frame> = []
  private root: Schema.Json | undefined

  /** Of the string, without `held`. It is only appended to: to look into it would copy it each time. */
  private text = ""
  /** A high surrogate, which the next character may complete. */
  private held = ""
  /** An escape that is not yet whole, with its backslash. */
  private escape = ""
  private isKey = false
  private number: NumberState = "minus"
  private literal: (typeof literals)[number] = literals[0]
  private matched = 0

  /** Code units that were read before this piece. */
  private read = 0
  private line = 1
  private lineStart = 0
  private error: PartialJsonError | undefined
  private result: Result.Result<Schema.Json, PartialJsonError> | undefined

  private credit = 0
  private openCost = 0
  /** Something was added since the last snapshot. */
  private isNew = false
  private last: Schema.Json | undefined

  constructor(options: Options) {
    this.limit = options.maxNesting ?? maxNesting
    this.watched = options.elements
  }

  readonly push = (piece: string): void => {
    if (this.result !== undefined || this.error !== undefined) return
    this.credit += piece.length * creditPerCharacter
    for (let at = 0; at < piece.length && this.error === undefined;) at = this.step(piece, at)
    this.read += piece.length
  }

  readonly snapshot = (): Schema.Json | undefined => {
    if (!this.isNew) return this.last
    if (this.result === undefined) {
      if (this.openCost > this.credit) return this.last
      this.credit -= this.openCost
    }
    this.isNew = false
    return this.last = this.take()
  }

  readonly end = (): Result.Result<Schema.Json, PartialJsonError> => {
    if (this.result !== undefined) return this.result
    // Only the end of the text ends a number that stands alone.
    if (this.next === "number" && this.open.length === 0 && wholeNumbers.has(this.number)) this.endNumber()
    this.result = this.error !== undefined
      ? Result.fail(this.error)
      : this.root === undefined
      ? Result.fail(this.problem("incomplete", this.read, this.expected()))
      : Result.succeed(this.root)
    return this.result
  }

  readonly isStringOpen = (): boolean => this.next === "string" && !this.isKey

  private take(): Schema.Json | undefined {
    let value = this.isStringOpen() ? this.text : this.root
    for (let i = this.open.length - 1; i >= 0; i--) {
      const frame = this.open[i]
      if (frame?.kind === "array") value = value === undefined ? frame.items.slice() : [...frame.items, value]
      if (frame?.kind === "object") {
        const copy = { ...frame.record }
        if (value !== undefined) set(copy, frame.key, value)
        value = copy
      }
    }
    return value
  }

  /** Reads from a position, and says where to go on. */
  private step(piece: string, at: number): number {
    switch (this.next) {
      case "string":
        return this.escape === "" ? this.stepString(piece, at) : this.stepEscape(piece, at)
      case "number":
        return this.stepNumber(piece, at)
      case "literal": {
        const [text, value] = this.literal
        if (piece[at] !== text[this.matched]) return this.fail(at)
        if (++this.matched === text.length) this.complete(value)
        return at + 1
      }
      default:
        return this.stepBetween(piece, at)
    }
  }

  private stepBetween(piece: string, at: number): number {
    switch (piece.charCodeAt(at)) {
      case LF:
        this.line++
        this.lineStart = this.read + at + 1
        return at + 1
      case SPACE:
      case 9:
      case 13:
        return at + 1
    }
    const character = piece.charAt(at)
    const frame = this.open.at(-1)
    switch (this.next) {
      case "element":
      case "value":
        if (character === "]" && this.next === "element") return this.close(at)
        return this.begin(character, at)
      case "firstKey":
      case "key":
        if (character === "}" && this.next === "firstKey") return this.close(at)
        if (character !== "\"") return this.fail(at)
        this.beginString(true)
        return at + 1
      case "colon":
        if (character !== ":") return this.fail(at)
        this.next = "value"
        return at + 1
      default:
        if (frame === undefined) return this.fail(at)
        if (character === ",") {
          this.next = frame.kind === "array" ? "value" : "key"
          return at + 1
        }
        return character === (frame.kind === "array" ? "]" : "}") ? this.close(at) : this.fail(at)
    }
  }

  private begin(character: string, at: number): number {
    switch (character) {
      case "{":
      case "[": {
        if (this.open.length === this.limit) return this.fail(at, `nesting of no more than ${this.limit} levels`)
        const matched = this.matchedHere()
        this.open.push(
          character === "{"
            ? { kind: "object", record: {}, size: 0, cost: 0, key: "", matched }
            : { kind: "array", items: [], cost: 0, matched }
        )
        this.openCost += costOfContainer
        this.next = character === "{" ? "firstKey" : "element"
        this.isNew = true
        return at + 1
      }
      case "\"":
        this.beginString(false)
        this.isNew = true
        return at + 1
      case "-":
        this.number = "minus"
        break
      case "0":
        this.number = "zero"
        break
      default: {
        const literal = literals.find(([text]) => text.startsWith(character))
        if (literal !== undefined) {
          this.next = "literal"
          this.literal = literal
          this.matched = 1
          return at + 1
        }
        if (!digits.includes(character)) return this.fail(at)
        this.number = "integer"
      }
    }
    this.next = "number"
    this.text = character
    return at + 1
  }

  private beginString(isKey: boolean): void {
    this.next = "string"
    this.isKey = isKey
    this.text = ""
  }

  private stepString(piece: string, from: number): number {
    let at = from
    let code = piece.charCodeAt(at)
    while (at < piece.length && code !== QUOTE && code !== BACKSLASH && code >= SPACE) code = piece.charCodeAt(++at)
    if (at > from) this.append(piece.slice(from, at))
    if (at === piece.length) return at
    if (code === BACKSLASH) this.escape = "\\"
    else if (code !== QUOTE) return this.fail(at, "an escape in place of a control character")
    else this.endString()
    return at + 1
  }

  private stepEscape(piece: string, at: number): number {
    const character = piece.charAt(at)
    const isSingle = this.escape === "\\" && character !== "u"
    const plain = isSingle ? escapes.get(character) : undefined
    if (isSingle ? plain === undefined : this.escape !== "\\" && !/[0-9a-fA-F]/.test(character)) return this.fail(at)
    this.escape += character
    if (plain === undefined && this.escape.length < 6) return at + 1
    const unit = plain ?? String.fromCharCode(Number.parseInt(this.escape.slice(2), 16))
    this.escape = ""
    this.append(unit)
    return at + 1
  }

  private append(run: string): void {
    const text = this.held + run
    const isHalf = (text.charCodeAt(text.length - 1) & 0xFC00) === 0xD800
    const whole = isHalf ? text.slice(0, -1) : text
    this.held = isHalf ? text.slice(-1) : ""
    if (whole === "") return
    this.text += whole
    if (!this.isKey) this.isNew = true
  }

  private endString(): void {
    const text = this.text + this.held
    const frame = this.open.at(-1)
    if (this.isKey) {
      if (frame?.kind === "object") frame.key = text
      this.next = "colon"
    } else {
      if (this.held !== "") this.isNew = true
      this.put(text)
    }
    this.held = ""
    this.text = ""
  }

  private stepNumber(piece: string, from: number): number {
    let at = from
    while (at < piece.length) {
      const character = piece.charAt(at)
      const next = numberTable[this.number].find(([characters]) => characters.includes(character))
      if (next === undefined) break
      this.number = next[1]
      at++
    }
    this.text += piece.slice(from, at)
    if (at === piece.length) return at
    if (!wholeNumbers.has(this.number)) return this.fail(at)
    this.endNumber()
    return at
  }

  private endNumber(): void {
    this.complete(Number(this.text))
    this.text = ""
  }

  private close(at: number): number {
    const frame = this.open.pop()
    if (frame === undefined) return at + 1
    this.openCost -= costOfContainer + frame.cost
    this.put(frame.kind === "array" ? frame.items : frame.record)
    return at + 1
  }

  /** A value whose beginning showed nothing is there. */
  private complete(value: Schema.Json): void {
    this.isNew = true
    this.put(value)
  }

  /** Puts a value that is whole into what holds it. */
  private put(value: Schema.Json): void {
    this.next = "separator"
    const frame = this.open.at(-1)
    if (frame === undefined) {
      this.root = value
      return
    }
    if (frame.kind === "object") {
      set(frame.record, frame.key, value)
      this.grow(frame, ++frame.size <= manyKeys ? 1 : costOfHashedKey)
      return
    }
    const size = frame.items.push(value)
    this.grow(frame, size <= manyItems ? 1 : costOfLateItem)
    if (frame.matched === this.watched?.path.length) this.watched.onElement(value, size - 1)
  }

  private grow(frame: Frame, cost: number): void {
    frame.cost += cost
    this.openCost += cost
  }

  private matchedHere(): number {
    const frame = this.open.at(-1)
    if (this.watched === undefined || frame === undefined) return 0
    const segment = frame.kind === "array" ? frame.items.length : frame.key
    return frame.matched >= 0 && this.watched.path[frame.matched] === segment ? frame.matched + 1 : -1
  }

  private expected(): string {
    switch (this.next) {
      case "value":
        return "a value"
      case "element":
        return "a value or `]`"
      case "firstKey":
        return "a key or `}`"
      case "key":
        return "a key"
      case "colon":
        return "`:`"
      case "string":
        return this.escape === "" ? "the end of a string" : "the rest of an escape"
      case "literal":
        return `the rest of \`${this.literal[0]}\``
      case "number":
      case "separator": {
        if (this.next === "number" && !wholeNumbers.has(this.number)) return "a digit"
        const frame = this.open.at(-1)
        return frame === undefined ? "the end" : frame.kind === "array" ? "`,` or `]`" : "`,` or `}`"
      }
    }
  }

  private fail(at: number, expected = this.expected()): number {
    this.error = this.problem("invalid", this.read + at, expected)
    return at
  }

  private problem(kind: PartialJsonError["kind"], offset: number, expected: string): PartialJsonError {
    return new PartialJsonError({ kind, offset, line: this.line, column: offset - this.lineStart + 1, expected })
  }
}

// A plain assignment to "__proto__" would set the prototype.
const set = (record: { [key: string]: Schema.Json }, key: string, value: Schema.Json): void => {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else record[key] = value
}
