import { handLoop } from "../handLoop.mjs"

export const open = handLoop(
  "https://api.openai.com/v1/responses",
  { model: "gpt-4o", input: "Say hello" },
  ({ delta, type }) => type === "response.output_text.delta" ? delta : ""
)
