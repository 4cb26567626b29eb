import * as Redacted from "effect/Redacted"
import type * as ProviderError from "../ProviderError.ts"
import { rebuild } from "./reason.ts"

/** A shorter secret is not looked for: it would be found in any text. */
const least = 4

/**
 * Cuts the caller's secrets out of a text, and the start of one at its end, where the text itself was cut.
 *
 * @internal
 */
export const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  let out = text
  for (const secret of secrets) {
    const value = Redacted.value(secret)
    if (value.length < least) continue
    out = out.replaceAll(value, redacted)
    out = withoutStart(out, value)
  }
  return out
}

const redacted = "<redacted>"

const withoutStart = (text: string, secret: string): string => {
  const end = text.endsWith("…") ? text.length - 1 : text.length
  for (let length = Math.min(secret.length - 1, end); length >= least; length--) {
    if (text.startsWith(secret.slice(0, length), end - length)) {
      return text.slice(0, end - length) + redacted + text.slice(end)
    }
  }
  return text
}

/**
 * Cuts the caller's secrets out of everything that the provider may have echoed.
 *
 * @internal
 */
export const scrub = (
  reason: ProviderError.Reason,
  secrets: ReadonlyArray<Redacted.Redacted>
): ProviderError.Reason => {
  const changed: Record<string, unknown> = {}
  // The message of an error is no enumerable property.
  for (const [key, value] of Object.entries({ ...reason, message: reason.message })) {
    const isScrubbed = key !== "_tag" && (typeof value === "string" || key === "details" || key === "path")
    const cleaned = isScrubbed ? cleanAll(value, secrets) : value
    if (cleaned !== value) changed[key] = cleaned
  }
  return Object.keys(changed).length === 0 ? reason : rebuild(reason, changed)
}

// The same value where there is nothing to cut. It comes from JSON, and is nested only as deep as events may be.
const cleanAll = (value: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  if (typeof value === "string") return clean(value, secrets)
  if (typeof value !== "object" || value === null) {
    // A secret of digits.
    const text = String(value)
    return typeof value === "number" && clean(text, secrets) !== text ? redacted : value
  }
  if (Array.isArray(value)) {
    const cleaned = value.map((item) => cleanAll(item, secrets))
    return cleaned.every((item, at) => item === value[at]) ? value : cleaned
  }
  const entries = Object.entries(value)
  const cleaned = entries.map(([key, item]) => [clean(key, secrets), cleanAll(item, secrets)] as const)
  return cleaned.every(([key, item], at) => key === entries[at]?.[0] && item === entries[at]?.[1])
    ? value
    : Object.fromEntries(cleaned)
}
