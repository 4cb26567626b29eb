/**
 * What is asked of a model, for any provider.
 *
 * @since 0.1.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Schema from "effect/Schema"
import { defined } from "./internal/defined.ts"

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
 * Normalises a request: its prompt becomes a `Prompt`, and fields that are `undefined` are left out. Throws when the prompt
 * is none; the services turn that into an `InvalidRequest`.
 *
 * @example
 * ```ts
 * import { ChatRequest } from "effect-llm-stream"
 *
 * const request = ChatRequest.normalize({ model: "gpt-4o-mini", prompt: "Say hello" })
 * request.prompt.content[0]?.role // "user"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalize = ({ prompt, ...fields }: ChatRequest): Normalized => ({
  ...defined(fields),
  prompt: Prompt.make(prompt)
})
