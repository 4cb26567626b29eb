/**
 * The steps of a line: each reads what it depends on, and writes all that becomes of it.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Result from "effect/Result"
import { zero } from "../internal/amount.ts"
import * as Breaker from "../middleware/state/breaker.ts"
import * as Budget from "../middleware/state/budget.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Limit from "../middleware/state/limit.ts"
import type { Reason } from "../ProviderError.ts"
import type * as Store from "../stores/Store.ts"
import * as Answer from "./answer.ts"
import * as Entries from "./entries.ts"
import type { Choice, Target } from "./target.ts"

/**
 * What holds for all lines of a run.
 *
 * @internal
 */
export interface Rules {
  readonly batch: string
  readonly entries: Entries.Entries
  /** The process. */
  readonly by: string
  /** How long a process that is silent keeps its lines, in ms. */
  readonly lease: number
  readonly rate: Limit.Rate | undefined
  readonly tokenRate: Limit.Rate | undefined
  /** USD. */
  readonly maxCost: BigDecimal.BigDecimal | undefined
  readonly breaker: Breaker.Threshold | undefined
}

type Stepped<A> = Result.Result<Store.Step<A>, Store.StoreError>

const step = <A>(result: A, writes: ReadonlyArray<Store.Write> = []): Stepped<A> => Result.succeed({ result, writes })

/** @internal */
export const rowOf = ({ batch }: Rules, attempt: string): Store.Cell<Ledger.Row> =>
  Ledger.cell({ attempt, batch, user: null })

// ---------------------------------------------------------------------------------------------------------------------
// Start
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A line that may be asked.
 *
 * @internal
 */
export interface Candidate {
  readonly id: string
  readonly digest: string
  /** The attempt after which this process still has the line; `undefined` if it never had it. */
  readonly own: string | undefined
  /** The failure that is asked again, see `Entries.failureOf`. */
  readonly failure: string | undefined
  /** In the order in which they are tried. */
  readonly choices: ReadonlyArray<Choice>
  /** Makes the id of an attempt different from all others of this process. */
  readonly serial: number
}

/**
 * An attempt that has started.
 *
 * @internal
 */
export interface Started {
  readonly _tag: "Started"
  readonly attempt: string
  readonly id: string
  readonly digest: string
  readonly choice: Choice
  /** The slice of the window that its tokens are counted in. */
  readonly slot: number | undefined
  /** Whether it is the one that finds out whether its target is well again. */
  readonly isProbe: boolean
}

/** @internal */
export type Admission =
  | Started
  /** Somebody's run has ended it. */
  | { readonly _tag: "Ended"; readonly line: Entries.Ended }
  /** The answer was in the cache. */
  | { readonly _tag: "Hit"; readonly line: Entries.Ended; readonly text: string }
  /** Another process has it. */
  | { readonly _tag: "Taken"; readonly line: Entries.Running; readonly now: number }
  /** The request is not that of the batch. */
  | { readonly _tag: "Changed" }
  /** An equal request is being asked; the cache will tell. */
  | { readonly _tag: "Flight" }
  /** No target may be asked before that; all targets that there are, or the limits of one. */
  | { readonly _tag: "Wait"; readonly millis: number; readonly why: "limit" | "target" }
  /** The budget does not have what it may cost: not now, or not at all. */
  | { readonly _tag: "Poor"; readonly fitsLater: boolean }

const admitted = (result: Admission, writes?: ReadonlyArray<Store.Write>): Stepped<Admission> => step(result, writes)

/** @internal */
export const cellsOfStart = (rules: Rules, { choices, id }: Candidate) => [
  rules.entries.line(id),
  rules.entries.account,
  ...choices.flatMap(({ cached, target }) => [
    target.hold,
    ...(rules.breaker === undefined ? [] : [target.circuit]),
    ...(rules.rate === undefined ? [] : [target.requests]),
    ...(rules.tokenRate === undefined ? [] : [target.tokens]),
    ...(cached === undefined ? [] : [cached])
  ])
]

/**
 * Starts an attempt, or says why not. Ids of attempts ascend with time.
 *
 * @internal
 */
export const start = (rules: Rules, candidate: Candidate) => (read: Entries.Read, now: number): Stepped<Admission> =>
  Result.gen(function*() {
    const { choices, digest, id } = candidate
    const cell = rules.entries.line(id)
    const line = yield* read(cell)
    if (line !== undefined && line.digest !== digest) return yield* admitted({ _tag: "Changed" })
    if (line?.state === "ended" && !isAskedAgain(line, candidate)) {
      return yield* admitted({ _tag: "Ended", line })
    }
    if (line?.state === "running" && !(line.by === rules.by && line.attempt === candidate.own)) {
      return yield* admitted({ _tag: "Taken", line, now })
    }
    for (const { cached } of choices) {
      const known = cached === undefined ? undefined : yield* read(cached)
      if (known?.state !== "answer") continue
      const { line, text, writes } = ended(rules, candidate, {
        ...known.answer,
        cost: "0",
        attempts: 0,
        cached: true,
        error: null
      })
      return yield* admitted({ _tag: "Hit", line, text }, writes)
    }
    const attempt = `${now.toString(36).padStart(9, "0")}-${rules.by}-${candidate.serial.toString(36).padStart(6, "0")}`
    let soonest = Number.POSITIVE_INFINITY
    for (const choice of choices) {
      const until = yield* closedUntil(rules, choice.target, attempt, now, read)
      if (until === undefined) return yield* startAt(rules, candidate, choice, attempt, now, read)
      soonest = Math.min(soonest, until)
    }
    return yield* admitted({ _tag: "Wait", millis: soonest - now, why: "target" })
  })

/**
 * Whether a line waits for what all lines want: a limit or the budget. Those behind it wait with it, as a large one must not wait
 * for ever behind small ones.
 *
 * @internal
 */
export const holdsBack = (admission: Admission): boolean =>
  admission._tag === "Wait" && admission.why === "limit" || admission._tag === "Poor" && admission.fitsLater

/**
 * Starts attempts in their order, up to the first that holds back the others.
 *
 * @internal
 */
export const startAll = (rules: Rules, candidates: ReadonlyArray<Candidate>) => {
  const steps = candidates.map((candidate) => start(rules, candidate))
  return (read: Entries.Read, now: number): Stepped<ReadonlyArray<Admission>> => {
    let behind: Admission | undefined
    return Entries.inTurn(
      steps.map((one) => (read: Entries.Read, now: number) =>
        behind !== undefined ? admitted(behind) : Result.map(one(read, now), (stepped) => {
          if (holdsBack(stepped.result)) behind = stepped.result
          return stepped
        })
      )
    )(read, now)
  }
}

/** When a target may be asked; `undefined` if it is now. */
const closedUntil = (
  { breaker, lease }: Rules,
  { circuit, hold }: Target,
  attempt: string,
  now: number,
  read: Entries.Read
): Result.Result<number | undefined, Store.StoreError> =>
  Result.gen(function*() {
    const held = yield* read(hold)
    if (held !== undefined && held.until > now) return held.until
    if (breaker === undefined) return undefined
    const admission = Breaker.admit(yield* read(circuit), now, attempt, lease)
    return admission._tag === "Open" ? admission.until : undefined
  })

const startAt = (
  rules: Rules,
  { digest, id }: Candidate,
  choice: Choice,
  attempt: string,
  now: number,
  read: Entries.Read
): Stepped<Admission> =>
  Result.gen(function*() {
    const { batch, breaker, by, entries, lease, maxCost, rate, tokenRate } = rules
    const { cached, model, most = zero, target } = choice
    const until = now + lease
    const known = cached === undefined ? undefined : yield* read(cached)
    if (known?.state === "asking" && known.until > now) return yield* admitted({ _tag: "Flight" })
    const requests = rate && Limit.take(yield* read(target.requests), rate, now, 1)
    const tokens = tokenRate && Limit.take(yield* read(target.tokens), tokenRate, now, choice.tokens)
    const full = [requests, tokens].flatMap((taken) =>
      taken !== undefined && Result.isFailure(taken) ? [taken.failure.until] : []
    )
    if (full.length > 0) return yield* admitted({ _tag: "Wait", millis: Math.max(...full) - now, why: "limit" })
    const account = yield* read(entries.account)
    const reserved = maxCost === undefined && account === undefined
      ? undefined
      : Budget.reserve(account, maxCost ?? boundless, attempt, most, now, until)
    if (reserved !== undefined && Result.isFailure(reserved)) {
      return yield* admitted({ _tag: "Poor", fitsLater: reserved.failure.fitsLater })
    }
    const admission = breaker && Breaker.admit(yield* read(target.circuit), now, attempt, lease)
    const row = Ledger.started({ attempt, batch, id, provider: target.name, model }, now, until)
    return yield* admitted(
      {
        _tag: "Started",
        attempt,
        id,
        digest,
        choice,
        slot: tokens !== undefined && Result.isSuccess(tokens) ? tokens.success.slot : undefined,
        isProbe: admission?._tag === "Probe"
      },
      [
        entries.line(id).put({ state: "running", digest, by, attempt, until }),
        rowOf(rules, attempt).put(row),
        ...put(target.requests, requests, rate),
        ...put(target.tokens, tokens, tokenRate),
        ...(reserved === undefined ? [] : [entries.account.put(reserved.success)]),
        ...(admission?._tag === "Probe" ? [target.circuit.put(admission.circuit)] : []),
        ...(cached === undefined ? [] : [cached.put({ state: "asking", attempt, until }, until + lease)])
      ]
    )
  })

const boundless = BigDecimal.make(1n, -60)

const put = (
  cell: Store.Cell<Limit.Window>,
  taken: Result.Result<Limit.Taken, Limit.Full> | undefined,
  rate: Limit.Rate | undefined
): ReadonlyArray<Store.Write> =>
  taken === undefined || rate === undefined || Result.isFailure(taken)
    ? []
    : [cell.put(taken.success.window, Limit.expiry(taken.success.window, rate))]

const isAskedAgain = (line: Entries.Ended, { failure }: Candidate): boolean =>
  failure !== undefined && Entries.failureOf(line) === failure

/** The entries of a line that ends. */
const ended = (
  { entries }: Rules,
  { digest, id }: Pick<Candidate, "digest" | "id">,
  answer: Omit<Answer.Answer, "id">,
  attempt?: string
) => {
  const text = Answer.text({ id, ...answer })
  const line = Entries.endedWith(answer, digest, text, attempt)
  return { line, text, writes: [entries.line(id).put(line), entries.answer(id).put(text)] }
}

// ---------------------------------------------------------------------------------------------------------------------
// End
// ---------------------------------------------------------------------------------------------------------------------

/**
 * How an attempt ended.
 *
 * @internal
 */
export interface End {
  readonly outcome: "done" | "failed" | "cancelled"
  /** The tag of the reason it failed for. */
  readonly reason: Reason["_tag"] | undefined
  /** Whether content came. */
  readonly emitted: boolean
  readonly fields: Answer.Fields
  readonly stated: Ledger.Stated
  /** Whether that is all that it used. */
  readonly isWhole: boolean
  /** How long the provider wants no request, in ms. */
  readonly hold: number | undefined
}

/**
 * What becomes of the line: it has ended, stays with the process for another attempt, or is left to whoever comes.
 *
 * @internal
 */
export type Next =
  | { readonly _tag: "End"; readonly answer: Omit<Answer.Answer, "id"> }
  | { readonly _tag: "Keep" }
  | { readonly _tag: "Leave" }

/** @internal */
export interface Finished {
  /** Set when the line has ended. */
  readonly ended: { readonly line: Entries.Ended; readonly text: string } | undefined
  /** Probes of the target that have failed in a row. */
  readonly failedProbes: number
}

/** @internal */
export const cellsOfEnd = (rules: Rules, { attempt, choice: { cached, target }, id, slot }: Started) => [
  rules.entries.line(id),
  rules.entries.account,
  rowOf(rules, attempt),
  target.hold,
  ...(rules.breaker === undefined ? [] : [target.circuit]),
  ...(slot === undefined ? [] : [target.tokens]),
  ...(cached === undefined ? [] : [cached])
]

/**
 * Ends an attempt; `undefined` where another process has the line meanwhile: then nothing is written.
 *
 * @internal
 */
export const finish =
  (rules: Rules, started: Started, end: End, next: Next) =>
  (read: Entries.Read, now: number): Stepped<Finished | undefined> =>
    Result.gen(function*() {
      const { attempt, choice, digest, id, slot } = started
      const { breaker, by, entries, lease } = rules
      const { target } = choice
      const line = yield* read(entries.line(id))
      const row = yield* read(rowOf(rules, attempt))
      if (line?.state !== "running" || line.by !== by || line.attempt !== attempt || row?.outcome !== "running") {
        return yield* step(undefined)
      }
      const writes: Array<Store.Write> = [rowOf(rules, attempt).put(rowAtEnd(row, end, now))]
      const account = yield* read(entries.account)
      if (account !== undefined) writes.push(entries.account.put(settled(account, attempt, end)))
      const tokens = slot === undefined ? undefined : yield* read(target.tokens)
      if (tokens !== undefined && slot !== undefined && rules.tokenRate !== undefined && end.isWhole) {
        const { inputTokens = 0, outputTokens = 0 } = end.stated.usage ?? {}
        const window = Limit.settle(tokens, slot, inputTokens + outputTokens - choice.tokens)
        writes.push(target.tokens.put(window, Limit.expiry(window, rules.tokenRate)))
      }
      if (end.hold !== undefined) {
        const hold = Limit.hold(yield* read(target.hold), now + end.hold)
        writes.push(target.hold.put(hold, hold.until))
      }
      let failedProbes = 0
      if (breaker !== undefined) {
        const before = yield* read(target.circuit)
        const after = Breaker.record(
          before,
          now,
          attempt,
          end.outcome === "cancelled" ? "ignored" : Breaker.outcomeOf(end.reason),
          breaker
        )
        if (after !== (before ?? Breaker.closed)) writes.push(target.circuit.put(after))
        if (started.isProbe) failedProbes = after.failedProbes
      }
      if (choice.cached !== undefined) {
        const known = yield* read(choice.cached)
        if (end.outcome === "done") writes.push(choice.cached.put({ state: "answer", answer: end.fields }))
        else if (known?.state === "asking" && known.attempt === attempt) writes.push(choice.cached.remove)
      }
      switch (next._tag) {
        case "End": {
          const { line, text, writes: own } = ended(rules, started, next.answer, attempt)
          return yield* step({ ended: { line, text }, failedProbes }, [...writes, ...own])
        }
        case "Keep":
          writes.push(entries.line(id).put({ ...line, until: now + lease }))
          break
        case "Leave":
          writes.push(entries.line(id).put({ state: "pending", digest }))
      }
      return yield* step({ ended: undefined, failedProbes }, writes)
    })

const rowAtEnd = (row: Ledger.Row, { emitted, isWhole, outcome, reason, stated }: End, now: number): Ledger.Row => {
  switch (outcome) {
    case "done":
      return Ledger.done(row, now, stated)
    case "failed":
      return Ledger.failed(row, now, reason ?? "Unknown", stated, emitted && !isWhole)
    case "cancelled":
      return Ledger.cancelled(row, now, stated, true)
  }
}

const settled = (
  account: Budget.Account,
  attempt: string,
  { emitted, isWhole, outcome, stated }: End
): Budget.Account => {
  const cost = stated.cost?.total ?? zero
  const isFree = isWhole || outcome === "failed" && !emitted && stated.usage === undefined
  const reserved = account.reserved[attempt]?.amount ?? zero
  return Budget.settle(account, attempt, cost, isFree ? zero : Budget.rest(reserved, cost))
}

// ---------------------------------------------------------------------------------------------------------------------
// Lines that end without an attempt, and lines of processes that died
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Ends a line that can't be asked; `undefined` if somebody else has it, or it has ended.
 *
 * @internal
 */
export const fail =
  (rules: Rules, candidate: Candidate, answer: Omit<Answer.Answer, "id">) =>
  (read: Entries.Read): Stepped<{ readonly line: Entries.Ended; readonly text: string } | undefined> =>
    Result.gen(function*() {
      const before = yield* read(rules.entries.line(candidate.id))
      const isOpen = before === undefined || before.state === "pending" ||
        before.state === "running" && before.by === rules.by && before.attempt === candidate.own ||
        before.state === "ended" && isAskedAgain(before, candidate)
      if (!isOpen) return yield* step(undefined)
      const { line, text, writes } = ended(rules, candidate, answer)
      return yield* step({ line, text }, writes)
    })

/** @internal */
export const cellsOfReclaim = (rules: Rules, id: string, attempt: string) => [
  rules.entries.line(id),
  rules.entries.account,
  rowOf(rules, attempt)
]

/**
 * Takes a line from a process that is silent for longer than its lease: its attempt is lost, if it still ran.
 *
 * @internal
 */
export const reclaim =
  (rules: Rules, id: string, attempt: string) => (read: Entries.Read, now: number): Stepped<Entries.Line | undefined> =>
    Result.gen(function*() {
      const cell = rules.entries.line(id)
      const line = yield* read(cell)
      if (line?.state !== "running" || line.attempt !== attempt || line.until > now) return yield* step(line)
      const row = yield* read(rowOf(rules, attempt))
      const account = yield* read(rules.entries.account)
      const pending: Entries.Line = { state: "pending", digest: line.digest }
      return yield* step(pending, [
        cell.put(pending),
        ...(row?.outcome === "running" ? [rowOf(rules, attempt).put(Ledger.lost(row, now))] : []),
        ...(account?.reserved[attempt] === undefined
          ? []
          : [rules.entries.account.put(Budget.settle(account, attempt, zero, account.reserved[attempt].amount))])
      ])
    })

// ---------------------------------------------------------------------------------------------------------------------
// Leases
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A line that this process has: it asks, or waits to ask again.
 *
 * @internal
 */
export interface Held {
  readonly id: string
  readonly attempt: string
  /** Set while it asks. */
  readonly started: Started | undefined
}

/** @internal */
export const cellsOfRenewal = (rules: Rules, held: ReadonlyArray<Held>) => [
  rules.entries.account,
  ...held.flatMap(({ attempt, id, started }) => [
    rules.entries.line(id),
    ...(started === undefined ? [] : [
      rowOf(rules, attempt),
      ...(started.isProbe ? [started.choice.target.circuit] : []),
      ...(started.choice.cached === undefined ? [] : [started.choice.cached])
    ])
  ])
]

/**
 * Keeps lines for another lease. Those that others have meanwhile stay theirs.
 *
 * @internal
 */
export const renew = (rules: Rules, held: ReadonlyArray<Held>) => (read: Entries.Read, now: number): Stepped<void> =>
  Result.gen(function*() {
    const until = now + rules.lease
    const writes: Array<Store.Write> = []
    const before = yield* read(rules.entries.account)
    let account = before
    for (const { attempt, id, started } of held) {
      const cell = rules.entries.line(id)
      const line = yield* read(cell)
      if (line?.state !== "running" || line.by !== rules.by || line.attempt !== attempt) continue
      writes.push(cell.put({ ...line, until }))
      if (started === undefined) continue
      const row = yield* read(rowOf(rules, attempt))
      if (row !== undefined) writes.push(rowOf(rules, attempt).put(Ledger.renew(row, until)))
      account = account && Budget.renew(account, attempt, until)
      const { cached, target } = started.choice
      const known = cached === undefined ? undefined : yield* read(cached)
      if (cached !== undefined && known?.state === "asking" && known.attempt === attempt) {
        writes.push(cached.put({ ...known, until }, until + rules.lease))
      }
      const circuit = started.isProbe ? yield* read(target.circuit) : undefined
      if (circuit?.probe?.by === attempt) {
        writes.push(target.circuit.put({ ...circuit, probe: { by: attempt, until } }))
      }
    }
    if (account !== undefined && account !== before) writes.push(rules.entries.account.put(account))
    return yield* step(undefined, writes)
  })

/**
 * Leaves lines to whoever comes. Those that others have meanwhile stay theirs.
 *
 * @internal
 */
export const release = (rules: Rules, held: ReadonlyArray<Held>) => (read: Entries.Read): Stepped<void> =>
  Result.gen(function*() {
    const writes: Array<Store.Write> = []
    for (const { attempt, id } of held) {
      const cell = rules.entries.line(id)
      const line = yield* read(cell)
      if (line?.state === "running" && line.by === rules.by && line.attempt === attempt) {
        writes.push(cell.put({ state: "pending", digest: line.digest }))
      }
    }
    return yield* step(undefined, writes)
  })
