/**
 * Tells why a response fails. It is loaded with the first that does.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { classify, type Table } from "../errors/classify.ts"
import { MalformedEvent, type Reason, Unknown } from "../errors/providerError.ts"
import { place } from "../internal/place.ts"
import { schemaIssues } from "../internal/schemaIssues.ts"
import { excerpt, failureOf } from "./errorBody.ts"
import { type Errors, type Explain, type Fault, isUnexplained } from "./fault.ts"
import { isTooDeep, maxNesting } from "./nesting.ts"

const malformed: Explain["malformed"] = (options) =>
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

/** @internal */
export const invalidJson: Explain["invalidJson"] = (data, event) =>
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

/** @internal */
export const invalidPayload: Explain["invalidPayload"] = (schema, json, data, event) => {
  const result = Schema.decodeUnknownResult(schema)(json)
  const issue = Result.isFailure(result) ? schemaIssues(result.failure)[0] : undefined
  const path = issue?.path ?? []
  return malformed({ event, data, path, message: `Event ${event}: ${issue?.message ?? "invalid"} at ${place(path)}` })
}

const stated: Explain["stated"] = (json) => {
  const failure = failureOf(json) ?? { message: "The provider stated an error without a message" }
  // A flat body: its type is the event's, not the error's.
  return failure.type === "error" ? { ...failure, type: undefined } : failure
}

/**
 * A provider's error table, which may be loaded when it is needed. Without it, a failure means what its status says.
 *
 * @internal
 */
export const tableOf = (errors: Errors): Effect.Effect<Table> =>
  Effect.isEffect(errors) ? Effect.catchDefect(errors, () => Effect.succeed({ codes: {} })) : Effect.succeed(errors)

const classified: Explain["classified"] = (failure, errors) =>
  Effect.map(tableOf(errors), (table) => classify(failure, table))

const explain: Explain = { classified, excerpt, failureOf, invalidJson, invalidPayload, malformed, stated }

/**
 * The reason of a fault. The error table and what reads failures may be a host's own, and may throw.
 *
 * @internal
 */
export const reasonOf = (fault: Fault): Effect.Effect<Reason> =>
  isUnexplained(fault)
    ? Effect.catchDefect(Effect.suspend(() => fault(explain)), (cause) =>
      Effect.succeed(
        new Unknown({
          message: `Why the response fails cannot be told${cause instanceof Error ? `: ${cause.name}` : ""}`
        })
      ))
    : Effect.succeed(fault)
