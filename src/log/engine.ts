import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import { tagOf } from "../internal/sent.ts"
import * as Provider from "../Provider.ts"
import { isProviderError } from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as Pages from "./pages.ts"
import * as Requests from "./requests.ts"
import type { Source } from "./source.ts"
import * as State from "./state.ts"
import * as Tails from "./tail.ts"
import * as Watch from "./watch.ts"

export { hash, toJson as jsonOf, token } from "./requests.ts"

/** @internal */
export const requestOf = ChatRequest.normalize

/** @internal */
export type Gone = Tails.Gone

const gone: Gone = { _tag: "Gone" }

/** @internal */
export interface Options {
  /** In ms. */
  readonly lease: number
  readonly ttl: number
  readonly patience: number
  /** In UTF-16 code units. */
  readonly maxPending: number
  /** Default: `AnyChunk`. */
  readonly chunk: Schema.Codec<Chunk, unknown> | undefined
}

/** How long a tail rests after a look, in ms: what comes meanwhile is one page. */
const restAfterLook = 5

/** How long one operation of a store may take before it is tried again, in ms. */
const longestOperation = 2_500

/** How many leases one step renews. */
const mostRenewed = 200

/** The most that one write takes, in UTF-16 code units. */
const maxCommit = 512 * 1024

/** @internal */
export type Item = Pages.Page | Tails.Ended | { readonly _tag: "Idle" }

/** What a reader gets, and where it is then; `undefined` after the end. */
type Next = readonly [ReadonlyArray<Item>, number] | undefined

/** What a producer holds. */
interface Recording {
  readonly id: string
  readonly epoch: string
  /** Rung when there is something to store, or to look at. */
  readonly news: Tails.Bell
  readonly ended: Deferred.Deferred<void>
  /** Ends it before the provider does. */
  readonly interrupt: () => void
  /** Has it look at the store. */
  readonly check: () => void
  /** When it last began what reached the store, in ms by the clock of this process. */
  reached: number
}

/** @internal */
export const make = Effect.fnUntraced(function*(
  { chunk, lease, maxPending, patience, ttl }: Options
) {
  const store = yield* Store.Store
  const clock = yield* Clock.Clock
  // Of readers' and producers' fibers: it closes after the answers have ended.
  const scope = yield* Scope.make()
  const recordings = new Map<string, Recording>()
  const tails = new Map<string, Tails.Tail>()
  // How long readers wait for a store that is away: a producer that is alive may be as long.
  const awaited = Math.max(lease, patience)
  let isClosing = false

  const transact = <A>(id: string, f: (before: State.Head | undefined, now: number) => Store.Step<A>) =>
    store.transact([State.head(id).key], State.over(id, f))

  /** Changes nothing, and waits for nobody, unless the answer is lost. */
  const look = (id: string): Effect.Effect<State.Known | undefined, Store.StoreError> =>
    Effect.flatMap(
      State.peek(store, [State.head(id).key]),
      ({ now, values }) =>
        Effect.flatMap(
          Effect.fromResult(State.over(id, State.look(id))(values, now)),
          ({ result, writes }) => writes.length === 0 ? Effect.succeed(result) : transact(id, State.look(id))
        )
    )

  const watch = yield* Watch.make(store, {
    me: yield* Requests.token,
    patience: longestOperation,
    watched: () => [...tails.keys(), ...recordings.keys()],
    changed: (id, found) => {
      const goesOn = (epoch: string) => found?.head?.epoch === epoch && found.head.ended === null
      const tail = tails.get(id)
      if (tail !== undefined && !(goesOn(tail.epoch) && found?.head?.tail === tail.known())) tail.nudge.ring()
      const recording = recordings.get(id)
      if (recording !== undefined && !goesOn(recording.epoch)) recording.check()
    },
    // A tail finds out by itself what the store has to say.
    failed: () => {
      for (const { nudge } of tails.values()) nudge.ring()
    }
  }).pipe(Scope.provide(scope))

  // -------------------------------------------------------------------------------------------------------------------
  // Readers
  // -------------------------------------------------------------------------------------------------------------------

  /** Looks at the store for all readers of this process. */
  const drive = (tail: Tails.Tail): Effect.Effect<void> =>
    Effect.gen(function*() {
      while (true) {
        const nudged = tail.nudge.next()
        const known = yield* trying(awaited)(look(tail.id))
        if (known === undefined || known.head.epoch !== tail.epoch) return tail.finish({ _tag: "Gone" })
        while (tail.known() < known.head.tail) {
          const page = yield* trying(awaited)(Pages.read(store, tail.epoch, tail.known(), known.head.tail))
          if (page === undefined) return tail.finish({ _tag: "Gone" })
          tail.push(page)
        }
        const { ended } = known.head
        if (ended !== null) return tail.finish({ _tag: "Ended", epoch: tail.epoch, end: ended.end })
        yield* Effect.sleep(restAfterLook)
        yield* Effect.raceFirst(nudged, Effect.sleep(Math.max(1, known.left + 1 - restAfterLook)))
      }
    }).pipe(Effect.catch((error) => Effect.sync(() => tail.finish({ _tag: "Unavailable", error }))))

  const joined = (id: string, epoch: string, from: number): Effect.Effect<Tails.Tail, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const found = tails.get(id)
        const isUsable = found?.epoch === epoch && found.over() === undefined
        const tail = isUsable ? found : Tails.make(id, epoch, from)
        tail.readers += 1
        if (isUsable) return Effect.succeed(tail)
        tails.set(id, tail)
        watch.begin()
        return Effect.map(Effect.forkIn(drive(tail), scope), (fiber) => {
          tail.fiber = fiber
          return tail
        })
      }),
      (tail) =>
        Effect.suspend(() => {
          tail.readers -= 1
          if (tail.readers > 0) return Effect.void
          if (tails.get(id) === tail) tails.delete(id)
          return tail.fiber === undefined
            ? Effect.void
            : Effect.asVoid(Effect.forkIn(Fiber.interrupt(tail.fiber), scope))
        })
    )

  const follow = (
    id: string,
    head: State.Head,
    from: number,
    { maxPage = Pages.maxPage, silence }: { readonly silence: number | undefined; readonly maxPage: number | undefined }
  ): Stream.Stream<Item, Store.StoreError | Gone> => {
    const { ended, epoch, tail: there } = head
    // What has ended does not change: nobody has to look.
    const finished: Tails.Ended | undefined = ended === null ? undefined : { _tag: "Ended", epoch, end: ended.end }
    const stored = (from: number, to: number) =>
      Effect.flatMap(
        trying(awaited)(Pages.read(store, epoch, from, to)),
        (page) => page === undefined ? Effect.fail(gone) : Effect.succeed(page)
      )
    const next = (tail: Tails.Tail | undefined, at: number): Effect.Effect<Next, Store.StoreError | Gone> => {
      if (at === atEnd) return Effect.succeed(undefined)
      const known = Math.max(there, tail?.known() ?? 0)
      if (at < known) {
        // What is not kept here is read in the largest pages that there are.
        const kept = tail?.pageAt(at)
        return Effect.map(
          kept === undefined ? stored(at, known) : Effect.succeed(kept),
          (page) => [Pages.split(page, maxPage), page.end]
        )
      }
      const over = finished ?? tail?.over()
      if (over !== undefined) {
        return over._tag === "Ended"
          ? Effect.succeed([[over], atEnd])
          : Effect.fail(over._tag === "Gone" ? over : over.error)
      }
      if (tail === undefined) return Effect.succeed(undefined)
      const changed = Effect.suspend(() => next(tail, at)).pipe((next) => Effect.andThen(tail.changed.next(), next))
      return silence === undefined
        ? changed
        : Effect.raceFirst(changed, Effect.as(Effect.sleep(silence), [[idle], at] as const))
    }
    const reading = (tail: Tails.Tail | undefined) =>
      Stream.flattenIterable(Stream.unfold(from, (at: number) => next(tail, at)))
    return finished === undefined
      ? Stream.unwrap(Effect.map(joined(id, epoch, there), reading))
      : reading(undefined)
  }

  const text = Effect.fnUntraced(function*(head: State.Head) {
    const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Requests.chunkCodec(chunk))))
    let all = ""
    for (let at = 0; at < head.tail;) {
      const page = yield* trying(patience)(Pages.read(store, head.epoch, at, head.tail))
      if (page === undefined) break
      for (const { content } of decode(page.json)) all += content
      at = page.end
    }
    return all
  })

  // -------------------------------------------------------------------------------------------------------------------
  // Producers
  // -------------------------------------------------------------------------------------------------------------------

  const record = Effect.fnUntraced(function*(
    { epoch, stated: stated0 }: State.Head,
    id: string,
    { bill, texts }: Source
  ) {
    const news = Tails.bell()
    const room = Tails.bell()
    let pending: Array<string> = []
    let pendingSize = 0
    let isStated = false
    let end: State.End | undefined
    let mustLook = false
    bill.listen(() => {
      isStated = true
      news.ring()
    })

    const take = (texts: ReadonlyArray<string>): Effect.Effect<void> => {
      for (const json of texts) {
        pending.push(json)
        pendingSize += json.length
      }
      news.ring()
      return pendingSize < maxPending ? Effect.void : waitForRoom
    }
    const waitForRoom: Effect.Effect<void> = Effect.suspend(() =>
      pendingSize < maxPending ? Effect.void : Effect.andThen(room.next(), waitForRoom)
    )

    const source = yield* texts.pipe(
      Stream.runForEachArray(take),
      // An answer is one attempt, and has one bill.
      Effect.updateService(Provider.CurrentPolicy, (policy) => ({ ...policy, maxRetries: 0 })),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          end ??= endOf(exit, bill.ended)
          news.ring()
        })
      ),
      Effect.exit,
      Effect.forkChild
    )

    const ended = Deferred.makeUnsafe<void>()
    const recording: Recording = {
      id,
      epoch,
      news,
      ended,
      interrupt: () => {
        end ??= interrupted
        news.ring()
      },
      check: () => {
        mustLook = true
        news.ring()
      },
      reached: clock.currentTimeMillisUnsafe()
    }
    recordings.set(id, recording)
    watch.begin()

    const write = Effect.gen(function*() {
      let stated = stated0
      let tail = 0
      let commit = 0
      while (true) {
        const rung = news.next()
        const begun = clock.currentTimeMillisUnsafe()
        const left = recording.reached + lease - begun
        if (pending.length === 0 && end === undefined && !mustLook && !isStated && left > 0) {
          yield* Effect.raceFirst(rung, Effect.sleep(left))
          continue
        }
        mustLook = false
        const taken = takeBatches(pending, tail)
        pending = pending.slice(taken.count)
        pendingSize -= taken.size
        const last = pending.length === 0 ? end : undefined
        if (isStated) {
          isStated = false
          stated = yield* bill.stated(stated)
        }
        commit += 1
        const change: State.Commit = { epoch, commit, batches: taken.batches, stated, end: last }
        const done = yield* transact(id, State.append(id, change)).pipe(trying(Math.max(1, left)), Effect.option)
        // Out of reach for as long as the lease: whoever reaches the store says that the answer is lost.
        if (done._tag === "None" || done.value._tag === "Fenced") return
        recording.reached = begun
        tail = done.value.head.tail
        room.ring()
        const shared = tails.get(id)
        if (shared?.epoch === epoch) {
          for (const page of Pages.pages(epoch, taken.batches)) shared.push(page)
          if (last !== undefined && shared.known() === tail) shared.finish({ _tag: "Ended", epoch, end: last })
        }
        if (taken.count > 0 || last !== undefined) watch.tell(id)
        if (last !== undefined) return
      }
    })

    yield* Effect.ensuring(
      write,
      Effect.suspend(() => {
        if (recordings.get(id) === recording) recordings.delete(id)
        tails.get(id)?.nudge.ring()
        return Effect.andThen(Fiber.interrupt(source), Deferred.succeed(ended, undefined))
      })
    )
  })

  /** Renews the leases of those who have had nothing to store, all in one step. Nobody else does, and who writes does it too. */
  const renew = Effect.suspend(() => {
    const begun = clock.currentTimeMillisUnsafe()
    const silent = Array.from(recordings.values()).filter(({ reached }) => begun - reached >= lease / 10)
    return Effect.forEach(
      Arr.chunksOf(silent, mostRenewed),
      (some) =>
        store.transact(some.map(({ id }) => State.head(id).key), State.renew(some)).pipe(
          trying(lease),
          Effect.map((renewed) => {
            for (const recording of some) {
              if (renewed.has(recording.id)) recording.reached = Math.max(recording.reached, begun)
              else recording.check()
            }
          }),
          // Each finds out by itself when its lease is over.
          Effect.ignore
        ),
      { discard: true }
    )
  })
  yield* Effect.forkIn(Effect.forever(Effect.delay(renew, lease / 5)), scope)

  /** No request owns it: whoever asked may leave, also while it begins. */
  const start = (options: {
    readonly id: string
    readonly user: string
    readonly hash: string
    readonly source: Source
  }): Effect.Effect<State.Known & { readonly isNew: boolean }, Store.StoreError> =>
    isClosing ? unavailable("the server is shutting down") : Effect.gen(function*() {
      const { hash, id, source, user } = options
      const opening: State.Opening = {
        epoch: yield* Requests.token,
        hash,
        user,
        lease,
        ttl,
        stated: { provider: source.provider, model: source.model, usage: null, cost: null }
      }
      const opened = yield* trying(patience)(transact(id, State.open(id, opening)))
      if (opened.isNew) yield* Effect.forkIn(record(opened.head, id, source), scope)
      return opened
    }).pipe(Effect.forkIn(scope), Effect.flatMap(Fiber.join))

  const cancel = (id: string, user: string) =>
    Effect.tap(trying(patience)(transact(id, State.cancel(id, user))), () =>
      Effect.sync(() => {
        recordings.get(id)?.check()
        tails.get(id)?.nudge.ring()
        watch.tell(id)
      }))

  const shutdown = Effect.suspend(() => {
    isClosing = true
    for (const { interrupt } of recordings.values()) interrupt()
    return Effect.forEach(Array.from(recordings.values()), ({ ended }) => Deferred.await(ended), {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.timeoutOption(Duration.seconds(8)), Effect.asVoid)
  })

  // -------------------------------------------------------------------------------------------------------------------
  // The sweep
  // -------------------------------------------------------------------------------------------------------------------

  const pagesOf = (prefix: string) =>
    Stream.paginate(prefix, (from: string) =>
      Effect.map(Pages.entries(store, prefix, from, 256), (entries) => {
        const last = entries.length < 256 ? undefined : entries.at(-1)
        return [entries, last === undefined ? Option.none() : Option.some(`${last.key}\u0000`)] as const
      }))

  const sweepRunning = Stream.runForEach(pagesOf(State.runningKey), (entry) => {
    const mark = State.markOf(entry)
    return Result.isFailure(mark) || mark.success === undefined || recordings.has(mark.success.id)
      ? Effect.void
      : Effect.asVoid(look(mark.success.id))
  })

  const sweepExpired = Effect.gen(function*() {
    while (true) {
      const [entry] = yield* Pages.entries(store, State.expiringKey, State.expiringKey, 1)
      const mark = entry === undefined ? undefined : Result.getOrUndefined(State.markOf(entry))
      if (entry === undefined || mark === undefined) return
      const isDue = yield* store.transact([], (_, now) => Result.succeed({ result: mark.at <= now, writes: [] }))
      if (!isDue) return
      while (true) {
        const batches = yield* Pages.entries(store, State.batchesOf(mark.epoch), State.batchesOf(mark.epoch), 256)
        const isLast = batches.length < 256
        yield* store.transact([], () =>
          Result.succeed({
            result: undefined,
            writes: [...batches, ...(isLast ? [entry] : [])].map(({ key }) => ({ key, value: undefined }))
          }))
        if (isLast) break
      }
    }
  })

  yield* Effect.forkIn(
    Effect.andThen(sweepRunning, sweepExpired).pipe(
      Effect.timeoutOption(Math.max(lease, longestOperation)),
      Effect.catchCause((cause) => Effect.logDebug("the logs can't be swept", cause)),
      Effect.andThen(Effect.sleep(lease)),
      Effect.forever
    ),
    scope
  )

  yield* Effect.addFinalizer((exit) => Effect.andThen(shutdown, Scope.close(scope, exit)))

  return {
    start,
    follow,
    text,
    cancel,
    shutdown,
    ttl,
    /** Waits for a store that is away. */
    patiently: trying(patience),
    look: (id: string) => trying(patience)(look(id)),
    rows: (user: string, id: string | undefined) => trying(patience)(Stream.runCollect(State.rows(store, user, id))),
    ready: Effect.suspend(() =>
      isClosing
        ? unavailable("the server is shutting down")
        : trying(Math.min(patience, longestOperation))(
          store.transact([], () => Result.succeed({ result: undefined, writes: [] }))
        )
    )
  }
})

const interrupted: State.End = { _tag: "Failed", reason: "Interrupted", message: "the server was shut down" }

const endOf = (exit: Exit.Exit<void, unknown>, ended: Source["bill"]["ended"]): State.End => {
  if (exit._tag === "Success") return { _tag: "Done", ...ended() }
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  // What others than providers say may be anything.
  return { _tag: "Failed", reason: tagOf(error), message: isProviderError(error) ? error.message : "the answer broke" }
}

/** As many of the texts as one write takes, as batches that follow `tail`. */
const takeBatches = (
  pending: ReadonlyArray<string>,
  tail: number
): { readonly batches: ReadonlyArray<State.Batch>; readonly count: number; readonly size: number } => {
  const batches: Array<State.Batch> = []
  let texts: Array<string> = []
  let batchSize = 0
  let count = 0
  let size = 0
  const cut = () => {
    if (texts.length > 0) {
      batches.push({ start: tail + count - texts.length, end: tail + count, json: `[${texts.join(",")}]` })
    }
    texts = []
    batchSize = 0
  }
  for (const text of pending) {
    if (size > 0 && size + text.length > maxCommit) break
    if (batchSize + text.length > Pages.maxBatch) cut()
    texts.push(text)
    batchSize += text.length
    size += text.length
    count += 1
  }
  cut()
  return { batches, count, size }
}

const unavailable = (message: string) => Effect.fail(new Store.StoreError({ reason: "Unavailable", message }))

/** Tries an operation again while the store is away, for so many ms. */
const trying =
  (forMillis: number) =>
  <A, E>(effect: Effect.Effect<A, E | Store.StoreError>): Effect.Effect<A, E | Store.StoreError> =>
    Effect.clockWith((clock) => {
      const end = clock.currentTimeMillisUnsafe() + forMillis
      const left = () => end - clock.currentTimeMillisUnsafe()
      // A connection that was lost may not say so: there has to be time for another.
      const longest = Math.min(Math.max(forMillis / 3, 400), longestOperation)
      let last: Store.StoreError | undefined
      const attempt = Effect.suspend(() =>
        effect.pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error instanceof Store.StoreError) last = error
            })
          ),
          Effect.timeoutOrElse({
            duration: Math.max(1, Math.min(longest, left())),
            orElse: () => last === undefined ? unavailable("the store does not answer") : Effect.fail(last)
          })
        )
      )
      return Effect.retry(attempt, {
        schedule: Schedule.spaced(pauseOfStore),
        while: (error) => error instanceof Store.StoreError && error.reason === "Unavailable" && left() > pauseOfStore
      })
    })

/** How long a store that is away is left alone, in ms. */
const pauseOfStore = 50

const atEnd = -1
const idle = { _tag: "Idle" } as const
