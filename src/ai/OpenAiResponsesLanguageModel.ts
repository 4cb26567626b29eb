/**
 * Models of OpenAI's Responses API for `effect/ai`, in the shape of its provider packages.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Model from "effect/ai/Model"
import type * as Layer from "effect/Layer"
import * as OpenAiResponses from "../openai/OpenAiResponses.ts"
import type * as Provider from "../Provider.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * A model of OpenAI's Responses API: a layer with the `LanguageModel`, and with that API as the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAiResponses, OpenAiResponsesLanguageModel } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.provide(OpenAiResponsesLanguageModel.model("gpt-5-mini"))
 * )
 *
 * const Client = OpenAiResponses.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
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
): Model.Model<"openai", LanguageModel.LanguageModel | Provider.Provider, OpenAiResponses.OpenAiResponses> =>
  AiLanguageModel.model(OpenAiResponses.OpenAiResponses, "openai", name, {
    ...settings,
    dialect: AiLanguageModel.dialects.openaiResponses
  })

/**
 * {@link model} as a plain layer, for a model whose name is known only when the program runs.
 *
 * @example
 * ```ts
 * import { OpenAiResponses, OpenAiResponsesLanguageModel } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const live = OpenAiResponsesLanguageModel.layer({ model: "gpt-5-mini", config: { maxTokens: 500 } }).pipe(
 *   Layer.provide(OpenAiResponses.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: { readonly model: string; readonly config?: AiLanguageModel.Settings | undefined }
): Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, OpenAiResponses.OpenAiResponses> =>
  model(options.model, options.config)
