/**
 * A store in Redis, over the `Redis` of `effect/persistence`.
 *
 * A transaction reads with one script and writes with a second, which writes nothing if what was read has changed meanwhile:
 * the transaction then begins again. What the process itself wrote last need not be read. The time is the server's.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Guesses from "./guesses.ts"
import { endOf } from "./prefix.ts"
import * as Store from "./Store.ts"

/**
 * Where in Redis the entries are.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** All keys begin with `{prefix}:`; a cluster keeps them in one slot. Default: `"llm_stream"`. */
  readonly prefix?: string | undefined
}

/**
 * Makes a store. Fails with `Foreign` where another program uses the prefix, with `NewerLayout` where a newer version of this
 * library has been, and with `Unavailable` if the server doesn't answer for ten seconds.
 *
 * @example
 * ```ts
 * import { NodeRedis } from "@effect/platform-node"
 * import { Effect } from "effect"
 * import * as RedisStore from "effect-llm-stream/stores/RedisStore"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* RedisStore.make({ prefix: "team-a" })
 *   return store.scan("")
 * }).pipe(Effect.scoped, Effect.provide(NodeRedis.layer({ url: "redis://127.0.0.1:6379" })))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  options?: Options
): Effect.fn.Return<Store.Service, Store.StoreError, Redis.Redis | Scope.Scope> {
  const redis = yield* Redis.Redis
  const name = (rest: string) => `{${options?.prefix ?? "llm_stream"}}:${rest}`
  const [index, expiry, layout, hints] = [name("keys"), name("expiry"), name("layout"), name("hints")]
  const entry = (key: string) => name(`entry:${key}`)

  const read = (keys: ReadonlyArray<string>) => Effect.map(inTime(redis.eval(readScript)(keys.map(entry))), peeked)

  /** Writes if what was read is still there, not longer ago than `maxAge` ms; else says what is. */
  const compareAndSet = (
    keys: ReadonlyArray<string>,
    { now, values }: Store.Peeked,
    writes: ReadonlyArray<Store.Write>,
    maxAge = Number.MAX_SAFE_INTEGER
  ) =>
    inTime(
      redis.eval(writeScript)(
        [index, expiry, ...keys.map(entry), ...writes.map(({ key }) => entry(key))],
        [
          String(keys.length),
          String(now),
          String(maxAge),
          ...values.map((value) => value === undefined ? "" : `=${value}`),
          ...writes.flatMap(({ expiresAt, key, value }) => [
            key,
            value === undefined ? "" : `=${value}`,
            // Redis keeps a key through the millisecond in which it expires.
            expiresAt === undefined || expiresAt === Infinity ? "" : String(Math.max(1, Math.ceil(expiresAt) - 1))
          ])
        ]
      )
    )

  /** Takes keys without an entry, as it has expired, out of the lists of keys. */
  const forget = (keys: ReadonlyArray<string>) =>
    keys.length === 0 ? Effect.void : inTime(redis.eval(forgetScript)([index, expiry, ...keys.map(entry)], keys))

  yield* layOut(redis, layout)
  const guesses = yield* Guesses.make
  const whileOpen = yield* Store.whileOpen

  const sweep = Effect.gen(function*() {
    const { now } = yield* read([])
    const expired = yield* inTime(redis.send<ReadonlyArray<string>>(
      "ZRANGEBYSCORE",
      expiry,
      "-inf",
      String(now),
      "LIMIT",
      "0",
      String(pageSize)
    ))
    yield* forget(expired)
    return expired.length
  })
  yield* sweep.pipe(
    Effect.repeat({ while: (swept) => swept === pageSize }),
    Effect.ignore,
    Effect.repeat(Schedule.spaced("1 minute")),
    Effect.forkScoped
  )

  // Fibers of one process wait for one another, so that only processes can come between.
  const semaphores = Array.from({ length: 64 }, () => Semaphore.makeUnsafe(1))
  const inTurn = <A, E, R>(keys: ReadonlyArray<string>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Array.from(new Set(keys.map((key) => Hash.string(key) & 63)))
      .sort((a, b) => a - b)
      .reduceRight((effect, group) => semaphores[group]?.withPermit(effect) ?? effect, effect)

  /** The entries of a part of the list of keys, and the last of its keys if there may be more. */
  const page = Effect.fnUntraced(function*(from: string, end: string | undefined, limit: number) {
    const keys = yield* inTime(redis.send<ReadonlyArray<string>>(
      "ZRANGEBYLEX",
      index,
      from,
      end === undefined ? "+" : `(${end}`,
      "LIMIT",
      "0",
      String(limit)
    ))
    const { values } = yield* read(keys)
    yield* forget(keys.filter((_, i) => values[i] === undefined))
    return {
      last: keys.length < limit ? undefined : keys.at(-1),
      entries: keys.flatMap((key, i) => {
        const value = values[i]
        return value === undefined ? [] : [{ key, value }]
      })
    }
  })

  return {
    transact: (keys, transition) =>
      Effect.suspend(() => {
        let bet = guesses.bet(keys, transition)
        let found: Store.Peeked | undefined
        return Effect.gen(function*() {
          const before = bet?.read ?? found ?? (yield* read(keys))
          const { result, writes } = bet ?? (yield* Effect.fromResult(transition(before.values, before.now)))
          if (writes.length === 0) {
            guesses.learn(keys, before, [])
            return result
          }
          const [now, others] = yield* compareAndSet(
            keys,
            before,
            writes,
            bet === undefined ? undefined : Guesses.maxAge
          )
          if (others === undefined) {
            guesses.learn(keys, { ...before, now: millis(now) }, writes)
            return result
          }
          if (bet !== undefined) guesses.lose()
          bet = undefined
          found = peeked([now, others])
          return yield* new Changed()
        }).pipe(Effect.retry({ while: (error) => error._tag === "Changed", schedule: pauses }))
      }).pipe((effect) => inTurn(keys, effect), Effect.mapError(toStoreError)),
    peek: read,
    page: (prefix, { from, limit }) => Effect.map(page(`[${from}`, endOf(prefix), limit), ({ entries }) => entries),
    hints: {
      tell: (hint) => Effect.ignore(inTime(redis.send("PUBLISH", hints, hint))),
      heard: Stream.unwrap(Effect.map(
        redis.subscribe(hints),
        (messages) => Store.hintsOf(Stream.map(Stream.fromQueue(messages), ({ message }) => message))
      )).pipe(Stream.mapError(toStoreError), whileOpen)
    },
    scan: (prefix) => {
      const end = endOf(prefix)
      return Stream.paginate(`[${prefix}`, (from) =>
        Effect.map(
          page(from, end, pageSize),
          ({ entries, last }) => [entries, Option.map(Option.fromUndefinedOr(last), (key) => `(${key}`)] as const
        ))
    }
  }
})

/**
 * A layer with a store in Redis. See {@link make}.
 *
 * @example
 * ```ts
 * import { NodeRedis } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import * as RedisStore from "effect-llm-stream/stores/RedisStore"
 *
 * const layer = RedisStore.layer().pipe(Layer.provide(NodeRedis.layer({ url: "redis://127.0.0.1:6379" })))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options?: Options): Layer.Layer<Store.Store, Store.StoreError, Redis.Redis> =>
  Layer.effect(Store.Store, make(options))

/** What a transaction read was changed before it could write. */
class Changed extends Data.TaggedError("Changed") {}

const pageSize = 200

const pauses = Schedule.min([Schedule.exponential("1 millis"), Schedule.spaced("25 millis")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ duration: "30 seconds" })
)

type Time = readonly [seconds: string, microseconds: string]

const millis = ([seconds, microseconds]: Time): number =>
  Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)

const peeked = ([time, values]: readonly [Time, ReadonlyArray<string | null>]): Store.Peeked => ({
  now: millis(time),
  values: values.map((value) => value ?? undefined)
})

// `unpack` would not take the keys of a large transaction, so the scripts go through them one by one.
const readScript = Redis.script((keys: ReadonlyArray<string>) => keys, {
  numberOfKeys: (keys) => keys.length,
  lua: `
local now, values = redis.call('TIME'), {}
for i = 1, #KEYS do values[i] = redis.call('GET', KEYS[i]) end
return { now, values }`
}).withReturnType<readonly [now: Time, values: ReadonlyArray<string | null>]>()

// A value is given with '=' before it; '' is an entry that is not there. After the time and the values that were read there
// are three arguments for each change: the key, the value, and when it expires. The answer has what there is if not all of it
// was so.
const writeScript = Redis.script(
  (keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => [...keys, ...args],
  {
    numberOfKeys: (keys) => keys.length,
    lua: `
local index, expiry, reads = KEYS[1], KEYS[2], tonumber(ARGV[1])
local now, values = redis.call('TIME'), {}
local age = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[2]
local same = age >= 0 and age <= tonumber(ARGV[3])
for i = 1, reads do
  values[i] = redis.call('GET', KEYS[2 + i])
  same = same and ARGV[3 + i] == (values[i] and '=' .. values[i] or '')
end
if not same then return { now, values } end
local argument = 3 + reads
for i = 3 + reads, #KEYS do
  local key, value, expires = ARGV[argument + 1], ARGV[argument + 2], ARGV[argument + 3]
  argument = argument + 3
  if value == '' then
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', index, key)
    redis.call('ZREM', expiry, key)
  else
    redis.call('SET', KEYS[i], string.sub(value, 2))
    redis.call('ZADD', index, 0, key)
    if expires == '' then
      redis.call('ZREM', expiry, key)
    else
      redis.call('PEXPIREAT', KEYS[i], expires)
      redis.call('ZADD', expiry, expires, key)
    end
  end
end
return { now }`
  }
).withReturnType<readonly [now: Time, values?: ReadonlyArray<string | null>]>()

const forgetScript = Redis.script(
  (keys: ReadonlyArray<string>, forgotten: ReadonlyArray<string>) => [...keys, ...forgotten],
  {
    numberOfKeys: (keys) => keys.length,
    lua: `
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[2 + i]) == 0 then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end`
  }
)

/** For each layout but the empty one, how to get there from the one before. */
const migrations: ReadonlyArray<Effect.Effect<void, Store.StoreError>> = [Effect.void]

const layOut = Effect.fnUntraced(function*(redis: Redis.Redis["Service"], layout: string) {
  const text = yield* inTime(redis.send<string | null>("GET", layout))
  const version = Number(text ?? 0)
  if (!Number.isInteger(version)) {
    return yield* new Store.StoreError({ reason: "Foreign", message: `redis: ${layout} is another program's` })
  }
  if (version > migrations.length) {
    return yield* new Store.StoreError({
      reason: "NewerLayout",
      message:
        `the store has layout ${version}, and this version of the library knows layouts up to ${migrations.length}`
    })
  }
  yield* Effect.all(migrations.slice(version), { discard: true })
  if (version < migrations.length) yield* inTime(redis.send("SET", layout, String(migrations.length)))
})

const inTime = <A>(effect: Effect.Effect<A, Redis.RedisError>): Effect.Effect<A, Store.StoreError> =>
  effect.pipe(
    Effect.mapError(toStoreError),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => new Store.StoreError({ reason: "Unavailable", message: "redis: no answer for 10 seconds" })
    })
  )

/** @internal */
export const toStoreError = (error: Store.StoreError | Redis.RedisError | Changed): Store.StoreError => {
  switch (error._tag) {
    case "StoreError":
      return error
    case "Changed":
      return new Store.StoreError({
        reason: "Unavailable",
        message: "redis: others changed the entries for 30 seconds on end"
      })
    case "RedisError": {
      const { cause } = error
      const message = Predicate.isError(cause) ? cause.message : String(cause)
      return new Store.StoreError({
        // A key of ours that holds another type than a text.
        reason: message.includes("WRONGTYPE") ? "Foreign" : "Unavailable",
        message: `redis: ${message}`
      })
    }
  }
}
