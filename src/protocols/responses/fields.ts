/**
 * What the Responses API takes in requests, as data.
 *
 * @since 0.2.0
 */
import type { Treatments } from "../request/format.ts"
import * as OpenAi from "../request/openaiFields.ts"

/**
 * What becomes of each field of a request.
 *
 * @category dialects
 * @since 0.2.0
 */
export const fields: Treatments = {
  ...OpenAi.fields,
  maxTokens: { field: "max_output_tokens" },
  frequencyPenalty: { ignored: "the API takes none" },
  presencePenalty: { ignored: "the API takes none" },
  stop: { refused: "the API takes no stop texts" },
  seed: { ignored: "the API takes none" },
  audio: { refused: "the API gives no spoken answers" }
}
