import * as OpenAiResponses from "effect-llm-stream/openai/OpenAiResponses"
import * as Redacted from "effect/Redacted"
import { ours } from "../ours.mjs"

export const open = ours(OpenAiResponses.make({ apiKey: Redacted.make("sk-bench") }), "gpt-4o")
