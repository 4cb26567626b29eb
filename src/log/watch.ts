import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Store from "../stores/Store.ts"
import * as State from "./state.ts"
import * as Tails from "./tail.ts"

/**
 * What others do to the answers that are read or produced here. Hints of the store say where to look, and one look at all
 * answers from time to time finds what no hint told: a hint that is lost only delays.
 *
 * @internal
 */
export interface Watch {
  /** Something is watched that was not. */
  readonly begin: () => void
  /** Tells other servers that an answer has changed. */
  readonly tell: (id: string) => void
}

/** How often all answers are looked at while hints come, and where none do, in ms. */
const lookEvery = { hinted: 300, alone: 10 } as const

/** How long a server rests after a hint, in ms: what changes meanwhile is one hint. */
const restAfterHint = 5

/** How many answers one look or one hint takes: a notification of Postgres has 8,000 bytes. */
const atOnce = { look: 256, hint: 32 } as const

/** @internal */
export const make = Effect.fnUntraced(function*(
  store: Store.Service,
  { changed, failed, me, patience, watched }: {
    /** Text without blanks by which this server knows its own hints. */
    readonly me: string
    /** How long one look may take, in ms. */
    readonly patience: number
    /** The answers, by their ids. */
    readonly watched: () => Iterable<string>
    /** An answer may have changed. Without `found`, that is all that is known; without a head, it is gone. */
    readonly changed: (id: string, found?: { readonly head: State.Head | undefined }) => void
    /** The store can't be looked at. */
    readonly failed: () => void
  }
): Effect.fn.Return<Watch, never, Scope.Scope> {
  const begun = Tails.bell()
  const news = Tails.bell()
  const told = Tails.bell()
  const untold = new Set<string>()
  let seen = new Map<string, string | undefined>()
  let isHinted = false

  const look = Effect.fnUntraced(function*(ids: ReadonlyArray<string>) {
    const next: typeof seen = new Map()
    for (let at = 0; at < ids.length; at += atOnce.look) {
      const some = ids.slice(at, at + atOnce.look)
      const { values } = yield* State.peek(store, some.map((id) => State.head(id).key))
      for (const [index, id] of some.entries()) {
        const text = values[index]
        next.set(id, text)
        if (seen.has(id) && seen.get(id) === text) continue
        const head = State.head(id).read(text)
        changed(id, Result.isSuccess(head) ? { head: head.success } : undefined)
      }
    }
    seen = next
  })

  const looking = Effect.gen(function*() {
    while (true) {
      const first = begun.next()
      const hinted = news.next()
      const ids = Array.from(new Set(watched()))
      if (ids.length === 0) {
        yield* first
        continue
      }
      yield* look(ids).pipe(Effect.timeout(patience), Effect.catch(() => Effect.sync(failed)))
      yield* Effect.raceFirst(hinted, Effect.sleep(isHinted ? lookEvery.hinted : lookEvery.alone))
    }
  })
  yield* Effect.forkScoped(looking)

  const { hints } = store
  if (hints === undefined) return { begin: begun.ring, tell: () => {} }

  const hear = (hint: string | undefined) => {
    isHinted = true
    if (hint === undefined) return news.ring()
    const [from, ...ids] = hint.split(" ")
    if (from !== me) { for (const id of ids) changed(id) }
  }
  yield* Stream.runForEach(hints.heard, (hint) => Effect.sync(() => hear(hint))).pipe(
    Effect.catch((error) => Effect.logDebug("hints of the store are lost", error)),
    Effect.andThen(Effect.sync(() => {
      isHinted = false
    })),
    Effect.repeat(Schedule.spaced(250)),
    Effect.forkScoped
  )

  const telling = Effect.gen(function*() {
    while (true) {
      const more = told.next()
      if (untold.size === 0) yield* more
      const ids = Array.from(untold).slice(0, atOnce.hint)
      for (const id of ids) untold.delete(id)
      yield* hints.tell([me, ...ids].join(" "))
      yield* Effect.sleep(restAfterHint)
    }
  })
  yield* Effect.forkScoped(telling)

  return {
    begin: begun.ring,
    tell: (id) => {
      untold.add(id)
      told.ring()
    }
  }
})
