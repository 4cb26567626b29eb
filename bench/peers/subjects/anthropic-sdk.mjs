import Anthropic from "@anthropic-ai/sdk"

export const open = (fetch) => {
  const client = new Anthropic({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    const messages = [{ role: "user", content: "Say hello" }]
    const stream = await client.messages.create({ model: "claude-opus-4-8", max_tokens: 100, messages, stream: true })
    for await (const { delta } of stream) onText(delta?.text ?? "")
  }
}
