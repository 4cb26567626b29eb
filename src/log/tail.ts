import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { StoreError } from "../stores/Store.ts"
import { joinedPages, type Page } from "./pages.ts"
import type * as State from "./state.ts"

/**
 * Something that others wait for, again and again. Who takes `next` before looking at what may have changed misses nothing.
 *
 * @internal
 */
export interface Bell {
  readonly next: () => Effect.Effect<void>
  readonly ring: () => void
}

/** @internal */
export const bell = (): Bell => {
  let next = Deferred.makeUnsafe<void>()
  return {
    next: () => Deferred.await(next),
    ring: () => {
      const rung = next
      next = Deferred.makeUnsafe<void>()
      Deferred.doneUnsafe(rung, Effect.void)
    }
  }
}

/**
 * The end of a log that all readers of it in this process share: one look at the store serves them all. It keeps the last
 * pages; a reader that is further back reads the store.
 *
 * @internal
 */
export interface Tail {
  readonly id: string
  readonly epoch: string
  readonly changed: Bell
  /** Asks for a look at the store. */
  readonly nudge: Bell
  /** Chunks that are stored, as far as it is known here. */
  readonly known: () => number
  /** What follows `from`, if it is kept. */
  readonly pageAt: (from: number) => Page | undefined
  /** Takes a page if it is the next one. */
  readonly push: (page: Page) => void
  /** Why nothing more comes here. */
  readonly over: () => Over | undefined
  readonly finish: (over: Over) => void
  readers: number
  fiber: Fiber.Fiber<void> | undefined
}

/** @internal */
export interface Ended {
  readonly _tag: "Ended"
  readonly epoch: string
  readonly end: State.End
}

/**
 * The log of an answer that was there is not there any more.
 *
 * @internal
 */
export interface Gone {
  readonly _tag: "Gone"
}

/** @internal */
export type Over = Ended | Gone | { readonly _tag: "Unavailable"; readonly error: StoreError }

/** The most that is kept, in UTF-16 code units. */
const maxKept = 2 * 1024 * 1024

/** @internal */
export const make = (id: string, epoch: string, from: number): Tail => {
  const changed = bell()
  let pages: Array<Page> = []
  let kept = 0
  let known = from
  let over: Over | undefined
  return {
    id,
    epoch,
    changed,
    nudge: bell(),
    known: () => known,
    pageAt: (from) => {
      let low = 0
      let high = pages.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((pages[middle]?.start ?? from) < from) low = middle + 1
        else high = middle
      }
      return pages[low]?.start === from ? joinedPages(pages, low) : undefined
    },
    push: (page) => {
      if (page.start !== known) return
      pages.push(page)
      known = page.end
      kept += page.json.length
      if (kept > maxKept) {
        // Half of them at once: dropping one by one would be quadratic.
        const half = Math.ceil(pages.length / 2)
        for (const { json } of pages.slice(0, half)) kept -= json.length
        pages = pages.slice(half)
      }
      changed.ring()
    },
    over: () => over,
    finish: (result) => {
      over ??= result
      changed.ring()
    },
    readers: 0,
    fiber: undefined
  }
}
