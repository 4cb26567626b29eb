/**
 * What the head of a response states before its first chunk: the id of the request, and how much of the rate limits is left.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Headers from "effect/http/Headers"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { CurrentHeads, type Head } from "../engine/call.ts"
import { requestId } from "../engine/head.ts"
import * as Opening from "../engine/opening.ts"
import type { ResponseHeaders } from "../Protocol.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as Attempts from "./attempts.ts"

/**
 * The head of a response, also of one that refuses the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResponseHead {
  readonly provider: string
  /** The model that was asked for; `undefined` where the call names none. */
  readonly model: string | undefined
  /** HTTP status. */
  readonly status: number
  /** The provider's id of the request; `undefined` when it gave none. */
  readonly requestId: string | undefined
  /** The rate limits that the provider states, in the order of its headers; empty when it states none. */
  readonly limits: ReadonlyArray<Limit>
}

/**
 * A rate limit, as far as it is stated.
 *
 * @category models
 * @since 0.2.0
 */
export interface Limit {
  /** What is counted, in the provider's word: `requests`, `tokens`, `input-tokens`, `output-tokens`, … */
  readonly kind: string
  /** How many there are in all; `undefined` when it is not stated. */
  readonly limit: number | undefined
  /** How many are left; `undefined` when it is not stated. */
  readonly remaining: number | undefined
  /** How long it takes until all are there again; `undefined` when it is not stated. */
  readonly resetAfter: Duration.Duration | undefined
}

/**
 * A stream that tells the head of each response that it gets, before the first chunk, and again for each retry. It costs
 * nothing per chunk.
 *
 * The head is told while the first byte is waited for, so what is done with it should not take long.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Provider } from "effect-llm-stream"
 * import * as ResponseHead from "effect-llm-stream/middleware/ResponseHead"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   yield* provider.stream({ prompt: "Say hello" }).pipe(
 *     ResponseHead.tap(({ limits, requestId }) => Effect.log(requestId, limits)),
 *     Stream.runDrain
 *   )
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const tap: {
  (
    onHead: (head: ResponseHead) => Effect.Effect<void>
  ): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A, E, R>(
    self: Stream.Stream<A, E, R>,
    onHead: (head: ResponseHead) => Effect.Effect<void>
  ): Stream.Stream<A, E, R>
} = dual(2, <A, E, R>(
  self: Stream.Stream<A, E, R>,
  onHead: (head: ResponseHead) => Effect.Effect<void>
): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.map(CurrentHeads, (heads) => Stream.provideService(self, CurrentHeads, [...heads, telling(onHead)]))
  ))

const telling =
  (onHead: (head: ResponseHead) => Effect.Effect<void>) => ({ headers, model, names, provider, status }: Head) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      onHead({
        provider,
        model,
        status,
        requestId: requestId(headers, names),
        limits: limitsOf(headers, names, now)
      }))

/**
 * A provider that tells the head of each response, see {@link tap}.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ResponseHead from "effect-llm-stream/middleware/ResponseHead"
 *
 * const watched = Effect.map(
 *   OpenAi.make({}),
 *   ResponseHead.tapped(({ limits, provider }) => Effect.logDebug(provider, limits))
 * )
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const tapped: {
  (
    onHead: (head: ResponseHead) => Effect.Effect<void>
  ): <C extends Chunk>(self: Provider.Service<C>) => Provider.Service<C>
  <C extends Chunk>(
    self: Provider.Service<C>,
    onHead: (head: ResponseHead) => Effect.Effect<void>
  ): Provider.Service<C>
} = dual(2, <C extends Chunk>(
  self: Provider.Service<C>,
  onHead: (head: ResponseHead) => Effect.Effect<void>
): Provider.Service<C> => {
  const head = telling(onHead)
  return Opening.provider(
    self,
    (request: ChatRequest): Opening.Open<C, ProviderError> => (scope) =>
      Effect.updateService(Attempts.openOf(self, request)(scope), CurrentHeads, (heads) => [...heads, head])
  )
})

/**
 * Tells the heads of the common `Provider` that is provided to it.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ResponseHead from "effect-llm-stream/middleware/ResponseHead"
 *
 * const layer = ResponseHead.layer(({ requestId }) => Effect.logDebug(requestId)).pipe(
 *   Layer.provide(OpenAi.layerConfig())
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  onHead: (head: ResponseHead) => Effect.Effect<void>
): Layer.Layer<Provider.Provider, never, Provider.Provider> => layerService(Provider.Provider, onHead)

/**
 * Tells the heads of the provider's own service that is provided to it, such as `OpenAi.OpenAi`.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ResponseHead from "effect-llm-stream/middleware/ResponseHead"
 *
 * const layer = ResponseHead.layerService(OpenAi.OpenAi, ({ requestId }) => Effect.logDebug(requestId)).pipe(
 *   Layer.provide(OpenAi.layerConfig())
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerService = <Self, C extends Chunk>(
  service: Context.Key<Self, Provider.Service<C>>,
  onHead: (head: ResponseHead) => Effect.Effect<void>
): Layer.Layer<Self, never, Self> => Layer.effect(service, Effect.map(service, tapped(onHead)))

const usual = /^x-ratelimit-(?<field>limit|remaining|reset)-(?<kind>[a-z0-9-]+)$/

/**
 * The limits of a head; times of day are measured from `now`.
 *
 * @internal
 */
export const limitsOf = (
  headers: Headers.Headers,
  { limits: pattern = usual }: ResponseHeaders,
  now: number
): ReadonlyArray<Limit> => {
  const limits = new Map<string, Limit>()
  for (const [name, value] of Object.entries(headers)) {
    const { field, kind } = pattern.exec(name)?.groups ?? {}
    const key = fields[field ?? ""]
    if (key === undefined || kind === undefined) continue
    const known = limits.get(kind) ?? { kind, limit: undefined, remaining: undefined, resetAfter: undefined }
    limits.set(kind, { ...known, [key]: key === "resetAfter" ? durationOf(value, now) : countOf(value) })
  }
  return Array.from(limits.values())
}

const fields: Readonly<Record<string, keyof Limit>> = { limit: "limit", remaining: "remaining", reset: "resetAfter" }

// Azure states -1 where there is no limit.
const countOf = (value: string): number | undefined => /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : undefined

const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

// `6m0s` and `120ms`, seconds, or a time as RFC 3339 has it.
const durationOf = (stated: string, now: number): Duration.Duration | undefined => {
  const value = stated.trim()
  if (/^\d{1,9}(\.\d{1,9})?$/.test(value)) return Duration.millis(Number(value) * 1000)
  if (/^(\d{1,9}(\.\d{1,9})?(d|h|ms|m|s))+$/.test(value)) {
    return Duration.millis(
      Array.from(value.matchAll(/([\d.]+)([a-z]+)/g), ([, count, unit]) => Number(count) * (units[unit ?? ""] ?? 0))
        .reduce((sum, millis) => sum + millis, 0)
    )
  }
  const time = /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : Duration.millis(Math.max(0, time - now))
}
