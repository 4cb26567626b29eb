import type { Attributes } from "../Chunk.ts"
import { CostMetadata } from "../Cost.ts"
import type { Usage } from "../Usage.ts"
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
