/**
 * Lines that can't start yet.
 *
 * @internal
 */
import type * as Steps from "./steps.ts"

/** @internal */
export type Why = "retry" | "flight" | "limit" | "target" | "budget"

interface Waiting {
  readonly index: number
  /** Monotonic ms. */
  due: number
  readonly why: Why
}

/** Whether the end of an attempt may end a wait. */
const frees: Readonly<Record<Why, (started: Steps.Started) => boolean>> = {
  retry: () => false,
  flight: ({ choice }) => choice.cached !== undefined,
  limit: ({ slot }) => slot !== undefined,
  target: ({ isProbe }) => isProbe,
  budget: () => true
}

/** Lines that wait at the same time; more would be much to keep alive, and to read again. */
const most = 256

/** @internal */
export class Waits {
  #all: Array<Waiting> = []
  /** Until when nothing starts, in monotonic ms. */
  #closedUntil = 0

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  get isFull(): boolean {
    return this.#all.length >= most
  }

  has(index: number): boolean {
    return this.#all.some((one) => one.index === index)
  }

  add(index: number, due: number, why: Why): void {
    this.#all.push({ index, due, why })
  }

  /** Nothing starts before. */
  close(until: number): void {
    this.#closedUntil = until
  }

  isOpen(now: number): boolean {
    return this.#closedUntil <= now
  }

  /** The line that has been due for longest. */
  first(now: number): number | undefined {
    return this.#all.reduce<Waiting | undefined>(
      (first, one) => one.due > now || first !== undefined && first.due <= one.due ? first : one,
      undefined
    )?.index
  }

  /** A line waits no longer. */
  remove(index: number): void {
    this.#all = this.#all.filter((one) => one.index !== index)
  }

  /** When the first of them may start, in monotonic ms; `Infinity` when none waits. */
  get due(): number {
    return Math.max(this.#closedUntil, Math.min(...this.#all.map(({ due }) => due)))
  }

  /** An attempt has ended, which may be what lines waited for. */
  ended(started: Steps.Started): void {
    for (const one of this.#all) if (frees[one.why](started)) one.due = this.#closedUntil = 0
  }
}
