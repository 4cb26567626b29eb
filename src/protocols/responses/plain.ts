/**
 * The body of the Responses API for requests of texts and limits alone.
 *
 * @since 0.2.0
 */
import { own } from "../../internal/own.ts"
import type * as RequestFormat from "../../RequestFormat.ts"
import { type Plain, read, type Said } from "../request/plain.ts"
import { knownToReason } from "../request/reasons.ts"

/**
 * The body of a request that holds texts and limits alone; `undefined` for any other. It is the one that
 * `Responses.format` makes.
 *
 * @internal
 */
export const plain: RequestFormat.Lazy["plain"] = (request, model) => {
  const plain = read(request)
  // The API takes no fewer.
  if (plain === undefined || Number(plain.numbers.maxTokens) < 16) return undefined
  const { messages, numbers, system } = plain
  const body: Record<string, unknown> = { model }
  if (system !== undefined) body["instructions"] = system
  body["input"] = messages.flatMap(itemsOf)
  if (knownToReason(model) === true) body["include"] = ["reasoning.encrypted_content"]
  body["stream"] = true
  for (const [name, value] of Object.entries(numbers)) {
    body[own(fields, name) ?? name] = value
  }
  return { body, headers: {}, ignored: [] }
}

const fields: { readonly [name: string]: string } = { maxTokens: "max_output_tokens", topP: "top_p" } satisfies Partial<
  Record<keyof Plain["numbers"], string>
>

const itemsOf = ({ role, texts }: Said): ReadonlyArray<object> =>
  role === "assistant"
    ? texts.map((text) => ({ type: "message", role, content: [{ type: "output_text", text }] }))
    : [{ role, content: role === "system" ? texts[0] : texts.map((text) => ({ type: "input_text", text })) }]
