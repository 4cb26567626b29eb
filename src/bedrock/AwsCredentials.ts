/**
 * Credentials for AWS Bedrock: AWS keys or a Bedrock API key, where they come from, and when they are renewed.
 *
 * A source is an Effect of `Auth`. Any Effect will do; this module has those that AWS documents.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Checks from "../engine/checks.ts"
import { lazy } from "../internal/lazy.ts"

// Checked here, because platforms quote a malformed header value, and so the secret, in their errors.
const headerText = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]+$/))
const secret = <S extends Schema.Constraint>(schema: S) => Schema.Redacted(schema, { disallowJsonEncode: true })

/**
 * AWS credentials, permanent or temporary. No part of them is shown when printed, logged or encoded to JSON.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const credentials = new AwsCredentials.Credentials({
 *   accessKeyId: Redacted.make("AKIDEXAMPLE"),
 *   secretAccessKey: Redacted.make("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
 * })
 * String(credentials.accessKeyId) // "<redacted>"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class Credentials extends Schema.TaggedClass<Credentials>("effect-llm-stream/AwsCredentials")("Credentials", {
  /** Which key it is (`AKIA…`, or `ASIA…` when temporary). */
  accessKeyId: secret(headerText),
  /** The key that signs requests; never sent. */
  secretAccessKey: secret(Schema.NonEmptyString),
  /** Belongs to temporary keys, and is sent. `undefined` for permanent keys. */
  sessionToken: Schema.optionalKey(secret(headerText)),
  /** When the keys stop working; `undefined` when that is not known or never. */
  expiration: Schema.optionalKey(Schema.DateTimeUtc)
}) {}

/**
 * A Bedrock API key, sent as it is instead of a signature (`Authorization: Bearer …`).
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const key = new AwsCredentials.BearerToken({ token: Redacted.make("bedrock-api-key-example") })
 * String(key.token) // "<redacted>"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class BearerToken extends Schema.TaggedClass<BearerToken>("effect-llm-stream/AwsBearerToken")("BearerToken", {
  /** The key. */
  token: secret(headerText),
  /** When the key stops working (short-term keys: within 12 hours); `undefined` when that is not known or never. */
  expiration: Schema.optionalKey(Schema.DateTimeUtc)
}) {}

/**
 * Schema of the credentials of a request.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Auth = Schema.Union([BearerToken, Credentials])

/**
 * The credentials of a request: a Bedrock API key or AWS credentials.
 *
 * @category models
 * @since 0.1.0
 */
export type Auth = typeof Auth.Type

/**
 * No credentials could be found.
 *
 * - `NotConfigured`: the environment has none
 * - `InvalidConfiguration`: the environment could not be read, or states something that cannot be sent
 * - `PackageMissing`: AWS's default provider chain was asked for, and the package it is in is not installed
 * - `SourceFailed`: the source failed, or gave something other than credentials
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const auth = AwsCredentials.automatic().pipe(
 *   Effect.catchTag("CredentialsError", (error) =>
 *     error.reason === "PackageMissing" ? AwsCredentials.fromEnvironment : Effect.fail(error))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CredentialsError extends Schema.TaggedError<CredentialsError>()("CredentialsError", {
  /** The kind of problem. */
  reason: Schema.Literals(["NotConfigured", "InvalidConfiguration", "PackageMissing", "SourceFailed"]),
  /** The problem and its remedy. Never holds a key. */
  message: Schema.String
}) {}

/**
 * Keys as most programs have them. Wrap secrets in `Redacted` as early as possible; plain strings are accepted as well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keys {
  readonly accessKeyId: string | Redacted.Redacted<string>
  readonly secretAccessKey: string | Redacted.Redacted<string>
  /** `undefined` for permanent keys. */
  readonly sessionToken?: string | Redacted.Redacted<string> | undefined
  /** When the keys stop working; `undefined` when that is not known or never. */
  readonly expiration?: Date | DateTime.Utc | undefined
}

const redacted = (value: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.isRedacted(value) ? value : Redacted.make(value)

/**
 * Credentials from keys. Throws when a key is empty or has characters that no AWS key has.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const source = Effect.succeed(
 *   AwsCredentials.fromKeysUnsafe({
 *     accessKeyId: "AKIDEXAMPLE",
 *     secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
 *   })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromKeysUnsafe = (keys: Keys): Credentials =>
  new Credentials({
    accessKeyId: redacted(keys.accessKeyId),
    secretAccessKey: redacted(keys.secretAccessKey),
    ...(keys.sessionToken === undefined ? {} : { sessionToken: redacted(keys.sessionToken) }),
    ...(keys.expiration === undefined ? {} : { expiration: DateTime.toUtc(DateTime.makeUnsafe(keys.expiration)) })
  })

/**
 * A Bedrock API key. Throws when it is empty or has characters that cannot be sent.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const source = Effect.succeed(AwsCredentials.fromApiKeyUnsafe("bedrock-api-key-example"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromApiKeyUnsafe = (token: string | Redacted.Redacted<string>): BearerToken =>
  new BearerToken({ token: redacted(token) })

// Unset, empty and blank variables are the same; a line break pasted along with a key is not part of it.
const variable = (name: string): Config.Config<Redacted.Redacted<string> | undefined> =>
  Config.Redacted(name).pipe(
    Config.option,
    Config.map((option) => {
      const text = Option.isNone(option) ? "" : Redacted.value(option.value).trim()
      return text === "" ? undefined : Redacted.make(text, { label: name })
    })
  )

const variables = lazy(() =>
  Config.all({
    token: variable("AWS_BEARER_TOKEN_BEDROCK"),
    accessKeyId: variable("AWS_ACCESS_KEY_ID"),
    secretAccessKey: variable("AWS_SECRET_ACCESS_KEY"),
    sessionToken: variable("AWS_SESSION_TOKEN")
  })
)

const invalidConfiguration = (message: string) => new CredentialsError({ reason: "InvalidConfiguration", message })

/**
 * Credentials from the environment, by Effect's `ConfigProvider`: the API key in `AWS_BEARER_TOKEN_BEDROCK` when there
 * is one, else `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, with `AWS_SESSION_TOKEN` when that is set.
 *
 * Fails with `NotConfigured` when neither is there.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const auth = await Effect.runPromise(
 *   AwsCredentials.fromEnvironment.pipe(
 *     Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ AWS_BEARER_TOKEN_BEDROCK: "example" })))
 *   )
 * )
 * auth._tag // "BearerToken"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEnvironment: Effect.Effect<Auth, CredentialsError> = Effect.suspend(variables).pipe(
  Effect.mapError((error) => invalidConfiguration(`The AWS credentials cannot be configured: ${error.message}`)),
  Effect.flatMap(({ accessKeyId, secretAccessKey, sessionToken, token }) => {
    if (token === undefined && (accessKeyId === undefined || secretAccessKey === undefined)) {
      return Effect.fail(
        new CredentialsError({
          reason: "NotConfigured",
          message: "Neither AWS_BEARER_TOKEN_BEDROCK nor AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY is set"
        })
      )
    }
    return Effect.try({
      try: (): Auth =>
        token !== undefined
          ? fromApiKeyUnsafe(token)
          : fromKeysUnsafe({ accessKeyId: accessKeyId ?? "", secretAccessKey: secretAccessKey ?? "", sessionToken }),
      catch: () =>
        invalidConfiguration(
          token === undefined
            ? "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN has characters that cannot be sent"
            : "AWS_BEARER_TOKEN_BEDROCK has characters that cannot be sent"
        )
    })
  })
)

/**
 * A credential provider as the AWS SDK for JavaScript defines it (`AwsCredentialIdentityProvider`).
 *
 * @category models
 * @since 0.1.0
 */
export type AwsProvider = () => Promise<{
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  readonly expiration?: Date | undefined
}>

// The first line says it; some platforms add where they looked, and a process's output.
const messageOf = (cause: unknown): string =>
  Predicate.isError(cause) ? cause.message.split("\n", 1)[0] ?? "" : "unknown error"

/**
 * Credentials from a provider of the AWS SDK, such as its `fromTemporaryCredentials`, `fromSSO` or `fromCognitoIdentity`.
 *
 * Fails with `SourceFailed` when the provider does.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { fromTemporaryCredentials } from "@aws-sdk/credential-providers"
 *
 * const source = AwsCredentials.fromAwsProvider(
 *   fromTemporaryCredentials({ params: { RoleArn: "arn:aws:iam::123456789012:role/llm" } })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAwsProvider = (provider: AwsProvider): Effect.Effect<Credentials, CredentialsError> =>
  Effect.tryPromise({
    try: () => provider().then(fromKeysUnsafe),
    catch: (cause) =>
      new CredentialsError({
        reason: "SourceFailed",
        message: Schema.isSchemaError(cause)
          ? "The AWS credential provider gave something other than credentials"
          : `The AWS credential provider failed: ${messageOf(cause)}`
      })
  })

/**
 * Options of AWS's default provider chain.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface DefaultChainOptions {
  /** Profile in AWS's shared configuration files. Default: `AWS_PROFILE`, else `default`. */
  readonly profile?: string | undefined
  /** Region of the services that issue temporary credentials (STS, SSO). Default: what AWS's SDK finds. */
  readonly region?: string | undefined
  /**
   * Loads the package. Default: a dynamic `import` that bundlers leave alone; to have the package in a bundle, give
   * `() => import("@aws-sdk/credential-providers")`.
   */
  readonly load?: (() => Promise<DefaultChainPackage>) | undefined
}

/**
 * The part of `@aws-sdk/credential-providers` that the default chain needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface DefaultChainPackage {
  readonly fromNodeProviderChain: (init?: {
    readonly profile?: string
    readonly clientConfig?: { readonly region?: string }
  }) => AwsProvider
}

const packageName = "@aws-sdk/credential-providers"

/**
 * Credentials from AWS's default provider chain: environment, SSO, shared configuration files, a process, web identity,
 * container and instance metadata.
 *
 * The chain is in AWS's own package `@aws-sdk/credential-providers`, an optional peer dependency, loaded when the Effect
 * first runs. Fails with `PackageMissing` when it is not installed, and with `SourceFailed` when the chain finds nothing.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 *
 * const source = AwsCredentials.fromDefaultChain({ profile: "production" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDefaultChain = (stated?: DefaultChainOptions): Effect.Effect<Credentials, CredentialsError> => {
  const checked = Checks.copied(stated ?? {})
  if (Result.isFailure(checked)) {
    return Effect.fail(new CredentialsError({ reason: "InvalidConfiguration", message: checked.failure }))
  }
  const options = checked.success
  const load = options.load ??
    ((): Promise<DefaultChainPackage> => import(/* @vite-ignore */ /* webpackIgnore: true */ packageName))
  // One provider for all runs: it remembers what it found, a process's or a file's permanent keys for instance.
  let source: Effect.Effect<Credentials, CredentialsError> | undefined
  return Effect.suspend(() =>
    source ?? Effect.flatMap(
      Effect.tryPromise({
        try: load,
        catch: (cause) =>
          new CredentialsError({
            reason: "PackageMissing",
            message: `AWS's default credential chain needs the package ${packageName}, ` +
              `which cannot be loaded (npm install ${packageName}): ${messageOf(cause)}`
          })
      }),
      ({ fromNodeProviderChain }) => {
        source ??= fromAwsProvider(
          fromNodeProviderChain({
            ...(options.profile === undefined ? {} : { profile: options.profile }),
            ...(options.region === undefined ? {} : { clientConfig: { region: options.region } })
          })
        )
        return source
      }
    )
  )
}

/**
 * The default source: the environment (`fromEnvironment`), then AWS's default provider chain (`fromDefaultChain`),
 * which is loaded only when it is needed.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const auth = Effect.gen(function*() {
 *   const current = yield* AwsCredentials.cached(AwsCredentials.automatic())
 *   return yield* current
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const automatic = (options?: DefaultChainOptions): Effect.Effect<Auth, CredentialsError> => {
  const chain = fromDefaultChain(options)
  return Effect.catch(
    fromEnvironment,
    (inEnvironment): Effect.Effect<Auth, CredentialsError> =>
      inEnvironment.reason !== "NotConfigured"
        ? Effect.fail(inEnvironment)
        : Effect.mapError(chain, (inChain) =>
          new CredentialsError({
            reason: inChain.reason,
            message: `${inEnvironment.message}. ${inChain.message}`
          }))
  )
}

/**
 * Options of `cached`.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface CachedOptions {
  /** How long before their expiry credentials are renewed. Default: 5 minutes. */
  readonly refreshBefore?: Duration.Input | undefined
}

// How long credentials that are about to expire are used until the next attempt to renew them.
const retryMillis = 10_000

/**
 * Remembers the credentials of a source until shortly before they expire. Run the result for each request.
 *
 * - Credentials without `expiration` are not remembered: the source is asked for each request.
 * - Requests that need an answer at the same time share one run of the source.
 * - When a refresh fails, credentials that are still valid are used, and the source is asked again after 10 seconds.
 * - Failures are not remembered.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const auth = yield* AwsCredentials.cached(AwsCredentials.fromDefaultChain())
 *   const first = yield* auth
 *   const second = yield* auth // the same, until five minutes before it expires
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cached = Effect.fnUntraced(function*<A extends Auth, E, R>(
  source: Effect.Effect<A, E, R>,
  options?: CachedOptions
): Effect.fn.Return<Effect.Effect<A, E>, never, R> {
  const refreshBefore = Duration.toMillis(options?.refreshBefore ?? Duration.minutes(5))
  let held: A | undefined
  const lookup = Effect.gen(function*() {
    const exit = yield* Effect.exit(source)
    const now = yield* Clock.currentTimeMillis
    if (Exit.isSuccess(exit)) held = exit.value
    const remaining = millisLeft(held, now)
    const auth = Exit.isFailure(exit) && held !== undefined && remaining > 0 ? held : yield* exit
    return {
      auth,
      timeToLive: remaining > 0 ? Math.max(remaining - refreshBefore, Math.min(remaining, retryMillis)) : 0
    }
  })
  const context = yield* Effect.context<R>()
  const shared = yield* Effect.cachedWithTTL(
    Effect.provideContext(lookup, context),
    (exit) => Exit.isSuccess(exit) ? exit.value.timeToLive : 0
  )
  return Effect.map(shared, ({ auth }) => auth)
})

// Credentials without a known expiry are not kept.
const millisLeft = (auth: Auth | undefined, now: number): number =>
  auth?.expiration === undefined ? 0 : DateTime.toEpochMillis(auth.expiration) - now
