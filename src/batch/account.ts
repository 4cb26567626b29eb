/**
 * The account of a batch.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { zero } from "../internal/amount.ts"
import * as Budget from "../middleware/state/budget.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import type * as Store from "../stores/Store.ts"
import * as Entries from "./entries.ts"
import type { Lines } from "./lines.ts"
import * as Target from "./target.ts"

/**
 * Begins the account of a batch that has run without a budget: what earlier attempts did cost is added once. Later ones
 * are in it from their start.
 *
 * @internal
 */
export const open = Effect.fnUntraced(function*<E>({ batch, bounds, entries, lines, store }: {
  readonly batch: string
  readonly store: Store.Service
  readonly entries: Entries.Entries
  readonly lines: Lines<E>
  readonly bounds: Target.Settings
}): Effect.fn.Return<void, Store.StoreError | E> {
  const opening = yield* Entries.step(
    store,
    [entries.opening, entries.account],
    (read, now) =>
      Result.gen(function*() {
        const known = yield* read(entries.opening)
        const account = yield* read(entries.account)
        const opening = known ?? { at: now, isAdded: false }
        return {
          result: opening,
          writes: [
            ...(known === undefined ? [entries.opening.put(opening)] : []),
            ...(account === undefined ? [entries.account.put(Budget.empty)] : [])
          ]
        }
      })
  )
  if (opening.isAdded) return
  let spent = zero
  let unknown = zero
  yield* Stream.runForEach(store.scan(Ledger.prefix({ batch: batch })), (entry) =>
    Effect.gen(function*() {
      const row = yield* Effect.fromResult(Ledger.cells(entry.key).read(entry.value))
      if (row === undefined || row.startedAt >= opening.at) return
      const cost = Ledger.costOf(row)
      spent = BigDecimal.sum(spent, cost)
      if (!row.open) return
      const index = row.id === null ? undefined : lines.indexOf(row.id)
      if (index === undefined) return
      const request = Target.read(yield* lines.request(index), bounds)
      if (Result.isFailure(request)) return
      const most = bounds.targets.filter(({ name }) => name === row.provider).map((target) =>
        Target.bounds(request.success, target, bounds).most ?? zero
      )
      unknown = BigDecimal.sum(unknown, Budget.rest(most.reduce(BigDecimal.max, zero), cost))
    }))
  yield* Entries.step(store, [entries.opening, entries.account], (read) =>
    Result.gen(function*() {
      const known = yield* read(entries.opening)
      const account = (yield* read(entries.account)) ?? Budget.empty
      return {
        result: undefined,
        writes: known?.isAdded === true ? [] : [
          entries.opening.put({ ...opening, isAdded: true }),
          entries.account.put({
            ...account,
            spent: BigDecimal.sum(account.spent, spent),
            unknown: BigDecimal.sum(account.unknown, unknown)
          })
        ]
      }
    }))
})
