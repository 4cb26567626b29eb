import { createOpenAI } from "@ai-sdk/openai"
import { streamText } from "ai"

export const open = (fetch) => {
  const provider = createOpenAI({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    for await (const text of streamText({ model: provider.chat("gpt-4o"), prompt: "Say hello" }).textStream) {
      onText(text)
    }
  }
}
