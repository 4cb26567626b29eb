import * as Array from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import type { ChatResponse } from "../ChatResponse.ts"
import * as Cost from "../Cost.ts"
import * as Pricing from "../Pricing.ts"

/** What a response cost at the given prices, or why that is unknown. What nobody counted has no cost. */
const of = (
  { costMetadata, usage }: ChatResponse,
  pricing: Pricing.Service
): Result.Result<Cost.Cost, { readonly message: string }> =>
  Result.flatMap(Pricing.costWith(costMetadata, pricing), (cost) =>
    usage === undefined && BigDecimal.isZero(cost.total)
      ? Result.fail({ message: "no usage was stated" })
      : Result.succeed(cost))

/**
 * What a response cost at the given prices; `null` with the reason when that is unknown.
 *
 * @internal
 */
export const json = (
  response: ChatResponse,
  pricing: Pricing.Service
): { readonly cost: Cost.Json | null; readonly costReason?: string } =>
  Result.match(of(response, pricing), {
    onFailure: ({ message }) => ({ cost: null, costReason: message }),
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
  const [known, unknown] = Array.partition(responses.map((response) => of(response, pricing)), identity)
  return {
    cost: known.length === 0 ? undefined : Cost.sumAll(known),
    unknown: unknown.map(({ message }) => message)
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
  return `$${BigDecimal.format(cost.total)}${why.length === 0 ? "" : ` (${why.join(", ")})`}`
}

/**
 * The same in a cell: `~` before an amount that has a flag.
 *
 * @internal
 */
export const cell = (response: ChatResponse, pricing: Pricing.Service): string =>
  Result.match(of(response, pricing), {
    onFailure: () => "unknown",
    onSuccess: (cost) => `${cost.isComplete ? "" : "~"}$${BigDecimal.format(cost.total)}`
  })
