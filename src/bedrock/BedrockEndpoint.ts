/**
 * The address of a request to AWS Bedrock: host, path and region, from a model id and the configuration.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * The streaming operations of the Bedrock runtime, by the last segment of their path.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = "converse-stream" | "invoke-with-response-stream"

/**
 * The options that determine the address of a request.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly operation: Operation
  /**
   * A model id (`amazon.nova-lite-v1:0`), the id of a cross-region inference profile (`us.`, `eu.`, `apac.`, `global.`
   * before a model id), or an ARN: inference profile, application inference profile, provisioned, imported or custom
   * model, prompt, prompt router. Not percent-encoded.
   */
  readonly model: string
  /** Region that takes the request (`AWS_REGION`). Default: the region in the model's ARN, or in the endpoint's host. */
  readonly region?: string | undefined
  /**
   * Replaces AWS's public endpoint (`AWS_ENDPOINT_URL_BEDROCK_RUNTIME`): a VPC or FIPS endpoint, a gateway, a test
   * server. An absolute http or https URL; its path comes before the operation's.
   */
  readonly endpoint?: string | undefined
}

/**
 * The address of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Endpoint {
  /** Absolute, percent-encoded as it is to be sent and signed. */
  readonly url: string
  /** The region to sign for. */
  readonly region: string
}

/**
 * The configuration does not determine the address of a request.
 *
 * @example
 * ```ts
 * import * as BedrockEndpoint from "effect-llm-stream/bedrock/BedrockEndpoint"
 * import { Result } from "effect"
 *
 * const endpoint = BedrockEndpoint.resolve({ operation: "converse-stream", model: "amazon.nova-lite-v1:0" })
 * if (Result.isFailure(endpoint)) {
 *   console.error(endpoint.failure.reason) // MissingRegion
 * }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class EndpointError extends Schema.TaggedError<EndpointError>()("EndpointError", {
  /** The kind of problem. */
  reason: Schema.Literals(["InvalidModel", "InvalidRegion", "InvalidEndpoint", "MissingRegion"]),
  /** The problem, and where to set the option. */
  message: Schema.String
}) {}

// AWS's partitions, by the prefix of their regions' names, with the domain of their public endpoints.
const partitions: ReadonlyArray<readonly [prefix: string, domain: string]> = [
  ["cn-", "amazonaws.com.cn"],
  ["eusc-", "amazonaws.eu"],
  ["us-iso-", "c2s.ic.gov"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"]
]

// A region becomes a label of a host name: nothing else may pass, or the request could be sent anywhere.
const regionPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/

/**
 * The public endpoint of the Bedrock runtime in a region, without a path.
 *
 * @example
 * ```ts
 * import * as BedrockEndpoint from "effect-llm-stream/bedrock/BedrockEndpoint"
 *
 * BedrockEndpoint.fromRegion("eu-central-1") // "https://bedrock-runtime.eu-central-1.amazonaws.com"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRegion = (region: string): string =>
  `https://bedrock-runtime.${region}.${
    partitions.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "amazonaws.com"
  }`

/**
 * The region in an ARN; `undefined` when the text is not an ARN, or has no region.
 *
 * @example
 * ```ts
 * import * as BedrockEndpoint from "effect-llm-stream/bedrock/BedrockEndpoint"
 *
 * BedrockEndpoint.regionOfArn("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6")
 * // "eu-west-1"
 * BedrockEndpoint.regionOfArn("eu.amazon.nova-lite-v1:0") // undefined
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const regionOfArn = (arn: string): string | undefined => /^arn:[^:]*:[^:]*:([^:]+):/.exec(arn)?.[1]

/**
 * The path of an operation on a model, percent-encoded: a `:` or `/` in the model's id stays within its segment.
 *
 * @example
 * ```ts
 * import * as BedrockEndpoint from "effect-llm-stream/bedrock/BedrockEndpoint"
 *
 * BedrockEndpoint.path("converse-stream", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
 * // "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const path = (operation: Operation, model: string): string =>
  // AWS reserves these characters as well, and the signature depends on it.
  `/model/${
    encodeURIComponent(model).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  }/${operation}`

/**
 * The address of a request, and the region to sign it for.
 *
 * Fails with `MissingRegion` when no option states the region. As in AWS's own clients, this also holds for an API key
 * or an endpoint, which do not need one.
 *
 * @example
 * ```ts
 * import * as BedrockEndpoint from "effect-llm-stream/bedrock/BedrockEndpoint"
 * import { Result } from "effect"
 *
 * const endpoint = BedrockEndpoint.resolve({
 *   operation: "converse-stream",
 *   model: "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
 * })
 * Result.getOrThrow(endpoint).region // "eu-west-1"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = (options: Options): Result.Result<Endpoint, EndpointError> => {
  const { endpoint, model, operation } = options
  if (!/^[\x20-\x7e]+$/.test(model) || model === "." || model === "..") {
    return fail("InvalidModel", "The model is neither a model id nor an ARN")
  }
  const base = endpoint === undefined ? undefined : parseEndpoint(endpoint)
  if (endpoint !== undefined && base === undefined) {
    return fail(
      "InvalidEndpoint",
      "The endpoint (AWS_ENDPOINT_URL_BEDROCK_RUNTIME) is not an absolute http or https URL"
    )
  }
  if (base !== undefined && (base.username !== "" || base.password !== "")) {
    return fail(
      "InvalidEndpoint",
      "The endpoint has a user name or password in it: send credentials in a header (`headers`)"
    )
  }
  const region = options.region ?? regionOfArn(model) ?? (base === undefined ? undefined : regionOfHost(base.hostname))
  if (region === undefined) {
    return fail("MissingRegion", "The AWS region is not known: set AWS_REGION, or use a model ARN, which names one")
  }
  if (!regionPattern.test(region)) return fail("InvalidRegion", "The AWS region is not the name of a region")
  const url = base ?? new URL(fromRegion(region))
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, "") + path(operation, model)
  return Result.succeed({ url: url.href, region })
}

const fail = (reason: EndpointError["reason"], message: string): Result.Result<never, EndpointError> =>
  Result.fail(new EndpointError({ reason, message }))

const parseEndpoint = (endpoint: string): URL | undefined => {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  url.hash = ""
  return url
}

// AWS's own hosts, VPC and FIPS endpoints included.
const regionOfHost = (host: string): string | undefined =>
  /(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.|api\.aws)/.exec(host)?.[1]
