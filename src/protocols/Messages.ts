/**
 * Anthropic's Messages wire format: payload schema, finish reasons, usage, errors, request encoding and the end of a
 * stream. Whatever carries it, server-sent events or another framing, decodes with {@link events}.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * from "./messages/chunk.ts"
export * from "./messages/dialect.ts"
export * from "./messages/errors.ts"
export * from "./messages/events.ts"
export * from "./messages/payload.ts"
export * from "./messages/request.ts"
