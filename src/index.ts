/**
 * Streamed chat completions as Effect services.
 *
 * @since 0.1.0
 */
export * as ChatRequest from "./ChatRequest.ts"
export * as Chunk from "./Chunk.ts"
export * as ChunkStream from "./ChunkStream.ts"
export * as Cost from "./Cost.ts"
export * as FinishReason from "./FinishReason.ts"
export * as ChatCompletions from "./openai/ChatCompletions.ts"
export * as OpenAi from "./openai/OpenAi.ts"
export { OpenAiChunk } from "./openai/OpenAiChunk.ts"
export * as Provider from "./Provider.ts"
export * as ProviderError from "./ProviderError.ts"
export * as Response from "./Response.ts"
export * as Usage from "./Usage.ts"
export * as Sse from "./wire/Sse.ts"
