/**
 * Models of Groq for `effect/ai`, in the shape of its provider packages.
 *
 * @since 0.2.0
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Model from "effect/ai/Model"
import type * as Layer from "effect/Layer"
import * as Groq from "../groq/Groq.ts"
import type * as Provider from "../Provider.ts"
import * as AiLanguageModel from "./LanguageModel.ts"

/**
 * A model of Groq: a layer with the `LanguageModel`, and with Groq as the common `Provider`.
 *
 * @example
 * ```ts
 * import { Groq, GroqLanguageModel } from "effect-llm-stream"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Say hello" }).pipe(
 *   Effect.provide(GroqLanguageModel.model("openai/gpt-oss-20b"))
 * )
 *
 * const Client = Groq.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))
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
): Model.Model<"groq", LanguageModel.LanguageModel | Provider.Provider, Groq.Groq> =>
  AiLanguageModel.model(Groq.Groq, "groq", name, {
    ...settings,
    dialect: AiLanguageModel.dialects.groq
  })

/**
 * {@link model} as a plain layer, for a model whose name is known only when the program runs.
 *
 * @example
 * ```ts
 * import { Groq, GroqLanguageModel } from "effect-llm-stream"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const live = GroqLanguageModel.layer({ model: "openai/gpt-oss-20b", config: { maxTokens: 500 } }).pipe(
 *   Layer.provide(Groq.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: { readonly model: string; readonly config?: AiLanguageModel.Settings | undefined }
): Layer.Layer<LanguageModel.LanguageModel | Provider.Provider, never, Groq.Groq> =>
  model(options.model, options.config)
