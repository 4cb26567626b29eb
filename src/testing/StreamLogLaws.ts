/**
 * What a log of answers has to be on any store: random histories, held to a model. They are for stores of your own, and for
 * servers that the library's stores have not been tried with.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Pages from "../log/pages.ts"
import * as State from "../log/state.ts"
import * as Store from "../stores/Store.ts"
import { type Law, LawBroken } from "./StoreLaws.ts"

/**
 * The laws of logs on a store. `open` gives one more handle to the same entries, a connection of its own where a store has
 * connections; it is closed at the end of its scope.
 *
 * A history is what several servers do with one id at random: they begin it, write chunks, write the same chunks again as if an
 * acknowledgement had been lost, die, come back after their lease, stop it and read it from anywhere.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import * as SqliteStore from "effect-llm-stream/stores/SqliteStore"
 * import { StreamLogLaws } from "effect-llm-stream/testing"
 *
 * const open = SqliteStore.make({ filename: "laws.store" })
 * for (const { check, name } of StreamLogLaws.laws(open, { histories: 1000 })) it.live(name, () => check)
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const laws = (
  open: Effect.Effect<Store.Service, Store.StoreError, Scope.Scope>,
  { histories = 200 }: {
    /** How many histories are tried. Default: 200. */
    readonly histories?: number | undefined
  } = {}
): ReadonlyArray<Law> => [
  {
    name: "keeps what a model of a log keeps, whoever does what",
    check: Effect.scoped(Effect.gen(function*() {
      const stores = [yield* open, yield* open, yield* open]
      const ids = new Set<string>()
      yield* Effect.addFinalizer(() => Effect.ignore(clear(stores[0], ids)))
      const result = yield* Arbitrary.checkEffect(history, (steps) =>
        Effect.flatMap(Random.nextInt, (n) => {
          const id = `history-${n}`
          ids.add(id)
          return holds(stores, id, steps)
        }), { runs: histories, concurrency: 8 })
      const failure = Arbitrary.formatCheckFailure(result)
      if (failure !== undefined) return yield* new LawBroken({ message: failure })
    }))
  },
  {
    name: "gives one answer to many that begin it at once, and one end to many that end it",
    check: Effect.scoped(Effect.gen(function*() {
      const stores = [yield* open, yield* open, yield* open]
      const id = `once-${yield* Random.nextInt}`
      yield* Effect.addFinalizer(() => Effect.ignore(clear(stores[0], new Set([id]))))
      const all = Array.from(
        { length: 12 },
        (_, index) => ({ index, store: stores[index % stores.length] ?? stores[0] })
      )
      const opened = yield* Effect.forEach(
        all,
        ({ index, store }) => run(store, id, State.open(id, opening({ epoch: `${id}e${index}`, lease: hour }))),
        { concurrency: "unbounded" }
      )
      const begun = opened.filter(({ isNew }) => isNew)
      const epochs = new Set(opened.map(({ head }) => head.epoch))
      if (begun.length !== 1 || epochs.size !== 1) {
        return yield* new LawBroken({
          message: `${begun.length} of 12 began an answer, which had ${epochs.size} epochs`
        })
      }
      const stopped = yield* Effect.forEach(
        all,
        ({ store }) => run(store, id, State.cancel(id, user)),
        { concurrency: "unbounded" }
      )
      const ends = stopped.filter((known) => known?.isNew).length
      const bills = yield* bill(stores[0], id)
      if (ends !== 1 || bills.length !== 1) {
        return yield* new LawBroken({ message: `12 that stopped it made ${ends} ends and ${bills.length} bills` })
      }
    }))
  }
]

const hour = 3_600_000
const user = "law"

const Step = Schema.Union([
  Schema.Struct({ type: Schema.tag("open"), store: Schema.Natural, dies: Schema.Boolean }),
  Schema.Struct({
    type: Schema.tag("append"),
    store: Schema.Natural,
    chunks: Schema.Array(Schema.String).check(Schema.isMaxLength(5)),
    end: Schema.Literals(["none", "none", "none", "Done", "Failed"]),
    /** Its acknowledgement is lost: it is written again. */
    again: Schema.Boolean,
    /** By a producer that another has followed, or that never was. */
    stale: Schema.Boolean
  }),
  Schema.Struct({ type: Schema.tag("cancel"), store: Schema.Natural, foreign: Schema.Boolean }),
  Schema.Struct({ type: Schema.tag("read"), store: Schema.Natural, from: Schema.Natural })
])

type Step = typeof Step.Type

const history = Arbitrary.schema(Schema.Array(Step).check(Schema.isMinLength(2), Schema.isMaxLength(14)))

/** What there has to be. */
interface Model {
  readonly epoch: string
  readonly chunks: ReadonlyArray<string>
  readonly commits: number
  readonly end: string | undefined
  /** A lease of no time: its producer is dead as soon as it has begun. */
  readonly isDead: boolean
}

const stated: State.Stated = { provider: "law", model: null, usage: null, cost: null }

const opening = (fields: Pick<State.Opening, "epoch" | "lease">): State.Opening => ({
  ...fields,
  hash: "hash",
  user,
  ttl: hour,
  stated
})

const ends = {
  none: undefined,
  Done: { _tag: "Done", usage: null, finishReason: null },
  Failed: { _tag: "Failed", reason: "ServerError", message: "no" }
} as const

const run = <A>(
  store: Store.Service | undefined,
  id: string,
  f: (before: State.Head | undefined, now: number) => Store.Step<A>
): Effect.Effect<A, Store.StoreError> =>
  store === undefined
    ? Effect.die(new Error("a store is missing"))
    : store.transact([State.head(id).key], State.over(id, f))

const bill = (store: Store.Service | undefined, id: string) =>
  store === undefined ? Effect.succeed([]) : Stream.runCollect(store.scan(State.rowsOf(user, id)))

const holds = Effect.fnUntraced(function*(
  stores: ReadonlyArray<Store.Service>,
  id: string,
  steps: ReadonlyArray<Step>
): Effect.fn.Return<boolean, Store.StoreError> {
  let model: Model | undefined
  let epochs = 0
  const settled = (): Model | undefined =>
    model?.isDead === true && model.end === undefined ? { ...model, end: "Lost" } : model
  const isRight = Effect.fnUntraced(function*(step: Step) {
    const store = stores[step.store % stores.length]
    // Whoever looks at an answer whose lease is over ends it.
    const before: Model | undefined = settled()
    switch (step.type) {
      case "open": {
        epochs += 1
        const epoch = `${id}e${epochs}`
        const { head, isNew } = yield* run(store, id, State.open(id, opening({ epoch, lease: step.dies ? 0 : hour })))
        if (before === undefined) {
          model = { epoch, chunks: [], commits: 0, end: undefined, isDead: step.dies }
          return isNew && head.tail === 0
        }
        model = before
        return !isNew && agrees(head, model)
      }
      case "append": {
        const tail = before?.chunks.length ?? 0
        const commit = (before?.commits ?? 0) + 1
        const texts = step.chunks.map((chunk) => JSON.stringify(chunk))
        const change: State.Commit = {
          epoch: step.stale || before === undefined ? "stale" : before.epoch,
          commit,
          batches: texts.length === 0
            ? []
            : [{ start: tail, end: tail + texts.length, json: `[${texts.join(",")}]` }],
          stated,
          end: ends[step.end]
        }
        const first = yield* run(store, id, State.append(id, change))
        const result = step.again ? yield* run(store, id, State.append(id, change)) : first
        if (before === undefined) return result._tag === "Fenced" && result.head === undefined
        if (step.stale) return result._tag === "Fenced"
        model = before
        if (before.end !== undefined) {
          return result._tag === "Fenced" && result.head !== undefined && agrees(result.head, before)
        }
        model = {
          ...before,
          chunks: [...before.chunks, ...step.chunks],
          commits: commit,
          end: step.end === "none" ? undefined : step.end
        }
        return result._tag === "Committed" && agrees(result.head, model)
      }
      case "cancel": {
        const known = yield* run(store, id, State.cancel(id, step.foreign ? "other" : user))
        if (before === undefined || step.foreign) return known === undefined
        model = { ...before, end: before.end ?? "Cancelled" }
        return known !== undefined && known.isNew === (before.end === undefined) && agrees(known.head, model)
      }
      case "read": {
        const known = yield* run(store, id, State.look(id))
        model = before
        if (before === undefined || known === undefined) return before === undefined && known === undefined
        const from = step.from % (before.chunks.length + 1)
        const found: Array<unknown> = []
        for (let at = from; at < known.head.tail;) {
          const page = store === undefined ? undefined : yield* Pages.read(store, known.head.epoch, at, known.head.tail)
          if (page === undefined) return false
          found.push(...JSON.parse(page.json) as ReadonlyArray<unknown>)
          at = page.end
        }
        return agrees(known.head, before) && JSON.stringify(found) === JSON.stringify(before.chunks.slice(from))
      }
    }
  })
  let isWhole = true
  for (const step of steps) isWhole = isWhole && (yield* isRight(step))
  const bills = yield* bill(stores[0], id)
  const rows = bills.map((entry) => Result.getOrThrow(State.rowAt(entry.key).read(entry.value)))
  const isBilled = model?.end === undefined ? rows.length === 0 : rows.length === 1 && rows[0]?.end === model.end
  // Few histories read what they have written.
  return isWhole && isBilled && (yield* isRight({ type: "read", store: 1, from: 0 }))
})

const agrees = ({ ended, epoch, tail }: State.Head, model: Model): boolean =>
  epoch === model.epoch && tail === model.chunks.length && ended?.end._tag === model.end

/** Leaves nothing of answers in the store, whose epochs begin with their ids. */
const clear = (store: Store.Service | undefined, ids: ReadonlySet<string>) => {
  if (store === undefined) return Effect.void
  const remove = (keys: ReadonlyArray<string>) =>
    store.transact(
      [],
      () => Result.succeed({ result: undefined, writes: keys.map((key) => ({ key, value: undefined })) })
    )
  const heads = Stream.map(Stream.fromIterable(ids), (id) => State.head(id).key)
  const others = Stream.fromIterable([State.rowsOf(user), State.runningKey, State.batchesKey, State.expiringKey]).pipe(
    Stream.flatMap((prefix) => store.scan(prefix)),
    Stream.map(({ key }) => key),
    Stream.filter((key) =>
      Array.from(key.matchAll(/"((?:history|once)-[^"e]+)/g), ([, id = ""]) => id).some((id) => ids.has(id))
    )
  )
  return Stream.runForEachArray(Stream.rechunk(Stream.concat(heads, others), 500), remove)
}
