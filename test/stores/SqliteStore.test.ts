import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Result, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as SqliteClient from "../../src/stores/SqliteClient.ts"
import * as SqliteStore from "../../src/stores/SqliteStore.ts"
import * as SqlStore from "../../src/stores/SqlStore.ts"
import * as Store from "../../src/stores/Store.ts"
import * as Stores from "../../src/stores/Stores.ts"
import { run } from "../support/process.ts"
import { folder, hasSqlite } from "./stores.ts"

const key = Store.key("entry")

const put = (store: Store.Service, value: string) =>
  store.transact([], () => Result.succeed({ result: undefined, writes: [{ key, value }] }))

const get = (store: Store.Service) => store.transact([key], ([value]) => Result.succeed({ result: value, writes: [] }))

/** All files of a folder, with what is in them. */
const contents = (path: string) =>
  Fs.readdirSync(path).map((name) => [name, Fs.readFileSync(Path.join(path, name)).toString("base64")])

/** Runs statements on a file, as another program would. */
const sql = (filename: string, ...statements: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    return (yield* Effect.forEach(statements, (statement) => sql.unsafe<Record<string, unknown>>(statement))).at(-1)
  }).pipe(Effect.provide(SqliteClient.layer({ filename })), Effect.orDie)

const refused: ReadonlyArray<{
  readonly what: string
  readonly reason: Store.Reason
  readonly make: (filename: string) => Effect.Effect<unknown, never, Scope.Scope>
}> = [
  {
    what: "another program's database",
    reason: "Foreign",
    make: (filename) => sql(filename, "CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('mine')")
  },
  {
    what: "another program's database that has a log",
    reason: "Foreign",
    make: (filename) => sql(filename, "PRAGMA journal_mode = WAL", "CREATE TABLE notes (text TEXT)")
  },
  {
    what: "a database without tables that another program has marked",
    reason: "Foreign",
    make: (filename) => sql(filename, "PRAGMA user_version = 3")
  },
  {
    what: "a database without tables that has another program's id",
    reason: "Foreign",
    make: (filename) => sql(filename, "PRAGMA application_id = 3")
  },
  {
    what: "a database with a table of the same name",
    reason: "Foreign",
    make: (filename) => sql(filename, "CREATE TABLE llm_stream (id INTEGER)")
  },
  {
    what: "a text file",
    reason: "Foreign",
    make: (filename) => Effect.sync(() => Fs.writeFileSync(filename, "hello\n"))
  },
  {
    what: "the store of a newer version",
    reason: "NewerLayout",
    make: (filename) =>
      Effect.andThen(
        Effect.orDie(Effect.scoped(SqliteStore.make({ filename }))),
        sql(filename, "PRAGMA user_version = 2")
      )
  },
  {
    what: "a folder",
    reason: "Unavailable",
    make: (filename) => Effect.sync(() => Fs.mkdirSync(filename))
  },
  {
    what: "a file in a folder that is missing",
    reason: "Unavailable",
    make: () => Effect.void
  }
]

describe.skipIf(!hasSqlite)("SqliteStore", () => {
  it.live.each(refused.filter(({ what }) => !what.includes("folder")))(
    "refuses $what, and leaves it as it is",
    (it) =>
      Effect.gen(function*() {
        const path = yield* folder
        const filename = Path.join(path, "a store? 100 %#")
        yield* it.make(filename)
        const before = contents(path)
        const error = yield* Effect.flip(SqliteStore.make({ filename }))
        assert.strictEqual(error.reason, it.reason)
        assert.include(error.message, filename)
        assert.deepStrictEqual(contents(path), before)
      })
  )

  it.live("refuses what can't be opened", () =>
    Effect.gen(function*() {
      const path = yield* folder
      for (const filename of [path, Path.join(path, "missing", "store"), "/dev/full"]) {
        assert.strictEqual((yield* Effect.flip(SqliteStore.make({ filename }))).reason, "Unavailable")
      }
      assert.deepStrictEqual(contents(path), [])
    }))

  it.live("leaves one file when it is closed, marked with its layout", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const filename = Path.join(path, "store")
      yield* Effect.scoped(Effect.flatMap(SqliteStore.make({ filename }), (store) => put(store, "1")))
      assert.deepStrictEqual(Fs.readdirSync(path), ["store"])
      assert.deepInclude((yield* sql(filename, "PRAGMA user_version"))?.[0], { user_version: 1 })
    }))

  it.live("opens a file that only a part of the layout's marks was left in", () =>
    Effect.gen(function*() {
      const filename = Path.join(yield* folder, "store")
      yield* Effect.scoped(Effect.flatMap(SqliteStore.make({ filename }), (store) => put(store, "1")))
      yield* sql(filename, "PRAGMA user_version = 0")
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(SqliteStore.make({ filename }), get)), "1")
      assert.deepInclude((yield* sql(filename, "PRAGMA user_version"))?.[0], { user_version: 1 })
    }))

  it.live("waits for another process's lock, and then goes on", () =>
    Effect.gen(function*() {
      const filename = Path.join(yield* folder, "store")
      const store = yield* SqliteStore.make({ filename })
      const held = yield* Deferred.make<void>()
      const released = yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        yield* sql.unsafe("BEGIN IMMEDIATE")
        yield* Deferred.succeed(held, undefined)
        yield* Effect.sleep(200)
        const at = performance.now()
        yield* sql.unsafe("COMMIT")
        return at
      }).pipe(Effect.provide(SqliteClient.layer({ filename })), Effect.forkChild)
      yield* Deferred.await(held)
      yield* put(store, "2")
      assert.isAbove(performance.now(), yield* Fiber.join(released))
      assert.strictEqual(yield* get(store), "2")
    }))

  it.live("has the time of the machine, whatever the program's clock says", () =>
    Effect.gen(function*() {
      const store = yield* SqliteStore.make({ filename: Path.join(yield* folder, "store") })
      const before = Date.now()
      const time = yield* store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
      assert.isTrue(time >= before && time <= Date.now())
    }))

  it.live("shares a database with a program's own tables, whose marks it leaves alone", () =>
    Effect.gen(function*() {
      const filename = Path.join(yield* folder, "program.db")
      yield* sql(filename, "CREATE TABLE notes (text TEXT)", "PRAGMA user_version = 7")
      const use = Effect.scoped(Effect.gen(function*() {
        const store = yield* SqlStore.make({ table: "entries" })
        yield* put(store, "1")
        return yield* get(store)
      })).pipe(Effect.provide(SqliteClient.layer({ filename })))
      assert.strictEqual(yield* use, "1")
      assert.strictEqual(yield* use, "1")
      assert.deepInclude((yield* sql(filename, "PRAGMA user_version"))?.[0], { user_version: 7 })
    }))

  it.live("prints nothing on stderr", () =>
    Effect.gen(function*() {
      const filename = Path.join(yield* folder, "store")
      const script = Path.join(import.meta.dirname, "worker.ts")
      const { output } = yield* Effect.promise(() => run(process.execPath, [script, "sqlite", filename, "0", "1"]))
      assert.strictEqual(output, "[]")
    }))
})

describe("Stores.layer", () => {
  it.live("opens what a URL names", () =>
    Effect.gen(function*() {
      const open = (url: string) =>
        Effect.flatMap(Store.Store, (store) => Effect.andThen(put(store, "1"), get(store))).pipe(
          Effect.provide(Stores.layer(Redacted.make(url)))
        )
      assert.strictEqual(yield* open("memory:"), "1")
      if (hasSqlite) assert.strictEqual(yield* open(`sqlite:${Path.join(yield* folder, "x")}`), "1")
    }))

  it.live("refuses anything else, and names what there is", () =>
    Effect.gen(function*() {
      for (const url of ["", "sqlite:", "memory:x", "mysql://u:hunter2@h/d", "file.db", "redis:127.0.0.1"]) {
        const error = yield* Store.Store.pipe(Effect.provide(Stores.layer(Redacted.make(url))), Effect.flip)
        assert.strictEqual(error.reason, "Unavailable")
        assert.strictEqual(error.message, "a store is one of sqlite:FILE, redis://…, postgres://… and memory:")
      }
    }))

  it.live("doesn't show a password of a URL that is none", () =>
    Effect.gen(function*() {
      for (const url of ["redis://:hunter2@[", "postgres://u:hunter2@h:port/d"]) {
        const error = yield* Store.Store.pipe(Effect.provide(Stores.layer(Redacted.make(url))), Effect.flip)
        assert.strictEqual(error.reason, "Unavailable")
        assert.notInclude(error.message, "hunter2")
      }
    }))
})
