import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Auth from "../Auth.ts"
import type { Endpoint } from "../Endpoint.ts"
import * as ProviderError from "../errors/providerError.ts"
import { once } from "../internal/lazy.ts"
import * as Provider from "../Provider.ts"
import * as RequestFormat from "../RequestFormat.ts"
import type * as Authorize from "./authorize.ts"
import * as BedrockEndpoint from "./BedrockEndpoint.ts"

/**
 * Options that all operations of the Bedrock runtime share.
 *
 * @internal
 */
export interface Options extends Provider.CommonOptions, Authorize.Options {
  /** Replaces AWS's public endpoint: a VPC or FIPS endpoint, a gateway, a test server. */
  readonly endpoint?: string | undefined
  /** Headers to add to every request. Those that start with `x-amz` are signed. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** The model id, inference profile or ARN of requests that name none. */
  readonly model?: string | undefined
}

/**
 * The address of an operation of the Bedrock runtime on a model.
 *
 * @internal
 */
export const endpoint =
  (operation: BedrockEndpoint.Operation, { endpoint, region }: Pick<Options, "endpoint" | "region">): Endpoint =>
  (model) =>
    BedrockEndpoint.resolve({ operation, model, region, endpoint }).pipe(
      Result.map(({ region, url }) => ({ url, info: { region } })),
      Result.mapError(({ message }) => new ProviderError.InvalidRequest({ message }))
    )

/**
 * A signature for AWS keys, or a bearer token for a Bedrock API key. What makes them is loaded by the first request.
 *
 * @internal
 */
export const auth = ({ apiKey, ...options }: Options): Auth.Auth =>
  apiKey !== undefined ? Auth.bearer(apiKey, "pass `apiKey`, or set AWS_BEARER_TOKEN_BEDROCK") : {
    name: "aws",
    headerNames: ["authorization"],
    // Looked up for every request, with the configuration that the layer was made with. To read that without need
    // takes rights that a program may not have.
    make: options.credentials === undefined
      ? Effect.map(
        ConfigProvider.ConfigProvider,
        (configuration) =>
          authorizeBy(Effect.provideService(making(options), ConfigProvider.ConfigProvider, configuration))
      )
      : Effect.sync(() => authorizeBy(making(options)))
  }

const authorizeBy = (make: Effect.Effect<Auth.Authorize, ProviderError.Reason>): Auth.Authorize => {
  let made: Auth.Authorize | undefined
  const authorizer = Effect.map(make, (authorize) => made ??= authorize)
  return (outgoing) =>
    Effect.flatMap(made === undefined ? authorizer : Effect.succeed(made), (authorize) => authorize(outgoing))
}

const making = (options: Omit<Options, "apiKey">) => Effect.flatMap(loaded, ({ make }) => make(options))

const loaded = RequestFormat.orRefused(once(() => import("./authorize.ts")))

const text = (name: string): Config.Config<string | undefined> =>
  Config.map(Provider.optional(Config.String(name)), (value) => value?.trim() || undefined)

/**
 * The options of the Bedrock runtime, read from the configuration. Credentials are looked up in the same configuration.
 *
 * @internal
 */
export const configs = () => ({
  region: Config.map(Config.all([text("AWS_REGION"), text("AWS_DEFAULT_REGION")]), ([own, common]) => own ?? common),
  endpoint: text("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
})
