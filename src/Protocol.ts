/**
 * Decodes a provider's answers: from the bytes of a body to chunks, in two independent steps, framing (bytes to wire
 * events) and events (wire events to chunks). Pure, apart from the state of a decoder of one body.
 *
 * @stability unstable
 * @since 0.2.0
 */
export * from "./engine/decode.ts"
export * from "./engine/protocol.ts"
