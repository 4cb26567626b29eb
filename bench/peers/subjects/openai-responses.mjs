import OpenAI from "openai"

export const open = (fetch) => {
  const client = new OpenAI({ apiKey: "sk-bench", fetch })
  return async (onText) => {
    const stream = await client.responses.create({ model: "gpt-4o", input: "Say hello", stream: true })
    for await (const event of stream) if (event.type === "response.output_text.delta") onText(event.delta)
  }
}
