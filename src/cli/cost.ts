import * as Array from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import type { ChatResponse } from "../ChatResponse.ts"
import * as Cost from "../Cost.ts"
import * as Pricing from "../Pricing.ts"

const reasonOf = ({ message, reason }: Pricing.UnknownModel): string =>
  reason === "noUsage" ? "no usage was stated" : message

/**
 * What a response cost at the given prices; `null` with the reason when that is unknown.
 *
 * @internal
 */
export const json = (
  response: ChatResponse,
  pricing: Pricing.Service
): { readonly cost: Cost.Json | null; readonly costReason?: string } =>
  Result.match(Pricing.costWith(response.costMetadata, pricing), {
    onFailure: (unknown) => ({ cost: null, costReason: reasonOf(unknown) }),
    onSuccess: (cost) => ({ cost: Cost.toJson(cost) })
  })

/**
 * What several responses cost together, and of how many that is unknown.
 *
 * @internal
 */
export const total = (
  responses: ReadonlyArray<ChatResponse>,
  pricing: Pricing.Service
): { readonly cost: Cost.Cost | undefined; readonly unknown: ReadonlyArray<string> } => {
  const [known, unknown] = Array.partition(
    responses.map((response) => Pricing.costWith(response.costMetadata, pricing)),
    identity
  )
  return {
    cost: known.length === 0 ? undefined : Cost.sumAll(known),
    unknown: unknown.map(reasonOf)
  }
}

/** @internal */
export const text = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service): string => {
  const { cost, unknown } = total(responses, pricing)
  const reasons = Array.dedupe(unknown)
  if (cost === undefined) return `unknown: ${reasons.join(", ")}`
  const missing = unknown.length === 0
    ? []
    : [`without ${unknown.length} of ${responses.length} steps: ${reasons.join(", ")}`]
  const why = [...cost.flags.map(({ kind, subject }) => `${kind} ${subject}`), ...missing]
  return `${unknown.length === 0 ? "" : "at least "}$${BigDecimal.format(cost.total)}${
    why.length === 0 ? "" : ` (${why.join(", ")})`
  }`
}

/**
 * The same in a cell: `~` before an amount that has a flag.
 *
 * @internal
 */
export const cell = (response: ChatResponse, pricing: Pricing.Service): string =>
  Result.match(Pricing.costWith(response.costMetadata, pricing), {
    onFailure: () => "unknown",
    onSuccess: (cost) => `${cost.isComplete ? "" : "~"}$${BigDecimal.format(cost.total)}`
  })
