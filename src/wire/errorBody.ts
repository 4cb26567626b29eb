import * as Predicate from "effect/Predicate"
import type * as ProviderError from "../ProviderError.ts"

const maxExcerpt = 1024

/** @internal */
export const excerpt = (text: string): string => text.length <= maxExcerpt ? text : `${text.slice(0, maxExcerpt)}…`

/**
 * The failure that a JSON value states: `{"error": {…}}`, `{"error": "…"}`, or flat.
 *
 * @internal
 */
export const failureOf = (json: object): ProviderError.Failure | undefined => {
  const nested = property(json, "error")
  const error = Predicate.isObject(nested) ? nested : json
  const message = typeof nested === "string" ? nested : text(error, "message") ?? text(error, "Message") ??
    // FastAPI's field, and so that of many self-hosted servers.
    text(error, "detail")
  // Google's word, beside the HTTP status as `code`.
  const word = /^[A-Z_]+$/.exec(text(error, "status") ?? "")?.[0]
  const code = word ?? text(error, "code") ?? text(error, "__type")?.split("#").at(-1)
  const type = text(error, "type")
  const isFailure = nested !== undefined && nested !== null || message !== undefined
  if (!isFailure) return undefined
  return {
    message: message ?? code ?? type ?? "The provider stated an error without a message",
    // A bare string is a code when it is a single word.
    code: code ?? (typeof nested === "string" && /^\S+$/.test(nested)
      ? nested
      : property(error, "code") === null
      ? null
      : undefined),
    type,
    status: statusOf(error),
    requestId: text(json, "request_id"),
    failedGeneration: text(error, "failed_generation"),
    details: property(error, "innererror") ?? property(error, "content_filters")
  }
}

// The HTTP status that would have been sent, had the failure come before the stream; some hosts state it as the code.
const statusOf = (error: object): number | undefined =>
  ["status_code", "status", "code"].map((key) => Number(text(error, key))).find((n) => n >= 400 && n < 600)

const property = (object: object, key: string): unknown =>
  Object.hasOwn(object, key) ? (object as Readonly<Record<string, unknown>>)[key] : undefined

const text = (object: object, key: string): string | undefined => {
  const value = property(object, key)
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined
}
