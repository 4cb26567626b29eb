/**
 * Who writes the logs of answers in this process.
 *
 * @internal
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isProviderError } from "../errors/providerError.ts"
import { tagOf } from "../internal/sent.ts"
import * as Provider from "../Provider.ts"
import type * as Store from "../stores/Store.ts"
import * as Pages from "./pages.ts"
import { trying } from "./patience.ts"
import type { Source } from "./source.ts"
import * as State from "./state.ts"
import * as Tails from "./tail.ts"

/** How many leases one step renews. */
const mostRenewed = 200

/** The most that one write takes, in UTF-16 code units. */
const maxCommit = 512 * 1024

/**
 * What a producer holds.
 *
 * @internal
 */
export interface Recording {
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
export interface Options {
  readonly store: Store.Service
  readonly clock: Clock.Clock
  /** In ms. */
  readonly lease: number
  /** In UTF-16 code units. */
  readonly maxPending: number
  readonly recordings: Map<string, Recording>
  /** Those of answers that are read in this process. */
  readonly tails: ReadonlyMap<string, Tails.Tail>
  /** Somebody writes. */
  readonly onBegin: () => void
  /** Something was stored. */
  readonly onStored: (id: string) => void
}

/** @internal */
export interface Producers {
  /** Writes an answer to its end. */
  readonly record: (head: State.Head, id: string, source: Source) => Effect.Effect<void>
  /** Renews the leases of those who have had nothing to store, all in one step. Nobody else does, and who writes does it too. */
  readonly renew: Effect.Effect<void>
}

/** @internal */
export const make = (
  { clock, lease, maxPending, onBegin, onStored, recordings, store, tails }: Options
): Producers => {
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
    onBegin()

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
        const done = yield* State.transact(store, id, State.append(id, change)).pipe(
          trying(Math.max(1, left)),
          Effect.option
        )
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
        if (taken.count > 0 || last !== undefined) onStored(id)
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

  return { record, renew }
}

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
