/**
 * The logs of answers over HTTP: routes to begin, follow, join again and stop an answer, as server-sent events.
 *
 * Each event has one or more chunks as its data, and where the reader is then as its id, so that a browser's `EventSource`
 * comes back by itself. The last event is `end`; a body that closes without it has been cut off.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.ts"
import * as Checks from "../engine/checks.ts"
import * as StreamLog from "./StreamLog.ts"

/**
 * Who asks: the name of a user, to whom the answers that begin here belong, or the response that refuses the request.
 *
 * @category models
 * @since 0.2.0
 */
export type Authorize<R = never> = (
  request: HttpServerRequest.HttpServerRequest
) => Effect.Effect<string, HttpServerResponse.HttpServerResponse, R>

/**
 * The options of the routes.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options<R = never> {
  /** Who asks. An id in a URL is no permission, so there is no default. */
  readonly authorize: Authorize<R>
  /** The path of the answers. Default: `/answers`. */
  readonly path?: `/${string}` | undefined
  /** The path of the bills. Default: `/ledger`. */
  readonly ledgerPath?: `/${string}` | undefined
  /** After how much silence a reader gets a comment: proxies cut connections on which nothing comes. Default: 15 seconds. */
  readonly heartbeat?: Duration.Input | undefined
  /** After what pause a browser comes back. Default: 100 ms. */
  readonly retry?: Duration.Input | undefined
}

/**
 * Adds the routes of the logs to a router.
 *
 * - `POST /answers/{id}` with a request as JSON begins the answer, unless it is there, and streams it; `POST /answers` makes an
 *   id. With an offset it begins nothing.
 * - `GET /answers/{id}` streams from the offset in `Last-Event-ID`, else in `?from=`. `?page=` limits the bytes of an event, for
 *   connections that are cut before a larger one has come.
 * - `GET /answers/{id}/snapshot` gives the text so far, and the offset to follow from.
 * - `DELETE /answers/{id}` and `POST /answers/{id}/stop` stop it.
 * - `GET /ledger` gives the bills of the user; `?id=` that of one answer.
 *
 * @example
 * ```ts
 * import { NodeHttpServer } from "@effect/platform-node"
 * import { OpenAi } from "effect-llm-stream"
 * import * as StreamLog from "effect-llm-stream/log/StreamLog"
 * import * as StreamLogHttp from "effect-llm-stream/log/StreamLogHttp"
 * import * as Store from "effect-llm-stream/stores/Store"
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
 * import { createServer } from "node:http"
 *
 * const routes = StreamLogHttp.layer({
 *   authorize: ({ headers }) =>
 *     headers["x-user"] === undefined
 *       ? Effect.fail(HttpServerResponse.empty({ status: 401 }))
 *       : Effect.succeed(headers["x-user"])
 * })
 *
 * const server = HttpRouter.serve(routes).pipe(
 *   Layer.provide(StreamLog.layer()),
 *   Layer.provide([Store.layerMemory, OpenAi.layerConfig()]),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(NodeHttpServer.layer(createServer, { port: 3000 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <R = never>(
  options: Options<R>
): Layer.Layer<never, never, HttpRouter.HttpRouter | StreamLog.StreamLog | R> =>
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const { authorize, heartbeat = "15 seconds", ledgerPath = "/ledger", path = "/answers", retry = 100 } = options
    const log = yield* StreamLog.StreamLog
    const context = yield* Effect.context<R>()
    const pause = Result.getOrElse(
      Checks.duration("retry", retry, { finite: true, zero: true }),
      () => Duration.millis(100)
    )
    const opening = utf8.encode(`retry: ${Math.round(Duration.toMillis(pause))}\n\n`)

    /** Runs a handler for who asks, on the id and what follows it in the path. */
    const handled = (
      handle: (call: Call) => Effect.Effect<HttpServerResponse.HttpServerResponse, Refused | StreamLog.StreamLogError>
    ) =>
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const user = yield* Effect.provideContext(authorize(request), context)
        const { pathname, searchParams } = new URL(request.url, "http://localhost")
        const [id, action] = pathname.slice(pathname.indexOf(path) + path.length + 1).split("/")
        return yield* Effect.catch(
          handle({ request, user, id: yield* decoded(id ?? ""), action, search: searchParams }),
          (error) => Effect.succeed(refusal(error))
        )
      }).pipe(
        Effect.catchTag("Refused", (refused) => Effect.succeed(refusal(refused))),
        Effect.catchIf(HttpServerResponse.isHttpServerResponse, Effect.succeed)
      )

    const streamed = Effect.fnUntraced(function*(
      { id, search, request, user }: Call,
      { json, status = 200 }: { readonly json?: unknown; readonly status?: number } = {}
    ) {
      const from = yield* Effect.fromResult(offsetOf(request, search))
      const headers = { ...streamHeaders, ...(json === undefined ? undefined : { location: `${path}/${id}` }) }
      if (from !== undefined && from.count === "end") {
        const { end, epoch } = yield* log.find(id, { user, json })
        return end === null || epoch !== from.epoch
          ? yield* new StreamLog.StreamLogError({ reason: "Gap", message: "the offset is of another answer" })
          : HttpServerResponse.empty({ status: 204 })
      }
      const maxPage = pageSizeOf(search)
      const items = yield* log.follow(id, {
        user,
        json,
        from: from as StreamLog.Offset | undefined,
        heartbeat,
        maxPage
      })
      return HttpServerResponse.stream(
        Stream.concat(
          Stream.make(opening),
          // Without the end, which tells the client to come back.
          Stream.catch(Stream.map(items, frame), () => Stream.empty)
        ),
        { status, contentType: "text/event-stream", headers }
      )
    })

    const begun = Effect.fnUntraced(function*(call: Call) {
      const json = yield* Effect.mapError(
        Effect.flatMap(call.request.text, decodeJson),
        () => new Refused({ tag: "InvalidRequest", message: "the body has to be a request as JSON" })
      )
      const request = yield* Effect.mapError(
        Effect.fromResult(ChatRequest.fromJson(json)),
        ({ message }) => new Refused({ tag: "InvalidRequest", message })
      )
      const from = yield* Effect.fromResult(offsetOf(call.request, call.search))
      if (from !== undefined) return yield* streamed(call, { json })
      const { id, isNew } = yield* log.start(request, {
        id: call.id === "" ? undefined : call.id,
        user: call.user,
        json
      })
      return yield* streamed({ ...call, id }, { json, status: isNew ? 201 : 200 })
    })

    const stopped = ({ id, user }: Call) =>
      Effect.map(
        log.cancel(id, { user }),
        (end) => answer(end === undefined ? 202 : 200, { end: end === undefined ? null : encodeEnd(end) })
      )

    const everything = `${path}/*` as const

    yield* router.add(
      "GET",
      everything,
      handled((call) =>
        call.action === undefined
          ? streamed(call)
          : call.action === "snapshot"
          ? Effect.map(log.snapshot(call.id, call), ({ count, end, epoch, id, text }) =>
            answer(200, {
              id,
              offset: `${epoch}-${count}`,
              text,
              end: end === null ? null : encodeEnd(end)
            }))
          : noRoute
      )
    )
    yield* router.add(
      "POST",
      everything,
      handled((call) => call.action === undefined ? begun(call) : call.action === "stop" ? stopped(call) : noRoute)
    )
    yield* router.add("DELETE", everything, handled((call) => call.action === undefined ? stopped(call) : noRoute))
    yield* router.add(
      "GET",
      ledgerPath,
      handled(({ search, user }) =>
        Effect.map(log.ledger({ user, id: search.get("id") ?? undefined }), (rows) => answer(200, rows.map(billOf)))
      )
    )
  }))

interface Call {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly user: string
  /** `""` where the path has none. */
  readonly id: string
  readonly action: string | undefined
  readonly search: URLSearchParams
}

const utf8 = new TextEncoder()

// ---------------------------------------------------------------------------------------------------------------------
// What is sent
// ---------------------------------------------------------------------------------------------------------------------

const streamHeaders = { "cache-control": "no-store", "x-accel-buffering": "no" }

const encodeEnd = Schema.encodeSync(Schema.toCodecJson(StreamLog.End))
const encodeUsage = Schema.encodeSync(Schema.toCodecJson(StreamLog.Row.fields.usage))

const comment = utf8.encode(":\n\n")

// The readers of a page share it.
const frames = new WeakMap<StreamLog.Item, Uint8Array>()

const frame = (item: StreamLog.Item): Uint8Array => {
  if (item._tag === "Idle") return comment
  const known = frames.get(item)
  if (known !== undefined) return known
  const made = utf8.encode(
    item._tag === "Page"
      ? `id: ${item.epoch}-${item.end}\ndata: ${item.json}\n\n`
      : `event: end\nid: ${item.epoch}-end\ndata: ${JSON.stringify(encodeEnd(item.end))}\n\n`
  )
  frames.set(item, made)
  return made
}

const answer = (status: number, body: unknown, headers?: Readonly<Record<string, string>>) =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { "cache-control": "no-store", ...headers } })

const billOf = ({ attempt, cost, end, id, model, unstated, usage }: StreamLog.Row) => ({
  id,
  attempt,
  model,
  usage: encodeUsage(usage),
  cost: cost === null ? null : Number(cost),
  end,
  unstated
})

// ---------------------------------------------------------------------------------------------------------------------
// What is refused
// ---------------------------------------------------------------------------------------------------------------------

class Refused extends Schema.TaggedError<Refused>()("Refused", {
  tag: Schema.Literals(["BadId", "BadOffset", "InvalidRequest", "NotFound"]),
  message: Schema.String
}) {}

const statuses = {
  BadId: 400,
  BadOffset: 400,
  InvalidRequest: 400,
  NotFound: 404,
  Conflict: 409,
  Gap: 409,
  Expired: 410,
  StoreUnavailable: 503
} as const

const refusal = (error: Refused | StreamLog.StreamLogError): HttpServerResponse.HttpServerResponse => {
  const tag = error._tag === "Refused" ? error.tag : error.reason
  const end = error._tag === "Refused" ? undefined : error.end
  return answer(
    statuses[tag],
    { error: { _tag: tag, message: error.message }, ...(end === undefined ? undefined : { end: encodeEnd(end) }) },
    tag === "StoreUnavailable" ? { "retry-after": "1" } : undefined
  )
}

const noRoute = Effect.suspend(() => Effect.fail(new Refused({ tag: "NotFound", message: "no such path" })))

const decoded = (id: string): Effect.Effect<string, Refused> =>
  Effect.try({
    try: () => decodeURIComponent(id),
    catch: () => new Refused({ tag: "BadId", message: "the id is not encoded as a part of a URL" })
  })

const decodeJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))

const offset = /^([A-Za-z0-9]{1,64})-(\d{1,30}|end)$/

/** `undefined` when the request names none. The header wins. */
const offsetOf = (
  { headers }: HttpServerRequest.HttpServerRequest,
  search: URLSearchParams
): Result.Result<{ readonly epoch?: string; readonly count: number | "end" } | undefined, Refused> => {
  const header = headers["last-event-id"]
  const given = header === undefined ? search.getAll("from") : [header]
  const [text] = given
  if (text === undefined) return Result.succeed(undefined)
  const [, epoch, count] = offset.exec(text) ?? []
  return given.length > 1
    ? badOffset
    : epoch !== undefined && count !== undefined
    ? Result.succeed({ epoch, count: count === "end" ? count : Number(count) })
    : header === undefined && /^\d{1,30}$/.test(text)
    ? Result.succeed({ count: Number(text) })
    : badOffset
}

/** What a client asks for whose connections are too short for a page. */
const pageSizeOf = (search: URLSearchParams): number | undefined => {
  const text = search.get("page") ?? ""
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined
}

const badOffset = Result.fail(
  new Refused({ tag: "BadOffset", message: "an offset is <epoch>-<count>, as the ids of events are" })
)
