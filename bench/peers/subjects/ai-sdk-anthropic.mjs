import { createAnthropic } from "@ai-sdk/anthropic"
import { streamText } from "ai"

export const open = (fetch) => {
  const provider = createAnthropic({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    for await (const text of streamText({ model: provider("claude-opus-4-8"), prompt: "Say hello" }).textStream) {
      onText(text)
    }
  }
}
