/**
 * The request body.
 *
 * @since 0.2.0
 */
import * as Result from "effect/Result"
import type * as ChatRequest from "../../ChatRequest.ts"
import { defined } from "../../internal/defined.ts"
import * as Prompt from "../../internal/prompt.ts"
import * as ProviderError from "../../ProviderError.ts"

/**
 * The request body for a chat request; `maxTokens` is sent when the request states none, as the format requires one.
 * `options` is merged into it last; streaming itself can't be turned off. A seed and penalties are left out: the format
 * has none.
 *
 * Fails with `InvalidRequest` when the prompt holds what this version can't send.
 *
 * @example
 * ```ts
 * import { ChatRequest, Messages } from "effect-llm-stream"
 *
 * const request = ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", maxTokens: 100 })
 * const body = Messages.encodeRequest(request, "claude-sonnet-4-5", { top_k: 5 }, 4096)
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  model: string | undefined,
  options: Readonly<Record<string, unknown>>,
  maxTokens: number
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.systemAndMessages(request), ({ messages, system }) => ({
    ...defined({
      model,
      max_tokens: request.maxTokens ?? maxTokens,
      system: system.length === 0 ? undefined : Prompt.content(system),
      messages: messages.map(({ role, texts }) => ({ role, content: Prompt.content(texts) })),
      temperature: request.temperature,
      top_p: request.topP,
      stop_sequences: request.stop
    }),
    ...options,
    stream: true
  }))
