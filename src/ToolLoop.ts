/**
 * Runs tools: the model calls them, their handlers run, and the model is asked again until it has its answer, all in
 * one stream.
 *
 * The tools are an `effect/ai` `Toolkit` with its handlers in context, or one that already has its handlers, such as
 * that of an MCP server. The rest of the request is as in {@link ChatRequest.ChatRequest}.
 *
 * @since 0.2.0
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import type { Concurrency } from "effect/Types"
import { codecTransformer } from "./ai/dialect.ts"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import * as ChatResponse from "./ChatResponse.ts"
import * as ChunkStream from "./ChunkStream.ts"
import { invalidArguments, isComplete } from "./content/calls.ts"
import { reading, streamOf } from "./content/given.ts"
import * as Cost from "./Cost.ts"
import * as Checks from "./engine/checks.ts"
import * as Operation from "./engine/operation.ts"
import * as ProviderError from "./errors/providerError.ts"
import { FinishReason } from "./FinishReason.ts"
import { defined } from "./internal/defined.ts"
import { linearDecoder } from "./internal/linearDecoder.ts"
import { lines, schemaIssues } from "./internal/schemaIssues.ts"
import * as Pricing from "./Pricing.ts"
import * as Provider from "./Provider.ts"
import * as StreamedObject from "./StreamedObject.ts"
import * as StructuredOutput from "./StructuredOutput.ts"
import * as Usage from "./Usage.ts"

const state = {
  /** How many responses there have been, also before the loop went on from a stored state. */
  steps: Schema.Natural,
  /** The conversation so far. */
  prompt: Prompt.Prompt,
  /** The instructions of the request, which are not in `prompt`; absent when it had none. */
  system: Schema.optionalKey(Schema.String),
  /** What all responses used together; absent when none stated it. */
  usage: Schema.optionalKey(Usage.Usage),
  /** What all responses cost together; absent where the cost of one of them is not known. */
  cost: Schema.optionalKey(Cost.Cost)
}

/**
 * Schema of the end of a step: a response, and the results of its tools. Tools that were approved run in a step of their
 * own, without a response.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Step = Schema.TaggedStruct("Step", {
  ...state,
  /** `prepareStep` replaced the conversation before this step, so `prompt` does not go on from that of the last one. */
  replaced: Schema.optionalKey(Schema.Literal(true))
}).annotate({ identifier: "ToolLoopStep" })

/**
 * The end of a step: a response, and the results of its tools. Keep it, and go on `from` it if a later step fails.
 *
 * @category models
 * @since 0.2.0
 */
export interface Step extends Schema.Schema.Type<typeof Step> {}

/**
 * Schema of the reasons why a loop ends without failing.
 *
 * - a finish reason: `stop` when the last response called no tool; `length` when the output limit cut it off, and likewise
 *   `content_filter`, `error` and `other`: no tool of such a response has run
 * - `tool_calls`: calls of `clientTools` wait for their results, see {@link pendingCalls} and {@link respond}; the other
 *   tools of the response have run
 * - `approval`: tools wait for approval, see {@link pending} and {@link respond}
 * - `max_steps`: there have been as many responses as `maxSteps` allows; the tools of the last one have run
 * - `stop_when`: `stopWhen` said so; the tools of the last response have run
 *
 * @category schemas
 * @since 0.2.0
 */
export const DoneReason = Schema.Literals([...FinishReason.literals, "approval", "max_steps", "stop_when"]).annotate({
  identifier: "ToolLoopDoneReason"
})

/**
 * Why a loop ended without failing.
 *
 * @category models
 * @since 0.2.0
 */
export type DoneReason = typeof DoneReason.Type

/**
 * Schema of the end of a loop.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Done = Schema.TaggedStruct("Done", { ...state, reason: DoneReason }).annotate({
  identifier: "ToolLoopDone"
})

/**
 * The end of a loop, and its last event. It has all that is needed to go on `from` it; store it as JSON with
 * `Schema.toCodecJson(ToolLoop.Done)`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Done extends Schema.Schema.Type<typeof Done> {}

/**
 * Schema of the events of a loop.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Event = Schema.Union([...ChatEvent.ChatEvent.members, Step, Done])

/**
 * An event of a loop: the events of each response, the results of its tools, a {@link Step} after each, and one
 * {@link Done} at the end.
 *
 * @category models
 * @since 0.2.0
 */
export type Event = ChatEvent.ChatEvent | Step | Done

/**
 * The tools of a loop: a `Toolkit`, whose handlers come from the context, a toolkit that has its handlers, or an effect
 * that makes one.
 *
 * @category models
 * @since 0.2.0
 */
export type Tools<T extends Record<string, Tool.Any>, E = never, R = never> =
  | Toolkit.WithHandler<T>
  | Effect.Effect<Toolkit.WithHandler<T>, E, R>

/**
 * What a loop asks: a chat request with a toolkit, whose conversation is `prompt`, or goes on `from` the state of an
 * earlier loop.
 *
 * A `toolChoice` that forces a tool call applies to the first step only, until there are results: otherwise the model
 * could never answer. `prepareStep` can ask for it again.
 *
 * @category models
 * @since 0.2.0
 */
export type Request<T extends Record<string, Tool.Any>, E = never, R = never> =
  & Omit<ChatRequest.ChatRequest, "tools" | "prompt">
  & {
    readonly tools: Tools<T, E, R>
    /**
     * Tools that the caller runs, as a browser does. A response that calls them is the last one: the loop ends with
     * `tool_calls` when its own tools have run, and goes on `from` there once all calls have results. Their arguments are
     * JSON, and not checked otherwise. None has the name of a tool of the loop. Default: none.
     */
    readonly clientTools?: ReadonlyArray<Tool.Any | ChatRequest.ToolInput> | undefined
    /**
     * A `Step` or a `Done`, with the responses to what waits in it. Its conversation, its instructions, its number of
     * steps and what it cost are gone on with, so limits hold over all of it; `prompt` is then left aside.
     */
    readonly from?: State | undefined
  }
  & (Pick<ChatRequest.ChatRequest, "prompt"> | { readonly from: State; readonly prompt?: Prompt.RawInput | undefined })

/**
 * Data that a loop ends in: its schema, or the schema with how the model is asked for it. Each of its `repairs` is a step.
 *
 * @category models
 * @since 0.2.0
 */
export type Output<A, I = A, RD = never, RE = never> =
  | Schema.ConstraintCodec<A, I, RD, RE>
  | StructuredOutput.Asked<A, I, RD, RE>

/**
 * What `prepareStep` changes in the request of one step. What is absent or `undefined` stays as it is in the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface StepChanges<T extends Record<string, Tool.Any>>
  extends Omit<Partial<ChatRequest.ChatRequest>, "tools" | "prompt">
{
  /** The conversation from here on, such as a shorter one. The {@link Step} says that it was `replaced`. */
  readonly prompt?: Prompt.RawInput | undefined
  /** What is sent in this step instead of the conversation, which stays as it is. */
  readonly sent?: Prompt.RawInput | undefined
  /** Names of the tools that the model may call, beside those of the client. Default: all. */
  readonly tools?: ReadonlyArray<keyof T & string> | undefined
}

/**
 * Where a loop stands before a step, or after it.
 *
 * @category models
 * @since 0.2.0
 */
export interface State extends Omit<Step, "_tag" | "replaced"> {}

/**
 * How a loop runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options<T extends Record<string, Tool.Any>, E = never, R = never> {
  /** Maximum number of responses, those before `from` included; `Infinity` for no limit. Default: 20. */
  readonly maxSteps?: number | undefined
  /** How many handlers run at the same time. Default: `"unbounded"`. */
  readonly concurrency?: Concurrency | undefined
  /**
   * What a failure of a handler does:
   *
   * - `tool`: what the tool's own `failureMode` says; `error`, its default, fails the stream
   * - `return`: the model is told, whatever the tool says
   *
   * When the tool does not exist, or the arguments don't fit the schema, the model is always told. A defect always
   * fails the stream, and a handler that interrupts itself interrupts it. Default: `tool`.
   */
  readonly failures?: "tool" | "return" | undefined
  /**
   * Calls that wait for approval whatever their tool says, for example calls of an MCP server's tools. Default: none.
   */
  readonly needsApproval?: ((call: ChatEvent.ToolCall) => boolean) | undefined
  /** Changes the request of a step. Called before each step. */
  readonly prepareStep?:
    | ((state: State) => StepChanges<T> | Effect.Effect<StepChanges<T>, E, R>)
    | undefined
  /** Ends the loop after a step whose tools have run. Not called when the model has its answer. */
  readonly stopWhen?: ((state: State, response: ChatResponse.ChatResponse) => boolean) | undefined
  /**
   * Maximum cost of all responses together, those before `from` included, in USD: a decimal such as `"0.05"`. Once they cost more, the stream fails
   * with `BudgetExceeded`, and no tool runs after that. If a model has no known price, the stream fails with
   * `UnknownModel`, and if a response states no usage, with {@link UsageMissing}.
   *
   * A response states its cost when it has been paid for, so the budget can be passed by the cost of one response.
   */
  readonly budget?: BigDecimal.BigDecimal | string | undefined
}

/**
 * A response of a loop with a `budget` stated no usage, so nobody knows what it cost.
 *
 * @example
 * ```ts
 * import { Cost, ToolLoop } from "effect-llm-stream"
 *
 * new ToolLoop.UsageMissing({ step: 2, cost: Cost.zero }).message // "Response 2 states no usage, so the budget can't be kept"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class UsageMissing extends Schema.TaggedError<UsageMissing>()("UsageMissing", {
  /** 1 for the first response. */
  step: Schema.Natural,
  /** What the responses before it cost. */
  cost: Cost.Cost
}) {
  /** @since 0.2.0 */
  override get message(): string {
    return `Response ${this.step} states no usage, so the budget can't be kept`
  }
}

/** What an option is; `undefined` where it is not among the options. */
type Chosen<O, K> = K extends keyof O ? O[K] : undefined

/** How a handler can fail a loop. */
type HandlerError<T extends Record<string, Tool.Any>, O> = [Chosen<O, "failures">] extends ["return"] ? never
  : Tool.HandlerError<T[keyof T]>

/** How a budget can fail a loop. */
type BudgetError<O> = [Chosen<O, "budget">] extends [undefined] ? never
  : ChunkStream.BudgetExceeded | Pricing.UnknownModel | UsageMissing

/**
 * Runs a loop with the provider in context. Each step sends one request.
 *
 * The tools of a step run after its response has ended well, so no tool runs on a response that failed or was cut off.
 * Interrupting the stream, or taking only part of it, stops the handlers and closes the connection. If the provider
 * pauses a response, the loop continues it.
 *
 * Fails with the `ProviderError` of a response, with an `AiError` when the result of a tool can't be encoded, and with
 * the errors of handlers (see `failures`). Events that came before a failure are delivered first: the last {@link Step}
 * among them is one to go on `from`, and each `Finish` has what its response used. The `spent` of a `ProviderError` has what
 * all responses used, also the one that was cut off.
 *
 * With `output`, the loop ends in data: a `Partial` each time that it has grown, and one `Complete` before `Done`, unless
 * there is another reason to end. When the answer is not the data, it is sent back as often as `repairs` of the `output` says,
 * after its {@link Step} and a `Repair`; else the loop fails with an `ObjectError`.
 *
 * @example
 * ```ts
 * import { ChatEvent, ToolLoop } from "effect-llm-stream"
 * import { Effect, Schema, Stream } from "effect"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * const toolkit = Toolkit.make(Tool.make("get_weather", {
 *   description: "Current weather of a city",
 *   parameters: Schema.Struct({ city: Schema.String }),
 *   success: Schema.Struct({ celsius: Schema.Finite })
 * }))
 *
 * const program = ToolLoop.stream({ prompt: "How warm are Paris and Rome?", tools: toolkit }, { maxSteps: 5 }).pipe(
 *   ChatEvent.text,
 *   Stream.runForEach((piece) => Effect.sync(() => process.stdout.write(piece))),
 *   Effect.provide(toolkit.toLayer({ get_weather: ({ city }) => Effect.succeed({ celsius: city.length }) }))
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const stream = <
  T extends Record<string, Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  A = never,
  I = never,
  RD = never,
  RE = never,
  const O extends Options<T, E2, R2> = {}
>(
  request: Request<T, E1, R1> & { readonly output?: Output<A, I, RD, RE> | undefined },
  options?: O & Options<T, E2, R2>
): Loop<T, O, A, I, E1 | E2, R1 | R2 | RD> =>
  // What the options rule out does not happen.
  loop(request, options ?? {}) as Loop<T, O, A, I, E1 | E2, R1 | R2 | RD>

type Loop<T extends Record<string, Tool.Any>, O, A, I, E, R> = Stream.Stream<
  Event | ObjectEvent<A, I>,
  Stated<T, O> | ObjectError<A> | E,
  Services<T, R>
>

/** What a loop with an output emits besides. */
type ObjectEvent<A, I> = [A] extends [never] ? never : StreamedObject.ObjectEvent<A, I> | StructuredOutput.Repair

type ObjectError<A> = [A] extends [never] ? never : StreamedObject.ObjectError

type Stated<T extends Record<string, Tool.Any>, O> =
  | ProviderError.ProviderError
  | AiError.AiError
  | HandlerError<T, O>
  | BudgetError<O>

type Failure<T extends Record<string, Tool.Any>, E> =
  | Stated<T, { readonly budget: string }>
  | StreamedObject.ObjectError
  | E

type Services<T extends Record<string, Tool.Any>, R> = Provider.Provider | Tool.HandlerServices<T[keyof T]> | R

type Events<T extends Record<string, Tool.Any>, A, I, E, R> = Stream.Stream<
  Event | StreamedObject.ObjectEvent<A, I> | StructuredOutput.Repair,
  Failure<T, E>,
  Services<T, R>
>

const loop = <T extends Record<string, Tool.Any>, E1, R1, E2, R2, A, I, RD, RE>(
  request: Request<T, E1, R1> & { readonly output?: Output<A, I, RD, RE> | undefined },
  stated: Options<T, E2, R2>
): Events<T, A, I, E1 | E2, R1 | R2 | RD> => {
  type Own = Events<T, A, I, E1 | E2, R1 | R2 | RD>
  return Stream.unwrap(Effect.gen(function*() {
    const provider = yield* Provider.Provider
    const invalid = (message: string) => Checks.refused(provider.name, message)
    const promptOf = (input: unknown) =>
      Effect.mapError(Effect.fromResult(ChatRequest.promptOf(input)), ({ message }) => invalid(message))
    const sound = <A>(result: Result.Result<A, string>) => Effect.mapError(Effect.fromResult(result), invalid)
    const { prepareStep, stopWhen, ...options } = yield* sound(Checks.copied(stated))
    const { concurrency, failures, limit, maxSteps } = yield* sound(checked(options))
    for (const [name, callback] of Object.entries({ prepareStep, stopWhen, needsApproval: options.needsApproval })) {
      yield* sound(Checks.given(name, "a function", () => callback, Checks.isFunction))
    }
    const { clientTools = [], from, output, prompt: input, system, toolChoice, tools, ...fields } = yield* sound(
      Checks.copied(request, "request")
    )
    yield* sound(Checks.given("from", "a Step or a Done", () => from, (from) => from === undefined || isState(from)))
    const begin: State = {
      steps: from?.steps ?? 0,
      prompt: from === undefined ? yield* promptOf(input) : from.prompt,
      ...defined({ system: system ?? from?.system, usage: from?.usage, cost: from?.cost })
    }
    yield* sound(Checks.given("system", "a text", () => system, Checks.isText))
    yield* sound(checkedTools(tools, (tools) => Effect.isEffect(tools) || isHandled(tools)))
    const { forms, handlers, known } = yield* sound(yield* prepared(tools, codecTransformer(provider)))
    const clients: Offered = yield* sound(
      Checks.given("clientTools", "a list of tools", () => new Set(clientTools.map(({ name }) => name)))
    )
    for (const name of clients) if (forms.has(name)) return yield* invalid(`clientTools: ${name} is a tool of the loop`)
    const wanted = output === undefined
      ? undefined
      : yield* sound(
        Checks.given(
          "output",
          "a schema, or an object that has one",
          () => isCodec(output) ? { schema: output } : { ...output }
        )
      )
    const asking = wanted === undefined ? undefined : yield* StructuredOutput.asking(provider, wanted)
    const repairs = yield* Effect.mapError(
      Effect.fromResult(Checks.count("output.repairs", wanted?.repairs ?? 0)),
      invalid
    )
    // The responses that needed a repair.
    const earlier: Array<ChatResponse.ChatResponse> = []

    const run = (calls: ReadonlyArray<Call>, offered: Offered, results: Results) =>
      Stream.flatMap(
        Stream.fromIterable(calls),
        (call) => runCall(handlers, forms, offered, call, failures, results),
        { concurrency }
      )
    // The cost of responses that is known, whether that of all is or not.
    let spent = begin.cost ?? Cost.zero
    const all: Offered = new Set([...forms.keys(), ...clients])

    const step = (state: State): Own =>
      Stream.unwrap(Effect.gen(function*() {
        const valid = <A>(result: Effect.Effect<A, ProviderError.ProviderError>) =>
          Effect.mapError(result, (error) => ProviderError.withSpent(error, state))
        const told = yield* yield* valid(sound(
          Checks.given("prepareStep", "a function", () => changesOf(prepareStep?.(state)))
        ))
        const { prompt: replacement, sent, system = state.system, tools: names, ...changes } = yield* valid(sound(
          Checks.copied(told, "prepareStep")
        ))
        yield* valid(sound(Checks.given("prepareStep.system", "a text", () => system, Checks.isText)))
        const listed = yield* valid(sound(
          Checks.given("prepareStep.tools", "a list of names", () => names && [...names], isNames)
        ))
        const before = replacement === undefined ? state : { ...state, prompt: yield* valid(promptOf(replacement)) }
        const forced = toolChoice === "required" || typeof toolChoice === "object"
        const isAnswered = before.steps > 0 || before.prompt.content.at(-1)?.role === "tool"
        const chosen = toolChoice === undefined || forced && isAnswered ? undefined : toolChoice
        const offered = listed === undefined ? all : new Set([...listed.filter((name) => all.has(name)), ...clients])
        const accumulator = ChatResponse.accumulator({ maxSize: yield* ChatResponse.MaxSize })
        const { instructions, reading, responseFormat, tool } = asking ?? {}
        const said = [system, instructions].filter(Predicate.isNotUndefined)
        yield* Operation.countCall("inference")
        const chunks = provider.stream({
          ...fields,
          ...defined({ responseFormat: responseFormat ?? fields.responseFormat }),
          // The answer is also a call.
          ...defined({ toolChoice: tool === undefined || chosen !== undefined && forced ? chosen : "required" }),
          ...defined(changes),
          ...(said.length === 0 ? undefined : { system: said.join("\n\n") }),
          prompt: sent ?? before.prompt,
          tools: [
            ...Array.from(forms).flatMap(([name, form]) => offered.has(name) ? [form.sent] : []),
            ...clientTools,
            ...(tool === undefined ? [] : [tool])
          ]
        })
        const ids = distinctIds(before.prompt, clients)
        const object = wanted === undefined ? undefined : objectOf(wanted.schema, reading ?? {})
        const calls: Array<Call> = []
        let asked = false
        let finish: ChatEvent.Finish | undefined
        return ChatEvent.fromChunks(
          limit === undefined ? chunks : ChunkStream.withBudget(chunks, { limit, spent }),
          { accumulator, isAccounted: yield* ChatEvent.Accounted }
        ).pipe(
          Stream.mapAccum(() => undefined, (_, stated) => {
            const event = ids.event(stated)
            if (event._tag === "Finish") {
              finish = event
              spent = Cost.sum(spent, event.cost ?? Cost.zero)
            } else if (event._tag === "ToolApprovalRequest") asked = true
            else if (isAnswerable(event)) calls.push(event)
            return [undefined, object === undefined ? [event] : object.see(event)]
          }),
          Stream.catchTag(
            "ProviderError",
            (error) =>
              Stream.fromEffect(Effect.flatMap(Pricing.priced(accumulator.response()), (response) =>
                Effect.fail(
                  ProviderError.withSpent(error, response.chunks === 0 ? before : totals(before, response))
                )))
          ),
          Stream.concat(
            Stream.suspend(() =>
              after(
                before,
                accumulator.response(),
                finish ?? ChatEvent.finish(accumulator.response()),
                { calls, offered, asked, ids, object, replaced: replacement !== undefined }
              )
            )
          )
        )
      }))

    const after = (
      before: State,
      response: ChatResponse.ChatResponse,
      finish: ChatEvent.Finish,
      { asked, calls, ids, object, offered, replaced }: {
        readonly calls: ReadonlyArray<Call>
        readonly offered: Offered
        /** Whether the provider asks for approval of a tool of its own. */
        readonly asked: boolean
        readonly ids: DistinctIds
        readonly object: GrowingObject<A, I, RD> | undefined
        readonly replaced: boolean
      }
    ): Own =>
      Stream.unwrap(Effect.gen(function*() {
        if (limit !== undefined && finish.cost === undefined) {
          return Stream.fail(new UsageMissing({ step: before.steps + 1, cost: spent }))
        }
        const isFinished = isComplete(finish.reason)
        const results: Results = new Map()
        const isAnswerCall = ({ name }: Call) => name === object?.tool
        const isAnswered = calls.some(isAnswerCall)
        const others = calls.filter((call) => !isAnswerCall(call))
        const runs = isFinished && !isAnswered
        const waiting = runs
          ? yield* approvalsOf(known, forms, offered, others, before.prompt.content, options.needsApproval)
          : new Map<string, ChatEvent.ToolCall>()
        const held = new Set(runs ? others.filter(({ _tag, name }) => _tag === "ToolCall" && clients.has(name)) : [])
        const isOver = !isFinished || isAnswered || calls.length === 0 && finish.reason !== "pause"
        const steps = before.steps + 1
        const ending = object !== undefined && isOver && waiting.size === 0 && !asked
          ? yield* Effect.result(object.end(response))
          : undefined
        const broken =
          ending !== undefined && Result.isFailure(ending) && StructuredOutput.isRepairable(ending.failure) &&
            earlier.length < repairs && steps < maxSteps
            ? ending.failure
            : undefined
        for (const call of calls.filter(isAnswerCall)) {
          if (broken === undefined) toolResult(call, accepted, results)
          else failed(call, StructuredOutput.correction(broken), results)
        }
        const why = isFinished ? "the answer came with its call" : `the response was cut short: ${finish.reason}`
        const answers = runs
          ? run(others.filter((call) => !waiting.has(call.id) && !held.has(call)), offered, results)
          : Stream.fromIterable(others.map((call) => failed(call, `The tool did not run, as ${why}`, results)))
        const end = Stream.suspend((): Own => {
          const state: State = {
            ...defined({ system: before.system }),
            steps,
            prompt: Prompt.fromMessages([
              ...before.prompt.content,
              ...messagesOf(ids.message(response.message), calls, waiting, results)
            ]),
            ...totals(before, finish)
          }
          const ended = Stream.make<[Event]>({ _tag: "Step", ...state, ...(replaced ? { replaced } : undefined) })
          const isWaiting = waiting.size > 0 || asked
          const isStopped = isWaiting || isOver || held.size > 0
            ? Result.succeed(false)
            : Checks.given("stopWhen", "a predicate", () => stopWhen?.(state, response) === true)
          if (Result.isFailure(isStopped)) {
            return Stream.concat(ended, Stream.fail(ProviderError.withSpent(invalid(isStopped.failure), state)))
          }
          const reason: DoneReason | undefined = isWaiting
            ? "approval"
            : isOver
            ? isAnswered && isFinished ? "stop" : finish.reason
            : held.size > 0
            ? "tool_calls"
            : isStopped.success
            ? "stop_when"
            : state.steps >= maxSteps
            ? "max_steps"
            : undefined
          if (reason === undefined) {
            return Stream.concat(ended, step(state))
          }
          if (broken !== undefined) {
            const attempt = earlier.push(response)
            return ended.pipe(
              Stream.concat(Stream.make<[StructuredOutput.Repair]>({ _tag: "Repair", attempt, error: broken })),
              Stream.concat(step(isAnswered ? state : told(state, StructuredOutput.correction(broken))))
            )
          }
          const done = Stream.make<[Event]>({ _tag: "Done", ...state, reason })
          const complete = ending === undefined
            ? Stream.empty
            : Stream.fromEffect(
              Effect.mapError(Effect.fromResult(ending), (error) => StructuredOutput.withEarlier(error, earlier))
            )
          return ended.pipe(Stream.concat(complete), Stream.concat(done))
        })
        return Stream.fromIterable(waiting).pipe(
          Stream.map(([approvalId, call]) => approvalRequest(approvalId, call)),
          Stream.concat(answers),
          Stream.concat(end)
        )
      }))

    if (limit !== undefined && begin.steps > 0) {
      if (begin.cost === undefined) return yield* new UsageMissing({ step: begin.steps, cost: Cost.zero })
      if (BigDecimal.isGreaterThan(spent.total, limit)) {
        return yield* new ChunkStream.BudgetExceeded({ limit, cost: spent })
      }
    }
    const approvals = approvalsIn(begin.prompt).filter(({ call }) => call !== undefined && !call.providerExecuted)
    const open = approvals.find(({ response }) => response === undefined)
    if (open !== undefined) {
      return yield* invalid(`prompt: the approval request ${open.request.approvalId} has no response`)
    }
    const held = pendingCalls(begin).find(({ name }) => clients.has(name))
    if (held !== undefined) return yield* invalid(`prompt: the call ${held.id} has no result`)
    const results: Results = new Map()
    return Stream.concat(
      Stream.concat(
        run(approvals.flatMap(({ call, response }) => call && response?.approved === true ? [call] : []), all, results),
        Stream.fromIterable(
          approvals.flatMap(({ call, response }) =>
            call === undefined || response === undefined || response.approved
              ? []
              : [denied(call, response.reason, results)]
          )
        )
      ),
      Stream.suspend((): Own => {
        const state: State = { ...begin, prompt: resolved(begin.prompt, approvals, results) }
        const next = state.steps < maxSteps
          ? step(state)
          : Stream.make<[Event]>({ _tag: "Done", ...state, reason: "max_steps" })
        // What has run is not to run again should the response fail.
        return approvals.length === 0 ? next : Stream.concat(Stream.make<[Event]>({ _tag: "Step", ...state }), next)
      })
    )
  }))
}

const isCodec = <A, I, RD, RE>(output: Output<A, I, RD, RE>): output is Schema.ConstraintCodec<A, I, RD, RE> =>
  Schema.isSchema(output)

const isState = Schema.is(Schema.Struct(state))

/** A state in which the user has said something more. */
const told = (state: State, text: string): State => ({
  ...state,
  prompt: Prompt.fromMessages([
    ...state.prompt.content,
    Prompt.userMessage({ content: [Prompt.textPart({ text })] })
  ])
})

/** An object that a loop ends in, while a response has it. */
interface GrowingObject<A, I, RD> {
  /** The name of the tool whose call is the answer; `undefined` when the text is. */
  readonly tool: string | undefined
  /** What is emitted in the place of an event of the response. */
  readonly see: (event: ChatEvent.ChatEvent) => ReadonlyArray<ChatEvent.ChatEvent | StreamedObject.PartialObject<I>>
  readonly end: (
    response: ChatResponse.ChatResponse
  ) => Effect.Effect<StreamedObject.Complete<A>, StreamedObject.ObjectError, RD>
}

const objectOf = <A, I, RD, RE>(
  schema: Schema.ConstraintCodec<A, I, RD, RE>,
  reading: StreamedObject.Options
): GrowingObject<A, I, RD> => {
  const { tool } = reading
  const { end, parser, partial } = StreamedObject.reader(schema, reading)
  let text = ""
  let first: string | undefined
  const grown = (piece: string) => {
    text += piece
    parser.push(piece)
    return partial()
  }
  /** What an event has of the text of the object. */
  const pieceOf = (event: ChatEvent.ChatEvent): string => {
    if (tool === undefined) return event._tag === "Text" ? event.delta : ""
    if (!isOfCall(event) || event.name !== tool || (first ??= event.id) !== event.id) return ""
    if (event._tag === "ToolCallDelta") return event.delta
    return event._tag === "ToolCall" && text === "" ? JSON.stringify(event.params) : ""
  }
  return {
    tool,
    see: (event) => {
      const shown = tool !== undefined && isOfCall(event) && event.name === tool ? [] : [event]
      const piece = pieceOf(event)
      const value = piece === "" ? undefined : grown(piece)
      return value === undefined ? shown : [...shown, value]
    },
    end: (response) => end(StreamedObject.ending(parser, () => response, () => text, () => first !== undefined))
  }
}

const isOfCall = (
  event: ChatEvent.ChatEvent
): event is ChatEvent.ToolCallStart | ChatEvent.ToolCallDelta | ChatEvent.ToolCall | ChatEvent.InvalidToolCall =>
  event._tag === "ToolCallStart" || event._tag === "ToolCallDelta" || event._tag === "ToolCall" ||
  event._tag === "InvalidToolCall"

/** The result of the call that is the answer: every call needs one. */
const accepted = { result: "Accepted", isFailure: false, preliminary: false }

type Call = ChatEvent.ToolCall | ChatEvent.InvalidToolCall

/** The names of the tools that the model may call. */
type Offered = ReadonlySet<string>

/** The results that go into the next request, by the ids of their calls. */
type Results = Map<string, Prompt.ToolResultPart>

/** How the model is told of a tool, and how its arguments are read. */
interface Form<R> {
  readonly sent: Tool.Any | ChatRequest.ToolDefinition
  readonly decode: (params: unknown) => Effect.Effect<unknown, SchemaIssue.Issue, R>
  /** Whether the handler takes what was decoded; otherwise its toolkit decodes the arguments again. */
  readonly isDecoded: boolean
}

type Forms<T extends Record<string, Tool.Any>> = ReadonlyMap<string, Form<Tool.HandlerServices<T[keyof T]>>>

/**
 * The tools, with arguments that are decoded here: a toolkit decodes by the schema as it is, which takes no JSON for a date,
 * and in a time that may grow exponentially.
 */
const prepared = <T extends Record<string, Tool.Any>, E, R>(
  tools: Tools<T, E, R>,
  transformer: LanguageModel.CodecTransformer
) => {
  const isOurs = isToolkit(tools)
  return Effect.map(
    isOurs ? undecoding(tools) : Effect.isEffect(tools) ? tools : Effect.succeed(tools),
    (made) =>
      Result.map(checkedTools(made, isHandled), (handlers) => {
        const known: T = isOurs ? tools.tools : handlers.tools
        const forms: Forms<T> = new Map(
          Object.values<Tool.Any>(known).map((tool) => [tool.name, formOf(tool, isOurs, transformer)])
        )
        return { handlers, known, forms }
      })
  )
}

const isNames = (names: unknown): boolean =>
  names === undefined || Array.isArray(names) && names.every(Predicate.isString)

// For callers in JavaScript.
const checkedTools = <A>(tools: A, is: (tools: unknown) => boolean) =>
  Checks.given("tools", "a toolkit or an effect that makes one", () => tools, is)

const isHandled = (tools: unknown): boolean =>
  Predicate.hasProperty(tools, "handle") && Predicate.isFunction(tools.handle) &&
  Predicate.hasProperty(tools, "tools") && Predicate.isObject(tools.tools) &&
  Object.values<unknown>(tools.tools).every((tool) =>
    Tool.isUserDefined(tool) || Tool.isProviderDefined(tool) || Tool.isDynamic(tool)
  )

const isToolkit = <T extends Record<string, Tool.Any>, E, R>(
  tools: Tools<T, E, R>
): tools is Tools<T, E, R> & Effect.Effect<Toolkit.WithHandler<T>, E, R> & { readonly tools: T } =>
  Effect.isEffect(tools) && Predicate.hasProperty(tools, "tools") && Predicate.hasProperty(tools, "toHandlers")

/** The toolkit with handlers that take what was decoded. They are found by the names of their tools. */
const undecoding = <T extends Record<string, Tool.Any>, E, R>(
  { tools }: Effect.Effect<Toolkit.WithHandler<T>, E, R> & { readonly tools: T }
): Effect.Effect<Toolkit.WithHandler<T>, E, R> => {
  const made: Effect.Effect<unknown, unknown, unknown> = Toolkit.make(
    ...Object.values<Tool.Any>(tools).map((tool) =>
      Tool.isUserDefined(tool) ? tool.setParameters(Schema.Unknown) : tool
    )
  )
  return made as Effect.Effect<Toolkit.WithHandler<T>, E, R>
}

const isJsonObject = Schema.is(Schema.JsonObject)

const formOf = <R>(tool: Tool.Any, isOurs: boolean, transformer: LanguageModel.CodecTransformer): Form<R> => {
  const decoder = (schema: Schema.Constraint) =>
    linearDecoder(schema as Schema.ConstraintDecoder<unknown, R>, { errors: "all" })
  const schema = tool.parametersSchema
  if (!Schema.isSchema(schema)) return { sent: tool, decode: Effect.succeed, isDecoded: false }
  if (!isOurs || !Tool.isUserDefined(tool)) return { sent: tool, decode: decoder(schema), isDecoded: false }
  const plain: Form<R> = { sent: tool, decode: decoder(Schema.toCodecJson(schema)), isDecoded: true }
  if (Tool.getStrictMode(tool) !== true) return plain
  // A guarantee needs the form in which the API can give it. Where there is none, the provider says why.
  return Result.getOrElse(
    Result.try((): Form<R> => {
      const { codec, jsonSchema: parameters } = transformer(schema)
      if (!isJsonObject(parameters)) return plain
      const { name } = tool
      const sent = { name, ...defined({ description: Tool.getDescription(tool) }), parameters, strict: true }
      return { sent, decode: decoder(codec), isDecoded: true }
    }),
    () => plain
  )
}

const changesOf = <A, E, R>(
  changes: A | Effect.Effect<A, E, R> | undefined
): Effect.Effect<Partial<A>, E, R> =>
  Effect.map(
    Effect.isEffect(changes) ? changes : Effect.succeed(changes),
    (changes) => changes === undefined ? {} : changes
  )

/** The options of which not every value is one. */
const checked = (
  { budget, concurrency = "unbounded", failures = "tool", maxSteps = 20 }: Pick<
    Options<{}>,
    "budget" | "concurrency" | "failures" | "maxSteps"
  >
) =>
  Result.gen(function*() {
    return {
      limit: budget === undefined ? undefined : yield* Checks.amount("budget", budget),
      concurrency: concurrency === "unbounded"
        ? concurrency
        : yield* Checks.count("concurrency", concurrency, { least: 1, unlimited: true }),
      failures: yield* Checks.word("failures", failures, ["tool", "return"]),
      maxSteps: yield* Checks.count("maxSteps", maxSteps, { least: 1, unlimited: true })
    }
  })

/** Whether it is a call that is up to us. One without a name can't be told anything. */
const isAnswerable = (event: ChatEvent.ChatEvent): event is Call =>
  event._tag === "ToolCall" || event._tag === "InvalidToolCall" ? !event.providerExecuted && event.name !== "" : false

const totals = (
  { cost, steps, usage }: State,
  finish: Pick<ChatResponse.ChatResponse, "usage" | "cost">
): Pick<State, "usage" | "cost"> => {
  const used = finish.usage === undefined ? usage : usage === undefined ? finish.usage : Usage.sum(usage, finish.usage)
  // A sum that leaves out what is not known would be too low.
  const spent = finish.cost === undefined || steps > 0 && cost === undefined
    ? undefined
    : Cost.sum(cost ?? Cost.zero, finish.cost)
  return defined({ usage: used, cost: spent })
}

// ---------------------------------------------------------------------------------------------------------------------
// Running
// ---------------------------------------------------------------------------------------------------------------------

/** Runs the handler of a call, or tells the model why there is nothing to run. */
const runCall = <T extends Record<string, Tool.Any>>(
  handlers: Toolkit.WithHandler<T>,
  forms: Forms<T>,
  offered: Offered,
  call: Call,
  failures: "tool" | "return",
  results: Results
): Stream.Stream<
  ChatEvent.ToolResult,
  Tool.HandlerError<T[keyof T]> | AiError.AiError,
  Tool.HandlerServices<T[keyof T]>
> => {
  const { id, name } = call
  if (call._tag === "InvalidToolCall" && offered.has(name)) {
    const problem = call.problem === "incomplete" ? "The JSON ends too early" : "This is not JSON"
    return Stream.make(failed(call, `${problem}, at character ${call.offset} of the arguments`, results))
  }
  const form = forms.get(name)
  if (form === undefined || call._tag !== "ToolCall" || !isTool(handlers.tools, name) || !offered.has(name)) {
    const known = offered.size === 0 ? "" : `. The tools are: ${Array.from(offered).join(", ")}`
    return Stream.make(failed(call, `There is no tool ${name}${known}`, results))
  }
  const handled = (params: unknown) =>
    Stream.unwrap(handlers.handle(name, params as Tool.ParametersEncoded<T[typeof name]>, id)).pipe(
      Stream.map(({ encodedResult, failureOrigin, isFailure, modelOutput, preliminary, result }) =>
        failureOrigin === "parameters"
          ? failed(call, textOf(result), results)
          : toolResult(call, { result: encodedResult, isFailure, preliminary, modelOutput }, results)
      ),
      Stream.catch((error) =>
        failures === "return" || isParameterError(error)
          ? Stream.succeed(failed(call, textOf(error), results))
          : Stream.fail(error)
      )
    )
  return Stream.unwrap(Effect.match(form.decode(call.params), {
    onFailure: (issue) => Stream.succeed(failed(call, lines(schemaIssues({ issue })).join("\n"), results)),
    onSuccess: (decoded) => handled(form.isDecoded ? decoded : call.params)
  })).pipe(
    (results) => Operation.executeTool(results, call, handlers.tools[name]?.description)
  )
}

const isTool = <T extends Record<string, Tool.Any>>(tools: T, name: string): name is keyof T & string =>
  Object.hasOwn(tools, name)

const isParameterError = (error: unknown) =>
  AiError.isAiError(error) && error.reason._tag === "ToolParameterValidationError"

const textOf = (error: unknown): string =>
  AiError.isAiError(error) && error.reason._tag === "ToolParameterValidationError"
    ? error.reason.description
    : Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
    ? error.message
    : typeof error === "string"
    ? error
    : Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : "The tool failed"

const failed = (call: Call, result: unknown, results: Results): ChatEvent.ToolResult =>
  toolResult(call, { result, isFailure: true, preliminary: false }, results)

const denied = (call: Call, reason: string | undefined, results: Results): ChatEvent.ToolResult =>
  failed(call, { type: "execution-denied", ...defined({ reason }) }, results)

/** The event of a result, which is kept for the next request unless it is preliminary. */
const toolResult = (
  { id, name }: Call,
  // JSON has no `undefined`, which a tool without a result gives.
  { isFailure, modelOutput, preliminary, result = null }: {
    readonly result: unknown
    readonly isFailure: boolean
    readonly preliminary: boolean
    readonly modelOutput?: ReadonlyArray<Prompt.ToolModelOutputPart> | undefined
  },
  results: Results
): ChatEvent.ToolResult => {
  if (!preliminary) {
    results.set(
      id,
      Prompt.toolResultPart({
        id,
        name,
        result,
        isFailure,
        providerExecuted: false,
        ...(modelOutput === undefined ? undefined : { modelOutput })
      })
    )
  }
  return { _tag: "ToolResult", id, name, result, isFailure, preliminary, providerExecuted: false }
}

// ---------------------------------------------------------------------------------------------------------------------
// Conversation
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The messages of a step: what the model said, and the results in the order of the calls. Arguments that are not JSON, or
 * no object, go back as they came, in an object with one field.
 */
const messagesOf = (
  message: Prompt.AssistantMessage,
  calls: ReadonlyArray<Call>,
  waiting: ReadonlyMap<string, Call>,
  results: Results
): ReadonlyArray<Prompt.Message> => {
  const content: ReadonlyArray<Prompt.AssistantMessagePart> = [
    ...message.content,
    // An answer that was cut short has no broken calls.
    ...calls.flatMap((call) =>
      call._tag === "InvalidToolCall" && !has(message, call.id)
        ? [Prompt.toolCallPart({
          id: call.id,
          name: call.name,
          params: invalidArguments(call.arguments),
          providerExecuted: false
        })]
        : []
    ),
    ...Array.from(waiting, ([approvalId, { id }]) => Prompt.toolApprovalRequestPart({ approvalId, toolCallId: id }))
  ]
  const answers = calls.flatMap(({ id }) => results.get(id) ?? [])
  return [
    ...(content.length === 0 ? [] : [Prompt.assistantMessage({ content, options: message.options })]),
    ...(answers.length === 0 ? [] : [Prompt.toolMessage({ content: answers })])
  ]
}

const has = ({ content }: Prompt.AssistantMessage, id: string): boolean =>
  content.some((part) => part.type === "tool-call" && part.id === id)

type DistinctIds = ReturnType<typeof distinctIds>

/**
 * Gives a call another id when an earlier response has the same one: hosts that state no ids begin anew each time. What the
 * provider runs keeps its id, as the result may come in a later response.
 */
const distinctIds = ({ content: messages }: Prompt.Prompt, clients: Offered) => {
  const taken = new Set(
    messages.flatMap((message) =>
      message.role === "assistant" ? message.content.flatMap((part) => part.type === "tool-call" ? [part.id] : []) : []
    )
  )
  const given = new Map<string, string>()
  const idOf = (stated: string): string => {
    const known = given.get(stated)
    if (known !== undefined) return known
    let id = stated
    for (let n = 2; taken.has(id); n++) id = `${stated}_${n}`
    taken.add(id)
    given.set(stated, id)
    return id
  }
  const message = ({ content, options }: Prompt.AssistantMessage): Prompt.AssistantMessage =>
    Prompt.assistantMessage({
      options,
      content: content.map((part) =>
        part.type === "tool-call" && !part.providerExecuted ? { ...part, id: idOf(part.id) } : part
      )
    })
  return {
    event: (event: ChatEvent.ChatEvent): ChatEvent.ChatEvent => {
      switch (event._tag) {
        case "ToolCallStart":
        case "ToolCall":
        case "InvalidToolCall":
          return event.providerExecuted ? event : { ...event, id: idOf(event.id) }
        case "ToolCallDelta":
          return { ...event, id: given.get(event.id) ?? event.id }
        case "Finish": {
          if (event.account === undefined) return event
          const own = message(event.account.message)
          const theirs = own.content.flatMap((part) =>
            part.type === "tool-call" && clients.has(part.name) ? [part.id] : []
          )
          return { ...event, account: { message: own, isLoop: true, ...(theirs.length > 0 && { clients: theirs }) } }
        }
        default:
          return event
      }
    },
    message
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Approval
// ---------------------------------------------------------------------------------------------------------------------

/** The calls that have to be approved, by the ids of their approval requests. */
const approvalsOf = Effect.fnUntraced(function*<T extends Record<string, Tool.Any>>(
  tools: T,
  forms: Forms<T>,
  offered: Offered,
  calls: ReadonlyArray<Call>,
  messages: ReadonlyArray<Prompt.Message>,
  always: ((call: ChatEvent.ToolCall) => boolean) | undefined
): Effect.fn.Return<ReadonlyMap<string, ChatEvent.ToolCall>, never, Tool.HandlerServices<T[keyof T]>> {
  const waiting = new Map<string, ChatEvent.ToolCall>()
  for (const call of calls) {
    const tool = call._tag === "ToolCall" && offered.has(call.name) && isTool(tools, call.name)
      ? tools[call.name]
      : undefined
    if (call._tag === "InvalidToolCall" || tool === undefined) continue
    const form = forms.get(call.name)
    if (isAsked(always, call) || form && (yield* needsApproval(tool, form, call, messages))) {
      waiting.set(call.id, call)
    }
  }
  return waiting
})

// A predicate that throws has not said that the call may go without.
const isAsked = (always: ((call: ChatEvent.ToolCall) => boolean) | undefined, call: ChatEvent.ToolCall): boolean =>
  Result.getOrElse(Result.try(() => always?.(call) === true), () => true)

const needsApproval = <R>(
  { needsApproval = false }: Tool.Any,
  { decode }: Form<R>,
  { id, params }: ChatEvent.ToolCall,
  messages: ReadonlyArray<Prompt.Message>
): Effect.Effect<boolean, never, R> => {
  if (typeof needsApproval === "boolean") return Effect.succeed(needsApproval)
  return decode(params).pipe(
    Effect.flatMap((decoded): Effect.Effect<boolean, never, R> => {
      // One that throws has not said that the call may go without.
      const needed = Result.getOrElse(
        Result.try(() => needsApproval(decoded, { toolCallId: id, messages })),
        () => true
      )
      return Effect.isEffect(needed) ? needed : Effect.succeed(needed)
    }),
    // The model is told what is wrong with the arguments.
    Effect.orElseSucceed(() => false)
  )
}

const approvalRequest = (
  approvalId: string,
  { id, name, params }: ChatEvent.ToolCall
): ChatEvent.ToolApprovalRequest => ({
  _tag: "ToolApprovalRequest",
  approvalId,
  toolCallId: id,
  name,
  params,
  providerExecuted: false
})

/** A request for approval in a conversation whose call has no result yet. */
interface Approval {
  readonly request: ChatEvent.ToolApprovalRequest
  /** Absent when the provider keeps it. */
  readonly call: ChatEvent.ToolCall | undefined
  readonly response: Prompt.ToolApprovalResponsePart | undefined
}

/** The last response, and what was answered to it. */
const lastOf = ({ content: messages }: Prompt.Prompt) => {
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const message = messages[last]
  const content = message?.role === "assistant" ? message.content : []
  const calls = new Map<string, ChatEvent.ToolCall>()
  for (const part of content) {
    if (part.type !== "tool-call") continue
    calls.set(part.id, { _tag: "ToolCall", ...Struct.pick(part, ["id", "name", "params", "providerExecuted"]) })
  }
  const answers = messages.slice(last + 1).flatMap((message) => message.role === "tool" ? message.content : [])
  const isAnswered = (id: string) => answers.some((answer) => answer.type === "tool-result" && answer.id === id)
  return { content, calls, answers, isAnswered }
}

const approvalsIn = (prompt: Prompt.Prompt): ReadonlyArray<Approval> => {
  const { answers, calls, content, isAnswered } = lastOf(prompt)
  return content.flatMap((part): ReadonlyArray<Approval> => {
    if (part.type !== "tool-approval-request" || isAnswered(part.toolCallId)) return []
    const { approvalId, toolCallId } = part
    const call = calls.get(toolCallId)
    return [{
      request: call === undefined
        ? { _tag: "ToolApprovalRequest", approvalId, toolCallId, params: null, providerExecuted: true }
        : { ...approvalRequest(approvalId, call), providerExecuted: call.providerExecuted },
      call,
      response: answers.find((answer): answer is Prompt.ToolApprovalResponsePart =>
        answer.type === "tool-approval-response" && answer.approvalId === approvalId
      )
    }]
  })
}

/**
 * The calls that wait for approval in the state of a loop, in order; empty when none does. It needs nothing but the state,
 * so it tells after a restart what was asked.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 *
 * declare const done: ToolLoop.Done
 *
 * const questions = ToolLoop.pending(done).map(({ approvalId, name, params }) => ({ approvalId, name, params }))
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const pending = ({ prompt }: Pick<State, "prompt">): ReadonlyArray<ChatEvent.ToolApprovalRequest> =>
  approvalsIn(prompt).flatMap(({ request, response }) => response === undefined ? [request] : [])

/**
 * The calls of `clientTools` that wait for their results in the state of a loop, in order; empty when none does.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 *
 * declare const done: ToolLoop.Done
 *
 * const calls = ToolLoop.pendingCalls(done).map(({ id, name, params }) => ({ id, name, params }))
 * ```
 *
 * @category getters
 * @since 0.2.0
 */
export const pendingCalls = ({ prompt }: Pick<State, "prompt">): ReadonlyArray<ChatEvent.ToolCall> => {
  const { calls, content, isAnswered } = lastOf(prompt)
  for (const part of content) if (part.type === "tool-approval-request") calls.delete(part.toolCallId)
  return Array.from(calls.values()).filter(({ id, providerExecuted }) => !providerExecuted && !isAnswered(id))
}

/** The conversation with the results in the place of the responses to their requests, which no provider knows of. */
const resolved = (prompt: Prompt.Prompt, approvals: ReadonlyArray<Approval>, results: Results): Prompt.Prompt => {
  if (approvals.length === 0) return prompt
  const known = new Map(approvals.map((approval) => [approval.request.approvalId, approval]))
  return Prompt.fromMessages(prompt.content.map((message) => {
    switch (message.role) {
      case "assistant":
        return Prompt.assistantMessage({
          options: message.options,
          content: message.content.filter((part) =>
            part.type !== "tool-approval-request" || !known.has(part.approvalId)
          )
        })
      case "tool":
        return Prompt.toolMessage({
          options: message.options,
          content: message.content.flatMap((part): ReadonlyArray<Prompt.ToolMessagePart> => {
            if (part.type !== "tool-approval-response") return [part]
            const approval = known.get(part.approvalId)
            const result = approval === undefined ? part : results.get(approval.request.toolCallId)
            return result === undefined ? [] : [result]
          })
        })
      default:
        return message
    }
  }))
}

/**
 * The state of a loop that waits, with the responses added. A loop that goes on `from` it runs the approved tools, tells the
 * model which were denied and what the client's tools gave, and continues. Everything that waits needs a response.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * declare const tools: Toolkit.Toolkit<{ readonly transfer: Tool.Tool<"transfer", never> }>
 * declare const done: ToolLoop.Done
 *
 * const loop = ToolLoop.stream({
 *   from: ToolLoop.respond(done, [
 *     { approvalId: "call_1", approved: false, reason: "too expensive" },
 *     { id: "call_2", result: { latitude: 48.9 } }
 *   ]),
 *   clientTools: [{ name: "locate", parameters: {} }],
 *   tools
 * })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const respond: {
  (responses: ReadonlyArray<ApprovalResponse | CallResult>): <S extends Pick<State, "prompt">>(state: S) => S
  <S extends Pick<State, "prompt">>(state: S, responses: ReadonlyArray<ApprovalResponse | CallResult>): S
} = dual(
  2,
  <S extends Pick<State, "prompt">>(state: S, responses: ReadonlyArray<ApprovalResponse | CallResult>): S => {
    const { calls } = lastOf(state.prompt)
    const content = responses.map((response) => {
      if ("approvalId" in response) {
        const { approvalId, approved, reason } = response
        return Prompt.toolApprovalResponsePart({ approvalId, approved, ...defined({ reason }) })
      }
      const { id, isFailure = false, result } = response
      return Prompt.toolResultPart({ id, name: calls.get(id)?.name ?? "", result, isFailure, providerExecuted: false })
    })
    return { ...state, prompt: Prompt.fromMessages([...state.prompt.content, Prompt.toolMessage({ content })]) }
  }
)

/**
 * The response to an approval request.
 *
 * @category models
 * @since 0.2.0
 */
export interface ApprovalResponse {
  /** The id of the `ToolApprovalRequest`. */
  readonly approvalId: string
  readonly approved: boolean
  /** Why, for the model. */
  readonly reason?: string | undefined
}

/**
 * What a tool of the client gave.
 *
 * @category models
 * @since 0.2.0
 */
export interface CallResult {
  /** The id of the `ToolCall`. */
  readonly id: string
  /** JSON, for the model. */
  readonly result: unknown
  /** Default: `false`. */
  readonly isFailure?: boolean | undefined
}

// ---------------------------------------------------------------------------------------------------------------------
// To the end
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The outcome of a loop.
 *
 * @category models
 * @since 0.2.0
 */
export interface Answer<out T = never> extends Omit<Done, "_tag"> {
  /** The text of the last response. */
  readonly text: string
  /** The data, if the loop has an `output`; `undefined` when it ended for another reason than that the model had its answer. */
  readonly value: T | undefined
}

/**
 * Runs a loop to its end and returns the answer. Each step sends one request.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 * import { Effect, Schema } from "effect"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * const toolkit = Toolkit.make(Tool.make("now", { success: Schema.String }))
 *
 * const program = ToolLoop.stream({ prompt: "What is the time?", tools: toolkit }).pipe(
 *   ToolLoop.answer,
 *   Effect.map(({ text, usage }) => [text, usage?.totalTokens]),
 *   Effect.provide(toolkit.toLayer({ now: () => Effect.sync(() => new Date().toISOString()) }))
 * )
 * ```
 *
 * @category destructors
 * @since 0.2.0
 */
export const answer = <E, R, T = never>(
  self: Stream.Stream<Event | StreamedObject.ObjectEvent<T, unknown> | StructuredOutput.Repair, E, R>
): Effect.Effect<Answer<T>, E | ProviderError.ProviderError, R> =>
  Effect.suspend(() => {
    let text = ""
    let isOver = false
    let value: T | undefined
    let done: Done | undefined
    return Stream.runForEach(streamOf(self), (event) =>
      reading(() => {
        if (event._tag === "Step") isOver = true
        else if (event._tag === "Done") done = event
        else if (event._tag === "Complete") value = event.value
        else if (event._tag === "Text") {
          text = isOver ? event.delta : text + event.delta
          isOver = false
        }
      })).pipe(
        Effect.flatMap(() =>
          done === undefined
            ? Effect.fail(Checks.refused("ToolLoop", "the events have no `Done`: give all that the loop has"))
            : Effect.succeed({ ...done, text, value })
        )
      )
  })
