/**
 * Reading what a client has sent: the place of what is wrong stands before each refusal.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Checks from "../engine/checks.ts"
import { InvalidRequest } from "../errors/providerError.ts"
import { place } from "../internal/place.ts"

/**
 * How large the body of a client may be.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Limits {
  /** Of the whole body, in bytes. Default: 8 Mi. */
  readonly maxBodySize?: number | undefined
  /** How many messages it may have. Default: 1,000. */
  readonly maxMessages?: number | undefined
  /** How deep its values may be nested, 512 levels at most. Default: 64. */
  readonly maxDepth?: number | undefined
  /** Of the data of one file, in bytes. Default: 4 Mi. */
  readonly maxFileSize?: number | undefined
}

/**
 * The limits that count.
 *
 * @internal
 */
export const limits = (stated: Limits): Read<Counted> =>
  Result.flatMap(
    refusing(Checks.copied(stated)),
    ({ maxBodySize = 8 * 2 ** 20, maxDepth = 64, maxFileSize = 4 * 2 ** 20, maxMessages = 1_000 }) =>
      refusing(Result.all({
        maxBodySize: Checks.count("maxBodySize", maxBodySize, { unlimited: true }),
        maxDepth: Result.map(
          Checks.count("maxDepth", maxDepth, { unlimited: true }),
          (depth) => Math.min(depth, deepest)
        ),
        maxFileSize: Checks.count("maxFileSize", maxFileSize, { unlimited: true }),
        maxMessages: Checks.count("maxMessages", maxMessages, { unlimited: true })
      }))
  )

const refusing = <A>(checked: Result.Result<A, string>): Read<A> =>
  Result.mapError(checked, (message) => new InvalidRequest({ message }))

/**
 * The options of a program, which may be one without types.
 *
 * @internal
 */
export const given = <O extends { readonly scope?: unknown; readonly thread?: unknown }>(options: O): Read<O> =>
  refusing(Result.gen(function*() {
    const copy = yield* Checks.copied(options)
    const { thread } = copy
    for (const [name, text] of Object.entries(copy)) {
      if (texts.has(name)) yield* Checks.given(name, "a text", () => text, Checks.isText)
    }
    yield* Checks.given(
      "thread",
      "a `Prompt`",
      () => thread,
      (thread) => thread === undefined || Prompt.isPrompt(thread)
    )
    return copy
  }))

/**
 * The messages of a program, which may be one without types.
 *
 * @internal
 */
export const givenMessages = <M extends { readonly role: string }>(
  messages: ReadonlyArray<M>
): Read<ReadonlyArray<M>> =>
  refusing(
    Checks.given(
      "messages",
      "a list of messages",
      () => messages.map((message) => ({ ...message })),
      (messages) => Array.isArray(messages) && messages.every(({ role }) => typeof role === "string")
    )
  )

const texts: ReadonlySet<string> = new Set(["scope", "threadId", "runId", "messageId"])

/** @internal */
export type Counted = { readonly [K in keyof Limits]-?: number }

/** What is nested deeper takes more stack than there is. */
const deepest = 512

/** @internal */
export type Path = ReadonlyArray<string | number>

/** @internal */
export type Read<A> = Result.Result<A, InvalidRequest>

// Part of a path that a client has made up may be as long as it likes.
const longestPlace = 800

/** @internal */
export const refuse = (path: Path, message: string): Result.Result<never, InvalidRequest> =>
  Result.fail(new InvalidRequest({ message: `${place(path).slice(0, longestPlace)}: ${message}` }))

/** A field of an object, with its path. */
const field = (object: Fields, path: Path, name: string): readonly [value: unknown, path: Path] => [
  Object.hasOwn(object, name) ? object[name] : undefined,
  [...path, name]
]

/** @internal */
export type Fields = Readonly<Record<string, unknown>>

/** @internal */
export const object = (value: unknown, path: Path): Read<Fields> =>
  Predicate.isObject(value) ? Result.succeed({ ...value }) : refuse(path, "not an object")

/** @internal */
export const text = (object: Fields, path: Path, name: string): Read<string> => {
  const [value, at] = field(object, path, name)
  return typeof value === "string" ? Result.succeed(value) : refuse(at, value === undefined ? "missing" : "not a text")
}

/** @internal */
export const optionalText = (object: Fields, path: Path, name: string): Read<string | undefined> =>
  field(object, path, name)[0] === undefined ? Result.succeed(undefined) : text(object, path, name)

/** @internal */
export const mediaType = (object: Fields, path: Path, name: string): Read<string> =>
  Result.flatMap(
    text(object, path, name),
    (type) => /^[\w.+-]+\/[\w.+*-]+/.test(type) ? Result.succeed(type) : refuse([...path, name], "not a media type")
  )

/** @internal */
export const list = (object: Fields, path: Path, name: string): Read<ReadonlyArray<unknown>> => {
  const [value, at] = field(object, path, name)
  return Array.isArray(value) ? Result.succeed(value) : refuse(at, value === undefined ? "missing" : "not a list")
}

/**
 * Reads what is in a list, up to the first that can't be taken: a client may send millions.
 *
 * @internal
 */
export const each = <A, B>(list: ReadonlyArray<A>, read: (item: A, index: number) => Read<B>): Read<ReadonlyArray<B>> =>
  Result.gen(function*() {
    const all: Array<B> = []
    for (const [index, item] of list.entries()) all.push(yield* read(item, index))
    return all
  })

/**
 * A message of any protocol.
 *
 * @internal
 */
export interface Message {
  readonly path: Path
  readonly id: string
  readonly role: string
  readonly fields: Fields
}

/**
 * The fields of a body, and its messages: each has an id of its own and a role.
 *
 * @internal
 */
export const parse = (
  body: string,
  { maxBodySize, maxDepth, maxMessages }: Counted
): Read<{ readonly fields: Fields; readonly messages: ReadonlyArray<Message> }> =>
  Result.gen(function*() {
    if (typeof body !== "string") return yield* refuse(["body"], "not a text")
    // A character has one byte at least.
    if (body.length > maxBodySize || new TextEncoder().encode(body).length > maxBodySize) {
      return yield* tooLarge(maxBodySize)
    }
    const fields = yield* Result.try({ try: (): unknown => JSON.parse(body), catch: () => undefined }).pipe(
      Result.filterOrFail(isFields, () => undefined),
      Result.orElse(() => refuse(["body"], "not a JSON object"))
    )
    yield* harmless(fields, [], maxDepth)
    const stated = yield* list(fields, [], "messages")
    if (stated.length === 0) return yield* refuse(["messages"], "empty")
    if (stated.length > maxMessages) return yield* refuse(["messages"], `more than ${maxMessages}`)
    const ids = new Set<string>()
    const messages = yield* each(stated, (value, index): Read<Message> =>
      Result.gen(function*() {
        const path = ["messages", index]
        const fields = yield* object(value, path)
        const id = yield* text(fields, path, "id")
        if (ids.size === ids.add(id).size) return yield* refuse([...path, "id"], "the id of a message before")
        return { path, id, role: yield* text(fields, path, "role"), fields }
      }))
    return { fields, messages }
  })

/** @internal */
export const tooLarge = (maxBodySize: number): Result.Result<never, InvalidRequest> =>
  refuse(["body"], `larger than ${maxBodySize} bytes`)

const isFields = (value: unknown): value is Fields => Predicate.isObject(value)

/** Nothing in it changes a prototype, or takes more stack than there is. */
const harmless = (value: unknown, path: Path, depth: number): Read<void> => {
  if (typeof value !== "object" || value === null) return Result.void
  if (depth === 0) return refuse(path, "nested too deeply")
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== "object" && key !== "__proto__") continue
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    if (key === "__proto__") return refuse(at, "not a key that is taken")
    const found = harmless(inner, at, depth - 1)
    if (Result.isFailure(found)) return found
  }
  return Result.void
}

/**
 * The URL of a file: one of the web, or one that has the data itself. Nothing is downloaded.
 *
 * @internal
 */
export const fileUrl = (url: string, path: Path, maxFileSize: number): Read<string | URL> => {
  const data = /^data:[^,]*;base64,/i.exec(url.slice(0, 1_000))?.[0]
  if (data !== undefined) {
    return Result.map(fileData(url.slice(data.length), path, maxFileSize), () => url)
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return parsed !== undefined && /^https?:$/.test(parsed.protocol)
    ? Result.succeed(parsed)
    : refuse(path, "neither an address of the web nor base64 data")
}

/**
 * The data of a file, in base64.
 *
 * @internal
 */
export const fileData = (base64: string, path: Path, maxFileSize: number): Read<string> =>
  base64.length * 3 / 4 > maxFileSize + 2
    ? refuse(path, `larger than ${maxFileSize} bytes`)
    : Result.isFailure(Base64.decode(base64))
    ? refuse(path, "not base64")
    : Result.succeed(base64)
