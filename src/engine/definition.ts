/**
 * What a provider is, and what is made of it: the types of `Provider`.
 *
 * @since 0.1.0
 */
import type { CodecTransformer } from "effect/ai/LanguageModel"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as Auth from "../Auth.ts"
import type * as ChatRequest from "../ChatRequest.ts"
import type { Chunk } from "../Chunk.ts"
import type { Endpoint } from "../Endpoint.ts"
import type { Protocol } from "../Protocol.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestFormat from "../RequestFormat.ts"

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
