/**
 * Tells why a response fails. It is loaded with the first that does.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { classify, type Failure, type Table } from "../errors/classify.ts"
import { MalformedEvent, type Reason } from "../errors/providerError.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import { excerpt, failureOf } from "./errorBody.ts"
import { isTooDeep, maxNesting } from "./nesting.ts"

const malformed = (options: {
  readonly event: number
  readonly message: string
  readonly data: string
  readonly path?: ReadonlyArray<string | number>
}): MalformedEvent =>
  new MalformedEvent({
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
 * The error for the data of an event that is no JSON object, or one that is nested too deep.
 *
 * @internal
 */
export const invalidJson = (data: string, event: number): MalformedEvent =>
  malformed({ event, data, message: `Event ${event} ${problemOf(data)}` })

const problemOf = (data: string): string => {
  try {
    return isTooDeep(JSON.parse(data))
      ? `is nested deeper than the limit of ${maxNesting} levels`
      : "holds JSON that is not an object"
  } catch (error) {
    const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined
    return `(${data.length} characters) is not valid JSON${position === undefined ? "" : ` at character ${position}`}`
  }
}

/**
 * The error for a payload whose known fields do not have the documented types.
 *
 * @internal
 */
export const invalidPayload = <T>(
  schema: Schema.Codec<T, T>,
  json: unknown,
  data: string,
  event: number
): MalformedEvent => {
  const result = Schema.decodeUnknownResult(schema)(json)
  const issue = Result.isFailure(result) ? schemaIssues(result.failure)[0] : undefined
  const path = issue?.path ?? []
  return malformed({ event, data, path, message: `Event ${event}: ${issue?.message ?? "invalid"} at ${place(path)}` })
}

/** What an object says that is known to state a failure. */
const stated = (json: object): Failure => {
  const failure = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return failure.type === "error" ? { ...failure, type: undefined } : failure
}

/**
 * A provider's error table, which may be loaded when it is needed. Without it, a failure means what its status says.
 *
 * @internal
 */
export const tableOf = (errors: Table | Effect.Effect<Table>): Effect.Effect<Table> =>
  Effect.isEffect(errors) ? Effect.catchDefect(errors, () => Effect.succeed({ codes: {} })) : Effect.succeed(errors)

const classified = (failure: Failure, errors: Table | Effect.Effect<Table>): Effect.Effect<Reason> =>
  Effect.map(tableOf(errors), (table) => classify(failure, table))

/**
 * What a fault is given, to tell its reason.
 *
 * @internal
 */
export const explain = { classified, excerpt, failureOf, invalidJson, invalidPayload, malformed, stated }

/** @internal */
export type Explain = typeof explain
