/**
 * Bedrock's Converse format: payload schema, finish reasons, usage, request encoding and the end of a stream.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as RequestFormat from "../RequestFormat.ts"
import { plain } from "./converse/plain.ts"
import type { FormatOptions } from "./converse/request.ts"

export * from "./converse/chunk.ts"
export * from "./converse/events.ts"
export * from "./converse/payload.ts"
export type { FormatOptions } from "./converse/request.ts"

/**
 * The request format of Bedrock's Converse: one form for all models, whose own parameters go into
 * `additionalModelRequestFields`. What a parameter is called there is known for Claude, Nova and gpt-oss. Requests of texts
 * and limits alone are written at once; what the others need is loaded with the first of them.
 *
 * Raw fields are merged last, field by field within `additionalModelRequestFields`, `inferenceConfig`, `outputConfig`,
 * `requestMetadata` and `toolConfig`.
 *
 * @example
 * ```ts
 * import { BedrockOptions, ChatRequest, Converse, RequestFormat } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const format = Converse.format({ provider: "bedrock", options: { keys: ["bedrock"], schema: BedrockOptions } })
 * const { encode } = await Effect.runPromise(RequestFormat.load(format))
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", topK: 5 }))
 * const { body } = Result.getOrThrow(encode(request, "us.anthropic.claude-haiku-4-5-20251001-v1:0"))
 * body.additionalModelRequestFields // { top_k: 5 }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat.Lazy =>
  RequestFormat.lazy("converse", plain, () => import("./converse/request.ts").then(({ format }) => format(options)))
