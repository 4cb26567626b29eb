/**
 * The client of a log over HTTP: it follows an answer through broken connections to its end, and never reads a chunk twice.
 * It runs in Node and in browsers, and is also a `Provider`.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { AnyChunk } from "../AnyChunk.ts"
import type { ChatRequest } from "../ChatRequest.ts"
import * as Checks from "../engine/checks.ts"
import { fromHttp } from "../engine/clientError.ts"
import * as GivenOptions from "../engine/givenOptions.ts"
import { clean } from "../engine/redaction.ts"
import * as Secrets from "../engine/secrets.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import { maxEventSize } from "../wire/Sse.ts"
import * as Requests from "./requests.ts"
import { End } from "./state.ts"

/**
 * What a client gets: chunks, and where it is with them, and at last the end.
 *
 * @category models
 * @since 0.2.0
 */
export type Received =
  | { readonly _tag: "Chunks"; readonly offset: string; readonly chunks: ReadonlyArray<AnyChunk> }
  | { readonly _tag: "Ended"; readonly end: typeof End.Type }

/**
 * Why a client gave up.
 *
 * - `Refused`: the server said that it would not; `code` is its word, such as `NotFound`, `Gap`, `Expired`.
 * - `GaveUp`: it tried too often without getting anything.
 * - `Malformed`: what came can't be read.
 *
 * @example
 * ```ts
 * import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
 *
 * const error = new StreamLogClient.ClientError({ reason: "Refused", code: "NotFound", message: "no answer has this id" })
 * error.code // "NotFound"
 * ```
 *
 * @category errors
 * @since 0.2.0
 */
export class ClientError extends Schema.TaggedError<ClientError>()("ClientError", {
  reason: Schema.Literals(["Refused", "GaveUp", "Malformed"]),
  message: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  code: Schema.optionalKey(Schema.String)
}) {}

/**
 * How a client asks, and how long it tries.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface Options {
  /** Headers of every request, such as those that authorize it. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Attempts in a row that bring nothing. Default: 10. */
  readonly maxAttempts?: number | undefined
  /** Longest silence, heartbeats of the server included, after which the connection counts as broken. Default: 45 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
  /** The id of the last event that is there already, to go on from. Default: the start. */
  readonly offset?: string | undefined
}

/**
 * Follows the answer at a URL, or begins it with a request: the same id and an equal request never begin a second one.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
 *
 * const program = StreamLogClient.follow("http://localhost:3000/answers/a1", {
 *   request: { model: "gpt-4o-mini", prompt: "Say hello" }
 * }).pipe(Stream.runForEach((received) => Effect.log(received._tag)))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const follow = (
  url: string,
  options: Options & { readonly request?: ChatRequest | undefined } = {}
): Stream.Stream<Received, ClientError, HttpClient.HttpClient> =>
  Stream.unwrap(Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const { clean, headers, idleTimeout, maxAttempts, offset, request } = yield* settingsOf(url, options)
    const json = request === undefined
      ? undefined
      : yield* Effect.mapError(
        Effect.fromResult(Requests.toJson(request)),
        ({ message }) => new ClientError({ reason: "Refused", code: "InvalidRequest", message })
      )
    let last = offset
    let failures = 0
    let pause = 100
    // Smaller where connections are cut before a page has come.
    let page = 1024 * 1024
    const asked = (): HttpClientRequest.HttpClientRequest => {
      const fields = {
        ...headers,
        accept: "text/event-stream",
        ...(last === undefined ? undefined : { "last-event-id": last })
      }
      const options = { headers: fields, ...(page < 1024 * 1024 ? { urlParams: { page } } : undefined) }
      return json === undefined || last !== undefined
        ? HttpClientRequest.get(url, options)
        : HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url, options), json)
    }
    const broken = (why: string) => {
      failures += 1
      return failures < maxAttempts
        ? Stream.empty
        : Stream.fail(new ClientError({ reason: "GaveUp", message: `${failures} attempts brought nothing: ${why}` }))
    }
    const read = (response: HttpClientResponse.HttpClientResponse): Stream.Stream<Received, ClientError> => {
      const found: Array<Received | ClientError> = []
      const parser = Sse.makeParser((event) => {
        if (event._tag === "Retry") {
          pause = Duration.toMillis(event.duration)
          return
        }
        const received = decode(event)
        // What came before brings nothing.
        if (received === undefined || received._tag === "Chunks" && received.offset === last) return
        if (received._tag === "Chunks") last = received.offset
        failures = 0
        found.push(received)
      }, { maxEventSize })
      return response.stream.pipe(
        Stream.timeoutOrElse({ duration: idleTimeout, orElse: () => Stream.empty }),
        Stream.decodeText(),
        Stream.map((text) => {
          if (parser.feed(text) !== undefined) found.push(malformed)
          return found.splice(0)
        }),
        // What came before it is there already.
        Stream.catch(() => Stream.empty),
        Stream.flattenIterable,
        Stream.mapEffect((item) => item._tag === "ClientError" ? Effect.fail(item) : Effect.succeed(item))
      )
    }
    const attempt: Stream.Stream<Received, ClientError> = Stream.unwrap(
      Effect.gen(function*() {
        if (failures > 0) yield* Effect.sleep(Math.min(5000, pause * 2 ** (failures - 1)))
        // What brings nothing counts, until it brings something.
        const before = last
        const head = yield* Effect.timeoutOption(calling(url, headers, client.execute(asked())), idleTimeout)
        if (Option.isNone(head)) return broken("the server does not answer")
        const response = head.value
        if (response.status === 200 || response.status === 201) {
          return Stream.concat(
            read(response),
            Stream.suspend(() => {
              if (last !== before) return Stream.empty
              page = Math.max(1024, page / 16)
              return broken("the body ended")
            })
          )
        }
        const refused = yield* refusal(response)
        return isAway(response.status) ? broken(refused.message) : Stream.fail(refused)
      }).pipe(Effect.catchTag("HttpClientError", (error) => Effect.sync(() => broken(fromHttp(error).message))))
    )
    return attempt.pipe(
      Stream.repeat(Schedule.forever),
      Stream.takeUntil(({ _tag }) => _tag === "Ended"),
      Stream.map((received) =>
        received._tag === "Ended" ? { _tag: received._tag, end: cleanEnd(received.end, clean) } : received
      ),
      Stream.mapError((error) => cleanError(error, clean))
    )
  }))

/**
 * Stops the answer at a URL. Gives the end that was there already; `undefined` when it ran.
 *
 * @example
 * ```ts
 * import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
 *
 * const stop = StreamLogClient.cancel("http://localhost:3000/answers/a1")
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const cancel = Effect.fn("StreamLogClient.cancel")(function*(
  url: string,
  options: Pick<Options, "headers"> = {}
): Effect.fn.Return<typeof End.Type | undefined, ClientError, HttpClient.HttpClient> {
  const { clean, headers, idleTimeout } = yield* settingsOf(url, options)
  const silent = () => Effect.fail(new ClientError({ reason: "GaveUp", message: "the server does not answer" }))
  const stopped = Effect.gen(function*() {
    const response = yield* calling(url, headers, HttpClient.del(url, { headers })).pipe(
      Effect.mapError((error) => new ClientError({ reason: "GaveUp", message: fromHttp(error).message })),
      Effect.timeoutOrElse({ duration: idleTimeout, orElse: silent })
    )
    if (response.status !== 200 && response.status !== 202) {
      return yield* Effect.flatMap(refusal(response), Effect.fail)
    }
    const { end } = yield* Effect.mapError(
      Effect.flatMap(bodyOf(response), Schema.decodeEffect(Schema.fromJsonString(Stopped))),
      () => malformed
    )
    return end === null ? undefined : cleanEnd(end, clean)
  })
  return yield* Effect.mapError(stopped, (error) => cleanError(error, clean))
})

const cleanError = (
  { code, message, reason, status }: ClientError,
  clean: (text: string) => string
): ClientError =>
  new ClientError({
    reason,
    message: clean(message),
    ...(status === undefined ? undefined : { status }),
    ...(code === undefined ? undefined : { code: clean(code) })
  })

const cleanEnd = (end: typeof End.Type, clean: (text: string) => string): typeof End.Type =>
  end._tag === "Failed" ? { ...end, reason: clean(end.reason), message: clean(end.message) } : end

const settingsOf = (url: string, stated: Options & { readonly request?: ChatRequest | undefined }) =>
  Effect.mapError(
    Effect.fromResult(Result.gen(function*() {
      yield* Checks.given("url", "a text", () => url, Predicate.isString)
      if (hasPassword(url)) return yield* Result.fail("`url` has a user name or password in it: send them in a header")
      const { headers, idleTimeout = "45 seconds", maxAttempts = 10, offset, request } = yield* Checks.copied(stated)
      const texts = yield* Checks.given("headers", "texts or redacted texts", () => revealed(headers), areTexts)
      return {
        headers: texts,
        /** Cuts out what is secret of a request, should a server or a proxy repeat it. */
        clean: (text: string): string => clean(text, [...Secrets.ofUrl(url), ...Secrets.ofHeaders(headers ?? {})]),
        idleTimeout: yield* Checks.duration("idleTimeout", idleTimeout),
        maxAttempts: yield* Checks.count("maxAttempts", maxAttempts, { least: 1, unlimited: true }),
        offset: yield* Checks.given("offset", "a text", () => offset, (offset) => areTexts([offset ?? ""])),
        request
      }
    })),
    (message) => new ClientError({ reason: "Refused", code: "InvalidRequest", message })
  )

// The client would show them in its errors.
const hasPassword = (url: string): boolean => {
  const { password = "", username = "" } = URL.canParse(url) ? new URL(url) : {}
  return username !== "" || password !== ""
}

// No other text can be the value of a header.
const areTexts = (values: unknown): boolean =>
  Predicate.isObjectOrArray(values) &&
  Object.values(values).every((value) => Predicate.isString(value) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value))

/** What authorizes a request goes to no other server, and into no span: those of the client keep the request. */
const calling = <A, E, R>(url: string, headers: Readonly<Record<string, string>>, self: Effect.Effect<A, E, R>) =>
  Effect.updateContext(self, (context: Context.Context<R>) =>
    context.pipe(
      Context.add(FetchHttpClient.RequestInit, {
        redirect: "manual",
        ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit))
      }),
      Context.add(HttpClient.TracerDisabledWhen, () => Object.keys(headers).length > 0 || url.includes("?"))
    ))

/** A body other than a stream of events is short, and comes soon. */
const bodyOf = (response: HttpClientResponse.HttpClientResponse) => {
  let size = 0
  return response.stream.pipe(
    Stream.decodeText(),
    Stream.takeWhile((text) => (size += text.length) <= 64 * 1024),
    Stream.mkString,
    Effect.timeout("5 seconds")
  )
}

/**
 * A provider whose answers a log keeps: each stream begins an answer under a random id and follows it to its end.
 *
 * `Failed` becomes a `ProviderError` with the same reason; `Lost` is an `IncompleteStream`, and `Cancelled` an `Unknown` with the
 * code `Cancelled`. A stream that is interrupted leaves the answer running.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
 * import { FetchHttpClient } from "effect/http"
 *
 * const provider = StreamLogClient.make({ url: "http://localhost:3000/answers" }).pipe(
 *   Effect.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*(
  stated: ProviderOptions
): Effect.fn.Return<Provider.Service<AnyChunk>, never, HttpClient.HttpClient> {
  const checked = GivenOptions.checked(stated)
  if (Result.isFailure(checked)) return Checks.refusing("stream-log", checked.failure)
  const { provider = "stream-log", url, ...options } = checked.success
  const context = yield* Effect.context<HttpClient.HttpClient>()
  return {
    name: provider,
    stream: (request) =>
      Stream.unwrap(Effect.map(Requests.token, (id) => {
        let emitted = false
        const failed = (reason: ProviderError.Reason) =>
          Effect.fail(new ProviderError.ProviderError({ provider, reason, emitted }))
        return follow(url.replace(/(?=\?|$)/, `/${id}`), { ...options, request }).pipe(
          Stream.provideContext(context),
          Stream.mapEffect((received) => {
            if (received._tag === "Ended") {
              const reason = reasonOf(received.end)
              return reason === undefined ? Effect.succeed([]) : failed(reason)
            }
            emitted = true
            return Effect.succeed(received.chunks)
          }),
          Stream.catchTag("ClientError", (error) => Stream.fromEffect(failed(reasonOfError(error)))),
          Stream.flattenIterable
        )
      }))
  }
})

/**
 * The options of {@link make}.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface ProviderOptions extends Omit<Options, "offset"> {
  /** The URL of the answers, to which ids are added, such as `https://example.com/answers`. */
  readonly url: string
  /** The name that errors state. Default: `stream-log`. */
  readonly provider?: string | undefined
}

/**
 * A layer with the common `Provider` of a log. See {@link make}.
 *
 * @example
 * ```ts
 * import * as StreamLogClient from "effect-llm-stream/log/StreamLogClient"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const layer = StreamLogClient.layer({ url: "http://localhost:3000/answers" }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: ProviderOptions): Layer.Layer<Provider.Provider, never, HttpClient.HttpClient> =>
  Layer.effect(Provider.Provider, make(options))

// ---------------------------------------------------------------------------------------------------------------------
// What comes
// ---------------------------------------------------------------------------------------------------------------------

const Stopped = Schema.Struct({ end: Schema.NullOr(Schema.toCodecJson(End)) })

const decodeChunks = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Array(Schema.toCodecJson(AnyChunk))))
const decodeEnd = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.toCodecJson(End)))
const decodeRefusal = Schema.decodeOption(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ _tag: Schema.String, message: Schema.String }) }))
)

const malformed = new ClientError({
  reason: "Malformed",
  message: "the server sent something other than an event of a log"
})

const decode = ({ data, event, id }: Sse.Event): Received | ClientError | undefined => {
  if (event === "end") {
    return Result.match(decodeEnd(data), {
      onFailure: () => malformed,
      onSuccess: (end) => ({ _tag: "Ended", end })
    })
  }
  // What a later version of the server may send.
  if (event !== "message" || id === undefined) return undefined
  return Result.match(decodeChunks(data), {
    onFailure: () => malformed,
    onSuccess: (chunks) => ({ _tag: "Chunks", offset: id, chunks })
  })
}

const revealed = (headers: Options["headers"] = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : Redacted.value(value)])
  )

/** Servers that restart, and proxies that don't reach them. */
const isAway = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500

const refusal = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<ClientError> =>
  bodyOf(response).pipe(
    Effect.option,
    Effect.map((text) => {
      const error = Option.getOrUndefined(Option.flatMap(text, decodeRefusal))?.error
      return new ClientError({
        reason: "Refused",
        status: response.status,
        message: error?.message ?? `the server answered ${response.status}`,
        ...(error === undefined ? undefined : { code: error._tag })
      })
    })
  )

const decodeReason = Schema.decodeUnknownOption(ProviderError.Reason)

const reasonOf = (end: typeof End.Type): ProviderError.Reason | undefined => {
  switch (end._tag) {
    case "Done":
      return undefined
    case "Failed":
      return Option.getOrElse(
        decodeReason({ _tag: end.reason, message: end.message }),
        () => new ProviderError.Unknown({ message: end.message, code: end.reason })
      )
    case "Cancelled":
      return new ProviderError.Unknown({ message: "the answer was stopped", code: "Cancelled" })
    case "Lost":
      return new ProviderError.IncompleteStream({ message: "the server that produced the answer died", code: "Lost" })
  }
}

const reasonOfError = ({ code, message, reason, status }: ClientError): ProviderError.Reason => {
  const fields = {
    message,
    ...(code === undefined ? undefined : { code }),
    ...(status === undefined ? undefined : { status })
  }
  return reason === "GaveUp"
    ? new ProviderError.Network(fields)
    : reason === "Malformed"
    ? new ProviderError.Unknown(fields)
    : ProviderError.classify({ ...fields }, { codes: { InvalidRequest: "InvalidRequest", NotFound: "NotFound" } })
}
