/**
 * Anthropic's Messages wire format: payload schema, finish reasons, usage, errors, request encoding and the end of a
 * stream. Whatever carries it, server-sent events or another framing, decodes with {@link events}.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as RequestFormat from "../RequestFormat.ts"
import { bedrockPlain, plain } from "./messages/plain.ts"
import type { BedrockFormatOptions, FormatOptions } from "./messages/request.ts"

export * from "./messages/chunk.ts"
export * from "./messages/dialect.ts"
export * from "./messages/errors.ts"
export * from "./messages/events.ts"
export * from "./messages/payload.ts"
export type { BedrockFormatOptions, FormatOptions } from "./messages/request.ts"

/**
 * The request format of a host that speaks Anthropic's Messages. Requests of texts and limits alone are written at once;
 * what the others need is loaded with the first of them. Raw fields are merged last, field by field within `metadata` and
 * `output_config`; names of beta features become the header `anthropic-beta`.
 *
 * @example
 * ```ts
 * import { AnthropicOptions, ChatRequest, Messages, RequestFormat } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const options = { keys: ["anthropic"], schema: AnthropicOptions } as const
 * const format = Messages.format({ provider: "anthropic", options })
 * const { encode } = await Effect.runPromise(RequestFormat.load(format))
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", seed: 1 }))
 * const { body, ignored } = Result.getOrThrow(encode(request, "claude-sonnet-4-5"))
 * body.system // "Be brief"
 * body.max_tokens // 4096
 * ignored // ["seed: the API takes none"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat.Lazy =>
  RequestFormat.lazy(
    "messages",
    plain(options),
    () => import("./messages/request.ts").then(({ format }) => format(options))
  )

/**
 * The request format of Claude's own API on Bedrock: as {@link format}, but the model is in the address, files have to be
 * bytes, names of beta features are in the body, and what guards and serves the request is in headers.
 *
 * @example
 * ```ts
 * import { BedrockInvokeOptions, ChatRequest, Messages, RequestFormat } from "effect-llm-stream"
 * import { Effect, Result } from "effect"
 *
 * const options = { keys: ["bedrockInvoke"], schema: BedrockInvokeOptions } as const
 * const format = Messages.bedrockFormat({ provider: "bedrock", options })
 * const { encode } = await Effect.runPromise(RequestFormat.load(format))
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", serviceTier: "flex" }))
 * const { body, headers } = Result.getOrThrow(encode(request, "us.anthropic.claude-haiku-4-5-20251001-v1:0"))
 * Object.keys(body) // ["anthropic_version", "max_tokens", "messages"]
 * headers // { "x-amzn-bedrock-service-tier": "flex" }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const bedrockFormat = (options: BedrockFormatOptions): RequestFormat.Lazy =>
  RequestFormat.lazy(
    "messages",
    bedrockPlain(options),
    () => import("./messages/request.ts").then(({ bedrockFormat }) => bedrockFormat(options))
  )
