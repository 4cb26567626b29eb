/**
 * What is asked of a model, for any provider.
 *
 * @since 0.1.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { defined } from "./internal/defined.ts"
import { schemaIssues } from "./internal/schemaIssues.ts"
import * as ProviderError from "./ProviderError.ts"

/**
 * Schema of a chat request, in the form that can be stored and sent: the prompt is normalised.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Normalized = Schema.Struct({
  /** The provider's model id. When absent, the layer's default model is used; without either, `InvalidRequest`. */
  model: Schema.optionalKey(Schema.String),
  /** The conversation. Only text can be sent so far; other parts fail with `InvalidRequest`. */
  prompt: Prompt.Prompt,
  /** Instructions to the model, put before those in the prompt. */
  system: Schema.optionalKey(Schema.String),
  /** Most tokens to generate, reasoning included. */
  maxTokens: Schema.optionalKey(Schema.Natural),
  /** Sent as it is; how far it may go is up to the provider: to 1 for Anthropic, to 2 for OpenAI. */
  temperature: Schema.optionalKey(Schema.Finite),
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  topP: Schema.optionalKey(Schema.Finite),
  /** This and the next, and `seed`, are left out where the provider's format has nothing like them. */
  frequencyPenalty: Schema.optionalKey(Schema.Finite),
  presencePenalty: Schema.optionalKey(Schema.Finite),
  /** Texts at which the model stops. */
  stop: Schema.optionalKey(Schema.Array(Schema.String)),
  seed: Schema.optionalKey(Schema.Int),
  /**
   * Fields of a provider's own request body, by provider: `openai`, `anthropic`, `bedrock`, `bedrockInvoke`, `groq`,
   * `azure`, `azureInference`, or the name of another host. They are merged into the body last, so that nothing a
   * provider offers is out of reach; the other providers do not see them.
   */
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown)))
}).annotate({ identifier: "ChatRequest" })

/**
 * A chat request whose prompt is normalised.
 *
 * @category models
 * @since 0.1.0
 */
export type Normalized = typeof Normalized.Type

/**
 * A chat request as one writes it: `prompt` is a string, messages in `effect/ai`'s encoding, or a `Prompt`.
 *
 * @category models
 * @since 0.1.0
 */
export type ChatRequest = { readonly [K in Exclude<keyof Normalized, "prompt">]?: Normalized[K] | undefined } & {
  /** A string is one message of the user. Only text can be sent so far; other parts fail with `InvalidRequest`. */
  readonly prompt: Prompt.RawInput
}

/**
 * Normalises a request: its prompt becomes a `Prompt`, and fields that are `undefined` are left out. Fails with
 * `InvalidRequest` when the prompt is not valid.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const request = Result.getOrThrow(ChatRequest.normalize({ model: "gpt-4o-mini", prompt: "Say hello" }))
 * request.prompt.content[0]?.role // "user"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalize = (
  { prompt, ...fields }: ChatRequest
): Result.Result<Normalized, ProviderError.InvalidRequest> => {
  // For callers in JavaScript: `Prompt.make` lets it through.
  if (prompt === undefined) {
    return Result.fail(
      new ProviderError.InvalidRequest({ message: "No prompt: give the request a `prompt`, a text or messages" })
    )
  }
  return Result.try({
    try: () => ({ ...defined(fields), prompt: Prompt.make(prompt) }),
    catch: (cause) => new ProviderError.InvalidRequest({ message: `The prompt is not valid${whereOf(cause)}` })
  })
}

const whereOf = (cause: unknown): string => {
  const issue = Schema.isSchemaError(cause) ? schemaIssues(cause)[0] : undefined
  const path = (issue?.path ?? []).map((segment) => `[${JSON.stringify(segment)}]`).join("")
  return `${
    path === "" ? "" : ` at ${path}`
  }: it is a text, or messages with a \`role\` and the \`content\` of that role`
}
