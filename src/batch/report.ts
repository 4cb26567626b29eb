/**
 * What a batch came to.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import { plain, zero } from "../internal/amount.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import type { Ended, Line } from "./entries.ts"

/** @internal */
export type Status = "done" | "budget" | "stopped" | "interrupted" | "failed"

/** @internal */
export interface Run {
  answers: number
  failures: number
  attempts: number
  cached: number
}

/** @internal */
export interface Model {
  readonly provider: string
  readonly model: string | null
  readonly attempts: number
  readonly answers: number
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly cost: string
  readonly unstated: number
}

/** @internal */
export interface Report {
  readonly status: Status
  readonly why: string | null
  readonly lines: number
  readonly answers: number
  readonly failures: number
  readonly left: number
  readonly attempts: number
  readonly retried: number
  readonly lost: number
  readonly cached: number
  readonly cost: string
  readonly unstated: number
  readonly failuresByReason: Readonly<Record<string, number>>
  readonly models: ReadonlyArray<Model>
  readonly run: Readonly<Run>
}

interface Sum {
  readonly provider: string
  readonly model: string | null
  attempts: number
  answers: number
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  cost: BigDecimal.BigDecimal
  unstated: number
}

/**
 * Adds lines and rows up.
 *
 * @internal
 */
export const tally = () => {
  let answers = 0
  let failures = 0
  let retried = 0
  let cached = 0
  let total = Ledger.nothing
  const reasons = new Map<string, number>()
  const sums = new Map<string, Sum>()
  const sumOf = (provider: string, model: string | null): Sum => {
    const key = JSON.stringify([provider, model])
    const known = sums.get(key)
    if (known !== undefined) return known
    const sum: Sum = {
      provider,
      model,
      attempts: 0,
      answers: 0,
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      cost: zero,
      unstated: 0
    }
    sums.set(key, sum)
    return sum
  }
  const ended = (line: Ended): void => {
    if (line.attempts > 1) retried++
    if (line.cached) cached++
    if (line.reason === null) {
      answers++
      if (!line.cached && line.provider !== null) sumOf(line.provider, line.model).answers++
    } else {
      failures++
      reasons.set(line.reason, (reasons.get(line.reason) ?? 0) + 1)
    }
  }
  return {
    line: (line: Line): void => line.state === "ended" ? ended(line) : undefined,
    row: (row: Ledger.Row): void => {
      total = Ledger.add(total, row)
      const sum = sumOf(row.provider, row.model)
      sum.attempts++
      sum.inputTokens += row.usage?.inputTokens ?? 0
      sum.cachedTokens += row.usage?.cachedTokens ?? 0
      sum.outputTokens += row.usage?.outputTokens ?? 0
      sum.cost = BigDecimal.sum(sum.cost, Ledger.costOf(row))
      if (!row.stated) sum.unstated++
    },
    report: (
      { lines, run, status, why }: {
        readonly status: Status
        readonly why: string | null
        readonly lines: number
        readonly run: Readonly<Run>
      }
    ): Report => ({
      status,
      why,
      lines,
      answers,
      failures,
      left: lines - answers - failures,
      attempts: total.attempts,
      retried,
      lost: total.lost,
      cached,
      cost: plain(total.cost),
      unstated: total.unstated,
      failuresByReason: Object.fromEntries(reasons),
      models: Array.from(sums.values(), (sum) => ({ ...sum, cost: plain(sum.cost) })).sort((a, b) =>
        compare(a.provider, b.provider) || compare(a.model ?? "", b.model ?? "")
      ),
      run
    })
  }
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0
