/**
 * Models of Claude's native stream on Bedrock for `effect/ai`, in the shape of its provider packages.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Model from "effect/ai/Model"
import type * as Layer from "effect/Layer"
import * as BedrockInvoke from "../bedrock/BedrockInvoke.ts"
import type * as Provider from "../Provider.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * A model of Claude on Bedrock: a layer with the `LanguageModel`, and with Claude on Bedrock as the common `Provider`.
 *
 * @example
 * ```ts
 * import { BedrockInvoke, BedrockInvokeLanguageModel } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.provide(BedrockInvokeLanguageModel.model("us.anthropic.claude-sonnet-4-5-20250929-v1:0"))
 * )
 *
 * const Client = BedrockInvoke.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const runnable = program.pipe(Effect.provide(Client))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const model = <const Name extends string>(
  name: Name,
  settings: AiLanguageModel.Settings = {}
): Model.Model<"amazon-bedrock", LanguageModel.LanguageModel | Provider.Provider, BedrockInvoke.BedrockInvoke> =>
  AiLanguageModel.model(BedrockInvoke.BedrockInvoke, "amazon-bedrock", name, {
    ...settings,
    dialect: AiLanguageModel.dialects.bedrockInvoke
  })

/**
 * {@link model} as a plain layer, for a model whose name is known only when the program runs.
 *
 * @example
 * ```ts
 * import { BedrockInvoke, BedrockInvokeLanguageModel } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const live = BedrockInvokeLanguageModel.layer({ model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", config: { maxTokens: 500 } }).pipe(
 *   Layer.provide(BedrockInvoke.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: { readonly model: string; readonly config?: AiLanguageModel.Settings | undefined }
): Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, BedrockInvoke.BedrockInvoke> =>
  model(options.model, options.config)
