/**
 * A store in a Postgres database, over the optional peer `@effect/sql-pg`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { at, loadPeer, scopeOfConnections, shown, text } from "./peer.ts"
import { toStoreError } from "./sqlErrors.ts"
import * as SqlStore from "./SqlStore.ts"
import * as Store from "./Store.ts"

/**
 * Which database holds the store.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** The database, as `postgres://user:password@host:5432/database`. */
  readonly url: Redacted.Redacted
  /** The table; its layout's version is in the table of this name with `_layout`. Default: `"llm_stream"`. */
  readonly table?: string | undefined
}

/**
 * Opens a store in a database; connections are closed at the end of the scope. Fails with `Unavailable` if the database can't
 * be reached or `@effect/sql-pg` is not installed, and as {@link SqlStore.make} does. No message has the URL's password.
 *
 * @example
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import * as PostgresStore from "effect-llm-stream/stores/PostgresStore"
 *
 * const store = Effect.scoped(PostgresStore.make({ url: Redacted.make("postgres://app:secret@127.0.0.1:5432/app") }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Store.Service, Store.StoreError, Scope.Scope> {
  const server = yield* shown(() => options.url)
  const table = yield* text("table", () => options.table ?? "llm_stream")
  return yield* Effect.gen(function*() {
    const PgClient = yield* loadPeer(
      packageName,
      (): Promise<typeof import("@effect/sql-pg/PgClient")> =>
        import(/* @vite-ignore */ /* webpackIgnore: true */ `${packageName}/PgClient`)
    )
    const sql = yield* PgClient.make({
      url: options.url,
      applicationName: "effect-llm-stream",
      // A page of entries, and a network that is gone.
      maxMessageSize: 256 * 1024 * 1024,
      keepAlive: "10 seconds"
    }).pipe(Scope.provide(yield* scopeOfConnections))
    const store = yield* Effect.provideService(SqlStore.make({ table }), SqlClient.SqlClient, sql)
    const whileOpen = yield* Store.whileOpen
    const hints: Store.Hints = {
      tell: (hint) => Effect.ignore(sql.notify(table, hint)),
      heard: scopeOfConnections.pipe(
        Effect.flatMap((scope) => Scope.provide(sql.listen(table), scope)),
        Effect.map((told) => Store.hintsOf(Stream.map(Stream.fromQueue(told), ({ payload }) => payload))),
        Stream.unwrap,
        Stream.mapError(toStoreError),
        whileOpen
      )
    }
    return { ...store, hints }
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.mapError((error) => at(server)(toStoreError(error)))
  )
})

/**
 * A layer with a store in a database. See {@link make}.
 *
 * @example
 * ```ts
 * import { Redacted } from "effect"
 * import * as PostgresStore from "effect-llm-stream/stores/PostgresStore"
 *
 * const layer = PostgresStore.layer({ url: Redacted.make("postgres://app:secret@127.0.0.1:5432/app") })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, Store.StoreError> =>
  Layer.effect(Store.Store, make(options))

const packageName = "@effect/sql-pg"
