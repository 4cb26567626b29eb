import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Hash from "effect/Hash"
import * as Predicate from "effect/Predicate"
import { sha256 } from "../internal/sha256.ts"

/**
 * The SHA-256 of a text.
 *
 * @internal
 */
export const ofText = (text: string): Effect.Effect<string> => Effect.map(sha256(text), Base64Url.encode)

/**
 * Tells two texts apart that are not made to be alike.
 *
 * @internal
 */
export const mark = (text: string): string => `${text.length}.${(Hash.string(text) >>> 0).toString(36)}`

/**
 * The digest of a JSON value. Spaces, escapes and the order of keys don't count.
 *
 * @internal
 */
export const ofJson = (value: unknown): Effect.Effect<string> => Effect.suspend(() => ofText(canonical(value)))

const canonical = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, field: unknown) =>
      Predicate.isObject(field)
        ? Object.fromEntries(Object.keys(field).sort().map((key) => [key, field[key]]))
        : field) ?? ""
  } catch (error) {
    // No provider gets what can't be written: it only has to be told from the others.
    return error instanceof RangeError ? outline(value) : ""
  }
}

/** How deep a value is, and what is at its bottom. */
const outline = (value: unknown): string => {
  let depth = 0
  let inner = value
  const seen = new Set<object>()
  while (typeof inner === "object" && inner !== null && !seen.has(inner)) {
    seen.add(inner)
    depth++
    inner = Object.values(inner)[0]
  }
  return `${depth} ${String(inner)}`
}
