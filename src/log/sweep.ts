/**
 * The sweep of logs: answers of producers that died are lost, and what has expired is removed.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Store from "../stores/Store.ts"
import * as Pages from "./pages.ts"
import * as State from "./state.ts"

/**
 * One sweep. It looks at each answer that runs elsewhere.
 *
 * @internal
 */
export const make = (
  store: Store.Service,
  { isRecorded, look }: {
    readonly isRecorded: (id: string) => boolean
    readonly look: (id: string) => Effect.Effect<unknown, Store.StoreError>
  }
): Effect.Effect<void, Store.StoreError> => {
  const pagesOf = (prefix: string) =>
    Stream.paginate(prefix, (from: string) =>
      Effect.map(Pages.entries(store, prefix, from, 256), (entries) => {
        const last = entries.length < 256 ? undefined : entries.at(-1)
        return [entries, last === undefined ? Option.none() : Option.some(`${last.key}\u0000`)] as const
      }))

  const sweepRunning = Stream.runForEach(pagesOf(State.runningKey), (entry) => {
    const mark = State.markOf(entry)
    return Result.isFailure(mark) || mark.success === undefined || isRecorded(mark.success.id)
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
  return Effect.andThen(sweepRunning, sweepExpired)
}
