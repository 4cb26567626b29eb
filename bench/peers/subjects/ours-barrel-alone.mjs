import { OpenAi } from "effect-llm-stream"
import * as Redacted from "effect/Redacted"
import { ours } from "../ours.mjs"

export const open = ours(OpenAi.make({ apiKey: Redacted.make("sk-bench") }), "gpt-4o")
