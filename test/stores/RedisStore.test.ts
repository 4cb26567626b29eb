import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { Redis } from "effect/persistence"
import * as SqlError from "effect/sql/SqlError"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as RedisStore from "../../src/stores/RedisStore.ts"
import * as SqlErrors from "../../src/stores/sqlErrors.ts"
import * as Store from "../../src/stores/Store.ts"
import { dropRedis, hasRedis, redis, redisUrl, unique } from "./stores.ts"

describe.skipIf(!hasRedis)("RedisStore", () => {
  const send = (...command: readonly [string, ...ReadonlyArray<string>]) =>
    Effect.flatMap(Redis.Redis, (redis) => redis.send<string | null>(...command)).pipe(
      Effect.provide(NodeRedis.layer({ url: redisUrl })),
      Effect.orDie
    )

  const open = (prefix: string) => Effect.scoped(NodeRedisStore.make({ url: redis, prefix }))

  it.live("writes its layout, and refuses another program's and a newer one, which it leaves as they are", () =>
    Effect.gen(function*() {
      const prefix = yield* Effect.acquireRelease(Effect.sync(unique), dropRedis)
      const layout = `{${prefix}}:layout`
      yield* open(prefix)
      assert.strictEqual(yield* send("GET", layout), "1")
      yield* open(prefix)
      for (
        const [value, reason, message] of [
          ["mine", "Foreign", `redis: ${layout} is another program's`],
          ["1.5", "Foreign", `redis: ${layout} is another program's`],
          ["2", "NewerLayout", "the store has layout 2, and this version of the library knows layouts up to 1"]
        ] as const
      ) {
        yield* send("SET", layout, value)
        const error = yield* Effect.flip(open(prefix))
        assert.strictEqual(error.reason, reason)
        assert.isTrue(error.message.endsWith(message), error.message)
        assert.strictEqual(yield* send("GET", layout), value)
      }
      yield* send("DEL", layout)
      yield* send("LPUSH", layout, "mine")
      assert.deepInclude(yield* Effect.flip(open(prefix)), { reason: "Foreign" })
    }))

  it.live("reads what it has kept, in pages, and forgets what has expired", () =>
    Effect.gen(function*() {
      const prefix = yield* Effect.acquireRelease(Effect.sync(unique), dropRedis)
      const store = yield* NodeRedisStore.make({ url: Redacted.make(redisUrl), prefix })
      const key = (n: number) => Store.key("a", String(n).padStart(3, "0"))
      const time = store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
      const now = yield* time
      yield* store.transact([], () =>
        Result.succeed({
          result: undefined,
          writes: Array.from({ length: 5 }, (_, n) => ({
            key: key(n),
            value: String(n),
            ...(n === 4 ? { expiresAt: now + 1 } : n === 3 ? { expiresAt: now + 60_000 } : undefined)
          }))
        }))
      yield* Effect.repeat(time, { until: (later) => later > now + 1 })
      const pages = store.page
      assert(pages !== undefined)
      const page = (from: string, limit: number) =>
        Effect.map(pages(Store.key("a"), { from, limit }), (entries) => entries.map(({ value }) => value))
      assert.deepStrictEqual(yield* page(Store.key("a"), 2), ["0", "1"])
      assert.strictEqual(Number(yield* send("ZCARD", `{${prefix}}:keys`)), 5)
      assert.deepStrictEqual(yield* page(key(1), 9), ["1", "2", "3"])
      assert.strictEqual(Number(yield* send("ZCARD", `{${prefix}}:keys`)), 4)
    }))
})

describe("an error of Redis", () => {
  it("is one of the store", () => {
    const of = (cause: unknown) => RedisStore.toStoreError(new Redis.RedisError({ cause }))
    const error = (reason: Store.Reason, message: string) => new Store.StoreError({ reason, message })
    assert.deepStrictEqual(of(new Error("gone")), error("Unavailable", "redis: gone"))
    assert.deepStrictEqual(of("gone"), error("Unavailable", "redis: gone"))
    assert.deepStrictEqual(
      of(new Error("WRONGTYPE Operation against a key")),
      error("Foreign", "redis: WRONGTYPE Operation against a key")
    )
    const own = error("Corrupt", "not what was written")
    assert.strictEqual(RedisStore.toStoreError(own), own)
  })
})

describe("an error of a database", () => {
  const failing = (cause: unknown, message = "Failed to execute statement") =>
    SqlErrors.toStoreError(new SqlError.SqlError({ reason: new SqlError.ConnectionError({ cause, message }) }))

  it("is one of the store, with what the database says once", () => {
    const own = new Store.StoreError({ reason: "Corrupt", message: "not what was written" })
    assert.strictEqual(SqlErrors.toStoreError(own), own)
    const text = (message: string) => failing(new Error(message)).message
    const plain = failing(undefined)
    assert.strictEqual(plain.reason, "Unavailable")
    assert.strictEqual(text("disk full"), `${plain.message}: disk full`)
    assert.strictEqual(text("execute"), plain.message)
    assert.strictEqual(failing({ message: 5 }).message, plain.message)
  })

  it("of SQLite tells a damaged file and another program's by their codes, extended or not", () => {
    const reason = (errno: unknown) => failing({ errno }).reason
    assert.deepStrictEqual(
      [11, 11 + 256, 26, 26 + 512, 1, 14, "11", undefined].map(reason),
      ["Corrupt", "Corrupt", "Foreign", "Foreign", "Unavailable", "Unavailable", "Unavailable", "Unavailable"]
    )
  })
})
