/**
 * Finds what providers refuse in a request, so that a test fails before production does: roles and turns, pairs of
 * calls and results, media types, names and ids, schemas, ranges and fields that are not known. `ReplayServer` answers
 * such a request as the provider would.
 *
 * The rules are those that the providers publish or answer with. They do not cover context windows, accounts
 * or downloads.
 *
 * @stability unstable
 * @since 0.2.0
 */
import * as Chat from "./requestCheck/chat.ts"
import * as Converse from "./requestCheck/converse.ts"
import * as Messages from "./requestCheck/messages.ts"
import * as Responses from "./requestCheck/responses.ts"
import type * as Shape from "./requestCheck/shape.ts"

/**
 * An API whose rules are known. `compatible` stands for any host that speaks OpenAI's chat completions: fields that are
 * not OpenAI's are passed over.
 *
 * @category models
 * @since 0.2.0
 */
export type Api =
  | "openai"
  | "openai-responses"
  | "anthropic"
  | "bedrock"
  | "bedrock-invoke"
  | "groq"
  | "azure"
  | "azure-responses"
  | "azure-inference"
  | "compatible"

/**
 * The checked parts of a request.
 *
 * @category models
 * @since 0.2.0
 */
export interface Request {
  /** Path and query. Bedrock's holds the model. */
  readonly path?: string | undefined
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  /** The JSON of the body. */
  readonly body: unknown
}

/**
 * A problem for which a provider refuses a request.
 *
 * @category models
 * @since 0.2.0
 */
export interface Finding {
  /** A field that has to be there, one that the provider does not know, or one that holds what it does not take. */
  readonly kind: "missing" | "unknown" | "invalid"
  /** The place in the body, such as `messages[0].content`; empty for the body itself. */
  readonly path: string
  /** The problem, without the place. */
  readonly message: string
}

/**
 * The API that a request is for, by its address; `undefined` when no API has such an address. Groq and Azure OpenAI share
 * a path: a request with an `api-key` is Azure's.
 *
 * @example
 * ```ts
 * import { RequestCheck } from "effect-llm-stream/testing"
 *
 * RequestCheck.apiOf({ path: "/v1/messages", body: {} }) // "anthropic"
 * RequestCheck.apiOf({ path: "/health", body: {} }) // undefined
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const apiOf = ({ headers = {}, path = "" }: Request): Api | undefined =>
  addresses.find(([address, api]) => address.test(path) && (api !== "azure" || !isGroq(path, headers)))?.[1]

const addresses: ReadonlyArray<readonly [address: RegExp, api: Api]> = [
  [/\/v1\/messages(\?|$)/, "anthropic"],
  [/\/model\/[^/]+\/converse-stream(\?|$)/, "bedrock"],
  [/\/model\/[^/]+\/invoke-with-response-stream(\?|$)/, "bedrock-invoke"],
  [/\/openai\/(v1|deployments\/[^/]+)\/chat\/completions(\?|$)/, "azure"],
  [/\/openai\/v1\/chat\/completions(\?|$)/, "groq"],
  [/\/openai\/v1\/responses(\?|$)/, "azure-responses"],
  [/\/chat\/completions\?(.*&)?api-version=/, "azure-inference"],
  [/^\/v1\/chat\/completions(\?|$)/, "openai"],
  [/\/v1\/responses(\?|$)/, "openai-responses"],
  [/\/chat\/completions(\?|$)/, "compatible"]
]

const isGroq = (path: string, headers: Readonly<Record<string, unknown>>): boolean =>
  path.includes("/openai/v1/") && !path.includes("api-version=") && !Object.hasOwn(headers, "api-key")

const checks: Readonly<Record<Api, (request: Request) => ReadonlyArray<Shape.Finding>>> = {
  openai: ({ body }) => Chat.openai(body),
  "openai-responses": ({ body }) => Responses.responses(body),
  anthropic: ({ body }) => Messages.anthropic(body),
  bedrock: (request) => Converse.bedrock(request.body, modelOf(request)),
  "bedrock-invoke": (request) => Messages.bedrockInvoke(request.body, modelOf(request)),
  groq: ({ body }) => Chat.groq(body),
  azure: ({ body }) => Chat.azure(body),
  "azure-responses": ({ body }) => Responses.responses(body),
  "azure-inference": ({ body, headers }) => {
    const extra = headers?.["extra-parameters"]
    return Chat.azureInference(body, typeof extra === "string" ? extra : undefined)
  },
  compatible: ({ body }) => Chat.compatible(body)
}

// A model that is not in the path is not known: then rules of single models don't apply.
const modelOf = ({ path = "" }: Request): string => {
  const encoded = /\/model\/([^/]+)\//.exec(path)?.[1] ?? ""
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

/**
 * The problems for which an API refuses a request; `[]` when it takes the request.
 *
 * @example
 * ```ts
 * import { RequestCheck } from "effect-llm-stream/testing"
 *
 * const body = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }], top_k: 5 }
 * RequestCheck.findings("openai", { body }) // [{ kind: "unknown", path: "top_k", message: "is not a field of this API" }]
 * ```
 *
 * @category guards
 * @since 0.2.0
 */
export const findings = (api: Api, request: Request): ReadonlyArray<Finding> => checks[api](request)

/**
 * How a provider answers a request that it refuses.
 *
 * @category models
 * @since 0.2.0
 */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** To be written as JSON. */
  readonly body: unknown
}

/**
 * The answer of an API to a bad request, in its own form: providers name the first problem.
 *
 * @example
 * ```ts
 * import { RequestCheck } from "effect-llm-stream/testing"
 *
 * const refusal = RequestCheck.refusal("anthropic", { kind: "missing", path: "max_tokens", message: "is required" })
 * refusal.status // 400
 * refusal.body // { type: "error", error: { type: "invalid_request_error", message: "max_tokens: Field required" } }
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const refusal = (api: Api, finding: Finding): Refusal => refusals[api](finding)

const openAiRefusal = ({ kind, message, path }: Finding): Refusal => ({
  status: 400,
  headers: {},
  body: {
    error: {
      message: kind === "missing"
        ? `Missing required parameter: '${path}'.`
        : kind === "unknown"
        ? `Unknown parameter: '${path}'.`
        : path === ""
        ? `Invalid body: ${message}.`
        : `Invalid '${path}': ${message}.`,
      type: "invalid_request_error",
      param: path === "" ? null : path,
      code: { missing: "missing_required_parameter", unknown: "unknown_parameter", invalid: "invalid_value" }[kind]
    }
  }
})

const dotted = (path: string): string => path.replaceAll(/\[(\d+)\]/g, ".$1")

const sentence = ({ message, path }: Finding): string => path === "" ? message : `${dotted(path)}: ${message}`

const claudeSentence = (finding: Finding): string =>
  sentence({
    ...finding,
    message: finding.kind === "missing"
      ? "Field required"
      : finding.kind === "unknown"
      ? "Extra inputs are not permitted"
      : finding.message
  })

const bedrockRefusal = (message: string): Refusal => ({
  status: 400,
  headers: { "x-amzn-errortype": "ValidationException" },
  body: { message }
})

const refusals: Readonly<Record<Api, (finding: Finding) => Refusal>> = {
  openai: openAiRefusal,
  "openai-responses": openAiRefusal,
  azure: openAiRefusal,
  "azure-responses": openAiRefusal,
  compatible: openAiRefusal,
  groq: (finding) => ({
    status: 400,
    headers: {},
    body: { error: { message: sentence(finding), type: "invalid_request_error" } }
  }),
  "azure-inference": (finding) => ({
    status: 400,
    headers: {},
    body: { error: { code: "invalid_request", message: sentence(finding) } }
  }),
  anthropic: (finding) => ({
    status: 400,
    headers: {},
    body: { type: "error", error: { type: "invalid_request_error", message: claudeSentence(finding) } }
  }),
  bedrock: (finding) => bedrockRefusal(sentence(finding)),
  "bedrock-invoke": (finding) => bedrockRefusal(claudeSentence(finding))
}
