/**
 * A store in a database: SQLite or Postgres, over the `SqlClient` of `effect/sql`.
 *
 * It keeps its entries in one table, and the version of its layout in a second. The time is the database's.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as Checks from "../engine/checks.ts"
import * as Guesses from "./guesses.ts"
import { endOf } from "./prefix.ts"
import { toStoreError, whileLocked } from "./sqlErrors.ts"
import * as Store from "./Store.ts"

/**
 * Where in the database the entries are.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** The table; its layout's version is in the table of this name with `_layout`. Default: `"llm_stream"`. */
  readonly table?: string | undefined
  /**
   * Whether a database may have tables of others. If not, such a database is `Foreign` and stays as it is, and the version of
   * the layout is also the `user_version` of a SQLite file. Default: `true`.
   */
  readonly shared?: boolean | undefined
}

/**
 * Makes a store, and the tables that it needs. Fails with `Foreign` where another program's table has the name, and with
 * `NewerLayout` where a newer version of this library has been.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 * import * as SqlStore from "effect-llm-stream/stores/SqlStore"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* SqlStore.make()
 *   return store.scan("")
 * }).pipe(Effect.scoped, Effect.provide(SqliteClient.layer({ filename: "program.db" })))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options?: Options
): Effect.fn.Return<Store.Service, Store.StoreError, SqlClient.SqlClient | Scope.Scope> {
  const { dialect, names, sql } = yield* database(options)
  const transaction = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError.SqlError> =>
    sql.withTransaction(effect).pipe(
      Effect.provideService(SqlClient.BeginTransaction, dialect.begin),
      // `withTransaction` dies where it can't roll back, as the connection is lost.
      Effect.catchDefect((defect) => SqlError.isSqlError(defect) ? Effect.fail(defect) : Effect.die(defect)),
      whileLocked
    )

  yield* inTime(transaction(layOut({ dialect, names, sql })))

  const sweep = dialect.sweep.pipe(
    Effect.repeat({ while: (rows) => rows.length === pageSize }),
    Effect.ignore
  )
  yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced("1 minute")))

  const guesses = yield* Guesses.make

  const transact = <A>(
    keys: ReadonlyArray<string>,
    transition: Store.Transition<A>,
    locked: ReadonlyArray<string>
  ): Effect.Effect<A, Store.StoreError | SqlError.SqlError> => {
    const lockedKeys = new Set(locked)
    let isOpen = true
    return Effect.gen(function*() {
      isOpen = true
      yield* dialect.lock(locked)
      const read = peeked(keys, yield* dialect.read(JSON.stringify(keys)))
      const { result, writes } = yield* Effect.fromResult(transition(read.values, read.now))
      const changes = changesOf(writes)
      const others = Array.from(changes.keys()).filter((key) => !lockedKeys.has(key))
      if (!(yield* dialect.tryLock(others))) return yield* new OthersLocked({ keys: others })
      yield* write(dialect, Array.from(changes.values()))
      isOpen = false
      return { result, read, writes }
    }).pipe(
      transaction,
      // Before the commit nothing is written: who stood still for so long that the database has ended the session begins again.
      Effect.retry({ times: 1, while: (error) => isOpen && SqlError.isSqlError(error) }),
      Effect.map(({ read, result, writes }) => {
        guesses.learn(keys, read, writes)
        return result
      }),
      Effect.catchTag("OthersLocked", ({ keys: others }) => transact(keys, transition, [...locked, ...others]))
    )
  }

  /** In one statement, where all entries are as they were left here. Rows that are not there, or go, can't be locked. */
  const transactSwiftly = <A>(
    keys: ReadonlyArray<string>,
    transition: Store.Transition<A>
  ): Effect.Effect<A, Store.StoreError | SqlError.SqlError> => {
    const slowly = Effect.suspend(() => transact(keys, transition, keys))
    const bet = guesses.bet(keys, transition)
    if (bet === undefined) return slowly
    const { read, result, writes } = bet
    const known = new Map(keys.map((key, index) => [key, read.values[index]]))
    const changes = changesOf(writes)
    const found = foundOf(known)
    const put = putOf(changes.values())
    if (found.length < known.size || put.length < changes.size || put.length > pageSize) return slowly
    return Effect.flatMap(whileLocked(dialect.swap(found, put, read.now)), ([row]) => {
      if (row === undefined) {
        guesses.lose()
        return slowly
      }
      guesses.learn(keys, { ...read, now: row.now }, writes)
      return Effect.succeed(result)
    })
  }

  return {
    transact: (keys, transition) => inTime(Effect.suspend(() => transactSwiftly(keys, transition))),
    peek: (keys) =>
      dialect.read(JSON.stringify(keys)).pipe(whileLocked, Effect.map((rows) => peeked(keys, rows)), inTime),
    page: (prefix, { from, limit }) =>
      dialect.page({ from, inclusive: true, limit }, endOf(prefix)).pipe(
        whileLocked,
        Effect.map((rows) => rows.map(({ key, value }) => ({ key, value }))),
        inTime
      ),
    scan: (prefix) =>
      Stream.paginate(
        { from: prefix, inclusive: true },
        (page) =>
          Effect.map(inTime(dialect.page(page, endOf(prefix))), (rows) =>
            [
              rows.map(({ key, value }) => ({ key, value })),
              rows.length < pageSize
                ? Option.none()
                : Option.map(Option.fromUndefinedOr(rows.at(-1)), ({ key }) => ({ from: key, inclusive: false }))
            ] as const)
      )
  }
})

/**
 * A layer with a store in a database. See {@link make}.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 * import * as SqlStore from "effect-llm-stream/stores/SqlStore"
 *
 * const layer = SqlStore.layer({ table: "llm" }).pipe(Layer.provide(SqliteClient.layer({ filename: "program.db" })))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options?: Options): Layer.Layer<Store.Store, Store.StoreError, SqlClient.SqlClient> =>
  Layer.effect(Store.Store, make(options))

/**
 * Fails as {@link make} would for a database that is `Foreign` or has a `NewerLayout`. It only reads.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 * import * as SqlStore from "effect-llm-stream/stores/SqlStore"
 *
 * const check = SqlStore.check({ shared: false }).pipe(
 *   Effect.provide(SqliteClient.layer({ filename: "program.db", readOnly: true }))
 * )
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const check = (options?: Options): Effect.Effect<void, Store.StoreError, SqlClient.SqlClient> =>
  database(options).pipe(Effect.flatMap(versionOf), Effect.asVoid, Effect.mapError(toStoreError))

/** Entries of keys that a transaction didn't read are locked by another one: the transaction begins again with their locks. */
class OthersLocked extends Data.TaggedError("OthersLocked")<{ readonly keys: ReadonlyArray<string> }> {}

const pageSize = 200

/**
 * Gives up after more time than a lock is waited for. A client begins and ends transactions uninterruptibly, so where a
 * server is silent they are left to the end of the connection.
 */
const inTime = <A>(
  effect: Effect.Effect<A, Store.StoreError | SqlError.SqlError>
): Effect.Effect<A, Store.StoreError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(restore(Effect.mapError(effect, toStoreError))),
      (fiber) =>
        restore(Fiber.join(fiber)).pipe(
          Effect.timeoutOrElse({
            duration: "40 seconds",
            orElse: () =>
              Effect.andThen(
                Effect.forkDetach(Fiber.interrupt(fiber)),
                new Store.StoreError({ reason: "Unavailable", message: "the database has not answered for 40 seconds" })
              )
          }),
          Effect.onInterrupt(() => Fiber.interrupt(fiber))
        )
    )
  )

const peeked = (
  keys: ReadonlyArray<string>,
  rows: ReadonlyArray<{ readonly now: number; readonly key: string | null; readonly value: string | null }>
): Store.Peeked => {
  const values = new Map(rows.map(({ key, value }) => [key, value]))
  return { values: keys.map((key) => values.get(key) ?? undefined), now: rows[0]?.now ?? 0 }
}

/** Of two changes of an entry, the last one counts. */
const changesOf = (writes: ReadonlyArray<Store.Write>): ReadonlyMap<string, Store.Write> =>
  new Map(writes.map((write) => [write.key, write]))

const putOf = (changes: Iterable<Store.Write>): ReadonlyArray<Put> =>
  Array.from(changes).flatMap(({ expiresAt, key, value }) =>
    value === undefined ? [] : [{ key, value, expiresAt: expiresAt === undefined ? null : Math.ceil(expiresAt) }]
  )

const foundOf = (values: ReadonlyMap<string, string | undefined>): ReadonlyArray<Store.Entry> =>
  Array.from(values).flatMap(([key, value]) => value === undefined ? [] : [{ key, value }])

const write = (dialect: Dialect, changes: ReadonlyArray<Store.Write>): Effect.Effect<void, SqlError.SqlError> => {
  const removed = changes.filter(({ value }) => value === undefined).map(({ key }) => key)
  const put = putOf(changes)
  return Effect.andThen(
    removed.length === 0 ? Effect.void : dialect.remove(JSON.stringify(removed)),
    put.length === 0 ? Effect.void : dialect.put(JSON.stringify(put))
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// Layout
// ---------------------------------------------------------------------------------------------------------------------

interface Names {
  readonly entries: string
  readonly layout: string
}

interface Database {
  readonly sql: SqlClient.SqlClient
  readonly names: Names
  readonly dialect: Dialect
}

const database = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Database, Store.StoreError, SqlClient.SqlClient> {
  const { shared = true, table = "llm_stream" } = yield* Effect.mapError(
    Effect.fromResult(Checks.copied(options)),
    (message) => new Store.StoreError({ reason: "Unavailable", message })
  )
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const names: Names = { entries: table, layout: `${table}_layout` }
  const dialect = sql.onDialectOrElse<Dialect | undefined, Dialect, Dialect>({
    sqlite: () => sqlite(sql, names, shared),
    pg: () => postgres(sql, names),
    orElse: () => undefined
  })
  return dialect !== undefined ? { sql, names, dialect } : yield* new Store.StoreError({
    reason: "Unavailable",
    message: `${sql.driver}: entries can be kept in SQLite and Postgres`
  })
})

/** The version of the layout; 0 if the database has none. */
const versionOf = Effect.fnUntraced(function*({ dialect, names, sql }: Database) {
  const isOurs = yield* dialect.exists(names.layout)
  if (!isOurs && ((yield* dialect.exists(names.entries)) || (yield* dialect.isForeign))) {
    return yield* new Store.StoreError({ reason: "Foreign", message: "the database is another program's" })
  }
  const rows = isOurs ? yield* sql<{ readonly version: number }>`SELECT version FROM ${sql(names.layout)}` : []
  const version = Math.max(rows[0]?.version ?? 0, yield* dialect.fileVersion)
  const newest = dialect.migrations.length
  return version <= newest ? version : yield* new Store.StoreError({
    reason: "NewerLayout",
    message: `the store has layout ${version}, and this version of the library knows layouts up to ${newest}`
  })
})

/** Brings the tables to the newest layout. Runs in a transaction, and writes nothing if the database is refused. */
const layOut = Effect.fnUntraced(function*(database: Database) {
  const { dialect, names, sql } = database
  yield* dialect.lock([names.layout])
  const version = yield* versionOf(database)
  for (const migration of dialect.migrations.slice(version)) yield* Effect.all(migration, { discard: true })
  if (version < dialect.migrations.length) {
    yield* sql`DELETE FROM ${sql(names.layout)}`
    yield* sql`INSERT INTO ${sql(names.layout)} ${sql.insert({ version: dialect.migrations.length })}`
  }
  yield* dialect.stamp
})

interface Put extends Store.Entry {
  readonly expiresAt: number | null
}

type Query<A> = Effect.Effect<ReadonlyArray<A>, SqlError.SqlError>

/** What differs between the databases. Lists of keys and entries are JSON. */
interface Dialect {
  readonly begin: string
  /** For each layout but the empty one, how to get there from the one before. */
  readonly migrations: ReadonlyArray<ReadonlyArray<Query<unknown>>>
  readonly exists: (table: string) => Effect.Effect<boolean, SqlError.SqlError>
  /** Whether a database without our tables is not for us. */
  readonly isForeign: Effect.Effect<boolean, SqlError.SqlError>
  /** The version that the database's file itself states; 0 if none. */
  readonly fileVersion: Effect.Effect<number, SqlError.SqlError>
  /** States the version in the file itself. */
  readonly stamp: Effect.Effect<void, SqlError.SqlError>
  /** Waits for the locks of keys, to the end of the transaction. */
  readonly lock: (keys: ReadonlyArray<string>) => Effect.Effect<void, SqlError.SqlError>
  /** Takes the locks of keys if that needs no wait. */
  readonly tryLock: (keys: ReadonlyArray<string>) => Effect.Effect<boolean, SqlError.SqlError>
  /** At least one row, for the time. */
  readonly read: (
    keys: string
  ) => Query<{ readonly now: number; readonly key: string | null; readonly value: string | null }>
  readonly put: (entries: string) => Query<unknown>
  /**
   * Puts entries if what was read is still there, not long after `now`. At least one row if so, and none if not. What was read
   * may be nothing.
   */
  readonly swap: (
    read: ReadonlyArray<Store.Entry>,
    put: ReadonlyArray<Put>,
    now: number
  ) => Query<{ readonly now: number }>
  readonly remove: (keys: string) => Query<unknown>
  readonly page: (
    page: { readonly from: string; readonly inclusive: boolean; readonly limit?: number },
    end: string | undefined
  ) => Query<Store.Entry>
  /** Removes some of what has expired: a row for each. */
  readonly sweep: Query<unknown>
}

// ---------------------------------------------------------------------------------------------------------------------
// SQLite
// ---------------------------------------------------------------------------------------------------------------------

/** Says in a file's head whose it is: "LLMs". */
const applicationId = 0x4c4c4d73

const sqlite = (sql: SqlClient.SqlClient, names: Names, shared: boolean): Dialect => {
  const table = sql(names.entries)
  const list = sql.join(", ", false)
  const either = sql.join(" OR ", false, "0")
  const now = sql.literal("CAST(round(unixepoch('subsec') * 1000) AS INTEGER)")
  const pragma = (name: string) =>
    Effect.map(
      sql<Readonly<Record<string, number>>>`PRAGMA ${sql.literal(name)}`,
      (rows) => rows[0]?.[name] ?? 0
    )
  const migrations: Dialect["migrations"] = [
    [
      sql`CREATE TABLE ${table} (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, expires_at INTEGER)`,
      sql`CREATE INDEX ${sql(`${names.entries}_expiry`)} ON ${table} (expires_at) WHERE expires_at IS NOT NULL`,
      sql`CREATE TABLE ${sql(names.layout)} (version INTEGER NOT NULL)`
    ]
  ]
  return {
    // It locks the whole file, so that nobody comes between what is read and what is written.
    begin: "BEGIN IMMEDIATE",
    lock: () => Effect.void,
    tryLock: () => Effect.succeed(true),
    migrations,
    exists: (name) => Effect.map(sql`SELECT 1 FROM sqlite_master WHERE name = ${name}`, (rows) => rows.length > 0),
    isForeign: shared ? Effect.succeed(false) : Effect.gen(function*() {
      const tables = yield* sql`SELECT 1 FROM sqlite_master LIMIT 1`
      return tables.length > 0 || (yield* pragma("user_version")) !== 0 || (yield* pragma("application_id")) !== 0
    }),
    fileVersion: shared ? Effect.succeed(0) : pragma("user_version"),
    stamp: shared ? Effect.void : Effect.gen(function*() {
      if ((yield* pragma("user_version")) === migrations.length) return
      yield* sql`PRAGMA user_version = ${sql.literal(String(migrations.length))}`
      yield* sql`PRAGMA application_id = ${sql.literal(String(applicationId))}`
    }),
    read: (keys) =>
      sql`SELECT clock.now, entry.key, entry.value FROM (SELECT ${now} AS now) AS clock LEFT JOIN ${table} AS entry
        ON entry.key IN (SELECT value FROM json_each(${keys}))
        AND (entry.expires_at IS NULL OR entry.expires_at > clock.now)`,
    put: (entries) =>
      sql`INSERT INTO ${table} (key, value, expires_at)
        SELECT value ->> 'key', value ->> 'value', value ->> 'expiresAt' FROM json_each(${entries}) WHERE true
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
    swap: (read, put, at) =>
      sql`INSERT INTO ${table} (key, value, expires_at)
        SELECT column1, column2, column3 FROM (VALUES ${
        list(put.map(({ expiresAt, key, value }) => sql`(${key}, ${value}, ${expiresAt})`))
      })
        WHERE ${now} BETWEEN ${at} AND ${at + Guesses.maxAge} AND ${read.length} = (
          SELECT count(*) FROM ${table} AS entry
          WHERE (${either(read.map(({ key, value }) => sql`entry.key = ${key} AND entry.value = ${value}`))})
          AND (entry.expires_at IS NULL OR entry.expires_at > ${now})
        )
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at RETURNING ${now} AS now`,
    remove: (keys) => sql`DELETE FROM ${table} WHERE key IN (SELECT value FROM json_each(${keys}))`,
    page: ({ from, inclusive, limit = pageSize }, end) =>
      sql`SELECT key, value FROM ${table}
        WHERE key ${sql.literal(inclusive ? ">=" : ">")} ${from} ${
        end === undefined ? sql.literal("") : sql`AND key < ${end}`
      }
        AND (expires_at IS NULL OR expires_at > ${now}) ORDER BY key LIMIT ${sql.literal(String(limit))}`,
    sweep: sql`DELETE FROM ${table} WHERE key IN (
        SELECT key FROM ${table} WHERE expires_at <= ${now} LIMIT ${sql.literal(String(pageSize))}
      ) RETURNING 1 AS swept`
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Postgres
// ---------------------------------------------------------------------------------------------------------------------

const postgres = (sql: SqlClient.SqlClient, names: Names): Dialect => {
  const table = sql(names.entries)
  const text = (name: string) => sql.literal(`'${name.replaceAll("'", "''")}'`)
  const milliseconds = (clock: string) => sql.literal(`floor(extract(epoch FROM ${clock}()) * 1000)::float8`)
  const size = sql.literal(String(pageSize))
  // An index holds 2,700 bytes of a key at most, and a lock table some thousands of locks: so entries are found by hashes,
  // ordered by beginnings, and locked in groups, always in the same order.
  const locks = (keys: ReadonlyArray<string>) =>
    sql`(SELECT DISTINCT hashtext(wanted.key) & 127 AS lock
      FROM json_array_elements_text(${JSON.stringify(keys)}::json) AS wanted (key)
      ORDER BY lock) AS locks`
  const owner = sql`hashtext(${text(names.entries)})`
  // A process that is frozen in the midst of a transaction would keep its locks. The database ends that session instead.
  const noIdling = sql.literal("set_config('idle_in_transaction_session_timeout', '1000', true)")
  const ids = (keys: string) =>
    sql`ANY (ARRAY(
      SELECT sha256(convert_to(wanted.key, 'UTF8')) FROM json_array_elements_text(${keys}::json) AS wanted (key)
    ))`
  // Compiled once. The statement sees what was there when it began, before it had its locks; who locks a row sees the newest.
  const [swap] = sql`WITH taken AS MATERIALIZED (
      SELECT count(pg_advisory_xact_lock(${owner}, lock)) AS locks FROM ${locks([])}
    ), clock AS MATERIALIZED (
      SELECT ${milliseconds("clock_timestamp")} AS now FROM taken WHERE locks >= 0
    ), held AS MATERIALIZED (
      SELECT 1 FROM clock, json_to_recordset(${"read"}::json) AS known (key text, value text), ${table} AS entry
      WHERE entry.id = sha256(convert_to(known.key, 'UTF8')) AND entry.value = known.value
      AND (entry.expires_at IS NULL OR entry.expires_at > clock.now) FOR UPDATE OF entry
    )
    INSERT INTO ${table} (id, key, value, expires_at)
    SELECT sha256(convert_to(put.key, 'UTF8')), put.key, put.value, put."expiresAt"
    FROM clock, json_to_recordset(${"put"}::json) AS put (key text, value text, "expiresAt" bigint)
    WHERE clock.now BETWEEN ${"from"} AND ${"to"} AND ${"count"} = (SELECT count(*) FROM held)
    ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
    RETURNING (SELECT now FROM clock) AS now`.compile()
  return {
    // Each statement sees what was committed before it, so what is read after the locks is the newest.
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    lock: (keys) =>
      keys.length === 0
        ? Effect.void
        : Effect.asVoid(sql`SELECT ${noIdling}, pg_advisory_xact_lock(${owner}, lock) FROM ${locks(keys)}`),
    tryLock: (keys) =>
      keys.length === 0
        ? Effect.succeed(true)
        : Effect.map(
          sql<
            { readonly taken: boolean }
          >`SELECT ${noIdling}, pg_try_advisory_xact_lock(${owner}, lock) AS taken FROM ${locks(keys)}`,
          (rows) => rows.every(({ taken }) => taken)
        ),
    migrations: [
      [
        sql`CREATE TABLE ${table} (
          id bytea PRIMARY KEY, key text COLLATE "C" NOT NULL, value text NOT NULL, expires_at bigint
        )`,
        sql`CREATE INDEX ON ${table} ("left"(key, 512))`,
        sql`CREATE INDEX ON ${table} (expires_at) WHERE expires_at IS NOT NULL`,
        sql`CREATE TABLE ${sql(names.layout)} (version integer NOT NULL)`
      ]
    ],
    exists: (name) =>
      Effect.map(
        sql<{ readonly found: boolean }>`SELECT to_regclass(${name}::text) IS NOT NULL AS found`,
        (rows) => rows[0]?.found ?? false
      ),
    isForeign: Effect.succeed(false),
    fileVersion: Effect.succeed(0),
    stamp: Effect.void,
    read: (keys) =>
      sql`SELECT clock.now, entry.key, entry.value
        FROM (SELECT ${milliseconds("clock_timestamp")} AS now) AS clock LEFT JOIN ${table} AS entry
        ON entry.id = ${ids(keys)} AND (entry.expires_at IS NULL OR entry.expires_at > clock.now)`,
    put: (entries) =>
      sql`INSERT INTO ${table} (id, key, value, expires_at)
        SELECT sha256(convert_to(put.key, 'UTF8')), put.key, put.value, put."expiresAt"
        FROM json_to_recordset(${entries}::json) AS put (key text, value text, "expiresAt" bigint)
        ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
    swap: (read, put, at) =>
      sql.unsafe(swap, [
        JSON.stringify([...read, ...put].map(({ key }) => key)),
        JSON.stringify(read),
        JSON.stringify(put),
        at,
        at + Guesses.maxAge,
        read.length
      ]),
    remove: (keys) => sql`DELETE FROM ${table} WHERE id = ${ids(keys)}`,
    page: ({ from, inclusive, limit = pageSize }, end) =>
      sql`SELECT key, value FROM ${table}
        WHERE "left"(key, 512) >= "left"(${from}::text, 512) AND key ${
        sql.literal(inclusive ? ">=" : ">")
      } ${from}::text
        ${
        end === undefined
          ? sql.literal("")
          : sql`AND "left"(key, 512) <= "left"(${end}::text, 512) AND key < ${end}::text`
      }
        AND (expires_at IS NULL OR expires_at > ${milliseconds("clock_timestamp")})
        ORDER BY "left"(key, 512), key LIMIT ${sql.literal(String(limit))}`,
    // Rows that others change are left for the next time.
    sweep: sql`DELETE FROM ${table} WHERE id IN (
        SELECT id FROM ${table} WHERE expires_at <= ${
      milliseconds("statement_timestamp")
    } LIMIT ${size} FOR UPDATE SKIP LOCKED
      ) RETURNING 1 AS swept`
  }
}
