/**
 * A provider made of providers: when one can't answer, the next one does, as long as nothing of an answer is there.
 *
 * @since 0.2.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Checks from "../engine/checks.ts"
import { refused } from "../engine/checks.ts"
import * as Opening from "../engine/opening.ts"
import { defined } from "../internal/defined.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError, Reason } from "../ProviderError.ts"
import * as Attempts from "./attempts.ts"

/**
 * What a target changes, for it alone.
 *
 * @category models
 * @since 0.2.0
 */
export interface Changes {
  /**
   * Its change of the request: fields that take the place of the request's, such as the model, or a function. Default: no
   * change.
   */
  readonly request?: Partial<ChatRequest> | ((request: ChatRequest) => ChatRequest) | undefined
  /**
   * Attempts after the first one that the target makes before the next target is asked, by its own policy. `maxRetries` of
   * `Provider.CurrentPolicy` can only lower it. Default: 0, whatever its layer says.
   */
  readonly maxRetries?: number | undefined
}

/**
 * A provider to ask.
 *
 * @category models
 * @since 0.2.0
 */
export interface Target<out C extends Chunk = Chunk> extends Changes {
  readonly provider: Provider.Service<C>
}

/**
 * A layer whose `Provider` is asked.
 *
 * @category models
 * @since 0.2.0
 */
export interface TargetLayer<out E = never, out R = never> extends Changes {
  readonly provider: Layer.Layer<Provider.Provider, E, R>
}

/**
 * A target that failed before its content.
 *
 * @category models
 * @since 0.2.0
 */
export type Failed = Attempts.Failed

/**
 * How a provider made of providers behaves.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Its name, in errors that are nobody else's. Default: `fallback`. */
  readonly name?: string | undefined
  /** Which errors make the next target be asked. Default: {@link fallsOn}. */
  readonly while?: ((error: ProviderError) => boolean) | undefined
  /** Run for each target that failed before its content, also the last one. Default: nothing. */
  readonly onFailure?: ((failed: Failed) => Effect.Effect<void>) | undefined
}

const isOthers: Readonly<Record<Reason["_tag"], boolean>> = {
  Authentication: true,
  PermissionDenied: true,
  NotFound: true,
  InvalidRequest: false,
  ContextLengthExceeded: true,
  ContentFiltered: false,
  RateLimited: true,
  QuotaExceeded: true,
  Overloaded: true,
  ServerError: true,
  Network: true,
  Timeout: true,
  UnexpectedContentType: true,
  MalformedEvent: true,
  IncompleteStream: true,
  ToolUseFailed: true,
  Unknown: true
}

/**
 * Whether another provider may do better: all errors but `InvalidRequest`, which is the caller's, and `ContentFiltered`, as
 * what one provider's filter blocked is not for a library to take to the next. Both count when the provider itself says
 * that another attempt may succeed.
 *
 * @example
 * ```ts
 * import { ProviderError } from "effect-llm-stream"
 * import * as Fallback from "effect-llm-stream/middleware/Fallback"
 *
 * const error = (reason: ProviderError.Reason) =>
 *   new ProviderError.ProviderError({ provider: "openai", reason, emitted: false })
 *
 * Fallback.fallsOn(error(new ProviderError.QuotaExceeded({ message: "No credit" }))) // true
 * Fallback.fallsOn(error(new ProviderError.InvalidRequest({ message: "No prompt" }))) // false
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const fallsOn = (error: ProviderError): boolean => error.isRetryable || isOthers[error.reason._tag]

const fallbacks = Metric.counter("llm_stream_fallbacks", {
  description: "Requests that went on to another provider, by the provider that failed and the reason",
  incremental: true
})

/**
 * A provider that asks others, one after the other, until one has content (text, reasoning, a piece of a call, of audio or
 * of a refusal). From there on the answer is that provider's alone, also if it fails.
 *
 * Chunks before the content are held back, and delivered with it. When no target is left, or an error does not fall on,
 * the stream is that of the target that failed: its chunks and its error. What earlier targets had used is in the
 * `spent` of an error.
 *
 * It writes schemas as its first target wants them, and keeps no conversation at a server, as the others don't know it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Anthropic, OpenAi } from "effect-llm-stream"
 * import * as Fallback from "effect-llm-stream/middleware/Fallback"
 *
 * const provider = Effect.gen(function*() {
 *   const openai = yield* OpenAi.OpenAi
 *   const anthropic = yield* Anthropic.Anthropic
 *   return Fallback.make([
 *     openai,
 *     { provider: anthropic, request: { model: "claude-haiku-4-5" }, maxRetries: 1 }
 *   ])
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <const Chunks extends readonly [Chunk, ...ReadonlyArray<Chunk>]>(
  targets: { readonly [K in keyof Chunks]: Provider.Service<Chunks[K]> | Target<Chunks[K]> },
  options?: Options
): Provider.Service<Chunks[number]> => combined<Chunks[number]>(targets, options)

const combined = <C extends Chunk>(
  stated: ReadonlyArray<Provider.Service<C> | Target<C>>,
  options: Options = {}
): Provider.Service<C> =>
  Result.match(checked(stated, options), {
    onFailure: (message) => Checks.refusing("fallback", message),
    onSuccess: ([targets, options]) => among(targets, options)
  })

const checked = <C extends Chunk>(
  stated: ReadonlyArray<Provider.Service<C> | Target<C>>,
  options: Options
): Result.Result<readonly [ReadonlyArray<Target<C>>, Options], string> =>
  Result.all([
    Checks.given(
      "targets",
      "a list of providers",
      () => Array.from(stated, (target): Target<C> => "stream" in target ? { provider: target } : { ...target }),
      (targets) => Array.isArray(targets) && targets.every(({ provider }) => Predicate.isString(provider.name))
    ),
    Result.flatMap(Checks.copied(options), (options) =>
      Result.map(
        Checks.given("name", "a text", () => options.name ?? "", Predicate.isString),
        () => options
      ))
  ])

const among = <C extends Chunk>(
  targets: ReadonlyArray<Target<C>>,
  { name = "fallback", onFailure, while: isFor = fallsOn }: Options
): Provider.Service<C> =>
  Opening.provider(
    { name, dialect: dialectOf(targets.map(({ provider }) => provider)) },
    (request: ChatRequest) =>
      Attempts.open(() =>
        Effect.gen(function*() {
          const [first, ...others] = yield* Effect.forEach(targets, (target) =>
            Effect.map(changed(request, target, name), (request): Attempts.Attempt<C> => ({
              provider: target.provider,
              request,
              maxRetries: target.maxRetries ?? 0
            })))
          if (first === undefined) {
            return yield* refused(name, "no provider to ask: there are no targets")
          }
          return {
            first,
            onFailure,
            next: (error, failures, left) => {
              const following = others[failures - 1]
              return following === undefined || left <= 0
                ? Effect.succeed(undefined)
                : Effect.flatMap(
                  Attempts.decided(name, () => isFor(error)),
                  (isFor) => isFor ? Effect.as(tell(error, following), following) : Effect.succeed(undefined)
                )
            }
          }
        })
      )
  )

const changed = (
  request: ChatRequest,
  { request: change = {} }: Changes,
  name: string
): Effect.Effect<ChatRequest, ProviderError> =>
  Effect.mapError(
    Effect.try(() => typeof change === "function" ? change(request) : { ...request, ...defined(change) }),
    // Not its message, which may show what is secret.
    () => refused(name, "the function that changes the request for a target threw, or `request` can't be read")
  )

/** What all targets can do: another provider does not have the conversation that one keeps. */
const dialectOf = (providers: ReadonlyArray<Provider.Service>): Provider.Dialect => {
  const [first] = providers
  return {
    ...first?.dialect,
    ...(first === undefined ? undefined : { keys: first.dialect?.keys ?? [first.name] }),
    declaresTools: providers.some(({ dialect }) => dialect?.declaresTools === true),
    previousResponse: undefined
  }
}

// A debug line, as going on is a success of what the caller asked for; the metric and the span are what to watch.
const tell = (error: ProviderError, { provider }: Attempts.Attempt<Chunk>): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(
      Metric.withAttributes(fallbacks, { provider: error.provider, reason: error.reason._tag }),
      1
    ),
    Effect.logDebug(
      `${error.provider}: ${error.reason._tag}${
        error.status === undefined ? "" : ` (HTTP ${error.status})`
      }, going on with ${provider.name}`
    )
  )

/**
 * A layer with a `Provider` made of the `Provider`s of other layers, see {@link make}.
 *
 * All of them are built at first, so that one without its configuration fails the layer.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Anthropic, OpenAi } from "effect-llm-stream"
 * import * as Fallback from "effect-llm-stream/middleware/Fallback"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = Fallback.layer([
 *   OpenAi.layerConfig({ model: "gpt-4o-mini" }),
 *   Anthropic.layerConfig({ model: "claude-haiku-4-5" })
 * ]).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <E, R>(
  targets: Arr.NonEmptyReadonlyArray<Layer.Layer<Provider.Provider, E, R> | TargetLayer<E, R>>,
  options?: Options
): Layer.Layer<Provider.Provider, E, R> =>
  Layer.effect(
    Provider.Provider,
    Effect.map(
      // Others than lists are refused with the first request.
      Effect.forEach(Array.isArray(targets) ? targets : [], (target) => {
        const { provider, ...changes } = Predicate.hasProperty(target, "provider") ? target : { provider: target }
        return Effect.map(
          Layer.build(provider),
          (context): Target => ({ ...changes, provider: Context.get(context, Provider.Provider) })
        )
      }),
      (targets) => combined(targets, options)
    )
  )
