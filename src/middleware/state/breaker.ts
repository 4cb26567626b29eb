/**
 * What a breaker knows of a provider, and what becomes of it.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import type { Reason } from "../../ProviderError.ts"

/**
 * A circuit is closed until it has an `openUntil`. From then on, one probe at a time may find out whether it can close.
 *
 * @internal
 */
export const Circuit = Schema.Struct({
  /** Failures in a row, while it is closed. */
  failures: Schema.Natural,
  /** In ms since 1970. */
  openUntil: Schema.optionalKey(Schema.Natural),
  /** Who probes, and until when the probe is waited for, in ms since 1970. */
  probe: Schema.optionalKey(Schema.Struct({ by: Schema.String, until: Schema.Natural })),
  /** Probes that failed in a row. */
  failedProbes: Schema.Natural
})

/** @internal */
export type Circuit = typeof Circuit.Type

/**
 * The circuit of which nothing is known.
 *
 * @internal
 */
export const closed: Circuit = { failures: 0, failedProbes: 0 }

/**
 * Whether a call may start. `until` is when to ask again, in ms since 1970.
 *
 * @internal
 */
export type Admission =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Probe"; readonly circuit: Circuit }
  | { readonly _tag: "Open"; readonly until: number }

/**
 * Asks for a call. A probe asks again, by the same name, to be waited for `probeFor` milliseconds longer.
 *
 * @internal
 */
export const admit = (circuit: Circuit | undefined, now: number, by: string, probeFor: number): Admission => {
  if (circuit?.openUntil === undefined) return { _tag: "Closed" }
  const { openUntil, probe } = circuit
  if (now < openUntil) return { _tag: "Open", until: openUntil }
  if (probe !== undefined && probe.by !== by && now < probe.until) return { _tag: "Open", until: probe.until }
  return { _tag: "Probe", circuit: { ...circuit, probe: { by, until: Math.ceil(now + probeFor) } } }
}

/**
 * When it opens, and for how many milliseconds.
 *
 * @internal
 */
export interface Threshold {
  /** Failures in a row. */
  readonly failures: number
  readonly openFor: number
}

/** @internal */
export type Outcome = "success" | "failure" | "ignored"

/**
 * The circuit after a call has ended; the same value when nothing has changed. While it is open, calls other than the probe
 * tell nothing: they began before it opened.
 *
 * @internal
 */
export const record = (
  circuit: Circuit = closed,
  now: number,
  by: string,
  outcome: Outcome,
  { failures, openFor }: Threshold
): Circuit => {
  const openUntil = Math.ceil(now + openFor)
  if (circuit.openUntil === undefined) {
    if (outcome === "ignored") return circuit
    if (outcome === "success") return circuit.failures === 0 ? circuit : closed
    const inRow = circuit.failures + 1
    return inRow < failures ? { ...circuit, failures: inRow } : { failures: 0, openUntil, failedProbes: 0 }
  }
  if (circuit.probe?.by !== by) return circuit
  if (outcome === "success") return closed
  const { failedProbes } = circuit
  return outcome === "failure"
    ? { failures: 0, openUntil, failedProbes: failedProbes + 1 }
    : { failures: 0, openUntil: circuit.openUntil, failedProbes }
}

const isFailure: Readonly<Record<Reason["_tag"], boolean>> = {
  Authentication: false,
  PermissionDenied: false,
  NotFound: false,
  InvalidRequest: false,
  ContextLengthExceeded: false,
  ContentFiltered: false,
  RateLimited: false,
  QuotaExceeded: false,
  Overloaded: true,
  ServerError: true,
  Network: true,
  Timeout: true,
  UnexpectedContentType: true,
  MalformedEvent: false,
  IncompleteStream: true,
  ToolUseFailed: false,
  Unknown: false
}

/**
 * What the end of a call says of its provider; `undefined` is the reason of one that ended well. Errors that are the request's
 * own, and limits, say nothing.
 *
 * @internal
 */
export const outcomeOf = (reason: Reason["_tag"] | undefined): Outcome =>
  reason === undefined ? "success" : isFailure[reason] ? "failure" : "ignored"
