import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ProviderError from "../errors/providerError.ts"
import { latest } from "../internal/lazy.ts"
import type { ResponseInfo } from "../Protocol.ts"
import * as RequestFormat from "../RequestFormat.ts"
import * as Checks from "./checks.ts"
import type { CommonOptions, Definition, Target } from "./definition.ts"
import type { Later } from "./later.ts"
import * as Secrets from "./secrets.ts"

/**
 * What is wrong with a definition: authors without types may give anything.
 *
 * @internal
 */
export const problemOf = <C>(definition: Definition<C>): string | undefined => {
  const read = () => [definition.protocol.provider, definition.format, definition.endpoint, definition.auth.make]
  const whole = Checks.given("definition", "a provider's definition", () => read().every(Boolean), Boolean)
  return Result.isFailure(whole) ? whole.failure : undefined
}

const isSecret = (name: string, value: string | Redacted.Redacted): boolean =>
  typeof value !== "string" || Secrets.isSecretName(name)

/** @internal */
export const invalid = (message: string): ProviderError.InvalidRequest => new ProviderError.InvalidRequest({ message })

/** @internal */
export const failure = <C>(
  { protocol }: Pick<Definition<C>, "protocol">,
  reason: ProviderError.Reason
): ProviderError.ProviderError =>
  new ProviderError.ProviderError({ provider: protocol.provider, reason, emitted: false })

/** @internal */
export const modelOf = (
  asked: Pick<ChatRequest.ChatRequest, "model">,
  options: CommonOptions | undefined
): string | undefined => (asked.model ?? options?.model) || undefined

/** @internal */
export const targetOf = <C>(
  { endpoint, options }: Definition<C>,
  request: ChatRequest.ChatRequest
): Target | undefined => {
  const model = modelOf(request, options)
  const url = model === undefined ? undefined : Result.getOrUndefined(caught(() => endpoint(model)))?.url
  return model === undefined || url === undefined ? undefined : { model, url }
}

/**
 * A format, an endpoint or the request itself may throw, for instance on text that a URL can't hold.
 *
 * @internal
 */
export const caught = <A>(
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

/**
 * How requests become what is sent. What does not depend on the request is done once.
 *
 * @internal
 */
export const planner = <C>(definition: Definition<C>, { wholeRequest }: Later) => {
  const { format, options } = definition
  let made: SentHeaders | undefined
  const usual = () => made ??= headersOf(definition, {})
  const secretsOf = latest((url: string, model: string) => Secrets.ofUrl(url, model))
  const whole = RequestFormat.orRefused(Effect.zip(wholeRequest, RequestFormat.load(format)))
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
 * Clients differ in how they treat other characters, and some show the value. So the message does not.
 *
 * @internal
 */
export const checkedHeaders = (given: Readonly<Record<string, string | Redacted.Redacted>>): SentHeaders => {
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

/** @internal */
export const lowerCase = <A>(headers: Readonly<Record<string, A>>): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** @internal */
export const contentType = "application/json"
