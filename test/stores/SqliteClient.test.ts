import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { SqlClient } from "effect/sql"
import * as Path from "node:path"
import * as SqlErrors from "../../src/stores/sqlErrors.ts"
import * as SqliteClient from "../../src/stores/SqliteClient.ts"
import { folder, hasSqlite } from "./stores.ts"

/** A client of a file with a table of two rows. */
const filled = Effect.gen(function*() {
  const filename = Path.join(yield* folder, "data")
  yield* Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)`
    yield* sql`INSERT INTO t ${sql.insert([{ id: 1, name: "one" }, { id: 2, name: "two" }])}`
  }).pipe(Effect.provide(SqliteClient.layer({ filename })))
  return filename
})

const using = <A, E>(filename: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>, readOnly = false) =>
  Effect.provide(effect, SqliteClient.layer({ filename, readOnly }))

const names = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql<{ readonly name: string }>`SELECT name FROM t ORDER BY id`
)
  .pipe(Effect.map((rows) => rows.map(({ name }) => name)))

describe.skipIf(!hasSqlite)("SqliteClient", () => {
  it.live("gives rows, values and streams, also of statements that are not kept", () =>
    Effect.gen(function*() {
      const filename = yield* filled
      yield* using(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const rows = [{ id: 1, name: "one" }, { id: 2, name: "two" }]
          const all = sql<{ readonly id: number; readonly name: string }>`SELECT * FROM t ORDER BY id`
          const plain = (rows: unknown): unknown => JSON.parse(JSON.stringify(rows))
          assert.deepStrictEqual(plain(yield* all), rows)
          assert.deepStrictEqual(plain(yield* all.withoutTransform), rows)
          assert.deepStrictEqual(plain(yield* all.raw), rows)
          assert.deepStrictEqual(plain(yield* all.unprepared), rows)
          assert.deepStrictEqual(yield* all.values, [[1, "one"], [2, "two"]])
          assert.deepStrictEqual(plain(yield* Stream.runCollect(all.stream)), rows)
          const count = yield* sql<{ readonly n: bigint }>`SELECT count(*) AS n FROM t`.pipe(
            Effect.provideService(SqlClient.SafeIntegers, true)
          )
          assert.deepStrictEqual(count.map(({ n }) => n), [2n])
        })
      )
    }))

  it.live("takes back what a transaction did that failed, and no more than that", () =>
    Effect.gen(function*() {
      const filename = yield* filled
      const after = yield* using(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const add = (id: number) => sql`INSERT INTO t ${sql.insert({ id, name: String(id) })}`
          const failing = <A, E>(self: Effect.Effect<A, E>) =>
            Effect.ignore(sql.withTransaction(Effect.andThen(self, Effect.fail("no"))))
          yield* failing(add(3))
          yield* sql.withTransaction(Effect.gen(function*() {
            yield* add(4)
            yield* failing(add(5))
            yield* sql.withTransaction(add(6))
          }))
          return yield* names
        })
      )
      assert.deepStrictEqual(after, ["one", "two", "4", "6"])
      assert.deepStrictEqual(yield* using(filename, names), after)
    }))

  it.live("says what went wrong, and writes nothing that may only be read", () =>
    Effect.gen(function*() {
      const filename = yield* filled
      const write = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM t`)
      const error = yield* Effect.flip(using(filename, write, true))
      assert.match(SqlErrors.toStoreError(error).message, /readonly/)
      assert.deepStrictEqual(yield* using(filename, names, true), ["one", "two"])
      const missing = yield* Effect.flip(using(Path.join(filename, "nothing"), names))
      assert.strictEqual(missing._tag, "SqlError")
      const throwing = {
        get filename(): never {
          throw new Error("no")
        }
      }
      const refused = yield* Effect.flip(Effect.scoped(Effect.provide(names, SqliteClient.layer(throwing))))
      assert.include(refused.message, "options")
    }))

  it.live("knows many statements", () =>
    Effect.gen(function*() {
      const filename = yield* filled
      const sums = yield* using(
        filename,
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const sums: Array<number> = []
          for (let round = 0; round < 2; round++) {
            for (let n = 0; n < 300; n++) {
              const rows = yield* sql.unsafe<{ readonly sum: number }>(`SELECT ${n} + ? AS sum`, [round])
              sums.push(rows[0]?.sum ?? -1)
            }
          }
          return sums
        })
      )
      assert.deepStrictEqual(sums, Array.from({ length: 600 }, (_, n) => n < 300 ? n : n - 299))
    }))
})
