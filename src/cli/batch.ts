import type * as BigDecimal from "effect/BigDecimal"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Batch from "../Batch.ts"
import * as Answer from "../batch/answer.ts"
import * as Entries from "../batch/entries.ts"
import type * as Lines from "../batch/lines.ts"
import type { Report } from "../batch/report.ts"
import type * as Session from "../batch/session.ts"
import * as Pricing from "../Pricing.ts"
import * as Store from "../stores/Store.ts"
import * as Input from "./batch/input.ts"
import { keepSmall } from "./batch/memory.ts"
import * as Output from "./batch/output.ts"
import { onSignal } from "./batch/signals.ts"
import * as BatchStore from "./batch/store.ts"
import * as Json from "./json.ts"
import { complain, print } from "./output.ts"
import * as Prices from "./prices.ts"
import type * as Providers from "./providers.ts"
import * as Selected from "./selected.ts"
import { Failed, providerFailed, wrongConfiguration, wrongUsage } from "./status.ts"
import * as Text from "./text.ts"

/** @internal */
export interface Fallback {
  readonly row: Providers.Row
  readonly model: string
}

/** @internal */
export interface Arguments extends Selected.Input {
  readonly model: Option.Option<string>
  readonly maxTokens: Option.Option<number>
  readonly temperature: Option.Option<number>
  readonly system: Option.Option<string>
  readonly prices: Option.Option<string>
  readonly fallbacks: ReadonlyArray<Fallback>
  readonly concurrency: number
  readonly attemptTimeout: Duration.Duration
  readonly rate: Option.Option<Batch.Rate>
  readonly rpm: Option.Option<number>
  readonly tokenRate: Option.Option<Batch.Rate>
  readonly tpm: Option.Option<number>
  readonly maxWait: Duration.Duration
  readonly maxCost: Option.Option<BigDecimal.BigDecimal>
  readonly breaker: Option.Option<{ readonly failures: number; readonly openFor: Duration.Duration } | "off">
  readonly cache: boolean
  readonly store: Option.Option<string>
  readonly batch: Option.Option<string>
  readonly lease: Duration.Duration
  readonly ordered: boolean
  readonly retryFailed: boolean
  readonly json: boolean
  readonly input: string
  readonly output: string
}

type Environment = Stdio.Stdio | FileSystem.FileSystem | Path.Path | HttpClient.HttpClient

/** Node loads `fetch` with its first use, which would be between the step that counts a request and the request. */
const warm = Effect.sync(() => new Request("http://localhost"))

/** How long running requests get after a signal. */
const grace = Duration.seconds(5)

/** @internal */
export const batch = Effect.fn("cli.batch")(function*(
  input: Arguments
): Effect.fn.Return<void, Failed | PlatformError, Environment> {
  yield* keepSmall
  yield* warm
  let session: Session.Session<Failed> | undefined
  const program = Effect.scoped(run(input, (opened) => {
    session = opened
  }))
  // A signal interrupts this fiber; what it has begun comes to its end first.
  const fiber = yield* Effect.forkDetach(program)
  const abandon = Effect.asVoid(Fiber.interrupt(fiber))
  const exit = yield* onSignal(
    Effect.suspend(() =>
      session === undefined
        ? abandon
        : Effect.andThen(session.stop, Effect.andThen(Effect.sleep(grace), session.cancel))
    ),
    Effect.suspend(() => session === undefined ? abandon : session.cancel)
  ).pipe(Effect.andThen(Fiber.await(fiber)), Effect.scoped, Effect.uninterruptible)
  return yield* exit
})

const run = Effect.fnUntraced(function*(
  input: Arguments,
  onSession: (session: Session.Session<Failed>) => void
): Effect.fn.Return<void, Failed | PlatformError, Environment | Scope.Scope> {
  const path = yield* Path.Path
  const name = Option.getOrElse(input.batch, () => path.basename(input.input))
  const file = yield* Input.open(input.input)
  const output = yield* Output.open(input.output, file.stats)
  const pricing = yield* Prices.service(input.prices, Option.none())
  const { definition, row } = yield* Selected.selected({ ...input, maxRetries: Option.none() })
  const fallbacks = yield* Effect.forEach(input.fallbacks, (fallback) => fallbackOf(fallback, input))
  const { lines, session: opened } = yield* Batch.open<Failed>({
    name,
    targets: [{ provider: definition }, ...fallbacks],
    defaults: defaultsOf(input, row),
    concurrency: input.concurrency,
    maxRetries: Option.getOrUndefined(input.maxRetries),
    attemptTimeout: input.attemptTimeout,
    maxWait: input.maxWait,
    rate: yield* rateOf("--rate", input.rate, "--rpm", input.rpm),
    tokenRate: yield* rateOf("--token-rate", input.tokenRate, "--tpm", input.tpm),
    maxCost: Option.getOrUndefined(input.maxCost),
    breaker: Option.getOrUndefined(input.breaker),
    cache: input.cache,
    lease: input.lease,
    retryFailed: input.retryFailed,
    secrets: yield* secretsOfSigning
  }, { source: file.source, onEnded: output.add }).pipe(
    Effect.provideService(Pricing.Pricing, pricing),
    Effect.catchTags({
      BatchRefused: (refused) => Effect.fail(refusal(input.input, refused)),
      ProviderError: ({ reason }) => Effect.fail(wrongUsage(Text.messageOf(reason)))
    })
  )
  yield* Stream.runDrain(output.answers(lines.indexOf))
  const url = Option.getOrElse(input.store, () => `sqlite:${input.output}.store`)
  const context = yield* Effect.flatMap(BatchStore.layer(url), Layer.build).pipe(Effect.mapError(BatchStore.unusable))
  yield* Effect.provide(
    Effect.flatMap(opened, (session) => {
      onSession(session)
      return finished(input, session, lines, output)
    }),
    context
  )
})

const finished = Effect.fnUntraced(function*(
  input: Arguments,
  session: Session.Session<Failed>,
  lines: Lines.Lines<Failed>,
  output: Output.Output
): Effect.fn.Return<void, Failed | PlatformError, Stdio.Stdio | Store.Store> {
  const store = yield* Store.Store
  yield* session.register(output.answers(lines.indexOf)).pipe(
    Effect.catchTags({
      BatchRefused: (refused) => Effect.fail(refusal(input.input, refused)),
      StoreError: (error) => Effect.fail(BatchStore.unusable(error))
    })
  )
  const worked = yield* showing(session, session.work).pipe(
    Effect.catchTags({
      BatchRefused: (refused) => Effect.fail(refusal(input.input, refused)),
      StoreError: (error) => Effect.fail(broken(error))
    }),
    Effect.result
  )
  const marks: Array<string | undefined> = Array.from({ length: lines.ids.length })
  /** The id of a line that failed, by the reason. */
  const failed = new Map<string, string>()
  const report = yield* Effect.mapError(
    session.report((index, line) => {
      marks[index] = line.mark
      if (line.reason !== null && !failed.has(line.reason)) failed.set(line.reason, lines.ids[index] ?? "")
    }),
    (error) => Result.isFailure(worked) ? worked.failure : broken(error)
  )
  const written: Result.Result<void, Failed> = Result.isFailure(worked) ? worked : yield* locked(
    session.rules,
    output.reconcile({
      indexOf: lines.indexOf,
      marks,
      isOrdered: input.ordered,
      answers: (indexes) => answersOf(store, session.rules, indexes.map((index) => lines.ids[index] ?? ""))
    })
  ).pipe(Effect.catchTag("StoreError", (error) => Effect.fail(broken(error))), Effect.result)
  const failure = Result.isFailure(written) ? written.failure : undefined
  const told: Report = failure === undefined || report.status === "failed"
    ? report
    : { ...report, status: "failed", why: failure.message ?? null }
  if (input.json) yield* print(Json.line({ type: "report", ...told }))
  if (failure !== undefined) return yield* failure
  if (!input.json) {
    const texts = yield* Effect.orElseSucceed(
      answersOf(store, session.rules, Array.from(failed.values())),
      () => []
    )
    yield* complain(textOf(told, texts.flatMap((text) => Answer.fromText(text) ?? [])))
  }
  if (told.failures > 0 || told.left > 0) return yield* providerFailed
})

const broken = ({ message }: Store.StoreError): Failed => new Failed({ status: 1, message: `--store: ${message}` })

// The command line has a flag for the name of a batch.
const refusal = (file: string, { message, problems }: Batch.Refused): Failed =>
  wrongUsage(
    [
      `${file}: ${message.replace("a new name begins another", "--batch NAME begins another, in another OUT")}`,
      ...problems.map((problem) => `  ${problem}`)
    ].join("\n")
  )

const fallbackOf = Effect.fnUntraced(function*({ model, row }: Fallback, { idleTimeout }: Arguments) {
  const module = yield* Effect.promise(row.load)
  const provider = yield* Effect.mapError(
    module.definition({ baseUrl: undefined, idleTimeout: Option.getOrUndefined(idleTimeout), maxRetries: undefined }),
    wrongConfiguration
  )
  return { provider, model }
})

const defaultsOf = (
  { maxTokens, model, system, temperature }: Arguments,
  row: Providers.Row
): NonNullable<Batch.Options["defaults"]> => {
  const asked = Option.getOrUndefined(model) ?? row.model
  return {
    ...(asked === undefined ? undefined : { model: asked }),
    ...Option.match(system, { onNone: () => undefined, onSome: (system) => ({ system }) }),
    ...Option.match(maxTokens, { onNone: () => undefined, onSome: (maxTokens) => ({ maxTokens }) }),
    ...Option.match(temperature, { onNone: () => undefined, onSome: (temperature) => ({ temperature }) })
  }
}

const rateOf = (
  name: string,
  rate: Option.Option<Batch.Rate>,
  nameOfMinute: string,
  perMinute: Option.Option<number>
): Effect.Effect<Batch.Rate | undefined, Failed> =>
  Option.isSome(rate) && Option.isSome(perMinute)
    ? Effect.fail(wrongUsage(`${name} and ${nameOfMinute} exclude each other`))
    : Effect.succeed(
      Option.getOrUndefined(rate) ??
        Option.getOrUndefined(Option.map(perMinute, (amount) => ({ amount, every: Duration.minutes(1) })))
    )

/** Credentials that a batch does not know by itself, as each request is signed anew. */
const signing = ["AWS_BEARER_TOKEN_BEDROCK", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]

const secretsOfSigning: Effect.Effect<ReadonlyArray<Redacted.Redacted>> = Effect.map(
  Effect.forEach(
    signing,
    (name) => Effect.orElseSucceed(Config.option(Config.Redacted(name)), () => Option.none())
  ),
  (found) => found.flatMap(Option.toArray)
)

const answersOf = (
  store: Store.Service,
  { entries }: Session.Session<never>["rules"],
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, Store.StoreError> =>
  store.transact(
    ids.map((id) => entries.answer(id).key),
    (texts) => Result.succeed({ result: texts.flatMap((text) => text === undefined ? [] : [text]), writes: [] })
  )

/**
 * Runs an effect while no other process of the batch does.
 *
 * @internal
 */
export const locked = <A, E, R>(
  { by, entries, lease }: Pick<Session.Session<never>["rules"], "by" | "entries" | "lease">,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Store.StoreError, R | Store.Store> =>
  Effect.scoped(Effect.gen(function*() {
    const store = yield* Store.Store
    const take = Entries.step(store, [entries.lock], (read, now) =>
      Result.map(read(entries.lock), (lock) => {
        const isFree = lock === undefined || lock.by === by || lock.until <= now
        return { result: isFree, writes: isFree ? [entries.lock.put({ by, until: now + lease })] : [] }
      }))
    yield* Effect.acquireRelease(
      Effect.repeat(take, { until: (isFree) => isFree, schedule: Schedule.spaced("50 millis") }),
      () =>
        Effect.ignore(Entries.step(store, [entries.lock], (read) =>
          Result.map(read(entries.lock), (lock) => ({
            result: undefined,
            writes: lock?.by === by ? [entries.lock.remove] : []
          }))))
    )
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(take), Schedule.spaced(Duration.millis(lease / 3))))
    return yield* effect
  }))

// ---------------------------------------------------------------------------------------------------------------------
// For people
// ---------------------------------------------------------------------------------------------------------------------

const textOf = (
  {
    answers,
    attempts,
    cached,
    cost,
    failures,
    failuresByReason,
    left,
    lines,
    lost,
    models,
    retried,
    run,
    status,
    unstated,
    why
  }: Report,
  examples: ReadonlyArray<Answer.Answer>
): string =>
  Text.table([
    ["status", why === null ? status : `${status}: ${Text.oneLine(why)}`],
    ["lines", `${lines}`],
    ["answers", `${answers}`],
    ["failures", failures === 0 ? "0" : `${failures}; --retry-failed asks again`],
    ...Object.entries(failuresByReason).map(([reason, count]) => {
      const example = examples.find(({ error }) => error?.reason === reason)
      return [
        `  ${reason}`,
        example === undefined
          ? `${count}`
          : `${count}, as ${Text.excerpt(`${example.id}: ${example.error?.message ?? ""}`)}`
      ]
    }),
    ["left", `${left}`],
    ["attempts", `${attempts}`],
    ["retried", `${retried}`],
    ["lost", `${lost}`],
    ["cached", `${cached}`],
    ["cost", `$${cost}`],
    ["unstated", `${unstated}`],
    ...models.map((sum) => [
      `  ${sum.provider} ${sum.model ?? "-"}`,
      `${sum.attempts} attempts, ${sum.answers} answers, input ${sum.inputTokens}, cached ${sum.cachedTokens}, output ${sum.outputTokens}, $${sum.cost}`
    ]),
    ["this run", `${run.answers} answers, ${run.failures} failures, ${run.attempts} attempts, ${run.cached} cached`]
  ])

const clear = "\r\u001b[2K"

/** Shows how far a run is, on a terminal. */
const showing = <A, E, R>(
  { progress }: Session.Session<Failed>,
  work: Effect.Effect<A, E, R | Scope.Scope>
): Effect.Effect<A, E, Exclude<R, Scope.Scope> | Stdio.Stdio> =>
  Effect.scoped(Effect.gen(function*() {
    const stdio = yield* Stdio.Stdio
    if (yield* stdio.stderrIsTerminal) {
      const write = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr()))
      const start = progress().ended
      yield* Effect.addFinalizer(() => write(clear))
      yield* Stream.fromSchedule(Schedule.spaced("200 millis")).pipe(
        Stream.runForEach((tick) => Effect.suspend(() => write(clear + barOf(progress(), start, (tick + 1) / 5)))),
        Effect.forkScoped
      )
    }
    return yield* work
  }))

const width = 24

/** @internal */
export const barOf = (
  { ended, failed, lines, running }: Session.Progressed,
  start: number,
  seconds: number
): string => {
  const share = lines === 0 ? 1 : ended / lines
  const full = Math.floor(share * width)
  const rate = seconds === 0 ? 0 : (ended - start) / seconds
  const left = rate === 0 ? "" : `, ${Math.ceil((lines - ended) / rate)} s left`
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${ended}/${lines}${
    failed === 0 ? "" : ` (${failed} failed)`
  }, ${running} running, ${rate.toFixed(1)}/s${left}`
}
