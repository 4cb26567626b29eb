/**
 * A store in a SQLite file of its own, which several processes of a machine may share. It needs Node 22.13 or newer, and
 * nothing to be installed.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { text } from "./peer.ts"
import { toStoreError, whileLocked } from "./sqlErrors.ts"
import * as SqliteClient from "./SqliteClient.ts"
import * as SqlStore from "./SqlStore.ts"
import * as Store from "./Store.ts"

/**
 * Which file holds the store.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** The file, which is made if it is missing. */
  readonly filename: string
}

/**
 * Opens a store in a file, which is closed at the end of the scope. Fails with `Foreign` if the file is another program's,
 * with `NewerLayout` if a newer version of the library wrote it, and with `Unavailable` if it can't be opened or written, or
 * if this runtime has no `node:sqlite`. A file that is refused stays as it is.
 *
 * A database that also holds tables of your own is {@link SqlStore.make} on a {@link SqliteClient.layer}.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
 *
 * const store = Effect.scoped(SqliteStore.make({ filename: "batch.store" }))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (options: Options): Effect.Effect<Store.Service, Store.StoreError, Scope.Scope> =>
  Effect.flatMap(text("filename", () => options.filename), opened)

const opened = (filename: string): Effect.Effect<Store.Service, Store.StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    // Opening a database already leaves traces: its log is put away, or begun. `immutable` reads the file alone.
    yield* SqlStore.check({ shared: false }).pipe(
      Effect.provide(SqliteClient.layer({ filename: immutable(filename), readOnly: true })),
      Effect.catchIf(isUnreadable, () => Effect.void)
    )
    const sql = yield* SqliteClient.make({ filename })
    const store = yield* Effect.provideService(SqlStore.make({ shared: false }), SqlClient.SqlClient, sql)
    // With a log, what is written survives the end of the process without a wait for the disk, and no reader stops a writer.
    yield* whileLocked(sql`PRAGMA journal_mode = WAL`)
    yield* sql`PRAGMA synchronous = NORMAL`
    const { heard, tell } = yield* Store.hintsInProcess
    // The number changes when another connection has written.
    const version = Effect.map(
      sql<{ readonly data_version: number }>`PRAGMA data_version`,
      ([row]) => row?.data_version
    )
    const written = Stream.concat(Stream.fromEffect(version), Stream.fromEffectRepeat(Effect.delay(version, 10))).pipe(
      Stream.changes,
      Stream.mapError(toStoreError)
    )
    // The first number is that before all changes: hints come from here on.
    const hints: Store.Hints = {
      tell,
      heard: Stream.merge(Stream.drop(heard, 1), Stream.map(written, () => undefined))
    }
    return { ...store, hints }
  }).pipe(
    Effect.provide(Reactivity.layer),
    Effect.mapError((error) => {
      const { message, reason } = toStoreError(error)
      return new Store.StoreError({ reason, message: `${filename}: ${message}` })
    })
  )

const immutable = (filename: string): string =>
  `file:${filename.split("/").map(encodeURIComponent).join("/")}?immutable=1`

/** A missing file is made; one that is being written is looked at again with locks. */
const isUnreadable = (error: Store.StoreError | SqlError.SqlError): boolean => {
  const { reason } = toStoreError(error)
  return reason === "Unavailable" || reason === "Corrupt"
}

/**
 * A layer with a store in a file. See {@link make}.
 *
 * @example
 * ```ts
 * import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
 *
 * const layer = SqliteStore.layer({ filename: "batch.store" })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, Store.StoreError> =>
  Layer.effect(Store.Store, make(options))
