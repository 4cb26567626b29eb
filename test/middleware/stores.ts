/** The stores that middleware is tested on. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Path from "node:path"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Servers from "../stores/stores.ts"
import * as Client from "../support/client.ts"

const stores: Readonly<Record<string, readonly [isHere: boolean, store: Layer.Layer<Store.Store, Store.StoreError>]>> =
  {
    memory: [true, Store.layerMemory],
    SQLite: [
      Servers.hasSqlite,
      Layer.unwrap(Effect.map(Servers.folder, (folder) => SqliteStore.layer({ filename: Path.join(folder, "store") })))
    ],
    Postgres: [
      Servers.hasPostgres,
      Layer.effect(
        Store.Store,
        Effect.gen(function*() {
          const table = Servers.unique()
          yield* Effect.addFinalizer(() => Effect.orDie(Servers.dropPostgres(table)))
          return yield* PostgresStore.make({ url: Servers.postgres, table })
        })
      )
    ],
    Redis: [
      Servers.hasRedis,
      Layer.effect(
        Store.Store,
        Effect.gen(function*() {
          const prefix = Servers.unique()
          yield* Effect.addFinalizer(() => Effect.orDie(Servers.dropRedis(prefix)))
          return yield* NodeRedisStore.make({ url: Servers.redis, prefix })
        })
      )
    ]
  }

type Test = (
  name: string,
  test: () => Effect.Effect<void, unknown, Store.Store>,
  options?: {
    /** For a test that moves the clock, which no other store follows, or takes very many steps. */
    readonly inMemory?: boolean
  }
) => void

/** Runs tests on each store, each test on one of its own. */
export const onStores = (name: string, tests: (it: Test) => void): void => {
  for (const [kind, [isHere, layer]] of Object.entries(stores)) {
    describe.skipIf(!isHere)(`${name} (${kind})`, () => {
      tests((name, test, { inMemory = false } = {}) => {
        if (inMemory && kind !== "memory") return
        // A server has a clock of its own.
        const run = kind === "memory" ? it.effect : it.live
        run(name, () => Effect.provide(test(), Layer.fresh(layer)))
      })
    })
  }
}

/** Waits for what takes real time: a server, a digest. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.andThen(Client.settle, until(condition)))
