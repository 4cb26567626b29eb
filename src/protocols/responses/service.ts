/**
 * The service of a host of the Responses API.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Plan from "../../engine/plan.ts"
import type * as ProviderError from "../../errors/providerError.ts"
import { once } from "../../internal/lazy.ts"
import * as Provider from "../../Provider.ts"
import * as RequestFormat from "../../RequestFormat.ts"
import type { Definition, Resume, ResumeOptions } from "./background.ts"
import type { ResponsesChunk } from "./chunk.ts"
import { at } from "./memory.ts"
import { Response } from "./payload.ts"

export type { Definition, Resume, ResumeOptions }

/**
 * The service of a host of the Responses API: it streams responses, and resumes those that run in the background.
 *
 * @category services
 * @since 0.2.0
 */
export interface Service<C extends ResponsesChunk> extends Provider.Service<C> {
  /**
   * Resumes a background response after an event, or from its start. It gives the chunks that the first stream would
   * have given: sequence numbers continue, and an event that does not follow is a `MalformedEvent`.
   *
   * Fails with `NotFound` or `InvalidRequest` when the provider has no such response, or the response does not run in
   * the background. Every run sends one request, like `stream`.
   */
  readonly resume: (from: Resume) => Stream.Stream<C, ProviderError.ProviderError>
  /**
   * The same service, but its streams resume by themselves when they are cut off after the first chunk: by a broken
   * connection (`Network`), by silence (`Timeout`, but not that of the whole stream) or by an early end
   * (`IncompleteStream`). No chunk comes twice. When resuming fails for good, the stream fails with the error that cut
   * it off.
   *
   * Its requests have to ask for `background: true` in their raw options; others fail with `InvalidRequest` before
   * anything is sent. If a host does not number its events, its responses can't be resumed, and the streams fail as
   * usual.
   */
  readonly resuming: (options?: ResumeOptions) => Service<C>
  /**
   * Cancels a background response and returns its last state: `status` is `cancelled`, or the final status if the
   * response had already ended. The API has no event for it, so a stream of the response fails with `IncompleteStream`.
   *
   * Fails with `NotFound` or `InvalidRequest` when the provider has no such response, or the response does not run in
   * the background.
   */
  readonly cancel: (id: string) => Effect.Effect<Response, ProviderError.ProviderError>
}

/**
 * Makes the service of a host from its definition and an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { OpenAiResponses, Responses } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const rest = Effect.map(
 *   Responses.make(OpenAiResponses.define({ baseUrl: "https://gateway.example/v1" })),
 *   (gateway) => gateway.resume({ id: "resp_1", startingAfter: 41 })
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <C extends ResponsesChunk>(
  definition: Definition<C>
): Effect.Effect<Service<C>, never, HttpClient.HttpClient> =>
  Effect.map(Provider.caller(definition), (caller) => {
    // Few programs have responses in the background.
    const background = once(() =>
      import("./background.ts").then(({ make }) => make(definition, caller, { at, response: Response }))
    )
      .pipe(
        RequestFormat.orRefused,
        Effect.mapError((reason) => Plan.failure(definition, reason))
      )
    const service: Service<C> = {
      ...caller.service,
      resume: (from) => Stream.unwrap(Effect.map(background, ({ resume }) => resume(from))),
      resuming: (options) => ({
        ...service,
        stream: (request) => Stream.unwrap(Effect.flatMap(background, ({ kept }) => kept(request, options))),
        resume: (from) => Stream.unwrap(Effect.map(background, ({ resumed }) => resumed(from, options)))
      }),
      cancel: (id) => Effect.flatMap(background, ({ cancel }) => cancel(id))
    }
    return service
  })

/**
 * A layer with a host of the Responses API as its own service and as the common `Provider`.
 *
 * @example
 * ```ts
 * import { OpenAiResponses, type OpenAiResponsesChunk, Responses } from "effect-llm-stream"
 * import { Context } from "effect"
 *
 * class Gateway extends Context.Service<Gateway, Responses.Service<OpenAiResponsesChunk>>()("app/Gateway") {}
 *
 * const layer = Responses.layer(Gateway, OpenAiResponses.define({ baseUrl: "https://gateway.example/v1" }))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <Self, C extends ResponsesChunk>(
  service: Context.Key<Self, Service<C>>,
  definition: Definition<C>
): Layer.Layer<Self | Provider.Provider, never, HttpClient.HttpClient> => Provider.layerOf(service, make(definition))
