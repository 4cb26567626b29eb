/**
 * Bedrock's Converse format: payload schema, finish reasons, usage, request encoding and the end of a stream.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * from "./converse/chunk.ts"
export * from "./converse/events.ts"
export * from "./converse/payload.ts"
export * from "./converse/request.ts"
