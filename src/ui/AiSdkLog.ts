/**
 * Chats of the AI SDK whose answers outlive their connections: `resumeStream` joins the answer again, and a request stops it.
 *
 * What is written down is what the client is sent, before it is sent. So an answer that is joined again has the same ids and
 * seals, whatever it is made of, and no tool runs again for it.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Checks from "../engine/checks.ts"
import * as Engine from "../log/engine.ts"
import * as Pages from "../log/pages.ts"
import * as Source from "../log/source.ts"
import type * as State from "../log/state.ts"
import * as StreamLog from "../log/StreamLog.ts"
import type * as StreamLogHttp from "../log/StreamLogHttp.ts"
import * as Provider from "../Provider.ts"
import type { InvalidRequest, ProviderError } from "../ProviderError.ts"
import * as Store from "../stores/Store.ts"
import * as AiSdk from "./AiSdk.ts"
import * as Blocks from "./blocks.ts"
import * as Body from "./body.ts"
import * as Chunks from "./chunks.ts"
import * as Http from "./http.ts"
import * as Trust from "./Trust.ts"

/**
 * A chat, and the user whose it is.
 *
 * @category models
 * @since 0.2.0
 */
export interface Chat {
  readonly id: string
  readonly user: string
}

/**
 * How answers are kept.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface LogOptions extends Omit<StreamLog.Options, "chunk"> {
  /** How long nothing may be sent before a comment is, so that proxies keep the connection. Default: 15 seconds. */
  readonly heartbeat?: Duration.Input | undefined
  /** Whether a tool has no type of its own in the front end, as those of an MCP server. Default: every tool has one. */
  readonly isDynamic?: ((tool: string) => boolean) | undefined
}

/**
 * The options of the routes.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options<E = never, R = never, RA = never>
  extends LogOptions, Omit<AiSdk.DecodeOptions, "scope" | "thread">
{
  /** Who asks. Histories are sealed for this user, and answers are this user's: to know the id of a chat is not enough. */
  readonly authorize: StreamLogHttp.Authorize<RA>
  /** The events of an answer. It goes on when the client leaves. */
  readonly answer: (turn: AiSdk.Turn, chat: Chat) => Stream.Stream<Blocks.Event, E, R>
  /** The path of the chats. Default: `/api/chat`. */
  readonly path?: `/${string}` | undefined
}

/**
 * The answers of chats.
 *
 * @category models
 * @since 0.2.0
 */
export interface Service {
  /**
   * Begins the answer of a chat, and sends it. A chat has one answer at a time: one that still runs is stopped. Fails with
   * `StoreUnavailable`, and asks nobody then.
   */
  readonly answer: <E, R>(
    chat: Chat,
    turn: Pick<AiSdk.Turn, "message">,
    events: Stream.Stream<Blocks.Event, E, R>
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, StreamLog.StreamLogError, R>
  /**
   * The answer of a chat, from its start; 204 where none runs. With `ended`, also one that has ended, while it is kept.
   */
  readonly resume: (
    chat: Chat,
    options?: { readonly ended?: boolean | undefined }
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse, StreamLog.StreamLogError>
  /** Stops the answer of a chat; nothing, where none runs. */
  readonly stop: (chat: Chat) => Effect.Effect<void, StreamLog.StreamLogError>
}

/** Which answer is the last one of a chat. */
const pointers = Store.cells(Schema.Struct({ answer: Schema.String }))

/** For how long the answer of a chat is found after it began, beside the time for which it is kept, in ms. */
const longestAnswer = 24 * 60 * 60 * 1000

/**
 * The answers of chats in a store. {@link layer} has routes to them; this is for an app with routes of its own.
 *
 * @example
 * ```ts
 * import { ToolLoop } from "effect-llm-stream"
 * import * as AiSdk from "effect-llm-stream/ui/AiSdk"
 * import * as AiSdkLog from "effect-llm-stream/ui/AiSdkLog"
 * import { Effect } from "effect"
 * import { type Prompt, Toolkit } from "effect/ai"
 *
 * declare const thread: Prompt.Prompt
 *
 * const program = Effect.gen(function*() {
 *   const log = yield* AiSdkLog.make({ timeToLive: "10 minutes" })
 *   return Effect.fnUntraced(function*(chat: AiSdkLog.Chat, body: string) {
 *     const turn = yield* AiSdk.decode(body, { scope: chat.user, thread })
 *     return yield* log.answer(chat, turn, ToolLoop.stream({ prompt: turn.prompt, tools: Toolkit.empty }))
 *   })
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  stated: LogOptions = {}
): Effect.fn.Return<Service, ProviderError, Store.Store | Scope.Scope> {
  const checked = <A>(value: Result.Result<A, string>) =>
    Effect.mapError(Effect.fromResult(value), (message) => Checks.refused("AiSdkLog", message))
  const { heartbeat = "15 seconds", isDynamic = () => false, ...options } = yield* checked(Checks.copied(stated))
  const store = yield* Store.Store
  const log = yield* StreamLog.engine("AiSdkLog", options)
  const silence = Duration.toMillis(yield* checked(Checks.duration("heartbeat", heartbeat)))
  const kept = longestAnswer + log.ttl
  const pointer = ({ id, user }: Chat) => pointers(Store.key("chat", user, id))

  /** Sends an answer from its start. Only who joins it again has to be told of what was there before. */
  const sent = (
    { user }: Chat,
    id: string,
    { head }: State.Known,
    isReplay: boolean
  ): HttpServerResponse.HttpServerResponse => {
    const ending = Effect.fnUntraced(function*(open: Chunks.Unfinished, end: StreamLog.End) {
      if (open.isOver || end._tag === "Done") return []
      const [bill] = yield* Effect.orElseSucceed(log.rows(user, id), () => [])
      const { cost = null, model, usage } = bill ?? {}
      const messageMetadata = Chunks.totals({
        model: model ?? undefined,
        usage: usage ?? undefined,
        cost: cost === null ? undefined : Number(cost)
      })
      const reason = end._tag === "Failed" ? end.reason : end._tag
      return [
        ...open.close(reason),
        ...(end._tag === "Cancelled"
          // The client must not go on by itself.
          ? [{ type: "finish", finishReason: "interrupted", messageMetadata }, { type: "abort" }]
          : [{ type: "message-metadata", messageMetadata }, { type: "error", errorText: reason }])
      ]
    })
    const text = (open: Chunks.Unfinished, item: Engine.Item): Effect.Effect<string, Store.StoreError> => {
      if (item._tag === "Idle") return Effect.succeed(": keep-alive\n\n")
      if (item._tag === "Ended") {
        return Effect.map(ending(open, item.end), (chunks) => chunks.map(Chunks.frame).join("") + Chunks.done)
      }
      return Pages.reading(item.epoch, () => {
        const elements = elementsOf(item.json)
        for (const chunk of elements.flat()) open.see(chunk)
        return elements.flatMap((chunks) => isReplay ? chunks : chunks.slice(0, 1)).map(Chunks.frame).join("")
      })
    }
    const body = Stream.suspend(() => {
      const open = new Chunks.Unfinished()
      return Stream.mapEffect(log.follow(id, head, 0, { silence, maxPage: undefined }), (item) => text(open, item))
        .pipe(
          // Who joins it again would find the same.
          Stream.catchIf(
            (error) => error._tag === "Gone" || error.reason !== "Unavailable",
            () => Stream.fromEffect(text(open, { _tag: "Ended", epoch: head.epoch, end: unreadable }))
          )
        )
    })
    return HttpServerResponse.stream(
      // A body that breaks off is joined again; one that ends without its last chunk would look whole.
      Stream.encodeText(Stream.orDie(body)),
      { contentType: "text/event-stream", headers: AiSdk.headers }
    )
  }

  const last = (chat: Chat) =>
    log.patiently(Store.modifyIn(store, { at: pointer(chat) }, ({ at }) => ({ result: at?.answer, writes: [] })))

  return {
    answer: Effect.fn("AiSdkLog.answer")(function*<E, R>(
      chat: Chat,
      { message }: Pick<AiSdk.Turn, "message">,
      events: Stream.Stream<Blocks.Event, E, R>
    ) {
      const context = yield* Effect.context<R>()
      const id = yield* Engine.token
      const source = sourceOf(
        message === undefined ? [{ type: "start", messageId: id }] : Chunks.rebuilt(message),
        Blocks.blocks(events, chat.user),
        { context, isDynamic }
      )
      const former = yield* log.patiently(Store.modifyIn(store, { at: pointer(chat) }, ({ at }, now) => ({
        result: at?.answer,
        writes: [pointer(chat).put({ answer: id }, now + kept)]
      })))
      if (former !== undefined) yield* log.cancel(former, chat.user)
      return sent(chat, id, yield* log.start({ id, user: chat.user, hash: "", source }), false)
    }, Effect.mapError(StreamLog.failed)),

    resume: Effect.fn("AiSdkLog.resume")(function*(chat, { ended = false } = {}) {
      const id = yield* last(chat)
      const known = id === undefined ? undefined : yield* log.look(id)
      return id === undefined || known === undefined || known.isExpired || known.head.ended !== null && !ended
        ? HttpServerResponse.empty({ status: 204 })
        : sent(chat, id, known, true)
    }, Effect.mapError(StreamLog.failed)),

    stop: Effect.fn("AiSdkLog.stop")(function*(chat) {
      const id = yield* last(chat)
      if (id !== undefined) yield* log.cancel(id, chat.user)
    }, Effect.mapError(StreamLog.failed))
  }
})

const unreadable: StreamLog.End = { _tag: "Failed", reason: "Unknown", message: "the log can't be read" }

/** The chunks of a page, those of an element together. */
const elementsOf = (json: string): ReadonlyArray<ReadonlyArray<Chunks.Chunk>> => {
  const elements: unknown = JSON.parse(json)
  return Array.isArray(elements)
    ? elements.map((element: unknown) => (Array.isArray(element) ? element : [element]).filter(Chunks.isChunk))
    : []
}

/** What is written down: first what there was before, as one element, then each chunk. */
const sourceOf = <R>(
  before: ReadonlyArray<Chunks.Chunk>,
  blocks: Stream.Stream<Blocks.Block, never, R>,
  { context, isDynamic }: { readonly context: Context.Context<R>; readonly isDynamic: (tool: string) => boolean }
): Source.Source => {
  const bill = Source.bill()
  const provider = Option.getOrUndefined(Context.getOption(context, Provider.Provider))
  const billed: Context.Context<R> = provider === undefined
    ? context
    : Context.add(context, Provider.Provider, {
      ...provider,
      stream: (request) =>
        Stream.suspend(() => {
          const add = bill.response()
          return Stream.map(provider.stream(request), (chunk) => {
            add(chunk)
            return chunk
          })
        })
    })
  let failure: string | undefined
  const chunks = Stream.mapArray(
    blocks,
    Arr.flatMap((block) => {
      if (block.type === "failure") failure = block.reason
      return Arr.map(Chunks.chunksOf(block, isDynamic), (chunk) => JSON.stringify(chunk))
    })
  )
  return {
    provider: provider?.name ?? "",
    model: null,
    bill,
    texts: Stream.make(JSON.stringify(before)).pipe(
      Stream.concat(Stream.provideContext(chunks, billed)),
      Stream.concat(Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail({ _tag: failure })))
    )
  }
}

/**
 * Adds the routes of chats to a router.
 *
 * - `POST /api/chat` takes what the client posts, and sends the answer, which goes on when the client leaves.
 * - `GET /api/chat/{id}/stream` sends the answer of a chat from its start; 204 where none runs. With `?ended`, also one that
 *   has ended, for a page that was away at its end.
 * - `POST /api/chat/{id}/stop` stops it; 204, also where none runs.
 *
 * What can't be taken is refused as by `AiSdk.route`, and with 503 when the store can't be reached. Of another user's chat
 * nobody learns that it is there.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import * as AiSdkLog from "effect-llm-stream/ui/AiSdkLog"
 * import { Effect, Layer, Stream } from "effect"
 * import { HttpServerResponse } from "effect/http"
 *
 * const routes = AiSdkLog.layer({
 *   authorize: ({ cookies }) =>
 *     cookies["session"] === undefined
 *       ? Effect.fail(HttpServerResponse.empty({ status: 401 }))
 *       : Effect.succeed(cookies["session"]),
 *   answer: ({ prompt }) =>
 *     Stream.unwrap(Provider.Provider.useSync(({ stream }) => ChunkStream.events(stream({ prompt }))))
 * }).pipe(Layer.provide(Store.layerMemory))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <E, R = never, RA = never>(
  options: Options<E, R, RA>
): Layer.Layer<never, ProviderError, HttpRouter.HttpRouter | Store.Store | R | RA> =>
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const { answer, authorize, path = "/api/chat" } = options
    const log = yield* make(options)
    const context = yield* Effect.context<R | RA>()
    const trust = yield* Trust.Trust

    /** Runs a handler for who asks. */
    const handled = <R>(
      handle: (
        user: string,
        request: HttpServerRequest.HttpServerRequest
      ) => Effect.Effect<HttpServerResponse.HttpServerResponse, InvalidRequest | StreamLog.StreamLogError, R>
    ) =>
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        return yield* handle(yield* Effect.provideContext(authorize(request), context), request)
      }).pipe(
        Effect.catchTag("StreamLogError", () => Effect.succeed(HttpServerResponse.empty({ status: 503 }))),
        Effect.catchIf(HttpServerResponse.isHttpServerResponse, Effect.succeed),
        Http.respond,
        Effect.provideService(Trust.Trust, trust)
      )
    const idOf = Effect.map(HttpRouter.params, ({ id = "" }) => id)

    yield* router.add(
      "POST",
      path,
      handled(Effect.fnUntraced(function*(user) {
        const body = yield* Http.received(yield* Effect.fromResult(Body.limits(options)))
        const turn = yield* AiSdk.decode(body, { ...options, scope: user })
        if (turn.chatId === undefined) {
          return yield* Effect.fromResult<never, InvalidRequest>(Body.refuse(["id"], "missing"))
        }
        const chat = { id: turn.chatId, user }
        return yield* Effect.provideContext(log.answer(chat, turn, answer(turn, chat)), context)
      }))
    )
    yield* router.add(
      "GET",
      `${path}/:id/stream`,
      handled((user, { url }) =>
        Effect.flatMap(
          idOf,
          (id) => log.resume({ id, user }, { ended: new URL(url, "http://localhost").searchParams.has("ended") })
        )
      )
    )
    yield* router.add(
      "POST",
      `${path}/:id/stop`,
      handled((user) =>
        Effect.flatMap(idOf, (id) => Effect.as(log.stop({ id, user }), HttpServerResponse.empty({ status: 204 })))
      )
    )
  }))
