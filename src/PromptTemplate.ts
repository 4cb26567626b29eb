/**
 * Prompts as tagged templates: lines begin messages, and values of several kinds are inserted.
 *
 * Text is dedented, so that a template can stand indented in its program. Only what is written in the template itself begins
 * a message; values never do.
 *
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"

/**
 * A text or a number, put into the text around it as it is.
 *
 * @category models
 * @since 0.2.0
 */
export type Text = string | number | bigint

/**
 * A text or a file, which becomes a part of the message in which it stands.
 *
 * @category models
 * @since 0.2.0
 */
export type Part = Prompt.TextPart | Prompt.FilePart

/**
 * A value in a template: a text; a list, one line an entry, each behind the bullet that the template has before it;
 * a list of lists, with a blank line between them; parts; messages or a whole prompt, which stand between the template's own
 * messages; or nothing (`undefined`).
 *
 * @category models
 * @since 0.2.0
 */
export type Value =
  | Text
  | ReadonlyArray<Text>
  | ReadonlyArray<ReadonlyArray<Text>>
  | Part
  | ReadonlyArray<Part>
  | Prompt.Message
  | ReadonlyArray<Prompt.Message>
  | Prompt.Prompt
  | undefined

const HoleTypeId = "~effect-llm-stream/PromptTemplate/Hole"

/**
 * A place in a template that is filled later, by name.
 *
 * @category models
 * @since 0.2.0
 */
export interface Hole<out Name extends string, out A extends Value> {
  readonly [HoleTypeId]: { readonly _A: (_: never) => A }
  readonly name: Name
}

/**
 * An expression in a template: a value, or a hole for one.
 *
 * @category models
 * @since 0.2.0
 */
export type Insert = Value | Hole<string, Value>

/**
 * The values that the holes of a template ask for.
 *
 * @category models
 * @since 0.2.0
 */
export type Values<Inserts extends ReadonlyArray<Insert>> = {
  readonly [H in Extract<Inserts[number], Hole<string, Value>> as H["name"]]: H extends Hole<string, infer A> ? A
    : never
}

const hole = <A extends Value>() => <const Name extends string>(name: Name): Hole<Name, A> => ({
  [HoleTypeId]: { _A: (absurd) => absurd },
  name
})

/**
 * A hole for a text or a number.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 *
 * const ask = PromptTemplate.make`Recommend a ${PromptTemplate.text("genre")} book.`
 * ask({ genre: "fantasy" }).content.length // 1
 * ```
 *
 * @category holes
 * @since 0.2.0
 */
export const text: <const Name extends string>(name: Name) => Hole<Name, Text> = hole<Text>()

/**
 * A hole for a list: one line an entry. Of a list of lists, a blank line stands between the inner ones.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 *
 * const ask = PromptTemplate.make`
 *   I liked:
 *   - ${PromptTemplate.list("books")}
 * `
 * ask({ books: ["Dune", "Solaris"] }).content.length // 1
 * ```
 *
 * @category holes
 * @since 0.2.0
 */
export const list: <const Name extends string>(
  name: Name
) => Hole<Name, ReadonlyArray<Text> | ReadonlyArray<ReadonlyArray<Text>>> = hole<
  ReadonlyArray<Text> | ReadonlyArray<ReadonlyArray<Text>>
>()

/**
 * A hole for a part, such as an image, or for several.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 * import { Prompt } from "effect/ai"
 *
 * const ask = PromptTemplate.make`What is this? ${PromptTemplate.part("image")}`
 * const image = Prompt.filePart({ mediaType: "image/png", data: new URL("https://example.com/cat.png") })
 * ask({ image }).content[0]?.content.length // 2
 * ```
 *
 * @category holes
 * @since 0.2.0
 */
export const part: <const Name extends string>(name: Name) => Hole<Name, Part | ReadonlyArray<Part>> = hole<
  Part | ReadonlyArray<Part>
>()

/**
 * A hole for messages, such as the conversation so far. It ends the message in which it stands.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 * import { Prompt } from "effect/ai"
 *
 * const next = PromptTemplate.make`
 *   SYSTEM: Be brief.
 *   ${PromptTemplate.messages("history")}
 *   USER: Go on.
 * `
 * next({ history: Prompt.make("Tell me a story") }).content.length // 3
 * ```
 *
 * @category holes
 * @since 0.2.0
 */
export const messages: <const Name extends string>(
  name: Name
) => Hole<Name, Prompt.Prompt | Prompt.Message | ReadonlyArray<Prompt.Message>> = hole<
  Prompt.Prompt | Prompt.Message | ReadonlyArray<Prompt.Message>
>()

/**
 * A prompt, written down at once. A line that begins with `SYSTEM:`, `USER:` or `ASSISTANT:` begins a message of that role;
 * text without one is the user's. Each message is dedented, and blank lines at both ends are removed.
 *
 * Throws a `TypeError` when a template does not take a value, or when a file stands in a system message.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 *
 * const books = ["Dune", "Solaris"]
 * const prompt = PromptTemplate.prompt`
 *   SYSTEM: You are a librarian.
 *   USER:
 *     I liked these books:
 *     - ${books}
 *     What should I read next?
 * `
 * prompt.content.map((message) => message.role) // ["system", "user"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const prompt = (strings: ReadonlyArray<string>, ...values: ReadonlyArray<Value>): Prompt.Prompt =>
  filled(parsed(strings, values), {})

/**
 * A template with holes: a function from their values to a prompt. Otherwise it is written as {@link prompt}.
 *
 * @example
 * ```ts
 * import { PromptTemplate } from "effect-llm-stream"
 * import { Prompt } from "effect/ai"
 *
 * const librarian = PromptTemplate.make`
 *   SYSTEM: You are a librarian for ${PromptTemplate.text("genre")} books.
 *   ${PromptTemplate.messages("history")}
 *   USER: What is this book? ${PromptTemplate.part("cover")}
 * `
 *
 * const prompt = librarian({
 *   genre: "fantasy",
 *   history: Prompt.empty,
 *   cover: Prompt.filePart({ mediaType: "image/png", data: new URL("https://example.com/cover.png") })
 * })
 * prompt.content.length // 2
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <const Inserts extends ReadonlyArray<Insert>>(
  strings: ReadonlyArray<string>,
  ...inserts: Inserts
): (values: Values<Inserts>) => Prompt.Prompt => {
  const template = parsed(strings, inserts)
  return (values) => filled(template, values)
}

type Role = "system" | "user" | "assistant"

// A message of the template; text before the first role has the role `undefined`.
interface Block {
  readonly role: Role | undefined
  readonly lines: Array<Array<Token>>
}

type Token = string | { readonly insert: Insert }

const roles: Readonly<Record<string, Role>> = { SYSTEM: "system", USER: "user", ASSISTANT: "assistant" }

const parsed = (strings: ReadonlyArray<string>, inserts: ReadonlyArray<Insert>): ReadonlyArray<Block> => {
  const lines: Array<Array<Token>> = []
  for (const [index, string] of strings.entries()) {
    const [first = "", ...others] = string.split("\n")
    const line = lines.at(-1)
    if (line === undefined) lines.push([first])
    else line.push({ insert: inserts[index - 1] }, first)
    for (const other of others) lines.push([other])
  }
  let block: Block = { role: undefined, lines: [] }
  const blocks = [block]
  for (const [start = "", ...rest] of lines) {
    const [marker, word] = (typeof start === "string" ? /^[ \t]*(SYSTEM|USER|ASSISTANT):[ \t]*/.exec(start) : null) ??
      []
    const role = word === undefined ? undefined : roles[word]
    if (marker === undefined || role === undefined || typeof start !== "string") {
      block.lines.push([start, ...rest])
    } else {
      block = { role, lines: [[start.slice(marker.length), ...rest]] }
      blocks.push(block)
    }
  }
  return blocks.map(dedented)
}

// The line of the marker has no indentation of its own.
const dedented = ({ lines, role }: Block): Block => {
  const isBlank = (line: ReadonlyArray<Token>) =>
    line.every((token) => typeof token === "string" && token.trim() === "")
  const indented = role === undefined ? lines : lines.slice(1)
  const indentation = indented.filter((line) => !isBlank(line)).reduce(
    (least, [start]) => Math.min(least, typeof start === "string" ? start.length - start.trimStart().length : 0),
    Number.POSITIVE_INFINITY
  )
  return {
    role,
    lines: lines.map((line, index) => {
      const [start, ...rest] = line
      return isBlank(line)
        ? [""]
        : typeof start !== "string" || role !== undefined && index === 0
        ? line
        : [start.slice(indentation), ...rest]
    })
  }
}

const filled = (blocks: ReadonlyArray<Block>, values: Readonly<Record<string, Value>>): Prompt.Prompt =>
  Prompt.fromMessages(blocks.flatMap((block) => messagesOf(block, values)))

// The pieces of a message: text of the template, text of a value, or a part.
type Piece = { readonly written: string } | { readonly said: string } | Part

const messagesOf = ({ lines, role }: Block, values: Readonly<Record<string, Value>>): ReadonlyArray<Prompt.Message> => {
  const out: Array<Prompt.Message> = []
  let pieces: Array<Piece> = []
  let current: Role = role ?? "user"
  const end = () => {
    const message = messageOf(current, pieces)
    if (message !== undefined) out.push(message)
    pieces = []
  }
  for (const [index, line] of lines.entries()) {
    if (index > 0) pieces.push({ written: "\n" })
    for (const token of line) {
      if (typeof token === "string") {
        pieces.push({ written: token })
        continue
      }
      const value = valueOf(token.insert, values)
      if (value === undefined) continue
      if (isText(value)) {
        pieces.push({ said: String(value) })
      } else if (Prompt.isPart(value) && isInsertable(value)) {
        pieces.push(value)
      } else if (Prompt.isPrompt(value) || Prompt.isMessage(value)) {
        end()
        for (const message of Prompt.isPrompt(value) ? value.content : [value]) out.push(message)
        // The message is over. The text that follows has no role until a line states one.
        current = "user"
      } else if (isList(value)) {
        if (value.length > 0 && value.every(Prompt.isMessage)) {
          end()
          for (const message of value) out.push(message)
          current = "user"
        } else {
          const [start] = line
          const bullet = line[1] === token && typeof start === "string" && isBullet(start) ? start : undefined
          if (bullet !== undefined) pieces.pop()
          for (const piece of listed(value, bullet ?? "")) pieces.push(piece)
        }
      } else {
        throw misplaced(value)
      }
    }
  }
  end()
  return out
}

const valueOf = (insert: Insert, values: Readonly<Record<string, Value>>): Value => {
  if (!isHole(insert)) return insert
  if (!Object.hasOwn(values, insert.name)) throw new TypeError(`The template has no value for ${insert.name}`)
  return values[insert.name]
}

const isHole = (insert: Insert): insert is Hole<string, Value> => Predicate.hasProperty(insert, HoleTypeId)

const isText = (value: unknown): value is Text =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint"

const isInsertable = (part: Prompt.Part): part is Part => part.type === "text" || part.type === "file"

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

const isBullet = (text: string): boolean => /^[ \t]*(?:[-*+>•][ \t]+)?$/.test(text)

// The entries of a list stand under each other, each behind the bullet or the indentation of the first.
const listed = (values: ReadonlyArray<unknown>, bullet: string): ReadonlyArray<Piece> => {
  if (values.every(isText)) {
    return values.flatMap((value, index) => [
      { written: index === 0 ? bullet : `\n${bullet}` },
      { said: String(value) }
    ])
  }
  if (values.every(isList)) {
    const texts = values.map((inner) => {
      const strange = inner.find((entry) => !isText(entry))
      if (strange !== undefined) throw misplaced(strange)
      return inner.map((entry) => `${bullet}${entry}`).join("\n")
    })
    return [{ said: texts.join("\n\n") }]
  }
  return values.map((value) => {
    if (Prompt.isPart(value) && isInsertable(value)) return value
    throw misplaced(value)
  })
}

const misplaced = (value: unknown): TypeError =>
  new TypeError(
    `A template takes texts, numbers, lists, text and file parts, messages and prompts, but not ${
      value === null ? "null" : `a value of type ${typeof value}`
    }`
  )

// White space is trimmed from the template's text, beside a part as well, and never from values.
const messageOf = (role: Role, pieces: ReadonlyArray<Piece>): Prompt.Message | undefined => {
  const content: Array<Part> = []
  let run: Array<Exclude<Piece, Part>> = []
  const end = () => {
    const text = trimmed(run)
    if (text !== undefined) content.push(Prompt.textPart({ text }))
    run = []
  }
  for (const piece of pieces) {
    if (!("type" in piece)) {
      run.push(piece)
      continue
    }
    end()
    content.push(piece)
  }
  end()
  if (content.length === 0) return undefined
  switch (role) {
    case "user":
      return Prompt.userMessage({ content })
    case "assistant":
      return Prompt.assistantMessage({ content })
    case "system":
      return Prompt.systemMessage({
        content: content.map((part) => {
          if (part.type === "text") return part.text
          throw new TypeError("A file can't stand in a system message")
        }).join("\n")
      })
  }
}

const trimmed = (run: ReadonlyArray<Exclude<Piece, Part>>): string | undefined => {
  const texts = run.map((piece) => "said" in piece ? piece.said : piece.written)
  const isSaid = (index: number) => "said" in (run[index] ?? {})
  for (let i = 0; i < texts.length && !isSaid(i); i++) {
    texts[i] = texts[i]?.trimStart() ?? ""
    if (texts[i] !== "") break
  }
  for (let i = texts.length - 1; i >= 0 && !isSaid(i); i--) {
    texts[i] = texts[i]?.trimEnd() ?? ""
    if (texts[i] !== "") break
  }
  const text = texts.join("")
  return text === "" && !run.some((piece) => "said" in piece) ? undefined : text
}
