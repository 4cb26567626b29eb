import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import { validator } from "../internal/validator.ts"
import * as ProviderError from "../ProviderError.ts"

/**
 * How deep the objects and arrays of an event may be nested. Runtimes parse JSON of any depth, but write, compare and
 * print it by recursion, and run out of stack at one to a few thousand levels. With this limit, every payload is safe
 * to handle.
 *
 * @internal
 */
export const maxNesting = 512

/**
 * Whether a value that comes from `JSON.parse` is nested deeper than the limit.
 *
 * @internal
 */
export const isTooDeep = (json: unknown, levels = maxNesting): boolean => {
  if (typeof json !== "object" || json === null) return false
  if (levels === 0) return true
  for (const value of Array.isArray(json) ? json : Object.values(json)) if (isTooDeep(value, levels - 1)) return true
  return false
}

/**
 * The content of an event's data: a JSON object, nothing (a heartbeat), or something malformed.
 *
 * @internal
 */
export const parse = (
  data: string,
  event: number
): { readonly [key: string]: unknown } | ProviderError.MalformedEvent | undefined => {
  const first = data.charCodeAt(0)
  // Every real event begins with `{`; other data is checked below.
  if (first !== 123) {
    const trimmed = data.trim()
    if (trimmed === "" || trimmed === "null" || trimmed.startsWith(":")) return undefined
  }
  try {
    const json: unknown = JSON.parse(data)
    // Every level takes at least two characters, so small events, which are nearly all, need no check.
    if (data.length > 2 * maxNesting && isTooDeep(json)) {
      return malformed({
        event,
        data,
        message: `Event ${event} is nested deeper than the limit of ${maxNesting} levels`
      })
    }
    return Predicate.isObject(json)
      ? json
      : malformed({ event, message: `Event ${event} holds JSON that is not an object`, data })
  } catch (error) {
    const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined
    return malformed({
      event,
      message: `Event ${event} (${data.length} characters) is not valid JSON${
        position === undefined ? "" : ` at character ${position}`
      }`,
      data
    })
  }
}

/** @internal */
export const malformed = (options: {
  readonly event: number
  readonly message: string
  readonly data: string
  readonly path?: ReadonlyArray<string | number>
}): ProviderError.MalformedEvent =>
  new ProviderError.MalformedEvent({
    message: options.message,
    event: options.event,
    path: options.path ?? [],
    excerpt: mask(options.data)
  })

const maxExcerpt = 200

// Keys stay, string values go: the shape helps to find the fault, the content is the user's.
const mask = (data: string): string => {
  const masked = data.slice(0, 4 * maxExcerpt)
    .replace(/"(?:[^"\\]|\\.)*(?:"|\\?$)(\s*:)?/gs, (token, colon) => colon === undefined ? "\"…\"" : token)
    // Outside of JSON strings there may be anything, such as a proxy's page.
    .replace(/[^\s{}[\]:,"…]{24,}/g, "…")
  return masked.length <= maxExcerpt ? masked : `${masked.slice(0, maxExcerpt)}…`
}

/**
 * Gives an event's JSON as a typed payload, or says where it does not fit.
 *
 * @internal
 */
export interface Check<T> {
  (json: unknown, data: string, event: number): T | ProviderError.MalformedEvent
  readonly schema: Schema.Codec<T, T>
}

/** @internal */
export const check = <T>(schema: Schema.Codec<T, T>): Check<T> => {
  const isPayload = validator(schema)
  const invalid = invalidPayload(schema)
  return Object.assign(
    (json: unknown, data: string, event: number) => isPayload(json) ? json : invalid(json, data, event),
    { schema }
  )
}

/**
 * The error for a payload whose known fields do not have the documented types.
 *
 * @internal
 */
export const invalidPayload = <T>(schema: Schema.Codec<T, T>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (json: unknown, data: string, event: number): ProviderError.MalformedEvent => {
    const result = decode(json)
    const issue = Result.isFailure(result) ? schemaIssues(result.failure)[0] : undefined
    const path = issue?.path ?? []
    return malformed({ event, data, path, message: `Event ${event}: ${issue?.message ?? "invalid"} at ${place(path)}` })
  }
}
