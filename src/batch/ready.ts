/**
 * Lines that are read and encoded before they can start, so that they start at once when they can.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as ProviderError from "../ProviderError.ts"
import * as Digest from "./digest.ts"
import type { Known } from "./known.ts"
import type { Lines } from "./lines.ts"
import * as Target from "./target.ts"

/**
 * Lines that are held in memory before they start.
 *
 * @internal
 */
export const most = 16

/** The largest line that is, in bytes. */
const largest = 64 * 1024

/** @internal */
export interface Ready {
  readonly digest: string
  readonly choices: Result.Result<ReadonlyArray<Target.Choice>, ProviderError.ProviderError>
}

/** @internal */
export interface Prepared<out E> {
  /** Whether a line is small enough to be held. */
  readonly isSmall: (index: number) => boolean
  /** The line, which is not held any longer. */
  readonly take: (index: number) => Effect.Effect<Ready, E>
  /** Holds a line that could not start. */
  readonly keep: (index: number, line: Ready) => void
  /** Prepares a line that comes soon; whether there was one to prepare. */
  readonly next: Effect.Effect<boolean, E>
}

/** @internal */
export const make = <E>({ concurrency, known, lines, settings }: {
  readonly lines: Lines<E>
  readonly known: Known
  readonly concurrency: number
  readonly settings: Effect.Effect<Target.Settings>
}): Prepared<E> => {
  const ready = new Map<number, Ready>()
  const prepare = Effect.fnUntraced(function*(index: number) {
    const request = yield* lines.request(index)
    const line: Ready = {
      digest: yield* Digest.ofJson(request),
      choices: yield* Effect.result(Target.choices(request, yield* settings))
    }
    return line
  })
  const isSmall = (index: number): boolean => lines.sizeOf(index) <= largest
  const keep = (index: number, line: Ready): void => {
    if (ready.size < most && isSmall(index)) ready.set(index, line)
  }
  return {
    isSmall,
    keep,
    take: (index) =>
      Effect.suspend(() => {
        const line = ready.get(index)
        ready.delete(index)
        return line === undefined ? prepare(index) : Effect.succeed(line)
      }),
    next: Effect.gen(function*() {
      if (ready.size >= Math.min(most, concurrency)) return false
      for (const index of known.fresh(known.cursor, 2 * most)) {
        if (ready.has(index)) continue
        keep(index, yield* prepare(index))
        return ready.has(index)
      }
      return false
    })
  }
}
