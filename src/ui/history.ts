/**
 * The history that a client has sent, in the words of no protocol, and what of it is believed.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { InvalidRequest } from "../errors/providerError.ts"
import { place } from "../internal/place.ts"
import { type Path, refuse } from "./body.ts"
import * as Seal from "./seal.ts"
import * as Trust from "./Trust.ts"

/**
 * What a client says. The items of a history stand in the order of the conversation; the answers to calls may stand
 * anywhere behind them.
 *
 * @internal
 */
export type Item =
  /** A message of the user. */
  | { readonly type: "user"; readonly path: Path; readonly content: ReadonlyArray<Prompt.UserMessagePart> }
  /** A message of the assistant begins. */
  | { readonly type: "assistant"; readonly path: Path }
  /** A response begins. What comes before the first one of a message also belongs to a response. */
  | { readonly type: "step" }
  | {
    readonly type: "text" | "reasoning"
    readonly path: Path
    readonly text: string
    readonly options?: Prompt.ProviderOptions | undefined
  }
  | CallItem
  | ResultItem
  | ApprovalItem
  | { readonly type: "seal"; readonly path: Path; readonly seal: string }

interface CallItem {
  readonly type: "call"
  readonly path: Path
  readonly id: string
  readonly name: string
  /** As it is shown; `undefined` where it can't be compared, as the call is half or has failed. */
  readonly input: unknown
  readonly providerExecuted: boolean
  readonly options?: Prompt.ProviderOptions | undefined
}

interface ResultItem {
  readonly type: "result"
  readonly path: Path
  /** The id of the call. */
  readonly id: string
  /** As it is shown. */
  readonly shown: unknown
  /** As the model gets it, if the client answers the call. */
  readonly result: unknown
  readonly isFailure: boolean
}

interface ApprovalItem {
  readonly type: "approval"
  readonly path: Path
  readonly approvalId: string
  /** The id of the call, where the client states it. */
  readonly id?: string | undefined
  readonly approved: boolean
  readonly reason?: string | undefined
}

/**
 * What a protocol made of a body.
 *
 * @internal
 */
export interface History {
  readonly items: ReadonlyArray<Item>
  /** What was left aside: a sentence each, its place first. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * How a protocol shows what was sealed, so that it can be compared with what comes back.
 *
 * @internal
 */
export interface Shown {
  readonly input: (params: unknown) => unknown
  readonly result: (part: Pick<Prompt.ToolResultPart, "isFailure" | "result">) => unknown
}

/**
 * How a history is read.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /** What is sealed along, such as the id of a user: the history of another one is refused. Default: nothing. */
  readonly scope?: string | undefined
  /**
   * The server's own copy of the conversation. When it is given, only it is believed; of the client come the new message of
   * the user, and the answers to what the copy has left open.
   */
  readonly thread?: Prompt.Prompt | undefined
}

/**
 * What a client wants.
 *
 * @category models
 * @since 0.2.0
 */
export interface Turn {
  /** The conversation, for a `ToolLoop` to go on with: it runs what was approved. */
  readonly prompt: Prompt.Prompt
  /** What the client sent that has no effect: a sentence each, its place first. */
  readonly ignored: ReadonlyArray<string>
}

interface KnownCall {
  readonly name: string
  readonly input: unknown
  readonly providerExecuted: boolean
  /** The client may not answer it. */
  readonly isLoop: boolean
}

/** What is known of the calls of a conversation, from whatever is believed. */
class Known {
  readonly calls = new Map<string, KnownCall>()
  readonly results = new Map<string, Array<Prompt.ToolResultPart>>()
  /** The calls of approvals. */
  readonly approvals = new Map<string, string>()
  /** Calls that wait for consent, and not for a result. */
  readonly asked = new Set<string>()
  readonly shown = new Set<string>()

  message({ content }: Prompt.AssistantMessage, isLoop: boolean, clients: ReadonlyArray<string> = []): void {
    const open = new Set(clients)
    for (const part of content) {
      if (part.type === "tool-call") {
        const { id, name, params, providerExecuted } = part
        this.calls.set(id, { name, input: params, providerExecuted, isLoop: isLoop && !open.has(id) })
      } else if (part.type === "tool-result") this.result(part)
      else if (part.type === "tool-approval-request") this.ask(part)
    }
  }

  ask({ approvalId, toolCallId }: Pick<Prompt.ToolApprovalRequestPart, "approvalId" | "toolCallId">): void {
    this.approvals.set(approvalId, toolCallId)
    this.asked.add(toolCallId)
  }

  result(part: Prompt.ToolResultPart): void {
    const known = this.results.get(part.id)
    if (known === undefined) this.results.set(part.id, [part])
    else known.push(part)
  }

  record({ approvals = [], clients, isLoop, message, results = [], shown = [] }: Seal.Record): void {
    if (message !== undefined) this.message(message, isLoop === true, clients)
    for (const part of results) this.result(part)
    for (const part of approvals) this.ask(part)
    for (const id of shown) this.shown.add(id)
  }

  /** Whether the client gives the result of a call, and not only its consent. */
  isClients(id: string): boolean {
    const call = this.calls.get(id)
    return call !== undefined && !call.isLoop && !call.providerExecuted && !this.asked.has(id)
  }

  prompt({ content: messages }: Prompt.Prompt): void {
    for (const message of messages) {
      if (message.role === "assistant") this.message(message, false)
      else if (message.role === "tool") {
        for (const part of message.content) if (part.type === "tool-result") this.result(part)
      }
    }
  }
}

const failed = (path: Path, message: string): Effect.Effect<never, InvalidRequest> =>
  Effect.fromResult(refuse(path, message))

/**
 * What of a history is believed, as a prompt.
 *
 * @internal
 */
export const turn = Effect.fnUntraced(function*(
  { ignored: before, items }: History,
  shown: Shown,
  { scope, thread }: Options
): Effect.fn.Return<Turn, InvalidRequest> {
  const trust = yield* Trust.Trust
  const ignored = [...before]
  const ignore = (path: Path, why: string): void => void ignored.push(`${place(path)}: ${why}`)
  const known = new Known()
  const records = new Map<Item, Seal.Record>()
  if (thread !== undefined) known.prompt(thread)
  else {
    const seals = new Set<string>()
    for (const item of items) {
      if (item.type !== "seal") continue
      const record = trust._tag === "Trusted"
        ? Seal.read(item.seal)
        : yield* Seal.open(item.seal, yield* trust.keys, scope)
      if (Option.isNone(record)) {
        if (trust._tag === "Trusted") ignore(item.path, "the seal can't be read")
        else return yield* failed(item.path, "its seal is broken, or that of another server, user or secret")
      } else if (record.value.message !== undefined && seals.size === seals.add(item.seal).size) {
        return yield* failed(item.path, "the seal of a response before")
      } else {
        records.set(item, record.value)
        known.record(record.value)
      }
    }
  }
  const isTrusted = thread === undefined && trust._tag === "Trusted"
  if (isTrusted) believe(items, known)
  const latest = items.slice(items.findLastIndex(({ type }) => type === "user" || type === "assistant"))
  const { answers, approvals } = yield* Effect.fromResult(
    checked(thread === undefined ? items : latest, known, shown, thread !== undefined, ignore)
  )
  // What the user has gone on from is over.
  const [tail] = latest
  const isTail = tail?.type === "assistant"
  const composed = thread === undefined
    ? conversation(items, { records, known, answers, approvals, isTail, isTrusted, ignore })
    : continued(thread, latest, { known, answers, approvals, isTail })
  if (isTail && composed.messages.at(-1)?.role !== "tool") {
    return yield* failed(tail.path, "the last message is the assistant's, and there is nothing to be answered")
  }
  if (isTail && composed.isOpen) {
    return yield* failed(tail.path, "the last message is the assistant's, and a call of it has no answer")
  }
  if (trust._tag === "Sealed" && trust.use !== undefined) {
    for (const { approvalId, id, path } of composed.used) {
      const isNew = yield* Effect.mapError(
        trust.use(JSON.stringify([scope ?? null, id, approvalId])),
        () => new InvalidRequest({ message: `${place(path)}: no approval can be taken at this time` })
      )
      if (!isNew) return yield* failed(path, "the approval was used before")
    }
  }
  return { prompt: Prompt.fromMessages(composed.messages), ignored }
})

/** A trusted client vouches for what it shows, and may show a call of the provider and its result more than once. */
const believe = (items: ReadonlyArray<Item>, known: Known): void => {
  const ids = new Set<string>()
  for (const item of items) {
    if (item.type === "call" && item.input !== undefined && !known.calls.has(item.id)) {
      known.calls.set(item.id, { ...item, isLoop: false })
      ids.add(item.id)
    } else if (item.type === "approval" && item.id !== undefined && ids.has(item.id)) {
      known.ask({ approvalId: item.approvalId, toolCallId: item.id })
    } else if (item.type === "result" && known.calls.get(item.id)?.providerExecuted === true && ids.has(item.id)) {
      const { id, isFailure, result } = item
      if (known.results.has(id)) continue
      const name = known.calls.get(id)?.name ?? ""
      known.result(Prompt.toolResultPart({ id, name, result, isFailure, providerExecuted: true }))
    }
  }
}

/**
 * The record of a response that the server has in a history of its own: that of its seals, whoever made them, or what it
 * shows. Its calls count as answered by the server.
 *
 * @internal
 */
export const vouch = (items: ReadonlyArray<Item>): Seal.Record => {
  const known = new Known()
  const records = items.flatMap((item) => item.type === "seal" ? Option.toArray(Seal.read(item.seal)) : [])
  for (const record of records) known.record(record)
  believe(items, known)
  const results = items.flatMap((item): ReadonlyArray<Prompt.ToolResultPart> => {
    const call = item.type === "result" ? known.calls.get(item.id) : undefined
    if (item.type !== "result" || call === undefined || call.providerExecuted || known.results.has(item.id)) return []
    const { id, isFailure, result } = item
    return [Prompt.toolResultPart({ id, name: call.name, result, isFailure, providerExecuted: false })]
  })
  const messages = records.flatMap(({ message }) => message ?? [])
  const approvals = records.flatMap(({ approvals = [] }) => approvals)
  return {
    message: Prompt.assistantMessage({
      content: messages.length > 0
        ? messages.flatMap(({ content }) => content)
        : items.flatMap((item) => shownPart(item, known))
    }),
    isLoop: true,
    results: [...records.flatMap(({ results = [] }) => results), ...results],
    ...(approvals.length === 0 ? undefined : { approvals })
  }
}

interface Answers {
  /** The client's, by the ids of their calls. */
  readonly answers: ReadonlyMap<string, ResultItem>
  readonly approvals: ReadonlyMap<string, ApprovalItem & { readonly id: string }>
}

type Ignore = (path: Path, why: string) => void

/** The client's answers, when nothing that it shows has been changed. */
const checked = (
  items: ReadonlyArray<Item>,
  known: Known,
  shown: Shown,
  isStored: boolean,
  ignore: Ignore
): Result.Result<Answers, InvalidRequest> =>
  Result.gen(function*() {
    const answers = new Map<string, ResultItem>()
    const approvals = new Map<string, ApprovalItem & { readonly id: string }>()
    const calls = new Set<string>()
    const answered = new Set<string>()
    // The result of a provider's call may come in a later message, which then shows the call again; and clients that look for
    // a call by its id alone show the result twice.
    const isProviders = (id: string) => known.results.get(id)?.some((part) => part.providerExecuted) === true
    for (const item of items) {
      if (item.type === "call") {
        if (calls.size === calls.add(item.id).size) {
          if (isProviders(item.id)) continue
          yield* refuse(item.path, "the id of a call before")
        }
        const call = known.calls.get(item.id)
        if (call === undefined) {
          // It may be half, and a result of the provider may need no call in its response. Whatever has an effect is looked
          // at by itself.
          if (!known.results.has(item.id)) ignore(item.path, "a call that nothing vouches for is left out")
        } else if (call.name !== item.name) yield* refuse(item.path, "the tool is not the one that was called")
        else if (
          item.input !== undefined && !isBroken(call.input) && !Equal.equals(shown.input(call.input), item.input)
        ) {
          yield* refuse(item.path, "the arguments are not those that were sent")
        }
      } else if (item.type === "result") {
        if (answered.size === answered.add(item.id).size && !isProviders(item.id)) {
          yield* refuse(item.path, "the call is answered twice")
        }
        const call = known.calls.get(item.id)
        // Only the results of a provider may come without their calls.
        const results = known.results.get(item.id)?.filter((part) => call !== undefined || part.providerExecuted) ?? []
        if (results.length > 0) {
          if (!results.some((part) => Equal.equals(shown.result(part), item.shown))) {
            yield* refuse(item.path, "the result is not the one that was sent")
          }
        } else if (call === undefined) {
          // A failure that says nothing to the model needs nobody to vouch for it.
          if (!item.isFailure && !known.shown.has(item.id)) {
            yield* refuse(item.path, "a result of a call that this server did not send")
          }
        } else if (known.isClients(item.id)) answers.set(item.id, item)
        else if (!item.isFailure && !known.shown.has(item.id)) {
          yield* refuse(item.path, "the client does not answer this call")
        }
      } else if (item.type === "approval") {
        const id = known.approvals.get(item.approvalId)
        if (id === undefined || item.id !== undefined && item.id !== id) {
          yield* refuse(item.path, "nobody asked for this approval")
        } else if (approvals.has(id)) yield* refuse(item.path, "the call is answered twice")
        else approvals.set(id, { ...item, id })
      }
    }
    // The server's copy knows what is open.
    if (isStored) { for (const id of known.results.keys()) approvals.delete(id) }
    return { answers, approvals }
  })

/** What stands for arguments that are no object: nobody runs the call with what a client shows. */
const isBroken = (params: unknown): boolean => Predicate.hasProperty(params, "INVALID_JSON")

/** The messages of a conversation. */
interface Composed {
  readonly messages: ReadonlyArray<Prompt.Message>
  /** Whether a call at its end has no answer. */
  readonly isOpen: boolean
  /** The approvals that let a tool run. */
  readonly used: ReadonlyArray<ApprovalItem & { readonly id: string }>
}

const notRun = (id: string, name: string): Prompt.ToolResultPart =>
  Prompt.toolResultPart({
    id,
    name,
    result: "The tool did not run to its end, as the user went on without it",
    isFailure: true,
    providerExecuted: false
  })

interface Evidence extends Answers {
  readonly known: Known
  readonly isTail: boolean
}

/** A response, and the answers to its calls. */
const answered = (
  content: ReadonlyArray<Prompt.AssistantMessagePart>,
  { answers, approvals, known }: Evidence,
  isTail: boolean
): Composed => {
  const asked = new Set(
    content.flatMap((part) => part.type === "tool-approval-request" ? [part.approvalId] : [])
  )
  const own = new Set(
    content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.id] : [])
  )
  const requests: Array<Prompt.ToolApprovalRequestPart> = []
  const results: Array<Prompt.ToolMessagePart> = []
  const used: Array<ApprovalItem & { readonly id: string }> = []
  let isOpen = false
  for (const part of content) {
    if (part.type === "tool-approval-request" && !own.has(part.toolCallId)) {
      // That of a provider, which keeps the answer in its history.
      const approval = approvals.get(part.toolCallId)
      if (approval !== undefined) results.push(responseOf(approval))
      else if (isTail) isOpen = true
    }
    if (part.type !== "tool-call" || part.providerExecuted) continue
    const { id, name } = part
    const result = known.results.get(id)?.at(-1)
    const answer = answers.get(id)
    const approval = approvals.get(id)
    if (result !== undefined) results.push(result)
    else if (answer !== undefined) {
      const { isFailure, result } = answer
      results.push(Prompt.toolResultPart({ id, name, result, isFailure, providerExecuted: false }))
    } else if (isTail && approval !== undefined) {
      if (!asked.has(approval.approvalId)) {
        requests.push(Prompt.toolApprovalRequestPart({ approvalId: approval.approvalId, toolCallId: id }))
      }
      results.push(responseOf(approval))
      if (approval.approved) used.push(approval)
    } else if (isTail) isOpen = true
    else results.push(notRun(id, name))
  }
  return {
    messages: [
      ...(content.length === 0 ? [] : [Prompt.assistantMessage({ content: [...content, ...requests] })]),
      ...(results.length === 0 ? [] : [Prompt.toolMessage({ content: results })])
    ],
    isOpen,
    used
  }
}

const responseOf = ({ approvalId, approved, reason }: ApprovalItem): Prompt.ToolApprovalResponsePart =>
  Prompt.toolApprovalResponsePart({ approvalId, approved, ...(reason === undefined ? undefined : { reason }) })

const conversation = (
  items: ReadonlyArray<Item>,
  { ignore, isTrusted, records, ...evidence }: Evidence & {
    readonly records: ReadonlyMap<Item, Seal.Record>
    readonly isTrusted: boolean
    readonly ignore: Ignore
  }
): Composed => {
  const steps = stepsOf(items)
  const composed = steps.map((step, index): Composed => {
    const [first] = step
    if (first?.type === "user") {
      return { messages: [Prompt.userMessage({ content: first.content })], isOpen: false, used: [] }
    }
    const sealed = step.flatMap((item) => records.get(item)?.message ?? [])
    if (sealed.length === 0 && !isTrusted) {
      for (const item of step) {
        if (item.type === "reasoning") ignore(item.path, "reasoning without a seal is left out")
        else if (item.type === "text" && item.options !== undefined) {
          ignore(item.path, "data for the provider without a seal are left out")
        }
      }
    }
    const content = sealed.length > 0
      ? sealed.flatMap(({ content }) => content)
      : step.flatMap((item) => isTrusted ? shownPart(item, evidence.known) : wordsOf(item))
    return answered(content, evidence, evidence.isTail && index === steps.length - 1)
  })
  // A history that was shortened: most providers begin with the user.
  const first = steps.findIndex(([item]) => item?.type === "user")
  const begin = items.find(({ type }) => type === "assistant")
  if (first > 0 && begin?.type === "assistant") {
    ignore(begin.path, "what comes before the first message of the user is left out")
  }
  return {
    messages: composed.slice(Math.max(first, 0)).flatMap(({ messages }) => messages),
    isOpen: composed.some(({ isOpen }) => isOpen),
    used: composed.flatMap(({ used }) => used)
  }
}

/** The messages of the user, and the responses. */
const stepsOf = (items: ReadonlyArray<Item>): ReadonlyArray<ReadonlyArray<Item>> => {
  const steps: Array<Array<Item>> = []
  for (const item of items) {
    const last = steps.at(-1)
    if (item.type === "user") steps.push([item])
    else if (item.type === "assistant" || item.type === "step" || last === undefined) steps.push([])
    else last.push(item)
  }
  return steps.filter(({ length }) => length > 0)
}

const wordsOf = (item: Item): ReadonlyArray<Prompt.AssistantMessagePart> =>
  item.type === "text" && item.text !== "" ? [Prompt.textPart({ text: item.text })] : []

const shownPart = (item: Item, { calls, results }: Known): ReadonlyArray<Prompt.AssistantMessagePart> => {
  switch (item.type) {
    case "text":
      return [Prompt.textPart({ text: item.text, options: item.options })]
    case "reasoning":
      return [Prompt.reasoningPart({ text: item.text, options: item.options })]
    case "call": {
      const { id, name, options, providerExecuted } = item
      const call = calls.get(id)
      return call === undefined
        ? []
        : [
          Prompt.toolCallPart({ id, name, params: call.input, providerExecuted, options }),
          ...(providerExecuted ? results.get(id) ?? [] : [])
        ]
    }
    default:
      return []
  }
}

/** The server's copy, with what the client adds. */
const continued = (
  { content: messages }: Prompt.Prompt,
  items: ReadonlyArray<Item>,
  { isTail, ...evidence }: Evidence
): Composed => {
  const at = messages.findLastIndex(({ role }) => role === "assistant")
  const last = messages[at]
  const user = items.flatMap((item) => item.type === "user" ? [Prompt.userMessage({ content: item.content })] : [])
  if (last?.role !== "assistant" || messages.slice(at + 1).some(({ role }) => role === "user")) {
    return { messages: [...messages, ...user], isOpen: false, used: [] }
  }
  const composed = answered(last.content, { ...evidence, isTail }, isTail)
  return { ...composed, messages: [...messages.slice(0, at), ...composed.messages, ...user] }
}
