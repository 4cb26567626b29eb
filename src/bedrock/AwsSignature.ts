/**
 * The headers that authorise a request to AWS: Signature Version 4, or a Bedrock API key.
 *
 * The signing is AWS's own `@smithy/signature-v4`. It hashes with the platform's native SHA-256: `node:crypto` where that
 * exists, Web Crypto elsewhere, and JavaScript where a page has neither (insecure contexts).
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 * @stability unstable
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Authorization } from "../Auth.ts"
import * as Checks from "../engine/checks.ts"
import * as ProviderError from "../errors/providerError.ts"
import type { Auth, Credentials } from "./AwsCredentials.ts"

// Loaded by the first signature: a program with no AWS keys never evaluates it.
const signing = Effect.promise(() =>
  Promise.all([import("@smithy/core/checksum"), import("@smithy/signature-v4")]).then(
    ([{ Sha256 }, { SignatureV4 }]) => ({ Sha256, SignatureV4 })
  )
)

/**
 * The request to authorise, exactly as it will be sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  /** In capitals: `POST`. */
  readonly method: string
  /** Absolute, with path and query percent-encoded as they are sent. */
  readonly url: string | URL
  /**
   * The headers to sign, in addition to `host`. Leave out what the platform or a proxy may still change; AWS accepts
   * unsigned headers. A few that change on the way (`user-agent`, `connection`, …) are never signed.
   */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes that are sent. */
  readonly body: Uint8Array
}

/**
 * The scope of a signature.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scope {
  /** The region that the request goes to, such as `us-east-1`. */
  readonly region: string
  /** Default: `bedrock`, which `bedrock-runtime` hosts expect. */
  readonly service?: string | undefined
}

/**
 * The headers to add to a request, names in lower case: `authorization`, and for a signature `x-amz-date` and, with
 * temporary keys, `x-amz-security-token`.
 *
 * The values of `authorization` and `x-amz-security-token` are secret. Effect's HTTP client hides the former in logs
 * and spans; add the latter to `Headers.CurrentRedactedNames`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AuthHeaders {
  readonly authorization: string
  readonly "x-amz-date"?: string
  readonly "x-amz-security-token"?: string
}

/**
 * Signs a request with Signature Version 4. The time is that of the `Clock`; AWS allows it to be five minutes off.
 *
 * Fails with `InvalidRequest` when the URL is not absolute, or when the request, credentials or scope can't be read.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import * as AwsSignature from "effect-llm-stream/bedrock/AwsSignature"
 * import { Effect } from "effect"
 *
 * const headers = await Effect.runPromise(
 *   AwsSignature.sign(
 *     {
 *       method: "POST",
 *       url: "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream",
 *       headers: { "content-type": "application/json" },
 *       body: new TextEncoder().encode("{}")
 *     },
 *     AwsCredentials.fromKeysUnsafe({
 *       accessKeyId: "AKIDEXAMPLE",
 *       secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
 *     }),
 *     { region: "us-east-1" }
 *   )
 * )
 * Object.keys(headers) // ["authorization", "x-amz-date"]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const sign = Effect.fnUntraced(function*(
  request: Request,
  credentials: Credentials,
  scope: Scope
): Effect.fn.Return<AuthHeaders, ProviderError.InvalidRequest> {
  const region = yield* Effect.fromResult(
    Result.mapError(Checks.given("region", "a text", () => scope.region, Predicate.isString), () => unsigned)
  )
  const { Sha256, SignatureV4 } = yield* signing
  const signingDate = DateTime.toDateUtc(DateTime.makeUnsafe(yield* Clock.currentTimeMillis))
  const { headers } = yield* Effect.tryPromise({
    try: () => {
      const url = new URL(request.url)
      const signer = new SignatureV4({
        credentials: {
          accessKeyId: Redacted.value(credentials.accessKeyId),
          secretAccessKey: Redacted.value(credentials.secretAccessKey),
          ...(credentials.sessionToken === undefined ? {} : { sessionToken: Redacted.value(credentials.sessionToken) })
        },
        region,
        service: scope.service ?? "bedrock",
        sha256: Sha256,
        // The hash of the body is signed either way; a header that repeats it is for S3.
        applyChecksum: false
      })
      return signer.sign(
        {
          method: request.method,
          protocol: url.protocol,
          hostname: url.hostname,
          path: url.pathname,
          query: Object.fromEntries(Array.from(new Set(url.searchParams.keys()), (name) => [
            name,
            url.searchParams.getAll(name)
          ])),
          headers: { ...request.headers, host: url.host },
          body: request.body
        },
        { signingDate }
      )
    },
    catch: () => unsigned
  })
  const { authorization = "", "x-amz-date": date = "", "x-amz-security-token": token } = headers
  return { authorization, "x-amz-date": date, ...(token === undefined ? {} : { "x-amz-security-token": token }) }
})

// Not what threw, which may show what is secret.
const unsigned = new ProviderError.InvalidRequest({
  message: "The request can't be signed: that takes its absolute URL, credentials and a region"
})

/**
 * The authorization of a request: the API key as it is, or a signature. Fails as {@link sign} does.
 *
 * @example
 * ```ts
 * import { AwsCredentials } from "effect-llm-stream"
 * import * as AwsSignature from "effect-llm-stream/bedrock/AwsSignature"
 * import { Effect } from "effect"
 *
 * const { headers } = await Effect.runPromise(
 *   AwsSignature.authorize(
 *     { method: "POST", url: "https://bedrock-runtime.us-east-1.amazonaws.com/", headers: {}, body: new Uint8Array() },
 *     AwsCredentials.fromApiKeyUnsafe("bedrock-api-key"),
 *     { region: "us-east-1" }
 *   )
 * )
 * headers["authorization"] // "Bearer bedrock-api-key"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const authorize = (
  request: Request,
  auth: Auth,
  scope: Scope
): Effect.Effect<Authorization, ProviderError.InvalidRequest> => {
  const read = Result.try({
    try: () => auth._tag === "BearerToken" ? { ...auth, value: Redacted.value(auth.token) } : auth,
    catch: () => unsigned
  })
  if (Result.isFailure(read)) return Effect.fail(read.failure)
  const known = read.success
  return known._tag === "BearerToken"
    ? Effect.succeed({ headers: { authorization: `Bearer ${known.value}` }, secrets: [known.token] })
    : Effect.map(sign(request, known, scope), (headers) => ({
      headers: { ...headers },
      secrets: [
        known.accessKeyId,
        known.secretAccessKey,
        ...(known.sessionToken === undefined ? [] : [known.sessionToken]),
        Redacted.make(headers.authorization)
      ]
    }))
}
