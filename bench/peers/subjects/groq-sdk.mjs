import Groq from "groq-sdk"

export const open = (fetch) => {
  const client = new Groq({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    const messages = [{ role: "user", content: "Say hello" }]
    const stream = await client.chat.completions.create({ model: "llama-3.3-70b-versatile", messages, stream: true })
    for await (const { choices } of stream) onText(choices[0]?.delta.content ?? "")
  }
}
