import * as BigDecimal from "effect/BigDecimal"
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
 * What several responses cost together.
 *
 * @internal
 */
export const sum = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service): Cost.Cost =>
  Cost.sumAll(
    responses.flatMap(({ costMetadata }) =>
      Result.match(Pricing.costWith(costMetadata, pricing), { onFailure: () => [], onSuccess: (cost) => [cost] })
    )
  )

/** @internal */
export const text = (responses: ReadonlyArray<ChatResponse>, pricing: Pricing.Service): string => {
  const unknown = responses.flatMap(({ costMetadata }) =>
    Result.match(Pricing.costWith(costMetadata, pricing), {
      onFailure: ({ message }) => [message],
      onSuccess: () => []
    })
  )
  const cost = sum(responses, pricing)
  const why = [...cost.flags.map(flag), ...new Set(unknown)]
  return unknown.length === responses.length
    ? `unknown: ${why.join(", ")}`
    : `$${BigDecimal.format(cost.total)}${why.length === 0 ? "" : ` (${why.join(", ")})`}`
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
