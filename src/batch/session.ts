/**
 * A process's part in a batch: its lines, and the dispatcher that asks them.
 *
 * @internal
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Iterable from "effect/Iterable"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import * as Redaction from "../engine/redaction.ts"
import * as Watch from "../engine/watch.ts"
import type * as ResponseHead from "../middleware/ResponseHead.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Limit from "../middleware/state/limit.ts"
import * as Pricing from "../Pricing.ts"
import * as Store from "../stores/Store.ts"
import * as Account from "./account.ts"
import * as After from "./after.ts"
import * as Answer from "./answer.ts"
import * as Attempt from "./attempt.ts"
import * as Entries from "./entries.ts"
import { Known, type Progress } from "./known.ts"
import * as Lines from "./lines.ts"
import * as Now from "./now.ts"
import * as Ready from "./ready.ts"
import * as Registration from "./registration.ts"
import * as Report from "./report.ts"
import * as Steps from "./steps.ts"
import type * as Target from "./target.ts"
import { Waits, type Why } from "./waits.ts"

/**
 * What a run does, all of it checked.
 *
 * @internal
 */
export interface Settings<E> {
  readonly batch: string
  readonly lines: Lines.Lines<E>
  readonly targets: ReadonlyArray<Target.Target>
  readonly defaults: Partial<ChatRequest.Normalized>
  readonly concurrency: number
  readonly maxRetries: number
  readonly attemptTimeout: Duration.Duration
  readonly maxWait: Duration.Duration
  readonly lease: Duration.Duration
  readonly rate: Limit.Rate | undefined
  readonly tokenRate: Limit.Rate | undefined
  readonly maxCost: BigDecimal.BigDecimal | undefined
  readonly breaker: Steps.Rules["breaker"]
  readonly cache: boolean
  readonly retryFailed: boolean
  /** Cut out of whatever providers say. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Run once for each line that this process ends, after the store has it. */
  readonly onEnded: (text: string) => Effect.Effect<void, E>
}

/** How often others' work is looked at, at most, in ms. */
const lookEvery = 250

/**
 * Probes in a row after which a target is not asked any more in the run.
 *
 * @internal
 */
export const mostProbes = 5

/** @internal */
export interface Progressed extends Readonly<Report.Run> {
  readonly lines: number
  readonly ended: number
  readonly failed: number
  readonly running: number
}

/** @internal */
export interface Session<E> {
  /**
   * Puts the lines into the store, with what an output has of them already. Fails, and changes nothing, where the store has
   * other requests by their ids.
   */
  readonly register: <E2>(
    output: Stream.Stream<string, E2>
  ) => Effect.Effect<void, Lines.Refused | Store.StoreError | E | E2>
  /** Asks until nothing is left to do. */
  readonly work: Effect.Effect<void, Lines.Refused | Store.StoreError | E, Scope.Scope>
  /** Nothing more starts; `work` ends when the running requests have. */
  readonly stop: Effect.Effect<void>
  /** Interrupts the running requests. */
  readonly cancel: Effect.Effect<void>
  readonly progress: () => Progressed
  /** Adds up what the store has; `each` gets all lines that have ended. */
  readonly report: (
    each: (index: number, line: Entries.Ended) => void
  ) => Effect.Effect<Report.Report, Store.StoreError>
  readonly rules: Steps.Rules
}

/** @internal */
export const make = Effect.fnUntraced(function*<E>(
  settings: Settings<E>
): Effect.fn.Return<Session<E>, never, Store.Store> {
  const store = yield* Store.Store
  // Those of the targets are loaded.
  const pricing = yield* Pricing.Pricing
  const { lines, targets } = settings
  const entries = Entries.of(settings.batch)
  const by = yield* processName
  const lease = Duration.toMillis(settings.lease)
  const maxWait = Duration.toMillis(settings.maxWait)
  const maxAttempts = targets.length + settings.maxRetries
  const rules: Steps.Rules = { ...settings, entries, by, lease }
  const day = Effect.map(Clock.currentTimeMillis, Pricing.dayOf)

  const known = new Known(lines.ids.length)
  const waits = new Waits()
  /** Why targets are not asked any more, by their places. */
  const closed = new Map<number, string>()
  const run: Report.Run = { answers: 0, failures: 0, attempts: 0, cached: 0 }
  let running = 0
  let serial = 0
  let status: Report.Status = "done"
  let why: string | null = null
  let isStopping = false
  let fatal: Cause.Cause<Lines.Refused | Store.StoreError | E> | undefined
  const signal = yield* Queue.sliding<void>(1)
  const wake = () => Queue.offerUnsafe(signal, undefined)
  let cancelling: Effect.Effect<void> = Effect.void
  /** Whether the batch has an account, now or from an earlier run. */
  let isBudgeted = settings.maxCost !== undefined
  const bounds = Effect.map(day, (day): Target.Settings => ({
    ...settings,
    pricing,
    day,
    isBudgeted,
    isMetered: settings.tokenRate !== undefined
  }))
  const ready = Ready.make({ lines, known, concurrency: settings.concurrency, settings: bounds })
  const lineCell = (index: number) => entries.line(lines.ids[index] ?? "")

  const stop = (how: Report.Status, reason: string | null): void => {
    if (!isStopping) {
      status = how
      why = reason
    }
    isStopping = true
    wake()
  }

  const failWith = (cause: Cause.Cause<Lines.Refused | Store.StoreError | E>): void => {
    fatal ??= cause
    const error = Cause.squash(cause)
    stop("failed", error instanceof Error ? error.message : String(error))
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Attempts
  // -------------------------------------------------------------------------------------------------------------------

  const ended = Effect.fnUntraced(function*(
    index: number,
    { line, text }: { readonly line: Entries.Ended; readonly text: string }
  ) {
    known.end(index, line)
    if (line.reason === null) run.answers++
    else run.failures++
    if (line.cached) run.cached++
    yield* Effect.catchCause(
      Effect.suspend(() => settings.onEnded(text)),
      (cause) => Effect.sync(() => failWith(cause))
    )
  })

  const clean = (text: string): string => Redaction.clean(text, settings.secrets)

  const close = (target: Target.Target, reason: string): void => {
    if (!closed.has(target.position)) closed.set(target.position, reason)
    if (closed.size === targets.length) stop("stopped", Array.from(closed.values()).join("; "))
  }

  /** Holds back everyone from a target that says that it has nothing left. */
  const learn = (target: Target.Target) => ({ limits }: ResponseHead.ResponseHead) => {
    const holds = limits.flatMap(({ remaining, resetAfter }) =>
      remaining === 0 && resetAfter !== undefined ? [Duration.toMillis(resetAfter)] : []
    ).filter((millis) => millis > 0 && millis <= maxWait)
    return holds.length === 0
      ? Effect.void
      : Effect.catch(
        Entries.step(store, [target.hold], (read, now) =>
          Result.map(read(target.hold), (held) => {
            const next = Limit.hold(held, now + Math.max(...holds))
            return { result: undefined, writes: [target.hold.put(next, next.until)] }
          })),
        (error) => Effect.sync(() => failWith(Cause.fail(error)))
      )
  }

  const attempt = (index: number, progress: Progress, started: Steps.Started) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const { choice: { target } } = started
        const made = Attempt.make(started, { ...settings, pricing }, learn(target))
        const exit = yield* Effect.exit(restore(made.run))
        const { answer, closes, end, error, isCancelled } = made.outcome(exit, yield* day)
        if (error !== undefined && closes) close(target, clean(error.message))
        progress.attempts++
        const after = isCancelled
          ? { _tag: "Leave" } as const
          : error === undefined
          ? { _tag: "Fail" } as const
          : After.after({
            reason: error.reason._tag,
            emitted: end.emitted,
            position: target.position,
            attempts: progress.attempts,
            maxAttempts,
            isClosed: closed.has(target.position),
            open: progress.able.filter((position) => !closed.has(position) && !progress.excluded.has(position)),
            isAnyOpen: closed.size < targets.length,
            isStopping
          })
        const next: Steps.Next = after._tag === "Fail"
          ? { _tag: "End", answer: answer(progress.attempts) }
          : after._tag === "Again"
          ? { _tag: "Keep" }
          : { _tag: "Leave" }
        const finished = yield* Entries.step(
          store,
          Steps.cellsOfEnd(rules, started),
          Steps.finish(rules, started, end, next)
        ).pipe(Effect.retry({ while: ({ reason }) => reason === "Unavailable", schedule: whileAway }))
        running--
        if (finished === undefined || after._tag === "Leave") {
          known.drop(index)
          // Another process has it, or it is left: whoever looks next will see.
          if (known.is(index, "mine")) known.set(index, finished === undefined ? "fresh" : "aside")
        } else if (after._tag === "Again") {
          known.held.set(index, { id: started.id, attempt: started.attempt, started: undefined })
          if (after.isElsewhere) progress.excluded.add(target.position)
          progress.position = after.position
          if (after.isRound) progress.rounds++
          const pause = after.isRound ? After.pause(progress.rounds, yield* Random.next) : 0
          waits.add(index, (yield* Now.millis) + pause, "retry")
        }
        if (finished !== undefined && finished.failedProbes >= mostProbes) {
          close(
            target,
            `${target.name}: ${mostProbes} probes in a row failed${
              error === undefined ? "" : `: ${clean(error.message)}`
            }`
          )
        }
        if (finished?.ended !== undefined) yield* ended(index, finished.ended)
        waits.ended(started)
        wake()
      }).pipe(
        Effect.catchCause((cause) =>
          Effect.sync(() => {
            running--
            failWith(cause)
          })
        )
      )
    )

  // -------------------------------------------------------------------------------------------------------------------
  // The dispatcher
  // -------------------------------------------------------------------------------------------------------------------

  let lookedAt = Number.NEGATIVE_INFINITY
  let poor = 0
  /**
   * Lines that are tried in one step: few at first, as a cold process sends some time after the step, by which their limits
   * count; and few where limits leave room for few, as whoever is tried in vain is read in vain.
   */
  let atOnce = 4

  /** The lines that start next. Only the first of them may be large, as all are in memory at once. */
  const pick = (now: number): ReadonlyArray<number> => {
    const picked: Array<number> = []
    if (!waits.isOpen(now)) return picked
    const fresh = Iterable.filter(
      known.fresh(known.cursor),
      (index) => !waits.has(index) && !picked.includes(index)
    )[Symbol.iterator]()
    const most = Math.min(settings.concurrency - running, atOnce)
    while (picked.length < most) {
      const due = waits.first(now)
      const index = due ?? (waits.isFull ? undefined : fresh.next().value)
      if (index === undefined || picked.length > 0 && !ready.isSmall(index)) break
      if (due === undefined) known.cursor = index
      else waits.remove(due)
      picked.push(index)
    }
    return picked
  }

  /** A step of the dispatcher. One that the store did all the same gives a line to an attempt that is lost after its lease. */
  const stepped = <A>(
    cells: ReadonlyArray<Pick<Store.Cell<unknown>, "key">>,
    f: (read: Entries.Read, now: number) => Result.Result<Store.Step<A>, Store.StoreError>
  ) =>
    Effect.retry(Entries.step(store, cells, f), {
      while: ({ reason }) => reason === "Unavailable" && !isStopping,
      schedule: whileAway
    })

  /** Looks at lines that others may have worked at. */
  const look = Effect.fnUntraced(function*(indexes: ReadonlyArray<number>) {
    for (let from = 0; from < indexes.length; from += Entries.page) {
      const some = indexes.slice(from, from + Entries.page)
      const found = yield* stepped(some.map(lineCell), (read, now) =>
        Result.gen(function*() {
          const stored: Array<readonly [number, Entries.Line]> = []
          for (const index of some) {
            const line = yield* read(lineCell(index))
            if (line !== undefined) stored.push([index, line])
          }
          return { result: { stored, now }, writes: [] }
        }))
      const now = yield* Now.millis
      for (const [index, line] of found.stored) known.see(index, line, found.now, now)
    }
  })

  const reclaimSilent = Effect.gen(function*() {
    const now = yield* Now.millis
    for (const [index, { attempt, until }] of Array.from(known.taken)) {
      if (until > now) continue
      const id = lines.ids[index] ?? ""
      const result = yield* stepped(
        Steps.cellsOfReclaim(rules, id, attempt),
        (read, storeNow) =>
          Result.map(Steps.reclaim(rules, id, attempt)(read, storeNow), ({ result, writes }) => ({
            result: { line: result, storeNow },
            writes
          }))
      )
      if (result.line !== undefined) known.see(index, result.line, result.storeNow, yield* Now.millis)
    }
  })

  /** The targets that a line may be asked at now, in the order in which they are tried. */
  const order = (choices: ReadonlyArray<Target.Choice>, { excluded, position }: Progress) => {
    const open = choices.filter(({ target }) => !closed.has(target.position) && !excluded.has(target.position))
    return [
      ...open.filter(({ target }) => target.position >= position),
      ...open.filter(({ target }) => target.position < position)
    ]
  }

  /** What a line is asked with; `undefined` where it can't be asked: then it has ended, or is left in this run. */
  const candidateOf = Effect.fnUntraced(function*(index: number) {
    const line = yield* ready.take(index)
    const { choices: prepared, digest } = line
    const progress = known.progress.get(index) ??
      { attempts: 0, position: 0, rounds: 0, excluded: new Set<number>(), able: [] as ReadonlyArray<number> }
    const candidate: Steps.Candidate = {
      id: lines.ids[index] ?? "",
      digest,
      own: known.held.get(index)?.attempt,
      failure: known.failures.get(index),
      choices: [],
      serial: serial++
    }
    const refuse = Effect.fnUntraced(function*(
      reason: string,
      message: string,
      { model, provider }: { readonly provider: string; readonly model: string | null }
    ) {
      const result = yield* stepped(
        [entries.line(candidate.id)],
        Steps.fail(rules, candidate, {
          ...Answer.nothing,
          provider,
          model,
          cost: null,
          attempts: progress.attempts,
          cached: false,
          error: { reason, message: clean(message), status: null, retryable: false, emitted: false }
        })
      )
      if (result === undefined) yield* look([index])
      else yield* ended(index, result)
      return undefined
    })
    if (Result.isFailure(prepared)) {
      const { provider, reason } = prepared.failure
      return yield* refuse(reason._tag, reason.message, { provider, model: null })
    }
    const fits = prepared.success.filter(({ tokens }) =>
      settings.tokenRate === undefined || tokens <= settings.tokenRate.amount
    )
    const [first] = prepared.success
    if (first !== undefined && !fits.includes(first)) {
      return yield* refuse(
        "ExceedsLimit",
        `the request may take ${first.tokens} tokens, and the limit is ${settings.tokenRate?.amount}`,
        { provider: first.target.name, model: first.model ?? null }
      )
    }
    progress.able = fits.map(({ target }) => target.position)
    const choices = order(fits, progress)
    if (choices.length === 0) {
      known.set(index, "aside")
      return undefined
    }
    return { index, line, progress, candidate: { ...candidate, choices } }
  })

  type Candidate = NonNullable<Effect.Success<ReturnType<typeof candidateOf>>>

  /** Goes on with what the store said to a line at a time, in monotonic ms. */
  const admitted = Effect.fnUntraced(function*(
    { candidate, index, line, progress }: Candidate,
    admission: Steps.Admission,
    steppedAt: number,
    fork: (effect: Effect.Effect<void>) => Effect.Effect<unknown>
  ) {
    const wait = (why: Why, millis: number, isForAll: boolean) => {
      const due = steppedAt + Math.min(Math.max(millis, 1), why === "limit" ? 1000 : lookEvery)
      waits.add(index, due, why)
      if (isForAll) waits.close(due)
      ready.keep(index, line)
    }
    switch (admission._tag) {
      case "Started":
        known.set(index, "mine")
        known.progress.set(index, progress)
        known.held.set(index, { id: candidate.id, attempt: admission.attempt, started: admission })
        run.attempts++
        running++
        yield* fork(attempt(index, progress, admission))
        return
      case "Hit":
        return yield* ended(index, admission)
      case "Ended":
        return known.end(index, admission.line)
      case "Taken": {
        known.held.delete(index)
        if (known.is(index, "mine")) known.set(index, "fresh")
        const now = yield* Now.millis
        known.see(index, admission.line, admission.now, now)
        // Somebody else works here: go on elsewhere, and see what is done already.
        if (now - lookedAt >= lookEvery) {
          lookedAt = now
          yield* look(Array.from(Iterable.take(known.fresh(index + 1), Entries.page)))
        }
        known.cursor = yield* Random.nextIntBetween(0, known.size)
        return
      }
      case "Changed":
        return yield* new Lines.Refused({
          problems: [`${JSON.stringify(candidate.id)} has another request`],
          message: "the lines changed while they were read"
        })
      case "Flight":
        return wait("flight", lookEvery, false)
      case "Wait":
        return wait(
          admission.why,
          admission.millis,
          admission.why === "limit" || candidate.choices.length === targets.length
        )
      case "Poor":
        if (admission.fitsLater) return wait("budget", lookEvery, true)
        poor++
        return known.set(index, "aside")
    }
  })

  /** Starts lines, all in one step of the store. */
  const admit = Effect.fnUntraced(function*(
    indexes: ReadonlyArray<number>,
    fork: (effect: Effect.Effect<void>) => Effect.Effect<unknown>
  ) {
    const found = yield* Effect.forEach(indexes, candidateOf)
    const able = found.filter((one) => one !== undefined)
    if (able.length === 0 || isStopping) return
    const clock = yield* Clock.Clock
    // The store counts from its step on, and its answer may take a while.
    let steppedAt = 0
    const step = Steps.startAll(rules, able.map(({ candidate }) => candidate))
    const admissions = yield* stepped(
      able.flatMap(({ candidate }) => Steps.cellsOfStart(rules, candidate)),
      (read, now) => {
        steppedAt = Watch.millis(clock)
        return step(read, now)
      }
    )
    const behind = admissions.findIndex(Steps.holdsBack)
    atOnce = behind === -1 ? Math.min(2 * atOnce, Ready.most) : Math.max(behind, 1)
    for (const [position, admission] of admissions.entries()) {
      const one = able[position]
      if (one !== undefined) yield* admitted(one, admission, steppedAt, fork)
    }
  })

  const dispatch = Effect.fnUntraced(function*(fork: (effect: Effect.Effect<void>) => Effect.Effect<unknown>) {
    while (!isStopping) {
      const now = yield* Now.millis
      const picked = pick(now)
      if (picked.length > 0) {
        yield* admit(picked, fork)
        continue
      }
      if (running === 0 && waits.isEmpty && known.freshCount === 0 && known.taken.size === 0) return
      const isPolling = known.taken.size > 0 && known.freshCount === 0
      if (isPolling && now - lookedAt >= lookEvery) {
        lookedAt = now
        yield* reclaimSilent
        yield* look(Array.from(known.taken.keys()))
        continue
      }
      const soonest = Math.min(
        running < settings.concurrency ? waits.due : Infinity,
        isPolling ? lookedAt + lookEvery : Infinity
      )
      if (soonest > now + 1 && known.freshCount > 0 && (yield* ready.next)) continue
      yield* soonest === Infinity
        ? Queue.take(signal)
        : Effect.timeoutOption(Queue.take(signal), Duration.millis(Math.max(soonest - now, 1)))
    }
  })

  const heartbeat = Effect.gen(function*() {
    const all = Array.from(known.held.values())
    for (let from = 0; from < all.length; from += Entries.page) {
      const some = all.slice(from, from + Entries.page)
      yield* Entries.step(store, Steps.cellsOfRenewal(rules, some), Steps.renew(rules, some))
    }
  }).pipe(
    // The next one may come through; and when none does, others take the lines, which the end of an attempt respects.
    Effect.ignore,
    Effect.repeat(Schedule.spaced(Duration.millis(lease / 3)))
  )

  const releaseAll = Effect.suspend(() => {
    const all = Array.from(known.held.values())
    known.held.clear()
    return Effect.forEach(
      Array.from(
        { length: Math.ceil(all.length / Entries.page) },
        (_, n) => all.slice(n * Entries.page, (n + 1) * Entries.page)
      ),
      (some) => Entries.step(store, some.map(({ id }) => entries.line(id)), Steps.release(rules, some)),
      { discard: true }
    )
  })

  const work = Effect.gen(function*() {
    if (settings.maxCost !== undefined) {
      const own = { ...yield* bounds, isMetered: false }
      yield* Account.open({ batch: settings.batch, store, entries, lines, bounds: own })
    } else {
      isBudgeted = yield* Entries.step(
        store,
        [entries.account],
        (read) => Result.map(read(entries.account), (account) => ({ result: account !== undefined, writes: [] }))
      )
    }
    const fibers = yield* FiberSet.make<void>()
    cancelling = FiberSet.clear(fibers)
    yield* Effect.forkScoped(heartbeat)
    // Each request that is interrupted has an end to write.
    yield* Effect.addFinalizer(() =>
      FiberSet.clear(fibers).pipe(
        Effect.andThen(FiberSet.awaitEmpty(fibers)),
        Effect.andThen(Effect.ignore(releaseAll))
      )
    )
    yield* Effect.catchCause(
      dispatch((effect) => FiberSet.run(fibers, effect)),
      (cause) => Effect.sync(() => failWith(cause))
    )
    yield* FiberSet.awaitEmpty(fibers)
    yield* releaseAll
    if (fatal !== undefined) return yield* Effect.failCause(fatal)
    if (!isStopping && poor > 0) {
      status = "budget"
      why = `${poor} lines don't fit into what is left of the budget`
    } else if (!isStopping && closed.size > 0 && known.isAny("aside")) {
      status = "stopped"
      why = Array.from(closed.values()).join("; ")
    }
  })

  return {
    register: (output) =>
      Registration.register({ ...settings, store, entries, known, isStopping: () => isStopping }, output),
    work,
    stop: Effect.sync(() => stop("interrupted", "a signal")),
    cancel: Effect.suspend(() => cancelling),
    rules,
    progress: () => ({
      ...run,
      lines: known.size,
      ended: known.endedCount,
      failed: known.failedCount,
      running
    }),
    report: Effect.fnUntraced(function*(each) {
      const tally = Report.tally()
      yield* Stream.runForEach(store.scan(entries.lines), (entry) =>
        Effect.gen(function*() {
          const line = yield* Effect.fromResult(Entries.line(entry.key).read(entry.value))
          if (line === undefined) return
          tally.line(line)
          const index = lines.indexOf(entries.idOf(entry.key))
          if (line.state === "ended" && index !== undefined) each(index, line)
        }))
      const now = yield* store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
      yield* Stream.runForEach(
        store.scan(Ledger.prefix({ batch: settings.batch })),
        (entry) =>
          Effect.map(Effect.fromResult(Ledger.cells(entry.key).read(entry.value)), (row) => {
            if (row !== undefined) tally.row(Ledger.seen(row, now))
          })
      )
      return tally.report({ lines: known.size, run, status, why })
    })
  }
})

/** A store that can't be reached may be back: a batch that runs for hours is worth a wait, and so is what was paid. */
const whileAway = Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))

const processName: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 35), 8),
  (digits) => digits.map((digit) => digit.toString(36)).join("")
)
