import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { ChatRequest } from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import type { Cost } from "../Cost.ts"
import * as CostMetadata from "../CostMetadata.ts"
import * as Engine from "../engine/call.ts"
import * as Checks from "../engine/checks.ts"
import type * as Opening from "../engine/opening.ts"
import * as Tokens from "../engine/tokens.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as Provider from "../Provider.ts"
import type { Usage } from "../Usage.ts"
import * as Attempts from "./attempts.ts"
import * as Retry from "./Retry.ts"

/**
 * A call of a provider, as all middleware around it sees it.
 *
 * @internal
 */
export interface Call {
  readonly watcher: Engine.Watcher
  readonly metadata: CostMetadata.Accumulator
  /** Whether a chunk came. */
  isSeen: boolean
  /** How it has ended; `undefined` as long as it runs, and when its consumer had enough. */
  end: "done" | "failed" | undefined
  error: ProviderError.ProviderError | undefined
  /** Run for the head of each response. */
  readonly heads: Array<(head: Engine.Head) => Effect.Effect<void>>
  /** The leases that are renewed while it runs; `undefined` without one. */
  leases: Renewals | undefined
  /** What all stages find out about its end, once. */
  ended: Omit<Ended, "outcome"> | undefined
}

/**
 * The renewals of a call that one fiber runs.
 *
 * @internal
 */
export interface Renewals {
  readonly renewals: Array<Effect.Effect<void>>
  /** The lease that the fiber which runs them keeps, in ms. */
  readonly lease: number
}

/**
 * How a stream has ended.
 *
 * @internal
 */
export interface Ended {
  /** `unsent`: no request was made of it. */
  readonly outcome: "unsent" | "done" | "failed" | "cancelled"
  /** The tag of the error's reason; `undefined` without one. */
  readonly reason: string | undefined
  /** Requests that may be billed, and gave no chunk. */
  readonly lost: ReadonlyArray<Engine.Sent>
  /** What the responses stated, those before the last one not to their end; empty when no chunk came. */
  readonly responses: ReadonlyArray<CostMetadata.CostMetadata>
  /** What each of them did cost; `undefined` without a known price. */
  readonly costs: Effect.Effect<ReadonlyArray<Cost | undefined>>
  /** What all responses stated, as one. */
  readonly metadata: CostMetadata.CostMetadata
  readonly usage: Usage | undefined
  /** Whether it may be billed, although no chunk came and nobody told of a request. */
  readonly isUntold: boolean
}

/**
 * What one middleware does before a request is sent. What it does afterwards is a finalizer of the scope.
 *
 * @internal
 */
export type Stage<out E = ProviderError.ProviderError> = (call: Call) => Effect.Effect<void, E, Scope.Scope>

/**
 * What a stage does when the scope closes. `Effect.addFinalizer` merges contexts, which costs as much as the rest of a stage.
 *
 * @internal
 */
export const onClose = (
  finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) =>
    Scope.addFinalizerExit(
      Context.get(context, Scope.Scope),
      (exit) => Effect.setContext(finalizer(exit), context)
    )
  )

/**
 * A request, and the provider that it goes to.
 *
 * @internal
 */
export interface Asked {
  readonly provider: Provider.Service
  readonly request: ChatRequest
  /** The model asked for; `undefined` where nobody names one. */
  readonly model: string | undefined
  /** What of the request is counted, found once for all. */
  readonly texts: Tokens.Found
}

const stack: unique symbol = Symbol("effect-llm-stream/middleware/stack")

interface Stacked<out C extends Chunk> extends Provider.Service<C> {
  readonly [stack]: {
    readonly base: Provider.Service<C>
    readonly stages: ReadonlyArray<(asked: Asked) => Stage>
    readonly stream: unknown
  }
}

// Whoever makes a provider of another one may take its symbols along, and streams by itself.
const isStacked = <C extends Chunk>(self: Provider.Service<C> | Stacked<C>): self is Stacked<C> =>
  Predicate.hasProperty(self, stack) && self[stack].stream === self.stream

/**
 * Puts a middleware that acts on attempts around a provider. Those that stand directly around each other are one stack: it
 * is one stream, and goes through the chunks once. The outermost makes the retries.
 *
 * @internal
 */
export const around = <C extends Chunk>(
  self: Provider.Service<C>,
  stage: (asked: Asked) => Stage,
  options?: Retry.Options
): Provider.Service<C> => {
  const { base, stages: inner } = isStacked(self) ? self[stack] : { base: self, stages: [] }
  const stages = [stage, ...inner]
  const service = Retry.owned(
    base,
    (request) => (scope) =>
      Effect.flatMap(modelOf(base, request), (model) => {
        const asked = { provider: base, request, model, texts: Tokens.found(request) }
        return through(Attempts.openOf(base, request), stages.map((stage) => stage(asked)))(scope)
      }),
    options
  )
  const stacked: Stacked<C> = { ...service, [stack]: { base, stages, stream: service.stream } }
  return stacked
}

/** The model asked for. Programs without types have providers and requests of any kind. */
const modelOf = <C extends Chunk>(self: Provider.Service<C>, request: ChatRequest) =>
  Effect.fromResult(Result.mapError(
    Checks.given("request.model", "a text", () => self.target?.(request)?.model ?? request.model, isModel),
    (message) => Checks.refused(Attempts.nameOf(self), message)
  ))

const isModel = (model: unknown): boolean => model === undefined || typeof model === "string"

/**
 * Opens a stream when all stages have let it start, the first one first.
 *
 * @internal
 */
export const through = <C extends Chunk, E, R, E2 = never>(
  open: Opening.Open<C, E, R>,
  stages: ReadonlyArray<Stage<E2>>
): Opening.Open<C, E | E2, R> =>
(scope) =>
  Effect.contextWith((context: Context.Context<R>) => {
    const call: Call = {
      watcher: Engine.watcher(),
      metadata: CostMetadata.accumulator(),
      isSeen: false,
      end: undefined,
      error: undefined,
      heads: [],
      leases: undefined,
      ended: undefined
    }
    // An inner one tells the outer ones that it answers or refuses.
    const watched = Context.add(context, Engine.CurrentWatchers, [
      ...Context.get(context, Engine.CurrentWatchers),
      call.watcher
    ])
    const policy = Context.get(context, Provider.CurrentPolicy)
    const left = policy.totalTimeout === undefined
      ? undefined
      : Attempts.timeLeft(Context.get(context, Clock.Clock), policy)
    return Effect.flatMap(
      Effect.updateContext(started(stages, call), () => Context.add(watched, Scope.Scope, scope)),
      () => {
        const heads = call.heads.length === 0 ? watched : Context.add(watched, Engine.CurrentHeads, [
          ...Context.get(context, Engine.CurrentHeads),
          ...call.heads
        ])
        const opening = left === undefined
          ? heads
          : Context.add(heads, Provider.CurrentPolicy, Attempts.withTimeLeft(policy, left))
        return Effect.updateContext(observed(open(scope), call), () => opening)
      }
    )
  })

const started = <E>(stages: ReadonlyArray<Stage<E>>, call: Call): Effect.Effect<void, E, Scope.Scope> => {
  const from = (index: number): Effect.Effect<void, E, Scope.Scope> => {
    const stage = stages[index]
    return stage === undefined ? Effect.void : Effect.flatMap(stage(call), () => from(index + 1))
  }
  return Effect.tapError(from(0), (error) => Effect.sync(() => failed(call, error)))
}

const failed = (call: Call, error: unknown): void => {
  call.end = "failed"
  if (ProviderError.isProviderError(error)) call.error = error
}

/** Once for all stages. */
const observed = <C extends Chunk, E, R>(
  opening: Pull.Pull<Opening.Opened<C, E, R>, E, void, R>,
  call: Call
): typeof opening => {
  const seen = (chunks: ReadonlyArray<C>): void => {
    call.isSeen = true
    for (const chunk of chunks) call.metadata.add(chunk)
  }
  const ended = (cause: Cause.Cause<E | Cause.Done>): Effect.Effect<never, E | Cause.Done> => {
    for (const reason of cause.reasons) {
      if (!Cause.isFailReason(reason)) continue
      if (Cause.isDone(reason.error)) call.end = "done"
      else failed(call, reason.error)
    }
    return Effect.failCause(cause)
  }
  return Effect.matchCauseEffect(opening, {
    onFailure: ended,
    onSuccess: ({ first, rest }) => {
      seen(first)
      return Effect.succeed({
        first,
        rest: Effect.matchCauseEffect(rest, {
          onFailure: ended,
          onSuccess: (chunks) => {
            seen(chunks)
            return Effect.succeed(chunks)
          }
        })
      })
    }
  })
}
