/**
 * Service.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type * as ChatRequest from "../../ChatRequest.ts"
import * as Service from "../../internal/service.ts"
import type * as Provider from "../../Provider.ts"
import * as ProviderError from "../../ProviderError.ts"
import { encodeRequest, type RequestQuirks } from "./request.ts"

/**
 * A host of this format: where it is, and how to talk to it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Host<C> extends Provider.Policy {
  readonly protocol: Provider.Protocol<C>
  /** The key of the host's own fields in a request's `options`. Default: the protocol's provider. */
  readonly optionsKey?: string | undefined
  /** The address of its chat completions. */
  readonly url: (model: string) => string
  /** What the body calls the model, `undefined` to leave it out. Default: what the request calls it. */
  readonly bodyModel?: ((model: string) => string | undefined) | undefined
  readonly quirks: RequestQuirks
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Headers that hold the credential; made anew for every attempt. Default: none. */
  readonly authorization?:
    | Effect.Effect<Readonly<Record<string, string | Redacted.Redacted>>, ProviderError.Reason>
    | undefined
  /** The model of requests that name none. */
  readonly model?: string | undefined
}

/**
 * Makes the `stream` function of a host of this format, from an HTTP client in the context.
 *
 * @example
 * ```ts
 * import { ChatCompletions, OpenAiCompatible } from "effect-llm-stream"
import { encodeRequest } from "./request.ts"
 *
 * const gateway = ChatCompletions.make({
 *   protocol: OpenAiCompatible.protocol({ provider: "gateway" }),
 *   url: (model) => `https://gateway.example/${encodeURIComponent(model)}/chat/completions`,
 *   quirks: { maxTokensField: "max_tokens", includeUsage: true }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<C>(
  host: Host<C>
): Effect.fn.Return<
  { readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<C, ProviderError.ProviderError> },
  never,
  HttpClient.HttpClient
> {
  const { authorization = Effect.succeed({}), bodyModel = (model) => model, headers = {}, quirks } = host
  return {
    stream: Service.streamJson({
      client: yield* Service.client,
      protocol: host.protocol,
      policy: host,
      optionsKey: host.optionsKey ?? host.protocol.provider,
      defaultModel: host.model,
      encode: (request, model, options) => encodeRequest(request, bodyModel(model), options, quirks),
      send: Effect.fnUntraced(function*(body, model) {
        const request = yield* Service.postJson(host.url(model), body)
        return request.pipe(
          HttpClientRequest.accept("text/event-stream"),
          Service.setHeaders(headers),
          Service.setHeaders(yield* authorization)
        )
      }),
      secrets: Service.secrets(undefined, headers)
    })
  }
})
