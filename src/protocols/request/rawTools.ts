import * as Predicate from "effect/Predicate"

type Fields = { readonly [field: string]: unknown }

/**
 * The tools among a provider's raw fields, by their definitions on the wire.
 *
 * @internal
 */
export const list = ({ tools }: Fields): ReadonlyArray<Fields> =>
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
export const names = (raw: Fields): ReadonlyArray<string> => list(raw).flatMap(namesOf)

/**
 * The tool of a name among a provider's raw fields.
 *
 * @internal
 */
export const find = (raw: Fields, name: string): Fields | undefined =>
  list(raw).find((tool) => namesOf(tool).includes(name))
