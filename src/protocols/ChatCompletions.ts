/**
 * The chat-completions wire format, which OpenAI, Groq, Azure and many other hosts share: payload schema, chunk
 * attributes, finish reasons, errors, request encoding and the end of a stream.
 *
 * A provider that adds fields spreads these field records into its own schema and extends {@link ChatCompletionChunk}.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * from "./chatCompletions/chunk.ts"
export * from "./chatCompletions/errors.ts"
export * from "./chatCompletions/events.ts"
export * from "./chatCompletions/payload.ts"
export * from "./chatCompletions/request.ts"
