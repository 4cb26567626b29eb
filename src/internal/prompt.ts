import * as Result from "effect/Result"
import type * as ChatRequest from "../ChatRequest.ts"
import * as ProviderError from "../ProviderError.ts"

type Role = Exclude<ChatRequest.Normalized["prompt"]["content"][number]["role"], "system">

/** @internal */
export interface TextMessage<R extends string> {
  readonly role: R
  readonly texts: ReadonlyArray<string>
}

/**
 * The messages of a prompt, system messages in their places, as far as they are text.
 *
 * @internal
 */
export const messages = (
  request: ChatRequest.Normalized
): Result.Result<ReadonlyArray<TextMessage<Role | "system">>, ProviderError.InvalidRequest> => {
  const out: Array<TextMessage<Role | "system">> = request.system === undefined
    ? []
    : [{ role: "system", texts: [request.system] }]
  for (const message of request.prompt.content) {
    if (message.role === "system") {
      out.push({ role: "system", texts: [message.content] })
      continue
    }
    const texts: Array<string> = []
    for (const part of message.content) {
      if (part.type !== "text") {
        return Result.fail(
          new ProviderError.InvalidRequest({
            message: `A ${message.role} message holds a part of type ${part.type}; only text can be sent so far`
          })
        )
      }
      texts.push(part.text)
    }
    out.push({ role: message.role, texts })
  }
  return Result.succeed(out)
}

/**
 * The same for formats that have no system messages: those all go in front. Empty system texts are left out, as these
 * formats reject them.
 *
 * @internal
 */
export const systemAndMessages = (
  request: ChatRequest.Normalized
): Result.Result<
  { readonly system: ReadonlyArray<string>; readonly messages: ReadonlyArray<TextMessage<Role>> },
  ProviderError.InvalidRequest
> =>
  Result.map(messages(request), (all) => ({
    system: all.flatMap(({ role, texts }) => role === "system" ? texts.filter((text) => text !== "") : []),
    messages: all.flatMap(({ role, texts }) => role === "system" ? [] : [{ role, texts }])
  }))

/**
 * Texts as OpenAI and Anthropic take them: a string when there is one, else parts.
 *
 * @internal
 */
export const content = (texts: ReadonlyArray<string>): unknown =>
  texts.length === 1 ? texts[0] : texts.map((text) => ({ type: "text", text }))
