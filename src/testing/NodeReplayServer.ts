/**
 * The replay server on Node, on a free port of the loopback interface.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import * as ReplayServer from "./ReplayServer.ts"

/**
 * Starts a replay server. It stops at the end of the scope, connections that are still open included.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 * import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
 * import { Effect, Stream } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const test = Effect.scoped(Effect.gen(function*() {
 *   const server = yield* NodeReplayServer.make([
 *     ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hello, world!" })))
 *   ])
 *   const openai = yield* OpenAi.make({ baseUrl: `${server.url}/v1` })
 *   yield* Stream.runDrain(openai.stream({ model: "gpt-4o-mini", prompt: "Say hello" }))
 *   return yield* server.requests
 * })).pipe(Effect.provide(FetchHttpClient.layer))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  script: ReplayServer.Script,
  options?: ReplayServer.Options
): Effect.fn.Return<ReplayServer.ReplayServer["Service"], HttpServerError.ServeError, Scope.Scope> {
  const node = createServer()
  const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })
  const replay = yield* Effect.provideService(ReplayServer.make(script, options), HttpServer.HttpServer, server)
  // Without it, closing would wait for connections that clients keep open.
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  return replay
})

/**
 * A layer with a replay server.
 *
 * @example
 * ```ts
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 * import * as NodeReplayServer from "effect-llm-stream/testing/NodeReplayServer"
 *
 * const layer = NodeReplayServer.layer([
 *   ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hello, world!" })))
 * ])
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  script: ReplayServer.Script,
  options?: ReplayServer.Options
): Layer.Layer<ReplayServer.ReplayServer, HttpServerError.ServeError> =>
  Layer.effect(ReplayServer.ReplayServer, make(script, options))
