import { afterAll, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
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
import { dropPostgres, dropRedis, hasPostgres, hasRedis, hasSqlite, postgres, redis, unique } from "./stores.ts"

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

  describe("in a file of its own", () => {
    obeys(SqliteStore.make({ filename: Path.join(folder, "own") }))
  })

  describe("among the tables of a program, in a file without a log", () => {
    const layer = SqlStore.layer({ table: "entries of \"us\"" }).pipe(
      Layer.provide(Layer.orDie(SqliteClient.layer({ filename: Path.join(folder, "shared") })))
    )
    obeys(Effect.flatMap(Layer.build(layer), (context) => Effect.provide(Store.Store, context)))
  })
})

describe.skipIf(!hasPostgres)("a store in Postgres", () => {
  const table = unique()
  afterAll(() => Effect.runPromise(dropPostgres(table)))
  obeys(PostgresStore.make({ url: postgres, table }))
})

describe.skipIf(!hasRedis)("a store in Redis", () => {
  const prefix = unique()
  afterAll(() => Effect.runPromise(dropRedis(prefix)))
  obeys(NodeRedisStore.make({ url: redis, prefix }))
})
