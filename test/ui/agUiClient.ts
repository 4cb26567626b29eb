/** A client of AG-UI: the rules of the protocol's order, and the messages that its events make. */
import { Effect, Stream } from "effect"

export interface Event {
  readonly type: string
  readonly messageId?: string
  readonly parentMessageId?: string
  readonly toolCallId?: string
  readonly toolCallName?: string
  readonly stepName?: string
  readonly delta?: string
  readonly content?: string
  readonly message?: string
  readonly code?: string
  readonly name?: string
  readonly value?: unknown
  readonly usage?: unknown
  readonly outcome?: {
    readonly type: string
    readonly pendingToolCallIds?: ReadonlyArray<string>
    readonly interrupts?: ReadonlyArray<{ readonly id: string; readonly toolCallId: string }>
  }
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface Message {
  readonly id: string
  readonly role: string
  content?: string
  toolCalls?: Array<{ readonly id: string; readonly type: "function"; function: { name: string; arguments: string } }>
  readonly toolCallId?: string
  metadata?: Readonly<Record<string, unknown>>
}

/** The events of a body, which has nothing but them and comments. */
export const events = (body: Stream.Stream<Uint8Array>): Effect.Effect<ReadonlyArray<Event>> =>
  Effect.map(
    Stream.mkUint8Array(body),
    (bytes) =>
      new TextDecoder().decode(bytes).split("\n\n").flatMap((text): ReadonlyArray<Event> => {
        if (text === "" || text.startsWith(":")) return []
        if (!text.startsWith("data: ") || text.includes("\n")) throw new Error(`not a frame: ${text}`)
        return [JSON.parse(text.slice("data: ".length))]
      })
  )

const pairs: ReadonlyArray<readonly [begin: string, during: string, end: string, id: keyof Event]> = [
  ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "messageId"],
  ["REASONING_START", "", "REASONING_END", "messageId"],
  ["REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "messageId"],
  ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "toolCallId"],
  ["STEP_STARTED", "", "STEP_FINISHED", "stepName"]
]

/** What is against the order: of what is open only the content and the end come, and nothing is open at the end. */
export const disorder = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const open = new Set<string>()
  const wrong: Array<string> = []
  events.forEach((event, at) => {
    const isEnd = event.type === "RUN_FINISHED" || event.type === "RUN_ERROR"
    if ((event.type === "RUN_STARTED") !== (at === 0) || isEnd !== (at === events.length - 1)) wrong.push(event.type)
    if (isEnd) wrong.push(...open)
    for (const [begin, during, end, id] of pairs) {
      if (![begin, during, end].includes(event.type)) continue
      const key = `${begin} ${event[id]}`
      if ((event.type === begin) === open.has(key)) wrong.push(`${event.type} ${event[id]}`)
      if (event.type === begin) open.add(key)
      if (event.type === end) open.delete(key)
    }
  })
  return wrong
}

/** The messages of a conversation, with those that the events make. */
export const show = (events: ReadonlyArray<Event>, before: ReadonlyArray<Message> = []): ReadonlyArray<Message> => {
  const messages: Array<Message> = structuredClone([...before])
  const named = (id: string | undefined, role: string): Message => {
    const known = messages.find((message) => message.id === id)
    if (known !== undefined) return known
    const made: Message = { id: id ?? "", role }
    messages.push(made)
    return made
  }
  const merge = (message: Message, { metadata }: Event) => {
    if (metadata !== undefined) message.metadata = { ...message.metadata, ...metadata }
  }
  const calls = () => messages.flatMap(({ toolCalls = [] }) => toolCalls)
  for (const event of events) {
    switch (event.type) {
      case "TEXT_MESSAGE_START":
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_END": {
        const message = named(event.messageId, "assistant")
        message.content = (message.content ?? "") + (event.delta ?? "")
        merge(message, event)
        break
      }
      case "REASONING_MESSAGE_START":
      case "REASONING_MESSAGE_CONTENT": {
        const message = named(event.messageId, "reasoning")
        message.content = (message.content ?? "") + (event.delta ?? "")
        break
      }
      case "TOOL_CALL_START": {
        const { toolCallId: id = "", toolCallName: name = "" } = event
        if (calls().some((call) => call.id === id)) break
        const message = named(event.parentMessageId, "assistant")
        message.toolCalls = [...message.toolCalls ?? [], { id, type: "function", function: { name, arguments: "" } }]
        break
      }
      case "TOOL_CALL_ARGS": {
        const call = calls().find(({ id }) => id === event.toolCallId)
        if (call !== undefined) call.function.arguments += event.delta ?? ""
        break
      }
      case "TOOL_CALL_RESULT": {
        const { content = "", messageId: id = "", toolCallId = "" } = event
        messages.splice(behind(messages, toolCallId), 0, { id, role: "tool", content, toolCallId })
        break
      }
      default:
    }
  }
  return messages
}

/** Where the result of a call goes: behind its message, and the results that it has. */
const behind = (messages: ReadonlyArray<Message>, call: string): number => {
  const at = messages.findIndex(({ toolCalls }) => toolCalls?.some(({ id }) => id === call))
  if (at === -1) return messages.length
  const next = messages.findIndex(({ role }, index) => index > at && role !== "tool")
  return next === -1 ? messages.length : next
}

/** The messages once the calls that wait have results of the client's. */
export const answered = (
  messages: ReadonlyArray<Message>,
  events: ReadonlyArray<Event>,
  content: string
): ReadonlyArray<Message> =>
  (events.at(-1)?.outcome?.pendingToolCallIds ?? []).reduce(
    (all, toolCallId) =>
      all.toSpliced(behind(all, toolCallId), 0, { id: `tool-${toolCallId}`, role: "tool", content, toolCallId }),
    messages
  )

export const interrupts = (events: ReadonlyArray<Event>) => events.at(-1)?.outcome?.interrupts ?? []

/** What a client like TanStack's keeps: of metadata only those of the assistant's messages. */
export const kept = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> =>
  messages.map(({ metadata, ...message }) =>
    message.role === "assistant" && metadata !== undefined ? { ...message, metadata } : message
  )

export const user = (id: string, content = "hi"): Message => ({ id, role: "user", content })

/** The body that a client posts. */
export const post = (messages: ReadonlyArray<unknown>, more: object = {}): string =>
  JSON.stringify({ threadId: "thread", runId: "run", state: {}, messages, tools: [], context: [], ...more })
