/**
 * A provider as a group of remote procedures: the server has the keys, and the client is a `Provider` like any other.
 *
 * It works over HTTP with newline-delimited JSON, and over WebSockets. `RpcSerialization.layerJson` does not stream: a response
 * would come when it has ended. A connection that is lost fails the stream; answers that outlive connections are those of
 * `StreamLog`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcClientError from "effect/rpc/RpcClientError"
import * as RpcGroup from "effect/rpc/RpcGroup"
import type * as RpcSchema from "effect/rpc/RpcSchema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AnyChunk } from "../AnyChunk.ts"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as Checks from "../engine/checks.ts"
import { fromBody } from "../engine/clientError.ts"
import * as GivenOptions from "../engine/givenOptions.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"

/**
 * The procedure that streams one chat completion.
 *
 * @category models
 * @since 0.2.0
 */
export type Ask = Rpc.Rpc<
  "Ask",
  typeof ChatRequest.Normalized,
  RpcSchema.Stream<typeof AnyChunk, typeof ProviderError.ProviderError>
>

/**
 * The group of procedures of a provider. Add a middleware to it that says who may ask.
 *
 * @example
 * ```ts
 * import * as ProviderRpc from "effect-llm-stream/log/ProviderRpc"
 * import { RpcServer } from "effect/rpc"
 *
 * const routes = RpcServer.layerHttp({ group: ProviderRpc.group, path: "/provider", protocol: "websocket" })
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export const group: RpcGroup.RpcGroup<Ask> = RpcGroup.make(
  Rpc.make("Ask", {
    payload: ChatRequest.Normalized,
    success: AnyChunk,
    error: ProviderError.ProviderError,
    stream: true
  })
)

/**
 * What answers the procedures: the common `Provider`, which never leaves the server, nor do its keys.
 *
 * A client chooses the model and all else that a request says. What it may choose is for a middleware to say, or for the
 * provider that is served.
 *
 * @example
 * ```ts
 * import { NodeHttpServer } from "@effect/platform-node"
 * import { OpenAi } from "effect-llm-stream"
 * import * as ProviderRpc from "effect-llm-stream/log/ProviderRpc"
 * import { Layer } from "effect"
 * import { FetchHttpClient, HttpRouter } from "effect/http"
 * import { RpcSerialization, RpcServer } from "effect/rpc"
 * import { createServer } from "node:http"
 *
 * const server = HttpRouter.serve(
 *   RpcServer.layerHttp({ group: ProviderRpc.group, path: "/provider", protocol: "http" }).pipe(
 *     Layer.provide([ProviderRpc.handlers, RpcSerialization.layerNdjson])
 *   )
 * ).pipe(
 *   Layer.provide(OpenAi.layerConfig()),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const handlers: Layer.Layer<Rpc.Handler<"Ask">, never, Provider.Provider> = group.toLayer(
  Effect.map(Provider.Provider, ({ stream }) => ({
    Ask: (request: ChatRequest.Normalized) =>
      stream(request).pipe(
        // What comes during one round trip goes as one array: a WebSocket waits for the client before the next.
        Stream.buffer({ capacity: 256 }),
        Stream.mapEffect((chunk) => isKnown(chunk) ? Effect.succeed(chunk) : Effect.fail(unknownChunk(chunk)))
      )
  }))
)

/**
 * The provider that a server serves. Its errors are those of the server's provider; a connection that fails is `Network`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as ProviderRpc from "effect-llm-stream/log/ProviderRpc"
 *
 * const provider = ProviderRpc.make({ provider: "gateway" })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options: {
    /** The name that errors of the connection state. Default: `rpc`. */
    readonly provider?: string | undefined
  } = {}
): Effect.fn.Return<Provider.Service<AnyChunk>, never, RpcClient.Protocol | Scope.Scope> {
  const checked = GivenOptions.checked(options)
  if (Result.isFailure(checked)) return Checks.refusing("rpc", checked.failure)
  const { provider = "rpc" } = checked.success
  const client = yield* RpcClient.make(group)
  return {
    name: provider,
    stream: (request) =>
      Stream.suspend(() => {
        let emitted = false
        const failed = (reason: ProviderError.Reason) =>
          Stream.fail(new ProviderError.ProviderError({ provider, reason, emitted }))
        return Result.match(ChatRequest.normalize(request), {
          onFailure: failed,
          onSuccess: (normalized) =>
            client.Ask(normalized).pipe(
              Stream.map((chunk) => {
                emitted = true
                return chunk
              }),
              Stream.catchTag("RpcClientError", (error) => failed(reasonOf(error)))
            )
        })
      })
  }
})

/**
 * A layer with the common `Provider` that a server serves.
 *
 * @example
 * ```ts
 * import * as ProviderRpc from "effect-llm-stream/log/ProviderRpc"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { RpcClient, RpcSerialization } from "effect/rpc"
 *
 * const layer = ProviderRpc.layer().pipe(
 *   Layer.provide(RpcClient.layerProtocolHttp({ url: "http://localhost:3000/provider" })),
 *   Layer.provide([RpcSerialization.layerNdjson, FetchHttpClient.layer])
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options?: Parameters<typeof make>[0]
): Layer.Layer<Provider.Provider, never, RpcClient.Protocol> => Layer.effect(Provider.Provider, make(options))

const isKnown = (chunk: Chunk): chunk is AnyChunk => AnyChunk.members.some((member) => chunk instanceof member)

const unknownChunk = ({ provider }: Chunk) =>
  new ProviderError.ProviderError({
    provider,
    reason: new ProviderError.InvalidRequest({
      message: "chunks of this provider can't be sent, as AnyChunk doesn't know their class"
    }),
    emitted: false
  })

const reasonOf = ({ message, reason }: RpcClientError.RpcClientError): ProviderError.Reason =>
  reason._tag === "RpcClientDefect" ? new ProviderError.Network({ message }) : fromBody(reason.cause)
