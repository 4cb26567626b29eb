import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Auth from "../Auth.ts"
import * as ProviderError from "../errors/providerError.ts"
import * as AwsCredentials from "./AwsCredentials.ts"
import * as AwsSignature from "./AwsSignature.ts"

/**
 * What a provider of the Bedrock runtime authorizes its requests with.
 *
 * @internal
 */
export interface Options {
  /**
   * The AWS region that takes the request, such as `us-east-1`. Default: the region in the model's ARN, or in the
   * endpoint's host.
   */
  readonly region?: string | undefined
  /** A Bedrock API key, sent as a bearer token instead of a signature. It takes precedence over `credentials`. */
  readonly apiKey?: Redacted.Redacted | undefined
  /**
   * The keys that sign requests: AWS keys, or an Effect that gives keys or an API key and runs again before they
   * expire. Default: the environment, else AWS's default provider chain (`AwsCredentials.automatic`).
   */
  readonly credentials?:
    | AwsCredentials.Keys
    | Effect.Effect<AwsCredentials.Auth, AwsCredentials.CredentialsError>
    | undefined
}

/**
 * What authorizes the requests of a provider. Its credentials are looked up in the configuration of whoever makes it.
 *
 * @internal
 */
export const make = (options: Omit<Options, "apiKey">): Effect.Effect<Auth.Authorize> =>
  Effect.map(
    source(options),
    (credentials): Auth.Authorize => ({ body, headers, info, method, url }) =>
      Effect.flatMap(
        Effect.mapError(credentials, ({ message }) => new ProviderError.Authentication({ message })),
        (auth) =>
          AwsSignature.authorize(
            { method, url, headers: signedHeaders(headers), body },
            auth,
            { region: info.region ?? "" }
          )
      )
  )

// A proxy may change the others.
const signedHeaders = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name === "content-type" || name.startsWith("x-amz"))
  )

type Source = Effect.Effect<AwsCredentials.Auth, AwsCredentials.CredentialsError | ProviderError.Authentication>

const source = ({ credentials, region }: Omit<Options, "apiKey">): Effect.Effect<Source> => {
  if (credentials === undefined) {
    // Looked up for every request, with the configuration that the layer was made with.
    return Effect.flatMap(
      ConfigProvider.ConfigProvider,
      (configuration) =>
        AwsCredentials.cached(
          Effect.provideService(AwsCredentials.automatic({ region }), ConfigProvider.ConfigProvider, configuration)
        )
    )
  }
  if (Effect.isEffect(credentials)) return AwsCredentials.cached(credentials)
  return Effect.succeed(Effect.fromResult(Result.try({
    try: () => AwsCredentials.fromKeysUnsafe(credentials),
    catch: () => new ProviderError.Authentication({ message: "The AWS credentials are empty or cannot be sent" })
  })))
}
