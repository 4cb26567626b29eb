import * as Redacted from "effect/Redacted"
import type * as ProviderError from "../ProviderError.ts"
import { rebuild } from "./reason.ts"

/**
 * Cuts the caller's secrets out of a text.
 *
 * @internal
 */
export const clean = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((out, secret) => {
    const value = Redacted.value(secret)
    return value.length < 4 ? out : out.replaceAll(value, "<redacted>")
  }, text)

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
    const isText = typeof value === "string"
    if (key === "_tag" || !isText && key !== "details") continue
    const text = isText ? value : JSON.stringify(value)
    const cleaned = clean(text, secrets)
    if (cleaned !== text) changed[key] = isText ? cleaned : JSON.parse(cleaned)
  }
  return Object.keys(changed).length === 0 ? reason : rebuild(reason, changed)
}
