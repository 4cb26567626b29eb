/**
 * The body of Converse for requests of texts and limits alone.
 *
 * @since 0.2.0
 */
import type * as RequestFormat from "../../RequestFormat.ts"
import { read, turns } from "../request/plain.ts"

/**
 * The body of a request that holds texts and limits alone; `undefined` for any other. It is the one that
 * `Converse.format` makes.
 *
 * @internal
 */
export const plain: RequestFormat.Lazy["plain"] = (request) => {
  const plain = read(request)
  const said = plain && turns(plain)
  if (plain === undefined || said === undefined) return undefined
  const { maxTokens, ...numbers } = plain.numbers
  const messages = said.turns.map(({ role, texts }) => ({ role, content: blocks(texts) }))
  const limits = maxTokens === undefined ? numbers : { maxTokens, ...numbers }
  const body = {
    messages,
    ...said.system.length === 0 ? undefined : { system: blocks(said.system) },
    ...Object.keys(limits).length === 0 ? undefined : { inferenceConfig: limits }
  }
  return { body, headers: {}, ignored: [] }
}

const blocks = (texts: ReadonlyArray<string>) => texts.map((text) => ({ text }))
