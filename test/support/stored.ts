/** What programs store, and by which schema: what one release has written, every later one reads. */
import { Schema } from "effect"
import { Prompt } from "effect/ai"
import { AnyChunk, ChatResponse, Cost, CostMetadata, ProviderError, ToolLoop } from "../../src/index.ts"
import * as Ledger from "../../src/middleware/Ledger.ts"

export const stored = {
  chunks: Schema.toCodecJson(AnyChunk.AnyChunk),
  costMetadata: Schema.toCodecJson(CostMetadata.CostMetadata),
  costs: Schema.toCodecJson(Cost.Cost),
  errors: Schema.toCodecJson(ProviderError.ProviderError),
  events: Schema.toCodecJson(ToolLoop.Event),
  ledger: Schema.toCodecJson(Ledger.Row),
  prompts: Schema.toCodecJson(Prompt.Prompt),
  responses: Schema.toCodecJson(ChatResponse.ChatResponse)
}
