import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { tellUnsent } from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import * as ProviderError from "../errors/providerError.ts"
import type * as Provider from "../Provider.ts"
import * as Store from "../stores/Store.ts"
import type { Asked } from "./stack.ts"

/** @internal */
export type Middleware = <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>

/**
 * A layer of the service that it needs, with a middleware around it.
 *
 * @internal
 */
export const layerService = <Self, C extends Chunk, E, R>(
  service: Context.Key<Self, Provider.Service<C>>,
  middleware: Effect.Effect<Middleware, E, R>
): Layer.Layer<Self, E, Self | R> =>
  Layer.effect(service, Effect.zipWith(service, middleware, (self, around) => around(self)))

/**
 * Options as they are checked: the value, or the error that names the option.
 *
 * @internal
 */
export const checked = <A>(
  middleware: string,
  options: Result.Result<A, string>
): Effect.Effect<A, ProviderError.ProviderError> =>
  Effect.fromResult(Result.mapError(options, (message) => Checks.refused(middleware, message)))

/**
 * What a function of the caller gives, or the error that names it.
 *
 * @internal
 */
export const called = <A>(
  middleware: string,
  ...of: Parameters<typeof Checks.given<A>>
): Effect.Effect<A, ProviderError.ProviderError> => Effect.suspend(() => checked(middleware, Checks.given(...of)))

/**
 * The key of what requests share: the caller's, else each model of each provider has its own.
 *
 * @internal
 */
export const keyOf = (
  middleware: string,
  { model = "", provider, request }: Asked,
  key: ((request: ChatRequest) => string) | undefined
): Effect.Effect<string, ProviderError.ProviderError> =>
  key === undefined
    ? Effect.sync(() => Store.key(middleware, provider.name, model))
    : Effect.map(
      called(middleware, "key", "a function that gives a text", () => key(request), Predicate.isString),
      (key) => Store.key(middleware, key)
    )

/** @internal */
export type OnStoreFailure = "refuse" | "pass"

/** @internal */
export const checkStoreFailure = (value: OnStoreFailure = "refuse"): Result.Result<OnStoreFailure, string> =>
  Checks.word("onStoreFailure", value, ["refuse", "pass"])

const failures = Metric.counter("llm_stream_store_failures", {
  description: "What middleware could not do as its store failed, by the middleware and the reason",
  incremental: true
})

/**
 * Tells that a store has failed, where nothing fails for it.
 *
 * @internal
 */
export const tellFailure = (middleware: string, { message, reason }: Store.StoreError): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(Metric.withAttributes(failures, { middleware, reason }), 1),
    Effect.logWarning(`${middleware}: the store failed (${reason}): ${message}`)
  )

/**
 * What becomes of a request whose store has failed: it is refused, or passes with `otherwise`.
 *
 * @internal
 */
export const orElse = <A, B>(
  self: Effect.Effect<A, Store.StoreError>,
  { middleware, onStoreFailure, otherwise, provider }: {
    readonly middleware: string
    readonly provider: string
    readonly onStoreFailure: OnStoreFailure
    readonly otherwise: B
  }
): Effect.Effect<A | B, ProviderError.ProviderError> =>
  Effect.catch(self, (error) =>
    Effect.andThen(
      tellFailure(middleware, error),
      onStoreFailure === "pass" ? Effect.succeed(otherwise) : Effect.andThen(
        tellUnsent,
        Effect.fail(
          new ProviderError.ProviderError({
            provider,
            reason: new ProviderError.Unknown({
              message: `The store of the ${middleware} failed, so nothing was sent: ${error.message}`,
              code: "store_failed"
            }),
            emitted: false
          })
        )
      )
    ))
