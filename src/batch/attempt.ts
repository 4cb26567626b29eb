/**
 * One attempt at a line: what comes of the target's stream.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as ChatResponse from "../ChatResponse.ts"
import { hasOutput } from "../content/hasOutput.ts"
import * as Redaction from "../engine/redaction.ts"
import * as ProviderError from "../errors/providerError.ts"
import { plain } from "../internal/amount.ts"
import * as ResponseHead from "../middleware/ResponseHead.ts"
import * as Ledger from "../middleware/state/ledger.ts"
import * as Pricing from "../Pricing.ts"
import * as Provider from "../Provider.ts"
import * as After from "./after.ts"
import * as Answer from "./answer.ts"
import type * as Steps from "./steps.ts"
import type { Target } from "./target.ts"

/** @internal */
export interface Settings {
  readonly attemptTimeout: Duration.Duration
  readonly maxWait: Duration.Duration
  readonly pricing: Pricing.Service
  /** Cut out of whatever providers say. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** @internal */
export interface Outcome {
  /** `undefined` when the line is answered. */
  readonly error: ProviderError.ProviderError | undefined
  readonly isCancelled: boolean
  /** Whether the target is not asked any more in this run. */
  readonly closes: boolean
  readonly end: Steps.End
  /** What the output gets if this was the last of so many attempts. */
  readonly answer: (attempts: number) => Omit<Answer.Answer, "id">
}

/** @internal */
export interface Attempt {
  /** Runs to the end of the response. */
  readonly run: Effect.Effect<void, ProviderError.ProviderError>
  /** What has come of it; `day` is that of the prices. */
  readonly outcome: (exit: Exit.Exit<void, ProviderError.ProviderError>, day: string) => Outcome
}

/** @internal */
export const make = (
  { choice: { model, request, target } }: Steps.Started,
  { attemptTimeout, maxWait, pricing, secrets }: Settings,
  onHead: (head: ResponseHead.ResponseHead) => Effect.Effect<void>
): Attempt => {
  const clean = (text: string): string => Redaction.clean(text, secrets)
  const accumulator = ChatResponse.accumulator()
  let emitted = false
  return {
    run: target.service.stream(request).pipe(
      ResponseHead.tap(onHead),
      Stream.runForEachArray((chunks) => {
        for (const chunk of chunks) {
          emitted ||= hasOutput(chunk)
          accumulator.add(chunk)
        }
        return accumulator.failure === undefined ? Effect.void : Effect.fail(accumulator.failure)
      }),
      Effect.provideService(Provider.CurrentPolicy, {
        maxRetries: 0,
        firstByteTimeout: attemptTimeout,
        totalTimeout: attemptTimeout
      })
    ),
    outcome: (exit, day) => {
      const response = accumulator.response()
      const error = Exit.isSuccess(exit) ? undefined : errorOf(target, exit.cause)
      const cost = response.usage === undefined
        ? undefined
        : Result.getOrUndefined(Pricing.costWith(Pricing.onDay(response.costMetadata, day), pricing))
      const isWhole = Ledger.isWhole(response.usage) && (error === undefined || response.finishReasons.length > 0)
      const asked = error?.retryAfter
      const isTooLong = asked !== undefined && Duration.isGreaterThan(asked, maxWait)
      const isCancelled = Exit.hasInterrupts(exit)
      const hasContent = error === undefined || emitted
      const fields: Answer.Fields = {
        provider: response.provider ?? target.name,
        model: response.model === undefined ? model ?? null : clean(response.model),
        content: hasContent ? clean(response.content) : null,
        reasoning: hasContent ? clean(response.reasoning) : null,
        refusal: hasContent ? clean(response.refusal) : null,
        toolCalls: response.toolCalls.map((call) => ({
          id: clean(call.id),
          name: clean(call.name),
          arguments: clean(call.arguments)
        })),
        finishReason: response.commonFinishReasons[0] ?? null,
        usage: Answer.tokensOf(response.usage)
      }
      return {
        error,
        isCancelled,
        closes: error !== undefined && (After.closes(error.reason._tag) || isTooLong && error.isRetryable),
        end: {
          outcome: isCancelled ? "cancelled" : error === undefined ? "done" : "failed",
          reason: error?.reason._tag,
          emitted,
          fields,
          stated: {
            provider: fields.provider ?? undefined,
            model: fields.model ?? undefined,
            usage: response.usage,
            cost
          },
          isWhole,
          hold: asked !== undefined && !isTooLong ? Duration.toMillis(asked) : undefined
        },
        answer: (attempts) => ({
          ...fields,
          cost: isWhole && cost !== undefined ? plain(cost.total) : null,
          attempts,
          cached: false,
          error: error === undefined ? null : {
            reason: error.reason._tag,
            message: clean(error.reason.message),
            status: error.status ?? null,
            retryable: error.isRetryable,
            emitted
          }
        })
      }
    }
  }
}

const errorOf = (
  target: Target,
  cause: Cause.Cause<ProviderError.ProviderError>
): ProviderError.ProviderError =>
  Option.getOrElse(Cause.findErrorOption(cause), () =>
    new ProviderError.ProviderError({
      provider: target.name,
      reason: new ProviderError.Unknown({ message: "the request failed within this program" }),
      emitted: false
    }))
