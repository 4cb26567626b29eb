/**
 * The body of the Messages API for requests of texts and limits alone.
 *
 * @since 0.2.0
 */
import type * as RequestFormat from "../../RequestFormat.ts"
import { contentOf, read, turns } from "../request/plain.ts"

/**
 * The `anthropic_version` of requests to Bedrock.
 *
 * @internal
 */
export const bedrockVersion = "bedrock-2023-05-31"

interface Stated {
  readonly betas?: ReadonlyArray<string> | undefined
  readonly maxTokens?: number | undefined
  readonly version?: string | undefined
}

/**
 * The body of a request that holds texts and limits alone; `undefined` for any other. It is the one that
 * `Messages.format` makes, or with a `version` the one for Bedrock.
 *
 * @internal
 */
export const plain = (
  { betas = [], maxTokens: limit = 4096, version }: Stated
): RequestFormat.Lazy["plain"] =>
(request, model) => {
  const plain = betas.length === 0 && Number.isSafeInteger(limit) && limit > 0 ? read(request) : undefined
  const said = plain && turns(plain)
  if (plain === undefined || said === undefined) return undefined
  const { maxTokens = limit, ...numbers } = plain.numbers
  const body: Record<string, unknown> = version === undefined ? { model } : { anthropic_version: version }
  body["max_tokens"] = maxTokens
  if (said.system.length > 0) body["system"] = contentOf(said.system)
  body["messages"] = said.turns.map(({ role, texts }) => ({ role, content: contentOf(texts) }))
  if (version === undefined) body["stream"] = true
  for (const [name, value] of Object.entries(numbers)) body[name === "topP" ? "top_p" : name] = value
  return { body, headers: {}, ignored: [] }
}

/**
 * The body that `Messages.bedrockFormat` makes of such a request.
 *
 * @internal
 */
export const bedrockPlain = (stated: Stated): RequestFormat.Lazy["plain"] =>
  plain({ ...stated, version: stated.version ?? bedrockVersion })
