/**
 * The own fields of a chat request to Azure AI's model inference.
 *
 * @since 0.2.0
 */
import * as Schema from "effect/Schema"
import { type Exact, exactFields, type Word, word } from "../internal/exact.ts"
import { open } from "../internal/open.ts"
import { ResponseFormat } from "../protocols/chatCompletions/options.ts"

declare module "../ChatRequest.ts" {
  interface ProviderOptions {
    readonly azureInference?: AzureInferenceOptions | undefined
  }
}

/**
 * The own request fields of Azure AI's model inference, by their names on the wire. The service passes
 * unknown fields through to the model.
 *
 * See https://learn.microsoft.com/rest/api/aifoundry/modelinference.
 *
 * @category models
 * @since 0.1.0
 */
export interface AzureInferenceOptions {
  /** -2 to 2; above 0, frequent tokens become less likely. */
  readonly frequency_penalty?: number
  /** Most tokens to generate. */
  readonly max_tokens?: number
  /** Forms of the answer: `text`, `audio`; models vary. */
  readonly modalities?: ReadonlyArray<string>
  /** -2 to 2; above 0, tokens that have occurred become less likely. */
  readonly presence_penalty?: number
  /** Passed through to the model: how much it thinks. */
  readonly reasoning_effort?: string
  /** The form of the answer. Default: text. */
  readonly response_format?: ResponseFormat
  /** Seed: makes equal requests give the same answer, as far as possible. */
  readonly seed?: number
  /** Texts at which the model stops. */
  readonly stop?: ReadonlyArray<string>
  /** 0 to 2; lower is more predictable. */
  readonly temperature?: number
  /** Whether the model calls tools, and which. */
  readonly tool_choice?: Word<"none" | "auto" | "required"> | { readonly [key: string]: unknown }
  /** Tools by their definitions on the wire. For functions use `tools` of the request. */
  readonly tools?: ReadonlyArray<{ readonly [key: string]: unknown }>
  /** Share of the probability from which tokens are drawn, 0 to 1. */
  readonly top_p?: number
}

/**
 * Schema of the own request fields of Azure AI's model inference. Unknown fields are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AzureInferenceOptions: Exact<AzureInferenceOptions> = exactFields(open({
  frequency_penalty: Schema.optionalKey(Schema.Finite),
  max_tokens: Schema.optionalKey(Schema.Int),
  modalities: Schema.optionalKey(Schema.Array(Schema.String)),
  presence_penalty: Schema.optionalKey(Schema.Finite),
  reasoning_effort: Schema.optionalKey(Schema.String),
  response_format: Schema.optionalKey(ResponseFormat),
  seed: Schema.optionalKey(Schema.Int),
  stop: Schema.optionalKey(Schema.Array(Schema.String)),
  temperature: Schema.optionalKey(Schema.Finite),
  tool_choice: Schema.optionalKey(
    Schema.Union([word("none", "auto", "required"), Schema.Record(Schema.String, Schema.Unknown)])
  ),
  tools: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Unknown))),
  top_p: Schema.optionalKey(Schema.Finite)
}))
