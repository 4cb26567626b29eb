import { handLoop } from "../handLoop.mjs"

export const open = handLoop(
  "https://api.anthropic.com/v1/messages",
  { model: "claude-opus-4-8", messages: [{ role: "user", content: "Say hello" }] },
  ({ delta, type }) => type === "content_block_delta" ? delta.text : ""
)
