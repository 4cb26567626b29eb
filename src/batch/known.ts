/**
 * What a process knows of the lines of a batch.
 *
 * @internal
 */
import * as Entries from "./entries.ts"
import type * as Steps from "./steps.ts"

const states = {
  /** Nobody works at it. */
  fresh: 0,
  /** This process does. */
  mine: 1,
  /** Another process does. */
  others: 2,
  ended: 3,
  /** It is left in this run. */
  aside: 4
} as const

/** @internal */
export type State = keyof typeof states

/**
 * How far this process is with a line.
 *
 * @internal
 */
export interface Progress {
  attempts: number
  /** Where among the targets it goes on. */
  position: number
  rounds: number
  /** The places of targets that don't have the model. */
  readonly excluded: Set<number>
  /** The places of the targets that can take it. */
  able: ReadonlyArray<number>
}

/** @internal */
export class Known {
  readonly size: number
  endedCount = 0
  failedCount = 0
  freshCount: number
  /** The failures that are asked again. */
  readonly failures = new Map<number, string>()
  /** What others have, with the attempt, and when their lease ends, in monotonic ms. */
  readonly taken = new Map<number, { readonly attempt: string; readonly until: number }>()
  /** What this process has in the store. */
  readonly held = new Map<number, Steps.Held>()
  readonly progress = new Map<number, Progress>()
  /** Where the next line is looked for. */
  cursor = 0
  // A byte a line, as there may be a million.
  readonly #states: Uint8Array

  constructor(size: number) {
    this.size = size
    this.freshCount = size
    this.#states = new Uint8Array(size)
  }

  is(index: number, state: State): boolean {
    return this.#states[index] === states[state]
  }

  isAny(state: State): boolean {
    return this.#states.includes(states[state])
  }

  set(index: number, state: State): void {
    if (this.is(index, "fresh")) this.freshCount--
    if (state === "fresh") this.freshCount++
    if (this.is(index, "others")) this.taken.delete(index)
    this.#states[index] = states[state]
  }

  /** A line that has failed is asked again. */
  askAgain(index: number, line: Entries.Ended): void {
    const failure = Entries.failureOf(line)
    if (failure !== undefined) this.failures.set(index, failure)
  }

  /** Takes notice of a line that the store has. */
  see(index: number, line: Entries.Line, storeNow: number, now: number): void {
    if (this.is(index, "mine") || this.is(index, "ended")) return
    switch (line.state) {
      case "pending":
        return this.is(index, "aside") ? undefined : this.set(index, "fresh")
      case "running":
        this.set(index, "others")
        this.taken.set(index, { attempt: line.attempt, until: now + line.until - storeNow })
        return
      case "ended":
        return this.failures.has(index) && this.failures.get(index) === Entries.failureOf(line)
          ? this.set(index, "fresh")
          : this.end(index, line)
    }
  }

  /** Takes notice of the end of a line. */
  end(index: number, line: Entries.Ended): void {
    if (this.is(index, "ended")) return
    this.set(index, "ended")
    this.endedCount++
    if (line.reason !== null) this.failedCount++
    this.drop(index)
  }

  /** This process no longer works at a line. */
  drop(index: number): void {
    this.progress.delete(index)
    this.held.delete(index)
  }

  /** The lines that nobody works at, among so many places from one on, and round to it. */
  *fresh(from: number, places: number = this.size): Generator<number> {
    let left = this.freshCount
    for (let passed = 0; left > 0 && passed < Math.min(places, this.size); passed++) {
      const index = (from + passed) % this.size
      if (!this.is(index, "fresh")) continue
      left--
      yield index
    }
  }
}
