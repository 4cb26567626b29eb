/**
 * The common service, and the one way to build a provider: a protocol (how its answers are decoded), a request format
 * (how its requests are written), an endpoint (where they go) and an auth (what signs them).
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import type * as ChatRequest from "./ChatRequest.ts"
import type { Chunk } from "./Chunk.ts"
import * as Caller from "./engine/caller.ts"
import * as Checks from "./engine/checks.ts"
import type { Definition, Policy, Service } from "./engine/definition.ts"
import { later } from "./engine/later.ts"
import * as Plan from "./engine/plan.ts"
import * as PolicyEngine from "./engine/policy.ts"
import * as Secrets from "./engine/secrets.ts"
import * as ProviderError from "./errors/providerError.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Service
// ---------------------------------------------------------------------------------------------------------------------

export type * from "./engine/definition.ts"

/**
 * Any provider: a program written against this service changes provider by changing a layer.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.text,
 *     Stream.mkString
 *   )
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Provider extends Context.Service<Provider, Service>()("effect-llm-stream/Provider") {}

// ---------------------------------------------------------------------------------------------------------------------
// Options
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The policy of the streams that are run with it, for what a single request needs: it wins over that of the layer, field
 * by field.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* ChunkStream.response(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" })).pipe(
 *     Effect.provideService(Provider.CurrentPolicy, { totalTimeout: "30 seconds", maxRetries: 0 })
 *   )
 * })
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const CurrentPolicy: Context.Reference<Policy> = PolicyEngine.CurrentPolicy

/**
 * A config of options whose policy is checked when the layer is built: a bad duration or number of retries is a
 * `ConfigError`. All `layerConfig`s check theirs.
 *
 * In options that don't come from a config, and in {@link CurrentPolicy}, a bad value makes every stream fail with an
 * `InvalidRequest` that names it. To check a computed value when the layer is built, pass it to `layerConfig`.
 *
 * @example
 * ```ts
 * import { Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const options = Provider.checkPolicy(Config.all({
 *   baseUrl: Config.String("GATEWAY_URL"),
 *   idleTimeout: Config.Duration("GATEWAY_IDLE_TIMEOUT")
 * }))
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const checkPolicy = <Options extends Policy>(config: Config.Config<Options>): Config.Config<Options> =>
  Config.mapEffect(config, (options) =>
    Effect.mapBoth(Effect.fromResult(PolicyEngine.toPolicy(options)), {
      onFailure: configError,
      onSuccess: () => options
    }))

const configError = (message: string) => new Config.ConfigError(new ConfigProvider.SourceError({ message }))

/**
 * The values of a layer's options, or the configs that they come from.
 *
 * @category configuration
 * @since 0.2.0
 */
export type Configs<Options> = { readonly [K in keyof Options]?: Config.Config<Options[K]> | Options[K] }

type Value<C> = C extends Config.Config<infer A> ? A : C

/**
 * The config of values and configs.
 *
 * @internal
 */
export const configOf = <C extends Readonly<Record<string, unknown>>>(
  configs: C
): Config.Config<{ readonly [K in keyof C]: Value<C[K]> }> =>
  Config.map(
    Config.all(Record.map(configs, (value) => Config.isConfig(value) ? value : Config.succeed(value))),
    // The same fields; `Config.all` does not know that values stay.
    (options) => options as { readonly [K in keyof C]: Value<C[K]> }
  )

/**
 * A config that is `undefined` when it is not set.
 *
 * @example
 * ```ts
 * import { Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const apiKey = Provider.optional(Config.Redacted("GATEWAY_API_KEY"))
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

// ---------------------------------------------------------------------------------------------------------------------
// Definition
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A request as it is sent, without its credentials.
 *
 * @category models
 * @since 0.2.0
 */
export interface Prepared {
  readonly method: "POST"
  /** Absolute, with its query; what may be secret in the caller's part of it is `<redacted>`. */
  readonly url: string
  /** Names in lower case; the values of credentials and of the caller's `Redacted` headers are `<redacted>`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
  /** The options that were asked for and are not in the body, one sentence each. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * The request that a provider would send, without sending it: no credential is looked up and nothing is downloaded.
 *
 * Fails with the same `InvalidRequest` as the stream.
 *
 * @example
 * ```ts
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const request = { model: "gpt-4o-mini", prompt: "Say hello" }
 * const { url } = await Effect.runPromise(Provider.prepare(OpenAi.define({}), request))
 * url // "https://api.openai.com/v1/chat/completions"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const prepare = <C>(
  definition: Definition<C>,
  request: ChatRequest.ChatRequest
): Effect.Effect<Prepared, ProviderError.ProviderError> => {
  const problem = Plan.problemOf(definition)
  if (problem !== undefined) return Effect.fail(Checks.refused("unknown", problem))
  return Effect.suspend(() =>
    Effect.fromResult(Result.mapError(PolicyEngine.toPolicy(definition.options ?? {}), Plan.invalid))
  ).pipe(
    Effect.andThen(Plan.planner(definition, later)(request)),
    Effect.mapError((reason) => Plan.failure(definition, reason)),
    Effect.flatMap(({ encoded, headers, secretNames, secrets, url }) =>
      Secrets.cleaned(secrets(), later.seldom, (clean) => ({
        method: "POST",
        url: String(clean(url)),
        headers: {
          ...Object.fromEntries(definition.auth.headerNames.map((name) => [name, Secrets.redacted])),
          ...headers,
          ...Object.fromEntries(secretNames.map((name) => [name, Secrets.redacted]))
        },
        body: encoded.body,
        ignored: encoded.ignored
      }))
    )
  )
}

/**
 * Makes a provider from its definition and an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { Auth, ChatCompletions, Endpoint, OpenAiChunk, Provider } from "effect-llm-stream"
 *
 * // A host that speaks the chat-completions format, as a provider of its own.
 * const gateway = Provider.make({
 *   protocol: ChatCompletions.protocol({
 *     provider: "gateway",
 *     payload: ChatCompletions.Payload,
 *     make: (chunk) => new OpenAiChunk({ provider: "gateway", chunk }),
 *     errors: ChatCompletions.errors
 *   }),
 *   format: ChatCompletions.format({ provider: "gateway" }),
 *   endpoint: Endpoint.path("https://gateway.example/v1", "/chat/completions"),
 *   auth: Auth.none
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <C extends Chunk>(
  definition: Definition<C>
): Effect.Effect<Service<C>, never, HttpClient.HttpClient> => Effect.map(caller(definition), ({ service }) => service)

/**
 * A provider, and other calls of its API.
 *
 * @internal
 */
export const caller = <C extends Chunk>(
  definition: Definition<C>
): Effect.Effect<Caller.Caller<C>, never, HttpClient.HttpClient> => Caller.make(definition, later)

// ---------------------------------------------------------------------------------------------------------------------
// Layers
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A layer with a provider as its own service and as the common {@link Provider}.
 *
 * @example
 * ```ts
 * import { type Chunk, OpenAi, Provider } from "effect-llm-stream"
 * import { Context, Redacted } from "effect"
 *
 * class Main extends Context.Service<Main, Provider.Service<Chunk.Chunk>>()("app/Main") {}
 *
 * const layer = Provider.layer(Main, OpenAi.define({ apiKey: Redacted.make("sk-…") }))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <Self, C extends Chunk>(
  service: Context.Key<Self, Service<C>>,
  definition: Definition<C>
): Layer.Layer<Self | Provider, never, HttpClient.HttpClient> => layerOf(service, make(definition))

/**
 * Makes the `layerConfig` of a provider, from the function that gives the config of its options and from its `layer`.
 * The policy among the options is checked, see {@link checkPolicy}.
 *
 * @example
 * ```ts
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const config = (name: string) => Config.all({ baseUrl: Config.String(name) })
 * const layerConfig = Provider.layerConfig(config, OpenAi.layer)
 * const gateway = layerConfig("GATEWAY_URL")
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = <Arguments extends ReadonlyArray<unknown>, Options extends Policy, A, R>(
  config: (...configs: Arguments) => Config.Config<Options>,
  layer: (options: Options) => Layer.Layer<A, never, R>
) =>
(...configs: Arguments): Layer.Layer<A, Config.ConfigError, R> =>
  Layer.unwrap(Effect.map(
    Effect.flatten(Effect.try({
      try: () => checkPolicy(config(...configs)),
      catch: () => configError("the configs of the options have to be an object whose fields can be read")
    })),
    layer
  ))

/** @internal */
export const layerOf = <Self, S extends Service<Chunk>, E, R>(
  service: Context.Key<Self, S>,
  provider: Effect.Effect<S, E, R>
): Layer.Layer<Self | Provider, E, R> =>
  Layer.effectContext(
    Effect.map(provider, (provider) => Context.make(service, provider).pipe(Context.add(Provider, provider)))
  )
