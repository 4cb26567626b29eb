/** The stores that processes share in tests. */
import { Effect, type Scope } from "effect"
import * as Path from "node:path"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import type * as Store from "../../src/stores/Store.ts"
import { dropPostgres, dropRedis, folder, hasPostgres, hasRedis, hasSqlite, postgres, redis, unique } from "./stores.ts"

interface Kind {
  readonly isAbsent: boolean
  /** A name that no other test has, and what is kept under it is removed at the end. */
  readonly name: Effect.Effect<string, never, Scope.Scope>
  readonly open: (name: string) => Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>
}

export const kinds: Readonly<Record<string, Kind>> = {
  sqlite: {
    isAbsent: !hasSqlite,
    name: Effect.map(folder, (path) => Path.join(path, "store")),
    open: (filename) => SqliteStore.make({ filename })
  },
  postgres: {
    isAbsent: !hasPostgres,
    name: Effect.acquireRelease(Effect.sync(unique), dropPostgres),
    open: (table) => PostgresStore.make({ url: postgres, table })
  },
  redis: {
    isAbsent: !hasRedis,
    name: Effect.acquireRelease(Effect.sync(unique), dropRedis),
    open: (prefix) => NodeRedisStore.make({ url: redis, prefix })
  }
}

/** Opens the store of a worker. */
export const open = (
  kind: string,
  name: string
): Effect.Effect<Store.Service, Store.StoreError, Scope.Scope> =>
  kinds[kind]?.open(name) ?? Effect.die(new Error(`no store of the kind ${kind}`))
