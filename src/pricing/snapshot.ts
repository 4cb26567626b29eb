/**
 * All bundled prices at once. `Pricing` loads them by itself, a provider's when it is first asked for; import them where
 * prices have to be there without waiting, or where modules can't be loaded later.
 *
 * @since 0.2.0
 */
import type { PriceTable } from "../Price.ts"
import { table as anthropic } from "./anthropic.ts"
import { table as azure } from "./azure.ts"
import { table as bedrock } from "./bedrock.ts"
import { table as groq } from "./groq.ts"
import { table as openai } from "./openai.ts"

/**
 * The bundled prices of OpenAI, Anthropic, AWS Bedrock, Groq and Azure.
 *
 * @example
 * ```ts
 * import { Pricing } from "effect-llm-stream"
 * import { snapshot } from "effect-llm-stream/pricing/snapshot"
 * import { Result } from "effect"
 *
 * const pricing = Pricing.makeUnsafe({ tables: snapshot })
 * Result.getOrThrow(pricing.lookup("openai", "gpt-4o-2024-08-06")).input // 2.5
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const snapshot: ReadonlyArray<PriceTable> = [openai, anthropic, bedrock, groq, azure]
