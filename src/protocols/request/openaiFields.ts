/**
 * What OpenAI's APIs take, as data.
 *
 * @since 0.2.0
 */
import type { Treatments } from "./format.ts"

/**
 * The tiers of OpenAI and Azure.
 *
 * @internal
 */
export const serviceTiers = ["auto", "default", "flex", "scale", "priority", "fast"]

/**
 * What becomes of the fields of a request that all of OpenAI's APIs have.
 *
 * @internal
 */
export const fields = {
  system: "encoded",
  temperature: { field: "temperature" },
  topP: { field: "top_p" },
  topK: { ignored: "the API takes none" },
  tools: "encoded",
  toolChoice: "encoded",
  parallelToolCalls: "encoded",
  responseFormat: "encoded",
  reasoning: "encoded",
  serviceTier: { field: "service_tier" },
  user: { field: "user" },
  metadata: { field: "metadata" },
  logprobs: { field: "top_logprobs" }
} as const satisfies Partial<Treatments>

/**
 * The images that OpenAI and its like take.
 *
 * @internal
 */
export const imageTypes = ["image/png", "image/jpeg", "image/webp", "image/gif"]

/**
 * Most pairs, and most characters of a label and of its text.
 *
 * @internal
 */
export interface MetadataLimits {
  readonly pairs: number
  readonly label: number
  readonly text: number
}

/**
 * OpenAI's limits.
 *
 * @internal
 */
export const metadataLimits: MetadataLimits = { pairs: 16, label: 64, text: 512 }
