import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { tokensOf } from "../batch/answer.ts"
import { plain } from "../internal/amount.ts"
import * as Log from "../log/state.ts"
import * as Ledger from "../middleware/Ledger.ts"
import * as Sums from "../middleware/state/ledger.ts"
import * as Store from "../stores/Store.ts"
import * as BatchStore from "./batch/store.ts"
import * as Json from "./json.ts"
import { print } from "./output.ts"
import { printable } from "./printable.ts"
import { type Failed, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export interface Arguments {
  readonly store: string
  readonly batch: Option.Option<string>
  readonly user: Option.Option<string>
  /** The attempts that started at this time or later, and before that one. */
  readonly since: Option.Option<Date>
  readonly until: Option.Option<Date>
  readonly by: Option.Option<Group>
  readonly json: boolean
}

type Group = "user" | "batch" | "model" | "day"

/** @internal */
export const ledger = Effect.fn("cli.ledger")(function*(
  asked: Arguments
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const file = /^sqlite:(.+)$/s.exec(asked.store)?.[1]
  // Opening it would make it.
  if (file !== undefined && !(yield* files.exists(file))) return yield* wrongUsage(`--store: ${file}: no such file`)
  yield* Effect.flatMap(BatchStore.layer(asked.store), Layer.build).pipe(
    Effect.flatMap((context) => Effect.provide(asked.json ? printJson(asked) : printText(asked), context)),
    Effect.catchTag("StoreError", (error) => Effect.fail(BatchStore.unusable(error))),
    Effect.scoped
  )
})

/** The attempts of batches and of providers with a `Ledger`, and the answers of a stream log, each of which is one. */
const rows = ({ batch, since, until, user }: Arguments): Stream.Stream<Ledger.Row, Store.StoreError, Store.Store> => {
  const wanted = Option.match(batch, {
    onNone: () => Option.match(user, { onNone: () => undefined, onSome: (user) => ({ user }) }),
    onSome: (batch) => ({ batch })
  })
  const answers = Option.isSome(batch) ? Stream.empty : answersOf(Option.getOrUndefined(user))
  const from = Option.match(since, { onNone: () => -Infinity, onSome: (date) => date.getTime() })
  const to = Option.match(until, { onNone: () => Infinity, onSome: (date) => date.getTime() })
  return Stream.concat(Ledger.rows(wanted), answers).pipe(
    Stream.filter((row) =>
      row.startedAt >= from && row.startedAt < to && Option.match(user, {
        onNone: () => true,
        onSome: (user) => row.user === user
      })
    )
  )
}

const answersOf = (user: string | undefined): Stream.Stream<Ledger.Row, Store.StoreError, Store.Store> =>
  Stream.map(Stream.unwrap(Store.Store.useSync((store) => Log.rows(store, user))), rowOf)

const rowOf = ({ end, unstated, ...bill }: Log.Row): Ledger.Row => ({
  ...bill,
  batch: null,
  outcome: outcomes[end],
  reason: null,
  stated: !unstated,
  open: unstated,
  until: null
})

const outcomes = { Done: "done", Failed: "failed", Cancelled: "cancelled", Lost: "lost" } as const

const nameOf: Readonly<Record<Group, (row: Ledger.Row) => string>> = {
  user: ({ user }) => user ?? "",
  batch: ({ batch }) => batch ?? "",
  model: ({ model, provider }) => `${provider} ${model ?? ""}`.trim(),
  day: ({ startedAt }) => timeOf(startedAt).slice(0, 10)
}

/** Prints the rows, or their sums by group, and the sum of all. */
const printed = Effect.fnUntraced(function*(
  asked: Arguments,
  rowText: (row: Ledger.Row) => string,
  sumsText: (group: Group, sums: ReadonlyArray<readonly [name: string, sum: Ledger.Total]>) => string
) {
  let total = Sums.nothing
  const sums = new Map<string, Ledger.Total>()
  yield* Stream.runForEachArray(rows(asked), (some) => {
    for (const row of some) {
      total = Sums.add(total, row)
      if (Option.isNone(asked.by)) continue
      const name = nameOf[asked.by.value](row)
      sums.set(name, Sums.add(sums.get(name) ?? Sums.nothing, row))
    }
    return Option.isSome(asked.by) ? Effect.void : print(some.map(rowText).join(""))
  })
  if (Option.isSome(asked.by)) {
    yield* print(sumsText(asked.by.value, Array.from(sums).sort(([a], [b]) => a < b ? -1 : 1)))
  }
  return total
})

const printJson = Effect.fnUntraced(function*(asked: Arguments) {
  const total = yield* printed(
    asked,
    (row) => Json.line(jsonOf(row)),
    (group, sums) => sums.map(([name, sum]) => Json.line({ type: "sum", [group]: name, ...inJson(sum) })).join("")
  )
  yield* print(Json.line({ type: "total", ...inJson(total) }))
})

const printText = Effect.fnUntraced(function*(asked: Arguments) {
  const { cost, ...counts } = yield* printed(asked, lineOf, (group, sums) =>
    `${
      Text.table([
        [group, "attempts", "unstated", "cost"],
        ...sums.map((
          [name, { attempts, cost, unstated }]
        ) => [name === "" ? "-" : Text.oneLine(name), `${attempts}`, `${unstated}`, `$${plain(cost)}`])
      ])
    }\n`)
  yield* print(
    Text.table([...Object.entries(counts).map(([name, count]) => [name, `${count}`]), ["cost", `$${plain(cost)}`]])
  )
})

const inJson = ({ cost, ...counts }: Ledger.Total) => ({ ...counts, cost: plain(cost) })

const timeOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const jsonOf = (
  { attempt, batch, cost, endedAt, id, model, outcome, provider, reason, startedAt, stated, usage, user }: Ledger.Row
) => ({
  type: "attempt",
  attempt,
  batch,
  id,
  user,
  provider,
  model,
  outcome,
  reason,
  usage: tokensOf(usage ?? undefined),
  cost,
  stated,
  startedAt: timeOf(startedAt),
  endedAt: endedAt === null ? null : timeOf(endedAt)
})

const lineOf = ({ batch, cost, id, model, outcome, provider, reason, startedAt, user }: Ledger.Row): string =>
  printable(`${
    [
      timeOf(startedAt),
      outcome.padEnd(9),
      provider,
      model ?? "-",
      cost === null ? "-" : `$${cost}`,
      ...(reason === null ? [] : [reason]),
      ...Object.entries({ batch, id, user }).flatMap(([field, name]) =>
        name === null ? [] : [`${field} ${Text.oneLine(name)}`]
      )
    ].join("  ")
  }\n`)
