/**
 * Credentials: how a request is signed, and which of its values are secret.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ProviderError from "./errors/providerError.ts"
import type { ResponseInfo } from "./Protocol.ts"

/**
 * A request that is about to be sent, as a signature covers it.
 *
 * @category models
 * @since 0.2.0
 */
export interface Outgoing {
  readonly method: "GET" | "POST"
  /** Absolute and percent-encoded, as it is sent. */
  readonly url: string
  /** All headers except those that the authorization adds; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes of the body; empty without one. */
  readonly body: Uint8Array
  /** What the endpoint knows of the response, the region among it. */
  readonly info: ResponseInfo
}

/**
 * What authorizes one attempt.
 *
 * @category models
 * @since 0.2.0
 */
export interface Authorization {
  /** Headers to add; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** What must never show in an error, a log or a span, should the provider repeat it. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/**
 * Authorizes an attempt. It is run for each, so that tokens are fresh and signatures valid.
 *
 * @category models
 * @since 0.2.0
 */
export type Authorize = (outgoing: Outgoing) => Effect.Effect<Authorization, ProviderError.Reason>

/**
 * A way to authorize requests.
 *
 * @category models
 * @since 0.2.0
 */
export interface Auth {
  /** The kind: `bearer`, `header`, `aws-signature`, … */
  readonly name: string
  /** The headers that it sets, in lower case; their values are secret. */
  readonly headerNames: ReadonlyArray<string>
  /** Runs once, when the provider is made. What it prepares lives as long as the provider. */
  readonly make: Effect.Effect<Authorize>
}

/**
 * No credentials.
 *
 * @category constructors
 * @since 0.2.0
 */
export const none: Auth = {
  name: "none",
  headerNames: [],
  make: Effect.succeed(() => Effect.succeed({ headers: {}, secrets: [] }))
}

/**
 * A credential in a header of its own, such as `x-api-key`. Without a value that can be sent, every request fails with
 * `Authentication`, whose message says how to set it.
 *
 * @example
 * ```ts
 * import { Auth } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const auth = Auth.header("x-api-key", Redacted.make("key"), "pass `apiKey`")
 * auth.headerNames // ["x-api-key"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const header = (name: string, value: Redacted.Redacted | undefined, howToSet: string): Auth =>
  fromCredential("header", name, (credential) => credential, Effect.fromResult(validate(value, howToSet)))

/**
 * A credential as a bearer token in the `authorization` header.
 *
 * @example
 * ```ts
 * import { Auth } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const auth = Auth.bearer(Redacted.make("key"), "set OPENAI_API_KEY")
 * auth.headerNames // ["authorization"]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const bearer = (value: Redacted.Redacted | undefined, howToSet: string): Auth =>
  fromCredential("bearer", "authorization", asBearer, Effect.fromResult(validate(value, howToSet)))

/**
 * A bearer token that an effect yields, such as one of Microsoft Entra ID. The effect is run for every attempt, so that
 * it can refresh the token; cache the token in the effect.
 *
 * @example
 * ```ts
 * import { Auth } from "effect-llm-stream"
 * import { Effect, Redacted } from "effect"
 *
 * const auth = Auth.token(Effect.succeed(Redacted.make("eyJ…")))
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const token = (token: Effect.Effect<Redacted.Redacted, ProviderError.Reason>): Auth =>
  fromCredential(
    "token",
    "authorization",
    asBearer,
    Effect.flatMap(token, (value) => Effect.fromResult(validate(value, "`token` yielded an empty one")))
  )

/**
 * Two auths at once, for hosts that look for the same key in more than one place.
 *
 * @example
 * ```ts
 * import { Auth } from "effect-llm-stream"
 * import { Redacted } from "effect"
 *
 * const key = Redacted.make("key")
 * const auth = Auth.both(Auth.header("api-key", key, "set KEY"), Auth.bearer(key, "set KEY"))
 * auth.headerNames // ["api-key", "authorization"]
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const both = (self: Auth, that: Auth): Auth => ({
  name: `${self.name} and ${that.name}`,
  headerNames: [...self.headerNames, ...that.headerNames],
  make: Effect.map(
    Effect.all([self.make, that.make]),
    ([first, second]): Authorize => (outgoing) =>
      Effect.map(Effect.all([first(outgoing), second(outgoing)]), ([a, b]) => ({
        headers: { ...a.headers, ...b.headers },
        secrets: [...a.secrets, ...b.secrets]
      }))
  )
})

const asBearer = (credential: string): string => `Bearer ${credential}`

const fromCredential = (
  name: string,
  headerName: string,
  format: (credential: string) => string,
  credential: Effect.Effect<Redacted.Redacted, ProviderError.Reason>
): Auth => ({
  name,
  headerNames: [headerName],
  make: Effect.succeed(() =>
    Effect.map(credential, (secret) => ({
      headers: { [headerName]: format(Redacted.value(secret)) },
      secrets: [secret]
    }))
  )
})

/**
 * A credential without blanks around it, or why it can't be sent in a header.
 *
 * @example
 * ```ts
 * import { Auth } from "effect-llm-stream"
 * import { Redacted, Result } from "effect"
 *
 * Result.isFailure(Auth.validate(Redacted.make("two\nlines"), "set KEY")) // true
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const validate = (
  value: Redacted.Redacted | undefined,
  howToSet: string
): Result.Result<Redacted.Redacted, ProviderError.Authentication> => {
  const fail = (message: string) => Result.fail(new ProviderError.Authentication({ message }))
  // For callers in JavaScript.
  const read = Result.try(() => value === undefined ? "" : Redacted.value(value).trim())
  if (Result.isFailure(read)) return fail("The API key is not a `Redacted` text: wrap it in `Redacted.make`")
  const trimmed = read.success
  if (trimmed === "") return fail(`No API key: ${howToSet}`)
  return /^[\x21-\x7e]+$/.test(trimmed)
    ? Result.succeed(Redacted.make(trimmed))
    : fail("The API key has characters that no key has (spaces, line breaks, …)")
}
