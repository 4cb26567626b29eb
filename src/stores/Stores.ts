/**
 * The store that a URL names, for programs whose users choose it.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as NodeRedisStore from "./NodeRedisStore.ts"
import * as PostgresStore from "./PostgresStore.ts"
import * as SqliteStore from "./SqliteStore.ts"
import * as Store from "./Store.ts"

/**
 * A layer with the store of a URL: `sqlite:FILE`, `redis://…`, `postgres://…` or `memory`. Anything else is `Unavailable`.
 * No message has the URL's password.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as Stores from "effect-llm-stream/stores/Stores"
 *
 * const file = Stores.layer(Redacted.make("sqlite:batch.store"))
 * const server = Stores.layer(Redacted.make("postgres://app:secret@127.0.0.1:5432/app"))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (url: Redacted.Redacted): Layer.Layer<Store.Store, Store.StoreError> => {
  const text = Result.getOrUndefined(
    Result.try((): unknown => Redacted.isRedacted(url) ? Redacted.value(url) : undefined)
  )
  if (typeof text !== "string") return none
  const filename = /^sqlite:(.+)$/s.exec(text)?.[1]
  if (filename !== undefined) return SqliteStore.layer({ filename })
  if (/^rediss?:\/\//.test(text)) return NodeRedisStore.layer({ url })
  if (/^postgres(ql)?:\/\//.test(text)) return PostgresStore.layer({ url })
  if (/^memory:?$/.test(text)) return Store.layerMemory
  return none
}

const none: Layer.Layer<Store.Store, Store.StoreError> = Layer.effect(
  Store.Store,
  Effect.suspend(() =>
    Effect.fail(
      new Store.StoreError({
        reason: "Unavailable",
        message: "a store is one of sqlite:FILE, redis://…, postgres://… and memory:"
      })
    )
  )
)
