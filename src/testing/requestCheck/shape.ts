import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { place } from "../../internal/place.ts"

/**
 * What a provider refuses: a field that has to be there, one that it does not know, or one that holds what it does not
 * take.
 *
 * @internal
 */
export interface Finding {
  readonly kind: "missing" | "unknown" | "invalid"
  /** The place in the body, such as `messages[0].content`; empty for the body itself. */
  readonly path: string
  /** The problem, without the place. */
  readonly message: string
}

/**
 * @internal
 */
export const invalid = (path: string, message: string): Finding => ({ kind: "invalid", path, message })

/**
 * The labels that OpenAI takes for a request.
 *
 * @internal
 */
export const Labels = Schema.Record(Schema.String, Schema.String.check(Schema.isMaxLength(512))).check(
  Schema.isPropertyNames(Schema.String.check(Schema.isMaxLength(64))),
  Schema.isMaxProperties(16)
)

const messages = { missing: "is required", unknown: "is not a field of this API" }

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "MissingKey"
      ? messages.missing
      : issue._tag === "UnexpectedKey"
      ? messages.unknown
      : SchemaIssue.defaultLeafHook(issue)
})

/**
 * Reads a body as a schema has it. Providers either refuse fields that they do not know or pass over them.
 *
 * @internal
 */
export const shape = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, onExcessProperty: "error" | "ignore") => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty })
  return (body: unknown): Result.Result<S["Type"], ReadonlyArray<Finding>> =>
    Result.mapError(decode(body), ({ issue }) =>
      format(issue).issues.map(({ message, path = [] }) => ({
        kind: message === messages.missing ? "missing" : message === messages.unknown ? "unknown" : "invalid",
        path: place(path.map((segment) => {
          const key = typeof segment === "object" ? segment.key : segment
          return typeof key === "number" ? key : String(key)
        })),
        message: message.replace(/^Expected /, "expected ")
      })))
}

/**
 * A JSON object of any fields.
 *
 * @internal
 */
export const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/**
 * Bytes in base64, at least one.
 *
 * @internal
 */
export const Base64 = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9+/]+={0,2}$/, { expected: "base64 of at least one byte" })
)

/**
 * A name of a tool.
 *
 * @internal
 */
export const Name = (maxLength: number) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^[a-zA-Z0-9_-]{1,${maxLength}}$`), {
      expected: `1 to ${maxLength} letters, digits, underscores and hyphens`
    })
  )

/**
 * @internal
 */
export const between = (minimum: number, maximum: number) => Schema.Finite.check(Schema.isBetween({ minimum, maximum }))

/**
 * @internal
 */
export const isBlank = (text: string): boolean => text.trim() === ""

/**
 * One of several kinds, told apart by a literal; `expected` names them.
 *
 * @internal
 */
export const kinds = <const Members extends ReadonlyArray<Schema.Constraint>>(expected: string, members: Members) =>
  Schema.Union(members).annotate({ expected })

/**
 * The duplicates, with their positions.
 *
 * @internal
 */
export const repeated = (values: ReadonlyArray<string>): ReadonlyArray<readonly [value: string, index: number]> =>
  values.flatMap((value, index) => values.indexOf(value) < index ? [[value, index] as const] : [])

// The first bytes of images, in base64.
const images: ReadonlyArray<readonly [mediaType: string, start: RegExp]> = [
  ["image/png", /^iVBORw0KGgo/],
  ["image/jpeg", /^\/9j\//],
  ["image/gif", /^R0lGOD/],
  ["image/webp", /^UklGR/]
]

/**
 * The real media type of an image's bytes, if it is not the stated one.
 *
 * @internal
 */
export const otherImage = (base64: string, mediaType: string): string | undefined => {
  const found = images.find(([, start]) => start.test(base64))?.[0]
  return found === mediaType ? undefined : found
}

/**
 * A block of a turn: the call or the result that it is, by the call's id, and its place.
 *
 * @internal
 */
export interface Said {
  readonly path: string
  readonly call?: string | undefined
  readonly result?: string | undefined
}

/**
 * The problems of calls and results in turns: results come first, each belongs to a call of the turn before, each call
 * has one, and two calls never share an id. `names` are the format's names for them, `ids` the place of the id in them.
 *
 * @internal
 */
export const pairFindings = (
  turns: ReadonlyArray<ReadonlyArray<Said>>,
  names: { readonly call: string; readonly result: string },
  ids: { readonly call: string; readonly result: string }
): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const used = new Set<unknown>()
  let open: ReadonlyArray<Said> = []
  for (const said of [...turns, []]) {
    const results = said.filter(({ result }) => result !== undefined)
    const late = results.find((each, index) => said[index] !== each)
    if (late !== undefined) findings.push(invalid(late.path, `${names.result} blocks have to stand before all others`))
    for (const [index, { path, result }] of results.entries()) {
      if (!open.some(({ call }) => call === result)) {
        findings.push(
          invalid(path + ids.result, `there is no ${names.call} with the id ${result} in the message before`)
        )
      }
      if (results.findIndex((each) => each.result === result) < index) {
        findings.push(invalid(path, `there is a ${names.result} of ${result} already`))
      }
    }
    for (const { call, path } of open) {
      if (!results.some(({ result }) => result === call)) {
        findings.push(invalid(path, `the ${names.call} ${call} has no ${names.result} in the message after it`))
      }
    }
    open = said.filter(({ call }) => call !== undefined)
    for (const { call, path } of open) {
      if (used.has(call)) {
        findings.push(invalid(path + ids.call, `the ids of ${names.call} blocks have to be unique, ${call} is not`))
      }
      used.add(call)
    }
  }
  return findings
}
