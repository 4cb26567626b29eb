/**
 * The stores that tests run on. Servers are those of CONTRIBUTING; where one is absent, its tests are skipped.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"

/** Whether somebody listens at a port of this machine. */
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect({ host: "127.0.0.1", port, timeout: 2_000 })
    const end = (is: boolean) => () => {
      socket.destroy()
      resolve(is)
    }
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false))
  })

export const redisUrl = process.env["LLM_STREAM_TEST_REDIS"] ?? "redis://127.0.0.1:6379"
export const postgresUrl = process.env["LLM_STREAM_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test"

const port = (url: string): number => Number(new URL(url).port)

export const hasRedis = await listens(port(redisUrl))
export const hasPostgres = await listens(port(postgresUrl))
export const hasSqlite = process.getBuiltinModule("node:sqlite") !== undefined

/** A name that no other run has: of a table, or of the keys in Redis. */
export const unique = (): string => `test_${randomUUID().replaceAll("-", "")}`

export const redis = Redacted.make(redisUrl)
export const postgres = Redacted.make(postgresUrl)

/** A folder that is removed at the end of the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "llm-stream-store-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

/** Removes what a run has left on the servers. */
export const dropPostgres = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    yield* sql`DROP TABLE IF EXISTS ${sql(table)}, ${sql(`${table}_layout`)}`
  }).pipe(Effect.provide(PgClient.layer({ url: postgres })), Effect.orDie)

export const dropRedis = (prefix: string) =>
  Effect.gen(function*() {
    const redis = yield* Redis.Redis
    const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", `{${prefix}}:*`)
    if (keys.length > 0) yield* redis.send("DEL", ...keys)
  }).pipe(Effect.provide(NodeRedis.layer({ url: redisUrl })), Effect.orDie)

/** The address of a database of Postgres that is removed at the end of the scope. */
export const newPostgres = Effect.acquireRelease(
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    const name = unique()
    yield* sql`CREATE DATABASE ${sql(name)}`
    const url = new URL(postgresUrl)
    url.pathname = name
    return url.href
  }).pipe(Effect.provide(PgClient.layer({ url: postgres })), Effect.orDie),
  (url) =>
    Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      yield* sql`DROP DATABASE ${sql(new URL(url).pathname.slice(1))} WITH (FORCE)`
    }).pipe(Effect.provide(PgClient.layer({ url: postgres })), Effect.orDie)
)

/** The address of a database of Redis that was empty, and is again at the end of the scope. */
export const emptyRedis = Effect.acquireRelease(
  Effect.gen(function*() {
    for (let index = 15; index > 0; index--) {
      const url = new URL(redisUrl)
      url.pathname = `${index}`
      const size = yield* sized(url.href)
      if (size === 0) return url.href
    }
    return yield* Effect.die(new Error("Redis has no empty database"))
  }),
  (url) =>
    Effect.flatMap(Redis.Redis, (redis) => redis.send("FLUSHDB")).pipe(
      Effect.provide(NodeRedis.layer({ url })),
      Effect.orDie
    )
)

const sized = (url: string) =>
  Effect.flatMap(Redis.Redis, (redis) => redis.send<number>("DBSIZE")).pipe(
    Effect.provide(NodeRedis.layer({ url })),
    Effect.orDie
  )
