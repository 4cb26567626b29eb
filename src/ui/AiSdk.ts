/**
 * The front ends of the AI SDK, such as `useChat`: an answer as a UI message stream, and what the client sends as a prompt.
 *
 * {@link route} is a whole chat route. What a browser may make up, and what is believed of it, is said in `ui/Trust`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { defined } from "../internal/defined.ts"
import { place } from "../internal/place.ts"
import type { InvalidRequest } from "../ProviderError.ts"
import * as Blocks from "./blocks.ts"
import * as Body from "./body.ts"
import * as Chunks from "./chunks.ts"
import * as History from "./history.ts"
import * as Http from "./http.ts"

/**
 * How an answer is sent.
 *
 * @category models
 * @since 0.2.0
 */
export interface EncodeOptions extends Http.Options {
  /** The id of the message. Default: the client's own, which is what an answer that goes on needs. */
  readonly messageId?: string | undefined
  /** Whether a tool has no type of its own in the front end, as those of an MCP server. Default: every tool has one. */
  readonly isDynamic?: ((tool: string) => boolean) | undefined
}

/**
 * How a body is read.
 *
 * @category models
 * @since 0.2.0
 */
export interface DecodeOptions extends History.Options, Body.Limits {}

/**
 * What a client wants.
 *
 * @category models
 * @since 0.2.0
 */
export interface Turn extends History.Turn {
  /** The id of the chat; `undefined` where the client states none. */
  readonly chatId: string | undefined
  /** The message that the answer goes on with, as the client sent it; `undefined` where the answer is a new message. */
  readonly message: Chunks.Message | undefined
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
  "x-vercel-ai-ui-message-stream": "v1",
  "x-accel-buffering": "no"
} as const

/**
 * The body of the response: the UI message stream of the events of one response, or of a `ToolLoop`.
 *
 * A failure is logged as a warning, and the client is told the tag of its reason, such as `RateLimited`.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import { Stream } from "effect"
 *
 * const body = Stream.unwrap(
 *   Provider.Provider.useSync(({ stream }) => AiSdk.encode(ChunkStream.events(stream({ prompt: "Say hello" }))))
 * )
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = <E, R>(
  self: Stream.Stream<Blocks.Event, E, R>,
  options: EncodeOptions = {}
): Stream.Stream<Uint8Array, never, R> =>
  Http.answer(self, options, (blocks, { heartbeat, isDynamic = () => false, messageId }) =>
    Http.bytes(
      Stream.concat(Stream.make(undefined), blocks),
      (block) => {
        if (block === undefined) return Chunks.frame({ type: "start", ...defined({ messageId }) })
        let text = ""
        for (const chunk of Chunks.chunksOf(block, isDynamic)) text += Chunks.frame(chunk)
        return block.type === "finish" || block.type === "failure" ? text + Chunks.done : text
      },
      heartbeat
    ))

/**
 * {@link encode} as the response of a server, with its headers.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import { Toolkit } from "effect/ai"
 *
 * const answer = AiSdk.response(ToolLoop.stream({ prompt: "Say hello", tools: Toolkit.empty }))
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const response = <E, R>(
  self: Stream.Stream<Blocks.Event, E, R>,
  options: EncodeOptions = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => Http.streamed(encode(self, options), headers)

/**
 * A chat route: reads what the client has posted, and sends the answer. A body that can't be taken is answered with 400,
 * and with 413 when it is too large, before anybody is asked.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import { Stream } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const chat = AiSdk.route(({ prompt }) =>
 *   Stream.unwrap(Provider.Provider.useSync(({ stream }) => ChunkStream.events(stream({ prompt }))))
 * )
 * const routes = HttpRouter.add("POST", "/api/chat", chat)
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const route = <E, R>(
  answer: (turn: Turn) => Stream.Stream<Blocks.Event, E, R>,
  options: EncodeOptions & DecodeOptions = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Http.respond(Effect.gen(function*() {
    const body = yield* Http.received(yield* Effect.fromResult(Body.limits(options)))
    return yield* response(answer(yield* decode(body, options)), options)
  }))

// ---------------------------------------------------------------------------------------------------------------------
// From the client
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What the client has sent, as a prompt. Fails with an `InvalidRequest` whose message begins with the place of what is wrong,
 * as in `messages[3].parts[1].input`.
 *
 * @example
 * ```ts
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import { Effect } from "effect"
 *
 * const body = `{"id":"c1","messages":[{"id":"u1","role":"user","parts":[{"type":"text","text":"Hi"}]}]}`
 * const { prompt } = await Effect.runPromise(AiSdk.decode(body))
 * prompt.content[0]?.role // "user"
 * ```
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = Effect.fn("AiSdk.decode")(function*(
  body: string,
  stated: DecodeOptions = {}
): Effect.fn.Return<Turn, InvalidRequest> {
  const options = yield* Effect.fromResult(Body.given(stated))
  const limits = yield* Effect.fromResult(Body.limits(options))
  const { fields, messages } = yield* Effect.fromResult(Body.parse(body, limits))
  const ignored: Array<string> = []
  const items = (yield* Effect.fromResult(
    Body.each(messages, (message) => itemsOf(message, limits.maxFileSize, ignored))
  )).flat()
  const chatId = yield* Effect.fromResult(Body.optionalText(fields, [], "id"))
  const turn = yield* History.turn({ items, ignored }, { input: Chunks.shown, result: Chunks.shownResult }, options)
  const last = messages.at(-1)
  return { ...turn, chatId, message: last?.role === "assistant" ? messageOf(last) : undefined }
})

const messageOf = ({ fields: { metadata, parts }, id }: Body.Message): Chunks.Message => ({
  id,
  metadata,
  parts: Array.isArray(parts) ? parts.filter(Chunks.isChunk) : []
})

/**
 * Seals a history that the server has kept itself, such as one from before it had seals, so that a client may send it from
 * now on. Everything in it is believed: it must not come from a client. Fails with an `InvalidRequest` where a message can't
 * be read.
 *
 * @example
 * ```ts
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import type { UIMessage } from "ai"
 *
 * const migrate = (chat: { readonly user: string; readonly messages: ReadonlyArray<UIMessage> }) =>
 *   AiSdk.reseal(chat.messages, { scope: chat.user })
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const reseal = Effect.fnUntraced(function*<
  M extends { readonly id: string; readonly role: string; readonly parts: ReadonlyArray<{ readonly type: string }> }
>(
  given: ReadonlyArray<M>,
  options: Pick<EncodeOptions, "scope"> = {}
): Effect.fn.Return<ReadonlyArray<M>, InvalidRequest> {
  const { scope } = yield* Effect.fromResult(Body.given(options))
  const messages = yield* Effect.fromResult(Body.givenMessages(given))
  const seal = yield* Blocks.sealer(scope)
  return yield* Effect.forEach(
    messages,
    (message, index) =>
      message.role !== "assistant" ? Effect.succeed(message) : Effect.map(
        Effect.forEach(stepsOf(message.parts), (parts) =>
          Effect.gen(function*() {
            const path = ["messages", index]
            const { id, role } = message
            const items = yield* Effect.fromResult(itemsOf({ path, id, role, fields: { parts } }, Infinity, []))
            const kept = parts.filter(({ type }) => type !== Chunks.sealType)
            const data = kept.length === 0 ? undefined : yield* seal(History.vouch(items))
            return data === undefined ? kept : [...kept, { type: Chunks.sealType, data }]
          })),
        (steps): M => ({ ...message, parts: steps.flat() })
      )
  )
})

/** The parts of a message, those of a response together. */
const stepsOf = <P extends { readonly type: string }>(parts: ReadonlyArray<P>): ReadonlyArray<ReadonlyArray<P>> => {
  const steps: Array<Array<P>> = [[]]
  for (const part of parts) {
    if (part.type === "step-start") steps.push([part])
    else steps.at(-1)?.push(part)
  }
  return steps
}

type Items = ReadonlyArray<History.Item>

const itemsOf = (
  { fields, path, role }: Body.Message,
  maxFileSize: number,
  ignored: Array<string>
): Body.Read<Items> =>
  Result.gen(function*() {
    if (role !== "user" && role !== "assistant") {
      return yield* Body.refuse([...path, "role"], "neither user nor assistant")
    }
    if (fields["parts"] === undefined && "content" in fields) {
      return yield* Body.refuse(
        [...path, "parts"],
        "missing: this is a message of AI SDK 4 or older, which can't be taken"
      )
    }
    const parts = yield* Body.list(fields, path, "parts")
    const read = yield* Body.each(parts, (part, index) =>
      Result.gen(function*() {
        const at = [...path, "parts", index]
        const fields = yield* Body.object(part, at)
        const type = yield* Body.text(fields, at, "type")
        return { at, fields, type }
      }))
    for (const { at, type } of read) {
      if (type.startsWith("data-") && type !== Chunks.sealType) {
        ignored.push(`${place(at)}: a part of the app's own`)
      }
    }
    const known = read.filter(({ type }) =>
      !type.startsWith("data-") || type === Chunks.sealType && role === "assistant"
    )
    if (role === "user") {
      const content = yield* Body.each(known, (part) => userPart(part, maxFileSize, ignored))
      return content.every((part) => part.type === "text" && part.text === "")
        ? yield* Body.refuse([...path, "parts"], "a message of the user without content")
        : [{ type: "user", path, content }]
    }
    const items = yield* Body.each(known, (part) => assistantPart(part))
    return [{ type: "assistant", path }, ...items.flat()]
  })

interface Part {
  readonly at: Body.Path
  readonly fields: Body.Fields
  readonly type: string
}

const userPart = (
  { at, fields, type }: Part,
  maxFileSize: number,
  ignored: Array<string>
): Body.Read<Prompt.UserMessagePart> =>
  Result.gen(function*() {
    if (fields["providerMetadata"] !== undefined) {
      ignored.push(`${place([...at, "providerMetadata"])}: the user has no data of a provider`)
    }
    switch (type) {
      case "text":
        return Prompt.textPart({ text: yield* Body.text(fields, at, "text") })
      case "file": {
        if (fields["providerReference"] !== undefined) {
          return yield* Body.refuse(
            [...at, "providerReference"],
            "the id of a file at a provider, which may be anybody's"
          )
        }
        const mediaType = yield* Body.mediaType(fields, at, "mediaType")
        const url = yield* Body.text(fields, at, "url")
        const data = yield* Body.fileUrl(url, [...at, "url"], maxFileSize)
        return Prompt.filePart({ mediaType, data, fileName: yield* Body.optionalText(fields, at, "filename") })
      }
      default:
        return yield* Body.refuse(at, "not a part that a message of the user has")
    }
  })

const toolStates = [
  "input-streaming",
  "input-available",
  "approval-requested",
  "approval-responded",
  "output-available",
  "output-error",
  "output-denied"
] as const

const isState = Schema.is(Schema.Literals(toolStates))

const isOptions = Schema.is(Schema.Record(Schema.String, Schema.NullOr(Schema.JsonObject)))

const optionsOf = (fields: Body.Fields, at: Body.Path, name: string): Body.Read<Prompt.ProviderOptions | undefined> => {
  const options = fields[name]
  return options === undefined || isOptions(options)
    ? Result.succeed(options)
    : Body.refuse([...at, name], "not an object of objects")
}

const assistantPart = ({ at, fields, type }: Part): Body.Read<Items> => {
  switch (type) {
    case "text":
    case "reasoning":
      return Result.gen(function*() {
        const text = yield* Body.text(fields, at, "text")
        return [{ type, path: at, text, options: yield* optionsOf(fields, at, "providerMetadata") }]
      })
    case "step-start":
      return Result.succeed([{ type: "step" }])
    case Chunks.sealType:
      return Result.map(Body.text(fields, at, "data"), (seal) => [{ type: "seal", path: at, seal }])
    // What is shown beside the words. Files of an answer are under its seal.
    case "source-url":
    case "source-document":
    case "file":
    case "reasoning-file":
    case "custom":
    case "steering-message":
      return Result.succeed([])
    case "tool-invocation":
      return Body.refuse(at, "a call of AI SDK 4 or older, which can't be taken")
    case "dynamic-tool":
      return Result.flatMap(Body.text(fields, at, "toolName"), (name) => toolPart(name, fields, at))
    default:
      return type.startsWith("tool-")
        ? toolPart(type.slice("tool-".length), fields, at)
        : Body.refuse(at, "not a part that is known")
  }
}

const toolPart = (name: string, fields: Body.Fields, at: Body.Path): Body.Read<Items> =>
  Result.gen(function*() {
    const id = yield* Body.text(fields, at, "toolCallId")
    const { approval, input, output, preliminary, providerExecuted, state } = fields
    if (!isState(state)) return yield* Body.refuse(at, "not a state that a call can be in")
    // A call that could not be read is shown as a text.
    const isComparable = state !== "input-streaming" && (state !== "output-error" || typeof input === "object")
    const call: History.Item = {
      type: "call",
      path: at,
      id,
      name,
      input: isComparable ? input ?? null : undefined,
      providerExecuted: providerExecuted === true,
      options: yield* optionsOf(fields, at, "callProviderMetadata")
    }
    switch (state) {
      case "approval-responded":
        return [call, yield* approvalOf(approval, id, at)]
      case "output-available":
        return preliminary === true
          ? [call]
          : [call, { type: "result", path: at, id, shown: { output }, result: output, isFailure: false }]
      case "output-error": {
        const error = yield* Body.text(fields, at, "errorText")
        return Blocks.callProblems.has(error)
          ? [call]
          : [call, { type: "result", path: at, id, shown: { error }, result: error, isFailure: true }]
      }
      case "output-denied":
        return [
          call,
          yield* approvalOf(approval, id, at),
          { type: "result", path: at, id, shown: { denied: true }, result: null, isFailure: false }
        ]
      default:
        return [call]
    }
  })

const approvalOf = (approval: unknown, id: string, at: Body.Path): Body.Read<History.Item> =>
  Result.gen(function*() {
    const fields = yield* Body.object(approval, [...at, "approval"])
    const approvalId = yield* Body.text(fields, [...at, "approval"], "id")
    const { approved } = fields
    if (typeof approved !== "boolean") {
      return yield* Body.refuse([...at, "approval", "approved"], "neither true nor false")
    }
    const reason = yield* Body.optionalText(fields, [...at, "approval"], "reason")
    return { type: "approval", path: at, approvalId, id, approved, reason }
  })
