import type * as Prompt from "effect/ai/Prompt"
import * as Result from "effect/Result"

/**
 * What a tool returned, as text for the model: a text as it is, anything else as JSON, nothing when there is nothing.
 *
 * @internal
 */
export const text = (part: Prompt.ToolResultPart, path: string): Result.Result<string, string> =>
  typeof part.result === "string"
    ? Result.succeed(part.result)
    : Result.try({
      try: () => JSON.stringify(part.result) ?? "",
      catch: () => `${path}.result: can't be written as JSON`
    })

/**
 * The arguments of a call: a JSON object. Models stream nothing, or `null`, where there are none.
 *
 * @internal
 */
export const argumentsOf = (
  part: Prompt.ToolCallPart,
  path: string
): Result.Result<Readonly<Record<string, unknown>>, string> => {
  const { params } = part
  if (params === undefined || params === null || params === "") return Result.succeed({})
  if (typeof params !== "object" || Array.isArray(params)) {
    return Result.fail(`${path}.params: the arguments of a tool call have to be an object`)
  }
  return Result.try({
    try: () => {
      JSON.stringify(params)
      return { ...params }
    },
    catch: () => `${path}.params: can't be written as JSON`
  })
}

/**
 * The ids of the calls that a program answers, in the order of the conversation.
 *
 * @internal
 */
export const callIds = (prompt: Prompt.Prompt): ReadonlyArray<string> =>
  prompt.content.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.id] : [])
      : []
  )
