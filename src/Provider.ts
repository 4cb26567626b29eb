/**
 * The common service, and the pieces that make a provider: a protocol (how the body's events become chunks), a route
 * (where a request goes and with which credentials) and a policy (timeouts and retries).
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "./ChatRequest.ts"
import type * as Chunk from "./Chunk.ts"
import * as HttpFailure from "./engine/httpFailure.ts"
import * as ResponseBody from "./engine/responseBody.ts"
import * as ProviderError from "./ProviderError.ts"

/**
 * Any provider: a program written against this service changes provider by changing a layer.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" }).pipe(
 *     ChunkStream.text,
 *     Stream.mkString
 *   )
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Provider extends Context.Service<Provider, {
  /** The provider's name, as its chunks and errors state it. */
  readonly name: string
  /** Streams one chat completion. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: ChatRequest) => Stream.Stream<Chunk.Chunk, ProviderError.ProviderError>
}>()("effect-llm-stream/Provider") {}

/**
 * What is known of a response before its body: some providers state these nowhere else.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResponseInfo {
  /** The provider's id of the request, from the response's headers. */
  readonly requestId?: string | undefined
  /** The model that was asked for. */
  readonly model?: string | undefined
  /** The cloud region that the request was sent to. */
  readonly region?: string | undefined
  /** The service tier that served the request, from the response's headers. */
  readonly serviceTier?: string | undefined
  /** The latency that the request was served with (`standard`, `optimized`), from the response's headers. */
  readonly latency?: string | undefined
}

/**
 * Turns the bytes of one body into wire events, incrementally.
 *
 * @category models
 * @since 0.1.0
 */
export interface Framing<Event> {
  /** Media types of the bodies that it reads. */
  readonly contentTypes: ReadonlyArray<string>
  readonly make: () => {
    readonly push: (read: Uint8Array) => ReadonlyArray<Event>
    readonly end: () => ReadonlyArray<Event>
    /** Why nothing more can be framed; the events given out before still count. */
    readonly failure: { readonly message: string } | undefined
  }
  /** The event of one line of a `.jsonl` recording, which holds payloads without framing. */
  readonly fromLine: (line: string) => Event
}

/**
 * Turns the wire events of one response into chunks. Its only state is what it takes to tell a finished response from
 * one that was cut off.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventDecoder<Event, C> {
  /** Appends the event's chunks to `out`; returns the reason when the event is, or states, a failure. */
  readonly event: (event: Event, out: Array<C>) => ProviderError.Reason | undefined
  /** True once the terminal signal has come: the rest of the body, if any, is not read. */
  readonly done: boolean
  /** Called when the body ends on its own: the reason when the response is then incomplete. */
  readonly end: () => ProviderError.Reason | undefined
}

/**
 * Turns the reads of one body into chunks; all the work of a read is done synchronously.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyDecoder<C> {
  readonly push: (read: Uint8Array) => ReadonlyArray<C>
  readonly end: () => ReadonlyArray<C>
  /** Set once; the chunks that the same call returned come before it. */
  readonly failure: ProviderError.Reason | undefined
  readonly done: boolean
}

/**
 * How a provider's API talks: everything that does not depend on where a request goes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Protocol<C> {
  readonly provider: string
  readonly contentTypes: ReadonlyArray<string>
  /** A decoder for a body in the provider's own framing. */
  readonly body: (info: ResponseInfo) => BodyDecoder<C>
  /** A decoder for a body with one payload a line. */
  readonly lines: (info: ResponseInfo) => BodyDecoder<C>
  readonly errors: ProviderError.Table
}

/**
 * Makes a protocol from a framing and an event decoder.
 *
 * @example
 * ```ts
 * import { OpenAiChunk, Provider, Sse } from "effect-llm-stream"
 *
 * // A host that sends one word an event and nothing else.
 * const words = Provider.protocol<Sse.Event, OpenAiChunk>({
 *   provider: "words",
 *   framing: {
 *     contentTypes: ["text/event-stream"],
 *     make: () => Sse.make(),
 *     fromLine: (line) => ({ event: undefined, data: line, unterminated: false })
 *   },
 *   events: () => ({
 *     event: ({ data }, out) => {
 *       out.push(new OpenAiChunk({ provider: "words", chunk: { choices: [{ index: 0, delta: { content: data } }] } }))
 *       return undefined
 *     },
 *     done: false,
 *     end: () => undefined
 *   }),
 *   errors: { codes: {} }
 * })
 * words.provider // "words"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <Event, C>(options: {
  readonly provider: string
  readonly framing: Framing<Event>
  readonly events: (info: ResponseInfo) => EventDecoder<Event, C>
  readonly errors: ProviderError.Table
}): Protocol<C> => ({
  provider: options.provider,
  contentTypes: options.framing.contentTypes,
  errors: options.errors,
  body: (info) => bodyDecoder(options.framing.make(), options.events(info)),
  lines: (info) => bodyDecoder(lineFraming(options.framing.fromLine), options.events(info))
})

const bodyDecoder = <Event, C>(
  framing: ReturnType<Framing<Event>["make"]>,
  events: EventDecoder<Event, C>
): BodyDecoder<C> => {
  let failure: ProviderError.Reason | undefined
  let count = 0
  const decode = (framed: ReadonlyArray<Event>): ReadonlyArray<C> => {
    const out: Array<C> = []
    for (const event of framed) {
      if (events.done || failure !== undefined) return out
      failure = events.event(event, out)
      count++
    }
    if (framing.failure !== undefined && failure === undefined && !events.done) {
      failure = new ProviderError.MalformedEvent({
        message: framing.failure.message,
        event: count,
        path: [],
        excerpt: ""
      })
    }
    return out
  }
  return {
    push: (read) => decode(framing.push(read)),
    end: () => {
      const out = decode(framing.end())
      if (failure === undefined && !events.done) failure = events.end()
      return out
    },
    get failure() {
      return failure
    },
    get done() {
      return events.done
    }
  }
}

const lineFraming = <Event>(fromLine: (line: string) => Event): ReturnType<Framing<Event>["make"]> => {
  const utf8 = new TextDecoder()
  // Pieces of the line that the last read left unfinished, joined once when it ends: appending would be quadratic.
  let pending: Array<string> = []
  const events = (text: string) => text.split(/\r\n|\n/).filter((line) => line.trim() !== "").map(fromLine)
  return {
    push: (read) => {
      const text = utf8.decode(read, { stream: true })
      const end = text.lastIndexOf("\n")
      if (end === -1) {
        pending.push(text)
        return []
      }
      const lines = [...pending, text.slice(0, end)].join("")
      pending = [text.slice(end + 1)]
      return events(lines)
    },
    end: () => events([...pending, utf8.decode()].join("")),
    failure: undefined
  }
}

/**
 * Decodes a body into chunks: one array of chunks for each read, what was decoded before a failure always first.
 *
 * @example
 * ```ts
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Stream } from "effect"
 *
 * declare const recording: Stream.Stream<Uint8Array>
 *
 * const chunks = recording.pipe(Provider.decode(OpenAi.protocol()))
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = <C>(protocol: Protocol<C>, options?: {
  readonly info?: ResponseInfo | undefined
  /** `lines` for a recording with one payload a line. Default: the provider's own framing. */
  readonly framing?: "body" | "lines" | undefined
}) =>
<E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<C, E | ProviderError.ProviderError, R> =>
  Stream.transformPull(bytes, (pull) =>
    Effect.sync(() => {
      const progress = { emitted: false }
      return chunkPull(protocol, protocol[options?.framing ?? "body"](options?.info ?? {}), pull, progress)
    }))

interface Progress {
  emitted: boolean
}

type ChunkPull<C, E, R> = Pull.Pull<Arr.NonEmptyReadonlyArray<C>, E | ProviderError.ProviderError, void, R>

const chunkPull = <C, E, R>(
  protocol: Protocol<C>,
  decoder: BodyDecoder<C>,
  pull: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>,
  progress: Progress
): ChunkPull<C, E, R> => {
  let ended = false
  const read = Pull.catchDone(
    Effect.map(pull, (reads) => {
      const [only] = reads
      return reads.length === 1 && only !== undefined
        ? decoder.push(only)
        : reads.flatMap((bytes) => decoder.push(bytes))
    }),
    () =>
      Effect.sync(() => {
        ended = true
        return decoder.end()
      })
  )
  const next: ChunkPull<C, E, R> = Effect.suspend(() => {
    if (decoder.failure !== undefined) {
      return Effect.fail(
        new ProviderError.ProviderError({
          provider: protocol.provider,
          reason: decoder.failure,
          emitted: progress.emitted
        })
      )
    }
    if (ended || decoder.done) return Cause.done()
    return Effect.flatMap(read, (chunks) => {
      if (!Arr.isReadonlyArrayNonEmpty(chunks)) return next
      progress.emitted = true
      return Effect.succeed(chunks)
    })
  })
  return next
}

/**
 * Where one request goes: the request with its credentials, and what must not show in an error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Route<C> {
  readonly protocol: Protocol<C>
  /** Made anew for every attempt, so that credentials are fresh and signatures valid. */
  readonly request: Effect.Effect<HttpClientRequest.HttpClientRequest, ProviderError.ProviderError>
  readonly info: ResponseInfo
  /** Values that are cut out of whatever the provider echoes. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/**
 * Timeouts and retries of a provider.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Policy {
  /** Longest wait from sending the request to the first byte of the body. Default: 4 minutes. */
  readonly firstByteTimeout?: Duration.Input | undefined
  /** Longest wait between two reads of the body; comments and heartbeats count as activity. Default: 2 minutes. */
  readonly idleTimeout?: Duration.Input | undefined
  /** Attempts after the first one, made only while no chunk has been delivered. Default: 2. */
  readonly maxRetries?: number | undefined
  /**
   * Longest pause before another attempt; when the provider asks for more, the error is given out at once.
   * Default: 60 seconds.
   */
  readonly maxRetryDelay?: Duration.Input | undefined
  /** Whether trace headers (`traceparent`, `b3`) go to the provider. Default: `false`. */
  readonly propagateTrace?: boolean | undefined
}

/**
 * Sends a request and decodes its response. A failed attempt is repeated, as far as the policy allows it and the error
 * is retryable, until the first chunk has been delivered; never after that.
 *
 * @example
 * ```ts
 * import { OpenAiCompatible, Provider } from "effect-llm-stream"
 * import { Effect, Stream } from "effect"
 * import { HttpClient, HttpClientRequest } from "effect/http"
 *
 * const chunks = Stream.unwrap(Effect.gen(function*() {
 *   const client = yield* HttpClient.HttpClient
 *   return Provider.stream(client, {
 *     protocol: OpenAiCompatible.protocol({ provider: "local" }),
 *     request: Effect.succeed(
 *       HttpClientRequest.post("http://localhost:8000/v1/chat/completions").pipe(
 *         HttpClientRequest.bodyJsonUnsafe({ model: "llama", stream: true, messages: [{ role: "user", content: "Hi" }] })
 *       )
 *     ),
 *     info: { model: "llama" },
 *     secrets: []
 *   }, { idleTimeout: "30 seconds", maxRetries: 0 })
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = <C>(
  client: HttpClient.HttpClient,
  route: Route<C>,
  policy: Policy = {}
): Stream.Stream<C, ProviderError.ProviderError> =>
  Stream.fromChannel(
    Channel.fromTransform((_upstream, scope) =>
      Effect.sync(() => {
        let pull: ChunkPull<C, never, never> | undefined
        const first = Effect.map(openWithRetries(client, route, policy, scope), (opened) => {
          pull = opened.pull
          return opened.first
        })
        return Effect.suspend(() => pull ?? first)
      })
    )
  )

interface Opened<C> {
  readonly first: Arr.NonEmptyReadonlyArray<C>
  readonly pull: ChunkPull<C, never, never>
}

const openWithRetries = <C>(
  client: HttpClient.HttpClient,
  route: Route<C>,
  policy: Policy,
  scope: Scope.Scope
): Pull.Pull<Opened<C>, ProviderError.ProviderError> => {
  const maxRetries = policy.maxRetries ?? 2
  const maxDelay = Duration.toMillis(Duration.fromInputUnsafe(policy.maxRetryDelay ?? Duration.seconds(60)))
  const attempt = (retries: number): Pull.Pull<Opened<C>, ProviderError.ProviderError> =>
    Effect.gen(function*() {
      const attemptScope = yield* Scope.fork(scope)
      return yield* openOnce(client, route, policy, attemptScope).pipe(
        // The socket of a failed attempt is closed before the pause, not at the end of the stream.
        Effect.onError((cause) => Scope.close(attemptScope, Exit.failCause(cause)))
      )
    }).pipe(
      Effect.catchTag("ProviderError", (error) => {
        if (retries >= maxRetries || !error.isRetryable || error.emitted) return Effect.fail(error)
        return Effect.flatMap(pause(error, retries), (millis) =>
          millis > maxDelay
            ? Effect.fail(error)
            : Effect.andThen(Effect.sleep(Duration.millis(millis)), attempt(retries + 1)))
      })
    )
  return attempt(0)
}

// What the provider asks for, else 0.5 s doubled per attempt and capped at 8 s, with up to a quarter of jitter.
const pause = (error: ProviderError.ProviderError, retries: number): Effect.Effect<number> =>
  error.retryAfter !== undefined
    ? Effect.succeed(Duration.toMillis(error.retryAfter))
    : Effect.map(Random.next, (random) => Math.min(500 * 2 ** retries, 8000) * (1 - random / 4))

const openOnce = Effect.fnUntraced(function*<C>(
  client: HttpClient.HttpClient,
  route: Route<C>,
  policy: Policy,
  scope: Scope.Scope
): Effect.fn.Return<Opened<C>, ProviderError.ProviderError | Cause.Done> {
  const { protocol } = route
  const progress: Progress = { emitted: false }
  const fail = (reason: ProviderError.Reason) =>
    new ProviderError.ProviderError({
      provider: protocol.provider,
      reason: HttpFailure.scrub(reason, route.secrets),
      emitted: progress.emitted
    })
  const timedOut = (kind: ProviderError.Timeout["kind"], duration: Duration.Duration) =>
    fail(
      new ProviderError.Timeout({
        kind,
        message: `No byte ${kind === "idle" ? "since the last one" : "of the response"} within ${
          Duration.format(duration)
        }`
      })
    )
  const firstByteTimeout = Duration.fromInputUnsafe(policy.firstByteTimeout ?? Duration.minutes(4))
  const idleTimeout = Duration.fromInputUnsafe(policy.idleTimeout ?? Duration.minutes(2))

  const [response, bytes, firstRead] = yield* Effect.gen(function*() {
    const request = yield* route.request
    const secretHeaders = HttpFailure.secretHeaders(request.headers, route.secrets)
    const response = yield* client.execute(request).pipe(
      Effect.provideService(HttpClient.TracerPropagationEnabled, policy.propagateTrace ?? false),
      Effect.updateService(Headers.CurrentRedactedNames, (names) => [...names, ...secretHeaders]),
      Effect.mapError((error) => fail(HttpFailure.fromClient(error)))
    )
    const bytes = yield* ResponseBody.pull(response, scope, {
      idleTimeout,
      onIdle: () => timedOut("idle", idleTimeout),
      onError: (error) => fail(HttpFailure.fromClient(error))
    })
    const firstRead = yield* Pull.catchDone(bytes, () => Effect.succeed([]))
    return [response, bytes, firstRead] as const
  }).pipe(Effect.timeoutOrElse({
    duration: firstByteTimeout,
    orElse: () => Effect.fail(timedOut("firstByte", firstByteTimeout))
  }))

  let head: ReadonlyArray<Uint8Array> = firstRead
  while (head.length > 0 && HttpFailure.isUndecided(response, protocol.contentTypes, head)) {
    const more = yield* Pull.catchDone(bytes, () => Effect.succeed([]))
    if (more.length === 0) break
    head = [...head, ...more]
  }
  const reads = replayFirst(head, bytes)
  const refusal = HttpFailure.refusal(response, protocol.contentTypes, head)
  if (refusal !== undefined) {
    // Before it is cut to an excerpt, which may end within a secret.
    const body = HttpFailure.clean(yield* HttpFailure.readText(reads), route.secrets)
    const now = yield* Clock.currentTimeMillis
    return yield* fail(refusal({ body, now, table: protocol.errors }))
  }
  const info: ResponseInfo = {
    ...route.info,
    requestId: HttpFailure.requestId(response.headers),
    region: HttpFailure.region(response.headers) ?? route.info.region,
    // AWS states them here for bodies that are in a model's own format.
    serviceTier: response.headers["x-amzn-bedrock-service-tier"],
    latency: response.headers["x-amzn-bedrock-performanceconfig-latency"]
  }
  const scrubbed = Effect.mapError(
    chunkPull(protocol, protocol.body(info), reads, progress),
    (error) => Cause.isDone(error) ? error : fail(HttpFailure.withRequestId(error.reason, info.requestId))
  )
  return { first: yield* scrubbed, pull: scrubbed }
})

const replayFirst = <A, E, R>(
  first: ReadonlyArray<A>,
  pull: Pull.Pull<ReadonlyArray<A>, E, void, R>
): Pull.Pull<ReadonlyArray<A>, E, void, R> => {
  let replayed = first.length === 0
  return Effect.suspend(() => {
    if (replayed) return pull
    replayed = true
    return Effect.succeed(first)
  })
}
