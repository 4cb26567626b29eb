/**
 * What is asked of a model, for any provider.
 *
 * @since 0.1.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Schema from "effect/Schema"

/**
 * Schema of a chat request, in the form that can be stored and sent: the prompt is normalised.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Normalized = Schema.Struct({
  /** The provider's model id. When absent, the layer's default model is used. */
  model: Schema.optionalKey(Schema.String),
  prompt: Prompt.Prompt,
  /** Instructions to the model, put before those in the prompt. */
  system: Schema.optionalKey(Schema.String),
  /** Most tokens to generate, reasoning included. */
  maxTokens: Schema.optionalKey(Schema.Natural),
  temperature: Schema.optionalKey(Schema.Finite),
  topP: Schema.optionalKey(Schema.Finite),
  frequencyPenalty: Schema.optionalKey(Schema.Finite),
  presencePenalty: Schema.optionalKey(Schema.Finite),
  /** Texts at which the model stops. */
  stop: Schema.optionalKey(Schema.Array(Schema.String)),
  seed: Schema.optionalKey(Schema.Int),
  /**
   * Fields of a provider's own request body, by provider (`openai`, `anthropic`, …). They are merged into the body
   * last, so that nothing a provider offers is out of reach; the other providers do not see them.
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
export type ChatRequest = Omit<Normalized, "prompt"> & {
  readonly prompt: Prompt.RawInput
}

/**
 * Normalises a request's prompt.
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
export const normalize = (request: ChatRequest): Normalized => ({ ...request, prompt: Prompt.make(request.prompt) })
