/**
 * Puts the lines of a batch into the store.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Store from "../stores/Store.ts"
import * as Answer from "./answer.ts"
import * as Entries from "./entries.ts"
import type { Known } from "./known.ts"
import * as Lines from "./lines.ts"
import * as Now from "./now.ts"

/**
 * Puts the lines into the store, with what an output has of them already. Fails, and changes nothing, where the store has
 * other requests by their ids.
 *
 * @internal
 */
export const register = Effect.fnUntraced(function*<E, E2>(
  { batch, entries, isStopping, known, lines, retryFailed, store }: {
    readonly batch: string
    readonly store: Store.Service
    readonly entries: Entries.Entries
    readonly lines: Lines.Lines<E>
    readonly known: Known
    readonly retryFailed: boolean
    readonly isStopping: () => boolean
  },
  output: Stream.Stream<string, E2>
): Effect.fn.Return<void, Lines.Refused | Store.StoreError | E2> {
  const begunWithOthers = (problems: ReadonlyArray<string>) =>
    new Lines.Refused({
      problems: Lines.first(problems),
      message: `the batch ${JSON.stringify(batch)} was begun with other lines; a new name begins another`
    })
  const cellOf = (index: number) => entries.line(lines.ids[index] ?? "")
  const problems: Array<string> = []
  const isStored = new Uint8Array(known.size)
  const storeNow = yield* store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
  const now = yield* Now.millis
  yield* Stream.runForEach(store.scan(entries.lines), (entry) =>
    Effect.gen(function*() {
      const id = entries.idOf(entry.key)
      const line = yield* Effect.fromResult(Entries.line(entry.key).read(entry.value))
      if (line === undefined) return
      const index = lines.indexOf(id)
      if (index === undefined) problems.push(`${JSON.stringify(id)} is gone`)
      else if (lines.digests[index] !== line.digest) problems.push(`${JSON.stringify(id)} has another request`)
      else {
        isStored[index] = line.state === "pending" ? 1 : 2
        if (retryFailed && line.state === "ended") known.askAgain(index, line)
        known.see(index, line, storeNow, now)
      }
    }))
  if (problems.length > 0) {
    return yield* begunWithOthers(problems)
  }
  if (isStored.every((stored) => stored === 2)) return
  // What an output has need not be asked again, whatever became of the store. A line that failed may be answered further on.
  const isFound = new Uint8Array(known.size)
  let hasFailures = false
  const restore = (isFailure: boolean) =>
    output.pipe(
      Stream.map((text) => ({ text, answer: Answer.fromText(text) })),
      Stream.filterMap(({ answer, text }) => {
        const index = answer === undefined ? undefined : lines.indexOf(answer.id)
        if (answer === undefined || index === undefined || isStored[index] === 2 || isFound[index] === 1) {
          return Result.failVoid
        }
        if ((answer.error !== null) !== isFailure) {
          hasFailures = true
          return Result.failVoid
        }
        isFound[index] = 1
        return Result.succeed({ answer, text, index })
      }),
      Stream.grouped(100),
      Stream.runForEach((found) =>
        Entries.step(store, found.map(({ answer: { id } }) => entries.line(id)), (read) =>
          Result.gen(function*() {
            const ended: Array<{ readonly index: number; readonly line: Entries.Ended }> = []
            const writes: Array<Store.Write> = []
            for (const { answer, index, text } of found) {
              const { error, id } = answer
              const before = yield* read(entries.line(id))
              if (before !== undefined && (before.state !== "pending" || error !== null)) continue
              const line = Entries.endedWith(answer, lines.digests[index] ?? "", text)
              ended.push({ index, line })
              writes.push(entries.line(id).put(line), entries.answer(id).put(text))
            }
            return { result: ended, writes }
          })).pipe(
            Effect.map((ended) => {
              for (const { index, line } of ended) {
                if (known.is(index, "ended")) continue
                isStored[index] = 2
                if (retryFailed) known.askAgain(index, line)
                known.see(index, line, 0, 0)
              }
            })
          )
      )
    )
  yield* restore(false)
  if (hasFailures) yield* restore(true)
  const missing = Array.from(isStored.keys()).filter((index) => isStored[index] === 0)
  for (let from = 0; from < missing.length && !isStopping(); from += Entries.page) {
    const some = missing.slice(from, from + Entries.page)
    const found = yield* Entries.step(store, some.map(cellOf), (read, now) =>
      Result.gen(function*() {
        const stored: Array<readonly [number, Entries.Line]> = []
        const writes: Array<Store.Write> = []
        for (const index of some) {
          const line = yield* read(cellOf(index))
          if (line !== undefined) stored.push([index, line])
          else writes.push(cellOf(index).put({ state: "pending", digest: lines.digests[index] ?? "" }))
        }
        return { result: { stored, now }, writes }
      }))
    const at = yield* Now.millis
    for (const [index, line] of found.stored) {
      if (line.digest !== lines.digests[index]) {
        return yield* begunWithOthers([`${JSON.stringify(lines.ids[index])} has another request`])
      }
      known.see(index, line, found.now, at)
    }
  }
})
