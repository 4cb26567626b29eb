/**
 * The body of chat completions for requests of texts and limits alone.
 *
 * @since 0.2.0
 */
import type * as RequestFormat from "../../RequestFormat.ts"
import { contentOf, read } from "../request/plain.ts"

/**
 * The body of a request that holds texts and limits alone; `undefined` for any other. It is the one that
 * `ChatCompletions.format` makes.
 *
 * @internal
 */
export const plain = (
  { bodyModel = (model) => model, includeUsage, maxTokensField }: {
    readonly maxTokensField: "max_completion_tokens" | "max_tokens"
    readonly includeUsage: boolean
    readonly bodyModel?: ((model: string) => string | undefined) | undefined
  }
): RequestFormat.Lazy["plain"] =>
(request, model) => {
  const plain = read(request)
  if (plain === undefined) return undefined
  const { messages, numbers: { maxTokens, ...numbers }, system } = plain
  const body: Record<string, unknown> = {}
  const named = bodyModel(model)
  if (named !== undefined) body["model"] = named
  const said = messages.map(({ role, texts }) => ({ role, content: contentOf(texts) }))
  body["messages"] = system === undefined ? said : [{ role: "system", content: system }, ...said]
  if (maxTokens !== undefined) body[maxTokensField] = maxTokens
  body["stream"] = true
  if (includeUsage) body["stream_options"] = { include_usage: true }
  for (const [name, value] of Object.entries(numbers)) body[name === "topP" ? "top_p" : name] = value
  return { body, headers: {}, ignored: [] }
}
