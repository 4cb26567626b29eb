import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result, Schedule } from "effect"
import { TestClock } from "effect/testing"
import * as NodeRedisStore from "../../src/stores/NodeRedisStore.ts"
import * as PostgresStore from "../../src/stores/PostgresStore.ts"
import * as Store from "../../src/stores/Store.ts"
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
