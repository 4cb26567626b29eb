import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as ProviderError from "../errors/providerError.ts"
import * as Names from "../internal/names.ts"
import { withMethods } from "./quiet.ts"

/** @internal */
export type Attributes = Readonly<Record<string, unknown>>

/**
 * A histogram with the buckets of the conventions, each twice as wide as the one before.
 *
 * @internal
 */
export const histogram = (
  name: string,
  description: string,
  { buckets, first, unit }: { readonly unit: string; readonly first: number; readonly buckets: number }
): Metric.Histogram<number> =>
  Metric.histogram(name, {
    description,
    attributes: { unit },
    boundaries: Metric.boundariesFromIterable(Array.from({ length: buckets }, (_, n) => first * 2 ** n))
  })

/**
 * A histogram of seconds.
 *
 * @internal
 */
export const durations = (name: string, description: string): Metric.Histogram<number> =>
  histogram(name, description, { unit: "s", first: 0.01, buckets: 14 })

/** @internal */
export const seconds = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e9

/** @internal */
export const addAttributes = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(name, value)
}

/** @internal */
export const labels = (attributes: Attributes): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]])
  )

/**
 * The `error.type` of an operation: the reason of a `ProviderError`, else the tag of the error; `undefined` where it
 * didn't fail.
 *
 * @internal
 */
export const errorType = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return undefined
  const error = Cause.squash(exit.cause)
  return ProviderError.isProviderError(error)
    ? error.reason._tag
    : Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : "_OTHER"
}

/**
 * JSON, or `undefined` for what is none: telemetry does not fail a call for what a caller's tools give.
 *
 * @internal
 */
export const jsonOf = (value: unknown): string | undefined =>
  Result.getOrUndefined(Result.try((): string | undefined => JSON.stringify(value)))

/**
 * A span of an operation in this process that lasts as long as the scope, and its duration as a metric.
 *
 * @internal
 */
export const operation = Effect.fnUntraced(function*(
  name: string,
  subject: string | undefined,
  { attributes, duration, labelled }: {
    readonly duration: Metric.Histogram<number>
    /** What the span and the metric have. */
    readonly labelled: Attributes
    /** What only the span has. */
    readonly attributes: Attributes
  }
): Effect.fn.Return<Tracer.Span, never, Scope.Scope> {
  const known = { "gen_ai.operation.name": name, ...labelled }
  const span = yield* Effect.makeSpanScoped(subject === undefined ? name : `${name} ${subject}`)
  addAttributes(span, { ...known, ...attributes })
  const clock = yield* Clock.Clock
  const start = seconds(clock)
  yield* Effect.addFinalizer((exit) =>
    Effect.suspend(() => {
      const error = { "error.type": errorType(exit) ?? span.attributes.get("error.type") }
      addAttributes(span, error)
      return Metric.update(Metric.withAttributes(duration, labels({ ...known, ...error })), seconds(clock) - start)
    })
  )
  return span
})

/**
 * An agent whose run is traced.
 *
 * @internal
 */
export interface Agent {
  /** Whether the spans of its tools have arguments and results. */
  readonly content: boolean
  /** How often it asked a model and called tools so far. */
  readonly calls: Record<"inference" | "tool", number>
}

/**
 * The innermost agent that is traced.
 *
 * @internal
 */
export const CurrentAgent: Context.Reference<Agent | undefined> = Context.Reference<Agent | undefined>(
  "effect-llm-stream/engine/CurrentAgent",
  { defaultValue: () => undefined }
)

/**
 * Counts a call of the agent that is traced.
 *
 * @internal
 */
export const countCall = (kind: keyof Agent["calls"]): Effect.Effect<Agent | undefined> =>
  Effect.map(CurrentAgent, (agent) => {
    if (agent !== undefined) agent.calls[kind]++
    return agent
  })

/** @internal */
export const executeToolDuration: Metric.Histogram<number> = durations(
  "gen_ai.execute_tool.duration",
  "Duration of a single tool execution"
)

const toolNames = Names.labels(200)

/**
 * The results of a tool's handler, within an `execute_tool` span.
 *
 * @internal
 */
export const executeTool = <A extends { readonly result: unknown; readonly isFailure: boolean }, E, R>(
  self: Stream.Stream<A, E, R>,
  { id, name, params }: { readonly id: string; readonly name: string; readonly params: unknown },
  description: string | undefined
): Stream.Stream<A, E, Exclude<R, Tracer.ParentSpan>> =>
  Stream.unwrap(Effect.gen(function*() {
    const { content = false } = (yield* countCall("tool")) ?? {}
    const span = yield* operation("execute_tool", name, {
      duration: executeToolDuration,
      // Servers of tools name them as they like.
      labelled: { "gen_ai.tool.name": (yield* toolNames)(name), "gen_ai.tool.type": "function" },
      attributes: {
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": id,
        "gen_ai.tool.description": description,
        "gen_ai.tool.call.arguments": content ? jsonOf(params) : undefined
      }
    })
    return self.pipe(
      Stream.map((outcome) => {
        addAttributes(span, {
          "error.type": outcome.isFailure ? "_OTHER" : undefined,
          "gen_ai.tool.call.result": content ? jsonOf(outcome.result) : undefined
        })
        return outcome
      }),
      Stream.provideService(Tracer.ParentSpan, withoutParameters(span))
    )
  }))

// A toolkit puts the arguments into the span around it, whoever asks for that.
const withoutParameters = (span: Tracer.Span): Tracer.Span =>
  withMethods(span, {
    attribute: (key, value) => key === "parameters" || key === "tool" ? undefined : span.attribute(key, value)
  })
