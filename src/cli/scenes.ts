import { AnthropicChunk } from "../anthropic/AnthropicChunk.ts"
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
  readonly path?: string
  /** Configuration that the layer needs besides a key. */
  readonly environment?: Readonly<Record<string, string>>
}

/** An answer whose first chunk comes after `delay` milliseconds, and each further one after `interval`. */
const answer = <C>(
  wire: Wire.WireFormat<C>,
  chunks: (answer: Answer.Answer) => ReadonlyArray<C>,
  [delay, interval]: readonly [delay: number, interval: number],
  said: Parameters<typeof Answer.make>[0]
): ReplayServer.Reply => ReplayServer.stream(wire, chunks(Answer.make(said)), { delay, interval })

/** Claude states what it wrote to the cache in its first event. */
const withCacheWrites = (tokens: number) => (answer: Answer.Answer): ReadonlyArray<AnthropicChunk> =>
  Answer.anthropic(answer).map((chunk) => {
    const { chunk: event } = chunk
    if (event.type !== "message_start") return chunk
    const usage = {
      ...event.message?.usage,
      cache_creation_input_tokens: tokens,
      cache_creation: { ephemeral_5m_input_tokens: tokens, ephemeral_1h_input_tokens: 0 }
    }
    return new AnthropicChunk({ chunk: { ...event, message: { ...event.message, usage } } })
  })

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
    reply: answer(Wire.openai, Answer.openai, [240, 40], {
      id: "chatcmpl-demo",
      model: "gpt-4.1-mini-2025-04-14",
      content: "I can't see the sky from here, so I ask for it:",
      toolCalls: [{ name: "get_weather", arguments: `{"city":"Lisbon"}` }],
      usage: { inputTokens: 2061, cachedTokens: 1920, outputTokens: 27 }
    })
  },
  "openai-responses": {
    request: { prompt: "What does this API say when it is done?" },
    path: "/v1",
    reply: answer(Wire.openaiResponses, Answer.openaiResponses, [260, 35], {
      id: "resp_demo",
      model: "gpt-5-mini-2025-08-07",
      reasoning: "The last event has the whole response.",
      content: "Everything once more, in one event, with the tokens that it took.",
      usage: { inputTokens: 1040, cachedTokens: 1024, outputTokens: 31 }
    })
  },
  anthropic: {
    request: {
      prompt: "A stream brings 90 tokens in 3 seconds. How many is that a second?",
      maxTokens: 2000,
      options: { anthropic: { thinking: { type: "enabled", budget_tokens: 1024 } } }
    },
    reply: answer(Wire.anthropic, withCacheWrites(512), [300, 30], {
      id: "msg_demo",
      model: "claude-haiku-4-5-20251001",
      reasoning: "90 tokens over 3 seconds: 90 divided by 3 is 30.",
      content: "30 tokens a second, some five times as fast as people read.",
      usage: { inputTokens: 2076, cachedTokens: 2048, outputTokens: 41 }
    })
  },
  bedrock: {
    request: { prompt: "What does a river have in common with a stream of tokens?" },
    environment: { AWS_REGION: "eu-west-1" },
    reply: answer(Wire.bedrock, Answer.bedrock, [270, 35], {
      content: "Both flow one way, and you can drink from either before you have seen its end.",
      usage: { inputTokens: 1043, cachedTokens: 1024, outputTokens: 20 }
    })
  },
  "bedrock-invoke": {
    request: { prompt: "And what sets them apart?" },
    environment: { AWS_REGION: "eu-west-1" },
    reply: answer(Wire.bedrockInvoke, Answer.bedrockInvoke, [220, 35], {
      model: "claude-haiku-4-5-20251001",
      content: "A river never says why it stopped.",
      usage: { inputTokens: 17, outputTokens: 12 }
    })
  },
  groq: {
    request: { prompt: "Name three things that are better streamed." },
    path: "/openai/v1",
    reply: answer(Wire.groq, Answer.groq, [90, 12], {
      id: "chatcmpl-demo",
      model: "openai/gpt-oss-20b",
      content: "Answers that are long, music that is live, and salmon going home to where they were born.",
      usage: { inputTokens: 1102, cachedTokens: 1024, outputTokens: 26 }
    })
  },
  azure: {
    request: { prompt: "Why does the first chunk of Azure hold no text?" },
    environment: { AZURE_OPENAI_DEPLOYMENT: "gpt-4.1-mini" },
    reply: answer(Wire.azure, Answer.azure, [260, 38], {
      id: "chatcmpl-demo",
      model: "gpt-4.1-mini-2025-04-14",
      content: "Because the content filter speaks first: it says what it thinks of the prompt.",
      usage: { inputTokens: 18, outputTokens: 17 }
    })
  },
  "azure-responses": {
    request: { prompt: "And what does it call its model?" },
    environment: { AZURE_OPENAI_DEPLOYMENT: "gpt-5-mini" },
    reply: answer(Wire.azureResponses, Answer.azureResponses, [240, 36], {
      id: "resp_demo",
      model: "gpt-5-mini",
      content: "By the name that you gave to its deployment.",
      usage: { inputTokens: 15, outputTokens: 11 }
    })
  },
  "azure-inference": {
    request: { model: "gpt-4.1-mini", prompt: "Who may be asked here?" },
    path: "/models",
    reply: answer(Wire.azure, Answer.azure, [180, 30], {
      id: "chatcmpl-demo",
      model: "gpt-4.1-mini-2025-04-14",
      content: "Models of many makers, all in one format.",
      usage: { inputTokens: 14, outputTokens: 10 }
    })
  }
}
