import { ChatOpenAI } from "@langchain/openai"

export const open = (fetch) => {
  const model = new ChatOpenAI({ apiKey: "sk-bench", model: "gpt-4o", configuration: { fetch } })
  return async (onText) => {
    for await (const { content } of await model.stream("Say hello")) onText(content)
  }
}
