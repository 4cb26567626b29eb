/**
 * Models of Anthropic's Messages API for `effect/ai`, in the shape of its provider packages.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Model from "effect/ai/Model"
import type * as Layer from "effect/Layer"
import * as Anthropic from "../anthropic/Anthropic.ts"
import type * as Provider from "../Provider.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * A model of Anthropic: a layer with the `LanguageModel`, and with Anthropic as the common `Provider`.
 *
 * @example
 * ```ts
 * import { Anthropic, AnthropicLanguageModel } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.provide(AnthropicLanguageModel.model("claude-sonnet-4-5"))
 * )
 *
 * const Client = Anthropic.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
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
): Model.Model<"anthropic", LanguageModel.LanguageModel | Provider.Provider, Anthropic.Anthropic> =>
  AiLanguageModel.model(Anthropic.Anthropic, "anthropic", name, {
    ...settings,
    dialect: AiLanguageModel.dialects.anthropic
  })

/**
 * {@link model} as a plain layer, for a model whose name is known only when the program runs.
 *
 * @example
 * ```ts
 * import { Anthropic, AnthropicLanguageModel } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const live = AnthropicLanguageModel.layer({ model: "claude-sonnet-4-5", config: { maxTokens: 500 } }).pipe(
 *   Layer.provide(Anthropic.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: { readonly model: string; readonly config?: AiLanguageModel.Settings | undefined }
): Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, Anthropic.Anthropic> =>
  model(options.model, options.config)
