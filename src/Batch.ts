/**
 * Thousands of requests, answered once each: in any number of runs and processes, within limits and a budget, whatever is
 * killed meanwhile.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as BatchAnswer from "./batch/answer.ts"
import * as Lines from "./batch/lines.ts"
import type * as BatchReport from "./batch/report.ts"
import * as Session from "./batch/session.ts"
import * as BatchTarget from "./batch/target.ts"
import type { ChatRequest, Normalized } from "./ChatRequest.ts"
import * as Request from "./ChatRequest.ts"
import type { Chunk } from "./Chunk.ts"
import * as Checks from "./engine/checks.ts"
import * as Pricing from "./Pricing.ts"
import type * as Provider from "./Provider.ts"
import type * as ProviderError from "./ProviderError.ts"
import type * as Store from "./stores/Store.ts"

/**
 * A request of a batch.
 *
 * @category models
 * @since 0.2.0
 */
export interface Line {
  /** 1 to 512 characters, used once. */
  readonly id: string
  /** The request as JSON carries it, see `ChatRequest.fromJson`. */
  readonly request: unknown
}

/**
 * How a line ended: the answer, or why there is none.
 *
 * @category models
 * @since 0.2.0
 */
export type Answer = BatchAnswer.Answer

/**
 * What a batch came to. Counts are of the batch, those of `run` of this process.
 *
 * @category models
 * @since 0.2.0
 */
export type Report = BatchReport.Report

/**
 * A batch is not begun, as something is wrong with its lines: `problems` are those of the first twenty.
 *
 * @example
 * ```ts
 * import * as Batch from "effect-llm-stream/Batch"
 *
 * const refused = new Batch.Refused({ message: "lines that can't be asked", problems: ["line 2: no `id`"] })
 * refused.problems // ["line 2: no `id`"]
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export const Refused = Lines.Refused

/**
 * A batch is not begun, as something is wrong with its lines.
 *
 * @category errors
 * @since 0.2.0
 */
export type Refused = Lines.Refused

/**
 * A provider that a batch asks.
 *
 * @category models
 * @since 0.2.0
 */
export interface Target {
  readonly provider: Provider.Definition<Chunk>
  /** Takes the place of the model of the requests. Default: the request's own model, else the provider's. */
  readonly model?: string | undefined
}

/**
 * So much in any interval of that length.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Rate {
  readonly amount: number
  readonly every: Duration.Input
}

/**
 * How a batch runs. All of it may change from run to run.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Names the batch in the store. */
  readonly name: string
  /** Tried in their order. */
  readonly targets: readonly [Target, ...ReadonlyArray<Target>]
  /** Fields of the requests that don't have them. */
  readonly defaults?: Partial<Omit<Normalized, "prompt">> | undefined
  /** Requests at a time, of this process. Default: 8. */
  readonly concurrency?: number | undefined
  /** Attempts of a line after one at each target. Default: 2. */
  readonly maxRetries?: number | undefined
  /** Longest attempt, the first byte included. Default: 10 minutes. */
  readonly attemptTimeout?: Duration.Input | undefined
  /** Longest pause that a provider may ask for: one that asks for more is not asked again in this run. Default: 10 minutes. */
  readonly maxWait?: Duration.Input | undefined
  /** Requests that start at a target, from all processes. Default: no limit. */
  readonly rate?: Rate | undefined
  /** Tokens of the requests that start at a target, from all processes. Default: no limit. */
  readonly tokenRate?: Rate | undefined
  /** USD that all runs of the batch may cost. Default: no limit. */
  readonly maxCost?: BigDecimal.BigDecimal | string | undefined
  /** So many failures in a row stop a target for so long. Default: 5 for 30 seconds. */
  readonly breaker?: { readonly failures: number; readonly openFor: Duration.Input } | "off" | undefined
  /** Whether equal requests are asked once, in all batches of the store. Default: `false`. */
  readonly cache?: boolean | undefined
  /** How long a process that died keeps its lines. Default: 30 seconds. */
  readonly lease?: Duration.Input | undefined
  /** Whether lines that failed in earlier runs are asked again. Default: `false`. */
  readonly retryFailed?: boolean | undefined
  /** Secrets that are cut out of whatever the providers say. Keys that are sent never are in an error anyhow. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
}

/**
 * Where the lines come from, and where answers go.
 *
 * @internal
 */
export interface Ends<E> {
  readonly source: Lines.Source<E>
  readonly onEnded: (text: string) => Effect.Effect<void, E>
}

/**
 * Checks everything, and reads the lines once; nothing is written.
 *
 * @internal
 */
export const open = Effect.fnUntraced(function*<E>(
  stated: Options,
  { onEnded, source }: Ends<E>
): Effect.fn.Return<
  { readonly session: Effect.Effect<Session.Session<E>, never, Store.Store>; readonly lines: Lines.Lines<E> },
  ProviderError.ProviderError | Lines.Refused | E,
  HttpClient.HttpClient
> {
  const refusing = <A>(result: Result.Result<A, string>) =>
    Effect.mapError(Effect.fromResult(result), (message) => Checks.refused("batch", message))
  const options = yield* refusing(Checks.copied(stated))
  const checked = yield* refusing(check(options))
  yield* Effect.forEach(options.targets, ({ provider }) => Pricing.ready(provider.protocol.provider), { discard: true })
  const pricing = yield* Pricing.Pricing
  const day = Pricing.dayOf(yield* Clock.currentTimeMillis)
  const defaults: Partial<Normalized> = options.defaults ?? {}
  const targets = yield* Effect.forEach(
    options.targets,
    ({ model, provider }, position) => BatchTarget.make(provider, { position, model, byDefault: defaults.model })
  )
  const shared = { targets, defaults, pricing, day, cache: false, isBudgeted: true, isMetered: false }
  const lines = yield* Lines.read(
    source,
    (request) => checked.maxCost === undefined ? undefined : unbounded(request, shared)
  )
  const secrets = yield* Effect.forEach(options.targets, ({ provider }) => keysOf(provider))
  const session = Session.make<E>({
    ...checked,
    batch: options.name,
    lines,
    targets,
    defaults,
    cache: options.cache ?? false,
    retryFailed: options.retryFailed ?? false,
    secrets: [...secrets.flat(), ...options.secrets ?? []],
    onEnded
  }).pipe(Effect.provideService(Pricing.Pricing, pricing))
  return { session, lines }
})

/** The keys that are sent with every request. Without one nothing could be asked. */
const keysOf = Effect.fnUntraced(function*(
  { auth, options, protocol }: Provider.Definition<Chunk>
): Effect.fn.Return<ReadonlyArray<Redacted.Redacted>, ProviderError.ProviderError> {
  const isFixed = auth.name === "header" || auth.name === "bearer"
  if (!isFixed || auth.headerNames.every((name) => Object.hasOwn(options?.headers ?? {}, name))) return []
  const authorize = yield* auth.make
  const { secrets } = yield* authorize({
    method: "POST",
    url: "",
    headers: {},
    body: new Uint8Array(),
    info: {}
  }).pipe(
    Effect.mapError((reason) => Checks.refused(protocol.provider, `${protocol.provider}: ${reason.message}`))
  )
  return secrets
})

/** Why nobody can say what a request costs at most; `undefined` when it is known, or the request is never sent. */
const unbounded = (request: unknown, settings: BatchTarget.Settings): string | undefined => {
  const read = BatchTarget.read(request, settings)
  if (Result.isFailure(read)) return undefined
  if (read.success.maxTokens === undefined) return "`maxTokens` is missing, which a budget needs to know"
  for (const target of settings.targets) {
    const { model, most } = BatchTarget.bounds(read.success, target, settings)
    if (model !== undefined && most === undefined) {
      return `${target.name}: no price is known for the model ${JSON.stringify(model)}`
    }
  }
  return undefined
}

const areTargets = (targets: unknown): boolean =>
  Array.isArray(targets) && targets.length > 0 &&
  targets.every(({ model, provider: { auth, endpoint, format, protocol } }: Target) =>
    Predicate.isFunction(endpoint) && Predicate.isString(protocol.provider) && Effect.isEffect(auth.make) &&
    Predicate.isFunction("load" in format ? format.plain : format.encode) &&
    (model === undefined || Predicate.isString(model))
  )

const areSecrets = (secrets: unknown): boolean =>
  Array.isArray(secrets) &&
  secrets.every((secret) => Redacted.isRedacted(secret) && Predicate.isString(Redacted.value(secret)))

const check = (options: Options) =>
  Result.gen(function*() {
    yield* Checks.given("name", "a text", () => options.name, Predicate.isString)
    yield* Checks.given("targets", "a list of providers' definitions", () => options.targets, areTargets)
    yield* Checks.given("secrets", "a list of redacted texts", () => options.secrets ?? [], areSecrets)
    yield* Checks.copied(options.defaults ?? {}, "defaults")
    const breaker = options.breaker === "off"
      ? options.breaker
      : yield* Checks.copied(options.breaker ?? { failures: 5, openFor: Duration.seconds(30) }, "breaker")
    const duration = (name: string, value: Duration.Input) => Checks.duration(name, value)
    const rate = (name: string, value: Rate | undefined) =>
      value === undefined ? Result.succeed(undefined) : Result.gen(function*() {
        const { amount, every } = yield* Checks.copied(value, name)
        return {
          amount: yield* Checks.count(`${name}.amount`, amount, { least: 1 }),
          every: Duration.toMillis(yield* Checks.duration(`${name}.every`, every, { finite: true }))
        }
      })
    const maxCost = options.maxCost === undefined ? undefined : yield* Checks.amount("maxCost", options.maxCost)
    if (maxCost !== undefined && BigDecimal.isZero(maxCost)) {
      return yield* Result.fail("`maxCost` has to be an amount of USD above 0")
    }
    return {
      concurrency: yield* Checks.count("concurrency", options.concurrency ?? 8, { least: 1 }),
      maxRetries: yield* Checks.count("maxRetries", options.maxRetries ?? 2),
      attemptTimeout: yield* duration("attemptTimeout", options.attemptTimeout ?? "10 minutes"),
      maxWait: yield* duration("maxWait", options.maxWait ?? "10 minutes"),
      lease: yield* duration("lease", options.lease ?? "30 seconds"),
      rate: yield* rate("rate", options.rate),
      tokenRate: yield* rate("tokenRate", options.tokenRate),
      maxCost,
      breaker: breaker === "off" ? undefined : {
        failures: yield* Checks.count("breaker.failures", breaker.failures, { least: 1 }),
        openFor: Duration.toMillis(yield* Checks.duration("breaker.openFor", breaker.openFor, { finite: true }))
      }
    }
  })

/**
 * A line of a program: its request may be what `ChatRequest` takes, with schemas, tools and prompts as values. Fails with an
 * `InvalidRequest` that says what is wrong.
 *
 * @example
 * ```ts
 * import { Result } from "effect"
 * import * as Batch from "effect-llm-stream/Batch"
 *
 * Result.isSuccess(Batch.line("q1", { prompt: "Is 7 a prime?", maxTokens: 10 })) // true
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const line = (id: string, request: ChatRequest): Result.Result<Line, ProviderError.InvalidRequest> =>
  Result.map(Request.normalize(request), (normalized) => ({ id, request: encode(normalized) }))

const encode = Schema.encodeSync(Request.Normalized)

/**
 * Asks the lines that have no answer yet, and succeeds with what the batch came to when nothing is left to do. `onEnded` is
 * run for each line that ends in this process, at most once, as a process may be killed before it.
 *
 * Lines that are new are added to the batch. Fails with {@link Refused} when the batch has other requests by the ids of
 * these lines, or lines that are not among them; nothing is changed then. Interruption cancels what runs, and leaves it to
 * the next run.
 *
 * @example
 * ```ts
 * import { Console, Effect, Layer } from "effect"
 * import { OpenAi } from "effect-llm-stream"
 * import * as Batch from "effect-llm-stream/Batch"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { FetchHttpClient } from "effect/http"
 *
 * const lines = Array.from({ length: 100 }, (_, n) => ({ id: `${n}`, request: { prompt: `Is ${n} a prime?` } }))
 *
 * const program = Batch.run(lines, {
 *   name: "primes",
 *   targets: [{ provider: OpenAi.define({ model: "gpt-4.1-mini" }) }],
 *   onEnded: ({ content, id }) => Console.log(id, content)
 * }).pipe(Effect.provide(Layer.merge(Store.layerMemory, FetchHttpClient.layer)))
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const run = Effect.fn("Batch.run")(function*<E = never, R = never>(
  lines: ReadonlyArray<Line>,
  options: Options & {
    /** Run for each line that ends in this process. Its error ends the run. Default: nothing. */
    readonly onEnded?: ((answer: Answer) => Effect.Effect<void, E, R>) | undefined
  }
): Effect.fn.Return<
  Report,
  ProviderError.ProviderError | Refused | Store.StoreError | E,
  Store.Store | HttpClient.HttpClient | R
> {
  const context = yield* Effect.context<R>()
  const all = yield* Effect.mapError(
    Effect.fromResult(
      Checks.given(
        "lines",
        "a list of lines",
        () => Array.from(lines, (line) => Predicate.isObject(line) ? { ...line } : line),
        () => Array.isArray(lines)
      )
    ),
    (message) => Checks.refused("batch", message)
  )
  const opened = yield* open<E | ProviderError.ProviderError>(options, {
    source: {
      all: Stream.fromIterable(all.map((value, index) => ({ number: index + 1, value: Result.succeed(value) }))),
      at: (index) => Effect.succeed(all[index]),
      sizeOf: () => 0
    },
    onEnded: (text) => {
      const { onEnded } = options
      if (onEnded === undefined) return Effect.void
      const answer = BatchAnswer.fromText(text)
      return answer === undefined
        ? Effect.void
        : Effect.fromResult(
          Checks.given("onEnded", "a function that gives an effect", () => onEnded(answer), Effect.isEffect)
        ).pipe(
          Effect.mapError((message) => Checks.refused("batch", message)),
          Effect.flatMap(Effect.provide(context))
        )
    }
  })
  const session = yield* opened.session
  yield* session.register(Stream.empty)
  yield* Effect.scoped(session.work)
  return yield* session.report(() => {})
})
