/**
 * The wire format of OpenAI's Responses API: payload schema, finish reasons, usage, errors, request encoding and the end
 * of a stream.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as RequestFormat from "../RequestFormat.ts"
import { plain } from "./responses/plain.ts"
import type { FormatOptions } from "./responses/request.ts"

export * from "./responses/chunk.ts"
export * from "./responses/dialect.ts"
export * from "./responses/errors.ts"
export * from "./responses/events.ts"
export * from "./responses/fields.ts"
export { type Context, type Position } from "./responses/memory.ts"
export * from "./responses/payload.ts"
export type { FormatOptions } from "./responses/request.ts"
export * from "./responses/service.ts"

/**
 * The format of the Responses API. Requests of texts and limits alone are written at once; what the others need is loaded
 * with the first of them.
 *
 * Function tools say whether they are strict, as the API makes them strict otherwise. Reasoning goes back when it has its
 * encrypted content or its id, and is asked for in its encrypted form where the model's name says that it reasons. What the
 * provider's own tools did goes back by its id, or whole with `store: false` among the raw fields.
 *
 * @example
 * ```ts
 * import { ChatRequest, RequestFormat, Responses } from "effect-llm-stream"
 * import { Effect, Result, Schema } from "effect"
 *
 * const format = Responses.format({
 *   provider: "openai",
 *   options: { keys: ["openaiResponses", "openai"], schema: Schema.Struct({}) },
 *   partKey: "openai"
 * })
 * const { encode } = await Effect.runPromise(RequestFormat.load(format))
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", system: "Be brief" }))
 * Result.getOrThrow(encode(request, "gpt-5")).body.instructions // "Be brief"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat.Lazy =>
  RequestFormat.lazy("responses", plain, () => import("./responses/request.ts").then(({ format }) => format(options)))
