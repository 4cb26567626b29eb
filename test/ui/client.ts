/** A chat client of the AI SDK, of the package's own reader. */
import { isToolUIPart, parseJsonEventStream, readUIMessageStream, type UIMessage, uiMessageChunkSchema } from "ai"
import { Effect, Stream } from "effect"

export interface Shown {
  readonly message: UIMessage | undefined
  readonly errors: ReadonlyArray<string>
}

/** The message that a body shows, or what becomes of a message by it. */
export const show = <E, R>(body: Stream.Stream<Uint8Array, E, R>, message?: UIMessage): Effect.Effect<Shown, E, R> =>
  Effect.flatMap(Stream.mkUint8Array(body), (bytes) =>
    Effect.promise(async () => {
      const errors: Array<string> = []
      const chunks = parseJsonEventStream({
        stream: new Blob([new Uint8Array(bytes)]).stream(),
        schema: uiMessageChunkSchema
      })
      const stream = chunks.pipeThrough(
        new TransformStream({
          transform: (chunk, controller) => {
            if (chunk.success) controller.enqueue(chunk.value)
            else errors.push(chunk.error.message)
          }
        })
      )
      let last: UIMessage | undefined
      const read = readUIMessageStream({
        stream,
        ...(message === undefined ? undefined : { message: structuredClone(message) }),
        onError: (error) => errors.push(error instanceof Error ? error.message : String(error))
      })
      for await (const shown of read) last = shown
      // A client gives a message an id of its own.
      return { message: last?.id === "" ? { ...last, id: crypto.randomUUID() } : last, errors }
    }))

export const tools = (message: UIMessage | undefined) => (message?.parts ?? []).filter(isToolUIPart)

/** What is shown as if more were to come. */
export const open = (message: UIMessage | undefined): ReadonlyArray<string> =>
  (message?.parts ?? []).flatMap((part) =>
    "state" in part && (part.state === "streaming" || part.state === "input-streaming") ? [part.type] : []
  )

export const user = (id: string, text = "hi"): UIMessage => ({ id, role: "user", parts: [{ type: "text", text }] })

/** The body that a client posts. */
export const post = (messages: ReadonlyArray<unknown>): string =>
  JSON.stringify({ id: "chat-1", trigger: "submit-message", messages })

/** The message once its calls have results of the client's. */
export const answered = (message: UIMessage, output: unknown): UIMessage => ({
  ...message,
  parts: message.parts.map((part) =>
    isToolUIPart(part) && part.state === "input-available" && part.providerExecuted !== true
      ? { ...part, state: "output-available", output }
      : part
  )
})

/** The message once its approvals are answered. */
export const consented = (message: UIMessage, approved: boolean): UIMessage => ({
  ...message,
  parts: message.parts.map((part) =>
    isToolUIPart(part) && part.state === "approval-requested"
      ? { ...part, state: "approval-responded", approval: { id: part.approval.id, approved } }
      : part
  )
})
