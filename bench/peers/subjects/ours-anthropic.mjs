import * as Anthropic from "effect-llm-stream/anthropic/Anthropic"
import * as Redacted from "effect/Redacted"
import { ours } from "../ours.mjs"

export const open = ours(Anthropic.make({ apiKey: Redacted.make("sk-bench") }), "claude-opus-4-8")
