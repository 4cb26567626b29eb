/**
 * The chat-completions wire format, which OpenAI, Groq, Azure and many other hosts share: payload schema, chunk
 * attributes, finish reasons, errors, request encoding and the end of a stream.
 *
 * A provider that adds fields spreads these field records into its own schema and extends {@link ChatCompletionChunk}.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as RequestFormat from "../RequestFormat.ts"
import { compatible, type Dialect } from "./chatCompletions/dialects.ts"
import { plain } from "./chatCompletions/plain.ts"
import type { FormatOptions } from "./chatCompletions/request.ts"

export * from "./chatCompletions/chunk.ts"
export * from "./chatCompletions/dialects.ts"
export * from "./chatCompletions/errors.ts"
export * from "./chatCompletions/events.ts"
export * from "./chatCompletions/payload.ts"
export type { FormatOptions } from "./chatCompletions/request.ts"

/**
 * The format of one host. Its requests ask for a stream, and for usage in it where the host can. Requests of texts and
 * limits alone are written at once; what the others need is loaded with the first of them.
 *
 * @example
 * ```ts
 * import { ChatCompletions, ChatRequest, RequestFormat } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const format = ChatCompletions.format({
 *   provider: "ollama",
 *   dialect: { ...ChatCompletions.compatible, includeUsage: false }
 * })
 * const { encode } = await Effect.runPromise(RequestFormat.load(format))
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", maxTokens: 10 }))
 * Result.getOrThrow(encode(request, "llama3.2")).body.max_tokens // 10
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat.Lazy => {
  const { bodyModel, dialect = compatible } = options
  return RequestFormat.lazy(
    "chat-completions",
    writesAlike(dialect) ? plain({ ...dialect, bodyModel }) : () => undefined,
    () => import("./chatCompletions/request.ts").then(({ format }) => format(options))
  )
}

/** Whether a dialect does with texts and limits what all do. */
const writesAlike = ({ fields }: Dialect): boolean =>
  (["system", "maxTokens", "temperature", "topP"] as const).every((name) => fields[name] === compatible.fields[name])
