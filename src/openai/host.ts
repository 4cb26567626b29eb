import * as Config from "effect/Config"
import type * as Redacted from "effect/Redacted"
import * as Auth from "../Auth.ts"
import * as Endpoint from "../Endpoint.ts"
import { defined } from "../internal/defined.ts"
import * as Provider from "../Provider.ts"

/**
 * Options that all of OpenAI's APIs share.
 *
 * @internal
 */
export interface Options extends Provider.CommonOptions {
  /** OpenAI itself requires one; with another `baseUrl` it is optional. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Default: `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined
  /** Sent as `OpenAI-Organization`. */
  readonly organization?: string | undefined
  /** Sent as `OpenAI-Project`. */
  readonly project?: string | undefined
}

const defaultBaseUrl = "https://api.openai.com/v1"

// Hosts such as eu.api.openai.com keep data in a region, at other prices.
const regionOf = (baseUrl: string): string | undefined => /^https:\/\/([a-z]{2})\.api\.openai\.com\b/.exec(baseUrl)?.[1]

/**
 * Where an API is, and how to talk to it.
 *
 * @internal
 */
export const define = (options: Options, path: string) => {
  const { apiKey, baseUrl = defaultBaseUrl, organization, project } = options
  return {
    endpoint: Endpoint.withInfo(Endpoint.path(baseUrl, path), { region: regionOf(baseUrl) }),
    // A proxy may add the key itself.
    auth: apiKey === undefined && baseUrl !== defaultBaseUrl
      ? Auth.none
      : Auth.bearer(apiKey, "pass `apiKey`, or set OPENAI_API_KEY"),
    headers: defined({ "openai-organization": organization, "openai-project": project }),
    options
  } satisfies Partial<Provider.Definition<unknown>>
}

/**
 * The options that configuration states.
 *
 * @internal
 */
export const configs = () => ({
  apiKey: Provider.optional(Config.Redacted("OPENAI_API_KEY")),
  baseUrl: Provider.optional(Config.String("OPENAI_BASE_URL"))
})
