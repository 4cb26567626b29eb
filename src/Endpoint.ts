/**
 * The address of the requests for a model.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Result from "effect/Result"
import * as ProviderError from "./errors/providerError.ts"
import type { ResponseInfo } from "./Protocol.ts"

/**
 * The address of the requests for one model.
 *
 * @category models
 * @since 0.2.0
 */
export interface Address {
  /** Absolute and percent-encoded. */
  readonly url: string
  /** Facts about the response that the address states, such as the region. */
  readonly info?: ResponseInfo | undefined
}

/**
 * Gives the address for a model, or says why there is none.
 *
 * @category models
 * @since 0.2.0
 */
export type Endpoint = (model: string) => Result.Result<Address, ProviderError.InvalidRequest>

/**
 * One address for all models: a path below a base URL, whose query is kept.
 *
 * Fails with `InvalidRequest` when the base URL is not an http or https URL, when it ends with the path already, or when it
 * holds a user name or password: those would show in errors and logs.
 *
 * @example
 * ```ts
 * import { Endpoint } from "effect-llm-stream"
 * import { Result } from "effect"
 *
 * const endpoint = Endpoint.path("https://gateway.example/v1/?tenant=a", "/chat/completions")
 * Result.getOrUndefined(endpoint("any"))?.url // "https://gateway.example/v1/chat/completions?tenant=a"
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const path = (baseUrl: string, path: string): Endpoint => {
  const address = join(baseUrl, path)
  return () => address
}

/**
 * A path below a base URL, as {@link path} makes it, for an endpoint whose path depends on the model.
 *
 * @example
 * ```ts
 * import { Endpoint } from "effect-llm-stream"
 *
 * const endpoint: Endpoint.Endpoint = (model) => Endpoint.join("https://models.example", `/models/${encodeURIComponent(model)}`)
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const join = (
  baseUrl: string,
  path: string,
  query: Readonly<Record<string, string>> = {}
): Result.Result<Address, ProviderError.InvalidRequest> => {
  const base = String(baseUrl).trim()
  const url = URL.canParse(base) ? new URL(base) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return fail("The base URL (`baseUrl` or `endpoint`) has to start with http:// or https://")
  }
  if (url.username !== "" || url.password !== "") {
    return fail("The base URL has a user name or password in it: send credentials in a header (`headers`)")
  }
  const root = url.pathname.replace(/(?<!\/)\/+$/, "")
  if (path !== "" && root.endsWith(path)) {
    return fail(`The base URL ends with ${path}, which is added to it: leave that out`)
  }
  url.pathname = root + path
  url.hash = ""
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return Result.succeed({ url: url.href })
}

/**
 * The same addresses, with more facts about their responses.
 *
 * @example
 * ```ts
 * import { Endpoint } from "effect-llm-stream"
 *
 * const endpoint = Endpoint.withInfo(Endpoint.path("https://eu.models.example/v1", "/chat/completions"), { region: "eu" })
 * ```
 *
 * @category combinators
 * @since 0.2.0
 */
export const withInfo = (self: Endpoint, info: ResponseInfo): Endpoint => (model) =>
  Result.map(self(model), (address) => ({ ...address, info: { ...address.info, ...info } }))

const fail = (message: string) => Result.fail(new ProviderError.InvalidRequest({ message }))
