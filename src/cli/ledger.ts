import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { plain } from "../internal/amount.ts"
import * as Ledger from "../middleware/state/ledger.ts"
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
  readonly json: boolean
}

/** @internal */
export const ledger = Effect.fn("cli.ledger")(function*(
  { batch, json, store: url }: Arguments
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | FileSystem.FileSystem> {
  const files = yield* FileSystem.FileSystem
  const file = /^sqlite:(.+)$/s.exec(url)?.[1]
  // Opening it would make it.
  if (file !== undefined && !(yield* files.exists(file))) return yield* wrongUsage(`--store: ${file}: no such file`)
  yield* Effect.flatMap(BatchStore.layer(url), Layer.build).pipe(
    Effect.flatMap((context) => Effect.provide(rows(batch, json), context)),
    Effect.catchTag("StoreError", (error) => Effect.fail(BatchStore.unusable(error))),
    Effect.scoped
  )
})

const rows = Effect.fnUntraced(function*(batch: Option.Option<string>, json: boolean) {
  const store = yield* Store.Store
  const now = yield* store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
  let total = Ledger.nothing
  const prefix = Ledger.prefix(Option.getOrUndefined(Option.map(batch, (batch) => ({ batch }))))
  const all = store.scan(prefix).pipe(
    Stream.mapEffect(({ key, value }) => Effect.fromResult(Ledger.cells(key).read(value))),
    Stream.flatMap((row) => row === undefined ? Stream.empty : Stream.succeed(Ledger.seen(row, now))),
    Stream.tap((row) =>
      Effect.sync(() => {
        total = Ledger.add(total, row)
      })
    )
  )
  yield* Stream.runForEachArray(
    all,
    (some) => print(some.map((row) => json ? Json.line(jsonOf(row)) : lineOf(row)).join(""))
  )
  const { cost, ...counts } = total
  yield* print(
    json
      ? Json.line({ type: "total", ...counts, cost: plain(cost) })
      : Text.table([...Object.entries(counts).map(([name, count]) => [name, `${count}`]), ["cost", `$${plain(cost)}`]])
  )
})

const timeOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const jsonOf = (
  { attempt, batch, cost, endedAt, id, model, outcome, provider, reason, startedAt, stated, usage }: Ledger.Row
) => ({
  type: "attempt",
  attempt,
  batch,
  id,
  provider,
  model,
  outcome,
  reason,
  usage: usage === null ? null : {
    inputTokens: usage.inputTokens ?? null,
    cachedTokens: usage.cachedTokens ?? null,
    cacheWriteTokens: usage.cacheWriteTokens ?? null,
    outputTokens: usage.outputTokens ?? null,
    reasoningTokens: usage.reasoningTokens ?? null
  },
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
      ...[batch ?? user, id].flatMap((name) => name === null ? [] : [Text.oneLine(name)])
    ].join("  ")
  }\n`)
