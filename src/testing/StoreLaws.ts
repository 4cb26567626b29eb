/**
 * What every store has to do, as laws that a test runner runs: for stores of your own, and for servers that the library's
 * stores have not been tried with.
 *
 * The laws run in real time, on several handles of one store. Each keeps to keys of its own and removes them at its end.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Store from "../stores/Store.ts"

/**
 * A store doesn't do what a law says.
 *
 * @example
 * ```ts
 * import { StoreLaws } from "effect-llm-stream/testing"
 *
 * const broken = new StoreLaws.LawBroken({ message: "an entry that has expired was read" })
 * broken._tag // "LawBroken"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class LawBroken extends Schema.TaggedError<LawBroken>()("LawBroken", { message: Schema.String }) {}

/**
 * A law, and the check of it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Law {
  /** What a store does, to follow its name in a test: "loses no increment". */
  readonly name: string
  /** Fails with `LawBroken` if the store doesn't. It takes up to some seconds of real time. */
  readonly check: Effect.Effect<void, LawBroken | Store.StoreError>
}

/**
 * The laws of a store. `open` gives one more handle to the same entries, a connection of its own where a store has
 * connections; it is closed at the end of its scope.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
 * import { StoreLaws } from "effect-llm-stream/testing"
 *
 * const open = SqliteStore.make({ filename: "laws.store" })
 * for (const { check, name } of StoreLaws.laws(open)) it.live(name, () => check)
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const laws = (
  open: Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>
): ReadonlyArray<Law> =>
  Object.entries(checks).map(([name, check]) => ({
    name,
    check: Effect.scoped(Effect.gen(function*() {
      const space = Store.key("law", String(yield* Random.nextInt), name)
      const first = yield* open
      yield* Effect.addFinalizer(() => Effect.ignore(clear(first, space)))
      yield* check({ first, others: [yield* open, yield* open], key: (...parts) => space + Store.key(...parts) })
    }))
  }))

interface Subject {
  readonly first: Store.Service
  readonly others: ReadonlyArray<Store.Service>
  /** Keys that no other law has. */
  readonly key: (...parts: ReadonlyArray<string>) => string
}

type Check = (subject: Subject) => Effect.Effect<void, LawBroken | Store.StoreError>

const hold = (isTrue: boolean, message: () => string): Effect.Effect<void, LawBroken> =>
  isTrue ? Effect.void : Effect.fail(new LawBroken({ message: message() }))

const read = (store: Store.Service, keys: ReadonlyArray<string>) =>
  store.transact(keys, (values, now) => Result.succeed({ result: { values, now }, writes: [] }))

const put = (store: Store.Service, writes: ReadonlyArray<Store.Write>) =>
  store.transact([], () => Result.succeed({ result: undefined, writes }))

const scan = (store: Store.Service, prefix: string) => Stream.runCollect(store.scan(prefix))

const clear = (store: Store.Service, prefix: string) =>
  store.scan(prefix).pipe(
    Stream.grouped(500),
    Stream.runForEach((entries) => put(store, entries.map(({ key }) => ({ key, value: undefined }))))
  )

const number = (value: string | undefined): number => Number(value ?? "0")

// The generator's own texts hold few of the characters that stores stumble over.
const texts = [
  "",
  "a",
  "ab",
  "a b",
  "a/b",
  "A",
  "\u0000",
  "a\u0000b",
  "\n",
  "\\",
  "\"",
  "'; --",
  "%",
  "*",
  "{a}",
  "é",
  "e\u0301",
  "\u2028",
  "日本",
  "\ud800",
  "\udc00\ud83d",
  "\u{10000}",
  "\u{10ffff}",
  "\uffff",
  "👩‍👩‍👧‍👦",
  "x".repeat(512),
  "\u{1f600}".repeat(512)
]

const Place = Schema.Literals(texts.map((_, index) => index))

const Operation = Schema.Union([
  Schema.Struct({
    type: Schema.tag("transact"),
    reads: Schema.Array(Place).check(Schema.isMaxLength(4)),
    writes: Schema.Array(
      Schema.Struct({
        place: Place,
        value: Schema.Union([Schema.Literals(texts), Schema.Undefined]),
        expires: Schema.Literals(["never", "later", "now", "before"])
      })
    ).check(Schema.isMaxLength(4)),
    fails: Schema.Boolean
  }),
  // Of one key, or of all.
  Schema.Struct({ type: Schema.tag("scan"), prefix: Schema.Union([Place, Schema.Undefined]) })
])

const operations = Arbitrary.schema(Schema.Array(Operation).check(Schema.isMaxLength(20)))

const hour = 3_600_000

const lifetimes = { never: undefined, later: hour, now: 0, before: -hour }

const checks: Readonly<Record<string, Check>> = {
  "does what a map does, operation by operation": ({ first, key }) => {
    const property = Effect.fnUntraced(
      function*(drawn: typeof operations extends Arbitrary.Arbitrary<infer A> ? A : never) {
        const space = key(String(yield* Random.nextInt))
        const keyOf = (place: number) => space + Store.key(...texts.slice(place, place + 1))
        const model = new Map<string, string>()
        for (const operation of drawn) {
          if (operation.type === "scan") {
            const prefix = operation.prefix === undefined ? space : keyOf(operation.prefix)
            const expected = Array.from(model, ([key, value]) => ({ key, value }))
              .filter(({ key }) => key.startsWith(prefix))
              .sort((a, b) => a.key < b.key ? -1 : 1)
            const found = yield* scan(first, prefix)
            if (JSON.stringify(found) !== JSON.stringify(expected)) return false
            const [from = prefix] = expected.slice(1).map(({ key }) => key)
            const rest = expected.filter(({ key }) => key >= from).slice(0, 2)
            const page = first.page === undefined ? rest : yield* first.page(prefix, { from, limit: 2 })
            if (JSON.stringify(page) !== JSON.stringify(rest)) return false
            const keys = texts.map((_, place) => keyOf(place))
            const { values } = yield* first.peek === undefined ? read(first, keys) : first.peek(keys)
            if (JSON.stringify(values) !== JSON.stringify(keys.map((key) => model.get(key)))) return false
          } else {
            const keys = operation.reads.map(keyOf)
            const expected = keys.map((key) => model.get(key))
            const values = yield* Effect.result(first.transact(keys, (values, now) =>
              operation.fails
                ? Result.fail(new Store.StoreError({ reason: "Corrupt", message: JSON.stringify(values) }))
                : Result.succeed({
                  result: JSON.stringify(values),
                  writes: operation.writes.map(({ expires, place, value }) => ({
                    key: keyOf(place),
                    value: value === undefined ? undefined : JSON.stringify(value),
                    expiresAt: expires === "never" ? undefined : now + lifetimes[expires]
                  }))
                })))
            const found = Result.isSuccess(values) ? values.success : values.failure.message
            if (found !== JSON.stringify(expected) || Result.isFailure(values) !== operation.fails) return false
            for (const { expires, place, value } of operation.fails ? [] : operation.writes) {
              if (value === undefined || expires === "now" || expires === "before") model.delete(keyOf(place))
              else model.set(keyOf(place), JSON.stringify(value))
            }
          }
        }
        return true
      }
    )
    return Effect.flatMap(Arbitrary.checkEffect(operations, property, { runs: 60 }), (result) => {
      const failure = Arbitrary.formatCheckFailure(result)
      return hold(failure === undefined, () => failure ?? "")
    })
  },

  "loses no increment of many at once": Effect.fnUntraced(function*({ first, key, others }) {
    const counter = key("counter")
    const results = yield* Effect.forEach(
      Array.from({ length: 20 }, () => [first, ...others]).flat(),
      (store) =>
        store.transact(
          [counter],
          ([value]) =>
            Result.succeed({ result: number(value), writes: [{ key: counter, value: String(number(value) + 1) }] })
        ),
      { concurrency: "unbounded" }
    )
    yield* hold(
      new Set(results).size === results.length,
      () => `${results.length} increments began from ${new Set(results).size} numbers`
    )
    const { values: [value] } = yield* read(first, [counter])
    yield* hold(number(value) === results.length, () => `${results.length} increments made ${value}`)
  }),

  "shows several entries before a change of them or after it, and keeps changes of what was not read": Effect
    .fnUntraced(
      function*({ first, key, others }) {
        const [a, b, c] = [key("a"), key("b"), key("c")]
        // `b` is written without being read, while others write it back as they have read it.
        const raise = (store: Store.Service) =>
          store.transact([a], ([value]) => {
            const next = String(number(value) + 1)
            return Result.succeed({ result: undefined, writes: [{ key: a, value: next }, { key: b, value: next }] })
          })
        const touch = (store: Store.Service) =>
          store.transact(
            [b, a],
            ([before, beside]) =>
              Result.succeed({
                result: [beside, before],
                writes: [{ key: b, value: before }, { key: c, value: before }]
              })
          )
        const seen = yield* Effect.forEach(
          Array.from({ length: 10 }, () => [first, ...others]).flat(),
          (store) => Effect.andThen(raise(store), touch(store)),
          { concurrency: "unbounded" }
        )
        const { values } = yield* read(first, [a, b])
        const torn = [...seen, values].find(([a, b]) => a !== b)
        yield* hold(torn === undefined, () => `two entries that always change together were ${torn?.join(" and ")}`)
        yield* hold(values[0] === String(seen.length), () => `${seen.length} increments made ${values[0]}`)
      }
    ),

  "moves amounts between entries, and their sum stays": Effect.fnUntraced(function*({ first, key, others }) {
    const accounts = ["w", "x", "y", "z"].map((name) => key(name))
    yield* put(first, accounts.map((key) => ({ key, value: "100" })))
    const move = Effect.fnUntraced(function*(store: Store.Service) {
      const [from = "", to = ""] = yield* Random.shuffle(accounts)
      return yield* store.transact([from, to], ([before, beside]) =>
        Result.succeed({
          result: undefined,
          writes: [{ key: from, value: String(number(before) - 7) }, { key: to, value: String(number(beside) + 7) }]
        }))
    })
    const sums = yield* Effect.forEach(
      Array.from({ length: 15 }, () => [first, ...others]).flat(),
      (store) => Effect.andThen(move(store), Effect.map(read(store, accounts), ({ values }) => sum(values))),
      { concurrency: "unbounded" }
    )
    yield* hold(sums.every((sum) => sum === 400), () => `the sum of 400 was ${sums.find((sum) => sum !== 400)}`)
  }),

  "keeps a text of a million characters": Effect.fnUntraced(function*({ first, key, others: [other = first] }) {
    const value = JSON.stringify(texts.join("").repeat(2_000).slice(0, 1_000_000))
    yield* put(first, [{ key: key("large"), value }])
    const { values } = yield* read(other, [key("large")])
    yield* hold(values[0] === value, () => `of ${value.length} characters, ${values[0]?.length} came back`)
  }),

  "forgets an entry at the time that it was given, by the store's own clock": Effect.fnUntraced(
    function*({ first, key, others: [other = first] }) {
      const [brief, kept] = [key("brief"), key("kept")]
      const expiresAt = yield* first.transact([], (_, now) =>
        Result.succeed({
          result: now + 300,
          writes: [brief, kept].map((key) => ({ key, value: "1", expiresAt: now + 300 }))
        }))
      // Written again without a time, it stays.
      yield* put(first, [{ key: kept, value: "2" }])
      const look: Effect.Effect<void, LawBroken | Store.StoreError> = Effect.gen(function*() {
        const { now, values } = yield* read(other, [brief, kept])
        // Some read their clock and then the entries: in the millisecond of its time, an entry may be there or not.
        yield* hold(
          Math.floor(now) === Math.floor(expiresAt) || (values[0] !== undefined) === (now < expiresAt),
          () => `an entry ${values[0] === undefined ? "was gone" : "was there"} ${now - expiresAt} ms after its time`
        )
        yield* hold(values[1] === "2", () => `an entry without a time was ${values[1]}`)
        if (now < expiresAt + 1) return yield* Effect.andThen(Effect.sleep("20 millis"), look)
      })
      yield* look
      const found = yield* scan(other, key())
      yield* hold(
        found.length === 1 && found[0]?.key === kept,
        () => `a scan found ${found.map(({ key }) => key).join(", ")}`
      )
    }
  ),

  "scans thousands of entries in the order of their keys, and none beside": Effect.fnUntraced(
    function*({ first, key, others: [other = first] }) {
      const entries = Array.from({ length: 2_500 }, (_, index) => ({
        key: key("page", texts[index % texts.length] ?? "", String(index)),
        value: String(index)
      }))
      const beside = ["pag", "page ", "page0", "pagf"].map((name) => ({ key: key(name), value: "beside" }))
      // A thousand entries are one transaction.
      for (let from = 0; from < entries.length; from += 1_000) yield* put(first, entries.slice(from, from + 1_000))
      yield* put(first, beside)
      yield* put(first, [
        { key: key("page", "a", "gone"), value: undefined },
        { key: key("page", "a", "over"), value: "1", expiresAt: 1 }
      ])
      const expected = entries.sort((a, b) => a.key < b.key ? -1 : 1)
      const found = yield* scan(other, key("page"))
      const at = expected.findIndex(({ key, value }, index) =>
        found[index]?.key !== key || found[index]?.value !== value
      )
      yield* hold(
        at === -1 && found.length === expected.length,
        () => `of ${expected.length} entries, ${found.length} were found; at ${at} was ${found[at]?.key}`
      )
      const middle = expected.slice(1_000, 1_100)
      const [{ key: from } = { key: "" }] = middle
      const page = other.page === undefined ? middle : yield* other.page(key("page"), { from, limit: middle.length })
      yield* hold(
        JSON.stringify(page) === JSON.stringify(middle),
        () => `a page of ${middle.length} entries had ${page.length}, from ${page[0]?.key}`
      )
      const all = yield* scan(other, key())
      yield* hold(all.length === expected.length + beside.length, () => `all entries were ${all.length}`)
    }
  ),

  "hints at what one handle has written, if it hints at all, to all that listen": Effect.fnUntraced(
    function*({ first, key, others }) {
      const hint = key("hint")
      const told = yield* Effect.forEach([first, ...others], ({ hints }) =>
        Effect.gen(function*() {
          const heard = yield* Queue.unbounded<string | undefined>()
          if (hints === undefined) return heard
          yield* Effect.forkScoped(Stream.runForEach(hints.heard, (hint) => Queue.offer(heard, hint)))
          const begin = yield* Queue.take(heard)
          yield* hold(begin === undefined, () => `the first hint was ${begin}`)
          return heard
        }))
      if (first.hints === undefined) return
      yield* put(first, [{ key: key("hinted"), value: "1" }])
      yield* first.hints.tell(hint)
      yield* Effect.forEach(told, (heard) =>
        Queue.take(heard).pipe(
          Effect.repeat({ until: (heard) => heard === hint || heard === undefined }),
          Effect.timeoutOrElse({
            duration: "10 seconds",
            orElse: () => new LawBroken({ message: "a handle heard no hint for 10 seconds" })
          })
        ))
    },
    Effect.scoped
  ),

  "writes all of a transaction that is interrupted, or nothing": Effect.fnUntraced(
    function*({ first, key, others: [other = first] }) {
      const keys = ["a", "b", "c"].map((name) => key(name))
      for (let round = 1; round <= 30; round++) {
        const fiber = yield* Effect.forkChild(
          first.transact(
            keys,
            () => Result.succeed({ result: undefined, writes: keys.map((key) => ({ key, value: String(round) })) })
          )
        )
        yield* Effect.sleep(round % 5)
        yield* Fiber.interrupt(fiber)
        const { values } = yield* read(other, keys)
        yield* hold(new Set(values).size === 1, () => `an interrupted transaction left ${values.join(", ")}`)
      }
    }
  )
}

const sum = (values: ReadonlyArray<string | undefined>): number =>
  values.reduce((total, value) => total + number(value), 0)
