/**
 * What a batch keeps in the store, and by which keys.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Account } from "../middleware/state/budget.ts"
import * as Store from "../stores/Store.ts"
import { type Answer, Fields } from "./answer.ts"
import * as Digest from "./digest.ts"

const Pending = Schema.Struct({ state: Schema.Literal("pending"), digest: Schema.String })

const Running = Schema.Struct({
  state: Schema.Literal("running"),
  digest: Schema.String,
  /** The process that asks, or waits to ask again. */
  by: Schema.String,
  /** Its last attempt. */
  attempt: Schema.String,
  /** When the process counts as dead unless it renews it, in ms since 1970. */
  until: Schema.Number
})

const Ended = Schema.Struct({
  state: Schema.Literal("ended"),
  digest: Schema.String,
  /** The tag of the reason it failed for; `null` when it is answered. */
  reason: Schema.NullOr(Schema.String),
  provider: Schema.NullOr(Schema.String),
  model: Schema.NullOr(Schema.String),
  attempts: Schema.Natural,
  cached: Schema.Boolean,
  /** Tells its answer from any other. */
  mark: Schema.String,
  /** The attempt that failed last: it tells a failure from an equal one. */
  attempt: Schema.optionalKey(Schema.String)
})

/**
 * Schema of a line, without its answer: so all lines of a batch are read quickly.
 *
 * @internal
 */
export const Line = Schema.Union([Pending, Running, Ended])

/** @internal */
export type Line = typeof Line.Type

/** @internal */
export type Running = typeof Running.Type

/** @internal */
export type Ended = typeof Ended.Type

/**
 * A line that has ended with an answer, and the text of it.
 *
 * @internal
 */
export const endedWith = (
  { attempts, cached, error, model, provider }: Omit<Answer, "id">,
  digest: string,
  text: string,
  attempt?: string
): Ended => ({
  state: "ended",
  digest,
  reason: error === null ? null : error.reason,
  provider,
  model,
  attempts,
  cached,
  mark: Digest.mark(text),
  ...(error === null || attempt === undefined ? undefined : { attempt })
})

/**
 * Tells the failure of a line from any other; `undefined` of one that is answered.
 *
 * @internal
 */
export const failureOf = ({ attempt, mark, reason }: Ended): string | undefined =>
  reason === null ? undefined : attempt === undefined ? mark : `${mark} ${attempt}`

/**
 * Schema of what a cache has for a request: who asks for it, and until when that is waited for, or the answer.
 *
 * @internal
 */
export const Cached = Schema.Union([
  Schema.Struct({ state: Schema.Literal("asking"), attempt: Schema.String, until: Schema.Number }),
  Schema.Struct({ state: Schema.Literal("answer"), answer: Fields })
])

/** @internal */
export type Cached = typeof Cached.Type

/**
 * Schema of who writes the output at the moment.
 *
 * @internal
 */
export const Lock = Schema.Struct({ by: Schema.String, until: Schema.Number })

/**
 * Schema of the beginning of a batch's account: attempts that started before it are not in it until they are added.
 *
 * @internal
 */
export const Opening = Schema.Struct({ at: Schema.Number, isAdded: Schema.Boolean })

const lines = Store.cells(Line)
const accounts = Store.cells(Account)
const openings = Store.cells(Opening)
const locks = Store.cells(Lock)

/** @internal */
export const cached: (key: string) => Store.Cell<Cached> = Store.cells(Cached)

// Its text is JSON already, and is put into outputs as it is.
const answer = (key: string): Store.Cell<string> => ({
  key,
  read: (value) => Result.succeed(value),
  put: (value, expiresAt) => ({ key, value, expiresAt }),
  remove: { key, value: undefined }
})

/**
 * The entries of a batch.
 *
 * @internal
 */
export const of = (batch: string) => ({
  lines: Store.key("batch", batch, "line"),
  /** The id of the line that an entry has. */
  idOf: (key: string): string => String(JSON.parse(key.slice(Store.key("batch", batch, "line").length, -1))),
  line: (id: string) => lines(Store.key("batch", batch, "line", id)),
  answer: (id: string) => answer(Store.key("batch", batch, "answer", id)),
  account: accounts(Store.key("batch", batch, "account")),
  opening: openings(Store.key("batch", batch, "opening")),
  lock: locks(Store.key("batch", batch, "output"))
})

/** @internal */
export type Entries = ReturnType<typeof of>

/** @internal */
export const line: (key: string) => Store.Cell<Line> = lines

/**
 * Reads a cell within a step.
 *
 * @internal
 */
export type Read = <S>(cell: Store.Cell<S>) => Result.Result<S | undefined, Store.StoreError>

/**
 * A step over any number of cells.
 *
 * @internal
 */
export const step = <A>(
  store: Store.Service,
  cells: ReadonlyArray<Pick<Store.Cell<unknown>, "key">>,
  f: (read: Read, now: number) => Result.Result<Store.Step<A>, Store.StoreError>
) => {
  const keys = [...new Set(cells.map(({ key }) => key))]
  const positions = new Map(keys.map((key, position) => [key, position]))
  return store.transact(keys, (values, now) => f((cell) => cell.read(values[positions.get(cell.key) ?? -1]), now))
}

/**
 * Several steps in one: each reads what those before it write.
 *
 * @internal
 */
export const inTurn = <A>(
  steps: ReadonlyArray<(read: Read, now: number) => Result.Result<Store.Step<A>, Store.StoreError>>
) =>
(read: Read, now: number): Result.Result<Store.Step<ReadonlyArray<A>>, Store.StoreError> =>
  Result.gen(function*() {
    const written = new Map<string, Store.Write>()
    const result: Array<A> = []
    for (const step of steps) {
      const { result: one, writes } = yield* step((cell) => {
        const write = written.get(cell.key)
        return write === undefined ? read(cell) : cell.read(write.value)
      }, now)
      result.push(one)
      for (const write of writes) written.set(write.key, write)
    }
    return { result, writes: Array.from(written.values()) }
  })

/**
 * Lines that are read or written in one step.
 *
 * @internal
 */
export const page = 500
