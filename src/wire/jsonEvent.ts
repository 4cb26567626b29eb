import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { validator } from "../internal/validator.ts"
import type { Unexplained } from "./fault.ts"
import { isTooDeep, maxNesting } from "./nesting.ts"

/**
 * The content of an event's data: a JSON object, nothing (a heartbeat), or something malformed.
 *
 * @internal
 */
export const parse = (
  data: string,
  event: number
): { readonly [key: string]: unknown } | Unexplained | undefined => {
  const first = data.charCodeAt(0)
  // Every real event begins with `{`; other data is checked below.
  if (first !== 123) {
    const trimmed = data.trim()
    if (trimmed === "" || trimmed === "null" || trimmed.startsWith(":")) return undefined
  }
  try {
    const json: unknown = JSON.parse(data)
    // Every level takes at least two characters, so small events, which are nearly all, need no check.
    if (Predicate.isObject(json) && (data.length <= 2 * maxNesting || !isTooDeep(json))) return json
  } catch {
    // The data is told below not to be JSON.
  }
  return ({ invalidJson }) => Effect.succeed(invalidJson(data, event))
}

/**
 * Gives an event's JSON as a typed payload, or says where it does not fit.
 *
 * @internal
 */
export interface Check<T> {
  (json: unknown, data: string, event: number): T | Unexplained
  readonly schema: Schema.Codec<T, T>
}

/** @internal */
export const check = <T>(schema: Schema.Codec<T, T>): Check<T> => {
  const isPayload = validator(schema)
  return Object.assign(
    (json: unknown, data: string, event: number) => isPayload(json) ? json : invalidPayload(schema, json, data, event),
    { schema }
  )
}

/**
 * The error for a payload whose known fields do not have the documented types.
 *
 * @internal
 */
export const invalidPayload =
  <T>(schema: Schema.Codec<T, T>, json: unknown, data: string, event: number): Unexplained => ({ invalidPayload }) =>
    Effect.succeed(invalidPayload(schema, json, data, event))
