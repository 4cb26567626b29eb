/**
 * A client of `effect/sql` for SQLite files, over the `node:sqlite` that Node has: nothing is installed.
 *
 * It changes no setting of the file. Statements run on the program's thread, so waits for another process's lock are short:
 * what finds the file busy for longer fails with `LockTimeoutError`, which is retryable.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type * as SqlConnection from "effect/sql/SqlConnection"
import * as SqlError from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import * as Checks from "../engine/checks.ts"

/**
 * Which file is opened, and how.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** The file, which is made if it is missing. `":memory:"` is a database in memory. */
  readonly filename: string
  /** Whether the file is only read. Default: `false`. */
  readonly readOnly?: boolean | undefined
  /** How long a statement waits for another process, in ms; the program stands still meanwhile. Default: 5. */
  readonly busyTimeout?: number | undefined
}

/**
 * Opens a file, which is closed at the end of the scope. Fails with a `ConnectionError` if it can't be opened, or if this
 * runtime has no `node:sqlite`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Reactivity } from "effect/reactivity"
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 *
 * const tables = Effect.gen(function*() {
 *   const sql = yield* SqliteClient.make({ filename: "program.db" })
 *   return yield* sql`SELECT name FROM sqlite_master`
 * }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<SqlClient.SqlClient, SqlError.SqlError, Scope.Scope | Reactivity.Reactivity> {
  const database = yield* Effect.acquireRelease(open(options), (database) => Effect.sync(() => database.close()))
  const semaphore = yield* Semaphore.make(1)
  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection(database)),
      semaphore,
      // Node 22.13 to 22.15 don't say.
      isTransaction: "isTransaction" in database ? () => database.isTransaction : undefined
    }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "sqlite-node",
    prepareTransactionControls: true,
    spanAttributes: [["db.system.name", "sqlite"]],
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  })
})

/**
 * A layer with a client of a file. See {@link make}.
 *
 * @example
 * ```ts
 * import * as SqliteClient from "effect-llm-stream/stores/SqliteClient"
 *
 * const layer = SqliteClient.layer({ filename: "program.db" })
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))

const open = (options: Options) =>
  Effect.gen(function*() {
    const stated = Checks.copied(options)
    if (Result.isFailure(stated)) return yield* refused(stated.failure)
    const { busyTimeout = 5, filename, readOnly = false } = stated.success
    const sqlite = load()
    if (sqlite === undefined) return yield* refused("this runtime has no node:sqlite: Node has it from 22.13 on")
    return yield* attempt("connect", () => new sqlite.DatabaseSync(filename, { readOnly, timeout: busyTimeout }))
  })

const refused = (message: string): SqlError.SqlError =>
  new SqlError.SqlError({
    reason: new SqlError.ConnectionError({ cause: undefined, message, operation: "connect" })
  })

/** Some versions of Node call `node:sqlite` experimental on stderr, which is of no use to the user of a program. */
const load = (): typeof import("node:sqlite") | undefined => {
  if (typeof process === "undefined" || process.getBuiltinModule === undefined) return undefined
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: ReadonlyArray<unknown>) => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) {
      Reflect.apply(emitWarning, process, [warning, ...rest])
    }
  }
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    process.emitWarning = emitWarning
  }
}

const connection = (database: DatabaseSync): SqlConnection.Connection => {
  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    if (prepared.size >= maxPrepared) prepared.clear()
    prepared.set(sql, statement)
    return statement
  }
  const run =
    (prepare: (sql: string) => StatementSync, operation = "execute") => (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.withFiber<ReadonlyArray<Record<string, unknown>>, SqlError.SqlError>((fiber) =>
        attempt(operation, () => {
          const statement = prepare(sql)
          statement.setReadBigInts(fiber.getRef(SqlClient.SafeIntegers))
          // `node:sqlite` refuses values that SQLite does not have.
          return statement.all(...params as ReadonlyArray<SQLInputValue>)
        })
      )
  const execute = run(prepare)
  const executeUnprepared = run((sql) => database.prepare(sql))
  const values = Effect.map((rows: ReadonlyArray<Record<string, unknown>>) => rows.map((row) => Object.values(row)))
  return {
    execute: (sql, params, transform) => Effect.map(execute(sql, params), transform ?? ((rows) => rows)),
    executeUnprepared: (sql, params, transform) =>
      Effect.map(executeUnprepared(sql, params), transform ?? ((rows) => rows)),
    executeRaw: execute,
    executeStream: (sql, params, transform) =>
      Stream.fromIterableEffect(Effect.map(execute(sql, params), transform ?? ((rows) => rows))),
    executeValues: (sql, params) => values(execute(sql, params)),
    executeValuesUnprepared: (sql, params) => values(executeUnprepared(sql, params))
  }
}

const maxPrepared = 200

const attempt = <A>(operation: string, f: () => A): Effect.Effect<A, SqlError.SqlError> =>
  Effect.try({
    try: f,
    catch: (cause) => {
      const { errcode, message } = cause as { readonly errcode?: number; readonly message?: string }
      return new SqlError.SqlError({
        reason: SqlError.classifySqliteError({ errno: errcode, message, cause }, { message, operation })
      })
    }
  })
