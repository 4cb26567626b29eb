import type { Attributes } from "../Chunk.ts"
import { CostMetadata, mergeMetadata } from "../Cost.ts"
import { merge, type Usage } from "../Usage.ts"
import { trusted } from "./trusted.ts"

type Fields = { readonly [K in keyof typeof CostMetadata.fields]?: Exclude<CostMetadata[K], undefined> }

/**
 * The counts of a usage that a price can depend on.
 *
 * @internal
 */
export const usageFields = (usage: Usage): Fields => {
  const {
    acceptedPredictionTokens: _accepted,
    inputTextTokens: _inputText,
    outputTextTokens: _outputText,
    rejectedPredictionTokens: _rejected,
    uncachedInputTokens: _uncached,
    ...priced
  } = usage
  return priced
}

/**
 * What a chunk states that a price can depend on; `extra` is what only its provider states.
 *
 * @internal
 */
export const fromChunk = (chunk: Pick<Attributes, "provider" | "model" | "usage">, extra: Fields): CostMetadata => {
  const { model, provider, usage } = chunk
  return trusted(CostMetadata, {
    provider,
    ...(model === undefined ? undefined : { model }),
    ...(usage === undefined ? undefined : usageFields(usage)),
    streamingMode: true,
    ...extra
  })
}

/**
 * What the chunks of one stream state together. The counts are those of the merged usage: where a provider states
 * disjoint parts in different chunks, their sum is more than any chunk says.
 *
 * @internal
 */
export const accumulator = () => {
  let usage: Usage | undefined
  let metadata = new CostMetadata({})
  return {
    /** Whether the chunk states usage or cost. */
    add: (chunk: Attributes): boolean => {
      const stated = chunk.usage
      if (stated !== undefined) usage = usage === undefined ? stated : merge(usage, stated)
      const own = chunk.costMetadata
      metadata = mergeMetadata(metadata, own)
      return stated !== undefined || own.statedCost !== undefined
    },
    usage: (): Usage | undefined => usage,
    metadata: (): CostMetadata => {
      if (usage === undefined) return metadata
      // A count that was clamped at first may have been stated well later.
      const { clampedCounts: _, ...stated } = metadata
      return trusted(CostMetadata, { ...stated, ...usageFields(usage) })
    }
  }
}
