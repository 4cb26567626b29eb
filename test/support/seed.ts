/**
 * The seed of all that properties draw: the same each time, so what a failing test has found is a change. `npm run fuzz`
 * takes another; `LLM_STREAM_SEED` sets it.
 */
import * as Arbitrary from "effect/Arbitrary"

export const seed: string = process.env["LLM_STREAM_SEED"] ?? "effect-llm-stream"

Arbitrary.configureGlobal({ check: { seed }, sample: { seed } })
