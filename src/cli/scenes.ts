import type { ChatRequest } from "../ChatRequest.ts"
import * as Answer from "../testing/Answer.ts"
import * as ReplayServer from "../testing/ReplayServer.ts"
import * as Wire from "../testing/Wire.ts"

/**
 * The demo's question to a provider, and the answer when the provider is only played.
 *
 * @internal
 */
export interface Scene {
  readonly request: Pick<ChatRequest, "maxTokens" | "model" | "options"> & { readonly prompt: string }
  readonly reply: ReplayServer.Reply
  /** The end of the layer's base URL. */
  readonly path: string
  /** Configuration that the layer needs besides a key. */
  readonly environment: Readonly<Record<string, string>>
}

const words = (text: string): ReadonlyArray<string> => text.match(/\s*\S+/g) ?? []

// ---------------------------------------------------------------------------------------------------------------------
// Formats
// ---------------------------------------------------------------------------------------------------------------------

const eventStream = "text/event-stream"

const messages = (message: {
  readonly model: string
  readonly thinking: string
  readonly text: string
  readonly inputTokens: number
  readonly outputTokens: number
}): ReadonlyArray<Uint8Array> =>
  [
    {
      type: "message_start",
      message: {
        id: "msg_demo",
        type: "message",
        role: "assistant",
        model: message.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: {
          input_tokens: message.inputTokens,
          cache_creation_input_tokens: 512,
          cache_creation: { ephemeral_5m_input_tokens: 512, ephemeral_1h_input_tokens: 0 },
          cache_read_input_tokens: 2048,
          output_tokens: 1
        }
      }
    },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    ...words(message.thinking).map((thinking) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "thinking_delta", thinking }
    })),
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "ZGVtbw==" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    ...words(message.text).map((text) => ({
      type: "content_block_delta",
      index: 1,
      delta: { type: "text_delta", text }
    })),
    { type: "content_block_stop", index: 1 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: message.outputTokens }
    },
    { type: "message_stop" }
  ].map((payload) => Wire.event({ event: payload.type, data: JSON.stringify(payload) }))

// ---------------------------------------------------------------------------------------------------------------------
// Scenes
// ---------------------------------------------------------------------------------------------------------------------

/**
 * By the provider's id.
 *
 * @internal
 */
export const scenes: Readonly<Record<string, Scene>> = {
  openai: {
    request: {
      prompt: "What is the weather in Lisbon?",
      options: {
        openai: {
          tools: [{
            type: "function",
            function: {
              name: "get_weather",
              parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
            }
          }]
        }
      }
    },
    path: "/v1",
    environment: {},
    reply: ReplayServer.stream(
      Wire.openai,
      Answer.openai(Answer.make({
        id: "chatcmpl-demo",
        model: "gpt-4.1-mini-2025-04-14",
        content: "I can't see the sky from here, so I ask for it:",
        toolCalls: [{ name: "get_weather", arguments: `{"city":"Lisbon"}` }],
        usage: { inputTokens: 2061, cachedTokens: 1920, outputTokens: 27 }
      })),
      { delay: "240 millis", interval: "40 millis" }
    )
  },
  "openai-responses": {
    request: { prompt: "What does this API say when it is done?" },
    path: "/v1",
    environment: {},
    reply: ReplayServer.stream(
      Wire.openaiResponses,
      Answer.openaiResponses(Answer.make({
        id: "resp_demo",
        model: "gpt-5-mini-2025-08-07",
        reasoning: "The last event has the whole response.",
        content: "Everything once more, in one event, with the tokens that it took.",
        usage: { inputTokens: 1040, cachedTokens: 1024, outputTokens: 31 }
      })),
      { delay: "260 millis", interval: "35 millis" }
    )
  },
  anthropic: {
    request: {
      prompt: "A stream brings 90 tokens in 3 seconds. How many is that a second?",
      maxTokens: 2000,
      options: { anthropic: { thinking: { type: "enabled", budget_tokens: 1024 } } }
    },
    path: "",
    environment: {},
    reply: ReplayServer.bytes(
      messages({
        model: "claude-haiku-4-5-20251001",
        thinking: "90 tokens over 3 seconds: 90 divided by 3 is 30.",
        text: "30 tokens a second, some five times as fast as people read.",
        inputTokens: 28,
        outputTokens: 41
      }),
      { contentType: eventStream, delay: "300 millis", interval: "30 millis" }
    )
  },
  bedrock: {
    request: { prompt: "What does a river have in common with a stream of tokens?" },
    path: "",
    environment: { AWS_REGION: "eu-west-1" },
    reply: ReplayServer.stream(
      Wire.bedrock,
      Answer.bedrock(Answer.make({
        content: "Both flow one way, and you can drink from either before you have seen its end.",
        usage: { inputTokens: 1043, cachedTokens: 1024, outputTokens: 20 }
      })),
      { delay: "270 millis", interval: "35 millis" }
    )
  },
  "bedrock-invoke": {
    request: { prompt: "And what sets them apart?" },
    path: "",
    environment: { AWS_REGION: "eu-west-1" },
    reply: ReplayServer.stream(
      Wire.bedrockInvoke,
      Answer.bedrockInvoke(Answer.make({
        model: "claude-haiku-4-5-20251001",
        content: "A river never says why it stopped.",
        usage: { inputTokens: 17, cachedTokens: 0, outputTokens: 12 }
      })),
      { delay: "220 millis", interval: "35 millis" }
    )
  },
  groq: {
    request: { prompt: "Name three things that are better streamed." },
    path: "/openai/v1",
    environment: {},
    reply: ReplayServer.stream(
      Wire.groq,
      Answer.groq(Answer.make({
        id: "chatcmpl-demo",
        model: "openai/gpt-oss-20b",
        content: "Answers that are long, music that is live, and salmon going home to where they were born.",
        usage: { inputTokens: 1102, cachedTokens: 1024, outputTokens: 26 }
      })),
      { delay: "90 millis", interval: "12 millis" }
    )
  },
  azure: {
    request: { prompt: "Why does the first chunk of Azure hold no text?" },
    path: "",
    environment: { AZURE_OPENAI_DEPLOYMENT: "gpt-4.1-mini" },
    reply: ReplayServer.stream(
      Wire.azure,
      Answer.azure(Answer.make({
        id: "chatcmpl-demo",
        model: "gpt-4.1-mini-2025-04-14",
        content: "Because the content filter speaks first: it says what it thinks of the prompt.",
        usage: { inputTokens: 18, cachedTokens: 0, outputTokens: 17 }
      })),
      { delay: "260 millis", interval: "38 millis" }
    )
  },
  "azure-responses": {
    request: { prompt: "And what does it call its model?" },
    path: "",
    environment: { AZURE_OPENAI_DEPLOYMENT: "gpt-5-mini" },
    reply: ReplayServer.stream(
      Wire.azureResponses,
      Answer.azureResponses(Answer.make({
        id: "resp_demo",
        model: "gpt-5-mini",
        content: "By the name that you gave to its deployment.",
        usage: { inputTokens: 15, cachedTokens: 0, outputTokens: 11 }
      })),
      { delay: "240 millis", interval: "36 millis" }
    )
  },
  "azure-inference": {
    request: { model: "gpt-4.1-mini", prompt: "Who may be asked here?" },
    path: "/models",
    environment: {},
    reply: ReplayServer.stream(
      Wire.azure,
      Answer.azure(Answer.make({
        id: "chatcmpl-demo",
        model: "gpt-4.1-mini-2025-04-14",
        content: "Models of many makers, all in one format.",
        usage: { inputTokens: 14, cachedTokens: 0, outputTokens: 10 }
      })),
      { delay: "180 millis", interval: "30 millis" }
    )
  }
}
