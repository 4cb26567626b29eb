import OpenAI from "openai"

export const open = (fetch) => {
  const client = new OpenAI({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    const messages = [{ role: "user", content: "Say hello" }]
    const stream = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true })
    for await (const { choices } of stream) onText(choices[0]?.delta.content ?? "")
  }
}
