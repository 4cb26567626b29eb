import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Path from "node:path"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as Store from "../../src/stores/Store.ts"
import { root, run } from "../support/process.ts"
import { cluster, hasCluster } from "./cluster.ts"
import { proxy } from "./proxy.ts"
import { dropPostgres, dropRedis, hasPostgres, hasRedis, postgresUrl, redisUrl, unique } from "./stores.ts"

const key = Store.key("counter")

const count = (store: Store.Service) =>
  store.transact([key], ([value = "0"]) => {
    const next = Number(value) + 1
    return Result.succeed({ result: next, writes: [{ key, value: String(next) }] })
  })

const servers = [
  {
    kind: "Postgres",
    isAbsent: !hasPostgres,
    url: postgresUrl,
    open: (url: string, name: string) => PostgresStore.make({ url: Redacted.make(url), table: name }),
    drop: dropPostgres
  },
  {
    kind: "Redis",
    isAbsent: !hasRedis,
    url: redisUrl,
    open: (url: string, name: string) => NodeRedisStore.make({ url: Redacted.make(url), prefix: name }),
    drop: dropRedis
  }
]

for (const { drop, isAbsent, kind, open, url } of servers) {
  describe.skipIf(isAbsent)(`a store in ${kind}`, () => {
    it.live("fails while the server is away, and goes on when it is back", () =>
      Effect.gen(function*() {
        const name = yield* Effect.acquireRelease(Effect.sync(unique), drop)
        const server = yield* proxy(url)
        const store = yield* open(server.url, name)
        assert.strictEqual(yield* count(store), 1)

        yield* server.close
        assert.strictEqual((yield* Effect.flip(count(store))).reason, "Unavailable")
        yield* server.open
        // The client connects again by itself, after a pause. What failed was not written.
        assert.strictEqual(
          yield* Effect.retry(count(store), Schedule.upTo(Schedule.spaced("100 millis"), { times: 100 })),
          2
        )
      }))

    it.live("is asked once for a change of what nobody else changes", () =>
      Effect.gen(function*() {
        const name = yield* Effect.acquireRelease(Effect.sync(unique), drop)
        const server = yield* proxy(url)
        const store = yield* open(server.url, name)
        yield* Effect.repeat(count(store), { times: 9 })
        const before = server.sent()
        yield* Effect.repeat(count(store), { times: 99 })
        // A busy machine may be so slow that a transaction looks for itself.
        assert.isBelow(server.sent() - before, 150)
      }))

    it.effect("fails if the server is silent, and can be closed", () =>
      Effect.gen(function*() {
        const name = yield* Effect.acquireRelease(Effect.sync(unique), drop)
        const server = yield* proxy(url)
        yield* Effect.scoped(Effect.gen(function*() {
          const store = yield* TestClock.withLive(open(server.url, name))
          yield* server.silence
          const failure = yield* Effect.forkChild(Effect.flip(count(store)))
          yield* TestClock.withLive(Effect.sleep("100 millis"))
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* Fiber.join(failure)).reason, "Unavailable")
          yield* Effect.addFinalizer(() =>
            Effect.forkDetach(
              TestClock.withLive(Effect.sleep("100 millis")).pipe(
                Effect.andThen(TestClock.adjust("1 minute"))
              )
            )
          )
          assert.isAtLeast(server.connections(), 1)
        }))
        // The connection that is silent stays no longer than its store.
        yield* TestClock.withLive(Effect.repeat(Effect.sync(server.connections), {
          schedule: Schedule.spaced("20 millis"),
          until: (connections) => connections === 0
        }))
      }))

    it.effect("says what can't be reached, without the password", () =>
      Effect.gen(function*() {
        const { message, reason } = yield* Effect.flip(
          open(Object.assign(new URL(url), { host: "127.0.0.1:1", username: "someone", password: "hunter2" }).href, "x")
        )
        assert.strictEqual(reason, "Unavailable")
        assert.include(message, "127.0.0.1:1")
        assert.notInclude(message, "hunter2")
      }))
  })
}

it.live("stores whose client is not installed say what to install", () =>
  Effect.gen(function*() {
    const { output, status } = yield* Effect.promise(() =>
      run(process.execPath, [Path.join(root, "test/stores/absent.ts")])
    )
    assert.strictEqual(status, 0, output)
    const [postgres, redis] = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Store.StoreError)))(output)
    for (const [error, names] of [[postgres, "@effect/sql-pg"], [redis, "@effect/platform-node redis"]] as const) {
      assert.strictEqual(error?.reason, "Unavailable")
      assert.include(error?.message, `(npm install ${names})`)
      assert.notInclude(error?.message, "hunter2")
    }
  }))

it.live.skipIf(!hasCluster)(
  "a store in a Redis Cluster keeps all of its keys in one slot",
  () =>
    Effect.gen(function*() {
      const store = yield* NodeRedisStore.make({ url: Redacted.make(yield* cluster) })
      const keys = Array.from({ length: 20 }, (_, index) => Store.key("counter", String(index)))
      const writes = keys.map((key, index) => ({
        key,
        value: String(index),
        ...(index % 2 === 0 ? undefined : { expiresAt: Date.now() + 60_000 })
      }))
      yield* store.transact([], () => Result.succeed({ result: undefined, writes }))
      const values = yield* store.transact(keys, (values) => Result.succeed({ result: values, writes: [] }))
      assert.deepStrictEqual(values, keys.map((_, index) => String(index)))
      assert.lengthOf(yield* Stream.runCollect(store.scan(Store.key("counter"))), keys.length)
    })
)
