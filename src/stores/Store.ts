/**
 * What processes share: entries that are read and changed in one step, by the store's own clock.
 *
 * Limits, breakers, budgets, ledgers, caches and batches are pure functions over entries. A store knows none of them: it is
 * one operation and a scan, so it is small, and a law suite can hold every store to the same behaviour.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * Why a store could not do what it was asked for.
 *
 * - `Unavailable`: it can't be reached, opened or written.
 * - `Foreign`: it holds what another program keeps there.
 * - `NewerLayout`: a newer version of the library laid it out.
 * - `Corrupt`: an entry is not what was written.
 *
 * @category errors
 * @since 0.2.0
 */
export type Reason = "Unavailable" | "Foreign" | "NewerLayout" | "Corrupt"

/**
 * A store could not do what it was asked for. The message names no password.
 *
 * @example
 * ```ts
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const error = new Store.StoreError({ reason: "Unavailable", message: "redis://127.0.0.1:6379: connection refused" })
 * error.message // "redis://127.0.0.1:6379: connection refused"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  reason: Schema.Literals(["Unavailable", "Foreign", "NewerLayout", "Corrupt"]),
  message: Schema.String
}) {}

/**
 * A change of one entry. Without a `value` the entry is removed.
 *
 * @category models
 * @since 0.2.0
 */
export interface Write {
  readonly key: string
  readonly value: string | undefined
  /** When the entry is gone, in ms since 1970 of the store's clock. Default: never. */
  readonly expiresAt?: number | undefined
}

/**
 * What is made of the entries that a transaction reads.
 *
 * @category models
 * @since 0.2.0
 */
export interface Step<out A> {
  readonly result: A
  /** All of them are written, or none. A key need not be one of those that were read. */
  readonly writes: ReadonlyArray<Write>
}

/**
 * Reads entries, and says what becomes of them. It is pure, as a store may run it more than once. `values` has a place for
 * each key, `undefined` where no entry is; `now` is the store's time in ms since 1970.
 *
 * @category models
 * @since 0.2.0
 */
export type Transition<out A> = (
  values: ReadonlyArray<string | undefined>,
  now: number
) => Result.Result<Step<A>, StoreError>

/**
 * Where entries are kept. Keys are made by {@link key}; values are JSON.
 *
 * @category services
 * @since 0.2.0
 */
export interface Service {
  /**
   * Reads the entries of `keys`, and writes what `transition` makes of them. Nobody sees a part of it, and nobody changes what
   * was read before it is written. A transition that fails writes nothing. Interruption leaves all of it or nothing.
   */
  readonly transact: <A>(keys: ReadonlyArray<string>, transition: Transition<A>) => Effect.Effect<A, StoreError>
  /**
   * The entries whose keys begin with `prefix`, in the order of their keys, read page by page. What changes while it is read
   * may be seen before or after the change.
   */
  readonly scan: (prefix: string) => Stream.Stream<Entry, StoreError>
  /**
   * Reads entries as {@link Service.transact} does, for who changes nothing: it waits for nobody who does. A store without it
   * is read by a transaction.
   */
  readonly peek?: ((keys: ReadonlyArray<string>) => Effect.Effect<Peeked, StoreError>) | undefined
  /**
   * The first entries of such a scan whose keys are not before `from`, at most `limit`. A store without it is scanned from
   * the start.
   */
  readonly page?:
    | ((
      prefix: string,
      options: { readonly from: string; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<Entry>, StoreError>)
    | undefined
  /** How processes tell each other to look at an entry. Without it, who waits for a change looks again and again. */
  readonly hints?: Hints | undefined
}

/**
 * Texts from one process to all that share a store. They only save waiting: any of them may be lost, and what counts is what
 * is in the store.
 *
 * @category models
 * @since 0.2.0
 */
export interface Hints {
  /** Says a text of at most 7,000 bytes, without control characters. It succeeds as well when nobody hears it. */
  readonly tell: (hint: string) => Effect.Effect<void>
  /**
   * What is told from now on, by this process too. `undefined` says that anything may have changed: it comes once as soon as
   * hints do, and where a store only knows that. Fails when the connection is lost.
   */
  readonly heard: Stream.Stream<string | undefined, StoreError>
}

/**
 * Entries as they are: a place for each key, and the store's time in ms since 1970.
 *
 * @category models
 * @since 0.2.0
 */
export interface Peeked {
  readonly values: ReadonlyArray<string | undefined>
  readonly now: number
}

/**
 * An entry as a scan finds it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Entry {
  readonly key: string
  readonly value: string
}

/**
 * The store of a program.
 *
 * @example
 * ```ts
 * import { Effect, Result } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const count = Effect.gen(function*() {
 *   const store = yield* Store.Store
 *   return yield* store.transact([Store.key("visits")], ([visits = "0"]) => {
 *     const next = Number(visits) + 1
 *     return Result.succeed({ result: next, writes: [{ key: Store.key("visits"), value: String(next) }] })
 *   })
 * })
 * await Effect.runPromise(Effect.provide(count, Store.layerMemory)) // 1
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class Store extends Context.Service<Store, Service>()("effect-llm-stream/stores/Store") {}

/**
 * The key of an entry. Its parts may be any text: different parts make different keys, and no key holds control characters or
 * surrogates, so that every database has the same order of keys. The parts of one key are a prefix of another's when they are
 * its first parts.
 *
 * @example
 * ```ts
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * Store.key("line", "batch.jsonl", "q1") // "\"line\"/\"batch.jsonl\"/\"q1\"/"
 * ```
 *
 * @category keys
 * @since 0.2.0
 */
export const key = (...parts: ReadonlyArray<string>): string =>
  parts.map((part) => `${JSON.stringify(String(part)).replace(controls, escaped)}/`).join("")

const controls = /[\u007f-\u009f\u2028\u2029\ud800-\udfff]/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/**
 * An entry with a type: its key, and the schema of its value.
 *
 * @category models
 * @since 0.2.0
 */
export interface Cell<S> {
  readonly key: string
  /** The value of a read entry; `undefined` where no entry is. A value that the schema refuses is `Corrupt`. */
  readonly read: (value: string | undefined) => Result.Result<S | undefined, StoreError>
  /** The change that gives the entry a value. `expiresAt` is in ms since 1970 of the store's clock; default: never. */
  readonly put: (value: S, expiresAt?: number) => Write
  /** The change that removes the entry. */
  readonly remove: Write
}

/**
 * Makes the cells of a schema, one for each key. `write` makes the JSON of a value where there is a faster way than the
 * schema's, such as `JSON.stringify` for what is plain JSON.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const counter = Store.cells(Schema.Natural)
 *
 * const count = (name: string) => {
 *   const cell = counter(Store.key("count", name))
 *   return Store.modify({ cell }, ({ cell: before = 0 }) => ({ result: before + 1, writes: [cell.put(before + 1)] }))
 * }
 * await Effect.runPromise(Effect.provide(count("visits"), Store.layerMemory)) // 1
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const cells = <S>(
  schema: Schema.Codec<S, unknown>,
  write?: (value: S) => string
): (key: string) => Cell<S> => {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema))
  const decode = Schema.decodeResult(codec)
  const encode = write ?? Schema.encodeSync(codec)
  // What one transaction writes, the next one mostly reads.
  const written = new Map<string, Result.Result<S, never>>()
  let size = 0
  const textOf = (value: S): string => {
    const text = encode(value)
    size += text.length
    if (size > mostWritten) {
      written.clear()
      size = text.length
    }
    if (size <= mostWritten) written.set(text, Result.succeed(value))
    return text
  }
  return (key) => {
    const cell: Cell<S> & Holding = {
      key,
      read: (value) =>
        value === undefined
          ? Result.succeed(undefined)
          : written.get(value) ?? Result.mapError(decode(value), () =>
            new StoreError({ reason: "Corrupt", message: `the entry ${key} of the store is not what was written` })),
      // What a schema refuses is refused at once.
      put: (value, expiresAt) =>
        write === undefined ? { key, value: textOf(value), expiresAt } : holding(key, value, expiresAt, textOf),
      remove: { key, value: undefined },
      [held]: (write) => {
        const own = ownOf(write)
        return own?.textOf === textOf ? own.value : undefined
      }
    }
    return cell
  }
}

/** In characters: what some hundred requests at a time write. */
const mostWritten = 256 * 1024

// A store in memory keeps the values of cells as they are. Their JSON is made when somebody reads it.

const held: unique symbol = Symbol("effect-llm-stream/stores/held")

interface Holding {
  /** The value of a write that one of these cells has made. */
  readonly [held]: (write: Write) => Result.Result<unknown, never> | undefined
}

interface Held extends Write {
  readonly [held]: {
    readonly value: Result.Result<unknown, never>
    /** What makes the JSON of its cells. */
    readonly textOf: unknown
    /** Whoever makes a write of another one takes its symbols along. */
    write: Write | undefined
  }
}

const holding = <S>(key: string, value: S, expiresAt: number | undefined, textOf: (value: S) => string): Write => {
  let text: string | undefined
  const write: Held = {
    key,
    get value() {
      return text ??= textOf(value)
    },
    expiresAt,
    [held]: { value: Result.succeed(value), textOf, write: undefined }
  }
  return write[held].write = write
}

const ownOf = (write: Write | Held): Held[typeof held] | undefined =>
  held in write && write[held].write === write ? write[held] : undefined

/**
 * Reads cells, and writes what a function makes of their values, in one step. The function is pure, as a store may run it
 * more than once; `now` is the store's time in ms since 1970.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const balance = Store.cells(Schema.Natural)
 * const from = balance(Store.key("account", "a"))
 * const to = balance(Store.key("account", "b"))
 *
 * const transfer = (amount: number) =>
 *   Store.modify({ from, to }, (before) =>
 *     before.from === undefined || before.from < amount
 *       ? { result: false, writes: [] }
 *       : { result: true, writes: [from.put(before.from - amount), to.put((before.to ?? 0) + amount)] })
 *
 * await Effect.runPromise(Effect.provide(transfer(5), Store.layerMemory)) // false
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const modify = <const Cells extends Readonly<Record<string, Pick<Cell<unknown>, "key" | "read">>>, A>(
  cells: Cells,
  f: (values: Values<Cells>, now: number) => Step<A>
): Effect.Effect<A, StoreError, Store> => Store.use((store) => modifyIn(store, cells, f))

/**
 * The values of cells; `undefined` where no entry is.
 *
 * @category models
 * @since 0.2.0
 */
export type Values<Cells extends Readonly<Record<string, Pick<Cell<unknown>, "key" | "read">>>> = {
  readonly [Name in keyof Cells]: Cells[Name] extends Pick<Cell<infer S>, "read"> ? S | undefined : never
}

/**
 * {@link modify} of a store that is at hand.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const cell = Store.cells(Schema.Natural)(Store.key("visits"))
 *
 * const visits = Effect.flatMap(Store.memory, (store) =>
 *   Store.modifyIn(store, { cell }, ({ cell: before = 0 }) => ({ result: before, writes: [cell.put(before + 1)] })))
 * await Effect.runPromise(visits) // 0
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const modifyIn = <const Cells extends Readonly<Record<string, Pick<Cell<unknown>, "key" | "read">>>, A>(
  store: Service,
  cells: Cells,
  f: (values: Values<Cells>, now: number) => Step<A>
): Effect.Effect<A, StoreError> => {
  const named = Object.entries(cells)
  const keys = named.map(([, { key }]) => key)
  const step = <Found>(
    read: (cell: Readable, found: Found | undefined) => Result.Result<unknown, StoreError>
  ) =>
  (found: ReadonlyArray<Found | undefined>, now: number): Result.Result<Step<A>, StoreError> => {
    const values: Record<string, unknown> = {}
    for (let index = 0; index < named.length; index++) {
      const [name, cell] = named[index] ?? []
      if (name === undefined || cell === undefined) continue
      const value = read(cell, found[index])
      if (Result.isFailure(value)) return Result.fail(value.failure)
      values[name] = value.success
    }
    return Result.succeed(f(values as Values<Cells>, now))
  }
  return isInMemory(store) && store[inMemory].transact === store.transact
    ? store[inMemory].change(keys, step(valueIn))
    : store.transact(keys, step((cell, text) => cell.read(text)))
}

type Readable = Pick<Cell<unknown>, "key" | "read">

const valueIn = (
  cell: Readable | (Readable & Holding),
  write: Write | undefined
): Result.Result<unknown, StoreError> =>
  (write !== undefined && held in cell ? cell[held](write) : undefined) ?? cell.read(write?.value)

const inMemory: unique symbol = Symbol("effect-llm-stream/stores/inMemory")

interface InMemory extends Service {
  readonly [inMemory]: {
    /** `transact` of entries as they were written. */
    readonly change: <A>(
      keys: ReadonlyArray<string>,
      transition: (entries: ReadonlyArray<Write | undefined>, now: number) => Result.Result<Step<A>, StoreError>
    ) => Effect.Effect<A, StoreError>
    /** Whoever makes a store of another one takes its symbols along. */
    readonly transact: unknown
  }
}

const isInMemory = (store: Service | InMemory): store is InMemory => inMemory in store

/**
 * Ends streams with the current scope, before what was opened in it earlier is closed: that may wait for them.
 *
 * @internal
 */
export const whileOpen: Effect.Effect<
  <A, E>(stream: Stream.Stream<A, E>) => Stream.Stream<A, E | StoreError>,
  never,
  Scope.Scope
> = Effect.map(
  Effect.acquireRelease(
    Deferred.make<never, StoreError>(),
    (closed) => Deferred.fail(closed, new StoreError({ reason: "Unavailable", message: "the store was closed" }))
  ),
  (closed) => Stream.interruptWhen(Deferred.await(closed))
)

// ---------------------------------------------------------------------------------------------------------------------
// In memory
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Hints that stay in the process.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const first = Effect.flatMap(Store.hintsInProcess, ({ heard }) => Stream.runHead(heard)) // Option.some(undefined)
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const hintsInProcess: Effect.Effect<Hints> = Effect.map(PubSub.unbounded<string>(), (told) => ({
  tell: (hint) => Effect.asVoid(PubSub.publish(told, hint)),
  heard: Stream.unwrap(Effect.map(PubSub.subscribe(told), (hints) => hintsOf(Stream.fromSubscription(hints))))
}))

/** @internal */
export const hintsOf = <E>(told: Stream.Stream<string, E>): Stream.Stream<string | undefined, E> =>
  Stream.concat(Stream.succeed(undefined), told)

/**
 * Makes a store in the memory of the process. Its clock is Effect's `Clock`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const program = Effect.flatMap(Store.memory, (store) => Effect.provideService(Effect.void, Store.Store, store))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const memory: Effect.Effect<Service> = Effect.map(hintsInProcess, (hints) => {
  const entries = new Map<string, Write>()
  // In order, so that a scan begins where it has to.
  const keys: Array<string> = []
  let sweptAt = 0
  const placeOf = (key: string): number => {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((keys[middle] ?? "") < key) low = middle + 1
      else high = middle
    }
    return low
  }
  const put = (write: Write) => {
    if (!entries.has(write.key)) keys.splice(placeOf(write.key), 0, write.key)
    entries.set(write.key, write)
  }
  const remove = (key: string) => {
    if (entries.delete(key)) keys.splice(placeOf(key), 1)
  }
  const page = (prefix: string, from: string, limit: number, now: number): ReadonlyArray<Entry> => {
    const found: Array<Entry> = []
    for (let index = placeOf(from < prefix ? prefix : from); found.length < limit; index++) {
      const key = keys[index]
      if (key === undefined || !key.startsWith(prefix)) break
      const value = entryOf(key, now)?.value
      if (value !== undefined) found.push({ key, value })
    }
    return found
  }
  const entryOf = (key: string, now: number) => {
    const entry = entries.get(key)
    return entry === undefined || isOver(entry, now) ? undefined : entry
  }
  // Entries that expire unread would stay for ever.
  const sweep = (now: number) => {
    if (now - sweptAt < sweepEvery) return
    sweptAt = now
    let left = 0
    for (const key of keys) {
      const entry = entries.get(key)
      if (entry !== undefined && isOver(entry, now)) entries.delete(key)
      else keys[left++] = key
    }
    keys.length = left
  }
  const change: InMemory[typeof inMemory]["change"] = (keys, transition) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      sweep(now)
      const step = transition(keys.map((key) => entryOf(key, now)), now)
      if (Result.isFailure(step)) return Effect.fail(step.failure)
      for (const write of step.success.writes) {
        if (isRemoval(write)) remove(write.key)
        else put(write)
      }
      return Effect.succeed(step.success.result)
    })
  const transact: Service["transact"] = (keys, transition) =>
    change(keys, (entries, now) => transition(entries.map((entry) => entry?.value), now))
  const store: InMemory = {
    transact,
    scan: (prefix) =>
      Stream.unwrap(
        Effect.map(
          Clock.currentTimeMillis,
          (now) => Stream.fromIterable(page(prefix, prefix, Number.POSITIVE_INFINITY, now))
        )
      ),
    peek: (keys) =>
      Effect.map(Clock.currentTimeMillis, (now) => ({ values: keys.map((key) => entryOf(key, now)?.value), now })),
    page: (prefix, { from, limit }) => Effect.map(Clock.currentTimeMillis, (now) => page(prefix, from, limit, now)),
    hints,
    [inMemory]: { change, transact }
  }
  return store
})

/** Without making the JSON of a value. */
const isRemoval = (write: Write): boolean => ownOf(write) === undefined && write.value === undefined

const sweepEvery = 60_000

const isOver = ({ expiresAt }: Write, now: number): boolean => expiresAt !== undefined && expiresAt <= now

/**
 * A store in the memory of the process: for one process, and for tests.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Store from "effect-llm-stream/stores/Store"
 *
 * const program = Effect.provide(Effect.asVoid(Store.Store), Store.layerMemory)
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerMemory: Layer.Layer<Store> = Layer.effect(Store, memory)
