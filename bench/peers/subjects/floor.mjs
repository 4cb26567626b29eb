import { handLoop } from "../handLoop.mjs"

export const open = handLoop(
  "https://api.openai.com/v1/chat/completions",
  { model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }] },
  ({ choices }) => choices[0].delta.content ?? ""
)
