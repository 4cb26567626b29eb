import * as Prompt from "effect/ai/Prompt"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as ChatEvent from "../ChatEvent.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ChatResponse from "../ChatResponse.ts"
import * as Provider from "../Provider.ts"
import type { ProviderError } from "../ProviderError.ts"
import * as ToolLoop from "../ToolLoop.ts"
import type * as Answer from "./answer.ts"
import type * as Mcp from "./mcp.ts"
import { visible } from "./printable.ts"

/** @internal */
export interface Options {
  readonly tools: Mcp.Tools
  /** Most responses. */
  readonly maxSteps: number
  /** Whether a tool may run that its server calls risky. */
  readonly approve: Answer.Confirm
}

interface Step {
  readonly accumulator: ChatResponse.Accumulator
  error?: ProviderError
}

/** The question whether a call may run, which waits until earlier output has been shown. */
interface Question {
  readonly _tag: "Question"
  readonly call: string
  readonly reply: Deferred.Deferred<boolean | undefined>
}

/**
 * Asks a model that has tools.
 *
 * @internal
 */
export const ask = (
  provider: Provider.Service,
  request: ChatRequest.Normalized,
  { approve, maxSteps, tools: { isRisky, toolkit } }: Options
): Effect.Effect<Answer.Answer> =>
  Effect.map(Clock.currentTimeMillis, (start) => {
    const steps: Array<Step> = []
    let millisToFirstChunk: number | undefined
    let refused: ProviderError | undefined
    let whole: Prompt.Prompt | undefined
    let isOver = false
    let isOutOfSteps = false

    const run = Effect.fnUntraced(function*(queue: Queue.Queue<Answer.Item | Question, Cause.Done>) {
      const watched: Provider.Service = {
        name: provider.name,
        stream: (request) =>
          Stream.suspend(() => {
            // It has the steps before, with the results of their tools.
            if (steps.length > 0) whole = Prompt.make(request.prompt)
            const step: Step = { accumulator: ChatResponse.accumulator() }
            steps.push(step)
            return provider.stream(request).pipe(
              Stream.onFirst(() =>
                Effect.map(Clock.currentTimeMillis, (now) => {
                  millisToFirstChunk ??= now - start
                })
              ),
              Stream.tap((chunk) => {
                step.accumulator.add(chunk)
                return Queue.offer(queue, { _tag: "Chunk", chunk })
              }),
              Stream.tapError((error) =>
                Effect.sync(() => {
                  step.error = error
                })
              )
            )
          })
      }
      const { prompt: _, ...rest } = request
      let prompt = request.prompt
      let left = maxSteps
      while (true) {
        const waiting: Array<ChatEvent.ToolApprovalRequest> = []
        let done: ToolLoop.Done | undefined
        yield* ToolLoop.stream({ ...rest, prompt, tools: toolkit }, {
          maxSteps: left,
          failures: "return",
          needsApproval: ({ name }) => isRisky(name)
        }).pipe(
          Stream.runForEach((event) => {
            if (event._tag === "ToolApprovalRequest" && !event.providerExecuted) waiting.push(event)
            if (event._tag === "Done") done = event
            const item = itemOf(event)
            return item === undefined ? Effect.void : Queue.offer(queue, item)
          }),
          Effect.provideService(Provider.Provider, watched)
        )
        left -= done?.steps ?? 0
        if (done === undefined || done.reason !== "approval" || waiting.length === 0 || left < 1) {
          isOutOfSteps = done?.reason === "max_steps" || done?.reason === "approval"
          if (done !== undefined && done.reason !== "approval") {
            whole = done.prompt
            isOver = true
          }
          return
        }
        const responses: Array<ToolLoop.ApprovalResponse> = []
        for (const { approvalId, name = "", params } of waiting) {
          const reply = yield* Deferred.make<boolean | undefined>()
          const call = `${name} ${visible(params)}`
          yield* Queue.offer(queue, { _tag: "Question", call, reply })
          const approved = yield* Deferred.await(reply)
          responses.push(
            approved === undefined
              ? { approvalId, approved: false, reason: "There is no one who could be asked to approve it" }
              : { approvalId, approved }
          )
        }
        prompt = ToolLoop.respond(done, responses).prompt
      }
    })

    return {
      items: Stream.callback<Answer.Item | Question>((queue) =>
        run(queue).pipe(
          Effect.catchTag("ProviderError", (error) =>
            Effect.sync(() => {
              refused = error
            })),
          // The results of these tools are texts.
          Effect.catchTag("AiError", Effect.die),
          Effect.andThen(Queue.end(queue))
        ), { bufferSize: 16 }).pipe(
          Stream.mapEffect((item) =>
            item._tag === "Question"
              ? approve(item.call).pipe(
                Effect.flatMap((approved) => Deferred.succeed(item.reply, approved)),
                Effect.as(undefined)
              )
              : Effect.succeed(item)
          ),
          Stream.filter((item) => item !== undefined)
        ),
      responses: () => {
        const all = steps.map(({ accumulator, error }) => accumulator.response(error))
        const last = all.at(-1)
        // A request that was not sent has no response of its own.
        return refused !== undefined && refused !== last?.error || last === undefined
          ? { all, last: ChatResponse.accumulator().response(refused) }
          : { all, last }
      },
      millisToFirstChunk: () => millisToFirstChunk,
      prompt: () => whole,
      isOver: () => isOver,
      isOutOfSteps: () => isOutOfSteps
    }
  })

const itemOf = (event: ToolLoop.Event): Answer.Item | undefined => {
  switch (event._tag) {
    case "ToolCall": {
      const { id, name, params } = event
      return event.providerExecuted ? undefined : { _tag: "ToolCall", id, name, params, problem: null }
    }
    case "InvalidToolCall": {
      const { arguments: params, id, name, problem } = event
      return { _tag: "ToolCall", id, name, params, problem }
    }
    case "ToolResult": {
      const { id, isFailure, name, result } = event
      return event.preliminary || event.providerExecuted
        ? undefined
        : { _tag: "ToolResult", id, name, result, isFailure }
    }
    case "Step":
      return { _tag: "Step" }
    default:
      return undefined
  }
}
