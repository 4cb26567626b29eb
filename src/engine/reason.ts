import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as ProviderError from "../ProviderError.ts"
import { reasonOf } from "../wire/explain.ts"
import type { Fault } from "../wire/fault.ts"
import { cleanAll } from "./redaction.ts"

/**
 * A reason without the caller's secrets, whatever the provider may have echoed, and with the id of its response.
 *
 * @internal
 */
export const clean = (
  reason: ProviderError.Reason,
  secrets: ReadonlyArray<Redacted.Redacted>,
  requestId = reason.requestId
): ProviderError.Reason => {
  // The message of an error is not an enumerable property.
  const stated = { ...reason, message: reason.message, requestId: reason.requestId ?? requestId }
  const changed: Record<string, unknown> = stated.requestId === reason.requestId ? {} : { requestId }
  for (const [key, value] of Object.entries(stated)) {
    const isCleaned = key !== "_tag" && (typeof value === "string" || key === "details" || key === "path")
    const cleaned = isCleaned ? cleanAll(value, secrets) : value
    if (cleaned !== value) changed[key] = cleaned
  }
  if (Object.keys(changed).length === 0) return reason
  return Object.assign(Object.create(Object.getPrototypeOf(reason)), reason, { message: reason.message }, changed)
}

/**
 * What is told of a fault.
 *
 * @internal
 */
export const told = (
  fault: Fault,
  secrets: ReadonlyArray<Redacted.Redacted>,
  requestId: string | undefined
): Effect.Effect<ProviderError.Reason> => Effect.map(reasonOf(fault), (reason) => clean(reason, secrets, requestId))
