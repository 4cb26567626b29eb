import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { afterAll, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { Redis } from "effect/persistence"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as SqliteClient from "../../src/stores/SqliteClient.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import * as SqlStore from "../../src/stores/SqlStore.ts"
import * as Store from "../../src/stores/Store.ts"
import { StoreLaws } from "../../src/testing.ts"
import { hasPostgres, hasRedis, hasSqlite, postgres, redis, redisUrl, unique } from "./stores.ts"

const obeys = (open: Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>) => {
  for (const { check, name } of StoreLaws.laws(open)) it.live(name, () => check)
}

describe("a store in memory", () => {
  const store = Effect.runSync(Store.memory)
  obeys(Effect.succeed(store))
})

describe.skipIf(!hasSqlite)("a store in SQLite", () => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "llm-stream-laws-"))
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

  describe("in a file of its own", () => obeys(SqliteStore.make({ filename: Path.join(folder, "own") })))

  describe("among the tables of a program, in a file without a log", () =>
    obeys(Effect.flatMap(
      Layer.build(Layer.provide(
        SqlStore.layer({ table: "entries of \"us\"" }),
        SqliteClient.layer({ filename: Path.join(folder, "shared") })
      )),
      (context) => Effect.provide(Store.Store, context)
    )))
})

describe.skipIf(!hasPostgres)("a store in Postgres", () => {
  afterAll(() =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* sql`DROP TABLE IF EXISTS ${sql(unique)}, ${sql(`${unique}_layout`)}`
    }).pipe(Effect.provide(PgClient.layer({ url: postgres })), Effect.runPromise)
  )
  obeys(PostgresStore.make({ url: postgres, table: unique }))
})

describe.skipIf(!hasRedis)("a store in Redis", () => {
  afterAll(() =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", `{${unique}}:*`)
      yield* redis.send("DEL", ...keys)
    }).pipe(Effect.provide(NodeRedis.layer({ url: redisUrl })), Effect.runPromise)
  )
  obeys(NodeRedisStore.make({ url: redis, prefix: unique }))
})
