import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.ts"
import * as JsonEvent from "../internal/jsonEvent.ts"
import * as Service from "../internal/service.ts"
import type * as Provider from "../Provider.ts"
import * as ProviderError from "../ProviderError.ts"
import * as EventStream from "../wire/EventStream.ts"
import * as AwsCredentials from "./AwsCredentials.ts"
import * as AwsSignature from "./AwsSignature.ts"
import type { Options } from "./Bedrock.ts"
import * as BedrockEndpoint from "./BedrockEndpoint.ts"

const contentType = "application/vnd.amazon.eventstream"

const utf8 = new TextEncoder()

/**
 * The framing of the Bedrock runtime's streams. In a recording with one payload a line, the payload is under its type:
 * `{"contentBlockDelta": {…}}`.
 *
 * @internal
 */
export const framing: Provider.Framing<EventStream.Message> = {
  contentTypes: [contentType],
  make: () => EventStream.make(),
  fromLine: (line) => {
    const json = JsonEvent.parse(line, 0)
    const [member, ...others] = json === undefined || json instanceof ProviderError.MalformedEvent
      ? []
      : Object.entries(json)
    // The decoder of the events says what is wrong with it.
    if (member === undefined || others.length > 0) {
      return { headers: { ":message-type": "event" }, body: utf8.encode(line) }
    }
    const [type, payload] = member
    return {
      headers: type.endsWith("Exception")
        ? { ":message-type": "exception", ":exception-type": type }
        : { ":message-type": "event", ":event-type": type },
      body: utf8.encode(JSON.stringify(payload))
    }
  }
}

/**
 * The `stream` function of an operation of the Bedrock runtime.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*<C>(
  options: Options & {
    readonly operation: BedrockEndpoint.Operation
    readonly protocol: Provider.Protocol<C>
    readonly optionsKey: string
    readonly encode: (
      request: ChatRequest.Normalized,
      options: Readonly<Record<string, unknown>>
    ) => Result.Result<Readonly<Record<string, unknown>>, ProviderError.Reason>
    /** The headers and the body that make up an encoded request. */
    readonly split?: (encoded: Readonly<Record<string, unknown>>) => {
      readonly headers: Service.Headers
      readonly body: Readonly<Record<string, unknown>>
    }
  }
): Effect.fn.Return<
  { readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<C, ProviderError.ProviderError> },
  never,
  HttpClient.HttpClient
> {
  const client = yield* Service.client
  const auth = yield* AwsCredentials.cached(yield* source(options))
  const headers: Service.Headers = options.headers ?? {}
  const endpointOf = (model: string) =>
    BedrockEndpoint.resolve({
      operation: options.operation,
      model,
      region: options.region,
      endpoint: options.endpoint
    })
  const split = options.split ?? ((body) => ({ headers: {}, body }))
  return {
    stream: Service.streamJson({
      client,
      protocol: options.protocol,
      policy: options,
      optionsKey: options.optionsKey,
      defaultModel: options.model,
      info: (model) => {
        const endpoint = endpointOf(model)
        return endpoint._tag === "Success" ? { region: endpoint.success.region } : {}
      },
      encode: (request, _model, fields) => options.encode(request, fields),
      send: Effect.fnUntraced(function*(encoded, model) {
        const { region, url } = yield* Effect.fromResult(endpointOf(model)).pipe(
          Effect.mapError(({ message }) => new ProviderError.InvalidRequest({ message }))
        )
        const own = split(encoded)
        // The bytes that are signed are the bytes that are sent.
        const body = yield* Effect.try({
          try: () => utf8.encode(JSON.stringify(own.body)),
          catch: () => new ProviderError.InvalidRequest({ message: "The request cannot be written as JSON" })
        })
        const request = HttpClientRequest.post(url).pipe(
          HttpClientRequest.bodyUint8Array(body, "application/json"),
          HttpClientRequest.accept(contentType),
          Service.setHeaders({ ...own.headers, ...headers })
        )
        const authHeaders = yield* AwsSignature.authorize(
          { method: request.method, url, headers: signedHeaders(request), body },
          yield* Effect.mapError(auth, ({ message }) => new ProviderError.Authentication({ message })),
          { region }
        )
        return HttpClientRequest.setHeaders(request, { ...authHeaders })
      }),
      secrets: Service.secrets(options.apiKey, headers)
    })
  }
})

// A proxy may change the others.
const signedHeaders = (request: HttpClientRequest.HttpClientRequest): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => name === "content-type" || name.startsWith("x-amz"))
  )

type Source = Effect.Effect<AwsCredentials.Auth, AwsCredentials.CredentialsError | ProviderError.Authentication>

const source = ({ apiKey, credentials, region }: Options): Effect.Effect<Source> => {
  if (apiKey !== undefined) {
    return Effect.succeed(Effect.map(
      Effect.fromResult(Service.credential(apiKey, "pass `apiKey`, or set AWS_BEARER_TOKEN_BEDROCK")),
      (key) => AwsCredentials.fromApiKey(Redacted.make(Redacted.value(key)))
    ))
  }
  if (credentials === undefined) {
    // Looked up for every request, but where the layer was made: there the configuration was given.
    return Effect.map(
      ConfigProvider.ConfigProvider,
      (configuration) =>
        Effect.provideService(AwsCredentials.automatic({ region }), ConfigProvider.ConfigProvider, configuration)
    )
  }
  return Effect.succeed(
    Effect.isEffect(credentials) ? credentials : Effect.try({
      try: () => AwsCredentials.fromKeys(credentials),
      catch: () => new ProviderError.Authentication({ message: "The AWS credentials are empty or cannot be sent" })
    })
  )
}

const text = (name: string): Config.Config<string | undefined> =>
  Config.map(Service.optional(Config.String(name)), (value) => value?.trim() || undefined)

/**
 * What a layer of the Bedrock runtime reads from the configuration by itself; its credentials look there, too.
 *
 * @internal
 */
export const configs = {
  region: Config.map(Config.all([text("AWS_REGION"), text("AWS_DEFAULT_REGION")]), ([own, common]) => own ?? common),
  endpoint: text("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
}
