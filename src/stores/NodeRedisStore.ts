/**
 * A store in Redis on Node, over the optional peers `@effect/platform-node` and `redis`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { at, loadPeer, shown, text } from "./peer.ts"
import * as RedisStore from "./RedisStore.ts"
import * as Store from "./Store.ts"

/**
 * Which server holds the store.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options extends RedisStore.Options {
  /** The server, as `redis://user:password@host:6379/0`; `rediss:` for TLS. */
  readonly url: Redacted.Redacted
}

/**
 * Connects to a server, until the end of the scope. Fails with `Unavailable` if it can't be reached, or if
 * `@effect/platform-node` or `redis` is not installed, and as {@link RedisStore.make} does. While the connection is lost,
 * transactions fail at once. No message has the URL's password.
 *
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import * as NodeRedisStore from "effect-llm-stream/stores/NodeRedisStore"
 *
 * const store = Effect.scoped(NodeRedisStore.make({ url: Redacted.make("redis://127.0.0.1:6379") }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Store.Service, Store.StoreError, Scope.Scope> {
  const server = yield* shown(() => options.url)
  const prefix = yield* text("prefix", () => options.prefix ?? "llm_stream")
  return yield* Effect.gen(function*() {
    const NodeRedis = yield* loadPeer(
      `${packageName} redis`,
      (): Promise<typeof import("@effect/platform-node/NodeRedis")> =>
        import(/* @vite-ignore */ /* webpackIgnore: true */ `${packageName}/NodeRedis`)
    )
    // A command that waits for a connection would be sent when its transaction has long failed.
    const client = NodeRedis.layer({ url: Redacted.value(options.url), disableOfflineQueue: true })
    const context = yield* Layer.build(client).pipe(
      // What the client warns of, transactions fail with.
      Effect.provideService(References.MinimumLogLevel, "Error"),
      Effect.mapError(RedisStore.toStoreError)
    )
    // Closing would wait for answers, and for ever if the server is silent.
    const connection = Context.get(context, NodeRedis.NodeRedis).client
    yield* Effect.addFinalizer(() => Effect.sync(() => connection.isOpen && connection.destroy()))
    return yield* Effect.provideService(RedisStore.make({ prefix }), Redis.Redis, Context.get(context, Redis.Redis))
  }).pipe(Effect.mapError(at(server)))
})

/**
 * A layer with a store on a server. See {@link make}.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as NodeRedisStore from "effect-llm-stream/stores/NodeRedisStore"
 *
 * const layer = NodeRedisStore.layer({ url: Redacted.make("redis://127.0.0.1:6379"), prefix: "team-a" })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, Store.StoreError> =>
  Layer.effect(Store.Store, make(options))

const packageName = "@effect/platform-node"
