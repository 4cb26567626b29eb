import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import * as HttpFailure from "../engine/httpFailure.ts"
import * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import { schemaIssues } from "./schemaIssues.ts"

/** @internal */
export type Headers = Readonly<Record<string, string | Redacted.Redacted>>

/**
 * The `stream` function of a provider whose request is one JSON body: what all of them do in the same way.
 *
 * @internal
 */
export const streamJson = <C>(options: {
  readonly client: HttpClient.HttpClient
  readonly protocol: Provider.Protocol<C>
  readonly policy: Provider.Policy
  /** The key of this provider's own record in `ChatRequest.options`. */
  readonly optionsKey: string
  readonly defaultModel: string | undefined
  /** What is known of the responses of a model before they come. */
  readonly info?: (model: string) => Provider.ResponseInfo
  readonly encode: (
    request: ChatRequest.Normalized,
    model: string,
    options: Readonly<Record<string, unknown>>
  ) => Result.Result<Readonly<Record<string, unknown>>, ProviderError.Reason>
  /** Adds address and credentials to a body; run for every attempt. */
  readonly send: (
    body: Readonly<Record<string, unknown>>,
    model: string
  ) => Effect.Effect<HttpClientRequest.HttpClientRequest, ProviderError.Reason>
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}) =>
(request: ChatRequest.ChatRequest): Stream.Stream<C, ProviderError.ProviderError> => {
  const fail = (reason: ProviderError.Reason) =>
    new ProviderError.ProviderError({ provider: options.protocol.provider, reason, emitted: false })
  return Stream.unwrap(Effect.gen(function*() {
    const model = request.model ?? options.defaultModel
    if (model === undefined || model === "") {
      return yield* fail(
        new ProviderError.InvalidRequest({
          message: "No model: give the request a `model`, or the layer a default one"
        })
      )
    }
    // JavaScript callers: `Prompt.make` lets it through.
    if (request.prompt === undefined) {
      return yield* fail(
        new ProviderError.InvalidRequest({ message: "No prompt: give the request a `prompt`, a text or messages" })
      )
    }
    const normalized = yield* Effect.try({
      try: () => ChatRequest.normalize(request),
      catch: (cause) =>
        fail(
          new ProviderError.InvalidRequest({
            message: `The prompt is not valid${whereOf(cause)}`
          })
        )
    })
    const body = yield* Effect.fromResult(
      options.encode(normalized, model, normalized.options?.[options.optionsKey] ?? {})
    ).pipe(Effect.mapError(fail))
    // Grows with the attempts: a token may be made anew for each of them.
    const secrets = [...options.secrets]
    return Provider.stream(options.client, {
      protocol: options.protocol,
      request: options.send(body, model).pipe(
        Effect.tap((request) => Effect.sync(() => secrets.push(...credentials(request)))),
        Effect.mapError(fail)
      ),
      info: { ...options.info?.(model), model },
      secrets
    }, options.policy)
  }))
}

const whereOf = (cause: unknown): string => {
  const issue = Schema.isSchemaError(cause) ? schemaIssues(cause)[0] : undefined
  const path = (issue?.path ?? []).map((segment) => `[${JSON.stringify(segment)}]`).join("")
  return `${
    path === "" ? "" : ` at ${path}`
  }: it is a text, or messages with a \`role\` and the \`content\` of that role`
}

// `Bearer <token>`, `AWS4-HMAC-SHA256 Credential=<key>/…, Signature=<signature>`, or the key alone.
const credentials = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<Redacted.Redacted> =>
  HttpFailure.credentialHeaders.flatMap((name) => {
    const value = request.headers[name] ?? ""
    const words = [value.split(/ |, Signature=/).at(-1), /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(value)?.[1]]
    return words.flatMap((word) => word === undefined || word === "" ? [] : [Redacted.make(word)])
  })

/**
 * The caller's client, except that fetch does not follow redirects: it would carry keys in custom headers along.
 *
 * @internal
 */
export const client: Effect.Effect<HttpClient.HttpClient, never, HttpClient.HttpClient> = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  return HttpClient.transform(
    client,
    (effect) =>
      Effect.flatMap(
        Effect.serviceOption(FetchHttpClient.RequestInit),
        (init) =>
          Effect.provideService(effect, FetchHttpClient.RequestInit, {
            redirect: "manual",
            ...Option.getOrUndefined(init)
          })
      )
  )
})

/**
 * A credential that can be sent as a header value, or the reason why there is none.
 *
 * @internal
 */
export const credential = (
  value: Redacted.Redacted | undefined,
  howToSet: string
): Result.Result<Redacted.Redacted, ProviderError.Authentication> => {
  if (value !== undefined && !Redacted.isRedacted(value)) {
    return Result.fail(
      new ProviderError.Authentication({ message: "The API key is no `Redacted`: wrap it in `Redacted.make`" })
    )
  }
  const trimmed = value === undefined ? "" : Redacted.value(value).trim()
  if (trimmed === "") return Result.fail(new ProviderError.Authentication({ message: `No API key: ${howToSet}` }))
  return /^[\x21-\x7e]+$/.test(trimmed)
    ? Result.succeed(Redacted.make(trimmed))
    : Result.fail(
      new ProviderError.Authentication({
        message: "The API key holds characters that no key has (spaces, line breaks, …)"
      })
    )
}

/**
 * The header of a bearer token, checked as a credential.
 *
 * @internal
 */
export const bearer = (
  value: Redacted.Redacted | undefined,
  howToSet: string
): Effect.Effect<Headers, ProviderError.Authentication> =>
  Effect.map(Effect.fromResult(credential(value, howToSet)), (token) => ({
    authorization: Redacted.make(`Bearer ${Redacted.value(token)}`)
  }))

/** @internal */
export const trimSlash = (url: string): string => url.trim().replace(/\/+$/, "")

/** @internal */
export const postJson = (
  url: string,
  body: Readonly<Record<string, unknown>>
): Effect.Effect<HttpClientRequest.HttpClientRequest, ProviderError.InvalidRequest> =>
  /^https?:\/\//i.test(url)
    ? HttpClientRequest.bodyJson(HttpClientRequest.post(url), body).pipe(
      Effect.mapError(() => new ProviderError.InvalidRequest({ message: "The request cannot be written as JSON" }))
    )
    : Effect.fail(
      new ProviderError.InvalidRequest({
        message: "The base URL (`baseUrl` or `endpoint`) has to start with http:// or https://"
      })
    )

/** @internal */
export const setHeaders = (headers: Headers) => (request: HttpClientRequest.HttpClientRequest) =>
  HttpClientRequest.setHeaders(
    request,
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : Redacted.value(value)])
    )
  )

/** @internal */
export const secrets = (
  credential: Redacted.Redacted | undefined,
  headers: Headers
): ReadonlyArray<Redacted.Redacted> => [
  ...(credential === undefined ? [] : [credential]),
  ...Object.values(headers).flatMap((value) => typeof value === "string" ? [] : [value])
]

/** @internal */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

/**
 * A layer with a provider as its own service and as the common `Provider`.
 *
 * @internal
 */
export const layer = <
  Self,
  Shape extends {
    readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<Chunk, ProviderError.ProviderError>
  },
  R
>(
  service: Context.Key<Self, Shape>,
  name: string,
  make: Effect.Effect<Shape, never, R>
): Layer.Layer<Self | Provider.Provider, never, R> =>
  Layer.effectContext(
    Effect.map(make, (shape) =>
      Context.make(service, shape).pipe(Context.add(Provider.Provider, { name, stream: shape.stream })))
  )
