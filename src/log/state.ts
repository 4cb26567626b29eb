/**
 * The log of an answer as entries of a store: what each operation makes of them. Everything here is pure.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Store from "../stores/Store.ts"
import { Usage } from "../Usage.ts"

/** @internal */
export const End = Schema.Union([
  Schema.TaggedStruct("Done", {
    usage: Schema.NullOr(Usage),
    finishReason: Schema.NullOr(Schema.String)
  }),
  Schema.TaggedStruct("Failed", { reason: Schema.String, message: Schema.String }),
  Schema.TaggedStruct("Cancelled", {}),
  Schema.TaggedStruct("Lost", {})
])

/** @internal */
export type End = typeof End.Type

/**
 * What an answer has stated so far, as a row of `middleware/Ledger` has it: the bill of an answer that ends now.
 *
 * @internal
 */
export const Stated = Schema.Struct(
  Struct.pick(Ledger.Row.fields, ["provider", "model", "usage", "cost", "flags"])
)

/** @internal */
export type Stated = typeof Stated.Type

/**
 * The entry that every operation reads. Batches of chunks are entries of their own, below its `tail`.
 *
 * @internal
 */
export const Head = Schema.Struct({
  epoch: Schema.String,
  /** Of the request. */
  hash: Schema.String,
  user: Schema.String,
  /** Chunks that are stored. */
  tail: Schema.Natural,
  /** Writes of the producer: one that is tried again, as its acknowledgement was lost, is known by its number. */
  commit: Schema.Natural,
  /** Until when the producer counts as alive, in ms since 1970 of the store's clock. */
  until: Schema.Finite,
  /** In ms: how far a write moves `until`, and how long chunks can be read after the end. */
  lease: Schema.Finite,
  ttl: Schema.Finite,
  startedAt: Schema.Finite,
  stated: Stated,
  ended: Schema.NullOr(Schema.Struct({ end: End, at: Schema.Finite }))
})

/** @internal */
export type Head = typeof Head.Type

/**
 * The bill of one answer. An answer is one attempt.
 *
 * @internal
 */
export const Row = Schema.Struct({
  attempt: Schema.String,
  id: Schema.String,
  user: Schema.String,
  ...Stated.fields,
  end: Schema.Literals(["Done", "Failed", "Cancelled", "Lost"]),
  unstated: Schema.Boolean,
  startedAt: Schema.Finite,
  endedAt: Schema.Finite
})

/** @internal */
export type Row = typeof Row.Type

// ---------------------------------------------------------------------------------------------------------------------
// Keys
// ---------------------------------------------------------------------------------------------------------------------

const digits = 15

const padded = (n: number): string => String(Math.floor(n)).padStart(digits, "0")

/** @internal */
export const head = (id: string): Store.Cell<Head> => heads(Store.key("log", id))

const heads = Store.cells(Head)

/** @internal */
export const rowsOf = (user?: string, id?: string): string =>
  Store.key("log-bill", ...[user, id].filter((part) => part !== undefined))

/** @internal */
export const rowAt: (key: string) => Store.Cell<Row> = Store.cells(Row)

/**
 * The bills of all answers, of those of a user, or of one.
 *
 * @internal
 */
export const rows = (store: Store.Service, user?: string, id?: string): Stream.Stream<Row, Store.StoreError> =>
  store.scan(rowsOf(user, id)).pipe(
    Stream.mapEffect(({ key, value }) => Effect.fromResult(rowAt(key).read(value))),
    Stream.filter((row) => row !== undefined)
  )

/** @internal */
export const row = (of: { readonly user: string; readonly id: string; readonly epoch: string }): Store.Cell<Row> =>
  rowAt(Store.key("log-bill", of.user, of.id, of.epoch))

const marks = Store.cells(Schema.Struct({ id: Schema.String, epoch: Schema.String, at: Schema.Finite }))

/**
 * One entry for each answer that runs, so that any server finds those whose producer died.
 *
 * @internal
 */
export const runningKey = Store.key("log-running")

/**
 * One entry for each answer that has ended, in the order in which their chunks expire.
 *
 * @internal
 */
export const expiringKey = Store.key("log-expiring")

/** @internal */
export const runningOf = (id: string): string => Store.key("log-running", id)

const runningMark = (id: string) => marks(runningOf(id))

/** @internal */
export const expiringMark = (id: string, epoch: string, at: number) =>
  marks(Store.key("log-expiring", padded(at), id, epoch))

/** @internal */
export const markOf = ({ key, value }: Store.Entry) => marks(key).read(value)

/** @internal */
export const batchesKey = Store.key("log-batch")

/** @internal */
export const batchesOf = (epoch: string): string => Store.key("log-batch", epoch)

/**
 * Where the batches begin that hold what comes after `offset`: they are sorted by their end.
 *
 * @internal
 */
export const batchesAfter = (epoch: string, offset: number): string => Store.key("log-batch", epoch, padded(offset + 1))

/**
 * A batch is the text of a JSON array. Its bounds are in its key, so that nobody has to read an array to count it.
 *
 * @internal
 */
export interface Batch {
  readonly start: number
  readonly end: number
  readonly json: string
}

/** @internal */
export const batchKey = (epoch: string, { end, start }: Omit<Batch, "json">): string =>
  Store.key("log-batch", epoch, padded(end), String(start))

const bounds = /"(\d+)"\/"(\d+)"\/$/

/** @internal */
export const batchOf = ({ key, value }: Store.Entry): Batch => {
  const [, end, start] = bounds.exec(key) ?? []
  return { start: Number(start), end: Number(end), json: value }
}

// ---------------------------------------------------------------------------------------------------------------------
// Transitions
// ---------------------------------------------------------------------------------------------------------------------

/** A change of the entries of one answer, and what its caller is told. */
type Step<A> = Store.Step<A>

const same = <A>(result: A): Step<A> => ({ result, writes: [] })

/** How many times longer than its chunks the head of an ended answer can be read. */
const tombstone = 10

const isOver = (head: Head, now: number): boolean => head.ended === null && head.until <= now

/** Ends an answer: the end, its bill, and what the sweep has to know, in one step. */
const ending = (
  id: string,
  before: Head,
  end: End,
  now: number
): { head: Head; writes: ReadonlyArray<Store.Write> } => {
  const after: Head = { ...before, ended: { end, at: now } }
  const { epoch, startedAt, stated, ttl, user } = after
  const expiry = now + ttl
  return {
    head: after,
    writes: [
      head(id).put(after, now + tombstone * ttl + 60_000),
      runningMark(id).remove,
      expiringMark(id, epoch, expiry).put({ id, epoch, at: expiry }),
      row({ user, id, epoch }).put({
        ...stated,
        attempt: `${id}:${epoch}`,
        id,
        user,
        end: end._tag,
        unstated: end._tag !== "Done" || end.usage === null || stated.usage === null,
        startedAt,
        endedAt: now
      })
    ]
  }
}

/** Whose lease is over has ended as lost, whoever looks first. */
const settled = (id: string, before: Head, now: number) =>
  isOver(before, now) ? ending(id, before, { _tag: "Lost" }, now) : { head: before, writes: [] }

/** @internal */
export interface Known {
  readonly head: Head
  /** How long the producer still counts as alive, in ms; negative when it does not. */
  readonly left: number
  readonly isExpired: boolean
}

const known = (head: Head, now: number): Known => ({
  head,
  left: head.until - now,
  isExpired: head.ended !== null && head.ended.at + head.ttl <= now
})

/**
 * What there is of an answer; `undefined` when nothing is. An answer whose lease is over has ended.
 *
 * @internal
 */
export const look = (id: string) => (before: Head | undefined, now: number): Step<Known | undefined> => {
  if (before === undefined) return same(undefined)
  const { head, writes } = settled(id, before, now)
  return { result: known(head, now), writes }
}

/** @internal */
export interface Opening extends Pick<Head, "epoch" | "hash" | "user" | "lease" | "ttl" | "stated"> {}

/**
 * Begins an answer, or says what is there under its id.
 *
 * @internal
 */
export const open =
  (id: string, opening: Opening) =>
  (before: Head | undefined, now: number): Step<Known & { readonly isNew: boolean }> => {
    if (before !== undefined) {
      // Its own epoch: the acknowledgement of the first try was lost.
      const isNew = before.epoch === opening.epoch
      const { head, writes } = settled(id, before, now)
      return { result: { ...known(head, now), isNew }, writes }
    }
    const after: Head = {
      ...opening,
      tail: 0,
      commit: 0,
      until: now + opening.lease,
      startedAt: now,
      ended: null
    }
    return {
      result: { ...known(after, now), isNew: true },
      writes: [head(id).put(after), runningMark(id).put({ id, epoch: opening.epoch, at: now })]
    }
  }

/** @internal */
export interface Commit {
  readonly epoch: string
  /** Counts from 1. */
  readonly commit: number
  readonly batches: ReadonlyArray<Batch>
  readonly stated: Stated
  readonly end: End | undefined
}

/** @internal */
export type Committed =
  | { readonly _tag: "Committed"; readonly head: Head }
  /** Another has ended the answer, or the answer is not there any more: the producer has nothing to write to. */
  | { readonly _tag: "Fenced"; readonly head: Head | undefined }

/**
 * Adds batches or the end, and renews the lease. It succeeds once, and whoever has lost the answer is told so.
 *
 * @internal
 */
export const append =
  (id: string, { batches, commit, end, epoch, stated }: Commit) =>
  (before: Head | undefined, now: number): Step<Committed> => {
    if (before === undefined || before.epoch !== epoch) return same({ _tag: "Fenced", head: undefined })
    if (before.commit === commit) return same({ _tag: "Committed", head: before })
    if (before.ended !== null) return same({ _tag: "Fenced", head: before })
    if (isOver(before, now)) {
      const { head, writes } = settled(id, before, now)
      return { result: { _tag: "Fenced", head }, writes }
    }
    const next: Head = {
      ...before,
      commit,
      stated,
      tail: batches.at(-1)?.end ?? before.tail,
      until: now + before.lease
    }
    const stored = batches.map((batch) => ({ key: batchKey(epoch, batch), value: batch.json }))
    if (end === undefined) {
      return { result: { _tag: "Committed", head: next }, writes: [head(id).put(next), ...stored] }
    }
    const ended = ending(id, next, end, now)
    return { result: { _tag: "Committed", head: ended.head }, writes: [...stored, ...ended.writes] }
  }

/**
 * Only renews the leases of answers. Gives the ids of those that still run.
 *
 * @internal
 */
export const renew =
  (answers: ReadonlyArray<{ readonly id: string; readonly epoch: string }>): Store.Transition<ReadonlySet<string>> =>
  (values, now) => {
    const writes = answers.flatMap(({ epoch, id }, index) => {
      const before = Result.getOrUndefined(head(id).read(values[index]))
      return before === undefined || before.epoch !== epoch || before.ended !== null || isOver(before, now)
        ? []
        : [{ id, write: head(id).put({ ...before, until: now + before.lease }) }]
    })
    return Result.succeed({
      result: new Set(writes.map(({ id }) => id)),
      writes: writes.map(({ write }) => write)
    })
  }

/**
 * Stops an answer that runs. Its end is there at once; the producer learns of it and closes its socket. `isNew` says whether
 * it was this call that ended the answer.
 *
 * @internal
 */
export const cancel = (id: string, user: string) =>
(
  before: Head | undefined,
  now: number
): Step<Known & { readonly isNew: boolean } | undefined> => {
  if (before === undefined || before.user !== user) return same(undefined)
  const { head, writes } = settled(id, before, now)
  if (head.ended !== null) return { result: { ...known(head, now), isNew: false }, writes }
  const ended = ending(id, head, { _tag: "Cancelled" }, now)
  return { result: { ...known(ended.head, now), isNew: true }, writes: ended.writes }
}

/**
 * Reads entries, and changes nothing.
 *
 * @internal
 */
export const peek = (
  store: Store.Service,
  keys: ReadonlyArray<string>
): Effect.Effect<Store.Peeked, Store.StoreError> =>
  store.peek?.(keys) ?? store.transact(keys, (values, now) => Result.succeed({ result: { values, now }, writes: [] }))

/** The transition of {@link Store.Service.transact} over one head. */
export const over = <A>(id: string, f: (before: Head | undefined, now: number) => Step<A>): Store.Transition<A> => {
  const cell = head(id)
  return ([text], now) => Result.map(cell.read(text), (before) => f(before, now))
}

/** Reads and changes one head in a step. */
export const transact = <A>(
  store: Store.Service,
  id: string,
  f: (before: Head | undefined, now: number) => Step<A>
): Effect.Effect<A, Store.StoreError> => store.transact([head(id).key], over(id, f))
