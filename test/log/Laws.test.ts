import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope, Stream } from "effect"
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

/** A thousand take a database minutes when the machine has other things to do. */
const histories = Number(process.env["LLM_STREAM_HISTORIES"] ?? 1000)

const obeys = (open: Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>, atLeast = 0) => {
  for (const { check, name } of StreamLogLaws.laws(open, { histories: Math.max(histories, atLeast) })) {
    it.live(name, () => check)
  }
}

describe("a log in memory", () => {
  const store = Effect.runSync(Store.memory)
  obeys(Effect.succeed(store), 1_000)

  it.live("is left empty by the laws", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Stream.runCollect(store.scan("")), [])
    }))
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
