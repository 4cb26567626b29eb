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
import type { RequestFormat } from "../../RequestFormat.ts"

/**
 * The request body for a chat request. `options` is merged into it last, field by field within `inferenceConfig`. A seed
 * and penalties are left out, as the format has none: they are for `additionalModelRequestFields`, by the model's names.
 *
 * Fails with `InvalidRequest` when the prompt holds what this version can't send.
 *
 * @example
 * ```ts
 * import { ChatRequest, Converse } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", maxTokens: 100 }))
 * const body = Converse.encodeRequest(request, { additionalModelRequestFields: { top_k: 5 } })
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (
  request: ChatRequest.Normalized,
  options: Readonly<Record<string, unknown>>
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequest> =>
  Result.map(Prompt.systemAndMessages(request), ({ messages, system }) => {
    const { inferenceConfig: own, ...rest } = options
    const inferenceConfig = defined({
      maxTokens: request.maxTokens,
      temperature: request.temperature,
      topP: request.topP,
      stopSequences: request.stop,
      ...(typeof own === "object" ? own : undefined)
    })
    return {
      messages: inTurns(messages),
      ...(system.length === 0 ? undefined : { system: system.map((text) => ({ text })) }),
      ...(Object.keys(inferenceConfig).length === 0 ? undefined : { inferenceConfig }),
      ...rest
    }
  })

interface Message {
  readonly role: string
  readonly content: ReadonlyArray<{ readonly text: string }>
}

// The format requires that user and assistant take turns.
const inTurns = (messages: ReadonlyArray<Prompt.TextMessage<string>>): ReadonlyArray<Message> => {
  const turns: Array<Message> = []
  for (const { role, texts } of messages) {
    const content = texts.map((text) => ({ text }))
    const previous = turns.at(-1)
    if (previous?.role === role) {
      turns[turns.length - 1] = { role, content: [...previous.content, ...content] }
    } else {
      turns.push({ role, content })
    }
  }
  return turns
}

/**
 * Makes the request format of a host.
 *
 * @example
 * ```ts
 * import { Converse } from "effect-llm-stream"
 *
 * const format = Converse.format({ provider: "bedrock", optionsKey: "bedrock" })
 * format.name // "converse"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: { readonly provider: string; readonly optionsKey: string }): RequestFormat => ({
  name: "converse",
  encode: (request) =>
    Result.map(
      encodeRequest(request, request.options?.[options.optionsKey] ?? {}),
      (body) => ({ body, headers: {}, ignored: [] })
    )
})
