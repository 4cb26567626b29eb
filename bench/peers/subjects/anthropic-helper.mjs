import Anthropic from "@anthropic-ai/sdk"

export const open = (fetch) => {
  const client = new Anthropic({ apiKey: "sk-bench", fetch })
  const messages = [{ role: "user", content: "Say hello" }]
  return (onText) =>
    client.messages.stream({ model: "claude-opus-4-8", max_tokens: 100, messages }).on("text", onText).finalMessage()
}
