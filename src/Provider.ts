/**
 * The common service, and the one way to build a provider: a protocol (how its answers are decoded), a request format
 * (how its requests are written), an endpoint (where they go) and an auth (what signs them).
 *
 * @since 0.1.0
 */
import type { CodecTransformer } from "effect/ai/LanguageModel"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Redactable from "effect/Redactable"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import * as Auth from "./Auth.ts"
import type * as ChatRequest from "./ChatRequest.ts"
import { type Chunk, hasOutput } from "./Chunk.ts"
import type { Endpoint } from "./Endpoint.ts"
import * as Checks from "./engine/checks.ts"
import * as GivenOptions from "./engine/givenOptions.ts"
import * as Opening from "./engine/opening.ts"
import * as Redaction from "./engine/redaction.ts"
import * as ResponseBody from "./engine/responseBody.ts"
import * as Transport from "./engine/transport.ts"
import { latest, lazy } from "./internal/lazy.ts"
import type { Protocol, ResponseInfo } from "./Protocol.ts"
import * as ProviderError from "./ProviderError.ts"
import * as RequestFormat from "./RequestFormat.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Service
// ---------------------------------------------------------------------------------------------------------------------

/**
 * The service of every provider: it streams the chunks of one chat completion. `C` is the provider's own chunk class,
 * or any class with the attributes that all chunks have.
 *
 * @category services
 * @since 0.2.0
 */
export interface Service<out C extends Chunk = Chunk> {
  /** The provider's name, as its chunks and errors state it. */
  readonly name: string
  /** Streams one chat completion. Nothing is sent before the stream is run, and every run sends one request. */
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<C, ProviderError.ProviderError>
  /**
   * The address of a request: `undefined` when it names no model, or one without an address. Absent where the provider
   * can't say, such as one that chooses among others.
   */
  readonly target?: ((request: ChatRequest.ChatRequest) => Target | undefined) | undefined
  /** How its API takes schemas and tools. `undefined`: as the defaults of {@link Dialect} say. */
  readonly dialect?: Dialect | undefined
  /** Its name in traces and metrics, where the conventions of OpenTelemetry define one. Default: `name`. */
  readonly telemetryName?: string | undefined
}

/**
 * Where a request goes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Target {
  /** The model asked for, the layer's default included. */
  readonly model: string
  /** Absolute, with its query. */
  readonly url: string
}

/**
 * How an API takes the schemas of objects, and the tools that it defines itself: what `StructuredOutput` and the language
 * models of `effect/ai` need to know of it. Every field has a default, so `{}` is a dialect.
 *
 * @category models
 * @since 0.2.0
 */
export interface Dialect {
  /**
   * The keys of the provider's own fields in the `options` of a request, the one that wins first. Default: the provider's
   * name.
   */
  readonly keys?: readonly [string, ...ReadonlyArray<string>] | undefined
  /**
   * The part of JSON Schema that the API takes for an object: the rules of OpenAI or of Anthropic, or a function of your
   * own. Default: `openai`.
   */
  readonly schemas?: "openai" | "anthropic" | CodecTransformer | undefined
  /** Whether schemas are `strict` unless the caller says otherwise. `undefined` leaves it to the API. */
  readonly strict?: boolean | undefined
  /** How the API takes tools that it defines itself. `undefined` when it has no such tools. */
  readonly tools?: OwnTools | undefined
  /**
   * Whether the API takes calls in the prompt only where tools are declared. A language model then declares them by their
   * names, when the program gives no toolkit. Default: `false`.
   */
  readonly declaresTools?: boolean | undefined
  /**
   * The field of the body that names the response to go on from, where the API keeps responses. A language model uses it
   * with a `ResponseIdTracker` of `effect/ai`, and sends only what is new. `undefined` when the API keeps none.
   */
  readonly previousResponse?: string | undefined
}

/**
 * How an API takes tools that it defines itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface OwnTools {
  /** The prefix of the ids of such tools, up to the first dot: `anthropic` in `anthropic.web_search_20250305`. */
  readonly prefix: string
  /** The fields of the body that ask for the tools. */
  readonly fields: (tools: ReadonlyArray<OwnTool>) => Schema.JsonObject
  /** The name by which `toolChoice` asks for one of the tools. `undefined` when the API can't be asked for them. */
  readonly choice?: ((tool: OwnTool) => string) | undefined
}

/**
 * A tool that an API defines itself.
 *
 * @category models
 * @since 0.2.0
 */
export interface OwnTool {
  /** The id without its prefix, such as `web_search_20250305`. */
  readonly type: string
  /** The provider's name of the tool, such as `web_search`. */
  readonly name: string
  /** The arguments of the tool, by their names on the wire. */
  readonly args: Schema.JsonObject
}

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
export class Provider extends Context.Service<Provider, Service>()("effect-llm-stream/Provider") {}

// ---------------------------------------------------------------------------------------------------------------------
// Options
// ---------------------------------------------------------------------------------------------------------------------

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
  /**
   * Longest wait for content (text, reasoning, a piece of a tool call or of audio) while the body is read: comments,
   * heartbeats and empty deltas don't count. Default: none.
   */
  readonly contentTimeout?: Duration.Input | undefined
  /** Longest time from the start of a stream to its end, retries and the consumer's own work included. Default: none. */
  readonly totalTimeout?: Duration.Input | undefined
  /** Attempts after the first one, made only while no chunk has been delivered. Default: 2. */
  readonly maxRetries?: number | undefined
  /**
   * Longest pause before another attempt. When the provider asks for more, the stream fails at once. Default: 60
   * seconds.
   */
  readonly maxRetryDelay?: Duration.Input | undefined
  /** Whether trace headers (`traceparent`, `b3`) go to the provider. Default: `false`. */
  readonly propagateTrace?: boolean | undefined
}

/**
 * The policy of the streams that are run with it, for what a single request needs: it wins over that of the layer, field
 * by field.
 *
 * @example
 * ```ts
 * import { ChunkStream, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const provider = yield* Provider.Provider
 *   return yield* ChunkStream.response(provider.stream({ model: "gpt-4o-mini", prompt: "Say hello" })).pipe(
 *     Effect.provideService(Provider.CurrentPolicy, { totalTimeout: "30 seconds", maxRetries: 0 })
 *   )
 * })
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const CurrentPolicy: Context.Reference<Policy> = Context.Reference<Policy>(
  "effect-llm-stream/Provider/CurrentPolicy",
  { defaultValue: () => noPolicy }
)

const noPolicy: Policy = {}

/**
 * A config of options whose policy is checked when the layer is built: a bad duration or number of retries is a
 * `ConfigError`. All `layerConfig`s check theirs.
 *
 * In options that don't come from a config, and in {@link CurrentPolicy}, a bad value makes every stream fail with an
 * `InvalidRequest` that names it. To check a computed value when the layer is built, pass it to `layerConfig`.
 *
 * @example
 * ```ts
 * import { Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const options = Provider.checkPolicy(Config.all({
 *   baseUrl: Config.String("GATEWAY_URL"),
 *   idleTimeout: Config.Duration("GATEWAY_IDLE_TIMEOUT")
 * }))
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const checkPolicy = <Options extends Policy>(config: Config.Config<Options>): Config.Config<Options> =>
  Config.mapEffect(config, (options) =>
    Result.match(toPolicy(options), {
      onFailure: (message) => Effect.fail(configError(message)),
      onSuccess: () => Effect.succeed(options)
    }))

const configError = (message: string) => new Config.ConfigError(new ConfigProvider.SourceError({ message }))

/**
 * The client that sends the requests: an `HttpClient`, with any errors that policies add to it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Client {
  readonly execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>
}

/**
 * The options of every provider.
 *
 * @category configuration
 * @since 0.2.0
 */
export interface CommonOptions extends Policy {
  /**
   * Headers to add to every request; they win over those that this library sets. `Redacted` values are kept secret, and so
   * are those whose name says it (`x-gateway-key`, `cookie`, …).
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model for requests that don't name one. */
  readonly model?: string | undefined
  /**
   * Changes the HTTP client of this provider: a rate limiter, a circuit breaker, a proxy. Errors that such policies add
   * become a `ProviderError`: `RateLimited`, `Overloaded`, or `Unknown` with the error's tag as its code.
   */
  readonly transformClient?: ((client: HttpClient.HttpClient) => Client) | undefined
}

/**
 * The values of a layer's options, or the configs that they come from.
 *
 * @category configuration
 * @since 0.2.0
 */
export type Configs<Options> = { readonly [K in keyof Options]?: Config.Config<Options[K]> | Options[K] }

type Value<C> = C extends Config.Config<infer A> ? A : C

/**
 * The config of values and configs.
 *
 * @internal
 */
export const configOf = <C extends Readonly<Record<string, unknown>>>(
  configs: C
): Config.Config<{ readonly [K in keyof C]: Value<C[K]> }> =>
  Config.map(
    Config.all(Record.map(configs, (value) => Config.isConfig(value) ? value : Config.succeed(value))),
    // The same fields; `Config.all` does not know that values stay.
    (options) => options as { readonly [K in keyof C]: Value<C[K]> }
  )

/**
 * A config that is `undefined` when it is not set.
 *
 * @example
 * ```ts
 * import { Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const apiKey = Provider.optional(Config.Redacted("GATEWAY_API_KEY"))
 * ```
 *
 * @category configuration
 * @since 0.2.0
 */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.map(Config.option(config), Option.getOrUndefined)

// ---------------------------------------------------------------------------------------------------------------------
// Definition
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A provider as a value: protocol × request format × endpoint × auth, its dialect, and what the caller set.
 *
 * @category models
 * @since 0.2.0
 */
export interface Definition<C> {
  /** Decodes the answers; its `provider` is the provider's name. */
  readonly protocol: Protocol<C>
  /** Encodes the requests. */
  readonly format: RequestFormat.RequestFormat | RequestFormat.Lazy
  /** Where the requests go. */
  readonly endpoint: Endpoint
  /** What signs them. */
  readonly auth: Auth.Auth
  /** How the API takes schemas and tools. Default: as the defaults of {@link Dialect} say. */
  readonly dialect?: Dialect | undefined
  /** What traces and metrics call the provider: its `gen_ai.provider.name`. Default: the provider's name. */
  readonly telemetryName?: string | undefined
  /** Headers that the API always wants, such as a version. The caller's headers win over them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What the caller set. */
  readonly options?: CommonOptions | undefined
}

/**
 * A request as it is sent, without its credentials.
 *
 * @category models
 * @since 0.2.0
 */
export interface Prepared {
  readonly method: "POST"
  /** Absolute, with its query; what may be secret in the caller's part of it is `<redacted>`. */
  readonly url: string
  /** Names in lower case; the values of credentials and of the caller's `Redacted` headers are `<redacted>`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
  /** The options that were asked for and are not in the body, one sentence each. */
  readonly ignored: ReadonlyArray<string>
}

const redacted = "<redacted>"

const isSecret = (name: string, value: string | Redacted.Redacted): boolean =>
  typeof value !== "string" || Redaction.isSecretName(name)

/**
 * The request that a provider would send, without sending it: no credential is looked up and nothing is downloaded.
 *
 * Fails with the same `InvalidRequest` as the stream.
 *
 * @example
 * ```ts
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const request = { model: "gpt-4o-mini", prompt: "Say hello" }
 * const { url } = await Effect.runPromise(Provider.prepare(OpenAi.define({}), request))
 * url // "https://api.openai.com/v1/chat/completions"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const prepare = <C>(
  definition: Definition<C>,
  request: ChatRequest.ChatRequest
): Effect.Effect<Prepared, ProviderError.ProviderError> => {
  const problem = problemOf(definition)
  if (problem !== undefined) return Effect.fail(Checks.refused("unknown", problem))
  return Effect.mapBoth(
    Effect.andThen(
      Effect.suspend(() => Effect.fromResult(Result.mapError(toPolicy(definition.options ?? {}), invalid))),
      planner(definition)(request)
    ),
    {
      onFailure: (reason) => failure(definition, reason),
      onSuccess: ({ encoded, headers, secretNames, secrets, url }) => ({
        method: "POST",
        url: Redaction.clean(url, secrets()),
        headers: {
          ...Object.fromEntries(definition.auth.headerNames.map((name) => [name, redacted])),
          ...headers,
          ...Object.fromEntries(secretNames.map((name) => [name, redacted]))
        },
        body: encoded.body,
        ignored: encoded.ignored
      })
    }
  )
}

const invalid = (message: string): ProviderError.InvalidRequest => new ProviderError.InvalidRequest({ message })

const failure = <C>({ protocol }: Definition<C>, reason: ProviderError.Reason): ProviderError.ProviderError =>
  new ProviderError.ProviderError({ provider: protocol.provider, reason, emitted: false })

const modelOf = (request: ChatRequest.ChatRequest, options: CommonOptions | undefined): string | undefined =>
  (request.model ?? options?.model) || undefined

const targetOf = <C>({ endpoint, options }: Definition<C>, request: ChatRequest.ChatRequest): Target | undefined => {
  const model = modelOf(request, options)
  const url = model === undefined ? undefined : Result.getOrUndefined(caught(() => endpoint(model)))?.url
  return model === undefined || url === undefined ? undefined : { model, url }
}

/** A format, an endpoint or the request itself may throw, for instance on text that a URL can't hold. */
const caught = <A>(
  make: () => Result.Result<A, ProviderError.InvalidRequest>
): Result.Result<A, ProviderError.InvalidRequest> =>
  Result.flatMap(
    Result.try({
      try: make,
      // Without its message, which may hold secrets.
      catch: (cause) => invalid(`The request cannot be encoded${cause instanceof Error ? `: ${cause.name}` : ""}`)
    }),
    (made) => made
  )

/**
 * What is sent, but for the credentials.
 *
 * @internal
 */
export interface Outline {
  readonly method: "GET" | "POST"
  /** `undefined` for a call without a body. */
  readonly encoded: RequestFormat.Encoded | undefined
  readonly url: string
  /** What may be secret in the caller's part of the address. */
  readonly secrets: () => ReadonlyArray<Redacted.Redacted>
  readonly info: ResponseInfo
  /** All headers but the credentials; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Which of them don't show their values. */
  readonly secretNames: ReadonlyArray<string>
  /** Runs before it is sent; `undefined` where nothing has to. */
  readonly before?: Effect.Effect<void> | undefined
}

interface Plan extends Outline {
  readonly encoded: RequestFormat.Encoded
}

const wholeRequests = RequestFormat.once(() => import("./engine/wholeRequest.ts"))

/** How requests become what is sent. What does not depend on the request is done once. */
const planner = <C>(definition: Definition<C>) => {
  const { format, options } = definition
  let made: SentHeaders | undefined
  const usual = () => made ??= headersOf(definition, {})
  const secretsOf = latest((url: string, model: string) => Redaction.ofUrl(url, model))
  const whole = RequestFormat.orRefused(Effect.zip(wholeRequests, RequestFormat.load(format)))
  return (request: ChatRequest.ChatRequest): Effect.Effect<Plan, ProviderError.InvalidRequest> =>
    Effect.suspend(() => {
      const model = caught(() => Result.succeed(modelOf(request, options)))
      if (Result.isFailure(model)) return Effect.fail(model.failure)
      const name = model.success
      if (name === undefined) {
        return Effect.fail(invalid("No model: give the request a `model`, or the layer a default one"))
      }
      const plain = "load" in format ? format.plain(request, name) : undefined
      if (plain !== undefined) return Effect.fromResult(caught(() => planOf(definition, name, plain, usual, secretsOf)))
      return Effect.flatMap(whole, ([{ encode, logIgnored }, format]) =>
        Effect.fromResult(caught(() =>
          Result.flatMap(encode(format, request, name), (encoded) =>
            Result.map(planOf(definition, name, encoded, usual, secretsOf), (plan) => ({
              ...plan,
              before: logIgnored(definition.protocol.provider, encoded.ignored)
            })))
        )))
    })
}

/** All headers but the credentials. */
type SentHeaders = Result.Result<Pick<Outline, "headers" | "secretNames">, ProviderError.InvalidRequest>

const headersOf = <C>(
  { headers, options, protocol }: Definition<C>,
  more: RequestFormat.Encoded["headers"]
): SentHeaders =>
  checkedHeaders({
    accept: protocol.contentTypes.join(", "),
    "content-type": contentType,
    ...headers,
    ...more,
    ...options?.headers
  })

const planOf = <C>(
  definition: Definition<C>,
  model: string,
  encoded: RequestFormat.Encoded,
  usual: () => SentHeaders,
  secretsOf: (url: string, model: string) => ReadonlyArray<Redacted.Redacted>
): Result.Result<Plan, ProviderError.InvalidRequest> =>
  Result.flatMap(definition.endpoint(model), ({ info, url }) =>
    Result.map(
      Object.keys(encoded.headers).length === 0 ? usual() : headersOf(definition, encoded.headers),
      (written) => ({
        method: "POST",
        encoded,
        url,
        secrets: secretsAt(secretsOf, url, model),
        info: { ...info, model },
        ...written
      })
    ))

const secretsAt = <A>(secretsOf: (url: string, model: string) => A, url: string, model: string) => (): A =>
  secretsOf(url, model)

/**
 * What is sent for a call that asks for no new completion.
 *
 * @internal
 */
export const planCall = <C, D>(
  { endpoint, headers, options }: Definition<C>,
  { address, method, protocol, ...call }: Call<D>
): Result.Result<Outline, ProviderError.InvalidRequest> =>
  caught(() =>
    Result.gen(function*() {
      const model = (call.model ?? options?.model) || undefined
      const { info, url } = yield* endpoint(model ?? "")
      const written = yield* checkedHeaders({
        accept: protocol.contentTypes.join(", "),
        ...headers,
        ...options?.headers
      })
      return {
        method,
        encoded: undefined,
        url: address(new URL(url)).href,
        secrets: () => Redaction.ofUrl(url, model),
        info: { ...info, ...(model === undefined ? undefined : { model }) },
        ...written
      }
    })
  )

// Clients differ in how they treat other characters, and some show the value. So the message does not.
const checkedHeaders = (given: Readonly<Record<string, string | Redacted.Redacted>>): SentHeaders => {
  const fail = (message: string) => Result.fail(invalid(message))
  const headers: Array<readonly [name: string, value: string]> = []
  const secretNames: Array<string> = []
  for (const [name, value] of Object.entries(lowerCase(given))) {
    if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(name)) {
      return fail("The name of a header has characters that no header name has")
    }
    // Callers in JavaScript may give anything.
    const text: unknown = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (typeof text !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) {
      return fail(`The value of the header "${name}" has characters that cannot be sent (line breaks, …)`)
    }
    headers.push([name, text])
    if (isSecret(name, value)) secretNames.push(name)
  }
  return Result.succeed({ headers: Object.fromEntries(headers), secretNames })
}

const lowerCase = <A>(headers: Readonly<Record<string, A>>): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const utf8 = new TextEncoder()
const contentType = "application/json"

/**
 * Makes a provider from its definition and an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { Auth, ChatCompletions, Endpoint, OpenAiChunk, Provider } from "effect-llm-stream"
 *
 * // A host that speaks the chat-completions format, as a provider of its own.
 * const gateway = Provider.make({
 *   protocol: ChatCompletions.protocol({
 *     provider: "gateway",
 *     payload: ChatCompletions.Payload,
 *     make: (chunk) => new OpenAiChunk({ provider: "gateway", chunk }),
 *     errors: ChatCompletions.errors
 *   }),
 *   format: ChatCompletions.format({ provider: "gateway" }),
 *   endpoint: Endpoint.path("https://gateway.example/v1", "/chat/completions"),
 *   auth: Auth.none
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function*<C extends Chunk>(
  definition: Definition<C>
): Effect.fn.Return<Service<C>, never, HttpClient.HttpClient> {
  return (yield* caller(definition)).service
})

/**
 * A call of a provider's API that does not ask for a new completion: it resumes or cancels one.
 *
 * @internal
 */
export interface Call<D> {
  readonly method: "GET" | "POST"
  /** Its address, made from the one that the requests for the model go to. */
  readonly address: (url: URL) => URL
  /** The model that the completion was asked of; `undefined` where it is not known. */
  readonly model: string | undefined
  /** Decodes the answer. */
  readonly protocol: Protocol<D>
  readonly hasContent: (answer: D) => boolean
}

/**
 * A provider, and the same client, policy and credentials for other calls of its API.
 *
 * @internal
 */
export interface Caller<C extends Chunk> {
  readonly service: Service<C>
  /** `clock` is shared by calls that make one stream together. */
  readonly stream: (
    request: ChatRequest.ChatRequest,
    clock?: Transport.Started
  ) => Stream.Stream<C, ProviderError.ProviderError>
  readonly send: <D>(
    plan: Effect.Effect<Outline, ProviderError.InvalidRequest>,
    call: Pick<Call<D>, "protocol" | "hasContent">,
    clock?: Transport.Started
  ) => Stream.Stream<D, ProviderError.ProviderError>
}

/** What is wrong with a definition: authors without types may give anything. */
const problemOf = <C>(definition: Definition<C>): string | undefined => {
  const read = () => [definition.protocol.provider, definition.format, definition.endpoint, definition.auth.make]
  const whole = Checks.given("definition", "a provider's definition", () => read().every(Boolean), Boolean)
  return Result.isFailure(whole) ? whole.failure : undefined
}

/** @internal */
export const caller = Effect.fnUntraced(function*<C extends Chunk>(
  definition: Definition<C>
): Effect.fn.Return<Caller<C>, never, HttpClient.HttpClient> {
  const problem = problemOf(definition)
  if (problem !== undefined) {
    const service = Checks.refusing("unknown", problem)
    return { service, stream: service.stream, send: service.stream }
  }
  const { auth, options = {}, protocol } = definition
  const { transformClient = (client: HttpClient.HttpClient): Client => client } = options
  const plainClient = yield* HttpClient.HttpClient
  const transformed = Checks.given(
    "transformClient",
    "a function that gives an HTTP client",
    () => transformClient(plainClient),
    (client) => Predicate.hasProperty(client, "execute")
  )
  const client = Result.getOrElse(transformed, () => plainClient)
  const layerPolicy = Result.andThen(transformed, toPolicy(options))
  const authorize = yield* auth.make
  const concealed = concealing()
  const connections = ResponseBody.connections()
  const fail = (reason: ProviderError.Reason) => failure(definition, reason)
  const run = <D>(
    plan: Effect.Effect<Outline, ProviderError.InvalidRequest>,
    decoding: Pick<Transport.Route<D>, "protocol" | "hasContent" | "clock">
  ) =>
    Transport.open<D>(client, (context) => {
      const own = Context.get(context, CurrentPolicy)
      const policy = own === noPolicy ? layerPolicy : Result.flatMap(
        layerPolicy,
        (usual) => Result.flatMap(Checks.copied(own, "CurrentPolicy"), (stated) => toPolicy(stated, usual))
      )
      if (Result.isFailure(policy)) return Effect.fail(fail(invalid(policy.failure)))
      return Effect.mapBoth(plan, {
        onFailure: fail,
        onSuccess: (planned) => ({
          policy: policy.success,
          route: {
            ...decoding,
            info: planned.info,
            connections,
            isPaid: planned.encoded !== undefined,
            attempt: attempt(planned, auth, authorize, concealed)
          },
          before: planned.before
        })
      })
    })
  const plan = planner(definition)
  const open = (request: ChatRequest.ChatRequest, clock?: Transport.Started) =>
    run(plan(request), { protocol, hasContent: hasOutput, clock })
  return {
    service: Opening.provider(
      {
        name: protocol.provider,
        dialect: definition.dialect,
        telemetryName: definition.telemetryName,
        target: (request: ChatRequest.ChatRequest) => targetOf(definition, request)
      },
      (request: ChatRequest.ChatRequest) => open(request)
    ),
    stream: (request, clock) => Opening.stream(open(request, clock)),
    send: (plan, { hasContent, protocol }, clock) => Opening.stream(run(plan, { protocol, hasContent, clock }))
  }
})

// Held by open streams, and so apart from what made their requests.
const secretsIn = (
  authorized: ReadonlyArray<Redacted.Redacted>,
  addressed: () => ReadonlyArray<Redacted.Redacted>,
  headers: Readonly<Record<string, string>>,
  hidden: ReadonlyArray<string>
): () => ReadonlyArray<Redacted.Redacted> =>
  lazy(() => [
    ...authorized,
    ...addressed(),
    ...Object.entries(headers).flatMap(([name, value]) => hidden.includes(name) ? Redaction.ofHeader(value) : [])
  ])

const attempt = (
  { encoded, headers, info, method, secretNames, secrets, url }: Outline,
  auth: Auth.Auth,
  authorize: Auth.Authorize,
  concealed: ReturnType<typeof concealing>
): Effect.Effect<Transport.Attempt, ProviderError.Reason> =>
  Effect.suspend(() => {
    // The bytes that are signed are the bytes that are sent.
    const body = caught(() => Result.succeed(utf8.encode(encoded === undefined ? "" : JSON.stringify(encoded.body))))
    if (Result.isFailure(body)) return Effect.fail(invalid("The request cannot be written as JSON"))
    const outgoing = { method, url, headers: { ...headers }, body: body.success, info } as const
    const signed = (authorization: Auth.Authorization): Transport.Attempt => {
      const hidden = [...auth.headerNames, ...Object.keys(authorization.headers), ...secretNames]
      const length = String(outgoing.body.byteLength)
      const all = {
        ...(encoded === undefined ? undefined : { "content-type": contentType, "content-length": length }),
        ...lowerCase(authorization.headers),
        ...outgoing.headers
      }
      return {
        request: HttpClientRequest.makeWith(
          method,
          url,
          UrlParams.empty,
          Option.none(),
          concealed(all, hidden),
          encoded === undefined ? HttpBody.empty : HttpBody.uint8Array(outgoing.body, contentType)
        ),
        secretHeaders: hidden,
        secrets: secretsIn(authorization.secrets, secrets, outgoing.headers, hidden)
      }
    }
    // The caller's headers win, so the auth does not run when the caller has set all of its headers.
    const isAuthorized = auth.headerNames.length > 0 && auth.headerNames.every((name) => Object.hasOwn(headers, name))
    return isAuthorized ? Effect.succeed(signed({ headers: {}, secrets: [] })) : Effect.map(authorize(outgoing), signed)
  })

/**
 * Makes headers that don't show their secrets when they are inspected. The client's span keeps the request, and no setting
 * of a fiber reaches it there. The symbol is on the prototype, because fetch refuses headers with a symbol of their own;
 * nearly all requests of a provider have the same.
 */
const concealing = () => {
  const prototypeOf = latest((names: string): object => {
    const shown = Object.fromEntries(names.split(" ").map((name) => [name, redacted]))
    return Object.create(Headers.empty, {
      [Redactable.symbolRedactable]: {
        value(this: object) {
          return { ...this, ...shown }
        }
      }
    })
  })
  return (headers: Readonly<Record<string, string>>, secretNames: ReadonlyArray<string>): Headers.Headers =>
    Object.assign(Object.create(prototypeOf(secretNames.join(" "))), headers)
}

const usualPolicy: Transport.Policy = {
  firstByteTimeout: Duration.minutes(4),
  idleTimeout: Duration.minutes(2),
  contentTimeout: Duration.infinity,
  totalTimeout: Duration.infinity,
  maxRetryDelay: Duration.seconds(60),
  maxRetries: 2,
  propagateTrace: false
}

const durations = ["firstByteTimeout", "idleTimeout", "contentTimeout", "totalTimeout", "maxRetryDelay"] as const

const refusals = new WeakMap<Policy, string>()

/**
 * The definition of a provider by its options. Callers without types may give wrong ones: then it refuses all
 * requests. `harmless` are any right ones.
 *
 * @internal
 */
export const definitionOf = <Options extends CommonOptions, D extends Definition<Chunk>>(
  options: Options,
  harmless: Options,
  define: (options: Options) => D
): D => {
  const checked = GivenOptions.checked(options)
  if (Result.isSuccess(checked)) return define(checked.success)
  const refused: CommonOptions = {}
  refusals.set(refused, checked.failure)
  return { ...define(harmless), auth: Auth.none, options: refused }
}

/** The policy with what is stated in place of what is usual. */
const toPolicy = (stated: Policy, usual: Transport.Policy = usualPolicy): Result.Result<Transport.Policy, string> => {
  const refusal = refusals.get(stated)
  if (refusal !== undefined) return Result.fail(refusal)
  const { maxRetries = usual.maxRetries, propagateTrace = usual.propagateTrace } = stated
  const retries = Checks.count("maxRetries", maxRetries, { unlimited: true })
  if (Result.isFailure(retries)) return Result.fail(retries.failure)
  const policy: Types.Mutable<Transport.Policy> = { ...usual, maxRetries: retries.success, propagateTrace }
  for (const name of durations) {
    const value = stated[name]
    if (value === undefined) continue
    const duration = Checks.duration(name, value, { zero: name === "maxRetryDelay" })
    if (Result.isFailure(duration)) return Result.fail(duration.failure)
    policy[name] = duration.success
  }
  return Result.succeed(policy)
}

// ---------------------------------------------------------------------------------------------------------------------
// Layers
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A layer with a provider as its own service and as the common {@link Provider}.
 *
 * @example
 * ```ts
 * import { type Chunk, OpenAi, Provider } from "effect-llm-stream"
 * import { Context, Redacted } from "effect"
 *
 * class Main extends Context.Service<Main, Provider.Service<Chunk.Chunk>>()("app/Main") {}
 *
 * const layer = Provider.layer(Main, OpenAi.define({ apiKey: Redacted.make("sk-…") }))
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <Self, C extends Chunk>(
  service: Context.Key<Self, Service<C>>,
  definition: Definition<C>
): Layer.Layer<Self | Provider, never, HttpClient.HttpClient> => layerOf(service, make(definition))

/**
 * Makes the `layerConfig` of a provider, from the function that gives the config of its options and from its `layer`.
 * The policy among the options is checked, see {@link checkPolicy}.
 *
 * @example
 * ```ts
 * import { OpenAi, Provider } from "effect-llm-stream"
 * import { Config } from "effect"
 *
 * const config = (name: string) => Config.all({ baseUrl: Config.String(name) })
 * const layerConfig = Provider.layerConfig(config, OpenAi.layer)
 * const gateway = layerConfig("GATEWAY_URL")
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = <Arguments extends ReadonlyArray<unknown>, Options extends Policy, A, R>(
  config: (...configs: Arguments) => Config.Config<Options>,
  layer: (options: Options) => Layer.Layer<A, never, R>
) =>
(...configs: Arguments): Layer.Layer<A, Config.ConfigError, R> =>
  Layer.unwrap(Effect.map(
    Effect.flatMap(
      Effect.try({
        try: () => checkPolicy(config(...configs)),
        catch: () => configError("the configs of the options have to be an object whose fields can be read")
      }),
      (options) => options
    ),
    layer
  ))

/** @internal */
export const layerOf = <Self, S extends Service<Chunk>, E, R>(
  service: Context.Key<Self, S>,
  provider: Effect.Effect<S, E, R>
): Layer.Layer<Self | Provider, E, R> =>
  Layer.effectContext(
    Effect.map(provider, (provider) => Context.make(service, provider).pipe(Context.add(Provider, provider)))
  )
