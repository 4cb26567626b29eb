/**
 * The front ends that speak AG-UI, such as its `HttpAgent` and the client of TanStack AI: an answer as a stream of its
 * events, and what the client sends as a prompt.
 *
 * {@link route} is a whole route. What a browser may make up, and what is believed of it, is said in `ui/Trust`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as JsonSchema from "effect/JsonSchema"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { defined } from "../internal/defined.ts"
import { place } from "../internal/place.ts"
import { plain } from "../internal/sent.ts"
import type { InvalidRequest } from "../ProviderError.ts"
import * as Blocks from "./blocks.ts"
import * as Body from "./body.ts"
import * as History from "./history.ts"
import * as Http from "./http.ts"

/**
 * The run that an answer is sent for; a {@link Turn} has all of it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Run {
  /** The client's id of the conversation. */
  readonly threadId: string
  /** The client's id of the run. The ids of the answer's messages begin with it. */
  readonly runId: string
  /**
   * The id of the last message of the assistant, whose calls the answer may begin with: the results of these calls are
   * sealed in it. Default: in a message of their own.
   */
  readonly messageId?: string | undefined
}

/**
 * How an answer is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface EncodeOptions extends Http.Options, Run {}

/**
 * How a body is read.
 *
 * @category models
 * @since 0.2.0
 */
export interface DecodeOptions extends History.Options, Body.Limits {}

/**
 * A tool that a client says it has.
 *
 * @category models
 * @since 0.2.0
 */
export interface ClientTool {
  readonly name: string
  readonly description: string
  /** Empty where the client states none. */
  readonly parameters: JsonSchema.JsonSchema
}

/**
 * What a client wants.
 *
 * @category models
 * @since 0.2.0
 */
export interface Turn extends History.Turn, Run {
  /** What the client says that it can run. It has no effect unless the app gives it to the model. */
  readonly tools: ReadonlyArray<ClientTool>
  /** What the client says of its situation. It has no effect unless the app gives it to the model. */
  readonly context: ReadonlyArray<{ readonly description: string; readonly value: string }>
}

/**
 * The headers of the response.
 *
 * @category constants
 * @since 0.2.0
 */
export const headers = {
  "cache-control": "no-cache",
  "connection": "keep-alive",
  "x-accel-buffering": "no"
} as const

/**
 * The body of the response: the AG-UI events of one response, or of a `ToolLoop`.
 *
 * A failure is logged as a warning, and the client is told the tag of its reason, such as `RateLimited`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as AgUi from "effect-llm-stream/ui/AgUi"
 * import { Stream } from "effect"
 *
 * const body = Stream.unwrap(
 *   Provider.Provider.useSync(({ stream }) =>
 *     AgUi.encode(ChunkStream.events(stream({ prompt: "Say hello" })), { threadId: "thread-1", runId: "run-1" })
 *   )
 * )
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = <E, R>(
  self: Stream.Stream<Blocks.Event, E, R>,
  options: EncodeOptions
): Stream.Stream<Uint8Array, never, R> =>
  Http.answer(self, options, (blocks, { heartbeat, messageId, runId = "", threadId = "" }) =>
    Stream.suspend(() => {
      const writer = new Writer({ threadId, runId, messageId })
      return Http.bytes(
        Stream.concat(Stream.make(undefined), blocks),
        (block) => block === undefined ? writer.start() : writer.block(block),
        heartbeat
      )
    }))

/**
 * {@link encode} as the response of a server, with its headers.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 * import * as AgUi from "effect-llm-stream/ui/AgUi"
 * import { Toolkit } from "effect/ai"
 *
 * const answer = ({ prompt, ...run }: AgUi.Turn) =>
 *   AgUi.response(ToolLoop.stream({ prompt, tools: Toolkit.empty }), run)
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const response = <E, R>(
  self: Stream.Stream<Blocks.Event, E, R>,
  options: EncodeOptions
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => Http.streamed(encode(self, options), headers)

/**
 * A route for agents: reads what the client has posted, and sends the answer. A body that can't be taken is answered with
 * 400, and with 413 when it is too large, before anybody is asked.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as AgUi from "effect-llm-stream/ui/AgUi"
 * import { Stream } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const agent = AgUi.route(({ prompt }) =>
 *   Stream.unwrap(Provider.Provider.useSync(({ stream }) => ChunkStream.events(stream({ prompt }))))
 * )
 * const routes = HttpRouter.add("POST", "/api/agent", agent)
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const route = <E, R>(
  answer: (turn: Turn) => Stream.Stream<Blocks.Event, E, R>,
  options: Http.Options & DecodeOptions = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Http.respond(Effect.gen(function*() {
    const turn = yield* decode(yield* Http.received(yield* Effect.fromResult(Body.limits(options))), options)
    const { messageId, runId, threadId } = turn
    return yield* response(answer(turn), { ...options, threadId, runId, messageId })
  }))

// ---------------------------------------------------------------------------------------------------------------------
// To the client
// ---------------------------------------------------------------------------------------------------------------------

/** Seals lie under this and a name of their own, as clients merge metadata key by key. */
const sealKey = "llm-stream-seal-"

/** Says that a message is of the same response as the one before. */
const continuesKey = "llm-stream-continues"

const frame = (event: object): string => `data: ${JSON.stringify(event)}\n\n`

interface Message {
  readonly id: string
  /** Whether it is of the same response as the one before. */
  readonly continues: boolean
  /** Whether it has been sent. */
  isShown: boolean
  isOpen: boolean
  hasText: boolean
  hasCalls: boolean
  /** Clients look for what waits for an approval in the last message, so one with a call of the client's stays the last. */
  isLast: boolean
}

const begin = (id: string, continues: boolean): Message => ({
  id,
  continues,
  isShown: false,
  isOpen: false,
  hasText: false,
  hasCalls: false,
  isLast: false
})

/**
 * The events of the blocks. A message of the assistant has its text before its calls, so a response that goes on after
 * them, or thinks again, goes on in another message.
 */
class Writer {
  private readonly run: Run
  private count = 0
  private steps = 0
  private message: Message | undefined
  private reasoning: string | undefined
  private isNextReasoning = false
  /** The calls of which arguments have come in pieces. */
  private readonly streamed = new Set<string>()
  /** What came of a call so far, where it is blank. */
  private readonly blanks = new Map<string, string>()

  constructor(run: Run) {
    this.run = run
  }

  start(): string {
    const { runId, threadId } = this.run
    return frame({ type: "RUN_STARTED", threadId, runId, protocolVersion: "1.0" })
  }

  block(block: Blocks.Block): string {
    switch (block.type) {
      case "step-start":
        this.steps++
        this.message = undefined
        return frame({ type: "STEP_STARTED", stepName: this.stepName() })
      case "step-end":
        return this.close() + frame({ type: "STEP_FINISHED", stepName: this.stepName() })
      case "text-start": {
        const thought = this.endReasoning()
        const message = this.messageOf("text")
        message.hasText = true
        return thought + this.open(message)
      }
      case "text-delta":
        return block.delta === "" || this.message === undefined
          ? ""
          : frame({ type: "TEXT_MESSAGE_CONTENT", messageId: this.message.id, delta: block.delta })
      case "reasoning-start":
        return this.startReasoning()
      case "reasoning-delta":
        return this.think(block.delta)
      case "text-end":
      case "reasoning-end":
      case "approval":
        return ""
      case "call-start": {
        const { id: toolCallId, name: toolCallName, providerExecuted } = block
        const before = this.endReasoning()
        const message = this.messageOf("call")
        message.hasCalls = true
        message.isLast ||= !providerExecuted
        return before + (message.isShown ? "" : this.open(message)) + this.closeText() + frame({
          type: "TOOL_CALL_START",
          toolCallId,
          toolCallName,
          parentMessageId: message.id,
          ...(providerExecuted ? { metadata: { providerExecuted } } : undefined)
        })
      }
      case "call-delta":
        return this.addToCall(block.id, block.delta)
      case "call":
        return this.endCall(block.id, block.params)
      case "call-error":
        return this.endCall(block.id, block.input) + this.noResult(block)
      case "no-result":
        return this.noResult(block)
      case "result":
        return block.preliminary ? "" : this.result(block.id, contentOf(block.result), block.isFailure)
      case "source": {
        const { _tag, ...source } = block.source
        return frame({ type: "CUSTOM", name: "source", value: { id: block.id, ...source } })
      }
      case "file": {
        const { data, id, mediaType } = block
        const url = `data:${mediaType};base64,${Base64.encode(data)}`
        return frame({ type: "CUSTOM", name: "file", value: { id, mediaType, url } })
      }
      case "seal":
        return this.seal(block.seal)
      case "finish":
        return this.finish(block)
      case "failure": {
        const { cost, reason, usages } = block
        return this.close() + frame({
          type: "RUN_ERROR",
          message: reason,
          code: reason,
          ...usageOf(usages),
          ...(cost === undefined ? undefined : { metadata: { cost } })
        })
      }
    }
  }

  private nextId(): string {
    return `${this.run.runId}-${this.count++}`
  }

  private stepName(): string {
    return `step-${this.steps}`
  }

  /** The message that a piece of the response belongs to. */
  private messageOf(kind: "text" | "reasoning" | "call"): Message {
    const { message } = this
    const isOver = message !== undefined && !message.isLast &&
      (kind === "reasoning" && message.hasText || kind !== "call" && message.hasCalls)
    if (message !== undefined && !isOver) return message
    return this.message = begin(this.nextId(), message !== undefined)
  }

  private open(message: Message, metadata?: object): string {
    if (message.isOpen) return ""
    const all = { ...(message.continues && !message.isShown ? { [continuesKey]: true } : undefined), ...metadata }
    message.isShown = true
    message.isOpen = true
    return frame({
      type: "TEXT_MESSAGE_START",
      messageId: message.id,
      role: "assistant",
      ...(Object.keys(all).length === 0 ? undefined : { metadata: all })
    })
  }

  private closeText(metadata?: object): string {
    const { message } = this
    if (message?.isOpen !== true) return ""
    message.isOpen = false
    return frame({ type: "TEXT_MESSAGE_END", messageId: message.id, ...(metadata && { metadata }) })
  }

  private close(): string {
    return this.endReasoning() + this.closeText()
  }

  /** Thoughts that follow one another are one message, as clients show only one before a text. */
  private startReasoning(): string {
    if (this.reasoning !== undefined) {
      this.isNextReasoning = true
      return ""
    }
    const before = this.closeText()
    const message = this.messageOf("reasoning")
    const messageId = this.reasoning = this.nextId()
    return before +
      frame({ type: "REASONING_START", messageId }) +
      frame({ type: "REASONING_MESSAGE_START", messageId, role: "reasoning" }) +
      // Some clients have thoughts in the message that they belong to, so it begins before the first word.
      (message.isShown ? "" : this.open(message))
  }

  private think(delta: string): string {
    if (delta === "") return ""
    const text = this.isNextReasoning ? `\n\n${delta}` : delta
    this.isNextReasoning = false
    return frame({ type: "REASONING_MESSAGE_CONTENT", messageId: this.reasoning, delta: text })
  }

  private endReasoning(): string {
    const { reasoning: messageId } = this
    this.reasoning = undefined
    this.isNextReasoning = false
    return messageId === undefined
      ? ""
      : frame({ type: "REASONING_MESSAGE_END", messageId }) + frame({ type: "REASONING_END", messageId })
  }

  // Whether blanks are arguments is known by what follows: clients could not read `{}` behind those that JSON does not know.
  private addToCall(toolCallId: string, piece: string): string {
    const delta = (this.blanks.get(toolCallId) ?? "") + piece
    if (!this.streamed.has(toolCallId) && !/\S/.test(piece)) {
      this.blanks.set(toolCallId, delta)
      return ""
    }
    this.blanks.delete(toolCallId)
    this.streamed.add(toolCallId)
    return frame({ type: "TOOL_CALL_ARGS", toolCallId, delta })
  }

  private endCall(toolCallId: string, params: unknown): string {
    const delta = this.streamed.has(toolCallId) || params === undefined ? "" : contentOf(params)
    return (delta === "" ? "" : frame({ type: "TOOL_CALL_ARGS", toolCallId, delta })) +
      frame({ type: "TOOL_CALL_END", toolCallId })
  }

  private result(toolCallId: string, content: string, isFailure: boolean): string {
    return this.close() + frame({
      type: "TOOL_CALL_RESULT",
      messageId: this.nextId(),
      toolCallId,
      role: "tool",
      content,
      // The word of TanStack's client for it; AG-UI has none.
      ...(isFailure ? { metadata: { tanstack: { state: "output-error" } } } : undefined)
    })
  }

  private noResult({ error, id }: { readonly id: string; readonly error: string }): string {
    return this.result(id, contentOf({ error }), true)
  }

  private seal(seal: string): string {
    const metadata = { [`${sealKey}${this.run.runId}-${this.count++}`]: seal }
    const thought = this.endReasoning()
    if (this.message?.isOpen === true) return thought + this.closeText(metadata)
    const { messageId } = this.run
    if (this.message === undefined && this.steps === 0 && messageId !== undefined) {
      this.message = begin(messageId, false)
    }
    return thought + this.open(this.message ?? this.messageOf("text"), metadata) + this.closeText()
  }

  private finish(
    { approvals, cost, pending, reason, usages }: Extract<Blocks.Block, { readonly type: "finish" }>
  ): string {
    const { runId, threadId } = this.run
    const interrupts = approvals.map(({ approvalId, id, name, params }) => ({
      id: approvalId,
      reason: "approval_required",
      toolCallId: id,
      metadata: { kind: "approval", toolName: name, input: params }
    }))
    return this.close() + frame({
      type: "RUN_FINISHED",
      threadId,
      runId,
      outcome: interrupts.length > 0
        ? { type: "interrupt", interrupts }
        : { type: "success", pendingToolCallIds: pending },
      ...usageOf(usages),
      metadata: defined({ finishReason: Blocks.finishWords[reason], cost })
    })
  }
}

const usageOf = (usages: Extract<Blocks.Block, { readonly type: "finish" }>["usages"]) =>
  usages.length === 0 ? undefined : {
    usage: usages.map(({ model, usage }) =>
      defined({
        model,
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        totalTokens: usage.totalTokens,
        reasoningTokens: usage.reasoningTokens,
        cachedInputTokens: usage.cachedTokens,
        cacheWriteInputTokens: usage.cacheWriteTokens
      })
    )
  }

/** The text of a value; texts are themselves. */
const contentOf = (value: unknown): string => {
  const json = plain(value)
  return typeof json === "string" ? json : JSON.stringify(json)
}

// ---------------------------------------------------------------------------------------------------------------------
// From the client
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What the client has sent, as a prompt. Fails with an `InvalidRequest` whose message begins with the place of what is wrong,
 * as in `messages[3].toolCalls[0]`.
 *
 * @example
 * ```ts
 * import * as AgUi from "effect-llm-stream/ui/AgUi"
 * import { Effect } from "effect"
 *
 * const body = `{"threadId":"t1","runId":"r1","messages":[{"id":"u1","role":"user","content":"Hi"}]}`
 * const { prompt } = await Effect.runPromise(AgUi.decode(body))
 * prompt.content[0]?.role // "user"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = Effect.fn("AgUi.decode")(function*(
  body: string,
  stated: DecodeOptions = {}
): Effect.fn.Return<Turn, InvalidRequest> {
  const options = yield* Effect.fromResult(Body.given(stated))
  const limits = yield* Effect.fromResult(Body.limits(options))
  const { fields, messages } = yield* Effect.fromResult(Body.parse(body, limits))
  const input = yield* Effect.fromResult(inputOf(fields, messages, limits))
  const turn = yield* History.turn(input, shown(limits.maxDepth), options)
  const { context, runId, threadId, tools } = input
  const messageId = messages.findLast(({ role }) => role === "assistant")?.id
  return { ...turn, threadId, runId, messageId, tools, context }
})

/**
 * Seals a history that the server has kept itself, such as one from before it had seals, so that a client may send it from
 * now on. Everything in it is believed: it must not come from a client. Fails with an `InvalidRequest` where a message can't
 * be read.
 *
 * @example
 * ```ts
 * import * as AgUi from "effect-llm-stream/ui/AgUi"
 *
 * const old = [
 *   { id: "u1", role: "user", content: "Hi" },
 *   { id: "a1", role: "assistant", content: "Hello" }
 * ]
 * const migrated = AgUi.reseal(old, { scope: "ann" })
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const reseal = Effect.fnUntraced(function*<
  M extends { readonly id: string; readonly role: string; readonly metadata?: Readonly<Record<string, unknown>> }
>(
  given: ReadonlyArray<M>,
  options: Pick<EncodeOptions, "scope"> = {}
): Effect.fn.Return<ReadonlyArray<M>, InvalidRequest> {
  const { scope } = yield* Effect.fromResult(Body.given(options))
  const messages = yield* Effect.fromResult(Body.givenMessages(given))
  const seal = yield* Blocks.sealer(scope)
  const limits = yield* Effect.fromResult(Body.limits({ maxDepth: Infinity, maxFileSize: Infinity }))
  const read = yield* Effect.fromResult(Result.all(
    messages.map(({ id, role, ...fields }, index) =>
      itemsOf({ id, role, path: ["messages", index], fields }, limits, [])
    )
  ))
  const sealed = messages.map(withoutSeals)
  let from = 0
  /** The last message of the assistant in the response. */
  let last: number | undefined
  for (const [index, { role }] of read.entries()) {
    if (role === "assistant") last = index
    if (!isWhole(read[from], last !== undefined, read[index + 1])) continue
    const message = last === undefined ? undefined : sealed[last]
    if (last !== undefined && message !== undefined) {
      const data = yield* seal(History.vouch(joined(read.slice(from, index + 1))))
      sealed[last] = {
        ...message,
        metadata: { ...message.metadata, ...defined({ [sealKey + message.id]: data }) }
      }
    }
    from = index + 1
    last = undefined
  }
  return sealed
})

const withoutSeals = <M extends { readonly metadata?: Readonly<Record<string, unknown>> }>(message: M): M =>
  message.metadata === undefined ? message : {
    ...message,
    metadata: Record.filter(message.metadata, (_, key) => !key.startsWith(sealKey))
  }

/** Whether nothing that follows belongs to the response, or to the message of the user. */
const isWhole = (first: Read | undefined, hasAssistant: boolean, next: Read | undefined): boolean =>
  next === undefined || next.role === "user" || first?.role === "user" ||
  hasAssistant && next.role !== "tool" && !(next.role === "assistant" && next.continues)

type Limits = Body.Counted

const inputOf = (
  fields: Body.Fields,
  messages: ReadonlyArray<Body.Message>,
  limits: Limits
) =>
  Result.gen(function*() {
    const threadId = yield* Body.text(fields, [], "threadId")
    const runId = yield* Body.text(fields, [], "runId")
    const tools = yield* listOf(fields, [], "tools", (tool, at) =>
      Result.gen(function*() {
        const name = yield* Body.text(tool, at, "name")
        const description = yield* Body.text(tool, at, "description")
        return { name, description, parameters: yield* Body.object(tool["parameters"] ?? {}, [...at, "parameters"]) }
      }))
    const context = yield* listOf(fields, [], "context", (entry, at) =>
      Result.gen(function*() {
        return { description: yield* Body.text(entry, at, "description"), value: yield* Body.text(entry, at, "value") }
      }))
    const ignored = ["tools", "context", "state", "forwardedProps", "data"].flatMap((name) =>
      isEmpty(fields[name]) ? [] : [`${name}: the client's word has no effect`]
    )
    const read = yield* Body.each(messages, (message) => itemsOf(message, limits, ignored))
    const answers = yield* listOf(fields, [], "resume", answerOf)
    return { threadId, runId, tools, context, items: [...joined(read), ...answers], ignored }
  })

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === "" ||
  typeof value === "object" && Object.keys(value).length === 0

/** A list of objects, which may be missing. */
const listOf = <A>(
  fields: Body.Fields,
  path: Body.Path,
  name: string,
  read: (item: Body.Fields, at: Body.Path) => Body.Read<A>
): Body.Read<ReadonlyArray<A>> =>
  fields[name] === undefined ? Result.succeed([]) : Result.flatMap(
    Body.list(fields, path, name),
    (list) =>
      Body.each(list, (item, index) => {
        const at = [...path, name, index]
        return Result.flatMap(Body.object(item, at), (item) => read(item, at))
      })
  )

/** The items of a message; those of the assistant and its thoughts are joined later. */
type Read =
  | { readonly role: "assistant"; readonly path: Body.Path; readonly continues: boolean; readonly items: Items }
  | { readonly role: "user" | "reasoning" | "tool"; readonly items: Items }

type Items = ReadonlyArray<History.Item>

/** Thoughts stand before the message that they belong to, and a response may be several messages. */
const joined = (messages: ReadonlyArray<Read>): Items => {
  const items: Array<History.Item> = []
  let thoughts: Array<History.Item> = []
  /** Where the response begins in the items. */
  let begin: number | undefined
  const add = (path: Body.Path, continues: boolean, content: Items) => {
    if (begin === undefined || !continues) begin = items.length
    items[begin] = { type: "assistant", path }
    // A client may send more of them than one call takes.
    for (const item of thoughts) items.push(item)
    for (const item of content) items.push(item)
    thoughts = []
  }
  const flush = () => {
    const last = thoughts.at(-1)
    if (last?.type === "reasoning") add(last.path, false, [])
  }
  for (const message of messages) {
    if (message.role === "reasoning") { for (const item of message.items) thoughts.push(item) }
    else if (message.role === "assistant") add(message.path, message.continues, message.items)
    else {
      if (message.role === "user") {
        flush()
        begin = undefined
      }
      for (const item of message.items) items.push(item)
    }
  }
  flush()
  return items
}

const itemsOf = (
  { fields, path, role }: Body.Message,
  limits: Limits,
  ignored: Array<string>
): Body.Read<Read> =>
  Result.gen(function*() {
    leaveEncrypted(fields, path, ignored)
    switch (role) {
      case "user": {
        const content = yield* userContent(fields, path, limits)
        return content.every((part) => part.type === "text" && part.text === "")
          ? yield* Body.refuse([...path, "content"], "a message of the user without content")
          : { role, items: [{ type: "user", path, content }] }
      }
      case "assistant": {
        const text = yield* Body.optionalText(fields, path, "content")
        const calls = yield* listOf(fields, path, "toolCalls", (call, at) => callOf(call, at, limits, ignored))
        const metadata = Predicate.isObject(fields["metadata"]) ? { ...fields["metadata"] } : {}
        const seals = yield* Result.all(
          Object.keys(metadata).filter((key) => key.startsWith(sealKey)).map((key) =>
            Result.map(Body.text(metadata, path, key), (seal): History.Item => ({ type: "seal", path, seal }))
          )
        )
        return {
          role,
          path,
          continues: metadata[continuesKey] === true,
          items: [...(text ? [{ type: "text" as const, path, text }] : []), ...calls, ...seals]
        }
      }
      case "reasoning": {
        const text = yield* Body.text(fields, path, "content")
        return { role, items: [{ type: "reasoning", path, text }] }
      }
      case "tool":
        return { role, items: yield* resultOf(fields, path, limits) }
      case "activity":
        ignored.push(`${place(path)}: an activity of the app`)
        return { role: "tool", items: [] }
      default:
        return yield* Body.refuse([...path, "role"], "neither user, assistant, reasoning nor tool")
    }
  })

const leaveEncrypted = (fields: Body.Fields, path: Body.Path, ignored: Array<string>): void => {
  if (fields["encryptedValue"] !== undefined) {
    ignored.push(`${place([...path, "encryptedValue"])}: data for the provider without a seal are left out`)
  }
}

const userContent = (
  fields: Body.Fields,
  path: Body.Path,
  { maxFileSize }: Limits
): Body.Read<ReadonlyArray<Prompt.UserMessagePart>> =>
  typeof fields["content"] === "string"
    ? Result.succeed([Prompt.textPart({ text: fields["content"] })])
    : Result.flatMap(Body.list(fields, path, "content"), () =>
      listOf(fields, path, "content", (part, at) => userPart(part, at, maxFileSize)))

const userPart = (part: Body.Fields, at: Body.Path, maxFileSize: number): Body.Read<Prompt.UserMessagePart> =>
  Result.gen(function*() {
    const type = yield* Body.text(part, at, "type")
    switch (type) {
      case "text":
        return Prompt.textPart({ text: yield* Body.text(part, at, "text") })
      case "image":
      case "audio":
      case "video":
      case "document": {
        const from = [...at, "source"]
        const source = yield* Body.object(part["source"], from)
        const value = yield* Body.text(source, from, "value")
        switch (source["type"]) {
          case "data": {
            const mediaType = yield* Body.mediaType(source, from, "mimeType")
            return Prompt.filePart({ mediaType, data: yield* Body.fileData(value, from, maxFileSize) })
          }
          case "url": {
            const data = yield* Body.fileUrl(value, from, maxFileSize)
            const mediaType = source["mimeType"] === undefined
              ? openTypes[type]
              : yield* Body.mediaType(source, from, "mimeType")
            return Prompt.filePart({ mediaType, data })
          }
          default:
            return yield* Body.refuse(from, "neither data nor an address: the id of a file may be anybody's")
        }
      }
      default:
        return yield* Body.refuse(at, "not a part that a message of the user has")
    }
  })

/** The media types of addresses that come without one. */
const openTypes = { image: "image/*", audio: "audio/*", video: "video/*", document: "application/pdf" } as const

const callOf = (
  call: Body.Fields,
  at: Body.Path,
  { maxDepth }: Limits,
  ignored: Array<string>
): Body.Read<History.Item> =>
  Result.gen(function*() {
    leaveEncrypted(call, at, ignored)
    const id = yield* Body.text(call, at, "id")
    const fn = yield* Body.object(call["function"], [...at, "function"])
    const name = yield* Body.text(fn, [...at, "function"], "name")
    const text = yield* Body.text(fn, [...at, "function"], "arguments")
    return { type: "call", path: at, id, name, input: argumentsOf(text, maxDepth), providerExecuted: false }
  })

const resultOf = (fields: Body.Fields, path: Body.Path, { maxDepth }: Limits): Body.Read<Items> =>
  Result.gen(function*() {
    const id = yield* Body.text(fields, path, "toolCallId")
    const error = yield* Body.optionalText(fields, path, "error")
    const content = Array.isArray(fields["content"])
      ? JSON.stringify(fields["content"])
      : yield* Body.text(fields, path, "content")
    const result = valueOf(content, maxDepth)
    if (isEcho(result) || isError(result) && Blocks.callProblems.has(result.error)) return []
    return [{
      type: "result",
      path,
      id,
      shown: result,
      result: result === null || result === "" ? error ?? result : exact(content, result),
      isFailure: error !== undefined || isError(result)
    }]
  })

/** What TanStack's client says in a call's place while the consent that it has sent as well is not yet answered. */
const isEcho = (result: unknown): boolean =>
  Predicate.hasProperty(result, "approved") && Predicate.hasProperty(result, "message") &&
  (result.message === "User approved this action" || result.message === "User denied this action")

const isError = (result: unknown): result is { readonly error: string } =>
  Predicate.hasProperty(result, "error") && typeof result.error === "string" && Object.keys(result).length === 1

/** A number that would lose digits stays a text. */
const exact = (content: string, value: unknown): unknown =>
  typeof value === "number" && String(value) !== content.trim() ? content : value

/** Nobody says which consent is meant but the id of its interrupt. */
const answerOf = (entry: Body.Fields, at: Body.Path): Body.Read<History.Item> =>
  Result.gen(function*() {
    const approvalId = yield* Body.text(entry, at, "interruptId")
    switch (entry["status"]) {
      case "cancelled":
        return { type: "approval", path: at, approvalId, approved: false }
      case "resolved": {
        const payload = yield* Body.object(entry["payload"], [...at, "payload"])
        const { approved, editedArgs } = payload
        if (typeof approved !== "boolean") {
          return yield* Body.refuse([...at, "payload", "approved"], "neither true nor false")
        }
        if (editedArgs !== undefined) {
          return yield* Body.refuse([...at, "payload", "editedArgs"], "the arguments of a call can't be changed")
        }
        const reason = yield* Body.optionalText(payload, [...at, "payload"], "reason")
        return { type: "approval", path: at, approvalId, approved, reason }
      }
      default:
        return yield* Body.refuse([...at, "status"], "neither resolved nor cancelled")
    }
  })

const shown = (maxDepth: number): History.Shown => ({
  input: (params) => argumentsOf(contentOf(params), maxDepth),
  result: ({ result }) => valueOf(contentOf(result), maxDepth)
})

/**
 * The value of a text that a client carries: JSON, or the text itself, which is what the input of a custom tool is. Values
 * that are nested too deeply to be compared stay texts.
 */
const valueOf = (text: string, maxDepth: number): unknown =>
  Option.getOrElse(Option.filter(parse(text), isWithin(maxDepth)), () => text)

const argumentsOf = (text: string, maxDepth: number): unknown => text.trim() === "" ? {} : valueOf(text, maxDepth) ?? {}

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const isWithin = (depth: number) => (value: unknown): boolean =>
  typeof value !== "object" || value === null || depth > 0 && Object.values(value).every(isWithin(depth - 1))
