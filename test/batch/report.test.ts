import { assert, describe, it } from "@effect/vitest"
import type { Ended } from "../../src/batch/entries.ts"
import * as Report from "../../src/batch/report.ts"
import { Usage } from "../../src/index.ts"
import type * as Ledger from "../../src/middleware/state/ledger.ts"

const ended: Ended = {
  state: "ended",
  digest: "d",
  reason: null,
  provider: "openai",
  model: "small",
  attempts: 1,
  cached: false,
  mark: "m"
}

const row: Ledger.Row = {
  attempt: "a",
  batch: "b",
  id: "q",
  user: null,
  provider: "openai",
  model: "small",
  outcome: "done",
  reason: null,
  usage: new Usage.Usage({ inputTokens: 10, cachedTokens: 4, outputTokens: 5 }),
  cost: "0.5",
  stated: true,
  open: false,
  startedAt: 1,
  endedAt: 2,
  until: null
}

const run: Report.Run = { answers: 1, failures: 2, attempts: 3, cached: 4 }

const reportOf = (
  lines: ReadonlyArray<Parameters<ReturnType<typeof Report.tally>["line"]>[0]>,
  rows: ReadonlyArray<Ledger.Row>
) => {
  const tally = Report.tally()
  for (const line of lines) tally.line(line)
  for (const row of rows) tally.row(row)
  return tally.report({ status: "stopped", why: "enough", lines: 10, run })
}

const none = { attempts: 0, answers: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, cost: "0", unstated: 0 }

describe("the report of a batch", () => {
  it("has zeros before anything has happened", () => {
    assert.deepStrictEqual(reportOf([], []), {
      status: "stopped",
      why: "enough",
      lines: 10,
      answers: 0,
      failures: 0,
      left: 10,
      attempts: 0,
      retried: 0,
      lost: 0,
      cached: 0,
      cost: "0",
      unstated: 0,
      failuresByReason: {},
      models: [],
      run
    })
  })

  it("adds up lines that have ended, and attempts by their models", () => {
    const report = reportOf(
      [
        { state: "pending", digest: "d" },
        { state: "running", digest: "d", by: "one", attempt: "a", until: 1 },
        ended,
        { ...ended, attempts: 2 },
        { ...ended, attempts: 0, cached: true },
        { ...ended, provider: "anthropic", model: null, attempts: 3 },
        { ...ended, provider: null },
        { ...ended, reason: "ServerError", attempts: 2 },
        { ...ended, reason: "Timeout" },
        { ...ended, reason: "ServerError", provider: null, model: null }
      ],
      [
        row,
        { ...row, cost: "0.25", usage: new Usage.Usage({ inputTokens: 1, cachedTokens: 1, outputTokens: 1 }) },
        { ...row, model: "large", outcome: "failed", usage: null, cost: null, stated: false },
        { ...row, outcome: "lost", usage: null, cost: null, stated: false },
        { ...row, provider: "anthropic", model: null, usage: new Usage.Usage({}), cost: "0.125" }
      ]
    )
    assert.deepStrictEqual(report, {
      status: "stopped",
      why: "enough",
      lines: 10,
      answers: 5,
      failures: 3,
      left: 2,
      attempts: 5,
      retried: 3,
      lost: 1,
      cached: 1,
      cost: "0.875",
      unstated: 2,
      failuresByReason: { ServerError: 2, Timeout: 1 },
      models: [
        { ...none, provider: "anthropic", model: null, attempts: 1, answers: 1, cost: "0.125" },
        { ...none, provider: "openai", model: "large", attempts: 1, unstated: 1 },
        {
          provider: "openai",
          model: "small",
          attempts: 3,
          answers: 2,
          inputTokens: 11,
          cachedTokens: 5,
          outputTokens: 6,
          cost: "0.75",
          unstated: 1
        }
      ],
      run
    })
  })

  it("has its models in order, whichever came first", () => {
    const names = [["b", "y"], ["a", "z"], ["b", null], ["b", "x"], ["a", "y"]] as const
    for (const order of [names, names.toReversed()]) {
      const { models } = reportOf([], order.map(([provider, model]) => ({ ...row, provider, model })))
      assert.deepStrictEqual(models.map(({ model, provider }) => [provider, model]), [
        ["a", "y"],
        ["a", "z"],
        ["b", null],
        ["b", "x"],
        ["b", "y"]
      ])
    }
  })
})
