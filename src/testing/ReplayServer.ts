/**
 * A server that answers HTTP requests from a script: recorded or generated streams in any provider's wire format, at
 * any pace, cut into reads of any size, with the faults that real servers and networks have. It records the requests
 * and when each connection was closed.
 *
 * It runs on any platform's `HttpServer`; see `NodeReplayServer` for Node. {@link layerHttpClient} replays the same
 * scripts without a socket.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { replyAt } from "./replyAt.ts"
import * as RequestCheck from "./RequestCheck.ts"
import * as Wire from "./Wire.ts"

/**
 * A fault of a body, and its place:
 *
 * - `end`: it ends there, as if that were all
 * - `reset`: the connection breaks
 * - `hang`: nothing more comes, and the connection stays open
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  readonly kind: "end" | "reset" | "hang"
  /** Default: after the whole body. */
  readonly after?: { readonly events: number } | { readonly bytes: number } | undefined
}

/**
 * How a body is answered.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ReplyOptions {
  /** HTTP status. Default: 200. */
  readonly status?: number | undefined
  /** Response headers other than `content-type`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Value of the `content-type` header, `null` to leave it out. Default: that of the body's format. */
  readonly contentType?: string | null | undefined
  /** Where the reads of the body begin and end; without an `interval` the network may join them. Default: `events`. */
  readonly reads?: Wire.Reads | undefined
  /** Time before anything is answered, the status included. Default: none. */
  readonly delay?: Duration.Input | undefined
  /** Time between two reads. Default: none. */
  readonly interval?: Duration.Input | undefined
  readonly fault?: Fault | undefined
}

/**
 * The answer to one request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply extends ReplyOptions {
  /** The body, in pieces that `Fault` and `Reads` count as events. */
  readonly events: ReadonlyArray<Uint8Array>
}

/**
 * The replies: the first request gets the first one, and so on; the last one is repeated, and an empty
 * list is a defect once a request comes. Or a function of the request and of the number of requests before it.
 *
 * @category models
 * @since 0.1.0
 */
export type Script =
  | ReadonlyArray<Reply>
  | ((request: Request, index: number) => Reply)

/**
 * Options of a server beside its script.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /**
   * Whether requests are checked as the provider would check them (see `RequestCheck`), and by whose rules; a request that
   * the provider would refuse gets the provider's refusal in place of its reply. `true` tells the API by the address, and
   * lets everything else pass. Default: `true`.
   */
  readonly check?: boolean | RequestCheck.Api | undefined
}

/**
 * How a response came to its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Closed {
  /** `client`: the client closed the connection before the reply was over. `server`: the reply was over. */
  readonly by: "client" | "server"
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Bytes of the body that were written. */
  readonly bytes: number
}

/**
 * A request as the server saw it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** By lower-case name; `authorization`, `x-api-key`, `api-key`, `x-amz-security-token` and cookies are redacted. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The JSON of the body, or its text when it is not JSON. */
  readonly body: unknown
  /** Waits until the response is over. */
  readonly closed: Effect.Effect<Closed>
}

/**
 * A running replay server.
 *
 * @example
 * ```ts
 * import { ReplayServer } from "effect-llm-stream/testing"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const server = yield* ReplayServer.ReplayServer
 *   const { path } = yield* server.request(0)
 *   return [server.url, path]
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class ReplayServer extends Context.Service<ReplayServer, {
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string
  /** The requests so far, in the order of their arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
  /** The request with this index (from 0), waiting until it has arrived. */
  readonly request: (index: number) => Effect.Effect<Request>
}>()("effect-llm-stream/testing/ReplayServer") {}

/**
 * A reply that streams chunks in a provider's wire format, its terminator included.
 *
 * @example
 * ```ts
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 *
 * const chunks = Answer.openai(Answer.make({ content: "Hello, world!" }))
 *
 * ReplayServer.stream(Wire.openai, chunks, { interval: "20 millis" })
 * ReplayServer.stream(Wire.openai, chunks, { fault: { kind: "reset", after: { events: 2 } } })
 * ```
 *
 * @category replies
 * @since 0.1.0
 */
export const stream = <C>(
  format: Wire.WireFormat<C>,
  chunks: ReadonlyArray<C>,
  options?: ReplyOptions
): Reply => reply(format.contentType, Wire.encode(format, chunks), options)

/**
 * A reply with any body: a recording, or events put together by hand. By default it has no `content-type` header.
 *
 * @example
 * ```ts
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 *
 * const [first, ...rest] = Wire.encode(Wire.openai, Answer.openai(Answer.make({ content: "Hello, world!" })))
 *
 * ReplayServer.bytes([...(first === undefined ? [] : [first]), Wire.comment("keepalive"), ...rest], {
 *   contentType: "text/event-stream"
 * })
 * ```
 *
 * @category replies
 * @since 0.1.0
 */
export const bytes = (
  body: Uint8Array | ReadonlyArray<Uint8Array>,
  options?: ReplyOptions
): Reply => reply(null, body instanceof Uint8Array ? [body] : body, options)

/**
 * A reply with a text, by default of type `text/plain`.
 *
 * @example
 * ```ts
 * import { ReplayServer } from "effect-llm-stream/testing"
 *
 * ReplayServer.text("<html>Sign in to this network</html>", { contentType: "text/html" })
 * ```
 *
 * @category replies
 * @since 0.1.0
 */
export const text = (body: string, options?: ReplyOptions): Reply =>
  reply("text/plain; charset=utf-8", [new TextEncoder().encode(body)], options)

/**
 * A reply with a JSON value, by default of type `application/json`: what providers answer with an error status.
 *
 * @example
 * ```ts
 * import { ReplayServer } from "effect-llm-stream/testing"
 *
 * ReplayServer.json({ error: { message: "Slow down", type: "requests", code: "rate_limit_exceeded" } }, {
 *   status: 429,
 *   headers: { "retry-after": "1" }
 * })
 * ```
 *
 * @category replies
 * @since 0.1.0
 */
export const json = (body: unknown, options?: ReplyOptions): Reply =>
  reply("application/json", [new TextEncoder().encode(JSON.stringify(body))], options)

const reply = (
  contentType: string | null,
  events: ReadonlyArray<Uint8Array>,
  options: ReplyOptions | undefined
): Reply => ({
  ...options,
  contentType: options?.contentType === undefined ? contentType : options.contentType,
  events
})

class ConnectionReset extends Data.TaggedError("ConnectionReset") {
  override readonly message = "The replay server broke the connection, as its script says"
}

const redactedNames = [...Headers.CurrentRedactedNames.defaultValue(), "api-key", "x-amz-security-token"]

interface Replay {
  readonly service: Pick<ReplayServer["Service"], "requests" | "request">
  readonly exchange: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>
}

/** What a socket needs. */
interface Socket {
  /** What was written goes out. */
  readonly flush: Effect.Effect<void>
  /** Waits until the server stops. */
  readonly stopped: Effect.Effect<void>
}

const replay = (script: Script, { check = true }: Options = {}, socket?: Socket): Replay => {
  const requests: Array<Request> = []
  const waiting = new Map<number, Deferred.Deferred<Request>>()
  const arrival = (index: number): Deferred.Deferred<Request> => {
    const known = waiting.get(index)
    if (known !== undefined) return known
    const deferred = Deferred.makeUnsafe<Request>()
    waiting.set(index, deferred)
    return deferred
  }

  return {
    service: {
      requests: Effect.sync(() => requests.slice()),
      request: (index) => Effect.suspend(() => Deferred.await(arrival(index)))
    },
    exchange: Effect.gen(function*() {
      const received = yield* HttpServerRequest.HttpServerRequest
      const body = yield* Effect.orElseSucceed(received.text, () => "")
      const closed = Deferred.makeUnsafe<Closed>()
      const request: Request = {
        method: received.method,
        path: pathOf(received.url),
        headers: Headers.redact(received.headers, redactedNames),
        body: parseJson(body),
        closed: Deferred.await(closed)
      }
      const index = requests.push(request) - 1
      yield* Deferred.succeed(arrival(index), request)
      return yield* respond(refusal(request, check) ?? replyAt(script, request, index), closed, socket)
    }).pipe(Effect.interruptible)
  }
}

const refusal = (request: Request, check: boolean | RequestCheck.Api): Reply | undefined => {
  if (check === false || request.method !== "POST") return undefined
  const api = check === true ? RequestCheck.apiOf(request) : check
  const finding = api === undefined ? undefined : RequestCheck.findings(api, request)[0]
  if (api === undefined || finding === undefined) return undefined
  const { body, headers, status } = RequestCheck.refusal(api, finding)
  return json(body, { status, headers })
}

const pathOf = (url: string): string => url.replace(/^[a-z]+:\/\/[^/]*/i, "")

const parseJson = (text: string): unknown => Result.getOrElse(Result.try((): unknown => JSON.parse(text)), () => text)

const respond = Effect.fnUntraced(function*(
  reply: Reply,
  closed: Deferred.Deferred<Closed>,
  socket: Socket | undefined
): Effect.fn.Return<HttpServerResponse.HttpServerResponse> {
  let bytes = 0
  let over = false
  const close = Effect.flatMap(
    Clock.currentTimeMillis,
    (at) => Deferred.succeed<Closed, never>(closed, { by: over ? "server" : "client", at, bytes })
  )
  const reads = Wire.split(until(reply.events, reply.fault), reply.reads ?? "events")
  const kind = reply.fault?.kind ?? "end"
  const flush = socket?.flush ?? Effect.void
  const body = Stream.fromIterable(reads).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((read, index) =>
      Effect.as(index === 0 ? Effect.void : reply.interval === undefined ? flush : Effect.sleep(reply.interval), read)
    ),
    Stream.tap((read) =>
      Effect.sync(() => {
        bytes += read.length
      })
    ),
    // Headers go out with the first write.
    Stream.concat(reads.length === 0 && kind !== "end" ? Stream.make(new Uint8Array()) : Stream.empty),
    Stream.concat(Stream.unwrap(Effect.gen(function*() {
      if (kind === "hang") return Stream.never
      yield* flush
      over = true
      return kind === "reset" ? Stream.fail(new ConnectionReset()) : Stream.empty
    }))),
    socket === undefined ? identity : Stream.interruptWhen(socket.stopped),
    Stream.ensuring(close)
  )
  if (reply.delay !== undefined) {
    yield* Effect.sleep(reply.delay).pipe(
      socket === undefined ? identity : Effect.raceFirst(socket.stopped),
      Effect.onInterrupt(() => close)
    )
  }
  const response = HttpServerResponse.setBody(
    HttpServerResponse.empty({ status: reply.status ?? 200, headers: reply.headers }),
    // Without any type it would be `application/octet-stream`.
    HttpBody.stream(body, reply.contentType ?? "")
  )
  return reply.contentType ? response : HttpServerResponse.removeHeader(response, "content-type")
})

const until = (events: ReadonlyArray<Uint8Array>, fault: Fault | undefined): ReadonlyArray<Uint8Array> => {
  const after = fault?.after
  if (after === undefined) return events
  return "events" in after
    ? events.slice(0, after.events)
    : [Wire.concat(events).subarray(0, after.bytes)]
}

/**
 * Starts a replay server on the platform's HTTP server. It stops at the end of the scope, responses under way included.
 *
 * @example
 * ```ts
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 *
 * const server = ReplayServer.make((request) => {
 *   const content = request.path.endsWith("/chat/completions") ? "Hello, world!" : "Who are you?"
 *   return ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content })))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  script: Script,
  options?: Options
): Effect.fn.Return<ReplayServer["Service"], never, HttpServer.HttpServer | Scope.Scope> {
  const server = yield* HttpServer.HttpServer
  const stopped = yield* Deferred.make<void>()
  const { exchange, service } = replay(script, options, { flush, stopped: Deferred.await(stopped) })
  yield* HttpServer.serveEffect(exchange)
  yield* Effect.addFinalizer(() => Deferred.succeed(stopped, undefined))
  return { ...service, url: urlOf(server.address) }
})

// Turns of the event loop, in which what was written goes out: each read in a packet of its own, as far as the network
// allows, and all of them before the connection breaks.
const flush = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

// A server that listens on all addresses is reached by the loopback one.
const urlOf = (address: NetAddress.SocketAddress): string =>
  HttpServer.formatAddress(address).replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")

/**
 * A layer with a replay server on the platform's HTTP server.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 * import { NodeHttpServer } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { createServer } from "node:http"
 *
 * const Server = ReplayServer.layer([
 *   ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hello, world!" })))
 * ]).pipe(Layer.provide(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 })))
 *
 * const OpenAiTest = Layer.unwrap(Effect.map(
 *   ReplayServer.ReplayServer,
 *   (server) => OpenAi.layer({ baseUrl: `${server.url}/v1` })
 * )).pipe(Layer.provide(FetchHttpClient.layer), Layer.provideMerge(Server))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  script: Script,
  options?: Options
): Layer.Layer<ReplayServer, never, HttpServer.HttpServer> => Layer.effect(ReplayServer, make(script, options))

/**
 * A layer with an HTTP client that answers from a script without a socket, whatever the address: for platforms that
 * cannot listen, and for tests that use `TestClock`. `url` is `http://replay.test`.
 *
 * @example
 * ```ts
 * import { OpenAi } from "effect-llm-stream"
 * import { Answer, ReplayServer, Wire } from "effect-llm-stream/testing"
 * import { Layer } from "effect"
 *
 * const OpenAiTest = OpenAi.layer({ baseUrl: "http://replay.test/v1" }).pipe(
 *   Layer.provideMerge(ReplayServer.layerHttpClient([
 *     ReplayServer.json({ error: { message: "Slow down" } }, { status: 429, headers: { "retry-after": "30" } }),
 *     ReplayServer.stream(Wire.openai, Answer.openai(Answer.make({ content: "Hello, world!" })))
 *   ]))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient = (
  script: Script,
  options?: Options
): Layer.Layer<HttpClient.HttpClient | ReplayServer> =>
  Layer.effectContext(Effect.sync(() => {
    const { exchange, service } = replay(script, options)
    const client = HttpClient.make((request) =>
      exchange.pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromClientRequest(request)
        ),
        Effect.map((response) => HttpServerResponse.toClientResponse(response, { request }))
      )
    )
    return Context.make(HttpClient.HttpClient, client).pipe(
      Context.add(ReplayServer, { ...service, url: "http://replay.test" })
    )
  }))
