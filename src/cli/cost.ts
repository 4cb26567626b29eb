import * as Array from "effect/Array"
import * as BigDecimal from "effect/BigDecimal"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import type { ChatResponse } from "../ChatResponse.ts"
import * as Cost from "../Cost.ts"
import type { CostMetadata } from "../CostMetadata.ts"
import * as Pricing from "../Pricing.ts"

/**
 * What a response cost at the given prices; `null` when its model has no known price.
 *
 * @internal
 */
export const json = (metadata: CostMetadata, pricing: Pricing.Service): Cost.Json | null =>
  Result.match(Pricing.costWith(metadata, pricing), { onFailure: () => null, onSuccess: Cost.toJson })

/**
 * Why there is no cost, if there is none.
 *
 * @internal
 */
export const reason = (metadata: CostMetadata, pricing: Pricing.Service): { readonly costReason?: string } =>
  Result.match(Pricing.costWith(metadata, pricing), {
    onFailure: ({ message }) => ({ costReason: message }),
    onSuccess: () => ({})
  })

/**
 * What several responses cost together, flagged for those without a known cost; `null` when the cost of none is known.
 *
 * @internal
 */
export const total = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service): Cost.Json | null => {
  const costs = priced(responses, pricing)
  return costs.some(Result.isSuccess)
    ? Cost.toJson(Cost.sumAll(costs.map(Result.getOrElse(({ metadata }) => Cost.unpriced(metadata)))))
    : null
}

const priced = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service) =>
  responses.map(({ costMetadata: metadata }) =>
    Result.mapError(Pricing.costWith(metadata, pricing), ({ message }) => ({ message, metadata }))
  )

/** @internal */
export const text = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service): string => {
  const [known, unknown] = Array.partition(priced(responses, pricing), identity)
  const cost = Cost.sumAll(known)
  const why = [...cost.flags.map(flag), ...new Set(unknown.map(({ message }) => message))]
  return known.length === 0
    ? `unknown: ${why.join(", ")}`
    : `${unknown.length === 0 ? "" : "at least "}$${BigDecimal.format(cost.total)}${
      why.length === 0 ? "" : ` (${why.join(", ")})`
    }`
}

/**
 * The same in a cell: `~` before an amount that has a flag.
 *
 * @internal
 */
export const cell = (metadata: CostMetadata, pricing: Pricing.Service): string =>
  Result.match(Pricing.costWith(metadata, pricing), {
    onFailure: () => "unknown",
    onSuccess: (cost) => `${cost.isComplete ? "" : "~"}$${BigDecimal.format(cost.total)}`
  })

const flag = ({ kind, subject }: Cost.Flag): string => `${kind} ${subject}`
