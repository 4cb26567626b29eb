/**
 * The wire format of OpenAI's Responses API: payload schema, finish reasons, usage, errors, request encoding and the end
 * of a stream.
 *
 * @stability unstable
 * @since 0.2.0
 */
export * from "./responses/chunk.ts"
export * from "./responses/dialect.ts"
export * from "./responses/errors.ts"
export * from "./responses/events.ts"
export { type Context, type Position } from "./responses/memory.ts"
export * from "./responses/payload.ts"
export * from "./responses/request.ts"
export * from "./responses/service.ts"
