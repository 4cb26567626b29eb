/**
 * A process's part in a batch: its lines, and the dispatcher that asks them.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ChatResponse from "../ChatResponse.ts"
import { hasOutput } from "../Chunk.ts"
import * as Redaction from "../engine/redaction.ts"
import { plain, zero } from "../internal/amount.ts"
import * as ResponseHead from "../middleware/ResponseHead.ts"
import * as Budget from "../middleware/state/budget.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Limit from "../middleware/state/limit.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as After from "./after.ts"
import * as Answer from "./answer.ts"
import * as Digest from "./digest.ts"
import * as Entries from "./entries.ts"
import * as Lines from "./lines.ts"
import * as Report from "./report.ts"
import * as Steps from "./steps.ts"
import * as Target from "./target.ts"

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

/** What this process knows of a line. */
const fresh = 0
const mine = 1
const others = 2
const over = 3
const aside = 4

interface Progress {
  attempts: number
  /** Where among the targets it goes on. */
  position: number
  rounds: number
  /** The places of targets that don't have the model. */
  readonly excluded: Set<number>
  /** The places of the targets that can take it. */
  able: ReadonlyArray<number>
}

interface Waiting {
  readonly index: number
  /** Monotonic ms. */
  due: number
  readonly why: "retry" | "flight" | "limit" | "target" | "budget"
}

/** A page of lines that is read or written in one step. */
const page = 500

/** Lines that wait at the same time; more would be much to keep alive, and to read again. */
const mostWaiting = 256

interface Ready {
  readonly digest: string
  readonly choices: Result.Result<ReadonlyArray<Target.Choice>, ProviderError.ProviderError>
}

/** Lines that are held in memory before they start. */
const mostReady = 16

/** The largest line that is, in bytes. */
const largestReady = 64 * 1024

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
    known: Stream.Stream<string, E2>
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

const millisNow = Effect.clockWith((clock) => Effect.sync(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6))

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

  const states = new Uint8Array(lines.ids.length)
  let freshCount = states.length
  let endedCount = 0
  let failedCount = 0
  /** The failures that are asked again. */
  const failures = new Map<number, string>()
  /** What others have, with the attempt, and when their lease ends, in monotonic ms. */
  const taken = new Map<number, { readonly attempt: string; readonly until: number }>()
  const held = new Map<number, Steps.Held>()
  const progressOf = new Map<number, Progress>()
  const closed = new Map<number, string>()
  const run: Report.Run = { answers: 0, failures: 0, attempts: 0, cached: 0 }
  let running = 0
  let waiting: Array<Waiting> = []
  let serial = 0
  let status: Report.Status = "done"
  let why: string | null = null
  let isStopping = false
  let fatal: Cause.Cause<Lines.Refused | Store.StoreError | E> | undefined
  const signal = yield* Queue.sliding<void>(1)
  const wake = () => Queue.offerUnsafe(signal, undefined)
  let cancelling: Effect.Effect<void> = Effect.void

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

  const setState = (index: number, state: number): void => {
    if (states[index] === fresh) freshCount--
    if (state === fresh) freshCount++
    if (states[index] === others) taken.delete(index)
    states[index] = state
  }

  /** Takes notice of a line that the store has. */
  const see = (index: number, line: Entries.Line, storeNow: number, now: number): void => {
    if (states[index] === mine || states[index] === over) return
    switch (line.state) {
      case "pending":
        return states[index] === aside ? undefined : setState(index, fresh)
      case "running":
        setState(index, others)
        taken.set(index, { attempt: line.attempt, until: now + line.until - storeNow })
        return
      case "ended":
        return failures.has(index) && failures.get(index) === Entries.failureOf(line)
          ? setState(index, fresh)
          : seeEnded(index, line)
    }
  }

  const noteFailure = (index: number, line: Entries.Ended): void => {
    const failure = settings.retryFailed ? Entries.failureOf(line) : undefined
    if (failure !== undefined) failures.set(index, failure)
  }

  const seeEnded = (index: number, line: Entries.Ended): void => {
    setState(index, over)
    endedCount++
    if (line.reason !== null) failedCount++
    progressOf.delete(index)
    held.delete(index)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Registration
  // -------------------------------------------------------------------------------------------------------------------

  const register = Effect.fnUntraced(function*<E2>(
    known: Stream.Stream<string, E2>
  ): Effect.fn.Return<void, Lines.Refused | Store.StoreError | E | E2> {
    const problems: Array<string> = []
    const isStored = new Uint8Array(states.length)
    const storeNow = yield* store.transact([], (_, now) => Result.succeed({ result: now, writes: [] }))
    const now = yield* millisNow
    yield* Stream.runForEach(store.scan(entries.lines), (entry) =>
      Effect.gen(function*() {
        const id = idOf(entries.lines, entry.key)
        const line = yield* Effect.fromResult(Entries.line(entry.key).read(entry.value))
        if (line === undefined) return
        const index = lines.indexOf(id)
        if (index === undefined) problems.push(`${JSON.stringify(id)} is gone`)
        else if (lines.digests[index] !== line.digest) problems.push(`${JSON.stringify(id)} has another request`)
        else {
          isStored[index] = line.state === "pending" ? 1 : 2
          if (line.state === "ended") noteFailure(index, line)
          see(index, line, storeNow, now)
        }
      }))
    if (problems.length > 0) {
      return yield* new Lines.Refused({
        problems: Lines.first(problems),
        message: `the batch ${JSON.stringify(settings.batch)} was begun with other lines; a new name begins another`
      })
    }
    if (isStored.every((stored) => stored === 2)) return
    // What an output has need not be asked again, whatever became of the store.
    yield* known.pipe(
      Stream.map((text) => ({ text, answer: Answer.fromText(text) })),
      Stream.filterMap(({ answer, text }) => {
        const index = answer === undefined ? undefined : lines.indexOf(answer.id)
        return answer === undefined || index === undefined || isStored[index] === 2
          ? Result.failVoid
          : Result.succeed({ answer, text, index })
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
                if (states[index] === over) continue
                isStored[index] = 2
                noteFailure(index, line)
                see(index, line, 0, 0)
              }
            })
          )
      )
    )
    const missing = Array.from(isStored.keys()).filter((index) => isStored[index] === 0)
    for (let from = 0; from < missing.length && !isStopping; from += page) {
      const some = missing.slice(from, from + page)
      const found = yield* Entries.step(store, some.map(lineCell), (read, now) =>
        Result.gen(function*() {
          const known: Array<readonly [number, Entries.Line]> = []
          const writes: Array<Store.Write> = []
          for (const index of some) {
            const line = yield* read(lineCell(index))
            if (line !== undefined) known.push([index, line])
            else writes.push(lineCell(index).put({ state: "pending", digest: lines.digests[index] ?? "" }))
          }
          return { result: { known, now }, writes }
        }))
      const at = yield* millisNow
      for (const [index, line] of found.known) {
        if (line.digest !== lines.digests[index]) {
          return yield* new Lines.Refused({
            problems: [`${JSON.stringify(lines.ids[index])} has another request`],
            message: `the batch ${JSON.stringify(settings.batch)} was begun with other lines; a new name begins another`
          })
        }
        see(index, line, found.now, at)
      }
    }
  })

  const lineCell = (index: number) => entries.line(lines.ids[index] ?? "")

  // -------------------------------------------------------------------------------------------------------------------
  // The account
  // -------------------------------------------------------------------------------------------------------------------

  /**
   * Begins the account of a batch that has run without a budget: what earlier attempts did cost is added once. Later ones
   * are in it from their start.
   */
  const openAccount = Effect.gen(function*() {
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
    const day = yield* Effect.map(Clock.currentTimeMillis, Pricing.dayOf)
    let spent = zero
    let unknown = zero
    yield* Stream.runForEach(store.scan(Ledger.prefix({ batch: settings.batch })), (entry) =>
      Effect.gen(function*() {
        const row = yield* Effect.fromResult(Ledger.cells(entry.key).read(entry.value))
        if (row === undefined || row.startedAt >= opening.at) return
        const cost = Ledger.costOf(row)
        spent = BigDecimal.sum(spent, cost)
        if (!row.open) return
        const index = row.id === null ? undefined : lines.indexOf(row.id)
        if (index === undefined) return
        const request = Target.read(yield* lines.request(index), settings)
        if (Result.isFailure(request)) return
        const most = targets.filter(({ name }) => name === row.provider).map((target) =>
          Target.bounds(request.success, target, { ...settings, pricing, day, isBudgeted: true, isMetered: false })
            .most ?? zero
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

  // -------------------------------------------------------------------------------------------------------------------
  // Attempts
  // -------------------------------------------------------------------------------------------------------------------

  const ended = Effect.fnUntraced(function*(
    index: number,
    { line, text }: { readonly line: Entries.Ended; readonly text: string }
  ) {
    if (states[index] !== over) seeEnded(index, line)
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

  /** Whether the end of an attempt may end a wait. */
  const frees: Readonly<Record<Waiting["why"], (started: Steps.Started) => boolean>> = {
    retry: () => false,
    flight: ({ choice }) => choice.cached !== undefined,
    limit: ({ slot }) => slot !== undefined,
    target: ({ isProbe }) => isProbe,
    budget: () => true
  }

  const attempt = (index: number, progress: Progress, started: Steps.Started) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const { choice: { model, request, target } } = started
        const accumulator = ChatResponse.accumulator()
        let emitted = false
        const exit = yield* target.service.stream(request).pipe(
          ResponseHead.tap(learn(target)),
          Stream.runForEachArray((chunks) => {
            for (const chunk of chunks) {
              emitted ||= hasOutput(chunk)
              accumulator.add(chunk)
            }
            return accumulator.failure === undefined ? Effect.void : Effect.fail(accumulator.failure)
          }),
          Effect.provideService(Provider.CurrentPolicy, {
            maxRetries: 0,
            firstByteTimeout: settings.attemptTimeout,
            totalTimeout: settings.attemptTimeout
          }),
          restore,
          Effect.exit
        )
        const response = accumulator.response()
        const error = Exit.isSuccess(exit) ? undefined : errorOf(target, exit.cause)
        const cost = response.usage === undefined
          ? undefined
          : Result.getOrUndefined(Pricing.costWith(Pricing.onDay(response.costMetadata, yield* day), pricing))
        const isWhole = Ledger.isWhole(response.usage) && (error === undefined || response.finishReasons.length > 0)
        const reason = error?.reason._tag
        const asked = error?.retryAfter === undefined ? undefined : Duration.toMillis(error.retryAfter)
        const isTooLong = asked !== undefined && asked > maxWait
        const isCancelled = Exit.hasInterrupts(exit)
        if (error !== undefined && (After.closes(error.reason._tag) || isTooLong && error.isRetryable)) {
          close(target, clean(error.message))
        }
        const fields: Answer.Fields = {
          provider: response.provider ?? target.name,
          model: response.model === undefined ? model ?? null : clean(response.model),
          content: error === undefined || emitted ? clean(response.content) : null,
          reasoning: error === undefined || emitted ? clean(response.reasoning) : null,
          refusal: error === undefined || emitted ? clean(response.refusal) : null,
          toolCalls: response.toolCalls.map((call) => ({
            id: clean(call.id),
            name: clean(call.name),
            arguments: clean(call.arguments)
          })),
          finishReason: response.commonFinishReasons[0] ?? null,
          usage: Answer.tokensOf(response.usage)
        }
        const end: Steps.End = {
          outcome: isCancelled ? "cancelled" : error === undefined ? "done" : "failed",
          reason,
          emitted,
          fields,
          stated: {
            provider: fields.provider ?? undefined,
            model: fields.model ?? undefined,
            usage: response.usage,
            cost
          },
          isWhole,
          hold: asked !== undefined && !isTooLong ? asked : undefined
        }
        progress.attempts++
        const after = isCancelled
          ? { _tag: "Leave" } as const
          : error === undefined || reason === undefined
          ? { _tag: "Fail" } as const
          : After.after({
            reason,
            emitted,
            position: target.position,
            attempts: progress.attempts,
            maxAttempts,
            isClosed: closed.has(target.position),
            open: progress.able.filter((position) => !closed.has(position) && !progress.excluded.has(position)),
            isAnyOpen: closed.size < targets.length,
            isStopping
          })
        const next: Steps.Next = after._tag === "Fail"
          ? {
            _tag: "End",
            answer: {
              ...fields,
              cost: isWhole && cost !== undefined ? plain(cost.total) : null,
              attempts: progress.attempts,
              cached: false,
              error: error === undefined ? null : {
                reason: error.reason._tag,
                message: clean(error.reason.message),
                status: error.status ?? null,
                retryable: error.isRetryable,
                emitted
              }
            }
          }
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
          held.delete(index)
          progressOf.delete(index)
          // Another process has it, or it is left: whoever looks next will see.
          if (states[index] === mine) setState(index, finished === undefined ? fresh : aside)
        } else if (after._tag === "Again") {
          held.set(index, { id: started.id, attempt: started.attempt, started: undefined })
          if (after.isElsewhere) progress.excluded.add(target.position)
          progress.position = after.position
          if (after.isRound) progress.rounds++
          const pause = after.isRound ? After.pause(progress.rounds, yield* Random.next) : 0
          waiting.push({ index, due: (yield* millisNow) + pause, why: "retry" })
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
        for (const one of waiting) if (frees[one.why](started)) one.due = gate = 0
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

  /** Until when nothing is tried, in monotonic ms. */
  let gate = 0
  let cursor = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  let poor = 0
  /** Whether the batch has an account, now or from an earlier run. */
  let isBudgeted = settings.maxCost !== undefined

  const nextFresh = (): number | undefined => {
    if (freshCount === 0) return undefined
    for (let passed = 0; passed < states.length; passed++) {
      const index = (cursor + passed) % states.length
      if (states[index] !== fresh || waiting.some((one) => one.index === index)) continue
      cursor = index
      return index
    }
    return undefined
  }

  const pick = (now: number): number | undefined => {
    if (gate > now) return undefined
    const due = waiting.filter((one) => one.due <= now)
    const first = due.reduce<Waiting | undefined>(
      (first, one) => first === undefined || one.due < first.due ? one : first,
      undefined
    )
    if (first !== undefined) {
      waiting = waiting.filter((one) => one !== first)
      return first.index
    }
    return waiting.length >= mostWaiting ? undefined : nextFresh()
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
    for (let from = 0; from < indexes.length; from += page) {
      const some = indexes.slice(from, from + page)
      const found = yield* stepped(some.map(lineCell), (read, now) =>
        Result.gen(function*() {
          const known: Array<readonly [number, Entries.Line]> = []
          for (const index of some) {
            const line = yield* read(lineCell(index))
            if (line !== undefined) known.push([index, line])
          }
          return { result: { known, now }, writes: [] }
        }))
      const now = yield* millisNow
      for (const [index, line] of found.known) see(index, line, found.now, now)
    }
  })

  const reclaimSilent = Effect.gen(function*() {
    const now = yield* millisNow
    for (const [index, { attempt, until }] of Array.from(taken)) {
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
      if (result.line !== undefined) see(index, result.line, result.storeNow, yield* millisNow)
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

  /** Lines that are read and encoded before they can start, so that they start at once when they can. */
  const ready = new Map<number, Ready>()

  const prepare = Effect.fnUntraced(function*(index: number) {
    const known = ready.get(index)
    if (known !== undefined) return known
    const request = yield* lines.request(index)
    const made: Ready = {
      digest: yield* Digest.ofJson(request),
      choices: yield* Effect.result(Target.choices(request, {
        ...settings,
        pricing,
        day: yield* day,
        isBudgeted,
        isMetered: settings.tokenRate !== undefined
      }))
    }
    keep(index, made)
    return made
  })

  const keep = (index: number, made: Ready): void => {
    if (ready.size < mostReady && lines.sizeOf(index) <= largestReady) ready.set(index, made)
  }

  /** Prepares a line that comes soon; whether there was one to prepare. */
  const prepareNext = Effect.gen(function*() {
    if (ready.size >= Math.min(mostReady, settings.concurrency)) return false
    for (let passed = 0; passed < Math.min(states.length, 2 * mostReady); passed++) {
      const index = (cursor + passed) % states.length
      if (states[index] !== fresh || ready.has(index)) continue
      yield* prepare(index)
      return ready.has(index)
    }
    return false
  })

  const admit = Effect.fnUntraced(function*(
    index: number,
    fork: (effect: Effect.Effect<void>) => Effect.Effect<unknown>
  ) {
    const { choices: prepared, digest } = yield* prepare(index)
    ready.delete(index)
    const progress = progressOf.get(index) ??
      { attempts: 0, position: 0, rounds: 0, excluded: new Set<number>(), able: [] as ReadonlyArray<number> }
    const candidate: Steps.Candidate = {
      id: lines.ids[index] ?? "",
      digest,
      own: held.get(index)?.attempt,
      failure: failures.get(index),
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
    if (choices.length === 0) return setState(index, aside)
    const admission = yield* stepped(
      Steps.cellsOfStart(rules, { ...candidate, choices }),
      Steps.start(rules, { ...candidate, choices })
    )
    const now = yield* millisNow
    const wait = (why: Waiting["why"], millis: number, isForAll: boolean) => {
      const due = now + Math.min(Math.max(millis, 1), why === "limit" ? 1000 : lookEvery)
      waiting.push({ index, due, why })
      if (isForAll) gate = due
      keep(index, { digest, choices: prepared })
    }
    switch (admission._tag) {
      case "Started":
        setState(index, mine)
        progressOf.set(index, progress)
        held.set(index, { id: candidate.id, attempt: admission.attempt, started: admission })
        run.attempts++
        running++
        yield* fork(attempt(index, progress, admission))
        return
      case "Hit":
        return yield* ended(index, admission)
      case "Ended":
        return seeEnded(index, admission.line)
      case "Taken": {
        held.delete(index)
        if (states[index] === mine) setState(index, fresh)
        see(index, admission.line, admission.now, now)
        // Somebody else works here: go on elsewhere, and see what is done already.
        if (now - lookedAt >= lookEvery) {
          lookedAt = now
          const next: Array<number> = []
          for (let passed = 1; passed < states.length && next.length < page; passed++) {
            const other = (index + passed) % states.length
            if (states[other] === fresh) next.push(other)
          }
          yield* look(next)
        }
        cursor = yield* Random.nextIntBetween(0, states.length)
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
        return wait(admission.why, admission.millis, admission.why === "limit" || choices.length === targets.length)
      case "Poor":
        if (admission.fitsLater) return wait("budget", lookEvery, true)
        poor++
        return setState(index, aside)
    }
  })

  const dispatch = Effect.fnUntraced(function*(fork: (effect: Effect.Effect<void>) => Effect.Effect<unknown>) {
    while (!isStopping) {
      const now = yield* millisNow
      const index = running < settings.concurrency ? pick(now) : undefined
      if (index !== undefined) {
        yield* admit(index, fork)
        continue
      }
      if (running === 0 && waiting.length === 0 && freshCount === 0 && taken.size === 0) return
      const isPolling = taken.size > 0 && freshCount === 0
      if (isPolling && now - lookedAt >= lookEvery) {
        lookedAt = now
        yield* reclaimSilent
        yield* look(Array.from(taken.keys()))
        continue
      }
      const soonest = Math.min(
        Math.max(gate, running < settings.concurrency ? Math.min(...waiting.map(({ due }) => due)) : Infinity),
        isPolling ? lookedAt + lookEvery : Infinity
      )
      if (soonest > now + 1 && freshCount > 0 && (yield* prepareNext)) continue
      yield* soonest === Infinity
        ? Queue.take(signal)
        : Effect.timeoutOption(Queue.take(signal), Duration.millis(Math.max(soonest - now, 1)))
    }
  })

  const heartbeat = Effect.gen(function*() {
    const all = Array.from(held.values())
    for (let from = 0; from < all.length; from += page) {
      const some = all.slice(from, from + page)
      yield* Entries.step(store, Steps.cellsOfRenewal(rules, some), Steps.renew(rules, some))
    }
  }).pipe(
    // The next one may come through; and when none does, others take the lines, which the end of an attempt respects.
    Effect.ignore,
    Effect.repeat(Schedule.spaced(Duration.millis(lease / 3)))
  )

  const releaseAll = Effect.suspend(() => {
    const all = Array.from(held.values())
    held.clear()
    return Effect.forEach(
      Array.from({ length: Math.ceil(all.length / page) }, (_, n) => all.slice(n * page, (n + 1) * page)),
      (some) => Entries.step(store, some.map(({ id }) => entries.line(id)), Steps.release(rules, some)),
      { discard: true }
    )
  })

  const work = Effect.gen(function*() {
    if (settings.maxCost !== undefined) yield* openAccount
    else {
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
    } else if (!isStopping && closed.size > 0 && states.includes(aside)) {
      status = "stopped"
      why = Array.from(closed.values()).join("; ")
    }
  })

  return {
    register,
    work,
    stop: Effect.sync(() => stop("interrupted", "a signal")),
    cancel: Effect.suspend(() => cancelling),
    rules,
    progress: () => ({ ...run, lines: states.length, ended: endedCount, failed: failedCount, running }),
    report: Effect.fnUntraced(function*(each) {
      const tally = Report.tally()
      yield* Stream.runForEach(store.scan(entries.lines), (entry) =>
        Effect.gen(function*() {
          const line = yield* Effect.fromResult(Entries.line(entry.key).read(entry.value))
          if (line === undefined) return
          tally.line(line)
          const index = lines.indexOf(idOf(entries.lines, entry.key))
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
      return tally.report({ lines: states.length, run, status, why })
    })
  }
})

/** A store that can't be reached may be back: a batch that runs for hours is worth a wait, and so is what was paid. */
const whileAway = Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))

const processName: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 36), 8),
  (digits) => digits.map((digit) => digit.toString(36)).join("")
)

const idOf = (prefix: string, key: string): string => {
  const id: unknown = JSON.parse(key.slice(prefix.length, -1))
  return String(id)
}

const errorOf = (
  target: Target.Target,
  cause: Cause.Cause<ProviderError.ProviderError>
): ProviderError.ProviderError =>
  Option.getOrElse(Cause.findErrorOption(cause), () =>
    new ProviderError.ProviderError({
      provider: target.name,
      reason: new ProviderError.Unknown({ message: "the request failed within this program" }),
      emitted: false
    }))
