/**
 * Tools, their calls and their results, as formats write them.
 *
 * @since 0.2.0
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as ChatRequest from "../../ChatRequest.ts"
import { place } from "../../internal/place.ts"
import { type Encoding, type Fields, unless } from "./encoding.ts"
import * as JsonSchemas from "./schema.ts"

/**
 * Fails unless a tool's name has letters, digits, underscores and hyphens alone, and at most so many.
 *
 * @internal
 */
export const toolName = (name: string, path: string, maxLength = 64): Encoding<void> =>
  unless(
    /^[a-zA-Z0-9_-]+$/.test(name) && name.length <= maxLength
      ? undefined
      : `${path}: the name of a tool has 1 to ${maxLength} letters, digits, underscores and hyphens, not ${
        JSON.stringify(name)
      }`
  )

/**
 * The parameters of a tool as APIs take them: an object at the root, with its `properties` stated, and what a root `$ref`
 * names in its place. A schema that says nothing becomes that of an object without fields. Fails when the root is something
 * else; with `isPlain` also when a combination (`anyOf` and the like) stands beside its type.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Result } from "effect"
 *
 * const parameters = Result.getOrThrow(RequestKit.toolParameters({ name: "now", parameters: {} }, "tools[0]"))
 * parameters // { "type": "object", "properties": {} }
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const toolParameters = (
  { parameters }: ChatRequest.ToolDefinition,
  path: string,
  isPlain = false
): Encoding<Schema.JsonObject> =>
  Result.flatMap(JsonSchemas.parameters(parameters, `${path}.parameters`), (schema) =>
    Result.map(
      unless(isPlain ? JsonSchemas.rootCombination(schema, `${path}.parameters`) : undefined),
      () => schema
    ))

// The way to the first value that JSON would leave out or turn into `null`.
const wayToLoss = (value: unknown): ReadonlyArray<string | number> | undefined => {
  const json = Predicate.hasProperty(value, "toJSON") && typeof value.toJSON === "function" ? value.toJSON() : value
  if (typeof json === "string" || typeof json === "boolean" || Number.isFinite(json)) return undefined
  if (json === null && value === null) return undefined
  if (Array.isArray(json)) {
    for (let index = 0; index < json.length; index++) {
      const way = wayToLoss(json[index])
      if (way !== undefined) return [index, ...way]
    }
    return undefined
  }
  if (!Predicate.isObject(json)) return []
  const keys = Object.keys(json).filter((key) => json[key] !== undefined)
  for (const key of keys) {
    const way = wayToLoss(json[key])
    if (way !== undefined) return [key, ...way]
  }
  // JSON sees nothing of what a map, a set or an error holds.
  return keys.length === 0 && Object.prototype.toString.call(json) !== "[object Object]" ? [] : undefined
}

const written = (value: unknown, path: string): Encoding<string> =>
  Result.flatMap(
    Result.try({
      try: () => wayToLoss(value) ?? JSON.stringify(value),
      catch: () => `${path}: can't be written as JSON`
    }),
    (found) => {
      if (typeof found === "string") return Result.succeed(found)
      const rest = place(found)
      return Result.fail(`${path}${rest === "" || rest.startsWith("[") ? rest : `.${rest}`}: JSON has no form for it`)
    }
  )

/**
 * What a tool returned, as text for the model: a text as it is, anything else as JSON, nothing when there is nothing.
 *
 * JSON has texts, finite numbers, `true`, `false`, `null`, lists and objects; what has a `toJSON` is what that gives, and a
 * field that is `undefined` is one that is not set. Anything else (`NaN`, a bigint, a function, a symbol, a map, an error)
 * is refused with its place, as it would vanish or become `null`.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Prompt } from "effect/ai"
 * import { Result } from "effect"
 *
 * const part = (result: unknown) =>
 *   Prompt.toolResultPart({ id: "call_1", name: "now", isFailure: false, result, providerExecuted: false })
 * Result.getOrThrow(RequestKit.resultText(part({ hour: 12 }), "prompt[2].content[0]")) // "{\"hour\":12}"
 * const refused = RequestKit.resultText(part({ hours: [NaN] }), "prompt[2].content[0]")
 * Result.isFailure(refused) && refused.failure // "prompt[2].content[0].result.hours[0]: JSON has no form for it"
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const resultText = ({ result }: Prompt.ToolResultPart, path: string): Encoding<string> =>
  typeof result === "string" || result === undefined
    ? Result.succeed(result ?? "")
    : written(result, `${path}.result`)

/**
 * The arguments of a call: a JSON object. Models stream nothing, or `null`, where there are none. What holds of results
 * in {@link resultText} holds of arguments.
 *
 * @example
 * ```ts
 * import * as RequestKit from "effect-llm-stream/protocols/RequestKit"
 * import { Prompt } from "effect/ai"
 * import { Result } from "effect"
 *
 * const call = Prompt.toolCallPart({ id: "call_1", name: "now", params: null, providerExecuted: false })
 * Result.getOrThrow(RequestKit.argumentsOf(call, "prompt[1].content[0]")) // {}
 * ```
 *
 * @category encoding
 * @since 0.2.0
 */
export const argumentsOf = ({ params }: Prompt.ToolCallPart, path: string): Encoding<Fields> =>
  !ChatRequest.isArguments(params)
    ? Result.fail(`${path}.params: the arguments of a tool call have to be an object`)
    : !Predicate.isObject(params)
    ? Result.succeed({})
    : Result.map(written(params, `${path}.params`), () => ({ ...params }))

/**
 * What an API takes as the id of a tool call.
 *
 * @category models
 * @since 0.2.0
 */
export interface IdRule {
  /** Every character that the API does not take; a global expression. Default: it takes all of them. */
  readonly foreign?: RegExp | undefined
  /** In characters. Default: any length. */
  readonly maxLength?: number | undefined
}

/**
 * Ids as an API takes them: foreign characters become `_`, and what is too long is cut. No two of them become one.
 * Histories move between providers, and an id means nothing outside its history, so it may change as long as call and
 * result change alike.
 *
 * What an id becomes depends on the ids before it alone: as a conversation goes on, its beginning stays as it was, and
 * so do the provider's caches.
 *
 * @internal
 */
export const acceptedIds = (ids: Iterable<string>, { foreign, maxLength }: IdRule): ReadonlyMap<string, string> => {
  const out = new Map<string, string>()
  const taken = new Set<string>()
  for (const id of ids) {
    if (out.has(id)) continue
    const base = (foreign === undefined ? id : id.replace(foreign, "_")) || "call"
    let candidate = base.slice(0, maxLength)
    for (let count = 2; taken.has(candidate); count++) {
      const suffix = `_${count}`
      candidate = base.slice(0, maxLength === undefined ? undefined : maxLength - suffix.length) + suffix
    }
    taken.add(candidate)
    out.set(id, candidate)
  }
  return out
}

/**
 * The ids of the calls that a program answers as an API takes them: a function of the id in the prompt. Call and result
 * change alike, no two ids become one, and the ids of a conversation stay what they were as it goes on.
 *
 * @internal
 */
export const callIds = (prompt: Prompt.Prompt, rule: IdRule): (id: string) => string => {
  const ids = acceptedIds(
    prompt.content.flatMap((message) =>
      message.role === "assistant"
        ? message.content.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.id] : [])
        : []
    ),
    rule
  )
  return (id) => ids.get(id) ?? id
}

/**
 * The tools among a provider's raw fields, by their definitions on the wire.
 *
 * @internal
 */
export const rawTools = ({ tools }: Fields): ReadonlyArray<Fields> =>
  Array.isArray(tools) ? tools.filter(Predicate.isObject) : []

// By its own name, by that of its server, or by its type; functions and custom tools are many of one type.
const namesOf = (tool: Fields): ReadonlyArray<string> => {
  const { type } = tool
  const nested = typeof type === "string" ? tool[type] : undefined
  return [
    tool["name"],
    Predicate.isObject(nested) ? nested["name"] : undefined,
    tool["server_label"],
    type === "function" || type === "custom" ? undefined : type
  ].filter(Predicate.isString)
}

/**
 * The names by which a choice of tools can ask for those among a provider's raw fields.
 *
 * @internal
 */
export const rawToolNames = (raw: Fields): ReadonlyArray<string> => rawTools(raw).flatMap(namesOf)

/**
 * The tool of a name among a provider's raw fields.
 *
 * @internal
 */
export const rawTool = (raw: Fields, name: string): Fields | undefined =>
  rawTools(raw).find((tool) => namesOf(tool).includes(name))

/**
 * What says nothing without tools, as sentences.
 *
 * @internal
 */
export const withoutTools = (request: ChatRequest.Normalized): ReadonlyArray<string> =>
  (["toolChoice", "parallelToolCalls"] as const).flatMap((field) =>
    request[field] === undefined ? [] : [`${field}: there are no tools`]
  )
