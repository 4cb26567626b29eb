import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { afterAll } from "vitest"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import * as Store from "../../src/stores/Store.ts"
import { StreamLogLaws } from "../../src/testing.ts"
import { dropPostgres, dropRedis, hasPostgres, hasRedis, hasSqlite, postgres, redis, unique } from "../stores/stores.ts"

const obeys = (open: Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>) => {
  for (const { check, name } of StreamLogLaws.laws(open, { histories: 1000 })) {
    // A thousand histories take a server minutes when the machine has other things to do.
    it.live(name, () => check, 300_000)
  }
}

describe("a log in memory", () => {
  obeys(Effect.succeed(Effect.runSync(Store.memory)))
})

describe.skipIf(!hasSqlite)("a log in SQLite", () => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "llm-stream-log-"))
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))
  obeys(SqliteStore.make({ filename: Path.join(folder, "log") }))
})

describe.skipIf(!hasPostgres)("a log in Postgres", () => {
  const table = unique()
  afterAll(() => Effect.runPromise(dropPostgres(table)))
  obeys(PostgresStore.make({ url: postgres, table }))
})

describe.skipIf(!hasRedis)("a log in Redis", () => {
  const prefix = unique()
  afterAll(() => Effect.runPromise(dropRedis(prefix)))
  obeys(NodeRedisStore.make({ url: redis, prefix }))
})
