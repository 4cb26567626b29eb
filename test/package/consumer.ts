// What a user of the package writes who sets `strict` and nothing else. It is compiled, never run.

import {
  type AnthropicChunk,
  type BedrockChunk,
  ChatCompletions,
  type ChatRequest,
  type GroqChunk,
  Messages,
  OpenAi
} from "effect-llm-stream"
import * as AzureOptions from "effect-llm-stream/azure/AzureOpenAiOptions"
import * as Schema from "effect/Schema"

declare module "effect-llm-stream/ChatRequest" {
  interface ProviderOptions {
    readonly gateway?: { readonly keep_alive?: string | undefined } | undefined
  }
}

export const options: ChatRequest.ProviderOptions = {
  openai: { reasoning_effort: "high", n: 2 },
  bedrock: { inferenceConfig: { maxTokens: 5 } },
  gateway: { keep_alive: "5m" }
}
// @ts-expect-error: a misspelt field
export const misspelt: ChatRequest.ProviderOptions = { openai: { reasoning_efort: "high" } }
// @ts-expect-error: a misspelt provider
export const noProvider: ChatRequest.ProviderOptions = { opena: {} }
export const azure = Schema.decodeUnknownSync(AzureOptions.AzureOpenAiOptions)({ n: 1 })
export const name = (chunk: BedrockChunk) => chunk.chunk.metadata?.usage?.inputTokens
export const time = (chunk: GroqChunk) => chunk.chunk.x_groq?.usage?.total_time
export const text = ({ chunk }: AnthropicChunk): string | undefined =>
  chunk.type === "content_block_delta" && chunk.delta?.type === "text_delta" ? chunk.delta.text : undefined
export const Payload = Schema.Struct(
  ChatCompletions.chunkFields(
    Schema.Struct(
      ChatCompletions.choiceFields(
        Schema.Struct({ ...ChatCompletions.deltaFields, mood: Schema.optionalKey(Schema.String) })
      )
    )
  )
)
export const mood = (payload: typeof Payload.Type): string | undefined => payload.choices?.[0]?.delta?.mood
export const same = Messages.Payload
export const fields = ChatCompletions.deltaFields
export const layer = OpenAi.layerConfig()
