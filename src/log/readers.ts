/**
 * Who reads the logs of answers in this process.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Chunk } from "../Chunk.ts"
import type * as Store from "../stores/Store.ts"
import * as Pages from "./pages.ts"
import { trying } from "./patience.ts"
import * as Requests from "./requests.ts"
import type * as State from "./state.ts"
import * as Tails from "./tail.ts"

/** @internal */
export type Item = Pages.Page | Tails.Ended | { readonly _tag: "Idle" }

/** What a reader gets, and where it is then; `undefined` after the end. */
type Next = readonly [ReadonlyArray<Item>, number] | undefined

const gone: Tails.Gone = { _tag: "Gone" }
const idle = { _tag: "Idle" } as const
const atEnd = -1

/** How long a tail rests after a look, in ms: what comes meanwhile is one page. */
const restAfterLook = 5

/** @internal */
export interface Options {
  readonly store: Store.Service
  readonly look: (id: string) => Effect.Effect<State.Known | undefined, Store.StoreError>
  /** Those of answers that are read at the moment. */
  readonly tails: Map<string, Tails.Tail>
  /** Of the tails' fibers. */
  readonly scope: Scope.Scope
  /** How long readers wait for a store that is away, in ms. */
  readonly awaited: number
  /** Somebody reads. */
  readonly onBegin: () => void
}

/** @internal */
export interface Readers {
  readonly follow: (
    id: string,
    head: State.Head,
    from: number,
    options: { readonly silence: number | undefined; readonly maxPage: number | undefined }
  ) => Stream.Stream<Item, Store.StoreError | Tails.Gone>
}

/** @internal */
export const make = ({ awaited, look, onBegin, scope, store, tails }: Options): Readers => {
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
        onBegin()
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
  ): Stream.Stream<Item, Store.StoreError | Tails.Gone> => {
    const { ended, epoch, tail: there } = head
    // What has ended does not change: nobody has to look.
    const finished: Tails.Ended | undefined = ended === null ? undefined : { _tag: "Ended", epoch, end: ended.end }
    const stored = (from: number, to: number) =>
      Effect.flatMap(
        trying(awaited)(Pages.read(store, epoch, from, to)),
        (page) => page === undefined ? Effect.fail(gone) : Effect.succeed(page)
      )
    const next = (tail: Tails.Tail | undefined, at: number): Effect.Effect<Next, Store.StoreError | Tails.Gone> => {
      if (at === atEnd) return Effect.succeed(undefined)
      const known = Math.max(there, tail?.known() ?? 0)
      if (at < known) {
        // What is not kept here is read in the largest pages that there are.
        const kept = tail?.pageAt(at)
        return Effect.flatMap(
          kept === undefined ? stored(at, known) : Effect.succeed(kept),
          (page) => Pages.reading(epoch, () => [Pages.split(page, maxPage), page.end])
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

  return { follow }
}

/**
 * All that is stored of an answer, as text.
 *
 * @internal
 */
export const text = Effect.fnUntraced(function*(
  store: Store.Service,
  head: State.Head,
  { chunk, patience }: { readonly chunk: Schema.Codec<Chunk, unknown> | undefined; readonly patience: number }
) {
  const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Requests.chunkCodec(chunk))))
  let all = ""
  for (let at = 0; at < head.tail;) {
    const page = yield* trying(patience)(Pages.read(store, head.epoch, at, head.tail))
    if (page === undefined) break
    for (const { content } of yield* Pages.reading(head.epoch, () => decode(page.json))) all += content
    at = page.end
  }
  return all
})
