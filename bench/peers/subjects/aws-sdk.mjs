import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"

export const open = (fetch) => {
  const requestHandler = {
    handle: async ({ body, headers }) => {
      const response = await fetch("https://bedrock.example", { method: "POST", headers, body })
      return {
        response: {
          statusCode: 200,
          headers: { "content-type": "application/vnd.amazon.eventstream" },
          body: response.body
        }
      }
    }
  }
  const credentials = { accessKeyId: "bench", secretAccessKey: "bench" }
  const client = new BedrockRuntimeClient({ region: "us-east-1", credentials, requestHandler })
  return async (onText) => {
    const messages = [{ role: "user", content: [{ text: "Say hello" }] }]
    const { stream } = await client.send(
      new ConverseStreamCommand({ modelId: "anthropic.claude-sonnet-4-5-20250929-v1:0", messages })
    )
    for await (const { contentBlockDelta } of stream) onText(contentBlockDelta?.delta.text ?? "")
  }
}
