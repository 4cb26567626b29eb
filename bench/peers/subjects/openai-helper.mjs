import OpenAI from "openai"

export const open = (fetch, wire) => {
  const client = new OpenAI({ apiKey: "sk-bench", fetch })
  if (wire === "responses") {
    return (onText) =>
      client.responses.stream({ model: "gpt-4o", input: "Say hello" })
        .on("response.output_text.delta", ({ delta }) => onText(delta))
        .finalResponse()
  }
  return (onText) =>
    client.chat.completions.stream({ model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }] })
      .on("content", onText)
      .finalChatCompletion()
}
