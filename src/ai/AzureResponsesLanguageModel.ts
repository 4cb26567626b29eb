/**
 * Models of the Responses API of Azure for `effect/ai`, in the shape of its provider packages.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Model from "effect/ai/Model"
import type * as Layer from "effect/Layer"
import * as AzureResponses from "../azure/AzureResponses.ts"
import type * as Provider from "../Provider.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * A model of the Responses API of Azure: a layer with the `LanguageModel`, and with that API as the common `Provider`.
 *
 * @example
 * ```ts
 * import { AzureResponses, AzureResponsesLanguageModel } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.provide(AzureResponsesLanguageModel.model("gpt-5-mini"))
 * )
 *
 * const Client = AzureResponses.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
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
): Model.Model<"azure", LanguageModel.LanguageModel | Provider.Provider, AzureResponses.AzureResponses> =>
  AiLanguageModel.model(AzureResponses.AzureResponses, "azure", name, {
    ...settings,
    dialect: { ...AiLanguageModel.dialects.openaiResponses, key: "azure" }
  })

/**
 * {@link model} as a plain layer, for a model whose name is known only when the program runs.
 *
 * @example
 * ```ts
 * import { AzureResponses, AzureResponsesLanguageModel } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const live = AzureResponsesLanguageModel.layer({ model: "gpt-5-mini", config: { maxTokens: 500 } }).pipe(
 *   Layer.provide(AzureResponses.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: { readonly model: string; readonly config?: AiLanguageModel.Settings | undefined }
): Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, AzureResponses.AzureResponses> =>
  model(options.model, options.config)
