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
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Concurrency } from "effect/Types"
import * as ChatEvent from "./ChatEvent.ts"
import * as ChatRequest from "./ChatRequest.ts"
import * as ChatResponse from "./ChatResponse.ts"
import * as ChunkStream from "./ChunkStream.ts"
import { invalidArguments, isComplete } from "./content/calls.ts"
import * as Cost from "./Cost.ts"
import * as Checks from "./engine/checks.ts"
import * as Operation from "./engine/operation.ts"
import { FinishReason } from "./FinishReason.ts"
import { defined } from "./internal/defined.ts"
import * as Pricing from "./Pricing.ts"
import * as Provider from "./Provider.ts"
import * as ProviderError from "./ProviderError.ts"
import * as Usage from "./Usage.ts"

const state = {
  /** How many responses there have been in this run. */
  steps: Schema.Natural,
  /** The conversation so far. A request with it continues from here. */
  prompt: Prompt.Prompt,
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
export const Step = Schema.TaggedStruct("Step", state).annotate({ identifier: "ToolLoopStep" })

/**
 * The end of a step: a response, and the results of its tools. Keep `prompt` to continue from here if a later step
 * fails.
 *
 * @category models
 * @since 0.2.0
 */
export interface Step extends Schema.Schema.Type<typeof Step> {}

/**
 * Schema of the reasons why a loop ends without failing.
 *
 * - a finish reason: `stop` when the last response called no tool that has a handler; `length` when the output limit
 *   cut it off, and likewise `content_filter`, `error` and `other`: no tool of such a response has run
 * - `approval`: tools wait for approval, see {@link respond}
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
 * The end of a loop, and its last event.
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
 * What a loop asks: a chat request with a toolkit.
 *
 * A `toolChoice` that forces a tool call applies to the first step only, until there are results: otherwise the model
 * could never answer. `prepareStep` can ask for it again.
 *
 * @category models
 * @since 0.2.0
 */
export interface Request<T extends Record<string, Tool.Any>, E = never, R = never>
  extends Omit<ChatRequest.ChatRequest, "tools" | "responseFormat">
{
  readonly tools: Tools<T, E, R>
  /** The form of the answer. It applies to every step. */
  readonly responseFormat?: ChatRequest.ChatRequest["responseFormat"]
}

/**
 * What `prepareStep` changes in the request of one step. What is absent or `undefined` stays as it is in the request.
 *
 * @category models
 * @since 0.2.0
 */
export interface StepChanges<T extends Record<string, Tool.Any>>
  extends Omit<Partial<ChatRequest.ChatRequest>, "tools" | "prompt">
{
  /** What is sent instead of the conversation so far, such as a shorter one. The conversation itself stays complete. */
  readonly prompt?: Prompt.Prompt | undefined
  /** Names of the tools that the model may call. Default: all. */
  readonly tools?: ReadonlyArray<keyof T & string> | undefined
}

/**
 * Where a loop stands before a step, or after it.
 *
 * @category models
 * @since 0.2.0
 */
export interface State extends Omit<Step, "_tag"> {}

/**
 * How a loop runs.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options<T extends Record<string, Tool.Any>, E = never, R = never> {
  /** Maximum number of responses; `Infinity` for no limit. Default: 20. */
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
   * Maximum cost of all responses together in USD: a decimal such as `"0.05"`. Once they cost more, the stream fails
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
 * the errors of handlers (see `failures`). Events that came before a failure are delivered first; the last {@link Step}
 * among them has the conversation to continue from. The `spent` of a `ProviderError` has what all responses used, also the
 * one that was cut off.
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
  const O extends Options<T, E2, R2> = {}
>(
  request: Request<T, E1, R1>,
  options?: O & Options<T, E2, R2>
): Stream.Stream<
  Event,
  ProviderError.ProviderError | AiError.AiError | HandlerError<T, O> | BudgetError<O> | E1 | E2,
  Provider.Provider | Tool.HandlerServices<T[keyof T]> | R1 | R2
> => {
  const events = loop(request, options ?? {})
  // What the options rule out does not happen.
  return events as Stream.Stream<Event, Stated<T, O> | E1 | E2, Services<T, R1 | R2>>
}

type Stated<T extends Record<string, Tool.Any>, O> =
  | ProviderError.ProviderError
  | AiError.AiError
  | HandlerError<T, O>
  | BudgetError<O>

type Failure<T extends Record<string, Tool.Any>, E> = Stated<T, { readonly budget: string }> | E

type Services<T extends Record<string, Tool.Any>, R> = Provider.Provider | Tool.HandlerServices<T[keyof T]> | R

const loop = <T extends Record<string, Tool.Any>, E1, R1, E2, R2>(
  request: Request<T, E1, R1>,
  options: Options<T, E2, R2>
): Stream.Stream<Event, Failure<T, E1 | E2>, Services<T, R1 | R2>> => {
  const { prepareStep, stopWhen } = options
  return Stream.unwrap(Effect.gen(function*() {
    const provider = yield* Provider.Provider
    const invalid = (message: string) => Checks.refused(provider.name, message)
    const { concurrency, failures, limit, maxSteps } = yield* Effect.mapError(
      Effect.fromResult(checked(options)),
      invalid
    )
    const { prompt: input, responseFormat, toolChoice, tools, ...fields } = { ...request }
    const prompt = yield* Effect.mapError(
      Effect.fromResult(ChatRequest.promptOf(input)),
      ({ message }) => invalid(message)
    )
    if (!isTools(tools)) return yield* invalid("tools: neither a toolkit nor an effect that makes one")
    const handlers = yield* withHandlers(tools)

    const run = (calls: ReadonlyArray<Call>, offered: Offered, results: Results) =>
      Stream.flatMap(
        Stream.fromIterable(calls),
        (call) => runCall(handlers, offered, call, failures, results),
        { concurrency }
      )
    // The cost of responses that is known, whether that of all is or not.
    let spent = Cost.zero
    const all: Offered = new Set(Object.keys(handlers.tools))

    const step = (before: State): Stream.Stream<Event, Failure<T, E1 | E2>, Services<T, R1 | R2>> =>
      Stream.unwrap(Effect.gen(function*() {
        const { prompt = before.prompt, tools: names, ...changes } = yield* changesOf(prepareStep?.(before))
        const forced = toolChoice === "required" || Predicate.isObject(toolChoice)
        const isAnswered = before.steps > 0 || before.prompt.content.at(-1)?.role === "tool"
        const offered = names === undefined ? all : new Set(names.filter((name) => all.has(name)))
        const accumulator = ChatResponse.accumulator({ maxSize: yield* ChatResponse.MaxSize })
        const chunks = provider.stream({
          ...fields,
          ...(responseFormat === undefined ? undefined : { responseFormat }),
          ...(toolChoice === undefined || forced && isAnswered ? undefined : { toolChoice }),
          ...defined(changes),
          prompt,
          tools: Object.values<Tool.Any>(handlers.tools).filter(({ name }) => offered.has(name))
        })
        const ids = distinctIds(before.prompt)
        const calls: Array<Call> = []
        let asked = false
        let finish: ChatEvent.Finish | undefined
        return ChatEvent.fromChunks(
          limit === undefined ? chunks : ChunkStream.withBudget(chunks, { limit, spent }),
          { accumulator }
        ).pipe(
          Stream.map((stated) => {
            const event = ids.event(stated)
            if (event._tag === "Finish") {
              finish = event
              spent = Cost.sum(spent, event.cost ?? Cost.zero)
            } else if (event._tag === "ToolApprovalRequest") asked = true
            else if (isAnswerable(event)) calls.push(event)
            return event
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
                { calls, offered, asked, ids }
              )
            )
          )
        )
      }))

    const after = (
      before: State,
      response: ChatResponse.ChatResponse,
      finish: ChatEvent.Finish,
      { asked, calls, ids, offered }: {
        readonly calls: ReadonlyArray<Call>
        readonly offered: Offered
        /** Whether the provider asks for approval of a tool of its own. */
        readonly asked: boolean
        readonly ids: DistinctIds
      }
    ): Stream.Stream<Event, Failure<T, E1 | E2>, Services<T, R1 | R2>> =>
      Stream.unwrap(Effect.gen(function*() {
        if (limit !== undefined && finish.cost === undefined) {
          return Stream.fail(new UsageMissing({ step: before.steps + 1, cost: spent }))
        }
        const isFinished = isComplete(finish.reason)
        const results: Results = new Map()
        const waiting = isFinished
          ? yield* approvalsOf(handlers.tools, offered, calls, before.prompt.content, options.needsApproval)
          : new Map<string, ChatEvent.ToolCall>()
        const answers = isFinished
          ? run(calls.filter((call) => !waiting.has(call.id)), offered, results)
          : Stream.fromIterable(calls.map((call) => notRun(call, finish.reason, results)))
        const end = Stream.suspend(() => {
          const state: State = {
            steps: before.steps + 1,
            prompt: Prompt.fromMessages([
              ...before.prompt.content,
              ...messagesOf(ids.message(response.message), calls, waiting, results)
            ]),
            ...totals(before, finish)
          }
          const isOver = !isFinished || calls.length === 0 && finish.reason !== "pause"
          const reason: DoneReason | undefined = waiting.size > 0 || asked
            ? "approval"
            : isOver
            ? finish.reason
            : stopWhen?.(state, response) === true
            ? "stop_when"
            : state.steps >= maxSteps
            ? "max_steps"
            : undefined
          const ended = Stream.make<[Event]>({ _tag: "Step", ...state })
          return Stream.concat(
            ended,
            reason === undefined ? step(state) : Stream.make<[Event]>({ _tag: "Done", ...state, reason })
          )
        })
        return Stream.fromIterable(waiting).pipe(
          Stream.map(([approvalId, call]) => approvalRequest(approvalId, call)),
          Stream.concat(answers),
          Stream.concat(end)
        )
      }))

    const pending = pendingApprovals(prompt)
    const open = pending.find(({ response }) => response === undefined)
    if (open !== undefined) return yield* invalid(`prompt: the approval request ${open.approvalId} has no response`)
    const results: Results = new Map()
    return Stream.concat(
      Stream.concat(
        run(pending.flatMap(({ call, response }) => response?.approved === true ? [call] : []), all, results),
        Stream.fromIterable(
          pending.flatMap(({ call, response }) =>
            response === undefined || response.approved ? [] : [denied(call, response.reason, results)]
          )
        )
      ),
      Stream.suspend(() => {
        const state: State = { steps: 0, prompt: resolved(prompt, pending, results) }
        // What has run is not to run again should the response fail.
        return pending.length === 0
          ? step(state)
          : Stream.concat(Stream.make<[Event]>({ _tag: "Step", ...state }), step(state))
      })
    )
  }))
}

type Call = ChatEvent.ToolCall | ChatEvent.InvalidToolCall

/** The names of the tools that the model may call. */
type Offered = ReadonlySet<string>

/** The results that go into the next request, by the ids of their calls. */
type Results = Map<string, Prompt.ToolResultPart>

const withHandlers = <T extends Record<string, Tool.Any>, E, R>(
  tools: Tools<T, E, R>
): Effect.Effect<Toolkit.WithHandler<T>, E, R> => Effect.isEffect(tools) ? tools : Effect.succeed(tools)

const changesOf = <A, E, R>(
  changes: A | Effect.Effect<A, E, R> | undefined
): Effect.Effect<Partial<A>, E, R> =>
  changes === undefined ? Effect.succeed({}) : Effect.isEffect(changes) ? changes : Effect.succeed(changes)

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

// For callers in JavaScript.
const isTools = (tools: unknown): boolean => Effect.isEffect(tools) || Predicate.hasProperty(tools, "tools")

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
  return {
    ...(used === undefined ? undefined : { usage: used }),
    ...(spent === undefined ? undefined : { cost: spent })
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Running
// ---------------------------------------------------------------------------------------------------------------------

/** Runs the handler of a call, or tells the model why there is nothing to run. */
const runCall = <T extends Record<string, Tool.Any>>(
  handlers: Toolkit.WithHandler<T>,
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
  if (!isTool(handlers.tools, name) || !offered.has(name)) {
    const known = offered.size === 0 ? "" : `. The tools are: ${Array.from(offered).join(", ")}`
    return Stream.make(failed(call, `There is no tool ${name}${known}`, results))
  }
  if (call._tag === "InvalidToolCall") {
    const problem = call.problem === "incomplete" ? "The JSON ends too early" : "This is not JSON"
    return Stream.make(failed(call, `${problem}, at character ${call.offset} of the arguments`, results))
  }
  return Stream.unwrap(handlers.handle(name, call.params as Tool.ParametersEncoded<T[typeof name]>, id)).pipe(
    Stream.map(({ encodedResult, failureOrigin, isFailure, modelOutput, preliminary, result }) =>
      failureOrigin === "parameters"
        ? failed(call, textOf(result), results)
        : toolResult(call, { result: encodedResult, isFailure, preliminary, modelOutput }, results)
    ),
    Stream.catch((error) =>
      failures === "return" || isParameterError(error)
        ? Stream.succeed(failed(call, textOf(error), results))
        : Stream.fail(error)
    ),
    (results) => Operation.executeTool(results, call, handlers.tools[name]?.description)
  )
}

const isTool = <T extends Record<string, Tool.Any>>(tools: T, name: string): name is keyof T & string =>
  Object.hasOwn(tools, name)

const isParameterError = (error: unknown): boolean =>
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

const failed = (call: Call, result: string, results: Results): ChatEvent.ToolResult =>
  toolResult(call, { result, isFailure: true, preliminary: false }, results)

const notRun = (call: Call, reason: FinishReason, results: Results): ChatEvent.ToolResult =>
  failed(call, `The tool did not run, as the response was cut short: ${reason}`, results)

const denied = (call: Call, reason: string | undefined, results: Results): ChatEvent.ToolResult =>
  toolResult(call, {
    result: { type: "execution-denied", ...(reason === undefined ? undefined : { reason }) },
    isFailure: true,
    preliminary: false
  }, results)

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
 * The messages of a step: what the model said, and the results in the order of the calls. Arguments that are no JSON, or
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

interface DistinctIds {
  readonly event: (event: ChatEvent.ChatEvent) => ChatEvent.ChatEvent
  readonly message: (message: Prompt.AssistantMessage) => Prompt.AssistantMessage
}

/**
 * Gives a call another id when an earlier response has the same one: hosts that state no ids begin anew each time. What the
 * provider runs keeps its id, as the result may come in a later response.
 */
const distinctIds = ({ content: messages }: Prompt.Prompt): DistinctIds => {
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
  return {
    event: (event) => {
      switch (event._tag) {
        case "ToolCallStart":
        case "ToolCall":
        case "InvalidToolCall":
          return event.providerExecuted ? event : { ...event, id: idOf(event.id) }
        case "ToolCallDelta":
          return { ...event, id: given.get(event.id) ?? event.id }
        default:
          return event
      }
    },
    message: ({ content, options }) =>
      Prompt.assistantMessage({
        options,
        content: content.map((part) =>
          part.type === "tool-call" && !part.providerExecuted ? { ...part, id: idOf(part.id) } : part
        )
      })
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Approval
// ---------------------------------------------------------------------------------------------------------------------

/** The calls that have to be approved, by the ids of their approval requests. */
const approvalsOf = Effect.fnUntraced(function*<T extends Record<string, Tool.Any>>(
  tools: T,
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
    if (always?.(call) === true || (yield* needsApproval(tool, call, messages))) waiting.set(call.id, call)
  }
  return waiting
})

const needsApproval = <T extends Tool.Any>(
  tool: T,
  { id, params }: ChatEvent.ToolCall,
  messages: ReadonlyArray<Prompt.Message>
): Effect.Effect<boolean, never, Tool.HandlerServices<T>> => {
  const { needsApproval = false } = tool
  if (typeof needsApproval === "boolean") return Effect.succeed(needsApproval)
  // A tool of any type does not say what its schema needs.
  const parameters = tool.parametersSchema as Schema.Decoder<unknown, Tool.HandlerServices<T>>
  return Schema.decodeUnknownEffect(parameters)(params).pipe(
    Effect.flatMap((decoded) => {
      const needed = needsApproval(decoded, { toolCallId: id, messages })
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

/** A request for approval in a conversation, and the response to it. */
interface Approval {
  readonly approvalId: string
  readonly call: ChatEvent.ToolCall
  readonly response: Prompt.ToolApprovalResponsePart | undefined
}

/** The requests for approval of tools that this library runs, whose calls have no result yet. */
const pendingApprovals = ({ content: messages }: Prompt.Prompt): ReadonlyArray<Approval> => {
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const message = messages[last]
  if (message?.role !== "assistant") return []
  const answers = messages.slice(last + 1).flatMap((message) => message.role === "tool" ? message.content : [])
  return message.content.flatMap((part) => {
    if (part.type !== "tool-approval-request") return []
    const call = message.content.find((call) => call.type === "tool-call" && call.id === part.toolCallId)
    if (call?.type !== "tool-call" || call.providerExecuted) return []
    if (answers.some((answer) => answer.type === "tool-result" && answer.id === call.id)) return []
    const { id, name, params } = call
    return [{
      approvalId: part.approvalId,
      call: { _tag: "ToolCall", id, name, params, providerExecuted: false },
      response: answers.find((answer): answer is Prompt.ToolApprovalResponsePart =>
        answer.type === "tool-approval-response" && answer.approvalId === part.approvalId
      )
    }]
  })
}

/** The conversation with the results in the place of the responses to their requests, which no provider knows of. */
const resolved = (prompt: Prompt.Prompt, approvals: ReadonlyArray<Approval>, results: Results): Prompt.Prompt => {
  if (approvals.length === 0) return prompt
  const known = new Map(approvals.map((approval) => [approval.approvalId, approval]))
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
            const result = approval === undefined ? part : results.get(approval.call.id)
            return result === undefined ? [] : [result]
          })
        })
      default:
        return message
    }
  }))
}

/**
 * The conversation of a loop that waits for approval, with the responses added. Given this prompt, {@link stream} runs
 * the approved tools, tells the model which were denied, and continues. Every waiting tool needs a response.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 *
 * declare const done: ToolLoop.Done
 *
 * const prompt = ToolLoop.respond(done.prompt, [{ approvalId: "call_1", approved: false, reason: "too expensive" }])
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const respond: {
  (responses: ReadonlyArray<ApprovalResponse>): (prompt: Prompt.Prompt) => Prompt.Prompt
  (prompt: Prompt.Prompt, responses: ReadonlyArray<ApprovalResponse>): Prompt.Prompt
} = dual(2, (prompt: Prompt.Prompt, responses: ReadonlyArray<ApprovalResponse>): Prompt.Prompt =>
  Prompt.fromMessages([
    ...prompt.content,
    Prompt.toolMessage({
      content: responses.map(({ approvalId, approved, reason }) =>
        Prompt.toolApprovalResponsePart({ approvalId, approved, ...(reason === undefined ? undefined : { reason }) })
      )
    })
  ]))

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

// ---------------------------------------------------------------------------------------------------------------------
// To the end
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The outcome of a loop.
 *
 * @category models
 * @since 0.2.0
 */
export interface Answer extends Omit<Done, "_tag"> {
  /** The text of the last response. */
  readonly text: string
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
export const answer = <E, R>(self: Stream.Stream<Event, E, R>): Effect.Effect<Answer, E, R> =>
  Effect.suspend(() => {
    let text = ""
    let isOver = false
    let done: Done | undefined
    return Stream.runForEach(self, (event) =>
      Effect.sync(() => {
        if (event._tag === "Step") isOver = true
        else if (event._tag === "Done") done = event
        else if (event._tag === "Text") {
          text = isOver ? event.delta : text + event.delta
          isOver = false
        }
      })).pipe(
        Effect.flatMap(() =>
          done === undefined ? Effect.die("The loop did not end") : Effect.succeed({ ...done, text })
        )
      )
  })
