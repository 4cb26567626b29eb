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
 * The request body for a chat request; `maxTokens` is sent when the request states none, as the format requires one.
 * `options` is merged into it last; streaming itself can't be turned off. A seed and penalties are left out: the format
 * has none.
 *
 * Fails with `InvalidRequest` when the prompt holds what this version can't send.
 *
 * @example
 * ```ts
 * import { ChatRequest, Messages } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const request = Result.getOrThrow(ChatRequest.normalize({ prompt: "Say hello", system: "Be brief", maxTokens: 100 }))
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

/**
 * Options of the format.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface FormatOptions {
  readonly provider: string
  readonly optionsKey: string
  readonly betas?: ReadonlyArray<string> | undefined
  readonly maxTokens?: number | undefined
}

/**
 * Makes the request format of a host.
 *
 * @example
 * ```ts
 * import { Messages } from "effect-llm-stream"
 *
 * const format = Messages.format({ provider: "gateway", optionsKey: "gateway" })
 * format.name // "messages"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const format = (options: FormatOptions): RequestFormat => ({
  name: "messages",
  encode: (request, model) => {
    const { betas, ...fields } = request.options?.[options.optionsKey] ?? {}
    return Result.map(
      encodeRequest(request, model, fields, options.maxTokens ?? 4096),
      (body) => {
        const all = [...options.betas ?? [], ...(Array.isArray(betas) ? betas : [])]
        return { body, headers: all.length === 0 ? {} : { "anthropic-beta": all.join(",") }, ignored: [] }
      }
    )
  }
})

/**
 * Makes the request format of Claude on Bedrock.
 *
 * @example
 * ```ts
 * import { Messages } from "effect-llm-stream"
 *
 * const format = Messages.bedrockFormat({ provider: "bedrock", optionsKey: "bedrockInvoke" })
 * format.name // "messages"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const bedrockFormat = (
  options: FormatOptions & { readonly version?: string | undefined }
): RequestFormat => ({
  name: "messages",
  encode: (request) => {
    const { anthropic_beta, betas, ...fields } = request.options?.[options.optionsKey] ?? {}
    return Result.map(
      encodeRequest(request, undefined, fields, options.maxTokens ?? 4096),
      ({ stream: _stream, ...encoded }) => {
        const all = [options.betas, betas, anthropic_beta].flatMap((names) => Array.isArray(names) ? names : [])
        const entries = Object.entries({
          anthropic_version: options.version ?? "bedrock-2023-05-31",
          ...(all.length === 0 ? undefined : { anthropic_beta: all }),
          ...encoded
        })
        return {
          body: Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(headerNames, name))),
          headers: Object.fromEntries(
            entries.flatMap(([name, value]) =>
              Object.hasOwn(headerNames, name) && typeof value === "string" ? [[headerNames[name] ?? name, value]] : []
            )
          ),
          ignored: []
        }
      }
    )
  }
})

const headerNames: Readonly<Record<string, string>> = {
  guardrailIdentifier: "x-amzn-bedrock-guardrailidentifier",
  guardrailVersion: "x-amzn-bedrock-guardrailversion",
  performanceConfigLatency: "x-amzn-bedrock-performanceconfig-latency",
  serviceTier: "x-amzn-bedrock-service-tier",
  trace: "x-amzn-bedrock-trace"
}
