import * as Bedrock from "effect-llm-stream/bedrock/Bedrock"
import * as Redacted from "effect/Redacted"
import { ours } from "../ours.mjs"

export const open = ours(
  Bedrock.make({ apiKey: Redacted.make("bench"), region: "us-east-1" }),
  "anthropic.claude-sonnet-4-5-20250929-v1:0"
)
