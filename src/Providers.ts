/**
 * The bundled providers by name, for programs that choose one while they run. Only the chosen one is loaded.
 *
 * It is imported by its path, `effect-llm-stream/Providers`: a bundler cuts each provider into a file of its own.
 *
 * @since 0.2.0
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Anthropic from "./anthropic/Anthropic.ts"
import type * as AzureInference from "./azure/AzureInference.ts"
import type * as AzureOpenAi from "./azure/AzureOpenAi.ts"
import type * as AzureResponses from "./azure/AzureResponses.ts"
import type * as Bedrock from "./bedrock/Bedrock.ts"
import type * as BedrockInvoke from "./bedrock/BedrockInvoke.ts"
import type { Chunk } from "./Chunk.ts"
import * as Checks from "./engine/checks.ts"
import type * as Groq from "./groq/Groq.ts"
import { nearest } from "./internal/nearest.ts"
import type * as OpenAi from "./openai/OpenAi.ts"
import type * as OpenAiResponses from "./openai/OpenAiResponses.ts"
import type { Protocol } from "./Protocol.ts"
import * as Provider from "./Provider.ts"

/**
 * The options of each provider, by the name that the command line gives it.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  readonly openai: OpenAi.Options
  readonly "openai-responses": OpenAiResponses.Options
  readonly anthropic: Anthropic.Options
  readonly bedrock: Bedrock.Options
  readonly "bedrock-invoke": BedrockInvoke.Options
  readonly groq: Groq.Options
  readonly azure: AzureOpenAi.Options
  readonly "azure-responses": AzureResponses.Options
  readonly "azure-inference": AzureInference.Options
}

/**
 * The name of a bundled provider.
 *
 * @category models
 * @since 0.2.0
 */
export type Name = keyof Options

type Address = { readonly baseUrl?: string | undefined; readonly endpoint: string }

/**
 * What the module of a provider has.
 *
 * @internal
 */
export interface Module<O> {
  readonly protocol: () => Protocol<Chunk>
  readonly define: (options: O) => Provider.Definition<Chunk>
  /** Each takes the address that it knows. */
  readonly config: (configs: Provider.Configs<Provider.CommonOptions & Address>) => Config.Config<O>
  readonly layer: (options: O) => Layer.Layer<Provider.Provider, never, HttpClient.HttpClient>
  readonly layerConfig: (
    configs?: Provider.Configs<O>
  ) => Layer.Layer<Provider.Provider, Config.ConfigError, HttpClient.HttpClient>
}

/** @internal */
export const modules: { readonly [N in Name]: () => Promise<Module<Options[N]>> } = {
  openai: () => import("./openai/OpenAi.ts"),
  "openai-responses": () => import("./openai/OpenAiResponses.ts"),
  anthropic: () => import("./anthropic/Anthropic.ts"),
  bedrock: () => import("./bedrock/Bedrock.ts"),
  "bedrock-invoke": () => import("./bedrock/BedrockInvoke.ts"),
  groq: () => import("./groq/Groq.ts"),
  azure: () => import("./azure/AzureOpenAi.ts"),
  "azure-responses": () => import("./azure/AzureResponses.ts"),
  "azure-inference": () => import("./azure/AzureInference.ts")
}

const isName = (name: string): name is Name => typeof name === "string" && Object.hasOwn(modules, name)

/**
 * The names of the bundled providers.
 *
 * @category models
 * @since 0.2.0
 */
export const names: ReadonlyArray<Name> = Object.keys(modules).filter(isName)

/**
 * A name that is not a bundled provider's.
 *
 * @example
 * ```ts
 * import * as Providers from "effect-llm-stream/Providers"
 *
 * const error = new Providers.UnknownProvider({ provider: "antropic" })
 * error.nearest // "anthropic"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class UnknownProvider extends Schema.TaggedError<UnknownProvider>()("UnknownProvider", {
  /** The name that was given. */
  provider: Schema.String
}) {
  /** The name that was meant, most likely; `undefined` when none is near. */
  get nearest(): string | undefined {
    return nearest(this.provider, names)
  }
  override get message(): string {
    return `No provider is called ${JSON.stringify(this.provider.slice(0, 40))}; ${
      this.nearest === undefined ? `there are ${names.join(", ")}` : `did you mean ${this.nearest}?`
    }`
  }
}

/**
 * The provider's name that a text is.
 *
 * @example
 * ```ts
 * import * as Providers from "effect-llm-stream/Providers"
 * import { Result } from "effect"
 *
 * Result.getOrThrow(Providers.find("groq")) // "groq"
 * Result.isFailure(Providers.find("grok")) // true
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export const find = (name: string): Result.Result<Name, UnknownProvider> =>
  isName(name)
    ? Result.succeed(name)
    : Result.fail(new UnknownProvider({ provider: typeof name === "string" ? name : typeof name }))

/**
 * A layer with a provider as the common `Provider`, by its name and with its own options. For a name that is only known
 * at run time, see {@link find} and {@link layerConfig}.
 *
 * @example
 * ```ts
 * import * as Providers from "effect-llm-stream/Providers"
 * import { Redacted } from "effect"
 *
 * const claude = Providers.layer("anthropic", { apiKey: Redacted.make("sk-…"), model: "claude-haiku-4-5" })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <N extends Name>(
  name: N,
  options: Options[N]
): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Result.match(find(name), {
    onFailure: ({ message }) => Layer.succeed(Provider.Provider, Checks.refusing("Providers", message)),
    onSuccess: () => Layer.unwrap(Effect.map(Effect.promise(modules[name]), ({ layer }) => layer(options)))
  })

/**
 * A layer with a provider as the common `Provider`, by any name: its key and address come from the environment, as the
 * provider's own `layerConfig` reads them. A name that is not a provider's fails with {@link UnknownProvider}.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as Providers from "effect-llm-stream/Providers"
 * import { Config, Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const ask = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* ChunkStream.response(provider.stream({ prompt: "Say hello" }))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const live = Providers.layerConfig(yield* Config.String("PROVIDER"), { model: Config.String("MODEL") })
 *   return yield* Effect.provide(ask, Layer.provide(live, FetchHttpClient.layer))
 * })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = (
  name: string,
  configs?: Provider.Configs<Provider.CommonOptions>
): Layer.Layer<Provider.Provider, Config.ConfigError | UnknownProvider, HttpClient.HttpClient> =>
  Layer.unwrap(
    Effect.flatMap(
      Effect.fromResult(find(name)),
      (name) => Effect.promise(async () => (await modules[name]()).layerConfig(configs))
    )
  )

/**
 * Any provider's layer as a layer of the common `Provider` and nothing else. `Effect.provide` and `Layer.provide` don't
 * take a union of layers, as it comes out of a record with several; they take this.
 *
 * @example
 * ```ts
 * import { Groq, OpenAi, OpenAiCompatible, Provider } from "effect-llm-stream"
 * import * as Providers from "effect-llm-stream/Providers"
 * import { Effect } from "effect"
 *
 * const layers = {
 *   fast: Groq.layerConfig(),
 *   good: OpenAi.layerConfig(),
 *   local: OpenAiCompatible.layer({ provider: "ollama", baseUrl: "http://localhost:11434/v1" })
 * }
 *
 * const nameOf = (id: keyof typeof layers) =>
 *   Provider.Provider.useSync(({ name }) => name).pipe(Effect.provide(Providers.common(layers[id])))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const common = <E, R>(layer: Layer.Layer<Provider.Provider, E, R>): Layer.Layer<Provider.Provider, E, R> => layer
