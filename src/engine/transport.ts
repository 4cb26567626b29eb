import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as ProviderError from "../errors/providerError.ts"
import { defined } from "../internal/defined.ts"
import { isUnexplained } from "../wire/fault.ts"
import { CurrentHeads, CurrentWatchers, type Sent } from "./call.ts"
import type { Client } from "./definition.ts"
import { type Head, headOf, isEvident, isOk, requestId } from "./head.ts"
import type { Later } from "./later.ts"
import type * as Opening from "./opening.ts"
import { failure } from "./plan.ts"
import * as Protocol from "./protocol.ts"
import * as ResponseBody from "./responseBody.ts"
import * as Secrets from "./secrets.ts"
import { inTime, millis } from "./watch.ts"

/** @internal */
export interface Attempt {
  readonly request: HttpClientRequest.HttpClientRequest
  /** Names of the headers whose values must not show in a span. */
  readonly secretHeaders: ReadonlyArray<string>
  /** Values that are cut out of whatever the provider echoes. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** @internal */
export type Seldom = NonNullable<Effect.Success<Later["seldom"]>>

/**
 * Whether a chunk brings what `contentTimeout` waits for.
 *
 * @internal
 */
export type HasContent<C> = (seldom: Seldom) => (chunk: C) => boolean

/** @internal */
export interface Route<C> {
  readonly protocol: Protocol.Protocol<C>
  /** Run for every attempt, so that credentials are fresh and signatures valid. */
  readonly attempt: Effect.Effect<Attempt, ProviderError.Reason>
  /** Whether it asks for a completion, which is billed once it has been sent. */
  readonly isPaid: boolean
  /** Facts about the response that are known before it comes. */
  readonly info: Protocol.ResponseInfo
  readonly connections: ResponseBody.Connections
  /** What is loaded with the first request that needs it. */
  readonly seldom: Later["seldom"]
  readonly hasContent: HasContent<C>
  /** Shared by calls that make one stream together, so that one `totalTimeout` is that of all. Default: the call alone. */
  readonly clock?: Started | undefined
}

/** @internal */
export interface Started {
  /** Monotonic milliseconds; `undefined` before the first call. */
  at: number | undefined
}

/** @internal */
export interface Policy {
  readonly firstByteTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly contentTimeout: Duration.Duration
  readonly totalTimeout: Duration.Duration
  readonly maxRetries: number
  readonly maxRetryDelay: Duration.Duration
  readonly propagateTrace: boolean
}

/**
 * What a stream does when it is run.
 *
 * @internal
 */
export interface Planned<C> {
  readonly route: Route<C>
  readonly policy: Policy
  /** Runs before the request is sent. */
  readonly before: Effect.Effect<void> | undefined
}

/**
 * Sends a request and decodes its response. A failed attempt is repeated, as far as the policy allows it and the error
 * is retryable, until the first chunk has been delivered; never after that.
 *
 * @internal
 */
export const open = <C>(
  client: Client,
  plan: (context: Context.Context<never>) => Effect.Effect<Planned<C>, ProviderError.ProviderError>
): Opening.Open<C, ProviderError.ProviderError> =>
(scope) =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.flatMap(plan(context), (planned) => {
      const { before, policy, route } = planned
      const clock = Context.get(context, Clock.Clock)
      const started = route.clock ?? { at: undefined }
      started.at ??= millis(clock)
      const opening = openWithRetries(client, planned, scope, context)
      const opened = before === undefined ? opening : Effect.andThen(before, opening)
      if (!isLimited(policy.totalTimeout) && !isLimited(policy.contentTimeout)) return opened
      const since = started.at
      return Effect.flatMap(route.seldom, (seldom) => {
        if (seldom === undefined) {
          const reason = new ProviderError.Unknown({ message: missing("keeps time limits") })
          return Effect.fail(failure(route, reason))
        }
        return seldom.inTotal(opened, route.protocol.provider, clock, since, policy.totalTimeout)
      })
    })
  )

const isLimited = (duration: Duration.Duration): boolean => Duration.toMillis(duration) !== Number.POSITIVE_INFINITY

const missing = (part: string): string =>
  `The part of the library that ${part} can't be loaded: are all its files there?`

type Opened<C> = Opening.Opened<C, ProviderError.ProviderError>

const openWithRetries = <C>(
  client: Client,
  { policy, route }: Planned<C>,
  scope: Scope.Scope,
  context: Context.Context<never>
): Pull.Pull<Opened<C>, ProviderError.ProviderError> => {
  const maxDelay = Duration.toMillis(policy.maxRetryDelay)
  const socket = new Socket(route.connections)
  const { close } = socket
  const attempt = (retries: number): Pull.Pull<Opened<C>, ProviderError.ProviderError> =>
    Effect.catchTag(openOnce(client, route, policy, socket, context), "ProviderError", (error) => {
      const isLast = retries >= policy.maxRetries || !error.isRetryable
      const pause = Effect.flatMap(
        route.seldom,
        (seldom) => seldom?.beforeRetry(error, retries, maxDelay, watchers) ?? Effect.sleep(Math.min(500, maxDelay))
      )
      // The socket of a failed attempt is closed before the pause, not at the end of the stream.
      return Effect.andThen(close, isLast ? Effect.fail(error) : Effect.andThen(pause, attempt(retries + 1)))
    })
  const watchers = Context.get(context, CurrentWatchers)
  for (const watcher of watchers) watcher.retries ??= 0
  return Effect.andThen(
    Effect.andThen(Scope.addFinalizer(scope, close), ResponseBody.awaitConnection(route.connections)),
    attempt(0)
  )
}

/** What came within the timeout of the first byte. */
interface Answer {
  readonly response: Head
  readonly compression: string | undefined
  readonly body: ResponseBody.Body<ProviderError.ProviderError>
  readonly firstRead: ReadonlyArray<Uint8Array>
}

/** What is known of an attempt as long as its stream is open: all that its later pulls and its end hold. */
class Known implements Protocol.Progress, ResponseBody.Options<ProviderError.ProviderError> {
  readonly #provider: string
  readonly seldom: Later["seldom"]
  readonly idleTimeout: Duration.Duration
  emitted = false
  isRefused = false
  decoder: Protocol.BodyDecoder<unknown> | undefined
  requestId: string | undefined
  secrets: Attempt["secrets"] = []

  constructor(provider: string, seldom: Later["seldom"], idleTimeout: Duration.Duration) {
    this.#provider = provider
    this.seldom = seldom
    this.idleTimeout = idleTimeout
  }

  /**
   * Fails with the reason of a fault, without the caller's secrets. Where what tells it can't be loaded, only a reason that is
   * known and holds none is told.
   */
  readonly fail = (fault: Protocol.Fault): Effect.Effect<never, ProviderError.ProviderError> =>
    Effect.flatMap(
      Effect.flatMap(this.seldom, (seldom) => {
        if (seldom !== undefined) return seldom.told(fault, this.secrets, this.requestId)
        const isTold = !isUnexplained(fault) && !Secrets.mayHold([fault.message, fault], this.secrets)
        return Effect.succeed(
          isTold ? fault : new ProviderError.Unknown({
            message: missing("reads failures"),
            ...defined({ requestId: this.requestId })
          })
        )
      }),
      (reason) =>
        Effect.fail(new ProviderError.ProviderError({ provider: this.#provider, reason, emitted: this.emitted }))
    )

  /** What the headers of an answer say of it, without the caller's secrets. */
  info(headers: Headers.Headers, names: Protocol.ResponseHeaders): Effect.Effect<Protocol.ResponseInfo> {
    return Secrets.cleaned(this.secrets, this.seldom, (clean) => {
      const id = requestId(headers, names)
      return {
        ...names.info?.(Headers.fromInput(
          Object.entries(headers).map(([name, value]) => [name, String(clean(value))] as const)
        )),
        requestId: id && String(clean(id))
      }
    })
  }
}

/**
 * The open body of a stream, if it has one. Open streams hold it, and so it is a class: a closure would hold what made their
 * requests as well.
 */
class Socket {
  readonly #connections: ResponseBody.Connections
  #body: ResponseBody.Body<ProviderError.ProviderError> | undefined
  #known: Known | undefined

  constructor(connections: ResponseBody.Connections) {
    this.#connections = connections
  }

  open(body: ResponseBody.Body<ProviderError.ProviderError>, known: Known): void {
    this.#connections.open++
    this.#body = body
    this.#known = known
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const body = this.#body
    if (body === undefined) return Effect.void
    this.#body = undefined
    const { decoder, isRefused = false } = this.#known ?? {}
    // The rest of what is complete only delays the next use of the connection.
    const isComplete = isRefused || decoder?.done === true && decoder.failure === undefined
    return ResponseBody.close(body, this.#connections, isComplete)
  })
}

/** Why a response is refused when what reads its body can't be loaded. */
const unread = ({ headers, status }: Head, names: Protocol.ResponseHeaders): ProviderError.Reason => {
  const message = `HTTP ${status}. ${missing("reads failures")}`
  const Reason = status === 429
    ? ProviderError.RateLimited
    : status < 500
    ? ProviderError.Unknown
    : ProviderError.ServerError
  return new Reason({ message, status, ...defined({ requestId: requestId(headers, names) }) })
}

// What every request runs is written without generators, which would cost it a tenth.
const openOnce = <C>(
  client: Client,
  route: Route<C>,
  policy: Policy,
  socket: Socket,
  context: Context.Context<never>
): Pull.Pull<Opened<C>, ProviderError.ProviderError> =>
  Effect.suspend(() => {
    const { protocol } = route
    const { firstByteTimeout, idleTimeout } = policy
    const clock = Context.get(context, Clock.Clock)
    const known = new Known(protocol.provider, route.seldom, idleTimeout)
    const { fail } = known
    const watchers = Context.get(context, CurrentWatchers)
    const sent: Sent = { provider: protocol.provider, model: route.info.model }
    const close = () => {
      for (const { open } of watchers) open.delete(sent)
    }

    const answered = (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.Effect<Answer, ProviderError.ProviderError> => {
      const head = headOf(response)
      if (!isOk(head)) close()
      const opened = Effect.flatMap(opening(response), (body) => {
        socket.open(body, known)
        const compression = ResponseBody.compressionOf(response, head.headers)
        return Effect.map(
          Pull.catchDone(body.reads, () => Effect.succeed([])),
          (firstRead) => ({ body, compression, firstRead, response: head })
        )
      })
      const told = Context.get(context, CurrentHeads)
      if (told.length === 0) return opened
      const shown = { ...sent, status: head.status, headers: head.headers, names: protocol.headers }
      const tell = Effect.flatMap(route.seldom, (seldom) => seldom?.tellHead(shown, told, known.secrets) ?? Effect.void)
      return Effect.andThen(tell, opened)
    }
    const opening = (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.Effect<ResponseBody.Body<ProviderError.ProviderError>, ProviderError.ProviderError> => {
      return ResponseBody.open(response, clock, known) ?? Effect.flatMap(
        route.seldom,
        (seldom) =>
          seldom?.openStream(response, clock, known) ??
            fail(unread(headOf(response), protocol.headers))
      )
    }
    const answering = Effect.flatMap(Effect.catch(route.attempt, fail), (attempt) => {
      known.secrets = attempt.secrets
      for (const watcher of watchers) watcher.secrets = attempt.secrets
      if (route.isPaid) { for (const { open } of watchers) open.add(sent) }
      const tracer = Context.get(context, Tracer.Tracer)
      const ask = (quiet: Tracer.Tracer | undefined) =>
        Effect.updateContext(client.execute(attempt.request), calling(attempt, policy, quiet))
      // Of a tracer that exports no span, one would be of use only in the headers to the provider.
      const isTraced = policy.propagateTrace || tracer !== Tracer.nativeTracer
      const asked = isTraced
        ? Effect.flatMap(route.seldom, (seldom) => ask(seldom?.quietTracer(tracer, attempt.secrets)))
        : ask(undefined)
      return asked.pipe(
        Effect.catch((error) =>
          Effect.flatMap(route.seldom, (seldom) => {
            const reason = seldom?.fromClient(error) ?? ResponseBody.brokenOff()
            if (seldom?.isUnsent(reason) === true) close()
            return fail(reason)
          })
        ),
        Effect.flatMap(answered)
      )
    })
    /** The reads that show a stream to decode; fails where there is none. */
    const judged = (answer: Answer) => {
      const { body: { reads }, response } = answer
      return Effect.flatMap(route.seldom, (seldom) => {
        if (seldom === undefined) return fail(unread(response, protocol.headers))
        const undecided = seldom.undecided(reads, clock, policy.contentTimeout, fail)
        return seldom.judge(answer, protocol, { reads, undecided }, known)
      })
    }

    const decoded = ({ body, response: { headers } }: Answer, head: ReadonlyArray<Uint8Array>) =>
      Effect.flatMap(known.info(headers, protocol.headers), (stated) => {
        const info: Protocol.ResponseInfo = { ...route.info, ...stated }
        known.requestId = info.requestId
        const decoder = protocol.body(info)
        known.decoder = decoder
        const chunks = Protocol.chunkPull(decoder, body.reads, known, head)
        const opened = (pull: Protocol.ChunkPull<C, ProviderError.ProviderError, never>) =>
          Effect.map(pull, (first) => {
            close()
            return { first, rest: pull }
          })
        return isLimited(policy.contentTimeout)
          ? Effect.flatMap(route.seldom, (seldom) =>
            opened(seldom?.withContent(chunks, route.hasContent(seldom), clock, policy.contentTimeout, fail) ?? chunks))
          : opened(chunks)
      })

    const inFirstByteTime = inTime(answering, context, {
      limit: Duration.toMillis(firstByteTimeout),
      step: Duration.toMillis(idleTimeout),
      onTimeout: () =>
        fail(ResponseBody.silence("firstByte", firstByteTimeout))
    })
    return Effect.flatMap(inFirstByteTime, (answer) =>
      answer.compression === undefined && isEvident(answer.response, protocol.contentTypes, answer.firstRead)
        ? decoded(answer, answer.firstRead)
        : Effect.flatMap(judged(answer), (head) =>
          decoded(answer, head)))
  })

const calling =
  ({ secretHeaders }: Attempt, { propagateTrace }: Policy, quiet: Tracer.Tracer | undefined) =>
  (context: Context.Context<never>): Context.Context<never> => {
    const own = context.pipe(
      Context.add(FetchHttpClient.RequestInit, {
        // Fetch would carry keys in custom headers along.
        redirect: "manual",
        ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit))
      }),
      Context.add(Headers.CurrentRedactedNames, [
        ...Context.get(context, Headers.CurrentRedactedNames),
        ...secretHeaders
      ])
    )
    return quiet === undefined
      ? Context.add(own, HttpClient.TracerDisabledWhen, constTrue)
      : own.pipe(
        Context.add(HttpClient.TracerPropagationEnabled, propagateTrace),
        Context.add(Tracer.Tracer, quiet)
      )
  }
