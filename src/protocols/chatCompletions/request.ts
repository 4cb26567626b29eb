/**
 * The request body.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import * as Prompt from "../../internal/prompt.ts"
import * as ProviderError from "../../ProviderError.ts"
import type { RequestFormat } from "../../RequestFormat.ts"

/**
 * What differs between the request bodies of the hosts of this format.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface RequestQuirks {
  /** The body field that takes `maxTokens`. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens"
  /** Whether `stream_options.include_usage` is understood. */
  readonly includeUsage: boolean
}

/**
 * The request body for a chat request. `options` is merged into it last; streaming itself can't be turned off.
 *
 * Fails with `InvalidRequest` when the prompt holds what this format, or this version, can't send.
 *
 * @example
 * ```ts
 * import { ChatCompletions, ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const body = ChatCompletions.encodeRequest(
 *   Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", maxTokens: 10 })),
 *   "llama3.2",
 *   { keep_alive: "5m" },
 *   { maxTokensField: "max_tokens", includeUsage: false }
 * )
 * Result.map(body, (body) => body["max_tokens"])
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  model: string | undefined,
  options: Readonly<Record<string, unknown>>,
  quirks: RequestQuirks
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.messages(request), (messages) => ({
    ...(model === undefined ? undefined : { model }),
    messages: messages.map(({ role, texts }) => ({ role, content: Prompt.content(texts) })),
    ...defined({
      [quirks.maxTokensField]: request.maxTokens,
      temperature: request.temperature,
      top_p: request.topP,
      frequency_penalty: request.frequencyPenalty,
      presence_penalty: request.presencePenalty,
      stop: request.stop,
      seed: request.seed
    }),
    ...options,
    stream: true,
    ...(quirks.includeUsage
      ? {
        stream_options: {
          ...(Predicate.isObject(options["stream_options"]) ? options["stream_options"] : undefined),
          include_usage: true
        }
      }
      : undefined)
  }))

/**
 * Makes the request format of a host.
 *
 * @example
 * ```ts
 * import { ChatCompletions } from "effect-llm-stream"
 *
 * const format = ChatCompletions.format({ provider: "gateway" })
 * format.name // "chat-completions"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: {
  readonly provider: string
  readonly optionsKey?: string | undefined
  readonly bodyModel?: ((model: string) => string | undefined) | undefined
  readonly quirks?: Partial<RequestQuirks> | undefined
}): RequestFormat => ({
  name: "chat-completions",
  encode: (request, model) =>
    Result.map(
      encodeRequest(
        request,
        (options.bodyModel ?? ((model: string) => model))(model),
        request.options?.[options.optionsKey ?? options.provider] ?? {},
        { maxTokensField: "max_tokens", includeUsage: true, ...options.quirks }
      ),
      (body) => ({ body, headers: {}, ignored: [] })
    )
})
