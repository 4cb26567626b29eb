/**
 * What a front end shows of an answer, before it is written in the words of a protocol.
 */
import * as Prompt from "effect/ai/Prompt"
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../ChatEvent.ts"
import * as Cost from "../Cost.ts"
import { isProviderError } from "../errors/providerError.ts"
import type { FinishReason } from "../FinishReason.ts"
import { concat } from "../internal/bytes.ts"
import { logged, tagOf } from "../internal/sent.ts"
import type * as StreamedObject from "../StreamedObject.ts"
import type * as StructuredOutput from "../StructuredOutput.ts"
import type * as ToolLoop from "../ToolLoop.ts"
import * as Usage from "../Usage.ts"
import * as Seal from "./seal.ts"
import * as Trust from "./Trust.ts"

/**
 * What a response, or a loop with or without an output, emits.
 *
 * @internal
 */
export type Event = ToolLoop.Event | StreamedObject.ObjectEvent<unknown, unknown> | StructuredOutput.Repair

interface Call {
  readonly id: string
  readonly name: string
  readonly providerExecuted: boolean
}

/**
 * Why a call can't be answered: its arguments end too early, are no JSON, or can't be read by the client.
 *
 * @internal
 */
export type CallProblem = "IncompleteToolCall" | "InvalidToolCall" | "UnreadableToolCall"

/**
 * A client is shown why there is nothing to answer; that is no answer.
 *
 * @internal
 */
export const callProblems: ReadonlySet<string> = new Set<CallProblem>([
  "IncompleteToolCall",
  "InvalidToolCall",
  "UnreadableToolCall"
])

interface ModelUsage {
  readonly model: string | undefined
  readonly usage: Usage.Usage
}

interface Totals {
  /** Absent until a response has stated it. */
  readonly model: string | undefined
  /** Of all responses; absent where none stated it. */
  readonly usage: Usage.Usage | undefined
  /** The same, for each model. */
  readonly usages: ReadonlyArray<ModelUsage>
  /** Of all responses, in USD; absent where that of one is not known. */
  readonly cost: number | undefined
}

/**
 * A piece of what is shown. Texts, steps and calls begin before they end, ids are unique in the stream, and a stream ends
 * with `finish` or `failure`, when nothing is open.
 *
 * @internal
 */
export type Block =
  | { readonly type: "step-start" | "step-end" }
  | { readonly type: "text-start" | "text-end" | "reasoning-start" | "reasoning-end"; readonly id: string }
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | ({ readonly type: "call-start" } & Call)
  | { readonly type: "call-delta"; readonly id: string; readonly delta: string }
  /** The call is whole, and sealed: a client may answer it. */
  | ({ readonly type: "call"; readonly params: unknown } & Call)
  /** The call can't be run: `input` is what came of it, the text where that is no JSON. */
  | ({ readonly type: "call-error"; readonly input: unknown; readonly error: string } & Call)
  | ({ readonly type: "approval"; readonly approvalId: string; readonly params: unknown } & Call)
  | ({
    readonly type: "result"
    readonly result: unknown
    readonly isFailure: boolean
    readonly preliminary: boolean
  } & Call)
  /** The call will never have a result. */
  | ({ readonly type: "no-result"; readonly error: string } & Call)
  | { readonly type: "source"; readonly id: string; readonly source: ChatEvent.Source }
  | { readonly type: "file"; readonly id: string; readonly mediaType: string; readonly data: Uint8Array }
  /** What has been sent since the last one, sealed. It belongs where it stands. */
  | { readonly type: "seal"; readonly seal: string }
  | ({
    readonly type: "finish"
    readonly reason: FinishReason
    /** The calls that wait for the client, and those that wait for its approval. */
    readonly pending: ReadonlyArray<string>
    readonly approvals: ReadonlyArray<Extract<Block, { readonly type: "approval" }>>
  } & Totals)
  | Failure

/**
 * The end of an answer that has failed: `reason` is a tag, and nothing else of the error.
 *
 * @internal
 */
export type Failure = { readonly type: "failure"; readonly reason: string } & Totals

/**
 * The end of an answer with something in it that can't be written.
 *
 * @internal
 */
export const unwritable: Failure = {
  type: "failure",
  reason: "Unknown",
  model: undefined,
  usage: undefined,
  usages: [],
  cost: undefined
}

/**
 * The words of front ends for why an answer has ended.
 *
 * @internal
 */
export const finishWords: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "content-filter",
  pause: "other",
  error: "error",
  other: "other"
}

type Sealed = { readonly type: "record"; readonly record: Seal.Record }
type Out = Array<Block | Sealed>

interface OpenCall extends Call {
  /** `held`: whole, and not shown as such before the response is sealed. */
  state: "streaming" | "held" | "open" | "over"
  params: unknown
  approval: Extract<Block, { readonly type: "approval" }> | undefined
}

class Fold {
  private readonly calls = new Map<string, OpenCall>()
  private text: { readonly kind: "text" | "reasoning"; readonly block: string; readonly id: string } | undefined
  /** The calls of the last response. */
  private owed: ReadonlySet<string> = new Set()
  /** The calls whose results are sealed. */
  private readonly answered = new Set<string>()
  private readonly sound: Array<Uint8Array> = []
  /** What is held. */
  private readonly held: Array<OpenCall> = []
  /** Approvals that the provider asks for, before the response is sealed. */
  private readonly asked: Array<Extract<Block, { readonly type: "approval" }>> = []
  private count = 0
  private step: "none" | "open" | "finished" = "none"
  private reason: FinishReason = "other"
  private model: string | undefined
  private readonly usages = new Map<string | undefined, Usage.Usage>()
  private cost: Cost.Cost | undefined
  private isPriced = true

  push(event: Event, out: Out): void {
    switch (event._tag) {
      case "Text":
        return this.piece("text", event.block ?? "", event.delta, out)
      case "Reasoning":
        return this.piece("reasoning", event.block ?? "", event.delta, out)
      case "Refusal":
        return this.piece("text", `refusal ${event.block}`, event.delta, out)
      case "Audio":
        if (event.data !== undefined) this.sound.push(event.data)
        if (event.transcript) this.piece("text", "transcript", event.transcript, out)
        return
      case "ToolCallStart":
        this.begin(event, out)
        return
      case "ToolCallDelta":
        return void (event.delta === "" || out.push({ type: "call-delta", id: event.id, delta: event.delta }))
      case "ToolCall": {
        const call = this.begin(event, out)
        call.params = event.params
        if (call.providerExecuted) this.show(call, out)
        else {
          call.state = "held"
          this.held.push(call)
        }
        return
      }
      case "InvalidToolCall": {
        const call = this.begin(event, out)
        call.state = "over"
        const error: CallProblem = event.problem === "incomplete" ? "IncompleteToolCall" : "InvalidToolCall"
        out.push({ type: "call-error", ...callOf(call), input: event.arguments, error })
        return
      }
      case "ToolApprovalRequest": {
        const { approvalId, name = "", params, providerExecuted, toolCallId: id } = event
        const call = this.begin({ id, name, providerExecuted }, out)
        if (call.state === "streaming") {
          call.params = params ?? {}
          this.show(call, out)
        }
        call.approval = { type: "approval", approvalId, ...callOf(call), params }
        if (this.step !== "finished") return void this.asked.push(call.approval)
        out.push({
          type: "record",
          record: { approvals: [Prompt.toolApprovalRequestPart({ approvalId, toolCallId: id })] }
        }, call.approval)
        return
      }
      case "ToolResult":
        return this.result(event, out)
      case "Source":
        this.open(out)
        this.endText(out)
        out.push({ type: "source", id: `source-${this.count++}`, source: event })
        return
      case "File":
        this.open(out)
        this.endText(out)
        return this.file(event.mediaType, event.data, out)
      case "Finish":
        return this.finish(event, out)
      case "Step":
        this.endStep(out)
        return this.shownToModel(event, out)
      default:
    }
  }

  end(out: Out): void {
    this.fail("Interrupted", out)
    this.endStep(out)
    const open = Array.from(this.calls.values()).filter(({ state }) => state === "open")
    out.push({
      type: "finish",
      reason: this.reason,
      pending: open.flatMap(({ approval, id, providerExecuted }) => providerExecuted || approval ? [] : [id]),
      approvals: open.flatMap(({ approval }) => approval ?? []),
      ...this.totals()
    })
  }

  cut(error: unknown, out: Out): void {
    const reason = tagOf(error)
    this.fail(reason, out)
    for (const call of this.calls.values()) {
      if (call.state !== "open") continue
      call.state = "over"
      out.push({ type: "no-result", ...callOf(call), error: reason })
    }
    this.endStep(out)
    const spent = isProviderError(error) ? error.spent : undefined
    const totals = this.totals()
    out.push({
      type: "failure",
      reason,
      ...totals,
      ...(spent === undefined
        ? undefined
        : {
          usage: spent.usage,
          usages: [{ model: totals.model, usage: spent.usage }],
          cost: spent.cost && BigDecimal.toNumberUnsafe(spent.cost)
        })
    })
  }

  private piece(kind: "text" | "reasoning", block: string, delta: string, out: Out): void {
    this.open(out)
    let { text } = this
    if (text?.kind !== kind || text.block !== block) {
      this.endText(out)
      text = this.text = { kind, block, id: `${kind}-${this.count++}` }
      out.push({ type: `${kind}-start`, id: text.id })
    }
    out.push({ type: `${kind}-delta`, id: text.id, delta })
  }

  private endText(out: Out): void {
    if (this.text !== undefined) out.push({ type: `${this.text.kind}-end`, id: this.text.id })
    this.text = undefined
  }

  /** What is said after a response has ended is of the next one. */
  private open(out: Out): void {
    if (this.step === "finished") this.endStep(out)
    if (this.step === "none") out.push({ type: "step-start" })
    this.step = "open"
  }

  private endStep(out: Out): void {
    this.endText(out)
    if (this.step !== "none") out.push({ type: "step-end" })
    this.step = "none"
  }

  private begin({ id, name, providerExecuted }: Call, out: Out): OpenCall {
    const known = this.calls.get(id)
    if (known !== undefined) return known
    const call: OpenCall = { id, name, providerExecuted, state: "streaming", params: undefined, approval: undefined }
    this.calls.set(id, call)
    this.open(out)
    this.endText(out)
    out.push({ type: "call-start", ...callOf(call) })
    return call
  }

  private show(call: OpenCall, out: Out): void {
    if (call.state === "over" || call.state === "open") return
    call.state = "open"
    out.push({ type: "call", ...callOf(call), params: call.params })
  }

  private result({ id, isFailure, name, preliminary, providerExecuted, result }: ChatEvent.ToolResult, out: Out): void {
    let call = this.calls.get(id)
    if (providerExecuted) {
      if (call === undefined) {
        // The call is in an earlier response, maybe in an earlier message.
        call = this.begin({ id, name, providerExecuted }, out)
        call.params = {}
      }
      this.endText(out)
      this.show(call, out)
      if (!preliminary) out.push({ type: "record", record: { shown: [id] } })
    } else if (!preliminary) {
      this.answered.add(id)
      const part = Prompt.toolResultPart({ id, name, result, isFailure, providerExecuted })
      out.push({ type: "record", record: { results: [part] } })
    }
    if (call !== undefined && !preliminary) call.state = "over"
    out.push({ type: "result", id, name, providerExecuted, result, isFailure, preliminary })
  }

  private file(mediaType: string, data: Uint8Array, out: Out): void {
    out.push({ type: "file", id: `file-${this.count++}`, mediaType, data })
  }

  private finish({ account, cost, model, reason, usage }: ChatEvent.Finish, out: Out): void {
    this.open(out)
    this.endText(out)
    // Streams give 16-bit samples only.
    if (this.sound.length > 0) this.file("audio/pcm", concat(this.sound.splice(0)), out)
    if (account !== undefined && account.message.content.length > 0) {
      out.push({ type: "record", record: account })
      this.owed = new Set(account.message.content.flatMap((part) => part.type === "tool-call" ? [part.id] : []))
    }
    for (const call of this.held.splice(0)) if (call.state === "held") this.show(call, out)
    for (const approval of this.asked.splice(0)) out.push(approval)
    this.step = "finished"
    this.reason = reason
    this.model = model ?? this.model
    if (usage !== undefined) {
      const before = this.usages.get(model)
      this.usages.set(model, before === undefined ? usage : Usage.sum(before, usage))
    }
    this.isPriced &&= cost !== undefined
    if (cost !== undefined) this.cost = Cost.sum(this.cost ?? Cost.zero, cost)
  }

  /** Results that the user does not see, or sees in another form than the model. */
  private shownToModel({ prompt }: ToolLoop.Step, out: Out): void {
    const last = prompt.content.at(-1)
    const results = last?.role !== "tool" ? [] : last.content.flatMap((part) => {
      if (part.type !== "tool-result") return []
      return this.answered.has(part.id)
        ? part.modelOutput === undefined ? [] : [part]
        : this.owed.has(part.id)
        ? [part]
        : []
    })
    if (results.length > 0) out.push({ type: "record", record: { results } })
  }

  /** Closes what is half. */
  private fail(error: string, out: Out): void {
    this.endText(out)
    for (const call of this.calls.values()) {
      if (call.state !== "streaming" && call.state !== "held") continue
      call.state = "over"
      out.push({ type: "call-error", ...callOf(call), input: call.params, error })
    }
  }

  private totals(): Totals {
    const usages = Array.from(this.usages, ([model, usage]) => ({ model, usage }))
    return {
      model: this.model,
      usage: usages.length === 0
        ? undefined
        : usages.map(({ usage }) => usage).reduce((all, one) => Usage.sum(all, one)),
      usages,
      cost: this.isPriced && this.cost !== undefined ? Cost.toJson(this.cost).total : undefined
    }
  }
}

const callOf = ({ id, name, providerExecuted }: Call): Call => ({ id, name, providerExecuted })

/**
 * Seals records in the mode of the server.
 *
 * @internal
 */
export const sealer = (
  scope: string | undefined
): Effect.Effect<(record: Seal.Record) => Effect.Effect<string | undefined>> =>
  Effect.gen(function*() {
    const trust = yield* Trust.Trust
    const key = trust._tag === "Sealed" ? (yield* trust.keys)[0] : undefined
    return (record) => Seal.seal(record, key, scope)
  })

/**
 * The blocks of an answer. It never fails: a failure is the last block. What is shown and can come back with an effect is
 * sealed before it is shown.
 *
 * @internal
 */
export const blocks = <E, R>(
  self: Stream.Stream<Event, E, R>,
  scope: string | undefined
): Stream.Stream<Block, never, R> =>
  Stream.unwrap(Effect.gen(function*() {
    const seal = yield* sealer(scope)
    const fold = new Fold()
    // Kept apart: an event of a caller without types may throw when some of a read has been taken.
    let out: Out = []
    const taken = (): Out => {
      const whole = out
      out = []
      return whole
    }
    const sealed = (out: Out): Effect.Effect<ReadonlyArray<Block>> =>
      Effect.map(
        Effect.forEach(out, (block) =>
          block.type !== "record"
            ? Effect.succeed<ReadonlyArray<Block>>([block])
            : Effect.map(
              seal(block.record),
              (seal): ReadonlyArray<Block> => seal === undefined ? [] : [{ type: "seal", seal }]
            )),
        (blocks) => blocks.flat()
      )
    const isPlain = (out: Out): out is Array<Block> => out.every(({ type }) => type !== "record")
    return self.pipe(
      Stream.provideService(ChatEvent.Accounted, true),
      Stream.mapAccumArrayEffect(() => undefined, (_, events) => {
        for (const event of events) fold.push(event, out)
        const whole = taken()
        return isPlain(whole)
          ? Effect.succeed<readonly [undefined, ReadonlyArray<Block>]>([undefined, whole])
          : Effect.map(sealed(whole), (blocks): readonly [undefined, ReadonlyArray<Block>] => [undefined, blocks])
      }),
      Stream.concat(Stream.suspend(() => {
        fold.end(out)
        return Stream.fromArrayEffect(sealed(taken()))
      })),
      Stream.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Stream.fromEffectDrain(Effect.interrupt)
          : Stream.unwrap(Effect.gen(function*() {
            const error = Cause.squash(cause)
            yield* Cause.hasDies(cause) ? Effect.logError("A chat ended by a defect", cause) : logged(error)
            fold.cut(error, out)
            return Stream.fromArray(yield* sealed(taken()))
          }))
      )
    )
  }))
